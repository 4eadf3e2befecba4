# shellcheck shell=bash disable=SC1091,SC2015,SC2034,SC2054,SC2119,SC2120,SC2154
# lab.sh: virtual hosts that boot from a real musterd, for the tests and the demo.
#
# A script sources this file, sets LAB_IMAGE (one or more images; the first is what hosts boot by
# default), defines lab_main and ends with `lab_enter "$@"`. lab_enter makes keys and images, which
# may need packages from the network. Then it runs the script a second time in a network, process
# and mount namespace of its own (in a user namespace when not root) and calls lab_main there.
# Process 1 of that namespace is the script itself, so whatever way it ends (return, failure,
# Ctrl-C, kill -9), the kernel ends every host and server that it started, and bridge and taps
# vanish with the network. The outer half then removes the work folder.
#
# Inside, LAB_DIR is the work folder: muster.conf, run/, state/, loaders/, log/, hosts/NAME/.
# The network is one bridge, mus0, with the server's address and one tap for each host.
#
# With LAB_ROOTS=1 two persons must sign: the agent carries root 1, and the server has root 2, which
# another second person signs. Else there is one release key and no root.
#
# An image called RECIPE-kexec is that recipe's with a kernel argument more, so that the running
# kernel will not do for it. LAB_WIRE_MIB is the most that a host may download. LAB_NEED is a further
# group of packages of tests/support/need, LAB_UNPACK are packages to be unpacked below LAB_PACKAGES.
#
# LAB_CONF are further lines of muster.conf, LAB_ADD further words of `host add` for each host of
# lab_chain, which calls lab_before, where a script has it, before they are powered on.
#
# Settings from the environment: LAB_ACCEL=kvm|tcg (default: whichever works), LAB_BUILD (folder of
# the programs), LAB_CACHE (packed images and unpacked packages), LAB_LOGS (where to leave the logs),
# LAB_KEEP=1 (leave the work folder behind).

LAB_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
LAB_BUILD=${LAB_BUILD:-$LAB_ROOT/build/release}
LAB_CACHE=${LAB_CACHE:-$LAB_ROOT/build}
LAB_PACKAGES=$LAB_CACHE/packages
LAB_SIGNED=${LAB_SIGNED:-$LAB_CACHE/lab}
LAB_WIRE_MIB=32
LAB_NET=10.77.0
LAB_ADDR=$LAB_NET.1
LAB_OVMF=${LAB_OVMF:-/usr/share/OVMF}
LAB_IPXE=${LAB_IPXE:-/usr/lib/ipxe}
PATH=$PATH:/usr/sbin:/sbin

# In `make soak` a test does all that it can.
lab_soaks() { [ -n "${SOAK:-}" ]; }

lab_say() { printf '# %s\n' "$*"; }
lab_die() { printf 'lab: %s\n' "$*" >&2; exit 1; }

# ---- in and out of the namespace ----

lab_enter() {
	if [ -n "${LAB_INSIDE:-}" ]; then
		read -r LAB_OUTER_PID _ </proc/self/stat # the name of process 1 outside
		trap 'exit 130' INT
		trap 'exit 143' TERM HUP
		set +m
		lab_main "$@"
		exit
	fi
	lab_outside "$@"
}

# How to become root enough for a bridge, taps and port 67, as words in lab_become.
# LAB_ONE_ID is set where the namespace has a single user, in which tftp-hpa cannot run.
lab_privilege() {
	LAB_ONE_ID=
	lab_become=(unshare --net --mount --pid --fork --kill-child)
	[ "$(id -u)" = 0 ] && return
	if unshare --map-root-user --map-auto true 2>/dev/null; then
		lab_become+=(--map-root-user --map-auto)
	elif unshare --map-root-user true 2>/dev/null; then
		lab_become+=(--map-root-user)
		LAB_ONE_ID=1
	else
		lab_skip 'user namespaces are not allowed here: run it as root'
	fi
	[ -w /dev/net/tun ] || lab_skip '/dev/net/tun may not be written: run it as root'
}

