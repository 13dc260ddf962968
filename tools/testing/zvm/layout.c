// SPDX-License-Identifier: GPL-2.0
/*
 * What the plugin is told, and where guest memory is. The plugin's own parsers
 * check it: what they refuse, zvm-run refuses before anything is started.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launch.h"

/* QEMU offers memory in at most so many increments (hw/s390x/sclp.c). */
#define MAX_INCREMENTS	1020

/* Other guests of a system may define segments up to here, while this one runs. */
#define SYSTEM_END	(16UL << 30)

static uint64_t address_space(const struct zvm *vm)
{
	uint64_t end = vm->extent[vm->nr_extents - 1].last + 1, unit = ZVM_MIB;
	const struct segment *seg;

	for (seg = vm->segments; seg; seg = seg->next)
		if (seg_end(seg) >= end)
			end = seg_end(seg) + 1;
	if (vm->system && end < SYSTEM_END)
		end = SYSTEM_END;
	while ((end + unit - 1) / unit > MAX_INCREMENTS)
		unit *= 2;
	return (end + unit - 1) / unit * unit;
}

static void put_value(FILE *conf, const char *key, const char *value)
{
	if (strchr(value, '\n'))
		give_up(STATUS_USAGE, "an argument contains a line break");
	fprintf(conf, "%s %s\n", key, value);
}

static void configure(struct zvm *vm, FILE *conf, const char *key, const char *value)
{
	char err[512];

	if (zvm_configure(vm, key, value, err, sizeof(err)))
		give_up(STATUS_USAGE, "%s", err);
	put_value(conf, key, value);
}

static void configure_list(struct zvm *vm, FILE *conf, const char *key, const struct list *list)
{
	unsigned int i;

	for (i = 0; i < list->n; i++)
		configure(vm, conf, key, list->item[i]);
}

/* Two segments of one image would overwrite each other's content. */
static void check_images(const struct zvm *vm)
{
	const struct segment *a, *b;

	for (a = vm->segments; a; a = a->next)
		for (b = a->next; b; b = b->next)
			if (a->image && b->image && !strcmp(a->image, b->image))
				give_up(STATUS_USAGE, "segments %s and %s have the same image '%s'",
					a->name, b->name, a->image);
}

/* Files that the plugin writes. */
static void put_files(const struct place *place, const struct options *options, FILE *conf)
{
	char path[PATH_MAX];

	path_to(path, place, "violations");
	put_value(conf, "report", path);
	if (!options->transcript)
		return;
	if (!realpath(options->transcript, path))
		give_up(STATUS_ERROR, "%s: %s", options->transcript, strerror(errno));
	put_value(conf, "transcript", path);
}

/**
 * lay_out() - write the plugin's configuration, and measure guest memory
 * @place: where the run has its files
 * @options: options
 * @layout: result
 */
void lay_out(const struct place *place, const struct options *options, struct layout *layout)
{
	FILE *conf = create_file(place, "conf");
	struct zvm vm = { 0 };

	configure(&vm, conf, "storage", options->storage);
	configure(&vm, conf, "cpus", options->smp);
	put_files(place, options, conf);
	if (options->system)
		configure(&vm, conf, "system", options->system);
	configure_list(&vm, conf, "dcss", &options->dcss);
	configure_list(&vm, conf, "cp-fail", &options->cp_fail);
	check_images(&vm);
	fprintf(conf, "size %llu\n", (unsigned long long)address_space(&vm));
	if (options->icount && vm.nr_cpus > 1)
		put_value(conf, "no-registers", "1");
	close_file(conf);
	layout->memory = address_space(&vm) / ZVM_MIB;
	layout->first = (vm.extent[0].last + 1) / ZVM_MIB;
	layout->storage = (vm.extent[vm.nr_extents - 1].last + 1) / ZVM_MIB;
	system_close(&vm);
}
