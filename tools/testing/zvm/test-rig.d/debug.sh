# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# A debugger: the guest waits for it, is stopped where it begins, and goes on.

zvm_run --dry-run --smp 2 -- true </dev/null
check '--dry-run: QEMU and its arguments' has '^-smp$'
check '--dry-run: nothing is run' exited 0
check '--dry-run: nothing is left' [ -z "$(ls "$work/tmp")" ]

# What a debugger says first, and what it is told, by the protocol of gdb.
cat >"$work/debugger" <<'END'
use IO::Socket::UNIX;
my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!\n";
sub ask {
	my $sum = 0;
	$sum += ord for split //, $_[0];
	printf $s '$%s#%02x', $_[0], $sum % 256;
	$s->flush;
}
ask('?');
local $/ = '#';
print scalar <$s>, "\n";
ask('D');
print scalar <$s>, "\n";
END
cat >"$work/asker" <<'END'
use IO::Socket::UNIX;
my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!\n";
print $s qq({"execute": "qmp_capabilities"}{"execute": "query-status"}\n);
$s->flush;
while (<$s>) {
	print;
	last if /"running"/;
}
END
TMPDIR=$work/tmp ZVM_BUILD=$rig "$here/zvm-run" --timeout 1800 --gdb --dump "$work/core" \
	--qemu -qmp --qemu "unix:$work/qmp,server=on,wait=off" -- echo 'the guest' \
	</dev/null >"$work/out" 2>"$work/err" &
until socket=$(ls "$work/tmp"/*/gdb 2>/dev/null) || ! kill -0 $!; do sleep 1; done
check '--gdb: says what to type' says "target remote $socket"
sleep 2
check '--gdb: the guest waits' has_not 'the guest'
kill -USR1 $! || :
until says 'memory is in' || ! kill -0 $!; do sleep 1; done
perl "$work/asker" "$work/qmp" >"$work/told" 2>&1
check '--gdb: the guest waits after a dump, too' grep -q '"running": false' "$work/told"
rm -f "$work/core"
perl "$work/debugger" "$socket" >"$work/told" 2>&1
rc=0
wait $! || rc=$?
check '--gdb: a debugger finds it stopped' grep -q '^+*\$T05' "$work/told"
check '--gdb: and lets it go' has '^the guest$'
check '--gdb: the run ends as any other' exited 0
