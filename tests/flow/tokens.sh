#!/usr/bin/env bash
# Who may do what: tokens over TLS and over plain TCP, the socket and its group, every role at every
# family of routes, and all the ways in which a token is not good. No token is ever in the log or in
# the database.
set -u
. "${0%/*}/../support/flow.sh"
flow_enter "$@"

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }
says() { local want=$1; shift; "$@" 2>&1 | grep -F -- "$want" || { echo "does not say: $want"; return 1; }; }
exits() { local want=$1; shift; "$@"; local got=$?; [ "$got" = "$want" ] || { echo "exit $got, not $want"; return 1; }; }
# at BASE TOKEN METHOD PATH [CURL...]: the status; head and body are in $work/head and $work/body.
at() {
	local auth=()

	[ -z "$2" ] || auth=(-H "Authorization: Bearer $2")
	ip netns exec "${from:-server}" curl -sS --max-time 20 -o "$work/body" -D "$work/head" \
		-w '%{http_code}' --cacert "$work/tls.crt" "${auth[@]}" -X "$3" "$1/api/v1$4" "${@:5}"
}
https=https://10.77.0.1 plain=http://10.77.0.1 loop=http://127.0.0.1
get() { at "$https" "$1" GET "$2" "${@:3}"; }
code() { jq -r .code "$work/body"; }
# as GROUPS COMMAND...: as a user who is neither root nor the server's, in these groups beside his own.
as() { setpriv --reuid 12345 --regid 12345 --groups "$1" "${@:2}"; }
over_socket() {
	as "$1" curl -sS -o "$work/body" -w '%{http_code}' -X "$2" \
		--unix-socket "$work/run/muster.sock" "http://m/api/v1$3" "${@:4}"
}

ns_add server client
bridge server br0 10.77.0.1/24
plug client eth0 server br0
ip -n client addr add 10.77.0.9/24 dev eth0
# A name for a group, for this test alone.
cp /etc/group "$work/group"
echo 'musterops:x:4242:' >>"$work/group"
mount --bind "$work/group" /etc/group

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/tls.key" \
	-out "$work/tls.crt" -days 2 -subj /CN=10.77.0.1 -addext subjectAltName=IP:10.77.0.1 2>/dev/null
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
group = musterops
interface = br0
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.120
[http]
listen = 0.0.0.0:80
tls-listen = 0.0.0.0:443
tls-cert = $work/tls.crt
tls-key = $work/tls.key
[tftp]
enabled = no
END
sed 's/musterops/nosuchgroup/' "$work/muster.conf" >"$work/nogroup.conf"
no_group() { ip netns exec server "$B/musterd" -T -c "$work/nogroup.conf"; }
check 'a group that is not there is named, with the command that makes it' says 'addgroup --system nosuchgroup' no_group
mkdir -p "$work/state/keys/trust"
export MUSTER_KEYS=$work/keys
"$B/muster" key generate release >/dev/null 2>&1
cp "$work/keys/release.pub" "$work/state/keys/trust/"
chown -R nobody: "$work/state"
check 'the server starts' server_start
touch "$work/body"
chmod 666 "$work/body"

# ---- making tokens

secrets=()
# token NAME ARGUMENTS...: its text in $made
token() {
	made=$(muster token create "$@" 2>"$work/told") || { cat "$work/told"; return 1; }
	secrets+=("$made")
}
check 'the command says that a token is shown once' says 'shown this once' muster token create a --role viewer
token v --role viewer && viewer=$made
token o --role operator && operator=$made
token adm --role admin --expires never && admin=$made
token gone --role admin && gone=$made
token few --role operator --scope hosts,leases && few=$made
token deputy --role admin --scope tokens,hosts && deputy=$made
short=$(curl -sS --unix-socket "$work/run/muster.sock" http://m/api/v1/tokens \
	--data-binary '{"name":"short","role":"viewer","life_s":1}' | jq -r .token)
