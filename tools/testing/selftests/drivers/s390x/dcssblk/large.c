// SPDX-License-Identifier: GPL-2.0
/*
 * Large pages (1 MiB segment-table entries on s390) in mappings of DAX files
 * on a DCSS: what happens to one of which only a part is unmapped, protected,
 * moved, written, pinned. The cases of gup and idle run on such mappings, too,
 * with --large; here is what makes no sense on small pages.
 *
 * That a mapping is made of large pages is seen in the number of page faults,
 * and asked from PAGEMAP_SCAN where the kernel has it.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "uring.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4
#endif
#ifndef MADV_COLD
#define MADV_COLD		20
#define MADV_PAGEOUT		21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MAP_SYNC
#define MAP_SHARED_VALIDATE	0x03
#define MAP_SYNC		0x080000
#endif

/* Bytes on either side of the border between two large pages. */
#define SIDE	(8 * pagesize)

/* Other than what the program itself may take while it looks. */
#define STRAY	4

static size_t nr_large(size_t len)
{
	return len / largesize;
}

/* GUP and the CPU agree about what is there. */
static int reads(const char *what, const char *addr, const char *want,
		 size_t len)
{
	char *buf = filled(len, 99);
	struct iovec to = { buf, len }, from = { (void *)addr, len };
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
	int rc = KSFT_FAIL;

	if (n != (ssize_t)len)
		fails("%s: process_vm_readv gives %zd", what, n);
	else if (!differs(what, buf, want, len) &&
		 !differs(what, addr, want, len))
		rc = KSFT_PASS;
	free(buf);
	return rc;
}

static sigjmp_buf landing;

static void land(int sig)
{
	siglongjmp(landing, sig);
}

/*
 * What @fn returns for @addr; minus a signal if it gets one. In this process: a
 * child has a page table of its own.
 */
static int attempt(int (*fn)(char *addr), char *addr)
{
	struct sigaction act = { .sa_handler = land }, segv, bus;
	int sig, rc;

	sigaction(SIGSEGV, &act, &segv);
	sigaction(SIGBUS, &act, &bus);
	sig = sigsetjmp(landing, 1);
	rc = sig ? -sig : fn(addr);
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return rc;
}

static int load(char *addr)
{
	touch(addr);
	return 0;
}

static int store(char *addr)
{
	__atomic_store_n(addr, touch(addr), __ATOMIC_RELAXED);
	return 0;
}

static int call(char *addr)
{
	return ((int (*)(void))addr)();
}

/* GUP asks the mapping first, the CPU has only what is in the page table. */
static int unreadable(const char *what, char *addr)
{
	char c;
	struct iovec to = { &c, 1 }, from = { addr, 1 };

	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1)
		return wrong("%s: can be read", what);
	if (errno != EFAULT)
		return fails("%s", what);
	return attempt(load, addr) ? KSFT_PASS : wrong("%s: the CPU reads", what);
}

/* A file and its mapping, not touched. */
struct own {
	char path[256];
	char *data, *map;
	size_t len;
	int fd;
};

static int own_open(struct own *o, const char *name, int flags)
{
	o->len = opt.size;
	o->data = filled(o->len, 17);
	o->fd = new_file(opt.dir, name, o->data, o->len, o->path);
	if (o->fd < 0)
		return fails("%s", o->path);
	o->map = map_file(o->fd, o->len, PROT_READ | PROT_WRITE, flags);
	return o->map == MAP_FAILED ? fails("mmap") : KSFT_PASS;
}

static int own_close(struct own *o, int rc)
{
	close(o->fd);
	unlink(o->path);
	return rc;
}

/* Faults of a touch of every page. */
static long touched(char *map, size_t len, bool write)
{
	long before = faults();
	size_t off;

	for (off = 0; off < len; off += pagesize) {
		if (write)
			map[off] = '#';
		else
			touch(map + off);
	}
	return faults() - before;
}

struct count {
	bool write;
	bool small;		/* by MADV_NOHUGEPAGE */
};

static int count(struct area *a)
{
	const struct count *how = a->arg;
	struct own o = { };
	size_t pages, off;
	long n;
	int rc;

	if (own_open(&o, "count", MAP_SHARED))
		return own_close(&o, KSFT_FAIL);
	pages = o.len / pagesize;
	/* One for each page, and none for pages around it. */
	if (how->small && (madvise(o.map, o.len, MADV_NOHUGEPAGE) ||
			   madvise(o.map, o.len, MADV_RANDOM)))
		return own_close(&o, fails("madvise"));
	n = touched(o.map, o.len, how->write);
	ksft_print_msg("%ld faults for %zu pages\n", n, pages);
	for (off = 0; off < o.len && how->write; off += pagesize)
		o.data[off] = '#';
	if (!how->small && n > (long)nr_large(o.len) + STRAY)
		rc = wrong("not mapped by large pages");
	else if (how->small && n < (long)pages)
		rc = wrong("mapped by large pages");
	else
		rc = mapped_large("touched", o.map, o.len,
				  how->small ? 0 : nr_large(o.len));
	if (differs("mapping", o.map, o.data, o.len))
		rc = KSFT_FAIL;
	return own_close(&o, rc);
}

