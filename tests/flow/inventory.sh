#!/usr/bin/env bash
# What machines are made of: the real agent reads trees of the kernel's files, whose memory modules,
# cards, disks and firmware change from boot to boot, and a real musterd says what has changed, and
# finds hosts by it. Needs root for network namespaces.
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
flow_enter "$@"

muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
quiet() { "$@" >"$work/quiet" 2>&1 || { not_ok "in passing: $*"; sed 's/^/# /' "$work/quiet"; }; }
says() { # TEXT COMMAND...
	local said

	said=$("${@:2}" 2>&1) && [[ $said == *"$1"* ]] || { echo "$said"; return 1; }
}
refused() { # STATUS TEXT COMMAND...
	local status=$1 text=$2 said

	shift 2
	said=$("$@" 2>&1)
	[ $? = "$status" ] && [[ $said == *"$text"* ]] || { echo "$said"; return 1; }
}
is() { [ "$1" = "$2" ] || { printf '%s\n' "'$1'" "and not '$2'"; return 1; }; }

ns_add server
bridge server br0 10.77.0.1/24
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = approve
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.200
[tftp]
enabled = no
END
mkdir -p "$work/state" "$work/trust"
chown -R nobody: "$work/state"
check 'the server starts' server_start
[ $failed = 0 ] || exit 1
quiet "$B/muster" key generate release --dir "$work/keys"
cp "$work/keys/release.pub" "$work/trust/release-1.pub"
cp "$work/state/keys/site.pub" "$work/trust/site-1.pub"

# ---- trees
dimm() { # SLOT SIZE_MB SERIAL: a structure of type 17
	local i strings="$1\0maker\0$3\0part"

	printf '\x11\x28\x00\x11\0\0\0\0\0\0\0\0'
	# shellcheck disable=SC2059 # the size in two bytes, little-endian
	printf "\\x$(printf %02x $(($2 & 255)))\\x$(printf %02x $(($2 >> 8)))"
	printf '\0\0\x01\0\0\0\0\0\0\x02\x03\0\x04'
	for i in $(seq 13); do printf '\0'; done
	# shellcheck disable=SC2059
	printf "$strings\0\0"
}
dmi() { # N DIMM...: "slot:size:serial"
	local one

	for one in "${@:2}"; do
		IFS=: read -r slot size serial <<<"$one"
		dimm "$slot" "$size" "$serial"
	done >"$work/h$1/sys/firmware/dmi/tables/DMI"
}
nic() { # N MAC PLACE: eth0 is there
	local dir=$work/h$1/sys

	mkdir -p "$dir/class/net/eth0" "$dir/devices/$3"
	ln -sfn "../../../devices/$3" "$dir/class/net/eth0/device"
	echo "$2" >"$dir/class/net/eth0/address"
	echo 1 | tee "$dir/class/net/eth0/type" >"$dir/class/net/eth0/carrier"
}
disk() { # N NAME SERIAL
	mkdir -p "$work/h$1/sys/block/$2/device"
	echo 1000000 >"$work/h$1/sys/block/$2/size"
	echo "SSD 860" >"$work/h$1/sys/block/$2/device/model"
	echo "$3" >"$work/h$1/sys/block/$2/device/serial"
}
firmware() { echo "$2" >"$work/h$1/sys/class/dmi/id/bios_version"; }
for i in 1 2; do
	mkdir -p "$work/h$i/proc" "$work/h$i/sys/class/dmi/id" "$work/h$i/sys/firmware/dmi/tables"
	printf 'MemTotal: 60000000 kB\nMemAvailable: 900000 kB\n' >"$work/h$i/proc/meminfo"
	echo "SER$i-AB" >"$work/h$i/sys/class/dmi/id/product_serial"
	nic $i "52:54:00:00:00:0$i" 0000:03:00.0
	disk $i sda "Z$i"
	firmware $i 'U46 2.62'
done
dmi 1 A1:24576:x1 A2:16384:x2
dmi 2 A1:8192:y1

