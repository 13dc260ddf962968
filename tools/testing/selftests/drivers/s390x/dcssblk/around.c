// SPDX-License-Identifier: GPL-2.0
/*
 * A fault on a DAX file maps other pages beside its own: which ones, and which
 * ones must not be.
 *
 *	around [--readonly] DIRECTORY
 *
 * All mappings are at an offset to their files that no large page can map. What is
 * mapped is asked from /proc/self/pagemap. Where DIRECTORY has "twin", this is about
 * two files with the same chunks, and the other one is "one".
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"

#define NR	512			/* pages of a file */
#define ROUNDS	100
#define PM_SOFT_DIRTY	(1ULL << 55)

struct around {
	char path[256];
	char *data, *map;
	size_t len;
	int fd;
	unsigned int nr;		/* of the case */
};

/* A case, and the mapping that it gets. */
struct on_file {
	int (*run)(struct around *r);
	int prot, flags;
};

/* On a file that was never mapped. */
static int on_file(struct area *a)
{
	const struct on_file *how = a->arg;
	struct around r = { .len = NR * pagesize, .nr = a->nr };
	int rc;

	r.data = filled(r.len, 61);
	if (opt.readonly) {
		snprintf(r.path, sizeof(r.path), "%s/data", opt.dir);
		r.fd = open(r.path, O_RDONLY);
	} else {
		r.fd = new_file(opt.dir, "around", r.data, r.len, r.path);
	}
	if (r.fd < 0)
		return fails("%s", r.path);
	r.map = map_odd(r.fd, r.len, how->prot, how->flags);
	rc = r.map == MAP_FAILED ? fails("mmap") : how->run(&r);
	munmap(r.map, r.len);
	close(r.fd);
	if (!opt.readonly)
		unlink(r.path);
	free(r.data);
	return rc;
}

static unsigned long long entry_of(const struct around *r, size_t nr)
{
	return pagemap_entry(getpid(), (uintptr_t)r->map + nr * pagesize);
}

static bool present(const struct around *r, size_t nr)
{
	return entry_of(r, nr) & PM_PRESENT;
}

static long nr_present(const struct around *r, size_t first, size_t last)
{
	unsigned long long entries[NR];
	size_t n = last - first + 1, i;
	long nr = 0;

	pagemap_entries(getpid(), (uintptr_t)r->map + first * pagesize, entries, n);
	for (i = 0; i < n; i++)
		nr += !!(entries[i] & PM_PRESENT);
	return nr;
}

static int nr_is(const struct around *r, size_t first, size_t last, long min,
		 long max)
{
	long nr = nr_present(r, first, last);

	return nr >= min && nr <= max ? KSFT_PASS :
	       wrong("%ld of the pages %zu to %zu are mapped, not %ld to %ld",
		     nr, first, last, min, max);
}

static int from_end_to_end(struct around *r)
{
	long nr;
	int rc = KSFT_PASS;

	nr = faults();
	touch_pages(r->map, NR * pagesize);
	nr = faults() - nr;
	/* Nine if the file is one extent. */
	if (nr > NR / 8)
		rc = wrong("%ld faults for %d pages", nr, NR);
	if (!rc && !opt.readonly)
		rc = differs("mapping", r->map, r->data, r->len);
	return rc;
}

/* One page of a file that nobody has used takes a few others along. */
static int one_page(struct around *r)
{
	int rc;

	touch(r->map + 100 * pagesize);
	rc = nr_is(r, 0, NR - 1, 2, 16);
	if (!rc && !present(r, 100))
		rc = wrong("not the page of the fault");
	return rc;
}

static int at_random(struct around *r)
{
	size_t i;
	int rc = KSFT_PASS;

	if (madvise(r->map, r->len, MADV_RANDOM))
		rc = fails("madvise");
	for (i = 0; !rc && i < 8; i++) {
		touch(r->map + 50 * i * pagesize);
		rc = nr_is(r, 0, NR - 1, i + 1, i + 1);
	}
	return rc;
}

