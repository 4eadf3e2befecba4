#include "images/strict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "images/digest.h"
#include "images/json.h"

int strict_complain(const struct complaint *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->text, c->size, fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

struct json *strict_read(const char *text, size_t len, const char *what, const struct complaint *c)
{
	if (len == 0 || len > STRICT_MAX) {
		strict_complain(c, "%s has 1 to %d bytes, not %zu", what, STRICT_MAX, len);
		return NULL;
	}
	if (text[len - 1] != '\n' || memchr(text, '\r', len)) {
		strict_complain(c, "lines of %s end in LF, the last one too", what);
		return NULL;
	}
	return json_read(text, len, c->text, c->size);
}

int strict_name_ok(const char *s)
{
	size_t len = strnlen(s, STRICT_NAME_MAX);

	if (len == 0 || len == STRICT_NAME_MAX || *s == '.' || *s == '-')
		return 0;
	return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-") ==
	       len;
}

/* ---- values, each into its field ---- */

int strict_name(
	const struct json *v, const char *key, char out[STRICT_NAME_MAX], const struct complaint *c)
{
	const char *s = json_str(v, "");

	if (!strict_name_ok(s))
		return strict_complain(c,
			"%s: 1 to %d of A-Z a-z 0-9 . _ + -, not starting with . or -", key,
			STRICT_NAME_MAX - 1);
	memcpy(out, s, strlen(s) + 1);
	return 0;
}

int strict_number(const struct json *v, const char *key, uint64_t min, uint64_t max, uint64_t *out,
	const struct complaint *c)
{
	int64_t n = json_int(v, -1);

	if (n < 0 || (uint64_t)n < min || (uint64_t)n > max)
		return strict_complain(
			c, "%s: a whole number from %" PRIu64 " to %" PRIu64, key, min, max);
	*out = (uint64_t)n;
	return 0;
}

int strict_hex(const struct json *v, const char *key, struct digest *out, const struct complaint *c)
{
	return digest_parse(json_str(v, ""), out)
		       ? strict_complain(c, "%s: 64 lower-case hex digits", key)
		       : 0;
}

int strict_constant(
	const struct json *v, const char *key, const char *want, const struct complaint *c)
{
	return strcmp(json_str(v, ""), want) == 0 ? 0 : strict_complain(c, "%s: \"%s\"", key, want);
}

int strict_choice(const struct json *v, const char *key, const char *const *names, size_t n,
	unsigned *out, const struct complaint *c)
{
	const char *s = json_str(v, "");

	for (unsigned i = 0; i < n; i++)
		if (strcmp(s, names[i]) == 0) {
			*out = i;
			return 0;
		}
	return strict_complain(c, "%s: not a known one", key);
}

/* ---- objects: the keys in order ---- */

static bool known_key(const char *const *keys, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

int strict_keys(const struct json *obj, const char *where, const char *const *keys, size_t n,
	const struct complaint *c)
{
	if (!json_is_object(obj))
		return strict_complain(c, "%s: not an object", where);
	for (size_t i = 0; i < n; i++) {
		const char *key;

		if (!json_member(obj, i, &key))
			return strict_complain(c, "%s: %s is missing", where, keys[i]);
		if (strcmp(key, keys[i]) == 0)
			continue;
		if (!known_key(keys, n, key))
			return strict_complain(
				c, "%s: an unknown key where %s is expected", where, keys[i]);
		return strict_complain(c, "%s: %s where %s is expected", where, key, keys[i]);
	}
	return json_len(obj) == n
		       ? 0
		       : strict_complain(c, "%s: an unknown key after %s", where, keys[n - 1]);
}

/* ---- writing ---- */

void strict_add(struct strict_text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->full)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->p + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->size - t->len)
		t->full = true;
	else
		t->len += (size_t)n;
}
