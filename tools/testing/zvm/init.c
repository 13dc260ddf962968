// SPDX-License-Identifier: GPL-2.0
/*
 * The first process of a guest: run the one command that zvm-run was given,
 * move its input and output between pipes and virtio ports, report its status,
 * power off.
 *
 * zvm-run leaves in /zvm: "argv", the command's words, each ended by NUL, and
 * "mode", lines of "tty ROWS COLUMNS TERM", "merge" (stderr goes where stdout
 * goes), "console TERM" (a shell beside the command is wanted), "profile" (the
 * kernel's symbols are wanted), "root" (the command has a disk as its root) or "disks N",
 * "added", the paths of what a user has added, "shared", where the host's directories are
 * to be, and "modules", the names of those that are needed for virtio.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

#define __noreturn	__attribute__((noreturn))
#define MAX_ARGS	4096

const struct mounted mounts[] = {
	{ "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" },
	{ "tmpfs", "/tmp" }, { "debugfs", "/sys/kernel/debug" },
	{ "tracefs", "/sys/kernel/tracing" }, { NULL },
};

static struct {
	bool tty;
	bool merge;
	bool console;
	bool profile;
	bool root;
	unsigned int disks;
	bool no_root;
	char no_share[256];
	struct winsize size;
	char term[64];
} mode;

/* Input to the command, or output from it. */
struct stream {
	int from;
	int to;
	char buf[16384];
	size_t have;
	size_t done;
};

static struct stream in, out, err;

static void __noreturn power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

/* The kernel's log is the place for what goes wrong in here. */
void complain(const char *what)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		dprintf(fd, "<3>zvm init: %s: %s", what, strerror(errno));
		close(fd);
	}
}

static void mount_all(void)
{
	const struct mounted *m;

	for (m = mounts; m->type; m++) {
		mkdir(m->where, 0755);
		mount(m->type, m->where, m->type, 0, NULL);
	}
	mkdir("/dev/shm", 01777);
	mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

/* Without a console yet, 0 to 2 are closed: pipes must not get these numbers. */
static void open_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd >= 0)
		close(fd);
}

size_t read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	if (fd >= 0)
		close(fd);
	buf[len] = '\0';
	return len;
}

static void read_mode(void)
{
	char buf[256], *line, *next = buf;

	read_file("/zvm/mode", buf, sizeof(buf));
	while ((line = strsep(&next, "\n"))) {
		mode.merge |= !strcmp(line, "merge");
		mode.profile |= !strcmp(line, "profile");
		mode.root |= !strcmp(line, "root");
		mode.console |= sscanf(line, "console %63s", mode.term) == 1;
		mode.tty |= sscanf(line, "tty %hu %hu %63s", &mode.size.ws_row,
				   &mode.size.ws_col, mode.term) == 3;
		if (!strncmp(line, "disks ", strlen("disks ")))
			mode.disks = atoi(line + strlen("disks "));
	}
}

static void modprobe(const char *name)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int fd = open("/dev/kmsg", O_WRONLY);

		dup2(fd, 1);
		dup2(fd, 2);
		execl("/bin/busybox", "modprobe", name, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
}

/* What the ports and disks need, where the kernel does not have it built in. */
static void load_drivers(void)
{
	char buf[1024], *name, *next = buf;

	read_file("/zvm/modules", buf, sizeof(buf));
	while ((name = strsep(&next, "\n")))
		if (*name)
			modprobe(name);
}

/* The module under test, unless the kernel's command line says zvm.nomod. */
static void load_module(void)
{
	char cmdline[8192];

	read_file("/proc/cmdline", cmdline, sizeof(cmdline));
	if (!strstr(cmdline, "zvm.nomod") && !access("/lib/modules", F_OK))
		modprobe("dcssblk");
}

/* The kernel calls them vda and so on as it finds them, which is in any order. */
static void name_disks(void)
{
	char path[DISK_PATH], link[32], serial[16];
	unsigned int i;

	for (i = 1; i <= mode.disks; i++) {
		snprintf(serial, sizeof(serial), "disk%u", i);
		snprintf(link, sizeof(link), "/dev/disk%u", i);
		if (!find_disk(serial, path) || symlink(path, link))
			complain(link);
	}
}

