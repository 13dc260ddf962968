// SPDX-License-Identifier: GPL-2.0
/*
 * CP refuses: each of its functions, for each segment of a device, with codes
 * that Linux knows and codes that it does not. The error has to be the right
 * one, the log has to name the segment and the code, nothing may remain of
 * what was begun, and the next try has to work. Or CP does not refuse, but
 * another user has defined the segment anew.
 *
 *	cpfail [--only TEXT] LIST FSTYPE MOUNTPOINT
 *
 * LIST is what "add" takes. Its segments are of type SW, have a file system
 * with a file "data" as mkimages.sh makes it, and are not loaded. Nobody else
 * uses them: they are saved, with their content unchanged in the end. There is
 * nothing MOVED pages above any of them.
 *
 * The command that lets CP refuse is known to tools/testing/zvm only.
 */
#include <fcntl.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "state.h"

/* 44 is "no such segment"; 1 a command that the user may not give. */
#define CP_UNKNOWN	44
#define CP_CLASS	1

/* For a segment that is somewhere else suddenly, see mkimages.sh. */
#define MOVED		0x2a00UL

static const int diag_codes[] = { CP_UNKNOWN, 28, 177, 9999 };
static const int command_codes[] = { CP_CLASS, 44, 443 };

static struct dcss_device device;
static struct klog device_log;
static size_t which;		/* segment that CP refuses */

static int write_attr(const char *attr, const char *text)
{
	return store_of(device.segment[0], attr, text);
}

static int add(void)
{
	return store("add", device.list);
}

static int remove_it(void)
{
	return store("remove", device.segment[0]);
}

static int shared_0(void)
{
	return write_attr("shared", "0");
}

static int shared_1(void)
{
	return write_attr("shared", "1");
}

/* The last page of the device, for what is saved and what is not. */
static int write_last(const char *page)
{
	int fd = open(device.block, O_WRONLY), rc = 0;

	if (fd < 0 || pwrite(fd, page, pagesize, device.size - pagesize) !=
	    (ssize_t)pagesize || fsync(fd))
		rc = errno;
	close(fd);
	return rc;
}

static int save(void)
{
	return write_attr("save", "1");
}

/* There is nobody to return the error to. */
static int save_at_close(void)
{
	int fd = open(device.block, O_RDONLY), rc;

	if (fd < 0)
		return errno;
	rc = write_attr("save", "1");
	close(fd);
	return rc;
}

static int load_error(int code)
{
	return code == CP_UNKNOWN ? ENOENT : EIO;
}

static int save_error(int code)
{
	return code == CP_CLASS ? EPERM : EIO;
}

static int no_error(int code)
{
	(void)code;
	return 0;
}

/* Nothing of the device is left, and it can be added as if it was new. */
static int gone(void)
{
	if (device_as_before(&device, ABSENT) ||
	    device_go(&device, SHARED_MODE) ||
	    device_as_before(&device, SHARED_MODE) || device_works(&device))
		return KSFT_FAIL;
	return KSFT_PASS;
}

/* The same, but CP still has a segment loaded until it is loaded again. */
static int gone_for_linux(void)
{
	enum where now;

	if (device_go(&device, SHARED_MODE) || device_works(&device) ||
	    device_go(&device, ABSENT))
		return KSFT_FAIL;
	now = device_where(&device);
	return now == ABSENT ? gone() : device_as_before(&device, ABSENT);
}

static int is_exclusive(void)
{
	return device_as_before(&device, EXCLUSIVE_MODE) == KSFT_PASS ?
	       device_works(&device) : KSFT_FAIL;
}

static int is_shared(void)
{
	return device_as_before(&device, SHARED_MODE) == KSFT_PASS ?
	       device_works(&device) : KSFT_FAIL;
}

/* Loaded again: as it was saved. */
static int load_again(void)
{
	if (device_go(&device, ABSENT) || device_go(&device, SHARED_MODE))
		return KSFT_FAIL;
	return KSFT_PASS;
}

/*
 * The device stays, what is saved is what was saved, and the next save takes
 * what has been written since.
 */
static int not_saved(void)
{
	char *last = device.content + device.size - pagesize, *was, *page;
	int rc = KSFT_FAIL;

	if (is_shared() || which + 1 < device.nr)
		return save() ? wrong("saving again fails") : is_shared();
	was = filled(pagesize, 0);
	page = filled(pagesize, 77);
	memcpy(was, last, pagesize);
	if (load_again() || device_works(&device) || write_last(page) ||
	    save() || load_again())
		goto out;
	memcpy(last, page, pagesize);
	rc = device_reads(&device);
	memcpy(last, was, pagesize);
	if (write_last(was) || save() || is_shared())
		rc = KSFT_FAIL;
out:
	free(page);
	free(was);
	return rc;
}

