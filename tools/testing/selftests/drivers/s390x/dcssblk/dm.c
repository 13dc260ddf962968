// SPDX-License-Identifier: GPL-2.0
/* What dmsetup does for dm-linear and dm-stripe, see dm.h and <linux/dm-ioctl.h>. */
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dm.h"
#include "say.h"

#define MAX_NODES	2
#define NODE_SIZE	64
/* Of a target with its parameters, and of a name in these. */
#define TARGET_SIZE	(sizeof(struct dm_target_spec) + 256)

struct command {
	struct dm_ioctl head;
	char data[MAX_NODES * TARGET_SIZE];
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

static unsigned long long sectors(const char *node)
{
	unsigned long long bytes = 0;
	int fd = open(node, O_RDONLY);

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		bytes = 0;
	close(fd);
	return bytes / 512;
}

/* One target behind all others; its parameters follow it. */
static char *add_target(struct command *c, const char *type, unsigned long long length)
{
	char *at = c->data + c->head.target_count * TARGET_SIZE;
	struct dm_target_spec *spec = (struct dm_target_spec *)at;
	struct dm_target_spec *last = (struct dm_target_spec *)(at - TARGET_SIZE);

	if (c->head.target_count++)
		spec->sector_start = last->sector_start + last->length;
	spec->length = length;
	snprintf(spec->target_type, sizeof(spec->target_type), "%s", type);
	spec->next = TARGET_SIZE;
	return (char *)(spec + 1);
}

/* One device behind the other. */
static void add_linear(struct command *c, char (*nodes)[NODE_SIZE], size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		sprintf(add_target(c, "linear", sectors(nodes[i])), "%s 0", nodes[i]);
}

/* @stripe bytes of one device, then of the next. */
static void add_stripes(struct command *c, char (*nodes)[NODE_SIZE], size_t nr,
			size_t stripe)
{
	char *at = add_target(c, "striped", nr * sectors(nodes[0]));
	size_t i;

	at += sprintf(at, "%zu %zu", nr, stripe / 512);
	for (i = 0; i < nr; i++)
		at += sprintf(at, " %s 0", nodes[i]);
}

static int create(const char *name, struct command *load)
{
	struct command make = { }, resume = { };
	int rc = dm_do(DM_DEV_CREATE, name, &make);

	if (rc)
		return rc;
	rc = dm_do(DM_TABLE_LOAD, name, load);
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

static int find_node(const char *name, char *node, size_t len)
{
	struct command c = { };
	int rc = dm_do(DM_DEV_STATUS, name, &c);

	if (!rc)
		snprintf(node, len, "/dev/dm-%u", minor(c.head.dev));
	return rc;
}

static int each(const char *segments, int (*fn)(const char *name))
{
	char list[64], *name, *rest = list;

	snprintf(list, sizeof(list), "%s", segments);
	while ((name = strsep(&rest, ":")))
		if (fn(name))
			return KSFT_FAIL;
	return KSFT_PASS;
}

static int forget(const char *name)
{
	store("remove", name);
	return KSFT_PASS;
}

static int is_refused(const char *name)
{
	return refused(NULL, "remove", name, EBUSY);
}

static int remove_now(const char *name)
{
	int rc = store("remove", name);

	return rc ? wrong("remove %s: %s", name, strerror(rc)) : KSFT_PASS;
}

static char nodes[MAX_NODES][NODE_SIZE];
static size_t nr_nodes;

static int add_node(const char *name)
{
	if (nr_nodes == MAX_NODES || add_segment(name))
		return KSFT_FAIL;
	return node_of(name, nodes[nr_nodes++], NODE_SIZE);
}

void dm_forget(const char *name, const char *segments)
{
	dm_remove(name);
	each(segments, forget);
}

int dm_over(const char *name, const char *segments, size_t stripe, char *node,
	    size_t len)
{
	struct command load = { };
	int rc;

	dm_forget(name, segments);
	nr_nodes = 0;
	if (each(segments, add_node))
		return KSFT_FAIL;
	if (stripe)
		add_stripes(&load, nodes, nr_nodes, stripe);
	else
		add_linear(&load, nodes, nr_nodes);
	rc = create(name, &load);
	if (!rc)
		rc = find_node(name, node, len);
	if (rc)
		return wrong("device mapper: %s", strerror(rc));
	return each(segments, is_refused);
}

int dm_remove_settled(const char *name)
{
	unsigned int tries = 0;
	int rc;

	/* udev and others look at a device that is new, or was written to. */
	do {
		rc = dm_remove(name);
	} while (still_busy(rc, &tries));
	return rc ? wrong("device mapper: %s", strerror(rc)) : KSFT_PASS;
}

int dm_remove_segments(const char *segments)
{
	return each(segments, remove_now);
}
