#include "agent/api_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAUSE_MAX_MS 600000

static void copy(char *out, size_t size, const struct json *doc, const char *key)
{
	snprintf(out, size, "%s", json_get_str(doc, key, ""));
}

int api_text_session(const struct json *doc, struct api_session *out, struct fault *fault)
{
	struct api_session s = { 0 };

	copy(s.session, sizeof s.session, doc, "session");
	copy(s.server, sizeof s.server, doc, "server");
	copy(s.host, sizeof s.host, doc, "host");
	copy(s.code, sizeof s.code, doc, "code");
	s.boot = json_get_int(doc, "boot", 0);
	s.waiting = strcmp(json_get_str(doc, "state", ""), "waiting") == 0;
	/* it goes into a header */
	if (!s.session[0] || s.session[strspn(s.session, "0123456789abcdef")])
		return fault_set(fault, -EPROTO, "agent", "server",
			"The server gave no session that this agent understands.");
	*out = s;
	return 0;
}

void api_text_ask(const char *nonce, uint64_t root, struct jw *w)
{
	jw_obj(w, NULL);
	jw_str(w, "nonce", nonce);
	jw_int(w, "root", (int64_t)root);
	jw_end_obj(w);
}

/* One that this agent does not understand is left out: there is always the server. */
static void mirrors_read(const struct json *list, struct api_ticket *t)
{
	for (size_t i = 0; i < json_len(list) && t->n_mirrors < API_MIRRORS_MAX; i++)
		t->n_mirrors +=
			cmdline_url(json_str(json_at(list, i), ""), t->mirrors[t->n_mirrors]) == 0;
}

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

int api_text_ticket(const struct json *doc, struct api_ticket *t, struct fault *fault)
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
	mirrors_read(json_get(doc, "mirrors"), t);
	return bad ? fault_set(fault, -EPROTO, "agent", "server",
			     "The server named no digest for a root, the channel, the manifest or a "
			     "signature.")
		   : 0;
}

void api_text_extra(const struct digest *extra, struct jw *w)
{
	char hex[DIGEST_HEX];

	digest_hex(extra, hex);
	jw_obj(w, NULL);
	jw_str(w, "sha256", hex);
	jw_end_obj(w);
}

void api_text_progress(const struct api_progress *p, struct jw *w)
{
	jw_obj(w, NULL);
	jw_str(w, "stage", p->stage);
	jw_str(w, "what", p->what);
	jw_str(w, "file", p->file);
	if (p->detail)
		jw_str(w, "detail", p->detail);
	jw_int(w, "bytes", (int64_t)p->bytes);
	jw_int(w, "total", (int64_t)p->total);
	jw_int(w, "files_bytes", (int64_t)p->files_bytes);
	jw_int(w, "files_total", (int64_t)p->files_total);
	jw_end_obj(w);
}

void api_text_failed(const struct fault *f, struct jw *w)
{
	jw_obj(w, NULL);
	jw_str(w, "stage", f->stage);
	jw_str(w, "code", f->code);
	jw_str(w, "message", f->message);
	jw_str(w, "file", f->file);
	jw_str(w, "expected", f->expected);
	jw_str(w, "found", f->found);
	jw_end_obj(w);
}

void api_text_handoff(
	const char *kind, const char *way, const struct digest *manifest, struct jw *w)
{
	char hex[DIGEST_HEX];

	digest_hex(manifest, hex);
	jw_obj(w, NULL);
	jw_str(w, "kind", kind);
	jw_str(w, "way", way);
	jw_str(w, "manifest", hex);
	jw_end_obj(w);
}

/* Numbers with a fraction: jw has none, but the text of one is JSON. */
static void jw_seconds(struct jw *w, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof text, "%.2f", value);
	jw_raw(w, key, text);
}

void api_text_up(const struct api_up *up, struct jw *w)
{
	jw_obj(w, NULL);
	jw_str(w, "nonce", up->nonce);
	jw_str(w, "guest", up->guest);
	jw_int(w, "guest_ms", up->guest_ms);
	jw_str(w, "hypervisor", up->hypervisor);
	jw_str(w, "version", up->version);
	jw_str(w, "kernel", up->kernel);
	jw_str(w, "accelerator", up->accelerator);
	jw_seconds(w, "uptime_s", up->uptime_s);
	jw_str(w, "detail", up->detail);
	jw_str(w, "orders", up->orders);
	jw_end_obj(w);
}

void api_text_heartbeat(const struct api_beat *b, struct jw *w)
{
	jw_obj(w, NULL);
	jw_seconds(w, "uptime_s", b->uptime_s);
	jw_seconds(w, "load1", b->load1);
	jw_int(w, "guests", b->guests);
	if (b->nonce)
		jw_str(w, "nonce", b->nonce);
	jw_end_obj(w);
}

void api_text_order(const struct json *doc, struct api_order *out)
{
	copy(out->text, sizeof out->text, doc, "order");
	copy(out->sig, sizeof out->sig, doc, "order_minisig");
}

void api_text_order_end(const char *why, struct jw *w)
{
	jw_obj(w, NULL);
	jw_str(w, "what", why ? "refused" : "obeyed");
	if (why)
		jw_str(w, "why", why);
	jw_end_obj(w);
}
