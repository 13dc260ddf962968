// SPDX-License-Identifier: GPL-2.0
/* Helpers of the DCSS DAX tests, see dcss.h. */
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"

/* Much longer than any case takes, also under emulation. */
#define CASE_SECONDS	1200

/* PAGEMAP_SCAN of <linux/fs.h>, since 6.7 */
struct scan_arg {
	unsigned long long size, flags, start, end, walk_end, vec, vec_len;
	unsigned long long max_pages, inverted, mask, anyof, returned;
};

struct scan_region {
	unsigned long long start, end, categories;
};

#define SCAN		_IOWR('f', 16, struct scan_arg)
#define SCAN_IS_HUGE	(1ULL << 6)

struct dcss_options opt = {
	.tmp = "/tmp",
	/* One to take apart, and one next to it. */
	.nr_large = 2,
};

size_t pagesize;
size_t largesize;
static int kmsg = -1;

static const struct option long_options[] = {
	{ "other",	required_argument,	NULL, 'o' },
	{ "tmp",	required_argument,	NULL, 't' },
	{ "exec",	required_argument,	NULL, 'x' },
	{ "segment",	required_argument,	NULL, 's' },
	{ "size",	required_argument,	NULL, 'z' },
	{ "only",	required_argument,	NULL, 'O' },
	{ "stock",	no_argument,		NULL, 'S' },
	{ "readonly",	no_argument,		NULL, 'r' },
	{ "table",	no_argument,		NULL, 'T' },
	{ "dm",		no_argument,		NULL, 'd' },
	{ "type",	required_argument,	NULL, 'f' },
	{ "large",	no_argument,		NULL, 'l' },
	{ }
};

static __noreturn void help(const char *name)
{
	fprintf(stderr,
		"usage: %s [options] DIRECTORY\n"
		"  --other DIR     on a file system without DAX\n"
		"  --tmp DIR       for core files (default /tmp)\n"
		"  --exec FILE     xip-hello, to be copied to DIRECTORY\n"
		"  --segment NAME  whose pages the files are (/proc/iomem)\n"
		"  --size BYTES    of a mapping\n"
		"  --only TEXT     only cases whose name contains TEXT\n"
		"  --stock         the kernel has no struct pages for a DCSS\n"
		"  --readonly      DIRECTORY/data exists, made by mkimages.sh\n"
		"  --table         one line for each user of GUP, no test\n"
		"  --dm            SEGMENT is a device mapper device's, or two are\n"
		"  --type FSTYPE   of the segment, to be mounted at DIRECTORY\n"
		"  --large         DIRECTORY has aligned files: map large pages\n",
		name);
	exit(KSFT_FAIL);
}

static void parse_one(int c, const char *name)
{
	switch (c) {
	case 'o':
		opt.other = optarg;
		break;
	case 't':
		opt.tmp = optarg;
		break;
	case 'x':
		opt.exec = optarg;
		break;
	case 's':
		opt.segment = optarg;
		break;
	case 'z':
		opt.size = strtoul(optarg, NULL, 0);
		break;
	case 'O':
		opt.only = optarg;
		break;
	case 'S':
		opt.stock = true;
		break;
	case 'r':
		opt.readonly = true;
		break;
	case 'T':
		opt.table = true;
		break;
	case 'd':
		opt.dm = true;
		break;
	case 'f':
		opt.type = optarg;
		break;
	case 'l':
		opt.large = true;
		break;
	default:
		help(name);
	}
}

/* What a large page is on this machine, if it has any: s390 needs EDAT1. */
static size_t large_page_size(void)
{
	char text[32];

	if (get_string("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
		       text, sizeof(text)))
		return 0;
	return strtoul(text, NULL, 0);
}

/* What --large takes; a machine without large pages is a reason to skip all. */
void dcss_parse_large(void)
{
	largesize = opt.large ? large_page_size() : 0;
	if (opt.large && !largesize)
		ksft_exit_skip("no large pages (on s390: no EDAT1)\n");
	if (!opt.size)
		opt.size = opt.large ? opt.nr_large * largesize : 64 * 1024;
	if (opt.large && opt.size % (2 * largesize))
		ksft_exit_fail_msg("--size: not a multiple of %zu\n",
				   2 * largesize);
}

