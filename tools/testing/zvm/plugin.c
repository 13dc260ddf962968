// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual z/VM inside QEMU: a TCG plugin that answers the instructions by
 * which a guest talks to CP, and that lets saved segments appear in and vanish
 * from guest memory.
 *
 * Guest memory is one shared mapping of a memfd that QEMU makes. A segment is
 * a private mapping put over its place in there: of the image when loaded, of
 * a poison pattern when not. The host's page tables then tell which pages the
 * guest has touched or written, which finds what would be a protection or an
 * addressing exception under z/VM.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu-api.h"
#include "zvm.h"

/* How the host names guest memory that is a memory-backend-memfd (zvm-run). */
#define RAM_NAME	"/memfd:memory-backend-memfd"
/* What a guest reads where CP has taken a segment away: a dead segment. */
#define POISON		0xdead5e6ddead5e6dULL
/* The poison is mapped again and again in pieces of this size. */
#define POISON_BYTES	(16 * ZVM_MIB)

/* Bits of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
#define PM_PRESENT	(1ULL << 63)
#define PM_SWAP		(1ULL << 62)
#define PM_FILE		(1ULL << 61)

/* Where a program interruption finds its things: "Principles of Operation". */
#define LC_PGM_ILC	0x8c
#define LC_PGM_CODE	0x8e
#define LC_BREAKING	0x110
#define LC_PGM_OLD_PSW	0x150
#define LC_PGM_NEW_PSW	0x1d0
#define PGM_SPECIFICATION	6

/* The subcode of QEMU's own DIAGNOSE X'500' by which virtio devices are told. */
#define DIAG500_VIRTIO_CCW_NOTIFY	3

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
static uint8_t *ram;
static uint64_t ram_size;
static int ram_fd = -1, poison_fd = -1;
static const char *report_path;
/* One bit a page: QEMU holds translated code of it. Set without a lock. */
static uint8_t *code_pages;

static void __noreturn __printf(1, 2) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("zvm: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	_exit(70);
}

/* Something that z/VM would have answered with an exception. */
static void __printf(1, 2) violation(const char *format, ...)
{
	char text[256];
	va_list args;
	FILE *report;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cp_record(&vm, "VIOLATION %s", text);
	report = report_path ? fopen(report_path, "a") : NULL;
	if (report) {
		fprintf(report, "%s\n", text);
		fclose(report);
	}
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

static void put_lowcore(uint64_t lowcore, unsigned int offset, uint64_t value)
{
	value = htobe64(value);
	memcpy(ram + lowcore + offset, &value, sizeof(value));
}

static uint64_t get_lowcore(uint64_t lowcore, unsigned int offset)
{
	uint64_t value;

	memcpy(&value, ram + lowcore + offset, sizeof(value));
	return be64toh(value);
}

/* The instruction is suppressed; the guest goes on in its interruption handler. */
static void __noreturn specification_exception(const struct site *site)
{
	uint64_t lowcore = get_register(prefix);
	uint16_t ilc = htobe16(4), code = htobe16(PGM_SPECIFICATION);

	memcpy(ram + lowcore + LC_PGM_ILC, &ilc, sizeof(ilc));
	memcpy(ram + lowcore + LC_PGM_CODE, &code, sizeof(code));
	put_lowcore(lowcore, LC_BREAKING, get_register(last_break));
	put_lowcore(lowcore, LC_PGM_OLD_PSW, get_register(psw_mask));
	put_lowcore(lowcore, LC_PGM_OLD_PSW + 8, site->vaddr + 4);
	set_register(psw_mask, get_lowcore(lowcore, LC_PGM_NEW_PSW));
	qemu_plugin_set_pc(get_lowcore(lowcore, LC_PGM_NEW_PSW + 8));
	__builtin_unreachable();
}

/* Guest real addresses are absolute: no parameter lies in a lowcore. */
static void *real_address(struct zvm *unused, uint64_t addr, size_t len)
{
	(void)unused;
	if (addr >= ram_size || len > ram_size - addr)
		return NULL;
	return ram + addr;
}

/* Content of a page as its image has it; beyond the end there are zeroes. */
static void image_page(const struct segment *seg, uint64_t page, uint8_t *content)
{
	ssize_t n = 0;

	if (seg->fd >= 0)
		n = pread(seg->fd, content, ZVM_PAGE_SIZE,
			  (page << ZVM_PAGE_SHIFT) - seg_start(seg));
	if (n < 0)
		n = 0;
	memset(content + n, 0, ZVM_PAGE_SIZE - n);
}

/* What the host's page table says about guest pages. */
static void read_pagemap(uint64_t page, uint64_t *entry, size_t n)
{
	static int fd = -1;
	off_t offset = (((uintptr_t)ram >> ZVM_PAGE_SHIFT) + page) * sizeof(*entry);

	if (fd < 0)
		fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pread(fd, entry, n * sizeof(*entry), offset) != (ssize_t)(n * sizeof(*entry)))
		die("cannot read /proc/self/pagemap: %s", strerror(errno));
}

