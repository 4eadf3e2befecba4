#!/usr/bin/env bash
# Every role survives garbage from the role at the other end of its link.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build/release}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$B/support/garbage" "$work"
