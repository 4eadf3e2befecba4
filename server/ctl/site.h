/*
 * site.h: the site as one document for a git repository (docs/site.md): what people have set: hosts
 * and profiles by name, rules in their order; no secrets, nothing that was learned. Pure, but for
 * memory.
 */
#ifndef MUSTER_SERVER_CTL_SITE_H
#define MUSTER_SERVER_CTL_SITE_H

#include <stdbool.h>
#include <stddef.h>

#include "images/json.h"

/* What there is, as the server's GET has it. */
struct site_is {
	const struct json *const *hosts;
	size_t n_hosts;
	const struct json *rules, *profiles;
};

/* Make the document of it. all: strangers, too. */
void site_export(const struct site_is *is, bool all, struct jw *w);

/* Readable JSON, a member a line; lists of plain values in one. */
void site_print(const struct json *doc, struct jw *out);

enum site_what { SITE_ADD, SITE_CHANGE, SITE_REMOVE };

struct site_row {
	enum site_what what;
	char object[80]; /* "host n07", "rule web" */
	char *key, *old, *new;
};

/* What is to be done so that the server is as the document says. */
struct site_plan {
	size_t n, n_calls, room, calls_room;
	struct site_row *rows;
	char **calls; /* of POST /api/v1/batch, as JSON */
	size_t removed;
	bool no_memory;
};

/*
 * What the document does not say of a host or of the site stays as it is; with `prune` hosts and
 * profiles that it does not have are removed. Returns 0, or -EINVAL with one sentence, with the
 * place, in err.
 */
int site_compare(const struct json *doc, const struct site_is *is, bool prune,
	struct site_plan *out, char *err, size_t err_size);
void site_fini(struct site_plan *p);

#endif
