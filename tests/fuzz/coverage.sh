#!/bin/bash
# coverage.sh BUILD: the lines that the corpus alone reaches, without any mutation, in what reads
# strangers' bytes and in what decides on them. Fails when it is less than the least share asked.
set -eu

cd "${0%/*}/../.."
build=$1
least='server/net/dhcp_opt.c 90
server/net/dhcp_msg.c 90
server/core/dhcp_policy.c 0
server/core/lease.c 0
server/core/ranges.c 0
server/core/reserve.c 0
server/core/dhcp.c 0
server/core/probe.c 0
images/bootcfg.c 0
images/manifest.c 0
images/root.c 0
images/channel.c 0
images/ticket.c 0
images/order.c 0
images/minisig.c 0'

objects=()
rm -f "$build"/*.profraw
for corpus in tests/fuzz/corpus/*; do
	name=${corpus##*/}
	export LLVM_PROFILE_FILE=$build/$name.profraw
	"$build/fuzz_$name" -runs=0 -max_len=8192 -artifact_prefix="$build/" "$corpus" \
		>"$build/$name.log" 2>&1 || { cat "$build/$name.log"; exit 1; }
	objects+=(${objects:+-object} "$build/fuzz_$name")
done
llvm-profdata merge -o "$build/all.profdata" "$build"/*.profraw
# shellcheck disable=SC2046 # words
llvm-cov report -instr-profile="$build/all.profdata" "${objects[@]}" \
	$(cut -d' ' -f1 <<<"$least") >"$build/report"
# Of each file's three columns for regions, functions and lines: the lines.
awk 'NR == FNR { least[$1] = $2; next }
	$1 in least {
		printf "%8s of %4d lines  %s\n", $10, $8, $1
		if ($10 + 0 < least[$1]) { printf "%7d%% is the least\n", least[$1]; low = 1 }
		seen++
	}
	END { exit low || seen < length(least) }' <(echo "$least") "$build/report"
