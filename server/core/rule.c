#include "server/core/rule.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"
#include "server/nearest.h"

enum kind { TEXT, ADDRESS, COUNT, BYTES, MAC };

static const struct {
	const char *word;
	enum kind kind;
} keys[RULE_KEYS] = {
	[RULE_NAME] = { "name", TEXT },
	[RULE_MAC] = { "mac", MAC },
	[RULE_SERIAL] = { "serial", TEXT },
	[RULE_UUID] = { "uuid", TEXT },
	[RULE_VENDOR] = { "vendor", TEXT },
	[RULE_MODEL] = { "model", TEXT },
	[RULE_ARCH] = { "arch", TEXT },
	[RULE_MODE] = { "mode", TEXT },
	[RULE_FIRMWARE] = { "firmware", TEXT },
	[RULE_CPU] = { "cpu", TEXT },
	[RULE_CPUS] = { "cpus", COUNT },
	[RULE_MEMORY] = { "memory", BYTES },
	[RULE_SUBNET] = { "subnet", ADDRESS },
	[RULE_RELAY] = { "relay", ADDRESS },
	[RULE_CIRCUIT] = { "circuit", TEXT },
	[RULE_REMOTE] = { "remote", TEXT },
	[RULE_SWITCH] = { "switch", TEXT },
	[RULE_PORT] = { "port", TEXT },
	[RULE_DRIVER] = { "driver", TEXT },
	[RULE_DISK] = { "disk", TEXT },
	[RULE_DIMM] = { "dimm", TEXT },
	[RULE_LABEL] = { "@", TEXT },
};

static const char *const ops[] = {
	[RULE_IS] = "=",
	[RULE_IS_NOT] = "!=",
	[RULE_LESS] = "<",
	[RULE_AT_MOST] = "<=",
	[RULE_MORE] = ">",
	[RULE_AT_LEAST] = ">=",
};

/* ---- labels, globs ---- */

bool rule_label_ok(const char *name)
{
	size_t n =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	return isalpha((unsigned char)name[0]) && !name[n] && n < RULE_LABEL_MAX;
}

bool rule_label_value_ok(const char *value)
{
	for (const char *s = value; *s; s++) {
		if (*s <= ' ' || *s >= 0x7f || strchr("\"'|,[]", *s))
			return false;
	}
	return strlen(value) < RULE_LABEL_TO_MAX;
}

bool rule_glob(const char *p, const char *s)
{
	const char *star = NULL, *from = NULL; /* the last * and what it has taken up to */

	while (*s) {
		if (*p == '*') {
			star = p++;
			from = s;
		} else if (*p == '?' || tolower((unsigned char)*p) == tolower((unsigned char)*s)) {
			p++;
			s++;
		} else if (star) {
			p = star + 1;
			s = ++from;
		} else {
			return false;
		}
	}
	p += strspn(p, "*");
	return !*p;
}

/* ---- values ---- */

/* "64G" -> bytes; "8" -> a count. -1 for anything else. */
static int64_t number_of(const char *text, enum kind kind)
{
	static const char units[] = "KMGTP";
	size_t digits = strspn(text, "0123456789");
	int64_t n = digits && digits <= 12 ? strtoll(text, NULL, 10) : -1;
	const char *unit = text + digits, *found;

	if (n < 0 || !*unit)
		return n;
	found = strchr(units, toupper((unsigned char)*unit));
	if (kind != BYTES || !found ||
		(unit[1] && strcasecmp(unit + 1, "iB") && strcasecmp(unit + 1, "B")))
		return -1;
	for (const char *u = units; u <= found; u++) {
		if (n > INT64_MAX / 1024)
			return -1;
		n *= 1024;
	}
	return n;
}

/* "10.77.0.0/24" or "10.77.0.9" -> network and mask. */
static bool network_of(const char *text, uint32_t *net, uint32_t *mask)
{
	char addr[16];
	size_t n = strcspn(text, "/"), digits = text[n] ? strspn(text + n + 1, "0123456789") : 0;
	struct in_addr in;
	unsigned long prefix = 32;

	if (n >= sizeof addr)
		return false;
	memcpy(addr, text, n);
	addr[n] = 0;
	if (text[n]) {
		if (!digits || digits > 2 || text[n + 1 + digits])
			return false;
		prefix = strtoul(text + n + 1, NULL, 10);
	}
	if (prefix > 32 || inet_pton(AF_INET, addr, &in) != 1)
		return false;
	*net = ntohl(in.s_addr);
	*mask = prefix ? ~0U << (32 - prefix) : 0;
	return !(*net & ~*mask);
}

