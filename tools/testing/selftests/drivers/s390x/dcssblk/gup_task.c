// SPDX-License-Identifier: GPL-2.0
/* Another process at work on a mapping: debuggers, futexes, core dumps. */
#include <elf.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "gup.h"

/* Bytes written in the middle of a page by the partial cases. */
#define PART_OFF	104
#define PART		"CHANGED"

static int do_readv(struct area *a, pid_t pid)
{
	char *buf = filled(a->len, 99);
	struct iovec to = { buf, a->len }, from = { a->map, a->len };
	ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);

	if (n != (ssize_t)a->len)
		return fails("process_vm_readv gives %zd", n);
	return differs("readv", buf, a->want, a->len) ? KSFT_FAIL : KSFT_PASS;
}

static int task_readv(struct area *a)
{
	return by_other(a, do_readv);
}

static int do_writev(struct area *a, pid_t pid)
{
	char *buf = filled(a->len, 80);
	struct iovec from = { buf, a->len }, to = { a->map, a->len };
	ssize_t n = process_vm_writev(pid, &from, 1, &to, 1, 0);

	if (n != (ssize_t)a->len)
		return fails("process_vm_writev gives %zd", n);
	return KSFT_PASS;
}

static int task_writev(struct area *a)
{
	if (by_other(a, do_writev))
		return KSFT_FAIL;
	fill(a->want, a->len, 80);
	return written(a, a->want);
}

static int do_writev_part(struct area *a, pid_t pid)
{
	struct iovec from = { PART, sizeof(PART) }, to;
	size_t off;

	for (off = PART_OFF; off < a->len; off += pagesize) {
		to.iov_base = a->map + off;
		to.iov_len = sizeof(PART);
		if (process_vm_writev(pid, &from, 1, &to, 1, 0) !=
		    sizeof(PART))
			return fails("process_vm_writev");
	}
	return KSFT_PASS;
}

static int part_written(struct area *a)
{
	size_t off;

	for (off = PART_OFF; off < a->len; off += pagesize)
		memcpy(a->want + off, PART, sizeof(PART));
	return written(a, a->want);
}

static int task_writev_part(struct area *a)
{
	return by_other(a, do_writev_part) ? KSFT_FAIL : part_written(a);
}

static int open_mem(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	return open(path, O_RDWR);
}

static int do_mem_read(struct area *a, pid_t pid)
{
	char *buf = filled(a->len, 99);
	int fd = open_mem(pid);
	ssize_t n = pread(fd, buf, a->len, (uintptr_t)a->map);

	if (n != (ssize_t)a->len)
		return fails("read of /proc/PID/mem gives %zd", n);
	return differs("mem", buf, a->want, a->len) ? KSFT_FAIL : KSFT_PASS;
}

static int task_mem_read(struct area *a)
{
	return by_other(a, do_mem_read);
}

static int do_mem_write(struct area *a, pid_t pid)
{
	int fd = open_mem(pid);
	size_t off;

	for (off = PART_OFF; off < a->len; off += pagesize)
		if (pwrite(fd, PART, sizeof(PART), (uintptr_t)a->map + off) !=
		    sizeof(PART))
			return fails("write to /proc/PID/mem");
	return KSFT_PASS;
}

static int task_mem_write(struct area *a)
{
	return by_other(a, do_mem_write) ? KSFT_FAIL : part_written(a);
}

/* A debugger may write where the process may not, but never to the file. */
static int task_mem_force(struct area *a)
{
	if (a->how == PRIVATE_RO)
		return task_mem_write(a);
	if (by_other(a, do_mem_write) == KSFT_PASS)
		return wrong("write to a read-only shared mapping");
	return written(a, a->want);
}

static int attach(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL))
		return fails("PTRACE_ATTACH");
	if (waitpid(pid, &status, __WALL) != pid)
		return fails("waitpid of the traced");
	return KSFT_PASS;
}

static int peek(pid_t pid, char *at, char *buf, size_t len)
{
	size_t off;
	long word;

	for (off = 0; off < len; off += sizeof(word)) {
		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, pid, at + off, NULL);
		if (errno)
			return fails("PTRACE_PEEKDATA");
		memcpy(buf + off, &word, sizeof(word));
	}
	return KSFT_PASS;
}

static int do_peek(struct area *a, pid_t pid)
{
	char *buf = filled(a->len, 99);
	int rc = attach(pid);
	size_t off;

	for (off = 0; off < a->len && rc == KSFT_PASS; off += pagesize) {
		rc = peek(pid, a->map + off, buf, 64);
		if (rc == KSFT_PASS && differs("peek", buf, a->want + off, 64))
			rc = KSFT_FAIL;
	}
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return rc;
}

static int task_ptrace_peek(struct area *a)
{
	return by_other(a, do_peek);
}