/* Read first, then write: the entry that is there becomes writable. */
static int write_after_read(struct area *a)
{
	struct own o = { };
	long n;
	int rc = KSFT_FAIL;

	(void)a;
	if (own_open(&o, "upgrade", MAP_SHARED))
		return own_close(&o, KSFT_FAIL);
	touched(o.map, o.len, false);
	n = touched(o.map + largesize, largesize, true);
	if (n < 1 || n > 1 + STRAY)
		wrong("%ld faults for the write", n);
	else if (!mapped_large("written", o.map, o.len, nr_large(o.len)))
		rc = KSFT_PASS;
	return own_close(&o, rc);
}

static int populate(struct area *a)
{
	long before = faults(), n;
	char *map;

	map = map_file(a->fd, a->len, PROT_READ, MAP_SHARED | MAP_POPULATE);
	if (map == MAP_FAILED)
		return fails("mmap");
	n = touched(map, a->len, false);
	if (n >= (long)nr_large(a->len))
		return wrong("%ld faults in what is populated (%ld before)", n,
			     faults() - before - n);
	return mapped_large("populated", map, a->len, nr_large(a->len));
}

/* Where a large page is taken apart: its second page, and one in the middle. */
static size_t middle(void)
{
	return largesize + largesize / 2;
}

static int unmap_part(struct area *a)
{
	size_t at = middle(), next = 2 * largesize;

	if (munmap(a->map + at, pagesize))
		return fails("munmap");
	if (mapped_large("others", a->map, a->len, nr_large(a->len) - 1) ||
	    unreadable("unmapped page", a->map + at))
		return KSFT_FAIL;
	if (reads("before", a->map, a->want, at) ||
	    reads("after", a->map + at + pagesize, a->want + at + pagesize,
		  a->len - at - pagesize))
		return KSFT_FAIL;
	/* Ends inside the first, begins inside the third. */
	if (munmap(a->map + largesize - pagesize, next - largesize +
		   2 * pagesize))
		return fails("munmap across large pages");
	if (mapped_large("rest", a->map, a->len, nr_large(a->len) - 3) ||
	    unreadable("first unmapped", a->map + largesize - pagesize) ||
	    unreadable("last unmapped", a->map + next) ||
	    reads("first", a->map, a->want, largesize - pagesize))
		return KSFT_FAIL;
	return reads("third", a->map + next + pagesize,
		     a->want + next + pagesize, a->len - next - pagesize);
}

/* All of it, each time, or what is in one large page and not in the other. */
static int pinned(struct area *a, const char *what)
{
	char *at = a->map + largesize - SIDE, *buf = filled(2 * SIDE, 99);
	const char *want = a->want + largesize - SIDE;
	struct iovec iov = { at, 2 * SIDE };
	int p[2], fd, rc = KSFT_PASS;
	struct uring r;

	if (pipe(p) || vmsplice(p[1], &iov, 1, 0) != (ssize_t)(2 * SIDE))
		return fails("%s: vmsplice", what);
	if (read(p[0], buf, 2 * SIDE) != (ssize_t)(2 * SIDE) ||
	    differs("pipe", buf, want, 2 * SIDE))
		return wrong("%s: pipe", what);
	if (reads(what, at, want, 2 * SIDE))
		return KSFT_FAIL;
	if (!opt.other)
		return KSFT_PASS;
	fd = open_other(opt.other, "pinned", buf, 2 * SIDE, O_DIRECT);
	if (fd < 0 || ftruncate(fd, 0))
		return fails("open O_DIRECT in %s", opt.other);
	if (pwrite(fd, at, 2 * SIDE, 0) != (ssize_t)(2 * SIDE))
		rc = fails("%s: O_DIRECT write", what);
	else
		rc = file_is(fd, want, 2 * SIDE);
	if (rc == KSFT_PASS && !uring_open(&r) &&
	    uring_do(&r, IORING_OP_WRITE, fd, at, 2 * SIDE) != (int)(2 * SIDE))
		rc = wrong("%s: io_uring write", what);
	close(fd);
	free(buf);
	return rc;
}

static int protect_part(struct area *a)
{
	int prot = a->how & WRITABLE ? PROT_READ | PROT_WRITE : PROT_READ;
	char *page = a->map + middle();

	if (mprotect(page, pagesize, PROT_NONE))
		return fails("mprotect");
	if (mapped_large("others", a->map, a->len, nr_large(a->len) - 1) ||
	    unreadable("PROT_NONE", page) ||
	    reads("next to it", page + pagesize, a->want + middle() + pagesize,
		  pagesize))
		return KSFT_FAIL;
	if (mprotect(page, pagesize, prot))
		return fails("mprotect back");
	return reads("all", a->map, a->want, a->len);
}

