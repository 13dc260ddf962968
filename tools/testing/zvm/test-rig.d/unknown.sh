# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What QEMU answers and z/VM does not know.

if ! command -v "$GUESTCC" >/dev/null; then
	ok "unknown # SKIP $GUESTCC is missing"
	return
fi
"$GUESTCC" -march=z196 -nostdlib -static -Wl,-Ttext=0x10000,--build-id=none \
	-o "$work/bare" "$here/test-bare.S"
zvm_run --kernel "$work/bare" --transcript "$work/transcript" -- true </dev/null
check 'DIAGNOSE of KVM: the guest has a specification exception' \
	recorded "X'08' GOOD"
check 'DIAGNOSE of KVM: the transcript has it' \
	recorded "^DIAGNOSE X'500': specification exception"
