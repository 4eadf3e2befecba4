#!/usr/bin/env bash
# `muster host reboot`, as a hypervisor and whoever sits in its line see it: who can be asked, what a
# heartbeat is answered then, that the agent's own code obeys this and nothing else, and what the record
# says of it. A real agent in a real hypervisor: tests/boot/uefi-kvm.sh.
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
flow_enter "$@"
# shellcheck source=tests/support/rehearsal.sh
. tests/support/rehearsal.sh
. tests/support/because.sh

is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }
says() { local want=$1; shift; "$@" >"$work/told" 2>&1; grep -F -- "$want" "$work/told" || { cat "$work/told"; echo "does not say: $want"; return 1; }; }
exits() { local want=$1; shift; "$@" >"$work/told" 2>&1; local got=$?; [ "$got" = "$want" ] || { cat "$work/told"; echo "exit $got, not $want"; return 1; }; }
# http METHOD PATH [BODY]: over the socket; the status, and the body in $work/body
http() {
	curl -sS --max-time 20 -o "$work/body" -w '%{http_code}' -X "$1" ${3:+--data-binary "$3"} \
		--unix-socket "$work/run/muster.sock" "http://m$2"
}
# agent SESSION WHAT BODY: as an agent; the status, and the answer in $work/answer
agent() {
	ip netns exec hosts curl -sS --max-time 20 -o "$work/answer" -w '%{http_code}' \
		-H "Authorization: Bearer $1" --data-binary "$3" "http://10.64.0.1/v1/agent/$2"
}
nonce() { openssl rand -hex 32; }
row() { api "/hosts/$1" | jq -c ".reboot | $2"; }

# boot NAME MAC: a host boots, as its agent tells it; its session, boot and ticket are in these.
declare -A session boot
boot() {
	local got

	agent '' facts "{\"agent\":\"t\",\"arch\":\"x86_64\",\"nics\":[{\"mac\":\"$2\"}]}" >/dev/null
	session[$1]=$(jq -r .session "$work/answer")
	boot[$1]=$(jq -r .boot "$work/answer")
	got=$(agent "${session[$1]}" ticket "{\"nonce\":\"$(nonce)\",\"root\":0}")
	is "$got" 200 || { cat "$work/answer"; return 1; }
	jq -j .ticket "$work/answer" >"$work/$1.ticket"
	agent "${session[$1]}" handoff '{"kind":"linux","way":"kexec"}' >/dev/null
	jq -r '.boot_json | fromjson | .nonce' "$work/answer" >"$work/$1.proof"
}
# up NAME [ORDERS]
up() {
	is "$(agent "${session[$1]}" up "{\"nonce\":\"$(cat "$work/$1.proof")\",\"guest\":\"g\",\"hypervisor\":\"kvm\",\"version\":\"1\",\"orders\":\"${2-$1}\"}")" 204
}
# beat NAME [NONCE]: the status
beat() { agent "${session[$1]}" heartbeat "{\"uptime_s\":1,\"load1\":0,\"guests\":0,\"nonce\":\"${2:-$(nonce)}\"}"; }
# judged NAME NONCE AGE: what the agent of NAME says of the order in $work/order, $work/order.sig
judged() { "$B/support/order_judge" "$work/$1.ticket" "$work/site" "$2" "$3" "$work/order" "$work/order.sig"; }
keep_order() { jq -j .order "$work/answer" >"$work/order" && jq -j .order_minisig "$work/answer" >"$work/order.sig"; }
# ordered NAME: its heartbeat is answered with an order, which is kept; the nonce is in $asked
ordered() { asked=$(nonce); is "$(beat "$1" "$asked")" 200 && keep_order; }

rehearsal_links
check 'the site is set up' rehearsal_site open 200000 3000000
api /images/kvm >/dev/null || exit 1
mkdir "$work/site" "$work/other"
cp "$work/keys/site.pub" "$work/site/site-1.pub"
cp "$work/keys/stranger.pub" "$work/other/site-1.pub"
for n in 1 2 3 4; do muster host add n$n --mac 52:54:00:00:00:0$n >/dev/null; done
for n in 1 2; do check "n$n boots" boot n$n 52:54:00:00:00:0$n && check "n$n is up" up n$n; done
check 'n3 boots without what orders are judged by' eval 'boot n3 52:54:00:00:00:03 && up n3 ""'