static int do_poke(struct area *a, pid_t pid)
{
	int rc = attach(pid);
	size_t off;
	long word;

	memcpy(&word, PART, sizeof(word));
	for (off = PART_OFF; off < a->len && rc == KSFT_PASS; off += pagesize)
		if (ptrace(PTRACE_POKEDATA, pid, a->map + off, word))
			rc = fails("PTRACE_POKEDATA");
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return rc;
}

static int task_ptrace_poke(struct area *a)
{
	return by_other(a, do_poke) ? KSFT_FAIL : part_written(a);
}

#ifdef __s390x__
#define BREAKPOINT	"\x00\x01"
#define BREAKPOINT_LEN	2
#define PC(regs)	((regs).psw.addr)
#define REGS		struct _user_regs_struct
#else
#define BREAKPOINT	"\xcc"
#define BREAKPOINT_LEN	1
#define PC(regs)	((regs).rip)
#define REGS		struct user_regs_struct
#endif

struct hello {
	char path[256];
	pid_t pid;
	int in, out;
	unsigned long landmark;
};

/* Start the program from the DAX file system; it waits at its landmark. */
static int hello_start(struct hello *h, const char *dir, bool trace)
{
	char line[64] = "";
	int to[2], from[2];
	ssize_t n;

	snprintf(h->path, sizeof(h->path), "%s/hello", dir);
	if (copy_file(opt.exec, h->path) || pipe(to) || pipe(from))
		return fails("copy to %s", h->path);
	h->pid = fork_child();
	if (!h->pid) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		close(to[1]);
		if (trace)
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execl(h->path, h->path, "wait", NULL);
		_exit(KSFT_FAIL);
	}
	close(to[0]);
	close(from[1]);
	h->in = to[1];
	h->out = from[0];
	if (trace) {
		waitpid(h->pid, NULL, 0);
		ptrace(PTRACE_CONT, h->pid, NULL, NULL);
	}
	n = read(h->out, line, sizeof(line) - 1);
	h->landmark = n > 0 ? strtoul(line, NULL, 16) : 0;
	if (!h->landmark)
		return wrong("%s does not start", h->path);
	return KSFT_PASS;
}

/* Let the program run on; it ends with 42 when its landmark works. */
static int hello_end(struct hello *h)
{
	if (write(h->in, "\n", 1) != 1)
		return fails("pipe");
	return child_result(h->pid) == 42 ? KSFT_PASS : KSFT_FAIL;
}

static long file_offset(pid_t pid, unsigned long addr)
{
	unsigned long from, to, off;
	char path[64], line[512];
	long found = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %*s %lx", &from, &to, &off) == 3 &&
		    addr >= from && addr < to)
			found = addr - from + off;
	fclose(f);
	return found;
}

/* The page of the program's text, but for the breakpoint, is the file's. */
static int text_is(struct hello *h, const char *insn)
{
	unsigned long page = h->landmark & -pagesize;
	char *text = filled(pagesize, 99), *file = filled(pagesize, 99);
	long off = file_offset(h->pid, page);
	int fd = open(h->path, O_RDONLY);

	if (off < 0 || pread(fd, file, pagesize, off) != (ssize_t)pagesize)
		return fails("text of %s at %ld", h->path, off);
	close(fd);
	if (insn)
		memcpy(file + (h->landmark - page), insn, BREAKPOINT_LEN);
	if (peek(h->pid, (char *)page, text, pagesize))
		return KSFT_FAIL;
	return differs("text", text, file, pagesize) ? KSFT_FAIL : KSFT_PASS;
}

/* Exchange the first bytes at the landmark. */
static int plant(struct hello *h, const char *insn, char *old)
{
	long word;

	if (peek(h->pid, (char *)h->landmark, (char *)&word, sizeof(word)))
		return KSFT_FAIL;
	if (old)
		memcpy(old, &word, BREAKPOINT_LEN);
	memcpy(&word, insn, BREAKPOINT_LEN);
	if (ptrace(PTRACE_POKETEXT, h->pid, h->landmark, word))
		return fails("PTRACE_POKETEXT");
	return KSFT_PASS;
}

/* Run into the breakpoint, take it out, run over the place again. */
static int hit(struct hello *h, const char *old)
{
	struct iovec iov;
	REGS regs;
	int status;

	iov.iov_base = &regs;
	iov.iov_len = sizeof(regs);
	if (write(h->in, "\n", 1) != 1 ||
	    ptrace(PTRACE_CONT, h->pid, NULL, NULL) ||
	    waitpid(h->pid, &status, 0) != h->pid)
		return fails("run to the breakpoint");
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
		return wrong("status %x instead of the breakpoint", status);
	if (ptrace(PTRACE_GETREGSET, h->pid, NT_PRSTATUS, &iov))
		return fails("PTRACE_GETREGSET");
	if (PC(regs) != h->landmark + BREAKPOINT_LEN)
		return wrong("stopped at %lx", (unsigned long)PC(regs));
	if (plant(h, old, NULL))
		return KSFT_FAIL;
	PC(regs) = h->landmark;
	if (ptrace(PTRACE_SETREGSET, h->pid, NT_PRSTATUS, &iov) ||
	    ptrace(PTRACE_CONT, h->pid, NULL, NULL))
		return fails("PTRACE_SETREGSET");
	return child_result(h->pid) == 42 ? KSFT_PASS :
	       wrong("not its exit status");
}

