/*
 * A frame is a list of TLVs:
 *
 *   +-------------+---------------+- - - - - -+
 *   | type 7 bits | length 9 bits | value     |   chassis, port, time to live, then any, then end
 * (0)
 *   +-------------+---------------+- - - - - -+
 *
 * Chassis and port begin with a byte that says what they are.
 */
#include "agent/lldp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { END, CHASSIS, PORT, TTL, PORT_DESCRIPTION, SYSTEM_NAME, OWN = 127 };

struct tlv {
	unsigned type;
	const uint8_t *p;
	size_t len;
};

/* The TLV at *at, and *at moved behind it. 0 or -EBADMSG. */
static int next(const uint8_t *p, size_t len, size_t *at, struct tlv *out)
{
	const size_t left = len - *at;
	size_t n;

	if (left < 2)
		return -EBADMSG;
	n = (size_t)(p[*at] & 1) << 8 | p[*at + 1];
	if (n > left - 2)
		return -EBADMSG;
	*out = (struct tlv){ p[*at] >> 1, p + *at + 2, n };
	*at += 2 + n;
	return 0;
}

static void print_text(const uint8_t *p, size_t len, char out[LLDP_TEXT_MAX])
{
	size_t n = 0;

	for (; n < len && n + 1 < LLDP_TEXT_MAX; n++)
		out[n] = (char)(p[n] >= ' ' && p[n] < 0x7f ? p[n] : '?');
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = 0;
}

/* Behind the byte that says what it is: `mac` says which value means a MAC address. */
static void print_id(const struct tlv *t, unsigned mac, unsigned network, char out[LLDP_TEXT_MAX])
{
	const uint8_t *p = t->p + 1;
	const size_t len = t->len - 1;

	if (t->p[0] == mac && len == 6)
		snprintf(out, LLDP_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2],
			p[3], p[4], p[5]);
	else if (t->p[0] == network && len == 5 && p[0] == 1)
		snprintf(out, LLDP_TEXT_MAX, "%u.%u.%u.%u", p[1], p[2], p[3], p[4]);
	else
		print_text(p, len, out);
}

/* Chassis, port and time to live, in this order. */
static int read_head(const uint8_t *p, size_t len, size_t *at, struct lldp *l)
{
	struct tlv chassis, port, ttl;

	if (next(p, len, at, &chassis) || next(p, len, at, &port) || next(p, len, at, &ttl) ||
		chassis.type != CHASSIS || port.type != PORT || ttl.type != TTL ||
		chassis.len < 2 || port.len < 2 || ttl.len < 2)
		return -EBADMSG;
	if (!ttl.p[0] && !ttl.p[1])
		return -ENODATA;
	print_id(&chassis, 4, 5, l->chassis);
	print_id(&port, 3, 4, l->port);
	return 0;
}

static void read_own(const struct tlv *t, struct lldp *l)
{
	static const uint8_t port_vlan[] = { 0x00, 0x80, 0xc2, 1 }; /* 802.1 */

	if (t->len >= 6 && !memcmp(t->p, port_vlan, sizeof port_vlan))
		l->vlan = (unsigned)t->p[4] << 8 | t->p[5];
}

int lldp_read(const uint8_t *p, size_t len, struct lldp *out)
{
	struct lldp l = { 0 };
	struct tlv t = { .type = TTL };
	size_t at = 0;
	int rc = read_head(p, len, &at, &l);

	while (!rc && at < len && t.type != END) {
		rc = next(p, len, &at, &t);
		if (rc)
			break;
		if (t.type == PORT_DESCRIPTION)
			print_text(t.p, t.len, l.port_description);
		else if (t.type == SYSTEM_NAME)
			print_text(t.p, t.len, l.system);
		else if (t.type == OWN)
			read_own(&t, &l);
	}
	if (!rc)
		*out = l;
	return rc;
}