struct refusal {
	const char *name;
	const char *function;
	enum where from;
	int (*run)(void);	/* returns an errno */
	int (*error)(int code);	/* that it has to be */
	int (*check)(void);
	bool command;		/* response codes, not those of DIAGNOSE */
	const char *once;	/* a line of the log that comes once */
};

static const struct refusal refusals[] = {
	/* What was loaded before, and its place in /proc/iomem, is let go. */
	{ "add", "FINDSEGA", ABSENT, add, load_error, gone, false, NULL },
	{ "add", "LOADSHR", ABSENT, add, load_error, gone, false, NULL },
	/* The segment is gone already, the others and the device follow. */
	{ "shared 0", "LOADNSR", SHARED_MODE, shared_0, load_error, gone,
	  false, "is removed after" },
	{ "shared 1", "LOADSHR", EXCLUSIVE_MODE, shared_1, load_error, gone,
	  false, "is removed after" },
	/* It is loaded all the same, which takes the place of the old one. */
	{ "shared 0", "PURGESEG", SHARED_MODE, shared_0, no_error,
	  is_exclusive, false, NULL },
	{ "shared 1", "PURGESEG", EXCLUSIVE_MODE, shared_1, no_error,
	  is_shared, false, NULL },
	{ "save", "DEFSEG", SHARED_MODE, save, save_error, not_saved, true,
	  NULL },
	{ "save", "SAVESEG", SHARED_MODE, save, save_error, not_saved, true,
	  NULL },
	{ "save at close", "DEFSEG", SHARED_MODE, save_at_close, no_error,
	  not_saved, true, NULL },
	{ "save at close", "SAVESEG", SHARED_MODE, save_at_close, no_error,
	  not_saved, true, NULL },
	/* Linux does without the device, with or without CP. */
	{ "remove", "PURGESEG", SHARED_MODE, remove_it, no_error,
	  gone_for_linux, false, NULL },
	/* Shared again, although CP had another copy of it all the time. */
	{ "remove exclusive", "PURGESEG", EXCLUSIVE_MODE, remove_it, no_error,
	  gone_for_linux, false, NULL },
};

/* Other pages, or pages of another type, under the name of a segment. */
struct redefinition {
	const char *name;
	const char *when;	/* after a function of CP, or NOW */
	enum where from;
	int (*run)(void);
	unsigned long move;	/* in pages */
	unsigned long less;	/* pages at its end */
	const char *type;	/* or NULL for the same */
};

static const struct redefinition redefinitions[] = {
	/* The resource and the mapping are those of the old place. */
	{ "add, moved meanwhile", "FINDSEGA", ABSENT, add, MOVED, 0, NULL },
	{ "shared 0, moved", "NOW", SHARED_MODE, shared_0, MOVED, 0, NULL },
	{ "shared 1, moved", "NOW", EXCLUSIVE_MODE, shared_1, MOVED, 0, NULL },
	{ "shared 0, moved meanwhile", "FINDSEGA", SHARED_MODE, shared_0, MOVED,
	  0, NULL },
	{ "shared 1, moved meanwhile", "FINDSEGA", EXCLUSIVE_MODE, shared_1,
	  MOVED, 0, NULL },
	/* The end of the device is not there any more. */
	{ "shared 0, one page less", "NOW", SHARED_MODE, shared_0, 0, 1, NULL },
	/* Who writes to it as before gets a protection exception. */
	{ "shared 0, read-only", "NOW", SHARED_MODE, shared_0, 0, 0, "SR" },
	{ "shared 1, read-only", "NOW", EXCLUSIVE_MODE, shared_1, 0, 0, "SR" },
};

static int refuse(const char *function, const char *segment, int code)
{
	char command[64], answer[256];

	if (function)
		snprintf(command, sizeof(command), "ZVM FAIL %s,%s,%d*1",
			 function, segment, code);
	else
		snprintf(command, sizeof(command), "ZVM FAIL OFF");
	return cp_command(command, answer, sizeof(answer));
}

/* What the log has to say: a line about the segment, and @last once. */
static int look_at_log(const char *what, const char *last)
{
	const char *name = device.segment[which];
	unsigned int found = 0, once = 0, i;
	static struct klog_lines lines;
	char line[256];

	klog_get(&device_log, "", &lines);
	for (i = 0; i < lines.nr && i < KLOG_MAX; i++) {
		found += strstr(lines.line[i], name) &&
			 strstr(lines.line[i], what);
		once += last && strstr(lines.line[i], last);
	}
	if (klog_report(&klog, line, sizeof(line)))
		return wrong("kernel log: %s", line);
	if (!found)
		return wrong("no line of the log names %s and %s", name, what);
	if (last && once != 1)
		return wrong("\"%s\" is %u times in the log", last, once);
	return KSFT_PASS;
}

