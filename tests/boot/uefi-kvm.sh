#!/bin/bash
# OVMF with its own PXE client, snponly.efi by TFTP, KVM; and two persons sign: the agent carries root
# 1, and what it runs is signed as root 2 asks.
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
LAB_ROOTS=1
believes_root_2() { lab_boot n1 '.events[] | select(.stage == "verify") | .detail' | grep '^root 2, channel stable'; }
lab_main() {
	lab_chain uefi || return
	lab_check 'the agent has found the way to root 2' believes_root_2
	lab_done
}
lab_enter "$@"
