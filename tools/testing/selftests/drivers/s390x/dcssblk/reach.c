// SPDX-License-Identifier: GPL-2.0
/*
 * Are there struct pages all over a device, and are they those of the right
 * storage? Files take all blocks of a file system that was mounted -o dax;
 * pages at the begin and the end of each segment, and some between, are mapped,
 * written, and used by get_user_pages(). The page frames have to be those of
 * the segments, and the block device has to have the content at their place.
 *
 *	reach [-r] [-n SAMPLES] FIRST LAST LIST DIRECTORY
 *	reach -v FIRST LAST LIST DEVICE
 *
 * FIRST and LAST are the first and the last byte of the device's storage, in
 * hexadecimal. The numbers of the pages that were written go to the file LIST,
 * for -v, which reads them from the block device, not mounted. With -r nothing
 * is written: DIRECTORY/data has the pattern of fill(). About SAMPLES pages, no two
 * in one megabyte, are used between the ends of segments.
 *
 * Run by places.sh.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include "../../../kselftest.h"
#include "dcss.h"

#define SAMPLES		64
/* Each splits an extent in three, of which a block has 340. */
#define SAMPLES_IN_A_BLOCK	100
#define MIB		(1024 * 1024UL)

/*
 * The fields of a file: where its blocks are is known for one page, and the
 * others are likely to follow it.
 */
struct mapped {
	int fd;
	size_t len;
	char *map;
	size_t ref_off;
	unsigned long ref_pfn;
};

static unsigned long first, last;	/* page frames of the device */
static unsigned long lowest = -1UL, highest;
static size_t samples = SAMPLES;
static bool readonly;
static FILE *list;
static const char *dir;
static char *want, *got;
static int held[2];

static unsigned long frame(const char *page)
{
	unsigned long long entry = pagemap_entry(getpid(), (uintptr_t)page);

	return entry & PM_PRESENT ? entry & PM_PFN : 0;
}

/* By copy, and by a reference to the page itself. */
static int use(const char *page)
{
	struct iovec from = { (void *)page, pagesize }, to = { got, pagesize };

	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) !=
	    (ssize_t)pagesize)
		return fails("process_vm_readv");
	if (differs("process_vm_readv", got, want, pagesize))
		return KSFT_FAIL;
	if (vmsplice(held[1], &from, 1, 0) != (ssize_t)pagesize)
		return fails("vmsplice");
	if (read(held[0], got, pagesize) != (ssize_t)pagesize)
		return fails("read from the pipe");
	return differs("vmsplice", got, want, pagesize) ?
	       KSFT_FAIL : KSFT_PASS;
}

static int visit(struct mapped *m, size_t off)
{
	char *page = m->map + off;
	unsigned long pfn;

	if (readonly)
		touch(page);
	else
		__atomic_store_n(page, 0, __ATOMIC_RELAXED);
	pfn = frame(page);
	if (pfn < first || pfn > last)
		return wrong("page %lx is not of the device, %lx-%lx", pfn,
			     first, last);
	m->ref_off = off;
	m->ref_pfn = pfn;
	lowest = pfn < lowest ? pfn : lowest;
	highest = pfn > highest ? pfn : highest;
	if (readonly) {
		memcpy(want, page, pagesize);
	} else {
		fill(want, pagesize, pfn);
		memcpy(page, want, pagesize);
		fprintf(list, "%lx\n", pfn);
	}
	if (use(page))
		return wrong("it was page %lx", pfn);
	return KSFT_PASS;
}

/* Is @pfn a page of this file? Each guess is a better one. */
static int visit_frame(struct mapped *m, unsigned long pfn)
{
	size_t off;
	int i;

	for (i = 0; i < 8; i++) {
		off = m->ref_off + (pfn - m->ref_pfn) * pagesize;
		if (off >= m->len)
			return KSFT_SKIP;
		touch(m->map + off);
		if (visit(m, off))
			return KSFT_FAIL;
		if (m->ref_pfn == pfn)
			return KSFT_PASS;
	}
	return KSFT_SKIP;
}

static int map_and_visit(struct mapped *m)
{
	int prot = readonly ? PROT_READ : PROT_READ | PROT_WRITE;

	/* Without large pages, which would write to all of a megabyte. */
	m->map = map_odd(m->fd, m->len, prot, MAP_SHARED);
	if (m->map == MAP_FAILED)
		return fails("mmap of %zu bytes", m->len);
	return visit(m, 0);
}

/* A file of as many free blocks as can be had, but for some. */
static int take_blocks(struct mapped *m, const char *name, unsigned long spare)
{
	struct statvfs fs;
	char path[256];
	size_t blocks;

	if (statvfs(dir, &fs))
		return fails("%s", dir);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	m->fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (m->fd < 0)
		return fails("%s", path);
	for (blocks = fs.f_bavail - spare; blocks; blocks--)
		if (!posix_fallocate(m->fd, 0, blocks * pagesize))
			break;
	m->len = blocks * pagesize;
	return blocks ? map_and_visit(m) : KSFT_SKIP;
}

