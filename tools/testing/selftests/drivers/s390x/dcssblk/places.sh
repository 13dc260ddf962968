#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# DAX on segments of every kind, size and place: add the segment, see that it
# has DAX, mount a file system -o dax, use pages from one end of it to the other,
# remove it, and see that all is as it was. To be run as root on z/VM:
#
#	[-S] -O DIRECTORY CASES
#	-O DIRECTORY	on a block device without DAX, for direct I/O
#	-S		the kernel has no struct pages for a DCSS: whatever
#			uses them has to fail; $DCSSBLK_STOCK=1
#
# CASES is a file with commands of this script, the functions below from dax()
# on, for segments that are defined. scripts/check-places writes such files. A
# HEAD is the begin of an ext4 file system, of its metadata, and compressed by
# gzip: it is copied to a device that can be written. All metadata have to be at
# the begin, as mkfs.ext4 -E packed_meta_blocks=1 puts them.
#
# The result is KTAP: a line for each case, its steps are indented.
set -u

. "$(dirname "$0")/lib.sh"
tmp=${TMPDIR:-/tmp}/places.$$
stock=${DCSSBLK_STOCK:-0}
other='' device='' name='' fstype='' head='' options=''

while getopts O:S opt; do
	case $opt in
	O)	other=$OPTARG ;;
	S)	stock=1 ;;
	*)	sed -n '/^#	/s/^#	//p' "$0" >&2
		exit 1 ;;
	esac
done
shift $((OPTIND - 1))

# Cases and steps

begin()		# begin TITLE
{
	title=$1
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

# Without struct pages it must not work.
end_stock()
{
	reached=$bad
	bad=0
	umount "$tmp/mnt" 2>/dev/null
	echo "$name" >"$root/remove"
	echo "    1..$steps"
	if [ "$reached" = 0 ]; then
		result 1 "$title: works where it must fail"
	else
		result 2 "$title: no struct pages"
	fi
}

# What a kernel shows

# Addresses and their users. Where a stack is, or the per-CPU data of whoever
# came last, says nothing about segments, nor what is free but for a TLB flush.
snapshot()	# snapshot FILE
{
	{
		cat /proc/iomem
		counts
		grep -vE 'dup_task_struct|alloc_thread_stack|pcpu_|unpurged' \
			/proc/vmallocinfo | sort
	} >"$1"
}

as_before()
{
	snapshot "$tmp/after"
	diff "$tmp/before" "$tmp/after"
}

# From the first to the last byte of the segments of a list, in hexadecimal.
range()		# range LIST
{
	awk -v list="$(echo "$1" | tr a-z: 'A-Z ')" '
		BEGIN { n = split(list, names, " ")
			for (i = 1; i <= n; i++) wanted[names[i]] = 1 }
		$4 == "(DCSS)" && $3 in wanted {
			split($1, ends, "-")
			if (first == "") first = ends[1]
			last = ends[2]
		}
		END { print first, last }' /proc/iomem
}

kilobytes()	# kilobytes FIRST LAST
{
	echo $(((0x$2 - 0x$1 + 1) / 1024))
}

# Devices

add()		# add LIST
{
	echo "$1" >"$root/add" || return
	name=$(echo "${1%%:*}" | tr '[:lower:]' '[:upper:]')
	find_device "$name"
}

find_device()	# find_device NAME
{
	# udev may have work to do.
	for _ in $(seq 240); do
		for device in "$root/$1"/block/*; do
			device=/dev/${device##*/}
			[ ! -b "$device" ] || return 0
		done
		sleep 1
	done
	return 1
}

# Whoever has looked at the new device lets it go in a moment.
remove()	# remove NAME
{
	for _ in $(seq 240); do
		echo "$1" >"$root/remove" && return
		sleep 1
	done
	return 1
}

dax_is()	# dax_is TEXT
{
	text=$(cat "$root/$name/dax") || return
	[ "$text" = "$1" ] || {
		echo "$text, not $1"
		return 1
	}
}

put_head()
{
	zcat "$head" >"$tmp/head" &&
		dd if="$tmp/head" of="$device" bs=1M conv=fsync
}

same_head()
{
	echo 3 >/proc/sys/vm/drop_caches
	dd if="$device" bs=4096 count=$(($(stat -c %s "$tmp/head") / 4096)) |
		cmp - "$tmp/head"
}

block_io()
{
	put_head && same_head
}

mount_dax()	# mount_dax [DIRECTORY]
{
	mount -t "$fstype" -o "${options}dax" "$device" "${1:-$tmp/mnt}"
}