/* As a whole it stays one, and is forbidden while it says so. */
static int protect_whole(struct area *a)
{
	int prot = a->how & WRITABLE ? PROT_READ | PROT_WRITE : PROT_READ;
	char *page = a->map + largesize;

	if (mprotect(page, largesize, PROT_NONE))
		return fails("mprotect");
	if (unreadable("PROT_NONE", page + pagesize) ||
	    mapped_large("PROT_NONE", a->map, a->len, nr_large(a->len)))
		return KSFT_FAIL;
	if (mprotect(page, largesize, PROT_READ))
		return fails("mprotect");
	if (attempt(load, page) || attempt(store, page) != -SIGSEGV)
		return wrong("PROT_READ: not what the CPU does");
	if (mprotect(page, largesize, prot))
		return fails("mprotect back");
	if (reads("all", a->map, a->want, a->len))
		return KSFT_FAIL;
	if (a->how & WRITABLE)
		fill(a->map + largesize, pagesize, 70);
	if (a->how & WRITABLE)
		fill(a->want + largesize, pagesize, 70);
	/* What mprotect() leaves in the entry says how to take a page. */
	return pinned(a, "PROT_READ and back") ? KSFT_FAIL : written(a, a->want);
}

/* Move @len bytes at @off to @to, and see that they are the same there. */
static int move(struct area *a, size_t off, size_t len, char *to, size_t large)
{
	char *from = a->map + off, *now;

	now = mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (now == MAP_FAILED)
		return fails("mremap");
	if (now != to)
		return wrong("mremap: moved to another place");
	if (mapped_large("moved", now, len, large) ||
	    unreadable("old place", from) ||
	    reads("moved", now, a->want + off, len))
		return KSFT_FAIL;
	return KSFT_PASS;
}

static int move_aligned(struct area *a)
{
	char *to = large_place(a->len);

	if (move(a, largesize, 2 * largesize, to, 2))
		return KSFT_FAIL;
	if (reads("first", a->map, a->want, largesize))
		return KSFT_FAIL;
	/* And back. */
	if (mremap(to, 2 * largesize, 2 * largesize,
		   MREMAP_MAYMOVE | MREMAP_FIXED, a->map + largesize) !=
	    a->map + largesize)
		return fails("mremap back");
	if (mapped_large("back", a->map, a->len, nr_large(a->len)))
		return KSFT_FAIL;
	return written(a, a->want);
}

static int move_unaligned(struct area *a)
{
	char *to = large_place(a->len) + pagesize;

	return move(a, largesize, 2 * largesize, to, 0);
}

/* From the middle of one to the middle of another. */
static int move_parts(struct area *a)
{
	size_t off = largesize / 2;
	char *to = large_place(a->len) + off;

	return move(a, off, 2 * largesize, to, 1);
}

static int shrink(struct area *a)
{
	size_t len = middle();
	char *now = mremap(a->map, a->len, len, 0);

	if (now != a->map)
		return fails("mremap to less");
	if (mapped_large("left", a->map, a->len, 1) ||
	    unreadable("cut off", a->map + len) ||
	    reads("left", a->map, a->want, len))
		return KSFT_FAIL;
	now = mremap(a->map, len, a->len, MREMAP_MAYMOVE);
	if (now == MAP_FAILED)
		return fails("mremap to more");
	memcpy(a->want + len, a->file + len, a->len - len);
	return reads("grown", now, a->want, a->len);
}

static int move_and_keep(struct area *a)
{
	char *to = large_place(a->len), *now;

	now = mremap(a->map, a->len, a->len,
		     MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);
	if (now == MAP_FAILED && errno == EINVAL)
		return skip("no MREMAP_DONTUNMAP");
	if (now == MAP_FAILED)
		return fails("mremap");
	if (mapped_large("moved", now, a->len, nr_large(a->len)) ||
	    mapped_large("left", a->map, a->len, 0) ||
	    reads("moved", now, a->want, a->len))
		return KSFT_FAIL;
	/* What is left is empty, and comes from the file. */
	return reads("left", a->map, a->file, a->len);
}

static int pin_border(struct area *a)
{
	if (pinned(a, "both large"))
		return KSFT_FAIL;
	if (mapped_large("pinned", a->map, a->len, nr_large(a->len)))
		return KSFT_FAIL;
	/* One of them large, the other not: a change of level on the way. */
	if (munmap(a->map + 2 * largesize - pagesize, pagesize) ||
	    pinned(a, "second small"))
		return KSFT_FAIL;
	if (munmap(a->map, pagesize) || pinned(a, "both small"))
		return KSFT_FAIL;
	return KSFT_PASS;
}

