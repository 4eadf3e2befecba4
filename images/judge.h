/*
 * judge.h: may a host believe these signed files? The checks in their fixed order, each with one
 * code, for agent, server and command alike: root chain, channel, ticket, clock, manifest; and
 * orders. Bytes are verified before they are parsed. Pure: the caller brings bytes, clock, nonce
 * and digests. The last codes of the table are those of checks that need the host itself or the
 * files' bytes.
 *
 * Each check returns VERDICT_GOOD with its outputs filled, or another verdict with the outputs
 * untouched and one sentence in err (JUDGE_ERR_MAX bytes).
 */
#ifndef MUSTER_IMAGES_JUDGE_H
#define MUSTER_IMAGES_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "images/channel.h"
#include "images/manifest.h"
#include "images/order.h"
#include "images/quorum.h"
#include "images/root.h"
#include "images/ticket.h"

#define JUDGE_ERR_MAX	  240
#define JUDGE_ROOT_STEPS  32 /* from the root that the host carries */
#define JUDGE_CLOCK_OFF_S (26 * 3600)

enum verdict {
	VERDICT_GOOD,
	VERDICT_BLOB_DIGEST,
	VERDICT_ROOT_STEPS,
	VERDICT_ROOT_OLD_KEYS,
	VERDICT_ROOT_MALFORMED,
	VERDICT_ROOT_VERSION,
	VERDICT_ROOT_NEW_KEYS,
	VERDICT_CHANNEL_SIGNATURE,
	VERDICT_CHANNEL_MALFORMED,
	VERDICT_TICKET_SIGNATURE,
	VERDICT_TICKET_MALFORMED,
	VERDICT_TICKET_NONCE,
	VERDICT_TICKET_HOST,
	VERDICT_TICKET_LATE,
	VERDICT_CLOCK,
	VERDICT_ROOT_EXPIRED,
	VERDICT_CHANNEL_EXPIRED,
	VERDICT_MANIFEST_DIGEST,
	VERDICT_MANIFEST_SIGNATURE,
	VERDICT_MANIFEST_MALFORMED,
	VERDICT_MANIFEST_CHANNEL,
	VERDICT_ROLLBACK,
	VERDICT_MANIFEST_CURRENT,
	VERDICT_MANIFEST_EXPIRED,
	VERDICT_MANIFEST_KIND,
	VERDICT_MEMORY,
	VERDICT_FILE_LENGTH,
	VERDICT_FILE_DIGEST,
	VERDICT_EXTRA_DIGEST,
	VERDICT_ORDER_SIGNATURE, /* from here on: of a hypervisor that runs, no boot ends by them */
	VERDICT_ORDER_MALFORMED,
	VERDICT_ORDER_NONCE,
	VERDICT_ORDER_HOST,
	VERDICT_ORDER_LATE,
	VERDICTS
};

const char *verdict_code(enum verdict v); /* "root-expired": for machines */
const char *verdict_text(enum verdict v); /* what it means, a sentence without its end */

/* ---- root ---- */

struct root_walk {
	struct root root; /* believed so far */
	unsigned steps;
};

/*
 * Where a chain starts: the root that somebody trusts already, because the agent carries it or
 * because it lies in an administrator's folder. It must be signed by its own threshold.
 */
enum verdict judge_root_first(const struct signed_text *t, struct root_walk *out, char *err);

/* From root N to N + 1: at most JUDGE_ROOT_STEPS times. *w is untouched unless it is good. */
enum verdict judge_root_next(struct root_walk *w, const struct signed_text *t, char *err);

/*
 * Bare public keys as a chain's start, root 0: any one of them suffices, for ever; root 1 replaces
 * it when one of them has signed that. n is at most ROOT_KEYS_MAX; the same key twice counts once.
 */
void judge_root_zero(const struct minisig_public *keys, size_t n, struct root_walk *out);

/* ---- channel, ticket ---- */

enum verdict judge_channel(
	const struct root *root, const struct signed_text *t, struct channel *out, char *err);

/* What ticket or order must be about: this request of this boot of this host. */
struct ticket_want {
	const char *nonce; /* 64 hex digits */
	const char *host;
	uint64_t boot;
	uint64_t age_s; /* since the nonce was made, by a clock that only goes forward */
};

/* One of the n site keys must have signed it. */
enum verdict judge_ticket(const struct minisig_public *site, size_t n, const struct signed_text *t,
	const struct ticket_want *want, struct ticket *out, char *err);

/* The same for an order: it must be about this heartbeat of this boot of this host. */
enum verdict judge_order(const struct minisig_public *site, size_t n, const struct signed_text *t,
	const struct ticket_want *want, struct order *out, char *err);

/* ---- clock, manifest ---- */

/* All in seconds since 1970; 0: not known. */
struct judge_clock {
	uint64_t rtc_s;	   /* the host's own clock */
	uint64_t epoch_s;  /* when the agent was built */
	uint64_t ticket_s; /* when the ticket was issued */
	bool rtc_trusted;  /* refuse when own clock and ticket are JUDGE_CLOCK_OFF_S apart */
};

/*
 * Are root and channel still valid? *now_s is the latest of all times at hand: an old one cannot
 * take it back. *site_fresh: nothing but the site's word says that this is the newest channel, for
 * the host's own clock is far from it. The expiry of earlier roots does not count.
 */
enum verdict judge_fresh(const struct root *root, const struct channel *ch,
	const struct judge_clock *clock, uint64_t *now_s, bool *site_fresh, char *err);

/*
 * `want` is the digest that the ticket names, and ch the channel; NULL where there is none (the
 * command, over files at hand). Good is the manifest that the channel names, and an older release
 * of it from the channel's floor on, for a host that is pinned. Below the floor it is a rollback,
 * and so is any older release that a mirror gives out under the newer one's digest.
 */
enum verdict judge_manifest(const struct root *root, const struct channel *ch,
	const struct digest *want, uint64_t now_s, const struct signed_text *t,
	struct manifest *out, char *err);

#endif
