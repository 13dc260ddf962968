# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# An emulator that does not even start is no reason to wait.

other_rig broken
printf '#!/bin/sh\necho broken >&2\nexit 1\n' >"$work/broken/qemu-system-s390x"
chmod +x "$work/broken/qemu-system-s390x"
in_rig broken -- true </dev/null
check 'an emulator that fails is 70' exited 70
check 'an emulator that fails: what it said is shown' says '^broken'
rm "$work/broken/zvm.so"
in_rig broken -- true </dev/null
check 'a rig that is not built says how to build it' says 'run make -C'
