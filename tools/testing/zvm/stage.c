// SPDX-License-Identifier: GPL-2.0
/*
 * What the guest gets besides the root file system: a tree of links to files of
 * the host, DIR/guest, and in its /zvm what init.c reads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "launch.h"

static const char * const mounted[] = { "/dev/", "/proc/", "/sys/", "/tmp/", "/zvm/" };
/* The root file system has links here. */
static const char * const merged[] = { "/usr/bin/", "/usr/sbin/", "/usr/lib/" };

static bool begins_with(const char *path, const char * const *prefixes, size_t n)
{
	while (n--)
		if (!strncmp(path, prefixes[n], strlen(prefixes[n])))
			return true;
	return false;
}

/* A directory, also when it is there. What is no directory is another file's. */
static bool make_directory(const char *path)
{
	struct stat st;

	if (!mkdir(path, 0777))
		return true;
	return errno == EEXIST && !lstat(path, &st) && S_ISDIR(st.st_mode);
}

/* All directories on the way to a file in @place. */
static bool make_parents(const struct place *place, const char *name)
{
	char path[PATH_MAX];
	char *slash;
	bool done;

	path_to(path, place, "%s", name);
	for (slash = path + strlen(place->dir) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		done = make_directory(path);
		*slash = '/';
		if (!done)
			return false;
	}
	return true;
}

/* The command's words, each ended by NUL, exactly as they are. */
static void write_command(const struct place *place, char **command)
{
	FILE *file;

	if (!make_parents(place, "guest/zvm/argv"))
		give_up(STATUS_ERROR, "%s: %s", place->dir, strerror(errno));
	file = create_file(place, "guest/zvm/argv");
	for (; *command; command++)
		fwrite(*command, 1, strlen(*command) + 1, file);
	close_file(file);
}

static void write_mode(const struct place *place, const struct options *options)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	FILE *file = create_file(place, "guest/zvm/mode");
	const char *term = getenv("TERM");

	if (!term || !*term)
		term = "vt100";
	if (place->tty) {
		ioctl(0, TIOCGWINSZ, &size);
		fprintf(file, "tty %d %d %.32s\n", size.ws_row, size.ws_col, term);
	} else if (place->merged) {
		fputs("merge\n", file);
	}
	if (options->console)
		fprintf(file, "console %.32s\n", term);
	if (options->profile)
		fputs("profile\n", file);
	if (options->root)
		fputs("root\n", file);
	if (options->disk.n)
		fprintf(file, "disks %u\n", options->disk.n);
	close_file(file);
}

static void check_path(const char *option, const char *value, const char *path)
{
	char whole[PATH_MAX + 1];

	snprintf(whole, sizeof(whole), "%s/", path);
	if (strstr(whole, "//") || strstr(whole, "/./") || strstr(whole, "/../"))
		give_up(STATUS_USAGE, "%s '%.*s': the path in the guest has to name a file", option,
			SHOWN_PATH, value);
	if (begins_with(whole, mounted, ARRAY_SIZE(mounted)))
		give_up(STATUS_USAGE, "%s '%.*s': the guest mounts something else over %.*s",
			option, SHOWN_PATH, value, SHOWN_PATH, path);
}

/* The last part of a file's name on the host. A directory may be "." or end in slashes. */
static void default_path(const char *file, char *path)
{
	size_t end = strlen(file), start;
	char full[PATH_MAX];

	while (end && file[end - 1] == '/')
		end--;
	for (start = end; start && file[start - 1] != '/'; start--)
		;
	snprintf(path, PATH_MAX, "/root/%.*s", (int)(end - start), file + start);
	if (strstr("/root/..", path) && realpath(file, full))
		snprintf(path, PATH_MAX, "/root%s", strrchr(full, '/'));
}

/* FILE[:PATH]; a file whose name has a colon is given with its PATH. */
static void split(const char *option, const char *value, char *file, char *path)
{
	const char *colon = strrchr(value, ':');

	if (strlen(value) >= PATH_MAX)
		give_up(STATUS_USAGE, "%s '%.*s' is missing", option, SHOWN_PATH, value);
	if (colon && colon[1] != '/')
		give_up(STATUS_USAGE, "%s '%.*s': the path in the guest has to begin with /",
			option, SHOWN_PATH, value);
	snprintf(file, PATH_MAX, "%.*s", colon ? (int)(colon - value) : PATH_MAX, value);
	if (colon)
		snprintf(path, PATH_MAX, "%s", colon + 1);
	else
		default_path(file, path);
	if (access(file, F_OK))
		give_up(STATUS_USAGE, "%s '%.*s' is missing", option, SHOWN_PATH, file);
	check_path(option, value, path);
}

static void stage_file(const struct place *place, const char *add, FILE *added)
{
	char file[PATH_MAX], path[PATH_MAX], name[PATH_MAX + 8], link[PATH_MAX];
	struct stat st;

	split("--add", add, file, path);
	snprintf(name, sizeof(name), "guest%s",
		 path + (begins_with(path, merged, ARRAY_SIZE(merged)) ? strlen("/usr") : 0));
	path_to(link, place, "%s", name);
	/* A link into one of the host's directories would be made there. */
	if (!make_parents(place, name) || (!lstat(link, &st) && S_ISDIR(st.st_mode)))
		give_up(STATUS_USAGE, "--add '%.*s': another --add is in the way of %.*s",
			SHOWN_PATH, add, SHOWN_PATH, path);
	make_link(place, name, file);
	fprintf(added, "%s\n", path);
}

static bool is_within(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (path[len] == '/' || !path[len]);
}

/* One would hide the other, or be made in a directory of the host. */
static void check_way(const char *share, const char *path, char **others, unsigned int n)
{
	char file[PATH_MAX], other[PATH_MAX];

	while (n--) {
		split("--share", others[n], file, other);
		if (is_within(path, other) || is_within(other, path))
			give_up(STATUS_USAGE, "--share '%.*s': '%.*s' is in the way of %.*s",
				SHOWN_PATH, share, SHOWN_PATH, others[n], SHOWN_PATH, path);
	}
}

/* QEMU finds it by its link, and init by its line. */
static void stage_share(const struct place *place, const struct options *options,
			unsigned int number, FILE *shared)
{
	const char *share = options->share.item[number - 1];
	char dir[PATH_MAX], path[PATH_MAX], name[32];
	struct stat st;

	split("--share", share, dir, path);
	if (stat(dir, &st) || !S_ISDIR(st.st_mode))
		give_up(STATUS_USAGE, "--share '%.*s' is no directory", SHOWN_PATH, dir);
	check_way(share, path, options->share.item, number - 1);
	check_way(share, path, options->add.item, options->add.n);
	snprintf(name, sizeof(name), "share%u", number);
	make_link(place, name, dir);
	fprintf(shared, "%s\n", path);
}

/**
 * stage_files() - what the guest finds in its file system
 * @place: where the run has its files
 * @options: options
 */
void stage_files(const struct place *place, const struct options *options)
{
	FILE *added, *shared;
	unsigned int i;

	write_command(place, options->command);
	write_mode(place, options);
	added = create_file(place, "guest/zvm/added");
	for (i = 0; i < options->add.n; i++)
		stage_file(place, options->add.item[i], added);
	close_file(added);
	shared = create_file(place, "guest/zvm/shared");
	for (i = 0; i < options->share.n; i++)
		stage_share(place, options, i + 1, shared);
	close_file(shared);
}
