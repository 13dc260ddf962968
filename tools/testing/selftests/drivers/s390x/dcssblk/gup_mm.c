// SPDX-License-Identifier: GPL-2.0
/* Memory management calls on a mapping: locking, population, fork, ... */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "gup.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

static int mm_mlock(struct area *a)
{
	/* Nothing to count in VmLck: DAX pages are always in memory. */
	if (mlock(a->map, a->len))
		return fails("mlock");
	if (differs("locked", a->map, a->want, a->len))
		return KSFT_FAIL;
	if (munlock(a->map, a->len))
		return fails("munlock");
	return written(a, a->want);
}

static int mm_mlockall(struct area *a)
{
	char *more;

	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		return fails("mlockall");
	more = map_file(a->fd, a->len, PROT_READ, MAP_SHARED);
	if (more == MAP_FAILED)
		return fails("mmap of locked pages");
	if (differs("locked", more, a->file, a->len))
		return KSFT_FAIL;
	if (munlockall())
		return fails("munlockall");
	munmap(more, a->len);
	return written(a, a->want);
}

static int mm_populate_read(struct area *a)
{
	if (madvise(a->map, a->len, MADV_POPULATE_READ))
		return fails("MADV_POPULATE_READ of mapped pages");
	if (a->how != PRIVATE_MIX && madvise(a->map, a->len, MADV_DONTNEED))
		return fails("MADV_DONTNEED");
	if (madvise(a->map, a->len, MADV_POPULATE_READ))
		return fails("MADV_POPULATE_READ");
	if (!(pagemap_entry(getpid(), (uintptr_t)a->map) & PM_PRESENT))
		return wrong("page is not there");
	return written(a, a->want);
}

static int mm_populate_write(struct area *a)
{
	if (madvise(a->map, a->len, MADV_POPULATE_WRITE))
		return fails("MADV_POPULATE_WRITE");
	if (written(a, a->want))
		return KSFT_FAIL;
	fill(a->map, a->len, 50);
	fill(a->want, a->len, 50);
	return written(a, a->want);
}

/* In the child: see the old data, write, wait for the parent's write. */
static int fork_side(struct area *a, const char *mine, int to, int from)
{
	char *his = filled(a->len, 52), c = 0;

	if (differs("child", a->map, a->want, a->len))
		return KSFT_FAIL;
	memcpy(a->map, mine, a->len);
	if (write(to, &c, 1) != 1 || read(from, &c, 1) != 1)
		return fails("pipe");
	return differs("child, later", a->map, a->how & SHARED ? his : mine,
		       a->len) ? KSFT_FAIL : KSFT_PASS;
}

static int mm_fork(struct area *a)
{
	char *mine = filled(a->len, 51), c = 0;
	const char *seen = a->how & SHARED ? mine : a->want;
	int up[2], down[2], rc;
	pid_t pid;

	if (pipe(up) || pipe(down))
		return fails("pipe");
	pid = fork_child();
	if (!pid) {
		close(up[0]);
		close(down[1]);
		_exit(fork_side(a, mine, up[1], down[0]));
	}
	close(up[1]);
	close(down[0]);
	if (read(up[0], &c, 1) != 1)
		return child_result(pid);
	rc = written(a, seen);
	fill(a->map, a->len, 52);
	if (write(down[1], &c, 1) != 1)
		return fails("pipe");
	if (child_result(pid))
		return KSFT_FAIL;
	fill(a->want, a->len, 52);
	return rc == KSFT_PASS ? written(a, a->want) : rc;
}

