// SPDX-License-Identifier: GPL-2.0
/*
 * What an administrator may mistype: bad input to add, remove, shared and
 * save of the dcssblk driver. Each gives the error that names the mistake,
 * and leaves /proc/iomem as it was.
 *
 *	sysfs [--pair OTHER] [--apart SEG] [--overlap SEG] [--storage SEG]
 *	      [--chain SEG:SEG] SEGMENT
 *
 * SEGMENT can be loaded and is not in use. OTHER follows SEGMENT without a
 * gap and is of another type, --apart is one of SEGMENT's type, but not next
 * to it, --overlap one that shares a megabyte with SEGMENT, --storage one that
 * is where guest storage is, --chain are two that make one device.
 *
 * A line of the driver in the kernel log goes with whatever is refused for
 * what there is, and with each device; never more than one.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"

static const char *segment, *pair, *apart, *overlap, *storage;
static char *chain, *chain_second;

/* %s stands for SEGMENT, and the second one for the other segment. */
struct input {
	const char *what;
	const char *attr;	/* of the driver, "@" of SEGMENT */
	const char *text;
	int error;		/* 0: has to succeed */
	const char **other;	/* the case needs this segment */
};

static const struct input inputs[] = {
	/* Length and syntax: nothing may be loaded, or left loaded. */
	{ "add newline only", "add", "\n", EINVAL, NULL },
	{ "add nine characters", "add", "NINECHARS", ENAMETOOLONG, NULL },
	{ "add nine characters after a good name", "add", "%s:NINECHARS",
	  ENAMETOOLONG, NULL },
	{ "add trailing colon", "add", "%s:", EINVAL, NULL },
	{ "add trailing colon and newline", "add", "%s:\n", EINVAL,
	  NULL },
	{ "add leading colon", "add", ":%s", EINVAL, NULL },
	{ "add two colons", "add", "%s::%s", EINVAL, NULL },
	{ "add colon only", "add", ":", EINVAL, NULL },
	/* CP knows no such segment; the good one before it is unloaded. */
	{ "add unknown name", "add", "NOSUCH", ENOENT, NULL },
	{ "add unknown name after a good one", "add", "%s:NOSUCH", ENOENT,
	  NULL },
	{ "add a name with a blank", "add", "A B", ENOENT, NULL },
	/* One reference for each time that it is named. */
	{ "add one segment twice in a device", "add", "%s:%s", EINVAL, NULL },
	{ "add segments with a gap", "add", "%s:%s", EINVAL, &apart },
	{ "add segments of different types", "add", "%s:%s", EINVAL, &pair },
	{ "add overlapping segments", "add", "%s:%s", EBUSY, &overlap },
	/* Its pages are the guest's own: request_resource() has to notice. */
	{ "add what overlaps storage", "add", "%2s", EBUSY, &storage },
	{ "add a good one and what overlaps storage", "add", "%s:%s", EBUSY,
	  &storage },

	{ "remove newline only", "remove", "\n", EINVAL, NULL },
	{ "remove nine characters", "remove", "NINECHARS", ENAMETOOLONG,
	  NULL },
	{ "remove unknown name", "remove", "NOSUCH", ENODEV, NULL },
	{ "remove what is not added", "remove", "%s", ENODEV, NULL },
	{ "remove with a colon", "remove", "A:A", ENODEV, NULL },

	/* From here on the device exists. */
	{ "add in lower case", "add", "@lower", 0, NULL },
	{ "add twice", "add", "%s\n", EEXIST, NULL },
	{ "add twice, as the second of two", "add", "%2s:%s", EEXIST, &pair },
	{ "add what overlaps a device", "add", "%2s", EBUSY, &overlap },
	{ "shared newline only", "@shared", "\n", EINVAL, NULL },
	{ "shared 2", "@shared", "2", EINVAL, NULL },
	{ "shared 01", "@shared", "01", EINVAL, NULL },
	{ "shared -1", "@shared", "-1", EINVAL, NULL },
	{ "shared a word", "@shared", "yes", EINVAL, NULL },
	{ "shared 1 as it is", "@shared", "1\n", 0, NULL },
	{ "save newline only", "@save", "\n", EINVAL, NULL },
	{ "save 2", "@save", "2", EINVAL, NULL },
	{ "save 10", "@save", "10", EINVAL, NULL },
	{ "save a word", "@save", "yes", EINVAL, NULL },
	{ "save 0 with nothing pending", "@save", "0\n", 0, NULL },
	{ "remove in lower case", "remove", "@lower", 0, NULL },
	{ "remove twice", "remove", "%s", ENODEV, NULL },
};

