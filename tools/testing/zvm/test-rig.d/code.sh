# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Code that was executed in place must not outlive the pages it came from: the
# two programs differ in an instruction, and lie in the same blocks. On a
# kernel without struct pages the log has reports: only the output counts.

if ! command -v "$GUESTCC" >/dev/null || ! command -v mkfs.ext2 >/dev/null; then
	ok "code # SKIP $GUESTCC or mkfs.ext2 is missing"
	return
fi
for version in 1 2; do
	cat >"$work/v$version.c" <<END
#include <stdio.h>
int main(void) { putchar('v'); putchar('0' + $version); putchar(10); return 0; }
END
	"$GUESTCC" -O2 -static -s -o "$work/v$version" "$work/v$version.c"
done
truncate -s 16M "$work/fs"
mkfs.ext2 -q -b 4096 "$work/fs"
boot --dcss "FS,EW,30000-30FFF,$work/fs" --add "$work/v1" --add "$work/v2" <<'END'
cd /sys/devices/dcssblk
run() { mount -t ext2 -o dax /dev/dcssblk0 /mnt && /mnt/v; umount /mnt; }
echo FS >add
mount -t ext2 -o dax /dev/dcssblk0 /mnt
cp /root/v1 /mnt/v
umount /mnt
echo "saved $(run)"
echo 1 >FS/save
echo 0 >FS/shared
mount -t ext2 -o dax /dev/dcssblk0 /mnt
dd if=/root/v2 of=/mnt/v conv=notrunc 2>/dev/null
umount /mnt
echo "private $(run)"
echo 1 >FS/shared
echo "reloaded $(run)"
END
check 'a program runs in place' has '^saved v1'
check 'its private copy is another one' has '^private v2'
check 'a reload brings the saved one back' has '^reloaded v1'
