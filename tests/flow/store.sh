#!/usr/bin/env bash
# The store of blobs: they come in parts that survive every kind of end, two who send the same help
# each other, what is damaged on the disk is found and mended, and gc removes what nothing names and
# nothing else.
# takes: 130 s
set -u
. "${0%/*}/../support/flow.sh"
flow_enter "$@"

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
digest() { sha256sum <"$1" | cut -d' ' -f1; }
blob() { echo "$work/state/blobs/sha256/$1"; }
# http METHOD PATH [CURL...]: the status; the body is in $work/body.
http() {
	curl -sS --max-time 60 -o "$work/body" -w '%{http_code}' -X "$1" \
		--unix-socket "$work/run/muster.sock" "http://m/api/v1$2" "${@:3}"
}
# put FILE DIGEST [RANGE]: all of it, or "FIRST-LAST" of its bytes.
put() {
	local range=${3:-} size

	if [ -z "$range" ]; then http PUT "/blobs/$2" --data-binary "@$1"; return; fi
	size=$(stat -c %s "$1")
	dd if="$1" iflag=skip_bytes,count_bytes skip="${range%-*}" \
		count=$((${range#*-} - ${range%-*} + 1)) status=none |
		http PUT "/blobs/$2" --data-binary @- -H "Content-Range: bytes $range/$size"
}
# state DIGEST: what the server says that it has, as "STATE BYTES".
state() { http POST "/blobs/$1" >"$work/status"; jq -r '[.state, .bytes] | join(" ")' "$work/body"; }
is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }
role() { pgrep -P "$server" -x "musterd-$1"; }
files() { find "$work/state/blobs/$1" -type f | wc -l; }

ns_add server
mkdir -p "$work/state/keys/trust" "$work/recipes"
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
export MUSTER_KEYS=$work/keys
"$B/muster" key generate release >/dev/null 2>&1
cp "$work/keys/release.pub" "$work/state/keys/trust/"
chown -R nobody: "$work/state"
# image NAME VERSION BYTES: a signed one in $work/NAME-VERSION.
image() {
	cat >"$work/recipes/$1.sh" <<-END
	#!/bin/sh
	head -c 100000 /dev/urandom >"\$1/vmlinuz"
	head -c $3 /dev/urandom >"\$1/initrd"
	cat >"\$1/image.json" <<'JSON'
	{ "name": "$1", "version": "$2", "kind": "linux", "channel": "stable", "args": "quiet",
	  "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" },
	  { "role": "initrd", "name": "initrd" } ] }
	JSON
	END
	chmod +x "$work/recipes/$1.sh"
	{
		"$B/muster" image build "$1" --recipes "$work/recipes" -o "$work/$1-$2" &&
			"$B/muster" image sign "$work/$1-$2" --key release &&
			"$B/muster" image channel "$work/$1-$2/channel.json" --image "$work/$1-$2" &&
			"$B/muster" key sign "$work/$1-$2/channel.json" --key release
	} >"$work/built" 2>&1
}
check 'the server starts' server_start

# ---- one blob, in every way it may come

for size in 0 1 65535 65536 65537 1000000; do
	head -c $size /dev/urandom >"$work/f"
	d=$(digest "$work/f")
	check "$size bytes in one request" is "$(put "$work/f" "$d")" 201
	check "and there they are" cmp "$work/f" "$(blob "$d")"
	check "as the server says" is "$(state "$d")" "whole $size"
done
check 'a blob is read-only' is "$(stat -c %a "$(blob "$d")")" 444

head -c 1000000 /dev/urandom >"$work/f"
d=$(digest "$work/f")
check 'nothing is there of another' is "$(state "$d")" 'missing 0'
check 'its first half' is "$(put "$work/f" "$d" 0-499999)" 202
check 'is a part' is "$(state "$d")" 'part 500000'
check 'what leaves a gap is refused' is "$(put "$work/f" "$d" 500001-999999)" 409
check 'and told how much is there' grep -q '500000 bytes are there' "$work/body"
check 'nobody can fetch a part' is "$(http GET "/../../blobs/sha256/$d" --path-as-is)" 404
kill -9 "$(role import)"
wait_for 10 role import
check 'the part outlives its role' is "$(state "$d")" 'part 500000'
server_kill
# All of it is there, and import ends while it reads through it.
head -c 900000 /dev/urandom >"$work/g"
g=$(digest "$work/g")
install -o nobody -m 444 "$work/g" "$work/state/blobs/tmp/$g.3"
check 'the server starts again' server_start
check 'what was being read through is not sent anew' is "$(state "$g")" 'part 900000'
check 'but its last byte' is "$(put "$work/g" "$g" 899999-899999)" 201
check 'and the server' is "$(state "$d")" 'part 500000'
check 'some bytes twice do no harm' is "$(put "$work/f" "$d" 400000-599999)" 202
check 'the rest makes it whole' is "$(put "$work/f" "$d" 600000-999999)" 201
check 'with all its bytes' cmp "$work/f" "$(blob "$d")"

