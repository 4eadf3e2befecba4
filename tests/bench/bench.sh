#!/bin/bash
# bench.sh [dhcp] [http] [-k REPEATS]: musterd and its peers under the same load, on this machine.
#
# One server after the other runs in a private network namespace and is loaded from a second one
# over a veth pair; the repeats are interleaved, so that a drift of the machine hits all alike.
# The peers come from Debian packages, unpacked and not installed; one that cannot be had is a row
# that says so. The tables are Markdown: rates are median [lowest-highest] of the repeats, failures
# are summed, everything else is the median.
#
# Client and servers share the processors, so a rate says something only beside the other rates of
# its run; processor time (of all threads of the server) for one unit of work is what keeps.
#
# The leases are written below TMPDIR (default /var/tmp). Exit status 1 when musterd failed.
set -u
export TMPDIR=${TMPDIR:-/var/tmp}
[ -z "${B:-}" ] || export LAB_BUILD=${LAB_BUILD:-$(realpath "$B")}
# shellcheck source=tests/boot/lab.sh
. "${BASH_SOURCE[0]%/*}/../boot/lab.sh"

SERVER=10.64.0.1 RELAY=10.64.0.2
RANGE=10.65.0.0-10.65.31.255
LARGE_RANGE=10.65.0.0-10.67.255.254   # of a /14
CLIENTS=3000
PROBE=9000000 ALONE=8000000 # first numbers of other clients than those
HTTP_SECONDS=2

range=$RANGE inventory=0 # of the servers of addresses
what=()
repeats=3

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		dhcp | http) what+=("$1") ;;
		-k) repeats=${2:-} && shift ;;
		*) repeats= ;;
		esac
		[[ $repeats =~ ^[1-9][0-9]*$ ]] || { sed -n '2s/^# \(.*\): .*/usage: \1/p' "$0" >&2; exit 2; }
		shift
	done
	[ ${#what[@]} -gt 0 ] || what=(dhcp http)
}

# ---- peers ----

# What lab_enter does before it goes into its namespaces: no virtual hosts here, but peers.
lab_accel() { :; }
lab_tools() {
	local name

	for name in musterd muster bench/dhcp_load bench/http_load; do
		[ -x "$LAB_BUILD/$name" ] || lab_die "$LAB_BUILD/$name is not built"
	done
}
lab_prepare() {
	local package

	for package in dnsmasq-base kea-dhcp4-server isc-dhcp-server nginx; do
		fetch "$package" 2>&1 | sed 's/^/# /'
	done
}

# Unpack a package and whatever it needs that this machine does not have.
fetch() {
	local name

	apt-get -qq -s --no-install-recommends install "$1" 2>/dev/null |
		awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }' |
		while read -r name; do
			"$LAB_ROOT/tests/support/unpack.sh" "$name" "$LAB_PACKAGES" || break
		done
}

