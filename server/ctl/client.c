/* client.c: requests to the server by libcurl; the only file of the command that includes it. */
#include "server/ctl/client.h"

#include <curl/curl.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/loop.h"

#define ANSWER_MAX     (64 * 1024 * 1024) /* bytes of a body that we take */
#define CONNECT_MS     5000L
#define ANSWER_MS      60000L
#define PUT_MS	       900000L /* the server reads through what came */
#define RETRIES	       3 /* of a GET that met a server whose deciding role is being restarted */
#define RETRY_MS       500
#define TOKEN_MAX      256
#define LINE_MAX_BYTES (256 * 1024) /* of a stream of events */
#define MOMENT_MS      250
#define QUIET_S	       30L   /* without a sign of life the line is lost */
#define AWAY_MS	       60000 /* a server that is being restarted comes back sooner */
#define URL_MAX	       4096

struct client {
	CURL *curl;
	struct curl_slist *headers;
};

/* ---- making it ---- */

/* The first line of the token file; 0 or an exit code. */
static int read_token(const char *path, char out[TOKEN_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return ctl_fail(
			CTL_FAILED, "cannot read the token file %s: %s", path, strerror(errno));
	n = read(fd, out, TOKEN_MAX - 1);
	close(fd);
	if (n < 0)
		return ctl_fail(
			CTL_FAILED, "cannot read the token file %s: %s", path, strerror(errno));
	out[n] = 0;
	out[strcspn(out, "\r\n")] = 0;
	if (!*out)
		return ctl_fail(CTL_FAILED, "the token file %s is empty", path);
	return CTL_OK;
}

static void add_header(struct client *k, const char *line)
{
	struct curl_slist *longer = curl_slist_append(k->headers, line);

	if (!longer)
		errx(CTL_FAILED, "out of memory");
	k->headers = longer;
}

static int add_token(struct client *k, const char *path)
{
	char token[TOKEN_MAX], line[TOKEN_MAX + 32];
	int rc = read_token(path, token);

	if (rc)
		return rc;
	snprintf(line, sizeof line, "Authorization: Bearer %s", token);
	add_header(k, line);
	explicit_bzero(token, sizeof token);
	explicit_bzero(line, sizeof line);
	return CTL_OK;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;
	char *text;

	n *= size;
	if (n > ANSWER_MAX - a->len)
		return 0; /* libcurl then ends the transfer with a write error */
	text = realloc(a->text, a->len + n + 1);
	if (!text)
		return 0;
	memcpy(text + a->len, p, n);
	a->text = text;
	a->len += n;
	a->text[a->len] = 0;
	return n;
}

static void set_options(struct client *k, const struct ctl *c)
{
	CURL *h = k->curl;

	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, ANSWER_MS);
	curl_easy_setopt(h, CURLOPT_USERAGENT, "muster/" MUSTER_VERSION);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, k->headers);
	if (c->ca_file)
		curl_easy_setopt(h, CURLOPT_CAINFO, c->ca_file);
	if (!c->url) {
		curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, c->socket);
		curl_easy_setopt(h, CURLOPT_PROXY, ""); /* whatever the environment says */
	}
}

static int client_open(struct ctl *c)
{
	struct client *k;
	int rc = CTL_OK;

	if (c->client)
		return CTL_OK;
	if (c->url && strncmp(c->url, "http://", 7) && strncmp(c->url, "https://", 8))
		return ctl_fail(CTL_USAGE, "MUSTER_URL must start with http:// or https://");
	k = calloc(1, sizeof *k);
	if (!k || curl_global_init(CURL_GLOBAL_DEFAULT) || !(k->curl = curl_easy_init()))
		errx(CTL_FAILED, "out of memory");
	add_header(k, "Content-Type: application/json");
	add_header(k, "Accept: application/json, application/problem+json");
	if (c->url && c->token_file)
		rc = add_token(k, c->token_file);
	if (rc) {
		client_free(k);
		return rc;
	}
	set_options(k, c);
	c->client = k;
	return CTL_OK;
}

void client_free(struct client *k)
{
	if (!k)
		return;
	curl_slist_free_all(k->headers);
	curl_easy_cleanup(k->curl);
	free(k);
}

/* ---- asking ---- */

void answer_fini(struct answer *a)
{
	free(a->text);
	json_free(a->doc);
	*a = (struct answer){ 0 };
}

