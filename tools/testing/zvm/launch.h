/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How zvm-run's options become a guest.
 *
 * place.c	the directory of a run
 * options.c	the options, and whether they can be meant
 * layout.c	what the plugin is told, and where guest memory is
 * stage.c	what the initial ramdisk has besides the root file system
 * emulator.c	QEMU's arguments
 * monitor.c	dumps, while it runs
 * zvm-launch.c	one after the other
 *
 * Each of them calls those above it only, and ends the program where something
 * cannot be done.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <limits.h>
#include <stdarg.h>
#include <sys/types.h>

#include "zvm.h"

#define STATUS_ERROR	1
#define STATUS_USAGE	2
#define STATUS_HELP	3
/* Nothing was run, and nobody did anything wrong: for tests, a reason to skip. */
#define STATUS_NO_EDAT	69

/* How much of a bad argument a message repeats: it may be 64 KiB long. */
#define SHOWN_WORD	40
#define SHOWN_PATH	200

/**
 * struct list - the arguments of an option that can be given several times
 * @n: how many
 * @item: they themselves
 */
struct list {
	unsigned int n;
	char **item;
};

/**
 * struct options - what zvm-run was asked for; NULL where it was not
 * @kernel: --kernel
 * @modules: --modules
 * @module: --module
 * @storage: --storage
 * @system: --system
 * @smp: --smp
 * @root: --root
 * @transcript: --transcript
 * @dump: --dump
 * @log: --log
 * @profile: --profile
 * @timeout: --timeout
 * @append: --append
 * @dcss: --dcss
 * @add: --add
 * @disk: --disk
 * @share: --share
 * @cp_fail: --cp-fail
 * @qemu: --qemu
 * @edat: --edat
 * @icount: --icount
 * @skip_idle: --skip-idle
 * @gdb: --gdb
 * @console: --console
 * @dry_run: --dry-run
 * @command: the command's words, ended by NULL
 */
struct options {
	char *kernel;
	char *modules;
	char *storage;
	char *system;
	char *smp;
	char *root;
	char *transcript;
	char *dump;
	char *log;
	char *profile;
	char *timeout;
	struct list module;
	struct list append;
	struct list dcss;
	struct list add;
	struct list disk;
	struct list share;
	struct list cp_fail;
	struct list qemu;
	bool edat;
	bool icount;
	bool skip_idle;
	bool gdb;
	bool console;
	bool dry_run;
	char **command;
};

/**
 * struct place - where things are
 * @dir: directory of this run, which becomes its files
 * @build: directory that the Makefile has built in
 * @source: directory of the Makefile
 * @tty: the command gets a terminal
 * @merged: its stderr goes where its stdout goes
 */
struct place {
	const char *dir;
	const char *build;
	const char *source;
	bool tty;
	bool merged;
};

/**
 * struct layout - how large guest memory is, in MiB
 * @memory: all that QEMU provides
 * @first: first extent of storage
 * @storage: storage to its end, with gaps
 */
struct layout {
	unsigned long long memory;
	unsigned long long first;
	unsigned long long storage;
};

/* place.c */
void __noreturn __printf(2, 3) give_up(int status, const char *format, ...);
void __printf(3, 4) path_to(char *path, const struct place *place, const char *format, ...);
FILE *create_file(const struct place *place, const char *name);
void close_file(FILE *file);
void make_link(const struct place *place, const char *name, const char *target);

/* options.c */
void parse_options(char **argv, struct options *options);
void check_file(const char *option, const char *path);
void check_disk(const char *option, const char *path);
void check_options(const struct options *options);

/* layout.c */
void lay_out(const struct place *place, const struct options *options, struct layout *layout);

/* stage.c */
void stage_files(const struct place *place, const struct options *options);

/* emulator.c */
void check_build(const struct place *place, const struct options *options);
void write_arguments(const struct place *place, const struct options *options,
		     const struct layout *layout);
void __noreturn start_emulator(const char *dir);

/* monitor.c */
void serve_dumps(const char *dir, pid_t emulator);

#endif /* LAUNCH_H */
