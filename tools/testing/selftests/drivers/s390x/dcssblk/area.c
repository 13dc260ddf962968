// SPDX-License-Identifier: GPL-2.0
/* Mappings of files, see area.h. */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../../../kselftest.h"
#include "area.h"
#include "child.h"
#include "files.h"
#include "options.h"
#include "say.h"

/* PAGEMAP_SCAN of <linux/fs.h>, since 6.7 */
struct scan_arg {
	unsigned long long size, flags, start, end, walk_end, vec, vec_len;
	unsigned long long max_pages, inverted, mask, anyof, returned;
};

struct scan_region {
	unsigned long long start, end, categories;
};

#define SCAN		_IOWR('f', 16, struct scan_arg)
#define SCAN_IS_HUGE	(1ULL << 6)

/* The mapping must read as @now, and the file too where it is shared. */
int written(struct area *a, const char *now)
{
	if (differs("mapping", a->map, now, a->len))
		return KSFT_FAIL;
	return file_is(a->fd, a->how & SHARED ? now : a->file, a->len);
}

void pagemap_entries(pid_t pid, uintptr_t addr, unsigned long long *entries,
		     size_t nr)
{
	ssize_t len = nr * sizeof(*entries);
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 ||
	    pread(fd, entries, len, addr / pagesize * sizeof(*entries)) != len)
		memset(entries, 0, len);
	if (fd >= 0)
		close(fd);
}

unsigned long long pagemap_entry(pid_t pid, uintptr_t addr)
{
	unsigned long long entry;

	pagemap_entries(pid, addr, &entry, 1);
	return entry;
}

/*
 * A module gets a reference to a page of the segment that @path is in, but not to
 * one of the file: to one not far away, which has a struct page of its own as soon
 * as the file's first page is mapped.
 */
