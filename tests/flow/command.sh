#!/usr/bin/env bash
# The command against a real musterd, where it would do more, less or something else than was said:
# names and selectors, approvals, trials, two rows of one host, a server that is started anew while
# somebody waits, output that goes nowhere. Needs root for network namespaces.
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
flow_enter "$@"

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
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

ns_add server
bridge server br0 10.77.0.1/24
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = approve
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.200
[tftp]
enabled = no
END
mkdir -p "$work/state"
chown -R nobody: "$work/state"
check 'the server starts' server_start
[ $failed = 0 ] || exit 1

facts() { # SERIAL: an agent of a stranger
	ip netns exec server curl -sS -o /dev/null -X POST http://10.77.0.1/v1/agent/facts -d "{\"serial\":\"$1\"}"
}
stranger() { # SERIAL: comes, and its name is in $name
	facts "$1"
	name=$(api /hosts | jq -r ".hosts[] | select(.serial == \"$1\") | .name")
}
audit() { muster audit list --limit 1000 -o name | wc -l; }

# ---- who is let in
quiet muster host add n01 --mac 52:54:00:00:00:01 --image xen
quiet muster host add n02 --mac 52:54:00:00:00:02 --image xen
stranger W-1
one=$name
stranger W-2
two=$name
rows=$(audit)
check 'a trial of letting in' says "would send: PATCH /api/v1/hosts/$one" muster host approve all --image kvm --dry-run
check 'lets nobody in' is "$(api "/hosts/$one" | jq .admitted)" false
check 'all that wait are let in; who is in already is named' says 'n[01-02] are admitted already' muster host approve all --image kvm
check 'they have the image' is "$(api /hosts | jq -r '[.hosts[] | select((.serial // "") | startswith("W-")) | .image] | unique | join(" ")')" kvm
check 'who was in already has not' is "$(api /hosts/n01 | jq -r .image) $(api /hosts/n02 | jq -r .image)" 'xen xen'
check 'one that is in' refused 4 'n01 is admitted already' muster host approve n01 --image kvm
check 'and what changes it' refused 4 'hint: muster host set' muster host approve n01
check 'several' refused 4 'n[01-02] are admitted already' muster host approve 'n[01-02]'
check 'a rejection of one that is in is not taken back' refused 4 "$two is admitted already" muster host reject "$two" --undo
stranger W-3
code=$(api "/hosts/$name" | jq -r .code)
quiet muster host reject "$name"
check 'by its code, though it was rejected' says "$name: approved" muster host approve "$code"
stranger W-4
quiet muster host reject "$name"
check 'a rejection is taken back' says "$name: waits again" muster host reject "$name" --undo
check 'each of it is one row of the audit log' is "$(($(audit) - rows))" 6

# ---- trials are the server's
rows=$(audit)
check 'set: what the server would refuse' refused 1 'is a network' muster host set n01 --ip 10.77.0.1 --dry-run
check 'set: what it would take' says 'would send: PATCH /api/v1/hosts/n01 {"ip":"10.77.0.21"}' muster host set n01 --ip 10.77.0.21 --dry-run
check 'add: a name that is taken' refused 4 n01 muster host add n01 --mac 52:54:00:00:00:09 --dry-run
check 'add: what it would take' says 'would send: POST /api/v1/hosts {"name":"n09"' muster host add n09 --mac 52:54:00:00:00:09 --dry-run
check 'several at once' says 'would send: PATCH /api/v1/hosts/n02 {"image":"kvm"}' muster host set n01 n02 --image kvm --dry-run
check 'several, of which the server would refuse' refused 1 'channel' muster host set n01 n02 --channel 'a b' --dry-run
check 'rm' says 'would send: DELETE /api/v1/hosts/n01' muster host rm n01 --dry-run
check 'replace: by nobody' refused 3 nobody muster host replace n01 --by nobody --dry-run
check 'nothing has happened' is "$(audit) $(api /hosts/n01 | jq -c '[.ip, .image]')" "$rows [null,\"xen\"]"

