/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages of a DAX file in a pipe, and what has to wait for them or must not:
 * that is done by a child, and judged by whether it has come back while the
 * pipe had the page.
 */
#ifndef DCSS_HELD_H
#define DCSS_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How long a wait is watched, and how long anything else may take. */
#define WATCH_MS	300
#define END_MS		240000

struct held {
	char path[256];
	char *data;		/* of the file */
	size_t len;
	size_t from;		/* what the pipe has */
	size_t size;
	int pipe[2];
	int fd;			/* of the file */
	char *map;
};

size_t held_at(void);
int splice_page(int pipe_fd, char *page);
int held_file(struct held *h);
int take_page(struct held *h, bool mapped);
int hold_page(struct held *h, bool mapped);
int pipe_all(struct held *h, char *map);
int give_back(struct held *h);
int drain(struct held *h);

pid_t start(int (*fn)(const void *arg), const void *arg);
int ended(pid_t pid, int ms);
int gives(const char *what, int (*fn)(const void *arg), const void *arg,
	  int error);
int comes_to(const char *what, int (*fn)(const void *arg));
int must_wait(const char *what, int (*fn)(const void *arg), const void *arg);

#endif
