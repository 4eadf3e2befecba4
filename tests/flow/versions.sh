#!/usr/bin/env bash
# Versions and channels: hosts of two channels, rollback, pins, removing and the log, with a real
# musterd and real agents that judge by the signed channel whatever the server says. Needs root for
# network namespaces.
# takes: 60 s
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
flow_enter "$@"

. tests/support/because.sh
muster() { MUSTER_KEYS=$work/keys "$B/muster" --socket "$work/run/muster.sock" "$@"; }
quiet() { "$@" >"$work/quiet" 2>&1 || { not_ok "in passing: $*"; sed 's/^/# /' "$work/quiet"; }; }
# refused STATUS TEXT COMMAND...: it ends with that, and says that.
refused() {
	local status=$1 text=$2 said

	shift 2
	said=$("$@" 2>&1)
	[ $? = "$status" ] && [[ $said == *"$text"* ]] || { echo "$said"; return 1; }
}
inside() { ip netns exec server "$@"; }

# ---- a server, and signed versions in two channels
ns_add server
bridge server br0 10.77.0.1/24
for i in 1 2 3; do ip -n server addr add "10.77.0.5$i/24" dev br0; done
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = open
image = kvm
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.200
[tftp]
enabled = no
END
mkdir -p "$work/state/keys/trust" "$work/keys" "$work/trust"
quiet muster key generate release
cp "$work/keys/release.pub" "$work/state/keys/trust/"
chown -R nobody: "$work/state"
check 'the server starts' server_start
[ $failed = 0 ] || exit 1
cp "$work/keys/release.pub" "$work/trust/release-1.pub"
cp "$work/state/keys/site.pub" "$work/trust/site-1.pub"

# image NAME VERSION CHANNEL RELEASE [SIGN...]: built and signed, in $work/NAME-RELEASE
image() {
	local dir=$work/$1-$4

	cat >"$work/recipe.sh" <<-END
	#!/bin/sh
	head -c 3000 /dev/urandom >"\$1/vmlinuz"
	head -c 3000 /dev/urandom >"\$1/initrd"
	cat >"\$1/image.json" <<'JSON'
	{ "name": "$1", "version": "$2", "kind": "linux", "channel": "$3", "args": "quiet", "xen_args": "",
	  "files": [ { "role": "kernel", "name": "vmlinuz" }, { "role": "initrd", "name": "initrd" } ] }
	JSON
	END
	chmod +x "$work/recipe.sh"
	quiet muster image build recipe --recipes "$work" -o "$dir"
	quiet muster image sign "$dir" --key release --release "$4" "${@:5}"
}
image kvm 1 stable 5
image kvm 2 stable 7
image kvm 3 stable 9 --floor 7
image kvm 4 canary 10
check 'all are imported' muster image import "$work"/kvm-{5,7,9,10}
[ $failed = 0 ] || exit 1 # nothing that follows would mean anything

# host N MAC: the kernel's files of a host in $work/hN
host() {
	local dir=$work/h$1

	mkdir -p "$dir/sys/class/net/eth0/device" "$dir/proc" "$dir/sys/class/dmi/id"
	echo "$2" >"$dir/sys/class/net/eth0/address"
	echo 1 | tee "$dir/sys/class/net/eth0/type" >"$dir/sys/class/net/eth0/carrier"
	printf 'MemTotal: 1048576 kB\nMemAvailable: 900000 kB\n' >"$dir/proc/meminfo"
}
for i in 1 2; do
	host $i 52:54:00:00:00:0$i
	quiet muster host add n$i --mac 52:54:00:00:00:0$i --image kvm
done

# boots N RELEASE: its agent goes the whole way, and says by which release.
boots() {
	timeout 30 ip netns exec server "$B/muster-agent" rehearse http://10.77.0.1 "$work/trust" "$work/h$1" || return
	api "/boots/$(api "/hosts/n$1" | jq .boot)" | jq -r '.events[] | select(.stage == "verify" and .what == "finished").detail' >"$work/believed"
	cat "$work/believed"
	grep -q "release $2\b" "$work/believed"
}
# current [CHANNEL]: its release
current() { api /channels | jq ".channels[] | select(.image == \"kvm\" and .name == \"${1:-stable}\").current.release"; }
log() { muster image log kvm -o json | jq -r "$1"; }

