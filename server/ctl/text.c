/* text.c: append to a buffer of fixed size. */
#include "server/ctl/text.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/ctl/format.h"

void text_put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	size_t left = t->size - t->len;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->out + t->len, left, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < left) {
		t->len += (size_t)n;
		return;
	}
	t->cut = true;
	t->len = t->size - 1;
}

/* Bytes of the first `width` characters of s. */
static size_t bytes_of(const char *s, size_t width)
{
	size_t i = 0, seen = 0;

	for (; s[i]; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80 && seen++ == width)
			break;
	}
	return i;
}

void text_left(struct text *t, const char *s, size_t width)
{
	size_t seen = format_width(s);

	text_put(t, "%.*s%*s", (int)bytes_of(s, width), s, seen < width ? (int)(width - seen) : 0,
		"");
}

void text_right(struct text *t, const char *s, size_t width)
{
	size_t seen = format_width(s);

	text_put(t, "%*s%.*s", seen < width ? (int)(width - seen) : 0, "", (int)bytes_of(s, width),
		s);
}
