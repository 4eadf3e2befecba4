#include "agent/fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "agent/cmdline.h"

#define CONNECT_S	10
#define SLOW_BYTES_S	512 /* less than this for SLOW_S seconds counts as broken */
#define SLOW_S		30L
#define SMALL_TIMEOUT_S 60L

struct fetch {
	CURL *curl;
	char url[URL_MAX];
	unsigned connect_s, bytes_s;
	char why[CURL_ERROR_SIZE];
};

/* curl_easy_setopt fails only for options that this libcurl does not know: then nothing works. */
static int set_common(struct fetch *f)
{
	CURL *c = f->curl;
	const CURLcode rc[] = {
		curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http"),
		curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1),
		curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L),
		curl_easy_setopt(c, CURLOPT_PROXY, ""),
		curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L),
		curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)f->connect_s),
		curl_easy_setopt(c, CURLOPT_ERRORBUFFER, f->why),
		curl_easy_setopt(c, CURLOPT_USERAGENT, "muster-agent/" MUSTER_VERSION),
	};

	for (size_t i = 0; i < sizeof rc / sizeof rc[0]; i++)
		if (rc[i] != CURLE_OK)
			return -EIO;
	return 0;
}

void fetch_expect(struct fetch *f, unsigned connect_s, unsigned bytes_s)
{
	f->connect_s = connect_s;
	f->bytes_s = bytes_s;
}

int fetch_open(const char *url, struct fetch **out)
{
	struct fetch *f = calloc(1, sizeof *f);
	int rc = -EIO;

	if (!f)
		return -ENOMEM;
	snprintf(f->url, sizeof f->url, "%s", url);
	fetch_expect(f, CONNECT_S, SLOW_BYTES_S);
	if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
		goto err_free;
	f->curl = curl_easy_init();
	if (!f->curl)
		goto err_free;
	rc = set_common(f);
	if (rc < 0)
		goto err_curl;
	*out = f;
	return 0;
err_curl:
	curl_easy_cleanup(f->curl);
err_free:
	free(f);
	return rc;
}

void fetch_close(struct fetch *f)
{
	if (!f)
		return;
	curl_easy_cleanup(f->curl);
	free(f);
}

const char *fetch_why(const struct fetch *f)
{
	return f->why;
}

/* Options of the last call do not reach the next one; the connection stays. */
static int prepare(struct fetch *f, const char *path)
{
	char url[URL_MAX + 256];
	int rc;

	curl_easy_reset(f->curl);
	f->why[0] = '\0';
	rc = set_common(f);
	snprintf(url, sizeof url, "%s%s", f->url, path);
	if (curl_easy_setopt(f->curl, CURLOPT_URL, url) != CURLE_OK)
		rc = -EIO;
	return rc;
}

/* ---- answers that are kept in memory ---- */

struct answer {
	struct fetch_answer a;
	size_t max;
};

static size_t on_answer(char *p, size_t one, size_t len, void *arg)
{
	struct answer *w = arg;
	char *grown;

	(void)one; /* always 1 */
	if (len > w->max - w->a.len)
		return 0;
	grown = realloc(w->a.body, w->a.len + len + 1);
	if (!grown)
		return 0;
	memcpy(grown + w->a.len, p, len);
	w->a.body = grown;
	w->a.len += len;
	w->a.body[w->a.len] = '\0';
	return len;
}

/* Perform what has been prepared. */
static int ask(struct fetch *f, size_t max, struct fetch_answer *out)
{
	struct answer w = { .max = max, .a.body = strdup("") };
	curl_off_t retry_after = 0;
	CURLcode c = CURLE_OUT_OF_MEMORY;

	curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, &w);
	if (w.a.body)
		c = curl_easy_perform(f->curl);
	if (c != CURLE_OK) {
		fetch_answer_fini(&w.a);
		return c == CURLE_WRITE_ERROR ? -EMSGSIZE : -EIO;
	}
	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &w.a.status);
	curl_easy_getinfo(f->curl, CURLINFO_RETRY_AFTER, &retry_after);
	w.a.retry_after_s = retry_after > 0 && retry_after < 3600 ? (unsigned)retry_after : 0;
	*out = w.a;
	return 0;
}

static struct curl_slist *headers_new(const char *bearer)
{
	struct curl_slist *all = curl_slist_append(NULL, "Content-Type: application/json");
	struct curl_slist *more;
	char line[160];

	/* "Expect: 100-continue" would cost a round trip */
	more = curl_slist_append(all, "Expect:");
	if (more && bearer) {
		snprintf(line, sizeof line, "Authorization: Bearer %s", bearer);
		more = curl_slist_append(more, line);
	}
	if (!more)
		curl_slist_free_all(all);
	return more;
}

