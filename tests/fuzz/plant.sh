#!/bin/bash
# plant.sh BUG.sed OUT.c: copy the source file that the first line of BUG.sed names, with the bug in
# it. Every command of the script must change something: code that has moved on needs a new bug.
set -eu

file=$(sed -n '1s/^# //p' "$1")
cp "$file" "$2"
grep -v '^#' "$1" | while read -r command; do
	sed "$command" "$2" >"$2.new"
	if cmp -s "$2" "$2.new"; then
		echo "$1: this changes nothing in $file any more: $command" >&2
		exit 1
	fi
	mv "$2.new" "$2"
done
