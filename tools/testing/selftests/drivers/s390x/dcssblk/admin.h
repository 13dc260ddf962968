/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an administrator does with segments.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include <stdbool.h>
#include <stddef.h>

#define ROOT		"/sys/devices/dcssblk/"

/* Skips all tests where there is none. */
void need_driver(void);

/*
 * Each returns 0 or an errno. An attribute is one of the driver's ("add",
 * "remove"), or of a device (segment, "shared").
 */
int store_bytes(const char *attr, const void *data, size_t len);
int store(const char *attr, const char *text);
int store_of(const char *segment, const char *attr, const char *text);
int show_of(const char *segment, const char *attr, char *text, size_t len);

/*
 * What has just been closed may be let go by a worker of the kernel: these wait
 * while it is busy. The first one returns 0 or an errno, of the driver's attribute
 * if there is no segment; the others are test steps, KSFT_PASS or KSFT_FAIL.
 */
bool still_busy(int rc, unsigned int *tries);
int settle(const char *segment, const char *attr, const char *text);
int settled(const char *segment, const char *attr, const char *text);
int add_segment(const char *segments);
int remove_segment(const char *segment);
int mount_settled(const char *node, const char *dir, const char *fstype,
		  unsigned long flags, const char *options);
int umount_settled(const char *dir);
/* Lazily, and all that is mounted there: what an earlier case has left if it failed. */
void unmount_all(const char *dir);

/* A store that has to fail, at once. */
int refused(const char *segment, const char *attr, const char *text,
	    int error);

int node_of(const char *segment, char *node, size_t len);
int dax_is(const char *segment, const char *want);

#endif
