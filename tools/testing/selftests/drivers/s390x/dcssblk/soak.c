// SPDX-License-Identifier: GPL-2.0
/*
 * Random operations on several DCSSs at the same time: one process for each
 * device adds, mounts -o dax, maps, pins, forks, writes, truncates, saves,
 * toggles shared, unmounts and removes, and knows what each file has to
 * contain after that. Two more processes work on all devices: one moves data
 * between them, one tries what has to be refused.
 *
 *	soak [options] DEVICE...
 *
 * See usage() for both. What a process does in a round is a function of the
 * seed, its device and the number of the round. A life of a device, from add
 * to remove, is LIFE rounds, and a failure can be replayed from its life's
 * first round, by the one process, with the command that the failure prints.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "soak_base.h"
#include "soak_device.h"
#include "soak_files.h"
#include "soak_model.h"
#include "soak_state.h"

static int results[PARTS];
static struct timespec begun;

static unsigned int seconds_since(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - t->tv_sec;
}

/* The kernel's last words, without what the console leaves out. */
static void show_log(void)
{
	static char text[64 * 1024];
	int n = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, text, sizeof(text) - 1);
	char *line = text, *end;

	if (n < 0)
		return;
	text[n] = '\0';
	if (n > 12000)
		line = strchr(text + n - 12000, '\n') ?: text;
	for (; line && *line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		printf("# log: %.*s\n", end ? (int)(end - line) : 200, line);
	}
}

static void check_log(void)
{
	char line[256];

	if (klog_report(&klog, line, sizeof(line)))
		bad("kernel log: %s", line);
}

static bool stopped(void)
{
	return __atomic_load_n(&shm->stop, __ATOMIC_RELAXED);
}

/*
 * Rounds and lives
 */

static size_t pick_op(const struct op *ops, size_t nr)
{
	unsigned int sum = 0;
	size_t i;
	long n;

	for (i = 0; i < nr; i++)
		sum += ops[i].weight;
	n = below(sum);
	for (i = 0; i < nr - 1; i++) {
		n -= ops[i].weight;
		if (n < 0)
			break;
	}
	return i;
}

static unsigned long long cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void count(size_t i, unsigned long long since)
{
	__atomic_add_fetch(&shm->op_count[i], 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&shm->op_ns[i], cpu_ns() - since, __ATOMIC_RELAXED);
}

static void file_step(struct worker *w)
{
	size_t i = pick_op(file_ops, nr_file_ops);
	unsigned long long since = cpu_ns();

	begin_step(file_ops[i].name);
	file_ops[i].run(w);
	count(i, since);
}

/* It comes back mounted, and holds what it has to. */
static void device_step(struct worker *w)
{
	size_t i = pick_op(device_ops, nr_device_ops);
	unsigned long long since = cpu_ns();

	begin_step(device_ops[i].name);
	lock_device(w);
	device_ops[i].run(w);
	check_files(w, 0);
	unlock_device(w);
	count(nr_file_ops + i, since);
}

/* An operation that never ran has shown nothing. */
static void show_ops(void)
{
	size_t i, files = nr_file_ops;
	unsigned int n;

	ksft_print_msg("%u mappings with large pages\n", shm->large);
	for (i = 0; i < files + nr_device_ops; i++) {
		n = shm->op_count[i];
		ksft_print_msg("%-10s %6u times, %llu us\n", i < files ?
			       file_ops[i].name : device_ops[i - files].name,
			       n, n ? shm->op_ns[i] / 1000 / n : 0);
	}
}

static void one_round(struct worker *w)
{
	int n = 2 + below(5);

	while (n--)
		file_step(w);
	if (one_in(4))
		device_step(w);
	begin_step("check");
	check_file(w, below(FILES));
	check_log();
}

static void wipe(struct worker *w)
{
	char path[160];
	int i;

	for (i = 0; i < FILES; i++) {
		path_of(w, i, path);
		if (unlink(path) && errno != ENOENT)
			bad("unlink %s", path);
		forget(&w->file[i]);
	}
}

/*
 * Begins with what an earlier life has saved, if that is known, and then with
 * nothing: a life does not depend on those before. The first close saves it.
 */
