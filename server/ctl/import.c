/* import.c: the neutral list, and what the four formats have in common. */
#include "server/ctl/import.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"

#define HEX_DIGITS "0123456789abcdefABCDEF"

static const struct {
	const char *name;
	import_parser *parse;
} formats[IMPORT_FORMATS] = {
	[IMPORT_DNSMASQ] = { "dnsmasq", import_dnsmasq },
	[IMPORT_ISC] = { "isc", import_isc },
	[IMPORT_KEA] = { "kea", import_kea },
	[IMPORT_CSV] = { "csv", import_csv },
};

int import_format_of(const char *word)
{
	for (int i = 0; i < IMPORT_FORMATS; i++) {
		if (!strcmp(formats[i].name, word))
			return i;
	}
	return -ENOENT;
}

static const char *skip_bom(const char *text, size_t *len)
{
	const bool bom = *len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3);

	*len -= bom ? 3 : 0;
	return text + (bom ? 3 : 0);
}

int import_parse(struct import *im, enum import_format format, const char *text, size_t len)
{
	const char *nul;
	int rc;

	text = skip_bom(text, &len);
	nul = memchr(text, 0, len);
	if (nul) {
		unsigned line = 1;

		for (const char *p = text; p < nul; p++)
			line += *p == '\n';
		return import_fail(im, line, "a NUL byte: this is no text");
	}
	rc = formats[format].parse(im, text, len);
	return im->no_memory ? -ENOMEM : rc;
}

/* ---- guessing ---- */

/* The next line that is neither empty nor a comment with '#', without blanks around it. */
static bool next_line(const char **at, const char *end, const char **line, size_t *len)
{
	while (*at < end) {
		const char *lf = memchr(*at, '\n', (size_t)(end - *at));
		const char *p = *at, *stop = lf ? lf : end;

		*at = lf ? lf + 1 : end;
		while (p < stop && isspace((unsigned char)*p))
			p++;
		while (stop > p && isspace((unsigned char)stop[-1]))
			stop--;
		if (p == stop || *p == '#')
			continue;
		*line = p;
		*len = (size_t)(stop - p);
		return true;
	}
	return false;
}

/* "MAC[,[ADDRESS][,NAME]]" and no more: the same in CSV and in a dhcp-hostsfile. */
static bool is_plain_row(const char *line, size_t len)
{
	struct import_row row = { 0 };
	char copy[256], *ip, *name, *more;
	bool plain;

	snprintf(copy, sizeof copy, "%.*s", (int)len, line);
	ip = strchr(copy, ',');
	name = ip ? strchr(ip + 1, ',') : NULL;
	more = name ? strchr(name + 1, ',') : NULL;
	if (ip)
		*ip++ = 0;
	if (name)
		*name++ = 0;
	plain = len < sizeof copy && !more && !import_put_mac(&row, copy) &&
		(!ip || !*ip || !import_put_ip(&row, ip));
	return plain;
}

/* Does a column title stand first, and other columns behind it? */
static bool is_header(const char *line, size_t len)
{
	static const char *const titles[] = { "mac", "ip", "name", "uuid", "serial", "client_id",
		"circuit" };

	if (len && *line == '"') {
		line++;
		len--;
	}
	for (size_t i = 0; i < ARRAY_LEN(titles); i++) {
		const size_t n = strlen(titles[i]);

		if (n < len && !strncasecmp(line, titles[i], n) && memchr(",\" \t", line[n], 4))
			return memchr(line, ',', len) != NULL;
	}
	return false;
}

/* "word=value" or "word" with small letters, digits and '-' only. */
static bool is_directive(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && (islower((unsigned char)line[n]) || isdigit((unsigned char)line[n]) ||
				  line[n] == '-'))
		n++;
	return n > 0 && (n == len || line[n] == '=');
}

int import_guess(const char *text, size_t len)
{
	const char *at, *end, *line;
	bool first = true, plain = true, block = false;
	size_t n;

	text = skip_bom(text, &len);
	end = text + len;
	for (at = text; next_line(&at, end, &line, &n); first = false) {
		/* JSON begins with a brace, which Kea's comments may precede */
		if (first && (*line == '{' || (n > 1 && *line == '/')))
			return IMPORT_KEA;
		if (first && is_header(line, n))
			return IMPORT_CSV;
		if (first && is_directive(line, n))
			return IMPORT_DNSMASQ;
		if (first && *line == '"')
			return IMPORT_CSV;
		plain = plain && is_plain_row(line, n);
		block = block || memchr(";{}", line[n - 1], 3);
	}
	if (first)
		return -ENOENT;
	if (block)
		return IMPORT_ISC;
	return plain ? IMPORT_CSV : memchr(text, ',', len) ? IMPORT_DNSMASQ : -ENOENT;
}

