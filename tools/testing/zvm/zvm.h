/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual z/VM for QEMU: what CP knows about one guest.
 *
 * segment.c	names, types, page ranges, storage extents, the segment directory
 * record.c	the transcript, and the report of what z/VM would not have allowed
 * system.c	what the guests of one system have in common
 * inject.c	what CP does because a test wants it to
 * commands.c	CP's commands
 * cp.c		what CP answers: STSI, DIAGNOSE X'08', X'64' and X'260'
 * configure.c	a virtual machine as it is asked for
 * memory.c	how segments appear in guest memory and vanish from it
 * plugin.c	how QEMU reaches CP
 *
 * Each of them calls those above it only; cp.c and commands.c reach guest memory
 * through struct zvm_memory. Only plugin.c knows QEMU; the rest is tested on the
 * host.
 */
#ifndef ZVM_H
#define ZVM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define __noreturn	__attribute__((noreturn))
#define __printf(a, b)	__attribute__((format(printf, a, b)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define ZVM_PAGE_SHIFT	12
#define ZVM_PAGE_SIZE	4096UL
#define ZVM_MIB		(1UL << 20)

#define SEG_NAME_LEN	8
/* DEFSEG takes up to 64 page ranges; Linux uses segments of up to 6. */
#define SEG_MAX_RANGES	64
/* "z/VM: Saved Segments Planning and Administration": the size of a DCSS... */
#define SEG_MAX_PAGES	(2047UL << (20 - ZVM_PAGE_SHIFT))
/* ... which has to end below 512 GiB. */
#define SEG_END_PAGES	(512UL << (30 - ZVM_PAGE_SHIFT))
/* DIAGNOSE X'260' reports up to 8 extents (arch/s390/boot/physmem_info.c). */
#define ZVM_MAX_EXTENTS	8
/* The kernel is loaded at 0 and the initial ramdisk behind it. */
#define ZVM_MIN_STORAGE	(64 * ZVM_MIB)

/* To QEMU, by which the plugin opens all of guest memory: it is going to be dumped. */
#define ZVM_DUMP_SIGNAL	SIGUSR2

/* Numbered as in FINDSEGA's answer (asm/extmem.h). */
enum seg_type { SEG_SW, SEG_EW, SEG_SR, SEG_ER, SEG_SN, SEG_EN, SEG_SC, SEG_NTYPES };

enum seg_load { SEG_PURGED, SEG_SHARED, SEG_NONSHARED };

/**
 * struct seg_range - a page range of a segment, as DEFSEG defines it
 * @first: first page number
 * @last: last page number
 * @type: how its pages are shared and saved
 */
struct seg_range {
	uint64_t first;
	uint64_t last;
	enum seg_type type;
};

/**
 * struct segment - a saved segment, or the skeleton of one
 * @next: next entry of CP's list of system data files
 * @name: name in upper case, ended by NUL
 * @nr_ranges: number of entries in @range
 * @range: page ranges, in ascending order
 * @class: 'S' skeleton, 'A' active, 'P' purged while in use
 * @spid: number of the system data file
 * @load: whether and how the guest has it loaded
 * @image: host file with the saved content, or NULL
 * @fd: open image, or -1
 * @users: how many other guests have it loaded
 * @sharers: how many of them share it
 * @shared: open file with what they share and may write to, or -1
 * @listed: the system's directory has it
 */
struct segment {
	struct segment *next;
	char name[SEG_NAME_LEN + 1];
	unsigned int nr_ranges;
	struct seg_range range[SEG_MAX_RANGES];
	char class;
	unsigned int spid;
	enum seg_load load;
	char *image;
	int fd;
	unsigned int users;
	unsigned int sharers;
	int shared;
	bool listed;
};

/** struct extent - guest storage, first and last byte */
struct extent {
	uint64_t first;
	uint64_t last;
};

/** enum cp_function - what an injected failure can name */
enum cp_function { CP_LOADSHR, CP_LOADNSR, CP_PURGESEG, CP_FINDSEGA,
		   CP_DEFSEG, CP_SAVESEG, CP_NFUNCTIONS };

/**
 * struct cp_fail - an injected failure
 * @next: next rule; the first one that matches counts
 * @function: function that fails
 * @name: segment it fails for, or an empty string for every segment
 * @rc: return code that CP gives
 * @count: how many more times, or -1 for always
 */
struct cp_fail {
	struct cp_fail *next;
	enum cp_function function;
	char name[SEG_NAME_LEN + 1];
	int rc;
	int count;
};

/**
 * struct cp_hold - a SAVESEG that does not end by itself
 * @name: segment that is saved, or an empty string if nothing is held
 * @until: function that has to be done for it to end ...
 * @until_name: ... for this segment ...
 * @count: ... so many times, from when SAVESEG has begun
 * @begun: SAVESEG has begun
 * @tries: how many more times it asks, before it fails
 */
struct cp_hold {
	char name[SEG_NAME_LEN + 1];
	enum cp_function until;
	char until_name[SEG_NAME_LEN + 1];
	int count;
	bool begun;
	int tries;
};

struct zvm;
struct zvm_system;

/**
 * struct zvm_memory - how CP reaches the guest's memory
 * @real: host address of @len bytes at guest real address @addr, or NULL
 * @load: make a segment's saved content appear; 0, or -1 with errno
 * @purge: take a loaded segment's content away
 * @save: write the guest's pages of @seg to its image; pages written, or -1
 */