static void begin_life(struct worker *w)
{
	begin_step("begin");
	lock_device(w);
	do_add(w);
	mount_dax(w);
	if (w->knows)
		check_files(w, 0);
	wipe(w);
	w->knows = true;
	w->saved_once = false;
	if (!w->volatile_)
		put_attr(w, "@save", "1");
	do_unmount(w);
	if (!w->volatile_)
		attr_is(w, "@save", "0");
	now_saved(w);
	mount_dax(w);
	unlock_device(w);
}

static void end_life(struct worker *w)
{
	begin_step("end");
	lock_device(w);
	check_files(w, 0);
	do_unmount(w);
	do_remove(w);
	unlock_device(w);
	check_log();
}

static bool time_over(void)
{
	return o.seconds && seconds_since(&begun) >= o.seconds;
}

static void run_lives(struct worker *w)
{
	unsigned int life, i;

	while (!stopped() && !time_over() &&
	       __atomic_sub_fetch(&shm->lives, 1, __ATOMIC_RELAXED) >= 0) {
		life = o.from / LIFE + shm->next[w->id]++;
		set_round(life * LIFE);
		begin_life(w);
		for (i = 0; i < LIFE && !stopped(); i++) {
			/* The beginning has a part of the sequence. */
			if (i)
				set_round(life * LIFE + i);
			one_round(w);
			shm->part[w->id].rounds++;
		}
		end_life(w);
	}
}

