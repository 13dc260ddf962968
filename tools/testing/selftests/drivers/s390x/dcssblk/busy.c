// SPDX-License-Identifier: GPL-2.0
/*
 * What is in use is not taken away: remove, shared and rmmod return EBUSY, at
 * once, whoever uses the segment and however. Whoever uses it goes on as if
 * nothing was, and all works when the last user is gone.
 *
 *	busy [--large] [--other DIR] [--second SEGMENT] SEGMENT DEVICE FSTYPE
 *	     MOUNTPOINT
 *
 * SEGMENT is added, as DEVICE, and not mounted. Its file system can be mounted
 * -o dax and written to. DIR is on a file system without DAX, the target of
 * direct I/O. The second segment is not loaded; it is, and goes, while the
 * first one is in use. --large: the file is mapped by a large page.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "flight.h"
#include "held.h"
#include "uring.h"

/* Of the file that users use, and of what they write to it from page 1 on. */
#define SEED		5
#define NEW_SEED	42
#define HELD		"--held"

/* Much longer than all checks of a user take. */
#define USER_SECONDS	1200

static const char *segment, *device, *fstype, *mountpoint, *second;
static struct klog news;
static char file[256];
static char *old, *new;		/* content of the file */
static size_t len;		/* its length */

/* A child that uses the segment says when it does, and goes when told. */
static int ready[2], go[2];
static pid_t child;

static int hold(void)
{
	char c = 'x';

	if (write(ready[1], &c, 1) != 1 || read(go[0], &c, 1) != 1)
		return fails("the test is gone");
	return KSFT_PASS;
}

static int put_byte(int fd)
{
	return write(fd, "x", 1) == 1 ? KSFT_PASS : fails("write to a pipe");
}

/* What the users of the segment have in common. */

static char *map_user_file(int prot)
{
	int fd = open(file, prot & PROT_WRITE ? O_RDWR : O_RDONLY);
	char *map;

	if (fd < 0)
		return NULL;
	map = map_file(fd, len, prot, MAP_SHARED);
	close(fd);
	if (map == MAP_FAILED)
		return NULL;
	touch(map + pagesize);
	return mapped_large("file", map, len, opt.large) ? NULL : map;
}

/* A mapping of the file, with a page of it in a new pipe; NULL if that fails. */
static char *map_in_pipe(int p[2])
{
	char *map = map_user_file(PROT_READ);

	if (map && !pipe(p))
		return splice_page(p[1], map + pagesize) ? NULL : map;
	fails("%s", file);
	return NULL;
}

static int read_page(int pipe_fd)
{
	char *buf = filled(pagesize, 99);

	if (read(pipe_fd, buf, pagesize) != (ssize_t)pagesize)
		return fails("read from the pipe");
	return differs("page in the pipe", buf, old + pagesize, pagesize) ?
	       KSFT_FAIL : KSFT_PASS;
}

/*
 * The users. Each runs in a process of its own, with the file system mounted,
 * and gets all of its way done but what hold() waits for.
 */

static int in_pipe(void)
{
	int p[2];
	char *map = map_in_pipe(p);

	if (!map)
		return KSFT_FAIL;
	munmap(map, len);
	return hold() ? KSFT_FAIL : read_page(p[0]);
}

/* Its pages do not go with a process, and neither with its address space. */
static int in_pipe_of_gone(void)
{
	int p[2];
	pid_t pid;
	char *map;

	if (pipe(p))
		return fails("pipe");
	pid = fork_child();
	if (!pid) {
		map = map_user_file(PROT_READ);
		_exit(map ? splice_page(p[1], map + pagesize) :
			    fails("%s", file));
	}
	if (child_result(pid) || hold())
		return KSFT_FAIL;
	return read_page(p[0]);
}

static int in_pipe_of_other(void)
{
	int p[2];
	char *map = map_in_pipe(p);
	pid_t pid;

	if (!map)
		return KSFT_FAIL;
	munmap(map, len);
	pid = fork_child();
	if (!pid)
		_exit(hold() ? KSFT_FAIL : read_page(p[0]));
	close(p[0]);
	close(p[1]);
	return child_result(pid);
}

