/* SPDX-License-Identifier: GPL-2.0 */
/* Steps that are done with one segment after the other. */
#ifndef DCSS_STEPS_H
#define DCSS_STEPS_H

struct step {
	const char *what;
	int (*run)(void);
};

/* The segment of this round, SEGMENT[:SEGMENT...]=TYPE on the command line. */
extern char seg_list[512], seg_name[16];
extern const char *seg_type;

/*
 * Adds a case for each step, the last of which has no @what, with the segment of
 * word @nr of the command line. What is behind one that fails is skipped, and the
 * segment unmounted from @mountpoint and removed.
 */
void add_steps(int nr, const struct step *steps, const char *mountpoint);

#endif
