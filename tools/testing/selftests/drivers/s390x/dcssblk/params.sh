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

want()		# want DEVICE...: these there are, with DAX, and no other
{
	wanted=$(for d in "$@"; do echo "$d"; done | sort | tr '\n' ' ')
	got=$(devices)
	[ "$got" = "$wanted" ] || {
		say "devices: $got; not $wanted"
		return 1
	}
	for d in "$@"; do
		[ "$(cat "$root/$d/dax")" = on ] || {
			say "$d/dax: $(cat "$root/$d/dax")"
			return 1
		}
	done
	# One line a device, as for "add".
	[ "$(log | grep 'dcssblk: ' | grep -c 'Loaded .*, DAX is on')" = $# ] || {
		log | grep 'dcssblk: ' | sed 's/^/# /'
		return 1
	}
}

shared_is()	# shared_is DEVICE VALUE READONLY
{
	disk=$(ls "$root/$1/block")
	got="$(cat "$root/$1/shared") $(cat "/sys/block/$disk/ro")"
	[ "$got" = "$2 $3" ] || {
		say "$1: shared and ro are $got, not $2 $3"
		return 1
	}
}

# What cannot be loaded is named, once, and does not prevent the others.
complained()	# complained NAME
{
	[ "$(log | grep 'dcssblk: ' | grep -c "$1.*failed")" = 1 ] || {
		log | grep 'dcssblk: ' | sed 's/^/# /'
		return 1
	}
}

# Devices hold the module; without them it goes, and takes nothing along.
end()		# end NAME DEVICE...
{
	name=$1
	shift
	if [ $# -gt 0 ]; then
		! rmmod dcssblk 2>/dev/null
		result $? "$name: rmmod is refused"
	fi
	status=0
	for d in "$@"; do
		echo "$d" >$root/remove || status=1
	done
	unload || status=1
	[ "$iomem" = "$(cat /proc/iomem)" ] || {
		say "/proc/iomem has changed"
		status=1
	}
	result $status "$name: removed, and /proc/iomem as before"
}

# good NAME SEGMENTS DEVICE...
good()
{
	name=$1
	segments=$2
	shift 2
	load "$segments" && want "$@"
	result $? "$name"
	end "$name" "$@"
}

local_ones()
{
	load "$readonly(local),$single"
	want "$readonly" "$single" && shared_is "$readonly" 0 0 &&
		shared_is "$single" 1 0
	result $? "(local) is for one device"
	end "(local)" "$readonly" "$single"
	load "$(echo "$pair" | tr '[:upper:]' '[:lower:]')(local)"
	want "$first" && shared_is "$first" 0 0
	result $? "(local) of two segments, in lower case"
	end "(local) of two" "$first"
	load "$readonly(global)"
	want "$readonly" && shared_is "$readonly" 1 1
	result $? "what is not (local) is shared"
	end "(global)" "$readonly"
}

bad_ones()
{
	load "$single,NOSUCH,$pair"
	want "$single" "$first" && complained NOSUCH
	result $? "an unknown name between good ones"
	end "unknown name" "$single" "$first"
	load "$first:NOSUCH,NINECHARS,$single"
	want "$single" && complained "$first:NOSUCH" && complained NINECHARS
	result $? "sets that fail before a good one"
	end "sets that fail" "$single"
	load "$single,$single"
	want "$single" && complained "$single"
	result $? "one segment twice"
	end "twice" "$single"
	load "NOSUCH(local),$single"
	want "$single" && complained NOSUCH
	result $? "(local) of an unknown name"
	end "(local) of unknown" "$single"
}

empty_ones()
{
	good "no segments" ""
	good "empty elements" ",$single,,$pair," "$single" "$first"
	good "only commas" ",,,"
	load "(local),$single"
	want "$single"
	result $? "(local) of nothing"
	end "(local) of nothing" "$single"
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

long_ones()
{
	load "$(padded 399)"
	want "$single"
	result $? "399 characters"
	end "399 characters" "$single"
	! load "$(padded 400)" && ! loaded
	result $? "400 characters are refused"
	! load "$(padded 4000)" && ! loaded
	result $? "4000 characters are refused"
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

if [ $# != 3 ]; then
	echo "1..0 # SKIP usage: $0 SINGLE FIRST:SECOND READONLY"
	exit 4
fi
single=$1
pair=$2
first=${pair%%:*}
readonly=$3
module=$(find "/lib/modules/$(uname -r)" -name 'dcssblk.ko*' | head -n 1)
if [ -z "$module" ] || ! loaded && [ -d $root ]; then
	echo "1..0 # SKIP dcssblk is not a module"
	exit 4
fi
was_loaded=0
! loaded || was_loaded=1
if ! unload; then
	echo "1..0 # SKIP dcssblk is in use"
	exit 4
fi
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
iomem=$(cat /proc/iomem)

[ -n "${KSFT_TAP_LEVEL-}" ] || echo "TAP version 13"
mark
good "one segment" "$single" "$single"
good "a list" "$single,$pair,$readonly" "$single" "$first" "$readonly"
local_ones
bad_ones
empty_ones
long_ones
memory
complaints 1 >"$tmp"
sed 's/^/# /' "$tmp"
! [ -s "$tmp" ]
result $? "kernel log"
[ $was_loaded = 0 ] || insmod "$module"
echo "1..$tests"
echo "# params: $((tests - failed)) passed, $failed failed"
[ $failed = 0 ]
