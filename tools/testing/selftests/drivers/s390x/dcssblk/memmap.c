// SPDX-License-Identifier: GPL-2.0
/*
 * How many struct pages a segment has: a page of them, for 64 pages, where one of
 * these has been handed out since the segment was closed the last time, and none
 * elsewhere. /proc/vmstat counts them for all devices, so nothing else may come
 * and go meanwhile.
 *
 *	memmap [--large] [--readonly] SEGMENT DEVICE FSTYPE MOUNTPOINT
 *
 * SEGMENT is added and not in use.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "held.h"

#define PAGES		512
#define ROUNDS		20
#define TAKERS		2
#define MAX_STRETCHES	1024

static const char *segment, *fstype, *mountpoint;
static char device[64];
static char file[256];
static size_t len;
static long none;		/* pages of struct pages while nobody uses it */

static long memmap_pages(void)
{
	return vmstat("nr_memmap_pages");
}

static int taken_is(long want)
{
	long is = memmap_pages() - none;

	return is == want ? KSFT_PASS :
	       wrong("%ld pages of struct pages, not %ld", is, want);
}

/* What a page table, or who was killed, still has goes a moment later. */
static int all_back(void)
{
	int ms;

	for (ms = 0; ms < END_MS && memmap_pages() != none; ms += 10)
		usleep(10000);
	return taken_is(0);
}

/* Those of a process that has just ended go a moment later. */
static int tables_back(long before)
{
	long is = -1;
	int ms;

	for (ms = 0; ms < END_MS; ms += 10) {
		if (vmstat_refresh())
			return KSFT_FAIL;
		is = vmstat("nr_page_table_pages");
		if (is <= before)
			return KSFT_PASS;
		usleep(10000);
	}
	return wrong("%ld page tables more than before", is - before);
}

static int attach(void)
{
	return mount_settled(device, mountpoint, fstype,
			     opt.readonly ? MS_RDONLY : 0, "dax");
}

static int detach(void)
{
	return umount_settled(mountpoint);
}

