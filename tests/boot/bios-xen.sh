#!/bin/bash
# SeaBIOS, the iPXE of the network card, Xen.
# takes: 100 s
. "${0%/*}/lab.sh"

LAB_IMAGE=xen
lab_main() { lab_chain bios; }
lab_enter "$@"
