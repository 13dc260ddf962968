// SPDX-License-Identifier: GPL-2.0
/* The list of cases, see case.h. */
#include <stdarg.h>

#include "../../../kselftest.h"
#include "case.h"
#include "child.h"
#include "klog.h"
#include "options.h"
#include "say.h"

/* Much longer than any case takes, also under emulation. */
#define CASE_SECONDS	1200

#define MAX_CASES	1024

static struct dcss_case cases[MAX_CASES];
static size_t nr_cases;

static const char *how_name(unsigned int how)
{
	switch (how) {
	case SHARED_RO:
		return ", shared read-only";
	case SHARED_RW:
		return ", shared";
	case PRIVATE_RO:
		return ", private read-only";
	case PRIVATE_RW:
		return ", private";
	case PRIVATE_MIX:
		return ", private half written";
	}
	return "";
}

static void add_case(const struct dcss_case *c, const char *name)
{
	struct dcss_case *to = &cases[nr_cases++];

	if (nr_cases > MAX_CASES)
		ksft_exit_fail_msg("too many cases\n");
	*to = *c;
	to->name = strdup(name);
	if (to->flags & IN_PLACE)
		to->flags |= NO_MAPPING;
}

void dcss_cases(const struct dcss_case *list, size_t nr)
{
	for (; nr; nr--, list++)
		add_case(list, list->name);
}

void dcss_case(const struct dcss_case *c, const char *name, ...)
{
	char text[256];
	va_list args;

	va_start(args, name);
	vsnprintf(text, sizeof(text), name, args);
	va_end(args);
	add_case(c, text);
}

static bool wanted(const struct dcss_case *c)
{
	if ((c->flags & ONLY_LARGE) && !opt.large)
		return false;
	return !opt.only || strstr(c->name, opt.only);
}

/* Where one goes on from another, all or none. */
static bool selected(size_t i)
{
	while (i && cases[i].flags & AFTER)
		i--;
	do {
		if (wanted(&cases[i]))
			return true;
	} while (++i < nr_cases && cases[i].flags & AFTER);
	return false;
}

/* The mappings to run it on; the first bit that is none, where it has none. */
static unsigned int mappings(const struct dcss_case *c)
{
	unsigned int how, all = 0;

	if (c->flags & NO_MAPPING)
		return ANY + 1;
	for (how = 1; how & ANY; how <<= 1)
		if (c->how & how &&
		    (!opt.mapping || !strcmp(how_name(how) + 2, opt.mapping)))
			all |= how;
	return all;
}

/*
 * One of them
 */

static int run_child(const struct dcss_case *c, unsigned int how)
{
	struct area a;
	pid_t pid = fork_child();
	int rc;

	if (!pid) {
		alarm(CASE_SECONDS);
		rc = area_open(&a, how);
		if (rc != KSFT_PASS)
			_exit(wrong("cannot prepare the mapping"));
		a.arg = c->arg;
		a.nr = c->nr;
		rc = c->run(&a);
		area_close(&a);
		fflush(stdout);
		_exit(rc);
	}
	return child_result(pid);
}

static int run_here(const struct dcss_case *c)
{
	struct area a = { .fd = -1, .arg = c->arg, .nr = c->nr };

	return c->run(&a);
}

static const char *cannot(const struct dcss_case *c, unsigned int how)
{
	if ((c->flags & NEEDS_OTHER) && !opt.other)
		return "needs --other";
	if ((c->flags & NEEDS_EXEC) && !opt.exec)
		return "needs --exec";
	if (opt.readonly && (how == SHARED_RW || (c->flags & NEEDS_WRITE)))
		return "read-only file system";
	return NULL;
}

/* Works, works and the kernel has something to say about it, or fails. */
static void result(const struct dcss_case *c, unsigned int how, int rc,
		   const char *report)
{
	const char *variant = how_name(how);

	if (rc == KSFT_SKIP && !report)
		ksft_test_result_skip("%s%s\n", c->name, variant);
	else if (report)
		ksft_test_result_fail("%s%s # %skernel: %s\n", c->name,
				      variant, rc ? "fails; " : "", report);
	else
		ksft_test_result(rc == KSFT_PASS, "%s%s\n", c->name, variant);
}

static void run_one(const struct dcss_case *c, unsigned int how)
{
	const char *why = cannot(c, how);
	char report[256];
	bool bad;
	int rc;

	if (why) {
		ksft_test_result_skip("%s%s: %s\n", c->name, how_name(how),
				      why);
		return;
	}
	klog_mark(&klog);
	rc = c->flags & IN_PLACE ? run_here(c) : run_child(c, how);
	bad = klog_report(&klog, report, sizeof(report));
	result(c, how, rc, bad ? report : NULL);
	/* print_bad_pte() of mm/memory.c: 60 reports, then none for a minute. */
	if (bad && opt.wait)
		sleep(61);
}

void dcss_run(void)
{
	unsigned int plan = 0, how, all;
	size_t i;

	for (i = 0; i < nr_cases; i++)
		if (selected(i))
			plan += __builtin_popcount(mappings(&cases[i]));
	if (!plan)
		ksft_exit_skip("no such case\n");
	ksft_set_plan(plan);
	for (i = 0; i < nr_cases; i++) {
		if (!selected(i))
			continue;
		all = mappings(&cases[i]);
		for (how = 1; all; all &= ~how, how <<= 1)
			if (all & how)
				run_one(&cases[i], how & ANY);
	}
	ksft_finished();
}
