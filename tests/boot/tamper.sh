#!/bin/bash
# One byte is changed on the server, in each thing that a host downloads to run: the host must not
# start it, must say why on its own screen, and the server must have it on record with the digest
# that was expected and the one that was found. Two hosts, with an image each, share the rounds. The
# kvm image is one that needs a kexec, so that its kernel is downloaded too.
# processors: 2
# takes: 80 s
. "${0%/*}/lab.sh"

LAB_IMAGE='kvm-kexec xen'

blob() { printf '%s/state/blobs/sha256/%s' "$LAB_DIR" "$1"; }

# flip HEX OFFSET: change the lowest bit of one byte of a blob, in place; again puts it back.
flip() {
	local file byte

	file=$(blob "$1")
	byte=$(od -An -tu1 -j "$2" -N 1 "$file")
	chmod u+w "$file"
	printf '%b' "\\x$(printf '%02x' $((byte ^ 1)))" |
		dd of="$file" bs=1 seek="$2" conv=notrunc status=none
}

# what IMAGE FILE: digest of a file of an image, or of its "manifest", "signature" or "channel".
what() {
	case $2 in
	manifest) lab_api "/images/$1" | jq -r .manifest ;;
	channel) lab_api /channels | jq -r --arg i "$1" '.channels[] | select(.image == $i) | .digest' ;;
	signature) lab_api "/images/$1" | jq -r '.signatures[0]' ;;
	*) lab_api "/images/$1" | jq -r --arg f "$2" '.files[] | select(.name == $f) | .sha256' ;;
	esac
}

newest_boot() { lab_api "/hosts/$1" | jq '.boot // 0'; }
failed_after() { # HOST BOOT
	[ "$(lab_api "/hosts/$1" | jq "(.boot // 0) > $2 and .state == \"failed\"")" = true ]
}
no_handoff() {
	[ "$(lab_boot "$1" '[.events[].stage] | any(. == "handoff" or . == "up")')" = false ]
}
says_both() { # HOST EXPECTED FOUND
	local record

	record=$(lab_boot "$1")
	grep -q "$2" <<<"$record" && grep -q "$3" <<<"$record"
}

power_on() {
	local host

	for host in n1 n2; do
		lab_off "$host"
		lab_host "$host" bios
	done
}

judge() { # HOST LAST_BOOT TEXT CODE EXPECTED FOUND
	lab_until 180 "failed_after $1 $2" || lab_not_ok "$3: no failed boot on record"
	lab_check "$3: refused as $4" [ "$(lab_boot "$1" .reason)" = "$4" ]
	lab_check "$3: not handed over" no_handoff "$1"
	lab_check "$3: both digests on record" says_both "$1" "$5" "$6"
	lab_check "$3: the host says so itself" lab_until 10 "lab_screen $1 | grep -q '$4'"
}

# round FILE1 OFFSET1 CODE1 FILE2 OFFSET2 CODE2: n1 boots kvm-kexec and n2 xen, each with one byte wrong.
# Offsets below 0 count from the end.
round() {
	local hex1 hex2 found1 found2 last1 last2 at1=$2 at2=$5

	hex1=$(what kvm-kexec "$1") hex2=$(what xen "$4")
	[ "$at1" -ge 0 ] || at1=$(($(stat -c %s "$(blob "$hex1")") + at1))
	[ "$at2" -ge 0 ] || at2=$(($(stat -c %s "$(blob "$hex2")") + at2))
	flip "$hex1" "$at1"
	flip "$hex2" "$at2"
	found1=$(sha256sum <"$(blob "$hex1")" | cut -c1-64)
	found2=$(sha256sum <"$(blob "$hex2")" | cut -c1-64)
	last1=$(newest_boot n1) last2=$(newest_boot n2)
	power_on
	judge n1 "$last1" "kvm's $1" "$3" "$hex1" "$found1"
	judge n2 "$last2" "xen's $4" "$6" "$hex2" "$found2"
	flip "$hex1" "$at1"
	flip "$hex2" "$at2"
}

# The last byte of a kernel is padding behind its signature: the agent's own kernel, which is the
# same file, starts all the same.
lab_main() {
	local host

	lab_up
	lab_host n1 bios
	lab_host n2 bios
	lab_muster host add n1 --mac "$(lab_mac n1)" --image kvm-kexec >/dev/null
	lab_muster host add n2 --mac "$(lab_mac n2)" --image xen >/dev/null
	round vmlinuz -1 file-digest xen 500000 file-digest
	round manifest 30 manifest-digest signature 100 blob-digest
	if lab_soaks; then
		round kvm.initrd 2345678 file-digest xen.initrd 4321 file-digest
		round channel 200 blob-digest channel 60 blob-digest
	fi
	power_on
	for host in n1 n2; do
		lab_check "$host, all bytes put back: up" is_up "$host"
	done
	lab_done
}

is_up() { lab_until 200 "[ \"\$(lab_boot $1 .state)\" = up ]"; }
lab_enter "$@"
