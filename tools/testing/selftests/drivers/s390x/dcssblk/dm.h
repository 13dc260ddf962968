/* SPDX-License-Identifier: GPL-2.0 */
/* A device mapper device of whole segments. */
#ifndef DCSS_DM_H
#define DCSS_DM_H

#include <stddef.h>

/*
 * Add @segments, names with colons between, and make a device of them: one behind the
 * other, or @stripe bytes of each in turn. Its node in /dev goes to @node. What an
 * earlier case has left of it is removed first. KSFT_PASS or KSFT_FAIL.
 */
int dm_over(const char *name, const char *segments, size_t stripe, char *node,
	    size_t len);
/* At once, when the device is gone; as above. */
int dm_remove_segments(const char *segments);

/* The device, and the segments, if they are there; says nothing. */
void dm_forget(const char *name, const char *segments);

/* The device alone, when nobody looks at it any more. KSFT_PASS or KSFT_FAIL. */
int dm_remove_settled(const char *name);
/* ... at once. Returns 0 or an errno. */
int dm_remove(const char *name);

#endif
