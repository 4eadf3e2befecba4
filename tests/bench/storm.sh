#!/usr/bin/env bash
# storm.sh [HOSTS]: so many simulated hosts (1000) switched on in the same moment, against one server,
# over a veth pair in namespaces of their own. Each takes its address, a tenth read their loader by
# TFTP, each loads 2 MiB of agent and an image of 32 MiB, and reports. Exit status 0 when all of them
# finished and the slowest took at most three times as long as the median.
#
# Hosts and server share the processors: times say what this machine does with both.
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
tests/support/unpack.sh tftpd-hpa "$packages" || exit 2
flow_enter "$@"
# shellcheck source=tests/support/rehearsal.sh
. tests/support/rehearsal.sh

hosts=${1:-1000}
report=$work/report.json

# Seconds of processor time of a process and all below it.
used() { ps -o times= -p "$1" --ppid "$1" | awk '{ s += $1 } END { print s }'; }
# Largest private memory, in KiB, of any process of the server.
memory() {
	local pid

	for pid in $server $(pgrep -P "$server"); do
		awk '/^Private/ { s += $2 } END { print s, FILENAME }' "/proc/$pid/smaps_rollup"
	done 2>/dev/null | sort -n | tail -n 1 | cut -d' ' -f1
}

rehearsal_links
rehearsal_site approve $((2 << 20)) $((32 << 20)) >"$work/site" 2>&1 || { cat "$work/site"; exit 2; }
simulate_relayed --hosts "$hosts" --at-once --tftp-share 10% --timeout 10m -o json >"$report"
[ -s "$report" ] || exit 2
jq -r '(.stages + [.whole + {stage: "whole"}])[] | [.stage, .hosts, .p50_ms, .p90_ms, .p99_ms,
	.slowest_ms] | @tsv' "$report" |
	awk 'BEGIN { print "| stage | hosts | p50 ms | p90 ms | p99 ms | slowest ms |\n|---|---|---|---|---|---|" }
		{ gsub("\t", " | "); print "| " $0 " |" }'
jq -r '"\(.finished) of \(.hosts) finished, \(.failed) failed, in \(.ms / 1000) s; \(.bytes) bytes, \(.bytes_per_s / 1048576 | floor) MiB/s; \(.repeats) repeats; slowest / median \(.fairness)",
	(.failures[] | "\(.hosts) failed: \(.reason) (\(.first))")' "$report"
echo "server: $(used "$server") s of processor time, at most $(memory) KiB private memory in a process"
tail -n 3 "$work/log" | grep -v ' info' | sed 's/^/# /'
check "$hosts hosts finish and none starves" jq -e '.finished == .hosts and .fairness <= 3' "$report"
exit $failed
