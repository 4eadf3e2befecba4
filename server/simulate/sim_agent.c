/*
 * What a simulated host says and checks as an agent: docs/agent-protocol.md. The checks are the
 * agent's own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "agent/facts.h"
#include "db/host.h"
#include "server/simulate/sim_host.h"

#define MEMORY_MB	  65536
#define TIMEOUT_S	  30
#define PROGRESS_S	  3
#define PROGRESS_EVERY_MS 1000
#define QUIET_MS	  15000
#define RETRY_S		  5
#define RETRY_MAX_S	  60
#define HYPERVISOR	  "simulated"

/* ---- asking ---- */

/* Takes the body over. Returns false when the host failed. */
static bool post_take(struct sim_host *h, const char *what, unsigned timeout_s, struct jw *body)
{
	char url[URL_MAX + 32];
	int rc = -ENOMEM;

	snprintf(url, sizeof url, "%s/v1/agent/%s", h->base, what);
	if (!body->bad && sim_calls(h))
		rc = web_call_start(
			h->api, &(struct web_ask){ .url = url,
					.bearer = h->who.session[0] ? h->who.session : NULL,
					.body = body->buf,
					.timeout_s = timeout_s });
	jw_fini(body);
	if (rc < 0 && h->out->state == SIMULATE_RUNS)
		sim_fail(h, "out of memory on this machine");
	return rc == 0;
}

/* A lost session begins again at the facts; a refusal ends the boot. True: 2xx. */
static bool is_good(struct sim_host *h, const struct web_answer *a)
{
	char err[80], code[40], detail[100];
	struct json *doc;

	if (a->status >= 200 && a->status <= 299)
		return true;
	if (a->status == 401) {
		h->who.session[0] = '\0';
		sim_goto(h, sim_phase_facts);
		sim_retry(h, "the server does not know the session");
		return false;
	}
	doc = json_read(a->text, a->len, err, sizeof err);
	snprintf(code, sizeof code, "%s", json_get_str(doc, "code", ""));
	snprintf(detail, sizeof detail, "%s", json_get_str(doc, "title", ""));
	json_free(doc);
	sim_fail(h, "%s: the server refused: %s %s (status %ld)", boot_stage_name(h->out->stage),
		code, detail, a->status);
	return false;
}

/* The object of a good answer; else NULL and the host failed. */
static struct json *read_object(struct sim_host *h, const struct web_answer *a)
{
	char err[80];
	struct json *doc = json_read(a->text, a->len, err, sizeof err);

	if (json_is_object(doc))
		return doc;
	json_free(doc);
	sim_fail(h, "%s: the answer is no JSON object", boot_stage_name(h->out->stage));
	return NULL;
}

static void fail_by(struct sim_host *h, const struct fault *f)
{
	sim_fail(h, "%s: %s: %s", boot_stage_name(h->out->stage), f->code, f->message);
}

/* ---- facts ---- */

static void make_facts(const struct sim_host *h, struct facts *f)
{
	const uint8_t *m = h->out->mac;
	struct facts_nic *nic = &f->nics[0];

	*f = (struct facts){ .uefi = true,
		.is_virtual = true,
		.cpu_count = 2,
		.memory_mb = MEMORY_MB,
		.memory_free = (int64_t)MEMORY_MB << 20,
		.n_nics = 1 };
	sim_host_uuid(h, f->uuid);
	snprintf(f->serial, sizeof f->serial, SIMULATE_SERIAL, m[0], m[1], m[2], m[3], m[4], m[5]);
	snprintf(f->vendor, sizeof f->vendor, SIMULATE_VENDOR);
	snprintf(f->product, sizeof f->product, SIMULATE_PRODUCT);
	snprintf(nic->name, sizeof nic->name, "eth0");
	host_mac_print(m, nic->mac);
	nic->link = nic->boot = true;
	nic->speed = 1000;
}

void sim_agent_facts(struct sim_host *h)
{
	struct facts f;
	struct jw w = { 0 };

	make_facts(h, &f);
	facts_json(&f, &w);
	post_take(h, "facts", TIMEOUT_S, &w);
}

