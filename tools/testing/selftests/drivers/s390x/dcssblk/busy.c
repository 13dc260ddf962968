// SPDX-License-Identifier: GPL-2.0
/*
 * What is in use is not taken away: not while the device is mounted, and not
 * while somebody holds a page of it after that. Here a pipe holds the page
 * (vmsplice). Remove, shared and mount return EBUSY then, at once.
 *
 *	busy SEGMENT DEVICE FSTYPE MOUNTPOINT
 *
 * SEGMENT is added, as DEVICE, and not mounted. Its file system has a file
 * "data", as mkimages.sh makes it, and can be mounted -o dax.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/uio.h>

#include "../../../kselftest.h"
#include "dcss.h"

#define ROOT	"/sys/devices/dcssblk/"

static const char *segment, *device, *fstype, *mountpoint;
static int held[2];
static char *want;

/* A write that waits instead is ended by the alarm, and fails the test. */
static int refused(const char *attr, const char *text)
{
	char path[256];
	int rc;

	snprintf(path, sizeof(path), ROOT "%s", attr);
	alarm(10);
	rc = put_string(path, text);
	alarm(0);
	if (!rc)
		return wrong("%s to %s succeeded", text, attr);
	return errno == EBUSY ? KSFT_PASS : fails("%s to %s", text, attr);
}

static int remove_refused(void)
{
	return refused("remove", segment);
}

static int shared_refused(void)
{
	char attr[64];

	snprintf(attr, sizeof(attr), "%s/shared", segment);
	return refused(attr, "0");
}

static int mount_dax(void)
{
	return mount(device, mountpoint, fstype, 0, "dax") ?
	       fails("mount %s", device) : KSFT_PASS;
}

/* The second page of the file goes into the pipe, and nothing else stays. */
static int take_page(void)
{
	struct iovec iov = { .iov_len = pagesize };
	char path[256], *map;
	int fd;

	snprintf(path, sizeof(path), "%s/data", mountpoint);
	fd = open(path, O_RDONLY);
	if (fd < 0 || pipe(held))
		return fails("%s", path);
	if (pread(fd, want, pagesize, pagesize) != (ssize_t)pagesize)
		return fails("read %s", path);
	map = mmap(NULL, 2 * pagesize, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fails("mmap");
	iov.iov_base = map + pagesize;
	touch(iov.iov_base);
	if (vmsplice(held[1], &iov, 1, 0) != (ssize_t)pagesize)
		return fails("vmsplice");
	munmap(map, 2 * pagesize);
	close(fd);
	return KSFT_PASS;
}

static int unmount(void)
{
	return umount(mountpoint) ? fails("umount %s", mountpoint) : KSFT_PASS;
}

static int mount_refused(void)
{
	if (!mount(device, mountpoint, fstype, 0, "dax"))
		return wrong("mount %s succeeded", device);
	return errno == EBUSY ? KSFT_PASS : fails("mount %s", device);
}

static int mount_works(void)
{
	int rc = mount_dax();

	return rc == KSFT_PASS ? unmount() : rc;
}

static int give_back(void)
{
	char *buf = filled(pagesize, 99);

	if (read(held[0], buf, pagesize) != (ssize_t)pagesize)
		return fails("read from the pipe");
	return differs("held page", buf, want, pagesize) ?
	       KSFT_FAIL : KSFT_PASS;
}

static int not_busy(void)
{
	char path[256];

	snprintf(path, sizeof(path), ROOT "%s/shared", segment);
	if (put_string(path, "0") || put_string(path, "1"))
		return fails("write to %s", path);
	return KSFT_PASS;
}

static const struct {
	const char *name;
	int (*run)(void);
} steps[] = {
	{ "mount -o dax", mount_dax },
	/* As ever: the use count of the block device. */
	{ "remove of what is mounted is refused", remove_refused },
	{ "shared of what is mounted is refused", shared_refused },
	{ "a page goes into a pipe", take_page },
	{ "unmount with a page in a pipe", unmount },
	/*
	 * The use count says that it is idle, the page says that it is not:
	 * storage that CP takes away would be read through the pipe, and a
	 * remove that waits for the page could not be ended.
	 */
	{ "remove with a page in a pipe is refused", remove_refused },
	{ "shared with a page in a pipe is refused", shared_refused },
	/* A file system that forgot about the page frees its block. */
	{ "mount with a page in a pipe is refused", mount_refused },
	{ "the page has its data", give_back },
	/*
	 * A reference that is lost, or counted twice, keeps it busy; or a
	 * refusal had already begun to tear the device down.
	 */
	{ "mount works when the page is back", mount_works },
	{ "shared works when the page is back", not_busy },
};

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 5) {
		fprintf(stderr, "usage: %s SEGMENT DEVICE FSTYPE MOUNTPOINT\n",
			argv[0]);
		return KSFT_FAIL;
	}
	segment = argv[1];
	device = argv[2];
	fstype = argv[3];
	mountpoint = argv[4];
	pagesize = sysconf(_SC_PAGESIZE);
	want = filled(pagesize, 0);

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(steps));
	for (i = 0; i < ARRAY_SIZE(steps); i++)
		ksft_test_result(steps[i].run() == KSFT_PASS, "%s\n",
				 steps[i].name);
	ksft_finished();
}
