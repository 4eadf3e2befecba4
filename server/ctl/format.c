/* format.c: numbers and times for people. */
#include "server/ctl/format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_MS 1000LL
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS	  (60 * MINUTE_MS)
#define DAY_MS	  (24 * HOUR_MS)
#define DAY_S	  86400ULL
#define VALID_MAX (75 * 366 * DAY_S)

char *format_count(uint64_t n, char out[FORMAT_MAX])
{
	snprintf(out, FORMAT_MAX, "%" PRIu64, n);
	return out;
}

char *format_bytes(uint64_t bytes, char out[FORMAT_MAX])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes / 1024;
	size_t u = 0;

	if (bytes < 1024) {
		snprintf(out, FORMAT_MAX, "%u B", (unsigned)bytes);
		return out;
	}
	while (v >= 1023.95 && u + 1 < sizeof units / sizeof units[0]) {
		v /= 1024;
		u++;
	}
	snprintf(out, FORMAT_MAX, "%.1f %s", v, units[u]);
	return out;
}

char *format_age(int64_t ms, char out[FORMAT_MAX])
{
	static const struct {
		int64_t below_ms, unit_ms;
		char letter;
	} steps[] = {
		{ 2 * MINUTE_MS, SECOND_MS, 's' },
		{ 2 * HOUR_MS, MINUTE_MS, 'm' },
		{ 2 * DAY_MS, HOUR_MS, 'h' },
		{ INT64_MAX, DAY_MS, 'd' },
	};
	size_t i = 0;

	if (ms < 0)
		ms = 0; /* clocks of two machines differ a little */
	while (ms >= steps[i].below_ms && i + 1 < sizeof steps / sizeof steps[0])
		i++;
	snprintf(out, FORMAT_MAX, "%" PRId64 "%c", ms / steps[i].unit_ms, steps[i].letter);
	return out;
}

char *format_seconds(int64_t ms, char out[FORMAT_MAX])
{
	int64_t s;

	if (ms < 0)
		ms = 0;
	s = ms / SECOND_MS;
	if (ms < 100 * SECOND_MS)
		snprintf(out, FORMAT_MAX, "%" PRId64 ".%d s", s, (int)(ms % SECOND_MS / 100));
	else if (ms < 100 * MINUTE_MS)
		snprintf(out, FORMAT_MAX, "%" PRId64 "m%02ds", s / 60, (int)(s % 60));
	else
		snprintf(out, FORMAT_MAX, "%" PRId64 "h%02dm", s / 3600, (int)(s / 60 % 60));
	return out;
}

static int64_t unit_ms(char c)
{
	return c == 's' || !c ? SECOND_MS : c == 'm' ? MINUTE_MS : c == 'h' ? HOUR_MS : -1;
}

int64_t format_parse_duration(const char *s)
{
	int64_t total = 0;

	if (!*s)
		return -1;
	while (*s) {
		int64_t n = 0, unit;

		if (*s < '0' || *s > '9')
			return -1;
		for (; *s >= '0' && *s <= '9'; s++) {
			n = n * 10 + (*s - '0');
			if (n > 7 * 24 * 3600)
				return -1;
		}
		unit = unit_ms(*s);
		if (unit < 0)
			return -1;
		total += n * unit;
		if (total > 7 * DAY_MS)
			return -1;
		s += *s != 0;
	}
	return total;
}

bool format_parse_number(const char *s, uint64_t max, uint64_t *out)
{
	unsigned long long v;

	if (!*s || strspn(s, "0123456789") != strlen(s))
		return false;
	errno = 0;
	v = strtoull(s, NULL, 10);
	if (errno || v < 1 || v > max)
		return false;
	*out = v;
	return true;
}

bool format_parse_validity(const char *s, uint64_t *out)
{
	size_t len = strlen(s);
	uint64_t unit = 0, n;
	char digits[12];

	if (len < 2 || len >= sizeof digits)
		return false;
	if (s[len - 1] == 'd')
		unit = DAY_S;
	else if (s[len - 1] == 'h')
		unit = 3600;
	snprintf(digits, sizeof digits, "%.*s", (int)len - 1, s);
	if (!unit || !format_parse_number(digits, VALID_MAX / unit, &n))
		return false;
	*out = n * unit;
	return true;
}

char *format_date(uint64_t unix_s, char out[FORMAT_MAX])
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, FORMAT_MAX, "%Y-%m-%d", &tm) == 0)
		snprintf(out, FORMAT_MAX, "?");
	return out;
}

/*
 * Length of the valid UTF-8 character at s (1 to 4), or 0. C1 controls (U+0080 to U+009F) count
 * as invalid: some terminals obey them.
 */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80	 ? 1
		   : s[0] < 0xc2 ? 0
		   : s[0] < 0xe0 ? 2
		   : s[0] < 0xf0 ? 3
		   : s[0] < 0xf5 ? 4
				 : 0;

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if (s[0] == 0xc2 && s[1] < 0xa0)
		return 0;
	return n;
}

char *format_clean(char *s)
{
	for (unsigned char *p = (unsigned char *)s; *p;) {
		size_t n = utf8_len(p);

		if (!n || *p < 0x20 || *p == 0x7f) {
			*p = '?';
			n = 1;
		}
		p += n;
	}
	return s;
}

size_t format_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}
