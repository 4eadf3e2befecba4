#!/usr/bin/env bash
# `muster setup` on a machine that has nothing yet: by questions and by options, again, beside files of
# somebody else; and the server starts with what it wrote.
set -u
. "${0%/*}/../support/flow.sh"
flow_enter "$@"

# in_server COMMAND...: the machine that is set up, whose /etc/passwd is not this one's.
in_server() { ip netns exec server "$@"; }
setup() { in_server "$B/muster" --socket "$work/run/muster.sock" setup --etc "$work/etc" "$@"; }
exits() { local want=$1; shift; "$@"; local rc=$?; [ $rc = "$want" ] || { echo "exit $rc"; return 1; }; }
conf() { cat "$work/etc/muster.conf"; }
lacks() { ! conf | grep -E "$1"; }
# busy COMMAND...: while another program has port 80.
busy() {
	local rc other

	ip netns exec server socat TCP-LISTEN:80 /dev/null &
	other=$!
	wait_for 5 eval 'ip netns exec server ss -Htln sport = 80 | grep -q .'
	"$@" >"$work/said.busy" 2>&1
	rc=$?
	cat "$work/said.busy"
	kill "$other"
	wait "$other" 2>/dev/null
	return "$rc"
}
has() { conf | grep -qxF -- "$1" || { conf; return 1; }; }
# an /etc of its own, where a user can be made

mount -t tmpfs none /mnt && mkdir /mnt/{etc,work} &&
	mount -t overlay -o "lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/work" none /etc ||
	skip 'no overlay file system'
sed -i '/^muster:/d' /etc/passwd /etc/group /etc/shadow
ns_add server
ip -n server link add eth1 type bridge
ip -n server addr add 10.77.0.1/24 dev eth1
ip -n server link set eth1 up
ip -n server link add eth0 type bridge
ip -n server addr add 192.0.2.9/24 dev eth0

# ---- by options
check 'two interfaces: which one?' exits 2 setup --yes
check 'one that is not there' exits 3 setup --yes --interface eth7
check 'a range of another subnet' exits 2 setup --yes --interface eth1 --range 10.78.0.1-10.78.0.9
check 'a range that holds its own address' exits 2 setup --yes --interface eth1 --range 10.77.0.1-10.77.0.9
check 'an answer that is none' exits 2 setup --yes --interface eth1 --admission everybody
check 'a trial' setup --yes --interface eth1 --dry-run
check 'writes nothing' [ ! -e "$work/etc" ]
no_user() { ! getent passwd muster; }
check 'and makes nobody' no_user
mkdir -p "$work/etc/conf.d"
cat >"$work/etc/conf.d/here.conf" <<END
[server]
state-dir = $work/state
run-dir = $work/run
[tftp]
enabled = no
END
check 'in earnest' setup --yes --interface eth1 --name lab --image kvm
check 'there is a range' has 'range = 10.77.0.128-10.77.0.254'
check 'and the image' has 'image = kvm'
check 'there is a user' getent passwd muster
check 'the server takes it' in_server "$B/musterd" -t -c "$work/etc/muster.conf"
before=$(stat -c '%i %Y' "$work/etc/muster.conf")
check 'once more' setup --yes
check 'changes nothing' [ "$(stat -c '%i %Y' "$work/etc/muster.conf")" = "$before" ]
check 'another range alone' setup --yes --range 10.77.0.10-10.77.0.20
check 'is there' has 'range = 10.77.0.10-10.77.0.20'
check 'and the name still' has 'name = lab'
check 'no image' setup --yes --image none
check 'is an answer' lacks image
check 'a name that is none' exits 2 setup --yes --image 'k v m'
check 'a port that somebody else has' busy exits 1 setup --yes
check 'is named' grep -q 'TCP port 80' "$work/said.busy"
check 'and is taken when it is free' setup --yes

# ---- what hosts can reach of what this machine asks for names
# dns OPTIONS...: set up anew with these; what was said is in $work/dns.
dns() { rm -f "$work/etc/muster.conf"; setup --yes --interface eth1 "$@" >"$work/dns" 2>&1; }
left_out() { dns --router "$2" && lacks dns && grep -qF "$1" "$work/dns" || { cat "$work/dns"; return 1; }; }
offers() { dns --router "$2" && has "dns = $1"; }
while read -r what server router; do
	echo "nameserver $server" >/etc/resolv.conf
	if [[ $what = offered ]]; then
		check "$server, router $router: offered" offers "$server" "$router"
	else
		check "$server, router $router: left out, and said" left_out "No DNS server is proposed: $server" "$router"
	fi
