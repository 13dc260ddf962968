# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What --profile counts, in a guest that makes a hundred system calls between the marks
# and as many outside them.

if ! command -v "$GUESTCC" >/dev/null; then
	ok "profile # SKIP $GUESTCC is missing"
	return
fi
cat >"$work/calls.c" <<'END'
#include <sys/syscall.h>
#include <unistd.h>

static void calls(long nr)
{
	for (int i = 0; i < 100; i++)
		syscall(nr);
}

int main(void)
{
	calls(SYS_getppid);
	asm volatile("nopr %%r3" ::: "memory");
	calls(SYS_getppid);
	asm volatile("nopr %%r5" ::: "memory");
	calls(SYS_getsid);
	return 0;
}
END
"$GUESTCC" -O2 -static -no-pie -o "$work/calls" "$work/calls.c"
zvm_run --icount --profile "$work/profile" --add "$work/calls" -- /root/calls </dev/null
check 'a run with --profile is like others' clean
calls_of() {
	awk -v name="$1" '$3 ~ name "$" { n = $1 } END { print n + 0 }' "$work/profile"
}
n=$(calls_of sys_getppid)
check 'each call between the marks counts' [ "$n" -ge 100 -a "$n" -le 10000 ]
check '... as often as the others' [ $((n % 100)) -eq 0 ]
check 'what comes behind them does not' [ "$(calls_of sys_getsid)" -eq 0 ]
check 'the program counts, too' grep -q 'user space$' "$work/profile"
cp "$work/profile" "$work/profile.1"
zvm_run --icount --profile "$work/profile" --add "$work/calls" -- /root/calls </dev/null
check 'another run gives the same' [ "$(calls_of sys_getppid)" -eq "$n" ]
zvm_run --profile "$work/profile" -- true </dev/null
check 'a program without marks: the table says so' grep -q 'nothing' "$work/profile"
zvm_run --profile "$work/none/profile" -- true </dev/null
check 'a file that cannot be written is a usage error' exited 2
printf '%016x T %s\n' 4096 f 8192 g 12288 _etext >"$work/symbols"
printf '%016x %d\n' 4100 5000000000 8196 5000000000 >"$work/counts"
"$here/profile-report" "$work/counts" "$work/symbols" >"$work/profile"
check 'billions are counted' [ "$(grep -c '^ *5000000000  50.0% [fg]' "$work/profile")" = 2 ]
