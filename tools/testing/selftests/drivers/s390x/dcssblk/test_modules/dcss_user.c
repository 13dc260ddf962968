// SPDX-License-Identifier: GPL-2.0
/*
 * Another driver that uses a DCSS: as long as this module is loaded it has
 * the segment loaded, in shared mode, as monreader would.
 */
#include <linux/module.h>
#include <asm/extmem.h>

static char segment[9];
module_param_string(segment, segment, sizeof(segment), 0444);
MODULE_PARM_DESC(segment, "name of the segment");

static int __init dcss_user_init(void)
{
	unsigned long start, end;
	int rc;

	rc = segment_load(segment, SEGMENT_SHARED, &start, &end);
	return rc < 0 ? rc : 0;
}

static void __exit dcss_user_exit(void)
{
	segment_unload(segment);
}

module_init(dcss_user_init);
module_exit(dcss_user_exit);

MODULE_DESCRIPTION("Test of DCSSs with more than one user");
MODULE_LICENSE("GPL");
