// SPDX-License-Identifier: GPL-2.0
/* Users of get_user_pages that do I/O from and into a mapping. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "gup.h"
#include "uring.h"

static int direct_write(struct area *a, const char *dir)
{
	char *junk = filled(a->len, 99);
	int fd = open_other(dir, "direct", junk, a->len, O_DIRECT);
	ssize_t n;
	int rc;

	free(junk);
	if (fd < 0)
		return fails("open O_DIRECT in %s", dir);
	n = pwrite(fd, a->map, a->len, 0);
	if (n != (ssize_t)a->len)
		rc = fails("O_DIRECT write gives %zd", n);
	else
		rc = file_is(fd, a->want, a->len);
	close(fd);
	return rc == KSFT_PASS ? written(a, a->want) : rc;
}

static int direct_read(struct area *a, const char *dir)
{
	char *now = filled(a->len, 42);
	int fd = open_other(dir, "direct", now, a->len, O_DIRECT);
	ssize_t n;
	int rc;

	if (fd < 0)
		return fails("open O_DIRECT in %s", dir);
	n = pread(fd, a->map, a->len, 0);
	if (n != (ssize_t)a->len)
		rc = fails("O_DIRECT read gives %zd", n);
	else
		rc = written(a, now);
	close(fd);
	free(now);
	return rc;
}

static int io_direct_write_other(struct area *a)
{
	return direct_write(a, opt.other);
}

static int io_direct_read_other(struct area *a)
{
	return direct_read(a, opt.other);
}

static int io_direct_write_same(struct area *a)
{
	return direct_write(a, opt.dir);
}

static int io_direct_read_same(struct area *a)
{
	return direct_read(a, opt.dir);
}

/* Pages in reverse order: an array of buffers, none next to the other. */
static int io_direct_vector(struct area *a)
{
	size_t n = a->len / pagesize, i;
	struct iovec iov[64];
	char *now = filled(a->len, 42);
	int fd = open_other(opt.other, "vector", now, a->len, O_DIRECT), rc;

	if (fd < 0)
		return fails("open O_DIRECT in %s", opt.other);
	n = n > ARRAY_SIZE(iov) ? ARRAY_SIZE(iov) : n;
	for (i = 0; i < n; i++) {
		iov[i].iov_base = a->map + (n - 1 - i) * pagesize;
		iov[i].iov_len = pagesize;
	}
	if (preadv(fd, iov, n, 0) != (ssize_t)(n * pagesize))
		return fails("O_DIRECT preadv");
	for (i = 0; i < n; i++)
		memcpy(a->want + (n - 1 - i) * pagesize, now + i * pagesize,
		       pagesize);
	rc = written(a, a->want);
	if (pwritev(fd, iov, n, 0) != (ssize_t)(n * pagesize))
		return fails("O_DIRECT pwritev");
	if (file_is(fd, now, n * pagesize))
		return KSFT_FAIL;
	close(fd);
	free(now);
	return rc;
}

/* A file of @data for direct I/O, and all of the mapping from or to it. */
static int uring_direct(struct area *a, int op, const char *data, int *fd)
{
	struct uring r;
	int n;

	*fd = open_other(opt.other, "uring", data, a->len, O_DIRECT);
	if (*fd < 0)
		return fails("open O_DIRECT in %s", opt.other);
	if (uring_open(&r))
		return skip("io_uring: %s", strerror(errno));
	n = uring_do(&r, op, *fd, a->map, a->len);
	if (n != (int)a->len)
		return wrong("io_uring gives %d", n);
	return KSFT_PASS;
}

static int io_uring_write(struct area *a)
{
	int fd, rc = uring_direct(a, IORING_OP_WRITE, a->file, &fd);

	return rc == KSFT_PASS ? file_is(fd, a->want, a->len) : rc;
}

static int io_uring_read(struct area *a)
{
	char *now = filled(a->len, 43);
	int fd, rc = uring_direct(a, IORING_OP_READ, now, &fd);

	return rc == KSFT_PASS ? written(a, now) : rc;
}

static int io_uring_refused(struct area *a)
{
	struct uring r;

	if (uring_open(&r))
		return skip("io_uring: %s", strerror(errno));
	if (!uring_register(&r, a->map, a->len))
		return wrong("a pin without an end on a DAX file is allowed");
	if (errno != EOPNOTSUPP)
		return fails("register");
	return written(a, a->want);
}

/* Page by page, so that any size fits into a pipe. */
static int through_pipe(struct area *a, bool twice)
{
	char *buf = filled(pagesize, 99);
	int p[2], q[2];
	size_t off;

	if (pipe(p) || pipe(q))
		return fails("pipe");
	for (off = 0; off < a->len; off += pagesize) {
		struct iovec iov = { a->map + off, pagesize };

		if (vmsplice(p[1], &iov, 1, 0) != (ssize_t)pagesize)
			return fails("vmsplice");
		if (twice && tee(p[0], q[1], pagesize, 0) != (ssize_t)pagesize)
			return fails("tee");
		if (read(p[0], buf, pagesize) != (ssize_t)pagesize)
			return fails("read from the pipe");
		if (differs("pipe", buf, a->want + off, pagesize))
			return KSFT_FAIL;
		if (twice && read(q[0], buf, pagesize) != (ssize_t)pagesize)
			return fails("read from the second pipe");
		if (differs("second", buf, a->want + off, pagesize))
			return KSFT_FAIL;
	}
	free(buf);
	return written(a, a->want);
}

static int io_vmsplice(struct area *a)
{
	return through_pipe(a, false);
}

static int io_tee(struct area *a)
{
	return through_pipe(a, true);
}

