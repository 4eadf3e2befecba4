/*
 * dhcp_opt.h: DHCP options: walk them, join what was split, append them (RFC 2132, RFC 3396).
 *
 * Pure. Everything borrows the packet.
 */
#ifndef MUSTER_SERVER_NET_DHCP_OPT_H
#define MUSTER_SERVER_NET_DHCP_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/bytes.h"
#include "server/dhcp_options.h"

#define DHCP_OPT_JOINED_MAX 1024 /* bytes of one option over all its pieces */

/* What a relay says in option 82 (RFC 3046, 3527, 5107, 8357). */
enum dhcp_relay_tag {
	DHCP_RELAY_CIRCUIT = 1,
	DHCP_RELAY_REMOTE = 2,
	DHCP_RELAY_LINK_SELECT = 5,
	DHCP_RELAY_ID_OVERRIDE = 11,
	DHCP_RELAY_PORT = 19,
};

struct dhcp_opt {
	uint8_t tag, len;   /* len in bytes */
	const uint8_t *val; /* borrows the packet */
};

/*
 * Step to the next option, skipping PAD (RFC 2132 section 2).
 * Returns 1 with *out filled; 0 at END; -EBADMSG when an option runs past the bytes or they end
 * without END. *out is untouched unless 1 is returned.
 */
int dhcp_opt_next(struct rd *r, struct dhcp_opt *out);

/*
 * The same for the inside of an encapsulated option (82, 175), where 0 and 255 are codes as any
 * other and the end of the bytes is the end.
 */
int dhcp_tlv_next(struct rd *r, struct dhcp_opt *out);

/* A packet's options: the options field, then `file`, then `sname` when overloaded (option 52). */
struct dhcp_opts {
	struct rd area[3];
	unsigned n_areas;
	uint16_t total[256]; /* bytes of each option, all pieces together */
	bool there[256];
};

/*
 * Index all options. `file` and `sname` are the header's fields of 128 and 64 bytes; option 52
 * inside them is ignored. Returns 0, or -EBADMSG when an area is malformed, option 52 is not
 * one byte from 1 to 3, or an option is longer than DHCP_OPT_JOINED_MAX.
 */
int dhcp_opts_scan(const uint8_t *options, size_t len, const uint8_t file[128],
	const uint8_t sname[64], struct dhcp_opts *out);

/*
 * Copy an option's value to buf, its pieces joined, at most `size` bytes of it. Returns its whole
 * length in bytes, which may be 0 or more than `size`, or -ENOENT.
 */
int dhcp_opts_get(const struct dhcp_opts *o, uint8_t tag, void *buf, size_t size);

/*
 * Append one option, whole or not at all; what is longer than 255 bytes in several pieces
 * (RFC 3396). Returns false when it does not fit; *w stays good.
 */
bool dhcp_opt_put(struct wr *w, uint8_t tag, const void *val, size_t len);
bool dhcp_opt_put_u32(struct wr *w, uint8_t tag, uint32_t val);

#endif
