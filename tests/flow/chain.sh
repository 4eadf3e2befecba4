#!/usr/bin/env bash
# Attacks on the signed files, with a real agent and a real musterd and somebody between them who
# changes what he likes (tests/support/between.py), or a server that was taken over; and `muster host
# why` knows it. Numbers like S05 are those of the attacks in test_judge.c. Needs root for a network namespace.
# takes: 170 s
set -u
cd "$(dirname "$0")/../.." || exit 1
B=$(realpath "${B:-build/release}")
between=$PWD/tests/support/between.py
failed=0
work=$(mktemp -d)
ns=muschain$$
server='' liars=() slow=''

ok() { echo "ok chain: $1"; }
not_ok() { echo "not ok chain: $1"; failed=1; }
check() { local name=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$name"; else not_ok "$name"; sed 's/^/# /' "$work/out" "$work/screen" 2>/dev/null; fi; }
end() { [ -z "$1" ] || { kill -9 "$1" && wait "$1"; } 2>/dev/null; }
cleanup() {
	local pid

	for pid in "$server" "$slow" ${liars[@]+"${liars[@]}"}; do end "$pid"; done
	ip netns del "$ns" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ "$(id -u)" != 0 ] || ! ip netns add "$ns" 2>/dev/null; then
	echo "skip chain # needs root and network namespaces"
	exit 0
fi
for tool in minisign jq python3 sqlite3 curl; do
	command -v $tool >"$work/out" || { echo "skip chain # $tool is not installed"; exit 0; }
done
ip -n "$ns" link set lo up
ip -n "$ns" link add br0 type bridge
ip -n "$ns" addr add 10.77.0.1/24 dev br0
ip -n "$ns" link set br0 up
chmod 755 "$work"

. tests/support/because.sh
muster() { MUSTER_KEYS=$work/keys "$B/muster" --socket "$work/run/muster.sock" "$@"; }
quiet() { "$@" >"$work/quiet" 2>&1 || { not_ok "in passing: $*"; sed 's/^/# /' "$work/quiet"; }; }
wait_for() { for _ in $(seq 100); do "$@" >"$work/out" 2>&1 && return 0; sleep 0.05; done; return 1; }
export ASAN_OPTIONS=verify_asan_link_order=0 # other_clock.so is loaded before it
start() { # [CLOCK]: that many seconds off
	env ${1:+LD_PRELOAD="$B/support/other_clock.so" OTHER_CLOCK="$1"} \
		ip netns exec "$ns" "$B/musterd" -f -c "$work/muster.conf" >>"$work/log" 2>&1 &
	server=$!
	wait_for muster status
}
restart() {
	kill -TERM "$server" && wait "$server"
	start "$@"
}
db() { sqlite3 -cmd '.timeout 5000' "$work/state/muster.db" "$1"; }

# ---- five roots with three keys lost on the way, two releases, a server, a host
mkdir -p "$work"/{keys,recipes,lie}
cd "$work" || exit 1
for name in ada bob cyd dan eve flo stranger; do quiet muster key generate $name; done
next() { # VERSION SIGNERS... -- ARGUMENTS...
	local version=$1 signers=()

	shift
	while [ "$1" != -- ]; do signers+=(--key "$1"); shift; done
	shift
	quiet muster key rotate roots "$@"
	quiet muster key sign "roots/root.$version.json" "${signers[@]}"
}
quiet muster key root roots --key ada --key bob --key cyd --threshold 2
quiet muster key sign roots/root.1.json --key ada --key bob
next 2 ada cyd -- --lost bob --add dan
next 3 cyd dan -- --lost ada --add eve
next 4 dan eve -- --lost cyd --add flo
next 5 eve flo -- --valid 24h
cat >recipes/tiny.sh <<'END'
#!/bin/sh
head -c 2000 /dev/urandom >"$1/vmlinuz"
head -c 2000 /dev/urandom >"$1/initrd"
cat >"$1/image.json" <<'JSON'
{ "name": "tiny", "version": "1", "kind": "linux", "channel": "stable", "args": "quiet",
  "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" },
  { "role": "initrd", "name": "initrd" } ] }
