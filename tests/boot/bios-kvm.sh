#!/bin/bash
# SeaBIOS, the iPXE of the network card, KVM on the agent's own kernel.
# takes: 40 s
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
LAB_ADD='--profile told --value place=row-3'
# What the host is told: files with its own values in them, unpacked by the agent.
lab_before() {
	printf '@{host}-@{place}\n' >"$LAB_DIR/hostname"
	printf 'this is @{host} at @{address}, told by the profile\n' >"$LAB_DIR/motd"
	lab_muster profile add told --require place --file /etc/hostname="$LAB_DIR/hostname" --file /etc/motd="$LAB_DIR/motd" ||
		lab_die 'no profile'
}
screen() { lab_screen n1 | grep -q "$1"; }
# The machine in its agent's words: QEMU's firmware describes one memory module.
fact() { lab_muster -o json host show n1 | jq -r ".facts | $1"; }
lab_main() {
	lab_chain bios
	lab_check 'by a switch of root' [ "$(lab_handoff n1)" = 'linux by switch' ]
	lab_check 'its image event has the profile' lab_event n1 image requested ', profile told'
	lab_check 'its own name, by a file' lab_until 20 "screen 'kvm hypervisor .* on n1-row-3, Linux'"
	lab_check 'and what it shall say' screen 'this is n1 at 10\.77\.0\.[0-9]*, told by the profile'
	lab_check 'a memory module' [ "$(fact '.dimms | map(.slot) | join(" ")')" = 'DIMM 0' ]
	lab_check 'the place of the network card' [ "$(fact '.nics[0].place' | grep -c '^0000:00:\|^virtio')" = 1 ]
	lab_check 'found by what it is' [ "$(lab_muster host list --where 'dimm=DIMM* model="Virtual Host" mode=bios' -o name)" = n1 ]
	lab_done
}
lab_enter "$@"
