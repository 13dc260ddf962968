// SPDX-License-Identifier: GPL-2.0
/*
 * What CP, the hypervisor of z/VM, answers to a guest that runs Linux.
 *
 * The instructions are described in "z/VM: CP Programming Services", the
 * commands in "z/VM: CP Commands and Utilities Reference". Where this file
 * could only go by what Linux expects, the comment says so.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "zvm.h"

#define fail(...) (snprintf(err, errlen, __VA_ARGS__), -1)

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
/* A load over guest storage: z/VM has a code for it; 28 is not verified. */
#define RC_OVERLAP	28

/* A SAVESEG that is held asks so often, and then fails with this code. */
#define CP_HOLD_TRIES	10000
#define CP_HELD_IN_VAIN	9998

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

#define FUNCTIONS "LOADSHR, LOADNSR, PURGESEG, FINDSEGA, DEFSEG or SAVESEG"

static const char * const function_names[CP_NFUNCTIONS] = {
	"LOADSHR", "LOADNSR", "PURGESEG", "FINDSEGA", "DEFSEG", "SAVESEG",
};

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
 * cp_record() - write a line to the transcript
 * @vm: virtual machine
 * @format: printf format, without a newline
 */
void cp_record(struct zvm *vm, const char *format, ...)
{
	va_list args;

	if (!vm->transcript)
		return;
	va_start(args, format);
	vfprintf(vm->transcript, format, args);
	va_end(args);
	putc('\n', vm->transcript);
	fflush(vm->transcript);
}

static int parse_number(const char *text, int *value)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)*text))
		return -1;
	n = strtol(text, &end, 10);
	if (*end || n < 1 || n > 9999)
		return -1;
	*value = n;
	return 0;
}

static int parse_function(const char *text, enum cp_function *function)
{
	int i;

	for (i = 0; i < CP_NFUNCTIONS; i++) {
		if (!strcasecmp(text, function_names[i])) {
			*function = i;
			return 0;
		}
	}
	return -1;
}

/**
 * cp_parse_fail() - parse FUNCTION[,NAME],RC[*COUNT]
 * @text: argument of zvm-run's --cp-fail
 * @rule: result
 * @err: receives the reason
 * @errlen: size of @err
 *
 * Return: 0, or -1 with a message in @err.
 */
int cp_parse_fail(const char *text, struct cp_fail *rule, char *err, size_t errlen)
{
	char copy[64], *rest = copy, *word[3] = { NULL }, *count;
	int n = 0, rc = -1;

	if (strlen(text) >= sizeof(copy))
		return fail("failure '%.40s...' is too long", text);
	memcpy(copy, text, strlen(text) + 1);
	while (rest && n < 3)
		word[n++] = strsep(&rest, ",");
	*rule = (struct cp_fail){ .count = -1 };
	if (rest || n < 2)
		return fail("failure '%s' is not FUNCTION[,NAME],RC[*COUNT]", text);
	if (parse_function(word[0], &rule->function))
		return fail("CP function '%s' is unknown: use " FUNCTIONS, word[0]);
	if (n == 3 && seg_parse_name(word[1], strlen(word[1]), rule->name, err, errlen))
		return -1;
	count = strchr(word[n - 1], '*');
	if (count)
		*count++ = '\0';
	if (!parse_number(word[n - 1], &rule->rc) && (!count || !parse_number(count, &rule->count)))
		rc = 0;
	return rc ? fail("failure '%s': return code and count are 1 to 9999", text) : 0;
}

/**
 * cp_add_fail() - let a CP function fail from now on
 * @vm: virtual machine
 * @text: FUNCTION[,NAME],RC[*COUNT], or OFF to forget all failures
 * @err: receives the reason
 * @errlen: size of @err
 *
 * Return: 0, or -1 with a message in @err.
 */
int cp_add_fail(struct zvm *vm, const char *text, char *err, size_t errlen)
{
	struct cp_fail **p = &vm->fails, *rule, parsed;

	if (!strcmp(text, "OFF")) {
		while ((rule = vm->fails)) {
			vm->fails = rule->next;
			free(rule);
		}
		return 0;
	}
	if (cp_parse_fail(text, &parsed, err, errlen))
		return -1;
	rule = malloc(sizeof(*rule));
	if (!rule)
		abort();
	*rule = parsed;
	while (*p)
		p = &(*p)->next;
	*p = rule;
	return 0;
}