static void open_parts(struct worker *w)
{
	if (posix_memalign((void **)&w->buf, pagesize, 3 * WINDOW))
		bad("no memory");
	w->disk = -1;
	if (o.disk) {
		w->disk = open(o.disk, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (w->disk < 0)
			bad("open %s", o.disk);
	}
	if (uring_open(&w->ring))
		bad("io_uring_setup");
	klog_mark(&klog);
}

/*
 * The processes
 */

static void run_other(struct worker *w, void (*fn)(struct worker *w))
{
	unsigned int i;

	for (i = 0; !stopped() &&
	     !__atomic_load_n(&shm->done, __ATOMIC_RELAXED); i++) {
		set_round(i);
		fn(w);
		check_log();
		usleep(5000 + below(20000));
	}
}

static void do_part(int id)
{
	static struct worker other;
	struct worker *me = id < MAX_DEVICES ? &workers[id] : &other;

	my_id = id;
	me->id = id;
	set_round(o.from);
	begin_step("start");
	open_parts(me);
	if (id == CROSS)
		run_other(me, cross);
	else if (id == PROBE)
		run_other(me, probe);
	else
		run_lives(me);
	fflush(stdout);
}

static pid_t pids[PARTS];

static bool selected(const struct worker *w)
{
	return !o.worker || !strcmp(o.worker, w->name);
}

static void start_part(int id)
{
	pids[id] = fork_child();
	if (pids[id] < 0)
		ksft_exit_fail_msg("fork: %s\n", strerror(errno));
	if (!pids[id]) {
		do_part(id);
		_exit(KSFT_PASS);
	}
}

static unsigned int all_rounds(void)
{
	unsigned int sum = 0;
	int i;

	for (i = 0; i < nr_workers; i++)
		sum += shm->part[i].rounds;
	return sum;
}

static void progress(void)
{
	unsigned int s = seconds_since(&begun), n = all_rounds();

	ksft_print_msg("%u rounds, %u s, %u.%u a second; %u across, %u probes\n",
		       n, s, n / (s ?: 1), n * 10 / (s ?: 1) % 10,
		       shm->part[CROSS].rounds, shm->part[PROBE].rounds);
}

/* Much longer than any step takes, in a slow kernel, too. */
#define STEP_SECONDS	900

/* A process that does not move is shown with its stack, and ended. */
static void watch(int id)
{
	static unsigned int beat[PARTS];
	static struct timespec since[PARTS];
	char place[256];

	if (!since[id].tv_sec || beat[id] != shm->part[id].beat) {
		beat[id] = shm->part[id].beat;
		clock_gettime(CLOCK_MONOTONIC, &since[id]);
		return;
	}
	if (seconds_since(&since[id]) < STEP_SECONDS)
		return;
	where(id, place, sizeof(place));
	ksft_print_msg("FAILED: no end of %s\n", place);
	put_string("/proc/sysrq-trigger", "w");
	shm->failed = 1;
	shm->stop = 1;
	shm->hung = 1;
	kill(pids[id], SIGKILL);
	/* It cannot be waited for if it cannot be killed. */
	pids[id] = -1;
	results[id] = KSFT_FAIL;
}

static void ended(pid_t pid, int status)
{
	int i;

	for (i = 0; i < PARTS; i++) {
		if (pids[i] != pid)
			continue;
		pids[i] = 0;
		results[i] = status ? KSFT_FAIL : KSFT_PASS;
		if (!WIFEXITED(status)) {
			char place[256];

			where(i, place, sizeof(place));
			ksft_print_msg("FAILED: %s: killed by signal %d\n",
				       place, WTERMSIG(status));
		}
		if (status) {
			shm->failed = 1;
			shm->stop = 1;
		}
	}
}

static int running(int from, int to)
{
	int i, n = 0;

	for (i = from; i < to; i++)
		n += pids[i] > 0;
	return n;
}

static void wait_all(void)
{
	struct timespec shown = begun;
	int i, status;
	pid_t pid;

	while (running(0, PARTS)) {
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			ended(pid, status);
		if (!running(0, MAX_DEVICES))
			shm->done = 1;
		for (i = 0; i < PARTS; i++)
			if (pids[i] > 0)
				watch(i);
		if (seconds_since(&shown) >= 10) {
			progress();
			clock_gettime(CLOCK_MONOTONIC, &shown);
		}
		usleep(20000);
	}
}

static void run_parts(unsigned int lives, unsigned int from)
{
	int i;

	o.from = from;
	shm->lives = lives;
	shm->done = 0;
	for (i = 0; i < nr_workers; i++)
		if (selected(&workers[i]))
			start_part(i);
	if (!o.worker) {
		start_part(CROSS);
		start_part(PROBE);
	}
	wait_all();
}

/*
 * Arguments
 */

static __noreturn void usage(const char *name)
{
	fprintf(stderr,
		"usage: %s [options] DEVICE...\n"
		"  --rounds N     of all devices together (default 1000)\n"
		"  --seconds N    begin no round after that time\n"
		"  --seed N       (default: the time)\n"
		"  --disk DEVICE  %d MiB of a disk, which are overwritten\n"
		"  --worker NAME  only this device, and no other process\n"
		"  --from N       begin with this round, a multiple of %d\n"
		"  --trace        say what is being done\n"
		"DEVICE is SEGMENT[:SEGMENT...],FSTYPE[,KIND], with a file system on it\n"
		"that has a directory only; it is lost. KIND is\n"
		"  toggle         types SR and ER, to be written while not shared\n"
		"  scratch=FILE   types SN and EN, FILE is their file system\n",
		name, PARTS, LIFE);
	exit(KSFT_FAIL);
}

static unsigned long long number(const char *text, const char *name)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 0);

	if (!*text || *end)
		usage(name);
	return n;
}

