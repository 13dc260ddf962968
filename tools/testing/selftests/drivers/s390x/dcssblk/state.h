/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that can be seen of a device of dcssblk and of the segments in it, as
 * one text: in /dev, in sysfs, in /proc, and at CP. Whatever fails on the way
 * from one state to another, the text has to be that of the one or the other.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stddef.h>

#define MAX_SEGMENTS	8

/* States of a device. Unlike the others, BROKEN is no place to go. */
enum where {
	ABSENT,		/* not added, the segments are not loaded */
	SHARED_MODE,	/* added */
	EXCLUSIVE_MODE,	/* "shared" is 0 */
	BROKEN,
};

#define NR_STATES	BROKEN

struct dcss_device {
	const char *list;	/* as for "add": A:B:C */
	const char *fstype;	/* of its file system, with a file "data" */
	const char *mountpoint;
	char segment[MAX_SEGMENTS][9];
	size_t nr;
	char block[64];		/* /dev/dcssblkN */
	char *content;		/* of the block device */
	char *buf;		/* as large */
	size_t size;
	char *seen[NR_STATES];	/* in sysfs and so on */
	char *counts[NR_STATES];	/* by the kernel, see kernel_counts() */
};

int cp_command(const char *command, char *answer, size_t len);

int device_learn(struct dcss_device *dev, const char *list, const char *fstype,
		 const char *mountpoint);
char *device_look(const struct dcss_device *dev);
enum where device_where(const struct dcss_device *dev);
int device_is(const struct dcss_device *dev, enum where where);
int device_as_before(const struct dcss_device *dev, enum where where);
int device_go(const struct dcss_device *dev, enum where where);
int device_reads(const struct dcss_device *dev);
int device_works(const struct dcss_device *dev);
bool device_has_dax(const struct dcss_device *dev);

#endif