void sim_agent_facts_answered(struct sim_host *h, const struct web_answer *a)
{
	struct fault fault = { 0 };
	struct json *doc;
	int rc;

	if (!is_good(h, a) || !(doc = read_object(h, a)))
		return;
	rc = api_text_session(doc, &h->who, &fault);
	json_free(doc);
	if (rc < 0)
		fail_by(h, &fault);
	else
		sim_next(h);
}

/* ---- ticket ---- */

void sim_agent_ticket(struct sim_host *h)
{
	uint8_t bytes[(DIGEST_HEX - 1) / 2];
	struct jw w = { 0 };

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		abort(); /* cannot happen for so few bytes */
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(h->nonce + 2 * i, 3, "%02x", bytes[i]);
	h->nonce_ms = h->s->now_ms;
	api_text_ask(h->nonce, h->s->trust->walk.root.version, &w);
	post_take(h, "ticket", TIMEOUT_S, &w);
}

/* "position 7, about 40 s" */
static void stand_in_queue(struct sim_host *h, const struct web_answer *a)
{
	struct simulate_now *now = &h->s->now;
	char err[80];
	struct json *doc = json_read(a->text, a->len, err, sizeof err);
	unsigned place = 0;

	if (sscanf(json_get_str(doc, "detail", ""), "position %u", &place) == 1 &&
		place > now->last_place)
		now->last_place = place;
	json_free(doc);
	if (h->queued_ms)
		return;
	h->queued_ms = h->s->now_ms;
	now->queued++;
}

static void leave_queue(struct sim_host *h)
{
	if (!h->queued_ms)
		return;
	h->out->queued_ms = (int64_t)(h->s->now_ms - h->queued_ms);
	h->queued_ms = 0;
	h->s->now.queued--;
}

/* Not now: it asks again as often as the server says, for as long as an agent does: for ever. */
static void ticket_later(struct sim_host *h, const struct web_answer *a)
{
	unsigned s = a->retry_after_s ? a->retry_after_s : RETRY_S;

	sim_again_in(h, s > RETRY_MAX_S ? RETRY_MAX_S : s);
}

static void forget_part(struct sim_host *h)
{
	for (size_t i = 0; i < h->given.n_sigs; i++)
		free((void *)(uintptr_t)h->given.sigs[i].text);
	free((void *)(uintptr_t)h->given.text);
	h->given = (struct signed_text){ 0 };
}

static int take_offer(struct sim_host *h, const struct json *doc, struct fault *fault)
{
	free(h->offer);
	h->offer = calloc(1, sizeof *h->offer);
	if (!h->offer)
		return fault_set(
			fault, -ENOMEM, "image", "memory", "This machine has no memory left.");
	forget_part(h);
	h->part = 0;
	h->walk = h->s->trust->walk;
	return api_text_ticket(doc, h->offer, fault);
}

void sim_agent_ticket_answered(struct sim_host *h, const struct web_answer *a)
{
	struct fault fault = { 0 };
	struct json *doc;
	int rc;

	if (a->status == 429) {
		h->later = "it waited for its turn";
		stand_in_queue(h, a);
		ticket_later(h, a);
		return;
	}
	leave_queue(h);
	if (a->status == 403 || a->status == 404) {
		h->later = a->status == 403 ? "the server does not admit it"
					    : "the server has no image for it";
		h->out->repeats++;
		ticket_later(h, a);
		return;
	}
	h->later = NULL;
	if (!is_good(h, a) || !(doc = read_object(h, a)))
		return;
	rc = take_offer(h, doc, &fault);
	json_free(doc);
	if (rc < 0)
		fail_by(h, &fault);
	else
		sim_next(h);
}

/* ---- the chain: roots, channel, manifest ---- */

static void get_small(struct sim_host *h, const struct digest *d)
{
	char hex[DIGEST_HEX], url[URL_MAX + 96];

	digest_hex(d, hex);
	snprintf(url, sizeof url, "%s/blobs/sha256/%s", h->base, hex);
	if (sim_calls(h) && web_call_start(h->blobs,
				    &(struct web_ask){ .url = url, .timeout_s = TIMEOUT_S }) < 0)
		sim_fail(h, "out of memory on this machine");
}

