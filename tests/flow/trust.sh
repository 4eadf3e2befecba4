#!/bin/bash
# trust.sh: roots, channels and images signed by several people on machines without a server, from
# the first root to the fifth with three keys lost; minisign agrees with each signature file.
set -u
B=$(realpath "${B:-build/release}")
tree=$(realpath "${0%/*}/../..")
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

check() { # NAME WANT COMMAND...: WANT is the exit code, or "no" for any failure
	local name=$1 want=$2 rc

	shift 2
	"$@" >"$dir/log" 2>&1
	rc=$?
	if [ "$rc" = "$want" ] || { [ "$want" = no ] && [ $rc -ne 0 ] && [ $rc -lt 126 ]; }; then
		echo "ok trust: $name"
	else
		echo "not ok trust: $name"
		sed "s/^/# exit $rc: /" "$dir/log"
		failed=1
	fi
}
said() { # NAME TEXT: the last command said so
	if grep -qF -- "$2" "$dir/log"; then
		echo "ok trust: $1"
	else
		echo "not ok trust: $1"
		sed "s/^/# /" "$dir/log"
		failed=1
	fi
}
muster() { "$B/muster" "$@"; }
id_of() { muster key show "$1" -o name; }

if ! command -v minisign >"$dir/log"; then
	echo "skip trust # minisign is not installed"
	exit 0
fi
cd "$dir" || exit 1
export MUSTER_KEYS=$dir/keys
for name in ada bob cyd dan eve flo stranger; do
	muster key generate $name >/dev/null 2>&1
done

# ---- every code is in the document, and nothing else is
sed -n '/^} verdicts\[/,/^};/s/.*= { "\([a-z-]*\)".*/\1/p' "$tree/images/judge.c" | grep -vx good |
	sort >codes
sed -n 's/^| `\([a-z-]*\)` |.*/\1/p' "$tree/docs/trust.md" | sort >documented
check "there are codes" 0 test "$(wc -l <codes)" -gt 10
check "all codes are documented" 0 diff codes documented

# ---- a lab with one key
check "a root for one key" 0 muster key root lab --key ada
check "it is not signed yet" 1 muster key verify lab
said "and its code says so" root-new-keys
check "it is signed" 0 muster key sign lab/root.1.json --key ada
check "and good" 0 muster key verify lab
check "a root is made once" 4 muster key root lab --key ada

# ---- a site: 2 of 3
check "a threshold above the keys" 4 muster key root roots --key ada --threshold 2
check "one key under two names" 4 sh -c "cp keys/ada.pub also.pub; \
	'$B/muster' key root roots --key ada --key also.pub"
said "with both names" "ada and also are the same key"
check "no root came of it" 3 muster key verify roots
check "a root for three, of whom two must sign" 0 \
	muster key root roots --key ada --key bob --key keys/cyd.pub --threshold 2
check "the first signs" 0 muster key sign roots/root.1.json --key ada
check "twice" 0 muster key sign roots/root.1.json --key ada
check "which is one" 1 muster key verify roots
said "and not two" "1 of 2"
check "a stranger cannot" 4 muster key sign roots/root.1.json --key stranger
check "the second signs with minisign" 0 minisign -S -s keys/bob.key -m roots/root.1.json \
	-x "roots/root.1.json.minisig.$(id_of bob)"
check "the root is good" 0 muster key verify roots
check "a key in a table" 0 muster key verify roots -o csv
said "under its name" "cyd,$(id_of cyd)"

# ---- an image and its channel
mkdir recipes
cat >recipes/tiny.sh <<'END'
#!/bin/sh
echo kernel >"$1/vmlinuz"
cat >"$1/image.json" <<'JSON'
{ "name": "tiny", "version": "1", "kind": "linux", "channel": "stable", "args": "quiet",
  "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" } ] }
