// SPDX-License-Identifier: GPL-2.0
/*
 * What CP answers to instructions.
 */
#include <stdlib.h>
#include <string.h>

#include "test.h"

static void test_ebcdic(void)
{
	bool there_and_back = true, distinct = true;
	int i, j;

	for (i = ' '; i < 127; i++) {
		there_and_back &= ebcdic_to_ascii(ebcdic_from_ascii(i)) == i;
		for (j = i + 1; j < 127; j++)
			distinct &= ebcdic_from_ascii(i) != ebcdic_from_ascii(j);
	}
	result(there_and_back, "EBCDIC: every printable character survives", NULL);
	result(distinct, "EBCDIC: no two characters are the same", NULL);
	/* arch/s390/kernel/early.c compares with these bytes. */
	result(ebcdic_from_ascii('z') == 0xa9 && ebcdic_from_ascii('/') == 0x61 &&
	       ebcdic_from_ascii('V') == 0xe5 && ebcdic_from_ascii('M') == 0xd4,
	       "EBCDIC: z/VM as Linux looks for it", NULL);
	result(ebcdic_from_ascii('\n') == 0x15, "EBCDIC: lines end in NL", NULL);
}

static void test_stsi(void)
{
	struct zvm *vm = new_vm();
	uint8_t sysib[4096];

	memset(sysib, 0xff, sizeof(sysib));
	cp_stsi_322(vm, sysib);
	result(sysib[31] == 1, "SYSIB 3.2.2: one level of virtual machines", NULL);
	result(!memcmp(sysib + 56, "\xa9\x61\xe5\xd4\x40", 5),
	       "SYSIB 3.2.2: control program", NULL);
	result(sysib[36] == 0 && sysib[37] == 3 && sysib[39] == 3, "SYSIB 3.2.2: CPUs", NULL);
	result(!sysib[0] && !sysib[4095], "SYSIB 3.2.2: the rest is zero", NULL);
	free_vm(vm);
}

static uint64_t be(uint64_t addr, int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | guest[addr++];
	return value;
}

static void test_find(void)
{
	struct zvm *vm = vm_with("FS,EW+EN,20000-200FF+20100-2017F");
	uint64_t rx, ry;

	result(diag64(vm, 0x38, "FS", &rx, &ry) == 1, "FINDSEGA: not loaded is cc 1", NULL);
	result(be(0x2000, 8) == 0x20000000 && be(0x2008, 8) == 0x2017ffff,
	       "FINDSEGA: first and last byte", NULL);
	result(be(0x2010, 4) == 2, "FINDSEGA: number of ranges", NULL);
	result(be(0x2018, 8) == 0x20000001 && be(0x2020, 8) == 0x200fffff,
	       "FINDSEGA: first range, EW", NULL);
	result(be(0x2028, 8) == 0x20100005 && be(0x2030, 8) == 0x2017ffff,
	       "FINDSEGA: second range, EN", NULL);
	result(diag64(vm, 0x38, "OTHER", &rx, &ry) == 2 && ry == 44, "FINDSEGA: unknown is rc 44",
	       NULL);
	diag64(vm, 0x20, "FS", &rx, &ry);
	result(diag64(vm, 0x38, "FS", &rx, &ry) == 0, "FINDSEGA: loaded is cc 0", NULL);
	free_vm(vm);
}

static void test_load(void)
{
	struct zvm *vm = vm_with("FS,EW,20000-200FF");
	uint64_t rx, ry;

	result(!diag64(vm, 0x20, "FS", &rx, &ry) && rx == 0x20000000 && ry == 0x200fffff &&
	       loads == 1 && vm->segments->load == SEG_SHARED, "LOADSHRX", NULL);
	result(!diag64(vm, 0x24, "FS", &rx, &ry) && purges == 1 && loads == 2 &&
	       vm->segments->load == SEG_NONSHARED, "LOADNSRX of a loaded one purges it", NULL);
	result(!diag64(vm, 0x08, "FS", &rx, &ry) && purges == 2 &&
	       vm->segments->load == SEG_PURGED, "PURGESEG", NULL);
	result(diag64(vm, 0x08, "FS", &rx, &ry) == 1 && purges == 2,
	       "PURGESEG of one that is not loaded is cc 1", NULL);
	result(diag64(vm, 0x20, "fs", &rx, &ry) == 2 && ry == 44, "LOADSHRX: lower case is rc 44",
	       NULL);
	result(diag64(vm, 0x08, "", &rx, &ry) == 2 && ry == 44, "PURGESEG: empty name is rc 44",
	       NULL);
	load_result = -1;
	result(diag64(vm, 0x20, "FS", &rx, &ry) == 2 && ry == 177 &&
	       vm->segments->load == SEG_PURGED, "LOADSHRX: the host's trouble is a paging error",
	       NULL);
	result(diag64(vm, 0x99, "FS", &rx, &ry) == CP_NOT_MINE, "X'64': unknown function", NULL);
	rx = sizeof(guest) - 4;
	ry = 0x20;
	result(cp_diag_64(vm, &rx, &ry) == CP_NOT_MINE, "X'64': name outside of storage", NULL);
	free_vm(vm);
}

