#include "server/net/dhcp_opt.h"

#include <errno.h>

#define PIECE_MAX 255 /* bytes that the length of an option can say */

static int tlv_rest(struct rd *r, uint8_t tag, struct dhcp_opt *out)
{
	const uint8_t len = rd_u8(r);
	const uint8_t *val = rd_take(r, len);

	if (r->bad)
		return -EBADMSG;
	*out = (struct dhcp_opt){ .tag = tag, .len = len, .val = val };
	return 1;
}

int dhcp_opt_next(struct rd *r, struct dhcp_opt *out)
{
	uint8_t tag;

	do {
		tag = rd_u8(r);
		if (r->bad)
			return -EBADMSG; /* RFC 2131 section 4.1: the last option is always END */
	} while (tag == DHCP_OPT_PAD);
	if (tag == DHCP_OPT_END)
		return 0;
	return tlv_rest(r, tag, out);
}

int dhcp_tlv_next(struct rd *r, struct dhcp_opt *out)
{
	if (r->bad)
		return -EBADMSG;
	if (!rd_left(r))
		return 0;
	return tlv_rest(r, rd_u8(r), out);
}

/* Index one area; *overload is the value of option 52 when it is there. */
static int scan_area(struct dhcp_opts *o, struct rd r, uint8_t *overload)
{
	struct dhcp_opt opt;
	int rc;

	o->area[o->n_areas++] = r;
	while ((rc = dhcp_opt_next(&r, &opt)) > 0) {
		if (opt.len > DHCP_OPT_JOINED_MAX - o->total[opt.tag])
			return -EBADMSG;
		o->total[opt.tag] = (uint16_t)(o->total[opt.tag] + opt.len);
		o->there[opt.tag] = true;
		if (opt.tag == DHCP_OPT_OVERLOAD && opt.len)
			*overload = opt.val[0];
	}
	return rc;
}

int dhcp_opts_scan(const uint8_t *options, size_t len, const uint8_t file[128],
	const uint8_t sname[64], struct dhcp_opts *out)
{
	uint8_t overload = 0, ignored;
	int rc;

	memset(out, 0, sizeof *out);
	rc = scan_area(out, (struct rd){ options, options + len, false }, &overload);
	if (rc)
		return rc;
	if (!out->there[DHCP_OPT_OVERLOAD])
		return 0;
	if (out->total[DHCP_OPT_OVERLOAD] != 1 || overload < 1 || overload > 3)
		return -EBADMSG;
	if (overload & 1)
		rc = scan_area(out, (struct rd){ file, file + 128, false }, &ignored);
	if (!rc && overload & 2)
		rc = scan_area(out, (struct rd){ sname, sname + 64, false }, &ignored);
	return rc;
}

int dhcp_opts_get(const struct dhcp_opts *o, uint8_t tag, void *buf, size_t size)
{
	struct wr w = { buf, (uint8_t *)buf + size, false };
	struct dhcp_opt opt;

	if (!o->there[tag])
		return -ENOENT;
	for (unsigned i = 0; i < o->n_areas; i++) {
		struct rd r = o->area[i];

		while (dhcp_opt_next(&r, &opt) > 0)
			if (opt.tag == tag)
				wr_put(&w, opt.val, opt.len < wr_left(&w) ? opt.len : wr_left(&w));
	}
	return o->total[tag];
}

bool dhcp_opt_put(struct wr *w, uint8_t tag, const void *val, size_t len)
{
	const uint8_t *from = val; /* NULL: zeros */
	const size_t pieces = len > PIECE_MAX ? (len + PIECE_MAX - 1) / PIECE_MAX : 1;

	if (w->bad || len + 2 * pieces > wr_left(w))
		return false;
	for (size_t i = 0; i < pieces; i++) {
		const size_t at = i * PIECE_MAX;
		const size_t n = len - at < PIECE_MAX ? len - at : PIECE_MAX;

		wr_u8(w, tag);
		wr_u8(w, (uint8_t)n);
		wr_put(w, from ? from + at : NULL, n);
	}
	return true;
}

bool dhcp_opt_put_u32(struct wr *w, uint8_t tag, uint32_t val)
{
	const uint8_t b[4] = { (uint8_t)(val >> 24), (uint8_t)(val >> 16), (uint8_t)(val >> 8),
		(uint8_t)val };

	return dhcp_opt_put(w, tag, b, sizeof b);
}
