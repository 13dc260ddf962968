#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Make the images of all segments that dcssblk.sh can use, on the machine that
# builds, without privileges:
#
#	[-b BUILD] [-l MIB] DIRECTORY
#
# BUILD is where the test programs are (default: where this script is);
# $CROSS_COMPILE names the compiler that they are made with (default:
# s390x-linux-gnu- unless this is an s390x), for its C library. MIB is the size of
# a large page on the machine that they are for (default: 1).
#
# DIRECTORY/segments has a line NAME,TYPE,FIRST-LAST[,IMAGE] for each segment,
# with page numbers as DEFSEG takes them; DIRECTORY/args and DIRECTORY/admin,
# also printed, the arguments for dcssblk.sh, for what is done with files and
# what is done with segments; DIRECTORY/disk.img is for a virtio disk, /dev/vda.
# For a machine with persistent memory instead, DIRECTORY/memory names the images of
# /dev/pmem0 and so on, and DIRECTORY/pmem has the arguments.
# All segments are above 1 GiB. EXT4 has a quarter of a memory section for itself.
# ODD begins and ends inside a megabyte, BAD shares one with BADOVER, ONE lies in two
# memory sections, EROFS begins so that its file "data" is on megabytes, and CHUNKS has
# two files with the same blocks.
#
# On a real z/VM: DEFSEG each segment, SAVESEG it once, add it in Linux (echo 0
# to "shared" for SR), copy the image to its block device, and echo 1 to "save".
set -eu

. "$(dirname "$0")/mklib.sh"

usage()
{
	echo "usage: $0 [-b BUILD] [-l MIB] DIRECTORY" >&2
	exit 2
}

from=$(cd "$(dirname "$0")" && pwd)
large=1
while getopts b:l: opt; do
	case $opt in
	b)	from=$OPTARG ;;
	l)	large=$OPTARG ;;
	*)	usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# = 1 ] || usage
mkdir -p "$1"
out=$(cd "$1" && pwd)

for tool in mkfs.ext2 mkfs.ext4 mkfs.xfs xfs_db mkfs.erofs awk truncate; do
	command -v $tool >/dev/null || {
		echo "$0: $tool is missing" \
			"(e2fsprogs, xfsprogs, erofs-utils)" >&2
		exit 1
	}
done
[ -e "$from/xip-hello-dyn" ] || {
	echo "$0: no test programs in $from: run make first," \
		"or name the place with -b" >&2
	exit 1
}

if [ -z "${CROSS_COMPILE+set}" ] && [ "$(uname -m)" != s390x ]; then
	CROSS_COMPILE=s390x-linux-gnu-
fi
cc=${CROSS_COMPILE-}gcc

# What a read-only segment holds: programs, libraries, and data with the
# pattern of fill() in files.c.
tree()
{
	root=$out/root
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/lib"
	cp "$from/xip-hello" "$from/xip-hello-dyn" "$root/bin"
	cp "$from/libxip.so" "$root/lib"
	cp "$($cc -print-file-name=libc.so.6)" "$root/lib/libc.so.6"
	interp=$($cc -print-file-name=ld64.so.1)
	[ -e "$interp" ] ||
		interp=$($cc -print-file-name=ld-linux-x86-64.so.2)
	cp "$interp" "$root/lib/ld.so"
	pattern 2097152 >"$root/data"
	chmod 755 "$root"/bin/* "$root"/lib/*
	# EROFS puts the last part of a block next to the inode, and a file
	# with such a part has no DAX: fill up the last block.
	find "$root" -type f -exec truncate -s %4096 {} +
}

# The same for mkfs.xfs -p.
proto()
{
	printf '/\n0 0\nd--755 0 0\n'
	for dir in bin lib; do
		echo "$dir d--755 0 0"
		for file in "$root/$dir"/*; do
			echo "${file##*/} ---755 0 0 $file"
		done
		echo '$'
	done
	echo "data ---644 0 0 $root/data"
	echo '$'
}

