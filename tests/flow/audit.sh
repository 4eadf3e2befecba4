#!/usr/bin/env bash
# The log of changes: a row for each change and for nothing else, in the change's own transaction; a
# chain of hashes that a second program agrees with, and that tells whatever is done to it.
set -u
. "${0%/*}/../support/flow.sh"
flow_enter "$@"

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }
says() { local want=$1; shift; "$@" 2>&1 | grep -F -- "$want" || { echo "does not say: $want"; return 1; }; }
exits() { local want=$1; shift; "$@"; local got=$?; [ "$got" = "$want" ] || { echo "exit $got, not $want"; return 1; }; }
# http METHOD PATH [CURL...]: the status; the body is in $work/body.
http() {
	curl -sS --max-time 20 -o "$work/body" -D "$work/head" -w '%{http_code}' -X "$1" \
		--unix-socket "$work/run/muster.sock" "http://m/api/v1$2" "${@:3}"
}
rows() { api '/audit?limit=1000' | jq '.audit | length'; }
last() { api '/audit?limit=1' | jq -r ".audit[0].$1"; }

ns_add server
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/tls.key" \
	-out "$work/tls.crt" -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = lo
[dhcp]
mode = off
[http]
listen = 127.0.0.1:80
tls-listen = 127.0.0.1:443
tls-cert = $work/tls.crt
tls-key = $work/tls.key
[tftp]
enabled = no
END
check 'the server starts' server_start
check 'nothing has happened' is "$(rows)" 0
check 'which verifies' says '0 rows are as they were written' muster audit verify

# ---- one row for each change

check 'a host is added' muster host add n1 --mac 52:54:00:00:00:01
check 'which is a row' is "$(rows)" 1
check 'with who' is "$(last who) $(last uid) $(last token) $(last from)" 'root 0 null socket'
check 'what' is "$(last method) $(last path) $(last status)" 'POST /api/v1/hosts 201'
check 'and what came of it' is "$(last after.name)" n1
check 'one is changed' is "$(http PATCH /hosts/n1 -H 'X-Request-Id: change-42' --data-binary '{"image":"xen"}')" 200
check 'its answer has the number of the request' grep -qi '^x-request-id: change-42' "$work/head"
check 'and so has the row' is "$(last request)" change-42
check 'from what' is "$(last before | jq -c .)" '{"image":null}'
check 'to what' is "$(last after | jq -c .)" '{"image":"xen"}'
check 'and the log' grep -qE 'change: audit=2 who=root from=socket request=change-42 did=PATCH path=/api/v1/hosts/n1 hash=[0-9a-f]{64}' "$work/log"
check 'a number that could not stand in a log is not taken' \
	is "$(http GET /status -H 'X-Request-Id: a=b'; grep -ciE '^x-request-id: [0-9a-f]{16}'$'\r''$' "$work/head")" 2001
