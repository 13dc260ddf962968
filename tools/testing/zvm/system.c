// SPDX-License-Identifier: GPL-2.0
/*
 * A z/VM system that several guests run on: a directory of the host.
 *
 *	directory	what CP knows of saved segments, in text
 *	NNNN.image	saved content of the file with this number
 *	NNNN.shared	what guests see that share it, while there are such guests
 *	guests/NAME	a guest, and what it has loaded
 *
 * Each guest has a CP of its own, which locks the directory of the host, reads what
 * is there, does what it is asked for, and writes anew what has changed. Locks are
 * the host kernel's: a guest that ends lets go of them, in whatever way it ends, and
 * one that does not hold the lock of its file in guests/ has ended.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zvm.h"

#define fail(...) (snprintf(err, errlen, __VA_ARGS__), -1)

/* How content is copied. */
#define COPY_BYTES	65536
#define VERSION		"zvm-system 1"

/**
 * struct zvm_system - a system, for one of its guests
 * @dir: directory of the host
 * @lock: the directory itself, open
 * @text: the file "directory", as it was read
 * @guest: this guest's file, or -1 if it has not joined
 * @guest_path: its name
 * @loaded: what is in it
 */
struct zvm_system {
	char dir[PATH_MAX];
	int lock;
	char *text;
	int guest;
	char guest_path[PATH_MAX + 32];
	char *loaded;
};

static void __printf(3, 4) path_in(char *path, const struct zvm_system *sys, const char *format,
				   ...)
{
	int n = snprintf(path, PATH_MAX, "%s/", sys->dir);
	va_list args;

	va_start(args, format);
	vsnprintf(path + n, PATH_MAX - n, format, args);
	va_end(args);
}

static void file_of(char *path, const struct zvm_system *sys, const struct segment *seg,
		    const char *what)
{
	path_in(path, sys, "%04u.%s", seg->spid, what);
}

/* A whole file as text, or NULL with errno. */
static char *read_text(const char *path)
{
	char *text = NULL, buf[4096];
	size_t size, n;
	FILE *in = fopen(path, "re"), *out;
	bool failed;

	if (!in)
		return NULL;
	out = open_memstream(&text, &size);
	while ((n = fread(buf, 1, sizeof(buf), in)))
		fwrite(buf, 1, n, out);
	fclose(out);
	failed = ferror(in);
	fclose(in);
	if (!failed)
		return text;
	free(text);
	errno = EIO;
	return NULL;
}

static struct segment *find_file(const struct zvm *vm, unsigned int spid)
{
	struct segment *seg;

	for (seg = vm->segments; seg && seg->spid != spid; seg = seg->next)
		;
	return seg;
}

/* "0001 A FS,EW+EN,20000-200FF+20100-201FF" */
static int read_line(struct zvm *vm, const char *line, char *err, size_t errlen)
{
	struct segment *seg, *parsed;
	unsigned int spid;
	char class;
	int n = 0;

	if (sscanf(line, "%u %c %n", &spid, &class, &n) != 2 || !n || !spid ||
	    !strchr("SAP", class))
		return fail("not a line of a directory: '%.40s'", line);
	parsed = seg_parse_option(line + n, err, errlen);
	if (!parsed)
		return -1;
	seg = find_file(vm, spid);
	if (seg) {
		seg_free(parsed);
	} else {
		seg = parsed;
		seg_add(vm, seg);
		seg->spid = spid;
	}
	seg->class = class;
	seg->listed = true;
	return 0;
}

static int read_lines(struct zvm *vm, char *text, char *err, size_t errlen)
{
	char *line = strsep(&text, "\n");
	unsigned int next;

	if (strcmp(line, VERSION) || !text || sscanf(text, "next %u", &next) != 1)
		return fail("it is not one of '%s'", VERSION);
	strsep(&text, "\n");
	while ((line = strsep(&text, "\n")))
		if (*line && read_line(vm, line, err, errlen))
			return -1;
	vm->next_spid = next;
	return 0;
}

/*
 * Others have taken these out of the directory. What this guest has loaded is never
 * among them; if it was, CP would still have to purge it.
 */
static void drop_unlisted(struct zvm *vm)
{
	struct segment *seg, *next;

	for (seg = vm->segments; seg; seg = next) {
		next = seg->next;
		if (seg->listed)
			continue;
		if (seg->load != SEG_PURGED) {
			seg->class = 'P';
			continue;
		}
		seg_remove(vm, seg);
		seg_free(seg);
	}
}

