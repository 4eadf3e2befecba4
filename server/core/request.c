#include "server/core/request.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/json.h"

void answer_take(struct answer *a, unsigned status, const char *type, char *body)
{
	if (!body) {
		a->status = 503;
		a->retry_after_s = 1;
		return;
	}
	a->status = status;
	snprintf(a->type, sizeof a->type, "%s", type);
	a->body = body;
	a->len = strlen(body);
}

void answer_bytes(struct answer *a, unsigned status, const char *type, const void *p, size_t len)
{
	char *copy = calloc(1, len + 1);

	if (copy)
		memcpy(copy, p, len);
	answer_take(a, status, type, copy);
	if (copy)
		a->len = len;
}

void answer_json(struct answer *a, unsigned status, char *json)
{
	answer_take(a, status, "application/json", json);
}

void answer_jw(struct answer *a, unsigned status, struct jw *w)
{
	if (w->bad)
		jw_fini(w);
	answer_json(a, status, w->bad ? NULL : w->buf);
}

void answer_text(struct answer *a, unsigned status, const char *type, const char *text)
{
	answer_take(a, status, type, strdup(text));
}

void answer_empty(struct answer *a)
{
	a->status = 204;
}

static const char *status_title(unsigned status)
{
	switch (status) {
	case 400:
		return "Bad request";
	case 401:
		return "Not authorised";
	case 403:
		return "Not allowed";
	case 404:
		return "Not found";
	case 405:
		return "Method not allowed";
	case 409:
		return "Conflict";
	case 429:
		return "Too many requests";
	case 412:
		return "Not as it was";
	case 422:
		return "Not acceptable as it is";
	default:
		return "Not possible now";
	}
}

void answer_problem(
	struct answer *a, unsigned status, const char *code, const char *hint, const char *fmt, ...)
{
	struct jw w = { 0 };
	char detail[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof detail, fmt, ap);
	va_end(ap);
	jw_obj(&w, NULL);
	jw_str(&w, "type", "about:blank");
	jw_str(&w, "title", status_title(status));
	jw_int(&w, "status", status);
	jw_str(&w, "code", code);
	jw_str(&w, "detail", detail);
	if (hint)
		jw_str(&w, "hint", hint);
	jw_end_obj(&w);
	answer_jw(a, status, &w);
	snprintf(a->type, sizeof a->type, "application/problem+json");
}

/* The value of one hex digit; the caller has checked that it is one. */
static unsigned hex_value(char c)
{
	return isdigit((unsigned char)c) ? (unsigned)(c - '0')
					 : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
}

/* Decode up to '&' or the end into out. Returns 0 for what is not printable ASCII. */
static int decode(const char *v, char *out, size_t size)
{
	size_t n = 0;

	for (; *v && *v != '&'; v++) {
		char c = *v;

		if (c == '%') {
			if (!isxdigit((unsigned char)v[1]) || !isxdigit((unsigned char)v[2]))
				return 0;
			c = (char)(hex_value(v[1]) << 4 | hex_value(v[2]));
			v += 2;
		} else if (c == '+') {
			c = ' ';
		}
		if (c < 0x20 || c > 0x7e)
			return 0;
		if (n + 1 < size)
			out[n++] = c;
	}
	out[n] = 0;
	return n > 0;
}

int query_get(const char *query, const char *key, char *out, size_t size)
{
	size_t n = strlen(key);

	for (const char *p = query; *p; p += strcspn(p, "&"), p += *p == '&') {
		if (!strncmp(p, key, n) && p[n] == '=' && decode(p + n + 1, out, size))
			return 1;
	}
	*out = 0;
	return 0;
}

int query_next(const char **query, char *key, size_t key_size, char *value, size_t value_size)
{
	const char *p = *query + strspn(*query, "&");
	const size_t n = strcspn(p, "=&");
	int rc = 1;

	*query = p;
	if (!*p)
		return 0;
	snprintf(key, key_size, "%.*s", (int)n, p);
	p += n + (p[n] == '=');
	*query = p + strcspn(p, "&");
	if (p != *query && !decode(p, value, value_size))
		rc = -EBADMSG;
	if (p == *query || rc < 0)
		*value = 0;
	return rc;
}
