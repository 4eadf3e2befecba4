#!/usr/bin/env bash
# What musterd does about the rest of the network: addresses that somebody uses, on the link and
# behind a relay, are not offered; other DHCP servers are found; one host's flood does not hurt the
# others; hosts that boot are told that there is no IPv6 router, unless there is one. Hosts, relay and
# the other server are namespaces of their own. Needs root.
# takes: 60 s
set -u
cd "$(dirname "$0")/../.." || exit 1
B=$(realpath "${B:-build/release}")
failed=0
work=$(mktemp -d)
id=musnet$$
server= other=

ok() { echo "ok dhcp_net: $1"; }
not_ok() { echo "not ok dhcp_net: $1"; failed=1; }
check() { local name=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$name"; else not_ok "$name"; sed 's/^/# /' "$work/out"; tail -3 "$work/log" | sed 's/^/# /'; fi; }

end() { [ -z "$1" ] || { kill -9 "$1" && wait "$1"; } 2>/dev/null; }
cleanup() {
	end "$server"
	end "$other"
	for n in srv host used rt far; do ip netns del "$id$n" 2>/dev/null; done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ "$(id -u)" != 0 ] || ! ip netns add "${id}srv" 2>/dev/null; then
	echo "skip dhcp_net # needs root and network namespaces"
	exit 0
fi
if ! command -v dnsmasq >/dev/null; then
	echo "skip dhcp_net # needs dnsmasq-base"
	exit 0
fi

# ---- the network: a bridge with a host, a namespace that uses addresses, and a relay's router
in_ns() { local n=$1; shift; ip netns exec "$id$n" "$@"; }
for n in host used rt far; do ip netns add "$id$n"; done
for n in srv host used rt far; do ip -n "$id$n" link set lo up; done
ip -n "${id}srv" link add br0 type bridge forward_delay 0
ip -n "${id}srv" addr add 10.77.0.1/24 dev br0
ip -n "${id}srv" link set br0 up
for n in host used rt; do
	ip -n "${id}srv" link add "p$n" type veth peer name eth0 netns "$id$n"
	ip -n "${id}srv" link set "p$n" master br0 up
	ip -n "$id$n" link set eth0 up
done
ip -n "${id}used" addr add 10.77.0.9/24 dev eth0
ip -n "${id}used" addr add 10.77.0.100/24 dev eth0
ip -n "${id}used" addr add 10.77.0.110/24 dev eth0
ip -n "${id}used" addr add 10.77.0.150/24 dev eth0
ip -n "${id}rt" addr add 10.77.0.2/24 dev eth0
ip -n "${id}rt" link add eth1 type veth peer name eth0 netns "${id}far"
ip -n "${id}rt" addr add 10.9.0.1/24 dev eth1
ip -n "${id}rt" link set eth1 up
ip -n "${id}rt" addr add 10.10.0.1/24 dev eth1
ip -n "${id}far" addr add 10.9.0.100/24 dev eth0
ip -n "${id}far" link set eth0 up
ip -n "${id}far" route add default via 10.9.0.1
in_ns rt sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
ip -n "${id}srv" route add 10.9.0.0/24 via 10.77.0.2
ip -n "${id}srv" route add 10.10.0.0/24 via 10.77.0.2
chmod 755 "$work"

config() { # LINE OF [dhcp]...
	cat >"$work/muster.conf" <<-END
	[server]
	name = flow
	state-dir = $work/state
	run-dir = $work/run
	user = nobody
	interface = br0
	admission = open
	[dhcp]
	relays = 10.9.0.1, 10.10.0.1
	$(printf '%s\n' "$@")
	[subnet 10.77.0.0/24]
	range = 10.77.0.100-10.77.0.180
	[subnet 10.9.0.0/24]
	range = 10.9.0.100-10.9.0.180
	[subnet 10.10.0.0/24]
	range = 10.10.0.100-10.10.0.101
	[tftp]
	enabled = no
	END
}
muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
api() { curl -fsS --unix-socket "$work/run/muster.sock" "http://muster/api/v1$1" "${@:2}"; }
wait_for() { # CONDITION...: at most 10 s
	for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}
start() {
	ip netns exec "${id}srv" "$B/musterd" -f -c "$work/muster.conf" >>"$work/log" 2>&1 &
	server=$!
	wait_for muster status
}
role_pid() { pgrep -P "$server" -x "musterd-$1"; }
reload() { # net and core are new processes afterwards
	local before; before=$(role_pid net)
	config "$@"
	kill -HUP "$server"
	fresh() { local now; now=$(role_pid net) && [ "$now" != "$before" ] && muster status; }
	wait_for fresh
}
host() { in_ns host "$B/support/link_host" eth0 "$@"; }
mac() { printf '52:54:00:00:%s' "$1"; }

# said "OFFER 10.77.0.101" MIN MAX COMMAND...: what it prints begins so, and its last number fits
said() {
	local want=$1 min=$2 max=$3 got; shift 3
	got=$("$@")
	echo "$got"
	[[ $got == "$want"* ]] && [ "${got##* }" -ge "$min" ] && [ "${got##* }" -le "$max" ]
}
fails() { ! "$@"; }
prints() { local want=$1 got; shift; got=$("$@"); echo "$got"; [ "$got" = "$want" ]; }

config
check "starts" start

# ---- an address that is in use on the link
check "the address that is in use is passed over" \
	said "OFFER 10.77.0.101 10.77.0.1" 290 1400 host discover "$(mac 01:00)" os
check "with an alarm that names who uses it" \
	grep -F "alarm: address in use: addr=10.77.0.100 mac=$(in_ns used cat /sys/class/net/eth0/address)" "$work/log"
rests() { muster -o json lease list | jq -e --arg a "$1" '.leases[]? // .[] | select(.addr == $a and .state == "declined")'; }
check "and rests" rests 10.77.0.100
check "a repeated DISCOVER is answered at once" \
	said "OFFER 10.77.0.101 10.77.0.1" 0 250 host discover "$(mac 01:00)" os
check "leased" prints "ACK 10.77.0.101" host request "$(mac 01:00)" os 10.77.0.101 10.77.0.1
check "its own address is offered at once" \
	said "OFFER 10.77.0.101 10.77.0.1" 0 250 host discover "$(mac 01:00)" os
check "an address in use rests before anybody wants it" wait_for rests 10.77.0.110
check "the next host waits for nothing" \
	said "OFFER 10.77.0.102 10.77.0.1" 0 250 host discover "$(mac 01:01)" os
survives() { kill -9 "$(role_pid core)" && wait_for muster status && rests 10.77.0.100; }
check "the rest survives kill -9 of core" survives

# ---- behind a relay
relayed() { in_ns rt "$B/support/link_host" 10.9.0.1 relay "$@"; }
check "behind a relay, what answers an echo is passed over" \
	said "OFFER 10.9.0.101 10.77.0.1" 290 1400 relayed "$(mac 03:00)" 10.77.0.1
check "and rests" rests 10.9.0.100
check "again at once" said "OFFER 10.9.0.101 10.77.0.1" 0 250 relayed "$(mac 03:00)" 10.77.0.1

# ---- an address that was asked for ahead of time was silent then, for one host
two() { in_ns rt "$B/support/dhcp_relayed" -w 1400 10.77.0.1 10.10.0.1 "$(mac "$1")" "${@:2}" | sed 's/ ms$//'; }
check "the first of two addresses is asked for" said "offer 10.10.0.100" 290 1400 two 04:00 discover
check "the second one was asked for with it" said "offer 10.10.0.101" 0 250 two 04:01 discover
in_ns rt "$B/support/dhcp_relayed" -t 100 10.77.0.1 10.10.0.1 "$(mac 04:01)" request requested=10.10.0.9 server=10.10.0.9 >/dev/null
check "for another host it is asked for again" said "offer 10.10.0.101" 290 1400 two 04:02 discover

# ---- many at once
burst() { # MAC HOSTS: lines "number address ms"
	host burst "$(mac "$1")" "$2" >"$work/burst"
	cat "$work/burst"
	[ "$(awk '{ print $2 }' "$work/burst" | sort -u | wc -l)" = "$2" ]
}
at_once() { cat "$work/burst"; [ "$(awk '$3 < 250' "$work/burst" | wc -l)" = "$1" ]; }
check "nor do 12 at once: each has an address of its own" burst 02:00 12
check "at once" at_once 12
check "and nobody one that is in use" fails grep -F 10.77.0.110 "$work/burst"

# ---- more hosts than addresses that were asked for: they are offered them while the question is out
check "a rush of 40: each has an address of its own" burst 0e:00 40
check "and nobody waits" at_once 40
unlucky=$(awk '$2 == "10.77.0.150" { printf "0e:%02x", $1 }' "$work/burst")
check "one of these has an address that is in use" [ -n "$unlucky" ]
check "which rests as soon as somebody has said so" wait_for rests 10.77.0.150
check "and its REQUEST gets a NAK" \
	prints NAK host request "$(mac "$unlucky")" os 10.77.0.150 10.77.0.1
lucky=$(awk '$2 != "10.77.0.150" { printf "%02x %s\n", $1, $2; exit }' "$work/burst")
check "the others' are acknowledged" \
	prints "ACK ${lucky#* }" host request "$(mac "0e:${lucky% *}")" os "${lucky#* }" 10.77.0.1

# ---- one host's flood
flood() { host flood "$(mac 04:00)" 500 >"$work/flood" & host discover "$(mac 05:00)" os; wait $!; }
check "another host is served during a flood" said "OFFER 10.77.0." 0 1400 flood
few() { cat "$work/flood"; [ "$(cat "$work/flood")" -ge 1 ] && [ "$(cat "$work/flood")" -le 35 ]; }
check "the flooding one is answered 20 times and a few" few
check "what is dropped is counted and named" grep -F "dhcp drop reason=rate-mac if=br0 mac=$(mac 04:00)" "$work/log"

# ---- IPv6 routers
check "who does not boot is told of no router" prints none host solicit "$(mac 06:00)"
boots() { host discover "$(mac 06:00)" pxe >/dev/null; host solicit "$(mac 06:00)"; }
check "who boots is told that there is none" said "RA 0" 0 500 boots
printf 1 | in_ns srv tee /proc/sys/net/ipv6/conf/br0/forwarding >/dev/null
check "not by a machine that is a router itself" prints none host solicit "$(mac 06:00)"
printf 0 | in_ns srv tee /proc/sys/net/ipv6/conf/br0/forwarding >/dev/null
check "and again by one that is no more" said "RA 0" 0 500 host solicit "$(mac 06:00)"

# ---- another server: it gives addresses and is an IPv6 router
ip -n "${id}used" addr add fd77::9/64 dev eth0 nodad
other_starts() { # WORDS: dnsmasq on a link that is not its own
	ip netns exec "${id}used" dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --user=root \
		--interface=eth0 --bind-interfaces --dhcp-range=10.77.0.200,10.77.0.210 --no-ping \
		--dhcp-broadcast --dhcp-boot=pxelinux.0 --dhcp-leasefile="$work/leases" \
		--pid-file="$work/dnsmasq.pid" "$@" >"$work/dnsmasq" 2>&1 &
	other=$!
	wait_for in_ns used sh -c 'ss -lun | grep -q :67'
}
other_starts --enable-ra --dhcp-range=fd77::,ra-only --ra-param=eth0,4,600
check "a real router is heard" wait_for grep -F "ipv6 router heard: if=br0 lifetime_s=600" "$work/log"
muted() { host discover "$(mac 06:00)" pxe >/dev/null; [[ $(host solicit "$(mac 06:00)") != "RA 0 "* ]]; }
check "and then nobody is told that there is none" muted

servers() { api /dhcp/servers | jq -e ".servers[] | select(.server == \"10.77.0.9\" and $1)"; }
check "a probe for other servers is accepted" \
	prints 202 api /dhcp/probe -X POST -d '{}' -o /dev/null -w '%{http_code}'
check "the other server is found" wait_for servers \
	'.source == "10.77.0.9" and .interface == "br0" and .addresses and .boot_file == "pxelinux.0" and .alarm'
check "which the log says" grep -E "warn core: another DHCP server: server=10.77.0.9 .*gives=addresses" "$work/log"
known() { kill -9 "$(role_pid core)" && wait_for muster status && servers true; }
sleep 5.5 # it is written within 5 s
check "and still known after kill -9 of core" known

# It speaks to hosts that boot: to one whose boot is open, and to one whose boot begins just now.
boot_of() { api "/boots/$(api "/hosts/$1" | jq .boot)"; }
take() { # MAC: an address from us
	local o; o=$(host discover "$1" pxe 10.77.0.1 | cut -d' ' -f2)
	prints "ACK $o" host request "$1" pxe "$o" 10.77.0.1
}
events() { # NAME FILTER COUNT
	local n; n=$(boot_of "$1" | jq "[.events[] | select($2)] | length"); echo "$n"; [ "$n" = "$3" ]
}
seen='.what == "seen" and .source == "net" and (.detail | startswith("another DHCP server, 10.77.0.9, offers 10.77.0.2"))'
muster host add n07 --mac "$(mac 07:00)" >/dev/null
muster host add n08 --mac "$(mac 08:00)" >/dev/null
end "$other"; other=
check "a boot begins" take "$(mac 07:00)"
check "nobody meddles" events n07 "$seen" 0
other_starts
meddles() { for _ in 1 2 3; do host discover "$(mac 07:00)" pxe 10.77.0.9; done; }
check "the other server offers three times" meddles
check "which is one event of the open boot" wait_for events n07 "$seen" 1
check "a boot begins beside the other server" take "$(mac 08:00)"
check "its offer is in the record" wait_for events n08 "$seen" 1

# ---- a host that starts over: its new boot begins with its new DISCOVER, not with its last loader's
script() { curl -fsS --unix-socket "$work/run/muster.sock" "http://muster/boot.ipxe?mac=$(mac "$1" | tr : -)"; }
restarts() {
	take "$(mac 07:00)" && script 07:00 && sleep 1 && restarted=$(date +%s%3N) && take "$(mac 07:00)" &&
		boot_of n07 | jq -e "[.started >= $restarted, (.events[0].detail == null)] | all"
}
check "a host starts over: its boot begins with its first packet" restarts

# ---- frames that are no DHCP packet, whatever is in them; and packets that are nobody's
n=0
for how in udp-checksum udp-longer-than-ip ip-longer-than-frame first-fragment last-fragment vlan qinq cut; do
	check "not answered: $how" prints none host spoilt "$(mac "0f:0$((n++))")" "$how" 10.77.0.1
done
check "not answered: this server's own MAC address" prints none host spoilt "$(in_ns srv cat /sys/class/net/br0/address)" whole 10.77.0.1
dropped() { grep -q "dhcp drop reason=$1 .*$2" "$work/log"; }
check "which is counted" dropped impossible-mac from=0.0.0.0
check "not answered: a relay that is not listed" prints none in_ns rt "$B/support/link_host" 10.77.0.2 relay "$(mac 0f:20)" 10.77.0.1
check "which is counted and named" dropped unlisted-relay from=10.77.0.2
check "whole, it is answered" said "OFFER 10.77.0." 0 1400 host spoilt "$(mac 0f:10)" whole 10.77.0.1

# ---- beside another server is where a proxy belongs; and what can be switched off
reload "mode = proxy"
host discover "$(mac 09:00)" pxe >/dev/null
check "for a proxy it is no alarm" wait_for servers '.alarm == false'
reload "probe = no" "rate-mac = 0" "router-advertisement = no"
check "probe = no: offered at once" \
	said "OFFER 10.77.0." 0 250 host discover "$(mac 0a:00)" os 10.77.0.1
unlimited() { [ "$(host flood "$(mac 0b:00)" 200)" -ge 100 ]; }
end "$other"; other=
check "rate-mac = 0: no limit" unlimited
silent() { host discover "$(mac 0c:00)" pxe >/dev/null; prints none host solicit "$(mac 0c:00)"; }
check "router-advertisement = no: nobody is told" silent
reload "router-advertisement = yes"
check "router-advertisement = yes: everybody is" said "RA 0" 0 500 host solicit "$(mac 0d:00)"
exit $failed
