// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual z/VM's logic, tested on the host, without QEMU. TAP on stdout.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "zvm.h"

static int number, failures;

static void result(bool ok, const char *name, const char *detail)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++number, name);
	if (!ok && detail)
		printf("# %s\n", detail);
	failures += !ok;
}

/* A guest of 1 MiB whose segments live nowhere; calls are counted. */
static uint8_t guest[1 << 20];
static int loads, purges, saves;
static int load_result;
static long save_result = 7;

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

static struct zvm *new_vm(void)
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

static void free_vm(struct zvm *vm)
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

/* What is typed, and a piece of the message, or NULL where it has to be taken. */
static const struct {
	const char *what;
	const char *key;
	const char *value;
	const char *message;
} options[] = {
	{ "storage: one size", "storage", "512M", NULL },
	{ "storage: extents", "storage", "0-144M,152M-1G", NULL },
	{ "storage: eight extents", "storage",
	  "0-64M,65M-66M,67M-68M,69M-70M,71M-72M,73M-74M,75M-76M,77M-78M", NULL },
	{ "storage: nine extents", "storage",
	  "0-64M,65M-66M,67M-68M,69M-70M,71M-72M,73M-74M,75M-76M,77M-78M,79M-80M", "more than 8" },
	{ "storage: empty", "storage", "", "not SIZE" },
	{ "storage: no unit", "storage", "512", "not SIZE" },
	{ "storage: unknown unit", "storage", "512X", "not SIZE" },
	{ "storage: negative", "storage", "-512M", "not SIZE" },
	{ "storage: part of a megabyte", "storage", "0-65M,66M-67000K", "multiple of 1M" },
	{ "storage: backwards", "storage", "0-144M,160M-152M", "empty" },
	{ "storage: overlapping", "storage", "0-144M,100M-1G", "overlap" },
	{ "storage: too high", "storage", "0-144M,512G-513G", "above 512G" },
	{ "storage: overflow", "storage", "99999999999G", "above 512G" },
	{ "storage: does not begin at 0", "storage", "1M-512M", "begin" },
	{ "storage: too small", "storage", "16M", "begin" },
	{ "storage: trailing comma", "storage", "512M,", "not SIZE" },
	{ "dcss: simple", "dcss", "A,SW,20000-200FF", NULL },
	{ "dcss: lower case", "dcss", "lower,sr,2a000-2a0ff", NULL },
	{ "dcss: one page", "dcss", "A,SW,20003-20003", NULL },
	{ "dcss: several ranges", "dcss", "A,EW,20000-200FF+20100-201FF", NULL },
	{ "dcss: several types", "dcss", "A,EW+EN,20000-200FF+20100-201FF", NULL },
	{ "dcss: up to 512 GiB", "dcss", "A,SN,7FFFF00-7FFFFFF", NULL },
	{ "dcss: 2047 MiB", "dcss", "A,SN,100000-17FEFF", NULL },
	{ "dcss: 2047 MiB and a page", "dcss", "A,SN,100000-17FF00", "2047 MiB" },
	{ "dcss: empty", "dcss", "", "name is empty" },
	{ "dcss: empty name", "dcss", ",SW,20000-200FF", "name is empty" },
	{ "dcss: nine characters", "dcss", "NINECHARS,SW,20000-200FF", "longer than 8" },
	{ "dcss: name with a blank", "dcss", "A B,SW,20000-200FF", "does not allow" },
	{ "dcss: name alone", "dcss", "A", "want NAME" },
	{ "dcss: no range", "dcss", "A,SW", "want NAME" },
	{ "dcss: empty type", "dcss", "A,,20000-200FF", "type '' is unknown" },
	{ "dcss: unknown type", "dcss", "A,XX,20000-200FF", "type 'XX' is unknown" },
	{ "dcss: long type", "dcss", "A,SWX,20000-200FF", "unknown" },
	{ "dcss: empty range", "dcss", "A,SW,", "page range" },
	{ "dcss: no dash", "dcss", "A,SW,20000", "page range" },
	{ "dcss: not hex", "dcss", "A,SW,2000G-20100", "page range" },
	{ "dcss: 0x", "dcss", "A,SW,0x20000-0x20100", "page range" },
	{ "dcss: negative", "dcss", "A,SW,-20000-20100", "page range" },
	{ "dcss: backwards", "dcss", "A,SW,20100-20000", "ends before" },
	{ "dcss: above 512 GiB", "dcss", "A,SW,7FFFFFF-8000000", "512 GiB" },
	{ "dcss: overflow", "dcss", "A,SW,0-FFFFFFFFFFFFFFFFFFFF", "page range" },
	{ "dcss: ranges overlap", "dcss", "A,EW,20000-20010+20010-20020", "overlap" },
	{ "dcss: ranges descend", "dcss", "A,EW,20010-20020+20000-20008", "descend" },
	{ "dcss: trailing +", "dcss", "A,EW,20000-20010+", "page range" },
	{ "dcss: more types than ranges", "dcss", "A,EW+EN,20000-20010", "more types" },
	{ "dcss: fewer types than ranges", "dcss",
	  "A,EW+EN,20000-20010+20011-20012+20013-20014", "fewer types" },
	{ "dcss: image is missing", "dcss", "A,SW,20000-20010,/does/not/exist", "is missing" },
	{ "dcss: image is a directory", "dcss", "A,SW,20000-20010,/tmp", "not a regular file" },
	{ "dcss: image without a name", "dcss", "A,SW,20000-20010,", "is empty" },
	{ "dcss: image is too large", "dcss", "A,SW,20000-20000,/proc/self/exe", "larger than" },
	{ "cp-fail: everywhere", "cp-fail", "LOADSHR,44", NULL },
	{ "cp-fail: one segment", "cp-fail", "SAVESEG,FS,449", NULL },
	{ "cp-fail: a few times", "cp-fail", "purgeseg,fs,4*3", NULL },
	{ "cp-fail: empty", "cp-fail", "", "is not FUNCTION" },
	{ "cp-fail: no return code", "cp-fail", "LOADSHR", "is not FUNCTION" },
	{ "cp-fail: unknown function", "cp-fail", "LOADXXX,44", "'LOADXXX' is unknown" },
	{ "cp-fail: return code 0", "cp-fail", "LOADSHR,0", "1 to 9999" },
	{ "cp-fail: negative return code", "cp-fail", "LOADSHR,-1", "1 to 9999" },
	{ "cp-fail: return code is a word", "cp-fail", "LOADSHR,FS,x", "1 to 9999" },
	{ "cp-fail: no times", "cp-fail", "LOADSHR,44*0", "1 to 9999" },
	{ "cp-fail: long name", "cp-fail", "LOADSHR,NINECHARS,44", "longer than 8" },
	{ "cp-fail: too many words", "cp-fail", "LOADSHR,A,44,5", "is not FUNCTION" },
};