JSON
END
chmod +x recipes/tiny.sh
muster image build tiny --recipes recipes -o tiny >/dev/null 2>&1
check "an image without a release has no channel" 4 muster image channel stable.json --image tiny
check "nor a further signer" 4 muster key sign tiny/manifest.json --key ada
check "the image is signed" 0 muster image sign tiny --key ada --release 7
check "once" 1 muster image verify tiny --root roots
said "is too seldom" manifest-signature
check "the second signer of the image" 0 muster key sign tiny/manifest.json --key cyd
check "makes it good" 0 muster image verify tiny --root roots
check "one key or the other suffices where no root is asked" 0 muster image verify tiny --key cyd
check "a channel" 0 muster image channel stable.json --image tiny --floor 5
check "of two signers" 0 muster key sign stable.json --key ada --key bob
check "is good" 0 muster image channel stable.json --root roots
check "and says what it says" 0 muster image channel stable.json -o json
said "with the manifest's digest" "$(sha256sum <tiny/manifest.json | cut -d' ' -f1)"
for file in roots/root.1.json tiny/manifest.json stable.json; do
	for sig in "$file".minisig.*; do
		name=
		for name in ada bob cyd; do [ "${sig##*.}" = "$(id_of $name)" ] && break; done
		check "minisign agrees: ${sig##*/}" 0 minisign -Vm "$file" -x "$sig" -p keys/$name.pub
		check "and knows a stranger: ${sig##*/}" no \
			minisign -Vm "$file" -x "$sig" -p keys/stranger.pub
	done
done

# ---- what is not allowed
check "a floor above the release" 1 muster image channel stable.json --image tiny --floor 8
check "a floor that falls" 4 muster image channel stable.json --image tiny --floor 4
cp -r tiny older
muster image sign older --key ada --restamp --release 6 >/dev/null
check "an older release by mistake" 4 muster image channel stable.json --image older
check "the good channel is untouched" 0 muster image channel stable.json --root roots
cp stable.json back.json
check "and on purpose" 0 muster image channel back.json --image older --rollback
said "with the floor that allows it" "release 6, floor 5"
check "without pins" 0 muster image channel new.json --image tiny
said "the floor is the release" "release 7, floor 7"
check "which falls only on purpose" 4 muster image channel new.json --image tiny --floor 6
check "with a rollback" 0 muster image channel new.json --image older --rollback
said "there are no pins either" "release 6, floor 6"
check "and back" 0 muster image channel new.json --image tiny
said "as before" "release 7, floor 7"
muster image sign older --key ada --restamp --channel canary >/dev/null
check "another channel's image" 4 muster image channel stable.json --image older
check "a release of 2^63" 2 muster image sign older --key ada --restamp \
	--release 9223372036854775808
check "a number that is none" 2 muster image channel stable.json --image tiny --floor x
check "a file that is none of these" 1 muster key sign keys/ada.pub --key ada
echo '{ "type": "ticket" }' >ticket.json
check "a ticket" 1 muster key sign ticket.json --key ada
sed 's/"floor": 5/"floor": 50/' stable.json >edited.json
check "a channel with a floor above its release" 1 muster key sign edited.json --key ada
check "a file that is not there" 3 muster key sign nothing.json --key ada
check "no such roots" 3 muster image channel stable.json --root nowhere

# one digit changed, and files in each other's place, rightly signed as something else
changed() { # FILE FROM TO CODE VERB...: bad/FILE is refused with the code
	local file=$1 from=$2 to=$3 code=$4

	shift 4
	rm -rf bad && mkdir bad && cp -r roots tiny stable.json* bad/
	sed -i "s/$from/$to/" "bad/$file"
	check "a changed $file" 1 muster "$@"
	said "is refused as $code" "$code"
}
changed roots/root.1.json '"threshold": 2' '"threshold": 1' root-new-keys key verify bad/roots
changed tiny/manifest.json '"release": 7' '"release": 9' manifest-signature \
	image verify bad/tiny --root roots
