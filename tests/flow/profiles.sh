#!/usr/bin/env bash
# Profiles: what hosts are told beside their image. All verbs and wrong inputs, required values, rules,
# the site as a file and back; then what reaches a host: the archive and the arguments that its signed
# ticket covers, and what is refused when a byte of them is another. Needs root for network namespaces.
# takes: 90 s
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
flow_enter "$@"
. tests/support/because.sh

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
call() { curl -sS --max-time 20 -o "$work/body" -w '%{http_code}' -X "$1" --unix-socket "$work/run/muster.sock" "http://m/api/v1$2" "${@:3}"; }

ns_add server
bridge server br0 10.77.0.1/24
for i in 1 2; do ip -n server addr add "10.77.0.5$i/24" dev br0; done
cat >"$work/muster.conf" <<END2
[server]
name = flow
state-dir = $work/state
run-dir = $work/run
user = nobody
interface = br0
admission = open
image = kvm
[dhcp]
mode = full
[subnet 10.77.0.0/24]
range = 10.77.0.100-10.77.0.200
router = 10.77.0.1
dns = 10.77.0.9, 10.77.0.10
domain = lab.example
[tftp]
enabled = no
END2
mkdir -p "$work/state/keys/trust" "$work/trust"
quiet muster key generate release
cp "$work/keys/release.pub" "$work/state/keys/trust/"
chown -R nobody: "$work/state"
check 'the server starts' server_start
[ $failed = 0 ] || exit 1
cp "$work/keys/release.pub" "$work/trust/release-1.pub"
cp "$work/state/keys/site.pub" "$work/trust/site-1.pub"
cat >"$work/recipe.sh" <<'END2'
#!/bin/sh
head -c 3000 /dev/urandom >"$1/vmlinuz"
head -c 3000 /dev/urandom >"$1/initrd"
cat >"$1/image.json" <<'JSON'
{ "name": "kvm", "version": "1", "kind": "linux", "channel": "stable", "args": "quiet", "xen_args": "",
  "files": [ { "role": "kernel", "name": "vmlinuz" }, { "role": "initrd", "name": "initrd" } ] }
JSON
END2
chmod +x "$work/recipe.sh"
quiet muster image build recipe --recipes "$work" -o "$work/kvm"
quiet muster image sign "$work/kvm" --key release
quiet muster image import "$work/kvm"
quiet muster host add n01 --mac 52:54:00:00:00:01 --ip 10.77.0.51 --value ssh-key='ssh-ed25519 AAAA n01'
quiet muster host add n02 --mac 52:54:00:00:00:02

# ---- the verbs

printf 'Welcome to @{host}, in @{domain}.\n' >"$work/motd"
printf '@{ssh-key}\n' >"$work/keys.tmpl"
check 'a profile is made' says 'profile web: added' muster profile add web --value ntp=10.77.0.3 --require ssh-key \
	--args 'ip=@{address}::@{gateway}:@{netmask}:@{host}::off net.ntp=@{ntp}' \
	--file /etc/motd="$work/motd" --file /root/.ssh/authorized_keys:0600="$work/keys.tmpl"
check 'and not twice' refused 4 'already' muster profile add web
check 'it is in the list' says 'web' muster profile list
check 'with its numbers' is "$(muster profile list -o csv | tail -1 | cut -d, -f1-5)" 'web,0,0,2,2'
check 'it is shown' says '/root/.ssh/authorized_keys, mode 0600' muster profile show web
check 'with what is required' says "ssh-key: each host's own" muster profile show web
check 'a trial changes nothing' says 'would be added' muster profile add trial --dry-run
check 'really' refused 3 'no profile' muster profile show trial
check 'one of an unknown name' refused 3 'no profile' muster profile set nobody --value a=b
check 'removing it' refused 3 'no profile' muster profile rm nobody
check 'a change needs something to change' refused 2 'what shall change' muster profile set web

# ---- what is refused, before anything is stored

bad() { check "refused: $1" refused 1 "$2" muster profile "${@:3}"; }
text() { printf %s "$1" >"$work/text"; }
bad 'a name without a value' 'wants the value nobody' set web --args 'a=@{nobody}'
text 'x @{other} y'
bad 'the same in a file' '/etc/x wants the value other' set web --file /etc/x="$work/text"
text 'x @{ y'
bad 'no name at all' 'a @{ that is no' set web --file /etc/x="$work/text"
bad 'a value that is wanted taken away' 'wants the value ntp' set web --no-value ntp
bad 'quotes in the arguments' 'words of letters' set web --args 'a="b c"'
bad 'two blanks there' 'words of letters' set web --args 'a  b'
bad 'a tab there' 'words of letters' set web --args $'a\tb'
bad 'a value that makes it so' 'words of letters' set web --value ntp='a (b)'
bad 'a value with quotes' 'printable ASCII characters' set web --value x='a"b'
bad 'a value with a bad name' "no value's name" set web --value X=1
bad 'a required one with a bad name' "no value's name" set web --require X
text 'hello'
for path in etc/x /etc/../x /etc//x /etc/x/ / '/etc/a b'; do
	bad "the path $path" 'no absolute path' set web --file "$path=$work/text"