static bool is_touched(uint64_t entry)
{
	return entry & (PM_PRESENT | PM_SWAP);
}

/* A private mapping's page that is not the file's was written to (or is zero). */
static bool is_copied(uint64_t entry)
{
	return entry & PM_SWAP || (entry & PM_PRESENT && !(entry & PM_FILE));
}

typedef void (*page_visitor)(struct segment *seg, const struct seg_range *range, uint64_t page,
			     void *data);

static void for_pages(struct segment *seg, const struct seg_range *range,
		      bool (*select)(uint64_t entry), page_visitor visit, void *data)
{
	uint64_t entry[4096], page = range->first;
	size_t i, n;

	while (page <= range->last) {
		n = range->last - page + 1;
		if (n > ARRAY_SIZE(entry))
			n = ARRAY_SIZE(entry);
		read_pagemap(page, entry, n);
		for (i = 0; i < n; i++, page++)
			if (select(entry[i]))
				visit(seg, range, page, data);
	}
}

/* Pages that break a rule: how many, and which came first. */
struct culprits {
	uint64_t count;
	uint64_t first;
};

static void count_page(struct segment *seg, const struct seg_range *range, uint64_t page,
		       void *data)
{
	struct culprits *culprits = data;

	(void)seg;
	(void)range;
	if (!culprits->count++)
		culprits->first = page;
}

static void count_if_changed(struct segment *seg, const struct seg_range *range, uint64_t page,
			     void *data)
{
	uint8_t content[ZVM_PAGE_SIZE];

	image_page(seg, page, content);
	if (memcmp(content, ram + (page << ZVM_PAGE_SHIFT), sizeof(content)))
		count_page(seg, range, page, data);
}

/* Has the guest done to this segment what z/VM would not have let it do? */
static void check_segment(struct segment *seg)
{
	unsigned int i;

	/* The pages of one that is not loaded may be another one's, or storage. */
	if (seg->class == 'S' ||
	    (seg->load == SEG_PURGED && (seg_find_loaded(&vm, seg->name) ||
					 zvm_find_storage(&vm, seg_start(seg), seg_end(seg)))))
		return;
	for (i = 0; i < seg->nr_ranges; i++) {
		const struct seg_range *range = &seg->range[i];
		struct culprits found = { 0 };

		if (seg->load == SEG_PURGED)
			for_pages(seg, range, is_touched, count_page, &found);
		else if (seg_type_readonly(seg, range->type))
			for_pages(seg, range, is_copied, count_if_changed, &found);
		if (found.count && seg->load == SEG_PURGED)
			violation("segment %s: the guest touched page %llX (and %llu more) while it was not loaded",
				  seg->name, (unsigned long long)found.first,
				  (unsigned long long)found.count - 1);
		else if (found.count)
			violation("segment %s: the guest wrote to page %llX (and %llu more) of type %s",
				  seg->name, (unsigned long long)found.first,
				  (unsigned long long)found.count - 1, seg_type_name(range->type));
	}
}

