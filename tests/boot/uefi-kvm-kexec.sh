#!/bin/bash
# OVMF, KVM, by kexec: what a kernel needs that is not the agent's own, or has other arguments.
# takes: 80 s
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm-kexec
LAB_WIRE_MIB=40
LAB_ADD='--profile told --value place=row-3'
# What the host is told: one more initrd, and arguments of the new kernel, which shows them (loglevel).
lab_before() {
	printf '@{host}-@{place}\n' >"$LAB_DIR/hostname"
	lab_muster profile add told --require place --args 'loglevel=7 told=@{place}' --file /etc/hostname="$LAB_DIR/hostname" ||
		lab_die 'no profile'
}
screen() { lab_screen n1 | grep -q "$1"; }
lab_main() {
	lab_chain uefi
	lab_check 'by kexec' [ "$(lab_handoff n1)" = 'linux by kexec' ]
	lab_check 'its own name, by a file' lab_until 20 "screen 'kvm hypervisor .* on n1-row-3, Linux'"
	lab_check 'arguments of its kernel' screen 'Kernel command line: .* quiet loglevel=7 told=row-3'
	lab_done
}
lab_enter "$@"
