/*
 * text.h: append to a buffer of fixed size. What does not fit is cut; the buffer always holds a
 * NUL-terminated string. Pure; borrows the buffer.
 */
#ifndef MUSTER_SERVER_CTL_TEXT_H
#define MUSTER_SERVER_CTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *out;
	size_t len, size; /* size: at least 1 */
	bool cut;	  /* something did not fit */
};

void text_put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* At most `width` characters of clean UTF-8, then blanks up to `width`. */
void text_left(struct text *t, const char *s, size_t width);
void text_right(struct text *t, const char *s, size_t width);

#endif
