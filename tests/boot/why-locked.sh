#!/bin/bash
# A kernel that is locked down, as Secure Boot does it, starts no kernel that nobody has signed, and
# `muster host why` says so. The lock is asked for on the agent's own command line.
# soak
. "${0%/*}/lab.sh"

LAB_IMAGE=

lab_main() {
	local agent=$LAB_SIGNED/images/agent console='console=ttyS0,115200n8 panic=5'

	lab_up
	lab_own agent --version locked --kernel "$(lab_kernel)" --initrd "$(lab_base)" --initrd "$agent/agent.initrd" \
		--initrd "$agent/trust.cpio" --args "$console lockdown=integrity"
	cp "$(lab_kernel)" "$LAB_DIR/changed" && chmod u+w "$LAB_DIR/changed"
	printf 'a' | dd of="$LAB_DIR/changed" bs=1 seek=$((0x1000)) conv=notrunc status=none # its signature is wrong now
	lab_own changed --kernel "$LAB_DIR/changed" --initrd "$(lab_base)" --args "$console"
	lab_bare bios n1 changed
	lab_because n1 kexec-locked 'a kernel that is locked down' 180
	lab_check 'the machine said that it is' [ "$(lab_api /hosts/n1 | jq -r .facts.lockdown)" = integrity ]
	lab_check 'its screen says it, too' lab_screens n1 'kexec is locked\|not signed by a key'
	lab_done
}
lab_screens() { lab_screen "$1" | grep "$2"; }
lab_enter "$@"
