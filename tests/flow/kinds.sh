#!/usr/bin/env bash
# Images that the loader starts by itself, as iPXE asks for them with curl: who gets a script, what is
# in it, what a boot may say with its token and what it may not; values of hosts; another box for a
# role. Needs root for a network namespace.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=$(realpath "${B:-build/release}")
failed=0
work=$(mktemp -d)
ns=muskinds$$
server=

check() { # NAME EXPECTED ACTUAL
	if [ "$2" = "$3" ]; then
		echo "ok kinds: $1"
	else
		echo "not ok kinds: $1"
		printf '%s\n' "# expected: $2" "# actual:   $3"
		failed=1
	fi
}
cleanup() {
	[ -z "$server" ] || { kill -9 "$server" && wait "$server"; } 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ "$(id -u)" != 0 ] || ! ip netns add "$ns" 2>/dev/null; then
	echo "skip kinds # needs root and network namespaces"
	exit 0
fi
ip -n "$ns" link set lo up
ip -n "$ns" link add br0 type bridge
ip -n "$ns" addr add 10.77.0.1/24 dev br0
for i in 51 52 53 54; do ip -n "$ns" addr add "10.77.0.$i/24" dev br0; done
ip -n "$ns" link set br0 up
chmod 755 "$work"

. tests/support/because.sh
muster() { "$B/muster" --socket "$work/run/muster.sock" "$@"; }
api() { curl -sS --unix-socket "$work/run/muster.sock" "http://m/api/v1$1" "${@:2}"; }
get() { # ADDRESS PATH [CURL...]: the status, the body is in $work/out
	ip netns exec "$ns" curl -sS --interface "$1" -o "$work/out" -w '%{http_code}' "http://10.77.0.1$2" "${@:3}"
}
script() { # ADDRESS MAC PLATFORM [MORE]
	get "$1" "/boot.ipxe?mac=${2//:/-}&platform=$3${4:-}"
}
has() { grep -cF -- "$1" "$work/out"; }
start() {
	ip netns exec "$ns" "$B/musterd" -f -c "$work/muster.conf" >>"$work/log" 2>&1 &
	server=$!
	for _ in $(seq 100); do muster status >/dev/null 2>&1 && return; sleep 0.05; done
}
token() { sed -n 's,.*/v1/boot/\([0-9a-f]*\)/handoff.*,\1,p' "$work/out"; }
state() { api "/hosts/$1" | jq -r '[.state, .stage] | join(" ")'; }

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
mkdir -p "$work/state/keys/trust" "$work/esx/efi/boot"
for key in release site; do "$B/muster" key generate $key --dir "$work/keys" >/dev/null 2>&1; done
cp "$work"/keys/site.{key,pub} "$work/state/keys/"
cp "$work/keys/release.pub" "$work/state/keys/trust/"
chown -R nobody: "$work/state"
start

zeros() { head -c "$1" /dev/zero; }
{ printf 'MZ'; zeros 58; printf '\x80\0\0\0'; zeros 64; printf 'PE\0\0\x64\x86'; zeros 18
	printf '\x0b\x02'; zeros 66; printf '\x0a\0'; zeros 1024; } >"$work/x.efi"
cp "$work/x.efi" "$work/esx/efi/boot/bootx64.efi"
echo kernel >"$work/esx/b.b00"
echo module >"$work/esx/s.v00"
echo crypto >"$work/esx/efi/boot/crypto64.efi"
printf 'prefix=\nkernel=/b.b00\nkernelopt=runweasel\nmodules=/s.v00 x=1\nbuild=8.0.3\n' >"$work/esx/boot.cfg"
image() { local name=$1; shift; muster image build -o "$work/$name" --name "$name" "$@" >/dev/null 2>&1 &&
	muster image sign "$work/$name" --key "$work/keys/release.key" >/dev/null 2>&1 &&
	muster image import "$work/$name" >/dev/null 2>&1; }
image efi --efi "$work/x.efi" --with "$work/esx/b.b00" --args 'who=@{host} at=@{place}'
image plain --efi "$work/x.efi"
image esxi --from "$work/esx" --args 'ks=@{ks}'
image disk --san
check 'images of four kinds' 'disk san,efi efi,esxi esxi,plain efi' \
	"$(api /images | jq -r '[.images[] | .name + " " + .kind] | sort | join(",")')"

