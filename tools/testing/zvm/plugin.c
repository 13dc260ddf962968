// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual z/VM inside QEMU: a TCG plugin that answers the instructions by
 * which a guest talks to CP. This file is QEMU's side of it: registers,
 * callbacks and opcodes.
 */
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "qemu-api.h"

/* Where a program interruption finds its things: "Principles of Operation". */
#define LC_PGM_ILC	0x8c
#define LC_PGM_CODE	0x8e
#define LC_BREAKING	0x110
#define LC_PGM_OLD_PSW	0x150
#define LC_PGM_NEW_PSW	0x1d0
/* Those of all classes of interruption, from external to I/O, and where new ones are. */
#define LC_FIRST_OLD_PSW	0x130
#define LC_LAST_OLD_PSW		0x170
#define LC_OLD_TO_NEW_PSW	0x80
#define LC_BYTES	0x2000
#define PGM_SPECIFICATION	6

/* The subcode of QEMU's own DIAGNOSE X'500' by which virtio devices are told. */
#define DIAG500_VIRTIO_CCW_NOTIFY	3

/* Where a frame of a kernel's stack has r14, and the next one (asm/stacktrace.h). */
#define FRAME_R14	136
#define FRAME_BACK_CHAIN	152
#define MAX_CALLERS	16

#define PSW_PROBLEM_STATE	(1ULL << (63 - 15))
#define PSW_CC_SHIFT		(63 - 19)

enum mnemonic { DIAG, STSI, IUCV };

/* One instruction that CP answers, as found in translated code. */
struct site {
	uint64_t vaddr;
	enum mnemonic what;
	uint8_t insn[4];
};

__attribute__((visibility("default"))) int qemu_plugin_version = QEMU_PLUGIN_API_VERSION;

static struct zvm vm = { .nr_cpus = 1 };
static pthread_mutex_t cp_lock = PTHREAD_MUTEX_INITIALIZER;
static struct qemu_plugin_register *gpr[16], *psw_mask, *prefix, *last_break;

/* What each CPU has to report, if it is not 0, before it goes on. */
static qemu_plugin_u64 forbidden;
/* The CPUs of this thread, and where one of them went that is forbidden. */
static __thread unsigned int first_cpu, end_cpu;
static __thread uint64_t forbidden_addr;
/* It is CP that has the thread. */
static __thread bool in_cp;
/*
 * No callback under a condition: with one, QEMU 11 does not get on if it counts
 * instructions and has several CPUs.
 */
static bool no_registers;

static uint64_t *has_forbidden(unsigned int cpu)
{
	return qemu_plugin_scoreboard_find(forbidden.score, cpu);
}

static void enter_cp(void)
{
	pthread_mutex_lock(&cp_lock);
	in_cp = true;
}

static void leave_cp(void)
{
	in_cp = false;
	pthread_mutex_unlock(&cp_lock);
}

static uint64_t get_register(struct qemu_plugin_register *handle)
{
	GByteArray *buf = g_byte_array_new();
	uint64_t value;

	qemu_plugin_read_register(handle, buf);
	memcpy(&value, buf->data, sizeof(value));
	g_byte_array_free(buf, 1);
	return be64toh(value);
}

static void set_register(struct qemu_plugin_register *handle, uint64_t value)
{
	GByteArray *buf = g_byte_array_new();

	value = htobe64(value);
	g_byte_array_append(buf, (uint8_t *)&value, sizeof(value));
	qemu_plugin_write_register(handle, buf);
	g_byte_array_free(buf, 1);
}

static void set_cc(int cc)
{
	uint64_t mask = get_register(psw_mask) & ~(3ULL << PSW_CC_SHIFT);

	set_register(psw_mask, mask | (uint64_t)cc << PSW_CC_SHIFT);
}

static void put_field(uint8_t *lowcore, unsigned int offset, uint64_t value)
{
	value = htobe64(value);
	memcpy(lowcore + offset, &value, sizeof(value));
}

static uint64_t get_field(const uint8_t *lowcore, unsigned int offset)
{
	uint64_t value;

	memcpy(&value, lowcore + offset, sizeof(value));
	return be64toh(value);
}