# ---- which channel a host follows
check 'what the channels name is current' [ "$(current) $(current canary)" = '9 10' ]
check 'the list marks it' [ "$(muster image list -o csv | awk -F, '{ print $2, $5 }' | tr '\n' ,)" = 'version current,4 yes,3 yes,2 no,1 no,' ]
check 'a host follows stable' boots 1 9
check 'a channel for one host' muster host set n2 --channel canary
check 'it follows canary' boots 2 10
check 'by that channel' grep -q 'channel canary' "$work/believed"
check 'the other one still stable' boots 1 9
check 'the list of hosts says so' [ "$(muster host list -o csv | sed -n 's/^n2,.*kvm,.*,\(canary\),.*/\1/p')" = canary ]
check 'and one host' grep -q '^  channel *canary$' <(muster host show n2)
quiet muster host set n2 --channel nightly
nightly() { timeout 3 ip netns exec server "$B/muster-agent" rehearse http://10.77.0.1 "$work/trust" "$work/h2"; }
check 'a channel that is not there is named' grep -q 'n2 follows the channel nightly of kvm, which is not on the server' <(nightly 2>&1)
quiet muster host set n2 --image xen
check 'another image has no channel yet' [ "$(api /hosts/n2 | jq .channel)" = null ]
quiet muster host set n2 --image kvm --channel canary

# ---- rollback
check 'a rollback has a reason' refused 2 '--reason TEXT' muster image rollback kvm
check 'a dry run' refused 0 'kvm, channel stable: 2 (release 7) would be current instead of 3 (release 9)' muster image rollback kvm --reason test --dry-run
check 'changes nothing' [ "$(current)" = 9 ]
check 'one step back' refused 0 'kvm, channel stable: 2 (release 7) is current instead of 3 (release 9)' muster image rollback kvm --reason 'guests lose their network'
check 'the next boot runs it, and the agent agrees' boots 1 7
check 'as an older one than the channel names' grep -q 'pinned' "$work/believed"
check 'the other channel is left alone' boots 2 10
check 'who, what, why are on record' [ "$(log '.log[0] | [.what, .user, .uid, .from.version, .to.version, .why] | join("|")')" = 'rollback|root|0|3|2|guests lose their network' ]
check 'below the floor' refused 4 'kvm 1 is release 5, below the floor 7 of channel stable: hosts refuse it' muster image rollback kvm --reason more
check 'with what to do' refused 4 'muster image channel FILE --image DIR --rollback' muster image rollback kvm --to 1 --reason more
check 'another channel has other versions' refused 3 'no such version of kvm in its channel stable' muster image rollback kvm --to 4 --reason more
check 'no version before that one' refused 4 'before release 10' muster image rollback kvm --channel canary --reason more
check 'an image that is not there' refused 3 "no image 'xen'" muster image rollback xen --reason more
check 'what is current is so already' refused 4 'is current already' muster image rollback kvm --to 2 --reason more
check 'nothing of that changed anything' [ "$(current) $(log '.log | map(select(.what == "rollback")) | length')" = '7 1' ]

# ---- what undoes it, and what does not
check 'the same image once more' muster image import "$work/kvm-9"
check 'does not' [ "$(current)" = 7 ]
sleep 1 # a channel is newer by its second
channel() { # DIR WORDS...: made, signed, imported
	quiet muster image channel "$work/stable.json" --image "$1" "${@:2}"
	quiet muster key sign "$work/stable.json" --key release
	quiet muster image import "$work/stable.json"
}
cp "$work/kvm-9/channel.json" "$work/stable.json"
channel "$work/kvm-9" --valid 20d
check 'nor does a channel that only lasts longer' [ "$(current)" = 7 ]
image kvm 5 stable 11 --floor 7
quiet muster image import "$work/kvm-11"
check 'a channel that names another does' [ "$(current)" = 11 ]
check 'and says so' [ "$(log '.log[0] | [.what, .from.version, .to.version, .why] | join("|")')" = 'current|2|5|the channel stable names it' ]
check 'back to what was current before it' refused 0 '2 (release 7) is current instead of 5' muster image rollback kvm --reason 'slow'
check 'forward again' refused 0 '5 (release 11) is current instead of 2' muster image rollback kvm --to 5 --reason 'it was the switch'
check 'not called a rollback' [ "$(log '.log[0].what')" = current ]

check 'another user' setpriv --reuid=65534 --regid=65534 --clear-groups "$B/muster" --socket "$work/run/muster.sock" image rollback kvm --to 2 --reason 'as nobody'
check 'is on record as such' [ "$(log '.log[0] | [.what, .user, .uid, .why] | map(tostring) | join("|")')" = 'rollback|nobody|65534|as nobody' ]
quiet muster image rollback kvm --to 5 --reason test

# ---- kill -9 between two changes
core_pid() { pgrep -P "$server" -x musterd-core; }
check 'a change' muster image rollback kvm --to 3 --reason 'before the kill'
before=$(muster image log -o json)
kill -KILL "$(core_pid)"
check 'the server is back' wait_for 10 muster status
check 'what is current has survived' [ "$(current)" = 9 ]
check 'and the log' [ "$(muster image log -o json)" = "$before" ]
check 'a change' muster image rollback kvm --to 2 --reason 'before the next kill'
before=$(muster image log -o json)
server_kill
check 'all of it starts anew' server_start
check 'nothing is lost' [ "$(muster image log -o json) $(current)" = "$before 7" ]
check 'and hosts run it' boots 1 7

# ---- pins
check 'a pin' refused 0 'n1: pinned to kvm@3' muster image pin n1 kvm@3 --reason 'its card needs it'
check 'is what the host runs' boots 1 9
check 'is shown' grep -q '^  pinned *kvm@3#9$' <(muster host show n1)
check 'and listed' [ "$(muster host list -o csv | grep -c ',kvm@3#9,')" = 1 ]
check 'and counted' [ "$(api /images | jq '.images[] | select(.release == 9).pinned')" = 1 ]
check 'and named' grep -q '^pinned *n1$' <(muster image show kvm@3)
check 'who and why' [ "$(log '.log[0] | [.what, .host, .user, .to.release, .why] | map(tostring) | join("|")')" = 'pin|n1|root|9|its card needs it' ]
check 'not below the floor' refused 4 'kvm 1 is release 5, below the floor 7' muster image pin n1 kvm@1
check 'not what is not there' refused 3 'no such version of kvm' muster image pin n1 kvm@77
check 'not another image' refused 4 'n1 boots kvm, not xen' muster image pin n1 xen@1
check 'not without a version' refused 2 'is not NAME@VERSION' muster image pin n1 kvm
check 'not a host that is not there' refused 3 '' muster image pin n99 kvm@3
check 'several hosts, in passing' refused 0 'n[1-2]: would be pinned to kvm@2' muster image pin 'n[1-2]' kvm@2 --dry-run
check 'changes nothing' [ "$(api /images | jq '[.images[].pinned] | add')" = 1 ]
check 'a pin brings its own channel' muster image pin 'n[1-2]' kvm@2
check 'by which the host judges' boots 2 7
check 'which is stable' grep -q 'channel stable' "$work/believed"
check 'the pins are JSON' jq -e '.hosts[1] | .host == "n2" and .to == null and .pins == []' <(muster image pin 'n[1-2]' --none -o json)
check 'without them all is as before' boots 1 7
check 'on record' [ "$(log '[.log[] | select(.what == "unpin").host] | sort | join(",")')" = n1,n2 ]
quiet muster image pin n2 kvm@4
quiet muster host set n2 --image xen
check 'a pin ends with its image' [ "$(api /hosts/n2 | jq -c .pins)$(log '.log[0].why')" = '[]the host boots another image' ]
quiet muster host set n2 --image kvm --channel canary

# ---- a floor that rises
host 9 52:54:00:00:00:09
quiet muster host add n9 --mac 52:54:00:00:00:09 --image kvm
quiet muster image pin n1 kvm@2
quiet muster image pin n9 kvm@2
sleep 1
channel "$work/kvm-11" --floor 9
check 'what is below it is not current any more' [ "$(current) $(log '.log[0].why')" = '11 the channel stable no longer allows what was current' ]
check 'a pin below it is not passed over' grep -q 'n1 is pinned to a version of kvm that is below the floor' \
	<(timeout 3 ip netns exec server "$B/muster-agent" rehearse http://10.77.0.1 "$work/trust" "$work/h1" 2>&1)
waits() { timeout 3 ip netns exec server "$B/muster-agent" rehearse http://10.77.0.1 "$work/trust" "$work/h9" >"$work/quiet" 2>&1; }
waits
check 'another host waits for it' because n9 pin-below 'a version of kvm that is below the floor'
check 'and the doctor knows it' grep -q 'stable of kvm does not allow the version that these are pinned to.*: n1, n9$' <(COLUMNS=1000 muster doctor --quick)
quiet muster image pin n1 --none
quiet muster image pin n9 --none
check 'without it the host boots' boots 1 11
check 'the doctor is content' [ "$(muster doctor --quick | grep -c 'pinned to')" = 0 ]

# ---- a channel that goes back
quiet muster image pin n9 kvm@5
sleep 1
channel "$work/kvm-9" --floor 9 --rollback
waits
check 'a host that is pinned above it waits, too' because n9 pin-above 'a version of kvm that its channel does not allow yet'
sleep 1
channel "$work/kvm-11" --floor 9
check 'until it goes on' boots 9 11
quiet muster host rm n9 --yes

# ---- rm: what is needed stays
check 'what is current stays' refused 4 'kvm 5, release 11, stays: it is current in a channel: stable' muster image rm kvm@5
quiet muster image rollback kvm --to 3 --reason test
check 'what a channel names stays' refused 4 'kvm 5, release 11, stays: a channel names it: stable' muster image rm kvm@5
quiet muster image rollback kvm --to 5 --reason test
quiet muster image pin n1 kvm@3
check 'what a host is pinned to stays' refused 4 'kvm 3, release 9, stays: a host is pinned to it: n1' muster image rm kvm@3
session=$(inside curl -s --data-binary '{"agent":"0","nics":[{"mac":"52:54:00:00:00:01"}]}' http://10.77.0.1/v1/agent/facts | jq -r .session)
agent() { inside curl -s -H "Authorization: Bearer $session" --data-binary "$2" "http://10.77.0.1/v1/agent/$1"; }
agent ticket "{\"root\":0,\"nonce\":\"$(printf '0%.0s' {1..64})\"}" >"$work/ticket"
quiet muster image pin n1 --none
check 'what is being booted stays' refused 4 'kvm 3, release 9, stays: a host is booting it now: n1' muster image rm kvm@3
agent failed '{"stage":"image","code":"test","message":"enough"}' >"$work/failed"
check 'a dry run' refused 0 'kvm 3 (release 9): would be forgotten' muster image rm kvm@3 --dry-run
check 'forgets nothing' muster image show kvm@3
check 'what nobody needs goes' refused 0 'kvm 3 (release 9): forgotten' muster image rm kvm@3 --reason 'has a hole: größer'
check 'and is gone' refused 3 "no image 'kvm' of version 3" muster image show kvm@3
check 'on record' [ "$(log '.log[0] | [.what, .from.version, .to, .why] | map(tostring) | join("|")')" = 'rm|3|null|has a hole: größer' ]
check 'it may come again' muster image import "$work/kvm-9"
cp -r "$work/kvm-5" "$work/kvm-6"
quiet muster image sign "$work/kvm-6" --key release --restamp --release 6
rm "$work"/kvm-6/channel.json*
quiet muster image import "$work/kvm-6"
check 'one version, signed twice' refused 4 'kvm 1 is here as 2 releases, 5 to 6' muster image rm kvm@1
check 'is told apart' refused 0 'kvm 1 (release 6): forgotten' muster image rm kvm@1#6
check 'the other one is still there' [ "$(muster image show kvm@1 -o json | jq .release)" = 5 ]

# ---- the agent image: what a script was made of stays while it boots
image agent 1 stable 1
image agent 2 stable 2
quiet muster image import "$work/agent-1"
script() { inside curl -sS --interface "$1" "http://10.77.0.1/boot.ipxe?mac=${2//:/-}&platform=efi" | sed -n 's/^kernel.*sha256\/\([0-9a-f]*\).*/\1/p'; }
sum() { sha256sum <"$1" | cut -d' ' -f1; }
check 'a script of the first agent' [ "$(script 10.77.0.51 52:54:00:00:00:03)" = "$(sum "$work/agent-1/vmlinuz")" ]
name=$(api /hosts | jq -r '.hosts[] | select(.macs == ["52:54:00:00:00:03"]).name')
quiet muster image import "$work/agent-2"
check 'others get the second' [ "$(script 10.77.0.52 52:54:00:00:00:04)" = "$(sum "$work/agent-2/vmlinuz")" ]
check 'the first stays' refused 4 "agent 1, release 1, stays: a host is booting it now: $name" muster image rm agent@1
check 'the host begins anew' [ "$(script 10.77.0.51 52:54:00:00:00:03)" = "$(sum "$work/agent-2/vmlinuz")" ]
check 'then the first goes' muster image rm agent@1
check 'all agents do not' refused 4 'agent stays: it is what hosts start first' muster image rm agent --yes

# ---- a channel whose release is not here, and a floor above what was current
image lone 1 stable 1
image lone 2 stable 2
image lone 3 stable 3 --floor 2
quiet muster image import "$work/lone-1"
quiet muster image import "$work/lone-3/channel.json"
rm "$work"/lone-2/channel.json*
quiet muster image import "$work/lone-2"
quiet muster host set n2 --image lone
check 'nothing may run' grep -q 'the release of lone that its channel names is not on the server' \
	<(timeout 3 ip netns exec server "$B/muster-agent" rehearse http://10.77.0.1 "$work/trust" "$work/h2" 2>&1)
check 'a version that may' refused 0 '2 (release 2) is current instead of none' muster image rollback lone --to 2 --reason 'until 3 is here'
check 'runs' boots 2 2
check 'until the release comes' muster image import "$work/lone-3"
check 'and becomes current' boots 2 3

# ---- all versions of one
image old 1 stable 1
image old 2 stable 2 --floor 1
quiet muster image import "$work"/old-{1,2}
quiet muster host set n2 --image old
check 'not while it is assigned' refused 4 'old stays: it is assigned to n2' muster image rm old --yes
check "nor the server's default" refused 4 "kvm stays: it is the server's default" muster image rm kvm --yes
quiet muster host set n2 --image kvm
check 'somebody is asked' refused 2 '--yes' muster image rm old
check 'all go at once' muster image rm old --yes --reason 'nobody has it'
check 'with their channel' [ "$(api /channels | jq '[.channels[] | select(.image == "old")] | length')" = 0 ]
check 'the log stays' [ "$(muster image log old -o json | jq '[.log[] | select(.what == "rm")] | length')" = 2 ]

# ---- an image that the loader starts: no agent judges it, so the server keeps to the channel
efi() { # VERSION RELEASE [SIGN...]
	{ printf 'MZ'; head -c 58 /dev/zero; printf '\x80\0\0\0'; head -c 64 /dev/zero; printf 'PE\0\0\x64\x86'
		head -c 18 /dev/zero; printf '\x0b\x02'; head -c 66 /dev/zero; printf '\x0a\0'; head -c 1024 /dev/urandom; } >"$work/$1.efi"
	quiet muster image build -o "$work/tool-$2" --name tool --version "$1" --efi "$work/$1.efi"
	quiet muster image sign "$work/tool-$2" --key release --release "$2" "${@:3}"
	quiet muster image import "$work/tool-$2"
}
efi 1 1
efi 2 2
efi 3 3 --floor 2
quiet muster host set "$name" --image tool
runs() { [ "$(script 10.77.0.51 52:54:00:00:00:03)" = "$(sum "$work/$1.efi")" ]; }
check 'it is the current one' runs 3
check 'a rollback' muster image rollback tool --reason 'hangs'
check 'is what the next script starts' runs 2
check 'a pin' muster image pin "$name" tool@3
check 'is what it starts then' runs 3
check 'below the floor there is nothing' refused 4 'tool 1 is release 1, below the floor 2' muster image pin "$name" tool@1
quiet muster image pin "$name" tool@2
sleep 1
cp "$work/tool-3/channel.json" "$work/tool.json"
quiet muster image channel "$work/tool.json" --image "$work/tool-3" --floor 3
quiet muster key sign "$work/tool.json" --key release
quiet muster image import "$work/tool.json"
check 'nor for a pin that the floor has passed' [ "$(script 10.77.0.51 52:54:00:00:00:03)" != "$(sum "$work/2.efi")" ]

# ---- for people
check 'the channels' grep -q '^kvm  *stable  *11  *9  *5  *5 (release 11) ' <(muster image channels)
check 'the log' grep -q 'root  *rm  *kvm .*has a hole' <(muster image log kvm)
check 'no more lines than asked for' [ "$(muster image log --limit 2 -o csv | wc -l)" = 3 ]
check 'signatures do not pile up' [ "$(muster image show kvm -o json | jq '.signatures | length')" = 1 ]
exit $failed