# ---- who gets a script
A=52:54:00:aa:00:01
script 10.77.0.51 $A efi >/dev/null
name=$(api /hosts | jq -r '.hosts[0].name')
muster host set "$name" --name h1 >/dev/null
muster host set h1 --image efi >/dev/null
script 10.77.0.51 $A efi >/dev/null
code=$(api /hosts/h1 | jq -r .code)
check 'a host that is not admitted waits, with its code on the screen' 1 "$(has "waits for its admission, code $code")"
muster host approve h1 >/dev/null
script 10.77.0.51 $A efi >/dev/null
check 'a value that is missing is named' 1 "$(has 'the image wants the value place, which h1 does not have')"
muster host set h1 --value place=rack-7 --value asset=42 >/dev/null
image odd --efi "$work/x.efi" --args 'a=@{b;c} $x'
muster host set h1 --image odd >/dev/null
check 'what is no text for a script is shown as none' '200 1' \
	"$(script 10.77.0.51 $A efi) $(has 'the image wants the value b?c, which')"
muster host set h1 --image efi >/dev/null
check 'a script' 200 "$(script 10.77.0.51 $A efi)"
check 'with the arguments filled in' 1 "$(has ' who=h1 at=rack-7 || goto failed')"
check 'and the file beside it' 1 "$(has 'imgfetch --name b.b00 --timeout 60000 http://10.77.0.1/blobs/sha256/')"
one=$(token)
check 'the boot is bound' 'open image' "$(state h1)"

# ---- what a boot says
check 'a token that is none' 404 "$(get 10.77.0.51 /v1/boot/00112233445566778899aabbccddeeff/up)"
check 'the token of nobody' 404 "$(get 10.77.0.51 /v1/boot//up)"
check 'a word that is none' 404 "$(get 10.77.0.51 "/v1/boot/$one/down")"
check 'no boot.cfg for an EFI program' 404 "$(get 10.77.0.51 "/v1/boot/$one/boot.cfg")"
check 'asking is not saying' 'open image' "$(get 10.77.0.51 "/v1/boot/$one/up" -I >/dev/null; state h1)"
check 'the hand-off' '200 open handoff' "$(get 10.77.0.51 "/v1/boot/$one/handoff") $(state h1)"
check 'nobody will know more' '' "$(because h1 handed-over 'that system does not report')"
check 'a hand-off by address alone does not count' 404 "$(get 10.77.0.51 /v1/boot/here/handoff)"
check 'no boot at that address' 404 "$(get 10.77.0.54 /v1/boot/here/up)"
check 'up' '200 up up' "$(get 10.77.0.52 "/v1/boot/$one/up?detail=all%20is%20well%0a") $(state h1)"
check 'said twice' 200 "$(get 10.77.0.51 "/v1/boot/$one/up")"
check 'a detail with control characters is dropped' "it reported, with the boot's token" \
	"$(api "/boots/$(api /hosts/h1 | jq .boot)" | jq -r '.events[] | select(.stage == "up") | .detail')"

script 10.77.0.51 $A efi >/dev/null
two=$(token)
get 10.77.0.51 "/v1/boot/$two/handoff" >/dev/null
script 10.77.0.51 $A efi >/dev/null
check 'a boot that nobody heard of again is over' over "$(api /hosts/h1/boots | jq -r '.boots[1].state')"
check 'its token is no longer heard' 409 "$(get 10.77.0.51 "/v1/boot/$two/up")"
three=$(token)
get 10.77.0.51 "/v1/boot/$three/handoff" >/dev/null
for try in 1 2 3 4 5; do script 10.77.0.51 $A efi "&failed=start&errno=0&try=$try" >/dev/null; done
check 'a program that comes back five times has failed' 'failed loader-start' \
	"$(api /hosts/h1/boots | jq -r '.boots[0] | [.state, .reason] | join(" ")')"
check 'and why' 'efi was started and came back, try 5' "$(api /hosts/h1/boots | jq -r '.boots[0].sentence')"
check 'asked why' '' "$(because h1 loader-start 'could not start efi 1: efi was started and came back, try 5')"

