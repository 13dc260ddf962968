/* SPDX-License-Identifier: GPL-2.0 */
/* The list of cases that a program runs, and their results. */
#ifndef DCSS_CASE_H
#define DCSS_CASE_H

#include "area.h"

/* What a case needs, and how it is run. */
#define NEEDS_OTHER	0x01	/* --other: a file system without DAX */
#define NEEDS_WRITE	0x02	/* a file system that is not read-only */
#define NEEDS_EXEC	0x04	/* --exec: a program to put on it */
#define NO_MAPPING	0x08	/* the case makes its own files */
#define ONLY_LARGE	0x10	/* not without --large */
#define IN_PLACE	0x20	/* NO_MAPPING, and not in a child */
#define AFTER		0x40	/* goes on from what the case before it left */

struct dcss_case {
	const char *name;
	int (*run)(struct area *a);
	unsigned int how;	/* mappings to run it on, one line for each */
	unsigned int flags;
	const void *arg;	/* both for run() */
	unsigned int nr;
};

/* Add cases to the list, or one under another name; they are copied. */
void dcss_cases(const struct dcss_case *cases, size_t nr);
__printf(2, 3) void dcss_case(const struct dcss_case *c, const char *name, ...);
__noreturn void dcss_run(void);

#endif