# With XFS_IOC_EXCHANGE_RANGE, which kernels have had since 6.10 and mkfs.xfs since
# then, too: an older one makes the same file system but for this bit.
EXCHRANGE=0x40
xfs()
{
	mkfs.xfs -q -f -s size=4096 -d agcount=4,su=${large}m,sw=1 \
		-p "$out/proto" "$out/xfs.img" || return
	bits=$(xfs_db -r -c 'sb 0' -c 'p features_incompat' "$out/xfs.img")
	xfs_db -x -c 'sb 0' -c "write -d features_incompat $(printf 0x%x \
		$((${bits#*= } | EXCHRANGE)))" "$out/xfs.img"
}

tree
proto >"$out/proto"
# Files in whole megabytes, for large pages: as on an array with such stripes.
stripe=$((256 * large))
image ext4.img $((64 * large)) mkfs.ext4 -q -b 4096 \
	-E stride=$stripe,stripe_width=$stripe -d "$root" "$out/ext4.img"
image ext2.img 32 mkfs.ext2 -q -b 4096 -d "$root" "$out/ext2.img"
image xfs.img 320 xfs
image xip.img 32 mkfs.ext2 -q -b 4096 -d "$root" "$out/xip.img"
image erofs.img 0 mkfs.erofs -E force-inode-extended "$out/erofs.img" "$root"
image other.img $((32 * large)) mkfs.ext4 -q -b 4096 "$out/other.img"
image small.img 16 mkfs.ext4 -q -b 1024 "$out/small.img"
image odd.img 31 mkfs.ext2 -q -b 4096 -d "$root" "$out/odd.img"
image dm.img 16 mkfs.ext4 -q -b 4096 "$out/dm.img"
image disk.img 16 mkfs.ext4 -q -b 4096 "$out/disk.img"

# For an administrator to work with: nothing but some data.
rm -rf "$root/bin" "$root/lib"
# Two files, of which each chunk is there once.
mv "$root/data" "$root/one"
cp "$root/one" "$root/twin"
image chunks.img 0 mkfs.erofs -E force-inode-extended --chunksize=65536 \
	"$out/chunks.img" "$root"
rm "$root/twin"
mv "$root/one" "$root/data"
truncate -s 128K "$root/data"
for name in lsw lew lsr ler lsc; do
	image $name.img 1 mkfs.ext2 -q -b 4096 -d "$root" "$out/$name.img"
done
image one.img 2 mkfs.ext2 -q -b 4096 -d "$root" "$out/one.img"
# Not quite 3 MiB: the last of its segments ends inside a megabyte.
image chain.img 0 mkfs.ext2 -q -b 4096 -d "$root" "$out/chain.img" 3040K
for i in 0 1 2; do
	dd if="$out/chain.img" of="$out/chain$i.img" bs=1M skip=$i count=1 \
		2>/dev/null
done
# Half a megabyte on each device in turn.
for i in 0 1; do
	truncate -s 160M "$out/stripe$i.img"
	at=0
	while [ $at -lt 320 ]; do
		dd if="$out/xfs.img" of="$out/stripe$i.img" bs=512K count=1 \
			skip=$((2 * at + i)) seek=$at conv=sparse,notrunc \
			2>/dev/null
		at=$((at + 1))
	done
done
for i in 0 1; do
	dd if="$out/dm.img" of="$out/dm$i.img" bs=1M skip=$((8 * i)) count=8 \
		2>/dev/null
done
rm -rf "$root" "$out/proto" "$out/mkfs.log" "$out/chain.img" \
	"$out/dm.img"

# mkfs.erofs cannot align a file, but a segment can begin at any page.
data=$(LC_ALL=C grep -abom 1 '0000000$' "$out/erofs.img" | head -n 1)
data=$((${data%%:*} / 4096))
erofs=$(printf '%X' $((0x5C000 + (256 - data % 256) % 256)))

