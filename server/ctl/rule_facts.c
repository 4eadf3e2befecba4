#include "server/ctl/rule_facts.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"
#include "server/ctl/text.h"
#include "server/nearest.h"

#define MIB	 (1LL << 20)
#define FAR_WORD 4 /* edits from which a name is no longer a slip of the finger */

struct reading {
	struct jw *out;
	char *err;
	size_t err_size;
};

__attribute__((format(printf, 2, 3))) static int wrong(struct reading *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->err, r->err_size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- values ---- */

typedef int put_fn(struct reading *r, const char *name, const char *as, const struct json *v);

static void copy(struct reading *r, const char *as, const struct json *v)
{
	char *text = json_text(v);

	if (text)
		jw_raw(r->out, as, text);
	r->out->bad |= !text;
	free(text);
}

static int put_text(struct reading *r, const char *name, const char *as, const struct json *v)
{
	if (!json_is_str(v))
		return wrong(r, "%s is a text", name);
	jw_str(r->out, as, json_str(v, ""));
	return 0;
}

static bool is_texts(const struct json *v)
{
	for (size_t i = 0; i < json_len(v); i++) {
		if (!json_is_str(json_at(v, i)))
			return false;
	}
	return json_is_array(v) || json_is_str(v);
}

/* The element of a list, or the text that stands alone. */
static const char *one_of(const struct json *v, size_t i)
{
	return json_is_array(v) ? json_str(json_at(v, i), "") : json_str(v, "");
}

static int put_texts(struct reading *r, const char *name, const char *as, const struct json *v)
{
	if (!is_texts(v))
		return wrong(r, "%s is a text, or a list of texts", name);
	jw_arr(r->out, as);
	for (size_t i = 0; i < (json_is_array(v) ? json_len(v) : 1); i++)
		jw_str(r->out, NULL, one_of(v, i));
	jw_end_arr(r->out);
	return 0;
}

/* The same as an agent says it: [{"model": TEXT}]. */
static int put_parts(struct reading *r, const char *name, const char *as, const struct json *v)
{
	const char *member = !strcmp(as, "nics")    ? "driver"
			     : !strcmp(as, "dimms") ? "slot"
						    : "model";

	if (!is_texts(v))
		return wrong(r, "%s is a text, or a list of texts", name);
	jw_arr(r->out, as);
	for (size_t i = 0; i < (json_is_array(v) ? json_len(v) : 1); i++) {
		jw_obj(r->out, NULL);
		jw_str(r->out, member, one_of(v, i));
		jw_end_obj(r->out);
	}
	jw_end_arr(r->out);
	return 0;
}

static int put_labels(struct reading *r, const char *name, const char *as, const struct json *v)
{
	const struct json *value;
	const char *label;

	for (size_t i = 0; (value = json_member(v, i, &label)); i++) {
		if (!json_is_str(value))
			return wrong(r, "%s.%s is a text", name, label);
	}
	if (!json_is_object(v))
		return wrong(r, "%s is an object of names and texts", name);
	copy(r, as, v);
	return 0;
}

static int put_count(struct reading *r, const char *name, const char *as, const struct json *v)
{
	if (!json_is_int(v) || json_int(v, -1) < 0)
		return wrong(r, "%s is a number, and none below 0", name);
	jw_int(r->out, as, json_int(v, 0));
	return 0;
}

/* "64G", "65536M": in MiB. -1 for anything else. */
static int64_t mib_of(const char *text)
{
	static const char units[] = "MGTP";
	const size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits, *found;
	int64_t n = digits && digits <= 9 ? strtoll(text, NULL, 10) : -1;

	found = *unit ? strchr(units, toupper((unsigned char)*unit)) : NULL;
	if (n < 0 || !found || (unit[1] && strcasecmp(unit + 1, "iB") && strcasecmp(unit + 1, "B")))
		return -1;
	return n << (10 * (found - units));
}

static int put_size(struct reading *r, const char *name, const char *as, const struct json *v)
{
	const int64_t mib = mib_of(json_str(v, ""));

	if (mib < 0)
		return wrong(r, "%s is a text such as \"64G\" or \"65536M\"", name);
	jw_int(r->out, as, mib);
	return 0;
}

/* A rule's subnet is where the host's address lies. */
static int put_address(struct reading *r, const char *name, const char *as, const struct json *v)
{
	if (!json_is_str(v) || strchr(json_str(v, ""), '/'))
		return wrong(r, "%s is the host's address here, such as \"10.77.0.9\"", name);
	return put_text(r, name, as, v);
}

/* An agent's lists; sizes in them are none below 0. */
static int put_list(struct reading *r, const char *name, const char *as, const struct json *v)
{
	if (!json_is_array(v))
		return wrong(r, "%s is a list", name);
	for (size_t i = 0; i < json_len(v); i++) {
		if (!json_is_object(json_at(v, i)))
			return wrong(r, "%s[%zu] is an object", name, i);
		if (json_get_int(json_at(v, i), "size_mb", 0) < 0)
			return wrong(r, "%s[%zu].size_mb is none below 0", name, i);
	}
	copy(r, as, v);
	return 0;
}

/* Of an agent, and of no rule. */
static int put_nothing(struct reading *r, const char *name, const char *as, const struct json *v)
{
	(void)r, (void)name, (void)as, (void)v;
	return 0;
}

/* ---- names ---- */

/* An agent's name for the mode is a rule's name for the version: their values tell which it is. */
static const struct fact {
	const char *name, *as;
	put_fn *put;
} facts[] = {
	{ "name", "name", put_text },
	{ "labels", "labels", put_labels },
	{ "mac", "macs", put_texts },
	{ "serial", "serial", put_text },
	{ "uuid", "uuid", put_text },
	{ "vendor", "vendor", put_text },
	{ "model", "product", put_text },
	{ "arch", "arch", put_text },
	{ "mode", "firmware", put_text },
	{ "subnet", "addr", put_address },
	{ "relay", "relay", put_text },
	{ "circuit", "circuit", put_text },
	{ "remote", "remote", put_text },
	{ "memory", "memory_mb", put_size },
	{ "cpu", "cpu", NULL },
	{ "cpus", "cpus", NULL },
	{ "firmware", "bios_version", put_text },
	{ "driver", "nics", put_parts },
	{ "disk", "disks", put_parts },
	{ "dimm", "dimms", put_parts },
	{ "switch", "switch", put_texts },
	{ "port", "port", put_texts },
	/* as an agent says it */
	{ "macs", "macs", put_texts },
	{ "addr", "addr", put_address },
	{ "product", "product", put_text },
	{ "bios", "bios", put_text },
	{ "bios_version", "bios_version", put_text },
	{ "memory_mb", "memory_mb", put_count },
	{ "nics", "nics", put_list },
	{ "disks", "disks", put_list },
	{ "dimms", "dimms", put_list },
	{ "agent", "agent", put_nothing },
	{ "board_serial", "board_serial", put_nothing },
	{ "secure_boot", "secure_boot", put_nothing },
	{ "lockdown", "lockdown", put_nothing },
	{ "tpm", "tpm", put_nothing },
	{ "virtual", "virtual", put_nothing },
};

static const struct fact *fact_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
		if (!strcmp(facts[i].name, name))
			return &facts[i];
	}
	return NULL;
}