/* The instruction is suppressed; the guest goes on in its interruption handler. */
static void __noreturn specification_exception(const struct site *site)
{
	uint16_t ilc = htobe16(4), code = htobe16(PGM_SPECIFICATION);
	uint8_t *lowcore = vm.mem->real(&vm, get_register(prefix), LC_BYTES);

	if (!lowcore)
		zvm_die("a CPU's prefix area is not in memory");
	memcpy(lowcore + LC_PGM_ILC, &ilc, sizeof(ilc));
	memcpy(lowcore + LC_PGM_CODE, &code, sizeof(code));
	put_field(lowcore, LC_BREAKING, get_register(last_break));
	put_field(lowcore, LC_PGM_OLD_PSW, get_register(psw_mask));
	put_field(lowcore, LC_PGM_OLD_PSW + 8, site->vaddr + 4);
	set_register(psw_mask, get_field(lowcore, LC_PGM_NEW_PSW));
	qemu_plugin_set_pc(get_field(lowcore, LC_PGM_NEW_PSW + 8));
	__builtin_unreachable();
}

/* Writing all of a page makes QEMU forget what it has translated of it. */
static void forget_code(uint64_t addr, const uint8_t *content)
{
	GByteArray *copy = g_byte_array_new();

	g_byte_array_append(copy, content, ZVM_PAGE_SIZE);
	qemu_plugin_write_memory_hwaddr(addr, copy);
	g_byte_array_free(copy, 1);
}

/* DIAGNOSE: the operands' registers and the code. */
static int run_diagnose(const struct site *site)
{
	int r1 = site->insn[1] >> 4, r3 = site->insn[1] & 15, base = site->insn[2] >> 4;
	uint64_t code = (site->insn[2] & 15) << 8 | site->insn[3];
	uint64_t rx[2] = { get_register(gpr[r1]), get_register(gpr[(r1 + 1) & 15]) };
	uint64_t ry[2] = { get_register(gpr[r3]), get_register(gpr[(r3 + 1) & 15]) };
	int cc = CP_NOT_MINE;

	if (base)
		code += get_register(gpr[base]);
	switch (code & 0xffff) {
	case 0x08:
		cc = cp_diag_08(&vm, rx, ry);
		if (cc != CP_NOT_MINE)
			set_register(gpr[(r3 + 1) & 15], ry[1]);
		break;
	case 0x64:
		cc = cp_diag_64(&vm, rx, ry);
		if (cc != CP_NOT_MINE)
			set_register(gpr[r1], rx[0]);
		break;
	case 0x260:
		cc = cp_diag_260(&vm, rx, ry);
		break;
	case 0x500:
		/* KVM's hypercalls: QEMU knows more of them than z/VM, which knows none. */
		if (get_register(gpr[1]) != DIAG500_VIRTIO_CCW_NOTIFY)
			cc = CP_SPECIFICATION;
		break;
	}
	if (cc == CP_SPECIFICATION)
		zvm_record(&vm, "DIAGNOSE X'%llX': specification exception",
			   (unsigned long long)code & 0xffff);
	else if (cc != CP_NOT_MINE)
		set_register(gpr[r3], ry[0]);
	return cc;
}

/* STORE SYSTEM INFORMATION of the virtual machine; all else is QEMU's. */
static int run_stsi(const struct site *site)
{
	int base = site->insn[2] >> 4;
	uint64_t addr = (site->insn[2] & 15) << 8 | site->insn[3];
	uint8_t sysib[ZVM_PAGE_SIZE];
	int cc = CP_NOT_MINE;
	GByteArray *buf;

	if (base)
		addr += get_register(gpr[base]);
	if ((uint32_t)get_register(gpr[0]) != 0x30000002 ||
	    (uint32_t)get_register(gpr[1]) != 2 || addr % ZVM_PAGE_SIZE)
		return CP_NOT_MINE;
	cp_stsi_322(&vm, sysib);
	buf = g_byte_array_new();
	g_byte_array_append(buf, sysib, sizeof(sysib));
	if (qemu_plugin_write_memory_vaddr(addr, buf))
		cc = 0;
	g_byte_array_free(buf, 1);
	return cc;
}

static bool read_guest(uint64_t addr, uint64_t *value)
{
	GByteArray *buf = g_byte_array_new();
	bool there = qemu_plugin_read_memory_vaddr(addr, buf, sizeof(*value));

	if (there)
		*value = get_field(buf->data, 0);
	g_byte_array_free(buf, 1);
	return there;
}

/*
 * Is it the first instruction of an interruption's handler? Then @mask and @addr become
 * those of the program that was interrupted, whose general registers these still are.
 */
