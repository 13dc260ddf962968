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

# kmake SRC OBJ ARGUMENT...: SRC's name is in nothing that is generated, for ccache
kmake() {
	make_src=$1 make_obj=$2
	shift 2
	make -C "$make_src" O="$make_obj" HOSTCFLAGS="-fmacro-prefix-map=$make_src/=" "$@"
}

s390() {
	kmake "$1" "$2" ARCH=s390 CROSS_COMPILE=s390x-linux-gnu- \
		CC='ccache s390x-linux-gnu-gcc' "$jobs" $3
}

# configure DIR SRC ARCH FILE: SRC's tinyconfig and the options in FILE
configure() {
	mkdir -p "$1"
	kmake "$2" "$1" ARCH="$3" tinyconfig &&
	(cd "$2" && ARCH=$3 scripts/kconfig/merge_config.sh -m -O "$1" \
		"$1/.config" "$4") &&
	kmake "$2" "$1" ARCH="$3" olddefconfig
}

# The same, and fails if one of them is left out because of what it depends on.
configured() {
	configure "$@" || return
	while IFS= read -r option; do
		grep -q -x -e "$option" "$1/.config" || {
			echo "not in the configuration: $option"
			return 1
		}
	done < "$4"
}

plan() {
	echo "1..$n"
}
