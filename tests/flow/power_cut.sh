#!/bin/bash
# shellcheck disable=SC2154 # work and B are flow.sh's
# power_cut.sh: what is on the disk at a moment of an import, without what waits in the kernel's memory, is
# the old or the new. The state is on a file system of its own; at each cut the server's processes are stopped,
# the disk is copied as it is, and a server is started on the copy. The file system is told to write nothing by
# itself for five minutes, so only what the server asks to be durable reaches the disk.
. "${0%/*}/../support/flow.sh"
losetup -f >/dev/null 2>&1 || skip 'no loop device'
flow_enter "$@"
CUTS=${CUTS:-12}

muster() { MUSTER_KEYS=$work/keys "$B/muster" --socket "$work/run/muster.sock" "$@"; }
lose() { # the copy or the disk, and its loop device
	umount "$1" 2>/dev/null
	[ -z "$2" ] || losetup -d "$2" 2>/dev/null
}
disk='' copy=''
trap 'server_kill 2>/dev/null; lose "$work/copy" "$copy"; lose "$work/disk" "$disk"; rm -rf "$work"' EXIT

ns_add server
bridge server br0 10.77.0.1/24
mkdir "$work"/{disk,copy,recipes}
truncate -s 256M "$work/disk.img"
mkfs.ext4 -q -F "$work/disk.img"
disk=$(losetup -f --show "$work/disk.img")
mount -o commit=300,noauto_da_alloc "$disk" "$work/disk" || skip 'no file system on a loop device'
configure() { # STATE
	cat >"$work/muster.conf" <<-END
	[server]
	name = flow
	state-dir = $1
	run-dir = $work/run
	user = nobody
	interface = br0
	[dhcp]
	mode = off
	[tftp]
	enabled = no
	END
}
for n in 1 2; do
	head -c 3000000 /dev/urandom >"$work/kernel$n" && printf '\0\0HdrS' | dd of="$work/kernel$n" bs=1 seek=512 conv=notrunc status=none
	head -c 20000000 /dev/urandom >"$work/initrd$n"
done
cat >"$work/recipes/own.sh" <<'END'
#!/bin/sh
cp "$WORK/kernel$N" "$1/vmlinuz"
cp "$WORK/initrd$N" "$1/initrd"
cat >"$1/image.json" <<JSON
{ "name": "own", "version": "$N", "kind": "linux", "channel": "stable", "args": "quiet", "xen_args": "",
  "files": [ { "role": "kernel", "name": "vmlinuz" }, { "role": "initrd", "name": "initrd" } ] }
JSON
END
chmod +x "$work/recipes/own.sh"
muster key generate release >"$work/out" 2>&1
for n in 1 2; do
	{ WORK=$work N=$n muster image build own --recipes "$work/recipes" -o "$work/own$n" &&
		muster image sign "$work/own$n" --key release --release $((n + 6)); } >>"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
done
configure "$work/disk/state"
mkdir -p "$work/disk/state/keys/trust" && cp "$work/keys/release.pub" "$work/disk/state/keys/trust/"
chown -R nobody: "$work/disk/state"
sync -f "$work/disk"
check 'the server starts' server_start
check 'the old one is imported' muster image import "$work/own1"
sync -f "$work/disk"

processes() { echo "$server"; pgrep -P "$server"; }
stopped() {
	local pid

	for pid in $(processes); do
		grep -h '^State:' /proc/"$pid"/task/*/status | grep -qv 'T (stopped)' && return 1
	done
	return 0
}
current() { muster image list -o csv | awk -F, '$5 == "true" || $5 == "yes" || $5 == "*" { print $2 }' | xargs; }

# cut_now N: the disk of this moment, as N.img.
cut_now() {
	local pids rc

	mapfile -t pids < <(processes)
	kill -STOP "${pids[@]}"
	wait_for 20 stopped && cp --sparse=always "$work/disk.img" "$work/$1.img"
	rc=$?
	kill -CONT "${pids[@]}"
	return $rc
}
n=0
muster image import "$work/own2" >"$work/import" 2>&1 &
import=$!
while kill -0 $import 2>/dev/null && [ $n -lt "$CUTS" ]; do
	cut_now $n && n=$((n + 1))
	sleep "0.0$((RANDOM % 4))"
done
wait $import
check 'the new one is imported, meanwhile' [ $? = 0 ]
cut_now acked # an answer was given: what it said is on the disk
server_kill

old=0 new=0
survives() { # IMAGE: starts, and what it has is whole
	local rc=0

	copy=$(losetup -f --show "$1")
	mount "$copy" "$work/copy" || return 1
	configure "$work/copy/state"
	server_start && muster image verify --all || rc=1
	case $(current) in
	1) old=$((old + 1)) ;;
	2) new=$((new + 1)) ;;
	*) rc=1; muster image list ;;
	esac
	[ "$rc" != 0 ] || muster image import "$work/own2" || rc=1
	server_kill
	lose "$work/copy" "$copy"
	return $rc
}
check "cuts while it was imported: $n" [ "$n" -ge 1 ]
for i in $(seq 0 $((n - 1))); do
	check "cut $i: the old or the new, whole, and it can be imported" survives "$work/$i.img"
	rm -f "$work/$i.img"
done
check "the old one at some, $old" [ "$old" -gt 0 ]
new=0
check 'after the answer' survives "$work/acked.img"
check 'it is the new one' [ "$new" = 1 ]
exit $failed