/* A copy of a small blob; NULL when the host failed. */
static char *take_small(struct sim_host *h, const struct web_answer *a, const char *what)
{
	char *text;

	if (a->status != 200) {
		sim_fail(h, "image: file-missing: status %ld for %s", a->status, what);
		return NULL;
	}
	text = malloc(a->len + 1);
	if (!text) {
		sim_fail(h, "out of memory on this machine");
		return NULL;
	}
	memcpy(text, a->text, a->len + 1);
	return text;
}

static bool is_manifest(const struct sim_host *h)
{
	return h->part == h->offer->n_roots + 1;
}

static const struct api_signed *part_of(const struct sim_host *h)
{
	const struct api_ticket *o = h->offer;

	return h->part < o->n_roots    ? &o->roots[h->part]
	       : h->part == o->n_roots ? &o->channel
				       : &o->manifest;
}

void sim_agent_chain(struct sim_host *h)
{
	const struct api_signed *p = part_of(h);

	if (h->given.text)
		get_small(h, &p->sigs[h->given.n_sigs]);
	else
		get_small(h, is_manifest(h) ? &h->ticket.manifest : &p->digest);
}

/* Channel and ticket, and is that still so? */
static int check_channel(struct sim_host *h, struct fault *fault)
{
	const struct ticket_want want = { h->nonce, h->who.host, (uint64_t)h->who.boot,
		(h->s->now_ms - h->nonce_ms) / 1000 };
	const struct root *root = &h->walk.root;
	char err[JUDGE_ERR_MAX];
	bool site_fresh;
	int rc = verify_verdict(judge_channel(root, &h->given, &h->channel, err), err, fault);

	if (rc == 0)
		rc = verify_ticket(h->s->trust, h->offer, &want, &h->ticket, fault);
	return rc ? rc
		  : verify_fresh(h->s->trust, (uint64_t)time(NULL), root, &h->channel, &h->ticket,
			    &h->now_s, &site_fresh, fault);
}

static int check_manifest(struct sim_host *h, struct fault *fault)
{
	const struct verify_host can = {
		.kind_ok = { [IMAGE_LINUX] = true, [IMAGE_XEN] = true },
		.memory_free = (uint64_t)MEMORY_MB << 20,
	};
	char err[JUDGE_ERR_MAX];
	int rc = verify_verdict(judge_manifest(&h->walk.root, &h->channel, &h->ticket.manifest,
					h->now_s, &h->given, &h->manifest, err),
		err, fault);

	return rc ? rc : verify_host_can(&h->manifest, &can, fault);
}

/* The part is here with its signatures: the checks, in the agent's order. */
static int check_part(struct sim_host *h, struct fault *fault)
{
	char err[JUDGE_ERR_MAX];

	if (h->part < h->offer->n_roots)
		return verify_verdict(judge_root_next(&h->walk, &h->given, err), err, fault);
	return is_manifest(h) ? check_manifest(h, fault) : check_channel(h, fault);
}

static void end_chain(struct sim_host *h)
{
	free(h->offer);
	h->offer = NULL;
	h->file_at = 0;
	h->file_step = SIM_FILE_START;
	h->files_done = 0;
	sim_next(h);
}

/* False: the host failed. */
static bool take_piece(struct sim_host *h, const struct web_answer *a)
{
	const struct api_signed *p = part_of(h);
	struct signed_text *g = &h->given;
	const bool sig = g->text != NULL;
	const char *what = sig ? "a signature" : "a root, channel or manifest";
	struct fault fault = { 0 };
	char *text = take_small(h, a, what);

	if (!text)
		return false;
	if (sig)
		g->sigs[g->n_sigs++] = (struct quorum_sig){ text, a->len };
	else
		*g = (struct signed_text){ .text = text, .len = a->len };
	/* the manifest's digest is the ticket's, and judged with it */
	if (!sig && is_manifest(h))
		return true;
	if (verify_named(sig ? &p->sigs[g->n_sigs - 1] : &p->digest, text, a->len, what, &fault)) {
		fail_by(h, &fault);
		return false;
	}
	return true;
}