JSON
END
chmod +x recipes/tiny.sh
quiet muster image build tiny --recipes recipes -o seven
cp -r seven eight
quiet muster image sign seven --key dan --release 7
quiet muster image sign seven --key flo
quiet muster image sign eight --key flo --release 8
quiet muster image sign eight --key eve
cat >muster.conf <<END
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
mkdir -p state/keys/trust && chown -R nobody: state
check "the server starts" start
sum() { sha256sum <"$1" | cut -d' ' -f1; }
agent_of() { # DIR ROOT: what an agent carries that starts from this root file
	local sig

	mkdir -p "$1"
	cp "$2" "$1/root.json"
	for sig in "$2".minisig.*; do cp "$sig" "$1/root.json${sig#"$2"}"; done
	cp state/keys/site.pub "$1/site-1.pub"
}
for n in 1 3 5; do agent_of "a$n" roots/root.$n.json; done
host() { # DIR MAC: the kernel's files of a host
	mkdir -p "$1/sys/class/net/eth0/device" "$1/proc" "$1/sys/class/dmi/id"
	echo "$2" >"$1/sys/class/net/eth0/address"
	echo 1 | tee "$1/sys/class/net/eth0/type" >"$1/sys/class/net/eth0/carrier"
	printf 'MemTotal: 1048576 kB\nMemAvailable: 900000 kB\n' >"$1/proc/meminfo"
}
between() { # PORT DIR
	ip netns exec "$ns" "$between" "$1" "$work/$2" http://10.77.0.1 >>"$work/liar.log" 2>&1 &
	liars+=($!)
	wait_for ip netns exec "$ns" curl -s "http://10.77.0.1:$1/none"
}
host host 52:54:00:00:00:01
between 8080 lie

boots() { # AGENT [PORT]
	timeout "${LIMIT:-30}" ip netns exec "$ns" "$B/muster-agent" rehearse \
		"http://10.77.0.1${2:+:$2}" "$1" "$work/host" >"$work/screen" 2>&1
}
truth() { rm -rf "$work/lie" && mkdir "$work/lie"; }
refuses() { # CODE AGENT: what the one between says now
	boots "$2" 8080
	[ $? = 1 ] && grep -q "DID NOT START (.*, $1)" "$work/screen" && because n01 "$1" n01
}
refuses_now() { # CODE: the lab's agent
	boots a0
	[ $? = 1 ] && grep -q "DID NOT START (.*, $1)" "$work/screen"
}
row() { # NAME CODE AGENT: refused, and what comes next is the truth again
	check "$1: $2" refuses "$2" "$3"
	truth
}
# A file and signature files for the one between; says them as the server would.
signed() { # FILE SIGNATURE...
	local file list=()

	for file in "$@"; do cp "$file" "lie/$(sum "$file")"; done
	for file in "${@:2}"; do list+=("\"$(sum "$file")\""); done
	printf '{"digest":"%s","signatures":[%s]}' "$(sum "$1")" "$(IFS=,; echo "${list[*]}")"
}
lie() { printf '%s\n' "$1" >lie/ticket.jq; }
id_of() { muster key show "$1" -o name; }
sig_of() { echo "$1.minisig.$(id_of "$2")"; }
sign() { # FILE KEYS...: whatever it says; each signature in its own file
	local name

	for name in "${@:2}"; do
		minisign -S -s "keys/$name.key" -m "$1" -x "$(sig_of "$1" "$name")" >quiet 2>&1
	done
}
site_sign() { minisign -S -s state/keys/site.key -m "$1" -x "$1.minisig.site" >quiet 2>&1; }

# ---- S11: what hardly comes; in the background, for it takes a while
trickle() {
	host slow 52:54:00:00:00:11
	mkdir -p trickle
	between 8081 trickle
	# shellcheck disable=SC2016
	echo 'while printf 0123456789; do sleep 0.5; done' >"trickle/$(sum eight/initrd).sh"
	timeout 100 ip netns exec "$ns" "$B/muster-agent" rehearse http://10.77.0.1:8081 a5 slow >slow.screen 2>&1 &
	slow=$!
}
left_alone() { # the source was left within 40 s of its start
	[ "$SECONDS" -ge 40 ] || sleep $((40 - SECONDS))
	cat slow.screen
	grep "broke at byte" slow.screen
}

