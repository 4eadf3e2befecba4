/*
 * import_kea.c: the reservations of a Kea Dhcp4 configuration, global and of every subnet.
 *
 * Kea's JSON has comments (#, //, C's), <?include "FILE"?> and commas behind last elements. It is
 * made plain first, keeping the lines, and each object is given a first member that holds its line.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/json.h"
#include "server/bytes.h"
#include "server/ctl/import.h"

#define LINE_KEY    "@line"
#define LINE_MEMBER 24 /* bytes of "@line":N, at most */

/* ---- plain JSON ---- */

struct plain {
	struct import *im;
	const char *p, *end;
	unsigned line;
	bool comma; /* one was read and not written yet */
	char *out;  /* where the next byte goes; there is room */
};

static void put(struct plain *k, char c)
{
	k->line += c == '\n';
	*k->out++ = c;
}

static bool begins(const struct plain *k, const char *word)
{
	return (size_t)(k->end - k->p) >= strlen(word) && !strncmp(k->p, word, strlen(word));
}

/* To behind `stop`; of what is skipped only line ends are kept. */
static int skip_past(struct plain *k, const char *stop)
{
	const unsigned start = k->line;

	for (; k->p < k->end; k->p++) {
		if (begins(k, stop)) {
			k->p += strlen(stop);
			return 0;
		}
		if (*k->p == '\n')
			put(k, '\n');
	}
	return import_fail(k->im, start, "what begins here does not end with %s", stop);
}

static void skip_line(struct plain *k)
{
	while (k->p < k->end && *k->p != '\n')
		k->p++;
}

/* The comma belongs there, unless a bracket closes. */
static void put_comma(struct plain *k, char next)
{
	if (k->comma && next != '}' && next != ']')
		put(k, ',');
	k->comma = false;
}

static void copy_string(struct plain *k)
{
	put_comma(k, '"');
	do {
		if (*k->p == '\\' && k->p + 1 < k->end)
			put(k, *k->p++);
		put(k, *k->p++);
	} while (k->p < k->end && *k->p != '"');
	if (k->p < k->end)
		put(k, *k->p++);
}

static int copy_include(struct plain *k)
{
	const char *name = k->p + strlen("<?include");
	size_t n = (size_t)(k->end - name);
	const char *stop = memmem(name, n, "?>", 2);

	n = stop ? (size_t)(stop - name) : n;
	import_note(k->im, k->line, "include is not followed: import%.*s by itself", (int)n, name);
	put_comma(k, 'n');
	for (const char *c = "null"; *c; c++) /* where a value is missing */
		put(k, *c);
	return skip_past(k, "?>");
}

static void copy_char(struct plain *k)
{
	const char c = *k->p++;

	if (isspace((unsigned char)c)) {
		put(k, c);
		return;
	}
	if (c == ',' && !k->comma) {
		k->comma = true;
		return;
	}
	put_comma(k, c);
	put(k, c);
	if (c == '{') {
		k->out += sprintf(k->out, "\"" LINE_KEY "\":%u", k->line);
		k->comma = true;
	}
}

static int make_plain(struct plain *k)
{
	int rc = 0;

	while (k->p < k->end && !rc) {
		if (*k->p == '"')
			copy_string(k);
		else if (*k->p == '#' || begins(k, "//"))
			skip_line(k);
		else if (begins(k, "/*"))
			rc = skip_past(k, "*/");
		else if (begins(k, "<?include"))
			rc = copy_include(k);
		else
			copy_char(k);
	}
	return rc;
}

/* Bytes that the plain text needs at most. */
static size_t plain_size(const char *text, size_t len)
{
	size_t n = len + 1;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '{' ? LINE_MEMBER : 0;
	return n;
}

/* ---- reservations ---- */

static unsigned line_of(const struct json *o)
{
	return (unsigned)json_get_int(o, LINE_KEY, 0);
}

/* One reservation on its way. */
struct entry {
	struct import *im;
	struct import_row row;
	bool refused; /* and noted */
};

static int put_mac(struct entry *e, const char *value)
{
	return import_put_mac(&e->row, value);
}

static int put_ip(struct entry *e, const char *value)
{
	return import_put_ip(&e->row, value);
}

static int put_name(struct entry *e, const char *value)
{
	import_put_name(e->im, &e->row, value);
	return 0;
}

/* Hex, or text in single quotes. */
static int put_identifier(char **out, const char *value)
{
	const size_t n = strlen(value);

	if (n > 2 && value[0] == '\'' && value[n - 1] == '\'')
		return import_put_bytes(out, value + 1, n - 2);
	return import_put_hex(out, value);
}

static int put_client_id(struct entry *e, const char *value)
{
	return put_identifier(&e->row.client_id, value);
}

static int put_circuit(struct entry *e, const char *value)
{
	return put_identifier(&e->row.circuit, value);
}

static int refuse(struct entry *e, const char *key)
{
	import_note(e->im, e->row.line, "not taken over: muster knows no host by its %s", key);
	e->refused = true;
	return 0;
}

static int refuse_duid(struct entry *e, const char *value)
{
	(void)value;
	return refuse(e, "duid");
}

static int refuse_flex_id(struct entry *e, const char *value)
{
	(void)value;
	return refuse(e, "flex-id");
}

