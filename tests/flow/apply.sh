#!/usr/bin/env bash
# The site as a file: export, apply and spreadsheets against a real musterd. What was exported changes
# nothing; a plan says what will be, all of it happens or nothing; what is wrong is named by its place;
# secrets stay on the server. Needs root for network namespaces.
# takes: 75 s
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

fresh() { # a server that knows nothing
	server_kill
	rm -f "$work"/state/muster.db*
	server_start
}
facts() { # SERIAL: an agent of a stranger
	ip netns exec server curl -sS -o /dev/null -X POST http://10.77.0.1/v1/agent/facts -d "{\"serial\":\"$1\"}"
}

# ---- out, and in again
quiet muster host add n02 --mac 52:54:00:00:00:02 --image kvm --ip 10.77.0.12 --label rack=r1 --label gpu
quiet muster host add n01 --mac 52:54:00:00:00:01 --serial CZ-0001 --option 'lease-time = 8h' \
	--value san-target=10.9.0.5 --value chap-secret=sesame123456
quiet muster rule add web --match '@rack=r1' --image kvm
quiet muster rule add rest --match '' --image xen --channel canary
facts STRANGER-1
check 'the site is written' muster export "$work/site.json"
check 'hosts by their names, without strangers' is "$(jq -r '.hosts | keys_unsorted | join(" ")' "$work/site.json")" 'n01 n02'
check 'with all of them when asked' is "$(muster export --all | jq '.hosts | length')" 3
check 'no secret is in it' eval '! grep -q "sesame\|chap-secret" "$work/site.json"'
check 'rules in their order' is "$(jq -r '.rules | map(.name) | join(" ")' "$work/site.json")" 'web rest'
check 'the same again is the same text' eval 'muster export | cmp - "$work/site.json"'
check 'it changes nothing' says 'nothing is to be done' muster apply -f "$work/site.json"
quiet muster host set n02 --label rack=r2
check 'one label is one line of a diff' is "$(muster export | diff - "$work/site.json" | grep -c '^>')" 1
quiet muster apply -f "$work/site.json"
check 'and is put back' eval 'muster export | cmp - "$work/site.json"'
fresh
check 'a server that knows nothing' says 'add   host n01' muster apply -f "$work/site.json" --dry-run
check 'still knows nothing after a dry run' is "$(api /hosts | jq '.hosts | length')" 0
check 'becomes the same' muster apply -f "$work/site.json" --yes
check 'in all' eval 'muster export | cmp - "$work/site.json"'
check 'its addresses are reserved' is "$(api /hosts/n02 | jq -r .ip)" 10.77.0.12
check 'and nothing is to be done any more' says 'nothing is to be done' muster apply -f "$work/site.json"
check 'each change is in the audit log' eval '[ "$(muster audit list --limit 50 -o json | jq "[.. | .path? | strings | select(. == \"/api/v1/hosts\")] | length")" = 2 ]'

# ---- a plan
jq '.hosts.n02.image = "xen" | .hosts.n02.labels = {"rack": "r9"} | .hosts.n02.ip = null
	| .hosts.n03 = {"macs": ["52:54:00:00:00:03", "52:54:00:00:00:33"], "image": "kvm"}
	| .rules = [.rules[1], {"name": "new", "match": "cpus>4", "image": "kvm"}, (.rules[0] | .match = "@rack=r9")]' \
	"$work/site.json" >"$work/next.json"
muster apply -f "$work/next.json" --dry-run -o csv >"$work/plan"
plan() { grep -qxF "$1" "$work/plan" || { cat "$work/plan"; return 1; }; }
check 'the plan: an image' plan 'change,host n02,image,kvm,xen'
check 'a label' plan 'change,host n02,labels.rack,r1,r9'
check 'an address that goes' plan 'change,host n02,ip,10.77.0.12,-'
check 'a host' plan 'add,host n03,,-,kvm'
check 'a rule' plan 'add,rule new,,-,cpus>4'
check 'a rule that has another place' plan 'change,rule rest,place,2,1'
check 'and another match' plan 'change,rule web,match,@rack=r1,@rack=r9'
check 'nothing has changed yet' eval 'muster export | cmp - "$work/site.json"'
check 'it is carried out' muster apply -f "$work/next.json" --yes
check 'rules are in the new order' is "$(muster rule list -o name | xargs)" 'rest new web'
check 'a host has both its cards' is "$(api /hosts/n03 | jq -r '.macs | sort | join(" ")')" '52:54:00:00:00:03 52:54:00:00:00:33'
check 'again it is nothing' says 'nothing is to be done' muster apply -f "$work/next.json"

