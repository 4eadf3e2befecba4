#!/usr/bin/env bash
# musterd as an administrator meets it: options, wrong configuration, roles that die, a clean stop,
# a reload; and its API through the muster command. Needs root for a network namespace.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build/release}
failed=0
work=$(mktemp -d)
ns=musflow$$
server=

ok() { echo "ok server: $1"; }
not_ok() { echo "not ok server: $1"; failed=1; }
check() { local name=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$name"; else not_ok "$name"; sed 's/^/# /' "$work/out"; fi; }

cleanup() {
	[ -n "$server" ] && kill -9 "$server" 2>/dev/null && wait "$server" 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ "$(id -u)" != 0 ] || ! ip netns add "$ns" 2>/dev/null; then
	echo "skip server # needs root and network namespaces"
	exit 0
fi
ip -n "$ns" link set lo up
ip -n "$ns" link add br0 type bridge
ip -n "$ns" addr add 10.77.0.1/24 dev br0
ip -n "$ns" link set br0 up
chmod 755 "$work"

cat >"$work/good.conf" <<EOF
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = approve
image = kvm
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.200
[tftp]
enabled = no
EOF
sed 's/^mode/mdoe/' "$work/good.conf" >"$work/bad.conf"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/tls.key" \
	-out "$work/tls.crt" -days 2 -subj /CN=10.77.0.1 -addext subjectAltName=IP:10.77.0.1 2>/dev/null
cat >>"$work/good.conf" <<EOF
[http]
listen = 0.0.0.0:80
tls-listen = 0.0.0.0:443
tls-cert = $work/tls.crt
tls-key = $work/tls.key
EOF

musterd() { ip netns exec "$ns" "$B/musterd" "$@"; }
muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
wait_for() { # CONDITION...: at most 5 s
	for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}
role_pid() { pgrep -P "$server" -x "musterd-$1"; }
start() {
	ip netns exec "$ns" "$B/musterd" -f -c "$work/$1" >>"$work/log" 2>&1 &
	server=$!
	wait_for muster status
}

# ---- options and configuration
exits() { local want=$1; shift; "$@"; local got=$?; [ "$got" = "$want" ] || { echo "exit $got, not $want"; return 1; }; }
says() { local want=$1; shift; "$@" 2>&1 | grep -F -- "$want" || { echo "does not say: $want"; return 1; }; }
check "-t accepts a good file" exits 0 musterd -t -c "$work/good.conf"
check "-t refuses a wrong one with 78" exits 78 musterd -t -c "$work/bad.conf"
check "the error names file, line and the nearest key" \
	says "bad.conf:10: unknown key 'mdoe' in [dhcp]; did you mean 'mode'?" musterd -t -c "$work/bad.conf"
sed 's/^mode.*/&\noption = 53 u8 2/' "$work/good.conf" >"$work/option.conf"
check "an option that the server decides cannot be set" \
	says "option.conf:11: option 53 (message type) is the server's to decide" musterd -t -c "$work/option.conf"
check "an unknown option exits 2" exits 2 musterd -x
check "a missing file exits 78" exits 78 musterd -t -c "$work/none.conf"
check "-T opens everything" exits 0 musterd -T -c "$work/good.conf"
sed 's/br0/br9/' "$work/good.conf" >"$work/nobr.conf"
check "-T refuses an interface that is not there" exits 78 musterd -T -c "$work/nobr.conf"
sed 's/nobody/nosuchuser/' "$work/good.conf" >"$work/nouser.conf"
check "-T names the command that makes the user" says "adduser" musterd -T -c "$work/nouser.conf"

# ---- roles
check "starts" start good.conf
private() { # nobody else reads the database: it has secrets in it
	local file
	for file in "$work"/state/muster.db{,-wal,-shm}; do [ "$(stat -c %a "$file")" = 600 ] || { stat "$file"; return 1; }; done
}
check "its database is its own" private
rights() { # ROLE: not root, no capability
	local pid; pid=$(role_pid "$1") || return 1
	grep -E '^(Uid|CapEff|CapPrm|NoNewPrivs)' "/proc/$pid/status"
	! grep -qE '^Uid:\s+0\s' "/proc/$pid/status" &&
		grep -qE '^CapEff:\s+0+$' "/proc/$pid/status" &&
		grep -qE '^NoNewPrivs:\s+1' "/proc/$pid/status"
}
for role in core http net sign; do check "$role has no rights" rights $role; done
priority() { [ "$(ps -o ni= -p "$(role_pid "$1")" | xargs)" = "$2" ]; }
for row in 'core -10' 'net -10' 'sign -10' 'http 0' 'view 19'; do
	# shellcheck disable=SC2086
	check "who boots goes before who reads: the priority of $row" priority $row
done
locked() { grep -E '^Seccomp:\s+2' "/proc/$(role_pid "$1")/status"; }
if grep -q __asan_init "$B/musterd"; then
	echo "skip - server: roles are not locked in under the address sanitizer, which traces itself"
else
	for role in core http net sign; do check "$role is locked in" locked $role; done
fi
no_database() { ! ls -l "/proc/$(role_pid "$1")/fd" | grep muster.db; }
for role in http net sign; do check "$role has no database open" no_database $role; done
no_socket() { ! ls -l "/proc/$(role_pid core)/net/../fd" | grep -c socket | awk '$1 > 4 {exit 1}' | grep .; }
check "core has its links and no other socket" no_socket
respawns() {
	local before after
	before=$(role_pid "$1")
	kill -9 "$before"
	changed() { after=$(role_pid "$1") && [ "$after" != "$before" ] && muster status; }
	wait_for changed "$1"
}
for role in core http net sign; do
	others=$(for r in core http net sign; do [ $r != $role ] && role_pid $r; done)
	check "$role killed with -9 comes back and the server answers" respawns $role
	undisturbed() { [ "$others" = "$(for r in core http net sign; do [ $r != $role ] && role_pid $r; done)" ]; }
	check "the other roles do not notice" undisturbed
done

tls() { [ "$(ip netns exec "$ns" curl -sS --cacert "$work/tls.crt" https://10.77.0.1/healthz)" = ok ]; }
check "HTTPS with the certificate that is configured" tls
old_tls() { ! ip netns exec "$ns" curl -sk --tlsv1.0 --tls-max 1.1 https://10.77.0.1/healthz; }
check "TLS below 1.2 is refused" old_tls

# ---- images need no database
head -c 3000000 /dev/urandom >"$work/blob"
digest=$(sha256sum "$work/blob" | cut -d' ' -f1)
cp "$work/blob" "$work/state/blobs/sha256/$digest"
core=$(role_pid core)
kill -STOP "$core"
fetches() { ip netns exec "$ns" curl -sS --max-time 10 "${@:2}" "$1/blobs/sha256/$digest" | cmp - "$work/blob"; }
check "a blob while core stands still" fetches http://10.77.0.1
check "and over TLS" fetches https://10.77.0.1 --cacert "$work/tls.crt"
kill -CONT "$core"
check "core goes on" wait_for muster status

# ---- API
check "host list is empty and no error" exits 0 muster host list
check "a host is added" exits 0 muster host add n07 --mac 52:54:00:00:00:07 --image kvm
check "and listed" says n07 muster host list
inventory() { muster host list -o ansible | jq -e '.all.hosts == ["n07"] and (._meta.hostvars | has("n07"))'; }
check "an inventory for Ansible" inventory
watched() { # it is shown again and again
	timeout 3 "$B/muster" --socket "$work/run/muster.sock" host list -o name --watch=0.2 >"$work/watched"
	cat "$work/watched"
	[ "$(grep -c n07 "$work/watched")" -ge 3 ]
}
check "--watch" watched
# ---- support
support() {
	muster host set n07 --value san-target=10.0.0.1 --value chap-secret=hunter2hunter2 &&
		muster support "$work/support" && grep -q '"name":"n07"' "$work/support" &&
		grep -q '^muster_build_info' "$work/support"
}
check "a file for support" support
no_secret() {
	! grep -n -e hunter2 -f <(sed -n 2p "$work/state/keys/site.key") "$work/support"
}
check "without a secret" no_secret
check "which is not written over" sh -c "'$B/muster' --socket '$work/run/muster.sock' support '$work/support'; [ \$? = 4 ]"
check "set changes what it names" exits 0 muster host set n07 --image xen
keeps() { muster -o json host show n07 | tr -d ' ' | grep '"name":"n07".*"image":"xen"'; }
check "and keeps the rest" keeps
check "the same address again is a conflict" exits 4 muster host add n08 --mac 52:54:00:00:00:07
check "an unknown host exits 3" exits 3 muster host show n99
check "a wrong name is refused" exits 1 muster host set n07 --image 'a b'
check "no server: exit 5" exits 5 "$B/muster" --socket "$work/none" status
tcp_api() { [ "$(ip netns exec "$ns" curl -s -o /dev/null -w '%{http_code}' http://10.77.0.1/api/v1/hosts)" = 401 ]; }
check "the API over TCP without a token is 401" tcp_api
survives() { respawns core && muster host show n07; }
check "what was acknowledged survives kill -9 of core" survives

# ---- garbage
garbage() {
	for _ in $(seq 20); do
		head -c 700 /dev/urandom | ip netns exec "$ns" timeout 1 socat -t0.2 - TCP4:10.77.0.1:80 >/dev/null 2>&1
		head -c 700 /dev/urandom | ip netns exec "$ns" socat -u - UDP4-DATAGRAM:10.77.0.1:67 2>/dev/null
		head -c 700 /dev/urandom | ip netns exec "$ns" socat -u - UDP4-DATAGRAM:10.77.0.1:4011 2>/dev/null
	done
	muster status
}
pids=$(for r in core http net sign; do role_pid $r; done)
check "garbage on its sockets" garbage
same_pids() { [ "$pids" = "$(for r in core http net sign; do role_pid $r; done)" ]; }
check "no role ended from it" same_pids

# ---- reload
began() { curl -sS --unix-socket "$work/run/muster.sock" http://m/metrics | sed -n 's/^muster_start_time_seconds //p'; }
first=$(began)
sed -i 's/^admission.*/admission = open/' "$work/good.conf"
kill -HUP "$server"
check "reload takes a new admission" wait_for says "admission open" muster status
again=$(began)
# (a second may end between two looks at the clock)
check "which is no new start of the server" [ $((again - first)) -ge -1 -a $((again - first)) -le 1 ]
cp "$work/bad.conf" "$work/good.conf.keep"; cp "$work/good.conf" "$work/keep"; cp "$work/bad.conf" "$work/good.conf"
kill -HUP "$server"
check "a bad file leaves the old one in force and says so" wait_for grep -q "reload refused.*unknown key" "$work/log"
check "and the server goes on" exits 0 muster status
sed 's/br0/lo/' "$work/keep" >"$work/good.conf"
kill -HUP "$server"
check "a changed interface says restart needed" wait_for grep -q "interface has changed, restart needed" "$work/log"

# ---- stop
children=$(pgrep -P "$server")
stops() {
	local t0; t0=$(date +%s%N)
	kill -TERM "$server"; wait "$server" || return 1
	local ms=$((($(date +%s%N) - t0) / 1000000)); echo "$ms ms"
	[ "$ms" -lt 2000 ]
}
check "SIGTERM ends it within 2 s, exit 0" stops
one_file() { # nothing is in the journal that is not in the file
	ls -l "$work/state"
	[ -s "$work/state/muster.db" ] && [ ! -s "$work/state/muster.db-wal" ]
}
check "the database is one file then, which may be copied" one_file
gone() { for p in $children; do [ -d "/proc/$p" ] && return 1; done; return 0; }
check "no role is left" wait_for gone
cp "$work/keep" "$work/good.conf"
check "starts again" start good.conf
children=$(pgrep -P "$server")
kill -9 "$server"; wait "$server" 2>/dev/null
check "roles end with the parent, even by kill -9" wait_for gone
server=
exit $failed
