#!/bin/bash
# OVMF with its own PXE client, snponly.efi by TFTP, KVM.
. "${0%/*}/lab.sh"

lab_main() { lab_chain uefi kvm; }
lab_enter "$@"