done
for path in /init /usr/bin/muster-agent /bin/sh /etc/muster/boot.json /dev/null /run/x /etc/inittab /proc/x; do
	bad "the path $path" 'belongs to the image' set web --file "$path=$work/text"
done
bad 'a file in a file' 'the folder of' set web --file /etc/motd/x="$work/text"
bad 'a mode that nobody may read' 'a mode is' set web --file /etc/x:0200="$work/text"
bad 'a mode that is none' 'a mode is' set web --file /etc/x:rwx="$work/text"
bad 'a set-uid mode' 'a mode is' set web --file /etc/x:4755="$work/text"
printf 'a\033[1mb' >"$work/text"
bad 'a file with control characters' 'is no text' set web --file /etc/x="$work/text"
printf 'a\0b' >"$work/text"
bad 'a file with NUL' 'is no text' set web --file /etc/x="$work/text"
head -c 33000 /dev/zero | tr '\0' x >"$work/text"
bad 'a file that is too large' 'is too long' set web --file /etc/x="$work/text"
head -c 20000 "$work/text" >"$work/half"
bad 'two that are too large together' 'is too long' set web --file /etc/x="$work/half" --file /etc/y="$work/half"
bad 'arguments that are too long' 'at most 383' set web --args "$(head -c 400 "$work/text")"
too_many=()
for i in $(seq 20); do too_many+=(--file "/etc/f$i=$work/motd"); done
bad 'too many files' 'at most 16 files' set web "${too_many[@]}"
bad 'a file that is not there' 'No such file' set web --file /etc/x=/nowhere
check 'a value without a name' refused 2 'NAME=VALUE' muster profile set web --value x
check 'a key that is none' is "$(call POST /profiles --data '{"name":"a","vlaues":{}}')" 422
check 'a file that is none' is "$(call POST /profiles --data '{"name":"a","files":{"/etc/x":"text"}}')" 422
check 'a file with another key' is "$(call POST /profiles --data '{"name":"a","files":{"/etc/x":{"content":"","owner":1}}}')" 422
check 'values that are no object' is "$(call POST /profiles --data '{"name":"a","values":[]}')" 422
check 'a value that is a number' is "$(call POST /profiles --data '{"name":"a","values":{"a":1}}')" 422
check 'a value that is false' is "$(call POST /profiles --data '{"name":"a","values":{"a":false}}')" 422
check 'arguments that are a list' is "$(call POST /profiles --data '{"name":"a","args":[]}')" 422
check 'a bad name' is "$(call POST /profiles --data '{"name":"a/b"}')" 422
check 'nothing of all that was stored' is "$(api /profiles/web | jq -c '[.values, (.files | keys)]')" \
	'[{"ntp":"10.77.0.3","ssh-key":true},["/etc/motd","/root/.ssh/authorized_keys"]]'

# ---- changes

check 'a value is changed' says changed muster profile set web --value ntp=10.77.0.4 --value extra=1
text 'plain'
check 'a file is added' says changed muster profile set web --file /etc/plain:0640="$work/text"
check 'its mode stays with other content' says changed muster profile set web --file /etc/plain="$work/motd"
check 'as it does' is "$(api /profiles/web | jq -r '.files."/etc/plain".mode')" 0640
check 'value and file are taken away' says changed muster profile set web --no-value extra --no-file /etc/plain
check 'so they are gone' is "$(api /profiles/web | jq -c '[(.values | keys), (.files | length)]')" '[["ntp","ssh-key"],2]'
check 'arguments go, and come back' muster profile set web --no-args
quiet muster profile set web --args 'ip=@{address}::@{gateway}:@{netmask}:@{host}::off net.ntp=@{ntp}'
check 'the log of changes has it' says profiles/web muster audit list --object profiles

# ---- hosts

