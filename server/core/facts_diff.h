/*
 * facts_diff.h: what of a machine has changed between two reports of its agent, in words. Pure.
 */
#ifndef MUSTER_SERVER_CORE_FACTS_DIFF_H
#define MUSTER_SERVER_CORE_FACTS_DIFF_H

#include <stddef.h>

#include "images/json.h"

#define FACTS_DIFF_MAX	    32	/* changes that are told */
#define FACTS_DIFF_TEXT_MAX 160 /* bytes of one, NUL included */

struct facts_diff {
	size_t n;
	size_t left_out; /* there were more */
	char of[FACTS_DIFF_MAX][FACTS_DIFF_TEXT_MAX];
};

/*
 * "DIMM gone: P1 DIMM 3, 32 GiB", "firmware changed: U46 2.62 -> U46 2.72". What comes and goes by
 * itself (links, names of interfaces, free memory) is no change; nor is what only one of the two
 * agents knew how to tell.
 */
void facts_diff(const struct json *old, const struct json *new, struct facts_diff *out);

/* All of them in one line: "A; B; and 3 more". Returns out. */
char *facts_diff_line(const struct facts_diff *d, char *out, size_t size);

#endif
