// SPDX-License-Identifier: GPL-2.0
/*
 * Somebody else who is where a DCSS is, as long as this module is loaded:
 * another driver that has a segment loaded in shared mode, as monreader would;
 * or guest storage, as CP would never put it next to a segment: a page that the
 * kernel takes for some; or who has a reference to a page of a segment.
 */
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <asm/extmem.h>

static char segment[9];
module_param_string(segment, segment, sizeof(segment), 0444);
MODULE_PARM_DESC(segment, "name of a segment to load");

static unsigned long storage;
module_param(storage, ulong, 0444);
MODULE_PARM_DESC(storage, "address of a page that is to be guest storage");

static unsigned long page;
module_param(page, ulong, 0444);
MODULE_PARM_DESC(page, "address of a page to have a reference to");

static struct resource ram = {
	.name = "System RAM",
	.flags = IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY,
};

static int __init dcss_user_init(void)
{
	unsigned long start, end;
	int rc = 0;

	if (page) {
		if (!pfn_valid(PHYS_PFN(page)))
			return -ENXIO;
		get_page(pfn_to_page(PHYS_PFN(page)));
		return 0;
	}
	if (*segment)
		rc = segment_load(segment, SEGMENT_SHARED, &start, &end);
	if (rc < 0 || !storage)
		return min(rc, 0);
	ram.start = storage;
	ram.end = storage + PAGE_SIZE - 1;
	rc = request_resource(&iomem_resource, &ram);
	if (rc && *segment)
		segment_unload(segment);
	return rc;
}

static void __exit dcss_user_exit(void)
{
	if (page)
		put_page(pfn_to_page(PHYS_PFN(page)));
	if (storage)
		release_resource(&ram);
	if (*segment)
		segment_unload(segment);
}

module_init(dcss_user_init);
module_exit(dcss_user_exit);

MODULE_DESCRIPTION("Test of DCSSs with more than one user");
MODULE_LICENSE("GPL");