/* A page in a pipe, then fork, then a write: the pipe keeps the old data. */
static int mm_fork_pinned(struct area *a)
{
	struct iovec iov = { a->map, pagesize };
	char *buf = filled(pagesize, 99);
	pid_t pid;
	int p[2];

	if (pipe(p))
		return fails("pipe");
	if (vmsplice(p[1], &iov, 1, 0) != (ssize_t)pagesize)
		return fails("vmsplice");
	pid = fork_child();
	if (!pid) {
		fill(a->map, pagesize, 60);
		_exit(KSFT_PASS);
	}
	if (child_result(pid))
		return KSFT_FAIL;
	if (read(p[0], buf, pagesize) != (ssize_t)pagesize)
		return fails("read from the pipe");
	if (differs("pipe", buf, a->want, pagesize))
		return KSFT_FAIL;
	return written(a, a->want);
}

static int mm_pagemap(struct area *a)
{
	unsigned long long first, last, one, two;
	char *again;
	size_t off;

	again = map_file(a->fd, a->len, PROT_READ, MAP_SHARED);
	if (again == MAP_FAILED)
		return fails("mmap");
	if (opt.segment && segment_range(opt.segment, &first, &last))
		return wrong("no %s in /proc/iomem", opt.segment);
	for (off = 0; off < a->len; off += pagesize) {
		bool own = own_page(a, off);

		touch(again + off);
		one = pagemap_entry(getpid(), (uintptr_t)a->map + off);
		two = pagemap_entry(getpid(), (uintptr_t)again + off);
		if (!(one & PM_PRESENT) || !(two & PM_PRESENT))
			return wrong("page 0x%zx is not there", off);
		if (!(one & PM_PFN))
			return skip("no page frame numbers, not root?");
		if (own == ((one & PM_PFN) == (two & PM_PFN)))
			return wrong("page 0x%zx: frames %llx, %llx", off,
				     (unsigned long long)(one & PM_PFN),
				     (unsigned long long)(two & PM_PFN));
		two = (two & PM_PFN) * pagesize;
		if (opt.segment && (two < first || two > last))
			return wrong("page 0x%zx is not in %s", off,
				     opt.segment);
	}
	return KSFT_PASS;
}

static int mm_smaps(struct area *a)
{
	static const char * const files[] = {
		"smaps", "smaps_rollup", "maps",
	};
	char path[64], buf[4096];
	ssize_t n;
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "/proc/self/%s", files[i]);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			return fails("%s", path);
		while ((n = read(fd, buf, sizeof(buf))) > 0)
			;
		close(fd);
		if (n)
			return fails("%s", path);
	}
	/* 1: referenced bits of all pages, 4: soft dirty bits, if any. */
	if (put_string("/proc/self/clear_refs", "1") ||
	    (put_string("/proc/self/clear_refs", "4") && errno != EINVAL))
		return fails("clear_refs");
	return written(a, a->want);
}

/* What a page is worth to others, wherever it is mapped now. */
static int readable(const char *addr, const char *want, size_t len)
{
	char *buf = filled(len, 99);
	struct iovec to = { buf, len }, from = { (void *)addr, len };

	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != (ssize_t)len)
		return fails("process_vm_readv of itself");
	return differs("readv", buf, want, len) ? KSFT_FAIL : KSFT_PASS;
}

static int mm_mremap(struct area *a)
{
	char *place = large_place(a->len);
	size_t half = a->len / 2;
	char *moved;

	/* Only the second half moves: the mapping is split as well. */
	moved = mremap(a->map + half, half, half, MREMAP_MAYMOVE | MREMAP_FIXED,
		       place);
	if (moved == MAP_FAILED)
		return fails("mremap");
	if (differs("moved", moved, a->want + half, half) ||
	    readable(moved, a->want + half, half))
		return KSFT_FAIL;
	if (differs("not moved", a->map, a->want, half))
		return KSFT_FAIL;
	return readable(a->map, a->want, half);
}