/**
 * cp_set_hold() - let the next SAVESEG of a segment last
 * @vm: virtual machine
 * @name: segment
 * @until: FUNCTION,NAME*COUNT: it lasts until this was done COUNT times
 * @err: receives the reason
 * @errlen: size of @err
 *
 * Return: 0, or -1 with a message in @err.
 */
int cp_set_hold(struct zvm *vm, const char *name, const char *until, char *err, size_t errlen)
{
	struct cp_hold hold = { .tries = CP_HOLD_TRIES };
	char copy[64], *rest = copy, *function, *segment;

	snprintf(copy, sizeof(copy), "%s", until);
	function = strsep(&rest, ",");
	segment = strsep(&rest, "*");
	if (!segment || !rest || parse_number(rest, &hold.count))
		return fail("'%s' is not FUNCTION,NAME*COUNT", until);
	if (parse_function(function, &hold.until))
		return fail("CP function '%s' is unknown: use " FUNCTIONS, function);
	if (seg_parse_name(name, strlen(name), hold.name, err, errlen) ||
	    seg_parse_name(segment, strlen(segment), hold.until_name, err, errlen))
		return -1;
	vm->hold = hold;
	return 0;
}

/* The image stays with the name. */
static void take_image(struct segment *to, struct segment *from)
{
	if (!from)
		return;
	to->image = from->image;
	to->fd = from->fd;
	from->image = NULL;
	from->fd = -1;
}

/* The saved segment takes the place of the active one. */
static void replace_active(struct zvm *vm, struct segment *skeleton, struct segment *active)
{
	if (active && active->load != SEG_PURGED) {
		active->class = 'P';
	} else if (active) {
		seg_remove(vm, active);
		seg_free(active);
	}
	skeleton->class = 'A';
}

/* Another user has defined and saved a segment, with the content that it had. */
static void define_anew(struct zvm *vm, struct segment *seg)
{
	struct segment *active = seg_find(vm, seg->name, 'A');

	cp_record(vm, "%s is saved by another user: %llX-%llX", seg->name,
		  (unsigned long long)seg_start(seg), (unsigned long long)seg_end(seg));
	take_image(seg, active);
	seg_add(vm, seg);
	replace_active(vm, seg, active);
}

/* What a SAVESEG, or another user, may be waiting for. */
static void done(struct zvm *vm, enum cp_function function, const char *name)
{
	struct segment *anew = vm->anew;

	if (anew && vm->anew_after == function && !strcmp(anew->name, name)) {
		vm->anew = NULL;
		define_anew(vm, anew);
	}
	if (vm->hold.begun && vm->hold.until == function && !strcmp(vm->hold.until_name, name))
		vm->hold.count--;
}

/* CP_AGAIN while a SAVESEG has to wait, then 0, or a code if it was in vain. */
static int held(struct zvm *vm, const char *name)
{
	struct cp_hold *hold = &vm->hold;
	int rc = 0;

	if (!*hold->name || strcmp(hold->name, name))
		return 0;
	if (!hold->begun)
		cp_record(vm, "SAVESEG %s is held", name);
	hold->begun = true;
	if (hold->count > 0 && --hold->tries > 0)
		return CP_AGAIN;
	rc = hold->count > 0 ? CP_HELD_IN_VAIN : 0;
	*hold = (struct cp_hold){ 0 };
	return rc;
}

/* The return code that the user wants @function to give, or 0. */
static int injected(struct zvm *vm, enum cp_function function, const char *name)
{
	struct cp_fail *rule;

	for (rule = vm->fails; rule; rule = rule->next) {
		if (rule->function != function || !rule->count ||
		    (*rule->name && strcmp(rule->name, name)))
			continue;
		if (rule->count > 0)
			rule->count--;
		return rule->rc;
	}
	return 0;
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
	if (seg->class == 'P') {
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
		cp_record(vm, "  purged by this load: %s", other->name);
		purge(vm, other);
	}
}

