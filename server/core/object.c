#include "server/core/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/digest.h"
#include "images/json.h"
#include "server/bytes.h"

bool object_is_observed(const char *key)
{
	static const char *const observed[] = { "addr", "boot", "booted_image", "boots", "code",
		"expires_in", "facts", "hosts", "loaders", "place", "reason", "reboot", "rollout",
		"rules", "seen", "sentence", "stage", "started", "state", "used", "used_from" };

	for (size_t i = 0; i < ARRAY_LEN(observed); i++) {
		if (!strcmp(observed[i], key))
			return true;
	}
	return false;
}

static void add_members(struct digest_ctx *d, const struct json *doc)
{
	for (size_t i = 0; i < json_len(doc); i++) {
		const char *key;
		char *text = json_text(json_member(doc, i, &key));

		if (text && !object_is_observed(key)) {
			digest_update(d, key, strlen(key) + 1);
			digest_update(d, text, strlen(text) + 1);
		}
		free(text);
	}
}

void object_etag(const char *json, char out[OBJECT_ETAG_MAX])
{
	char err[80], hex[DIGEST_HEX];
	struct json *doc = json_read(json, strlen(json), err, sizeof err);
	struct digest_ctx *d = json_is_object(doc) ? digest_new() : NULL;
	struct digest digest;

	*out = 0;
	if (d) {
		add_members(d, doc);
		if (digest_final(d, &digest) == 0) {
			digest_hex(&digest, hex);
			snprintf(out, OBJECT_ETAG_MAX, "\"%.16s\"", hex);
		}
	}
	digest_free(d);
	json_free(doc);
}
