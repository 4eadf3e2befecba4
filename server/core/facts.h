/*
 * facts.h: what the store knows of a host, as facts for rules and for searching (rule.h).
 */
#ifndef MUSTER_SERVER_CORE_FACTS_H
#define MUSTER_SERVER_CORE_FACTS_H

#include "db/store.h"
#include "images/json.h"
#include "server/core/rule.h"

/* All that is known of the host. Returns 0 or -EIO. */
int facts_gather(struct store *s, const struct store_host *h, struct rule_facts *out);

/* Those that an agent sends (docs/agent-protocol.md); *out has its facts from now on. Pure. */
void facts_of_agent(const struct json *doc, struct rule_facts *out);

/*
 * The facts of a file that people wrote: what an agent sends, and name, macs, addr, relay, circuit,
 * remote (hex or text), switch and port (one or a list), labels ({"rack": "r3"}). Pure.
 */
void facts_of_file(const struct json *doc, struct rule_facts *out);

#endif