static int diag64_load(struct zvm *vm, const char *name, enum seg_load how, uint64_t *rx,
		       uint64_t *ry)
{
	struct segment *seg = seg_find(vm, name, 'A');
	int rc = injected(vm, how == SEG_SHARED ? CP_LOADSHR : CP_LOADNSR, name);

	if (rc)
		return diag64_failed(ry, rc);
	if (!seg)
		return diag64_failed(ry, RC_NO_SEGMENT);
	if (zvm_find_storage(vm, seg_start(seg), seg_end(seg)))
		return diag64_failed(ry, RC_OVERLAP);
	purge_overlaid(vm, seg);
	seg->load = how;
	if (vm->mem->load(vm, seg)) {
		cp_record(vm, "  host: %s", strerror(errno));
		purge(vm, seg);
		return diag64_failed(ry, RC_PAGING_ERROR);
	}
	*rx = seg_start(seg);
	*ry = seg_end(seg);
	done(vm, how == SEG_SHARED ? CP_LOADSHR : CP_LOADNSR, name);
	return CC_OK;
}

static int diag64_purge(struct zvm *vm, const char *name, uint64_t *ry)
{
	struct segment *seg = seg_find_loaded(vm, name);
	int rc = injected(vm, CP_PURGESEG, name);

	if (rc)
		return diag64_failed(ry, rc);
	if (seg) {
		purge(vm, seg);
		done(vm, CP_PURGESEG, name);
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
	int rc = injected(vm, CP_FINDSEGA, name);
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
	done(vm, CP_FINDSEGA, name);
	return cc;
}

static void record_diag64(struct zvm *vm, const char *what, const char *name, int cc, uint64_t rx,
			  uint64_t ry, bool range)
{
	if (cc == CP_NOT_MINE)
		cp_record(vm, "DIAGNOSE X'64' %s %s: bad parameters", what, name);
	else if (cc > 1)
		cp_record(vm, "DIAGNOSE X'64' %s %s: cc %d, rc %d", what, name, cc, (int)ry);
	else if (range)
		cp_record(vm, "DIAGNOSE X'64' %s %s: cc %d, %llX-%llX", what, name, cc,
			  (unsigned long long)rx, (unsigned long long)ry);
	else
		cp_record(vm, "DIAGNOSE X'64' %s %s: cc %d", what, name, cc);
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
		cp_record(vm, "DIAGNOSE X'260': bad parameters");
		return CP_NOT_MINE;
	}
	for (i = 0; i < vm->nr_extents && i < room; i++) {
		put_be(p + i * 16, vm->extent[i].first, 8);
		put_be(p + i * 16 + 8, vm->extent[i].last, 8);
		cp_record(vm, "DIAGNOSE X'260' storage extent %llX-%llX",
			  (unsigned long long)vm->extent[i].first,
			  (unsigned long long)vm->extent[i].last);
	}
	*ry = vm->nr_extents;
	return vm->nr_extents <= room ? 0 : 1;
}

/* A CP command on its way: what is left of it, and the response so far. */
struct command {
	struct zvm *vm;
	char *rest;
	char *response;
	size_t len;
	FILE *out;
};

static char *word(struct command *cmd)
{
	char *w;

	do
		w = strsep(&cmd->rest, " ");
	while (w && !*w);
	return w;
}

/* CP takes abbreviations of @full down to @min characters. */
static bool is_word(const char *w, const char *full, size_t min)
{
	return w && strlen(w) >= min && !strncmp(w, full, strlen(w));
}

/* An error message; its number is the response code. */
static int message(struct command *cmd, const char *module, int number, const char *text,
		   const char *operand)
{
	fprintf(cmd->out, "HCP%s%03dE %s%s\n", module, number, text, operand ? operand : "");
	return number;
}

static int query_console(struct command *cmd)
{
	fprintf(cmd->out, "CONS 0009 DISCONNECTED  TERM START\n");
	return 0;
}

static int query_term(struct command *cmd)
{
	fprintf(cmd->out,
		"LINEND # , LINEDEL OFF, CHARDEL OFF, ESCAPE OFF, TABCHAR OFF\n"
		"LINESIZE 080, ATTN OFF, APL OFF, TEXT OFF, MODE VM, HILIGHT OFF\n"
		"CONMODE 3215, BREAKIN IMMED  , BRKKEY PA1 , SCRNSAVE OFF\n"
		"AUTOCR ON , MORE 050 010, HOLD OFF, TIMESTAMP OFF, SYS3270 OFF\n");
	return 0;
}

static const char map_header[] =
	"FILE FILENAME FILETYPE MINSIZE  BEGPAG ENDPAG TYPE CL #USERS PARMREGS VMGROUP\n";