# ---- what is removed
check 'a host that is not in the document stays' says 'nothing is to be done' muster apply -f <(jq 'del(.hosts.n03)' "$work/next.json")
check 'unless it is to be pruned, which is asked' refused 2 'yes' muster apply --prune -f <(jq 'del(.hosts.n03)' "$work/next.json")
check 'then it goes' muster apply --prune --yes -f <(jq 'del(.hosts.n03)' "$work/next.json")
check 'and is gone' refused 3 "n03" muster host show n03
facts STRANGER-2
check 'strangers are not pruned' eval 'muster apply --prune --yes -f <(muster export) && [ "$(api /hosts | jq "[.hosts[] | select(.serial == \"STRANGER-2\")] | length")" = 1 ]'

# ---- all or nothing, and where it is wrong
before=$(muster export | sha256sum)
doc() { jq "$1" "$work/next.json"; }
check 'a key that nobody knows' refused 1 "hosts.n02.lables: nobody knows that; is it labels" muster apply -f <(doc '.hosts.n02.lables = {}')
check 'a secret in the file' refused 1 'hosts.n01.values.chap-secret: a secret does not belong in a file' \
	muster apply -f <(doc '.hosts.n01.values."chap-secret" = "x"')
check 'no JSON' refused 1 'line 2, column 0' muster apply -f <(echo '{"muster":1,')
check 'another kind of document' refused 1 'muster: this program knows documents with "muster": 1' muster apply -f <(echo '{}')
check 'two rules of one name' refused 1 'rules[3]: web is there twice' muster apply -f <(doc '.rules += [.rules[2]]')
check 'what only the server finds, in the last of three changes' refused 1 "/api/v1/rules/web: the match of 'web': there is no fact 'vendr'" \
	muster apply --yes -f <(doc '.hosts.n01.image = "xen" | .hosts.n04 = {"serial": "CZ-0004", "ip": "10.77.0.44"} | .rules[2].match = "vendr=x"')
check 'has changed nothing' is "$(muster export | sha256sum)" "$before"
check 'nor is the address taken' muster host set n01 --ip 10.77.0.44
quiet muster host set n01 --no-ip
check 'an address that is the server'"'"'s' refused 1 '/api/v1/hosts: 10.77.0.1 is a network' muster apply --yes -f <(doc '.hosts.n05 = {"serial": "CZ-0005", "ip": "10.77.0.1"}')

# ---- more than one request takes
jq -n '{muster: 1, hosts: ([range(1500) | {key: "b\(.)", value: {serial: "B-\(.)x", image: "kvm", labels: {rack: "r\(. % 20)", row: "a"}}}] | from_entries)}' >"$work/many.json"
check 'fifteen hundred hosts' muster apply --yes -f "$work/many.json"
check 'are there' is "$(muster host list @row=a -o name | wc -l)" 1500
check 'and nothing is to be done' says 'nothing is to be done' muster apply -f "$work/many.json"
check 'with one wrong at the end none changes' refused 1 'call 1500' \
	muster apply --yes -f <(jq '.hosts |= map_values(.image = "xen") | .hosts.b1499.channel = "a b"' "$work/many.json")
check 'as is seen' is "$(muster host list image=xen -o name | grep -c ^b)" 0

# two that are good one by one, and not together, where core's memory is the judge
core=$(pgrep -P "$server" -x musterd-core)
claim() { printf '{"method":"POST","path":"/api/v1/hosts","body":{"name":"%s","mac":"%s","ip":"%s","circuit":"aa01"}}' "$@"; }
batch() { curl -sS --max-time 30 --unix-socket "$work/run/muster.sock" "http://m/api/v1/batch${2:-}" --data "$1"; }
together() {
	batch \
		"{\"id\":\"c\",\"calls\":[$(claim c1 52:54:00:00:01:01 10.77.0.31),$(claim c2 52:54:00:00:01:02 10.77.0.32)]}" "$@"
}
check 'two hosts of one circuit are refused, also by a trial' is "$(together '?dry_run=1' | jq -r .code)" circuit-taken
check 'two hosts of one circuit are refused' is "$(together | jq -r .code)" circuit-taken
check 'neither is there' is "$(muster host list -o name | grep -c '^c[12]$')" 0
check 'and the pool does not know of the first' quiet muster host add c3 --mac 52:54:00:00:01:03 --ip 10.77.0.31 --circuit aa01
check 'a trial of what is good' is "$(batch "{\"id\":\"d\",\"calls\":[$(claim c4 52:54:00:00:01:04 10.77.0.34 | sed s/aa01/aa04/)]}" '?dry_run=1')" '{"calls":1}'
check 'leaves the pool alone, too' quiet muster host add c5 --mac 52:54:00:00:01:05 --ip 10.77.0.34 --circuit aa04
check 'core is the one that it was' is "$(pgrep -P "$server" -x musterd-core)" "$core"

