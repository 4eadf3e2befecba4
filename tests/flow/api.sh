#!/usr/bin/env bash
# What programs rely on: entity tags and If-Match, PUT twice as once, ?dry_run=1 on every change, pages
# and filters.
set -u
. "${0%/*}/../support/flow.sh"
flow_enter "$@"

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }
# http METHOD PATH [CURL...]: the status; head and body are in $work/head and $work/body.
http() {
	curl -sS --max-time 20 -o "$work/body" -D "$work/head" -w '%{http_code}' -X "$1" \
		--unix-socket "$work/run/muster.sock" "http://m/api/v1$2" "${@:3}"
}
etag() { sed -n 's/^[Ee][Tt]ag: \(.*\)\r$/\1/p' "$work/head"; }
body() { jq -c "$1" "$work/body"; }
sql() { sqlite3 "$work/state/muster.db" "$1"; }
# fails_with CODE PATTERN COMMAND...: as when it is mistyped.
fails_with() {
	local said rc

	said=$("${@:3}" 2>&1)
	rc=$?
	{ [ $rc = "$1" ] && grep -q -- "$2" <<<"$said"; } || { echo "$rc: $said"; return 1; }
}

ns_add server
bridge server br0 10.77.0.1/24
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.120
[tftp]
enabled = no
END
check 'the server starts' server_start

# ---- PUT: as the body says, whatever was before

n1='{"mac":"52:54:00:00:00:01","image":"kvm","ip":"10.77.0.50","labels":{"rack":"r1"},"values":{"console":"ttyS0"}}'
check 'PUT makes a host' is "$(http PUT /hosts/n1 --data-binary "$n1")" 201
check 'by the name in the path' is "$(body .name)" '"n1"'
check 'once more changes nothing' is "$(http PUT /hosts/n1 --data-binary "$n1")" 200
cp "$work/body" "$work/first"
http PUT /hosts/n1 --data-binary "$n1" >/dev/null
strip() { jq -S 'del(.seen)' "$1"; }
check 'however often' is "$(strip "$work/body")" "$(strip "$work/first")"
check 'another body replaces it' is "$(http PUT /hosts/n1 --data-binary '{"serial":"S1","labels":{"row":"7"}}')" 200
check 'what it does not say is gone' is "$(body '[.image, .ip, .values, .labels, .serial, .macs]')" \
	'[null,null,{},{"row":"7"},"S1",["52:54:00:00:00:01"]]'
check 'another name in the body is refused' is "$(http PUT /hosts/n1 --data-binary '{"name":"n2"}')" 422
http PUT /hosts/n2 --data-binary '{"mac":"52:54:00:00:00:02"}' >/dev/null
check 'the identity of another host, too' is "$(http PUT /hosts/n1 --data-binary '{"mac":"52:54:00:00:00:02"}')" 409
check 'a wrong body changes nothing, of the identity either' \
	is "$(http PUT /hosts/n1 --data-binary '{"mac":"52:54:00:00:00:03","image":"no image!"}')" 422
http GET /hosts/n1 >/dev/null
check 'as one sees' is "$(body '[.macs, .labels]')" '[["52:54:00:00:00:01"],{"row":"7"}]'
check 'If-None-Match: * makes, and does not replace' \
	is "$(http PUT /hosts/n1 -H 'If-None-Match: *' --data-binary "$n1") $(http PUT /hosts/n3 -H 'If-None-Match: *' --data-binary '{"serial":"S3"}')" '412 201'
check 'nothing to be known by: refused' is "$(http PUT /hosts/n4 --data-binary '{}')" 422

# ---- entity tags

