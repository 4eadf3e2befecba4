/* hostlist.c: ranges of host names, expanded and folded. */
#include "server/ctl/hostlist.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "db/stage.h"
#include "server/ctl/text.h"
#include "server/nearest.h"

#define DIGITS_MAX 6	/* of a number in a range */
#define TERM_MAX   1024 /* bytes */
#define GROUPS_MAX 8	/* [...] in one term */
#define FAR_WORD   4	/* edits from which a stage is no longer a slip of the finger */

/* ---- the list ---- */

/* A name cut at its last number: "rack1-n07b" is "rack1-n", "07", "b". */
struct cut {
	int prefix, digits; /* bytes */
	const char *number, *suffix;
};

static struct cut cut_name(const char *name)
{
	const char *end = name + strlen(name), *first;

	while (end > name && (end[-1] < '0' || end[-1] > '9'))
		end--;
	if (end == name)
		end += strlen(name); /* no number: all prefix */
	for (first = end; first > name && first[-1] >= '0' && first[-1] <= '9';)
		first--;
	return (struct cut){ (int)(first - name), (int)(end - first), first, end };
}

/* Numbers by their value, of any length; leading zeros do not count. */
static int compare_numbers(struct cut a, struct cut b)
{
	for (; a.digits > 1 && *a.number == '0'; a.digits--)
		a.number++;
	for (; b.digits > 1 && *b.number == '0'; b.digits--)
		b.number++;
	if (a.digits != b.digits)
		return a.digits - b.digits;
	return strncmp(a.number, b.number, (size_t)a.digits);
}

int hostlist_compare(const char *a, const char *b)
{
	struct cut x = cut_name(a), y = cut_name(b);
	int d = strncasecmp(a, b, (size_t)(x.prefix < y.prefix ? x.prefix : y.prefix));

	if (!d)
		d = x.prefix - y.prefix;
	if (!d)
		d = strcasecmp(x.suffix, y.suffix);
	if (!d)
		d = compare_numbers(x, y);
	return d ? d : strcasecmp(a, b);
}

static const char *sorted(const struct hostlist *l, size_t i)
{
	return l->names[l->order[i]];
}

