#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Make the images that soak works on, on the machine that builds, without
# privileges:
#
#	DIRECTORY
#
# DIRECTORY/segments has a line NAME,TYPE,FIRST-LAST[,IMAGE] for each segment,
# with page numbers as DEFSEG takes them; DIRECTORY/args, also printed, the
# devices for soak. DIRECTORY/disk is for a virtio disk, its --disk, and
# DIRECTORY/scratch is to be the file /scratch in the guest.
#
# Neighbours share no megabyte, but follow each other without a gap; ODD begins
# and ends inside one.
set -eu

. "$(dirname "$0")/mklib.sh"

[ $# = 1 ] || {
	echo "usage: $0 DIRECTORY" >&2
	exit 2
}
mkdir -p "$1"
out=$(cd "$1" && pwd)

# The kernel takes an xfs of any size; mkfs.xfs takes a small one for tests only.
image ext4 16 mkfs.ext4 -q -b 4096 -E stride=256,stripe_width=256 "$out/ext4"
image odd 8 mkfs.ext2 -q -b 4096 "$out/odd"
image pair 12 mkfs.ext4 -q -b 4096 -E stride=256,stripe_width=256 "$out/pair"
image share 12 mkfs.ext2 -q -b 4096 "$out/share"
image scratch 12 mkfs.ext2 -q -b 4096 -m 0 "$out/scratch"
image xfs 32 env TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 \
	mkfs.xfs -q -f -s size=4096 -l size=5m,su=4k -d agcount=2,su=1m,sw=1 "$out/xfs"
truncate -s 14M "$out/disk"

# For a concatenation, each segment has its part of the image.
part()		# part NUMBER FROM COUNT
{
	dd if="$out/pair" of="$out/pair$1" bs=1M skip="$2" count="$3" \
		conv=sparse 2>/dev/null
	truncate -s "$3M" "$out/pair$1"
}
part 1 0 5
part 2 5 7

cat >"$out/segments" <<END
EXT4,SW,40000-40FFF,$out/ext4
ODD,SW,41003-41818,$out/odd
PAIR1,EW,41900-41DFF,$out/pair1
PAIR2,EW,41E00-424FF,$out/pair2
SHARE,SR,42500-430FF,$out/share
SCRATCH,SN,43100-43CFF
XFS,SW,43D00-45CFF,$out/xfs
END
cat >"$out/args" <<END
EXT4,ext4 ODD,ext2 PAIR1:PAIR2,ext4 SHARE,ext2,toggle
SCRATCH,ext2,scratch=/scratch XFS,xfs
END
cat "$out/args"
