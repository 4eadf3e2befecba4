#!/bin/bash
# minisign.sh: minisign and we agree. Each tool makes a key, signs with either key, and verifies
# with either; whatever is flipped or cut is refused by both.
set -u
B=$(realpath "${B:-build/release}")
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

check() { # NAME WANT COMMAND...: WANT is the exit code, or "no" for any failure
	local name=$1 want=$2 rc

	shift 2
	"$@" >"$dir/log" 2>&1
	rc=$?
	if [ "$rc" = "$want" ] || { [ "$want" = no ] && [ $rc -ne 0 ] && [ $rc -lt 126 ]; }; then
		echo "ok $name"
	else
		echo "not ok $name"
		sed "s/^/# exit $rc: /" "$dir/log"
		failed=1
	fi
}

if ! command -v minisign >"$dir/log"; then
	echo "skip minisign # minisign is not installed"
	exit 0
fi
cd "$dir" || exit 1
export MUSTER_KEYS=$dir/keys

muster() {
	"$B/muster" "$@"
}

# An image as small as they come, built by a recipe of its own.
mkdir recipes
cat >recipes/tiny.sh <<'EOF'
#!/bin/sh
out=$1
shift
printf '%s\n' "$@" >"$out/arguments"
echo kernel >"$out/vmlinuz"
echo initrd >"$out/initrd"
cat >"$out/image.json" <<'JSON'
{ "name": "tiny", "version": "1", "kind": "linux", "channel": "test", "args": "quiet",
  "xen_args": "", "files": [ { "role": "kernel", "name": "vmlinuz" },
  { "role": "initrd", "name": "initrd" } ] }
JSON
EOF

chmod +x recipes/tiny.sh
echo >recipes/lib.sh

# ---- keys of both tools, images signed by both keys ----
check key-generate 0 muster key generate ours
check key-generate-again 4 muster key generate ours
check key-is-private 0 test "$(stat -c %a keys/ours.key)" = 600
minisign -G -W -p keys/theirs.pub -s keys/theirs.key >/dev/null
minisign -G -W -p keys/other.pub -s keys/other.key >/dev/null
check image-build 0 muster image build tiny --recipes recipes -o tiny --agent "a b" -- --out
check image-build-wants-a-recipe 2 muster image build --out x
check recipe-gets-its-arguments 0 cmp - tiny/arguments <<EOF
--agent
a b
--out
EOF
check unsigned 1 muster image verify tiny --key ours
check sign-with-our-key 0 muster image sign tiny --key keys/ours.key
cp tiny/manifest.json once.json
check sign-with-their-key 0 muster image sign tiny --key keys/theirs.key
check second-signature-keeps-the-manifest 0 cmp tiny/manifest.json once.json