static void undo_interruption(uint64_t *mask, uint64_t *addr)
{
	const uint8_t *lowcore = vm.mem->real(&vm, get_register(prefix), LC_BYTES);
	unsigned int old;

	for (old = LC_FIRST_OLD_PSW; lowcore && old <= LC_LAST_OLD_PSW; old += 16) {
		if (get_field(lowcore, old + LC_OLD_TO_NEW_PSW + 8) != *addr)
			continue;
		*mask = get_field(lowcore, old);
		*addr = get_field(lowcore, old + 8);
		return;
	}
}

/* By the back chain, which the kernel keeps in each frame of its stacks. */
static void report_callers(void)
{
	uint64_t frame = get_register(gpr[15]), next, caller;
	int i;

	zvm_violation(&vm, " return %016llX", (unsigned long long)get_register(gpr[14]));
	for (i = 0; i < MAX_CALLERS; i++) {
		if (!read_guest(frame + FRAME_BACK_CHAIN, &next) || next <= frame ||
		    !read_guest(next + FRAME_R14, &caller))
			break;
		zvm_violation(&vm, " caller %016llX", (unsigned long long)caller);
		frame = next;
	}
}

/* Behind the code with the access: that is before @data, or before a branch to it. */
static void report_forbidden(unsigned int vcpu, void *data)
{
	uint64_t mask, addr = (uintptr_t)data;

	(void)vcpu;
	enter_cp();
	memory_forbidden(&vm, forbidden_addr);
	mask = get_register(psw_mask);
	undo_interruption(&mask, &addr);
	zvm_violation(&vm, " before %016llX", (unsigned long long)addr);
	zvm_violation(&vm, " branch %016llX", (unsigned long long)get_register(last_break));
	if (!(mask & PSW_PROBLEM_STATE))
		report_callers();
	system_close(&vm);
	_exit(70);
}

/* Runs before the instruction; where CP answers, QEMU never executes it. */
static void execute(unsigned int vcpu, void *data)
{
	const struct site *site = data;
	static bool heard;
	int cc = CP_NOT_MINE;

	if (get_register(psw_mask) & PSW_PROBLEM_STATE)
		return;
	/* In the same piece of code, before CP changes what is loaded. */
	if (*has_forbidden(vcpu))
		report_forbidden(vcpu, (void *)(uintptr_t)site->vaddr);
	enter_cp();
	if (!heard)
		memory_clear(&vm);
	heard = true;
	switch (site->what) {
	case DIAG:
		cc = run_diagnose(site);
		break;
	case STSI:
		cc = run_stsi(site);
		break;
	case IUCV:
		cc = 3;
		break;
	}
	leave_cp();
	if (cc == CP_NOT_MINE)
		return;
	if (cc == CP_AGAIN) {
		/* Not to sleep all the time: other CPUs need this one now and then. */
		usleep(1000);
		qemu_plugin_set_pc(site->vaddr);
	}
	if (cc == CP_SPECIFICATION)
		specification_exception(site);
	set_cc(cc);
	qemu_plugin_set_pc(site->vaddr + 4);
}

/*
 * The guest goes on to the end of this piece of code, where its registers can be
 * read. Who is not a CPU has no such end, and is let through.
 */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	int saved = errno;
	bool is_guest;
	uint64_t addr;
	unsigned int i;

	(void)context;
	is_guest = memory_open(info->si_addr, &addr);
	errno = saved;
	if (!is_guest) {
		/* A bug of QEMU's, or of this plugin: it happens again, and is fatal. */
		sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		return;
	}
	if (in_cp || !end_cpu)
		return;
	if (no_registers) {
		/* All CPUs have this thread, which is in none of CP's functions, nor C's. */
		memory_forbidden(&vm, addr);
		system_close(&vm);
		_exit(70);
	}
	forbidden_addr = addr;
	for (i = first_cpu; i < end_cpu; i++)
		*has_forbidden(i) = 1;
}

/* QEMU gives pages to system calls, which know of no signal. */
static void on_dump(int signal)
{
	int saved = errno;

	(void)signal;
	memory_open_all();
	errno = saved;
}

