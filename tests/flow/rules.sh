#!/usr/bin/env bash
# Rules and labels: which image a host gets, with a real musterd, real agents and iPXE's requests by
# curl. A changed rule reaches a host that has booted by another; what only an agent can tell is
# waited for; what would change is said before it does. Needs root for network namespaces.
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
flow_enter "$@"

muster() { MUSTER_KEYS=$work/keys "$B/muster" --socket "$work/run/muster.sock" "$@"; }
quiet() { "$@" >"$work/quiet" 2>&1 || { not_ok "in passing: $*"; sed 's/^/# /' "$work/quiet"; }; }
# refused STATUS TEXT COMMAND...: it ends with that, and says that.
refused() {
	local status=$1 text=$2 said

	shift 2
	said=$("$@" 2>&1)
	[ $? = "$status" ] && [[ $said == *"$text"* ]] || { echo "$said"; return 1; }
}
says() { # TEXT COMMAND...
	local said

	said=$("${@:2}" 2>&1) && [[ $said == *"$1"* ]] || { echo "$said"; return 1; }
}
is() { [ "$1" = "$2" ] || { echo "'$1', not '$2'"; return 1; }; }
inside() { ip netns exec server "$@"; }

ns_add server
bridge server br0 10.77.0.1/24
for i in 1 2 3; do ip -n server addr add "10.77.0.5$i/24" dev br0; done
cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = open
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.200
[tftp]
enabled = no
END
mkdir -p "$work/state/keys/trust" "$work/trust"
quiet muster key generate release
cp "$work/keys/release.pub" "$work/state/keys/trust/"
chown -R nobody: "$work/state"
check 'the server starts' server_start
[ $failed = 0 ] || exit 1
cp "$work/keys/release.pub" "$work/trust/release-1.pub"
cp "$work/state/keys/site.pub" "$work/trust/site-1.pub"

# image NAME CHANNEL: built, signed and imported
image() {
	cat >"$work/recipe.sh" <<-END
	#!/bin/sh
	head -c 3000 /dev/urandom >"\$1/vmlinuz"
	head -c 3000 /dev/urandom >"\$1/initrd"
	cat >"\$1/image.json" <<'JSON'
	{ "name": "$1", "version": "1-$2", "kind": "linux", "channel": "$2", "args": "quiet", "xen_args": "",
	  "files": [ { "role": "kernel", "name": "vmlinuz" }, { "role": "initrd", "name": "initrd" } ] }
	JSON
	END
	chmod +x "$work/recipe.sh"
	quiet muster image build recipe --recipes "$work" -o "$work/$1-$2"
	quiet muster image sign "$work/$1-$2" --key release
	quiet muster image import "$work/$1-$2"
}
image kvm stable
image kvm canary
image xen stable
image agent stable
quiet muster image build -o "$work/disk" --name disk --san
quiet muster image sign "$work/disk" --key release
quiet muster image import "$work/disk"

# host N MEMORY_MB: the kernel's files of a host in $work/hN
host() {
	local dir=$work/h$1

	mkdir -p "$dir/sys/class/net/eth0/device" "$dir/proc" "$dir/sys/class/dmi/id"
	echo "52:54:00:00:00:0$1" >"$dir/sys/class/net/eth0/address"
	echo 1 | tee "$dir/sys/class/net/eth0/type" >"$dir/sys/class/net/eth0/carrier"
	echo HPE >"$dir/sys/class/dmi/id/sys_vendor"
	printf 'MemTotal: %d kB\nMemAvailable: 900000 kB\n' $(($2 * 1024)) >"$dir/proc/meminfo"
}
script() { # N: what iPXE of that host is told
	inside curl -sS --interface "10.77.0.5$1" "http://10.77.0.1/boot.ipxe?mac=52-54-00-00-00-0$1&platform=efi"
}
agent() { # N: it goes as far as it can; without an image it waits for one, and is ended
	inside timeout "${LIMIT:-20}" "$B/muster-agent" rehearse http://10.77.0.1 "$work/trust" "$work/h$1" >"$work/screen" 2>&1
}
boots() { # N IMAGE VERSION RULE: the agent comes to its end, and the record says what it got and why
	script "$1" >"$work/script"
	agent "$1" || { cat "$work/screen"; return 1; }
	is "$(api "/hosts/n$1/boots" | jq -r '.boots[0] | [.image, .version, .rule // "-"] | join(" ")')" "$2 $3 $4"
}
without() { # N TEXT: the agent waits for an image, and why says that
	script "$1" >"$work/script"
	LIMIT=2 agent "$1"
	muster host why "n$1" | grep -F "$2" || { muster host why "n$1"; return 1; }
}
trace() { # N TEXT: in the events of its newest boot
	local boot

	boot=$(api "/hosts/n$1/boots" | jq -r '.boots[0].id')
	api "/boots/$boot" >"$work/boot.json"
	jq -e --arg t "$2" 'any(.events[]; .what == "seen" and (.detail // "" | contains($t)))' "$work/boot.json" ||
		{ jq . "$work/boot.json"; return 1; }
}
host 1 65536
host 2 8192
for i in 1 2 3; do quiet muster host add n$i --mac 52:54:00:00:00:0$i; done