static const struct {
	const char *key;
	int (*put)(struct entry *e, const char *value);
} members[] = {
	{ "hw-address", put_mac },
	{ "ip-address", put_ip },
	{ "hostname", put_name },
	{ "client-id", put_client_id },
	{ "circuit-id", put_circuit },
	{ "duid", refuse_duid },
	{ "flex-id", refuse_flex_id },
};

/* "", [] and {} say nothing. */
static bool says_nothing(const struct json *v)
{
	size_t n = json_len(v);

	if (json_is_object(v) && json_get(v, LINE_KEY))
		n--;
	return json_is_str(v) ? !*json_str(v, "") : (json_is_object(v) || json_is_array(v)) && !n;
}

static int take_member(struct entry *e, const char *key, const struct json *value)
{
	const char *text = json_str(value, NULL);

	if (!strcmp(key, LINE_KEY) || says_nothing(value))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		int rc;

		if (strcmp(members[i].key, key))
			continue;
		rc = text ? members[i].put(e, text) : -EBADMSG;
		if (rc < 0 && rc != -ENOMEM)
			return import_fail(e->im, e->row.line, "'%.100s' is no %s",
				text ? text : "what stands there", key);
		return rc;
	}
	import_note(e->im, e->row.line, "'%s' of a host is not taken over", key);
	return 0;
}

static int take_reservation(struct import *im, const struct json *o)
{
	struct entry e = { .im = im, .row = { .line = line_of(o) } };
	const struct json *value;
	const char *key;
	int rc = 0;

	if (im->n_rows == IMPORT_ROWS_MAX)
		return import_fail(im, e.row.line, "more than %d hosts", IMPORT_ROWS_MAX);
	for (size_t i = 0; !rc && (value = json_member(o, i, &key)); i++)
		rc = take_member(&e, key, value);
	if (rc < 0 || e.refused)
		import_drop(&e.row);
	else
		import_add(im, &e.row);
	return rc;
}

/* The list that an object has under that key; *out is NULL where there is none. */
static int list_of(
	struct import *im, const struct json *o, const char *key, const struct json **out)
{
	const struct json *list = json_get(o, key);

	*out = NULL;
	if (!list || json_is_null(list)) /* null: what an include stood for */
		return 0;
	if (!json_is_array(list))
		return import_fail(im, line_of(o), "%s is no list", key);
	for (size_t i = 0; i < json_len(list); i++) {
		if (!json_is_object(json_at(list, i)))
			return import_fail(im, line_of(o), "%s: every element is an object", key);
	}
	*out = list;
	return 0;
}

/* Every element of one list. */
static int each(struct import *im, const struct json *o, const char *key,
	int (*take)(struct import *im, const struct json *o))
{
	const struct json *list;
	int rc = list_of(im, o, key, &list);

	for (size_t i = 0; !rc && i < json_len(list); i++)
		rc = take(im, json_at(list, i));
	return rc;
}

static int take_subnet(struct import *im, const struct json *o)
{
	return each(im, o, "reservations", take_reservation);
}

static int take_shared_network(struct import *im, const struct json *o)
{
	int rc = each(im, o, "reservations", take_reservation);

	return rc ? rc : each(im, o, "subnet4", take_subnet);
}

static int take_dhcp4(struct import *im, const struct json *o)
{
	static const char *const taken[] = { LINE_KEY, "reservations", "subnet4",
		"shared-networks" };
	const char *key;
	int rc = each(im, o, "reservations", take_reservation);

	if (!rc)
		rc = each(im, o, "subnet4", take_subnet);
	if (!rc)
		rc = each(im, o, "shared-networks", take_shared_network);
	for (size_t i = 0; !rc && json_member(o, i, &key); i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(taken) && strcmp(taken[k], key))
			k++;
		if (k == ARRAY_LEN(taken))
			import_note(im, line_of(o), "'%s' is no reservation", key);
	}
	return rc;
}

static int take_document(struct import *im, const struct json *doc)
{
	const struct json *dhcp4 = json_get(doc, "Dhcp4");
	const char *key;

	if (!json_is_object(dhcp4))
		return import_fail(im, 1, "there is no Dhcp4 in it");
	for (size_t i = 0; json_member(doc, i, &key); i++) {
		if (strcmp(key, LINE_KEY) && strcmp(key, "Dhcp4"))
			import_note(im, line_of(doc), "'%s' is not taken over", key);
	}
	return take_dhcp4(im, dhcp4);
}

/* "line N, column M: WHY"; the column is not that of the file. */
static int fail_json(struct import *im, const char *why)
{
	unsigned line = 1;
	int at = 0;

	if (sscanf(why, "line %u, column %*d: %n", &line, &at) < 1)
		at = 0;
	return import_fail(im, line, "%s", why + at);
}

int import_kea(struct import *im, const char *text, size_t len)
{
	char *buf = malloc(plain_size(text, len)), err[200];
	struct plain k = { .im = im, .p = text, .end = text + len, .line = 1, .out = buf };
	struct json *doc = NULL;
	int rc;

	if (!buf)
		return -ENOMEM;
	rc = make_plain(&k);
	if (!rc) {
		doc = json_read(buf, (size_t)(k.out - buf), err, sizeof err);
		rc = doc ? take_document(im, doc) : fail_json(im, err);
	}
	json_free(doc);
	free(buf);
	return rc;
}
