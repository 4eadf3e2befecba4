# init.sh: what the start-up scripts of the agent and of the hypervisors share. Sourced by /init,
# in busybox's shell; there is nobody to answer an error, so each step says what it did and goes on.

say() {
	echo "muster: $*"
}

mount_all() {
	mount -t proc -o nosuid,noexec,nodev proc /proc
	mount -t sysfs -o nosuid,noexec,nodev sysfs /sys
	mount -t devtmpfs -o mode=0755,nosuid dev /dev 2>/dev/null # the kernel may have done it
	mkdir -p /dev/pts /dev/shm
	mount -t devpts -o mode=0620,gid=5,nosuid,noexec devpts /dev/pts
	mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
	mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs /run
	mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /tmp
	mkdir -p /run/lock
	busybox --install -s 2>/dev/null # links for the commands that no file has yet
	# Only warnings of the kernel between our own lines from here on; dmesg has the rest.
	dmesg -n 4
}

mount_efivars() {
	[ -d /sys/firmware/efi ] || return
	modprobe -q efivarfs
	mount -t efivarfs -o nosuid,noexec,nodev efivarfs /sys/firmware/efi/efivars
}

nics() { # names of the interfaces that have hardware
	local dev

	for dev in /sys/class/net/*/device; do
		[ -e "$dev" ] && basename "${dev%/device}"
	done
}

# Load the driver of every device there is. A bus's driver makes new devices appear, so look again
# until a round finds nothing new; then wait for a network card, at most about 20 s.
load_drivers() {
	local round=0 seen='' now

	while [ $round -lt 40 ]; do
		now=$(find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u)
		if [ "$now" != "$seen" ]; then
			echo "$now" | tr '\n' '\0' | xargs -0 -r modprobe -abq 2>/dev/null
			seen=$now
			continue
		fi
		[ -n "$(nics)" ] && break
		round=$((round + 1))
		sleep 0.5
	done
	modprobe -q sd_mod
	if [ -n "$(nics)" ]; then
		say "network:" $(nics)
	else
		say "no network card that a driver here knows"
	fi
}

# The value of a member of /etc/muster/boot.json that is a plain string.
boot_json() { # KEY
	sed -n "s/.*\"$1\": *\"\([^\"\\\\]*\)\".*/\1/p" /etc/muster/boot.json 2>/dev/null | head -n 1
}

# The host's name, the loopback interface, the signature on the console. A profile's /etc/hostname
# counts more than the name that the server has, and its /etc/motd stands behind our own lines.
settle() { # KIND
	local host text

	host=$(head -n 1 /etc/hostname 2>/dev/null)
	[ -n "$host" ] || host=$(boot_json host)
	hostname "${host:-muster-$1}"
	ip link set lo up
	text=$(cat /etc/motd 2>/dev/null)
	cat >/etc/motd <<END

$1 hypervisor $(boot_json version) on $(hostname), Linux $(uname -r)
started from the network by muster; nothing is stored on this machine

END
	[ -z "$text" ] || printf '%s\n\n' "$text" >>/etc/motd
}