check 'a host that lacks what is required' refused 1 'requires the value ssh-key' muster host set n02 --profile web
check 'a profile that is none' refused 1 'no profile' muster host set n02 --profile nobody
check 'one that has it' says 'profile web' muster host set n01 --profile web
check 'both at once' says 'profile web' muster host set n02 --profile web --value ssh-key='ssh-ed25519 BBBB n02'
check 'its value cannot go then' refused 1 'requires the value ssh-key' muster host set n02 --no-value ssh-key
check 'a new host is looked at, too' refused 1 'requires the value' muster host add n03 --mac 52:54:00:00:00:03 --profile web
check 'the profile is in use' refused 4 'of 2 hosts (n01, n02)' muster profile rm web
check 'host show says so' says 'profile      web' muster host show n01
check 'and the list' is "$(muster host list -o json | jq -c '[.hosts[].profile]')" '["web","web"]'
check 'Ansible has a group of it' is "$(muster host list -o ansible | jq -c .profile_web.hosts)" '["n01","n02"]'
told="$(muster host show n01 --told)"
check 'what it would be told: arguments' says 'args         ip=10.77.0.51::10.77.0.1:255.255.255.0:n01::off net.ntp=10.77.0.4' echo "$told"
check 'what it would be told: a file' says 'Welcome to n01, in lab.example.' echo "$told"
check 'what it would be told: its own value' says 'ssh-ed25519 AAAA n01' echo "$told"
check 'a host whose address is not known is told why' refused 4 'wants the value address, which n02 does not have' muster host show n02 --told
quiet muster host set n01 --value ntp=10.77.0.77 --option 'dns = 10.77.0.88'
check "the host's own value counts more" says net.ntp=10.77.0.77 muster host show n01 --told
quiet muster host set n01 --no-value ntp
quiet muster profile add all --value a-secret=hush --args 'p=@{prefix} d=@{dns} m=@{mac} u=@{url}'
check 'all that is known by itself' says 'p=24 d=10.77.0.88 m=52:54:00:00:00:01 u=http://10.77.0.1' muster profile show all --host n01
check 'n01 has its own still' says 'profile web' muster host show n01 --told
quiet muster host set n02 --no-profile
check 'no profile, nothing told' says 'is told nothing' muster host show n02 --told
check 'a host that is none' refused 3 'no host' muster profile show all --host n99
printf 'p=@{a-secret}\n' >"$work/text"
quiet muster profile set all --file /etc/secret="$work/text"
check 'a secret is not shown' is "$(api /profiles/all | jq -c .values)" '{"a-secret":null}'
check 'not in what a host is told' says 'p=[secret]' muster profile show all --host n01
check 'nor anywhere' is "$(muster profile show all; muster profile list -o json; muster audit list -o json; muster export)" \
	"$( (muster profile show all; muster profile list -o json; muster audit list -o json; muster export) | sed s/hush/HUSH/)"

# ---- rules

quiet muster host set n02 --ip 10.77.0.52
quiet muster rule add r --match 'name=n02' --profile all
check 'a rule chooses it' says 'profile all' muster host show n02 --told
check 'which says by what' says '(rule r)' muster host show n02 --told
check 'the test says it' says "profile all" muster rule test n02
check 'a host keeps its own' is "$(muster rule test n01 -o json | jq -r .gets.profile)" web
check 'a rule of a profile that is none' refused 1 'no profile' muster rule set r --profile nobody
check 'a rule that would choose nothing' refused 1 'neither image' muster rule set r --no-profile
check 'a profile that a rule has' refused 4 'of 1 rule (r)' muster profile rm all
check 'what a rule would change' says 'profile all (rule r) -> kvm' muster rule rm r --dry-run
quiet muster host set n02 --image kvm
check 'also where the host has its own image' is "$(muster rule test n02 -o json | jq -c '[.gets.from, .gets.profile, .gets.rule]')" '["host","all","r"]'
quiet muster host set n02 --no-image

# ---- the site as a file

check 'export' muster export "$work/site.json"
check 'has the profiles' is "$(jq -c '[.profiles.web.values, .profiles.all.values, .hosts.n01.profile, .rules[0].profile]' "$work/site.json")" \
	'[{"ntp":"10.77.0.4","ssh-key":true},{},"web","all"]'
check 'and is what there is' says 'nothing is to be done' muster apply -f "$work/site.json"
jq '.profiles.web.args = "quiet" | .profiles.web.values.ntp = "10.0.0.1" | .profiles.new = {args: "a=b", files: {"/etc/n": {content: "n\n"}}}
	| del(.profiles.web.files."/etc/motd") | .hosts.n02.profile = "new"' "$work/site.json" >"$work/other.json"
