// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel may take pages that follow each other at once. Here they do, for a
 * while: a patchwork of mappings, in which pages of the file follow each other in
 * its order and in others, with copies, anonymous pages and gaps among them.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "gup.h"

#define PATCHES		60
#define ROUNDS		300
/* What the kernel takes at once, before it copies: PVM_MAX_USER_PAGES. */
#define MAX_PAGES	1024
/* Page tables end at the same places in each run. */
#define TABLE		(2UL << 20)
/* Whose pins are counted, if others pin pages as well. */
#define TRIES		20

/* CLOSED: pages of the file, in the page table, that nobody may touch any more. */
enum kind { FILE_SHARED, FILE_PRIVATE, FILE_COPIED, ANONYMOUS, CLOSED, GAP, KINDS };

static const struct { int prot, flags; } patches[KINDS] = {
	[FILE_SHARED] = { PROT_READ | PROT_WRITE, MAP_SHARED },
	[FILE_PRIVATE] = { PROT_READ | PROT_WRITE, MAP_PRIVATE },
	[FILE_COPIED] = { PROT_READ | PROT_WRITE, MAP_PRIVATE },
	[ANONYMOUS] = { PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS },
	[CLOSED] = { PROT_READ, MAP_SHARED },
	[GAP] = { PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS },
};

struct patchwork {
	struct area *a;
	char *map;
	size_t pages, unit;	/* how many; how many at least belong together */
	enum kind *kind;	/* of each page, ... */
	char **is;		/* and what it reads as: a part of the file's model */
	bool *own;		/* ... or a copy */
	bool stop;
};

static char *zeroes(size_t nr)
{
	char *buf = calloc(nr, pagesize);

	if (!buf)
		ksft_exit_fail_msg("no memory\n");
	return buf;
}

/* The process has its own copy of the page from now on. */
static char *own_copy(struct patchwork *p, size_t page)
{
	if (!p->own[page]) {
		p->is[page] = memcpy(zeroes(1), p->is[page], pagesize);
		p->own[page] = true;
	}
	return p->is[page];
}

static int map_patch(struct patchwork *p, size_t first, size_t nr)
{
	enum kind kind = random() % KINDS;
	size_t from = p->a->len / pagesize - nr, i;
	int prot = patches[kind].prot, flags = patches[kind].flags;
	char *at = p->map + first * pagesize;

	from = random() % (from / p->unit + 1) * p->unit;
	if (kind == FILE_SHARED && p->a->how == SHARED_RO)
		prot = PROT_READ;
	if (mmap(at, nr * pagesize, prot, flags | MAP_FIXED,
		 flags & MAP_ANONYMOUS ? -1 : p->a->fd,
		 flags & MAP_ANONYMOUS ? 0 : from * pagesize) == MAP_FAILED)
		return fails("mmap");
	for (i = 0; i < nr; i++) {
		p->kind[first + i] = kind;
		p->own[first + i] = kind == ANONYMOUS;
		p->is[first + i] = kind == ANONYMOUS ? zeroes(1) :
				   p->a->file + (from + i) * pagesize;
	}
	if (kind == CLOSED) {
		touch_pages(at, nr * pagesize);
		if (mprotect(at, nr * pagesize, PROT_NONE))
			return fails("mprotect");
	}
	if (kind == FILE_COPIED) {
		i = random() % nr;
		*own_copy(p, first + i) ^= 1;
		at[i * pagesize] ^= 1;
	}
	return KSFT_PASS;
}

/*
 * Some pages are taken out of the file and added to its end: those that they were
 * between follow each other in the file and in its mappings, but not in memory.
 * Not all file systems can do that.
 */
