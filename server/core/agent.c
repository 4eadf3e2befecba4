/*
 * What agents ask: docs/agent-protocol.md. A request may come twice; it does no harm the second
 * time.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "images/json.h"
#include "images/judge.h"
#include "server/bytes.h"
#include "server/core/choice.h"
#include "server/core/inventory.h"
#include "server/core/metrics.h"
#include "server/core/profile.h"
#include "server/core/reboot.h"
#include "server/core/record.h"
#include "server/core/rollouts.h"
#include "server/log.h"

#define WAIT_S	     5	/* until a host that waits for its admission asks again */
#define REBOOT_S     30 /* until a host that failed restarts; doubles with each failure */
#define REBOOT_MAX_S 600

/* A request of a known boot, taken apart. */
struct talk {
	struct core *c;
	const struct request *q;
	struct answer *a;
	struct json *body;
	struct store_boot boot;
	struct store_host host;
};

static void random_hex(char *out, size_t bytes)
{
	uint8_t raw[DIGEST_LEN];

	if (getrandom(raw, bytes, 0) != (ssize_t)bytes)
		abort(); /* cannot happen for so few bytes; a guessable token must not */
	for (size_t i = 0; i < bytes; i++)
		sprintf(out + 2 * i, "%02x", raw[i]);
}

/* ---- facts: who is there ---- */

/* Fill text from a fact, cut and without control characters. */
static void fact(const struct json *body, const char *key, char *out, size_t size)
{
	snprintf(out, size, "%s", json_get_str(body, key, ""));
	for (char *s = out; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	}
}

static bool identity_of(const struct json *body, struct host_identity *id)
{
	const struct json *nics = json_get(body, "nics");
	uint8_t mac[6];

	*id = (struct host_identity){ 0 };
	id->has_uuid = host_uuid_parse(json_get_str(body, "uuid", ""), id->uuid) == 0;
	fact(body, "serial", id->serial, sizeof id->serial);
	for (size_t i = 0; i < json_len(nics) && id->n_macs < HOST_MACS_MAX; i++) {
		if (host_mac_parse(json_get_str(json_at(nics, i), "mac", ""), mac) == 0)
			host_mac_add(id, mac);
	}
	return id->has_uuid || id->n_macs || host_serial_ok(id->serial);
}

static void new_session(struct core *c, struct store_boot *b, char token[DIGEST_HEX])
{
	random_hex(token, DIGEST_LEN);
	b->has_session = true;
	core_must(c, digest_bytes(token, strlen(token), &b->session), "session digest");
}

static void answer_facts(struct core *c, struct answer *a, const struct store_host *h,
	const struct store_boot *b, const char *token)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_str(&w, "server", c->cfg->name);
	jw_str(&w, "host", h->name);
	jw_int(&w, "boot", b->id);
	jw_str(&w, "session", token);
	jw_str(&w, "state", record_is_admitted(c, h) ? "admitted" : "waiting");
	if (h->code[0])
		jw_str(&w, "code", h->code);
	jw_end_obj(&w);
	answer_jw(a, 200, &w);
}

static void handle_facts(
	struct core *c, const struct request *q, const struct json *body, struct answer *a)
{
	struct happened e = { STAGE_AGENT, "done", "agent", 0, 0, NULL };
	char vendor[HOST_TEXT_MAX], product[HOST_TEXT_MAX], token[DIGEST_HEX], detail[160];
	struct host_identity id;
	struct store_host h;
	struct store_boot b;

	if (!identity_of(body, &id)) {
		answer_problem(a, 422, "identity", NULL,
			"the facts hold no usable UUID, serial number or MAC address");
		return;
	}
	fact(body, "vendor", vendor, sizeof vendor);
	fact(body, "product", product, sizeof product);
	record_host(c, &id, vendor, product, &h);
	record_code(c, &h);
	core_must(c, store_host_facts_put(c->store, h.id, q->body, q->h->body_len), "facts");
	if (!record_open_boot(c, &h, STAGE_HANDOFF, &b))
		record_new_boot(c, &h, id.n_macs ? id.macs[0] : NULL, &b);
	if (q->h->peer == HTTP_PEER_TCP)
		b.addr = q->h->addr;
	if (!b.firmware[0])
		fact(body, "firmware", b.firmware, sizeof b.firmware);
	new_session(c, &b, token);
	snprintf(detail, sizeof detail, "muster-agent %.32s on %.100s",
		json_get_str(body, "agent", "?"), product);
	e.detail = detail;
	record_event(c, &b, &e);
	inventory_take(c, &h, &b, body);
	answer_facts(c, a, &h, &b, token);
}

