#!/bin/sh
# Say which Debian packages of the given groups (see the file `need` beside this) are missing, one
# line; exit 1 when any is. With --install first: install them, as root.
set -eu

here=$(dirname "$0")
install=
[ "${1:-}" != --install ] || { install=1; shift; }

wanted=$(for group in "$@"; do sed -n "s/^${group}[[:space:]]*//p" "$here/need"; done)
missing=
for package in $wanted; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ -z "$install" ]; then
	echo "${missing# }"
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "missing packages; as root: apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || true # a stale list may do
# shellcheck disable=SC2086 # words
exec apt-get install -y -qq --no-install-recommends $missing