http GET /hosts/n1 >/dev/null
tag=$(etag)
check 'a host has an entity tag' grep -qxE '"[0-9a-f]{16}"' <<<"$tag"
http GET /hosts/n1 >/dev/null
check 'which stays' is "$(etag)" "$tag"
sql "UPDATE host SET seen_ms = seen_ms + 1 WHERE name = 'n1'"
http GET /hosts/n1 >/dev/null
check 'whatever the host itself does' is "$(etag)" "$tag"
check 'a change of what was seen is made' is "$(http PATCH /hosts/n1 -H "If-Match: $tag" --data-binary '{"image":"xen"}')" 200
new=$(etag)
check 'with another tag' [ "$new" != "$tag" ]
check 'a second one is not' is "$(http PATCH /hosts/n1 -H "If-Match: $tag" --data-binary '{"image":"kvm"}')" 412
check 'and says what the tag is now' is "$(etag)" "$new"
check 'nor a PUT' is "$(http PUT /hosts/n1 -H "If-Match: $tag" --data-binary "$n1")" 412
check 'nor its end' is "$(http DELETE /hosts/n1 -H "If-Match: $tag")" 412
check 'nor in a dry run' is "$(http PATCH '/hosts/n1?dry_run=1' -H "If-Match: $tag" --data-binary '{"image":"kvm"}')" 412
check 'a weak tag is none' is "$(http PATCH /hosts/n1 -H "If-Match: W/$new" --data-binary '{"image":"kvm"}')" 412
check 'one of several is good' is "$(http PATCH /hosts/n1 -H "If-Match: $tag, $new" --data-binary '{"admitted":true}')" 200
check 'any is good' is "$(http PATCH /hosts/n1 -H 'If-Match: *' --data-binary '{"image":"kvm"}')" 200
check 'of a hundred none fits into a request' is "$(http DELETE /hosts/n1 -H "If-Match: $(for _ in $(seq 100); do printf '"0", '; done)\"1\"")" 412
check 'what is not there is not there' is "$(http PATCH /hosts/none -H "If-Match: $tag" --data-binary '{}')" 404
muster token create t --role viewer >/dev/null 2>&1
http GET /tokens/1 >/dev/null
check 'a token has one, too' is "$(http DELETE /tokens/1 -H 'If-Match: "no"') $(http DELETE /tokens/1 -H "If-Match: $(etag)")" '412 204'

# ---- a dry run says what would be, and changes nothing

for i in 3 4 5 6 7; do http PUT /hosts/h$i --data-binary "{\"mac\":\"52:54:00:00:01:0$i\",\"image\":\"kvm\",\"ip\":\"10.77.0.6$i\"}" >/dev/null; done
dump() { sqlite3 "$work/state/muster.db" .dump | grep -v 'INSERT INTO metric'; api '/leases?limit=1000' | jq -c '[.leases[] | {addr, host, state}]'; }
dump >"$work/before"
while read -r want method path data; do
	args=()
	[ -z "$data" ] || args=(--data-binary "$data")
	check "a dry run: $method $path" is "$(http "$method" "$path" "${args[@]}")" "$want"
done <<'END'
201 POST /hosts?dry_run=1 {"name":"new","mac":"52:54:00:00:00:99","ip":"10.77.0.99"}
409 POST /hosts?dry_run=1 {"name":"h3","mac":"52:54:00:00:00:99"}
201 PUT /hosts/new?dry_run=1 {"mac":"52:54:00:00:00:99","ip":"10.77.0.99"}
200 PUT /hosts/h3?dry_run=1 {"mac":"52:54:00:00:00:98","ip":"10.77.0.98"}
200 PATCH /hosts/h3?dry_run=1 {"ip":"10.77.0.97","name":"h33","labels":{"a":"b"}}
200 PATCH /hosts/h3?dry_run=1 {"ip":null}
204 DELETE /hosts/h3?dry_run=1
200 POST /hosts/h3/replace?dry_run=1 {"by":"h4","force":true}
200 POST /hosts/import?dry_run=1 {"rows":[{"macs":["52:54:00:00:00:77"],"ip":"10.77.0.77"}]}
202 POST /dhcp/probe?dry_run=1 {}
200 POST /images/gc?dry_run=1 {}
200 POST /rules?dry_run=1 {"name":"bios","match":"firmware=*","image":"kvm"}
201 POST /tokens?dry_run=1 {"name":"new","role":"admin"}
204 DELETE /tokens/1?dry_run=1
END
dump >"$work/after"
check 'and all is as it was' diff "$work/before" "$work/after"
check 'a token of a dry run is none' is "$(http POST '/tokens?dry_run=1' --data-binary '{"name":"new","role":"admin"}' >/dev/null; body .token)" null
check 'the address is free for another' is "$(http PATCH /hosts/h5 --data-binary '{"ip":"10.77.0.99"}')" 200
check 'and the one of before is still reserved' is "$(http PATCH /hosts/h5 --data-binary '{"ip":"10.77.0.63"}')" 409