static int read_border(struct area *a)
{
	char *at = a->map + largesize - SIDE, *now = filled(2 * SIDE, 44);
	int fd = open_other(opt.other, "border", now, 2 * SIDE, O_DIRECT);
	struct iovec from = { now, 2 * SIDE }, to = { at, 2 * SIDE };

	if (fd < 0)
		return fails("open O_DIRECT in %s", opt.other);
	if (pread(fd, at, 2 * SIDE, 0) != (ssize_t)(2 * SIDE))
		return fails("O_DIRECT read");
	close(fd);
	memcpy(a->want + largesize - SIDE, now, 2 * SIDE);
	if (written(a, a->want))
		return KSFT_FAIL;
	fill(now, 2 * SIDE, 45);
	if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) !=
	    (ssize_t)(2 * SIDE))
		return fails("process_vm_writev");
	memcpy(a->want + largesize - SIDE, now, 2 * SIDE);
	return written(a, a->want);
}

static int dontneed_part(struct area *a)
{
	if (madvise(a->map + middle(), 2 * pagesize, MADV_DONTNEED))
		return fails("MADV_DONTNEED");
	if (mapped_large("others", a->map, a->len, nr_large(a->len) - 1))
		return KSFT_FAIL;
	return reads("all", a->map, a->want, a->len);
}

/* One page of a private mapping is copied, and nobody else's is. */
static int copy_one(struct area *a)
{
	size_t at = middle();
	char *other = map_file(a->fd, a->len, PROT_READ, MAP_SHARED);

	if (other == MAP_FAILED)
		return fails("mmap");
	fill(a->map + at, 64, 77);
	fill(a->want + at, 64, 77);
	if (mapped_large("others", a->map, a->len, nr_large(a->len) - 1) ||
	    written(a, a->want) || reads("all", a->map, a->want, a->len))
		return KSFT_FAIL;
	return reads("shared", other, a->file, a->len);
}

/* The mapping has copies, so fork goes through its page table. */
static int fork_private(struct area *a)
{
	size_t at = middle();
	pid_t pid;

	fill(a->map + at, 64, 78);
	fill(a->want + at, 64, 78);
	pid = fork_child();
	if (!pid) {
		if (reads("child", a->map, a->want, a->len))
			_exit(KSFT_FAIL);
		fill(a->map + 2 * largesize, 64, 79);
		fill(a->want + 2 * largesize, 64, 79);
		if (munmap(a->map + pagesize, pagesize))
			_exit(fails("munmap"));
		_exit(reads("child, written", a->map + largesize,
			    a->want + largesize, a->len - largesize));
	}
	if (child_result(pid) ||
	    mapped_large("parent", a->map, a->len, nr_large(a->len) - 1))
		return KSFT_FAIL;
	if (written(a, a->want))
		return KSFT_FAIL;
	return reads("parent", a->map, a->want, a->len);
}

static int fork_shared(struct area *a)
{
	pid_t pid = fork_child();

	if (!pid) {
		if (touched(a->map, a->len, false) > (long)nr_large(a->len) +
		    STRAY || mapped_large("child", a->map, a->len,
					  nr_large(a->len)))
			_exit(wrong("child: not large"));
		fill(a->map + middle(), 64, 80);
		if (munmap(a->map + pagesize, pagesize))
			_exit(fails("munmap"));
		_exit(reads("child", a->map, a->want, pagesize));
	}
	if (child_result(pid) ||
	    mapped_large("parent", a->map, a->len, nr_large(a->len)))
		return KSFT_FAIL;
	fill(a->want + middle(), 64, 80);
	return written(a, a->want);
}

/* The end of the file is inside of a large page now. */
static int cut(struct area *a)
{
	size_t len = middle(), left = a->len - len;

	if (ftruncate(a->fd, len))
		return fails("truncate");
	touched(a->map, len, false);
	if (mapped_large("left", a->map, a->len, 1) ||
	    unreadable("behind the end", a->map + len) ||
	    reads("left", a->map, a->want, len))
		return KSFT_FAIL;
	if (ftruncate(a->fd, a->len))
		return fails("truncate");
	memset(a->want + len, 0, left);
	memset(a->file + len, 0, left);
	if (reads("longer again", a->map, a->want, a->len))
		return KSFT_FAIL;
	if (!(a->how & WRITABLE))
		return written(a, a->want);
	fill(a->map + len, left, 81);
	fill(a->want + len, left, 81);
	return written(a, a->want);
}

/*
 * The end of the file is inside of a page that a clone has, too. It is part of a
 * large page, which is dirty, as another page of that was stored to.
 */
static int cut_shared(struct area *a)
{
	size_t page = middle(), len = page + 100;
	struct file_clone_range range = {
		.src_fd = a->fd, .src_offset = page, .src_length = pagesize,
	};
	char path[256];
	int fd = new_file(opt.dir, "clone", NULL, 0, path), rc;

	if (fd < 0)
		return fails("%s", path);
	unlink(path);
	if (ioctl(fd, FICLONERANGE, &range))
		return errno == EOPNOTSUPP ? skip("no reflink") :
					     fails("FICLONERANGE");
	fill(a->map + (page & -largesize), pagesize, 82);
	fill(a->want + (page & -largesize), pagesize, 82);
	if (ftruncate(a->fd, len) || ftruncate(a->fd, page + pagesize))
		return fails("truncate");
	rc = file_is(fd, a->want + page, pagesize);
	memset(a->want + len, 0, pagesize - 100);
	if (!rc)
		rc = reads("longer again", a->map, a->want, page + pagesize);
	close(fd);
	return rc;
}

