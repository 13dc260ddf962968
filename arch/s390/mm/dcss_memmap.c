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
 * One page in 64 of the range would be taken from the guest's storage for the
 * struct pages, and execute in place is there to save storage. Until a page is
 * handed out, its struct page is like all others. So all of them are mapped to
 * one page of struct pages, the template, read-only, and most of them by one page
 * table. A stretch of 64 pages gets a page of struct pages of its own before one
 * of its pages is handed out, and loses it when the range is not used any more. See
 * Documentation/arch/s390/dcss-memmap.rst.
 *
 * This file deals in address ranges. Segments, their names and what is built
 * from them are the caller's business.
 */

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/mmzone.h>
#include <linux/page_ref.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmstat.h>
#include <asm/dcss_memmap.h>

/* As many struct pages are in a page of them, if there is a template. */
#define STRETCH_PAGES	64

/* As many stretches have their struct pages mapped by one page table. */
#define TABLE_STRETCHES	PTRS_PER_PTE

/* How many pages are allocated at a time, for stretches that follow each other. */
#define POPULATE_BATCH	4UL

/* The first page frame of a stretch, and how many stretches there are. */
static unsigned long dcss_memmap_pfn(const struct dcss_memmap *memmap,
				     unsigned long stretch)
{
	return PHYS_PFN(memmap->pgmap.range.start) +
		stretch * STRETCH_PAGES;
}

static unsigned long dcss_memmap_stretches(const struct dcss_memmap *memmap)
{
	return PHYS_PFN(range_len(&memmap->pgmap.range)) / STRETCH_PAGES;
}

static void dcss_memmap_free_template(struct dcss_memmap *memmap)
{
	kvfree(memmap->own);
	kvfree(memmap->fixed);
	memmap->own = NULL;
	memmap->fixed = NULL;
	vmemmap_free_template(memmap->pgmap.memmap_template);
	memmap->pgmap.memmap_template = NULL;
}

/* Without a template, all struct pages are there all the time. */
static int dcss_memmap_alloc_template(struct dcss_memmap *memmap)
{
	unsigned long nr = dcss_memmap_stretches(memmap);

	/* KMSAN makes them larger. And it takes CSPG or CRDTE. */
	if (STRETCH_PAGES * sizeof(struct page) != PAGE_SIZE ||
	    !MACHINE_HAS_IDTE)
		return 0;
	memmap->pgmap.memmap_template = vmemmap_alloc_template();
	/* 256 KiB each for the largest segment: not in one piece. */
	memmap->own = kvcalloc(BITS_TO_LONGS(nr), sizeof(long), GFP_KERNEL);
	memmap->fixed = kvcalloc(BITS_TO_LONGS(nr), sizeof(long), GFP_KERNEL);
	if (memmap->pgmap.memmap_template && memmap->own && memmap->fixed)
		return 0;
	dcss_memmap_free_template(memmap);
	return -ENOMEM;
}

/* Where other storage is near, struct pages may have been there before. */
static void dcss_memmap_find_fixed(struct dcss_memmap *memmap)
{
	unsigned long i, pfn, nr = dcss_memmap_stretches(memmap);
	unsigned long end_pfn = dcss_memmap_pfn(memmap, nr);

	for (i = 0; i < nr; i++) {
		pfn = vmemmap_template_end(dcss_memmap_pfn(memmap, i), end_pfn);
		i = (pfn - dcss_memmap_pfn(memmap, 0)) / STRETCH_PAGES;
		if (i >= nr)
			break;
		set_bit(i, memmap->fixed);
		set_bit(i, memmap->own);
	}
}

/* How many stretches have got struct pages of their own, and not always had them. */
static long dcss_memmap_nr_on_demand(const struct dcss_memmap *memmap)
{
	unsigned long nr = dcss_memmap_stretches(memmap);

	if (!memmap->own)
		return 0;
	return bitmap_weight(memmap->own, nr) - bitmap_weight(memmap->fixed, nr);
}

/* Moves *i on to a stretch that has struct pages of its own, if there is one. */
static bool dcss_memmap_find_own(const struct dcss_memmap *memmap,
				 unsigned long *i)
{
	unsigned long nr = dcss_memmap_stretches(memmap);

	if (memmap->own)
		*i = find_next_bit(memmap->own, nr, *i);
	return *i < nr;
}

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
 * Before a page is handed out, it takes dcss_memmap_populate().
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
	int rc;

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
	spin_lock_init(&memmap->lock);
	rc = dcss_memmap_alloc_template(memmap);
	if (rc)
		return rc;
	addr = devm_memremap_pages(dev, &memmap->pgmap);
	if (IS_ERR(addr)) {
		dcss_memmap_free_template(memmap);
		return PTR_ERR(addr);
	}
	if (memmap->own)
		dcss_memmap_find_fixed(memmap);
	return 0;
}
EXPORT_SYMBOL_GPL(dcss_memmap_add);

