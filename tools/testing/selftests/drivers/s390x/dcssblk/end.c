// SPDX-License-Identifier: GPL-2.0
/*
 * A file ends while pages of it are in use: its last name and descriptor go,
 * it leaves the cache, the file system is unmounted, or its device goes. Its
 * blocks are not free before the pages are, and nobody has to wait for that
 * who could not be killed, or who has the page himself.
 *
 *	end [--large] [--readonly] --type FSTYPE --segment SEGMENT MOUNTPOINT
 *	end --dm --type FSTYPE --segment FIRST[:SECOND] MOUNTPOINT
 *
 * SEGMENT is added, and not mounted: each case does that. With --dm none is
 * added, and the file system is on dm-linear over all of them.
 */
#include <fcntl.h>
#include <glob.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "blocks.h"
#include "dcss.h"
#include "dm.h"
#include "held.h"

#define DM_NAME		"dcss-end"

/* Two stores at once, of which the second one waits for the first: most are. */
#define STORE_ROUNDS	200

static char node[64];

/* The device, by itself or as one or two parts of another one. */

static int find_node(void)
{
	return opt.dm ? KSFT_PASS : node_of(opt.segment, node, sizeof(node));
}

static int mount_as(const char *options)
{
	if (find_node())
		return KSFT_FAIL;
	return mount_settled(node, opt.dir, opt.type,
			     opt.readonly ? MS_RDONLY : 0, options);
}

static int fresh_as(const char *options)
{
	unmount_all(opt.dir);
	return mount_as(options);
}

static int fresh(void)
{
	return fresh_as("dax");
}

/* Things that may wait: done by a child. */

static int do_umount(const void *arg)
{
	(void)arg;
	return umount2(opt.dir, 0);
}

static int do_force(const void *arg)
{
	(void)arg;
	return umount2(opt.dir, MNT_FORCE);
}

static int do_detach(const void *arg)
{
	(void)arg;
	return umount2(opt.dir, MNT_DETACH);
}

static int do_truncate(const void *arg)
{
	return truncate(arg, 0);
}

static int do_remove_dm(const void *arg)
{
	(void)arg;
	errno = dm_remove(DM_NAME);
	return errno ? -1 : 0;
}

static int do_remove(const void *arg)
{
	(void)arg;
	if (opt.dm)
		return do_remove_dm(arg);
	errno = store("remove", opt.segment);
	return errno ? -1 : 0;
}

static int do_read_only(const void *arg)
{
	(void)arg;
	return mount(NULL, opt.dir, NULL, MS_REMOUNT | MS_RDONLY, "dax");
}

static int do_read_write(const void *arg)
{
	(void)arg;
	return mount(NULL, opt.dir, NULL, MS_REMOUNT, "dax");
}

static int truncate_waits(const char *path)
{
	return must_wait("truncate", do_truncate, path);
}

/* The first attempt has to do: nothing is in use any more. */
static int all_ends(void)
{
	if (gives("umount", do_umount, NULL, 0))
		return KSFT_FAIL;
	if (gives("remove", do_remove, NULL, 0))
		return KSFT_FAIL;
	return opt.dm ? KSFT_PASS : add_segment(opt.segment);
}

/* ... but for what a worker lets go. */
static int all_ends_later(void)
{
	if (comes_to("umount", do_umount) || comes_to("remove", do_remove))
		return KSFT_FAIL;
	return opt.dm ? KSFT_PASS : add_segment(opt.segment);
}

/*
 * The last name and the last descriptor of a file, and what has its pages.
 */

#define OWN_PIPE	0x001	/* the pipe is the process's own */
#define RENAME		0x002	/* another file takes its name */
#define NO_NAME		0x004	/* O_TMPFILE, it never had one */
#define KILLED		0x008	/* the process is killed, with its pipe */
#define EXIT_FILE	0x010	/* exit closes all, the file first */
#define EXIT_PIPE	0x020	/* ... the pipe first */
#define MAPPED		0x040	/* the mapping goes last */

/* Seen by both processes. */
struct progress {
	unsigned long long block;
	bool closed;
	bool go;
};

static struct progress *progress;

static void closed(void)
{
	__atomic_store_n(&progress->closed, true, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&progress->go, __ATOMIC_SEQ_CST))
		usleep(1000);
}

