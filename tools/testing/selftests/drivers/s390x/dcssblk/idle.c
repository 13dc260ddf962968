// SPDX-License-Identifier: GPL-2.0
/*
 * A page of a DAX file that somebody has taken is a block of the file system.
 * The block must not go to another file before the page is given back:
 * truncate and hole punch wait for it. Here a pipe holds the page (vmsplice), and
 * reading the pipe gives it back, or a system call that waits for the rest of its
 * buffer.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "flight.h"
#include "held.h"

/* The parts are parts of a large page: with the page that is held, or not. */
enum op { TRUNCATE, SHRINK, PUNCH, SHRINK_PART, PUNCH_PART, KEEP_PART };

struct waiter {
	pthread_t thread;
	const char *path;
	enum op op;
	size_t len;
	pid_t tid;
	int done;
	int error;
};

static void *waiter_run(void *arg)
{
	struct waiter *w = arg;
	int fd = open(w->path, O_RDWR), rc = -1;

	__atomic_store_n(&w->tid, syscall(__NR_gettid), __ATOMIC_RELAXED);
	if (fd >= 0 && w->op == TRUNCATE)
		rc = ftruncate(fd, 0);
	else if (fd >= 0 && w->op == SHRINK)
		rc = ftruncate(fd, pagesize);
	else if (fd >= 0 && w->op == SHRINK_PART)
		rc = ftruncate(fd, held_at());
	else if (fd >= 0 && w->op == KEEP_PART)
		rc = ftruncate(fd, held_at() + pagesize);
	else if (fd >= 0 && w->op == PUNCH_PART)
		rc = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       held_at() - pagesize, 4 * pagesize);
	else if (fd >= 0)
		rc = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, w->len);
	w->error = rc ? errno : 0;
	if (fd >= 0)
		close(fd);
	__atomic_store_n(&w->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static bool done_within(struct waiter *w, int ms)
{
	int done;

	while (!(done = __atomic_load_n(&w->done, __ATOMIC_ACQUIRE)) &&
	       ms-- > 0)
		usleep(1000);
	return done;
}

/* Write to the file system what room it has: a freed block is used again. */
static int use_blocks(char *path)
{
	size_t len = 256 * 1024;
	char *junk = filled(len, 66);
	struct statvfs st;
	size_t left;
	int fd = new_file(opt.dir, "junk", junk, len, path);

	if (fd < 0 || statvfs(opt.dir, &st))
		return fails("%s", path);
	left = (size_t)st.f_bavail * st.f_frsize;
	/* Freed blocks are near the front: 64 MiB reach them, and is quick. */
	if (left > 64 << 20)
		left = 64 << 20;
	while (left > 2 * len && write(fd, junk, len) > 0)
		left -= len;
	fsync(fd);
	close(fd);
	free(junk);
	return KSFT_PASS;
}

/* What waits for the page of a pipe, and how. */
struct wait {
	enum op op;
	bool unmapped;		/* the holder has no mapping any more */
	bool reuse;		/* somebody wants the blocks meanwhile */
};

static int waits(struct area *a)
{
	const struct wait *how = a->arg;
	struct waiter w = { .op = how->op };
	struct held h = { };
	char junk[256] = "";
	bool early;
	int rc;

	if (hold_page(&h, !how->unmapped))
		return KSFT_FAIL;
	w.path = h.path;
	w.len = h.len;
	if (pthread_create(&w.thread, NULL, waiter_run, &w))
		return fails("thread");
	early = done_within(&w, WATCH_MS);
	if (early && w.error == EOPNOTSUPP)
		return skip("the file system cannot do it");
	rc = how->reuse ? use_blocks(junk) : KSFT_PASS;
	if (rc == KSFT_PASS && early)
		rc = wrong("does not wait for the page (error %d)", w.error);
	if (give_back(&h))
		rc = KSFT_FAIL;
	if (!done_within(&w, END_MS))
		return wrong("goes on waiting in state %c", task_state(w.tid));
	if (w.error)
		rc = wrong("fails with error %d", w.error);
	unlink(junk);
	unlink(h.path);
	return rc;
}

/*
 * The end of the file comes to be behind the page that is held, in the same
 * large page. Whether that waits is up to the file system; if not, the page
 * must not be forgotten: who truncates all of the file then has to wait.
 */
static int keep_part(struct area *a)
{
	struct waiter part = { .op = KEEP_PART }, all = { .op = TRUNCATE };
	struct held h = { };
	bool early;

	(void)a;
	if (hold_page(&h, true))
		return KSFT_FAIL;
	part.path = h.path;
	all.path = h.path;
	if (pthread_create(&part.thread, NULL, waiter_run, &part))
		return fails("thread");
	early = done_within(&part, WATCH_MS);
	if (early && part.error)
		return wrong("fails with error %d", part.error);
	if (early && pthread_create(&all.thread, NULL, waiter_run, &all))
		return fails("thread");
	if (early && done_within(&all, WATCH_MS))
		return wrong("the page that is held was forgotten");
	ksft_print_msg("%s\n", early ? "does not wait" : "waits");
	if (give_back(&h))
		return KSFT_FAIL;
	if (!done_within(early ? &all : &part, END_MS))
		return wrong("goes on waiting");
	unlink(h.path);
	return KSFT_PASS;
}

/* Two pipes hold the page: the first to let go does not end the waiting. */
static int two_holders(struct area *a)
{
	char *buf = filled(pagesize, 99);
	struct waiter w = { .op = TRUNCATE };
	struct held h = { };
	int second[2];

	(void)a;
	if (hold_page(&h, true) || pipe(second))
		return KSFT_FAIL;
	if (tee(h.pipe[0], second[1], pagesize, 0) != (ssize_t)pagesize)
		return fails("tee");
	w.path = h.path;
	pthread_create(&w.thread, NULL, waiter_run, &w);
	if (done_within(&w, WATCH_MS))
		return wrong("does not wait for either");
	if (give_back(&h))
		return KSFT_FAIL;
	if (done_within(&w, WATCH_MS))
		return wrong("waits for the first only");
	if (read(second[0], buf, pagesize) != (ssize_t)pagesize ||
	    differs("held page", buf, h.data + held_at(), pagesize))
		return KSFT_FAIL;
	if (!done_within(&w, END_MS))
		return wrong("goes on waiting");
	unlink(h.path);
	return KSFT_PASS;
}

/*
 * The page is held by a system call, in the middle of its buffer: who drops it
 * there has to wake the waiter, and nobody else comes along who could.
 */
struct call {
	enum flight_by by;
	bool write;
};

static int call_holds(struct area *a)
{
	const struct call *call = a->arg;
	struct flight f = {
		.by = call->by,
		.write = call->write,
		.pid = getpid(),
	};
	char path[256], *data = filled(opt.size, 27), *map;
	struct waiter w = { .path = path };
	int fd = new_file(opt.dir, "held", data, opt.size, path), rc;

	map = map_file(fd, opt.size, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (fd < 0 || map == MAP_FAILED)
		return fails("%s", path);
	touch(map + held_at());
	if (f.by != BY_VM)
		f.fd = open_other(opt.other, "held", data, 2 * pagesize,
				  O_DIRECT);
	rc = take_off(&f, map + held_at());
	if (rc)
		return rc;
	if (pthread_create(&w.thread, NULL, waiter_run, &w))
		return fails("thread");
	if (done_within(&w, WATCH_MS))
		rc = wrong("does not wait for the page (error %d)", w.error);
	if (land(&f, data))
		rc = KSFT_FAIL;
	if (!done_within(&w, END_MS))
		return wrong("goes on waiting in state %c", task_state(w.tid));
	if (w.error)
		rc = wrong("fails with error %d", w.error);
	unlink(path);
	return rc;
}

/* The pipe goes with its process, which cannot let go of the page itself. */
static int killed_holds(struct area *a)
{
	struct waiter w = { .op = TRUNCATE };
	struct held h = { };
	int ready[2];
	char c = 'x';
	pid_t pid;

	(void)a;
	if (pipe(ready))
		return fails("pipe");
	pid = fork_child();
	if (!pid) {
		if (hold_page(&h, true) || write(ready[1], &c, 1) != 1)
			_exit(KSFT_FAIL);
		pause();
		_exit(KSFT_FAIL);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		return child_result(pid);
	snprintf(h.path, sizeof(h.path), "%s/held", opt.dir);
	w.path = h.path;
	if (pthread_create(&w.thread, NULL, waiter_run, &w))
		return fails("thread");
	if (done_within(&w, WATCH_MS))
		return wrong("does not wait for the page (error %d)", w.error);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (!done_within(&w, END_MS))
		return wrong("goes on waiting in state %c", task_state(w.tid));
	unlink(h.path);
	return w.error ? wrong("fails with error %d", w.error) : KSFT_PASS;
}

/* One who waits can be killed, and the page is held nevertheless. */
static int can_be_killed(struct area *a)
{
	struct held h = { };
	int status, ms;
	pid_t pid;

	(void)a;
	if (hold_page(&h, true))
		return KSFT_FAIL;
	pid = fork_child();
	if (!pid)
		_exit(truncate(h.path, 0) ? errno : 0);
	usleep(WATCH_MS * 1000);
	if (waitpid(pid, &status, WNOHANG))
		return wrong("does not wait: status %x", status);
	kill(pid, SIGKILL);
	for (ms = END_MS; ms > 0 && !waitpid(pid, &status, WNOHANG); ms--)
		usleep(1000);
	if (ms <= 0)
		return wrong("cannot be killed, state %c", task_state(pid));
	if (give_back(&h))
		return KSFT_FAIL;
	if (truncate(h.path, 0))
		return fails("truncate afterwards");
	unlink(h.path);
	return KSFT_PASS;
}

struct racer {
	char *map;
	size_t len;
	int fd;
	int stop;
	unsigned int done;
};

/* Pages come and go while they are asked for: EFAULT and SIGBUS are right. */
static void *race_io(void *arg)
{
	struct racer *r = arg;
	char *buf = filled(r->len, 99);

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		struct iovec to = { buf, r->len }, from = { r->map, r->len };

		if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) > 0)
			r->done++;
		if (r->fd >= 0 && pwrite(r->fd, r->map, r->len, 0) > 0)
			r->done++;
	}
	return NULL;
}

