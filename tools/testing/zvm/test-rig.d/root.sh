# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# A root file system of the command's own.

root=$work/root
mkdir -p "$root/bin" "$root/etc"
cp "$rig/busybox" "$root/bin/"
for applet in sh cat ls basename readlink sleep; do
	ln -s busybox "$root/bin/$applet"
done
echo 'of this root' >"$root/etc/mark"
echo added >"$work/add"
mkdir -p "$work/dir/below"
echo 'in a directory' >"$work/dir/below/file"

boot --root "$root" --add "$work/add:/opt/deep/add" --add "$work/dir:/dir" \
	--dcss R,EW,30000-3000F <<'END'
cat /etc/mark /opt/deep/add /dir/below/file
ls /init 2>/dev/null || echo 'no init'
echo R >/sys/devices/dcssblk/add
ls /dev/dcssblk0
vmcp q nss map
echo shared >/dev/shm/file && cat /dev/shm/file
echo changed >/etc/mark
exit 7
END
check '--root: the status is that of the command' exited 7
check '--root: a file of the directory' has '^of this root$'
check '--root: --add, with directories on the way' has '^added$'
check '--root: --add of a directory' has '^in a directory$'
check '--root: the rest is not there' has '^no init$'
check '--root: a device that comes is there' has '^/dev/dcssblk0$'
check '--root: so is vmcp' has 'R  .* EW'
check '--root: and shared memory' has '^shared$'
check '--root: the directory is not changed' grep -q '^of this root$' "$root/etc/mark"

truncate -s 64M "$work/image"
PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -d "$root" "$work/image"
boot --root "$work/image" --disk "$work/scratch" <<'END'
END
check '--root: as any disk it needs its file' exited 2
check '--root: which is not there' says "^zvm-run: --disk '.*scratch' is missing"
: >"$work/scratch"
truncate -s 4096 "$work/scratch"
for try in first second; do
	boot --root "$work/image" --disk "$work/scratch" <<END
cat "/sys/block/\$(basename "\$(readlink /dev/disk1)")/size"
cat /etc/mark
echo 'after the $try time' >/etc/mark
while :; do sleep 1; done >/etc/busy &
END
	check "--root: an image, the $try time" exited 0
	check "--root: another disk, the $try time" has '^8$'
done
check '--root: an image is changed' has '^after the first time$'
check '--root: an image is left clean' eval \
	'PATH=$PATH:/usr/sbin:/sbin e2fsck -fn "$work/image" >"$work/out" 2>&1'

# What no signal ends.
boot --root "$work/image" <<'END'
busybox dd if=/dev/zero of=/swap bs=4096 count=64 2>/dev/null
busybox mkswap /swap >/dev/null && busybox swapon /swap && echo swaps
END
check '--root: an image that is in use to the end' has '^swaps$'
check '--root: such an image is 70' exited 70
check '--root: such an image, and says so' says 'in use'

truncate -s 1M "$work/nothing"
boot --root "$work/nothing" <<'END'
END
check '--root: no file system is 126' exited 126
check '--root: no file system, and says so' says 'no file system that the guest knows'
zvm_run --root "$work/missing" -- true </dev/null
check '--root: what is missing is 2' exited 2
check '--root: what is missing, and says so' says "^zvm-run: --root '.*missing' is missing"