# ---- pages and filters

for i in $(seq -w 40); do http POST /hosts --data-binary "{\"name\":\"p$i\",\"mac\":\"52:54:00:00:02:$i\",\"image\":\"xen\"}" >/dev/null; done
# pages PATH KEY FIELD: all of them, three at a time.
pages() {
	local after=-1 n=0 url

	while [ "$after" != null ]; do
		url="$1limit=3"
		[ "$after" = -1 ] || url="$url&after=$after"
		api "$url" >"$work/page"
		jq -r ".$2[].$3" "$work/page"
		after=$(jq .next "$work/page")
		n=$((n + 1))
		[ $n -lt 50 ] || return 1
	done
}
check 'pages of hosts: each once' is "$(pages '/hosts?' hosts name | sort)" "$(api /hosts | jq -r '.hosts[].name' | sort)"
check 'of those that fit' is "$(pages '/hosts?q=P1&' hosts name | tr '\n' ' ')" 'p10 p11 p12 p13 p14 p15 p16 p17 p18 p19 '
check 'by MAC address' is "$(api '/hosts?q=00:02:17' | jq -r '.hosts[].name')" p17
check 'by image' is "$(api '/hosts?image=xen' | jq '.hosts | length')" 40
check 'by state: none has booted' is "$(api '/hosts?state=up' | jq -c '[.hosts, .next]')" '[[],null]'
h3=$(sql "SELECT id FROM host WHERE name = 'h3'")
# A row of the table, whatever columns it has by now.
columns=$(sql "SELECT group_concat(name) FROM pragma_table_info('boot') WHERE \"notnull\"")
values=$(sql "SELECT group_concat(CASE type WHEN 'INTEGER' THEN 0 WHEN 'BLOB' THEN 'zeroblob(0)' ELSE quote('') END)
	FROM pragma_table_info('boot') WHERE \"notnull\"")
boot() { # ID STATE STAGE IMAGE
	sql "INSERT INTO boot (id, $columns) VALUES ($1, $values);
		UPDATE boot SET host = $h3, started_ms = $1 * 1000, seen_ms = $1 * 1000, ended_ms = $1 * 1000, stage = $3,
			state = $2, image = '$4' WHERE id = $1;
		INSERT INTO boot_event (boot, stage, what, source, at_ms, since_ms, bytes, total, detail)
			VALUES ($1, $3, 'done', 'core', $1 * 1000, 0, 0, 0, '')"
}
for i in $(seq 1 10); do boot "$i" 1 9 kvm; done
for i in $(seq 11 14); do boot "$i" 2 7 xen; done
check 'pages of boots: newest first' is "$(pages '/boots?' boots id | tr '\n' ' ')" "$(seq -s' ' 14 -1 1) "
check 'of a host' is "$(pages '/hosts/h3/boots?' boots id | tr '\n' ' ')" "$(seq -s' ' 14 -1 1) "
check 'of another' is "$(api /hosts/h4/boots | jq -c '[.boots, .next]')" '[[],null]'
check 'those that failed' is "$(pages '/boots?state=failed&host=h3&' boots id | tr '\n' ' ')" '14 13 12 11 '
check 'with an image' is "$(api '/boots?image=kvm&limit=2' | jq -c '[[.boots[].id], .next]')" '[[10,9],9]'
check 'since' is "$(api '/boots?since=13000' | jq -c '[.boots[].id]')" '[14,13]'
check 'hosts by state' is "$(api '/hosts?state=failed' | jq -r '.hosts[].name')" h3
check 'and by stage' is "$(api '/hosts?stage=failed' | jq -r '.hosts[].name')" h3
check 'events of a stage' is "$(api '/events?stage=verify' | jq '.events | length')" 4
check 'of a host, from one on' is "$(api '/events?host=h3&after=12&limit=1' | jq -c '[[.events[].id], .last]')" '[[13],13]'
check 'muster sees every page' is "$(muster -o name host list | wc -l)" "$(sql 'SELECT count(*) FROM host')"

# ---- what nobody knows, or what cannot be, is refused before anything changes

