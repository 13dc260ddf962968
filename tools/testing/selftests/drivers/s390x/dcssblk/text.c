// SPDX-License-Identifier: GPL-2.0
/*
 * What does it cost to execute a large program for the first time?
 *
 *	text ROW
 *
 * The program has a function in each of its pages, 4 MiB of them, and calls them all.
 * Prints two lines: ROW, the nanoseconds that it had a CPU for, for each page; and
 * ROW-faults, its page faults. In a guest where a nanosecond is an instruction (zvm-run
 * --icount) they are instructions. It is built three times: at a fixed address (text),
 * position independent (text-pie), and so that its text begins on a megabyte in the file
 * and in memory (text-pie-1M).
 */

#include "../../../kselftest.h"
#include "dcss.h"

#define PAGES	1024

#if defined(__s390x__)
#define RETURN	"br %r14"
#define ADDRESS	"larl %0,functions"
#else
#define RETURN	"ret"
#define ADDRESS	"lea functions(%%rip),%0"
#endif

asm(".pushsection .text.pages, \"ax\"\n\t"
	".balign 4096\n"
	"functions:\n\t"
	".rept 1024\n\t"
	RETURN "\n\t"
	".balign 4096\n\t"
	".endr\n\t"
	".popsection");

static char *first_function(void)
{
	char *address;

	asm(ADDRESS : "=r" (address));
	return address;
}

static long long now(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int main(int argc, char **argv)
{
	char *functions = first_function();
	long long begin, ns;
	long first;
	int i;

	if (argc != 2)
		ksft_exit_fail_msg("usage: text ROW\n");
	first = faults();
	begin = now();
	for (i = 0; i < PAGES; i++)
		((void (*)(void))(functions + i * 4096))();
	ns = now() - begin;
	printf("%s %.1f page\n", argv[1], (double)ns / PAGES);
	printf("%s-faults %ld program\n", argv[1], faults() - first);
	return KSFT_PASS;
}
