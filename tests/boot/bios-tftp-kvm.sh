#!/bin/bash
# SeaBIOS, undionly.kpxe by TFTP from tftp-hpa, KVM: by itself, as a host of kill.sh comes up among others.
# soak
# takes: 55 s
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
lab_main() { lab_chain bios-tftp; }
lab_enter "$@"
