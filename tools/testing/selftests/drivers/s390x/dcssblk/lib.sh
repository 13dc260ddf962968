# SPDX-License-Identifier: GPL-2.0
#
# What the scripts of the DCSS tests share: the driver, results, the kernel log,
# and what the kernel counts. To be sourced, with $0 of the script.
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

# What a device may not leave behind, as the kernel counts it: see
# kernel_counts() in common.c. Where a module has been, the 1:1 mapping stays in
# smaller pages: leave it out.
counts()	# counts [vmemmap]
{
	tables=/sys/kernel/debug/kernel_page_tables
	from='Identity Mapping Start'
	grep '^nr_memmap' /proc/vmstat
	if [ -n "${1-}" ]; then
		from='vmemmap Area Start'
	else
		grep '^DirectMap' /proc/meminfo
	fi
	[ ! -r $tables ] || sed -n "/$from/,/vmemmap Area End/p" $tables
}

# Shows what is different from an earlier text of counts().
counts_as_before()	# counts_as_before TEXT [vmemmap]
{
	was=$1
	shift
	is=$(counts "$@")
	[ "$is" = "$was" ] && return
	say "before: $(echo "$was" | grep '^nr_memmap' | tr '\n' ' ')"
	say "now: $(echo "$is" | grep '^nr_memmap' | tr '\n' ' ')"
	echo "$is" | while IFS= read -r line; do
		echo "$was" | grep -q -x -F -e "$line" || say "new: $line"
	done
	return 1
}