secrets+=("$short")
check 'it looks as a scanner expects it' grep -qxE 'muster_[0-9]+_[a-z2-7]{59}' <<<"$viewer"
check 'no two are the same' [ "$(printf '%s\n' "${secrets[@]}" | sort -u | wc -l)" = ${#secrets[@]} ]
check 'a name is given once' exits 4 muster token create v --role viewer
check 'an unknown role is refused' says "'root' is no role" muster token create x --role root
check 'an unknown scope is refused, with what there is' says 'hosts,boots,events' muster token create x --role viewer --scope host
check 'a dry run makes none' exits 0 muster token create x --role viewer --dry-run
check 'and they are listed, without their texts' is "$(muster -o csv token list | cut -d, -f2-5 | head -4 | tail -2)" \
	$'v,viewer,,good\no,operator,,good'
check 'with no x among them' is "$(muster -o csv token list | grep -c ,x,)" 0

# ---- each role at each family, over TLS

host='{"name":"h1","mac":"52:54:00:00:00:01"}'
printf '%064d' 0 >"$work/zeros"
# METHOD PATH viewer operator admin BODY: the statuses, of which 4xx other than 403 mean "may".
while read -r method path v o a body; do
	for role in viewer operator admin; do
		case $role in viewer) want=$v ;; operator) want=$o ;; *) want=$a ;; esac
		data=()
		[ -z "$body" ] || data=(--data-binary "$body")
		check "$role: $method $path: $want" is "$(at "$https" "${!role}" "$method" "$path" "${data[@]}")" "$want"
	done
done <<END
GET /status 200 200 200
GET /setup 200 200 200
GET /hosts 200 200 200
GET /hosts/none 404 404 404
POST /hosts?dry_run=1 403 201 201 $host
PATCH /hosts/none 403 404 404 {}
DELETE /hosts/none 403 404 404
POST /hosts/none/replace 403 404 404 {}
POST /hosts/import?dry_run=1 403 422 422 {}
GET /boots/1 404 404 404
GET /events 200 200 200
GET /leases 200 200 200
DELETE /leases/10.77.0.101 403 404 404
GET /dhcp/servers 200 200 200
POST /dhcp/probe?dry_run=1 403 202 202 {}
GET /images 200 200 200
POST /images 403 403 422 {}
POST /images/gc?dry_run=1 403 403 200 {}
GET /blobs 200 200 200
POST /blobs/$(cat "$work/zeros") 403 403 200
PUT /blobs/$(cat "$work/zeros") 403 403 422 x
GET /roots 200 200 200
POST /roots 403 403 422 {}
GET /channels 200 200 200
POST /channels 403 403 422 {}
GET /tokens 403 403 200
GET /tokens/1 403 403 200
POST /tokens?dry_run=1 403 403 422 {}
DELETE /tokens/99 403 403 404
GET /nothing 404 404 404
PUT /hosts 405 405 405 {}
END
check 'HEAD is a GET' is "$(at "$https" "$viewer" HEAD /hosts --head)" 200
check 'what is refused names the role' says 'takes the role operator, and the token has the role viewer' \
	echo "$(at "$https" "$viewer" DELETE /hosts/none; cat "$work/body")"
check 'with a hint' grep -q 'muster token create NAME --role operator' "$work/body"
check 'in the words of RFC 6750' grep -qi '^www-authenticate: Bearer realm="muster", error="insufficient_scope"' "$work/head"

# ---- tokens that are not good