done <<END
offered 10.77.0.53 none
offered 198.51.100.53 10.77.0.254
left-out 127.0.0.53 10.77.0.254
left-out 198.51.100.53 none
left-out 192.0.2.53 10.77.0.254
END
printf 'nameserver 127.0.0.53\n' >/etc/resolv.conf
mkdir -p /run/systemd/resolve
printf 'nameserver 10.77.0.54\n' >/run/systemd/resolve/resolv.conf
check 'behind the resolver of systemd: whom it asks' offers 10.77.0.54 none
echo 'nameserver 10.77.0.54' >/etc/resolv.conf
check 'none' dns --router none --dns none
check 'stays none' setup --yes
check 'of both' lacks 'dns|router'
check 'and is said to be as it was' eval 'setup --yes | grep -q "as it shall be"'
check 'the range again' setup --yes --range 10.77.0.10-10.77.0.20 --name lab

# ---- by questions, as on a terminal
# typed LINES...: the answers, one after the other.
typed() {
	printf '%s\n' "$@" >"$work/answers"
	in_server socat -t 5 EXEC:"$B/muster --socket $work/run/muster.sock setup --etc $work/etc",pty,ctty,setsid,stderr \
		"SYSTEM:cat $work/answers; cat >$work/terminal"
	cat "$work/terminal"
}
asked() { typed full 10.77.0.30-10.77.0.40 none 10.77.0.1 open kvm; }
check 'it asks what it needs' asked
check 'the range' has 'range = 10.77.0.30-10.77.0.40'
check 'who may boot' has 'admission = open'
check 'no router' lacks router
check 'the image, which may come later' has 'image = kvm'
check 'as nobody can say yet which there are' grep -q 'no image is known: muster image import' "$work/terminal"
check 'what it asked' grep -q 'Which addresses may it give? \[10.77.0.10-10.77.0.20\]' "$work/terminal"
check 'Enter, again and again' typed '' '' '' '' '' ''
check 'changes nothing' eval 'has "image = kvm" && lacks router && has "dns = 10.77.0.1"'
check 'none' eval "typed '' '' '' '' '' none && lacks image"

# ---- a file of somebody else
printf '[server]\nname = mine\ninterface = eth1\n' >"$work/etc/muster.conf"
check 'a file that it did not make stays' exits 4 setup --yes --interface eth1
check 'as it was' has 'name = mine'
check 'unless it is told' setup --yes --interface eth1 --force --mode proxy
check 'and then the old one is kept' grep -q 'name = mine' "$work/etc/muster.conf.old"
check 'beside the new one' has 'mode = proxy'

# ---- the server starts with it
setup --yes --mode full >"$work/out"
cp "$work/etc/muster.conf" "$work/muster.conf"
cp -r "$work/etc/conf.d" "$work/"
check 'the server starts' server_start
check 'and gives addresses' [ "$(api /setup | jq '[.. | .addresses? | numbers] | add')" = 127 ]
check 'beside the server that runs' setup --yes
check 'nothing is here' typed '' '' '' '' '' ''
check 'and that is said' grep -q 'No image is here yet: muster image import' "$work/terminal"
# shellcheck source=tests/support/rehearsal.sh
. tests/support/rehearsal.sh # muster, rehearsal_recipe
imported() {
	mkdir -p "$work/recipes" "$work/state/keys/trust" &&
		"$B/muster" key generate release --dir "$work/keys" &&
		cp "$work/keys/release.pub" "$work/state/keys/trust/" || return
	for name in agent kvm xen; do
		rehearsal_recipe "$name" 1000 1000
		"$B/muster" image build "$name" --recipes "$work/recipes" -o "$work/$name" &&
			"$B/muster" image sign "$work/$name" --key "$work/keys/release.key" &&
			muster image import "$work/$name" || return
	done
}
check 'images' imported
check 'it asks again' typed '' '' '' '' '' xen
check 'and names them, without the agent' grep -q 'Images that are here: kvm, xen.$' "$work/terminal"
check 'the answer' has 'image = xen'
exit $failed
