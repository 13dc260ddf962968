// SPDX-License-Identifier: GPL-2.0
/*
 * What does it cost to add a device, and to remove it?
 *
 *	cost LIST ROUNDS
 *
 * LIST is as for "add". Prints for each round the nanoseconds of add and of
 * remove, first those that this process has a CPU, then those that pass, and the
 * KiB of memory that the kernel takes in between. In a guest where a nanosecond
 * is an instruction (zvm-run --icount) the former are instructions. The first
 * round is not typical, as the kernel keeps some of what it allocates.
 */
#include <ctype.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"

struct times {
	long long cpu, all;
};

static int timed(const char *attr, const char *text, struct times *times)
{
	times->all = -clock_ns(CLOCK_MONOTONIC);
	times->cpu = -clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (put_string(attr, text))
		return fails("%s to %s", text, attr);
	times->cpu += clock_ns(CLOCK_THREAD_CPUTIME_ID);
	times->all += clock_ns(CLOCK_MONOTONIC);
	return KSFT_PASS;
}

static int one_round(const char *list, const char *name)
{
	struct times add, remove;
	long before, after;

	before = free_kb();
	if (timed(ROOT "add", list, &add))
		return KSFT_FAIL;
	after = free_kb();
	if (timed(ROOT "remove", name, &remove))
		return KSFT_FAIL;
	printf("cpu %lld %lld all %lld %lld memory %ld\n", add.cpu, remove.cpu,
	       add.all, remove.all, before - after);
	return KSFT_PASS;
}

int main(int argc, char **argv)
{
	char name[9] = "";
	int i, rounds;

	if (argc != 3) {
		fprintf(stderr, "usage: %s LIST ROUNDS\n", argv[0]);
		return KSFT_FAIL;
	}
	for (i = 0; i < 8 && argv[1][i] && argv[1][i] != ':'; i++)
		name[i] = toupper(argv[1][i]);
	rounds = atoi(argv[2]);
	while (rounds--)
		if (one_round(argv[1], name))
			return KSFT_FAIL;
	return KSFT_PASS;
}