static int io_vmsplice_file(struct area *a)
{
	const char *dir = opt.other ? opt.other : opt.tmp;
	int fd = open_other(dir, "splice", a->file, a->len, 0);
	size_t off;
	int p[2];

	if (fd < 0 || pipe(p))
		return fails("open in %s", dir);
	for (off = 0; off < a->len; off += pagesize) {
		struct iovec iov = { a->map + off, pagesize };

		if (vmsplice(p[1], &iov, 1, 0) != (ssize_t)pagesize)
			return fails("vmsplice");
		if (splice(p[0], NULL, fd, NULL, pagesize, 0) !=
		    (ssize_t)pagesize)
			return fails("splice");
	}
	return file_is(fd, a->want, a->len);
}

static int io_vmsplice_in(struct area *a)
{
	char *now = filled(a->len, 45);
	size_t off;
	int p[2];

	if (pipe(p))
		return fails("pipe");
	for (off = 0; off < a->len; off += pagesize) {
		struct iovec iov = { a->map + off, pagesize };

		if (write(p[1], now + off, pagesize) != (ssize_t)pagesize)
			return fails("write to the pipe");
		if (vmsplice(p[0], &iov, 1, 0) != (ssize_t)pagesize)
			return fails("vmsplice");
	}
	return written(a, now);
}

static int io_splice_file(struct area *a)
{
	const char *dir = opt.other ? opt.other : opt.tmp;
	int fd = open_other(dir, "sendfile", a->want, a->len, 0);
	char *buf = filled(pagesize, 99);
	off_t off = 0;
	int p[2];

	if (fd < 0 || pipe(p))
		return fails("open in %s", dir);
	if (sendfile(fd, a->fd, &off, a->len) != (ssize_t)a->len)
		return fails("sendfile");
	if (file_is(fd, a->file, a->len))
		return KSFT_FAIL;
	off = 0;
	if (splice(a->fd, &off, p[1], NULL, pagesize, 0) != (ssize_t)pagesize)
		return fails("splice");
	if (read(p[0], buf, pagesize) != (ssize_t)pagesize)
		return fails("read from the pipe");
	return differs("splice", buf, a->file, pagesize) ? KSFT_FAIL :
							   KSFT_PASS;
}

/* By get_user_pages_fast(), which has only the page table to go by. */
static int io_dev_mem(struct area *a)
{
	unsigned long long first, last;
	struct iovec iov = { .iov_len = pagesize };
	int fd = open("/dev/mem", O_RDONLY), p[2];

	(void)a;
	if (fd < 0)
		return skip("/dev/mem: %s", strerror(errno));
	if (!opt.segment || segment_range(opt.segment, &first, &last))
		return skip("no --segment in /proc/iomem");
	iov.iov_base = mmap(NULL, pagesize, PROT_READ, MAP_SHARED, fd, first);
	close(fd);
	if (iov.iov_base == MAP_FAILED)
		return skip("/dev/mem: mmap: %s", strerror(errno));
	touch(iov.iov_base);
	if (pipe(p))
		return fails("pipe");
	if (vmsplice(p[1], &iov, 1, 0) >= 0)
		return wrong("the pipe took a page");
	if (errno != EFAULT)
		return fails("vmsplice");
	close(p[0]);
	close(p[1]);
	munmap(iov.iov_base, pagesize);
	return KSFT_PASS;
}

static const struct dcss_case cases[] = {
	/*
	 * The block layer pins pages for its bios. A page that a bio takes
	 * for the wrong one shows in the file; EFAULT is a database's end.
	 */
	{ "O_DIRECT write from the mapping", io_direct_write_other, ANY,
	  NEEDS_OTHER },

	/* A private mapping is copied before it is written, so it works. */
	{ "O_DIRECT read into the mapping", io_direct_read_other, WRITABLE,
	  NEEDS_OTHER },

	/* The bio is made of pages that are not next to each other. */
	{ "O_DIRECT vector in and out", io_direct_vector, WRITABLE,
	  NEEDS_OTHER },

	/* DAX copies, there is no bio: this has to keep working. */
	{ "O_DIRECT write, same file system", io_direct_write_same, ANY,
	  NEEDS_WRITE },
	{ "O_DIRECT read, same file system", io_direct_read_same, WRITABLE,
	  NEEDS_WRITE },

	/* As O_DIRECT, but pages may be taken by a worker thread. */
	{ "io_uring write from the mapping", io_uring_write, ANY, NEEDS_OTHER },
	{ "io_uring read into the mapping", io_uring_read, WRITABLE,
	  NEEDS_OTHER },

	/*
	 * A registered buffer is pinned without an end, and would keep
	 * truncate waiting for ever: FOLL_LONGTERM is not for file system DAX.
	 */
	{ "io_uring fixed buffers are refused", io_uring_refused, WRITABLE, 0 },

	/* The pipe holds the page itself: it must be that of the file. */
	{ "vmsplice", io_vmsplice, ANY, 0 },

	/* Two pipes hold it: a reference lost or left over. */
	{ "vmsplice and tee", io_tee, ANY, 0 },
	{ "vmsplice and splice to a file", io_vmsplice_file, ANY, 0 },

	/* Copies, today; a page that moves into a DAX mapping would be lost. */
	{ "vmsplice from a pipe", io_vmsplice_in, WRITABLE, 0 },
	{ "sendfile, splice from the file", io_splice_file,
	  SHARED_RW | PRIVATE_RO, 0 },

	/* Mapped by their address, pages of the segment are nobody's to keep. */
	{ "vmsplice of /dev/mem is refused", io_dev_mem, 0, NO_MAPPING },
};

void gup_io(void)
{
	dcss_cases(cases, ARRAY_SIZE(cases));
}
