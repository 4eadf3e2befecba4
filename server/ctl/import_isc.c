/*
 * import_isc.c: the hosts of an ISC dhcpd configuration.
 *
 *	host NAME { hardware ethernet MAC; fixed-address ADDRESS; option host-name "NAME"; ... }
 *
 * wherever it stands: at the top, or nested in subnet, shared-network, group, pool or class. A
 * statement is words up to ';', or up to '{' where a block follows. Words are told apart by white
 * space and by { } ; , - expressions such as "= substring (...)" are words, too.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/import.h"

#define WORD_MAX  512 /* bytes, NUL included */
#define WORDS_MAX 8   /* of a statement that are looked at */
#define DEPTH_MAX 64  /* blocks in blocks */

enum token { TOK_END, TOK_WORD, TOK_STRING, TOK_PUNCT };

struct word {
	enum token kind; /* TOK_WORD or TOK_STRING */
	size_t len;	 /* a string may hold a NUL */
	char text[WORD_MAX];
};

struct parser {
	struct import *im;
	const char *p, *end;
	unsigned line;
	struct word w; /* the token that was read; of TOK_PUNCT the first byte */
	/* the statement that is being read */
	unsigned st_line;
	size_t n;
	struct word words[WORDS_MAX];
	/* the blocks that are open, and the host among them */
	size_t depth, host_depth; /* host_depth 0: in no host */
	unsigned opened[DEPTH_MAX];
	char decl_name[WORD_MAX];
	struct import_row row;
	bool refused;
};

/* ---- tokens ---- */

static void skip_blanks(struct parser *s)
{
	bool comment = false;

	for (; s->p < s->end; s->p++) {
		comment = *s->p != '\n' && (comment || *s->p == '#');
		if (!comment && !isspace((unsigned char)*s->p))
			return;
		s->line += *s->p == '\n';
	}
}

static int put_byte(struct parser *s, char c)
{
	if (s->w.len + 1 == WORD_MAX)
		return import_fail(s->im, s->line, "a word of more than %d bytes", WORD_MAX - 1);
	s->w.text[s->w.len++] = c;
	s->w.text[s->w.len] = 0;
	return 0;
}

/* The value of up to max digits of that base at s->p, which moves behind them. */
static char escaped_number(struct parser *s, const char *digits, int base, int max)
{
	char text[4] = "";

	for (int n = 0; n < max && s->p < s->end && *s->p && strchr(digits, *s->p); n++)
		text[n] = *s->p++;
	return (char)strtol(text, NULL, base);
}

/* After a backslash. */
static char escaped(struct parser *s)
{
	static const char names[] = "tnrb", values[] = "\t\n\r\b";
	const char *name;

	if (*s->p >= '0' && *s->p <= '7')
		return escaped_number(s, "01234567", 8, 3);
	if (*s->p == 'x') {
		s->p++;
		return escaped_number(s, "0123456789abcdefABCDEF", 16, 2);
	}
	name = strchr(names, *s->p);
	s->line += *s->p == '\n';
	s->p++;
	return name && *name ? values[name - names] : s->p[-1];
}

static int read_string(struct parser *s)
{
	const unsigned start = s->line;

	while (++s->p, s->p < s->end && *s->p != '"') {
		char c = *s->p;
		int rc;

		if (c == '\\' && s->p + 1 < s->end) {
			s->p++;
			c = escaped(s);
			s->p--;
		} else {
			s->line += c == '\n';
		}
		rc = put_byte(s, c);
		if (rc < 0)
			return rc;
	}
	if (s->p == s->end)
		return import_fail(s->im, start, "a quote that does not end");
	s->p++;
	return TOK_STRING;
}

static bool ends_word(char c)
{
	return isspace((unsigned char)c) || strchr("{};,\"#", c);
}

