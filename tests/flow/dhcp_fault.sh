#!/usr/bin/env bash
# shellcheck disable=SC2317 # functions are called by name
# The disk fails under a load of new clients: the n-th write or sync of the database ends with EIO or
# ENOSPC, once or for ever. Core must end, say why and start anew; no address that a client was
# acknowledged may be lost or given to another one. FAULTS such disks (12; soak takes 200), random
# numbers from SEED.
# takes: 110 s
set -u
# shellcheck source=tests/support/flow.sh
. "${0%/*}/../support/flow.sh"
# shellcheck source=tests/support/acked.sh
. tests/support/acked.sh

FAULTS=${FAULTS:-12}
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}

flow_enter "$@"

declare -A n_of=([reached]=0 [unsaid]=0 [dead]=0 [broken]=0 [acked]=0)
count() { n_of[$1]=$((n_of[$1] + ${2:-1})); }

# The i-th disk, as words for failing_io in ${disk[@]}. N is one out of 1..max, each order of magnitude as
# likely as the next. $RANDOM keeps to its seed outside of subshells only.
choose_disk() { # I
	local r=$RANDOM max=1000

	disk=("FAILING_IO_ERROR=$([ $((r % 2)) = 0 ] && echo EIO || echo ENOSPC)")
	if [ $(($1 % 2)) = 1 ]; then # in the file itself there is less to fail
		disk+=(FAILING_IO_FILE=muster.db)
		max=12
	fi
	[ $((r / 2 % 2)) = 0 ] || disk+=(FAILING_IO_EVER=1)
	r=$RANDOM
	disk+=("FAILING_IO_AT=$(awk -v r="$r" -v max="$max" 'BEGIN { print int(exp(r / 32768 * log(max + 1))) }')")
}

# fault NAME=VALUE...: a new server on a disk that fails so, then its database on a good one.
fault() {
	rm -rf "$work/state" "$work/log"
	acked_begin
	server_run LD_PRELOAD="$B/support/failing_io.so" "$@"
	load_start 8
	wait_for 3 grep -q '^failing_io:' "$work/log"
	sleep 0.7
	load_stop
	lives "$@" || count dead
	server_kill
	says_why
	server_start || count dead
	acked_end
	keeps
	server_kill
}

# After a single failure the server is whole again; after a lasting one it keeps trying.
lives() {
	kill -0 "$server" && { [[ " $* " = *' FAILING_IO_EVER='* ]] || wait_for 5 api /status; } && return
	echo '# dead'
	return 1
}

says_why() {
	grep '^failing_io:' "$work/log" | sed 's/^/# /' | grep . || return
	count reached
	grep -q 'error core: .*: \(disk I/O error\|database or disk is full\)' "$work/log" && return
	count unsaid
	sed 's/^/# unsaid: /' "$work/log"
}

keeps() {
	take_record
	judge >"$work/judged"
	grep -q ' lost=0 doubled=0$' "$work/judged" || { count broken; sed 's/^/# /' "$work/judged"; }
	count acked "$(sed -n 's/^acked=\([0-9]*\) .*/\1/p' "$work/judged")"
}

RANDOM=$((SEED % 32768))
echo "# SEED=$SEED FAULTS=$FAULTS"
acked_network 'probe = no' # else the few clients of this load wait, and the disk has little to do
for ((i = 0; i < FAULTS; i++)); do
	choose_disk "$i"
	echo "# ${disk[*]}"
	fault "${disk[@]}"
done
echo "# ${n_of[reached]} failures came to pass; ${n_of[acked]} addresses were acknowledged"
none() { echo "${n_of[$1]}"; [ "${n_of[$1]}" = 0 ]; }
check "on $FAULTS failing disks no acknowledged address is lost or doubled" none broken
check 'musterd lives on each time' none dead
check 'and says why core ended' none unsaid
enough() { [ "${n_of[reached]}" -ge $((FAULTS / 2)) ] && [ "${n_of[acked]}" -ge $((FAULTS * 100)) ]; }
check 'half of the failures came to pass, under load' enough
exit "$failed"
