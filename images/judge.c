#include "images/judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The one table of codes. docs/trust.md lists them too, and a flow test compares. */
static const struct {
	const char *code, *text;
} verdicts[VERDICTS] = {
	[VERDICT_GOOD] = { "good", "It may be believed" },
	[VERDICT_BLOB_DIGEST] = { "blob-digest",
		"A root, channel or signature is not what the server named" },
	[VERDICT_ROOT_STEPS] = { "root-steps",
		"The chain of roots is too long for this starting point" },
	[VERDICT_ROOT_OLD_KEYS] = { "root-old-keys",
		"Too few keys of the root before it have signed the root" },
	[VERDICT_ROOT_MALFORMED] = { "root-malformed", "It is no root that this program knows" },
	[VERDICT_ROOT_VERSION] = { "root-version", "The root is not the next version" },
	[VERDICT_ROOT_NEW_KEYS] = { "root-new-keys",
		"Too few of its own keys have signed the root" },
	[VERDICT_CHANNEL_SIGNATURE] = { "channel-signature",
		"Too few release keys have signed the channel" },
	[VERDICT_CHANNEL_MALFORMED] = { "channel-malformed",
		"It is no channel that this program knows" },
	[VERDICT_TICKET_SIGNATURE] = { "ticket-signature",
		"No site key that this host knows has signed the boot ticket" },
	[VERDICT_TICKET_MALFORMED] = { "ticket-malformed",
		"It is no boot ticket that this program knows" },
	[VERDICT_TICKET_NONCE] = { "ticket-nonce",
		"The boot ticket answers another request: it may be a recorded one" },
	[VERDICT_TICKET_HOST] = { "ticket-host",
		"The boot ticket is for another host or another boot" },
	[VERDICT_TICKET_LATE] = { "ticket-late", "The boot ticket came too late" },
	[VERDICT_CLOCK] = { "clock",
		"The host's clock and the server's are more than a day apart" },
	[VERDICT_ROOT_EXPIRED] = { "root-expired", "The root has expired: rotate it" },
	[VERDICT_CHANNEL_EXPIRED] = { "channel-expired",
		"The channel has expired: make it again and sign it" },
	[VERDICT_MANIFEST_DIGEST] = { "manifest-digest",
		"The manifest is not the one that the ticket names" },
	[VERDICT_MANIFEST_SIGNATURE] = { "manifest-signature",
		"Too few release keys have signed the manifest" },
	[VERDICT_MANIFEST_MALFORMED] = { "manifest-malformed",
		"It is no manifest that this program knows" },
	[VERDICT_MANIFEST_CHANNEL] = { "manifest-channel",
		"The manifest is of another image or channel" },
	[VERDICT_ROLLBACK] = { "rollback", "The manifest is older than what the channel allows" },
	[VERDICT_MANIFEST_CURRENT] = { "manifest-current",
		"The manifest is not the one that the channel names" },
	[VERDICT_MANIFEST_EXPIRED] = { "manifest-expired",
		"The manifest has expired: sign a newer release" },
	[VERDICT_MANIFEST_KIND] = { "manifest-kind",
		"This host cannot be handed over to an image of that kind" },
	[VERDICT_MEMORY] = { "memory", "The image does not fit into this host's memory" },
	[VERDICT_FILE_LENGTH] = { "file-length",
		"A file has another length than its manifest says" },
	[VERDICT_FILE_DIGEST] = { "file-digest",
		"A file has another digest than its manifest says" },
	[VERDICT_EXTRA_DIGEST] = { "extra-digest",
		"What the host is told is not what its boot ticket says" },
	[VERDICT_ORDER_SIGNATURE] = { "order-signature",
		"No site key that this host knows has signed the order" },
	[VERDICT_ORDER_MALFORMED] = { "order-malformed", "It is no order that this program knows" },
	[VERDICT_ORDER_NONCE] = { "order-nonce",
		"The order answers another heartbeat: it may be a recorded one" },
	[VERDICT_ORDER_HOST] = { "order-host", "The order is for another host or another boot" },
	[VERDICT_ORDER_LATE] = { "order-late", "The order came too late" },
};

