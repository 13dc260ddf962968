// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory: how segments appear in it and vanish from it.
 *
 * It is one shared mapping of a memfd. A segment is a private mapping put over
 * its place in there: of the image when loaded, of nothing when not. What
 * guests share and may write to is one file, which all of them have mapped.
 * Pages that are shared and read-only cannot be written to, and what is neither
 * storage nor loaded cannot be accessed at all: the host has a SIGSEGV where z/VM
 * has a protection or an addressing exception. A device has an error there; where QEMU
 * copies for it, and for CP, the page is opened, and the host's page tables tell of it
 * when the segment is loaded or purged, or at the end.
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

/* Bits of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
#define PM_PRESENT	(1ULL << 63)
#define PM_SWAP		(1ULL << 62)
#define PM_FILE		(1ULL << 61)

static uint8_t *ram;
static uint64_t ram_size;
static int ram_fd = -1;
static memory_changed *tell_changed;
/* One bit a page: the emulator holds translated code of it. Set without a lock. */
static uint8_t *code_pages;

/* Guest real addresses are absolute: no parameter lies in a lowcore. */
static void *real_address(struct zvm *vm, uint64_t addr, size_t len)
{
	(void)vm;
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
		zvm_die("cannot read /proc/self/pagemap: %s", strerror(errno));
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

/* Another user may have defined it where QEMU has no memory. */
static bool is_beyond(const struct segment *seg)
{
	return seg_end(seg) >= ram_size;
}

/* What is at the addresses of a segment that is not loaded may be another one's. */
static bool is_other(const struct zvm *vm, const struct segment *seg)
{
	const struct segment *other;

	for (other = vm->segments; other; other = other->next)
		if (other->load != SEG_PURGED && seg_start(seg) <= seg_end(other) &&
		    seg_start(other) <= seg_end(seg))
			return true;
	return seg_find_loaded(vm, seg->name) ||
	       zvm_find_storage(vm, seg_start(seg), seg_end(seg));
}

/* Has the guest done to this segment what z/VM would not have let it do? */
static void check_segment(struct zvm *vm, struct segment *seg)
{
	unsigned int i;

	if (seg->class == 'S' || is_beyond(seg) ||
	    (seg->load == SEG_PURGED && is_other(vm, seg)))
		return;
	for (i = 0; i < seg->nr_ranges; i++) {
		const struct seg_range *range = &seg->range[i];
		struct culprits found = { 0 };

		if (seg->load == SEG_PURGED)
			for_pages(seg, range, is_touched, count_page, &found);
		else if (seg_type_readonly(seg, range->type))
			for_pages(seg, range, is_copied, count_if_changed, &found);
		if (found.count && seg->load == SEG_PURGED)
			zvm_violation(vm, "segment %s: the guest touched page %llX (and %llu more) while it was not loaded",
				      seg->name, (unsigned long long)found.first,
				      (unsigned long long)found.count - 1);
		else if (found.count)
			zvm_violation(vm, "segment %s: the guest wrote to page %llX (and %llu more) of type %s",
				      seg->name, (unsigned long long)found.first,
				      (unsigned long long)found.count - 1,
				      seg_type_name(range->type));
	}
}

/**
 * memory_open() - an access that the guest's memory does not allow is to go on
 * @host: where it was
 * @addr: set to where that is, for the guest
 *
 * From then on the page can be read and written. A signal handler may call it.
 *
 * Return: whether there is guest memory, and it is open now.
 */
bool memory_open(const void *host, uint64_t *addr)
{
	*addr = (const uint8_t *)host - ram;
	return ram && *addr < ram_size &&
	       !mprotect(ram + (*addr & ~(ZVM_PAGE_SIZE - 1)), ZVM_PAGE_SIZE,
			 PROT_READ | PROT_WRITE);
}

/**
 * memory_open_all() - all of guest memory is going to be read
 *
 * A signal handler may call it.
 */
void memory_open_all(void)
{
	if (ram)
		mprotect(ram, ram_size, PROT_READ | PROT_WRITE);
}

/* The type of a page of a segment; SEG_NTYPES if it has no such page. */
static enum seg_type type_of(const struct segment *seg, uint64_t page)
{
	unsigned int i;

	for (i = 0; i < seg->nr_ranges; i++)
		if (page >= seg->range[i].first && page <= seg->range[i].last)
			return seg->range[i].type;
	return SEG_NTYPES;
}

/**
 * memory_forbidden() - report what has been opened
 * @vm: virtual machine
 * @addr: guest address of the access
 */
void memory_forbidden(struct zvm *vm, uint64_t addr)
{
	struct segment *seg, *found = NULL;
	enum seg_type type = SEG_NTYPES;

	for (seg = vm->segments; seg && !(found && found->load != SEG_PURGED); seg = seg->next)
		if (seg->class != 'S' && type_of(seg, addr >> ZVM_PAGE_SHIFT) != SEG_NTYPES) {
			found = seg;
			type = type_of(seg, addr >> ZVM_PAGE_SHIFT);
		}
	if (!found)
		zvm_violation(vm, "the guest used %llX, which is neither storage nor a segment",
			      (unsigned long long)addr);
	else if (found->load == SEG_PURGED)
		zvm_violation(vm, "segment %s: the guest used %llX while it was not loaded",
			      found->name, (unsigned long long)addr);
	else
		zvm_violation(vm, "segment %s: the guest %s %llX, which is of type %s",
			      found->name, seg_type_readonly(found, type) ? "wrote to" :
			      "used, before it was loaded,", (unsigned long long)addr,
			      seg_type_name(type));
}

/* Has code of this page been translated, since this was asked the last time? */
static bool had_code(uint64_t page)
{
	uint8_t bit = 1 << page % 8;

	return __atomic_fetch_and(&code_pages[page / 8], ~bit, __ATOMIC_RELAXED) & bit;
}

/* What is translated from these pages is not what they are going to have. */
static void forget_code(uint64_t first, uint64_t last)
{
	uint64_t page, addr;

	for (page = first; page <= last; page++) {
		if (!(page % 8) && !code_pages[page / 8]) {
			page += 7;
			continue;
		}
		if (had_code(page) && memory_open(ram + (page << ZVM_PAGE_SHIFT), &addr))
			tell_changed(addr, ram + addr);
	}
}

static int map_private(uint64_t addr, uint64_t len, int prot, int fd, uint64_t offset)
{
	int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0);

	if (!len)
		return 0;
	return mmap(ram + addr, len, prot, flags, fd, offset) == MAP_FAILED;
}

