// SPDX-License-Identifier: GPL-2.0
/*
 * When memory is short, what a program has copied of a private mapping goes to
 * the swap area, and what it has not is still the device's: the two are next
 * to each other in a page table. Pages of the device are nothing to reclaim,
 * age, or be surprised by, whichever way the kernel looks for pages that
 * nobody uses.
 *
 *	pressure [options of gup] [--exec xip-hello] DIRECTORY
 *
 * There is a swap area with 32 MiB free, best on a small machine.
 */
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"

/* Multi-gen LRU, Documentation/admin-guide/mm/multigen_lru.rst */
#define ENABLED		"/sys/kernel/mm/lru_gen/enabled"
#define GENERATIONS	"/sys/kernel/debug/lru_gen"
#define DROP_CACHES	"/proc/sys/vm/drop_caches"
/* Swap rather than drop page cache, walk whatever seems not worth it, all. */
#define SWAPPINESS	200
#define FORCE		1
#define ALL_PAGES	1000000
/* How often to try before a page that is not swapped out is a mistake. */
#define ROUNDS		10

/* How much more than there is gets used; what the swap area has to take. */
#define TOO_MUCH_KB	(16 * 1024)
#define SWAP_KB		(32 * 1024)
#define SWAPPED_KB	(4 * 1024)

#define PM_SWAP		0x4000000000000000ULL

/* The number of the root memory control group: not 0 where there are others. */
static unsigned int memcg;

/* Of the root memory control group on node 0. */
static int youngest(unsigned long *seq)
{
	FILE *f = fopen(GENERATIONS, "r");
	int found = 0, node = 0;
	char line[256], *end;
	unsigned long number;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (!found && sscanf(line, "memcg %u", &memcg) == 1)
			continue;
		if (sscanf(line, " node %d", &node) == 1 && found)
			break;
		number = strtoul(line, &end, 10);
		if (end == line)
			continue;
		*seq = number;
		found = 1;
	}
	fclose(f);
	return found;
}

static int command(char what, unsigned long seq, unsigned long arg)
{
	char text[128];

	snprintf(text, sizeof(text), "%c %u 0 %lu %d %lu\n", what, memcg,
		 seq, SWAPPINESS, arg);
	return put_string(GENERATIONS, text) ?
	       fails("%s: %s", GENERATIONS, text) : KSFT_PASS;
}

/* What was young is two generations behind: old enough to be evicted. */
static int get_older(unsigned long *old)
{
	unsigned long seq;
	int i;

	/* New pages wait on a CPU's list for more; this puts them in theirs. */
	if (put_string(DROP_CACHES, "1"))
		return fails("%s", DROP_CACHES);
	if (put_string(ENABLED, "y") || !youngest(old))
		return skip("no multi-gen LRU, or no debugfs");
	for (i = 0; i < 2; i++) {
		if (!youngest(&seq))
			return wrong("%s: no generation", GENERATIONS);
		if (command('+', seq, FORCE))
			return KSFT_FAIL;
	}
	return KSFT_PASS;
}

static void use(const struct area *a)
{
	size_t off;

	for (off = 0; off < a->len; off += pagesize)
		touch(a->map + off);
}

static size_t pages(const struct area *a, unsigned long long bit)
{
	size_t nr = a->len / pagesize, i, n = 0;
	unsigned long long *entries = calloc(nr, sizeof(*entries));

	pagemap_entries(getpid(), (uintptr_t)a->map, entries, nr);
	for (i = 0; i < nr; i++)
		n += !!(entries[i] & bit);
	free(entries);
	return n;
}

static int nothing_changed(struct area *a)
{
	return written(a, a->want);
}

/*
 * Who evicts a page finds that it was used, and looks at its neighbours: at
 * those of the device, too.
 */
static int used(struct area *a)
{
	unsigned long old;
	int rc;

	use(a);
	rc = get_older(&old);
	if (rc)
		return rc;
	use(a);
	if (command('-', old, ALL_PAGES))
		return KSFT_FAIL;
	return nothing_changed(a);
}

/* Copied pages go, and come back; those of the device stay where they are. */
static int not_used(struct area *a)
{
	size_t copies = 0, gone = 0, off, there;
	unsigned long old;
	int rc, i;

	for (off = 0; off < a->len; off += pagesize)
		copies += own_page(a, off);
	use(a);
	/* The first time they are found to have been used. */
	for (i = 0; i < ROUNDS && (i < 2 || gone < copies); i++) {
		rc = get_older(&old);
		if (rc)
			return rc;
		if (command('-', old, ALL_PAGES))
			return KSFT_FAIL;
		gone = pages(a, PM_SWAP);
	}
	there = pages(a, PM_PRESENT);
	if (copies && !gone)
		return wrong("no page of %zu was swapped out", copies);
	if (gone > copies)
		return wrong("%zu pages swapped out, of %zu that can", gone,
			     copies);
	if (gone + there != a->len / pagesize)
		return wrong("%zu pages mapped, %zu swapped out, of %zu", there,
			     gone, a->len / pagesize);
	return nothing_changed(a);
}

/*
 * A copy that came back and was written to has to go again: what the swap area
 * still has of it is old.
 */
