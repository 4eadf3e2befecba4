#!/bin/bash
# OVMF with HTTP boot: the agent as one EFI file, no iPXE, KVM. As the demonstration of .ci/run.
# soak
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
lab_main() { lab_chain uefi-http; }
lab_enter "$@"
