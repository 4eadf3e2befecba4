#!/bin/bash
# SeaBIOS, the iPXE of the network card, KVM: from power-on to a running guest.
. "${0%/*}/lab.sh"

lab_main() { lab_chain bios kvm; }
lab_enter "$@"
