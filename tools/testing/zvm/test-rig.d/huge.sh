# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# A page of 1 MiB in a process, on two CPUs.

if ! command -v "$GUESTCC" >/dev/null; then
	ok "--edat, a huge page # SKIP $GUESTCC is missing"
	return
fi
cat >"$work/huge.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
	char line[256], *p = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *smaps = fopen("/proc/self/smaps", "r");

	madvise(p, 4 << 20, MADV_HUGEPAGE);
	memset(p, 1, 4 << 20);
	while (fgets(line, sizeof(line), smaps))
		if (!strncmp(line, "AnonHugePages:", 14))
			fputs(line, stdout);
	return 0;
}
END
"$GUESTCC" -O2 -static -o "$work/hugepage" "$work/huge.c"
boot --edat --smp 2 --add "$work/hugepage" <<'END'
cd /sys/kernel/mm/transparent_hugepage || exit 4
echo madvise >enabled
/root/hugepage
END
if exited 69; then
	ok "--edat, a huge page # SKIP $(cut -d: -f3- "$work/err")"
	return
fi
if exited 4; then
	ok '--edat, a huge page # SKIP the kernel has no transparent huge pages'
	return
fi
check '--edat: a process gets huge pages' has 'AnonHugePages: *[1-9]'
check '--edat: the run is clean' exited 0