static const char *as_of(const struct fact *f, const struct json *v)
{
	const char *word = json_str(v, "");

	if (!strcmp(f->name, "firmware") &&
		(!strcasecmp(word, "uefi") || !strcasecmp(word, "bios")))
		return "firmware";
	return f->as;
}

/* All names that are none, in one sentence. */
static int check_names(struct reading *r, const struct json *doc)
{
	struct text t = { .out = r->err, .size = r->err_size };
	const char *name, *best = NULL;
	unsigned distance = FAR_WORD;
	size_t n = 0;

	for (size_t i = 0; json_member(doc, i, &name); i++) {
		if (fact_of(name))
			continue;
		text_put(&t, "%s%s", n++ ? ", " : "there is no fact ", name);
		for (size_t k = 0; k < ARRAY_LEN(facts); k++)
			nearest_try(name, facts[k].name, &best, &distance);
	}
	if (!n)
		return 0;
	text_put(&t, n == 1 && best ? "; is it %s" : "; docs/rules.md lists them", best);
	return -EINVAL;
}

/* Two names of one thing: which of them would count? */
static int check_twice(struct reading *r, const struct json *doc)
{
	const char *a, *b;
	const struct json *v, *w;

	for (size_t i = 0; (v = json_member(doc, i, &a)); i++) {
		for (size_t k = i + 1; (w = json_member(doc, k, &b)); k++) {
			if (!strcmp(as_of(fact_of(a), v), as_of(fact_of(b), w)))
				return wrong(r, "%s and %s say the same thing", a, b);
		}
	}
	return 0;
}

