# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What a run ends with when the command's status is not all.

zvm_run --timeout 60 --log "$work/log" -- sleep 1000 </dev/null
check 'time-out is 124' exited 124
check 'time-out shows the end of the log' says 'Run /init'
check '--log keeps the log' grep -q 'Linux version' "$work/log"
zvm_run -- sh -c 'echo before; sleep 1; echo c >/proc/sysrq-trigger' </dev/null
check 'a panic is 70' exited 70
check 'a panic is shown' says 'sysrq triggered crash'
check 'output before a panic is not lost' has '^before$'
zvm_run -- sh -c 'echo "<4>WARNING: CPU: 0 PID: 1 at a test" >/dev/kmsg; exit 0' </dev/null
check 'a warning is 70, whatever the command said' exited 70
check 'a warning is shown' says 'WARNING: CPU: 0 PID: 1 at a test'
zvm_run --append 'zvm.note=WARNING: zvm.nomod' -- sh -c 'lsmod; exit 4' </dev/null
check 'a warning on the command line is none' exited 4
check 'zvm.nomod: no module is loaded' has_not dcssblk
