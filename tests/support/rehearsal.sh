# shellcheck shell=bash disable=SC2034,SC2154 # work, packages, B: flow.sh
# rehearsal.sh: a site for `muster simulate`. Sourced after flow.sh, behind flow_enter.
#
# Two namespaces, server and hosts, and one cable between them. 10.64.0.0/24 is the cable's own
# subnet; 10.65.0.0/16 is behind a relay that lives in `hosts`, at 10.65.0.1.

# rehearsal_links
rehearsal_links() {
	ns_add server hosts
	ip -n server link add eth0 type veth peer name eth0 netns hosts
	ip -n server addr add 10.64.0.1/24 dev eth0
	ip -n hosts addr add 10.64.0.2/24 dev eth0
	ip -n hosts addr add 10.65.0.1/32 dev eth0
	ip -n server link set eth0 up
	ip -n hosts link set eth0 up
	ip -n server route add 10.65.0.0/16 via 10.64.0.2
}

# rehearsal_recipe NAME KERNEL_BYTES INITRD_BYTES
rehearsal_recipe() {
	cat >"$work/recipes/$1.sh" <<-END
	#!/bin/sh
	head -c $2 /dev/urandom >"\$1/vmlinuz"
	head -c $3 /dev/urandom >"\$1/initrd"
	cat >"\$1/image.json" <<'JSON'
	{ "name": "$1", "version": "1", "kind": "linux", "channel": "test", "args": "quiet",
	  "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" },
	  { "role": "initrd", "name": "initrd" } ] }
	JSON
	END
	chmod +x "$work/recipes/$1.sh"
}

# rehearsal_conf ADMISSION: but for [tftp].
rehearsal_conf() {
	cat >"$work/muster.conf" <<-END
	[server]
	name = rehearsal
	state-dir = $work/state
	run-dir = $work/run
	user = nobody
	interface = eth0
	admission = $1
	image = kvm
	[dhcp]
	mode = full
	relays = 10.65.0.1
	[subnet 10.64.0.0/24]
	range = 10.64.0.100-10.64.0.200
	router = 10.64.0.1
	[subnet 10.65.0.0/16]
	range = 10.65.1.0-10.65.40.255
	router = 10.65.0.1
	END
}

# rehearsal_site ADMISSION AGENT_BYTES IMAGE_BYTES: keys, configuration, loaders, server, images.
rehearsal_site() {
	local key image

	mkdir -p "$work/state/keys/trust" "$work/recipes" "$work/loaders"
	chmod 755 "$work/loaders"
	head -c 300000 /dev/urandom >"$work/loaders/snponly.efi"
	rehearsal_conf "$1"
	cat >>"$work/muster.conf" <<-END
	[tftp]
	program = $packages/tftpd-hpa/usr/sbin/in.tftpd
	loaders = $work/loaders
	END
	for key in release site stranger; do
		"$B/muster" key generate "$key" --dir "$work/keys" >/dev/null || return
	done
	cp "$work"/keys/site.{key,pub} "$work/state/keys/"
	cp "$work/keys/release.pub" "$work/state/keys/trust/"
	chown -R nobody: "$work/state"
	server_start || return
	rehearsal_recipe agent "$((${2} / 2))" "$((${2} - ${2} / 2))"
	rehearsal_recipe kvm 1000000 "$(($3 - 1000000))"
	for image in agent kvm; do
		"$B/muster" image build "$image" --recipes "$work/recipes" -o "$work/$image" &&
			"$B/muster" image sign "$work/$image" --key "$work/keys/release.key" &&
			muster image import "$work/$image" || return
	done
}

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }

# simulate WORDS...: in the hosts' namespace.
simulate() {
	ip netns exec hosts "$B/muster" --socket "$work/run/muster.sock" simulate "$@"
}
simulate_relayed() { simulate --server 10.64.0.1 --relay 10.65.0.1 "$@"; }
simulate_direct() { simulate --interface eth0 "$@"; }