/* ---- ticket: what to run ---- */

static void ask_sign(struct core *c, const struct sign_wait *w)
{
	core_send(c, LINK_SIGN, MSG_SIGN_REQUEST, w->http_id, &w->ask, sizeof w->ask, NULL, 0);
}

/* The answer follows when it is signed, over the nonce of the request. */
static void send_sign(struct talk *t, struct sign_wait *w, enum sign_kind kind,
	const struct digest *nonce, const char *host)
{
	w->ask.kind = kind;
	w->ask.boot = (uint64_t)t->boot.id;
	w->ask.issued_s = (uint64_t)t->c->wall_ms / 1000;
	memcpy(w->ask.nonce, nonce->b, sizeof w->ask.nonce);
	snprintf(w->ask.host, sizeof w->ask.host, "%s", host);
	ask_sign(t->c, w);
	t->a->later = true;
}

static struct sign_wait *sign_slot(struct core *c, uint64_t http_id)
{
	for (size_t i = 0; i < SIGNS_MAX; i++) {
		if (c->signs[i].http_id == http_id)
			return &c->signs[i];
	}
	return NULL;
}

/* Is muster-agent in the image? A foreign system does not say that it is up by itself. */
static bool reports(struct core *c, const struct store_image *image)
{
	char args[MANIFEST_ARGS_MAX];

	core_must(c, store_image_args(c->store, &image->manifest, args), "image args");
	return !strstr(args, "muster.reports=no");
}

/* The host's boot is bound to this image and gets the nonce that its guest will have to write. */
static void bind_image(
	struct talk *t, const struct store_image *image, const struct profile_made *extra)
{
	struct happened e = { STAGE_IMAGE, "requested", "agent", 0, 0, NULL };
	struct store_boot *b = &t->boot;
	char detail[240];

	if (b->has_manifest && digest_equal(&b->manifest, &image->manifest))
		return; /* asked again */
	b->manifest = image->manifest;
	b->has_manifest = true;
	memcpy(b->image, image->name, sizeof b->image);
	memcpy(b->version, image->version, sizeof b->version);
	b->nonce[0] = 0;
	if (reports(t->c, image))
		random_hex(b->nonce, 16);
	snprintf(detail, sizeof detail, "%s %s%s%s", image->name, image->version,
		extra ? ", profile " : "", extra ? extra->name : "");
	e.detail = detail;
	record_event(t->c, b, &e);
	rollouts_note(t->c, b, image);
}

static void answer_turn(struct answer *a, const struct turns_wait *w)
{
	a->retry_after_s = w->ask_s;
	answer_problem(a, 429, "turn", NULL, "position %u, about %u s", w->position, w->about_s);
}