void dcss_parse(int argc, char **argv)
{
	const char *stock = getenv("DCSSBLK_STOCK");
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pagesize = sysconf(_SC_PAGESIZE);
	opt.stock = stock && !strcmp(stock, "1");
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		parse_one(c, argv[0]);
	if (optind + 1 == argc)
		opt.dir = argv[optind];
	if (optind + 1 < argc || (opt.size && opt.size < 4 * pagesize) ||
	    opt.size % (2 * pagesize))
		help(argv[0]);
	/* As run by make run_tests, without a segment to work on. */
	if (!opt.dir)
		ksft_exit_skip("no directory on a DCSS, see dcssblk.sh\n");
	dcss_parse_large();
}

/* A table is short; why something fails goes elsewhere. */
static FILE *reasons(void)
{
	return opt.table ? stderr : stdout;
}

static void say(const char *fmt, va_list args)
{
	fprintf(reasons(), "# ");
	vfprintf(reasons(), fmt, args);
}

int fails(const char *fmt, ...)
{
	int err = errno;
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	fprintf(reasons(), ": %s\n", strerror(err));
	return KSFT_FAIL;
}

int wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	fprintf(reasons(), "\n");
	return KSFT_FAIL;
}

int skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	fprintf(reasons(), "\n");
	return KSFT_SKIP;
}

/*
 * Eight bytes each, a running number and a newline: no two pages are alike,
 * seed 0 is what mkimages.sh writes to "data", and a dump is readable.
 */
void fill(char *buf, size_t len, unsigned int seed)
{
	static char low[1000 * 8 + 1];
	unsigned int n = seed * 1000003UL % 10000000, i;
	size_t lines = len / 8, some;
	char high[5];

	/* Megabytes of it, under emulation: copy what changes least. */
	for (i = 0; !low[8000 - 1] && i < 1000; i++)
		snprintf(low + i * 8, 9, "0000%03u\n", i);
	for (; lines; lines -= some, n = (n + some) % 10000000) {
		some = 1000 - n % 1000 < lines ? 1000 - n % 1000 : lines;
		memcpy(buf, low + n % 1000 * 8, some * 8);
		snprintf(high, sizeof(high), "%04u", n / 1000);
		for (i = 0; i < some; i++, buf += 8)
			memcpy(buf, high, 4);
	}
}

char *filled(size_t len, unsigned int seed)
{
	char *buf = NULL;

	if (posix_memalign((void **)&buf, pagesize, len))
		ksft_exit_fail_msg("no memory for %zu bytes\n", len);
	fill(buf, len, seed);
	return buf;
}

static bool same_word(const char *one, const char *two)
{
	unsigned long long a, b;

	memcpy(&a, one, sizeof(a));
	memcpy(&b, two, sizeof(b));
	return a == b;
}

int differs(const char *what, const char *got, const char *want, size_t len)
{
	size_t i;

	/* memcmp() is CLC, which QEMU emulates byte by byte: 50 times slower. */
	for (i = 0; i + 8 <= len && same_word(got + i, want + i); i += 8)
		;
	while (i < len && got[i] == want[i])
		i++;
	if (i == len)
		return 0;
	wrong("%s: byte 0x%zx of 0x%zx is %02x, not %02x", what, i, len,
	      (unsigned char)got[i], (unsigned char)want[i]);
	return 1;
}

int file_is(int fd, const char *want, size_t len)
{
	char *buf = filled(len, 0);
	ssize_t n = pread(fd, buf, len, 0);
	int rc = KSFT_FAIL;

	if (n != (ssize_t)len)
		fails("read of the file gives %zd", n);
	else if (!differs("file", buf, want, len))
		rc = KSFT_PASS;
	free(buf);
	return rc;
}

/* The mapping must read as @now, and the file too where it is shared. */
int written(struct area *a, const char *now)
{
	if (differs("mapping", a->map, now, a->len))
		return KSFT_FAIL;
	return file_is(a->fd, a->how & SHARED ? now : a->file, a->len);
}

/*
 * Blocks that are aligned like the large pages of a new file: what a file
 * system aligns by itself depends on what was allocated before, so take more
 * and keep a part that fits. If there is none, the mapping will tell.
 */
static void align_blocks(int fd, size_t len)
{
	struct {
		struct fiemap head;
		struct fiemap_extent at[16];
	} map = {
		.head = { .fm_length = -1, .fm_extent_count = 16 },
	};
	const struct fiemap_extent *e = map.at;
	size_t skip;

	if (fallocate(fd, 0, 0, 2 * len + largesize) ||
	    ioctl(fd, FS_IOC_FIEMAP, &map))
		return;
	for (; e < map.at + map.head.fm_mapped_extents; e++) {
		skip = -e->fe_physical % largesize;
		if (e->fe_length < skip + len)
			continue;
		skip += e->fe_logical;
		if (skip && fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, skip))
			wrong("no aligned blocks: %s", strerror(errno));
		break;
	}
	ftruncate(fd, len);
}

