/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls that are held in the middle of their buffer, with the page of a
 * DAX file that comes first in it taken: direct I/O, by itself or by io_uring, and
 * copies from and to a process.
 */
#ifndef DCSS_FLIGHT_H
#define DCSS_FLIGHT_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * A page that is missing until it is given: who runs into it waits, with
 * what it had already taken. Nothing else in a guest waits so reliably.
 */
struct missing {
	int fd;
	int over[2];		/* a pipe: who was to wait did not */
	char *page;
};

enum flight_by { BY_DIRECT, BY_URING, BY_VM };

/* Two pages of I/O, the segment's and one that is missing. */
struct flight {
	enum flight_by by;
	bool write;
	int fd;			/* the file for direct I/O */
	pid_t pid;		/* process_vm_*: who has the segment's page */
	struct iovec iov[2];
	struct missing missing;
	pthread_t thread;
	ssize_t done;
};

/* KSFT_PASS if the first page is taken, and its mapping may go. */
int take_off(struct flight *f, char *page);
int land(struct flight *f, char *data);

#endif
