/* bootcfg.c: boot.cfg, line by line. */
#include "images/bootcfg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum key {
	KEY_KERNEL,
	KEY_KERNELOPT,
	KEY_MODULES,
	KEY_PREFIX,
	KEY_CRYPTO,
	KEY_ACPITABLES,
	KEY_NUMBER,  /* one that takes a number */
	KEY_FOREIGN, /* kept as it is */
};

static const struct {
	const char *name;
	enum key key;
} keys[] = {
	{ "kernel", KEY_KERNEL },
	{ "kernelopt", KEY_KERNELOPT },
	{ "modules", KEY_MODULES },
	{ "prefix", KEY_PREFIX },
	{ "crypto", KEY_CRYPTO },
	{ "acpitables", KEY_ACPITABLES },
	{ "nobootif", KEY_NUMBER },
	{ "timeout", KEY_NUMBER },
	{ "noquirks", KEY_NUMBER },
	{ "norts", KEY_NUMBER },
	{ "runtimewd", KEY_NUMBER },
	{ "runtimewdtimeout", KEY_NUMBER },
	{ "tftpblksize", KEY_NUMBER },
	{ "skip", KEY_NUMBER },
	{ "errtimeout", KEY_NUMBER },
};

static int complain(char *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int complain(char *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, BOOTCFG_ERR_MAX, fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct bootcfg_text trim(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	return (struct bootcfg_text){ p, (size_t)(end - p) };
}

/* The line's key and value; a line without '=' says nothing to mboot. */
static enum key split(
	const char *p, const char *end, struct bootcfg_text *name, struct bootcfg_text *value)
{
	const char *equals;

	*value = trim(p, end);
	*name = (struct bootcfg_text){ 0 };
	if (!value->len || *value->p == '#')
		return KEY_FOREIGN;
	equals = memchr(value->p, '=', value->len);
	if (!equals)
		return KEY_FOREIGN;
	*name = trim(value->p, equals);
	*value = trim(equals + 1, value->p + value->len);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strlen(keys[i].name) == name->len &&
			!strncasecmp(keys[i].name, name->p, name->len))
			return keys[i].key;
	}
	return KEY_FOREIGN;
}

static bool is_number(const struct bootcfg_text *v)
{
	size_t i = v->len > 1 && *v->p == '-';

	for (; i < v->len; i++) {
		if (v->p[i] < '0' || v->p[i] > '9')
			return false;
	}
	return true;
}

/* What stands between two "---": a name, then its options. */
static void take_item(const char *p, const char *end, struct bootcfg_item *out)
{
	const struct bootcfg_text all = trim(p, end);
	const char *name_end = all.p;

	while (name_end < all.p + all.len && !is_blank(*name_end))
		name_end++;
	out->path = (struct bootcfg_text){ all.p, (size_t)(name_end - all.p) };
	out->options = trim(name_end, all.p + all.len);
}

static int take_modules(const struct bootcfg_text *list, struct bootcfg *out, char *err)
{
	const char *p = list->p, *end = list->p + list->len;

	out->n_modules = 0;
	while (p < end) {
		const char *mark = memmem(p, (size_t)(end - p), "---", 3);
		const char *stop = mark ? mark : end;
		struct bootcfg_item item;

		take_item(p, stop, &item);
		p = mark ? mark + 3 : end;
		if (!item.path.len)
			continue;
		if (out->n_modules == BOOTCFG_MODULES_MAX)
			return complain(err, "modules: more than %d of them", BOOTCFG_MODULES_MAX);
		out->modules[out->n_modules++] = item;
	}
	return 0;
}

static int take_value(enum key key, const struct bootcfg_text *name,
	const struct bootcfg_text *value, struct bootcfg *out, char *err)
{
	switch (key) {
	case KEY_KERNEL:
		out->kernel.path = *value;
		break;
	case KEY_KERNELOPT:
		out->kernelopt = *value;
		break;
	case KEY_MODULES:
		return take_modules(value, out, err);
	case KEY_PREFIX:
		out->prefix = *value;
		break;
	case KEY_CRYPTO:
		out->crypto.path = *value;
		break;
	case KEY_ACPITABLES:
		return value->len ? complain(err, "acpitables: not supported") : 0;
	case KEY_NUMBER:
		return is_number(value)
			       ? 0
			       : complain(err, "%.*s: '%.*s' is no number", (int)name->len, name->p,
					 value->len < 40 ? (int)value->len : 40, value->p);
	case KEY_FOREIGN:
		break;
	}
	return 0;
}

/* mboot sees a C string: nothing behind a NUL, and no control byte is part of any name. */
static int check_bytes(const char *p, const char *end, unsigned line, char *err)
{
	for (; p < end; p++) {
		if (((unsigned char)*p < 0x20 && !is_blank(*p)) || *p == 0x7f)
			return complain(err, "line %u: a control byte (%#x)", line,
				(unsigned)(unsigned char)*p);
	}
	return 0;
}

/* The path of one file: no blank in it. */
static int check_path(const char *key, const struct bootcfg_text *path, char *err)
{
	for (size_t i = 0; i < path->len; i++) {
		if (is_blank(path->p[i]))
			return complain(err, "%s: '%.*s' is no file's name", key,
				path->len < 80 ? (int)path->len : 80, path->p);
	}
	return 0;
}

