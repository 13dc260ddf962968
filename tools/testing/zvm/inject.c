// SPDX-License-Identifier: GPL-2.0
/*
 * What CP does because a test wants it to: fail, take its time, and let another
 * user define a segment anew.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "zvm.h"

#define fail(...) (snprintf(err, errlen, __VA_ARGS__), -1)

/* A SAVESEG that is held asks so often, a millisecond each, and then fails with this code. */
#define CP_HOLD_TRIES	60000
#define CP_HELD_IN_VAIN	9998

static const char * const function_names[CP_NFUNCTIONS] = {
	"LOADSHR", "LOADNSR", "PURGESEG", "FINDSEGA", "DEFSEG", "SAVESEG",
};

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

/**
 * cp_parse_function() - look a function up by its name
 * @text: name, in either case
 * @function: result
 *
 * Return: 0, or -1 if there is no such function.
 */
int cp_parse_function(const char *text, enum cp_function *function)
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

/* FUNCTION[,NAME],RC[*COUNT] */
static int parse_fail(const char *text, struct cp_fail *rule, char *err, size_t errlen)
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
	if (cp_parse_function(word[0], &rule->function))
		return fail("CP function '%s' is unknown: use " CP_FUNCTIONS, word[0]);
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
	if (parse_fail(text, &parsed, err, errlen))
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
	if (cp_parse_function(function, &hold.until))
		return fail("CP function '%s' is unknown: use " CP_FUNCTIONS, function);
	if (seg_parse_name(name, strlen(name), hold.name, err, errlen) ||
	    seg_parse_name(segment, strlen(segment), hold.until_name, err, errlen))
		return -1;
	vm->hold = hold;
	return 0;
}

/* Another user has defined and saved a segment, with the content that it had. */
static void define_anew(struct zvm *vm, struct segment *seg)
{
	struct segment *active = seg_find(vm, seg->name, 'A');

	zvm_record(vm, "%s is saved by another user: %llX-%llX", seg->name,
		   (unsigned long long)seg_start(seg), (unsigned long long)seg_end(seg));
	seg_take_image(seg, active);
	seg_add(vm, seg);
	seg_activate(vm, seg, active);
}

/**
 * cp_set_anew() - another user is going to define and save a segment
 * @vm: virtual machine
 * @seg: segment, not in the directory; belongs to CP from now on
 * @after: when this has been done for the segment; CP_NFUNCTIONS: now
 */
void cp_set_anew(struct zvm *vm, struct segment *seg, enum cp_function after)
{
	if (vm->anew)
		seg_free(vm->anew);
	vm->anew = NULL;
	if (after == CP_NFUNCTIONS) {
		define_anew(vm, seg);
		return;
	}
	vm->anew = seg;
	vm->anew_after = after;
}

/**
 * cp_done() - tell a SAVESEG, or another user, that may be waiting
 * @vm: virtual machine
 * @function: what CP has done
 * @name: for which segment
 */
void cp_done(struct zvm *vm, enum cp_function function, const char *name)
{
	struct segment *anew = vm->anew;

	if (anew && vm->anew_after == function && !strcmp(anew->name, name)) {
		vm->anew = NULL;
		define_anew(vm, anew);
	}
	if (vm->hold.begun && vm->hold.until == function && !strcmp(vm->hold.until_name, name))
		vm->hold.count--;
}

/**
 * cp_held() - does a SAVESEG have to wait?
 * @vm: virtual machine
 * @name: segment to save
 *
 * Return: CP_AGAIN as long as it has to, then 0, or a response code if it has
 * waited in vain.
 */
int cp_held(struct zvm *vm, const char *name)
{
	struct cp_hold *hold = &vm->hold;
	int rc = 0;

	if (!*hold->name || strcmp(hold->name, name))
		return 0;
	if (!hold->begun)
		zvm_record(vm, "SAVESEG %s is held", name);
	hold->begun = true;
	if (hold->count > 0 && --hold->tries > 0)
		return CP_AGAIN;
	rc = hold->count > 0 ? CP_HELD_IN_VAIN : 0;
	*hold = (struct cp_hold){ 0 };
	return rc;
}

/**
 * cp_injected() - is this function to fail now?
 * @vm: virtual machine
 * @function: what CP is asked for
 * @name: for which segment
 *
 * Return: the return code that it is to give, or 0.
 */
int cp_injected(struct zvm *vm, enum cp_function function, const char *name)
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
