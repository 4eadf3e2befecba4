/*
 * /api/v1/roots and /api/v1/channels: who may sign, and which manifest of an image is current.
 */
#include <errno.h>
#include <string.h>

#include "server/core/trust.h"
#include "server/core/versions.h"
#include "server/log.h"

void api_get_roots(struct call *k)
{
	char *json = NULL;
	int rc = store_json_roots(k->c->store, &json);

	api_answer_store(k, rc, json, "roots");
}

void api_get_channels(struct call *k)
{
	char *json = NULL;
	int rc = store_json_channels(k->c->store, &json);

	api_answer_store(k, rc, json, "channels");
}

/* ---- roots ---- */

/* The last root once more, with further signatures perhaps. */
static bool is_last(struct call *k, const struct signed_text *t)
{
	struct store_root last;
	struct digest d;
	int rc = store_root_last(k->c->store, &last);

	if (rc == -ENOENT)
		return false;
	core_must(k->c, rc, "root");
	core_must(k->c, digest_bytes(t->text, t->len, &d), "digest");
	return digest_equal(&d, &last.digest);
}

/*
 * The root after the one that is here, or the first one: after bare keys it is root 1, signed by
 * one of them, so that hosts which carry those keys find their way. 1, or 0 with the answer made.
 */
static int judge_root(struct call *k, const struct signed_text *t, const struct root_walk *before,
	bool any, struct root_walk *out)
{
	char err[JUDGE_ERR_MAX];
	enum verdict v;

	*out = *before;
	v = any && !is_last(k, t) ? judge_root_next(out, t, err) : judge_root_first(t, out, err);
	if (v)
		trust_refuse(k, v, err);
	return !v;
}

/* Keys of both roots: hosts ask for signatures of both. */
static size_t both_keys(
	const struct root *a, const struct root *b, struct minisig_public out[2 * ROOT_KEYS_MAX])
{
	memcpy(out, a->keys, a->n_keys * sizeof *out);
	memcpy(out + a->n_keys, b->keys, b->n_keys * sizeof *out);
	return a->n_keys + b->n_keys;
}

void api_post_root(struct call *k)
{
	static const struct api_member known[] = { { "root", API_TEXT },
		{ "signatures", API_TEXTS }, { "reason", API_TEXT | API_NULL }, { NULL, 0 } };
	struct minisig_public keys[2 * ROOT_KEYS_MAX];
	struct store_sig sigs[QUORUM_SIGS_MAX];
	struct root_walk before = { 0 }, after;
	struct store_root r = { 0 };
	struct signed_text t;
	int n, any;

	if (!api_check_body(k, known) || !trust_read(k, "root", &t))
		return;
	any = trust_root_if_any(k, &before);
	if (any < 0 || !judge_root(k, &t, &before, any, &after))
		return;
	n = trust_stored(k, &t, keys, both_keys(&before.root, &after.root, keys), &r.digest, sigs);
	if (n < 0)
		return;
	r.version = after.root.version;
	r.expires_s = after.root.expires_s;
	core_write(k->c);
	core_must(k->c, store_root_put(k->c->store, &r, sigs, (size_t)n, k->c->wall_ms), "root");
	log_info("root imported: version=%llu threshold=%zu", (unsigned long long)r.version,
		after.root.threshold);
	api_get_roots(k);
	k->a->status = 201;
}

/* ---- channels ---- */

/*
 * A file that is older than the one that is here, `old`, was left lying about. 1, or 0 with the
 * answer made.
 */
static int is_newer(struct call *k, const struct channel *ch, const struct channel *old)
{
	if (!channel_is_older(ch, old))
		return 1;
	answer_problem(k->a, 409, "older", "muster image channel FILE --image DIR --rollback",
		"channel %s of %s, release %llu, is older than the one that is here, release %llu",
		ch->name, ch->image, (unsigned long long)ch->release,
		(unsigned long long)old->release);
	return 0;
}

/* The channel of that image and name that is here. */
static bool find_old(struct call *k, const struct channel *ch, struct store_channel *out)
{
	int rc = store_channel_get(k->c->store, ch->image, ch->name, out);

	if (rc != -ENOENT)
		core_must(k->c, rc, "channel");
	return rc == 0;
}

static int judge_channel_now(
	struct call *k, const struct root *root, const struct signed_text *t, struct channel *out)
{
	const uint64_t now = (uint64_t)k->c->wall_ms / 1000;
	const struct judge_clock clock = { .rtc_s = now, .ticket_s = now };
	char err[JUDGE_ERR_MAX];
	bool site_fresh;
	uint64_t now_s;
	enum verdict v = judge_channel(root, t, out, err);

	if (!v)
		v = judge_fresh(root, out, &clock, &now_s, &site_fresh, err);
	if (v)
		trust_refuse(k, v, err);
	return !v;
}

void api_post_channel(struct call *k)
{
	static const struct api_member known[] = { { "channel", API_TEXT },
		{ "signatures", API_TEXTS }, { "hold", API_BOOL },
		{ "reason", API_TEXT | API_NULL }, { NULL, 0 } };
	struct store_sig sigs[QUORUM_SIGS_MAX];
	struct store_channel c = { 0 }, old;
	struct root_walk w;
	struct signed_text t;
	const bool hold = json_bool(json_get(k->body, "hold"), false);
	bool any;
	int n;

	if (!api_check_body(k, known) || !trust_read(k, "channel", &t) || trust_root(k, &w) != 1 ||
		!judge_channel_now(k, &w.root, &t, &c.ch))
		return;
	any = find_old(k, &c.ch, &old);
	if ((any && !is_newer(k, &c.ch, &old.ch)) || (hold && !versions_may_hold(k, &c.ch)))
		return;
	n = trust_stored(k, &t, w.root.keys, w.root.n_keys, &c.digest, sigs);
	if (n < 0)
		return;
	core_write(k->c);
	versions_channel(k, any ? &old : NULL, &c, sigs, (size_t)n, hold);
	api_get_channels(k);
	k->a->status = 201;
}
