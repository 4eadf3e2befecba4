#!/usr/bin/env bash
# `muster simulate` against a real musterd: through a relay and on a link; a server that dies in the
# middle and comes back; what fails is reported as failed, with its reason, and nothing else is.
# takes: 60 s
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
tests/support/unpack.sh tftpd-hpa "$packages" 2>/dev/null || skip 'no tftpd-hpa'
flow_enter "$@"
# shellcheck source=tests/support/rehearsal.sh
. tests/support/rehearsal.sh

# the image is larger than what the kernel still sends of a server that is dead
AGENT=200000 IMAGE=24000000
report=$work/report.json

# says FILTER: jq over the report of the last run that was kept.
says() { jq -e "$1" "$report" || { cat "$report"; return 1; }; }
# rehearse WORDS...: its report is kept; succeeds when the exit status is 0.
rehearse() { rm -f "$report"; "$@" -o json >"$report"; }
fails() { ! "$@"; }
refused() { # STATUS COMMAND...
	local status=$1

	shift
	"$@"
	[ $? = "$status" ]
}
recorded() { # N STAGE: so many hosts are at this stage
	[ "$(api /hosts | jq "[.hosts[] | select(.stage == \"$2\")] | length")" = "$1" ]
}
addresses() { ip -n hosts -4 -o addr show | wc -l; }

rehearsal_links
before=$(addresses)
check 'the site is set up' rehearsal_site approve "$AGENT" "$IMAGE"
[ $failed = 0 ] || exit 1 # nothing that follows would mean anything

# ---- both ways to the server
check 'hosts behind a relay boot' rehearse simulate_relayed --hosts 20 --tftp-share 25%
check 'all of them' says '.hosts == 20 and .finished == 20 and .failed == 0 and .failures == []'
check 'a quarter read a loader' says '[.stages[] | select(.stage == "loader").hosts] == [5]'
check 'each all of its bytes' says ".bytes == 20 * ($AGENT + $IMAGE) + 5 * 300000"
check 'the stages sum up' says \
	'([.stages[] | select(.stage != "loader").p50_ms] | add) <= .whole.slowest_ms and .fairness >= 1'
check 'the server saw them come up' recorded 20 up
check 'and each of its steps' [ "$(api '/events?limit=1000' | jq '[.events[] | select(.host == "sim-0004").stage] | unique | length')" = 10 ]
reader=$(api '/events?limit=1000' | jq -r '[.events[] | select(.source == "tftp").host][0]')
muster host timeline "$reader" >"$work/timeline"
check 'a loader by TFTP is as large as its file, and its end inferred' \
	grep -E '  . loader .* 293.0 KiB asked, end inferred$' "$work/timeline"
check 'no nonce is for people to read' eval "! grep -E '[0-9a-f]{16}' '$work/timeline'"
muster host show "$reader" >"$work/show"
check 'what a machine did not say leaves no holes' eval "! grep -E ' ,|: ,|  +, |x  ' '$work/show'"
check 'as no machine of this world' [ "$(api /hosts | jq -r '[.hosts[].product] | unique[]')" = simulated-host ]
check 'their addresses are off this machine' [ "$(addresses)" = "$before" ]
check 'hosts on a link boot' rehearse simulate_direct --hosts 20 --rate 40 --prefix 06:00:07
check 'all of these' says '.finished == 20'
check 'not all at once' says '.ms >= 400'

# ---- forgetting them
check 'those of one prefix are forgotten' muster simulate --clean --prefix 06:00:07 --yes
check 'the others stay' [ "$(api /hosts | jq '.hosts | length')" = 20 ]
check 'a name of each says the rest' muster host rm 'sim-[0001-0020]' --yes
check 'nobody is left' [ "$(api /hosts | jq '.hosts | length')" = 0 ]

# ---- what must not be
check 'a relay alone is not enough' refused 2 simulate --hosts 2 --relay 10.65.0.1
check 'nor is a prefix of real cards' refused 2 simulate_relayed --hosts 2 --prefix 00:1b:21
check 'an image that is not there' fails rehearse simulate_relayed --hosts 2 --image nothing --timeout 4s
check 'is what it says' says '.failed == 2 and .failures[0].stage == "image" and .failures[0].hosts == 2 and (.failures[0].reason | test("no image"))'
mkdir "$work/trust"
cp "$work/keys/stranger.pub" "$work/trust/release-1.pub"
cp "$work/keys/site.pub" "$work/trust/site-1.pub"
muster simulate --clean --yes >/dev/null
check 'images of an unknown key' fails rehearse simulate_relayed --hosts 3 --trust "$work/trust"
check 'are refused by each host' says '.failed == 3 and (.failures[0].reason | test("channel-signature"))'
check 'and on record' recorded 3 failed
check 'a real host begins to boot' ip netns exec hosts "$B/support/dhcp_host" -i eth0 -m 52:54:00:00:00:01 discover request
check 'then nobody simulates by mistake' refused 2 simulate_relayed --hosts 2
check 'but who says so' rehearse simulate_relayed --hosts 2 --yes
muster host rm all --yes >/dev/null

# ---- a server that dies in the middle and comes back
# A loader by TFTP is lost with its server, as firmware has it; whoever is past it finishes.
slow() { # 24 MB for each of 20 hosts: 64 s
	ip netns exec server tc qdisc add dev eth0 root tbf rate 60mbit burst 256k limit 8m
}
loading() { [ "$(api /hosts | jq '[.hosts[] | select(.stage == "image")] | length')" -ge "$1" ]; }
check 'the link is slow' slow
simulate_relayed --hosts 20 --tftp-share 0 -o json >"$report" &
run=$!
check 'hosts load their image' wait_for 20 loading 15
server_kill
ip netns exec server tc qdisc del dev eth0 root
sleep 1 # the time that it is away
check 'the server is back' server_start
check 'every host finishes by itself' wait $run
check 'nothing is lost, nothing loaded twice' says ".finished == 20 and .bytes >= 20 * ($AGENT + $IMAGE) and .bytes < 22 * ($AGENT + $IMAGE)"
check 'they had to try again' says '.repeats >= 15'
check 'the server knows that they are up' recorded 20 up

# ---- a session that is lost: the hosts are forgotten while they load
muster host rm all --yes >/dev/null
slow
simulate_relayed --hosts 5 --tftp-share 0 -o json >"$report" &
run=$!
check 'five hosts load their image' wait_for 20 loading 5
check 'and are forgotten' muster host rm all --yes
ip netns exec server tc qdisc del dev eth0 root
unknown() { [ "$(api /hosts | jq '[.hosts[] | select(.admitted | not)] | length')" = "$1" ]; }
check 'each comes as a stranger' wait_for 20 unknown 5
approve_all() { api /hosts | jq -r '.hosts[].name' | while read -r name; do muster host approve "$name" || return; done; }
check 'they are let in' approve_all
check 'and finish' wait $run
check 'nothing is loaded twice' says ".finished == 5 and .bytes == 5 * ($AGENT + $IMAGE)"

# ---- turns
muster host rm all --yes >/dev/null
cp "$work/muster.conf" "$work/without"
turns() { # CONFIGURATION
	server_kill
	cp "$1" "$work/muster.conf"
	server_start
}
{ cat "$work/without"; printf '[http]\ntransfers-max = 3\n'; } >"$work/with"
check 'three transfers at a time' turns "$work/with"
check 'twelve hosts at once' rehearse simulate_relayed --hosts 12 --tftp-share 0
check 'all boot, some in a queue' says '.finished == 12 and .queue.hosts >= 6 and .queue.slowest_ms >= 900 and .repeats == 0'
check 'any number again' turns "$work/without"

# ---- and one that stays away
muster host rm all --yes >/dev/null
slow
simulate_relayed --hosts 20 --tftp-share 0 --timeout 10s -o json >"$report" &
run=$!
check 'hosts are under way' wait_for 9 loading 15
server_kill
check 'a run without a server fails' fails wait $run
check 'all are reported as failed, where they were' says '.finished == 0 and .failed == 20 and ([.failures[].hosts] | add) == 20 and .failures[0].stage == "image"'
check 'their addresses are off this machine then, too' [ "$(addresses)" = "$before" ]
exit $failed
