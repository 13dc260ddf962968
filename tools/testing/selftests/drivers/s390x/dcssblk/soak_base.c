// SPDX-License-Identifier: GPL-2.0
/* What all parts of soak stand on, see soak_base.h. */
#include <stdarg.h>
#include <sys/prctl.h>

#include "../../../kselftest.h"
#include "soak_base.h"

struct shared *shm;
struct options o = { .rounds = 1000, .dir = "/tmp/soak" };
struct worker workers[MAX_DEVICES];
int nr_workers;
int my_id;

static unsigned long long rng_state;
static unsigned int step;

/*
 * Random numbers: splitmix64
 */

static unsigned long long mix(unsigned long long z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

unsigned long long rng(void)
{
	rng_state += 0x9e3779b97f4a7c15ULL;
	return mix(rng_state);
}

/* 0 to @n - 1 */
unsigned long below(unsigned long n)
{
	return n ? rng() % n : 0;
}

bool one_in(unsigned int n)
{
	return !below(n);
}

/* Each round has a sequence of its own, to be replayed without the others. */
static void rng_round(int id, unsigned int round)
{
	rng_state = mix(o.seed + mix(id + 1) + mix(~0ULL - round));
}

/*
 * Reports
 */

const char *part_name(int id)
{
	return id == CROSS ? "cross" : id == PROBE ? "probe" : workers[id].name;
}

void where(int id, char *buf, size_t len)
{
	struct shared_part *p = &shm->part[id];

	snprintf(buf, len, "seed %llu worker %s round %u: %s", o.seed,
		 part_name(id), p->round, p->what);
}

/* All stop: what is on the devices now shows what went wrong. */
void bad(const char *fmt, ...)
{
	char text[512], place[256];
	int err = errno;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	where(my_id, place, sizeof(place));
	printf("# FAILED: %s: %s (errno now: %s)\n", place, text,
	       strerror(err));
	if (my_id < MAX_DEVICES)
		printf("# to replay: --seed %llu --worker %s --from %u --rounds %u --trace\n",
		       o.seed, part_name(my_id),
		       shm->part[my_id].round / LIFE * LIFE, LIFE);
	fflush(stdout);
	__atomic_store_n(&shm->failed, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&shm->stop, 1, __ATOMIC_RELAXED);
	_exit(KSFT_FAIL);
}

/*
 * Say what is being done: in shared memory for the one who watches, and in the
 * name of the process, for the kernel's oops.
 */
void begin_step(const char *what)
{
	struct shared_part *p = &shm->part[my_id];
	char comm[24];

	snprintf(p->what, sizeof(p->what), "%u %s", step, what);
	snprintf(comm, sizeof(comm), "%d.%u.%u %s", my_id, p->round % 100000,
		 step % 100, what);
	prctl(PR_SET_NAME, comm);
	p->beat++;
	step++;
	if (o.trace)
		printf("# %s %u %s\n", part_name(my_id), p->round, p->what);
}

void trace(const char *fmt, ...)
{
	va_list args;

	if (!o.trace)
		return;
	va_start(args, fmt);
	printf("#	");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

void set_round(unsigned int round)
{
	shm->part[my_id].round = round;
	rng_round(my_id, round);
	step = 0;
}
