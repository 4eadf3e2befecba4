/*
 * routes.h: which requests exist, who may make them, and who answers; request targets taken apart.
 * Pure.
 */
#ifndef MUSTER_SERVER_HTTP_ROUTES_H
#define MUSTER_SERVER_HTTP_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include "server/msg.h"

#define ROUTES_ALLOW_MAX 64

enum route_to {
	ROUTE_HEALTH, /* answered here */
	ROUTE_BLOB,   /* answered here */
	ROUTE_LOADER, /* answered here: a file of the loader folder */
	ROUTE_CORE,   /* core is asked */
	ROUTE_IMPORT, /* import is asked, with each part of the body that comes */
};

struct route {
	const char *path; /* a last segment "*" stands for one segment, "**" for one or more */
	uint8_t methods;  /* bits 1 << enum http_method */
	uint8_t peers;	  /* bits 1 << enum http_peer */
	enum route_to to;
	uint64_t body_max; /* bytes of a request's body */
};

/* The enum http_method of a name (methods are case-sensitive), or -EOPNOTSUPP. */
int routes_method(const char *name);

/*
 * Take a request target apart (RFC 9112 section 3.2): origin form, or absolute form with http://.
 * The path is percent-decoded once, the query is left as it came. Returns 0; -ENAMETOOLONG when one
 * does not fit its array in struct http_request; -EBADMSG when the target is malformed; -ENOENT
 * when the path holds what no path of ours does: control bytes, spaces, non-ASCII, '\', an encoded
 * '/',
 * '%' or '\0', an empty segment, "..".
 */
int routes_target(const char *target, struct http_request *out);

/* The row for this path, or NULL when this peer has none. */
const struct route *routes_find(const char *path, enum http_peer peer);

/* The value of the Allow header, "GET, HEAD", of bits 1 << enum http_method. */
void routes_allow(uint8_t methods, char out[ROUTES_ALLOW_MAX]);

#endif
