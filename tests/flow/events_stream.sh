#!/bin/bash
# shellcheck disable=SC2154 # work and B are flow.sh's
# events_stream.sh: events as they come, as server-sent events: at once, from where a reader left off,
# over a view or a server that ends, with a sign of life between; so many readers and no more. Hosts
# are played by curl.
. "${0%/*}/../support/flow.sh"
flow_enter "$@"

ns_add server
bridge server br0 10.77.0.1/24
muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = open
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.103
[tftp]
enabled = no
END
mkdir "$work/state" && chown nobody: "$work/state"
check 'the server starts' server_start

script() { # N: the host n0N asks for its script, which is an event
	ip netns exec server curl -fsS -o "$work/script" "http://10.77.0.1/boot.ipxe?mac=52-54-00-00-05-0$1&platform=pcbios"
}
stream() { # FILE [CURL...]: follow, in the background; the process is in $reader
	curl -sSN --unix-socket "$work/run/muster.sock" -D "$1.head" -o "$1" "http://muster/api/v1/events/stream" "${@:2}" 2>"$1.err" &
	reader=$!
}
events_in() { grep -c '^data: ' "$1"; }
has() { [ "$(events_in "$1")" = "$2" ]; }

script 1
stream "$work/a"
check 'a reader hears that it works' wait_for 5 grep -q '^: listening' "$work/a"
check 'as an event stream' grep -qi '^content-type: text/event-stream' "$work/a.head"
check 'without what was before' has "$work/a" 0
script 2
check 'an event comes' wait_for 5 has "$work/a" 1
check 'as JSON' eval "sed -n 's/^data: //p' \"$work/a\" | jq -e '.host == \"n02\" and .stage == \"script\"'"
check 'with its number' eval "[ \"\$(sed -n 's/^id: //p' \"$work/a\")\" = \"\$(sed -n 's/^data: //p' \"$work/a\" | jq .id)\" ]"
check 'and a sign of life while there is nothing' wait_for 8 grep -q '^: still here' "$work/a"

# ---- from where it left off
kill "$reader"; wait "$reader" 2>/dev/null
last=$(sed -n 's/^id: //p' "$work/a" | tail -1)
script 3
stream "$work/b" -H "Last-Event-ID: $last"
check 'Last-Event-ID: what came meanwhile comes first' wait_for 5 has "$work/b" 1
script 2
check 'then the rest' wait_for 5 has "$work/b" 2
check 'in order, each once' eval "sed -n 's/^id: //p' \"$work/b\" | sort -n -c -u"
stream "$work/c" -G -d after=0 -d host=n02
one=$reader
check 'of one host' wait_for 5 has "$work/c" 2

check 'a list does not hear of it' eval "[ \"\$(curl -sS --unix-socket \"$work/run/muster.sock\" http://m/api/v1/hosts -H 'Last-Event-ID: 99999' | jq '.hosts | length')\" -gt 0 ]"

stream "$work/d" -H 'Last-Event-ID: 99999999'
check 'from after what there is, as a server has it that was restored' wait_for 5 grep -q '^: listening' "$work/d"
script 2
check 'what is new comes' wait_for 5 has "$work/d" 1
check 'to others, too' wait_for 5 has "$work/b" 3
kill "$reader"; wait "$reader" 2>/dev/null
reader=$one

# ---- the role that answers ends
pkill -KILL -P "$server" -x musterd-view
script 3
check 'a new view goes on with it' wait_for 10 has "$work/b" 4
kill -0 "$reader" && ok 'on the same connection' || not_ok 'on the same connection'
kill "$one" 2>/dev/null

# ---- muster follows by it
muster events -f -o json --host n03 >"$work/d" 2>&1 &
follower=$!
sleep 1
script 3
check 'muster events -f' wait_for 5 eval '[ "$(grep -c "\"stage\":\"script\"" "$work/d")" -ge 3 ]'
server_kill
check 'the server is back' server_start
script 3
check 'it goes on when the server is back' wait_for 10 eval '[ "$(grep -c "\"stage\":\"script\"" "$work/d")" -ge 4 ]'
check 'each event once' eval 'jq .id "$work/d" | sort -n | uniq -d | wc -l | grep -qx 0'
kill "$follower"; wait "$follower" 2>/dev/null

# ---- and so does a host's timeline
post() { # TOKEN PATH JSON
	ip netns exec server curl -sS -o "$work/post" -H "Authorization: Bearer $1" -d "$3" "http://10.77.0.1/v1/agent/$2"
}
muster host timeline n04 -f --next -o json >"$work/e" 2>&1 &
follower=$!
sleep 1
post none facts '{ "agent": "1", "nics": [ { "mac": "52:54:00:00:05:04" } ] }'
check 'muster host timeline -f' wait_for 3 grep -q '"stage":"agent"' "$work/e"
post "$(jq -r .session "$work/post")" failed '{ "stage": "agent", "code": "agent", "message": "no" }'
gone_with() { ! kill -0 "$follower" 2>/dev/null; }
check 'ends with the boot' wait_for 3 gone_with
wait "$follower"
check 'as a failure' [ $? = 1 ]

# ---- no more than so many
readers=()
for n in $(seq 40); do stream "$work/many.$n"; readers+=("$reader"); done
ended() { [ "$(for p in "${readers[@]}"; do kill -0 "$p" 2>/dev/null || echo x; done | wc -l)" -ge 8 ]; }
check '32 may follow, others are told to come back' wait_for 15 ended
check 'the API answers all the same' muster status
kill "${readers[@]}" 2>/dev/null
wait "${readers[@]}" 2>/dev/null
again() { # the places of those that went away are free once they are looked at
	curl -sSN --max-time 7 --unix-socket "$work/run/muster.sock" http://muster/api/v1/events/stream |
		grep -q '^: still here'
}
check 'and later again' wait_for 25 again
exit $failed