/* Nothing to run yet; the agent asks again. */
static void answer_not_yet(struct talk *t, unsigned status, const char *code, const char *hint,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void answer_not_yet(
	struct talk *t, unsigned status, const char *code, const char *hint, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	t->a->retry_after_s = WAIT_S;
	answer_problem(t->a, status, code, hint, "%s", text);
}

/* What the host shall run, and by which channel. 1, or 0 with the answer made. */
static int find_image(struct talk *t, struct store_channel *ch, struct store_image *image)
{
	enum choice choice = choice_image(t->c, &t->host, image, ch);
	struct choice_problem p;

	choice_record(t->c, &t->host, &t->boot);

	if (!choice)
		return 1;
	record_waits(t->c, &t->boot, BOOT_WAITS_IMAGE);
	choice_explain(t->c, choice, &t->host, &p);
	answer_not_yet(t, 404, p.code, p.hint, "%s", p.text);
	return 0;
}

/* What it is told beside the image: 1, 0: nothing; -1 with the answer made. */
static int find_extra(struct talk *t, const struct store_image *image, struct profile_made *out)
{
	char why[PROFILE_WHY_MAX], args[MANIFEST_ARGS_MAX];
	int rc = profile_make(t->c, &t->host, out, why);

	if (rc > 0) {
		core_must(
			t->c, store_image_args(t->c->store, &image->manifest, args), "image args");
		if (strlen(args) + strlen(out->args) + 1 >= sizeof args) {
			snprintf(why, sizeof why,
				"the kernel arguments of %s and of the profile %s are too long "
				"together",
				image->name, out->name);
			rc = -EINVAL;
		}
	}
	if (rc < 0)
		record_waits(t->c, &t->boot, BOOT_WAITS_IMAGE);
	if (rc == -ENOMEM)
		answer_take(t->a, 200, "", NULL);
	else if (rc < 0)
		answer_not_yet(t, 404, "profile-value", "muster host set NAME --value NAME=...",
			"%s", why);
	return rc < 0 ? -1 : rc;
}

static void add_extra(struct sign_request *ask, const struct profile_made *extra)
{
	ask->extra_len = extra->len;
	memcpy(ask->extra, extra->digest.b, sizeof ask->extra);
	memcpy(ask->args, extra->args, sizeof ask->args);
}

static void decide_ticket(struct talk *t)
{
	static struct profile_made extra; /* large; core has one thread */
	int has_extra;
	struct sign_wait *w = sign_slot(t->c, 0);
	const int64_t root = json_get_int(t->body, "root", -1);
	struct store_channel ch;
	struct turns_wait turn;
	struct store_image image;
	struct digest nonce;

	if (digest_parse(json_get_str(t->body, "nonce", ""), &nonce) < 0) {
		answer_problem(t->a, 422, "nonce", NULL, "nonce is not 64 lower-case hex digits");
		return;
	}
	if (root < 0) {
		answer_problem(t->a, 422, "root", NULL, "root is not the version of a root");
		return;
	}
	record_alive(t->c, &t->boot);
	if (!record_is_admitted(t->c, &t->host)) {
		record_waits(t->c, &t->boot, BOOT_WAITS_APPROVAL);
		answer_not_yet(t, 403, "waiting", "muster host approve NAME",
			"%s waits for its admission", t->host.name);
		return;
	}
	if (!w) {
		answer_not_yet(
			t, 503, "busy", NULL, "too many tickets and orders wait for a signature");
		return;
	}
	if (!find_image(t, &ch, &image))
		return;
	if (image_kind_direct(image.kind)) { /* it was assigned after the loader had its script */
		answer_problem(t->a, 422, "loader-image", NULL,
			"%s is started by the boot loader: %s has to start over", image.name,
			t->host.name);
		return;
	}
	has_extra = find_extra(t, &image, &extra);
	if (has_extra < 0)
		return;
	if (t->boot.wait != BOOT_WAITS_TURN)
		record_waits(t->c, &t->boot, BOOT_WAITS_NOT);
	bind_image(t, &image, has_extra ? &extra : NULL);
	if (!turns_ask(&t->c->turns, t->boot.id, t->c->mono_ms, &turn)) {
		record_waits(t->c, &t->boot, BOOT_WAITS_TURN);
		answer_turn(t->a, &turn);
		return;
	}
	record_waits(t->c, &t->boot, BOOT_WAITS_NOT);
	*w = (struct sign_wait){ .http_id = t->q->id,
		.boot = t->boot.id,
		.channel = ch.digest,
		.root = (uint64_t)root };
	memcpy(w->ask.manifest, image.manifest.b, sizeof w->ask.manifest);
	if (has_extra)
		add_extra(&w->ask, &extra);
	send_sign(t, w, SIGN_TICKET, &nonce, t->host.name);
}

static void handle_ticket(struct talk *t)
{
	decide_ticket(t);
	if (!t->a->later)
		metrics_ticket(t->a->status == 429 ? "turn" : "refused");
}

/* Where a host with this address may find images, before it asks us. */
static void mirrors_json(const struct core *c, uint32_t addr, struct jw *j)
{
	const struct config_subnet *s = config_subnet_of(c->cfg, addr);

	jw_arr(j, "mirrors");
	for (size_t i = 0; s && i < s->n_mirrors; i++)
		jw_str(j, NULL, s->mirrors[i]);
	jw_end_arr(j);
}

/* A signed file, by the digests of its blobs; sigs_of finds its signatures. */
static void put_signed(struct core *c, struct jw *j, const char *key, const struct digest *d,
	int (*sigs_of)(struct store *, const struct digest *, struct digest *, int))
{
	struct digest sigs[QUORUM_SIGS_MAX];
	char hex[DIGEST_HEX];
	int n = core_must(c, sigs_of(c->store, d, sigs, QUORUM_SIGS_MAX), "signatures");

	digest_hex(d, hex);
	jw_obj(j, key);
	jw_str(j, "digest", hex);
	jw_arr(j, "signatures");
	for (int i = 0; i < n; i++) {
		digest_hex(&sigs[i], hex);
		jw_str(j, NULL, hex);
	}
	jw_end_arr(j);
	jw_end_obj(j);
}

/* One more than an agent walks, so that it says why it does not. */
static void put_roots(struct core *c, struct jw *j, uint64_t after)
{
	struct store_root roots[JUDGE_ROOT_STEPS + 1];
	int n = core_must(
		c, store_roots_after(c->store, after, roots, JUDGE_ROOT_STEPS + 1), "roots");

	jw_arr(j, "roots");
	for (int i = 0; i < n; i++)
		put_signed(c, j, NULL, &roots[i].digest, store_trust_sigs);
	jw_end_arr(j);
}

static void answer_ticket(
	struct core *c, const struct sign_wait *w, const struct sign_answer *s, struct answer *a)
{
	struct digest manifest;
	struct store_boot b;
	struct jw j = { 0 };
	int rc = store_boot_by_id(c->store, w->boot, &b);

	if (rc == -ENOENT) { /* the host was removed meanwhile */
		answer_problem(a, 409, "boot-over", NULL, "this boot is no longer known");
		return;
	}
	core_must(c, rc, "boot of ticket");
	memcpy(manifest.b, w->ask.manifest, sizeof manifest.b);
	jw_obj(&j, NULL);
	jw_str(&j, "image", b.image);
	jw_str(&j, "version", b.version);
	jw_str(&j, "ticket", s->text);
	jw_str(&j, "ticket_minisig", s->minisig);
	put_roots(c, &j, w->root);
	put_signed(c, &j, "channel", &w->channel, store_trust_sigs);
	put_signed(c, &j, "manifest", &manifest, store_image_sigs);
	mirrors_json(c, b.addr, &j);
	jw_int(&j, "pause_ms", 0);
	jw_end_obj(&j);
	answer_jw(a, 200, &j);
}

static void answer_signed_ticket(
	struct core *c, const struct sign_wait *w, const struct sign_answer *s, struct answer *a)
{
	if (s->error)
		answer_problem(a, 503, "site-key", "musterd -T", "the ticket cannot be signed: %s",
			strerror((int)s->error));
	else
		answer_ticket(c, w, s, a);
	metrics_ticket(s->error ? "unsigned" : "signed");
}

/* Not when it was withdrawn meanwhile, or its boot is over; the next heartbeat asks again. */
static void answer_signed_order(
	struct core *c, const struct sign_wait *w, const struct sign_answer *s, struct answer *a)
{
	struct store_reboot r;
	struct store_boot b;
	struct jw j = { 0 };
	int rc = store_boot_by_id(c->store, w->boot, &b);

	if (rc != -ENOENT)
		core_must(c, rc, "boot of order");
	if (s->error)
		log_warn("an order cannot be signed: %s", strerror((int)s->error));
	if (rc == -ENOENT || s->error || !reboot_is_due(c, &b, &r)) {
		answer_empty(a);
		return;
	}
	jw_obj(&j, NULL);
	jw_str(&j, "order", s->text);
	jw_str(&j, "order_minisig", s->minisig);
	jw_end_obj(&j);
	answer_jw(a, 200, &j);
}

void agent_signed(struct core *c, uint64_t id, const struct sign_answer *s)
{
	struct sign_wait *w = id ? sign_slot(c, id) : NULL;
	struct answer a = { 0 };

	if (!w || !msg_text_ok(s->text, sizeof s->text) ||
		!msg_text_ok(s->minisig, sizeof s->minisig))
		return;
	if (w->ask.kind == SIGN_ORDER)
		answer_signed_order(c, w, s, &a);
	else
		answer_signed_ticket(c, w, s, &a);
	core_answer(c, id, &a);
	w->http_id = 0;
}

void agent_ask_again(struct core *c)
{
	for (size_t i = 0; i < SIGNS_MAX; i++) {
		if (c->signs[i].http_id)
			ask_sign(c, &c->signs[i]);
	}
}

/* ---- what it is told beside its image ---- */

/* Made anew as for the ticket: where it comes out otherwise by now, another ticket is needed. */
static void handle_extra(struct talk *t)
{
	static struct profile_made extra;
	char why[PROFILE_WHY_MAX];
	struct digest want;

	if (digest_parse(json_get_str(t->body, "sha256", ""), &want) < 0) {
		answer_problem(t->a, 422, "sha256", NULL, "sha256 is not 64 lower-case hex digits");
		return;
	}
	if (!record_is_admitted(t->c, &t->host) || profile_make(t->c, &t->host, &extra, why) <= 0 ||
		!digest_equal(&want, &extra.digest)) {
		answer_problem(t->a, 401, "extra-changed", "post your facts again",
			"what this host is told has changed since its ticket was made");
		return;
	}
	answer_bytes(t->a, 200, "application/x-cpio", extra.archive, extra.len);
}

/* ---- progress and the end ---- */

static void handle_progress(struct talk *t)
{
	static const char *const words[] = { "started", "progress", "finished", "aborted" };
	const char *what = json_get_str(t->body, "what", "");
	struct happened e = { .source = "agent" };
	char file[MANIFEST_NAME_MAX], why[300], detail[400];

	if (boot_stage_parse(json_get_str(t->body, "stage", ""), &e.stage) < 0 ||
		(e.stage != STAGE_IMAGE && e.stage != STAGE_VERIFY)) {
		answer_problem(t->a, 422, "stage", NULL, "stage is neither image nor verify");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcmp(what, words[i]))
			e.what = words[i];
	}
	if (!e.what) {
		answer_problem(t->a, 422, "what", NULL, "'what' is not a known word");
		return;
	}
	/* A row for the whole image while it moves; one for each file when it is done. */
	if (!strcmp(e.what, "progress")) {
		e.bytes = (uint64_t)json_get_int(t->body, "files_bytes", 0);
		e.total = (uint64_t)json_get_int(t->body, "files_total", 0);
	} else {
		fact(t->body, "file", file, sizeof file);
		fact(t->body, "detail", why, sizeof why);
		snprintf(detail, sizeof detail, "%s%s%s", file, *file && *why ? ": " : "", why);
		e.detail = detail;
		e.bytes = (uint64_t)json_get_int(t->body, "bytes", 0);
		e.total = (uint64_t)json_get_int(t->body, "total", 0);
	}
	record_event(t->c, &t->boot, &e);
	if (e.stage == STAGE_VERIFY && !strcmp(e.what, "finished"))
		turns_end(&t->c->turns, t->boot.id, true, t->c->mono_ms);
	else if (record_is_admitted(t->c, &t->host))
		turns_fetching(&t->c->turns, t->boot.id, t->c->mono_ms);
	answer_empty(t->a);
}

