# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# 64 GiB of one set of segments, which touch each other.

set --
i=0 first=$((0xC0000)) end=$((0x10C0000)) names=''
while [ $first -lt $end ]; do
	last=$((first + 2047 * 256 - 1))
	[ $last -lt $end ] || last=$((end - 1))
	set -- "$@" --dcss "$(printf 'B%d,SN,%X-%X' $i $first $last)"
	names=$names:B$i i=$((i + 1)) first=$((last + 1))
done
boot --storage 3G "$@" <<END
cd /sys/devices/dcssblk
echo ${names#:} >add && echo "added $i"
cat /sys/block/dcssblk0/size
for page in 0 524031 524032 16777215; do
	echo "page \$page" | dd of=/dev/dcssblk0 bs=4096 seek=\$page conv=fsync 2>/dev/null
done
for page in 0 524031 524032 16777215; do
	dd if=/dev/dcssblk0 bs=4096 skip=\$page count=1 2>/dev/null | head -n 1
done
grep -c 'System RAM' /proc/iomem
grep -c DCSS /proc/iomem
echo B0 >remove
grep -c DCSS /proc/iomem || :
END
check '33 segments are one device' has '^added 33'
check '33 segments: 64 GiB' has '^134217728'
for page in 0 524031 524032 16777215; do
	check "33 segments: page $page is where it was written" has "^page $page\$"
done
check '33 segments: all are loaded' has '^33$'
check '33 segments: all go' has '^0$'
check '33 segments: the run is clean' exited 0