int new_file(const char *dir, const char *name, const char *data, size_t len,
	     char *path)
{
	int fd;

	snprintf(path, 256, "%s/%s", dir, name);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0755);
	if (fd < 0)
		return fd;
	if (opt.large && len && !(len % largesize))
		align_blocks(fd, len);
	if (write(fd, data, len) != (ssize_t)len) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A file with a name no more, to be closed only. */
int open_other(const char *dir, const char *name, const char *data, size_t len,
	       int flags)
{
	char path[256];
	int fd;

	fd = new_file(dir, name, data, len, path);
	if (fd < 0)
		return fd;
	fsync(fd);
	close(fd);
	fd = open(path, O_RDWR | flags);
	unlink(path);
	return fd;
}

/* An aligned place for a mapping, with nothing around it. */
char *large_place(size_t len)
{
	size_t align = largesize ? largesize : pagesize;
	char *map = mmap(NULL, len + 2 * align, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		ksft_exit_fail_msg("no room for %zu bytes\n", len);
	return (char *)(((uintptr_t)map + align) & -align);
}

/* The file from its beginning, with --large where large pages fit. */
char *map_file(int fd, size_t len, int prot, int flags)
{
	if (!opt.large)
		return mmap(NULL, len, prot, flags, fd, 0);
	return mmap(large_place(len), len, prot, flags | MAP_FIXED, fd, 0);
}

/* Page faults of this process so far, none of which has to wait for I/O. */
long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* How much of it is mapped by large pages; -1 if this kernel cannot tell. */
long large_bytes(const char *map, size_t len)
{
	struct scan_region regions[64];
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = (uintptr_t)map,
		.end = (uintptr_t)map + len,
		.vec = (uintptr_t)regions,
		.vec_len = ARRAY_SIZE(regions),
		.mask = SCAN_IS_HUGE,
		.returned = SCAN_IS_HUGE,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY), n, i;
	size_t bytes = 0;

	if (fd < 0)
		return -1;
	n = ioctl(fd, SCAN, &arg);
	close(fd);
	for (i = 0; i < n; i++)
		bytes += regions[i].end - regions[i].start;
	return n < 0 ? -1 : (long)bytes;
}

/* That many large pages, neither less nor more, are in the page table. */
int mapped_large(const char *what, const char *map, size_t len, size_t nr)
{
	long found = opt.large ? large_bytes(map, len) : -1;

	if (found < 0 || found == (long)(nr * largesize))
		return KSFT_PASS;
	return wrong("%s: %ld KiB mapped by large pages, not %zu", what,
		     found / 1024, nr * largesize / 1024);
}

/* A child that does not survive its parent. */
pid_t fork_child(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

int child_result(pid_t pid)
{
	int status;

	if (pid < 0)
		return fails("fork");
	if (waitpid(pid, &status, 0) != pid)
		return fails("waitpid");
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return wrong("killed by signal %d%s", WTERMSIG(status),
		     WTERMSIG(status) == SIGALRM ? " (takes too long)" : "");
}

/*
 * Let another process work on the mapping of this one. The other process has
 * no mapping at that place: where the kernel takes the wrong address space
 * (cow_user_page() of a page without struct page does), it shows.
 */
int by_other(struct area *a, int (*fn)(struct area *a, pid_t pid))
{
	pid_t pid = fork_child();

	if (!pid) {
		munmap(a->map, a->len);
		_exit(fn(a, getppid()));
	}
	return child_result(pid);
}

void need_driver(void)
{
	if (access(ROOT "add", W_OK))
		ksft_exit_skip("no dcssblk driver, or not root\n");
}

int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out;
	char buf[4096];
	ssize_t n;

	if (in < 0)
		return -1;
	unlink(to);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0755);
	if (out < 0) {
		close(in);
		return -1;
	}
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			n = -1;
	close(in);
	return close(out) || n < 0 ? -1 : 0;
}

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

unsigned long long pagemap_entry(pid_t pid, uintptr_t addr)
{
	unsigned long long entry = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	if (pread(fd, &entry, 8, addr / pagesize * 8) != 8)
		entry = 0;
	close(fd);
	return entry;
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

/* Objects that KASAN keeps for a while after they were freed, too. */
static void shrink_slabs(void)
{
	glob_t slabs;
	size_t i;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &slabs))
		return;
	for (i = 0; i < slabs.gl_pathc; i++)
		put_string(slabs.gl_pathv[i], "1");
	globfree(&slabs);
}

