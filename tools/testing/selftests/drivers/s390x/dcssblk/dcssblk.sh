#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# DAX on DCSSs: add segments, mount them -o dax, run the tests on them, and
# see that all is as it was afterwards. To be run as root on z/VM:
#
#	[options]
#	-s SEGMENT:FSTYPE[:ro][:large]
#				test this segment, which has a file system;
#				one that is not read-only gets written to,
#				in a directory of its own. large: its files can
#				be aligned to large pages, test them as well if
#				the machine has such pages
#	-o SEGMENT:FSTYPE	a scratch segment, mounted without DAX: what
#				the direct I/O of the other segments goes to
#	-O DIRECTORY		instead of -o: on a block device without DAX
#	-n SEGMENT:FSTYPE	mount -o dax must be refused here, /dev/NAME is
#				any other block device
#	-b SEGMENT[,PAIR[,APART[,OVERLAP[=PAGES][,STORAGE[=PAGES]]]]]
#				bad input to sysfs, see sysfs.c; the last two
#				segments are defined first if PAGES are given:
#				part of SEGMENT, and part of guest storage
#	-c FIRST:SECOND		a device of two segments, for -b
#	-a FSTYPE:SEGMENT=TYPE[,SEGMENT=TYPE...]
#				access modes and saving, see shared.c and save.c
#	-m SINGLE,FIRST:SECOND,READONLY
#				the module parameter, see params.sh
#	-u FSTYPE:LIST		another driver uses a segment, see users.sh
#	-f FSTYPE:LIST		memory fails, see fail.c
#	-F FSTYPE:LIST		CP fails, see cpfail.c: on tools/testing/zvm only
#	-d FSTYPE:SEGMENT[:SEGMENT]
#				dm-linear over them has a file system, see end.c
#	-p SWAP:SEGMENT:FSTYPE[:ro][:large][,SEGMENT:FSTYPE...]
#				memory is short and the first segment is a swap
#				area, see pressure.c: best in 96 MiB of storage
#	-S			the kernel has no struct pages for a DCSS: the
#				cases marked so have to fail; $DCSSBLK_STOCK=1
#	-T			only a table of what works, of the first -s
#
# The segments and their images are made by mkimages.sh. In a guest with
# 512 MiB of storage, on z/VM or on tools/testing/zvm:
#
#	-o OTHER:ext4 -s EXT4:ext4 -s XIP:ext2:ro
#
# The result is KTAP: a line for each program, its cases are indented.
set -u

. "$(dirname "$0")/lib.sh"
tmp=${TMPDIR:-/tmp}/dcssblk.$$
stock=${DCSSBLK_STOCK:-0}
segments='' other='' otherdir='' refused='' bad='' chain='' table='' mapper=''
types='' params='' users='' nomem='' nocp='' pressure=''

while getopts s:o:O:n:b:c:a:m:u:f:F:d:p:ST opt; do
	case $opt in
	s)	segments="$segments $OPTARG" ;;
	o)	other=$OPTARG ;;
	O)	otherdir=$OPTARG ;;
	n)	refused="$refused $OPTARG" ;;
	b)	bad=$OPTARG ;;
	c)	chain=$OPTARG ;;
	a)	types=$OPTARG ;;
	m)	params=$OPTARG ;;
	u)	users=$OPTARG ;;
	f)	nomem="$nomem $OPTARG" ;;
	d)	mapper="$mapper $OPTARG" ;;
	p)	pressure=$OPTARG ;;
	F)	nocp="$nocp $OPTARG" ;;
	S)	stock=1 ;;
	T)	table=1 ;;
	*)	sed -n '/^#	/s/^#	//p' "$0" >&2
		exit 1 ;;
	esac
done

run()		# run NAME COMMAND...: one test, its output indented
{
	name=$1
	shift
	{
		KSFT_TAP_LEVEL=1 "$@" 2>&1
		echo $? >"$tmp/status"
	} | while IFS= read -r line; do
		echo "    $line"
	done
	result "$(cat "$tmp/status")" "$name"
}