/* See to it that struct pages of a stretch can be replaced without those of others. */
static int dcss_memmap_need_table(struct dcss_memmap *memmap, unsigned long i)
{
	unsigned long pfn = dcss_memmap_pfn(memmap, i);
	pte_t *table;

	if (vmemmap_has_own_table(pfn))
		return 0;
	table = vmemmap_alloc_table(memmap->pgmap.memmap_template);
	if (!table)
		return -ENOMEM;
	spin_lock(&memmap->lock);
	if (!vmemmap_has_own_table(pfn)) {
		vmemmap_set_own_table(pfn, table);
		table = NULL;
	}
	spin_unlock(&memmap->lock);
	vmemmap_free_table(table);
	return 0;
}

/* Give a stretch @page for its struct pages. Does not, if it has one by now. */
static bool dcss_memmap_set_own(struct dcss_memmap *memmap, unsigned long i,
				struct page *page)
{
	bool done = false;

	copy_page(page, memmap->pgmap.memmap_template);
	spin_lock(&memmap->lock);
	if (!test_bit(i, memmap->own)) {
		vmemmap_set_own(dcss_memmap_pfn(memmap, i), page, false);
		/* Who sees the bit sees what it stands for. */
		smp_mb__before_atomic();
		set_bit(i, memmap->own);
		done = true;
	}
	spin_unlock(&memmap->lock);
	if (done)
		memmap_pages_add(1);
	return done;
}

/**
 * dcss_memmap_populate - have struct pages for pages to be handed out
 * @memmap: range, as dcss_memmap_add() left it
 * @start: address of the first page, inside the range
 * @nr_pages: number of pages, all inside the range
 *
 * Takes a page of the guest's storage for each 64 pages, aligned, of which none
 * has been handed out since dcss_memmap_trim(), and one for their page table for
 * each 16384 of which that holds.
 *
 * Context: Process context, may sleep. An allocation is GFP_KERNEL; a caller who
 * must not wait for file systems says so by memalloc_nofs_save().
 * Return: 0, -EINVAL if the pages are not in the range, or -ENOMEM. What was there
 * before stays then.
 */
int dcss_memmap_populate(struct dcss_memmap *memmap, phys_addr_t start,
			 unsigned long nr_pages)
{
	unsigned long first = PHYS_PFN(start - memmap->pgmap.range.start);
	struct page *pages[POPULATE_BATCH] = {};
	unsigned long i, last, nr = 0;
	void *page;
	int rc = 0;

	if (!memmap->own || !nr_pages)
		return 0;
	last = (first + nr_pages - 1) / STRETCH_PAGES;
	if (WARN_ON_ONCE(last >= dcss_memmap_stretches(memmap)))
		return -EINVAL;
	for (i = first / STRETCH_PAGES; i <= last; i++) {
		if (test_bit_acquire(i, memmap->own))
			continue;
		rc = dcss_memmap_need_table(memmap, i);
		if (rc)
			break;
		if (!nr) {
			nr = min(last - i + 1, POPULATE_BATCH);
			nr = alloc_pages_bulk_array(GFP_KERNEL, nr, pages);
			if (!nr)
				return -ENOMEM;
		}
		page = page_address(pages[--nr]);
		pages[nr] = NULL;
		if (!dcss_memmap_set_own(memmap, i, page))
			free_page((unsigned long)page);
	}
	while (nr)
		__free_page(pages[--nr]);
	return rc;
}
EXPORT_SYMBOL_GPL(dcss_memmap_populate);

static bool dcss_memmap_stretch_busy(const struct dcss_memmap *memmap,
				     unsigned long i)
{
	struct page *page = pfn_to_page(dcss_memmap_pfn(memmap, i));
	unsigned int n;

	for (n = 0; n < STRETCH_PAGES; n++, page++) {
		if (page_ref_count(page) > 1)
			return true;
	}
	return false;
}

/*
 * A page that is mapped belongs to a file, or to several that share it and have no
 * mapping then, and need not have references.
 */
static bool dcss_memmap_stretch_mapped(const struct dcss_memmap *memmap,
				       unsigned long i)
{
	struct page *page = pfn_to_page(dcss_memmap_pfn(memmap, i));
	unsigned int n;

	for (n = 0; n < STRETCH_PAGES; n++, page++) {
		if (page->mapping || page->share)
			return true;
	}
	return false;
}

