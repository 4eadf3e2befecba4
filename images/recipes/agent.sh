#!/bin/bash
# agent.sh OUTDIR [--agent FILE] [--fresh] [--trust root.N.json|RELEASE.pub ...] [--site SITE.pub ...]
#          [--rtc-trusted] [--url URL] [--sb-key KEY --sb-cert CERT]
#
# The agent's ramdisk: Debian's kernel, network and disk drivers, busybox, muster-agent, kexec.
# Writes vmlinuz, base.initrd, agent.initrd, image.json, packages.txt: the same bytes for everybody.
#
# With --trust or --site also what belongs to one site: trust.cpio, a second initrd with the root (a
# file of `muster key root`, with its signatures beside it) or bare release keys, of which any one
# suffices, the site's keys and the time of day (or $SOURCE_DATE_EPOCH), before which no host believes
# to be; --rtc-trusted says that the hosts' own clocks are right. And agent.efi, kernel and both initrds in one EFI file (signed for Secure Boot when a key
# is given, which has no pass phrase). This takes a second when the rest is built.
. "$(dirname "$0")/lib.sh"

args='console=tty0 console=ttyS0,115200n8 panic=30'

# The agent knows by digest which kernel runs it and which base it stands on: what an image has in
# common with it, it need not load again.
put_shared() {
	{
		echo "kernel $(sha256sum <"$out/vmlinuz" | cut -d' ' -f1)"
		echo "base $(sha256sum <"$out/base.initrd" | cut -d' ' -f1)"
	} | put_text etc/muster/shared
}

build() {
	agent_strip
	base_build
	pkg_prepare kexec-tools
	image_key "$work/packages.txt" "$out/base.initrd"
	image_cached && return
	cp "$kernel_root/boot/vmlinuz-$kernel" "$out/vmlinuz"
	put_file "$recipes/files/agent-init" init 755
	put_dir etc/muster/trust
	put_program "$root/sbin/kexec" usr/sbin/kexec
	put_shared
	initrd_write agent.initrd
	cp "$work/packages.txt" "$out/packages.txt"
	size_table agent.initrd vmlinuz base.initrd agent.initrd >"$out/sizes.txt"
	image_keep vmlinuz agent.initrd packages.txt sizes.txt
}

# put_root FILE: with its signatures.
put_root() {
	local sig

	put_file "$1" etc/muster/trust/root.json
	for sig in "$1".minisig.*; do
		[ -f "$sig" ] || die "$1 is not signed"
		put_file "$sig" "etc/muster/trust/root.json${sig#"$1"}"
	done
}

# Uncompressed: a few hundred bytes that the kernel unpacks over the big archive.
write_trust() {
	local kind file n

	: >"$list"
	[ -z "$root_file" ] || put_root "$root_file"
	put_text etc/muster/trust/epoch <<<"${SOURCE_DATE_EPOCH:-$(date +%s)}"
	[ -z "$rtc_trusted" ] || put_text etc/muster/trust/rtc-trusted </dev/null
	for kind in release site; do
		n=0
		local -n files=$kind
		for file in ${files[@]+"${files[@]}"}; do
			n=$((n + 1))
			put_file "$file" "etc/muster/trust/$kind-$n.pub"
		done
	done
	[ -z "$url" ] || put_text etc/muster/site.url <<<"$url"
	cpio_write "$list" >"$out/trust.cpio"
}

# Sections and addresses as systemd-stub 252 reads them. The kernel unpacks itself behind .linux,
# so .initrd comes last, at the next MiB.
write_uki() {
	local stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub initrd_at header_at field

	need objcopy binutils
	[ -f "$stub" ] || die "$stub is missing; type: apt-get install -y systemd-boot-efi"
	printf 'ID=muster\nNAME="muster agent"\nVERSION_ID=%s\n' "$linux_version" >"$work/osrel"
	printf '%s\0' "$args" >"$work/cmdline"
	cat "$out/base.initrd" "$out/agent.initrd" "$out/trust.cpio" >"$work/initrds"
	initrd_at=$(((0x2000000 + $(stat -c %s "$out/vmlinuz") + 0xfffff) & ~0xfffff))
	objcopy \
		--add-section .osrel="$work/osrel" --change-section-vma .osrel=0x20000 \
		--add-section .cmdline="$work/cmdline" --change-section-vma .cmdline=0x30000 \
		--add-section .linux="$out/vmlinuz" --change-section-vma .linux=0x2000000 \
		--add-section .initrd="$work/initrds" --change-section-vma .initrd="$initrd_at" \
		"$stub" "$work/agent.efi"
	# objcopy writes the time of day into the header, whose place is in byte 60, and a checksum over
	# it; firmware looks at neither.
	header_at=$(od -An -tu4 -j 60 -N 4 "$work/agent.efi")
	for field in 8 88; do
		printf '\0\0\0\0' |
			dd of="$work/agent.efi" bs=1 seek=$((header_at + field)) conv=notrunc status=none
	done
	if [ -n "$sb_key" ]; then
		need sbsign sbsigntool
		sbsign --key "$sb_key" --cert "$sb_cert" --output "$out/agent.efi" "$work/agent.efi" \
			2>"$work/sbsign.log" || die "$(cat "$work/sbsign.log")"
	else
		cp "$work/agent.efi" "$out/agent.efi"
	fi
}

recipe_begin agent "$@"
release=() site=() root_file='' rtc_trusted='' url='' sb_key='' sb_cert=''
set -- ${rest[@]+"${rest[@]}"}
while [ $# -gt 0 ]; do
	case $1 in
	--trust)
		case $2 in
		*.json) root_file=$2 ;;
		*) release+=("$2") ;;
		esac
		;;
	--site) site+=("$2") ;;
	--url) url=$2 ;;
	--sb-key) sb_key=$2 ;;
	--sb-cert) sb_cert=$2 ;;
	--rtc-trusted)
		rtc_trusted=1
		shift
		continue
		;;
	*) die "unknown option $1" ;;
	esac
	shift 2
done
[ -z "$root_file" ] || [ ${#release[@]} = 0 ] || die "--trust takes one root, or bare keys"
[ -z "$sb_key" ] || [ -n "$sb_cert" ] || die "--sb-key needs --sb-cert"

build
roles=(kernel:vmlinuz initrd:base.initrd initrd:agent.initrd)
if [ -n "$root_file" ] || [ ${#release[@]} -gt 0 ] || [ ${#site[@]} -gt 0 ]; then
	write_trust
	write_uki
	roles+=(initrd:trust.cpio uki:agent.efi)
else
	rm -f "$out/trust.cpio" "$out/agent.efi"
fi
image_json agent "$linux_version" linux "$args" '' "${roles[@]}"
cat "$out/sizes.txt"
