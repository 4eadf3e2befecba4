#!/bin/bash
# Media that people bring: what `muster image inspect` and `image build` make of a folder, an ISO
# image and archives, and that a medium which reaches outside of itself, grows without end or is
# cut short is refused, with nothing written.
set -u

cd "$(dirname "$0")/../.." || exit 1
B=$(realpath "${B:-build/release}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

result() { # STATUS TEXT
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		sed 's/^/# /' "$work/said" | tail -5
		failures=$((failures + 1))
	fi
}

muster() { "$B/muster" "$@" >"$work/said" 2>&1; }
says() { grep -qF -- "$1" "$work/said"; }
refused() { # TEXT MEDIUM WORDS: no image, an error with these words, and nothing left behind
	rm -rf "$work/no"
	! muster image build --from "$2" --name x -o "$work/no" && says "$3" && [ ! -e "$work/no/manifest.json" ]
	result $? "$1"
}
builds() { # TEXT KIND FILES ARGUMENTS...: an image of that kind, whose files are these, in this order
	local text=$1 kind=$2 files=$3
	shift 3
	rm -rf "$work/out"
	muster image build "$@" -o "$work/out" &&
		[ "$(jq -r .kind "$work/out/manifest.json")" = "$kind" ] &&
		[ "$(jq -r '[.files[].name] | join(" ")' "$work/out/manifest.json")" = "$files" ]
	result $? "$text"
}
zeros() { head -c "$1" /dev/zero; }

# A kernel to the eye of a boot loader, a ramdisk, an EFI program.
bzimage() { zeros 510; printf '\x55\xaa\0\0HdrS\x0f\x02'; zeros 46; printf '\1'; zeros 4096; }
efi() { printf 'MZ'; zeros 58; printf '\x80\0\0\0'; zeros 64; printf 'PE\0\0\x64\x86'; zeros 18
	printf '\x0b\x02'; zeros 66; printf '\x0a\0'; zeros 1024; }

mkdir -p "$work"/{linux/live,esx/efi/boot,efi/EFI/BOOT,nothing}
bzimage >"$work/linux/live/vmlinuz"
echo ramdisk | gzip >"$work/linux/live/initrd.img"
ln -s ../../../etc/passwd "$work/linux/live/a-link"
efi >"$work/efi/EFI/BOOT/BOOTX64.EFI"
efi >"$work/esx/efi/boot/bootx64.efi"
efi >"$work/esx/efi/boot/crypto64.efi"
for f in b.b00 jumpstrt.gz s.v00; do echo "this is $f" >"$work/esx/$f"; done
printf 'bootstate=0\r\ntitle=ESXi\r\nprefix=\r\nkernel=/b.b00\r\nkernelopt=runweasel\r\nmodules=/jumpstrt.gz --- /s.v00 x=1\r\nbuild=8.0.2-0.0.1\r\n' >"$work/esx/boot.cfg"
echo nothing >"$work/nothing/README"

esxi='mboot.efi boot.cfg b.b00 jumpstrt.gz s.v00 crypto64.efi'
builds 'a folder with a kernel and a ramdisk' linux 'vmlinuz initrd.img' --from "$work/linux"
cmp -s "$work/out/vmlinuz" "$work/linux/live/vmlinuz"; result $? 'its kernel is copied'
builds 'a folder of ESXi' esxi "$esxi" --from "$work/esx"
[ "$(jq -r .version "$work/out/manifest.json")" = 8.0.2-0.0.1 ]; result $? "ESXi's build is the version"
builds 'a folder with an EFI loader' efi BOOTX64.EFI --from "$work/efi"
builds 'the EFI loader of ESXi alone, when asked' efi bootx64.efi --from "$work/esx" --kind efi

(cd "$work" && for level in 1 3; do xorriso -as mkisofs -quiet -iso-level $level -J -o esx$level.iso esx; done) 2>"$work/said"
for level in 1 3; do
	builds "an ISO image of level $level" esxi "$esxi" --from "$work/esx$level.iso"
	cmp -s "$work/out/s.v00" "$work/esx/s.v00"; result $? 'a module has the same bytes'
done
for pack in gz:z xz:J bz2:j zst:-zstd; do
	tar -C "$work/esx" -c"${pack#*:}"f "$work/esx.tar.${pack%:*}" . 2>"$work/said" ||
		tar -C "$work/esx" -c "-${pack#*:}" -f "$work/esx.tar.${pack%:*}" . 2>"$work/said"
	[ -s "$work/esx.tar.${pack%:*}" ] || { echo "skip - tar.${pack%:*}: no packer"; continue; }
	builds "a tar archive, ${pack%:*}" esxi "$esxi" --from "$work/esx.tar.${pack%:*}"
done
cp "$work/linux/live/initrd.img" "$work/more.img"
builds 'a kernel and ramdisks by name' linux 'vmlinuz initrd.img more.img' \
	--kernel "$work/linux/live/vmlinuz" --initrd "$work/linux/live/initrd.img" \
	--initrd "$work/more.img" --args quiet
[ "$(jq -r .args "$work/out/manifest.json")" = 'quiet muster.reports=no' ]; result $? 'it is known not to report'

muster image inspect "$work/esx1.iso" -o json &&
	[ "$(jq -c '[.iso, .missing.esxi, .missing.linux, .cd]' "$work/said")" = '[true,null,"no Linux kernel",null]' ]
result $? 'inspect says what is there and what is missing'

# ---- refused ----

refused 'nothing to boot' "$work/nothing" 'nothing there can be booted'
says 'as esxi: no boot.cfg' && says 'as linux: no Linux kernel'; result $? 'and why, for each kind'
mv "$work/esx/s.v00" "$work/s.v00"
refused 'a module is missing' "$work/esx" 'boot.cfg names /s.v00, which is missing'
mv "$work/s.v00" "$work/esx/"
: >"$work/esx/s.v00"
refused 'a module is empty' "$work/esx" 's.v00 has no bytes'
echo s >"$work/esx/s.v00"
cp -r "$work/esx" "$work/bad"
printf 'kernel=b.b00\nmodules=../../../etc/passwd\n' >"$work/bad/boot.cfg"
refused 'boot.cfg names a file outside' "$work/bad" 'which is missing'
printf 'kernel=/b.b00\ntimeout=soon\n' >"$work/bad/boot.cfg"
refused 'boot.cfg is malformed' "$work/bad" "boot.cfg: timeout: 'soon' is no number"
rm "$work/bad/s.v00"
printf 'kernel=/b.b00\nmodules=s.v00\n' >"$work/bad/boot.cfg"
ln -s /etc/passwd "$work/bad/s.v00"
refused 'a module is a link' "$work/bad" 's.v00, which is missing'
tar -C "$work/esx" -cPf "$work/up.tar" --transform 's,^s.v00,../../s.v00,' boot.cfg b.b00 s.v00 jumpstrt.gz
refused 'an archive that climbs' "$work/up.tar" "outside of itself: '../../s.v00'"
tar -cPf "$work/root.tar" "$work/esx/boot.cfg"
refused 'an archive with an absolute path' "$work/root.tar" 'outside of itself'
(cd "$work" && ln esx/b.b00 esx/hard && tar -C esx -cf hard.tar b.b00 hard && rm esx/hard
	ln -s / esx/soft && tar -C esx -cf soft.tar soft boot.cfg && rm esx/soft)
refused 'links in an archive are no files' "$work/soft.tar" 'neither mboot.efi nor'
mkdir "$work/bomb"; zeros 300000000 >"$work/bomb/initrd"
tar -C "$work/bomb" -czf "$work/bomb.tar.gz" . && rm -r "$work/bomb"
refused 'a bomb' "$work/bomb.tar.gz" 'more than 200 times'
head -c 300000 "$work/esx.tar.gz" >"$work/cut.tar.gz"; truncate -s -2000 "$work/cut.tar.gz"
refused 'a cut archive' "$work/cut.tar.gz" refused
truncate -s 40000 "$work/esx1.iso"
refused 'a cut ISO image' "$work/esx1.iso" "$work/esx1.iso"
head -c 100000 /dev/urandom >"$work/noise"
refused 'noise' "$work/noise" Unrecognized
: >"$work/empty"
refused 'an empty file' "$work/empty" "$work/empty"
refused 'a device' /dev/null 'neither a folder nor a file'
refused 'not there' "$work/absent" 'No such file'

! muster image import "$work/esx3.iso" && says 'is too large to be a channel' && says 'image build --from'; result $? 'an ISO image is not imported as it is'
muster image build --iso "$work/esx3.iso" -o "$work/no"; [ $? = 1 ] && says 'no boot catalogue'
result $? 'an ISO image that is no bootable CD'
muster image build --kernel "$work/esx/b.b00" -o "$work/no"; [ $? = 1 ] && says 'is no Linux kernel'
result $? 'a kernel that is none'
muster image build --efi "$work/esx/b.b00" -o "$work/no"; [ $? = 1 ] && says 'is no EFI program'
result $? 'an EFI program that is none'
muster image build --kernel a --iso b; [ $? = 2 ]; result $? 'two ways at once'
for san in "--san --name disk" "-o $work/disk --san"; do
	# shellcheck disable=SC2086 # words
	(cd "$work" && muster image build $san) && [ "$(jq -r '.kind, .args' "$work/disk/manifest.json" | tr '\n' ' ')" = \
		'san iscsi:@{san-target}:::@{san-lun}:@{san-iqn} ' ]
	result $? "an image of a network disk: $san"
done
[ "$failures" = 0 ]
