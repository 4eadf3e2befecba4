#!/bin/bash
# The server dies in the middle of a boot, as a whole and role by role: the host gets through by
# itself, and the record says so.
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm

LAB_LOG=debug # the log then tells each role's process id

# reached STAGE: this boot is there, or beyond.
reached() { lab_muster host wait n1 --for "$1" --timeout 120s >/dev/null 2>&1; }

power_cycle() {
	lab_off n1
	lab_host n1 bios
}

# The agent has begun to load the image.
mid_transfer() {
	[ "$(lab_boot n1 '[.events[] | select(.stage == "image" and .what == "started")] | length')" -gt 0 ]
}

new_boot() { [ "$(lab_api /hosts/n1 | jq ".boot // 0")" -gt "$1" ]; }

# kill_at WHEN ROLE: boot anew and kill the role when the condition holds.
kill_at() {
	local when=$1 role=$2 last old

	last=$(lab_api /hosts/n1 | jq '.boot // 0')
	power_cycle
	lab_until 60 "new_boot $last" || lab_not_ok "$role: no boot began"
	lab_until 60 "$when" || lab_not_ok "$role: $when did not come"
	old=$(lab_role "$role")
	kill -KILL "$old"
	lab_check "$role killed ($when): up" lab_wait_up n1
	lab_check "$role killed ($when): the record proves it" lab_proof n1 kvm
	lab_check "$role has another process" [ "$(lab_role "$role")" != "$old" ]
}

lab_main() {
	lab_up
	lab_host n1 bios
	lab_muster host add n1 --mac "$(lab_mac n1)" >/dev/null
	lab_until 90 mid_transfer || lab_not_ok 'no image transfer'
	lab_server kill
	sleep 2
	lab_server start
	lab_check 'musterd killed in mid-transfer: up' lab_wait_up n1
	lab_check 'musterd killed in mid-transfer: the record proves it' lab_proof n1 kvm
	kill_at 'reached discover' net
	kill_at mid_transfer http
	kill_at mid_transfer core
	kill_at 'reached script' sign
	lab_done
}
lab_enter "$@"
