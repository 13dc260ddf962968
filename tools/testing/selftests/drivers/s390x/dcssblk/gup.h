/* SPDX-License-Identifier: GPL-2.0 */
/* The cases of gup, see the table in gup.c for what each of them shows. */
#ifndef DCSS_GUP_H
#define DCSS_GUP_H

#include "dcss.h"

int io_direct_write_other(struct area *a);
int io_direct_read_other(struct area *a);
int io_direct_write_same(struct area *a);
int io_direct_read_same(struct area *a);
int io_direct_vector(struct area *a);
int io_uring_write(struct area *a);
int io_uring_read(struct area *a);
int io_uring_refused(struct area *a);
int io_vmsplice(struct area *a);
int io_tee(struct area *a);
int io_vmsplice_file(struct area *a);
int io_vmsplice_in(struct area *a);
int io_splice_file(struct area *a);
int io_dev_mem(struct area *a);

int task_readv(struct area *a);
int task_writev(struct area *a);
int task_writev_part(struct area *a);
int task_mem_read(struct area *a);
int task_mem_write(struct area *a);
int task_mem_force(struct area *a);
int task_ptrace_peek(struct area *a);
int task_ptrace_poke(struct area *a);
int task_breakpoint(struct area *a);
int task_futex(struct area *a);
int task_futex_requeue(struct area *a);
int task_core(struct area *a);
int task_uprobe(struct area *a);

int mm_mlock(struct area *a);
int mm_mlockall(struct area *a);
int mm_populate_read(struct area *a);
int mm_populate_write(struct area *a);
int mm_fork(struct area *a);
int mm_fork_pinned(struct area *a);
int mm_pagemap(struct area *a);
int mm_smaps(struct area *a);
int mm_mremap(struct area *a);
int mm_mprotect(struct area *a);
int mm_unmap_part(struct area *a);
int mm_dontneed(struct area *a);
int mm_sync(struct area *a);

#endif
