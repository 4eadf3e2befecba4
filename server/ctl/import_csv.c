/*
 * import_csv.c: comma-separated values (RFC 4180) with a header line that names the columns, in any
 * order, or without one: mac[,ip[,name]].
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"
#include "server/ctl/import.h"

#define FIELDS_MAX 32
#define FIELD_MAX  1024 /* bytes, NUL included */

/* One record; a quoted field may hold line ends. */
struct record {
	unsigned line;
	size_t n;
	char fields[FIELDS_MAX][FIELD_MAX];
};

struct reader {
	struct import *im;
	const char *p, *end;
	unsigned line;
};

/* ---- reading records ---- */

static int put_char(struct reader *r, char *field, size_t *n, char c)
{
	if (*n + 1 == FIELD_MAX)
		return import_fail(r->im, r->line, "a field of more than %d bytes", FIELD_MAX - 1);
	field[(*n)++] = c;
	r->line += c == '\n';
	return 0;
}

/* After the opening quote, to behind the closing one. */
static int read_quoted(struct reader *r, char *field, size_t *n)
{
	const unsigned start = r->line;

	for (; r->p < r->end; r->p++) {
		int rc;

		if (*r->p == '"') {
			r->p++;
			if (r->p == r->end || *r->p != '"')
				return 0;
		}
		rc = put_char(r, field, n, *r->p);
		if (rc < 0)
			return rc;
	}
	return import_fail(r->im, start, "a quote that does not end");
}

static bool at_line_end(const struct reader *r)
{
	return r->p == r->end || *r->p == '\n' ||
	       (*r->p == '\r' && r->p + 1 < r->end && r->p[1] == '\n');
}

