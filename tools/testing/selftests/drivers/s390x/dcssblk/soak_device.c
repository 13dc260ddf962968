// SPDX-License-Identifier: GPL-2.0
/* Operations of soak.c on devices, and what is done to several of them. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "soak_device.h"

/*
 * The device
 */

/* An attribute of the device is "@shared", one of the driver "add". */
void put_attr(struct worker *w, const char *attr, const char *text)
{
	bool own = attr[0] == '@';
	int rc;

	trace("%s > %s", text, attr);
	rc = settle(own ? w->name : NULL, attr + own, text);

	if (rc)
		bad("%s to %s: %s", text, attr, strerror(rc));
}

static void attr_refused(const struct worker *w, const char *attr,
			 const char *text, int error)
{
	bool own = attr[0] == '@';
	int rc;

	rc = own ? store_of(w->name, attr + 1, text) : store(attr, text);
	if (rc != error)
		bad("%s to %s does not give: %s", text, attr, strerror(error));
}

void attr_is(struct worker *w, const char *attr, const char *want)
{
	char text[64];
	int i, rc;

	for (i = 0; i < TRIES; i++) {
		rc = show_of(w->name, attr + 1, text, sizeof(text));
		if (rc)
			bad("%s: %s", attr, strerror(rc));
		if (!strcmp(text, want))
			return;
		usleep(10000);
	}
	bad("%s is %s, not %s", attr, text, want);
}

static void find_device(struct worker *w)
{
	if (node_of(w->name, w->dev, sizeof(w->dev)))
		bad("no block device of %s", w->name);
}

/* What begins as zeroes gets a file system. */
static void write_image(struct worker *w)
{
	int fd = open(w->dev, O_RDWR);
	size_t i;

	if (fd < 0)
		bad("open %s", w->dev);
	for (i = 0; i < w->image_len; i += pagesize) {
		const char *p = w->image_data + i;

		if (!p[0] && !memcmp(p, p + 1, pagesize - 1))
			continue;
		if (pwrite(fd, p, pagesize, i) != (ssize_t)pagesize)
			bad("write to %s", w->dev);
	}
	if (fsync(fd) || close(fd))
		bad("fsync %s", w->dev);
}

/* CP has loaded it again: what was not saved is gone. */
static void reloaded(struct worker *w)
{
	int i;

	if (!w->volatile_) {
		copy_model(w->file, w->saved);
		return;
	}
	for (i = 0; i < FILES; i++)
		forget(&w->file[i]);
	write_image(w);
}

void do_add(struct worker *w)
{
	put_attr(w, "add", w->segments);
	find_device(w);
	attr_is(w, "@shared", "1");
	attr_is(w, "@save", "0");
	reloaded(w);
	if (w->toggle)
		put_attr(w, "@shared", "0");
}

void do_remove(struct worker *w)
{
	put_attr(w, "remove", w->name);
	if (one_in(4))
		attr_refused(w, "remove", w->name, ENODEV);
}

static int try_mount(struct worker *w, const char *options, int flags)
{
	trace("mount -o %s %s", options, w->dev);
	return mount(w->dev, w->mnt, w->fstype, flags, options);
}

static void do_mount(struct worker *w, const char *options, int flags)
{
	if (try_mount(w, options, flags))
		bad("mount -o %s %s", options, w->dev);
	w->mounted = true;
}

void mount_dax(struct worker *w)
{
	static const char *const options[] = { "dax", "dax=always" };

	do_mount(w, options[strcmp(w->fstype, "ext2") ? below(2) : 0], 0);
}

void do_unmount(struct worker *w)
{
	trace("umount %s", w->mnt);
	if (umount(w->mnt))
		bad("umount %s", w->mnt);
	w->mounted = false;
}

/* From here on the others keep their hands off. */
void lock_device(struct worker *w)
{
	struct shared_part *p = &shm->part[w->id];

	pthread_rwlock_wrlock(&p->lock);
	p->state = MOVING;
}

void unlock_device(struct worker *w)
{
	struct shared_part *p = &shm->part[w->id];

	p->state = w->mounted ? MOUNTED : ABSENT;
	pthread_rwlock_unlock(&p->lock);
}

static void op_remount(struct worker *w)
{
	do_unmount(w);
	mount_dax(w);
}

/* What DAX wrote, the page cache reads; and the other way round. */
static void op_no_dax(struct worker *w)
{
	do_unmount(w);
	do_mount(w, strcmp(w->fstype, "ext2") ? "dax=never" : "", 0);
	check_files(w, 0);
	op_write(w);
	op_map_shared(w);
	op_map_private(w);
	do_unmount(w);
	mount_dax(w);
}

/* Whether the kernel has it refused is for sysfs.c to test. */
static bool request_save(struct worker *w, bool idle)
{
	if (w->volatile_) {
		attr_refused(w, "@save", "1", EOPNOTSUPP);
		return false;
	}
	put_attr(w, "@save", "1");
	attr_is(w, "@save", idle ? "0" : "1");
	return true;
}

