#include "server/ctl/site.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "db/host.h"
#include "server/bytes.h"
#include "server/nearest.h"

#define VERSION 1

/* ---- what of a host is in a document ---- */

enum kind {
	IDENTITY, /* for a host that is added; later it is learned */
	PLAIN,
	HELD, /* what one host alone can have: it is let go of before another one gets it */
	MAP,  /* names with values: labels, values */
	PINS, /* versions of images */
};

static const struct {
	const char *key;
	enum kind kind;
} keys[] = {
	{ "macs", IDENTITY },
	{ "uuid", IDENTITY },
	{ "serial", IDENTITY },
	{ "client_id", HELD },
	{ "ip", HELD },
	{ "circuit", HELD },
	{ "admitted", PLAIN },
	{ "image", PLAIN },
	{ "channel", PLAIN },
	{ "profile", PLAIN },
	{ "labels", MAP },
	{ "values", MAP },
	{ "options", PLAIN },
	{ "pins", PINS },
};

/* "" and [] and null say the same: nothing. */
static bool is_nothing(const struct json *n)
{
	if (!n || json_is_null(n))
		return true;
	if (json_is_str(n))
		return !*json_str(n, "");
	return (json_is_array(n) || json_is_object(n)) && !json_len(n);
}

static const char *name_of(const struct json *n)
{
	return json_get_str(n, "name", "");
}

static int by_name(const void *a, const void *b)
{
	return strcasecmp(
		name_of(*(const struct json *const *)a), name_of(*(const struct json *const *)b));
}

static int by_letters(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

/* ---- out ---- */

static void put_node(struct jw *w, const char *key, const struct json *n)
{
	char *text = is_nothing(n) ? NULL : json_text(n);

	if (text)
		jw_raw(w, key, text);
	else
		jw_null(w, key);
	free(text);
}

static bool is_secret(const char *name)
{
	const size_t n = strlen(name), tail = strlen("secret");

	return n >= tail && !strcmp(name + n - tail, "secret");
}

static void put_map(struct jw *w, const char *key, const struct json *map)
{
	const struct json *v;
	const char *name;

	jw_obj(w, key);
	for (size_t i = 0; (v = json_member(map, i, &name)); i++) {
		if (json_is_str(v) && !is_secret(name))
			jw_str(w, name, json_str(v, ""));
	}
	jw_end_obj(w);
}

static void put_pins(struct jw *w, const struct json *pins)
{
	jw_obj(w, "pins");
	for (size_t i = 0; i < json_len(pins); i++) {
		const struct json *p = json_at(pins, i);

		jw_obj(w, json_get_str(p, "image", "?"));
		jw_str(w, "version", json_get_str(p, "version", NULL));
		jw_int(w, "release", json_get_int(p, "release", 0));
		jw_end_obj(w);
	}
	jw_end_obj(w);
}

static void put_host(struct jw *w, const struct json *h)
{
	jw_obj(w, name_of(h));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct json *n = json_get(h, keys[i].key);

		if (keys[i].kind == MAP)
			put_map(w, keys[i].key, n);
		else if (keys[i].kind == PINS)
			put_pins(w, n);
		else
			put_node(w, keys[i].key, n);
	}
	jw_end_obj(w);
}

/* Has somebody set anything of it? */
static bool is_known(const struct json *h)
{
	if (json_bool(json_get(h, "admitted"), false))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (keys[i].kind != IDENTITY && strcmp(keys[i].key, "admitted") &&
			!is_nothing(json_get(h, keys[i].key)))
			return true;
	}
	return false;
}

/* In order of their names. NULL without memory. */
static const struct json **sorted(const struct json *const *list, size_t n)
{
	const struct json **out = calloc(n + 1, sizeof(struct json *));

	for (size_t i = 0; out && i < n; i++)
		out[i] = list[i];
	if (out)
		qsort(out, n, sizeof *out, by_name);
	return out;
}

