/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of soak have to contain, and mappings of them. */
#ifndef DCSS_SOAK_MODEL_H
#define DCSS_SOAK_MODEL_H

#include "soak_base.h"

struct view {
	struct worker *w;
	struct file *f;
	int fd;
	char path[160];
	size_t off;
	size_t len;		/* whole pages */
	size_t used;		/* ... as far as the file goes */
	char *want;		/* the model's bytes there */
	char *map;
};

void path_of(const struct worker *w, int i, char *path);
void forget(struct file *f);
void copy_model(struct file *to, const struct file *from);
void now_saved(struct worker *w);
void resize(struct file *f, size_t size);
void scribble(char *buf, size_t len);
void same(const char *what, const char *got, const char *want,
	  size_t len, size_t off);
void check_range(struct worker *w, int fd, struct file *f, size_t off,
		 size_t len);
void check_file(struct worker *w, int i);
void check_files(struct worker *w, int first);
void write_at(struct view *v, size_t off, size_t len);
void open_nth(struct worker *w, struct view *v, int i);
void open_view(struct worker *w, struct view *v);
void make_longer(struct view *v, size_t len);
void no_holes(struct view *v);
void no_tail(struct view *v);
void map_range(struct view *v, int prot, int flags);
void view_of(struct worker *w, struct view *v, int prot, int flags);
void unmap(struct view *v);
void close_view(struct view *v);
void check_view(struct view *v);
void touch_view(struct view *v, bool write);
void wait_for(pid_t pid, const char *what);

#endif
