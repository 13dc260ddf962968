// SPDX-License-Identifier: GPL-2.0
/*
 * The access mode of an idle segment, for each type: what its content is,
 * whether it can be written to, and that its struct pages stay what they are.
 *
 *	shared FSTYPE MOUNTPOINT SEGMENT=TYPE...
 *
 * No SEGMENT is loaded. SEGMENT may be a concatenation, with the type of its
 * first one. What is saved in the first SEGMENT is a file system with a file
 * "data", as mkimages.sh makes it; so it is in the others, or they are zeroes:
 * these get a copy of it.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/uio.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "steps.h"

#define TOGGLES		20
#define LEN		(16 * pagesize)		/* of what is mapped */

static const char *fstype, *mountpoint;
static struct klog news;

/* The segment of this round. */
static char node[64];
static size_t size;
static char *saved;		/* its content when it is loaded */
static char *now;		/* scratch, as large */
static bool zero;		/* its content is zeroes */
static char *iomem;		/* before it was added */
static char *counts;		/* ... and by the kernel */

/* A file system for those that begin as zeroes. */
static char *image;
static size_t image_size;

static bool is_readonly_type(void)
{
	return !strcmp(seg_type, "SR") || !strcmp(seg_type, "ER") ||
	       !strcmp(seg_type, "SC");
}

static bool is_sc(void)
{
	return !strcmp(seg_type, "SC");
}

static int read_device(char *buf, size_t len)
{
	int fd = open(node, O_RDONLY);
	int rc = KSFT_PASS;

	if (fd < 0 || pread(fd, buf, len, 0) != (ssize_t)len)
		rc = fails("read %s", node);
	close(fd);
	return rc;
}

/* Also that it gets there: a read-only device may take it, and say so late. */
static int write_device(const char *buf, size_t len, off_t off)
{
	int fd = open(node, O_WRONLY), rc = 0;

	if (fd < 0)
		return errno;
	if (pwrite(fd, buf, len, off) != (ssize_t)len || fsync(fd))
		rc = errno;
	close(fd);
	return rc;
}

static int content_is(const char *want)
{
	if (read_device(now, size))
		return KSFT_FAIL;
	return differs("device", now, want, size) ? KSFT_FAIL : KSFT_PASS;
}

static int shared_is(const char *want)
{
	char text[16];
	int rc = show_of(seg_name, "shared", text, sizeof(text));

	if (rc || strcmp(text, want))
		return wrong("shared is \"%s\", not %s (%s)", text, want,
			     strerror(rc));
	return KSFT_PASS;
}

static int begin(void)
{
	unsigned long long first, last;
	int fd;

	free(saved);
	free(now);
	free(iomem);
	free(counts);
	saved = NULL;
	now = NULL;
	/* Once before, for page tables that stay for good. */
	if (add_segment(seg_list) || remove_segment(seg_name))
		return KSFT_FAIL;
	iomem = read_whole("/proc/iomem");
	counts = kernel_counts(true);
	if (add_segment(seg_list) || node_of(seg_name, node, sizeof(node)))
		return KSFT_FAIL;
	fd = open(node, O_RDONLY);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size))
		return fails("%s", node);
	close(fd);
	saved = calloc(1, size);
	now = calloc(1, size);
	zero = !read_device(saved, size) && !memcmp(saved, now, size);
	if (!image) {
		image_size = size;
		image = malloc(size);
		memcpy(image, saved, size);
	}
	if (segment_range(seg_name, &first, &last))
		return wrong("%s is not in /proc/iomem", seg_name);
	return dax_is(seg_name, "on");
}