static void find_image(const struct zvm_system *sys, struct segment *seg)
{
	char path[PATH_MAX];

	file_of(path, sys, seg, "image");
	if (!seg->image && !access(path, F_OK))
		seg->image = strdup(path);
}

static int read_directory(struct zvm *vm, char *err, size_t errlen)
{
	struct zvm_system *sys = vm->system;
	char path[PATH_MAX], reason[256], *copy;
	struct segment *seg;
	int rc;

	path_in(path, sys, "directory");
	free(sys->text);
	sys->text = read_text(path);
	if (!sys->text && errno == ENOENT) {
		sys->text = strdup("");
		return 0;
	}
	if (!sys->text)
		return fail("%s: %s", path, strerror(errno));
	for (seg = vm->segments; seg; seg = seg->next)
		seg->listed = false;
	copy = strdup(sys->text);
	rc = read_lines(vm, copy, reason, sizeof(reason));
	free(copy);
	if (rc)
		return fail("%s: %s", path, reason);
	drop_unlisted(vm);
	for (seg = vm->segments; seg; seg = seg->next)
		find_image(sys, seg);
	return 0;
}

static void write_ranges(const struct segment *seg, FILE *out)
{
	unsigned int i;

	for (i = 0; i < seg->nr_ranges; i++)
		fprintf(out, "%c%s", i ? '+' : ',', seg_type_name(seg->range[i].type));
	for (i = 0; i < seg->nr_ranges; i++)
		fprintf(out, "%c%llX-%llX", i ? '+' : ',', (unsigned long long)seg->range[i].first,
			(unsigned long long)seg->range[i].last);
}

static char *directory_text(const struct zvm *vm)
{
	const struct segment *seg;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, VERSION "\nnext %u\n", vm->next_spid);
	for (seg = vm->segments; seg; seg = seg->next) {
		fprintf(out, "%04u %c %s", seg->spid, seg->class, seg->name);
		write_ranges(seg, out);
		fputc('\n', out);
	}
	fclose(out);
	return text;
}

/* Whoever is killed meanwhile leaves the file as it was. */
static int write_directory(struct zvm *vm)
{
	struct zvm_system *sys = vm->system;
	char path[PATH_MAX], anew[PATH_MAX], *text = directory_text(vm);
	FILE *out;
	int rc;

	if (!strcmp(text, sys->text)) {
		free(text);
		return 0;
	}
	path_in(path, sys, "directory");
	path_in(anew, sys, "directory.new");
	out = fopen(anew, "we");
	rc = !out || fputs(text, out) < 0;
	if (out && fclose(out))
		rc = -1;
	if (rc || rename(anew, path)) {
		free(text);
		return -1;
	}
	free(sys->text);
	sys->text = text;
	return 1;
}

