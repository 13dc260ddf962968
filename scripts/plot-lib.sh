# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What plots have in common: sourced, with $out, where they are put, and $work.

command -v gnuplot > /dev/null || {
	echo "$(basename "$0"): gnuplot is missing (Debian: gnuplot-nox): no plots" >&2
	exit 0
}

draw() {	# draw NAME < commands
	cat > "$work/$1.plot"
	for type in svg png; do
		terminal="svg size 800,450 font 'sans,11' background 'white'"
		[ $type = svg ] || terminal="pngcairo size 800,450 font 'sans,10'"
		{
			echo "set terminal $terminal"
			echo "set output '$out/$1.$type'"
			cat "$work/$1.plot"
		} | gnuplot
	done
	echo "$out/$1.svg, .png"
}

bars() {	# bars FILE TITLE...: one for each column
	file=$1
	shift
	printf 'set style data histogram\nset style histogram clustered gap 1\n'
	printf 'set style fill solid 0.8 border -1\nset boxwidth 0.9\n'
	printf 'set key top right\nset grid ytics\nset xtics nomirror\nplot '
	column=2
	for title; do
		printf "%s'%s' using %d:xtic(1) title '%s'" \
			"$([ $column = 2 ] || echo ', ')" "$file" $column "$title"
		column=$((column + 1))
	done
	echo
}
