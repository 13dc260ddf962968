# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# CPUs with EDAT1, where this QEMU can be made to have them.

# fake_emulator COUNT [BYTES]: its list of CPU features is in there COUNT times.
fake_emulator() {
	head -c "$((4096 + ${2:-0}))" /dev/zero >"$work/fake/qemu"
	i=0
	while [ $i -lt "$1" ]; do
		printf '\117\201\267\365\153\244\233\234' >>"$work/fake/qemu"
		i=$((i + 1))
	done
	cp "$work/fake/qemu" "$work/fake/qemu.old"
	printf "#!/bin/sh\nqemu='%s'\n" "$work/fake/qemu" >"$work/fake/command"
	"$here/enable-edat" "$work/fake/qemu-system-s390x-edat" "$work/fake/command"
}

refused() {
	in_rig fake --edat -- true </dev/null
	exited 69 && says "^zvm-run: --edat: .* found $1 times in $work/fake/qemu, not once"
}

# Bits 0 to 7 of the list as the copy has it, and the rest of the file.
turned_on() {
	bits=$(od -An -tx1 -j 4096 -N 8 "$work/fake/edat/bin/qemu" | tr -d ' ')
	[ "$bits" = cf81b7f56ba49b9c ] &&
		[ "$(cmp -l "$work/fake/qemu" "$work/fake/edat/bin/qemu" | wc -l)" -eq 1 ]
}

other_rig fake
fake_emulator 0
check '--edat: no list of CPU features, 69' refused 0
fake_emulator 2
check '--edat: two such lists, 69' refused 2
fake_emulator 1 4
check '--edat: where no list can be, 69' refused 0
fake_emulator 1
check '--edat: one bit of a copy is set' turned_on
check '--edat: the emulator is not touched' cmp "$work/fake/qemu" "$work/fake/qemu.old"
rm "$work/fake/qemu-system-s390x-edat"
in_rig fake --edat -- true </dev/null
check '--edat: a rig that is not built says how to build it' says 'run make -C'
for edat in '' --edat; do
	zvm_run $edat -- grep -e '^features' -e '^DirectMap1M' /proc/cpuinfo /proc/meminfo \
		</dev/null
	if exited 69; then
		ok "--edat # SKIP $(cut -d: -f3- "$work/err")"
		return
	fi
	case $edat in
	'')	check 'without --edat: no EDAT1' has_not 'features.* edat '
		check 'without --edat: no 1 MiB pages' has 'DirectMap1M: *0 kB' ;;
	*)	check '--edat: the guest has EDAT1' has 'features.* edat '
		check '--edat: the kernel maps 1 MiB pages' has 'DirectMap1M: *[1-9]' ;;
	esac
done