static int open_last(struct held *h, unsigned int how)
{
	if (how & NO_NAME) {
		h->fd = open(opt.dir, O_TMPFILE | O_RDWR, 0600);
		if (h->fd >= 0 && write(h->fd, h->data, h->len) < 0)
			return -1;
	} else {
		h->fd = new_file(opt.dir, "last", h->data, h->len, h->path);
	}
	return h->fd < 0 ? -1 : fsync(h->fd);
}

/*
 * Exit closes the lower number first, but what was closed last is released first:
 * task_work_run(). What is there first goes last.
 */
static int prepare_last(struct held *h, unsigned int how)
{
	if (how & EXIT_FILE && pipe(h->pipe))
		return fails("pipe");
	if (open_last(h, how))
		return errno == EOPNOTSUPP ? skip("no O_TMPFILE") :
					     fails("open");
	if (how & (OWN_PIPE | KILLED | EXIT_PIPE) && pipe(h->pipe))
		return fails("pipe");
	return KSFT_PASS;
}

static int remove_name(struct held *h, unsigned int how)
{
	char other[256];

	if (how & NO_NAME)
		return 0;
	if (!(how & RENAME))
		return unlink(h->path);
	close(new_file(opt.dir, "other", h->data, pagesize, other));
	return rename(other, h->path);
}

/* In a process of its own, up to where the file has ended. */
static int last_user(struct held *h, unsigned int how)
{
	int rc = prepare_last(h, how);
	char *map;

	if (rc)
		return rc;
	map = map_file(h->fd, h->len, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (map == MAP_FAILED)
		return fails("mmap");
	progress->block = block_at(h->fd, h->from);
	if (pipe_all(h, map))
		return KSFT_FAIL;
	if (remove_name(h, how))
		return fails("unlink");
	if (how & (EXIT_FILE | EXIT_PIPE))
		return KSFT_PASS;
	if (!(how & MAPPED))
		munmap(map, h->len);
	close(h->fd);
	if (how & MAPPED)
		munmap(map, h->len);
	closed();
	return how & OWN_PIPE ? give_back(h) : KSFT_PASS;
}

/* The process comes back from close(), at once. */
static int wait_closed(pid_t pid)
{
	int ms, rc;

	for (ms = 0; ms < END_MS; ms++) {
		if (__atomic_load_n(&progress->closed, __ATOMIC_SEQ_CST))
			return KSFT_PASS;
		rc = ended(pid, 0);
		if (rc >= 0)
			return rc ? rc : KSFT_FAIL;
		usleep(1000);
	}
	return wrong("close() does not come back, state %c", task_state(pid));
}

/* What is free by mistake is so after this. XFS frees in the background. */
static void let_it_free(void)
{
	sync();
	usleep(WATCH_MS * 1000);
}

/* While the pipe has the pages, whoever has the pipe. */
static int while_in_use(struct held *h, long before)
{
	long used = h->size / pagesize, now;

	let_it_free();
	now = free_blocks();
	/* Half of them: others may come and go with what a file needs. */
	if (used > 1 && now + used / 2 > before)
		return wrong("%ld blocks are free, of %ld", now, before);
	return not_given_away(&progress->block, 1);
}

static int end_last(pid_t pid, struct held *h, unsigned int how)
{
	int rc = KSFT_PASS;

	__atomic_store_n(&progress->go, true, __ATOMIC_SEQ_CST);
	if (how & KILLED)
		kill(pid, SIGKILL);
	else if (!(how & OWN_PIPE))
		rc = drain(h);
	if (how & KILLED) {
		if (ended(pid, END_MS) < 0)
			return wrong("cannot be killed");
		return rc;
	}
	return child_result(pid) ? KSFT_FAIL : rc;
}

static int last_use(unsigned int how)
{
	struct held h = { .len = opt.size };
	long before;
	pid_t pid;
	int rc;

	h.from = opt.large ? held_at() : 0;
	h.size = opt.large ? pagesize : h.len;
	h.data = filled(h.len, 21);
	snprintf(h.path, sizeof(h.path), "%s/last", opt.dir);
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fresh() || pipe(h.pipe))
		return KSFT_FAIL;
	before = free_blocks();
	pid = fork_child();
	if (!pid)
		_exit(last_user(&h, how));
	if (how & (EXIT_FILE | EXIT_PIPE)) {
		rc = ended(pid, END_MS);
		if (rc < 0)
			return wrong("exit hangs, state %c", task_state(pid));
	} else {
		rc = wait_closed(pid);
		if (!rc)
			rc = while_in_use(&h, before);
		if (rc != KSFT_SKIP && end_last(pid, &h, how))
			rc = KSFT_FAIL;
	}
	if (rc)
		return rc;
	unlink(h.path);
	/* A name may have needed a block. */
	if (blocks_back(before, 4))
		return KSFT_FAIL;
	return all_ends();
}

