// SPDX-License-Identifier: GPL-2.0
/* Pages of a DAX file in a pipe, see held.h. */
#include <fcntl.h>
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

static int held_file(struct held *h)
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
	return KSFT_PASS;
}

/* A file with one page in a new pipe, and perhaps in a page table. */
int hold_page(struct held *h, bool mapped)
{
	char *map;

	if (held_file(h))
		return KSFT_FAIL;
	h->from = held_at();
	h->size = pagesize;
	map = map_file(h->fd, h->len,
		       opt.readonly ? PROT_READ : PROT_READ | PROT_WRITE,
		       MAP_SHARED);
	if (map == MAP_FAILED || pipe(h->pipe))
		return fails("mmap");
	if (differs("mapping", map, h->data, h->len) ||
	    mapped_large("mapping", map, h->len,
			 opt.large ? h->len / largesize : 0) ||
	    splice_page(h->pipe[1], map + h->from))
		return KSFT_FAIL;
	if (!mapped)
		munmap(map, h->len);
	return KSFT_PASS;
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
