#!/usr/bin/env bash
# Staged rollouts: waves, the gate, the way back, and what people and channels do in between, with a
# real musterd that is killed in each state, and hosts that speak as agents do. Needs root for
# network namespaces.
# takes: 90 s
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
flow_enter "$@"

muster() { MUSTER_KEYS=$work/keys "$B/muster" --socket "$work/run/muster.sock" "$@"; }
quiet() { "$@" >"$work/quiet" 2>&1 || { not_ok "in passing: $*"; sed 's/^/# /' "$work/quiet"; }; }
# refused STATUS TEXT COMMAND...: it ends with that, and says that.
refused() {
	local status=$1 text=$2 said

	shift 2
	said=$("$@" 2>&1)
	[ $? = "$status" ] && [[ $said == *"$text"* ]] || { echo "$said"; return 1; }
}
is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }

# ---- a server, and versions
ns_add server
bridge server br0 10.77.0.1/24
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = registered
image = kvm
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.200
[tftp]
enabled = no
END
mkdir -p "$work/state/keys/trust" "$work/keys"
quiet muster key generate release
cp "$work/keys/release.pub" "$work/state/keys/trust/"
chown -R nobody: "$work/state"
check 'the server starts' server_start
[ $failed = 0 ] || exit 1

# image NAME VERSION RELEASE [SIGN...]: built and signed, in $work/NAME-RELEASE
image() {
	local dir=$work/$1-$3

	cat >"$work/recipe.sh" <<-END
	#!/bin/sh
	head -c 3000 /dev/urandom >"\$1/vmlinuz"
	head -c 3000 /dev/urandom >"\$1/initrd"
	cat >"\$1/image.json" <<'JSON'
	{ "name": "$1", "version": "$2", "kind": "linux", "channel": "stable", "args": "quiet", "xen_args": "",
	  "files": [ { "role": "kernel", "name": "vmlinuz" }, { "role": "initrd", "name": "initrd" } ] }
	JSON
	END
	chmod +x "$work/recipe.sh"
	quiet muster image build recipe --recipes "$work" -o "$dir"
	quiet muster image sign "$dir" --key release --release "$3" "${@:4}"
}
for i in 01 02 03 04 05 06 07 08 09 10 11 12; do
	quiet muster host add n$i --mac 52:54:00:00:00:$i
done

# ---- hosts, as the server hears them
declare -A session nonce
say() { # SESSION PATH BODY
	curl -sS --max-time 10 --unix-socket "$work/run/muster.sock" -H "Authorization: Bearer $1" --data-binary "$3" "http://m/v1/agent/$2"
}
# starts VERSION N: facts and a ticket, for that version
starts() {
	ticket "$2"
	is "$version" "$1"
}
# ticket N: into $version
ticket() {
	session[$1]=$(say none facts "{\"agent\":\"0\",\"nics\":[{\"mac\":\"52:54:00:00:00:$1\"}]}" | jq -r .session)
	version=$(say "${session[$1]}" ticket "{\"root\":0,\"nonce\":\"$(printf '0%.0s' {1..64})\"}" | jq -r '.version // .detail')
}
# boots VERSIONS N...: each boots as far as it can go, with that version
boots() {
	local i versions=

	for i in "${@:2}"; do
		ticket "$i"
		nonce[$i]=$(say "${session[$i]}" handoff '{"kind":"linux"}' | jq -r '.boot_json | fromjson.nonce')
		say "${session[$i]}" up "{\"hypervisor\":\"kvm\",\"orders\":\"n$i\",\"nonce\":\"${nonce[$i]}\"}"
		versions+="$version "
	done
	is "${versions% }" "$1"
}
# fails VERSION N CODE: a boot that ends so
fails() {
	starts "$1" "$2" && say "${session[$2]}" failed "{\"stage\":\"image\",\"code\":\"$3\",\"message\":\"no luck\"}"
}

# ---- what it has come to
status() { muster rollout status -o json | jq -r "$1"; }
state() { status .state; }
# hosts STATE: those in it, as "n01 n02"
hosts() { status "[(.waves[].hosts[], .skipped[]) | select(.state == \"$1\").host] | sort | join(\" \")"; }
current() { api /channels | jq -r '.channels[] | select(.image == "kvm").current.version'; }
log() { muster image log kvm -o json | jq -r "$1"; }
soon() { wait_for 10 is_now "$@" || is_now "$@"; } # WANTED COMMAND...
is_now() { is "$("${@:2}")" "$1"; }
again() { server_kill && server_start; } # kill -9 of everything

