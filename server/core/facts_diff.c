#include "server/core/facts_diff.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"

#define LIST_MAX 64 /* things of one kind that are compared */

static void say(struct facts_diff *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct facts_diff *d, const char *fmt, ...)
{
	va_list ap;

	if (d->n == FACTS_DIFF_MAX) {
		d->left_out++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(d->of[d->n], sizeof d->of[0], fmt, ap);
	va_end(ap);
	for (char *s = d->of[d->n]; *s; s++) { /* what an agent says may be a stranger's text */
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
	}
	d->n++;
}

static const char *text(const struct json *n, const char *key)
{
	return json_get_str(n, key, "");
}

/* ---- single values ---- */

static const struct {
	const char *key, *what;
} texts[] = {
	{ "vendor", "vendor" },
	{ "product", "model" },
	{ "serial", "serial number" },
	{ "uuid", "UUID" },
	{ "board_serial", "mainboard" },
	{ "bios_version", "firmware" },
	{ "firmware", "boot mode" },
	{ "tpm", "TPM" },
	{ "arch", "architecture" },
};

/* Did both agents know how to tell it? An older one does not send the key. */
static bool both_tell(const struct json *old, const struct json *new, const char *key)
{
	return json_get(old, key) && json_get(new, key);
}

static const char *or_none(const char *s)
{
	return *s ? s : "none";
}

static void compare_texts(const struct json *old, const struct json *new, struct facts_diff *d)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *key = texts[i].key, *a = text(old, key), *b = text(new, key);

		if (both_tell(old, new, key) && strcasecmp(a, b))
			say(d, "%s changed: %.60s -> %.60s", texts[i].what, or_none(a), or_none(b));
	}
}

static void compare_switch(const struct json *old, const struct json *new, struct facts_diff *d)
{
	const bool was = json_bool(json_get(old, "secure_boot"), false),
		   is = json_bool(json_get(new, "secure_boot"), false);

	if (both_tell(old, new, "secure_boot") && was != is)
		say(d, "Secure Boot is %s now", is ? "on" : "off");
}

static void compare_cpu(const struct json *old, const struct json *new, struct facts_diff *d)
{
	const struct json *a = json_get(old, "cpu"), *b = json_get(new, "cpu");
	const int64_t was = json_get_int(a, "count", 0), is = json_get_int(b, "count", 0);

	if (!a || !b)
		return;
	if (strcmp(text(a, "model"), text(b, "model")))
		say(d, "processor changed: %.60s -> %.60s", or_none(text(a, "model")),
			or_none(text(b, "model")));
	if (was != is)
		say(d, "processors: %" PRId64 " -> %" PRId64, was, is);
}

static void print_size(int64_t mib, char out[32])
{
	if (mib % 1024)
		snprintf(out, 32, "%" PRId64 " MiB", mib);
	else
		snprintf(out, 32, "%" PRId64 " GiB", mib / 1024);
}

/* Where nobody tells modules: the kernel's total, which differs a little from kernel to kernel. */
static void compare_total(const struct json *old, const struct json *new, struct facts_diff *d)
{
	const int64_t was = json_get_int(old, "memory_mb", 0),
		      is = json_get_int(new, "memory_mb", 0);
	char a[32], b[32];

	if (was <= 0 || is <= 0 || (is - was < was / 16 && was - is < was / 16))
		return;
	print_size(was, a);
	print_size(is, b);
	say(d, "memory: %s -> %s", a, b);
}

/* ---- lists: of things that are known by something ---- */

struct kind {
	const char *list;
	/* Is it the same one? */
	bool (*same)(const struct json *a, const struct json *b);
	void (*print)(const struct json *one, char *out, size_t size);
	const char *what; /* "DIMM" */
	/* What else of the same one has changed. */
	void (*compare)(const struct json *a, const struct json *b, struct facts_diff *d);
};

static size_t len(const struct json *list)
{
	return json_len(list) < LIST_MAX ? json_len(list) : LIST_MAX;
}

/*
 * The one of `other` that is this one: of several that look alike the nth stands for the nth.
 */
static const struct json *partner(
	const struct kind *k, const struct json *list, size_t i, const struct json *other)
{
	const struct json *one = json_at(list, i);
	size_t nth = 0;

	for (size_t n = 0; n < i; n++)
		nth += k->same(json_at(list, n), one);
	for (size_t n = 0; n < len(other); n++) {
		if (k->same(json_at(other, n), one) && nth-- == 0)
			return json_at(other, n);
	}
	return NULL;
}

static void compare_list(
	const struct kind *k, const struct json *old, const struct json *new, struct facts_diff *d)
{
	const struct json *a = json_get(old, k->list), *b = json_get(new, k->list);
	char one[120];

	if (!a || !b)
		return;
	for (size_t i = 0; i < len(a); i++) {
		const struct json *is = partner(k, a, i, b);

		k->print(json_at(a, i), one, sizeof one);
		if (!is)
			say(d, "%s gone: %s", k->what, one);
		else
			k->compare(json_at(a, i), is, d);
	}
	for (size_t i = 0; i < len(b); i++) {
		k->print(json_at(b, i), one, sizeof one);
		if (!partner(k, b, i, a))
			say(d, "%s added: %s", k->what, one);
	}
}

