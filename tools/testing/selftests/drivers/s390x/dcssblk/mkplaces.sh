#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Make what places.sh needs: for each file in places/, a layout of guest storage,
# with segments of every kind, size and place, and the cases on them. On the
# machine that builds, without privileges:
#
#	DIRECTORY [NAME...]
#
# DIRECTORY/disk is for a virtio disk, with a file system without DAX, and
# DIRECTORY/heads is to be the directory of that name in the guest.
# DIRECTORY/NAME/storage has the extents of guest storage, segments a line
# NAME,TYPE,FIRST-LAST[,IMAGE] for each segment, and cases is for places.sh; large is
# there if the machine is to have large pages (EDAT1).
#
# Page numbers are hexadecimal: 100 pages are 1 MiB, 20000 is at 512 MiB.
set -eu

. "$(dirname "$0")/mklib.sh"

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || {
	sed -n '/^#	/s/^#	/usage: mkplaces.sh /p' "$0" >&2
	exit 2
}
mkdir -p "$1"
work=$(cd "$1" && pwd)
shift
# shellcheck disable=SC2046 # words
[ $# -gt 0 ] || set -- $(ls "$here/places")

# The begin of an ext4 file system for a device of some size: its metadata.
# Blocks that nobody has written are zeroes in a segment, as in a sparse file.
head_of()	# head_of SIZE
{
	rm -f "$work/fs"
	truncate -s "$1" "$work/fs"
	mkfs.ext4 -q -b 4096 -N 16 -m 0 -G 1024 \
		-O ^has_journal,^resize_inode,sparse_super2 \
		-E packed_meta_blocks=1,num_backup_sb=0,lazy_itable_init=1 \
		"$work/fs"
	used=$(dumpe2fs -h "$work/fs" 2>/dev/null | awk -F: '
		/^Block count/ { all = $2 }
		/^Free blocks/ { free = $2 }
		END { print all - free }')
	head -c $((used * 4096)) "$work/fs" | gzip -9n > "$work/heads/$1"
	rm -f "$work/fs"
}

data()		# data BYTES
{
	mkdir -p "$work/root"
	pattern "$1" >"$work/root/data"
}

images()
{
	mkdir -p "$work/heads"
	for size in 256K 1M 4M 8M 61M 64M 2047M 65504M; do
		head_of $size
	done
	data 1048576
	rm -f "$work/image"
	truncate -s 4M "$work/image"
	mkfs.ext4 -q -b 4096 -O ^has_journal -d "$work/root" "$work/image"
	for type in SR ER SC; do
		cp "$work/image" "$work/$type"
	done
	data 4096
	mkfs.erofs -E force-inode-extended "$work/small" "$work/root"
	truncate -s 32M "$work/disk"
	mkfs.ext4 -q -b 4096 -O ^has_journal "$work/disk"
}

# What the files in places/ are made of

storage()	# storage EXTENTS
{
	echo "$1" > "$dir/storage"
}

large_pages()
{
	: > "$dir/large"
}

segment()	# segment NAME TYPE FIRST-LAST [IMAGE]
{
	echo "$1,$2,$3${4:+,$work/$4}" >> "$dir/segments"
}

# A decimal number of megabytes as pages: megabytes 768 1 are 30000-300FF.
megabytes()	# megabytes FIRST COUNT
{
	printf '%X-%X\n' $(($1 * 256)) $((($1 + $2) * 256 - 1))
}

# Segments NAME01 ... of a size that follow each other.
row()		# row NAME TYPE FIRST-MEGABYTE SIZE COUNT
{
	i=0
	while [ $i -lt "$5" ]; do
		segment "$1$(printf %02d $((i + 1)))" "$2" \
			"$(megabytes $(($3 + i * $4)) "$4")"
		i=$((i + 1))
	done
}

# Their names, as one list or as words.
names()		# names NAME COUNT SEPARATOR
{
	seq -f "$1%02g" -s "$3" 1 "$2"
}

cases()
{
	cat >> "$dir/cases"
}

images > "$work/log" 2>&1 || {
	cat "$work/log" >&2
	exit 1
}
for place in "$@"; do
	dir=$work/$place
	mkdir -p "$dir"
	: > "$dir/segments"
	echo 'cd /heads' > "$dir/cases"
	# shellcheck disable=SC1090
	. "$here/places/$place"
done
