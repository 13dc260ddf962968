#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A segment that another driver uses as well: a device of it has no DAX and
# works as a block device, keeps its access mode, and leaves the segment loaded.
# Where dcssblk is first and has DAX, the other one has to do without. The same
# where guest storage is in the last megabyte of a segment, behind its end.
#
#	FSTYPE FIRST:...:LAST MOUNTPOINT
#
# None of the segments is loaded. They make one device with a file system that
# has a file "data", are of a type that can be written to, and the last of them
# ends inside a megabyte. The other driver is test_modules/dcss_user.ko, which
# has to be where modprobe finds it.
#
# The result is KTAP.
set -u

. "$(dirname "$0")/lib.sh"

[ $# = 3 ] || skip_all "usage: $0 FSTYPE FIRST:...:LAST MOUNTPOINT"
fstype=$1
list=$2
mnt=$3
first=${list%%:*}
last=${list##*:}
attr=$root/$first
module=$(find "/lib/modules/$(uname -r)" -name 'dcss_user.ko*' | head -n 1)
[ -n "$module" ] || skip_all "there is no dcss_user.ko for this kernel"

# Status 0 if a command fails, and for this reason.
refused()	# refused REASON COMMAND...
{
	reason=$1
	shift
	! "$@" 2>"$tmp" && grep -q "$reason" "$tmp" && return
	sed 's/^/# /' "$tmp"
	return 1
}

no_dax()	# ext2 mounts the file system all the same, and says so
{
	mount -t "$fstype" -o ro,dax "$(node_of "$first")" "$mnt" 2>/dev/null || return 0
	! grep -q "^$(node_of "$first") .*[, ]dax" /proc/mounts
	status=$?
	umount "$mnt"
	return $status
}

loaded()	# loaded NAME: at CP, as far as the kernel knows
{
	grep -q " $1 *(DCSS)" /proc/iomem
}

# The address behind the last segment, if that is inside a megabyte.
rest()
{
	end=$(sed -n "s/^[0-9a-f]*-\([0-9a-f]*\) : $last *(DCSS).*/\1/p" \
		/proc/iomem)
	[ "$end" ] && [ $(((0x$end + 1) % 0x100000)) != 0 ] &&
		printf '0x%x\n' $((0x$end + 1))
}

data()		# data [OPTION]: a checksum of the file
{
	mount -t "$fstype" -o "ro${1:+,$1}" "$(node_of "$first")" "$mnt" || return
	md5sum <"$mnt/data"
	umount "$mnt"
}

tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
begin_tap
iomem=$(cat /proc/iomem)
mark

store "$list" $root/add && [ "$(cat "$attr/dax")" = on ] && ! no_dax
result $? "alone: DAX"
want=$(data dax)
[ "$want" ] && refused 'busy' insmod "$module" segment="$last"
result $? "the other driver is refused"
[ "$(data dax)" = "$want" ]
result $? "and DAX goes on"
store "$first" $root/remove
result $? "removed"

insmod "$module" segment="$last"
result $? "the other driver is first"
store "$list" $root/add &&
	[ "$(cat "$attr/dax")" = "off: in use by another driver" ]
result $? "second: no DAX, and why"
no_dax
result $? "mount -o dax is refused, or goes without"
[ "$(data)" = "$want" ]
result $? "a block device it is"

refused 'busy' store 0 "$attr/shared"
result $? "shared 0: EBUSY"
[ "$(cat "$attr/shared")" = 1 ] && [ "$(data)" = "$want" ]
result $? "all segments as they were"
log | grep -q "dcssblk: .*$first"
result $? "the log has a line of it"
# It loads shared segments, and could not load one that is exclusive.
rmmod dcss_user && insmod "$module" segment="$first" && rmmod dcss_user &&
	insmod "$module" segment="$last"
result $? "the other driver may load the first one, too"

store "$first" $root/remove && ! loaded "$first" && loaded "$last"
result $? "removed, what the other driver uses stays"
store "$list" $root/add && [ "$(data)" = "$want" ] &&
	store "$first" $root/remove
result $? "once more"
rmmod dcss_user && ! loaded "$last"
result $? "the other driver goes"

store "$list" $root/add && [ "$(cat "$attr/dax")" = on ] &&
	store 0 "$attr/shared" && store 1 "$attr/shared" &&
	[ "$(data dax)" = "$want" ] && rest=$(rest)
result $? "alone again: DAX, and both access modes, and ends inside a megabyte"
store "$first" $root/remove && insmod "$module" storage="$rest" &&
	store "$list" $root/add &&
	[ "$(cat "$attr/dax")" = "off: guest storage in the same megabyte" ]
result $? "guest storage behind it: no DAX, and why"
no_dax && [ "$(data)" = "$want" ]
result $? "a block device it is"
store "$first" $root/remove && rmmod dcss_user &&
	store "$list" $root/add && [ "$(cat "$attr/dax")" = on ] &&
	[ "$(data dax)" = "$want" ] && store "$first" $root/remove
result $? "no storage there: DAX"
[ "$(cat /proc/iomem)" = "$iomem" ]
result $? "/proc/iomem as before"
check_log users 1
end_tap users
