#!/bin/bash
# OVMF with its own PXE client, snponly.efi by TFTP, Xen.
# takes: 80 s
. "${0%/*}/lab.sh"

LAB_IMAGE=xen
lab_main() { lab_chain uefi; }
lab_enter "$@"
