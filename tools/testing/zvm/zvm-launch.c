// SPDX-License-Identifier: GPL-2.0
/*
 * The part of zvm-run that is easier in C than in a shell: its options.
 *
 * Usage: zvm-launch prepare DIR BUILD SOURCE [OPTION...] [--] COMMAND [ARG...]
 *        zvm-launch start DIR
 *        zvm-launch dump DIR PID
 *
 * The first one checks zvm-run's arguments and leaves in DIR
 *
 *	conf		the plugin's configuration
 *	arguments	QEMU's arguments, each ended by NUL
 *	guest		files for the initial ramdisk
 *	root, rootdir	link to the file, or to the directory, of --root
 *	modules		link to the directory of --modules
 *	names		of --module, one in a line
 *	keep		link to the file of --log
 *	dump		link to the file of --dump
 *	seconds		what --timeout says
 *	room		MiB of the first storage extent, where kernel and ramdisk go
 *	map		what is added to the kernel's symbols, in hex, and its System.map
 *	hints		what to type for --gdb and --console
 *	dry		is there for --dry-run
 *
 * the second one becomes QEMU, the third one waits
 * for a reason to dump PID's memory. Exit status: zvm-run's, or 3: help is wanted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch.h"

/* Are stdout and stderr the same? */
static bool is_merged(void)
{
	struct stat out, err;

	return !fstat(1, &out) && !fstat(2, &err) && out.st_dev == err.st_dev &&
	       out.st_ino == err.st_ino;
}

static void __printf(3, 4) write_value(const struct place *place, const char *name,
				       const char *format, ...)
{
	FILE *file = create_file(place, name);
	va_list args;

	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	close_file(file);
}

/* The number behind @key in a file, or in front of it if @before; 0 if there is none. */
static unsigned long long number_in(const char *dir, const char *name, const char *key,
				    bool before)
{
	unsigned long long value = 0;
	char path[PATH_MAX], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	while (file && !value && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (before && strlen(line) > strlen(key) &&
		    !strcmp(line + strlen(line) - strlen(key), key))
			value = strtoull(line, NULL, 16);
		else if (!before && !strncmp(line, key, strlen(key)))
			value = strtoull(line + strlen(key), NULL, 16);
	}
	if (file)
		fclose(file);
	return value;
}

/*
 * The directory that has a file of the kernel: its own, or the tree's top. The kernel
 * moves to CONFIG_KERNEL_IMAGE_BASE when it begins (arch/s390/boot/startup.c): @base is
 * what is to be added to its symbols.
 */
static bool find_beside_kernel(const struct options *options, const char *name, char *dir,
			       unsigned long long *base)
{
	static const char * const tops[] = { "", "/../../.." };
	const char *slash = strrchr(options->kernel, '/');
	char path[PATH_MAX + 16];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tops); i++) {
		snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash - options->kernel) : 1,
			 slash ? options->kernel : ".", tops[i]);
		if (!realpath(path, dir))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		if (access(path, R_OK))
			continue;
		*base = number_in(dir, ".config", "CONFIG_KERNEL_IMAGE_BASE=", false);
		if (number_in(dir, "System.map", " T _text", true) >= *base)
			*base = 0;
		return true;
	}
	return false;
}

static void hint_at_debugger(FILE *file, const struct place *place,
			     const struct options *options)
{
	unsigned long long base;
	char dir[PATH_MAX];

	fprintf(file, "waits for gdb-multiarch -ex 'set endian big' -ex 'target remote %s/gdb'",
		place->dir);
	if (find_beside_kernel(options, "vmlinux", dir, &base))
		fprintf(file, " -ex 'symbol-file -o 0x%llx %s/vmlinux'", base, dir);
	fputc('\n', file);
}

static void write_hints(const struct place *place, const struct options *options)
{
	FILE *file = create_file(place, "hints");

	if (options->console)
		fprintf(file, "another terminal: socat -,raw,echo=0,escape=0x1d UNIX:%s/extra\n",
			place->dir);
	if (options->gdb)
		hint_at_debugger(file, place, options);
	close_file(file);
}

static void write_map(const struct place *place, const struct options *options)
{
	unsigned long long base;
	char dir[PATH_MAX];

	if (find_beside_kernel(options, "System.map", dir, &base))
		write_value(place, "map", "%llx %s/System.map\n", base, dir);
}

static void write_names(const struct place *place, const struct list *modules)
{
	FILE *file = create_file(place, "names");
	unsigned int i;

	for (i = 0; i < modules->n; i++)
		fprintf(file, "%s\n", modules->item[i]);
	close_file(file);
}

static void prepare(const struct place *place, char **argv)
{
	struct options options;
	struct layout layout;

	parse_options(argv, &options);
	check_options(&options);
	check_build(place, &options);
	lay_out(place, &options, &layout);
	write_arguments(place, &options, &layout);
	stage_files(place, &options);
	if (options.modules)
		make_link(place, "modules", options.modules);
	write_names(place, &options.module);
	if (options.log)
		make_link(place, "keep", options.log);
	if (options.dump)
		make_link(place, "dump", options.dump);
	if (options.profile)
		make_link(place, "profile", options.profile);
	write_value(place, "seconds", "%s", options.timeout ? options.timeout : "");
	write_value(place, "room", "%llu", layout.first);
	write_map(place, &options);
	write_hints(place, &options);
	if (options.dry_run)
		write_value(place, "dry", "%s", "");
}

int main(int argc, char **argv)
{
	struct place place = { .tty = isatty(0) && isatty(1), .merged = is_merged() };

	if (argc == 3 && !strcmp(argv[1], "start"))
		start_emulator(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "dump")) {
		serve_dumps(argv[2], atoi(argv[3]));
		return 0;
	}
	if (argc < 5 || strcmp(argv[1], "prepare"))
		give_up(STATUS_USAGE, "zvm-launch is not for use by hand");
	place.dir = argv[2];
	place.build = argv[3];
	place.source = argv[4];
	prepare(&place, argv + 5);
	return 0;
}
