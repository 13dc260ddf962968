// SPDX-License-Identifier: GPL-2.0
/*
 * zvm-run's options: a new one is a member of struct options and a row of the
 * table here, and its words in zvm-run's help.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch.h"

#define MAX_CPUS	64
/* The kernel's command line has 4096 bytes (arch/s390/include/uapi/asm/setup.h). */
#define MAX_APPEND	3000

/* MAYBE is a value; an empty one is none, for callers that pass on a variable. */
enum kind { FLAG, VALUE, MAYBE, LIST };

static const struct {
	const char *name;
	enum kind kind;
	size_t offset;
} table[] = {
	{ "--kernel", VALUE, offsetof(struct options, kernel) },
	{ "--modules", VALUE, offsetof(struct options, modules) },
	{ "--module", LIST, offsetof(struct options, module) },
	{ "--dcss", LIST, offsetof(struct options, dcss) },
	{ "--storage", VALUE, offsetof(struct options, storage) },
	{ "--system", VALUE, offsetof(struct options, system) },
	{ "--smp", VALUE, offsetof(struct options, smp) },
	{ "--add", LIST, offsetof(struct options, add) },
	{ "--disk", LIST, offsetof(struct options, disk) },
	{ "--share", LIST, offsetof(struct options, share) },
	{ "--root", MAYBE, offsetof(struct options, root) },
	{ "--append", LIST, offsetof(struct options, append) },
	{ "--edat", FLAG, offsetof(struct options, edat) },
	{ "--icount", FLAG, offsetof(struct options, icount) },
	{ "--skip-idle", FLAG, offsetof(struct options, skip_idle) },
	{ "--cp-fail", LIST, offsetof(struct options, cp_fail) },
	{ "--qemu", LIST, offsetof(struct options, qemu) },
	{ "--gdb", FLAG, offsetof(struct options, gdb) },
	{ "--console", FLAG, offsetof(struct options, console) },
	{ "--dry-run", FLAG, offsetof(struct options, dry_run) },
	{ "--transcript", MAYBE, offsetof(struct options, transcript) },
	{ "--dump", MAYBE, offsetof(struct options, dump) },
	{ "--log", MAYBE, offsetof(struct options, log) },
	{ "--profile", MAYBE, offsetof(struct options, profile) },
	{ "--timeout", MAYBE, offsetof(struct options, timeout) },
};

static int find_option(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(name, table[i].name))
			return i;
	if (!strncmp(name, "--", 2) && strchr(name, '='))
		give_up(STATUS_USAGE, "write '%.*s %.*s' with a space", (int)strcspn(name, "="),
			name, SHOWN_PATH, strchr(name, '=') + 1);
	give_up(STATUS_USAGE, "option '%.*s' is unknown (--help lists them)", SHOWN_WORD, name);
}

static void add_item(struct list *list, char *item)
{
	list->item = realloc(list->item, (list->n + 1) * sizeof(*list->item));
	if (!list->item)
		abort();
	list->item[list->n++] = item;
}

/* The plugin's configuration, and the kernel's, are lines. */
static void set_option(struct options *options, int i, char *value)
{
	void *member = (char *)options + table[i].offset;

	if (!value)
		give_up(STATUS_USAGE, "%s needs an argument", table[i].name);
	if (table[i].kind != LIST) {
		*(char **)member = table[i].kind == VALUE || *value ? value : NULL;
		return;
	}
	if (strchr(value, '\n'))
		give_up(STATUS_USAGE, "an argument contains a line break");
	add_item(member, value);
}

/**
 * parse_options() - take zvm-run's arguments apart
 * @argv: arguments, ended by NULL
 * @options: result, with the defaults where nothing is asked for
 */
void parse_options(char **argv, struct options *options)
{
	int i;

	*options = (struct options){ .storage = "512M", .smp = "1" };
	for (; *argv && **argv == '-'; argv++) {
		if (!strcmp(*argv, "--help"))
			exit(STATUS_HELP);
		if (!strcmp(*argv, "--")) {
			argv++;
			break;
		}
		i = find_option(*argv);
		if (table[i].kind == FLAG)
			*((char *)options + table[i].offset) = true;
		else
			set_option(options, i, *++argv);
	}
	if (!*argv)
		give_up(STATUS_USAGE, "no command is given (--help tells how)");
	if (!**argv)
		give_up(STATUS_USAGE, "the command is empty");
	options->command = argv;
}

