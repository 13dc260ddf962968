# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The largest guests: below 512 GiB, dozens of segments, all CPUs at once.

set -- --dcss TOP,SN,7F80100-7FFFFFF
i=10
while [ $i -lt 57 ]; do
	set -- "$@" --dcss "S$i,SN,40${i}000-40${i}FFF"
	i=$((i + 1))
done
boot "$@" --smp 4 <<'END'
cd /sys/devices/dcssblk
echo TOP >add
echo top | dd of=/dev/dcssblk0 bs=4096 seek=524031 conv=fsync 2>/dev/null
echo "end: $(tail -c 4096 /dev/dcssblk0 | head -c 3)"
for i in 1 2 3; do
	(for j in 0 1 2 3 4 5 6 7 8 9; do vmcp q nss map >/dev/null; done) &
done
for j in 0 1 2 3 4 5 6 7 8 9; do echo S1$j >add; echo S2$j >add; echo S1$j >remove; done
for j in 0 1 2 3 4 5 6 7 8 9; do echo S2$j >remove; done
wait
echo TOP >remove
vmcp q nss map | grep -c '^00'
echo "loaded: $(grep -c DCSS /proc/iomem)"
END
check 'a segment of 2047 MiB that ends at 512 GiB' has '^end: top'
check 'dozens of segments in one listing' has '^48$'
check 'four CPUs at once leave nothing loaded' has '^loaded: 0$'
check 'large: the run is clean' exited 0
zvm_run --icount -- true </dev/null
check '--icount' clean
