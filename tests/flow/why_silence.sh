#!/bin/bash
# shellcheck disable=SC2154 # work, B and packages are flow.sh's
# why_silence.sh: hosts that fall silent at each stage are noticed by the server, without anybody
# asking, and `muster host why` says what they did last; hosts that come up and do not stay; a boot as
# a picture; how many boots are kept. The hosts are played, by DHCP clients and curl.
# takes: 60 s
. "${0%/*}/../support/flow.sh"
tests/support/unpack.sh tftpd-hpa "$packages" 2>/dev/null || skip 'no tftpd-hpa'
flow_enter "$@"
. tests/support/why_site.sh

# ---- silence: noticed by the server, without anybody asking. Each host is played up to a point.
configure 'admission = open' 'image = tiny'
sed -i 's/^range = .*/range = 10.77.0.100-10.77.0.180/' "$work/muster.conf"
printf '[boot]\nsilence-min = 5s\nsilence-max = 6s\n' >>"$work/muster.conf"
cat >"$work/recipes/agent.sh" <<'END'
#!/bin/sh
head -c 3000000 /dev/urandom >"$1/vmlinuz"
head -c 30000000 /dev/urandom >"$1/agent.cpio"
cat >"$1/image.json" <<'JSON'
{ "name": "agent", "version": "1", "kind": "linux", "channel": "test", "args": "quiet",
  "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" },
  { "role": "initrd", "name": "agent.cpio" } ] }
JSON
END
chmod +x "$work/recipes/agent.sh"
muster image build agent --recipes "$work/recipes" -o "$work/agent" >/dev/null 2>&1
muster image sign "$work/agent" --key release >/dev/null
check 'the server starts' server_start
muster image import "$work/tiny" "$work/agent" >/dev/null
ip -n host addr add 10.77.0.250/24 dev eth0
# What a host breaks off reading must not be waiting in sockets as a whole.
ip netns exec host sh -c 'echo "4096 65536 262144" >/proc/sys/net/ipv4/tcp_rmem'
ip netns exec server sh -c 'echo "4096 65536 262144" >/proc/sys/net/ipv4/tcp_wmem'

mac() { printf '52:54:00:00:04:%02d' "$1"; }
known() { muster host add "$1" --mac "$(mac "$2")" >/dev/null; }
leased() { # HOST N [dhcp_host's options]: a known host takes an address, which is in $addr
	known "$1" "$2"
	dhcp -m "$(mac "$2")" -a 0 "${@:3}" discover request
	addr=$(sed -n 's/^ack addr=\([0-9.]*\) .*/\1/p' "$work/dhcp.out")
	ip -n host addr add "$addr/24" dev eth0
}
from() { ip netns exec host curl -sS --max-time 10 --interface "$1" "${@:2}"; }
# Not by --limit-rate, which on a busy machine now and then lets all through at once.
broken_off() { from "$@" 2>/dev/null | head -c 100000 >/dev/null; }
script() { from 10.77.0.250 -o "$work/script" "http://10.77.0.1/boot.ipxe?mac=$(mac "$1")&platform=pcbios"; }
url_of() { echo "http://10.77.0.1/blobs/sha256/$(sha256sum "$1" | cut -d' ' -f1)"; }
post() { # TOKEN PATH JSON
	from 10.77.0.250 -o "$work/post" -H "Authorization: Bearer $1" -d "$3" "http://10.77.0.1/v1/agent/$2"
}
facts() { # N: the session is in $token
	from 10.77.0.250 -o "$work/facts" http://10.77.0.1/v1/agent/facts \
		-d "{ \"agent\": \"1\", \"firmware\": \"bios\", \"nics\": [ { \"mac\": \"$(mac "$1")\" } ] }"
	token=$(jq -r .session "$work/facts")
}
nonce=$(printf '%064d' 7)
ticket() { post "$1" ticket "{ \"nonce\": \"$nonce\", \"root\": 0 }"; }
progress() { post "$1" progress "{ \"stage\": \"$2\", \"what\": \"$3\", \"files_bytes\": 100, \"files_total\": 400, \"file\": \"initrd\" }"; }
handoff() { post "$1" handoff '{ "kind": "linux", "way": "kexec", "manifest": "" }'; }
come_up() { # N: as far as `up`; the session is in $token
	facts "$1"
	ticket "$token"
	progress "$token" verify finished
	handoff "$token"
	post "$token" up "{ \"nonce\": \"$(jq -r .boot_json "$work/post" | jq -r .nonce)\", \"guest\": \"g\", \"hypervisor\": \"kvm\" }"
}