/* A positive decimal number of at most seven digits. */
static int check_number(const char *option, const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (*text == '0' || !digits || text[digits] || digits > 7)
		give_up(STATUS_USAGE, "%s '%.*s' is not a positive number", option, SHOWN_WORD,
			text);
	return atoi(text);
}

/**
 * check_file() - end unless an option names a file that can be read
 * @option: option
 * @path: its argument
 */
void check_file(const char *option, const char *path)
{
	struct stat st;

	if (!*path)
		give_up(STATUS_USAGE, "%s needs the name of a file", option);
	if (stat(path, &st) || !S_ISREG(st.st_mode))
		give_up(STATUS_USAGE, "%s '%.*s' is missing or not a file", option, SHOWN_PATH,
			path);
	if (access(path, R_OK))
		give_up(STATUS_USAGE, "%s '%s' is not readable", option, path);
}

static void check_modules(const char *modules)
{
	char path[PATH_MAX];
	struct stat st;

	if (!modules)
		return;
	if (snprintf(path, sizeof(path), "%s/lib/modules", modules) >= PATH_MAX ||
	    stat(path, &st) || !S_ISDIR(st.st_mode))
		give_up(STATUS_USAGE, "--modules '%.*s' has no lib/modules", SHOWN_PATH, modules);
}

/**
 * check_disk() - end unless an option names a file that can be a disk
 * @option: option
 * @path: its argument
 */
void check_disk(const char *option, const char *path)
{
	check_file(option, path);
	if (access(path, W_OK))
		give_up(STATUS_USAGE, "%s '%.*s' cannot be written to", option, SHOWN_PATH, path);
}

static void check_root(const char *root)
{
	struct stat st;

	if (root && (stat(root, &st) || !S_ISDIR(st.st_mode)))
		check_disk("--root", root);
}

static void check_writable(const char *option, const char *path)
{
	int fd;

	if (!path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		give_up(STATUS_USAGE, "%s '%.*s' cannot be written", option, SHOWN_PATH, path);
	close(fd);
}

static void check_append(const struct list *append)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < append->n; i++)
		len += strlen(append->item[i]) + 1;
	if (len > MAX_APPEND)
		give_up(STATUS_USAGE, "--append is longer than %d characters", MAX_APPEND);
}

/* It is removed if there is no room for all of it. */
static void check_dump(const char *path)
{
	struct stat st;

	if (path && !stat(path, &st) && !S_ISREG(st.st_mode))
		give_up(STATUS_USAGE, "--dump '%.*s' is no regular file", SHOWN_PATH, path);
	check_writable("--dump", path);
}

static bool is_module_name(const char *name)
{
	const char *c;

	for (c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
			return false;
	return *name;
}

static void check_module(const struct options *options)
{
	unsigned int i;

	if (options->module.n && !options->modules)
		give_up(STATUS_USAGE, "--module needs --modules");
	for (i = 0; i < options->module.n; i++)
		if (!is_module_name(options->module.item[i]))
			give_up(STATUS_USAGE, "--module '%.*s' is no name of a module",
				SHOWN_WORD, options->module.item[i]);
}

/**
 * check_options() - end if an option cannot be meant
 * @options: options
 *
 * Those about segments and storage are left to who understands them.
 */
void check_options(const struct options *options)
{
	if (check_number("--smp", options->smp) > MAX_CPUS)
		give_up(STATUS_USAGE, "--smp '%s' is more than %d", options->smp, MAX_CPUS);
	if (options->timeout)
		check_number("--timeout", options->timeout);
	if (options->skip_idle && !options->icount)
		give_up(STATUS_USAGE, "--skip-idle needs --icount");
	check_append(&options->append);
	check_file("--kernel", options->kernel ? options->kernel : "");
	check_modules(options->modules);
	check_module(options);
	check_root(options->root);
	check_writable("--transcript", options->transcript);
	check_writable("--log", options->log);
	check_dump(options->dump);
	check_writable("--profile", options->profile);
}
