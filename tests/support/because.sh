# shellcheck shell=bash disable=SC2154 # work is the test's that sources this
# because.sh: what `muster host why` says, for tests that make it happen. The test has a function
# muster(), and its folder is $work. why_codes.sh looks for these words to find codes that no test
# produces.

# because HOST CODE TEXT: what is asked answers with that code and says so
because() {
	local got

	muster -o json host why "$1" >"$work/why.json"
	got=$(jq -r .code "$work/why.json")
	[ "$got" = "$2" ] || { echo "code $got, not $2"; cat "$work/why.json"; return 1; }
	jq -e --arg s "$3" '(.sentence | contains($s)) and (.next | length > 10)' "$work/why.json" >/dev/null ||
		{ echo "does not say: $3"; cat "$work/why.json"; return 1; }
}

# will_be HOST CODE TEXT: the same, within 15 seconds
will_be() {
	local deadline=$((SECONDS + 15))

	until because "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -le "$deadline" ] || break
		sleep 0.1
	done
	because "$@"
}

# evidence TEXT: of what was asked last
evidence() { jq -e --arg s "$1" 'any(.evidence[]; .text | contains($s))' "$work/why.json"; }
