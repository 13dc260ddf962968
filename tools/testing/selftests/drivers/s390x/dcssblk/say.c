// SPDX-License-Identifier: GPL-2.0
/* Say what went wrong, see say.h. */
#include <stdarg.h>

#include "../../../kselftest.h"
#include "say.h"

static void say(const char *fmt, va_list args)
{
	printf("# ");
	vprintf(fmt, args);
}

int fails(const char *fmt, ...)
{
	int err = errno;
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	printf(": %s\n", strerror(err));
	return KSFT_FAIL;
}

int wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	printf("\n");
	return KSFT_FAIL;
}

int skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	printf("\n");
	return KSFT_SKIP;
}
