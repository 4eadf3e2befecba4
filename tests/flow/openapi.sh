#!/usr/bin/env bash
# docs/openapi.yaml is true: it has the routes that there are, with the role that each takes, and each
# answer of a server that has seen hosts boot is as it says, without a member more or less.
# takes: 75 s
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
/usr/bin/python3 -c 'import jsonschema, yaml' 2>/dev/null || skip 'no python3-jsonschema, python3-yaml'
tests/support/unpack.sh tftpd-hpa "$packages" 2>/dev/null || skip 'no tftpd-hpa'
flow_enter "$@"
# shellcheck source=tests/support/rehearsal.sh
. tests/support/rehearsal.sh

is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }
# http METHOD PATH [CURL...]: the status; head and body are in $work/head and $work/body.
http() {
	curl -sS --max-time 20 -o "$work/body" -D "$work/head" -w '%{http_code}' -X "$1" \
		--unix-socket "$work/run/muster.sock" "http://m/api/v1$2" "${@:3}"
}
# The validator reads lines "METHOD TEMPLATE STATUS TYPE FILE [SENT]" and says "ok" or what is wrong.
coproc JUDGE { exec /usr/bin/python3 -W ignore tests/support/openapi.py docs/openapi.yaml; }
# as_it_says WANT METHOD PATH TEMPLATE [BODY]: that status, and the answer that is documented for it.
as_it_says() {
	local got type said data=()

	rm -f "$work/sent"
	if [ -n "${5:-}" ]; then
		printf %s "$5" >"$work/sent"
		data=(--data-binary "@$work/sent")
	fi
	got=$(http "$2" "$3" "${data[@]}") || return 1
	[ "$got" = "$1" ] || { echo "status $got, not $1"; cat "$work/body"; echo; return 1; }
	type=$(sed -n 's/^[Cc]ontent-[Tt]ype: \([^;]*\).*$/\1/p' "$work/head" | tr -d '\r')
	echo "$2 $4 $got ${type:--} $work/body ${data:+$work/sent}" >&"${JUDGE[1]}"
	read -r said <&"${JUDGE[0]}" || return 1
	[ "$said" = ok ] || { echo "$said"; head -c 2000 "$work/body"; echo; return 1; }
}
# got PATH TEMPLATE: a GET that is well
got() { check "GET $1" as_it_says 200 GET "$1" "$2"; }
# did WANT METHOD PATH TEMPLATE [BODY]
did() { check "$2 $3: $1" as_it_says "$@"; }

# ---- the same routes

routes() { sed -n 's/^\t{ HTTP_\([A-Z]*\), "\/api\/v1\([^"]*\)", [a-z_]*, ROLE_\([A-Z]*\),.*/\1 \2 \3/p' server/core/api.c; }
documented() { /usr/bin/python3 tests/support/openapi.py docs/openapi.yaml --routes; }
check 'the same routes, with the same roles' is "$(documented | sort)" "$(routes | sort)"
check 'the document is an OpenAPI document' /usr/bin/python3 -W ignore tests/support/openapi.py docs/openapi.yaml --check

# ---- a site with a bit of everything

rehearsal_links
check 'the site is set up' rehearsal_site approve 200000 3000000
api /images/kvm >/dev/null || exit 1
muster profile add all --value token-secret=hush --require rack --args 'told=@{host}' --file /etc/motd=docs/why.md >/dev/null 2>&1
muster profile add told --args 'told=@{address}' --file /etc/motd=LICENSE >/dev/null 2>&1
muster rule add told --match vendor=muster --image kvm --profile told >/dev/null 2>&1
check 'hosts boot' simulate_relayed --hosts 3 --tftp-share 40%
check 'one fails' eval '! simulate_relayed --hosts 1 --prefix 06:00:09 --image nothing --timeout 4s'
ip netns exec hosts "$B/support/dhcp_host" -i eth0 -m 52:54:00:00:00:01 discover request >/dev/null
http GET '/hosts?limit=1' >/dev/null
first=$(jq -r '.hosts[0].name' "$work/body")
{
	http PATCH "/hosts/$first" --data-binary '{"ip":"10.65.2.2","circuit":"0102","client_id":"01aabbcc","options":["dns = 10.0.0.1"],
		"values":{"console":"ttyS0","chap-secret":"hush"},"labels":{"rack":"r1"},"channel":"test"}'
	http POST /rules --data-binary '{"name":"lab","match":"@rack=r1 arch=x86_64","image":"kvm"}'
	muster image pin "$first" kvm@1 --reason so
} >/dev/null 2>&1
muster token create ci --role operator --scope hosts,leases >/dev/null 2>&1
root() {
	muster key root "$work/roots" --key "$work/keys/release.pub" &&
		muster key sign "$work/roots/root.1.json" --key "$work/keys/release.key" &&
		muster image import "$work/roots"
}
check 'a root is here' root
# What only a certain neighbourhood makes.
server_kill
id=$(sqlite3 "$work/state/muster.db" "SELECT id FROM host WHERE name = '$first'")
sqlite3 "$work/state/muster.db" "
	INSERT INTO dhcp_server VALUES (0, 0x0a090001, 0x0a090001, x'020000000001', 'eth0', 1, 0, 'pxelinux.0', 1, 2, 3);
	INSERT INTO host_loader VALUES ($id, 'uefi', 'snponly.efi', 0, 0, 1, 'ipxe.efi', 1, 1, 1);
	UPDATE boot SET state = 2, stage = 7, ended_ms = 1, reason = 'boot-loop', sentence = 'It boots and boots.' WHERE id = 2"
