/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Struct pages for the storage of discontiguous saved segments
 */

#ifndef _ASM_S390_DCSS_MEMMAP_H
#define _ASM_S390_DCSS_MEMMAP_H

#include <linux/errno.h>
#include <linux/memremap.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct device;

/**
 * struct dcss_memmap - the struct pages of one range of DCSS storage
 * @pgmap: the range as memory hotplug knows it, whole megabytes
 * @dev: device that the range belongs to
 * @lock: who gives a stretch of the range struct pages of its own, or takes them,
 *	and a page table for them
 * @own: a bit for each stretch that has struct pages of its own
 * @fixed: those which have them all the time
 *
 * Opaque to the owner, who provides the memory for it.
 */
struct dcss_memmap {
	struct dev_pagemap pgmap;
	struct device *dev;
	spinlock_t lock;	/* who changes own, and page tables */
	unsigned long *own;
	unsigned long *fixed;
};

#if defined(CONFIG_FS_DAX) && defined(CONFIG_ZONE_DEVICE)
int dcss_memmap_add(struct dcss_memmap *memmap, struct device *dev,
		    phys_addr_t start, phys_addr_t end);
int dcss_memmap_remove(struct dcss_memmap *memmap);
int dcss_memmap_populate(struct dcss_memmap *memmap, phys_addr_t start,
			 unsigned long nr_pages);
bool dcss_memmap_trim(struct dcss_memmap *memmap);
bool dcss_memmap_busy(const struct dcss_memmap *memmap);
#else
static inline int dcss_memmap_add(struct dcss_memmap *memmap,
				  struct device *dev,
				  phys_addr_t start, phys_addr_t end)
{
	return -EOPNOTSUPP;
}

static inline int dcss_memmap_remove(struct dcss_memmap *memmap)
{
	return 0;
}

static inline int dcss_memmap_populate(struct dcss_memmap *memmap,
				       phys_addr_t start,
				       unsigned long nr_pages)
{
	return -EOPNOTSUPP;
}

static inline bool dcss_memmap_trim(struct dcss_memmap *memmap)
{
	return false;
}

static inline bool dcss_memmap_busy(const struct dcss_memmap *memmap)
{
	return false;
}
#endif

#endif /* _ASM_S390_DCSS_MEMMAP_H */