m=tiny/manifest.json
for key in ours theirs; do
	sig=$m.minisig.$(muster key show $key -o name)
	# minisign leaves out leading zeros
	id=$(sed -n 's/.*public key //p' keys/$key.pub)
	while [ ${#id} -lt 16 ]; do id=0$id; done
	check "$key-id-as-minisign-shows-it" 0 test "$sig" = "$m.minisig.$id"
	check "$key-we-sign-minisign-verifies" 0 minisign -Vm $m -x "$sig" -p keys/$key.pub
	check "$key-we-sign-we-verify" 0 muster image verify tiny --key $key
	check "$key-wrong-key" no minisign -Vm $m -x "$sig" -p keys/other.pub

	# minisign signs with the same key file, in place of ours.
	mkdir -p by-$key && cp tiny/vmlinuz tiny/initrd tiny/manifest.json by-$key/
	check "$key-minisign-signs" 0 minisign -S -s keys/$key.key -m by-$key/manifest.json
	check "$key-minisign-signs-minisign-verifies" 0 \
		minisign -Vm by-$key/manifest.json -p keys/$key.pub
	check "$key-minisign-signs-we-verify" 0 muster image verify by-$key --key $key
	check "$key-minisign-signs-other-key" 1 muster image verify by-$key --key other

	# The legacy algorithm is minisign's business only.
	minisign -S -l -s keys/$key.key -m by-$key/manifest.json >/dev/null
	check "$key-legacy-is-refused" 1 muster image verify by-$key --key $key
done
check key-with-a-pass-phrase 1 sh -c "printf 'x\nx\n' |
	minisign -G -f -p keys/locked.pub -s keys/locked.key >/dev/null 2>&1
	'$B/muster' image sign tiny --key locked"

# ---- whatever is changed is refused, by both ----
flip() { # FILE OFFSET BIT
	local byte

	byte=$(dd if="$1" bs=1 skip="$2" count=1 2>/dev/null | od -An -tu1)
	printf '%b' "\\0$(printf %o $((byte ^ (1 << $3))))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

refused() { # NAME: bad/ must be refused by both
	check "$1-we" 1 muster image verify bad --key ours
	check "$1-minisign" no minisign -Vm bad/manifest.json -x "bad/$sig" -p keys/ours.pub
}

sig=manifest.json.minisig.$(muster key show ours -o name)
line2=$(head -1 "tiny/$sig" | wc -c)
line3=$(head -2 "tiny/$sig" | wc -c)
line4=$(head -3 "tiny/$sig" | wc -c)
# Columns: what it is, file, offset. 8 letters are 6 bytes: ED and half the id.
while read -r name file offset; do
	for bit in 0 6; do
		rm -rf bad && mkdir bad && cp tiny/vmlinuz tiny/initrd tiny/manifest.json "tiny/$sig" bad/
		flip "bad/$file" "$offset" $bit
		refused "flip-$name-bit-$bit"
	done
done <<EOF
manifest-first manifest.json 0
manifest-release manifest.json 190
algorithm $sig $((line2 + 1))
key-id $sig $((line2 + 6))
signature-first $sig $((line2 + 20))
signature-middle $sig $((line2 + 50))
trusted-comment $sig $((line3 + 20))
global-first $sig $line4
global-middle $sig $((line4 + 40))
EOF
for cut in 1 20 "$line2" "$line3" "$line4" $((line4 + 50)); do
	rm -rf bad && mkdir bad && cp tiny/vmlinuz tiny/initrd tiny/manifest.json bad/
	head -c "$cut" "tiny/$sig" >"bad/$sig"
	refused "signature-cut-at-$cut"
done

# ---- files: named, with both digests ----
rm -rf bad && cp -r tiny bad && echo x >>bad/initrd
check file-changed 1 muster image verify bad --key ours
says() { # PATTERN: verifying bad/ says so
	muster image verify bad --key ours 2>&1 | grep -q "$1"
}
check file-changed-is-named 0 says '^muster: bad/initrd '
check file-changed-digest-expected 0 says "expected .*$(sha256sum <tiny/initrd | cut -d' ' -f1)"
check file-changed-digest-found 0 says "found .*$(sha256sum <bad/initrd | cut -d' ' -f1)"
check file-changed-not-signed 1 muster image sign bad --key theirs
rm bad/initrd && ln -s ../tiny/initrd bad/initrd
check file-is-a-link 1 muster image verify bad --key ours
rm bad/initrd
check file-missing 1 muster image verify bad --key ours

# ---- stamps ----
check stamped-once 4 muster image sign tiny --key ours --release 9
check restamp 0 muster image sign tiny --key ours --restamp --release 9 --valid 2h --channel beta
check restamp-drops-the-others 1 muster image verify tiny --key theirs
check restamp-sets-release 0 grep -q '"release": 9,' $m
check restamp-sets-channel 0 grep -q '"channel": "beta",' $m
check restamp-counts-up 0 muster image sign tiny --key ours --restamp
check valid-needs-a-unit 2 muster image sign tiny --key ours --restamp --valid 400
check release-zero 2 muster image sign tiny --key ours --restamp --release 0
check no-such-key 3 muster image sign tiny --key nobody
check no-such-folder 3 muster image verify nowhere --key ours
check no-such-recipe 3 muster image build nothing --recipes recipes
check no-recipe-but-a-helper 3 muster image build lib --recipes recipes
check no-server 5 muster --socket "$dir/none" image import tiny
exit $failed
