/* SPDX-License-Identifier: GPL-2.0 */
/* What files contain, and how they are made. */
#ifndef DCSS_FILES_H
#define DCSS_FILES_H

#include <stddef.h>

void fill(char *buf, size_t len, unsigned int seed);
char *filled(size_t len, unsigned int seed);
int differs(const char *what, const char *got, const char *want, size_t len);
int file_is(int fd, const char *want, size_t len);
int new_file(const char *dir, const char *name, const char *data, size_t len,
	     char *path);
int open_other(const char *dir, const char *name, const char *data, size_t len,
	       int flags);
int copy_file(const char *from, const char *to);

#endif
