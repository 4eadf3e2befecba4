/*
 * dhcp_options.h: DHCP options that an administrator sets: text -> bytes by type, sets of them, and
 * what remains when one set overrides another (RFC 2132, 3397, 3442).
 *
 * A set is a row of entries, in the order in which they are sent: number(1) length(2, big-endian)
 * value. An option stands in it once; a value may be longer than the 255 bytes that one piece on
 * the wire holds (the codec splits it, RFC 3396). Pure, no allocation.
 */
#ifndef MUSTER_SERVER_DHCP_OPTIONS_H
#define MUSTER_SERVER_DHCP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/bytes.h"

#define DHCP_OPTIONS_SET_MAX 512 /* bytes of one set: about 60 routes, or 120 addresses */
#define DHCP_OPTIONS_SETS    3	 /* that override each other: a host's, its subnet's, everybody's */
/* Bytes of what one client may be told: all sets and what the server itself adds to them. */
#define DHCP_OPTIONS_MAX (DHCP_OPTIONS_SETS * DHCP_OPTIONS_SET_MAX + 128)

enum dhcp_opt_tag {
	DHCP_OPT_PAD = 0,
	DHCP_OPT_MASK = 1,
	DHCP_OPT_ROUTER = 3,
	DHCP_OPT_DNS = 6,
	DHCP_OPT_HOSTNAME = 12,
	DHCP_OPT_BOOT_SIZE = 13,
	DHCP_OPT_DOMAIN = 15,
	DHCP_OPT_MTU = 26,
	DHCP_OPT_BROADCAST = 28,
	DHCP_OPT_NTP = 42,
	DHCP_OPT_VENDOR = 43,
	DHCP_OPT_REQUESTED = 50,
	DHCP_OPT_LEASE = 51,
	DHCP_OPT_OVERLOAD = 52,
	DHCP_OPT_TYPE = 53,
	DHCP_OPT_SERVER_ID = 54,
	DHCP_OPT_WANTS = 55,
	DHCP_OPT_MESSAGE = 56,
	DHCP_OPT_MAX_SIZE = 57,
	DHCP_OPT_T1 = 58,
	DHCP_OPT_T2 = 59,
	DHCP_OPT_CLASS = 60,
	DHCP_OPT_CLIENT_ID = 61,
	DHCP_OPT_TFTP_NAME = 66,
	DHCP_OPT_FILE = 67,
	DHCP_OPT_USER_CLASS = 77,
	DHCP_OPT_RAPID_COMMIT = 80,
	DHCP_OPT_FQDN = 81,
	DHCP_OPT_RELAY = 82,
	DHCP_OPT_ARCH = 93,
	DHCP_OPT_NDI = 94,
	DHCP_OPT_UUID = 97,
	DHCP_OPT_SUBNET_SELECT = 118,
	DHCP_OPT_SEARCH = 119,
	DHCP_OPT_ROUTES = 121,
	DHCP_OPT_IPXE = 175,
	DHCP_OPT_END = 255,
};

/* Zeros are the empty set. */
struct dhcp_options {
	uint16_t len; /* bytes used */
	uint8_t bytes[DHCP_OPTIONS_SET_MAX];
};

struct dhcp_option {
	uint8_t tag;
	uint16_t len;
	const uint8_t *val; /* borrows the set */
};

/*
 * Take one setting into the set. `key` is a name of the configuration, `text` what stands behind
 * it:
 * - dns, ntp: addresses
 * - search: DNS names
 * - domain: one DNS name
 * - mtu: 68 or more
 * - route: 10.9.0.0/16 via 10.77.0.254; a router of 0.0.0.0 means: on this link
 * - option: NUMBER TYPE VALUE for any other number, TYPE being one of
 *   u8 u16 u32 bool text name names address addresses routes hex
 * Lists are separated by commas or white space. dns, ntp, search and route add to what is there;
 * anything else is set once. Returns 0; or -EINVAL, *set unchanged and err one sentence that says
 * what is wrong and what would be right.
 */
int dhcp_options_set(
	struct dhcp_options *set, const char *key, const char *text, char *err, size_t err_size);

/* Append an entry, whole or not at all: false when w has no room for it. */
bool dhcp_options_put(struct wr *w, uint8_t tag, const void *val, size_t len);

/* Step to the next entry: 1 with *out filled, 0 at the end, -EBADMSG when it runs past the bytes.
 */
int dhcp_options_next(struct rd *r, struct dhcp_option *out);

/* Find an option: true with *out filled. The bytes are well-formed. */
bool dhcp_options_find(const uint8_t *bytes, size_t len, uint8_t tag, struct dhcp_option *out);

/*
 * True when the bytes are entries of a set: whole, each option once, none of those that belong to
 * the packet itself and would make it unreadable (PAD, END, overload, relay information).
 */
bool dhcp_options_ok(const uint8_t *bytes, size_t len);

/* True when addr is one of the addresses in that option of the set. */
bool dhcp_options_has_addr(const struct dhcp_options *set, uint8_t tag, uint32_t addr);

/*
 * Append to w what remains of n sets, the strongest first: of each option the first that is met.
 * NULL is an empty set. A client that takes option 121 ignores the router option (RFC 3442), so a
 * default route by `router` (0: none) joins it when it has none. What w has no room for is left
 * out whole; DHCP_OPTIONS_SETS sets always fit into DHCP_OPTIONS_MAX.
 */
void dhcp_options_merge(
	struct wr *w, const struct dhcp_options *const *sets, size_t n, uint32_t router);

#endif