static int unreachable(const struct ctl *c, CURLcode code)
{
	int rc = ctl_fail(
		CTL_UNREACHABLE, "no answer from the server: %s", curl_easy_strerror(code));

	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
		ctl_hint("MUSTER_CA names a file with the server's certificate, or its signer's");
	else if (c->url)
		ctl_hint("is musterd running at %s? MUSTER_URL says so", c->url);
	else
		ctl_hint("is musterd running? socket %s (--socket or MUSTER_SOCKET names another)",
			c->socket);
	return rc;
}

static CURLcode set_target(struct ctl *c, const char *path, struct answer *out)
{
	CURL *h = c->client->curl;
	char url[URL_MAX];
	const char *base = c->url ? c->url : "http://localhost";
	int base_len = (int)strlen(base) - (base[strlen(base) - 1] == '/');
	int n = snprintf(url, sizeof url, "%.*s%s", base_len, base, path);

	if (n < 0 || (size_t)n >= sizeof url)
		return CURLE_URL_MALFORMAT;
	curl_easy_setopt(h, CURLOPT_URL, url);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, out);
	return CURLE_OK;
}

static CURLcode ask_once(
	struct ctl *c, const char *method, const char *path, const char *body, struct answer *out)
{
	CURL *h = c->client->curl;
	CURLcode code = set_target(c, path, out);

	if (code)
		return code;
	if (body)
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, body);
	else
		curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method);
	code = curl_easy_perform(h);
	if (code == CURLE_OK)
		curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &out->status);
	return code;
}

/* What came, or why nothing did. */
static int take_answer(const struct ctl *c, CURLcode code, struct answer *a, struct answer *out)
{
	char why[160];

	if (c->patient && (code || a->status == 503)) {
		answer_fini(a);
		return CTL_UNREACHABLE;
	}
	if (code) {
		answer_fini(a);
		return unreachable(c, code);
	}
	if (!a->text && !(a->text = strdup("")))
		errx(CTL_FAILED, "out of memory");
	if (a->len)
		a->doc = json_read(a->text, a->len, why, sizeof why);
	*out = *a;
	return CTL_OK;
}

int client_ask(
	struct ctl *c, const char *method, const char *path, const char *body, struct answer *out)
{
	struct answer a = { 0 };
	CURLcode code;
	int rc = client_open(c);

	if (rc)
		return rc;
	code = ask_once(c, method, path, body, &a);
	for (int i = 0; i < RETRIES && !code && a.status == 503 && !strcmp(method, "GET"); i++) {
		ctl_pause(RETRY_MS);
		answer_fini(&a);
		code = ask_once(c, method, path, body, &a);
	}
	return take_answer(c, code, &a, out);
}

/* ---- sending a file ---- */

struct sending {
	const struct client_body *body;
	uint64_t at;
};

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
	struct sending *s = arg;
	const uint64_t left = s->body->len - s->at;
	ssize_t got;

	n *= size;
	got = pread(s->body->fd, p, n < left ? n : (size_t)left, (off_t)(s->body->offset + s->at));
	if (got < 0 || (got == 0 && left))
		return CURL_READFUNC_ABORT; /* the file became shorter */
	s->at += (uint64_t)got;
	s->body->sent(s->body->arg, (uint64_t)got);
	return (size_t)got;
}

/* Those of every request, but for what the body is. */
static struct curl_slist *put_headers(const struct client *k, const struct client_body *b)
{
	struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/octet-stream");
	char range[80];

	list = curl_slist_append(list, "Expect:");
	if (b->len) {
		snprintf(range, sizeof range,
			"Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, b->offset,
			b->offset + b->len - 1, b->total);
		list = curl_slist_append(list, range);
	}
	for (const struct curl_slist *l = k->headers; l; l = l->next) {
		if (strncmp(l->data, "Content-Type:", 13) != 0)
			list = curl_slist_append(list, l->data);
	}
	return list;
}

int client_put(struct ctl *c, const char *path, const struct client_body *body, struct answer *out)
{
	struct sending s = { .body = body };
	struct curl_slist *headers;
	struct answer a = { 0 };
	CURLcode code;
	CURL *h;
	int rc = client_open(c);

	if (rc)
		return rc;
	h = c->client->curl;
	headers = put_headers(c->client, body);
	curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, "PUT");
	curl_easy_setopt(h, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(h, CURLOPT_READDATA, &s);
	curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)body->len);
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, PUT_MS);
	code = set_target(c, path, &a);
	if (!code)
		code = curl_easy_perform(h);
	if (!code)
		curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &a.status);
	curl_easy_setopt(h, CURLOPT_UPLOAD, 0L);
	set_options(c->client, c);
	curl_slist_free_all(headers);
	return take_answer(c, code, &a, out);
}