static void put_rules(struct jw *w, const struct json *rules)
{
	static const char *const members[] = { "name", "match", "image", "channel", "profile" };

	jw_arr(w, "rules");
	for (size_t i = 0; i < json_len(rules); i++) {
		jw_obj(w, NULL);
		for (size_t m = 0; m < ARRAY_LEN(members); m++)
			jw_str(w, members[m], json_get_str(json_at(rules, i), members[m], NULL));
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

/* Values as they are, but secrets; true: hosts have their own. */
static void put_profile(struct jw *w, const struct json *p)
{
	const struct json *values = json_get(p, "values"), *v;
	const char *name;

	jw_obj(w, name_of(p));
	put_node(w, "args", json_get(p, "args"));
	jw_obj(w, "values");
	for (size_t i = 0; (v = json_member(values, i, &name)); i++) {
		if (json_bool(v, false))
			jw_bool(w, name, true);
		else if (json_is_str(v) && !is_secret(name))
			jw_str(w, name, json_str(v, ""));
	}
	jw_end_obj(w);
	put_node(w, "files", json_get(p, "files"));
	jw_end_obj(w);
}

void site_export(const struct site_is *is, bool all, struct jw *w)
{
	const struct json **list = sorted(is->hosts, is->n_hosts);

	w->bad |= !list;
	jw_obj(w, NULL);
	jw_int(w, "muster", VERSION);
	jw_obj(w, "profiles");
	for (size_t i = 0; i < json_len(is->profiles); i++)
		put_profile(w, json_at(is->profiles, i));
	jw_end_obj(w);
	jw_obj(w, "hosts");
	for (size_t i = 0; list && i < is->n_hosts; i++) {
		if (all || is_known(list[i]))
			put_host(w, list[i]);
	}
	jw_end_obj(w);
	put_rules(w, is->rules);
	jw_end_obj(w);
	free(list);
}

/* ---- readable ---- */

static void put_bytes(struct jw *o, const char *p, size_t n)
{
	if (o->len + n + 1 > o->size) {
		const size_t size = 2 * (o->len + n + 1);
		char *grown = realloc(o->buf, size);

		if (!grown) {
			o->bad = true;
			return;
		}
		o->buf = grown;
		o->size = size;
	}
	memcpy(o->buf + o->len, p, n);
	o->len += n;
	o->buf[o->len] = 0;
}

static void put_line(struct jw *o, unsigned depth)
{
	put_bytes(o, "\n", 1);
	while (depth--)
		put_bytes(o, "  ", 2);
}

static bool is_flat(const struct json *n)
{
	for (size_t i = 0; i < json_len(n); i++) {
		if (json_is_object(json_at(n, i)) || json_is_array(json_at(n, i)))
			return false;
	}
	return !json_is_object(n) || !json_len(n);
}

static void print_node(const struct json *n, unsigned depth, struct jw *o)
{
	const bool object = json_is_object(n);
	const char *key;

	if (is_flat(n)) {
		char *text = json_text(n);

		o->bad |= !text;
		if (text)
			put_bytes(o, text, strlen(text));
		free(text);
		return;
	}
	put_bytes(o, object ? "{" : "[", 1);
	for (size_t i = 0; i < json_len(n); i++) {
		put_bytes(o, ",", i > 0);
		put_line(o, depth + 1);
		if (object) {
			const struct json *v = json_member(n, i, &key);
			struct jw quoted = { 0 };

			jw_arr(&quoted, NULL); /* for its way to write text */
			jw_str(&quoted, NULL, key);
			jw_end_arr(&quoted);
			o->bad |= quoted.bad;
			if (!quoted.bad)
				put_bytes(o, quoted.buf + 1, quoted.len - 2);
			jw_fini(&quoted);
			put_bytes(o, ": ", 2);
			print_node(v, depth + 1, o);
		} else {
			print_node(json_at(n, i), depth + 1, o);
		}
	}
	put_line(o, depth);
	put_bytes(o, object ? "}" : "]", 1);
}

void site_print(const struct json *doc, struct jw *out)
{
	print_node(doc, 0, out);
}

/* ---- comparing ---- */

/* Words of the document, in order; they borrow from it. */
struct words {
	const char **of;
	size_t n;
};

struct comparing {
	struct site_plan *plan;
	struct words names, held; /* of hosts; what HELD keys say */
	char *err;
	size_t err_size;
};

__attribute__((format(printf, 2, 3))) static int wrong(struct comparing *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->err, c->err_size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static char *copy_of(struct site_plan *p, const char *text)
{
	char *s = strdup(text);

	p->no_memory |= !s;
	return s;
}

/* For people: "kvm", "{"a":"b"}", "-". */
static char *words(struct site_plan *p, const struct json *n)
{
	char *text;

	if (is_nothing(n))
		return copy_of(p, "-");
	if (json_is_str(n))
		return copy_of(p, json_str(n, ""));
	text = json_text(n);
	p->no_memory |= !text;
	return text;
}

/* Takes old and new over; NULL: "-". */
static void row(struct site_plan *p, enum site_what what, const char *kind, const char *name,
	const char *key, char *old, char *new)
{
	struct site_row *r;

	if (p->n == p->room) {
		const size_t room = p->room ? 2 * p->room : 64;
		void *grown = reallocarray(p->rows, room, sizeof *p->rows);

		if (!grown) {
			p->no_memory = true;
			free(old);
			free(new);
			return;
		}
		p->rows = grown;
		p->room = room;
	}
	r = &p->rows[p->n++];
	*r = (struct site_row){ .what = what, .old = old, .new = new };
	snprintf(r->object, sizeof r->object, "%s %s", kind, name);
	r->key = copy_of(p, key);
}

static void call(struct site_plan *p, const char *method, const char *path, struct jw *body)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_str(&w, "method", method);
	jw_str(&w, "path", path);
	if (body && !body->bad)
		jw_raw(&w, "body", body->buf);
	jw_end_obj(&w);
	if (p->n_calls == p->calls_room) {
		const size_t room = p->calls_room ? 2 * p->calls_room : 64;
		void *grown = reallocarray(p->calls, room, sizeof *p->calls);

		p->no_memory |= !grown;
		if (grown) {
			p->calls = grown;
			p->calls_room = room;
		}
	}
	p->no_memory |= w.bad || (body && body->bad);
	if (p->no_memory)
		jw_fini(&w);
	else
		p->calls[p->n_calls++] = w.buf;
	if (body)
		jw_fini(body);
}

static bool same(const struct json *a, const struct json *b)
{
	char *x, *y;
	bool is;

	if (is_nothing(a) || is_nothing(b))
		return is_nothing(a) && is_nothing(b);
	x = json_text(a);
	y = json_text(b);
	is = x && y && !strcmp(x, y);
	free(x);
	free(y);
	return is;
}

/* ---- a host ---- */

static int check_keys(struct comparing *c, const char *host, const struct json *h)
{
	const char *key;

	if (!json_is_object(h))
		return wrong(c, "hosts.%s: a host is an object", host);
	if (!host_name_ok(host))
		return wrong(c, "hosts.%s: that is no host's name", host);
	if (host_name_is_word(host))
		return wrong(c, "hosts.%s: " HOST_NAME_IS_WORD, host, host);
	for (size_t i = 0; json_member(h, i, &key); i++) {
		const char *best = NULL;
		unsigned distance = 4;
		size_t n = 0;

		while (n < ARRAY_LEN(keys) && strcmp(keys[n].key, key))
			n++;
		if (n < ARRAY_LEN(keys))
			continue;
		for (n = 0; n < ARRAY_LEN(keys); n++)
			nearest_try(key, keys[n].key, &best, &distance);
		return wrong(c, "hosts.%s.%s: nobody knows that%s%s", host, key,
			best ? "; is it " : "", best ? best : "");
	}
	return 0;
}

static int check_map(struct comparing *c, const char *host, const char *key, const struct json *map)
{
	const struct json *v;
	const char *name;

	if (map && !json_is_null(map) && !json_is_object(map))
		return wrong(c, "hosts.%s.%s: that is an object of names and values", host, key);
	for (size_t i = 0; (v = json_member(map, i, &name)); i++) {
		if (is_secret(name))
			return wrong(c, "hosts.%s.%s.%s: a secret does not belong in a file", host,
				key, name);
		if (!json_is_str(v) && strcmp(key, "pins"))
			return wrong(c, "hosts.%s.%s.%s: a value is text", host, key, name);
	}
	return 0;
}

static void copy_node(struct site_plan *p, struct jw *w, const char *key, const struct json *n)
{
	char *text = json_text(n);

	p->no_memory |= !text;
	if (text)
		jw_raw(w, key, text);
	free(text);
}

/* Of a file its mode and length, of anything else what it is. */
static char *map_words(struct site_plan *p, const struct json *v)
{
	const char *content = json_get_str(v, "content", NULL);
	char text[64];

	if (!content)
		return words(p, v);
	snprintf(text, sizeof text, "mode %.8s, %zu bytes", json_get_str(v, "mode", "0644"),
		strlen(content));
	return copy_of(p, text);
}

/* A map as it shall be: what is set, what goes. Secrets stay. */
static void compare_map(struct site_plan *p, const char *kind, const char *host, const char *key,
	const struct json *is, const struct json *want, struct jw *body)
{
	const struct json *v;
	const char *name;
	char full[120];
	size_t n = 0;

	for (size_t i = 0; (v = json_member(want, i, &name)); i++) {
		if (json_get(is, name) && same(json_get(is, name), v) &&
			!json_is_null(json_get(is, name)))
			continue;
		if (!n++)
			jw_obj(body, key);
		snprintf(full, sizeof full, "%s.%s", key, name);
		row(p, SITE_CHANGE, kind, host, full, map_words(p, json_get(is, name)),
			map_words(p, v));
		copy_node(p, body, name, v);
	}
	for (size_t i = 0; (v = json_member(is, i, &name)); i++) {
		if (json_get(want, name) || (is_secret(name) && !json_bool(v, false)))
			continue;
		if (!n++)
			jw_obj(body, key);
		snprintf(full, sizeof full, "%s.%s", key, name);
		row(p, SITE_CHANGE, kind, host, full, map_words(p, v), NULL);
		jw_null(body, name);
	}
	if (n)
		jw_end_obj(body);
}

static const struct json *pin_of(const struct json *pins, const char *image)
{
	for (size_t i = 0; i < json_len(pins); i++) {
		if (!strcmp(json_get_str(json_at(pins, i), "image", ""), image))
			return json_at(pins, i);
	}
	return NULL;
}

static bool same_pin(const struct json *is, const struct json *want)
{
	return is && json_get_int(is, "release", 0) == json_get_int(want, "release", 0) &&
	       !strcmp(json_get_str(is, "version", ""), json_get_str(want, "version", ""));
}

static void pin_call(
	struct site_plan *p, const char *host, const char *image, const struct json *want)
{
	char path[128];
	struct jw body = { 0 };

	snprintf(path, sizeof path, "/api/v1/hosts/%s/pin", host);
	jw_obj(&body, NULL);
	if (image) {
		jw_str(&body, "image", image);
		jw_str(&body, "version", json_get_str(want, "version", NULL));
		jw_int(&body, "release", json_get_int(want, "release", 0));
	}
	jw_end_obj(&body);
	call(p, "POST", path, &body);
}

/* Pins are taken away all at once: then those that stay are set again. */
static void compare_pins(
	struct site_plan *p, const char *host, const struct json *is, const struct json *want)
{
	const struct json *v;
	const char *image;
	bool gone = false;
	char full[120];

	for (size_t i = 0; i < json_len(is); i++) {
		image = json_get_str(json_at(is, i), "image", "?");
		if (json_get(want, image))
			continue;
		gone = true;
		snprintf(full, sizeof full, "pins.%s", image);
		row(p, SITE_CHANGE, "host", host, full,
			words(p, json_get(json_at(is, i), "version")), NULL);
	}
	if (gone)
		pin_call(p, host, NULL, NULL);
	for (size_t i = 0; (v = json_member(want, i, &image)); i++) {
		const struct json *had = pin_of(is, image);

		if (!same_pin(had, v)) {
			snprintf(full, sizeof full, "pins.%s", image);
			row(p, SITE_CHANGE, "host", host, full, words(p, json_get(had, "version")),
				words(p, json_get(v, "version")));
		}
		if (gone || !same_pin(had, v))
			pin_call(p, host, image, v);
	}
}

static bool is_wanted(const struct comparing *c, const struct json *n)
{
	const char *word = json_str(n, "");

	return *word && bsearch(&word, c->held.of, c->held.n, sizeof word, by_letters);
}

/* Does the host let go of what another one gets? */
static bool lets_go(
	const struct comparing *c, size_t key, const struct json *is, const struct json *want)
{
	const struct json *a = json_get(is, keys[key].key), *b = json_get(want, keys[key].key);

	return keys[key].kind == HELD && b && !same(a, b) && is_wanted(c, a);
}

static void let_go(struct comparing *c, const struct json *is, const struct json *want)
{
	struct jw body = { 0 };
	char path[128];
	bool any = false;

	snprintf(path, sizeof path, "/api/v1/hosts/%s", name_of(is));
	jw_obj(&body, NULL);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!lets_go(c, i, is, want))
			continue;
		any = true;
		jw_null(&body, keys[i].key);
	}
	jw_end_obj(&body);
	if (any)
		call(c->plan, "PATCH", path, &body);
	else
		jw_fini(&body);
}

