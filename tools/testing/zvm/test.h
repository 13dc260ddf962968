/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests on the host have in common.
 */
#ifndef TEST_H
#define TEST_H

#include "zvm.h"

#define GUEST_BYTES	(1 << 20)

void result(bool ok, const char *name, const char *detail);
int test_end(void);

/* A guest of 1 MiB whose segments live nowhere: what CP did is counted ... */
extern uint8_t guest[GUEST_BYTES];
extern int loads, purges, saves;
/* ... and comes to this. */
extern int load_result;
extern long save_result;

struct zvm *new_vm(void);
struct zvm *vm_with(const char *dcss);
void free_vm(struct zvm *vm);
int diag64(struct zvm *vm, uint64_t function, const char *name, uint64_t *rx, uint64_t *ry);
int diag08(struct zvm *vm, const char *command, char *response, size_t room, int *rc);

#endif /* TEST_H */
