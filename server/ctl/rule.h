/*
 * rule.h: which image a host gets, as the server's rules say.
 */
#ifndef MUSTER_SERVER_CTL_RULE_H
#define MUSTER_SERVER_CTL_RULE_H

#include <stddef.h>

#include "server/ctl/ctl.h"

/* "kvm (rule web)", "xen (set on this host)", "none"; "?" when the server does not say. */
void rule_gets(struct ctl *c, const char *host, char *out, size_t size);

#endif
