// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to one segment does not hold up another one, and who works on a
 * segment at the same time as somebody else finds it there or gone, but not
 * half of it.
 *
 *	beside HELD OTHER LOST OVERLAP
 *
 * None of the segments is loaded. HELD and OTHER can be saved, and are neither
 * of type SC nor next to each other. LOST and OVERLAP share a megabyte, and
 * LOST is not of type SC.
 *
 * Needs two CPUs: while CP executes a command for one, it can do no more than
 * that. Parts need commands that only tools/testing/zvm knows.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "state.h"

/* Much longer than anything takes that does not wait for somebody. */
#define CHILD_TRIES	200		/* of 100 ms */
#define LOST_ROUNDS	20		/* each waits for its turn */
#define SAME_ROUNDS	20
#define OPEN_ROUNDS	10
#define FAIL_ROUNDS	3
#define FAILSLAB	"/sys/kernel/debug/failslab/"

static const char *held, *other, *lost, *overlap;
static struct klog news;

static bool ended(pid_t pid, int *rc)
{
	int status, i;

	for (i = 0; i < CHILD_TRIES; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			*rc = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
			return true;
		}
		usleep(100000);
	}
	return false;
}

/* A store by a child: who hangs must not be the test. Returns an errno. */
static int store_by_child(const char *segment, const char *attr,
			  const char *text)
{
	int rc = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(segment ? store_of(segment, attr, text) :
				store(attr, text));
	if (ended(pid, &rc))
		return rc;
	kill(pid, SIGKILL);
	wrong("%s to %s waits%s", text, attr,
	      ended(pid, &rc) ? "" : ", and cannot be killed");
	rc = EDEADLK;
	return rc;
}

static int is(const char *segment, const char *attr, const char *text, int want)
{
	int rc = store_by_child(segment, attr, text);

	if (rc == want)
		return KSFT_PASS;
	return wrong("%s to %s: %s instead of %s", text, attr, strerror(rc),
		     strerror(want));
}

/* No file system knows of this one: a module has it. */
static int page_in_use(void)
{
	char dir[] = "/tmp/besideXXXXXX", path[64], node[64];
	int rc;

	if (add_segment(held) || node_of(held, node, sizeof(node)) ||
	    !mkdtemp(dir) || mount_settled(node, dir, "ext2", MS_RDONLY, "dax"))
		return KSFT_FAIL;
	snprintf(path, sizeof(path), "%s/data", dir);
	rc = module_takes_page(path);
	if (umount_settled(dir))
		return KSFT_FAIL;
	rmdir(dir);
	if (rc && remove_segment(held))
		return KSFT_FAIL;
	return rc;
}

static bool in_use(void)
{
	return !access("/sys/module/dcss_user", F_OK);
}

static int remove_is_busy(void)
{
	if (!in_use())
		return skip("no page in use");
	return is(NULL, "remove", held, EBUSY);
}

static int shared_is_busy(void)
{
	if (!in_use())
		return skip("no page in use");
	return is(held, "shared", "0", EBUSY);
}

static int save_is_busy(void)
{
	if (!in_use())
		return skip("no page in use");
	return is(held, "save", "1", EBUSY);
}

static int other_comes_and_goes(void)
{
	return is(NULL, "add", other, 0) || is(NULL, "remove", other, 0) ?
	       KSFT_FAIL : KSFT_PASS;
}

static int gone_with_the_page(void)
{
	if (!in_use())
		return skip("no page in use");
	if (system("rmmod dcss_user"))
		return wrong("rmmod dcss_user");
	return is(NULL, "remove", held, 0) || is(NULL, "add", held, 0) ||
	       is(NULL, "remove", held, 0) ? KSFT_FAIL : KSFT_PASS;
}

static int stop;

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void set_stop(bool value)
{
	__atomic_store_n(&stop, value, __ATOMIC_RELAXED);
}

/*
 * While CP saves for a CPU this takes no interrupts. Who sleeps there, or waits for
 * his turn, is not to be the one that the save waits for.
 */
static int stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (!sched_setaffinity(0, sizeof(set), &set))
		return KSFT_PASS;
	return fails("sched_setaffinity");
}

