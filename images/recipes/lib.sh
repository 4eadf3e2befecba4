# shellcheck shell=bash
# lib.sh: what the image recipes share. A recipe is run as `RECIPE.sh OUTDIR [options]`, by any
# user: it takes Debian packages apart, lists what goes into an initramfs, and writes that list as
# an archive. Nothing is installed, mounted or chrooted into.
#
# Same inputs, same bytes. The inputs are the packages (named with their digests in OUTDIR's
# packages.txt), these scripts and the agent's binary. Hence: the tools that shape the bytes (xz,
# depmod) come from the packages too; the archive is written here, sorted, with owner 0:0, time 0
# and modes that are said, so neither umask nor file system nor clock shows in it.
#
# MUSTER_CACHE keeps what was downloaded, unpacked and built: by default build/packages of the source
# tree. Where muster is installed: in XDG_CACHE_HOME or ~/.cache, or /var/cache of a root without a
# home (cron, a service).

set -euo pipefail
export LC_ALL=C
umask 022

die() {
	echo "${recipe:-recipe}: $*" >&2
	exit 1
}

installed_cache() {
	if [ -n "${XDG_CACHE_HOME:-}" ]; then
		echo "$XDG_CACHE_HOME/muster"
	elif [ -n "${HOME:-}" ]; then
		echo "$HOME/.cache/muster"
	elif [ "$(id -u)" = 0 ]; then
		echo /var/cache/muster
	else
		die 'neither HOME nor XDG_CACHE_HOME is set: MUSTER_CACHE=DIR says where to keep packages'
	fi
}

recipes=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -f "$recipes/../../Makefile" ]; then
	cache=${MUSTER_CACHE:-$recipes/../../build/packages}
	agent=$recipes/../../build/release/muster-agent
else
	cache=${MUSTER_CACHE:-}
	[ -n "$cache" ] || cache=$(installed_cache)
	agent=$recipes/../../../lib/muster/muster-agent
fi
tab=$'\t'

# What every image has: the C library, busybox, a loader of kernel modules' index, a packer, and
# the libraries of muster-agent.
base_packages=(libc6 libgcc-s1 busybox-static kmod xz-utils libcurl4 libsodium23 libjansson4 libssl3
	liblzma5)

say() {
	echo "${recipe:-recipe}: $*" >&2
}

need() { # TOOL PACKAGE: what must be installed on the machine that builds
	command -v "$1" >/dev/null || die "$1 is missing; type: apt-get install -y $2"
}

# ---- start and end of a recipe ----

# Usage: recipe_begin NAME "$@"; takes OUTDIR and the common options, leaves the rest in rest[].
recipe_begin() {
	recipe=$1
	shift
	[ $# -gt 0 ] && [ "${1#-}" = "$1" ] || die "usage: $recipe.sh OUTDIR [--agent FILE] [--fresh] ..."
	out=$1
	shift
	fresh=
	rest=()
	while [ $# -gt 0 ]; do
		case $1 in
		--agent) agent=${2:?--agent needs a file}; shift 2 ;;
		--fresh) fresh=yes; shift ;;
		*) rest+=("$1"); shift ;;
		esac
	done
	need apt-get apt
	need dpkg-deb dpkg
	[ -f "$agent" ] || die "$agent is missing; type: make, or make install"
	mkdir -p "$out" "$cache"
	out=$(cd "$out" && pwd)
	cache=$(cd "$cache" && pwd)
	agent=$(realpath "$agent")
	work=$(mktemp -d "$cache/work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	list=$work/list
	: >"$list"
	part=other
}