static int change_blocks(struct area *a, int mode, size_t at, size_t len)
{
	if (!fallocate(a->fd, mode, at, len))
		return KSFT_PASS;
	return errno == EOPNOTSUPP ? skip("the file system cannot do it") :
				     fails("fallocate");
}

static int punch(struct area *a)
{
	size_t at = middle(), len = 16 * pagesize;
	int rc = change_blocks(a, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       at, len);

	if (rc != KSFT_PASS)
		return rc;
	touched(a->map, a->len, false);
	if (mapped_large("others", a->map, a->len, nr_large(a->len) - 1))
		return KSFT_FAIL;
	memset(a->want + at, 0, len);
	memset(a->file + at, 0, len);
	if (reads("hole", a->map, a->want, a->len))
		return KSFT_FAIL;
	/* Blocks for a part of the hole. */
	if (a->how & WRITABLE) {
		fill(a->map + at + pagesize, pagesize, 82);
		fill(a->want + at + pagesize, pagesize, 82);
	}
	return written(a, a->want);
}

static int zero(struct area *a)
{
	size_t at = middle(), len = 16 * pagesize;
	int rc = change_blocks(a, FALLOC_FL_ZERO_RANGE, at, len);

	if (rc != KSFT_PASS)
		return rc;
	memset(a->want + at, 0, len);
	memset(a->file + at, 0, len);
	if (reads("zeroed", a->map, a->want, a->len))
		return KSFT_FAIL;
	return written(a, a->want);
}

/* All that follows is at another offset then: no large page fits. */
static int collapse(struct area *a)
{
	size_t at = largesize / 2, len = 4 * pagesize, left = a->len - at - len;
	int rc = change_blocks(a, FALLOC_FL_COLLAPSE_RANGE, at, len);

	if (rc != KSFT_PASS)
		return rc;
	memmove(a->want + at, a->want + at + len, left);
	memmove(a->file + at, a->file + at + len, left);
	if (reads("collapsed", a->map, a->want, at + left) ||
	    unreadable("behind the end", a->map + at + left))
		return KSFT_FAIL;
	rc = change_blocks(a, FALLOC_FL_INSERT_RANGE, at, len);
	if (rc != KSFT_PASS)
		return rc;
	memmove(a->want + at + len, a->want + at, left);
	memset(a->want + at, 0, len);
	memcpy(a->file, a->want, a->len);
	if (reads("inserted", a->map, a->want, a->len))
		return KSFT_FAIL;
	return written(a, a->want);
}

/* Pages of a hole are those of the huge zero page, until one is written. */
static int zero_page(struct area *a)
{
	char *zeroes = calloc(1, opt.size), *buf = filled(pagesize, 99);
	struct own o = { .len = opt.size };
	struct iovec iov;
	int p[2], rc;
	long n;

	(void)a;
	o.fd = new_file(opt.dir, "hole", "", 0, o.path);
	if (o.fd < 0 || ftruncate(o.fd, o.len) || pipe(p) || !zeroes)
		return own_close(&o, fails("%s", o.path));
	o.map = map_file(o.fd, o.len, PROT_READ | PROT_WRITE, MAP_SHARED);
	n = touched(o.map, o.len, false);
	if (n > (long)nr_large(o.len) + STRAY)
		return own_close(&o, wrong("%ld faults in a hole", n));
	rc = mapped_large("hole", o.map, o.len, nr_large(o.len));
	iov.iov_base = o.map + middle();
	iov.iov_len = pagesize;
	if (rc || vmsplice(p[1], &iov, 1, 0) != (ssize_t)pagesize)
		return own_close(&o, fails("vmsplice"));
	if (mprotect(o.map, pagesize, PROT_READ) ||
	    munmap(o.map + 3 * largesize, pagesize) ||
	    mremap(o.map + 2 * largesize, largesize, largesize,
		   MREMAP_MAYMOVE | MREMAP_FIXED, large_place(largesize)) ==
	    MAP_FAILED)
		return own_close(&o, fails("change a mapped hole"));
	if (reads("hole", o.map, zeroes, 2 * largesize))
		return own_close(&o, KSFT_FAIL);
	fill(o.map + middle(), pagesize, 83);
	if (read(p[0], buf, pagesize) != (ssize_t)pagesize ||
	    differs("zeroes in the pipe", buf, zeroes, pagesize))
		return own_close(&o, KSFT_FAIL);
	fill(zeroes + middle(), pagesize, 83);
	rc = reads("written", o.map, zeroes, 2 * largesize);
	if (rc == KSFT_PASS)
		rc = file_is(o.fd, zeroes, o.len);
	return own_close(&o, rc);
}