const char *verdict_code(enum verdict v)
{
	return (unsigned)v < VERDICTS ? verdicts[v].code : "unknown";
}

const char *verdict_text(enum verdict v)
{
	return (unsigned)v < VERDICTS ? verdicts[v].text : "unknown";
}

static enum verdict refuse(enum verdict v, char *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The table's sentence, then what was found. */
static enum verdict refuse(enum verdict v, char *err, const char *fmt, ...)
{
	int n = snprintf(err, JUDGE_ERR_MAX, "%s (", verdict_text(v));
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err + n, JUDGE_ERR_MAX - (size_t)n, fmt, ap);
	va_end(ap);
	snprintf(err + strlen(err), JUDGE_ERR_MAX - strlen(err), ").");
	return v;
}

/* Bounded first, then verified. */
static enum verdict check_bytes(const struct root *root, const struct signed_text *t,
	enum verdict malformed, enum verdict too_few, char *err)
{
	size_t n;

	if (t->len == 0 || t->len > STRICT_MAX)
		return refuse(
			malformed, err, "%zu bytes, where 1 to %d are allowed", t->len, STRICT_MAX);
	n = quorum_count(root->keys, root->n_keys, t);
	if (n < root->threshold)
		return refuse(too_few, err, "%zu of %zu", n, root->threshold);
	return VERDICT_GOOD;
}

/* ---- root ---- */

static enum verdict check_own_keys(const struct root *r, const struct signed_text *t, char *err)
{
	return check_bytes(r, t, VERDICT_ROOT_MALFORMED, VERDICT_ROOT_NEW_KEYS, err);
}

static enum verdict parse_root(const struct signed_text *t, struct root *out, char *err)
{
	char why[160];

	return root_parse(t->text, t->len, out, why, sizeof why)
		       ? refuse(VERDICT_ROOT_MALFORMED, err, "%s", why)
		       : VERDICT_GOOD;
}

enum verdict judge_root_first(const struct signed_text *t, struct root_walk *out, char *err)
{
	struct root r;
	enum verdict v = parse_root(t, &r, err);

	if (!v)
		v = check_own_keys(&r, t, err);
	if (!v)
		*out = (struct root_walk){ .root = r };
	return v;
}

enum verdict judge_root_next(struct root_walk *w, const struct signed_text *t, char *err)
{
	struct root r;
	enum verdict v;

	if (w->steps == JUDGE_ROOT_STEPS)
		return refuse(VERDICT_ROOT_STEPS, err, "more than %d from root %" PRIu64,
			JUDGE_ROOT_STEPS, w->root.version - w->steps);
	v = check_bytes(&w->root, t, VERDICT_ROOT_MALFORMED, VERDICT_ROOT_OLD_KEYS, err);
	if (!v)
		v = parse_root(t, &r, err);
	if (v)
		return v;
	if (r.version != w->root.version + 1)
		return refuse(VERDICT_ROOT_VERSION, err,
			"version %" PRIu64 " after version %" PRIu64, r.version, w->root.version);
	v = check_own_keys(&r, t, err);
	if (v)
		return v;
	w->root = r;
	w->steps++;
	return VERDICT_GOOD;
}

void judge_root_zero(const struct minisig_public *keys, size_t n, struct root_walk *out)
{
	struct root r = { .expires_s = UINT64_MAX, .threshold = 1, .n_keys = n };

	for (size_t i = 0; i < n; i++) {
		snprintf(r.names[i], sizeof r.names[i], "release-%zu", i + 1);
		r.keys[i] = keys[i];
	}
	*out = (struct root_walk){ .root = r };
}

/* ---- channel, ticket ---- */