/* Writing all of a page makes QEMU forget what it has translated of it. */
static void forget_code(uint64_t first, uint64_t last)
{
	GByteArray *content = g_byte_array_new();
	uint64_t page;

	for (page = first; page <= last; page++) {
		if (!(page % 8) && !code_pages[page / 8]) {
			page += 7;
			continue;
		}
		if (!(__atomic_fetch_and(&code_pages[page / 8], ~(1 << page % 8),
					 __ATOMIC_RELAXED) & 1 << page % 8))
			continue;
		g_byte_array_set_size(content, 0);
		g_byte_array_append(content, ram + (page << ZVM_PAGE_SHIFT), ZVM_PAGE_SIZE);
		qemu_plugin_write_memory_hwaddr(page << ZVM_PAGE_SHIFT, content);
	}
	g_byte_array_free(content, 1);
}

static int map_private(uint64_t addr, uint64_t len, int fd, uint64_t offset)
{
	int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0);

	if (!len)
		return 0;
	return mmap(ram + addr, len, PROT_READ | PROT_WRITE, flags, fd, offset) == MAP_FAILED;
}

static void map_poison(const struct seg_range *range)
{
	uint64_t addr = range->first << ZVM_PAGE_SHIFT;
	uint64_t end = (range->last + 1) << ZVM_PAGE_SHIFT, len;

	for (; addr < end; addr += len) {
		len = end - addr < POISON_BYTES ? end - addr : POISON_BYTES;
		if (map_private(addr, len, poison_fd, 0))
			die("cannot map the poison of a purged segment: %s", strerror(errno));
	}
}

/* Image pages as far as the file goes, zeroes from there on. */
static int map_saved(const struct segment *seg, const struct seg_range *range)
{
	uint64_t addr = range->first << ZVM_PAGE_SHIFT, offset = addr - seg_start(seg);
	uint64_t len = (range->last - range->first + 1) << ZVM_PAGE_SHIFT, from_file = 0;
	struct stat st;

	if (seg->fd >= 0 && fstat(seg->fd, &st))
		return -1;
	if (seg->fd >= 0 && (uint64_t)st.st_size > offset)
		from_file = (st.st_size - offset + ZVM_PAGE_SIZE - 1) & ~(ZVM_PAGE_SIZE - 1);
	if (from_file > len)
		from_file = len;
	if (map_private(addr, from_file, seg->fd, offset))
		return -1;
	return map_private(addr + from_file, len - from_file, -1, 0) ? -1 : 0;
}

static int open_image(struct segment *seg)
{
	if (seg->fd >= 0 || !seg->image)
		return 0;
	seg->fd = open(seg->image, O_RDWR | O_CLOEXEC);
	if (seg->fd < 0 && (errno == EACCES || errno == EROFS || errno == ETXTBSY))
		seg->fd = open(seg->image, O_RDONLY | O_CLOEXEC);
	return seg->fd < 0 ? -1 : 0;
}

/* Another user may have defined it where QEMU has no memory. */
static bool is_beyond(const struct segment *seg)
{
	return seg_end(seg) >= ram_size;
}

static int load_segment(struct zvm *unused, struct segment *seg)
{
	enum seg_load load = seg->load;
	unsigned int i;
	int rc = 0;

	(void)unused;
	if (is_beyond(seg)) {
		errno = ENOMEM;
		return -1;
	}
	if (open_image(seg))
		return -1;
	seg->load = SEG_PURGED;
	check_segment(seg);
	seg->load = load;
	for (i = 0; i < seg->nr_ranges && !rc; i++) {
		const struct seg_range *range = &seg->range[i];

		forget_code(range->first, range->last);
		if (seg_type_saved(range->type))
			rc = map_saved(seg, range);
		else
			rc = map_private(range->first << ZVM_PAGE_SHIFT,
					 (range->last - range->first + 1) << ZVM_PAGE_SHIFT, -1, 0);
	}
	return rc;
}

static void purge_segment(struct zvm *unused, struct segment *seg)
{
	unsigned int i;

	(void)unused;
	if (is_beyond(seg))
		return;
	check_segment(seg);
	for (i = 0; i < seg->nr_ranges; i++) {
		forget_code(seg->range[i].first, seg->range[i].last);
		map_poison(&seg->range[i]);
	}
}

/* Progress of a SAVESEG. */
struct saving {
	long pages;
	int error;
};