int client_exit(const struct answer *a)
{
	return a->status == 404			      ? CTL_NOT_FOUND
	       : a->status == 409 || a->status == 412 ? CTL_CONFLICT
	       : a->status == 503		      ? CTL_UNREACHABLE
						      : CTL_FAILED;
}

int client_problem(const struct answer *a)
{
	const char *detail = json_get_str(a->doc, "detail", json_get_str(a->doc, "title", NULL));
	const char *hint = json_get_str(a->doc, "hint", NULL);
	const int rc = client_exit(a);

	if (detail)
		ctl_fail((enum ctl_exit)rc, "%s", detail);
	else
		ctl_fail((enum ctl_exit)rc, "the server answered with status %ld", a->status);
	if (hint)
		ctl_hint("%s", hint);
	return rc;
}

int client_call(
	struct ctl *c, const char *method, const char *path, const char *body, struct answer *out)
{
	struct answer a;
	int rc = client_ask(c, method, path, body, &a);

	if (rc)
		return rc;
	if (a.status / 100 != 2)
		rc = client_problem(&a);
	else if (a.len && !a.doc)
		rc = ctl_fail(CTL_FAILED, "the server's answer to %s %s is no JSON", method, path);
	if (rc)
		answer_fini(&a);
	else
		*out = a;
	return rc;
}

int client_get(struct ctl *c, const char *path, struct answer *out)
{
	return client_call(c, "GET", path, NULL, out);
}

/* ---- what may be long ---- */

struct download {
	CURL *curl;
	client_bytes_fn *fn;
	void *arg;
	struct answer problem; /* what came in the place of it */
	bool ended;	       /* by fn */
};