enum verdict judge_channel(
	const struct root *root, const struct signed_text *t, struct channel *out, char *err)
{
	enum verdict v =
		check_bytes(root, t, VERDICT_CHANNEL_MALFORMED, VERDICT_CHANNEL_SIGNATURE, err);
	char why[160];

	if (!v && channel_parse(t->text, t->len, out, why, sizeof why))
		v = refuse(VERDICT_CHANNEL_MALFORMED, err, "%s", why);
	return v;
}

/* What the site's key signs, and the codes for what is wrong with it. */
struct about {
	enum verdict malformed, signature, nonce, host, late;
};

/* Signed by one of the site's keys, and of a length that is looked at? */
static enum verdict check_site(const struct minisig_public *site, size_t n,
	const struct signed_text *t, size_t max, const struct about *a, char *err)
{
	if (t->len == 0 || t->len > max)
		return refuse(
			a->malformed, err, "%zu bytes, where 1 to %zu are allowed", t->len, max);
	return quorum_count(site, n, t) < 1 ? refuse(a->signature, err, "0 of 1") : VERDICT_GOOD;
}

/* What it says against what was asked. */
static enum verdict check_about(const struct ticket_want *said, uint64_t ttl_s,
	const struct ticket_want *want, const struct about *a, char *err)
{
	if (strcmp(said->nonce, want->nonce) != 0)
		return refuse(a->nonce, err, "its nonce is %.16s...", said->nonce);
	if (strcmp(said->host, want->host) != 0 || said->boot != want->boot)
		return refuse(a->host, err, "for boot %" PRIu64 " of %s, not %" PRIu64 " of %s",
			said->boot, said->host, want->boot, want->host);
	if (want->age_s > ttl_s)
		return refuse(a->late, err, "%" PRIu64 " s after it was asked for", want->age_s);
	return VERDICT_GOOD;
}

enum verdict judge_ticket(const struct minisig_public *site, size_t n, const struct signed_text *t,
	const struct ticket_want *want, struct ticket *out, char *err)
{
	static const struct about about = { VERDICT_TICKET_MALFORMED, VERDICT_TICKET_SIGNATURE,
		VERDICT_TICKET_NONCE, VERDICT_TICKET_HOST, VERDICT_TICKET_LATE };
	struct ticket ticket;
	char why[160];
	enum verdict v = check_site(site, n, t, TICKET_MAX, &about, err);

	if (v)
		return v;
	if (ticket_parse(t->text, t->len, &ticket, why, sizeof why))
		return refuse(about.malformed, err, "%s", why);
	v = check_about(&(struct ticket_want){ ticket.nonce, ticket.host, ticket.boot, 0 },
		ticket.ttl_s, want, &about, err);
	if (!v)
		*out = ticket;
	return v;
}

/* ---- orders ---- */

enum verdict judge_order(const struct minisig_public *site, size_t n, const struct signed_text *t,
	const struct ticket_want *want, struct order *out, char *err)
{
	static const struct about about = { VERDICT_ORDER_MALFORMED, VERDICT_ORDER_SIGNATURE,
		VERDICT_ORDER_NONCE, VERDICT_ORDER_HOST, VERDICT_ORDER_LATE };
	struct order order;
	char why[160];
	enum verdict v = check_site(site, n, t, ORDER_MAX, &about, err);

	if (v)
		return v;
	if (order_parse(t->text, t->len, &order, why, sizeof why))
		return refuse(about.malformed, err, "%s", why);
	v = check_about(&(struct ticket_want){ order.nonce, order.host, order.boot, 0 },
		order.ttl_s, want, &about, err);
	if (!v)
		*out = order;
	return v;
}

/* ---- clock ---- */

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