static int mm_mprotect(struct area *a)
{
	char *page = a->map + pagesize, *buf = filled(pagesize, 70);
	struct iovec from = { buf, pagesize }, to = { page, pagesize };

	if (mprotect(page, pagesize, PROT_READ))
		return fails("mprotect");
	if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) >= 0)
		return wrong("process_vm_writev to a read-only page");
	if (readable(a->map, a->want, a->len))
		return KSFT_FAIL;
	if (mprotect(page, pagesize, PROT_READ | PROT_WRITE))
		return fails("mprotect");
	if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) !=
	    (ssize_t)pagesize)
		return fails("process_vm_writev");
	memcpy(a->want + pagesize, buf, pagesize);
	free(buf);
	return written(a, a->want);
}

static int mm_unmap_part(struct area *a)
{
	char *page = a->map + pagesize;
	char *back;

	if (munmap(page, pagesize))
		return fails("munmap");
	if (readable(a->map, a->want, pagesize) ||
	    readable(page + pagesize, a->want + 2 * pagesize,
		     a->len - 2 * pagesize))
		return KSFT_FAIL;
	back = mmap(page, pagesize, PROT_READ,
		    MAP_FIXED | (a->how & SHARED ? MAP_SHARED : MAP_PRIVATE),
		    a->fd, pagesize);
	if (back != page)
		return fails("mmap");
	return readable(page, a->file + pagesize, pagesize);
}

/* What is dropped comes back from the file. */
static int mm_dontneed(struct area *a)
{
	if (madvise(a->map, a->len, MADV_DONTNEED))
		return fails("MADV_DONTNEED");
	memcpy(a->want, a->file, a->len);
	if (written(a, a->want))
		return KSFT_FAIL;
	return readable(a->map, a->want, a->len);
}

static int mm_sync(struct area *a)
{
	struct iovec to = { a->map + pagesize, pagesize };
	struct iovec from = { a->want, pagesize };

	if (msync(a->map, a->len, MS_SYNC) || fsync(a->fd))
		return fails("msync or fsync");
	/* Clean now, and not writable in the page table: dirty it remotely. */
	if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) !=
	    (ssize_t)pagesize)
		return fails("process_vm_writev");
	memcpy(a->want + pagesize, a->want, pagesize);
	if (msync(a->map, a->len, MS_SYNC) || fsync(a->fd))
		return fails("msync or fsync");
	return written(a, a->want);
}

static const struct dcss_case cases[] = {
	/*
	 * A special PTE in a mapping that is not VM_MIXEDMAP: mlock succeeds
	 * and the kernel reports a bad page map for every page.
	 */
	{ "mlock, munlock", mm_mlock, ANY, 0 },
	{ "mlockall, munlockall", mm_mlockall, ANY, 0 },

	/* Works without pages, but must not leave bad ones behind. */
	{ "MADV_POPULATE_READ", mm_populate_read, ANY, 0 },
	{ "MADV_POPULATE_WRITE", mm_populate_write, WRITABLE, 0 },

	/* Either side writes: a private copy that is not one is seen. */
	{ "fork, both sides write", mm_fork, WRITABLE, 0 },

	/* The page in the pipe stays with the parent. */
	{ "fork with a page in a pipe", mm_fork_pinned,
	  PRIVATE_RW | PRIVATE_MIX, 0 },

	/* The frame is the segment's, and the same for everybody. */
	{ "/proc/PID/pagemap", mm_pagemap, ANY, 0 },
	{ "smaps, clear_refs", mm_smaps, ANY, 0 },

	/* A PTE that moves or changes has to stay what it is. */
	{ "mremap of a half", mm_mremap, ANY, 0 },
	{ "mprotect in the middle", mm_mprotect, WRITABLE, 0 },
	{ "munmap in the middle", mm_unmap_part, ANY, 0 },
	{ "MADV_DONTNEED", mm_dontneed, ANY, 0 },

	/* After a sync the PTE is clean and read-only; GUP makes it dirty. */
	{ "write after msync and fsync", mm_sync, SHARED_RW, NEEDS_WRITE },
};

void gup_mm(void)
{
	dcss_cases(cases, ARRAY_SIZE(cases));
}