head -c 300000 /dev/urandom >"$work/f"
d=$(digest "$work/f")
put "$work/f" "$d" 0-199999 >/dev/null
check 'a length that cannot be' \
	is "$(http PUT "/blobs/$d" --data-binary abc -H 'Content-Range: bytes 5-7/10')" 409
check 'takes nothing away' is "$(state "$d")" 'part 200000'
check 'unless all of it is sent anew' is "$(http PUT "/blobs/$d" --data-binary abc)" 422
check 'with its own bytes, then' is "$(put "$work/f" "$d")" 201
head -c 300000 /dev/urandom >"$work/f"
d=$(digest "$work/f")
head -c 300000 /dev/urandom >"$work/g"
check 'other bytes than the digest says' is "$(put "$work/g" "$d")" 422
check 'leave nothing' is "$(state "$d")" 'missing 0'
check 'not even on the disk' is "$(files tmp)" 0

check 'no digest' is "$(http PUT /blobs/abc --data-binary x)" 404
check 'a range that does not fit the body' \
	is "$(http PUT "/blobs/$d" --data-binary abc -H 'Content-Range: bytes 0-3/10')" 400
check 'a range without an end' \
	is "$(http PUT "/blobs/$d" --data-binary abc -H 'Content-Range: bytes 0-2/*')" 400
check 'a question with a body' is "$(http POST "/blobs/$d" --data-binary x)" 413
check 'bytes as a trial' is "$(http PUT "/blobs/$d?dry_run=1" --data-binary x)" 422
check 'another method' is "$(http DELETE "/blobs/$d")" 405
from_network() {
	ip netns exec server curl -sS -o /dev/null -w '%{http_code}' -X PUT --data-binary x \
		"http://127.0.0.1/api/v1/blobs/$d"
}
check 'nobody from the network without a token' is "$(from_network)" 401

# ---- more at once than the way to import has room for

# crowd N: as many blobs at the same time, import being busy with something else
crowd() {
	local import n=$1 token i
	import=$(role import)
	token=$(muster token create crowd --role admin 2>/dev/null | tail -n 1)
	{
		printf 'header = "Authorization: Bearer %s"\nno-progress-meter\n' "$token"
		for i in $(seq "$n"); do
			head -c 70000 /dev/urandom >"$work/crowd.$i"
			printf 'url = "http://127.0.0.1/api/v1/blobs/%s"\nupload-file = "%s"\noutput = "%s"\nwrite-out = "%%{http_code}\\n"\n' \
				"$(digest "$work/crowd.$i")" "$work/crowd.$i" "$work/crowd.answer"
		done
	} >"$work/crowd.conf"
	kill -STOP "$import"
	ip netns exec server curl -Z --parallel-immediate --parallel-max "$n" -K "$work/crowd.conf" >"$work/crowd.out" 2>&1 &
	wait_for 10 all_connected "$n"
	kill -CONT "$import"
	wait $!
	is "$(sort "$work/crowd.out" | uniq -c | tr -s ' ')" " $n 201"
}
all_connected() { [ "$(ip netns exec server ss -Htn state established '( sport = :80 )' | wc -l)" -ge "$1" ]; }
check 'two hundred blobs at once, while nobody reads them' crowd 200
rm -f "$work"/crowd.*

# ---- images

check 'an image of 24 MB' image kvm 1 24000000
check 'is imported' muster image import "$work/kvm-1"
check 'every blob of it is good' muster image verify --all
initrd=$(digest "$work/kvm-1/initrd")

# import_reads DIR: the bytes that an import reads: all of the image for its hashes, and what it sends.
import_reads() {
	bash -c '"$@" >/dev/null; sed -n "s/^rchar: //p" /proc/$$/io' _ \
		"$B/muster" --socket "$work/run/muster.sock" image import "$1"
}
bytes=$(import_reads "$work/kvm-1")
check 'what is there does not cross the line again' [ "$bytes" -lt 30000000 ]
check 'another one' image kvm 2 24000000
d=$(digest "$work/kvm-2/initrd")
put "$work/kvm-2/initrd" "$d" 0-19999999 >/dev/null
bytes=$(import_reads "$work/kvm-2")
check 'of which 20 MB are there: the rest is sent' [ "$bytes" -lt 34000000 ]
check 'and not nothing' [ "$bytes" -gt 27000000 ]
check 'the two are listed' is "$(muster -o csv image list | grep -c ^kvm,)" 2