static void save_page(struct segment *seg, const struct seg_range *range, uint64_t page,
		      void *data)
{
	const uint8_t *now = ram + (page << ZVM_PAGE_SHIFT);
	uint8_t content[ZVM_PAGE_SIZE];
	struct saving *saving = data;

	(void)range;
	image_page(seg, page, content);
	if (saving->error || !memcmp(content, now, sizeof(content)))
		return;
	if (pwrite(seg->fd, now, ZVM_PAGE_SIZE, (page << ZVM_PAGE_SHIFT) - seg_start(seg)) !=
	    (ssize_t)ZVM_PAGE_SIZE)
		saving->error = errno ? errno : EIO;
	saving->pages++;
}

/* In guest storage, which is a shared mapping, every touched page may differ. */
static long save_segment(struct zvm *unused, struct segment *seg)
{
	bool loaded = seg_find_loaded(&vm, seg->name);
	struct saving saving = { 0 };
	unsigned int i;

	(void)unused;
	if (open_image(seg))
		return -1;
	if (seg->fd < 0)
		seg->fd = memfd_create(seg->name, MFD_CLOEXEC);
	if (seg->fd < 0)
		return -1;
	errno = 0;
	for (i = 0; i < seg->nr_ranges; i++)
		if (seg_type_saved(seg->range[i].type))
			for_pages(seg, &seg->range[i], loaded ? is_copied : is_touched, save_page,
				  &saving);
	errno = saving.error;
	return saving.error ? -1 : saving.pages;
}

static const struct zvm_memory memory = {
	.real = real_address,
	.load = load_segment,
	.purge = purge_segment,
	.save = save_segment,
};

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
		cp_record(&vm, "DIAGNOSE X'%llX': specification exception",
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

/*
 * QEMU puts a firmware that nobody uses below 2 GiB, wherever that is. Forget
 * about it when the guest makes itself heard for the first time.
 */
static void forget_firmware(void)
{
	uint64_t start = 0, end;
	struct segment *seg;
	unsigned int i;

	for (seg = vm.segments; seg; seg = seg->next)
		for (i = 0; i < seg->nr_ranges; i++)
			map_poison(&seg->range[i]);
	for (i = 0; i <= vm.nr_extents && ram_fd >= 0; i++) {
		end = i < vm.nr_extents ? vm.extent[i].first : ram_size;
		if (end > start && fallocate(ram_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					     start, end - start))
			die("cannot clear what is not storage: %s", strerror(errno));
		if (i < vm.nr_extents)
			start = vm.extent[i].last + 1;
	}
}

/* Runs before the instruction; where CP answers, QEMU never executes it. */
static void execute(unsigned int vcpu, void *data)
{
	const struct site *site = data;
	static bool heard;
	int cc = CP_NOT_MINE;

	(void)vcpu;
	if (get_register(psw_mask) & PSW_PROBLEM_STATE)
		return;
	pthread_mutex_lock(&cp_lock);
	if (!heard)
		forget_firmware();
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
	pthread_mutex_unlock(&cp_lock);
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
		die("out of memory");
	*copy = site;
	qemu_plugin_register_vcpu_insn_exec_cb(insn, execute, QEMU_PLUGIN_CB_RW_REGS_PC, copy);
}

static void note_code(const struct qemu_plugin_insn *insn)
{
	uint8_t *host = qemu_plugin_insn_haddr(insn);
	uint64_t page;

	if (!ram || host < ram || host >= ram + ram_size)
		return;
	page = (host - ram) >> ZVM_PAGE_SHIFT;
	__atomic_fetch_or(&code_pages[page / 8], 1 << page % 8, __ATOMIC_RELAXED);
}

/* QEMU holds locks of pages here: taking cp_lock could deadlock. */
static void translate(struct qemu_plugin_tb *tb, void *data)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)data;
	for (i = 0; i < n; i++)
		watch(qemu_plugin_tb_get_insn(tb, i));
	note_code(qemu_plugin_tb_get_insn(tb, 0));
	note_code(qemu_plugin_tb_get_insn(tb, n - 1));
}

