#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# DAX on DCSSs: add segments, mount them -o dax, run the tests on them, and
# see that all is as it was afterwards. To be run as root on z/VM:
#
#	[options]
#	-s SEGMENT:FSTYPE[:ro][:large]
#				test this segment, which has a file system;
#				one that is not read-only gets written to,
#				in a directory of its own. large: its files can
#				be aligned to large pages, test them as well if
#				the machine has such pages
#	-o SEGMENT:FSTYPE	a scratch segment, mounted without DAX: what
#				the direct I/O of the other segments goes to
#	-O DIRECTORY		instead of -o: on a block device without DAX
#	-n SEGMENT:FSTYPE	mount -o dax must be refused here, /dev/NAME is
#				any other block device
#	-b SEGMENT[,PAIR[,APART[,OVERLAP[=PAGES][,STORAGE[=PAGES]]]]]
#				bad input to sysfs, see sysfs.c; the last two
#				segments are defined first if PAGES are given:
#				part of SEGMENT, and part of guest storage
#	-c FIRST:SECOND		a device of two segments, for -b
#	-a FSTYPE:SEGMENT=TYPE[,SEGMENT=TYPE...]
#				access modes and saving, see shared.c and save.c
#	-m SINGLE,FIRST:SECOND,READONLY
#				the module parameter, see params.sh
#	-u FSTYPE:LIST		another driver uses a segment, see users.sh
#	-f FSTYPE:LIST[=CASE]	memory fails, see fail.c
#	-F FSTYPE:LIST		CP fails, see cpfail.c: on tools/testing/zvm only
#	-d FSTYPE:SEGMENT[:SEGMENT]
#				dm-linear over them has a file system, see end.c
#	-D FSTYPE:FIRST:SECOND	dm-stripe over them has a file system, half a
#				megabyte on each in turn, see clone.c
#	-p SWAP:SEGMENT:FSTYPE[:ro][:large][,SEGMENT:FSTYPE...]
#				memory is short and the first segment, or
#				/dev/zram0, is a swap area, see pressure.c: best
#				in 100 MiB of storage
#	-P REGEX		only what has such a name ("EXT4: gup"), and
#				what it needs
#	-C TEXT			only cases of it whose name contains TEXT
#	-M TEXT			only on mappings such as "shared"
#	-x REGEX		leave out what has all of such a name
#	-w			wait a minute after a report of the kernel, for
#				the next one to be seen
#	-k REGEX		reports that are known: they fail a case, but
#				not what is said of the kernel's log
#
# Where a segment has a file system and is not defined or saved (-s, -n, -d, -D), it
# can be the path of any other block device with DAX, on any machine. What only a
# DCSS has is skipped then.
#
# The segments and their images are made by mkimages.sh. In a guest with
# 512 MiB of storage, on z/VM or on tools/testing/zvm:
#
#	-o OTHER:ext4 -s EXT4:ext4 -s XIP:ext2:ro
#
# The result is KTAP: a line for each program, its cases are indented.
set -u

. "$(dirname "$0")/lib.sh"
. "$here/files.sh"
. "$here/segments.sh"
tmp=${TMPDIR:-/tmp}/dcssblk.$$
segments='' other='' otherdir='' refused='' bad='' chain='' mapper=''
types='' params='' users='' nomem='' nocp='' pressure='' stripes=''
programs='' only='' mapping='' without='' wait='' ran='' known=''

while getopts s:o:O:n:b:c:a:m:u:f:F:d:D:p:P:C:M:x:wk: opt; do
	case $opt in
	s)	segments="$segments $OPTARG" ;;
	o)	other=$OPTARG ;;
	O)	otherdir=$OPTARG ;;
	n)	refused="$refused $OPTARG" ;;
	b)	bad=$OPTARG ;;
	c)	chain=$OPTARG ;;
	a)	types=$OPTARG ;;
	m)	params=$OPTARG ;;
	u)	users=$OPTARG ;;
	f)	nomem="$nomem $OPTARG" ;;
	d)	mapper="$mapper $OPTARG" ;;
	D)	stripes="$stripes $OPTARG" ;;
	p)	pressure=$OPTARG ;;
	F)	nocp="$nocp $OPTARG" ;;
	P)	programs=$OPTARG ;;
	C)	only=$OPTARG ;;
	M)	mapping=$OPTARG ;;
	x)	without="$without|$OPTARG" ;;
	w)	wait=1 ;;
	k)	known=$OPTARG ;;
	*)	sed -n '/^#	/s/^#	//p' "$0" >&2
		exit 1 ;;
	esac
