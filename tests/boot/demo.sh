#!/bin/bash
# demo.sh: see muster work. Boots virtual hosts from power-on to hypervisor through the real chain,
# in a private network namespace, and draws each boot's timeline while it happens.
#
#   FIRMWARE=bios|bios-tftp|uefi|uefi-http   how the hosts find their first bytes (bios)
#   IMAGE=kvm|xen                            their hypervisor (kvm)
#   HOSTS=N                                  how many, powered on at once (1)
#   KEEP=1                                   leave it running, to look around, until Ctrl-C
. "${0%/*}/lab.sh"

FIRMWARE=${FIRMWARE:-bios} IMAGE=${IMAGE:-kvm} HOSTS=${HOSTS:-1} KEEP=${KEEP:-}
LAB_IMAGE=$IMAGE
LAB_FRESH=1 # keys of this demonstration alone

say() { printf '\n== %s\n' "$*"; }

serve() {
	say "musterd starts; admission is open: every host may boot"
	lab_up
	printf 'serving %s in a network of its own\n' "http://$LAB_ADDR"
	lab_muster image list
}

power_on() {
	local i

	say "power on: $HOSTS x $FIRMWARE, ${LAB_ACCEL}"
	for ((i = 1; i <= HOSTS; i++)); do
		lab_host "n$i" "$FIRMWARE"
		lab_muster host add "n$i" --mac "$(lab_mac "n$i")" >/dev/null
	done
	if [ "$HOSTS" = 1 ]; then
		timeout --foreground 300 "$LAB_BUILD/muster" --socket "$LAB_DIR/run/muster.sock" \
			host timeline n1 -f --next
	else
		timeout --foreground $((200 + 60 * HOSTS)) "$LAB_BUILD/muster" --socket "$LAB_DIR/run/muster.sock" \
			host timeline --all -f --count "$HOSTS"
	fi
}

# The proof is the server's record, not what the screen above says.
prove() {
	local i

	say "the proof, from the server's record"
	for ((i = 1; i <= HOSTS; i++)); do
		if ! lab_proof "n$i" "$IMAGE"; then
			printf 'n%s did not arrive: %s\n' "$i" "$(lab_boot "n$i" '.sentence // .stage')"
			lab_failures=$((lab_failures + 1))
			continue
		fi
		lab_boot "n$i" '"\(.host) is up after \((.ended // 0) - .started | . / 100 | round / 10) s: \(.image) \(.version)" +
			"\n  its guest gave back \(.nonce), made by the server for boot \(.id)"'
		lab_boot "n$i" '[.events[] | select(.stage == "up") | .detail // empty][0] // empty
			| "  and says of itself: \(.)"'
	done
	say "bytes over the wire to n1"
	lab_sizes n1 | sed 's/^# //'
	lab_within n1 $((LAB_WIRE_MIB << 20)) || lab_not_ok "more than $LAB_WIRE_MIB MiB"
}

look_around() {
	[ -n "$KEEP" ] && [ -t 0 ] || return 0
	say "it goes on running; Ctrl-C ends it"
	cat <<-END
	command line   $LAB_BUILD/muster --socket $LAB_DIR/run/muster.sock host list
	screens        tail -f $LAB_DIR/hosts/n1/console
	log            tail -f $LAB_DIR/log/musterd.log
	its network    nsenter -t $LAB_OUTER_PID --net curl http://$LAB_ADDR/healthz
	END
	read -r _ </dev/tty
}

lab_main() {
	serve
	power_on
	prove
	[ "$lab_failures" = 0 ] || lab_done
	look_around
	[ "$lab_failures" = 0 ]
}

# Outside: what is missing is installed or named; programs, keys and images are made.
if [ -z "${LAB_INSIDE:-}" ]; then
	"$LAB_ROOT/tests/support/need.sh" --install build images boot || exit
	make -C "$LAB_ROOT" --no-print-directory -j"$(nproc)" all || exit
	say "keys are made, the agent and the image '$IMAGE' are packed and signed"
fi
lab_enter "$@"