# Where the program of a server is; status 1 when nowhere.
program() {
	case $1 in
	musterd | musterd-stopped) echo "$LAB_BUILD/musterd" ;;
	*)
		PATH=$PATH:$(printf '%s:' "$LAB_PACKAGES"/*/usr/sbin) type -P "$(program_name "$1")"
		;;
	esac
}

program_name() {
	case $1 in
	isc) echo dhcpd ;;
	kea | kea-mt) echo kea-dhcp4 ;;
	musterd-stopped) echo musterd ;;
	*) echo "$1" ;;
	esac
}

version() {
	case $1 in
	musterd) "$LAB_BUILD/muster" --version ;;
	dnsmasq) peer dnsmasq -v ;;
	nginx) peer nginx -v ;;
	kea) peer kea -v ;;
	isc) peer isc --version ;;
	esac 2>&1 | grep -oE -m1 '[0-9]+\.[0-9]+[0-9.P-]*'
}

# Run a peer with the libraries that came with it.
peer() {
	local name=$1 path

	path=$(program "$name") || return
	shift
	LD_LIBRARY_PATH=$(printf '%s:' "$LAB_PACKAGES"/*/usr/lib/*-linux-gnu) exec "$path" "$@"
}

# ---- one server ----

# start NAME FUNCTION: in an empty folder $state, as a process group of its own.
start() {
	state=$LAB_DIR/server
	rm -rf "$state"
	mkdir -m 755 "$state"
	printf '%s\n' "--- $1" >>"$LAB_DIR/log/servers"
	set -m # gives the job its process group
	("$2" "$1") >>"$LAB_DIR/log/servers" 2>&1 </dev/null &
	server=$!
	set +m
}

# Until all its processes have ended: the next server wants its ports.
stop() {
	kill -KILL -- "-$server" 2>/dev/null # it may have ended by itself
	wait "$server" 2>/dev/null
	while pgrep -g "$server" -r D,R,S,T >/dev/null; do sleep 0.01; done
}

# Nanoseconds of processor time that the server has used, all its processes and threads.
used_ns() {
	local file ns sum=0

	for file in $(pgrep -g "$server" | sed 's|.*|/proc/&/task/*/schedstat|'); do
		read -r ns _ <"$file" && sum=$((sum + ns))
	done 2>/dev/null
	echo "$sum"
}

# load PROGRAM WORDS: put the load on the server; what the line of results says is in ${got[...]}
# afterwards, with the server's processor time.
declare -A got
load() {
	local program=$LAB_BUILD/bench/$1 before word

	shift
	before=$(used_ns)
	got=()
	for word in $(ip netns exec mus-client "$program" "$@" 2>>"$LAB_DIR/log/load"); do
		got[${word%%=*}]=${word#*=}
	done
	got[used_ns]=$(($(used_ns) - before))
}

# ---- results: lines of server, column, value ----

sample() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$LAB_DIR/samples"; }

# Processor time for one unit: nanoseconds / (units * scale).
used_per() {
	awk -v ns="${got[used_ns]}" -v units="$1" -v scale="$2" \
		'BEGIN { if (units > 0) printf "%.3f", ns / units / scale }'
}

# table TITLE: of the samples taken since the last one.
table() {
	[ -s "$LAB_DIR/samples" ] || return 0
	printf '\n**%s**, %d run(s)\n\n' "$1" "$repeats"
	awk -F '\t' '
	function insert(list, n, x,    i) {
		for (i = n; i > 1 && list[i - 1] > x; i--)
			list[i] = list[i - 1]
		list[i] = x
	}
	function shown(x) {
		return x >= 100 || x == int(x) ? sprintf("%.0f", x) : sprintf("%.3g", x)
	}
	function cell(server, column,    n, i, list, sum) {
		n = count[server, column]
		if (!n)
			return "-"
		for (i = 1; i <= n; i++) {
			insert(list, i, value[server, column, i])
			sum += list[i]
		}
		if (column ~ /^fail|^NAK/) {
			for (i = sum = 0; i++ < n;)
				sum += value[server, column, i]
			return sum
		}
		i = (list[int((n + 1) / 2)] + list[int(n / 2) + 1]) / 2
		return shown(i) (column ~ /\/s$/ && n > 1 \
			? " [" shown(list[1]) "-" shown(list[n]) "]" : "")
	}
	!($1 in known) { known[$1]; servers[++n_servers] = $1 }
	$2 == "" { remark[$1] = $3; next }
	!($2 in seen) { seen[$2]; columns[++n_columns] = $2 }
	{ value[$1, $2, ++count[$1, $2]] = $3 + 0 }
	END {
		head = "| server |"
		rule = "|---|"
		for (c = 1; c <= n_columns; c++) {
			head = head " " columns[c] " |"
			rule = rule "---|"
		}
		print head "\n" rule
		for (s = 1; s <= n_servers; s++) {
			line = "| " servers[s] " |"
			for (c = 1; c <= n_columns; c++)
				line = line " " (servers[s] in remark ? (c == 1 ? remark[servers[s]] : "") \
					: cell(servers[s], columns[c])) " |"
			print line
		}
	}' "$LAB_DIR/samples"
	: >"$LAB_DIR/samples"
}

# gone_wrong NAME WHAT: no numbers. For a peer a remark, for musterd a failure.
gone_wrong() {
	sample "$1" '' "$2"
	[ "$1" != musterd ] || lab_failures=$((lab_failures + 1))
}

# ---- servers of addresses ----

serve_musterd-stopped() { serve_musterd; }

# As it is by default: it asks whether an address is in use, which the peers are told not to do.
# With $inventory hosts: on the database that seed made.
serve_musterd() {
	local user=nobody

	[ -z "$LAB_ONE_ID" ] || user=root
	cat >"$LAB_DIR/muster.conf" <<-END
	[server]
	name = bench
	state-dir = $state/muster
	run-dir = $state/run
	user = $user
	interface = mus0
	admission = open

	[dhcp]
	mode = full
	lease-time = 1h
	relays = $RELAY

	[subnet 10.64.0.0/14]
	range = $range
	router = $SERVER

	[tftp]
	enabled = no

	[http]
	listen = 0.0.0.0:80
	connections-per-address = 1024

	[log]
	level = warn
	END
	if [ "$inventory" != 0 ]; then
		mkdir "$state/muster" && cp "$LAB_DIR/inventory.$inventory" "$state/muster/muster.db"
		chown -R "$user" "$state/muster"
	fi
	exec "$LAB_BUILD/musterd" -f -c "$LAB_DIR/muster.conf"
}

# Client i of those with MAC addresses in sequence has 10.65.0.0 + i. Lines "mac,ip,name".
reservations() { # COUNT
	awk -v n="$1" 'BEGIN {
		for (i = 0; i < n; i++)
			printf "02:00:00:%02x:%02x:%02x,10.%d.%d.%d,h%06d\n", i / 65536, i / 256 % 256,
				i % 256, 65 + i / 65536, i / 256 % 256, i % 256, i
	}'
}

