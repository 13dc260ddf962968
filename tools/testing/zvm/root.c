// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for the guest's devices, and a root file system of the command's own on one of
 * its disks: --root.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

/* The serial number of its disk. */
#define SERIAL	"root"

/*
 * Until @find, called with @name and @arg, returns no error. QEMU tells of its devices
 * one after the other, and on a busy host not before init runs.
 */
int wait_for_device(int (*find)(const char *name, void *arg), const char *name, void *arg)
{
	int rc, tries;

	for (tries = 0; tries < DEVICE_SECONDS * 100; tries++) {
		rc = find(name, arg);
		if (rc >= 0)
			return rc;
		usleep(10000);
	}
	return -1;
}

static int look_for_disk(const char *serial, void *path)
{
	DIR *dir = opendir("/sys/block");
	char found[64], file[300];
	struct dirent *entry;
	bool done = false;

	while (dir && !done && (entry = readdir(dir))) {
		snprintf(file, sizeof(file), "/sys/block/%s/serial", entry->d_name);
		snprintf(path, DISK_PATH, "/dev/%s", entry->d_name);
		done = read_file(file, found, sizeof(found)) && !strcmp(found, serial) &&
		       !access(path, F_OK);
	}
	if (dir)
		closedir(dir);
	return done ? 0 : -1;
}

/* The node of a disk that QEMU's command line calls @serial, DISK_PATH bytes. */
bool find_disk(const char *serial, char *path)
{
	return !wait_for_device(look_for_disk, serial, path);
}

static bool mount_root(void)
{
	static const char * const types[] = { "ext4", "xfs", "ext2" };
	char path[DISK_PATH];
	size_t i;

	mkdir(ROOT, 0755);
	if (!find_disk(SERIAL, path))
		return false;
	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (!mount(path, ROOT, types[i], 0, NULL))
			return true;
	return false;
}

/* A directory, or an empty file, with all directories on the way, to mount over. */
void make_place(const char *path, int type)
{
	char target[PATH_MAX], *slash;

	snprintf(target, sizeof(target), "%s", path);
	for (slash = target + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(target, 0755);
		*slash = '/';
	}
	if (S_ISDIR(type))
		mkdir(target, 0755);
	else
		close(open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
}

/* What is at @path is in the command's root as well, as @there. */
static void show_in_root(const char *path, const char *there)
{
	char target[PATH_MAX];
	struct stat st;

	if (stat(path, &st))
		return;
	snprintf(target, sizeof(target), ROOT "%s", there);
	make_place(target, st.st_mode);
	if (mount(path, target, NULL, MS_BIND | MS_REC, NULL))
		complain(target);
}

static void show_all(const char *list)
{
	static char buf[1 << 16];
	char *path, *next = buf;

	read_file(list, buf, sizeof(buf));
	while ((path = strsep(&next, "\n")))
		if (*path)
			show_in_root(path, path);
}

/* With what is mounted here, what a user has added, and vmcp; false if there is none. */
bool enter_root(void)
{
	const struct mounted *m;

	if (!mount_root())
		return false;
	for (m = mounts; m->type; m++)
		if (strncmp(m->where, "/sys/", strlen("/sys/")))
			show_in_root(m->where, m->where);
	show_in_root("/bin/vmcp", "/usr/local/bin/vmcp");
	show_in_root("/lib/modules", "/lib/modules");
	show_all("/zvm/added");
	show_all("/zvm/shared");
	mkdir(ROOT "/root", 0700);
	return true;
}

/* Once nobody writes to it: an image is going to be used again. False if it is in use. */
bool leave_root(void)
{
	int tries;

	kill(-1, SIGKILL);
	for (tries = 0; tries < 1000; tries++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (!mount(NULL, ROOT, NULL, MS_REMOUNT | MS_RDONLY, NULL))
			return true;
		usleep(10000);
	}
	complain(ROOT);
	return false;
}