check 'the list says which image the default gave it' eval 'muster host list n1 | grep -F "  ($(api /hosts/n1 | jq -r .booted_image))  "'
check 'which for machines is none of its own' eval '[ "$(muster host list n1 -o csv | sed -n "2s/^[^,]*,[^,]*,[^,]*,\([^,]*\),.*/<\1>/p")" = "<>" ]'

# ---- who can be asked

check 'a heartbeat has no answer' is "$(beat n1)" 204
refused() { # NAME CODE
	is "$(http POST "/api/v1/hosts/$1/reboot" '{}')" 409 && is "$(jq -r .code "$work/body")" "$2" && jq -e '.hint | test("BMC")' "$work/body"
}
check 'not a host that was never up' refused n4 not-up
check 'nor one that takes no orders' refused n3 no-orders
check 'nor one that is none' is "$(http POST /api/v1/hosts/n9/reboot '{}')" 404
check 'another key is refused' is "$(http POST /api/v1/hosts/n1/reboot '{"why":"x"}')" 422
check 'a trial says what would be' eval '[ "$(http POST "/api/v1/hosts/n1/reboot?dry_run=1" "{}")" = 200 ] && jq -e ".dry_run and .reboot.state == \"asked\"" "$work/body"'
check 'and asks nobody' eval '[ "$(row n1 .state)" = null ] && [ "$(beat n1)" = 204 ]'
check 'the command asks first' exits 2 muster host reboot n1
check 'a trial of the command' says 'n[1-2]: would be asked' muster host reboot 'n[1-4]' --dry-run
check 'many: those that can be are asked, exit 4' exits 4 muster host reboot 'n[1-4],n9' --reason 'new kernel' --yes
check 'who was asked' grep -F 'n[1-2]: asked to start anew' "$work/told"
check 'who was not, and why' eval 'grep -F "n4: not asked (not-up): n4 is not up" "$work/told" && grep -F "n3: not asked (no-orders)" "$work/told" && grep -F "n9: not asked (not-found)" "$work/told"'
check 'for programs' eval 'muster -o json host reboot "n[1-4]" --yes | jq -e ".asked == [\"n1\",\"n2\"] and ([.not_asked[].code] | sort) == [\"no-orders\",\"not-up\"]"'
check 'it is on record, by whom and why' is "$(row n1 '[.state, .by, .reason, .boot]')" "[\"asked\",\"root\",\"new kernel\",${boot[n1]}]"
check 'the second time changed nothing' is "$(api "/boots/${boot[n1]}" | jq '[.events[] | select(.what == "reboot")] | length')" 1
check 'host show says so' says 'by root: new kernel' muster host show n1
check 'host list -o wide says so' eval 'muster host list n1 -o wide | grep -E "asked [0-9]+s ago by root: new kernel"'
check 'why says so' because n1 reboot-asked 'was asked'
check 'the audit log says so' eval 'muster audit list | grep "POST.*hosts/n1/reboot"'

# ---- the order

check 'n1 is given it' ordered n1
check 'the agent obeys it' is "$(judged n1 "$asked" 0)" obeyed
check 'not another heartbeat' is "$(judged n1 "$(nonce)" 0)" order-nonce
check 'not when it was kept back' is "$(judged n1 "$asked" 121)" order-late
check 'not another host' is "$(judged n2 "$asked" 0)" order-host
sed 's/"boot":[0-9]*/"boot":99/' "$work/n1.ticket" >"$work/later.ticket"
check 'not another boot of it' is "$(judged later "$asked" 0)" order-host
check 'not by another site' is "$("$B/support/order_judge" "$work/n1.ticket" "$work/other" "$asked" 0 "$work/order" "$work/order.sig")" order-signature
cp "$work/order" "$work/good"
sed -i 's/n1/n2/' "$work/order"
check 'not when it was changed' is "$(judged n2 "$asked" 0)" order-signature
cp "$work/good" "$work/order"
# A ticket has the same signer.
boot n4 52:54:00:00:00:04 >/dev/null
asked=$(jq -r .nonce "$work/n4.ticket")
agent "${session[n4]}" ticket "{\"nonce\":\"$asked\",\"root\":0}" >/dev/null
jq -j .ticket "$work/answer" >"$work/order"
jq -j .ticket_minisig "$work/answer" >"$work/order.sig"
check 'a ticket is no order' is "$(judged n4 "$asked" 0)" order-malformed
check 'a nonce that is none is not signed' is "$(beat n1 00ff)" 204
check 'no nonce, no order' is "$(agent "${session[n1]}" heartbeat '{"uptime_s":1,"load1":0,"guests":0}')" 204
check 'who is not asked gets none' is "$(beat n3)" 204
check 'the order is for the name that the host was started with' eval 'muster host set n2 --name n2b && ordered n2 && [ "$(judged n2 "$asked" 0)" = obeyed ]'