/* What others have used is there at once, on both sides, and nothing else. */
static int used_by_others(struct around *r)
{
	static const int pages[] = { 3, 20, 41, 42, 43, 200 };
	char *map;
	size_t i;
	int rc = KSFT_PASS;

	map = map_odd(r->fd, r->len, PROT_READ, MAP_SHARED);
	madvise(map, r->len, MADV_RANDOM);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		touch(map + pages[i] * pagesize);
	munmap(map, r->len);
	touch(r->map + 100 * pagesize);
	for (i = 0; i < ARRAY_SIZE(pages) && !rc; i++)
		if (!present(r, pages[i]))
			rc = wrong("page %d is not mapped", pages[i]);
	if (!rc)
		rc = nr_is(r, 0, 99, 5, 5);
	if (!rc)
		rc = nr_is(r, 116, NR - 1, 1, 1);
	return rc;
}

/* Not beyond the VMA, on either side, nor the end of the file. */
static int inside(struct around *r)
{
	int rc = KSFT_PASS;

	touch_pages(r->map, NR * pagesize);
	munmap(r->map, r->len);
	/* All of it has entries; three VMAs in a row. */
	r->map = map_odd(r->fd, r->len, PROT_READ, MAP_SHARED);
	if (mprotect(r->map, 20 * pagesize, PROT_NONE) ||
	    mprotect(r->map + 60 * pagesize, r->len - 60 * pagesize, PROT_NONE))
		rc = fails("mprotect");
	touch(r->map + 30 * pagesize);
	if (!rc)
		rc = nr_is(r, 20, 59, 40, 40);
	if (!rc)
		rc = nr_is(r, 0, 19, 0, 0);
	if (!rc)
		rc = nr_is(r, 60, NR - 1, 0, 0);
	if (rc || opt.readonly)
		return rc;

	munmap(r->map, r->len);
	r->map = map_odd(r->fd, r->len, PROT_READ, MAP_SHARED);
	if (ftruncate(r->fd, 40 * pagesize - 1))
		rc = fails("ftruncate");
	touch(r->map + 39 * pagesize);
	if (!rc)
		rc = nr_is(r, 0, 39, 40, 40);
	if (!rc)
		rc = nr_is(r, 40, NR - 1, 0, 0);
	return rc;
}

static blkcnt_t blocks(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : st.st_blocks;
}

/* Every other eight pages are a hole, or blocks that were never written to. */
static int holes(struct around *r)
{
	bool unwritten = r->nr;
	blkcnt_t before;
	size_t i;
	int rc = KSFT_PASS;

	for (i = 8; i < NR && !rc; i += 16) {
		if (fallocate(r->fd, unwritten ? FALLOC_FL_ZERO_RANGE :
			      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      i * pagesize, 8 * pagesize))
			return skip("fallocate: %s", strerror(errno));
		memset(r->data + i * pagesize, 0, 8 * pagesize);
	}
	fsync(r->fd);
	before = blocks(r->fd);
	touch_pages(r->map, NR * pagesize);
	/* One after the other, but for what has no blocks. */
	for (i = 0; i < NR; i++) {
		if (i % 16 >= 8)
			continue;
		r->map[i * pagesize] = i;
		r->data[i * pagesize] = i;
	}
	if (fsync(r->fd))
		rc = fails("fsync");
	if (blocks(r->fd) != before)
		rc = wrong("%ld blocks became %ld", (long)before,
			   (long)blocks(r->fd));
	if (!rc)
		rc = differs("mapping", r->map, r->data, r->len);
	if (!rc)
		rc = file_is(r->fd, r->data, r->len);
	return rc;
}

static int written_alone(struct around *r)
{
	size_t i;
	int rc = KSFT_PASS;

	for (i = 0; i < 8 && !rc; i++) {
		r->map[(400 - 50 * i) * pagesize] = 1;
		rc = nr_is(r, 0, NR - 1, i + 1, i + 1);
	}
	return rc;
}