/*
 * A measure, and no verdict: others take and free memory, too. Free pages on
 * per-CPU lists, megabytes of them, are not in MemFree.
 */
long free_kb(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	long count, sum = 0;
	char line[128];

	sync();
	put_string("/proc/sys/vm/drop_caches", "3");
	shrink_slabs();
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &count) == 1)
			sum += count * (sysconf(_SC_PAGESIZE) / 1024);
	if (f)
		fclose(f);
	return sum + meminfo_kb("MemFree");
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

/* From here on the kernel log is this case's. */
void log_mark(void)
{
	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
}

/* Whether the kernel complained since, and with which line first. */
int log_bad(char *line, size_t len)
{
	static const char *const bad[] = {
		"BUG:", "WARNING:", "Bad page", "Oops", "kernel BUG at",
	};
	char record[4096], *text;
	ssize_t n;
	size_t i;
	int found = 0;

	if (kmsg < 0)
		return 0;
	while ((n = read(kmsg, record, sizeof(record) - 1)) > 0 ||
	       (n < 0 && errno == EPIPE)) {
		record[n < 0 ? 0 : n] = '\0';
		text = strchr(record, ';');
		for (i = 0; text && !found && i < ARRAY_SIZE(bad); i++) {
			if (!strstr(text, bad[i]))
				continue;
			text[strcspn(text, "\n")] = '\0';
			snprintf(line, len, "%s", text + 1);
			found = 1;
		}
	}
	return found;
}

static const char *how_name(unsigned int how)
{
	switch (how) {
	case SHARED_RO:
		return ", shared read-only";
	case SHARED_RW:
		return ", shared";
	case PRIVATE_RO:
		return ", private read-only";
	case PRIVATE_RW:
		return ", private";
	case PRIVATE_MIX:
		return ", private half written";
	}
	return "";
}

/* Whether a page is the process's own copy from the beginning. */
bool own_page(const struct area *a, size_t off)
{
	if (a->how != PRIVATE_MIX || !(off / pagesize & 1))
		return false;
	/* A large page stays one until the first copy of a part of it. */
	return !opt.large || (off / largesize & 1);
}

/* Every page into the page table. */
static int touch_all(struct area *a)
{
	long before = faults(), after;
	size_t off;

	for (off = 0; off < a->len; off += pagesize)
		touch(a->map + off);
	after = faults();
	if (!opt.large)
		return KSFT_PASS;
	/* Text and stack of this program may take some, too. */
	if (after - before > (long)(a->len / largesize) + 4)
		return wrong("%ld faults: not mapped by large pages, page frame 0x%llx",
			     after - before,
			     pagemap_entry(getpid(), (uintptr_t)a->map) &
			     PM_PFN);
	return mapped_large("read", a->map, a->len, a->len / largesize);
}

/* Map it as the case wants it, with every page in the page table. */
static int map_area(struct area *a)
{
	size_t off, nr = opt.large ? a->len / largesize : 0;
	int prot = PROT_READ;

	if (a->how & WRITABLE)
		prot |= PROT_WRITE;
	a->map = map_file(a->fd, a->len, prot,
			  a->how & SHARED ? MAP_SHARED : MAP_PRIVATE);
	if (a->map == MAP_FAILED)
		return fails("mmap");
	if (touch_all(a))
		return KSFT_FAIL;
	for (off = 0; off < a->len; off += pagesize)
		if (a->how == SHARED_RW || own_page(a, off))
			fill(a->map + off, pagesize, off / pagesize + 7);
	memcpy(a->want, a->map, a->len);
	if (a->how == SHARED_RW)
		memcpy(a->file, a->want, a->len);
	return mapped_large("area", a->map, a->len,
			    a->how == PRIVATE_MIX ? nr / 2 : nr);
}

static int area_open(struct area *a, unsigned int how)
{
	memset(a, 0, sizeof(*a));
	a->fd = -1;
	a->how = how;
	a->len = opt.size;
	if (!how)
		return KSFT_PASS;
	a->file = filled(a->len, opt.readonly ? 0 : how + 1);
	a->want = filled(a->len, 0);
	if (opt.readonly) {
		snprintf(a->path, sizeof(a->path), "%s/data", opt.dir);
		a->fd = open(a->path, O_RDONLY);
	} else {
		a->fd = new_file(opt.dir, "area", a->file, a->len, a->path);
		fsync(a->fd);
	}
	if (a->fd < 0)
		return fails("%s", a->path);
	return map_area(a);
}

