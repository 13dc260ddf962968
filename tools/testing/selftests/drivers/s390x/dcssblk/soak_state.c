// SPDX-License-Identifier: GPL-2.0
/* What soak.c leaves has to be what was there before. */
#include <sys/mount.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "soak_state.h"

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
	char *iomem, *vmalloc, *tables, *counts;
} before;

/*
 * Each device once, for what the kernel keeps after the first time; then until
 * nothing moves that the boot has left to be freed.
 */
void remember(void)
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
	before.counts = kernel_counts(true);
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

static int as_before(const char *what, const char *was, char *is)
{
	int rc = KSFT_SKIP;

	if (*was)
		rc = same_lines(what, was, is) ? KSFT_PASS : KSFT_FAIL;
	free(is);
	return rc;
}

static int iomem_as_before(void)
{
	return as_before("/proc/iomem", before.iomem,
			 read_whole("/proc/iomem"));
}

static int vmalloc_as_before(void)
{
	return as_before("/proc/vmallocinfo", before.vmalloc, vmalloc_lines());
}

static int tables_as_before(void)
{
	return as_before("kernel page tables", before.tables, page_tables());
}

static int counts_of_kernel(void)
{
	return counts_as_before(before.counts, true);
}

static int all_removed(void)
{
	char path[128];
	int i, rc = KSFT_PASS;

	for (i = 0; i < nr_workers; i++) {
		snprintf(path, sizeof(path), ROOT "%s", workers[i].name);
		if (!access(path, F_OK)) {
			ksft_print_msg("%s is left\n", path);
			rc = KSFT_FAIL;
		}
	}
	return rc;
}

/* After a failure: leave as little as possible. */
void sweep(void)
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

/* What is there at the end, and what is not. A result is a KSFT_PASS, ... */
const struct state_test state_tests[NR_STATE_TESTS] = {
	{ "all devices removed", all_removed },
	{ "/proc/iomem as before", iomem_as_before },
	{ "/proc/vmallocinfo as before", vmalloc_as_before },
	{ "kernel page tables as before", tables_as_before },
	{ "memmap as before", counts_of_kernel },
};
