/*
 * import_dnsmasq.c: dhcp-host of a dnsmasq configuration, and the lines of a dhcp-hostsfile, which
 * are the same without "dhcp-host=".
 *
 *	dhcp-host = [MAC ...][,id:CLIENT|id:*][,set:TAG][,tag:TAG][,ADDRESS][,NAME][,TIME][,ignore]
 *
 * The elements come in any order. A MAC address may have the number of its hardware type in front
 * ("06-"), and '*' for bytes that do not matter.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/import.h"

#define LINE_MAX_BYTES 4096
#define ETHERNET       1 /* hardware type */

/* One dhcp-host on its way. */
struct entry {
	struct import *im;
	struct import_row row;
	bool refused; /* and noted */
};

static char *trim(char *s)
{
	size_t n = strlen(s);

	while (n && isspace((unsigned char)s[n - 1]))
		s[--n] = 0;
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

static size_t count(const char *s, char c)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == c;
	return n;
}

/* ---- elements: each returns 0 when it took the element, 1 when it is not one of its kind ---- */

static int take_id(struct entry *e, const char *s)
{
	int rc;

	if (strncmp(s, "id:", 3))
		return 1;
	s += 3;
	if (!strcmp(s, "*"))
		return 0; /* "whatever its client identifier": a MAC address suffices anyway */
	rc = import_put_hex(&e->row.client_id, s);
	if (rc == -EBADMSG)
		rc = import_put_bytes(&e->row.client_id, s, strlen(s));
	return rc == -EBADMSG ? import_fail(e->im, e->row.line, "'id:%s' is too long or empty", s)
			      : rc;
}

static int take_tag(struct entry *e, const char *s)
{
	if (strncmp(s, "set:", 4) && strncmp(s, "net:", 4) && strncmp(s, "tag:", 4))
		return 1;
	import_note(e->im, e->row.line, "the tag '%s' is not taken over: muster has no tags", s);
	return 0;
}

static int take_v6(struct entry *e, const char *s)
{
	if (*s != '[')
		return 1;
	import_note(e->im, e->row.line, "the IPv6 address %s is not taken over", s);
	return 0;
}

static int take_mac(struct entry *e, const char *s)
{
	const char *mac =
		isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[1]) && s[2] == '-'
			? s + 3
			: s;
	const bool typed = mac != s;
	int rc;

	if (!strchr(mac, ':'))
		return 1;
	if (strchr(mac, '*') || (typed && strtol(s, NULL, 16) != ETHERNET) ||
		count(mac, ':') == 19) {
		import_note(e->im, e->row.line, "not taken over: %s is not one Ethernet card", s);
		e->refused = true;
		return 0;
	}
	rc = import_put_mac(&e->row, mac);
	if (rc == -ENOSPC)
		return import_fail(
			e->im, e->row.line, "more than %d MAC addresses", IMPORT_MACS_MAX);
	return rc < 0 ? import_fail(e->im, e->row.line, "'%s' is no MAC address of a host", s) : 0;
}

static int take_ip(struct entry *e, const char *s)
{
	if (s[strspn(s, "0123456789.")] || count(s, '.') != 3)
		return 1;
	if (import_put_ip(&e->row, s) < 0)
		return import_fail(e->im, e->row.line, "'%s' is no IPv4 address of a host", s);
	return 0;
}

static int take_time(struct entry *e, const char *s)
{
	const size_t digits = strspn(s, "0123456789");
	const bool timed = digits && (!s[digits] || (strchr("smhdw", s[digits]) && !s[digits + 1]));

	if (!timed && strcmp(s, "infinite") && strcmp(s, "deprecated"))
		return 1;
	import_note(e->im, e->row.line,
		"the lease time %s is not taken over: lease times belong to the subnet", s);
	return 0;
}

