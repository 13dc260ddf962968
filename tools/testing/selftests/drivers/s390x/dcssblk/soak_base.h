/* SPDX-License-Identifier: GPL-2.0 */
/* The lowest layer of soak: who there is, random numbers, failures. */
#ifndef DCSS_SOAK_BASE_H
#define DCSS_SOAK_BASE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "uring.h"

#define LIFE		16		/* rounds from add to remove */
#define MAX_DEVICES	12
#define FILES		5
#define SMALL		(64 * 1024UL)	/* longest file, but for the first */
#define LARGE		(2560 * 1024UL)	/* room for two pages of 1 MiB */
#define WINDOW		(32 * 1024UL)	/* of an operation, fits into a pipe */
#define DISK_PART	(1024 * 1024UL)	/* of --disk, for each process */
#define TRIES		24000		/* 10 ms each */
#define MAX_OPS		40

/* What a device is doing, for the other processes. */
enum { ABSENT, MOVING, MOUNTED };

/* One for each process; all are in memory that all processes share. */
struct shared_part {
	/* Held for reading: the device stays as it is. */
	pthread_rwlock_t lock;
	int state;
	bool writable;
	unsigned int rounds;
	unsigned int round;
	unsigned int beat;
	char what[24];
};

enum { CROSS = MAX_DEVICES, PROBE, PARTS };

struct shared {
	int stop;
	int failed;
	int lives;			/* that nobody has begun */
	int done;			/* no worker is left */
	int hung;			/* a process cannot be ended */
	unsigned int large;		/* mappings with pages of 1 MiB */
	unsigned int next[MAX_DEVICES];
	unsigned int op_count[MAX_OPS];
	unsigned long long op_ns[MAX_OPS];
	struct shared_part part[PARTS];
};

struct file {
	bool exists;
	size_t size;
	size_t max;
	char *data;			/* zeroes from size to max */
};

struct worker {
	int id;
	char segments[160];		/* as for add */
	char name[9];
	char fstype[8];
	char dev[64];
	char mnt[128];
	const char *image;		/* to write to what begins as zeroes */
	size_t image_len;
	char *image_data;
	bool toggle;			/* SR: read-only while shared */
	bool volatile_;			/* SN, EN: nothing is ever saved */
	bool mounted;
	bool knows;			/* the content of the device */
	bool saved_once;		/* in this life */
	struct file file[FILES];
	struct file saved[FILES];
	struct uring ring;
	int disk;
	char *buf;			/* 3 * WINDOW, page aligned */
};

struct options {
	unsigned long long seed;
	unsigned int rounds;
	unsigned int from;
	unsigned int seconds;
	const char *worker;
	const char *disk;
	const char *dir;
	bool trace;
};

extern struct shared *shm;
extern struct options o;
extern struct worker workers[MAX_DEVICES];
extern int nr_workers;
extern int my_id;

/* Random numbers; those of a round are its own. */
unsigned long long rng(void);
unsigned long below(unsigned long n);
bool one_in(unsigned int n);

const char *part_name(int id);
/* What a process is doing. */
void where(int id, char *buf, size_t len);
void set_round(unsigned int round);
void begin_step(const char *what);
__printf(1, 2) void trace(const char *fmt, ...);
/* It fails, and all stop. */
__noreturn __printf(1, 2) void bad(const char *fmt, ...);

#endif
