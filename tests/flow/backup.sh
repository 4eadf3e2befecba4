#!/usr/bin/env bash
# `muster backup` of a server that is at work, and `muster restore`: all that was acknowledged before is
# there, whatever is not whole or not ours is refused, and a restore that is killed leaves the old or the
# new. No private key leaves the server unless it is asked for.
# shellcheck disable=SC2015,SC2016,SC2086,SC2317 # what eval is given, and what check calls
# takes: 180 s
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
command -v zstd >/dev/null || skip 'no zstd'
tests/support/unpack.sh tftpd-hpa "$packages" 2>/dev/null || skip 'no tftpd-hpa'
flow_enter "$@"
# shellcheck source=tests/support/rehearsal.sh
. tests/support/rehearsal.sh

is() { [ "$1" = "$2" ] || { echo "it is: $1"; echo "wanted: $2"; return 1; }; }
exits() { local want=$1; shift; "$@"; local got=$?; [ "$got" = "$want" ] || { echo "exit $got, not $want"; return 1; }; }
# says STATUS TEXT COMMAND...
says() {
	local want=$1 text=$2 got

	shift 2
	"$@" >"$work/out" 2>&1
	got=$?
	cat "$work/out"
	[ "$got" = "$want" ] || { echo "exit $got, not $want"; return 1; }
	grep -qF -- "$text" "$work/out" || { echo "does not say: $text"; return 1; }
}
restore() { TMPDIR=$work/tmp muster restore "$@" --config "$work/muster.conf"; }
judge() { TMPDIR=$work/tmp muster restore --check "$@"; }
refused() { # TEXT FILE: by restore, which changes nothing
	says 1 "$1" restore "$2" --state-dir "$work/none" --keep-config &&
		[ ! -e "$work/none" ] && [ ! -e "$work/none.restoring" ] && is "$(ls "$work/tmp")" ''
}
stop() { kill "$server"; wait "$server"; }

rehearsal_links
mkdir -p "$work/conf.d" "$work/tmp"
printf '[http]\ntokens-in-clear = yes\n' >"$work/conf.d/10-clear.conf"
: >"$work/conf.d/20-empty.conf"
check 'the site is set up' rehearsal_site approve 200000 3000000
[ $failed = 0 ] || exit 1
chown root: "$work/state/keys/site.key"
root() {
	muster key root "$work/roots" --key "$work/keys/release.pub" &&
		muster key sign "$work/roots/root.1.json" --key "$work/keys/release.key" &&
		muster image import "$work/roots"
}
check 'it has a root' root
check 'hosts boot' simulate_relayed --hosts 3
muster token create ci --role viewer >"$work/token" 2>/dev/null
muster token create boss --role admin >"$work/boss" 2>/dev/null
by_token() { curl -fsS --max-time 20 -H "Authorization: Bearer $(cat "$1")" "http://10.64.0.1/api/v1$2" "${@:3}"; }
hosts_ns() { ip netns exec hosts "$@"; }
check 'a token works' hosts_ns curl -fsS -o /dev/null -H "Authorization: Bearer $(cat "$work/token")" http://10.64.0.1/api/v1/hosts

# ---- a backup while hosts boot and people work

write_on() {
	local i

	for ((i = 0; ; i++)); do
		muster host add "w$i" --serial "S-W$i" >/dev/null 2>&1 && echo "w$i" >>"$work/acked"
	done
}
: >"$work/acked"
write_on &
writer=$!
simulate_relayed --hosts 20 --rate 10 --prefix 06:00:09 -o json >"$work/load.json" 2>"$work/load.err" &
load=$!
more() { [ "$(wc -l <"$work/acked")" -gt "$1" ]; }
check 'a load' wait_for 30 more 10
cp "$work/acked" "$work/before"
check 'a backup' muster backup "$work/busy.tar.zst"
check 'which is for its owner alone' is "$(stat -c %a "$work/busy.tar.zst")" 600
check 'changes go on' wait_for 20 more "$(wc -l <"$work/before")"
wait "$load"
check 'all hosts of the load boot' is "$? $(jq .finished "$work/load.json")" '0 20'
kill "$writer"
wait "$writer" 2>/dev/null
check 'it is whole' says 0 'whole' judge "$work/busy.tar.zst"
check 'what was acknowledged before is in it' eval '
	mkdir "$work/open" && tar --zstd -C "$work/open" -xf "$work/busy.tar.zst" &&
	sqlite3 "$work/open/muster.db" "SELECT name FROM host" | sort >"$work/has" &&
	[ -z "$(sort "$work/before" | comm -23 - "$work/has")" ]'
