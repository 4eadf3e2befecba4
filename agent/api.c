#include "agent/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/pace.h"
#include "agent/screen.h"

#define TIMEOUT_S	   30
#define PROGRESS_TIMEOUT_S 3
#define QUIET_MS	   15000
#define FAILED_TRIES	   4
#define RETRY_DEFAULT_S	   5
#define RETRY_MAX_S	   60
#define PAUSE_MAX_MS	   600000

int api_open(const char *url, struct api *out, struct fault *fault)
{
	struct api a = { 0 };

	snprintf(a.url, sizeof a.url, "%s", url);
	if (fetch_open(url, &a.fetch) < 0)
		return fault_set(fault, -EPROTO, "agent", "server", "libcurl does not start.");
	*out = a;
	return 0;
}

void api_close(struct api *a)
{
	fetch_close(a->fetch);
	a->fetch = NULL;
}

/* ---- asking ---- */

/* One try. Returns 0 with an answer below 500, or -EAGAIN. */
static int post_once(struct api *a, const char *path, const struct jw *body, int timeout_s,
	struct fetch_answer *out)
{
	int rc;

	if (body->bad)
		return -EAGAIN;
	rc = fetch_post(
		a->fetch, path, a->session[0] ? a->session : NULL, body->buf, timeout_s, out);
	if (rc == 0 && out->status < 500)
		return 0;
	if (rc == 0)
		fetch_answer_fini(out);
	return -EAGAIN;
}

/* Until there is an answer below 500. Returns 0 or -ETIMEDOUT with the fault. */
static int post(struct api *a, const char *path, const struct jw *body, struct fetch_answer *out,
	struct fault *fault)
{
	struct pace pace;
	int told = 0;

	pace_start(&pace, PACE_PATIENCE_S);
	while (post_once(a, path, body, TIMEOUT_S, out) < 0) {
		if (!told++)
			screen_say("The server at %s does not answer now (%s). Trying again.",
				a->url, fetch_why(a->fetch));
		if (pace_wait(&pace) < 0)
			return fault_set(fault, -ETIMEDOUT, "agent", "server",
				"The server at %s has not answered for %d minutes: %.100s.", a->url,
				PACE_PATIENCE_S / 60, fetch_why(a->fetch));
	}
	return 0;
}

/* What a refusal means; its sentence goes into the fault. */
static int refusal(const struct fetch_answer *a, const char *path, struct fault *fault)
{
	char err[80];
	struct json *doc = json_read(a->body, a->len, err, sizeof err);
	const char *detail = json_get_str(doc, "detail", json_get_str(doc, "title", ""));
	int rc = a->status == 401 ? -EACCES : a->status == 409 ? -ESTALE : -EPROTO;

	if (detail[0])
		fault_set(fault, rc, "agent", "server", "The server says: %.200s", detail);
	else
		fault_set(fault, rc, "agent", "server", "The server answered %s with status %ld.",
			path, a->status);
	json_free(doc);
	return rc;
}

/* Ask and read the answer's object. Takes the body over. 0 or an error of api.h. */
static int ask_take(
	struct api *a, const char *path, struct jw *body, struct json **out, struct fault *fault)
{
	struct fetch_answer answer = { 0 };
	char err[80];
	int rc = post(a, path, body, &answer, fault);

	jw_fini(body);
	if (rc < 0)
		return rc;
	if (answer.status < 200 || answer.status > 299) {
		rc = refusal(&answer, path, fault);
	} else if (out) {
		*out = json_read(answer.body, answer.len, err, sizeof err);
		if (!json_is_object(*out)) {
			json_free(*out);
			rc = fault_set(fault, -EPROTO, "agent", "server",
				"The server answered %s with something that is no JSON object.",
				path);
		}
	}
	fetch_answer_fini(&answer);
	return rc;
}

static void copy(char *out, size_t size, const struct json *doc, const char *key)
{
	snprintf(out, size, "%s", json_get_str(doc, key, ""));
}

/* ---- facts ---- */

