#!/bin/bash
# shellcheck disable=SC2154 # work, B and packages are flow.sh's
# why.sh: `muster host why` for failures that really happen: DHCP clients without luck, iPXE and the
# real agent (rehearse) against a real musterd whose files, keys and images are not as they should be.
# Each must be named by its code, in a sentence, with evidence and a next step.
. "${0%/*}/../support/flow.sh"
tests/support/unpack.sh tftpd-hpa "$packages" 2>/dev/null || skip 'no tftpd-hpa'
flow_enter "$@"
. tests/support/why_site.sh

configure 'admission = approve'
check 'the server starts' server_start
[ "$failed" = 0 ] || exit 1

# ---- each code is produced by some test
check 'there is a test for each code' tests/support/why_codes.sh

# ---- whatever the agent, iPXE or core end a boot with has a row of its own; but what leaves the agent
# no way to say so is on its screen only
grep -hoE '"(agent|image|verify|handoff|up)",[[:space:]]+"[a-z-]+"' agent/*.c |
	sed 's/.*"\([a-z-]*\)"$/\1/' | grep -vx 'started\|progress\|finished\|aborted\|network\|boot-json' >"$work/codes"
grep -hoE 'record_failed\([^"]*"[a-z-]+"' server/core/*.c | sed 's/.*"\([a-z-]*\)"$/\1/' >>"$work/codes"
sed -n 's/^| `\([a-z-]*\)` |.*/\1/p' docs/why.md | sort -u >"$work/rows"
check 'there are codes' [ "$(sort -u "$work/codes" | wc -l)" -gt 8 ]
check 'each is explained' eval '! sort -u "$work/codes" | comm -23 - "$work/rows" | grep .'

# ---- nobody, or nothing
check 'a name that is none' because n99 unknown-name 'no host named n99'
check 'is not found' exits 3 muster host why n99
check 'a machine that was never heard' because 52:54:00:00:99:01 never-heard 'No packet of'
check 'with the interfaces where we listen' evidence 'listens on br0, 10.77.0.1'
check 'is a failure' exits 1 muster host why 52:54:00:00:99:01
muster host add added --mac 52:54:00:00:99:02 >/dev/null
check 'a host that was added only' because added never-heard 'since it was added'

# ---- DHCP
dhcp -m 52:54:00:00:01:01 -a 0 discover
check 'a host that asks' because 52:54:00:00:01:01 asking 'right now'
check 'is on its way' exits 0 muster host why 52:54:00:00:01:01
dhcp_at eth1 -m 52:54:00:00:01:02 -a 0 discover
check 'a network without a subnet' because 52:54:00:00:01:02 wrong-subnet 'no network that this server gives'
muster host add odd --mac 52:54:00:00:01:06 >/dev/null
muster host add disk --mac 52:54:00:00:01:07 >/dev/null
dhcp -m 52:54:00:00:01:06 -a 11 discover
check 'an architecture without a loader' will_be odd no-loader 'no loader'
link eth0 discover 52:54:00:00:01:07 os
read -r _ addr from _ <"$work/link.out"
link eth0 request 52:54:00:00:01:07 os "$addr" "$from"
check 'a system on its disk' because disk boots-elsewhere "has the address $addr"
muster lease release "$addr" --forget --yes >/dev/null 2>&1
dhcp -m 52:54:00:00:01:03 -a 0 discover other=10.77.0.9,10.77.0.50
check 'another DHCP server won' because 52:54:00:00:01:03 other-dhcp 'took 10.77.0.50 from 10.77.0.9'
check 'as its REQUEST shows' evidence 'it asked 10.77.0.9 for 10.77.0.50'
dhcp -m 52:54:00:00:01:04 -a 0 discover request
dhcp -m 52:54:00:00:01:05 -a 0 discover
check 'unknown hosts have a quarter' because 52:54:00:00:01:05 guests-full 'a quarter'
check 'of the addresses' evidence '4 addresses for anybody'
dhcp -m 52:54:00:00:01:08 -a 0 discover was=10.77.0.103
check 'an address of an earlier life' because 52:54:00:00:01:08 not-answered 'once and was not answered: no lease'
for n in 1 2 3; do
	muster host add "full$n" --mac "52:54:00:00:02:0$n" >/dev/null
	dhcp -m "52:54:00:00:02:0$n" -a 0 discover request
done
muster host add full4 --mac 52:54:00:00:02:04 >/dev/null
dhcp -m 52:54:00:00:02:04 -a 0 discover
check 'no address left' because full4 pool-full 'none left in 10.77.0.0/24'
check 'all are in use' evidence '4 in use'
muster host add late --mac 52:54:00:00:02:05 >/dev/null
dhcp -m 52:54:00:00:02:05 -a 0 discover other=10.77.0.1,10.77.0.101
check 'an address that another took meanwhile' because late address-taken 'in use by another machine'
check 'the command names the next step' eval 'muster host why full4 | grep -q "next: .*range"; [ "${PIPESTATUS[1]}" = 0 ]'
check 'an offer that is not taken' will_be 52:54:00:00:01:01 offer-ignored 'never took it'