/* As is: other guests have the same. */
static int map_common(const struct segment *seg, const struct seg_range *range)
{
	uint64_t addr = range->first << ZVM_PAGE_SHIFT;
	uint64_t len = (range->last - range->first + 1) << ZVM_PAGE_SHIFT;

	return mmap(ram + addr, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, seg->shared,
		    addr - seg_start(seg)) == MAP_FAILED ? -1 : 0;
}

static void map_nothing(const struct seg_range *range)
{
	if (map_private(range->first << ZVM_PAGE_SHIFT,
			(range->last - range->first + 1) << ZVM_PAGE_SHIFT, PROT_NONE, -1, 0))
		zvm_die("cannot take away the pages of a segment: %s", strerror(errno));
}

/* Image pages as far as the file goes, zeroes from there on. */
static int map_saved(const struct segment *seg, const struct seg_range *range)
{
	uint64_t addr = range->first << ZVM_PAGE_SHIFT, offset = addr - seg_start(seg);
	uint64_t len = (range->last - range->first + 1) << ZVM_PAGE_SHIFT, from_file = 0;
	int prot = PROT_READ | (seg_type_readonly(seg, range->type) ? 0 : PROT_WRITE);
	struct stat st;

	if (seg->fd >= 0 && fstat(seg->fd, &st))
		return -1;
	if (seg->fd >= 0 && (uint64_t)st.st_size > offset)
		from_file = (st.st_size - offset + ZVM_PAGE_SIZE - 1) & ~(ZVM_PAGE_SIZE - 1);
	if (from_file > len)
		from_file = len;
	if (map_private(addr, from_file, prot, seg->fd, offset))
		return -1;
	return map_private(addr + from_file, len - from_file, prot, -1, 0) ? -1 : 0;
}

static int load_segment(struct zvm *vm, struct segment *seg)
{
	enum seg_load load = seg->load;
	unsigned int i;
	int rc = 0;

	if (is_beyond(seg)) {
		errno = ENOMEM;
		return -1;
	}
	if (seg_open_image(seg))
		return -1;
	seg->load = SEG_PURGED;
	check_segment(vm, seg);
	seg->load = load;
	for (i = 0; i < seg->nr_ranges && !rc; i++) {
		const struct seg_range *range = &seg->range[i];

		forget_code(range->first, range->last);
		if (seg->shared >= 0 && seg_type_common(range->type))
			rc = map_common(seg, range);
		else if (seg_type_saved(range->type))
			rc = map_saved(seg, range);
		else
			rc = map_private(range->first << ZVM_PAGE_SHIFT,
					 (range->last - range->first + 1) << ZVM_PAGE_SHIFT,
					 PROT_READ | PROT_WRITE, -1, 0);
	}
	return rc;
}

