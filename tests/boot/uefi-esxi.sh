#!/bin/bash
# ESXi, as far as it can be had: a medium of its shape, with an EFI program of the tests' in mboot's
# place that does what mboot does under iPXE: it fetches its boot.cfg, the kernel and every module
# through iPXE's download protocol. What it got is compared byte by byte with what was on the medium.
. "${0%/*}/lab.sh"

LAB_IMAGE=
LAB_NEED=kinds
MODULES=40

make_medium() {
	local tree=$LAB_DIR/esxi i list=''

	mkdir -p "$tree/efi/boot"
	lab_reporter "$tree/efi/boot/bootx64.efi"
	head -c 700 /dev/urandom >"$tree/efi/boot/crypto64.efi"
	head -c 3000000 /dev/urandom >"$tree/b.b00"
	for ((i = 1; i <= MODULES; i++)); do
		head -c $((i * i * 500 + i)) /dev/urandom >"$tree/m$i.v00"
		list="$list${list:+ --- }/m$i.v00"
	done
	printf '%s\r\n' bootstate=0 'title=Loading ESXi installer' timeout=5 prefix= kernel=/b.b00 \
		'kernelopt=runweasel' "modules=$list --- /m1.v00 again" build=8.0.2-0.0.22380479 updated=0 \
		>"$tree/boot.cfg"
	xorriso -as mkisofs -quiet -iso-level 1 -o "$LAB_DIR/esxi.iso" "$tree" 2>>"$LAB_DIR/log/images.log" ||
		lab_die 'no ISO image'
}

# Each file of the medium arrived whole: length and checksum as iPXE gave it to the program.
all_got() { # HOST
	local len sum file

	while read -r len sum file; do
		lab_screen "$1" | grep -q "reporter: got http://$LAB_ADDR/blobs/sha256/[0-9a-f]*/${file##*/} bytes=$len fnv=$sum\$" ||
			{ lab_say "not as it was: $file"; return 1; }
	done < <("$LAB_BUILD/support/fnv" "$LAB_DIR"/esxi/{*.?00,efi/boot/crypto64.efi})
}

lab_main() {
	lab_up
	make_medium
	lab_check 'the medium is recognised' \
		[ "$(lab_muster image inspect "$LAB_DIR/esxi.iso" -o json | jq -c '[.missing.esxi, .bootcfg]')" = '[null,"boot.cfg"]' ]
	lab_own esxi --from "$LAB_DIR/esxi.iso" --args 'ks=@{ks} hostname=@{host}'
	lab_check "ESXi's build is its version" \
		[ "$(lab_api /images/esxi | jq -r .version)" = 8.0.2-0.0.22380479 ]
	lab_host n1 uefi
	lab_muster host add n1 --mac "$(lab_mac n1)" --image esxi \
		--value "ks=http://$LAB_ADDR/healthz" >>"$LAB_DIR/log/wait.log" 2>&1
	lab_check 'up: the loader fetched boot.cfg and all that it names, then reported' lab_wait_up n1 180
	lab_check 'boot.cfg was rendered for this host' eval \
		"lab_screen n1 | grep -qx 'reporter: kernelopt runweasel ks=http://$LAB_ADDR/healthz hostname=n1'"
	lab_check "kernel, $MODULES modules and crypto64.efi arrived as they were on the medium" all_got n1
	lab_check 'boot.cfg is on record' lab_event n1 image 'done' boot.cfg
	lab_check 'so is each module' [ "$(lab_boot n1 '[.events[] | select(.what == "finished" and .stage == "image")
		| .detail | select(test("^m[0-9]+[.]v00$"))] | unique | length')" = $MODULES ]
	lab_check 'the hand-off came before them' lab_event n1 handoff 'done' 'iPXE is about to start it'
	lab_sizes n1 | tail -1
	lab_off n1

	lab_bare bios n2 esxi
	lab_muster host set n2 --value ks=none >>"$LAB_DIR/log/wait.log" 2>&1
	lab_check 'a BIOS does not get it, and why is on record' \
		lab_until 120 "lab_event n2 script seen 'iPXE cannot start'"
	lab_done
}
lab_enter "$@"