/* Not more than twice what has been written to so far, and few faults. */
static int written_through(struct around *r)
{
	size_t i;
	long nr;
	int rc = KSFT_PASS;

	for (i = 0; i < NR && !rc; i++) {
		r->map[i * pagesize] = i;
		r->data[i * pagesize] = i;
		if (!(i & (i + 1)))
			rc = nr_is(r, 0, NR - 1, i + 1, 2 * (i + 1));
	}
	if (!rc)
		rc = nr_is(r, 0, NR - 1, NR, NR);
	munmap(r->map, r->len);
	r->map = map_odd(r->fd, r->len, PROT_READ | PROT_WRITE, MAP_SHARED);
	fsync(r->fd);
	nr = faults();
	for (i = 0; i < NR; i++) {
		r->map[i * pagesize + 1] = i;
		r->data[i * pagesize + 1] = i;
	}
	nr = faults() - nr;
	if (!rc && nr > NR / 8)
		rc = wrong("%ld faults for %d pages", nr, NR);
	if (!rc)
		rc = file_is(r->fd, r->data, r->len);
	return rc;
}

/* Whatever was mapped writable is not when it has been written back. */
static int written_back(struct around *r)
{
	size_t i;
	long nr;
	int rc = KSFT_PASS;

	for (i = 0; i < 300; i++)
		r->map[i * pagesize] = i;
	if (msync(r->map, r->len, MS_SYNC))
		rc = fails("msync");
	for (i = 300; !rc && i > 1; i -= 2) {
		nr = faults();
		r->map[(i - 2) * pagesize] = 1;
		if (faults() == nr)
			rc = wrong("page %zu can be written to", i - 2);
	}
	return rc;
}

/* Only what is written to is said to be. */
static int soft_dirty(struct around *r)
{
	uint64_t entry;
	bool stored;
	size_t i;
	int rc = KSFT_PASS;

	/* What is new is. */
	if (!(pagemap_entry(getpid(), (uintptr_t)r) & PM_SOFT_DIRTY))
		return skip("no soft-dirty bits");
	if (put_string("/proc/self/clear_refs", "4"))
		return fails("clear_refs");
	touch_pages(r->map, 100 * pagesize);
	for (i = 0; i < 37; i++)
		r->map[i * pagesize] = 1;
	for (i = 0; i < 100 && !rc; i++) {
		entry = pagemap_entry(getpid(), (uintptr_t)r->map + i * pagesize);
		stored = i < 37;
		if (!!(entry & PM_SOFT_DIRTY) != stored)
			rc = wrong("page %zu is %ssoft-dirty", i,
				   stored ? "not " : "");
	}
	return rc;
}

/* Pages that are mapped by the way are as private as others. */
static int private_pages(struct around *r)
{
	size_t i;
	int rc = KSFT_PASS;

	for (i = 0; i < NR; i++) {
		touch(r->map + i * pagesize);
		if (i % 3)
			r->map[i * pagesize] = ~r->data[i * pagesize];
	}
	rc = file_is(r->fd, r->data, r->len);
	for (i = 0; i < NR && !rc; i++)
		if (r->map[i * pagesize] !=
		    (char)(i % 3 ? ~r->data[i * pagesize] : r->data[i * pagesize]))
			rc = wrong("page %zu has something else", i);
	return rc;
}

/*
 * A file shares its blocks with a clone, but for the first ones, which are its
 * own again. Stores that follow each other come to the shared ones.
 */
