#!/bin/bash
# Machines that do not come as far as the agent, and what `muster host why` says of each: firmware with
# Secure Boot on, which refuses what it has no key for, by PXE and by HTTP; a loader that hangs; a machine
# with too little memory for the agent. Nobody asks until the server has noticed by itself.
# takes: 95 s
. "${0%/*}/lab.sh"

LAB_IMAGE=
LAB_CONF='[boot]
	silence-min = 5s
	silence-max = 12s'

lab_main() {
	lab_up
	# hlt and back, where iPXE would be
	{ printf '\xf4\xeb\xfd'; head -c 4093 /dev/zero; } >"$LAB_DIR/loaders/undionly.kpxe"
	lab_host secure uefi-secure
	lab_host hangs bios-tftp 256
	lab_host small bios 96
	for host in secure hangs small; do
		lab_muster host add $host --mac "$(lab_mac $host)" >>"$LAB_DIR/log/wait.log" 2>&1
	done
	lab_failed_as hangs loader-dead 'a loader that hangs'
	lab_off hangs
	lab_failed_as small agent-silent 'too little memory for the agent'
	lab_off small
	lab_failed_as secure secure-boot 'Secure Boot refused the loader'
	lab_off secure
	! lab_soaks || sealed
	lab_done
}

# Secure Boot again, and no boot entry but HTTP to go on to.
sealed() {
	lab_host sealed uefi-secure-http
	lab_muster host add sealed --mac "$(lab_mac sealed)" >>"$LAB_DIR/log/wait.log" 2>&1
	lab_failed_as sealed agent-efi-silent 'Secure Boot refused what came by HTTP'
	lab_check 'its firmware says so' eval 'lab_screen sealed | grep -q "Access Denied"'
	lab_off sealed
}
lab_enter "$@"
