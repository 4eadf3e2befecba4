#!/usr/bin/env bash
# shellcheck disable=SC2119,SC2317 # functions are called by name, acked_network without a setting
# The server dies by kill -9 under a load of new clients, core alone or everything, at random moments:
# no address that a client was acknowledged is lost or given to another one. KILLS moments (20; soak
# takes 200), random numbers from SEED.
set -u
# shellcheck source=tests/support/flow.sh
. "${0%/*}/../support/flow.sh"
# shellcheck source=tests/support/acked.sh
. tests/support/acked.sh

KILLS=${KILLS:-20}
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
ROUND=50   # kills for each new database
CORE_MAX=3 # in a row: a role that keeps dying is started anew ever more slowly

command -v sqlite3 >/dev/null || skip 'no sqlite3'
flow_enter "$@"

core_pid() { pgrep -P "$server" -x musterd-core; }

# A moment that cannot be foreseen: up to half a second of load. $RANDOM keeps to its seed outside of
# subshells only.
moment() {
	local ms=$((RANDOM % 500))

	sleep "$(printf '0.%03d' "$ms")"
}

kill_all() {
	server_kill
	server_start || not_ok 'the server starts again'
}

kill_many() { # HOW_OFTEN
	local i in_a_row=0

	for ((i = 0; i < $1; i++)); do
		moment
		if [ $((RANDOM % 4)) != 0 ] && [ "$in_a_row" -lt "$CORE_MAX" ] && kill -KILL "$(core_pid)" 2>/dev/null; then
			in_a_row=$((in_a_row + 1)) cores=$((cores + 1))
		else
			kill_all
			in_a_row=0
		fi
	done
}

# judged PATTERN: the judge's last line is so.
judged() {
	judge | tee "$work/judged"
	tail -n 1 "$work/judged" | grep -q "^acked=[0-9]* $1\$"
}

# A new server, so many kills under load, and what is on record then.
round() { # KILLS
	local cores=0 began=$SECONDS

	rm -rf "$work/state"
	acked_begin
	server_start || not_ok 'the server starts'
	load_start 64
	kill_many "$1"
	moment
	load_stop
	kill_all
	acked_end
	echo "# core alone $cores times, everything $(($1 - cores + 1)) times, in $((SECONDS - began)) s"
	echo "# clients: $(cat "$work/load")"
	echo "# sniffer: $(tail -n 1 "$work/witness")"
	check 'the server gives its record' take_record
	check 'no acknowledged address is lost or doubled' judged 'lost=0 doubled=0'
	echo "# $(tail -n 1 "$work/judged")"
	check 'of which there were a hundred for each kill' loaded "$1"
	check 'the clients saw no wrong answer' right
}
loaded() { [ "$(sed -n 's/^acked=\([0-9]*\) .*/\1/p' "$work/judged")" -ge $(($1 * 100)) ]; }
right() { [ "$(load_said wrong)" = 0 ]; }

RANDOM=$((SEED % 32768))
echo "# SEED=$SEED KILLS=$KILLS"
acked_network
for ((past = 0; past < KILLS; past += ROUND)); do
	[ -z "$server" ] || server_kill
	round $((KILLS - past < ROUND ? KILLS - past : ROUND))
done

# ---- would a loss be seen?

# A database from which one promise was taken away, and a witness who saw one address promised twice.
lose_one() {
	local addr

	addr=$(sed -n '/type=ack/s/.*yiaddr=\([0-9.]*\).*/\1/p' "$work/witness" | tail -n 1)
	server_kill
	sqlite3 "$work/state/muster.db" \
		"DELETE FROM lease WHERE addr = $(awk -F. '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }' <<<"$addr")" &&
		server_start && take_record
}
check 'a row is taken from the database' lose_one
check 'and is reported as lost' judged 'lost=1 doubled=0'
second=$(sed -n '/type=ack/{s/mac=02/mac=06/p;q}' "$work/witness")
echo "$second" >>"$work/witness"
check 'an address for two is reported as doubled' judged 'lost=[0-9]* doubled=1'
exit "$failed"
