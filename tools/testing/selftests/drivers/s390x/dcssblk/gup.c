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

static const struct dcss_case cases[] = {
	/*
	 * A special PTE in a mapping that is not VM_MIXEDMAP: mlock succeeds
	 * and the kernel reports a bad page map for every page.
	 */
	{ "mlock, munlock", mm_mlock, ANY, ANY, IN_LOG | IN_TABLE },
	{ "mlockall, munlockall", mm_mlockall, ANY, ANY, IN_LOG },

	/*
	 * The block layer pins pages for its bios. A page that a bio takes
	 * for the wrong one shows in the file; EFAULT is a database's end.
	 */
	{ "O_DIRECT write from the mapping", io_direct_write_other, ANY, ANY,
	  NEEDS_OTHER | IN_TABLE },
	/* A private mapping is copied before it is written, so it works. */
	{ "O_DIRECT read into the mapping", io_direct_read_other, WRITABLE,
	  SHARED_RW, NEEDS_OTHER | IN_TABLE },
	/* The bio is made of pages that are not next to each other. */
	{ "O_DIRECT vector in and out", io_direct_vector, WRITABLE,
	  SHARED_RW, NEEDS_OTHER },
	/* DAX copies, there is no bio: this has to keep working. */
	{ "O_DIRECT write, same file system", io_direct_write_same, ANY, 0,
	  NEEDS_WRITE },
	{ "O_DIRECT read, same file system", io_direct_read_same, WRITABLE, 0,
	  NEEDS_WRITE },

	/* As O_DIRECT, but pages may be taken by a worker thread. */
	{ "io_uring write from the mapping", io_uring_write, ANY, ANY,
	  NEEDS_OTHER | IN_TABLE },
	{ "io_uring read into the mapping", io_uring_read, WRITABLE, SHARED_RW,
	  NEEDS_OTHER | IN_TABLE },
	/*
	 * A registered buffer is pinned without an end, and would keep
	 * truncate waiting for ever: FOLL_LONGTERM is not for file system DAX.
	 */
	{ "io_uring fixed buffers are refused", io_uring_refused, WRITABLE,
	  0, 0 },

	/* The pipe holds the page itself: it must be that of the file. */
	{ "vmsplice", io_vmsplice, ANY, ANY, IN_TABLE },
	/* Two pipes hold it: a reference lost or left over. */
	{ "vmsplice and tee", io_tee, ANY, ANY, 0 },
	{ "vmsplice and splice to a file", io_vmsplice_file, ANY, ANY, 0 },
	/* Copies, today; a page that moves into a DAX mapping would be lost. */
	{ "vmsplice from a pipe", io_vmsplice_in, WRITABLE, 0, 0 },
	{ "sendfile, splice from the file", io_splice_file,
	  SHARED_RW | PRIVATE_RO, 0, 0 },
	/* Mapped by their address, pages of the segment are nobody's to keep. */
	{ "vmsplice of /dev/mem is refused", io_dev_mem, 0, 0, NO_MAPPING },

	/*
	 * Remote access. The one who asks has nothing mapped at that address:
	 * a copy-on-write that takes the current address space for the
	 * other's copies zeroes or the debugger's own data.
	 */
	{ "process_vm_readv", task_readv, ANY, ANY, IN_TABLE },
	{ "process_vm_writev", task_writev, WRITABLE, SHARED_RW, IN_TABLE },
	{ "process_vm_writev of a few bytes", task_writev_part, WRITABLE,
	  WRITABLE, 0 },
	{ "/proc/PID/mem read", task_mem_read, ANY, ANY, IN_TABLE },
	{ "/proc/PID/mem write", task_mem_write, WRITABLE, WRITABLE,
	  IN_TABLE },
	/* Forced by a debugger: a copy, or refused; never in the file. */
	{ "/proc/PID/mem write, read-only", task_mem_force,
	  SHARED_RO | PRIVATE_RO, PRIVATE_RO, 0 },
	{ "ptrace peek", task_ptrace_peek, ANY, ANY, IN_TABLE },
	{ "ptrace poke", task_ptrace_poke, WRITABLE, WRITABLE, IN_TABLE },
	/*
	 * The text page is a page of the segment until the debugger writes:
	 * it gets a copy, which has all other instructions of the page.
	 */
	{ "ptrace breakpoint, executed in place", task_breakpoint, 0, 1,
	  NO_MAPPING | NEEDS_WRITE | NEEDS_EXEC | IN_TABLE },
	{ "uprobe, executed in place", task_uprobe, 0, 0,
	  NO_MAPPING | NEEDS_WRITE | NEEDS_EXEC },

	/* The key of a shared futex is the inode that its page belongs to. */
	{ "futex wait, wake", task_futex, SHARED, SHARED,
	  NEEDS_WRITE | IN_TABLE },
	{ "futex requeue", task_futex_requeue, SHARED, SHARED, 0 },

	/* The dump takes page by page; what it cannot get becomes zeroes. */
	{ "core dump", task_core, ANY, ANY, IN_TABLE },

	/* Works without pages, but must not leave bad ones behind. */
	{ "MADV_POPULATE_READ", mm_populate_read, ANY, ANY, IN_LOG },
	{ "MADV_POPULATE_WRITE", mm_populate_write, WRITABLE, WRITABLE,
	  IN_LOG },

	/* Either side writes: a private copy that is not one is seen. */
	{ "fork, both sides write", mm_fork, WRITABLE, WRITABLE,
	  IN_LOG | IN_TABLE },
	/* The page in the pipe stays with the parent. */
	{ "fork with a page in a pipe", mm_fork_pinned,
	  PRIVATE_RW | PRIVATE_MIX, PRIVATE_RW | PRIVATE_MIX, 0 },

	/* The frame is the segment's, and the same for everybody. */
	{ "/proc/PID/pagemap", mm_pagemap, ANY, ANY, IN_LOG },
	{ "smaps, clear_refs", mm_smaps, ANY, ANY, IN_LOG },

	/* A PTE that moves or changes has to stay what it is. */
	{ "mremap of a half", mm_mremap, ANY, ANY, 0 },
	{ "mprotect in the middle", mm_mprotect, WRITABLE, WRITABLE, 0 },
	{ "munmap in the middle", mm_unmap_part, ANY, ANY, 0 },
	{ "MADV_DONTNEED", mm_dontneed, ANY, ANY, 0 },
	/* After a sync the PTE is clean and read-only; GUP makes it dirty. */
	{ "write after msync and fsync", mm_sync, SHARED_RW, SHARED_RW,
	  NEEDS_WRITE },
};

int main(int argc, char **argv)
{
	dcss_parse(argc, argv);
	if (opt.table)
		dcss_table(cases, ARRAY_SIZE(cases));
	dcss_run(cases, ARRAY_SIZE(cases));
}
