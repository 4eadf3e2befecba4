#!/bin/bash
# Linux that people bring: a kernel and ramdisks that know nothing of muster, started by the agent
# with a kexec. One is made here and reports that it is up; the other is Debian's installer for the
# network, found on its medium, which nobody prepared: its kernel runs, and what it then does nobody
# reports.
. "${0%/*}/lab.sh"

LAB_IMAGE=
LAB_NEED=kinds
LAB_UNPACK=debian-installer-12-netboot-amd64
MEDIUM=usr/lib/debian-installer/images/12/amd64/text

lab_main() {
	local medium=$LAB_PACKAGES/$LAB_UNPACK/$MEDIUM

	lab_up
	lab_ramdisk "$LAB_DIR/report.cpio" foreign
	lab_own mine --kernel "$(lab_kernel)" --initrd "$(lab_base)" --initrd "$LAB_DIR/report.cpio" \
		--args 'console=ttyS0,115200n8 panic=5 from=foreign'
	lab_check "the kernel and the ramdisk of Debian's installer are found" \
		[ "$(lab_muster image inspect "$medium" -o json | jq -c '[.missing.linux, .initrd]')" = '[null,"debian-installer/amd64/initrd.gz"]' ]
	lab_own installer --from "$medium" --args 'console=ttyS0,115200n8 DEBIAN_FRONTEND=text locale=C'

	lab_bare bios n1 mine
	lab_check 'a foreign Linux: up, because it reported' lab_wait_up n1 280
	lab_check 'by kexec' [ "$(lab_handoff n1)" = 'linux by kexec' ]
	lab_check 'it reported from its address' lab_event n1 up 'done' "foreign, from the host's address"
	lab_check 'it runs with its own arguments' eval 'lab_screen n1 | grep -q "foreign: .*from=foreign"'
	lab_off n1
	! lab_soaks || installer
	lab_done
}

installer() {
	lab_host n2 uefi 2048
	lab_muster host add n2 --mac "$(lab_mac n2)" --image installer >>"$LAB_DIR/log/wait.log" 2>&1
	lab_check "Debian's installer is handed the machine" \
		lab_muster host wait n2 --appear --for handoff --timeout 280s
	lab_check 'by kexec' [ "$(lab_handoff n2)" = 'linux by kexec' ]
	lab_check 'and runs' lab_until 200 'lab_screen n2 | grep -q "Select a language\|Choose language\|debian installer\|Debian installer\|main menu\|Starting system log daemon"'
	lab_monitor n2 system_reset
	lab_check 'what never reported is over when its host starts anew, not failed' lab_until 120 \
		"[ \"\$(lab_api /hosts/n2/boots | jq -r '.boots[1].state')\" = over ]"
	lab_check 'and that is said' [ "$(lab_api /hosts/n2/boots | jq -r '.boots[1].sentence')" = \
		'installer was handed over; whether it came up, nobody reported' ]
}
lab_enter "$@"
