/* SPDX-License-Identifier: GPL-2.0 */
/* Say what went wrong, in the results. */
#ifndef DCSS_SAY_H
#define DCSS_SAY_H

/* With or without errno; both return KSFT_FAIL. */
int fails(const char *fmt, ...) __printf(1, 2);
int wrong(const char *fmt, ...) __printf(1, 2);
/* What is missing; returns KSFT_SKIP. */
int skip(const char *fmt, ...) __printf(1, 2);

#endif
