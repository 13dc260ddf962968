// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory without an emulator: a memfd as QEMU would make it, in which
 * this program does what a guest does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"
#include "test.h"

/* Storage, and room for segments above it: they begin at page 5000. */
#define STORAGE		"64M"
#define MEMORY_BYTES	(128 * ZVM_MIB)

static uint8_t *memory;
static int memory_fd;
static char image[64] = "/tmp/test-memory.XXXXXX";

static struct {
	int calls;
	uint64_t addr;
	uint8_t content;
} changed;

static void note_changed(uint64_t addr, const uint8_t *content)
{
	changed.calls++;
	changed.addr = addr;
	changed.content = *content;
}

/* What has been reported since the virtual machine was made. */
static char *report;
static size_t report_len;

static bool reported(const char *text)
{
	return strstr(report, text);
}

static bool nothing_reported(void)
{
	return !*report;
}

static void make_memory(void)
{
	memory_fd = memfd_create(MEMORY_NAME, MFD_CLOEXEC);
	if (memory_fd < 0 || ftruncate(memory_fd, MEMORY_BYTES))
		zvm_die("memfd: %s", strerror(errno));
	memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	if (memory == MAP_FAILED)
		zvm_die("mmap: %s", strerror(errno));
	memory_init(MEMORY_BYTES, note_changed);
}

/* As for zvm-run; what ends in a comma gets the image. */
static void add_segment(struct zvm *vm, const char *dcss)
{
	bool has_image = dcss[strlen(dcss) - 1] == ',';
	char option[256], err[256];

	snprintf(option, sizeof(option), "%s%s", dcss, has_image ? image : "");
	if (zvm_configure(vm, "dcss", option, err, sizeof(err)))
		zvm_die("%s", err);
}

/* A guest that has begun; what an earlier one had in its memory is gone. */
static struct zvm *new_guest(const char *dcss)
{
	struct zvm *vm = new_vm();
	char err[256];

	vm->mem = &guest_memory;
	vm->report = open_memstream(&report, &report_len);
	fflush(vm->report);
	memset(&changed, 0, sizeof(changed));
	if (zvm_configure(vm, "storage", STORAGE, err, sizeof(err)))
		zvm_die("%s", err);
	if (dcss)
		add_segment(vm, dcss);
	if (mmap(memory, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory_fd,
		 0) == MAP_FAILED)
		zvm_die("mmap: %s", strerror(errno));
	memory_attach(vm);
	memory_clear(vm);
	return vm;
}

static void free_guest(struct zvm *vm)
{
	fclose(vm->report);
	free(report);
	free_vm(vm);
}

static uint8_t *page(uint64_t number)
{
	return memory + (number << ZVM_PAGE_SHIFT);
}

/* How often the guest had to be let through, and where that was the last time. */
static int opened;
static uint64_t opened_addr;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	uint64_t addr;

	(void)context;
	if (memory_open(info->si_addr, &addr)) {
		opened++;
		opened_addr = addr;
	} else {
		sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	}
}

/* Is an access to @page stopped? It goes on all the same. */
static bool stops(uint8_t *page, bool write)
{
	int before = opened;

	/* The compiler is to see that more may happen than a load or a store. */
	if (write)
		__atomic_store_n(page, 'x', __ATOMIC_SEQ_CST);
	else
		__atomic_load_n(page, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&opened, __ATOMIC_SEQ_CST) == before + 1 &&
	       opened_addr == (uint64_t)(page - memory);
}

static bool stops_read(uint64_t number)
{
	return stops(page(number), false);
}

static bool stops_write(uint64_t number)
{
	return stops(page(number) + 5, true);
}

static bool is_zero(uint64_t number)
{
	size_t i;

	for (i = 0; i < ZVM_PAGE_SIZE; i++)
		if (page(number)[i])
			return false;
	return true;
}

