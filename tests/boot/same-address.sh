#!/bin/bash
# Firmware's and loaders' own DHCP clients: QEMU's iPXE ROM, undionly.kpxe, OVMF's PXE and snponly.efi,
# OVMF's HTTP boot. All that runs on a host gets one address, and the same at the next power-on: by
# the record, and by a sniffer on the bridge. The hosts are switched off as soon as they have loaded
# what comes after the addresses.
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm

# came_to HOST STAGE EVENT: it did, after that event.
came_to() {
	lab_api "/events?after=$3" |
		jq -e "[.events[] | select(.host == \"$1\" and .stage == \"$2\")] | length > 0" >/dev/null
}

# Addresses that were acknowledged to a host, one for each ACK.
acked() {
	sed -n "s/.* type=ack mac=$(lab_mac "$1") yiaddr=\([0-9.]*\) .*/\1/p" "$LAB_DIR/log/wire"
}

one_address() { # HOST ACKS
	lab_say "$1: $(acked "$1" | sort | uniq -c | tr -s " \n" " ")"
	[ "$(acked "$1" | sort -u)" = "$(lab_api "/hosts/$1/boots" | jq -r '[.boots[].addr] | unique[]')" ] &&
		[ "$(acked "$1" | wc -l)" -ge "$2" ]
}

# twice FIRMWARE:STAGE...: hosts called like their firmware are powered on, come to that stage and are
# powered off; and once more.
twice() {
	local round pair host last

	for round in first second; do
		last=$(lab_api /events | jq .last)
		for pair in "$@"; do
			host=${pair%:*}
			lab_host "$host" "$host"
			[ $round = second ] || lab_muster host add "$host" --mac "$(lab_mac "$host")" >/dev/null
		done
		for pair in "$@"; do
			host=${pair%:*}
			lab_check "$host, $round power-on: comes to ${pair#*:}" \
				lab_until 150 "came_to $host ${pair#*:} $last"
			lab_off "$host"
		done
	done
}

lab_main() {
	[ -z "$LAB_ONE_ID" ] || lab_skip 'TFTP needs more than one user'
	lab_up
	"$LAB_BUILD/support/dhcp_witness" mus0 >"$LAB_DIR/log/wire" &
	lab_until 5 "grep -q listening $LAB_DIR/log/wire"
	twice bios:script uefi:script
	twice bios-tftp:script uefi-http:loader
	# at each power-on: the ROM; OVMF and snponly.efi; the ROM and undionly.kpxe; OVMF
	lab_check "QEMU's ROM has one address" one_address bios 2
	lab_check "OVMF's PXE and snponly.efi have one address" one_address uefi 4
	lab_check "QEMU's ROM and undionly.kpxe have one address" one_address bios-tftp 4
	lab_check "OVMF's HTTP boot has one address" one_address uefi-http 2
	lab_done
}
lab_enter "$@"
