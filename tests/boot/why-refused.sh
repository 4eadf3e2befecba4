#!/bin/bash
# A machine that comes to the agent and no further, and what `muster host why` says: nobody has admitted
# it; then its kernel refuses to start the image; then one starts that never reports.
# takes: 110 s
. "${0%/*}/lab.sh"

LAB_IMAGE=
LAB_NEED=kinds
LAB_CONF='[boot]
	silence-min = 5s
	silence-max = 45s'

shows() { lab_screen "$1" | grep -q "$2"; }

lab_main() {
	local console='console=ttyS0,115200n8 panic=5'

	lab_up full approve
	mkdir "$LAB_DIR/mute"
	cat >"$LAB_DIR/mute/init" <<-'END'
	#!/bin/sh
	export PATH=/usr/sbin:/usr/bin:/sbin:/bin
	echo 'mute: I run'
	exec busybox sleep 1000
	END
	chmod 755 "$LAB_DIR/mute/init"
	(cd "$LAB_DIR/mute" && find . | cpio --quiet -o -H newc --owner 0:0) >"$LAB_DIR/mute.cpio"
	# a kernel by all that can be seen of it; the one that is to start it knows better
	cp "$(lab_kernel)" "$LAB_DIR/broken" && chmod u+w "$LAB_DIR/broken"
	printf '\0' | dd of="$LAB_DIR/broken" bs=1 seek=$((0x211)) conv=notrunc status=none # not LOADED_HIGH
	lab_own mute --kernel "$(lab_kernel)" --initrd "$(lab_base)" --initrd "$LAB_DIR/mute.cpio" --args "$console" --reports
	lab_own broken --kernel "$LAB_DIR/broken" --initrd "$(lab_base)" --args "$console"

	lab_host n01 bios # as the server names who comes first
	lab_because n01 admission 'nobody has admitted it' 240
	lab_check 'and its screen shows the code that we name' shows n01 "code $(lab_api /hosts/n01 | jq -r .code)"
	lab_muster host approve n01 --image broken >>"$LAB_DIR/log/wait.log" 2>&1
	lab_because n01 kexec 'a kernel that is none is refused'
	lab_off n01
	lab_muster host set n01 --image mute >>"$LAB_DIR/log/wait.log" 2>&1
	lab_host n01 bios
	lab_because n01 hypervisor-silent 'an image that starts and is silent' 240
	lab_check 'it does run' lab_until 60 "shows n01 'mute: I run'"
	lab_done
}
lab_enter "$@"
