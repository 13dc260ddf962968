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
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "uring.h"

#define LIFE		16		/* rounds from add to remove */
#define MAX_DEVICES	12
#define FILES		5
#define SMALL		(64 * 1024UL)	/* longest file, but for the first */
#define LARGE		(2560 * 1024UL)	/* room for two pages of 1 MiB */
#define WINDOW		(32 * 1024UL)	/* of an operation, fits into a pipe */
#define DISK_PART	(1024 * 1024UL)	/* of --disk, for each process */
#define TRIES		1000		/* 10 ms each */
#define MAX_OPS		40

/* What a device is doing, for the other processes. */
enum { ABSENT, MOVING, MOUNTED };

/* One for each process; all are in memory that all processes share. */
struct shared_part {
	/* Held for reading: the device stays as it is. */
	pthread_rwlock_t lock;
	int state;
	bool writable;
	unsigned int rounds;
	unsigned int round;
	unsigned int beat;
	char what[24];
};

enum { CROSS = MAX_DEVICES, PROBE, PARTS };

static int results[PARTS];

static struct shared {
	int stop;
	int failed;
	int lives;			/* that nobody has begun */
	int done;			/* no worker is left */
	int hung;			/* a process cannot be ended */
	unsigned int large;		/* mappings with pages of 1 MiB */
	/* Held for reading: nobody else opens a block device. */
	pthread_rwlock_t gate;
	unsigned int next[MAX_DEVICES];
	unsigned int op_count[MAX_OPS];
	unsigned long long op_ns[MAX_OPS];
	struct shared_part part[PARTS];
} *shm;

struct file {
	bool exists;
	size_t size;
	size_t max;
	char *data;			/* zeroes from size to max */
};

struct worker {
	int id;
	char segments[160];		/* as for add */
	char name[9];
	char fstype[8];
	char dev[64];
	char mnt[128];
	const char *image;		/* to write to what begins as zeroes */
	size_t image_len;
	char *image_data;
	bool toggle;			/* SR: read-only while shared */
	bool volatile_;			/* SN, EN: nothing is ever saved */
	bool mounted;
	bool knows;			/* the content of the device */
	bool saved_once;		/* in this life */
	struct file file[FILES];
	struct file saved[FILES];
	struct uring ring;
	int disk;
	char *buf;			/* 3 * WINDOW, page aligned */
};

static struct {
	unsigned long long seed;
	unsigned int rounds;
	unsigned int from;
	unsigned int seconds;
	const char *worker;
	const char *disk;
	const char *dir;
	bool trace;
} o = { .rounds = 1000, .dir = "/tmp/soak" };

static struct worker workers[MAX_DEVICES];
static int nr_workers;
static int my_id;
static unsigned long long rng_state;
static unsigned int step;
static struct timespec begun;

/*
 * Random numbers: splitmix64
 */