void sim_agent_chain_answered(struct sim_host *h, const struct web_answer *a)
{
	struct fault fault = { 0 };
	bool last;

	if (!take_piece(h, a))
		return;
	if (h->given.n_sigs < part_of(h)->n_sigs) {
		sim_agent_chain(h);
		return;
	}
	if (check_part(h, &fault) < 0) {
		fail_by(h, &fault);
		return;
	}
	last = is_manifest(h);
	forget_part(h);
	if (last) {
		end_chain(h);
		return;
	}
	h->part++;
	sim_agent_chain(h);
}

/* ---- what it is told beside the image ---- */

void sim_agent_extra(struct sim_host *h)
{
	struct jw w = { 0 };

	if (!h->ticket.extra_len) {
		sim_next(h);
		return;
	}
	api_text_extra(&h->ticket.extra, &w);
	post_take(h, "extra", TIMEOUT_S, &w);
}

void sim_agent_extra_answered(struct sim_host *h, const struct web_answer *a)
{
	struct fault fault = { 0 };

	if (!is_good(h, a))
		return;
	if (verify_extra(&h->ticket, a->text, a->len, &fault) < 0)
		fail_by(h, &fault);
	else
		sim_next(h);
}

/* ---- files ---- */

/* The UKI is for firmware. */
static uint64_t files_total(const struct manifest *m)
{
	const struct manifest_file *uki = manifest_file(m, FILE_UKI);

	return manifest_total(m) - (uki ? uki->length : 0);
}

/* A report of progress; false when the server is left alone for a while or one is under way. */
static bool report(struct sim_host *h, const char *what)
{
	const struct manifest_file *f = &h->manifest.files[h->file_at];
	const struct api_progress p = {
		.stage = "image",
		.what = what,
		.file = f->name,
		.bytes = h->got,
		.total = f->length,
		.files_bytes = h->files_done + h->got,
		.files_total = files_total(&h->manifest),
	};
	struct jw w = { 0 };

	if (h->s->now_ms < h->quiet_ms || (h->api && web_call_busy(h->api)))
		return false;
	api_text_progress(&p, &w);
	return post_take(h, "progress", PROGRESS_S, &w);
}

/* After a lost session, too, as the agent has it. */
static bool is_held(const struct sim_host *h, const struct digest *d)
{
	for (unsigned i = 0; i < h->n_held; i++)
		if (digest_equal(&h->held[i], d))
			return true;
	return false;
}

static void next_file(struct sim_host *h)
{
	const struct manifest *m = &h->manifest;

	for (; h->file_at < m->n_files; h->file_at++) {
		const struct manifest_file *f = &m->files[h->file_at];

		if (f->role == FILE_UKI)
			continue;
		if (!is_held(h, &f->sha256))
			break;
		h->files_done += f->length;
	}
	if (h->file_at == m->n_files) {
		sim_next(h);
		return;
	}
	h->file_step = SIM_FILE_STARTING;
	h->got = 0;
	if (!report(h, "started") && h->out->state == SIMULATE_RUNS)
		sim_agent_reported(h, true);
}

static void end_file(struct sim_host *h)
{
	if (web_call_busy(h->api))
		return; /* progress is being reported: after it */
	h->file_step = SIM_FILE_ENDING;
	if (!report(h, "finished") && h->out->state == SIMULATE_RUNS)
		sim_agent_reported(h, true);
}

void sim_agent_files(struct sim_host *h)
{
	switch (h->file_step) {
	case SIM_FILE_START:
		next_file(h);
		break;
	case SIM_FILE_GET: /* again, from where it broke */
		if (sim_calls(h))
			sim_get_blob(h, &h->manifest.files[h->file_at].sha256);
		break;
	default: /* a report is under way and will go on */
		break;
	}
}

void sim_agent_reported(struct sim_host *h, bool heard)
{
	if (!heard)
		h->quiet_ms = h->s->now_ms + QUIET_MS;
	switch (h->file_step) {
	case SIM_FILE_STARTING:
		h->file_step = SIM_FILE_GET;
		h->progress_ms = h->s->now_ms;
		sim_agent_files(h);
		break;
	case SIM_FILE_END:
		end_file(h);
		break;
	case SIM_FILE_ENDING:
		h->files_done += h->got;
		h->file_at++;
		next_file(h);
		break;
	default:
		break;
	}
}

