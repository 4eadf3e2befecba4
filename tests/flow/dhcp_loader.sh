#!/usr/bin/env bash
# Which loader a host is named, and why: rules, architectures, what worked before, what comes after a
# boot that ended early; beside another DHCP server too. Hosts are played by support/dhcp_host and
# curl against the real musterd. Needs root for network namespaces.
# takes: 60 s
set -u
cd "$(dirname "$0")/../.." || exit 1
B=$(realpath "${B:-build/release}")
packages=$(realpath -m "${LAB_CACHE:-build}/packages")
failed=0
work=$(mktemp -d)
ns=musload$$ hosts=musloadh$$ # the server's, the hosts'
server=

ok() { echo "ok dhcp_loader: $1"; }
not_ok() { echo "not ok dhcp_loader: $1"; failed=1; }
check() { local name=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$name"; else not_ok "$name"; sed 's/^/# /' "$work/out"; fi; }
holds() { # PATTERN TEXT
	grep -qE -- "$1" <<<"$2" || { echo "want: $1"; echo "got:  $2"; return 1; }
}

stop() {
	[ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null
	server=
}
cleanup() {
	stop
	ip netns del "$ns" 2>/dev/null
	ip netns del "$hosts" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ "$(id -u)" != 0 ] || ! ip netns add "$ns" 2>/dev/null || ! ip netns add "$hosts"; then
	echo "skip - dhcp_loader: needs root and network namespaces"
	exit 0
fi
tests/support/unpack.sh tftpd-hpa "$packages" 2>/dev/null || { echo "skip - dhcp_loader: no tftpd-hpa"; exit 0; }
ip -n "$ns" link set lo up
ip -n "$ns" link add eth0 type veth peer name eth0 netns "$hosts"
ip -n "$ns" addr add 10.77.0.1/24 dev eth0
ip -n "$ns" link set eth0 up
ip -n "$hosts" link set eth0 up
chmod 755 "$work"
mkdir "$work/loaders"
for f in undionly.kpxe ipxe.pxe snponly.efi ipxe.efi special.efi; do
	head -c 20000 /dev/urandom >"$work/loaders/$f"
done

configure() { # MODE
	cat >"$work/muster.conf" <<END
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = eth0
admission = open
[dhcp]
mode = $1
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.200
[tftp]
program = $packages/tftpd-hpa/usr/sbin/in.tftpd
loaders = $work/loaders
[quirk rom]
match-firmware = ipxe
match-mac = 52:54:00:4d:10
loader = special.efi
[quirk rom-http]
match-user-class = *lab*
loader = special.efi
transport = http
[quirk dell]
match-vendor = dell*
match-product = *R650
pxe-option-43 = yes
boot-file = header
[quirk board]
match-uuid = 4c4c4544
match-arch = 6, 7
loader = special.efi
[quirk printer]
match-class = PXEClient:Arch:00000
match-mac = 52:54:00:4d:11
no-boot = yes
END
}
. tests/support/because.sh
muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
wait_for() { # CONDITION...: at most 5 s
	for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}
start() {
	ip netns exec "$ns" "$B/musterd" -f -c "$work/muster.conf" >>"$work/log" 2>&1 &
	server=$!
	wait_for muster status
}
dhcp() { ip netns exec "$hosts" "$B/support/dhcp_host" -i eth0 "$@"; }
mac() { echo "52:54:00:4d:$1"; }
at() { ip -n "$hosts" addr flush dev eth0; ip -n "$hosts" addr add "$1/24" dev eth0; }
away() { ip -n "$hosts" addr flush dev eth0; }
curl_host() { ip netns exec "$hosts" curl -sS --max-time 5 "$@"; }
tftp_read() { curl_host -o "$work/read" "tftp://10.77.0.1/$1" && cmp -s "$work/read" "$work/loaders/$1"; }
addr_in() { sed -n 's/^ack addr=\([0-9.]*\) .*/\1/p' <<<"$1"; }
file_in() { sed -n 's/.* file=\([^ ]*\) .*/\1/p' <<<"$1" | tail -n 1; }
script() { # MAC [MORE]: as iPXE asks for it
	curl_host -o "$work/script" "http://10.77.0.1/boot.ipxe?mac=${1//:/-}&platform=${3:-efi}${2:-}"
}
name_of() { # MAC
	muster -o json host list | jq -r --arg mac "$1" '.hosts[] | select(.macs[] == $mac) | .name'
}
offer_of() { # MAC: why, in its newest boot
	muster -o json host timeline "$(name_of "$1")" | jq -r '.events[] | select(.stage == "offer") | .detail'
}
boots_of() { muster -o json host show "$(name_of "$1")" | jq '.boots | length'; }
newest_of() { muster -o json host show "$(name_of "$1")" | jq -r ".boots[0].$2"; }

# boot MAC WANT_FILE [dhcp_host's options]: DISCOVER, REQUEST; both must name the file.
boot() {
	local mac=$1 want=$2 said
	shift 2
	away
	said=$(dhcp -m "$mac" "$@" discover request)
	echo "$said"
	[ "$(grep -c " file=$want " <<<"$said")" = 2 ] || return 1
	at "$(addr_in "$said")"
}
# The same, up to the script.
boots() { boot "$@" && tftp_read "$2" && script "$1"; }
# The same over HTTP, whose URL is the file.
boots_http() {
	boot "$@" && curl_host -A UefiHttpBoot/1.0 -o "$work/read" "$2" &&
		cmp -s "$work/read" "$work/loaders/${2##*/}" && script "$1"
}

configure full
check "starts" start

# ---- architectures
check "BIOS gets undionly.kpxe" boot "$(mac 01:01)" undionly.kpxe -a 0
check "x64 UEFI gets snponly.efi" boot "$(mac 01:02)" snponly.efi -a 7
check "and when it says EBC" boot "$(mac 01:03)" snponly.efi -a 9
check "iPXE gets its script" boot "$(mac 01:04)" http://10.77.0.1/boot.ipxe -k ipxe -a 7
check "iPXE that cannot do HTTP gets another" boot "$(mac 01:05)" undionly.kpxe -k ipxe-old -a 0
check "HTTP boot without an agent image gets ipxe.efi" \
	boot "$(mac 01:06)" http://10.77.0.1/loader/ipxe.efi -k http -a 16
check "ARM64 gets an address only" boot "$(mac 01:07)" - -a 11
unknown() { muster -o json status | jq -e '.unknown_archs == 1'; }
check "which is counted" unknown
check "and said" holds "address only: unknown architecture 11" "$(offer_of "$(mac 01:07)")"
check "a Raspberry Pi gets no x86 loader" boot dc:a6:32:00:00:01 - -a 0

# ---- memory and alternatives
b=$(mac 02:01)
check "first boot: by architecture" boot "$b" snponly.efi -a 7
check "says so" holds "^snponly.efi by TFTP: architecture 7$" "$(offer_of "$b")"
check "the loader is read" tftp_read snponly.efi
again() { dhcp -m "$b" -a 7 discover request again | tail -n 1 | grep "file=ipxe.efi "; }
check "it comes again: the next one, for its REQUEST too, and that again" again
check "the former boot is closed" holds "^secure-boot$" "$(muster -o json host show "$(name_of "$b")" | jq -r '.boots[1].reason')"
check "a REQUEST sent twice is one boot" [ "$(boots_of "$b")" = 2 ]
check "says why" holds "^ipxe.efi by TFTP: snponly.efi did not reach its script at boot [0-9]+$" "$(offer_of "$b")"
check "which is not read: it is named in another form" boot "$b" ipxe.efi -a 7
check "says so" holds "^ipxe.efi by TFTP with option 43: it was not read at boot [0-9]+$" "$(offer_of "$b")"
check "then that is read" tftp_read ipxe.efi
check "round: back to the first" boot "$b" snponly.efi -a 7
check "read, and no more" tftp_read snponly.efi
check "and on" boots "$b" ipxe.efi -a 7
check "what got to the script is shown with the host" \
	holds "loader +uefi: ipxe.efi by TFTP since boot [0-9]+, option 43 yes$" "$(muster host show "$(name_of "$b")")"
check "and with its boot" [ "$(newest_of "$b" loader)" = ipxe.efi ]
stop
check "the server starts anew" start
check "what worked comes first" boots "$b" ipxe.efi -a 7
check "says so" holds "^ipxe.efi by TFTP: it worked at boot [0-9]+$" "$(offer_of "$b")"
check "the picture has the whole sentence" \
	holds "ipxe.efi by TFTP: it worked at boot [0-9]+$" "$(muster host timeline "$(name_of "$b")")"
check "it stays so" boots "$b" ipxe.efi -a 7
check "another kind of firmware has a memory of its own" boot "$b" undionly.kpxe -a 0
check "what worked may fail too" boot "$b" ipxe.efi -a 7
check "after it was read" tftp_read ipxe.efi
check "then the next is tried" boots "$b" snponly.efi -a 7
check "which is remembered instead" boots "$b" snponly.efi -a 7
mv "$work/loaders/snponly.efi" "$work/away"
check "a loader that is gone is not named" boot "$b" ipxe.efi -a 7
mv "$work/away" "$work/loaders/snponly.efi"

h=$(mac 02:02)
check "HTTP boot, up to the script" boots_http "$h" http://10.77.0.1/loader/ipxe.efi -k http -a 16
seen() { muster -o json host timeline "$(name_of "$h")" | jq -e '[.events[] | select(.stage == "loader")]
	| map(.what) == ["started", "finished"] and (.[1] | .bytes == 20000 and .detail == "ipxe.efi" and .source == "http")'; }
check "each byte of the loader is seen" seen
check "its firmware is not that of its loader" [ "$(newest_of "$h" firmware)" = uefi-http ]
check "HTTP boot: it ended early" boot "$h" http://10.77.0.1/loader/ipxe.efi -k http -a 16
check "the next" boot "$h" http://10.77.0.1/loader/snponly.efi -k http -a 16

# A boot begins with its own DISCOVER, not with that of the former boot's loader.
t=$(mac 02:03)
boots "$t" undionly.kpxe -a 0 >/dev/null
away
dhcp -m "$t" -k ipxe -a 0 discover request >/dev/null
sleep 0.3
before=$(date +%s%3N)
boots "$t" undionly.kpxe -a 0 >/dev/null
check "a boot's start is its own" [ "$(newest_of "$t" started)" -ge "$before" ]

# ---- rules
check "rule: an iPXE ROM" boot "$(mac 10:01)" special.efi -k ipxe -a 7
check "says so" holds "^special.efi by TFTP: rule rom$" "$(offer_of "$(mac 10:01)")"
check "rule: its loader is read" tftp_read special.efi
curl_host -s -o "$work/read" tftp://10.77.0.1/autoexec.ipxe 2>/dev/null # as newer iPXE does
check "rule: and gets the script" boot "$(mac 10:01)" http://10.77.0.1/boot.ipxe -k ipxe -a 7
check "rule: by user class, over HTTP" \
	boots_http "$(mac 03:01)" http://10.77.0.1/loader/special.efi -k http -a 16 -c a-lab-7
check "rule: by UUID" boot "$(mac 03:02)" special.efi -a 7 -u 44454c4c00000000000000000000cafe
check "rule: another architecture is not meant" boot "$(mac 03:03)" undionly.kpxe -a 0 -u 44454c4c00000000000000000000beef
check "rule: no boot" boot "$(mac 11:01)" - -a 0
check "rule: by class and MAC" boot "$(mac 11:02)" snponly.efi -a 7
d=$(mac 03:04)
check "a vendor that is not known yet" boot "$d" snponly.efi -a 7
script "$d" '&manufacturer=Dell%20Inc.&product=PowerEdge%20R650'
said=$(away; dhcp -m "$d" -a 7 discover request)
check "rule: by vendor and product, of an earlier boot" \
	holds "^offer .* file=- header=snponly.efi class=PXEClient vendor=060108ff$" "$said"
check "says so" holds "it worked at boot [0-9]+, rule dell$" "$(offer_of "$d")"
check "the rule comes before what worked" boot "$(mac 03:02)" special.efi -a 7 -u 44454c4c00000000000000000000cafe

# ---- beside another server
stop
configure proxy
check "starts as a proxy" start
i=$(mac 04:09) # ignores it; time passes while the others go on
away
dhcp -m "$i" -a 7 discover discover discover other=10.77.0.2,10.77.0.59 >"$work/ignores"
check "UEFI is sent to port 4011" holds "^offer addr=0.0.0.0 siaddr=10.77.0.1 file=- header=- class=PXEClient vendor=-$" "$(head -n 1 "$work/ignores")"
check "another server's REQUEST is not ours" holds "^silence$" "$(tail -n 1 "$work/ignores")"
p=$(mac 04:01)
proxy_uefi() { at 10.77.0.51; dhcp -m "$p" -a 7 discover other=10.77.0.2,10.77.0.51 4011=10.77.0.1 | tail -n 1; }
check "and gets its file there" holds "^ack .* file=snponly.efi header=snponly.efi class=PXEClient" "$(proxy_uefi)"
proxy_offer() { at 10.77.0.51; dhcp -m "$p" -a 7 discover other=10.77.0.2,10.77.0.51 4011=10.77.0.1; }
check "which it does not read: in another form" holds "^offer .* file=snponly.efi .* vendor=060108ff$" "$(proxy_offer)"
check "that is read" tftp_read snponly.efi
read_by() { [ "$(newest_of "$1" stage)" = loader ]; }
check "which is seen" wait_for read_by "$p"
check "then the next one" holds "^ack .* file=ipxe.efi " "$(proxy_uefi)"
check "and the script" script "$p"
check "which is remembered" holds "^ack .* file=ipxe.efi " "$(proxy_uefi)"
q=$(mac 04:02)
proxy_bios() { at 10.77.0.52; dhcp -m "$q" -a 0 discover other=10.77.0.2,10.77.0.52 | head -n 1; }
check "BIOS has the file in the offer" \
	holds "^offer addr=0.0.0.0 .* file=undionly.kpxe .* class=PXEClient vendor=060108ff$" "$(proxy_bios)"
check "and reads it" tftp_read undionly.kpxe
recorded() { [ "$(newest_of "$q" stage)" = loader ] && [ "$(newest_of "$q" loader)" = undionly.kpxe ]; }
check "which is a boot on record" wait_for recorded
check "after it: the next" holds "^offer .* file=ipxe.pxe " "$(proxy_bios)"
check "read too" tftp_read ipxe.pxe
second() { [ "$(boots_of "$q")" = 2 ] && [ "$(newest_of "$q" loader)" = ipxe.pxe ]; }
check "that is another boot" wait_for second
check "and gets to the script" script "$q" "" pcbios
check "which is remembered" holds "^offer .* file=ipxe.pxe " "$(proxy_bios)"
check "iPXE has its script in the offer" holds "^offer addr=0.0.0.0 .* file=http://10.77.0.1/boot.ipxe .* vendor=060108ff$" \
	"$(away; dhcp -m "$(mac 04:03)" -k ipxe -a 7 discover)"
check "HTTP boot its URL" holds "^offer addr=0.0.0.0 .* file=http://10.77.0.1/loader/ipxe.efi .* class=HTTPClient vendor=-$" \
	"$(dhcp -m "$(mac 04:04)" -k http -a 16 discover)"
check "ARM64 gets no offer" holds "^silence$" "$(dhcp -m "$(mac 04:05)" -a 11 discover)"
check "for which there is a reason" because "$(mac 04:05)" no-boot-file "no loader for architecture 11"
check "firmware that takes the other's address" \
	holds "^offer " "$(dhcp -m "$(mac 04:06)" -a 0 discover other=10.77.0.2,10.77.0.56)"
check "is on its way" because "$(mac 04:06)" asking "right now"
ignored() { [ "$(newest_of "$i" reason)" = proxy-ignored ]; }
for _ in $(seq 300); do ignored 2>/dev/null && break; sleep 0.1; done
check "firmware that ignores a proxy goes on record" ignored
check "with what was seen and what to do" \
	holds "did not react to our boot file: 3 DISCOVERs, .* took 10.77.0.59 from 10.77.0.2.*mode = full" "$(newest_of "$i" sentence)"
ignores=$(name_of "$i")
check "which is why" because "$ignores" proxy-ignored "did not react to our boot file"
unblamed() { muster -o json host show "$(name_of "$i")" | jq -e '.loaders == []'; }
check "and its loader is not blamed" unblamed
exit $failed
