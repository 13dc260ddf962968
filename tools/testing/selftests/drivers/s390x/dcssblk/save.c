// SPDX-License-Identifier: GPL-2.0
/*
 * What is saved is what was written, however it was written, and what was not
 * saved is not.
 *
 *	save [--other DIR] [--keep | --verify] FSTYPE MOUNTPOINT SEGMENT=TYPE...
 *
 * No SEGMENT is loaded. Those that can be saved hold a file system that can be
 * mounted -o dax and has 256 KiB free. TYPE EWEN is a device whose first half
 * is EW, and the second one EN: as two SEGMENTs A:B or as two ranges. DIR is
 * on a file system without DAX, for direct I/O.
 *
 * --keep leaves the content as it was saved last, for a run with --verify by
 * another guest, or after the next IPL.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/uio.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "steps.h"
#include "uring.h"

#define LEN		(8 * pagesize)		/* of a file */

static const char *fstype, *mountpoint;
static bool keep, verify;
static struct klog news;

/* The segment of this round. */
static char node[64];

static int by_write(struct area *a, unsigned int seed)
{
	char *buf = filled(a->len, seed);
	ssize_t n = pwrite(a->fd, buf, a->len, 0);

	free(buf);
	return n == (ssize_t)a->len ? KSFT_PASS : fails("write");
}

static int by_mapping(struct area *a, unsigned int seed)
{
	fill(a->map, a->len, seed);
	return KSFT_PASS;
}

static int direct_file(struct area *a, unsigned int seed)
{
	char *buf = filled(a->len, seed);
	int fd = open_other(opt.other, "save", buf, a->len, O_DIRECT);

	free(buf);
	return fd;
}

static int by_direct_read(struct area *a, unsigned int seed)
{
	int fd = direct_file(a, seed);
	ssize_t n = pread(fd, a->map, a->len, 0);

	if (n != (ssize_t)a->len)
		return fails("O_DIRECT read gives %zd", n);
	close(fd);
	return KSFT_PASS;
}

static int by_uring_read(struct area *a, unsigned int seed)
{
	int fd = direct_file(a, seed), n;
	struct uring r;

	if (uring_open(&r))
		return fails("io_uring");
	n = uring_do(&r, IORING_OP_READ, fd, a->map, a->len);
	uring_close(&r);
	close(fd);
	return n == (int)a->len ? KSFT_PASS : wrong("io_uring gives %d", n);
}

static int do_writev(struct area *a, pid_t pid)
{
	struct iovec from = { a->want, a->len }, to = { a->map, a->len };

	return process_vm_writev(pid, &from, 1, &to, 1, 0) ==
	       (ssize_t)a->len ? KSFT_PASS : fails("process_vm_writev");
}

static int by_other_process(struct area *a, unsigned int seed)
{
	int rc;

	a->want = filled(a->len, seed);
	rc = by_other(a, do_writev);
	free(a->want);
	return rc;
}

/* Each has a file, and nothing but the write itself: no fsync, no msync. */
static const struct writer {
	const char *file;
	int (*write)(struct area *a, unsigned int seed);
	bool other;
} writers[] = {
	{ "by-write", by_write, false },
	{ "by-mapping", by_mapping, false },
	{ "by-direct-read", by_direct_read, true },
	{ "by-uring-read", by_uring_read, true },
	{ "by-process_vm_writev", by_other_process, false },
};

static bool runs(const struct writer *w)
{
	return !w->other || opt.other;
}

static int map_area(struct area *a, const char *file, int flags)
{
	memset(a, 0, sizeof(*a));
	a->len = LEN;
	snprintf(a->path, sizeof(a->path), "%s/%s", mountpoint, file);
	a->fd = open(a->path, O_RDWR | flags, 0644);
	if (a->fd < 0)
		return fails("%s", a->path);
	a->map = mmap(NULL, a->len, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd,
		      0);
	return a->map == MAP_FAILED ? fails("mmap") : KSFT_PASS;
}

static void unmap_area(struct area *a)
{
	munmap(a->map, a->len);
	close(a->fd);
}

/* The file has its blocks before, so that only data is to be written. */
static int write_files(unsigned int seed)
{
	struct area a;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(writers); i++) {
		if (!runs(&writers[i]))
			continue;
		if (map_area(&a, writers[i].file, O_CREAT) ||
		    by_write(&a, seed + 100) ||
		    writers[i].write(&a, seed + i))
			return wrong("%s", writers[i].file);
		unmap_area(&a);
	}
	return KSFT_PASS;
}

static int file_has(const char *file, unsigned int seed)
{
	char path[256], *want = filled(LEN, seed);
	int fd, rc;

	snprintf(path, sizeof(path), "%s/%s", mountpoint, file);
	fd = open(path, O_RDONLY);
	rc = fd < 0 ? fails("%s", path) : file_is(fd, want, LEN);
	if (rc)
		wrong("%s", file);
	close(fd);
	free(want);
	return rc;
}

