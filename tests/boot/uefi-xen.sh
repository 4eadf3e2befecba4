#!/bin/bash
# OVMF with its own PXE client, snponly.efi by TFTP, Xen.
. "${0%/*}/lab.sh"

lab_main() { lab_chain uefi xen; }
lab_enter "$@"