static int fragment(struct area *a)
{
	char *page = filled(pagesize, 0);
	size_t off = 3 * pagesize, end = a->len - pagesize;

	if (opt.large || opt.readonly)
		return KSFT_PASS;
	for (; off < end; off += 3 * pagesize) {
		if (fallocate(a->fd, FALLOC_FL_COLLAPSE_RANGE, off, pagesize))
			break;
		fill(page, pagesize, off);
		memmove(a->file + off, a->file + off + pagesize, end - off);
		memcpy(a->file + end, page, pagesize);
		if (pwrite(a->fd, page, pagesize, end) != (ssize_t)pagesize)
			return fails("write");
	}
	free(page);
	return file_is(a->fd, a->file, a->len);
}

static int map_patchwork(struct patchwork *p, struct area *a)
{
	size_t page = 0, max, nr;

	if (fragment(a))
		return KSFT_FAIL;
	p->a = a;
	p->unit = opt.large ? largesize / pagesize : 1;
	max = a->len / pagesize / p->unit;
	p->pages = (opt.large ? 8 : PATCHES * max / 2) * p->unit;
	p->kind = calloc(p->pages, sizeof(*p->kind));
	p->is = calloc(p->pages, sizeof(*p->is));
	p->own = calloc(p->pages, sizeof(*p->own));
	if (!p->kind || !p->is || !p->own)
		return fails("calloc");
	p->map = place(p->pages * pagesize, TABLE);
	for (; page < p->pages; page += nr) {
		nr = (random() % max + 1) * p->unit;
		if (nr > p->pages - page)
			nr = p->pages - page;
		if (map_patch(p, page, nr))
			return KSFT_FAIL;
	}
	return KSFT_PASS;
}

/* From @off on: how many bytes come before the first that cannot be had. */
static size_t reach_of(const struct patchwork *p, size_t off, size_t len,
		       bool write)
{
	size_t page;

	for (page = off / pagesize; page * pagesize < off + len; page++)
		if (p->kind[page] == GAP || p->kind[page] == CLOSED ||
		    (write && p->kind[page] == FILE_SHARED &&
		     p->a->how == SHARED_RO))
			break;
	if (page * pagesize >= off + len)
		return len;
	return page * pagesize > off ? page * pagesize - off : 0;
}

/* As much of the page of @off as @len covers. */
static size_t in_page(size_t off, size_t len)
{
	size_t left = pagesize - off % pagesize;

	return len < left ? len : left;
}

static int reads_as(struct patchwork *p, size_t off, const char *buf, size_t len)
{
	char what[64];
	size_t n;

	for (; len; off += n, buf += n, len -= n) {
		n = in_page(off, len);
		snprintf(what, sizeof(what), "page %zu, of kind %d",
			 off / pagesize, p->kind[off / pagesize]);
		if (differs(what, buf, p->is[off / pagesize] + off % pagesize, n))
			return KSFT_FAIL;
	}
	return KSFT_PASS;
}

/* All pages are there before the first of them is written to. */
static void note_written(struct patchwork *p, size_t off, const char *buf,
			 size_t len)
{
	size_t n, page;

	for (page = off / pagesize; page * pagesize < off + len; page++)
		if (p->kind[page] != FILE_SHARED)
			own_copy(p, page);
	for (; len; off += n, buf += n, len -= n) {
		n = in_page(off, len);
		page = off / pagesize;
		memcpy(p->is[page] + off % pagesize, buf, n);
	}
}

/* Anywhere, any length, to or from the patchwork. */
static int random_copy(struct patchwork *p, char *buf, bool write)
{
	size_t off = random() % (p->pages * pagesize);
	size_t max = p->pages * pagesize - off;
	size_t len = random() % (max < (MAX_PAGES - 1) * pagesize ? max :
				 (MAX_PAGES - 1) * pagesize) + 1;
	size_t want = reach_of(p, off, len, write);
	struct iovec there = { p->map + off, len }, here = { buf, len };
	ssize_t n;

	if (write) {
		fill(buf, len, random());
		n = process_vm_writev(getpid(), &here, 1, &there, 1, 0);
	} else {
		n = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
	}
	if (n != (want ? (ssize_t)want : -1))
		return fails("%zu bytes at %zu: %zd instead of %zu",
			     len, off, n, want);
	if (write)
		note_written(p, off, buf, want);
	else if (reads_as(p, off, buf, want))
		return KSFT_FAIL;
	return KSFT_PASS;
}

