#include "images/channel.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "images/json.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *const keys[] = { "type", "name", "image", "manifest", "release", "floor",
	"issued", "expires" };

static int take_all(const struct json *doc, struct channel *ch, const struct complaint *c)
{
	int rc = strict_keys(doc, "channel", keys, ARRAY_LEN(keys), c);

	if (!rc)
		rc = strict_constant(json_get(doc, "type"), "type", "channel", c);
	if (!rc)
		rc = strict_name(json_get(doc, "name"), "name", ch->name, c);
	if (!rc)
		rc = strict_name(json_get(doc, "image"), "image", ch->image, c);
	if (!rc)
		rc = strict_hex(json_get(doc, "manifest"), "manifest", &ch->manifest, c);
	if (!rc)
		rc = strict_number(
			json_get(doc, "release"), "release", 1, INT64_MAX, &ch->release, c);
	if (!rc)
		rc = strict_number(json_get(doc, "floor"), "floor", 0, INT64_MAX, &ch->floor, c);
	if (!rc)
		rc = strict_number(
			json_get(doc, "issued"), "issued", 1, STRICT_TIME_MAX_S, &ch->issued_s, c);
	if (!rc)
		rc = strict_number(json_get(doc, "expires"), "expires", 1, STRICT_TIME_MAX_S,
			&ch->expires_s, c);
	return rc;
}

int channel_parse(const char *text, size_t len, struct channel *out, char *err, size_t err_size)
{
	const struct complaint c = { err, err_size };
	struct channel ch = { 0 };
	struct json *doc = strict_read(text, len, "a channel", &c);
	int rc;

	if (!doc)
		return -EBADMSG;
	rc = take_all(doc, &ch, &c);
	json_free(doc);
	if (!rc && ch.floor > ch.release)
		rc = strict_complain(&c, "floor: above the release itself");
	if (!rc && ch.issued_s >= ch.expires_s)
		rc = strict_complain(&c, "expires: not after issued");
	if (!rc)
		*out = ch;
	return rc;
}

int channel_print(const struct channel *ch, char *out, size_t size)
{
	struct strict_text t = { out, 0, size, size == 0 };
	char hex[DIGEST_HEX];

	digest_hex(&ch->manifest, hex);
	strict_add(&t, "{\n  \"type\": \"channel\",\n  \"name\": \"%s\",\n", ch->name);
	strict_add(&t, "  \"image\": \"%s\",\n  \"manifest\": \"%s\",\n", ch->image, hex);
	strict_add(&t, "  \"release\": %" PRIu64 ",\n  \"floor\": %" PRIu64 ",\n", ch->release,
		ch->floor);
	strict_add(&t, "  \"issued\": %" PRIu64 ",\n  \"expires\": %" PRIu64 "\n}\n", ch->issued_s,
		ch->expires_s);
	return t.full ? -ENOSPC : (int)t.len;
}

int channel_compare(const struct channel *ch, const struct digest *manifest, uint64_t release)
{
	if (release < ch->floor)
		return -1;
	if (release < ch->release)
		return 0; /* a pin: the release keys have signed this floor */
	return release != ch->release || !digest_equal(manifest, &ch->manifest);
}

bool channel_is_older(const struct channel *ch, const struct channel *other)
{
	if (ch->issued_s != other->issued_s)
		return ch->issued_s < other->issued_s;
	return ch->release < other->release;
}
