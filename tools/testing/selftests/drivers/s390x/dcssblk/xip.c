// SPDX-License-Identifier: GPL-2.0
/*
 * Execute in place: a program and a shared library run from the pages of the
 * segment, and the page cache has no copy of them. The directory, made by
 * mkimages.sh, holds bin/xip-hello (static), bin/xip-hello-dyn, and in lib
 * libxip.so, libc and the dynamic loader.
 *
 * dcssblk.sh also runs it without -o dax, where all but the first two cases have to
 * fail: that is to show that the measures mean something.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "xip-lib.h"

#ifndef __NR_cachestat
#define __NR_cachestat	451
#endif

/* include/uapi/linux/mman.h, since 6.5 */
struct range {
	unsigned long long off, len;
};

struct stats {
	unsigned long long nr_cache, nr_dirty, nr_writeback, nr_evicted, nr_recent;
};

struct program {
	char path[256], loader[256], lib[256];
	pid_t pid;
	int in;
};

/* Start it; it has touched all its pages when it is ready. */
static int launch(struct program *p, bool dynamic)
{
	int to[2], from[2];
	char c;

	snprintf(p->path, sizeof(p->path), "%s/bin/xip-hello%s", opt.dir,
		 dynamic ? "-dyn" : "");
	snprintf(p->lib, sizeof(p->lib), "%s/lib", opt.dir);
	snprintf(p->loader, sizeof(p->loader), "%s/lib/ld.so", opt.dir);
	if (access(p->path, X_OK) || pipe(to) || pipe(from))
		return fails("%s", p->path);
	p->pid = fork_child();
	if (!p->pid) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		close(to[1]);
		close(from[0]);
		if (dynamic)
			execl(p->loader, p->loader, "--library-path", p->lib,
			      p->path, "wait", NULL);
		else
			execl(p->path, p->path, "wait", NULL);
		_exit(KSFT_FAIL);
	}
	close(to[0]);
	close(from[1]);
	p->in = to[1];
	if (read(from[0], &c, 1) != 1)
		return wrong("%s does not start", p->path);
	close(from[0]);
	return KSFT_PASS;
}

static int finish(struct program *p)
{
	if (write(p->in, "\n", 1) != 1)
		return fails("pipe");
	close(p->in);
	return child_result(p->pid) == 42 ? KSFT_PASS :
	       wrong("%s: not its exit status", p->path);
}

static int runs(bool dynamic)
{
	struct program p = { };

	if (launch(&p, dynamic))
		return KSFT_FAIL;
	return finish(&p);
}

static int run_static(struct area *a)
{
	(void)a;
	return runs(false);
}

static int run_dynamic(struct area *a)
{
	(void)a;
	return runs(true);
}

/* How many present pages of one mapping are and are not in the segment. */
static void count(pid_t pid, unsigned long from, unsigned long to,
		  unsigned long *in, unsigned long *out)
{
	unsigned long long first = 0, last = 0, entry;

	segment_range(opt.segment, &first, &last);
	for (; from < to; from += pagesize) {
		entry = pagemap_entry(pid, from);
		if (!(entry & PM_PRESENT))
			continue;
		entry = (entry & PM_PFN) * pagesize;
		if (entry >= first && entry <= last)
			++*in;
		else
			++*out;
	}
}

/* All read-only mappings of files in the directory are the segment's. */
static int in_segment(bool dynamic)
{
	unsigned long from, to, in = 0, out = 0;
	struct program p = { };
	char maps[64], line[512];
	FILE *f;

	if (!opt.segment)
		return skip("needs --segment");
	if (launch(&p, dynamic))
		return KSFT_FAIL;
	snprintf(maps, sizeof(maps), "/proc/%d/maps", p.pid);
	f = fopen(maps, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, opt.dir) &&
		    (strstr(line, " r--p") || strstr(line, " r-xp")) &&
		    sscanf(line, "%lx-%lx", &from, &to) == 2)
			count(p.pid, from, to, &in, &out);
	if (f)
		fclose(f);
	if (finish(&p))
		return KSFT_FAIL;
	ksft_print_msg("%lu pages of %s, %lu others\n", in, opt.segment, out);
	/* What relocation wrote became anonymous, then read-only: RELRO. */
	if (in < XIP_BULK * 4 / pagesize || out > (dynamic ? 16 : 4))
		return wrong("not the pages of the segment");
	return KSFT_PASS;
}

static int static_in_segment(struct area *a)
{
	(void)a;
	return in_segment(false);
}

static int dynamic_in_segment(struct area *a)
{
	(void)a;
	return in_segment(true);
}

/*
 * What a run of it leaves in the page cache, file by file: nobody else has a
 * part in that.
 */
static int none_cached(bool dynamic)
{
	static const char * const files[] = {
		"bin/xip-hello", "bin/xip-hello-dyn", "lib/libxip.so",
		"lib/libc.so.6", "lib/ld.so",
	};
	size_t i = dynamic, end = dynamic ? ARRAY_SIZE(files) : 1;
	struct range all = { };
	struct stats st;
	char path[300];
	int fd;

	if (runs(dynamic))
		return KSFT_FAIL;
	for (; i < end; i++) {
		snprintf(path, sizeof(path), "%s/%s", opt.dir, files[i]);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			return fails("%s", path);
		if (syscall(__NR_cachestat, fd, &all, &st, 0))
			return skip("no cachestat: %s", strerror(errno));
		close(fd);
		if (st.nr_cache)
			return wrong("%s: %llu pages in the page cache",
				     path, st.nr_cache);
	}
	return KSFT_PASS;
}

static int static_not_cached(struct area *a)
{
	(void)a;
	return none_cached(false);
}

static int dynamic_not_cached(struct area *a)
{
	(void)a;
	return none_cached(true);
}

static const struct dcss_case cases[] = {
	/* The fault handler for an executable mapping, the copy for data. */
	{ "static program", run_static, 0, NO_MAPPING },
	{ "program with a shared library", run_dynamic, 0, NO_MAPPING },
	/* A file system that silently uses the page cache instead. */
	{ "static program is the segment's pages", static_in_segment, 0,
	  NO_MAPPING },
	{ "shared library is the segment's pages", dynamic_in_segment, 0,
	  NO_MAPPING },
	{ "static program is not cached", static_not_cached, 0, NO_MAPPING },
	{ "shared library is not cached", dynamic_not_cached, 0, NO_MAPPING },
};

int main(int argc, char **argv)
{
	dcss_parse(argc, argv, "DIRECTORY", NULL);
	dcss_cases(cases, ARRAY_SIZE(cases));
	dcss_run();
}
