/* SPDX-License-Identifier: GPL-2.0 */
/* Users of get_user_pages(): each file has a table of them. */
#ifndef DCSS_GUP_H
#define DCSS_GUP_H

void gup_io(void);	/* direct I/O, io_uring, pipes */
void gup_task(void);	/* the memory of another process, futexes, core dumps */
void gup_mm(void);	/* mappings themselves */
void gup_run(void);	/* pages that are taken at once */

#endif
