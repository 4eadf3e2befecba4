/*
 * ticket.h: "run this image, now": the server's answer to one request of one host, signed by the
 * site's key over the nonce of that request, so that nobody can play it again.
 *
 *   {"type":"ticket","nonce":"64 hex digits","host":"n01","boot":17,"manifest":"64 hex digits",
 *    "issued":1763942400,"ttl":120}
 *
 * One line, which LF ends. `manifest` is the SHA-256 of the manifest's bytes, `issued` seconds
 * since 1970, `ttl` for how many seconds after it asked the host may take the ticket. Where the
 * host is told something beside its image (extra.h), this stands behind `ttl`, for its archive and
 * the further kernel arguments:
 *
 *    ,"extra":"64 hex digits","extra_length":1536,"extra_args":"quiet"
 * Strict like the manifest, see strict.h. Verify the signature of the bytes before parsing them.
 * Pure.
 */
#ifndef MUSTER_IMAGES_TICKET_H
#define MUSTER_IMAGES_TICKET_H

#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/extra.h"
#include "images/strict.h"

#define TICKET_MAX   1024 /* bytes */
#define TICKET_TTL_S 120  /* the longest that is believed, and what the server gives */

struct ticket {
	char nonce[DIGEST_HEX]; /* 64 hex digits of the host's choice */
	char host[STRICT_NAME_MAX];
	uint64_t boot;
	struct digest manifest;
	uint64_t issued_s, ttl_s;
	uint64_t extra_len; /* bytes of the archive; 0: there is nothing extra */
	struct digest extra;
	char args[EXTRA_ARGS_MAX];
};

/* Returns 0, or -EBADMSG with one sentence in err that names the key or the place. */
int ticket_parse(const char *text, size_t len, struct ticket *out, char *err, size_t err_size);

/* The canonical text, NUL-terminated. Returns its length or -ENOSPC. */
int ticket_print(const struct ticket *t, char *out, size_t size);

#endif