/* A save that does not end before CP has been asked for the other segment. */
static pid_t save_until(const char *function, int count, bool at_close)
{
	char command[64], answer[256], node[64];
	pid_t pid;
	int fd;

	snprintf(command, sizeof(command), "ZVM HOLD %s %s,%s*%d", held,
		 function, other, count);
	if (cp_command(command, answer, sizeof(answer)))
		return skip("CP cannot be told to wait: not zvm"), -1;
	pid = fork();
	if (pid)
		return pid;
	if (stay_on(1))
		_exit(KSFT_FAIL);
	if (!at_close)
		_exit(store_of(held, "save", "1"));
	if (node_of(held, node, sizeof(node)))
		_exit(KSFT_FAIL);
	fd = open(node, O_RDONLY);
	if (store_of(held, "save", "1"))
		_exit(KSFT_FAIL);
	close(fd);
	_exit(0);
}

/* How many commands CP has been given so far. */
static unsigned long commands(void)
{
	char *text = read_whole("/sys/kernel/debug/diag_stat");
	char *p = strstr(text, "diag 008:");
	unsigned long n = 0, m;
	int len;

	for (p = p ? p + 9 : NULL; p && sscanf(p, "%lu%n", &m, &len) == 1;
	     p += len)
		n += m;
	free(text);
	return n;
}

/* Do it until the save ends, and see whether it ended because of that. */
static int try_beside_save(const char *function, int count, bool at_close,
			   int (*run)(void))
{
	int status, rc = KSFT_PASS;
	unsigned long before = commands();
	struct klog_lines lines;
	pid_t pid;

	if (add_segment(held))
		return KSFT_FAIL;
	klog_mark(&news);
	pid = save_until(function, count, at_close);
	if (pid < 0)
		return remove_segment(held) ? KSFT_FAIL : KSFT_SKIP;
	/*
	 * ZVM HOLD, DEFSEG, and SAVESEG has begun. What waits for all CPUs
	 * would not end before it, so nothing of that may be under way.
	 */
	while (commands() < before + 3 && !kill(pid, 0))
		usleep(1000);
	do {
		rc = run();
	} while (!rc && !waitpid(pid, &status, WNOHANG));
	if (rc && !waitpid(pid, &status, WNOHANG))
		waitpid(pid, &status, 0);
	/* What fails at the last close is in the log only. */
	klog_get(&news, "extmem: Saving", &lines);
	if (!rc && (status || lines.nr))
		rc = wrong("the save was over first, with %d",
			   WEXITSTATUS(status));
	return remove_segment(held) ? KSFT_FAIL : rc;
}

static int other_beside_save(const char *function, int count, bool at_close,
			     int (*run)(void))
{
	cpu_set_t all;
	int rc;

	if (sched_getaffinity(0, sizeof(all), &all))
		return fails("sched_getaffinity");
	rc = stay_on(0) ?: try_beside_save(function, count, at_close, run);
	return sched_setaffinity(0, sizeof(all), &all) ?
	       fails("sched_setaffinity") : rc;
}

static int comes_and_goes(void)
{
	return add_segment(other) || remove_segment(other);
}

/* Directly, for there to be no cache to be dropped by all CPUs at the end. */
static int is_used_and_switched(void)
{
	char node[64], *buf = NULL;
	int fd, rc;

	if (node_of(other, node, sizeof(node)) ||
	    posix_memalign((void **)&buf, pagesize, pagesize))
		return KSFT_FAIL;
	fd = open(node, O_RDONLY | O_DIRECT);
	rc = read(fd, buf, pagesize) != (ssize_t)pagesize;
	close(fd);
	free(buf);
	return rc ? fails("%s", node) : settled(other, "shared", "0") ||
					settled(other, "shared", "1");
}

static int add_beside_save(void)
{
	return other_beside_save("LOADSHR", 1, false, comes_and_goes);
}

static int add_beside_close(void)
{
	return other_beside_save("LOADSHR", 1, true, comes_and_goes);
}

static int switch_beside(bool at_close)
{
	int rc;

	if (add_segment(other))
		return KSFT_FAIL;
	rc = other_beside_save("LOADNSR", 2, at_close, is_used_and_switched);
	return remove_segment(other) ? KSFT_FAIL : rc;
}

static int switch_beside_save(void)
{
	return switch_beside(false);
}

static int switch_beside_close(void)
{
	return switch_beside(true);
}

/* Add the other one in the megabyte whenever that is possible. */
static int add_and_remove(void)
{
	int rc;

	while (!stopped()) {
		rc = store("add", overlap);
		if (!rc)
			rc = remove_segment(overlap) ? EIO : 0;
		usleep(rand() % 3000);
		if (rc && rc != EBUSY)
			return wrong("add %s: %s", overlap, strerror(rc));
	}
	return KSFT_PASS;
}

