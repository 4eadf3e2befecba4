/*
 * bytes.h: read and write bytes that somebody else owns, without ever leaving them.
 *
 * Both cursors are sticky: the first access that does not fit sets `bad`, and every later access
 * does nothing (reads give 0 or NULL). A caller checks `bad` once, at the end. Integers are
 * big-endian on the wire and in host order here. Pure; borrows the bytes.
 */
#ifndef MUSTER_SERVER_BYTES_H
#define MUSTER_SERVER_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct rd {
	const uint8_t *p, *end;
	bool bad;
};

struct wr {
	uint8_t *p, *end;
	bool bad;
};

static inline size_t rd_left(const struct rd *r)
{
	return (size_t)(r->end - r->p);
}

/* The next n bytes, or NULL when fewer are left. */
static inline const uint8_t *rd_take(struct rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > rd_left(r)) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	return p;
}

static inline uint8_t rd_u8(struct rd *r)
{
	const uint8_t *p = rd_take(r, 1);

	return p ? p[0] : 0;
}

static inline uint16_t rd_u16(struct rd *r)
{
	const uint8_t *p = rd_take(r, 2);

	return (uint16_t)(p ? p[0] << 8 | p[1] : 0);
}

static inline uint32_t rd_u32(struct rd *r)
{
	const uint8_t *p = rd_take(r, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline size_t wr_left(const struct wr *w)
{
	return (size_t)(w->end - w->p);
}

/* Append n bytes; a NULL src appends zeros. */
static inline void wr_put(struct wr *w, const void *src, size_t n)
{
	if (w->bad || n > wr_left(w)) {
		w->bad = true;
		return;
	}
	if (src)
		memcpy(w->p, src, n);
	else
		memset(w->p, 0, n);
	w->p += n;
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
	wr_put(w, &v, 1);
}

static inline void wr_u16(struct wr *w, uint16_t v)
{
	const uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	wr_put(w, b, sizeof b);
}

static inline void wr_u32(struct wr *w, uint32_t v)
{
	const uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
		(uint8_t)v };

	wr_put(w, b, sizeof b);
}

#endif