/* The next token into s->w: its kind, or -EBADMSG. */
static int next_token(struct parser *s)
{
	int rc = 0;

	skip_blanks(s);
	s->w.len = 0;
	s->w.text[0] = 0;
	if (s->p == s->end)
		return TOK_END;
	if (*s->p == '"')
		return read_string(s);
	if (ends_word(*s->p)) {
		rc = put_byte(s, *s->p++);
		return rc < 0 ? rc : TOK_PUNCT;
	}
	while (!rc && s->p < s->end && !ends_word(*s->p))
		rc = put_byte(s, *s->p++);
	return rc < 0 ? rc : TOK_WORD;
}

/* ---- statements in a host ---- */

static const char *word(const struct parser *s, size_t i)
{
	return i < s->n ? s->words[i].text : "";
}

static int put_hardware(struct parser *s, size_t at)
{
	int rc;

	if (strcmp(word(s, at), "ethernet")) {
		import_note(s->im, s->st_line, "not taken over: the hardware is '%s', not ethernet",
			word(s, at));
		s->refused = true;
		return 0;
	}
	rc = import_put_mac(&s->row, word(s, at + 1));
	return rc < 0 ? import_fail(s->im, s->st_line, "'%.100s' is no MAC address of a host",
				word(s, at + 1))
		      : 0;
}

static int put_address(struct parser *s, size_t at)
{
	if (!import_put_ip(&s->row, word(s, at))) {
		for (size_t i = at + 1; i < s->n; i++)
			import_note(s->im, s->st_line,
				"the address %s is not taken over: a host has one, %s", word(s, i),
				word(s, at));
		return 0;
	}
	if (!isalpha((unsigned char)*word(s, at)))
		return import_fail(
			s->im, s->st_line, "'%.100s' is no IPv4 address of a host", word(s, at));
	import_note(s->im, s->st_line,
		"the address is not taken over: '%s' is a name, muster needs the address",
		word(s, at));
	return 0;
}

static int put_host_name(struct parser *s, size_t at)
{
	import_put_name(s->im, &s->row, word(s, at));
	return 0;
}

/* A string's bytes, or hex with ':'. */
static int put_identifier(struct parser *s, size_t at, char **out)
{
	int rc = -EBADMSG;

	if (at < s->n && s->words[at].kind == TOK_STRING)
		rc = import_put_bytes(out, s->words[at].text, s->words[at].len);
	else if (at < s->n)
		rc = import_put_hex(out, s->words[at].text);
	return rc == -EBADMSG
		       ? import_fail(s->im, s->st_line, "'%.100s' is no identifier", word(s, at))
		       : rc;
}

static int put_client_id(struct parser *s, size_t at)
{
	return put_identifier(s, at, &s->row.client_id);
}

static int put_circuit(struct parser *s, size_t at)
{
	return put_identifier(s, at, &s->row.circuit);
}

/* How a statement begins, and who takes what follows. */
static const struct {
	const char *words[3];
	int (*put)(struct parser *s, size_t at);
} host_statements[] = {
	{ { "hardware" }, put_hardware },
	{ { "fixed-address" }, put_address },
	{ { "option", "host-name" }, put_host_name },
	{ { "option", "dhcp-client-identifier" }, put_client_id },
	{ { "host-identifier", "option", "dhcp-client-identifier" }, put_client_id },
	{ { "host-identifier", "option", "agent.circuit-id" }, put_circuit },
};

static int host_statement(struct parser *s)
{
	for (size_t i = 0; i < ARRAY_LEN(host_statements); i++) {
		size_t k = 0;

		while (k < 3 && host_statements[i].words[k] &&
			!strcmp(host_statements[i].words[k], word(s, k)))
			k++;
		if (k == 3 || !host_statements[i].words[k])
			return host_statements[i].put(s, k);
	}
	import_note(s->im, s->st_line, "'%s%s%s' of a host is not taken over", word(s, 0),
		s->n > 1 ? " " : "", word(s, 1));
	return 0;
}