/* ---- notes and errors ---- */

int import_fail(struct import *im, unsigned line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(im->err, sizeof im->err, fmt, ap);
	va_end(ap);
	im->err_line = line;
	return -EBADMSG;
}

/* Room for one more element of an array that doubles. */
static void *room(struct import *im, void *p, size_t n, size_t *size, size_t each)
{
	const size_t more = *size ? 2 * *size : 64;
	void *q;

	if (n < *size)
		return p;
	q = reallocarray(p, more, each);
	if (!q) {
		im->no_memory = true;
		return NULL;
	}
	*size = more;
	return q;
}

void import_note(struct import *im, unsigned line, const char *fmt, ...)
{
	struct import_note *notes =
		room(im, im->notes, im->n_notes, &im->notes_size, sizeof *im->notes);
	va_list ap;
	char *text;
	int n;

	if (!notes)
		return;
	im->notes = notes;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		im->no_memory = true;
	else
		im->notes[im->n_notes++] = (struct import_note){ line, text };
}

/* ---- rows ---- */

void import_drop(struct import_row *row)
{
	free(row->client_id);
	free(row->circuit);
	*row = (struct import_row){ 0 };
}

void import_add(struct import *im, struct import_row *row)
{
	struct import_row *rows;

	if (!row->n_macs && !row->has_uuid && !*row->serial && !row->client_id && !row->circuit) {
		import_note(im, row->line,
			"not taken over: nothing that muster knows a host by (MAC address, client "
			"identifier, circuit, UUID, serial number)");
		import_drop(row);
		return;
	}
	rows = room(im, im->rows, im->n_rows, &im->rows_size, sizeof *im->rows);
	if (!rows) {
		import_drop(row);
		return;
	}
	im->rows = rows;
	im->rows[im->n_rows++] = *row;
	*row = (struct import_row){ 0 };
}

void import_fini(struct import *im)
{
	for (size_t i = 0; i < im->n_rows; i++)
		import_drop(&im->rows[i]);
	for (size_t i = 0; i < im->n_notes; i++)
		free(im->notes[i].text);
	free(im->rows);
	free(im->notes);
	*im = (struct import){ 0 };
}

/* ---- values ---- */

/* Twelve hex digits of the form that import_put_mac knows; 0 or -EBADMSG. */
static int mac_digits(const char *s, char out[13])
{
	const size_t first = strspn(s, HEX_DIGITS);
	const size_t width = first == 12 ? 12 : first == 4 ? 4 : 2;
	const char sep = s[first];
	size_t n = 0;

	if (sep && (width == 2 ? sep != ':' && sep != '-' : sep != '.'))
		return -EBADMSG;
	for (;;) {
		const size_t group = strspn(s, HEX_DIGITS);

		if (!group || group > width || n + width > 12 || (width > 2 && group < width))
			return -EBADMSG;
		memset(out + n, '0', width - group);
		memcpy(out + n + width - group, s, group);
		n += width;
		s += group;
		if (!*s)
			break;
		if (*s++ != sep)
			return -EBADMSG;
	}
	out[n] = 0;
	return n == 12 ? 0 : -EBADMSG;
}

int import_put_mac(struct import_row *row, const char *text)
{
	char digits[13], spaced[HOST_MAC_TEXT];
	uint8_t mac[6];
	int rc = mac_digits(text, digits);

	if (rc < 0)
		return rc;
	snprintf(spaced, sizeof spaced, "%.2s:%.2s:%.2s:%.2s:%.2s:%.2s", digits, digits + 2,
		digits + 4, digits + 6, digits + 8, digits + 10);
	rc = host_mac_parse(spaced, mac);
	if (rc < 0)
		return rc;
	if (row->n_macs == IMPORT_MACS_MAX)
		return -ENOSPC;
	memcpy(row->macs[row->n_macs++], mac, sizeof mac);
	return 0;
}

int import_put_ip(struct import_row *row, const char *text)
{
	struct in_addr a;
	uint32_t ip;

	if (inet_pton(AF_INET, text, &a) != 1)
		return -EBADMSG;
	ip = ntohl(a.s_addr);
	/* "this" network, multicast and above: no host's */
	if (ip >> 24 == 0 || ip >> 24 >= 224)
		return -EBADMSG;
	row->ip = ip;
	return 0;
}

