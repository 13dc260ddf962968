// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's arguments, and the emulator that gets them.
 *
 * A shell has no arrays, and between the two it packs the initial ramdisk and
 * opens pipes: so the arguments wait in a file, DIR/arguments, each ended by
 * NUL, and the same program then becomes QEMU with them. What the shell kills
 * or waits for is QEMU itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch.h"

#define EMULATOR	"qemu-system-s390x"

static void check_built(const struct place *place, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", place->build, name);
	if (access(path, F_OK))
		give_up(STATUS_ERROR, "%s is missing: run make -C %s first", path, place->source);
}

/* What enable-edat leaves where it fails is a text. */
static void check_edat(const struct place *place)
{
	char path[PATH_MAX], text[512] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/" EMULATOR "-edat", place->build);
	if (!access(path, X_OK))
		return;
	file = fopen(path, "re");
	if (file && !fgets(text, sizeof(text), file))
		*text = '\0';
	text[strcspn(text, "\n")] = '\0';
	give_up(STATUS_NO_EDAT, "--edat: %s", text);
}

/**
 * check_build() - end unless all that a run needs has been built
 * @place: where things are
 * @options: options
 */
void check_build(const struct place *place, const struct options *options)
{
	check_built(place, "zvm.so");
	check_built(place, options->edat ? EMULATOR "-edat" : EMULATOR);
	check_built(place, "rootfs.cpio");
	if (options->profile)
		check_built(place, "profile.so");
	if (options->edat)
		check_edat(place);
}

static void __printf(2, 3) put(FILE *file, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fputc('\0', file);
}

static void put_machine(FILE *file, const struct place *place, const struct options *options,
			const struct layout *layout)
{
	put(file, "-machine");
	put(file, "s390-ccw-virtio,memory-backend=zvm-ram");
	put(file, "-cpu");
	put(file, "max");
	put(file, "-object");
	put(file, "memory-backend-memfd,id=zvm-ram,size=%lluM,share=on,reserve=off",
	    layout->memory);
	put(file, "-m");
	put(file, "%lluM", layout->memory);
	put(file, "-smp");
	put(file, "%s", options->smp);
	put(file, "-nodefaults");
	put(file, "-display");
	put(file, "none");
	put(file, "-no-reboot");
	/* Who dumps ends it. */
	put(file, "-action");
	put(file, options->dump ? "panic=pause" : "panic=exit-failure");
	put(file, "-plugin");
	put(file, "%s/zvm.so,conf=%s/conf", place->dir, place->dir);
	if (options->profile) {
		put(file, "-plugin");
		put(file, "%s/profile.so,out=%s/counts", place->dir, place->dir);
	}
	if (options->icount) {
		put(file, "-icount");
		put(file, options->skip_idle ? "shift=0,sleep=off" : "shift=0");
	}
}

static void put_kernel(FILE *file, const struct place *place, const struct options *options,
		       const struct layout *layout)
{
	unsigned int i;

	put(file, "-kernel");
	put(file, "%s", options->kernel);
	put(file, "-initrd");
	put(file, "%s/initrd", place->dir);
	put(file, "-append");
	/* z/VM's own console is another machine: a kernel that expects it waits for ever. */
	fprintf(file, "console=hvc0 conmode=sclp loglevel=7 hvc_iucv=0 mem=%lluM",
		layout->storage);
	for (i = 0; i < options->append.n; i++)
		fprintf(file, " %s", options->append.item[i]);
	fputc('\0', file);
}

/* What the guest says there goes to the file of this name. */
static void put_output(FILE *file, const struct place *place, const char *name,
		       const char *device)
{
	put(file, "-chardev");
	put(file, "file,id=%s,path=%s/%s", name, place->dir, name);
	put(file, "-device");
	put(file, "%s,chardev=%s", device, name);
}

static void put_port(FILE *file, const struct place *place, const char *name)
{
	char device[64];

	snprintf(device, sizeof(device), "virtserialport,name=zvm.%s", name);
	put_output(file, place, name, device);
}

static void put_stdio(FILE *file, const char *name, const char *device)
{
	put(file, "-chardev");
	put(file, "stdio,id=%s,signal=off", name);
	put(file, "-device");
	put(file, "%s,chardev=%s", device, name);
}

/* What init tells, and the command's input and output: a terminal, or three ports. */
static void put_console(FILE *file, const struct place *place, const struct options *options)
{
	put(file, "-device");
	/* All that there can be below, and one more for --qemu. */
	put(file, "virtio-serial-ccw,max_ports=9");
	put_output(file, place, "console", "virtconsole");
	put_port(file, place, "boot");
	put_port(file, place, "status");
	if (options->profile)
		put_port(file, place, "symbols");
	if (place->tty) {
		put_stdio(file, "tty", "virtconsole");
	} else {
		put_stdio(file, "in", "virtserialport,name=zvm.stdin");
		put_port(file, place, "stdout");
		put_port(file, place, "stderr");
	}
	/* After the command's own: init counts them. */
	if (options->console) {
		put(file, "-chardev");
		put(file, "socket,id=extra,path=%s/extra,server=on,wait=off", place->dir);
		put(file, "-device");
		put(file, "virtconsole,chardev=extra");
	}
}