/* Inputs of 64 KiB: sysfs hands over a page, or refuses. */
static const struct input large[] = {
	{ "add 64 KiB", "add", "X", ENAMETOOLONG, NULL },
	{ "add 64 KiB of good names", "add", "%s:", 0, NULL },
	{ "add 64 KiB of colons", "add", ":", EINVAL, NULL },
	{ "add 64 KiB of newlines", "add", "\n", EINVAL, NULL },
	{ "remove 64 KiB", "remove", "X", ENAMETOOLONG, NULL },
};

static int store_in(const struct input *in, const char *text, size_t len)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s%s",
		 in->attr[0] == '@' ? segment : "",
		 in->attr[0] == '@' ? "/" : "",
		 in->attr + (in->attr[0] == '@'));
	return store_bytes(path, text, len);
}

static void compose(char *buf, size_t len, const struct input *in)
{
	const char *other = in->other ? *in->other : segment;
	size_t i;

	if (!strcmp(in->text, "@lower")) {
		snprintf(buf, len, "%s", segment);
		for (i = 0; buf[i]; i++)
			buf[i] |= buf[i] >= 'A' && buf[i] <= 'Z' ? 0x20 : 0;
	} else if (!strcmp(in->text, "%2s")) {
		snprintf(buf, len, "%s", other);
	} else if (!strcmp(in->text, "%2s:%s")) {
		snprintf(buf, len, "%s:%s", other, segment);
	} else if (!strcmp(in->text, "%s:%s")) {
		snprintf(buf, len, "%s:%s", segment, other);
	} else if (!strcmp(in->text, "%s::%s")) {
		snprintf(buf, len, "%s::%s", segment, segment);
	} else if (!strncmp(in->text, "%s", 2)) {
		snprintf(buf, len, "%s%s", segment, in->text + 2);
	} else if (!strcmp(in->text, ":%s")) {
		snprintf(buf, len, ":%s", segment);
	} else {
		snprintf(buf, len, "%s", in->text);
	}
}

static bool log_clean(void)
{
	char line[256];

	if (!log_bad(line, sizeof(line)))
		return true;
	wrong("kernel log: %s", line);
	return false;
}

static bool news_bad(const struct news *news)
{
	unsigned int i;

	for (i = 0; i < news->nr && i < NEWS_MAX; i++)
		wrong("log: %s", news->line[i]);
	wrong("%u lines in the log", news->nr);
	return false;
}

/* Mistakes of syntax need no line: who types them knows what. */
static bool needs_line(const struct input *in, int rc)
{
	return !strcmp(in->attr, "add") || (rc && rc != EINVAL &&
					    rc != ENAMETOOLONG);
}

/*
 * One line, with the name that came first and what became of it. Where
 * segments do not go together, a line before it says which ones.
 */
static bool log_says(const struct input *in, const char *text, int rc)
{
	unsigned int nr = rc == EINVAL && strstr(in->text, "s:%s") ? 2 : 1;
	static struct news news;
	char name[16];
	bool good;

	news_get(&news, "dcssblk: ");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, ":\n"), text);
	good = news.nr == nr && strcasestr(news.line[nr - 1], name);
	if (!rc && !strcmp(in->attr, "add"))
		good = good && strstr(news.line[0], "Loaded ") &&
		       strstr(news.line[0], ", DAX is on");
	if (good || (!news.nr && !needs_line(in, rc)))
		return true;
	return news_bad(&news);
}