check 'the server starts again' server_start

# ---- what may be asked with

# Of what it does not know a route says what it knows.
knows() {
	[ "$(http "$1" "$2?none=1" -H 'Content-Length: 0')" = 422 ] || { cat "$work/body"; return 1; }
	is "$(jq -r '.hint | ltrimstr("it takes ") | split(", ") | sort | join(" ")' "$work/body")" "${*:3}"
}
while read -r method path names; do
	# shellcheck disable=SC2086
	check "$method $path knows as it says" knows "$method" "$path" ${names:-no parameter}
done < <(/usr/bin/python3 tests/support/openapi.py docs/openapi.yaml --queries)

# ---- what is read

for path in /status /setup /hosts '/hosts?limit=2' '/hosts?brief=1' '/hosts?where=arch=x86_64' /boots '/boots?limit=2' /events '/events?after=1&limit=3' \
	/leases '/leases?limit=1' /dhcp/servers /images /images/log /blobs /sd/prometheus /rules /roots /profiles /channels /audit \
	'/audit?after=0&limit=1' /audit/check '/audit/check?limit=1' /tokens; do
	got "$path" "${path%%\?*}"
done
for name in $(api /hosts | jq -r '.hosts[].name'); do
	got "/hosts/$name" '/hosts/{name}'
	got "/hosts/$name/boots" '/hosts/{name}/boots'
	got "/hosts/$name/told" '/hosts/{name}/told'
	got "/hosts/$name/diff" '/hosts/{name}/diff'
	got "/hosts/$name/why" '/hosts/{name}/why'
done
got /hosts/52:54:00:00:00:77/why '/hosts/{name}/why'
for id in $(api /boots | jq -r '.boots[].id'); do got "/boots/$id" '/boots/{id}'; done
for addr in $(api /leases | jq -r '.leases[].addr'); do got "/leases/$addr" '/leases/{addr}'; done
got /images/kvm '/images/{name}'
got /profiles/all '/profiles/{name}'
got /tokens/1 '/tokens/{id}'
check 'nothing was empty that this is about' [ "$(for list in hosts boots events leases images blobs rules roots channels profiles audit tokens; do api /$list | jq ".$list | length"; done | grep -cx 0)" = 0 ]
check 'nor other DHCP servers, pins, loaders' [ "$(api /dhcp/servers | jq '.servers | length') $(api "/hosts/$first" | jq -c '[(.pins | length), (.loaders | length)]')" = '1 [1,1]' ]
stream() {
	timeout 2 curl -sSN -D "$work/head" --unix-socket "$work/run/muster.sock" 'http://m/api/v1/events/stream?after=1' >"$work/stream"
	sed -n 's/^data: //p' "$work/stream" | head -1 >"$work/one"
	jq -e .stage "$work/one" && grep -qi '^content-type: text/event-stream' "$work/head"
}
check 'the stream is one' stream

# ---- what is changed, first as a trial

change() { # WANT METHOD PATH TEMPLATE [BODY]: as a trial, and then
	did "$1" "$2" "$3?dry_run=1" "$4" "${5:-}"
	did "$1" "$2" "$3" "$4" "${5:-}"
}
change 201 POST /hosts /hosts '{"name":"a1","mac":"52:54:00:00:02:01","uuid":"6d757374-6572-2d73-696d-999999000001","serial":"A1","image":"kvm",
	"channel":"test","admitted":true,"ip":"10.64.0.101","circuit":"01","client_id":"ff01","options":["mtu = 1400"],"values":{"a":"b"},"labels":{"c":""}}'
