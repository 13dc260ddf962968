# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Dumps of guest memory: what the guest has put together there, and nobody else has.

is_core() {
	LC_ALL=C readelf -h "$1" >"$work/header" 2>/dev/null
	grep -q 'Type:.*CORE' "$work/header" && grep -q 'Machine:.*S/390' "$work/header"
}

# DUMP's last page is not read. There is nothing below FAR, which is not loaded.
cat >"$work/dumped" <<'END'
mark=dumped-in-guest
echo "$mark-memory" >/tmp/mark
echo DUMP >/sys/devices/dcssblk/add
echo ready
END
make_image dump.img 256
segments="--dcss DUMP,SR,20000-200FF,$work/dump.img --dcss FAR,SN,30000-300FF"

(cat "$work/dumped"; echo 'sleep 1; echo c >/proc/sysrq-trigger') >"$work/panics"
# shellcheck disable=SC2086 # options
boot --dump "$work/core" $segments <"$work/panics"
check '--dump: a panic is 70 as without it' exited 70
check '--dump: the panic is shown' says 'sysrq triggered crash'
check '--dump: says where it is' says "^zvm-run: the guest's memory is in .*/core\$"
check '--dump: a panic leaves a core of an s390' is_core "$work/core"
check "--dump: with the guest's memory" grep -q 'dumped-in-guest-memory' "$work/core"
check "--dump: and its segment's" grep -q 'page 255 of dump.img' "$work/core"
check '--dump: QEMU alone has touched the rest' eval '! says "touched page"'

(cat "$work/dumped"
 echo 'cat; echo FAR >/sys/devices/dcssblk/add && echo loaded later') >"$work/goes_on"
mkfifo "$work/input"
: >"$work/out"
# shellcheck disable=SC2086 # options
TMPDIR=$work/tmp ZVM_BUILD=$rig "$here/zvm-run" --timeout 1800 --dump "$work/core" \
	$segments --add "$work/goes_on:/root/script" \
	-- sh /root/script <"$work/input" >"$work/out" 2>"$work/err" &
exec 5>"$work/input"
until grep -q ready "$work/out" || ! kill -0 $!; do sleep 1; done
for again in first second; do
	: >"$work/err"
	kill -USR1 $! || :
	until says 'dump\|memory is in' || ! kill -0 $!; do sleep 1; done
	check "--dump: on request, the $again time" is_core "$work/core"
	check "--dump: the guest's memory, the $again time" \
		grep -q 'dumped-in-guest-memory' "$work/core"
done
echo 'the guest goes on' >&5 || :
exec 5>&-
rc=0
wait $! || rc=$?
check '--dump: the guest goes on' has '^the guest goes on$'
check '--dump: what is loaded later is no matter' has '^loaded later$'
check '--dump: and ends as any other' exited 0
check '--dump: its owner can write to it' [ -w "$work/core" ]
rm -f "$work/core"
