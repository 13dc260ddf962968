#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The module parameter segments= takes the same path as the sysfs attribute
# "add", and nothing is left of it when the module goes:
#
#	SINGLE FIRST:SECOND READONLY
#
# None of them is loaded. FIRST and SECOND make one device, READONLY is of
# type SR or ER. dcssblk is a module, not in use; it is unloaded and loaded.
#
# The result is KTAP.
set -u

. "$(dirname "$0")/lib.sh"

loaded()
{
	grep -q '^dcssblk ' /proc/modules
}

unload()
{
	! loaded || rmmod dcssblk
}

load()		# load SEGMENTS: status of insmod
{
	unload || return
	mark
	insmod "$module" segments="$1" 2>"$tmp"
}

devices()	# the devices there are, in order
{
	for d in "$root"/*/seglist; do
		[ -e "$d" ] || continue
		d=${d%/seglist}
		echo "${d##*/}"
	done | sort | tr '\n' ' '
}

# These there are, with DAX, and no other. For =SHARED,RO see sysfs.
want()		# want DEVICE[=SHARED,RO]...
{
	wanted=$(for d in "$@"; do echo "${d%=*}"; done | sort | tr '\n' ' ')
	got=$(devices)
	[ "$got" = "$wanted" ] || {
		say "devices: $got; not $wanted"
		return 1
	}
	for d in "$@"; do
		[ "$(cat "$root/${d%=*}/dax")" = on ] || {
			say "$d/dax: $(cat "$root/${d%=*}/dax")"
			return 1
		}
		case $d in
		*=*)	shared_is "${d%=*}" "${d#*=}" || return ;;
		esac
	done
	# One line a device, as for "add".
	[ "$(log | grep 'dcssblk: ' | grep -c 'Loaded .*, DAX is on')" = $# ] || {
		log | grep 'dcssblk: ' | sed 's/^/# /'
		return 1
	}
}

shared_is()	# shared_is DEVICE SHARED,RO
{
	disk=$(ls "$root/$1/block")
	got="$(cat "$root/$1/shared"),$(cat "/sys/block/$disk/ro")"
	[ "$got" = "$2" ] || {
		say "$1: shared and ro are $got, not $2"
		return 1
	}
}

# What cannot be loaded is named, once, and does not prevent the others.
complained()	# complained NAME...
{
	for bad in "$@"; do
		[ "$(log | grep 'dcssblk: ' | grep -c "$bad.*failed")" = 1 ] || {
			log | grep 'dcssblk: ' | sed 's/^/# /'
			return 1
		}
	done
}

# Devices hold the module; without them it goes, and takes nothing along.
end()		# end NAME DEVICE...
{
	title=$1
	shift
	if [ $# -gt 0 ]; then
		! rmmod dcssblk 2>/dev/null
		result $? "$title: rmmod is refused"
	fi
	status=0
	for d in "$@"; do
		echo "${d%=*}" >$root/remove || status=1
	done
	unload || status=1
	[ "$iomem" = "$(cat /proc/iomem)" ] || {
		say "/proc/iomem has changed"
		status=1
	}
	result $status "$title: removed, and /proc/iomem as before"
}

# What segments= says, the devices that come, and the names that do not.
one()		# one NAME SEGMENTS "DEVICE[=SHARED,RO]..." "NAME..."
{
	# shellcheck disable=SC2086 # lists
	load "$2" && want ${3-} && complained ${4-}
	result $? "$1"
	# shellcheck disable=SC2086
	end "$1" ${3-}
}

cases()
{
	lower=$(echo "$pair" | tr '[:upper:]' '[:lower:]')
	one "one segment" "$single" "$single"
	one "a list" "$single,$pair,$readonly" "$single $first $readonly"
	one "(local) is for one device" "$readonly(local),$single" \
		"$readonly=0,0 $single=1,0"
	one "(local) of two segments, in lower case" "$lower(local)" \
		"$first=0,0"
	one "what is not (local) is shared" "$readonly(global)" "$readonly=1,1"
	one "an unknown name between good ones" "$single,NOSUCH,$pair" \
		"$single $first" NOSUCH
	one "sets that fail before a good one" \
		"$first:NOSUCH,NINECHARS,$single" "$single" \
		"$first:NOSUCH NINECHARS"
	one "one segment twice" "$single,$single" "$single" "$single"
	one "(local) of an unknown name" "NOSUCH(local),$single" "$single" \
		NOSUCH
	one "no segments" ""
	one "empty elements" ",$single,,$pair," "$single $first"
	one "only commas" ",,,"
	one "(local) of nothing" "(local),$single" "$single"
	one "399 characters" "$(padded 399)" "$single"
}

# The kernel has room for 399 characters and a NUL byte. The last name is a good
# one: it shows that nothing was cut off.
padded()	# padded LENGTH
{
	text=$single
	while [ $((${#text} + 8)) -le "$1" ]; do
		text="NOSUCH0,$text"
	done
	while [ ${#text} -lt "$1" ]; do
		text=",$text"
	done
	echo "$text"
}

too_long()
{
	for n in 400 4000; do
		! load "$(padded $n)" && ! loaded
		result $? "$n characters are refused"
	done
}

# CP loads it shared, and not exclusively: it is lost, and its device goes, without
# an attribute through which somebody has asked for it.
lost()
{
	if ! vmcp "zvm fail LOADNSR,$single,44*1" >/dev/null 2>&1; then
		result 4 "(local) that CP refuses: needs the virtual z/VM"
		return
	fi
	load "$single(local),$pair" && [ "$(devices)" = "$first " ]
	result $? "(local) that CP refuses"
	vmcp "zvm fail off" >/dev/null
	end "(local) that CP refuses" "$first"
}

# Sixteen times, with all that a device needs.
memory()
{
	load "$single,$pair" && end_quietly "$single" "$first"
	before=$(counts vmemmap)
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		load "$single,$pair" && end_quietly "$single" "$first"
	done
	counts_as_before "$before" vmemmap
	result $? "memmap and its page tables as before, sixteen times"
}

end_quietly()
{
	for d in "$@"; do
		echo "$d" >$root/remove
	done
	rmmod dcssblk
}

[ $# = 3 ] || skip_all "usage: $0 SINGLE FIRST:SECOND READONLY"
single=$1
pair=$2
first=${pair%%:*}
readonly=$3
module=$(find "/lib/modules/$(uname -r)" -name 'dcssblk.ko*' | head -n 1)
if [ -z "$module" ] || ! loaded && [ -d $root ]; then
	skip_all "dcssblk is not a module"
fi
was_loaded=0
! loaded || was_loaded=1
unload || skip_all "dcssblk is in use"
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
iomem=$(cat /proc/iomem)

begin_tap
mark
cases
too_long
lost
memory
check_log params 1
[ $was_loaded = 0 ] || insmod "$module"
end_tap params
