/*
 * sign.h: the role that holds the site's ticket key. It signs nothing but boot tickets and orders
 * to hosts that run, which it builds itself from the fixed fields of a struct sign_request.
 */
#ifndef MUSTER_SERVER_SIGN_H
#define MUSTER_SERVER_SIGN_H

#include "server/msg.h"

/*
 * Open DIR/site.key for reading; when absent make a key pair there first (site.key mode 0600,
 * site.pub beside it). Returns the descriptor or -errno. For the parent, with root's rights.
 */
int sign_key_open(const char *dir);

/* What is signed (docs/agent-protocol.md), NUL-terminated. Returns its length or -EINVAL. Pure. */
int sign_print(const struct sign_request *q, char *out, size_t size);

#endif