known silent1 1 && dhcp -m "$(mac 1)" -a 0 discover
leased silent2 2
leased silent3 3 && from "$addr" -o "$work/read" "tftp://10.77.0.1/undionly.kpxe"
leased silent4 4 && from "$addr" -o "$work/read" "tftp://10.77.0.1/nothing.efi" 2>/dev/null
leased silent5 5
for _ in 1 2 3; do # requests whose answers are lost
	printf '\0\1undionly.kpxe\0octet\0' | ip netns exec host socat -u - "UDP:10.77.0.1:69,bind=$addr"
done
known silent6 6 && dhcp -m "$(mac 6)" -k ipxe -a 0 discover request
known silent7 7 && script 7
leased silent8 8 && from "$addr" -o "$work/script" "http://10.77.0.1/boot.ipxe?mac=$(mac 8)&platform=pcbios" &&
	from "$addr" -o "$work/read" "$(url_of "$work/agent/vmlinuz")" &&
	broken_off "$addr" "$(url_of "$work/agent/agent.cpio")"
leased silent9 9 && from "$addr" -o "$work/script" "http://10.77.0.1/boot.ipxe?mac=$(mac 9)&platform=pcbios" &&
	for file in vmlinuz agent.cpio; do from "$addr" -o "$work/read" "$(url_of "$work/agent/$file")"; done
known silent10 10 && facts 10
known silent11 11 && facts 11 && ticket "$token" && progress "$token" image started && progress "$token" image progress
known silent12 12 && facts 12 && ticket "$token" && progress "$token" verify finished
known silent13 13 && facts 13 && ticket "$token" && progress "$token" verify finished && handoff "$token"
head -c 4000000 /dev/urandom >"$work/loaders/ipxe.efi"
leased silent15 15 -k http -a 16 &&
	broken_off "$addr" http://10.77.0.1/loader/ipxe.efi
leased refused 14 -a 7 && from "$addr" -o "$work/read" "tftp://10.77.0.1/snponly.efi" &&
	dhcp -m "$(mac 14)" -a 7 discover request

# a box that boots, and is then given a role that has had a boot meanwhile
known box 16 && known role 17 && facts 16 && box=$(jq .boot "$work/facts")
facts 17 && post "$token" failed '{ "stage": "agent", "message": "it had enough" }'
muster host replace role --by box --force >/dev/null
check 'an agent that gives up without a code' because role agent 'gave up: it had enough'
refused() { muster -o json host show refused | jq -e '.boots[1] | .reason == "secure-boot" and (.sentence | test("did not start it; it started over: as Secure Boot does"))'; }
check 'UEFI that comes back at once has refused its loader' refused
reason_of() { muster -o json host show "$1" | jq -r '.boots[0].reason'; }
failed_as() { [ "$(reason_of "$1")" = "$2" ]; }
silent() { # HOST CODE TEXT
	check "$1 is failed by the server: $2" wait_for 30 failed_as "$1" "$2"
	check 'and explained so' because "$1" "$2" "$3"
}
silent silent1 offer-ignored 'never took it'
silent silent2 loader-not-asked 'never asked for its loader undionly.kpxe'
silent silent3 loader-dead 'read its loader undionly.kpxe, and it never spoke'
silent silent4 loader-missing 'the loader nothing.efi'
silent silent5 tftp-blocked 'again and again'
silent silent6 script-not-asked 'never asked for its script'
silent silent7 agent-not-asked "never asked for the agent's kernel"
silent silent8 agent-cut-short '(agent.cpio)'
silent silent9 agent-silent 'the agent never spoke'
silent silent10 agent-died 'and then stopped'
silent silent11 image-stalled 'at 25 %'
silent silent12 verified-silent 'did not hand over'
silent silent13 hypervisor-silent 'which never reported'
silent silent15 loader-aborted 'broke off reading its loader ipxe.efi'
swapped() { muster -o json host show role | jq -e --argjson id "$box" '.boots[] | select(.id == $id) | .reason == "agent-died"'; }
check 'a box falls silent in its new role' wait_for 30 swapped
check 'how long it was silent' eval 'jq -r .sentence "$work/why.json" | grep -q "nothing was heard of it for [0-9]* s"'

# ---- replay: an earlier boot as a picture
boot=$(muster -o json host show refused | jq '.boots[1].id')
check 'an earlier boot as a picture' muster host timeline refused --boot "$boot" --svg -o "$work/boot.svg"
check 'which is well-formed' xmllint --noout "$work/boot.svg"
check 'and of that boot' grep -q "boot $boot .*did not start it\|boot $boot " "$work/boot.svg"
check 'on standard output' eval 'muster host timeline silent11 --svg | xmllint --noout - && muster host timeline silent11 --svg | grep -q "image-stalled"'
check 'not of several hosts' exits 2 muster host timeline silent1 silent2 --svg

