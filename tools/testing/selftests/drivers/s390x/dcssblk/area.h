/* SPDX-License-Identifier: GPL-2.0 */
/* The mapping of a file that a case gets. */
#ifndef DCSS_AREA_H
#define DCSS_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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

struct area {
	unsigned int how;	/* one of SHARED_RO ... */
	int fd;
	char path[256];
	size_t len;
	char *map;
	char *want;		/* what the mapping has to read as */
	char *file;		/* what the file has to read as */
	const void *arg;	/* of the case, and ... */
	unsigned int nr;	/* ... which one of several */
};

/* Pagemap bits, Documentation/admin-guide/mm/pagemap.rst */
#define PM_PFN		0x7fffffffffffffULL
#define PM_PRESENT	0x8000000000000000ULL

/* Pages of a segment that get a page of struct pages when one of them is mapped. */
#define STRETCH		64

int area_open(struct area *a, unsigned int how);
void area_close(struct area *a);
bool own_page(const struct area *a, size_t off);
int written(struct area *a, const char *now);
int by_other(struct area *a, int (*fn)(struct area *a, pid_t pid));

char *place(size_t len, size_t align);
char *large_place(size_t len);
char *map_file(int fd, size_t len, int prot, int flags);
char *map_odd(int fd, size_t len, int prot, int flags);
long faults(void);
long large_bytes(const char *map, size_t len);
int mapped_large(const char *what, const char *map, size_t len, size_t nr);

/* Of pages that follow each other: all are 0 if one cannot be read. */
void pagemap_entries(pid_t pid, uintptr_t addr, unsigned long long *entries,
		     size_t nr);
unsigned long long pagemap_entry(pid_t pid, uintptr_t addr);
int module_takes_page(const char *path);

/* Read a byte of each page. */
void touch_pages(const char *map, size_t len);

/* Read a byte, for the fault. */
static inline char touch(const char *addr)
{
	return __atomic_load_n(addr, __ATOMIC_RELAXED);
}

#endif
