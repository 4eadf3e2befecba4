#!/bin/bash
# Four hosts powered on at the same moment.
# processors: 2
# takes: 120 s
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
lab_main() { lab_chain bios 4; }
lab_enter "$@"
