// SPDX-License-Identifier: GPL-2.0
/* Steps that are done with one segment after the other, see steps.h. */
#include <sys/mount.h>

#include "../../../kselftest.h"
#include "admin.h"
#include "dcss.h"
#include "steps.h"

char seg_list[512], seg_name[16];
const char *seg_type;

static const char *where;	/* it is mounted */
static bool failed;

static void take_segment(const char *arg)
{
	seg_type = strchr(arg, '=') + 1;
	snprintf(seg_list, sizeof(seg_list), "%.*s",
		 (int)(seg_type - 1 - arg), arg);
	snprintf(seg_name, sizeof(seg_name), "%.*s",
		 (int)strcspn(seg_list, ":"), seg_list);
	failed = false;
}

static int one_step(struct area *a)
{
	const struct step *s = a->arg;
	static unsigned int taken;
	int rc;

	if (a->nr != taken)
		take_segment(opt.word[a->nr]);
	taken = a->nr;
	if (failed)
		return skip("a step before it has failed");
	rc = s->run();
	failed = rc == KSFT_FAIL;
	if (!failed)
		return rc;
	umount2(where, MNT_DETACH);
	store("remove", seg_name);
	return rc;
}

void add_steps(int nr, const struct step *steps, const char *mountpoint)
{
	struct dcss_case c = { "", one_step, 0, IN_PLACE, NULL, nr };

	where = mountpoint;
	for (; steps->what; steps++) {
		c.arg = steps;
		dcss_case(&c, "%s: %s", opt.word[nr], steps->what);
		c.flags |= AFTER;
	}
}