/* Where in the order the name is, or belongs. Most lists are made in it: the end is tried first. */
static size_t place_of(const struct hostlist *l, const char *name, bool *found)
{
	size_t low = 0, high = l->n;
	int d = l->n ? hostlist_compare(name, sorted(l, l->n - 1)) : 1;

	if (d > 0)
		low = high;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		d = hostlist_compare(name, sorted(l, middle));
		if (d == 0)
			low = high = middle;
		else if (d > 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = d == 0;
	return low;
}

bool hostlist_has(const struct hostlist *l, const char *name)
{
	bool found;

	place_of(l, name, &found);
	return found;
}

static int make_room(struct hostlist *l)
{
	const size_t size = l->size ? 2 * l->size : 32;
	void *names, *order;

	if (l->n < l->size)
		return 0;
	names = reallocarray(l->names, size, sizeof *l->names);
	if (!names)
		return -ENOMEM;
	l->names = names;
	order = reallocarray(l->order, size, sizeof *l->order);
	if (!order)
		return -ENOMEM;
	l->order = order;
	l->size = size;
	return 0;
}

int hostlist_add_name(struct hostlist *l, const char *name)
{
	const size_t len = strlen(name);
	bool found;
	size_t at;

	if (len >= HOSTLIST_NAME_MAX)
		return -EINVAL;
	at = place_of(l, name, &found);
	if (found)
		return 0;
	if (l->n == HOSTLIST_MAX)
		return -E2BIG;
	if (make_room(l) < 0)
		return -ENOMEM;
	memcpy(l->names[l->n], name, len + 1);
	memmove(&l->order[at + 1], &l->order[at], (l->n - at) * sizeof *l->order);
	l->order[at] = l->n++;
	l->begun = true;
	return 0;
}

static int remove_name(struct hostlist *l, const char *name)
{
	bool found;
	const size_t at = place_of(l, name, &found);
	size_t gone;

	if (!found)
		return 0;
	gone = l->order[at];
	l->n--;
	memmove(&l->order[at], &l->order[at + 1], (l->n - at) * sizeof *l->order);
	memmove(l->names[gone], l->names[gone + 1], (l->n - gone) * sizeof *l->names);
	for (size_t i = 0; i < l->n; i++)
		l->order[i] -= l->order[i] > gone;
	return 0;
}

void hostlist_fini(struct hostlist *l)
{
	free(l->names);
	free(l->order);
	*l = (struct hostlist){ 0 };
}

/* ---- expanding ---- */

typedef int name_fn(struct hostlist *l, const char *name);

/* One walk over an expression: where results go, and where the sentence goes. */
struct walk {
	struct hostlist *l;
	name_fn *fn; /* hostlist_add_name or remove_name */
	size_t made; /* names so far, found or not */
	const struct hostlist_known *known;
	size_t n_known;
	char *err;
	size_t err_size;
};

__attribute__((format(printf, 3, 4))) static int wrong(
	const struct walk *w, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->err, w->err_size, fmt, ap);
	va_end(ap);
	return rc;
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

static int take_name(struct walk *w, const char *name)
{
	int rc;

	if (++w->made > HOSTLIST_MAX)
		return wrong(w, -E2BIG, "more than %d hosts are named", HOSTLIST_MAX);
	rc = w->fn(w->l, name);
	if (rc == -E2BIG)
		return wrong(w, rc, "more than %d hosts are named", HOSTLIST_MAX);
	return rc;
}

/* Digits at *p -> number, *width = how many; -EINVAL when there are none or too many. */
static int take_number(const char **p, int *width)
{
	int n = 0;

	for (*width = 0; **p >= '0' && **p <= '9'; ++*p) {
		if (++*width > DIGITS_MAX)
			return -EINVAL;
		n = n * 10 + (**p - '0');
	}
	return *width ? n : -EINVAL;
}

static int expand(struct walk *w, const char *pattern, char *name, size_t len, int groups);

/* Every number of one "FIRST-LAST" or "N" at p, up to the comma or bracket that ends it. */
static int expand_range(
	struct walk *w, const char **p, const char *rest, char *name, size_t len, int groups)
{
	int width, unused, first = take_number(p, &width), last = first;

	if (first >= 0 && **p == '-') {
		++*p;
		last = take_number(p, &unused);
	}
	if (first < 0 || last < 0 || (**p != ',' && **p != ']'))
		return wrong(w, -EINVAL, "a range looks like n[01-40] or n[1,3,5-9], not '%s'", *p);
	if (last < first)
		return wrong(w, -EINVAL, "the range [%d-%d] runs backwards", first, last);
	for (int i = first; i <= last; i++) {
		int n = snprintf(name + len, HOSTLIST_NAME_MAX - len, "%0*d", width, i);
		int rc;

		if ((size_t)n >= HOSTLIST_NAME_MAX - len)
			return wrong(w, -EINVAL, "a name is longer than %d characters",
				HOSTLIST_NAME_MAX - 1);
		rc = expand(w, rest, name, len + (size_t)n, groups);
		if (rc)
			return rc;
	}
	return 0;
}

static int expand_group(struct walk *w, const char *p, char *name, size_t len, int groups)
{
	const char *close = strchr(p, ']');
	int rc;

	if (!close)
		return wrong(w, -EINVAL, "'[%s' has no closing bracket", p);
	if (groups == GROUPS_MAX)
		return wrong(w, -EINVAL, "more than %d [...] in one name", GROUPS_MAX);
	do {
		rc = expand_range(w, &p, close + 1, name, len, groups + 1);
	} while (!rc && *p++ == ',');
	return rc;
}

/* name[0..len) is done; append what pattern stands for and hand each whole name on. */
static int expand(struct walk *w, const char *pattern, char *name, size_t len, int groups)
{
	for (; *pattern && *pattern != '['; pattern++) {
		if (!name_char(*pattern))
			return wrong(w, -EINVAL, "'%c' cannot be in a host's name", *pattern);
		if (len + 1 == HOSTLIST_NAME_MAX)
			return wrong(w, -EINVAL, "a name is longer than %d characters",
				HOSTLIST_NAME_MAX - 1);
		name[len++] = *pattern;
	}
	if (*pattern)
		return expand_group(w, pattern + 1, name, len, groups);
	name[len] = 0;
	return take_name(w, name);
}

static bool is_selector(const char *term)
{
	return *term == '@' || !strcmp(term, "all") || strchr(term, '=');
}

/* The value of its label, or NULL. len: of the label's name. */
static const char *label_of(const struct hostlist_known *k, const char *name, size_t len)
{
	for (size_t i = 0; i < k->n_labels; i++) {
		if (!strncasecmp(k->labels[i].name, name, len) && !k->labels[i].name[len])
			return k->labels[i].value;
	}
	return NULL;
}

/* Does the term select this host? *known: it has what the term asks for, with whatever value. */
static bool selects(const char *term, const struct hostlist_known *k, bool *known)
{
	const size_t len = strcspn(term, "=");
	const char *is, *want = term[len] ? term + len + 1 : NULL;

	*known = true;
	if (!strcmp(term, "all"))
		return true;
	if (*term != '@' && !strncmp(term, "image=", 6))
		is = k->image;
	else if (*term != '@' && !strncmp(term, "stage=", 6))
		is = k->stage;
	else
		*known = (is = label_of(k, term + (*term == '@'), len - (*term == '@'))) != NULL;
	return is && (!want || !strcasecmp(is, want));
}

/* A stage that there is none of would select nobody for ever. */
static int check_stage(const struct walk *w, const char *term)
{
	const char *best = NULL, *word = term + strlen("stage=");
	unsigned distance = FAR_WORD;
	enum boot_stage stage;

	if (strncmp(term, "stage=", 6) || !boot_stage_parse(word, &stage))
		return 0;
	for (int i = 0; i < STAGES; i++) {
		if (!strcasecmp(word, boot_stage_name((enum boot_stage)i)))
			return 0;
		nearest_try(word, boot_stage_name((enum boot_stage)i), &best, &distance);
	}
	return wrong(w, -EINVAL, "there is no stage '%s'%s%s", word, best ? "; is it " : "",
		best ? best : "; a label of that name is @stage=...");
}

static int select_known(struct walk *w, const char *term)
{
	bool any = !w->n_known, known;
	int bad = check_stage(w, term);

	if (bad)
		return bad;
	for (size_t i = 0; i < w->n_known; i++) {
		bool fits = selects(term, &w->known[i], &known);
		int rc = fits ? take_name(w, w->known[i].name) : 0;

		any |= known;
		if (rc)
			return rc;
	}
	if (any)
		return 0;
	return wrong(w, -EINVAL,
		"no host has the label '%.*s'; image=... and stage=... select, too",
		(int)strcspn(term + (*term == '@'), "="), term + (*term == '@'));
}

/*
 * Copy the next term, up to a comma outside brackets. Returns 1; 0 at the end; -EINVAL when it is
 * empty or longer than TERM_MAX.
 */
static int next_term(const char **p, char term[TERM_MAX])
{
	size_t n = 0;
	bool inside = false;

	if (!*p)
		return 0;
	for (; **p && (inside || **p != ','); ++*p) {
		inside = **p == '[' || (inside && **p != ']');
		if (n + 1 == TERM_MAX)
			return -EINVAL;
		term[n++] = **p;
	}
	term[n] = 0;
	*p = **p ? *p + 1 : NULL;
	return n ? 1 : -EINVAL;
}

bool hostlist_needs_known(const char *expr)
{
	char term[TERM_MAX];

	while (next_term(&expr, term) > 0) {
		if (is_selector(term + (*term == '-')))
			return true;
	}
	return false;
}

static int add_term(struct walk *w, const char *term)
{
	char name[HOSTLIST_NAME_MAX];

	const bool out = *term == '-';

	w->fn = out ? remove_name : hostlist_add_name;
	term += out;
	if (!*term)
		return wrong(w, -EINVAL, "a term of the host list is empty");
	if (out && !w->l->begun)
		return wrong(w, -EINVAL,
			"-%s stands before what it is to be taken out of: n[01-40],-n07", term);
	w->l->begun = true;
	return is_selector(term) ? select_known(w, term) : expand(w, term, name, 0, 0);
}

int hostlist_add(struct hostlist *l, const char *expr, const struct hostlist_known *known,
	size_t n_known, char *err, size_t err_size)
{
	struct walk w = {
		.l = l, .known = known, .n_known = n_known, .err = err, .err_size = err_size
	};
	char term[TERM_MAX];
	int rc;

	while ((rc = next_term(&expr, term)) > 0) {
		rc = add_term(&w, term);
		if (rc)
			return rc;
	}
	return rc < 0 ? wrong(&w, rc, "a term of the host list is empty or too long") : 0;
}

/* ---- folding ---- */

/* Is b what follows a in one range: the same name with the next number, written the same way? */
static bool follows(const char *a, const char *b, int width)
{
	struct cut x = cut_name(a), y = cut_name(b);
	char next[DIGITS_MAX + 2];
	int n;

	if (x.prefix != y.prefix || strncmp(a, b, (size_t)x.prefix) || strcmp(x.suffix, y.suffix) ||
		!x.digits || x.digits > DIGITS_MAX)
		return false;
	n = snprintf(next, sizeof next, "%0*d", width, atoi(x.number) + 1);
	return n == y.digits && n <= DIGITS_MAX && !strncmp(next, y.number, (size_t)n);
}

static bool same_family(const char *a, const char *b)
{
	struct cut x = cut_name(a), y = cut_name(b);

	return x.prefix == y.prefix && !strncmp(a, b, (size_t)x.prefix) && x.digits && y.digits &&
	       x.digits <= DIGITS_MAX && y.digits <= DIGITS_MAX && !strcmp(x.suffix, y.suffix);
}

/* Names [i, n) that differ in their number only. Returns where the next family begins. */
static size_t fold_family(const struct hostlist *l, size_t i, struct text *t)
{
	struct cut c = cut_name(sorted(l, i));
	size_t first = i;

	text_put(t, "%.*s[", c.prefix, sorted(l, i));
	do {
		struct cut from = cut_name(sorted(l, i)), to;
		const char *comma = i == first ? "" : ",";

		while (i + 1 < l->n && follows(sorted(l, i), sorted(l, i + 1), from.digits))
			i++;
		to = cut_name(sorted(l, i));
		text_put(t, "%s%.*s", comma, from.digits, from.number);
		if (to.number != from.number)
			text_put(t, "-%.*s", to.digits, to.number);
		i++;
	} while (i < l->n && same_family(sorted(l, first), sorted(l, i)));
	text_put(t, "]%s", c.suffix);
	return i;
}

/* When it was too much for `out`: cut at a comma and say how many there are. */
static void shorten(struct text *t, size_t n_hosts)
{
	char tail[40];
	int n = snprintf(tail, sizeof tail, ",... (%zu hosts)", n_hosts);

	if ((size_t)n >= t->size)
		return;
	t->len = t->size - 1 - (size_t)n;
	while (t->len && t->out[t->len] != ',')
		t->len--;
	text_put(t, "%s", t->len ? tail : tail + 1);
}

char *hostlist_fold(const struct hostlist *l, char *out, size_t size)
{
	struct text t = { out, 0, size, false };

	*out = 0;
	for (size_t i = 0; i < l->n;) {
		if (i)
			text_put(&t, ",");
		if (i + 1 < l->n && same_family(sorted(l, i), sorted(l, i + 1)))
			i = fold_family(l, i, &t);
		else
			text_put(&t, "%s", sorted(l, i++));
	}
	if (t.cut)
		shorten(&t, l->n);
	return out;
}