lab_outside() {
	local status

	lab_privilege
	lab_tools
	lab_accel
	LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/muster-lab.XXXXXX") || exit 1
	chmod 755 "$LAB_DIR"
	mkdir -p "$LAB_DIR"/{run,state,loaders,log,hosts}
	[ -z "${LAB_ROOTS:-}" ] || LAB_SIGNED=$LAB_SIGNED-roots
	[ -z "${LAB_FRESH:-}" ] || LAB_SIGNED=$LAB_DIR/signed
	export LAB_DIR LAB_ONE_ID LAB_ACCEL LAB_BUILD LAB_CACHE LAB_SIGNED
	lab_inner=
	trap 'kill -KILL $lab_inner 2>/dev/null; lab_remove; exit 143' TERM HUP
	trap 'lab_remove; exit 130' INT
	(lab_prepare) || { lab_remove; exit 1; }
	trap ':' INT # the inner half gets it too, and ends
	LAB_INSIDE=1 setpriv --pdeathsig KILL "${lab_become[@]}" bash "$0" "$@" <&0 &
	lab_inner=$!
	wait "$lab_inner"
	status=$?
	while kill -0 "$lab_inner" 2>/dev/null; do # interrupted: it is on its way out
		wait "$lab_inner"
		status=$?
	done
	lab_remove
	exit "$status"
}

