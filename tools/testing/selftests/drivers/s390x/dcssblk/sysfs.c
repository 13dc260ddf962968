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
#include <stdbool.h>
#include <sys/stat.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"

static const char *segment, *pair, *apart, *overlap, *storage;
static const char *chain_arg;
static char *chain, *chain_second;
static struct klog news;

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

static bool news_bad(const struct klog_lines *lines)
{
	unsigned int i;

	for (i = 0; i < lines->nr && i < KLOG_MAX; i++)
		wrong("log: %s", lines->line[i]);
	wrong("%u lines in the log", lines->nr);
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
	static struct klog_lines lines;
	char name[16];
	bool good;

	klog_get(&news, "dcssblk: ", &lines);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, ":\n"), text);
	good = lines.nr == nr && strcasestr(lines.line[nr - 1], name);
	if (!rc && !strcmp(in->attr, "add"))
		good = good && strstr(lines.line[0], "Loaded ") &&
		       strstr(lines.line[0], ", DAX is on");
	if (good || (!lines.nr && !needs_line(in, rc)))
		return true;
	return news_bad(&lines);
}

/* Only what succeeds may change what is loaded. */
static int try_text(const struct input *in, const char *text, size_t len)
{
	char *before, *after;
	bool same, good;
	int rc;

	before = read_whole("/proc/iomem");
	klog_mark(&news);
	rc = store_in(in, text, len);
	after = read_whole("/proc/iomem");
	same = !strcmp(before, after);
	if (rc != in->error)
		wrong("%s instead of %s", rc ? strerror(rc) : "success",
		      in->error ? strerror(in->error) : "success");
	if (in->error && !same)
		wrong("/proc/iomem has changed");
	good = log_says(in, text, rc);
	free(before);
	free(after);
	return good && rc == in->error && (same || !in->error) ? KSFT_PASS :
								 KSFT_FAIL;
}

static int try_one(struct area *a)
{
	const struct input *in = a->arg;
	char text[256];

	if (in->other && !*in->other)
		return skip("no such segment given");
	compose(text, sizeof(text), in);
	return try_text(in, text, strlen(text));
}

/* What is too long for the module parameter is none for this. */
static int try_unknown(struct area *a)
{
	static const struct input in = { NULL, "add", "", ENOENT, NULL };
	char text[512];
	int i, n = 0;

	(void)a;
	for (i = 0; i < 50; i++)
		n += snprintf(text + n, sizeof(text) - n, "%sNOSUCH%02d",
			      i ? ":" : "", i);
	return try_text(&in, text, n);
}

static int try_known(struct area *a)
{
	static const struct input in = { NULL, "add", "", ENOENT, NULL };
	char text[512];
	int i, n;

	(void)a;
	n = snprintf(text, sizeof(text), "%s", segment);
	for (i = 1; i < 50; i++)
		n += snprintf(text + n, sizeof(text) - n, ":NOSUCH%02d", i);
	return try_text(&in, text, n);
}

/* As a newline does, a NUL byte ends what counts. */
static int try_nul(struct area *a)
{
	static const struct input in = { NULL, "add", "", EINVAL, NULL };

	(void)a;
	return try_text(&in, "", 1);
}

static int try_colon_nul(struct area *a)
{
	static const struct input in = { NULL, "add", "", EINVAL, NULL };
	char text[32];

	(void)a;
	snprintf(text, sizeof(text), "%s:", segment);
	return try_text(&in, text, strlen(segment) + 2);
}

static int try_name_nul(struct area *a)
{
	struct input in = { NULL, a->arg, "", 0, NULL };
	char text[32];

	memset(text, 'X', sizeof(text));
	memcpy(text, segment, strlen(segment) + 1);
	return try_text(&in, text, sizeof(text));
}

/* Whatever it says: nothing may break, nothing may be left. */
static int try_large(struct area *a)
{
	char name[16], *text = malloc(65536), *before, *after;
	struct klog_lines *lines = malloc(sizeof(*lines));
	const struct input *in = a->arg;
	size_t i, n;
	int rc;

	compose(name, sizeof(name), in);
	n = strlen(name);
	for (i = 0; i < 65536; i++)
		text[i] = name[i % n];
	before = read_whole("/proc/iomem");
	klog_mark(&news);
	rc = store_in(in, text, 65536);
	after = read_whole("/proc/iomem");
	klog_get(&news, "dcssblk: ", lines);
	if (!rc)
		return wrong("success");
	if (in->error && rc != in->error)
		return wrong("%s", strerror(rc));
	/* One more says that a name is there twice. */
	if (lines->nr > (strstr(in->text, "%s") ? 2 : 1) && !news_bad(lines))
		return KSFT_FAIL;
	if (strcmp(before, after))
		return wrong("/proc/iomem has changed");
	free(text);
	free(lines);
	free(before);
	free(after);
	return KSFT_PASS;
}

/* A store of no bytes does not reach the driver. */
static int try_empty(struct area *a)
{
	char *before = read_whole("/proc/iomem"), *after;
	int rc = store(a->arg, "");

	after = read_whole("/proc/iomem");
	if (rc)
		return wrong("%s", strerror(rc));
	return strcmp(before, after) ? wrong("/proc/iomem has changed") :
				       KSFT_PASS;
}

static int has_mode(const char *attr, mode_t mode)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), ROOT "%s/%s", chain, attr);
	if (stat(path, &st))
		return fails("%s", path);
	if ((st.st_mode & 07777) != mode)
		return wrong("%s has mode %o", attr, st.st_mode & 07777);
	return KSFT_PASS;
}