static int race(struct area *a)
{
	char path[256], *data = filled(opt.size, 31), other[256];
	struct racer r = { .len = opt.size, .fd = -1 };
	int fd = new_file(opt.dir, "race", data, opt.size, path), i;
	int rounds = opt.large ? 40 : 200;
	pthread_t thread;

	(void)a;
	r.map = map_file(fd, r.len, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (fd < 0 || r.map == MAP_FAILED)
		return fails("%s", path);
	if (opt.other) {
		close(new_file(opt.other, "race", data, r.len, other));
		r.fd = open(other, O_RDWR | O_DIRECT);
		unlink(other);
	}
	pthread_create(&thread, NULL, race_io, &r);
	for (i = 0; i < rounds; i++) {
		if (ftruncate(fd, i & 1 ? 0 : pagesize) ||
		    pwrite(fd, data, r.len, 0) != (ssize_t)r.len)
			return fails("round %d", i);
		touch(r.map + held_at());
		if (!(i % 50))
			usleep(1000);
	}
	__atomic_store_n(&r.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	unlink(path);
	if (!r.done)
		return wrong("no page was ever taken");
	return file_is(fd, data, r.len);
}

#define PIN	(NO_MAPPING | NEEDS_WRITE)

static const struct dcss_case cases[] = {
	/*
	 * dax_layout_busy_page() sees the reference only where the page
	 * counts it; else the blocks are freed under the holder.
	 */
	{ "truncate waits for a held page", waits, 0, PIN,
	  &(const struct wait){ TRUNCATE } },
	{ "truncate to one page waits", waits, 0, PIN,
	  &(const struct wait){ SHRINK } },
	{ "hole punch waits for a held page", waits, 0, PIN,
	  &(const struct wait){ PUNCH } },

	/* One entry of the radix tree, and one of its pages is held. */
	{ "truncate to a part of a large page waits", waits, 0,
	  PIN | ONLY_LARGE,
	  &(const struct wait){ SHRINK_PART, .reuse = true } },
	{ "truncate keeps a held part of a large page", keep_part, 0,
	  PIN | ONLY_LARGE },
	{ "hole punch in a large page waits", waits, 0, PIN | ONLY_LARGE,
	  &(const struct wait){ PUNCH_PART, .reuse = true } },

	/* The data of another file is seen through the pipe. */
	{ "truncated block is not used again", waits, 0, PIN,
	  &(const struct wait){ TRUNCATE, .reuse = true } },
	{ "punched block is not used again", waits, 0, PIN,
	  &(const struct wait){ PUNCH, .reuse = true } },

	/*
	 * The holder has unmapped the file meanwhile: the page is held
	 * nevertheless, though mapping_mapped() is not true any more.
	 */
	{ "truncate waits, no longer mapped", waits, 0, PIN,
	  &(const struct wait){ TRUNCATE, .unmapped = true, .reuse = true } },
	{ "hole punch waits, no longer mapped", waits, 0, PIN,
	  &(const struct wait){ PUNCH, .unmapped = true, .reuse = true } },

	/* The wakeup comes with any reference dropped, not with the last. */
	{ "truncate waits for both holders", two_holders, 0, PIN },

	/*
	 * Each of them drops its reference in another place, by another task.
	 * One that does not wake leaves truncate asleep until a signal comes.
	 */
	{ "truncate waits for process_vm_readv", call_holds, 0, PIN,
	  &(const struct call){ BY_VM, false } },
	{ "truncate waits for process_vm_writev", call_holds, 0, PIN,
	  &(const struct call){ BY_VM, true } },
	{ "truncate waits for O_DIRECT write", call_holds, 0, PIN | NEEDS_OTHER,
	  &(const struct call){ BY_DIRECT, true } },
	{ "truncate waits for O_DIRECT read", call_holds, 0, PIN | NEEDS_OTHER,
	  &(const struct call){ BY_DIRECT, false } },
	{ "truncate waits for io_uring write", call_holds, 0, PIN | NEEDS_OTHER,
	  &(const struct call){ BY_URING, true } },
	{ "truncate waits for io_uring read", call_holds, 0, PIN | NEEDS_OTHER,
	  &(const struct call){ BY_URING, false } },
	{ "truncate waits for a process that is killed", killed_holds, 0, PIN },

	/* A wait without a signal check; a lock left behind by the killed. */
	{ "truncate that waits can be killed", can_be_killed, 0, PIN },

	/* Between the look at the page table and the reference. */
	{ "truncate against GUP", race, 0, PIN },
};

int main(int argc, char **argv)
{
	dcss_parse(argc, argv, "DIRECTORY", NULL);
	dcss_cases(cases, ARRAY_SIZE(cases));
	dcss_run();
}