static int task_breakpoint(struct area *a)
{
	struct hello h = { }, other = { };
	char old[8];
	int rc;

	(void)a;
	if (hello_start(&h, opt.dir, true))
		return KSFT_FAIL;
	kill(h.pid, SIGSTOP);
	waitpid(h.pid, NULL, 0);
	rc = text_is(&h, NULL);
	if (rc == KSFT_PASS)
		rc = plant(&h, BREAKPOINT, old);
	if (rc == KSFT_PASS)
		rc = text_is(&h, BREAKPOINT);
	if (rc == KSFT_PASS)
		rc = hit(&h, old);
	if (rc != KSFT_PASS)
		kill(h.pid, SIGKILL);
	/* A second one has never seen the breakpoint. */
	if (rc == KSFT_PASS)
		rc = hello_start(&other, opt.dir, false);
	if (rc == KSFT_PASS)
		rc = hello_end(&other);
	unlink(h.path);
	return rc;
}

static int futex(void *addr, int op, unsigned int val, void *arg, void *addr2,
		 unsigned int val3)
{
	return syscall(__NR_futex, addr, op, val, arg, addr2, val3);
}

/* Wake by way of another mapping of the same file, until one has woken up. */
static int wake_elsewhere(struct area *a)
{
	int fd = open(a->path, O_RDWR), i, n = 0;
	char *map = map_file(fd, a->len, PROT_READ | PROT_WRITE, MAP_SHARED);

	if (fd < 0 || map == MAP_FAILED)
		return fails("mmap");
	for (i = 0; i < 100000 && !n; i++) {
		n = futex(map + pagesize + 8, FUTEX_WAKE, 1, NULL, NULL, 0);
		usleep(1000);
	}
	if (n < 0)
		return fails("FUTEX_WAKE");
	return n == 1 ? KSFT_PASS : wrong("nobody waits at the futex");
}

static int task_futex(struct area *a)
{
	unsigned int *word = (unsigned int *)(a->map + pagesize + 8);
	struct timespec timeout = { .tv_sec = 240 };
	pid_t pid = fork_child();
	int rc;

	if (!pid)
		_exit(wake_elsewhere(a));
	rc = futex(word, FUTEX_WAIT, *word, &timeout, NULL, 0);
	if (rc) {
		rc = fails("FUTEX_WAIT");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return rc;
	}
	return child_result(pid);
}

/* The waiter goes to a futex in another page, and is woken there. */
static int task_futex_requeue(struct area *a)
{
	unsigned int *one = (unsigned int *)a->map;
	unsigned int *two = (unsigned int *)(a->map + pagesize);
	struct timespec timeout = { .tv_sec = 240 };
	pid_t pid = fork_child();
	int i, n = 0;

	if (!pid)
		_exit(futex(one, FUTEX_WAIT, *one, &timeout, NULL, 0) ?
		      fails("FUTEX_WAIT") : KSFT_PASS);
	for (i = 0; i < 100000 && !n; i++) {
		n = futex(one, FUTEX_CMP_REQUEUE, 0, (void *)1, two, *one);
		usleep(1000);
	}
	if (n != 1 || futex(two, FUTEX_WAKE, 1, NULL, NULL, 0) != 1)
		return fails("FUTEX_CMP_REQUEUE gives %d", n);
	return child_result(pid);
}

/* What the core file holds of the mapping. */
static int core_has(struct area *a, const char *path)
{
	char *buf = filled(a->len, 99);
	int fd = open(path, O_RDONLY), i, rc = KSFT_FAIL;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (fd < 0 || pread(fd, &eh, sizeof(eh), 0) != sizeof(eh))
		return fails("%s", path);
	for (i = 0; i < eh.e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), eh.e_phoff + i * sizeof(ph)) !=
		    sizeof(ph))
			return fails("%s", path);
		if (ph.p_type == PT_LOAD && ph.p_vaddr == (uintptr_t)a->map)
			break;
	}
	if (i == eh.e_phnum)
		wrong("no segment of the core for the mapping");
	else if (ph.p_filesz != a->len)
		wrong("0x%llx bytes in the core",
		      (unsigned long long)ph.p_filesz);
	else if (pread(fd, buf, a->len, ph.p_offset) != (ssize_t)a->len)
		fails("%s", path);
	else if (!differs("core", buf, a->want, a->len))
		rc = KSFT_PASS;
	close(fd);
	return rc;
}

