#!/bin/bash
# why_codes.sh: is there a test for each code of `muster host why` that really produces the failure, in
# which the server then answers with it? Prints the codes for which there is none, and what is wrong
# with the list of those that need none. A test says its code in a call of one of these, behind the
# host: because, will_be (because.sh), silent (why_silence.sh), lab_because, lab_failed_as (lab.sh);
# chain.sh in row, behind the attack's name.
set -u
cd "${0%/*}/../.." || exit 2
scripts=(tests/flow/*.sh tests/boot/*.sh)

# CODE why there is no test
without='
unclear it is for what fits no other rule, so that there is always an answer
'

# What two lists, of one word a line, have: in the second alone, or in both.
only() { comm -13 <(echo "$1") <(echo "$2"); }
both() { comm -12 <(echo "$1") <(echo "$2"); }

arg='("[^"]*"|[^ "]+)'
# shellcheck disable=SC2016 # the backquotes are the document's
table=$(sed -n 's/^| `\([a-z-]*\)` |.*/\1/p' docs/why.md | sort -u)
tested=$(grep -vhE '^[[:space:]]*#' "${scripts[@]}" |
	sed "s/'[^']*'//g" |
	grep -oE "(^|[[:space:];&!(])((because|will_be|silent|lab_because|lab_failed_as) $arg|row \"[^\"]*\") [a-z][a-z-]*( |\$)" |
	sed 's/ $//; s/.* //' | sort -u)
needless=$(awk 'NF > 3 { print $1 }' <<<"$without" | sort -u)

wrong=$({
	only "$tested" "$(only "$needless" "$table")" | sed 's/$/: no test produces it/'
	both "$tested" "$needless" | sed 's/$/: a test produces it, so strike it from this list/'
	only "$table" "$needless" | sed 's/$/: there is no such code, so strike it from this list/'
	only "$table" "$tested" | sed 's/$/: a test wants it, and there is no such code/'
} | grep -v '^:')
[ -n "$table" ] && [ -z "$wrong" ] && exit 0
echo "$wrong"
exit 1
