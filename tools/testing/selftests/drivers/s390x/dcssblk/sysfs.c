// SPDX-License-Identifier: GPL-2.0
/*
 * What an administrator may mistype: bad input to add, remove, shared and
 * save of the dcssblk driver. Each gives the error that names the mistake,
 * and leaves /proc/iomem as it was.
 *
 *	sysfs [--stock] [--pair OTHER] [--apart SEG] [--overlap SEG]
 *	      [--storage SEG] SEGMENT
 *
 * SEGMENT can be loaded and is not in use. OTHER follows SEGMENT without a
 * gap and is of another type, --apart is one of SEGMENT's type, but not next
 * to it, --overlap one that shares a megabyte with SEGMENT, --storage one that
 * is where guest storage is.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>

#include "../../../kselftest.h"
#include "dcss.h"

#define ROOT	"/sys/devices/dcssblk/"

static const char *segment, *pair, *apart, *overlap, *storage;
static bool stock;

/* %s stands for SEGMENT, and the second one for the other segment. */
struct input {
	const char *what;
	const char *attr;	/* below ROOT, "@" for SEGMENT/ */
	const char *text;
	int error;		/* 0: has to succeed */
	const char **other;	/* the case needs this segment */
};

static const struct input inputs[] = {
	/* Length and syntax: nothing may be loaded, or left loaded. */
	{ "add newline only", "add", "\n", ENAMETOOLONG, NULL },
	{ "add nine characters", "add", "NINECHARS", ENAMETOOLONG, NULL },
	{ "add nine characters after a good name", "add", "%s:NINECHARS",
	  ENAMETOOLONG, NULL },
	{ "add trailing colon", "add", "%s:", ENAMETOOLONG, NULL },
	{ "add trailing colon and newline", "add", "%s:\n", ENAMETOOLONG,
	  NULL },
	{ "add leading colon", "add", ":%s", ENAMETOOLONG, NULL },
	{ "add two colons", "add", "%s::%s", ENAMETOOLONG, NULL },
	{ "add colon only", "add", ":", ENAMETOOLONG, NULL },
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

	{ "remove newline only", "remove", "\n", ENAMETOOLONG, NULL },
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
	{ "add 64 KiB of colons", "add", ":", ENAMETOOLONG, NULL },
	{ "add 64 KiB of newlines", "add", "\n", ENAMETOOLONG, NULL },
	{ "remove 64 KiB", "remove", "X", ENAMETOOLONG, NULL },
};

static char *read_all(const char *path)
{
	static char text[2][65536];
	static int turn;
	char *buf = text[turn++ & 1];
	FILE *f = fopen(path, "r");

	buf[f ? fread(buf, 1, sizeof(text[0]) - 1, f) : 0] = '\0';
	if (f)
		fclose(f);
	return buf;
}

static int store(const char *attr, const char *text, size_t len)
{
	char path[128];
	int fd, rc;

	if (attr[0] == '@')
		snprintf(path, sizeof(path), ROOT "%s/%s", segment, attr + 1);
	else
		snprintf(path, sizeof(path), ROOT "%s", attr);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return errno;
	rc = write(fd, text, len) < 0 ? errno : 0;
	close(fd);
	return rc;
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

/* Only what succeeds may change what is loaded, and only by one device. */
static bool log_clean(void)
{
	char line[256];

	if (!log_bad(line, sizeof(line)))
		return true;
	wrong("kernel log: %s", line);
	return false;
}

static void try_one(const struct input *in)
{
	char text[256], *before, *after;
	bool same;
	int rc;

	if (in->other && !*in->other) {
		ksft_test_result_skip("%s: no such segment given\n", in->what);
		return;
	}
	compose(text, sizeof(text), in);
	before = read_all("/proc/iomem");
	log_mark();
	rc = store(in->attr, text, strlen(text));
	after = read_all("/proc/iomem");
	same = !strcmp(before, after);
	if (rc != in->error)
		wrong("%s instead of %s", rc ? strerror(rc) : "success",
		      in->error ? strerror(in->error) : "success");
	if (in->error && !same)
		wrong("/proc/iomem has changed");
	ksft_test_result(rc == in->error && (same || !in->error) &&
			 log_clean(), "%s\n", in->what);
}

/* Whatever it says: nothing may break, nothing may be left. */
static void try_large(const struct input *in)
{
	char name[16], *text = malloc(65536), *before, *after;
	size_t i, n;
	int rc;

	compose(name, sizeof(name), in);
	n = strlen(name);
	for (i = 0; i < 65536; i++)
		text[i] = name[i % n];
	before = read_all("/proc/iomem");
	log_mark();
	rc = store(in->attr, text, 65536);
	after = read_all("/proc/iomem");
	if (!rc)
		wrong("success");
	ksft_test_result(rc && (!in->error || rc == in->error) &&
			 !strcmp(before, after) && log_clean(),
			 "%s: %s\n", in->what, strerror(rc));
	free(text);
}

/* A store of no bytes does not reach the driver. */
static void try_empty(const char *attr)
{
	char *before = read_all("/proc/iomem");
	int rc = store(attr, "", 0);

	ksft_test_result(!rc && !strcmp(before, read_all("/proc/iomem")),
			 "%s nothing\n", attr);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pair",	required_argument, NULL, 'p' },
		{ "apart",	required_argument, NULL, 'a' },
		{ "overlap",	required_argument, NULL, 'o' },
		{ "storage",	required_argument, NULL, 's' },
		{ "stock",	no_argument,	   NULL, 'S' },
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
		else if (c == 'S')
			stock = true;
		else
			exit(KSFT_FAIL);
	}
	if (optind == argc)
		ksft_exit_skip("no segment given, see dcssblk.sh\n");
	segment = argv[optind];
}

int main(int argc, char **argv)
{
	size_t i;

	parse(argc, argv);
	ksft_print_header();
	if (access(ROOT "add", W_OK))
		ksft_exit_skip("no dcssblk driver, or not root\n");
	ksft_set_plan(ARRAY_SIZE(inputs) + ARRAY_SIZE(large) + 2);
	try_empty("add");
	try_empty("remove");
	for (i = 0; i < ARRAY_SIZE(inputs); i++)
		try_one(&inputs[i]);
	for (i = 0; i < ARRAY_SIZE(large); i++)
		try_large(&large[i]);
	ksft_finished();
}
