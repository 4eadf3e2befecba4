#!/usr/bin/env bash
# The agent against a real musterd, up to the hand-off (muster-agent rehearse): what is good passes,
# and whatever was changed on the way is refused with the code of docs/agent-protocol.md, on the
# agent's screen and in the server's record. Needs root for a network namespace.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=$(realpath "${B:-build/release}")
failed=0
work=$(mktemp -d)
ns=musagent$$
server=

ok() { echo "ok agent: $1"; }
not_ok() { echo "not ok agent: $1"; failed=1; }
check() { local name=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$name"; else not_ok "$name"; sed 's/^/# /' "$work/out" "$work/screen" 2>/dev/null; fi; }

cleanup() {
	stop
	ip netns del "$ns" 2>/dev/null
	rm -rf "$work"
}
stop() {
	[ -z "$server" ] || { kill -9 "$server" && wait "$server"; } 2>/dev/null
	server=
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ "$(id -u)" != 0 ] || ! ip netns add "$ns" 2>/dev/null; then
	echo "skip agent # needs root and network namespaces"
	exit 0
fi
ip -n "$ns" link set lo up
ip -n "$ns" link add br0 type bridge
ip -n "$ns" addr add 10.77.0.1/24 dev br0
ip -n "$ns" link set br0 up
chmod 755 "$work"

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
wait_for() { # CONDITION...: at most 5 s
	for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}
start() {
	ip netns exec "$ns" "$B/musterd" -f -c "$work/muster.conf" >>"$work/log" 2>&1 &
	server=$!
	wait_for muster status
}

# ---- a site: keys, an image of 24 MiB, a server; and a host, as a tree of the kernel's files
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = open
image = tiny
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.200
[tftp]
enabled = no
END
mkdir -p "$work/state/keys/trust" "$work/trust" "$work/recipes"
for key in release site stranger; do
	"$B/muster" key generate $key --dir "$work/keys" >/dev/null 2>&1
done
cp "$work"/keys/site.{key,pub} "$work/state/keys/"
cp "$work/keys/release.pub" "$work/state/keys/trust/"
chown -R nobody: "$work/state"
cp "$work/keys/release.pub" "$work/trust/release-1.pub"
cp "$work/keys/site.pub" "$work/trust/site-1.pub"
cat >"$work/recipes/tiny.sh" <<'END'
#!/bin/sh
head -c 1000000 /dev/urandom >"$1/vmlinuz"
head -c 24000000 /dev/urandom >"$1/initrd"
cat >"$1/image.json" <<'JSON'
{ "name": "tiny", "version": "1", "kind": "linux", "channel": "test", "args": "quiet",
  "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" },
  { "role": "initrd", "name": "initrd" } ] }
JSON
END
chmod +x "$work/recipes/tiny.sh"
nic=$work/host/sys/class/net/eth0
mkdir -p "$nic/device" "$work/host/proc" "$work/host/sys/class/dmi/id"
echo 52:54:00:00:00:01 >"$nic/address"
echo 1 | tee "$nic/type" >"$nic/carrier"
echo 4c4c4544-0042-3510-8052-b4c04f4a4e31 >"$work/host/sys/class/dmi/id/product_uuid"
printf 'MemTotal: 1048576 kB\nMemAvailable: 900000 kB\n' >"$work/host/proc/meminfo"

rehearse() { # TRUST: its screen is kept; the exit status is the agent's
	timeout 30 ip netns exec "$ns" "$B/muster-agent" rehearse http://10.77.0.1 "$1" "$work/host" \
		>"$work/screen" 2>&1
}
refuses() { # CODE TRUST
	local rc
	rehearse "$2"
	rc=$?
	[ $rc = 1 ] && grep -q "DID NOT START (.*, $1)" "$work/screen"
}
recorded() { # TEXT: an event says so
	muster events -o json | grep -q "$1"
}
blob() { echo "$work/state/blobs/sha256/$(sha256sum "$work/tiny/$1" | cut -d' ' -f1)"; }

"$B/muster" image build tiny --recipes "$work/recipes" -o "$work/tiny" >/dev/null 2>&1
"$B/muster" image sign "$work/tiny" --key "$work/keys/release.key" >/dev/null
check "the server starts" start
check "the image is imported" muster image import "$work/tiny"
check "everything is good" rehearse "$work/trust"
[ $failed = 0 ] || exit 1 # nothing that follows would mean anything
check "the server knows that it was verified, and how" recorded "root 0, channel test, release [0-9]*\""

# ---- what must not run
mkdir "$work/other-release" "$work/other-site" "$work/no-site"
cp "$work/keys/stranger.pub" "$work/other-release/release-1.pub"
cp "$work/keys/site.pub" "$work/other-release/site-1.pub"
cp "$work/keys/release.pub" "$work/other-site/release-1.pub"
cp "$work/keys/stranger.pub" "$work/other-site/site-1.pub"
cp "$work/keys/release.pub" "$work/no-site/release-1.pub"
check "a channel by an unknown key" refuses channel-signature "$work/other-release"
check "the server has the sentence on record" recorded "Too few release keys have signed the channel"
check "a ticket by an unknown key" refuses ticket-signature "$work/other-site"
check "an agent without keys" refuses trust "$work/no-site"

echo 'MemAvailable: 40000 kB' >"$work/host/proc/meminfo"
check "a host with too little memory" refuses memory "$work/trust"
echo 'MemAvailable: 900000 kB' >"$work/host/proc/meminfo"

flip() { printf '\xff\x00' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }
# a blob that was served is mapped in the server, so it is changed while the server is away
stop
cp -p "$(blob initrd)" "$work/initrd.good"
flip "$(blob initrd)" 20000000
start
check "two changed bytes in 24 million" refuses file-digest "$work/trust"
check "with both digests on the screen" grep -q "expected: $(sha256sum <"$work/initrd.good" | cut -d' ' -f1)" "$work/screen"
check "and in the server's record" recorded "expected $(sha256sum <"$work/initrd.good" | cut -d' ' -f1)"
stop
truncate -s 23999999 "$(blob initrd)"
start
check "a file that is one byte short" refuses file-length "$work/trust"
stop
rm "$(blob initrd)"
start
check "a file that is gone" refuses file-missing "$work/trust"
stop
cp -p "$work/initrd.good" "$(blob initrd)"

# ---- a server that dies in the middle and comes back: the host finishes by itself
check "the server is back" start
ip netns exec "$ns" tc qdisc add dev lo root tbf rate 48mbit burst 256k limit 4m 2>/dev/null ||
	echo "# the network cannot be slowed down here; the server may die too late"
rehearse "$work/trust" &
agent=$!
sleep 2
stop
sleep 2
check "the server is back again" start
check "the host finishes by itself" wait $agent
check "it saw the connection break" grep -q "broke at byte [1-9]" "$work/screen"
exit $failed
