#!/usr/bin/env bash
# The waiting room: who comes unasked is shown with what and where it is, and is given nothing but a
# short lease and the agent; by name, code or serial number it is let in, and rejected it is hidden
# until its hardware changes. With a real musterd, DHCP clients, iPXE's requests by curl, and the real
# agent, which hears a switch. Needs root for network namespaces.
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
flow_enter "$@"
. tests/support/because.sh

muster() { MUSTER_KEYS=$work/keys "$B/muster" --socket "$work/run/muster.sock" "$@"; }
quiet() { "$@" >"$work/quiet" 2>&1 || { not_ok "in passing: $*"; sed 's/^/# /' "$work/quiet"; }; }
says() { # TEXT COMMAND...
	local said

	said=$("${@:2}" 2>&1) && [[ $said == *"$1"* ]] || { echo "$said"; return 1; }
}
refused() { # STATUS TEXT COMMAND...
	local status=$1 text=$2 said

	shift 2
	said=$("$@" 2>&1)
	[ $? = "$status" ] && [[ $said == *"$text"* ]] || { echo "$said"; return 1; }
}
is() { [ "$1" = "$2" ] || { printf '%s\n' "'$1'" "and not '$2'"; return 1; }; }

ns_add server host
bridge server br0 10.77.0.1/24
plug host eth0 server br0 52:54:00:00:00:01
port=$cable
ip -n host addr add 10.77.0.50/24 dev eth0
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = approve
image = kvm
[dhcp]
mode = full
probe = no
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.200
[tftp]
enabled = no
END
mkdir -p "$work/state/keys/trust" "$work/trust"
quiet muster key generate release
cp "$work/keys/release.pub" "$work/state/keys/trust/"
chown -R nobody: "$work/state"
check 'the server starts' server_start
[ $failed = 0 ] || exit 1
cp "$work/keys/release.pub" "$work/trust/release-1.pub"
cp "$work/state/keys/site.pub" "$work/trust/site-1.pub"
for name in kvm agent; do
	cat >"$work/recipe.sh" <<-END
	#!/bin/sh
	head -c 3000 /dev/urandom >"\$1/vmlinuz"
	head -c 3000 /dev/urandom >"\$1/initrd"
	cat >"\$1/image.json" <<'JSON'
	{ "name": "$name", "version": "1", "kind": "linux", "channel": "stable", "args": "quiet", "xen_args": "",
	  "files": [ { "role": "kernel", "name": "vmlinuz" }, { "role": "initrd", "name": "initrd" } ] }
	JSON
	END
	chmod +x "$work/recipe.sh"
	quiet muster image build recipe --recipes "$work" -o "$work/$name"
	quiet muster image sign "$work/$name" --key release
	quiet muster image import "$work/$name"
done
quiet muster image build -o "$work/disk" --name disk --san
quiet muster image sign "$work/disk" --key release
quiet muster image import "$work/disk"

tree=$work/tree
mkdir -p "$tree/sys/class/net/eth0/device" "$tree/proc" "$tree/sys/class/dmi/id"
echo 52:54:00:00:00:01 >"$tree/sys/class/net/eth0/address"
echo 1 | tee "$tree/sys/class/net/eth0/type" >"$tree/sys/class/net/eth0/carrier"
echo HPE >"$tree/sys/class/dmi/id/sys_vendor"
echo 'DL360 Gen10' >"$tree/sys/class/dmi/id/product_name"
echo CZ2812-01 >"$tree/sys/class/dmi/id/product_serial"
echo 'U46 2.62' >"$tree/sys/class/dmi/id/bios_version"
printf 'MemTotal: 1048576 kB\nMemAvailable: 900000 kB\n' >"$tree/proc/meminfo"
agent=
agent_start() {
	ip netns exec host "$B/muster-agent" rehearse http://10.77.0.1 "$work/trust" "$tree" >"$work/screen" 2>&1 &
	agent=$!
}
post() { # PATH SESSION BODY: the status, the answer is in $work/out
	ip netns exec host curl -sS -o "$work/out" -w '%{http_code}' -X POST "http://10.77.0.1/v1/agent/$1" -H "Authorization: Bearer $2" -d "$3"
}
script() { # MAC [MORE]
	ip netns exec host curl -sS "http://10.77.0.1/boot.ipxe?mac=${1//:/-}&platform=efi${2:-}"
}
waiting() { muster waiting -o json | jq -r "$@"; }

