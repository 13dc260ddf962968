# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# CP fails as it was told to.

boot --dcss A,EW,30000-300FF --dcss B,SR,31000-310FF --cp-fail LOADSHR,B,44 <<'END'
cd /sys/devices/dcssblk
attempt() {
	echo "$1: $({ echo "$2" >"$3"; } 2>&1 | sed 's/.*: //')"
	dmesg -c | grep -E 'DCSS|extmem|dcssblk'
}
memory() { cat /proc/iomem; }
memory >/tmp/before
attempt named B add
attempt other A add
vmcp 'zvm fail defseg,a,77*1'; attempt defseg 1 A/save
vmcp 'zvm fail saveseg,88*1'; attempt saveseg 1 A/save
attempt saved 1 A/save
vmcp 'zvm fail loadnsr,a,99*1'; attempt loadnsr 0 A/shared
ls -d A; vmcp q nss name a map
vmcp 'zvm fail findsega,66*1'; attempt findsega A add
attempt again A add
vmcp 'zvm fail purgeseg,55*1'; attempt purgeseg A remove
vmcp q nss name a map
attempt reload A add
attempt unload A remove
vmcp q nss name a map
memory | cmp - /tmp/before && echo 'iomem as before'
END
check 'LOADSHR fails for the segment that was named' has 'B failed with rc=44'
check 'LOADSHR: the error reaches the user' has '^named: No such file'
check 'LOADSHR: another segment is not affected' has '^other: $'
check 'DEFSEG fails' has 'DEFSEG response code 77'
check 'SAVESEG fails' has 'SAVESEG response code 88'
check 'a failure that ran out is over' has '^saved: $'
check 'LOADNSR fails' has 'Reloading DCSS A failed with rc=99'
check 'FINDSEGA fails' has 'type failed with rc=66'
check 'FINDSEGA: the error reaches the user' has '^findsega: Input/output error'
check 'PURGESEG fails: CP has the segment still loaded' has 'EW  *A  00001'
check 'afterwards it can be loaded and unloaded' has '^unload: $'
check '/proc/iomem is as before' has '^iomem as before'
check 'failures are not trouble' exited 0
check 'the transcript has failures' recorded "X'64' PURGESEG A: cc 2, rc 55"