# ---- images that are held back
image kvm 1 5
image kvm 2 7 --floor 5
quiet muster image import "$work/kvm-5"
check 'a version is held back' muster image import --hold "$work/kvm-7"
check 'what was current is so' is "$(current)" 1
check 'the channel names the other' is "$(api /channels | jq '.channels[] | select(.image == "kvm").release')" 7
check 'and again' muster image import --hold "$work/kvm-7"
image kvm 9 9
check 'a channel whose floor forbids it is refused' refused 4 'kvm 1, which is current, is release 5, and this channel allows 9 to 9' \
	muster image import --hold "$work/kvm-9"
check 'and nothing has changed' is "$(current) $(api /channels | jq '.channels[] | select(.image == "kvm").release')" '1 7'

# ---- how one begins
check 'a version that is not here' refused 3 'no such version of kvm in its channel stable' muster rollout start kvm@77
check 'an image that is not' refused 3 'nothing is current' muster rollout start nothing@1
check 'what is current' refused 4 'is current already' muster rollout start kvm@1
check 'what the channel does not allow' refused 4 'kvm 9 is release 9, and channel stable goes up to release 7' muster rollout start kvm@9
check 'no version' refused 2 'is not IMAGE@VERSION' muster rollout start kvm
check 'waves that leave hosts out' refused 1 'the last wave has to be 100%' muster rollout start kvm@2 --waves 1,50%
check 'the agent' refused 1 'pins can try a new one' muster rollout start agent@2
check 'a host that is not there' refused 3 "no host 'n99'" muster rollout start kvm@2 --hosts n99
check 'nothing to look at yet' refused 3 'there is no rollout' muster rollout status
quiet muster image pin n12 kvm@1
trial='kvm, channel stable: 2 (release 7) would come instead of 1 (release 5)
  wave 1      1 host   n01
  wave 2      1 host   n02
  wave 3      4 hosts  n[03-06]
  wave 4      5 hosts  n[07-11]
  left out  1  n12'
check 'a dry run' is "$(muster rollout start kvm@2 --dry-run)" "$trial"
check 'starts nothing' refused 3 'there is no rollout' muster rollout status

# ---- wave after wave
check 'it starts' refused 0 'rollout 1: kvm, channel stable: 2 (release 7) comes instead of 1 (release 5)' \
	muster rollout start kvm@2 --bake 1s --reason 'new kernel'
check 'one at a time' refused 4 'rollout 1 to kvm 2 is not over yet' muster rollout start kvm@2
check 'in the log of images' is "$(log '.log[0] | [.what, .user, .from.version, .to.version, .why] | join("|")')" 'rollout|root|1|2|new kernel'
check 'wave 1' soon n01 hosts told
check 'waits for its host' is "$(status .sentence)" 'wave 1 of 4 waits for 1 host: 1 to start anew (n01)'
check 'who has a pin is left out' is "$(status '.skipped[] | [.host, .reason] | join(" ")')" 'n12 pinned'
check 'the others run the old one' boots '1 1' 02 11
check 'and are no part of the wave' is "$(hosts told)" n01
check 'host show has it' grep -q '^  rollout *1: kvm 2, waiting$' <(muster host show n01)
check 'the new one' starts 2 01
check 'is being booted' is "$(hosts booting)" n01
check 'by the rollout, says its record' is "$(api "/boots/$(api /hosts/n01 | jq .boot)" | jq -r '.events[] | select(.what == "seen").detail')" 'rollout 1: kvm 2'
check 'and why' grep -q 'rollout 1' <(muster host why n01)
check 'it is up' boots 2 01
check 'and bakes, or has' is "$(status '.counts.baking + .counts.good')" 1
check 'then comes wave 2' soon n02 hosts told
check 'kill -9 while a wave is on its way' again
check 'it is as it was' is "$(hosts good)/$(hosts told)" n01/n02
check 'a host comes up' boots 2 02
check 'kill -9 while it bakes' again
check 'wave 3' soon 'n03 n04 n05 n06' hosts told
check 'a host that is added meanwhile' muster host add n13 --mac 52:54:00:00:00:13
check 'runs the old one' boots 1 13

# ---- a failure
check 'one comes up' boots 2 03
check 'one fails with it' fails 2 04 file-digest
check 'it pauses' is "$(state)" paused
check 'and says for whom and why' is "$(status .note)" 'n04 failed (file-digest); 1 failed, and 0 may'
check 'the host has the old one again' boots 1 04
check 'nobody else is told' is "$(hosts told)" ''
check 'also not who was' boots '1 1' 05 06
check 'who is up with it keeps it' boots '2 2' 01 03
check 'kill -9 while it is paused' again
check 'it is paused' is "$(state) $(hosts failed)" 'paused n04'
check 'it cannot be paused twice' refused 4 'rollout 1 is paused' muster rollout pause
check 'the status, for people' grep -q '^   3  failed  *1  file-digest  n04$' <(muster rollout status)
metric() { api /../../metrics | grep "^muster_rollouts{state=\"$1\"}"; }
check 'monitoring sees it' is "$(metric paused)" 'muster_rollouts{state="paused"} 1'
check 'a dry run of going on' refused 0 'rollout 1: would be running' muster rollout resume --dry-run
check 'changes nothing' is "$(state)" paused