enum verdict judge_fresh(const struct root *root, const struct channel *ch,
	const struct judge_clock *clock, uint64_t *now_s, bool *site_fresh, char *err)
{
	uint64_t now =
		later(later(clock->rtc_s, clock->epoch_s), later(ch->issued_s, clock->ticket_s));
	uint64_t apart = later(clock->rtc_s, clock->ticket_s) -
			 (clock->rtc_s < clock->ticket_s ? clock->rtc_s : clock->ticket_s);

	if (apart > JUDGE_CLOCK_OFF_S && clock->rtc_trusted)
		return refuse(VERDICT_CLOCK, err, "%" PRIu64 " hours", apart / 3600);
	if (root->expires_s <= now)
		return refuse(
			VERDICT_ROOT_EXPIRED, err, "%" PRIu64 " s ago", now - root->expires_s);
	if (ch->expires_s <= now)
		return refuse(
			VERDICT_CHANNEL_EXPIRED, err, "%" PRIu64 " s ago", now - ch->expires_s);
	*now_s = now;
	*site_fresh = apart > JUDGE_CLOCK_OFF_S;
	return VERDICT_GOOD;
}

/* ---- manifest ---- */

static bool of_channel(const struct manifest *m, const struct channel *ch)
{
	return strcmp(m->name, ch->image) == 0 && strcmp(m->channel, ch->name) == 0;
}

/* Other bytes than those wanted: an older release of the same image, or anything. */
static enum verdict wrong_digest(
	const struct root *root, const struct channel *ch, const struct signed_text *t, char *err)
{
	struct manifest m;
	char why[160];

	if (ch && quorum_count(root->keys, root->n_keys, t) >= root->threshold &&
		manifest_parse(t->text, t->len, &m, why, sizeof why) == 0 && of_channel(&m, ch) &&
		m.release < ch->release)
		return refuse(VERDICT_ROLLBACK, err,
			"release %" PRIu64 ", the channel has %" PRIu64, m.release, ch->release);
	return refuse(VERDICT_MANIFEST_DIGEST, err, "its SHA-256 is another");
}

static enum verdict check_channel(
	const struct manifest *m, const struct channel *ch, const struct digest *found, char *err)
{
	int order;

	if (!of_channel(m, ch))
		return refuse(VERDICT_MANIFEST_CHANNEL, err, "%s of %s, not %s of %s", m->name,
			m->channel, ch->image, ch->name);
	order = channel_compare(ch, found, m->release);
	if (order < 0)
		return refuse(VERDICT_ROLLBACK, err,
			"release %" PRIu64 ", the channel's floor is %" PRIu64, m->release,
			ch->floor);
	if (order > 0)
		return refuse(VERDICT_MANIFEST_CURRENT, err, "release %" PRIu64, m->release);
	return VERDICT_GOOD;
}

enum verdict judge_manifest(const struct root *root, const struct channel *ch,
	const struct digest *want, uint64_t now_s, const struct signed_text *t,
	struct manifest *out, char *err)
{
	struct digest found;
	struct manifest m;
	char why[160];
	enum verdict v;

	if (t->len <= STRICT_MAX &&
		(digest_bytes(t->text, t->len, &found) || (want && !digest_equal(want, &found))))
		return wrong_digest(root, ch, t, err);
	v = check_bytes(root, t, VERDICT_MANIFEST_MALFORMED, VERDICT_MANIFEST_SIGNATURE, err);
	if (v)
		return v;
	if (manifest_parse(t->text, t->len, &m, why, sizeof why))
		return refuse(VERDICT_MANIFEST_MALFORMED, err, "%s", why);
	if (!m.release)
		return refuse(VERDICT_MANIFEST_MALFORMED, err, "it was signed without a release");
	v = ch ? check_channel(&m, ch, &found, err) : VERDICT_GOOD;
	if (v)
		return v;
	if (m.expires_s <= now_s)
		return refuse(
			VERDICT_MANIFEST_EXPIRED, err, "%" PRIu64 " s ago", now_s - m.expires_s);
	*out = m;
	return VERDICT_GOOD;
}
