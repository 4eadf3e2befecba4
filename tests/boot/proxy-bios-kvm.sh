#!/bin/bash
# A network that has a DHCP server already, which knows nothing of booting: dnsmasq on the same
# bridge gives the addresses, musterd in proxy mode everything else.
. "${0%/*}/lab.sh"

LAB_IMAGE=kvm

# A namespace of its own for dnsmasq, joined to the bridge by a pair of interfaces.
other_dhcp_server() {
	local pid

	unshare --net sleep infinity &
	pid=$!
	lab_until 5 "[ \$(readlink /proc/$pid/ns/net) != $(readlink /proc/self/ns/net) ]" ||
		lab_die 'no namespace'
	ip link add mus-dhcp type veth peer name eth0 netns "$pid" || lab_die 'no veth'
	ip link set mus-dhcp master mus0 up
	nsenter -t "$pid" --net sh -c "ip link set lo up; ip link set eth0 up
		ip addr add $LAB_NET.2/24 dev eth0
		exec dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=eth0 \
			--bind-interfaces --dhcp-range=$LAB_NET.100,$LAB_NET.150,10m --dhcp-authoritative \
			--dhcp-option=option:router,$LAB_ADDR --leasefile-ro --log-dhcp \
			--log-facility=- --user=root --group=root --pid-file=" >"$LAB_DIR/log/dnsmasq.log" 2>&1 &
	lab_until 5 "grep -q started $LAB_DIR/log/dnsmasq.log" || lab_die 'dnsmasq did not start'
}

lab_main() {
	[ -z "$LAB_ONE_ID" ] || lab_skip 'dnsmasq needs more than one user'
	lab_up proxy
	other_dhcp_server
	lab_host n1 bios
	lab_muster host add n1 --mac "$(lab_mac n1)" >/dev/null
	lab_check 'proxy mode: up' lab_wait_up n1
	lab_check 'n1: the record proves it' lab_proof n1 kvm
	lab_check 'the address is from the other server' grep -q "DHCPACK.*$(lab_mac n1)" \
		"$LAB_DIR/log/dnsmasq.log"
	lab_check 'musterd gave no address' [ "$(lab_api /leases | jq '.leases | length')" = 0 ]
	lab_done
}
lab_enter "$@"
