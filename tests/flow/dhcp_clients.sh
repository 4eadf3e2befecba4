#!/usr/bin/env bash
# shellcheck disable=SC2317 # functions are called by name
# Real DHCP clients (busybox udhcpc, ISC dhclient, dhcpcd, systemd-networkd) get, renew, rebind,
# remember, give back and refuse addresses: on the server's own network, through ISC dhcrelay with
# option 82, and through dnsmasq as a relay. The server dies by kill -9 in between. What counts is
# what the kernel of the client's machine says and what passed on its wire.
# takes: 90 s
set -u
# shellcheck source=tests/support/flow.sh
. "${0%/*}/../support/flow.sh"
# shellcheck source=tests/support/dhcp_room.sh
. tests/support/dhcp_room.sh

SERVER=10.77.0.1
RELAY_OPTION=01036c616e # circuit-id: the name of dhcrelay's interface

for package in busybox-static isc-dhcp-relay; do
	tests/support/unpack.sh "$package" "$packages" || skip "no $package"
done
for program in dhclient dhcpcd dbus-daemon networkctl dnsmasq nmap; do
	PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || skip "no $program"
done
flow_enter "$@"

# ---- networks: three segments, behind no relay, dhcrelay, dnsmasq ----

declare -A third=([direct]=77 [isc]=78 [dnsmasq]=79) segment=([direct]=server [isc]=isc [dnsmasq]=dnsmasq)
declare -A bridge_of=([direct]=br0 [isc]=lan [dnsmasq]=lan)

relay_network() { # NAME UPLINK_ADDRESS
	local net=10.${third[$1]}.0

	ns_add "$1"
	plug "$1" wan server br0
	ip -n "$1" addr add "$2/24" dev wan
	bridge "$1" lan "$net.1/24"
	ip netns exec "$1" sysctl -q net.ipv4.ip_forward=1
	ip -n server route add "$net.0/24" via "$2"
	witness "$1" wan "$work/$1-wan"
}

ns_add server
bridge server br0 "$SERVER/24"
relay_network isc 10.77.0.2
relay_network dnsmasq 10.77.0.3
ip netns exec isc "$packages/isc-dhcp-relay/usr/sbin/dhcrelay" -4 -d --no-pid -a -m append \
	-id lan -iu wan "$SERVER" >"$work/dhcrelay.log" 2>&1 &
ip netns exec dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --user=root \
	--dhcp-relay=10.79.0.1,"$SERVER" --pid-file="$work/dnsmasq.pid" --log-facility=- >"$work/dnsmasq.log" 2>&1 &

cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = open
[dhcp]
mode = full
lease-time = 60s
relays = 10.78.0.1, 10.79.0.1
$(for net in 10.77.0 10.78.0 10.79.0; do
	printf '[subnet %s.0/24]\nrange = %s.100-%s.200\nrouter = %s.1\ndns = 10.77.0.53\n' $net $net $net $net
done)
[tftp]
enabled = no
[http]
listen = 0.0.0.0:80
END

# ---- the parts of a client's life ----

# said TEXT COMMAND...: a check of the machine $me.
said() {
	local text=$1

	shift
	check "$me: $text" "$@"
	[ "$failed" = 0 ] || { tail -n 20 "$work/$me/log"; wire_of "$me" | tail -n 20; } | sed 's/^/# /'
}

gateway() { echo "10.${third[${me#*-}]}.0.1"; }

# On the wire and in the machine: after the mark $from, these packets, and the address $addr in use.
keeps() { # SECONDS PATTERN...
	local seconds=$1

	shift
	wait_for "$seconds" seen "$me" "$from" "$@" && wait_for 15 has_address "$me" "$addr" && return
	echo "address: $(address_of "$me")"
	return 1
}

# A request without a server's name: to whom, which address is in use, which is remembered.
asked() { echo "type=request .* dst=$1 ciaddr=$2 .* server=- requested=$3 "; }
given() { echo "type=ack .* yiaddr=$addr lease=60 .* server=$SERVER "; }

