/* snippet.c: what another DHCP server has to be told. */
#include "server/ctl/snippet.h"

#include <errno.h>
#include <string.h>

#include "embed/server/ctl/snippets/dnsmasq.in.h"
#include "embed/server/ctl/snippets/isc.in.h"
#include "embed/server/ctl/snippets/kea.in.h"
#include "embed/server/ctl/snippets/mikrotik.in.h"
#include "embed/server/ctl/snippets/openwrt.in.h"
#include "embed/server/ctl/snippets/pfsense.in.h"
#include "embed/server/ctl/snippets/windows.in.h"
#include "server/bytes.h"
#include "server/ctl/text.h"

#define NEST_MAX 2 /* a snippet in a snippet */

const char snippet_names[] = "dnsmasq kea isc windows mikrotik pfsense openwrt";

static const struct {
	const char *name, *template;
} snippets[] = {
	{ "dnsmasq", embed_dnsmasq_in },
	{ "kea", embed_kea_in },
	{ "isc", embed_isc_in },
	{ "windows", embed_windows_in },
	{ "mikrotik", embed_mikrotik_in },
	{ "pfsense", embed_pfsense_in },
	{ "openwrt", embed_openwrt_in },
};

struct values {
	const char *url;
	char addr[64]; /* the host in url */
};

static const char *template_of(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(snippets); i++) {
		if (strlen(snippets[i].name) == len && !memcmp(snippets[i].name, name, len))
			return snippets[i].template;
	}
	return NULL;
}

static int fill(const char *template, const struct values *v, unsigned depth, struct text *out);

/* What stands for @{NAME}. */
static int fill_name(
	const char *name, size_t len, const struct values *v, unsigned depth, struct text *out)
{
	const char *template = template_of(name, len);

	if (len == 4 && !memcmp(name, "addr", len))
		text_put(out, "%s", v->addr);
	else if (len == 3 && !memcmp(name, "url", len))
		text_put(out, "%s", v->url);
	else
		return template && depth < NEST_MAX ? fill(template, v, depth + 1, out) : -ENOENT;
	return 0;
}

static int fill(const char *template, const struct values *v, unsigned depth, struct text *out)
{
	int rc = 0;

	while (!rc && *template) {
		const char *mark = strstr(template, "@{");
		const char *close = mark ? strchr(mark, '}') : NULL;

		/* PowerShell's "@{" is followed by a blank */
		if (!close || memchr(mark, ' ', (size_t)(close - mark)))
			close = NULL;
		if (!mark) {
			text_put(out, "%s", template);
			break;
		}
		text_put(out, "%.*s", (int)(mark - template), template);
		if (close)
			rc = fill_name(mark + 2, (size_t)(close - mark - 2), v, depth, out);
		else
			text_put(out, "@{");
		template = close ? close + 1 : mark + 2;
	}
	return rc;
}

/* The texts are read by seven kinds of parsers: nothing of a URL may mean anything to them. */
static int read_url(const char *url, struct values *out)
{
	static const char start[] = "http://";
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	const char *host = url + strlen(start);
	size_t len;

	if (strncmp(url, start, strlen(start)))
		return -EINVAL;
	len = strspn(host, plain);
	if (!len || len >= sizeof out->addr)
		return -EINVAL;
	if (host[len] && (host[len] != ':' || host[len + 1 + strspn(host + len + 1, "0123456789")]))
		return -EINVAL;
	out->url = url;
	memcpy(out->addr, host, len);
	out->addr[len] = 0;
	return 0;
}

int snippet_render(const char *name, const char *url, char *out, size_t size)
{
	struct text t = { .out = out, .size = size };
	const char *template = template_of(name, strlen(name));
	struct values v;
	int rc;

	if (!template)
		return -ENOENT;
	rc = read_url(url, &v);
	if (!rc)
		rc = fill(template, &v, 0, &t);
	return rc ? rc : t.cut ? -ENOSPC : 0;
}