int api_facts(struct api *a, const struct facts *f, struct fault *fault)
{
	struct json *doc;
	struct jw w = { 0 };
	int rc;

	a->session[0] = '\0';
	facts_json(f, &w);
	rc = ask_take(a, "/v1/agent/facts", &w, &doc, fault);
	if (rc < 0)
		return rc;
	copy(a->session, sizeof a->session, doc, "session");
	copy(a->server, sizeof a->server, doc, "server");
	copy(a->host, sizeof a->host, doc, "host");
	copy(a->code, sizeof a->code, doc, "code");
	a->boot = json_get_int(doc, "boot", 0);
	a->waiting = strcmp(json_get_str(doc, "state", ""), "waiting") == 0;
	json_free(doc);
	/* it goes into a header */
	if (!a->session[0] || a->session[strspn(a->session, "0123456789abcdef")])
		return fault_set(fault, -EPROTO, "agent", "server",
			"The server gave no session that this agent understands.");
	return 0;
}

/* ---- ticket ---- */

/* One file and its signatures; a further signature than there is room for is left out. */
static int signed_read(const struct json *doc, struct api_signed *out)
{
	const struct json *sigs = json_get(doc, "signatures");
	int bad = digest_parse(json_get_str(doc, "digest", ""), &out->digest) < 0;

	for (size_t i = 0; i < json_len(sigs) && i < QUORUM_SIGS_MAX; i++) {
		bad |= digest_parse(json_str(json_at(sigs, i), ""), &out->sigs[i]) < 0;
		out->n_sigs = i + 1;
	}
	return bad;
}

static int ticket_read(const struct json *doc, struct api_ticket *t, struct fault *fault)
{
	const struct json *roots = json_get(doc, "roots");
	int bad = signed_read(json_get(doc, "manifest"), &t->manifest);

	bad |= signed_read(json_get(doc, "channel"), &t->channel);
	for (size_t i = 0; i < json_len(roots) && i < API_ROOTS_MAX; i++) {
		bad |= signed_read(json_at(roots, i), &t->roots[i]);
		t->n_roots = i + 1;
	}
	copy(t->image, sizeof t->image, doc, "image");
	copy(t->version, sizeof t->version, doc, "version");
	copy(t->ticket, sizeof t->ticket, doc, "ticket");
	copy(t->ticket_sig, sizeof t->ticket_sig, doc, "ticket_minisig");
	t->pause_ms = json_get_int(doc, "pause_ms", 0);
	if (t->pause_ms < 0 || t->pause_ms > PAUSE_MAX_MS)
		t->pause_ms = 0;
	return bad ? fault_set(fault, -EPROTO, "agent", "server",
			     "The server named no digest for a root, the channel, the manifest or a "
			     "signature.")
		   : 0;
}

int api_ticket(struct api *a, const char *nonce, uint64_t root, struct api_ticket *out,
	unsigned *retry_s, struct fault *fault)
{
	static const char path[] = "/v1/agent/ticket";
	struct fetch_answer answer = { 0 };
	struct api_ticket t = { 0 };
	struct json *doc;
	struct jw w = { 0 };
	char err[80];
	int rc;

	jw_obj(&w, NULL);
	jw_str(&w, "nonce", nonce);
	jw_int(&w, "root", (int64_t)root);
	jw_end_obj(&w);
	rc = post(a, path, &w, &answer, fault);
	jw_fini(&w);
	if (rc < 0)
		return rc;
	if (answer.status == 200) {
		doc = json_read(answer.body, answer.len, err, sizeof err);
		rc = ticket_read(doc, &t, fault);
		json_free(doc);
	} else {
		rc = refusal(&answer, path, fault);
	}
	if (answer.status == 403 || answer.status == 404) {
		rc = -EAGAIN;
		*retry_s = answer.retry_after_s ? answer.retry_after_s : RETRY_DEFAULT_S;
		*retry_s = *retry_s > RETRY_MAX_S ? RETRY_MAX_S : *retry_s;
	}
	fetch_answer_fini(&answer);
	if (rc == 0)
		*out = t;
	return rc;
}

/* ---- progress and failure ---- */

static void progress_json(const struct api_progress *p, struct jw *w)
{
	jw_obj(w, NULL);
	jw_str(w, "stage", p->stage);
	jw_str(w, "what", p->what);
	jw_str(w, "file", p->file);
	jw_int(w, "bytes", (int64_t)p->bytes);
	jw_int(w, "total", (int64_t)p->total);
	jw_int(w, "files_bytes", (int64_t)p->files_bytes);
	jw_int(w, "files_total", (int64_t)p->files_total);
	if (p->detail)
		jw_str(w, "detail", p->detail);
	jw_end_obj(w);
}