static void handle_neighbours(struct talk *t)
{
	inventory_neighbours(t->c, &t->host, &t->boot, t->body);
	answer_empty(t->a);
}

static void answer_reboot(struct talk *t)
{
	struct jw w = { 0 };
	int64_t pause = REBOOT_S;
	int failures;

	core_must(t->c, store_boot_failures(t->c->store, t->host.id, &failures), "failures");
	while (--failures > 0 && pause < REBOOT_MAX_S)
		pause *= 2;
	jw_obj(&w, NULL);
	jw_int(&w, "reboot_s", pause < REBOOT_MAX_S ? pause : REBOOT_MAX_S);
	jw_end_obj(&w);
	answer_jw(t->a, 200, &w);
}

static void handle_failed(struct talk *t)
{
	struct happened e = { .what = "aborted", .source = "agent" };
	char code[32], message[160], file[64], expected[80], found[80], detail[220];

	if (boot_stage_parse(json_get_str(t->body, "stage", ""), &e.stage) < 0)
		e.stage = t->boot.stage;
	fact(t->body, "code", code, sizeof code);
	fact(t->body, "message", message, sizeof message);
	fact(t->body, "file", file, sizeof file);
	fact(t->body, "expected", expected, sizeof expected);
	fact(t->body, "found", found, sizeof found);
	snprintf(detail, sizeof detail, "%.64s%sexpected %.64s found %.64s", file,
		*file ? ": " : "", expected, found);
	e.detail = *expected ? detail : message;
	record_event(t->c, &t->boot, &e);
	record_failed(t->c, &t->boot, *code ? code : "agent", "%s%s%s", message,
		*expected ? "; " : "", *expected ? detail : "");
	answer_reboot(t);
}

