// SPDX-License-Identifier: GPL-2.0
/*
 * vmcp - send a CP command from the guest and print the response.
 *
 * Options and exit status are those of the program of this name that
 * distributions ship: 0, 1 when CP answered with a response code, 2 when the
 * response did not fit, 4 and above for other errors.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <asm/vmcp.h>

#define COMMAND_MAX	240

static int buffer_size = 1 << 20;
static int keep_case;

static void die(const char *what)
{
	perror(what);
	exit(4);
}

static void join(char **words, char *command)
{
	size_t len = 0, n;

	for (; *words; words++) {
		n = strlen(*words);
		if (len + n + 1 > COMMAND_MAX) {
			fprintf(stderr, "vmcp: the command is longer than %d characters\n",
				COMMAND_MAX);
			exit(4);
		}
		memcpy(command + len, *words, n);
		len += n;
		command[len++] = ' ';
	}
	command[len ? len - 1 : 0] = '\0';
	for (; !keep_case && *command; command++)
		*command = toupper((unsigned char)*command);
}

static int issue(int fd, const char *command)
{
	static char buf[1 << 16];
	int code, size;
	ssize_t n;

	if (ioctl(fd, VMCP_SETBUF, &buffer_size))
		die("vmcp: buffer size");
	if (write(fd, command, strlen(command)) < 0)
		die("vmcp: /dev/vmcp");
	if (ioctl(fd, VMCP_GETCODE, &code) || ioctl(fd, VMCP_GETSIZE, &size))
		die("vmcp: /dev/vmcp");
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, n, stdout);
	fflush(stdout);
	if (size > buffer_size) {
		fprintf(stderr, "vmcp: the response needs a buffer of %d bytes (-b)\n", size);
		return 2;
	}
	if (code) {
		fprintf(stderr, "vmcp: response code %d for '%s'\n", code, command);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	char command[COMMAND_MAX + 2];
	int opt, fd;

	while ((opt = getopt(argc, argv, "+kb:")) != -1) {
		if (opt == 'k')
			keep_case = 1;
		else if (opt == 'b')
			buffer_size = atoi(optarg);
		else
			return 4;
	}
	if (!argv[optind]) {
		fprintf(stderr, "Usage: vmcp [-k] [-b SIZE] COMMAND...\n");
		return 4;
	}
	join(argv + optind, command);
	fd = open("/dev/vmcp", O_RDWR);
	if (fd < 0)
		die("vmcp: /dev/vmcp");
	return issue(fd, command);
}