static void map_segment(struct command *cmd, const struct segment *seg)
{
	unsigned int i;

	for (i = 0; i < seg->nr_ranges; i++)
		fprintf(cmd->out,
			"%04u %-8s DCSS     N/A      %05llX  %05llX   %s   %c  %05d  N/A      N/A\n",
			seg->spid, seg->name, (unsigned long long)seg->range[i].first,
			(unsigned long long)seg->range[i].last, seg_type_name(seg->range[i].type),
			seg->class, seg->load != SEG_PURGED);
}

/* QUERY NSS [NAME name] MAP */
static int query_nss(struct command *cmd)
{
	const struct segment *seg;
	const char *name = NULL, *w = word(cmd);
	int n = 0;

	if (is_word(w, "NAME", 4)) {
		name = word(cmd);
		w = word(cmd);
	}
	if (!is_word(w, "MAP", 3) || word(cmd))
		return message(cmd, "CQU", 26, "Operand missing or invalid", NULL);
	for (seg = cmd->vm->segments; seg; seg = seg->next) {
		if (name && strcmp(name, "ALL") && strcmp(name, seg->name))
			continue;
		if (!n++)
			fputs(map_header, cmd->out);
		map_segment(cmd, seg);
	}
	if (!n)
		fprintf(cmd->out, "NO NSS FILES\n");
	return 0;
}

static int cp_query(struct command *cmd)
{
	const char *w = word(cmd);

	if (is_word(w, "CONSOLE", 4))
		return query_console(cmd);
	if (is_word(w, "TERMINAL", 4))
		return query_term(cmd);
	if (is_word(w, "NSS", 3))
		return query_nss(cmd);
	if (!w)
		return message(cmd, "CQU", 26, "Operand missing or invalid", NULL);
	return message(cmd, "CQU", 3, "Invalid option - ", w);
}

static int cp_term(struct command *cmd)
{
	const char *what = word(cmd), *value = word(cmd);

	if (is_word(what, "CONMODE", 4) && (is_word(value, "3215", 4) || is_word(value, "3270", 4)))
		return 0;
	return message(cmd, "CFS", 26, "Operand missing or invalid", NULL);
}

static int defseg_ranges(struct command *cmd, struct segment *seg, char *err, size_t errlen)
{
	const char *range, *type;

	while ((range = word(cmd))) {
		if (seg->nr_ranges == SEG_MAX_RANGES)
			return fail("%s", range);
		if (seg_parse_range(range, strlen(range), &seg->range[seg->nr_ranges], err, errlen))
			return fail("%s", range);
		type = word(cmd);
		if (!type || seg_parse_type(type, strlen(type), &seg->range[seg->nr_ranges].type,
					    err, errlen))
			return fail("%s", type ? type : range);
		seg->nr_ranges++;
	}
	if (!seg->nr_ranges)
		return fail("%s", seg->name);
	return seg_check(seg, err, errlen) ? fail("%s", seg->name) : 0;
}

/* A segment of "name range type [range type...]", or 0 and a message in @rc. */
static struct segment *defseg_operands(struct command *cmd, const char *module, int *rc)
{
	struct segment *seg = seg_new();
	char *name = word(cmd), err[256] = "";

	if (name && !seg_parse_name(name, strlen(name), seg->name, err, sizeof(err)) &&
	    !defseg_ranges(cmd, seg, err, sizeof(err)))
		return seg;
	seg_free(seg);
	*rc = name ? message(cmd, module, 2, "Invalid operand - ", err) :
		     message(cmd, module, 26, "Operand missing or invalid", NULL);
	return NULL;
}

/* DEFSEG name range type [range type...]: a skeleton, replacing an older one. */
static int cp_defseg(struct command *cmd)
{
	struct segment *seg, *old;
	int rc;

	seg = defseg_operands(cmd, "NSD", &rc);
	if (!seg)
		return rc;
	rc = injected(cmd->vm, CP_DEFSEG, seg->name);
	if (rc) {
		seg_free(seg);
		return message(cmd, "NSD", rc, "DEFSEG failed as zvm-run was told", NULL);
	}
	old = seg_find(cmd->vm, seg->name, 'S');
	if (old) {
		seg_remove(cmd->vm, old);
		seg_free(old);
	}
	seg->class = 'S';
	seg_add(cmd->vm, seg);
	fprintf(cmd->out, "HCPNSD440I Saved segment %s was successfully defined in fileid %04u.\n",
		seg->name, seg->spid);
	return 0;
}

