# shellcheck shell=bash disable=SC2016,SC2154 # work, packages: flow.sh
# dhcp_room.sh: machines that get their address as people's machines do, by the DHCP client of an
# operating system. Sourced after flow.sh.
#
# A machine is a network namespace with one interface, eth0, and a folder $work/NAME: its disk
# (lib/), its /run, what its client printed (log) and was told (told), and what passed on its wire.
# Its kind is udhcpc, dhclient, dhcpcd or networkd.

busybox=$packages/busybox-static/bin/busybox

# machine NAME KIND SEGMENT BRIDGE MAC
machine() {
	local dir=$work/$1

	ns_add "$1"
	plug "$1" eth0 "$3" "$4" "$5" # fills cable
	mkdir -p "$dir"/{run,lib}
	printf '%s\n' "$2" >"$dir/kind"
	printf '%s\n' "$5" >"$dir/mac"
	printf '%s %s\n' "$cable" "$3" >"$dir/cable"
	tr -d - </proc/sys/kernel/random/uuid >"$dir/machine-id"
	witness "$1" eth0 "$dir/wire"
}

# ---- what clients are given ----

# What udhcpc, dhclient and dhcpcd call: note what was told, whole, as the plug may be pulled at any
# moment. The first two leave it to their script to use the address, and to look whether somebody else
# has it.
room_files() {
	cat >"$work/note" <<-'END'
	#!/bin/sh
	event=${1:-$reason}
	address=${new_ip_address:-$ip}
	if [ -n "$address" ]; then
		echo "$address ${new_subnet_mask:-$subnet} ${new_routers:-$router}" \
			"${new_domain_name_servers:-$dns} ${new_dhcp_lease_time:-$lease}" \
			"${new_dhcp_server_identifier:-$serverid}" >/run/room/news
		mv /run/room/news /run/room/told
	fi
	END
	cat >"$work/configure" <<-END
	#!/bin/sh
	. "$work/note"
	case \$event in
	deconfig | PREINIT | EXPIRE | RELEASE | FAIL)
		ip -4 addr flush dev eth0
		;;
	BOUND | REBOOT)
		$busybox arping -q -D -c 1 -w 1 -I eth0 "\$address" || exit 1
		;;
	esac
	case \$event in
	bound | renew | BOUND | RENEW | REBIND | REBOOT)
		ip -4 addr replace "\$address/24" dev eth0
		ip -4 route replace default via "\${new_routers:-\$router}"
		;;
	esac
	END
	cat >"$work/dhclient.conf" <<-'END'
	# A day's work in seconds: T1 and T2 by the client's own wish.
	supersede dhcp-renewal-time 4;
	supersede dhcp-rebinding-time 8;
	initial-interval 1;
	backoff-cutoff 2;
	retry 2;
	reboot 5;
	END
	printf 'ipv4only\nduid\noption domain_name_servers\n' >"$work/dhcpcd.conf"
	cat >"$work/eth0.network" <<-'END'
	[Match]
	Name=eth0
	[Network]
	DHCP=ipv4
	LinkLocalAddressing=no
	IPv6AcceptRA=no
	END
	cat >"$work/dbus.conf" <<-'END'
	<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
	 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
	<busconfig>
	 <type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
	 <policy context="default">
	  <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
	 </policy>
	</busconfig>
	END
	chmod 755 "$work"/{note,configure}
}

# ---- power ----

# The client of a kind, run inside the room as its first process.
client() {
	case $1 in
	udhcpc) # keeps no lease: whoever starts it has to tell it the address of last time
		[ ! -e /var/lib/last ] || set -- udhcpc -r "$(cut -d' ' -f1 /var/lib/last)"
		exec "$busybox" udhcpc -f -R -a300 -A 2 -i eth0 -s "$work/configure" "${@:2}"
		;;
	dhclient)
		exec dhclient -4 -d -cf "$work/dhclient.conf" -lf /var/lib/dhclient.leases \
			-pf /run/dhclient.pid -sf "$work/configure" eth0
		;;
	dhcpcd)
		exec dhcpcd -B -d -f "$work/dhcpcd.conf" -c "$work/note" eth0
		;;
	networkd)
		dbus-daemon --config-file="$work/dbus.conf" --nofork --nopidfile &
		wait_for 5 [ -S /run/dbus/system_bus_socket ]
		export SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_COLOR=no
		exec /lib/systemd/systemd-networkd
		;;
	esac
}

# Inside the namespaces: only this machine's own files where clients look for theirs.
room_inside() {
	local dir=$1

	mount --bind "$dir/run" /run
	mount --bind "$dir/lib" /var/lib
	[ ! -e /etc/machine-id ] || mount --bind "$dir/machine-id" /etc/machine-id
	mount -o remount,bind,ro /sys # networkd then does not wait for udev
	mkdir -p /run/{room,dbus,dhcpcd,systemd/network} /var/lib/dhcpcd
	cp "$work/eth0.network" /run/systemd/network/
	client "$(cat "$dir/kind")"
}