check 'by its digests' eval '(cd "$work/open" && sha256sum --quiet -c SHA256SUMS)'
check 'nothing is left on the server' eval '[ -z "$(find "$work/state" -name "backup*")" ]'

# ---- what is in it, and what is not

secret=$(sed -n 2p "$work/state/keys/site.key")
check 'the key is known to the test' [ "${#secret}" -gt 40 ]
check 'the private key is not in it' eval '! grep -rqF -e "$secret" "$work/open"'
check 'nor a token' eval '! grep -rqF -e "$(cut -d_ -f3 "$work/token")" "$work/open"'
check 'configuration is' cmp "$work/muster.conf" "$work/open/config/muster.conf"
check 'all of it' diff -r "$work/conf.d" "$work/open/config/conf.d"
check 'so are public keys' cmp "$work/keys/release.pub" "$work/open/keys/trust/release.pub"
check 'and the site'\''s' cmp "$work/state/keys/site.pub" "$work/open/keys/site.pub"
check 'and manifests, roots and signatures' eval '[ "$(find "$work/open/blobs" -type f | wc -l)" -ge 6 ]'
check 'each under its own digest' eval '(cd "$work/open/blobs/sha256" && for f in *; do [ "$(sha256sum <"$f")" = "$f  -" ] || exit 1; done)'
check 'no file of an image' eval '[ -z "$(find "$work/open/blobs" -size +100k)" ]'
check 'it is not written over' says 4 'is there already' muster backup "$work/busy.tar.zst"
check 'with the key' says 0 "private key is in it" muster backup "$work/keys.tar.zst" --with-keys
check 'which is in that one' eval 'tar --zstd -xOf "$work/keys.tar.zst" private/site.key | cmp - "$work/state/keys/site.key"'

# ---- who may