#define LAST(name, how)				\
static int last_##name(struct area *a)		\
{						\
	(void)a;				\
	return last_use(how);			\
}

LAST(own, OWN_PIPE)
LAST(other, 0)
LAST(mapped, MAPPED)
LAST(mapped_own, MAPPED | OWN_PIPE)
LAST(rename, RENAME | OWN_PIPE)
LAST(no_name, NO_NAME)
LAST(killed, KILLED)
LAST(exit_file, EXIT_FILE)
LAST(exit_pipe, EXIT_PIPE)

/* Many of them: files, pipes, and the order in which they are let go. */

#define MANY		320
#define PIPES		20

static int hold_many(int pipes[PIPES][2], unsigned long long *block)
{
	char path[256], *own = filled(pagesize, 0), *map;
	int i, fd;

	for (i = 0; i < MANY; i++) {
		fill(own, pagesize, i + 1);
		fd = new_file(opt.dir, "many", own, pagesize, path);
		if (fd < 0 || fsync(fd))
			return fails("file %d", i);
		block[i] = block_at(fd, 0);
		map = mmap(NULL, pagesize, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED ||
		    splice_page(pipes[i % PIPES][1], map))
			return wrong("file %d", i);
		munmap(map, pagesize);
		unlink(path);
		close(fd);
	}
	free(own);
	return KSFT_PASS;
}

/* The page of file @i is next in its pipe. */
static int read_one(int pipe_fd, int i)
{
	char *want = filled(pagesize, i + 1), *got = filled(pagesize, 99);
	int rc = KSFT_PASS;

	if (read(pipe_fd, got, pagesize) != (ssize_t)pagesize)
		rc = fails("pipe");
	else if (differs("page", got, want, pagesize))
		rc = wrong("it is of file %d", i);
	free(want);
	free(got);
	return rc;
}

struct both {
	char *page;
	unsigned int ready;
};

