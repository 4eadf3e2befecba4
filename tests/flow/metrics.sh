#!/usr/bin/env bash
# What monitoring sees: /metrics as a real Prometheus reads it, hypervisors that it finds by itself,
# alerts and the dashboard, whose questions are all about something that there is.
# takes: 60 s
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
tests/support/unpack.sh tftpd-hpa "$packages" 2>/dev/null || skip 'no tftpd-hpa'
tests/support/unpack.sh prometheus "$packages" 2>/dev/null || skip 'no prometheus'
flow_enter "$@"
# shellcheck source=tests/support/rehearsal.sh
. tests/support/rehearsal.sh

prom=$packages/prometheus/usr/bin
rules=docs/monitoring/muster.rules.yml

is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }
scrape() { ip netns exec server curl -fsS --max-time 10 http://127.0.0.1/metrics; }
# value NAME: of that series, labels in the order in which they are shown.
value() { scrape | awk -v name="$1" '{ v = $NF; sub(/ [^ ]*$/, "") } $0 == name { print v }'; }
# at_least N NAME
at_least() { local v; v=$(value "$2"); echo "$2 is $v"; [ "${v:-0}" -ge "$1" ]; }
has() { is "$(value "$1")" "$2"; }
counted() { wait_for 15 has "$@"; } # written every five seconds

# ---- what needs no server
check 'the alerts are well-formed' "$prom/promtool" check rules "$rules"
check 'each fires when it shall' "$prom/promtool" test rules tests/support/alerts.test.yml
# as_rules: each question of the dashboard as a rule, whose text promtool takes apart.
as_rules() {
	jq '{groups: [{name: "dashboard", rules: [[.panels[].targets[].expr] | to_entries[] |
		{record: "q\(.key)", expr: (.value | gsub("\\$__rate_interval"; "5m") |
		gsub("\\$instance"; ".*"))}]}]}' docs/monitoring/grafana.json >"$work/dashboard.yml"
	"$prom/promtool" check rules "$work/dashboard.yml"
}
check 'so are the questions of the dashboard' as_rules

# ---- a server where hosts boot
rehearsal_links
check 'the site is set up' rehearsal_site approve 200000 2000000
[ $failed = 0 ] || exit 1
check 'five hosts boot' simulate_relayed --hosts 5 --tftp-share 0%
lint() { scrape >"$work/text" && "$prom/promtool" check metrics <"$work/text"; }
up() { is "$(value 'muster_boots_total{result="up",reason=""}')" 5; }
check 'boots are counted' wait_for 15 up
check 'promtool finds nothing to say' lint
check 'hosts by stage and image' is "$(value 'muster_hosts{stage="up",image="kvm"}')" 5
check 'a histogram of each stage' at_least 5 'muster_stage_seconds_count{stage="image"}'
check 'whose last bucket has all' \
	is "$(value 'muster_stage_seconds_bucket{stage="image",le="+Inf"}')" "$(value 'muster_stage_seconds_count{stage="image"}')"
ups() { # buckets go up
	scrape | awk -F'[ ]' '/^muster_stage_seconds_bucket{stage="image"/ { if ($NF + 0 < last) exit 1; last = $NF; n++ } END { exit n != 12 }'
}
check 'and whose buckets go up' ups
check 'bytes of the image' at_least $((5 * 2000000)) 'muster_transfer_bytes_total{to="agent"}'
check 'and of what the loader reads' at_least $((5 * 200000)) 'muster_transfer_bytes_total{to="loader"}'
check 'tickets' at_least 5 'muster_tickets_total{result="signed"}'
check 'DHCP by type, answer and reason' at_least 5 'muster_dhcp_messages_total{type="discover",result="offer",reason="offered"}'
check 'and what was leased' at_least 5 'muster_dhcp_messages_total{type="request",result="ack",reason="leased"}'
check 'addresses that there are' is "$(value 'muster_pool_addresses{network="10.64.0.0/24"}')" 101
check 'and are held' at_least 5 'muster_pool_addresses_held{network="10.65.0.0/16"}'
check 'rollouts' is "$(value 'muster_rollouts{state="paused"}')" 0
check 'when a channel expires' at_least "$(date +%s)" 'muster_channel_expires_seconds{image="kvm",channel="test"}'

