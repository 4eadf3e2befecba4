#!/usr/bin/env bash
# Caches of other makes (nginx, Squid) between the hosts of a branch and the server; what crosses the
# line is counted.
# takes: 60 s
set -u
# shellcheck source=tests/support/flow.sh
. "${BASH_SOURCE[0]%/*}/../support/flow.sh"
# inside there is no network to get them from
for package in nginx squid squid-common squid-langpack libecap3 libltdl7 libtdb1; do
	tests/support/unpack.sh $package "$packages" >/dev/null 2>&1 || skip "no $package"
done
flow_enter "$@"
# shellcheck source=tests/support/branch.sh
. tests/support/branch.sh

# NAME WORDS: a program of a package that is not installed, with the libraries that came with it
LIBRARIES=$(printf '%s:' "$packages"/*/usr/lib/*-linux-gnu)
in_branch() { ip netns exec branch env LD_LIBRARY_PATH="$LIBRARIES" "$packages/$1/usr/sbin/$1" "${@:2}"; }

# As docs/caches.md has them, with other addresses and folders.
mkdir -p "$work/nginx" "$work/squid"
chown nobody: "$work/squid"
cat >"$work/nginx.conf" <<END
daemon off;
user root;
pid $work/nginx/pid;
error_log stderr;
events { }
http {
	access_log off;
	client_body_temp_path $work/nginx/body;
	proxy_temp_path $work/nginx/proxy;
	fastcgi_temp_path $work/nginx/fastcgi;
	uwsgi_temp_path $work/nginx/uwsgi;
	scgi_temp_path $work/nginx/scgi;
	proxy_cache_path $work/nginx/cache keys_zone=blobs:1m max_size=1g use_temp_path=off;
	server {
		listen 10.77.0.2:8080;
		location / { proxy_pass http://10.77.0.1; }
		location /blobs/ {
			slice 1m;
			proxy_set_header Range \$slice_range;
			proxy_http_version 1.1;
			proxy_pass http://10.77.0.1;
			proxy_cache blobs;
			proxy_cache_key \$uri\$slice_range;
			proxy_cache_valid 200 206 1y;
			proxy_cache_lock on;
			proxy_cache_lock_age 1h;
			proxy_cache_lock_timeout 1h;
		}
	}
}
END
cat >"$work/squid.conf" <<END
http_port 10.77.0.2:3128 accel defaultsite=10.77.0.1 no-vhost
cache_peer 10.77.0.1 parent 80 0 no-query originserver
http_access allow all
collapsed_forwarding on
cache_mem 64 MB
maximum_object_size_in_memory 64 MB
cache_effective_user nobody
visible_hostname cache
pid_filename none
access_log none
cache_log $work/squid/log
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
mime_table $packages/squid-common/usr/share/squid/mime.conf
unlinkd_program $packages/squid/usr/lib/squid/unlinkd
icon_directory $packages/squid-common/usr/share/squid/icons
error_directory $packages/squid-langpack/usr/share/squid-langpack/en
END
in_branch nginx -p "$work/nginx" -c "$work/nginx.conf" -e stderr >"$work/nginx/log" 2>&1 &
in_branch squid -N -f "$work/squid.conf" >"$work/squid/out" 2>&1 &
NGINX=http://10.77.0.2:8080 SQUID=http://10.77.0.2:3128
answers() { # URL: whatever it is
	ip netns exec branch curl -sS -o "$work/out" "$1/blobs/sha256/none"
}

check 'nginx as a mirror' restart "mirror = $NGINX"
check 'nginx runs' wait_for 10 answers $NGINX
check "nginx: $HOSTS hosts at once, one copy over the line" crosses 110 all_boot
check 'nginx: once more, none' crosses 10 all_boot

check 'Squid as a mirror' restart "mirror = $SQUID"
check 'Squid runs' wait_for 10 answers $SQUID
check "Squid: $HOSTS hosts at once, one copy over the line" crosses 110 all_boot

# ---- a cache that lies ----

flip() { printf '\xff\x00' | dd of="$1" bs=1 seek=500000 conv=notrunc 2>/dev/null; }
lie() { flip "$(find "$work/nginx/cache" -type f -size +1000k | head -n 1)"; }
check 'a cache whose file has changed' lie
check 'no mirrors' restart
refused() { ! boots 1 $NGINX && screen_says 1 'DID NOT START \(.*, file-digest\)'; }
check 'is the server for one host, which does not start' refused
check 'is a mirror for another' restart "mirror = $NGINX" "mirror = $SQUID"
check 'which boots by the second one' crosses 10 boots 2
check 'and says why' screen_says 2 "mirror $NGINX: initrd arrived with another digest"
check 'as the record does' recorded "initrd: mirror $NGINX: initrd arrived with another digest"

# ---- mirrors that are not there ----

check 'two mirrors that are not there' restart 'mirror = http://10.77.0.2:9' 'mirror = http://10.77.0.2:10'
check 'do not keep a host from booting' boots 3
check 'it says so' screen_says 3 'mirror http://10.77.0.2:10: .*sends nothing'
exit $failed
