/*
 * A table is one structure after the other:
 *
 *   +------+--------+---------+--- - - ---+-----------------------------+
 *   | type | length | handle  | fields    | strings, each with its NUL, |
 *   | 1    | 1      | 2       | to length | and one NUL at their end    |
 *   +------+--------+---------+--- - - ---+-----------------------------+
 *
 * Integers are little-endian. A field that is a string holds its number, from 1; 0: none. A
 * structure without strings ends in two NULs.
 */
#include "agent/smbios.h"

#include <stdbool.h>
#include <string.h>

#include "agent/facts.h"

#define HEAD	      4
#define MEMORY_DEVICE 17
#define END_OF_TABLE  127

/* A structure: its fields, and behind them its strings. */
struct item {
	const uint8_t *p;
	size_t len; /* of the fields, head included */
	const char *strings, *end;
};

static unsigned u8(const struct item *i, size_t at)
{
	return at < i->len ? i->p[at] : 0;
}

static unsigned u16(const struct item *i, size_t at)
{
	return at + 2 <= i->len ? (unsigned)i->p[at] | (unsigned)i->p[at + 1] << 8 : 0;
}

static uint32_t u32(const struct item *i, size_t at)
{
	return u16(i, at) | (uint32_t)u16(i, at + 2) << 16;
}

/* The structure at *at, and *at moved behind it. false: none that is whole. */
static bool next(const uint8_t *table, size_t len, size_t *at, struct item *out)
{
	size_t left = len - *at, n;
	const uint8_t *p = table + *at;

	if (left < HEAD || p[1] < HEAD || p[1] > left)
		return false;
	out->p = p;
	out->len = p[1];
	for (n = p[1]; n + 2 <= left && (p[n] || p[n + 1]);)
		n++;
	if (n + 2 > left)
		return false;
	out->strings = (const char *)p + p[1];
	out->end = (const char *)p + n + 1; /* behind the last one's NUL */
	*at += n + 2;
	return true;
}

/* A string of the structure: printable ASCII without blanks at its ends, what says nothing is "".
 */
static void text_of(const struct item *i, size_t field, char *out, size_t size)
{
	const char *s = i->strings;
	unsigned n = u8(i, field);
	size_t len = 0;

	*out = 0;
	if (!n)
		return;
	while (--n && s < i->end)
		s += strnlen(s, (size_t)(i->end - s)) + 1;
	while (s < i->end && *s == ' ')
		s++;
	for (; s < i->end && *s && len + 1 < size; s++)
		out[len++] = *s >= ' ' && *s < 0x7f ? *s : '?';
	while (len && out[len - 1] == ' ')
		len--;
	out[len] = 0;
	if (facts_is_junk(out))
		*out = 0;
}

/* In MiB; 0: nothing is plugged in, or nobody knows what. */
static int64_t size_of(const struct item *i)
{
	const unsigned size = u16(i, 0x0c);

	if (size == 0xffff)
		return 0;
	if (size == 0x7fff)
		return u32(i, 0x1c) & 0x7fffffff;
	return size & 0x8000 ? (size & 0x7fff) / 1024 : size;
}

static bool dimm_of(const struct item *i, struct smbios_dimm *out)
{
	struct smbios_dimm d = { .size_mb = size_of(i) };
	const unsigned speed = u16(i, 0x15);

	if (i->p[0] != MEMORY_DEVICE || d.size_mb == 0)
		return false;
	d.speed = speed == 0xffff ? 0 : speed;
	text_of(i, 0x10, d.slot, sizeof d.slot);
	text_of(i, 0x17, d.maker, sizeof d.maker);
	text_of(i, 0x18, d.serial, sizeof d.serial);
	text_of(i, 0x1a, d.part, sizeof d.part);
	*out = d;
	return true;
}

size_t smbios_dimms(const uint8_t *table, size_t len, struct smbios_dimm *out, size_t max)
{
	size_t n = 0, at = 0;
	struct item i;

	while (n < max && next(table, len, &at, &i) && i.p[0] != END_OF_TABLE)
		n += dimm_of(&i, &out[n]);
	return n;
}
