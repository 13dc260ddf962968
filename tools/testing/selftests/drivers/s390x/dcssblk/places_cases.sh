# SPDX-License-Identifier: GPL-2.0
#
# For places.sh: the cases of one device, from dax() on.
# shellcheck shell=sh disable=SC2154 # set by places.sh

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
	step 'add' add_device "$list" || return
	# shellcheck disable=SC2046 # two numbers
	kb=$(kilobytes $(range "$list"))
	step 'dax is on' dax_is on
	[ -z "$head" ] || step 'block I/O' block_io || return
	use_all
}

gone()
{
	# A step that failed may have left it mounted.
	umount "$tmp/mnt" 2>/dev/null
	step 'remove' remove_device "$name" || return
	step 'iomem, vmalloc, page tables as before' as_before
}

live_and_go()
{
	live
	gone && memory
	end
}

dax()		# dax TITLE LIST HEAD: a device that can be written
{
	begin "$1" || return 0
	list=$2 head=$3 fstype=ext4 options=
	live_and_go
}

dax_ro()	# dax_ro TITLE LIST FSTYPE: there is a file system with "data"
{
	begin "$1" || return 0
	list=$2 head='' fstype=$3 options=ro,
	live_and_go
}

# As dax_ro(), then exclusive for this guest and with a file system of its own,
# then shared again.
dax_private()	# dax_private TITLE LIST HEAD FSTYPE
{
	begin "$1" || return 0
	list=$2 head='' fstype=$4 options=ro,
	live
	step 'shared: 0' store 0 "$root/$name/shared"
	step 'dax is on' dax_is on
	head=$3 fstype=ext4 options=
	step 'block I/O' block_io && use_all
	step 'shared: 1' store 1 "$root/$name/shared"
	head='' fstype=$4 options=ro,
	step 'mount -o ro,dax' mount_dax &&
		step 'the saved content' reach
	step 'umount' umount "$tmp/mnt"
	gone
	end
}

# A device that is too small for a file system.
page()		# page TITLE SEGMENT
{
	begin "$1" || return 0
	list=$2
	snapshot "$tmp/before"
	step 'add' add_device "$list" && {
		step 'dax is on' dax_is on
		step 'block I/O' page_io 0
		gone
	}
	end
}

refused()	# refused TITLE LIST ERROR
{
	begin "$1" || return 0
	snapshot "$tmp/before"
	step "add: $3" fails_with "$3" add "$2"
	step 'iomem, vmalloc, page tables as before' as_before
	end
}

# While another device is there.
refused_beside()	# refused_beside TITLE PRESENT LIST ERROR
{
	begin "$1" || return 0
	add_device "$2"
	snapshot "$tmp/before"
	step "add: $4" fails_with "$4" add "$3"
	step 'iomem, vmalloc, page tables as before' as_before
	step 'dax is on' dax_is on
	step 'block I/O' page_io 0
	remove_device "$name"
	end
}

stays_shared()	# stays_shared TITLE SEGMENT: of type SC
{
	begin "$1" || return 0
	snapshot "$tmp/before"
	step 'add' add_device "$2" && {
		step 'shared: 0' fails_with 'Invalid argument' \
			"$name/shared" 0
		step 'dax is on' dax_is on
		gone
	}
	end
}

without_dax()	# without_dax REASON
{
	step 'add' add_device "$list" || return
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
	begin "$1" || return 0
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

# As many pages of struct pages as there are stretches of 64 pages among those that
# reach() has used.
a_page_for_64()	# a_page_for_64 BEFORE
{
	want=$(while read -r pfn; do echo $((0x$pfn / 64)); done <"$tmp/pages" |
		sort -u | wc -l)
	is=$(($(vmstat nr_memmap_pages) - $1))
	say "$is pages of struct pages, for $want stretches"
	[ "$is" = "$want" ]
}

# One for 64 MiB of the device, give or take what programs have at the moment.
tables_about()	# tables_about WANT BEFORE
{
	is=$(($(vmstat nr_page_table_pages) - $2))
	say "$is page tables"
	[ $is -gt $(($1 - 16)) ] && [ $is -lt $(($1 + 16)) ]
}

is_number()	# is_number WANT IS
{
	say "$2, not $1"
	[ -n "$1" ] && [ "$1" = "$2" ]
}

# Pages all over a device whose struct pages would not fit into storage.
scattered()	# scattered TITLE LIST HEAD SAMPLES
{
	begin "$1" || return 0
	list=$2 head=$3 fstype=ext4 options=
	snapshot "$tmp/before"
	step 'add' add_device "$list" && {
		was=$(vmstat nr_memmap_pages)
		tables=$(vmstat nr_page_table_pages)
		step 'dax is on' dax_is on
		step 'block I/O' block_io && step 'mount -o dax' mount_dax && {
			step "$4 pages from end to end" reach -n "$4" && {
				step 'a page of struct pages for 64 of them' \
					a_page_for_64 "$was"
				step 'a page table for 64 MiB' \
					tables_about $((${head%M} / 64)) "$tables"
			}
			step 'umount' umount "$tmp/mnt"
			step 'none of them is left' \
				is_number "$was" "$(vmstat nr_memmap_pages)"
			step 'no page table is left' tables_about 0 "$tables"
			step 'their content is in the segment' verify
		}
		step 'mount -o dax again' mount_dax && {
			rm "$tmp"/mnt/reach "$tmp"/mnt/rest
			gups
			step 'umount' umount "$tmp/mnt"
		}
		gone
	}
	end
}

# There is no memory for all struct pages, which nobody needs. Later there is.
scarce()	# scarce TITLE LIST HEAD MIB
{
	begin "$1" || return 0
	list=$2 head=$3 fstype=ext4 options=
	snapshot "$tmp/before"
	step 'take memory' hog $(($4 * 1024 / 64)) &&
		step 'add' add_device "$list" && {
		step 'dax is on' dax_is on
		step 'block I/O' block_io
		step 'remove' remove_device "$name"
	}
	step 'give it back' umount "$tmp/mnt2"
	step 'iomem, vmalloc, page tables as before' as_before
	step 'add again' add_device "$list" && {
		step 'dax is on' dax_is on
		step 'block I/O' block_io && use_all
		gone
	}
	end
}
