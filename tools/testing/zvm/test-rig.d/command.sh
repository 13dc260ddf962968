# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The command: its words, its input and output, its status.

zvm_run -- printf '[%s]\n' 'a  b' "c'd" '"' "\$x" '' "e\\" '*' </dev/null
printf '[%s]\n' 'a  b' "c'd" '"' "\$x" '' "e\\" '*' >"$work/want"
check 'arguments arrive as they are' cmp "$work/out" "$work/want"
check 'a clean run has status 0 and says nothing' clean
head -c 2000000 /dev/urandom >"$work/random"
zvm_run -- sh -c 'cat; echo on stderr >&2; echo again >/dev/stderr; exit 3' <"$work/random"
check 'binary data passes through unchanged' cmp "$work/out" "$work/random"
check 'stderr is apart from stdout' says '^on stderr$'
check '/dev/stderr can be opened' says '^again$'
check 'exit status passes through' exited 3
zvm_run -- sh -c 'kill -TERM $$' <&-
check 'death by a signal is 128 and its number' exited 143
zvm_run -- /no/such/command </dev/null
check 'a command that does not exist is 127' exited 127