static int files_have(unsigned int seed)
{
	int rc = KSFT_PASS;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(writers); i++)
		if (runs(&writers[i]) && file_has(writers[i].file, seed + i))
			rc = KSFT_FAIL;
	return rc;
}

static bool is_readonly_type(void)
{
	return !strcmp(seg_type, "SR") || !strcmp(seg_type, "ER");
}

static int load(void)
{
	return add_segment(seg_list) ? KSFT_FAIL :
				   node_of(seg_name, node, sizeof(node));
}

static int writable(void)
{
	return is_readonly_type() ? settled(seg_name, "shared", "0") : KSFT_PASS;
}

static int mount_dax(unsigned long flags)
{
	return mount_settled(node, mountpoint, fstype, flags, "dax");
}

/* What is loaded now is what was saved. */
static int reload(void)
{
	return remove_segment(seg_name) || load() ? KSFT_FAIL : KSFT_PASS;
}

static int saved_files_have(unsigned int seed)
{
	int rc;

	if (reload() || mount_dax(MS_RDONLY))
		return KSFT_FAIL;
	rc = files_have(seed);
	return umount_settled(mountpoint) || writable() ? KSFT_FAIL : rc;
}

static int request(const char *text)
{
	int rc = store_of(seg_name, "save", text);

	return rc ? wrong("%s to save: %s", text, strerror(rc)) : KSFT_PASS;
}

static int save_is(const char *want)
{
	char text[16];
	int rc = show_of(seg_name, "save", text, sizeof(text));

	if (rc || strcmp(text, want))
		return wrong("save is \"%s\", not %s", text, want);
	return KSFT_PASS;
}

#define SEED_ONCE	1000
#define SEED_LOST	2000
#define SEED_EARLY	3000
#define SEED_PENDING	4000
#define SEED_LAZY	5000

static int at_once(void)
{
	if (load() || writable() || mount_dax(0) || write_files(SEED_ONCE) ||
	    umount_settled(mountpoint))
		return KSFT_FAIL;
	klog_mark(&news);
	if (request("1") || klog_one(&news, "dcssblk: ", seg_name) || save_is("0"))
		return KSFT_FAIL;
	return saved_files_have(SEED_ONCE);
}

/* The way of the guide: save your own copy, then share what was saved. */
static int then_share(void)
{
	int rc;

	if (settled(seg_name, "shared", "0") || settled(seg_name, "shared", "1") ||
	    mount_dax(MS_RDONLY))
		return KSFT_FAIL;
	rc = files_have(SEED_ONCE);
	return umount_settled(mountpoint) || writable() ? KSFT_FAIL : rc;
}

/* 0 before the last user has gone, and nothing is saved. */
static int cancelled(void)
{
	if (mount_dax(0) || write_files(SEED_LOST))
		return KSFT_FAIL;
	klog_mark(&news);
	if (request("1") || klog_one(&news, "dcssblk: ", seg_name) || save_is("1"))
		return KSFT_FAIL;
	klog_mark(&news);
	if (request("0") || klog_one(&news, "dcssblk: ", seg_name) || save_is("0") ||
	    umount_settled(mountpoint))
		return KSFT_FAIL;
	return saved_files_have(SEED_ONCE);
}

/* What is written after the request is saved as well. */
static int pending(void)
{
	if (mount_dax(0) || write_files(SEED_EARLY) || request("1") ||
	    save_is("1") || write_files(SEED_PENDING))
		return KSFT_FAIL;
	klog_mark(&news);
	if (umount_settled(mountpoint) || klog_one(&news, "dcssblk: ", seg_name) ||
	    save_is("0"))
		return KSFT_FAIL;
	return saved_files_have(SEED_PENDING);
}

/* The last user is a mapping that no mount shows. */
static int pending_lazily(void)
{
	unsigned int tries;
	struct area a;
	char text[16];
	int rc;

	if (mount_dax(0) || map_area(&a, "lazy", O_CREAT) ||
	    by_write(&a, SEED_LAZY + 100) || request("1"))
		return KSFT_FAIL;
	close(a.fd);
	if (umount2(mountpoint, MNT_DETACH))
		return fails("umount -l");
	if (save_is("1"))
		return KSFT_FAIL;
	by_mapping(&a, SEED_LAZY);
	munmap(a.map, a.len);
	for (tries = 0; tries < 4800; tries++) {
		if (show_of(seg_name, "save", text, sizeof(text)) ||
		    !strcmp(text, "0"))
			break;
		usleep(50000);
	}
	if (save_is("0") || reload() || mount_dax(MS_RDONLY))
		return KSFT_FAIL;
	rc = file_has("lazy", SEED_LAZY);
	return umount_settled(mountpoint) || writable() ? KSFT_FAIL : rc;
}