# ---- who waits, and where it is
check 'nobody waits' says 'nobody waits' muster waiting
agent_start
check 'a host that comes unasked waits' wait_for 10 eval '[ "$(waiting ".hosts | length")" = 1 ]'
name=$(waiting '.hosts[0].name') code=$(waiting '.hosts[0].code')
check 'with what it is' says 'HPE     DL360 Gen10  CZ2812-01  52:54:00:00:00:01' muster waiting
check 'its screen shows the code' wait_for 10 grep -q "code $code" "$work/screen"
heard() { ip netns exec server "$B/support/lldp_send" "$port" sw-r3 Gi1/0/7 10; muster waiting | grep -q 'sw-r3 Gi1/0/7'; }
check 'and the switch port that its agent hears' wait_for 15 heard
check 'which is in the record' eval 'muster events -o json | grep "eth0 hangs on sw-r3, port Gi1/0/7, VLAN 10"'
check 'and can be searched for' is "$(muster host list --where 'switch=sw-r* port=Gi1/0/7' -o name)" "$name"

# ---- what it is given: nothing
dhcp() { ip netns exec host "$B/support/dhcp_host" -i eth0 -m 52:54:00:00:00:01 -a 7 "$@"; }
dhcp discover request >"$work/dhcp"
check 'a short lease' is "$(muster lease list -o json | jq '[.leases[] | select(.mac == "52:54:00:00:00:01") | .known] | unique | .[0]')" false
check 'of two minutes' eval 'muster lease list -o json | jq -e "[.leases[] | (.expires - now * 1000) < 125000] | all"'
session=$(ip netns exec host curl -sS -X POST http://10.77.0.1/v1/agent/facts -d '{"serial":"CZ2812-01","nics":[{"mac":"52:54:00:00:00:01"}]}' | jq -r .session)
check 'no ticket' is "$(post ticket "$session" "{\"nonce\":\"$(printf 'a%.0s' $(seq 64))\",\"root\":0}")" 403
check 'and no word of an image' eval '! grep -q "manifest\|kvm" "$work/out"'
check 'what it claims to be is no way around' is "$(post up "$session" '{"nonce":"00000000000000000000000000000000"}')" 409
quiet muster host set "$name" --image disk --value san-target=10.9.0.5 --value san-iqn=iqn.2026-01.example:x --value chap-name=u --value chap-secret=sesame123456
script 52:54:00:00:00:01 >"$work/script"
check 'no script of an image' grep -q "waits for its admission, code $code" "$work/script"
check 'and no secret in it' eval '! grep -q "sesame\|10.9.0.5\|/v1/boot/" "$work/script"'
check 'no token of a boot' is "$(ip netns exec host curl -sS -o /dev/null -w '%{http_code}' "http://10.77.0.1/v1/boot/$session/chap.ipxe")" 404
check 'no API' is "$(ip netns exec host curl -sS -o /dev/null -w '%{http_code}' http://10.77.0.1/api/v1/hosts)" 401
quiet muster host set "$name" --no-image --no-value chap-secret

# ---- rejected, until it changes
check 'it is rejected' muster host reject "$code"
check 'and hidden' says 'nobody waits' muster waiting
check 'and so explained' because "$name" rejected 'and nothing is given to it'
check 'and shown' says 'no, rejected' muster host show "$name"
check 'but not forgotten' says CZ2812-01 muster waiting --rejected
check 'the log says so' grep -q "host rejected: host=$name" "$work/log"
kill "$agent" 2>/dev/null; wait "$agent" 2>/dev/null
agent_start
sleep_until() { wait_for 10 grep -q 'waits for approval' "$work/screen"; }
check 'the same machine again' sleep_until
check 'is hidden still' says 'nobody waits' muster waiting
kill "$agent"; wait "$agent" 2>/dev/null
echo 'U46 2.72' >"$tree/sys/class/dmi/id/bios_version"
agent_start
check 'a machine that has changed waits again' wait_for 10 eval '[ "$(waiting ".hosts | length")" = 1 ]'
check 'the log says that, too' grep -q "host waits again: host=$name" "$work/log"
quiet muster host reject "$name"
check 'a rejection is taken back' eval 'muster host reject "$name" --undo && [ "$(waiting ".hosts | length")" = 1 ]'

# ---- let in
check 'a code that nobody shows' refused 3 'no host waits with the code 000000' muster host approve 000000
check 'its agent is told to wait' sleep_until
newest() { api "/hosts/$name/boots?limit=1" | jq "$@"; }
check 'which is on record while it waits' is "$(newest -r '.boots[0].waits_for')" approval
check 'and in its timeline' eval 'muster host timeline "$name" | grep -E " waiting [0-9.]+ s for approval$"'
check 'by its code' says "$name: approved" muster host approve "$code"
check 'its agent gets its ticket' wait_for 15 grep -q 'image kvm 1' "$work/screen"
wait "$agent" 2>/dev/null
waited=$(newest '.boots[0].waited.approval')
check 'how long it waited is on record' [ "$waited" -ge 4000 ] # it asks every 5 s
check 'and over' is "$(newest -r '.boots[0].waits_for')" null
took() { muster host timeline "$name" | head -n 2 | tr '\n' ' ' | grep -E "$1"; }
check 'its timeline says it apart from how long the boot took' took ' [0-3]\.[0-9] s +waited [0-9]+\.[0-9] s for approval'
check 'and so does host show' eval 'muster host show "$name" | grep -E " waited [0-9.]+ s for approval$"'
check 'and the picture' eval 'muster host timeline "$name" --svg | grep -E ", and waited [0-9.]+ s for approval<"'
silence() { # MS: of its stage `agent`, as a big-endian number
	echo $((16#$(sqlite3 "$work/state/muster.db" "SELECT hex(substr(silence, 21, 4)) FROM boot ORDER BY id DESC LIMIT 1")))
}
check 'it is no silence from which is learned' [ "$(silence)" -lt "$((waited / 2))" ]
check 'who is admitted cannot be rejected' refused 4 'is admitted and does not wait' muster host reject "$name"
wait "$agent" 2>/dev/null

# ---- expected by its serial number
quiet muster host add web07 --serial CZ2812-07 --image kvm
check 'which was never seen' eval 'muster host list web07 | grep -E "^web07 .* never *$"'
dhcp_new() { ip netns exec host "$B/support/dhcp_host" -i eth0 -m 52:54:00:00:00:07 -a 7 discover request >"$work/dhcp"; }
dhcp_new
check 'a machine that only its firmware has spoken for waits' is "$(waiting '.hosts | length')" 1
check 'the status counts it' says '1 in the waiting room' muster status
check 'and so do the metrics' eval 'ip netns exec server curl -fsS http://10.77.0.1/metrics | grep -x "muster_hosts_waiting 1"'
script 52:54:00:00:00:07 '&serial=CZ2812-07' >"$work/script"
check 'by its serial number it is the host that was expected' grep -q 'this is web07' "$work/script"
check 'and waits no more' says 'nobody waits' muster waiting
check 'with its address and its boot' eval 'muster host show web07 -o json | jq -e ".macs == [\"52:54:00:00:00:07\"] and .admitted and .boot != null"'
quiet muster host add web08 --serial CZ2812-08 --image kvm
ip netns exec host curl -sS -o "$work/out" -X POST http://10.77.0.1/v1/agent/facts \
	-d '{"uuid":"4c4c4544-0042-3510-8052-b4c04f4a4e31","nics":[{"mac":"52:54:00:00:00:08"}]}'
check 'a stranger' eval 'jq -e ".state == \"waiting\"" "$work/out"'
ip netns exec host curl -sS -o "$work/out" -X POST http://10.77.0.1/v1/agent/facts \
	-d '{"uuid":"4c4c4544-0042-3510-8052-b4c04f4a4e31","serial":"CZ2812-08","nics":[{"mac":"52:54:00:00:00:08"}]}'
check 'that tells its number later is it, too' eval 'jq -e ".state == \"admitted\" and .host == \"web08\"" "$work/out"'
check 'and nobody is left over' says 'nobody waits' muster waiting
exit $failed
