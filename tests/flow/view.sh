#!/usr/bin/env bash
# Who reads does not wait for who decides, nor the other way round: lists are answered while core is
# stopped, what was answered is in the next list, and view may end at any time.
set -u
. "${0%/*}/../support/flow.sh"
flow_enter "$@"

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }
role() { pgrep -P "$server" -x "musterd-$1"; }
send() { curl -sS --max-time 5 -o /dev/null -w '%{http_code}' -X "$1" --data "$3" --unix-socket "$work/run/muster.sock" "http://m/api/v1$2"; }

ns_add server
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
check 'the server starts' server_start
check 'a host' is "$(send POST /hosts '{"name":"n01","mac":"52:54:00:00:00:01"}')" 201

own_writes() { # each change is in the answer to the question after it
	local i

	for i in $(seq 100); do
		send PATCH /hosts/n01 "{\"image\":\"v$i\"}" >"$work/status"
		is "$(api /hosts/n01 | jq -r .image)" "v$i" || return 1
	done
}
check 'who has changed something reads it' own_writes

core=$(role core)
kill -STOP "$core"
for path in /hosts /hosts/n01 /hosts/n01/boots /events /images /roots /channels /blobs; do
	check "$path is answered while core is stopped" api "$path"
done
check 'a list on the command line, too' muster host list
check 'a change is not' is "$(send PATCH /hosts/n01 '{"image":"later"}')" 000
kill -CONT "$core"
check 'nor what core alone knows, but then' wait_for 5 api /status
check 'the change was made' wait_for 5 is "$(api /hosts/n01 | jq -r .image)" later

view=$(role view)
for i in 1 2 3; do
	kill -9 "$(role view)"
	check "view is killed: a list all the same ($i)" muster -o name host list
done
check 'it is another one' [ "$(role view)" != "$view" ]
check 'core is the same' is "$(role core)" "$core"
check 'an unknown host' is "$(send GET /hosts/n99 '')" 404
check 'an unknown path' is "$(send GET /nothing '')" 404
check 'HEAD' is "$(curl -sS -I -o /dev/null -w '%{http_code}' --unix-socket "$work/run/muster.sock" http://m/api/v1/hosts)" 200
check 'no reader has an error on record' [ -z "$(grep -E 'error.*(view|reader)' "$work/log")" ]
exit $failed
