// SPDX-License-Identifier: GPL-2.0
/*
 * No memory: whatever is done to a device is done again and again while the
 * first, the second, ... allocation on the way fails, until there is none left
 * to fail. Each time it has to be done, or not at all: what can be seen of
 * the device is as after success, or as it was, and it works the next time.
 *
 *	fail [--module FILE] LIST FSTYPE MOUNTPOINT
 *
 * LIST is what "add" takes. Its segments are of type SW or EW, have a file
 * system with a file "data" as mkimages.sh makes it, and are not loaded. With
 * --module, FILE is dcssblk.ko, and loading it with segments=LIST is all that
 * is tested; no other device of it may exist.
 *
 * The kernel needs CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC, with debugfs
 * mounted: Documentation/fault-injection/fault-injection.rst.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "state.h"

#define DEBUG		"/sys/kernel/debug/"
#define DATA_SIZE	65536
/* Reports of one operation: after that nothing is what it was. */
#define ENOUGH		3
/* A failure that is never reached, to count what could have failed. */
#define NEVER		1000000
/* Much longer than any operation takes. */
#define ALARM_SECONDS	1200
/* With KASAN: one allocation in this many, ... */
#define SPARSE		5
/* ... and one look at the page tables; odd, as a round of "add" has two. */
#define SELDOM		3

static struct dcss_device device;
static int nth_fd, make_fd, op_fd = -1;
static int held[2];
static char *map;
static const char *module_file;
static bool slow;

/*
 * Failures for this task alone. Besides the one that fail-nth asks for, all
 * later ones have a probability, see arm().
 */
static struct {
	const char *file;
	const char *value;
	char was[32];
} knobs[] = {
	{ DEBUG "failslab/ignore-gfp-wait", "N", "" },
	{ DEBUG "failslab/cache-filter", "N", "" },
	{ DEBUG "failslab/task-filter", "Y", "" },
	{ DEBUG "failslab/interval", "1", "" },
	{ DEBUG "failslab/space", "0", "" },
	{ DEBUG "failslab/times", "-1", "" },
	{ DEBUG "failslab/verbose", "0", "" },
	{ DEBUG "failslab/probability", "0", "" },
	{ DEBUG "fail_page_alloc/ignore-gfp-wait", "N", "" },
	{ DEBUG "fail_page_alloc/ignore-gfp-highmem", "N", "" },
	{ DEBUG "fail_page_alloc/min-order", "0", "" },
	{ DEBUG "fail_page_alloc/task-filter", "Y", "" },
	{ DEBUG "fail_page_alloc/interval", "1", "" },
	{ DEBUG "fail_page_alloc/space", "0", "" },
	{ DEBUG "fail_page_alloc/times", "-1", "" },
	{ DEBUG "fail_page_alloc/verbose", "0", "" },
	{ DEBUG "fail_page_alloc/probability", "0", "" },
	/* Grace periods take longer than all the rest. */
	{ "/sys/kernel/rcu_expedited", "1", "" },
};

static void knobs_back(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(knobs); i++)
		if (*knobs[i].was)
			put_string(knobs[i].file, knobs[i].was);
}

static int knobs_set(void)
{
	size_t i;

	atexit(knobs_back);
	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		if (get_string(knobs[i].file, knobs[i].was,
			       sizeof(knobs[i].was)) ||
		    put_string(knobs[i].file, knobs[i].value))
			return -1;
	}
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	make_fd = open("/proc/thread-self/make-it-fail", O_RDWR);
	return nth_fd < 0 || make_fd < 0 ? -1 : 0;
}

/* One failure shows what is not undone, all of them what cannot be. */
static void set_lasting(bool lasting)
{
	put_string(DEBUG "failslab/probability", lasting ? "100" : "0");
	put_string(DEBUG "fail_page_alloc/probability", lasting ? "100" : "0");
}

static void arm(unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	pwrite(make_fd, "1", 1, 0);
	pwrite(nth_fd, text, strlen(text), 0);
}

/* How many more allocations it would have taken; 0 if there was a failure. */
static unsigned int disarm(void)
{
	char text[16] = "";

	pread(nth_fd, text, sizeof(text) - 1, 0);
	pwrite(nth_fd, "0", 1, 0);
	pwrite(make_fd, "0", 1, 0);
	return atoi(text);
}

static int open_attr(const struct dcss_device *dev, const char *attr)
{
	char path[128];

	snprintf(path, sizeof(path), ROOT "%s%s%s", dev ? dev->segment[0] : "",
		 dev ? "/" : "", attr);
	return open(path, O_WRONLY);
}

