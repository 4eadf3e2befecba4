#!/bin/bash
# One byte is changed on the server, in each thing that a host downloads to run: the host must not
# start it, must say why on its own screen, and the server must have it on record with the digest
# that was expected and the one that was found.
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm

blob() { printf '%s/state/blobs/sha256/%s' "$LAB_DIR" "$1"; }

# flip FILE OFFSET: change the lowest bit of one byte, in place.
flip() {
	local byte

	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	chmod u+w "$1"
	printf '%b' "\\x$(printf '%02x' $((byte ^ 1)))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# tampered HEX OFFSET CODE TEXT: boot n1 while that byte is wrong.
tampered() {
	local file code=$3 text=$4 found last

	file=$(blob "$1")
	last=$(lab_api /hosts/n1 | jq '.boot // 0')
	flip "$file" "$2"
	found=$(sha256sum <"$file" | cut -c1-64)
	: >"$LAB_DIR/hosts/n1/console"
	lab_monitor n1 system_reset
	lab_until 120 "failed_after $last" || lab_not_ok "$text: no failed boot on record"
	lab_check "$text: refused as $code" [ "$(lab_boot n1 .reason)" = "$code" ]
	lab_check "$text: it got no further than verify" no_handoff
	lab_check "$text: the record has both digests" says_both "$1" "$found"
	lab_check "$text: the host says so itself" lab_until 10 "lab_screen n1 | grep -q '$code'"
	flip "$file" "$2"
	[ "$(sha256sum <"$file" | cut -c1-64)" = "$1" ] || lab_die 'the byte was not put back'
}

failed_after() { [ "$(lab_api /hosts/n1 | jq "(.boot // 0) > $1 and .state == \"failed\"")" = true ]; }
no_handoff() { [ "$(lab_boot n1 '[.events[].stage] | any(. == "handoff" or . == "up")')" = false ]; }

says_both() { # EXPECTED FOUND: in the sentence or in the event's detail
	local record

	record=$(lab_boot n1)
	grep -q "$1" <<<"$record" && grep -q "$2" <<<"$record"
}

# The last byte of a kernel is padding behind its signature: the agent's own kernel, which is the
# same file, starts all the same.
lab_main() {
	local image name hex length

	lab_up
	lab_host n1 bios
	lab_monitor n1 stop # switched on by each row
	lab_muster host add n1 --mac "$(lab_mac n1)" >/dev/null
	image=$(lab_api /images/kvm)
	while IFS=$'\t' read -r name hex length; do
		tampered "$hex" $((length - 1)) file-digest "$name"
	done < <(jq -r '.files[] | [.name, .sha256, .length] | @tsv' <<<"$image")
	tampered "$(jq -r .manifest <<<"$image")" 30 manifest-digest manifest
	tampered "$(jq -r '.signatures[0]' <<<"$image")" 100 signature-digest signature
	lab_monitor n1 system_reset
	lab_check 'all bytes put back: up' lab_wait_up_next n1
	lab_done
}

lab_wait_up_next() { lab_muster host wait "$1" --next --for up --timeout 180s >/dev/null 2>&1; }
lab_enter "$@"