# A database with so many hosts, made as an administrator would: by import.
seed() { # COUNT
	local started=$SECONDS

	inventory=0 start musterd serve_musterd
	answers || lab_die 'musterd does not answer'
	reservations "$1" >"$LAB_DIR/inventory.csv"
	"$LAB_BUILD/muster" --socket "$state/run/muster.sock" lease import "$LAB_DIR/inventory.csv" \
		--yes >>"$LAB_DIR/log/servers" 2>&1 || lab_die "the import of $1 hosts failed"
	kill -TERM "$server" && wait "$server" # leaves one file
	cp "$state/muster/muster.db" "$LAB_DIR/inventory.$1"
	lab_say "$1 hosts imported in $((SECONDS - started)) s"
}

# Each peer: the same range, an hour, sole server of the network, no probing of addresses before
# they are given, no line in a log for each query; leases stored as it does by default.
serve_dnsmasq() {
	reservations "$inventory" | cut -d, -f1,2 >"$state/hosts"
	peer dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --user=root --interface=mus0 \
		--dhcp-hostsfile="$state/hosts" \
		--dhcp-range="${range%-*},${range#*-},255.252.0.0,1h" --dhcp-boot=loader.efi \
		--dhcp-authoritative --no-ping --quiet-dhcp --dhcp-lease-max=100000 \
		--dhcp-leasefile="$state/leases" --pid-file="$state/pid" --log-facility=-
}

