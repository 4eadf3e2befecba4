#!/bin/bash
# OVMF with its own PXE client, snponly.efi by TFTP, KVM; and two persons sign: the agent carries root
# 1, and what it runs is signed as root 2 asks. Then the hypervisor is asked to start anew, obeys, and
# comes up again.
# takes: 190 s
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
LAB_ROOTS=1
believes_root_2() { lab_boot n1 '.events[] | select(.stage == "verify") | .detail' | grep '^root 2, channel stable'; }
starts_anew() {
	lab_muster host reboot n1 --yes --reason 'new release' >>"$LAB_DIR/log/wait.log" 2>&1 &&
		lab_muster host wait n1 --next --timeout 240s >>"$LAB_DIR/log/wait.log" 2>&1
}
# said BOOT: what was said of the reboot in that boot
said() { lab_api "/boots/$1" | jq -r '.events[] | select(.what == "reboot") | [.source, .detail] | join(" ")'; }
obeyed() { said "$1" | grep -q '^agent it obeys '; }
was_asked() { said "$1" | grep -q '^core asked by .*: new release$'; }

lab_main() {
	local first

	lab_chain uefi || return
	lab_check 'the agent has found the way to root 2' believes_root_2
	first=$(lab_boot n1 .id)
	lab_check 'asked to start anew, it is up again' starts_anew
	lab_check 'the hypervisor obeyed a signed order' obeyed "$first"
	lab_check 'its next boot says by whom it was asked, and why' was_asked "$(lab_boot n1 .id)"
	lab_check 'and proves that it is another one' lab_proof n1 kvm
	lab_check 'the order is over' [ "$(lab_api /hosts/n1 | jq -r '.reboot | [.state, .boot] | join(" ")')" = "over $first" ]
	lab_done
}
lab_enter "$@"