/* With its address a host has let go of its circuit, which it is to keep. */
static const struct json *kept_circuit(
	const struct comparing *c, const struct json *is, const struct json *want)
{
	const struct json *b = json_get(want, "circuit");

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!strcmp(keys[i].key, "ip") && lets_go(c, i, is, want) &&
			!is_nothing(json_get(want, "ip")) &&
			(!b || same(b, json_get(is, "circuit"))))
			return json_get(is, "circuit");
	}
	return NULL;
}

static void compare_host(
	struct comparing *c, const char *host, const struct json *is, const struct json *want)
{
	struct site_plan *p = c->plan;
	size_t rows = p->n; /* that are nothing to send: said before, or let go of */
	struct jw body = { 0 };
	char path[128];

	snprintf(path, sizeof path, "/api/v1/hosts/%s", host);
	jw_obj(&body, NULL);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *key = keys[i].key;
		const struct json *a = json_get(is, key), *b = json_get(want, key);

		if (!b || keys[i].kind == IDENTITY || keys[i].kind == PINS)
			continue;
		if (keys[i].kind == MAP) {
			compare_map(p, "host", host, key, a, b, &body);
		} else if (!same(a, b)) {
			row(p, SITE_CHANGE, "host", host, key, words(p, a), words(p, b));
			if (is_nothing(b) && lets_go(c, i, is, want))
				rows++;
			else
				put_node(&body, key, b);
		}
	}
	if (!is_nothing(kept_circuit(c, is, want)))
		put_node(&body, "circuit", kept_circuit(c, is, want));
	jw_end_obj(&body);
	if (p->n > rows)
		call(p, "PATCH", path, &body);
	else
		jw_fini(&body);
	if (json_get(want, "pins"))
		compare_pins(p, host, json_get(is, "pins"), json_get(want, "pins"));
}

