#!/bin/bash
# Boot from SAN: a real iSCSI target (Debian's tgt) with one disk for each host, which only its
# initiator's name and its CHAP secret open. GRUB on a BIOS and a UKI under UEFI start a Linux from
# the disk, which reports. Then a spare box takes over the role of the first host, disk and all.
. "${0%/*}/lab.sh"

LAB_IMAGE=
LAB_NEED=kinds
LAB_UNPACK='tgt libaio1 libibverbs1 librdmacm1 libnl-3-200 libnl-route-3-200'
SECRET=correct-horse-07

# An MBR with GRUB and one partition, from which UEFI starts a UKI: the same Linux either way.
make_disk() { # FILE
	local core=$LAB_DIR/core.img grub=/usr/lib/grub/i386-pc fat

	truncate -s 64M "$1"
	fat="$1@@1M"
	lab_ramdisk "$LAB_DIR/report.cpio" disk
	cat "$(lab_base)" "$LAB_DIR/report.cpio" >"$LAB_DIR/initrd"
	lab_uki "$LAB_DIR/uki.efi" disk
	cat >"$LAB_DIR/grub.cfg" <<-END
	serial --unit=0 --speed=115200
	terminal_output serial
	linux /vmlinuz console=ttyS0,115200n8 panic=5 from=disk
	initrd /initrd
	boot
	END
	grub-mkimage -O i386-pc -p '(hd0,msdos1)/' -c "$LAB_DIR/grub.cfg" -o "$core" \
		biosdisk part_msdos fat normal linux serial || lab_die 'no GRUB'
	dd if=$grub/boot.img of="$1" bs=440 count=1 conv=notrunc status=none
	dd if="$core" of="$1" bs=512 seek=1 conv=notrunc status=none
	# active, type EF, from sector 2048, 63 MiB
	printf '\x80\xfe\xff\xff\xef\xfe\xff\xff\x00\x08\x00\x00\x00\xf8\x01\x00' |
		dd of="$1" bs=1 seek=446 conv=notrunc status=none
	printf '\x55\xaa' | dd of="$1" bs=1 seek=510 conv=notrunc status=none
	if ! mformat -i "$fat" -T $((63 * 2048)) -h 64 -s 32 -H 2048 :: ||
		! mmd -i "$fat" ::/EFI ::/EFI/BOOT ||
		! mcopy -i "$fat" "$LAB_DIR/uki.efi" ::/EFI/BOOT/BOOTX64.EFI ||
		! mcopy -i "$fat" "$(lab_kernel)" ::/vmlinuz ||
		! mcopy -i "$fat" "$LAB_DIR/initrd" ::/initrd; then
		lab_die 'no disk'
	fi
}

# Its daemon is unpacked, not installed: it would start.
tgt() { # PROGRAM ARGUMENTS...
	local libs='' name

	for name in $LAB_UNPACK; do
		libs=$libs:$LAB_PACKAGES/$name/usr/lib/x86_64-linux-gnu:$LAB_PACKAGES/$name/lib/x86_64-linux-gnu
	done
	LD_LIBRARY_PATH=$libs "$LAB_PACKAGES/tgt/usr/sbin/$1" "${@:2}"
}

target() { # NUMBER HOST INITIATOR: the disk of a host
	local iqn=iqn.2026-01.example.muster:$2

	cp --sparse=always "$LAB_DIR/disk" "$LAB_DIR/disk-$2"
	if ! tgt tgtadm --lld iscsi --mode target --op new --tid "$1" -T "$iqn" ||
		! tgt tgtadm --lld iscsi --mode logicalunit --op new --tid "$1" --lun 1 -b "$LAB_DIR/disk-$2" ||
		! tgt tgtadm --lld iscsi --mode target --op bind --tid "$1" --initiator-name "$3" ||
		! tgt tgtadm --lld iscsi --mode account --op bind --tid "$1" --user "user-$2"; then
		lab_die 'no target'
	fi
}

values() { # HOST SECRET
	lab_muster host set "$1" --value "san-target=$LAB_ADDR" --value san-lun=1 \
		--value "san-iqn=iqn.2026-01.example.muster:$1" --value "chap-name=user-$1" \
		--value "chap-secret=$2" >>"$LAB_DIR/log/wait.log" 2>&1
}

