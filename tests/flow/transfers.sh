#!/usr/bin/env bash
# How images reach many hosts: some wait for their turn, and caches of other makes (nginx, Squid)
# stand between the hosts of a branch and the server. The hosts are agents up to the hand-off
# (muster-agent rehearse); what crosses the line to the branch is counted.
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
# inside there is no network to get them from
for package in nginx squid squid-common squid-langpack libecap3 libltdl7 libtdb1; do
	tests/support/unpack.sh $package "$packages" >/dev/null 2>&1 || skip "no $package"
done
flow_enter "$@"

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
[ $failed = 0 ] || exit 1 # nothing that follows would mean anything

# ---- turns ----

check 'two transfers at a time' restart '[http]' 'transfers-max = 2'
slow() { ip netns exec server tc qdisc replace dev lan root tbf rate "$1" burst 64k limit 1m; }
if slow 48mbit 2>/dev/null; then
	muster events -o json >"$work/before"
	check "$HOSTS hosts at once, each boots" all_boot
	waited() { cat "$work"/screen* | grep -E 'position [1-9]+, about [1-9][0-9]* s'; }
	check 'who waits shows its position' waited
	# of each boot: from the first file to the end, by the server's clock
	at_most_two() {
		muster events -o json >"$work/events" || return
		jq -s '(.[0] | map(.id) | max // 0) as $old | .[1] | map(select(.id > $old)) | group_by(.boot) |
			map({ from: (map(select(.stage == "image" and .what == "started" and .source == "agent").at) | min),
			      to: (map(select(.stage == "verify" and .what == "finished").at) | max) }) |
			map(select(.from and .to)) | . as $all |
			{ hosts: length, most: (map(. as $t | [ $all[] | select(.from <= $t.from and .to > $t.from) ] | length) | max) }' \
			"$work/before" "$work/events" | tee "$work/overlap"
		jq -e ".hosts == $HOSTS and .most == 2" "$work/overlap"
	}
	check 'never more than two fetch' at_most_two

	# host 1 fetches; the next ones come while it does
	in_a_row() { # HOSTS
		local i

		pids=()
		rm -f "$work"/screen*
		for ((i = 1; i <= $1; i++)); do
			boots $i &
			pids+=($!)
			[ $i = 1 ] || wait_for 5 screen_says $i "position $((i - 1)), about" || return
			[ $i != 1 ] || wait_for 5 screen_says 1 'KiB to load' || return
		done
	}
	all_well() { # NUMBER...
		local i bad=0

		for i in "$@"; do
			wait "${pids[i - 1]}" || { echo "host $i:"; tail -n 3 "$work/screen$i"; bad=1; }
		done
		return $bad
	}
	agent_of() { pgrep -x muster-agent -a | awk -v host="$work/host$1" '$NF == host { print $1 }'; }

	check 'one transfer at a time' restart '[http]' 'transfers-max = 1'
	slow 8mbit
	check 'three hosts in a row' in_a_row 3
	dies() { kill -KILL "$(agent_of 2)"; }
	check 'the second one dies while it waits' dies
	check 'the one behind it boots all the same' all_well 1 3

	check 'three hosts once more' in_a_row 3
	core_pid() { pgrep -P "$server" -x musterd-core; }
	new_core() { local pid; pid=$(core_pid) && [ "$pid" != "$old_core" ]; }
	core_dies() {
		old_core=$(core_pid)
		kill -KILL "$old_core" && wait_for 10 new_core
	}
	check 'core dies, and the queue with it' core_dies
	check 'each host boots' all_well 1 2 3

	# a loader of the size of an image takes the turn
	load() {
		ip netns exec branch curl -sS -A iPXE/1.21.1 -o "$work/loaded" \
			"http://10.77.0.1/blobs/sha256/$(sha256sum <"$work/tiny/initrd" | cut -d' ' -f1)"
	}
	rm -f "$work"/screen*
	load &
	loads=$!
	sleep 0.5
	boots 1 &
	first=$!
	check 'a host waits while iPXE loads' wait_for 5 screen_says 1 'position 1, about'
	check 'which ends' wait $loads
	check 'and then boots' wait $first
	ip netns exec server tc qdisc del dev lan root
else
	echo "skip - $flow: turns: the network cannot be slowed down here"
fi

# ---- a pace for each connection ----

check 'a pace for each connection' restart '[http]' 'pace = 2000'
initrd=/blobs/sha256/$(sha256sum <"$work/tiny/initrd" | cut -d' ' -f1)
takes() { # LOW HIGH: seconds for the image's largest file
	ip netns exec branch curl -sS -o "$work/blob" -w '%{time_total}\n' "http://10.77.0.1$initrd" |
		tee "$work/took" | awk -v low="$1" -v high="$2" '{ exit !($1 >= low && $1 <= high) }' ||
		{ cat "$work/took"; return 1; }
}
check 'is kept' takes 2 6

