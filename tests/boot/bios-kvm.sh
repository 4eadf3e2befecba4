#!/bin/bash
# SeaBIOS, the iPXE of the network card, KVM on the agent's own kernel.
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
lab_main() {
	lab_chain bios
	lab_check 'by a switch of root' [ "$(lab_handoff n1)" = 'linux by switch' ]
	lab_done
}
lab_enter "$@"