dump >"$work/before"
# refused NAME METHOD PATH [BODY]: 422, with a sentence that begins with that name.
refused() {
	local data=()

	[ -z "${4:-}" ] || data=(--data-binary "$4")
	is "$(http "$2" "$3" "${data[@]}") $(body '.detail | split(" ")[0]')" "422 \"$1\""
}
while read -r name method path data; do
	check "refused: $method $path $data" refused "$name" "$method" "$path" "$data"
done <<'END'
dry_run DELETE /hosts/h3?dry_run=yes
dry_run DELETE /hosts/h3?dry_run=
dry_run DELETE /hosts/h3?dry_run
dry-run DELETE /hosts/h3?dry-run=1
dry%5Frun DELETE /hosts/h3?dry%5Frun=1
dry_run DELETE /hosts/h3?dry_run=0&dry_run=1
Dry_run PATCH /hosts/h3?Dry_run=1 {"image":null}
after DELETE /hosts/h3?after=1
dry_run GET /hosts?dry_run=1
forget DELETE /leases/10.77.0.100?forget=yes
nothing GET /status?nothing
after:address GET /leases?after:address=10.77.0.100
after GET /events/stream?after=;
feed GET /events?feed=1
after GET /hosts?after=bogus
after GET /hosts?after=-1
after GET /boots?after=1x
after GET /audit?after=99999999999999999999
limit GET /hosts?limit=abc
limit GET /hosts?limit=-1
limit GET /events?limit=0
limit GET /images/log?limit=many
since GET /boots?since=yesterday
stage GET /hosts?stage=bogus
state GET /boots?state=bogus
state GET /events?state=up
brief GET /hosts?brief=2
q GET /hosts?q=%C3%A9
host GET /boots?host=1234567890123456789012345678901234567890123456789012345678901234
where GET /hosts?where=arch%3Dx86_64&brief=1
where GET /hosts?where=arch%3Dx86_64&state=up
from GET /hosts/h3/diff?from=a&to=2
to GET /hosts/h3/diff?from=1
from GET /hosts/h3/diff?to=1
after GET /leases?after=1
limit GET /leases?limit=x
port GET /sd/prometheus?port=http
count POST /rollouts?dry_run=1&count=x {"image":"kvm"}
name POST /hosts {"name":5,"serial":"S9"}
serial POST /hosts {"name":"new","serial":12345,"mac":"52:54:00:00:00:99"}
uuid POST /hosts {"name":"new","uuid":5,"mac":"52:54:00:00:00:99"}
mac POST /hosts {"name":"new","mac":["52:54:00:00:00:99"]}
macs POST /hosts {"name":"new","macs":"52:54:00:00:00:99"}
macs POST /hosts {"name":"new","macs":["52:54:00:00:00:99",7]}
serial PUT /hosts/h3 {"serial":1}
image PATCH /hosts/h3 {"image":5}
admitted PATCH /hosts/h3 {"admitted":"no"}
rejected PATCH /hosts/h3 {"rejected":1}
profile PATCH /hosts/h3 {"profile":false}
labels PATCH /hosts/h3 {"labels":["a"]}
values PATCH /hosts/h3 {"values":"a"}
options PATCH /hosts/h3 {"options":"mtu = 1400"}
ip PATCH /hosts/h3 {"ip":1}
reason DELETE /hosts/h3 {"reason":5}
by POST /hosts/h3/replace {}
force POST /hosts/h3/replace {"by":"h4","force":"yes"}
image POST /hosts/h3/pin {"image":["kvm"]}
release POST /hosts/h3/pin {"image":"kvm","release":"1"}
reason POST /hosts/h3/reboot {"reason":1}
rows POST /hosts/import {"rows":{}}
match POST /rules {"name":"all-of-them","match":["x"],"image":"kvm"}
match POST /rules {"name":"all-of-them","image":"kvm"}
match POST /rules {"name":"all-of-them","match":null,"image":"kvm"}
at POST /rules {"name":"all-of-them","match":"","image":"kvm","at":"1"}
host POST /rules/test {"host":5}
facts POST /rules/test {"facts":"x"}
scope POST /tokens {"name":"new","role":"viewer","scope":"hosts"}
scope POST /tokens {"name":"new","role":"viewer","scope":""}
scope POST /tokens {"name":"new","role":"viewer","scope":[]}
scope POST /tokens {"name":"new","role":"viewer","scope":["hosts",5]}
life_s POST /tokens {"name":"new","role":"viewer","life_s":"60"}
life_s POST /tokens {"name":"new","role":"viewer","life_s":1.5}
args POST /profiles {"name":"new","args":5}
name POST /profiles {"name":["new"]}
files PUT /profiles/new {"files":[]}
content PUT /profiles/new {"files":{"/etc/x":{"content":5}}}
hold POST /channels {"channel":"x","signatures":["x"],"hold":"yes"}
signatures POST /images {"manifest":"x","signatures":"x"}
root POST /roots {"root":{},"signatures":["x"]}
bake_s POST /rollouts {"image":"kvm","version":"1","bake_s":"5"}
reboot POST /rollouts {"image":"kvm","version":"1","reboot":"no"}
hosts POST /rollouts {"image":"kvm","version":"1","hosts":"h3"}
retry POST /rollouts/1/resume {"retry":1}
older_s POST /images/gc {"older_s":"600"}
reason POST /images/kvm/rollback {"reason":["so"]}
more POST /batch {"id":"t","calls":[],"more":"yes"}
calls POST /batch {"id":"t","calls":{}}
path POST /batch {"id":"t","calls":[{"method":"DELETE","path":5}]}
serial POST /hosts {"name":"new","serial":"1234567890123456789012345678901234567890123456789012345678901234"}
serial POST /hosts {"name":"new","serial":"A\u001b[2JB"}
serial PUT /hosts/h3 {"serial":"A\nB"}
all POST /hosts {"name":"all","serial":"S9"}
ALL POST /hosts {"name":"ALL","serial":"S9"}
All PUT /hosts/All {"serial":"S9"}
all PATCH /hosts/h3 {"name":"all"}
END
check 'an import of a host with a word for all of them is refused' \
	is "$(http POST /hosts/import --data-binary '{"rows":[{"name":"all","macs":["52:54:00:00:00:99"]}]}') $(body '.rows[0].what')" '409 "bad"'
