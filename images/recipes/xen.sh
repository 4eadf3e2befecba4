#!/bin/bash
# xen.sh OUTDIR [--agent FILE] [--fresh]
#
# The Xen hypervisor: Xen (unpacked, as kexec needs it), kernel and base as in the agent (the same
# bytes) for dom0, Xen's tools. Guests are PV and PVH: an HVM guest would need QEMU. Writes xen,
# vmlinuz, base.initrd, xen.initrd, image.json, packages.txt.
. "$(dirname "$0")/lib.sh"

xen_release=4.17

put_xen() {
	local bin=$root/usr/lib/xen-$xen_release/bin name

	part=xen-tools
	for name in xl xenstored xenconsoled; do
		put_program "$bin/$name" "usr/sbin/$name"
	done
	# libxl calls these by the path that it was built with.
	for name in xen-init-dom0 xenconsole libxl-save-helper; do
		put_program "$bin/$name" "usr/lib/xen-$xen_release/bin/$name"
		put_link "../lib/xen-$xen_release/bin/$name" "usr/sbin/$name"
	done
	for name in exists read write list ls rm watch; do
		put_program "$root/usr/bin/xenstore-$name" "usr/bin/xenstore-$name"
	done
	put_dir var/lib/xen
	put_dir var/log/xen
	put_text etc/xen/xl.conf <<<'autoballoon="off"'
	part=other
}

# Xen itself: unpacked, and made for multiboot2 (its header is in the first 32 KiB).
write_xen() {
	gzip -dc "$root/boot/xen-$xen_release-amd64.gz" >"$out/xen"
	# no pipe: grep ends at the first match, and head would die of it
	head -c 32768 "$out/xen" >"$work/xen.head"
	grep -qaP '\xd6\x50\x52\xe8' "$work/xen.head" || die "xen has no multiboot2 header"
}

build() {
	agent_strip
	base_build
	pkg_prepare "xen-hypervisor-$xen_release-amd64" "xen-utils-$xen_release" xenstore-utils
	image_key "$work/packages.txt" "$out/base.initrd"
	image_cached && return
	put_file "$recipes/files/xen-init" init 755
	put_file "$recipes/files/inittab" etc/inittab
	put_file "$recipes/files/console" etc/muster/console 755
	put_xen
	put_modules "$recipes"/files/{net,disk,host,xen}.modules
	initrd_write xen.initrd
	write_xen
	cp "$kernel_root/boot/vmlinuz-$kernel" "$out/vmlinuz"
	cp "$work/packages.txt" "$out/packages.txt"
	size_table xen.initrd xen vmlinuz base.initrd xen.initrd >"$out/sizes.txt"
	image_json xen "$(pkg_version "$work/packages" "xen-hypervisor-$xen_release-amd64")" xen \
		'console=hvc0' \
		'console=com1,vga com1=115200,8n1 dom0_mem=400M,max:400M guest_loglvl=all loglvl=info' \
		xen:xen kernel:vmlinuz initrd:base.initrd initrd:xen.initrd
	image_keep xen vmlinuz xen.initrd packages.txt sizes.txt image.json
}

recipe_begin xen "$@"
[ ${#rest[@]} = 0 ] || die "unknown option ${rest[0]}"

build
cat "$out/sizes.txt"
