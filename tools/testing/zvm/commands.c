// SPDX-License-Identifier: GPL-2.0
/*
 * The commands that CP takes from a guest: each is a function and a row of the
 * table at the end.
 *
 * They are described in "z/VM: CP Commands and Utilities Reference". Where this
 * file could only go by what Linux expects, the comment says so.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "zvm.h"

#define fail(...) (snprintf(err, errlen, __VA_ARGS__), -1)

/**
 * struct command - a command on its way
 * @vm: virtual machine
 * @module: module of CP that its messages name
 * @rest: what is left of it
 * @out: receives the response
 */
struct command {
	struct zvm *vm;
	const char *module;
	char *rest;
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

/* An error message; its number is the response code. */
static int message(struct command *cmd, int number, const char *text, const char *operand)
{
	fprintf(cmd->out, "HCP%s%03dE %s%s\n", cmd->module, number, text, operand ? operand : "");
	return number;
}

static int bad_operand(struct command *cmd)
{
	return message(cmd, 26, "Operand missing or invalid", NULL);
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
			seg->class, (seg->load != SEG_PURGED) + (int)seg->users);
}

/* QUERY NSS [NAME name] MAP */
static int query_nss(struct command *cmd)
{
	const char *name = NULL, *w = word(cmd);
	const struct segment *seg;
	int n = 0;

	if (w && !strcmp(w, "NAME")) {
		name = word(cmd);
		w = word(cmd);
	}
	if (!w || strcmp(w, "MAP") || word(cmd))
		return bad_operand(cmd);
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

static int query_unknown(struct command *cmd)
{
	const char *w = word(cmd);

	return w ? message(cmd, 3, "Invalid option - ", w) : bad_operand(cmd);
}

static int term_conmode(struct command *cmd)
{
	const char *mode = word(cmd);

	if (mode && (!strcmp(mode, "3215") || !strcmp(mode, "3270")))
		return 0;
	return bad_operand(cmd);
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
static struct segment *defseg_operands(struct command *cmd, int *rc)
{
	struct segment *seg = seg_new();
	char *name = word(cmd), err[256] = "";

	if (name && !seg_parse_name(name, strlen(name), seg->name, err, sizeof(err)) &&
	    !defseg_ranges(cmd, seg, err, sizeof(err)))
		return seg;
	seg_free(seg);
	*rc = name ? message(cmd, 2, "Invalid operand - ", err) : bad_operand(cmd);
	return NULL;
}

/* DEFSEG name range type [range type...]: a skeleton, replacing an older one. */
static int defseg(struct command *cmd)
{
	struct segment *seg, *old;
	int rc;

	seg = defseg_operands(cmd, &rc);
	if (!seg)
		return rc;
	rc = cp_injected(cmd->vm, CP_DEFSEG, seg->name);
	if (rc) {
		seg_free(seg);
		return message(cmd, rc, "DEFSEG failed as zvm-run was told", NULL);
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

/* The image of a segment that is defined anew just as it was stays the same file. */
static void inherit_image(struct segment *to, struct segment *from)
{
	if (from && seg_same_ranges(to, from))
		seg_take_image(to, from);
}

/* Where guests of a system share segments, older ones keep their files. */
static int begin_image(struct zvm *vm, struct segment *seg, struct segment *active)
{
	if (vm->system)
		return system_new_image(vm, seg, seg_find_loaded(vm, seg->name));
	inherit_image(seg, active);
	return 0;
}

static void give_back_image(struct zvm *vm, struct segment *seg, struct segment *active)
{
	if (vm->system)
		system_drop_image(seg);
	else if (active)
		inherit_image(active, seg);
}

/*
 * Why a skeleton cannot be saved now. CP saves what the guest has at the
 * segment's addresses; numbers of these messages are not verified.
 */
static int saveseg_refused(struct command *cmd, struct segment *seg, const char *name)
{
	struct segment *loaded = seg_find_loaded(cmd->vm, name);

	if (!seg)
		return message(cmd, 441, "No skeleton is defined for saved segment ", name);
	if (!seg_has_pages(seg, seg_type_saved))
		return message(cmd, 442, "No page of this segment can be saved: ", name);
	if (!(loaded && seg_same_ranges(loaded, seg)) &&
	    !zvm_find_storage(cmd->vm, seg_start(seg), seg_end(seg)))
		return message(cmd, 443, "Storage is not addressable for saved segment ", name);
	return cp_injected(cmd->vm, CP_SAVESEG, name);
}

/* SAVESEG name */
static int saveseg(struct command *cmd)
{
	char *name = word(cmd);
	struct segment *seg, *active;
	long pages;
	int rc;

	if (!name || word(cmd))
		return bad_operand(cmd);
	rc = cp_held(cmd->vm, name);
	if (rc)
		return rc;
	seg = seg_find(cmd->vm, name, 'S');
	rc = saveseg_refused(cmd, seg, name);
	if (rc)
		return rc;
	active = seg_find(cmd->vm, name, 'A');
	pages = begin_image(cmd->vm, seg, active);
	if (!pages)
		pages = cmd->vm->mem->save(cmd->vm, seg);
	if (pages < 0) {
		zvm_record(cmd->vm, "  host: %s", strerror(errno));
		give_back_image(cmd->vm, seg, active);
		return message(cmd, 177, "Paging error while saving ", name);
	}
	zvm_record(cmd->vm, "  pages written to the image: %ld", pages);
	seg_activate(cmd->vm, seg, active);
	fprintf(cmd->out, "HCPNSS440I Saved segment %s was successfully saved in fileid %04u.\n",
		seg->name, seg->spid);
	return 0;
}

/* PURGE NSS NAME name, or PURGE SEG name: out of the directory, not of a guest. */
static int purge_name(struct command *cmd)
{
	struct segment *seg, *next;
	const char *name = word(cmd);
	int n = 0;

	if (!name)
		return bad_operand(cmd);
	for (seg = cmd->vm->segments; seg; seg = next) {
		next = seg->next;
		if (strcmp(seg->name, name) || seg->class == 'P')
			continue;
		n++;
		if (seg_in_use(seg)) {
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
	enum cp_function after = CP_NFUNCTIONS;
	const char *when = word(cmd);
	struct segment *seg;
	int rc;

	if (cmd->vm->system)
		return message(cmd, 2, "with zvm-run --system there are other users", NULL);
	if (!when || (strcmp(when, "NOW") && cp_parse_function(when, &after)))
		return message(cmd, 2, "use NOW, " CP_FUNCTIONS, NULL);
	seg = defseg_operands(cmd, &rc);
	if (!seg)
		return rc;
	cp_set_anew(cmd->vm, seg, after);
	return 0;
}

/* ZVM HOLD name until: see cp_set_hold(). */
static int zvm_hold(struct command *cmd)
{
	const char *name = word(cmd), *until = word(cmd);
	char err[256];

	if (!name)
		return bad_operand(cmd);
	if (!until || cp_set_hold(cmd->vm, name, until, err, sizeof(err)))
		return message(cmd, 2, "", until ? err : NULL);
	return 0;
}

/* ZVM FAIL rule: as zvm-run's --cp-fail, or OFF. */
static int zvm_fail(struct command *cmd)
{
	const char *rule = word(cmd);
	char err[256];

	if (!rule)
		return bad_operand(cmd);
	if (cp_add_fail(cmd->vm, rule, err, sizeof(err)))
		return message(cmd, 2, "", err);
	return 0;
}

/*
 * Names are written as in the manual: what is in capitals is the shortest
 * abbreviation. The first row that matches counts, so what a command does with
 * any other operand comes after its operands. ZVM is not CP's, but the rig's.
 */
static const struct {
	const char *name;
	const char *module;
	int (*run)(struct command *cmd);
} commands[] = {
	{ "Query CONSole", "CQU", query_console },
	{ "Query TERMinal", "CQU", query_term },
	{ "Query NSS", "CQU", query_nss },
	{ "Query", "CQU", query_unknown },
	{ "TERMinal CONMode", "CFS", term_conmode },
	{ "TERMinal", "CFS", bad_operand },
	{ "DEFSEG", "NSD", defseg },
	{ "SAVESEG", "NSS", saveseg },
	{ "PURge NSS NAME", "PUR", purge_name },
	{ "PURge SEG", "PUR", purge_name },
	{ "PURge", "PUR", bad_operand },
	{ "ZVM DEFINE", "ZVM", zvm_define },
	{ "ZVM HOLD", "ZVM", zvm_hold },
	{ "ZVM FAIL", "ZVM", zvm_fail },
	{ "ZVM", "ZVM", bad_operand },
};

/* Is the word of @len characters an abbreviation of the name's of @full? */
static bool is_word(const char *w, size_t len, const char *name, size_t full)
{
	size_t i;

	if (!len || len > full || (len < full && isupper((unsigned char)name[len])))
		return false;
	for (i = 0; i < len; i++)
		if (w[i] != toupper((unsigned char)name[i]))
			return false;
	return true;
}

/* What follows the words of @name in @text, or NULL where others are there. */
static char *after_name(char *text, const char *name)
{
	size_t len, full;

	for (; *name; name += full, name += strspn(name, " ")) {
		text += strspn(text, " ");
		len = strcspn(text, " ");
		full = strcspn(name, " ");
		if (!is_word(text, len, name, full))
			return NULL;
		text += len;
	}
	return text;
}

/**
 * cp_command() - do what a guest asks CP for
 * @vm: virtual machine
 * @text: the command; is taken apart
 * @out: receives the response
 *
 * Return: response code, or CP_AGAIN if the command goes on.
 */
int cp_command(struct zvm *vm, char *text, FILE *out)
{
	struct command cmd = { .vm = vm, .module = "CMD", .rest = text, .out = out };
	const char *w;
	char *rest;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		rest = after_name(text, commands[i].name);
		if (!rest)
			continue;
		cmd.rest = rest;
		cmd.module = commands[i].module;
		return commands[i].run(&cmd);
	}
	w = word(&cmd);
	return w ? message(&cmd, 1, "Unknown CP command: ", w) : 0;
}