/* An image whose pages begin with 'a', 'b' and so on; the last one is cut short. */
static void make_image(int pages)
{
	uint8_t content[ZVM_PAGE_SIZE] = { 0 };
	int fd = open(image, O_WRONLY | O_CREAT | O_TRUNC, 0600), i;

	for (i = 0; i < pages; i++) {
		content[0] = 'a' + i;
		content[8] = 8;
		if (write(fd, content, i < pages - 1 ? sizeof(content) : 16) < 0)
			zvm_die("%s: %s", image, strerror(errno));
	}
	close(fd);
}

static int image_byte(off_t offset)
{
	int fd = open(image, O_RDONLY);
	uint8_t byte;
	ssize_t n = pread(fd, &byte, 1, offset);

	close(fd);
	return n == 1 ? byte : -1;
}

static off_t image_size(void)
{
	struct stat st;

	return stat(image, &st) ? -1 : st.st_size;
}

static int load(struct zvm *vm, enum seg_load how)
{
	vm->segments->load = how;
	return guest_memory.load(vm, vm->segments);
}

static void purge(struct zvm *vm)
{
	guest_memory.purge(vm, vm->segments);
	vm->segments->load = SEG_PURGED;
}

static long save(struct zvm *vm)
{
	return guest_memory.save(vm, vm->segments);
}

static void test_addresses(void)
{
	struct zvm *vm = new_guest(NULL);

	result(guest_memory.real(vm, 0, 4096) == memory, "address 0", NULL);
	result(guest_memory.real(vm, MEMORY_BYTES - 8, 8) == memory + MEMORY_BYTES - 8,
	       "the last bytes", NULL);
	result(!guest_memory.real(vm, MEMORY_BYTES - 8, 9), "a byte beyond the end", NULL);
	result(!guest_memory.real(vm, MEMORY_BYTES, 0), "the end itself", NULL);
	result(!guest_memory.real(vm, 8, -1UL), "a length that overflows", NULL);
	free_guest(vm);
}

static void test_load(void)
{
	struct zvm *vm;

	make_image(3);
	vm = new_guest("S,EW+EN+EW,5000-5000+5001-5001+5002-5010,");
	*page(0x5011) = 'n';
	result(!load(vm, SEG_SHARED), "load", NULL);
	result(*page(0x5000) == 'a' && *page(0x5002) == 'c', "load: the image is there", NULL);
	result(is_zero(0x5001), "load: pages that are not saved begin as zeroes", NULL);
	result(!page(0x5002)[16] && is_zero(0x5003) && is_zero(0x5010),
	       "load: beyond the image are zeroes", NULL);
	result(*page(0x5011) == 'n', "load: the next page is left alone", NULL);
	*page(0x5000) = 'x';
	result(image_byte(0) == 'a', "load: what is written is not in the image", NULL);
	load(vm, SEG_SHARED);
	result(*page(0x5000) == 'a', "load again: what was written is gone", NULL);
	free_guest(vm);
}

static void test_no_load(void)
{
	struct zvm *vm;

	make_image(1);
	vm = new_guest("S,EW,5000-5010,");
	unlink(image);
	result(load(vm, SEG_SHARED) == -1 && errno == ENOENT, "load: the image has gone", NULL);
	free_guest(vm);

	vm = new_guest("S,EW,7F00-8000");
	*page(0x7f00) = 'n';
	result(load(vm, SEG_SHARED) == -1 && errno == ENOMEM,
	       "load: a segment that ends beyond memory", NULL);
	result(*page(0x7f00) == 'n', "load: nothing of it is mapped", NULL);
	free_guest(vm);
}

