#!/bin/bash
# SeaBIOS, undionly.kpxe by TFTP from tftp-hpa, KVM.
# takes: 55 s
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
lab_main() { lab_chain bios-tftp; }
lab_enter "$@"
