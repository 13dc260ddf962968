// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine as it is asked for: by zvm-run's options, and by the file
 * that the plugin is given.
 */
#include <stdlib.h>
#include <string.h>

#include "zvm.h"

/**
 * zvm_configure() - one option of zvm-run, or one line of the plugin's file
 * @vm: virtual machine; storage and system come before segments
 * @key: "storage", "system", "dcss", "cp-fail" or "cpus"
 * @value: its argument
 * @err: receives the reason
 * @errlen: size of @err
 *
 * Return: 0, or -1 with a message in @err.
 */
int zvm_configure(struct zvm *vm, const char *key, const char *value, char *err, size_t errlen)
{
	struct segment *seg;

	if (!strcmp(key, "system"))
		return system_open(vm, value, err, errlen);
	if (!strcmp(key, "storage"))
		return zvm_parse_storage(vm, value, err, errlen);
	if (!strcmp(key, "cp-fail"))
		return cp_add_fail(vm, value, err, errlen);
	if (!strcmp(key, "cpus")) {
		vm->nr_cpus = atoi(value);
		return 0;
	}
	if (strcmp(key, "dcss")) {
		snprintf(err, errlen, "unknown key '%s'", key);
		return -1;
	}
	seg = seg_parse_option(value, err, errlen);
	if (!seg)
		return -1;
	if (seg_check_conflicts(vm, seg, err, errlen)) {
		seg_free(seg);
		return -1;
	}
	seg_add(vm, seg);
	return 0;
}
