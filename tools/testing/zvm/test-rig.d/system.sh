# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Several guests on one system: what one has saved another one finds, what one
# writes to shared pages another one reads, and nothing is left of who is killed.

system=$work/system

# What a guest calls: pages of the device, as others see them now.
cat >"$work/pages" <<'END'
put() { echo "$2" | dd of=/dev/dcssblk0 bs=4096 seek="$1" conv=fsync,notrunc 2>/dev/null; }
get() {
	echo 3 >/proc/sys/vm/drop_caches
	dd if=/dev/dcssblk0 bs=4096 skip="$1" count=1 2>/dev/null | head -n 1
}
await() {
	for try in $(seq 3000); do
		[ "$(get "$1")" != "$2" ] || return 0
		sleep 0.1
	done
	echo "$2 did not come"
}
END

make_image shared 16
cp "$work/shared" "$work/shared.old"
boot --system "$system" --dcss "SHARED,SW,40000-403FF,$work/shared" \
	--dcss "OWN,EW,40400-407FF" --add "$work/pages:/pages" <<'END'
. /pages
cd /sys/devices/dcssblk
echo SHARED >add && put 3 'of the first guest' && echo 1 >SHARED/save
get 3
END
check 'system: a guest brings segments along' exited 0
check 'system: it saves one' has '^of the first guest'
check 'system: its own image is not touched' cmp "$work/shared" "$work/shared.old"

boot --system "$system" --add "$work/pages:/pages" <<'END'
. /pages
vmcp q nss map
vmcp defseg new 50000-500ff sw
echo SHARED >/sys/devices/dcssblk/add
get 3
get 4
END
check 'system: a later guest finds segments' has 'OWN .* EW .* A  00000'
check 'system: and what was saved' has '^of the first guest'
check 'system: and what was not changed' has '^page 4 of shared'
check 'system: the run is clean' exited 0
zvm_run --system "$system" --dcss OWN,EW,60000-600FF -- true </dev/null
check 'system: a segment that is there cannot be brought along' \
	says 'segment OWN is in the system already'
boot --system "$system" --storage 0-144M,152M-256M <<'END'
echo OWN >/sys/devices/dcssblk/add || echo 'own: refused'
END
check 'system: above storage with a gap: refused' has '^own: refused'
check 'system: above storage with a gap: why' \
	recorded "OWN is not in the lowest gap of the guest's storage"
check 'system: that run is clean' exited 0

guest a --system "$system" --add "$work/pages:/pages" <<'END'
. /pages
cd /sys/devices/dcssblk
echo OWN >add && put 5 'of a alone' && get 5 && echo OWN >remove
echo SHARED >add && echo loaded
await 5 'of b'
put 6 'of a'
await 7 'end of b'
vmcp q nss map
END
wait_for a loaded
guest b --system "$system" --storage 600M --add "$work/pages:/pages" <<'END'
. /pages
cd /sys/devices/dcssblk
echo OWN >add && echo "own: $(get 5)" && echo OWN >remove
echo SHARED >add
vmcp q nss name shared map
put 5 'of b'
await 6 'of a'
get 6
put 7 'end of b'
END
wait
check 'system: two users' said b ' A  00002 '
check 'system: a store of one guest is read by the other' said b '^of a$'
check 'system: exclusive pages are not' said b '^own: *$'
check 'system: the segment that was defined is seen by all' said a 'NEW .* SW .* S  00000'
check 'system: nobody has waited in vain' eval '! said a "did not come" && ! said b "did not come"'

guest c --system "$system" --add "$work/pages:/pages" <<'END'
echo SHARED >/sys/devices/dcssblk/add && echo loaded
. /pages
put 3 'of who is killed'
vmcp purge nss name shared
echo purged
sleep 1000
END
wait_for c purged
boot --system "$system" <<'END'
vmcp q nss map
END
check 'system: purged while in use' has 'SHARED .* P  00001'
pkill -KILL -f "$work/tmp/" || :
wait
boot --system "$system" <<'END'
vmcp q nss map
END
check 'system: gone with a guest that is killed' has_not SHARED
check 'system: other segments are there' has 'OWN .* A  00000'
check 'system: no file of it is left' [ -z "$(ls "$system" | grep -e shared)" ]
check 'system: the run after that is clean' exited 0
rm -rf "$system" "$work/tmp"/*