static int task_core(struct area *a)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	char pattern[128], old[128], path[300];
	int status, rc;
	pid_t pid;

	/* Bits 7 and 8 are DAX mappings, 0 anonymous pages: core(5). */
	snprintf(path, sizeof(path), "%s/dcss-core", opt.tmp);
	snprintf(pattern, sizeof(pattern), "%s/dcss-core\n", opt.tmp);
	if (get_string("/proc/sys/kernel/core_pattern", old, sizeof(old)) ||
	    put_string("/proc/sys/kernel/core_pattern", pattern) ||
	    put_string("/proc/self/coredump_filter", "0x18d") ||
	    setrlimit(RLIMIT_CORE, &unlimited))
		return skip("no core dumps: %s", strerror(errno));
	unlink(path);
	put_string("/proc/sys/kernel/core_uses_pid", "0");
	pid = fork_child();
	if (!pid) {
		/* What fork did not hand on is to be in the core, too. */
		if (differs("child", a->map, a->want, a->len))
			_exit(KSFT_FAIL);
		abort();
	}
	waitpid(pid, &status, 0);
	put_string("/proc/sys/kernel/core_pattern", old);
	if (!WIFSIGNALED(status) || !WCOREDUMP(status))
		return wrong("no core dumped, status %x", status);
	rc = core_has(a, path);
	unlink(path);
	return rc;
}

static int task_uprobe(struct area *a)
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	struct hello h = { };
	unsigned long long count = 0;
	char type[16];
	int fd, rc;

	(void)a;
	if (get_string("/sys/bus/event_source/devices/uprobe/type", type,
		       sizeof(type)))
		return skip("no uprobes");
	if (hello_start(&h, opt.dir, false))
		return KSFT_FAIL;
	attr.type = atoi(type);
	attr.uprobe_path = (uintptr_t)h.path;
	attr.probe_offset = file_offset(h.pid, h.landmark);
	fd = syscall(__NR_perf_event_open, &attr, h.pid, -1, -1, 0);
	/* kernel/events/uprobes.c: the instruction is read by way of the */
	/* page cache; a DAX file of ext2, ext4 or xfs has none. */
	if (fd < 0 && errno == EIO)
		rc = skip("refused: the file has no page cache");
	else if (fd < 0)
		rc = fails("perf_event_open");
	else
		rc = KSFT_PASS;
	if (hello_end(&h) && rc == KSFT_PASS)
		rc = wrong("program does not end as it should");
	if (rc == KSFT_PASS && (read(fd, &count, 8) != 8 || count != 1))
		rc = wrong("probe hit %d times", (int)count);
	unlink(h.path);
	return rc;
}

static const struct dcss_case cases[] = {
	/*
	 * Remote access. The one who asks has nothing mapped at that address:
	 * a copy-on-write that takes the current address space for the
	 * other's copies zeroes or the debugger's own data.
	 */
	{ "process_vm_readv", task_readv, ANY, 0 },
	{ "process_vm_writev", task_writev, WRITABLE, 0 },
	{ "process_vm_writev of a few bytes", task_writev_part, WRITABLE, 0 },
	{ "/proc/PID/mem read", task_mem_read, ANY, 0 },
	{ "/proc/PID/mem write", task_mem_write, WRITABLE, 0 },

	/* Forced by a debugger: a copy, or refused; never in the file. */
	{ "/proc/PID/mem write, read-only", task_mem_force,
	  SHARED_RO | PRIVATE_RO, 0 },
	{ "ptrace peek", task_ptrace_peek, ANY, 0 },
	{ "ptrace poke", task_ptrace_poke, WRITABLE, 0 },

	/*
	 * The text page is a page of the segment until the debugger writes:
	 * it gets a copy, which has all other instructions of the page.
	 */
	{ "ptrace breakpoint, executed in place", task_breakpoint, 0,
	  NO_MAPPING | NEEDS_WRITE | NEEDS_EXEC },
	{ "uprobe, executed in place", task_uprobe, 0,
	  NO_MAPPING | NEEDS_WRITE | NEEDS_EXEC },

	/* The key of a shared futex is the inode that its page belongs to. */
	{ "futex wait, wake", task_futex, SHARED, NEEDS_WRITE },
	{ "futex requeue", task_futex_requeue, SHARED, 0 },

	/* The dump takes page by page; what it cannot get becomes zeroes. */
	{ "core dump", task_core, ANY, 0 },
};

void gup_task(void)
{
	dcss_cases(cases, ARRAY_SIZE(cases));
}