# Without struct pages these come with every case, within mm's rate limit:
# print_bad_pte(), and once the copy of a page that has none.
expected_of_stock()
{
	grep -E 'BUG: Bad page (map|state)|WARNING: .*mm/memory.c'
}

check_log()	# check_log NAME
{
	complaints >"$tmp/log"
	if [ "$stock" = 1 ]; then
		expected_of_stock <"$tmp/log" >>"$tmp/stock-log"
		grep -vE 'Bad page|mm/memory.c' "$tmp/log" >"$tmp/rest"
		mv "$tmp/rest" "$tmp/log"
	fi
	[ -s "$tmp/log" ] && sed 's/^/# /' "$tmp/log"
	! [ -s "$tmp/log" ]
	result $? "$1: kernel log"
}

device()	# device SEGMENT: its block device
{
	case $1 in
	/*)	echo "$1" ;;
	*)	for d in "$root/$1"/block/*; do
			echo "/dev/${d##*/}"
		done ;;
	esac
}

add()		# add SEGMENT...
{
	echo "$1" >"$root/add" || return
	# udev may have work to do.
	for _ in $(seq 240); do
		[ -b "$(device "$1")" ] && return
		sleep 1
	done
	return 1
}

remove()
{
	# Whoever has looked at the new device lets it go in a moment.
	for _ in $(seq 240); do
		echo "$1" >"$root/remove" && return
		sleep 1
	done 2>/dev/null
	return 1
}

# seg, type, ro and large of SEGMENT:FSTYPE[:ro][:large]
split()
{
	seg=${1%%:*}
	ro=
	large=
	type=${1#*:}
	case $type in
	*:large) type=${type%:large}
		large=large ;;
	esac
	case $type in
	*:ro)	type=${type%:ro}
		ro=ro ;;
	esac
	mnt=$tmp/$(basename "$seg")
	mkdir -p "$mnt"
}

programs()	# the tests on the file system mounted now
{
	common="--segment $seg --exec $here/xip-hello"
	[ -n "$otherdir" ] && common="$common --other $otherdir"
	[ "$stock" = 1 ] && common="$common --stock"
	dir=$mnt
	data=1
	if [ -n "$ro" ]; then
		[ -e "$mnt/data" ] || data=
		common="$common --readonly"
	else
		dir=$mnt/selftest
		mkdir -p "$dir"
	fi
	# shellcheck disable=SC2086,SC2015 # options, to be split
	{
		[ "$stock" = 0 ] || [ -s "$tmp/stock-log" ] ||
			bad_maps
		[ -z "$large" ] || large_pages
		[ ! -e "$mnt/bin/xip-hello" ] ||
			run "$seg: xip" "$here/xip" $common "$mnt"
		[ -z "$data" ] ||
			run "$seg: gup" "$here/gup" $common "$dir"
		[ -n "$ro" ] ||
			run "$seg: idle" "$here/idle" $common "$dir"
		[ -n "$ro" ] || [ "$stock" = 1 ] ||
			run "$seg: race" "$here/race" $common "$dir"
	}
	[ -n "$ro" ] || rm -rf "$dir"
}

# First on what a read-only segment has: where small pages were mapped before,
# a file goes on with small ones. Without struct pages there are no large ones.
large_pages()
{
	# shellcheck disable=SC2086 # options, to be split
	[ -n "$ro" ] ||
		run "$seg: large" "$here/large" $common --large "$dir"
	[ "$stock" = 0 ] || return
	# shellcheck disable=SC2086
	run "$seg: gup, large pages" "$here/gup" $common --large "$dir"
	# shellcheck disable=SC2086
	[ -n "$ro" ] ||
		run "$seg: idle, large pages" "$here/idle" $common --large "$dir"
	# shellcheck disable=SC2086
	[ -n "$ro" ] ||
		run "$seg: race, large pages" "$here/race" $common --large "$dir"
}