/* The mount goes with the mapping, and the page does not. */
static int in_pipe_lazily(void)
{
	int p[2];
	char *map = map_in_pipe(p);

	if (!map)
		return KSFT_FAIL;
	if (umount2(mountpoint, MNT_DETACH))
		return fails("umount -l");
	munmap(map, len);
	return hold() ? KSFT_FAIL : read_page(p[0]);
}

static int direct(bool write, enum flight_by by)
{
	struct flight f = { .by = by, .write = write };
	char *map, *want;
	int rc;

	if (!opt.other)
		return skip("needs --other");
	/* Two pages: what a read is to put in, or a write to replace. */
	f.fd = open_other(opt.other, "busy", write ? old : new + pagesize,
			  2 * pagesize, O_DIRECT);
	map = map_user_file(PROT_READ | PROT_WRITE);
	if (f.fd < 0 || !map)
		return fails("files");
	rc = take_off(&f, map + pagesize);
	if (rc)
		return rc;
	munmap(map, len);
	if (hold() || land(&f, new + 2 * pagesize))
		return KSFT_FAIL;
	want = filled(2 * pagesize, 0);
	memcpy(want, write ? old + pagesize : new + pagesize, pagesize);
	memcpy(want + pagesize, new + 2 * pagesize, pagesize);
	return file_is(f.fd, want, 2 * pagesize);
}

static int direct_write(void)
{
	return direct(true, BY_DIRECT);
}

static int direct_read(void)
{
	return direct(false, BY_DIRECT);
}

static int uring_direct_write(void)
{
	return direct(true, BY_URING);
}

static int uring_direct_read(void)
{
	return direct(false, BY_URING);
}

/* The one that copies, with pipes to and from the one that maps. */
static int copier(struct flight *f, char *page, int taken, int given)
{
	int rc = take_off(f, page);
	char c;

	if (rc)
		return rc;
	if (put_byte(taken) || read(given, &c, 1) != 1)
		return wrong("who maps it is gone");
	/* A read overwrites what it is given here, a write takes it. */
	if (land(f, new + pagesize))
		return KSFT_FAIL;
	return !f->write && differs("copy", f->missing.page, old + pagesize,
				    pagesize) ? KSFT_FAIL : KSFT_PASS;
}

static int other_process(bool write)
{
	struct flight f = { .by = BY_VM, .write = write, .pid = getpid() };
	int taken[2], given[2];
	char c, *map;
	pid_t pid;

	map = map_user_file(PROT_READ | PROT_WRITE);
	if (!map || pipe(taken) || pipe(given))
		return fails("%s", file);
	pid = fork_child();
	if (!pid) {
		munmap(map, len);
		_exit(copier(&f, map + pagesize, taken[1], given[0]));
	}
	close(taken[1]);
	if (read(taken[0], &c, 1) != 1)
		return child_result(pid);
	munmap(map, len);
	if (hold() || put_byte(given[1]))
		return KSFT_FAIL;
	return child_result(pid);
}

static int vm_readv(void)
{
	return other_process(false);
}

static int vm_writev(void)
{
	return other_process(true);
}

static int only_mounted(void)
{
	int fd;

	if (hold())
		return KSFT_FAIL;
	fd = open(file, O_RDONLY);
	return fd < 0 ? fails("%s", file) : file_is(fd, old, len);
}

static int open_device(int flags)
{
	int fd = open(device, flags);
	char *before = filled(pagesize, 0), *after = filled(pagesize, 1);

	if (fd < 0)
		return fails("%s", device);
	if (pread(fd, before, pagesize, 0) != (ssize_t)pagesize || hold())
		return fails("read %s", device);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (pread(fd, after, pagesize, 0) != (ssize_t)pagesize)
		return fails("read %s", device);
	return differs("device", after, before, pagesize) ? KSFT_FAIL :
							    KSFT_PASS;
}

static int open_ro(void)
{
	return open_device(O_RDONLY);
}

static int open_excl(void)
{
	return open_device(O_RDONLY | O_EXCL);
}

static int open_rw(void)
{
	return open_device(O_RDWR);
}