status() { curl -sS -o "$work/body" -w '%{http_code}' --max-time 20 --unix-socket "$work/run/muster.sock" "http://m/api/v1$1" "${@:2}"; }
over_tcp() { hosts_ns curl -sS -o "$work/body" -w '%{http_code}' --max-time 20 -H "Authorization: Bearer $(cat "$1")" http://10.64.0.1/api/v1/backup; }
check 'a viewer may not' is "$(over_tcp "$work/token")" 403
check 'nobody may not' is "$(hosts_ns curl -sS -o /dev/null -w '%{http_code}' http://10.64.0.1/api/v1/backup)" 401
check 'an admin may' is "$(over_tcp "$work/boss")" 200
check 'and gets an archive' tar -tf "$work/body" SHA256SUMS
check 'with no private key' eval '! grep -qF -e "$secret" "$work/body"'
check 'the key is for the server'\''s machine' env MUSTER_URL=http://10.64.0.1 bash -c "'$B/muster' backup '$work/url' --with-keys; [ \$? = 2 ]"
check 'not in a batch' eval 'status /batch --data-binary "{\"id\":\"x\",\"calls\":[{\"method\":\"GET\",\"path\":\"/api/v1/backup\"}]}" >"$work/code"; [ "$(cat "$work/code")" != 200 ]'
check 'HEAD makes none' is "$(status /backup -I)" 200
check 'a piece of one that is not' is "$(status '/backup?feed=1&after=12345;&')" 410

# ---- room

mkdir "$work/small"
mount -t tmpfs -o size=4k none "$work/small" || exit 1
check 'a full disk is told' says 1 'No space left on device' muster backup "$work/small/b"
check 'nothing is left there' is "$(ls "$work/small")" ''
umount "$work/small"
check 'a folder that is not there' says 1 'No such file or directory' muster backup "$work/nowhere/b"

# ---- every cut and flip, as a sample; test_backup.c has them all

file=$work/keys.tar.zst size=$(stat -c %s "$work/keys.tar.zst")
cuts() {
	local n

	for n in 0 1 39 40 41 $((size - 41)) $((size - 40)) $((size - 39)) $((size - 1)) $(seq $((size / 12)) $((size / 12)) $((size - 1))); do
		head -c "$n" "$file" >"$work/bad"
		! judge "$work/bad" >/dev/null 2>&1 || { echo "$n of $size bytes are taken"; return 1; }
	done
}
check 'no cut of it is taken' cuts
flips() {
	local i at

	RANDOM=42
	for i in $(seq 12); do
		at=$(((RANDOM << 15 | RANDOM) % size))
		cp "$file" "$work/bad"
		python3 -c 'import sys; f = open(sys.argv[1], "r+b"); at = int(sys.argv[2]); f.seek(at); b = f.read(1)[0]; f.seek(at); f.write(bytes([b ^ 1 << at % 8]))' "$work/bad" "$at"
		! judge "$work/bad" >"$work/out" 2>&1 || { echo "a flip at $at is taken"; return 1; }
		grep -qE 'damaged|no backup' "$work/out" || { cat "$work/out"; return 1; }
	done
}
check 'nor one with a bit that is another' flips
check 'damage is called so' says 1 'damaged' judge "$work/bad"
head -c $((size - 1)) "$file" >"$work/bad"
check 'and a cut' says 1 'its end is missing' judge "$work/bad"
check 'another file is none' says 1 'no backup' judge /etc/passwd
check 'nor a folder' exits 1 judge "$work"
check 'nor nothing' exits 3 judge "$work/none"

# ---- archives that somebody else made, with a seal that is good

cat >"$work/make.py" <<'PY'
"""make.py FOLDER OPEN: archives that are each wrong in one way, made of the files in the folder OPEN."""
import gzip, hashlib, io, os, sqlite3, sys, tarfile
folder, opened = sys.argv[1:]
names = [l[66:].rstrip("\n") for l in open(opened + "/SHA256SUMS")]
good = [(n, open(opened + "/" + n, "rb").read()) for n in names]
LOG = "BEGIN SELECT raise(ABORT, 'audit rows stay'); END;"


def changed(name, fn):
    return [(n, fn(b) if n == name else b) for n, b in good]


def database(sql):
    def fn(b):
        with open(folder + "/db", "wb") as f:
            f.write(b)
        db = sqlite3.connect(folder + "/db")
        db.executescript(sql)
        db.close()
        b = open(folder + "/db", "rb").read()
        os.remove(folder + "/db")
        return b
    return changed("muster.db", fn)


def added(name, data=b"x"):
    return good[:1] + [(name, data)] + good[1:]


def sums(files):
    return [("SHA256SUMS", "".join("%s  %s\n" % (hashlib.sha256(b).hexdigest(), n) for n, b in files).encode())]


def summed(files):
    return files + sums(files)


def tar(files, link=None):
    raw = io.BytesIO()
    t = tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT)
    for n, b in files:
        info = tarfile.TarInfo(n)
        info.size = len(b)
        t.addfile(info, io.BytesIO(b))
    if link:
        info = tarfile.TarInfo("keys/trust/link.pub")
        info.type, info.linkname = link
        t.addfile(info)
    t.close()
    return raw.getvalue()


def lying(data):  # a head that says more than there is
    at = data.index(b"muster.db")
    head = bytearray(data[at:at + 512])
    head[124:136] = b"77777777777\0"
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return data[:at] + bytes(head) + data[at + 512:]


made = {
    "good": tar(summed(good)),
    "up": tar(summed(added("../evil.pub"))),
    "absolute": tar(summed(added("/etc/evil.pub"))),
    "inside-up": tar(summed(added("keys/../../evil.pub"))),
    "unknown": tar(summed(added("keys/authorized"))),
    "hidden": tar(summed(added("config/conf.d/.x.conf"))),
    "deep": tar(summed(added("config/conf.d/a/b.conf"))),
    "blob-name": tar(summed(added("blobs/sha256/" + "g" * 64))),
    "symlink": tar(summed(good), (tarfile.SYMTYPE, "/etc/shadow")),
    "hardlink": tar(summed(good), (tarfile.LNKTYPE, "muster.db")),
    "device": tar(summed(good), (tarfile.CHRTYPE, "")),
    "folder": tar(summed(good), (tarfile.DIRTYPE, "")),
    "trigger": tar(summed(database("CREATE TRIGGER evil AFTER INSERT ON host BEGIN DELETE FROM token; END"))),
    "table": tar(summed(database("DROP TABLE lease"))),
    "newer": tar(summed(database("PRAGMA user_version = 99"))),
    "log": tar(summed(database("DROP TRIGGER audit_stays; UPDATE audit SET who = 'eve' WHERE id = 2;"
                               "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit " + LOG))),
    "page": tar(summed(changed("muster.db", lambda b: b[:8192] + b"\xff" * 2048 + b[10240:]))),
    "no-database": tar(summed(changed("muster.db", lambda b: b"SQLite format 3\0" + os.urandom(5000)))),
    "without": tar(summed([f for f in good if f[0] != "muster.db"])),
    "format": tar(summed(changed("backup.json", lambda b: b.replace(b'"format":1', b'"format":2')))),
    "json": tar(summed(changed("backup.json", lambda b: b"{" * 100))),
    "first": tar(summed(good[1:])),
    "digest": tar(changed("muster.db", lambda b: b[:-1] + bytes([b[-1] ^ 1])) + sums(good)),
    "extra": tar(added("keys/extra.pub") + sums(good)),
    "missing": tar([f for f in good if f[0] != "keys/site.pub"] + sums(good)),
    "twice": tar(added("keys/site.pub", b"other") + sums(good)),
    "no-sums": tar(good),
    "behind": tar(summed(good) + [("keys/behind.pub", b"x")]),
    "bomb": gzip.compress(tar(summed(added("keys/bomb.pub", bytes(100 << 20)))), 1),
    "size": lying(tar(summed(good))),
    "garbage": os.urandom(50000),
}
for kind, data in made.items():
    with open(folder + "/" + kind, "wb") as f:
        f.write(data + b"\x5d\x2a\x4d\x18\x20\0\0\0" + hashlib.sha256(data).digest())
