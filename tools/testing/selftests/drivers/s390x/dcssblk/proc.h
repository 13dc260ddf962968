/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel shows of itself, in /proc and elsewhere. */
#ifndef DCSS_PROC_H
#define DCSS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

int put_string(const char *path, const char *text);
int get_string(const char *path, char *text, size_t len);
char *read_whole(const char *path);
int iomem_range(const char *segment, unsigned long long *first,
		unsigned long long *last);
long meminfo_kb(const char *field);
/* A line of /proc/vmstat; -1 if there is none of that name. */
long vmstat(const char *field);
/* Adds to it what each CPU has counted for itself. */
int vmstat_refresh(void);
char *kernel_counts(bool identity);
int counts_as_before(const char *was, bool identity);
bool kernel_has_kasan(void);
char *vmalloc_lines(void);
int same_text(const char *what, const char *is, const char *was);
int task_state(pid_t tid);
/* What @clock shows, in nanoseconds. */
long long clock_ns(clockid_t clock);

/* Instructions that do nothing, for zvm-run --profile, which counts those between. */
static inline void mark_begin(void)
{
#ifdef __s390x__
	asm volatile("nopr %%r3" ::: "memory");
#endif
}

static inline void mark_end(void)
{
#ifdef __s390x__
	asm volatile("nopr %%r5" ::: "memory");
#endif
}

#endif