static void on_signal(int sig)
{
	(void)sig;
	set_stop(true);
}

/* The name belongs to a device until CP has taken its segment away. */
static int add_and_remove_it(void)
{
	int rc;

	while (!stopped()) {
		rc = store("add", other);
		if (rc && rc != EEXIST)
			return wrong("add %s: %s", other, strerror(rc));
		rc = store("remove", other);
		if (rc && rc != ENODEV)
			return wrong("remove %s: %s", other, strerror(rc));
		/* Who adds it at once again leaves nothing to the other one. */
		usleep(rand() % 5000);
	}
	return KSFT_PASS;
}

static int two_add_and_remove(void)
{
	int i, rc, status;
	pid_t pid;

	set_stop(false);
	signal(SIGTERM, on_signal);
	pid = fork();
	if (!pid)
		_exit(add_and_remove_it());
	for (i = 0; i < SAME_ROUNDS;) {
		rc = store("add", other);
		/* Most of the time the other one has it. */
		if (!rc) {
			i++;
			rc = store("remove", other);
			usleep(rand() % 5000);
		}
		if (rc && rc != EEXIST && rc != ENODEV)
			break;
	}
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	signal(SIGTERM, SIG_DFL);
	store("remove", other);
	if (i < SAME_ROUNDS)
		return wrong("round %d: %s", i, strerror(rc));
	return WEXITSTATUS(status);
}

/* What is open stays, however short before it could have been removed. */
static int open_and_look(const char *node)
{
	struct stat is, was;
	char path[80];
	int fd;

	snprintf(path, sizeof(path), ROOT "%s/shared", other);
	while (!stopped()) {
		fd = open(node, O_RDONLY);
		if (fd < 0)
			continue;
		memset(&was, 0, sizeof(was));
		stat(path, &was);
		usleep(200000);
		/* Another one of this name has another inode. */
		if (stat(path, &is) || is.st_ino != was.st_ino)
			return wrong("%s is removed while it is open", other);
		close(fd);
		usleep(rand() % 50000);
	}
	return KSFT_PASS;
}

static int open_beside_remove(void)
{
	int i, status, rc = KSFT_PASS;
	char node[64];
	pid_t pid;

	if (add_segment(other) || node_of(other, node, sizeof(node)))
		return KSFT_FAIL;
	set_stop(false);
	signal(SIGTERM, on_signal);
	pid = fork();
	if (!pid)
		_exit(open_and_look(node));
	for (i = 0; i < OPEN_ROUNDS && !rc; i++)
		rc = remove_segment(other) || add_segment(other);
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	signal(SIGTERM, SIG_DFL);
	return remove_segment(other) || rc ? KSFT_FAIL : WEXITSTATUS(status);
}

/*
 * CP takes the segment away, and then does not load it again: until its device
 * is gone, its addresses belong to it.
 */
static int overlap_beside_lost(void)
{
	char command[64], answer[256];
	int i, status, tries, rc = 0;
	pid_t pid;

	set_stop(false);
	signal(SIGTERM, on_signal);
	pid = fork();
	if (!pid)
		_exit(add_and_remove());
	snprintf(command, sizeof(command), "ZVM FAIL LOADNSR,%s,44*1", lost);
	for (i = 0; i < LOST_ROUNDS && !rc; i++) {
		/* Not while the other one is there. */
		tries = 0;
		while ((rc = store("add", lost)) == EBUSY && tries++ < 10000)
			usleep(rand() % 1000);
		if (rc) {
			rc = wrong("add %s: %s", lost, strerror(rc));
			break;
		}
		if (cp_command(command, answer, sizeof(answer))) {
			rc = skip("CP cannot be told to refuse: not zvm");
			break;
		}
		rc = refused(lost, "shared", "0", ENOENT);
		rc = rc ? rc : refused(NULL, "remove", lost, ENODEV);
	}
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	signal(SIGTERM, SIG_DFL);
	return rc ? rc : WEXITSTATUS(status);
}

/* Writes what changes nothing, to whatever there is of the device. */
static int write_save(void)
{
	int rc;

	while (!stopped()) {
		rc = store_of(other, "save", "0");
		if (rc && rc != ENOENT && rc != ENODEV)
			return wrong("save of %s: %s", other, strerror(rc));
	}
	return KSFT_PASS;
}

