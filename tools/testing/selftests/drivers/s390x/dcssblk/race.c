// SPDX-License-Identifier: GPL-2.0
/*
 * Truncate against those who take pages of the file: two loops beside each
 * other, each in a process of its own. Truncate waits for a page as long as
 * somebody has it, and no longer. Both are judged by what was done in which
 * order, in memory that the processes share, and not by any clock.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "held.h"
#include "uring.h"

/* Rounds that find a race on the kernels that have it, several times over. */
#define HELD_ROUNDS	200
#define FREE_ROUNDS	400
/* A page that is held for a few instructions only: one truncate in 200 met it. */
#define RARE_ROUNDS	1200
#define TASK_ROUNDS	40
#define FORK_ROUNDS	100
/* Truncate is faster than most of the others: how often, if it has to wait. */
#define MORE_ROUNDS	50

/* How long the pipe keeps the page once truncate is under way. */
#define HOLD_US		2000

/*
 * Truncate may be slow while others take the page again and again: after
 * that long they pause. Nobody can have the page then, and it has to go on.
 */
#define SLOW_MS		2000
#define MAX_PAUSES	20

/* What all processes see. Each number is written by one of them. */
struct shared {
	unsigned int round;	/* the file has its pages */
	unsigned int held;	/* the pipe has one of them */
	unsigned int begun;	/* truncate begins */
	unsigned int letting;	/* the pipe is about to let go */
	unsigned int done;	/* truncate is back */
	unsigned int early;	/* ... before the pipe was about to let go */
	unsigned int taken;	/* how often a page was taken */
	unsigned int large;	/* how often it was part of a large one */
	bool pause;
	bool paused;
	bool stop;
};

static struct shared *s;
static char path[256];
static char *data, *map, *page;
static size_t len;
static int fd;
static unsigned int rounds;
static sigjmp_buf no_page;

#define get(where)		__atomic_load_n(where, __ATOMIC_SEQ_CST)
#define set(where, value)	__atomic_store_n(where, value, __ATOMIC_SEQ_CST)

static void on_sigbus(int sig)
{
	siglongjmp(no_page, sig);
}

static int prepare(unsigned int nr)
{
	rounds = opt.large ? nr / 4 : nr;
	len = opt.large ? opt.size : 4 * pagesize;
	data = filled(len, 31);
	fd = new_file(opt.dir, "race", data, len, path);
	if (fd < 0)
		return fails("%s", path);
	map = map_file(fd, len, PROT_READ | PROT_WRITE, MAP_SHARED);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED || s == MAP_FAILED)
		return fails("mmap");
	page = map + held_at();
	return signal(SIGBUS, on_sigbus) == SIG_ERR ? fails("signal") :
						      KSFT_PASS;
}

static void wait_for(unsigned int *number, unsigned int value)
{
	while (get(number) < value && !get(&s->stop))
		usleep(20);
}

/* Ways to take the pages from the file. */

static int cut(void)
{
	return ftruncate(fd, 0);
}

static int punch(void)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 len);
}

static int grow(void)
{
	return pwrite(fd, data, len, 0) == (ssize_t)len ? 0 : -1;
}

/* Whether the loop is to go on; it holds nothing while it is in here. */
static bool go_on(void)
{
	while (get(&s->pause) && !get(&s->stop)) {
		set(&s->paused, true);
		usleep(100);
	}
	set(&s->paused, false);
	return !get(&s->stop);
}

/* Nobody waits for the others then. */
static int give_up(void)
{
	set(&s->stop, true);
	return -1;
}

/* One who has the page of each round for a while. */
static int holder(const void *arg)
{
	char *buf = filled(pagesize, 99);
	unsigned int n;
	int p[2];

	(void)arg;
	if (pipe(p))
		return give_up();
	for (n = 1; n <= rounds && !get(&s->stop); n++) {
		wait_for(&s->round, n);
		if (get(&s->stop))
			break;
		if (splice_page(p[1], page))
			return give_up();
		set(&s->held, n);
		wait_for(&s->begun, n);
		usleep(HOLD_US);
		set(&s->letting, n);
		if (read(p[0], buf, pagesize) != (ssize_t)pagesize)
			return give_up();
	}
	return 0;
}