static void test_options(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		struct zvm *vm = new_vm();
		char err[256] = "taken";
		int rc = zvm_configure(vm, options[i].key, options[i].value, err, sizeof(err));

		result(options[i].message ? rc && strstr(err, options[i].message) : !rc,
		       options[i].what, err);
		free_vm(vm);
	}
}

/* 64 KiB of anything is refused, with a message of a line. */
static void test_long(void)
{
	static const char * const keys[] = { "storage", "dcss", "cp-fail" };
	char *value = malloc(65537), err[256], name[64];
	static const char fill[] = "A0,-+\xff\n*";
	size_t i, j;

	for (i = 0; i < 3; i++) {
		for (j = 0; j < sizeof(fill) - 1; j++) {
			struct zvm *vm = new_vm();

			memset(value, fill[j], 65536);
			value[65536] = '\0';
			snprintf(name, sizeof(name), "%s: 64 KiB of \\%03o", keys[i],
				 (unsigned char)fill[j]);
			result(zvm_configure(vm, keys[i], value, err, sizeof(err)) &&
			       strlen(err) < 255, name, err);
			free_vm(vm);
		}
	}
	free(value);
}

/* Pairs of segments, and storage from 0 to 512M. */
static const struct {
	const char *what;
	const char *first;
	const char *second;
	const char *message;
} pairs[] = {
	{ "neighbours", "A,SW,20000-200FF", "B,SW,20100-201FF", NULL },
	{ "same megabyte", "A,SW,20000-20003", "B,SW,20004-20005", NULL },
	{ "same name", "A,SW,20000-200FF", "a,SW,30000-300FF", "twice" },
	{ "overlap by a page", "A,SW,20000-200FF", "B,SW,200FF-201FF", "overlap" },
	{ "one inside the other", "A,SW,20000-200FF", "B,SW,20010-20010", "overlap" },
	{ "last page of storage", "A,SW,20000-200FF", "B,SW,1FFFF-1FFFF", "storage" },
};

