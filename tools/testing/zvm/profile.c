// SPDX-License-Identifier: GPL-2.0
/*
 * Where a guest's instructions go: a second plugin for QEMU, which counts how often
 * each block of code is executed between two marks. The marks are instructions of a
 * program in the guest that do nothing: "nopr %r3" begins and "nopr %r5" ends it,
 * as often as there is need. All CPUs count, and interrupts do, too: with --icount
 * and one CPU the same program gives the same figures.
 *
 * QEMU calls it for whole blocks. A block that an exception leaves early counts as a
 * whole; with --icount these are few.
 *
 * Writes lines of an address, in hex, and how many instructions of the block there
 * were executed. profile-report makes functions of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu-api.h"

/* BCR with a mask of zero: Principles of Operation, "BRANCH ON CONDITION". */
#define MARK_BEGIN	0x0703
#define MARK_END	0x0705

struct block {
	uint64_t vaddr;
	size_t insns;
	uint64_t executed;
	struct block *next;
};

static struct block *blocks;
static bool counting;
static FILE *out;

__attribute__((visibility("default"))) int qemu_plugin_version = QEMU_PLUGIN_API_VERSION;

static void begin(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	__atomic_store_n(&counting, true, __ATOMIC_RELAXED);
}

static void end(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	__atomic_store_n(&counting, false, __ATOMIC_RELAXED);
}

static void execute(unsigned int vcpu, void *data)
{
	struct block *block = data;

	(void)vcpu;
	if (__atomic_load_n(&counting, __ATOMIC_RELAXED))
		__atomic_fetch_add(&block->executed, 1, __ATOMIC_RELAXED);
}

static void look_for_marks(struct qemu_plugin_insn *insn)
{
	uint8_t code[2];

	if (qemu_plugin_insn_data(insn, code, 2) != 2)
		return;
	switch (code[0] << 8 | code[1]) {
	case MARK_BEGIN:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, QEMU_PLUGIN_CB_NO_REGS, NULL);
		break;
	case MARK_END:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, end, QEMU_PLUGIN_CB_NO_REGS, NULL);
		break;
	}
}

/* Blocks are translated by one CPU at a time or by several: the list is theirs. */
static void translate(struct qemu_plugin_tb *tb, void *data)
{
	struct block *block = calloc(1, sizeof(*block));
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)data;
	if (!block) {
		fputs("profile: out of memory\n", stderr);
		exit(1);
	}
	block->vaddr = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	block->insns = n;
	block->next = __atomic_load_n(&blocks, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&blocks, &block->next, block, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
	for (i = 0; i < n; i++)
		look_for_marks(qemu_plugin_tb_get_insn(tb, i));
	qemu_plugin_register_vcpu_tb_exec_cb(tb, execute, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void finish(void *data)
{
	struct block *block;

	(void)data;
	for (block = __atomic_load_n(&blocks, __ATOMIC_ACQUIRE); block; block = block->next)
		if (block->executed)
			fprintf(out, "%016llx %llu\n", (unsigned long long)block->vaddr,
				(unsigned long long)block->executed * block->insns);
	if (fclose(out))
		fprintf(stderr, "profile: %s\n", strerror(errno));
}

__attribute__((visibility("default")))
int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fputs("profile: want out=FILE, as zvm-run gives it\n", stderr);
		return 1;
	}
	out = fopen(argv[0] + 4, "we");
	if (!out) {
		fprintf(stderr, "profile: cannot write '%s': %s\n", argv[0] + 4, strerror(errno));
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate, NULL);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