check 'a third' image kvm 3 24000000
put "$work/g" "$(digest "$work/kvm-3/initrd")" 0-99999 >/dev/null
check 'a part of other bytes is in its way: it is sent from its start' muster image import "$work/kvm-3"
lines() { muster image import --progress "$work/kvm-3" 2>&1 | grep -E 'kvm 3: .* of 23\.0 MiB, .*/s, .* left'; }
check 'progress, rate and what is left' lines

# Of two channels of one second the higher release is the current one, for command and server alike.
one_second() {
	local issued
	image second 1 1000 && image second 2 1000 || return
	issued=$(jq .issued "$work/second-1/channel.json")
	for _ in $(seq 20); do
		LD_PRELOAD="$B/support/other_clock.so" \
			OTHER_CLOCK=$((issued - $(date +%s))) "$B/muster" image sign "$work/second-2" --key release \
			--restamp --release $(($(jq .release "$work/second-1/channel.json") + 1)) >/dev/null 2>&1
		[ "$(jq .issued "$work/second-2/channel.json")" != "$issued" ] || return 0
	done
	return 1
}
check 'two versions of one second' one_second
check 'are imported' muster image import "$work/second-1" "$work/second-2"
check 'and the first once more, while the other stays' \
	grep -q 'release .* stays current' <(muster image import "$work/second-1" 2>&1)

check 'one for two at once' image two 1 24000000
muster image import "$work/two-1" >"$work/out1" 2>&1 & first=$!
muster image import "$work/two-1" >"$work/out2" 2>&1 & second=$!
check 'one of them' wait $first
check 'and the other' wait $second
check 'it is there once' is "$(muster -o csv image list | grep -c ^two,)" 1
check 'and good' muster image verify --all

# ---- the end of everything at any moment: the old or the new

old_or_new() {
	local name=$1

	muster image verify --all || return 1
	muster -o csv image list | grep -q "^$name," || muster image import "$work/$name-1" || return 1
	muster image verify --all && muster -o csv image list | grep -q "^$name,"
}
for i in 1 2 3 4 5 6; do
	image "kill$i" 1 24000000
	muster image import "$work/kill$i-1" >"$work/out" 2>&1 & import=$!
	perl -e "select undef, undef, undef, $i * 0.03"
	server_kill
	kill -9 $import 2>/dev/null
	wait $import 2>/dev/null
	server_start
	check "kill -9 after $((i * 30)) ms" old_or_new "kill$i"
done
check 'one during whose import the role ends' image role 1 24000000
muster image import "$work/role-1" >"$work/out" 2>&1 & import=$!
for i in 1 2 3; do
	perl -e 'select undef, undef, undef, 0.02'
	kill -9 "$(role import)" 2>/dev/null
	wait_for 10 role import
done
check 'it is imported all the same' wait $import
check 'and good' muster image verify --all

# ---- a disk that fails: the n-th write or sync of a blob

# Of a small image: three parts, their files' syncs, and the folder's. It fails, or all is good; then,
# on a disk that works, it is imported.
on_a_bad_disk() { # N ERROR
	local rc

	server_kill
	server_run LD_PRELOAD="$B/support/failing_io.so" \
		FAILING_IO_FILE=blobs FAILING_IO_AT="$1" FAILING_IO_ERROR="$2"
	wait_for 20 api /status || return
	muster image import "$work/$3-1" >"$work/out" 2>&1
	rc=$?
	grep -q "^failing_io: .* number $1," "$work/log" || { echo "nothing has failed"; return 1; }
	[ $rc = 0 ] || grep -E 'No space left on device|Input/output error' "$work/out" || { cat "$work/out"; return 1; }
	muster image verify --all || return
	server_kill
	server_start && old_or_new "$3"
}
for n in 1 2 3 4 5 6 7; do
	error=$([ $((n % 2)) = 0 ] && echo ENOSPC || echo EIO)
	image "disk$n" 1 100000
	check "$error at the $n. write or sync" on_a_bad_disk "$n" $error "disk$n"
done

# ---- damage

