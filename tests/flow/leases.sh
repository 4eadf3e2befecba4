#!/usr/bin/env bash
# Leases as an administrator meets them: a real client gets one; it is listed, shown and released;
# reservations of other DHCP servers are imported; the doctor looks at it all. Needs root for
# network namespaces.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build/release}
failed=0
work=$(mktemp -d)
ns=musls$$ cns=muslc$$
server=

ok() { echo "ok leases: $1"; }
not_ok() { echo "not ok leases: $1"; failed=1; }
check() { local name=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$name"; else not_ok "$name"; sed 's/^/# /' "$work/out"; fi; }

cleanup() {
	[ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
	ip netns del "$cns" 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ "$(id -u)" != 0 ] || ! ip netns add "$ns" 2>/dev/null; then
	echo "skip - leases: needs root and network namespaces"
	exit 0
fi
if ! tests/support/unpack.sh busybox-static build/packages 2>"$work/out"; then
	echo "skip - leases: $(cat "$work/out")"
	exit 0
fi
busybox=$PWD/build/packages/busybox-static/bin/busybox

mac=52:54:00:00:00:07
ip netns add "$cns"
ip -n "$ns" link set lo up
ip -n "$ns" link add eth0 type veth peer name eth0 netns "$cns"
ip -n "$ns" addr add 10.77.0.1/24 dev eth0
ip -n "$ns" link set eth0 up
ip -n "$cns" link set eth0 address $mac up
chmod 755 "$work"

cat >"$work/conf" <<EOF
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = eth0
admission = open
image = kvm
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.120
router = 10.77.0.110
[tftp]
enabled = no
[http]
listen = 0.0.0.0:80
EOF

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
wait_for() { # CONDITION...: at most 5 s
	for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}
exits() { local want=$1; shift; "$@"; local got=$?; [ "$got" = "$want" ] || { echo "exit $got, not $want"; return 1; }; }
says() { local want=$1; shift; "$@" 2>&1 | tee "$work/said" | grep -F -- "$want" || { cat "$work/said"; echo "does not say: $want"; return 1; }; }
start() {
	ip netns exec "$ns" "$B/musterd" -f -c "$work/conf" >>"$work/log" 2>&1 &
	server=$!
	wait_for muster status
}
lease() { # ask for a lease, once: the client's script only says which one it got
	ip netns exec "$cns" "$busybox" udhcpc -i eth0 -n -q -t 3 -T 1 -s "$work/script" 2>/dev/null
}
# shellcheck disable=SC2016 # expanded by the client
printf '#!/bin/sh\n[ "$1" != bound ] || echo "$ip"\n' >"$work/script"
chmod 755 "$work/script"

check "the server starts" start
nothing() { muster -o json lease list | jq -e '.leases == []'; }
check "nothing is listed that nobody ever had" nothing

# ---- a lease
addr=$(lease)
got() { echo "got '$addr'"; [[ $addr == 10.77.0.1* ]]; }
check "a client gets an address" got
check "a host with that card is known" exits 0 muster host add n07 --mac $mac
check "it is listed with its host" says "$addr  $mac  n07   leased" muster lease list
check "by state" says "$addr" muster lease list --state leased
check "by subnet and host" says "$addr" muster lease list --subnet 10.77.0.0/24 n07
check "a state that is none exits 1" exits 1 muster lease list --state lost
check "a subnet that is none exits 1" exits 1 muster lease list --subnet 10.99.0.0/24
check "what an option cannot take exits 2" exits 2 muster lease list --state 'a&b'
check "by address" says "n07" muster lease show "$addr"
check "by name" says "$addr" muster lease show n07
json() { muster -o json lease show "$addr" | jq -e --arg mac "$mac" '.mac == $mac and .state == "leased" and .known and .subnet == "10.77.0.0/24" and .expires > 1e12'; }
check "as JSON" json
check "an address of no range exits 3" exits 3 muster lease show 10.77.0.9
check "an unknown host exits 3" exits 3 muster lease show n99
check "names of machines" says "$addr" muster -o name lease list --state leased

# ---- its end
held() { [ "$(muster -o json lease show "$addr" | jq -r .state)" = "$1" ]; }
check "without --yes nobody is asked in a script: exit 2" exits 2 muster lease release "$addr"
check "a dry run says what would end" says "$addr" muster lease release n07 --dry-run
check "and ends nothing" held leased
check "release ends it" exits 0 muster lease release n07 --yes
check "at once" held free
check "a second time there is nothing to end: exit 3" exits 3 muster lease release n07 --yes
kill -9 "$(pgrep -P "$server" -x musterd-core)"
check "the end survives kill -9 of core" wait_for held free
same() { [ "$(lease)" = "$addr" ]; }
check "the host is remembered and gets the same address" same
check "--forget" exits 0 muster lease release "$addr" --forget --yes
check "the host is not remembered" says "$addr  -" muster lease show "$addr"
other() { local now; now=$(lease); echo "$now after $addr"; [ -n "$now" ] && [ "$now" != "$addr" ]; }
check "it gets another address" other

# ---- reservations of other servers
count() { muster -o json host list | jq '.hosts | length'; }
reserved() { [ "$(muster -o json host show "$1" | jq -r .ip)" = "$2" ]; }
unchanged() { local now; now=$(count); echo "$now hosts, $before before"; [ "$now" = "$before" ]; }
import_text() { printf '%s\n' "$1" | muster lease import - "${@:2}"; }
cat >"$work/dnsmasq" <<EOF
# ours
dhcp-host=52:54:00:01:00:01,set:blue,d1,10.77.0.31,12h
dhcp-host=52:54:00:01:00:02,ignore
EOF
cat >"$work/isc" <<EOF
subnet 10.77.0.0 netmask 255.255.255.0 {
	host i1 { hardware ethernet 52:54:00:02:00:01; fixed-address 10.77.0.32; }
}
EOF
cat >"$work/kea" <<EOF
{ "Dhcp4": { "subnet4": [ { "reservations": [ // ours
	{ "hw-address": "52:54:00:03:00:01", "ip-address": "10.77.0.33", "hostname": "k1" } ] } ] } }
EOF
printf 'name,ip,mac\r\nc1,10.77.0.34,52:54:00:04:00:01\r\n' >"$work/csv"
for row in dnsmasq:d1:10.77.0.31 isc:i1:10.77.0.32 kea:k1:10.77.0.33 csv:c1:10.77.0.34; do
	IFS=: read -r format name ip <<<"$row"
	before=$(count)
	check "$format: a dry run says what would be added" says "ip $ip" muster lease import "$work/$format" --dry-run
	check "$format: and changes nothing" unchanged
	check "$format: the format can be named" says "add" muster lease import "$work/$format" --from "$format" --dry-run
	check "$format: import" says "1 hosts added" muster lease import "$work/$format" --yes
	check "$format: the address is reserved" reserved "$name" "$ip"
	check "$format: a second time it is the same" says "1 were the same already" muster lease import "$work/$format" --yes
done
check "a reserved address that nobody has is listed so" says "10.77.0.31  -    d1    reserved" muster lease list d1
check "by that state" says "10.77.0.33" muster lease list --state reserved
check "as JSON it has a place, or null" jq -e '.place == null and .state == "reserved" and .host == "d1"' <(muster -o json lease show 10.77.0.31)
check "what is left out is named with its line" says "dnsmasq:3: not taken over" muster lease import "$work/dnsmasq" --dry-run
check "another address is shown old and new" says "ip 10.77.0.34 -> 10.77.0.35" import_text "52:54:00:04:00:01,10.77.0.35,c1" --dry-run
port() { import_text "$(printf 'mac,circuit,ip\n%s,7031,%s' "$1" "$2")" "${@:3}"; }
check "a host at a relay's circuit" says "1 hosts added" port 52:54:00:05:00:01 10.77.0.36 --yes
moves() { port 52:54:00:05:00:01 10.77.0.37 --dry-run | grep ' ip 10.77.0.36 -> 10.77.0.37$'; }
check "another address there is all that changes" moves
check "the circuit of another host exits 4" exits 4 port 52:54:00:05:00:02 10.77.0.38 --yes
before=$(count)
check "without --yes nobody is asked in a script: exit 2" exits 2 import_text "52:54:00:09:00:01,10.77.0.39"
check "an address of another host exits 4" exits 4 import_text "52:54:00:09:00:01,10.77.0.31,x1" --yes
check "and names the row" says "-:1: 10.77.0.31 is reserved for d1" import_text "52:54:00:09:00:01,10.77.0.31,x1" --yes
check "cards of two hosts exit 4" exits 4 import_text "52:54:00:01:00:01 52:54:00:02:00:01,,x1" --from csv --yes
check "the router's address exits 1" exits 1 import_text "52:54:00:09:00:01,10.77.0.110,x1" --yes
check "a file of no format exits 1" exits 1 import_text "Hello there" --yes
check "no file exits 1" exits 1 muster lease import "$work/none" --yes
many() { awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) printf "52:54:80:%02x:%02x:%02x,10.78.%d.%d,h%d\n", int(i / 65536), int(i / 256) % 256, i % 256, int(i / 250), i % 250 + 1, i }'; }
many 10000 >"$work/many"
sed '9999s/,10.*/,10.77.0.999,bad/' "$work/many" >"$work/malformed"
sed '9999s/,10.*/,10.77.0.31,bad/' "$work/many" >"$work/taken"
check "row 9,999 of 10,000 is malformed: it is named" says "malformed:9999: '10.77.0.999'" muster lease import "$work/malformed" --yes
check "row 9,999 of 10,000 is a conflict: it is named" says "taken:9999: 10.77.0.31 is reserved for d1" muster lease import "$work/taken" --yes
check "nothing of all that changed anything" unchanged
began=$(date +%s%N)
check "10,000 rows" says "10000 hosts added" muster lease import "$work/many" --yes
echo "# 10,000 rows in $((($(date +%s%N) - began) / 1000000)) ms"
check "10,000 rows again are the same" says "10000 were the same already" muster lease import "$work/many" --yes

# ---- pages
api() { curl -s --unix-socket "$work/run/muster.sock" "http://x/api/v1/leases?$1"; }
pages() {
	api limit=1 | jq -e '(.leases | length) == 1 and .next == .leases[0].addr' &&
		api "limit=1&after=10.200.0.0" | jq -e '.leases == [] and .next == null'
}
refused() { api "$1" | jq -e '.status == 422'; }
check "a list has pages" pages
check "a page of no length is refused" refused limit=0
check "a page after no address is refused" refused after=x

kill -TERM "$server"
wait "$server"
server=
exit $failed
