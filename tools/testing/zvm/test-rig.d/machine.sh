# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The machine that the options ask for.

echo 'added file' >"$work/it's a file"
mkdir -p "$work/dir/sub"
echo 'deep file' >"$work/dir/sub/file"
make_image disk 16
boot --storage 0-144M,152M-1G --smp 2 --append zvm.flag --add "$work/it's a file" \
	--add "$work/dir:/opt/dir" --disk "$work/disk" <<'END'
dmesg | grep 'z/VM guest operating system'
grep 'System RAM' /proc/iomem
echo "cpus $(nproc)"
cat /proc/cmdline "/root/it's a file" /opt/dir/sub/file
head -c 64 /dev/disk1
grep 'Control Program' /proc/sysinfo
vmcp foo bar || echo "vmcp: $?"
vmcp -k query console || echo "vmcp: $?"
vmcp 'query console'
vmcp 'q nss map'
END
check 'the kernel knows that it runs under z/VM' has 'Linux is running as a z/VM guest'
check '/proc/sysinfo names z/VM' has 'VM00 Control Program: *z/VM'
check 'storage extents: the first' has '^00000000-08ffffff : System RAM'
check 'storage extents: the second' has '^09800000-3fffffff : System RAM'
check '--smp' has '^cpus 2'
check '--append' has 'zvm.flag'
check '--add FILE' has '^added file'
check '--add DIR:PATH' has '^deep file'
check '--disk' has '^page 0 of disk'
check 'an unknown CP command' has '^HCPCMD001E Unknown CP command: FOO'
check 'CP does not take lower case' has '^HCPCMD001E Unknown CP command: query'
check 'a response code reaches user space' has '^vmcp: 1'
check 'a CP command' has '^CONS 0009'
check 'no segments: QUERY NSS MAP says so' has '^NO NSS FILES'
check 'the transcript has CP commands' recorded "^DIAGNOSE X'08' Q NSS MAP: rc 0"
check 'the transcript has storage extents' recorded "X'260' storage extent 9800000-3FFFFFFF"
check 'trouble is vmcp alone' exited 0
