/*
 * rule_facts.h: a host that is described in a file, for `muster rule test --facts`. Pure, but for
 * the output's own memory.
 */
#ifndef MUSTER_SERVER_CTL_RULE_FACTS_H
#define MUSTER_SERVER_CTL_RULE_FACTS_H

#include <stddef.h>

#include "images/json.h"

/*
 * What POST /api/v1/rules/test takes as `facts`, of an object of facts by the names of
 * docs/rules.md, or by those of an agent, or of what `muster host show -o json` prints. Returns 0;
 * -EINVAL with one sentence in err, then *out is not to be used but for jw_fini; -ENOMEM.
 */
int rule_facts_read(const struct json *doc, struct jw *out, char *err, size_t err_size);

#endif
