// SPDX-License-Identifier: GPL-2.0
/*
 * What does it cost to use a file?
 *
 *	access [--large] [--readonly] [--anonymous] [--mark ROW] DIR
 *
 * Prints a line for each way that works: its name, the nanoseconds that the
 * process has a CPU for, and what they are for. In a guest where a nanosecond is
 * an instruction (zvm-run --icount) they are instructions. The file is DIR/access,
 * or with --readonly DIR/data; with --anonymous there is none, but what everybody
 * does who uses no file at all. Without --large no large page can map it, as its
 * mapping has another alignment. The way that is named ROW is between the two
 * marks that zvm-run --profile looks for.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"

#define LEN	(16UL << 20)
#define CHUNK	(1UL << 20)
#define PART	(64UL << 10)

static char file[256];
static size_t len;
static const char *marked;
static bool anonymous;

static const struct dcss_option options[] = {
	{ "mark", "ROW", "put marks around this one", .text = &marked },
	{ "anonymous", NULL, "no file", .flag = &anonymous },
	{ }
};

static long long now(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static bool is_marked(const char *name)
{
	return marked && !strcmp(name, marked);
}

static long long start(const char *name)
{
	if (is_marked(name))
		mark_begin();
	return now();
}

/* What has been spent since start(). */
static long long spent(const char *name, long long begin)
{
	long long cost = now() - begin;

	if (is_marked(name))
		mark_end();
	return cost;
}

static void row(const char *name, long long begin)
{
	printf("%s %.1f page\n", name,
	       (double)spent(name, begin) / (len / pagesize));
}

static char *map_it(int fd, int prot)
{
	char *map;

	map = opt.large ? map_file(fd, len, prot, MAP_SHARED) :
			  map_odd(fd, len, prot, MAP_SHARED);
	if (map == MAP_FAILED)
		ksft_exit_fail_msg("%s: %s\n", file, strerror(errno));
	return map;
}

static void read_touches(int fd, const char *touched, const char *unmapped)
{
	char *map = map_it(fd, PROT_READ);
	long long begin = start(touched);

	touch_pages(map, len);
	row(touched, begin);
	begin = start(unmapped);
	munmap(map, len);
	row(unmapped, begin);
}

/* A part at a time: as much as most libraries have, and less than a page table. */
static void unmaps_parts(int fd)
{
	char *map = map_it(fd, PROT_READ);
	long long begin;
	size_t off;

	touch_pages(map, len);
	begin = start("munmap-64K");
	for (off = 0; off < len; off += PART)
		munmap(map + off, PART);
	row("munmap-64K", begin);
}

static void write_touches(int fd)
{
	char *map = map_it(fd, PROT_READ | PROT_WRITE);
	long long begin = start("write-touch");
	size_t off;

	for (off = 0; off < len; off += pagesize)
		map[off] = 1;
	row("write-touch", begin);
	begin = start("fsync");
	if (fsync(fd))
		ksft_exit_fail_msg("fsync: %s\n", strerror(errno));
	row("fsync", begin);
	munmap(map, len);
}

static void pins(int fd)
{
	char *map = map_it(fd, PROT_READ), *buf = filled(CHUNK, 1);
	struct iovec to = { buf, CHUNK }, from = { map, CHUNK };
	long long begin;

	touch_pages(map, len);
	begin = start("process_vm_readv");
	for (; from.iov_base < (void *)(map + len); from.iov_base += CHUNK)
		if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) !=
		    (ssize_t)CHUNK)
			break;
	if (from.iov_base == (void *)(map + len))
		row("process_vm_readv", begin);
	else
		printf("# process_vm_readv: %s\n", strerror(errno));
	munmap(map, len);
	free(buf);
}

static void reads(int fd)
{
	char *buf = filled(pagesize, 1);
	long long begin = start("pread");
	size_t off;

	for (off = 0; off < len; off += pagesize)
		if (pread(fd, buf, pagesize, off) != (ssize_t)pagesize)
			ksft_exit_fail_msg("pread: %s\n", strerror(errno));
	row("pread", begin);
	free(buf);
}

/* What the parent does, and all of the child. */
static void forks(int fd)
{
	char *map = map_it(fd, PROT_READ);
	long long cost, begin;
	struct rusage child;
	pid_t pid;

	touch_pages(map, len);
	begin = start("fork-and-exit");
	pid = fork();
	if (!pid)
		_exit(0);
	wait4(pid, NULL, 0, &child);
	cost = spent("fork-and-exit", begin) +
	       (child.ru_stime.tv_usec + child.ru_utime.tv_usec) * 1000LL;
	printf("fork-and-exit %lld process\n", cost);
	munmap(map, len);
}

/* Pages that are allocated, mapped and freed, or put by the reader of a pipe. */
static void no_file(void)
{
	char *buf = filled(16 * pagesize, 1), *map;
	long long begin;
	int ends[2];
	size_t off;

	map = map_odd(-1, len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS);
	if (map == MAP_FAILED || pipe(ends))
		ksft_exit_fail_msg("mapping, pipe: %s\n", strerror(errno));
	begin = start("anonymous-touch");
	for (off = 0; off < len; off += pagesize)
		map[off] = 1;
	row("anonymous-touch", begin);
	begin = start("anonymous-munmap");
	munmap(map, len);
	row("anonymous-munmap", begin);
	begin = start("pipe");
	for (off = 0; off < len; off += 16 * pagesize)
		if (write(ends[1], buf, 16 * pagesize) < 0 ||
		    read(ends[0], buf, 16 * pagesize) < 0)
			ksft_exit_fail_msg("pipe: %s\n", strerror(errno));
	row("pipe", begin);
}

int main(int argc, char **argv)
{
	char *data;
	int fd;

	dcss_parse(argc, argv, "DIR", options);
	len = LEN;
	if (anonymous) {
		no_file();
		return KSFT_PASS;
	}
	if (opt.readonly) {
		snprintf(file, sizeof(file), "%s/data", opt.word[0]);
		fd = open(file, O_RDONLY);
	} else {
		data = filled(len, 1);
		fd = new_file(opt.word[0], "access", data, len, file);
		free(data);
		if (fd >= 0 && fsync(fd))
			ksft_exit_fail_msg("fsync: %s\n", strerror(errno));
	}
	if (fd < 0)
		ksft_exit_fail_msg("%s: %s\n", file, strerror(errno));
	read_touches(fd, "read-touch", "munmap");
	read_touches(fd, "read-touch-again", "munmap-again");
	unmaps_parts(fd);
	if (!opt.readonly)
		write_touches(fd);
	pins(fd);
	reads(fd);
	forks(fd);
	if (!opt.readonly)
		unlink(file);
	return KSFT_PASS;
}
