/*
 * hostlist.h: "rack[1-2]-n[01-40],spare,-rack1-n07" <-> names of hosts. Pure but for the list's
 * own memory.
 *
 * An expression is a list of terms with commas between them, read from the left:
 *   NAME            a name; each [...] in it stands for numbers and ranges: n[1-3,7] n[08-10]
 *   all             every known host
 *   image=X stage=X every known host whose newest state says so; X is a stage of a boot (stage.h)
 *   @LABEL          every known host with that label
 *   @LABEL=X        or LABEL=X: with that value of it
 *   -TERM           takes what the term names out of what stands before it: it is no first term
 * A range's first number says how many digits are written: n[08-10] is n08 n09 n10. Upper and
 * lower case are the same name.
 */
#ifndef MUSTER_SERVER_CTL_HOSTLIST_H
#define MUSTER_SERVER_CTL_HOSTLIST_H

#include <stdbool.h>
#include <stddef.h>

#define HOSTLIST_MAX	  20000 /* names in one list */
#define HOSTLIST_NAME_MAX 64	/* bytes of a name, NUL included; letters, digits and . _ - */

/* Each name once, as they were named. */
struct hostlist {
	char (*names)[HOSTLIST_NAME_MAX];
	size_t *order; /* of names, by hostlist_compare() */
	size_t n, size;
	bool begun; /* something was named, whether or not there was a host of it */
};

struct hostlist_label {
	const char *name, *value;
};

/* What the selectors look at. */
struct hostlist_known {
	const char *name, *image, *stage; /* image: NULL when none is assigned */
	const struct hostlist_label *labels;
	size_t n_labels;
};

/* 1 when the expression has a selector, so that the known hosts must be given. */
bool hostlist_needs_known(const char *expr);

/*
 * Add what the expression names, each name once. Returns 0; -EINVAL with one sentence in err;
 * -E2BIG beyond HOSTLIST_MAX, with one too; -ENOMEM. The list may have grown also on failure.
 */
int hostlist_add(struct hostlist *l, const char *expr, const struct hostlist_known *known,
	size_t n_known, char *err, size_t err_size);

/* The same for one name, taken as it is. */
int hostlist_add_name(struct hostlist *l, const char *name);

bool hostlist_has(const struct hostlist *l, const char *name);
int hostlist_compare(const char *a, const char *b); /* n2 before n10; upper case is lower case */

/*
 * Write the folded list, at most size bytes with its NUL. A list that does not fit ends in
 * ",... (N hosts)". Returns out.
 */
char *hostlist_fold(const struct hostlist *l, char *out, size_t size);

void hostlist_fini(struct hostlist *l);

#endif
