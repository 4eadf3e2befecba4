#!/usr/bin/env bash
# The disk is full while an image is imported: nothing half is left, the server goes on, the message
# says what happened, and with room again the same command works. Needs root.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=$(realpath "${B:-build/release}")
failed=0
work=$(mktemp -d)
ns=musfull$$
server=

ok() { echo "ok full_disk: $1"; }
not_ok() { echo "not ok full_disk: $1"; failed=1; }
check() { local name=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$name"; else not_ok "$name"; sed 's/^/# /' "$work/out"; fi; }

cleanup() {
	[ -z "$server" ] || { kill -9 "$server" && wait "$server"; } 2>/dev/null
	umount "$work/state" 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

mkdir "$work/state"
if [ "$(id -u)" != 0 ] || ! ip netns add "$ns" 2>/dev/null ||
	! mount -t tmpfs -o size=16m,mode=755,uid="$(id -u nobody)" none "$work/state"; then
	echo "skip full_disk # needs root, network namespaces and a tmpfs"
	exit 0
fi
ip -n "$ns" link set lo up
chmod 755 "$work"
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = lo
[dhcp]
mode = off
[tftp]
enabled = no
END
mkdir -p "$work/state/keys/trust" "$work/recipes"
"$B/muster" key generate release --dir "$work/keys" >/dev/null 2>&1
cp "$work/keys/release.pub" "$work/state/keys/trust/"
chown -R nobody: "$work/state"
cat >"$work/recipes/large.sh" <<'END'
#!/bin/sh
head -c 1000000 /dev/urandom >"$1/vmlinuz"
head -c 24000000 /dev/urandom >"$1/initrd"
cat >"$1/image.json" <<'JSON'
{ "name": "large", "version": "1", "kind": "linux", "channel": "test", "args": "quiet",
  "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" },
  { "role": "initrd", "name": "initrd" } ] }
JSON
END
chmod +x "$work/recipes/large.sh"
"$B/muster" image build large --recipes "$work/recipes" -o "$work/large" >/dev/null 2>&1
"$B/muster" image sign "$work/large" --key "$work/keys/release.key" >/dev/null

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
ip netns exec "$ns" "$B/musterd" -f -c "$work/muster.conf" >>"$work/log" 2>&1 &
server=$!
up() { for _ in $(seq 100); do muster status && return; sleep 0.05; done; return 1; }
check "the server starts" up

refused() {
	muster image import "$work/large"
	local rc=$?
	[ "$rc" = 1 ] || { echo "exit $rc, not 1"; return 1; }
}
says_why() { muster image import "$work/large" 2>&1 | grep 'No space left on device'; }
nothing_left() { [ -z "$(find "$work/state/blobs" -type f -print)" ] || { find "$work/state/blobs" -type f; return 1; }; }
not_listed() { [ "$(muster -o name image list)" = '' ]; }
check "an image larger than the disk is refused" refused
check "the message says why" says_why
check "no file is left of it, whole or half" nothing_left
check "the server does not list it" not_listed
still_writes() { muster host add n01 --mac 52:54:00:00:00:01 && muster host show n01; }
check "the server goes on and records" still_writes
mount -o remount,size=64m "$work/state"
check "with room again the same command works" muster image import "$work/large"
listed() { [ "$(muster -o name image list)" = large ]; }
check "and the image is there" listed
# room for what is still to come is enough, whoever sends it
head -c 20000000 /dev/urandom >"$work/blob"
put() { # FILE [HEADER]
	curl -sS -o "$work/answer" -w '%{http_code}' -T "$1" ${2:+-H "$2"} --unix-socket "$work/run/muster.sock" \
		"http://m/api/v1/blobs/$(sha256sum "$work/blob" | cut -d' ' -f1)"
}
gives() { local status; status=$(put "${@:2}"); [ "$status" = "$1" ] || { echo "$status"; cat "$work/answer"; return 1; }; }
head -c 12000000 "$work/blob" >"$work/part"
check "a part of a blob" gives 202 "$work/part" 'Content-Range: bytes 0-11999999/20000000'
check "all of it by somebody else" gives 201 "$work/blob"
exit $failed
