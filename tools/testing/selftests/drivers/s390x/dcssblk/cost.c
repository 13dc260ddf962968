// SPDX-License-Identifier: GPL-2.0
/*
 * What does it cost to add a device, and to remove it?
 *
 *	cost ROUNDS LIST...
 *
 * LIST is as for "add", and all are added and then removed. Prints for each round
 * the nanoseconds of add and of remove of a device, first those that this process
 * has a CPU, then those that pass, and the KiB of memory that the kernel takes for
 * one: pages, and objects of slabs, or without CONFIG_SLUB_DEBUG whole slabs. In a
 * guest where a nanosecond is an instruction (zvm-run --icount) the former are
 * instructions. The first rounds are not typical, as the kernel keeps some of what it
 * allocates.
 */
#include <ctype.h>
#include <glob.h>
#include <sys/stat.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"

struct times {
	long long cpu, all;
};

/* Adds to @times. */
static int timed(const char *attr, const char *text, struct times *times)
{
	times->all -= clock_ns(CLOCK_MONOTONIC);
	times->cpu -= clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (put_string(attr, text))
		return fails("%s to %s", text, attr);
	times->cpu += clock_ns(CLOCK_THREAD_CPUTIME_ID);
	times->all += clock_ns(CLOCK_MONOTONIC);
	return KSFT_PASS;
}

/* A number in a file of @dir; 0 if there is none. */
static long number(const char *dir, const char *file)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return get_string(path, text, sizeof(text)) ? 0 : atol(text);
}

/*
 * What of a slab cache is not in use, in bytes, once it has taken back what it keeps
 * for a CPU, or KASAN for a while.
 */
static long idle_objects(const char *cache)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/shrink", cache);
	put_string(path, "1");
	return number(cache, "slabs") * (pagesize << number(cache, "order")) -
	       number(cache, "objects") * number(cache, "slab_size");
}

static long idle_objects_kb(void)
{
	long idle = 0;
	struct stat st;
	glob_t caches;
	size_t i;

	if (glob("/sys/kernel/slab/*", 0, NULL, &caches))
		return 0;
	/* A cache of several names has links to it. */
	for (i = 0; i < caches.gl_pathc; i++)
		if (!lstat(caches.gl_pathv[i], &st) && S_ISDIR(st.st_mode))
			idle += idle_objects(caches.gl_pathv[i]);
	globfree(&caches);
	return idle / 1024;
}

/*
 * A measure, and no verdict: others take and free memory, too. Free pages on
 * per-CPU lists, megabytes of them, are not in MemFree.
 */
static long free_kb(void)
{
	long count, sum;
	char line[128];
	FILE *f;

	sync();
	put_string("/proc/sys/vm/drop_caches", "3");
	/* Much of it is free after a grace period of RCU. */
	usleep(200000);
	sum = idle_objects_kb();
	vmstat_refresh();
	f = fopen("/proc/zoneinfo", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &count) == 1)
			sum += count * (pagesize / 1024);
	if (f)
		fclose(f);
	return sum + meminfo_kb("MemFree");
}

/* The device that @list becomes has the name of the first segment. */
static int timed_remove(const char *list, struct times *times)
{
	char name[9] = "";
	int i;

	for (i = 0; i < 8 && list[i] && list[i] != ':'; i++)
		name[i] = toupper(list[i]);
	return timed(ROOT "remove", name, times);
}

static int one_round(char **lists, int n)
{
	struct times add = { }, remove = { };
	long before, after;
	int i;

	before = free_kb();
	for (i = 0; i < n; i++)
		if (timed(ROOT "add", lists[i], &add))
			return KSFT_FAIL;
	after = free_kb();
	for (i = 0; i < n; i++)
		if (timed_remove(lists[i], &remove))
			return KSFT_FAIL;
	printf("cpu %lld %lld all %lld %lld memory %ld\n", add.cpu / n,
	       remove.cpu / n, add.all / n, remove.all / n, (before - after) / n);
	return KSFT_PASS;
}

int main(int argc, char **argv)
{
	int rounds;

	if (argc < 3) {
		fprintf(stderr, "usage: %s ROUNDS LIST...\n", argv[0]);
		return KSFT_FAIL;
	}
	pagesize = sysconf(_SC_PAGESIZE);
	for (rounds = atoi(argv[1]); rounds > 0; rounds--)
		if (one_round(argv + 2, argc - 2))
			return KSFT_FAIL;
	return KSFT_PASS;
}
