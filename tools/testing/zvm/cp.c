// SPDX-License-Identifier: GPL-2.0
/*
 * What CP, the hypervisor of z/VM, answers to a guest that runs Linux: STSI and
 * DIAGNOSE.
 *
 * The instructions are described in "z/VM: CP Programming Services". Where this
 * file could only go by what Linux expects, the comment says so.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "zvm.h"

/*
 * Condition codes of DIAGNOSE X'64': 0 and 1 are success (1: FINDSEG found the
 * segment not loaded, PURGESEG had nothing to purge), 2 a failure with the
 * reason in Ry. The reasons that are certain: 44 and 177.
 */
#define CC_OK		0
#define CC_NOT_LOADED	1
#define CC_FAILED	2
#define RC_NO_SEGMENT	44
#define RC_PAGING_ERROR	177
/* A load where the guest cannot have it: z/VM has a code for it; 28 is not verified. */
#define RC_PLACE	28

/* Functions of DIAGNOSE X'64' in Ry, as in arch/s390/mm/extmem.c. */
#define DIAG64_PURGESEG	0x08
#define DIAG64_LOADSHRX	0x20
#define DIAG64_LOADNSRX	0x24
#define DIAG64_SEGEXTX	0x38
/* The function in SEGEXTX's parameter block. */
#define SEGEXT_FINDSEGA	0x0c

/* struct qin64 and struct qout64 of arch/s390/mm/extmem.c. */
#define QIN_LEN		22
#define QIN_NAME	8
#define QIN_OUTPTR	16
#define QIN_OUTLEN	20
#define QOUT_RANGES	24
#define QOUT_MAX	6
#define QOUT_LEN	(QOUT_RANGES + QOUT_MAX * 16)

/* DIAGNOSE X'08': a response is wanted in storage. */
#define DIAG08_RESPONSE	0x40000000UL
#define DIAG08_LENGTH	0x00ffffffUL
#define DIAG08_MAX	240

/* DIAGNOSE X'260' subcode: storage configuration. */
#define DIAG260_EXTENTS	0x10

/* Code page 500 for what is neither a letter nor a digit. */
static const struct { char ascii; uint8_t ebcdic; } specials[] = {
	{ ' ', 0x40 }, { '\n', 0x15 }, { '.', 0x4b }, { '<', 0x4c }, { '(', 0x4d },
	{ '+', 0x4e }, { '!', 0x4f }, { '&', 0x50 }, { '$', 0x5b }, { '*', 0x5c },
	{ ')', 0x5d }, { ';', 0x5e }, { '^', 0x5f }, { '-', 0x60 }, { '/', 0x61 },
	{ ',', 0x6b }, { '%', 0x6c }, { '_', 0x6d }, { '>', 0x6e }, { '?', 0x6f },
	{ '`', 0x79 }, { ':', 0x7a }, { '#', 0x7b }, { '@', 0x7c }, { '\'', 0x7d },
	{ '=', 0x7e }, { '"', 0x7f }, { '[', 0x4a }, { ']', 0x5a }, { '{', 0xc0 },
	{ '}', 0xd0 }, { '\\', 0xe0 }, { '~', 0xa1 }, { '|', 0xbb }, { '\0', 0x00 },
};

/* Letters come in three runs: A-I, J-R and S-Z. */
static uint8_t letter_to_ebcdic(int n)
{
	return n < 9 ? 0xc1 + n : n < 18 ? 0xd1 + n - 9 : 0xe2 + n - 18;
}

/**
 * ebcdic_from_ascii() - one character for the guest
 * @c: ASCII character
 */
uint8_t ebcdic_from_ascii(char c)
{
	size_t i;

	if (c >= 'A' && c <= 'Z')
		return letter_to_ebcdic(c - 'A');
	if (c >= 'a' && c <= 'z')
		return letter_to_ebcdic(c - 'a') - 0x40;
	if (c >= '0' && c <= '9')
		return 0xf0 + c - '0';
	for (i = 0; i < ARRAY_SIZE(specials); i++)
		if (specials[i].ascii == c)
			return specials[i].ebcdic;
	return 0x6f;
}

/**
 * ebcdic_to_ascii() - one character from the guest
 * @c: EBCDIC character
 *
 * Return: the character, or SUB (0x1a) for one that ASCII does not have.
 */
char ebcdic_to_ascii(uint8_t c)
{
	int a;

	for (a = 0; a < 127; a++)
		if (ebcdic_from_ascii(a) == c && (a == '?' || c != 0x6f))
			return a;
	return 0x1a;
}

