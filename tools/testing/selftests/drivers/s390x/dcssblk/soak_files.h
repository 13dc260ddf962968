/* SPDX-License-Identifier: GPL-2.0 */
/* What soak does with files. */
#ifndef DCSS_SOAK_FILES_H
#define DCSS_SOAK_FILES_H

#include "soak_model.h"

/* One operation of soak. */
struct op {
	const char *name;
	void (*run)(struct worker *w);
	unsigned int weight;
};

extern const struct op file_ops[];
extern const size_t nr_file_ops;

/* Those that are a part of an operation on devices, too. */
void op_write(struct worker *w);
void op_map_shared(struct worker *w);
void op_map_private(struct worker *w);
void splice_in(struct view *v, int *fds, size_t off, size_t len);
void pipe_is(struct worker *w, int *fds, const char *want, size_t len,
	     const char *what);

#endif
