#include "tests/fuzz/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"

void must(bool good)
{
	if (!good)
		abort();
}

static uint32_t number(const uint8_t *b, size_t bytes)
{
	uint32_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n = n << 8 | b[i];
	return n;
}

static bool read_area(struct reading *r, const uint8_t *b, size_t len)
{
	size_t i = 0;

	while (i < len && b[i] != 255) {
		if (b[i] == 0) {
			i++;
			continue;
		}
		if (len - i < 2 || len - i - 2 < b[i + 1])
			return false;
		r->there[b[i]] = true;
		r->total[b[i]] += b[i + 1];
		if (r->total[b[i]] > READING_MAX)
			return false;
		i += 2u + b[i + 1];
	}
	r->area[r->n_areas].b = b;
	r->area[r->n_areas].len = len;
	r->area[r->n_areas++].end = i;
	return i < len;
}

bool reading_of(const uint8_t *options, size_t len, const uint8_t *file, const uint8_t *sname,
	struct reading *out)
{
	uint8_t overload[READING_MAX];

	memset(out, 0, sizeof *out);
	if (!read_area(out, options, len))
		return false;
	if (!out->there[52])
		return true;
	if (reading_get(out, 52, overload) != 1 || overload[0] < 1 || overload[0] > 3)
		return false;
	return (overload[0] == 2 || read_area(out, file, 128)) &&
	       (overload[0] == 1 || read_area(out, sname, 64));
}

int reading_get(const struct reading *r, uint8_t tag, uint8_t out[READING_MAX])
{
	size_t n = 0;

	if (!r->there[tag])
		return -1;
	for (unsigned k = 0; k < r->n_areas; k++) {
		const uint8_t *b = r->area[k].b;

		for (size_t i = 0; i < r->area[k].end; i += b[i] ? 2u + b[i + 1] : 1u) {
			if (b[i] != tag)
				continue;
			memcpy(out + n, b + i + 2, b[i + 1]);
			n += b[i + 1];
		}
	}
	return (int)n;
}

uint32_t reading_u32(const struct reading *r, uint8_t tag)
{
	uint8_t val[READING_MAX];

	return reading_get(r, tag, val) == 4 ? number(val, 4) : 0;
}

bool reading_is(const struct reading *r, uint8_t tag, const void *val, size_t len)
{
	uint8_t got[READING_MAX];

	return reading_get(r, tag, got) == (int)len && !memcmp(got, val, len);
}

/* Lengths that RFC 2132 prescribes: at least `min`, a multiple of `unit`, at most `max`. */
static const struct {
	uint8_t tag, min, unit, max;
} lengths[] = {
	{ 1, 4, 4, 4 },
	{ 3, 4, 4, 252 },
	{ 6, 4, 4, 252 },
	{ 12, 1, 1, 255 },
	{ 15, 1, 1, 255 },
	{ 28, 4, 4, 4 },
	{ 51, 4, 4, 4 },
	{ 52, 1, 1, 1 },
	{ 53, 1, 1, 1 },
	{ 54, 4, 4, 4 },
	{ 56, 1, 1, 255 },
	{ 58, 4, 4, 4 },
	{ 59, 4, 4, 4 },
	{ 60, 1, 1, 255 },
	{ 61, 2, 1, 255 },
	{ 66, 1, 1, 255 },
	{ 67, 1, 1, 255 },
	{ 80, 0, 1, 0 },
	{ 82, 1, 1, 255 },
	{ 97, 17, 17, 17 },
	{ 118, 4, 4, 4 },
	/* what only clients say: RFC 2131, table 3 */
	{ 50, 1, 1, 0 },
	{ 55, 1, 1, 0 },
	{ 57, 1, 1, 0 },
};

static const char *check_lengths(const struct reading *r)
{
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		const size_t n = r->total[lengths[i].tag];

		if (r->there[lengths[i].tag] &&
			(n < lengths[i].min || n > lengths[i].max || n % lengths[i].unit))
			return "an option has a length that it may not have";
	}
	return NULL;
}

/* The order inside the areas, and nothing but zeros after each END. */
static const char *check_areas(const struct reading *r)
{
	uint8_t last_len[256] = { 0 };
	bool seen[256] = { false };

	for (unsigned k = 0; k < r->n_areas; k++) {
		const uint8_t *b = r->area[k].b;

		for (size_t i = 0; i < r->area[k].end; i += 2u + b[i + 1]) {
			if (b[i] == 0)
				return "padding between options";
			if (seen[b[i]] && last_len[b[i]] != 255)
				return "an option is repeated without need"; /* RFC 3396 */
			if (b[i] == 1 && seen[3])
				return "the mask comes after the router"; /* RFC 2132, 3.5 */
			if (b[i] == 82 && b[i + 2 + b[i + 1]] != 255)
				return "option 82 is not the last"; /* RFC 3046, 2.2 */
			seen[b[i]] = true;
			last_len[b[i]] = b[i + 1];
		}
		for (size_t i = r->area[k].end + 1; i < r->area[k].len; i++)
			if (b[i])
				return "bytes after END";
	}
	return NULL;
}

static const char *check_options(const struct reading *r)
{
	const char *wrong = check_lengths(r);

	if (wrong)
		return wrong;
	if (!r->there[53] || !r->there[54])
		return "no message type or no server identifier";
	return check_areas(r);
}

const char *reply_read(const uint8_t *b, size_t len, struct reply_view *out)
{
	struct reply_view v = { .b = b, .len = len };

	if (len < 300)
		return "shorter than 300 bytes";
	if (len > 1472)
		return "longer than a frame";
	if (b[0] != 2 || b[1] != 1 || b[2] != 6 || b[3] || number(b + 8, 2))
		return "op, hardware, hops or secs";
	if (number(b + 236, 4) != 0x63825363)
		return "no cookie";
	if (!reading_of(b + 240, len - 240, b + 108, b + 44, &v.options))
		return "malformed options";
	v.xid = number(b + 4, 4);
	v.flags = (uint16_t)number(b + 10, 2);
	v.ciaddr = number(b + 12, 4);
	v.yiaddr = number(b + 16, 4);
	v.siaddr = number(b + 20, 4);
	v.giaddr = number(b + 24, 4);
	if (!v.options.there[52]) {
		if (!memchr(b + 44, 0, 64) || !memchr(b + 108, 0, 128))
			return "a text in the header does not end";
		memcpy(v.file, b + 108, sizeof v.file);
	}
	*out = v;
	return check_options(&v.options);
}

void reply_must(const uint8_t *b, size_t len, struct reply_view *out)
{
	const char *wrong = reply_read(b, len, out);
	uint8_t type[READING_MAX];

	if (wrong) {
		fprintf(stderr, "reply: %s\n", wrong);
		abort();
	}
	reading_get(&out->options, 53, type);
	out->type = type[0];
}