static void mount_share(const char *path, int number)
{
	char tag[16];

	snprintf(tag, sizeof(tag), "share%d", number);
	make_place(path, S_IFDIR);
	if (mount(tag, path, "9p", 0, "trans=virtio,version=9p2000.L,msize=524288"))
		snprintf(mode.no_share, sizeof(mode.no_share), "%.200s: %s", path,
			 errno == ENODEV ? "this kernel has no 9p" : strerror(errno));
}

/* The host's directories. */
static void mount_shares(void)
{
	char buf[1 << 16], *path, *next = buf;
	int n = 0;

	read_file("/zvm/shared", buf, sizeof(buf));
	while ((path = strsep(&next, "\n")))
		if (*path)
			mount_share(path, ++n);
}

static int find_port(const char *name, void *flags)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	char path[300], found[64];
	struct dirent *entry;
	int fd = -1;

	while (dir && fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		if (entry->d_name[0] == '.' || !read_file(path, found, sizeof(found)))
			continue;
		found[strcspn(found, "\n")] = '\0';
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		if (!strcmp(found, name))
			fd = open(path, *(int *)flags | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* Open the virtio port that QEMU's command line calls @name. */
static int open_port(const char *name, int flags)
{
	return wait_for_device(find_port, name, &flags);
}

/* The console begins late and does not repeat what was logged before. */
static void report_boot(void)
{
	static char log[1 << 20];
	int port = open_port("zvm.boot", O_WRONLY), n, done = 0;
	ssize_t written = 0;

	n = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, sizeof(log));
	for (; port >= 0 && done < n && written >= 0; done += written)
		written = write(port, log + done, n - done);
	if (port >= 0)
		close(port);
}

/* For who has counted instructions: the modules' functions, too. */
static void report_symbols(void)
{
	int port = open_port("zvm.symbols", O_WRONLY), fd = open("/proc/kallsyms", O_RDONLY);
	static char buf[1 << 16];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(port, buf, n) != n)
			break;
	if (n)
		complain("zvm.symbols");
	close(port);
	close(fd);
}

/* An image that is not @clean is not what its owner takes it for. */
static void report_status(int status, bool clean)
{
	int port = open_port("zvm.status", O_WRONLY);
	char tainted[32];

	read_file("/proc/sys/kernel/tainted", tainted, sizeof(tainted));
	if (port < 0)
		complain("zvm.status");
	else
		dprintf(port, "exit %d\n%stainted %s", status, clean ? "" : "unclean\n", tainted);
}

/* The last file of the initramfs: the kernel ends without a word at one too large. */
static bool is_complete(void)
{
	int port;

	if (!access("/zvm/complete", F_OK))
		return true;
	port = open_port("zvm.status", O_WRONLY);
	if (port >= 0)
		dprintf(port, "incomplete\n");
	return false;
}

static void read_argv(char **argv)
{
	static char buf[1 << 20];
	size_t len = read_file("/zvm/argv", buf, sizeof(buf)), i, n = 0;

	for (i = 0; i < len && n < MAX_ARGS - 1; i += strlen(buf + i) + 1)
		argv[n++] = buf + i;
	argv[n] = NULL;
}

static void __noreturn run(char **argv)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (*mode.no_share) {
		fprintf(stderr, "zvm-run: --share %s\n", mode.no_share);
		_exit(126);
	}
	if (mode.no_root || (mode.root && (chroot(ROOT) || chdir("/")))) {
		fprintf(stderr, "zvm-run: --root: no file system that the guest knows\n");
		_exit(126);
	}
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", isatty(0) ? mode.term : "dumb", 1);
	execvp(argv[0], argv);
	fprintf(stderr, "zvm-run: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int open_terminal(const char *path, void *unused)
{
	(void)unused;
	return open(path, O_RDWR);
}

static int open_console(int number)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/hvc%d", number);
	fd = wait_for_device(open_terminal, path, NULL);
	if (fd >= 0)
		return fd;
	complain(path);
	_exit(126);
}

static void __noreturn run_on_console(int number, char **argv)
{
	int fd;

	setsid();
	fd = open_console(number);
	ioctl(fd, TIOCSCTTY, 0);
	if (mode.tty)
		ioctl(fd, TIOCSWINSZ, &mode.size);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	close(fd);
	run(argv);
}

static pid_t start_on_tty(char **argv)
{
	pid_t pid = fork();

	if (!pid)
		run_on_console(1, argv);
	return pid;
}

