/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers of the DCSS DAX tests: the table of cases, the mapping that each of
 * them gets, and what /proc says about it.
 */
#ifndef DCSS_H
#define DCSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ROOT		"/sys/devices/dcssblk/"

/* The ways to map a file. A case names those that it makes sense for. */
#define SHARED_RO	0x01	/* PROT_READ, MAP_SHARED, read */
#define SHARED_RW	0x02	/* MAP_SHARED, every page written */
#define PRIVATE_RO	0x04	/* PROT_READ, MAP_PRIVATE, read */
#define PRIVATE_RW	0x08	/* writable MAP_PRIVATE, but only read so far */
#define PRIVATE_MIX	0x10	/* MAP_PRIVATE, every other page written */

#define SHARED		(SHARED_RO | SHARED_RW)
#define PRIVATE		(PRIVATE_RO | PRIVATE_RW | PRIVATE_MIX)
#define WRITABLE	(SHARED_RW | PRIVATE_RW | PRIVATE_MIX)
#define ANY		(SHARED | PRIVATE)

/* What a case needs, and how it shows a failure. */
#define NEEDS_OTHER	0x01	/* --other: a file system without DAX */
#define NEEDS_WRITE	0x02	/* a file system that is not read-only */
#define NEEDS_EXEC	0x04	/* --exec: a program to put on it */
#define IN_LOG		0x08	/* stock fails in the kernel log only */
#define IN_TABLE	0x10	/* a line of gup --table */
#define NO_MAPPING	0x20	/* the case makes its own files */
#define ONLY_LARGE	0x40	/* not without --large */

struct area {
	unsigned int how;	/* one of SHARED_RO ... */
	int fd;
	char path[256];
	size_t len;
	char *map;
	char *want;		/* what the mapping has to read as */
	char *file;		/* what the file has to read as */
};

struct dcss_case {
	const char *name;
	int (*run)(struct area *a);
	unsigned int how;	/* mappings to run it on, one line for each */
	unsigned int stock;	/* those that fail on a stock kernel */
	unsigned int flags;
};

struct dcss_options {
	const char *dir;	/* on the file system under test */
	const char *other;	/* on a file system without DAX, or NULL */
	const char *tmp;	/* for core files */
	const char *exec;	/* xip-hello, or NULL */
	const char *segment;	/* name in /proc/iomem, or NULL */
	const char *type;	/* of its file system, or NULL */
	const char *only;	/* run cases whose name contains this, or NULL */
	size_t size;		/* of a mapping */
	unsigned int nr_large;	/* large pages in it, unless --size is given */
	bool stock;		/* cases that stock fails have to fail */
	bool readonly;		/* the directory holds a file "data" to map */
	bool table;
	bool dm;		/* a device mapper device over the segments */
	bool large;		/* mappings are made of large pages */
};

extern struct dcss_options opt;
extern size_t pagesize;
extern size_t largesize;	/* 1 MiB on s390; 0 without --large */

void dcss_parse(int argc, char **argv);
void dcss_parse_large(void);
void dcss_run(const struct dcss_case *list, size_t nr);
void dcss_table(const struct dcss_case *list, size_t nr);

/* Say what went wrong, with or without errno; both return KSFT_FAIL. */
int fails(const char *fmt, ...) __printf(1, 2);
int wrong(const char *fmt, ...) __printf(1, 2);
int skip(const char *fmt, ...) __printf(1, 2);

void fill(char *buf, size_t len, unsigned int seed);
char *filled(size_t len, unsigned int seed);
int differs(const char *what, const char *got, const char *want, size_t len);
int written(struct area *a, const char *now);
int file_is(int fd, const char *want, size_t len);
int new_file(const char *dir, const char *name, const char *data, size_t len,
	     char *path);
int open_other(const char *dir, const char *name, const char *data, size_t len,
	       int flags);
char *large_place(size_t len);
char *map_file(int fd, size_t len, int prot, int flags);
long faults(void);
long large_bytes(const char *map, size_t len);
int mapped_large(const char *what, const char *map, size_t len, size_t nr);
bool own_page(const struct area *a, size_t off);
int by_other(struct area *a, int (*fn)(struct area *a, pid_t pid));
int child_result(pid_t pid);
pid_t fork_child(void);

/* Read a byte, for the fault. */
static inline char touch(const char *addr)
{
	return __atomic_load_n(addr, __ATOMIC_RELAXED);
}

void need_driver(void);
int copy_file(const char *from, const char *to);
int put_string(const char *path, const char *text);
int get_string(const char *path, char *text, size_t len);
unsigned long long pagemap_entry(pid_t pid, uintptr_t addr);
int iomem_range(const char *segment, unsigned long long *first,
		unsigned long long *last);
long meminfo_kb(const char *field);
long free_kb(void);
char *kernel_counts(bool identity);
int counts_as_before(const char *was, bool identity);
bool kernel_has_kasan(void);
char *vmalloc_lines(void);
int same_text(const char *what, const char *is, const char *was);
char *read_whole(const char *path);
int task_state(pid_t tid);

void log_mark(void);
int log_bad(char *line, size_t len);

/* Pagemap bits, Documentation/admin-guide/mm/pagemap.rst */
#define PM_PFN		0x7fffffffffffffULL
#define PM_PRESENT	0x8000000000000000ULL

#endif