/* The files of segments that are no more. */
static void collect(struct zvm *vm)
{
	struct zvm_system *sys = vm->system;
	DIR *dir = opendir(sys->dir);
	struct dirent *entry;
	char path[PATH_MAX], *end;
	unsigned int spid;

	while (dir && (entry = readdir(dir))) {
		spid = strtoul(entry->d_name, &end, 10);
		if (end - entry->d_name < 4 || (strcmp(end, ".image") && strcmp(end, ".shared")) ||
		    find_file(vm, spid))
			continue;
		path_in(path, sys, "%s", entry->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
}

static void count_loaded(struct zvm *vm, char *text)
{
	struct segment *seg;
	unsigned int spid;
	char *line, how;

	while ((line = strsep(&text, "\n"))) {
		if (sscanf(line, "%u %c", &spid, &how) != 2)
			continue;
		seg = find_file(vm, spid);
		if (!seg)
			continue;
		seg->users++;
		seg->sharers += how == 'S';
	}
}

/* The file of a guest that has ended goes. */
static int count_guest(struct zvm *vm, const char *path, char *err, size_t errlen)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	char *text = NULL;

	/* One that ends takes its file with it at any time. */
	if (fd < 0)
		return errno == ENOENT ? 0 : fail("%s: %s", path, strerror(errno));
	if (!flock(fd, LOCK_EX | LOCK_NB)) {
		unlink(path);
	} else {
		text = read_text(path);
		if (text)
			count_loaded(vm, text);
		else if (errno != ENOENT)
			rc = fail("%s: %s", path, strerror(errno));
	}
	free(text);
	close(fd);
	return rc;
}

static int count_users(struct zvm *vm, char *err, size_t errlen)
{
	struct zvm_system *sys = vm->system;
	char path[PATH_MAX];
	struct dirent *entry;
	struct segment *seg;
	DIR *dir;
	int rc = 0;

	for (seg = vm->segments; seg; seg = seg->next) {
		seg->users = 0;
		seg->sharers = 0;
	}
	path_in(path, sys, "guests");
	dir = opendir(path);
	if (!dir)
		return fail("%s: %s", path, strerror(errno));
	while (!rc && (entry = readdir(dir))) {
		path_in(path, sys, "guests/%s", entry->d_name);
		if (*entry->d_name != '.' && strcmp(path, sys->guest_path))
			rc = count_guest(vm, path, err, errlen);
	}
	closedir(dir);
	return rc;
}

/*
 * What was purged, or saved anew, while it was in use, and is not in use any more,
 * and what guests have shared that have ended.
 */
static void drop_unused(struct zvm *vm)
{
	struct segment *seg, *next;
	char path[PATH_MAX];

	for (seg = vm->segments; seg; seg = next) {
		next = seg->next;
		file_of(path, vm->system, seg, "shared");
		if (seg_has_pages(seg, seg_type_common) && !seg->sharers && seg->shared < 0)
			unlink(path);
		if (seg->class != 'P' || seg_in_use(seg))
			continue;
		seg_remove(vm, seg);
		seg_free(seg);
	}
}

/* What is at this path must be what is locked. */
static int lock(struct zvm_system *sys, char *err, size_t errlen)
{
	struct stat locked, there;
	int rc;

	do
		rc = flock(sys->lock, LOCK_EX);
	while (rc && errno == EINTR);
	if (rc || fstat(sys->lock, &locked) || stat(sys->dir, &there))
		return fail("--system '%s': %s", sys->dir, strerror(errno));
	if (locked.st_dev != there.st_dev || locked.st_ino != there.st_ino)
		return fail("--system '%s' is another directory now", sys->dir);
	return 0;
}

/* What is there now; it is locked. */
static int learn(struct zvm *vm, char *err, size_t errlen)
{
	if (read_directory(vm, err, errlen) || count_users(vm, err, errlen))
		return -1;
	drop_unused(vm);
	return 0;
}

static char *loaded_text(const struct zvm *vm)
{
	const struct segment *seg;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (seg = vm->segments; seg; seg = seg->next)
		if (seg->load != SEG_PURGED)
			fprintf(out, "%u %c\n", seg->spid, seg->load == SEG_SHARED ? 'S' : 'N');
	fclose(out);
	return text;
}

static int write_loaded(struct zvm *vm)
{
	struct zvm_system *sys = vm->system;
	char *text = loaded_text(vm);
	ssize_t len = strlen(text);

	if (sys->loaded && !strcmp(text, sys->loaded)) {
		free(text);
		return 0;
	}
	free(sys->loaded);
	sys->loaded = text;
	return ftruncate(sys->guest, 0) || pwrite(sys->guest, text, len, 0) != len ? -1 : 0;
}

/**
 * system_enter() - CP is going to do something for this guest
 * @vm: virtual machine
 *
 * Without a system, does nothing, and neither does system_leave(). What other guests
 * ask CP for waits until then.
 */
void system_enter(struct zvm *vm)
{
	char err[PATH_MAX + 300];

	if (vm->system && (lock(vm->system, err, sizeof(err)) || learn(vm, err, sizeof(err))))
		zvm_die("%s", err);
}

/**
 * system_leave() - CP has done it
 * @vm: virtual machine
 */
void system_leave(struct zvm *vm)
{
	int rc;

	if (!vm->system)
		return;
	/* Who is killed in between has not loaded what it has defined. */
	rc = write_directory(vm);
	if (rc < 0 || write_loaded(vm))
		zvm_die("%s: %s", vm->system->dir, strerror(errno));
	if (rc)
		collect(vm);
	flock(vm->system->lock, LOCK_UN);
}

/* A directory that is empty, or a system: files of others are nobody's. */
static int check_directory(const struct zvm_system *sys, char *err, size_t errlen)
{
	char path[PATH_MAX];
	struct dirent *entry;
	bool empty = true;
	DIR *dir;

	path_in(path, sys, "directory");
	if (!access(path, F_OK))
		return 0;
	dir = opendir(sys->dir);
	if (!dir)
		return fail("--system '%s': %s", sys->dir, strerror(errno));
	/* Whoever was killed before there was a directory has left no more than that. */
	while ((entry = readdir(dir)))
		if (*entry->d_name != '.' && strcmp(entry->d_name, "guests") &&
		    strcmp(entry->d_name, "directory.new") && !strstr(entry->d_name, ".image"))
			empty = false;
	closedir(dir);
	return empty ? 0 : fail("--system '%s' has files, but no system in it", sys->dir);
}

/**
 * system_open() - the system that a virtual machine is to run on
 * @vm: virtual machine without segments
 * @dir: directory of the host; is made if it is not there
 * @err: receives the reason
 * @errlen: size of @err
 *
 * What other guests ask CP for waits until system_join() or system_close().
 *
 * Return: 0, or -1 with a message in @err.
 */
int system_open(struct zvm *vm, const char *dir, char *err, size_t errlen)
{
	struct zvm_system *sys = calloc(1, sizeof(*sys));
	char path[PATH_MAX];

	if (!sys)
		abort();
	sys->lock = -1;
	sys->guest = -1;
	vm->system = sys;
	if (!*dir || snprintf(sys->dir, sizeof(sys->dir), "%s", dir) >= PATH_MAX - 64)
		return fail("--system needs the name of a directory");
	if (mkdir(dir, 0777) && errno != EEXIST)
		return fail("--system '%s' cannot be made: %s", dir, strerror(errno));
	sys->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sys->lock < 0)
		return fail("--system '%s': %s", dir, strerror(errno));
	if (lock(sys, err, errlen) || check_directory(sys, err, errlen))
		return -1;
	path_in(path, sys, "guests");
	if (mkdir(path, 0777) && errno != EEXIST)
		return fail("--system '%s': %s", dir, strerror(errno));
	if (learn(vm, err, errlen))
		return -1;
	/* What a guest has left that was killed before it could say whose it is. */
	collect(vm);
	return 0;
}