# fails CODE: an agent, which may say what it likes
fails() {
	local session

	session=$(ip netns exec server curl -sS http://127.0.0.1/v1/agent/facts \
		--data-binary '{"agent":"0","nics":[{"mac":"52:54:00:00:0f:01"}]}' | jq -r .session)
	ip netns exec server curl -sS -o "$work/post" -w '%{http_code}' -H "Authorization: Bearer $session" \
		--data-binary "{\"stage\":\"image\",\"code\":\"$1\"}" http://127.0.0.1/v1/agent/failed
}
check 'an agent fails by a code that there is' is "$(fails file-digest)" 200
check 'and by ones that it makes up' is "$(fails made-up-1)$(fails made-up-2)" 200200
check 'the one is counted as such' counted 'muster_boots_total{result="failed",reason="file-digest"}' 1
check 'the others together' counted 'muster_boots_total{result="failed",reason="other"}' 2

# ---- restarts
core=$(pgrep -P "$server" -x musterd-core)
kill -9 "$core"
check 'counters outlive core' wait_for 10 up
start=$(value muster_start_time_seconds)
server_kill
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/tls.key" -out "$work/tls.crt" -days 30 -subj /CN=m \
	>"$work/openssl" 2>&1
chmod 644 "$work/tls.key"
cat >>"$work/muster.conf" <<END
[http]
tls-listen = 127.0.0.1:443
tls-cert = $work/tls.crt
tls-key = $work/tls.key
END
no_certificate() {
	sed "s,^tls-cert = .*,tls-cert = $work/tls.key," "$work/muster.conf" >"$work/bad.conf"
	! ip netns exec server "$B/musterd" -T -c "$work/bad.conf" >"$work/said" 2>&1 &&
		grep "is no certificate" "$work/said"
}
check 'a certificate that is none is refused' no_certificate
check 'the server starts again' server_start
in_a_month() { local left=$(($(value muster_certificate_expires_seconds) - $(date +%s))); echo "$left s"; [ $((left / 86400)) = 29 ]; }
check 'its certificate expires in a month' wait_for 10 in_a_month
check 'and everything' up
later() { [ "$(value muster_start_time_seconds)" -ge "$start" ]; }
check 'it says when it started' wait_for 10 later

# ---- Prometheus itself
cat >"$work/prometheus.yml" <<END
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [ $PWD/$rules ]
scrape_configs:
  - job_name: muster
    static_configs: [ { targets: [ "127.0.0.1:80" ] } ]
  - job_name: hypervisors
    http_sd_configs: [ { url: "http://127.0.0.1:8099/targets", refresh_interval: 1s } ]
END
# over the socket, as whoever may ask does, for Prometheus, which cannot
sd() { curl -sS --unix-socket "$work/run/muster.sock" "http://m/api/v1/sd/prometheus$1"; }
check 'hypervisors for it to find' is "$(sd '' | jq -r '[length, .[0].labels.muster_image] | join(" ")')" '5 kvm'
check 'at the port that was asked for' is "$(sd '?port=9177' | jq -r '[.[].targets[0] | split(":")[1]] | unique[]')" 9177
check 'a port that is none' is "$(sd '?port=0' | jq -r .code)" port
cat >"$work/relay.sh" <<END
#!/bin/sh
printf 'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n'
curl -sS --unix-socket "$work/run/muster.sock" 'http://m/api/v1/sd/prometheus?port=80'
END
chmod +x "$work/relay.sh"
ip netns exec server socat TCP-LISTEN:8099,bind=127.0.0.1,fork,reuseaddr "EXEC:$work/relay.sh" &
relay=$!
ip netns exec server "$prom/prometheus" --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
	--web.listen-address=127.0.0.1:9090 --log.level=error >"$work/prometheus.log" 2>&1 &
query() { ip netns exec server curl -fsS --max-time 5 http://127.0.0.1:9090/api/v1/query --data-urlencode "query=$1" | jq -r "$2"; }
asked() { is "$(query "$1" "$2")" "$3"; }
check 'Prometheus scrapes the server' wait_for 30 asked 'up{job="muster"}' '.data.result[0].value[1]' 1
check 'and has its counters' wait_for 10 asked 'sum(muster_boots_total{result="up"})' '.data.result[0].value[1]' 5
check 'it has found the hypervisors' wait_for 15 asked 'count(up{job="hypervisors"})' '.data.result[0].value[1]' 5
check 'by name' asked 'count(up{instance="sim-0001"})' '.data.result[0].value[1]' 1
kill $relay
exit $failed