PY
mkdir "$work/made"
check 'some are made' python3 "$work/make.py" "$work/made" "$work/open"
check 'one that is made by hand, and good' judge "$work/made/good"
no() { # KIND TEXT
	check "$1" eval 'says 1 "'"$2"'" judge "$work/made/'"$1"'" && is "$(ls "$work/tmp")" ""'
}
for kind in up absolute inside-up; do no $kind 'it names a file outside of itself'; done
for kind in unknown hidden deep blob-name; do no $kind 'no backup has a file'; done
for kind in symlink hardlink device folder; do no $kind 'links, folders or devices are in it'; done
for kind in trigger table; do no $kind 'has not the tables'; done
no newer 'not of schema'
no log 'row 2 of the audit log'
check 'unless that is taken' says 0 'damaged   row 2 of the audit log' judge "$work/made/log" --any-audit
no page 'database'
no no-database 'muster.db'
no without 'there is no database'
no no-sums 'there is no database, or no SHA256SUMS'
no format 'a newer muster made it'
for kind in json first; do no $kind 'backup.json'; done
for kind in digest extra missing twice; do no $kind 'is not what SHA256SUMS says'; done
no behind 'order of a backup'
no bomb 'unpacks to more than'
for kind in size garbage; do no $kind 'refused'; done
for kind in up symlink trigger digest; do check "$kind is not restored" refused '' "$work/made/$kind"; done
check 'nothing came out of them' eval '[ ! -e "$work/../evil.pub" ] && [ ! -e /etc/evil.pub ]'

# ---- restoring

muster host add mark-1 --serial MARK-1 >/dev/null
muster -o json lease list | jq -S '[.leases[] | {ip, mac}]' >"$work/leases.was"
head=$(muster -o json audit verify | jq -r .head)
check 'the last backup' muster backup "$work/last.tar.zst" --with-keys
muster host add mark-2 --serial MARK-2 >/dev/null
check 'not while the server runs' says 4 'a server runs on' restore "$work/last.tar.zst" --replace
check 'which goes on' exits 0 muster host show mark-2
stop
check 'not over what is there' says 4 'is not empty; nothing was changed' restore "$work/last.tar.zst"
cp -a "$work/state" "$work/saved"
check 'with the old one kept aside' says 0 'what was there is' restore "$work/last.tar.zst" --replace
aside=$(ls -d "$work"/state.before-*)
check 'which is all of it' diff -r "$work/saved" "$aside"
check 'the configuration is as it was' eval '! ls "$work"/*.conf.before-* "$work"/conf.d.before-* 2>/dev/null'
check 'the database is the server'\''s user'\''s' is "$(stat -c %U "$work/state" "$work/state/muster.db" "$work/state/blobs/sha256" | sort -u)" nobody
check 'its key is root'\''s alone' is "$(stat -c '%U %a' "$work/state/keys/site.key")" 'root 600'
check 'the server starts' server_start
check 'with what there was' exits 0 muster host show mark-1
check 'and not with what came later' exits 3 muster host show mark-2
check 'the same leases' eval 'muster -o json lease list | jq -S "[.leases[] | {ip, mac}]" | cmp - "$work/leases.was"'
check 'the audit log' exits 0 muster audit verify --head "$head"
check 'a token works there' hosts_ns curl -fsS -o /dev/null -H "Authorization: Bearer $(cat "$work/token")" http://10.64.0.1/api/v1/hosts
check 'image files were taken over' muster image verify --all
check 'hosts boot from it' simulate_relayed --hosts 2 --prefix 06:00:0a
stop