static void find_ram(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char *line = NULL;
	size_t size = 0;

	while (maps && !ram && getline(&line, &size, maps) > 0)
		if (strstr(line, RAM_NAME))
			ram = (uint8_t *)(uintptr_t)strtoull(line, NULL, 16);
	free(line);
	if (maps)
		fclose(maps);
	if (!ram)
		die("cannot find guest memory, " RAM_NAME);
}

static void find_ram_fd(void)
{
	char link[32], target[64];
	int fd;
	ssize_t n;

	for (fd = 0; fd < 1024 && ram_fd < 0; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		if (strstr(target, RAM_NAME))
			ram_fd = fd;
	}
}

static void make_poison(void)
{
	uint64_t *p, i;

	poison_fd = memfd_create("zvm-poison", MFD_CLOEXEC);
	if (poison_fd < 0 || ftruncate(poison_fd, POISON_BYTES))
		die("cannot make the poison page: %s", strerror(errno));
	p = mmap(NULL, POISON_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, poison_fd, 0);
	if (p == MAP_FAILED)
		die("cannot make the poison page: %s", strerror(errno));
	for (i = 0; i < POISON_BYTES / sizeof(*p); i++)
		p[i] = htobe64(POISON);
	munmap(p, POISON_BYTES);
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
			die("QEMU does not show the registers of the guest");
}

/* The first CPU is there, and so is guest memory. */
static void start(unsigned int vcpu, void *data)
{
	struct segment *seg;
	unsigned int i;

	(void)vcpu;
	(void)data;
	pthread_mutex_lock(&cp_lock);
	if (!ram) {
		find_registers();
		find_ram();
		find_ram_fd();
		/* A huge page could reach beyond the end of storage (check_nowhere). */
		madvise(ram, ram_size, MADV_NOHUGEPAGE);
		for (seg = vm.segments; seg; seg = seg->next) {
			if (poison_fd < 0)
				make_poison();
			for (i = 0; i < seg->nr_ranges; i++)
				map_poison(&seg->range[i]);
		}
	}
	pthread_mutex_unlock(&cp_lock);
}

/*
 * Memory that is neither storage nor segment has to be untouched: holes. The
 * host walks over what it is not asked to skip, a page at a time.
 */
static void check_nowhere(void)
{
	const struct extent *extent;
	off_t data = 0;

	while (ram_fd >= 0 && (data = lseek(ram_fd, data, SEEK_DATA)) >= 0) {
		extent = zvm_find_storage(&vm, data, data);
		if (extent) {
			data = extent->last + 1;
			continue;
		}
		violation("the guest touched page %llX, which is neither storage nor a segment",
			  (unsigned long long)data >> ZVM_PAGE_SHIFT);
		data = lseek(ram_fd, data, SEEK_HOLE);
	}
}

static void finish(void *data)
{
	struct segment *seg;

	(void)data;
	if (!ram)
		return;
	pthread_mutex_lock(&cp_lock);
	for (seg = vm.segments; seg; seg = seg->next)
		check_segment(seg);
	check_nowhere();
	pthread_mutex_unlock(&cp_lock);
}

static void configure(char *key, char *value)
{
	char err[256];

	if (!strcmp(key, "size")) {
		ram_size = strtoull(value, NULL, 10);
	} else if (!strcmp(key, "report")) {
		report_path = strdup(value);
	} else if (!strcmp(key, "transcript")) {
		vm.transcript = fopen(value, "we");
		if (!vm.transcript)
			die("cannot write transcript '%s': %s", value, strerror(errno));
	} else if (zvm_configure(&vm, key, value, err, sizeof(err))) {
		die("%s", err);
	}
}

static void read_configuration(const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL, *value;
	size_t size = 0;

	if (!file)
		die("cannot read '%s': %s", path, strerror(errno));
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
	(void)info;
	if (argc != 1 || strncmp(argv[0], "conf=", 5))
		die("want conf=FILE, as zvm-run gives it");
	read_configuration(argv[0] + 5);
	vm.mem = &memory;
	code_pages = mmap(NULL, ram_size / ZVM_PAGE_SIZE / 8 + 8, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (code_pages == MAP_FAILED)
		die("out of memory");
	qemu_plugin_register_vcpu_init_cb(id, start, NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate, NULL);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
