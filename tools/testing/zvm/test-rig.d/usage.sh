# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What zvm-run refuses, before it starts anything.

usage() {
	message=$1
	shift
	zvm_run "$@" </dev/null
	if exited 2 && says "^zvm-run: .*$message" && [ "$(wc -c <"$work/err")" -lt 500 ]; then
		ok "usage: $message"
	else
		not_ok "usage: $message"
	fi
}

long=$(head -c 65536 /dev/zero | tr '\0' A)
make_image large 17
usage 'no command'
usage 'no command' --
usage 'command is empty' -- ''
usage "'--what' is unknown" --what -- true
usage "'-AAAAA.* is unknown" "-$long" -- true
usage '--dcss needs an argument' --dcss
usage 'with a space' --smp=2 -- true
usage "--kernel '/no/kernel' is missing" --kernel /no/kernel -- true
usage "--kernel '/tmp' is missing or not a file" --kernel /tmp -- true
usage "--modules '/tmp' has no lib/modules" --modules /tmp -- true
usage "--smp '0' is not" --smp 0 -- true
usage "--smp '-1' is not" --smp -1 -- true
usage "--smp '' is not" --smp '' -- true
usage "--smp '65' is more" --smp 65 -- true
usage "--timeout '1.5' is not" --timeout 1.5 -- true
usage "--timeout 'AAA.* is not" --timeout "$long" -- true
usage "--disk '/no/disk' is missing" --disk /no/disk -- true
usage "--add '/no/file' is missing" --add /no/file -- true
usage "'' is missing" --add '' -- true
usage 'begin with /' --add /bin/sh:relative -- true
usage 'mounts something else' --add /bin/sh:/tmp/sh -- true
truncate -s 60M "$work/huge"
usage 'do not fit' --storage 64M --add "$work/huge" -- true
rm "$work/huge"
usage 'longer than 3000' --append "$long" -- true
usage 'line break' --append 'a
b' -- true
usage 'line break' --dcss 'A,SW,20000-20000
B' -- true
usage 'cannot be written' --transcript /no/dir/file -- true
usage 'name is empty' --dcss '' -- true
usage "name 'AAA.* is longer" --dcss "$long" -- true
usage "type 'XX' is unknown" --dcss A,XX,20000-20000 -- true
usage 'page range' --dcss A,SW,20000 -- true
usage 'ends before it begins' --dcss A,SW,20001-20000 -- true
usage 'segments A and B overlap' --dcss A,SW,20000-20010 --dcss B,SW,20010-20020 -- true
usage 'A is defined twice' --dcss A,SW,20000-20000 --dcss a,SW,30000-30000 -- true
usage "A overlaps the guest's storage" --dcss A,SW,1000-1010 -- true
usage "image '/no/image' is missing" --dcss A,SW,20000-20010,/no/image -- true
usage 'is larger than the segment' --dcss "A,SW,20000-2000F,$work/large" -- true
usage 'have the same image' --dcss "A,SW,20000-200FF,$work/large" \
	--dcss "B,SW,30000-300FF,$work/large" -- true
usage "storage extent '12' is not" --storage 12 -- true
usage 'storage extents overlap' --storage 0-144M,128M-1G -- true
usage "function 'FOO' is unknown" --cp-fail FOO,4 -- true
usage 'is too long' --cp-fail "$long" -- true
zvm_run --help
check 'help is on stdout, status 0' clean
