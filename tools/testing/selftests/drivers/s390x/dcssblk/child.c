// SPDX-License-Identifier: GPL-2.0
/* Children that do a part of a case, see child.h. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../../../kselftest.h"
#include "child.h"
#include "say.h"

/* A child that does not survive its parent. */
pid_t fork_child(void)
{
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* It may be gone by now. */
		if (getppid() != parent)
			_exit(KSFT_FAIL);
	}
	return pid;
}

int child_result(pid_t pid)
{
	int status;

	if (pid < 0)
		return fails("fork");
	if (waitpid(pid, &status, 0) != pid)
		return fails("waitpid");
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return wrong("killed by signal %d%s", WTERMSIG(status),
		     WTERMSIG(status) == SIGALRM ? " (takes too long)" : "");
}