# A finished build is kept under a name made of all its inputs. image_cached fills $out from it, or
# fails; image_keep stores the files named.
image_key() { # INPUT...: files, whose contents count, and words
	local input

	for input in "$@" "$agent" "$recipes"/lib.sh "$recipes/$recipe.sh" "$recipes"/files/*; do
		if [ -f "$input" ]; then sha256sum <"$input"; else echo "$input"; fi
	done >"$work/inputs"
	key=$recipe-$(sha256sum <"$work/inputs" | cut -c1-24)
}

image_cached() {
	[ -z "$fresh" ] && [ -d "$cache/image/$key" ] || return 1
	cp "$cache/image/$key"/* "$out/"
	say "unchanged, taken from the cache ($key)"
}

image_keep() { # FILE...: names in $out
	local name tmp

	tmp=$(mktemp -d "$cache/work.XXXXXX")
	for name in "$@"; do
		cp "$out/$name" "$tmp/"
	done
	mkdir -p "$cache/image"
	rm -rf "$cache/image/$key"
	mv -T "$tmp" "$cache/image/$key" 2>/dev/null || rm -rf "$tmp"
}

# image.json: what `muster image import` reads. Each file as ROLE:NAME, in order.
image_json() { # NAME VERSION KIND ARGS XEN_ARGS ROLE:NAME...
	local name=$1 version=$2 kind=$3 args=$4 xen_args=$5 sep='' file

	shift 5
	{
		printf '{\n  "name": "%s",\n  "version": "%s",\n  "kind": "%s",\n' "$name" "$version" "$kind"
		printf '  "channel": "stable",\n  "args": "%s",\n  "xen_args": "%s",\n' "$args" "$xen_args"
		printf '  "files": ['
		for file in "$@"; do
			printf '%s\n    { "role": "%s", "name": "%s" }' "$sep" "${file%%:*}" "${file#*:}"
			sep=,
		done
		printf '\n  ]\n}\n'
	} >"$out/image.json"
}

# ---- packages ----

apt_get() {
	mkdir -p "$cache/apt/archives/partial"
	apt-get -o Dir::Cache="$cache/apt" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
		-o Acquire::ForceHash=SHA256 -o APT::Install-Recommends=0 -qq "$@"
}

# The packages, and the libraries among all that they depend on, as apt would choose them for an
# empty system; one line "FILE SHA256" each, into PATH.
pkg_resolve() { # PATH PACKAGE...
	local path=$1 uris

	shift
	uris=$(apt_get -o Dir::State::status=/dev/null --print-uris install "$@" 2>"$work/apt.log") || {
		cat "$work/apt.log" >&2
		die "apt does not know these packages (yet); type: apt-get update"
	}
	awk -v names="$*" '
		BEGIN { n = split(names, name, " "); for (i = 1; i <= n; i++) named[name[i]] = 1 }
		{ split($2, p, "_"); sub(/^SHA256:/, "", $4) }
		p[1] ~ /^libpython/ { next }
		p[1] ~ /^(lib|zlib)/ || p[1] ~ /^linux-image-[0-9]/ || p[1] in named { print $2, $4 }
	' <<<"$uris" | sort >"$path"
}

pkg_version() { # LIST NAME: its version without the epoch
	sed -n "s/^$2_\(.*%3a\)\{0,1\}\([^_]*\)_.*/\2/p" "$1"
}

