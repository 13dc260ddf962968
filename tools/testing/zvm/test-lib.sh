# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the tests that are scripts have in common: TAP on stdout, and a directory
# of their own, $work, which goes with them.
#
# What is tested leaves its status in $rc, and its output in $work/out and
# $work/err.

number=0 failures=0 rc=0
work=$(mktemp -d "${TMPDIR:-/tmp}/zvm-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

echo 'TAP version 13'

ok() {
	number=$((number + 1))
	echo "ok $number - $1"
}

not_ok() {
	number=$((number + 1))
	failures=$((failures + 1))
	echo "not ok $number - $1"
	echo "# exit status $rc"
	for file in out err; do
		[ ! -e "$work/$file" ] || sed "s/^/# $file: /" "$work/$file" | head -n 30
	done
}

# check NAME COMMAND...: the command tells whether the test passes.
check() {
	name=$1
	shift
	if "$@" >/dev/null 2>&1; then ok "$name"; else not_ok "$name"; fi
}

says() { grep -q -e "$1" "$work/err"; }
exited() { [ "$rc" -eq "$1" ]; }

# The end of a test: its plan and its status.
finish() {
	echo "1..$number"
	[ $failures -eq 0 ]
}