static int shared_blocks(struct around *r)
{
	char path[280], *both;
	size_t i;
	int fd, rc = KSFT_PASS;

	snprintf(path, sizeof(path), "%s.clone", r->path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return fails("%s", path);
	if (ioctl(fd, FICLONE, r->fd)) {
		close(fd);
		unlink(path);
		return skip("no clones here: %s", strerror(errno));
	}
	both = filled(r->len, 61);
	if (pwrite(r->fd, r->data, 100 * pagesize, 0) != (ssize_t)(100 * pagesize))
		rc = fails("write");
	touch_pages(r->map, NR * pagesize);
	for (i = 0; i < NR && !rc; i++) {
		r->map[i * pagesize] = ~both[i * pagesize];
		r->data[i * pagesize] = ~both[i * pagesize];
	}
	if (!rc)
		rc = file_is(fd, both, r->len);
	if (!rc)
		rc = file_is(r->fd, r->data, r->len);
	free(both);
	close(fd);
	unlink(path);
	return rc;
}

/*
 * Files that nobody can write to have chunks in common. Who has used a page of one
 * file has nothing of the other one's.
 */
static int common_chunks(struct area *a)
{
	struct around r[2] = { };
	char *data = filled(NR * pagesize, 0);
	int i, rc = KSFT_PASS;

	(void)a;
	for (i = 0; i < 2; i++) {
		r[i].len = NR * pagesize;
		snprintf(r[i].path, sizeof(r[i].path), "%s/%s", opt.dir,
			 i ? "twin" : "one");
		r[i].fd = open(r[i].path, O_RDONLY);
		r[i].map = map_odd(r[i].fd, r[i].len, PROT_READ, MAP_SHARED);
		if (r[i].map == MAP_FAILED)
			return fails("%s", r[i].path);
		touch(r[i].map + i * pagesize);
	}
	/* Pages that follow each other, as if it was one file. */
	if ((entry_of(&r[0], 0) & PM_PFN) + 1 != (entry_of(&r[1], 1) & PM_PFN))
		rc = skip("no chunks in common: an old mkfs.erofs?");
	for (i = 0; i < 2 && !rc; i++)
		rc = nr_is(&r[i], 0, NR - 1, 1, 1);
	/* Of all others each has its own. */
	for (i = 2; i < NR; i++)
		touch(r[i % 2].map + i * pagesize);
	for (i = 0; i < 2; i++) {
		if (!rc)
			rc = nr_is(&r[i], 0, NR - 1, NR / 2, NR / 2);
		munmap(r[i].map, r[i].len);
		if (!rc)
			rc = file_is(r[i].fd, data, r[i].len);
		close(r[i].fd);
	}
	free(data);
	return rc;
}

/*
 * Somebody who reads around pages of the file, through a mapping of his own, and
 * says what is mapped there when he is asked.
 */
struct reader {
	pid_t pid;
	struct {
		int first, nr;		/* pages that the file has lost */
		bool end;		/* they are behind its end */
		int asked, lost;
	} *ask;
};

/* What is behind the end must not be touched. */
static bool are_lost(const char *map, int first, int nr, bool end)
{
	uintptr_t addr;

	for (; nr; nr--, first++) {
		addr = (uintptr_t)map + first * pagesize;
		if (end && pagemap_entry(getpid(), addr) & PM_PRESENT)
			return false;
		if (!end && map[first * pagesize])
			return false;
	}
	return true;
}

/* In all orders, below page @max, until it is killed. */
static __noreturn void read_around(const struct around *r, struct reader *by,
				   size_t max)
{
	char *map = map_odd(r->fd, r->len, PROT_READ, MAP_SHARED);
	unsigned int at = 1;
	int n;

	if (map == MAP_FAILED)
		_exit(KSFT_FAIL);
	for (;;) {
		madvise(map, r->len, MADV_DONTNEED);
		for (n = 0; n < 3; n++) {
			at = at * 1103515245 + 12345;
			touch(map + (at >> 8) % max * pagesize);
		}
		/* What came while the blocks went is still mapped then. */
		usleep((at >> 8) % 256);
		if (!__atomic_load_n(&by->ask->asked, __ATOMIC_SEQ_CST))
			continue;
		by->ask->lost = are_lost(map, by->ask->first, by->ask->nr,
					 by->ask->end);
		__atomic_store_n(&by->ask->asked, 0, __ATOMIC_SEQ_CST);
	}
}

static int begin_reader(const struct around *r, struct reader *by, size_t max)
{
	by->ask = mmap(NULL, pagesize, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (by->ask == MAP_FAILED)
		return fails("mmap");
	by->pid = fork_child();
	if (!by->pid)
		read_around(r, by, max);
	return by->pid < 0 ? fails("fork") : KSFT_PASS;
}

static int has_lost(struct reader *by, int first, int nr, bool end)
{
	by->ask->first = first;
	by->ask->nr = nr;
	by->ask->end = end;
	__atomic_store_n(&by->ask->asked, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&by->ask->asked, __ATOMIC_SEQ_CST)) {
		if (waitpid(by->pid, NULL, WNOHANG))
			return wrong("the reader has ended");
		sched_yield();
	}
	return by->ask->lost ? KSFT_PASS :
	       wrong("the reader has pages that the file has lost");
}

/* It has to have lived until now. */
static int end_child(pid_t pid, int rc)
{
	int status;

	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		return rc ? rc : fails("waitpid");
	if (rc || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		return rc;
	return wrong("the child has ended with status %x", status);
}

/* Blocks leave the file while others read around them. */
static int punched(struct around *r)
{
	char *text = malloc(64 * pagesize);
	struct reader by;
	int n, rc = begin_reader(r, &by, 256);

	for (n = 0; n < ROUNDS && !rc; n++) {
		if (fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      64 * pagesize, 64 * pagesize)) {
			rc = skip("fallocate: %s", strerror(errno));
			break;
		}
		rc = has_lost(&by, 64, 64, false);
		memset(text, 1 + n % 100, 64 * pagesize);
		if (pwrite(r->fd, text, 64 * pagesize, 64 * pagesize) !=
		    (ssize_t)(64 * pagesize))
			rc = fails("write");
	}
	free(text);
	return end_child(by.pid, rc);
}

/* Holes get blocks while others read around them. */
static int filled_in(struct around *r)
{
	char *text = malloc(pagesize);
	struct reader by;
	size_t at;
	int n, rc = begin_reader(r, &by, 256);

	for (n = 0; n < 2 * ROUNDS && !rc; n++) {
		if (n % 8 == 0 &&
		    fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      64 * pagesize, 256 * pagesize)) {
			rc = skip("fallocate: %s", strerror(errno));
			break;
		}
		at = (64 + n * 29 % 256) * pagesize;
		touch(r->map + at);
		memset(text, 1 + n % 100, pagesize);
		if (pwrite(r->fd, text, pagesize, at) != (ssize_t)pagesize)
			rc = fails("write");
		if (!rc)
			rc = differs("mapping", r->map + at, text, pagesize);
	}
	free(text);
	return end_child(by.pid, rc);
}

