// SPDX-License-Identifier: GPL-2.0
/* System calls that are held with a page taken, see flight.h. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "flight.h"
#include "uring.h"

static int missing_page(struct missing *m)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };

	/* Only a non-blocking one can be polled. */
	m->fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (m->fd < 0)
		return skip("userfaultfd: %s", strerror(errno));
	if (ioctl(m->fd, UFFDIO_API, &api) || pipe(m->over))
		return fails("userfaultfd");
	m->page = mmap(NULL, pagesize, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (uintptr_t)m->page;
	reg.range.len = pagesize;
	if (m->page == MAP_FAILED || ioctl(m->fd, UFFDIO_REGISTER, &reg))
		return fails("userfaultfd register");
	return KSFT_PASS;
}

static int missing_wait(struct missing *m)
{
	struct pollfd fds[] = {
		{ .fd = m->fd, .events = POLLIN },
		{ .fd = m->over[0], .events = POLLIN },
	};
	struct uffd_msg msg;

	if (poll(fds, 2, -1) < 0 || !(fds[0].revents & POLLIN))
		return wrong("it ended, or failed, too early");
	if (read(m->fd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		return fails("no page fault");
	return KSFT_PASS;
}

static ssize_t fly_uring(struct flight *f)
{
	struct uring r;

	if (uring_open(&r))
		return -1;
	if (uring_submit(&r, f->write ? IORING_OP_WRITEV : IORING_OP_READV,
			 IOSQE_ASYNC, f->fd, f->iov, 2, 0))
		return -1;
	return uring_wait(&r);
}

static ssize_t fly_direct(struct flight *f)
{
	return f->write ? pwritev(f->fd, f->iov, 2, 0) :
			  preadv(f->fd, f->iov, 2, 0);
}

static ssize_t fly_vm(struct flight *f)
{
	struct iovec *theirs = &f->iov[0], *mine = &f->iov[1];

	return f->write ? process_vm_writev(f->pid, mine, 1, theirs, 1, 0) :
			  process_vm_readv(f->pid, mine, 1, theirs, 1, 0);
}

static void *fly(void *data)
{
	static ssize_t (*const by[])(struct flight *f) = {
		[BY_DIRECT] = fly_direct,
		[BY_URING] = fly_uring,
		[BY_VM] = fly_vm,
	};
	struct flight *f = data;

	f->done = by[f->by](f);
	if (write(f->missing.over[1], "x", 1) != 1)
		fails("write to a pipe");
	return NULL;
}

int take_off(struct flight *f, char *page)
{
	int rc = missing_page(&f->missing);

	if (rc)
		return rc;
	f->iov[0] = (struct iovec){ page, pagesize };
	f->iov[1] = (struct iovec){ f->missing.page, pagesize };
	if (pthread_create(&f->thread, NULL, fly, f))
		return wrong("no thread");
	return missing_wait(&f->missing);
}

/* The call gets @data for the missing page, and comes back. */
int land(struct flight *f, char *data)
{
	size_t all = f->by == BY_VM ? pagesize : 2 * pagesize;
	struct uffdio_copy copy = {
		.dst = (uintptr_t)f->missing.page,
		.src = (uintptr_t)data,
		.len = pagesize,
	};

	if (ioctl(f->missing.fd, UFFDIO_COPY, &copy))
		return fails("userfaultfd copy");
	pthread_join(f->thread, NULL);
	return f->done == (ssize_t)all ? KSFT_PASS :
					 wrong("%zd bytes", f->done);
}
