// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of a file leave it while the file lives on: they are copied on write,
 * or exchanged with those of another file. The other file does not know that a
 * page of them is in use, so they must not leave before it is idle.
 *
 *	moved [--large] --type FSTYPE --segment SEGMENT MOUNTPOINT
 *
 * SEGMENT is added, and not mounted: each case does that.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "blocks.h"
#include "dcss.h"
#include "held.h"

/* fs/xfs/libxfs/xfs_fs.h, which is not among the kernel's headers for users. */

struct xfs_bstat {
	__u64 ino;
	__u16 mode, nlink;
	__u32 uid, gid, rdev;
	__s32 blksize;
	__s64 size;
	struct {
		long tv_sec;
		__s32 tv_nsec;
	} atime, mtime, ctime;
	__s64 blocks;
	__u32 xflags;
	__s32 extsize, extents;
	__u32 gen;
	__u16 projid_lo, forkoff, projid_hi, sick, checked;
	unsigned char pad[2];
	__u32 cowextsize, dmevmask;
	__u16 dmstate, aextents;
};

struct xfs_swapext {
	__s64 version;
	__s64 target, tmp;
	__s64 offset, length;
	char pad[16];
	struct xfs_bstat stat;
};

struct xfs_exchange_range {
	__s32 fd;
	__u32 pad;
	__u64 offset, to, length, flags;
};

#define XFS_IOC_SWAPEXT		_IOWR('X', 109, struct xfs_swapext)
#define XFS_IOC_EXCHANGE_RANGE	_IOW('X', 129, struct xfs_exchange_range)

/* include/uapi/linux/ext4.h: struct move_extent. */
struct ext4_move_extent {
	__u32 reserved, donor;
	__u64 from, to, length, moved;
};

#define EXT4_IOC_MOVE_EXT	_IOWR('f', 15, struct ext4_move_extent)
#define EXT4_IOC_SWAP_BOOT	_IO('f', 17)

/* Whether to set FS_XFLAG_DAX on the directory, to go with dax=inode. */
static int fresh_as(const char *options)
{
	char node[64];

	unmount_all(opt.dir);
	if (node_of(opt.segment, node, sizeof(node)))
		return KSFT_FAIL;
	return mount_settled(node, opt.dir, opt.type, 0, options);
}

static int fresh(void)
{
	return fresh_as("dax");
}

static int all_ends(void)
{
	return umount_settled(opt.dir);
}

static int held_ends(struct held *h)
{
	close(h->fd);
	munmap(h->map, h->len);
	return all_ends();
}

/* Another file, with the blocks of this one. */

static char clone_path[256];

static int clone_range(int from, size_t off, size_t len)
{
	struct file_clone_range range = {
		.src_fd = from, .src_offset = off, .src_length = len,
		.dest_offset = off,
	};
	int fd = new_file(opt.dir, "clone", NULL, 0, clone_path);

	if (fd < 0 || ioctl(fd, FICLONERANGE, &range)) {
		if (fd >= 0)
			close(fd);
		return errno == EOPNOTSUPP ? skip("no reflink") :
					     fails("FICLONERANGE");
	}
	close(fd);
	return KSFT_PASS;
}

static int file_and_clone(struct held *h)
{
	if (fresh() || held_file(h))
		return KSFT_FAIL;
	return clone_range(h->fd, 0, h->len);
}

static int cloned(struct held *h)
{
	int rc = file_and_clone(h);

	return rc ? rc : take_page(h, true);
}

/* The other file is the only one that has the old block, and goes. */
static int clone_goes(unsigned long long block)
{
	if (unlink(clone_path))
		return fails("%s", clone_path);
	return not_given_away(&block, 1);
}

/* What is done to the file, by a child. */

static char *fresh_page(void)
{
	static char *page;

	if (!page)
		page = filled(pagesize, 77);
	return page;
}

static int do_write(const void *arg)
{
	const struct held *h = arg;

	return pwrite(h->fd, fresh_page(), pagesize, h->from) !=
	       (ssize_t)pagesize;
}

/* Part of a page, the rest of it has to be copied. */
static int do_write_bytes(const void *arg)
{
	const struct held *h = arg;

	return pwrite(h->fd, fresh_page(), 1, h->from) != 1;
}

static int do_store(const void *arg)
{
	const struct held *h = arg;

	__atomic_store_n(h->map + h->from, *fresh_page(), __ATOMIC_SEQ_CST);
	return 0;
}

/* The kernel stores for the program. */
static int do_read_into(const void *arg)
{
	const struct held *h = arg;
	int fd = open("/dev/zero", O_RDONLY);

	return read(fd, h->map + h->from, pagesize) != (ssize_t)pagesize;
}

static int do_unshare(const void *arg)
{
	const struct held *h = arg;

	return fallocate(h->fd, FALLOC_FL_UNSHARE_RANGE, h->from, pagesize);
}

static int do_unshare_all(const void *arg)
{
	const struct held *h = arg;

	return fallocate(h->fd, FALLOC_FL_UNSHARE_RANGE, 0, h->len);
}

static int do_write_behind(const void *arg)
{
	const struct held *h = arg;

	return pwrite(h->fd, fresh_page(), 1, h->len + 4 * pagesize) != 1;
}