lab_remove() {
	local log

	for log in "$LAB_DIR"/log/* "$LAB_DIR"/hosts/*/{console,qemu.log} "$LAB_DIR/muster.conf"; do
		[ -n "${LAB_LOGS:-}" ] && [ -s "$log" ] || continue
		mkdir -p "$LAB_LOGS"
		cp "$log" "$LAB_LOGS/$(printf '%s' "${log#"$LAB_DIR"/}" | tr / -)"
	done
	if [ -n "${LAB_KEEP:-}" ]; then
		lab_say "work folder kept: $LAB_DIR"
	elif [ "$(id -u)" = 0 ] || [ -n "$LAB_ONE_ID" ]; then
		rm -rf "$LAB_DIR"
	else
		# some files belong to other users of the namespace
		unshare --map-root-user --map-auto rm -rf "$LAB_DIR"
	fi
}

# End the script with one line that says why it cannot run here.
lab_skip() {
	printf 'skip - %s: %s\n' "$(basename "$0" .sh)" "$*"
	exit 0
}

lab_tools() {
	local missing name unpack=$LAB_ROOT/tests/support/unpack.sh

	missing=$("$LAB_ROOT/tests/support/need.sh" boot ${LAB_NEED:+"$LAB_NEED"}) || lab_skip "missing: $missing"
	"$unpack" tftpd-hpa "$LAB_PACKAGES" || lab_skip 'no tftpd-hpa'
	for name in ${LAB_UNPACK:-}; do
		"$unpack" "$name" "$LAB_PACKAGES" || lab_skip "no $name"
	done
	[ -x "$LAB_BUILD/musterd" ] || lab_die "$LAB_BUILD/musterd is not built"
}

# /dev/kvm may open and yet not run a guest (nested machines): let a boot ROM come up before it is
# trusted. The answer holds until this machine restarts.
lab_accel() {
	local memo=$LAB_CACHE/accel boot

	[ -z "${LAB_ACCEL:-}" ] || return 0
	LAB_ACCEL=tcg
	[ -w /dev/kvm ] || return 0
	boot=$(cat /proc/sys/kernel/random/boot_id)
	if [ -r "$memo" ] && [ "$(cut -d' ' -f1 "$memo")" = "$boot" ]; then
		LAB_ACCEL=$(cut -d' ' -f2 "$memo")
		return
	fi
	if timeout 6 qemu-system-x86_64 -accel kvm -cpu max -machine pc,graphics=off -nodefaults \
		-vga none -display none -m 64 -serial stdio -net nic,model=virtio-net-pci -net user \
		</dev/null 2>/dev/null | grep -q -m1 'Features:'; then
		LAB_ACCEL=kvm
	fi
	mkdir -p "$LAB_CACHE" && printf '%s %s\n' "$boot" "$LAB_ACCEL" >"$memo"
}

# ---- the network and the server ----

# Process ids are those of the namespace, also under /proc where that may be mounted anew.
lab_proc() { mount -t proc proc /proc 2>/dev/null || lab_say 'no /proc of our own'; }

# lab_up [MODE [ADMISSION]]: bridge, keys, configuration, server, images. MODE is that of [dhcp].
lab_up() {
	mount -t tmpfs none /run 2>/dev/null # nothing of this machine's services shall be in reach
	lab_proc
	lab_bridge
	lab_loaders
	lab_keys
	lab_config "$@"
	lab_server start
	lab_import
}

lab_bridge() {
	ip link set lo up
	ip link add mus0 type bridge forward_delay 0 stp_state 0 || lab_die 'no bridge'
	ip addr add "$LAB_ADDR/24" dev mus0
	ip link set mus0 up
}

lab_loaders() {
	cp "$LAB_IPXE"/undionly.kpxe "$LAB_IPXE"/snponly.efi "$LAB_DIR/loaders/"
	cp -L "$LAB_IPXE"/ipxe.efi "$LAB_DIR/loaders/" 2>/dev/null
	chmod 644 "$LAB_DIR"/loaders/*
}

# The folder that a role of another user has to reach is opened for it by musterd itself.
lab_config() {
	local mode=${1:-full} admission=${2:-open} user=nobody tftp=yes

	[ -z "$LAB_ONE_ID" ] || { user=root tftp=no; lab_say 'one user only: TFTP is off'; }
	cat >"$LAB_DIR/muster.conf" <<-END
	[server]
	name = lab
	state-dir = $LAB_DIR/state
	run-dir = $LAB_DIR/run
	user = $user
	interface = mus0
	admission = $admission
	${LAB_IMAGE:+image = ${LAB_IMAGE%% *}}

	[dhcp]
	mode = $mode
	lease-time = 10m

	[subnet $LAB_NET.0/24]
	range = $LAB_NET.100-$LAB_NET.200
	router = $LAB_ADDR
	dns = $LAB_ADDR

	[quirk rom]
	match-mac = 52:54:00:4d:02
	loader = undionly.kpxe

	[tftp]
	enabled = $tftp
	program = $LAB_PACKAGES/tftpd-hpa/usr/sbin/in.tftpd
	loaders = $LAB_DIR/loaders

	[http]
	listen = 0.0.0.0:80

	[log]
	level = ${LAB_LOG:-info}
	${LAB_CONF:-}
	END
}

# lab_server start|stop|kill|restart. The log of all runs is log/musterd.log.
lab_server() {
	case $1 in
	start)
		"$LAB_BUILD/musterd" -f -c "$LAB_DIR/muster.conf" >>"$LAB_DIR/log/musterd.log" 2>&1 &
		lab_server_pid=$!
		lab_until 20 "curl -fsS -o $LAB_DIR/log/readyz http://$LAB_ADDR/readyz" && return
		tail -5 "$LAB_DIR/log/musterd.log" >&2
		lab_die 'musterd did not get ready'
		;;
	stop)
		kill -TERM "$lab_server_pid"
		wait "$lab_server_pid"
		;;
	kill)
		kill -KILL "$lab_server_pid"
		wait "$lab_server_pid" 2>/dev/null
		;;
	restart)
		lab_server stop
		lab_server start
		;;
	esac
}

# lab_role NAME: process id of a role of the running server, which says it at log level debug.
lab_role() {
	sed -n "s/.*role started: role=$1 pid=\\([0-9]*\\)$/\\1/p" "$LAB_DIR/log/musterd.log" | tail -1
}

# lab_muster WORDS: the command line, speaking to the lab's server.
lab_muster() {
	MUSTER_SOCKET=$LAB_DIR/run/muster.sock MUSTER_RECIPES=$LAB_ROOT/images/recipes \
		MUSTER_CACHE=$LAB_PACKAGES "$LAB_BUILD/muster" "$@"
}

# lab_until SECONDS COMMAND: try twice a second until it succeeds.
lab_until() {
	local deadline=$((SECONDS + $1)) command=$2

	until eval "$command" 2>/dev/null; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.5
	done
}

# ---- keys and images ----

# Outside, where there is a network. LAB_SIGNED is the folder of keys and signed images: build/lab,
# so that the tests share them, or with LAB_FRESH=1 one for this run alone.
lab_prepare() {
	local name

	mkdir -p "$LAB_SIGNED/images"
	exec 9>"$LAB_SIGNED/lock" && flock 9
	for name in release site ${LAB_ROOTS:+second third}; do
		[ -e "$LAB_SIGNED/keys/$name.pub" ] ||
			lab_muster key generate "$name" --dir "$LAB_SIGNED/keys" >"$LAB_DIR/log/keys.log" 2>&1 ||
			lab_die "no $name key: $(tail -1 "$LAB_DIR/log/keys.log")"
	done
	[ -z "${LAB_ROOTS:-}" ] || [ -e "$LAB_SIGNED/roots/root.2.json" ] ||
		lab_make_roots >>"$LAB_DIR/log/keys.log" 2>&1 ||
		lab_die "no roots: $(tail -1 "$LAB_DIR/log/keys.log")"
	for name in agent $LAB_IMAGE; do
		lab_pack "$name" || lab_die "$name: not built: $(tail -3 "$LAB_DIR/log/images.log")"
	done
}

# When the agent was put together, to say the same each time.
lab_epoch() { stat -c %Y "$LAB_SIGNED/keys/release.pub"; }

lab_make_roots() {
	local keys=$LAB_SIGNED/keys roots=$LAB_SIGNED/roots

	rm -rf "$roots"
	lab_muster key root "$roots" --key "$keys/release.pub" --key "$keys/second.pub" --threshold 2 &&
		lab_muster key sign "$roots/root.1.json" --key "$keys/release.key" --key "$keys/second.key" &&
		lab_muster key rotate "$roots" --remove second --add "$keys/third.pub" &&
		lab_muster key sign "$roots/root.2.json" --key "$keys/release.key" --key "$keys/second.key" \
			--key "$keys/third.key"
}

# A signed image, made anew when the programs, the recipes or the keys changed.
lab_pack() {
	local name=$1 dir=$LAB_SIGNED/images/$1 keys=$LAB_SIGNED/keys inputs
	local -a more=()

	inputs=$(cat "$LAB_BUILD/muster-agent" "$LAB_ROOT"/images/recipes/{*.sh,files/*} "$keys"/*.pub |
		sha256sum)
	[ "$(cat "$dir.inputs" 2>/dev/null)" != "$inputs" ] || return 0
	case $name in
	agent)
		more=(--trust "$keys/release.pub" --site "$keys/site.pub")
		[ -z "${LAB_ROOTS:-}" ] || more[1]=$LAB_SIGNED/roots/root.1.json
		;;
	*-kexec) more=(--name "$name" --args quiet) ;;
	esac
	rm -rf "$dir" "$dir.inputs"
	SOURCE_DATE_EPOCH=$(lab_epoch) lab_muster image build "${name%-kexec}" -o "$dir" --agent "$LAB_BUILD/muster-agent" "${more[@]}" \
		>>"$LAB_DIR/log/images.log" 2>&1 &&
		lab_muster image sign "$dir" --key "$keys/release.key" >>"$LAB_DIR/log/images.log" 2>&1 &&
		{ [ -z "${LAB_ROOTS:-}" ] ||
			lab_muster image sign "$dir" --key "$keys/third.key" >>"$LAB_DIR/log/images.log" 2>&1; } &&
		printf '%s\n' "$inputs" >"$dir.inputs"
}

# Before the server's first start: its own key, and whose images it takes.
lab_keys() {
	mkdir -p "$LAB_DIR/state/keys/trust"
	[ -n "$LAB_ONE_ID" ] || chown nobody "$LAB_DIR/state"
	cp "$LAB_SIGNED"/keys/site.{key,pub} "$LAB_DIR/state/keys/"
	[ -n "${LAB_ROOTS:-}" ] || cp "$LAB_SIGNED/keys/release.pub" "$LAB_DIR/state/keys/trust/"
}

# Give the agent and the images to the server.
lab_import() {
	local name

	for name in ${LAB_ROOTS:+../roots} agent $LAB_IMAGE; do
		lab_muster image import "$LAB_SIGNED/images/$name" >>"$LAB_DIR/log/images.log" 2>&1 ||
			lab_die "$name: not imported: $(tail -1 "$LAB_DIR/log/images.log")"
	done
}

# ---- images that a test makes itself ----

# lab_own NAME ARGUMENTS...: an image of these arguments of `image build`, signed and imported.
lab_own() {
	local name=$1 dir=$LAB_DIR/own/$1

	shift
	mkdir -p "$LAB_DIR/own"
	lab_muster image build -o "$dir" --name "$name" "$@" >>"$LAB_DIR/log/images.log" 2>&1 &&
		lab_muster image sign "$dir" --key "$LAB_SIGNED/keys/release.key" >>"$LAB_DIR/log/images.log" 2>&1 &&
		lab_muster image import "$dir" >>"$LAB_DIR/log/images.log" 2>&1 ||
		lab_die "$name: $(tail -3 "$LAB_DIR/log/images.log")"
}

# lab_reporter FILE: the EFI program reporter.c.
lab_reporter() {
	clang -target x86_64-unknown-windows -ffreestanding -fshort-wchar -mno-red-zone \
		-fno-stack-protector -O2 -nostdlib -fuse-ld=lld -Wl,-entry:efi_main \
		-Wl,-subsystem:efi_application -o "$1" "$LAB_ROOT/tests/boot/reporter.c" ||
		lab_die 'reporter.c cannot be compiled'
}

# lab_ramdisk FILE TEXT: a second ramdisk, for behind base.initrd of the agent's image, that makes a
# foreign Linux of it: one that gets an address and reports, by that address alone, that it is up.
lab_ramdisk() {
	local root=$LAB_DIR/ramdisk

	mkdir -p "$root"
	cat >"$root/init" <<-END
	#!/bin/sh
	export PATH=/usr/sbin:/usr/bin:/sbin:/bin
	. /etc/muster/init.sh
	mount_all
	load_drivers
	echo "foreign: \$(uname -r), \$(cat /proc/cmdline)"
	for nic in \$(nics); do
		ip link set \$nic up
		udhcpc -i \$nic -n -q -t 10 -s /udhcpc && break
	done
	wget -q -O /report "http://$LAB_ADDR/v1/boot/here/up?detail=$2"
	echo "foreign: the server says \$(cat /report)"
	poweroff -f
	END
	cat >"$root/udhcpc" <<-'END'
	#!/bin/sh
	[ "$1" != bound ] || ip addr add "$ip/${mask:-24}" dev "$interface"
	END
	chmod 755 "$root"/*
	(cd "$root" && find . | cpio --quiet -o -H newc --owner 0:0) >"$1" || lab_die 'no ramdisk'
}

# The kernel and the base ramdisk of the agent's image, for systems of the tests' own.
lab_kernel() { printf '%s' "$LAB_SIGNED/images/agent/vmlinuz"; }
lab_base() { printf '%s' "$LAB_SIGNED/images/agent/base.initrd"; }

# lab_uki FILE TEXT: that foreign Linux as one EFI file, made as `agent.sh` makes the agent's.
lab_uki() {
	local stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub at

	lab_ramdisk "$LAB_DIR/uki.cpio" "$2"
	cat "$(lab_base)" "$LAB_DIR/uki.cpio" >"$LAB_DIR/uki.initrd"
	at=$(((0x2000000 + $(stat -c %s "$(lab_kernel)") + 0xfffff) & ~0xfffff))
	printf 'console=ttyS0,115200n8 panic=5 from=uki\0' >"$LAB_DIR/uki.cmdline"
	objcopy --add-section .cmdline="$LAB_DIR/uki.cmdline" --change-section-vma .cmdline=0x30000 \
		--add-section .linux="$(lab_kernel)" --change-section-vma .linux=0x2000000 \
		--add-section .initrd="$LAB_DIR/uki.initrd" --change-section-vma .initrd="$at" \
		"$stub" "$1" || lab_die 'no UKI'
}

# lab_esp FILE PROGRAM: a file system of 24 MiB from which UEFI starts that program.
lab_esp() {
	rm -f "$1"
	truncate -s 24M "$1" && mformat -i "$1" :: && mmd -i "$1" ::/EFI ::/EFI/BOOT &&
		mcopy -i "$1" "$2" ::/EFI/BOOT/BOOTX64.EFI || lab_die 'no EFI partition'
}

# lab_bare FIRMWARE NAME IMAGE: a host that is known, with that image, and powered on.
lab_bare() {
	lab_host "$2" "$1"
	lab_muster host add "$2" --mac "$(lab_mac "$2")" --image "$3" >>"$LAB_DIR/log/wait.log" 2>&1 ||
		lab_die "$2 cannot be added: $(tail -1 "$LAB_DIR/log/wait.log")"
}

# lab_event HOST STAGE WHAT TEXT: there is such an event whose detail has the text.
lab_event() {
	[ "$(lab_boot "$1" "[.events[] | select(.stage == \"$2\" and .what == \"$3\")
		| select((.detail // \"\") | contains(\"$4\"))] | length")" -ge 1 ]
}

# ---- what is asked of the server ----

# lab_api PATH: GET it over the server's own socket.
lab_api() {
	curl -fsS --max-time 20 --unix-socket "$LAB_DIR/run/muster.sock" "http://muster/api/v1$1"
}

# lab_boot NAME [FILTER]: the newest boot of a host, with its events; or what jq makes of it.
lab_boot() {
	local id

	id=$(lab_api "/hosts/$1" | jq '.boot // empty')
	[ -n "$id" ] && lab_api "/boots/$id" | jq -r "${2:-.}"
}

# lab_wait_up NAMES [SECONDS [OPTIONS]]: until the server has it on record that the hypervisor is up.
lab_wait_up() {
	lab_muster host wait "$1" --appear --for up --timeout "${2:-240}s" "${@:3}" >>"$LAB_DIR/log/wait.log" 2>&1
}

# The proof of arrival: the server closed the boot as `up`, which it does only when the guest on
# the hypervisor gave back the random number that the server made for this boot.
lab_proof() {
	[ "$(lab_boot "$1" '[.state, .stage, .image] | join(" ")')" = "up up $2" ] &&
		[ "$(lab_boot "$1" '.nonce | length')" = 32 ] &&
		[ "$(lab_boot "$1" '[.events[] | select(.stage == "up")] | length')" -ge 1 ]
}

# lab_handoff NAME: how the image took over: "linux by switch", "xen by kexec".
lab_handoff() { lab_boot "$1" '.events[] | select(.stage == "handoff") | .detail'; }

# lab_because NAME CODE TEXT [SECONDS]: a result: within that time the server says so, once somebody asks.
lab_because() {
	lab_check "$3" lab_until "${4:-120}" "lab_why $1 $2"
	lab_say "$(lab_api "/hosts/$1/why" | jq -r .sentence)"
}
lab_why() { [ "$(lab_api "/hosts/$1/why" | jq -r .code)" = "$2" ]; }

# lab_failed_as NAME CODE TEXT: a result: without being asked the server has it on record of a boot, any
# of them, for firmware tries again by itself.
lab_failed_as() {
	lab_check "$3: failed by the server as $2" lab_until 180 "lab_has_failed $1 $2"
	lab_say "$(lab_api "/hosts/$1/why" | jq -r .sentence)"
}
lab_has_failed() { lab_api "/hosts/$1/boots" | jq -e --arg r "$2" 'any(.boots[]; .reason == $r)' >"$LAB_DIR/said"; }

# ---- results ----

lab_failures=0
lab_ok() { printf 'ok - %s\n' "$*"; }
lab_not_ok() {
	printf 'not ok - %s\n' "$*"
	lab_failures=$((lab_failures + 1))
}

# lab_check TEXT COMMAND...: one result.
lab_check() {
	local text=$1

	shift
	if "$@"; then lab_ok "$text"; else lab_not_ok "$text"; fi
}

# A test's last line: what can be looked at when something failed.
lab_done() {
	local host log

	[ "$lab_failures" -gt 0 ] || return 0
	for host in $(find "$LAB_DIR/hosts" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort); do
		lab_say "screen of $host:"
		lab_screen "$host" | tail -15 | sed 's/^/#   /'
	done
	for log in "$LAB_DIR"/log/*.log; do
		lab_say "${log##*/}:"
		tail -15 "$log" | sed 's/^/#   /'
	done
	return 1
}

