# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Killed in the middle, zvm-run takes QEMU and its files with it.

no_qemu() { ! pgrep -f "$work/tmp/"; }

rc=0
TMPDIR=$work/tmp ZVM_BUILD=$rig "$here/zvm-run" -- sleep 1000 </dev/null \
	>"$work/out" 2>"$work/err" &
pid=$!
sleep 1
kill "$pid"
wait "$pid" || rc=$?
check 'a signal ends zvm-run' exited 143
check 'a signal: nothing is left' [ -z "$(ls "$work/tmp")" ]
check 'a signal: QEMU is gone' no_qemu