/* {"model": ..., "count": ...} is an agent's cpu; a rule has its cpu and its cpus. */
static int put_cpu(struct reading *r, const struct json *doc)
{
	const struct json *cpu = json_get(doc, "cpu"), *cpus = json_get(doc, "cpus"),
			  *count = json_is_object(cpu) ? json_get(cpu, "count") : cpus;
	int rc = 0;

	if (!cpu && !cpus)
		return 0;
	if (json_is_object(cpu) && cpus)
		return wrong(r, "cpu and cpus say the same thing");
	if (cpu && !json_is_object(cpu) && !json_is_str(cpu))
		return wrong(r, "cpu is a text");
	jw_obj(r->out, "cpu");
	jw_str(r->out, "model", json_str(cpu, json_get_str(cpu, "model", "")));
	if (count)
		rc = put_count(r, cpus ? "cpus" : "cpu.count", "count", count);
	jw_end_obj(r->out);
	return rc;
}

static int put_facts(struct reading *r, const struct json *doc)
{
	const struct json *v;
	const char *name;
	int rc = check_names(r, doc);

	if (!rc)
		rc = check_twice(r, doc);
	for (size_t i = 0; !rc && (v = json_member(doc, i, &name)); i++) {
		const struct fact *f = fact_of(name);

		if (f->put && !json_is_null(v))
			rc = f->put(r, name, as_of(f, v), v);
	}
	return rc ? rc : put_cpu(r, doc);
}

/* ---- what `muster host show` prints ---- */

static void put_members(
	struct reading *r, const char *as, const struct json *list, const char *a, const char *b)
{
	const char *const members[] = { a, b };

	jw_arr(r->out, as);
	for (size_t i = 0; i < json_len(list); i++) {
		for (size_t k = 0; k < ARRAY_LEN(members); k++) {
			const char *text = json_get_str(json_at(list, i), members[k], "");

			if (*text)
				jw_str(r->out, NULL, text);
		}
	}
	jw_end_arr(r->out);
}

static void put_some(struct reading *r, const struct json *from, const char *const *names)
{
	for (; *names; names++) {
		const struct json *v = json_get(from, *names);

		if (v && !json_is_null(v))
			copy(r, *names, v);
	}
}

/* What the server knows of it, and all that its agent said, which the server has looked at. */
static void put_shown(struct reading *r, const struct json *host)
{
	static const char *const own[] = { "name", "labels", "macs", "addr", NULL },
				 *const place[] = { "relay", "circuit", "remote", NULL },
				 *const known[] = { "serial", "uuid", "vendor", "product", NULL };
	const struct json *said = json_get(host, "facts"), *near = json_get(host, "neighbours"), *v;
	const char *name;

	put_some(r, host, own);
	put_some(r, json_get(host, "place"), place);
	put_members(r, "switch", near, "system", "chassis");
	put_members(r, "port", near, "port", "port_description");
	if (!json_is_object(said))
		put_some(r, host, known);
	for (size_t i = 0; (v = json_member(said, i, &name)); i++)
		copy(r, name, v);
}

int rule_facts_read(const struct json *doc, struct jw *out, char *err, size_t err_size)
{
	struct reading r = { out, err, err_size };
	int rc = 0;

	if (!json_is_object(doc))
		return wrong(&r, "it is no JSON object");
	jw_obj(out, NULL);
	if (json_get(doc, "facts"))
		put_shown(&r, doc);
	else
		rc = put_facts(&r, doc);
	jw_end_obj(out);
	return rc ? rc : out->bad ? -ENOMEM : 0;
}