static void add_host(struct site_plan *p, const char *host, const struct json *want)
{
	struct jw body = { 0 };

	row(p, SITE_ADD, "host", host, "", NULL, words(p, json_get(want, "image")));
	jw_obj(&body, NULL);
	jw_str(&body, "name", host);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct json *n = json_get(want, keys[i].key);

		if (keys[i].kind != PINS && !is_nothing(n))
			put_node(&body, keys[i].key, n);
	}
	jw_end_obj(&body);
	call(p, "POST", "/api/v1/hosts", &body);
	compare_pins(p, host, NULL, json_get(want, "pins"));
}

static const struct json *find(const struct json **list, size_t n, const char *name)
{
	size_t low = 0;

	while (low < n) {
		const size_t mid = low + (n - low) / 2;
		const int d = strcasecmp(name_of(list[mid]), name);

		if (!d)
			return list[mid];
		if (d < 0)
			low = mid + 1;
		else
			n = mid;
	}
	return NULL;
}

static int check_hosts(struct comparing *c, const struct json *want)
{
	const struct json *h;
	const char *host;
	int rc = 0;

	for (size_t i = 0; !rc && (h = json_member(want, i, &host)); i++) {
		rc = check_keys(c, host, h);
		for (size_t k = 0; !rc && k < ARRAY_LEN(keys); k++) {
			if (keys[k].kind >= MAP)
				rc = check_map(c, host, keys[k].key, json_get(h, keys[k].key));
		}
	}
	return rc;
}