static int readonly_is(bool want)
{
	char path[128], text[16];
	int fd, ro = -1, rc;

	snprintf(path, sizeof(path), "/sys/block/%s/ro", node + 5);
	if (get_string(path, text, sizeof(text)) || atoi(text) != want)
		return wrong("%s is %s", path, text);
	fd = open(node, O_RDONLY);
	if (fd < 0 || ioctl(fd, BLKROGET, &ro) || ro != want)
		return wrong("BLKROGET gives %d", ro);
	close(fd);
	/* What is read and written back changes nothing, if it comes there. */
	if (read_device(now, pagesize))
		return KSFT_FAIL;
	rc = write_device(now, pagesize, 0);
	if (!want && rc)
		return wrong("write to %s: %s", node, strerror(rc));
	if (want && !rc)
		return wrong("write to %s succeeded", node);
	return KSFT_PASS;
}

static int as_loaded(void)
{
	return readonly_is(is_readonly_type()) || content_is(saved) ||
	       shared_is("1") ? KSFT_FAIL : KSFT_PASS;
}

/* A store that changes nothing does not reload: what was written stays. */
static int no_reload(const char *mode)
{
	off_t off = size - pagesize;
	char *page = filled(pagesize, 77);

	if (write_device(page, pagesize, off))
		return fails("write to %s", node);
	if (settled(seg_name, "shared", mode) || read_device(now, size))
		return KSFT_FAIL;
	return differs("last page", now + off, page, pagesize) ||
	       shared_is(mode) ? KSFT_FAIL : KSFT_PASS;
}

static int shared_again(void)
{
	if (is_readonly_type())
		return settled(seg_name, "shared", "1") ||
		       content_is(saved) ? KSFT_FAIL : KSFT_PASS;
	return no_reload("1");
}

static int to_exclusive(void)
{
	if (is_sc()) {
		klog_mark(&news);
		return refused(seg_name, "shared", "0", EINVAL) ||
		       klog_one(&news, "dcssblk: ", seg_name) || shared_is("1") ||
		       readonly_is(true) || content_is(saved) ?
		       KSFT_FAIL : KSFT_PASS;
	}
	return settled(seg_name, "shared", "0") || shared_is("0") ||
	       content_is(saved) || readonly_is(false) ?
	       KSFT_FAIL : KSFT_PASS;
}

static int do_readv(struct area *a, pid_t pid)
{
	struct iovec to = { filled(a->len, 99), a->len };
	struct iovec from = { a->map, a->len };

	if (process_vm_readv(pid, &to, 1, &from, 1, 0) != (ssize_t)a->len)
		return fails("process_vm_readv");
	return differs("readv", to.iov_base, a->want, a->len) ? KSFT_FAIL :
								KSFT_PASS;
}

static int do_writev(struct area *a, pid_t pid)
{
	struct iovec from = { filled(a->len, 80), a->len };
	struct iovec to = { a->map, a->len };

	if (process_vm_writev(pid, &from, 1, &to, 1, 0) != (ssize_t)a->len)
		return fails("process_vm_writev");
	return KSFT_PASS;
}

/* The pages of the file are the segment's, and are pages. */
static int use_mapping(bool readonly)
{
	struct area a = { .len = LEN, .how = SHARED_RO };
	unsigned long long first, last, pa;

	snprintf(a.path, sizeof(a.path), "%s/data", mountpoint);
	a.fd = open(a.path, readonly ? O_RDONLY : O_RDWR);
	if (a.fd < 0)
		return fails("%s", a.path);
	a.map = mmap(NULL, a.len, PROT_READ | (readonly ? 0 : PROT_WRITE),
		     MAP_SHARED, a.fd, 0);
	if (a.map == MAP_FAILED)
		return fails("mmap");
	a.want = filled(a.len, 0);
	if (differs("mapping", a.map, a.want, a.len))
		return KSFT_FAIL;
	pa = (pagemap_entry(getpid(), (uintptr_t)a.map) & PM_PFN) * pagesize;
	if (segment_range(seg_name, &first, &last) || pa < first)
		return wrong("page at %llx is not the segment's", pa);
	if (by_other(&a, do_readv))
		return KSFT_FAIL;
	if (!readonly) {
		fill(a.want, a.len, 80);
		if (by_other(&a, do_writev) || written(&a, a.want))
			return KSFT_FAIL;
	}
	munmap(a.map, a.len);
	close(a.fd);
	return KSFT_PASS;
}