# ---- what becomes of it

check 'it can be withdrawn' says 'n2b: withdrawn' muster host reboot n2b --undo
check 'and is not given then' is "$(beat n2)" 204
check 'twice is not found' exits 3 muster host reboot n2b --undo
check 'n2 does not obey' eval 'muster host reboot n2b --yes && ordered n2 && agent "${session[n2]}" order "{\"what\":\"refused\",\"why\":\"order-signature: no key\"}"'
check 'that is on record' is "$(row n2b '[.state, .refused]')" '["refused","order-signature: no key"]'
check 'and not given again' is "$(beat n2)" 204
check 'why says why' because n2b reboot-refused 'order-signature: no key'
check 'it can be asked anew' eval 'muster host reboot n2b --yes && [ "$(row n2b .state)" = "\"asked\"" ] && ordered n2'

check 'n1 obeys' is "$(agent "${session[n1]}" order '{"what":"obeyed"}')" 204
check 'why says that it starts anew' because n1 rebooting 'because root (new kernel) asked it to'
check 'that is on record' is "$(row n1 '[.state, .taken != null]')" '["taken",true]'
check 'it is not given twice' is "$(beat n1)" 204
check 'it cannot be withdrawn' exits 4 muster host reboot n1 --undo
check 'asked again it is the same' eval 'muster host reboot n1 --yes && [ "$(row n1 .reason)" = "\"new kernel\"" ]'
check 'another word is refused' is "$(agent "${session[n1]}" order '{"what":"perhaps"}')" 422
old=${session[n1]}
check 'n1 boots anew' eval 'boot n1 52:54:00:00:00:01 && up n1'
check 'the order is over' is "$(row n1 '[.state, .boot != '"${boot[n1]}"']')" '["over",true]'
check 'the new boot says why it began' eval 'muster host timeline n1 | grep -F "reboot: asked by root: new kernel"'
check 'the new boot is given nothing' is "$(beat n1)" 204
check 'the old boot is told nothing, whoever plays its heartbeat' is "$(agent "$old" heartbeat "{\"nonce\":\"$(nonce)\"}")" 204

# An order that a host never heard of ends with its boot.
check 'n2 is asked' is "$(row n2b .state)" '"asked"'
old=${session[n2]}
check 'n2 starts over by itself' eval 'boot n2 52:54:00:00:00:02 && up n2'
check 'that is not asked of the new boot' eval '[ "$(row n2b .state)" = "\"over\"" ] && [ "$(beat n2)" = 204 ]'
check 'nor of the old one' is "$(agent "$old" heartbeat "{\"nonce\":\"$(nonce)\"}")" 204
check 'the record says so' eval 'muster host timeline n2b | grep -F "reboot: it started over before it obeyed root"'

# ---- in a batch, and after a restart

batch() { http POST /api/v1/batch "{\"id\":\"b$RANDOM\",\"calls\":[{\"method\":\"POST\",\"path\":\"/api/v1/hosts/n1/reboot\",\"body\":{}},{\"method\":\"POST\",\"path\":\"/api/v1/hosts/$1/reboot\",\"body\":{}}]}"; }
check 'a batch with one that cannot be asks nobody' eval '[ "$(batch n3)" = 409 ] && [ "$(row n1 .state)" = "\"over\"" ]'
check 'a good one asks both' eval '[ "$(batch n2b)" = 200 ] && [ "$(row n1 .state) $(row n2b .state)" = "\"asked\" \"asked\"" ]'
server_kill
check 'the server starts again' server_start
check 'and has not forgotten' ordered n1
check 'sign may die' eval 'kill -9 "$(pgrep -P "$server" -x musterd-sign)" && ordered n2'
check 'n2 obeys' is "$(agent "${session[n2]}" order '{"what":"obeyed"}')" 204
server_kill
server_run LD_PRELOAD="$B/support/other_clock.so" OTHER_CLOCK=1200
check 'twenty minutes later' wait_for 20 muster status
check 'it has not come back' because n2b reboot-lost 'went down 2'
server_kill
sqlite3 "$work/state/muster.db" "UPDATE boot SET seen_ms = 1; UPDATE host_reboot SET taken_ms = 1"
check 'the server starts again' server_start
check 'a host is not lost because the server was away' eval '[ "$(http POST /api/v1/hosts/n1/reboot "{}")" = 200 ]'
exit $failed
