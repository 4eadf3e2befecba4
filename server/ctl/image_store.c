/*
 * image_store.c: the server's blobs as they lie on its disk: `muster image gc` removes those that
 * nothing names, `muster image verify --all` has every one read through that something does.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/ctl/client.h"
#include "server/ctl/format.h"
#include "server/ctl/image_store.h"
#include "server/ctl/progress.h"
#include "server/ctl/upload.h"
#include "server/ctl/verbs.h"

/* ---- gc ---- */

struct gc {
	int64_t older_s; /* 0: as the server does it */
	bool dry;
	int64_t blobs, bytes;
};

/* One round. *more: there is another one to be done. */
static int collect(struct ctl *c, struct gc *g, bool *more)
{
	char body[64] = "{}";
	struct answer a;
	int rc;

	if (g->older_s)
		snprintf(body, sizeof body, "{\"older_s\":%" PRId64 "}", g->older_s);
	rc = client_call(
		c, "POST", g->dry ? "/api/v1/images/gc?dry_run=1" : "/api/v1/images/gc", body, &a);
	if (rc)
		return rc;
	g->blobs += json_get_int(a.doc, "blobs", 0);
	g->bytes += json_get_int(a.doc, "bytes", 0);
	*more = json_bool(json_get(a.doc, "more"), false);
	answer_fini(&a);
	return CTL_OK;
}

static void print_collected(const struct ctl *c, const struct gc *g)
{
	char size[FORMAT_MAX];

	if (c->format == CTL_JSON)
		printf("{\"blobs\":%" PRId64 ",\"bytes\":%" PRId64 ",\"dry_run\":%s}\n", g->blobs,
			g->bytes, g->dry ? "true" : "false");
	else if (c->format == CTL_NAME)
		printf("%" PRId64 "\n", g->blobs);
	else
		printf("%s %" PRId64 " blobs, %s\n", g->dry ? "would remove" : "removed", g->blobs,
			format_bytes((uint64_t)g->bytes, size));
}

static int take_gc_options(const struct ctl *c, int argc, char **argv, struct gc *g)
{
	static const struct option options[] = { { "dry-run", no_argument, NULL, 'n' },
		{ "older", required_argument, NULL, 'o' }, { 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'o') {
			g->older_s = format_parse_duration(optarg) / 1000;
			if (g->older_s <= 0)
				return ctl_usage(c, "--older %s is no time (90m, 12h)", optarg);
		} else if (opt == 'n') {
			g->dry = true;
		} else {
			return ctl_usage(c, NULL);
		}
	}
	return optind == argc ? CTL_OK : ctl_usage(c, "it takes no arguments");
}

int verb_image_gc(struct ctl *c, int argc, char **argv)
{
	struct gc g = { 0 };
	bool more = true;
	int rc = take_gc_options(c, argc, argv, &g);

	while (!rc && more)
		rc = collect(c, &g, &more);
	if (!rc)
		print_collected(c, &g);
	return rc;
}

/* ---- verify --all ---- */

struct verifying {
	struct ctl *c;
	struct progress progress;
	int64_t checked, bad, bytes;
};

static int tell(struct verifying *v, const struct json *blob, const char *state)
{
	const struct json *names = json_get(blob, "names");
	char name[256];

	if (!strcmp(state, "whole"))
		return CTL_OK;
	v->bad++;
	for (size_t i = 0; i < json_len(names); i++) {
		snprintf(name, sizeof name, "%s", json_str(json_at(names, i), "?"));
		ctl_fail(CTL_FAILED, "%s: %s: blob %.12s", format_clean(name),
			!strcmp(state, "part") ? "missing" : state,
			json_get_str(blob, "digest", "?"));
	}
	return CTL_OK;
}

static int verify_blob(struct verifying *v, const struct json *blob)
{
	struct digest d;
	struct answer a;
	int64_t bytes;
	int rc;

	if (digest_parse(json_get_str(blob, "digest", ""), &d) < 0)
		return ctl_fail(CTL_FAILED, "the server's list of blobs is malformed");
	rc = upload_check(v->c, &d, &a);
	if (rc)
		return rc;
	bytes = json_get_int(a.doc, "bytes", 0);
	v->checked++;
	v->bytes += bytes;
	progress_add(&v->progress, (uint64_t)bytes, true);
	rc = tell(v, blob, json_get_str(a.doc, "state", "?"));
	answer_fini(&a);
	return rc;
}

static uint64_t sum(const struct json *blobs)
{
	int64_t n = 0;

	for (size_t i = 0; i < json_len(blobs); i++)
		n += json_get_int(json_at(blobs, i), "bytes", 0);
	return (uint64_t)n;
}

static int print_verified(const struct verifying *v)
{
	char size[FORMAT_MAX];

	if (v->c->format == CTL_JSON)
		printf("{\"blobs\":%" PRId64 ",\"bytes\":%" PRId64 ",\"bad\":%" PRId64 "}\n",
			v->checked, v->bytes, v->bad);
	else if (v->c->format == CTL_NAME)
		printf("%" PRId64 "\n", v->bad);
	else if (!v->bad)
		printf("good: %" PRId64 " blobs, %s\n", v->checked,
			format_bytes((uint64_t)v->bytes, size));
	if (v->bad)
		ctl_hint("what is damaged was taken out of service: muster image import DIR");
	return v->bad ? CTL_FAILED : CTL_OK;
}

int image_store_verify(struct ctl *c)
{
	struct verifying v = { .c = c };
	const struct json *blobs;
	struct answer a;
	int rc = client_get(c, "/api/v1/blobs", &a);

	if (rc)
		return rc;
	blobs = json_get(a.doc, "blobs");
	progress_begin(&v.progress, "verifying", sum(blobs), false);
	for (size_t i = 0; !rc && i < json_len(blobs); i++)
		rc = verify_blob(&v, json_at(blobs, i));
	progress_end(&v.progress);
	answer_fini(&a);
	return rc ? rc : print_verified(&v);
}