static void to_ebcdic(uint8_t *to, const char *from, size_t len)
{
	while (len--)
		*to++ = ebcdic_from_ascii(*from++);
}

static uint64_t get_be(const uint8_t *p, int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *p++;
	return value;
}

static void put_be(uint8_t *p, uint64_t value, int bytes)
{
	while (bytes--) {
		p[bytes] = value;
		value >>= 8;
	}
}

/**
 * cp_stsi_322() - fill in SYSIB 3.2.2, by which Linux recognises z/VM
 * @vm: virtual machine
 * @sysib: result, 4096 bytes
 *
 * Principles of Operation, STORE SYSTEM INFORMATION.
 */
void cp_stsi_322(const struct zvm *vm, uint8_t *sysib)
{
	uint8_t *block = sysib + 32;

	memset(sysib, 0, ZVM_PAGE_SIZE);
	sysib[31] = 1;
	put_be(block + 4, vm->nr_cpus, 2);
	put_be(block + 6, vm->nr_cpus, 2);
	to_ebcdic(block + 12, "LINUX   ", 8);
	put_be(block + 20, 1000, 4);
	to_ebcdic(block + 24, "z/VM    7.4.0   ", 16);
}

static void get_name(const uint8_t *ebcdic, char *name)
{
	int i;

	for (i = 0; i < SEG_NAME_LEN; i++) {
		name[i] = ebcdic_to_ascii(ebcdic[i]);
		if (!isgraph((unsigned char)name[i]))
			name[i] = ebcdic[i] == 0x40 ? ' ' : '.';
	}
	name[i] = '\0';
	while (i && name[i - 1] == ' ')
		name[--i] = '\0';
}

static int diag64_failed(uint64_t *ry, int rc)
{
	*ry = rc;
	return CC_FAILED;
}

static void purge(struct zvm *vm, struct segment *seg)
{
	vm->mem->purge(vm, seg);
	seg->load = SEG_PURGED;
	system_unshare(vm, seg);
	if (seg->class == 'P' && !seg->users) {
		seg_remove(vm, seg);
		seg_free(seg);
	}
}

/* CP takes away every segment in whose place another one is loaded. */
static void purge_overlaid(struct zvm *vm, const struct segment *seg)
{
	struct segment *other, *next;

	for (other = vm->segments; other; other = next) {
		next = other->next;
		if (other->load == SEG_PURGED || seg_start(seg) > seg_end(other) ||
		    seg_start(other) > seg_end(seg))
			continue;
		zvm_record(vm, "  purged by this load: %s", other->name);
		purge(vm, other);
	}
}

static int diag64_load(struct zvm *vm, const char *name, enum seg_load how, uint64_t *rx,
		       uint64_t *ry)
{
	struct segment *seg = seg_find(vm, name, 'A');
	int rc = cp_injected(vm, how == SEG_SHARED ? CP_LOADSHR : CP_LOADNSR, name);
	char why[128];

	if (rc)
		return diag64_failed(ry, rc);
	if (!seg)
		return diag64_failed(ry, RC_NO_SEGMENT);
	if (seg_check_place(vm, seg, why, sizeof(why))) {
		zvm_record(vm, "  %s", why);
		return diag64_failed(ry, RC_PLACE);
	}
	purge_overlaid(vm, seg);
	seg->load = how;
	if (system_share(vm, seg) || vm->mem->load(vm, seg)) {
		zvm_record(vm, "  host: %s", strerror(errno));
		purge(vm, seg);
		return diag64_failed(ry, RC_PAGING_ERROR);
	}
	*rx = seg_start(seg);
	*ry = seg_end(seg);
	cp_done(vm, how == SEG_SHARED ? CP_LOADSHR : CP_LOADNSR, name);
	return CC_OK;
}

static int diag64_purge(struct zvm *vm, const char *name, uint64_t *ry)
{
	struct segment *seg = seg_find_loaded(vm, name);
	int rc = cp_injected(vm, CP_PURGESEG, name);

	if (rc)
		return diag64_failed(ry, rc);
	if (seg) {
		purge(vm, seg);
		cp_done(vm, CP_PURGESEG, name);
		return CC_OK;
	}
	if (seg_find(vm, name, 'A'))
		return CC_NOT_LOADED;
	return diag64_failed(ry, RC_NO_SEGMENT);
}