/* Blocks with the data of a file before: one byte is written to a page. */
static int unwritten(struct area *a)
{
	char *want = calloc(1, opt.size);
	struct own o = { };
	long n;
	int rc;

	(void)a;
	if (!want || own_open(&o, "before", MAP_SHARED) || fsync(o.fd) ||
	    own_close(&o, 0))
		return fails("%s", o.path);
	o.fd = new_file(opt.dir, "after", "", 0, o.path);
	rc = fallocate(o.fd, 0, 0, o.len);
	if (o.fd < 0 || rc)
		return own_close(&o, skip("no fallocate"));
	o.map = map_file(o.fd, o.len, PROT_READ | PROT_WRITE, MAP_SHARED);
	n = faults();
	o.map[middle()] = '#';
	want[middle()] = '#';
	if (faults() - n > 1 + STRAY)
		rc = wrong("%ld faults", faults() - n);
	if (!rc)
		rc = mapped_large("written", o.map, o.len, 1);
	if (!rc)
		rc = reads("unwritten", o.map, want, o.len);
	if (!rc)
		rc = file_is(o.fd, want, o.len);
	return own_close(&o, rc);
}

/* A file that ends inside of a large page: small pages there. */
static int end_of_file(struct area *a)
{
	size_t len = middle() + 64;

	if (ftruncate(a->fd, len) || munmap(a->map, a->len))
		return fails("truncate");
	a->map = map_file(a->fd, a->len, PROT_READ, MAP_SHARED);
	touched(a->map, len, false);
	if (mapped_large("file", a->map, a->len, 1) ||
	    unreadable("behind the end", a->map + middle() + pagesize))
		return KSFT_FAIL;
	return reads("file", a->map, a->file, len);
}

/*
 * The same page, large in one mapping and small in another: at an address that
 * is not aligned like the file.
 */
static int two_sizes(struct area *a)
{
	char *small = large_place(a->len + largesize) + 3 * pagesize;
	size_t at = middle();

	small = mmap(small, a->len, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED, a->fd, 0);
	if (small == MAP_FAILED)
		return fails("mmap");
	touched(small, a->len, false);
	if (mapped_large("small", small, a->len, 0) ||
	    mapped_large("large", a->map, a->len, nr_large(a->len)))
		return KSFT_FAIL;
	fill(small + at, pagesize, 84);
	fill(a->want + at, pagesize, 84);
	if (written(a, a->want))
		return KSFT_FAIL;
	/* Write-protects both; either has to become dirty again. */
	if (fsync(a->fd))
		return fails("fsync");
	fill(a->map + at, pagesize, 85);
	fill(small + at + pagesize, pagesize, 86);
	fill(a->want + at, pagesize, 85);
	fill(a->want + at + pagesize, pagesize, 86);
	if (fsync(a->fd) || msync(small, a->len, MS_SYNC))
		return fails("fsync");
	if (reads("small", small, a->want, a->len))
		return KSFT_FAIL;
	return written(a, a->want);
}

static int futex(unsigned int *word, int op, unsigned int val)
{
	struct timespec timeout = { .tv_sec = 240 };

	return syscall(__NR_futex, word, op, val, &timeout, NULL, 0);
}

/* The key has to be the same, whatever the size of the page. */
static int futex_two_sizes(struct area *a)
{
	char *small = mmap(large_place(a->len + largesize) + pagesize, a->len,
			   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			   a->fd, 0);
	unsigned int *one = (unsigned int *)(a->map + middle() + 8);
	unsigned int *two = (unsigned int *)(small + middle() + 8);
	int i, n = 0, rc;
	pid_t pid;

	if (small == MAP_FAILED)
		return fails("mmap");
	touched(small, a->len, false);
	if (mapped_large("small", small, a->len, 0))
		return KSFT_FAIL;
	pid = fork_child();
	if (!pid)
		_exit(futex(one, FUTEX_WAIT, *one) ? fails("FUTEX_WAIT") : 0);
	for (i = 0; i < 100000 && !n; i++) {
		n = futex(two, FUTEX_WAKE, 1);
		usleep(1000);
	}
	rc = n == 1 ? KSFT_PASS : wrong("nobody waits at the futex");
	if (rc)
		kill(pid, SIGKILL);
	return child_result(pid) ? KSFT_FAIL : rc;
}

static int pagemap(struct area *a)
{
	unsigned long long first = 0, entry;
	size_t off;

	for (off = 0; off < a->len; off += pagesize) {
		entry = pagemap_entry(getpid(), (uintptr_t)a->map + off);
		if (!(entry & PM_PRESENT))
			return wrong("page 0x%zx is not there", off);
		entry &= PM_PFN;
		if (!entry)
			return skip("no page frame numbers, not root?");
		if (!(off % largesize))
			first = entry;
		if (first % (largesize / pagesize))
			return wrong("frame 0x%llx is not aligned", first);
		if (entry != first + off % largesize / pagesize)
			return wrong("page 0x%zx: frame 0x%llx after 0x%llx",
				     off, entry, first);
	}
	return KSFT_PASS;
}

