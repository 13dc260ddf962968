// SPDX-License-Identifier: GPL-2.0
/* Pages of a DAX file in a pipe, see held.h. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "dcss.h"
#include "held.h"

/* The page to hold: the second, with --large in the middle of a large one. */
size_t held_at(void)
{
	return opt.large ? largesize + largesize / 2 : pagesize;
}

int splice_page(int pipe_fd, char *page)
{
	struct iovec iov = { page, pagesize };

	if (vmsplice(pipe_fd, &iov, 1, 0) != (ssize_t)pagesize)
		return fails("vmsplice");
	return KSFT_PASS;
}

/* The file, without anything of it in use. */
int held_file(struct held *h)
{
	h->len = opt.size;
	h->data = filled(h->len, opt.readonly ? 0 : 21);
	if (opt.readonly) {
		snprintf(h->path, sizeof(h->path), "%s/data", opt.dir);
		h->fd = open(h->path, O_RDONLY);
	} else {
		h->fd = new_file(opt.dir, "held", h->data, h->len, h->path);
	}
	if (h->fd < 0 || (!opt.readonly && fsync(h->fd)))
		return fails("%s", h->path);
	h->from = held_at();
	return KSFT_PASS;
}

/* One page of it is in a new pipe, and perhaps in a page table. */
int take_page(struct held *h, bool mapped)
{
	h->size = pagesize;
	h->map = map_file(h->fd, h->len,
			  opt.readonly ? PROT_READ : PROT_READ | PROT_WRITE,
			  MAP_SHARED);
	if (h->map == MAP_FAILED || pipe(h->pipe))
		return fails("mmap");
	if (differs("mapping", h->map, h->data, h->len) ||
	    mapped_large("mapping", h->map, h->len,
			 opt.large ? h->len / largesize : 0) ||
	    splice_page(h->pipe[1], h->map + h->from))
		return KSFT_FAIL;
	if (!mapped)
		munmap(h->map, h->len);
	return KSFT_PASS;
}

int hold_page(struct held *h, bool mapped)
{
	return held_file(h) || take_page(h, mapped) ? KSFT_FAIL : KSFT_PASS;
}

/* The pages are given back, and their data is still the file's. */
int give_back(struct held *h)
{
	char *buf = filled(h->size, 99);
	size_t done = 0;
	ssize_t n;
	int rc;

	while (done < h->size) {
		n = read(h->pipe[0], buf + done, h->size - done);
		if (n <= 0)
			return fails("read from the pipe");
		done += n;
	}
	rc = differs("held page", buf, h->data + h->from, h->size) ?
	     KSFT_FAIL : KSFT_PASS;
	free(buf);
	return rc;
}

/* The file of a case that ends well. */
int drain(struct held *h)
{
	int rc = give_back(h);

	close(h->pipe[0]);
	close(h->pipe[1]);
	return rc;
}

int pipe_all(struct held *h, char *map)
{
	struct iovec iov = { map + h->from, h->size };

	if (vmsplice(h->pipe[1], &iov, 1, 0) != (ssize_t)h->size)
		return fails("vmsplice");
	return KSFT_PASS;
}

/* A child that does one thing; its result is an errno. */
pid_t start(int (*fn)(const void *arg), const void *arg)
{
	pid_t pid = fork_child();

	if (!pid)
		_exit(fn(arg) ? errno : 0);
	return pid;
}

/* The result of such a child, or -1 if it is still at it. */
int ended(pid_t pid, int ms)
{
	int status;
	pid_t rc;

	while (!(rc = waitpid(pid, &status, WNOHANG)) && ms-- > 0)
		usleep(1000);
	if (!rc)
		return -1;
	/* It was killed, perhaps by alarm(). */
	return rc == pid && WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* It comes back, with this error or with none. */
int gives(const char *what, int (*fn)(const void *arg), const void *arg,
	  int error)
{
	pid_t pid = start(fn, arg);
	int rc = ended(pid, END_MS);

	if (rc == error)
		return KSFT_PASS;
	if (rc >= 0)
		return wrong("%s: %s instead of %s", what,
			     rc ? strerror(rc) : "success",
			     error ? strerror(error) : "success");
	wrong("%s does not come back, state %c", what, task_state(pid));
	kill(pid, SIGKILL);
	if (ended(pid, END_MS) < 0)
		wrong("%s cannot be killed", what);
	return KSFT_FAIL;
}

/* The same where a worker of the kernel may have to let go first. */
int comes_to(const char *what, int (*fn)(const void *arg))
{
	int tries, rc = EBUSY;

	for (tries = 0; rc == EBUSY && tries < END_MS / 50; tries++) {
		rc = ended(start(fn, NULL), END_MS);
		if (rc == EBUSY)
			usleep(50000);
	}
	if (!rc)
		return KSFT_PASS;
	return wrong("%s: %s", what, rc < 0 ? "hangs" : strerror(rc));
}

/* It waits while the page is in use, and can be killed. */
int must_wait(const char *what, int (*fn)(const void *arg), const void *arg)
{
	pid_t pid = start(fn, arg);
	int rc = ended(pid, WATCH_MS);

	if (rc >= 0)
		return wrong("%s does not wait: %s", what, strerror(rc));
	if (task_state(pid) != 'S')
		wrong("%s waits in state %c", what, task_state(pid));
	kill(pid, SIGKILL);
	if (ended(pid, END_MS) < 0)
		return wrong("%s cannot be killed, state %c", what,
			     task_state(pid));
	return KSFT_PASS;
}
