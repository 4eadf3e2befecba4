#!/usr/bin/env bash
# `make install` for a package and into a prefix: everything lies where it should, and what lies there
# works without the source tree.
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
flow_enter "$@"
unset MAKEFLAGS MFLAGS MAKELEVEL # of the make that runs the tests

prefix=/opt/muster
installs() { make -s install B="$B" PREFIX="$prefix" DESTDIR="$work/stage"; }
check 'make install' installs
[ $failed = 0 ] || exit 1

# ---- what lies where
wanted() {
	printf '%s\n' "$prefix"/{sbin/musterd,bin/muster,lib/muster/muster-agent} \
		"$prefix"/share/man/{man8/musterd.8,man5/muster.conf.5,man1/muster.1} \
		"$prefix"/share/bash-completion/completions/muster \
		"$prefix"/share/doc/muster/muster.conf /lib/systemd/system/musterd.service
	find images/recipes -type f -printf "$prefix/share/muster/recipes/%P\n"
	"$B/muster" help --completion | sed -n "s,^\toptions\['\([a-z]*\) [a-z].*,$prefix/share/man/man1/muster-\1.1,p" | sort -u
}
all_there() { diff <(wanted | sort) <(find "$work/stage" -type f -printf '/%P\n' | sort); }
check 'each file has its place, and there is no other' all_there
modes() {
	diff - <(cd "$work/stage$prefix" && find sbin bin lib share/muster -type f ! -perm 644 -printf '%m %p\n' | sort) <<-END
	755 bin/muster
	755 lib/muster/muster-agent
	755 sbin/musterd
	755 share/muster/recipes/agent.sh
	755 share/muster/recipes/kvm.sh
	755 share/muster/recipes/xen.sh
	END
}
check 'programs and recipes can be run, and nothing else' modes
check 'the unit starts it from there' grep -qx "ExecStart=$prefix/sbin/musterd -f" "$work/stage/lib/systemd/system/musterd.service"
check 'and nothing from elsewhere' eval '! grep "^Exec.*/usr/sbin/musterd" "$work/stage/lib/systemd/system/musterd.service"'
check 'the pages are pages' eval 'for page in "$work/stage$prefix"/share/man/*/*; do grep -q "^\.TH " "$page" || exit; done'
check 'the completion is one' bash -n "$work/stage$prefix/share/bash-completion/completions/muster"

# ---- it works there
mount -t tmpfs none /opt && cp -a "$work/stage$prefix" /opt/ || exit 1
ns_add server
bridge server br0 10.77.0.1/24
mkdir "$work/etc"
cat >"$work/muster.conf" <<END
[server]
name = installed
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = open
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.200
[tftp]
enabled = no
END
B=$prefix/sbin
check 'the server starts' server_start
script() { ip netns exec server curl -fsS 'http://10.77.0.1/boot.ipxe?mac=52-54-00-00-00-01&platform=efi' | grep -x 'echo muster @*installed: this is n[0-9]*'; }
check 'and has its iPXE scripts' script
check 'the command speaks to it' "$prefix/bin/muster" --socket "$work/run/muster.sock" status
agent() { "$prefix/lib/muster/muster-agent" --help 2>&1 | grep -q .; }
check 'the agent runs' agent
server_kill
setup() { ip netns exec server "$prefix/bin/muster" --socket "$work/run/muster.sock" setup --etc "$work/etc" --yes --interface br0; }
mkdir "$work/etc/conf.d"
cat >"$work/etc/conf.d/here.conf" <<END
[server]
state-dir = $work/state
run-dir = $work/run
user = nobody
[tftp]
enabled = no
END
mount -t tmpfs none /mnt && mkdir /mnt/{etc,work} && # where a user can be made
	mount -t overlay -o lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/work none /etc &&
	check 'setup finds the server beside it' setup

# ---- where recipes keep what they download
# cache [NAME=VALUE...]: with these in an otherwise empty environment.
cache() { env -i PATH="$PATH" "$@" bash -c ". '$prefix/share/muster/recipes/lib.sh' && echo \"\$cache\""; }
is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }
check 'in the home' is "$(cache HOME=/home/x)" /home/x/.cache/muster
check 'in XDG_CACHE_HOME, also without a home' is "$(cache XDG_CACHE_HOME=/c)" /c/muster
check 'where MUSTER_CACHE says' is "$(cache HOME=/home/x XDG_CACHE_HOME=/c MUSTER_CACHE=/m)" /m
check "a root's, without a home" is "$(cache)" /var/cache/muster
nobody() {
	chmod 755 "$work"
	said=$(setpriv --reuid=65534 --regid=65534 --clear-groups env -i PATH="$PATH" bash -c ". '$prefix/share/muster/recipes/lib.sh'" 2>&1)
	[ $? = 1 ] && [[ $said == *'neither HOME nor XDG_CACHE_HOME is set'* ]] || { echo "$said"; return 1; }
}
check 'of anybody else it is an error that says so' nobody
exit $failed