# lab_chain FIRMWARE [HOSTS]: hosts from power-on to hypervisor, all at once.
lab_chain() {
	local firmware=$1 count=${2:-1} i started

	lab_up
	! declare -F lab_before >/dev/null || lab_before
	started=$SECONDS
	for ((i = 1; i <= count; i++)); do
		lab_host "n$i" "$firmware"
		# shellcheck disable=SC2086 # words
		lab_muster host add "n$i" --mac "$(lab_mac "n$i")" ${LAB_ADD:-} >>"$LAB_DIR/log/wait.log" 2>&1
	done
	lab_check "$firmware $LAB_IMAGE: $count of $count up" \
		lab_wait_up "n[1-$count]" $((120 + 60 * count))
	for ((i = 1; i <= count; i++)); do
		lab_check "n$i: the record proves it" lab_proof "n$i" "$LAB_IMAGE"
		lab_check "n$i: at most $LAB_WIRE_MIB MiB over the wire" \
			lab_within "n$i" $((LAB_WIRE_MIB << 20))
	done
	lab_say "$((SECONDS - started)) s"
	lab_sizes n1
	lab_done
}

# ---- hosts ----

# lab_host NAME FIRMWARE [MEMORY_MB]: power on. FIRMWARE says how the host finds its first bytes:
#   bios              SeaBIOS and the iPXE that QEMU's network card carries
#   bios-tftp         the same, but the server sends undionly.kpxe by TFTP once (see [quirk rom])
#   uefi              OVMF's own PXE: snponly.efi by TFTP
#   uefi-http         OVMF's HTTP boot: the agent as one EFI file, no iPXE
#   uefi-secure       as uefi, with Secure Boot on and Microsoft's keys
#   uefi-secure-http  as uefi-http, likewise
lab_host() {
	local name=$1 firmware=$2 memory=${3:-1024} dir=$LAB_DIR/hosts/$1 class number code vars
	local -a machine card=(virtio-net-pci,netdev=n0,bootindex=1)

	case $firmware in
	bios) class=01 machine=(-machine q35,graphics=off) ;;
	bios-tftp) class=02 machine=(-machine q35,graphics=off) ;;
	uefi) class=03 ;;
	uefi-http) class=04 ;;
	uefi-secure) class=05 ;;
	uefi-secure-http) class=06 ;;
	*) lab_die "$firmware: unknown firmware" ;;
	esac
	mkdir -p "$dir"
	if [ ! -e "$dir/mac" ]; then
		number=$(printf '%02x' "$(find "$LAB_DIR/hosts" -mindepth 1 -maxdepth 1 | wc -l)")
		printf '52:54:00:4d:%s:%s\n' "$class" "$number" >"$dir/mac"
		lab_tap "mus-$name"
	fi
	if [ "${firmware%%-*}" = uefi ]; then
		code=OVMF_CODE_4M.fd vars=OVMF_VARS_4M.fd
		[[ $firmware != uefi-secure* ]] || code=OVMF_CODE_4M.secboot.fd vars=OVMF_VARS_4M.ms.fd
		[ -e "$dir/vars.fd" ] || cp "$LAB_OVMF/$vars" "$dir/vars.fd"
		machine=(-machine q35
			-drive "if=pflash,format=raw,unit=0,readonly=on,file=$LAB_OVMF/$code"
			-drive "if=pflash,format=raw,unit=1,file=$dir/vars.fd")
		card[0]+=,romfile= # so that the firmware's own client runs
	fi
	[[ $firmware != uefi-secure* ]] || machine+=(-machine smm=on
		-global driver=cfi.pflash01,property=secure,value=on)
	[[ $firmware != uefi*-http ]] || machine+=(
		-fw_cfg name=opt/org.tianocore/IPv4PXESupport,string=n
		-fw_cfg name=opt/org.tianocore/IPv6PXESupport,string=n)
	lab_qemu "$name" "$memory" "${machine[@]}" \
		-netdev "tap,id=n0,ifname=mus-$name,script=no,downscript=no" \
		-device "${card[0]},mac=$(cat "$dir/mac")"
}

