// SPDX-License-Identifier: GPL-2.0
/*
 * What xip-hello executes and reads in place: linked into it, or a shared
 * library. Its 2 MiB of data are many pages, which all have to be the segment's.
 */
#include "xip-lib.h"

asm(".section .rodata\n\t"
	".balign 4096\n"
	"xip_bulk:\n\t"
	".set i, 0\n\t"
	".rept " XIP_STR(XIP_BULK) "\n\t"
	".long i\n\t"
	".set i, i + 1\n\t"
	".endr\n\t"
	".previous\n");

int xip_landmark(int value)
{
	return value + 1;
}

/* Touches every page; 0 if each holds what it should. */
int xip_check(void)
{
	unsigned int i;

	for (i = 0; i < XIP_BULK; i++)
		if (xip_bulk[i] != i)
			return 1;
	return 0;
}