static int copy_piece(int from, int to, off_t at, size_t len)
{
	static char buf[COPY_BYTES];
	ssize_t n;

	while (len) {
		n = pread(from, buf, len < sizeof(buf) ? len : sizeof(buf), at);
		if (n <= 0)
			return n;
		if (pwrite(to, buf, n, at) != n)
			return -1;
		at += n;
		len -= n;
	}
	return 0;
}

/* What is there of @len bytes at @at; not the holes. */
static int copy_content(int from, int to, off_t at, off_t len)
{
	off_t end = at + len, hole;

	while (at < end && (at = lseek(from, at, SEEK_DATA)) >= 0 && at < end) {
		hole = lseek(from, at, SEEK_HOLE);
		if (hole < 0 || copy_piece(from, to, at, (hole < end ? hole : end) - at))
			return -1;
		at = hole;
	}
	return at < 0 && errno != ENXIO ? -1 : 0;
}

static off_t offset_of(const struct segment *seg, const struct seg_range *range)
{
	return (range->first << ZVM_PAGE_SHIFT) - seg_start(seg);
}

static off_t length_of(const struct seg_range *range)
{
	return (range->last - range->first + 1) << ZVM_PAGE_SHIFT;
}

/* The image of --dcss becomes the system's, which has a copy. */
static int import_image(struct zvm *vm, struct segment *seg)
{
	char path[PATH_MAX];
	int fd, rc;

	file_of(path, vm->system, seg, "image");
	if (!seg->image || !strcmp(seg->image, path))
		return 0;
	if (seg_open_image(seg))
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return -1;
	rc = copy_content(seg->fd, fd, 0, seg_end(seg) - seg_start(seg) + 1);
	close(seg->fd);
	seg->fd = fd;
	free(seg->image);
	seg->image = strdup(path);
	return rc;
}

/**
 * system_join() - the virtual machine is a guest of its system from now on
 * @vm: virtual machine; has the segments that it brings along
 * @err: receives the reason
 * @errlen: size of @err
 *
 * Return: 0, or -1 with a message in @err.
 */
