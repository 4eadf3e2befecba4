/*
 * strict.h: reading and writing the JSON documents that are signed (root, manifest, channel), the
 * same way for all: at most 64 KiB; the keys come in one order, none unknown, doubled or missing;
 * lines end in LF, the last one too, so no prefix of a document is one. Nothing that is written
 * needs escaping. Pure.
 */
#ifndef MUSTER_IMAGES_STRICT_H
#define MUSTER_IMAGES_STRICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct digest;
struct json;

#define STRICT_MAX	  (64 * 1024)	/* bytes of a document */
#define STRICT_TIME_MAX_S 4102444800ULL /* 2100-01-01: what lies beyond is a mistake */
#define STRICT_NAME_MAX	  64		/* with NUL: [A-Za-z0-9._+-], not starting with . or - */

/* Where a parse goes wrong, it says so once, here. */
struct complaint {
	char *text;
	size_t size;
};

/* Writes the sentence, returns -EBADMSG. */
int strict_complain(const struct complaint *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The document, or NULL with the complaint made; `what` as in "a manifest". Free with json_free.
 */
struct json *strict_read(const char *text, size_t len, const char *what, const struct complaint *c);

/* Has the object exactly these keys, in this order? 0 or -EBADMSG. */
int strict_keys(const struct json *obj, const char *where, const char *const *keys, size_t n,
	const struct complaint *c);

/* A value into its field: 0, or -EBADMSG with a complaint that begins with the key. */
int strict_name(const struct json *v, const char *key, char out[STRICT_NAME_MAX],
	const struct complaint *c);
int strict_number(const struct json *v, const char *key, uint64_t min, uint64_t max, uint64_t *out,
	const struct complaint *c);
/* 64 lower-case hex digits. */
int strict_hex(
	const struct json *v, const char *key, struct digest *out, const struct complaint *c);
int strict_constant(
	const struct json *v, const char *key, const char *want, const struct complaint *c);
/* The index of the value among n names. */
int strict_choice(const struct json *v, const char *key, const char *const *names, size_t n,
	unsigned *out, const struct complaint *c);

int strict_name_ok(const char *s); /* 1 or 0 */

/* Appends to a buffer of fixed size; NUL-terminated while it is not full. */
struct strict_text {
	char *p;
	size_t len, size;
	bool full;
};

void strict_add(struct strict_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