plan() { muster apply -f "$work/other.json" --dry-run -o csv | tr -d '\r'; }
check 'a plan of changes' says 'change,profile web,files./etc/motd,"mode 0644, 34 bytes"' plan
check 'with what is new' says 'add,profile new' plan
check 'apply' muster apply -f "$work/other.json" --yes
check 'it is so' is "$(api /profiles/web | jq -c '[.args, .values.ntp, (.files | length)]') $(api /hosts/n02 | jq -r .profile)" '["quiet","10.0.0.1",1] new'
check 'secrets stayed' says 'p=[secret]' muster profile show all --host n01
check 'and back, without what is not there' muster apply -f "$work/site.json" --prune --yes
check 'as it was' is "$(muster export | sha256sum)" "$(sha256sum <"$work/site.json")"
check 'the new one is gone' refused 3 'no profile' muster profile show new
jq '.profiles.web.values."a-secret" = "x"' "$work/site.json" >"$work/other.json"
check 'a secret in a file' refused 1 'does not belong in a file' muster apply -f "$work/other.json"
jq '.profiles.web.flies = {}' "$work/site.json" >"$work/other.json"
check 'a key that nobody knows' refused 1 'nobody knows that' muster apply -f "$work/other.json"
printf 'name,profile\nn02,all\n' >"$work/hosts.csv"
check 'from a spreadsheet' muster host import "$work/hosts.csv"
check 'has come' is "$(api /hosts/n02 | jq -r .profile)" all
quiet muster host set n02 --no-profile

# ---- it reaches the host: real agents, up to the hand-off

host() { # N: the kernel's files of a host in $work/hN
	local dir=$work/h$1

	mkdir -p "$dir/sys/class/net/eth0/device" "$dir/proc" "$dir/sys/class/dmi/id"
	echo "52:54:00:00:00:0$1" >"$dir/sys/class/net/eth0/address"
	echo 1 | tee "$dir/sys/class/net/eth0/type" >"$dir/sys/class/net/eth0/carrier"
	printf 'MemTotal: 1048576 kB\nMemAvailable: 900000 kB\n' >"$dir/proc/meminfo"
}
agent() { # N [PORT]: from the host's own address
	inside timeout "${LIMIT:-20}" "$B/muster-agent" rehearse "http://10.77.0.1${2:+:$2}" "$work/trust" "$work/h$1" >"$work/screen" 2>&1
}
boots() { agent "$@" || { cat "$work/screen"; return 1; }; }
refuses() { # CODE N: with somebody between it and the server
	agent "$2" 8080
	[ $? = 1 ] && grep -q "DID NOT START (.*, $1)" "$work/screen" || { cat "$work/screen"; return 1; }
}
screen_of() { # N TEXT: it waits, and its screen says so
	LIMIT=3 agent "$1"
	screen "$2"
}
why() { muster host why "$1" >"$work/why"; grep -F -- "$2" "$work/why" || { cat "$work/why"; return 1; }; }
screen() { grep -F "$1" "$work/screen" || { cat "$work/screen"; return 1; }; }
event() { # N TEXT: in the events of its newest boot
	api "/boots/$(api "/hosts/n0$1/boots" | jq -r '.boots[0].id')" >"$work/boot.json"
	jq -e --arg t "$2" 'any(.events[]; .detail // "" | contains($t))' "$work/boot.json" || { jq -c '.events[]' "$work/boot.json"; return 1; }
}
quiet muster rule rm r
host 1
host 2
quiet muster profile set web --args 'net.ntp=@{ntp} told=@{host}'
check 'a host boots' boots 1
check 'and says what it is told' screen 'bytes of files, and the arguments net.ntp=10.77.0.4 told=n01'
check 'its image event has the profile' event 1 'kvm 1, profile web'
check 'and what was verified says it' event 1 ', told '
check 'a host without a profile is told nothing' boots 2
check 'not a word' eval '! screen told'
host 3
quiet muster host add n03 --mac 52:54:00:00:00:03 --profile web --value ssh-key='ssh-ed25519 CCCC n03'
quiet muster profile set web --require place
check 'a value that is required since is missed' screen_of 3 'requires the value place, which n03 does not have'
check 'and that is why' because n03 profile-value 'requires the value place'
check 'which says what to do' why n03 'muster host set n03 --value'
quiet muster host set n03 --value place=here
check 'with it the host boots' boots 3
quiet muster profile set web --no-value place

# ---- what the ticket covers

