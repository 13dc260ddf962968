// SPDX-License-Identifier: GPL-2.0
/* What the kernel has said, see klog.h. */
#include <fcntl.h>

#include "../../../kselftest.h"
#include "say.h"
#include "klog.h"

struct klog klog;

void klog_mark(struct klog *k)
{
	if (!k->fd)
		k->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK) + 1;
	if (k->fd)
		lseek(k->fd - 1, 0, SEEK_END);
}

void klog_end(struct klog *k)
{
	if (k->fd)
		close(k->fd - 1);
	k->fd = 0;
}

/* The text of the next record, or NULL. What was lost, was lost. */
static char *next_text(struct klog *k, char *record, size_t len)
{
	char *text;
	ssize_t n;

	while (k->fd) {
		n = read(k->fd - 1, record, len - 1);
		if (n < 0 && errno != EPIPE)
			return NULL;
		record[n < 0 ? 0 : n] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		text[strcspn(text, "\n")] = '\0';
		return text + 1;
	}
	return NULL;
}

/* The same words as complaints() of lib.sh has. */
static bool is_report(const char *text)
{
	static const char *const words[] = {
		"BUG", "WARNING", "Bad page", "Oops", "Unable to handle",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

bool klog_report(struct klog *k, char *line, size_t len)
{
	char record[4096], *text;
	bool found = false;

	while ((text = next_text(k, record, sizeof(record)))) {
		if (found || !is_report(text))
			continue;
		snprintf(line, len, "%s", text);
		found = true;
	}
	return found;
}

void klog_get(struct klog *k, const char *part, struct klog_lines *lines)
{
	char record[4096], *text;

	lines->nr = 0;
	while ((text = next_text(k, record, sizeof(record)))) {
		if (strncmp(text, part, strlen(part)))
			continue;
		if (lines->nr < KLOG_MAX)
			snprintf(lines->line[lines->nr],
				 sizeof(lines->line[0]), "%.199s", text);
		lines->nr++;
	}
}

/* Whoever reads the log wants to know what, and to read it once. */
int klog_one(struct klog *k, const char *part, const char *name)
{
	static struct klog_lines lines;
	unsigned int i;

	klog_get(k, part, &lines);
	if (lines.nr == 1 && strstr(lines.line[0], name))
		return KSFT_PASS;
	for (i = 0; i < lines.nr && i < KLOG_MAX; i++)
		wrong("log: %s", lines.line[i]);
	return wrong("%u lines of \"%s\" in the log, not one about %s",
		     lines.nr, part, name);
}