static void op_save_pending(struct worker *w)
{
	bool saved = request_save(w, false);

	if (one_in(2))
		op_map_shared(w);
	if (saved && w->saved_once && one_in(4)) {
		put_attr(w, "@save", "0");
		attr_is(w, "@save", "0");
		return;
	}
	do_unmount(w);
	if (saved) {
		attr_is(w, "@save", "0");
		now_saved(w);
	}
	mount_dax(w);
}

static void op_save_now(struct worker *w)
{
	do_unmount(w);
	if (request_save(w, true))
		now_saved(w);
	mount_dax(w);
}

/* For this guest alone, and back; the second time with what CP has saved. */
static void op_shared(struct worker *w)
{
	do_unmount(w);
	if (w->toggle) {
		put_attr(w, "@shared", "1");
		reloaded(w);
		do_mount(w, "dax", MS_RDONLY);
		check_files(w, 0);
		do_unmount(w);
		if (!try_mount(w, "dax", 0) || errno != EACCES)
			bad("mount of a shared, read-only segment for writing");
	} else if (one_in(2)) {
		put_attr(w, "@shared", "0");
		attr_is(w, "@shared", "0");
		reloaded(w);
		if (one_in(2)) {
			mount_dax(w);
			check_files(w, 0);
			op_map_shared(w);
			op_write(w);
			do_unmount(w);
			if (!w->volatile_ && one_in(2)) {
				put_attr(w, "@save", "1");
				attr_is(w, "@save", "0");
				now_saved(w);
			}
		}
		put_attr(w, "@shared", "1");
		reloaded(w);
	}
	if (w->toggle) {
		put_attr(w, "@shared", "0");
		reloaded(w);
	}
	mount_dax(w);
}

static void op_again(struct worker *w)
{
	do_unmount(w);
	do_remove(w);
	do_add(w);
	if (one_in(4))
		attr_refused(w, "add", w->name, EEXIST);
	mount_dax(w);
}

/* The last mapping closes the device, and that saves it. */
static void op_lazy(struct worker *w)
{
	bool saved = false;
	struct view v;

	view_of(w, &v, PROT_READ | PROT_WRITE, MAP_SHARED);
	touch_view(&v, one_in(2));
	if (close(v.fd))
		bad("close");
	if (umount2(w->mnt, MNT_DETACH))
		bad("umount -l");
	w->mounted = false;
	attr_refused(w, "remove", w->name, EBUSY);
	if (one_in(2))
		attr_refused(w, "@shared", "0", EBUSY);
	scribble(v.want, v.used);
	memcpy(v.map, v.want, v.used);
	if (one_in(2))
		saved = request_save(w, false);
	same("mapping", v.map, v.want, v.used, v.off);
	unmap(&v);
	if (saved) {
		attr_is(w, "@save", "0");
		now_saved(w);
	}
	mount_dax(w);
}

/*
 * A page in a pipe keeps the file system: it cannot be unmounted, and goes on if
 * it is nevertheless. Whoever mounts it in this time gets the same one.
 */
static void op_held(struct worker *w)
{
	bool before = one_in(2);
	struct view v;
	int fds[2];

	view_of(w, &v, PROT_READ, MAP_SHARED);
	no_holes(&v);
	splice_in(&v, fds, 0, v.used);
	close_view(&v);
	trace("umount %s", w->mnt);
	if (!umount(w->mnt) || errno != EBUSY)
		bad("umount with a page in a pipe");
	if (umount2(w->mnt, MNT_DETACH))
		bad("umount -l");
	w->mounted = false;
	attr_refused(w, "remove", w->name, EBUSY);
	if (one_in(2))
		attr_refused(w, "@shared", w->toggle ? "1" : "0", EBUSY);
	if (before)
		mount_dax(w);
	pipe_is(w, fds, v.want, v.used, "page held over an unmount");
	if (!before)
		mount_dax(w);
}

const struct op device_ops[] = {
	{ "remount", op_remount, 3 },
	{ "nodax", op_no_dax, 1 },
	{ "savelater", op_save_pending, 3 },
	{ "savenow", op_save_now, 2 },
	{ "toggle", op_shared, 3 },
	{ "readd", op_again, 3 },
	{ "lazy", op_lazy, 3 },
	{ "held", op_held, 3 },
};

const size_t nr_device_ops = ARRAY_SIZE(device_ops);

/*
 * From one device to another: a mapping of a file on the first is what is
 * written to a file on the second, and to the disk
 */

static char *cross_map(int i, const char *name, int prot, size_t len,
		       const char *data, int *fd)
{
	char path[160], *map;

	snprintf(path, sizeof(path), "%s/%s", workers[i].mnt, name);
	*fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (*fd < 0)
		bad("open %s", path);
	if (pwrite(*fd, data, len, 0) != (ssize_t)len)
		bad("write %s", path);
	map = mmap(NULL, len, prot, MAP_SHARED, *fd, 0);
	if (map == MAP_FAILED)
		bad("mmap %s", path);
	return map;
}

static void cross_drop(int i, const char *name, int fd, char *map, size_t len)
{
	char path[160];

	if (munmap(map, len) || close(fd))
		bad("munmap, close");
	snprintf(path, sizeof(path), "%s/%s", workers[i].mnt, name);
	if (unlink(path))
		bad("unlink %s", path);
}

