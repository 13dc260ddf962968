/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block device that is no DCSS, persistent memory for one: where the tests
 * take the name of a segment, they take its path as well.
 */
#ifndef DCSS_BLOCKDEV_H
#define DCSS_BLOCKDEV_H

#include <stdbool.h>

bool is_blockdev(const char *segment);

/*
 * As store() of admin.h. Nobody has to add it, it is there. It is not removed
 * either, but can be opened by itself where a DCSS could be removed: EBUSY as
 * long as a file system or a device mapper device has it.
 */
int blockdev_store(const char *attr, const char *node);

/* The addresses of a segment (/proc/iomem) or of persistent memory; or -1. */
int segment_range(const char *segment, unsigned long long *first,
		  unsigned long long *last);

#endif
