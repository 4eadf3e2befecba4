#include "images/ticket.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "images/json.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *const keys[] = { "type", "nonce", "host", "boot", "manifest", "issued", "ttl",
	"extra", "extra_length", "extra_args" };
#define KEYS_PLAIN 7 /* without what is extra */

static int take_extra(const struct json *doc, struct ticket *t, const struct complaint *c)
{
	const char *args = json_get_str(doc, "extra_args", "\n");
	int rc = strict_hex(json_get(doc, "extra"), "extra", &t->extra, c);

	if (!rc)
		rc = strict_number(json_get(doc, "extra_length"), "extra_length", 1, EXTRA_MAX,
			&t->extra_len, c);
	if (!rc && !extra_args_ok(args))
		rc = strict_complain(c, "extra_args: no words for a kernel");
	if (!rc)
		memcpy(t->args, args, strlen(args));
	return rc;
}

static int take_all(const struct json *doc, struct ticket *t, const struct complaint *c)
{
	struct digest nonce;
	const bool extra = json_len(doc) > KEYS_PLAIN;
	int rc = strict_keys(doc, "ticket", keys, extra ? ARRAY_LEN(keys) : KEYS_PLAIN, c);

	if (!rc)
		rc = strict_constant(json_get(doc, "type"), "type", "ticket", c);
	if (!rc)
		rc = strict_hex(json_get(doc, "nonce"), "nonce", &nonce, c);
	if (!rc)
		rc = strict_name(json_get(doc, "host"), "host", t->host, c);
	if (!rc)
		rc = strict_number(json_get(doc, "boot"), "boot", 1, INT64_MAX, &t->boot, c);
	if (!rc)
		rc = strict_hex(json_get(doc, "manifest"), "manifest", &t->manifest, c);
	if (!rc)
		rc = strict_number(
			json_get(doc, "issued"), "issued", 1, STRICT_TIME_MAX_S, &t->issued_s, c);
	if (!rc)
		rc = strict_number(json_get(doc, "ttl"), "ttl", 1, TICKET_TTL_S, &t->ttl_s, c);
	if (!rc && extra)
		rc = take_extra(doc, t, c);
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
	char manifest[DIGEST_HEX], extra[DIGEST_HEX];

	digest_hex(&t->manifest, manifest);
	digest_hex(&t->extra, extra);
	strict_add(&s, "{\"type\":\"ticket\",\"nonce\":\"%s\",\"host\":\"%s\",\"boot\":%" PRIu64,
		t->nonce, t->host, t->boot);
	strict_add(&s, ",\"manifest\":\"%s\",\"issued\":%" PRIu64 ",\"ttl\":%" PRIu64, manifest,
		t->issued_s, t->ttl_s);
	if (t->extra_len)
		strict_add(&s,
			",\"extra\":\"%s\",\"extra_length\":%" PRIu64 ",\"extra_args\":\"%s\"",
			extra, t->extra_len, t->args);
	strict_add(&s, "}\n");
	return s.full ? -ENOSPC : (int)s.len;
}
