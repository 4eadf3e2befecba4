/* client.c: requests to the server by libcurl; the only file of the command that includes it. */
#include "server/ctl/client.h"

#include <curl/curl.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX (64 * 1024 * 1024) /* bytes of a body that we take */
#define CONNECT_MS 5000L
#define ANSWER_MS  60000L
#define RETRIES	   3 /* of a GET that met a server whose deciding role is being restarted */
#define RETRY_MS   500
#define TOKEN_MAX  256
#define URL_MAX	   4096

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

	if (c->url)
		ctl_hint("is musterd running at %s? MUSTER_URL says so", c->url);
	else
		ctl_hint("is musterd running? socket %s (--socket or MUSTER_SOCKET names another)",
			c->socket);
	return rc;
}

static CURLcode ask_once(
	struct ctl *c, const char *method, const char *path, const char *body, struct answer *out)
{
	CURL *h = c->client->curl;
	char url[URL_MAX];
	CURLcode code;
	const char *base = c->url ? c->url : "http://localhost";
	int base_len = (int)strlen(base) - (base[strlen(base) - 1] == '/');
	int n = snprintf(url, sizeof url, "%.*s%s", base_len, base, path);

	if (n < 0 || (size_t)n >= sizeof url)
		return CURLE_URL_MALFORMAT;
	curl_easy_setopt(h, CURLOPT_URL, url);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, out);
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

int client_ask(
	struct ctl *c, const char *method, const char *path, const char *body, struct answer *out)
{
	struct answer a = { 0 };
	CURLcode code;
	char why[160];
	int rc = client_open(c);

	if (rc)
		return rc;
	code = ask_once(c, method, path, body, &a);
	for (int i = 0; i < RETRIES && !code && a.status == 503 && !strcmp(method, "GET"); i++) {
		ctl_pause(RETRY_MS);
		answer_fini(&a);
		code = ask_once(c, method, path, body, &a);
	}
	if (code) {
		answer_fini(&a);
		return unreachable(c, code);
	}
	if (!a.text && !(a.text = strdup("")))
		errx(CTL_FAILED, "out of memory");
	if (a.len)
		a.doc = json_read(a.text, a.len, why, sizeof why);
	*out = a;
	return CTL_OK;
}

int client_problem(const struct answer *a)
{
	const char *detail = json_get_str(a->doc, "detail", json_get_str(a->doc, "title", NULL));
	const char *hint = json_get_str(a->doc, "hint", NULL);
	enum ctl_exit rc = a->status == 404			  ? CTL_NOT_FOUND
			   : a->status == 409 || a->status == 412 ? CTL_CONFLICT
			   : a->status == 503			  ? CTL_UNREACHABLE
								  : CTL_FAILED;

	if (detail)
		ctl_fail(rc, "%s", detail);
	else
		ctl_fail(rc, "the server answered with status %ld", a->status);
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