# Download what the list names and the cache lacks.
pkg_fetch() { # LIST
	local file sha256 name version tmp want=()

	mkdir -p "$cache/deb"
	while read -r file sha256; do
		[ -f "$cache/deb/$file" ] && continue
		IFS=_ read -r name version _ <<<"$file"
		want+=("$name=${version//%3a/:}")
	done <"$1"
	[ ${#want[@]} -gt 0 ] || return 0
	say "downloading ${#want[@]} packages"
	tmp=$(mktemp -d "$cache/work.XXXXXX")
	(cd "$tmp" && apt_get download "${want[@]}") || die "cannot download; type: apt-get update"
	while read -r file sha256; do
		[ -f "$tmp/$file" ] || continue
		echo "$sha256  $tmp/$file" | sha256sum --check --status || die "$file: wrong digest"
		mv "$tmp/$file" "$cache/deb/$file"
	done <"$1"
	rm -rf "$tmp"
}

# All packages of a list unpacked over each other, with /bin, /sbin and /lib merged into /usr as
# Debian installs them. Prints the folder, which is in the cache: look, don't touch.
pkg_unpack() { # LIST
	local root file tmp dir

	root=$cache/unpacked/$(sha256sum <"$1" | cut -c1-24)
	if [ ! -d "$root" ]; then
		pkg_fetch "$1"
		tmp=$(mktemp -d "$cache/work.XXXXXX")
		for dir in bin sbin lib lib64; do
			mkdir -p "$tmp/usr/$dir"
			ln -s "usr/$dir" "$tmp/$dir"
		done
		while read -r file _; do
			dpkg-deb --fsys-tarfile "$cache/deb/$file" |
				tar -x -C "$tmp" --keep-directory-symlink --no-same-owner --warning=no-timestamp \
					--exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale
		done <"$1"
		mkdir -p "$cache/unpacked"
		mv -T "$tmp" "$root" 2>/dev/null || rm -rf "$tmp"
	fi
	echo "$root"
}

# Run a program of the packages, with their loader and libraries.
pkg_run() { # ROOT NAME PROGRAM ARGUMENT...
	local root=$1 name=$2 program=$3

	shift 3
	"$root/lib64/ld-linux-x86-64.so.2" --inhibit-cache --argv0 "$name" \
		--library-path "$root/usr/lib/x86_64-linux-gnu" "$root/$program" "$@"
}

# The packages of an image and Debian's kernel. Sets root, kernel_root, kernel, linux_version, and
# writes packages.txt, which names them all.
pkg_prepare() { # PACKAGE...
	pkg_resolve "$work/packages" "${base_packages[@]}" "$@"
	pkg_resolve "$work/kernel" linux-image-amd64
	sed -i '/^linux-image-[0-9]/!d' "$work/kernel"
	[ "$(wc -l <"$work/kernel")" = 1 ] || die "expected one kernel, found: $(cat "$work/kernel")"
	sort "$work/packages" "$work/kernel" >"$work/packages.txt"
	root=$(pkg_unpack "$work/packages")
	kernel_root=$(pkg_unpack "$work/kernel")
	kernel=$(cd "$kernel_root/usr/lib/modules" && echo *)
	linux_version=$(pkg_version "$work/kernel" 'linux-image-[^_]*')
}

# ---- the list of an archive: PATH, TYPE (d, f, l), MODE, SOURCE or link target, PART ----
# $part says what the size table counts an entry as.

put_dir() { # PATH [MODE]
	local path=$1 parent=${1%/*}

	[ "$parent" = "$path" ] || put_dir "$parent"
	printf '%s\td\t%s\t\tother\n' "$path" "${2:-755}" >>"$list"
}

put_file() { # SOURCE PATH [MODE]
	case $2 in */*) put_dir "${2%/*}" ;; esac
	printf '%s\tf\t%s\t%s\t%s\n' "$2" "${3:-644}" "$(realpath "$1")" "$part" >>"$list"
}

put_link() { # TARGET PATH
	case $2 in */*) put_dir "${2%/*}" ;; esac
	printf '%s\tl\t777\t%s\t%s\n' "$2" "$1" "$part" >>"$list"
}

put_text() { # PATH: the text comes from the standard input
	local source

	source=$(mktemp "$work/text.XXXXXX")
	cat >"$source"
	put_file "$source" "$1"
}

# A program and the shared libraries it needs. The packages' own loader says which; a library that
# only the building machine has is an error.
put_program() { # SOURCE PATH
	local library source was=$part

	put_file "$1" "$2" 755
	part=libraries
	while read -r library source; do
		case $source in
		"$root"/*) put_file "$source" "usr/lib/x86_64-linux-gnu/$library" 755 ;;
		*) die "$1 needs $library, which no package here has" ;;
		esac
	done < <("$root/lib64/ld-linux-x86-64.so.2" --inhibit-cache \
		--library-path "$root/usr/lib/x86_64-linux-gnu" --list "$(realpath "$1")" |
		awk '$2 == "=>" { print $1, $3 }')
	part=$was
}

# The kernel modules named in the files, all that they depend on, and their index.
put_modules() { # FILE...
	local tree dep lib=lib/modules/$kernel path index

	tree=$(mktemp -d "$work/modules.XXXXXX")
	dep=$tree.dep/$lib
	mkdir -p "$dep" "$tree/$lib"
	cp "$kernel_root/$lib"/modules.* "$tree/$lib/"
	ln -s "$kernel_root/$lib"/{kernel,modules.*} "$dep/"
	pkg_run "$root" depmod bin/kmod -b "$tree.dep" "$kernel"
	sed 's/[[:space:]]*\(#.*\)\{0,1\}$//; /^$/d' "$@" | awk '
		NR == FNR { gsub(/-/, "_"); want[$1] = 1; next }
		{
			name = $1
			gsub(/.*\/|\.ko.*/, "", name)
			gsub(/-/, "_", name)
			if (!(name in want)) next
			delete want[name]
			sub(/:/, "")
			for (i = 1; i <= NF; i++) print $i
		}
		END { for (name in want) print "-", name }
	' - "$dep/modules.dep" | sort -u >"$work/modules.list"
	! grep '^-' "$work/modules.list" >&2 || die "the kernel has no such modules"
	part=drivers
	while read -r path; do
		mkdir -p "$tree/$lib/${path%/*}"
		case $path in
		*.xz) xz -dc "$kernel_root/$lib/$path" >"$tree/$lib/${path%.xz}" ;;
		*) cp "$kernel_root/$lib/$path" "$tree/$lib/$path" ;;
		esac
		put_file "$tree/$lib/${path%.xz}" "usr/$lib/${path%.xz}"
	done <"$work/modules.list"
	pkg_run "$root" depmod bin/kmod -b "$tree" "$kernel"
	for index in dep alias softdep builtin; do
		put_file "$tree/$lib/modules.$index" "usr/$lib/modules.$index"
	done
	part=other
}

