/*
 * order.h: "start anew, now": what the server tells a hypervisor that runs, in the answer to one of
 * its heartbeats, signed by the site's key over the nonce of that heartbeat, so that nobody in the
 * line can make one, keep one back or play one again.
 *
 *   {"type":"order","order":"reboot","nonce":"64 hex digits","host":"n01","boot":17,
 *    "issued":1763942400,"ttl":120}
 *
 * One line, which LF ends. It is for this boot of this host and no other. A ticket (ticket.h) is
 * signed by the same key: the type tells them apart, and neither parses as the other. Strict like
 * the manifest, see strict.h. Verify the signature of the bytes before parsing them. Pure.
 */
#ifndef MUSTER_IMAGES_ORDER_H
#define MUSTER_IMAGES_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/strict.h"

#define ORDER_MAX   1024 /* bytes */
#define ORDER_TTL_S 120	 /* the longest that is believed, and what the server gives */

struct order {
	char nonce[DIGEST_HEX]; /* 64 hex digits of the host's choice */
	char host[STRICT_NAME_MAX];
	uint64_t boot;
	uint64_t issued_s, ttl_s;
};

/* Returns 0, or -EBADMSG with one sentence in err that names the key or the place. */
int order_parse(const char *text, size_t len, struct order *out, char *err, size_t err_size);

/* The canonical text, NUL-terminated. Returns its length or -ENOSPC. */
int order_print(const struct order *o, char *out, size_t size);

#endif