flip() { # FILE: some bytes of it
	chmod u+w "$1"
	printf 'corrupted' | dd of="$1" bs=1 seek=1000 conv=notrunc status=none
}
bad() { # EXIT TEXT: verify --all says so
	muster image verify --all >"$work/out" 2>&1
	is $? "$1" && grep -qF -- "$2" "$work/out" || { cat "$work/out"; return 1; }
}
fetched() {
	is "$(ip netns exec server curl -sS "http://127.0.0.1/blobs/sha256/$initrd" | sha256sum)" "$initrd  -"
}
check 'hosts fetch it' fetched
flip "$(blob "$initrd")"
check 'a flipped byte is found and named' bad 1 'kvm 1: initrd: damaged: blob'
check 'it is out of service' [ ! -e "$(blob "$initrd")" ]
check 'and missing from then on' bad 1 'kvm 1: initrd: missing'
check 'an import mends it' muster image import "$work/kvm-1"
check 'and hosts get it' wait_for 3 fetched
check 'for good' muster image verify --all
flip "$(blob "$initrd")"
check 'an import finds damage by itself' muster image import "$work/kvm-1"
check 'and mends it, too' muster image verify --all
truncate -s 1000 "$(blob "$initrd")"
check 'a file that became shorter' bad 1 'kvm 1: initrd: damaged'
muster image import "$work/kvm-1" >/dev/null 2>&1

# ---- gc

gc() { muster -o name image gc "$@"; }
age() { find "$work/state/blobs" -type f -exec touch -d "$1" {} +; }
head -c 5000 /dev/urandom >"$work/f"
young=$(digest "$work/f")
put "$work/f" "$young" >/dev/null
check 'a root of the keys' muster key root "$work/roots" --key release
muster key sign "$work/roots/root.1.json" --key release >/dev/null
check 'is imported' muster image import "$work/roots"
check 'one for the channel of kvm' muster image import "$work/kvm-3/channel.json"
check 'what came a moment ago stays' is "$(gc)" 0
age '2 hours ago'
check 'of what is old' is "$(state "$young")" 'whole 5000'
check 'what was asked for a moment ago stays' [ -e "$(blob "$young")" ]
before=$(files sha256)
names=$(api /blobs | jq '.blobs | length')
age '2 hours ago'
check 'a trial says how many' is "$(gc --dry-run)" $((before - names))
check 'and removes none' is "$(files sha256)" "$before"
check 'it removes what nothing names' is "$(gc)" $((before - names))
check 'the old one' [ ! -e "$(blob "$young")" ]
check 'and nothing else' muster image verify --all
kept() { # WHAT: a blob of that name is there
	api /blobs | jq -r --arg what "$1" '.blobs[] | select(.names | index($what)) | .digest' |
		while read -r d; do [ -e "$(blob "$d")" ] && echo yes; done | grep -q yes
}
for what in 'root 1' 'root 1: signature' 'kvm: channel stable' 'kvm: channel stable: signature' \
	'kvm 3: manifest' 'kvm 3: signature'; do
	check "$what is there" kept "$what"
done
# what was needed until a moment ago, a host may be fetching now
age '2 hours ago'
old=$(api /channels | jq -r '.channels[] | select(.image == "kvm").digest')
"$B/muster" image channel "$work/kvm-3/channel.json" --image "$work/kvm-3" >/dev/null 2>&1
"$B/muster" key sign "$work/kvm-3/channel.json" --key release >/dev/null 2>&1
check 'the channel once more' muster image import "$work/kvm-3/channel.json" --reason 'lasts longer'
check 'it has another text' [ "$(api /channels | jq -r '.channels[] | select(.image == "kvm").digest')" != "$old" ]
check 'why is in the log' grep -q 'lasts longer' <(muster image log kvm)
check 'an image is removed' muster image rm two --yes
before=$(files sha256)
check 'nothing goes at once' is "$(gc)" 0
check 'neither the former channel nor the image' is "$(files sha256)" "$before"
check 'of the image there is all' [ -e "$(blob "$(digest "$work/two-1/initrd")")" ]
age '2 hours ago'
gc >/dev/null
check 'the channel goes later' [ ! -e "$(blob "$old")" ]
check 'and the image' [ ! -e "$(blob "$(digest "$work/two-1/initrd")")" ]
put "$work/f" "$young" 0-999 >/dev/null
age '2 hours ago'
check 'half of one may yet become whole' is "$(gc)" 0
age '2 days ago'
parts=$(files tmp) # and what the kills above have left
check 'not after a day' is "$(gc)" "$parts"
check 'nothing is left of it' is "$(files tmp)" 0
check 'the least time' is "$(http POST /images/gc --data '{"older_s":60}')" 422
check 'no such key' is "$(http POST /images/gc --data '{"older":60}')" 422
check 'a time' muster image gc --older 20m
muster image gc --older soon >/dev/null 2>&1
check 'that is none' is $? 2
check 'all images are good after all of it' muster image verify --all
exit $failed
