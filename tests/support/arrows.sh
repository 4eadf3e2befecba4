#!/bin/sh
# Which room may know which: every `#include "..."` of the tree against the list below, and each
# library's header against the one file per program that wraps it. Exit 1 with the lines that break it.
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0

# may FOLDER PREFIX...: the files below FOLDER include nothing but these (and their own folder).
may() {
	folder=$1
	shift
	allowed="^$folder/"
	for prefix in "$@"; do allowed="$allowed|^$prefix"; done
	find "$folder" -name '*.[ch]' -exec grep -Hn '^#include "' {} + |
		sed 's/^\([^:]*:[0-9]*\):#include "\([^"]*\)".*/\2 \1/' |
		grep -Ev "$allowed" | sed 's/^\(.*\) \(.*\)$/\2: may not include \1/' | grep . && status=1
}

# wraps HEADER FILE...: nobody else includes <HEADER>.
wraps() {
	header=$1
	shift
	grep -rln "^#include <$header>" --include='*.[ch]' server agent images db | while read -r file; do
		case " $* " in *" $file "*) ;; *) echo "$file: <$header> is for $* alone" ;; esac
	done | grep . && status=1
}

may images 
may db images/ embed/db/
may agent images/
may server/net server/bytes.h server/log.h server/loop.h server/msg.h server/server.h server/config.h \
	server/dhcp_options.h server/recent.h
may server/http server/bytes.h server/etag.h server/log.h server/loop.h server/msg.h server/server.h images/
may server/import server/bytes.h server/log.h server/loop.h server/msg.h server/server.h images/
may server/sign server/bytes.h server/log.h server/loop.h server/msg.h server/server.h images/
may server/tftp server/bytes.h server/log.h server/loop.h server/msg.h server/server.h
may server/core server/bytes.h server/etag.h server/tar.h server/log.h server/loop.h server/msg.h server/server.h server/config.h \
	server/dhcp_options.h server/recent.h server/nearest.h server/net/dhcp.h images/ db/ embed/ipxe-scripts/
may server/ctl server/nearest.h server/tar.h server/bytes.h server/loop.h server/sandbox.h images/ db/stage.h db/host.h db/check.h \
	embed/server/ctl/ server/simulate/simulate.h agent/trust.h
# a simulated host says and checks what an agent says and checks: by the agent's own pure code
may server/simulate server/bytes.h server/loop.h server/net/dhcp.h server/net/dhcp_opt.h images/ \
	db/stage.h db/host.h agent/verify.h agent/api_text.h agent/facts.h agent/cmdline.h

wraps microhttpd.h server/http/http.c
wraps sqlite3.h db/sql.c
wraps curl/curl.h agent/fetch.c server/ctl/client.c server/simulate/web.c
wraps sodium.h images/minisig.c
wraps 'openssl/.*' images/digest.c server/tls_cert.c
wraps lzma.h agent/unpack.c
wraps jansson.h images/json.c
wraps seccomp.h server/sandbox.c
wraps 'archive.*\.h' server/ctl/medium_archive.c server/ctl/backup_pack.c

[ $status = 0 ] && echo "every include goes where it may"
exit $status
