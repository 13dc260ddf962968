# SPDX-License-Identifier: GPL-2.0
#
# For those who run dcssblk.sh in a guest: what the file $expect says about $kernel,
# and ONLY. guest() runs a command there, and "# status N" is its last line.
# shellcheck shell=sh disable=SC2154 # set by who sources this

expect() {
	"$top/scripts/expect" --list "$1" "$kernel" "$expect"
}

# args FILE [OPTION...]: dcssblk.sh with the arguments in FILE, and these
args() {
	[ -s "$1" ] || {
		echo "$0: mkimages.sh knows no set ${1##*/}" >&2
		exit 2
	}
	set=$1
	shift
	# shellcheck disable=SC2046 # to be split
	set -- $(cat "$set") "$@"
	expect skip > "$work/skips"
	while IFS= read -r skip; do
		set -- "$@" -x "$skip"
	done < "$work/skips"
	known=$(expect known | paste -s -d '|')
	[ -z "$known" ] || set -- "$@" -k "$known"
	case ${ONLY-} in
	?*/*)	set -- "$@" -P "${ONLY%%/*}" -C "${ONLY#*/}" ;;
	?*)	set -- "$@" -C "$ONLY" ;;
	esac
	guest /selftests/dcssblk.sh "$@"
}