static int open_add(void)
{
	op_fd = open_attr(NULL, "add");
	return op_fd < 0 ? fails("add") : KSFT_PASS;
}

static int open_remove(void)
{
	op_fd = open_attr(NULL, "remove");
	return op_fd < 0 ? fails("remove") : KSFT_PASS;
}

static int open_shared(void)
{
	op_fd = open_attr(&device, "shared");
	return op_fd < 0 ? fails("shared") : KSFT_PASS;
}

static int open_save(void)
{
	op_fd = open_attr(&device, "save");
	return op_fd < 0 ? fails("save") : KSFT_PASS;
}

static int write_op(const char *text)
{
	return write(op_fd, text, strlen(text)) < 0 ? errno : 0;
}

static int write_list(void)
{
	return write_op(device.list);
}

static int write_name(void)
{
	return write_op(device.segment[0]);
}

static int write_0(void)
{
	return write_op("0");
}

static int write_1(void)
{
	return write_op("1");
}

static int close_op(void)
{
	close(op_fd);
	op_fd = -1;
	return KSFT_PASS;
}

static int nothing(void)
{
	return KSFT_PASS;
}

static int read_block(void)
{
	static char buf[DATA_SIZE];
	ssize_t n;

	op_fd = open(device.block, O_RDONLY);
	if (op_fd < 0)
		return errno;
	n = read(op_fd, buf, sizeof(buf));
	if (n < 0)
		return errno;
	return memcmp(buf, device.content, n) ? EILSEQ : 0;
}

static int mount_dax(void)
{
	return mount(device.block, device.mountpoint, device.fstype, MS_RDONLY,
		     "dax") ? errno : 0;
}

static int mount_first(void)
{
	return mount_dax() ? fails("mount %s", device.block) : KSFT_PASS;
}

static int umount_it(void)
{
	return umount(device.mountpoint) ? errno : 0;
}

/*
 * Not mounted any more, and no page is held: that would be EBUSY. A mount that
 * failed was none.
 */
static int unmounted(void)
{
	umount(device.mountpoint);
	if (!umount(device.mountpoint))
		return wrong("%s was mounted twice", device.block);
	if (store_of(device.segment[0], "shared", "0") ||
	    store_of(device.segment[0], "shared", "1"))
		return wrong("%s: a page is held", device.list);
	return KSFT_PASS;
}

static int map_data(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/data", device.mountpoint);
	op_fd = open(path, O_RDONLY);
	if (op_fd < 0)
		return errno;
	map = mmap(NULL, DATA_SIZE, PROT_READ, MAP_SHARED, op_fd, 0);
	return map == MAP_FAILED ? errno : 0;
}

/* A fault that finds no memory is taken again. */
static int read_mapping(void)
{
	int rc = map_data();

	if (!rc)
		touch_pages(map, DATA_SIZE);
	return rc;
}

static int unmap(void)
{
	char *want = filled(DATA_SIZE, 0);
	int rc = KSFT_PASS;

	if (map && map != MAP_FAILED) {
		if (differs("mapping", map, want, DATA_SIZE))
			rc = KSFT_FAIL;
		munmap(map, DATA_SIZE);
	}
	map = NULL;
	close(op_fd);
	op_fd = -1;
	free(want);
	return unmounted() == KSFT_PASS ? rc : KSFT_FAIL;
}

static int map_first(void)
{
	if (mount_first() || map_data() || pipe(held))
		return fails("map %s", device.block);
	return KSFT_PASS;
}

/* Pages that have been taken when the next one cannot be. */
static int splice_pages(void)
{
	struct iovec iov = { .iov_base = map, .iov_len = 16 * pagesize };

	return vmsplice(held[1], &iov, 1, 0) < 0 ? errno : 0;
}

static int drain(void)
{
	close(held[0]);
	close(held[1]);
	return unmap();
}

struct op {
	const char *name;
	enum where from;
	enum where to;
	/* Each is KSFT_FAIL with a report, but run, which returns an errno. */
	int (*prepare)(void);
	int (*run)(void);
	int (*clean)(void);
	bool once;	/* does not end if nothing ever works again */
	bool other;	/* fails also in ways that are not this driver's */
};

