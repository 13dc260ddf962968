/* SPDX-License-Identifier: GPL-2.0 */
/* The least of io_uring that one request at a time needs. */
#ifndef DCSS_URING_H
#define DCSS_URING_H

#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct uring {
	int fd;
	void *sq, *cq;
	struct io_uring_sqe *sqe;
	struct io_uring_params p;
};

static inline int uring_open(struct uring *r)
{
	size_t len;

	memset(r, 0, sizeof(*r));
	r->fd = syscall(__NR_io_uring_setup, 1, &r->p);
	if (r->fd < 0)
		return -1;
	len = r->p.sq_off.array + r->p.sq_entries * sizeof(__u32);
	r->sq = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		     IORING_OFF_SQ_RING);
	len = r->p.cq_off.cqes + r->p.cq_entries * sizeof(struct io_uring_cqe);
	r->cq = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		     IORING_OFF_CQ_RING);
	len = r->p.sq_entries * sizeof(struct io_uring_sqe);
	r->sqe = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		      IORING_OFF_SQES);
	if (r->sq == MAP_FAILED || r->cq == MAP_FAILED ||
	    r->sqe == MAP_FAILED)
		return -1;
	return 0;
}

/* Its mappings go with the process. */
static inline void uring_close(struct uring *r)
{
	close(r->fd);
}

static inline int uring_register(struct uring *r, void *buf, size_t len)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };

	return syscall(__NR_io_uring_register, r->fd, IORING_REGISTER_BUFFERS,
		       &iov, 1);
}

/* Hand one request over, and do not wait for it. */
static inline int uring_submit(struct uring *r, int op, int flags, int fd,
			       void *buf, size_t len, off_t off)
{
	unsigned int *tail = r->sq + r->p.sq_off.tail;
	unsigned int *array = r->sq + r->p.sq_off.array;
	unsigned int n = *tail & (r->p.sq_entries - 1);

	memset(&r->sqe[n], 0, sizeof(r->sqe[n]));
	r->sqe[n].opcode = op;
	r->sqe[n].flags = flags;
	r->sqe[n].fd = fd;
	r->sqe[n].addr = (uintptr_t)buf;
	r->sqe[n].len = len;
	r->sqe[n].off = off;
	array[n] = n;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, r->fd, 1, 0, 0, NULL, 0) != 1)
		return -errno;
	return 0;
}

/* Wait for it; returns its result. */
static inline int uring_wait(struct uring *r)
{
	unsigned int *head = r->cq + r->p.cq_off.head;
	struct io_uring_cqe *cqe = r->cq + r->p.cq_off.cqes;
	int res;

	if (syscall(__NR_io_uring_enter, r->fd, 0, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) < 0)
		return -errno;
	res = cqe[*head & (r->p.cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

/* One request from submission to completion; returns its result. */
static inline int uring_do(struct uring *r, int op, int fd, void *buf,
			   size_t len)
{
	int rc = uring_submit(r, op, 0, fd, buf, len, 0);

	return rc ? rc : uring_wait(r);
}

#endif
