#!/bin/bash
# OVMF with HTTP boot: the agent as one EFI file, no iPXE, KVM.
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
lab_main() { lab_chain uefi-http; }
lab_enter "$@"