static void put_ranges(const struct segment *seg, uint8_t *out)
{
	unsigned int i;

	put_be(out, seg_start(seg), 8);
	put_be(out + 8, seg_end(seg), 8);
	put_be(out + 16, seg->nr_ranges, 4);
	put_be(out + 20, seg->nr_ranges < QOUT_MAX ? seg->nr_ranges : QOUT_MAX, 4);
	for (i = 0; i < seg->nr_ranges && i < QOUT_MAX; i++) {
		const struct seg_range *range = &seg->range[i];

		put_be(out + QOUT_RANGES + i * 16, range->first << ZVM_PAGE_SHIFT | range->type,
		       8);
		put_be(out + QOUT_RANGES + i * 16 + 8,
		       ((range->last + 1) << ZVM_PAGE_SHIFT) - 1, 8);
	}
}

static int diag64_find(struct zvm *vm, const char *name, const uint8_t *qin, uint64_t *ry)
{
	uint64_t out = get_be(qin + QIN_OUTPTR, 4), len = get_be(qin + QIN_OUTLEN, 2);
	struct segment *seg = seg_find_loaded(vm, name);
	int rc = cp_injected(vm, CP_FINDSEGA, name);
	uint8_t answer[QOUT_LEN] = { 0 };
	void *p;
	int cc;

	if (rc)
		return diag64_failed(ry, rc);
	if (!seg)
		seg = seg_find(vm, name, 'A');
	if (!seg)
		return diag64_failed(ry, RC_NO_SEGMENT);
	p = vm->mem->real(vm, out, len);
	if (!p)
		return CP_NOT_MINE;
	put_ranges(seg, answer);
	memcpy(p, answer, len < sizeof(answer) ? len : sizeof(answer));
	cc = seg->load == SEG_PURGED ? CC_NOT_LOADED : CC_OK;
	cp_done(vm, CP_FINDSEGA, name);
	return cc;
}

static void record_diag64(struct zvm *vm, const char *what, const char *name, int cc, uint64_t rx,
			  uint64_t ry, bool range)
{
	if (cc == CP_NOT_MINE)
		zvm_record(vm, "DIAGNOSE X'64' %s %s: bad parameters", what, name);
	else if (cc > 1)
		zvm_record(vm, "DIAGNOSE X'64' %s %s: cc %d, rc %d", what, name, cc, (int)ry);
	else if (range)
		zvm_record(vm, "DIAGNOSE X'64' %s %s: cc %d, %llX-%llX", what, name, cc,
			   (unsigned long long)rx, (unsigned long long)ry);
	else
		zvm_record(vm, "DIAGNOSE X'64' %s %s: cc %d", what, name, cc);
}

static const uint8_t *diag64_parameters(struct zvm *vm, uint64_t rx, uint64_t function,
					const char **what)
{
	const uint8_t *p;

	switch (function) {
	case DIAG64_LOADSHRX:
		*what = "LOADSHRX";
		break;
	case DIAG64_LOADNSRX:
		*what = "LOADNSRX";
		break;
	case DIAG64_PURGESEG:
		*what = "PURGESEG";
		break;
	case DIAG64_SEGEXTX:
		*what = "FINDSEGA";
		p = vm->mem->real(vm, rx, QIN_LEN);
		return p && *p == SEGEXT_FINDSEGA ? p : NULL;
	default:
		return NULL;
	}
	return vm->mem->real(vm, rx, SEG_NAME_LEN);
}

/**
 * cp_diag_64() - DIAGNOSE X'64': find, load and purge saved segments
 * @vm: virtual machine
 * @rx: address of the name or parameter block; a load returns the first byte
 * @ry: function; a load returns the last byte, a failure its return code
 *
 * Return: condition code, or CP_NOT_MINE for a program exception.
 */
int cp_diag_64(struct zvm *vm, uint64_t *rx, uint64_t *ry)
{
	const char *what = "unknown function";
	const uint8_t *p = diag64_parameters(vm, *rx, *ry, &what);
	char name[SEG_NAME_LEN + 1] = "";
	int cc = CP_NOT_MINE;

	system_enter(vm);
	if (p && *ry == DIAG64_SEGEXTX) {
		get_name(p + QIN_NAME, name);
		cc = diag64_find(vm, name, p, ry);
		record_diag64(vm, what, name, cc, 0, *ry, false);
	} else if (p && *ry == DIAG64_PURGESEG) {
		get_name(p, name);
		cc = diag64_purge(vm, name, ry);
		record_diag64(vm, what, name, cc, 0, *ry, false);
	} else if (p) {
		get_name(p, name);
		cc = diag64_load(vm, name, *ry == DIAG64_LOADSHRX ? SEG_SHARED : SEG_NONSHARED,
				 rx, ry);
		record_diag64(vm, what, name, cc, *rx, *ry, true);
	} else {
		record_diag64(vm, what, name, cc, *rx, *ry, false);
	}
	system_leave(vm);
	return cc;
}