static void watch(struct qemu_plugin_insn *insn)
{
	struct site site = { .vaddr = qemu_plugin_insn_vaddr(insn) }, *copy;

	if (qemu_plugin_insn_data(insn, site.insn, 4) != 4)
		return;
	if (site.insn[0] == 0x83)
		site.what = DIAG;
	else if (site.insn[0] == 0xb2 && site.insn[1] == 0x7d)
		site.what = STSI;
	else if (site.insn[0] == 0xb2 && site.insn[1] == 0xf0)
		site.what = IUCV;
	else
		return;
	/* Lives as long as the translated code, which QEMU does not tell. */
	copy = malloc(sizeof(*copy));
	if (!copy)
		zvm_die("out of memory");
	*copy = site;
	qemu_plugin_register_vcpu_insn_exec_cb(insn, execute, QEMU_PLUGIN_CB_RW_REGS_PC, copy);
}

static void watch_access(struct qemu_plugin_tb *tb)
{
	void *addr = (void *)(uintptr_t)qemu_plugin_tb_vaddr(tb);

	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, report_forbidden, QEMU_PLUGIN_CB_R_REGS,
						  QEMU_PLUGIN_COND_NE, forbidden, 0, addr);
}

/* QEMU holds locks of pages here: taking cp_lock could deadlock. */
static void translate(struct qemu_plugin_tb *tb, void *data)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)data;
	if (!no_registers)
		watch_access(tb);
	for (i = 0; i < n; i++)
		watch(qemu_plugin_tb_get_insn(tb, i));
	memory_note_code(qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, 0)));
	memory_note_code(qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, n - 1)));
}

static void find_registers(void)
{
	GArray *registers = qemu_plugin_get_registers();
	struct qemu_plugin_reg_descriptor *reg = (void *)registers->data;
	unsigned int i;

	for (i = 0; i < registers->len; i++) {
		if (!strcmp(reg[i].name, "pswm"))
			psw_mask = reg[i].handle;
		else if (!strcmp(reg[i].name, "prefix"))
			prefix = reg[i].handle;
		else if (!strcmp(reg[i].name, "last_break"))
			last_break = reg[i].handle;
		else if (reg[i].name[0] == 'r' && reg[i].name[1] >= '0' && reg[i].name[1] <= '9')
			gpr[atoi(reg[i].name + 1) & 15] = reg[i].handle;
	}
	for (i = 0; i < 16; i++)
		if (!gpr[i] || !psw_mask || !prefix || !last_break)
			zvm_die("QEMU does not show the registers of the guest");
}

/* The first CPU is there, and so is guest memory. */
static void start(unsigned int vcpu, void *data)
{
	(void)data;
	enter_cp();
	if (!end_cpu)
		first_cpu = vcpu;
	end_cpu = vcpu + 1;
	if (!psw_mask)
		find_registers();
	memory_attach(&vm);
	leave_cp();
}

static void finish(void *data)
{
	(void)data;
	enter_cp();
	memory_check(&vm);
	system_close(&vm);
	leave_cp();
}

static FILE *open_output(const char *what, const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		zvm_die("cannot write %s '%s': %s", what, path, strerror(errno));
	return file;
}

static void configure(const char *key, const char *value)
{
	char err[256];

	if (!strcmp(key, "size"))
		memory_init(strtoull(value, NULL, 10), forget_code);
	else if (!strcmp(key, "no-registers"))
		no_registers = true;
	else if (!strcmp(key, "report"))
		vm.report = open_output(key, value);
	else if (!strcmp(key, "transcript"))
		vm.transcript = open_output(key, value);
	else if (zvm_configure(&vm, key, value, err, sizeof(err)))
		zvm_die("%s", err);
}

static void read_configuration(const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL, *value;
	size_t size = 0;

	if (!file)
		zvm_die("cannot read '%s': %s", path, strerror(errno));
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		value = strchr(line, ' ');
		if (value) {
			*value++ = '\0';
			configure(line, value);
		}
	}
	free(line);
	fclose(file);
}

__attribute__((visibility("default")))
int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction dump = { .sa_handler = on_dump, .sa_flags = SA_RESTART };
	char err[512];

	(void)info;
	if (argc != 1 || strncmp(argv[0], "conf=", 5))
		zvm_die("want conf=FILE, as zvm-run gives it");
	read_configuration(argv[0] + 5);
	vm.mem = &guest_memory;
	if (system_join(&vm, err, sizeof(err)))
		zvm_die("%s", err);
	forbidden.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(ZVM_DUMP_SIGNAL, &dump, NULL);
	qemu_plugin_register_vcpu_init_cb(id, start, NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate, NULL);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