/* As after this was done: in the file, and in the mapping. */
static int new_data(struct held *h, size_t off, const char *data, size_t len)
{
	memcpy(h->data + off, data, len);
	if (file_is(h->fd, h->data, h->len))
		return KSFT_FAIL;
	return differs("mapping", h->map, h->data, h->len) ? KSFT_FAIL :
							     KSFT_PASS;
}

struct step {
	const char *what;
	int (*fn)(const void *arg);
	size_t len;		/* of what it stores */
};

/*
 * It waits while the page is in use, whatever becomes of the other file, and
 * then does what it has to.
 */
static int waits_until_idle(struct held *h, const struct step *step)
{
	unsigned long long block = block_at(h->fd, h->from);
	pid_t pid;
	int rc;

	if (must_wait(step->what, step->fn, h) || clone_goes(block))
		return KSFT_FAIL;
	/* Now the block is the file's alone: it stays, in the pipe, too. */
	if (gives(step->what, step->fn, h, 0) ||
	    new_data(h, h->from, fresh_page(), step->len) || drain(h))
		return KSFT_FAIL;

	/* And once more, with the other file there to the end. */
	close(h->fd);
	munmap(h->map, h->len);
	rc = cloned(h);
	if (rc)
		return rc;
	pid = start(step->fn, h);
	if (ended(pid, WATCH_MS) >= 0)
		return wrong("%s does not wait", step->what);
	if (drain(h))
		return KSFT_FAIL;
	rc = ended(pid, END_MS);
	if (rc)
		return wrong("%s: %s", step->what,
			     rc < 0 ? "hangs" : strerror(rc));
	if (new_data(h, h->from, fresh_page(), step->len))
		return KSFT_FAIL;
	return KSFT_PASS;
}

static int clone_intact(struct held *h)
{
	char *old = filled(h->len, 21);
	int fd = open(clone_path, O_RDONLY), rc;

	rc = fd < 0 ? fails("%s", clone_path) : file_is(fd, old, h->len);
	free(old);
	close(fd);
	return rc ? KSFT_FAIL : KSFT_PASS;
}

static int cow(const struct step *step)
{
	struct held h = { };
	int rc = cloned(&h);

	if (!rc)
		rc = waits_until_idle(&h, step);
	if (rc)
		return rc;
	if (clone_intact(&h))
		return KSFT_FAIL;
	return held_ends(&h);
}

static int cow_write(struct area *a)
{
	const struct step step = { "write", do_write, pagesize };

	(void)a;
	return cow(&step);
}

static int cow_write_bytes(struct area *a)
{
	const struct step step = { "write", do_write_bytes, 1 };

	(void)a;
	return cow(&step);
}

static int cow_store(struct area *a)
{
	const struct step step = { "store", do_store, 1 };

	(void)a;
	return cow(&step);
}

/* The blocks become the file's own, with the data that they had. */
static int unshare(struct area *a)
{
	unsigned long long block;
	struct held h = { };
	int rc = cloned(&h);

	(void)a;
	if (rc)
		return rc;
	block = block_at(h.fd, h.from);
	if (must_wait("unshare", do_unshare, &h) || clone_goes(block) || drain(&h) ||
	    gives("unshare", do_unshare, &h, 0) ||
	    gives("unshare all of it", do_unshare_all, &h, 0) ||
	    new_data(&h, 0, h.data, 0))
		return KSFT_FAIL;
	return held_ends(&h);
}

/* A system call may not wait in a fault: others could have to wait for it. */
static int cow_kernel(struct area *a)
{
	char *zero = calloc(1, pagesize);
	struct held h = { };
	int rc = cloned(&h);

	(void)a;
	if (rc)
		return rc;
	if (gives("read into the mapping", do_read_into, &h, EFAULT) ||
	    new_data(&h, 0, h.data, 0) || drain(&h) ||
	    gives("read into the mapping", do_read_into, &h, 0) ||
	    new_data(&h, h.from, zero, pagesize) || clone_intact(&h))
		return KSFT_FAIL;
	free(zero);
	return held_ends(&h);
}

/* Signals since the store has begun; seen by both processes. */
static int *signals;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(signals, 1, __ATOMIC_SEQ_CST);
}

static int do_store_with_signals(const void *arg)
{
	struct sigaction act = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &act, NULL);
	__atomic_store_n(signals, 1, __ATOMIC_SEQ_CST);
	return do_store(arg);
}

/* The handlers run, and each time the store is tried again, and waits. */
static int send_signals(pid_t pid)
{
	int n, ms;

	for (n = 0; n < 5; n++) {
		for (ms = 0; __atomic_load_n(signals, __ATOMIC_SEQ_CST) <= n;
		     ms++) {
			if (ended(pid, 1) >= 0)
				return wrong("the store does not wait");
			if (ms > END_MS)
				return wrong("no signal is handled, state %c",
					     task_state(pid));
		}
		kill(pid, SIGUSR1);
	}
	return KSFT_PASS;
}

