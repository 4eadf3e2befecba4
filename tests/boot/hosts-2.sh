#!/bin/bash
# Two hosts powered on at the same moment.
# soak
# processors: 2
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
lab_main() { lab_chain bios 2; }
lab_enter "$@"
