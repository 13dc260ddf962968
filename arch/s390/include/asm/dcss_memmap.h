/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Struct pages for the storage of discontiguous saved segments
 */

#ifndef _ASM_S390_DCSS_MEMMAP_H
#define _ASM_S390_DCSS_MEMMAP_H

#include <linux/errno.h>
#include <linux/memremap.h>
#include <linux/types.h>

struct device;

/**
 * struct dcss_memmap - the struct pages of one range of DCSS storage
 * @pgmap: the range as memory hotplug knows it, whole megabytes
 * @dev: device that the range belongs to
 * @start: first byte that the owner may hand out
 * @end: last byte that the owner may hand out
 *
 * Opaque to the owner, who provides the memory for it.
 */
struct dcss_memmap {
	struct dev_pagemap pgmap;
	struct device *dev;
	phys_addr_t start;
	phys_addr_t end;
};

#ifdef CONFIG_FS_DAX
int dcss_memmap_add(struct dcss_memmap *memmap, struct device *dev,
		    phys_addr_t start, phys_addr_t end);
void dcss_memmap_remove(struct dcss_memmap *memmap);
bool dcss_memmap_busy(const struct dcss_memmap *memmap);
#else
static inline int dcss_memmap_add(struct dcss_memmap *memmap,
				  struct device *dev,
				  phys_addr_t start, phys_addr_t end)
{
	return -EOPNOTSUPP;
}

static inline void dcss_memmap_remove(struct dcss_memmap *memmap)
{
}

static inline bool dcss_memmap_busy(const struct dcss_memmap *memmap)
{
	return false;
}
#endif

#endif /* _ASM_S390_DCSS_MEMMAP_H */