static bool value_ok(enum kind kind, const char *value)
{
	uint32_t net, mask;

	if (kind == ADDRESS)
		return network_of(value, &net, &mask);
	if (kind == COUNT || kind == BYTES)
		return number_of(value, kind) >= 0;
	return true;
}

/* ---- reading ---- */

struct reading {
	struct rule_match m;
	const char *p; /* in m.text */
	size_t used;   /* of m.values */
	char *err;
	size_t err_size;
};

__attribute__((format(printf, 2, 3))) static int wrong(struct reading *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->err, r->err_size, fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

static int unknown_key(struct reading *r, const char *word)
{
	const char *best = NULL;
	unsigned distance = strlen(word) > 4 ? 3 : 2;

	for (size_t i = 0; i < RULE_LABEL; i++)
		nearest_try(word, keys[i].word, &best, &distance);
	if (best)
		return wrong(r, "there is no fact '%s': is it '%s'? A label is written @%s", word,
			best, word);
	return wrong(r, "there is no fact '%s'; a label is written @%s", word, word);
}

/* The word before the operator: a fact or, after '@', a label. */
static int read_key(struct reading *r, struct rule_cond *c)
{
	bool label = *r->p == '@';
	char word[RULE_LABEL_MAX];
	size_t n = 0;

	for (r->p += label; word_char(*r->p); r->p++) {
		if (n + 1 == sizeof word)
			return wrong(r, "a fact's or label's name is longer than %d letters",
				RULE_LABEL_MAX - 1);
		word[n++] = *r->p;
	}
	word[n] = 0;
	if (!n)
		return wrong(r, "a condition is FACT=VALUE, and not '%.20s'", r->p);
	c->key = RULE_LABEL;
	memcpy(c->label, word, n + 1);
	if (label)
		return rule_label_ok(word) ? 0 : wrong(r, "'%s' is no label's name", word);
	for (c->key = 0; c->key < RULE_LABEL && strcasecmp(keys[c->key].word, word);)
		c->key++;
	return c->key < RULE_LABEL ? 0 : unknown_key(r, word);
}

static int read_op(struct reading *r, struct rule_cond *c)
{
	size_t n = strspn(r->p, "=!<>");
	const enum kind kind = keys[c->key].kind;

	if (!n && c->key == RULE_LABEL) {
		c->op = RULE_HAS;
		return 0;
	}
	for (c->op = 0; c->op < RULE_HAS; c->op++) {
		if (strlen(ops[c->op]) == n && !strncmp(r->p, ops[c->op], n))
			break;
	}
	if (c->op == RULE_HAS)
		return wrong(r, "after '%s' comes = or !=%s, and not '%.20s'", keys[c->key].word,
			kind == COUNT || kind == BYTES ? ", < <= > or >=" : "", r->p);
	if (c->op > RULE_IS_NOT && kind != COUNT && kind != BYTES)
		return wrong(
			r, "%s is no number: = or !=, and not %s", keys[c->key].word, ops[c->op]);
	r->p += n;
	return 0;
}

/* One of the values, up to '|', a blank or the end; to m.values. */
static int read_value(struct reading *r, struct rule_cond *c)
{
	const enum kind kind = keys[c->key].kind;
	char *out = r->m.values + r->used;
	bool quoted = *r->p == '"';
	size_t n = 0;

	for (r->p += quoted; *r->p && (quoted ? *r->p != '"' : !strchr("|\" ", *r->p)); r->p++)
		out[n++] = kind == MAC && *r->p == '-' ? ':' : *r->p;
	out[n] = 0;
	if (quoted && *r->p++ != '"')
		return wrong(r, "a quote is not closed: \"%.20s", out);
	if (*r->p && !strchr("| ", *r->p))
		return wrong(r, "after a value comes a blank or |, and not '%.20s'", r->p);
	if (!n && !quoted)
		return wrong(r, "%s%s has no value", keys[c->key].word, ops[c->op]);
	if (!value_ok(kind, out))
		return wrong(r, "'%.40s' is no %s", out,
			kind == ADDRESS ? "network such as 10.77.0.0/24"
			: kind == BYTES ? "size such as 64G"
					: "number");
	r->used += n + 1;
	c->n_values++;
	return 0;
}

static int read_values(struct reading *r, struct rule_cond *c)
{
	int rc = 0;

	c->values = (uint16_t)r->used;
	if (c->op == RULE_HAS)
		return 0;
	do {
		rc = read_value(r, c);
	} while (!rc && *r->p == '|' && r->p++);
	if (!rc && c->n_values > 1 && c->op > RULE_IS_NOT)
		return wrong(r, "%s%s takes one value", keys[c->key].word, ops[c->op]);
	return rc;
}

static int read_cond(struct reading *r)
{
	struct rule_cond c = { .at = (uint16_t)(r->p - r->m.text) };
	int rc;

	if (r->m.n == RULE_CONDS_MAX)
		return wrong(r, "more than %d conditions", RULE_CONDS_MAX);
	rc = read_key(r, &c);
	if (!rc)
		rc = read_op(r, &c);
	if (!rc)
		rc = read_values(r, &c);
	if (rc)
		return rc;
	if (*r->p && *r->p != ' ')
		return wrong(r, "after a condition comes a blank, and not '%.20s'", r->p);
	c.len = (uint16_t)(r->p - r->m.text - c.at);
	r->m.of[r->m.n++] = c;
	return 0;
}

int rule_read(const char *text, struct rule_match *out, char *err, size_t err_size)
{
	struct reading r = { .err = err, .err_size = err_size };
	size_t len = strlen(text);
	int rc;

	if (len >= sizeof r.m.text)
		return wrong(&r, "it is longer than %d letters", RULE_MATCH_MAX - 1);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return wrong(&r, "it holds a control character");
	}
	memcpy(r.m.text, text, len + 1);
	for (r.p = r.m.text + strspn(r.m.text, " "); *r.p; r.p += strspn(r.p, " ")) {
		rc = read_cond(&r);
		if (rc)
			return rc;
	}
	*out = r.m;
	return 0;
}

