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
known=''

# Results

result()	# result STATUS NAME: as kselftest counts
{
	tests=$((tests + 1))
	case $1 in
	0)	echo "ok $tests $2" ;;
	4)	echo "ok $tests # SKIP $2" ;;
	*)	echo "not ok $tests $2"
		failed=$((failed + 1)) ;;
	esac
}

say()
{
	echo "# $*"
}

# As the first and the last thing of a script; the status is that of the tests.
begin_tap()
{
	[ -n "${KSFT_TAP_LEVEL-}" ] || echo "TAP version 13"
}

end_tap()	# end_tap NAME
{
	echo "1..$tests"
	say "$1: $((tests - failed)) passed, $failed failed"
	[ $failed = 0 ]
}

skip_all()	# skip_all WHY
{
	echo "1..0 # SKIP $1"
	exit 4
}

# The kernel log

mark()
{
	marks=$((marks + 1))
	echo "$marker mark $marks" >/dev/kmsg
}

# Where so much was said that the mark is lost, all that is left.
log()		# log [MARK]: the kernel log since the last mark, or that one
{
	dmesg | awk -v mark="$marker mark ${1-$marks}" '
		{ line[NR] = $0 }
		index($0, mark) + length(mark) == length($0) + 1 { from = NR }
		END { for (i = from + 1; i <= NR; i++) print line[i] }'
}

complaints()	# complaints [MARK]: the same words as in klog.c
{
	log "$@" | grep -E 'BUG|WARNING|Bad page|Oops|Unable to handle'
}

check_log()	# check_log NAME [MARK]: without those that are in $known
{
	check_name=$1
	shift
	bad_lines=$(complaints "$@" | grep -v -E -e "${known:-^\$}")
	[ -z "$bad_lines" ] || echo "$bad_lines" | sed 's/^/# /'
	[ -z "$bad_lines" ]
	result $? "$check_name: kernel log"
}

# Devices

settled()	# settled COMMAND...: whoever is still there lets go in a moment
{
	for _ in $(seq 240); do
		"$@" 2>/dev/null && return
		sleep 1
	done
	"$@"
}

store()		# store TEXT FILE, in a shell of its own for its message
{
	# shellcheck disable=SC2016 # expanded there
	sh -c 'echo "$1" >"$2"' sh "$1" "$2"
}

# A segment, or several of them, and not the path of another device with DAX.
is_dcss()	# is_dcss SEGMENT
{
	case $1 in
	/*|*:/*) return 1 ;;
	esac
}

node_of()	# node_of NAME: its block device, when udev has done its work
{
	case $1 in
	/*)	echo "$1"
		return ;;
	esac
	for _ in $(seq 240); do
		for d in "$root/$1"/block/*; do
			d=/dev/${d##*/}
			[ ! -b "$d" ] || {
				echo "$d"
				return
			}
		done
		sleep 1
	done
	return 1
}

add_device()	# add_device LIST: sets $name and $device
{
	is_dcss "$1" || {
		device=$1
		[ -b "$1" ]
		return
	}
	store "$1" $root/add || return
	name=$(echo "${1%%:*}" | tr '[:lower:]' '[:upper:]')
	device=$(node_of "$name")
}

remove_device()	# remove_device NAME
{
	! is_dcss "$1" || settled store "$1" $root/remove
}

# What a device may not leave behind, as the kernel counts it: see
# kernel_counts() in proc.c. Where a module has been, the 1:1 mapping stays in
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
