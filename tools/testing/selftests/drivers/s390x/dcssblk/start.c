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
 * instruction (zvm-run --icount) they are instructions.
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

/* What @n starts have taken. */
struct spent {
	long long kernel;
	long long user;
	long faults;
	int n;
};

static void add(struct spent *spent, const struct rusage *usage)
{
	spent->kernel += ns(&usage->ru_stime);
	spent->user += ns(&usage->ru_utime);
	spent->faults += usage->ru_minflt;
	spent->n++;
}

static void rows(const char *when, const struct spent *spent)
{
	printf("start-%s-kernel %lld program\n", when, spent->kernel / spent->n);
	printf("start-%s-user %lld program\n", when, spent->user / spent->n);
	printf("start-%s-faults %ld program\n", when, spent->faults / spent->n);
}

int main(int argc, char **argv)
{
	struct spent mean = { }, one;
	struct rusage usage;
	int i;

	ksft_print_header();
	if (argc < 3)
		ksft_exit_skip("no program to start\n");
	for (i = 0; i < STARTS; i++) {
		run(argv[1], argv + 2, &usage);
		one = (struct spent){ };
		add(&one, &usage);
		if (!i)
			rows("first", &one);
		else
			add(&mean, &usage);
	}
	rows("again", &one);
	rows("mean", &mean);
	return KSFT_PASS;
}
