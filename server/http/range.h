/*
 * range.h: the conditional and range headers of a blob request (RFC 9110 sections 13 and 14).
 * Pure.
 */
#ifndef MUSTER_SERVER_HTTP_RANGE_H
#define MUSTER_SERVER_HTTP_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum range_kind {
	RANGE_WHOLE, /* absent, of another unit, malformed, or several: send everything */
	RANGE_PART,
	RANGE_UNSATISFIABLE,
};

/*
 * Read a Range header's value (NULL: absent) for a file of `size` bytes. *first and *len are set
 * for RANGE_PART only.
 */
enum range_kind range_parse(const char *value, uint64_t size, uint64_t *first, uint64_t *len);

/*
 * Does an If-Match or If-None-Match value name this entity tag (quotes included), or "*"? `weak`
 * lets W/"..." count, as If-None-Match wants it.
 */
bool range_etag_listed(const char *list, const char *etag, bool weak);

#endif
