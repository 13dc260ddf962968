# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the guide tells administrators to do, word for word: its commands are taken
# from there. Then the segment is saved anew while another guest has it mounted.

guide=$here/../../../Documentation/arch/s390/dcssblk.rst
chapter() { sed -n '/^From a segment to a mounted/,/^Struct pages$/p' "$guide"; }
system=$work/guide-system

chapter | sed -n 's/^     \([A-Z]*SEG .*\)/vmcp "\1"/p' >"$work/cp"
# busybox has no other name for it.
chapter | sed -n 's|^     # ||p' | sed 's|^mkfs.ext2|busybox mke2fs|' >"$work/linux"
check 'guide: it has commands for CP' [ "$(grep -c SEG "$work/cp")" = 2 ]
check 'guide: and for Linux' [ "$(wc -l <"$work/linux")" = 9 ]
sed -i '/PART1/d' "$work/linux"

boot --system "$system" --storage 1056M --dcss SYNC,SN,60000-600FF \
	--add "$work/cp:/cp" <<'END'
set -e
. /cp
vmcp q nss name xiproot map
END
check 'guide: the segment is defined and saved' has 'XIPROOT .* 40000  41FFF   SR   A'

boot --system "$system" --add "$work/linux:/linux" <<'END'
set -e
mkdir -p /usr/local
echo old >/usr/local/file
. /linux
grep ' /usr/local ' /proc/mounts
dmesg | grep -i dax
END
# Later kernels have no DAX on ext2, and say so.
dax_or_not() { has '^/dev/dcssblk0 /usr/local ext2 ro.*dax' || has 'DAX unsupported'; }
check 'guide: it is mounted' has '^/dev/dcssblk0 /usr/local ext2 ro'
check 'guide: with DAX, or the kernel says no' dax_or_not
check 'guide: the run is clean' exited 0

# As the guide's last step, in another guest; the new content later.
cat >"$work/mount" <<'END'
show() {
	echo XIPROOT >/sys/devices/dcssblk/add
	sh -c "$(grep 'mount.*ro,dax' /linux)" && echo "$1: $(cat /usr/local/file)"
}
hide() {
	umount /usr/local
	echo XIPROOT >/sys/devices/dcssblk/remove
}
# The other guest says so on a page of a segment of its own.
sync_is() {
	echo 3 >/proc/sys/vm/drop_caches
	[ "$(dd if="/dev/$node" bs=4096 count=1 2>/dev/null | head -n 1)" = "$1" ]
}
END
guest reader --system "$system" --add "$work/linux:/linux" --add "$work/mount:/mount" <<'END'
mkdir -p /usr/local
. /mount
echo SYNC >/sys/devices/dcssblk/add
node=dcssblk0
sed -i s/dcssblk0/dcssblk1/ /linux
show first
for try in $(seq 3000); do ! sync_is saved || break; sleep 0.1; done
sync_is saved || echo 'nothing was saved'
echo 3 >/proc/sys/vm/drop_caches
echo "still: $(cat /usr/local/file)"
vmcp q nss name xiproot map
hide
show then
hide
vmcp q nss name xiproot map
END
wait_for reader first
boot --system "$system" <<'END'
set -e
cd /sys/devices/dcssblk
echo XIPROOT >add
echo 0 >XIPROOT/shared
mount -t ext2 /dev/dcssblk0 /mnt
echo new >/mnt/file
umount /mnt
echo 1 >XIPROOT/save
echo XIPROOT >remove
echo SYNC >add
echo saved | dd of=/dev/dcssblk0 bs=4096 conv=fsync,notrunc 2>/dev/null
END
check 'guide: saved anew' exited 0
wait
cp "$work/reader" "$work/out"
check 'guide: another guest mounts it' has '^first: old'
check 'guide: it keeps the segment that it has mounted' has '^still: old'
check 'guide: which is the old one' has 'XIPROOT .* SR   P  00001'
check 'guide: it has the new one after remove and add' has '^then: new'
check 'guide: then the old one is gone' \
	[ "$(sed -n '/^then/,$p' "$work/reader" | grep -c XIPROOT)" = 1 ]
rm -rf "$system"
