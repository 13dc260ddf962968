# SPDX-License-Identifier: GPL-2.0
#
# For the scripts that check a series without booting it; they print TAP:
#
#	. series-lib.sh BUILD BASE
#
# Needs BUILD/source and BUILD/linux, the stock and the patched tree.

set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build=$1 base=$2
source=$build/source linux=$build/linux
jobs=-j${JOBS:-$(($(nproc) + 1))}
n=0
out=$(mktemp)
trap 'rm -f "$out" "$out.all"' EXIT

# result STATUS NAME [FILE]: FILE says why, if it failed
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		[ ! -s "${3:-}" ] || tail -n 30 "$3" | sed 's/^/# /'
		echo "not ok $n - $2"
	fi
}

patches() {
	"$top/scripts/series" list "$base"
}

new_files() {
	"$top/scripts/series" adds "$base"
}

# The source files that the series touches or adds, without their suffix; those
# of arch/s390/boot/ cannot be built by themselves.
sources() {
	{
		for p in $(patches); do
			sed -n 's|^+++ b/||p' "$top/patches/$base/$p"
		done
		new_files
	} | grep -v -e '^tools/' -e '^arch/s390/boot/' | sed -n 's|\.c$||p' |
		sort -u
}

s390() {
	make -C "$1" O="$2" ARCH=s390 CROSS_COMPILE=s390x-linux-gnu- \
		CC='ccache s390x-linux-gnu-gcc' "$jobs" $3
}

# configure DIR SRC ARCH OPTION...: SRC's tinyconfig and these options
configure() {
	dir=$1 src=$2 arch=$3
	shift 3
	mkdir -p "$dir"
	make -C "$src" O="$dir" ARCH="$arch" tinyconfig &&
	printf '%s\n' "$@" > "$dir/fragment" &&
	(cd "$src" && ARCH=$arch scripts/kconfig/merge_config.sh -m -O "$dir" \
		"$dir/.config" "$dir/fragment") &&
	make -C "$src" O="$dir" ARCH="$arch" olddefconfig
}

# The same, and fails if one of them is left out because of what it depends on.
configured() {
	configure "$@" &&
	shift 3 &&
	for option; do
		grep -x "$option" "$dir/.config" || return
	done
}

zone_device="CONFIG_MIGRATION=y CONFIG_MEMORY_HOTPLUG=y
	CONFIG_MEMORY_HOTREMOVE=y CONFIG_ZONE_DEVICE=y"

plan() {
	echo "1..$n"
}
