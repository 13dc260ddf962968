# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Dumps of guest memory: what the guest has put together there, and nobody else has.

is_core() {
	LC_ALL=C readelf -h "$1" >"$work/header" 2>/dev/null
	grep -q 'Type:.*CORE' "$work/header" && grep -q 'Machine:.*S/390' "$work/header"
}

cat >"$work/dumped" <<'END'
for part in in-guest in-segment; do
	marks="$marks dumped-$part"
done
set -- $marks
echo "$1-memory" >/tmp/mark
echo DUMP >/sys/devices/dcssblk/add
echo "$2-memory" | dd of=/dev/dcssblk0 bs=4096 conv=sync 2>/dev/null
echo ready
END

(cat "$work/dumped"; echo 'sleep 1; echo c >/proc/sysrq-trigger') >"$work/panics"
boot --dump "$work/core" --dcss DUMP,SN,20000-200FF <"$work/panics"
check '--dump: a panic is 70 as without it' exited 70
check '--dump: the panic is shown' says 'sysrq triggered crash'
check '--dump: says where it is' says "^zvm-run: the guest's memory is in .*/core\$"
check '--dump: a panic leaves a core of an s390' is_core "$work/core"
check "--dump: with the guest's memory" grep -q 'dumped-in-guest-memory' "$work/core"
check "--dump: and its segment's" grep -q 'dumped-in-segment-memory' "$work/core"
rm -f "$work/core"

(cat "$work/dumped"; echo 'cat') >"$work/goes_on"
mkfifo "$work/input"
TMPDIR=$work/tmp ZVM_BUILD=$rig "$here/zvm-run" --timeout 1800 --dump "$work/core" \
	--dcss DUMP,SN,20000-200FF --add "$work/goes_on:/root/script" \
	-- sh /root/script <"$work/input" >"$work/out" 2>"$work/err" &
exec 5>"$work/input"
until grep -q ready "$work/out" || ! kill -0 $!; do sleep 1; done
for again in first second; do
	rm -f "$work/core"
	: >"$work/err"
	kill -USR1 $!
	until says 'memory is in' || ! kill -0 $!; do sleep 1; done
	check "--dump: on request, the $again time" is_core "$work/core"
	check "--dump: the guest's memory, the $again time" \
		grep -q 'dumped-in-guest-memory' "$work/core"
done
echo 'the guest goes on' >&5
exec 5>&-
rc=0
wait $! || rc=$?
check '--dump: the guest goes on' has '^the guest goes on$'
check '--dump: and ends as any other' exited 0
rm -f "$work/core"
