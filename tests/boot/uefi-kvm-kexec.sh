#!/bin/bash
# OVMF, KVM, by kexec: what a kernel needs that is not the agent's own, or has other arguments.
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm-kexec
LAB_WIRE_MIB=40
lab_main() {
	lab_chain uefi
	lab_check 'by kexec' [ "$(lab_handoff n1)" = 'linux by kexec' ]
	lab_done
}
lab_enter "$@"