static int store_signals(struct area *a)
{
	struct held h = { };
	int rc = cloned(&h);
	pid_t pid;

	(void)a;
	if (rc)
		return rc;
	signals = mmap(NULL, pagesize, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (signals == MAP_FAILED)
		return fails("mmap");
	pid = start(do_store_with_signals, &h);
	if (send_signals(pid) || drain(&h))
		return KSFT_FAIL;
	rc = ended(pid, END_MS);
	if (rc)
		return wrong("store: %s", rc < 0 ? "hangs" : strerror(rc));
	if (new_data(&h, h.from, fresh_page(), 1))
		return KSFT_FAIL;
	return held_ends(&h);
}

/* Other pages of the file are not in use, and nobody waits for this one. */
static int cow_beside(struct area *a)
{
	struct held h = { }, other;
	int rc = cloned(&h);

	(void)a;
	if (rc)
		return rc;
	other = h;
	other.from = h.from + (opt.large ? largesize : 2 * pagesize);
	if (other.from >= h.len)
		other.from = 0;
	if (gives("write beside", do_write, &other, 0) ||
	    new_data(&h, other.from, fresh_page(), pagesize) || drain(&h))
		return KSFT_FAIL;
	return held_ends(&h);
}

/* Where a page of the file is, and where the clone has it. */
static size_t pages_copied(const struct held *h)
{
	int fd = open(clone_path, O_RDONLY);
	size_t off, n = 0;

	for (off = 0; off < h->len; off += pagesize)
		n += block_at(h->fd, off) != block_at(fd, off);
	close(fd);
	return n;
}

/* What is shared stays shared, but for the page that is written to. */
static int cow_one(struct area *a)
{
	struct held h = { };
	int rc = file_and_clone(&h);
	size_t n;

	(void)a;
	if (rc)
		return rc;
	h.map = map_file(h.fd, h.len, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (h.map == MAP_FAILED)
		return fails("mmap");
	touch_pages(h.map, h.len);
	do_store(&h);
	n = pages_copied(&h);
	if (n != 1)
		return wrong("%zu pages were copied", n);
	if (new_data(&h, h.from, fresh_page(), 1) || clone_intact(&h))
		return KSFT_FAIL;
	return held_ends(&h);
}

#define PIN_SECONDS	300

/*
 * A page that files share is none that has to be unshared before it is pinned:
 * nothing would come of it.
 */
static int pins_through(int fd, const struct held *h, int flags)
{
	char *map = map_file(fd, h->len, PROT_READ, flags);
	char *buf = filled(h->len, 1);
	struct iovec from = { map, h->len }, to = { buf, h->len };
	int other;

	if (map == MAP_FAILED)
		return fails("mmap");
	touch_pages(map, h->len);
	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != (ssize_t)h->len)
		return fails("process_vm_readv");
	if (differs("process_vm_readv", buf, h->data, h->len))
		return KSFT_FAIL;
	fill(buf, h->len, 2);
	other = open_other(opt.other, "written", buf, h->len, O_DIRECT);
	if (other < 0 || pwrite(other, map, h->len, 0) != (ssize_t)h->len)
		return fails("direct write from the mapping");
	if (pread(other, buf, h->len, 0) != (ssize_t)h->len)
		return fails("direct read");
	if (differs("direct write", buf, h->data, h->len))
		return KSFT_FAIL;
	free(buf);
	close(other);
	munmap(map, h->len);
	return KSFT_PASS;
}

/*
 * The pages are this file's alone again. One of them can have a futex, even if
 * stores to those before it have mapped it along.
 */
static int has_futex(const struct held *h, size_t page)
{
	char *map = map_file(h->fd, h->len, PROT_READ | PROT_WRITE, MAP_SHARED);
	unsigned int *word = (unsigned int *)(map + page * pagesize);
	size_t off;
	pid_t pid;
	long n;

	if (map == MAP_FAILED)
		return fails("mmap");
	for (off = 0; off <= page; off++)
		map[off * pagesize] = 1;
	*word = 1;
	pid = fork_child();
	if (!pid)
		_exit(syscall(__NR_futex, word, FUTEX_WAIT, 1, NULL, NULL, 0) ?
		      fails("FUTEX_WAIT") : KSFT_PASS);
	do {
		n = syscall(__NR_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
		if (n < 0 || (!n && waitpid(pid, NULL, WNOHANG)))
			return fails("FUTEX_WAKE");
	} while (!n);
	munmap(map, h->len);
	return child_result(pid);
}

static int shared_pinned(struct area *a)
{
	struct held h = { };
	int rc, clone;
	char *map;

	(void)a;
	/* A kernel that asks for ever is not waited for as others are. */
	alarm(PIN_SECONDS);
	rc = file_and_clone(&h);
	if (rc)
		return rc;
	clone = open(clone_path, O_RDONLY);
	if (clone < 0 || pins_through(clone, &h, MAP_SHARED) ||
	    pins_through(h.fd, &h, MAP_SHARED) ||
	    pins_through(h.fd, &h, MAP_PRIVATE))
		return KSFT_FAIL;
	close(clone);
	/* What has been mapped remembers that it was shared. */
	map = map_file(h.fd, h.len, PROT_READ, MAP_SHARED);
	touch(map);
	if (unlink(clone_path))
		return fails("%s", clone_path);
	while (block_is_shared(h.fd, 0))
		usleep(1000);
	if (pins_through(h.fd, &h, MAP_SHARED) || has_futex(&h, 2) ||
	    has_futex(&h, 0))
		return KSFT_FAIL;
	munmap(map, h.len);
	close(h.fd);
	return all_ends();
}

/*
 * The first block is this file's alone, as the clone has got another one, and may
 * be stored to. Those behind it are not, but nothing else tells them apart.
 */
static int store_beside_shared(struct area *a)
{
	struct held h = { };
	char *buf = filled(opt.size, 77);
	struct iovec from = { buf, opt.size }, to = { NULL, opt.size };
	int rc = file_and_clone(&h), clone;

	(void)a;
	if (rc)
		return rc;
	clone = open(clone_path, O_RDWR);
	if (clone < 0 || pwrite(clone, buf, pagesize, 0) != (ssize_t)pagesize)
		return fails("%s", clone_path);
	h.map = map_file(h.fd, h.len, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (h.map == MAP_FAILED)
		return fails("mmap");
	h.map[0] = 's';
	touch_pages(h.map + pagesize, h.len - pagesize);
	to.iov_base = h.map;
	if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) != (ssize_t)h.len)
		return fails("process_vm_writev");
	if (differs("mapping", h.map, buf, h.len) || file_is(h.fd, buf, h.len))
		return KSFT_FAIL;
	memcpy(h.data, buf, pagesize);
	if (file_is(clone, h.data, h.len))
		return KSFT_FAIL;
	close(clone);
	return held_ends(&h);
}

/* The first block is shared, the one next to it is nobody else's. */
static int first_cloned(struct held *h)
{
	if (opt.large)
		return skip("a block that was copied is in no large page");
	if (fresh() || held_file(h))
		return KSFT_FAIL;
	h->from = pagesize;
	return clone_range(h->fd, 0, pagesize);
}

/*
 * A block that nobody else has, next to one that was copied: if blocks for copies
 * are allocated several at a time, this one is replaced as well.
 */
static int cow_next(struct area *a)
{
	unsigned long long block;
	struct held h = { };
	int rc = first_cloned(&h);

	(void)a;
	if (rc)
		return rc;
	if (pwrite(h.fd, fresh_page(), pagesize, 0) != (ssize_t)pagesize)
		return fails("write");
	memcpy(h.data, fresh_page(), pagesize);
	if (take_page(&h, true))
		return KSFT_FAIL;
	block = block_at(h.fd, h.from);
	/* The page is not replaced: who has it sees what is written. */
	if (gives("write", do_write, &h, 0) || not_given_away(&block, 1) ||
	    new_data(&h, h.from, fresh_page(), pagesize) || drain(&h))
		return KSFT_FAIL;
	if (block_at(h.fd, h.from) != block)
		return wrong("a block was replaced that nobody else has");
	return held_ends(&h);
}

static int do_truncate(const void *arg)
{
	const struct held *h = arg;

	return truncate(h->path, 0);
}

/*
 * The block next to one that was copied is zeroed from the middle on. What the
 * file knows of its page must be true then.
 */
static int cow_truncate(struct area *a)
{
	struct held h = { };
	int rc = first_cloned(&h);

	(void)a;
	if (rc)
		return rc;
	h.map = map_file(h.fd, h.len, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (h.map == MAP_FAILED)
		return fails("mmap");
	h.data[h.from] = 'd';
	h.map[h.from] = 'd';
	h.data[0] = 'c';
	h.map[0] = 'c';
	munmap(h.map, h.len);
	h.len = h.from + 100;
	if (ftruncate(h.fd, h.len))
		return fails("ftruncate");
	memset(h.data + h.len, 0, pagesize - 100);
	if (take_page(&h, true) || must_wait("truncate", do_truncate, &h) ||
	    drain(&h) || gives("truncate", do_truncate, &h, 0))
		return KSFT_FAIL;
	return held_ends(&h);
}

/* The last block is copied to have zeroes behind the end. */
static int cow_behind(struct area *a)
{
	unsigned long long block;
	struct held h = { };
	int rc;

	(void)a;
	if (fresh() || held_file(&h))
		return KSFT_FAIL;
	h.len -= 100;
	if (ftruncate(h.fd, h.len))
		return fails("ftruncate");
	h.from = h.len & -pagesize;
	rc = clone_range(h.fd, 0, h.len);
	if (rc)
		return rc;
	memset(h.data + h.len, 0, 100);
	h.len += 100;
	h.map = map_file(h.fd, h.len, PROT_READ, MAP_SHARED);
	h.size = pagesize;
	if (h.map == MAP_FAILED || pipe(h.pipe) ||
	    splice_page(h.pipe[1], h.map + h.from))
		return fails("mapping");
	h.len -= 100;
	block = block_at(h.fd, h.from);
	if (must_wait("write behind the end", do_write_behind, &h) ||
	    clone_goes(block) || drain(&h) ||
	    gives("write behind the end", do_write_behind, &h, 0) ||
	    file_is(h.fd, h.data, h.len))
		return KSFT_FAIL;
	return held_ends(&h);
}

/* Two files that share, or exchange, one of them with a page in use. */

static int second_file(char *path)
{
	char *data = filled(opt.size, 55);
	int fd = new_file(opt.dir, "second", data, opt.size, path);

	free(data);
	if (fd >= 0 && !fsync(fd))
		return fd;
	fails("%s", path);
	return -1;
}

struct pair {
	int from, to;
};

static int do_clone(const void *arg)
{
	const struct pair *p = arg;

	return ioctl(p->to, FICLONE, p->from);
}

/* In either direction: the locks are taken in the order of the inodes. */
static int clone_pair(struct area *a)
{
	struct pair pair, back;
	struct held h = { };
	char path[256];
	int second;

	(void)a;
	if (fresh())
		return KSFT_FAIL;
	second = second_file(path);
	if (second < 0 || hold_page(&h, true))
		return KSFT_FAIL;
	pair = (struct pair){ h.fd, second };
	back = (struct pair){ second, h.fd };
	if (must_wait("clone", do_clone, &pair) || must_wait("clone", do_clone, &back))
		return KSFT_FAIL;
	close(second);
	unlink(path);
	/* This one has another place in the order. */
	second = second_file(path);
	if (second < 0)
		return KSFT_FAIL;
	pair.to = second;
	back.from = second;
	if (must_wait("clone", do_clone, &pair) || must_wait("clone", do_clone, &back) ||
	    drain(&h) || gives("clone", do_clone, &pair, 0) ||
	    file_is(second, h.data, h.len))
		return KSFT_FAIL;
	close(h.fd);
	munmap(h.map, h.len);
	close(second);
	return all_ends();
}

/* A page of the one with the larger inode number is in use: it is locked second. */
static int two_of_them(struct held *h, struct pair *pair)
{
	struct stat st[2];
	char path[256];
	int second;

	if (fresh())
		return KSFT_FAIL;
	second = second_file(path);
	if (second < 0 || held_file(h))
		return KSFT_FAIL;
	if (fstat(second, &st[0]) || fstat(h->fd, &st[1]))
		return fails("fstat");
	if (st[0].st_ino > st[1].st_ino) {
		/* The other way round: take the pages of the second one. */
		int fd = h->fd;

		h->fd = second;
		second = fd;
		h->data = filled(h->len, 55);
	}
	*pair = (struct pair){ second, h->fd };
	return take_page(h, true);
}

static int pair_ends(struct held *h, const struct pair *pair)
{
	close(h->fd);
	munmap(h->map, h->len);
	close(pair->from);
	return all_ends();
}

static int clone_second(struct area *a)
{
	struct held h = { };
	struct pair pair;

	(void)a;
	if (two_of_them(&h, &pair))
		return KSFT_FAIL;
	if (must_wait("clone", do_clone, &pair) || drain(&h) ||
	    gives("clone", do_clone, &pair, 0))
		return KSFT_FAIL;
	return pair_ends(&h, &pair);
}

static void no_signal(int sig)
{
	(void)sig;
}

/* What the result says, each range has one. */
static int do_dedupe(const void *arg)
{
	const struct pair *p = arg;
	int status;

	if (dedupe_range(p->from, 0, p->to, 0, opt.size, &status))
		return -1;
	if (status == FILE_DEDUPE_RANGE_SAME)
		return 0;
	if (status == FILE_DEDUPE_RANGE_DIFFERS)
		status = -EBADE;
	/* One that programs do not know has no place in a status. */
	errno = -status < 256 ? -status : EPROTO;
	return -1;
}

static int dedupe_second(struct area *a)
{
	struct sigaction act = { .sa_handler = no_signal };
	struct held h = { };
	struct pair pair;
	int rc, ms;
	pid_t pid;

	(void)a;
	if (two_of_them(&h, &pair))
		return KSFT_FAIL;
	/* The child has it from its first moment on: no signal kills it. */
	sigaction(SIGUSR1, &act, NULL);
	if (must_wait("dedupe", do_dedupe, &pair))
		return KSFT_FAIL;
	pid = start(do_dedupe, &pair);
	rc = ended(pid, WATCH_MS);
	if (rc >= 0)
		return wrong("dedupe does not wait: %s", strerror(rc));
	for (ms = 0; rc < 0 && ms < END_MS; ms += 50) {
		kill(pid, SIGUSR1);
		rc = ended(pid, 50);
	}
	if (rc != EINTR)
		return wrong("dedupe, after a signal: %s",
			     rc < 0 ? "hangs" : strerror(rc));
	/* They are not equal. */
	if (drain(&h) || gives("dedupe", do_dedupe, &pair, EBADE))
		return KSFT_FAIL;
	return pair_ends(&h, &pair);
}

static int do_swapext(const void *arg)
{
	const struct pair *p = arg;
	struct xfs_swapext sx = { .target = p->from, .tmp = p->to };
	struct stat st;

	if (fstat(p->from, &st))
		return -1;
	sx.length = st.st_size;
	sx.stat.mtime.tv_sec = st.st_mtim.tv_sec;
	sx.stat.mtime.tv_nsec = st.st_mtim.tv_nsec;
	sx.stat.ctime.tv_sec = st.st_ctim.tv_sec;
	sx.stat.ctime.tv_nsec = st.st_ctim.tv_nsec;
	return ioctl(p->from, XFS_IOC_SWAPEXT, &sx);
}

static int do_exchange(const void *arg)
{
	const struct pair *p = arg;
	struct xfs_exchange_range range = {
		.fd = p->from, .length = opt.size,
	};

	return ioctl(p->to, XFS_IOC_EXCHANGE_RANGE, &range);
}

/* The held file is a DAX file; the second one is not, with dax=inode. */
static int mixed(struct held *h, char *path)
{
	int fd, rc;

	if (fresh_as("dax=inode"))
		return -1;
	fd = second_file(path);
	if (fd < 0)
		return -1;
	rc = dax_directory();
	if (rc || hold_page(h, true)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int end_mixed(struct held *h, int second, const char *path)
{
	int fd = open(opt.dir, O_RDONLY | O_DIRECTORY), rc;

	rc = set_dax(fd, false);
	close(fd);
	close(h->fd);
	munmap(h->map, h->len);
	unlink(h->path);
	close(second);
	unlink(path);
	return rc ? fails("FS_XFLAG_DAX") : all_ends();
}

/* They cannot share, and nobody waits to hear that. */
static int clone_mixed(struct area *a)
{
	struct pair pair, back;
	struct held h = { };
	char path[256];
	int second;

	(void)a;
	second = mixed(&h, path);
	if (second < 0)
		return KSFT_FAIL;
	pair = (struct pair){ h.fd, second };
	back = (struct pair){ second, h.fd };
	if (gives("clone", do_clone, &pair, EINVAL) ||
	    gives("clone", do_clone, &back, EINVAL) || drain(&h))
		return KSFT_FAIL;
	return end_mixed(&h, second, path);
}

/* It waits; the file keeps its block, whatever becomes of the other one. */
struct exchange {
	const char *what;
	int (*fn)(const void *arg);
	bool mixed;		/* one of the two has no DAX */
};

static int exchange(struct area *a)
{
	const struct exchange *x = a->arg;
	unsigned long long block;
	struct held h = { };
	struct pair pair;
	char path[256], *data = filled(opt.size, 55);
	int second, rc;
	pid_t pid;

	if (!x->mixed) {
		if (fresh())
			return KSFT_FAIL;
		second = second_file(path);
		if (second < 0 || hold_page(&h, true))
			return KSFT_FAIL;
	} else {
		second = mixed(&h, path);
		if (second < 0)
			return KSFT_FAIL;
	}
	block = block_at(h.fd, h.from);
	pair = (struct pair){ h.fd, second };
	pid = start(x->fn, &pair);
	rc = ended(pid, WATCH_MS);
	if (rc == EOPNOTSUPP || rc == ENOTTY) {
		drain(&h);
		end_mixed(&h, second, path);
		return skip("not for this file system");
	}
	if (rc >= 0)
		wrong("%s does not wait: %s", x->what, strerror(rc));
	/* Whoever has the block now loses it. */
	if (rc >= 0 && ftruncate(second, 0))
		return fails("ftruncate");
	if (not_given_away(&block, 1) || rc >= 0)
		return KSFT_FAIL;
	kill(pid, SIGKILL);
	if (ended(pid, END_MS) < 0)
		return wrong("%s cannot be killed, state %c", x->what,
			     task_state(pid));
	if (drain(&h) || gives(x->what, x->fn, &pair, 0) ||
	    file_is(h.fd, data, h.len) || file_is(second, h.data, h.len))
		return KSFT_FAIL;
	free(data);
	return end_mixed(&h, second, path);
}

static int do_swap_boot(const void *arg)
{
	const struct held *h = arg;

	return ioctl(h->fd, EXT4_IOC_SWAP_BOOT);
}

/* To the boot loader's inode, and from there to another file. */
static int swap_boot(struct area *a)
{
	unsigned long long block;
	struct held h = { }, next;
	char path[256];

	(void)a;
	if (fresh() || hold_page(&h, true))
		return KSFT_FAIL;
	block = block_at(h.fd, h.from);
	next = h;
	next.fd = second_file(path);
	if (next.fd < 0)
		return KSFT_FAIL;
	if (must_wait("EXT4_IOC_SWAP_BOOT", do_swap_boot, &h)) {
		/* Did it do what it was said to? */
		if (!gives("swap again", do_swap_boot, &next, 0) &&
		    !ftruncate(next.fd, 0))
			not_given_away(&block, 1);
		return KSFT_FAIL;
	}
	if (not_given_away(&block, 1) || drain(&h) ||
	    gives("EXT4_IOC_SWAP_BOOT", do_swap_boot, &h, 0) ||
	    gives("EXT4_IOC_SWAP_BOOT", do_swap_boot, &h, 0) ||
	    file_is(h.fd, h.data, h.len))
		return KSFT_FAIL;
	close(h.fd);
	munmap(h.map, h.len);
	close(next.fd);
	unlink(path);
	return all_ends();
}

static int do_move(const void *arg)
{
	const struct pair *p = arg;
	struct ext4_move_extent move = {
		.donor = p->from, .length = opt.size / pagesize,
	};

	return ioctl(p->to, EXT4_IOC_MOVE_EXT, &move);
}

static int move_extents(struct area *a)
{
	struct held h = { };
	struct pair pair;
	char path[256];
	int second;

	(void)a;
	second = mixed(&h, path);
	if (second < 0)
		return KSFT_FAIL;
	pair = (struct pair){ h.fd, second };
	if (gives("EXT4_IOC_MOVE_EXT", do_move, &pair, EOPNOTSUPP) ||
	    new_data(&h, 0, h.data, 0) || drain(&h))
		return KSFT_FAIL;
	return end_mixed(&h, second, path);
}

/*
 * All at once: one clones the file, writes to it and removes the clone, one has
 * a page of it in a pipe, one stores what nobody may see into blocks that are
 * free. Judged by what the pipe and the mapping have.
 */

#define RACE_ROUNDS	30
/* The pipe keeps a page until others have taken all that is free so often. */
#define RACE_HOLD	3
#define JUNK		0xee

/* Blocks that are left free, and what others leave of them for copies. */
#define RACE_FREE	256
#define RACE_SPARE	128

struct race {
	struct held *held;
	struct {
		bool stop;
		unsigned int junk;
		unsigned int steps;
	} *seen;		/* by all processes */
};

static bool stopped(const struct race *r)
{
	return __atomic_load_n(&r->seen->stop, __ATOMIC_SEQ_CST);
}

/* One who waits for a page gets it only if nobody takes it again at once. */
static unsigned int steps(const struct race *r)
{
	return __atomic_load_n(&r->seen->steps, __ATOMIC_SEQ_CST);
}

static void step(const struct race *r)
{
	__atomic_add_fetch(&r->seen->steps, 1, __ATOMIC_SEQ_CST);
}

static unsigned int taken(const struct race *r)
{
	return __atomic_load_n(&r->seen->junk, __ATOMIC_SEQ_CST);
}

static int race_junk(const void *arg)
{
	const struct race *r = arg;
	char path[256], *junk = malloc(pagesize);
	int fd;

	memset(junk, JUNK, pagesize);
	while (!stopped(r)) {
		fd = new_file(opt.dir, "junk", junk, pagesize, path);
		/* XFS gives blocks away when it is in the log that they are free. */
		if (fd < 0 && errno != ENOSPC)
			return -1;
		if (fd >= 0)
			fsync(fd);
		while (free_blocks() > RACE_SPARE &&
		       write(fd, junk, pagesize) == (ssize_t)pagesize)
			;
		close(fd);
		unlink(path);
		__atomic_add_fetch(&r->seen->junk, 1, __ATOMIC_SEQ_CST);
	}
	return 0;
}

static int race_hold(const void *arg)
{
	const struct race *r = arg;
	char *page = r->held->map + r->held->from, *buf = malloc(pagesize);
	unsigned int n;

	while (!stopped(r)) {
		if (splice_page(r->held->pipe[1], page))
			return -1;
		n = taken(r) + RACE_HOLD;
		while (taken(r) < n && !stopped(r))
			usleep(500);
		n = steps(r);
		if (read(r->held->pipe[0], buf, pagesize) != (ssize_t)pagesize)
			return -1;
		errno = EILSEQ;
		if (memchr(buf, JUNK, pagesize) || memchr(page, JUNK, pagesize))
			return -1;
		while (steps(r) == n && !stopped(r))
			usleep(500);
	}
	return 0;
}

static int race_clone(const void *arg)
{
	const struct race *r = arg;
	const struct held *h = r->held;
	char *data = malloc(pagesize);
	int n, rc = 0;

	for (n = 0; n < RACE_ROUNDS && !rc && !stopped(r); n++) {
		memset(data, n % 100, pagesize);
		rc = clone_range(h->fd, 0, h->len);
		if (rc)
			break;
		step(r);
		if (n % 2)
			memset(h->map + h->from, n % 100, pagesize);
		else
			rc = pwrite(h->fd, data, pagesize, h->from) !=
			     (ssize_t)pagesize;
		unlink(clone_path);
		step(r);
	}
	return rc;
}

/* Free blocks are soon somebody's again if there are few, each by itself. */
static int fill_up(void)
{
	char path[256];
	int fd = new_file(opt.dir, "fill", NULL, 0, path), i;
	long len = (free_blocks() - RACE_SPARE) * (long)pagesize;

	if (fd < 0 || fallocate(fd, 0, 0, len))
		return fails("%s", path);
	for (i = 0; i < RACE_FREE; i++)
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      2 * i * pagesize, pagesize))
			return fails("punch");
	close(fd);
	return KSFT_PASS;
}

static int race(struct area *a)
{
	struct held h = { };
	struct race r = { .held = &h };
	pid_t junk, hold;
	int rc, rc2, rc3;

	(void)a;
	if (opt.large)
		return skip("a large page is more than what is left free");
	if (fresh() || held_file(&h) || pipe(h.pipe) || fill_up())
		return KSFT_FAIL;
	h.map = map_file(h.fd, h.len, PROT_READ | PROT_WRITE, MAP_SHARED);
	r.seen = mmap(NULL, pagesize, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (h.map == MAP_FAILED || r.seen == MAP_FAILED)
		return fails("mmap");
	memset(h.map, 1, h.len);
	junk = start(race_junk, &r);
	hold = start(race_hold, &r);
	rc = ended(start(race_clone, &r), END_MS);
	__atomic_store_n(&r.seen->stop, true, __ATOMIC_SEQ_CST);
	rc2 = ended(hold, END_MS);
	rc3 = ended(junk, END_MS);
	if (rc2 == EILSEQ)
		return wrong("data of another file");
	snprintf(h.path, sizeof(h.path), "%s/fill", opt.dir);
	unlink(h.path);
	if (rc || rc2 || rc3)
		return wrong("cloning: %d, holding: %d, others: %d", rc, rc2,
			     rc3);
	return held_ends(&h);
}

/* As virtiofs does when a file is opened; here by a module. */

static int invalidate(struct area *a)
{
	bool mapped = a->arg;
	struct held h = { };
	char command[320];

	if (fresh() || hold_page(&h, mapped))
		return KSFT_FAIL;
	snprintf(command, sizeof(command),
		 "modprobe dax_invalidate file=%s && modprobe -r dax_invalidate",
		 h.path);
	if (system(command))
		return skip("needs test_modules/dax_invalidate.ko");
	if (must_wait("truncate", do_truncate, &h) || drain(&h) ||
	    gives("truncate", do_truncate, &h, 0))
		return KSFT_FAIL;
	close(h.fd);
	if (mapped)
		munmap(h.map, h.len);
	return all_ends();
}

#define ALONE	(NO_MAPPING | NEEDS_WRITE)

static const struct dcss_case cases[] = {
	/* Who forgets a page in use lets its block go under it. */
	{ "entries are invalidated", invalidate, 0, ALONE },
	{ "entries are invalidated, mapped", invalidate, 0, ALONE, "mapped" },
};

static const struct dcss_case xfs_cases[] = {
	/*
	 * The old block is the clone's alone once the file has a copy, and the
	 * clone does not know of the page.
	 */
	{ "copy on write: write", cow_write, 0, ALONE },
	{ "copy on write: write of a byte", cow_write_bytes, 0, ALONE },
	{ "copy on write: store", cow_store, 0, ALONE },
	{ "copy on write: store, with signals", store_signals, 0, ALONE },
	{ "copy on write: store by the kernel", cow_kernel, 0, ALONE },
	{ "copy on write: write behind the end", cow_behind, 0, ALONE },
	{ "copy on write: next to a copied block", cow_next, 0, ALONE },
	{ "copy on write: truncate next to a copied block", cow_truncate, 0,
	  ALONE },
	{ "copy on write: other pages", cow_beside, 0, ALONE },
	{ "copy on write: one page", cow_one, 0, ALONE },
	{ "unshare", unshare, 0, ALONE },
	{ "shared blocks are pinned", shared_pinned, 0, ALONE | NEEDS_OTHER },
	{ "shared blocks are not written to beside others", store_beside_shared,
	  0, ALONE },

	/* With nobody to say when: blocks that are free too early. */
	{ "copy on write, pipe and other files", race, 0, ALONE },

	/* Both are locked: a wait with one lock held, or none at all. */
	{ "clone to and from a file in use", clone_pair, 0, ALONE },
	{ "clone, the second file in use", clone_second, 0, ALONE },
	{ "dedupe, the second file in use", dedupe_second, 0, ALONE },
	{ "clone, one without DAX", clone_mixed, 0, ALONE },

	/* The page is the other file's, without a word. */
	{ "XFS_IOC_SWAPEXT", exchange, 0, ALONE,
	  &(const struct exchange){ "XFS_IOC_SWAPEXT", do_swapext } },
	{ "XFS_IOC_SWAPEXT, one without DAX", exchange, 0, ALONE,
	  &(const struct exchange){ "XFS_IOC_SWAPEXT", do_swapext, true } },
	{ "XFS_IOC_EXCHANGE_RANGE", exchange, 0, ALONE,
	  &(const struct exchange){ "XFS_IOC_EXCHANGE_RANGE", do_exchange } },
	{ "XFS_IOC_EXCHANGE_RANGE, one without DAX", exchange, 0, ALONE,
	  &(const struct exchange){ "XFS_IOC_EXCHANGE_RANGE", do_exchange, true } },
};

static const struct dcss_case ext4_cases[] = {
	{ "EXT4_IOC_SWAP_BOOT", swap_boot, 0, ALONE },
	/* The donor's mapping would be one of the other file. */
	{ "EXT4_IOC_MOVE_EXT from a DAX file", move_extents, 0, ALONE },
};

int main(int argc, char **argv)
{
	dcss_parse(argc, argv, "DIRECTORY", NULL);
	if (!opt.type || !opt.segment)
		ksft_exit_fail_msg("--type and --segment are needed\n");
	dcss_cases(cases, ARRAY_SIZE(cases));
	if (!strcmp(opt.type, "xfs"))
		dcss_cases(xfs_cases, ARRAY_SIZE(xfs_cases));
	if (!strcmp(opt.type, "ext4"))
		dcss_cases(ext4_cases, ARRAY_SIZE(ext4_cases));
	dcss_run();
}