# ---- caches ----

# NAME WORDS: a program of a package that is not installed, with the libraries that came with it
LIBRARIES=$(printf '%s:' "$packages"/*/usr/lib/*-linux-gnu)
in_branch() { ip netns exec branch env LD_LIBRARY_PATH="$LIBRARIES" "$packages/$1/usr/sbin/$1" "${@:2}"; }

# As docs/caches.md has them, with other addresses and folders.
mkdir -p "$work/nginx" "$work/squid"
chown nobody: "$work/squid"
cat >"$work/nginx.conf" <<END
daemon off;
user root;
pid $work/nginx/pid;
error_log stderr;
events { }
http {
	access_log off;
	client_body_temp_path $work/nginx/body;
	proxy_temp_path $work/nginx/proxy;
	fastcgi_temp_path $work/nginx/fastcgi;
	uwsgi_temp_path $work/nginx/uwsgi;
	scgi_temp_path $work/nginx/scgi;
	proxy_cache_path $work/nginx/cache keys_zone=blobs:1m max_size=1g use_temp_path=off;
	server {
		listen 10.77.0.2:8080;
		location / { proxy_pass http://10.77.0.1; }
		location /blobs/ {
			slice 1m;
			proxy_set_header Range \$slice_range;
			proxy_http_version 1.1;
			proxy_pass http://10.77.0.1;
			proxy_cache blobs;
			proxy_cache_key \$uri\$slice_range;
			proxy_cache_valid 200 206 1y;
			proxy_cache_lock on;
			proxy_cache_lock_age 1h;
			proxy_cache_lock_timeout 1h;
		}
	}
}
END
cat >"$work/squid.conf" <<END
http_port 10.77.0.2:3128 accel defaultsite=10.77.0.1 no-vhost
cache_peer 10.77.0.1 parent 80 0 no-query originserver
http_access allow all
collapsed_forwarding on
cache_mem 64 MB
maximum_object_size_in_memory 64 MB
cache_effective_user nobody
visible_hostname cache
pid_filename none
access_log none
cache_log $work/squid/log
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
mime_table $packages/squid-common/usr/share/squid/mime.conf
unlinkd_program $packages/squid/usr/lib/squid/unlinkd
icon_directory $packages/squid-common/usr/share/squid/icons
error_directory $packages/squid-langpack/usr/share/squid-langpack/en
END
in_branch nginx -p "$work/nginx" -c "$work/nginx.conf" -e stderr >"$work/nginx/log" 2>&1 &
in_branch squid -N -f "$work/squid.conf" >"$work/squid/out" 2>&1 &
NGINX=http://10.77.0.2:8080 SQUID=http://10.77.0.2:3128
answers() { # URL: whatever it is
	ip netns exec branch curl -sS -o "$work/out" "$1/blobs/sha256/none"
}

check 'nginx as a mirror' restart "mirror = $NGINX"
check 'nginx runs' wait_for 10 answers $NGINX
check "nginx: $HOSTS hosts at once, one copy over the line" crosses 110 all_boot
check 'nginx: once more, none' crosses 10 all_boot

check 'Squid as a mirror' restart "mirror = $SQUID"
check 'Squid runs' wait_for 10 answers $SQUID
check "Squid: $HOSTS hosts at once, one copy over the line" crosses 110 all_boot

# ---- a cache that lies ----

flip() { printf '\xff\x00' | dd of="$1" bs=1 seek=500000 conv=notrunc 2>/dev/null; }
lie() { flip "$(find "$work/nginx/cache" -type f -size +1000k | head -n 1)"; }
check 'a cache whose file has changed' lie
check 'no mirrors' restart
refused() { ! boots 1 $NGINX && screen_says 1 'DID NOT START \(.*, file-digest\)'; }
check 'is the server for one host, which does not start' refused
check 'is a mirror for another' restart "mirror = $NGINX" "mirror = $SQUID"
check 'which boots by the second one' crosses 10 boots 2
check 'and says why' screen_says 2 "mirror $NGINX: initrd arrived with another digest"
check 'as the record does' recorded "initrd: mirror $NGINX: initrd arrived with another digest"

# ---- mirrors that are not there ----

check 'two mirrors that are not there' restart 'mirror = http://10.77.0.2:9' 'mirror = http://10.77.0.2:10'
check 'do not keep a host from booting' boots 3
check 'it says so' screen_says 3 'mirror http://10.77.0.2:10: .*sends nothing'
exit $failed
