# SPDX-License-Identifier: GPL-2.0
#
# For series: a git tree with a commit for each patch, and back.
# shellcheck shell=sh disable=SC2154 # set by series

tree() {
	src=$1 dest=$2
	[ ! -e "$dest" ] || die "$dest exists; refresh and remove it first"
	cp -a "$src" "$dest"
	cd "$dest"
	git init -q .
	# Debian's .gitignore hides everything.
	git add -Af .
	git commit -qm "linux $base"
	git tag base
	for p in $(series); do
		apply_one . "$p"
		adds "$p" | while read -r f; do git add -f "$f"; done
		sed '/^diff --git/,$d; 1s/^Subject: //' "$top/patches/$base/$p" |
			git commit -qaF -
	done
	git tag series
	echo "$dest: branch $(git branch --show-current), $(series | wc -l) commits on tag base"
}

# s390-mm-add-something.patch, as format-patch would name it, but without the
# number: a patch in the middle must not rename those after it.
patch_name() {
	echo "$(git -C "$dest" log -1 --format=%f "$1" | cut -c1-52).patch"
}

# A new file is whole in the repository, so only one commit can have it.
once_only() {
	for c in $(git -C "$dest" rev-list base..HEAD); do
		git -C "$dest" diff --name-only --diff-filter=a "$c^" "$c" |
			grep -x -F -f "$dest/.git/new" > "$dest/.git/again" ||
			continue
		die "commit $(git -C "$dest" log -1 --format='%h ("%s")' "$c")" \
			"edits $(head -n 1 "$dest/.git/again"), which an earlier" \
			"commit of the series adds; move the edit to that one"
	done
}

refresh_one() {
	{
		printf 'Subject: '
		git -C "$dest" log -1 --format=%B "$2" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
		echo
		git -C "$dest" diff --no-color --patience --abbrev=12 --diff-filter=a \
			"$2^" "$2"
	} > "$top/patches/$base/$1"
	new=$(git -C "$dest" diff --name-only --diff-filter=A "$2^" "$2" |
		while read -r f; do topmost "$f"; done | sort -u | tr '\n' ' ')
	echo "$1${new:+  # adds: ${new% }}"
}

# The file, or the directory of it that is as new and nearest to the root.
topmost() {
	path=$1
	while ! git -C "$dest" cat-file -e "base:$(dirname "$path")" 2> /dev/null
	do
		path=$(dirname "$path")
	done
	echo "$path"
}

# A new file that was changed in the tree goes back to the repository, unless
# it was changed there, too.
take_back() {
	git -C "$dest" diff --quiet series HEAD -- "$1" && return
	if [ -e "$top/$1" ]; then
		git -C "$dest" show "series:$1" 2> /dev/null |
			cmp -s - "$top/$1" ||
			die "$1 was changed in $dest and in the repository"
	fi
	mkdir -p "$top/$(dirname "$1")"
	cp "$dest/$1" "$top/$1"
}

refresh() {
	dest=$1
	[ -d "$dest/.git" ] || die "$dest is no git tree; run 'make tree' first"
	[ -z "$(git -C "$dest" status --porcelain -uno)" ] ||
		die "$dest has changes that are not committed"
	git -C "$dest" diff --name-only --diff-filter=A base HEAD > "$dest/.git/new"
	once_only
	while read -r f; do take_back "$f"; done < "$dest/.git/new"
	rm -f "$top/patches/$base"/*.patch
	for c in $(git -C "$dest" rev-list --reverse base..HEAD); do
		name=$(patch_name "$c")
		[ ! -e "$top/patches/$base/$name" ] ||
			die "two commits make $name; word one of them differently"
		refresh_one "$name" "$c"
	done > "$top/patches/$base/series"
	git -C "$dest" tag -f series > /dev/null
	echo "patches/$base: $(series | wc -l) patches"
}

mail() {
	dest=$1 out=$2
	[ -d "$dest/.git" ] || die "$dest is no git tree; run 'make tree' first"
	rm -rf "$out"
	git -C "$dest" format-patch -q -s --cover-letter \
		--subject-prefix="PATCH $base" -o "$out" base
	ls "$out"
}
