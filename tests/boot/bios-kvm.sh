#!/bin/bash
# SeaBIOS, the iPXE of the network card, KVM: from power-on to a running guest.
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
lab_main() { lab_chain bios; }
lab_enter "$@"