acquires() {
	power_on "$me"
	wait_for 30 has_any_address "$me" || return 1
	addr=$(address_of "$me")
	seen "$me" "$from" 'type=discover ' "type=offer .* yiaddr=$addr lease=60 .* server=$SERVER " \
		"type=request .* server=$SERVER requested=$addr " "$(given)"
}

is_told() {
	told "$me" | tee "$work/$me/told"
	[ "$(cat "$work/$me/told")" = "$addr 255.255.255.0 $(gateway) 10.77.0.53 60 $SERVER" ]
}

first_half() { # before the server dies
	local addr='' from

	from=$(mark "$me")
	said 'gets an address' acquires
	addr=$(address_of "$me")
	echo "$addr" >"$work/$me/addr"
	said 'is told address, mask, router, name server, time and server' is_told
	from=$(mark "$me")
	renew "$me"
	said 'renews by unicast' keeps 15 "$(asked "$SERVER" "$addr" -)" "$(given)"
}

# Unicasts of the machine go to nobody from now on; broadcasts arrive.
block() { ip -n "$me" neigh replace "$(gateway)" lladdr 02:00:00:00:00:99 dev eth0 nud permanent; }
unblock() { ip -n "$me" neigh del "$(gateway)" dev eth0; }

releases() {
	wait_for 10 seen "$me" "$from" "type=release .* ciaddr=$addr " || return 1
	! wait_for 0 has_address "$me" "$addr"
}

# Another machine of the segment has the address, and says so only to who asks by ARP.
squat() {
	ip -n "squat-${me#*-}" addr add "$1/24" dev eth0
}

# It had that address before, so the server does not ask for it.
takes_another() {
	wait_for 45 has_any_address "$me" || return 1
	! has_address "$me" "$addr" && seen "$me" "$from" "type=decline .* requested=$addr "
}

second_half() { # after the server has come back
	local addr from kind

	addr=$(cat "$work/$me/addr") kind=$(cat "$work/$me/kind") from=$(mark "$me")
	if [ "$kind" != networkd ]; then # it rebinds at T2 only: see timers
		block
		rebind "$me"
		said 'rebinds by broadcast' keeps 30 "$(asked 255.255.255.255 "$addr" -)" "$(given)"
		unblock
		from=$(mark "$me")
	fi
	reboot "$me"
	case $kind in
	udhcpc) said 'restarts and gets the same address' keeps 20 "type=discover .* requested=$addr " "$(given)" ;;
	*) said 'restarts, remembers its address and keeps it' keeps 20 \
		"$(asked 255.255.255.255 0.0.0.0 "$addr")" "$(given)" ;;
	esac
	from=$(mark "$me")
	release "$me"
	said 'releases its address' releases
	power_off "$me"
	new_disk "$me"
	from=$(mark "$me")
	power_on "$me"
	said 'comes again without a memory and gets the same address' keeps 25 'type=discover ' "$(given)"
	[ "$kind" != networkd ] || return # version 252: "Failed to send DHCP DECLINE: Network is unreachable"
	power_off "$me"
	new_disk "$me"
	squat "$addr"
	from=$(mark "$me")
	power_on "$me"
	said 'declines an address that somebody has, and gets another' takes_another
}

# The address that it wants is somebody's, and it never had it: the server asks before it offers.
spared() {
	local from addr=10.77.0.150

	echo "$addr" >"$work/$me/lib/last"
	squat "$addr"
	from=$(mark "$me")
	power_on "$me"
	said 'is not offered an address that somebody has, and has nothing to decline' never_meets
}

never_meets() {
	wait_for 30 has_any_address "$me" && seen "$me" "$from" "type=discover .* requested=$addr " || return 1
	! seen "$me" "$from" "type=offer .* yiaddr=$addr " && ! seen "$me" "$from" 'type=decline '
}

