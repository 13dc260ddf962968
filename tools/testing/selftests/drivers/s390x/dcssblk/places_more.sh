# SPDX-License-Identifier: GPL-2.0
#
# For places.sh: cases of several devices, and of the module's parameter.
# shellcheck shell=sh disable=SC2154 # set by places.sh

# The first one is mounted and used all the time. Then it goes before the other.
one_order()	# one_order A B
{
	step "add $1" add_device "$1" && block_io >/dev/null 2>&1 &&
		mount_dax "$tmp/mnt" || return
	one=$name
	step "use $1" gup "$tmp/mnt" tee
	step "add $2" add_device "$2" || return
	step "dax is on" dax_is on
	step "use $1" gup "$tmp/mnt" tee
	step "remove $2" remove_device "$name"
	step "use $1" gup "$tmp/mnt" tee
	step "add $2" add_device "$2" && block_io >/dev/null 2>&1 &&
		mount_dax "$tmp/mnt2" || return
	step "use $2" gup "$tmp/mnt2" tee
	umount "$tmp/mnt"
	step "remove $1" remove_device "$one"
	step "use $2" gup "$tmp/mnt2" tee
	umount "$tmp/mnt2"
	step "remove $2" remove_device "$name"
}

adjacent()	# adjacent TITLE A B HEAD
{
	begin "$1" || return 0
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
		add_device "$seg" && dax_is on || return
	done
}

remove_all()	# remove_all SEGMENT...: first every other one
{
	i=0
	for seg in "$@"; do
		i=$((i + 1))
		[ $((i % 2)) = 0 ] || remove_device "$seg" || return
	done
	for seg in "$@"; do
		[ ! -e "$root/$seg" ] || remove_device "$seg" || return
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
	begin "$1" || return 0
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
	begin "$1" || return 0
	list=$3 head=$4 fstype=ext4 options=
	rmmod dcssblk && modprobe dcssblk && rmmod dcssblk
	snapshot "$tmp/before"
	step "segments= with ${#2} characters" modprobe dcssblk segments="$2" &&
		name=${3%%:*} && step 'its device' find_device && {
		step 'dax is on' dax_is on
		step 'block I/O' block_io && use_all
		for seg in "$root"/*/seglist; do
			seg=${seg%/*}
			step "remove ${seg##*/}" remove_device "${seg##*/}"
		done
	}
	step 'rmmod' rmmod dcssblk
	step 'iomem, vmalloc, page tables as before' as_before
	modprobe dcssblk
	end
}

param_refused()	# param_refused TITLE SETS
{
	begin "$1" || return 0
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
