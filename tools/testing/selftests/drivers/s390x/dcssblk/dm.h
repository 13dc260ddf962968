/* SPDX-License-Identifier: GPL-2.0 */
/* A device mapper device of whole block devices, one behind the other. */
#ifndef DCSS_DM_H
#define DCSS_DM_H

#include <stddef.h>

/* Each returns 0 or an errno. */
int dm_linear(const char *name, const char *const *nodes, size_t nr);
int dm_remove(const char *name);

/* Its node in /dev. */
int dm_node(const char *name, char *node, size_t len);

#endif
