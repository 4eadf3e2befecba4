/*
 * etag.h: entity tags in conditions (RFC 9110 section 13.1): of http for files, of core for what
 * people change. Pure.
 */
#ifndef MUSTER_SERVER_ETAG_H
#define MUSTER_SERVER_ETAG_H

#include <stdbool.h>

/*
 * Does an If-Match or If-None-Match value name this entity tag (quotes included), or "*"? `weak`
 * lets W/"..." count, as If-None-Match wants it.
 */
bool etag_listed(const char *list, const char *etag, bool weak);

#endif