serve_kea() { serve_kea_with false; }
serve_kea-mt() { serve_kea_with true; }
serve_kea_with() { # THREADS: true or false
	cat >"$state/kea.conf" <<-END
	{ "Dhcp4": {
		"interfaces-config": { "interfaces": [ "mus0" ], "dhcp-socket-type": "udp" },
		"lease-database": { "type": "memfile", "name": "$state/leases.csv", "lfc-interval": 0 },
		"multi-threading": { "enable-multi-threading": $1, "thread-pool-size": 2 },
		"valid-lifetime": 3600, "authoritative": true,
		"host-reservation-identifiers": [ "hw-address" ],
		"next-server": "$SERVER", "boot-file-name": "loader.efi",
		"option-data": [ { "name": "routers", "data": "$SERVER" } ],
		"subnet4": [ { "subnet": "10.64.0.0/14", "pools": [ { "pool": "$range" } ],
			"reservations": [ $(reservations "$inventory" | awk -F, '{
				printf "%s{ \"hw-address\": \"%s\", \"ip-address\": \"%s\" }", (NR > 1 ? ", " : ""), $1, $2
			}') ] } ],
		"loggers": [ { "name": "kea-dhcp4", "severity": "ERROR",
			"output_options": [ { "output": "stdout" } ] } ]
	} }
	END
	export KEA_PIDFILE_DIR=$state KEA_LOCKFILE_DIR=none
	peer kea -c "$state/kea.conf"
}

serve_isc() {
	: >"$state/leases"
	cat >"$state/dhcpd.conf" <<-END
	authoritative;
	ping-check off;
	default-lease-time 3600;
	max-lease-time 3600;
	log-facility local7;
	subnet 10.64.0.0 netmask 255.252.0.0 {
		range ${range%-*} ${range#*-};
		option routers $SERVER;
		next-server $SERVER;
		filename "loader.efi";
	}
	$(reservations "$inventory" | awk -F, '{
		printf "host %s { hardware ethernet %s; fixed-address %s; }\n", $3, $1, $2
	}')
	END
	peer isc -4 -f -q --no-pid -cf "$state/dhcpd.conf" -lf "$state/leases" mus0
}

clients() { load dhcp_load -s "$SERVER" -g "$RELAY" -p "$judged" "$@"; }

# Until the server answers a client; its end or 30 seconds are a failure. What it took is in
# $ready_ms.
answers() {
	local deadline=$((SECONDS + 30)) resend=10 from

	from=$(date +%s%N)
	until clients -b "$PROBE" -n 1 -r "$resend"; [ "${got[served]:-0}" = 1 ]; do
		[ "$SECONDS" -lt "$deadline" ] && kill -0 "$server" 2>/dev/null || return
		[ "$resend" -ge 500 ] || resend=$((2 * resend)) # a slow one must not be asked ever more
	done
	ready_ms=$((($(date +%s%N) - from) / 1000000))
}

dhcp_once() { # NAME WINDOW WORDS: the load's clients and what they are like
	local name=$1 window=$2

	shift 2
	program "$name" >/dev/null || { sample "$name" '' 'not installed'; return; }
	start "$name" "serve_$name"
	if answers; then
		clients -w "$window" -t 10 "$@"
		dhcp_samples "$name"
		[ "$inventory" = 0 ] || scale_samples "$name"
		[ "$window" != 64 ] || [ "$inventory" != 0 ] || alone "$name"
	else
		gone_wrong "$name" 'does not answer'
	fi
	stop
}

# What a client waits for its address when nobody else wants one.
alone() {
	clients -b "$ALONE" -n 200 -w 1 -t 3
	sample "$1" 'alone: p50 ms' "${got[p50_ms]}"
}

# Memory of all its processes: what they share is counted once.
scale_samples() {
	sample "$1" 'first answer after ms' "$ready_ms"
	sample "$1" 'PSS MiB' "$(pgrep -g "$server" | sed 's|.*|/proc/&/smaps_rollup|' |
		xargs cat 2>/dev/null | awk '$1 == "Pss:" { sum += $2 } END { print sum / 1024 }')"
}

dhcp_samples() {
	local failures=$((got[failed] + got[wrong]))

	sample "$1" 'exchanges/s' "${got[per_s]}"
	sample "$1" 'p50 ms' "${got[p50_ms]}"
	sample "$1" 'p99 ms' "${got[p99_ms]}"
	sample "$1" 'CPU µs each' "$(used_per "${got[served]}" 1000)"
	sample "$1" 'served in 10 s' "${got[served]}"
	sample "$1" 'failures' "$failures"
	sample "$1" 'NAKs' "${got[naks]}"
	[ "$1" != musterd ] || lab_failures=$((lab_failures + failures))
}

# dhcp_table TITLE "NAMES" WORDS: the repeats of one load, all servers in turn.
dhcp_table() {
	local title=$1 names=$2 name i

	shift 2
	for ((i = 0; i < repeats; i++)); do
		for name in $names; do
			dhcp_once "$name" "$@"
		done
	done
	table "$title"
}

bench_dhcp() {
	local all='musterd dnsmasq kea kea-mt isc' range=$RANGE judged=$RANGE inventory=0

	dhcp_table "DHCP: $CLIENTS new clients behind a relay, 64 at a time" "$all" 64 -n "$CLIENTS"
	dhcp_table "the same as firmware asks" "$all" 64 -n "$CLIENTS" -x
	dhcp_table "$CLIENTS new clients, 1000 at the same moment" "$all" 1000 -n "$CLIENTS"
	range=10.65.0.0-10.65.15.255
	dhcp_table "2000 clients whose MAC addresses follow each other, 4096 addresses" "$all" 64 -n 2000 -q
	range=$LARGE_RANGE judged=$LARGE_RANGE
	dhcp_table "1000 clients, 196607 addresses" "$all" 64 -n 1000
	# reserved addresses lie outside the range; client i gets the i-th
	range=10.67.0.0-10.67.0.250 judged=10.65.0.0-10.67.255.254
	for inventory in 100 10000 100000; do
		seed "$inventory"
		dhcp_table "$inventory hosts in the inventory, each with its address" 'musterd kea isc' \
			64 -n "$((inventory < 1000 ? inventory : 1000))" -q -e
	done
}

# ---- servers of blobs ----

serve_nginx() {
	cat >"$state/nginx.conf" <<-END
	daemon off;
	user root;
	worker_processes auto;
	pid $state/pid;
	error_log stderr;
	events { worker_connections 4096; }
	http {
		access_log off;
		sendfile on;
		tcp_nopush on;
		open_file_cache max=64;
		keepalive_requests 100000000;
		client_body_temp_path $state/body;
		proxy_temp_path $state/proxy;
		fastcgi_temp_path $state/fastcgi;
		uwsgi_temp_path $state/uwsgi;
		scgi_temp_path $state/scgi;
		server { listen 80; root $LAB_DIR/www; }
	}
	END
	peer nginx -p "$state" -c "$state/nginx.conf" -e stderr
}

# Two blobs under the paths where musterd has them too.
make_blobs() {
	local dir=$LAB_DIR/www/blobs/sha256 size digest

	mkdir -p "$dir"
	for size in 1024 33554432; do
		head -c "$size" /dev/urandom >"$dir/new"
		digest=$(sha256sum <"$dir/new")
		digest=${digest%% *}
		mv "$dir/new" "$dir/$digest"
		blobs[size]=blobs/sha256/$digest
	done
	chmod -R a+rX "$LAB_DIR/www"
}

# Until the server sends the right bytes.
serves() {
	local size deadline=$((SECONDS + 10))

	until asks 1 -t 1 "${blobs[1024]}"; [ "${got[done]:-0}" -gt 0 ]; do
		[ "$SECONDS" -lt "$deadline" ] && kill -0 "$server" 2>/dev/null || return
		sleep 0.1
	done
	for size in "${!blobs[@]}"; do
		asks 4 -t 1 -f "$LAB_DIR/www/${blobs[size]}" "${blobs[size]}"
		[ "${got[failed]}" = 0 ] || return
	done
}

# asks CONNECTIONS WORDS... PATH
asks() {
	local connections=$1

	shift
	load http_load -s "$SERVER:80" -c "$connections" "${@:1:$#-1}" "/${*: -1}"
}

http_once() { # NAME
	program "$1" >/dev/null || { sample "$1" '' 'not installed'; return; }
	start "$1" "serve_$1"
	if [ "${1%%-*}" = musterd ]; then
		lab_until 10 "[ -d $state/muster/blobs/sha256 ]" &&
			cp "$LAB_DIR"/www/blobs/sha256/* "$state/muster/blobs/sha256/"
	fi
	if serves; then
		# blobs need no database: the part of the server that has it may as well stand still
		[ "$1" != musterd-stopped ] || pkill -STOP -g "$server" -x musterd-core
		http_samples "$1"
	else
		gone_wrong "$1" 'does not serve the right bytes'
	fi
	stop
}

http_samples() {
	local connections seconds=$HTTP_SECONDS failures=0

	for connections in 1 64 1000; do
		[ "$connections" != 1000 ] || seconds=0 # each connection asks once: a large rack
		asks "$connections" -t "$seconds" "${blobs[33554432]}"
		sample "$1" "32 MiB, $connections at a time: GiB/s" "${got[gib_s]}"
		sample "$1" "CPU s/GiB at $connections" "$(used_per "${got[gib]}" 1000000000)"
		failures=$((failures + got[failed]))
	done
	asks 64 -t "$HTTP_SECONDS" "${blobs[1024]}"
	sample "$1" '1 KiB, 64 at a time: requests/s' "${got[per_s]}"
	sample "$1" 'p99 ms' "${got[p99_ms]}"
	sample "$1" 'CPU µs each' "$(used_per "${got[done]}" 1000)"
	sample "$1" 'failures' "$((failures + got[failed]))"
	[ "${1%%-*}" != musterd ] || lab_failures=$((lab_failures + failures + got[failed]))
}

bench_http() {
	local -a blobs # by size
	local range=$RANGE inventory=0 # of its other half, which is not asked anything
	local name i

	make_blobs
	for ((i = 0; i < repeats; i++)); do
		for name in musterd musterd-stopped nginx; do
			http_once "$name"
		done
	done
	table 'HTTP: blobs from memory, keep-alive'
}

# ---- the run ----

bench_network() {
	mount -t tmpfs none /run # the client's namespace gets its name there
	ip link set lo up
	ip netns add mus-client || lab_die 'no network namespace for the client'
	ip link add mus0 type veth peer name mus1 netns mus-client || lab_die 'no veth pair'
	ip addr add "$SERVER/14" dev mus0
	ip link set mus0 up
	ip -n mus-client addr add "$RELAY/14" dev mus1
	ip -n mus-client link set mus1 up
}

about() {
	local name

	lab_say "$(date -u +%F), $(uname -sr), $(nproc) processors:$(sed -n 's/^model name.*://p;T;q' /proc/cpuinfo)"
	lab_say "leases on $(df --output=fstype "$LAB_DIR" | tail -1), load before: $(cut -d' ' -f1-3 /proc/loadavg)"
	for name in musterd dnsmasq kea isc nginx; do
		program "$name" >/dev/null && printf '%s %s, ' "$name" "$(version "$name")"
	done | sed 's/^/# /; s/, $/\n/'
	[ -r /proc/self/schedstat ] || lab_say 'this kernel does not account processor time by schedstat'
}

lab_main() {
	local subject

	lab_proc
	bench_network
	about
	for subject in "${what[@]}"; do
		"bench_$subject"
	done
	[ "$lab_failures" = 0 ] && return
	tail -n 5 "$LAB_DIR/log/servers" "$LAB_DIR/log/load" >&2
	return 1
}

parse "$@"
lab_enter "$@"