before=$(rows)
http GET /hosts >/dev/null
http POST '/hosts?dry_run=1' --data-binary '{"name":"n2","mac":"52:54:00:00:00:02"}' >/dev/null
http POST /hosts --data-binary '{"name":"n1","mac":"52:54:00:00:00:03"}' >/dev/null
http DELETE /hosts/none >/dev/null
http PATCH /hosts/n1 --data-binary '{"nmae":"n2"}' >/dev/null
check 'reading, trying and failing are none' is "$(rows)" "$before"
check 'a dry run changes nothing' exits 3 muster host show n2
http PATCH /hosts/n1 --data-binary '{"values":{"chap-secret":"hush-hush-hush","console":"ttyS1"}}' >/dev/null
check 'a value is written' is "$(last after.values.console)" ttyS1
check 'a secret is not' is "$(last after | grep -c hush)" 0
made=$(muster token create ci --role operator 2>/dev/null)
check 'a token is made' is "$(last path) $(last after.role)" '/api/v1/tokens operator'
check 'whose text is not written' is "$(api '/audit?limit=1000' | grep -c "${made##*_}")" 0
ip netns exec server curl -sS -o /dev/null --cacert "$work/tls.crt" -X PATCH https://127.0.0.1/api/v1/hosts/n1 \
	-H "Authorization: Bearer $made" --data-binary '{"admitted":false}'
check 'what it does is its own' is "$(last who) $(last uid) $(last token) $(last from)" 'ci null 1 127.0.0.1'
check 'a host is renamed' is "$(http PATCH /hosts/n1 --data-binary '{"name":"m1"}')" 200
check 'from n1 to m1' is "$(last before.name) $(last after.name)" 'n1 m1'
check 'and removed' muster host rm m1 --yes
check 'of which what it was stays' is "$(last before.name) $(last after)" 'm1 null'
check 'the list shows it' says 'DELETE  /api/v1/hosts/m1' muster audit list
check 'by who' is "$(muster -o json audit list --who ci | jq -c '[.audit[].path]')" '["/api/v1/hosts/n1"]'
check 'by object' is "$(muster -o json audit list --object tokens | jq '.audit | length')" 1
check 'by time' is "$(muster -o json audit list --since 1h | jq '.audit | length')" "$(rows)"
check 'wide: from what to what' says 'image="xen" (null)' muster -o wide audit list

# ---- pages

for i in $(seq 30); do http POST /hosts --data-binary "{\"name\":\"p$i\",\"serial\":\"s$i\"}" >/dev/null; done
pages() {
	local after=0 n=0 all=()

	while [ "$after" != null ]; do
		mapfile -t -O ${#all[@]} all < <(api "/audit?after=$after&limit=7" | tee "$work/page" | jq '.audit[].id')
		after=$(jq .next "$work/page")
		n=$((n + 1))
		[ $n -lt 50 ] || return 1
	done
	echo "${all[@]}"
}
check 'pages have every row once, in order' is "$(pages)" "$(seq -s' ' "$(rows)")"

# ---- the chain

check 'it verifies' says "$(rows) rows are as they were written" muster audit verify
# A second reader: by what db/store_audit.c says of the rows, from a copy of the database.
cat >"$work/chain.py" <<'END'
import hashlib, sqlite3, sys
columns = "id, at_ms, uid, token, who, source, request, method, path, status, why, before, after"
h = bytes(32)
for row in sqlite3.connect(sys.argv[1]).execute("SELECT " + columns + ", hash FROM audit ORDER BY id"):
    text = b"".join(b"-," if v is None else b"%d:%s," % (len(str(v).encode()), str(v).encode()) for v in row[:-1])
    h = hashlib.sha256(h + text).digest()
    assert h == row[-1], row
print("%d:%s" % (row[0], h.hex()))
END
head=$(muster -o json audit verify | jq -r .head)
copy() { rm -f "$work/copy.db"; sqlite3 "$work/state/muster.db" ".backup $work/copy.db"; }
copy
check 'a second program comes to the same head' is "$(python3 "$work/chain.py" "$work/copy.db")" "$head"
check 'which the log has' grep -q "audit=${head%:*} .*hash=${head#*:}" "$work/log"
check 'and is found again' exits 0 muster audit verify --head "$head"
http DELETE /hosts/p1 >/dev/null
check 'also when more has happened' exits 0 muster audit verify --head "$head"
head=$(muster -o json audit verify | jq -r .head)
server_kill
check 'the server starts again' server_start
check 'with all rows' exits 0 muster audit verify --head "$head"

# ---- the server's log has the rows that are there, and no others

batch='{"id":"b","calls":[{"method":"POST","path":"/api/v1/hosts/import","body":{"rows":[{"name":"q1","macs":["52:54:00:00:09:01"]}]}},
	{"method":"POST","path":"/api/v1/hosts","body":{"name":"q1","mac":"52:54:00:00:09:02"}}]}'