static void *store_at_once(void *arg)
{
	struct both *both = arg;

	__atomic_add_fetch(&both->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&both->ready, __ATOMIC_SEQ_CST) < 2)
		sched_yield();
	__atomic_store_n(both->page, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Two threads take the first page of a private mapping from the file. */
static int store_twice(char *map)
{
	struct both both = { map };
	pthread_t thread;

	if (pthread_create(&thread, NULL, store_at_once, &both))
		return wrong("no thread");
	store_at_once(&both);
	pthread_join(thread, NULL);
	return KSFT_PASS;
}

/* Whether anything but a page of its own has come of that. */
static int hold_private(struct held *h, unsigned long long *block)
{
	bool more;

	h->len = 4 * pagesize;
	h->from = pagesize;
	h->size = pagesize;
	h->data = filled(h->len, 21);
	h->fd = new_file(opt.dir, "held", h->data, h->len, h->path);
	if (h->fd < 0 || fsync(h->fd) || pipe(h->pipe))
		return -fails("%s", h->path);
	*block = block_at(h->fd, h->from);
	h->map = map_file(h->fd, h->len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	if (h->map == MAP_FAILED || store_twice(h->map))
		return -fails("mmap");
	more = pagemap_entry(getpid(), (uintptr_t)h->map + h->from) & PM_PRESENT;
	if (splice_page(h->pipe[1], h->map + h->from))
		return -KSFT_FAIL;
	unlink(h->path);
	munmap(h->map, h->len);
	close(h->fd);
	return more;
}

/*
 * Who finds that another thread was first has not mapped a page of the file, and
 * must not map those around it: the inode does not know that it has been mapped.
 */
static int private_twice(struct area *a)
{
	unsigned long long block;
	int i, more = 0;

	(void)a;
	if (fresh())
		return KSFT_FAIL;
	for (i = 0; i < STORE_ROUNDS && !more; i++) {
		struct held h = { };

		more = hold_private(&h, &block);
		if (more < 0)
			return KSFT_FAIL;
		if (more || i == STORE_ROUNDS - 1) {
			let_it_free();
			if (not_given_away(&block, 1))
				return KSFT_FAIL;
		}
		if (drain(&h))
			return KSFT_FAIL;
		free(h.data);
	}
	return all_ends();
}

static int many_files(struct area *a)
{
	static unsigned long long block[MANY];
	int pipes[PIPES][2], i, j;
	long before;

	(void)a;
	if (fresh())
		return KSFT_FAIL;
	for (i = 0; i < PIPES; i++)
		if (pipe(pipes[i]))
			return fails("pipe");
	before = free_blocks();
	if (hold_many(pipes, block))
		return KSFT_FAIL;
	let_it_free();
	if (free_blocks() + MANY / 2 > before)
		return wrong("%ld blocks are free, of %ld", free_blocks(),
			     before);
	if (not_given_away(block, MANY))
		return KSFT_FAIL;
	/* Pipe by pipe, odd ones first. */
	for (i = 1; i < 2 * PIPES; i += 2)
		for (j = 0; j < MANY / PIPES; j++)
			if (read_one(pipes[(i + i / PIPES) % PIPES][0],
				     (i + i / PIPES) % PIPES + j * PIPES))
				return KSFT_FAIL;
	if (blocks_back(before, MANY / 4))
		return KSFT_FAIL;
	return all_ends();
}

/*
 * Nobody has them any more, and there is much to do before the last one is gone.
 * umount waits for that, and whoever finds the device in use after it is right to
 * complain.
 */
static int umount_first(struct area *a)
{
	static unsigned long long block[MANY];
	int pipes[PIPES][2], i;

	(void)a;
	if (fresh())
		return KSFT_FAIL;
	for (i = 0; i < PIPES; i++)
		if (pipe(pipes[i]))
			return fails("pipe");
	if (hold_many(pipes, block))
		return KSFT_FAIL;
	for (i = 0; i < PIPES; i++) {
		close(pipes[i][1]);
		close(pipes[i][0]);
	}
	/* At once: no process to be started in between. */
	if (do_umount(NULL))
		return fails("umount");
	if (do_remove(NULL))
		return fails("remove");
	return opt.dm ? KSFT_PASS : add_segment(opt.segment);
}

#define PARTS		4

/* All pages of a file are in pipes, and all but one are given back. */
static int many_pages(struct area *a)
{
	size_t part = opt.size / PARTS;
	struct held h[PARTS] = { };
	unsigned long long block[PARTS];
	char path[256], *data = filled(opt.size, 23), *map;
	int fd, i;

	(void)a;
	if (fresh())
		return KSFT_FAIL;
	fd = new_file(opt.dir, "parts", data, opt.size, path);
	map = map_file(fd, opt.size, PROT_READ, MAP_SHARED);
	if (fd < 0 || fsync(fd) || map == MAP_FAILED)
		return fails("%s", path);
	for (i = 0; i < PARTS; i++) {
		h[i].data = data;
		h[i].from = i * part;
		h[i].size = part > 4 * pagesize ? pagesize : part;
		block[i] = block_at(fd, h[i].from);
		if (pipe(h[i].pipe) || pipe_all(&h[i], map))
			return fails("part %d", i);
	}
	munmap(map, opt.size);
	unlink(path);
	close(fd);
	if (not_given_away(block, PARTS) || drain(&h[2]) || drain(&h[0]) ||
	    not_given_away(block + 1, 1) || drain(&h[1]) ||
	    not_given_away(block + 3, 1) || drain(&h[3]))
		return KSFT_FAIL;
	return all_ends();
}

/* The file system ends. */

static int hold_fresh(struct held *h)
{
	if (fresh() || hold_page(h, false))
		return KSFT_FAIL;
	close(h->fd);
	return KSFT_PASS;
}

static int umount_busy(struct area *a)
{
	struct held h = { };

	(void)a;
	if (hold_fresh(&h) || gives("umount", do_umount, NULL, EBUSY) ||
	    gives("umount -f", do_force, NULL, EBUSY) || drain(&h))
		return KSFT_FAIL;
	return all_ends();
}

/* An unlinked file in use; returns where its block is. */
static int hold_unlinked(struct held *h, unsigned long long *block)
{
	if (fresh() || hold_page(h, false))
		return KSFT_FAIL;
	*block = block_at(h->fd, h->from);
	unlink(h->path);
	close(h->fd);
	return KSFT_PASS;
}

static int umount_unlinked(struct area *a)
{
	unsigned long long block;
	struct held h = { };

	(void)a;
	if (hold_unlinked(&h, &block) ||
	    gives("umount", do_umount, NULL, EBUSY) ||
	    gives("umount -f", do_force, NULL, EBUSY) ||
	    not_given_away(&block, 1) || drain(&h))
		return KSFT_FAIL;
	return all_ends();
}

/* Not mounted any more, and there nevertheless. */
static int mounted_again(void)
{
	if (gives("remove", do_remove, NULL, EBUSY))
		return KSFT_FAIL;
	return mount_as("dax");
}

static int detach(struct area *a)
{
	struct held h = { };

	(void)a;
	if (hold_fresh(&h) || gives("umount -l", do_detach, NULL, 0) ||
	    mounted_again() || (!opt.readonly && truncate_waits(h.path)))
		return KSFT_FAIL;
	if (gives("umount", do_umount, NULL, EBUSY) || drain(&h))
		return KSFT_FAIL;
	return all_ends();
}

/* Nobody mounts it again: it ends with the last page. */
static int detach_only(struct area *a)
{
	struct held h = { };

	(void)a;
	if (hold_fresh(&h) || gives("umount -l", do_detach, NULL, 0) ||
	    gives("remove", do_remove, NULL, EBUSY) || drain(&h) ||
	    comes_to("remove", do_remove))
		return KSFT_FAIL;
	return opt.dm ? KSFT_PASS : add_segment(opt.segment);
}

static int detach_unlinked(struct area *a)
{
	unsigned long long block;
	struct held h = { };

	(void)a;
	if (hold_unlinked(&h, &block) ||
	    gives("umount -l", do_detach, NULL, 0) || mounted_again() ||
	    not_given_away(&block, 1) || drain(&h))
		return KSFT_FAIL;
	return all_ends();
}

static int do_mount(const void *arg)
{
	(void)arg;
	return mount(node, opt.dir, opt.type, opt.readonly ? MS_RDONLY : 0,
		     "dax");
}

/* A page that is of no file, and that somebody in the kernel has. */
static int foreign_page(struct area *a)
{
	struct held h = { };
	int rc;

	(void)a;
	if (is_blockdev(opt.segment))
		return skip("not a DCSS");
	if (hold_fresh(&h) || drain(&h))
		return KSFT_FAIL;
	rc = module_takes_page(h.path);
	if (rc)
		return rc;
	rc = gives("umount", do_umount, NULL, 0) ||
	     gives("mount", do_mount, NULL, EBUSY);
	if (system("rmmod dcss_user"))
		return wrong("rmmod dcss_user");
	return rc || mount_as("dax") ? KSFT_FAIL : all_ends();
}

/* In a namespace that ends with the process; the pipe is older. */
static int in_namespace(struct held *h)
{
	char *map;

	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return fails("namespace");
	if (mount_as("dax"))
		return KSFT_FAIL;
	h->fd = new_file(opt.dir, "held", h->data, h->len, h->path);
	map = map_file(h->fd, h->len, PROT_READ, MAP_SHARED);
	if (h->fd < 0 || fsync(h->fd) || map == MAP_FAILED)
		return fails("%s", h->path);
	return splice_page(h->pipe[1], map + h->from);
}

static int namespace_ends(struct area *a)
{
	struct held h = { .len = opt.size, .size = pagesize };
	pid_t pid;
	int rc;

	(void)a;
	unmount_all(opt.dir);
	h.from = held_at();
	h.data = filled(h.len, 21);
	snprintf(h.path, sizeof(h.path), "%s/held", opt.dir);
	if (find_node() || pipe(h.pipe))
		return KSFT_FAIL;
	pid = fork_child();
	if (!pid)
		_exit(in_namespace(&h));
	rc = ended(pid, END_MS);
	if (rc)
		return wrong("exit: %d, state %c", rc, task_state(pid));
	if (mounted_again() || truncate_waits(h.path) || drain(&h))
		return KSFT_FAIL;
	unlink(h.path);
	return all_ends_later();
}

static int read_only(struct area *a)
{
	struct held h = { };

	(void)a;
	if (hold_fresh(&h) || gives("remount,ro", do_read_only, NULL, 0) ||
	    gives("remount,rw", do_read_write, NULL, 0) ||
	    truncate_waits(h.path) || drain(&h))
		return KSFT_FAIL;
	return all_ends();
}

static int read_only_unlinked(struct area *a)
{
	unsigned long long block;
	struct held h = { };

	(void)a;
	if (hold_unlinked(&h, &block) ||
	    gives("remount,ro", do_read_only, NULL, EBUSY) ||
	    not_given_away(&block, 1) || drain(&h) ||
	    comes_to("remount,ro", do_read_only))
		return KSFT_FAIL;
	return all_ends_later();
}

/* The inode leaves the cache. */

static int drop_caches(struct area *a)
{
	struct held h = { };

	(void)a;
	if (hold_fresh(&h))
		return KSFT_FAIL;
	sync();
	if (put_string("/proc/sys/vm/drop_caches", "2") ||
	    put_string("/proc/sys/vm/drop_caches", "3"))
		return fails("drop_caches");
	if (truncate_waits(h.path) || drain(&h) ||
	    gives("truncate", do_truncate, h.path, 0))
		return KSFT_FAIL;
	return all_ends();
}

/*
 * What memory pressure does to this file system, and to no other: its shrinker is
 * called until it has no inode and no name left that it could drop.
 */

#define SHRINKERS	"/sys/kernel/debug/shrinker"
#define UNUSED		64

struct shrinker {
	char count[256], scan[256];
	unsigned long cgroup;
};

static int find_shrinker(struct shrinker *s)
{
	char pattern[128];
	glob_t found;

	snprintf(pattern, sizeof(pattern), SHRINKERS "/sb-%s:%s-*", opt.type,
		 strrchr(node, '/') + 1);
	if (glob(pattern, 0, NULL, &found))
		return skip("no %s", pattern);
	snprintf(s->count, sizeof(s->count), "%s/count", found.gl_pathv[0]);
	snprintf(s->scan, sizeof(s->scan), "%s/scan", found.gl_pathv[0]);
	globfree(&found);
	return KSFT_PASS;
}

/* Inodes and names that nobody uses; nothing is said of none. */
static unsigned long unused(struct shrinker *s)
{
	unsigned long n = 0;
	char text[128];

	if (get_string(s->count, text, sizeof(text)) ||
	    sscanf(text, "%lu %lu", &s->cgroup, &n) != 2)
		return 0;
	return n;
}

static int shrink(struct shrinker *s)
{
	unsigned long n = unused(s);
	char text[64];
	int ms;

	ksft_print_msg("%lu to drop\n", n);
	if (n < UNUSED)
		return wrong("only %lu inodes and names, of %d files", n,
			     UNUSED);
	/* XFS frees in the background, and writes some of them first. */
	for (ms = 0; ms < END_MS && (n = unused(s)); ms += 10) {
		snprintf(text, sizeof(text), "%lu 0 %lu\n", s->cgroup, n);
		if (put_string(s->scan, text))
			return fails("%s", s->scan);
		if (ms > 100)
			usleep(10000);
	}
	return n ? wrong("%lu are not dropped", n) : KSFT_PASS;
}

static int pressure(struct area *a)
{
	struct shrinker s;
	struct held h = { };
	char name[32], path[256];
	int i, rc;

	(void)a;
	if (hold_fresh(&h))
		return KSFT_FAIL;
	rc = find_shrinker(&s);
	if (rc)
		return rc;
	for (i = 0; i < UNUSED; i++) {
		snprintf(name, sizeof(name), "unused%d", i);
		close(new_file(opt.dir, name, NULL, 0, path));
	}
	/* What is dirty stays. */
	sync();
	if (shrink(&s) || truncate_waits(h.path) || drain(&h))
		return KSFT_FAIL;
	for (i = 0; i < UNUSED; i++) {
		snprintf(path, sizeof(path), "%s/unused%d", opt.dir, i);
		unlink(path);
	}
	return all_ends();
}

/* The file is no DAX file any more: FS_XFLAG_DAX. */

/* As found by a new open; -1 if it cannot be told. */
static int is_dax(const char *path)
{
	int fd = open(path, O_RDONLY), rc;
	struct statx st;

	if (fd < 0)
		return -1;
	rc = syscall(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS,
		     &st);
	close(fd);
	return rc ? -1 : !!(st.stx_attributes & STATX_ATTR_DAX);
}

static int no_dax_later(const char *path)
{
	int ms;

	for (ms = 0; is_dax(path) && ms < END_MS; ms += 10)
		usleep(10000);
	return is_dax(path) ? wrong("it goes on to be a DAX file") : KSFT_PASS;
}

static int toggled(struct held *h)
{
	unsigned long long block;

	if (hold_page(h, false))
		return KSFT_FAIL;
	block = block_at(h->fd, h->from);
	if (set_dax(h->fd, false))
		return fails("FS_XFLAG_DAX");
	close(h->fd);
	/* Twice: the first open may find what the last close had left. */
	if (is_dax(h->path) != 1 || is_dax(h->path) != 1)
		return wrong("no DAX file while a page is in use");
	if (truncate_waits(h->path) || not_given_away(&block, 1) || drain(h))
		return KSFT_FAIL;
	return no_dax_later(h->path);
}

static int toggle(struct area *a)
{
	struct held h = { };
	int fd, rc;

	(void)a;
	if (fresh_as("dax=inode"))
		return KSFT_FAIL;
	if (dax_directory())
		return fails("FS_XFLAG_DAX of a directory");
	rc = toggled(&h);
	fd = open(opt.dir, O_RDONLY | O_DIRECTORY);
	set_dax(fd, false);
	close(fd);
	return rc ? rc : all_ends();
}

/* Only what is cut off is waited for. */

struct cut {
	const char *path;
	off_t to;
};

static int do_cut(const void *arg)
{
	const struct cut *cut = arg;

	return truncate(cut->path, cut->to);
}

/* ext4 is ext2, too, where that is not built, and waits for all pages of a file. */
static bool is_ext4(void)
{
	char node[64], path[64];

	if (node_of(opt.segment, node, sizeof(node)))
		return false;
	snprintf(path, sizeof(path), "/sys/fs/ext4/%.40s", strrchr(node, '/') + 1);
	return !access(path, F_OK);
}

static int cut_behind(struct area *a)
{
	struct held h = { };
	struct cut cut = { h.path, 0 };

	(void)a;
	if (hold_fresh(&h))
		return KSFT_FAIL;
	if (is_ext4()) {
		if (drain(&h) || all_ends())
			return KSFT_FAIL;
		return skip("it is ext4 that has it mounted");
	}
	cut.to = h.len + 4 * pagesize;
	if (gives("truncate, growing", do_cut, &cut, 0))
		return KSFT_FAIL;
	cut.to = h.from + pagesize;
	if (gives("truncate behind the page", do_cut, &cut, 0))
		return KSFT_FAIL;
	if (truncate_waits(h.path) || drain(&h) ||
	    gives("truncate", do_truncate, h.path, 0))
		return KSFT_FAIL;
	return all_ends();
}

/* A device mapper device over all segments. */
static int on_dm(int (*fn)(struct area *a), struct area *a)
{
	int rc;

	unmount_all(opt.dir);
	if (dm_over(DM_NAME, opt.segment, 0, node, sizeof(node)))
		return KSFT_FAIL;
	rc = fn(a);
	return rc ? rc : dm_remove_segments(opt.segment);
}

#define ON_DM(fn)				\
static int dm_##fn(struct area *a)		\
{						\
	return on_dm(fn, a);			\
}

ON_DM(umount_busy)
ON_DM(detach)
ON_DM(detach_only)
ON_DM(umount_unlinked)
ON_DM(last_own)
ON_DM(umount_first)

#define ALONE	(NO_MAPPING | NEEDS_WRITE)

static const struct dcss_case cases[] = {
	/*
	 * A block that is free while its page is in a pipe goes to another
	 * file; who waits for it in close() may wait for himself.
	 */
	{ "unlinked, in the pipe of another", last_other, 0, ALONE },
	{ "unlinked, in its own pipe", last_own, 0, ALONE },
	{ "unlinked, mapping goes last", last_mapped, 0, ALONE },
	{ "unlinked, mapping goes last, own pipe", last_mapped_own, 0, ALONE },
	{ "renamed over, in its own pipe", last_rename, 0, ALONE },
	{ "O_TMPFILE", last_no_name, 0, ALONE },

	/* The same, with the reference dropped by a process that ends. */
	{ "unlinked, process is killed", last_killed, 0, ALONE },
	{ "unlinked, exit closes file and pipe", last_exit_file, 0, ALONE },
	{ "unlinked, exit closes pipe and file", last_exit_pipe, 0, ALONE },

	/* A list that loses an entry, or lets all go with the first one. */
	{ "unlinked, hundreds of files", many_files, 0, ALONE },
	{ "unlinked, one page after the other", many_pages, 0, ALONE },

	/* A fault that has found nothing to do. */
	{ "unlinked, private, two stores at once", private_twice, 0, ALONE },

	/* The worker that lets them go has the device, too. */
	{ "unlinked, umount and remove at once", umount_first, 0, ALONE },

	/*
	 * Mounted again, a file system that has forgotten a page gives its
	 * block away; one that waits for it can never be unmounted.
	 */
	{ "umount is refused", umount_busy, 0, NO_MAPPING },
	{ "umount is refused, unlinked", umount_unlinked, 0, ALONE },
	{ "umount -l and mount again", detach, 0, NO_MAPPING },
	{ "umount -l", detach_only, 0, NO_MAPPING },
	{ "umount -l and mount again, unlinked", detach_unlinked, 0, ALONE },
	{ "mount namespace ends", namespace_ends, 0, ALONE },
	/* No file system knows of it: it is for the driver to refuse the next. */
	{ "page of no file in use, mount is refused", foreign_page, 0,
	  NO_MAPPING },

	/* No write is left to the file that a page in use could be part of. */
	{ "remount read-only", read_only, 0, ALONE },
	{ "remount read-only is refused, unlinked", read_only_unlinked, 0,
	  ALONE },

	/* With the inode its entries go: a later truncate finds no page. */
	{ "inodes are dropped", drop_caches, 0, ALONE },
	{ "memory is short", pressure, 0, ALONE },
};

static const struct dcss_case flag_cases[] = {
	/* The flag is looked at as the inode comes; so it has to go first. */
	{ "FS_XFLAG_DAX is cleared", toggle, 0, ALONE },
};

static const struct dcss_case ext2_cases[] = {
	/* Pages that stay in the file are nothing to wait for. */
	{ "truncate does not wait for pages before", cut_behind, 0, ALONE },
};

static const struct dcss_case dm_cases[] = {
	/* Unmounted, the DCSS stays open: its own check is never reached. */
	{ "dm-linear: umount is refused", dm_umount_busy, 0, ALONE },
	{ "dm-linear: umount is refused, unlinked", dm_umount_unlinked, 0,
	  ALONE },
	{ "dm-linear: umount -l and mount again", dm_detach, 0, ALONE },
	{ "dm-linear: umount -l", dm_detach_only, 0, ALONE },
	{ "dm-linear: unlinked, in its own pipe", dm_last_own, 0, ALONE },
	{ "dm-linear: unlinked, umount and remove at once", dm_umount_first, 0,
	  ALONE },
};

int main(int argc, char **argv)
{
	dcss_parse(argc, argv, "DIRECTORY", NULL);
	if (!opt.type || !opt.segment)
		ksft_exit_fail_msg("--type and --segment are needed\n");
	if (opt.dm) {
		dcss_cases(dm_cases, ARRAY_SIZE(dm_cases));
		dcss_run();
	}
	dcss_cases(cases, ARRAY_SIZE(cases));
	if (!strcmp(opt.type, "ext4") || !strcmp(opt.type, "xfs"))
		dcss_cases(flag_cases, ARRAY_SIZE(flag_cases));
	if (!strcmp(opt.type, "ext2"))
		dcss_cases(ext2_cases, ARRAY_SIZE(ext2_cases));
	dcss_run();
}