/* Only what succeeds may change what is loaded. */
static void try_text(const struct input *in, const char *text, size_t len)
{
	char *before, *after;
	bool same, good;
	int rc;

	before = read_whole("/proc/iomem");
	log_mark();
	news_mark();
	rc = store_in(in, text, len);
	after = read_whole("/proc/iomem");
	same = !strcmp(before, after);
	if (rc != in->error)
		wrong("%s instead of %s", rc ? strerror(rc) : "success",
		      in->error ? strerror(in->error) : "success");
	if (in->error && !same)
		wrong("/proc/iomem has changed");
	good = log_says(in, text, rc) && log_clean();
	ksft_test_result(good && rc == in->error && (same || !in->error),
			 "%s\n", in->what);
	free(before);
	free(after);
}

static void try_one(const struct input *in)
{
	char text[256];

	if (in->other && !*in->other) {
		ksft_test_result_skip("%s: no such segment given\n", in->what);
		return;
	}
	compose(text, sizeof(text), in);
	try_text(in, text, strlen(text));
}

/* What is too long for the module parameter is none for this. */
static void try_long(void)
{
	static const struct input unknown = {
		"add 50 unknown names", "add", "", ENOENT, NULL
	}, good = {
		"add 50 names, only the first one is known", "add", "", ENOENT,
		NULL
	};
	char text[512];
	int i, n = 0;

	for (i = 0; i < 50; i++)
		n += snprintf(text + n, sizeof(text) - n, "%sNOSUCH%02d",
			      i ? ":" : "", i);
	try_text(&unknown, text, n);
	n = snprintf(text, sizeof(text), "%s", segment);
	for (i = 1; i < 50; i++)
		n += snprintf(text + n, sizeof(text) - n, ":NOSUCH%02d", i);
	try_text(&good, text, n);
}

/* As a newline does, a NUL byte ends what counts. */
static void try_nul(void)
{
	static const struct input only = {
		"add a NUL byte", "add", "", EINVAL, NULL
	}, colon = {
		"add a NUL byte after a colon", "add", "", EINVAL, NULL
	}, name = {
		"add with a NUL byte after the name", "add", "", 0, NULL
	}, remove = {
		"remove with a NUL byte after the name", "remove", "", 0, NULL
	};
	char text[32];
	size_t len = strlen(segment);

	try_text(&only, "", 1);
	snprintf(text, sizeof(text), "%s:", segment);
	try_text(&colon, text, len + 2);
	memset(text, 'X', sizeof(text));
	memcpy(text, segment, len + 1);
	try_text(&name, text, sizeof(text));
	try_text(&remove, text, sizeof(text));
}

/* Whatever it says: nothing may break, nothing may be left. */
static void try_large(const struct input *in)
{
	char name[16], *text = malloc(65536), *before, *after;
	struct news *news = malloc(sizeof(*news));
	size_t i, n;
	int rc;

	compose(name, sizeof(name), in);
	n = strlen(name);
	for (i = 0; i < 65536; i++)
		text[i] = name[i % n];
	before = read_whole("/proc/iomem");
	log_mark();
	news_mark();
	rc = store_in(in, text, 65536);
	after = read_whole("/proc/iomem");
	news_get(news, "dcssblk: ");
	if (!rc)
		wrong("success");
	if (news->nr > 1)
		news_bad(news);
	ksft_test_result(rc && (!in->error || rc == in->error) &&
			 news->nr <= 1 && !strcmp(before, after) &&
			 log_clean(), "%s: %s\n", in->what, strerror(rc));
	free(text);
	free(news);
	free(before);
	free(after);
}

/* A store of no bytes does not reach the driver. */
static void try_empty(const char *attr)
{
	char *before = read_whole("/proc/iomem");
	int rc = store(attr, "");

	ksft_test_result(!rc && !strcmp(before, read_whole("/proc/iomem")),
			 "%s nothing\n", attr);
}

