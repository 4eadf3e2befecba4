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
 * Which bytes of a file the `body` bytes of a PUT are: by its Content-Range (RFC 9110
 * section 14.4), or all of it (NULL: absent). False when that says something else. The outputs are
 * set on success.
 */
bool range_parse_content(const char *value, uint64_t body, uint64_t *first, uint64_t *total);

#endif
