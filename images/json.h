/*
 * json.h: JSON in and out, bounded. Reading wraps jansson (the only module that includes its
 * header): at most 16 levels, duplicate keys refused, strict UTF-8, errors with line and column.
 * Writing appends to a growing buffer and escapes; it needs no tree.
 */
#ifndef MUSTER_IMAGES_JSON_H
#define MUSTER_IMAGES_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- reading: a node is borrowed from the document that it belongs to ---- */
struct json; /* a document or a node of it */

/* Returns the document, or NULL with one sentence in err. Free with json_free. */
struct json *json_read(const char *text, size_t len, char *err, size_t err_size);
void json_free(struct json *doc); /* a document, not a node; accepts NULL */

bool json_is_object(const struct json *n);
bool json_is_array(const struct json *n);
size_t json_len(const struct json *n);			      /* members or elements; else 0 */
struct json *json_get(const struct json *n, const char *key); /* NULL: absent or no object */
struct json *json_at(const struct json *n, size_t i);	      /* NULL: past the end or no array */
/* The i-th member of an object, in order: its value, and its name in *key. NULL past the end. */
struct json *json_member(const struct json *n, size_t i, const char **key);

/* The value, or the default when n is NULL or of another type. */
const char *json_str(const struct json *n, const char *def);
int64_t json_int(const struct json *n, int64_t def);
bool json_bool(const struct json *n, bool def);
bool json_is_str(const struct json *n);
bool json_is_int(const struct json *n);
bool json_is_bool(const struct json *n);
bool json_is_null(const struct json *n);
/* Shorthands for json_str(json_get(n, key), def). */
const char *json_get_str(const struct json *n, const char *key, const char *def);
int64_t json_get_int(const struct json *n, const char *key, int64_t def);

/* The node as compact text; free() it. NULL without memory. */
char *json_text(const struct json *n);

/* ---- writing ---- */
struct jw {
	char *buf; /* NUL-terminated once anything was written; free() it, or jw_fini */
	size_t len, size;
	bool bad; /* out of memory, or brackets do not pair: buf is not to be used */
	unsigned depth;
	bool first[16];
};

void jw_fini(struct jw *w);
void jw_obj(struct jw *w, const char *key); /* key is NULL inside an array and at the top */
void jw_end_obj(struct jw *w);
void jw_arr(struct jw *w, const char *key);
void jw_end_arr(struct jw *w);
/* A NULL value writes null. Bytes that are no UTF-8 are replaced by U+FFFD. */
void jw_str(struct jw *w, const char *key, const char *value);
void jw_int(struct jw *w, const char *key, int64_t value);
void jw_bool(struct jw *w, const char *key, bool value);
void jw_null(struct jw *w, const char *key);
void jw_raw(struct jw *w, const char *key, const char *json); /* text that is JSON already */

#endif