# T1 and T2 as they come, with unicasts blocked: half of the lease, seven eighths of it.
timers() {
	local from addr='' began

	block
	from=$(mark "$me")
	power_on "$me"
	wait_for 30 has_any_address "$me"
	addr=$(address_of "$me") began=$SECONDS
	said 'asks the server at T1, everybody at T2, and keeps its address' keeps 70 \
		"$(asked "$SERVER" "$addr" -)" "$(asked 255.255.255.255 "$addr" -)" "$(given)"
	at_t2() { echo "$((SECONDS - began)) s"; [ $((SECONDS - began)) -gt 38 ]; }
	said 'T2 came after seven eighths of the time' at_t2
}

# An independent reader of our offers.
nmap_reads() {
	local line

	ns_add nmap
	plug nmap eth0 server br0
	ip -n nmap addr add 10.77.0.250/24 dev eth0
	ip netns exec nmap nmap --script broadcast-dhcp-discover -e eth0 \
		--script-args broadcast-dhcp-discover.timeout=3 >"$work/nmap" 2>&1
	for line in 'IP Offered: 10.77.0.1[0-9][0-9]$' 'DHCP Message Type: DHCPOFFER$' \
		"Server Identifier: $SERVER\$" 'IP Address Lease Time: 1m00s$' \
		'Subnet Mask: 255.255.255.0$' "Router: $SERVER\$" 'Domain Name Server: 10.77.0.53$'; do
		grep -q "$line" "$work/nmap" || { echo "no line '$line'"; cat "$work/nmap"; return 1; }
	done
}

# ---- all of them at once ----

# all PART MACHINE...: the part for each, side by side; results in the order of the machines.
all() {
	local part=$1 me
	local -a running=()

	shift
	for me in "$@"; do
		"$part" >"$work/$me/$part" 2>&1 &
		running+=($!)
	done
	wait "${running[@]}"
	for me in "$@"; do
		cat "$work/$me/$part"
		! grep -q '^not ok' "$work/$me/$part" || failed=1
	done
}

room_files
machines=() waiting=()
number=10
for place in direct isc dnsmasq; do
	for kind in udhcpc dhclient dhcpcd networkd timers; do
		number=$((number + 1))
		[ $# = 0 ] || [[ " $* " = *" $kind-$place "* ]] || continue
		machine "$kind-$place" "${kind/timers/networkd}" "${segment[$place]}" "${bridge_of[$place]}" \
			"52:54:00:c1:00:$number"
		if [ "$kind" = timers ]; then waiting+=("$kind-$place"); else machines+=("$kind-$place"); fi
	done
	ns_add "squat-$place"
	plug "squat-$place" eth0 "${segment[$place]}" "${bridge_of[$place]}"
	ip netns exec "squat-$place" sysctl -q net.ipv4.icmp_echo_ignore_all=1
done

machine spared-direct udhcpc server br0 52:54:00:c1:00:30

check 'the server starts' server_start
all timers "${waiting[@]}" >"$work/timers" &
timers=$!
all first_half "${machines[@]}"
all spared spared-direct
check 'nmap reads the same in an offer' nmap_reads
server_kill
check 'the server is killed with -9 and starts again' server_start
all second_half "${machines[@]}"
wait "$timers"
cat "$work/timers"
! grep -q '^not ok' "$work/timers" || failed=1

# ---- what passed between relays and server ----

echoes_option_82() {
	grep -c "type=ack .* giaddr=10.78.0.1 .* relay=$RELAY_OPTION\$" "$work/isc-wan" &&
		! grep 'src=10.77.0.1 .* giaddr=10.78.0.1 ' "$work/isc-wan" | grep -v "relay=$RELAY_OPTION\$"
}
check 'every reply carries back the option 82 that dhcrelay put in' echoes_option_82
reaches_no_client() { ! grep 'relay=[^-]' "$work"/*-isc/wire; }
check 'which no client sees' reaches_no_client
through_dnsmasq() { grep -q 'type=ack .* giaddr=10.79.0.1 .* relay=-$' "$work/dnsmasq-wan"; }
check 'a relay without option 82 gets none' through_dnsmasq
exit "$failed"
