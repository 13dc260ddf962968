# SPDX-License-Identifier: GPL-2.0
#
# What the scripts of the DCSS tests share: the driver, results, the kernel log,
# and free memory. To be sourced, with $0 of the script.
# shellcheck shell=sh disable=SC2034 # for those who source it

here=$(cd "$(dirname "$0")" && pwd)
root=/sys/devices/dcssblk
marker="${0##*/} $$"
marks=0
tests=0
failed=0

result()	# result STATUS NAME: as kselftest counts
{
	tests=$((tests + 1))
	case $1 in
	0)	echo "ok $tests $2" ;;
	2)	echo "ok $tests # XFAIL $2" ;;
	4)	echo "ok $tests # SKIP $2" ;;
	*)	echo "not ok $tests $2"
		failed=$((failed + 1)) ;;
	esac
}

say()
{
	echo "# $*"
}

mark()
{
	marks=$((marks + 1))
	echo "$marker mark $marks" >/dev/kmsg
}

log()		# log [MARK]: the kernel log since the last mark, or that one
{
	dmesg | sed "1,/$marker mark ${1-$marks}\$/d"
}

complaints()	# complaints [MARK]
{
	log "$@" | grep -E 'BUG|WARNING|Bad page|Oops|Unable to handle'
}

free_kb()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	# Objects that KASAN keeps for a while after they were freed.
	for slab in /sys/kernel/slab/*/shrink; do
		[ ! -w "$slab" ] || echo 1 >"$slab"
	done
	# Free pages on per-CPU lists, megabytes of them, are not in MemFree.
	awk '/^MemFree:/ { sum += $2 }
	     $1 == "count:" { sum += $2 * 4 }
	     END { print sum }' /proc/meminfo /proc/zoneinfo
}

# What the kernel frees later, by RCU or a worker, is waited for.
memory_as_before()	# memory_as_before KB SLACK
{
	for _ in 1 2 3 4 5; do
		now=$(free_kb)
		[ $(($1 - now)) -ge "$2" ] || break
		sleep 1
	done
	say "free: $1 kB, $now kB afterwards"
	[ $(($1 - now)) -lt "$2" ]
}
