#!/bin/bash
# The reference images come out the same, byte for byte, when they are built a second time: in
# another folder, with a cache of its own, under another umask. And none is above 32 MiB.
# takes: 100 s
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
! lab_soaks || LAB_IMAGE='kvm xen'

# Only the downloaded packages are shared: no network is needed, everything else is made anew.
again() { # NAME
	local dir=$LAB_DIR/again/$1/deeper cache=$LAB_DIR/again/cache keys=$LAB_SIGNED/keys
	local -a more=()

	mkdir -p "$cache" "$dir"
	[ -d "$cache/deb" ] || cp -r "$LAB_PACKAGES/deb" "$cache/"
	[ "$1" != agent ] || more=(--trust "$keys/release.pub" --site "$keys/site.pub")
	(umask 077 && TZ=Asia/Tokyo SOURCE_DATE_EPOCH=$(lab_epoch) MUSTER_CACHE=$cache "$LAB_ROOT/images/recipes/$1.sh" "$dir" \
		--agent "$LAB_BUILD/muster-agent" "${more[@]}") >>"$LAB_DIR/log/again.log" 2>&1
}

same() { # NAME: every file of the image, and the lists of packages
	local file

	for file in "$LAB_DIR/again/$1/deeper"/*; do
		cmp "$file" "$LAB_SIGNED/images/$1/${file##*/}" || return
	done
}

bytes() { # NAME: of the files that its manifest names
	jq '[.files[].length] | add' "$LAB_SIGNED/images/$1/manifest.json"
}

lab_main() {
	local name

	for name in agent $LAB_IMAGE; do
		lab_check "$name: built a second time" again "$name"
		lab_check "$name: the same bytes" same "$name"
	done
	for name in $LAB_IMAGE; do
		lab_say "$name: $(bytes "$name") bytes"
		lab_check "$name: at most 32 MiB" [ "$(bytes "$name")" -le $((32 << 20)) ]
	done
	lab_done
}
lab_enter "$@"
