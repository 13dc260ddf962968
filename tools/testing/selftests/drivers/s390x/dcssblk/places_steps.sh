# SPDX-License-Identifier: GPL-2.0
#
# For places.sh: what a case is made of.
# shellcheck shell=sh disable=SC2154 # set by places.sh

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

vmstat()	# vmstat NAME
{
	echo 1 >/proc/sys/vm/stat_refresh
	awk -v name="$1" '$1 == name { print $2 }' /proc/vmstat
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

find_device()
{
	device=$(node_of "$name")
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

page_io()	# page_io NUMBER
{
	yes "$name $1" | head -c 4096 >"$tmp/page"
	dd if="$tmp/page" of="$device" bs=4096 seek="$1" conv=fsync || return
	echo 3 >/proc/sys/vm/drop_caches
	dd if="$device" bs=4096 skip="$1" count=1 | cmp - "$tmp/page"
}

file_io()
{
	yes "$title" | head -c 65536 >"$tmp/file"
	cp "$tmp/file" "$tmp/mnt/file" && sync &&
		echo 3 >/proc/sys/vm/drop_caches &&
		cmp "$tmp/file" "$tmp/mnt/file"
}

mount_dax()	# mount_dax [DIRECTORY]
{
	mount -t "$fstype" -o "${options}dax" "$device" "${1:-$tmp/mnt}"
}

mount_refused()
{
	mount_dax || return 0
	umount "$tmp/mnt"
	return 1
}

# Files are to take all blocks: ext4 keeps some for itself.
reach()		# reach [-n SAMPLES]
{
	spare=/sys/fs/ext4/${device#/dev/}/reserved_clusters
	[ ! -e "$spare" ] || echo 0 >"$spare"
	# shellcheck disable=SC2046
	"$here/reach" "$@" ${options:+-r} $(range "$list") "$tmp/pages" "$tmp/mnt"
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

# A store has to fail, with the text of the error.
fails_with()	# fails_with ERROR ATTRIBUTE TEXT
{
	! text=$(store "$3" "$root/$2" 2>&1) || {
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
		add_device "$list" || return
		[ -z "$head" ] || put_head 2>/dev/null || return
		mount_dax && umount "$tmp/mnt" || return
		remove_device "$name" || return
	done
	counts_as_before "$was" || return
	[ $((nr * kb / 64 / 2)) -lt $NOISE_KB ] ||
		memory_as_before "$free" $((nr * kb / 64 / 2))
}