# Files are to take all blocks: ext4 keeps some for itself.
reach()
{
	spare=/sys/fs/ext4/${device#/dev/}/reserved_clusters
	[ ! -e "$spare" ] || echo 0 >"$spare"
	# shellcheck disable=SC2046
	"$here/reach" ${options:+-r} $(range "$list") "$tmp/pages" "$tmp/mnt"
}

verify()
{
	echo 3 >/proc/sys/vm/drop_caches
	# shellcheck disable=SC2046
	"$here/reach" -v $(range "$list") "$tmp/pages" "$device"
}

gup()		# gup DIRECTORY CASES
{
	# shellcheck disable=SC2086
	"$here/gup" ${options:+--readonly} ${other:+--other "$other"} \
		--size 16384 --only "$2" "$1"
}

# One of each way to take pages: for a bio, a pipe, a copy, a key; and fork,
# which must not take them. They want a file of four pages.
gups()
{
	[ -z "$options" ] || [ "$(stat -c %s "$tmp/mnt/data")" -ge 16384 ] ||
		return 0
	for use in 'O_DIRECT write from' 'O_DIRECT read into' \
		'vmsplice and tee' process_vm_readv 'futex wait' 'fork,'; do
		step "gup: $use" gup "$tmp/mnt" "$use" || return
	done
}

store()		# store ATTRIBUTE TEXT
{
	echo "$2" >"$root/$name/$1"
}

# A store has to fail, with the text of the error.
fails_with()	# fails_with ERROR ATTRIBUTE TEXT
{
	! text=$({ echo "$3" >"$root/$2"; } 2>&1) || {
		echo 'it succeeded'
		return 1
	}
	case $text in
	*"$1"*)	;;
	*)	echo "$text"
		return 1 ;;
	esac
}

