/* SPDX-License-Identifier: GPL-2.0 */
/* That all is as it was before soak. */
#ifndef DCSS_SOAK_STATE_H
#define DCSS_SOAK_STATE_H

#include "soak_base.h"

#define NR_STATE_TESTS	5

struct state_test {
	const char *name;
	int (*run)(void);
};

extern const struct state_test state_tests[NR_STATE_TESTS];

void remember(void);
void sweep(void);

#endif