# ---- labels
check 'labels are set' muster host set 'n[1-2]' --label rack=r1 --label gpu
check 'one is taken away' muster host set n2 --no-label gpu
check 'and shown' says 'gpu rack=r1' muster host show n1
check 'a range by a label' is "$(muster host list @rack -o name | xargs)" 'n1 n2'
check 'by its value, and without' is "$(muster host list rack=r1,-@gpu -o name | xargs)" n2
check 'a label that nobody has' refused 2 "no host has the label 'rck'" muster host list rck=r1
check 'what is no label' refused 1 "is no label's name" muster host set n1 --label 9=1

# ---- rules
check 'without rules and default there is no image' without 1 'no image is assigned to it'
screen() { grep -xF -e "echo muster image: $1" -e "echo muster reason: $2" "$work/script" | is "$(wc -l)" 2; }
check 'and its screen says so' screen none 'none is assigned to it, and this server has no default'
check 'a match with an unknown fact' refused 1 "there is no fact 'vendr': is it 'vendor'?" \
	muster rule add big --match 'vendr=HPE' --image xen
check 'a rule' muster rule add big --match 'vendor=HPE memory>=64G' --image xen --yes
check 'another one at the end' muster rule add rest --match '' --image kvm
check 'are listed in order' is "$(muster rule list -o name | xargs)" 'big rest'
check 'one that fits all says so' eval 'muster rule list | grep -E "^rest +kvm +- +- +every host$"'
check 'a second one of that name' refused 4 "there is a rule 'BIG' already" muster rule add BIG --match '' --image kvm
check 'a host that fits the first' boots 1 xen 1-stable big
check 'its screen says by which rule' screen xen 'by the rule big'
check 'has the trace on record' trace 1 'rules: big: fits'
check 'a host that does not' boots 2 kvm 1-stable rest
check 'has the reason on record' trace 2 'rules: big: memory>=64G: it has 8 GiB; rest: fits'
check 'a test says the same' says '  no   big: memory>=64G: it has 8 GiB' muster rule test n2
check 'and which image' says 'n2: kvm (rule rest)' muster rule test n2
check 'and so does host show' says 'kvm (rule rest)' muster host show n2
cat >"$work/facts.json" <<END
{ "vendor": "HPE", "memory_mb": 60000, "dimms": [ { "size_mb": 32768 }, { "size_mb": 32768 } ] }
END
check 'a host that is only described: by what is plugged in' says 'this host: xen (rule big)' \
	muster rule test --facts "$work/facts.json"

# ---- a change reaches hosts that have booted
check 'what would change' says 'n1: xen (rule big) -> kvm, channel canary (rule few)' \
	muster rule add few --match @gpu --image kvm --channel canary --before big --dry-run
check 'has not changed' is "$(muster rule list -o name | xargs)" 'big rest'
check 'a rule before the others' muster rule add few --match @gpu --image kvm --channel canary --before big
check 'reaches the host at its next boot' boots 1 kvm 1-canary few
check 'a rule that is moved' muster rule move few --at 3
check 'reaches it, too' boots 1 xen 1-stable big
check 'a rule that is changed' muster rule set big --match 'memory>=100G'
check 'no longer fits' is "$(muster rule test n1 -o json | jq -r .gets.rule)" rest
check 'what is set on the host counts more' eval 'muster host set n1 --image xen && boots 1 xen 1-stable -'
check 'and is called so' says 'xen (set on this host)' muster host show n1
quiet muster host set n1 --no-image
check 'a rule is removed' muster rule rm rest
check 'then no rule fits' without 2 'no image is assigned to it'
check 'with the trace on record' trace 2 'few: @gpu: it has none; none fits'

# ---- what only the agent can tell is waited for
quiet muster rule add small --match 'memory<4G' --image disk --at 1
quiet muster rule add rest --match '' --image disk
script 3 >"$work/script"
check 'an image of the loader is not started while a rule before it is open' grep -q 'muster.url=' "$work/script"
quiet muster rule set rest --image kvm
script 3 >"$work/script"
check 'a new host is given the agent' grep -q 'muster.url=' "$work/script"
check 'because a rule is open' screen 'not known yet' 'not certain before its agent has spoken'
check 'as is on record' trace 3 'small: memory<4G: that is not known yet; big: memory>=100G: that is not known yet; few: @gpu: it has none; rest: fits'
host 3 2048
LIMIT=3 agent 3
check 'its agent says that it has to start over' grep -q 'disk is started by the boot loader: n3 has to start over' "$work/screen"
script 3 >"$work/script"
check 'then the loader starts the image' grep -q 'the image wants the value san-' "$work/script"
check 'the boot says by which rule' trace 3 'rules: small: fits'

# ---- more hosts than one would want to change by mistake
for i in $(seq 10 22); do quiet muster host add "m$i" --mac "52:54:00:00:01:$i"; done
check 'a change of many hosts wants --yes' refused 2 'yes' muster rule set rest --image xen
check 'with it, it is made' muster rule set rest --image xen --yes
check 'and says for whom' says 'm[10-22]' muster rule set rest --image kvm --dry-run
server_kill
server_start
check 'rules are there after a restart' is "$(muster rule list -o name | xargs)" 'small big few rest'

# ---- a rule of a channel alone, and an image that is the server's default
sed -i 's/^admission = open/&\nimage = kvm/' "$work/muster.conf"
server_kill
server_start
for rule in small big few rest; do quiet muster rule rm "$rule" --yes; done
quiet muster rule add early --match @gpu --channel canary
check 'the image is the default, the channel of the rule' \
	says "n1: kvm, channel canary (the server's default, channel by rule early)" muster rule test n1
check 'and the host gets that' boots 1 kvm 1-canary early
check 'as its screen says' screen kvm 'the default of this server'
exit $failed