static int modes(struct area *a)
{
	(void)a;
	return has_mode("dax", 0444) || has_mode("seglist", 0400) ||
	       has_mode("shared", 0600) || has_mode("save", 0600) ?
	       KSFT_FAIL : KSFT_PASS;
}

static int seglist(struct area *a)
{
	char path[128], want[32], *text;
	int rc = KSFT_PASS;

	(void)a;
	snprintf(want, sizeof(want), "%.8s\n%.8s\n", chain, chain_second);
	snprintf(path, sizeof(path), ROOT "%s/seglist", chain);
	text = read_whole(path);
	if (strcmp(text, want))
		rc = wrong("seglist is %s", text);
	free(text);
	return rc;
}

static int chain_dax(struct area *a)
{
	(void)a;
	return dax_is(chain, "on");
}

static int dax_write(struct area *a)
{
	char text[64];
	int rc;

	(void)a;
	snprintf(text, sizeof(text), "%.8s/dax", chain);
	rc = store(text, "off");
	return rc == EACCES ? KSFT_PASS : wrong("%s", strerror(rc));
}

/* A device of two segments: each belongs to it, and one is its name. */
enum chain_text { BOTH, FIRST, SECOND, TURNED };

struct link {
	const char *attr;
	enum chain_text text;
	int error;
};

static int try_link(struct area *a)
{
	const struct link *l = a->arg;
	struct input in = { NULL, l->attr, "", l->error, NULL };
	char text[32];

	switch (l->text) {
	case BOTH:
		snprintf(text, sizeof(text), "%.8s:%.8s", chain, chain_second);
		break;
	case TURNED:
		snprintf(text, sizeof(text), "%.8s:%.8s", chain_second, chain);
		break;
	default:
		snprintf(text, sizeof(text), "%.8s",
			 l->text == FIRST ? chain : chain_second);
	}
	if (in.error == ENAMETOOLONG && strlen(text) <= 8)
		in.error = ENODEV;
	return try_text(&in, text, strlen(text));
}

#define STEP	(IN_PLACE | AFTER)
#define LINK(...)	(&(const struct link){ __VA_ARGS__ })

static const struct dcss_case more_cases[] = {
	{ "add 50 unknown names", try_unknown, 0, IN_PLACE },
	{ "add 50 names, only the first one is known", try_known, 0, IN_PLACE },
	{ "add a NUL byte", try_nul, 0, IN_PLACE },
	{ "add a NUL byte after a colon", try_colon_nul, 0, IN_PLACE },
	{ "add with a NUL byte after the name", try_name_nul, 0, IN_PLACE,
	  "add" },
	{ "remove with a NUL byte after the name", try_name_nul, 0, STEP,
	  "remove" },
};

static const struct dcss_case chain_cases[] = {
	{ "add a chain", try_link, 0, IN_PLACE, LINK("add", BOTH, 0) },
	{ "seglist of a chain", seglist, 0, STEP },
	{ "dax of a chain", chain_dax, 0, STEP },
	{ "modes", modes, 0, STEP },
	{ "dax cannot be written to", dax_write, 0, STEP },
	{ "add the name of a chain", try_link, 0, STEP,
	  LINK("add", FIRST, EEXIST) },
	{ "add a part of a chain", try_link, 0, STEP,
	  LINK("add", SECOND, EEXIST) },
	{ "add a chain the other way round", try_link, 0, STEP,
	  LINK("add", TURNED, EEXIST) },
	{ "remove a part of a chain", try_link, 0, STEP,
	  LINK("remove", SECOND, ENODEV) },
	{ "remove a chain as it was added", try_link, 0, STEP,
	  LINK("remove", BOTH, ENAMETOOLONG) },
	{ "remove a chain", try_link, 0, STEP, LINK("remove", FIRST, 0) },
};

static void add_cases(void)
{
	static const char *const attrs[] = { "add", "remove" };
	struct dcss_case c = { "", try_empty, 0, IN_PLACE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		c.arg = attrs[i];
		dcss_case(&c, "%s nothing", attrs[i]);
	}
	/* One finds what the one before it has left. */
	for (i = 0; i < ARRAY_SIZE(inputs); i++) {
		c = (struct dcss_case){ "", try_one, 0, i ? STEP : IN_PLACE,
					&inputs[i] };
		dcss_case(&c, "%s", inputs[i].what);
	}
	for (i = 0; i < ARRAY_SIZE(large); i++) {
		c = (struct dcss_case){ "", try_large, 0, IN_PLACE, &large[i] };
		dcss_case(&c, "%s", large[i].what);
	}
	dcss_cases(more_cases, ARRAY_SIZE(more_cases));
	if (chain)
		dcss_cases(chain_cases, ARRAY_SIZE(chain_cases));
}

int main(int argc, char **argv)
{
	static const struct dcss_option options[] = {
		{ "pair", "SEG", "next to SEGMENT, of another type", &pair },
		{ "apart", "SEG", "not next to it", &apart },
		{ "overlap", "SEG", "in a megabyte of it", &overlap },
		{ "storage", "SEG", "where guest storage is", &storage },
		{ "chain", "SEG:SEG", "that make one device", &chain_arg },
		{ }
	};

	dcss_parse(argc, argv, "SEGMENT", options);
	segment = opt.word[0];
	need_driver();
	if (chain_arg) {
		chain = strdup(chain_arg);
		chain_second = strchr(chain, ':');
		if (!chain_second)
			ksft_exit_fail_msg("--chain: two names are needed\n");
		*chain_second++ = '\0';
	}
	add_cases();
	dcss_run();
}