static void test_purge(void)
{
	struct zvm *vm = new_guest("S,EW,5000-6800");

	*page(0x4fff) = 'n';
	*page(0x6801) = 'n';
	load(vm, SEG_SHARED);
	*page(0x5000) = 'x';
	purge(vm);
	result(stops_read(0x5000) && stops_write(0x5fff) && stops_read(0x6800),
	       "purge: its pages cannot be accessed", NULL);
	result(!stops_write(0x5000) && stops_read(0x5001),
	       "purge: who is let through opens one page, once", NULL);
	result(*page(0x4fff) == 'n' && *page(0x6801) == 'n', "purge: its neighbours are left alone",
	       NULL);
	load(vm, SEG_SHARED);
	result(is_zero(0x5000), "purge: what was not saved is lost", NULL);
	free_guest(vm);
}

static void test_save(void)
{
	struct zvm *vm;

	make_image(4);
	vm = new_guest("S,EW+EN+EW,5000-5001+5002-5002+5003-5010,");
	load(vm, SEG_SHARED);
	result(save(vm) == 0, "save: nothing was written", NULL);
	page(0x5001)[1] = 'x';
	page(0x5002)[1] = 'x';
	page(0x5003)[4095] = 'x';
	*page(0x5000) = *page(0x5000);
	result(save(vm) == 2, "save: the pages that differ, of the types that are saved", NULL);
	result(image_byte(4097) == 'x' && image_byte(4 * 4096 - 1) == 'x', "save: to the image",
	       NULL);
	result(image_byte(0) == 'a' && image_byte(2 * 4096) == 'c' && image_byte(2 * 4096 + 1) == 0,
	       "save: the rest of the image is as before", NULL);
	result(image_size() == 4 * 4096, "save: the image is no longer than what was saved", NULL);
	page(0x5010)[0] = 'z';
	result(save(vm) == 1 && image_byte(16 * 4096) == 'z', "save: beyond the end of the image",
	       NULL);
	purge(vm);
	load(vm, SEG_SHARED);
	result(page(0x5001)[1] == 'x' && page(0x5010)[0] == 'z' && is_zero(0x5002),
	       "save: the next load has it", NULL);
	free_guest(vm);
}

static void test_save_elsewhere(void)
{
	struct zvm *vm = new_guest("S,EW,5000-5010");

	load(vm, SEG_SHARED);
	*page(0x5003) = 'x';
	result(save(vm) == 1, "save without an image", NULL);
	*page(0x5003) = 'y';
	purge(vm);
	load(vm, SEG_SHARED);
	result(*page(0x5003) == 'x' && is_zero(0x5004),
	       "save without an image: the next load has it",
	       NULL);
	free_guest(vm);

	/* As DEFSEG lets a guest define one. */
	vm = new_guest("S,EW,5000-5010");
	vm->segments->class = 'S';
	vm->segments->range[0].first = 0x1000;
	vm->segments->range[0].last = 0x1010;
	*page(0x1004) = 'x';
	result(save(vm) == 1, "save of storage: the pages that the guest has touched", NULL);
	free_guest(vm);
}

static void test_not_loaded(void)
{
	struct zvm *vm = new_guest("S,EW,5000-5FFF");

	memory_check(vm);
	result(nothing_reported(), "never loaded, never touched", report);
	*page(0x5100) = 'x';
	memory_check(vm);
	result(reported("S: the guest touched page 5100 (and 0 more) while it was not loaded"),
	       "written before the load", report);
	free_guest(vm);

	vm = new_guest("S,EW,5000-5FFF");
	result(stops_read(0x5200), "never loaded: cannot be read", NULL);
	load(vm, SEG_SHARED);
	result(reported("segment S: the guest touched page 52"), "read before the load", report);
	free_guest(vm);

	vm = new_guest("S,EW,5000-5FFF");
	load(vm, SEG_SHARED);
	*page(0x5300) = 'x';
	purge(vm);
	memory_check(vm);
	result(nothing_reported(), "written while loaded", report);
	*page(0x5301) = 'x';
	*page(0x5310) = 'x';
	memory_check(vm);
	result(reported("touched page 5301 (and 1 more)"), "written after the purge", report);
	free_guest(vm);
}

