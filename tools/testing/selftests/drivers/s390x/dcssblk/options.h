/* SPDX-License-Identifier: GPL-2.0 */
/* The options of all DCSS tests. */
#ifndef DCSS_OPTIONS_H
#define DCSS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct dcss_options {
	const char *dir;	/* on the file system under test: first word */
	char **word;		/* of the command line, behind the options */
	int nr_words;
	const char *other;	/* on a file system without DAX, or NULL */
	const char *tmp;	/* for core files */
	const char *exec;	/* xip-hello, or NULL */
	const char *segment;	/* name in /proc/iomem, or NULL */
	const char *type;	/* of its file system, or NULL */
	const char *only;	/* run cases whose name contains this, or NULL */
	const char *mapping;	/* run them on this way to map only, or NULL */
	size_t size;		/* of a mapping */
	unsigned int nr_large;	/* large pages in it, unless --size is given */
	bool readonly;		/* the directory holds a file "data" to map */
	bool dm;		/* a device mapper device over the segments */
	bool large;		/* mappings are made of large pages */
	bool wait;		/* until the kernel can report again */
};

/* An option of one program: what it takes, or NULL, and where that goes. */
struct dcss_option {
	const char *name;
	const char *arg;
	const char *help;
	const char **text;
	size_t *size;
	bool *flag;
};

extern struct dcss_options opt;
extern size_t pagesize;
extern size_t largesize;	/* 1 MiB on s390; 0 without --large */

/*
 * @words are the program's arguments, as in "LIST FSTYPE MOUNTPOINT"; more of the
 * last one may follow where it ends in "...". The list of options ends with an
 * empty entry, or is NULL.
 */
void dcss_parse(int argc, char **argv, const char *words,
		const struct dcss_option *more);

#endif