ask() { # WHAT BODY: of the agent's protocol, as n01; the status
	inside curl -sS --max-time 20 -o "$work/answer" -w '%{http_code}' ${session:+-H "Authorization: Bearer $session"} \
		--data-binary "$2" "http://10.77.0.1/v1/agent/$1"
}
sum() { sha256sum | cut -d' ' -f1; }
session=
ask facts '{"agent":"0","nics":[{"name":"eth0","mac":"52:54:00:00:00:01","boot":true}]}' >/dev/null
session=$(jq -r .session "$work/answer")
check 'a ticket' is "$(ask ticket "{\"root\":0,\"nonce\":\"$(printf '0%.0s' {1..64})\"}")" 200
jq -r .ticket "$work/answer" >"$work/ticket"
digest=$(jq -r .extra "$work/ticket")
check 'has the arguments' is "$(jq -r .extra_args "$work/ticket")" 'net.ntp=10.77.0.4 told=n01'
check 'and what it names is given to its session' is "$(ask extra "{\"sha256\":\"$digest\"}")" 200
cp "$work/answer" "$work/extra"
check 'with that digest and length' is "$(sum <"$work/extra") $(stat -c %s "$work/extra")" "$digest $(jq .extra_length "$work/ticket")"
check 'for cpio to read' is "$(cpio -t --quiet <"$work/extra" | xargs)" 'etc etc/motd root root/.ssh root/.ssh/authorized_keys'
check "with the host's own" is "$(cpio -i --quiet --to-stdout 'etc/motd' 'root/.ssh/*' <"$work/extra")" \
	$'Welcome to n01, in lab.example.\nssh-ed25519 AAAA n01'
check 'another digest: another ticket is needed' is "$(ask extra "{\"sha256\":\"$(echo x | sum)\"}") $(jq -r .code "$work/answer")" '401 extra-changed'
check 'no digest' is "$(ask extra '{}')" 422
true_session=$session session=$(printf '0%.0s' {1..64})
check 'not to another session' is "$(ask extra "{\"sha256\":\"$digest\"}")" 401
session=
check 'not without one' is "$(ask extra "{\"sha256\":\"$digest\"}")" 401
session=$true_session
check 'nor as a blob' is "$(inside curl -s -o /dev/null -w '%{http_code}' "http://10.77.0.1/blobs/sha256/$digest")" 404
printf 'Hello, @{host}.\n' >"$work/text"
quiet muster profile set web --file /etc/motd="$work/text"
check 'changed meanwhile: another ticket is needed' is "$(ask extra "{\"sha256\":\"$digest\"}")" 401
quiet muster profile set web --file /etc/motd="$work/motd"
check 'as before: the same bytes' is "$(ask extra "{\"sha256\":\"$digest\"}") $(sum <"$work/answer")" "200 $digest"

# ---- and somebody in the line who changes it

mkdir "$work/lie"
ip netns exec server tests/support/between.py 8080 "$work/lie" http://10.77.0.1 >"$work/between.log" 2>&1 &
wait_for 5 inside curl -s http://10.77.0.1:8080/none
check 'through somebody who changes nothing' boots 1 8080
lie() { printf 'cat %q\n' "$1" >"$work/lie/extra.sh"; }
for at in 0 40 130 $(($(stat -c %s "$work/extra") - 1)); do
	cp "$work/extra" "$work/changed"
	byte=$(od -An -tu1 -j "$at" -N 1 "$work/changed")
	# shellcheck disable=SC2059 # an octal number in the format is the byte
	printf "\\$(printf %o $((byte ^ 1)))" | dd of="$work/changed" bs=1 seek="$at" conv=notrunc 2>/dev/null
	lie "$work/changed"
	check "another bit in byte $at" refuses extra-digest 1
done
check 'its screen has both digests' screen "expected: $digest"
check 'that is why' because n01 extra-digest 'did not arrive as its signed ticket says'
{ cat "$work/extra"; printf '\0'; } >"$work/changed"
lie "$work/changed"
check 'a byte more' refuses extra-digest 1
head -c -1 "$work/extra" >"$work/changed"
lie "$work/changed"
check 'a byte less' refuses extra-digest 1
: >"$work/changed"
lie "$work/changed"
check 'nothing' refuses extra-digest 1
rm "$work/lie/extra.sh"
ticket() { # JQ: what becomes of the ticket's text
	printf '.ticket |= (%s)\n' "$1" >"$work/lie/ticket.jq"
}
ticket 'sub("told=n01"; "init=/sh")'
check 'other arguments' refuses ticket-signature 1
ticket 'sub(",\"extra\".*}"; "}")'
check 'a ticket without them' refuses ticket-signature 1
rm "$work/lie/ticket.jq"
check 'and the truth again' boots 1 8080
exit $failed
