// SPDX-License-Identifier: GPL-2.0
/* What an administrator does with segments, see admin.h. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"

/* Much longer than anything takes that does not wait for somebody. */
#define STORE_SECONDS	600
#define SETTLE_TRIES	4800

static int kmsg = -1;

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

static bool busy(int rc, unsigned int *tries)
{
	if (rc != EBUSY || (*tries)++ == SETTLE_TRIES)
		return false;
	usleep(50000);
	return true;
}

int settled(const char *segment, const char *attr, const char *text)
{
	unsigned int tries = 0;
	int rc;

	do {
		rc = segment ? store_of(segment, attr, text) :
			       store(attr, text);
	} while (busy(rc, &tries));
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
	} while (busy(rc, &tries));
	if (!rc)
		return KSFT_PASS;
	return wrong("mount %s%s%s: %s", node, options ? " -o " : "",
		     options ? options : "", strerror(rc));
}

int umount_settled(const char *dir)
{
	unsigned int tries = 0;
	int rc;

	do {
		rc = umount(dir) ? errno : 0;
	} while (busy(rc, &tries));
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

int node_of(const char *segment, char *node, size_t len)
{
	struct dirent *d;
	char path[256];
	DIR *dir;

	snprintf(path, sizeof(path), ROOT "%s/block", segment);
	dir = opendir(path);
	node[0] = '\0';
	while (dir && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			snprintf(node, len, "/dev/%.32s", d->d_name);
	if (dir)
		closedir(dir);
	return node[0] ? KSFT_PASS : wrong("%s has no block device", segment);
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

void news_mark(void)
{
	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
}

void news_get(struct news *news, const char *part)
{
	char record[4096], *text;
	ssize_t n;

	news->nr = 0;
	if (kmsg < 0)
		return;
	while ((n = read(kmsg, record, sizeof(record) - 1)) > 0 ||
	       (n < 0 && errno == EPIPE)) {
		record[n < 0 ? 0 : n] = '\0';
		text = strchr(record, ';');
		if (!text || strncmp(text + 1, part, strlen(part)))
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (news->nr < NEWS_MAX)
			snprintf(news->line[news->nr], sizeof(news->line[0]),
				 "%.199s", text + 1);
		news->nr++;
	}
}

/* Whoever reads the log wants to know what, and to read it once. */
int news_one(const char *part, const char *name)
{
	static struct news news;
	unsigned int i;

	news_get(&news, part);
	if (news.nr == 1 && strstr(news.line[0], name))
		return KSFT_PASS;
	for (i = 0; i < news.nr && i < NEWS_MAX; i++)
		wrong("log: %s", news.line[i]);
	return wrong("%u lines of \"%s\" in the log, not one about %s",
		     news.nr, part, name);
}