int system_join(struct zvm *vm, char *err, size_t errlen)
{
	struct zvm_system *sys = vm->system;
	struct segment *seg;

	if (!sys)
		return 0;
	snprintf(sys->guest_path, sizeof(sys->guest_path), "%s/guests/guest.XXXXXX", sys->dir);
	sys->guest = mkostemp(sys->guest_path, O_CLOEXEC);
	if (sys->guest < 0 || flock(sys->guest, LOCK_EX | LOCK_NB) ||
	    fchmod(sys->guest, 0644))
		return fail("%s: %s", sys->guest_path, strerror(errno));
	for (seg = vm->segments; seg; seg = seg->next)
		if (import_image(vm, seg))
			return fail("segment %s: its image cannot be copied: %s", seg->name,
				    strerror(errno));
	system_leave(vm);
	return 0;
}

/**
 * system_close() - the virtual machine has ended, or does not join
 * @vm: virtual machine
 */
void system_close(struct zvm *vm)
{
	struct zvm_system *sys = vm->system;

	if (!sys)
		return;
	if (sys->guest >= 0) {
		unlink(sys->guest_path);
		close(sys->guest);
	}
	if (sys->lock >= 0)
		close(sys->lock);
	free(sys->text);
	free(sys->loaded);
	free(sys);
	vm->system = NULL;
}

static int copy_ranges(struct segment *seg, int to)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < seg->nr_ranges && !rc && seg->fd >= 0; i++) {
		const struct seg_range *range = &seg->range[i];

		if (seg_type_common(range->type) && seg_type_saved(range->type))
			rc = copy_content(seg->fd, to, offset_of(seg, range), length_of(range));
	}
	return rc;
}

/**
 * system_share() - what a guest is going to share
 * @vm: virtual machine
 * @seg: segment that it is loading
 *
 * The first one sees what was saved, the others what the first one does to it. The
 * last one leaves nothing of it.
 *
 * Return: 0 with a file in @seg->shared if there are such pages, or -1 with errno.
 */
int system_share(struct zvm *vm, struct segment *seg)
{
	char path[PATH_MAX];
	int rc = 0;

	if (!vm->system || seg->load != SEG_SHARED || !seg_has_pages(seg, seg_type_common))
		return 0;
	file_of(path, vm->system, seg, "shared");
	seg->shared = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (seg->shared < 0 || seg->sharers)
		return seg->shared < 0 ? -1 : 0;
	if (ftruncate(seg->shared, seg_end(seg) - seg_start(seg) + 1) || seg_open_image(seg) ||
	    copy_ranges(seg, seg->shared))
		rc = -1;
	return rc;
}

/**
 * system_unshare() - a guest has purged a segment
 * @vm: virtual machine
 * @seg: segment, not mapped any more
 */
void system_unshare(struct zvm *vm, struct segment *seg)
{
	char path[PATH_MAX];

	if (seg->shared < 0)
		return;
	close(seg->shared);
	seg->shared = -1;
	file_of(path, vm->system, seg, "shared");
	if (!seg->sharers)
		unlink(path);
}

/**
 * system_new_image() - a file for the content of a skeleton
 * @vm: virtual machine of a system
 * @seg: skeleton that is going to be saved
 * @loaded: segment of this name that the guest has loaded, or NULL
 *
 * What the guest has not changed is in it already. Guests that have an older segment
 * of this name loaded keep its file.
 *
 * Return: 0, or -1 with errno.
 */
int system_new_image(struct zvm *vm, struct segment *seg, struct segment *loaded)
{
	char path[PATH_MAX];
	unsigned int i;
	int from, rc = 0;

	file_of(path, vm->system, seg, "image");
	seg->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (seg->fd < 0)
		return -1;
	free(seg->image);
	seg->image = strdup(path);
	if (!loaded || !seg_same_ranges(loaded, seg))
		return 0;
	if (seg_open_image(loaded))
		return -1;
	for (i = 0; i < seg->nr_ranges && !rc; i++) {
		const struct seg_range *range = &seg->range[i];
		bool common = loaded->shared >= 0 && seg_type_common(range->type);

		from = common ? loaded->shared : loaded->fd;
		if (from >= 0 && seg_type_saved(range->type))
			rc = copy_content(from, seg->fd, offset_of(seg, range), length_of(range));
	}
	return rc;
}

/**
 * system_drop_image() - the skeleton could not be saved
 * @seg: skeleton that system_new_image() was called for
 */
void system_drop_image(struct segment *seg)
{
	if (seg->fd >= 0)
		close(seg->fd);
	seg->fd = -1;
	if (seg->image)
		unlink(seg->image);
	free(seg->image);
	seg->image = NULL;
}