# ---- the base: what the agent's ramdisk and the hypervisors have in common ----

# Folders, busybox, muster-agent with its libraries, our start-up script, the drivers of what a host
# needs to reach its server and its disks.
put_base() {
	local dir name

	for dir in bin sbin lib lib64; do
		put_dir "usr/$dir"
		put_link "usr/$dir" "$dir"
	done
	for dir in dev proc sys run root etc/muster var/lib var/log; do
		put_dir "$dir"
	done
	put_dir tmp 1777
	put_link ../run var/run
	put_link ../run/lock var/lock
	put_file "$recipes/files/init.sh" etc/muster/init.sh
	put_file "$root/bin/busybox" usr/bin/busybox 755
	for name in sh ash mount mkdir; do
		put_link busybox "usr/bin/$name"
	done
	part=libraries
	put_file "$root/lib64/ld-linux-x86-64.so.2" usr/lib64/ld-linux-x86-64.so.2 755
	put_file "$root/lib/x86_64-linux-gnu/libgcc_s.so.1" usr/lib/x86_64-linux-gnu/libgcc_s.so.1 755
	part=muster-agent
	put_program "$work/muster-agent" usr/bin/muster-agent
	part=other
	put_text etc/passwd <<<'root:x:0:0:root:/root:/bin/sh'
	put_text etc/group <<<'root:x:0:'
	put_text etc/hosts <<<'127.0.0.1 localhost'
	put_text etc/nsswitch.conf <<<'hosts: files dns'
	put_modules "$recipes"/files/{net,disk,host}.modules
}

# What is in an archive, comparable between archives: PATH, TYPE, MODE, digest or link target.
list_entries() { # LIST
	sort -u "$1" | awk -F '\t' '$2 == "f" { print $4 }' | tr '\n' '\0' |
		xargs -0 -r sha256sum | sed 's/  /\t/' >"$work/digests"
	sort -u "$1" | awk -F '\t' -v OFS='\t' '
		NR == FNR { digest[$2] = $1; next }
		{ print $1, $2, $3, $2 == "f" ? digest[$4] : $4 }
	' "$work/digests" -
}

# Build base.initrd in OUTDIR, or take it from the cache. It depends on nothing but its packages,
# so that agent and hypervisors all get the same bytes, which then cross the wire once: it carries
# the list of its own paths, by which the agent hands it on from memory. $base_entries names the
# file with what is in it.
base_build() {
	local image=$recipe image_list=$list image_out=$out

	recipe=base list=$work/base.list out=$work/base
	base_entries=$out/base.entries
	mkdir -p "$out"
	: >"$list"
	pkg_prepare
	image_key "$work/packages.txt" "$recipes/files/init.sh"
	if ! image_cached; then
		put_base
		put_dir etc/muster
		{ cut -f 1 "$list"; echo etc/muster/base.paths; } | sort -u >"$work/base.paths"
		put_text etc/muster/base.paths <"$work/base.paths"
		initrd_write base.initrd
		list_entries "$list" >"$base_entries"
		image_keep base.initrd base.entries
	fi
	cp "$out/base.initrd" "$image_out/"
	recipe=$image list=$image_list out=$image_out
}

# Take out of the list what the base has already, the same under the same path.
list_without_base() {
	list_entries "$list" >"$work/entries"
	awk -F '\t' '
		FILENAME == ARGV[1] { base[$0]; next }
		FILENAME == ARGV[2] { if ($0 in base) known[$1]; next }
		!($1 in known)
	' "$base_entries" "$work/entries" "$list" >"$list.own"
	mv "$list.own" "$list"
}

# The agent without its debug information, which knows the folder that it was built in.
agent_strip() {
	need strip binutils
	strip --strip-debug -o "$work/muster-agent" "$agent"
}