static const struct op ops[] = {
	{ "add", ABSENT, SHARED_MODE, open_add, write_list, close_op, false,
	  false },
	{ "shared 0", SHARED_MODE, EXCLUSIVE_MODE, open_shared, write_0,
	  close_op, false, false },
	{ "shared 1", EXCLUSIVE_MODE, SHARED_MODE, open_shared, write_1,
	  close_op, false, false },
	{ "save", SHARED_MODE, SHARED_MODE, open_save, write_1, close_op,
	  false, false },
	{ "remove", SHARED_MODE, ABSENT, open_remove, write_name, close_op,
	  false, false },
	{ "open and read", SHARED_MODE, SHARED_MODE, nothing, read_block,
	  close_op, true, true },
	{ "mount -o dax", SHARED_MODE, SHARED_MODE, nothing, mount_dax,
	  unmounted, true, true },
	{ "umount", SHARED_MODE, SHARED_MODE, mount_first, umount_it,
	  unmounted, true, true },
	{ "map and read", SHARED_MODE, SHARED_MODE, mount_first, read_mapping,
	  unmap, true, true },
	{ "vmsplice", SHARED_MODE, SHARED_MODE, map_first, splice_pages, drain, true,
	  true },
};

static bool log_clean(void)
{
	char line[256];

	if (!klog_report(&klog, line, sizeof(line)))
		return true;
	wrong("kernel log: %s", line);
	return false;
}

/*
 * The kernel's page tables take a second where KASAN's shadow is among them:
 * there only now and then, and as a sweep begins and ends.
 */
static int as_before(enum where where)
{
	static unsigned int looks;

	return slow && ++looks % SELDOM ? device_is(&device, where) :
	       device_as_before(&device, where);
}

/* After success or failure with @rc: nothing in between, and it works. */
static int outcome(const struct op *op, int rc)
{
	enum where where = rc ? op->from : op->to;

	if (rc && rc != ENOMEM && !op->other)
		return wrong("%s", strerror(rc));
	/* A device that came in spite of the failure may be without DAX. */
	if (where == ABSENT || rc ? as_before(where) :
	    device_is(&device, where))
		return KSFT_FAIL;
	if (where == ABSENT && op->from == ABSENT &&
	    (device_go(&device, SHARED_MODE) || as_before(SHARED_MODE)))
		return KSFT_FAIL;
	if (where == ABSENT && op->from != ABSENT)
		return KSFT_PASS;
	return device_works(&device);
}

/* One round. Sets *@left to 0 if there was a failure on the way. */
static int fail_at(const struct op *op, unsigned int n, unsigned int *left,
		   int *error)
{
	*left = 0;
	*error = 0;
	klog_mark(&klog);
	if (device_go(&device, op->from) || op->prepare())
		return KSFT_FAIL;
	alarm(ALARM_SECONDS);
	arm(n);
	*error = op->run();
	*left = disarm();
	alarm(0);
	if (op->clean() || outcome(op, *error) || !log_clean())
		return KSFT_FAIL;
	return *left && *error ? wrong("fails without a failure") : KSFT_PASS;
}

/*
 * A device without DAX, for lack of memory, gets it the next time: begin anew
 * where it has to be there.
 */
static int begin(const struct op *op)
{
	if (device_go(&device, ABSENT) || device_as_before(&device, ABSENT))
		return KSFT_FAIL;
	return device_go(&device, op->from);
}

/* Until nothing is left to fail. Returns how often it went wrong. */
static unsigned int all_rounds(const struct op *op, unsigned int step)
{
	unsigned int n, left = 0, nr = 0, failed = 0, bad = 0;
	int error;

	for (n = 1; !left && bad < ENOUGH && n < NEVER; n += step) {
		if (fail_at(op, n, &left, &error)) {
			wrong("... where allocation %u of %s fails: %s", n,
			      op->name, strerror(error));
			bad++;
		}
		nr += !left;
		failed += !!error;
	}
	ksft_print_msg("%s: %u failures, %u errors\n", op->name, nr, failed);
	return bad;
}

static unsigned int stride(void)
{
	return slow ? SPARSE : 1;
}

static unsigned int rounds_of(const struct op *op)
{
	unsigned int bad = begin(op) ? 1 : all_rounds(op, stride());

	if (device_go(&device, ABSENT) || device_as_before(&device, ABSENT))
		bad++;
	return bad;
}

static int sweep(struct area *a)
{
	unsigned int bad;

	set_lasting(a->nr);
	bad = rounds_of(a->arg);
	set_lasting(false);
	return bad ? KSFT_FAIL : KSFT_PASS;
}

static const char *const how_long[] = {
	"no memory once", "no memory from some point on",
};

static void add_sweeps(void)
{
	struct dcss_case c;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		c = (struct dcss_case){ "", sweep, 0, IN_PLACE, &ops[i] };
		for (c.nr = 0; c.nr < 2u - ops[i].once; c.nr++)
			dcss_case(&c, "%s, %s", ops[i].name, how_long[c.nr]);
	}
}