static int reclaim(struct area *a)
{
	static const int advice[] = {
		MADV_COLD, MADV_PAGEOUT, MADV_COLLAPSE, MADV_WILLNEED,
	};
	size_t i, pages = a->len / pagesize;
	unsigned char *in = malloc(pages);

	/* Some are refused; a page of storage cannot go anywhere. */
	for (i = 0; i < ARRAY_SIZE(advice); i++) {
		madvise(a->map, a->len, advice[i]);
		madvise(a->map + pagesize, pagesize, advice[i]);
	}
	if (mincore(a->map, a->len, in))
		return fails("mincore");
	for (i = 0; i < pages; i++)
		if (!(in[i] & 1))
			return wrong("page %zu is not in memory", i);
	return reads("all", a->map, a->want, a->len);
}

static int lock_part(struct area *a)
{
	char *page = a->map + middle();

	if (mlock(page, pagesize))
		return fails("mlock");
	if (reads("locked", a->map, a->want, a->len))
		return KSFT_FAIL;
	if (munlock(page, pagesize) || munlock(a->map, a->len))
		return fails("munlock");
	if (mlock(a->map, a->len) || munlock(page, pagesize))
		return fails("munlock of a part");
	return written(a, a->want);
}

static int map_sync(struct area *a)
{
	struct own o = { };
	int rc = KSFT_FAIL;
	size_t off;
	long n;

	(void)a;
	if (own_open(&o, "sync", MAP_SHARED))
		return own_close(&o, KSFT_FAIL);
	o.map = mmap(o.map, o.len, PROT_READ | PROT_WRITE,
		     MAP_SHARED_VALIDATE | MAP_SYNC | MAP_FIXED, o.fd, 0);
	if (o.map == MAP_FAILED)
		return own_close(&o, errno == EOPNOTSUPP ?
				 skip("MAP_SYNC is not supported") :
				 fails("MAP_SYNC"));
	n = touched(o.map, o.len, true);
	for (off = 0; off < o.len; off += pagesize)
		o.data[off] = '#';
	if (n > (long)nr_large(o.len) + STRAY)
		wrong("%ld faults", n);
	else if (!mapped_large("synchronous", o.map, o.len, nr_large(o.len)))
		rc = reads("synchronous", o.map, o.data, o.len);
	return own_close(&o, rc);
}

static int calls(const char *what, char *addr, int want)
{
	int rc = attempt(call, addr);

	return rc == want ? KSFT_PASS :
	       wrong("%s: %d instead of %d", what, rc, want);
}

static int protect(struct own *o, size_t at, size_t len, int prot)
{
	return mprotect(o->map + at, len, prot) ? fails("mprotect") : KSFT_PASS;
}

#ifdef __s390x__
static const char code[] = "\xa7\x29\x00\x2a"	/* lghi %r2,42 */
			   "\x07\xfe";		/* br %r14 */
#else
static const char code[] = "\xb8\x2a\x00\x00\x00"	/* mov $42,%eax */
			   "\xc3";		/* ret */
#endif

/* Text, as the loader maps it. Some machines execute whatever is readable. */
static int text(struct own *o)
{
	size_t at = middle(), next = at + pagesize;
	int never = 42;

	if (pwrite(o->fd, code, sizeof(code), at) != sizeof(code) ||
	    pwrite(o->fd, code, sizeof(code), next) != sizeof(code))
		return fails("%s", o->path);
	if (protect(o, 0, o->len, PROT_READ | PROT_EXEC))
		return KSFT_FAIL;
	if (calls("text", o->map + at, 42) ||
	    mapped_large("text", o->map, o->len, 1))
		return KSFT_FAIL;
	memcpy(o->data, code, sizeof(code));
	if (attempt(call, o->data) < 0)
		never = -SIGSEGV;
	if (protect(o, largesize, largesize, PROT_READ) ||
	    calls("not executable", o->map + at, never) ||
	    protect(o, largesize, largesize, PROT_READ | PROT_EXEC) ||
	    mapped_large("text again", o->map, o->len, 1) ||
	    calls("executable again", o->map + at, 42))
		return KSFT_FAIL;
	if (protect(o, at, pagesize, PROT_READ) ||
	    calls("page not executable", o->map + at, never) ||
	    calls("next to it", o->map + next, 42) ||
	    mapped_large("a page of it", o->map, o->len, 0))
		return KSFT_FAIL;
	return never < 0 ? KSFT_PASS : skip("what can be read is executed");
}

static int execute(struct area *a)
{
	struct own o = { };

	(void)a;
	if (own_open(&o, "text", MAP_SHARED))
		return own_close(&o, KSFT_FAIL);
	return own_close(&o, text(&o));
}

