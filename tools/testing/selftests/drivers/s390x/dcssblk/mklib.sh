# SPDX-License-Identifier: GPL-2.0
#
# What the scripts that make images share. To be sourced; $out is the directory of
# the images.
# shellcheck shell=sh disable=SC2154 # set by who sources this

PATH=$PATH:/usr/sbin:/sbin

# image NAME MiB COMMAND...: a sparse file $out/NAME that COMMAND makes a file
# system of; 0 MiB if COMMAND makes the file, too
image()
{
	name=$1
	rm -f "$out/$name"
	[ "$2" = 0 ] || truncate -s "$2M" "$out/$name"
	shift 2
	"$@" >"$out/mkfs.log" 2>&1 || {
		echo "$0: $* failed:" >&2
		cat "$out/mkfs.log" >&2
		exit 1
	}
}

# The pattern of fill() in files.c.
pattern()	# pattern BYTES
{
	awk -v n="$(($1 / 8))" 'BEGIN {
		for (i = 0; i < n; i++) printf "%07d\n", i }'
}