/* Of the module. */
static char image[1 << 20];
static size_t image_len;

static int load_module(const char *args)
{
	return syscall(SYS_init_module, image, image_len, args) ? errno : 0;
}

/* Devices first, then the module. */
static int unload_module(void)
{
	if (!access(ROOT "add", F_OK) && device_go(&device, ABSENT))
		return KSFT_FAIL;
	if (!access("/sys/module/dcssblk", F_OK) &&
	    syscall(SYS_delete_module, "dcssblk", O_NONBLOCK))
		return fails("module cannot be unloaded");
	return KSFT_PASS;
}

static int read_module(void)
{
	int fd = open(module_file, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, image, sizeof(image));

	close(fd);
	if (n <= 0 || n == sizeof(image))
		return fails("%s", module_file);
	image_len = n;
	return unload_module();
}

/* What the kernel takes for any module, and this one without a device. */
static unsigned int count_module(void)
{
	unsigned int left;
	int error;

	arm(NEVER);
	error = load_module("");
	left = disarm();
	return error || unload_module() ? 0 : NEVER - left;
}

/*
 * The module may be refused, but not because of a segment. The device is
 * there, and works, or nothing is.
 */
static int load_at(unsigned int n, const char *args, const char *unloaded,
		   unsigned int *left)
{
	enum where where;
	char *text;
	int rc, error;

	klog_mark(&klog);
	alarm(ALARM_SECONDS);
	arm(n);
	error = load_module(args);
	*left = disarm();
	alarm(0);
	if (error && error != ENOMEM)
		return wrong("%s", strerror(error));
	if (!error) {
		where = device_where(&device) == ABSENT ? ABSENT : SHARED_MODE;
		if (device_is(&device, where) ||
		    (where != ABSENT && device_works(&device)))
			return KSFT_FAIL;
	}
	if (unload_module() || !log_clean())
		return KSFT_FAIL;
	text = device_look(&device);
	rc = same_text("module", text, unloaded);
	free(text);
	return rc;
}

/*
 * All that the module takes itself, at the end of what the kernel takes for it,
 * and a sample of what is behind it: that is the path of "add".
 */
static unsigned int load_rounds(void)
{
	unsigned int n, own = count_module(), left = 0, bad = !own, nr = 0;
	char args[256], *unloaded = device_look(&device);
	/* Where a module has been, the 1:1 mapping stays in smaller pages. */
	char *counts = kernel_counts(false);

	snprintf(args, sizeof(args), "segments=%s", device.list);
	for (n = own > 40 ? own - 40 : 1; own && !left && bad < ENOUGH;
	     n += (n < own ? 1 : 5) * stride(), nr++) {
		if (load_at(n, args, unloaded, &left)) {
			wrong("... where allocation %u of loading fails", n);
			bad++;
		}
	}
	ksft_print_msg("module: %u failures of %u, %u of these without a device\n",
		       nr, n, own);
	bad += counts_as_before(counts, false) != KSFT_PASS;
	free(counts);
	free(unloaded);
	return bad;
}

static int sweep_module(struct area *a)
{
	unsigned int bad;

	if (read_module())
		return wrong("no module to load");
	set_lasting(a->nr);
	bad = load_rounds();
	set_lasting(false);
	load_module("");
	return bad ? KSFT_FAIL : KSFT_PASS;
}

static void add_module(void)
{
	struct dcss_case c = { "", sweep_module, 0, IN_PLACE };

	for (; c.nr < 2; c.nr++)
		dcss_case(&c, "load the module, %s", how_long[c.nr]);
}

int main(int argc, char **argv)
{
	static const struct dcss_option options[] = {
		{ "module", "FILE", "dcssblk.ko: test loading it",
		  &module_file },
		{ }
	};

	dcss_parse(argc, argv, "LIST FSTYPE MOUNTPOINT", options);
	need_driver();
	if (knobs_set())
		ksft_exit_skip("no failslab, fail_page_alloc or debugfs\n");
	if (device_learn(&device, opt.word[0],
			 strcmp(opt.word[1], "-") ? opt.word[1] : NULL,
			 opt.word[2]))
		ksft_exit_fail_msg("%s does not work\n", opt.word[0]);
	slow = kernel_has_kasan();
	/* This program has all its pages before those of others fail. */
	if (mlockall(MCL_CURRENT))
		ksft_exit_fail_msg("mlockall: %s\n", strerror(errno));
	if (module_file)
		add_module();
	else
		add_sweeps();
	dcss_run();
}