# ---- firmware without a loader
muster host set h1 --image plain >/dev/null
script 10.77.0.51 $A efi >/dev/null
check 'the EFI program itself' "200 $(stat -c %s "$work/x.efi")" "$(get 10.77.0.51 /efi/image.efi) $(stat -c %s "$work/out")"
check 'its type' application/efi "$(get 10.77.0.51 /efi/image.efi -I >/dev/null; sed -n 's/^Content-Type: \(.*\)\r/\1/p' "$work/out")"
check 'not what is no CD' 404 "$(get 10.77.0.51 /efi/image.iso)"
check 'not for an address that boots nothing' 404 "$(get 10.77.0.54 /efi/image.efi)"
digest=$(sha256sum <"$work/esx/s.v00" | cut -d' ' -f1)
check 'a blob with a name behind it' '200 module' "$(get 10.77.0.51 "/blobs/sha256/$digest/s.v00") $(cat "$work/out")"
check 'no more than a name' 404 "$(get 10.77.0.51 "/blobs/sha256/$digest/a/b")"

# ---- ESXi
muster host add h2 --mac 52:54:00:aa:00:02 --image esxi --value ks=http://h/h2.cfg >/dev/null
script 10.77.0.52 52:54:00:aa:00:02 pcbios >/dev/null
check 'ESXi on a BIOS is refused' 1 "$(has 'iPXE cannot start mboot.c32, ESXi for a BIOS')"
script 10.77.0.52 52:54:00:aa:00:02 pcbios >/dev/null
check 'on record once' 1 "$(api "/boots/$(api /hosts/h2 | jq .boot)" | jq '[.events[] | select(.what == "seen")] | length')"
api /hosts/h2 -X DELETE >/dev/null
muster host add h2 --mac 52:54:00:aa:00:02 --image esxi --value ks=http://h/h2.cfg >/dev/null
script 10.77.0.52 52:54:00:aa:00:02 efi >/dev/null
esx=$(token)
check 'mboot with its boot.cfg' 1 "$(has " -c http://10.77.0.1/v1/boot/$esx/boot.cfg || goto failed")"
check 'boot.cfg' 200 "$(get 10.77.0.52 "/v1/boot/$esx/boot.cfg")"
d() { sha256sum <"$work/esx/$1" | cut -d' ' -f1; }
check 'as it shall be' "build=8.0.3
prefix=http://10.77.0.1/blobs/sha256
kernelopt=runweasel ks=http://h/h2.cfg
kernel=$(d b.b00)/b.b00
modules=$(d s.v00)/s.v00 x=1
crypto=$(d efi/boot/crypto64.efi)/crypto64.efi" "$(cat "$work/out")"
muster host set h2 --no-value ks >/dev/null
check 'without the value no half a boot.cfg' '409 1' "$(get 10.77.0.52 "/v1/boot/$esx/boot.cfg") $(has 'wants the value ks')"

# ---- a disk of the network
muster host add h3 --mac 52:54:00:aa:00:03 --image disk --value san-target=10.9.9.9 \
	--value san-iqn=iqn.2026-01.x:h3 --value chap-name=h3 --value chap-secret=t0psecret >/dev/null
script 10.77.0.53 52:54:00:aa:00:03 pcbios >/dev/null
san=$(token)
check "the disk's address" 1 "$(has 'sanhook --drive 0x80 iscsi:10.9.9.9:::0:iqn.2026-01.x:h3 || goto failed')"
check 'what the host calls itself' 1 "$(has 'set initiator-iqn iqn.2010-04.org.ipxe:h3')"
check 'the secret is not in the script' 0 "$(has t0psecret)"
check 'nor for another address' 403 "$(get 10.77.0.52 "/v1/boot/$san/chap.ipxe")"
check 'nor by address alone' 404 "$(get 10.77.0.53 /v1/boot/here/chap.ipxe)"
check 'nor over the socket of the API' 403 \
	"$(curl -sS -o "$work/out" -w '%{http_code}' --unix-socket "$work/run/muster.sock" "http://m/v1/boot/$san/chap.ipxe")"
check 'the boot itself gets it' '200 1' "$(get 10.77.0.53 "/v1/boot/$san/chap.ipxe") $(has 'set password t0psecret')"
kill -TERM "$server"; wait "$server" 2>/dev/null; start
check 'once, also after a restart' 409 "$(get 10.77.0.53 "/v1/boot/$san/chap.ipxe")"
check 'the API does not show it' '{"chap-name":"h3","chap-secret":null,"san-iqn":"iqn.2026-01.x:h3","san-target":"10.9.9.9"}' \
	"$(api /hosts/h3 | jq -cS .values)"