static void test_conflicts(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct zvm *vm = new_vm();
		char err[256] = "taken";
		int rc;

		zvm_configure(vm, "storage", "512M", err, sizeof(err));
		zvm_configure(vm, "dcss", pairs[i].first, err, sizeof(err));
		rc = zvm_configure(vm, "dcss", pairs[i].second, err, sizeof(err));
		result(pairs[i].message ? rc && strstr(err, pairs[i].message) : !rc,
		       pairs[i].what, err);
		free_vm(vm);
	}
}

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

static void put_name(uint64_t addr, const char *name)
{
	int i;

	for (i = 0; i < 8; i++)
		guest[addr + i] = ebcdic_from_ascii(*name ? *name++ : ' ');
}

static int diag64(struct zvm *vm, uint64_t function, const char *name, uint64_t *rx, uint64_t *ry)
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

static uint64_t be(uint64_t addr, int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | guest[addr++];
	return value;
}

static struct zvm *vm_with(const char *dcss)
{
	struct zvm *vm = new_vm();
	char err[256];

	if (zvm_configure(vm, "storage", "512M", err, sizeof(err)) ||
	    zvm_configure(vm, "dcss", dcss, err, sizeof(err)))
		printf("# %s\n", err);
	return vm;
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

/* Issue a CP command; the answer is left, in ASCII, in @response. */
static int diag08(struct zvm *vm, const char *command, char *response, size_t room, int *rc)
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

static const struct {
	const char *command;
	int rc;
	const char *response;
} commands[] = {
	{ "QUERY CONSOLE", 0, "CONS 0009" },
	{ "Q CONS", 0, "CONS 0009" },
	{ "QUERY TERM", 0, "CONMODE 3215" },
	{ "TERM CONMODE 3215", 0, "" },
	{ "TERM CONMODE", 26, "HCPCFS026E" },
	{ "", 0, "" },
	{ "   ", 0, "" },
	{ "FOO BAR", 1, "HCPCMD001E Unknown CP command: FOO\n" },
	{ "query console", 1, "HCPCMD001E Unknown CP command: query\n" },
	{ "QUERY", 26, "HCPCQU026E" },
	{ "QUERY FOO", 3, "HCPCQU003E Invalid option - FOO\n" },
	{ "QUERY NSS", 26, "HCPCQU026E" },
	{ "QUERY NSS MAP", 0,
	  "0001 FS       DCSS     N/A      20000  200FF   EW   A  00000  N/A      N/A\n" },
	{ "Q NSS NAME FS MAP", 0,
	  "FILE FILENAME FILETYPE MINSIZE  BEGPAG ENDPAG TYPE CL #USERS PARMREGS VMGROUP\n" },
	{ "Q NSS NAME OTHER MAP", 0, "NO NSS FILES" },
	{ "Q NSS MAP MORE", 26, "HCPCQU026E" },
	{ "DEFSEG", 26, "HCPNSD026E" },
	{ "DEFSEG NEW", 2, "Invalid operand - NEW" },
	{ "DEFSEG NEW 20000-20010", 2, "Invalid operand - 20000-20010" },
	{ "DEFSEG NEW 20000-20010 XX", 2, "Invalid operand - XX" },
	{ "DEFSEG NEW 20010-20000 EW", 2, "Invalid operand - 20010-20000" },
	{ "DEFSEG TOOLONGNAME 20000-20010 EW", 2, "Invalid operand" },
	{ "DEFSEG FS 20000-200FF EW", 0, "HCPNSD440I Saved segment FS was" },
	{ "SAVESEG", 26, "HCPNSS026E" },
	{ "SAVESEG FS", 441, "FS" },
	{ "PURGE NSS NAME OTHER", 0, "NO FILES PURGED" },
	{ "PURGE NSS NAME FS", 0, "0001 FILE PURGED" },
	{ "PURGE SEG FS", 0, "0001 FILE PURGED" },
	{ "PURGE FS", 26, "HCPPUR026E" },
	{ "ZVM FAIL FOO,3", 2, "unknown" },
	{ "ZVM HOLD", 26, "HCPZVM026E" },
	{ "ZVM HOLD FS", 2, "HCPZVM002E" },
	{ "ZVM HOLD FS FOO,FS*1", 2, "unknown" },
	{ "ZVM HOLD FS LOADSHR,FS", 2, "is not FUNCTION,NAME*COUNT" },
	{ "ZVM HOLD FS LOADSHR,TOOLONGNAME*1", 2, "TOOLONGNAME" },
	{ "ZVM DEFINE", 2, "HCPZVM002E" },
	{ "ZVM DEFINE FOO FS 20000-200FF EW", 2, "use NOW, LOADSHR" },
	{ "ZVM DEFINE NOW", 26, "HCPZVM026E" },
	{ "ZVM DEFINE NOW FS 20000-200FF", 2, "Invalid operand - 20000-200FF" },
};

static void test_commands(void)
{
	char response[8192];
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		struct zvm *vm = vm_with("FS,EW,20000-200FF");

		diag08(vm, commands[i].command, response, sizeof(response) - 1, &rc);
		result(rc == commands[i].rc && strstr(response, commands[i].response),
		       *commands[i].command ? commands[i].command : "no command", response);
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

static void test_save(void)
{
	struct zvm *vm = vm_with("FS,EW,20000-200FF");
	char response[8192];
	uint64_t rx, ry;
	int rc;

	diag08(vm, "DEFSEG FS 20000-200FF EW", response, 4096, &rc);
	diag08(vm, "SAVESEG FS", response, 4096, &rc);
	result(rc == 443 && !saves, "SAVESEG of one that is not loaded is refused", response);
	diag64(vm, 0x20, "FS", &rx, &ry);
	diag08(vm, "SAVESEG FS", response, 4096, &rc);
	result(!rc && saves == 1, "SAVESEG", response);
	diag08(vm, "SAVESEG FS", response, 4096, &rc);
	result(rc == 441 && saves == 1, "SAVESEG needs a DEFSEG each time", response);
	diag08(vm, "Q NSS MAP", response, 4096, &rc);
	result(strstr(response, "P  00001") && strstr(response, "A  00000"),
	       "QUERY NSS MAP: the old one is pending purge, the new one active", response);
	diag64(vm, 0x08, "FS", &rx, &ry);
	diag08(vm, "Q NSS MAP", response, 4096, &rc);
	result(!strstr(response, "P  0000") && purges == 1, "PURGESEG ends the old one", response);
	result(!diag64(vm, 0x24, "FS", &rx, &ry), "the new one can be loaded", NULL);
	diag08(vm, "DEFSEG FS 20000-200FF EW", response, 4096, &rc);
	save_result = -1;
	diag08(vm, "SAVESEG FS", response, 4096, &rc);
	result(rc == 177 && vm->segments->class == 'A', "SAVESEG: the host's trouble is an error",
	       response);
	free_vm(vm);
}

/* Until the other segment is loaded, or for ever, which is an error. */
static void test_save_held(void)
{
	struct zvm *vm = vm_with("FS,EW,20000-200FF");
	char response[8192];
	uint64_t rx, ry;
	int i, rc;

	zvm_configure(vm, "dcss", "OTHER,EW,20200-202FF", response, sizeof(response));
	diag64(vm, 0x20, "FS", &rx, &ry);
	diag64(vm, 0x20, "OTHER", &rx, &ry);
	diag08(vm, "ZVM HOLD FS LOADNSR,OTHER*1", response, 4096, &rc);
	diag08(vm, "DEFSEG FS 20000-200FF EW", response, 4096, &rc);
	result(diag08(vm, "SAVESEG FS", response, 4096, &rc) == CP_AGAIN &&
	       diag08(vm, "SAVESEG FS", response, 4096, &rc) == CP_AGAIN,
	       "ZVM HOLD: SAVESEG goes on", NULL);
	diag64(vm, 0x24, "FS", &rx, &ry);
	result(diag08(vm, "SAVESEG FS", response, 4096, &rc) == CP_AGAIN,
	       "ZVM HOLD: it is for another one", NULL);
	diag64(vm, 0x24, "OTHER", &rx, &ry);
	result(diag08(vm, "SAVESEG FS", response, 4096, &rc) > 0 && !rc, "ZVM HOLD: SAVESEG ends",
	       response);
	diag08(vm, "ZVM HOLD FS LOADNSR,OTHER*1", response, 4096, &rc);
	diag08(vm, "DEFSEG FS 20000-200FF EW", response, 4096, &rc);
	for (i = 0; diag08(vm, "SAVESEG FS", response, 4096, &rc) == CP_AGAIN; i++)
		;
	result(i > 100 && rc == 9998, "ZVM HOLD: in vain", response);
	free_vm(vm);
}

/* Another user's segment: who has the old one keeps it, the next load is of the new one. */
static void test_define_anew(void)
{
	struct zvm *vm = vm_with("FS,EW,20000-200FF");
	char response[8192];
	uint64_t rx, ry;
	int rc;

	diag08(vm, "ZVM DEFINE FINDSEGA FS 30000-300FF EW", response, 4096, &rc);
	result(!rc && !diag64(vm, 0x20, "FS", &rx, &ry) && rx == 0x20000000,
	       "ZVM DEFINE: not before", response);
	diag64(vm, 0x38, "FS", &rx, &ry);
	result(seg_find(vm, "FS", 'P') && seg_start(seg_find(vm, "FS", 'P')) == 0x20000000 &&
	       seg_start(seg_find(vm, "FS", 'A')) == 0x30000000,
	       "ZVM DEFINE: after FINDSEGA, what is loaded stays", NULL);
	diag64(vm, 0x08, "FS", &rx, &ry);
	result(!seg_find(vm, "FS", 'P') && !diag64(vm, 0x20, "FS", &rx, &ry) && rx == 0x30000000,
	       "ZVM DEFINE: the next load", NULL);
	diag64(vm, 0x08, "FS", &rx, &ry);
	diag08(vm, "ZVM DEFINE NOW FS 20000-200FF SR", response, 4096, &rc);
	result(!rc && !seg_find(vm, "FS", 'P') && !diag64(vm, 0x20, "FS", &rx, &ry) &&
	       rx == 0x20000000, "ZVM DEFINE NOW", response);
	free_vm(vm);
}

static void test_save_types(void)
{
	struct zvm *vm = vm_with("SN,SN,20000-200FF");
	char response[8192];
	uint64_t rx, ry;
	int rc;

	diag64(vm, 0x20, "SN", &rx, &ry);
	diag08(vm, "DEFSEG SN 20000-200FF SN", response, 4096, &rc);
	diag08(vm, "SAVESEG SN", response, 4096, &rc);
	result(rc == 442 && !saves, "SAVESEG: SN cannot be saved", response);
	diag08(vm, "ZVM FAIL DEFSEG,SN,77", response, 4096, &rc);
	diag08(vm, "DEFSEG SN 20000-200FF SN", response, 4096, &rc);
	result(rc == 77, "ZVM FAIL: DEFSEG", response);
	diag08(vm, "ZVM FAIL OFF", response, 4096, &rc);
	diag08(vm, "DEFSEG SN 20000-200FF EW", response, 4096, &rc);
	result(rc == 0, "ZVM FAIL OFF", response);
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
	test_options();
	test_long();
	test_conflicts();
	test_ebcdic();
	test_stsi();
	test_find();
	test_load();
	test_fail();
	test_commands();
	test_response();
	test_save();
	test_save_types();
	test_save_held();
	test_define_anew();
	test_diag260();
	test_transcript();
	printf("1..%d\n", number);
	return failures != 0;
}