cat >"$out/segments" <<END
EXT4,SW,40000-43FFF,$out/ext4.img
EXT2,SW,44000-45FFF,$out/ext2.img
XFS,SW,46000-59FFF,$out/xfs.img
XIP,SR,5A000-5BFFF,$out/xip.img
EROFS,SR,$erofs-5DFFF,$out/erofs.img
OTHER,SW,5E000-5FFFF,$out/other.img
SMALL,SW,60000-60FFF,$out/small.img
ODD,SW,62003-63FF7,$out/odd.img
BAD,SN,61008-611FF
BADOVER,SN,61000-61007
BADPAIR,EN,61200-613FF
BADAPART,SN,61600-617FF
ONE,SW,6FF00-700FF,$out/one.img
CHAIN0,SW,70200-702FF,$out/chain0.img
CHAIN1,SW,70300-703FF,$out/chain1.img
CHAIN2,SW,70400-704F7,$out/chain2.img
LSW,SW,70600-706FF,$out/lsw.img
LEW,EW,70800-708FF,$out/lew.img
LSR,SR,70A00-70AFF,$out/lsr.img
LER,ER,70C00-70CFF,$out/ler.img
LSC,SC,70E00-70EFF,$out/lsc.img
LSN,SN,71000-710FF
LEN,EN,71200-712FF
LEW2,EW,71400-714FF
LEN2,EN,71500-715FF
LMIX,EW+EN,71700-717FF+71800-718FF
DM0,SW,71A00-721FF,$out/dm0.img
DM1,SW,72300-72AFF,$out/dm1.img
SWAP,SN,73000-76FFF
CHUNKS,SR,77000-773FF,$out/chunks.img
STRIPE0,SW,80100-8A0FF,$out/stripe0.img
STRIPE1,SW,8A200-941FF,$out/stripe1.img
END
cat >"$out/args" <<END
-o OTHER:ext4 -s EXT4:ext4:large -s EXT2:ext2 -s XFS:xfs:large
-s XIP:ext2:ro -s EROFS:erofs:ro:large -s CHUNKS:erofs:ro -s ODD:ext2 -n SMALL:ext4
-n /dev/vda:ext4 -d ext4:EXT4 -d ext4:DM0:DM1
-D xfs:STRIPE0:STRIPE1
END
cat >"$out/admin" <<END
-o OTHER:ext4 -b BAD,BADPAIR,BADAPART,BADOVER,BADRAM=1000-11FF -c LEW2:LEN2
-a ext2:LSW=SW,LEW=EW,LSR=SR,LER=ER,LSC=SC,LSN=SN,LEN=EN,LEW2:LEN2=EWEN,LMIX=EWEN
-m LSW,LEW2:LEN2,LSR -u ext2:CHAIN0:CHAIN1:CHAIN2 -f ext2:ONE -f ext4:EXT4=map
-F ext2:CHAIN0:CHAIN1:CHAIN2
END
for name in ext4 ext2 xfs erofs dm0 dm1 chunks stripe0 stripe1; do
	echo "$out/$name.img"
done >"$out/memory"
cat >"$out/pmem" <<END
-s /dev/pmem0:ext4:large -s /dev/pmem1:ext2 -s /dev/pmem2:xfs:large
-s /dev/pmem3:erofs:ro -s /dev/pmem6:erofs:ro
-d ext4:/dev/pmem0 -d ext4:/dev/pmem4:/dev/pmem5
-D xfs:/dev/pmem7:/dev/pmem8
END
cat >"$out/pressure" <<END
-p SWAP:EXT4:ext4:large,EXT2:ext2,XFS:xfs,EROFS:erofs:ro
END
cat >"$out/zram" <<END
-p /dev/zram0:EXT4:ext4:large,EXT2:ext2,XFS:xfs,EROFS:erofs:ro
END
cat "$out/args" "$out/admin"