/* One of the files has it, or it is not a page for files. */
static int visit_any(struct mapped *m, int nr, unsigned long pfn)
{
	int i, rc = KSFT_SKIP;

	for (i = 0; i < nr && rc == KSFT_SKIP; i++)
		rc = visit_frame(&m[i], pfn);
	/* The file system's own, at the begin; see places.sh. */
	if (rc == KSFT_SKIP && pfn == first)
		return KSFT_PASS;
	return rc == KSFT_SKIP ? wrong("no file has page %lx", pfn) : rc;
}

/* The first and the last page of each segment of the device. */
static int visit_ends(struct mapped *m, int nr)
{
	unsigned long long from, to;
	char line[256];
	int found = 0, rc = KSFT_PASS;
	FILE *f;

	f = fopen("/proc/iomem", "r");
	if (!f)
		return fails("/proc/iomem");
	while (!rc && fgets(line, sizeof(line), f)) {
		if (!strstr(line, "(DCSS)") ||
		    sscanf(line, " %llx-%llx", &from, &to) != 2 ||
		    from / pagesize < first || to / pagesize > last)
			continue;
		found++;
		rc = visit_any(m, nr, from / pagesize);
		if (!rc)
			rc = visit_any(m, nr, to / pagesize);
	}
	fclose(f);
	if (!rc && !found)
		rc = wrong("no segment in /proc/iomem");
	return rc;
}

static int visit_samples(struct mapped *m)
{
	size_t step = m->len / samples / MIB * MIB, off;

	if (step < MIB)
		step = MIB;
	for (off = 0; off < m->len; off += step)
		if (visit(m, off))
			return KSFT_FAIL;
	return visit(m, m->len - pagesize);
}

/*
 * The first file leaves blocks for the extents of it that get split. They go
 * to the second one, for the last block of the device to be among them.
 */
static int write_files(void)
{
	struct mapped m[2] = { };
	size_t spare = 64 + samples / SAMPLES_IN_A_BLOCK;
	struct statvfs fs;
	int rc, nr = 1;

	if (statvfs(dir, &fs))
		return fails("%s", dir);
	rc = take_blocks(&m[0], "reach", fs.f_bavail > 16384 ? spare : 0);
	if (rc)
		return rc;
	rc = visit_samples(&m[0]);
	if (rc)
		return rc;
	rc = take_blocks(&m[1], "rest", 0);
	if (rc == KSFT_FAIL)
		return rc;
	if (rc == KSFT_PASS)
		nr = 2;
	return visit_ends(m, nr);
}

static int read_file(void)
{
	struct mapped m = { };
	char path[256], *data;
	size_t off;

	snprintf(path, sizeof(path), "%s/data", dir);
	m.fd = open(path, O_RDONLY);
	if (m.fd < 0)
		return fails("%s", path);
	m.len = lseek(m.fd, 0, SEEK_END);
	if (!m.len || m.len % pagesize)
		return wrong("%s has %zu bytes", path, m.len);
	if (map_and_visit(&m))
		return KSFT_FAIL;
	data = filled(m.len, 0);
	if (differs("data", m.map, data, m.len))
		return KSFT_FAIL;
	for (off = 0; off < m.len; off += pagesize)
		if (visit(&m, off))
			return KSFT_FAIL;
	return KSFT_PASS;
}

static int verify(const char *device)
{
	int fd = open(device, O_RDONLY);
	unsigned long pfn, n = 0;

	if (fd < 0)
		return fails("%s", device);
	while (fscanf(list, "%lx", &pfn) == 1) {
		fill(want, pagesize, pfn);
		if (pread(fd, got, pagesize, (pfn - first) * pagesize) !=
		    (ssize_t)pagesize)
			return fails("read of page %lx", pfn);
		if (differs("block device", got, want, pagesize))
			return wrong("it was page %lx", pfn);
		n++;
	}
	return n ? KSFT_PASS : wrong("no pages were written");
}

int main(int argc, char **argv)
{
	bool verifying = false;
	int c, rc;

	while ((c = getopt(argc, argv, "rvn:")) != -1) {
		readonly |= c == 'r';
		verifying |= c == 'v';
		if (c == 'n')
			samples = strtoul(optarg, NULL, 10);
	}
	if (argc - optind != 4 || !samples) {
		fprintf(stderr, "usage: %s [-r|-v] [-n SAMPLES] FIRST LAST LIST DIRECTORY\n",
			argv[0]);
		return KSFT_FAIL;
	}
	pagesize = sysconf(_SC_PAGESIZE);
	first = strtoul(argv[optind], NULL, 16) / pagesize;
	last = strtoul(argv[optind + 1], NULL, 16) / pagesize;
	list = fopen(argv[optind + 2], verifying ? "r" : "w");
	if (!list || pipe(held))
		return fails("%s", argv[optind + 2]);
	want = filled(pagesize, 0);
	got = filled(pagesize, 0);
	dir = argv[optind + 3];
	if (verifying)
		return verify(dir);
	rc = readonly ? read_file() : write_files();
	if (!rc)
		printf("# pages %lx to %lx of %lx-%lx\n", lowest, highest,
		       first, last);
	return rc;
}