static int put_digits(char **out, char *digits)
{
	if (!digits)
		return -ENOMEM;
	for (char *p = digits; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	free(*out);
	*out = digits;
	return 0;
}

int import_put_hex(char **out, const char *text)
{
	char digits[2 * IMPORT_ID_MAX + 1];
	size_t n = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	for (;;) {
		const size_t group = strspn(text, HEX_DIGITS);
		/* one digit alone is a byte, else they come in pairs */
		const size_t zero = group == 1;

		if (!group || (group + zero) % 2 || n + zero + group >= sizeof digits)
			return -EBADMSG;
		if (zero)
			digits[n++] = '0';
		memcpy(digits + n, text, group);
		n += group;
		text += group;
		if (!*text)
			break;
		if (*text++ != ':')
			return -EBADMSG;
	}
	digits[n] = 0;
	return put_digits(out, strdup(digits));
}

int import_put_bytes(char **out, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	char digits[2 * IMPORT_ID_MAX + 1] = "";

	if (!len || len > IMPORT_ID_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++)
		snprintf(digits + 2 * i, 3, "%02x", b[i]);
	return put_digits(out, strdup(digits));
}

void import_put_name(struct import *im, struct import_row *row, const char *text)
{
	char name[HOST_TEXT_MAX];
	size_t n = 0;

	if (!*text)
		return;
	for (const char *p = text; *p && n < sizeof name - 1; p++) {
		const bool fits = isalnum((unsigned char)*p) || *p == '-' || *p == '.';

		if (n || isalnum((unsigned char)*p))
			name[n++] = fits ? *p : '-';
	}
	name[n] = 0;
	if (!n)
		import_note(im, row->line,
			"the name '%s' is no host's: the server will give it one", text);
	else if (strcmp(name, text))
		import_note(im, row->line, "the name '%s' becomes '%s'", text, name);
	snprintf(row->name, sizeof row->name, "%s", name);
}

/* ---- what two rows must not share ---- */

enum key_kind { KEY_MAC, KEY_IP, KEY_NAME, KEY_CLIENT_ID, KEY_UUID, KEY_SERIAL };
#define KEYS_OF_ROW (IMPORT_MACS_MAX + KEY_SERIAL)

struct key {
	enum key_kind kind;
	unsigned row;
	size_t len;
	const void *bytes; /* borrowed from the row */
};

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int d;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	d = x->kind == KEY_NAME ? strncasecmp(x->bytes, y->bytes, x->len)
				: memcmp(x->bytes, y->bytes, x->len);
	if (d)
		return d;
	return x->row < y->row ? -1 : x->row > y->row;
}

/* The keys of one row; returns their number. */
static size_t keys_of(const struct import_row *r, unsigned row, struct key *out)
{
	const struct key single[] = {
		{ KEY_IP, row, r->ip ? sizeof r->ip : 0, &r->ip },
		{ KEY_NAME, row, strlen(r->name), r->name },
		{ KEY_CLIENT_ID, row, r->client_id ? strlen(r->client_id) : 0, r->client_id },
		{ KEY_UUID, row, r->has_uuid ? sizeof r->uuid : 0, r->uuid },
		{ KEY_SERIAL, row, strlen(r->serial), r->serial },
	};
	size_t n = 0;

	for (size_t i = 0; i < r->n_macs; i++)
		out[n++] = (struct key){ KEY_MAC, row, sizeof r->macs[i], r->macs[i] };
	for (size_t i = 0; i < ARRAY_LEN(single); i++) {
		if (single[i].len)
			out[n++] = single[i];
	}
	return n;
}

int import_check(struct import *im)
{
	static const char *const what[] = { "MAC address", "address", "name", "client identifier",
		"UUID", "serial number" };
	struct key some[KEYS_OF_ROW], *keys;
	size_t n = 0;
	int clashes = 0;

	for (size_t i = 0; i < im->n_rows; i++)
		n += keys_of(&im->rows[i], (unsigned)i, some);
	keys = calloc(n + 1, sizeof *keys);
	if (!keys)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < im->n_rows; i++)
		n += keys_of(&im->rows[i], (unsigned)i, keys + n);
	qsort(keys, n, sizeof *keys, compare_keys);
	for (size_t i = 1; i < n; i++) {
		struct import_row *row = &im->rows[keys[i].row];
		struct key before = keys[i - 1];

		if (before.row == keys[i].row) /* a row may name its card twice */
			continue;
		before.row = keys[i].row;
		if (compare_keys(&before, &keys[i]) || row->clash_what)
			continue;
		row->clash_what = what[keys[i].kind];
		row->clash_line = im->rows[keys[i - 1].row].line;
		clashes++;
	}
	free(keys);
	return clashes;
}
