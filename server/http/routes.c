#include "server/http/routes.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"

#define BIT(n)	 (1u << (n))
#define GET	 (BIT(HTTP_GET) | BIT(HTTP_HEAD))
#define POST	 BIT(HTTP_POST)
#define ANY	 (BIT(HTTP_METHODS) - 1)
#define ANY_SIZE INT64_MAX
#define BOTH	 (BIT(HTTP_PEER_TCP) | BIT(HTTP_PEER_UNIX))

static const struct route routes[] = {
	{ "/blobs/sha256/**", GET, BOTH, ROUTE_BLOB, 0 }, /* HEX, or HEX/NAME for who wants one */
	{ "/loader/*", GET, BOTH, ROUTE_LOADER, 0 },
	{ "/efi/agent.efi", GET, BOTH, ROUTE_CORE, 0 }, /* core says which blob it is */
	{ "/efi/image.efi", GET, BOTH, ROUTE_CORE, 0 },
	{ "/efi/image.iso", GET, BOTH, ROUTE_CORE, 0 }, { "/v1/boot/**", GET, BOTH, ROUTE_CORE, 0 },
	{ "/boot.ipxe", GET, BOTH, ROUTE_CORE, 0 }, { "/healthz", GET, BOTH, ROUTE_HEALTH, 0 },
	{ "/readyz", GET, BOTH, ROUTE_CORE, 0 }, { "/metrics", GET, BOTH, ROUTE_CORE, 0 },
	{ "/v1/agent/facts", POST, BOTH, ROUTE_CORE, HTTP_BODY_MAX },
	{ "/v1/agent/ticket", POST, BOTH, ROUTE_CORE, HTTP_BODY_MAX },
	{ "/v1/agent/extra", POST, BOTH, ROUTE_CORE, HTTP_BODY_MAX },
	{ "/v1/agent/progress", POST, BOTH, ROUTE_CORE, HTTP_BODY_MAX },
	{ "/v1/agent/neighbours", POST, BOTH, ROUTE_CORE, HTTP_BODY_MAX },
	{ "/v1/agent/failed", POST, BOTH, ROUTE_CORE, HTTP_BODY_MAX },
	{ "/v1/agent/handoff", POST, BOTH, ROUTE_CORE, HTTP_BODY_MAX },
	{ "/v1/agent/up", POST, BOTH, ROUTE_CORE, HTTP_BODY_MAX },
	{ "/v1/agent/heartbeat", POST, BOTH, ROUTE_CORE, HTTP_BODY_MAX },
	{ "/v1/agent/order", POST, BOTH, ROUTE_CORE, HTTP_BODY_MAX },
	{ "/api/v1/blobs/*", BIT(HTTP_PUT) | POST, BOTH, ROUTE_IMPORT, ANY_SIZE },
	{ "/api/v1/**", ANY, BOTH, ROUTE_CORE, HTTP_BODY_MAX }, /* core wants a token over TCP */
};

static const char *const method_names[HTTP_METHODS] = {
	[HTTP_GET] = "GET",
	[HTTP_HEAD] = "HEAD",
	[HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT",
	[HTTP_PATCH] = "PATCH",
	[HTTP_DELETE] = "DELETE",
};

int routes_method(const char *name)
{
	for (int m = 0; m < HTTP_METHODS; m++) {
		if (strcmp(name, method_names[m]) == 0)
			return m;
	}
	return -EOPNOTSUPP;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One byte of the path from *s, percent-decoded, and *s moved behind it. */
static int decode_byte(const char **s, const char *end)
{
	const char *p = *s;
	int high, low, c;

	if (*p != '%') {
		*s = p + 1;
		return (unsigned char)*p;
	}
	if (end - p < 3)
		return -EBADMSG;
	high = hex_value(p[1]);
	low = hex_value(p[2]);
	if (high < 0 || low < 0)
		return -EBADMSG;
	*s = p + 3;
	c = high << 4 | low;
	/* An encoded slash is no separator, and a second layer of encoding means no good. */
	return c == '/' || c == '%' ? -ENOENT : c;
}

static int decode_path(const char *s, const char *end, char *out, size_t size)
{
	size_t n = 0;

	while (s < end) {
		int c = decode_byte(&s, end);

		if (c < 0)
			return c;
		if (c <= ' ' || c >= 0x7f || c == '\\')
			return -ENOENT;
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return strstr(out, "//") || strstr(out, "..") ? -ENOENT : 0;
}

static int copy_query(const char *s, char *out, size_t size)
{
	size_t n = strlen(s);

	if (n >= size)
		return -ENAMETOOLONG;
	for (size_t i = 0; i < n; i++) {
		if (s[i] <= ' ' || s[i] >= 0x7f)
			return -EBADMSG;
	}
	memcpy(out, s, n + 1);
	return 0;
}

int routes_target(const char *target, struct http_request *out)
{
	const char *query;
	int rc;

	/* Absolute form: the Host header says the same (RFC 9112 section 3.2.2). */
	if (strncasecmp(target, "http://", 7) == 0)
		target += 7 + strcspn(target + 7, "/?");
	if (*target != '/')
		return -EBADMSG;
	query = target + strcspn(target, "?");
	rc = decode_path(target, query, out->path, sizeof out->path);
	if (rc)
		return rc;
	return copy_query(*query ? query + 1 : query, out->query, sizeof out->query);
}

/* Does the path fit the pattern, whose last segment may be a wildcard? */
static bool fits(const char *pattern, const char *path)
{
	size_t n = strcspn(pattern, "*");
	const char *rest = path + n;

	if (pattern[n] == '\0')
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, n) != 0 || *rest == '\0')
		return false;
	return pattern[n + 1] == '*' || !strchr(rest, '/');
}

const struct route *routes_find(const char *path, enum http_peer peer)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (fits(routes[i].path, path))
			return routes[i].peers & BIT(peer) ? &routes[i] : NULL;
	}
	return NULL;
}

void routes_allow(uint8_t methods, char out[ROUTES_ALLOW_MAX])
{
	char *p = out;

	*p = '\0';
	for (int m = 0; m < HTTP_METHODS; m++) {
		if (!(methods & BIT(m)))
			continue;
		if (p != out)
			p = stpcpy(p, ", ");
		p = stpcpy(p, method_names[m]);
	}
}