/* ---- hand-off and what comes after ---- */

static void handle_handoff(struct talk *t)
{
	struct happened e = { STAGE_HANDOFF, "done", "agent", 0, 0, NULL };
	char kind[16], way[16], detail[48];
	struct jw inner = { 0 }, w = { 0 };

	jw_obj(&inner, NULL);
	jw_str(&inner, "url", t->c->server->url);
	jw_str(&inner, "host", t->host.name);
	jw_int(&inner, "boot", t->boot.id);
	jw_str(&inner, "session", t->q->h->bearer);
	jw_str(&inner, "image", t->boot.image);
	jw_str(&inner, "version", t->boot.version);
	jw_str(&inner, "nonce", t->boot.nonce);
	jw_end_obj(&inner);
	if (!inner.bad) {
		jw_obj(&w, NULL);
		jw_str(&w, "boot_json", inner.buf);
		jw_end_obj(&w);
	}
	jw_fini(&inner);
	fact(t->body, "kind", kind, sizeof kind);
	fact(t->body, "way", way, sizeof way);
	snprintf(detail, sizeof detail, "%s by %s", kind, *way ? way : "kexec");
	e.detail = detail;
	record_event(t->c, &t->boot, &e);
	answer_jw(t->a, 200, &w);
}

static void handle_up(struct talk *t)
{
	struct happened e = { STAGE_UP, "done", "agent", 0, 0, NULL };
	char detail[500], kind[16], version[80], kernel[80], accelerator[32], guest[80];
	const int64_t guest_ms = json_get_int(t->body, "guest_ms", 0);
	int n;

	fact(t->body, "guest", guest, sizeof guest);
	if (!t->boot.nonce[0] || strcmp(json_get_str(t->body, "nonce", ""), t->boot.nonce)) {
		record_failed(t->c, &t->boot, "nonce",
			"the guest wrote another nonce than this boot's: '%s'", guest);
		answer_problem(t->a, 409, "nonce", NULL, "this is not the nonce of boot %lld",
			(long long)t->boot.id);
		return;
	}
	fact(t->body, "hypervisor", kind, sizeof kind);
	fact(t->body, "version", version, sizeof version);
	fact(t->body, "kernel", kernel, sizeof kernel);
	fact(t->body, "accelerator", accelerator, sizeof accelerator);
	n = snprintf(detail, sizeof detail, "%s: %s, kernel %s, %s; ", kind, version, kernel,
		accelerator);
	if (strstr(guest, t->boot.nonce)) /* as it does, unless nobody was there to write it */
		snprintf(guest, sizeof guest, "a guest wrote the boot's nonce");
	n += snprintf(detail + n, sizeof detail - (size_t)n, "%s", guest);
	if (guest_ms > 0)
		snprintf(detail + n, sizeof detail - (size_t)n, " after %lld ms",
			(long long)guest_ms);
	e.detail = detail;
	fact(t->body, "orders", t->boot.obeys, sizeof t->boot.obeys);
	record_event(t->c, &t->boot, &e);
	record_up(t->c, &t->boot);
	answer_empty(t->a);
}