static void dcss_memmap_drop_own(struct dcss_memmap *memmap, unsigned long i)
{
	unsigned long pfn = dcss_memmap_pfn(memmap, i);
	struct page *page = vmemmap_get_own(pfn);

	spin_lock(&memmap->lock);
	clear_bit(i, memmap->own);
	vmemmap_set_own(pfn, memmap->pgmap.memmap_template, true);
	spin_unlock(&memmap->lock);
	free_page((unsigned long)page);
	memmap_pages_add(-1);
}

/* The first stretch from which on a page table is for this range alone. */
static unsigned long dcss_memmap_first_table(const struct dcss_memmap *memmap)
{
	unsigned long addr;

	addr = (unsigned long)pfn_to_page(dcss_memmap_pfn(memmap, 0));
	return (ALIGN(addr, PMD_SIZE) - addr) / PAGE_SIZE;
}

static void dcss_memmap_drop_table(struct dcss_memmap *memmap, unsigned long i)
{
	pte_t *table;

	spin_lock(&memmap->lock);
	table = vmemmap_drop_own_table(dcss_memmap_pfn(memmap, i),
				       memmap->pgmap.memmap_template);
	spin_unlock(&memmap->lock);
	vmemmap_free_table(table);
}

static void dcss_memmap_trim_tables(struct dcss_memmap *memmap)
{
	unsigned long nr = dcss_memmap_stretches(memmap);
	unsigned long i, end;

	/* Who walks the kernel's page tables, to print them, holds this. */
	mmap_write_lock(&init_mm);
	for (i = dcss_memmap_first_table(memmap); i < nr; i = end) {
		end = i + TABLE_STRETCHES;
		if (end > nr || find_next_bit(memmap->own, end, i) < end)
			continue;
		if (vmemmap_has_own_table(dcss_memmap_pfn(memmap, i)))
			dcss_memmap_drop_table(memmap, i);
		cond_resched();
	}
	mmap_write_unlock(&init_mm);
}

/**
 * dcss_memmap_trim - take back the struct pages of what is idle
 * @memmap: range, as dcss_memmap_add() left it
 *
 * For a range that nobody uses: no file system is mounted from it, and nobody
 * calls dcss_memmap_populate() meanwhile. Pages may still be in use by others,
 * and keep their struct pages until this is called once more.
 *
 * Context: Process context, may sleep.
 * Return: true if a page is still in use.
 */
bool dcss_memmap_trim(struct dcss_memmap *memmap)
{
	unsigned long i;
	bool busy = false;

	/* GUP-fast takes a reference before it sees that a page is unmapped. */
	dax_sync_gup_fast();
	for (i = 0; dcss_memmap_find_own(memmap, &i); i++) {
		if (dcss_memmap_stretch_busy(memmap, i))
			busy = true;
		else if (memmap->own && !test_bit(i, memmap->fixed) &&
			 !dcss_memmap_stretch_mapped(memmap, i))
			dcss_memmap_drop_own(memmap, i);
		cond_resched();
	}
	if (memmap->own)
		dcss_memmap_trim_tables(memmap);
	return busy;
}
EXPORT_SYMBOL_GPL(dcss_memmap_trim);

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
	unsigned long i;

	for (i = 0; dcss_memmap_find_own(memmap, &i); i++) {
		if (dcss_memmap_stretch_busy(memmap, i))
			return true;
		cond_resched();
	}
	return false;
}
EXPORT_SYMBOL_GPL(dcss_memmap_busy);

/*
 * memunmap_pages() waits for nobody who has pinned a page. Without a reference
 * left, pages cannot be pinned any more.
 */
static void dcss_memmap_unfreeze_pages(struct page *page, unsigned int nr)
{
	while (nr--)
		page_ref_unfreeze(page + nr, 1);
}

static bool dcss_memmap_freeze_stretch(struct page *page)
{
	unsigned int n;

	for (n = 0; n < STRETCH_PAGES; n++) {
		if (!page_ref_freeze(page + n, 1)) {
			dcss_memmap_unfreeze_pages(page, n);
			return false;
		}
	}
	return true;
}

static bool dcss_memmap_freeze(struct dcss_memmap *memmap)
{
	unsigned long i, k;

	for (i = 0; dcss_memmap_find_own(memmap, &i); i++) {
		if (!dcss_memmap_freeze_stretch(pfn_to_page(dcss_memmap_pfn(memmap, i))))
			goto undo;
		cond_resched();
	}
	return true;

undo:
	for (k = 0; dcss_memmap_find_own(memmap, &k); k++) {
		if (k == i)
			break;
		dcss_memmap_unfreeze_pages(pfn_to_page(dcss_memmap_pfn(memmap, k)),
					   STRETCH_PAGES);
	}
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
	/* The pages that were there on demand are free by now. */
	memmap_pages_add(-dcss_memmap_nr_on_demand(memmap));
	dcss_memmap_free_template(memmap);
	return 0;
}
EXPORT_SYMBOL_GPL(dcss_memmap_remove);
