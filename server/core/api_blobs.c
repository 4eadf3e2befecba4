/*
 * /api/v1/blobs and /api/v1/images/gc: which blobs something names, and the end of the others.
 *
 * Blobs come by the import role; but core removes them, because nobody else can be sure that one is
 * not needed: between its question to the store and the removal nothing is decided. What was needed
 * until a moment ago is kept all the same: a host may be fetching it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "images/blobs.h"
#include "server/core/api.h"
#include "server/log.h"

#define KEEP_S	    3600	/* since a blob came, or was last needed */
#define KEEP_MIN_S  600		/* for who wants it shorter: longer than a boot takes */
#define PART_KEEP_S (24 * 3600) /* since the last bytes of one that has yet to become whole */
#define ROUND_MAX   64		/* removed at once: DHCP waits meanwhile */
#define ROUND_BYTES (512 << 20)

void api_get_blobs(struct call *k)
{
	char *json = NULL;
	int rc = store_json_blobs(k->c->store, &json);

	api_answer_store(k, rc, json, "blobs");
}

struct gc {
	struct core *c;
	int64_t before_s;
	bool dry, more;
	int64_t blobs;
	uint64_t bytes;
};

static int consider(void *arg, const struct digest *d, uint64_t len, int64_t touched_s)
{
	struct gc *g = arg;
	int rc;

	if (touched_s >= g->before_s ||
		core_must(g->c, store_blob_used(g->c->store, d), "blob used"))
		return 0;
	if (!g->dry && (g->blobs == ROUND_MAX || g->bytes > ROUND_BYTES)) {
		g->more = true;
		return 1;
	}
	rc = g->dry ? 0 : blobs_remove(g->c->server->blob_dir, d);
	if (rc)
		return rc;
	g->blobs++;
	g->bytes += len;
	return 0;
}

static int collect(struct gc *g)
{
	const int dir = g->c->server->blob_dir;
	int rc, lock = blobs_lock(dir, false);

	if (lock < 0)
		return lock;
	rc = blobs_each(dir, consider, g);
	if (rc >= 0) {
		rc = blobs_sweep(dir, g->c->wall_ms / 1000 - PART_KEEP_S, g->dry, &g->bytes);
		g->blobs += rc > 0 ? rc : 0;
	}
	close(lock);
	return rc < 0 ? rc : 0;
}

static bool read_wish(struct call *k, struct gc *g)
{
	static const struct api_member known[] = { { "older_s", API_INT }, { NULL, 0 } };
	const int64_t older_s = json_get_int(k->body, "older_s", KEEP_S);

	if (!api_check_body(k, known))
		return false;
	if (older_s < KEEP_MIN_S) {
		answer_problem(k->a, 422, "older", NULL,
			"older_s is %d at least: a host may be fetching what was needed until then",
			KEEP_MIN_S);
		return false;
	}
	*g = (struct gc){
		.c = k->c, .before_s = k->c->wall_ms / 1000 - older_s, .dry = api_is_dry_run(k)
	};
	return true;
}

void api_post_gc(struct call *k)
{
	struct jw w = { 0 };
	struct gc g;
	int rc;

	if (!read_wish(k, &g))
		return;
	core_end_round(k->c); /* what was decided and may yet fail to be written is decided then */
	rc = collect(&g);
	if (rc == -EWOULDBLOCK) {
		k->a->retry_after_s = 1;
		answer_problem(k->a, 503, "busy", NULL, "an import is looking at a blob");
		return;
	}
	if (rc) {
		log_error("gc: %s", strerror(-rc));
		answer_problem(k->a, 500, "disk", NULL, "cannot remove blobs: %s", strerror(-rc));
		return;
	}
	if (g.blobs && !g.dry)
		log_info("blobs removed: blobs=%lld bytes=%llu", (long long)g.blobs,
			(unsigned long long)g.bytes);
	jw_obj(&w, NULL);
	jw_int(&w, "blobs", g.blobs);
	jw_int(&w, "bytes", (int64_t)g.bytes);
	jw_bool(&w, "more", g.more);
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}
