# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The kernel has run out of storage for its files, and says little of it.

head -c 40M /dev/urandom >"$work/huge"
zvm_run --storage 96M --add "$work/huge" -- echo started </dev/null
rm "$work/huge"
check 'files that do not fit' exited 2
check 'files that do not fit: nothing is started' has_not started
check 'files that do not fit: says so' says 'do not fit'