static int check_whole(const struct bootcfg *cfg, char *err)
{
	int rc = check_path("crypto", &cfg->crypto.path, err);

	if (rc)
		return rc;
	if (!cfg->kernel.path.len)
		return complain(err, "kernel: the file names none");
	return check_path("kernel", &cfg->kernel.path, err);
}

int bootcfg_parse(const char *text, size_t len, struct bootcfg *out, char *err)
{
	const char *p = text, *end = text + len;
	struct bootcfg_text name, value;
	int rc = 0;

	if (len > BOOTCFG_MAX)
		return complain(err, "%zu bytes: a boot.cfg has at most %d", len, BOOTCFG_MAX);
	memset(out, 0, sizeof *out);
	out->text = text;
	out->len = len;
	for (unsigned line = 1; p < end && !rc; line++) {
		const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf ? lf : end;
		enum key key = split(p, stop, &name, &value);

		rc = check_bytes(p, stop, line, err);
		if (!rc)
			rc = take_value(key, &name, &value, out, err);
		p = lf ? lf + 1 : end;
	}
	return rc ? rc : check_whole(out, err);
}

int bootcfg_name(const struct bootcfg_text *path, char *out, size_t size)
{
	const char *slash = path->len ? memrchr(path->p, '/', path->len) : NULL;
	const char *p = slash ? slash + 1 : path->p;
	size_t n = path->len - (size_t)(slash ? slash + 1 - path->p : 0);

	if (!n)
		return -EINVAL;
	if (n >= size)
		return -ENOSPC;
	memcpy(out, p, n);
	out[n] = 0;
	return 0;
}

/* ---- writing ---- */

struct out {
	char *p;
	size_t left; /* with room for the NUL */
};

static int put(struct out *o, const char *p, size_t len)
{
	if (len >= o->left)
		return -ENOSPC;
	memcpy(o->p, p, len);
	o->p += len;
	o->left -= len;
	return 0;
}

static int put_str(struct out *o, const char *s)
{
	return put(o, s, strlen(s));
}

/* Runs of blanks become one, as mboot makes them. */
static int put_merged(struct out *o, const struct bootcfg_text *t)
{
	int rc = 0;

	for (size_t i = 0; i < t->len && !rc; i++) {
		if (!is_blank(t->p[i]))
			rc = put(o, t->p + i, 1);
		else if (!is_blank(t->p[i - 1])) /* the first one is none: it was trimmed */
			rc = put_str(o, " ");
	}
	return rc;
}

static int put_item(struct out *o, const struct bootcfg_item *item, const struct bootcfg_host *host)
{
	char name[256], place[512];
	int rc = bootcfg_name(&item->path, name, sizeof name);

	if (!rc)
		rc = host->place(host->arg, name, place, sizeof place);
	if (!rc)
		rc = put_str(o, place);
	if (!rc && item->options.len) {
		rc = put_str(o, " ");
		if (!rc)
			rc = put_merged(o, &item->options);
	}
	return rc;
}

static int put_foreign(struct out *o, const struct bootcfg *cfg)
{
	const char *p = cfg->text, *end = cfg->text + cfg->len;
	struct bootcfg_text name, value;
	int rc = 0;

	while (p < end && !rc) {
		const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf ? lf : end;
		const struct bootcfg_text line = trim(p, stop);
		enum key key = split(p, stop, &name, &value);

		if (line.len && (key == KEY_FOREIGN || key == KEY_NUMBER)) {
			rc = put(o, line.p, line.len);
			if (!rc)
				rc = put_str(o, "\n");
		}
		p = lf ? lf + 1 : end;
	}
	return rc;
}

static int put_kernelopt(struct out *o, const struct bootcfg *cfg, const char *more)
{
	int rc;

	if (!cfg->kernelopt.len && !*more)
		return 0;
	rc = put_str(o, "kernelopt=");
	if (!rc)
		rc = put_merged(o, &cfg->kernelopt);
	if (!rc && *more && cfg->kernelopt.len)
		rc = put_str(o, " ");
	if (!rc)
		rc = put_str(o, more);
	return rc ? rc : put_str(o, "\n");
}

static int put_files(struct out *o, const struct bootcfg *cfg, const struct bootcfg_host *host)
{
	int rc = put_str(o, "kernel=");

	if (!rc)
		rc = put_item(o, &cfg->kernel, host);
	for (size_t i = 0; i < cfg->n_modules && !rc; i++) {
		rc = put_str(o, i ? " --- " : "\nmodules=");
		if (!rc)
			rc = put_item(o, &cfg->modules[i], host);
	}
	if (!rc && cfg->crypto.path.len) {
		rc = put_str(o, "\ncrypto=");
		if (!rc)
			rc = put_item(o, &cfg->crypto, host);
	}
	return rc ? rc : put_str(o, "\n");
}

int bootcfg_render(
	const struct bootcfg *cfg, const struct bootcfg_host *host, char *out, size_t size)
{
	struct out o = { out, size };
	int rc = put_foreign(&o, cfg);

	if (!rc)
		rc = put_str(&o, "prefix=");
	if (!rc)
		rc = put_str(&o, host->prefix);
	if (!rc)
		rc = put_str(&o, "\n");
	if (!rc)
		rc = put_kernelopt(&o, cfg, host->kernelopt);
	if (!rc)
		rc = put_files(&o, cfg, host);
	if (rc)
		return rc;
	*o.p = 0;
	return (int)(o.p - out);
}