/* A process that keeps a shell on the last console, for who attaches to it. */
static void keep_shell(void)
{
	char *argv[4] = { "sh", "-c", "exec $(command -v bash || echo sh)" };

	if (fork())
		return;
	signal(SIGCHLD, SIG_DFL);
	for (;;) {
		if (!fork())
			run_on_console(mode.tty ? 2 : 1, argv);
		wait(NULL);
		sleep(1);
	}
}

static pid_t start_on_pipes(char **argv)
{
	int to[2], from[2], from_err[2];
	pid_t pid;

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC) || pipe2(from_err, O_CLOEXEC))
		complain("pipe");
	pid = fork();
	if (!pid) {
		setsid();
		dup2(to[0], 0);
		dup2(from[1], 1);
		dup2(mode.merge ? from[1] : from_err[1], 2);
		run(argv);
	}
	close(to[0]);
	close(from[1]);
	close(from_err[1]);
	in = (struct stream){ .from = open_port("zvm.stdin", O_RDONLY | O_NONBLOCK), .to = to[1] };
	out = (struct stream){ .from = from[0], .to = open_port("zvm.stdout", O_WRONLY) };
	err = (struct stream){ .from = from_err[0], .to = open_port("zvm.stderr", O_WRONLY) };
	fcntl(in.to, F_SETFL, O_NONBLOCK);
	fcntl(out.from, F_SETFL, O_NONBLOCK);
	fcntl(err.from, F_SETFL, O_NONBLOCK);
	return pid;
}

static void shut(struct stream *s)
{
	close(s->from);
	close(s->to);
	s->from = -1;
	s->to = -1;
}

/* Move what can be moved without waiting; false when there was nothing. */
static bool pump(struct stream *s)
{
	ssize_t n;

	if (s->from < 0 || s->to < 0)
		return false;
	if (s->done == s->have) {
		n = read(s->from, s->buf, sizeof(s->buf));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n <= 0) {
			shut(s);
			return false;
		}
		s->have = n;
		s->done = 0;
	}
	n = write(s->to, s->buf + s->done, s->have - s->done);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		shut(s);
	if (n > 0)
		s->done += n;
	return n > 0;
}

/* Collect the dead; the command's status, or -1 while it lives. */
static int reap(pid_t pid)
{
	int status, result = -1;
	pid_t dead;

	while ((dead = waitpid(-1, &status, WNOHANG)) > 0)
		if (dead == pid)
			result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
						       WEXITSTATUS(status);
	return result;
}

/* Serve the command until it ends, then pass on what it has left behind. */
static int serve(pid_t pid, int sigfd)
{
	struct signalfd_siginfo info;
	int status = -1;

	while ((status = reap(pid)) < 0) {
		bool full = in.done < in.have;
		struct pollfd fds[] = {
			{ .fd = sigfd, .events = POLLIN },
			{ .fd = out.from, .events = POLLIN },
			{ .fd = err.from, .events = POLLIN },
			{ .fd = full ? in.to : in.from, .events = full ? POLLOUT : POLLIN },
		};

		poll(fds, mode.tty ? 1 : 4, -1);
		if (fds[0].revents && read(sigfd, &info, sizeof(info)) < 0)
			complain("signalfd");
		if (mode.tty)
			continue;
		if (fds[1].revents)
			pump(&out);
		if (fds[2].revents)
			pump(&err);
		if (fds[3].revents)
			pump(&in);
	}
	while (!mode.tty && (pump(&out) || pump(&err)))
		;
	return status;
}

int main(void)
{
	static char *argv[MAX_ARGS];
	sigset_t set;
	int status;
	pid_t pid;

	mount_all();
	open_standard_files();
	read_mode();
	read_argv(argv);
	load_drivers();
	report_boot();
	if (!is_complete())
		power_off();
	load_module();
	name_disks();
	mount_shares();
	mode.no_root = mode.root && !enter_root();
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (chdir("/"))
		complain("/");
	if (mode.console)
		keep_shell();
	pid = mode.tty ? start_on_tty(argv) : start_on_pipes(argv);
	status = serve(pid, signalfd(-1, &set, SFD_CLOEXEC));
	if (mode.profile)
		report_symbols();
	report_status(status, !mode.root || mode.no_root || leave_root());
	power_off();
}
