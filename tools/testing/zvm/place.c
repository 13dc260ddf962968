// SPDX-License-Identifier: GPL-2.0
/*
 * The directory of a run, and how the run ends before it has begun.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch.h"

/**
 * give_up() - end, and say why
 * @status: exit status
 * @format: printf format, without a newline
 */
void give_up(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("zvm-run: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(status);
}

/**
 * path_to() - the name of a file of this run
 * @path: result, PATH_MAX bytes
 * @place: where the run has its files
 * @format: printf format of the name in there
 */
void path_to(char *path, const struct place *place, const char *format, ...)
{
	int len = snprintf(path, PATH_MAX, "%s/", place->dir);
	va_list args;

	va_start(args, format);
	if (len < PATH_MAX)
		len += vsnprintf(path + len, PATH_MAX - len, format, args);
	va_end(args);
	if (len >= PATH_MAX)
		give_up(STATUS_USAGE, "a name of a file is longer than %d characters", PATH_MAX);
}

/**
 * create_file() - make a file of this run
 * @place: where the run has its files
 * @name: name in there
 */
FILE *create_file(const struct place *place, const char *name)
{
	char path[PATH_MAX];
	FILE *file;

	path_to(path, place, "%s", name);
	file = fopen(path, "we");
	if (!file)
		give_up(STATUS_ERROR, "%s: %s", path, strerror(errno));
	return file;
}

/**
 * close_file() - what was written has to be there
 * @file: file from create_file()
 */
void close_file(FILE *file)
{
	if (ferror(file) | fclose(file))
		give_up(STATUS_ERROR, "cannot write in $TMPDIR: %s", strerror(errno));
}

/**
 * make_link() - let a name in the run's directory stand for another file
 * @place: where the run has its files
 * @name: name in there; what it was before goes
 * @target: file that is there
 */
void make_link(const struct place *place, const char *name, const char *target)
{
	char path[PATH_MAX], real[PATH_MAX];

	path_to(path, place, "%s", name);
	if (!realpath(target, real))
		give_up(STATUS_ERROR, "%s: %s", target, strerror(errno));
	if ((unlink(path) && errno != ENOENT) || symlink(real, path))
		give_up(STATUS_ERROR, "%s: %s", path, strerror(errno));
}