static int run_child(const struct dcss_case *c, unsigned int how)
{
	struct area a;
	pid_t pid = fork_child();
	int rc;

	if (!pid) {
		alarm(CASE_SECONDS);
		rc = area_open(&a, how);
		if (rc != KSFT_PASS)
			_exit(wrong("cannot prepare the mapping"));
		if (how && (differs("new mapping", a.map, a.want, a.len) ||
			    file_is(a.fd, a.file, a.len)))
			_exit(KSFT_FAIL);
		rc = c->run(&a);
		if (how && !opt.readonly)
			unlink(a.path);
		fflush(stdout);
		_exit(rc);
	}
	return child_result(pid);
}

static const char *cannot(const struct dcss_case *c, unsigned int how)
{
	if ((c->flags & NEEDS_OTHER) && !opt.other)
		return "needs --other";
	if ((c->flags & NEEDS_EXEC) && !opt.exec)
		return "needs --exec";
	if (opt.readonly && (how == SHARED_RW || (c->flags & NEEDS_WRITE)))
		return "read-only file system";
	return NULL;
}

/* What has to come out on this kernel. */
static void expect(const struct dcss_case *c, unsigned int how, int rc)
{
	bool must_fail = opt.stock && (c->flags & NO_MAPPING ?
				       c->stock : c->stock & how);
	const char *variant = how_name(how);

	if (rc == KSFT_SKIP)
		ksft_test_result_skip("%s%s\n", c->name, variant);
	else if (!must_fail)
		ksft_test_result(rc == KSFT_PASS, "%s%s\n", c->name, variant);
	else if (rc != KSFT_PASS)
		ksft_test_result_xfail("%s%s: no struct pages\n", c->name,
				       variant);
	else if (c->flags & IN_LOG)
		/* mm/memory.c, print_bad_pte(): 60 reports a minute. */
		ksft_test_result_skip("%s%s: the log may be quiet\n", c->name,
				      variant);
	else
		ksft_test_result_fail("%s%s: passes where it must fail\n",
				      c->name, variant);
}

static void run_one(const struct dcss_case *c, unsigned int how)
{
	const char *why = cannot(c, how);
	char line[256];
	int rc;

	if (why) {
		ksft_test_result_skip("%s%s: %s\n", c->name, how_name(how),
				      why);
		return;
	}
	log_mark();
	rc = run_child(c, how);
	/* Stock reports bad PTEs by the way in cases that do work. */
	if (log_bad(line, sizeof(line)) &&
	    (!opt.stock || (c->flags & IN_LOG)))
		rc = wrong("kernel log: %s", line);
	expect(c, how, rc);
}

static bool selected(const struct dcss_case *c)
{
	if ((c->flags & ONLY_LARGE) && !opt.large)
		return false;
	return !opt.only || strstr(c->name, opt.only);
}

void dcss_run(const struct dcss_case *list, size_t nr)
{
	unsigned int plan = 0, how;
	size_t i;

	for (i = 0; i < nr; i++)
		if (selected(&list[i]))
			plan += (list[i].flags & NO_MAPPING) ? 1 :
				__builtin_popcount(list[i].how);
	ksft_print_header();
	ksft_set_plan(plan);
	for (i = 0; i < nr; i++) {
		if (!selected(&list[i]))
			continue;
		if (list[i].flags & NO_MAPPING)
			run_one(&list[i], 0);
		for (how = 1; how & ANY; how <<= 1)
			if (list[i].how & how)
				run_one(&list[i], how);
	}
	ksft_finished();
}

/* For people: what works on a shared mapping of a file on this kernel. */
void dcss_table(const struct dcss_case *list, size_t nr)
{
	unsigned int how;
	char line[256];
	size_t i;
	int rc;

	for (i = 0; i < nr; i++) {
		how = (list[i].flags & NO_MAPPING) ? 0 : SHARED_RW;
		if (!(list[i].flags & IN_TABLE) || cannot(&list[i], how))
			continue;
		log_mark();
		rc = run_child(&list[i], how);
		if ((list[i].flags & IN_LOG) && log_bad(line, sizeof(line)))
			rc = wrong("kernel log: %s", line);
		printf("%s %s\n", list[i].name, rc ? "fails" : "ok");
	}
	exit(KSFT_PASS);
}