/* One who locks its entry again and again, and has no reference to it. */
static int syncer(const void *arg)
{
	(void)arg;
	while (!get(&s->stop)) {
		if (sigsetjmp(no_page, 1))
			continue;
		__atomic_fetch_add(page, 1, __ATOMIC_RELAXED);
		msync(page, pagesize, MS_SYNC);
	}
	return 0;
}

/* Takes the pages away while the holder has one. */
static int taker(const void *arg)
{
	int (*away)(void) = *(int (*const *)(void))arg;
	unsigned int n;

	for (n = 1; n <= rounds && !get(&s->stop); n++) {
		if (grow())
			return give_up();
		set(&s->round, n);
		wait_for(&s->held, n);
		if (get(&s->stop))
			break;
		set(&s->begun, n);
		if (away())
			return give_up();
		if (get(&s->letting) < n) {
			set(&s->early, n);
			break;
		}
		set(&s->done, n);
	}
	return 0;
}

static int stop_one(pid_t pid, const char *who)
{
	int rc = ended(pid, END_MS);

	if (rc < 0) {
		kill(pid, SIGKILL);
		return wrong("%s does not stop, state %c", who,
			     task_state(pid));
	}
	return rc ? wrong("%s: %s", who, strerror(rc)) : KSFT_PASS;
}

static int order(int (*away)(void))
{
	pid_t hold, sync, take;
	int rc = KSFT_PASS;

	if (prepare(HELD_ROUNDS))
		return KSFT_FAIL;
	if (away == punch && punch())
		return skip("the file system cannot do it");
	hold = start(holder, NULL);
	sync = start(syncer, NULL);
	take = start(taker, &away);
	while (ended(take, 1000) < 0)
		;
	set(&s->stop, true);
	if (stop_one(hold, "the holder") || stop_one(sync, "msync"))
		rc = KSFT_FAIL;
	unlink(path);
	if (get(&s->early))
		return wrong("round %u: back while a pipe had the page",
			     get(&s->early));
	if (get(&s->done) != rounds)
		return wrong("only %u rounds of %u", get(&s->done), rounds);
	return rc;
}

static int msync_truncate(struct area *a)
{
	(void)a;
	return order(cut);
}

static int msync_punch(struct area *a)
{
	(void)a;
	return order(punch);
}

/* Ways to take a page for a moment. Each returns whether it had one. */