/* What is at the addresses of a segment that is not loaded may be another one's. */
static void test_not_its_own(void)
{
	struct zvm *vm = new_guest("S,EW,5000-5010");

	add_segment(vm, "T,EW,6000-6010");
	memory_clear(vm);
	load(vm, SEG_SHARED);
	vm->segments->class = 'P';
	snprintf(vm->segments->next->name, sizeof(vm->segments->next->name), "S");
	*page(0x6000) = 'x';
	memory_check(vm);
	result(nothing_reported(), "a segment of this name is loaded", report);
	vm->segments->next->class = 'S';
	purge(vm);
	memory_check(vm);
	result(nothing_reported(), "a skeleton is nobody's memory", report);
	free_guest(vm);
}

/* Other guests of a system define segments as they like. */
static void test_of_others(void)
{
	struct zvm *vm = new_guest("S,EW,5000-5010");
	struct segment *other;

	add_segment(vm, "T,EW,6000-6010");
	other = vm->segments->next;
	memory_clear(vm);
	load(vm, SEG_SHARED);
	other->range[0] = (struct seg_range){ 0x5008, 0x5018, SEG_EW };
	*page(0x5009) = 'x';
	memory_check(vm);
	result(nothing_reported(), "a segment that overlaps it is loaded", report);
	other->range[0] = (struct seg_range){ 0x7f00, 0x8000, SEG_EW };
	*page(0x7f00) = 'x';
	memory_check(vm);
	result(!reported("segment T"),
	       "a segment that ends beyond memory is not looked at", report);
	free_guest(vm);
}

static void test_readonly(void)
{
	struct zvm *vm;

	make_image(16);
	vm = new_guest("S,SR,5000-5010,");
	load(vm, SEG_SHARED);
	result(!stops_read(0x5001) && *page(0x5001) == 'b', "SR: can be read", NULL);
	result(stops_write(0x5003), "SR: cannot be written to", NULL);
	page(0x5003)[5] = 0;
	result(stops_write(0x5010), "SR: nor beyond the image", NULL);
	page(0x5010)[5] = 0;
	*page(0x5001) = 'b';
	memory_check(vm);
	result(nothing_reported(), "SR: what was there is written again", report);
	*page(0x5002) = 'x';
	*page(0x5007) = 'x';
	memory_check(vm);
	result(reported("segment S: the guest wrote to page 5002 (and 1 more) of type SR"),
	       "SR: the end finds what was written", report);
	free_guest(vm);

	vm = new_guest("S,SR,5000-5010,");
	load(vm, SEG_SHARED);
	*page(0x5010) = 'x';
	purge(vm);
	result(reported("wrote to page 5010 (and 0 more) of type SR"),
	       "SR: purge finds what was written beyond the image", report);
	free_guest(vm);

	vm = new_guest("S,SR,5000-5010,");
	load(vm, SEG_NONSHARED);
	result(!stops_write(0x5002), "SR: a copy of one's own is not protected", NULL);
	purge(vm);
	result(nothing_reported(), "SR: a copy of one's own can be written", report);
	free_guest(vm);

	vm = new_guest("S,SC,5000-5010,");
	load(vm, SEG_NONSHARED);
	result(stops_write(0x5002), "SC: not even that can be written to", NULL);
	purge(vm);
	result(reported("of type SC"), "SC: not even that", report);
	result(image_byte(2 * 4096) == 'c', "SR, SC: the image has nothing of it", NULL);
	free_guest(vm);
}

