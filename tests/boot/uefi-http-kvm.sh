#!/bin/bash
# OVMF with HTTP boot: the agent as one EFI file, no iPXE, KVM.
. "${0%/*}/lab.sh"

lab_main() { lab_chain uefi-http kvm; }
lab_enter "$@"