static void cross_splice(char *from, int to, size_t len)
{
	struct iovec iov = { from, len };
	loff_t off = 0;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		bad("pipe");
	if (vmsplice(fds[1], &iov, 1, 0) != (ssize_t)len)
		bad("vmsplice");
	while (len) {
		ssize_t n = splice(fds[0], NULL, to, &off, len, 0);

		if (n <= 0)
			bad("splice to another device");
		len -= n;
	}
	close(fds[0]);
	close(fds[1]);
}

static void cross_work(struct worker *w, int a, int b)
{
	size_t len = (1 + below(WINDOW / pagesize)) * pagesize;
	char *data = w->buf, *got = w->buf + WINDOW, *from, *to;
	off_t at = CROSS * DISK_PART;
	int fda, fdb;

	scribble(data, len);
	from = cross_map(a, "from", PROT_READ | PROT_WRITE, len, data, &fda);
	scribble(got, len);
	to = cross_map(b, "to", PROT_READ | PROT_WRITE, len, got, &fdb);
	begin_step("write to");
	if (pwrite(fdb, from, len, 0) != (ssize_t)len)
		bad("write from the mapping");
	same("other device", to, data, len, 0);
	begin_step("splice to");
	memset(to, 0, len);
	cross_splice(from, fdb, len);
	same("other device, by splice", to, data, len, 0);
	begin_step("disk");
	if (w->disk >= 0) {
		if (pwrite(w->disk, from, len, at) != (ssize_t)len ||
		    pread(w->disk, to, len, at) != (ssize_t)len)
			bad("disk from one mapping to another");
		same("other device, by the disk", to, data, len, 0);
	}
	begin_step("read from");
	scribble(data, len);
	memcpy(to, data, len);
	if (pread(fdb, from, len, 0) != (ssize_t)len)
		bad("read into the mapping");
	same("mapping", from, data, len, 0);
	cross_drop(b, "to", fdb, to, len);
	cross_drop(a, "from", fda, from, len);
}

static bool try_mounted(int i)
{
	struct shared_part *p = &shm->part[i];

	if (pthread_rwlock_tryrdlock(&p->lock))
		return false;
	if (p->state == MOUNTED)
		return true;
	pthread_rwlock_unlock(&p->lock);
	return false;
}

void cross(struct worker *w)
{
	int a = below(nr_workers), b = below(nr_workers);

	if (a == b || !try_mounted(a))
		return;
	if (try_mounted(b)) {
		trace("%s to %s", workers[a].name, workers[b].name);
		cross_work(w, a, b);
		pthread_rwlock_unlock(&shm->part[b].lock);
		shm->part[CROSS].rounds++;
	}
	pthread_rwlock_unlock(&shm->part[a].lock);
}

/*
 * What has to be refused, and what may come and go
 */

static void look(struct worker *d, const char *attr)
{
	char text[256];
	int rc = show_of(d->name, attr + 1, text, sizeof(text));

	if (rc && rc != ENOENT && rc != ENODEV)
		bad("read of %s: %s", attr, strerror(rc));
}

/* As a daemon does that looks at each new block device. */
static void look_inside(struct worker *w)
{
	char dev[64];
	int fd;

	snprintf(dev, sizeof(dev), "/dev/dcssblk%d", (int)below(nr_workers));
	fd = open(dev, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (pread(fd, w->buf, pagesize, 0) != (ssize_t)pagesize)
			bad("read of %s", dev);
		close(fd);
	} else if (errno != ENOENT && errno != ENXIO && errno != ENODEV &&
		   errno != EBUSY) {
		bad("open %s", dev);
	}
}

static void probe_refused(struct worker *d)
{
	switch (shm->part[d->id].state) {
	case MOUNTED:
		attr_refused(d, "add", d->segments, EEXIST);
		attr_refused(d, "remove", d->name, EBUSY);
		attr_refused(d, "@shared", one_in(2) ? "0" : "1", EBUSY);
		attr_refused(d, "@save", "2", EINVAL);
		break;
	case ABSENT:
		attr_refused(d, "remove", d->name, ENODEV);
		attr_refused(d, "@shared", "0", ENOENT);
		break;
	}
}

void probe(struct worker *w)
{
	static const char *const attrs[] = {
		"@shared", "@save", "@seglist", "@dax", "@size",
	};
	struct worker *d = &workers[below(nr_workers)];
	struct shared_part *p = &shm->part[d->id];

	begin_step("look");
	look(d, attrs[below(ARRAY_SIZE(attrs))]);
	if (one_in(4)) {
		begin_step("look inside");
		look_inside(w);
	}
	if (one_in(2) && !pthread_rwlock_tryrdlock(&p->lock)) {
		begin_step("refused");
		probe_refused(d);
		pthread_rwlock_unlock(&p->lock);
	}
	if (one_in(8)) {
		begin_step("add nothing");
		attr_refused(w, "add", "NOSUCH", ENOENT);
	}
	shm->part[PROBE].rounds++;
}