static int mapped(void)
{
	char *map = map_user_file(PROT_READ | PROT_WRITE);

	if (!map)
		return fails("%s", file);
	if (hold() || differs("mapping", map, old, len))
		return KSFT_FAIL;
	/* The last page had no fault before. */
	memcpy(map + len - pagesize, new, pagesize);
	return differs("mapping", map + len - pagesize, new,
		       pagesize) ? KSFT_FAIL : KSFT_PASS;
}

static int open_file(void)
{
	int fd = open(file, O_RDWR);

	if (fd < 0)
		return fails("%s", file);
	if (hold() || file_is(fd, old, len))
		return KSFT_FAIL;
	if (pwrite(fd, new, len, 0) != (ssize_t)len)
		return fails("write %s", file);
	return file_is(fd, new, len);
}

static int in_directory(void)
{
	int fd;

	if (chdir(mountpoint))
		return fails("%s", mountpoint);
	if (hold())
		return KSFT_FAIL;
	fd = open("busy", O_RDONLY);
	return fd < 0 ? fails("busy") : file_is(fd, old, len);
}

/* This program, executed in place; main() comes back with HELD. */
static int running(void)
{
	char path[256], fds[2][12];

	snprintf(path, sizeof(path), "%s/busy-program", mountpoint);
	snprintf(fds[0], sizeof(fds[0]), "%d", ready[1]);
	snprintf(fds[1], sizeof(fds[1]), "%d", go[0]);
	if (copy_file("/proc/self/exe", path))
		return fails("%s", path);
	execl(path, path, HELD, fds[0], fds[1], NULL);
	return fails("%s", path);
}

/* It has no page yet: it will look for one when there is data. */
static int uring_read_waits(void)
{
	char *map = map_user_file(PROT_READ | PROT_WRITE);
	struct uring r;
	int p[2], n;

	if (!map || pipe(p))
		return fails("%s", file);
	if (uring_open(&r))
		return skip("io_uring: %s", strerror(errno));
	if (uring_submit(&r, IORING_OP_READ, 0, p[0], map + pagesize,
			 pagesize, 0))
		return fails("submit");
	if (hold())
		return KSFT_FAIL;
	if (write(p[1], new + pagesize, pagesize) != (ssize_t)pagesize)
		return fails("write to the pipe");
	n = uring_wait(&r);
	if (n != (int)pagesize)
		return wrong("read gives %d", n);
	return differs("mapping", map + pagesize, new + pagesize, pagesize) ?
	       KSFT_FAIL : KSFT_PASS;
}

static int uring_write_waits(void)
{
	char *map = map_user_file(PROT_READ), *junk = filled(pagesize, 98);
	struct uring r;
	int p[2], n;

	if (!map || pipe(p) || fcntl(p[1], F_SETPIPE_SZ, pagesize) < 0)
		return fails("%s", file);
	if (uring_open(&r))
		return skip("io_uring: %s", strerror(errno));
	if (write(p[1], junk, pagesize) != (ssize_t)pagesize)
		return fails("write to the pipe");
	if (uring_submit(&r, IORING_OP_WRITE, 0, p[1], map + pagesize,
			 pagesize, 0))
		return fails("submit");
	if (hold())
		return KSFT_FAIL;
	if (read(p[0], junk, pagesize) != (ssize_t)pagesize)
		return fails("read from the pipe");
	n = uring_wait(&r);
	if (n != (int)pagesize)
		return wrong("write gives %d", n);
	return read_page(p[0]);
}

#define MOUNT		0x01	/* mount it before */
#define REFUSED		0x02	/* try to unmount it when it is in use */
#define LAZY		0x04	/* unmount it with umount -l after that */
#define PAGES_ONLY	0x08	/* nothing but a page is in use then */
#define WRITES		0x10	/* page 1 has the new content afterwards */

#define PINNED		(MOUNT | REFUSED | LAZY | PAGES_ONLY)
#define DETACHED	(MOUNT | LAZY)

