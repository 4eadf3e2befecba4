/*
 * json.c: reading by jansson, writing by hand. A struct json is a json_t under another name, so a
 * node costs nothing and jansson's types stay in here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/json.h"

#include <jansson.h>

/* jansson has macros of these names; from here on they are our functions. */
#undef json_is_object
#undef json_is_array
#undef json_is_null

#define DEPTH_MAX 16

/* jansson's iterators take no const, but change nothing. */
static json_t *node(const struct json *n)
{
	return (json_t *)(uintptr_t)n;
}

static struct json *wrap(json_t *n)
{
	return (struct json *)n;
}

/* Does it nest deeper than so many levels? Recurses no deeper than that. */
static bool deeper_than(json_t *n, unsigned levels)
{
	if (!n || (json_typeof(n) != JSON_OBJECT && json_typeof(n) != JSON_ARRAY))
		return false;
	if (levels == 0)
		return true;
	for (size_t i = 0; i < json_array_size(n); i++)
		if (deeper_than(json_array_get(n, i), levels - 1))
			return true;
	for (void *it = json_object_iter(n); it; it = json_object_iter_next(n, it))
		if (deeper_than(json_object_iter_value(it), levels - 1))
			return true;
	return false;
}

/* jansson quotes the place, which is a stranger's text: keep it printable. */
static void explain(const json_error_t *e, char *err, size_t err_size)
{
	snprintf(err, err_size, "line %d, column %d: %s", e->line, e->column, e->text);
	for (size_t i = 0; i < err_size && err[i]; i++)
		if (err[i] < ' ' || err[i] > '~')
			err[i] = '?';
}

struct json *json_read(const char *text, size_t len, char *err, size_t err_size)
{
	json_error_t e;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);

	if (!doc) {
		explain(&e, err, err_size);
		return NULL;
	}
	if (deeper_than(doc, DEPTH_MAX)) {
		json_decref(doc);
		snprintf(err, err_size, "more than %d levels", DEPTH_MAX);
		return NULL;
	}
	return wrap(doc);
}

void json_free(struct json *doc)
{
	json_decref(node(doc));
}

bool json_is_object(const struct json *n)
{
	return n && json_typeof(node(n)) == JSON_OBJECT;
}

bool json_is_array(const struct json *n)
{
	return n && json_typeof(node(n)) == JSON_ARRAY;
}

bool json_is_str(const struct json *n)
{
	return n && json_typeof(node(n)) == JSON_STRING;
}

bool json_is_int(const struct json *n)
{
	return n && json_typeof(node(n)) == JSON_INTEGER;
}

bool json_is_bool(const struct json *n)
{
	return n && json_is_boolean(node(n));
}

bool json_is_null(const struct json *n)
{
	return n && json_typeof(node(n)) == JSON_NULL;
}

size_t json_len(const struct json *n)
{
	return json_is_object(n) ? json_object_size(node(n)) : json_array_size(node(n));
}

struct json *json_get(const struct json *n, const char *key)
{
	return wrap(json_object_get(node(n), key));
}

struct json *json_at(const struct json *n, size_t i)
{
	return wrap(json_array_get(node(n), i));
}

struct json *json_member(const struct json *n, size_t i, const char **key)
{
	void *it = json_object_iter(node(n));

	while (it && i-- > 0)
		it = json_object_iter_next(node(n), it);
	if (!it)
		return NULL;
	*key = json_object_iter_key(it);
	return wrap(json_object_iter_value(it));
}

const char *json_str(const struct json *n, const char *def)
{
	return json_is_str(n) ? json_string_value(node(n)) : def;
}

int64_t json_int(const struct json *n, int64_t def)
{
	return json_is_int(n) ? json_integer_value(node(n)) : def;
}

bool json_bool(const struct json *n, bool def)
{
	return json_is_bool(n) ? json_boolean_value(node(n)) : def;
}

const char *json_get_str(const struct json *n, const char *key, const char *def)
{
	return json_str(json_get(n, key), def);
}