lab_tap() {
	ip tuntap add dev "$1" mode tap || lab_die "no tap $1"
	printf 1 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6" 2>/dev/null
	ip link set "$1" master mus0
	ip link set "$1" up
}

lab_qemu() {
	local name=$1 memory=$2 dir=$LAB_DIR/hosts/$1 uuid cpu=max

	shift 2
	uuid=6d757374-6572-4000-8000-$(tr -d ':\n' <"$dir/mac")
	# A paravirtual dom0 page-faults under emulation when SMAP is on.
	[ "$LAB_ACCEL" = kvm ] || cpu=max,smap=off
	qemu-system-x86_64 -name "$name" -accel "$LAB_ACCEL" -cpu "$cpu" -smp "${LAB_CPUS:-1}" \
		-m "$memory" -nodefaults -vga none -display none -no-user-config \
		-smbios "type=1,manufacturer=Muster Lab,product=Virtual Host,serial=LAB-$name,uuid=$uuid" \
		-serial "file:$dir/console" -monitor "unix:$dir/monitor,server,nowait" \
		-device virtio-rng-pci "$@" >"$dir/qemu.log" 2>&1 &
	printf '%s\n' "$!" >"$dir/pid"
}

lab_mac() { cat "$LAB_DIR/hosts/$1/mac"; }