/* The end of the file moves while others read up to it, and around. */
static int cut_off(struct around *r)
{
	struct reader by;
	int n, rc = begin_reader(r, &by, 100);

	for (n = 0; n < ROUNDS / 2 && !rc; n++) {
		if (ftruncate(r->fd, 100 * pagesize))
			rc = fails("ftruncate");
		if (!rc)
			rc = has_lost(&by, 100, 150, true);
		if (!rc)
			rc = nr_is(r, 100, NR - 1, 0, 0);
		if (ftruncate(r->fd, r->len) ||
		    pwrite(r->fd, r->data, 200 * pagesize, 100 * pagesize) !=
		    (ssize_t)(200 * pagesize))
			rc = fails("write");
		touch(r->map + 200 * pagesize);
	}
	return end_child(by.pid, rc);
}

/*
 * Pages are written back while others are written to. One that can be written to
 * without a fault after all was written back would not be written back again.
 */
static int beside_fsync(struct around *r)
{
	/* Shared with the child: "pause", and that it does. */
	bool *ask = mmap(NULL, pagesize, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int n, rc = KSFT_PASS;
	pid_t pid;
	size_t i;
	long nr;

	if (ask == MAP_FAILED)
		return fails("mmap");
	pid = fork_child();
	while (!pid) {
		__atomic_store_n(&ask[1], ask[0], __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&ask[0], __ATOMIC_SEQ_CST))
			sched_yield();
		else if (fsync(r->fd))
			_exit(KSFT_FAIL);
	}
	for (n = 0; n < ROUNDS / 2 && !rc; n++) {
		__atomic_store_n(&ask[0], n % 10 == 0, __ATOMIC_SEQ_CST);
		while (n % 10 == 0 &&
		       !__atomic_load_n(&ask[1], __ATOMIC_SEQ_CST) &&
		       !waitpid(pid, NULL, WNOHANG))
			sched_yield();
		for (i = 0; i < NR; i++)
			r->map[i * pagesize] = n;
		if (n % 10)
			continue;
		/* Both begin at the same time, and get to the end together. */
		__atomic_store_n(&ask[0], false, __ATOMIC_SEQ_CST);
		if (fsync(r->fd))
			rc = fails("fsync");
		for (i = NR - 1 - n / 10 % 2; !rc && i > 1; i -= 2) {
			nr = faults();
			r->map[i * pagesize] = n + 1;
			if (faults() == nr)
				rc = wrong("page %zu can be written to", i);
		}
	}
	return end_child(pid, rc);
}