check 'without a token: 401' is "$(get '' /hosts)" 401
check 'which says how' grep -qi '^www-authenticate: Bearer realm="muster"'$'\r''$' "$work/head"
check 'another way of authorisation is none' is "$(at "$https" '' GET /hosts -u root:root)" 401
wrong=${viewer%????????}${viewer: -8:1}aaaaaaa
from=client
check 'a wrong one: 401' is "$(get "$wrong" /hosts)" 401
check 'in the words of RFC 6750, again' grep -qi 'error="invalid_token"' "$work/head"
check 'cut short' is "$(get "${viewer%?}" /hosts)" 401
check 'cut to its beginning' is "$(get "${viewer:0:20}" /hosts)" 401
check 'with its own checksum, but of nobody' is "$(get muster_12_bmyfk6u7ytuq4m2ypwrmp3argznybjok54kdsxudvdg7efz4mgda4e2x6ha /hosts)" 401
check 'with another number' is "$(get "muster_1_${viewer##*_}" /hosts)" 401
check 'of a thousand bytes' is "$(get "$viewer$(printf '%01000d' 0)" /hosts)" 401
gone_id=$(muster -o csv token list | awk -F, '$2 == "gone" {print $1}')
check 'the right one is good' is "$(get "$gone" /tokens)" 200
check 'it is revoked' muster token revoke "$gone_id"
check 'and then is not good' is "$(get "$gone" /tokens)" 401
check 'and says so' grep -q 'revoked' "$work/body"
check 'its name is free again' exits 0 muster token create gone --role viewer
expired() { [ "$(get "$short" /hosts)" = 401 ] && grep -q expired "$work/body"; }
check 'one that lasts a second has expired' wait_for 5 expired
check 'its state says so' says 'short,viewer,,expired' muster -o csv token list
for _ in $(seq 20); do get "$wrong" /hosts >/dev/null; done
check 'many wrong ones from one address: 429' is "$(get "$wrong" /hosts)" 429
check 'with the time to wait' grep -qiE '^retry-after: [0-9]+' "$work/head"
check 'which keeps nobody out who has a right one' is "$(get "$viewer" /hosts)" 200
from=server
check 'and no other address' is "$(get "$wrong" /hosts)" 401
check 'the log has a line on it' grep -q 'token refused: from=10.77.0.9' "$work/log"
check 'and not one for each' [ "$(grep -c 'token refused' "$work/log")" -lt 15 ]

# ---- scope

check 'a scope is kept to: hosts' is "$(get "$few" /hosts)" 200
check 'leases' is "$(get "$few" /leases)" 200
check 'but not images' is "$(get "$few" /images)" 403
check 'which names it' is "$(code)" scope
deputy_makes() { at "$https" "$deputy" POST /tokens?dry_run=1 --data-binary "$1"; }
check 'who has a scope makes tokens within it' is "$(deputy_makes '{"name":"y","role":"viewer","scope":["hosts"]}')" 201
check 'not beyond it' is "$(deputy_makes '{"name":"y","role":"viewer","scope":["hosts","images"]}')" 403
check 'nor without one' is "$(deputy_makes '{"name":"y","role":"viewer"}')" 422

# ---- a batch: each call takes its own role, and a batch is one caller's

batch() { at "$https" "$1" POST "/batch${3:-}" --data-binary "$2"; }
make_host='{"method":"POST","path":"/api/v1/hosts","body":{"name":"bh","mac":"52:54:00:00:0b:01"}}'
make_token='{"method":"POST","path":"/api/v1/tokens","body":{"name":"stolen","role":"admin"}}'
check 'a viewer makes none' is "$(batch "$viewer" '{"id":"b","calls":[]}')" 403
check 'an operator makes one of hosts' is "$(batch "$operator" "{\"id\":\"b\",\"calls\":[$make_host]}" '?dry_run=1')" 200
check 'so does a token for hosts alone' is "$(batch "$few" "{\"id\":\"s\",\"calls\":[$make_host]}" '?dry_run=1')" 200
check 'which makes none of rules' is "$(batch "$few" '{"id":"s","calls":[{"method":"POST","path":"/api/v1/rules","body":{"name":"x","match":"@x","image":"kvm"}}]}')" 403
check 'nobody one of tokens' is "$(batch "$operator" "{\"id\":\"b\",\"calls\":[$make_host,$make_token]}")" 422
check 'nor one half of it' is "$(get "$operator" /hosts/bh)" 404
check 'a batch has no gc in it' is "$(batch "$admin" '{"id":"g","calls":[{"method":"POST","path":"/api/v1/images/gc","body":{}}]}' && get "$viewer" /hosts)" 422200
batch "$operator" "{\"id\":\"b\",\"more\":true,\"calls\":[$make_host]}" >/dev/null
check 'what he has left for another to finish' is "$(batch "$admin" '{"id":"b","part":1,"calls":[]}')" 409
check 'is not made' is "$(get "$operator" /hosts/bh)" 404

# ---- in clear

check 'no token over plain HTTP' is "$(at "$plain" "$viewer" GET /hosts)" 403
check 'with what to do' grep -q 'tokens-in-clear' "$work/body"
check 'and the log says to revoke it' wait_for 3 grep -q 'a token was sent in clear, revoke it: from=10.77.0.1' "$work/log"
check 'good or not' is "$(at "$plain" "$wrong" GET /hosts)" 403
check 'nobody else either' is "$(at "$plain" '' GET /hosts)" 401
check 'on this machine itself it is good' is "$(at "$loop" "$viewer" GET /hosts)" 200
sed -i 's/^listen =.*/&\ntokens-in-clear = yes/' "$work/muster.conf"
kill -HUP "$server"
in_clear() { [ "$(at "$plain" "$viewer" GET /hosts)" = 200 ]; }
check 'where it is configured, it is taken' wait_for 10 in_clear

# ---- the socket

check 'root is admin' is "$(curl -sS -o /dev/null -w '%{http_code}' --unix-socket "$work/run/muster.sock" http://m/api/v1/tokens)" 200
check 'a member of the group sees' is "$(over_socket 4242 GET /hosts)" 200
check 'and changes hosts' is "$(over_socket 4242 POST '/hosts?dry_run=1' --data-binary "$host")" 201
check 'but makes no token' is "$(over_socket 4242 GET /tokens)" 403
check 'and is told who does' grep -q 'root on the server' "$work/body"
check 'the group may be the last of many' is "$(over_socket "$(seq -s, 5000 5099),4242" GET /hosts)" 200
check 'who is not in it does not connect' exits 7 over_socket 4243 GET /hosts
chmod 666 "$work/run/muster.sock"
check 'nor gets anything where the socket was left open' is "$(over_socket 4243 GET /hosts)" 403
check 'which names the group' grep -q "musterops" "$work/body"
chmod 660 "$work/run/muster.sock"

# ---- the command, from another machine

echo "$admin" >"$work/token"
export MUSTER_URL=https://10.77.0.1 MUSTER_TOKEN_FILE=$work/token MUSTER_CA=$work/tls.crt
there() { ip netns exec client "$B/muster" "$@"; }
check 'muster over TLS with a token' says flow there status
check 'adds a host' there host add h9 --mac 52:54:00:00:00:09
check 'and lists it' says h9 there host list
check 'and tokens' says deputy there token list
MUSTER_CA=$work/none check 'not without knowing the certificate' exits 5 there status
MUSTER_CA='' check 'and says which variable names it' says MUSTER_CA there status
echo "$viewer" >"$work/token"
check 'a viewer adds nothing' says 'takes the role operator' there host add h8 --mac 52:54:00:00:00:08
echo "$admin" >"$work/token"
mkdir "$work/recipes"
cat >"$work/recipes/kvm.sh" <<'END'
#!/bin/sh
head -c 100000 /dev/urandom >"$1/vmlinuz"
head -c 20000000 /dev/urandom >"$1/initrd"
cat >"$1/image.json" <<'JSON'
{ "name": "kvm", "version": "1", "kind": "linux", "channel": "stable", "args": "quiet",
  "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" },
  { "role": "initrd", "name": "initrd" } ] }
