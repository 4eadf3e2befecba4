#!/usr/bin/env bash
# Many hosts want an image at once: some wait for their turn, whoever dies meanwhile, and a
# connection keeps its pace.
# takes: 75 s
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
flow_enter "$@"
# shellcheck source=tests/support/branch.sh
. tests/support/branch.sh

# ---- turns ----

check 'two transfers at a time' restart '[http]' 'transfers-max = 2'
slow() { ip netns exec server tc qdisc replace dev lan root tbf rate "$1" burst 64k limit 1m; }
if slow 48mbit 2>/dev/null; then
	muster events -o json >"$work/before"
	check "$HOSTS hosts at once, each boots" all_boot
	waited() { cat "$work"/screen* | grep -E 'position [1-9]+, about [1-9][0-9]* s'; }
	check 'who waits shows its position' waited
	# of each boot: from the first file to the end, by the server's clock
	at_most_two() {
		muster events -o json >"$work/events" || return
		jq -s '(.[0] | map(.id) | max // 0) as $old | .[1] | map(select(.id > $old)) | group_by(.boot) |
			map({ from: (map(select(.stage == "image" and .what == "started" and .source == "agent").at) | min),
			      to: (map(select(.stage == "verify" and .what == "finished").at) | max) }) |
			map(select(.from and .to)) | . as $all |
			{ hosts: length, most: (map(. as $t | [ $all[] | select(.from <= $t.from and .to > $t.from) ] | length) | max) }' \
			"$work/before" "$work/events" | tee "$work/overlap"
		jq -e ".hosts == $HOSTS and .most == 2" "$work/overlap"
	}
	check 'never more than two fetch' at_most_two
	turns() { api '/boots?limit=100' | jq -e '[.boots[].waited.turn | select(. > 0)] | length > 0'; }
	check 'how long they waited for their turn is on record' turns

	# host 1 fetches; the next ones come while it does
	in_a_row() { # HOSTS
		local i

		pids=()
		rm -f "$work"/screen*
		for ((i = 1; i <= $1; i++)); do
			boots $i &
			pids+=($!)
			[ $i = 1 ] || wait_for 5 screen_says $i "position $((i - 1)), about" || return
			[ $i != 1 ] || wait_for 5 screen_says 1 'KiB to load' || return
		done
	}
	all_well() { # NUMBER...
		local i bad=0

		for i in "$@"; do
			wait "${pids[i - 1]}" || { echo "host $i:"; tail -n 3 "$work/screen$i"; bad=1; }
		done
		return $bad
	}
	agent_of() { pgrep -x muster-agent -a | awk -v host="$work/host$1" '$NF == host { print $1 }'; }

	check 'one transfer at a time' restart '[http]' 'transfers-max = 1'
	slow 8mbit
	check 'three hosts in a row' in_a_row 3
	dies() { kill -KILL "$(agent_of 2)"; }
	check 'the second one dies while it waits' dies
	check 'the one behind it boots all the same' all_well 1 3

	slow 16mbit
	check 'three hosts once more' in_a_row 3
	core_pid() { pgrep -P "$server" -x musterd-core; }
	new_core() { local pid; pid=$(core_pid) && [ "$pid" != "$old_core" ]; }
	core_dies() {
		old_core=$(core_pid)
		kill -KILL "$old_core" && wait_for 10 new_core
	}
	check 'core dies, and the queue with it' core_dies
	check 'each host boots' all_well 1 2 3

	# a loader of the size of an image takes the turn
	load() {
		ip netns exec branch curl -sS -A iPXE/1.21.1 -o "$work/loaded" \
			"http://10.77.0.1/blobs/sha256/$(sha256sum <"$work/tiny/initrd" | cut -d' ' -f1)"
	}
	rm -f "$work"/screen*
	load &
	loads=$!
	sleep 0.5
	boots 1 &
	first=$!
	check 'a host waits while iPXE loads' wait_for 5 screen_says 1 'position 1, about'
	check 'which ends' wait $loads
	check 'and then boots' wait $first
	ip netns exec server tc qdisc del dev lan root
else
	echo "skip - $flow: turns: the network cannot be slowed down here"
fi

# ---- a pace for each connection ----

check 'a pace for each connection' restart '[http]' 'pace = 2000'
initrd=/blobs/sha256/$(sha256sum <"$work/tiny/initrd" | cut -d' ' -f1)
takes() { # LOW HIGH: seconds for the image's largest file
	ip netns exec branch curl -sS -o "$work/blob" -w '%{time_total}\n' "http://10.77.0.1$initrd" |
		tee "$work/took" | awk -v low="$1" -v high="$2" '{ exit !($1 >= low && $1 <= high) }' ||
		{ cat "$work/took"; return 1; }
}
check 'is kept' takes 2 6
exit $failed
