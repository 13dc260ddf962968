# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# A terminal on both sides.

rc=0
command -v script >/dev/null || return 0
# script takes the end of its input for the end of the session.
mkfifo "$work/keys"
TMPDIR=$work/tmp script -qec "stty rows 33 columns 77; '$here/zvm-run' --timeout 1800 -- sh" \
	/dev/null <"$work/keys" >"$work/out" 2>"$work/err" &
typist=$!
exec 5>"$work/keys"
printf 'tty; stty size; exit 5\n' >&5
wait $typist || rc=$?
exec 5>&-
check 'a terminal gets a terminal' has '^/dev/hvc1'
check 'the terminal has the size of the outer one' has '^33 77'
check 'the exit status passes through' exited 5