JSON
END
chmod +x "$work/recipes/kvm.sh"
image() {
	muster image build kvm --recipes "$work/recipes" -o "$work/kvm" &&
		muster image sign "$work/kvm" --key release
}
check 'an image of 20 MB' image
echo "$operator" >"$work/token"
check 'an operator does not import it' exits 1 there image import "$work/kvm"
echo "$admin" >"$work/token"
check 'an admin does, from another machine' there image import "$work/kvm"
check 'and all of it came' muster image verify --all
unset MUSTER_URL MUSTER_TOKEN_FILE MUSTER_CA

# ---- after a restart; and where tokens are not

server_kill
check 'the server starts again' server_start
check 'and knows its tokens' is "$(get "$viewer" /hosts)" 200
check 'and those it does not know' is "$(get "$gone" /hosts)" 401
check 'when one was used is on record' says '10.77.0.' muster -o csv token list
nowhere() { # no file has the secret part of any token
	local text

	for text in "${secrets[@]}"; do
		! grep -rlaF -- "${text##*_}" "$work/state" "$work/log" "$work/run" || return 1
		! grep -rlaF -- "$text" "$work/state" "$work/log" || return 1
	done
}
check 'no token is in the log or in the database' nowhere
# That the search would find one: the hash is there.
hash_there() {
	local hex

	hex=$(printf %s "$viewer" | sha256sum | cut -d' ' -f1)
	[ "$(sqlite3 "$work/state/muster.db" "SELECT name FROM token WHERE hash = x'$hex'")" = v ]
}
check 'their hashes are' hash_there
exit $failed