# lab_monitor NAME COMMAND: what a person would do at the machine: system_reset, stop, cont ...
lab_monitor() {
	printf '%s\n' "$2" | socat -t1 - "UNIX-CONNECT:$LAB_DIR/hosts/$1/monitor" >"$LAB_DIR/hosts/$1/said"
}

# lab_off NAME: pull the plug.
lab_off() {
	local pid

	pid=$(cat "$LAB_DIR/hosts/$1/pid")
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

# What is on the host's screen, without the escape sequences.
lab_screen() {
	sed -e 's/\x1b\[[0-9;=?]*[A-Za-z]//g' -e 's/\x1b[()c]B\?//g' "$LAB_DIR/hosts/$1/console" |
		tr -d '\r\000'
}

# ---- what crossed the wire ----

# One row for each part that the host loaded: what, file, bytes. Bytes are those that the server
# counted; of a file sent by TFTP it sees the request only, so there its size stands, once: firmware
# asks a first time just to learn the size.
lab_transfers() {
	lab_boot "$1" '.events[] | select(.what == "finished" or .what == "requested")
		| select(.source == "http" or .source == "tftp")
		| [.stage, .detail // "-", .bytes // 0] | @tsv' |
		while IFS=$'\t' read -r stage file bytes; do
			[ "$bytes" != 0 ] || bytes=$(stat -c %s "$LAB_DIR/loaders/$file" 2>/dev/null) || continue
			printf '%s\t%s\t%s\n' "$stage" "$file" "$bytes"
		done | awk -F '\t' '!($1 == "loader" && seen[$2]++)'
}

lab_sizes() {
	lab_transfers "$1" | awk -F '\t' '
		{ printf "# %-8s %-24s %10d\n", $1, $2, $3; sum += $3 }
		END { printf "# %-8s %-24s %10d  %.1f MiB\n", "total", "", sum, sum / 1048576 }'
}

# lab_within NAME BYTES: something was loaded, and not more than that.
lab_within() {
	local sum

	sum=$(lab_transfers "$1" | awk -F '\t' '{ n += $3 } END { print n + 0 }')
	[ "$sum" -gt 0 ] && [ "$sum" -le "$2" ]
}
