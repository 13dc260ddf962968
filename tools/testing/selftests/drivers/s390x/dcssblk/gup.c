// SPDX-License-Identifier: GPL-2.0
/*
 * Users of get_user_pages() on mappings of DAX files on a DCSS.
 *
 * A DAX mapping points at the segment's own pages. Whoever takes pages of a
 * process needs a struct page for each of them: without, the call fails, or
 * worse, works on something else. Each case does what a program does, on each
 * kind of mapping, and compares the data and not only return codes.
 *
 * Usually run by dcssblk.sh. By hand, on a file system mounted -o dax:
 *
 *	gup --other /tmp/not-dax --exec ./xip-hello --segment MYDCSS /mnt/dir
 */
#include "../../../kselftest.h"
#include "dcss.h"
#include "gup.h"

int main(int argc, char **argv)
{
	dcss_parse(argc, argv, "DIRECTORY", NULL);
	gup_io();
	gup_task();
	gup_mm();
	gup_run();
	dcss_run();
}