/*
 * What the host is asked to do goes with the answer, signed over the heartbeat's nonce; under the
 * name that the host was started with: it may have another one by now.
 */
static void give_order(struct talk *t)
{
	struct sign_wait *w = sign_slot(t->c, 0);
	struct store_reboot r;
	struct digest nonce;

	if (!w || !reboot_is_due(t->c, &t->boot, &r) ||
		digest_parse(json_get_str(t->body, "nonce", ""), &nonce) < 0)
		return;
	*w = (struct sign_wait){ .http_id = t->q->id, .boot = t->boot.id };
	send_sign(t, w, SIGN_ORDER, &nonce, t->boot.obeys);
}

static void handle_heartbeat(struct talk *t)
{
	core_write(t->c);
	t->boot.seen_ms = t->host.seen_ms = t->c->wall_ms;
	core_must(t->c, store_boot_put(t->c->store, &t->boot), "heartbeat");
	core_must(t->c, store_host_put(t->c->store, &t->host), "heartbeat host");
	give_order(t);
	if (!t->a->later)
		answer_empty(t->a);
}

/* What became of an order. */
static void handle_order(struct talk *t)
{
	const char *what = json_get_str(t->body, "what", "");
	char why[220];

	if (!strcmp(what, "obeyed")) {
		reboot_taken(t->c, &t->boot);
	} else if (!strcmp(what, "refused")) {
		fact(t->body, "why", why, sizeof why);
		reboot_refused(t->c, &t->boot, why);
	} else {
		answer_problem(t->a, 422, "what", NULL, "'what' is not a known word");
		return;
	}
	answer_empty(t->a);
}