power_on() {
	local dir=$work/$1

	ip netns exec "$1" unshare --mount --pid --fork --kill-child --mount-proc \
		bash -c '. tests/support/flow.sh; work=$0; . tests/support/dhcp_room.sh; room_inside "$1"' \
		"$work" "$dir" >>"$dir/log" 2>&1 &
	echo $! >"$dir/pid"
	disown # whoever ends it needs no word about it
}

# Pull the plug: no client can say good-bye, and nothing but the disk remains.
power_off() {
	local dir=$work/$1

	signal "$1" KILL 2>/dev/null # the client may have ended by itself
	wait_for 5 is_off "$1"
	cp "$dir/run/room/told" "$dir/lib/last" 2>/dev/null
	rm -rf "$dir"/run/*
	ip -n "$1" addr flush dev eth0
}
is_off() { [ ! -d "/proc/$(cat "$work/$1/pid")" ]; }

new_disk() { rm -rf "${work:?}/$1"/lib/*; }

# The client's process, by its number out here. It is the first of its namespace: all end with it.
client_pid() { pgrep -P "$(cat "$work/$1/pid")"; }
signal() { kill -"$2" "$(client_pid "$1")"; }
# inside NAME COMMAND...: as a person at that machine would.
inside() {
	local name=$1

	shift
	nsenter --target "$(client_pid "$name")" --mount --net --pid -- "$@"
}

# ---- what is done to a client ----

# Ask it to renew now, by unicast. dhclient has no such command, but a T1 of four seconds.
renew() {
	case $(cat "$work/$1/kind") in
	udhcpc | dhcpcd) signal "$1" USR1 ;;
	networkd) inside "$1" networkctl renew eth0 ;;
	esac
}

# Ask it to rebind. dhcpcd has a command; the others do it when renewing was in vain.
rebind() {
	case $(cat "$work/$1/kind") in
	udhcpc) signal "$1" USR1 ;;
	dhcpcd) signal "$1" HUP ;;
	esac
}

release() {
	case $(cat "$work/$1/kind") in
	udhcpc | networkd) signal "$1" TERM ;;
	dhcpcd) signal "$1" ALRM ;;
	dhclient) # its -r cannot end the one that runs, its namespace's first process; which may just have renewed
		signal "$1" STOP
		wait_for 5 has_no_script "$1"
		inside "$1" dhclient -4 -r -cf "$work/dhclient.conf" -lf /var/lib/dhclient.leases \
			-pf /run/dhclient.pid -sf "$work/configure" eth0 2>>"$work/$1/log"
		;;
	esac
}
has_no_script() { ! pgrep --parent "$(client_pid "$1")" --runstates R,S,D; }

# Make it ask for the address that it remembers (INIT-REBOOT): networkd does so when its cable was
# pulled, the others when the machine starts.
reboot() {
	local cable segment

	read -r cable segment <"$work/$1/cable"
	if [ "$(cat "$work/$1/kind")" = networkd ]; then
		ip -n "$segment" link set "$cable" down
		sleep 0.5
		ip -n "$segment" link set "$cable" up
	else
		power_off "$1"
		power_on "$1"
	fi
}

# ---- what can be seen ----

# The address in use: what the kernel says there.
address_of() { ip -n "$1" -4 -o addr show dev eth0 | awk '{ sub("/.*", "", $4); print $4 }'; }
has_address() { [ "$(address_of "$1")" = "$2" ]; }
has_any_address() { [ -n "$(address_of "$1")" ]; }

# What the client was told, by its own account: address mask router dns lease server.
told() {
	if [ "$(cat "$work/$1/kind")" = networkd ]; then
		sed -n 's/^\(ADDRESS\|NETMASK\|ROUTER\|DNS\|LIFETIME\|SERVER_ADDRESS\)=/\1 /p' \
			"$work/$1"/run/systemd/netif/leases/* | awk '{ v[$1] = $2 }
			END { print v["ADDRESS"], v["NETMASK"], v["ROUTER"], v["DNS"], v["LIFETIME"], v["SERVER_ADDRESS"] }'
	else
		cat "$work/$1/run/room/told"
	fi
}

# The machine's own packets, of all that passed.
wire_of() { grep "mac=$(cat "$work/$1/mac") " "$work/$1/wire"; }
# mark NAME, then seen NAME MARK PATTERN...: packets that matched, in this order, after the mark.
mark() { wire_of "$1" | wc -l; }
seen() {
	local name=$1 from=$2 pattern line

	shift 2
	for pattern in "$@"; do
		line=$(wire_of "$name" | tail -n +"$((from + 1))" | grep -n -- "$pattern") || return 1
		from=$((from + ${line%%:*}))
	done
}
