# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Ranges of several types, and copies of one's own.

make_image sr 16
make_image ew 16
make_image mix 48
cp "$work/sr" "$work/sr.old"
cp "$work/ew" "$work/ew.old"
boot --dcss "MIX,EW+EN+EW,30000-3000F+30010-3001F+30020-3002F,$work/mix" \
	--dcss "GAP,EW,32000-3200F+32100-3210F" \
	--dcss "ew,ew,34000-3400f,$work/ew" --dcss "SR,SR,36000-3600F,$work/sr" <<'END'
cd /sys/devices/dcssblk
put() { echo "$2" | dd of=/dev/dcssblk0 bs=4096 seek="$1" conv=fsync,notrunc 2>/dev/null; }
get() { dd if=/dev/dcssblk0 bs=4096 skip="$1" count=1 2>/dev/null | head -c 20 | tr '\0\n' '. '; }
echo MIX >add
echo "mix: $(get 0)/$(get 16)/$(get 32)"
put 1 'mix EW'
put 17 'mix EN'
put 33 'mix end'
echo 1 >MIX/save
echo MIX >remove
echo MIX >add
echo "mix again: $(get 1)/$(get 17)/$(get 33)"
echo MIX >remove
echo GAP >add || echo 'gap: refused'
echo EW >add
put 2 'not saved'
echo "ew: $(get 2)"
echo EW >remove
echo EW >add
echo "ew again: $(get 2)"
echo EW >remove
echo SR >add
echo 0 >SR/shared
put 2 'private'
echo "sr private: $(get 2)"
echo 1 >SR/shared
echo "sr shared: $(get 2)"
echo SR >remove
END
check 'EW/EN: image in EW, zeroes in EN' has '^mix: page 0 of mix.*/\.\.\.\.*/page 32 of mix'
check 'EW/EN: only EW is saved' has '^mix again: mix EW.*/\.\.\.\.*/mix end'
check 'EW/EN: saved to the image' image_says mix 33 'mix end'
check 'EW/EN: pages of EN keep the image as it was' image_says mix 17 'page 17 of mix'
check 'ranges with a gap are for CP to define and for Linux to refuse' has '^gap: refused'
check 'lower case on the command line' has '^ew: not saved'
check 'what is not saved is lost' has '^ew again: page 2 of ew'
check 'what is not saved is not in the image' cmp "$work/ew" "$work/ew.old"
check 'SR: a private copy can be written' has '^sr private: private'
check 'SR: shared again, the content is the saved one' has '^sr shared: page 2 of sr'
check 'SR: the image is not touched' cmp "$work/sr" "$work/sr.old"
check 'the transcript has loads of both kinds' recorded "X'64' LOADNSRX SR: cc 0, 36000000-"
check 'the transcript has saves' recorded "X'08' SAVESEG MIX: rc 0"
check 'nothing of this is trouble' exited 0
