/* hosts.c: from NAMES on the command line to hosts of the server. */
#include "server/ctl/hosts.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"
#include "server/ctl/format.h"
#include "server/ctl/image_ref.h"
#include "server/ctl/text.h"
#include "server/loop.h"

#define WHERE_MAX  1600 /* bytes of a path with a match in it: the server takes 2047 */
#define ONE_BY_ONE 4	/* up to so many hosts are asked for singly, more by the whole list */

static void *room(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		errx(CTL_FAILED, "out of memory");
	return p;
}

/* ---- words -> names ---- */

static int add_words(int argc, char **argv, const struct hostlist_known *known, size_t n_known,
	struct hostlist *out)
{
	char why[256];

	for (int i = 0; i < argc; i++) {
		int rc = hostlist_add(out, argv[i], known, n_known, why, sizeof why);

		if (rc == -ENOMEM)
			errx(CTL_FAILED, "out of memory");
		if (rc)
			return ctl_fail(CTL_USAGE, "%s: %s", argv[i], why);
	}
	return CTL_OK;
}

/* The labels of the hosts, one after another; known[i] borrows its own. free() them. */
static struct hostlist_label *know_labels(const struct hosts *h, struct hostlist_known *known)
{
	struct hostlist_label *labels;
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += json_len(json_get(h->nodes[i], "labels"));
	labels = room(n, sizeof *labels);
	n = 0;
	for (size_t i = 0; i < h->n; i++) {
		const struct json *own = json_get(h->nodes[i], "labels");

		known[i].labels = &labels[n];
		known[i].n_labels = json_len(own);
		for (size_t m = 0; m < json_len(own); m++, n++)
			labels[n].value = json_str(json_member(own, m, &labels[n].name), "");
	}
	return labels;
}

int hosts_resolve(struct ctl *c, int argc, char **argv, struct hostlist *out)
{
	struct hosts h = { 0 };
	struct hostlist_known *known = NULL;
	struct hostlist_label *labels;
	bool ask = false;
	int rc = CTL_OK;

	for (int i = 0; i < argc; i++)
		ask = ask || hostlist_needs_known(argv[i]);
	if (ask)
		rc = hosts_fetch(c, NULL, &h);
	known = room(h.n, sizeof *known);
	for (size_t i = 0; i < h.n; i++)
		known[i] = (struct hostlist_known){ .name = hosts_name(h.nodes[i]),
			.image = json_get_str(h.nodes[i], "image", NULL),
			.stage = json_get_str(h.nodes[i], "stage", NULL) };
	labels = know_labels(&h, known);
	if (!rc)
		rc = add_words(argc, argv, known, h.n, out);
	free(labels);
	free(known);
	hosts_fini(&h);
	return rc;
}

static bool is_code(const char *word)
{
	return strlen(word) == 6 && strspn(word, "0123456789") == 6;
}

static const char *name_of_code(const struct hosts *h, const char *code)
{
	for (size_t i = 0; i < h->n; i++) {
		if (!json_bool(json_get(h->nodes[i], "admitted"), false) &&
			!strcmp(json_get_str(h->nodes[i], "code", ""), code))
			return hosts_name(h->nodes[i]);
	}
	return NULL;
}

/* The name of the host with that code, unless a host has the code for a name. */
static int add_code(struct ctl *c, char *word, struct hostlist *out)
{
	struct hosts h;
	const char *name;
	int rc = hosts_fetch(c, NULL, &h);

	if (rc)
		return rc;
	name = hosts_find(&h, word) ? word : name_of_code(&h, word);
	if (!name)
		rc = ctl_fail(CTL_NOT_FOUND, "no host waits with the code %s", word);
	else if (!hostlist_has(out, name) && hostlist_add_name(out, name) < 0)
		rc = ctl_fail(CTL_FAILED, "out of memory");
	hosts_fini(&h);
	return rc;
}

int hosts_resolve_codes(struct ctl *c, int argc, char **argv, struct hostlist *out)
{
	int rc = CTL_OK;

	for (int i = 0; i < argc && !rc; i++)
		rc = is_code(argv[i]) ? add_code(c, argv[i], out)
				      : hosts_resolve(c, 1, &argv[i], out);
	return rc;
}

/* ---- names -> hosts ---- */

struct named {
	const char *name;
	const struct json *node;
};

static int compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return hostlist_compare(x->name, y->name);
}

static void sort_nodes(struct hosts *h)
{
	struct named *all = room(h->n, sizeof *all);

	for (size_t i = 0; i < h->n; i++)
		all[i] = (struct named){ hosts_name(h->nodes[i]), h->nodes[i] };
	qsort(all, h->n, sizeof *all, compare_named);
	for (size_t i = 0; i < h->n; i++)
		h->nodes[i] = all[i].node;
	free(all);
}

static void *more_room(void *p, size_t n, size_t size)
{
	p = realloc(p, n * size);
	if (!p)
		err(CTL_FAILED, "hosts");
	return p;
}

/* The hosts of one answer, of those that are wanted. */
static void add_nodes(const struct json *all, const struct hostlist *names, struct hosts *out)
{
	out->nodes = more_room(out->nodes, out->n + json_len(all) + 1, sizeof(struct json *));
	for (size_t i = 0; i < json_len(all); i++) {
		const struct json *node = json_at(all, i);

		if (!names || hostlist_has(names, hosts_name(node)))
			out->nodes[out->n++] = node;
	}
}

