// SPDX-License-Identifier: GPL-2.0
/*
 * What the tests on the host have in common: TAP on stdout, a guest without
 * QEMU, and the instructions by which it talks to CP.
 */
#include <stdlib.h>
#include <string.h>

#include "test.h"

static int number, failures;

/**
 * result() - one test
 * @ok: it passes
 * @name: what it shows
 * @detail: what to say where it does not, or NULL
 */
void result(bool ok, const char *name, const char *detail)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++number, name);
	if (!ok && detail)
		printf("# %s\n", detail);
	failures += !ok;
}

/**
 * test_end() - the end of a program
 *
 * Return: its exit status.
 */
int test_end(void)
{
	printf("1..%d\n", number);
	return failures != 0;
}

uint8_t guest[GUEST_BYTES];
int loads, purges, saves, load_result;
long save_result;

static void *fake_real(struct zvm *vm, uint64_t addr, size_t len)
{
	(void)vm;
	return addr < sizeof(guest) && len <= sizeof(guest) - addr ? guest + addr : NULL;
}

static int fake_load(struct zvm *vm, struct segment *seg)
{
	(void)vm;
	(void)seg;
	loads++;
	return load_result;
}

static void fake_purge(struct zvm *vm, struct segment *seg)
{
	(void)vm;
	(void)seg;
	purges++;
}

static long fake_save(struct zvm *vm, struct segment *seg)
{
	(void)vm;
	(void)seg;
	saves++;
	return save_result;
}

static const struct zvm_memory fake = { fake_real, fake_load, fake_purge, fake_save };

/** new_vm() - a virtual machine without storage and segments */
struct zvm *new_vm(void)
{
	struct zvm *vm = calloc(1, sizeof(*vm));

	vm->mem = &fake;
	vm->nr_cpus = 3;
	loads = 0;
	purges = 0;
	saves = 0;
	load_result = 0;
	save_result = 7;
	memset(guest, 0, sizeof(guest));
	return vm;
}

/**
 * free_vm() - the end of a virtual machine
 * @vm: virtual machine
 */
void free_vm(struct zvm *vm)
{
	char err[64];

	while (vm->segments) {
		struct segment *seg = vm->segments;

		seg_remove(vm, seg);
		seg_free(seg);
	}
	cp_add_fail(vm, "OFF", err, sizeof(err));
	free(vm);
}

/**
 * vm_with() - a virtual machine with 512 MiB of storage and a segment
 * @dcss: as for zvm-run
 */
struct zvm *vm_with(const char *dcss)
{
	struct zvm *vm = new_vm();
	char err[256];

	if (zvm_configure(vm, "storage", "512M", err, sizeof(err)) ||
	    zvm_configure(vm, "dcss", dcss, err, sizeof(err)))
		printf("# %s\n", err);
	return vm;
}

static void put_name(uint64_t addr, const char *name)
{
	int i;

	for (i = 0; i < 8; i++)
		guest[addr + i] = ebcdic_from_ascii(*name ? *name++ : ' ');
}

/**
 * diag64() - DIAGNOSE X'64' as Linux issues it
 * @vm: virtual machine
 * @function: function
 * @name: segment
 * @rx: receives the first result
 * @ry: receives the second result
 *
 * Return: condition code.
 */
int diag64(struct zvm *vm, uint64_t function, const char *name, uint64_t *rx, uint64_t *ry)
{
	*rx = 0x1000;
	*ry = function;
	memset(guest + 0x1000, 0, 64);
	if (function == 0x38) {
		guest[0x1000] = 0x0c;
		put_name(0x1008, name);
		guest[0x1012] = 0x20;
		guest[0x1015] = 120;
	} else {
		put_name(0x1000, name);
	}
	return cp_diag_64(vm, rx, ry);
}

/**
 * diag08() - a CP command by DIAGNOSE X'08'
 * @vm: virtual machine
 * @command: the command
 * @response: receives the response, in ASCII
 * @room: size of the guest's buffer, less than that of @response
 * @rc: receives the response code
 *
 * Return: length of the response, or with a minus the bytes that did not fit;
 * CP_AGAIN if the command goes on.
 */
int diag08(struct zvm *vm, const char *command, char *response, size_t room, int *rc)
{
	uint64_t rx[2] = { 0x1000, 0x8000 };
	uint64_t ry[2] = { strlen(command) | 0x40000000, room };
	size_t i;
	int cc;

	for (i = 0; command[i]; i++)
		guest[0x1000 + i] = ebcdic_from_ascii(command[i]);
	cc = cp_diag_08(vm, rx, ry);
	*rc = ry[0];
	if (cc == CP_AGAIN)
		return cc;
	for (i = 0; i < ry[1] && i < room; i++)
		response[i] = ebcdic_to_ascii(guest[0x8000 + i]);
	response[i] = '\0';
	return cc ? -(int)ry[1] : (int)ry[1];
}