/* ---- memory modules: by their place ---- */

static bool same_dimm(const struct json *a, const struct json *b)
{
	return !strcmp(text(a, "slot"), text(b, "slot"));
}

static void print_dimm(const struct json *one, char *out, size_t size)
{
	char mib[32];

	print_size(json_get_int(one, "size_mb", 0), mib);
	snprintf(out, size, "%.40s, %s%s%.30s", or_none(text(one, "slot")), mib,
		*text(one, "part") ? ", " : "", text(one, "part"));
}

static void compare_dimm(const struct json *a, const struct json *b, struct facts_diff *d)
{
	char was[32], is[32];

	print_size(json_get_int(a, "size_mb", 0), was);
	print_size(json_get_int(b, "size_mb", 0), is);
	if (strcmp(was, is))
		say(d, "DIMM replaced: %.40s, %s -> %s", text(b, "slot"), was, is);
	else if (strcmp(text(a, "serial"), text(b, "serial")) ||
		 strcmp(text(a, "part"), text(b, "part")))
		say(d, "DIMM replaced: %.40s, %s, serial number %.30s -> %.30s", text(b, "slot"),
			is, or_none(text(a, "serial")), or_none(text(b, "serial")));
}

/* ---- network cards: by their address ---- */

static bool same_nic(const struct json *a, const struct json *b)
{
	return !strcasecmp(text(a, "mac"), text(b, "mac"));
}

static void print_nic(const struct json *one, char *out, size_t size)
{
	snprintf(out, size, "%.20s%s%.32s%s%.32s", text(one, "mac"),
		*text(one, "driver") ? ", " : "", text(one, "driver"),
		*text(one, "place") ? " at " : "", text(one, "place"));
}

static void compare_nic(const struct json *a, const struct json *b, struct facts_diff *d)
{
	if (both_tell(a, b, "place") && strcmp(text(a, "place"), text(b, "place")))
		say(d, "NIC moved: %.20s from %.32s to %.32s", text(b, "mac"),
			or_none(text(a, "place")), or_none(text(b, "place")));
}

/* ---- disks: by their serial number, else by what they are ---- */

static bool same_disk(const struct json *a, const struct json *b)
{
	const char *x = text(a, "serial"), *y = text(b, "serial");

	if (*x || *y)
		return !strcmp(x, y);
	return !strcmp(text(a, "model"), text(b, "model")) &&
	       json_get_int(a, "size", 0) == json_get_int(b, "size", 0);
}

static void print_disk(const struct json *one, char *out, size_t size)
{
	snprintf(out, size, "%.40s, %" PRId64 " GB%s%.40s",
		*text(one, "model") ? text(one, "model") : text(one, "name"),
		json_get_int(one, "size", 0) / 1000000000, *text(one, "serial") ? ", " : "",
		text(one, "serial"));
}

static void compare_disk(const struct json *a, const struct json *b, struct facts_diff *d)
{
	char one[120];

	print_disk(b, one, sizeof one);
	if (both_tell(a, b, "firmware") && strcmp(text(a, "firmware"), text(b, "firmware")))
		say(d, "disk firmware changed: %s: %.16s -> %.16s", one,
			or_none(text(a, "firmware")), or_none(text(b, "firmware")));
	if (json_get_int(a, "size", 0) != json_get_int(b, "size", 0))
		say(d, "disk size changed: %s, was %" PRId64 " GB", one,
			json_get_int(a, "size", 0) / 1000000000);
}

/* ---- all of it ---- */

static const struct kind kinds[] = {
	{ "dimms", same_dimm, print_dimm, "DIMM", compare_dimm },
	{ "nics", same_nic, print_nic, "NIC", compare_nic },
	{ "disks", same_disk, print_disk, "disk", compare_disk },
};

void facts_diff(const struct json *old, const struct json *new, struct facts_diff *out)
{
	out->n = out->left_out = 0;
	compare_texts(old, new, out);
	compare_switch(old, new, out);
	compare_cpu(old, new, out);
	if (!json_len(json_get(old, "dimms")) || !json_len(json_get(new, "dimms")))
		compare_total(old, new, out);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		compare_list(&kinds[i], old, new, out);
}

char *facts_diff_line(const struct facts_diff *d, char *out, size_t size)
{
	size_t n = 0, i;

	*out = 0;
	for (i = 0; i < d->n && n + FACTS_DIFF_TEXT_MAX + 32 < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i ? "; " : "", d->of[i]);
	if (d->n - i + d->left_out)
		snprintf(
			out + n, size - n, "%sand %zu more", i ? "; " : "", d->n - i + d->left_out);
	return out;
}
