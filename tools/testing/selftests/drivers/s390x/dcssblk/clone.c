// SPDX-License-Identifier: GPL-2.0
/*
 * Files that have blocks in common: what is written to one of them is not in the
 * other, and only what is equal is made common.
 *
 *	clone --type FSTYPE --segment SEGMENT MOUNTPOINT
 *	clone --dm --type FSTYPE --segment FIRST:SECOND MOUNTPOINT
 *
 * SEGMENT is added, and not mounted: each case does that. With --dm none is added, and
 * the file system is on dm-stripe over both, half a megabyte of each in turn: what
 * follows in a file does not in memory.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "blocks.h"
#include "dcss.h"
#include "dm.h"

#define DM_NAME		"dcss-clone"
#define STRIPE		(512 << 10)

/* Of a file: some stripes, and more than is copied at a time. */
#define LENGTH		(4 << 20)

struct pair {
	char path[256], clone_path[256];
	char *old;		/* what both contained */
	char *now;		/* what the file has to contain now */
	int fd, clone;
};

static char node[64];
static pid_t main_pid;

/* What the last case has left behind if it failed, is not for others to find. */
static void clean_all(void)
{
	if (getpid() != main_pid)
		return;
	unmount_all(opt.dir);
	if (opt.dm)
		dm_forget(DM_NAME, opt.segment);
}

static int mount_again(void)
{
	/* mkimages.sh makes the stripes of another file system here. */
	return mount_settled(node, opt.dir, opt.type, 0,
			     opt.dm ? "dax,nouuid" : "dax");
}

static int fresh(void)
{
	unmount_all(opt.dir);
	if (opt.dm ? dm_over(DM_NAME, opt.segment, STRIPE, node, sizeof(node)) :
		     node_of(opt.segment, node, sizeof(node)))
		return KSFT_FAIL;
	return mount_again();
}

static int all_ends(void)
{
	int rc = umount_settled(opt.dir);

	if (rc || !opt.dm)
		return rc;
	return dm_remove_settled(DM_NAME) ? KSFT_FAIL :
					    dm_remove_segments(opt.segment);
}

static int two_files(struct pair *p)
{
	p->old = filled(LENGTH, 31);
	p->now = filled(LENGTH, 31);
	if (fresh())
		return KSFT_FAIL;
	p->fd = new_file(opt.dir, "file", p->old, LENGTH, p->path);
	p->clone = new_file(opt.dir, "clone", NULL, 0, p->clone_path);
	if (p->fd < 0 || p->clone < 0 || fsync(p->fd))
		return fails("%s", opt.dir);
	return KSFT_PASS;
}

static int cloned(struct pair *p)
{
	if (two_files(p))
		return KSFT_FAIL;
	if (ioctl(p->clone, FICLONE, p->fd))
		return errno == EOPNOTSUPP ? skip("no reflink") : fails("FICLONE");
	return KSFT_PASS;
}

static int contain(const struct pair *p)
{
	char *map = map_file(p->clone, LENGTH, PROT_READ, MAP_SHARED);

	if (map == MAP_FAILED)
		return fails("mmap");
	if (file_is(p->fd, p->now, LENGTH) || file_is(p->clone, p->old, LENGTH) ||
	    differs("mapping of the clone", map, p->old, LENGTH))
		return KSFT_FAIL;
	munmap(map, LENGTH);
	return KSFT_PASS;
}

/* Each file contains what it has to, and when it is mounted again. */
static int both_right(struct pair *p)
{
	if (contain(p))
		return KSFT_FAIL;
	close(p->fd);
	close(p->clone);
	if (umount_settled(opt.dir) || mount_again())
		return KSFT_FAIL;
	p->fd = open(p->path, O_RDWR);
	p->clone = open(p->clone_path, O_RDWR);
	if (p->fd < 0 || p->clone < 0)
		return fails("%s", opt.dir);
	if (contain(p))
		return wrong("... when it is mounted again");
	close(p->fd);
	close(p->clone);
	free(p->old);
	free(p->now);
	return all_ends();
}

/* The file is as it was before, with @len new bytes at @at. */
static int write_new(struct pair *p, size_t at, size_t len)
{
	fill(p->now, LENGTH, 47);
	memcpy(p->now, p->old, at);
	memcpy(p->now + at + len, p->old + at + len, LENGTH - at - len);
	if (pwrite(p->fd, p->now + at, len, at) != (ssize_t)len)
		return fails("write");
	return KSFT_PASS;
}