/* The names of all hosts of the document, and what they shall hold. */
static void gather(struct comparing *c, const struct json *want)
{
	const size_t n = json_len(want);
	const struct json *h;
	const char *host;

	c->names.of = calloc(n + 1, sizeof *c->names.of);
	c->held.of = calloc(n * ARRAY_LEN(keys) + 1, sizeof *c->held.of);
	c->plan->no_memory |= !c->names.of || !c->held.of;
	for (size_t i = 0; !c->plan->no_memory && (h = json_member(want, i, &host)); i++) {
		c->names.of[c->names.n++] = host;
		for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
			const char *word = json_get_str(h, keys[k].key, "");

			if (keys[k].kind == HELD && *word)
				c->held.of[c->held.n++] = word;
		}
	}
	if (c->plan->no_memory)
		return;
	qsort(c->names.of, c->names.n, sizeof *c->names.of, by_letters);
	qsort(c->held.of, c->held.n, sizeof *c->held.of, by_letters);
}

/* Upper and lower case are the same host. */
static int check_twice(struct comparing *c)
{
	for (size_t i = 1; i < c->names.n; i++) {
		if (!strcasecmp(c->names.of[i - 1], c->names.of[i]))
			return wrong(c, "hosts.%s and hosts.%s: a host is there twice",
				c->names.of[i - 1], c->names.of[i]);
	}
	return 0;
}

