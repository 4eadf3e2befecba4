#!/bin/bash
# tests/run on tests that fail: what it shows of them at the end is enough to know why.
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# test_of NAME: a test of this name, which prints what comes in.
test_of() {
	{ echo '#!/bin/sh'; echo "cat <<'END'"; cat; echo END; echo "${2:-exit 1}"; } >"$work/tests/flow/$1.sh"
	chmod 755 "$work/tests/flow/$1.sh"
}
run() { B=$work "$work/tests/run" flow "$@" >"$work/out" 2>&1; }
shows() { grep -qxF -- "$1" "$work/out" || { cat "$work/out"; return 1; }; }
hides() { ! grep -F -- "$1" "$work/out"; }
times() { [ "$(grep -cF -- "$2" "$work/out")" = "$1" ] || { cat "$work/out"; return 1; }; }

mkdir -p "$work/tests/flow"
cp tests/run "$work/tests/run"
test_of good 'exit 0' <<'END'
ok - one
# all is well
END
test_of bad <<'END'
ok - one
# a remark of the first
not ok - two
noise
# wanted: 1
# it is: 2
ok - three
# a remark of the third
not ok - four
# for another reason
END
{ echo 'not ok - much'; seq -f '# line %g.' 40; } | test_of long
{ seq -f 'not ok - number %g.' 30; echo '# screen of n1:'; } | test_of many
test_of late <<'END'
not ok - one
# because of this
ok - two
# log of the server:
#   it has ended
END

check 'nothing is said of a good test' run good
check 'its remarks are not shown' hides 'all is well'
check 'a test that fails is a failure' eval '! run bad'
check 'what failed is shown' shows '      not ok - two'
check 'with the remarks that follow it' shows '        # it is: 2'
check 'the next one, too' shows '        # for another reason'
check 'and no remarks of what went well' hides 'a remark of the'
check 'nor what is no remark' hides noise
run long
check 'at most 20 remarks of one' times 20 '# line '
check 'and it says that there were more' shows '        # …'
run late
check 'remarks at the end are of the whole test' shows '        #   it has ended'
run many
check 'at most eight failures of one test' times 8 'not ok - number'
check 'which does not hide those remarks' shows '        # screen of n1:'
printf '#!/bin/sh\n# soak\necho "ok - long"\n' >"$work/tests/flow/soaks.sh"
chmod 755 "$work/tests/flow/soaks.sh"
check 'what is for the soak is left out' eval '! run soaks && shows "no such tests"'
check 'and runs there' env SOAK=1 B="$work" "$work/tests/run" flow soaks

# One boot at a time on one processor. On two there is room for a flow test and the boot that needs one
# of them, before the one that needs both.
begins() { # KIND NAME LINE [COMMAND]: a test that writes down that it began
	mkdir -p "$work/tests/$1"
	printf '#!/bin/sh\n%s\necho %s >>%s\n%s\necho "ok - one"\n' "$3" "$2" "$work/begun" "${4:-}" >"$work/tests/$1/$2.sh"
	chmod 755 "$work/tests/$1/$2.sh"
}
on() { OMP_NUM_THREADS=$1 B=$work "$work/tests/run" flow boot "${@:2}"; } # PROCESSORS NAME...
begun() { xargs <"$work/begun"; }
begins boot short ''
begins boot middle '# takes: 90 s'
begins boot wide $'# processors: 2\n# takes: 100 s'
check 'boots run' on 1 short middle wide
check 'the longest began first' eval '[ "$(begun)" = "wide middle short" ]'
rm "$work/begun"
begins flow waits '# takes: 200 s' "timeout 20 sh -c 'until grep short $work/begun; do sleep 0.1; done' || exit 1"
check 'they run beside one that waits for the last' on 2 waits wide short
check 'which began before the one that needs more' eval '[ "$(begun)" = "waits short wide" ]'
run many
check 'the counts are last' eval '[ "$(tail -n 1 "$work/out")" = "0 passed, 30 failed" ]'
exit "$failed"
