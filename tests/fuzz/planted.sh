#!/bin/bash
# planted.sh BUILD BUG...: are the fuzz targets any good? Each BUG is a program BUILD/planted/BUG, a
# target with a known bug in it. It must be found within 60 s from each of three random seeds,
# beginning with the corpus; but the corpus alone must not show it, nor anything without the bug.
# SEEDS="1 2 3" repeats a run.
set -u

cd "${0%/*}/../.." || exit 1
build=$1
shift
read -ra seeds <<<"${SEEDS:-$(shuf -i 1-4294967295 -n 3 | tr '\n' ' ')}"
slots=$(nproc)
results=$build/planted/results
scratch=$(mktemp -d)

set -m # a hunt is a process group of its own: ending it ends what it started
clean_up() {
	local job

	for job in $(jobs -p); do kill -- "-$job" 2>/dev/null; done
	wait
	rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say() { # PROBLEM TEXT: a line, and its count in the end
	if [ -z "$1" ]; then echo "ok - $2"; else echo "not ok - $2: $1"; fi | tee -a "$results"
}

quiet() { # PROGRAM NAME: nothing is found in the corpus itself
	local problem=

	"$1" -runs=0 -max_len=8192 -artifact_prefix="$scratch/" "tests/fuzz/corpus/${2%%-*}" \
		>"$scratch/log" 2>&1 ||
		problem=$(grep -m1 ERROR "$scratch/log" || echo 'it failed')
	say "$problem" "$2: nothing in the corpus"
}

hunt() { # BUG SEED
	local dir=$scratch/$1-$2 began=${EPOCHREALTIME/./} took problem=

	mkdir -p "$dir/corpus"
	"$build/planted/$1" -seed="$2" -max_total_time=60 -max_len=8192 \
		-artifact_prefix="$dir/" "$dir/corpus" "tests/fuzz/corpus/${1%%-*}" >"$dir/log" 2>&1
	took=$(((${EPOCHREALTIME/./} - began) / 1000))
	compgen -G "$dir/crash-*" >/dev/null || problem='not found'
	say "$problem" "$1: seed $2: $took ms"
}

: >"$results"
echo "seeds: ${seeds[*]}"
for name in $(printf '%s\n' "${@%%-*}" | sort -u); do
	quiet "$build/fuzz_$name" "$name"
done
for bug in "$@"; do
	quiet "$build/planted/$bug" "$bug"
done
for bug in "$@"; do
	for seed in "${seeds[@]}"; do
		while [ "$(jobs -pr | wc -l)" -ge "$slots" ]; do wait -n; done
		hunt "$bug" "$seed" &
	done
done
wait
passed=$(grep -c '^ok ' "$results")
failed=$(grep -c '^not ok ' "$results")
echo "$SECONDS s in all"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