static bool has_mode(const char *attr, mode_t mode)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), ROOT "%s/%s", chain, attr);
	if (stat(path, &st) || (st.st_mode & 07777) != mode)
		wrong("%s has mode %o", attr, st.st_mode & 07777);
	return (st.st_mode & 07777) == mode;
}

static bool seglist_is(const char *want)
{
	char path[128], *text;
	bool same;

	snprintf(path, sizeof(path), ROOT "%s/seglist", chain);
	text = read_whole(path);
	same = !strcmp(text, want);
	if (!same)
		wrong("seglist is %s", text);
	free(text);
	return same;
}

/* Lines that try_chain() prints. */
#define CHAIN_TESTS	11

/* A device of two segments: each belongs to it, and one is its name. */
static void try_chain(void)
{
	static struct input steps[] = {
		{ "add a chain", "add", "", 0, NULL },
		{ "add the name of a chain", "add", "", EEXIST, NULL },
		{ "add a part of a chain", "add", "", EEXIST, NULL },
		{ "add a chain the other way round", "add", "", EEXIST, NULL },
		{ "remove a part of a chain", "remove", "", ENODEV, NULL },
		{ "remove a chain as it was added", "remove", "", 0, NULL },
		{ "remove a chain", "remove", "", 0, NULL },
	};
	char both[32], turned[32], want[32], text[64];
	const char *const texts[] = {
		both, chain, chain_second, turned, chain_second, both, chain,
	};
	size_t i;

	snprintf(both, sizeof(both), "%.8s:%.8s", chain, chain_second);
	snprintf(turned, sizeof(turned), "%.8s:%.8s", chain_second, chain);
	snprintf(want, sizeof(want), "%.8s\n%.8s\n", chain, chain_second);
	steps[5].error = strlen(both) > 8 ? ENAMETOOLONG : ENODEV;
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		try_text(&steps[i], texts[i], strlen(texts[i]));
		if (i)
			continue;
		ksft_test_result(seglist_is(want), "seglist of a chain\n");
		ksft_test_result(dax_is(chain, "on") == KSFT_PASS,
				 "dax of a chain\n");
		ksft_test_result(has_mode("dax", 0444) &&
				 has_mode("seglist", 0400) &&
				 has_mode("shared", 0600) &&
				 has_mode("save", 0600), "modes\n");
		snprintf(text, sizeof(text), "%.8s/dax", chain);
		ksft_test_result(store(text, "off") == EACCES,
				 "dax cannot be written to\n");
	}
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pair",	required_argument, NULL, 'p' },
		{ "apart",	required_argument, NULL, 'a' },
		{ "overlap",	required_argument, NULL, 'o' },
		{ "storage",	required_argument, NULL, 's' },
		{ "chain",	required_argument, NULL, 'c' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			pair = optarg;
		else if (c == 'a')
			apart = optarg;
		else if (c == 'o')
			overlap = optarg;
		else if (c == 's')
			storage = optarg;
		else if (c == 'c')
			chain = optarg;
		else
			exit(KSFT_FAIL);
	}
	if (optind == argc)
		ksft_exit_skip("no segment given, see dcssblk.sh\n");
	segment = argv[optind];
	if (!chain)
		return;
	chain_second = strchr(chain, ':');
	if (!chain_second)
		exit(KSFT_FAIL);
	*chain_second++ = '\0';
}

int main(int argc, char **argv)
{
	size_t i;

	parse(argc, argv);
	ksft_print_header();
	need_driver();
	ksft_set_plan(ARRAY_SIZE(inputs) + ARRAY_SIZE(large) + 2 + 2 + 4 +
		      (chain ? CHAIN_TESTS : 0));
	try_empty("add");
	try_empty("remove");
	for (i = 0; i < ARRAY_SIZE(inputs); i++)
		try_one(&inputs[i]);
	for (i = 0; i < ARRAY_SIZE(large); i++)
		try_large(&large[i]);
	try_long();
	try_nul();
	if (chain)
		try_chain();
	ksft_finished();
}
