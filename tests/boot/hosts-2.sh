#!/bin/bash
# Two hosts powered on at the same moment.
. "${0%/*}/lab.sh"

lab_main() { lab_chain bios kvm 2; }
lab_enter "$@"