# ---- what is named
check 'an exclusion has to stand behind' refused 2 'stands before what it is to be taken out of' muster host rm --yes -- '-n01,n[01-02]'
check 'both are there' is "$(muster host list 'n[01-02]' -o name | xargs)" 'n01 n02'
check 'behind, as a word of its own' is "$(muster host list 'n[01-02]' -o name -- -n01)" n02
check 'a stage that there is not' refused 2 "there is no stage 'faild'; is it failed" muster host list stage=faild
check 'also of what would be removed' refused 2 "there is no stage 'faild'" muster host rm stage=faild --yes
check 'a stage at which nobody is' says '' muster host list stage=failed
check 'a label that a selector hides' refused 2 'select hosts by what they boot' muster host set n01 --label image=kvm
check 'and others' quiet muster host set n01 --label images=kvm

# ---- addresses that move, within one document
hosts() { jq -n "{muster: 1, hosts: $1}" >"$work/doc.json"; }
ips() { api /hosts | jq -c '[.hosts[] | select(.name | test("^n0[12]$")) | {(.name): .ip}] | add'; }
quiet muster host set n01 --ip 10.77.0.11
hosts '{n02: {ip: "10.77.0.11"}, n01: {ip: null}}'
check 'to the host that comes first' quiet muster apply -f "$work/doc.json"
check 'it has moved' is "$(ips)" '{"n01":null,"n02":"10.77.0.11"}'
quiet muster host set n01 --ip 10.77.0.12
hosts '{n01: {ip: "10.77.0.11"}, n02: {ip: "10.77.0.12"}}'
check 'a swap, tried' quiet muster apply -f "$work/doc.json" --dry-run
check 'changes nothing' is "$(ips)" '{"n01":"10.77.0.12","n02":"10.77.0.11"}'
check 'a swap' says 'change  host n01  ip    10.77.0.12  10.77.0.11' muster apply -f "$work/doc.json"
check 'they are swapped' is "$(ips)" '{"n01":"10.77.0.11","n02":"10.77.0.12"}'
check 'nothing is to be done any more' says 'nothing is to be done' muster apply -f "$work/doc.json"
hosts '{n01: {ip: "10.77.0.12"}, n02: {ip: "10.77.0.11"}, n03: {serial: "N-3", ip: "10.77.0.1"}}'
check 'with one wrong behind it' refused 1 'is a network' muster apply -f "$work/doc.json"
check 'all is as it was' is "$(ips)" '{"n01":"10.77.0.11","n02":"10.77.0.12"}'
check 'and each is held' refused 4 n02 muster host set n01 --ip 10.77.0.12

quiet muster host set n01 n02 --no-ip
quiet muster host add c01 --client-id aa01 --circuit bb01 --ip 10.77.0.31
quiet muster host add c02 --client-id aa02 --circuit bb02 --ip 10.77.0.32
held() { muster export | jq -c '.hosts | [.c01, .c02] | map([.ip, .circuit, .client_id])'; }
hosts '{c01: {ip: "10.77.0.32"}, c02: {ip: "10.77.0.31"}}'
check 'addresses of two ports are swapped' quiet muster apply -f "$work/doc.json"
check 'ports stay' is "$(held)" '[["10.77.0.32","bb01","aa01"],["10.77.0.31","bb02","aa02"]]'
hosts '{c01: {circuit: "bb02", client_id: "aa02"}, c02: {circuit: "bb01", client_id: "aa01"}}'
check 'ports and client identifiers are swapped' quiet muster apply -f "$work/doc.json"
check 'addresses stay' is "$(held)" '[["10.77.0.32","bb02","aa02"],["10.77.0.31","bb01","aa01"]]'

# ---- one host twice
hosts '{n02: {image: "kvm"}, N02: {image: "xen"}}'
check 'a document' refused 1 'hosts.n02 and hosts.N02: a host is there twice' muster apply -f "$work/doc.json"
check 'a spreadsheet' refused 1 'lines 2 and 4: X03 is there twice' muster host import <(printf 'name,image\nx03,kvm\nx04,kvm\nX03,xen\n')
check 'serial numbers' refused 1 'lines 1 and 3: cz-1 is there twice' muster host approve --csv <(printf 'CZ-1,x05\nCZ-2\ncz-1,x06\n')
check 'nobody was added' refused 3 x04 muster host show x04

