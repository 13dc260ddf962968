# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Kernels as Debian ships them, unmodified: as many as have been found in the mirror.
# A file system on a segment is mounted with -o dax, or else the kernel says no, and
# it can be used then without. Programs are not executed: stock 6.1 and 6.12 report a
# bug for each.

cat >"$work/debian" <<'END'
uname -r
find /lib/modules -name '*.ko' | wc -l
[ -b /dev/vda ] && echo 'a disk'
modprobe dummy && grep -q ^dummy /proc/modules && echo 'a module of our own choice'
echo DEBIAN >/sys/devices/dcssblk/add || exit
busybox mke2fs -b 4096 /dev/dcssblk0 >/dev/null || exit
mount -t ext4 -o dax /dev/dcssblk0 /mnt 2>/dev/null || {
	echo 'no DAX'
	mount -t ext4 /dev/dcssblk0 /mnt || exit
}
grep -o 'dax=always' /proc/mounts
cp /bin/busybox /mnt/copy
umount /mnt
mount -t ext4 /dev/dcssblk0 /mnt && cmp /bin/busybox /mnt/copy && echo 'what was written'
umount /mnt
echo DEBIAN >/sys/devices/dcssblk/remove && [ ! -e /dev/dcssblk0 ] && echo 'removed'
END

dax_or_not() { [ "$(grep -c -x -e 'dax=always' -e 'no DAX' "$work/out")" = 1 ]; }
few_modules() {
	modules=$(sed -n 2p "$work/out")
	[ "$modules" -ge 2 ] && [ "$modules" -lt 64 ]
}

truncate -s 1M "$work/debian.img"
for suite in bookworm bookworm-backports trixie trixie-backports; do
	dir=$rig/kernels/$suite
	[ -e "$dir/version" ] || UNPACK_PAUSES='' "$here/debian-kernel" "$dir" "$suite" \
		>"$work/out" 2>"$work/err" || {
		why=$(grep -h -o -m 1 -e 'cannot read the package lists .*' \
			-e 'cannot download .*' -e "no package '.*" \
			-e 'apt is not configured .*' "$work/err") &&
			ok "the kernel of $suite # SKIP $why" ||
			not_ok "the kernel of $suite is unpacked"
		continue
	}
	boot --kernel "$dir/vmlinuz" --modules "$dir" --module dummy \
		--disk "$work/debian.img" --dcss DEBIAN,SN,40000-41FFF <"$work/debian"
	check "the kernel of $suite runs" has "^$(sed 's/[+]/[+]/g' "$dir/version")\$"
	check "$suite: some of its modules" few_modules
	check "$suite: a disk" has '^a disk$'
	check "$suite: --module" has '^a module of our own choice$'
	check "$suite: mounted with DAX, or the kernel says no" dax_or_not
	check "$suite: what was written is there" has '^what was written$'
	check "$suite: the segment is removed" has '^removed$'
	check "$suite: the run ends well" exited 0
	zvm_run --kernel "$dir/vmlinuz" --modules "$dir" --module no-such -- true </dev/null
	check "$suite: --module that is not there" says '--module no-such: there is none'
	check "$suite: is a usage error" exited 2
done