static bool same_ranges(const struct segment *a, const struct segment *b)
{
	return a->nr_ranges == b->nr_ranges &&
	       !memcmp(a->range, b->range, a->nr_ranges * sizeof(a->range[0]));
}

static bool has_saved_pages(const struct segment *seg)
{
	unsigned int i;

	for (i = 0; i < seg->nr_ranges; i++)
		if (seg_type_saved(seg->range[i].type))
			return true;
	return false;
}

/* The image of a segment that is defined anew just as it was stays the same file. */
static void inherit_image(struct segment *to, struct segment *from)
{
	if (from && same_ranges(to, from))
		take_image(to, from);
}

/*
 * Why a skeleton cannot be saved now. CP saves what the guest has at the
 * segment's addresses; numbers of these messages are not verified.
 */
static int saveseg_refused(struct command *cmd, struct segment *seg, const char *name)
{
	struct segment *loaded = seg_find_loaded(cmd->vm, name);

	if (!seg)
		return message(cmd, "NSS", 441, "No skeleton is defined for saved segment ", name);
	if (!has_saved_pages(seg))
		return message(cmd, "NSS", 442, "No page of this segment can be saved: ", name);
	if (!(loaded && same_ranges(loaded, seg)) &&
	    !zvm_find_storage(cmd->vm, seg_start(seg), seg_end(seg)))
		return message(cmd, "NSS", 443, "Storage is not addressable for saved segment ",
			       name);
	return injected(cmd->vm, CP_SAVESEG, name);
}

static int cp_saveseg(struct command *cmd)
{
	char *name = word(cmd);
	struct segment *seg, *active;
	long pages;
	int rc;

	if (!name || word(cmd))
		return message(cmd, "NSS", 26, "Operand missing or invalid", NULL);
	rc = held(cmd->vm, name);
	if (rc)
		return rc;
	seg = seg_find(cmd->vm, name, 'S');
	rc = saveseg_refused(cmd, seg, name);
	if (rc)
		return rc;
	active = seg_find(cmd->vm, name, 'A');
	inherit_image(seg, active);
	pages = cmd->vm->mem->save(cmd->vm, seg);
	if (pages < 0) {
		cp_record(cmd->vm, "  host: %s", strerror(errno));
		if (active)
			inherit_image(active, seg);
		return message(cmd, "NSS", 177, "Paging error while saving ", name);
	}
	cp_record(cmd->vm, "  pages written to the image: %ld", pages);
	replace_active(cmd->vm, seg, active);
	fprintf(cmd->out, "HCPNSS440I Saved segment %s was successfully saved in fileid %04u.\n",
		seg->name, seg->spid);
	return 0;
}

/* PURGE NSS NAME name, or PURGE SEG name: out of the directory, not of a guest. */
static int cp_purge(struct command *cmd)
{
	const char *what = word(cmd), *name;
	struct segment *seg, *next;
	int n = 0;

	if (is_word(what, "NSS", 3) && !is_word(word(cmd), "NAME", 4))
		what = NULL;
	name = word(cmd);
	if (!name || (!is_word(what, "NSS", 3) && !is_word(what, "SEG", 3)))
		return message(cmd, "PUR", 26, "Operand missing or invalid", NULL);
	for (seg = cmd->vm->segments; seg; seg = next) {
		next = seg->next;
		if (strcmp(seg->name, name) || seg->class == 'P')
			continue;
		n++;
		if (seg->load != SEG_PURGED) {
			seg->class = 'P';
			continue;
		}
		seg_remove(cmd->vm, seg);
		seg_free(seg);
	}
	if (n)
		fprintf(cmd->out, "%04d FILE%s PURGED\n", n, n > 1 ? "S" : "");
	else
		fprintf(cmd->out, "NO FILES PURGED\n");
	return 0;
}

/* ZVM DEFINE when name range type...: as if another user did, now or after @when. */
static int zvm_define(struct command *cmd)
{
	const char *when = word(cmd);
	struct zvm *vm = cmd->vm;
	enum cp_function after = CP_NFUNCTIONS;
	struct segment *seg;
	int rc;

	if (!when || (strcmp(when, "NOW") && parse_function(when, &after)))
		return message(cmd, "ZVM", 2, "use NOW, " FUNCTIONS, NULL);
	seg = defseg_operands(cmd, "ZVM", &rc);
	if (!seg)
		return rc;
	if (vm->anew)
		seg_free(vm->anew);
	vm->anew = NULL;
	if (!strcmp(when, "NOW")) {
		define_anew(vm, seg);
		return 0;
	}
	vm->anew = seg;
	vm->anew_after = after;
	return 0;
}

