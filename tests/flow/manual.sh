#!/usr/bin/env bash
# The manual pages and the completion, made of the table of verbs, and the pages written by hand,
# against what the programs have. Needs no server and no rights.
set -u
cd "${0%/*}/../.." || exit 1
B=$(realpath "${B:-build/release}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
check() {
	local text=$1

	shift
	if "$@" >"$work/out" 2>&1; then
		echo "ok manual: $text"
	else
		echo "not ok manual: $text"
		sed 's/^/# /' "$work/out"
		failed=1
	fi
}
is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }
muster() { "$B/muster" "$@"; }
clean() { # FILE: groff has nothing to say about it
	groff -man -Tutf8 -ww -z "$1" 2>&1 | tee "$work/groff"
	[ ! -s "$work/groff" ]
}
text() { groff -man -Tutf8 -P-cbou "$1"; }

mapfile -t verbs < <(muster help --completion | sed -n "s/^\toptions\['\(.*\)'\]=.*/\1/p")
check 'there are verbs' [ ${#verbs[@]} -gt 30 ]

# ---- pages
muster help --man >"$work/muster.1"
check 'muster(1)' clean "$work/muster.1"
for noun in $(printf '%s\n' "${verbs[@]}" | awk '$2 { print $1 }' | sort -u); do
	muster help --man "$noun" >"$work/$noun.1"
	check "muster-$noun(1)" clean "$work/$noun.1"
	grep -q "^\.BR muster\\\\-$noun (1)" "$work/muster.1" || check "muster(1) names $noun" false
done
every_verb() {
	local noun verb

	for line in "${verbs[@]}"; do
		read -r noun verb <<<"$line"
		if [ -n "$verb" ]; then
			text "$work/$noun.1" | grep -q "^   $noun $verb" || { echo "no $noun $verb"; return 1; }
		else
			text "$work/muster.1" | grep -q "^   $noun" || { echo "no $noun"; return 1; }
		fi
	done
}
check 'every verb has its part' every_verb
check 'a noun that is none' sh -c "! '$B/muster' help --man nothing"
for page in docs/man/*; do check "$page" clean "$page"; done
every_key() {
	local key rc=0

	for key in $(sed -n 's/^\t{ "[a-z]*", "\([a-z0-9-]*\)", set_.*/\1/p' server/config.c | sort -u); do
		sed 's/\\-/-/g' docs/man/muster.conf.5 | grep -qE "^\.B.*(^| |,)$key( |,|$)" ||
			{ echo "muster.conf(5) lacks $key"; rc=1; }
	done
	return $rc
}
check 'every key of the configuration is in muster.conf(5)' every_key

# ---- completion
muster help --completion >"$work/completion"
check 'the completion is good bash' shellcheck -s bash -e SC2034 "$work/completion"
# completes WORDS...: what is offered for the last one.
completes() {
	PATH=$B:$PATH MUSTER_SOCKET=$work/none bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _muster
		printf "%s\n" "${COMPREPLY[@]}" | sort -u | tr "\n" " "' "$work/completion" "$@"
}
check 'nouns' is "$(completes muster ho)" 'host '
check 'verbs that stand alone' is "$(completes muster sta)" 'status '
check 'verbs of a noun' is "$(completes muster host ap)" 'approve '
check 'after a global option' is "$(completes muster -o json host ap)" 'approve '
check 'options' is "$(completes muster host set n01 --no-im)" '--no-image '
check 'formats' is "$(completes muster -o an)" 'ansible '
check 'stages' is "$(completes muster host wait n01 --for h)" 'handoff '

# ---- what is the same for all verbs
check '--watch of what changes something' sh -c "'$B/muster' host rm n01 --watch; [ \$? = 2 ]"
check '--watch=0' sh -c "'$B/muster' host list --watch=0; [ \$? = 2 ]"
check 'an inventory of something else' sh -c "'$B/muster' image list -o ansible; [ \$? = 2 ]"
meant() { "$B/muster" "$@" 2>&1 | sed -n "s/.*did you mean 'muster \(.*\)'?$/\1/p"; }
check 'a verb that is misspelt' is "$(meant host lisst)" 'host list'
check 'a verb of another noun' is "$(meant host pin)" 'image pin'
exit $failed