# Free pages on per-CPU lists, megabytes of them, are not in MemFree.
free_kb()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	# Objects that KASAN keeps for a while after they were freed.
	for slab in /sys/kernel/slab/*/shrink; do
		[ ! -w "$slab" ] || echo 1 >"$slab"
	done
	awk '/^MemFree:/ { sum += $2 }
	     $1 == "count:" { sum += $2 * 4 }
	     END { print sum }' /proc/meminfo /proc/zoneinfo
}

# What the kernel frees later, by RCU or a worker, is waited for.
memory_as_before()	# memory_as_before KB SLACK
{
	for _ in $(seq 60); do
		now=$(free_kb)
		[ $(($1 - now)) -ge "$2" ] || break
		sleep 1
	done
	say "free: $1 kB, $now kB afterwards"
	[ $(($1 - now)) -lt "$2" ]
}

# What is not mapped any more, but not free either, no count of the kernel's
# tells. Others take and free memory, too, some megabytes of it: this is for
# memmaps that add up to much more.
NOISE_KB=16384

rounds()
{
	was=$(counts)
	free=$(free_kb)
	for _ in $(seq "$nr"); do
		add "$list" || return
		[ -z "$head" ] || put_head 2>/dev/null || return
		mount_dax && umount "$tmp/mnt" || return
		remove "$name" || return
	done
	counts_as_before "$was" || return
	[ $((nr * kb / 64 / 2)) -lt $NOISE_KB ] ||
		memory_as_before "$free" $((nr * kb / 64 / 2))
}

memory()
{
	nr=8
	[ "$kb" -le 65536 ] || nr=2
	step "memory as before, $nr rounds" rounds
}

# $list, $head, $fstype and $options say what the device is.
use_all()
{
	step 'mount -o dax' mount_dax || return
	step 'pages from end to end' reach || return
	if [ -z "$options" ]; then
		umount "$tmp/mnt"
		step 'their content is in the segment' verify
		step 'mount -o dax again' mount_dax || return
		rm "$tmp"/mnt/reach "$tmp"/mnt/rest
	fi
	gups
	step 'umount' umount "$tmp/mnt"
}

live()
{
	snapshot "$tmp/before"
	step 'add' add "$list" || return
	# shellcheck disable=SC2046 # two numbers
	kb=$(kilobytes $(range "$list"))
	step 'dax is on' dax_is on
	[ -z "$head" ] || step 'block I/O' block_io || return
	use_all
}

live_stock()
{
	add "$list" && { [ -z "$head" ] || put_head 2>/dev/null; } &&
		mount_dax && step 'pages from end to end' reach
}

gone()
{
	# A step that failed may have left it mounted.
	umount "$tmp/mnt" 2>/dev/null
	step 'remove' remove "$name" || return
	step 'iomem, vmalloc, page tables as before' as_before
}

live_and_go()
{
	if [ "$stock" = 1 ]; then
		live_stock
		end_stock
		return
	fi
	live
	gone && memory
	end
}

# The cases

dax()		# dax TITLE LIST HEAD: a device that can be written
{
	begin "$1"
	list=$2 head=$3 fstype=ext4 options=
	live_and_go
}

dax_ro()	# dax_ro TITLE LIST FSTYPE: there is a file system with "data"
{
	begin "$1"
	list=$2 head='' fstype=$3 options=ro,
	live_and_go
}

# As dax_ro(), then exclusive for this guest and with a file system of its own,
# then shared again.
dax_private()	# dax_private TITLE LIST HEAD FSTYPE
{
	[ "$stock" = 0 ] || return
	begin "$1"
	list=$2 head='' fstype=$4 options=ro,
	live
	step 'shared: 0' store shared 0
	step 'dax is on' dax_is on
	head=$3 fstype=ext4 options=
	step 'block I/O' block_io && use_all
	step 'shared: 1' store shared 1
	head='' fstype=$4 options=ro,
	step 'mount -o ro,dax' mount_dax &&
		step 'the saved content' reach
	step 'umount' umount "$tmp/mnt"
	gone
	end
}

page_io()	# page_io NUMBER
{
	yes "$name $1" | head -c 4096 >"$tmp/page"
	dd if="$tmp/page" of="$device" bs=4096 seek="$1" conv=fsync || return
	echo 3 >/proc/sys/vm/drop_caches
	dd if="$device" bs=4096 skip="$1" count=1 | cmp - "$tmp/page"
}

# A device that is too small for a file system.
page()		# page TITLE SEGMENT
{
	[ "$stock" = 0 ] || return
	begin "$1"
	list=$2
	snapshot "$tmp/before"
	step 'add' add "$list" && {
		step 'dax is on' dax_is on
		step 'block I/O' page_io 0
		gone
	}
	end
}

refused()	# refused TITLE LIST ERROR
{
	[ "$stock" = 0 ] || return
	begin "$1"
	snapshot "$tmp/before"
	step "add: $3" fails_with "$3" add "$2"
	step 'iomem, vmalloc, page tables as before' as_before
	end
}

# While another device is there.
refused_beside()	# refused_beside TITLE PRESENT LIST ERROR
{
	[ "$stock" = 0 ] || return
	begin "$1"
	add "$2"
	snapshot "$tmp/before"
	step "add: $4" fails_with "$4" add "$3"
	step 'iomem, vmalloc, page tables as before' as_before
	step 'dax is on' dax_is on
	step 'block I/O' page_io 0
	remove "$name"
	end
}

stays_shared()	# stays_shared TITLE SEGMENT: of type SC
{
	[ "$stock" = 0 ] || return
	begin "$1"
	snapshot "$tmp/before"
	step 'add' add "$2" && {
		step 'shared: 0' fails_with 'Invalid argument' \
			"$name/shared" 0
		step 'dax is on' dax_is on
		gone
	}
	end
}

mount_refused()
{
	mount_dax || return 0
	umount "$tmp/mnt"
	return 1
}

file_io()
{
	yes "$title" | head -c 65536 >"$tmp/file"
	cp "$tmp/file" "$tmp/mnt/file" && sync &&
		echo 3 >/proc/sys/vm/drop_caches &&
		cmp "$tmp/file" "$tmp/mnt/file"
}

without_dax()	# without_dax REASON
{
	step 'add' add "$list" || return
	step "dax is off: $1" dax_is "off: $1"
	step 'block I/O' block_io
	step 'mount -o dax is refused' mount_refused
	step 'mount' mount -t ext4 "$device" "$tmp/mnt" || return
	step 'file I/O' file_io
	step 'umount' umount "$tmp/mnt"
}

# A block device without DAX, which says why.
off()		# off TITLE LIST REASON HEAD
{
	[ "$stock" = 0 ] || return
	begin "$1"
	list=$2 head=$4 fstype=ext4 options=
	snapshot "$tmp/before"
	without_dax "$3" && gone
	end
}

# Leave half of the memory that the struct pages would take.
hog()
{
	kb=$(awk '/^MemFree:/ { print $2 }' /proc/meminfo)
	mount -t tmpfs -o size=100% none "$tmp/mnt2" &&
		head -c $(((kb - $1 / 2) * 1024)) /dev/zero >"$tmp/mnt2/hog"
}

# The same when there is no memory. Later there is, and there is DAX.
no_memory()	# no_memory TITLE LIST HEAD MIB
{
	[ "$stock" = 0 ] || return
	begin "$1"
	list=$2 head=$3 fstype=ext4 options=
	snapshot "$tmp/before"
	step 'take memory' hog $(($4 * 1024 / 64)) &&
		without_dax 'no memory' &&
		step 'remove' remove "$name"
	step 'give it back' umount "$tmp/mnt2"
	step 'iomem, vmalloc, page tables as before' as_before
	step 'add again' add "$list" && {
		step 'dax is on' dax_is on
		step 'block I/O' block_io && use_all
		gone
	}
	end
}

# The first one is mounted and used all the time. Then it goes before the other.
one_order()	# one_order A B
{
	step "add $1" add "$1" && block_io >/dev/null 2>&1 &&
		mount_dax "$tmp/mnt" || return
	one=$name
	step "use $1" gup "$tmp/mnt" tee
	step "add $2" add "$2" || return
	step "dax is on" dax_is on
	step "use $1" gup "$tmp/mnt" tee
	step "remove $2" remove "$name"
	step "use $1" gup "$tmp/mnt" tee
	step "add $2" add "$2" && block_io >/dev/null 2>&1 &&
		mount_dax "$tmp/mnt2" || return
	step "use $2" gup "$tmp/mnt2" tee
	umount "$tmp/mnt"
	step "remove $1" remove "$one"
	step "use $2" gup "$tmp/mnt2" tee
	umount "$tmp/mnt2"
	step "remove $2" remove "$name"
}

adjacent()	# adjacent TITLE A B HEAD
{
	[ "$stock" = 0 ] || return
	begin "$1"
	head=$4 fstype=ext4 options=
	snapshot "$tmp/before"
	one_order "$2" "$3"
	one_order "$3" "$2"
	step 'iomem, vmalloc, page tables as before' as_before
	end
}

add_all()	# add_all SEGMENT...
{
	for seg in "$@"; do
		add "$seg" && dax_is on || return
	done
}

remove_all()	# remove_all SEGMENT...: first every other one
{
	i=0
	for seg in "$@"; do
		i=$((i + 1))
		[ $((i % 2)) = 0 ] || remove "$seg" || return
	done
	for seg in "$@"; do
		[ ! -e "$root/$seg" ] || remove "$seg" || return
	done
}

many_rounds()
{
	was=$(counts)
	for _ in 1 2 3; do
		add_all "$@" && remove_all "$@" || return
	done
	counts_as_before "$was"
}

many()		# many TITLE SEGMENT...: single pages in adjacent megabytes
{
	[ "$stock" = 0 ] || return
	begin "$1"
	shift
	snapshot "$tmp/before"
	step "add $# segments" add_all "$@"
	step 'block I/O' page_io 0
	step "remove $# segments, every other one first" remove_all "$@"
	step 'iomem, vmalloc, page tables as before' as_before
	step 'memmap and page tables as before, 3 rounds' many_rounds "$@"
	end
}

# The module's parameter: SETS as dcssblk has them, of which LIST is one. A
# module that was loaded before has left its traces.
param()		# param TITLE SETS LIST HEAD
{
	[ "$stock" = 0 ] || return
	begin "$1"
	list=$3 head=$4 fstype=ext4 options=
	rmmod dcssblk && modprobe dcssblk && rmmod dcssblk
	snapshot "$tmp/before"
	step "segments= with ${#2} characters" modprobe dcssblk segments="$2" &&
		name=${3%%:*} && step 'its device' find_device "$name" && {
		step 'dax is on' dax_is on
		step 'block I/O' block_io && use_all
		for seg in "$root"/*/seglist; do
			seg=${seg%/*}
			step "remove ${seg##*/}" remove "${seg##*/}"
		done
	}
	step 'rmmod' rmmod dcssblk
	step 'iomem, vmalloc, page tables as before' as_before
	modprobe dcssblk
	end
}

param_refused()	# param_refused TITLE SETS
{
	[ "$stock" = 0 ] || return
	begin "$1"
	rmmod dcssblk
	snapshot "$tmp/before"
	if step "segments= with ${#2} characters is refused" \
		fails modprobe dcssblk segments="$2"; then
		step 'iomem, vmalloc, page tables as before' as_before
		modprobe dcssblk
	fi
	end
}

fails()
{
	! "$@"
}

mkdir -p "$tmp/mnt" "$tmp/mnt2"
trap 'rm -f "$tmp"/* 2>/dev/null; rmdir "$tmp"/* "$tmp" 2>/dev/null' EXIT
[ -d $root ] || modprobe dcssblk 2>/dev/null
if [ ! -w $root/add ] || [ $# != 1 ]; then
	echo "1..0 # SKIP dcssblk, root and a file of cases are needed"
	exit 4
fi
[ -n "${KSFT_TAP_LEVEL-}" ] || echo "TAP version 13"
[ -r /sys/kernel/debug/kernel_page_tables ] ||
	echo "# no debugfs: page tables are not compared"
# shellcheck disable=SC1090
. "$1"
echo "1..$tests"
echo "# places: $((tests - failed)) passed, $failed failed"
[ $failed = 0 ]
