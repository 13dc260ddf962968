# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Directories of the host, in the guest.

mkdir -p "$work/host/below" "$work/second,with comma"
echo 'of the host' >"$work/host/below/file"
cat >"$work/in-host" <<'END'
cat /deep/place/below/file
echo 'of the guest' >/deep/place/below/new
/deep/place/busybox echo executed
ls -d /root/second*
END
cp "$rig/busybox" "$work/host/busybox"
# The rig's own configuration has it, if it is a kernel of that.
has_9p() {
	[ -z "${ZVM_KERNEL-}" ] || grep -q '^CONFIG_9P_FS=' "${ZVM_KERNEL%/*}/.config"
}

boot --share "$work/host:/deep/place" --share "$work/second,with comma" <"$work/in-host"
if ! has_9p && says 'this kernel has no 9p'; then
	check '--share: a kernel without 9p is 126' exited 126
	ok '--share # SKIP this kernel has no 9p'
	return
fi
check '--share: the run is clean' exited 0
check '--share: the guest reads it' has '^of the host$'
check '--share: and writes to it' grep -q '^of the guest$' "$work/host/below/new"
check '--share: and executes it' has '^executed$'
check '--share: the default is below /root' has '^/root/second,with comma$'

root=$work/root
mkdir -p "$root/bin"
cp "$rig/busybox" "$root/bin/"
for applet in sh cat ls; do
	ln -sf busybox "$root/bin/$applet"
done
boot --root "$root" --share "$work/host:/deep/place" \
	--share "$work/second,with comma" <"$work/in-host"
check '--share: with --root' has '^of the host$'
check '--share: with --root it is executed' has '^executed$'
check '--share: with --root the run is clean' exited 0
rm -rf "$root"

zvm_run --share "$work/in-host" -- true </dev/null
check '--share: a file is none' exited 2
check '--share: a file, and says so' says "^zvm-run: --share '.*in-host' is no directory"
zvm_run --share "$work/host:/proc/it" -- true </dev/null
check '--share: where the guest has something else' says "mounts something else over /proc/it"