static const struct user {
	const char *name;
	int (*run)(void);
	unsigned int flags;
} users[] = {
	/*
	 * Nothing is mounted or open, but a page is in use: storage that CP
	 * takes away would be read or written by who has the page, and an
	 * operation that waits for it could not be ended.
	 */
	{ "page in a pipe", in_pipe, PINNED },
	{ "page in a pipe, its process gone", in_pipe_of_gone, PINNED },
	{ "page in a pipe of another process", in_pipe_of_other, PINNED },
	{ "page in a pipe, umount -l before", in_pipe_lazily,
	  MOUNT | PAGES_ONLY },
	{ "O_DIRECT write", direct_write, PINNED },
	{ "O_DIRECT read", direct_read, PINNED | WRITES },
	{ "io_uring write", uring_direct_write, PINNED },
	{ "io_uring read", uring_direct_read, PINNED | WRITES },
	{ "process_vm_readv", vm_readv, PINNED },
	{ "process_vm_writev", vm_writev, PINNED | WRITES },
	/* As ever: the use count of the block device. */
	{ "mounted", only_mounted, MOUNT },
	{ "open", open_ro, 0 },
	{ "open O_EXCL", open_excl, 0 },
	{ "open for writing", open_rw, 0 },
	/* /proc/mounts does not show these. */
	{ "umount -l, a mapping", mapped, DETACHED },
	{ "umount -l, an open file", open_file, DETACHED },
	{ "umount -l, a directory", in_directory, DETACHED },
	{ "umount -l, a running program", running, DETACHED },
	{ "umount -l, io_uring read to come", uring_read_waits, DETACHED },
	{ "umount -l, io_uring write to come", uring_write_waits, DETACHED },
};

/* The user of this round. */
static const struct user *user;

/* Start it, up to where it holds the segment. */
static int begin(void)
{
	char c;

	if (user->flags & MOUNT) {
		if (mount_settled(device, mountpoint, fstype, 0, "dax"))
			return KSFT_FAIL;
		close(new_file(mountpoint, "busy", old, len,
			       file));
	}
	if (pipe2(ready, 0) || pipe2(go, 0))
		return fails("pipe");
	child = fork_child();
	if (!child) {
		close(ready[0]);
		close(go[1]);
		alarm(USER_SECONDS);
		_exit(user->run());
	}
	close(ready[1]);
	close(go[0]);
	if (read(ready[0], &c, 1) != 1)
		return child_result(child) == KSFT_SKIP ? KSFT_SKIP :
							  KSFT_FAIL;
	if (user->flags & REFUSED && !umount(mountpoint))
		return wrong("umount succeeded");
	if (user->flags & REFUSED && errno != EBUSY)
		return fails("umount");
	if (user->flags & LAZY && umount2(mountpoint, MNT_DETACH))
		return fails("umount -l");
	return KSFT_PASS;
}

static int remove_refused(void)
{
	klog_mark(&news);
	return refused(NULL, "remove", segment, EBUSY) ||
	       klog_one(&news, "dcssblk: ", segment) ? KSFT_FAIL : KSFT_PASS;
}

static int one_shared_refused(const char *to)
{
	klog_mark(&news);
	return refused(segment, "shared", to, EBUSY) ||
	       klog_one(&news, "dcssblk: ", segment) ? KSFT_FAIL : KSFT_PASS;
}

static int shared_refused(void)
{
	return one_shared_refused("0") || one_shared_refused("1") ?
	       KSFT_FAIL : KSFT_PASS;
}

static int rmmod_refused(void)
{
	if (!syscall(__NR_delete_module, "dcssblk", O_NONBLOCK))
		return wrong("rmmod dcssblk succeeded");
	if (errno == ENOENT)
		return skip("dcssblk is not a module");
	return errno == EBUSY || errno == EWOULDBLOCK ? KSFT_PASS :
							fails("rmmod");
}

/*
 * One that does not know of the page would free its block; this one has all the
 * files, and is as busy as it was. See end.c for what it does.
 */
static int mounted_again(void)
{
	int rc = KSFT_PASS;

	if (mount(device, mountpoint, fstype, 0, "dax"))
		return fails("mount %s", device);
	if (access(file, F_OK))
		rc = fails("%s", file);
	if (!umount(mountpoint))
		return wrong("umount succeeded");
	if (errno != EBUSY)
		rc = fails("umount");
	if (umount2(mountpoint, MNT_DETACH))
		rc = fails("umount -l");
	return rc;
}

