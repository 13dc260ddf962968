/* SPDX-License-Identifier: GPL-2.0 */
#ifndef XIP_LIB_H
#define XIP_LIB_H

/* Words of four bytes: 2 MiB. */
#define XIP_BULK	524288

#define XIP_STR_(x)	#x
#define XIP_STR(x)	XIP_STR_(x)

/* Not by way of the global offset table: it is next to the code. */
extern const unsigned int xip_bulk[] __attribute__((visibility("hidden")));

int xip_landmark(int value);
int xip_check(void);

#endif