changed stable.json '"floor": 5' '"floor": 1' channel-signature \
	image channel bad/stable.json --root roots
put() { # FROM TO: with its signatures
	local sig

	rm -f "$2" "$2".minisig*
	cp "$1" "$2"
	for sig in "$1".minisig*; do cp "$sig" "$2${sig#"$1"}"; done
}
mkdir -p mixed/tiny && cp tiny/vmlinuz mixed/tiny/
put stable.json mixed/tiny/manifest.json
check "a channel as a manifest" 1 muster image verify mixed/tiny --root roots
said "is no manifest" manifest-malformed
put tiny/manifest.json mixed/channel.json
check "a manifest as a channel" 1 muster image channel mixed/channel.json --root roots
said "is no channel" channel-malformed
cp -r roots mixed/roots
put tiny/manifest.json mixed/roots/root.2.json
check "a manifest as the next root" 1 muster key verify mixed/roots
said "is no root" root-malformed

# ---- rotation: five roots, three of whose keys get lost
check "bob's key is lost" 0 muster key rotate roots --lost bob --add dan
check "nothing can follow before it is signed" 1 muster key rotate roots
check "ada signs" 0 muster key sign roots/root.2.json --key ada
check "which is not enough for the old root" 1 muster key verify roots
said "whose keys they are" root-old-keys
check "nor with one who is new" 0 muster key sign roots/root.2.json --key dan
check "but has not signed as an old one" 1 muster key verify roots
check "cyd signs" 0 muster key sign roots/root.2.json --key cyd
check "root 2 is good" 0 muster key verify roots
check "a lost key does not sign" 0 muster key sign roots/root.2.json --key bob
check "more than may be lost" 4 muster key rotate roots --lost ada --lost cyd
said "with the numbers" "wants 2 signatures and only 1 of its keys"
check "nobody of that name" 3 muster key rotate roots --lost bob
next() { # VERSION SIGNERS... -- ARGUMENTS...
	local version=$1 signers=()

	shift
	while [ "$1" != -- ]; do signers+=(--key "$1"); shift; done
	shift
	muster key rotate roots "$@" && muster key sign "roots/root.$version.json" "${signers[@]}"
}
check "ada's key is lost" 0 next 3 cyd dan -- --lost ada --add eve
check "cyd's key is lost" 0 next 4 dan eve -- --lost cyd --add flo
check "nothing but time passes" 0 next 5 eve flo -- --valid 24h
check "all five are good" 0 muster key verify roots
said "and the last is the fifth" "good: root 5, 2 of 3"
muster image sign tiny --key dan --restamp --release 8 >/dev/null
muster key sign tiny/manifest.json --key flo >/dev/null
for first in 1 3 5; do
	mkdir "from$first"
	for n in $(seq $first 5); do cp roots/root."$n".json* "from$first"; done
	check "who starts from root $first takes what is signed now" 0 \
		muster image verify tiny --root "from$first"
	check "and not what lost keys signed, from root $first" 1 \
		muster image channel stable.json --root "from$first"
done
rm roots/root.4.json
check "a root that is left out" 3 muster key verify roots
mv roots/root.5.json roots/root.4.json
check "or has another's name" 1 muster key verify roots

# ---- expiry, really passing
check "a root for an hour" 0 muster key root short --key ada --valid 1h
now=$(date +%s)
sed "s/\"expires\": [0-9]*/\"expires\": $((now - 1))/" short/root.1.json >short/new
mv short/new short/root.1.json
check "that is over" 0 muster key sign short/root.1.json --key ada
check "is refused" 1 muster key verify short
said "as expired" root-expired
sed "s/\"expires\": [0-9]*/\"expires\": $((now - 1))/; s/\"issued\": [0-9]*/\"issued\": $((now - 9))/" \
	stable.json >over.json
muster key sign over.json --key ada >/dev/null
check "so is a channel" 1 muster image channel over.json --root lab
said "by its code" channel-expired
exit $failed