static int whole_write(struct area *a)
{
	struct pair p;
	int rc = cloned(&p);

	(void)a;
	return rc || write_new(&p, 0, LENGTH) ? rc ?: KSFT_FAIL : both_right(&p);
}

/* It begins and ends inside a page. */
static int odd_write(struct area *a)
{
	struct pair p;
	int rc = cloned(&p);

	(void)a;
	if (rc)
		return rc;
	return write_new(&p, 100, LENGTH - 250) ? KSFT_FAIL : both_right(&p);
}

/* It ends where the buffer cannot be read any more, inside a block of the file. */
static int short_write(struct area *a)
{
	size_t at = STRIPE + 50, len = pagesize + 100;
	char *buf = mmap(NULL, 3 * pagesize, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pair p;
	int rc = cloned(&p);
	ssize_t n;

	(void)a;
	if (rc)
		return rc;
	fill(buf, 2 * pagesize, 47);
	munmap(buf + 2 * pagesize, pagesize);
	n = pwrite(p.fd, buf + 2 * pagesize - len, 2 * len, at);
	if (n < 0 || n > (ssize_t)len)
		return fails("write gives %zd", n);
	memcpy(p.now + at, buf + 2 * pagesize - len, n);
	return both_right(&p);
}

static int store_all(struct area *a)
{
	struct pair p;
	int rc = cloned(&p);
	size_t off;
	char *map;

	(void)a;
	if (rc)
		return rc;
	map = map_file(p.fd, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (map == MAP_FAILED)
		return fails("mmap");
	for (off = 100; off < LENGTH; off += pagesize) {
		map[off] = 'x';
		p.now[off] = 'x';
	}
	munmap(map, LENGTH);
	return both_right(&p);
}

static int zero_range(struct area *a)
{
	size_t at = STRIPE - 100, len = STRIPE + 200;
	int how = FALLOC_FL_KEEP_SIZE | a->nr;
	struct pair p;
	int rc = cloned(&p);

	if (rc)
		return rc;
	if (fallocate(p.fd, how, at, len))
		return fails("fallocate");
	memset(p.now + at, 0, len);
	return both_right(&p);
}

static int cut(struct area *a)
{
	size_t at = STRIPE - 100;
	struct pair p;
	int rc = cloned(&p);

	(void)a;
	if (rc)
		return rc;
	if (ftruncate(p.fd, at) || ftruncate(p.fd, LENGTH))
		return fails("truncate");
	memset(p.now + at, 0, LENGTH - at);
	return both_right(&p);
}

static int unshare(struct area *a)
{
	struct pair p;
	int rc = cloned(&p);
	size_t off;

	(void)a;
	if (rc)
		return rc;
	if (fallocate(p.fd, FALLOC_FL_UNSHARE_RANGE, 0, LENGTH))
		return fails("unshare");
	for (off = 0; off < LENGTH; off += pagesize)
		if (block_at(p.fd, off) == block_at(p.clone, off))
			return wrong("the block at 0x%zx is not the file's own", off);
	return both_right(&p);
}

/*
 * The files are equal but for what has been written to the file: FIDEDUPERANGE finds
 * that out, and shares blocks if it is nothing.
 */
static int dedupe(int from, size_t off, int to, size_t to_off, size_t len, bool equal)
{
	int status;

	if (dedupe_range(from, off, to, to_off, len, &status))
		return fails("FIDEDUPERANGE");
	if (status == -EOPNOTSUPP)
		return skip("no reflink");
	if (status != (equal ? FILE_DEDUPE_RANGE_SAME : FILE_DEDUPE_RANGE_DIFFERS))
		return wrong("FIDEDUPERANGE says %d", status);
	return KSFT_PASS;
}

/* Two files, each with its own blocks. */
static int two_copies(struct pair *p)
{
	if (two_files(p))
		return KSFT_FAIL;
	return pwrite(p->clone, p->old, LENGTH, 0) == LENGTH ? KSFT_PASS :
							       fails("write");
}

static int dedupe_equal(struct area *a)
{
	struct pair p;
	size_t off;
	int rc;

	(void)a;
	if (two_copies(&p))
		return KSFT_FAIL;
	rc = dedupe(p.fd, 0, p.clone, 0, LENGTH, true);
	if (rc)
		return rc;
	for (off = 0; off < LENGTH; off += pagesize)
		if (block_at(p.fd, off) != block_at(p.clone, off))
			return wrong("the block at 0x%zx is not shared", off);
	return both_right(&p);
}

static int put_byte(struct pair *p, size_t off, char byte)
{
	p->now[off] = byte;
	return pwrite(p->fd, &byte, 1, off) == 1 ? KSFT_PASS : fails("write");
}

/*
 * One byte, on each stripe but the last ones, and with another stripe on either side:
 * who reads on behind the first one finds more of the same file, which is equal.
 */
static int dedupe_different(struct area *a)
{
	size_t off, from, len = 2 * STRIPE;
	struct pair p;
	int rc;

	(void)a;
	if (two_copies(&p))
		return KSFT_FAIL;
	for (off = 0; off < LENGTH - len; off += STRIPE / 2) {
		from = off / len * len;
		if (put_byte(&p, off, 'x'))
			return KSFT_FAIL;
		rc = dedupe(p.fd, from, p.clone, from, len, false);
		if (rc == KSFT_FAIL)
			wrong("... with another byte at 0x%zx", off);
		if (rc)
			return rc;
		if (put_byte(&p, off, p.old[off]))
			return KSFT_FAIL;
	}
	return both_right(&p);
}

/*
 * Blocks of a file that were never written to. The one at @off has on the device what
 * @page contains: the file had it before, and has got it again.
 */
static int unwritten(const char *page, int *fd, size_t *off)
{
	unsigned long long had[64];
	char path[256];
	size_t i;

	/* What an earlier case has left is free at once, not some time later. */
	snprintf(path, sizeof(path), "%s/unwritten", opt.dir);
	*fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (*fd < 0 || fsync(*fd))
		return fails("%s", path);
	for (i = 0; i < ARRAY_SIZE(had); i++)
		if (write(*fd, page, pagesize) != (ssize_t)pagesize)
			return fails("write");
	if (fsync(*fd))
		return fails("fsync");
	for (i = 0; i < ARRAY_SIZE(had); i++)
		had[i] = block_at(*fd, i * pagesize);
	if (ftruncate(*fd, 0) || fsync(*fd) ||
	    fallocate(*fd, 0, 0, ARRAY_SIZE(had) * pagesize))
		return fails("fallocate");
	for (i = 0; i < ARRAY_SIZE(had); i++) {
		*off = i * pagesize;
		if (had[i] && block_at(*fd, *off) == had[i])
			return KSFT_PASS;
	}
	return wrong("the file gets other blocks");
}

static int dedupe_unwritten(struct area *a)
{
	bool from = a->nr;	/* or to */
	char *page = filled(pagesize, 31), *zero = calloc(1, pagesize);
	char *buf = filled(pagesize, 32);
	struct pair p;
	size_t off = 0;
	int rc, fd;

	if (two_files(&p) || unwritten(page, &fd, &off))
		return KSFT_FAIL;
	rc = from ? dedupe(fd, off, p.fd, 0, pagesize, false) :
		    dedupe(p.fd, 0, fd, off, pagesize, false);
	if (!rc && pread(fd, buf, pagesize, off) != (ssize_t)pagesize)
		rc = fails("read");
	if (rc || differs("unwritten block", buf, zero, pagesize) ||
	    file_is(p.fd, p.old, LENGTH))
		return rc ? rc : KSFT_FAIL;
	close(fd);
	close(p.fd);
	close(p.clone);
	return all_ends();
}

#define ALONE	(NO_MAPPING | NEEDS_WRITE)

static const struct dcss_case cases[] = {
	/* In each, data are copied by the kernel. */
	{ "write", whole_write, 0, ALONE },
	{ "write, from and to the middle of a page", odd_write, 0, ALONE },
	{ "write, of less than was asked for", short_write, 0, ALONE },
	{ "store to each page", store_all, 0, ALONE },
	{ "zero a range", zero_range, 0, ALONE, NULL, FALLOC_FL_ZERO_RANGE },
	{ "punch a hole", zero_range, 0, ALONE, NULL, FALLOC_FL_PUNCH_HOLE },
	{ "truncate", cut, 0, ALONE },
	{ "unshare", unshare, 0, ALONE },

	/* ... and here they are compared. */
	{ "dedupe, equal", dedupe_equal, 0, ALONE },
	{ "dedupe, a byte differs", dedupe_different, 0, ALONE },
	{ "dedupe, to unwritten blocks", dedupe_unwritten, 0, ALONE },
	{ "dedupe, from unwritten blocks", dedupe_unwritten, 0, ALONE, NULL, 1 },
};

int main(int argc, char **argv)
{
	dcss_parse(argc, argv, "DIRECTORY", NULL);
	if (!opt.type || !opt.segment)
		ksft_exit_fail_msg("--type and --segment are needed\n");
	main_pid = getpid();
	atexit(clean_all);
	dcss_cases(cases, ARRAY_SIZE(cases));
	dcss_run();
}