static void purge_segment(struct zvm *vm, struct segment *seg)
{
	unsigned int i;

	if (is_beyond(seg))
		return;
	check_segment(vm, seg);
	for (i = 0; i < seg->nr_ranges; i++) {
		forget_code(seg->range[i].first, seg->range[i].last);
		map_nothing(&seg->range[i]);
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
static long save_segment(struct zvm *vm, struct segment *seg)
{
	const struct segment *loaded = seg_find_loaded(vm, seg->name);
	bool mapped = loaded && seg_same_ranges(loaded, seg);
	struct saving saving = { 0 };
	unsigned int i;

	if (seg_open_image(seg))
		return -1;
	if (seg->fd < 0)
		seg->fd = memfd_create(seg->name, MFD_CLOEXEC);
	if (seg->fd < 0)
		return -1;
	errno = 0;
	for (i = 0; i < seg->nr_ranges; i++)
		if (seg_type_saved(seg->range[i].type))
			for_pages(seg, &seg->range[i], mapped ? is_copied : is_touched, save_page,
				  &saving);
	errno = saving.error;
	return saving.error ? -1 : saving.pages;
}

const struct zvm_memory guest_memory = {
	.real = real_address,
	.load = load_segment,
	.purge = purge_segment,
	.save = save_segment,
};

static void purge_all(struct zvm *vm)
{
	struct segment *seg;
	unsigned int i;

	for (seg = vm->segments; seg; seg = seg->next) {
		/* Other guests of a system have other storage. */
		if (is_beyond(seg) || zvm_find_storage(vm, seg_start(seg), seg_end(seg)))
			continue;
		for (i = 0; i < seg->nr_ranges; i++)
			map_nothing(&seg->range[i]);
	}
}

static void find_ram(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char *line = NULL;
	size_t size = 0;

	while (maps && !ram && getline(&line, &size, maps) > 0)
		if (strstr(line, "/memfd:" MEMORY_NAME))
			ram = (uint8_t *)(uintptr_t)strtoull(line, NULL, 16);
	free(line);
	if (maps)
		fclose(maps);
	if (!ram)
		zvm_die("cannot find guest memory, " MEMORY_NAME);
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
		if (strstr(target, "/memfd:" MEMORY_NAME))
			ram_fd = fd;
	}
}

/**
 * memory_init() - before there is guest memory
 * @size: bytes that there will be
 * @changed: called for each page with code, before its segment is loaded or
 *	purged
 */
void memory_init(uint64_t size, memory_changed *changed)
{
	ram_size = size;
	tell_changed = changed;
	code_pages = mmap(NULL, ram_size / ZVM_PAGE_SIZE / 8 + 8, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (code_pages == MAP_FAILED)
		zvm_die("out of memory");
}

/**
 * memory_attach() - guest memory is there; may be called for each CPU
 * @vm: virtual machine
 */
void memory_attach(struct zvm *vm)
{
	if (ram)
		return;
	find_ram();
	find_ram_fd();
	/* A huge page could reach beyond the end of storage (check_nowhere). */
	madvise(ram, ram_size, MADV_NOHUGEPAGE);
	purge_all(vm);
}

/**
 * memory_clear() - the guest begins: nobody has touched what is not storage
 * @vm: virtual machine
 *
 * QEMU puts a firmware that nobody uses below 2 GiB, wherever that is.
 */
void memory_clear(struct zvm *vm)
{
	uint64_t start = 0, end;
	unsigned int i;

	purge_all(vm);
	for (i = 0; i <= vm->nr_extents && ram_fd >= 0; i++) {
		end = i < vm->nr_extents ? vm->extent[i].first : ram_size;
		if (end > start && (fallocate(ram_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					      start, end - start) ||
				    mprotect(ram + start, end - start, PROT_NONE)))
			zvm_die("cannot clear what is not storage: %s", strerror(errno));
		if (i < vm->nr_extents)
			start = vm->extent[i].last + 1;
	}
}

/**
 * memory_note_code() - the emulator has translated an instruction
 * @host: where it is, for the host; not always in guest memory
 *
 * May be called at any time, by any thread.
 */
void memory_note_code(const uint8_t *host)
{
	uint64_t page;

	if (!ram || host < ram || host >= ram + ram_size)
		return;
	page = (host - ram) >> ZVM_PAGE_SHIFT;
	__atomic_fetch_or(&code_pages[page / 8], 1 << page % 8, __ATOMIC_RELAXED);
}

/*
 * Memory that is neither storage nor segment has to be untouched: holes. The
 * host walks over what it is not asked to skip, a page at a time.
 */
static void check_nowhere(struct zvm *vm)
{
	const struct extent *extent;
	off_t data = 0;

	while (ram_fd >= 0 && (data = lseek(ram_fd, data, SEEK_DATA)) >= 0) {
		extent = zvm_find_storage(vm, data, data);
		if (extent) {
			data = extent->last + 1;
			continue;
		}
		zvm_violation(vm, "the guest touched page %llX, which is neither storage nor a segment",
			      (unsigned long long)data >> ZVM_PAGE_SHIFT);
		data = lseek(ram_fd, data, SEEK_HOLE);
	}
}

/**
 * memory_check() - the guest has ended: what has it done to its memory?
 * @vm: virtual machine
 */
void memory_check(struct zvm *vm)
{
	struct segment *seg;

	if (!ram)
		return;
	for (seg = vm->segments; seg; seg = seg->next)
		check_segment(vm, seg);
	check_nowhere(vm);
}
