// SPDX-License-Identifier: GPL-2.0
/* What the files of a device have to contain, and mappings of them: see soak.c. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "soak_model.h"

/*
 * The model of a device's files
 */

void path_of(const struct worker *w, int i, char *path)
{
	snprintf(path, 160, "%s/f%d", w->mnt, i);
}

void forget(struct file *f)
{
	f->exists = false;
	memset(f->data, 0, f->size);
	f->size = 0;
}

void copy_model(struct file *to, const struct file *from)
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
void now_saved(struct worker *w)
{
	copy_model(w->saved, w->file);
	w->saved_once = true;
}

void resize(struct file *f, size_t size)
{
	if (size < f->size)
		memset(f->data + size, 0, f->size - size);
	f->size = size;
}

/* Each word of it is different, and has its place in it. */
void scribble(char *buf, size_t len)
{
	unsigned long long stamp = rng(), v;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		v = stamp + i;
		memcpy(buf + i, &v, 8);
	}
	memcpy(buf + i, &stamp, len - i);
}

void same(const char *what, const char *got, const char *want,
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

void check_range(struct worker *w, int fd, struct file *f, size_t off,
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

void check_file(struct worker *w, int i)
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

void check_files(struct worker *w, int first)
{
	int i;

	for (i = first; i < FILES; i++)
		check_file(w, i);
}

/*
 * A file to work on, with a mapping of a part of it
 */

void write_at(struct view *v, size_t off, size_t len)
{
	struct file *f = v->f;

	if (off + len > f->size)
		f->size = off + len;
	scribble(f->data + off, len);
	trace("write %s 0x%zx+0x%zx", v->path, off, len);
	if (pwrite(v->fd, f->data + off, len, off) != (ssize_t)len)
		bad("write of 0x%zx bytes at 0x%zx", len, off);
}

void open_nth(struct worker *w, struct view *v, int i)
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

void open_view(struct worker *w, struct view *v)
{
	open_nth(w, v, below(FILES));
}

void make_longer(struct view *v, size_t len)
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
void no_holes(struct view *v)
{
	write_at(v, v->off, v->used);
}

/*
 * What is stored behind the end of a file, in its last page, may show when the
 * file grows (ext2 with DAX): let the range be in the file as a whole.
 */
void no_tail(struct view *v)
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
void map_range(struct view *v, int prot, int flags)
{
	trace("map %s 0x%zx+0x%zx, %s", v->path, v->off, v->len,
	      flags & MAP_SHARED ? "shared" : "private");
	v->map = mmap(NULL, v->len, prot, flags, v->fd, v->off);
	if (v->map == MAP_FAILED)
		bad("mmap of %s", v->path);
}

void view_of(struct worker *w, struct view *v, int prot, int flags)
{
	open_view(w, v);
	pick_range(v);
	map_range(v, prot, flags);
}

void unmap(struct view *v)
{
	if (v->map && munmap(v->map, v->len))
		bad("munmap");
	v->map = NULL;
}

void close_view(struct view *v)
{
	unmap(v);
	if (close(v->fd))
		bad("close");
}

/* The mapping and the file are what the model says. */
void check_view(struct view *v)
{
	if (v->map)
		same("mapping", v->map, v->want, v->used, v->off);
	check_range(v->w, v->fd, v->f, v->off, v->used);
}

void touch_view(struct view *v, bool write)
{
	size_t i;

	for (i = 0; i < v->len; i += pagesize) {
		char c = touch(v->map + i);

		if (write)
			__atomic_store_n(v->map + i, c, __ATOMIC_RELAXED);
	}
}

void wait_for(pid_t pid, const char *what)
{
	if (child_result(pid) != KSFT_PASS)
		bad("%s", what);
}
