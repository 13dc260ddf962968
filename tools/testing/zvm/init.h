/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The first process of a guest: root.c, about devices, is what init.c calls, with what it
 * needs of it.
 */
#ifndef INIT_H
#define INIT_H

#include <stdbool.h>
#include <stddef.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Where the command's root is, for init. */
#define ROOT	"/zvm/root"

/* Long after the host has found the time to tell the guest of its ports and disks. */
#define DEVICE_SECONDS	30
#define DISK_PATH	300

/** struct mounted - what init mounts; ends with a NULL */
struct mounted {
	const char *type;
	const char *where;
};

extern const struct mounted mounts[];

void complain(const char *what);
size_t read_file(const char *path, char *buf, size_t size);

int wait_for_device(int (*find)(const char *name, void *arg), const char *name, void *arg);
bool find_disk(const char *serial, char *path);
void make_place(const char *path, int type);
bool enter_root(void);
bool leave_root(void);

#endif /* INIT_H */