/* The system call and the mapping see the same storage. */
static int read_write(struct area *a)
{
	char *buf = filled(2 * SIDE, 87);
	size_t at = 2 * largesize - SIDE;

	if (pwrite(a->fd, buf, 2 * SIDE, at) != (ssize_t)(2 * SIDE))
		return fails("write");
	memcpy(a->want + at, buf, 2 * SIDE);
	memcpy(a->file + at, buf, 2 * SIDE);
	if (mapped_large("written", a->map, a->len, nr_large(a->len)))
		return KSFT_FAIL;
	return written(a, a->want);
}

#define OWN	(NO_MAPPING | NEEDS_WRITE)
#define READ	(SHARED_RO | PRIVATE_RO)
#define BOTH	(SHARED_RW | PRIVATE_RW)

/* Without struct pages the DAX core maps no large page: all of them fail. */
static const struct dcss_case cases[] = {
	/*
	 * The measure: one fault for a large page, and one for each page where
	 * there is none, or all the rest says nothing.
	 */
	{ "a fault for each large page, reading", count, 0, OWN,
	  &(const struct count){ } },
	{ "a fault for each large page, writing", count, 0, OWN,
	  &(const struct count){ .write = true } },
	{ "a fault for each page with MADV_NOHUGEPAGE", count, 0, OWN,
	  &(const struct count){ .small = true } },
	/* A new entry instead of a changed one: refused for ever, or split. */
	{ "write fault after read fault", write_after_read, 0, OWN },
	{ "MAP_POPULATE", populate, SHARED_RW, 0 },

	/* DAX does not split: all of the large page goes and comes back. */
	{ "munmap of a part", unmap_part, BOTH, 0 },
	{ "mprotect of a part", protect_part, BOTH, 0 },
	/* PROT_NONE is an invalid entry that is not empty. */
	{ "mprotect of a large page", protect_whole, READ | BOTH, 0 },
	{ "MADV_DONTNEED of a part", dontneed_part, BOTH, 0 },
	{ "mlock, munlock of a part", lock_part, BOTH, 0 },

	/* The entry moves as it is only where both places are aligned. */
	{ "mremap to an aligned place", move_aligned, BOTH, 0 },
	{ "mremap to a place not aligned", move_unaligned, BOTH, 0 },
	{ "mremap of parts of large pages", move_parts, BOTH, 0 },
	{ "mremap to less and to more", shrink, BOTH, 0 },
	{ "mremap, MREMAP_DONTUNMAP", move_and_keep, BOTH, 0 },

	/* GUP goes on in the next entry: with the wrong page, or level. */
	{ "pin across large pages", pin_border, READ | BOTH, 0 },
	{ "O_DIRECT read, writev across large pages", read_border,
	  SHARED_RW | PRIVATE_RW, NEEDS_OTHER },

	/* The copy of a page in the middle takes the large page apart. */
	{ "private: one page written", copy_one, PRIVATE_RW, 0 },
	/* copy_huge_pmd() is for page cache and anonymous pages. */
	{ "private: fork", fork_private, PRIVATE_RW, 0 },
	{ "shared: fork", fork_shared, SHARED_RW, 0 },

	/*
	 * One entry in the file's radix tree for all of the large page: when
	 * a part of it goes, the rest has to be found again.
	 */
	{ "truncate inside of a large page", cut, BOTH, NEEDS_WRITE },
	{ "truncate inside of a block with a clone", cut_shared, SHARED_RW,
	  NEEDS_WRITE },
	{ "hole punch inside of a large page", punch, BOTH, NEEDS_WRITE },
	{ "zeroed range inside of a large page", zero, BOTH, NEEDS_WRITE },
	{ "collapse and insert of a range", collapse, READ, NEEDS_WRITE },
	{ "file that ends inside of a large page", end_of_file, SHARED_RO,
	  NEEDS_WRITE },
	/* The huge zero page is no devmap page, in a mapping of such. */
	{ "hole: the huge zero page", zero_page, 0, OWN },
	/* What was in the blocks before must not be seen. */
	{ "write fault in unwritten blocks", unwritten, 0, OWN },
	{ "read and write of the file", read_write, BOTH, NEEDS_WRITE },

	/* Both have to be made read-only, or a write is missed. */
	{ "large and small at once", two_sizes, SHARED_RW, NEEDS_WRITE },
	{ "futex in a large and a small page", futex_two_sizes, SHARED_RW,
	  NEEDS_WRITE },
	{ "/proc/PID/pagemap", pagemap, BOTH, 0 },
	/* Code for page cache that takes a devmap entry for its own. */
	{ "MADV_COLD, MADV_PAGEOUT, mincore", reclaim, BOTH, 0 },
	{ "MAP_SYNC", map_sync, 0, OWN },
	/* No-execute is another bit of the entry, and of those it is split to. */
	{ "program text", execute, 0, OWN },
};

int main(int argc, char **argv)
{
	/* A first, one to take apart, one next to it, and a last. */
	opt.nr_large = 4;
	dcss_parse(argc, argv, "DIRECTORY", NULL);
	if (!opt.large)
		ksft_exit_skip("--large is missing\n");
	dcss_cases(cases, ARRAY_SIZE(cases));
	dcss_run();
}