void api_progress(struct api *a, const struct api_progress *p)
{
	struct fetch_answer answer = { 0 };
	struct jw w = { 0 };

	if (pace_now_ms() < a->quiet_ms)
		return;
	progress_json(p, &w);
	if (post_once(a, "/v1/agent/progress", &w, PROGRESS_TIMEOUT_S, &answer) == 0)
		fetch_answer_fini(&answer);
	else
		a->quiet_ms = pace_now_ms() + QUIET_MS;
	jw_fini(&w);
}

int api_verified(struct api *a, const struct api_progress *p, struct fault *fault)
{
	struct jw w = { 0 };

	progress_json(p, &w);
	return ask_take(a, "/v1/agent/progress", &w, NULL, fault);
}

void api_failed(struct api *a, const struct fault *f, unsigned *reboot_s)
{
	struct fetch_answer answer = { 0 };
	struct json *doc;
	struct jw w = { 0 };
	char err[80];
	int rc = -1;

	jw_obj(&w, NULL);
	jw_str(&w, "stage", f->stage);
	jw_str(&w, "code", f->code);
	jw_str(&w, "message", f->message);
	jw_str(&w, "file", f->file);
	jw_str(&w, "expected", f->expected);
	jw_str(&w, "found", f->found);
	jw_end_obj(&w);
	for (int i = 0; i < FAILED_TRIES && rc < 0; i++) {
		if (i > 0)
			pace_sleep_ms(2000);
		rc = post_once(a, "/v1/agent/failed", &w, TIMEOUT_S, &answer);
	}
	jw_fini(&w);
	if (rc < 0)
		return;
	doc = json_read(answer.body, answer.len, err, sizeof err);
	if (json_get_int(doc, "reboot_s", 0) > 0 && json_get_int(doc, "reboot_s", 0) <= 3600)
		*reboot_s = (unsigned)json_get_int(doc, "reboot_s", 0);
	json_free(doc);
	fetch_answer_fini(&answer);
}

/* ---- hand-off, up, heartbeat ---- */

int api_handoff(struct api *a, const char *kind, const char *way, const struct digest *manifest,
	char **boot_json, struct fault *fault)
{
	char hex[DIGEST_HEX];
	struct json *doc;
	struct jw w = { 0 };
	char *text;
	int rc;

	digest_hex(manifest, hex);
	jw_obj(&w, NULL);
	jw_str(&w, "kind", kind);
	jw_str(&w, "way", way);
	jw_str(&w, "manifest", hex);
	jw_end_obj(&w);
	rc = ask_take(a, "/v1/agent/handoff", &w, &doc, fault);
	if (rc < 0)
		return rc;
	text = strdup(json_get_str(doc, "boot_json", ""));
	json_free(doc);
	if (!text || !text[0]) {
		free(text);
		return fault_set(fault, -EPROTO, "handoff", "server",
			"The server gave nothing that the hypervisor could be told.");
	}
	*boot_json = text;
	return 0;
}

/* Numbers with a fraction: jw has none, but the text of one is JSON. */
static void jw_seconds(struct jw *w, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof text, "%.2f", value);
	jw_raw(w, key, text);
}

int api_up(struct api *a, const struct api_up *up, struct fault *fault)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_str(&w, "nonce", up->nonce);
	jw_str(&w, "guest", up->guest);
	jw_int(&w, "guest_ms", up->guest_ms);
	jw_str(&w, "hypervisor", up->hypervisor);
	jw_str(&w, "version", up->version);
	jw_str(&w, "kernel", up->kernel);
	jw_str(&w, "accelerator", up->accelerator);
	jw_seconds(&w, "uptime_s", up->uptime_s);
	jw_str(&w, "detail", up->detail);
	jw_end_obj(&w);
	return ask_take(a, "/v1/agent/up", &w, NULL, fault);
}

int api_heartbeat(struct api *a, double uptime_s, double load1, int guests, struct fault *fault)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_seconds(&w, "uptime_s", uptime_s);
	jw_seconds(&w, "load1", load1);
	jw_int(&w, "guests", guests);
	jw_end_obj(&w);
	return ask_take(a, "/v1/agent/heartbeat", &w, NULL, fault);
}
