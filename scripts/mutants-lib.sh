# SPDX-License-Identifier: GPL-2.0
#
# The mutations of a series, and what was seen of each of them:
#
#	. mutants-lib.sh BUILD BASE
#
# Needs BUILD/linux, the patched tree. See mutants for what a mutation is.
# shellcheck shell=sh disable=SC2154 # of who sources this

set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
selftests=${SELFTESTS:-$top/build/selftests}
build=$1 base=$2
series=$top/patches/$base
data=$series/mutants
kept=$build/mutants

patches() {
	"$top/scripts/series" list "$base"
}

field() {			# field NAME KEY
	sed -n "/^\$/q; s/^$2: //p" "$data/$1"
}

diff_of() {			# diff_of NAME
	sed '1,/^$/d' "$data/$1"
}

# What the kernel is built of, and may have been changed by a mutation.
sources() {
	{
		cat "$series"/*.patch "$data"/* 2> /dev/null | sed -n 's|^+++ b/||p'
		"$top/scripts/series" adds "$base"
	} | grep -v -e '^tools/' -e '^Documentation/' | sort -u
}

# All mutations, in the order of the series.
mutations() {
	[ -d "$data" ] || return 0
	patches | while read -r p; do
		grep -l -x "Patch: $p" "$data"/* || :
	done | sed 's|.*/||'
}

apply() {			# apply NAME TREE [OPTION]
	how=
	if [ "$(diff_of "$1")" = revert ]; then
		how=-R
		cat "$series/$(field "$1" Patch)"
	else
		diff_of "$1"
	fi > "$kept/.diff"
	# shellcheck disable=SC2086 # none or one
	patch -d "$2" -p1 -s -f --no-backup-if-mismatch -F 0 $how ${3-} \
		< "$kept/.diff"
}

reason() {			# reason PATCH: why there is no mutation of it
	sed -n "s/^$1 *# *//p" "$data/none"
}

# Prints what is wrong with the data.
look_at_data() {
	[ -d "$data" ] || { [ -z "$(patches)" ] && return; }
	mutations > "$kept/.names"
	for f in "$data"/*; do
		name=${f##*/}
		[ "$name" = none ] || grep -q -x -e "$name" "$kept/.names" ||
			echo "$name: of no patch of the series"
	done
	while read -r name; do
		for key in Test Fails Why; do
			[ -n "$(field "$name" $key)" ] || echo "$name: no $key"
		done
		apply "$name" "$build/linux" --dry-run > "$kept/.said" 2>&1 ||
			{ echo "$name does not apply:"; cat "$kept/.said"; }
	done < "$kept/.names"
	for p in $(patches); do
		with=$(grep -l -x "Patch: $p" "$data"/* || :)
		without=$(reason "$p")
		[ -n "$with$without" ] || echo "$p: neither mutation nor reason"
		[ -z "$with" ] || [ -z "$without" ] || echo "$p: both"
	done
	sed 's/ *#.*//; /^$/d' "$data/none" | while read -r p; do
		[ -f "$series/$p" ] || echo "none: $p is not of the series"
	done
}

# What the result of a test depends on: the kernel's sources, and itself.
key_of_test() {			# key_of_test TEST
	program=${1%%:*}
	program=${program%% *}
	for f in "$selftests/$program" "$selftests/$program.sh" \
		"$top/scripts/check-$program"; do
		[ ! -f "$f" ] || cat "$f"
	done | cat - "$kept/.sources" | sha256sum | cut -c 1-16
}

key_of() {			# key_of NAME
	{
		key_of_test "$(field "$1" Test)"
		grep -v '^Why: ' "$data/$1"
	} | sha256sum | cut -c 1-16
}

# Of the kernel without any mutation.
note_sources() {
	mkdir -p "$kept"
	sources > "$kept/.files"
	(cd "$build/linux" && xargs sha256sum < "$kept/.files") > "$kept/.sources"
}

# What was seen the last time, on whatever kernel, is in the repository: a line for
# each mutation, with what says that it is still the same one.
seen_key() {			# seen_key NAME
	grep -v '^Why: ' "$data/$1" | sha256sum | cut -c 1-16
}

seen_before() {			# seen_before NAME
	sed -n "s/^$1 $(seen_key "$1") //p" "$series/seen" 2> /dev/null || :
}

keep_seen() {			# keep_seen NAME RESULT
	{
		grep -v "^$1 " "$series/seen" 2> /dev/null || :
		echo "$1 $(seen_key "$1") $2"
	} | sort > "$kept/.seen"
	cp "$kept/.seen" "$series/seen"
}

# "seen to fail", "survived" and the like, or nothing if it was not run on this
# kernel and with this test.
result_of() {			# result_of NAME
	[ -f "$kept/$1" ] && [ "$(sed -n 1p "$kept/$1")" = "$(key_of "$1")" ] ||
		return 0
	sed -n 2p "$kept/$1"
}

subject() {
	sed -n '1s/^Subject: //p' "$series/$1"
}

# In reStructuredText, these would be markup.
plain() {
	sed 's/[*`|\]/\\&/g; s/_\([^A-Za-z0-9]\)/\\_\1/g; s/_$/\\_/'
}

row() {				# row TEXT...
	mark='*'
	for text; do
		printf '   %s - %s\n' "$mark" "$(printf '%s' "$text" | plain)"
		mark=' '
	done
}

head_of() {			# head_of COLUMN...
	printf '\n.. list-table::\n   :header-rows: 1\n\n'
	row "$@"
}

table() {
	cat <<-'END'
	.. SPDX-License-Identifier: GPL-2.0

	:orphan:

	==========================================
	The patches, and the tests that guard them
	==========================================

	Written by "make mutants", which builds a kernel for each line of the first
	table: without the patch, or with a small change that takes away what it is
	for. The test has to fail on that kernel, and to pass on the patched one. It
	fails by a case that is "not ok", by a report in the kernel's log, or by a
	guest that does not come to its end (hang).

	"EXT4" and the like are segments of mkimages.sh; with ":large", on a machine
	that has large pages.
	END
	head_of Patch "What is wrong without it" "Test that fails" By Result
	mutations | while read -r name; do
		result=$(seen_before "$name")
		row "$(subject "$(field "$name" Patch)")" \
			"$(field "$name" Why)" "$(field "$name" Test)" \
			"$(field "$name" Fails)" "${result:-not run yet}"
	done
	printf '\nFor these there is none:\n'
	head_of Patch Reason
	for p in $(patches); do
		[ -z "$(reason "$p")" ] || row "$(subject "$p")" "$(reason "$p")"
	done
}