# ---- while it is made
quiet muster export "$work/before.json"
check 'many that are left half sent' eval 'for i in 1 2 3 4; do batch "{\"id\":\"h$i\",\"more\":true,\"calls\":[]}"; done'
check 'are more than there is room for' is "$(batch '{"id":"h5","more":true,"calls":[]}' | jq -r .code)" busy
check 'but not for long' wait_for 15 eval '[ "$(batch "{\"id\":\"h5\",\"calls\":[]}")" = "{\"calls\":0}" ]'
check 'one that gave way has to begin anew' eval 'for i in 1 2 3 4; do batch "{\"id\":\"h$i\",\"part\":1,\"calls\":[]}"; done | grep -q batch-gone'
check 'a part that is not the next' is "$(batch '{"id":"p","more":true,"calls":[]}' >/dev/null; batch '{"id":"p","part":2,"calls":[]}' | jq -r .code)" part

jq -n '{muster: 1, hosts: ([range(6000) | {key: "k\(.)", value: {serial: "K-\(.)x", labels: {row: "k"}, ip: (if . == 3 then "10.77.0.77" else null end)}}] | from_entries)}' >"$work/six.json"
made() { sqlite3 "$work/state/muster.db" "SELECT count(*) FROM host WHERE serial LIKE 'K-%x'"; }
begun() { # COMMAND...: when some of the hosts are there, and its status
	"$@" >"$work/begun" 2>&1 &
	local apply=$!

	while kill -0 $apply 2>/dev/null && [ "$(made)" = 0 ]; do :; done
}
begun muster apply --yes "$work/six.json"
core=$(pgrep -P "$server" -x musterd-core)
quiet curl -sS --unix-socket "$work/run/muster.sock" http://m/api/v1/hosts --data '{"name":"k5999","serial":"FASTER"}'
half=$(made)
check 'others are answered while it is made' eval '[ "$half" -gt 0 ] && [ "$half" -lt 6000 ] || { echo "$half"; false; }'
wait $!
check 'somebody was faster: it is refused' says "call 6000, /api/v1/hosts: another host has the name 'k5999'" cat "$work/begun"
check 'and none of it is there' is "$(made)" 0
check 'nor for DHCP' quiet muster host set k5999 --ip 10.77.0.77
check 'the other one is' is "$(api /hosts/k5999 | jq -r .serial)" FASTER
check 'which the audit log tells' is "$(api '/audit?limit=3' | jq -r '[.audit[] | select(.path == "/api/v1/batch")][0].why')" \
	'taken back: all that its calls had changed is as it was'
quiet muster host rm k5999 --yes
begun muster apply --yes "$work/six.json"
half=$(made) # before: who starts anew takes it back at once
kill -9 "$core"
wait $!
check 'core ends while it is made' eval '[ "$half" -gt 0 ] && [ "$half" -lt 6000 ] || { echo "$half"; false; }'
check 'that is an error' refused 1 '' eval 'sed -n "/muster:/p" "$work/begun"; false'
check 'core is there again' wait_for 10 api /status
check 'and none of it is there' is "$(made)" 0
check 'it is on record' is "$(api '/audit?limit=1' | jq -r '.audit[0].who')" musterd
check 'then it is made in one go' muster apply --yes "$work/six.json"
check 'all of it' is "$(made)" 6000
check 'so many rows of the audit log are not checked in one answer' is "$(api /audit/check | jq -c '[.good, .rows, .next]')" '[true,1000,1000]'
check 'but all of them in several' muster audit verify
check 'and taken out again' muster apply --prune --yes "$work/before.json"
check 'all of it: none is there' is "$(made)" 0

# ---- spreadsheets
muster host list n01,n02 -o csv >"$work/hosts.csv"
check 'the list of hosts is a spreadsheet that changes nothing' says 'nothing is to be done' muster host import "$work/hosts.csv"
sed -i 's/,kvm,/,xen,/' "$work/hosts.csv"
printf 'name,mac,image,labels\r\nn06,52:54:00:00:00:06,kvm,"rack=r6 gpu"\r\nn01,,-,rack=r7\r\n' >"$work/new.csv"
check 'hosts from a spreadsheet' says 'add     host n06' muster host import "$work/new.csv"
check 'with their labels' is "$(api /hosts/n06 | jq -c .labels)" '{"gpu":"","rack":"r6"}'
check 'the old ones change' is "$(api /hosts/n01 | jq -c '[.image, .labels]')" '[null,{"rack":"r7"}]'
check 'an empty cell changes nothing' is "$(api /hosts/n01 | jq -c .macs)" '["52:54:00:00:00:01"]'
check 'a column that nobody knows' refused 1 "there is no column 'colour'" muster host import <(printf 'name,colour\nn01,red\n')
check 'a row without a name' refused 1 'line 3: a host has a name' muster host import <(printf 'name,image\nn01,kvm\n,xen\n')

