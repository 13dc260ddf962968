// SPDX-License-Identifier: GPL-2.0
/*
 * Dumps of guest memory, by QEMU's monitor: when the guest's kernel panics, which
 * ends the run, and each time that SIGUSR1 arrives.
 *
 * Source: QEMU's "QMP Reference Manual"; a message is a line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "launch.h"

/*
 * @fd: the socket
 * @panicked: the guest has said so, at some time
 * @line: the last message
 */
struct monitor {
	int fd;
	bool panicked;
	char line[4096];
};

/* False if the emulator ends before it has got to its socket. */
static bool connect_to(struct monitor *monitor, const struct place *place, pid_t emulator)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[PATH_MAX];

	path_to(path, place, "monitor");
	if (strlen(path) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, strlen(path));
	monitor->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	while (connect(monitor->fd, (struct sockaddr *)&address, sizeof(address))) {
		if (kill(emulator, 0))
			return false;
		usleep(10000);
	}
	return true;
}

/* The next message, or false when there will be none. */
static bool hear(struct monitor *monitor)
{
	size_t len = 0;
	char c = 0;

	snprintf(monitor->line, sizeof(monitor->line), "it has ended\n");
	while (c != '\n') {
		if (read(monitor->fd, &c, 1) != 1)
			return false;
		if (len < sizeof(monitor->line) - 1)
			monitor->line[len++] = c;
	}
	monitor->line[len] = '\0';
	if (strstr(monitor->line, "\"GUEST_PANICKED\""))
		monitor->panicked = true;
	return true;
}

static bool tell(struct monitor *monitor, const char *command, const char *arguments)
{
	dprintf(monitor->fd, "{\"execute\":\"%s\"%s}\n", command, arguments);
	while (hear(monitor)) {
		if (!strncmp(monitor->line, "{\"return\"", strlen("{\"return\"")))
			return true;
		if (!strncmp(monitor->line, "{\"error\"", strlen("{\"error\"")))
			break;
	}
	return false;
}

/*
 * The guest must not change what it has any more. The process that is told is who has
 * the other end: what it is started by may have another one.
 */
static void open_memory(struct monitor *monitor)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (!tell(monitor, "stop", "") ||
	    getsockopt(monitor->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
	    kill(peer.pid, ZVM_DUMP_SIGNAL))
		fprintf(stderr, "zvm-run: --dump: segments that are not loaded may be missing\n");
}

/*
 * The guest stands still meanwhile. QEMU writes to the file that check_options() has
 * left. It reads all of guest memory for this, so who has touched a page of it cannot
 * be told from now on: verdict looks for "dumped".
 */
static void dump(struct monitor *monitor, const struct place *place)
{
	char path[PATH_MAX], target[PATH_MAX] = "", arguments[PATH_MAX + 128];

	path_to(path, place, "dump");
	if (readlink(path, target, sizeof(target) - 1) < 0)
		*target = '\0';
	close_file(create_file(place, "dumped"));
	open_memory(monitor);
	snprintf(arguments, sizeof(arguments),
		 ",\"arguments\":{\"paging\":false,\"protocol\":\"file:%s\"}", path);
	if (tell(monitor, "dump-guest-memory", arguments)) {
		fprintf(stderr, "zvm-run: the guest's memory is in %s\n", target);
		return;
	}
	fprintf(stderr, "zvm-run: --dump %s: %s", target, monitor->line);
	unlink(target);
}

/**
 * serve_dumps() - dump guest memory, whenever it is time for it
 * @dir: directory of the run
 * @emulator: its process
 *
 * Returns when it has ended.
 */
void serve_dumps(const char *dir, pid_t emulator)
{
	struct place place = { .dir = dir };
	struct signalfd_siginfo info;
	struct monitor monitor = { };
	struct pollfd fds[2];
	sigset_t set;
	bool runs;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fds[1] = (struct pollfd){ .fd = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN };
	if (!connect_to(&monitor, &place, emulator))
		return;
	fds[0] = (struct pollfd){ .fd = monitor.fd, .events = POLLIN };
	if (!tell(&monitor, "qmp_capabilities", ""))
		return;
	/* Before that nothing is said of a panic. */
	if (tell(&monitor, "query-status", "") && strstr(monitor.line, "guest-panicked"))
		monitor.panicked = true;
	while (!monitor.panicked) {
		if (poll(fds, 2, -1) < 0 || (fds[0].revents && !hear(&monitor)))
			return;
		if (fds[1].revents && read(fds[1].fd, &info, sizeof(info)) == sizeof(info)) {
			/* A debugger may have stopped it. */
			runs = tell(&monitor, "query-status", "") &&
			       strstr(monitor.line, "\"running\": true");
			dump(&monitor, &place);
			if (runs)
				tell(&monitor, "cont", "");
		}
	}
	dump(&monitor, &place);
	tell(&monitor, "quit", "");
}
