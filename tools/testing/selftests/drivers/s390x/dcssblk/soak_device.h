/* SPDX-License-Identifier: GPL-2.0 */
/* What soak does with devices. */
#ifndef DCSS_SOAK_DEVICE_H
#define DCSS_SOAK_DEVICE_H

#include "soak_files.h"

extern const struct op device_ops[];
extern const size_t nr_device_ops;

void put_attr(struct worker *w, const char *attr, const char *text);
void attr_is(struct worker *w, const char *attr, const char *want);
void do_add(struct worker *w);
void do_remove(struct worker *w);
void mount_dax(struct worker *w);
void do_unmount(struct worker *w);
void lock_device(struct worker *w);
void unlock_device(struct worker *w);
void cross(struct worker *w);
void probe(struct worker *w);

#endif
