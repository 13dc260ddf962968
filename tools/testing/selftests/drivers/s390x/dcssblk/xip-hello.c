// SPDX-License-Identifier: GPL-2.0
/*
 * A program that executes in place. With the argument "wait" it prints the
 * address of its landmark, waits for a byte of input, looks at itself again, and
 * ends with 42, so that others can look at it, put a breakpoint into it, or take
 * what it has of memory, meanwhile.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "xip-lib.h"

int main(int argc, char **argv)
{
	int (*landmark)(int value) = xip_landmark;
	char c;

	/* Not to be inlined: others put a breakpoint there. */
	asm volatile("" : "+r" (landmark));
	if (xip_check() || landmark(1) != 2) {
		fprintf(stderr, "%s: not what it should be\n", argv[0]);
		return 1;
	}
	if (argc < 2 || strcmp(argv[1], "wait")) {
		printf("%s: executed in place\n", argv[0]);
		return 0;
	}
	printf("%lx\n", (unsigned long)landmark);
	fflush(stdout);
	if (read(0, &c, 1) != 1 || xip_check())
		return 1;
	return landmark(41);
}