static int written_again(struct area *a)
{
	size_t off, copies = 0, gone = 0;
	unsigned long old;
	int rc, i, times;

	for (off = 0; off < a->len; off += pagesize)
		copies += own_page(a, off);
	for (times = 0; times < 3; times++) {
		for (i = 0; i < ROUNDS && (i < 2 || gone < copies); i++) {
			rc = get_older(&old);
			if (rc)
				return rc;
			if (command('-', old, ALL_PAGES))
				return KSFT_FAIL;
			gone = pages(a, PM_SWAP);
		}
		if (!gone)
			return wrong("no page of %zu was swapped out", copies);
		/* Back by a read, clean, and then a store. */
		if (nothing_changed(a))
			return KSFT_FAIL;
		for (off = 0; off < a->len; off += pagesize) {
			if (!own_page(a, off))
				continue;
			fill(a->map + off, pagesize / 2, off + times);
			fill(a->want + off, pagesize / 2, off + times);
		}
		gone = 0;
	}
	return nothing_changed(a);
}

/* Writes to more memory than there is, says so, and waits to be killed. */
static void use_memory(size_t len, int fd)
{
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t off;

	if (mem == MAP_FAILED)
		_exit(fails("mmap of %zu bytes", len));
	for (off = 0; off < len; off += pagesize)
		memcpy(mem + off, &off, sizeof(off));
	if (write(fd, "x", 1) == 1)
		pause();
	_exit(KSFT_FAIL);
}

static void give_memory_back(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A process that has more than there was; 0 if it does not get it. */
static pid_t take_memory(void)
{
	size_t len = (meminfo_kb("MemAvailable") + TOO_MUCH_KB) * 1024UL;
	long swap = meminfo_kb("SwapFree");
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		return !fails("pipe");
	pid = fork_child();
	if (!pid) {
		close(ready[0]);
		use_memory(len, ready[1]);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1) {
		child_result(pid);
		return !wrong("not %zu bytes used", len);
	}
	close(ready[0]);
	swap -= meminfo_kb("SwapFree");
	if (swap >= SWAPPED_KB)
		return pid;
	give_memory_back(pid);
	return !wrong("%ld kB were swapped out", swap);
}

static int too_much(struct area *a)
{
	pid_t pid;

	use(a);
	pid = take_memory();
	if (!pid)
		return KSFT_FAIL;
	use(a);
	give_memory_back(pid);
	return nothing_changed(a);
}

static int too_much_lru_gen(struct area *a)
{
	if (put_string(ENABLED, "y"))
		return skip("no multi-gen LRU");
	return too_much(a);
}

static int too_much_lru(struct area *a)
{
	put_string(ENABLED, "n");
	return too_much(a);
}

#define PROGRAMS	4

struct program {
	pid_t pid;
	int in;
};

/* It has touched all its pages, and waits. */
static int launch(struct program *p, const char *path)
{
	int to[2], from[2];
	char line[64];

	if (pipe(to) || pipe(from))
		return fails("pipe");
	p->in = to[1];
	p->pid = fork_child();
	if (!p->pid) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		close(to[1]);
		execl(path, path, "wait", NULL);
		_exit(KSFT_FAIL);
	}
	close(to[0]);
	close(from[1]);
	if (read(from[0], line, sizeof(line)) <= 0)
		return wrong("%s does not start", path);
	return close(from[0]);
}

/* It looks at all its pages again. */
static int finish(struct program *p)
{
	if (write(p->in, "\n", 1) != 1)
		return fails("pipe");
	return child_result(p->pid) == 42 ? KSFT_PASS :
	       wrong("a program does not end as it should");
}

/* What they have copied is swapped out; the last one starts when that is over. */
static int programs(struct area *a)
{
	struct program p[PROGRAMS + 1] = { };
	int i, rc = KSFT_PASS;
	char path[300];
	pid_t pid;

	(void)a;
	snprintf(path, sizeof(path), "%s/%s", opt.dir,
		 opt.readonly ? "bin/xip-hello" : "hello");
	if (!opt.readonly && copy_file(opt.exec, path))
		return fails("%s", path);
	for (i = 0; i < PROGRAMS; i++)
		if (launch(&p[i], path))
			return KSFT_FAIL;
	pid = take_memory();
	if (!pid || launch(&p[PROGRAMS], path))
		return KSFT_FAIL;
	for (i = 0; i <= PROGRAMS; i++)
		if (finish(&p[i]))
			rc = KSFT_FAIL;
	give_memory_back(pid);
	if (!opt.readonly)
		unlink(path);
	return rc;
}

static int programs_lru_gen(struct area *a)
{
	if (put_string(ENABLED, "y"))
		return skip("no multi-gen LRU");
	return programs(a);
}

static int programs_lru(struct area *a)
{
	put_string(ENABLED, "n");
	return programs(a);
}

static const struct dcss_case cases[] = {
	{ "generations, used", used, ANY, 0 },
	{ "generations, not used", not_used, ANY, 0 },
	{ "generations, written again", written_again, PRIVATE_MIX, 0 },
	{ "no memory, generations", too_much_lru_gen, ANY, 0 },
	{ "no memory, two lists", too_much_lru, ANY, 0 },
	/* Text that is reclaimed, or a copy that is taken for text. */
	{ "programs in place, generations", programs_lru_gen, 0,
	  NO_MAPPING | NEEDS_EXEC },
	{ "programs in place, two lists", programs_lru, 0,
	  NO_MAPPING | NEEDS_EXEC },
};

int main(int argc, char **argv)
{
	dcss_parse(argc, argv, "DIRECTORY", NULL);
	if (meminfo_kb("SwapFree") < SWAP_KB)
		ksft_exit_skip("no swap area with %d kB free\n", SWAP_KB);
	dcss_cases(cases, ARRAY_SIZE(cases));
	dcss_run();
}