change 200 PATCH /hosts/a1 '/hosts/{name}' '{"image":null,"channel":null,"ip":null,"client_id":null,"options":null,"values":{"a":null},"labels":{"c":null},"admitted":true}'
change 200 PUT /hosts/a1 '/hosts/{name}' '{"image":"kvm"}'
change 201 PUT /hosts/a2 '/hosts/{name}' '{"serial":"A2"}'
change 200 POST /hosts/a1/replace '/hosts/{name}/replace' '{"by":"a2","force":true}'
change 200 POST "/hosts/$first/pin" '/hosts/{name}/pin' '{}'
did 409 POST "/hosts/$first/reboot" '/hosts/{name}/reboot' '{}'
did 404 DELETE "/hosts/$first/reboot" '/hosts/{name}/reboot'
sqlite3 "$work/state/muster.db" ".timeout 9000" "UPDATE boot SET obeys = '$first', nonce = 'x', state = 1 WHERE id = $(api "/hosts/$first" | jq .boot)"
change 200 POST "/hosts/$first/reboot" '/hosts/{name}/reboot' '{"reason":"so"}'
got "/hosts/$first" '/hosts/{name}'
got /hosts /hosts
got /events /events
change 204 DELETE "/hosts/$first/reboot" '/hosts/{name}/reboot'
change 200 POST "/hosts/$first/pin" '/hosts/{name}/pin' '{"image":"kvm","version":"1","reason":"so"}'
check 'its reason is in the audit log' is "$(api '/audit?object=pin' | jq -c '[.audit[].why]')" '["so",null,"so"]'
rows='{"rows":[{"name":"b1","macs":["52:54:00:00:03:01"],"ip":"10.64.0.111","uuid":"6d757374-6572-2d73-696d-999999000002","serial":"B1","client_id":"ff02"}]}'
did 200 POST '/hosts/import?dry_run=1' /hosts/import "$rows"
did 200 POST /hosts/import /hosts/import "$rows"
did 409 POST /hosts/import /hosts/import '{"rows":[{"macs":["52:54:00:00:03:02"],"ip":"10.64.0.111"}]}'
did 202 POST /batch /batch '{"id":"x","more":true,"calls":[{"method":"PATCH","path":"/api/v1/hosts/a1","body":{"image":"kvm"}}]}'
did 200 POST /batch /batch '{"id":"x","part":1,"calls":[{"method":"DELETE","path":"/api/v1/hosts/b1"}]}'
did 409 POST /batch /batch '{"id":"z","part":1,"calls":[]}'
did 404 POST /batch /batch '{"id":"y","calls":[{"method":"DELETE","path":"/api/v1/hosts/none"}]}'
change 204 DELETE /hosts/a1 '/hosts/{name}'
change 204 DELETE "/leases/$(api '/leases?state=leased' | jq -r '.leases[0].addr')" '/leases/{addr}'
change 202 POST /dhcp/probe /dhcp/probe '{}'
change 201 POST /profiles /profiles '{"name":"p","args":"a=@{b}","values":{"b":"c","d":true},"files":{"/etc/x":{"mode":"0600","content":"@{host}\n"}}}'
change 200 PATCH /profiles/p '/profiles/{name}' '{"args":null,"values":{"b":null},"files":{"/etc/x":null,"/etc/y":{"content":""}}}'
did 200 GET "/hosts/$first/told?profile=told" '/hosts/{name}/told'
did 409 GET "/hosts/$first/told?profile=all" '/hosts/{name}/told'
change 201 PUT /profiles/q '/profiles/{name}' '{"args":"a","values":{"b":"c"},"files":{"/etc/x":{"content":""}}}'
change 200 PUT /profiles/q '/profiles/{name}' '{"values":{"a-secret":"s"}}'
change 200 PUT /profiles/q '/profiles/{name}' '{"values":{"a-secret":"s"}}'
check 'the whole of it' [ "$(api /profiles/q | jq -c '[.args, .values, .files]')" = '[null,{"a-secret":null},{}]' ]
did 422 PUT /profiles/q '/profiles/{name}' '{"values":{"a-secret":null}}'
did 422 PUT /profiles/.q '/profiles/{name}' '{}'
check 'and nothing was lost' [ "$(api /profiles/q | jq -c .values)" = '{"a-secret":null}' ]
change 204 DELETE /profiles/q '/profiles/{name}'
did 422 PATCH /profiles/p '/profiles/{name}' '{"args":"@{nobody}"}'
did 409 DELETE /profiles/told '/profiles/{name}'
change 204 DELETE /profiles/p '/profiles/{name}'
did 200 POST '/rules?dry_run=1' /rules '{"name":"z","match":"vendor=muster","image":"agent","before":"lab"}'
did 201 POST /rules /rules '{"name":"z","match":"vendor=muster","image":"agent","before":"lab"}'
check 'simulated hosts were told, and looked at it' is "$(api /events | jq '[.events[] | select(.detail // "" | contains("profile told"))] | length')" 3
did 200 POST /rules/test /rules/test "{\"host\":\"$first\"}"
did 200 POST /rules/test /rules/test '{"facts":{"vendor":"Dell"}}'
change 200 PATCH /rules/z '/rules/{name}' '{"at":2,"match":"vendor=x"}'
did 200 DELETE '/rules/z?dry_run=1' '/rules/{name}'
did 204 DELETE /rules/z '/rules/{name}'
manifest=$(jq -Rsc --rawfile sig "$(echo "$work"/kvm/manifest.json.minisig.*)" '{manifest: ., signatures: [$sig], reason: "again"}' "$work/kvm/manifest.json")
did 200 POST '/images?dry_run=1' /images "$manifest"
did 201 POST /images /images "$manifest"
channel=$(jq -Rsc --rawfile sig "$(echo "$work"/kvm/channel.json.minisig.*)" '{channel: ., signatures: [$sig]}' "$work/kvm/channel.json")
change 201 POST /channels /channels "$channel"
root=$(jq -Rsc --rawfile sig "$(echo "$work"/roots/root.1.json.minisig.*)" '{root: ., signatures: [$sig]}' "$work/roots/root.1.json")
change 201 POST /roots /roots "$root"
{
	cp -r "$work/kvm" "$work/next"
	muster image sign "$work/next" --key "$work/keys/release.key" --restamp --channel test --floor 1
} >"$work/sign" 2>&1
check 'a version is held back' muster image import --hold "$work/next"
rollout=$(jq -c '{image: .name, release: .release, channel: "test", waves: "1,100%", max_failures: 1, bake_s: 5, reason: "so"}' "$work/next/manifest.json")
did 200 POST '/rollouts?dry_run=1' /rollouts "$rollout"
did 201 POST /rollouts /rollouts "$rollout"
did 409 POST /rollouts /rollouts "$rollout"
running() { [ "$(api /rollouts/1 | jq -r .state)" = running ]; }
check 'hosts take part' wait_for 10 running
got /rollouts /rollouts
got /rollouts/1 '/rollouts/{id}'
check 'who has a pin is skipped, others are listed' jq -e '.waves[0].hosts[0].state == "told"' "$work/body"
got "/hosts/$(jq -r '.waves[0].hosts[0].host' "$work/body")" '/hosts/{name}'
change 200 POST /rollouts/1/pause '/rollouts/{id}/pause' '{"reason":"so"}'
change 200 POST /rollouts/1/resume '/rollouts/{id}/resume' '{"retry":true}'
did 409 POST /images/kvm/rollback '/images/{name}/rollback' '{"reason":"so","channel":"test"}'
change 200 POST /rollouts/1/abort '/rollouts/{id}/abort' '{}'
did 404 GET /rollouts/7 '/rollouts/{id}'
got /rollouts/1 '/rollouts/{id}'
did 409 POST /images/kvm/rollback '/images/{name}/rollback' '{"reason":"so"}'
did 409 DELETE /images/kvm '/images/{name}'
change 200 POST /images/gc /images/gc '{"older_s":600}'
head -c 1000 /dev/urandom >"$work/blob"
digest=$(sha256sum <"$work/blob" | cut -d' ' -f1)
did 200 POST "/blobs/$digest" '/blobs/{digest}'
change 201 POST /tokens /tokens '{"name":"t2","role":"viewer","scope":["hosts"],"life_s":60}'
change 204 DELETE /tokens/2 '/tokens/{id}'

# ---- problems

did 404 GET /hosts/none '/hosts/{name}'
did 404 GET /boots/999 '/boots/{id}'
did 409 POST /hosts /hosts '{"name":"a2","serial":"SERIAL-Z"}'
did 422 POST /hosts /hosts '{"nmae":"a2"}'
did 400 POST /hosts /hosts 'no JSON'
did 422 POST /tokens /tokens '{"name":"x","role":"king"}'
exit $failed