static int take_ignore(struct entry *e, const char *s)
{
	if (strcmp(s, "ignore"))
		return 1;
	import_note(e->im, e->row.line,
		"not taken over: the host is to be ignored, which muster cannot do for one host");
	e->refused = true;
	return 0;
}

static int take_name(struct entry *e, const char *s)
{
	if (*e->row.name)
		return import_fail(e->im, e->row.line, "two names, '%s' and '%s'", e->row.name, s);
	import_put_name(e->im, &e->row, s);
	return 0;
}

static int take_element(struct entry *e, const char *s)
{
	static int (*const kinds[])(struct entry *, const char *) = { take_id, take_tag, take_v6,
		take_mac, take_ip, take_time, take_ignore, take_name };
	int rc = 1;

	if (!*s)
		return import_fail(e->im, e->row.line, "an empty element between commas");
	for (size_t i = 0; i < ARRAY_LEN(kinds) && rc == 1; i++)
		rc = kinds[i](e, s);
	return rc;
}

static int take_host(struct import *im, unsigned line, char *value)
{
	struct entry e = { .im = im, .row = { .line = line } };
	char *rest = value, *s;
	int rc = 0;

	while (!rc && (s = strsep(&rest, ",")))
		rc = take_element(&e, trim(s));
	if (rc < 0 || e.refused)
		import_drop(&e.row);
	else
		import_add(im, &e.row);
	return rc;
}

/* ---- lines ---- */

/* '#' begins a comment at the start of a line and after white space, outside of quotes. */
static void cut_comment(char *s)
{
	bool quoted = false;

	for (char *p = s; *p; p++) {
		quoted ^= *p == '"';
		if (*p == '#' && !quoted && (p == s || isspace((unsigned char)p[-1]))) {
			*p = 0;
			return;
		}
	}
}

static bool is_word(const char *s)
{
	while (islower((unsigned char)*s) || isdigit((unsigned char)*s) || *s == '-')
		s++;
	return !*s;
}

/* Some other line of a configuration. */
static void note_other(struct import *im, unsigned line, const char *key, const char *value)
{
	static const char *const files[] = { "conf-file", "conf-dir", "dhcp-hostsfile",
		"dhcp-hostsdir", "servers-file", "dhcp-optsfile", "dhcp-optsdir" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (!strcmp(files[i], key)) {
			import_note(im, line, "%s is not followed: import %s by itself", key,
				*value ? value : "it");
			return;
		}
	}
	import_note(im, line, "%s is no reservation", key);
}

static int take_line(struct import *im, unsigned line, char *s)
{
	char *value, *key;
	size_t n;

	cut_comment(s);
	s = trim(s);
	if (!*s)
		return 0;
	value = strchr(s, '=');
	if (!value)
		return is_word(s) ? (note_other(im, line, s, ""), 0) : take_host(im, line, s);
	*value++ = 0;
	key = trim(s);
	value = trim(value);
	n = strlen(value);
	if (n > 1 && *value == '"' && value[n - 1] == '"') {
		value[n - 1] = 0;
		value++;
	}
	if (!strcmp(key, "dhcp-host"))
		return take_host(im, line, value);
	if (!is_word(key))
		return import_fail(im, line, "'%s' is no word of a dnsmasq configuration", key);
	note_other(im, line, key, value);
	return 0;
}

int import_dnsmasq(struct import *im, const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	char line[LINE_MAX_BYTES];
	int rc = 0;

	for (unsigned n = 1; p < end && !rc; n++) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const size_t bytes = (size_t)((lf ? lf : end) - p);

		if (bytes >= sizeof line)
			return import_fail(im, n, "a line of more than %d bytes", LINE_MAX_BYTES);
		if (im->n_rows == IMPORT_ROWS_MAX)
			return import_fail(im, n, "more than %d hosts", IMPORT_ROWS_MAX);
		memcpy(line, p, bytes);
		line[bytes] = 0;
		rc = take_line(im, n, line);
		p = lf ? lf + 1 : end;
	}
	return rc;
}
