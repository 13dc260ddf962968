// SPDX-License-Identifier: GPL-2.0
/*
 * Segments and storage as they are asked for, on the command line and by DEFSEG.
 */
#include <stdlib.h>
#include <string.h>

#include "test.h"

/* What is typed, and a piece of the message, or NULL where it has to be taken. */
static const struct {
	const char *what;
	const char *key;
	const char *value;
	const char *message;
} options[] = {
	{ "storage: one size", "storage", "512M", NULL },
	{ "storage: extents", "storage", "0-144M,152M-1G", NULL },
	{ "storage: eight extents", "storage",
	  "0-64M,65M-66M,67M-68M,69M-70M,71M-72M,73M-74M,75M-76M,77M-78M", NULL },
	{ "storage: nine extents", "storage",
	  "0-64M,65M-66M,67M-68M,69M-70M,71M-72M,73M-74M,75M-76M,77M-78M,79M-80M", "more than 8" },
	{ "storage: empty", "storage", "", "not SIZE" },
	{ "storage: no unit", "storage", "512", "not SIZE" },
	{ "storage: unknown unit", "storage", "512X", "not SIZE" },
	{ "storage: negative", "storage", "-512M", "not SIZE" },
	{ "storage: part of a megabyte", "storage", "0-65M,66M-67000K", "multiple of 1M" },
	{ "storage: backwards", "storage", "0-144M,160M-152M", "empty" },
	{ "storage: overlapping", "storage", "0-144M,100M-1G", "overlap" },
	{ "storage: too high", "storage", "0-144M,512G-513G", "above 512G" },
	{ "storage: overflow", "storage", "99999999999G", "above 512G" },
	{ "storage: does not begin at 0", "storage", "1M-512M", "begin" },
	{ "storage: too small", "storage", "16M", "begin" },
	{ "storage: trailing comma", "storage", "512M,", "not SIZE" },
	{ "dcss: simple", "dcss", "A,SW,20000-200FF", NULL },
	{ "dcss: lower case", "dcss", "lower,sr,2a000-2a0ff", NULL },
	{ "dcss: one page", "dcss", "A,SW,20003-20003", NULL },
	{ "dcss: several ranges", "dcss", "A,EW,20000-200FF+20100-201FF", NULL },
	{ "dcss: several types", "dcss", "A,EW+EN,20000-200FF+20100-201FF", NULL },
	{ "dcss: up to 512 GiB", "dcss", "A,SN,7FFFF00-7FFFFFF", NULL },
	{ "dcss: 2047 MiB", "dcss", "A,SN,100000-17FEFF", NULL },
	{ "dcss: 2047 MiB and a page", "dcss", "A,SN,100000-17FF00", "2047 MiB" },
	{ "dcss: empty", "dcss", "", "name is empty" },
	{ "dcss: empty name", "dcss", ",SW,20000-200FF", "name is empty" },
	{ "dcss: nine characters", "dcss", "NINECHARS,SW,20000-200FF", "longer than 8" },
	{ "dcss: name with a blank", "dcss", "A B,SW,20000-200FF", "does not allow" },
	{ "dcss: name alone", "dcss", "A", "want NAME" },
	{ "dcss: no range", "dcss", "A,SW", "want NAME" },
	{ "dcss: empty type", "dcss", "A,,20000-200FF", "type '' is unknown" },
	{ "dcss: unknown type", "dcss", "A,XX,20000-200FF", "type 'XX' is unknown" },
	{ "dcss: long type", "dcss", "A,SWX,20000-200FF", "unknown" },
	{ "dcss: empty range", "dcss", "A,SW,", "page range" },
	{ "dcss: no dash", "dcss", "A,SW,20000", "page range" },
	{ "dcss: not hex", "dcss", "A,SW,2000G-20100", "page range" },
	{ "dcss: 0x", "dcss", "A,SW,0x20000-0x20100", "page range" },
	{ "dcss: negative", "dcss", "A,SW,-20000-20100", "page range" },
	{ "dcss: backwards", "dcss", "A,SW,20100-20000", "ends before" },
	{ "dcss: above 512 GiB", "dcss", "A,SW,7FFFFFF-8000000", "512 GiB" },
	{ "dcss: overflow", "dcss", "A,SW,0-FFFFFFFFFFFFFFFFFFFF", "page range" },
	{ "dcss: ranges overlap", "dcss", "A,EW,20000-20010+20010-20020", "overlap" },
	{ "dcss: ranges descend", "dcss", "A,EW,20010-20020+20000-20008", "descend" },
	{ "dcss: trailing +", "dcss", "A,EW,20000-20010+", "page range" },
	{ "dcss: more types than ranges", "dcss", "A,EW+EN,20000-20010", "more types" },
	{ "dcss: fewer types than ranges", "dcss",
	  "A,EW+EN,20000-20010+20011-20012+20013-20014", "fewer types" },
	{ "dcss: image is missing", "dcss", "A,SW,20000-20010,/does/not/exist", "is missing" },
	{ "dcss: image is a directory", "dcss", "A,SW,20000-20010,/tmp", "not a regular file" },
	{ "dcss: image without a name", "dcss", "A,SW,20000-20010,", "is empty" },
	{ "dcss: image is too large", "dcss", "A,SW,20000-20000,/proc/self/exe", "larger than" },
	{ "cp-fail: everywhere", "cp-fail", "LOADSHR,44", NULL },
	{ "cp-fail: one segment", "cp-fail", "SAVESEG,FS,449", NULL },
	{ "cp-fail: a few times", "cp-fail", "purgeseg,fs,4*3", NULL },
	{ "cp-fail: empty", "cp-fail", "", "is not FUNCTION" },
	{ "cp-fail: no return code", "cp-fail", "LOADSHR", "is not FUNCTION" },
	{ "cp-fail: unknown function", "cp-fail", "LOADXXX,44", "'LOADXXX' is unknown" },
	{ "cp-fail: return code 0", "cp-fail", "LOADSHR,0", "1 to 9999" },
	{ "cp-fail: negative return code", "cp-fail", "LOADSHR,-1", "1 to 9999" },
	{ "cp-fail: return code is a word", "cp-fail", "LOADSHR,FS,x", "1 to 9999" },
	{ "cp-fail: no times", "cp-fail", "LOADSHR,44*0", "1 to 9999" },
	{ "cp-fail: long name", "cp-fail", "LOADSHR,NINECHARS,44", "longer than 8" },
	{ "cp-fail: too many words", "cp-fail", "LOADSHR,A,44,5", "is not FUNCTION" },
};

