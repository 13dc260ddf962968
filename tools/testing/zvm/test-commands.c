// SPDX-License-Identifier: GPL-2.0
/*
 * CP's commands. One that is new gets a row or more here.
 */
#include <string.h>

#include "test.h"

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
	{ "QUERYNSS MAP", 1, "Unknown CP command: QUERYNSS" },
	{ "QU  TERMI", 0, "CONMODE 3215" },
	{ "Q TER", 3, "HCPCQU003E Invalid option - TER\n" },
	{ "Q TERMINALS", 3, "Invalid option - TERMINALS\n" },
	{ " PUR SEG FS ", 0, "0001 FILE PURGED" },
	{ "PU SEG FS", 1, "Unknown CP command: PU\n" },
	{ "TERM CONMOD 3270", 0, "" },
	{ "TERM CONM 3279", 26, "HCPCFS026E" },
	{ "TERM CON 3215", 26, "HCPCFS026E" },
	{ "SAVESE FS", 1, "Unknown CP command: SAVESE\n" },
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
	{ "PURGE NSS FS", 26, "HCPPUR026E" },
	{ "PURGE NSS NAME", 26, "HCPPUR026E" },
	{ "ZVM", 26, "HCPZVM026E" },
	{ "ZVM FOO", 26, "HCPZVM026E" },
	{ "ZVM FAIL", 26, "HCPZVM026E" },
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

int main(void)
{
	puts("TAP version 13");
	test_commands();
	test_save();
	test_save_types();
	test_save_held();
	test_define_anew();
	return test_end();
}