/* ZVM HOLD name until: see cp_set_hold(). */
static int zvm_hold(struct command *cmd)
{
	const char *name = word(cmd), *until = word(cmd);
	char err[256];

	if (!name)
		return message(cmd, "ZVM", 26, "Operand missing or invalid", NULL);
	if (!until || cp_set_hold(cmd->vm, name, until, err, sizeof(err)))
		return message(cmd, "ZVM", 2, "", until ? err : NULL);
	return 0;
}

/* Not a command of CP, but the rig's: ZVM FAIL rule, as zvm-run's --cp-fail ... */
static int cp_zvm(struct command *cmd)
{
	const char *what = word(cmd), *rule;
	char err[256];

	if (is_word(what, "HOLD", 4))
		return zvm_hold(cmd);
	if (is_word(what, "DEFINE", 6))
		return zvm_define(cmd);
	rule = word(cmd);
	if (!is_word(what, "FAIL", 4) || !rule)
		return message(cmd, "ZVM", 26, "Operand missing or invalid", NULL);
	if (cp_add_fail(cmd->vm, rule, err, sizeof(err)))
		return message(cmd, "ZVM", 2, "", err);
	return 0;
}

/* Commands with the length of their shortest abbreviation. */
static const struct {
	const char *name;
	size_t min;
	int (*run)(struct command *cmd);
} commands[] = {
	{ "QUERY", 1, cp_query },
	{ "TERMINAL", 4, cp_term },
	{ "DEFSEG", 6, cp_defseg },
	{ "SAVESEG", 7, cp_saveseg },
	{ "PURGE", 3, cp_purge },
	{ "ZVM", 3, cp_zvm },
};

static int run_command(struct command *cmd)
{
	const char *w = word(cmd);
	size_t i;

	if (!w)
		return 0;
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (is_word(w, commands[i].name, commands[i].min))
			return commands[i].run(cmd);
	return message(cmd, "CMD", 1, "Unknown CP command: ", w);
}

/* Move the response to the guest; what does not fit is counted in ry[1]. */
static int answer(struct command *cmd, uint8_t *buffer, uint64_t ry[2])
{
	size_t room = ry[1], n = cmd->len < room ? cmd->len : room;

	to_ebcdic(buffer, cmd->response, n);
	ry[1] = cmd->len <= room ? cmd->len : cmd->len - room;
	return cmd->len <= room ? 0 : 1;
}

static void record_command(struct command *cmd, const char *text, int rc)
{
	char *line, *rest = cmd->response;

	cp_record(cmd->vm, "DIAGNOSE X'08' %s: rc %d", text, rc);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			cp_record(cmd->vm, "  %s", line);
}

static void printable(char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!isprint((unsigned char)text[i]))
			text[i] = '?';
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
	size_t i, len = ry[0] & DIAG08_LENGTH;
	char text[DIAG08_MAX + 1], copy[DIAG08_MAX + 1];
	struct command cmd = { .vm = vm, .rest = copy };
	uint8_t *p = vm->mem->real(vm, rx[0], len), *buffer;
	int cc = 0, rc;

	buffer = wanted ? vm->mem->real(vm, rx[1], ry[1]) : NULL;
	if (len > DIAG08_MAX || !p || (wanted && !buffer)) {
		cp_record(vm, "DIAGNOSE X'08': bad parameters");
		return CP_NOT_MINE;
	}
	for (i = 0; i < len; i++)
		text[i] = ebcdic_to_ascii(p[i]);
	printable(text, len);
	text[len] = '\0';
	memcpy(copy, text, len + 1);
	cmd.out = open_memstream(&cmd.response, &cmd.len);
	if (!cmd.out)
		abort();
	rc = run_command(&cmd);
	fclose(cmd.out);
	if (rc == CP_AGAIN) {
		free(cmd.response);
		return CP_AGAIN;
	}
	if (wanted)
		cc = answer(&cmd, buffer, ry);
	ry[0] = rc;
	record_command(&cmd, text, rc);
	free(cmd.response);
	return cc;
}
