// SPDX-License-Identifier: GPL-2.0
/*
 * A file system that drops what it has cached of a file, as virtiofs does: once,
 * as this module is loaded.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pagemap.h>

static char *file;
module_param(file, charp, 0444);
MODULE_PARM_DESC(file, "path of a file whose page cache is to be dropped");

/* What is in use stays, and is no error. */
static int __init dax_invalidate_init(void)
{
	struct file *f = filp_open(file, O_RDONLY, 0);

	if (IS_ERR(f))
		return PTR_ERR(f);
	invalidate_inode_pages2(f->f_mapping);
	return filp_close(f, NULL);
}

static void __exit dax_invalidate_exit(void)
{
}

module_init(dax_invalidate_init);
module_exit(dax_invalidate_exit);

MODULE_DESCRIPTION("Test of DAX files whose page cache is dropped");
MODULE_LICENSE("GPL");