/* DIR/NAME; init knows the root by its serial number. */
static void put_disk(FILE *file, const struct place *place, const char *name)
{
	put(file, "-drive");
	put(file, "file=%s/%s,format=raw,if=none,id=%s", place->dir, name, name);
	put(file, "-device");
	put(file, "virtio-blk-ccw,drive=%s,serial=%s", name, name);
}

/* Links, as QEMU's options cannot have all names in them. */
static void put_disks(FILE *file, const struct place *place, const struct list *disks)
{
	char name[32];
	unsigned int i;

	for (i = 0; i < disks->n; i++) {
		check_disk("--disk", disks->item[i]);
		snprintf(name, sizeof(name), "disk%u", i + 1);
		make_link(place, name, disks->item[i]);
		put_disk(file, place, name);
	}
}

/* Links to directories, by stage.c. */
static void put_shares(FILE *file, const struct place *place, const struct list *shares)
{
	unsigned int i;

	for (i = 1; i <= shares->n; i++) {
		put(file, "-fsdev");
		put(file, "local,id=share%u,path=%s/share%u,security_model=none,multidevs=remap", i,
		    place->dir, i);
		put(file, "-device");
		put(file, "virtio-9p-ccw,fsdev=share%u,mount_tag=share%u", i, i);
	}
}

/* zvm-run makes a disk of a directory. */
static void put_root(FILE *file, const struct place *place, const char *root)
{
	struct stat st;

	make_link(place, !stat(root, &st) && S_ISDIR(st.st_mode) ? "rootdir" : "root", root);
	put_disk(file, place, "root");
}

/* A link to what was built, as QEMU's options cannot have all names in them. */
static void link_plugin(const struct place *place, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", place->build, name);
	make_link(place, name, path);
}

static void put_monitor(FILE *file, const struct place *place)
{
	put(file, "-qmp");
	put(file, "unix:%s/monitor,server=on,wait=off", place->dir);
}

/* The guest does not begin before a debugger lets it. */
static void put_debugger(FILE *file, const struct place *place)
{
	put(file, "-gdb");
	put(file, "unix:%s/gdb,server=on,wait=off", place->dir);
	put(file, "-S");
}

/**
 * write_arguments() - the command that starts the emulator
 * @place: where things are
 * @options: options
 * @layout: how large guest memory is
 */
void write_arguments(const struct place *place, const struct options *options,
		     const struct layout *layout)
{
	FILE *file = create_file(place, "arguments");
	unsigned int i;

	link_plugin(place, "zvm.so");
	if (options->profile)
		link_plugin(place, "profile.so");
	if (options->timeout) {
		put(file, "timeout");
		put(file, "--foreground");
		put(file, "-k");
		put(file, "5");
		put(file, "%s", options->timeout);
	}
	put(file, "%s/" EMULATOR "%s", place->build, options->edat ? "-edat" : "");
	put_machine(file, place, options, layout);
	put_kernel(file, place, options, layout);
	put_console(file, place, options);
	put_disks(file, place, &options->disk);
	put_shares(file, place, &options->share);
	if (options->root)
		put_root(file, place, options->root);
	if (options->dump)
		put_monitor(file, place);
	if (options->gdb)
		put_debugger(file, place);
	for (i = 0; i < options->qemu.n; i++)
		put(file, "%s", options->qemu.item[i]);
	close_file(file);
}

/**
 * start_emulator() - become what write_arguments() has written
 * @dir: directory of the run
 */
void start_emulator(const char *dir)
{
	struct place place = { .dir = dir };
	char path[PATH_MAX], *text, **argv = NULL;
	size_t len, i, n = 0;
	FILE *file;
	struct stat st;

	path_to(path, &place, "arguments");
	file = fopen(path, "re");
	if (!file || fstat(fileno(file), &st))
		give_up(STATUS_ERROR, "%s: %s", path, strerror(errno));
	text = calloc(1, st.st_size + 1);
	argv = calloc(st.st_size + 1, sizeof(*argv));
	if (!text || !argv)
		abort();
	len = fread(text, 1, st.st_size, file);
	for (i = 0; i < len; i += strlen(text + i) + 1)
		argv[n++] = text + i;
	execvp(argv[0], argv);
	give_up(STATUS_ERROR, "%s: %s", argv[0], strerror(errno));
}