# ---- let in by serial numbers
facts CZ-7001
printf 'CZ-7001,web1,kvm\nCZ-7002,web2\nCZ-7003\n' >"$work/serials.csv"
check 'a dry run says who' says 'would be: 1 approved, 2 expected' muster host approve --csv "$work/serials.csv" --dry-run
check 'and lets nobody in' is "$(api /hosts | jq '[.hosts[] | select(.serial == "CZ-7001")][0].admitted')" false
check 'serial numbers of a spreadsheet' says '1 approved, 2 expected' muster host approve --csv "$work/serials.csv"
check 'who waits is let in, with name and image' is "$(api /hosts/web1 | jq -c '[.admitted, .serial, .image]')" '[true,"CZ-7001","kvm"]'
facts CZ-7002
check 'who comes later as well' is "$(api /hosts/web2 | jq -c '[.admitted, .boot != null]')" '[true,true]'
check 'a name that is taken lets nobody in' refused 4 "call 2" muster host approve --csv <(printf 'CZ-7008,web8\nCZ-7009,web1\n')
check 'as is seen' is "$(api /hosts | jq '[.hosts[] | select(.serial == "CZ-7008")] | length')" 0

# ---- several names: all or none, and whoever is wrong is named
for n in 1 2 3; do facts "CZ-810$n"; done
mapfile -t some < <(api /hosts | jq -r '.hosts[] | select(.serial | startswith("CZ-810")) | .name')
let_in() { api /hosts | jq -c '[.hosts[] | select(.serial | startswith("CZ-810")) | .admitted]'; }
check 'a name that is none lets nobody in' refused 3 'there is no host nobody' muster host approve "${some[0]}" nobody "${some[1]}"
check 'as is seen' is "$(let_in)" '[false,false,false]'
check 'also where the name is that of a range' refused 3 'there is no host nobody[1-2]' muster host approve "${some[0]}" 'nobody[1-2]'
check 'good ones are let in' says 'approved' muster host approve "${some[0]}" "${some[1]}"
check 'as is seen' is "$(let_in)" '[true,true,false]'
check 'one that does not wait: nobody is rejected' refused 4 "${some[0]} is admitted" muster host reject "${some[2]}" "${some[0]}"
check 'as is seen' is "$(api "/hosts/${some[2]}" | jq .rejected)" null
check 'set: none has it' refused 3 'there is no host nobody' muster host set "${some[0]}" nobody --label all
check 'as is seen' is "$(api "/hosts/${some[0]}" | jq -c .labels)" '{}'
check 'set: all have it' says 'labels' muster host set "${some[0]}" "${some[1]}" --label all
check 'as is seen' is "$(api /hosts | jq '[.hosts[] | select(.labels.all == "")] | length')" 2
check 'rm: all stay' refused 3 'there is no host nobody' muster host rm "${some[0]}" nobody --yes
check 'as is seen' is "$(let_in)" '[true,true,false]'
check 'rm: all go' says 'forgotten' muster host rm "${some[0]}" "${some[1]}" --yes
check 'as is seen' is "$(let_in)" '[false]'

# ---- waiting for hosts that are none
check 'wait: no such host yet, at once' refused 3 'no such host yet: nobody' muster host wait nobody --timeout 60s
check 'and what to do' refused 3 '--appear' muster host wait nobody --timeout 60s
check 'several: those that are none' refused 3 'no such host yet: nobody[1-2]' muster host wait web1 'nobody[1-2]' --timeout 60s
check 'so many as there are will do' refused 6 'timed out: 0 of 1' muster host wait web1 nobody --count 1 --timeout 0s
check 'wait for hosts to appear' refused 6 'timed out: 0 of 1' muster host wait nobody --appear --timeout 0s
muster host wait "late" --appear --for discover --timeout 60s >"$work/late" 2>&1 &
late=$!
muster host add late --serial CZ-8200 >/dev/null
facts CZ-8200
check 'one that appears' eval 'wait "$late" && grep -F "late: agent" "$work/late"'
exit $failed
