// SPDX-License-Identifier: GPL-2.0
/* What an administrator does with segments, see admin.h. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "blockdev.h"
#include "dcss.h"

/* Much longer than anything takes that does not wait for somebody. */
#define STORE_SECONDS	600
#define SETTLE_TRIES	4800

void need_driver(void)
{
	if (access(ROOT "add", W_OK))
		ksft_exit_skip("no dcssblk driver, or not root\n");
}

static int store_path(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY), rc;

	if (fd < 0)
		return errno;
	/* A store that waits is ended by the signal, and so is the test. */
	alarm(STORE_SECONDS);
	rc = write(fd, data, len) < 0 ? errno : 0;
	alarm(0);
	close(fd);
	return rc;
}

int store_bytes(const char *attr, const void *data, size_t len)
{
	char path[256];

	snprintf(path, sizeof(path), ROOT "%s", attr);
	return store_path(path, data, len);
}

int store(const char *attr, const char *text)
{
	if (is_blockdev(text))
		return blockdev_store(attr, text);
	return store_bytes(attr, text, strlen(text));
}

int store_of(const char *segment, const char *attr, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), ROOT "%s/%s", segment, attr);
	return store_path(path, text, strlen(text));
}

int show_of(const char *segment, const char *attr, char *text, size_t len)
{
	char path[256];

	snprintf(path, sizeof(path), ROOT "%s/%s", segment, attr);
	return get_string(path, text, len) ? errno : 0;
}

bool still_busy(int rc, unsigned int *tries)
{
	if (rc != EBUSY || (*tries)++ == SETTLE_TRIES)
		return false;
	usleep(50000);
	return true;
}

int settle(const char *segment, const char *attr, const char *text)
{
	unsigned int tries = 0;
	int rc;

	do {
		rc = segment ? store_of(segment, attr, text) :
			       store(attr, text);
	} while (still_busy(rc, &tries));
	return rc;
}

int settled(const char *segment, const char *attr, const char *text)
{
	int rc = settle(segment, attr, text);

	if (!rc)
		return KSFT_PASS;
	return wrong("%s to %s%s%s: %s", text, segment ? segment : "",
		     segment ? "/" : "", attr, strerror(rc));
}

int add_segment(const char *segments)
{
	return settled(NULL, "add", segments);
}

int remove_segment(const char *segment)
{
	return settled(NULL, "remove", segment);
}

int mount_settled(const char *node, const char *dir, const char *fstype,
		  unsigned long flags, const char *options)
{
	unsigned int tries = 0;
	int rc;

	do {
		rc = mount(node, dir, fstype, flags, options) ? errno : 0;
	} while (still_busy(rc, &tries));
	if (!rc)
		return KSFT_PASS;
	return wrong("mount %s%s%s: %s", node, options ? " -o " : "",
		     options ? options : "", strerror(rc));
}

void unmount_all(const char *dir)
{
	while (!umount2(dir, MNT_DETACH))
		;
}

int umount_settled(const char *dir)
{
	unsigned int tries = 0;
	int rc;

	do {
		rc = umount(dir) ? errno : 0;
	} while (still_busy(rc, &tries));
	return rc ? wrong("umount %s: %s", dir, strerror(rc)) : KSFT_PASS;
}

int refused(const char *segment, const char *attr, const char *text,
	    int error)
{
	int rc = segment ? store_of(segment, attr, text) : store(attr, text);

	if (rc == error)
		return KSFT_PASS;
	return wrong("%s to %s: %s instead of %s", text, attr,
		     rc ? strerror(rc) : "success", strerror(error));
}

static bool find_node(const char *segment, char *node, size_t len)
{
	struct dirent *d;
	char path[256];
	DIR *dir;

	if (is_blockdev(segment)) {
		snprintf(node, len, "%s", segment);
		return true;
	}
	snprintf(path, sizeof(path), ROOT "%s/block", segment);
	dir = opendir(path);
	node[0] = '\0';
	while (dir && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			snprintf(node, len, "/dev/%.32s", d->d_name);
	if (dir)
		closedir(dir);
	return node[0] && !access(node, F_OK);
}

int node_of(const char *segment, char *node, size_t len)
{
	unsigned int tries = 0;

	/* udev may have work to do. */
	while (!find_node(segment, node, len))
		if (!still_busy(EBUSY, &tries))
			return wrong("%s has no block device", segment);
	return KSFT_PASS;
}

int dax_is(const char *segment, const char *want)
{
	char text[128];
	int rc = show_of(segment, "dax", text, sizeof(text));

	if (rc)
		return wrong("%s/dax: %s", segment, strerror(rc));
	if (!strcmp(text, want))
		return KSFT_PASS;
	return wrong("%s/dax is \"%s\", not \"%s\"", segment, text, want);
}