# ---- what is in use stays
check 'its version' refused 4 'kvm 2, release 7, stays: ' muster image rm kvm@2
quiet muster host set n13 --image none
check 'no rollback meanwhile' refused 4 'rollout 1 to kvm 2 is not over' muster image rollback kvm --reason x --to 2

# ---- on
check 'on' refused 0 'rollout 1: running' muster rollout resume
check 'the others of the wave are told again' is "$(hosts told)" 'n05 n06'
check 'somebody pins one of them' muster image pin n05 kvm@1
check 'which is left out from then on' is "$(hosts told)/$(hosts skipped)" 'n06/n05 n12'
batch() { curl -fsS --max-time 10 --unix-socket "$work/run/muster.sock" http://m/api/v1/batch --data-binary '{"id":"b1","calls":[
	{"method":"PATCH","path":"/api/v1/hosts/n06","body":{"image":"other"}}]}'; }
check 'another one boots something else, by a batch' batch
check 'and is left out, too' is "$(hosts skipped)" 'n05 n06 n12'
check 'and the wave is through' soon 'n07 n08 n09 n10 n11' hosts told
check 'a pause' refused 0 'rollout 1: paused' muster rollout pause --reason lunch
check 'by somebody, for a reason' is "$(status .sentence)" 'paused: by root: lunch; nobody else is told'
quiet muster rollout resume
check 'one is forgotten' muster host rm n11 --yes
check 'the others come up' boots '2 2 2 2' 07 08 09 10
check 'it is done' soon 'done' state
check 'in words' is "$(status .sentence)" 'kvm 2 is current: 7 hosts good, 1 failed and stay at 1'
check 'the version is current' is "$(current)" 2
check 'on record, with who and why' is "$(log '[.log[] | select(.what == "current")][0] | [.user, .from.version, .to.version, .why] | join("|")')" 'root|1|2|rollout 1: new kernel'
check 'where it failed the old one stays' boots 1 04
check 'by a pin that says why' is "$(log '[.log[] | select(.what == "pin" and .host == "n04")][0].why')" 'rollout 1 failed on it: file-digest'
quiet muster host set n13 --image kvm
check 'everybody else has the new one' boots '2 2' 13 02
check 'the way back is there' refused 0 '1 (release 5) is current instead of 2' muster image rollback kvm --reason 'second thoughts'
check 'and forth' muster image rollback kvm --to 2 --reason 'third ones'

# ---- a way back, and silence
quiet muster image pin n04,n05,n12 --none
quiet muster host set n06 --image kvm
image kvm 3 11 --floor 5
quiet muster image import --hold "$work/kvm-11"
check 'hosts in the order that is asked for' muster rollout start kvm@3 --hosts n05,n01,n02,n12 --waves 1,50%,100% --bake 2m --max-failures 1
check 'the first' soon n05 hosts told
check 'it comes up' boots 3 05
check 'and bakes' is "$(hosts baking)" n05
sleep 1
check 'kill -9 while it bakes for long' again
check 'it still does' is "$(hosts baking)" n05
beat() { say "${session[$1]}" heartbeat '{}'; }
check 'a heartbeat' beat 05
check 'it starts over' boots 3 05
check 'and bakes anew' is "$(hosts baking)" n05
check 'over' boots 3 05
check 'and over: it does not stay up' boots 3 05
check 'that is a failure' is "$(hosts failed) $(status '.waves[0].hosts[0].reason')" 'n05 boot-loop'
check 'the old one again' boots 2 05
check 'which may be' soon 'n01' hosts told
check 'the next fails, too' fails 3 01 memory
check 'which may not' is "$(state)" paused
check 'another try for both' muster rollout resume --retry
check 'they are told' is "$(hosts told)" 'n01 n05'
check 'one comes up' boots 3 01
check 'abort' refused 0 'rollout 2: aborted' muster rollout abort --reason 'it is Friday'
check 'everybody has the old one again' boots '2 2 2' 01 05 12
check 'that is over' refused 3 'no rollout that is not over' muster rollout resume
check 'by its number, too' refused 4 'rollout 2 is aborted' muster rollout resume 2
check 'on record' is "$(log '.log[0] | [.what, .to.version, .why] | join("|")')" 'aborted|3|by root: it is Friday'
check 'nothing became current' is "$(current)" 2
check 'kill -9 when it is over' again
check 'it is' is "$(muster rollout list -o json | jq -c '[.rollouts[] | [.id, .state]]')" '[[2,"aborted"],[1,"done"]]'

