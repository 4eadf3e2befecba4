#!/bin/bash
# CDs: iPXE's sanboot on a BIOS (GRUB) and under UEFI (a UKI), and the RAM disk of UEFI's HTTP boot,
# from one ISO image with both boot records, up to a Linux that reports; and one without UEFI's.
. "${0%/*}/lab.sh"

LAB_IMAGE=
LAB_NEED=kinds

make_cd() { # FILE WITH_UEFI
	local tree=$LAB_DIR/cd
	local -a uefi=()

	mkdir -p "$tree/boot/grub"
	cp "$(lab_kernel)" "$tree/boot/vmlinuz"
	lab_ramdisk "$LAB_DIR/report.cpio" CD
	cat "$(lab_base)" "$LAB_DIR/report.cpio" >"$tree/boot/initrd"
	cat >"$tree/boot/grub/grub.cfg" <<-END
	serial --unit=0 --speed=115200
	terminal_output serial
	linux /boot/vmlinuz console=ttyS0,115200n8 panic=5 from=cd
	initrd /boot/initrd
	boot
	END
	grub-mkimage -O i386-pc-eltorito -p /boot/grub -o "$tree/boot/eltorito.img" \
		biosdisk iso9660 normal linux serial configfile || lab_die 'no GRUB'
	rm -f "$tree/boot/efi.img"
	if [ -n "$2" ]; then
		lab_uki "$LAB_DIR/uki.efi" CD
		lab_esp "$tree/boot/efi.img" "$LAB_DIR/uki.efi"
		uefi=(-eltorito-alt-boot -e boot/efi.img -no-emul-boot)
	fi
	xorriso -as mkisofs -quiet -R -o "$1" -b boot/eltorito.img -no-emul-boot -boot-load-size 4 \
		-boot-info-table "${uefi[@]}" "$tree" 2>>"$LAB_DIR/log/images.log" || lab_die 'no CD'
}

lab_main() {
	lab_up
	make_cd "$LAB_DIR/both.iso" yes
	make_cd "$LAB_DIR/bios.iso" ''
	lab_own both --iso "$LAB_DIR/both.iso"
	lab_own bios --iso "$LAB_DIR/bios.iso"
	lab_check 'the boot records were seen' [ "$(lab_api /images/both | jq -r .args)" = 'bios uefi' ]
	lab_check 'and that one is missing' [ "$(lab_api /images/bios | jq -r .args)" = bios ]

	lab_bare bios n1 both
	lab_bare uefi n2 both
	lab_check 'BIOS, sanboot: up' lab_wait_up n1 280
	lab_check 'the Linux of the CD reported' lab_event n1 up 'done' "CD, from the host's address"
	lab_check 'it is the CD that was started' eval 'lab_screen n1 | grep -q "foreign: .*from=cd"'
	lab_check 'UEFI, sanboot: up' lab_wait_up n2 180
	lab_check 'the Linux of the CD reported' lab_event n2 up 'done' "CD, from the host's address"
	lab_check 'the hand-off is what iPXE said' lab_event n2 handoff 'done' 'iPXE is about to start it'
	lab_check 'no row for each sector' [ "$(lab_boot n1 '.events | length')" -lt 60 ]
	lab_off n1
	lab_off n2
	! lab_soaks || others
	lab_done
}

others() {
	lab_bare uefi n3 bios
	lab_check 'a CD without a boot record for UEFI: why is on record' \
		lab_until 120 "lab_event n3 script seen 'this CD has no boot record for UEFI'"
	lab_off n3

	lab_bare uefi-http n4 both
	lab_check "UEFI's HTTP boot, RAM disk: up" lab_wait_up n4 240
	lab_check 'it was offered without a loader' \
		[ "$(lab_boot n4 '[.loader, .transport] | join(" ")')" = 'image.iso http' ]
	lab_check 'its hand-off is inferred, and says so' lab_event n4 handoff 'done' inferred
}
lab_enter "$@"
