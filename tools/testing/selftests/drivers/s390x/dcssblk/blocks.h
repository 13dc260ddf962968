/* SPDX-License-Identifier: GPL-2.0 */
/* Whose blocks of the file system under test they are. */
#ifndef DCSS_BLOCKS_H
#define DCSS_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>

/* Where the block of a file is on the device, in bytes; 0 for a hole. */
unsigned long long block_at(int fd, size_t off);
/* Does the file share it with another one, or cannot tell? */
bool block_is_shared(int fd, size_t off);
int not_given_away(const unsigned long long *block, size_t nr);

/*
 * Share blocks if they are equal. Returns -1 with errno, or 0 with what the range got in
 * @status: one of FILE_DEDUPE_RANGE_*, or minus an errno.
 */
int dedupe_range(int from, size_t off, int to, size_t to_off, size_t len, int *status);

long free_blocks(void);
int blocks_back(long before, long slack);

/* The flag FS_XFLAG_DAX, of a file and for new files. */
int set_dax(int fd, bool on);
int dax_directory(void);

#endif