ticket() { # what a host gets, into ticket.json
	local session

	session=$(ip netns exec "$ns" curl -s --data-binary '{"agent":"0","serial":"REC42","nics":[{"mac":"52:54:00:00:00:01"}]}' \
		http://10.77.0.1/v1/agent/facts | jq -r .session)
	ip netns exec "$ns" curl -s -H "Authorization: Bearer $session" --data-binary \
		"{\"root\":5,\"nonce\":\"$(printf '0%.0s' {1..64})\"}" http://10.77.0.1/v1/agent/ticket >ticket.json
}

# ---- what hosts would refuse is not imported
not_taken() { # CODE FILE...: the server's sentence has it
	local code=$1

	shift
	muster -o json image import "$@" >refusal 2>&1 && return 1
	cat refusal
	grep -qF "$code" refusal
}
check "without a root or key nothing is taken" not_taken "trusts no release key yet" seven
cp -r roots gap && rm gap/root.[14].json*
check "roots with a gap" not_taken "gap has no root.4.json" gap
quiet muster image import roots
check "once more" muster image import roots
quiet muster key root strange --key stranger
quiet muster key sign strange/root.1.json --key stranger
check "other roots" not_taken "ends with root 1, the server has 5" strange
cp -r seven half && rm "half/manifest.json.minisig.$(muster key show flo -o name)"
check "an image that one has signed" not_taken "(1 of 2)" half
cp -r seven lone && rm "lone/channel.json.minisig.$(muster key show flo -o name)"
check "a channel that one has signed" not_taken "(1 of 2)" lone
check "of which the image was taken all the same" [ "$(muster image list -o name)" = tiny ]
no_channel() { ticket; cat ticket.json; jq -e '.code == "no-channel"' ticket.json; }
check "and hosts are told that none says what is current" no_channel

# ---- S17: all boot, whichever root they carry
check "roots and images are imported" muster image import roots seven eight
check "and once more" muster image import roots eight
for n in 1 3 5; do check "S17: an agent with root $n" boots "a$n"; done
said() { muster events -o json | grep -q "$1"; }
check "S17: the record says what was believed" said "root 5, channel stable, release 8\""
check "S17: through somebody who changes nothing" boots a1 8080
older() { muster image import seven/channel.json; [ $? = 4 ]; }
check "an older channel is not imported" older
sleep 1
quiet muster image sign eight --key flo --release 8 --restamp
quiet muster image sign eight --key eve
check "release 8 once more" muster image import eight
stays() { muster image import seven | grep -x 'channel stable of tiny: release 8 stays current'; }
check "beside an older image, the newer channel stays" stays
for name in ada bob cyd; do
	cp eight/channel.json lost.json
	sign lost.json $name
done
lie ".channel = $(signed lost.json lost.json.minisig.*)"
row "S17: a channel by the lost keys" channel-signature a1

# ---- minisign agrees with the ticket, too
ticket
cp ticket.json recorded.json
jq -j .ticket recorded.json >ticket.txt
jq -j .ticket_minisig recorded.json >ticket.minisig
check "minisign -V agrees with the ticket" minisign -Vm ticket.txt -x ticket.minisig -p state/keys/site.pub

# ---- S01: one bit, in each text and signature; test_judge.c flips all of them
flipped() { # FILE OFFSET: a copy
	local byte

	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	cp "$1" "$1.flipped"
	printf '%b' "\\x$(printf '%02x' $((byte ^ 1)))" |
		dd of="$1.flipped" bs=1 seek="$2" conv=notrunc status=none
	echo "$1.flipped"
}
r2=roots/root.2.json
lie ".roots[0] = $(signed "$(flipped $r2 40)" "$(sig_of $r2 ada)" "$(sig_of $r2 cyd)")"
row "S01: a root" root-old-keys a1
lie ".roots[0] = $(signed $r2 "$(flipped "$(sig_of $r2 ada)" 100)" "$(sig_of $r2 cyd)")"
row "S01: a root's signature" root-old-keys a1
ch=eight/channel.json
lie ".channel = $(signed "$(flipped $ch 40)" $ch.minisig.*)"
row "S01: a channel" channel-signature a5
lie ".channel = $(signed $ch "$(sig_of $ch flo)" "$(flipped "$(sig_of $ch eve)" 100)")"
row "S01: a channel's signature" channel-signature a5
rm -f eight/*.flipped roots/*.flipped
lie '.ticket |= sub("n01"; "n02")'
row "S01: a ticket" ticket-signature a5
lie '.ticket_minisig |= sub("boot ticket"; "boot tickeT")'
row "S01: a ticket's signature" ticket-signature a5
ma=eight/manifest.json
mv "$(flipped $ma 40)" "lie/$(sum $ma)"
row "S01: a manifest" manifest-digest a5
lie ".manifest = $(signed $ma "$(sig_of $ma flo)" "$(flipped "$(sig_of $ma eve)" 100)")"
row "S01: a manifest's signature" manifest-signature a5
rm -f eight/*.flipped
for file in $r2 "$(sig_of $r2 ada)" $ch "$(sig_of $ch flo)" "$(sig_of $ma flo)"; do
	mv "$(flipped "$file" 60)" "lie/$(sum "$file")"
	name="${file%.minisig*}$([ "$file" = "${file%.minisig*}" ] || echo "'s signature")"
	row "S01: on the way: $name" blob-digest a1
done
mv "$(flipped eight/initrd 1999)" "lie/$(sum eight/initrd)"
row "S01: a file" file-digest a5

# ---- S02: one key is one, in all four
again() { # FILE KEY: a second signature by the same key, and one under another id
	minisign -S -s "keys/$2.key" -m "$1" -x "$1.again" -t another >quiet 2>&1
	# in the key's line the id is at byte 54 and what nobody looks at when it is zero at the end
	tail -1 "keys/$2.key" | base64 -d >key.raw
	printf 'otherid!' | dd of=key.raw bs=1 seek=54 conv=notrunc status=none
	dd if=/dev/zero of=key.raw bs=1 seek=126 count=32 conv=notrunc status=none
	{ echo 'untrusted comment: minisign secret key'; base64 -w0 key.raw; echo; } >other.key
	minisign -S -s other.key -m "$1" -x "$1.other" >quiet 2>&1
	[ "$(head -2 "$1.other" | tail -1)" != "$(head -2 "$1.again" | tail -1)" ]
}
for file in $r2 $ch $ma ticket.txt; do
	key=flo
	[ $file != $r2 ] || key=ada
	check "S02: $file is signed twice by $key" again $file $key
done
lie ".roots[0] = $(signed $r2 "$(sig_of $r2 ada)" $r2.again $r2.other)"
row "S02: a root" root-old-keys a1
lie ".channel = $(signed $ch "$(sig_of $ch flo)" $ch.again $ch.other)"
row "S02: a channel" channel-signature a5
lie ".manifest = $(signed $ma "$(sig_of $ma flo)" $ma.again $ma.other)"
row "S02: a manifest" manifest-signature a5
lie ".ticket = $(jq -Rs . ticket.txt) | .ticket_minisig = $(jq -Rs . ticket.txt.again)"
row "S02: a ticket by a release key" ticket-signature a5

# ---- S03: any of the four in any other's place, signed by everybody
mkdir all
cp $r2 all/root
cp $ch all/channel
cp $ma all/manifest
cp ticket.txt all/ticket
for what in root channel manifest ticket; do
	sign all/$what ada bob cyd dan eve flo
	site_sign all/$what
done
current=$(db "SELECT hex(manifest) FROM channel")
names() { # HEX: the manifest that the server puts into tickets
	db "UPDATE image SET manifest = x'$1' WHERE manifest = (SELECT manifest FROM channel);
		UPDATE channel SET manifest = x'$1'"
}
for what in root channel manifest ticket; do
	# one signature by the site and one or two that count, so that only what it is can be wrong
	some=("all/$what.minisig.site" "$(sig_of all/$what ada)" "$(sig_of all/$what cyd)" \
		"$(sig_of all/$what eve)" "$(sig_of all/$what flo)")
	if [ $what != root ]; then
		lie ".roots[0] = $(signed all/$what "${some[@]}")"
		row "S03: a $what for a root" root-malformed a1
	fi
	if [ $what != channel ]; then
		lie ".channel = $(signed all/$what "${some[@]}")"
		row "S03: a $what for a channel" channel-malformed a5
	fi
	if [ $what != ticket ]; then
		lie ".ticket = $(jq -Rs . all/$what) | .ticket_minisig = $(jq -Rs . "all/$what.minisig.site")"
		row "S03: a $what for a ticket" ticket-malformed a5
	fi
	if [ $what != manifest ]; then
		names "$(sum all/$what)"
		lie ".channel = $(signed $ch $ch.minisig.*) | .manifest = $(signed all/$what "${some[@]}")"
		row "S03: a $what for a manifest" manifest-malformed a5
		names "$current"
	fi
done
check "S03: all in their own places" boots a1 8080

# ---- S04: roots
r3=roots/root.3.json
sign $r3 ada
lie ".roots = [$(signed $r3 $r3.minisig.*)]"
row "S04: one is left out" root-version a1
lie ".roots[0] = $(signed $r2 "$(sig_of $r2 cyd)")"
row "S04: the old threshold is missed" root-old-keys a1
mkdir odd
cp $r2 odd/r2
sign odd/r2 ada bob
lie ".roots[0] = $(signed odd/r2 odd/r2.minisig.*)"
row "S04: its own threshold is missed" root-new-keys a1
sed "s/\"expires\": [0-9]*/\"expires\": $(($(date +%s) - 1))/" $r2 >odd/over
sign odd/over ada cyd
cp $ch odd/channel
sign odd/channel ada cyd
lie ".roots = [$(signed odd/over odd/over.minisig.*)] | .channel = $(signed odd/channel odd/channel.minisig.*)"
row "S04: expired" root-expired a1
quiet muster key root long --key ada
quiet muster key sign long/root.1.json --key ada
list=()
for n in $(seq 2 34); do
	quiet muster key rotate long
	quiet muster key sign "long/root.$n.json" --key ada
	list+=("$(signed "long/root.$n.json" "$(sig_of "long/root.$n.json" ada)")")
done
agent_of along long/root.1.json
lie ".roots = [$(IFS=,; echo "${list[*]}")]"
row "S04: 33 steps" root-steps along

# ---- S05: an older release, by a mirror or by the server itself
cp seven/manifest.json "lie/$(sum $ma)"
lie ".manifest.signatures = $(signed $ma seven/manifest.json.minisig.* | jq -c .signatures)"
cp seven/manifest.json "lie/$(sum $ma)"
row "S05: a mirror gives an older one" rollback a5
pin() { db "UPDATE channel SET manifest = x'$1'"; }
pin "$(sum seven/manifest.json)"
lie ".channel = $(signed $ch $ch.minisig.*)"
row "S05: the server names an older one" rollback a5
quiet muster image channel pins.json --image eight --floor 7
sign pins.json eve flo
lie ".channel = $(signed pins.json pins.json.minisig.*)"
check "S05: unless the signers allow pins" boots a5 8080
check "S05: which goes on record" said "root 5, channel stable, release 7, pinned"
truth
pin "$current"

# ---- S06: recorded yesterday
lie ".ticket = $(jq .ticket recorded.json) | .ticket_minisig = $(jq .ticket_minisig recorded.json)"
row "S06: a recorded ticket" ticket-nonce a5

# ---- S07: a site that withholds news
over() { # ISSUED EXPIRES: a channel from and until then, by now
	sed "s/\"issued\": [0-9]*/\"issued\": $(($(date +%s) + $1))/
		s/\"expires\": [0-9]*/\"expires\": $(($(date +%s) + $2))/" $ch >over.json
	rm -f over.json.minisig.*
	sign over.json eve flo
	lie ".channel = $(signed over.json over.json.minisig.*)"
}
over -60 60
check "S07: a channel in its last minute" boots a5 8080
over -60 0
row "S07: and after them" channel-expired a5
check "S07: the server's clock is put back for half an hour" restart -1800
over -3600 -60
row "S07 a: own clock right, the server lies" channel-expired a5
in_1970() { LD_PRELOAD="$B/support/other_clock.so" OTHER_CLOCK=-$(($(date +%s) - 100)) "$@"; }
over -3600 -60
check "S07 b: own clock in 1970, the server lies" in_1970 boots a5 8080
check "S07 b: on the screen" grep -q "This host's clock is wrong" screen
check "S07 b: and on record" said "fresh by the server's word only"
cp -r a5 newer
echo $(($(date +%s) - 30)) >newer/epoch
check "S07: an agent that is newer than the lie" in_1970 refuses channel-expired newer
cp -r a5 sure
touch sure/rtc-trusted
check "S07: an agent whose owner trusts the clock" in_1970 refuses clock sure
check "S07: and so it is explained" because n01 clock "more than a day apart"
truth
check "the server's clock is right again" restart

SECONDS=0
trickle

# ---- S12, S13, S14
cp eight/vmlinuz "lie/$(sum eight/initrd)"
row "S12: the kernel in the ramdisk's place" file-digest a5
touch lie/ticket-host
row "S13: another host's ticket" ticket-host a5
cp -r eight canary
quiet muster image sign canary --key eve --restamp --release 8 --channel canary
quiet muster image sign canary --key flo
lie ".channel = $(signed canary/channel.json canary/channel.json.minisig.*)"
row "S13: another channel" manifest-channel a5
sed 's/x86_64/aarch64/' $ma >arch.json
sign arch.json eve flo
names "$(sum arch.json)"
lie ".channel = $(signed $ch $ch.minisig.*) | .manifest = $(signed arch.json arch.json.minisig.*)"
row "S13: another processor" manifest-malformed a5
names "$current"
{ cat eight/initrd; echo; } >"lie/$(sum eight/initrd)"
row "S14: a byte more in a file" file-length a5
{ cat $ma; echo; } >"lie/$(sum $ma)"
row "S14: a byte more in the manifest" manifest-digest a5
{ cat $ch; echo; } >more.json
lie ".channel = $(signed more.json $ch.minisig.*)"
row "S14: a byte more in the channel" channel-signature a5
sed 's/"floor"/"extra": 1, "floor"/' $ch >extra.json
sign extra.json eve flo
lie ".channel = $(signed extra.json extra.json.minisig.*)"
row "S14: a key more in the channel" channel-malformed a5

# ---- releases that the channel does not name, or whose time is over; answers that are none, or late
sed 's/"release": 8/"release": 10/' $ma >ten.json
sign ten.json eve flo
names "$(sum ten.json)"
lie ".channel = $(signed $ch $ch.minisig.*) | .manifest = $(signed ten.json ten.json.minisig.*)"
row "a release that the channel does not name yet" manifest-current a5
sed "s/\"created\": [0-9]*/\"created\": $(($(date +%s) - 60))/
	s/\"expires\": [0-9]*/\"expires\": $(($(date +%s) - 1))/" $ma >past.json
sed "s/$(sum $ma)/$(sum past.json)/" $ch >past-channel.json
sign past.json eve flo
sign past-channel.json eve flo
names "$(sum past.json)"
lie ".channel = $(signed past-channel.json past-channel.json.minisig.*) | .manifest = $(signed past.json past.json.minisig.*)"
row "a release that has expired" manifest-expired a5
names "$current"
lie '{}'
row "an answer that nobody understands" server a5
hurried() { LD_PRELOAD="$B/support/other_clock.so" OTHER_SPEED=400 "$@"; }
touch lie/ticket-late
check "a ticket that comes late, each time" hurried refuses ticket-late a5
check "and so it is explained" because n01 ticket-late "came too late"
truth

# ---- S15: flo's key is stolen, and the server with the site's key
cp -r eight nine
sed -i 's/"release": 8/"release": 9/' nine/manifest.json
rm -f nine/*.minisig*
sed "s/\"release\": 8/\"release\": 9/; s/$(sum $ma)/$(sum nine/manifest.json)/" $ch >nine/channel.json
for file in nine/channel.json nine/manifest.json; do
	sign $file flo stranger
	site_sign $file
done
names "$(sum nine/manifest.json)"
nine=".manifest = $(signed nine/manifest.json nine/manifest.json.minisig.*)"
lie "$nine | .channel = $(signed nine/channel.json nine/channel.json.minisig.*)"
row "S15: a channel of his own" channel-signature a5
sign nine/channel.json eve
lie ".manifest = $(signed nine/manifest.json nine/manifest.json.minisig.*) | .channel = $(signed nine/channel.json nine/channel.json.minisig.*)"
row "S15: an image of his own" manifest-signature a5
names "$current"
cp -r roots his
quiet muster key rotate his --remove eve --remove dan --add stranger --threshold 1
sign his/root.6.json flo stranger
lie ".roots = [$(signed his/root.6.json his/root.6.json.minisig.*)]"
row "S15: a root of his own" root-old-keys a5

# ---- S10: what never ends
highest() { # AGENT: boots, and says the most memory in KiB that it had
	local pid most=0 now

	ip netns exec "$ns" "$B/muster-agent" rehearse http://10.77.0.1:8080 "$1" "$work/host" >"$work/screen" 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status" 2>/dev/null)
		[ -n "$now" ] || break
		[ "$now" -le $most ] || most=$now
		sleep 0.01
	done
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	echo "$most"
}
usual=$(highest a1)
bounded() { # AGENT [CODE]: at most 8 MiB more than usual
	local most

	most=$(highest "$1")
	echo "$most KiB, usually $usual"
	[ "$most" -gt 1000 ] && [ "$most" -le $((usual + 8192)) ] &&
		{ [ -z "${2:-}" ] || grep -q "DID NOT START (.*, $2)" "$work/screen"; }
}
check "S10: there is a usual" [ "$usual" -gt 1000 ]
for file in $r2 "$(sig_of $r2 ada)" $ch "$(sig_of $ch flo)" $ma "$(sig_of $ma flo)" eight/initrd; do
	echo 'exec cat /dev/zero' >"lie/$(sum "$file").sh"
	check "S10: without an end: ${file%.minisig*}$([ "$file" = "${file%.minisig*}" ] || echo "'s signature")" \
		bounded a1 file-length
	truth
done
for file in facts ticket; do
	echo 'exec cat /dev/zero' >lie/$file.sh
	check "S10: without an end: the answer to $file" bounded a1
	truth
done
# ---- from a lab, where agent and server have a bare key, to a site with roots
db 'DELETE FROM root; DELETE FROM channel; DELETE FROM image_current; DELETE FROM image'
cp keys/ada.pub state/keys/trust/
mkdir a0
cp keys/ada.pub a0/release-1.pub
cp state/keys/site.pub a0/site-1.pub
quiet muster image sign seven --key ada --restamp
check "a lab: what its key has signed is imported" muster image import seven
check "a lab: and boots" boots a0
check "a lab: it is root 0" said "root 0, channel stable"
check "a lab: roots that it has not signed" not_taken "keys of the root before it" strange
quiet muster key root site --key bob --key cyd --threshold 2
sign site/root.1.json bob cyd
check "a site: not without the lab's key" not_taken "keys of the root before it" site
sign site/root.1.json ada
check "a site: but with it" muster image import site
check "a site: what the lab's key has signed does not count" refuses_now channel-signature
for name in bob cyd; do quiet muster image sign seven --key $name $([ $name = cyd ] || echo --restamp); done
check "a site: what its keys have signed does" muster image import seven
check "a site: the lab's agents find the way" boots a0
check "a site: and say so" said "root 1, channel stable"

check "S11: a trickle is left within 30 s" left_alone
exit $failed
