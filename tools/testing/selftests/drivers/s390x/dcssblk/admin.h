/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an administrator does with segments, and what the kernel says to it.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Each returns 0 or an errno. An attribute is one of the driver's ("add",
 * "remove"), or of a device (segment, "shared").
 */
int store_bytes(const char *attr, const void *data, size_t len);
int store(const char *attr, const char *text);
int store_of(const char *segment, const char *attr, const char *text);
int show_of(const char *segment, const char *attr, char *text, size_t len);

/*
 * The same as test steps, KSFT_PASS or KSFT_FAIL. What has just been closed
 * may be let go by a worker of the kernel: these wait while it is busy.
 */
int settled(const char *segment, const char *attr, const char *text);
int add_segment(const char *segments);
int remove_segment(const char *segment);
int mount_settled(const char *node, const char *dir, const char *fstype,
		  unsigned long flags, const char *options);
int umount_settled(const char *dir);

/* A store that has to fail, at once. */
int refused(const char *segment, const char *attr, const char *text,
	    int error);

int node_of(const char *segment, char *node, size_t len);
int dax_is(const char *segment, const char *want);

/* Lines of a part of the kernel ("dcssblk: ") in the log since the mark. */
#define NEWS_MAX	64

struct news {
	unsigned int nr;
	char line[NEWS_MAX][200];
};

void news_mark(void);
void news_get(struct news *news, const char *part);
int news_one(const char *part, const char *name);

#endif
