# SPDX-License-Identifier: GPL-2.0
#
# For dcssblk.sh: a segment that has a file system, and all that is tested on its
# files.
# shellcheck shell=sh disable=SC2154 # set by dcssblk.sh

with_other()
{
	[ -n "$other" ] || return
	split "$other"
	add_device "$seg" &&
		mount -t "$type" "$device" "$mnt" && otherdir=$mnt
	result $? "$seg: mounted without DAX"
	otherseg=$seg
}

without_other()
{
	[ -n "$other" ] || return
	umount "$tmp/$otherseg" && remove_device "$otherseg"
	result $? "$otherseg: removed"
}

on_files()	# the tests on the file system mounted now
{
	common="--segment $seg --exec $here/xip-hello"
	[ -n "$otherdir" ] && common="$common --other $otherdir"
	dir=$mnt
	data=1
	if [ -n "$ro" ]; then
		[ -e "$mnt/data" ] || data=
		common="$common --readonly"
	else
		dir=$mnt/selftest
		mkdir -p "$dir"
	fi
	# shellcheck disable=SC2086 # options, to be split
	{
		[ -z "$large" ] || large_pages
		[ ! -e "$mnt/bin/xip-hello" ] ||
			run "$seg: xip" xip $common "$mnt"
		[ -z "$data" ] || run "$seg: gup" gup $common "$dir"
		[ -z "$data" ] || run "$seg: around" around $common "$dir"
		[ ! -e "$mnt/twin" ] || run "$seg: around" around $common "$dir"
		[ -n "$ro" ] || run "$seg: idle" idle $common "$dir"
		[ -n "$ro" ] || run "$seg: race" race $common "$dir"
	}
	[ -n "$ro" ] || rm -rf "$dir"
}

# First on what a read-only segment has: where small pages were mapped before,
# a file goes on with small ones.
large_pages()
{
	# shellcheck disable=SC2086 # options, to be split
	{
		[ -n "$ro" ] ||
			run "$seg: large" large $common --large "$dir"
		run "$seg: gup, large pages" gup $common --large "$dir"
		[ -n "$ro" ] || run "$seg: idle, large pages" \
			idle $common --large "$dir"
		[ -n "$ro" ] || run "$seg: race, large pages" \
			race $common --large "$dir"
	}
}

# The measures of xip mean something: without DAX they say so.
page_cache()
{
	[ -e "$mnt/bin/xip-hello" ] || return 0
	"$here/xip" --segment "$seg" "$mnt" >"$tmp/out" 2>&1
	[ "$(grep -c '^not ok' "$tmp/out")" -ge 4 ]
	result $? "$seg: without DAX a program is cached"
}

# What is in use while it is not mounted.
busy()
{
	[ -z "$ro" ] || return
	is_dcss "$seg" || {
		result 4 "$seg: busy: no DCSS, has no remove that could fail"
		return
	}
	second=
	for s in $segments; do
		[ "${s%%:*}" = "$seg" ] || second=${s%%:*}
	done
	for o in "" ${large:+--large}; do
		# shellcheck disable=SC2086 # nothing, or an option
		run "$seg: busy${o:+, large pages}" busy $o \
			${otherdir:+--other "$otherdir"} \
			${second:+--second "$second"} \
			"$seg" "$(node_of "$seg")" "$type" "$mnt"
	done
}

# Adds, mounts and removes by itself.
struct_pages()
{
	[ "$data" ] || return
	is_dcss "$seg" || {
		result 4 "$seg: memmap: no DCSS, its struct pages are all there"
		return
	}
	for o in "" ${large:+--large}; do
		# shellcheck disable=SC2086 # options, to be split
		run "$seg: memmap${o:+, large pages}" memmap $o \
			${ro:+--readonly} "$seg" "$(node_of "$seg")" "$type" \
			"$mnt"
	done
}

# Mounts and removes by themselves.
ends()
{
	[ "$data" ] || return
	run "$seg: end" end ${ro:+--readonly} --type "$type" \
		--segment "$seg" "$mnt"
	[ -z "$ro" ] || return
	for o in "" ${large:+--large}; do
		# shellcheck disable=SC2086 # nothing, or an option
		run "$seg: moved${o:+, large pages}" moved $o \
			${otherdir:+--other "$otherdir"} \
			--type "$type" --segment "$seg" "$mnt"
	done
	[ "$type" != xfs ] || run "$seg: clone" clone --type "$type" \
		--segment "$seg" "$mnt"
}

options()	# other ways to say what is meant
{
	for o in dax=always dax=inode dax=never; do
		mount -t "$type" -o "${ro:+ro,}$o" "$(node_of "$seg")" \
			"$mnt" && umount "$mnt"
		result $? "$seg: mount -o $o"
	done
}

# Free memory says nothing: others take and free it, too.
memory()
{
	is_dcss "$seg" || {
		result 4 "$seg: memmap as before: no DCSS, is never removed"
		return
	}
	before=$(counts)
	for _ in 1 2 3 4 5 6 7 8; do
		add_device "$seg" && mount_dax && umount "$mnt"
		remove_device "$seg" || break
	done
	counts_as_before "$before"
	result $? "$seg: memmap and page tables as before, eight times"
}

other_mounts()
{
	case $type in
	erofs)	o=dax=never ;;
	ext2)	o=noatime ;;
	*)	options
		o=dax=never ;;
	esac
	mount -t "$type" -o "${ro:+ro,}$o" "$(node_of "$seg")" "$mnt" &&
		page_cache && umount "$mnt"
}

one_segment()
{
	split "$1"
	cat /proc/iomem >"$tmp/iomem"
	mark
	add_device "$seg"
	result $? "$seg: add"
	mount_dax
	status=$?
	result $status "$seg: mount -t $type -o dax"
	if [ $status = 0 ]; then
		on_files
		umount "$mnt"
		result $? "$seg: umount"
		[ -n "$programs" ] || other_mounts
	fi
	busy
	ends
	struct_pages
	remove_device "$seg"
	result $? "$seg: remove"
	[ -n "$programs" ] || memory
	cmp -s "$tmp/iomem" /proc/iomem
	result $? "$seg: /proc/iomem as before"
	check_log "$seg"
}

# No DAX, and a reason in the kernel log, and nothing mounted.
one_refused()
{
	selected "$1" || return
	split "$1"
	mark
	case $seg in
	/*)	[ -b "$seg" ] || {
			result 4 "$seg: no such block device"
			return
		} ;;
	*)	add_device "$seg"
		result $? "$seg: add" ;;
	esac
	if mount_dax 2>/dev/null; then
		umount "$mnt"
		result 1 "$seg: mount -t $type -o dax is refused"
	else
		log | sed 's/^/# /'
		log | grep -iqE 'dax|block ?size'
		result $? "$seg: mount -t $type -o dax is refused, and why"
	fi
	case $seg in
	/*)	;;
	*)	remove_device "$seg"
		result $? "$seg: remove" ;;
	esac
	check_log "$seg"
}
