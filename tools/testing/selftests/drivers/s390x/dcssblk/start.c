// SPDX-License-Identifier: GPL-2.0
/*
 * What does it cost to start a program?
 *
 *	start ROOT PROGRAM ARGUMENT...
 *
 * Runs it in ROOT as its root directory, several times, and prints for the first
 * time, for the last one, and for all but the first in the mean, as no two of them
 * have the same addresses, the nanoseconds that it has had a CPU for, in the
 * kernel and by itself, and its page faults. In a guest where a nanosecond is an
 * instruction (zvm-run --icount) they are instructions. All but the first are between
 * the two marks that zvm-run --profile looks for.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"

#define STARTS	10

static long long ns(const struct timeval *t)
{
	return t->tv_sec * 1000000000LL + t->tv_usec * 1000LL;
}

static void run(const char *root, char **argv, struct rusage *usage)
{
	int status = -1, null;
	pid_t pid = fork_child();

	if (!pid) {
		null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		if (chroot(root) || chdir("/"))
			_exit(KSFT_FAIL);
		execv(argv[0], argv);
		_exit(KSFT_FAIL);
	}
	if (wait4(pid, &status, 0, usage) != pid || status)
		ksft_exit_fail_msg("%s in %s: status 0x%x\n", argv[0], root,
				   status);
}

/* The mean of @n starts. */
static void rows(const char *when, const struct rusage *usage, int n)
{
	long long kernel = 0, user = 0;
	long faults = 0;
	int i;

	for (i = 0; i < n; i++) {
		kernel += ns(&usage[i].ru_stime);
		user += ns(&usage[i].ru_utime);
		faults += usage[i].ru_minflt;
	}
	printf("start-%s-kernel %lld program\n", when, kernel / n);
	printf("start-%s-user %lld program\n", when, user / n);
	printf("start-%s-faults %ld program\n", when, faults / n);
}

int main(int argc, char **argv)
{
	struct rusage usage[STARTS];
	int i;

	ksft_print_header();
	if (argc < 3)
		ksft_exit_skip("no program to start\n");
	for (i = 0; i < STARTS; i++) {
		if (i == 1)
			mark_begin();
		run(argv[1], argv + 2, &usage[i]);
	}
	mark_end();
	rows("first", usage, 1);
	rows("again", usage + STARTS - 1, 1);
	rows("mean", usage + 1, STARTS - 1);
	return KSFT_PASS;
}
