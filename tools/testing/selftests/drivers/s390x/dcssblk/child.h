/* SPDX-License-Identifier: GPL-2.0 */
/* Children that do a part of a case. */
#ifndef DCSS_CHILD_H
#define DCSS_CHILD_H

#include <sys/types.h>

/* A child that does not survive its parent. */
pid_t fork_child(void);
/* The KSFT_ value that it exits with. */
int child_result(pid_t pid);

#endif