int64_t json_get_int(const struct json *n, const char *key, int64_t def)
{
	return json_int(json_get(n, key), def);
}

char *json_text(const struct json *n)
{
	return json_dumps(node(n), JSON_COMPACT | JSON_ENCODE_ANY);
}

/* ---- writing ---- */

void jw_fini(struct jw *w)
{
	free(w->buf);
	*w = (struct jw){ 0 };
}

/* Room for n more bytes and the NUL. */
static bool reserve(struct jw *w, size_t n)
{
	size_t size = w->size ? w->size : 256;
	char *buf;

	if (w->bad)
		return false;
	if (n < w->size - w->len)
		return true;
	while (size - w->len <= n) {
		if (size > SIZE_MAX / 2)
			goto err_memory;
		size *= 2;
	}
	buf = realloc(w->buf, size);
	if (!buf)
		goto err_memory;
	w->buf = buf;
	w->size = size;
	return true;
err_memory:
	w->bad = true;
	return false;
}

static void put(struct jw *w, const char *s, size_t n)
{
	if (!reserve(w, n))
		return;
	memcpy(w->buf + w->len, s, n);
	w->len += n;
	w->buf[w->len] = '\0';
}

/* Bytes of the UTF-8 character at s (NUL-terminated), or 0 when it is none (RFC 3629). */
static size_t utf8_len(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0; /* shorter forms exist below */
	else if (s[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f; /* past U+10FFFF */
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

/* One byte below 0x80, escaped where JSON wants it (RFC 8259 section 7). */
static void put_ascii(struct jw *w, unsigned char c)
{
	char esc[7];

	if (c == '"' || c == '\\')
		snprintf(esc, sizeof esc, "\\%c", c);
	else if (c < ' ' || c == 0x7f)
		snprintf(esc, sizeof esc, "\\u%04x", c);
	else
		snprintf(esc, sizeof esc, "%c", c);
	put(w, esc, strlen(esc));
}

static void put_quoted(struct jw *w, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	put(w, "\"", 1);
	while (*p) {
		size_t n = utf8_len(p);

		if (n == 1)
			put_ascii(w, *p);
		else if (n)
			put(w, (const char *)p, n);
		else
			put(w, "\xef\xbf\xbd", 3);
		p += n ? n : 1;
	}
	put(w, "\"", 1);
}

/* The comma and the key that come before a value. */
static void lead_in(struct jw *w, const char *key)
{
	if (w->depth > 0 && !w->first[w->depth - 1])
		put(w, ",", 1);
	if (w->depth > 0)
		w->first[w->depth - 1] = false;
	if (key) {
		put_quoted(w, key);
		put(w, ":", 1);
	}
}

static void open_level(struct jw *w, const char *key, const char *bracket)
{
	lead_in(w, key);
	if (w->depth == DEPTH_MAX) {
		w->bad = true;
		return;
	}
	put(w, bracket, 1);
	w->first[w->depth++] = true;
}

static void close_level(struct jw *w, const char *bracket)
{
	if (w->depth == 0) {
		w->bad = true;
		return;
	}
	w->depth--;
	put(w, bracket, 1);
}

void jw_obj(struct jw *w, const char *key)
{
	open_level(w, key, "{");
}

void jw_end_obj(struct jw *w)
{
	close_level(w, "}");
}

void jw_arr(struct jw *w, const char *key)
{
	open_level(w, key, "[");
}

void jw_end_arr(struct jw *w)
{
	close_level(w, "]");
}

void jw_str(struct jw *w, const char *key, const char *value)
{
	if (!value) {
		jw_null(w, key);
		return;
	}
	lead_in(w, key);
	put_quoted(w, value);
}

void jw_int(struct jw *w, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, value);
	jw_raw(w, key, text);
}

void jw_bool(struct jw *w, const char *key, bool value)
{
	jw_raw(w, key, value ? "true" : "false");
}

void jw_null(struct jw *w, const char *key)
{
	jw_raw(w, key, "null");
}

void jw_raw(struct jw *w, const char *key, const char *json)
{
	lead_in(w, key);
	put(w, json, strlen(json));
}