known() { # HOST FIRMWARE
	lab_host "$1" "$2"
	lab_muster host add "$1" --mac "$(lab_mac "$1")" --image disk >>"$LAB_DIR/log/wait.log" 2>&1
}

nowhere() { # TEXT: in no log of the server, no answer of its API
	! grep -rqF "$1" "$LAB_DIR/log/musterd.log" && ! lab_api /hosts | grep -qF "$1" &&
		! lab_api /hosts/n1 | grep -qF "$1" && ! lab_api /events | grep -qF "$1" &&
		! lab_muster host show n1 2>&1 | grep -qF "$1"
}

lab_main() {
	lab_up
	mkdir -p /run/tgtd
	tgt tgtd -f >"$LAB_DIR/log/tgtd.log" 2>&1 &
	lab_until 10 'tgt tgtadm --lld iscsi --mode sys --op show' >/dev/null || lab_die 'no tgtd'
	make_disk "$LAB_DIR/disk"
	for host in n1 n2; do
		tgt tgtadm --lld iscsi --mode account --op new --user "user-$host" --password "$SECRET"
	done
	# what iPXE calls itself unless told; and a name that is told
	target 1 n1 iqn.2010-04.org.ipxe:n1
	target 2 n2 iqn.2026-01.example:second
	lab_own disk --san

	known n1 bios
	lab_check 'without a target nothing is started, and why is said' \
		lab_until 120 "lab_event n1 script seen 'wants the value san-target'"
	values n1 "$SECRET"
	known n2 uefi
	lab_muster host set n2 --value san-initiator=iqn.2026-01.example:second >>"$LAB_DIR/log/wait.log"
	values n2 wrong-horse-0007
	lab_check 'BIOS: up from its disk' lab_wait_up n1 280
	lab_check 'the Linux of the disk reported' lab_event n1 up 'done' "disk, from the host's address"
	lab_check 'it was started by GRUB on it' eval 'lab_screen n1 | grep -q "foreign: .*from=disk"'
	lab_check 'the secret was handed out once, and that is on record' \
		[ "$(lab_boot n1 '[.events[] | select(.what == "seen" and .detail == "the disk\u0027s secret was handed out")] | length')" = 1 ]
	lab_check 'UEFI, with a wrong secret: the disk does not open, and that is told' \
		lab_until 180 "lab_event n2 script aborted 'iPXE failed at disk of disk'"
	lab_off n1
	lab_off n2
	values n2 "$SECRET"
	lab_host n2 uefi
	lab_check 'UEFI, with the right one: up from its disk' lab_wait_up n2 280 --next
	lab_check 'the Linux of the disk reported' lab_event n2 up 'done' "disk, from the host's address"
	lab_off n2
	! lab_soaks || spare_box
	lab_check 'the secret is in no log and no answer' nowhere "$SECRET"
	lab_done
}

spare_box() {
	local boots

	lab_host n3 bios # one that nobody knows
	lab_off n3
	lab_muster host replace n1 --by "$(lab_mac n3)" >>"$LAB_DIR/log/wait.log"
	lab_check 'it has the values of the role' \
		[ "$(lab_api /hosts/n1 | jq -r '[.values["san-iqn"], .macs[]] | join(" ")')" = "iqn.2026-01.example.muster:n1 $(lab_mac n3)" ]
	boots=$(lab_api /hosts/n1/boots | jq '.boots | length')
	lab_host n3 bios
	lab_check 'and comes up from the disk that the first box had' lab_until 280 \
		"[ \"\$(lab_boot n1 .state)\" = up ] && [ \"\$(lab_api /hosts/n1/boots | jq '.boots | length')\" -gt $boots ]"
	lab_check 'the first box is on record, with no role' \
		[ "$(lab_api /hosts | jq -c --arg mac "$(lab_mac n1)" '.hosts[] | select(.macs == [$mac]) | [.admitted, .image]')" = '[false,null]' ]
}
lab_enter "$@"