static int dax_works(bool readonly)
{
	int rc;

	if (zero) {
		rc = write_device(image, size < image_size ? size : image_size,
				  0);
		if (rc)
			return wrong("write to %s: %s", node, strerror(rc));
	}
	if (dax_is(seg_name, "on") ||
	    mount_settled(node, mountpoint, fstype, readonly ? MS_RDONLY : 0,
			  "dax"))
		return KSFT_FAIL;
	rc = use_mapping(readonly);
	return umount_settled(mountpoint) || dax_is(seg_name, "on") ? KSFT_FAIL :
								  rc;
}

static int dax_exclusive(void)
{
	if (is_sc())
		return skip("SC cannot be exclusive");
	return dax_works(false);
}

static int exclusive_again(void)
{
	if (is_sc())
		return skip("SC cannot be exclusive");
	return no_reload("0");
}

/* By now it was written to in several ways, and nothing was saved. */
static int to_shared(void)
{
	if (settled(seg_name, "shared", "1"))
		return KSFT_FAIL;
	return as_loaded();
}

static int dax_shared(void)
{
	return dax_works(is_readonly_type());
}

static unsigned int nr_lines(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* What comes back may be at another place, and so on another line. */
static int vmalloc_as_before(const char *was)
{
	char *is = vmalloc_lines();
	unsigned int a = nr_lines(was), b = nr_lines(is);

	free(is);
	return a == b ? KSFT_PASS :
	       wrong("/proc/vmallocinfo has %u lines, not %u", b, a);
}

static int iomem_as_before(const char *was)
{
	char *is = read_whole("/proc/iomem");
	int rc = same_text("/proc/iomem", is, was);

	free(is);
	return rc;
}

/* What the first one allocates for good is not counted. */
static int toggles(void)
{
	char *mem = NULL, *vmalloc = NULL, *was = NULL;
	int i, rc = KSFT_FAIL;

	if (is_sc())
		return skip("SC cannot be exclusive");
	for (i = 0; i <= TOGGLES; i++) {
		if (settled(seg_name, "shared", "0") ||
		    settled(seg_name, "shared", "1"))
			goto out;
		if (i)
			continue;
		mem = read_whole("/proc/iomem");
		vmalloc = vmalloc_lines();
		was = kernel_counts(true);
	}
	rc = counts_as_before(was, true);
	if (iomem_as_before(mem) || vmalloc_as_before(vmalloc) ||
	    as_loaded() || dax_is(seg_name, "on"))
		rc = KSFT_FAIL;
out:
	free(mem);
	free(vmalloc);
	free(was);
	return rc;
}

static int end(void)
{
	if (remove_segment(seg_name))
		return KSFT_FAIL;
	return iomem_as_before(iomem) || counts_as_before(counts, true) ?
	       KSFT_FAIL : KSFT_PASS;
}

static const struct step steps[] = {
	{ "add", begin },
	{ "as loaded", as_loaded },
	/* Else a cron job that makes sure would lose data. */
	{ "shared 1 when it is does not reload", shared_again },
	{ "shared 0", to_exclusive },
	{ "DAX when exclusive", dax_exclusive },
	{ "shared 0 when it is does not reload", exclusive_again },
	{ "shared 1 discards what was not saved", to_shared },
	{ "DAX when shared again", dax_shared },
	{ "twenty times there and back", toggles },
	{ "remove", end },
	{ }
};

int main(int argc, char **argv)
{
	int i;

	dcss_parse(argc, argv, "FSTYPE MOUNTPOINT SEGMENT=TYPE...", NULL);
	fstype = opt.word[0];
	mountpoint = opt.word[1];
	for (i = 2; i < opt.nr_words; i++) {
		if (!strchr(opt.word[i], '='))
			ksft_exit_fail_msg("%s has no type\n", opt.word[i]);
		add_steps(i, steps, mountpoint);
	}
	dcss_run();
}