check 'a batch whose last call fails' is "$(http POST /batch --data-binary "$batch")" 409
check 'is no row' exits 0 muster audit verify --head "$head"
check 'nor the host that it made' exits 3 muster host show q1
http POST /hosts --data-binary '{"name":"q2","serial":"SERIAL-Q2"}' >/dev/null
stored() { sqlite3 "$work/state/muster.db" "SELECT id || ' ' || lower(hex(hash)) FROM audit"; }
logged() { sed -n 's/.*change: audit=\([0-9]*\) .* hash=\([0-9a-f]*\)$/\1 \2/p' "$work/log"; }
check 'the log has the same numbers and hashes' is "$(logged | sort)" "$(stored | sort)"
check 'also after a restart' grep -q "audit log: audit=${head%:*} hash=${head#*:}" "$work/log"
head=$(muster -o json audit verify | jq -r .head)

# ---- what is done to it. The rows say no by themselves; who has the file takes that away first.

check 'a row stays as it is' says 'audit rows stay' sqlite3 "$work/state/muster.db" "UPDATE audit SET who = 'x'"
check 'and where it is' says 'audit rows stay' sqlite3 "$work/state/muster.db" 'DELETE FROM audit'
muster -o json audit verify >/dev/null
kill "$server"
wait "$server"
cp "$work/state/muster.db" "$work/good.db"
n=${head%:*}
# tampered TEXT ROW SQL: verify names that row.
tampered() {
	cp "$work/good.db" "$work/state/muster.db"
	rm -f "$work/state/muster.db-wal" "$work/state/muster.db-shm"
	sqlite3 "$work/state/muster.db" "DROP TRIGGER audit_stays; DROP TRIGGER audit_kept; $3"
	chown nobody: "$work/state/muster.db"
	server_start || return 1
	check "$1" says "row $2 of the audit log" muster audit verify
	check "$1: exit 1" exits 1 muster audit verify
	if [ "$2" = 3 ]; then
		check 'doctor says so' says "row $2 of the audit log" muster doctor --quick
		check 'a backup warns of it' says 'restore asks for --any-audit' muster backup "$work/damaged.tar.zst"
	fi
	kill "$server"
	wait "$server"
}
tampered 'another name' 3 "UPDATE audit SET who = 'eve' WHERE id = 3"
tampered 'another time' 1 'UPDATE audit SET at_ms = at_ms + 1 WHERE id = 1'
tampered 'another value' 2 "UPDATE audit SET after = '{}' WHERE id = 2"
tampered 'text moved from one column to the next' 2 "UPDATE audit SET method = 'PATC', path = 'H' || path WHERE id = 2"
tampered 'NULL in place of nothing' 4 "UPDATE audit SET why = '' WHERE id = 4"
tampered 'a row removed' 5 'DELETE FROM audit WHERE id = 5'
tampered 'the first removed' 1 'DELETE FROM audit WHERE id = 1'
tampered 'two in another order' 6 'UPDATE audit SET id = 1000 WHERE id = 6; UPDATE audit SET id = 6 WHERE id = 7; UPDATE audit SET id = 7 WHERE id = 1000'
tampered 'another hash' 8 "UPDATE audit SET hash = zeroblob(32) WHERE id = 8"
tampered 'one removed and the others moved up' 5 'DELETE FROM audit WHERE id = 5; UPDATE audit SET id = id - 1 WHERE id > 5'
# cut TEXT WANT SQL: the chain alone is good, the head that is known is not there.
cut() {
	cp "$work/good.db" "$work/state/muster.db"
	rm -f "$work/state/muster.db-wal" "$work/state/muster.db-shm"
	sqlite3 "$work/state/muster.db" "DROP TRIGGER audit_kept; $3"
	chown nobody: "$work/state/muster.db"
	server_start || return 1
	check "$1: not seen without a head" exits 0 muster audit verify
	check "$1: seen with it" says "$2" muster audit verify --head "$head"
}
cut 'the last row cut off' "ends with row $((n - 1)), and you know row $n" "DELETE FROM audit WHERE id = $n"
muster host rm p2 --yes >/dev/null 2>&1
check 'the last row made anew: seen with the head' says 'has another hash' muster audit verify --head "$head"
kill "$server"
wait "$server"
cut 'all cut off' "ends with row 0" 'DELETE FROM audit'
exit $failed
