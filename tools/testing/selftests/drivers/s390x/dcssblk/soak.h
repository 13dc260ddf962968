/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of soak share, see soak.c. */
#ifndef SOAK_H
#define SOAK_H

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

/* soak.c: random numbers, and what is being done */
unsigned long long rng(void);
unsigned long below(unsigned long n);
bool one_in(unsigned int n);
__noreturn __printf(1, 2) void bad(const char *fmt, ...);
void begin_step(const char *what);
__printf(1, 2) void trace(const char *fmt, ...);

/* soak_model.c: what the files have to contain, and mappings of them */
struct view {
	struct worker *w;
	struct file *f;
	int fd;
	char path[160];
	size_t off;
	size_t len;		/* whole pages */
	size_t used;		/* ... as far as the file goes */
	char *want;		/* the model's bytes there */
	char *map;
};

void path_of(const struct worker *w, int i, char *path);
void forget(struct file *f);
void copy_model(struct file *to, const struct file *from);
void now_saved(struct worker *w);
void resize(struct file *f, size_t size);
void scribble(char *buf, size_t len);
void same(const char *what, const char *got, const char *want,
	  size_t len, size_t off);
void check_range(struct worker *w, int fd, struct file *f, size_t off,
		 size_t len);
void check_file(struct worker *w, int i);
void check_files(struct worker *w, int first);
void write_at(struct view *v, size_t off, size_t len);
void open_nth(struct worker *w, struct view *v, int i);
void open_view(struct worker *w, struct view *v);
void make_longer(struct view *v, size_t len);
void no_holes(struct view *v);
void no_tail(struct view *v);
void map_range(struct view *v, int prot, int flags);
void view_of(struct worker *w, struct view *v, int prot, int flags);
void unmap(struct view *v);
void close_view(struct view *v);
void check_view(struct view *v);
void touch_all(struct view *v, bool write);
void wait_for(pid_t pid, const char *what);

/* soak_files.c, soak_device.c: one operation each, and what two of them share */
struct op {
	const char *name;
	void (*run)(struct worker *w);
	unsigned int weight;
};

extern const struct op file_ops[], device_ops[];
extern const size_t nr_file_ops, nr_device_ops;

void op_write(struct worker *w);
void op_map_shared(struct worker *w);
void op_map_private(struct worker *w);
void splice_in(struct view *v, int *fds, size_t off, size_t len);
void pipe_is(struct worker *w, int *fds, const char *want, size_t len,
	     const char *what);

void store(struct worker *w, const char *attr, const char *text);
void attr_is(struct worker *w, const char *attr, const char *want);
void do_add(struct worker *w);
void do_remove(struct worker *w);
void mount_dax(struct worker *w);
void do_unmount(struct worker *w);
void lock_device(struct worker *w);
void unlock_device(struct worker *w);
void cross(struct worker *w);
void probe(struct worker *w);

/* soak_state.c: all is as it was before */
#define NR_STATE_TESTS	5

struct state_test {
	const char *name;
	int (*run)(void);
};

extern const struct state_test state_tests[NR_STATE_TESTS];

void remember(void);
void sweep(void);

#endif