# ---- one boot
boot=$(api "/hosts/$one" | jq .boot)
check 'a boot of the host' muster host timeline "$one" --boot "$boot"
check 'a boot of another one' refused 3 "boot $boot is one of $one" muster host timeline n01 --boot "$boot"
check 'prints nothing of it' is "$(muster host timeline n01 --boot "$boot" -o json 2>/dev/null)" ''
check 'a boot, whosever it is' muster host timeline --boot "$boot"

# ---- rules
quiet muster rule add big --match 'memory>=64G' --image xen
quiet muster rule add rest --match '' --image kvm
check 'before itself' refused 2 'does not stand before itself' muster rule move big --before BIG
test_facts() { muster rule test --facts <(echo "$1"); }
check 'a described host, by the names of rules' says 'this host: xen (rule big)' test_facts '{"memory": "64G"}'
check 'that is too small' says 'this host: kvm (rule rest)' test_facts '{"memory": "63G"}'
check 'a name that is none' refused 1 'there is no fact memry; is it memory' test_facts '{"memry": "64G"}'
check 'a number below 0' refused 1 'memory_mb is a number, and none below 0' test_facts '{"memory_mb": -70000}'
check 'what host show prints' says "$one: kvm" muster rule test "$one"
check 'goes in again' says 'this host: kvm (rule rest)' muster rule test --facts <(muster host show "$one" -o json)
quiet muster rule add switch --match 'switch=sw-r3' --image xen --before big
check 'one of two switches' says 'this host: xen (rule switch)' test_facts '{"switch": ["sw-r2", "sw-r3"]}'
check 'no table of it' refused 2 '' muster rule test "$one" -o csv
check 'nor names' refused 2 '' muster rule test "$one" -o name

# ---- small things
quiet muster host add never --serial N-9
sqlite3 "$work/state/muster.db" "UPDATE host SET admitted = 0 WHERE name = 'never'"
check 'who waits and was never seen' eval 'muster waiting | grep "^never .* never$"'
quiet muster token create ci --role viewer
check 'a token that was never used, for machines' eval 'muster token list -o csv | grep "^1,ci,viewer,,good,[-0-9]*,,$"'
muster help >/dev/full 2>"$work/full"
check 'help that is not read' is "$? $(cat "$work/full")" '1 muster: cannot write the output'
check 'an audit log that is good' is "$(muster audit verify -o json | jq .good)" true
sqlite3 "$work/state/muster.db" "DROP TRIGGER audit_stays; DROP TRIGGER audit_kept; UPDATE audit SET path = '/api/v1/hosts/x' WHERE id = 2"
check 'and one that is not, for machines' is "$(muster audit verify -o json 2>/dev/null | jq -c '[.good, .bad, (.why | length > 0)]')" '[false,2,true]'
check 'ends with 1' refused 1 'row 2 of the audit log' muster audit verify -o json

# ---- a server that is started anew, while somebody waits
waiting() { # ARGUMENTS...: until it has asked once, and said what is reached already
	rm -f "$work/waits"
	muster host wait "$one" "$@" --appear --for discover >"$work/waits" 2>&1 &
	waits=$!
	wait_for 10 grep -q "^$one: agent" "$work/waits"
}
away() { # the server, until somebody has knocked and got no answer
	server_kill
	timeout 20 socat -t0.1 UNIX-LISTEN:"$work/run/muster.sock",unlink-early SYSTEM:"head -n 1 >$work/knock"
	grep -q 'GET /api/v1/hosts/' "$work/knock"
}
server_kill
check 'no server from the start' refused 5 'no answer from the server' muster host wait n01 --timeout 20s
server_start
check 'one waits' waiting late --timeout 60s
check 'the server is away' away
check 'it waits all the same' kill -0 $waits
server_start
quiet muster host add late --serial N-10
facts N-10
check 'until the host is there' eval 'wait $waits && grep -F "late: agent" "$work/waits"'
check 'without a word of what was between' is "$(wc -l <"$work/waits")" 2
check 'another one waits' waiting nobody --timeout 3s
server_kill
wait $waits
check 'the server stays away: timed out' is "$?" 6
check 'which is said' grep -q 'hint: the server was away' "$work/waits"
exit $failed