# ---- silence while it bakes, by the record's clock
quiet muster rollout start kvm@3 --hosts n01,n02 --waves 100% --bake 10m
soon 'n01 n02' hosts told >/dev/null
check 'two bake' boots '3 3' 01 02
server_kill
sqlite3 "$work/state/muster.db" "UPDATE boot SET seen_ms = seen_ms - 120000 WHERE host = (SELECT id FROM host WHERE name = 'n01');
	UPDATE rollout_host SET due_ms = 0"
check 'a server that was away' server_start
check 'does not blame who could not be heard' is "$(hosts baking)" 'n01 n02'
quiet muster rollout abort
check 'who was silent is heard' beat 01
check 'nobody is left' is "$(muster rollout list -o csv | grep -c running)" 0

# ---- kill -9 in the middle of the start: it is found out who takes part, whatever happens
quiet muster rollout start kvm@3 --bake 1s
check 'kill -9 at once' again
check 'it goes on, and who is up with the version already need not start anew' soon 'n01 n02' hosts good
check 'the others do' soon 'n03 n04 n05 n06' hosts told
check 'and all have a place' is "$(status '[.size, .counts.picked] | join(" ")')" '12 0'

# ---- channels
sleep 1 # a channel is newer by its second
cp "$work/kvm-11/channel.json" "$work/stable.json"
channel() { # DIR WORDS...: made, signed
	quiet muster image channel "$work/stable.json" --image "$1" "${@:2}"
	quiet muster key sign "$work/stable.json" --key release
}
channel "$work/kvm-11" --floor 5 --valid 20d
quiet muster image import --hold "$work/stable.json"
check 'a channel that only lasts longer' is "$(state)" running
sleep 1
channel "$work/kvm-11" --floor 11
quiet muster image import "$work/stable.json"
check 'a floor above what was current' is "$(state) $(current)" 'aborted 3'
check 'says so' is "$(status .note)" '3 became current: the channel stable no longer allows what was current'
check 'and all hosts run what they may' boots '3 3' 01 12
image kvm 4 13 --floor 11
quiet muster image import --hold "$work/kvm-13"
quiet muster rollout start kvm@4 --bake 1s
soon n01 hosts told >/dev/null
check 'who is up is not asked to start anew' is "$(api /hosts/n01 | jq .reboot)" null
check 'the new one' boots 4 01
sleep 1
channel "$work/kvm-11" --floor 11 --rollback
quiet muster image import "$work/stable.json"
check 'a channel that does not allow it any more' is "$(state): $(status .note)" 'aborted: the channel stable does not allow 4 any more'
check 'is obeyed' boots 3 01
sleep 1
channel "$work/kvm-13" --floor 11
quiet muster image import --hold "$work/stable.json"
quiet muster rollout start kvm@4 --bake 1s
soon n01 hosts told >/dev/null
image kvm 5 15 --floor 11
quiet muster image import "$work/kvm-15"
check 'an import without --hold overtakes it' is "$(state) $(current)" 'aborted 5'

# ---- who may
image lone 1 1
image lone 2 2 --floor 1
check 'the first of an image has nothing to wait for' muster image import --hold "$work/lone-1"
check 'the second does' muster image import --hold "$work/lone-2"
lonely() { muster rollout list -o json | jq -e '.rollouts[0] | .image == "lone" and .state == "aborted"'; }
check 'an image that nobody boots' refused 0 'aborted' eval 'muster rollout start lone@2 && wait_for 10 lonely && muster rollout status'
as() { setpriv --reuid=65533 --regid="$(id -g nobody)" --clear-groups "$B/muster" --socket "$work/run/muster.sock" "$@"; }
image kvm 6 17 --floor 11
quiet muster image import --hold "$work/kvm-17"
check "a host runs what is current" boots 5 01
check 'an operator may' as rollout start kvm@6 --reason mine --reboot
asked() { api /hosts/n01 | jq -c '.reboot | [.state, .by, .reason]'; }
check 'and has the hosts of a wave start anew' soon '["asked","rollout 8","mine"]' asked
check 'and no others' is "$(api /hosts/n02 | jq .reboot)" null
check 'and is on record' is "$(muster audit list --object rollouts -o json | jq -r '.audit[-1] | [.method, .status, .why] | join(" ")')" 'POST 201 mine'
check 'the abort as well' muster rollout abort --reason enough
check 'with its reason' is "$(muster audit list --object rollouts -o json | jq -r '.audit[-1].why')" enough
exit $failed
