# shellcheck shell=bash disable=SC2034,SC2154,SC2317 # work, B, server: flow.sh
# branch.sh: a server, a branch office behind one line, and hosts there that are agents up to the
# hand-off (muster-agent rehearse). Sourced after flow.sh, behind flow_enter; then one host has booted.

HOSTS=6 IMAGE_BYTES=6000000

ns_add server branch
ip -n branch link add wan type veth peer name lan netns server
ip -n server addr add 10.77.0.1/24 dev lan
ip -n branch addr add 10.77.0.2/24 dev wan
ip -n server link set lan up
ip -n branch link set wan up
muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }

# ---- a site: keys, an image, a server; and hosts, each a tree of the kernel's files ----

configure() { # LINE...: of [subnet] and what follows it
	{
		cat <<-END
		[server]
		name = flow
		state-dir = $work/state
		run-dir = $work/run
		user = nobody
		interface = lan
		admission = open
		image = tiny
		[dhcp]
		mode = full
		probe = no
		[tftp]
		enabled = no
		[subnet 10.77.0.0/24]
		range = 10.77.0.100-10.77.0.200
		END
		printf '%s\n' "$@"
	} >"$work/muster.conf"
}

# With another configuration.
restart() {
	[ -z "$server" ] || server_kill
	configure "$@"
	server_start
}

make_site() {
	local key

	mkdir -p "$work/state/keys/trust" "$work/trust" "$work/recipes"
	for key in release site; do
		"$B/muster" key generate $key --dir "$work/keys" >/dev/null 2>&1 || return
	done
	cp "$work"/keys/site.{key,pub} "$work/state/keys/"
	cp "$work/keys/release.pub" "$work/state/keys/trust/"
	cp "$work/keys/release.pub" "$work/trust/release-1.pub"
	cp "$work/keys/site.pub" "$work/trust/site-1.pub"
	chown -R nobody: "$work/state"
	cat >"$work/recipes/tiny.sh" <<-END
	#!/bin/sh
	head -c 100000 /dev/urandom >"\$1/vmlinuz"
	head -c $((IMAGE_BYTES - 100000)) /dev/urandom >"\$1/initrd"
	cat >"\$1/image.json" <<JSON
	{ "name": "tiny", "version": "1", "kind": "linux", "channel": "test", "args": "quiet",
	  "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" },
	  { "role": "initrd", "name": "initrd" } ] }
	JSON
	END
	chmod +x "$work/recipes/tiny.sh"
	"$B/muster" image build tiny --recipes "$work/recipes" -o "$work/tiny" &&
		"$B/muster" image sign "$work/tiny" --key "$work/keys/release.key"
}

make_host() { # NUMBER
	local host=$work/host$1
	local nic=$host/sys/class/net/eth0

	mkdir -p "$nic/device" "$host/proc" "$host/sys/class/dmi/id"
	printf '52:54:00:00:00:%02x\n' "$1" >"$nic/address"
	echo 1 | tee "$nic/type" >"$nic/carrier"
	printf '4c4c4544-0042-3510-8052-b4c04f4a4e%02x\n' "$1" >"$host/sys/class/dmi/id/product_uuid"
	printf 'MemTotal: 1048576 kB\nMemAvailable: 900000 kB\n' >"$host/proc/meminfo"
}

# One host, up to the hand-off; its screen is kept. URL: where it takes the server to be.
boots() { # NUMBER [URL]
	timeout 60 ip netns exec branch "$B/muster-agent" rehearse "${2:-http://10.77.0.1}" \
		"$work/trust" "$work/host$1" >"$work/screen$1" 2>&1
}

# All at the same time.
all_boot() {
	local i pids=() bad=0

	for ((i = 1; i <= HOSTS; i++)); do
		boots $i &
		pids+=($!)
	done
	for i in "${!pids[@]}"; do
		wait "${pids[i]}" || { echo "host $((i + 1)):"; tail -n 3 "$work/screen$((i + 1))"; bad=1; }
	done
	return $bad
}

line_bytes() { ip netns exec branch cat /sys/class/net/wan/statistics/rx_bytes; }
# What COMMAND lets cross the line is at most so many percent of the image.
crosses() { # PERCENT COMMAND...
	local before most=$(($1 * IMAGE_BYTES / 100)) n

	before=$(line_bytes)
	"${@:2}" || return
	n=$(($(line_bytes) - before))
	echo "# $n bytes of $most have crossed the line"
	[ "$n" -le "$most" ]
}
screen_says() { grep -E -- "$2" "$work/screen$1" || { tail -n 5 "$work/screen$1"; return 1; }; }
recorded() { muster events -o json | grep -F -- "$1"; }

check 'keys and an image' make_site
for ((i = 1; i <= HOSTS; i++)); do make_host $i; done
check 'the server starts' restart
check 'the image is imported' muster image import "$work/tiny"
check 'one host boots' boots 1
[ "$failed" = 0 ] || exit 1 # nothing that follows would mean anything