static int refuse_one(const struct refusal *r, int code)
{
	int want = r->error(code), rc;
	char number[16];

	if (device_go(&device, r->from))
		return KSFT_FAIL;
	klog_mark(&klog);
	klog_mark(&device_log);
	if (refuse(r->function, device.segment[which], code))
		return wrong("CP does not know how to refuse");
	rc = r->run();
	refuse(NULL, NULL, 0);
	if (rc != want)
		return wrong("%s instead of %s", strerror(rc), strerror(want));
	snprintf(number, sizeof(number), "%d", code);
	if (look_at_log(number, r->once))
		return KSFT_FAIL;
	return r->check();
}

static int try_one(struct area *a)
{
	const struct refusal *r = a->arg;
	const int *codes = r->command ? command_codes : diag_codes;
	size_t n = r->command ? ARRAY_SIZE(command_codes) :
		   ARRAY_SIZE(diag_codes);
	int rc = KSFT_PASS;
	size_t i;

	which = a->nr;
	for (i = 0; i < n; i++) {
		if (refuse_one(r, codes[i])) {
			wrong("... with code %d", codes[i]);
			rc = KSFT_FAIL;
		}
	}
	if (device_go(&device, ABSENT) || device_as_before(&device, ABSENT))
		rc = KSFT_FAIL;
	return rc;
}

/* Where CP has a segment of one range, in pages. */
static int find_pages(const char *segment, unsigned long *first,
		      unsigned long *last, char *type)
{
	char command[64], answer[8192], *line, *rest = answer;

	snprintf(command, sizeof(command), "QUERY NSS NAME %s MAP", segment);
	if (cp_command(command, answer, sizeof(answer)))
		return wrong("CP does not know %s", segment);
	while ((line = strsep(&rest, "\n")))
		if (sscanf(line, "%*s %*s %*s %*s %lx %lx %2s", first, last,
			   type) == 3)
			return KSFT_PASS;
	return wrong("%s has no pages", segment);
}

static int define(const char *when, unsigned long first, unsigned long last,
		  const char *type)
{
	char command[80], answer[256];

	snprintf(command, sizeof(command), "ZVM DEFINE %s %s %lX-%lX %s", when,
		 device.segment[which], first, last, type);
	return cp_command(command, answer, sizeof(answer)) ?
	       wrong("%s: %s", command, answer) : KSFT_PASS;
}

/* As any other segment: the old one has left nothing behind. */
static int comes_and_goes(void)
{
	return add_segment(device.segment[which]) ||
	       remove_segment(device.segment[which]);
}

static int redefine_one(const struct redefinition *r)
{
	unsigned long first, last;
	int rc, back;
	char type[3];

	if (device_go(&device, r->from) ||
	    find_pages(device.segment[which], &first, &last, type))
		return KSFT_FAIL;
	klog_mark(&klog);
	klog_mark(&device_log);
	if (define(r->when, first + r->move, last + r->move - r->less,
		   r->type ? r->type : type))
		return KSFT_FAIL;
	rc = r->run();
	if (rc != ESTALE)
		rc = wrong("%s instead of %s", strerror(rc), strerror(ESTALE));
	else
		rc = look_at_log("defined anew", r->from == ABSENT ? NULL :
				 "is removed after") ||
		     device_as_before(&device, ABSENT) || comes_and_goes();
	device_go(&device, ABSENT);
	back = define("NOW", first, last, type);
	return rc || back ? KSFT_FAIL : gone();
}

static int try_redefinition(struct area *a)
{
	int rc;

	which = a->nr;
	rc = redefine_one(a->arg);
	if (device_go(&device, ABSENT) || device_as_before(&device, ABSENT))
		rc = KSFT_FAIL;
	return rc;
}

/* Each for each segment of the device. */
static void add_cases(void)
{
	const struct redefinition *d = redefinitions;
	const struct refusal *r = refusals;
	struct dcss_case c;

	for (; r < refusals + ARRAY_SIZE(refusals); r++) {
		c = (struct dcss_case){ "", try_one, 0, IN_PLACE, r };
		for (c.nr = 0; c.nr < device.nr; c.nr++)
			dcss_case(&c, "%s, %s of %s refused", r->name,
				  r->function, device.segment[c.nr]);
	}
	for (; d < redefinitions + ARRAY_SIZE(redefinitions); d++) {
		c = (struct dcss_case){ "", try_redefinition, 0, IN_PLACE, d };
		for (c.nr = 0; c.nr < device.nr; c.nr++)
			dcss_case(&c, "%s: %s", d->name, device.segment[c.nr]);
	}
}

int main(int argc, char **argv)
{
	dcss_parse(argc, argv, "LIST FSTYPE MOUNTPOINT", NULL);
	need_driver();
	if (refuse(NULL, NULL, 0))
		ksft_exit_skip("CP cannot be told to refuse: not zvm\n");
	if (device_learn(&device, opt.word[0], opt.word[1], opt.word[2]))
		ksft_exit_fail_msg("%s does not work\n", opt.word[0]);
	add_cases();
	dcss_run();
}
