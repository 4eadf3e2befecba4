/*
 * rules.h: the ordered rules that say which hosts get which image, and by which a host gets its
 * own. The first that fits counts. Pure, but for the memory of the list, and rules_load.
 *
 * Before a host's agent has ever spoken, a rule may be open: then what a later one says is not
 * certain, and only the agent is started, never an image by the loader alone.
 */
#ifndef MUSTER_SERVER_CORE_RULES_H
#define MUSTER_SERVER_CORE_RULES_H

#include "db/store.h"
#include "images/json.h"
#include "server/core/rule.h"

#define RULES_MAX	256
#define RULES_TRACE_MAX 1000 /* bytes of a trace in a boot's record, NUL included */

struct rules {
	size_t n;
	struct rules_one {
		struct store_rule r;
		struct rule_match match;
	} * of; /* RULES_MAX */
};

/* Returns 0, -ENOMEM, -EIO; a rule that cannot be read (an older muster wrote it) fits nobody. */
int rules_load(struct store *s, struct rules *out);
int rules_copy(const struct rules *from, struct rules *to); /* 0 or -ENOMEM */
void rules_fini(struct rules *rs);			    /* accepts a zeroed one */

/* Its place, or -ENOENT. */
int rules_find(const struct rules *rs, const char *name);

struct rules_choice {
	const struct rules_one *chosen; /* or NULL; without certainty: as it looks now */
	bool certain;
};

void rules_choose(const struct rules *rs, const struct rule_facts *f, struct rules_choice *out);

/*
 * Which rules were looked at, and why they do not fit: "web: vendor=HPE: it has Dell Inc.; lab:
 * fits". A trace that does not fit says how many are left out. Returns out.
 */
char *rules_trace(const struct rules *rs, const struct rule_facts *f, char *out, size_t size);
/* The same as an array of {"rule", "match", "fit": "yes|no|unknown", "why"}. */
void rules_trace_json(
	const struct rules *rs, const struct rule_facts *f, struct jw *w, const char *key);

#endif
