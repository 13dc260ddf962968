# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Where a segment can be, and how small: nothing of it may cost more than what
# the guest touches.

# Each of NAMES: loaded, its last page written, saved and loaded again.
cat >"$work/places" <<'END'
cd /sys/devices/dcssblk
for name in $NAMES; do
	echo $name >add
	last=$(($(cat /sys/block/dcssblk0/size) / 8 - 1))
	echo "end of $name" | dd of=/dev/dcssblk0 bs=4096 seek=$last conv=fsync,notrunc 2>/dev/null
	echo 1 >$name/save
	echo $name >remove
	echo $name >add
	grep "$name" /proc/iomem
	echo "$name, page $last: $(dd if=/dev/dcssblk0 bs=4096 skip=$last count=1 2>/dev/null |
		head -c 10 | tr '\0' .)"
	echo $name >remove
done 2>/dev/null
END

make_image one 1
boot --storage 1G --dcss "ONE,EW,50000-50000,$work/one" --dcss BIG,EW,60000-DFEFF \
	--dcss MID,SN,4000000-40000FF --dcss TOP,EW,7F80100-7FFFFFF \
	--add "$work/places:/places" <<'END'
NAMES='ONE BIG MID TOP' sh /places
END
check 'a segment of one page' has '^50000000-50000fff : ONE'
check 'a segment of 2047 MiB' has '^60000000-dfefffff : BIG'
check 'a segment at 256 GiB' has '^4000000000-40000fffff : MID'
check 'a segment that ends at 512 GiB' has '^7f80100000-7fffffffff : TOP'
check 'one page: saved and loaded again' has '^ONE, page 0: end of ONE'
check 'one page: its image is one page' [ "$(wc -c <"$work/one")" -eq 4096 ]
check 'one page: in its image' image_says one 0 '^end of ONE'
check '2047 MiB: saved and loaded again' has '^BIG, page 524031: end of BIG'
check 'at 256 GiB: not saved' has '^MID, page 255: \.\.\.\.\.\.\.\.\.\.'
check '512 GiB: saved and loaded again' has '^TOP, page 524031: end of TOP'
check 'places: the run is clean' exited 0

boot --storage 0-144M,152M-1G --dcss GAP,SW,9000-97FF --add "$work/places:/places" <<'END'
NAMES=GAP sh /places
END
check 'a segment in a gap of storage' has '^09000000-097fffff : GAP'
check 'in a gap: saved and loaded again' has '^GAP, page 2047: end of GAP'
check 'in a gap: the run is clean' exited 0