static size_t on_download(char *p, size_t size, size_t n, void *arg)
{
	struct download *d = arg;
	long status = 0;

	curl_easy_getinfo(d->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return on_body(p, size, n, &d->problem);
	d->ended = !d->fn(d->arg, p, size * n);
	return d->ended ? 0 : size * n;
}

static int download_end(const struct ctl *c, struct download *d, CURLcode code)
{
	struct answer a;
	int rc;

	if (d->ended)
		return CTL_FAILED;
	if (code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING)
		return ctl_fail(CTL_UNREACHABLE, "the server ended before all of it had come");
	rc = take_answer(c, code, &d->problem, &a);
	d->problem = (struct answer){ 0 };
	if (rc)
		return rc;
	if (a.status != 200)
		rc = client_problem(&a);
	answer_fini(&a);
	return rc;
}

int client_download(struct ctl *c, const char *path, client_bytes_fn *fn, void *arg)
{
	struct download d = { .fn = fn, .arg = arg };
	CURLcode code;
	int rc = client_open(c);

	if (rc)
		return rc;
	d.curl = c->client->curl;
	curl_easy_setopt(d.curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(d.curl, CURLOPT_CUSTOMREQUEST, NULL);
	curl_easy_setopt(d.curl, CURLOPT_TIMEOUT_MS, 0L);
	curl_easy_setopt(d.curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(d.curl, CURLOPT_LOW_SPEED_TIME, PUT_MS / 1000);
	curl_easy_setopt(d.curl, CURLOPT_WRITEFUNCTION, on_download);
	code = set_target(c, path, &d.problem);
	curl_easy_setopt(d.curl, CURLOPT_WRITEDATA, &d);
	if (!code)
		code = curl_easy_perform(d.curl);
	curl_easy_getinfo(d.curl, CURLINFO_RESPONSE_CODE, &d.problem.status);
	curl_easy_setopt(d.curl, CURLOPT_LOW_SPEED_TIME, 0L);
	set_options(c->client, c);
	rc = download_end(c, &d, code);
	answer_fini(&d.problem);
	return rc;
}

/* ---- following ---- */

struct follower {
	struct ctl *c;
	CURL *curl;
	client_event_fn *fn;
	void *arg;
	int64_t *after, id; /* told; of the event that is being read */
	char *line;	    /* LINE_MAX_BYTES: what came of it */
	size_t len;
	int stop;	  /* what fn returned */
	uint64_t told_ms; /* when fn had its last moment */
};

static void give_moment(struct follower *f)
{
	if (f->stop || now_mono_ms() - f->told_ms < MOMENT_MS)
		return;
	f->stop = f->fn(f->arg, NULL);
	f->told_ms = now_mono_ms();
}

/* "id: 7" or "data: {...}"; others are comments and blanks. */
static void take_line(struct follower *f)
{
	char why[160];
	struct json *event;

	f->line[f->len] = 0;
	f->len = 0;
	if (!strncmp(f->line, "id: ", 4))
		f->id = strtoll(f->line + 4, NULL, 10);
	if (strncmp(f->line, "data: ", 6))
		return;
	event = json_read(f->line + 6, strlen(f->line + 6), why, sizeof why);
	f->stop = event ? f->fn(f->arg, event) : 0;
	json_free(event);
	*f->after = f->id;
}

/* Anything but n ends the transfer. A line that is too long is none of ours. */
static size_t on_stream(char *p, size_t size, size_t n, void *arg)
{
	struct follower *f = arg;
	long status = 0;

	n *= size;
	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
	for (size_t i = 0; i < n && status == 200 && !f->stop; i++) {
		if (p[i] == '\n')
			take_line(f);
		else if (f->len < LINE_MAX_BYTES - 1)
			f->line[f->len++] = p[i];
	}
	f->told_ms = 0; /* what came may be acted upon at once */
	return f->stop ? 0 : n;
}

static int on_moment(void *arg, curl_off_t a, curl_off_t b, curl_off_t u, curl_off_t d)
{
	struct follower *f = arg;

	(void)a, (void)b, (void)u, (void)d;
	give_moment(f);
	return f->stop != 0;
}

static CURLcode follow_once(struct follower *f, long *status)
{
	const char *base = f->c->url ? f->c->url : "http://localhost";
	const int base_len = (int)strlen(base) - (base[strlen(base) - 1] == '/');
	char url[URL_MAX];
	CURLcode code;

	snprintf(url, sizeof url, "%.*s/api/v1/events/stream?after=%" PRId64, base_len, base,
		*f->after);
	f->len = 0;
	*status = 0;
	curl_easy_setopt(f->curl, CURLOPT_URL, url);
	code = curl_easy_perform(f->curl);
	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, status);
	return code;
}

static void stream_options(struct follower *f)
{
	curl_easy_setopt(f->curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(f->curl, CURLOPT_CUSTOMREQUEST, NULL);
	curl_easy_setopt(f->curl, CURLOPT_TIMEOUT_MS, 0L);
	curl_easy_setopt(
		f->curl, CURLOPT_LOW_SPEED_LIMIT, 1L); /* the server says something each 5 s */
	curl_easy_setopt(f->curl, CURLOPT_LOW_SPEED_TIME, QUIET_S);
	curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, on_stream);
	curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(f->curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(f->curl, CURLOPT_XFERINFOFUNCTION, on_moment);
	curl_easy_setopt(f->curl, CURLOPT_XFERINFODATA, f);
}

/* Until fn has enough, or the server is away for AWAY_MS. */
static int follow(struct follower *f)
{
	uint64_t lost_ms = 0;

	for (;;) {
		const int64_t before = *f->after;
		const uint64_t began_ms = now_mono_ms();
		long status;
		CURLcode code = follow_once(f, &status);

		if (f->stop)
			return f->stop == CLIENT_STOP ? CTL_OK : f->stop;
		if (status == 401 || status == 403 || status == 404)
			return ctl_fail(CTL_FAILED, "the server answered with status %ld", status);
		if (*f->after != before || now_mono_ms() - began_ms > RETRY_MS)
			lost_ms = now_mono_ms(); /* until now it was there */
		lost_ms = lost_ms ? lost_ms : now_mono_ms();
		if (now_mono_ms() - lost_ms > AWAY_MS)
			return unreachable(f->c, code ? code : CURLE_GOT_NOTHING);
		ctl_pause(RETRY_MS);
	}
}

int client_follow(struct ctl *c, int64_t *after, client_event_fn *fn, void *arg)
{
	struct follower f = { .c = c, .fn = fn, .arg = arg, .after = after };
	int rc = client_open(c);

	if (rc)
		return rc;
	f.curl = curl_easy_duphandle(c->client->curl);
	f.line = malloc(LINE_MAX_BYTES);
	if (!f.curl || !f.line)
		errx(CTL_FAILED, "out of memory");
	stream_options(&f);
	rc = follow(&f);
	free(f.line);
	curl_easy_cleanup(f.curl);
	return rc;
}
