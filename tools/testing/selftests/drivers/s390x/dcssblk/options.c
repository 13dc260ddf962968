// SPDX-License-Identifier: GPL-2.0
/* The options of all DCSS tests, see options.h. */
#include <getopt.h>

#include "../../../kselftest.h"
#include "options.h"
#include "proc.h"

#define MAX_OPTIONS	32

struct dcss_options opt = {
	.tmp = "/tmp",
	/* One to take apart, and one next to it. */
	.nr_large = 2,
};

size_t pagesize;
size_t largesize;

static const struct dcss_option options[] = {
	{ "other", "DIR", "on a file system without DAX", &opt.other },
	{ "tmp", "DIR", "for core files (default /tmp)", &opt.tmp },
	{ "exec", "FILE", "xip-hello, to be copied", &opt.exec },
	{ "segment", "NAME", "whose pages the files are (/proc/iomem)",
	  &opt.segment },
	{ "type", "FSTYPE", "of the segment's file system", &opt.type },
	{ "only", "TEXT", "only cases whose name contains TEXT", &opt.only },
	{ "mapping", "TEXT", "only mappings such as \"shared\"", &opt.mapping },
	{ "size", "BYTES", "of a mapping", .size = &opt.size },
	{ "readonly", NULL, "DIRECTORY/data exists, see mkimages.sh",
	  .flag = &opt.readonly },
	{ "dm", NULL, "a device mapper's device over the segments",
	  .flag = &opt.dm },
	{ "large", NULL, "files can be aligned: map large pages",
	  .flag = &opt.large },
	{ "wait", NULL, "a minute after a report, for the next to be seen",
	  .flag = &opt.wait },
};

static const struct dcss_option *known[MAX_OPTIONS];
static struct option long_options[MAX_OPTIONS + 1];
static int nr_known;

static void know(const struct dcss_option *o)
{
	known[nr_known] = o;
	long_options[nr_known++] = (struct option){
		.name = o->name,
		.has_arg = o->arg ? required_argument : no_argument,
	};
}

static __noreturn void help(const char *name, const char *words)
{
	int i;

	fprintf(stderr, "usage: %s [options] %s\n", name, words);
	for (i = 0; i < nr_known; i++)
		fprintf(stderr, "  --%-8s %-8s %s\n", known[i]->name,
			known[i]->arg ? known[i]->arg : "", known[i]->help);
	exit(KSFT_FAIL);
}

static void set_option(const struct dcss_option *o, const char *arg)
{
	if (o->flag)
		*o->flag = true;
	else if (o->size)
		*o->size = strtoul(arg, NULL, 0);
	else
		*o->text = arg;
}

/* How many there have to be; and if that is all. */
static bool right_words(const char *words, int nr)
{
	bool more = strstr(words, "...");
	int want = 1;

	for (; *words; words++)
		want += *words == ' ';
	return more ? nr >= want : nr == want;
}

/* What a large page is on this machine, if it has any: s390 needs EDAT1. */
static size_t large_page_size(void)
{
	char text[32];

	if (get_string("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
		       text, sizeof(text)))
		return 0;
	return strtoul(text, NULL, 0);
}

/* A machine without large pages is a reason to skip all. */
static void parse_sizes(void)
{
	if (opt.size && (opt.size < 4 * pagesize || opt.size % (2 * pagesize)))
		ksft_exit_fail_msg("--size: not a multiple of two pages, or less than four\n");
	largesize = opt.large ? large_page_size() : 0;
	if (opt.large && !largesize)
		ksft_exit_skip("no large pages (on s390: no EDAT1)\n");
	if (!opt.size)
		opt.size = opt.large ? opt.nr_large * largesize : 64 * 1024;
	if (opt.large && opt.size % (2 * largesize))
		ksft_exit_fail_msg("--size: not a multiple of %zu\n",
				   2 * largesize);
}

void dcss_parse(int argc, char **argv, const char *words,
		const struct dcss_option *more)
{
	size_t i;
	int c, n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pagesize = sysconf(_SC_PAGESIZE);
	for (i = 0; i < ARRAY_SIZE(options); i++)
		know(&options[i]);
	for (; more && more->name; more++)
		know(more);
	while ((c = getopt_long(argc, argv, "", long_options, &n)) != -1) {
		if (c)
			help(argv[0], words);
		set_option(known[n], optarg);
	}
	opt.word = argv + optind;
	opt.nr_words = argc - optind;
	opt.dir = opt.word[0];
	ksft_print_header();
	/* As run by make run_tests, without a segment to work on. */
	if (!opt.nr_words)
		ksft_exit_skip("no segment to work on, see dcssblk.sh\n");
	if (!right_words(words, opt.nr_words))
		help(argv[0], words);
	parse_sizes();
}
