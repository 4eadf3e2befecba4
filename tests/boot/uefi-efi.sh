#!/bin/bash
# EFI programs: iPXE starts one, which reports through iPXE; one that comes back; a BIOS refuses it
# and says why. OVMF's HTTP boot starts a UKI, Debian's kernel in one EFI file, without any loader.
. "${0%/*}/lab.sh"

LAB_IMAGE=
LAB_NEED=kinds

said() { lab_screen "$1" | grep -qF -- "$2"; }

lab_main() {
	lab_up
	lab_reporter "$LAB_DIR/reporter.efi"
	lab_own reporter --efi "$LAB_DIR/reporter.efi" --args 'get=@{base} up=@{report}/up?detail=@{host}'
	lab_own back --efi "$LAB_DIR/reporter.efi" --args comes-back

	lab_uki "$LAB_DIR/uki.efi" UKI
	lab_own uki --efi "$LAB_DIR/uki.efi"

	lab_bare uefi n1 reporter
	lab_bare uefi n2 back
	lab_check 'without the value that its arguments want nothing is started, and why is said' \
		lab_until 120 "lab_screen n1 | grep -q 'the image wants the value base, which n1 does not have'"
	lab_muster host set n1 --value "base=http://$LAB_ADDR/healthz" >>"$LAB_DIR/log/wait.log"
	lab_check 'an EFI program under iPXE: up' lab_wait_up n1 120
	lab_check 'its arguments were filled in, and iPXE fetched for it' \
		said n1 "reporter: got http://$LAB_ADDR/healthz bytes=3"
	lab_check 'the choice is on record' lab_event n1 image requested 'reporter 1, kind efi'
	lab_check 'the transfer is on record' lab_event n1 image finished reporter.efi
	lab_check 'the hand-off is what iPXE said' lab_event n1 handoff 'done' 'iPXE is about to start it'
	lab_check 'up is what it reported, with the token of its boot' \
		lab_event n1 up 'done' "n1, with the boot's token"
	lab_check 'nobody was asked for a proof' [ "$(lab_boot n1 .nonce)" = null ]
	lab_off n1
	lab_bare uefi-http n4 uki
	lab_check 'a program that comes back is told' \
		lab_until 180 'lab_event n2 script aborted "back was started and came back"'
	lab_off n2

	lab_bare bios n3 reporter
	lab_check 'a BIOS does not get it, and why is on record' \
		lab_until 120 "lab_event n3 script seen 'a BIOS starts no EFI program'"
	lab_off n3

	lab_check "a UKI by the firmware's own HTTP boot: up" lab_wait_up n4 240
	lab_check 'it was offered without a loader' \
		[ "$(lab_boot n4 '[.loader, .transport] | join(" ")')" = 'image.efi http' ]
	lab_check 'its hand-off is inferred, and says so' lab_event n4 handoff 'done' inferred
	lab_check 'it reported from its address' lab_event n4 up 'done' "UKI, from the host's address"
	lab_check 'the timeline shows both' eval "[ \"\$(lab_muster host timeline n4 | grep -c '^ *[^ ]* *\(handoff\|up\) ')\" = 2 ]"
	lab_muster host timeline n4 | sed 's/^/# /'
	lab_done
}
lab_enter "$@"