#define OWN	NO_MAPPING
#define WRITE	(NO_MAPPING | NEEDS_WRITE)

#define READ_ONLY(fn)	(&(const struct on_file){ fn, PROT_READ, MAP_SHARED })
#define READ_WRITE(fn, flags) \
	(&(const struct on_file){ fn, PROT_READ | PROT_WRITE, flags })

static const struct dcss_case cases[] = {
	{ "read from one end to the other", on_file, 0, OWN,
	  READ_ONLY(from_end_to_end) },
	{ "a page of a file that nobody has used", on_file, 0, WRITE,
	  READ_ONLY(one_page) },
	{ "MADV_RANDOM: no other page", on_file, 0, WRITE,
	  READ_ONLY(at_random) },
	{ "pages that others have used", on_file, 0, WRITE,
	  READ_ONLY(used_by_others) },
	{ "not beyond mapping and file", on_file, 0, OWN,
	  READ_ONLY(inside) },
	{ "no page and no block for holes", on_file, 0, WRITE,
	  READ_WRITE(holes, MAP_SHARED) },
	{ "no page for blocks not written to", on_file, 0, WRITE,
	  READ_WRITE(holes, MAP_SHARED), 1 },
	{ "a page that is written to is alone", on_file, 0, WRITE,
	  READ_WRITE(written_alone, MAP_SHARED) },
	{ "written to from one end to the other", on_file, 0, WRITE,
	  READ_WRITE(written_through, MAP_SHARED) },
	{ "written back", on_file, 0, WRITE,
	  READ_WRITE(written_back, MAP_SHARED) },
	{ "soft-dirty", on_file, 0, WRITE,
	  READ_WRITE(soft_dirty, MAP_SHARED) },
	{ "private pages", on_file, 0, WRITE,
	  READ_WRITE(private_pages, MAP_PRIVATE) },
	{ "blocks of a clone", on_file, 0, WRITE,
	  READ_WRITE(shared_blocks, MAP_SHARED) },

	/* With somebody else in a loop of his own. */
	{ "punched out beside reads", on_file, 0, WRITE,
	  READ_ONLY(punched) },
	{ "holes are written to beside reads", on_file, 0, WRITE,
	  READ_ONLY(filled_in) },
	{ "truncated beside reads", on_file, 0, WRITE,
	  READ_ONLY(cut_off) },
	{ "written back beside stores", on_file, 0, WRITE,
	  READ_WRITE(beside_fsync, MAP_SHARED) },
};

static const struct dcss_case twins[] = {
	{ "files with chunks in common", common_chunks, 0, NO_MAPPING },
};

int main(int argc, char **argv)
{
	char path[256];

	dcss_parse(argc, argv, "DIRECTORY", NULL);
	snprintf(path, sizeof(path), "%s/twin", opt.dir);
	if (access(path, F_OK))
		dcss_cases(cases, ARRAY_SIZE(cases));
	else
		dcss_cases(twins, ARRAY_SIZE(twins));
	dcss_run();
}