static void test_options(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		struct zvm *vm = new_vm();
		char err[256] = "taken";
		int rc = zvm_configure(vm, options[i].key, options[i].value, err, sizeof(err));

		result(options[i].message ? rc && strstr(err, options[i].message) : !rc,
		       options[i].what, err);
		free_vm(vm);
	}
}

/* 64 KiB of anything is refused, with a message of a line. */
static void test_long(void)
{
	static const char * const keys[] = { "storage", "dcss", "cp-fail" };
	char *value = malloc(65537), err[256], name[64];
	static const char fill[] = "A0,-+\xff\n*";
	size_t i, j;

	for (i = 0; i < 3; i++) {
		for (j = 0; j < sizeof(fill) - 1; j++) {
			struct zvm *vm = new_vm();

			memset(value, fill[j], 65536);
			value[65536] = '\0';
			snprintf(name, sizeof(name), "%s: 64 KiB of \\%03o", keys[i],
				 (unsigned char)fill[j]);
			result(zvm_configure(vm, keys[i], value, err, sizeof(err)) &&
			       strlen(err) < 255, name, err);
			free_vm(vm);
		}
	}
	free(value);
}

#define GAPS "0-144M,145M-160M,161M-1G"

/* Pairs of segments, and storage from 0 to 512M, if nothing else is said. */
static const struct {
	const char *what;
	const char *first;
	const char *second;
	const char *message;
	const char *storage;
} pairs[] = {
	{ "neighbours", "A,SW,20000-200FF", "B,SW,20100-201FF", NULL },
	{ "same megabyte", "A,SW,20000-20003", "B,SW,20004-20005", NULL },
	{ "same name", "A,SW,20000-200FF", "a,SW,30000-300FF", "twice" },
	{ "overlap by a page", "A,SW,20000-200FF", "B,SW,200FF-201FF", "overlap" },
	{ "one inside the other", "A,SW,20000-200FF", "B,SW,20010-20010", "overlap" },
	{ "last page of storage", "A,SW,20000-200FF", "B,SW,1FFFF-1FFFF", "overlaps the guest" },
	{ "all of the lowest gap", "A,SW,9000-907F", "B,SW,9080-90FF", NULL, GAPS },
	{ "a gap, and a page more", "A,SW,9000-907F", "B,SW,9080-9100", "overlaps", GAPS },
	{ "above storage with gaps", "A,SW,9000-907F", "B,SW,40000-400FF", "lowest gap", GAPS },
	{ "another gap", "A,SW,9000-907F", "B,SW,A000-A0FF", "lowest gap", GAPS },
	{ "above extents without a gap", "A,SW,8000-80FF", "B,SW,8100-81FF", NULL,
	  "0-64M,64M-128M" },
};

static void test_conflicts(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct zvm *vm = new_vm();
		char err[256] = "taken";
		const char *storage = pairs[i].storage ?: "512M";
		int before, rc;

		before = zvm_configure(vm, "storage", storage, err, sizeof(err)) ||
			 zvm_configure(vm, "dcss", pairs[i].first, err, sizeof(err));
		rc = zvm_configure(vm, "dcss", pairs[i].second, err, sizeof(err));
		result(!before && (pairs[i].message ? rc && strstr(err, pairs[i].message) : !rc),
		       pairs[i].what, err);
		free_vm(vm);
	}
}

int main(void)
{
	puts("TAP version 13");
	test_options();
	test_long();
	test_conflicts();
	return test_end();
}
