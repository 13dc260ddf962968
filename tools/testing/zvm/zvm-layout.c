// SPDX-License-Identifier: GPL-2.0
/*
 * Check what zvm-run was asked for and lay out guest memory.
 *
 * Usage: zvm-layout CONF KEY=VALUE...
 *
 * Writes the plugin's configuration to CONF and prints the MiB of guest
 * addresses that QEMU has to provide, and those of the first storage extent.
 * Exit status 2: a value is wrong.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zvm.h"

/* QEMU offers memory in at most so many increments (hw/s390x/sclp.c). */
#define MAX_INCREMENTS	1020

static struct zvm vm;

static void die(const char *text)
{
	fprintf(stderr, "zvm-run: %s\n", text);
	exit(2);
}

static uint64_t address_space(void)
{
	uint64_t end = vm.extent[vm.nr_extents - 1].last + 1, unit = ZVM_MIB;
	const struct segment *seg;

	for (seg = vm.segments; seg; seg = seg->next)
		if (seg_end(seg) >= end)
			end = seg_end(seg) + 1;
	while ((end + unit - 1) / unit > MAX_INCREMENTS)
		unit *= 2;
	return (end + unit - 1) / unit * unit;
}

static void configure(FILE *conf, char *option)
{
	char *value = strchr(option, '='), err[512];

	if (!value || strchr(value, '\n'))
		die("an argument contains a line break");
	*value++ = '\0';
	if (strcmp(option, "transcript") && strcmp(option, "report") &&
	    zvm_configure(&vm, option, value, err, sizeof(err)))
		die(err);
	fprintf(conf, "%s %s\n", option, value);
}

/* Two segments of one image would overwrite each other's content. */
static void check_images(void)
{
	const struct segment *a, *b;
	char err[512];

	for (a = vm.segments; a; a = a->next)
		for (b = a->next; b; b = b->next)
			if (a->image && b->image && !strcmp(a->image, b->image)) {
				snprintf(err, sizeof(err),
					 "segments %s and %s have the same image '%s'", a->name,
					 b->name, a->image);
				die(err);
			}
}

int main(int argc, char **argv)
{
	FILE *conf;
	int i;

	if (argc < 3)
		die("zvm-layout is not for use by hand");
	conf = fopen(argv[1], "w");
	if (!conf)
		die(strerror(errno));
	for (i = 2; i < argc; i++)
		configure(conf, argv[i]);
	check_images();
	fprintf(conf, "size %llu\n", (unsigned long long)address_space());
	if (fclose(conf))
		die(strerror(errno));
	printf("%llu %llu %llu\n", (unsigned long long)(address_space() / ZVM_MIB),
	       (unsigned long long)((vm.extent[0].last + 1) / ZVM_MIB),
	       (unsigned long long)((vm.extent[vm.nr_extents - 1].last + 1) / ZVM_MIB));
	return 0;
}