# ---- another machine: nothing is there

rm -rf "$work/state" "$work/conf.d"
mv "$work/muster.conf" "$work/was.conf"
check 'on an empty machine' says 0 'kvm@1: 2 files' restore "$work/last.tar.zst"
check 'the configuration is there' cmp "$work/muster.conf" "$work/was.conf"
check 'all of it, too' is "$(ls "$work/conf.d")" "10-clear.conf
20-empty.conf"
check 'and the key' is "$(sed -n 2p "$work/state/keys/site.key")" "$secret"
check 'its server starts' server_start
check 'the image is listed' eval 'muster -o name image list | grep -qx kvm'
for image in agent kvm; do check "$image is imported again" muster image import "$work/$image"; done
check 'all of its files are here' muster image verify --all
check 'hosts boot from that, too' simulate_relayed --hosts 2 --prefix 06:00:0b
stop
check 'without the key, it says so' says 0 'hosts refuse a server with another key' restore "$work/busy.tar.zst" --state-dir "$work/elsewhere" --keep-config
check 'there is none' [ ! -e "$work/elsewhere/keys/site.key" ]
check 'with it on this machine it stays' eval 'restore "$work/busy.tar.zst" --replace >"$work/out" && [ "$(sed -n 2p "$work/state/keys/site.key")" = "$secret" ] && ! grep -q refuse "$work/out"'
echo '# changed' >>"$work/muster.conf"
check 'another configuration is not written over' says 4 'not as in the backup' restore "$work/last.tar.zst" --state-dir "$work/new"
check 'nor is anything else' [ ! -e "$work/new" ]
rm -rf "$work/elsewhere"
check 'it is kept aside' eval 'restore "$work/last.tar.zst" --replace && grep -q "# changed" "$work"/muster.conf.before-* && cmp "$work/muster.conf" "$work/was.conf"'

# ---- killed in the middle: the old or the new, and run again it ends well

new=$(tar --zstd -xOf "$work/last.tar.zst" muster.db | sha256sum)
stranger() { sed 's/^name = .*/name = old/' "$work/was.conf"; }
rm -rf "$work"/state* "$work"/muster.conf.* "$work"/conf.d.*
fresh_old() {
	rm -rf "$work"/state* "$work"/muster.conf* "$work"/conf.d*
	cp -a "$work/saved" "$work/state"
	stranger >"$work/muster.conf"
}
old_is_there() { # somewhere, with all that is in it
	local d

	for d in "$work"/state "$work"/state.before-*; do diff -r "$work/saved" "$d" >/dev/null 2>&1 && return; done
	echo 'the old one is gone'
	return 1
}
left() { # what a restore that was killed has left
	local conf

	conf=$(sed -n 's/^name = //p' "$work/muster.conf")
	if [ "$(sha256sum <"$work/state/muster.db")" = "$new" ]; then
		new_ones=$((new_ones + 1))
		[ "$conf" = rehearsal ] && [ -e "$work/state/keys/site.key" ] || { echo 'half of the new'; return 1; }
	else
		old_ones=$((old_ones + 1))
		diff -r "$work/saved" "$work/state" && [[ "$conf" = rehearsal || "$conf" = old ]] || { echo 'half of the old'; return 1; }
	fi
	old_is_there
}
again() {
	restore "$work/last.tar.zst" --replace >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	is "$(sha256sum <"$work/state/muster.db")" "$new" && [ ! -e "$work/state.restoring" ] && old_is_there
}
kills() {
	local n got old_ones=0 new_ones=0

	for ((n = 1; n < 200; n++)); do
		fresh_old
		DYING_AT=$n LD_PRELOAD=$B/support/dying.so restore "$work/last.tar.zst" --replace >"$work/out" 2>&1
		got=$?
		[ $got != 0 ] || break
		[ $got = 137 ] && left && again || { echo "moment $n, exit $got"; cat "$work/out"; return 1; }
	done
	echo "$((n - 1)) moments: $old_ones old, $new_ones new" | tee "$work/moments"
	[ $n -gt 20 ] && [ $n -lt 200 ] && [ $old_ones -gt 10 ] && [ $new_ones -gt 0 ]
}
check 'killed at every moment' kills
echo "# $(cat "$work/moments")"
exit $failed