check 'nor does the log' 0 "$(grep -c t0psecret "$work/log")"

# ---- values that are refused
for bad in 'Place=x' '1a=x' 'a_b=x' 'ks=a b"c' "ks=\$(x)" 'ks=a;b' "ks=$(zeros 300 | tr '\0' x)" "$(zeros 40 | tr '\0' n)=x"; do
	muster host set h1 --value "$bad" >"$work/out" 2>&1
	check "refused: ${bad:0:20}" 1 $?
done
check 'they are as they were' '{"asset":"42","place":"rack-7"}' "$(api /hosts/h1 | jq -cS .values)"
body=$(jq -nc '{values: ([range(31)] | map({key: "v\(.)", value: "x"}) | from_entries)}')
check 'at most 32' 422 "$(api /hosts/h1 -X PATCH -d "$body" -o "$work/out" -w '%{http_code}')"

# ---- another box
muster host set h3 --ip 10.77.0.60 >/dev/null
check 'a box that has a role keeps it' 4 "$(muster host replace h3 --by h1 >/dev/null 2>&1; echo $?)"
check 'its own box is no other' 4 "$(muster host replace h3 --by 52:54:00:aa:00:03 >/dev/null 2>&1; echo $?)"
check 'a code that nobody shows' 3 "$(muster host replace h3 --by 'no such box' >/dev/null 2>&1; echo $?)"
script 10.77.0.54 52:54:00:aa:00:09 efi '&serial=SPARE-9' >/dev/null
check 'a box that was seen, by its serial number' 0 "$(muster host replace h3 --by SPARE-9 >/dev/null 2>&1; echo $?)"
check 'has the role' '["52:54:00:aa:00:09"] SPARE-9 disk 10.77.0.60 iqn.2026-01.x:h3 true' \
	"$(api /hosts/h3 | jq -r '[(.macs | tojson), .serial, .image, .ip, .values["san-iqn"], .admitted] | join(" ")')"
old=$(api /hosts | jq -r '.hosts[] | select(.macs == ["52:54:00:aa:00:03"]) | .name')
check 'the old box has none' 'null null {} false' "$(api "/hosts/$old" | jq -r '[.image // "null", .ip // "null", (.values | tojson), .admitted] | join(" ")')"
check 'the script goes to the new box' 200 "$(script 10.77.0.54 52:54:00:aa:00:09 efi)"
check "with the role's disk" 1 "$(has 'iqn.2026-01.x:h3')"
script 10.77.0.53 52:54:00:aa:00:03 efi >/dev/null
check 'and none to the old one' 0 "$(has sanhook)"
check 'a box that was never seen, by its address' 0 "$(muster host replace h3 --by 52:54:00:aa:00:0a >/dev/null 2>&1; echo $?)"
check 'its address is the role now' '["52:54:00:aa:00:0a"]' "$(api /hosts/h3 | jq -c .macs)"
script 10.77.0.51 52:54:00:aa:00:0b efi >/dev/null
waits=$(api /hosts | jq -r '.hosts[] | select(.macs == ["52:54:00:aa:00:0b"]) | .name')
muster host set "$waits" --image plain >/dev/null
script 10.77.0.51 52:54:00:aa:00:0b efi >/dev/null
code=$(api "/hosts/$waits" | jq -r .code)
check 'a host that waits, by the code on its screen' 0 "$(muster host replace h3 --by "$code" >/dev/null 2>&1; echo $?)"
check 'its box has the role' '["52:54:00:aa:00:0b"]' "$(api /hosts/h3 | jq -c .macs)"
check 'its boot went with it' open "$(api /hosts/h3 | jq -r .state)"

# ---- a role that was handed over, whose box leaves in the middle of its next boot
muster host add h4 --mac 52:54:00:aa:00:0c --image plain >/dev/null
script 10.77.0.52 52:54:00:aa:00:0c efi >/dev/null
get 10.77.0.52 "/v1/boot/$(token)/handoff" >/dev/null
script 10.77.0.52 52:54:00:aa:00:0c efi >/dev/null
muster host replace h4 --by 52:54:00:aa:00:0d >/dev/null
check 'what is known of the role is over' '' "$(because h4 over 'plain 1 was handed over to h4, which started over later')"
[ $failed = 0 ] || tail -20 "$work/log" | sed 's/^/# /'
exit $failed
