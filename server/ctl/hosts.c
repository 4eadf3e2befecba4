/* hosts.c: from NAMES on the command line to hosts of the server. */
#include "server/ctl/hosts.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/bytes.h"
#include "server/ctl/text.h"

#define ONE_BY_ONE 4 /* up to so many hosts are asked for singly, more by the whole list */

const char *hosts_name(const struct json *host)
{
	return json_get_str(host, "name", "");
}

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

int hosts_resolve(struct ctl *c, int argc, char **argv, struct hostlist *out)
{
	struct hosts h = { 0 };
	struct hostlist_known *known = NULL;
	bool ask = false;
	int rc = CTL_OK;

	for (int i = 0; i < argc; i++)
		ask = ask || hostlist_needs_known(argv[i]);
	if (ask) {
		rc = hosts_fetch(c, NULL, &h);
		known = room(h.n, sizeof *known);
	}
	for (size_t i = 0; i < h.n; i++)
		known[i] = (struct hostlist_known){ hosts_name(h.nodes[i]),
			json_get_str(h.nodes[i], "image", NULL),
			json_get_str(h.nodes[i], "stage", NULL) };
	if (!rc)
		rc = add_words(argc, argv, known, h.n, out);
	free(known);
	hosts_fini(&h);
	return rc;
}

/* ---- names -> hosts ---- */

static int compare_nodes(const void *a, const void *b)
{
	const struct json *const *x = a, *const *y = b;

	return hostlist_compare(hosts_name(*x), hosts_name(*y));
}

static int fetch_list(struct ctl *c, const struct hostlist *names, struct hosts *out)
{
	const struct json *all;
	int rc;

	out->answers = room(1, sizeof *out->answers);
	rc = client_get(c, "/api/v1/hosts", &out->answers[0]);
	if (rc)
		return rc;
	out->n_answers = 1;
	all = json_get(out->answers[0].doc, "hosts");
	out->nodes = room(json_len(all), sizeof(struct json *));
	for (size_t i = 0; i < json_len(all); i++) {
		const struct json *node = json_at(all, i);

		if (!names || hostlist_has(names, hosts_name(node)))
			out->nodes[out->n++] = node;
	}
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

int hosts_fetch(struct ctl *c, const struct hostlist *names, struct hosts *out)
{
	int rc;

	*out = (struct hosts){ 0 };
	if (names && names->n <= ONE_BY_ONE)
		rc = fetch_each(c, names, out);
	else
		rc = fetch_list(c, names, out);
	if (rc)
		hosts_fini(out);
	else
		qsort(out->nodes, out->n, sizeof(struct json *), compare_nodes);
	return rc;
}

const struct json *hosts_find(const struct hosts *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++) {
		if (!strcasecmp(hosts_name(h->nodes[i]), name))
			return h->nodes[i];
	}
	return NULL;
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

void hosts_fini(struct hosts *h)
{
	for (size_t i = 0; i < h->n_answers; i++)
		answer_fini(&h->answers[i]);
	free(h->answers);
	free(h->nodes);
	*h = (struct hosts){ 0 };
}