/* Without --large: a large page would need an offset in the file like the address. */
static char *map_it(int prot)
{
	int fd = open(file, prot & PROT_WRITE ? O_RDWR : O_RDONLY);
	char *map;

	if (fd < 0)
		ksft_exit_fail_msg("%s: %s\n", file, strerror(errno));
	map = opt.large ? map_file(fd, len, prot, MAP_SHARED) :
			  map_odd(fd, len, prot, MAP_SHARED);
	if (map == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
	close(fd);
	return map;
}

/* How many stretches the pages are in that are mapped now. */
static long stretches(const char *map)
{
	static unsigned long long seen[MAX_STRETCHES];
	unsigned long long entries[PAGES], stretch;
	size_t page, i;
	long nr = 0;

	pagemap_entries(getpid(), (uintptr_t)map, entries, PAGES);
	for (page = 0; page < PAGES; page++) {
		if (!(entries[page] & PM_PRESENT))
			continue;
		stretch = (entries[page] & PM_PFN) / STRETCH;
		for (i = 0; i < (size_t)nr; i++)
			if (seen[i] == stretch)
				break;
		if (i == (size_t)nr && nr < MAX_STRETCHES)
			seen[nr++] = stretch;
	}
	return nr;
}

static int begin(struct area *a)
{
	long removed;
	char *data;

	(void)a;
	len = PAGES * pagesize;
	data = filled(len, 51);
	if (remove_segment(segment))
		return KSFT_FAIL;
	removed = memmap_pages();
	if (removed < 0)
		return skip("no nr_memmap_pages in /proc/vmstat");
	if (add_segment(segment) || node_of(segment, device, sizeof(device)) ||
	    dax_is(segment, "on"))
		return KSFT_FAIL;
	none = removed;
	snprintf(file, sizeof(file), "%s/%s", mountpoint,
		 opt.readonly ? "data" : "memmap");
	if (taken_is(0) || attach())
		return KSFT_FAIL;
	if (!opt.readonly)
		close(new_file(mountpoint, "memmap", data, len, file));
	free(data);
	return detach() ? KSFT_FAIL : taken_is(0);
}

static int reads(struct area *a)
{
	char *buf = malloc(len);
	int fd, rc = KSFT_PASS;

	(void)a;
	if (attach())
		return KSFT_FAIL;
	fd = open(file, opt.readonly ? O_RDONLY : O_RDWR);
	if (fd < 0 || pread(fd, buf, len, 0) != (ssize_t)len ||
	    (!opt.readonly && (pwrite(fd, buf, len, 0) != (ssize_t)len ||
			       fsync(fd))))
		rc = fails("%s", file);
	close(fd);
	free(buf);
	if (!rc)
		rc = taken_is(0);
	return detach() ? KSFT_FAIL : rc;
}

/* Backwards, and every page but the last ones of each stretch once more. */
static int touches(struct area *a)
{
	int rc = KSFT_PASS;
	size_t off;
	char *map;

	(void)a;
	if (attach())
		return KSFT_FAIL;
	map = map_it(PROT_READ);
	for (off = len; off && !rc; off -= pagesize) {
		touch(map + off - pagesize);
		rc = taken_is(stretches(map));
	}
	if (!rc && stretches(map) * STRETCH < (long)(len / pagesize))
		rc = wrong("only %ld stretches", stretches(map));
	munmap(map, len);
	if (detach())
		return KSFT_FAIL;
	return rc ? rc : all_back();
}

static int stores(struct area *a)
{
	int rc = KSFT_PASS;
	size_t off;
	char *map;

	(void)a;
	if (opt.readonly)
		return skip("read-only");
	if (attach())
		return KSFT_FAIL;
	map = map_it(PROT_READ | PROT_WRITE);
	for (off = 0; off < len && !rc; off += 16 * pagesize) {
		map[off] = 1;
		rc = taken_is(stretches(map));
	}
	if (msync(map, len, MS_SYNC))
		rc = fails("msync");
	munmap(map, len);
	if (detach())
		return KSFT_FAIL;
	return rc ? rc : all_back();
}

/* The file system is kept by the page, and so is its stretch, and no other one. */
static int in_pipe(struct area *a)
{
	char *map, buf[16];
	int p[2], rc;

	(void)a;
	if (pipe(p) || attach())
		return fails("begin");
	map = map_it(PROT_READ);
	touch_pages(map, len);
	rc = splice_page(p[1], map + len / 2);
	munmap(map, len);
	if (umount2(mountpoint, MNT_DETACH))
		return fails("umount");
	usleep(WATCH_MS * 1000);
	if (!rc && memmap_pages() - none < 1)
		rc = wrong("the page in the pipe has lost its struct page");
	if (read(p[0], buf, sizeof(buf)) != sizeof(buf))
		rc = fails("read from the pipe");
	close(p[0]);
	close(p[1]);
	return all_back() ? KSFT_FAIL : rc;
}

/*
 * A child for each of several pages of every stretch. They wait for each other
 * before each stretch, and each touches another page of it.
 */
static void take_each(char *map, int nr, int *arrived)
{
	size_t off, turn = 0;

	for (off = 0; off < len; off += STRETCH * pagesize) {
		__atomic_add_fetch(arrived, 1, __ATOMIC_SEQ_CST);
		turn += TAKERS;
		while (__atomic_load_n(arrived, __ATOMIC_SEQ_CST) < (int)turn)
			sched_yield();
		touch(map + off + nr * 16 * pagesize);
	}
}

static int take_together(void)
{
	int *arrived = mmap(NULL, pagesize, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[TAKERS];
	int i, n, rc = KSFT_PASS;
	size_t off;
	char *map;

	for (n = 0; n < ROUNDS && !rc; n++) {
		if (attach())
			return KSFT_FAIL;
		map = map_it(PROT_READ);
		*arrived = 0;
		for (i = 0; i < TAKERS; i++) {
			pid[i] = fork_child();
			if (!pid[i]) {
				take_each(map, i, arrived);
				_exit(KSFT_PASS);
			}
		}
		for (i = 0; i < TAKERS; i++)
			if (child_result(pid[i]))
				rc = KSFT_FAIL;
		for (off = 0; off < len; off += pagesize)
			touch(map + off);
		if (!rc)
			rc = taken_is(stretches(map));
		munmap(map, len);
		if (detach() || all_back())
			rc = KSFT_FAIL;
	}
	munmap(arrived, pagesize);
	return rc;
}

/* In a process of its own, which takes its page tables with it. */
static int together(struct area *a)
{
	long tables;
	pid_t pid;
	int rc;

	(void)a;
	if (vmstat_refresh())
		return KSFT_FAIL;
	tables = vmstat("nr_page_table_pages");
	pid = fork_child();
	if (!pid)
		_exit(take_together());
	rc = child_result(pid);
	return rc ? rc : tables_back(tables);
}

/* A process that is killed while it takes pages. */
static int killed(struct area *a)
{
	size_t off;
	char *map;
	pid_t pid;
	int n;

	(void)a;
	for (n = 0; n < ROUNDS; n++) {
		if (attach())
			return KSFT_FAIL;
		pid = fork_child();
		if (!pid) {
			for (;;) {
				map = map_it(PROT_READ);
				for (off = 0; off < len; off += pagesize)
					touch(map + off);
				munmap(map, len);
			}
		}
		usleep(n * 100);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (detach() || all_back())
			return KSFT_FAIL;
	}
	return KSFT_PASS;
}

static int switched(struct area *a)
{
	(void)a;
	if (opt.readonly)
		return skip("the saved segment is read-only");
	return settled(segment, "shared", "0") || taken_is(0) ||
	       settled(segment, "shared", "1") || taken_is(0) ? KSFT_FAIL :
								KSFT_PASS;
}

static int removed(struct area *a)
{
	int rc;

	(void)a;
	if (remove_segment(segment))
		return KSFT_FAIL;
	rc = taken_is(0);
	return add_segment(segment) ? KSFT_FAIL : rc;
}

#define STEP	(IN_PLACE | AFTER)

static const struct dcss_case cases[] = {
	{ "add takes none", begin, 0, IN_PLACE },
	{ "mount, read and write take none", reads, 0, STEP },
	{ "a page that is touched, one for 64", touches, 0, STEP },
	{ "a page that is written to, one for 64", stores, 0, STEP },
	{ "a page in a pipe keeps its own", in_pipe, 0, STEP },
	{ "several at the same time take one", together, 0, STEP },
	{ "who takes them is killed", killed, 0, STEP },
	{ "shared takes none", switched, 0, STEP },
	{ "remove leaves none", removed, 0, STEP },
};

int main(int argc, char **argv)
{
	dcss_parse(argc, argv, "SEGMENT DEVICE FSTYPE MOUNTPOINT", NULL);
	segment = opt.word[0];
	fstype = opt.word[2];
	mountpoint = opt.word[3];
	dcss_cases(cases, ARRAY_SIZE(cases));
	dcss_run();
}
