// SPDX-License-Identifier: GPL-2.0
/* What files contain, and how they are made, see files.h. */
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "../../../kselftest.h"
#include "files.h"
#include "options.h"
#include "say.h"

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