boot() { # N: a boot of its own, in which the agent says its facts and waits for an image
	ip netns exec server curl -sS "http://10.77.0.1/boot.ipxe?mac=52-54-00-00-00-0$1&platform=efi&failed=kernel&try=5" >/dev/null
	ip netns exec server timeout 1 "$B/muster-agent" rehearse http://10.77.0.1 "$work/trust" "$work/h$1" >"$work/screen" 2>&1
	boot=$(api "/hosts/n$1/boots" | jq -r '.boots[0].id')
}
event() { # TEXT: of that boot
	api "/boots/$boot" >"$work/boot.json"
	jq -e --arg t "$1" 'any(.events[]; .what == "seen" and (.detail // "" | startswith($t)))' "$work/boot.json" ||
		{ jq -c '.events[]' "$work/boot.json"; return 1; }
}
kept() { api "/hosts/$1/diff" | jq '.diffs | length'; }

for i in 1 2; do quiet muster host add n$i --mac "52:54:00:00:00:0$i"; done
boot 1
first=$boot
boot 2
check 'what a machine has is shown' says 'A1: 24.0 GiB maker part' muster host show n1
check 'with its firmware' says 'U46 2.62' muster host show n1
check 'nothing has changed' says 'nothing has changed' muster host diff n1
boot 1
check 'and after the same again' is "$(kept n1)" 0
rm -r "$work/h1/sys/block/sda"
dmi 1 A1:24576:x1
firmware 1 'U46 2.72'
nic 1 52:54:00:00:00:01 0000:04:00.0
boot 1
check 'a boot says what has changed' event 'hardware: firmware changed: U46 2.62 -> U46 2.72; DIMM gone: A2, 16 GiB, part; NIC moved: 52:54:00:00:00:01 from 0000:03:00.0 to 0000:04:00.0; disk gone: SSD 860, 0 GB, Z1'
check 'host diff says the same' says 'DIMM gone: A2, 16 GiB, part' muster host diff n1
check 'with the boot' is "$(muster host diff n1 -o csv | sed -n '3p' | cut -d, -f1,2)" "n1,$boot"
dmi 1 A1:24576:x9
boot 1
check 'a module that was replaced' event 'hardware: DIMM replaced: A1, 24 GiB, serial number x1 -> x9'
check 'changes are told in order' is "$(muster host diff n1 -o csv | tail -n +2 | cut -d, -f2 | uniq | wc -l)" 2
check 'between two boots it is all of them' is "$(muster host diff n1 --boots "$first" "$boot" -o json | jq '.diffs[0].changes | length')" 5
check 'and back' says 'DIMM added: A2' muster host diff n1 --boots "$boot" "$first"
check 'a boot before all' refused 3 'is not kept' muster host diff n1 --boots 0 "$boot"
check 'another host has not changed' says 'nothing has changed' muster host diff n2

# ---- finding
find_hosts() { muster host list --where "$1" -o name | xargs; }
check 'by the firmware' is "$(find_hosts 'firmware=U46*2.72')" n1
check 'by memory and firmware' is "$(find_hosts 'memory<=8G firmware=U46*')" n2
check 'by a disk' is "$(find_hosts 'disk=*860*')" n2
check 'by a serial number' is "$(find_hosts 'serial=ser?-ab')" 'n1 n2'
check 'all' is "$(find_hosts '')" 'n1 n2'
check 'of some' is "$(muster host list n2 --where 'serial=SER*' -o name | xargs)" n2
check 'what is no match' refused 1 "there is no fact 'memry': is it 'memory'?" muster host list --where 'memry>1G'

# ---- bounds
report() { # SERIAL SIZE_MB: what an agent would say
	ip netns exec server curl -sS -o /dev/null -X POST http://10.77.0.1/v1/agent/facts \
		-d "{\"serial\":\"$1\",\"dimms\":[{\"slot\":\"A1\",\"size_mb\":$2}]}"
}
for size in $(seq 40); do report SER1-AB "$size"; done
check 'of a host the newest reports are kept' is "$(kept n1)" 31
for size in $(seq 5); do report SER3-AB "$size"; done
stranger=$(api /hosts | jq -r '.hosts[] | select(.serial == "SER3-AB") | .name')
check 'of a stranger two' is "$(kept "$stranger")" 1
quiet muster host replace n2 --by "$stranger" --force
check 'a box that takes a role brings what is kept of it' is "$(kept n2)" 1
exit $failed
