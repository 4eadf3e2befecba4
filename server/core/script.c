#include "server/core/script.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "embed/ipxe-scripts/boot.ipxe.in.h"
#include "embed/ipxe-scripts/direct.ipxe.in.h"
#include "embed/ipxe-scripts/hello.ipxe.in.h"
#include "embed/ipxe-scripts/wait.ipxe.in.h"

const char *const script_boot = embed_boot_ipxe_in;
const char *const script_direct = embed_direct_ipxe_in;
const char *const script_hello = embed_hello_ipxe_in;
const char *const script_wait = embed_wait_ipxe_in;

int script_value_ok(const char *value)
{
	for (const char *s = value; *s; s++) {
		if (*s < 0x20 || *s > 0x7e || strchr("$`\"'\\|&;<>", *s))
			return 0;
	}
	return 1;
}

static const struct script_value *value_of(
	const struct script_value *values, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(values[i].name) == len && !memcmp(values[i].name, name, len))
			return &values[i];
	}
	return NULL;
}

struct out {
	char *p;
	size_t left; /* with room for the NUL */
};

static int put(struct out *o, const char *text, size_t len)
{
	if (len >= o->left)
		return -ENOSPC;
	memcpy(o->p, text, len);
	o->p += len;
	o->left -= len;
	return 0;
}

/* Text without what would make a comment of it. */
static int fill_text(
	const char *line, size_t len, const struct script_value *values, size_t n, struct out *o)
{
	const char *end = line + len;

	while (line < end) {
		const char *mark = memmem(line, (size_t)(end - line), "@{", 2), *close;
		const struct script_value *v;
		int rc;

		if (!mark)
			return put(o, line, (size_t)(end - line));
		rc = put(o, line, (size_t)(mark - line));
		if (rc < 0)
			return rc;
		close = memchr(mark, '}', (size_t)(end - mark));
		v = close ? value_of(values, n, mark + 2, (size_t)(close - mark - 2)) : NULL;
		if (!v)
			return -EBADMSG;
		if (!v->lines && !script_value_ok(v->value))
			return -EINVAL;
		rc = put(o, v->value, strlen(v->value));
		if (rc < 0)
			return rc;
		line = close + 1;
	}
	return 0;
}

int script_fill(
	const char *template, const struct script_value *values, size_t n, char *out, size_t size)
{
	struct out o = { out, size };

	while (*template) {
		size_t len = strcspn(template, "\n");
		int rc = 0;

		if (strncmp(template, "##", 2)) {
			rc = fill_text(template, len, values, n, &o);
			if (!rc)
				rc = put(&o, "\n", 1);
		}
		if (rc < 0)
			return rc;
		template += len + (template[len] == '\n');
	}
	*o.p = 0;
	return (int)(o.p - out);
}

int script_fill_text(
	const char *text, const struct script_value *values, size_t n, char *out, size_t size)
{
	struct out o = { out, size };
	int rc = fill_text(text, strlen(text), values, n, &o);

	if (rc < 0)
		return rc;
	*o.p = 0;
	return (int)(o.p - out);
}

int script_missing(
	const char *text, const struct script_value *values, size_t n, char name[SCRIPT_NAME_MAX])
{
	for (const char *p = text; (p = strstr(p, "@{")); p += 2) {
		const size_t len = strcspn(p + 2, "}\n");

		if (p[2 + len] == '}' && value_of(values, n, p + 2, len))
			continue;
		snprintf(name, SCRIPT_NAME_MAX, "%.*s", p[2 + len] == '}' ? (int)len : 0, p + 2);
		return 1;
	}
	return 0;
}