static int random_copies(struct patchwork *p)
{
	char *buf = zeroes(p->pages);
	unsigned int i;
	int rc = KSFT_PASS;

	for (i = 0; i < ROUNDS && !rc; i++)
		rc = random_copy(p, buf, i & 1);
	free(buf);
	return rc ? rc : file_is(p->a->fd, p->a->file, p->a->len);
}

/* Truncate waits for each page that somebody has. */
static int all_let_go(struct patchwork *p)
{
	munmap(p->map, p->pages * pagesize);
	munmap(p->a->map, p->a->len);
	if (!opt.readonly && ftruncate(p->a->fd, 0))
		return fails("truncate");
	return KSFT_PASS;
}

static int run_patchwork(struct area *a)
{
	struct patchwork p = { };

	srandom(a->how);
	if (map_patchwork(&p, a) || random_copies(&p))
		return KSFT_FAIL;
	return all_let_go(&p);
}

/* What can be had again goes, some of it, while the other side takes it. */
static void *unmaps(void *arg)
{
	struct patchwork *p = arg;
	unsigned int seed = 1;
	size_t first, page;

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		first = rand_r(&seed) % p->pages;
		for (page = first; page < p->pages && page < first + 5; page++)
			if (p->kind[page] == FILE_SHARED)
				madvise(p->map + page * pagesize, pagesize,
					MADV_DONTNEED);
	}
	return NULL;
}

static int run_unmapped(struct area *a)
{
	struct patchwork p = { };
	pthread_t thread;
	int rc;

	srandom(a->how + 100);
	if (map_patchwork(&p, a))
		return KSFT_FAIL;
	if (pthread_create(&thread, NULL, unmaps, &p))
		return fails("pthread_create");
	rc = random_copies(&p);
	__atomic_store_n(&p.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return rc ? rc : all_let_go(&p);
}

struct pins {
	long acquired, released;
};

static int count_pins(struct pins *pins)
{
	if (vmstat_refresh())
		return KSFT_FAIL;
	pins->acquired = vmstat("nr_foll_pin_acquired");
	pins->released = vmstat("nr_foll_pin_released");
	return pins->acquired < 0 || pins->released < 0 ?
	       skip("/proc/vmstat has no nr_foll_pin_acquired") : KSFT_PASS;
}

/*
 * Each page is counted, once when it is pinned and once when it is let go. Others
 * may pin pages meanwhile, but not always.
 */
static int run_counted(struct area *a)
{
	char *buf = filled(a->len, 1);
	struct iovec there = { a->map, a->len }, here = { buf, a->len };
	long pages = a->len / pagesize;
	struct pins before, after;
	unsigned int i;
	int rc;

	for (i = 0; i < TRIES; i++) {
		rc = count_pins(&before);
		if (rc)
			return rc;
		if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) !=
		    (ssize_t)a->len)
			return fails("process_vm_readv");
		if (count_pins(&after))
			return KSFT_FAIL;
		after.acquired -= before.acquired;
		after.released -= before.released;
		if (after.acquired == pages && after.released == pages)
			return KSFT_PASS;
	}
	return wrong("%ld pages: %ld pinned, %ld let go", pages, after.acquired,
		     after.released);
}

static const struct dcss_case cases[] = {
	{ "runs of pages, a patchwork", run_patchwork, SHARED, 0 },
	{ "runs of pages, beside MADV_DONTNEED", run_unmapped, SHARED, 0 },
	{ "runs of pages, counted", run_counted, SHARED | PRIVATE_RO, 0 },
};

void gup_run(void)
{
	dcss_cases(cases, ARRAY_SIZE(cases));
}
