# shellcheck shell=bash disable=SC2154 # work, B: flow.sh
# acked.sh: what was acknowledged must be on record. Sourced after flow.sh.
#
# The witness is a sniffer at the clients' end of the wire: each DHCPACK that it saw is a promise.
# The record is what the server says after it has started again.

SERVER=10.64.0.1 RELAY=10.64.0.2
RANGE=10.65.0.0-10.79.255.255 # 983040 addresses: no promise is old enough to be given away

# Server and clients, and one cable.
acked_network() {
	ns_add server clients
	bridge server br0 "$SERVER/12"
	plug clients eth0 server br0
	ip -n clients addr add "$RELAY/12" dev eth0
	cat >"$work/muster.conf" <<-END
	[server]
	name = flow
	state-dir = $work/state
	run-dir = $work/run
	user = nobody
	interface = br0
	admission = open
	[dhcp]
	mode = full
	lease-time = 1h
	probe = no
	relays = $RELAY
	[subnet 10.64.0.0/12]
	range = $RANGE
	router = $SERVER
	[tftp]
	enabled = no
	[http]
	listen = 0.0.0.0:80
	[log]
	level = warn
	END
}

# The sniffer writes $work/witness, from acked_begin to acked_end.
acked_begin() {
	witness clients eth0 "$work/witness"
	witness_pid=$!
}
acked_end() {
	kill -TERM "$witness_pid"
	wait "$witness_pid"
}

# load_start WINDOW: new clients, so many at a time and 1500 in a second, until load_stop.
load_start() {
	ip netns exec clients "$B/bench/dhcp_load" -s "$SERVER" -g "$RELAY" -p "$RANGE" -n 900000 -w "$1" \
		-l 1500 -r 300 -t 3600 >"$work/load" 2>>"$work/load.err" &
	load=$!
}
load_stop() {
	kill -TERM "$load"
	wait "$load"
}

# load_said KEY: of the results of the last load.
load_said() { tr ' ' '\n' <"$work/load" | sed -n "s/^$1=//p"; }

# The record in $work/record, as lines of address, MAC. The command reads it page by page.
take_record() {
	"$B/muster" --socket "$work/run/muster.sock" -o json lease list >"$work/leases" &&
		jq -r '.leases[] | select(.state == "leased") | [.addr, .mac] | @tsv' "$work/leases" >"$work/record"
}

# Promises of the witness, those that the record does not keep, and addresses that were promised to one
# host while another's time was running, as examples and a line acked=N lost=N doubled=N.
judge() {
	awk -v now="$(date +%s)000" '
	FILENAME == ARGV[1] { record[$1] = $2; next }
	$2 == "type=ack" {
		at = substr($1, 3) + 0
		mac = substr($3, 5)
		addr = substr($4, 8)
		acked++
		if (addr in owner && owner[addr] != mac && until[addr] > at) {
			doubled++
			print "doubled: " addr " " owner[addr] " " mac
		}
		owner[addr] = mac
		until[addr] = at + substr($5, 7) * 1000
	}
	END {
		for (addr in owner)
			if (until[addr] > now && record[addr] != owner[addr]) {
				lost++
				print "lost: " addr " " owner[addr] " on record: " record[addr]
			}
		printf "acked=%d lost=%d doubled=%d\n", acked, lost, doubled
	}' "$work/record" "$work/witness" | tail -n 12
}
