/*
 * object.h: what of an object of the API people have set, and what its machine has done since. The
 * former has an entity tag, so that who changes it can say what he has seen, and is what the audit
 * log is about. Pure.
 */
#ifndef MUSTER_SERVER_CORE_OBJECT_H
#define MUSTER_SERVER_CORE_OBJECT_H

#include <stdbool.h>

#define OBJECT_ETAG_MAX 24 /* "16 hex digits", quotes and NUL included */

/* Is a member of that name seen, not set? */
bool object_is_observed(const char *key);

/* The entity tag of an object, by its JSON; "" for what is none. */
void object_etag(const char *json, char out[OBJECT_ETAG_MAX]);

#endif
