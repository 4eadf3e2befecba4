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
#define ORDER_TRIES	   3
#define RETRY_DEFAULT_S	   5
#define RETRY_MAX_S	   60

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
	rc = fetch_post(a->fetch, path, a->who.session[0] ? a->who.session : NULL, body->buf,
		timeout_s, out);
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

/* ---- facts ---- */

int api_facts(struct api *a, const struct facts *f, struct fault *fault)
{
	struct json *doc;
	struct jw w = { 0 };
	int rc;

	a->who.session[0] = '\0';
	facts_json(f, &w);
	rc = ask_take(a, "/v1/agent/facts", &w, &doc, fault);
	if (rc < 0)
		return rc;
	rc = api_text_session(doc, &a->who, fault);
	json_free(doc);
	return rc;
}

/* ---- ticket ---- */

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

	api_text_ask(nonce, root, &w);
	rc = post(a, path, &w, &answer, fault);
	jw_fini(&w);
	if (rc < 0)
		return rc;
	if (answer.status == 200) {
		doc = json_read(answer.body, answer.len, err, sizeof err);
		rc = api_text_ticket(doc, &t, fault);
		json_free(doc);
	} else {
		rc = refusal(&answer, path, fault);
	}
	if (answer.status == 403 || answer.status == 404 || answer.status == 429) {
		rc = -EAGAIN;
		*retry_s = answer.retry_after_s ? answer.retry_after_s : RETRY_DEFAULT_S;
		*retry_s = *retry_s > RETRY_MAX_S ? RETRY_MAX_S : *retry_s;
	}
	fetch_answer_fini(&answer);
	if (rc == 0)
		*out = t;
	return rc;
}

/* ---- what is told beside the image ---- */

int api_extra(
	struct api *a, const struct digest *extra, struct fetch_answer *out, struct fault *fault)
{
	static const char path[] = "/v1/agent/extra";
	struct jw w = { 0 };
	int rc;

	api_text_extra(extra, &w);
	rc = post(a, path, &w, out, fault);
	jw_fini(&w);
	if (rc == 0 && out->status != 200) {
		rc = refusal(out, path, fault);
		fetch_answer_fini(out);
	}
	return rc;
}

/* ---- progress and failure ---- */

void api_progress(struct api *a, const struct api_progress *p)
{
	struct fetch_answer answer = { 0 };
	struct jw w = { 0 };

	if (pace_now_ms() < a->quiet_ms)
		return;
	api_text_progress(p, &w);
	if (post_once(a, "/v1/agent/progress", &w, PROGRESS_TIMEOUT_S, &answer) == 0)
		fetch_answer_fini(&answer);
	else
		a->quiet_ms = pace_now_ms() + QUIET_MS;
	jw_fini(&w);
}

void api_neighbours(struct api *a, struct hear *h)
{
	struct fetch_answer answer = { 0 };
	struct jw w = { 0 };

	hear_json(h, &w);
	if (post_once(a, "/v1/agent/neighbours", &w, PROGRESS_TIMEOUT_S, &answer) == 0) {
		h->news = false;
		fetch_answer_fini(&answer);
	}
	jw_fini(&w);
}

int api_verified(struct api *a, const struct api_progress *p, struct fault *fault)
{
	struct jw w = { 0 };

	api_text_progress(p, &w);
	return ask_take(a, "/v1/agent/progress", &w, NULL, fault);
}

void api_failed(struct api *a, const struct fault *f, unsigned *reboot_s)
{
	struct fetch_answer answer = { 0 };
	struct json *doc;
	struct jw w = { 0 };
	char err[80];
	int rc = -1;

	api_text_failed(f, &w);
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
	struct json *doc;
	struct jw w = { 0 };
	char *text;
	int rc;

	api_text_handoff(kind, way, manifest, &w);
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

int api_up(struct api *a, const struct api_up *up, struct fault *fault)
{
	struct jw w = { 0 };

	api_text_up(up, &w);
	return ask_take(a, "/v1/agent/up", &w, NULL, fault);
}

int api_heartbeat(
	struct api *a, const struct api_beat *b, struct api_order *order, struct fault *fault)
{
	static const char path[] = "/v1/agent/heartbeat";
	struct fetch_answer answer = { 0 };
	struct jw w = { 0 };
	struct json *doc;
	char err[80];
	int rc;

	*order = (struct api_order){ 0 };
	api_text_heartbeat(b, &w);
	rc = post(a, path, &w, &answer, fault);
	jw_fini(&w);
	if (rc < 0)
		return rc;
	if (answer.status == 200) {
		doc = json_read(answer.body, answer.len, err, sizeof err);
		api_text_order(doc, order);
		json_free(doc);
	} else if (answer.status != 204) {
		rc = refusal(&answer, path, fault);
	}
	fetch_answer_fini(&answer);
	return rc;
}

void api_order_end(struct api *a, const char *why)
{
	struct fetch_answer answer = { 0 };
	struct jw w = { 0 };
	int rc = -1;

	api_text_order_end(why, &w);
	for (int i = 0; i < ORDER_TRIES && rc < 0; i++) {
		if (i > 0)
			pace_sleep_ms(1000);
		rc = post_once(a, "/v1/agent/order", &w, PROGRESS_TIMEOUT_S, &answer);
	}
	jw_fini(&w);
	if (rc == 0)
		fetch_answer_fini(&answer);
}
