#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# DAX on segments of every kind, size and place: add the segment, see that it
# has DAX, mount a file system -o dax, use pages from one end of it to the other,
# remove it, and see that all is as it was. To be run as root on z/VM:
#
#	-O DIRECTORY [-C TEXT] CASES
#	-O DIRECTORY	on a block device without DAX, for direct I/O
#	-C TEXT		only cases whose title contains TEXT
#
# CASES is a file with commands, the functions of places_cases.sh and
# places_more.sh, for segments that are defined; mkplaces.sh writes such files. A
# HEAD is the begin of an ext4 file system, of its metadata, and compressed by
# gzip: it is copied to a device that can be written. All metadata have to be at
# the begin, as mkfs.ext4 -E packed_meta_blocks=1 puts them.
#
# The result is KTAP: a line for each case, its steps are indented.
set -u

. "$(dirname "$0")/lib.sh"
. "$here/places_steps.sh"
. "$here/places_cases.sh"
. "$here/places_more.sh"
tmp=${TMPDIR:-/tmp}/places.$$
other='' device='' name='' fstype='' head='' options='' only=''

while getopts O:C: opt; do
	case $opt in
	O)	other=$OPTARG ;;
	C)	only=$OPTARG ;;
	*)	sed -n '/^#	/s/^#	//p' "$0" >&2
		exit 1 ;;
	esac
done
shift $((OPTIND - 1))

# The status tells whether it is wanted.
begin()		# begin TITLE
{
	title=$1
	case $title in
	*"$only"*) ;;
	*)	return 1 ;;
	esac
	steps=0
	bad=0
	mark
}

step()		# step NAME COMMAND...: its output is shown if it fails
{
	what=$1
	shift
	steps=$((steps + 1))
	if "$@" >"$tmp/out" 2>&1; then
		echo "    ok $steps $what"
	else
		echo "    not ok $steps $what"
		sed 's/^[# ]*/    # /' "$tmp/out"
		bad=$((bad + 1))
		return 1
	fi
}

no_complaints()
{
	! complaints
}

# What a step left behind must not be in the way of the next case.
end()
{
	umount "$tmp/mnt" "$tmp/mnt2" 2>/dev/null
	for seg in "$root"/*/seglist; do
		[ ! -e "$seg" ] || basename "${seg%/*}" >"$root/remove"
	done
	step 'kernel log' no_complaints
	echo "    1..$steps"
	[ "$bad" = 0 ]
	result $? "$title"
}

mkdir -p "$tmp/mnt" "$tmp/mnt2"
trap 'rm -f "$tmp"/* 2>/dev/null; rmdir "$tmp"/* "$tmp" 2>/dev/null' EXIT
[ -d $root ] || modprobe dcssblk 2>/dev/null
[ -w $root/add ] && [ $# = 1 ] ||
	skip_all "dcssblk, root and a file of cases are needed"
begin_tap
[ -r /sys/kernel/debug/kernel_page_tables ] ||
	echo "# no debugfs: page tables are not compared"
# shellcheck disable=SC1090
. "$1"
end_tap places
