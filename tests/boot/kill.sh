#!/bin/bash
# The server dies in the middle of a boot, as a whole and then role by role, each at the moment when
# it is needed: the hosts get through by themselves, and the record proves it.
# processors: 2
# takes: 80 s
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm
LAB_LOG=debug # the log then tells each role's process id

# at_stage HOST BOOT STAGE [WHAT]: a boot after that one has such an event.
at_stage() {
	[ "$(lab_boot "$1" "select(.id > $2) | [.events[] | select(.stage == \"$3\"
		and (\"${4:-}\" == \"\" or .what == \"${4:-}\"))] | length")" -gt 0 ]
}

newest_boot() { lab_api "/hosts/$1" | jq '.boot // 0'; }

# kill_role ROLE HOST BOOT STAGE [WHAT]: when that is on record.
kill_role() {
	local old

	lab_until 120 "at_stage $2 $3 $4 ${5:-}" || lab_not_ok "$2 did not come to $4"
	old=$(lab_role "$1")
	kill -KILL "$old" || lab_not_ok "$1 does not run"
	lab_check "$1, killed at $4 of $2: started anew" lab_until 10 "[ \"\$(lab_role $1)\" != $old ]"
}

arrived() { # TEXT
	local host

	lab_check "$1: both up" lab_wait_up 'n[1-2]' 300
	for host in n1 n2; do
		lab_check "$1: the record of $host proves it" lab_proof "$host" kvm
	done
}

lab_main() {
	local last1 last2

	lab_up
	lab_host n1 bios
	lab_host n2 bios-tftp
	lab_muster host add n1 --mac "$(lab_mac n1)" >/dev/null
	lab_muster host add n2 --mac "$(lab_mac n2)" >/dev/null
	lab_until 150 'at_stage n1 0 image started' || lab_not_ok 'n1 did not come to image'
	lab_server kill
	sleep 2
	lab_server start
	arrived 'musterd killed in mid-transfer'

	last1=$(newest_boot n1) last2=$(newest_boot n2)
	lab_off n1
	lab_off n2
	lab_host n1 bios
	lab_host n2 bios-tftp
	kill_role net n1 "$last1" discover
	kill_role tftp n2 "$last2" discover
	kill_role sign n1 "$last1" script
	kill_role http n1 "$last1" image started
	kill_role core n2 "$last2" image started
	arrived 'each role killed in its turn'
	lab_done
}
lab_enter "$@"