/* The segment as it was, but for --keep. */
static int clean(void)
{
	char path[256];
	size_t i;

	if (keep)
		return remove_segment(seg_name);
	if (mount_dax(0))
		return KSFT_FAIL;
	for (i = 0; i < ARRAY_SIZE(writers); i++) {
		snprintf(path, sizeof(path), "%s/%s", mountpoint,
			 writers[i].file);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/lazy", mountpoint);
	unlink(path);
	return umount_settled(mountpoint) || request("1") ||
	       remove_segment(seg_name) ? KSFT_FAIL : KSFT_PASS;
}

static int was_saved(void)
{
	int rc;

	if (load() || mount_dax(MS_RDONLY))
		return KSFT_FAIL;
	rc = files_have(SEED_PENDING);
	return umount_settled(mountpoint) || remove_segment(seg_name) ?
	       KSFT_FAIL : rc;
}

/* Nobody is told that data is safe which is not. */
static int not_saved(void)
{
	klog_mark(&news);
	return refused(seg_name, "save", "1", EOPNOTSUPP) ||
	       klog_one(&news, "dcssblk: ", seg_name) || save_is("0") ?
	       KSFT_FAIL : KSFT_PASS;
}

static int refused_idle(void)
{
	return load() ? KSFT_FAIL : not_saved();
}

/* Not only when it is too late. */
static int refused_open(void)
{
	int fd = open(node, O_RDONLY), rc;

	if (fd < 0)
		return fails("%s", node);
	rc = not_saved();
	close(fd);
	return rc;
}

static int removed(void)
{
	return remove_segment(seg_name);
}

static int whole(char **data, size_t *len)
{
	int fd = open(node, O_RDONLY);

	*len = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	*data = filled(*len, 0);
	if (!*len || pread(fd, *data, *len, 0) != (ssize_t)*len)
		return fails("read %s", node);
	close(fd);
	return KSFT_PASS;
}

static int put_whole(const char *data, size_t len)
{
	int fd = open(node, O_WRONLY), rc = KSFT_PASS;

	if (fd < 0 || pwrite(fd, data, len, 0) != (ssize_t)len || fsync(fd))
		rc = fails("write %s", node);
	close(fd);
	return rc;
}

/* At once, or when the device is closed. */
static int half_saved(bool open_before)
{
	char *before, *data, *now;
	size_t len, n;
	int fd = -1;

	if (whole(&before, &len))
		return KSFT_FAIL;
	data = filled(len, 50 + open_before);
	if (open_before)
		fd = open(node, O_RDONLY);
	if (put_whole(data, len) || request("1"))
		return KSFT_FAIL;
	close(fd);
	if (reload() || whole(&now, &n))
		return KSFT_FAIL;
	memset(data + len / 2, 0, len / 2);
	if (n != len || differs("saved", now, data, len))
		return KSFT_FAIL;
	if (put_whole(before, len) || request("1"))
		return KSFT_FAIL;
	free(before);
	free(data);
	free(now);
	return KSFT_PASS;
}

static int half_at_once(void)
{
	return load() ? KSFT_FAIL : half_saved(false);
}

static int half_pending(void)
{
	return half_saved(true);
}

static const struct step saves[] = {
	{ "saved at once", at_once },
	{ "shared after that", then_share },
	{ "saved when it is let go by a mapping", pending_lazily },
	{ "a request that is cancelled", cancelled },
	{ "saved when it is unmounted", pending },
	{ "remove", clean },
	{ }
};

static const struct step verifies[] = {
	{ "as saved by another guest", was_saved },
	{ }
};

static const struct step refusals[] = {
	{ "save when idle is refused", refused_idle },
	{ "save when open is refused", refused_open },
	{ "remove", removed },
	{ }
};

/* All or nothing would be nothing. */
static const struct step halves[] = {
	{ "the EW half is saved at once", half_at_once },
	{ "the EW half is saved when it is closed", half_pending },
	{ "remove", removed },
	{ }
};

static const struct step nothing[] = { { } };

static const struct step *steps_for(const char *of)
{
	if (!strcmp(of, "EWEN"))
		return verify ? nothing : halves;
	if (!strcmp(of, "SN") || !strcmp(of, "EN"))
		return verify ? nothing : refusals;
	return verify ? verifies : saves;
}

/* Of a segment that is a word of the command line. */
static const struct step *steps_of(const char *arg)
{
	const char *p = strchr(arg, '=');

	if (!p)
		ksft_exit_fail_msg("%s has no type\n", arg);
	return steps_for(p + 1);
}

int main(int argc, char **argv)
{
	static const struct dcss_option options[] = {
		{ "keep", NULL, "leave what was saved last", .flag = &keep },
		{ "verify", NULL, "that it is there", .flag = &verify },
		{ }
	};
	int i;

	dcss_parse(argc, argv, "FSTYPE MOUNTPOINT SEGMENT=TYPE...", options);
	fstype = opt.word[0];
	mountpoint = opt.word[1];
	for (i = 2; i < opt.nr_words; i++)
		add_steps(i, steps_of(opt.word[i]), mountpoint);
	dcss_run();
}
