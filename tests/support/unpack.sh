#!/bin/sh
# unpack.sh PACKAGE DIR: put a Debian package's files into DIR/PACKAGE without installing it, for
# packages that would start a daemon. Done already: nothing happens. Several may ask at once.
set -eu

package=$1 dir=$2/$1
[ ! -d "$dir" ] || exit 0
mkdir -p "$2"
exec 9>"$2/lock"
flock 9
[ ! -d "$dir" ] || exit 0 # another one was faster
work=$(mktemp -d "$2/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$package") ||
	{ echo "cannot download $package; as root: apt-get update" >&2; exit 1; }
dpkg -x "$work"/*.deb "$work/files"
mv -T "$work/files" "$dir"
