# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Every type: what is read from it, what can be written, what is saved.

set --
first=32
for type in SW EW SR ER SN EN SC; do
	make_image "$type" 16
	cp "$work/$type" "$work/$type.old"
	set -- "$@" --dcss "$type,$type,${first}000-${first}0FF,$work/$type"
	first=$((first + 1))
done
boot "$@" <<'END'
cd /sys/devices/dcssblk
for type in SW EW SR ER SN EN SC; do
	echo $type >add || echo "$type: not added"
	vmcp q nss name $type map | tail -n 1
	grep "$type.*DCSS" /proc/iomem
	echo "$type: $(head -c 16 /dev/dcssblk0 | tr '\0' .)"
	echo "$type end: $(tail -c 16 /dev/dcssblk0 | tr '\0' .)"
	echo "$type ro: $(cat /sys/block/dcssblk0/ro)"
	echo "written to $type" | dd of=/dev/dcssblk0 bs=4096 seek=3 conv=fsync,notrunc
	echo 1 >$type/save
	echo $type >remove
	echo "$type left: $(ls | grep -c "^$type\$") $(grep -c "$type.*DCSS" /proc/iomem)"
done 2>/dev/null
vmcp q nss map
END
check 'types: the run is clean' exited 0
first=32
for type in SW EW SR ER SN EN SC; do
	check "$type: QUERY NSS MAP while loaded" \
		has "^00.. $type  *DCSS  *N/A  *${first}000  ${first}0FF  *$type  *A  00001"
	check "$type: at its address" has "^${first}000000-${first}0fffff : $type"
	check "$type: beyond the image are zeroes" has "^$type end: \.\.\.\.\.\.\.\.\.\.\.\.\.\.\.\."
	check "$type: gone after remove" has "^$type left: 0 0"
	first=$((first + 1))
done
for type in SW EW SR ER SC; do
	check "$type: begins with its image" has "^$type: page 0 of $type"
done
for type in SN EN; do
	check "$type: begins as zeroes" has "^$type: \.\.\.\.\.\.\.\.\.\.\.\.\.\.\.\."
	check "$type: its image is not touched" cmp "$work/$type" "$work/$type.old"
done
for type in SW EW; do
	check "$type: SAVESEG writes to the image" image_says "$type" 3 "written to $type"
	check "$type: other pages are as before" image_says "$type" 4 "page 4 of $type"
done
for type in SR ER SC; do
	check "$type: is read-only" has "^$type ro: 1"
	check "$type: its image is not touched" cmp "$work/$type" "$work/$type.old"
done
