#!/usr/bin/env bash
# `muster doctor` against a real server: what is wrong is said, what was mended is well. And what it
# tells to paste into dnsmasq and ISC dhcpd, pasted into those: each kind of client gets its loader
# from them, and iPXE its script. Needs root for network namespaces.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build/release}
failed=0
work=$(mktemp -d)
ns=musds$$ cns=musdc$$
server='' other=''

ok() { echo "ok doctor: $1"; }
not_ok() { echo "not ok doctor: $1"; failed=1; }
check() { local name=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$name"; else not_ok "$name"; sed 's/^/# /' "$work/out"; fi; }

end() { # PID: and wait for it
	[ -z "$1" ] || { kill "$1" 2>/dev/null && wait "$1" 2>/dev/null; }
}
cleanup() {
	end "$other"
	end "$server"
	ip netns del "$cns" 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ "$(id -u)" != 0 ] || ! ip netns add "$ns" 2>/dev/null; then
	echo "skip - doctor: needs root and network namespaces"
	exit 0
fi
for package in busybox-static isc-dhcp-server; do
	if ! tests/support/unpack.sh $package build/packages 2>"$work/out"; then
		echo "skip - doctor: $(cat "$work/out")"
		exit 0
	fi
done
busybox=$PWD/build/packages/busybox-static/bin/busybox
dhcpd=$PWD/build/packages/isc-dhcp-server/usr/sbin/dhcpd

ip netns add "$cns"
ip -n "$ns" link set lo up
ip -n "$ns" link add eth0 type veth peer name eth0 netns "$cns"
ip -n "$ns" addr add 10.77.0.1/24 dev eth0
ip -n "$ns" link set eth0 up
ip -n "$cns" link set eth0 address 52:54:00:00:00:07 up
chmod 755 "$work"
mkdir "$work/loaders" "$work/keys"
echo x >"$work/loaders/undionly.kpxe"
printf '#!/bin/sh\nexit 0\n' >"$work/in.tftpd"
chmod 755 "$work/in.tftpd"

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
relays = 10.9.0.1
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.103
[tftp]
enabled = yes
program = $work/in.tftpd
loaders = $work/loaders
[http]
listen = 0.0.0.0:8080
EOF

muster() { MUSTER_KEYS="$work/keys" "$B/muster" --socket "$work/run/muster.sock" "$@"; }
wait_for() { # CONDITION...: at most 5 s
	for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}
exits() { local want=$1; shift; "$@"; local got=$?; [ "$got" = "$want" ] || { echo "exit $got, not $want"; return 1; }; }
start() {
	ip netns exec "$ns" "$B/musterd" -f -c "$work/conf" >>"$work/log" 2>&1 &
	server=$!
	wait_for muster status
}
finds() { # RESULT CHECK TEXT: such a line is there
	muster -o csv doctor --quick >"$work/csv"
	grep -F "$2,$1," "$work/csv" | grep -F -- "$3" || { cat "$work/csv"; return 1; }
}

dead() { exits 1 muster doctor >"$work/dead" && grep '^fail  server ' "$work/dead"; }
check "no server: said as a finding" dead
check "the server starts" start

# ---- findings, and what becomes of them
narrow() { ! muster doctor --quick | grep -E '.{101}'; } # as wide as a terminal of unknown width
check "its lines are no longer than the terminal" narrow
check "a check that fails makes exit 1" exits 1 muster doctor --quick
check "the server answers" finds ok server "http://10.77.0.1:8080"
check "the interface has its subnet" finds ok subnets "eth0 (10.77.0.1): 10.77.0.0/24"
check "the ranges are free" finds ok ranges "10.77.0.0/24: 0 of 4"
check "a relay that no host came through" finds fail relays "hosts behind 10.9.0.1"
check "a loader that is missing" finds fail loaders "snponly.efi is not in $work/loaders"
check "a loader that is there" finds ok loaders undionly.kpxe
check "no agent" finds fail agent "there is no image 'agent'"
check "no image" finds fail image "'kvm', was never imported"
check "the site key" finds ok site-key "it is there"
check "no release key is trusted" finds fail release-keys "none is trusted"
check "open admission" finds warn admission "whoever is plugged in"
json() { muster -o json doctor --quick | jq -e '.worst == "fail" and ([.checks[].check] | index("ranges")) and all(.checks[]; (.result == "ok") == (.fix == null))'; }
check "as JSON" json
names() { muster -o name doctor --quick | grep -x agent && ! muster -o name doctor --quick | grep -x site-key; }
check "names of what is to be mended" names

echo x >"$work/loaders/snponly.efi"
check "the loader is there now" finds ok loaders snponly.efi
check "a key pair, secret half and all" exits 0 muster key generate release --dir "$work/keys"
check "the secret beside the server is named" finds warn release-keys "secret release.key in $work/keys"
cp "$work/keys/release.key" "$work/keys/release.pub" "$work/state/keys/"
check "and in the server's own folder" finds warn release-keys "secret release.key in $work/state/keys"
cp "$work/keys/release.pub" "$work/state/keys/trust/"
check "a trusted key" finds ok release-keys "signed by release.pub"
for i in 1 2 3 4; do
	ip netns exec "$cns" "$busybox" udhcpc -i eth0 -n -q -t 3 -T 1 -s /bin/true \
		-x "0x3d:0$i" >/dev/null 2>&1
	ip -n "$cns" link set eth0 address 52:54:00:00:00:1$i
done
check "ranges that are used up" finds fail ranges "all 4 addresses are in use"
muster host add far --mac 52:54:00:00:00:77 --ip 10.99.0.7 >/dev/null 2>&1
check "a reservation in no subnet" finds warn reservations "in no subnet, and is not given: far"

# ---- another DHCP server on the link, which is silent until it is asked
cat >"$work/rogue" <<EOF
port=0
interface=eth0
bind-interfaces
no-ping
dhcp-range=10.77.0.50,10.77.0.60
dhcp-leasefile=$work/rogue.leases
user=root
EOF
ip -n "$cns" addr add 10.77.0.9/24 dev eth0
ip netns exec "$cns" dnsmasq -k -C "$work/rogue" 2>>"$work/dnsmasq.log" &
other=$!
check "none was heard so far" finds ok other-servers "none was heard"
probed() { muster -o csv doctor >"$work/csv"; grep '^other-servers,fail,.*10.77.0.9 on eth0' "$work/csv" || { cat "$work/csv"; return 1; }; }
check "asked, it is named" probed
check "and remembered" finds fail other-servers "gives addresses, too"
end "$other"
other=
ip -n "$cns" addr flush dev eth0

# ---- what another server is told
check "an unknown kind of server exits 2" exits 2 muster doctor --snippet netware
for kind in dnsmasq kea isc windows mikrotik pfsense openwrt; do
	snippet() { muster doctor --snippet $kind >"$work/$kind" && grep -F http://10.77.0.1:8080/boot.ipxe "$work/$kind"; }
	check "text for $kind" snippet
done
end "$server"
server=

cat >>"$work/dnsmasq" <<EOF
port=0
interface=eth0
no-ping
dhcp-range=10.77.0.50,10.77.0.60
dhcp-leasefile=$work/dnsmasq.leases
user=root
EOF
cat >>"$work/isc" <<EOF
ping-check false;
subnet 10.77.0.0 netmask 255.255.255.0 { range 10.77.0.50 10.77.0.60; }
EOF
touch "$work/isc.leases"
run_dnsmasq() { exec ip netns exec "$ns" dnsmasq -k -C "$work/dnsmasq" 2>>"$work/dnsmasq.log"; }
run_isc() { exec ip netns exec "$ns" "$dhcpd" -f -q -user root -group root -cf "$work/isc" -lf "$work/isc.leases" -pf "$work/isc.pid" eth0 2>>"$work/isc.log"; }
# shellcheck disable=SC2016 # expanded by the client
printf '#!/bin/sh\n[ "$1" != bound ] || echo "file=${boot_file:-$bootfile} next=$siaddr class=$vendor"\n' >"$work/script"
chmod 755 "$work/script"
http_class=HTTPClient
boots() { # PATTERN OPTION...: what a client with these options is told
	local want=$1 got
	shift
	got=$(ip netns exec "$cns" "$busybox" udhcpc -i eth0 -n -q -t 5 -T 1 -s "$work/script" \
		-O bootfile -O 60 "$@" 2>/dev/null)
	echo "$got"
	# shellcheck disable=SC2053 # a pattern
	[[ $got == *file=$want* ]]
}
for kind in dnsmasq isc; do
	"run_$kind" &
	other=$!
	check "$kind: BIOS gets its loader" boots "undionly.kpxe next=10.77.0.1 " -x 0x5d:0000
	check "$kind: UEFI gets its loader" boots "snponly.efi next=10.77.0.1 " -x 0x5d:0007
	check "$kind: UEFI that says 9 gets it, too" boots "snponly.efi next=10.77.0.1 " -x 0x5d:0009
	check "$kind: UEFI HTTP boot gets the agent, and its class" \
		boots "http://10.77.0.1:8080/efi/agent.efi*class=$http_class" -x 0x5d:0010
	check "$kind: iPXE on BIOS gets the script" boots "http://10.77.0.1:8080/boot.ipxe" -x 0x5d:0000 -x 0x4d:69505845 -x 0xaf:b105
	check "$kind: iPXE on UEFI gets the script" boots "http://10.77.0.1:8080/boot.ipxe" -x 0x5d:0007 -x 0x4d:69505845 -x 0xaf:b105
	check "$kind: any other host gets no loader" boots " "
	end "$other"
	other=
done
exit $failed
