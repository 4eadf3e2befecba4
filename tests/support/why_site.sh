# shellcheck shell=bash disable=SC2154 # what is used here is flow.sh's
# why_site.sh: for the tests of `muster host why`, inside of flow_enter: a server with keys and an image
# in one namespace, hosts in another; and what is asked of it.

ns_add server host
bridge server br0 10.77.0.1/24
bridge server br1 10.88.0.1/24
plug host eth0 server br0
plug host eth1 server br1

. tests/support/because.sh

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
export MUSTER_KEYS=$work/keys
dhcp_at() { ip netns exec host "$B/support/dhcp_host" -i "$@" >"$work/dhcp.out"; }
dhcp() { dhcp_at eth0 "$@"; }
link() { ip netns exec host "$B/support/link_host" "$@" >"$work/link.out"; }

configure() { # LINE OF [server]...
	cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
interface = br1
$(printf '%s\n' "$@")
[dhcp]
mode = full
probe = no
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.103
[tftp]
program = $packages/tftpd-hpa/usr/sbin/in.tftpd
loaders = $work/loaders
END
}
restart() { server_kill && server_start; }

exits() { local want=$1 rc; shift; "$@"; rc=$?; [ $rc = "$want" ] || { echo "exit $rc"; return 1; }; }

# ---- a site: keys, an image, a host as a tree of the kernel's files
mkdir -p "$work/state/keys/trust" "$work/trust" "$work/recipes" "$work/loaders"
head -c 20000 /dev/urandom | tee "$work/loaders/undionly.kpxe" >"$work/loaders/snponly.efi"
for key in release site stranger; do muster key generate $key >/dev/null 2>&1; done
cp "$work"/keys/site.{key,pub} "$work/state/keys/"
cp "$work/keys/release.pub" "$work/state/keys/trust/"
chown -R nobody: "$work/state"
cp "$work/keys/release.pub" "$work/trust/release-1.pub"
cp "$work/keys/site.pub" "$work/trust/site-1.pub"
cat >"$work/recipes/tiny.sh" <<'END'
#!/bin/sh
head -c 100000 /dev/urandom >"$1/vmlinuz"
head -c 400000 /dev/urandom >"$1/initrd"
cat >"$1/image.json" <<'JSON'
{ "name": "tiny", "version": "1", "kind": "linux", "channel": "test", "args": "quiet",
  "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" },
  { "role": "initrd", "name": "initrd" } ] }
JSON
END
chmod +x "$work/recipes/tiny.sh"
muster image build tiny --recipes "$work/recipes" -o "$work/tiny" >/dev/null 2>&1
muster image sign "$work/tiny" --key release >/dev/null