/* Which boots a request is for: open ones, those that are up, or both. */
enum wants { WANTS_OPEN = 1, WANTS_UP = 2 };

static const struct {
	const char *path;
	void (*handle)(struct talk *);
	unsigned wants;
} requests[] = {
	{ "/v1/agent/ticket", handle_ticket, WANTS_OPEN },
	{ "/v1/agent/extra", handle_extra, WANTS_OPEN },
	{ "/v1/agent/progress", handle_progress, WANTS_OPEN },
	{ "/v1/agent/neighbours", handle_neighbours, WANTS_OPEN },
	{ "/v1/agent/failed", handle_failed, WANTS_OPEN },
	{ "/v1/agent/handoff", handle_handoff, WANTS_OPEN },
	{ "/v1/agent/up", handle_up, WANTS_OPEN },
	{ "/v1/agent/heartbeat", handle_heartbeat, WANTS_UP },
	{ "/v1/agent/order", handle_order, WANTS_UP },
};

/* The boot and the host of the session token. 1, or 0 with the answer made. */
static int find_session(struct talk *t)
{
	struct digest d;
	int rc = digest_bytes(t->q->h->bearer, strlen(t->q->h->bearer), &d);

	if (!rc)
		rc = store_boot_by_session(t->c->store, &d, &t->boot);
	if (!rc)
		rc = store_host_by_id(t->c->store, t->boot.host, &t->host);
	if (rc == -ENOENT) {
		answer_problem(
			t->a, 401, "session", "post your facts again", "this session is not known");
		return 0;
	}
	core_must(t->c, rc, "session");
	return 1;
}

static void dispatch(struct talk *t)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		unsigned is = t->boot.state == BOOT_OPEN ? WANTS_OPEN
			      : t->boot.state == BOOT_UP ? WANTS_UP
							 : 0;

		if (strcmp(t->q->h->path, requests[i].path))
			continue;
		if (requests[i].wants & is)
			requests[i].handle(t);
		else if (is == WANTS_UP && requests[i].handle == handle_up)
			answer_empty(t->a); /* said twice: the first answer was lost */
		else
			answer_problem(t->a, 409, "boot-over", NULL, "boot %lld is over",
				(long long)t->boot.id);
		return;
	}
	answer_problem(t->a, 404, "path", NULL, "no such request");
}

void agent_handle(struct core *c, const struct request *q, struct answer *a)
{
	struct talk t = { .c = c, .q = q, .a = a };
	char err[200];

	t.body = json_read(q->body, q->h->body_len, err, sizeof err);
	if (!t.body || !json_is_object(t.body))
		answer_problem(a, 400, "json", NULL, "the body is no JSON object: %s",
			t.body ? "another type" : err);
	else if (!strcmp(q->h->path, "/v1/agent/facts"))
		handle_facts(c, q, t.body, a);
	else if (find_session(&t))
		dispatch(&t);
	json_free(t.body);
}