/**
 * cp_diag_260() - DIAGNOSE X'260': where the guest has storage
 * @vm: virtual machine
 * @rx: address and length of the guest's buffer
 * @ry: subcode; returns the number of extents
 *
 * Return: condition code, or CP_NOT_MINE for a program exception.
 */
int cp_diag_260(struct zvm *vm, const uint64_t rx[2], uint64_t *ry)
{
	size_t i, room = rx[1] / 16;
	uint8_t *p;

	p = vm->mem->real(vm, rx[0], rx[1]);
	if (*ry != DIAG260_EXTENTS || !p) {
		zvm_record(vm, "DIAGNOSE X'260': bad parameters");
		return CP_NOT_MINE;
	}
	for (i = 0; i < vm->nr_extents && i < room; i++) {
		put_be(p + i * 16, vm->extent[i].first, 8);
		put_be(p + i * 16 + 8, vm->extent[i].last, 8);
		zvm_record(vm, "DIAGNOSE X'260' storage extent %llX-%llX",
			   (unsigned long long)vm->extent[i].first,
			   (unsigned long long)vm->extent[i].last);
	}
	*ry = vm->nr_extents;
	return vm->nr_extents <= room ? 0 : 1;
}

/* Move the response to the guest; what does not fit is counted in ry[1]. */
static int answer(const char *response, size_t len, uint8_t *buffer, uint64_t ry[2])
{
	size_t room = ry[1];

	to_ebcdic(buffer, response, len < room ? len : room);
	ry[1] = len <= room ? len : len - room;
	return len <= room ? 0 : 1;
}

static void record_command(struct zvm *vm, const char *text, int rc, char *response)
{
	char *line;

	zvm_record(vm, "DIAGNOSE X'08' %s: rc %d", text, rc);
	while ((line = strsep(&response, "\n")))
		if (*line)
			zvm_record(vm, "  %s", line);
}

/* A command as CP sees it, in ASCII. */
static void get_command(const uint8_t *ebcdic, size_t len, char *text)
{
	size_t i;

	for (i = 0; i < len; i++) {
		text[i] = ebcdic_to_ascii(ebcdic[i]);
		if (!isprint((unsigned char)text[i]))
			text[i] = '?';
	}
	text[len] = '\0';
}

/**
 * cp_diag_08() - DIAGNOSE X'08': a CP command
 * @vm: virtual machine
 * @rx: address of the command, address of the response buffer
 * @ry: length and flags, length of the response buffer; returns the response
 *	code and either the response's length or, with condition code 1, the
 *	number of bytes that did not fit
 *
 * Return: condition code, CP_NOT_MINE for a program exception, or CP_AGAIN with
 * @ry unchanged if the command goes on.
 */
int cp_diag_08(struct zvm *vm, const uint64_t rx[2], uint64_t ry[2])
{
	bool wanted = ry[0] & DIAG08_RESPONSE;
	size_t len = ry[0] & DIAG08_LENGTH, response_len;
	char text[DIAG08_MAX + 1], copy[DIAG08_MAX + 1], *response;
	uint8_t *p = vm->mem->real(vm, rx[0], len), *buffer;
	int cc = 0, rc;
	FILE *out;

	buffer = wanted ? vm->mem->real(vm, rx[1], ry[1]) : NULL;
	if (len > DIAG08_MAX || !p || (wanted && !buffer)) {
		zvm_record(vm, "DIAGNOSE X'08': bad parameters");
		return CP_NOT_MINE;
	}
	get_command(p, len, text);
	memcpy(copy, text, len + 1);
	out = open_memstream(&response, &response_len);
	if (!out)
		abort();
	system_enter(vm);
	rc = cp_command(vm, copy, out);
	system_leave(vm);
	fclose(out);
	if (rc != CP_AGAIN) {
		if (wanted)
			cc = answer(response, response_len, buffer, ry);
		ry[0] = rc;
		record_command(vm, text, rc, response);
	}
	free(response);
	return rc == CP_AGAIN ? CP_AGAIN : cc;
}
