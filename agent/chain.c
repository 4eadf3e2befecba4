#include "agent/chain.h"

#include <errno.h>
#include <string.h>

#include "agent/download.h"

/* A file with its signatures, as they came. */
struct received {
	struct fetch_answer text, sigs[QUORUM_SIGS_MAX];
	struct signed_text t; /* borrows the above */
};

static void received_fini(struct received *r)
{
	fetch_answer_fini(&r->text);
	for (size_t i = 0; i < QUORUM_SIGS_MAX; i++)
		fetch_answer_fini(&r->sigs[i]);
	*r = (struct received){ 0 };
}

/* The two digests into a fault that is set. */
static void add_digests(
	struct fault *fault, const struct digest *want, const struct fetch_answer *a)
{
	struct digest found;

	if (digest_bytes(a->body, a->len, &found) == 0)
		fault_digests(fault, NULL, want, &found);
}

static int get_text(struct fetch *f, const struct digest *d, const char *what, struct received *r,
	struct fault *fault)
{
	int rc = download_small(f, d, STRICT_MAX, what, &r->text, fault);

	r->t.text = r->text.body;
	r->t.len = r->text.len;
	return rc;
}

static int get_sigs(struct fetch *f, const struct api_signed *named, const char *what,
	struct received *r, struct fault *fault)
{
	int rc = 0;

	for (size_t i = 0; i < named->n_sigs && rc == 0; i++) {
		const struct digest *d = &named->sigs[i];

		rc = download_small(f, d, MINISIG_TEXT_MAX, what, &r->sigs[i], fault);
		if (rc == 0)
			rc = verify_named(d, r->sigs[i].body, r->sigs[i].len, what, fault);
		r->t.sigs[i] = (struct quorum_sig){ r->sigs[i].body, r->sigs[i].len };
		r->t.n_sigs = i + 1;
	}
	return rc;
}

/* A root or channel, whole; `sig` is how people call its signatures. */
static int get_signed(struct fetch *f, const struct api_signed *named, const char *what,
	const char *sig, struct received *r, struct fault *fault)
{
	int rc = get_text(f, &named->digest, what, r, fault);

	if (rc == 0)
		rc = verify_named(&named->digest, r->text.body, r->text.len, what, fault);
	return rc ? rc : get_sigs(f, named, sig, r, fault);
}

static int walk_roots(struct fetch *f, const struct chain_given *given, struct root *out,
	struct received *r, struct fault *fault)
{
	struct root_walk walk = given->trust->walk;
	char err[JUDGE_ERR_MAX];
	int rc = 0;

	for (size_t i = 0; i < given->offer->n_roots && rc == 0; i++) {
		rc = get_signed(
			f, &given->offer->roots[i], "a root", "a signature of a root", r, fault);
		if (rc == 0)
			rc = verify_verdict(judge_root_next(&walk, &r->t, err), err, fault);
		received_fini(r);
	}
	*out = walk.root;
	return rc;
}

static int take_channel(struct fetch *f, const struct chain_given *given, struct chain *c,
	struct received *r, struct fault *fault)
{
	char err[JUDGE_ERR_MAX];
	int rc = get_signed(
		f, &given->offer->channel, "the channel", "a signature of the channel", r, fault);

	if (rc == 0)
		rc = verify_verdict(judge_channel(&c->root, &r->t, &c->channel, err), err, fault);
	received_fini(r);
	return rc;
}

static int take_manifest(struct fetch *f, const struct chain_given *given, struct chain *c,
	uint64_t now_s, struct received *r, struct fault *fault)
{
	const struct digest *want = &c->ticket.manifest;
	char err[JUDGE_ERR_MAX];
	enum verdict v;
	int rc = get_text(f, want, "the manifest", r, fault);

	if (rc == 0)
		rc = get_sigs(f, &given->offer->manifest, "a signature of the manifest", r, fault);
	if (rc == 0) {
		v = judge_manifest(&c->root, &c->channel, want, now_s, &r->t, &c->manifest, err);
		rc = verify_verdict(v, err, fault);
		if (v == VERDICT_MANIFEST_DIGEST || v == VERDICT_ROLLBACK)
			add_digests(fault, want, &r->text);
	}
	received_fini(r);
	return rc;
}

int chain_follow(
	struct fetch *f, const struct chain_given *given, struct chain *out, struct fault *fault)
{
	struct received r = { 0 };
	uint64_t now_s = 0;
	int rc = walk_roots(f, given, &out->root, &r, fault);

	if (rc == 0)
		rc = take_channel(f, given, out, &r, fault);
	if (rc == 0)
		rc = verify_ticket(given->trust, given->offer, &given->want, &out->ticket, fault);
	if (rc == 0)
		rc = verify_fresh(given->trust, given->rtc_s, &out->root, &out->channel,
			&out->ticket, &now_s, &out->site_fresh, fault);
	if (rc == 0)
		rc = take_manifest(f, given, out, now_s, &r, fault);
	return rc ? rc : verify_host_can(&out->manifest, given->host, fault);
}
