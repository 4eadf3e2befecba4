#!/bin/bash
# Four hosts powered on at the same moment.
. "${0%/*}/lab.sh"

lab_main() { lab_chain bios kvm 4; }
lab_enter "$@"
