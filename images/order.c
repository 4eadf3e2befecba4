#include "images/order.h"

#include <errno.h>
#include <inttypes.h>

#include "images/json.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *const keys[] = { "type", "order", "nonce", "host", "boot", "issued", "ttl" };

static int take_all(const struct json *doc, struct order *o, const struct complaint *c)
{
	struct digest nonce;
	int rc = strict_keys(doc, "order", keys, ARRAY_LEN(keys), c);

	if (!rc)
		rc = strict_constant(json_get(doc, "type"), "type", "order", c);
	if (!rc)
		rc = strict_constant(json_get(doc, "order"), "order", "reboot", c);
	if (!rc)
		rc = strict_hex(json_get(doc, "nonce"), "nonce", &nonce, c);
	if (!rc)
		rc = strict_name(json_get(doc, "host"), "host", o->host, c);
	if (!rc)
		rc = strict_number(json_get(doc, "boot"), "boot", 1, INT64_MAX, &o->boot, c);
	if (!rc)
		rc = strict_number(
			json_get(doc, "issued"), "issued", 1, STRICT_TIME_MAX_S, &o->issued_s, c);
	if (!rc)
		rc = strict_number(json_get(doc, "ttl"), "ttl", 1, ORDER_TTL_S, &o->ttl_s, c);
	if (!rc)
		digest_hex(&nonce, o->nonce);
	return rc;
}

int order_parse(const char *text, size_t len, struct order *out, char *err, size_t err_size)
{
	const struct complaint c = { err, err_size };
	struct order o = { 0 };
	struct json *doc;
	int rc;

	if (len > ORDER_MAX)
		return strict_complain(&c, "an order has 1 to %d bytes, not %zu", ORDER_MAX, len);
	doc = strict_read(text, len, "an order", &c);
	if (!doc)
		return -EBADMSG;
	rc = take_all(doc, &o, &c);
	json_free(doc);
	if (!rc)
		*out = o;
	return rc;
}

int order_print(const struct order *o, char *out, size_t size)
{
	struct strict_text s = { out, 0, size, size == 0 };

	strict_add(&s, "{\"type\":\"order\",\"order\":\"reboot\",\"nonce\":\"%s\",\"host\":\"%s\"",
		o->nonce, o->host);
	strict_add(&s, ",\"boot\":%" PRIu64 ",\"issued\":%" PRIu64 ",\"ttl\":%" PRIu64 "}\n",
		o->boot, o->issued_s, o->ttl_s);
	return s.full ? -ENOSPC : (int)s.len;
}
