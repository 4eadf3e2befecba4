#!/usr/bin/env bash
# Addresses as they are reserved through the API and asked for through a relay: by MAC address, UUID,
# client identifier and circuit; two subnets on one link; what core remembers when it is killed; and
# a hundred thousand reservations. Needs root for network namespaces.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build/release}
failed=0
work=$(mktemp -d)
ns=muspool$$ rns=musrelay$$
server=

ok() { echo "ok pool: $1"; }
not_ok() { echo "not ok pool: $1"; failed=1; }
check() { local name=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$name"; else not_ok "$name"; sed 's/^/# /' "$work/out"; fi; }

cleanup() {
	[ -n "$server" ] && kill -9 "$server" 2>/dev/null && wait "$server" 2>/dev/null
	ip netns del "$rns" 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ "$(id -u)" != 0 ] || ! ip netns add "$ns" 2>/dev/null; then
	echo "skip - pool: needs root and network namespaces"
	exit 0
fi
ip netns add "$rns"
ip -n "$ns" link set lo up
ip -n "$ns" link add eth0 type veth peer name eth0 netns "$rns"
ip -n "$ns" addr add 10.77.0.1/24 dev eth0
ip -n "$ns" link set eth0 up
ip -n "$ns" route add 10.0.0.0/8 via 10.77.0.2
ip -n "$rns" addr add 10.77.0.2/24 dev eth0
ip -n "$rns" link set eth0 up
ip -n "$rns" link set lo up
ip -n "$rns" addr add 10.9.0.1/32 dev lo
ip -n "$rns" addr add 10.8.0.1/32 dev lo
chmod 755 "$work"

cat >"$work/conf" <<EOF
[server]
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = eth0
admission = approve
[dhcp]
relays = 10.9.0.1, 10.8.0.1
[subnet 10.8.0.0/16]
network = large
range = 10.8.200.0-10.8.200.9
router = 10.8.0.1
[subnet 172.16.0.0/15]
network = large
[subnet 10.9.0.0/24]
network = branch
range = 10.9.0.100-10.9.0.199
exclude = 10.9.0.101, 10.9.0.103-10.9.0.149
router = 10.9.0.1
[subnet 10.9.1.0/24]
network = branch
router = 10.9.1.1
[tftp]
enabled = no
[http]
listen = 127.0.0.1:80
EOF

# ask MAC TYPE [NAME=VALUE]...: through the branch's relay, or the one in $relay.
relay=10.9.0.1
ask() { ip netns exec "$rns" "$B/support/dhcp_relayed" 10.77.0.1 "$relay" "$@"; }
says() { local want=$1; shift; "$@" 2>&1 | tee "$work/said" | grep -F -- "$want" || { echo "not '$want' but:"; cat "$work/said"; return 1; }; }
# api METHOD PATH BODY: the answer, then its status.
api() { curl -s --unix-socket "$work/run/muster.sock" -X "$1" "http://m/api/v1$2" ${3:+-d "$3"} -w ' status=%{http_code}\n'; }
wait_for() {
	for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}
start() {
	ip netns exec "$ns" "$B/musterd" -f -c "$work/conf" >>"$work/log" 2>&1 &
	server=$!
	wait_for says status=200 api GET /status
}
sw() { printf 'sw%s' "$1" | od -An -tx1 | tr -d ' \n'; }
port() { local c; c=$(sw "$1"); printf '82=01%02x%s0203616263' $((${#c} / 2)) "$c"; }

check "starts with two subnets in one network" start

# ---- keys: who it is
check "a reservation is made" says '"ip":"10.9.0.50"' \
	api POST /hosts '{"name":"a","mac":"52:54:00:00:00:0a","ip":"10.9.0.50"}'
check "it is for the MAC address, outside of all ranges" says "offer 10.9.0.50 id 10.77.0.1 router 10.9.0.1" ask 52:54:00:00:00:0a discover
api POST /hosts '{"name":"b","uuid":"00112233-4455-6677-8899-aabbccddeeff","ip":"10.9.1.7"}' >/dev/null
check "for the UUID, in the network's other subnet, with its router" says "offer 10.9.1.7 id 10.77.0.1 router 10.9.1.1" \
	ask 52:54:00:00:00:0b discover 97=0033221100554477668899aabbccddeeff
api POST /hosts '{"name":"c","client_id":"ff:00:01:02","ip":"10.9.0.101"}' >/dev/null
check "for the client identifier, at an excluded address" says "offer 10.9.0.101" ask 52:54:00:00:00:0c discover 61=ff000102
api POST /hosts "{\"name\":\"d\",\"circuit\":\"$(sw 1)\",\"ip\":\"10.9.0.100\"}" >/dev/null
check "for whoever is at the circuit, in a range" says "offer 10.9.0.100" ask 52:54:00:00:00:0d discover "$(port 1)"
check "and leased" says "ack 10.9.0.100" ask 52:54:00:00:00:0d request "$(port 1)" server=10.77.0.1 requested=10.9.0.100
check "a stranger gets what is left of the ranges" says "offer 10.9.0.102" ask 52:54:00:00:00:99 discover requested=10.9.0.50
check "and no reserved address" says "nak 0.0.0.0" ask 52:54:00:00:00:99 request server=10.77.0.1 requested=10.9.0.50
check "nor one at another circuit" says "offer 10.9.0.150" ask 52:54:00:00:00:0e discover "$(port 2)" requested=10.9.0.100

# ---- options of one host
check "a host is told what is set for it alone" says '"options":["dns = 10.77.0.53","router = 10.9.0.254","lease-time = 10m","option = 150 addresses 10.0.0.5"]' \
	api PATCH /hosts/a '{"options":["dns = 10.77.0.53","router = 10.9.0.254","lease-time = 10m","option = 150 addresses 10.0.0.5"]}'
wants="55=060396333a3b"
check "in its offer" says "offer 10.9.0.50 id 10.77.0.1 router 10.9.0.254 6=0a4d0035 3=0a0900fe 150=0a000005 51=00000258 58=0000012c 59=0000020d" \
	ask 52:54:00:00:00:0a discover $wants
check "another host is not" says "router 10.9.1.1 3=0a090101 51=00000e10" ask 52:54:00:00:00:0b discover 97=0033221100554477668899aabbccddeeff $wants
refused() { says "$2" api PATCH /hosts/a "{\"options\":$1}" && grep -F status=422 "$work/said"; }
check "what is no setting is refused by name" refused '["dns = nobody"]' "'nobody'"
check "what is no host's, too" refused '["range = 10.9.0.1-10.9.0.9"]' "a host has no setting 'range' of its own"
check "times in the wrong order" refused '["lease-time = 10m","renew-time = 11m"]' "must be longer"
check "a setting twice" refused '["router = 10.9.0.1","router = 10.9.0.2"]' "'router' is given twice"
check "what is no list" refused '"dns = 10.77.0.53"' "options is a list of texts"
check "all that changed nothing" says "6=0a4d0035" ask 52:54:00:00:00:0a discover $wants
cli() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
check "the command sets them" says "a: DHCP options 1" cli host set a --option 'ntp = 10.9.0.7'
check "and shows them" says "ntp = 10.9.0.7" cli host show a
check "in place of the former" says "router 10.9.0.1 3=0a090001 51=00000e10" ask 52:54:00:00:00:0a discover $wants
check "and takes them away" says "no DHCP options of its own" cli host set a --no-options
check "then there are none" says '"options":null' api GET /hosts/a

# ---- two machines
check "a second machine at the circuit gets another address" says "offer 10.9.0.151" ask 52:54:00:00:00:1d discover "$(port 1)"
contested() { grep -E 'reserved address is in use: addr=10.9.0.100 by=52:54:00:00:00:0d asked=52:54:00:00:00:1d' "$work/log"; }
check "and a log line says so" wait_for contested
check "the first one renews past the relay" says "ack 10.9.0.100" ask 52:54:00:00:00:0d request ciaddr=10.9.0.100
ask 52:54:00:00:00:0d -t 100 release server=10.77.0.1 ciaddr=10.9.0.100 >/dev/null
check "when it has gone, the second one gets the address" says "offer 10.9.0.100" ask 52:54:00:00:00:1d discover "$(port 1)"

# ---- the API
check "an address is reserved once" says '"code":"address-taken"' api POST /hosts '{"name":"x","mac":"52:54:00:00:00:f0","ip":"10.9.0.50"}'
check "with status 409" says status=409 api PATCH /hosts/b '{"ip":"10.9.0.50"}'
check "a circuit is one host's" says '"code":"circuit-taken"' api PATCH /hosts/a "{\"circuit\":\"$(sw 1)\"}"
check "a client identifier, too" says '"code":"client-id-taken"' api PATCH /hosts/a '{"client_id":"ff000102"}'
check "the router's address is nobody's" says '"code":"address-unusable"' api PATCH /hosts/a '{"ip":"10.9.0.1"}'
check "a circuit needs an address" says status=422 api POST /hosts '{"name":"x","circuit":"0a"}'
check "what is no address is refused" says status=422 api PATCH /hosts/a '{"ip":"10.9.0"}'
check "a number is no address" says status=422 api PATCH /hosts/a '{"ip":5}'
check "what was refused is not there" says status=404 api GET /hosts/x
check "what is no hex is refused" says status=422 api PATCH /hosts/a '{"client_id":"port 7"}'
check "all that is unchanged" says "offer 10.9.0.50" ask 52:54:00:00:00:0a discover
ask 52:54:00:00:00:0a request server=10.77.0.1 requested=10.9.0.50 "$(port 9)" >/dev/null
check "a change takes effect at once" says '"ip":"10.9.0.60"' api PATCH /hosts/a '{"ip":"10.9.0.60"}'
check "at the next DISCOVER" says "offer 10.9.0.60" ask 52:54:00:00:00:0a discover
check "the old address is kept until its lease ends" says "offer 10.9.0.152" ask 52:54:00:00:00:1e discover requested=10.9.0.50
check "the place is on record" says '"place":{"relay":"10.9.0.1","circuit":"737739","remote":"616263"}' api GET /hosts/a
place() { "$B/muster" --socket "$work/run/muster.sock" -o json host list | grep -F '"place":{"relay":"10.9.0.1"'; }
check "and in the list" place
check "and with its leases" says '"host":"a","state":"' api GET "/leases?host=a"
check "of which each has the place" says '"place":{"relay":"10.9.0.1","circuit":"737739","remote":"616263"}' api GET "/leases?host=a"
api PATCH /hosts/a '{"ip":"10.9.0.60","circuit":"ab"}' >/dev/null
ask -t 100 52:54:00:00:00:0a request server=10.77.0.9 requested=10.77.0.10 >/dev/null # not ours
check "a circuit may be added" says "offer 10.9.0.60" ask 52:54:00:00:00:77 discover 82=0101ab
check "null takes all of it away" says '"ip":null,"client_id":null,"circuit":null' api PATCH /hosts/a '{"ip":null}'
check "and the host is as any other" says "offer 10.9.0.15" ask 52:54:00:00:00:0a discover
api DELETE /hosts/c >/dev/null
check "a host that is deleted leaves its address" says '"ip":"10.9.0.101"' api PATCH /hosts/a '{"ip":"10.9.0.101"}'

# ---- core killed
relay=10.8.0.1
api POST /hosts '{"name":"e","mac":"52:54:00:00:00:e0","ip":"10.8.0.66"}' >/dev/null
core=$(pgrep -P "$server" -x musterd-core)
kill -9 "$core"
check "a reservation survives kill -9 of core" says "offer 10.8.0.66" ask -w 3000 52:54:00:00:00:e0 discover
relay=10.9.0.1
check "and so does a machine's hold on one" says "offer 10.9.0.101" ask 52:54:00:00:00:0a discover

# ---- many
kill -TERM "$server"
wait "$server"
awk 'BEGIN {
	print "BEGIN;"
	for (i = 1; i <= 100000; i++) {
		id = 1000 + i
		print "INSERT INTO host (id, name, serial, vendor, product, admitted, image, code," \
			" created_ms, seen_ms) VALUES (" id ", \047h" i "\047, \047\047, \047\047," \
			" \047\047, 1, \047\047, \047\047, 0, 0);"
		printf "INSERT INTO host_mac VALUES (x\0470202%08x\047, %d);\n", i, id
		print "INSERT INTO reservation VALUES (" id ", 2886729728 + " i ", NULL);" # 172.16.0.0
	}
	print "COMMIT;"
}' | sqlite3 -bail "$work/state/muster.db"
relay=10.8.0.1
ip netns exec "$ns" "$B/musterd" -f -c "$work/conf" >>"$work/log" 2>&1 &
server=$!
check "a hundred thousand reservations are ready" says "offer 172.17.134.160" ask -w 5000 02:02:00:01:86:a0 discover
memory() {
	local kib
	kib=$(for pid in "$server" $(pgrep -P "$server"); do cat "/proc/$pid/smaps_rollup"; done | awk '/^Pss:/ {n += $2} END {print n}')
	echo "# memory of all roles: $kib KiB" | tee "$work/kib"
	[ "$kib" -lt 65536 ]
}
if ldd "$B/musterd" | grep -q libasan; then
	echo "skip - pool: the memory of all roles: the sanitizer's own is in it"
else
	check "all roles stay below 64 MiB" memory
	cat "$work/kib"
fi
exit $failed
