# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# A guest that does what z/VM forbids is found out, and ends there.

make_image sr 16

# forbidden COMMAND...: in a guest with a segment SR that it has, EW that it had, NL that
# it never has, all of them below the end of its storage
forbidden() {
	boot --storage 0-256M,512M-768M --dcss "SR,SR,18000-1800F,$work/sr" \
		--dcss EW,EW,19000-1900F --dcss NL,EW,1A000-1A00F <<END
cd /sys/devices/dcssblk
echo SR >add
echo EW >add
echo EW >remove
echo begins
$*
echo goes on
END
}

boot <<'END'
[ -e /dev/mem ] || echo 'no /dev/mem'
END
if has '^no /dev/mem'; then
	ok 'violations # SKIP the kernel has no /dev/mem'
	return
fi

forbidden 'devmem 0x18001000 64; devmem 0x19000000 64'
check 'an honest read is none' has '^0x7061676520312'
check 'a use after purge ends the guest' eval 'has ^begins && ! has "^goes on"'
check 'a use after purge is 70' exited 70
check 'a use after purge is found' \
	says 'segment EW: the guest used 19000000 while it was not loaded'
check 'the transcript has it' recorded '^VIOLATION segment EW'

forbidden 'devmem 0x18001008 64 1'
check 'a store to SR ends the guest' eval 'has ^begins && ! has "^goes on"'
check 'a store to SR is found' says 'segment SR: the guest wrote to 18001008, which is of type SR'
check 'a store of a program: the code' says '^ branch 000000'
check 'a store of a program: no caller in the kernel' eval '! says "^ caller"'

# shellcheck disable=SC2016 # for the guest's shell
forbidden 'dd if=/dev/zero of=/dev/mem bs=8 count=1 seek=$((0x18002000 / 8)) conv=notrunc'
check 'a store of the kernel is found' says 'the guest wrote to 18002000'
if [ -e "$(dirname "$ZVM_KERNEL")/System.map" ]; then
	check 'a store of the kernel: the code' says '^ branch [0-9A-F]* [a-z_]*+0x'
	check 'a store of the kernel: its caller' says '^ return [0-9A-F]* write_mem+'
	check 'a store of the kernel: all callers' says '^ caller [0-9A-F]* ksys_write+'
else
	ok 'a store of the kernel: its callers # SKIP no System.map beside the kernel'
fi

forbidden 'devmem 0x1a005000 64'
check 'a use before load is found' \
	says 'segment NL: the guest used 1A005000 while it was not loaded'
forbidden 'devmem 0x1f000000 64'
check 'a use of what is nothing is found' says 'the guest used 1F000000, which is neither'

# It is the right CPU that tells, also where an interruption comes.
# shellcheck disable=SC2016 # for the guest's shell
boot --smp 4 --storage 0-256M,512M-768M --dcss "SR,SR,18000-1800F,$work/sr" <<'END'
echo SR >/sys/devices/dcssblk/add
for i in 1 2 3; do
	while :; do :; done &
done
sleep 1
dd if=/dev/zero of=/dev/mem bs=8 count=1 seek=$((0x18002000 / 8)) conv=notrunc
END
check 'beside busy CPUs: it is found' says 'the guest wrote to 18002000'
if [ -e "$(dirname "$ZVM_KERNEL")/System.map" ]; then
	check 'beside busy CPUs: it is the right one' says '^ [rc][a-z]* [0-9A-F]* ksys_write+'
fi

boot --icount --smp 2 --dcss "SR,SR,30000-3000F,$work/sr" <<'END'
echo SR >/sys/devices/dcssblk/add
devmem 0x30003000 64 1
echo goes on
END
check '--icount, two CPUs: it is found' says 'the guest wrote to 30003000'
check '--icount, two CPUs: it ends there' eval '! has "^goes on"'

boot --dcss EW,EW,30000-3000F <<'END'
echo EW >/sys/devices/dcssblk/add
devmem 0x30000000 64 1
echo EW >/sys/devices/dcssblk/remove
END
check 'an honest store is none' exited 0
