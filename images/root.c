#include "images/root.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "images/json.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *const key_keys[] = { "name", "role", "key" };

static int take_key(const struct json *obj, size_t i, struct root *r, const struct complaint *c)
{
	char where[16];
	int rc;

	snprintf(where, sizeof where, "keys[%u]", (unsigned)i & 255);
	rc = strict_keys(obj, where, key_keys, ARRAY_LEN(key_keys), c);
	if (!rc)
		rc = strict_name(json_get(obj, "name"), "key's name", r->names[i], c);
	if (!rc)
		rc = strict_constant(json_get(obj, "role"), "role", "release", c);
	if (!rc && minisig_line_parse(json_get_str(obj, "key", ""), &r->keys[i]))
		rc = strict_complain(
			c, "%s: key: a public key's line as minisign writes it", where);
	return rc;
}

static int take_keys(const struct json *v, struct root *r, const struct complaint *c)
{
	size_t n = json_len(v);
	int rc = 0;

	if (!json_is_array(v) || n < 1 || n > ROOT_KEYS_MAX)
		return strict_complain(c, "keys: a list of 1 to %d", ROOT_KEYS_MAX);
	for (size_t i = 0; i < n && !rc; i++)
		rc = take_key(json_at(v, i), i, r, c);
	r->n_keys = n;
	return rc;
}

static const char *const keys[] = { "type", "version", "expires", "threshold", "keys" };

static int take_all(const struct json *doc, struct root *r, const struct complaint *c)
{
	uint64_t threshold = 0;
	int rc = strict_keys(doc, "root", keys, ARRAY_LEN(keys), c);

	if (!rc)
		rc = strict_constant(json_get(doc, "type"), "type", "root", c);
	if (!rc)
		rc = strict_number(
			json_get(doc, "version"), "version", 1, ROOT_VERSION_MAX, &r->version, c);
	if (!rc)
		rc = strict_number(json_get(doc, "expires"), "expires", 1, STRICT_TIME_MAX_S,
			&r->expires_s, c);
	if (!rc)
		rc = strict_number(
			json_get(doc, "threshold"), "threshold", 1, ROOT_KEYS_MAX, &threshold, c);
	if (!rc)
		rc = take_keys(json_get(doc, "keys"), r, c);
	r->threshold = threshold;
	return rc;
}

/* One person is one name, one id and one key, or a threshold of two would be one person's. */
static int check_distinct(const struct root *r, const struct complaint *c)
{
	for (size_t i = 0; i < r->n_keys; i++)
		for (size_t j = 0; j < i; j++) {
			if (strcmp(r->names[i], r->names[j]) == 0)
				return strict_complain(c, "keys: two named %s", r->names[i]);
			if (memcmp(r->keys[i].key, r->keys[j].key, sizeof r->keys[i].key) == 0)
				return strict_complain(c, "keys: %s and %s are the same key",
					r->names[j], r->names[i]);
			if (memcmp(r->keys[i].id, r->keys[j].id, sizeof r->keys[i].id) == 0)
				return strict_complain(c, "keys: %s and %s have the same id",
					r->names[j], r->names[i]);
		}
	if (r->threshold > r->n_keys)
		return strict_complain(c, "threshold: %zu of %zu keys", r->threshold, r->n_keys);
	return 0;
}

int root_parse(const char *text, size_t len, struct root *out, char *err, size_t err_size)
{
	const struct complaint c = { err, err_size };
	struct root r = { 0 };
	struct json *doc = strict_read(text, len, "a root", &c);
	int rc;

	if (!doc)
		return -EBADMSG;
	rc = take_all(doc, &r, &c);
	json_free(doc);
	if (!rc)
		rc = check_distinct(&r, &c);
	if (!rc)
		*out = r;
	return rc;
}

int root_print(const struct root *r, char *out, size_t size)
{
	struct strict_text t = { out, 0, size, size == 0 };
	char line[MINISIG_LINE];

	strict_add(&t, "{\n  \"type\": \"root\",\n  \"version\": %" PRIu64 ",\n", r->version);
	strict_add(&t, "  \"expires\": %" PRIu64 ",\n  \"threshold\": %zu,\n", r->expires_s,
		r->threshold);
	strict_add(&t, "  \"keys\": [\n");
	for (size_t i = 0; i < r->n_keys; i++) {
		minisig_line_print(&r->keys[i], line);
		strict_add(&t, "    { \"name\": \"%s\", \"role\": \"release\",\n", r->names[i]);
		strict_add(&t, "      \"key\": \"%s\" }%s\n", line, i + 1 < r->n_keys ? "," : "");
	}
	strict_add(&t, "  ]\n}\n");
	return t.full ? -ENOSPC : (int)t.len;
}
