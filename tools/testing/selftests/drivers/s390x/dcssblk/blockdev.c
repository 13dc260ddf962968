// SPDX-License-Identifier: GPL-2.0
/* A block device that is no DCSS, see blockdev.h. */
#include <fcntl.h>
#include <unistd.h>

#include "../../../kselftest.h"
#include "blockdev.h"
#include "proc.h"

bool is_blockdev(const char *segment)
{
	return *segment == '/';
}

int blockdev_store(const char *attr, const char *node)
{
	int fd = open(node, strcmp(attr, "remove") ? O_RDONLY :
						     O_RDONLY | O_EXCL);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* drivers/nvdimm/namespace_devs.c has the attributes. */
static int attribute(const char *node, const char *name,
		     unsigned long long *value)
{
	char path[256], text[64];

	snprintf(path, sizeof(path), "/sys/block/%s/device/%s",
		 strrchr(node, '/') + 1, name);
	if (get_string(path, text, sizeof(text)))
		return -1;
	*value = strtoull(text, NULL, 0);
	return 0;
}

static int blockdev_range(const char *node, unsigned long long *first,
			  unsigned long long *last)
{
	if (attribute(node, "resource", first) ||
	    attribute(node, "size", last) || !*last)
		return -1;
	*last += *first - 1;
	return 0;
}

int segment_range(const char *segment, unsigned long long *first,
		  unsigned long long *last)
{
	return is_blockdev(segment) ? blockdev_range(segment, first, last) :
				      iomem_range(segment, first, last);
}
