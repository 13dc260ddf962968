# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# A guest that does what z/VM forbids is found out.

make_image sr 16
boot --dcss "SR,SR,30000-3000F,$work/sr" --dcss "EW,EW,31000-3100F" --dcss "NL,EW,32000-3200F" \
	--dcss OK,EW,33000-3300F <<'END'
cd /sys/devices/dcssblk
grep -q devmem /proc/misc || [ -e /dev/mem ] || echo 'no /dev/mem'
echo SR >add
devmem 0x30001000 64 1
echo EW >add
echo EW >remove
echo "poison: $(devmem 0x31000000 64)"
devmem 0x32005000 64
devmem 0x2f000000 64
echo OK >add
devmem 0x33000000 64 1
echo OK >remove
END
if has '^no /dev/mem'; then
	ok 'violations # SKIP the kernel has no /dev/mem'
	return
fi
check 'violations are 70' exited 70
check 'a purged segment reads as poison' has '^poison: 0xDEAD5E6DDEAD5E6D'
check 'a write to SR is found' says 'segment SR: the guest wrote to page 30001 '
check 'a use after purge is found' says 'segment EW: the guest touched page 31000 '
check 'a use before load is found' says 'segment NL: the guest touched page 3200[0-5] '
check 'a use of what is nothing is found' says 'touched page 2F000, which is neither'
check 'an honest use is none' sh -c "! grep -q 'segment OK' '$work/err'"
check 'the transcript has violations' recorded '^VIOLATION segment SR'