done

selected()	# selected NAME
{
	[ -z "$programs" ] || echo "$1" | grep -q -E -e "$programs"
}

left_out()	# left_out NAME
{
	[ -n "$without" ] && echo "$1" | grep -q -x -E -e "${without#|}"
}

# run NAME PROGRAM...: one test, its output indented
run()
{
	run_name=$1 program=$2
	shift 2
	selected "$run_name" || return 0
	! left_out "$run_name" || {
		result 4 "$run_name"
		return 0
	}
	{
		case $program in
		*.sh)	set -- "$here/$program" "$@" ;;
		*)	set -- "$here/$program" ${only:+--only "$only"} \
				${mapping:+--mapping "$mapping"} \
				${wait:+--wait} "$@" ;;
		esac
		KSFT_TAP_LEVEL=1 "$@" 2>&1
		echo $? >"$tmp/status"
	} | while IFS= read -r line; do
		echo "    $line"
	done
	status=$(cat "$tmp/status")
	# Not one of its cases was wanted.
	[ -n "$only" ] && [ "$status" = 4 ] && return
	ran=1
	result "$status" "$run_name"
}

# seg, type, ro and large of SEGMENT:FSTYPE[:ro][:large]
split()
{
	seg=${1%%:*}
	ro=
	large=
	type=${1#*:}
	case $type in
	*:large) type=${type%:large}
		large=large ;;
	esac
	case $type in
	*:ro)	type=${type%:ro}
		ro=ro ;;
	esac
	mnt=$tmp/$(basename "$seg")
	mkdir -p "$mnt"
}

mount_dax()
{
	mount -t "$type" -o "${ro:+ro,}dax" "$(node_of "$seg")" "$mnt"
}

# What the checkers of a debug kernel have found, but do not print by themselves.
checkers()
{
	leaks=/sys/kernel/debug/kmemleak
	if [ -w "$leaks" ]; then
		# What is younger than five seconds, or has changed since the
		# last scan, is not taken for lost: two scans. The first one is
		# refused if kmemleak has switched itself off.
		echo scan >"$leaks" && sleep 6 && echo scan >"$leaks" &&
			cat "$leaks" >"$tmp/leaks" && ! [ -s "$tmp/leaks" ]
		result $? "kmemleak: nothing"
		[ ! -s "$tmp/leaks" ] || sed 's/^/# /' "$tmp/leaks"
	fi
	if [ -r /proc/lockdep_stats ]; then
		# Out of table space it switches itself off, and says so below
		# the level of the console.
		grep -q 'debug_locks: *1' /proc/lockdep_stats
		result $? "lockdep: on to the end"
	fi
}

mkdir -p "$tmp"
trap 'rm -f "$tmp"/* 2>/dev/null; rmdir "$tmp"/* "$tmp" 2>/dev/null' EXIT
[ -d $root ] || modprobe dcssblk 2>/dev/null || insmod dcssblk.ko 2>/dev/null
some='' driver=''
for s in $segments $bad $refused $types $params $users $nomem $nocp $mapper \
	$stripes $pressure; do
	some=1
	! is_dcss "$s" || driver=1
done
[ -n "$some" ] && { [ -z "$driver" ] || [ -w $root/add ]; } ||
	skip_all "dcssblk, root and the name of a segment are needed"

begin_tap
[ -z "$bad" ] || bad_input
[ -z "$params" ] || module_parameter
[ -z "$users" ] || two_users
[ -z "$pressure" ] || memory_pressure
for s in $nomem; do
	no_memory "$s"
done
for s in $nocp; do
	no_cp "$s"
done
with_other
[ -z "$types" ] || administrator
for s in $segments; do
	one_segment "$s"
done
[ -z "$mapper$stripes" ] || modprobe dm-mod 2>/dev/null
for s in $mapper; do
	device_mapper "device mapper" end "$s"
done
for s in $stripes; do
	device_mapper "clone, striped" clone "$s"
done
without_other
for s in $refused; do
	one_refused "$s"
done
checkers
[ -z "$programs$only" ] || [ "$ran" ] || result 1 "there is no such test"
end_tap dcssblk