/* Nobody else has to wait, as for a lock that is held all the time. */
static int other_device(void)
{
	char node[64], buf[512];
	int fd, rc;

	if (!second)
		return skip("needs --second");
	if (add_segment(second) || node_of(second, node, sizeof(node)))
		return KSFT_FAIL;
	fd = open(node, O_RDONLY);
	rc = read(fd, buf, sizeof(buf)) == sizeof(buf) ? KSFT_PASS :
							 fails("%s", node);
	close(fd);
	return remove_segment(second) ? KSFT_FAIL : rc;
}

/* The user finds all as it was, and goes. */
static int end(void)
{
	if (put_byte(go[1]))
		return KSFT_FAIL;
	return child_result(child);
}

static int as_before(void)
{
	int fd, rc = KSFT_PASS;

	if (user->flags == MOUNT && umount(mountpoint))
		return fails("umount");
	if (mount_settled(device, mountpoint, fstype, 0, "dax"))
		return KSFT_FAIL;
	if ((user->flags & PINNED) == PINNED) {
		fd = open(file, O_RDONLY);
		rc = file_is(fd, user->flags & WRITES ? new : old,
			     2 * pagesize);
		close(fd);
	}
	unlink(file);
	return umount_settled(mountpoint) ? KSFT_FAIL : rc;
}

/* A refusal that had begun to tear down, or a reference too many. */
static int shared_works(void)
{
	return settled(segment, "shared", "0") ||
	       settled(segment, "shared", "1") ? KSFT_FAIL : KSFT_PASS;
}

struct check {
	const char *name;
	int (*run)(void);
	unsigned int only;	/* with users that have these flags */
};

static const struct check checks[] = {
	{ "remove is refused", remove_refused, 0 },
	{ "shared is refused", shared_refused, 0 },
	{ "rmmod is refused", rmmod_refused, 0 },
	{ "mount again is the same", mounted_again, PAGES_ONLY },
	{ "another device comes and goes", other_device, 0 },
	{ "all is as it was for it", end, 0 },
	{ "mount works when it is gone", as_before, 0 },
	{ "shared works when it is gone", shared_works, 0 },
};

static int user_rc;		/* how it has begun */

static int in_use(struct area *a)
{
	if (user) {
		close(ready[0]);
		close(go[1]);
	}
	user = a->arg;
	user_rc = begin();
	if (user_rc && user->flags & MOUNT)
		umount2(mountpoint, MNT_DETACH);
	return user_rc;
}

static int check(struct area *a)
{
	const struct check *c = a->arg;

	return user_rc ? skip("it is not in use") : c->run();
}

static void add_user(const struct user *u)
{
	struct dcss_case c = { "", in_use, 0, IN_PLACE, u };
	size_t i;

	dcss_case(&c, "%s: in use", u->name);
	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		if ((checks[i].only & u->flags) != checks[i].only)
			continue;
		c = (struct dcss_case){ "", check, 0, IN_PLACE | AFTER,
					&checks[i] };
		dcss_case(&c, "%s: %s", u->name, checks[i].name);
	}
}

static int again(struct area *a)
{
	char node[64];

	(void)a;
	if (remove_segment(segment) || add_segment(segment))
		return KSFT_FAIL;
	return node_of(segment, node, sizeof(node));
}

int main(int argc, char **argv)
{
	static const struct dcss_option options[] = {
		{ "second", "SEGMENT", "that comes and goes meanwhile",
		  &second },
		{ }
	};
	const struct dcss_case last = { "remove and add", again, 0, IN_PLACE };
	size_t i;

	if (argc == 4 && !strcmp(argv[1], HELD)) {
		ready[1] = atoi(argv[2]);
		go[0] = atoi(argv[3]);
		unlink(argv[0]);
		return hold();
	}
	dcss_parse(argc, argv, "SEGMENT DEVICE FSTYPE MOUNTPOINT", options);
	segment = opt.word[0];
	device = opt.word[1];
	fstype = opt.word[2];
	mountpoint = opt.word[3];
	len = opt.large ? largesize : 4 * pagesize;
	old = filled(len, SEED);
	new = filled(len, SEED);
	fill(new + pagesize, len - pagesize, NEW_SEED);
	snprintf(file, sizeof(file), "%s/busy", mountpoint);
	for (i = 0; i < ARRAY_SIZE(users); i++)
		add_user(&users[i]);
	dcss_cases(&last, 1);
	dcss_run();
}
