// SPDX-License-Identifier: GPL-2.0
/* What can be seen of a device of dcssblk, see state.h. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#ifdef __s390x__
#include <asm/vmcp.h>
#else
/* Other machines have no such header, and no CP either. */
#define VMCP_GETCODE	0
#define VMCP_SETBUF	0
#endif

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "state.h"

#define DATA_SIZE	65536

/*
 * Returns CP's response code, or -1 where there is no /dev/vmcp. CP wants
 * upper case.
 */
int cp_command(const char *command, char *answer, size_t len)
{
	int fd = open("/dev/vmcp", O_RDWR), size = 65536, code = -1;
	ssize_t n = -1;

	answer[0] = '\0';
	if (fd < 0)
		return -1;
	if (!ioctl(fd, VMCP_SETBUF, &size) &&
	    write(fd, command, strlen(command)) > 0 &&
	    !ioctl(fd, VMCP_GETCODE, &code))
		n = read(fd, answer, len - 1);
	close(fd);
	answer[n < 0 ? 0 : n] = '\0';
	return code;
}

/* The entries of a directory that begin like @prefix. */
static void show_dir(FILE *out, const char *path, const char *prefix)
{
	struct dirent **list;
	int i, n;

	n = scandir(path, &list, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.' &&
		    !strncmp(list[i]->d_name, prefix, strlen(prefix)))
			fprintf(out, "%s/%s\n", path, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* The lines of a file that contain @word, or all. */
static void show_file(FILE *out, const char *path, const char *word)
{
	FILE *in = fopen(path, "r");
	char line[512];

	if (!in)
		return;
	while (fgets(line, sizeof(line), in))
		if (!word || strstr(line, word))
			fprintf(out, "%s: %s", path, line);
	fclose(in);
}

/*
 * Whoever has it loaded. SAVESEG changes the number of the spool file and the
 * class of a copy that is in use.
 */
static void show_at_cp(FILE *out, const char *segment)
{
	char command[64], answer[8192], *line, *rest = answer;
	char first[16], last[16], type[16];
	unsigned int users;

	snprintf(command, sizeof(command), "QUERY NSS NAME %s MAP", segment);
	if (cp_command(command, answer, sizeof(answer)))
		return;
	while ((line = strsep(&rest, "\n")))
		if (sscanf(line, "%*s %*s %*s %*s %15s %15s %15s %*s %u",
			   first, last, type, &users) == 4 && users)
			fprintf(out, "CP: %s %s-%s %s loaded by %u\n", segment,
				first, last, type, users);
}

static void show_device(FILE *out, const struct dcss_device *dev)
{
	static const char *const attrs[] = { "shared", "save", "seglist" };
	static const char *const disk[] = { "ro", "size" };
	char path[256];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		snprintf(path, sizeof(path), ROOT "%s/%s", dev->segment[0],
			 attrs[i]);
		show_file(out, path, NULL);
	}
	for (i = 0; i < ARRAY_SIZE(disk); i++) {
		snprintf(path, sizeof(path), "/sys/block/%s/%s",
			 dev->block + strlen("/dev/"), disk[i]);
		show_file(out, path, NULL);
	}
}

char *device_look(const struct dcss_device *dev)
{
	char *text = NULL;
	size_t len, i;
	FILE *out = open_memstream(&text, &len);

	show_file(out, "/proc/iomem", NULL);
	show_dir(out, "/dev", "dcssblk");
	show_dir(out, "/sys/block", "dcssblk");
	show_dir(out, "/sys/class/bdi", "");
	show_dir(out, "/sys/devices/dcssblk", "");
	show_file(out, "/sys/module/dcssblk/refcnt", NULL);
	show_device(out, dev);
	for (i = 0; i < dev->nr; i++)
		show_at_cp(out, dev->segment[i]);
	fclose(out);
	return text;
}

/* By the order of their beauty: whatever is not one of them is broken. */
enum where device_where(const struct dcss_device *dev)
{
	char *text = device_look(dev);
	enum where where;

	for (where = ABSENT; where < BROKEN; where++)
		if (dev->seen[where] && !strcmp(text, dev->seen[where]))
			break;
	free(text);
	return where;
}

int device_is(const struct dcss_device *dev, enum where where)
{
	char *text = device_look(dev);
	int rc = same_text(dev->list, text, dev->seen[where]);

	free(text);
	return rc;
}

/*
 * Also in what nobody sees, and what may differ between two ways of having a
 * device, with and without DAX: no failure was on the way.
 */
int device_as_before(const struct dcss_device *dev, enum where where)
{
	int rc = counts_as_before(dev->counts[where], true);

	return device_is(dev, where) == KSFT_PASS ? rc : KSFT_FAIL;
}

/* Nothing fails on the way. Reports what does. */
int device_go(const struct dcss_device *dev, enum where where)
{
	bool there;
	char path[128];
	int rc = 0;

	snprintf(path, sizeof(path), ROOT "%s", dev->segment[0]);
	there = !access(path, F_OK);
	if (where == ABSENT) {
		rc = there ? settle(NULL, "remove", dev->segment[0]) : 0;
	} else {
		rc = there ? 0 : store("add", dev->list);
		if (!rc)
			rc = store_of(dev->segment[0], "shared",
				      where == SHARED_MODE ? "1" : "0");
	}
	if (rc)
		return wrong("%s: cannot be %s: %s", dev->list,
			     where == ABSENT ? "removed" :
			     where == SHARED_MODE ? "added" : "exclusive",
			     strerror(rc));
	return KSFT_PASS;
}

static int read_device(const struct dcss_device *dev, char *buf, size_t len)
{
	int fd = open(dev->block, O_RDONLY);
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		return fails("%s", dev->block);
	while (done < len && (n = read(fd, buf + done, len - done)) > 0)
		done += n;
	close(fd);
	return done == len ? KSFT_PASS :
	       wrong("%s: %zu bytes of %zu", dev->block, done, len);
}

/* "on", or a kernel that has no such attribute and always DAX. */
bool device_has_dax(const struct dcss_device *dev)
{
	char text[128];

	return show_of(dev->segment[0], "dax", text, sizeof(text)) ||
	       !strcmp(text, "on");
}

static int read_mapped(const struct dcss_device *dev)
{
	char path[256], *map, *want;
	int fd, rc = KSFT_FAIL;

	snprintf(path, sizeof(path), "%s/data", dev->mountpoint);
	fd = open(path, O_RDONLY);
	map = fd < 0 ? MAP_FAILED :
	      mmap(NULL, DATA_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return fails("%s", path);
	want = filled(DATA_SIZE, 0);
	if (!differs(path, map, want, DATA_SIZE))
		rc = KSFT_PASS;
	munmap(map, DATA_SIZE);
	free(want);
	return rc;
}

static int read_mounted(const struct dcss_device *dev, const char *options)
{
	int rc;

	if (mount(dev->block, dev->mountpoint, dev->fstype, MS_RDONLY, options))
		return fails("mount %s", dev->block);
	rc = read_mapped(dev);
	if (umount(dev->mountpoint))
		rc = fails("umount %s", dev->mountpoint);
	return rc;
}

/*
 * File systems either refuse to be mounted, or do without DAX. They say so, and
 * the page cache works.
 */
static int refuses_dax(const struct dcss_device *dev)
{
	static struct klog_lines lines;
	struct klog log = { };
	int rc = KSFT_PASS;
	bool found = false;
	unsigned int i;

	klog_mark(&log);
	if (!mount(dev->block, dev->mountpoint, dev->fstype, MS_RDONLY,
		   "dax")) {
		rc = read_mapped(dev);
		umount(dev->mountpoint);
	}
	klog_get(&log, "", &lines);
	for (i = 0; i < lines.nr && i < KLOG_MAX; i++)
		found |= !!strstr(lines.line[i], "DAX");
	klog_end(&log);
	if (!found)
		rc = wrong("%s: nothing in the log about DAX", dev->block);
	return rc;
}

int device_reads(const struct dcss_device *dev)
{
	if (read_device(dev, dev->buf, dev->size) ||
	    differs(dev->block, dev->buf, dev->content, dev->size))
		return KSFT_FAIL;
	return KSFT_PASS;
}

/* As a block device, and as one with DAX or without. */
int device_works(const struct dcss_device *dev)
{
	int rc = device_reads(dev);

	if (rc != KSFT_PASS || !dev->fstype)
		return rc;
	if (device_has_dax(dev))
		return read_mounted(dev, "dax");
	rc = read_mounted(dev, NULL);
	return rc == KSFT_PASS ? refuses_dax(dev) : rc;
}

static int parse_list(struct dcss_device *dev, const char *list)
{
	char copy[128], *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", list);
	while ((name = strsep(&rest, ":"))) {
		if (dev->nr == MAX_SEGMENTS || strlen(name) > 8)
			return wrong("%s: too many or too long", list);
		snprintf(dev->segment[dev->nr++], 9, "%s", name);
	}
	dev->list = list;
	return KSFT_PASS;
}

static void learn_content(struct dcss_device *dev)
{
	struct stat st;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/size", dev->block + 5);
	f = fopen(path, "r");
	if (f && fscanf(f, "%zu", &dev->size) == 1)
		dev->size *= 512;
	if (f)
		fclose(f);
	dev->content = malloc(dev->size);
	dev->buf = malloc(dev->size);
	if (stat(dev->block, &st) || !S_ISBLK(st.st_mode))
		wrong("%s: no such block device", dev->block);
}

/*
 * How it looks in all its states, without any failure: when it is there a
 * second time, for what the first one leaves behind for good. @fstype is NULL
 * if there is no file system on it.
 */
int device_learn(struct dcss_device *dev, const char *list, const char *fstype,
		 const char *mountpoint)
{
	static const enum where order[] = {
		SHARED_MODE, EXCLUSIVE_MODE, SHARED_MODE, EXCLUSIVE_MODE,
		SHARED_MODE, ABSENT,
	};
	size_t i;

	dev->fstype = fstype;
	dev->mountpoint = mountpoint;
	if (parse_list(dev, list) || device_go(dev, SHARED_MODE))
		return KSFT_FAIL;
	if (node_of(dev->segment[0], dev->block, sizeof(dev->block)))
		return KSFT_FAIL;
	learn_content(dev);
	if (read_device(dev, dev->content, dev->size) || device_works(dev) ||
	    device_go(dev, ABSENT))
		return KSFT_FAIL;
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		if (device_go(dev, order[i]))
			return KSFT_FAIL;
		free(dev->seen[order[i]]);
		free(dev->counts[order[i]]);
		dev->seen[order[i]] = device_look(dev);
		dev->counts[order[i]] = kernel_counts(true);
	}
	return KSFT_PASS;
}