/* ---- blocks ---- */

static void begin_host(struct parser *s)
{
	s->host_depth = s->depth;
	s->refused = false;
	s->row = (struct import_row){ .line = s->st_line };
	snprintf(s->decl_name, sizeof s->decl_name, "%s", word(s, 1));
}

static int end_host(struct parser *s)
{
	s->host_depth = 0;
	if (s->refused) {
		import_drop(&s->row);
		return 0;
	}
	if (s->im->n_rows == IMPORT_ROWS_MAX)
		return import_fail(s->im, s->line, "more than %d hosts", IMPORT_ROWS_MAX);
	if (!*s->row.name)
		import_put_name(s->im, &s->row, s->decl_name);
	import_add(s->im, &s->row);
	return 0;
}

static int open_block(struct parser *s)
{
	const bool host = !strcmp(word(s, 0), "host");

	if (s->depth == DEPTH_MAX)
		return import_fail(s->im, s->line, "more than %d blocks in blocks", DEPTH_MAX);
	if (!s->n)
		return import_fail(s->im, s->line, "a block without a name");
	if (host && s->host_depth)
		return import_fail(s->im, s->st_line, "a host in a host");
	if (host && s->n != 2)
		return import_fail(s->im, s->st_line, "a host needs one name");
	s->opened[s->depth++] = s->st_line;
	if (host)
		begin_host(s);
	else if (s->host_depth)
		import_note(s->im, s->st_line, "'%s' in a host is not taken over", word(s, 0));
	else
		import_note(s->im, s->st_line, "of '%s' only the hosts are taken over", word(s, 0));
	return 0;
}

static int close_block(struct parser *s)
{
	if (s->n)
		return import_fail(s->im, s->st_line, "'%.100s' lacks its ';'", word(s, 0));
	if (!s->depth)
		return import_fail(s->im, s->line, "a '}' too many");
	return s->depth-- == s->host_depth ? end_host(s) : 0;
}

static int end_statement(struct parser *s)
{
	if (!s->n)
		return 0; /* an empty one */
	if (s->host_depth && s->depth == s->host_depth)
		return host_statement(s);
	if (s->host_depth)
		return 0; /* in a block of a host, which was noted */
	if (!strcmp(word(s, 0), "include"))
		import_note(s->im, s->st_line, "include is not followed: import %s by itself",
			word(s, 1));
	else
		import_note(s->im, s->st_line, "'%s' is no reservation", word(s, 0));
	return 0;
}

static void add_word(struct parser *s, enum token kind)
{
	if (!s->n)
		s->st_line = s->line;
	if (s->n == WORDS_MAX)
		return; /* nothing that we look at is that long */
	s->words[s->n] = s->w;
	s->words[s->n++].kind = kind;
}

static int on_punct(struct parser *s)
{
	int rc;

	switch (s->w.text[0]) {
	case ',':
		return 0;
	case ';':
		rc = end_statement(s);
		break;
	case '{':
		rc = open_block(s);
		break;
	default:
		rc = close_block(s);
	}
	s->n = 0;
	return rc;
}

static int parse(struct parser *s)
{
	int rc;

	while ((rc = next_token(s)) > 0) {
		if (rc != TOK_PUNCT)
			add_word(s, (enum token)rc);
		else if ((rc = on_punct(s)) < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	if (s->depth)
		return import_fail(
			s->im, s->opened[s->depth - 1], "the block that begins here does not end");
	return s->n ? import_fail(s->im, s->st_line, "'%.100s' lacks its ';'", word(s, 0)) : 0;
}

int import_isc(struct import *im, const char *text, size_t len)
{
	struct parser *s = calloc(1, sizeof *s);
	int rc;

	if (!s)
		return -ENOMEM;
	s->im = im;
	s->p = text;
	s->end = text + len;
	s->line = 1;
	rc = parse(s);
	import_drop(&s->row);
	free(s);
	return rc;
}