/* Blanks around what is not quoted do not count. */
static int read_field(struct reader *r, char *field)
{
	size_t n = 0;
	int rc = 0;

	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
		r->p++;
	if (r->p < r->end && *r->p == '"') {
		r->p++;
		rc = read_quoted(r, field, &n);
		field[n] = 0;
		while (!rc && r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
			r->p++;
	} else {
		for (; !rc && !at_line_end(r) && *r->p != ','; r->p++)
			rc = *r->p == '"' ? import_fail(r->im, r->line, "a quote inside of a field")
					  : put_char(r, field, &n, *r->p);
		while (n && isspace((unsigned char)field[n - 1]))
			n--;
		field[n] = 0;
	}
	if (!rc && !at_line_end(r) && *r->p != ',')
		return import_fail(r->im, r->line, "text after a closing quote");
	return rc;
}

/* 1: a record is there; 0: the file has ended; -EBADMSG. Empty lines are none. */
static int read_record(struct reader *r, struct record *out)
{
	for (;;) {
		while (r->p < r->end && (*r->p == '\n' || *r->p == '\r')) {
			r->line += *r->p == '\n';
			r->p++;
		}
		if (r->p == r->end)
			return 0;
		out->line = r->line;
		for (out->n = 0;; r->p++) {
			int rc;

			if (out->n == FIELDS_MAX)
				return import_fail(
					r->im, r->line, "more than %d fields", FIELDS_MAX);
			rc = read_field(r, out->fields[out->n++]);
			if (rc < 0)
				return rc;
			if (at_line_end(r))
				break;
		}
		if (out->n > 1 || *out->fields[0])
			return 1;
	}
}

/* ---- columns ---- */

struct cell {
	struct import *im;
	struct import_row *row;
};

/* Several network cards stand in one field with blanks between them. */
static int put_mac(const struct cell *c, const char *value)
{
	char copy[FIELD_MAX], *rest = copy, *s;

	snprintf(copy, sizeof copy, "%s", value);
	while ((s = strsep(&rest, " "))) {
		int rc = *s ? import_put_mac(c->row, s) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int put_ip(const struct cell *c, const char *value)
{
	return import_put_ip(c->row, value);
}

static int put_name(const struct cell *c, const char *value)
{
	import_put_name(c->im, c->row, value);
	return 0;
}

static int put_uuid(const struct cell *c, const char *value)
{
	const int rc = host_uuid_parse(value, c->row->uuid);

	c->row->has_uuid = rc == 0;
	return rc;
}

static int put_serial(const struct cell *c, const char *value)
{
	if (!host_serial_ok(value) || strlen(value) >= sizeof c->row->serial)
		return -EBADMSG;
	snprintf(c->row->serial, sizeof c->row->serial, "%s", value);
	return 0;
}

static int put_client_id(const struct cell *c, const char *value)
{
	return import_put_hex(&c->row->client_id, value);
}

static int put_circuit(const struct cell *c, const char *value)
{
	return import_put_hex(&c->row->circuit, value);
}

/* The first three are also the order without a header. */
static const struct column_of {
	const char *title;
	int (*put)(const struct cell *c, const char *value);
	const char *what;
} known[] = {
	{ "mac", put_mac, "MAC address of a host" },
	{ "ip", put_ip, "IPv4 address of a host" },
	{ "name", put_name, "name" },
	{ "uuid", put_uuid, "UUID of a host" },
	{ "serial", put_serial, "serial number that tells hosts apart" },
	{ "client_id", put_client_id, "client identifier in hex" },
	{ "circuit", put_circuit, "circuit in hex" },
};
#define WITHOUT_HEADER 3

static const struct column_of *column_named(const char *title)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (!strcasecmp(known[i].title, title))
			return &known[i];
	}
	return NULL;
}

/* Which column stands where; NULL: none that we know. */
struct layout {
	size_t n, least; /* fields of a record: at most, at least */
	const struct column_of *columns[FIELDS_MAX];
};

/* 1 when the record is a header. */
static int read_header(struct import *im, const struct record *rec, struct layout *out)
{
	size_t found = 0;

	*out = (struct layout){ .n = rec->n, .least = rec->n };
	for (size_t i = 0; i < rec->n; i++) {
		out->columns[i] = column_named(rec->fields[i]);
		found += out->columns[i] != NULL;
		for (size_t k = 0; k < i; k++) {
			if (out->columns[i] && out->columns[k] == out->columns[i])
				return import_fail(
					im, rec->line, "the column '%s' twice", rec->fields[i]);
		}
	}
	if (!found) {
		*out = (struct layout){ .n = WITHOUT_HEADER, .least = 1 };
		for (size_t i = 0; i < WITHOUT_HEADER; i++)
			out->columns[i] = &known[i];
		return 0;
	}
	for (size_t i = 0; i < rec->n; i++) {
		if (!out->columns[i])
			import_note(
				im, rec->line, "the column '%s' is not taken over", rec->fields[i]);
	}
	return 1;
}

static int take_record(struct import *im, const struct layout *l, const struct record *rec)
{
	struct import_row row = { .line = rec->line };
	const struct cell c = { im, &row };
	int rc = 0;

	if (rec->n > l->n || rec->n < l->least)
		return import_fail(im, rec->line, "%zu fields, not %zu", rec->n, l->n);
	for (size_t i = 0; i < rec->n && !rc; i++) {
		const struct column_of *col = l->columns[i];

		if (!col || !*rec->fields[i])
			continue;
		rc = col->put(&c, rec->fields[i]);
		if (rc == -ENOSPC)
			rc = import_fail(
				im, rec->line, "more than %d MAC addresses", IMPORT_MACS_MAX);
		else if (rc < 0 && rc != -ENOMEM)
			rc = import_fail(
				im, rec->line, "'%.100s' is no %s", rec->fields[i], col->what);
	}
	if (rc < 0)
		import_drop(&row);
	else
		import_add(im, &row);
	return rc;
}

int import_csv(struct import *im, const char *text, size_t len)
{
	struct reader r = { im, text, text + len, 1 };
	struct record rec;
	struct layout l;
	int rc = read_record(&r, &rec), header;

	if (rc <= 0)
		return rc;
	header = read_header(im, &rec, &l);
	if (header < 0)
		return header;
	if (!header)
		rc = take_record(im, &l, &rec);
	while (rc >= 0 && (rc = read_record(&r, &rec)) > 0) {
		if (im->n_rows == IMPORT_ROWS_MAX)
			return import_fail(im, rec.line, "more than %d hosts", IMPORT_ROWS_MAX);
		rc = take_record(im, &l, &rec);
	}
	return rc;
}