check 'and a name that is no text' \
	is "$(http POST /hosts/import --data-binary '{"rows":[{"name":7,"macs":["52:54:00:00:00:99"]}]}') $(body '.rows[0].what')" '409 "bad"'
check 'and a serial number that would draw on a screen' \
	is "$(http POST /hosts/import --data-binary '{"rows":[{"serial":"A\u0007B","macs":["52:54:00:00:00:99"]}]}') $(body '.rows[0].what')" '409 "bad"'
check 'a scope of nothing is none' fails_with 2 'scope' muster token create new --role viewer --scope ''
dump >"$work/after"
check 'all is as it was' diff "$work/before" "$work/after"
check 'a dry run may be called true' is "$(http DELETE '/hosts/h3?dry_run=true') $(http GET /hosts/h3)" '204 200'
check 'and what is none may be said' is "$(http PATCH '/hosts/h3?dry_run=0' --data-binary '{"labels":{"d":"0"}}') $(body .labels.d)" '200 "0"'
check 'of an unknown parameter the answer lists the known' is "$(http GET '/boots?x=1') $(body .hint)" '422 "it takes limit, after, stage, state, image, host, since"'
check 'a rule may fit all, where that is said' is "$(http POST /rules --data-binary '{"name":"rest","match":"","image":"kvm"}')" 201
check 'a longest serial number is whole' is "$(http POST /hosts --data-binary '{"name":"long","serial":"123456789012345678901234567890123456789012345678901234567890123"}') $(body '.serial | length')" '201 63'
check 'PUT takes several MAC addresses' is "$(http PUT /hosts/long --data-binary '{"macs":["52:54:00:00:0a:01","52:54:00:00:0a:02"]}') $(body '.macs | length')" '200 2'

# ---- another method

allow() { sed -n 's/^[Aa]llow: \(.*\)\r$/\1/p' "$work/head"; }
check 'another method: 405, with those that it takes' is "$(http DELETE /hosts) $(allow)" '405 GET, HEAD, POST'
check 'of one host' is "$(http POST /hosts/h3 --data-binary '{}') $(allow)" '405 GET, HEAD, PUT, PATCH, DELETE'
exit $failed
