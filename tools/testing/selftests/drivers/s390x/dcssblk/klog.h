/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel has said since a mark, for whoever wants to know. */
#ifndef DCSS_KLOG_H
#define DCSS_KLOG_H

#include <stdbool.h>
#include <stddef.h>

/* A reader of /dev/kmsg; zeroes at first. Each has its own mark. */
struct klog {
	int fd;			/* plus one */
};

#define KLOG_MAX	64

struct klog_lines {
	unsigned int nr;	/* may be more than there is room for */
	char line[KLOG_MAX][200];
};

extern struct klog klog;	/* of a case, see case.c */

void klog_mark(struct klog *k);
void klog_end(struct klog *k);
/* Whether something is wrong, and the first line that says so. */
bool klog_report(struct klog *k, char *line, size_t len);
/* The lines that begin with @part, such as "dcssblk: ". */
void klog_get(struct klog *k, const char *part, struct klog_lines *lines);
/* That is one line, and it names @name: KSFT_PASS or KSFT_FAIL. */
int klog_one(struct klog *k, const char *part, const char *name);

#endif
