#!/bin/bash
# SeaBIOS, undionly.kpxe by TFTP from tftp-hpa, KVM.
. "${0%/*}/lab.sh"

lab_main() { lab_chain bios-tftp kvm; }
lab_enter "$@"