# ---- what comes up, and does not stay
known good 20 && come_up 20
check 'a host that is up' because good up 'good is up: tiny 1'
check 'is no failure' exits 0 muster host why good
known wrong 21 && facts 21 && ticket "$token" && handoff "$token" &&
	post "$token" up '{ "nonce": "00112233445566778899aabbccddeeff", "guest": "x" }'
check 'a guest with the word of another boot' because wrong nonce "another nonce than this boot's"
failed_by() { # HOST N STAGE CODE MESSAGE: as its agent says
	known "$1" "$2" && facts "$2" && ticket "$token" && handoff "$token" &&
		post "$token" failed "{ \"stage\": \"$3\", \"code\": \"$4\", \"message\": \"$5\" }"
}
failed_by novirt 22 up hypervisor 'This machine has no /dev/kvm.'
check 'a machine without virtualization' because novirt hypervisor 'no /dev/kvm'
failed_by noguest 23 up guest 'The guest was silent for 60 s.'
check 'a guest that is silent' because noguest guest 'silent for 60 s'
failed_by locked 24 handoff kexec 'The kernel of image tiny was not accepted: kexec is locked (Secure Boot or kernel.kexec_load_disabled) (errno 1).'
check 'a kexec that is locked' because locked kexec-locked 'locked down'
failed_by noise 35 handoff unpack 'The files of image tiny could not be unpacked: Bad message.'
check 'a ramdisk that is no archive' because noise unpack 'could not be unpacked on noise'
failed_by newer 33 verify flux 'The flux is too high.'
check 'a code of a newer agent' because newer failed 'did not boot: The flux is too high'
known unloaded 34 && script 34 &&
	from 10.77.0.250 -o "$work/script" "http://10.77.0.1/boot.ipxe?mac=$(mac 34)&failed=kernel&errno=2d0c6139&try=5"
check 'iPXE that cannot load the agent' because unloaded agent-load "the agent's kernel: error 2d0c6139"
known looping 25
for _ in 1 2 3 4; do facts 25 && ticket "$token" && handoff "$token"; done
facts 25
check 'a host that starts over and over' because looping boot-loop '5 boots in'
loop_seen() { muster events --host looping -o json | grep -q 'boot loop: [34] boots before it'; }
check 'as its timeline says' loop_seen
slow() { # 400 bytes in some ms are usual: 100 bytes in 11 s are not
	known slow 26 && facts 26 && ticket "$token" && progress "$token" image started
	for _ in $(seq 11); do sleep 1; progress "$token" image progress; done
	because slow slow-line '; usual is'
}
for n in 27 28 29; do
	facts $n && ticket "$token" && progress "$token" image started && progress "$token" image progress
	from 10.77.0.250 -o "$work/post" -H "Authorization: Bearer $token" http://10.77.0.1/v1/agent/progress \
		-d '{ "stage": "image", "what": "finished", "file": "initrd", "bytes": 400, "total": 400 }'
	progress "$token" verify finished && handoff "$token"
	post "$token" up "{ \"nonce\": \"$(jq -r .boot_json "$work/post" | jq -r .nonce)\", \"guest\": \"g\" }"
done
check 'a slow line' slow

# ---- a core that ends meanwhile: silence goes on, but not for what nobody could hear
known away 30 && facts 30
pkill -KILL -P "$server" -x musterd-core
check 'core is back' wait_for 10 muster status
check 'nobody is failed for it' because away booting 'stage agent'
silent away agent-died 'and then stopped'
server_kill
server_run LD_PRELOAD="$B/support/other_clock.so" OTHER_CLOCK=600
check 'ten minutes later' wait_for 20 muster status
check 'a host that was up' because good lost 'was up and has been silent for 1'
check 'is a failure' exits 1 muster host why good

# ---- turns, and how much is kept
server_kill
sed -i "s/^\\[tftp\\]/[http]\\ntransfers-max = 1\\n[tftp]/" "$work/muster.conf"
echo 'keep-boots = 2' >>"$work/muster.conf"
server_start
known first 31 && facts 31 && ticket "$token"
known second 32 && facts 32 && ticket "$token"
check 'a host whose turn it is not' because second turn 'position 1'
check 'is on its way' exits 0 muster host why second
boots() { [ "$(muster -o json host show looping | jq '.boots | length')" = "$1" ]; }
check 'old boots are forgotten' wait_for 30 boots 2
exit $failed
