// SPDX-License-Identifier: GPL-2.0
/* Whose blocks of a file system they are, see blocks.h. */
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include "../../../kselftest.h"
#include "blocks.h"
#include "dcss.h"
#include "held.h"

struct map {
	struct fiemap head;
	struct fiemap_extent at[32];
};

static int map_from(int fd, unsigned long long start, struct map *m)
{
	memset(m, 0, sizeof(*m));
	m->head.fm_start = start;
	m->head.fm_length = FIEMAP_MAX_OFFSET - start;
	m->head.fm_flags = FIEMAP_FLAG_SYNC;
	m->head.fm_extent_count = ARRAY_SIZE(m->at);
	return ioctl(fd, FS_IOC_FIEMAP, m);
}

unsigned long long block_at(int fd, size_t off)
{
	struct map m;

	if (map_from(fd, off, &m) || !m.head.fm_mapped_extents)
		return 0;
	return m.at[0].fe_physical + off - m.at[0].fe_logical;
}

bool block_is_shared(int fd, size_t off)
{
	struct map m;

	return map_from(fd, off, &m) || !m.head.fm_mapped_extents ||
	       (m.at[0].fe_flags & FIEMAP_EXTENT_SHARED);
}

static bool in_extent(const struct fiemap_extent *e, unsigned long long block)
{
	return block >= e->fe_physical &&
	       block < e->fe_physical + e->fe_length;
}

/* Whether a file has one of the blocks, sorted or not. */
static bool has_block(int fd, const unsigned long long *block, size_t nr)
{
	unsigned long long from = 0;
	const struct fiemap_extent *e;
	struct map m;
	size_t i;

	while (!map_from(fd, from, &m) && m.head.fm_mapped_extents) {
		e = m.at;
		for (; e < m.at + m.head.fm_mapped_extents; e++) {
			for (i = 0; i < nr; i++)
				if (in_extent(e, block[i]))
					return true;
			from = e->fe_logical + e->fe_length;
		}
	}
	return false;
}

int dedupe_range(int from, size_t off, int to, size_t to_off, size_t len, int *status)
{
	struct {
		struct file_dedupe_range head;
		struct file_dedupe_range_info info;
	} range = {
		.head = {
			.src_offset = off, .src_length = len, .dest_count = 1,
		},
		.info = { .dest_fd = to, .dest_offset = to_off },
	};
	int rc = ioctl(from, FIDEDUPERANGE, &range);

	*status = range.info.status;
	return rc;
}

long free_blocks(void)
{
	struct statfs st;

	return statfs(opt.dir, &st) ? -1 : (long)st.f_bfree;
}

/* All that the file system has to give, to one file. */
static int take_all(int fd)
{
	size_t chunk = 64 << 20, len = 256 * 1024;
	char *junk = filled(len, 66);
	off_t at = len;

	if (pwrite(fd, junk, len, 0) != (ssize_t)len)
		return fails("junk");
	while (chunk >= pagesize) {
		if (!fallocate(fd, 0, at, chunk))
			at += chunk;
		else if (errno == ENOSPC)
			chunk /= 2;
		else
			break;
	}
	if (chunk >= pagesize && errno != EOPNOTSUPP)
		return fails("fallocate");
	lseek(fd, at, SEEK_SET);
	while (write(fd, junk, len) > 0)
		;
	free(junk);
	return KSFT_PASS;
}

/* As long as a page is in use its block is nobody else's. */
int not_given_away(const unsigned long long *block, size_t nr)
{
	char path[256];
	int fd = new_file(opt.dir, "junk", NULL, 0, path), rc;

	if (fd < 0)
		return fails("%s", path);
	rc = take_all(fd);
	if (!rc && has_block(fd, block, nr))
		rc = wrong("a block in use was given to another file");
	close(fd);
	unlink(path);
	return rc;
}

/* Freed by a worker of the kernel, in the end. */
int blocks_back(long before, long slack)
{
	int ms;

	for (ms = 0; free_blocks() + slack < before; ms += 10) {
		if (ms > END_MS)
			return wrong("%ld blocks are free, not %ld",
				     free_blocks(), before);
		usleep(10000);
	}
	return KSFT_PASS;
}

int set_dax(int fd, bool on)
{
	struct fsxattr attr;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attr))
		return -1;
	if (on)
		attr.fsx_xflags |= FS_XFLAG_DAX;
	else
		attr.fsx_xflags &= ~FS_XFLAG_DAX;
	return ioctl(fd, FS_IOC_FSSETXATTR, &attr);
}

/* New files are DAX files, as their directory says. */
int dax_directory(void)
{
	int fd = open(opt.dir, O_RDONLY | O_DIRECTORY), rc;

	rc = set_dax(fd, true);
	close(fd);
	return rc;
}
