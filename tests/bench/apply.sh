#!/usr/bin/env bash
# apply.sh [HOSTS]: what it costs those who boot that someone makes many hosts known at once.
#
# HOSTS (10,000) are added by `muster apply`, each with a MAC address, a reserved address, an image
# and two labels, and then all of them get another image. Beside that one DHCP client after the other
# takes an address through a relay: the longest exchange is how long nobody was answered. The same of
# DHCP alone and beside a dry run.
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
flow_enter "$@"
# shellcheck source=tests/support/rehearsal.sh
. tests/support/rehearsal.sh

hosts=${1:-10000}
rehearsal_links
mkdir -p "$work/state"
rehearsal_conf open
sed -i 's/^\[dhcp\]$/&\nprobe = no/' "$work/muster.conf" # which some exchanges wait for
cat >>"$work/muster.conf" <<END
[tftp]
enabled = no
END
chown nobody: "$work/state"
server_start || exit 2

site() { # IMAGE
	jq -n --arg image "$1" --argjson n "$hosts" 'def hex: . as $n | "0123456789abcdef"[($n / 16 | floor):][:1] + "0123456789abcdef"[$n % 16:][:1];
		{muster: 1, hosts: ([range($n) | {key: "n\(100000 + .)", value: {
		macs: ["52:54:00:00:\(. / 256 | floor | hex):\(. % 256 | hex)"], image: $image,
		ip: "10.65.\(128 + (. / 250 | floor)).\(1 + . % 250)", labels: {rack: "r\(. % 40)", row: "a"}}}] | from_entries)}'
}
site kvm >"$work/add.json"
site xen >"$work/change.json"

first=1
# beside COMMAND...: how long it took, and DHCP meanwhile.
beside() {
	local what=$1 from load

	shift
	ip netns exec hosts "$B/bench/dhcp_load" -s 10.64.0.1 -g 10.65.0.1 -p 10.65.1.0-10.65.40.255 -n 10000 -w 1 -l 200 \
		-r 60000 -b $((first += 20000)) >"$work/load" &
	load=$!
	sleep 0.3
	from=$EPOCHREALTIME
	"$@" >"$work/out" 2>&1 || { tail -n 3 "$work/out"; failed=1; }
	awk -v f="$from" -v t="$EPOCHREALTIME" -v w="$what" 'BEGIN { printf "| %s | %.2f |", w, t - f }'
	kill "$load"
	wait "$load"
	tr ' ' '\n' <"$work/load" | awk -F= '/^(p50|p99|max)_ms/ { printf " %.1f |", $2 } END { print "" }'
}
printf '| what | s | exchange, p50 ms | p99 | longest |\n|---|---|---|---|---|\n'
beside 'nothing' sleep 3
beside "add $hosts hosts, dry run" muster apply --dry-run "$work/add.json"
beside "add $hosts hosts" muster apply --yes "$work/add.json"
beside "change $hosts hosts, dry run" muster apply --dry-run "$work/change.json"
beside "change $hosts hosts" muster apply --yes "$work/change.json"
exit $failed
