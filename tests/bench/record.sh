#!/usr/bin/env bash
# record.sh [HOSTS [BOOTS]]: what a long record costs those who read it, and those who boot meanwhile.
#
# 10,000 hosts with 100 boots each, which is what `keep-boots` leaves of a year of one boot a day; all
# are copies of one that a simulated host made. Times are medians of five, of the whole command or
# request (`host why` ends with 1: those hosts have been silent since). Then DHCP exchanges through a relay,
# alone and while ten readers ask for the list of all hosts without pause: medians of three runs of
# each, in turns.
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
tests/support/unpack.sh tftpd-hpa "$packages" || exit 2
flow_enter "$@"
# shellcheck source=tests/support/rehearsal.sh
. tests/support/rehearsal.sh

hosts=${1:-10000} boots=${2:-100}
db=$work/state/muster.db

# columns TABLE NAME=EXPRESSION...: its columns but id, and what to copy into them: of row `t`, but for
# those that are named.
columns() {
	local table=$1 name list=() from=() given

	shift
	while read -r name; do
		[ "$name" = id ] && continue
		list+=("$name")
		given="t.$name"
		for word in "$@"; do [ "${word%%=*}" = "$name" ] && given=${word#*=}; done
		from+=("$given")
	done < <(sqlite3 "$db" "SELECT name FROM pragma_table_info('$table')")
	local IFS=,
	into="${list[*]}" as="${from[*]}"
}

# Of the one host that is there, with its one boot.
fill() {
	local host_into host_as boot_into boot_as event_into event_as

	columns host "name=printf('n%05d', i)" "uuid=randomblob(16)" "serial=printf('SN%08d', i)"
	host_into=$into host_as=$as
	columns boot "host=h.id" "started_ms=t.started_ms + shift" "seen_ms=t.seen_ms + shift" \
		"ended_ms=t.ended_ms + shift" "addr=t.addr + h.id"
	boot_into=$into boot_as=$as
	columns boot_event "boot=b.id" "at_ms=t.at_ms + b.started_ms - o.started_ms"
	event_into=$into event_as=$as
	sqlite3 -bail "$db" <<-END
	PRAGMA synchronous=OFF;
	PRAGMA cache_size=-400000;
	BEGIN;
	WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < $hosts)
	INSERT INTO host ($host_into) SELECT $host_as FROM n, host t WHERE t.id = 1;
	INSERT INTO host_mac (mac, host) SELECT randomblob(6), id FROM host WHERE id > 1;
	WITH RECURSIVE n(i, shift) AS (SELECT 1, -86400000 * $boots UNION ALL
		SELECT i + 1, shift + 86400000 FROM n WHERE i < $boots)
	INSERT INTO boot ($boot_into) SELECT $boot_as FROM n, host h, boot t WHERE t.id = 1;
	INSERT INTO boot_event ($event_into) SELECT $event_as FROM boot b, boot o, boot_event t
		WHERE b.id > 1 AND o.id = 1 AND t.boot = 1;
	DELETE FROM boot WHERE id = 1;
	COMMIT;
	ANALYZE;
	END
}

# millis COMMAND...: of five times, the median.
millis() {
	for _ in 1 2 3 4 5; do
		local from=$EPOCHREALTIME

		"$@" >"$work/out" 2>&1 || [ $? = 1 ] || echo "# failed: $*" >&2
		echo "$from $EPOCHREALTIME"
	done | awk '{ print ($2 - $1) * 1000 }' | sort -n | sed -n 3p
}
row() { printf '| %s | %.0f |\n' "$1" "$(millis "${@:2}")"; }

# load FIRST [ARGUMENT...]: p99 of many hosts' exchanges, ms. They have processors of their own: on this
# machine they do not wait for ours.
load() {
	ip netns exec hosts nice -n -15 "$B/bench/dhcp_load" -s 10.64.0.1 -g 10.65.0.1 -p 10.65.1.0-10.65.40.255 -n 4500 \
		-b "$@" | tr ' ' '\n' | sed -n 's/^p99_ms=//p'
}
# One connection, one request after the other; its last answer is in /run, which is memory.
reader() {
	for _ in $(seq 3000); do
		printf 'url = "http://muster/api/v1/hosts"\noutput = "/run/list.%s"\n' "$1"
	done >"/run/asks.$1"
	exec curl -fsS --unix-socket "$work/run/muster.sock" --config "/run/asks.$1"
}
are_reading() { [ "$(find /run -name 'list.*' | wc -l)" = 10 ]; }
median() { sort -n | sed -n 2p; }

rehearsal_links
rehearsal_site open 200000 2000000 >"$work/site" 2>&1 || { cat "$work/site"; exit 2; }
simulate_relayed --hosts 1 --tftp-share 0% >"$work/site" 2>&1 || { cat "$work/site"; exit 2; }
kill "$server"
wait "$server"
fill || exit 2
printf 'keep-boots = %s\n' "$boots" | sed '1i [boot]' >>"$work/muster.conf"
server_start || exit 2
sqlite3 "$db" "SELECT printf('%d hosts, %d boots, %d events, %d MiB', (SELECT count(*) FROM host),
	(SELECT count(*) FROM boot), (SELECT count(*) FROM boot_event), page_count * page_size >> 20)
	FROM pragma_page_count(), pragma_page_size()"
printf '\n| what | ms |\n|---|---|\n'
row 'muster host list' muster host list
row 'muster host list -o json' muster -o json host list
row 'muster host show' muster host show n05000
row 'muster host timeline' muster host timeline n05000
row 'muster host why' muster host why n05000
row 'muster --version' "$B/muster" --version
row 'GET /hosts, all' api /hosts
row 'GET /hosts/NAME' api /hosts/n05000
row 'GET /hosts/NAME/boots' api /hosts/n05000/boots
row 'GET /hosts?limit=100' api '/hosts?limit=100'
row 'GET /events?limit=100' api '/events?limit=100'
row 'GET /metrics' ip netns exec server curl -fsS http://127.0.0.1/metrics

# beside_readers TEXT ARGUMENT...: of load
beside_readers() {
	local text=$1 i readers

	shift
	rm -f "$work/alone" "$work/beside"
	for _ in 1 2 3; do
		load 1000 "$@" >>"$work/alone"
		rm -f /run/list.*
		readers=()
		for i in $(seq 10); do
			reader "$i" &
			readers+=($!)
		done
		wait_for 60 are_reading || echo '# the readers get no answer' >&2
		load 50000 "$@" >>"$work/beside"
		kill "${readers[@]}" 2>/dev/null
		wait "${readers[@]}" 2>/dev/null
	done
	awk -v a="$(median <"$work/alone")" -v b="$(median <"$work/beside")" -v text="$text" 'BEGIN {
		printf "DHCP, %s, p99 of an exchange: %.2f ms alone, %.2f ms beside ten readers: %.2f times\n", text, a, b, b / a }'
}
echo
beside_readers '40 at a time' -w 40
beside_readers '1,000 a second' -w 40 -l 1000
exit 0