# ---- the archive: "newc" cpio ----

cpio_entry() { # INODE MODE SIZE PATH
	local pad=$(((4 - (110 + ${#4} + 1) % 4) % 4))

	printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\0' \
		"$1" "$2" 0 0 1 0 "$3" 0 0 0 0 "$((${#4} + 1))" 0 "$4"
	zeros "$pad"
}

zeros() { # COUNT, at most 3
	case $1 in 1) printf '\0' ;; 2) printf '\0\0' ;; 3) printf '\0\0\0' ;; esac
}

cpio_write() { # LIST: to the standard output
	local path type mode source _ size inode=0

	sort -u "$1" | awk -F '\t' '
		$1 == last { print "two sources for " $1 >"/dev/stderr"; exit 1 }
		{ last = $1 }
	' || die "the list of files contradicts itself"
	# read would join empty fields separated by tabs, so they are separated by a non-blank here.
	while IFS=$'\x1f' read -r path type mode source _; do
		inode=$((inode + 1))
		case $type in
		d) cpio_entry "$inode" $((8#40000 | 8#$mode)) 0 "$path" ;;
		l)
			cpio_entry "$inode" $((8#120000 | 8#$mode)) "${#source}" "$path"
			printf '%s' "$source"
			zeros $(((4 - ${#source} % 4) % 4))
			;;
		f)
			size=$(stat -c %s "$source")
			cpio_entry "$inode" $((8#100000 | 8#$mode)) "$size" "$path"
			cat "$source"
			zeros $(((4 - size % 4) % 4))
			;;
		esac
	done < <(sort -u "$1" | tr '\t' '\037')
	cpio_entry 0 0 0 'TRAILER!!!'
}

# Pack the list into OUTDIR/NAME, over the base unless this is it. xz is the smallest that the kernel unpacks (zstd -19 is a seventh
# larger, and slow lines are what images are small for); the kernel's xz knows no check but CRC32.
# The length becomes a multiple of 4, because the kernel looks for a further archive (trust.cpio,
# boot.json's) only there, and skips zeros.
initrd_write() { # NAME
	local size

	[ "$recipe" = base ] || list_without_base
	cpio_write "$list" >"$work/initrd.cpio"
	pkg_run "$root" xz usr/bin/xz -T1 --check=crc32 --x86 --lzma2=preset=9 -c "$work/initrd.cpio" \
		>"$work/initrd.xz"
	size=$(stat -c %s "$work/initrd.xz")
	{ cat "$work/initrd.xz"; zeros $(((4 - size % 4) % 4)); } >"$out/$1"
}

# ---- the size table ----

# How the image's own initramfs comes about, by part, and all its files. What a part takes when packed is an estimate (packed
# alone and quickly, then scaled to the real sum), since parts are packed together.
size_table() { # INITRD FILE...: names in OUTDIR; the initramfs is taken apart
	local initrd=$1 name total=0 size

	shift

	sort -u "$list" | awk -F '\t' '$2 == "f" { print $5 "\t" $4 }' >"$work/parts"
	cut -f 1 "$work/parts" | sort -u | while read -r name; do
		awk -F '\t' -v part="$name" '$1 == part { print $2 }' "$work/parts" | tr '\n' '\0' |
			xargs -0 cat >"$work/part"
		printf '%s\t%s\t%s\n' "$name" "$(stat -c %s "$work/part")" \
			"$(pkg_run "$root" xz usr/bin/xz -1 -c "$work/part" | wc -c)"
	done >"$work/sizes"
	printf '%-24s %12s %12s\n' part raw packed
	awk -F '\t' -v total="$(stat -c %s "$out/$initrd")" '
		{ name[NR] = $1; raw[NR] = $2; packed[NR] = $3; sum += $3 }
		END {
			for (i = 1; i <= NR; i++)
				printf "  %-22s %12d %11s%d\n", name[i], raw[i], "~", packed[i] * total / sum
		}
	' "$work/sizes" | sed 's/\( *\)~\([0-9]*\)$/\1~\2/'
	for name in "$@"; do
		size=$(stat -c %s "$out/$name")
		total=$((total + size))
		printf '%-24s %12s %12d\n' "$name" '' "$size"
	done
	printf '%-24s %12s %12d  %d.%02d MiB\n' total '' "$total" \
		$((total / 1048576)) $((total % 1048576 * 100 / 1048576))
}
