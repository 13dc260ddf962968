# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# A second console: its shell is there beside the command, and again after its end.

# Type a line until the answer comes, as the shell may not be there yet.
cat >"$work/typist" <<'END'
use IO::Socket::UNIX;
my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!\n";
my $heard = '';
sub type { print $s "$_[0]\n"; $s->flush; }
sub listen_for {
	my ($line, $answer) = @_;
	until ($heard =~ /$answer/) {
		type($line);
		vec(my $bits = '', fileno($s), 1) = 1;
		while (select(my $ready = $bits, undef, undef, 2)) {
			sysread($s, $heard, 4096, length($heard)) or exit 1;
			last if $heard =~ /$answer/;
		}
	}
}
listen_for('echo "$TERM" shell $((41 + 1)) on $(tty)', 'vt220 shell 42 on /dev/hvc1');
type('exit');
listen_for('echo again $((42 + 1))', 'again 43');
type('ls / > /tmp/listing; touch /tmp/done');
1 while sysread($s, $heard, 4096);
END
TERM=vt220 TMPDIR=$work/tmp ZVM_BUILD=$rig "$here/zvm-run" --timeout 1800 --console -- \
	sh -c 'until [ -e /tmp/done ]; do sleep 1; done; echo "$TERM"; grep zvm /tmp/listing' \
	</dev/null >"$work/out" 2>"$work/err" &
until socket=$(ls "$work/tmp"/*/extra 2>/dev/null) || ! kill -0 $!; do sleep 1; done
check '--console: says what to type' says "UNIX:$socket"
typed=0
perl "$work/typist" "$socket" || typed=$?
rc=0
wait $! || rc=$?
check '--console: a shell answers there, and another one when it has ended' [ $typed -eq 0 ]
check '--console: both are in the same guest' has '^zvm$'
check '--console: the command itself has none' has '^dumb$'
check '--console: the guest ends with the command' exited 0