int fetch_post(struct fetch *f, const char *path, const char *bearer, const char *body,
	int timeout_s, struct fetch_answer *out)
{
	struct curl_slist *headers;
	int rc;

	if (prepare(f, path) < 0)
		return -EIO;
	headers = headers_new(bearer);
	if (!headers)
		return -EIO;
	curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(f->curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(f->curl, CURLOPT_TIMEOUT, (long)timeout_s);
	rc = ask(f, FETCH_ANSWER_MAX, out);
	curl_slist_free_all(headers);
	return rc;
}

int fetch_get_small(struct fetch *f, const char *path, size_t max, struct fetch_answer *out)
{
	if (prepare(f, path) < 0)
		return -EIO;
	curl_easy_setopt(f->curl, CURLOPT_TIMEOUT, SMALL_TIMEOUT_S);
	return ask(f, max, out);
}

void fetch_answer_fini(struct fetch_answer *a)
{
	free(a->body);
	memset(a, 0, sizeof *a);
}

/* ---- bytes that stream ---- */

struct get {
	CURL *curl;
	fetch_sink *sink;
	void *arg;
	uint64_t at, length; /* at: of the next byte that the sink gets */
	uint64_t skip;	     /* bytes that a server which knows no ranges sends once more */
	int64_t total;	     /* of Content-Range, -1: not said */
	bool started;
	int rc; /* why we ended the transfer ourselves; 0: we did not */
};

/* "Content-Range: bytes 100-199/200"; another start than we asked for is refused. */
static size_t on_header(char *p, size_t one, size_t len, void *arg)
{
	static const char name[] = "content-range:";
	struct get *g = arg;
	char line[128];
	uint64_t from, to, total;

	(void)one;
	if (len < sizeof name || strncasecmp(p, name, sizeof name - 1) != 0)
		return len;
	snprintf(line, sizeof line, "%.*s", (int)(len < 127 ? len : 127), p);
	if (sscanf(line + sizeof name - 1, " bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &from, &to,
		    &total) != 3 ||
		from != g->at) {
		g->rc = -EPROTO;
		return 0;
	}
	g->total = (int64_t)total;
	return len;
}

/* The first bytes have come: is this the answer we wanted? 0 or the reason to stop. */
static int get_check(struct get *g)
{
	curl_off_t announced = -1;
	long status = 0;

	curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(g->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
	if (status == 404)
		return -ENOENT;
	if (status >= 500)
		return -EAGAIN;
	if (status == 206 && g->total >= 0)
		return (uint64_t)g->total == g->length ? 0 : -EMSGSIZE;
	if (status != 200)
		return -EPROTO;
	g->skip = g->at;
	g->total = announced;
	return announced < 0 || (uint64_t)announced == g->length ? 0 : -EMSGSIZE;
}

static size_t on_bytes(char *p, size_t one, size_t len, void *arg)
{
	struct get *g = arg;
	size_t all = len;

	(void)one;
	if (!g->started) {
		g->started = true;
		g->rc = get_check(g);
		if (g->rc < 0)
			return 0;
	}
	if (g->skip >= len) {
		g->skip -= len;
		return all;
	}
	p += g->skip;
	len -= (size_t)g->skip;
	g->skip = 0;
	if (len > g->length - g->at) {
		g->rc = -EMSGSIZE;
		return 0;
	}
	g->rc = g->sink(g->arg, p, len);
	if (g->rc < 0)
		return 0;
	g->at += len;
	return all;
}

/* What the end of the transfer means when we did not end it ourselves. */
static int get_result(struct get *g, CURLcode c)
{
	if (g->rc < 0)
		return g->rc;
	if (!g->started && c == CURLE_OK) {
		int rc = get_check(g); /* an answer without a body */

		if (rc < 0)
			return rc;
	}
	if (c == CURLE_OK && g->at == g->length)
		return 0;
	if (c == CURLE_OK) {
		g->total = (int64_t)g->at;
		return -EMSGSIZE;
	}
	return c == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EAGAIN;
}

int fetch_get(struct fetch *f, const char *path, uint64_t offset, uint64_t length, fetch_sink *sink,
	void *arg, uint64_t *found)
{
	struct get g = { .curl = f->curl,
		.sink = sink,
		.arg = arg,
		.at = offset,
		.length = length,
		.total = -1 };
	char range[32];
	CURLcode c;
	int rc;

	if (prepare(f, path) < 0)
		return -EPROTO;
	snprintf(range, sizeof range, "%" PRIu64 "-", offset);
	if (offset > 0)
		curl_easy_setopt(f->curl, CURLOPT_RANGE, range);
	curl_easy_setopt(f->curl, CURLOPT_LOW_SPEED_LIMIT, (long)f->bytes_s);
	curl_easy_setopt(f->curl, CURLOPT_LOW_SPEED_TIME, SLOW_S);
	curl_easy_setopt(f->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(f->curl, CURLOPT_HEADERDATA, &g);
	curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, &g);
	c = curl_easy_perform(f->curl);
	rc = get_result(&g, c);
	if (rc == -EMSGSIZE && g.total >= 0)
		*found = (uint64_t)g.total;
	return rc;
}