/* The n-th allocation fails. Returns an errno, ENODATA if there are not so many. */
static int add_failing(unsigned int n)
{
	int fd = open("/proc/self/fail-nth", O_RDWR), rc;
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	if (fd < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		return errno;
	rc = store("add", other);
	memset(text, 0, sizeof(text));
	pread(fd, text, sizeof(text) - 1, 0);
	pwrite(fd, "0", 1, 0);
	close(fd);
	return atoi(text) ? ENODATA : rc;
}

/* One failure after the other. Returns how many, or -1. */
static int add_failing_all(void)
{
	unsigned int n, failed = 0;
	pid_t pid;
	int rc;

	for (n = 1; n < 10000; n++) {
		pid = fork();
		if (!pid)
			_exit(add_failing(n));
		if (!ended(pid, &rc))
			return wrong("add waits where allocation %u fails", n), -1;
		/* There is some that it can do without. */
		if ((!rc || rc == ENODATA) && remove_segment(other))
			return -1;
		if (rc == ENODATA)
			break;
		failed += rc == ENOMEM;
	}
	ksft_print_msg("%u of %u allocations failed\n", failed, n);
	return failed;
}

/*
 * sysfs waits for who is in an attribute when it takes back what it has made of
 * a device: these must not wait for the device to be there. Several rounds, as
 * the moment is short.
 */
static int write_beside_failing_add(void)
{
	int round, status, failed = 0;
	pid_t writer;

	/* Else it leaves alone what may wait for memory, and logs the stacks. */
	if (put_string(FAILSLAB "ignore-gfp-wait", "N") ||
	    put_string(FAILSLAB "verbose", "0") ||
	    access("/proc/self/fail-nth", F_OK))
		return skip("no failslab or debugfs");
	set_stop(false);
	signal(SIGTERM, on_signal);
	writer = fork();
	if (!writer)
		_exit(write_save());
	for (round = 0; round < FAIL_ROUNDS && failed >= 0; round++)
		failed = add_failing_all();
	/* Lets go of an "add" that waits for it. */
	kill(writer, failed < 0 ? SIGKILL : SIGTERM);
	waitpid(writer, &status, 0);
	signal(SIGTERM, SIG_DFL);
	put_string(FAILSLAB "ignore-gfp-wait", "Y");
	put_string(FAILSLAB "verbose", "2");
	if (!failed)
		return wrong("no allocation has failed");
	return failed < 0 || status ? KSFT_FAIL : KSFT_PASS;
}

static const struct step {
	const char *name;
	int (*run)(void);
	unsigned int flags;
} steps[] = {
	/* A page of a device that was never mounted is in use. */
	{ "a page in use", page_in_use },
	{ "remove is EBUSY, at once", remove_is_busy, AFTER },
	{ "shared is EBUSY", shared_is_busy, AFTER },
	{ "save is EBUSY", save_is_busy, AFTER },
	{ "another device comes and goes", other_comes_and_goes, AFTER },
	{ "when it is idle, remove works", gone_with_the_page, AFTER },
	/* CP is busy with one segment, and nobody waits for another one. */
	{ "add beside another one's save", add_beside_save },
	{ "add beside another one's save at close", add_beside_close },
	{ "open and shared beside another one's save", switch_beside_save },
	{ "open and shared beside another one's save at close",
	  switch_beside_close },
	/* Oops in the vmemmap, when the second one got there. */
	{ "add of what overlaps a lost segment", overlap_beside_lost },
	/* Two who do the same. */
	{ "add and remove beside add and remove", two_add_and_remove },
	{ "open beside remove", open_beside_remove },
	/* Neither of them came back. */
	{ "a write beside an add that fails", write_beside_failing_add },
};

static int one_step(struct area *a)
{
	const struct step *s = a->arg;

	return s->run();
}

int main(int argc, char **argv)
{
	struct dcss_case c = { "", one_step, 0, IN_PLACE };
	size_t i;

	dcss_parse(argc, argv, "HELD OTHER LOST OVERLAP", NULL);
	held = opt.word[0];
	other = opt.word[1];
	lost = opt.word[2];
	overlap = opt.word[3];
	need_driver();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		ksft_exit_skip("needs two CPUs\n");
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		c.flags = IN_PLACE | steps[i].flags;
		c.arg = &steps[i];
		dcss_case(&c, "%s", steps[i].name);
	}
	dcss_run();
}
