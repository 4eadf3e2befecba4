#include "images/ticket.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "images/json.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *const keys[] = { "type", "nonce", "host", "boot", "manifest", "issued", "ttl" };

static int take_hex(
	const struct json *doc, const char *key, struct digest *out, const struct complaint *c)
{
	return digest_parse(json_get_str(doc, key, ""), out)
		       ? strict_complain(c, "%s: 64 lower-case hex digits", key)
		       : 0;
}

static int take_all(const struct json *doc, struct ticket *t, const struct complaint *c)
{
	struct digest nonce;
	int rc = strict_keys(doc, "ticket", keys, ARRAY_LEN(keys), c);

	if (!rc)
		rc = strict_constant(json_get(doc, "type"), "type", "ticket", c);
	if (!rc)
		rc = take_hex(doc, "nonce", &nonce, c);
	if (!rc)
		rc = strict_name(json_get(doc, "host"), "host", t->host, c);
	if (!rc)
		rc = strict_number(json_get(doc, "boot"), "boot", 1, INT64_MAX, &t->boot, c);
	if (!rc)
		rc = take_hex(doc, "manifest", &t->manifest, c);
	if (!rc)
		rc = strict_number(
			json_get(doc, "issued"), "issued", 1, STRICT_TIME_MAX_S, &t->issued_s, c);
	if (!rc)
		rc = strict_number(json_get(doc, "ttl"), "ttl", 1, TICKET_TTL_S, &t->ttl_s, c);
	if (!rc)
		digest_hex(&nonce, t->nonce);
	return rc;
}

int ticket_parse(const char *text, size_t len, struct ticket *out, char *err, size_t err_size)
{
	const struct complaint c = { err, err_size };
	struct ticket t = { 0 };
	struct json *doc;
	int rc;

	if (len > TICKET_MAX)
		return strict_complain(&c, "a ticket has 1 to %d bytes, not %zu", TICKET_MAX, len);
	doc = strict_read(text, len, "a ticket", &c);
	if (!doc)
		return -EBADMSG;
	rc = take_all(doc, &t, &c);
	json_free(doc);
	if (!rc)
		*out = t;
	return rc;
}

int ticket_print(const struct ticket *t, char *out, size_t size)
{
	struct strict_text s = { out, 0, size, size == 0 };
	char manifest[DIGEST_HEX];

	digest_hex(&t->manifest, manifest);
	strict_add(&s, "{\"type\":\"ticket\",\"nonce\":\"%s\",\"host\":\"%s\",\"boot\":%" PRIu64,
		t->nonce, t->host, t->boot);
	strict_add(&s, ",\"manifest\":\"%s\",\"issued\":%" PRIu64 ",\"ttl\":%" PRIu64 "}\n",
		manifest, t->issued_s, t->ttl_s);
	return s.full ? -ENOSPC : (int)s.len;
}
