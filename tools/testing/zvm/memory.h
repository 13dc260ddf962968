/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory, for who provides it: plugin.c, and test-memory.c.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "zvm.h"

/* How the host names guest memory that is a memory-backend-memfd (zvm-run). */
#define MEMORY_NAME	"memory-backend-memfd"

/*
 * Something that the emulator knows of this page, at guest address @addr, is
 * not true any more. @content is what is there now.
 */
typedef void memory_changed(uint64_t addr, const uint8_t *content);

extern const struct zvm_memory guest_memory;

void memory_init(uint64_t size, memory_changed *changed);
void memory_attach(struct zvm *vm);
void memory_clear(struct zvm *vm);
void memory_note_code(const uint8_t *host);
bool memory_open(const void *host, uint64_t *addr);
void memory_open_all(void);
void memory_forbidden(struct zvm *vm, uint64_t addr);
void memory_check(struct zvm *vm);

#endif /* MEMORY_H */