static void let_all_go(
	struct comparing *c, const struct json *want, const struct json **is, size_t n)
{
	const struct json *h;
	const char *host;

	for (size_t i = 0; (h = json_member(want, i, &host)); i++) {
		const struct json *had = find(is, n, host);

		if (had)
			let_go(c, had, h);
	}
}

static void compare_each(
	struct comparing *c, const struct json *want, const struct json **is, size_t n)
{
	const struct json *h;
	const char *host;

	for (size_t i = 0; (h = json_member(want, i, &host)); i++) {
		const struct json *had = find(is, n, host);

		if (had)
			compare_host(c, name_of(had), had, h);
		else
			add_host(c->plan, host, h);
	}
}

/* Hosts that the document does not have; strangers are nobody's to remove. */
static void prune_hosts(struct comparing *c, const struct json **is, size_t n)
{
	struct site_plan *p = c->plan;
	char path[128];

	for (size_t i = 0; i < n; i++) {
		const char *name = name_of(is[i]);

		if (bsearch(&name, c->names.of, c->names.n, sizeof name, by_letters) ||
			!is_known(is[i]))
			continue;
		row(p, SITE_REMOVE, "host", name, "", words(p, json_get(is[i], "image")), NULL);
		snprintf(path, sizeof path, "/api/v1/hosts/%s", name);
		call(p, "DELETE", path, NULL);
		p->removed++;
	}
}

/*
 * What goes comes first, so that what it held is free for others: an address can move to any host,
 * and two hosts can swap theirs.
 */
static int compare_hosts(
	struct comparing *c, const struct json *want, const struct json **is, size_t n, bool prune)
{
	int rc = check_hosts(c, want);

	if (rc)
		return rc;
	gather(c, want);
	if (!c->plan->no_memory)
		rc = check_twice(c);
	if (rc || c->plan->no_memory)
		return rc;
	if (prune && want)
		prune_hosts(c, is, n);
	let_all_go(c, want, is, n);
	compare_each(c, want, is, n);
	return 0;
}

/* ---- profiles ---- */

static const char *const profile_keys[] = { "args", "values", "files" };

static int check_profile(struct comparing *c, const char *name, const struct json *p)
{
	const struct json *values = json_get(p, "values"), *files = json_get(p, "files");
	const char *key;

	if (!json_is_object(p))
		return wrong(c, "profiles.%s: a profile is an object", name);
	if ((values && !json_is_null(values) && !json_is_object(values)) ||
		(files && !json_is_null(files) && !json_is_object(files)))
		return wrong(c, "profiles.%s: values and files are objects", name);
	for (size_t i = 0; json_member(p, i, &key); i++) {
		size_t n = 0;

		while (n < ARRAY_LEN(profile_keys) && strcmp(profile_keys[n], key))
			n++;
		if (n == ARRAY_LEN(profile_keys))
			return wrong(c, "profiles.%s.%s: nobody knows that", name, key);
	}
	for (size_t i = 0; json_member(values, i, &key); i++) {
		if (is_secret(key) && !json_bool(json_get(values, key), false))
			return wrong(c, "profiles.%s.values.%s: a secret does not belong in a file",
				name, key);
	}
	return 0;
}

static const struct json *profile_of(const struct json *profiles, const char *name)
{
	for (size_t i = 0; i < json_len(profiles); i++) {
		if (!strcmp(name_of(json_at(profiles, i)), name))
			return json_at(profiles, i);
	}
	return NULL;
}

static void compare_profile(
	struct site_plan *p, const char *name, const struct json *is, const struct json *want)
{
	const struct json *a = json_get(is, "args"), *b = json_get(want, "args");
	const size_t rows = p->n;
	struct jw body = { 0 };
	char path[128];

	snprintf(path, sizeof path, "/api/v1/profiles/%s", name);
	jw_obj(&body, NULL);
	if (b && !same(a, b)) {
		row(p, SITE_CHANGE, "profile", name, "args", words(p, a), words(p, b));
		put_node(&body, "args", b);
	}
	for (size_t i = 1; i < ARRAY_LEN(profile_keys); i++) {
		if (json_get(want, profile_keys[i]))
			compare_map(p, "profile", name, profile_keys[i],
				json_get(is, profile_keys[i]), json_get(want, profile_keys[i]),
				&body);
	}
	jw_end_obj(&body);
	if (p->n > rows)
		call(p, "PATCH", path, &body);
	else
		jw_fini(&body);
}

