#include "server/http/range.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Digits at *s as a number that stops growing at UINT64_MAX; false when there are none. */
static bool take_number(const char **s, uint64_t *out)
{
	const char *p = *s;
	uint64_t n = 0;

	for (; isdigit((unsigned char)*p); p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
	}
	if (p == *s)
		return false;
	*s = p;
	*out = n;
	return true;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* "-N": the last N bytes. */
static enum range_kind suffix(const char *s, uint64_t size, uint64_t *first, uint64_t *len)
{
	uint64_t n;

	if (!take_number(&s, &n) || *skip_blanks(s))
		return RANGE_WHOLE;
	if (n == 0 || size == 0)
		return RANGE_UNSATISFIABLE;
	*len = n < size ? n : size;
	*first = size - *len;
	return RANGE_PART;
}

bool range_parse_content(const char *value, uint64_t body, uint64_t *first, uint64_t *total)
{
	uint64_t from, to, all;
	const char *s = value;

	if (!s) {
		*first = 0;
		*total = body;
		return true;
	}
	if (strncasecmp(s, "bytes ", 6) != 0)
		return false;
	s = skip_blanks(s + 6);
	if (!take_number(&s, &from) || *s++ != '-' || !take_number(&s, &to) || *s++ != '/' ||
		!take_number(&s, &all) || *skip_blanks(s))
		return false;
	if (to < from || to >= all || all > INT64_MAX || to - from + 1 != body)
		return false;
	*first = from;
	*total = all;
	return true;
}

enum range_kind range_parse(const char *value, uint64_t size, uint64_t *first, uint64_t *len)
{
	uint64_t from, to = UINT64_MAX;
	const char *s = value;

	if (!s || strncasecmp(s, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	s = skip_blanks(s + 6);
	if (*s == '-')
		return suffix(s + 1, size, first, len);
	if (!take_number(&s, &from) || *s++ != '-')
		return RANGE_WHOLE;
	if (*s && !isblank((unsigned char)*s) && !take_number(&s, &to))
		return RANGE_WHOLE;
	if (*skip_blanks(s) || to < from)
		return RANGE_WHOLE;
	if (from >= size)
		return RANGE_UNSATISFIABLE;
	*first = from;
	*len = (to < size ? to + 1 : size) - from;
	return RANGE_PART;
}