# A kernel without struct pages reports what mlock does, but no more than 60
# times a minute: ask this first.
bad_maps()
{
	# shellcheck disable=SC2086
	run "$seg: gup, mlock first" "$here/gup" $common --size 16384 \
		--only mlock "$dir"
}

# The measures of xip mean something: without DAX they say so.
page_cache()
{
	[ -e "$mnt/bin/xip-hello" ] || return
	"$here/xip" --segment "$seg" "$mnt" >"$tmp/out" 2>&1
	[ "$(grep -c '^not ok' "$tmp/out")" -ge 4 ]
	result $? "$seg: without DAX a program is cached"
}

# Without struct pages nothing can be in use that is not mounted.
busy()
{
	[ "$stock" = 0 ] && [ -z "$ro" ] || return
	second=
	for s in $segments; do
		[ "${s%%:*}" = "$seg" ] || second=${s%%:*}
	done
	for opt in "" ${large:+--large}; do
		run "$seg: busy${opt:+, large pages}" "$here/busy" $opt \
			${otherdir:+--other "$otherdir"} \
			${second:+--second "$second"} \
			"$seg" "$(device "$seg")" "$type" "$mnt"
	done
}

# Without struct pages no page can be in use.
ends()
{
	[ "$stock" = 0 ] && [ "$data" ] || return
	run "$seg: end" "$here/end" ${ro:+--readonly} --type "$type" \
		--segment "$seg" "$mnt"
	[ -z "$ro" ] || return
	for opt in "" ${large:+--large}; do
		run "$seg: moved${opt:+, large pages}" "$here/moved" $opt \
			--type "$type" --segment "$seg" "$mnt"
	done
}

options()	# other ways to say what is meant
{
	for o in dax=always dax=inode dax=never; do
		mount -t "$type" -o "${ro:+ro,}$o" "$(device "$seg")" "$mnt" &&
			umount "$mnt"
		result $? "$seg: mount -o $o"
	done
}

# Free memory says nothing: others take and free it, too.
memory()
{
	before=$(counts)
	for _ in 1 2 3 4 5 6 7 8; do
		add "$seg" && mount_dax && umount "$mnt"
		remove "$seg" || break
	done
	counts_as_before "$before"
	result $? "$seg: memmap and page tables as before, eight times"
}

mount_dax()
{
	mount -t "$type" -o "${ro:+ro,}dax" "$(device "$seg")" "$mnt"
}

one_segment()
{
	split "$1"
	cat /proc/iomem >"$tmp/iomem"
	mark
	add "$seg"
	result $? "$seg: add"
	mount_dax
	status=$?
	result $status "$seg: mount -t $type -o dax"
	if [ $status = 0 ]; then
		programs
		umount "$mnt"
		result $? "$seg: umount"
		case $type in
		erofs)	o=dax=never ;;
		ext2)	o=noatime ;;
		*)	options
			o=dax=never ;;
		esac
		mount -t "$type" -o "${ro:+ro,}$o" "$(device "$seg")" "$mnt" &&
			page_cache && umount "$mnt"
	fi
	busy
	ends
	remove "$seg"
	result $? "$seg: remove"
	memory
	cmp -s "$tmp/iomem" /proc/iomem
	result $? "$seg: /proc/iomem as before"
	check_log "$seg"
}

