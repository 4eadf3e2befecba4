# shellcheck shell=bash disable=SC2034,SC2119,SC2120 # what is set here is for the script that sources this
# flow.sh: a flow test in namespaces of its own, with a real musterd in them.
#
# A script sources this file and calls `flow_enter "$@"`, which runs the script a second time as
# process 1 of a new network, mount and process namespace: whatever way it ends, the kernel ends all
# that it started and takes its networks away. Behind that line $work is an empty folder, $B where
# the programs are and $packages where unpacked ones are; `exit $failed` is the last line.

cd "${BASH_SOURCE[0]%/*}/../.." || exit 1
B=$(realpath "${B:-build/release}")
packages=${LAB_CACHE:-$PWD/build}/packages
flow=$(basename "$0" .sh)
PATH=$PATH:/usr/sbin:/sbin
failed=0
server=
export ASAN_OPTIONS=verify_asan_link_order=0 # what LD_PRELOAD names is loaded before it

ok() { printf 'ok - %s: %s\n' "$flow" "$1"; }
not_ok() { printf 'not ok - %s: %s\n' "$flow" "$1"; failed=1; }
skip() { printf 'skip - %s: %s\n' "$flow" "$1"; exit 0; }

# check TEXT COMMAND...: one result; what the command said is shown when it failed.
check() {
	local text=$1 said=$work/said.$BASHPID

	shift
	if "$@" >"$said" 2>&1; then ok "$text"; else not_ok "$text"; sed 's/^/# /' "$said"; fi
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local deadline=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -le "$deadline" ] || return 1
		sleep 0.1
	done
}

flow_enter() {
	if [ -z "${FLOW_INSIDE:-}" ]; then
		[ "$(id -u)" = 0 ] || skip 'needs root'
		unshare --net true 2>/dev/null || skip 'needs network namespaces'
		FLOW_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc bash "$0" "$@"
	fi
	unset FLOW_INSIDE
	trap 'exit 143' INT TERM HUP
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	chmod 755 "$work"
	mount -t tmpfs none /run # names of network namespaces, and no service of this machine in reach
}

# ---- networks ----

# ns_add NAME...: network namespaces.
ns_add() {
	local name

	for name in "$@"; do
		ip netns add "$name" && ip -n "$name" link set lo up || exit 1
	done
}

# bridge NAME INTERFACE [ADDRESS/LEN]
bridge() {
	ip -n "$1" link add "$2" type bridge forward_delay 0 stp_state 0
	ip -n "$1" link set "$2" up
	[ -z "${3:-}" ] || ip -n "$1" addr add "$3" dev "$2"
}

# plug NAME INTERFACE NAME2 BRIDGE2 [MAC]: a cable from an interface of NAME to a bridge of NAME2; the
# name of its other end is in $cable.
cables=0
plug() {
	cable=cable$((++cables))
	ip -n "$3" link add "$cable" type veth peer name "$2" ${5:+address "$5"} netns "$1"
	ip -n "$3" link set "$cable" master "$4" up
	ip -n "$1" link set "$2" up
}

# witness NAME INTERFACE FILE: write down every DHCP packet there from now on.
witness() {
	ip netns exec "$1" "$B/support/dhcp_witness" "$2" >"$3" 2>&1 &
	wait_for 5 grep -q '^# listening' "$3"
}

# ---- the server, in the namespace `server`, by $work/muster.conf ----

# server_run [NAME=VALUE...]: with these in its environment.
server_run() {
	ip netns exec server env "$@" "$B/musterd" -f -c "$work/muster.conf" >>"$work/log" 2>&1 &
	server=$!
}

# Until it answers.
server_start() {
	server_run
	wait_for 20 api /status || { tail -n 5 "$work/log"; return 1; }
}

# kill -9 of everything at once, until the ports are free again.
server_kill() {
	local all

	mapfile -t all < <(pgrep -P "$server")
	kill -KILL "$server" "${all[@]}" 2>/dev/null
	wait "$server" 2>/dev/null
	wait_for 5 gone "${all[@]}"
}
gone() { ! kill -0 "$@"; }

# api PATH: GET it over the server's own socket.
api() { curl -fsS --max-time 60 --unix-socket "$work/run/muster.sock" "http://muster/api/v1$1"; }
