// SPDX-License-Identifier: GPL-2.0
/*
 * Struct pages for the storage of discontiguous saved segments
 *
 * A DCSS is storage of the z/VM host that appears in the guest's address
 * space while the segment is loaded. It is no part of the guest's own
 * storage, so it has no struct pages unless somebody adds them. Here they
 * are added as a ZONE_DEVICE range of type MEMORY_DEVICE_FS_DAX, which lets
 * a file system map the storage into processes and lets these use it for
 * whatever get_user_pages() is good for.
 *
 * This file deals in address ranges. Segments, their names and what is built
 * from them are the caller's business.
 */

#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/page_ref.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <asm/dcss_memmap.h>

/**
 * dcss_memmap_add - add struct pages for a range of DCSS storage
 * @memmap: state of the range, filled in here; must stay until
 *          dcss_memmap_remove()
 * @dev: initialised device that the range belongs to
 * @start: first byte of the range, on a page boundary
 * @end: last byte of the range, before a page boundary
 *
 * The segments in the range are loaded, and nobody maps them into the kernel:
 * their owner called segment_unmap(). On success the range is mapped, at
 * __va(@start), until dcss_memmap_remove(). On failure it is not mapped and
 * nothing was added.
 *
 * Memory hotplug works in units of 1 MiB, and so does CP when it allots
 * storage to a DCSS: nothing else can be in a megabyte that a DCSS occupies
 * in part (see DEFSEG in "z/VM: CP Commands and Utilities Reference"). The
 * rest of such a megabyte gets struct pages as well. They are outside of
 * @start to @end, so nobody who asks the owner is handed one of them.
 *
 * One page in 64 of the range is taken from the guest's storage for the
 * struct pages.
 *
 * Context: Process context, may sleep.
 * Return: 0 on success,
 * -EINVAL if the range is empty, not whole pages, or beyond the address
 * range that the kernel can map,
 * -EBUSY if guest storage is in the megabytes of the range,
 * -ENOMEM if there is no memory for the struct pages,
 * -EOPNOTSUPP in a kernel without CONFIG_FS_DAX.
 */
int dcss_memmap_add(struct dcss_memmap *memmap, struct device *dev,
		    phys_addr_t start, phys_addr_t end)
{
	phys_addr_t first = ALIGN_DOWN(start, SUBSECTION_SIZE);
	phys_addr_t last = ALIGN(end + 1, SUBSECTION_SIZE) - 1;
	void *addr;

	if (start >= end || !PAGE_ALIGNED(start | (end + 1)))
		return -EINVAL;
	/* memremap_pages() takes RAM in its range for a driver's bug. */
	if (region_intersects(first, last - first + 1, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return -EBUSY;

	memset(memmap, 0, sizeof(*memmap));
	memmap->dev = dev;
	memmap->pgmap.type = MEMORY_DEVICE_FS_DAX;
	memmap->pgmap.range.start = first;
	memmap->pgmap.range.end = last;
	memmap->pgmap.nr_range = 1;
	addr = devm_memremap_pages(dev, &memmap->pgmap);
	return PTR_ERR_OR_ZERO(addr);
}
EXPORT_SYMBOL_GPL(dcss_memmap_add);

/**
 * dcss_memmap_busy - is a page of a range of DCSS storage in use?
 * @memmap: range, as dcss_memmap_add() left it
 *
 * As long as a page is in use the storage behind it must stay what it is. A
 * file system keeps its device open until nobody uses a page of its files any
 * more, in a pipe or by direct I/O. Others in the kernel need not.
 *
 * The answer is stable only if it is false and the caller keeps the range from
 * being mounted, and only as far as file systems go.
 *
 * Context: Process context, may sleep.
 * Return: true if a page has references beyond the one of an idle page.
 */
bool dcss_memmap_busy(const struct dcss_memmap *memmap)
{
	const struct range *range = &memmap->pgmap.range;
	unsigned long pfn, end_pfn = PHYS_PFN(range->end + 1);

	for (pfn = PHYS_PFN(range->start); pfn < end_pfn; pfn++) {
		if (page_ref_count(pfn_to_page(pfn)) > 1)
			return true;
		if (!(pfn % PAGES_PER_SECTION))
			cond_resched();
	}
	return false;
}
EXPORT_SYMBOL_GPL(dcss_memmap_busy);

/*
 * memunmap_pages() waits for nobody who has pinned a page. Without a reference
 * left, pages cannot be pinned any more.
 */
static bool dcss_memmap_freeze(struct dcss_memmap *memmap)
{
	unsigned long first = PHYS_PFN(memmap->pgmap.range.start);
	unsigned long pfn, end_pfn = PHYS_PFN(memmap->pgmap.range.end + 1);

	for (pfn = first; pfn < end_pfn; pfn++) {
		if (!page_ref_freeze(pfn_to_page(pfn), 1))
			goto undo;
		if (!(pfn % PAGES_PER_SECTION))
			cond_resched();
	}
	return true;

undo:
	while (pfn-- > first)
		page_ref_unfreeze(pfn_to_page(pfn), 1);
	return false;
}

/**
 * dcss_memmap_remove - remove the struct pages of a range of DCSS storage
 * @memmap: range, as dcss_memmap_add() left it
 *
 * When this succeeds, the range is no longer mapped into the kernel. Only then
 * may its segments be unloaded.
 *
 * The caller sees to it that no file system is mounted from the range. Who has
 * got a page in another way may keep it as long as he likes, so this does not
 * wait for him.
 *
 * Context: Process context, may sleep.
 * Return: 0, or -EBUSY if a page is in use. Nothing was removed then.
 */
int dcss_memmap_remove(struct dcss_memmap *memmap)
{
	if (!dcss_memmap_freeze(memmap))
		return -EBUSY;
	devm_memunmap_pages(memmap->dev, &memmap->pgmap);
	return 0;
}
EXPORT_SYMBOL_GPL(dcss_memmap_remove);