/* A segment of a system that other guests can have. */
static void test_place(void)
{
	static const struct { const char *what, *storage; bool loaded; } table[] = {
		{ "LOADSHRX: over storage", "1G", false },
		{ "LOADSHRX: above storage with a gap", "0-144M,152M-256M", false },
		{ "LOADSHRX: in another gap than the lowest", "0-144M,152M-512M,513M-1G", false },
		{ "LOADSHRX: in the lowest gap", "0-512M,513M-1G,2G-3G", true },
		{ "LOADSHRX: directly above storage", "512M", true },
		{ "LOADSHRX: above extents without a gap", "0-144M,144M-512M", true },
	};
	char err[256];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		struct zvm *vm = vm_with("FS,EW,20000-200FF");
		uint64_t rx, ry;
		int before, cc;

		before = zvm_configure(vm, "storage", table[i].storage, err, sizeof(err));
		cc = diag64(vm, 0x20, "FS", &rx, &ry);
		result(!before && (table[i].loaded ? !cc && loads == 1 :
		       cc == 2 && ry == 28 && !loads && vm->segments->load == SEG_PURGED),
		       table[i].what, NULL);
		free_vm(vm);
	}
}

static void test_fail(void)
{
	static const struct { const char *rule; uint64_t function; } table[] = {
		{ "LOADSHR,FS,33*1", 0x20 }, { "LOADNSR,33*1", 0x24 },
		{ "PURGESEG,fs,33*1", 0x08 }, { "FINDSEGA,33*1", 0x38 },
	};
	uint64_t rx, ry;
	char err[256];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		struct zvm *vm = vm_with("FS,EW,20000-200FF");
		bool failed, again;

		zvm_configure(vm, "cp-fail", table[i].rule, err, sizeof(err));
		failed = diag64(vm, table[i].function, "FS", &rx, &ry) == 2 && ry == 33;
		again = diag64(vm, table[i].function, "FS", &rx, &ry) == 2;
		result(failed && !again, table[i].rule, "fails once and not twice");
		free_vm(vm);
	}
}

static void test_response(void)
{
	struct zvm *vm = vm_with("FS,EW,20000-200FF");
	char response[64];
	uint64_t rx[2] = { 0x1000, 0x8000 }, ry[2] = { 241, 0 };
	int rc;

	result(diag08(vm, "FOO", response, 35, &rc) == 35, "X'08': the response just fits", NULL);
	result(diag08(vm, "FOO", response, 34, &rc) == -1 && rc == 1,
	       "X'08': one byte too many is counted", NULL);
	result(diag08(vm, "FOO", response, 0, &rc) == -35, "X'08': no room at all", NULL);
	result(cp_diag_08(vm, rx, ry) == CP_NOT_MINE, "X'08': a command of 241 characters", NULL);
	ry[0] = 3;
	result(!cp_diag_08(vm, rx, ry) && ry[1] == 0, "X'08': no response wanted", NULL);
	free_vm(vm);
}

static void test_diag260(void)
{
	struct zvm *vm = new_vm();
	uint64_t rx[2] = { 0x3000, 128 }, ry = 0x10;
	char err[256];

	zvm_configure(vm, "storage", "0-144M,152M-1G", err, sizeof(err));
	result(!cp_diag_260(vm, rx, &ry) && ry == 2, "X'260': two extents", NULL);
	result(be(0x3000, 8) == 0 && be(0x3008, 8) == 0x8ffffff && be(0x3010, 8) == 0x9800000 &&
	       be(0x3018, 8) == 0x3fffffff, "X'260': first and last bytes", NULL);
	rx[1] = 16;
	ry = 0x10;
	result(cp_diag_260(vm, rx, &ry) == 1 && ry == 2, "X'260': buffer too small is cc 1", NULL);
	ry = 0x11;
	result(cp_diag_260(vm, rx, &ry) == CP_NOT_MINE, "X'260': unknown subcode", NULL);
	free_vm(vm);
}

static void test_transcript(void)
{
	struct zvm *vm = vm_with("FS,EW,20000-200FF");
	char *text = NULL;
	uint64_t rx, ry;
	size_t len;

	vm->transcript = open_memstream(&text, &len);
	diag64(vm, 0x20, "FS", &rx, &ry);
	diag64(vm, 0x20, "\x01?", &rx, &ry);
	fclose(vm->transcript);
	result(strstr(text, "DIAGNOSE X'64' LOADSHRX FS: cc 0, 20000000-200FFFFF\n"),
	       "transcript: a call that succeeds", text);
	result(strstr(text, "cc 2, rc 44\n") && !strchr(text, 1), "transcript: a call that fails",
	       text);
	vm->transcript = NULL;
	free(text);
	free_vm(vm);
}

int main(void)
{
	puts("TAP version 13");
	test_ebcdic();
	test_stsi();
	test_find();
	test_load();
	test_place();
	test_fail();
	test_response();
	test_diag260();
	test_transcript();
	return test_end();
}
