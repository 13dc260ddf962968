// SPDX-License-Identifier: GPL-2.0
/* Operations of soak.c on files. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "soak_files.h"

/*
 * Operations on files
 */

void op_write(struct worker *w)
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
	touch_view(&v, false);
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
		touch_view(&v, one_in(2));
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

void op_map_shared(struct worker *w)
{
	struct view v;

	view_of(w, &v, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (one_in(2))
		touch_view(&v, false);
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
void op_map_private(struct worker *w)
{
	char *copy = w->buf + 2 * WINDOW;
	struct view v;
	size_t i;

	view_of(w, &v, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	if (one_in(2))
		touch_view(&v, false);
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

void splice_in(struct view *v, int *fds, size_t off, size_t len)
{
	struct iovec iov = { .iov_base = v->map + off, .iov_len = len };

	if (pipe2(fds, O_CLOEXEC))
		bad("pipe");
	trace("vmsplice %s 0x%zx+0x%zx", v->path, v->off + off, len);
	if (vmsplice(fds[1], &iov, 1, 0) != (ssize_t)len)
		bad("vmsplice of 0x%zx bytes", len);
}

void pipe_is(struct worker *w, int *fds, const char *want, size_t len,
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
	touch_view(&v, pin || one_in(2));
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
	touch_view(&v, one_in(2));
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

	open_nth(w, &v, large ? 0 : below(FILES));
	if (large)
		make_large(&v);
	make_longer(&v, 4 * pagesize);
	v.want = v.f->data;
	v.used = v.f->size;
	v.len = (v.used + pagesize - 1) / pagesize * pagesize;
	map_range(&v, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (large) {
		scribble(v.want, v.used);
		memcpy(v.map, v.want, v.used);
	}
	same("whole mapping", v.map, v.want, v.used, 0);
	if (large_bytes(v.map, v.len) > 0)
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

const struct op file_ops[] = {
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

const size_t nr_file_ops = ARRAY_SIZE(file_ops);
