#!/bin/bash
# A machine whose line has become slow, and what `muster host why` says: how fast its image comes, and
# how fast it usually does; then the plug is pulled in the middle of it.
# soak
. "${0%/*}/lab.sh"

LAB_IMAGE=
LAB_NEED=kinds
LAB_CONF='[boot]
	silence-min = 5s
	silence-max = 20s'

lab_main() {
	lab_up
	lab_ramdisk "$LAB_DIR/report.cpio" fine
	lab_own fine --kernel "$(lab_kernel)" --initrd "$(lab_base)" --initrd "$LAB_DIR/report.cpio" \
		--args 'console=ttyS0,115200n8 panic=5'
	lab_bare bios n1 fine
	lab_check 'an image that reports is up' lab_wait_up n1 90
	lab_check 'its boot as a picture' lab_muster host timeline n1 --svg -o "$LAB_DIR/log/n1.svg"
	lab_muster host set n1 --no-image >>"$LAB_DIR/log/wait.log" 2>&1 # to stop its agent before the image
	lab_off n1
	lab_host n1 bios
	lab_because n1 no-image 'nothing to boot' 90
	tc qdisc add dev mus-n1 root tbf rate 1mbit burst 16k latency 100ms
	lab_muster host set n1 --image fine >>"$LAB_DIR/log/wait.log" 2>&1
	lab_because n1 slow-line 'a slow line'
	lab_off n1
	lab_because n1 image-stalled 'a plug that is pulled'
	lab_done
}
lab_enter "$@"