static void add_profile(struct site_plan *p, const char *name, const struct json *want)
{
	struct jw body = { 0 };

	row(p, SITE_ADD, "profile", name, "", NULL, words(p, json_get(want, "args")));
	jw_obj(&body, NULL);
	jw_str(&body, "name", name);
	for (size_t i = 0; i < ARRAY_LEN(profile_keys); i++) {
		const struct json *n = json_get(want, profile_keys[i]);

		if (!is_nothing(n))
			put_node(&body, profile_keys[i], n);
	}
	jw_end_obj(&body);
	call(p, "POST", "/api/v1/profiles", &body);
}

/* Before hosts and rules, which may ask for them. */
static int compare_profiles(struct comparing *c, const struct json *is, const struct json *want)
{
	const struct json *p;
	const char *name;
	int rc = 0;

	if (want && !json_is_object(want))
		return wrong(c, "profiles: that is an object of profiles by their names");
	for (size_t i = 0; !rc && (p = json_member(want, i, &name)); i++) {
		rc = check_profile(c, name, p);
		if (!rc && profile_of(is, name))
			compare_profile(c->plan, name, profile_of(is, name), p);
		else if (!rc)
			add_profile(c->plan, name, p);
	}
	return rc;
}

/* Last: nothing asks for them any more. */
static void prune_profiles(struct site_plan *p, const struct json *is, const struct json *want)
{
	char path[128];

	for (size_t i = 0; i < json_len(is); i++) {
		const char *name = name_of(json_at(is, i));

		if (json_get(want, name))
			continue;
		row(p, SITE_REMOVE, "profile", name, "", words(p, json_get(json_at(is, i), "args")),
			NULL);
		snprintf(path, sizeof path, "/api/v1/profiles/%s", name);
		call(p, "DELETE", path, NULL);
		p->removed++;
	}
}

/* ---- rules: the list as a whole ---- */

static int rule_at(const struct json *rules, const char *name)
{
	for (size_t i = 0; i < json_len(rules); i++) {
		if (!strcasecmp(name_of(json_at(rules, i)), name))
			return (int)i;
	}
	return -1;
}

static int check_rules(struct comparing *c, const struct json *want)
{
	if (!json_is_array(want))
		return wrong(c, "rules: that is a list");
	for (size_t i = 0; i < json_len(want); i++) {
		static const char *const known[] = { "name", "match", "image", "channel",
			"profile" };
		const struct json *r = json_at(want, i);
		const char *key;

		if (!*name_of(r))
			return wrong(c, "rules[%zu]: a rule has a name", i);
		if (rule_at(want, name_of(r)) != (int)i)
			return wrong(c, "rules[%zu]: %s is there twice", i, name_of(r));
		for (size_t k = 0; json_member(r, k, &key); k++) {
			size_t n = 0;

			while (n < ARRAY_LEN(known) && strcmp(known[n], key))
				n++;
			if (n == ARRAY_LEN(known))
				return wrong(c, "rules[%zu].%s: nobody knows that", i, key);
		}
	}
	return 0;
}

static void rule_call(struct site_plan *p, const char *method, const char *path,
	const struct json *want, size_t at)
{
	struct jw body = { 0 };

	jw_obj(&body, NULL);
	jw_str(&body, "name", name_of(want));
	jw_str(&body, "match", json_get_str(want, "match", ""));
	jw_str(&body, "image", json_get_str(want, "image", NULL));
	jw_str(&body, "channel", json_get_str(want, "channel", NULL));
	jw_str(&body, "profile", json_get_str(want, "profile", NULL));
	jw_int(&body, "at", (int64_t)at + 1);
	jw_end_obj(&body);
	call(p, method, path, &body);
}

/* What the rule says differently; true when something does. */
static bool compare_rule(struct site_plan *p, const struct json *is, const struct json *want)
{
	static const char *const members[] = { "match", "image", "channel", "profile" };
	const size_t rows = p->n;

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const struct json *a = json_get(is, members[i]), *b = json_get(want, members[i]);

		if (!same(a, b))
			row(p, SITE_CHANGE, "rule", name_of(want), members[i], words(p, a),
				words(p, b));
	}
	return p->n > rows;
}

static char *number(struct site_plan *p, int n)
{
	char text[16];

	snprintf(text, sizeof text, "%d", n);
	return copy_of(p, text);
}