struct zvm_memory {
	void *(*real)(struct zvm *vm, uint64_t addr, size_t len);
	int (*load)(struct zvm *vm, struct segment *seg);
	void (*purge)(struct zvm *vm, struct segment *seg);
	long (*save)(struct zvm *vm, struct segment *seg);
};

/** struct zvm - one virtual machine, as CP sees it */
struct zvm {
	unsigned int nr_extents;
	struct extent extent[ZVM_MAX_EXTENTS];
	unsigned int nr_cpus;
	unsigned int next_spid;
	struct segment *segments;
	struct cp_fail *fails;
	struct cp_hold hold;
	struct segment *anew;		/* that another user is going to save ... */
	enum cp_function anew_after;	/* ... when this has been done for it */
	struct zvm_system *system;	/* NULL: no other guest is on it */
	FILE *transcript;
	FILE *report;
	const struct zvm_memory *mem;
};

/* segment.c */
const char *seg_type_name(enum seg_type type);
bool seg_type_saved(enum seg_type type);
bool seg_type_common(enum seg_type type);
bool seg_type_readonly(const struct segment *seg, enum seg_type type);
int seg_parse_name(const char *text, size_t len, char *name, char *err, size_t errlen);
int seg_parse_type(const char *text, size_t len, enum seg_type *type, char *err, size_t errlen);
int seg_parse_range(const char *text, size_t len, struct seg_range *range, char *err,
		    size_t errlen);
int seg_check(const struct segment *seg, char *err, size_t errlen);
struct segment *seg_parse_option(const char *text, char *err, size_t errlen);
int seg_check_place(const struct zvm *vm, const struct segment *seg, char *err, size_t errlen);
int seg_check_conflicts(const struct zvm *vm, const struct segment *seg, char *err, size_t errlen);
struct segment *seg_new(void);
void seg_free(struct segment *seg);
void seg_add(struct zvm *vm, struct segment *seg);
void seg_remove(struct zvm *vm, struct segment *seg);
void seg_take_image(struct segment *to, struct segment *from);
void seg_activate(struct zvm *vm, struct segment *skeleton, struct segment *active);
struct segment *seg_find(const struct zvm *vm, const char *name, char class);
struct segment *seg_find_loaded(const struct zvm *vm, const char *name);
bool seg_has_pages(const struct segment *seg, bool (*is)(enum seg_type type));
int seg_open_image(struct segment *seg);
bool seg_same_ranges(const struct segment *a, const struct segment *b);
bool seg_in_use(const struct segment *seg);
uint64_t seg_start(const struct segment *seg);
uint64_t seg_end(const struct segment *seg);
int zvm_parse_storage(struct zvm *vm, const char *text, char *err, size_t errlen);
const struct extent *zvm_find_storage(const struct zvm *vm, uint64_t first, uint64_t last);

/* record.c */
void __printf(2, 3) zvm_record(struct zvm *vm, const char *format, ...);
void __printf(2, 3) zvm_violation(struct zvm *vm, const char *format, ...);
void __noreturn __printf(1, 2) zvm_die(const char *format, ...);

/* system.c */
int system_open(struct zvm *vm, const char *dir, char *err, size_t errlen);
int system_join(struct zvm *vm, char *err, size_t errlen);
void system_close(struct zvm *vm);
void system_enter(struct zvm *vm);
void system_leave(struct zvm *vm);
int system_share(struct zvm *vm, struct segment *seg);
void system_unshare(struct zvm *vm, struct segment *seg);
int system_new_image(struct zvm *vm, struct segment *seg, struct segment *loaded);
void system_drop_image(struct segment *seg);

/* inject.c */
#define CP_FUNCTIONS "LOADSHR, LOADNSR, PURGESEG, FINDSEGA, DEFSEG or SAVESEG"
int cp_parse_function(const char *text, enum cp_function *function);
int cp_add_fail(struct zvm *vm, const char *text, char *err, size_t errlen);
int cp_set_hold(struct zvm *vm, const char *name, const char *until, char *err, size_t errlen);
void cp_set_anew(struct zvm *vm, struct segment *seg, enum cp_function after);
void cp_done(struct zvm *vm, enum cp_function function, const char *name);
int cp_held(struct zvm *vm, const char *name);
int cp_injected(struct zvm *vm, enum cp_function function, const char *name);

/* commands.c */
int cp_command(struct zvm *vm, char *text, FILE *out);

/* cp.c */
uint8_t ebcdic_from_ascii(char c);
char ebcdic_to_ascii(uint8_t c);
void cp_stsi_322(const struct zvm *vm, uint8_t *sysib);
int cp_diag_08(struct zvm *vm, const uint64_t rx[2], uint64_t ry[2]);
int cp_diag_64(struct zvm *vm, uint64_t *rx, uint64_t *ry);
int cp_diag_260(struct zvm *vm, const uint64_t rx[2], uint64_t *ry);

/* configure.c */
int zvm_configure(struct zvm *vm, const char *key, const char *value, char *err, size_t errlen);

/* Condition code of a DIAGNOSE that CP leaves to the machine. */
#define CP_NOT_MINE	(-1)
/* Result of a DIAGNOSE that z/VM does not know, but QEMU does. */
#define CP_SPECIFICATION	(-2)
/* The instruction is not done yet: the CPU has to execute it once more. */
#define CP_AGAIN	(-3)

#endif /* ZVM_H */