static void read_image(struct worker *w)
{
	struct stat st;
	int fd = open(w->image, O_RDONLY);

	if (fd < 0 || fstat(fd, &st))
		ksft_exit_fail_msg("%s: %s\n", w->image, strerror(errno));
	w->image_len = st.st_size / pagesize * pagesize;
	w->image_data = mmap(NULL, w->image_len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (w->image_data == MAP_FAILED)
		ksft_exit_fail_msg("%s: %s\n", w->image, strerror(errno));
	close(fd);
}

static void make_model(struct file *f)
{
	int i;

	for (i = 0; i < FILES; i++) {
		f[i].max = i ? SMALL : LARGE;
		f[i].data = calloc(1, f[i].max + pagesize);
		if (!f[i].data)
			ksft_exit_fail_msg("no memory\n");
	}
}

static void add_worker(char *arg, const char *name)
{
	struct worker *w = &workers[nr_workers];
	char *fs = strchr(arg, ','), *kind;

	if (!fs || nr_workers == MAX_DEVICES)
		usage(name);
	*fs++ = '\0';
	kind = strchr(fs, ',');
	if (kind)
		*kind++ = '\0';
	w->id = nr_workers++;
	snprintf(w->segments, sizeof(w->segments), "%s", arg);
	arg[strcspn(arg, ":")] = '\0';
	snprintf(w->name, sizeof(w->name), "%s", arg);
	snprintf(w->fstype, sizeof(w->fstype), "%s", fs);
	snprintf(w->mnt, sizeof(w->mnt), "%s/%s", o.dir, arg);
	if (kind && !strncmp(kind, "scratch=", 8)) {
		w->volatile_ = true;
		w->image = kind + 8;
		read_image(w);
	} else if (kind && !strcmp(kind, "toggle")) {
		w->toggle = true;
	} else if (kind) {
		usage(name);
	}
	make_model(w->file);
	make_model(w->saved);
	mkdir(w->mnt, 0755);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds",	required_argument, NULL, 'r' },
		{ "seconds",	required_argument, NULL, 's' },
		{ "seed",	required_argument, NULL, 'S' },
		{ "disk",	required_argument, NULL, 'd' },
		{ "worker",	required_argument, NULL, 'w' },
		{ "from",	required_argument, NULL, 'f' },
		{ "trace",	no_argument,	   NULL, 't' },
		{ }
	};
	int c;

	o.seed = time(NULL);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			o.rounds = number(optarg, argv[0]);
		else if (c == 's')
			o.seconds = number(optarg, argv[0]);
		else if (c == 'S')
			o.seed = number(optarg, argv[0]);
		else if (c == 'd')
			o.disk = optarg;
		else if (c == 'w')
			o.worker = optarg;
		else if (c == 'f')
			o.from = number(optarg, argv[0]);
		else if (c == 't')
			o.trace = true;
		else
			usage(argv[0]);
	}
	if (optind == argc)
		ksft_exit_skip("no devices given\n");
	mkdir(o.dir, 0755);
	while (optind < argc)
		add_worker(argv[optind++], argv[0]);
}

static void make_shared(void)
{
	pthread_rwlockattr_t attr;
	int i;

	shm = mmap(NULL, sizeof(*shm), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shm == MAP_FAILED)
		ksft_exit_fail_msg("no memory\n");
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	for (i = 0; i < PARTS; i++)
		pthread_rwlock_init(&shm->part[i].lock, &attr);
}

static void show_results(void)
{
	int i;

	for (i = 0; i < PARTS; i++) {
		if (i < MAX_DEVICES ? i >= nr_workers || !selected(&workers[i]) :
		    !!o.worker)
			continue;
		ksft_test_result(results[i] == KSFT_PASS, "%s, %u rounds\n",
				 part_name(i), shm->part[i].rounds);
	}
}

/* Here, as the results are counted for each source file (kselftest.h). */
static void show_state(void)
{
	int i, rc;

	for (i = 0; i < NR_STATE_TESTS; i++) {
		rc = state_tests[i].run();
		if (rc == KSFT_SKIP)
			ksft_test_result_skip("%s\n", state_tests[i].name);
		else
			ksft_test_result(rc == KSFT_PASS, "%s\n",
					 state_tests[i].name);
	}
}

static int quiet_console(int level)
{
	char text[32];
	int old = 7;

	if (!get_string("/proc/sys/kernel/printk", text, sizeof(text)))
		old = atoi(text);
	klogctl(8 /* SYSLOG_ACTION_CONSOLE_LEVEL */, NULL, level);
	return old;
}

int main(int argc, char **argv)
{
	unsigned int lives;
	int console;

	pagesize = sysconf(_SC_PAGESIZE);
	ksft_print_header();
	need_driver();
	parse(argc, argv);
	make_shared();
	ksft_set_plan((o.worker ? 1 : nr_workers + 2) + NR_STATE_TESTS);
	ksft_print_msg("seed %llu, %u rounds from %u, %d devices\n", o.seed,
		       o.rounds, o.from, nr_workers);
	/* Thousands of lines about devices that come and go. */
	console = quiet_console(4);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	klog_mark(&klog);
	remember();
	lives = (o.rounds + LIFE - 1) / LIFE;
	run_parts(lives, o.from);
	progress();
	show_ops();
	if (shm->failed)
		show_log();
	show_results();
	/* Whatever else touches the devices now may hang, too. */
	if (shm->hung)
		ksft_exit_fail_msg("a process hangs\n");
	sweep();
	show_state();
	quiet_console(console);
	ksft_finished();
}