/* ---- facts ---- */

static struct rule_fact *add(struct rule_facts *f, enum rule_key key)
{
	struct rule_fact *fact;

	if (f->n == RULE_FACTS_MAX)
		return NULL;
	fact = &f->of[f->n++];
	*fact = (struct rule_fact){ .key = key };
	return fact;
}

void rule_add_text(struct rule_facts *f, enum rule_key key, const char *text)
{
	struct rule_fact *fact = text && *text ? add(f, key) : NULL;

	if (!fact)
		return;
	snprintf(fact->text, sizeof fact->text, "%s", text);
	for (char *s = fact->text; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
	}
}

void rule_add_number(struct rule_facts *f, enum rule_key key, int64_t number)
{
	struct rule_fact *fact = number > 0 ? add(f, key) : NULL;

	if (fact)
		fact->number = number;
}

void rule_add_label(struct rule_facts *f, const char *name, const char *value)
{
	struct rule_fact *fact = add(f, RULE_LABEL);

	if (!fact)
		return;
	snprintf(fact->label, sizeof fact->label, "%s", name);
	snprintf(fact->text, sizeof fact->text, "%s", value);
}

void rule_add_bytes(struct rule_facts *f, enum rule_key key, const uint8_t *bytes, size_t len)
{
	char text[RULE_FACT_MAX] = "";
	bool printable = len > 0;

	for (size_t i = 0; i < len && 2 * i + 2 < sizeof text; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	rule_add_text(f, key, text);
	for (size_t i = 0; i < len; i++)
		printable = printable && bytes[i] >= ' ' && bytes[i] < 0x7f;
	if (printable) {
		snprintf(text, sizeof text, "%.*s", (int)len, (const char *)bytes);
		rule_add_text(f, key, text);
	}
}

/* ---- fitting ---- */

static bool number_fits(int64_t have, enum rule_op op, int64_t want)
{
	switch (op) {
	case RULE_LESS:
		return have < want;
	case RULE_AT_MOST:
		return have <= want;
	case RULE_MORE:
		return have > want;
	case RULE_AT_LEAST:
		return have >= want;
	default:
		return have == want;
	}
}

static bool value_fits(const struct rule_cond *c, const struct rule_fact *fact, const char *value)
{
	const enum kind kind = keys[c->key].kind;
	uint32_t net, mask;

	if (kind == ADDRESS)
		return network_of(value, &net, &mask) && ((uint32_t)fact->number & mask) == net;
	if (kind == COUNT || kind == BYTES)
		return number_fits(fact->number, c->op, number_of(value, kind));
	return rule_glob(value, fact->text);
}

static bool is_of(const struct rule_cond *c, const struct rule_fact *fact)
{
	return fact->key == c->key && (c->key != RULE_LABEL || !strcasecmp(fact->label, c->label));
}

/* Does one of the host's values fit one of the condition's? *any: it has values. */
static bool some_fits(const struct rule_match *m, const struct rule_cond *c,
	const struct rule_facts *f, bool *any)
{
	*any = false;
	for (size_t i = 0; i < f->n; i++) {
		const char *value = m->values + c->values;

		if (!is_of(c, &f->of[i]))
			continue;
		*any = true;
		if (c->op == RULE_HAS)
			return true;
		for (size_t v = 0; v < c->n_values; v++, value += strlen(value) + 1) {
			if (value_fits(c, &f->of[i], value))
				return true;
		}
	}
	return false;
}

static enum rule_fit cond_fit(
	const struct rule_match *m, const struct rule_cond *c, const struct rule_facts *f)
{
	bool any, fits = some_fits(m, c, f, &any);
	const bool ours = c->key == RULE_LABEL || c->key == RULE_NAME; /* the server's own facts */

	if (!fits && !f->complete && !ours && (!any || c->key == RULE_MAC))
		return RULE_UNKNOWN; /* its agent may tell, also of further network cards */
	return (c->op == RULE_IS_NOT ? !fits : fits) ? RULE_YES : RULE_NO;
}

enum rule_fit rule_fit(const struct rule_match *m, const struct rule_facts *f, size_t *which)
{
	enum rule_fit all = RULE_YES;

	*which = 0;
	for (size_t i = 0; i < m->n; i++) {
		enum rule_fit fit = cond_fit(m, &m->of[i], f);

		if (fit == RULE_NO || (fit == RULE_UNKNOWN && all == RULE_YES)) {
			*which = i;
			all = fit;
		}
		if (fit == RULE_NO)
			break;
	}
	return all;
}

/* ---- in words ---- */

static void print_value(enum kind kind, const struct rule_fact *fact, char *out, size_t size)
{
	const int64_t n = fact->number, mib = n >> 20;

	if (kind == ADDRESS)
		snprintf(out, size, "%u.%u.%u.%u", (unsigned)(n >> 24 & 255),
			(unsigned)(n >> 16 & 255), (unsigned)(n >> 8 & 255), (unsigned)(n & 255));
	else if (kind == COUNT)
		snprintf(out, size, "%" PRId64, n);
	else if (kind == BYTES)
		snprintf(out, size, mib % 1024 ? "%" PRId64 " MiB" : "%" PRId64 " GiB",
			mib % 1024 ? mib : mib / 1024);
	else
		snprintf(out, size, "%s", *fact->text ? fact->text : "\"\"");
}

void rule_why(const struct rule_match *m, const struct rule_facts *f, size_t which, char *out,
	size_t size)
{
	const struct rule_cond *c = &m->of[which];
	char has[100] = "", value[RULE_FACT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < f->n && n + 1 < sizeof has; i++) {
		if (!is_of(c, &f->of[i]))
			continue;
		print_value(keys[c->key].kind, &f->of[i], value, sizeof value);
		n += (size_t)snprintf(has + n, sizeof has - n, "%s%.40s", n ? ", " : "", value);
	}
	if (!*has)
		snprintf(has, sizeof has,
			f->complete || c->key == RULE_LABEL ? "it has none"
							    : "that is not known yet");
	snprintf(out, size, "%.*s: %s%s", c->len > 80 ? 80 : c->len, m->text + c->at,
		n ? "it has " : "", has);
}
