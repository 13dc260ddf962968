// SPDX-License-Identifier: GPL-2.0
/* What dmsetup does for dm-linear, see dm.h and <linux/dm-ioctl.h>. */
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "../../../kselftest.h"
#include "dm.h"

struct command {
	struct dm_ioctl head;
	char data[2048];
};

static int dm_do(unsigned long request, const char *name, struct command *c)
{
	int fd = open("/dev/mapper/control", O_RDWR), rc;

	if (fd < 0)
		return errno;
	c->head.version[0] = DM_VERSION_MAJOR;
	c->head.data_size = sizeof(*c);
	c->head.data_start = offsetof(struct command, data);
	snprintf(c->head.name, sizeof(c->head.name), "%s", name);
	rc = ioctl(fd, request, c) ? errno : 0;
	close(fd);
	return rc;
}

/* One target; returns where the next one goes, or NULL. */
static char *add_target(char *at, const char *node,
			unsigned long long *first)
{
	struct dm_target_spec *spec = (struct dm_target_spec *)at;
	unsigned long long bytes = 0;
	int fd = open(node, O_RDONLY);

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes)) {
		close(fd);
		return NULL;
	}
	close(fd);
	spec->sector_start = *first;
	spec->length = bytes / 512;
	*first += spec->length;
	snprintf(spec->target_type, sizeof(spec->target_type), "linear");
	sprintf((char *)(spec + 1), "%s 0", node);
	spec->next = sizeof(*spec) + 64;
	return at + spec->next;
}

int dm_linear(const char *name, const char *const *nodes, size_t nr)
{
	struct command load = { .head.target_count = nr }, make = { };
	struct command resume = { };
	unsigned long long first = 0;
	char *at = load.data;
	size_t i;
	int rc;

	for (i = 0; i < nr && at; i++)
		at = add_target(at, nodes[i], &first);
	if (!at)
		return errno;
	rc = dm_do(DM_DEV_CREATE, name, &make);
	if (rc)
		return rc;
	rc = dm_do(DM_TABLE_LOAD, name, &load);
	if (!rc)
		rc = dm_do(DM_DEV_SUSPEND, name, &resume);
	if (rc)
		dm_remove(name);
	return rc;
}

int dm_remove(const char *name)
{
	struct command c = { };

	return dm_do(DM_DEV_REMOVE, name, &c);
}

int dm_node(const char *name, char *node, size_t len)
{
	struct command c = { };
	int rc = dm_do(DM_DEV_STATUS, name, &c);

	if (!rc)
		snprintf(node, len, "/dev/dm-%u", minor(c.head.dev));
	return rc;
}
