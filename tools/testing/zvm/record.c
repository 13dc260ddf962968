// SPDX-License-Identifier: GPL-2.0
/*
 * What the virtual z/VM tells the host: the transcript of what the guest asks
 * CP for, the report of what z/VM would not have allowed, and why it has to
 * give up.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "zvm.h"

static void put_line(FILE *file, const char *before, const char *format, va_list args)
{
	if (!file)
		return;
	fputs(before, file);
	vfprintf(file, format, args);
	putc('\n', file);
	fflush(file);
}

/**
 * zvm_record() - write a line to the transcript
 * @vm: virtual machine
 * @format: printf format, without a newline
 */
void zvm_record(struct zvm *vm, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_line(vm->transcript, "", format, args);
	va_end(args);
}

/**
 * zvm_violation() - the guest did what z/VM answers with an exception
 * @vm: virtual machine
 * @format: printf format, without a newline
 */
void zvm_violation(struct zvm *vm, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_line(vm->transcript, "VIOLATION ", format, args);
	va_end(args);
	va_start(args, format);
	put_line(vm->report, "", format, args);
	va_end(args);
}

/**
 * zvm_die() - end QEMU: the rig itself cannot go on
 * @format: printf format, without a newline
 */
void zvm_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_line(stderr, "zvm: ", format, args);
	va_end(args);
	_exit(70);
}
