#!/bin/bash
# OVMF with its own PXE client, snponly.efi by TFTP, KVM.
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
lab_main() { lab_chain uefi; }
lab_enter "$@"