static bool take_futex(void)
{
	return !syscall(__NR_futex, page, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static int mem = -1;
static char *buffer;

static bool take_mem_read(void)
{
	if (mem < 0)
		mem = open("/proc/self/mem", O_RDWR);
	return pread(mem, buffer, pagesize, (off_t)page) > 0;
}

static bool take_mem_write(void)
{
	if (mem < 0)
		mem = open("/proc/self/mem", O_RDWR);
	return pwrite(mem, buffer, pagesize, (off_t)page) > 0;
}

static bool take_readv(void)
{
	struct iovec to = { buffer, pagesize }, from = { page, pagesize };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) > 0;
}

static int direct = -1;

static bool take_direct(void)
{
	if (direct < 0)
		direct = open_other(opt.other, "race", data, pagesize,
				    O_DIRECT);
	return pwrite(direct, page, pagesize, 0) > 0;
}

static bool take_uring(void)
{
	static struct uring ring;

	if (direct < 0) {
		direct = open_other(opt.other, "race", data, pagesize,
				    O_DIRECT);
		if (uring_open(&ring))
			return false;
	}
	return uring_do(&ring, IORING_OP_WRITE, direct, page, pagesize) > 0;
}

static bool take_pipe(void)
{
	static int p[2] = { -1, -1 };
	struct iovec iov = { page, pagesize };

	if (p[0] < 0 && pipe(p))
		return false;
	return vmsplice(p[1], &iov, 1, 0) > 0 &&
	       read(p[0], buffer, pagesize) > 0;
}

static bool take_peek(void)
{
	static pid_t pid;

	if (!pid) {
		pid = fork_child();
		if (!pid) {
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
			raise(SIGSTOP);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	errno = 0;
	ptrace(PTRACE_PEEKDATA, pid, page, NULL);
	return !errno;
}

/* The page goes with a process that has no say in it. */
static bool take_killed(void)
{
	int ready[2], own[2];
	pid_t pid;
	char had = 0;

	if (pipe(ready))
		return false;
	pid = fork_child();
	if (!pid) {
		struct iovec iov = { page, pagesize };

		if (pipe(own))
			_exit(1);
		had = vmsplice(own[1], &iov, 1, 0) > 0;
		if (write(ready[1], &had, 1) == 1)
			pause();
		_exit(1);
	}
	if (read(ready[0], &had, 1) != 1)
		had = 0;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	return had;
}

/*
 * Page tables that come while truncate empties all that there are. What it misses
 * is a page that the file has no more.
 */

/* Whether the page is there when truncate has taken it away. */
static bool stale(char *own, unsigned int n)
{
	while (get(&s->done) < n && !get(&s->stop))
		if (!sigsetjmp(no_page, 1))
			touch(own);
	if (get(&s->stop) || sigsetjmp(no_page, 1))
		return false;
	touch(own);
	return true;
}

static int forker(const void *arg)
{
	unsigned int n;
	pid_t pid;
	char *own;

	(void)arg;
	for (n = 1; n <= rounds; n++) {
		wait_for(&s->round, n);
		if (get(&s->stop))
			break;
		/* With a page of its own, or fork leaves the rest to faults. */
		own = map_file(fd, len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
		if (own == MAP_FAILED)
			return give_up();
		*own = 1;
		touch(own + held_at());
		set(&s->held, n);
		pid = fork_child();
		if (!pid)
			_exit(stale(own + held_at(), n));
		if (stale(own + held_at(), n) || child_result(pid))
			set(&s->early, n);
		munmap(own, len);
		set(&s->taken, n);
	}
	return 0;
}

static int forked_taker(const void *arg)
{
	unsigned int n;

	(void)arg;
	for (n = 1; n <= rounds && !get(&s->early); n++) {
		if (grow())
			return give_up();
		set(&s->round, n);
		wait_for(&s->held, n);
		if (get(&s->stop) || cut())
			return give_up();
		set(&s->done, n);
		wait_for(&s->taken, n);
	}
	return 0;
}

static int against_fork(struct area *a)
{
	pid_t fork, take;
	int rc = KSFT_PASS;

	(void)a;
	if (prepare(FORK_ROUNDS))
		return KSFT_FAIL;
	fork = start(forker, NULL);
	take = start(forked_taker, NULL);
	while (ended(take, 1000) < 0)
		;
	set(&s->stop, true);
	if (stop_one(fork, "fork"))
		rc = KSFT_FAIL;
	unlink(path);
	if (get(&s->early))
		return wrong("round %u: a page is mapped after truncate",
			     get(&s->early));
	if (get(&s->taken) < rounds)
		return wrong("only %u rounds of %u", get(&s->taken), rounds);
	return rc;
}

static int take_loop(const void *arg)
{
	bool (*take)(void) = *(bool (*const *)(void))arg;
	unsigned int n = 0;

	buffer = filled(pagesize, 99);
	while (go_on())
		if (take())
			set(&s->taken, ++n);
	return 0;
}

/* Each of the two loops gets its rounds. */
static bool enough(unsigned int n)
{
	return n > rounds &&
	       (get(&s->taken) >= rounds || n > MORE_ROUNDS * rounds);
}

static int cut_loop(const void *arg)
{
	unsigned int n;

	(void)arg;
	for (n = 1; !enough(n) && !get(&s->stop); n++) {
		if (grow())
			return -1;
		if (opt.large && touch(page) && large_bytes(map, len) > 0)
			set(&s->large, get(&s->large) + 1);
		if (cut())
			return -1;
		set(&s->done, n);
	}
	return 0;
}

/* Whether truncate goes on at all while nobody takes a page. */
static bool goes_on(pid_t cutter)
{
	unsigned int before, ms;

	set(&s->pause, true);
	for (ms = 0; ms < END_MS && !get(&s->paused); ms++)
		usleep(1000);
	if (!get(&s->paused))
		return !wrong("the other loop does not pause");
	before = get(&s->done);
	for (ms = 0; ms < END_MS && get(&s->done) == before; ms++)
		usleep(1000);
	if (get(&s->done) == before && ended(cutter, 0) < 0) {
		wrong("truncate %u sleeps for a page that nobody has, state %c",
		      before + 1, task_state(cutter));
		return false;
	}
	set(&s->pause, false);
	return true;
}

/* Truncate to its end; -1 if it does not get there. */
static int watch(pid_t cutter)
{
	unsigned int last = 0, pauses = 0, ms = 0;
	int rc;

	while ((rc = ended(cutter, 10)) < 0) {
		ms += 10;
		if (get(&s->done) != last)
			ms = 0;
		last = get(&s->done);
		if (ms < SLOW_MS)
			continue;
		if (!goes_on(cutter))
			return -1;
		ms = 0;
		if (++pauses > MAX_PAUSES)
			break;
	}
	if (pauses)
		ksft_print_msg("%u times slow\n", pauses);
	return rc;
}

static int comes_back(bool (*take)(void), unsigned int nr)
{
	pid_t cutter, loop;
	int rc;

	if (prepare(nr))
		return KSFT_FAIL;
	loop = start(take_loop, &take);
	cutter = start(cut_loop, NULL);
	rc = watch(cutter);
	set(&s->stop, true);
	if (rc < 0)
		kill(cutter, SIGKILL);
	if (stop_one(loop, "the other loop"))
		rc = -1;
	unlink(path);
	if (rc > 0)
		return wrong("truncate: %s", strerror(rc));
	if (!get(&s->taken))
		return wrong("no page was ever taken");
	if (opt.large && !get(&s->large))
		return wrong("never mapped by large pages");
	ksft_print_msg("%u times truncated, %u times taken, %u times large\n",
		       get(&s->done), get(&s->taken), get(&s->large));
	return rc ? KSFT_FAIL : KSFT_PASS;
}

#define AGAINST(name, nr)				\
static int against_##name(struct area *a)		\
{							\
	(void)a;					\
	return comes_back(take_##name, nr);		\
}

AGAINST(futex, RARE_ROUNDS)
AGAINST(mem_read, RARE_ROUNDS)
AGAINST(mem_write, FREE_ROUNDS)
AGAINST(readv, FREE_ROUNDS)
AGAINST(direct, FREE_ROUNDS)
AGAINST(uring, FREE_ROUNDS)
AGAINST(pipe, FREE_ROUNDS)
AGAINST(peek, FREE_ROUNDS)
AGAINST(killed, TASK_ROUNDS)

#define ALONE	(NO_MAPPING | NEEDS_WRITE)
#define OTHER	(ALONE | NEEDS_OTHER)

static const struct dcss_case cases[] = {
	/*
	 * Writeback locks the entry, without the lock that truncate has: who
	 * looks for pages in use and passes over a locked entry misses one.
	 */
	{ "truncate beside msync waits for a pipe", msync_truncate, 0, ALONE },
	{ "hole punch beside msync waits for a pipe", msync_punch, 0, ALONE },

	/*
	 * Each drops its reference in another way. One that does not wake
	 * who waits for the page leaves it asleep until a signal comes.
	 */
	{ "truncate beside FUTEX_WAKE", against_futex, 0, ALONE },
	{ "truncate beside read of /proc/PID/mem", against_mem_read, 0, ALONE },
	{ "truncate beside write to /proc/PID/mem", against_mem_write, 0,
	  ALONE },
	{ "truncate beside process_vm_readv", against_readv, 0, ALONE },
	{ "truncate beside O_DIRECT write", against_direct, 0, OTHER },
	{ "truncate beside io_uring write", against_uring, 0, OTHER },
	{ "truncate beside vmsplice", against_pipe, 0, ALONE },
	{ "truncate beside PTRACE_PEEKDATA", against_peek, 0, ALONE },

	/* A page table that comes or is about to go, or a process. */
	{ "truncate beside mmap, fork and munmap", against_fork, 0, ALONE },
	{ "truncate beside processes that are killed", against_killed, 0,
	  ALONE },
};

int main(int argc, char **argv)
{
	dcss_parse(argc, argv, "DIRECTORY", NULL);
	dcss_cases(cases, ARRAY_SIZE(cases));
	dcss_run();
}