/* Page by page, as long as the server says that there is a next one. */
static int fetch_list(
	struct ctl *c, const char *path, const struct hostlist *names, struct hosts *out)
{
	const struct json *next = NULL;
	char page[WHERE_MAX + 48];

	do {
		struct answer *a;
		int rc;

		out->answers = more_room(out->answers, out->n_answers + 1, sizeof *a);
		a = &out->answers[out->n_answers];
		snprintf(page, sizeof page, "%s", path);
		if (next)
			snprintf(page, sizeof page, "%s%cafter=%" PRId64, path,
				strchr(path, '?') ? '&' : '?', json_int(next, 0));
		rc = client_get(c, page, a);
		if (rc)
			return rc;
		out->n_answers++;
		add_nodes(json_get(a->doc, "hosts"), names, out);
		next = json_get(a->doc, "next");
	} while (json_is_int(next));
	return CTL_OK;
}

static int fetch_each(struct ctl *c, const struct hostlist *names, struct hosts *out)
{
	out->answers = room(names->n, sizeof *out->answers);
	out->nodes = room(names->n, sizeof(struct json *));
	for (size_t i = 0; i < names->n; i++) {
		struct answer *a = &out->answers[out->n_answers];
		char path[128];
		int rc;

		snprintf(path, sizeof path, "/api/v1/hosts/%s", names->names[i]);
		rc = client_ask(c, "GET", path, NULL, a);
		if (rc)
			return rc;
		out->n_answers++;
		if (a->status / 100 == 2)
			out->nodes[out->n++] = a->doc;
		else if (a->status != 404)
			return client_problem(a);
	}
	return CTL_OK;
}

static int fetched(int rc, struct hosts *out)
{
	if (rc)
		hosts_fini(out);
	else
		sort_nodes(out);
	return rc;
}

static int fetch(struct ctl *c, const char *list, const struct hostlist *names, struct hosts *out)
{
	*out = (struct hosts){ 0 };
	if (names && names->n <= ONE_BY_ONE)
		return fetched(fetch_each(c, names, out), out);
	return fetched(fetch_list(c, list, names, out), out);
}

int hosts_fetch(struct ctl *c, const struct hostlist *names, struct hosts *out)
{
	return fetch(c, "/api/v1/hosts", names, out);
}

int hosts_brief(struct ctl *c, const struct hostlist *names, struct hosts *out)
{
	return fetch(c, "/api/v1/hosts?brief=1", names, out);
}

int hosts_where(struct ctl *c, const char *match, const struct hostlist *names, struct hosts *out)
{
	char path[WHERE_MAX] = "/api/v1/hosts?where=";
	const size_t n = strlen(path);

	*out = (struct hosts){ 0 };
	if (3 * strlen(match) >= sizeof path - n)
		return ctl_fail(CTL_USAGE, "a match is shorter");
	/* an empty one would be none */
	image_ref_escape(*match ? match : " ", path + n, sizeof path - n);
	return fetched(fetch_list(c, path, names, out), out);
}

static int compare_name(const void *name, const void *node)
{
	return hostlist_compare(name, hosts_name(*(const struct json *const *)node));
}

const struct json *hosts_find(const struct hosts *h, const char *name)
{
	const struct json *const *at =
		bsearch(name, h->nodes, h->n, sizeof *h->nodes, compare_name);

	return at ? *at : NULL;
}

const char *hosts_place(const struct json *place, char *out, size_t size)
{
	static const char *const keys[] = { "relay", "circuit", "remote" };
	struct text t = { .out = out, .size = size };

	*out = 0;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *value = json_get_str(place, keys[i], NULL);

		if (value)
			text_put(&t, "%s%s %s", t.len ? ", " : "", keys[i], value);
	}
	return out;
}

const char *hosts_neighbours(const struct json *neighbours, char *out, size_t size)
{
	struct text t = { .out = out, .size = size };

	*out = 0;
	for (size_t i = 0; i < json_len(neighbours); i++) {
		const struct json *n = json_at(neighbours, i);

		text_put(&t, "%s%s %s", i ? ", " : "",
			json_get_str(n, "system", json_get_str(n, "chassis", "?")),
			json_get_str(n, "port", "?"));
	}
	return out;
}

const char *hosts_reboot(const struct json *reboot, char *out, size_t size)
{
	struct text t = { .out = out, .size = size };
	const char *state = json_get_str(reboot, "state", ""), *why;
	char ago[FORMAT_MAX];

	*out = 0;
	if (!*state)
		return out;
	text_put(&t, "asked %s ago by %s",
		format_age((int64_t)now_wall_ms() - json_get_int(reboot, "asked", 0), ago),
		json_get_str(reboot, "by", "?"));
	why = json_get_str(reboot, "reason", NULL);
	if (why)
		text_put(&t, ": %s", why);
	if (!strcmp(state, "taken"))
		text_put(&t, "; it goes down");
	else if (!strcmp(state, "refused"))
		text_put(&t, "; it does not obey: %s", json_get_str(reboot, "refused", "?"));
	else if (!strcmp(state, "over"))
		text_put(
			&t, "; over since boot %" PRId64 " ended", json_get_int(reboot, "boot", 0));
	return out;
}

void hosts_fini(struct hosts *h)
{
	for (size_t i = 0; i < h->n_answers; i++)
		answer_fini(&h->answers[i]);
	free(h->answers);
	free(h->nodes);
	*h = (struct hosts){ 0 };
}
