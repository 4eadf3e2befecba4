#!/bin/bash
# ra.sh [-k REPEATS] [FIRMWARE...]: seconds from power-on until iPXE asks for its script, with and
# without IPv6 router advertisements ([dhcp] router-advertisement), for virtual hosts one after the
# other. No image is needed. The table is Markdown; the runs of both settings take turns.
# shellcheck source=tests/boot/lab.sh
. "${BASH_SOURCE[0]%/*}/../boot/lab.sh"

LAB_IMAGE=none
repeats=2
firmwares=()

while [ $# -gt 0 ]; do
	case $1 in
	-k) repeats=${2:-} && shift ;;
	*) firmwares+=("$1") ;;
	esac
	shift
done
[[ $repeats =~ ^[1-9][0-9]*$ ]] || { sed -n '2s/^# \(.*\): .*/usage: \1/p' "$0" >&2; exit 2; }
[ ${#firmwares[@]} -gt 0 ] || firmwares=(bios bios-tftp uefi)
set -- -k "$repeats" "${firmwares[@]}" # for the inner half

# No images: keys alone.
lab_pack() { :; }
lab_import() { :; }

# Seconds of the newest boot from its host's power-on to the script, or nothing.
script_s() { # NAME POWER_ON_MS
	lab_boot "$1" ".events | map(select(.stage == \"script\"))[0].at // empty | (. - $2) / 100 | round / 10"
}

run_once() { # FIRMWARE SETTING
	local name=h$((++hosts)) began seconds

	began=$(date +%s%3N)
	lab_host "$name" "$1" 512
	lab_muster host add "$name" --mac "$(lab_mac "$name")" >>"$LAB_DIR/log/wait.log" 2>&1
	lab_until 180 "[ -n \"\$(script_s $name $began)\" ]"
	seconds=$(script_s "$name" "$began")
	lab_off "$name"
	printf '# %-10s router-advertisement=%-4s %s s\n' "$1" "$2" "${seconds:-no script within 180}"
	times[$1 $2]+="${seconds:--} "
}

lab_main() {
	local -A times
	local firmware setting i hosts=0

	lab_up
	for ((i = 1; i <= repeats; i++)); do
		for setting in no auto; do
			sed -i "/^router-advertisement/d; s/^lease-time.*/&\nrouter-advertisement = $setting/" "$LAB_DIR/muster.conf"
			lab_server restart
			for firmware in "${firmwares[@]}"; do
				run_once "$firmware" "$setting"
			done
		done
	done
	printf '\n| firmware | without | with |\n|---|---|---|\n'
	for firmware in "${firmwares[@]}"; do
		printf '| %s | %s | %s |\n' "$firmware" "${times[$firmware no]}" "${times[$firmware auto]}"
	done
}

lab_enter "$@"
