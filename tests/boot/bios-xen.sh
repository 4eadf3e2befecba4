#!/bin/bash
# SeaBIOS, the iPXE of the network card, Xen.
. "${0%/*}/lab.sh"

lab_main() { lab_chain bios xen; }
lab_enter "$@"