# ---- admission and images, by the real agent
nic=$work/tree/sys/class/net/eth0
mkdir -p "$nic/device" "$work/tree/proc" "$work/tree/sys/class/dmi/id"
echo 52:54:00:00:03:01 >"$nic/address"
echo 1 | tee "$nic/type" >"$nic/carrier"
echo 4c4c4544-0042-3510-8052-b4c04f4a4e31 >"$work/tree/sys/class/dmi/id/product_uuid"
printf 'MemTotal: 1048576 kB\nMemAvailable: 900000 kB\n' >"$work/tree/proc/meminfo"
agent=
agent_start() { # TRUST
	ip netns exec server "$B/muster-agent" rehearse http://10.77.0.1 "$1" "$work/tree" >"$work/screen" 2>&1 &
	agent=$!
}
agent_stop() { kill "$agent" 2>/dev/null; wait "$agent" 2>/dev/null; }
rehearse() { # TRUST
	timeout 30 ip netns exec server "$B/muster-agent" rehearse http://10.77.0.1 "$1" "$work/tree" >"$work/screen" 2>&1
}
blob() { echo "$work/state/blobs/sha256/$(sha256sum "$work/tiny/$1" | cut -d' ' -f1)"; }

muster host add loaderless --mac 52:54:00:00:03:09 >/dev/null
ip netns exec server curl -sS -o "$work/script" "http://10.77.0.1/boot.ipxe?mac=52-54-00-00-03-09&platform=pcbios"
check 'a script without an agent to load' because loaderless no-agent 'no agent image to give'

agent_start "$work/trust"
check 'a host that waits' will_be 52:54:00:00:03:01 admission 'waits for its admission'
a=$(jq -r .host "$work/why.json")
check 'has its code in the sentence' because "$a" admission "$(muster -o json host show "$a" | jq -r .code)"
check 'and waits for a person' exits 1 muster host why "$a"
muster host approve "$a" >/dev/null
check 'without an image' will_be "$a" no-image 'nothing to boot'
check 'the rule that found none' evidence '[server] image is not set'
muster rule add web --match vendor=HPE --image tiny >/dev/null
check 'without a rule that fits' will_be "$a" no-rule 'no rule fits'
check 'and why each does not' evidence 'rule web: '
muster rule rm web --yes >/dev/null
muster host set "$a" --image tiny >/dev/null
check 'with one that is not here' will_be "$a" image-missing 'shall boot tiny'
agent_stop
mkdir "$work/plain" && cp "$work"/tiny/{manifest.json*,vmlinuz,initrd} "$work/plain/"
muster image import "$work/plain" >/dev/null 2>&1
agent_start "$work/trust"
check 'without a channel' will_be "$a" no-channel 'no channel says'
agent_stop
cp -r "$work/tiny" "$work/newer"
muster image sign "$work/newer" --key release --restamp --release 2 >/dev/null 2>&1
muster image import "$work/newer/channel.json" >/dev/null
agent_start "$work/trust"
check 'without the release that it names' will_be "$a" release-missing 'shall boot tiny, and the release that its channel names is not'
agent_stop
muster image import "$work/newer" >/dev/null

# ---- what must not run
rehearse "$work/keys"
check 'an agent without keys' because "$a" trust 'carries no root or keys'
cat >"$work/recipes/hyper.sh" <<'END'
#!/bin/sh
for file in xen.gz vmlinuz initrd; do head -c 3000 /dev/urandom >"$1/$file"; done
cat >"$1/image.json" <<'JSON'
{ "name": "hyper", "version": "1", "kind": "xen", "channel": "test", "args": "quiet", "xen_args": "",
  "files": [ { "role": "xen", "name": "xen.gz" }, { "role": "kernel", "name": "vmlinuz" },
  { "role": "initrd", "name": "initrd" } ] }
JSON
END
chmod +x "$work/recipes/hyper.sh"
muster image build hyper --recipes "$work/recipes" -o "$work/hyper" >/dev/null 2>&1
muster image sign "$work/hyper" --key release >/dev/null
muster image import "$work/hyper" >/dev/null
muster host set "$a" --image hyper >/dev/null
mkdir -p "$work/tree/sys/kernel/security"
echo 'none [integrity] confidentiality' >"$work/tree/sys/kernel/security/lockdown"
rehearse "$work/trust"
check 'Xen on a kernel that is locked down' because "$a" manifest-kind 'cannot be handed over to hyper'
rm "$work/tree/sys/kernel/security/lockdown"
muster host set "$a" --image tiny >/dev/null
mkdir "$work/other-release" "$work/other-site"
cp "$work/keys/stranger.pub" "$work/other-release/release-1.pub"
cp "$work/keys/site.pub" "$work/other-release/site-1.pub"
cp "$work/keys/release.pub" "$work/other-site/release-1.pub"
cp "$work/keys/stranger.pub" "$work/other-site/site-1.pub"
rehearse "$work/other-release"
check 'signed by a key that the agent does not know' because "$a" channel-signature 'too few release keys'
rehearse "$work/other-site"
check 'a ticket by another site' because "$a" ticket-signature "refuses this server's ticket"
echo 'MemAvailable: 400 kB' >"$work/tree/proc/meminfo"
rehearse "$work/trust"
check 'too little memory' because "$a" memory 'does not fit'
echo 'MemAvailable: 900000 kB' >"$work/tree/proc/meminfo"
server_kill
cp -p "$(blob initrd)" "$work/initrd.good"
printf '\xff\x00' | dd of="$(blob initrd)" bs=1 seek=300000 conv=notrunc 2>/dev/null
server_start
rehearse "$work/trust"
check 'a changed file' because "$a" file-digest 'other bytes'
check 'with both digests' evidence "expected $(sha256sum <"$work/initrd.good" | cut -d' ' -f1)"
check 'and how often' evidence 'boots in a row have failed'
server_kill
rm "$(blob initrd)"
server_start
rehearse "$work/trust"
check 'a file that is gone' because "$a" file-missing 'does not have'

# ---- nobody listens
server_kill
sed -i 's/^mode = full/mode = off/' "$work/muster.conf"
server_start
check 'DHCP is off' because added dhcp-off 'DHCP is off on this server'
exit $failed