/* What was let through, as it is reported. */
static void test_forbidden(void)
{
	struct zvm *vm;
	struct segment *other;

	make_image(16);
	vm = new_guest("S,SR+EW,5000-500F+5010-5010,");
	memory_forbidden(vm, 0x5000123);
	result(reported("segment S: the guest used 5000123 while it was not loaded\n"),
	       "an access before the load", report);
	load(vm, SEG_SHARED);
	memory_forbidden(vm, 0x500fff8);
	result(reported("segment S: the guest wrote to 500FFF8, which is of type SR\n"),
	       "a store to a type that is read-only", report);
	memory_forbidden(vm, 0x5011000);
	result(reported("the guest used 5011000, which is neither storage nor a segment\n"),
	       "an access to what is nobody's", report);
	add_segment(vm, "T,EW,6000-6010");
	other = vm->segments->next;
	other->range[0] = (struct seg_range){ 0x5000, 0x5020, SEG_EW };
	memory_forbidden(vm, 0x5000456);
	result(reported("segment S: the guest wrote to 5000456"),
	       "what is loaded comes before what is not", report);
	other->class = 'S';
	memory_forbidden(vm, 0x5018000);
	result(reported("the guest used 5018000, which is neither"), "a skeleton has no pages",
	       report);
	vm->segments->load = SEG_NONSHARED;
	memory_forbidden(vm, 0x5000456);
	result(reported("segment S: the guest used, before it was loaded, 5000456"),
	       "what can be written to has been loaded since", report);
	memory_open_all();
	result(!stops_write(0x5002) && !stops_read(0x6000), "all can be opened", NULL);
	free_guest(vm);
}

static void test_nowhere(void)
{
	struct zvm *vm = new_guest("S,EW,5000-5010");

	*page(0x3fff) = 'x';
	memory_check(vm);
	result(nothing_reported(), "storage is the guest's", report);
	*page(0x4000) = 'x';
	memory_check(vm);
	result(reported("the guest touched page 4000, which is neither"),
	       "the page after storage is not", report);
	*page(0x7fff) = 'x';
	memory_check(vm);
	result(reported("touched page 7FFF, which is neither"), "nor is the last one", report);
	memory_clear(vm);
	result(stops_read(0x4001) && stops_write(0x4fff) && stops_write(0x7000) &&
	       !stops_write(0x3fff), "what is nobody's cannot be accessed", NULL);
	memory_clear(vm);
	result(is_zero(0x4000) && *page(0x3fff) == 'x',
	       "what is nobody's can be cleared, and storage stays", NULL);
	free_guest(vm);
}

/* Code that was translated is forgotten, once, when its page changes. */
static void test_code(void)
{
	struct zvm *vm = new_guest("S,EW,5003-5014");
	uint8_t elsewhere;

	memory_note_code(&elsewhere);
	memory_note_code(page(0x5002));
	memory_note_code(page(0x5015));
	load(vm, SEG_SHARED);
	result(!changed.calls, "code next to a segment is kept", NULL);
	memory_note_code(page(0x5010) + 123);
	*page(0x5010) = 'x';
	purge(vm);
	result(changed.calls == 1 && changed.addr == 0x5010000, "purge: code is forgotten", NULL);
	result(changed.content == 'x', "purge: before the page has gone", NULL);
	load(vm, SEG_SHARED);
	result(changed.calls == 1, "what was forgotten is not forgotten again", NULL);
	memory_note_code(page(0x5003));
	memory_note_code(page(0x5014));
	memory_note_code(page(0x5008));
	load(vm, SEG_SHARED);
	result(changed.calls == 4 && changed.addr == 0x5014000, "load: code is forgotten", NULL);
	free_guest(vm);
}

int main(void)
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	int fd = mkstemp(image);

	if (fd < 0)
		zvm_die("%s: %s", image, strerror(errno));
	close(fd);
	puts("TAP version 13");
	make_memory();
	sigaction(SIGSEGV, &fault, NULL);
	test_addresses();
	test_load();
	test_no_load();
	test_purge();
	test_save();
	test_save_elsewhere();
	test_not_loaded();
	test_not_its_own();
	test_of_others();
	test_readonly();
	test_forbidden();
	test_nowhere();
	test_code();
	unlink(image);
	return test_end();
}