bool sim_agent_bytes(const struct sim_host *h)
{
	return h->got <= h->manifest.files[h->file_at].length;
}

void sim_agent_on_tick(struct sim_host *h)
{
	if (sim_phases[h->phase].enter == sim_agent_files && h->file_step == SIM_FILE_GET &&
		h->s->now_ms - h->progress_ms >= PROGRESS_EVERY_MS && !h->again_ms &&
		report(h, "progress"))
		h->progress_ms = h->s->now_ms;
}

void sim_agent_files_answered(struct sim_host *h, const struct web_answer *a)
{
	const struct manifest_file *f = &h->manifest.files[h->file_at];

	if ((a->status == 200 || a->status == 206) && h->got != f->length) {
		sim_fail(h,
			"image: file-length: the server has another length of %s than the manifest",
			f->name);
		return;
	}
	if (!sim_got_blob(h, a, &f->sha256, f->name))
		return;
	if (h->n_held < MANIFEST_FILES_MAX)
		h->held[h->n_held++] = f->sha256;
	h->file_step = SIM_FILE_END;
	end_file(h);
}

/* ---- the end ---- */

void sim_agent_verified(struct sim_host *h)
{
	const uint64_t total = files_total(&h->manifest);
	const struct api_progress p = { .stage = "verify",
		.what = "finished",
		.file = "",
		.files_bytes = total,
		.files_total = total };
	struct jw w = { 0 };

	api_text_progress(&p, &w);
	post_take(h, "progress", TIMEOUT_S, &w);
}

void sim_agent_done_answered(struct sim_host *h, const struct web_answer *a)
{
	if (is_good(h, a))
		sim_next(h);
}

void sim_agent_handoff(struct sim_host *h)
{
	struct jw w = { 0 };

	api_text_handoff(image_kind_name(h->manifest.kind), "kexec", &h->ticket.manifest, &w);
	post_take(h, "handoff", TIMEOUT_S, &w);
}

void sim_agent_handoff_answered(struct sim_host *h, const struct web_answer *a)
{
	char err[80];
	struct json *doc, *told;
	const char *text;

	if (!is_good(h, a) || !(doc = read_object(h, a)))
		return;
	text = json_get_str(doc, "boot_json", "");
	told = json_read(text, strlen(text), err, sizeof err);
	snprintf(h->boot_nonce, sizeof h->boot_nonce, "%s", json_get_str(told, "nonce", ""));
	json_free(told);
	json_free(doc);
	if (h->boot_nonce[0])
		sim_next(h);
	else
		sim_fail(h, "handoff: the server gave nothing that the hypervisor could be told");
}

void sim_agent_up(struct sim_host *h)
{
	const struct api_up up = {
		.nonce = h->boot_nonce,
		.guest = "no guest ran: this is a rehearsal",
		.hypervisor = HYPERVISOR,
		.version = "muster " MUSTER_VERSION,
		.kernel = "none",
		.accelerator = "none",
		.detail = "",
		.orders = "", /* it beats once, and is over */
	};
	struct jw w = { 0 };

	api_text_up(&up, &w);
	post_take(h, "up", TIMEOUT_S, &w);
}

void sim_agent_heartbeat(struct sim_host *h)
{
	struct jw w = { 0 };

	api_text_heartbeat(&(struct api_beat){ 0 }, &w);
	post_take(h, "heartbeat", TIMEOUT_S, &w);
}

/* ---- failure ---- */

void sim_agent_say_failed(struct sim_host *h, const char *reason)
{
	struct fault f = { .stage = boot_stage_name(h->out->stage), .code = "simulated" };
	struct jw w = { 0 };

	snprintf(f.message, sizeof f.message, "%s", reason);
	h->again_ms = 0;
	/* whatever else is under way is of no use any more */
	web_call_free(h->api);
	web_call_free(h->blobs);
	h->api = h->blobs = NULL;
	api_text_failed(&f, &w);
	post_take(h, "failed", TIMEOUT_S, &w);
}

void sim_agent_fini(struct sim_host *h)
{
	forget_part(h);
	free(h->offer);
}
