# SPDX-License-Identifier: GPL-2.0
#
# For dcssblk.sh: what administrators do with segments, and what goes wrong. Each
# of these adds its segments itself, and leaves none behind.
# shellcheck shell=sh disable=SC2154 # set by dcssblk.sh

# CP saves only what is addressable: define while SEGMENT is loaded.
define_in()	# define_in SEGMENT NAME[=PAGES]...
{
	of=$1
	add_device "$of"
	shift
	for def in "$@"; do
		case $def in
		*=*)	vmcp DEFSEG "${def%=*}" "${def#*=}" SW &&
				vmcp SAVESEG "${def%=*}" ;;
		esac
	done >"$tmp/out" 2>&1 || sed 's/^/# /' "$tmp/out"
	remove_device "$of"
}

bad_input()
{
	IFS=,
	# shellcheck disable=SC2086 # to be split
	set -- $bad
	IFS=' '
	mark
	define_in "$1" "${4-}" "${5-}"
	run "sysfs: bad input" sysfs ${2:+--pair "$2"} \
		${3:+--apart "$3"} ${chain:+--chain "$chain"} \
		${4:+--overlap "${4%=*}"} ${5:+--storage "${5%=*}"} "$1"
	check_log "sysfs"
}

module_parameter()
{
	mark
	# shellcheck disable=SC2046 # to be split
	run "params" params.sh $(echo "$params" | tr , ' ')
	check_log "params"
}

two_users()
{
	mark
	mkdir -p "$tmp/mnt"
	run "users" users.sh "${users%%:*}" "${users#*:}" "$tmp/mnt"
	check_log "users"
}

administrator()
{
	mark
	mkdir -p "$tmp/mnt"
	list=$(echo "${types#*:}" | tr , ' ')
	# shellcheck disable=SC2086 # to be split
	run "shared" shared "${types%%:*}" "$tmp/mnt" $list
	# What is of type SC cannot be written to, by Linux.
	# shellcheck disable=SC2046,SC2086
	run "save" save ${otherdir:+--other "$otherdir"} \
		"${types%%:*}" "$tmp/mnt" \
		$(printf '%s\n' $list | grep -v '=SC$')
	check_log "shared and save"
}

no_memory()	# no_memory FSTYPE:LIST[=CASE]
{
	list=${1#*:}
	only_case=${list#"${list%%=*}"}
	list=${list%%=*}
	# The last one of these options holds.
	case $only in
	*"${only_case#=}"*|'') ;;
	*)	return ;;
	esac
	mark
	mkdir -p "$tmp/mnt"
	run "$list: memory fails" fail ${only_case:+--only "${only_case#=}"} "$list" \
		"${1%%:*}" "$tmp/mnt"
	ko=$(find "/lib/modules/$(uname -r)" -name 'dcssblk.ko*' 2>/dev/null)
	case $only_case$ko in
	/*.ko)	run "$list: memory fails as the module is loaded" \
			fail --module "$ko" "$list" "${1%%:*}" "$tmp/mnt" ;;
	/*)	result 4 "$list: memory fails as the module is loaded: it is compressed" ;;
	esac
	check_log "$list: memory fails"
}

# A device mapper device over all of them.
device_mapper()	# device_mapper NAME PROGRAM FSTYPE:SEGMENT[:SEGMENT]
{
	mark
	mkdir -p "$tmp/mnt"
	run "${3#*:}: $1" "$2" --dm --type "${3%%:*}" --segment "${3#*:}" "$tmp/mnt"
	check_log "${3#*:}: $1"
}

no_cp()		# no_cp FSTYPE:LIST
{
	mark
	mkdir -p "$tmp/mnt"
	run "${1#*:}: CP fails" cpfail "${1#*:}" "${1%%:*}" "$tmp/mnt"
	check_log "${1#*:}: CP fails"
}

# The swap area is on a segment, as administrators have it on virtual disks.
memory_pressure()
{
	swap=${pressure%%:*}
	mark
	case $swap in
	/dev/zram*)
		echo 64M >"/sys/block/${swap#/dev/}/disksize" ;;
	esac
	add_device "$swap" && mkswap "$device" >/dev/null && swapon "$device"
	result $? "$swap: a swap area"
	for s in $(echo "${pressure#*:}" | tr , ' '); do
		split "$s"
		add_device "$seg" && mount_dax
		result $? "$seg: mount -t $type -o dax"
		for o in "" ${large:+--large}; do
			# shellcheck disable=SC2086 # options, to be split
			run "$seg: memory is short${o:+, large pages}" \
				pressure $o ${ro:+--readonly} \
				--exec "$here/xip-hello" "$mnt"
		done
		umount "$mnt" && remove_device "$seg"
		result $? "$seg: remove"
	done
	swapoff "$(node_of "$swap")" && remove_device "$swap"
	result $? "$swap: no swap area any more"
	check_log "memory is short"
}