# No DAX, and a reason in the kernel log, and nothing mounted.
one_refused()
{
	split "$1"
	mark
	case $seg in
	/*)	[ -b "$seg" ] || {
			result 4 "$seg: no such block device"
			return
		} ;;
	*)	add "$seg"
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
	*)	remove "$seg"
		result $? "$seg: remove" ;;
	esac
	check_log "$seg"
}

# CP saves only what is addressable: define while SEGMENT is loaded.
define_in()	# define_in SEGMENT NAME[=PAGES]...
{
	add "$1"
	shift
	for def in "$@"; do
		case $def in
		*=*)	vmcp DEFSEG "${def%=*}" "${def#*=}" SW &&
				vmcp SAVESEG "${def%=*}" ;;
		esac
	done >"$tmp/out" 2>&1 || sed 's/^/# /' "$tmp/out"
	remove "${bad%%,*}"
}

bad_input()
{
	IFS=,
	# shellcheck disable=SC2086 # to be split
	set -- $bad
	IFS=' '
	mark
	define_in "$1" "${4-}" "${5-}"
	run "sysfs: bad input" "$here/sysfs" ${2:+--pair "$2"} \
		${3:+--apart "$3"} ${chain:+--chain "$chain"} \
		${4:+--overlap "${4%=*}"} \
		${5:+--storage "${5%=*}"} "$1"
	check_log "sysfs"
}

module_parameter()
{
	mark
	# shellcheck disable=SC2046 # to be split
	run "params" "$here/params.sh" $(echo "$params" | tr , ' ')
	check_log "params"
}

two_users()
{
	mark
	mkdir -p "$tmp/mnt"
	run "users" "$here/users.sh" "${users%%:*}" "${users#*:}" "$tmp/mnt"
	check_log "users"
}

# Each of these adds its segments itself, and leaves none behind.
administrator()
{
	mark
	mkdir -p "$tmp/mnt"
	list=$(echo "${types#*:}" | tr , ' ')
	# shellcheck disable=SC2086 # to be split
	run "shared" "$here/shared" "${types%%:*}" "$tmp/mnt" $list
	# What is of type SC cannot be written to, by Linux.
	# shellcheck disable=SC2046,SC2086
	run "save" "$here/save" ${otherdir:+--other "$otherdir"} \
		"${types%%:*}" "$tmp/mnt" \
		$(printf '%s\n' $list | grep -v '=SC$')
	check_log "shared and save"
}

no_memory()	# no_memory FSTYPE:LIST
{
	mark
	mkdir -p "$tmp/mnt"
	run "${1#*:}: memory fails" "$here/fail" "${1#*:}" "${1%%:*}" "$tmp/mnt"
	ko=$(find "/lib/modules/$(uname -r)" -name dcssblk.ko 2>/dev/null)
	[ -z "$ko" ] || run "${1#*:}: memory fails as the module is loaded" \
		"$here/fail" --module "$ko" "${1#*:}" "${1%%:*}" "$tmp/mnt"
	check_log "${1#*:}: memory fails"
}

device_mapper()	# device_mapper FSTYPE:SEGMENT[:SEGMENT]
{
	mark
	mkdir -p "$tmp/mnt"
	run "${1#*:}: device mapper" "$here/end" --dm --type "${1%%:*}" \
		--segment "${1#*:}" "$tmp/mnt"
	check_log "${1#*:}: device mapper"
}

no_cp()		# no_cp FSTYPE:LIST
{
	mark
	mkdir -p "$tmp/mnt"
	run "${1#*:}: CP fails" "$here/cpfail" "${1#*:}" "${1%%:*}" "$tmp/mnt"
	check_log "${1#*:}: CP fails"
}

# The swap area is on a segment, as administrators have it on virtual disks.
memory_pressure()
{
	swap=${pressure%%:*}
	mark
	add "$swap" && mkswap "$(device "$swap")" >/dev/null &&
		swapon "$(device "$swap")"
	result $? "$swap: a swap area"
	for s in $(echo "${pressure#*:}" | tr , ' '); do
		split "$s"
		add "$seg" && mount_dax
		result $? "$seg: mount -t $type -o dax"
		dir=$mnt
		for o in "" ${large:+--large}; do
			# shellcheck disable=SC2086 # options, to be split
			run "$seg: memory is short${o:+, large pages}" \
				"$here/pressure" $o ${ro:+--readonly} "$dir"
		done
		umount "$mnt" && remove "$seg"
		result $? "$seg: remove"
	done
	swapoff "$(device "$swap")" && remove "$swap"
	result $? "$swap: no swap area any more"
	check_log "memory is short"
}

with_other()
{
	[ -n "$other" ] || return
	split "$other"
	add "$seg" &&
		mount -t "$type" "$(device "$seg")" "$mnt" && otherdir=$mnt
	result $? "$seg: mounted without DAX"
	otherseg=$seg
}

without_other()
{
	[ -n "$other" ] || return
	umount "$tmp/$otherseg" && remove "$otherseg"
	result $? "$otherseg: removed"
}

# What the checkers of a debug kernel have found, but do not print by themselves.
checkers()
{
	leaks=/sys/kernel/debug/kmemleak
	if [ -w "$leaks" ]; then
		# What is younger than five seconds, or has changed since the
		# last scan, is not taken for lost: two scans. The first one is
		# refused if kmemleak has switched itself off.
		echo scan >"$leaks" && sleep 6 && echo scan >"$leaks" &&
			cat "$leaks" >"$tmp/leaks" && ! [ -s "$tmp/leaks" ]
		result $? "kmemleak: nothing"
		[ ! -s "$tmp/leaks" ] || sed 's/^/# /' "$tmp/leaks"
	fi
	if [ -r /proc/lockdep_stats ]; then
		# Out of table space it switches itself off, and says so below
		# the level of the console.
		grep -q 'debug_locks: *1' /proc/lockdep_stats
		result $? "lockdep: on to the end"
	fi
}

show_table()
{
	with_other >/dev/null
	split "${segments# }"
	seg=${segments# }
	split "${seg%% *}"
	add "$seg" && mount_dax || exit 1
	"$here/gup" --table ${otherdir:+--other "$otherdir"} \
		--exec "$here/xip-hello" "$mnt"
	"$here/xip" --segment "$seg" "$mnt" >&2 && works=ok || works=fails
	echo "program and library executed in place $works"
	umount "$mnt"
	remove "$seg"
	without_other >/dev/null
}

mkdir -p "$tmp"
trap 'rm -f "$tmp"/* 2>/dev/null; rmdir "$tmp"/* "$tmp" 2>/dev/null' EXIT
[ -d $root ] || modprobe dcssblk 2>/dev/null || insmod dcssblk.ko 2>/dev/null
todo=$segments$bad$refused$types$params$users$nomem$nocp$mapper$pressure
if [ ! -w $root/add ] || [ -z "$todo" ]; then
	echo "1..0 # SKIP dcssblk, root and the name of a segment are needed"
	exit 4
fi
if [ -n "$table" ]; then
	show_table
	exit
fi

[ -n "${KSFT_TAP_LEVEL-}" ] || echo "TAP version 13"
: >"$tmp/stock-log"
# A kernel without struct pages has many of the errors that these look for.
if [ "$stock" = 1 ]; then
	bad='' types='' params='' users='' nomem='' nocp='' mapper='' pressure=''
fi
[ -z "$bad" ] || bad_input
[ -z "$params" ] || module_parameter
[ -z "$users" ] || two_users
[ -z "$pressure" ] || memory_pressure
for s in $nomem; do
	no_memory "$s"
done
for s in $nocp; do
	no_cp "$s"
done
with_other
[ -z "$types" ] || administrator
for s in $segments; do
	one_segment "$s"
done
for s in $mapper; do
	device_mapper "$s"
done
without_other
for s in $refused; do
	one_refused "$s"
done
if [ "$stock" = 1 ] && [ -n "$segments" ]; then
	grep -q 'Bad page map' "$tmp/stock-log"
	result $? "stock: the bad page maps are in the log"
fi
checkers
echo "1..$tests"
echo "# dcssblk: $((tests - failed)) passed, $failed failed"
[ $failed = 0 ]
