// SPDX-License-Identifier: GPL-2.0
/* What the kernel shows of itself, see proc.h. */
#include <fcntl.h>

#include "../../../kselftest.h"
#include "proc.h"
#include "say.h"

int put_string(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), rc;

	if (fd < 0)
		return -1;
	rc = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	close(fd);
	return rc;
}

int get_string(const char *path, char *text, size_t len)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	text[0] = '\0';
	if (fd < 0)
		return -1;
	n = read(fd, text, len - 1);
	close(fd);
	if (n < 0)
		return -1;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

/* The segment in /proc/iomem: several lines where several were joined. */
int iomem_range(const char *segment, unsigned long long *first,
		unsigned long long *last)
{
	char line[256], name[64];
	unsigned long long from, to;
	int found = 0;
	FILE *f;

	f = fopen("/proc/iomem", "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %llx-%llx : %63s", &from, &to,
			   name) != 3 || strcmp(name, segment) ||
		    !strstr(line, "(DCSS)"))
			continue;
		*first = found++ ? *first : from;
		*last = to;
	}
	fclose(f);
	return found ? 0 : -1;
}

/* A value of /proc/meminfo in KiB. */
long meminfo_kb(const char *field)
{
	char line[128];
	long value = -1;
	size_t n = strlen(field);
	FILE *f;

	f = fopen("/proc/meminfo", "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, n) && line[n] == ':')
			value = atol(line + n + 1);
	fclose(f);
	return value;
}

long vmstat(const char *field)
{
	char *text = read_whole("/proc/vmstat"), *at = text;
	size_t len = strlen(field);
	long nr = -1;

	for (; at && nr < 0; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, field, len) && at[len] == ' ')
			nr = atol(at + len);
	}
	free(text);
	return nr;
}

int vmstat_refresh(void)
{
	return put_string("/proc/sys/vm/stat_refresh", "1") ?
	       fails("stat_refresh") : KSFT_PASS;
}

/* A file in /proc, as long as it may be. The caller frees it. */
char *read_whole(const char *path)
{
	static char text[1 << 20];
	FILE *f = fopen(path, "r");
	size_t n = 0;

	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return strdup(text);
}

/* The lines of a file that contain @word. */
static void put_lines(FILE *out, const char *path, const char *word)
{
	FILE *in = fopen(path, "r");
	char line[512];

	while (in && fgets(line, sizeof(line), in))
		if (strstr(line, word))
			fprintf(out, "%s: %s", path, line);
	if (in)
		fclose(in);
}

#define TABLES "/sys/kernel/debug/kernel_page_tables"

/* From @first to @last of the kernel's page tables. */
static void put_tables(FILE *out, const char *first, const char *last)
{
	FILE *in = fopen(TABLES, "r");
	bool inside = false;
	char line[512];

	while (in && fgets(line, sizeof(line), in)) {
		inside |= !!strstr(line, first);
		if (inside)
			fprintf(out, "kernel_page_tables: %s", line);
		if (strstr(line, last))
			break;
	}
	if (in)
		fclose(in);
}

/*
 * What a device may not leave behind, counted where nobody else counts: pages
 * of the memmap, and the page tables of the vmemmap, and those of the 1:1
 * mapping. A table that has become empty and stays is a line of another level.
 * The caller frees it.
 */
char *kernel_counts(bool identity)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	put_lines(out, "/proc/vmstat", "nr_memmap");
	if (identity)
		put_lines(out, "/proc/meminfo", "DirectMap");
	put_tables(out, identity ? "Identity Mapping Start" :
				   "vmemmap Area Start", "vmemmap Area End");
	fclose(out);
	return text;
}

bool kernel_has_kasan(void)
{
	FILE *in = fopen(TABLES, "r");
	bool found = false;
	char line[512];

	while (in && !found && fgets(line, sizeof(line), in))
		found = strstr(line, "Kasan Shadow");
	if (in)
		fclose(in);
	return found;
}

/*
 * Stacks and per-CPU data come and go with tasks of anybody's; what is unpurged
 * is free.
 */
static bool is_noise(const char *line, size_t len)
{
	static const char * const words[] = {
		"unpurged", "dup_task_struct", "alloc_thread_stack", "pcpu_",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (memmem(line, len, words[i], strlen(words[i])))
			return true;
	return false;
}

/*
 * /proc/vmallocinfo without addresses, which are hashed. They are in the order
 * of what was free. The caller frees it.
 */
char *vmalloc_lines(void)
{
	char *all = read_whole("/proc/vmallocinfo"), *to = all, *line, *end;
	char *text;
	size_t n;

	for (line = all; *line; line = end) {
		end = line + strcspn(line, "\n");
		end += *end == '\n';
		text = memchr(line, ' ', end - line);
		if (!text || is_noise(text, end - text))
			continue;
		n = end - text;
		memmove(to, text, n);
		to += n;
	}
	*to = '\0';
	return all;
}

/* Report the first line that differs. */
int same_text(const char *what, const char *is, const char *was)
{
	const char *a = is, *b = was;

	while (*a == *b && *a) {
		a++;
		b++;
	}
	if (*a == *b)
		return KSFT_PASS;
	while (a > is && a[-1] != '\n') {
		a--;
		b--;
	}
	return wrong("%s: \"%.*s\" instead of \"%.*s\"", what,
		     (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
}

/* As kernel_counts() gave it before. */
int counts_as_before(const char *was, bool identity)
{
	char *is = kernel_counts(identity);
	int rc = same_text("kernel", is, was);

	free(is);
	return rc;
}

/* R, S, D, ... or 0 for a task that is gone. */
int task_state(pid_t tid)
{
	char path[64], text[256], *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	if (get_string(path, text, sizeof(text)))
		return 0;
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : 0;
}

long long clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}