static unsigned long long mix(unsigned long long z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static unsigned long long rng(void)
{
	rng_state += 0x9e3779b97f4a7c15ULL;
	return mix(rng_state);
}

/* 0 to @n - 1 */
static unsigned long below(unsigned long n)
{
	return n ? rng() % n : 0;
}

static bool one_in(unsigned int n)
{
	return !below(n);
}

/* Each round has a sequence of its own, to be replayed without the others. */
static void rng_round(int id, unsigned int round)
{
	rng_state = mix(o.seed + mix(id + 1) + mix(~0ULL - round));
}

/*
 * Reports
 */

static const char *part_name(int id)
{
	return id == CROSS ? "cross" : id == PROBE ? "probe" : workers[id].name;
}

static unsigned int seconds_since(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - t->tv_sec;
}

static void where(int id, char *buf, size_t len)
{
	struct shared_part *p = &shm->part[id];

	snprintf(buf, len, "seed %llu worker %s round %u: %s", o.seed,
		 part_name(id), p->round, p->what);
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

/* All stop: what is on the devices now shows what went wrong. */
static __noreturn __printf(1, 2) void bad(const char *fmt, ...)
{
	char text[512], place[256];
	int err = errno;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	where(my_id, place, sizeof(place));
	printf("# FAILED: %s: %s (errno now: %s)\n", place, text,
	       strerror(err));
	if (my_id < MAX_DEVICES)
		printf("# to replay: --seed %llu --worker %s --from %u --rounds %u --trace\n",
		       o.seed, part_name(my_id),
		       shm->part[my_id].round / LIFE * LIFE, LIFE);
	fflush(stdout);
	__atomic_store_n(&shm->failed, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&shm->stop, 1, __ATOMIC_RELAXED);
	_exit(KSFT_FAIL);
}

/*
 * Say what is being done: in shared memory for the one who watches, and in the
 * name of the process, for the kernel's oops.
 */
static void begin_step(const char *what)
{
	struct shared_part *p = &shm->part[my_id];
	char comm[24];

	snprintf(p->what, sizeof(p->what), "%u %s", step, what);
	snprintf(comm, sizeof(comm), "%d.%u.%u %s", my_id, p->round % 100000,
		 step % 100, what);
	prctl(PR_SET_NAME, comm);
	p->beat++;
	step++;
	if (o.trace)
		printf("# %s %u %s\n", part_name(my_id), p->round, p->what);
}

static __printf(1, 2) void trace(const char *fmt, ...)
{
	va_list args;

	if (!o.trace)
		return;
	va_start(args, fmt);
	printf("#	");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

static void check_log(void)
{
	char line[256];

	if (log_bad(line, sizeof(line)))
		bad("kernel log: %s", line);
}

static bool stopped(void)
{
	return __atomic_load_n(&shm->stop, __ATOMIC_RELAXED);
}

/*
 * The model of a device's files
 */

static void path_of(const struct worker *w, int i, char *path)
{
	snprintf(path, 160, "%s/f%d", w->mnt, i);
}

static void forget(struct file *f)
{
	f->exists = false;
	memset(f->data, 0, f->size);
	f->size = 0;
}

static void copy_model(struct file *to, const struct file *from)
{
	int i;

	for (i = 0; i < FILES; i++) {
		forget(&to[i]);
		to[i].exists = from[i].exists;
		to[i].size = from[i].size;
		memcpy(to[i].data, from[i].data, from[i].size);
	}
}

/* CP has it now. */
static void now_saved(struct worker *w)
{
	copy_model(w->saved, w->file);
	w->saved_once = true;
}

static void resize(struct file *f, size_t size)
{
	if (size < f->size)
		memset(f->data + size, 0, f->size - size);
	f->size = size;
}

/* Each word of it is different, and has its place in it. */
static void scribble(char *buf, size_t len)
{
	unsigned long long stamp = rng(), v;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		v = stamp + i;
		memcpy(buf + i, &v, 8);
	}
	memcpy(buf + i, &stamp, len - i);
}

static void same(const char *what, const char *got, const char *want,
		 size_t len, size_t off)
{
	size_t i, j;

	if (!memcmp(got, want, len))
		return;
	for (i = 0; got[i] == want[i]; i++)
		;
	for (j = len; got[j - 1] == want[j - 1]; j--)
		;
	bad("%s: bytes 0x%zx to 0x%zx differ, the first is %02x, not %02x",
	    what, off + i, off + j - 1, (unsigned char)got[i],
	    (unsigned char)want[i]);
}

static void check_range(struct worker *w, int fd, struct file *f, size_t off,
			size_t len)
{
	size_t n;

	for (; len; off += n, len -= n) {
		n = len < WINDOW ? len : WINDOW;
		if (pread(fd, w->buf, n, off) != (ssize_t)n)
			bad("read of 0x%zx bytes at 0x%zx", n, off);
		same("file", w->buf, f->data + off, n, off);
	}
}

static void check_file(struct worker *w, int i)
{
	struct file *f = &w->file[i];
	char path[160];
	struct stat st;
	int fd;

	path_of(w, i, path);
	fd = open(path, O_RDONLY);
	if (!f->exists) {
		if (fd >= 0 || errno != ENOENT)
			bad("%s exists", path);
		return;
	}
	if (fd < 0 || fstat(fd, &st))
		bad("%s", path);
	if ((size_t)st.st_size != f->size)
		bad("%s: size %lld, not %zu", path, (long long)st.st_size,
		    f->size);
	check_range(w, fd, f, 0, f->size);
	close(fd);
}

static void check_files(struct worker *w, int first)
{
	int i;

	for (i = first; i < FILES; i++)
		check_file(w, i);
}

/*
 * A file to work on, with a mapping of a part of it
 */

struct view {
	struct worker *w;
	struct file *f;
	int fd;
	char path[160];
	size_t off;
	size_t len;		/* whole pages */
	size_t used;		/* ... as far as the file goes */
	char *want;		/* the model's bytes there */
	char *map;
};

static void write_at(struct view *v, size_t off, size_t len)
{
	struct file *f = v->f;

	if (off + len > f->size)
		f->size = off + len;
	scribble(f->data + off, len);
	trace("write %s 0x%zx+0x%zx", v->path, off, len);
	if (pwrite(v->fd, f->data + off, len, off) != (ssize_t)len)
		bad("write of 0x%zx bytes at 0x%zx", len, off);
}

static void open_nth(struct worker *w, struct view *v, int i)
{
	memset(v, 0, sizeof(*v));
	v->w = w;
	v->f = &w->file[i];
	path_of(w, i, v->path);
	v->fd = open(v->path, O_RDWR | O_CREAT, 0755);
	if (v->fd < 0)
		bad("open %s", v->path);
	v->f->exists = true;
}

static void open_view(struct worker *w, struct view *v)
{
	open_nth(w, v, below(FILES));
}

static void make_longer(struct view *v, size_t len)
{
	size_t end;

	if (v->f->size >= len)
		return;
	/* The first file is for large pages, where there are any. */
	end = len + below(v->f->max / 2 - len);
	if (v->f->max == LARGE && one_in(4)) {
		end = v->f->max;
		if (posix_fallocate(v->fd, 0, end))
			bad("fallocate %s", v->path);
		v->f->size = end;
		return;
	}
	write_at(v, v->f->size, (end < v->f->size + WINDOW ? end :
				 v->f->size + WINDOW) - v->f->size);
	if (v->f->size < len)
		write_at(v, v->f->size, len - v->f->size);
}

/*
 * Who reads a hole gets the zero page. Where the file's own page is wanted,
 * for the pages to be pinned, there must be one.
 */
static void no_holes(struct view *v)
{
	write_at(v, v->off, v->used);
}

/*
 * What is stored behind the end of a file, in its last page, may show when the
 * file grows (ext2 with DAX): let the range be in the file as a whole.
 */
static void no_tail(struct view *v)
{
	if (v->used < v->len)
		write_at(v, v->off + v->used, v->len - v->used);
	v->used = v->len;
}

/* Some pages of a file that has as many. */
static void pick_range(struct view *v)
{
	size_t pages, first, n;

	make_longer(v, 4 * pagesize);
	pages = (v->f->size + pagesize - 1) / pagesize;
	first = below(pages);
	n = 1 + below(WINDOW / pagesize);
	if (n > pages - first)
		n = pages - first;
	v->off = first * pagesize;
	v->len = n * pagesize;
	v->used = v->f->size - v->off < v->len ? v->f->size - v->off : v->len;
	v->want = v->f->data + v->off;
}

/* The whole file is mapped at times, for the page tables to be shared. */
static void map_range(struct view *v, int prot, int flags)
{
	trace("map %s 0x%zx+0x%zx, %s", v->path, v->off, v->len,
	      flags & MAP_SHARED ? "shared" : "private");
	v->map = mmap(NULL, v->len, prot, flags, v->fd, v->off);
	if (v->map == MAP_FAILED)
		bad("mmap of %s", v->path);
}

static void view_of(struct worker *w, struct view *v, int prot, int flags)
{
	open_view(w, v);
	pick_range(v);
	map_range(v, prot, flags);
}

static void unmap(struct view *v)
{
	if (v->map && munmap(v->map, v->len))
		bad("munmap");
	v->map = NULL;
}

static void close_view(struct view *v)
{
	unmap(v);
	if (close(v->fd))
		bad("close");
}

/* The mapping and the file are what the model says. */
static void check_view(struct view *v)
{
	if (v->map)
		same("mapping", v->map, v->want, v->used, v->off);
	check_range(v->w, v->fd, v->f, v->off, v->used);
}

static void touch_all(struct view *v, bool write)
{
	size_t i;

	for (i = 0; i < v->len; i += pagesize) {
		char c = touch(v->map + i);

		if (write)
			__atomic_store_n(v->map + i, c, __ATOMIC_RELAXED);
	}
}

static void wait_for(pid_t pid, const char *what)
{
	if (child_result(pid) != KSFT_PASS)
		bad("%s", what);
}

/*
 * Operations on files
 */

static void op_write(struct worker *w)
{
	struct view v;
	size_t off, len;

	open_view(w, &v);
	make_longer(&v, 1);
	off = below(v.f->size);
	len = 1 + below(WINDOW / 2);
	if (off + len > v.f->max)
		len = v.f->max - off;
	write_at(&v, off, len);
	check_range(w, v.fd, v.f, off, len);
	close_view(&v);
}

static void op_resize(struct worker *w)
{
	struct view v;
	size_t size;

	open_view(w, &v);
	size = below(v.f->max);
	if (v.f->max == LARGE && !one_in(4))
		size = below(SMALL);
	trace("resize %s to 0x%zx", v.path, size);
	if (ftruncate(v.fd, size))
		bad("truncate to 0x%zx", size);
	resize(v.f, size);
	check_file(w, v.f - w->file);
	close_view(&v);
}

static void punch(struct view *v, size_t off, size_t len)
{
	trace("hole in %s 0x%zx+0x%zx", v->path, off, len);
	if (fallocate(v->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off,
		      len))
		bad("hole of 0x%zx bytes at 0x%zx", len, off);
}

static void punched(struct view *v, size_t off, size_t len)
{
	if (off + len > v->f->size)
		len = v->f->size - off;
	memset(v->f->data + off, 0, len);
}

static bool can_punch(const struct worker *w)
{
	return strcmp(w->fstype, "ext2");
}

static void op_punch(struct worker *w)
{
	struct view v;

	view_of(w, &v, PROT_READ, MAP_SHARED);
	touch_all(&v, false);
	if (can_punch(w)) {
		punch(&v, v.off, v.len);
		punched(&v, v.off, v.len);
	}
	check_view(&v);
	close_view(&v);
}

/* A file without a name keeps its content while it is mapped. */
static void op_unlink(struct worker *w)
{
	struct view v;

	view_of(w, &v, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (one_in(2))
		touch_all(&v, one_in(2));
	trace("unlink %s", v.path);
	if (unlink(v.path))
		bad("unlink %s", v.path);
	check_view(&v);
	if (one_in(2)) {
		scribble(v.want, v.used);
		memcpy(v.map, v.want, v.used);
		check_view(&v);
	}
	close_view(&v);
	forget(v.f);
}

static void op_rename(struct worker *w)
{
	int a = 1 + below(FILES - 1), b = 1 + below(FILES - 1);
	char from[160], to[160];
	struct file tmp;

	path_of(w, a, from);
	path_of(w, b, to);
	if (a == b || !w->file[a].exists)
		return;
	trace("rename %s %s", from, to);
	if (rename(from, to))
		bad("rename %s to %s", from, to);
	tmp = w->file[b];
	w->file[b] = w->file[a];
	w->file[a] = tmp;
	forget(&w->file[a]);
	check_file(w, a);
	check_file(w, b);
}

static void op_map_shared(struct worker *w)
{
	struct view v;

	view_of(w, &v, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (one_in(2))
		touch_all(&v, false);
	check_view(&v);
	scribble(v.want, v.used);
	memcpy(v.map, v.want, v.used);
	if (one_in(3) && msync(v.map, v.len, MS_SYNC))
		bad("msync");
	check_view(&v);
	/* The other way round. */
	write_at(&v, v.off, v.used);
	check_view(&v);
	close_view(&v);
}

/* Every other page is copied; the rest of it still follows the file. */
static void op_map_private(struct worker *w)
{
	char *copy = w->buf + 2 * WINDOW;
	struct view v;
	size_t i;

	view_of(w, &v, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	if (one_in(2))
		touch_all(&v, false);
	check_view(&v);
	scribble(copy, v.len);
	for (i = 0; i < v.len; i += 2 * pagesize)
		memcpy(v.map + i, copy + i, pagesize);
	check_range(w, v.fd, v.f, v.off, v.used);
	write_at(&v, v.off, v.used);
	for (i = 0; i < v.len; i += pagesize) {
		if (!(i / pagesize & 1))
			same("copied page", v.map + i, copy + i, pagesize, i);
		else if (i + pagesize <= v.used)
			same("page", v.map + i, v.want + i, pagesize, i);
	}
	close_view(&v);
}

/* lghi %r2,N; br %r14 */
static void write_code(char *at, int n)
{
	unsigned char code[] = { 0xa7, 0x29, n >> 8, n, 0x07, 0xfe };

	memcpy(at, code, sizeof(code));
}

static void op_exec(struct worker *w)
{
	int i, n, got;
	struct view v;

	view_of(w, &v, PROT_READ | PROT_EXEC, one_in(2) ? MAP_SHARED :
		MAP_PRIVATE);
	for (i = 0; i < 3 && v.used >= pagesize; i++) {
		n = below(30000);
		scribble(v.want, pagesize);
		write_code(v.want + 64 * i, n);
		if (pwrite(v.fd, v.want, pagesize, v.off) != (ssize_t)pagesize)
			bad("write of code");
		got = ((int (*)(void))(v.map + 64 * i))();
		if (got != n)
			bad("executed: %d, not %d", got, n);
	}
	check_view(&v);
	close_view(&v);
}

/*
 * Pins
 */

static void splice_in(struct view *v, int *fds, size_t off, size_t len)
{
	struct iovec iov = { .iov_base = v->map + off, .iov_len = len };

	if (pipe2(fds, O_CLOEXEC))
		bad("pipe");
	trace("vmsplice %s 0x%zx+0x%zx", v->path, v->off + off, len);
	if (vmsplice(fds[1], &iov, 1, 0) != (ssize_t)len)
		bad("vmsplice of 0x%zx bytes", len);
}

static void pipe_is(struct worker *w, int *fds, const char *want, size_t len,
		    const char *what)
{
	char *got = w->buf + WINDOW;
	size_t done;
	ssize_t n;

	for (done = 0; done < len; done += n) {
		n = read(fds[0], got + done, len - done);
		if (n <= 0)
			bad("read from the pipe");
	}
	same(what, got, want, len, 0);
	close(fds[0]);
	close(fds[1]);
}

/* What a pipe has is the file's page and not a copy of it. */
static void op_pipe(struct worker *w)
{
	bool priv = one_in(4);
	struct view v;
	int fds[2];

	view_of(w, &v, PROT_READ | (priv ? PROT_WRITE : 0),
		priv ? MAP_PRIVATE : MAP_SHARED);
	no_holes(&v);
	splice_in(&v, fds, 0, v.used);
	if (one_in(2))
		unmap(&v);
	if (one_in(2))
		write_at(&v, v.off, v.used);
	pipe_is(w, fds, v.want, v.used, "pipe");
	check_view(&v);
	close_view(&v);
}

static void yield_some(void)
{
	int i, n = below(6);

	for (i = 0; i < n; i++)
		sched_yield();
	if (one_in(2))
		usleep(below(3000));
}

enum way { TRUNCATE, SHRINK, PUNCH, WAYS };

static enum way pick_way(const struct worker *w)
{
	return below(can_punch(w) ? WAYS : PUNCH);
}

static int take_away(struct view *v, enum way way)
{
	if (way == TRUNCATE)
		return ftruncate(v->fd, 0);
	if (way == SHRINK)
		return ftruncate(v->fd, v->off);
	return fallocate(v->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 v->off, v->len);
}

static void taken_away(struct view *v, enum way way)
{
	if (way == PUNCH)
		punched(v, v->off, v->len);
	else
		resize(v->f, way == TRUNCATE ? 0 : v->off);
	v->used = v->f->size > v->off ? v->used : 0;
}

/*
 * A page in a pipe keeps whoever wants its block waiting; who waits can be
 * killed, and has changed nothing then.
 */
static void op_wait(struct worker *w)
{
	bool kill_it = one_in(3);
	enum way way = pick_way(w);
	struct view v;
	int fds[2], status;
	pid_t pid;

	view_of(w, &v, PROT_READ, MAP_SHARED);
	no_holes(&v);
	splice_in(&v, fds, 0, v.used);
	unmap(&v);
	trace("take away, way %d%s", way, kill_it ? ", killed" : "");
	pid = fork_child();
	if (!pid)
		_exit(take_away(&v, way) ? KSFT_FAIL : KSFT_PASS);
	yield_some();
	if (waitpid(pid, &status, WNOHANG))
		bad("blocks of pinned pages were taken away, status %x",
		    status);
	if (kill_it) {
		kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
			bad("killed, but status %x", status);
		pipe_is(w, fds, v.want, v.used, "pinned page");
		check_file(w, v.f - w->file);
	} else {
		pipe_is(w, fds, v.want, v.used, "pinned page");
		wait_for(pid, "truncate or punch after the page was free");
		taken_away(&v, way);
		check_file(w, v.f - w->file);
	}
	close_view(&v);
}

static void op_direct_out(struct worker *w)
{
	char *got = w->buf;
	off_t at = my_id * DISK_PART;
	struct view v;

	if (w->disk < 0)
		return;
	view_of(w, &v, PROT_READ, one_in(2) ? MAP_SHARED : MAP_PRIVATE);
	if (pwrite(w->disk, v.map, v.len, at) != (ssize_t)v.len)
		bad("O_DIRECT write from the mapping");
	if (one_in(2))
		unmap(&v);
	if (pread(w->disk, got, v.len, at) != (ssize_t)v.len)
		bad("O_DIRECT read from the disk");
	same("disk", got, v.want, v.used, v.off);
	close_view(&v);
}

/* Something new on the disk, as long as the view, also at w->buf. */
static void fill_disk(struct worker *w, size_t len)
{
	scribble(w->buf, len);
	if (pwrite(w->disk, w->buf, len, my_id * DISK_PART) != (ssize_t)len)
		bad("O_DIRECT write to the disk");
}

/* What the mapping is to have when it has been read from the disk. */
static void view_for_disk(struct worker *w, struct view *v)
{
	view_of(w, v, PROT_READ | PROT_WRITE, MAP_SHARED);
	no_tail(v);
	fill_disk(w, v->len);
	memcpy(v->want, w->buf, v->used);
}

static void op_direct_in(struct worker *w)
{
	off_t at = my_id * DISK_PART;
	struct view v;

	if (w->disk < 0)
		return;
	view_for_disk(w, &v);
	if (pread(w->disk, v.map, v.len, at) != (ssize_t)v.len)
		bad("O_DIRECT read into the mapping");
	check_view(&v);
	close_view(&v);
}

/* To this process' part of the disk; at times by a worker of the kernel. */
static void disk_submit(struct worker *w, int op, void *buf, size_t len)
{
	if (uring_submit(&w->ring, op, one_in(4) ? IOSQE_ASYNC : 0, w->disk,
			 buf, len, my_id * DISK_PART))
		bad("io_uring_enter");
}

/*
 * The kernel may take the pages later than the request, and then there may be
 * none: give the range a content again that is known.
 */
static void uring_done(struct view *v, size_t len, bool gone)
{
	int res = uring_wait(&v->w->ring);

	if (res == (int)len)
		return;
	if (!gone || (res < 0 && res != -EFAULT))
		bad("io_uring gives %d, not %zu", res, len);
	trace("io_uring gives %d", res);
	if (v->used)
		write_at(v, v->off, v->used);
}

/*
 * The mapping goes, and at times the blocks, while the disk still works on
 * them. A page that is taken after a punch would be a new one: unmap first.
 */
static bool go_away(struct view *v)
{
	enum way way = pick_way(v->w);
	bool gone = false;

	if (one_in(2)) {
		unmap(v);
		gone = true;
	}
	if (one_in(2)) {
		if (way == PUNCH)
			unmap(v);
		trace("take away, way %d", way);
		if (take_away(v, way))
			bad("truncate or punch during I/O");
		taken_away(v, way);
		gone = true;
	}
	return gone;
}

static void op_uring_in(struct worker *w)
{
	struct view v;
	bool gone;

	if (w->disk < 0)
		return;
	view_for_disk(w, &v);
	trace("io_uring in");
	disk_submit(w, IORING_OP_READ, v.map, v.len);
	gone = go_away(&v);
	uring_done(&v, v.len, gone);
	unmap(&v);
	check_file(w, v.f - w->file);
	close_view(&v);
}

static void op_uring_out(struct worker *w)
{
	char *want = w->buf + WINDOW, *got = w->buf + 2 * WINDOW;
	off_t at = my_id * DISK_PART;
	struct view v;
	size_t used;
	bool gone;

	if (w->disk < 0)
		return;
	view_of(w, &v, PROT_READ, one_in(2) ? MAP_SHARED : MAP_PRIVATE);
	used = v.used;
	memcpy(want, v.want, used);
	trace("io_uring out");
	disk_submit(w, IORING_OP_WRITE, v.map, v.len);
	gone = go_away(&v);
	uring_done(&v, v.len, gone);
	if (pread(w->disk, got, v.len, at) != (ssize_t)v.len)
		bad("O_DIRECT read from the disk");
	if (!gone)
		same("disk", got, want, used, v.off);
	unmap(&v);
	check_file(w, v.f - w->file);
	close_view(&v);
}

/*
 * Other processes
 */

static void op_vm_read(struct worker *w)
{
	struct iovec to, from;
	pid_t parent = getpid(), pid;
	struct view v;
	int rc;

	view_of(w, &v, PROT_READ, one_in(2) ? MAP_SHARED : MAP_PRIVATE);
	pid = fork_child();
	if (!pid) {
		to = (struct iovec){ w->buf, v.len };
		from = (struct iovec){ v.map, v.len };
		munmap(v.map, v.len);
		if (process_vm_readv(parent, &to, 1, &from, 1, 0) !=
		    (ssize_t)v.len)
			bad("process_vm_readv");
		same("process_vm_readv", w->buf, v.want, v.used, v.off);
		_exit(KSFT_PASS);
	}
	rc = child_result(pid);
	if (rc != KSFT_PASS)
		bad("process_vm_readv in a child");
	close_view(&v);
}

static void op_vm_write(struct worker *w)
{
	bool priv = one_in(3);
	char *data = w->buf + 2 * WINDOW;
	struct iovec to, from;
	pid_t parent = getpid(), pid;
	struct view v;

	view_of(w, &v, PROT_READ | PROT_WRITE, priv ? MAP_PRIVATE : MAP_SHARED);
	scribble(data, v.len);
	pid = fork_child();
	if (!pid) {
		from = (struct iovec){ data, v.used };
		to = (struct iovec){ v.map, v.used };
		munmap(v.map, v.len);
		_exit(process_vm_writev(parent, &from, 1, &to, 1, 0) !=
		      (ssize_t)v.used);
	}
	wait_for(pid, "process_vm_writev in a child");
	if (!priv)
		memcpy(v.want, data, v.used);
	same("mapping", v.map, data, v.used, v.off);
	check_range(w, v.fd, v.f, v.off, v.used);
	close_view(&v);
}

static void op_fork(struct worker *w)
{
	bool priv = one_in(2), pin = one_in(3);
	char *data = w->buf + 2 * WINDOW;
	struct view v;
	int fds[2];
	pid_t pid;

	view_of(w, &v, PROT_READ | PROT_WRITE, priv ? MAP_PRIVATE : MAP_SHARED);
	touch_all(&v, pin || one_in(2));
	if (pin)
		splice_in(&v, fds, 0, v.used);
	scribble(data, v.used);
	pid = fork_child();
	if (!pid) {
		memcpy(v.map, data, v.used);
		same("child's mapping", v.map, data, v.used, v.off);
		_exit(KSFT_PASS);
	}
	wait_for(pid, "child that writes to the mapping");
	if (!priv)
		memcpy(v.want, data, v.used);
	if (pin)
		pipe_is(w, fds, v.want, v.used, "pipe after fork");
	check_view(&v);
	close_view(&v);
}

static void op_mm(struct worker *w)
{
	struct view v;
	char *to;

	view_of(w, &v, PROT_READ | PROT_WRITE, MAP_SHARED);
	touch_all(&v, one_in(2));
	switch (below(5)) {
	case 0:
		if (mlock(v.map, v.len) || munlock(v.map, v.len))
			bad("mlock");
		break;
	case 1:
		if (madvise(v.map, v.len, MADV_DONTNEED))
			bad("MADV_DONTNEED");
		break;
	case 2:
		if (mprotect(v.map, pagesize, PROT_READ))
			bad("mprotect");
		check_view(&v);
		if (mprotect(v.map, pagesize, PROT_READ | PROT_WRITE))
			bad("mprotect");
		break;
	case 3:
		to = mmap(NULL, v.len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
		if (to == MAP_FAILED ||
		    mremap(v.map, v.len, v.len, MREMAP_MAYMOVE | MREMAP_FIXED,
			   to) != to)
			bad("mremap");
		v.map = to;
		break;
	case 4:
		if (madvise(v.map, v.len, MADV_POPULATE_WRITE))
			bad("MADV_POPULATE_WRITE");
		break;
	}
	scribble(v.want, v.used);
	memcpy(v.map, v.want, v.used);
	check_view(&v);
	close_view(&v);
}

static void make_large(struct view *v)
{
	if (ftruncate(v->fd, 0) || posix_fallocate(v->fd, 0, LARGE))
		bad("fallocate %s", v->path);
	resize(v->f, 0);
	v->f->size = LARGE;
}

/* All of a file at once, for pages of 1 MiB and for those at their ends. */
static void op_whole(struct worker *w)
{
	bool large = one_in(3);
	struct view v;
	size_t at;
	long n;

	open_nth(w, &v, large ? 0 : below(FILES));
	if (large)
		make_large(&v);
	make_longer(&v, 4 * pagesize);
	v.want = v.f->data;
	v.used = v.f->size;
	v.len = (v.used + pagesize - 1) / pagesize * pagesize;
	map_range(&v, PROT_READ | PROT_WRITE, MAP_SHARED);
	n = faults();
	if (large) {
		scribble(v.want, v.used);
		memcpy(v.map, v.want, v.used);
	}
	same("whole mapping", v.map, v.want, v.used, 0);
	if (large && faults() - n < (long)(v.len / pagesize * 3 / 4))
		__atomic_add_fetch(&shm->large, 1, __ATOMIC_RELAXED);
	at = below(v.len / pagesize) * pagesize;
	v.want[at] = at / pagesize;
	v.map[at] = v.want[at];
	if (one_in(2)) {
		at = v.len / 2 / pagesize * pagesize;
		if (munmap(v.map, at))
			bad("munmap of a part");
		same("half of a mapping", v.map + at, v.want + at,
		     v.used - at, at);
	}
	close_view(&v);
}

/*
 * The device
 */

static void attr_path(const struct worker *w, const char *attr, char *path)
{
	if (attr[0] == '@')
		snprintf(path, 128, ROOT "%s/%s", w->name, attr + 1);
	else
		snprintf(path, 128, ROOT "%s", attr);
}

/* Who only looked at the block device is gone in a moment. */
static void store(struct worker *w, const char *attr, const char *text)
{
	char path[128];
	int i;

	attr_path(w, attr, path);
	trace("%s > %s", text, path);
	for (i = 0; i < TRIES; i++) {
		if (!put_string(path, text))
			return;
		if (errno != EBUSY)
			break;
		usleep(10000);
	}
	bad("%s to %s", text, path);
}

static void refused(const struct worker *w, const char *attr, const char *text,
		    int error)
{
	char path[128];

	attr_path(w, attr, path);
	if (!put_string(path, text))
		bad("%s to %s succeeded", text, path);
	if (errno != error)
		bad("%s to %s gives another error than %s", text, path,
		    strerror(error));
}

static void attr_is(struct worker *w, const char *attr, const char *want)
{
	char path[128], text[64];
	int i;

	attr_path(w, attr, path);
	for (i = 0; i < TRIES; i++) {
		if (get_string(path, text, sizeof(text)))
			bad("%s", path);
		if (!strcmp(text, want))
			return;
		usleep(10000);
	}
	bad("%s is %s, not %s", path, text, want);
}

static void find_device(struct worker *w)
{
	char path[128], *name, text[64];
	int i;

	for (i = 0; i < TRIES; i++) {
		for (int minor = 0; minor < 64; minor++) {
			snprintf(path, sizeof(path),
				 ROOT "%s/block/dcssblk%d/dev", w->name, minor);
			if (get_string(path, text, sizeof(text)))
				continue;
			snprintf(w->dev, sizeof(w->dev), "/dev/dcssblk%d",
				 minor);
			name = w->dev;
			if (!access(name, F_OK))
				return;
		}
		usleep(10000);
	}
	bad("no block device of %s", w->name);
}

/* What begins as zeroes gets a file system. */
static void write_image(struct worker *w)
{
	int fd = open(w->dev, O_RDWR);
	size_t i;

	if (fd < 0)
		bad("open %s", w->dev);
	for (i = 0; i < w->image_len; i += pagesize) {
		const char *p = w->image_data + i;

		if (!p[0] && !memcmp(p, p + 1, pagesize - 1))
			continue;
		if (pwrite(fd, p, pagesize, i) != (ssize_t)pagesize)
			bad("write to %s", w->dev);
	}
	if (fsync(fd) || close(fd))
		bad("fsync %s", w->dev);
}

/* CP has loaded it again: what was not saved is gone. */
static void reloaded(struct worker *w)
{
	int i;

	if (!w->volatile_) {
		copy_model(w->file, w->saved);
		return;
	}
	for (i = 0; i < FILES; i++)
		forget(&w->file[i]);
	write_image(w);
}

static void do_add(struct worker *w)
{
	store(w, "add", w->segments);
	find_device(w);
	attr_is(w, "@shared", "1");
	attr_is(w, "@save", "0");
	reloaded(w);
	if (w->toggle)
		store(w, "@shared", "0");
}

static void do_remove(struct worker *w)
{
	store(w, "remove", w->name);
	if (one_in(4))
		refused(w, "remove", w->name, ENODEV);
}

static int try_mount(struct worker *w, const char *options, int flags)
{
	trace("mount -o %s %s", options, w->dev);
	return mount(w->dev, w->mnt, w->fstype, flags, options);
}

static void do_mount(struct worker *w, const char *options, int flags)
{
	if (try_mount(w, options, flags))
		bad("mount -o %s %s", options, w->dev);
	w->mounted = true;
}

static void mount_dax(struct worker *w)
{
	static const char *const options[] = { "dax", "dax=always" };

	do_mount(w, options[strcmp(w->fstype, "ext2") ? below(2) : 0], 0);
}

static void do_unmount(struct worker *w)
{
	trace("umount %s", w->mnt);
	if (umount(w->mnt))
		bad("umount %s", w->mnt);
	w->mounted = false;
}

/* From here on the others keep their hands off. */
static void lock_device(struct worker *w)
{
	struct shared_part *p = &shm->part[w->id];

	pthread_rwlock_wrlock(&p->lock);
	p->state = MOVING;
}

static void unlock_device(struct worker *w)
{
	struct shared_part *p = &shm->part[w->id];

	p->state = w->mounted ? MOUNTED : ABSENT;
	pthread_rwlock_unlock(&p->lock);
}

static void op_remount(struct worker *w)
{
	do_unmount(w);
	mount_dax(w);
}

/* What DAX wrote, the page cache reads; and the other way round. */
static void op_no_dax(struct worker *w)
{
	do_unmount(w);
	do_mount(w, strcmp(w->fstype, "ext2") ? "dax=never" : "", 0);
	check_files(w, 0);
	op_write(w);
	op_map_shared(w);
	op_map_private(w);
	do_unmount(w);
	mount_dax(w);
}

/* Whether the kernel has it refused is for sysfs.c to test. */
static bool request_save(struct worker *w, bool idle)
{
	if (w->volatile_) {
		refused(w, "@save", "1", EOPNOTSUPP);
		return false;
	}
	store(w, "@save", "1");
	attr_is(w, "@save", idle ? "0" : "1");
	return true;
}

static void op_save_pending(struct worker *w)
{
	bool saved = request_save(w, false);

	if (one_in(2))
		op_map_shared(w);
	if (saved && w->saved_once && one_in(4)) {
		store(w, "@save", "0");
		attr_is(w, "@save", "0");
		return;
	}
	do_unmount(w);
	if (saved) {
		attr_is(w, "@save", "0");
		now_saved(w);
	}
	mount_dax(w);
}

static void op_save_now(struct worker *w)
{
	do_unmount(w);
	if (request_save(w, true))
		now_saved(w);
	mount_dax(w);
}

/* For this guest alone, and back; the second time with what CP has saved. */
static void op_shared(struct worker *w)
{
	do_unmount(w);
	if (w->toggle) {
		store(w, "@shared", "1");
		reloaded(w);
		do_mount(w, "dax", MS_RDONLY);
		check_files(w, 0);
		do_unmount(w);
		if (!try_mount(w, "dax", 0) || errno != EACCES)
			bad("mount of a shared, read-only segment for writing");
	} else if (one_in(2)) {
		store(w, "@shared", "0");
		attr_is(w, "@shared", "0");
		reloaded(w);
		if (one_in(2)) {
			mount_dax(w);
			check_files(w, 0);
			op_map_shared(w);
			op_write(w);
			do_unmount(w);
			if (!w->volatile_ && one_in(2)) {
				store(w, "@save", "1");
				attr_is(w, "@save", "0");
				now_saved(w);
			}
		}
		store(w, "@shared", "1");
		reloaded(w);
	}
	if (w->toggle) {
		store(w, "@shared", "0");
		reloaded(w);
	}
	mount_dax(w);
}

static void op_again(struct worker *w)
{
	do_unmount(w);
	do_remove(w);
	do_add(w);
	if (one_in(4))
		refused(w, "add", w->name, EEXIST);
	mount_dax(w);
}

/* The last mapping closes the device, and that saves it. */
static void op_lazy(struct worker *w)
{
	bool saved = false;
	struct view v;

	view_of(w, &v, PROT_READ | PROT_WRITE, MAP_SHARED);
	touch_all(&v, one_in(2));
	if (close(v.fd))
		bad("close");
	if (umount2(w->mnt, MNT_DETACH))
		bad("umount -l");
	w->mounted = false;
	refused(w, "remove", w->name, EBUSY);
	if (one_in(2))
		refused(w, "@shared", "0", EBUSY);
	scribble(v.want, v.used);
	memcpy(v.map, v.want, v.used);
	if (one_in(2))
		saved = request_save(w, false);
	same("mapping", v.map, v.want, v.used, v.off);
	unmap(&v);
	if (saved) {
		attr_is(w, "@save", "0");
		now_saved(w);
	}
	mount_dax(w);
}

/*
 * A page in a pipe keeps an unmounted device as it is, whether or not somebody
 * looks at the block device meanwhile. If so, save is only put off.
 */
static void op_held(struct worker *w)
{
	bool alone = one_in(2);
	struct view v;
	int fds[2];

	if (alone)
		pthread_rwlock_rdlock(&shm->gate);
	view_of(w, &v, PROT_READ, MAP_SHARED);
	no_holes(&v);
	splice_in(&v, fds, 0, v.used);
	close_view(&v);
	do_unmount(w);
	refused(w, "remove", w->name, EBUSY);
	if (one_in(2))
		refused(w, "@shared", w->toggle ? "1" : "0", EBUSY);
	if (!try_mount(w, "dax", 0) || errno != EBUSY)
		bad("mount with a page in a pipe");
	if (alone && one_in(2))
		refused(w, "@save", "1", w->volatile_ ? EOPNOTSUPP : EBUSY);
	pipe_is(w, fds, v.want, v.used, "page held over an unmount");
	if (alone)
		pthread_rwlock_unlock(&shm->gate);
	mount_dax(w);
}

/*
 * Rounds and lives
 */

struct op {
	const char *name;
	void (*run)(struct worker *w);
	unsigned int weight;
};

static const struct op file_ops[] = {
	{ "write", op_write, 8 },
	{ "resize", op_resize, 6 },
	{ "punch", op_punch, 4 },
	{ "unlink", op_unlink, 4 },
	{ "rename", op_rename, 2 },
	{ "shared", op_map_shared, 10 },
	{ "private", op_map_private, 6 },
	{ "exec", op_exec, 5 },
	{ "pipe", op_pipe, 8 },
	{ "wait", op_wait, 6 },
	{ "directout", op_direct_out, 5 },
	{ "directin", op_direct_in, 5 },
	{ "uringin", op_uring_in, 6 },
	{ "uringout", op_uring_out, 4 },
	{ "vmread", op_vm_read, 4 },
	{ "vmwrite", op_vm_write, 4 },
	{ "fork", op_fork, 5 },
	{ "mm", op_mm, 6 },
	{ "whole", op_whole, 3 },
};

static const struct op device_ops[] = {
	{ "remount", op_remount, 3 },
	{ "nodax", op_no_dax, 1 },
	{ "savelater", op_save_pending, 3 },
	{ "savenow", op_save_now, 2 },
	{ "toggle", op_shared, 3 },
	{ "readd", op_again, 3 },
	{ "lazy", op_lazy, 3 },
	{ "held", op_held, 3 },
};

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
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void count(size_t i, unsigned long long since)
{
	__atomic_add_fetch(&shm->op_count[i], 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&shm->op_ns[i], cpu_ns() - since, __ATOMIC_RELAXED);
}

static void file_step(struct worker *w)
{
	size_t i = pick_op(file_ops, ARRAY_SIZE(file_ops));
	unsigned long long since = cpu_ns();

	begin_step(file_ops[i].name);
	file_ops[i].run(w);
	count(i, since);
}

/* It comes back mounted, and holds what it has to. */
static void device_step(struct worker *w)
{
	size_t i = pick_op(device_ops, ARRAY_SIZE(device_ops));
	unsigned long long since = cpu_ns();

	begin_step(device_ops[i].name);
	lock_device(w);
	device_ops[i].run(w);
	check_files(w, 0);
	unlock_device(w);
	count(ARRAY_SIZE(file_ops) + i, since);
}

/* An operation that never ran has shown nothing. */
static void show_ops(void)
{
	size_t i, files = ARRAY_SIZE(file_ops);
	unsigned int n;

	ksft_print_msg("%u mappings with large pages\n", shm->large);
	for (i = 0; i < files + ARRAY_SIZE(device_ops); i++) {
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
		store(w, "@save", "1");
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

static void set_round(unsigned int round)
{
	shm->part[my_id].round = round;
	rng_round(my_id, round);
	step = 0;
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
	log_mark();
}

/*
 * From one device to another: a mapping of a file on the first is what is
 * written to a file on the second, and to the disk
 */

static char *cross_map(int i, const char *name, int prot, size_t len,
		       const char *data, int *fd)
{
	char path[160], *map;

	snprintf(path, sizeof(path), "%s/%s", workers[i].mnt, name);
	*fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (*fd < 0)
		bad("open %s", path);
	if (pwrite(*fd, data, len, 0) != (ssize_t)len)
		bad("write %s", path);
	map = mmap(NULL, len, prot, MAP_SHARED, *fd, 0);
	if (map == MAP_FAILED)
		bad("mmap %s", path);
	return map;
}

static void cross_drop(int i, const char *name, int fd, char *map, size_t len)
{
	char path[160];

	if (munmap(map, len) || close(fd))
		bad("munmap, close");
	snprintf(path, sizeof(path), "%s/%s", workers[i].mnt, name);
	if (unlink(path))
		bad("unlink %s", path);
}

static void cross_splice(char *from, int to, size_t len)
{
	struct iovec iov = { from, len };
	loff_t off = 0;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		bad("pipe");
	if (vmsplice(fds[1], &iov, 1, 0) != (ssize_t)len)
		bad("vmsplice");
	while (len) {
		ssize_t n = splice(fds[0], NULL, to, &off, len, 0);

		if (n <= 0)
			bad("splice to another device");
		len -= n;
	}
	close(fds[0]);
	close(fds[1]);
}

static void cross_work(struct worker *w, int a, int b)
{
	size_t len = (1 + below(WINDOW / pagesize)) * pagesize;
	char *data = w->buf, *got = w->buf + WINDOW, *from, *to;
	off_t at = CROSS * DISK_PART;
	int fda, fdb;

	scribble(data, len);
	from = cross_map(a, "from", PROT_READ | PROT_WRITE, len, data, &fda);
	scribble(got, len);
	to = cross_map(b, "to", PROT_READ | PROT_WRITE, len, got, &fdb);
	begin_step("write to");
	if (pwrite(fdb, from, len, 0) != (ssize_t)len)
		bad("write from the mapping");
	same("other device", to, data, len, 0);
	begin_step("splice to");
	memset(to, 0, len);
	cross_splice(from, fdb, len);
	same("other device, by splice", to, data, len, 0);
	begin_step("disk");
	if (w->disk >= 0) {
		if (pwrite(w->disk, from, len, at) != (ssize_t)len ||
		    pread(w->disk, to, len, at) != (ssize_t)len)
			bad("disk from one mapping to another");
		same("other device, by the disk", to, data, len, 0);
	}
	begin_step("read from");
	scribble(data, len);
	memcpy(to, data, len);
	if (pread(fdb, from, len, 0) != (ssize_t)len)
		bad("read into the mapping");
	same("mapping", from, data, len, 0);
	cross_drop(b, "to", fdb, to, len);
	cross_drop(a, "from", fda, from, len);
}

static bool try_mounted(int i)
{
	struct shared_part *p = &shm->part[i];

	if (pthread_rwlock_tryrdlock(&p->lock))
		return false;
	if (p->state == MOUNTED)
		return true;
	pthread_rwlock_unlock(&p->lock);
	return false;
}

static void cross(struct worker *w)
{
	int a = below(nr_workers), b = below(nr_workers);

	if (a == b || !try_mounted(a))
		return;
	if (try_mounted(b)) {
		trace("%s to %s", workers[a].name, workers[b].name);
		cross_work(w, a, b);
		pthread_rwlock_unlock(&shm->part[b].lock);
		shm->part[CROSS].rounds++;
	}
	pthread_rwlock_unlock(&shm->part[a].lock);
}

/*
 * What has to be refused, and what may come and go
 */

static void look(struct worker *d, const char *attr)
{
	char path[128], text[256];

	attr_path(d, attr, path);
	if (get_string(path, text, sizeof(text)) && errno != ENOENT &&
	    errno != ENODEV)
		bad("read of %s", path);
}

/* As a daemon does that looks at each new block device. */
static void look_inside(struct worker *w)
{
	char dev[64];
	int fd;

	if (pthread_rwlock_trywrlock(&shm->gate))
		return;
	snprintf(dev, sizeof(dev), "/dev/dcssblk%d", (int)below(nr_workers));
	fd = open(dev, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (pread(fd, w->buf, pagesize, 0) != (ssize_t)pagesize)
			bad("read of %s", dev);
		close(fd);
	} else if (errno != ENOENT && errno != ENXIO && errno != ENODEV &&
		   errno != EBUSY) {
		bad("open %s", dev);
	}
	pthread_rwlock_unlock(&shm->gate);
}

static void probe_refused(struct worker *d)
{
	switch (shm->part[d->id].state) {
	case MOUNTED:
		refused(d, "add", d->segments, EEXIST);
		refused(d, "remove", d->name, EBUSY);
		refused(d, "@shared", one_in(2) ? "0" : "1", EBUSY);
		refused(d, "@save", "2", EINVAL);
		break;
	case ABSENT:
		refused(d, "remove", d->name, ENODEV);
		refused(d, "@shared", "0", ENOENT);
		break;
	}
}

static void probe(struct worker *w)
{
	static const char *const attrs[] = {
		"@shared", "@save", "@seglist", "@dax", "@size",
	};
	struct worker *d = &workers[below(nr_workers)];
	struct shared_part *p = &shm->part[d->id];

	begin_step("look");
	look(d, attrs[below(ARRAY_SIZE(attrs))]);
	if (one_in(4)) {
		begin_step("look inside");
		look_inside(w);
	}
	if (one_in(2) && !pthread_rwlock_tryrdlock(&p->lock)) {
		begin_step("refused");
		probe_refused(d);
		pthread_rwlock_unlock(&p->lock);
	}
	if (one_in(8)) {
		begin_step("add nothing");
		refused(w, "add", "NOSUCH", ENOENT);
	}
	shm->part[PROBE].rounds++;
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
#define STEP_SECONDS	180

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
 * As before
 */

/*
 * Addresses are hashed, and in the order of what was free. What is unpurged is
 * free, too.
 */
static char *vmalloc_lines(void)
{
	char *all = read_whole("/proc/vmallocinfo"), *to = all, *line, *end;
	char *text;
	size_t n;

	for (line = all; *line; line = end) {
		end = line + strcspn(line, "\n");
		end += *end == '\n';
		text = memchr(line, ' ', end - line);
		if (!text || memmem(text, end - text, "unpurged", 8))
			continue;
		n = end - text;
		memmove(to, text, n);
		to += n;
	}
	*to = '\0';
	return all;
}

/* What the kernel maps outside of vmalloc, stacks and modules. */
static char *page_tables(void)
{
	char *all = read_whole("/sys/kernel/debug/kernel_page_tables");
	char *end = strstr(all, "---[ vmemmap Area End");

	if (end)
		*end = '\0';
	return all;
}

static struct {
	char *iomem, *vmalloc, *tables;
	long free;
} before;

/*
 * Each device once, for what the kernel keeps after the first time; then until
 * nothing moves that the boot has left to be freed.
 */
static void remember(void)
{
	char *text;
	int i;

	for (i = 0; i < nr_workers; i++)
		if (put_string(ROOT "add", workers[i].segments) ||
		    put_string(ROOT "remove", workers[i].name))
			ksft_exit_fail_msg("%s: %s\n", workers[i].name,
					   strerror(errno));
	before.tables = page_tables();
	for (i = 0; i < 20; i++) {
		usleep(200000);
		text = page_tables();
		if (!strcmp(text, before.tables))
			break;
		free(before.tables);
		before.tables = text;
	}
	before.iomem = read_whole("/proc/iomem");
	before.vmalloc = vmalloc_lines();
	before.free = free_kb();
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char **)a, *(char **)b);
}

static size_t split_lines(char *text, char **lines, size_t max)
{
	size_t n = 0;
	char *p;

	for (p = strtok(text, "\n"); p && n < max; p = strtok(NULL, "\n"))
		lines[n++] = p;
	return n;
}

/* The same lines, in any order; shows those that are in one only. */
static bool same_lines(const char *what, const char *was, const char *is)
{
	static char *a[8192], *b[8192];
	char *x = strdup(was), *y = strdup(is);
	size_t i = 0, j = 0, n, m;
	bool good = true;
	int c;

	n = split_lines(x, a, ARRAY_SIZE(a));
	m = split_lines(y, b, ARRAY_SIZE(b));
	qsort(a, n, sizeof(*a), compare_lines);
	qsort(b, m, sizeof(*b), compare_lines);
	while (i < n || j < m) {
		c = i == n ? 1 : j == m ? -1 : strcmp(a[i], b[j]);
		if (c)
			ksft_print_msg("%s: %s: %s\n", what,
				       c < 0 ? "before" : "now",
				       c < 0 ? a[i] : b[j]);
		good &= !c;
		i += c <= 0;
		j += c >= 0;
	}
	free(x);
	free(y);
	return good;
}

static void as_before(const char *what, const char *was, char *is)
{
	if (!*was)
		ksft_test_result_skip("%s cannot be read\n", what);
	else
		ksft_test_result(same_lines(what, was, is),
				 "%s as before\n", what);
	free(is);
}

/*
 * A part of a megabyte goes to slabs in use and to what is freed later. A
 * memmap that is not given back is 256 KiB and more, once for each life.
 */
static void memory_as_before(void)
{
	long now = free_kb_settled(before.free, 1024);

	ksft_print_msg("free: %ld kB, %ld kB afterwards\n", before.free, now);
	ksft_test_result(before.free - now < 1024, "memory as before\n");
}

static bool all_removed(void)
{
	char path[128];
	bool none = true;
	int i;

	for (i = 0; i < nr_workers; i++) {
		snprintf(path, sizeof(path), ROOT "%s", workers[i].name);
		if (!access(path, F_OK)) {
			ksft_print_msg("%s is left\n", path);
			none = false;
		}
	}
	return none;
}

/* After a failure: leave as little as possible. */
static void sweep(void)
{
	int i;

	for (i = 0; i < nr_workers; i++) {
		if (shm->failed) {
			umount2(workers[i].mnt, MNT_DETACH);
			put_string(ROOT "remove", workers[i].name);
		}
		rmdir(workers[i].mnt);
	}
	rmdir(o.dir);
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
	pthread_rwlock_init(&shm->gate, &attr);
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
	ksft_set_plan((o.worker ? 1 : nr_workers + 2) + 5);
	ksft_print_msg("seed %llu, %u rounds from %u, %d devices\n", o.seed,
		       o.rounds, o.from, nr_workers);
	/* Thousands of lines about devices that come and go. */
	console = quiet_console(4);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	log_mark();
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
	ksft_test_result(all_removed(), "all devices removed\n");
	as_before("/proc/iomem", before.iomem, read_whole("/proc/iomem"));
	as_before("/proc/vmallocinfo", before.vmalloc, vmalloc_lines());
	as_before("kernel page tables", before.tables, page_tables());
	memory_as_before();
	quiet_console(console);
	ksft_finished();
}