int module_takes_page(const char *path)
{
	int fd = open(path, O_RDONLY), rc;
	unsigned long long pfn;
	char command[80], *map;

	map = mmap(NULL, pagesize, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return fails("%s", path);
	touch(map);
	pfn = pagemap_entry(getpid(), (uintptr_t)map) & PM_PFN;
	pfn = pfn / STRETCH * STRETCH + (pfn + STRETCH / 2) % STRETCH;
	snprintf(command, sizeof(command), "modprobe dcss_user page=0x%llx",
		 pfn * pagesize);
	rc = system(command);
	munmap(map, pagesize);
	return rc ? skip("needs test_modules/dcss_user.ko") : KSFT_PASS;
}

/* An aligned place for a mapping, with nothing around it. */
char *place(size_t len, size_t align)
{
	char *map = mmap(NULL, len + 2 * align, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		ksft_exit_fail_msg("no room for %zu bytes\n", len);
	return (char *)(((uintptr_t)map + align) & -align);
}

char *large_place(size_t len)
{
	return place(len, largesize ? largesize : pagesize);
}

/* The file from its beginning, with --large where large pages fit. */
char *map_file(int fd, size_t len, int prot, int flags)
{
	if (!opt.large)
		return mmap(NULL, len, prot, flags, fd, 0);
	return mmap(large_place(len), len, prot, flags | MAP_FIXED, fd, 0);
}

/* At an address that no large page, and no page table, can map the file at. */
char *map_odd(int fd, size_t len, int prot, int flags)
{
	return mmap(place(len + pagesize, 2 << 20) + pagesize, len, prot,
		    flags | MAP_FIXED, fd, 0);
}

void touch_pages(const char *map, size_t len)
{
	size_t off;

	for (off = 0; off < len; off += pagesize)
		touch(map + off);
}

/* Page faults of this process so far, none of which has to wait for I/O. */
long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* How much of it is mapped by large pages; -1 if this kernel cannot tell. */
long large_bytes(const char *map, size_t len)
{
	struct scan_region regions[64];
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = (uintptr_t)map,
		.end = (uintptr_t)map + len,
		.vec = (uintptr_t)regions,
		.vec_len = ARRAY_SIZE(regions),
		.mask = SCAN_IS_HUGE,
		.returned = SCAN_IS_HUGE,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY), n, i;
	size_t bytes = 0;

	if (fd < 0)
		return -1;
	n = ioctl(fd, SCAN, &arg);
	close(fd);
	for (i = 0; i < n; i++)
		bytes += regions[i].end - regions[i].start;
	return n < 0 ? -1 : (long)bytes;
}

/* That many large pages, neither less nor more, are in the page table. */
int mapped_large(const char *what, const char *map, size_t len, size_t nr)
{
	long found = opt.large ? large_bytes(map, len) : -1;

	if (found < 0 || found == (long)(nr * largesize))
		return KSFT_PASS;
	return wrong("%s: %ld KiB mapped by large pages, not %zu", what,
		     found / 1024, nr * largesize / 1024);
}

/*
 * Let another process work on the mapping of this one. The other process has
 * no mapping at that place: where the kernel takes the wrong address space
 * (cow_user_page() of a page without struct page does), it shows.
 */
int by_other(struct area *a, int (*fn)(struct area *a, pid_t pid))
{
	pid_t pid = fork_child();

	if (!pid) {
		munmap(a->map, a->len);
		_exit(fn(a, getppid()));
	}
	return child_result(pid);
}

/* Whether a page is the process's own copy from the beginning. */
bool own_page(const struct area *a, size_t off)
{
	if (a->how != PRIVATE_MIX || !(off / pagesize & 1))
		return false;
	/* A large page stays one until the first copy of a part of it. */
	return !opt.large || (off / largesize & 1);
}

/* Every page into the page table. */
static int touch_all(struct area *a)
{
	long before = faults(), after;

	touch_pages(a->map, a->len);
	after = faults();
	if (!opt.large)
		return KSFT_PASS;
	/* Text and stack of this program may take some, too. */
	if (after - before > (long)(a->len / largesize) + 4)
		return wrong("%ld faults: not mapped by large pages, page frame 0x%llx",
			     after - before,
			     pagemap_entry(getpid(), (uintptr_t)a->map) &
			     PM_PFN);
	return mapped_large("read", a->map, a->len, a->len / largesize);
}

/* Map it as the case wants it, with every page in the page table. */
static int map_area(struct area *a)
{
	size_t off, nr = opt.large ? a->len / largesize : 0;
	int prot = PROT_READ;

	if (a->how & WRITABLE)
		prot |= PROT_WRITE;
	a->map = map_file(a->fd, a->len, prot,
			  a->how & SHARED ? MAP_SHARED : MAP_PRIVATE);
	if (a->map == MAP_FAILED)
		return fails("mmap");
	if (touch_all(a) || differs("new mapping", a->map, a->file, a->len))
		return KSFT_FAIL;
	for (off = 0; off < a->len; off += pagesize)
		if (a->how == SHARED_RW || own_page(a, off))
			fill(a->map + off, pagesize, off / pagesize + 7);
	memcpy(a->want, a->map, a->len);
	if (a->how == SHARED_RW)
		memcpy(a->file, a->want, a->len);
	if (file_is(a->fd, a->file, a->len))
		return KSFT_FAIL;
	return mapped_large("area", a->map, a->len,
			    a->how == PRIVATE_MIX ? nr / 2 : nr);
}

int area_open(struct area *a, unsigned int how)
{
	memset(a, 0, sizeof(*a));
	a->fd = -1;
	a->how = how;
	a->len = opt.size;
	if (!how)
		return KSFT_PASS;
	a->file = filled(a->len, opt.readonly ? 0 : how + 1);
	a->want = filled(a->len, 0);
	if (opt.readonly) {
		snprintf(a->path, sizeof(a->path), "%s/data", opt.dir);
		a->fd = open(a->path, O_RDONLY);
	} else {
		a->fd = new_file(opt.dir, "area", a->file, a->len, a->path);
		fsync(a->fd);
	}
	if (a->fd < 0)
		return fails("%s", a->path);
	return map_area(a);
}

void area_close(struct area *a)
{
	if (a->how && !opt.readonly)
		unlink(a->path);
}
