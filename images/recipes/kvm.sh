#!/bin/bash
# kvm.sh OUTDIR [--agent FILE] [--fresh] [--vmm full|microvm] [--name NAME] [--args WORDS]
#
# The KVM hypervisor: kernel and base as in the agent (the same bytes), KVM, QEMU. Writes vmlinuz,
# base.initrd, kvm.initrd, image.json, packages.txt.
#
# --args WORDS   further arguments for its kernel; it is then started by kexec, as arguments that
#                are not in force already need another kernel start
# --vmm full     qemu-system-x86_64: every machine, firmware for BIOS guests, VNC (the default)
# --vmm microvm  Debian's small build: microvm and q35, KVM only, virtio-mmio; 9 MB less to load
. "$(dirname "$0")/lib.sh"

put_qemu_full() {
	local rom

	part=qemu
	put_program "$root/usr/bin/qemu-system-x86_64" usr/bin/qemu-system-x86_64
	# Emulation, for a machine without virtualization; the accelerators are modules.
	put_file "$root/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so" \
		usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so
	part=firmware
	for rom in bios-256k.bin vgabios-stdvga.bin vgabios-virtio.bin; do
		put_file "$root/usr/share/seabios/$rom" "usr/share/seabios/$rom"
	done
	for rom in kvmvapic.bin linuxboot_dma.bin multiboot_dma.bin pvh.bin keymaps/en-us; do
		put_file "$root/usr/share/qemu/$rom" "usr/share/qemu/$rom"
	done
	for rom in pxe-virtio.rom pxe-e1000.rom; do
		put_file "$root/usr/lib/ipxe/qemu/$rom" "usr/lib/ipxe/qemu/$rom"
	done
}

put_qemu_microvm() {
	local rom

	part=qemu
	put_program "$root/usr/bin/qemu-system-x86_64-microvm" usr/bin/qemu-system-x86_64
	part=firmware
	put_file "$root/usr/share/seabios/bios-256k.bin" usr/share/seabios/bios-256k.bin
	for rom in qboot.rom kvmvapic.bin linuxboot_dma.bin pvh.bin; do
		put_file "$root/usr/share/qemu/$rom" "usr/share/qemu/$rom"
	done
	put_link qboot.rom usr/share/qemu/bios-microvm.bin
}

build() {
	agent_strip
	base_build
	pkg_prepare qemu-system-x86 qemu-system-common qemu-system-data seabios ipxe-qemu
	image_key "$work/packages.txt" "$out/base.initrd" "vmm=$vmm"
	image_cached && return
	put_file "$recipes/files/kvm-init" init 755
	put_file "$recipes/files/inittab" etc/inittab
	put_file "$recipes/files/console" etc/muster/console 755
	"put_qemu_$vmm"
	put_modules "$recipes"/files/{net,disk,host,kvm}.modules
	initrd_write kvm.initrd
	cp "$kernel_root/boot/vmlinuz-$kernel" "$out/vmlinuz"
	cp "$work/packages.txt" "$out/packages.txt"
	size_table kvm.initrd vmlinuz base.initrd kvm.initrd >"$out/sizes.txt"
	image_keep vmlinuz kvm.initrd packages.txt sizes.txt
}

recipe_begin kvm "$@"
vmm=full name=kvm more_args=''
set -- ${rest[@]+"${rest[@]}"}
while [ $# -gt 0 ]; do
	case $1 in
	--vmm) vmm=$2 ;;
	--name) name=$2 ;;
	--args) more_args=$2 ;;
	*) die "unknown option $1" ;;
	esac
	shift 2
done
case $vmm in full | microvm) ;; *) die "--vmm is full or microvm" ;; esac

build
image_json "$name" "$linux_version" linux \
	"console=tty0 console=ttyS0,115200n8${more_args:+ $more_args}" '' \
	kernel:vmlinuz initrd:base.initrd initrd:kvm.initrd
cat "$out/sizes.txt"