static void remove_rules(struct site_plan *p, const struct json *is, const struct json *want)
{
	char path[128];

	for (size_t i = 0; i < json_len(is); i++) {
		const char *name = name_of(json_at(is, i));

		if (rule_at(want, name) >= 0)
			continue;
		row(p, SITE_REMOVE, "rule", name, "", words(p, json_get(json_at(is, i), "match")),
			NULL);
		snprintf(path, sizeof path, "/api/v1/rules/%s", name);
		call(p, "DELETE", path, NULL);
		p->removed++;
	}
}

/* order[i]: the place in `is` of what stands there, while the plan is carried out. */
static void place_rules(
	struct site_plan *p, const struct json *is, const struct json *want, int *order, size_t n)
{
	char path[128];

	for (size_t i = 0; i < json_len(want); i++) {
		const struct json *r = json_at(want, i);
		const int had = rule_at(is, name_of(r));
		size_t at = i;

		if (had < 0) {
			row(p, SITE_ADD, "rule", name_of(r), "", NULL,
				words(p, json_get(r, "match")));
			rule_call(p, "POST", "/api/v1/rules", r, i);
		} else {
			while (at < n && order[at] != had)
				at++;
			if (compare_rule(p, json_at(is, (size_t)had), r) || at != i) {
				if (at != i)
					row(p, SITE_CHANGE, "rule", name_of(r), "place",
						number(p, (int)at + 1), number(p, (int)i + 1));
				snprintf(path, sizeof path, "/api/v1/rules/%s", name_of(r));
				rule_call(p, "PATCH", path, r, i);
			}
			memmove(&order[at], &order[at + 1], (n - at - 1) * sizeof *order);
			n--;
		}
		memmove(&order[i + 1], &order[i], (n - i) * sizeof *order);
		order[i] = had;
		n++;
	}
}

static int compare_rules(struct comparing *c, const struct json *is, const struct json *want)
{
	int *order, rc = check_rules(c, want);
	size_t n = 0;

	if (rc)
		return rc;
	order = calloc(json_len(is) + json_len(want) + 1, sizeof *order);
	c->plan->no_memory |= !order;
	if (!order)
		return 0;
	remove_rules(c->plan, is, want);
	for (size_t i = 0; i < json_len(is); i++) {
		if (rule_at(want, name_of(json_at(is, i))) >= 0)
			order[n++] = (int)i;
	}
	place_rules(c->plan, is, want, order, n);
	free(order);
	return 0;
}

/* ---- all of it ---- */

static int check_top(struct comparing *c, const struct json *doc)
{
	static const char *const known[] = { "muster", "profiles", "hosts", "rules" };
	const char *key;

	for (size_t i = 0; json_member(doc, i, &key); i++) {
		size_t n = 0;

		while (n < ARRAY_LEN(known) && strcmp(known[n], key))
			n++;
		if (n == ARRAY_LEN(known))
			return wrong(c,
				"%s: nobody knows that: a site has profiles, hosts and rules", key);
	}
	if (json_get_int(doc, "muster", 0) != VERSION)
		return wrong(
			c, "muster: this program knows documents with \"muster\": %d", VERSION);
	if (json_get(doc, "hosts") && !json_is_object(json_get(doc, "hosts")))
		return wrong(c, "hosts: that is an object of hosts by their names");
	return 0;
}

int site_compare(const struct json *doc, const struct site_is *is, bool prune,
	struct site_plan *out, char *err, size_t err_size)
{
	struct comparing c = { .plan = out, .err = err, .err_size = err_size };
	const struct json *want = json_get(doc, "hosts"), *profiles = json_get(doc, "profiles");
	const struct json **list = sorted(is->hosts, is->n_hosts);
	int rc = check_top(&c, doc);

	*out = (struct site_plan){ .no_memory = !list };
	if (!rc)
		rc = compare_profiles(&c, is->profiles, profiles);
	if (!rc && list)
		rc = compare_hosts(&c, want, list, is->n_hosts, prune);
	if (!rc && json_get(doc, "rules"))
		rc = compare_rules(&c, is->rules, json_get(doc, "rules"));
	if (!rc && prune && profiles)
		prune_profiles(out, is->profiles, profiles);
	free(list);
	free(c.names.of);
	free(c.held.of);
	if (!rc && out->no_memory)
		rc = wrong(&c, "out of memory");
	if (rc)
		site_fini(out);
	return rc;
}

void site_fini(struct site_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->rows[i].key);
		free(p->rows[i].old);
		free(p->rows[i].new);
	}
	for (size_t i = 0; i < p->n_calls; i++)
		free(p->calls[i]);
	free(p->rows);
	free(p->calls);
	*p = (struct site_plan){ 0 };
}
