/*
 * http.c: libmicrohttpd's workers, what they do with a request, and the loop that hears from core.
 *
 * The only file that includes microhttpd.h. One daemon for each listening socket; its workers call
 * on_request three times for a request: with the head, with each part of the body, and when it is
 * complete (a parked one: once more, with its answer). An answer given at the first call makes
 * libmicrohttpd close the connection, so that is kept for requests whose body we do not want.
 */
#include "server/http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/bytes.h"
#include "server/etag.h"
#include "server/http/blob.h"
#include "server/http/conns.h"
#include "server/http/problem.h"
#include "server/http/range.h"
#include "server/http/routes.h"
#include "server/http/stream.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/msg.h"

#define FEED_PIECE   (16 * 1024)
#define FEED_QUERY   "feed=1&after=" /* and the number, then ";&" */
#define PEM_MAX	     (64 * 1024)     /* bytes of a certificate chain or a key, with NUL */
#define WORKERS_MIN  2 /* threads of a TCP socket: one for each processor, within these */
#define WORKERS_MAX  16
#define WORKERS_UNIX 0 /* no pool: the daemon's own thread */
/*
 * Request head, its parsed fields, and the answer's head; libmicrohttpd clears all of it after each
 * request, which is a tenth of what a small one costs.
 */
#define CONN_MEMORY	(16 * 1024)
#define HEAD_BYTES_MAX	(8 * 1024)
#define HEAD_FIELDS_MAX 64
#define MAPPINGS_MAX	256
#define TOLD_MIN	(16 * 1024)   /* bytes of a transfer that core hears of, but for loaders */
#define STREAM_MIN	(1024 * 1024) /* bytes of an answer that goes past libmicrohttpd */
#define STREAM_PIECE	512
#define PART_TOLD_MIN	(1024 * 1024) /* and of a part of a file */
#define LINK_BATCH	64	      /* messages taken before other events get their turn */
#define BLOB_TYPE	"application/octet-stream"
#define BLOB_ANSWER_TYPE                                                                           \
	"application/x-muster-blob"	      /* core's answer names a blob: 64 hex digits         \
					       */
#define LOADER_TYPE "application/efi"	      /* UEFI firmware wants it of what it shall start */
#define ISO_TYPE    "application/vnd.efi-iso" /* and makes a RAM disk of this */
/* What is asked for by its digest never changes; under any other name a cache has to ask again. */
#define DIGEST_CACHE_CONTROL "public, max-age=31536000, immutable"
#define NAME_CACHE_CONTROL   "no-cache"

const struct http_limits http_limits_default = {
	.head_ms = 10 * 1000,
	.idle_ms = 60 * 1000,
	.body_ms = 60 * 1000,
	.ask_ms = 20 * 1000,
	.import_ms = 600 * 1000,
	.stall_ms = 60 * 1000,
	.stall_bytes = 60 * 1024,
	.least_bytes_s = 4 * 1024,
	.sweep_ms = 250,
	.tcp_conns = 4096,
	.tcp_conns_per_addr = 256,
	.unix_conns = 64,
};

struct http;

/* One daemon: connections learn from it whose they are. */
struct listener {
	struct http *http;
	struct MHD_Daemon *daemon;
	enum http_peer peer;
	bool tls;
};

/* Certificate and key of the TLS listeners, as text. */
struct pem {
	char cert[PEM_MAX], key[PEM_MAX];
};

struct http {
	const struct server *server;
	const struct http_limits *limits;
	struct loop *loop;
	struct conns *conns;
	struct blob_cache *blobs;
	int term; /* signalfd of SIGTERM */
	size_t n_listeners;
	struct listener listeners[2 * CONFIG_LISTEN_MAX + 1];
	struct pem *pem; /* NULL without TLS */
	atomic_uint lost_events;
	struct log_limit lost_limit, unanswered_limit, bad_limit;
	_Alignas(8) uint8_t msg[MSG_MAX];
};

/* ---- answers ---- */

static const char *header(struct MHD_Connection *mhd, const char *name)
{
	return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);
}

/* Queue the answer and give our reference up. NULL (no memory) closes the connection. */
static enum MHD_Result send_taken(
	struct http *h, struct conn *c, unsigned status, struct MHD_Response *r, uint64_t len)
{
	enum MHD_Result rc;

	if (!r)
		return MHD_NO;
	conns_write(h->conns, c, len);
	rc = MHD_queue_response(c->mhd, status, r);
	MHD_destroy_response(r);
	return rc;
}

static struct MHD_Response *from_text(const char *text, size_t len, const char *type)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		len, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

	if (!r)
		return NULL;
	if (type)
		MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	return r;
}

static void add_number(struct MHD_Response *r, const char *name, unsigned n)
{
	char text[16];

	snprintf(text, sizeof text, "%u", n);
	MHD_add_response_header(r, name, text);
}

static void add_allow(struct MHD_Response *r, uint8_t methods)
{
	char text[ROUTES_ALLOW_MAX];

	routes_allow(methods, text);
	MHD_add_response_header(r, "Allow", text);
}

/* What some refusals must say beside their text (RFC 9110 sections 15.5.6 and 15.5.17). */
static void explain(const struct conn *c, enum problem_kind kind, struct MHD_Response *r)
{
	char text[32];

	if (kind == PROBLEM_METHOD) {
		add_allow(r, c->route->methods);
	} else if (kind == PROBLEM_RANGE) {
		snprintf(text, sizeof text, "bytes */%zu", c->blob->size);
		MHD_add_response_header(r, "Content-Range", text);
	}
}

static enum MHD_Result refuse(struct http *h, struct conn *c, enum problem_kind kind)
{
	const struct problem *p = problem_of(kind);
	char text[PROBLEM_TEXT_MAX];
	const size_t len = problem_text(p, text);
	struct MHD_Response *r = from_text(text, len, "application/problem+json");

	if (!r)
		return MHD_NO;
	explain(c, kind, r);
	if (*c->req.request_id)
		MHD_add_response_header(r, "X-Request-Id", c->req.request_id);
	if (p->retry_after_s)
		add_number(r, "Retry-After", p->retry_after_s);
	return send_taken(h, c, p->status, r, len);
}

/* ---- blobs ---- */

/* Copy a field that core shall see; one that does not fit is none that we could know. */
static void keep(char *out, size_t size, const char *value)
{
	if (value && strlen(value) < size)
		memcpy(out, value, strlen(value));
}

static const char *last_segment(const char *path)
{
	return strrchr(path, '/') + 1;
}

/*
 * The digest in "/blobs/sha256/HEX" and "/blobs/sha256/HEX/NAME", the second of which says the same
 * to a client that tells files apart by their names. "" for any other path.
 */
static const char *digest_of(const char *path, char out[DIGEST_HEX])
{
	const char *hex = path + strlen("/blobs/sha256/"), *slash = strchr(hex, '/');
	size_t n = slash ? (size_t)(slash - hex) : strlen(hex);

	*out = '\0';
	if (n != DIGEST_HEX - 1 || (slash && (!slash[1] || strchr(slash + 1, '/'))))
		return out;
	memcpy(out, hex, n);
	out[n] = '\0';
	return out;
}

/* Tell core; a message that does not fit is counted and forgotten: a transfer never waits. */
static void tell(struct http *h, const struct conn *c, enum blob_phase phase, uint64_t bytes)
{
	struct blob_event e = {
		.phase = (uint8_t)phase,
		.loader = c->transfer.loader,
		.addr = c->req.addr,
		.bytes = bytes,
		.total = c->transfer.total,
		.transfer = c->transfer.id,
	};

	memcpy(e.digest, c->blob->digest.b, sizeof e.digest);
	if (c->route->to == ROUTE_LOADER)
		keep(e.name, sizeof e.name, last_segment(c->req.path));
	if (msg_send(h->server->role_side[LINK_HTTP], MSG_BLOB_EVENT, 0, &e, sizeof e, NULL, 0) < 0)
		atomic_fetch_add(&h->lost_events, 1);
}

static bool for_loader(const struct conn *c)
{
	const char *agent = header(c->mhd, "User-Agent");

	return c->route->to != ROUTE_BLOB ||
	       (agent &&
		       (strncmp(agent, "iPXE", 4) == 0 || strncmp(agent, "UefiHttpBoot", 12) == 0));
}

/* Manifests and signatures are not worth a message: the agent says what became of them. */
static void transfer_begin(struct http *h, struct conn *c, uint64_t total)
{
	const bool loader = for_loader(c);

	if (c->req.peer != HTTP_PEER_TCP || c->req.method != HTTP_GET ||
		(total < TOLD_MIN && !loader))
		return;
	c->transfer = (struct transfer){
		.id = conns_unique(h->conns),
		.total = total,
		.base = conns_acked(c->fd) + conns_in_flight(c->fd),
		.loader = loader,
	};
	tell(h, c, BLOB_STARTED, 0);
}

/*
 * libmicrohttpd does not say how far an aborted answer came, the kernel does: what the peer
 * acknowledged, the answer's head (some 300 bytes) included.
 */
static void transfer_end(struct http *h, const struct conn *c, bool complete)
{
	uint64_t acked;

	if (!c->transfer.id)
		return;
	if (complete) {
		tell(h, c, BLOB_FINISHED, c->transfer.total);
		return;
	}
	acked = conns_acked(c->fd);
	acked = acked > c->transfer.base ? acked - c->transfer.base : 0;
	tell(h, c, BLOB_ABORTED, acked < c->transfer.total ? acked : c->transfer.total);
}

/* The peer may have gone, which is its own affair; our files must not. */
static void log_broken(const struct conn *c, int rc)
{
	char hex[DIGEST_HEX];

	digest_hex(&c->blob->digest, hex);
	if (rc == -ENODATA)
		log_error("a blob has become shorter: file=%s bytes=%zu", hex, c->blob->size);
	else if (rc == -EIO)
		log_error("cannot read: file=%s %s", hex, strerror(-rc));
}

/* libmicrohttpd asks for the next piece of a body that goes past it. */
static ssize_t next_piece(void *arg, uint64_t sent, char *buf, size_t max)
{
	struct conn *c = arg;
	ssize_t n = stream_next(&c->stream, buf, max);

	(void)sent; /* by libmicrohttpd itself */
	c->streamed = n == 0;
	if (n > 0)
		return n;
	if (n < 0)
		log_broken(c, (int)n);
	return n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

/*
 * libmicrohttpd, which counts only the bytes that it sends itself, closes the connection when such
 * a body ends before its count does; so the head says that it will.
 */
static struct MHD_Response *from_stream(struct conn *c, uint64_t first, uint64_t len)
{
	struct MHD_Response *r =
		MHD_create_response_from_callback(len, STREAM_PIECE, next_piece, c, NULL);

	if (!r)
		return NULL;
	c->stream = (struct stream){
		.sock = c->fd,
		.file = c->blob->fd,
		.at = first,
		.end = first + len,
	};
	MHD_add_response_header(r, "Connection", "close");
	return r;
}

/*
 * UEFI firmware, which is asked to start what has a name, breaks when its connection is closed; and
 * TLS has to encrypt what it sends.
 */
static bool can_stream(const struct conn *c, uint64_t len)
{
	return len >= STREAM_MIN && c->route->to == ROUTE_BLOB && c->blob->fd >= 0 &&
	       c->req.method == HTTP_GET && !c->req.tls;
}

/* A part of the blob, which the connection keeps until it is sent. */
static struct MHD_Response *from_blob(
	struct conn *c, uint64_t first, uint64_t len, const char *type)
{
	const struct blob *b = c->blob;
	struct MHD_Response *r = can_stream(c, len) ? from_stream(c, first, len)
						    : MHD_create_response_from_buffer((size_t)len,
							      (void *)(uintptr_t)(b->data + first),
							      MHD_RESPMEM_PERSISTENT);

	if (!r)
		return NULL;
	if (type)
		MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "ETag", b->etag);
	MHD_add_response_header(r, "Cache-Control",
		c->route->to == ROUTE_BLOB ? DIGEST_CACHE_CONTROL : NAME_CACHE_CONTROL);
	MHD_add_response_header(r, "Accept-Ranges", "bytes");
	return r;
}

static enum MHD_Result send_not_modified(struct http *h, struct conn *c)
{
	return send_taken(h, c, MHD_HTTP_NOT_MODIFIED, from_blob(c, 0, 0, NULL), 0);
}

static enum MHD_Result send_part(
	struct http *h, struct conn *c, uint64_t first, uint64_t len, const char *type)
{
	struct MHD_Response *r = from_blob(c, first, len, type);
	char range[80];

	if (!r)
		return MHD_NO;
	snprintf(range, sizeof range, "bytes %llu-%llu/%zu", (unsigned long long)first,
		(unsigned long long)(first + len - 1), c->blob->size);
	MHD_add_response_header(r, "Content-Range", range);
	/* A boot loader that reads a CD asks for it by a few sectors a time: no news for anybody.
	 */
	if (len >= PART_TOLD_MIN)
		transfer_begin(h, c, len);
	return send_taken(h, c, MHD_HTTP_PARTIAL_CONTENT, r, len);
}

/* One response for all who ask for the whole file, kept with the mapping. */
static struct MHD_Response *shared_response(struct http *h, struct conn *c)
{
	struct MHD_Response *r = blob_response(h->blobs, c->blob);

	if (r)
		return r;
	r = from_blob(c, 0, c->blob->size, BLOB_TYPE);
	return r ? blob_attach(h->blobs, c->blob, r) : NULL;
}

static enum MHD_Result send_whole(struct http *h, struct conn *c, const char *type)
{
	struct MHD_Response *r;

	transfer_begin(h, c, c->blob->size);
	if (c->route->to != ROUTE_BLOB || can_stream(c, c->blob->size))
		return send_taken(
			h, c, MHD_HTTP_OK, from_blob(c, 0, c->blob->size, type), c->blob->size);
	r = shared_response(h, c);
	if (!r)
		return MHD_NO;
	conns_write(h->conns, c, c->blob->size);
	return MHD_queue_response(c->mhd, MHD_HTTP_OK, r);
}

/* RFC 9110 section 13.2.2: If-Match, If-None-Match, then Range with If-Range. */
static enum MHD_Result send_blob(struct http *h, struct conn *c, const char *type)
{
	const char *etag = c->blob->etag;
	const char *match = header(c->mhd, "If-Match");
	const char *none_match = header(c->mhd, "If-None-Match");
	const char *if_range = header(c->mhd, "If-Range");
	const char *range = c->req.method == HTTP_GET ? header(c->mhd, "Range") : NULL;
	uint64_t first, len;

	if (match && !etag_listed(match, etag, false))
		return refuse(h, c, PROBLEM_PRECONDITION);
	if (none_match && etag_listed(none_match, etag, true))
		return send_not_modified(h, c);
	if (if_range && strcmp(if_range, etag) != 0)
		range = NULL;
	switch (range_parse(range, c->blob->size, &first, &len)) {
	case RANGE_PART:
		return send_part(h, c, first, len, type);
	case RANGE_UNSATISFIABLE:
		return refuse(h, c, PROBLEM_RANGE);
	case RANGE_WHOLE:
		break;
	}
	return send_whole(h, c, type);
}

/* Send what was got as c->blob, or say why it was not. */
static enum MHD_Result serve(
	struct http *h, struct conn *c, int rc, const char *name, const char *type)
{
	switch (rc) {
	case 0:
		return send_blob(h, c, type);
	case -ENOENT:
		return refuse(h, c, PROBLEM_NOT_FOUND);
	case -EBUSY:
		return refuse(h, c, PROBLEM_BUSY);
	default:
		log_error("cannot read: file=%s %s", name, strerror(-rc));
		return refuse(h, c, PROBLEM_INTERNAL);
	}
}

static enum MHD_Result serve_blob(struct http *h, struct conn *c, const char *hex, const char *type)
{
	struct digest d;
	int rc = digest_parse(hex, &d) < 0 ? -ENOENT : blob_get(h->blobs, &d, &c->blob);

	return serve(h, c, rc, hex, type);
}

static bool ends_in(const char *s, const char *end)
{
	const size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

static enum MHD_Result serve_loader(struct http *h, struct conn *c)
{
	const char *name = last_segment(c->req.path);
	int rc = *name == '.' || h->server->loaders < 0
			 ? -ENOENT
			 : blob_get_file(
				   h->blobs, h->server->loaders, name, HTTP_LOADER_MAX, &c->blob);

	return serve(h, c, rc, name, ends_in(name, ".efi") ? LOADER_TYPE : BLOB_TYPE);
}

/* ---- requests that core answers ---- */

/* What people read is view's: it has the database, too, and nobody waits for it. */
static enum conn_link link_for(const struct http *h, const struct conn *c)
{
	const bool reads = c->req.method == HTTP_GET || c->req.method == HTTP_HEAD;

	if (reads && h->server->http_side[HTTP_BACKUP] >= 0 &&
		strcmp(c->req.path, "/api/v1/backup") == 0)
		return CONN_TO_BACKUP;
	return reads && h->server->http_side[HTTP_VIEW] >= 0 &&
			       (strncmp(c->req.path, "/api/v1/", 8) == 0 ||
				       strcmp(c->req.path, "/metrics") == 0)
		       ? CONN_TO_VIEW
		       : CONN_TO_CORE;
}

static enum MHD_Result ask(struct http *h, struct conn *c)
{
	c->link = link_for(h, c);
	return conns_ask(h->conns, c) == 0 ? MHD_YES : refuse(h, c, PROBLEM_BUSY);
}

static enum MHD_Result send_answered_blob(struct http *h, struct conn *c)
{
	char hex[DIGEST_HEX];

	if (c->head.status != MHD_HTTP_OK || c->head.body_len != DIGEST_HEX - 1)
		return refuse(h, c, PROBLEM_INTERNAL);
	memcpy(hex, c->answer, DIGEST_HEX - 1);
	hex[DIGEST_HEX - 1] = '\0';
	return serve_blob(h, c, hex, ends_in(c->req.path, ".iso") ? ISO_TYPE : LOADER_TYPE);
}

static const char *const challenges[CHALLENGES] = {
	[CHALLENGE_TOKEN] = "Bearer realm=\"muster\"",
	[CHALLENGE_INVALID] = "Bearer realm=\"muster\", error=\"invalid_token\"",
	[CHALLENGE_SCOPE] = "Bearer realm=\"muster\", error=\"insufficient_scope\"",
};

/* ---- an answer that goes on: server-sent events, and a backup ---- */

/* What was asked, for what is after that number; the parameters of the first time stay. */
static void ask_after(struct conn *c, uint64_t after)
{
	char query[sizeof c->req.query];
	const char *rest = c->req.query;

	if (strncmp(rest, FEED_QUERY, strlen(FEED_QUERY)) == 0)
		rest += strcspn(rest, ";") + (strchr(rest, ';') != NULL);
	snprintf(query, sizeof query, FEED_QUERY "%llu;&%.1900s", (unsigned long long)after,
		rest + (*rest == '&'));
	memcpy(c->req.query, query, sizeof query);
}

/* Events are asked for anew, with Last-Event-ID; half a backup must not look like a whole one. */
static ssize_t end_early(const struct conn *c)
{
	return c->link == CONN_TO_BACKUP ? MHD_CONTENT_READER_END_WITH_ERROR
					 : MHD_CONTENT_READER_END_OF_STREAM;
}

/*
 * libmicrohttpd asks for more of it. All is out: who answered is asked for what comes next, and
 * the connection rests until then, so that a feed costs no thread and nothing of ours waits.
 */
static ssize_t next_of_feed(void *arg, uint64_t sent, char *buf, size_t max)
{
	struct conn *c = arg;
	size_t n;

	(void)sent;
	if (c->feed_asked) {
		conns_take(c->home, c);
		c->feed_asked = false;
		c->fed = 0;
		if (c->refusal || c->head.status != MHD_HTTP_OK)
			return end_early(c);
		if (!c->head.feed)
			return MHD_CONTENT_READER_END_OF_STREAM;
	}
	n = c->head.body_len - c->fed;
	if (n > 0) {
		n = n < max ? n : max;
		memcpy(buf, c->answer + c->fed, n);
		c->fed += n;
		conns_write(c->home, c, n);
		return (ssize_t)n;
	}
	ask_after(c, c->head.feed - 1);
	c->head.body_len = 0;
	c->feed_asked = true;
	return conns_ask(c->home, c) == 0 ? 0 : end_early(c);
}

static struct MHD_Response *from_answer(struct conn *c)
{
	if (!c->head.feed || c->req.method == HTTP_HEAD)
		return MHD_create_response_from_buffer(
			c->head.body_len, c->answer, MHD_RESPMEM_PERSISTENT);
	c->fed = 0;
	return MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, FEED_PIECE, next_of_feed, c, NULL);
}

/* A browser that comes back says what it saw last. */
static void keep_last_event(struct conn *c)
{
	const char *last = header(c->mhd, "Last-Event-ID");
	char query[sizeof c->req.query];

	if (strcmp(c->req.path, "/api/v1/events/stream") != 0)
		return;
	if (!last || !*last || last[strspn(last, "0123456789")] || strlen(last) > 18)
		return;
	snprintf(query, sizeof query, "after=%.18s&%.1900s", last, c->req.query);
	memcpy(c->req.query, query, sizeof query);
}

static enum MHD_Result send_answer(struct http *h, struct conn *c)
{
	const struct http_answer *a = &c->head;
	struct MHD_Response *r;

	if (c->refusal)
		return refuse(h, c, c->refusal);
	if (strcmp(a->type, BLOB_ANSWER_TYPE) == 0)
		return send_answered_blob(h, c);
	r = from_answer(c);
	if (!r)
		return MHD_NO;
	if (a->type[0])
		MHD_add_response_header(r, "Content-Type", a->type);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (*a->etag)
		MHD_add_response_header(r, "ETag", a->etag);
	if (*c->req.request_id)
		MHD_add_response_header(r, "X-Request-Id", c->req.request_id);
	if (a->retry_after)
		add_number(r, "Retry-After", a->retry_after);
	if (challenges[a->challenge])
		MHD_add_response_header(r, "WWW-Authenticate", challenges[a->challenge]);
	if (a->allow)
		add_allow(r, a->allow);
	return send_taken(h, c, a->status, r, a->body_len);
}

/* ---- a request's head ---- */

/*
 * What can only be seen by walking over all fields: doubles and malformed ones, which a cache in
 * between may read differently (RFC 9112 sections 5.1 and 11.2). libmicrohttpd 0.9.75 takes blanks
 * in names ("Content-Length : 3") and lone carriage returns in values.
 */
struct fields {
	unsigned n, host, length, encoding, authorization, malformed;
};

static bool field_ok(const char *name, const char *value)
{
	static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789!#$%&'*+-.^_`|~";

	if (*name == '\0' || name[strspn(name, token)] != '\0')
		return false;
	for (const char *s = value ? value : ""; *s; s++) {
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			return false;
	}
	return true;
}

static enum MHD_Result count_field(
	void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct fields *f = arg;

	(void)kind;
	f->n++;
	f->host += strcasecmp(name, "Host") == 0;
	f->length += strcasecmp(name, "Content-Length") == 0;
	f->encoding += strcasecmp(name, "Transfer-Encoding") == 0;
	f->authorization += strcasecmp(name, "Authorization") == 0;
	f->malformed += !field_ok(name, value);
	return MHD_YES;
}

static size_t head_bytes(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return i ? i->header_size : 0;
}

/* Theirs, where it may stand in a log; else one that nobody else has. */
static void keep_request_id(struct http *h, struct conn *c)
{
	const char *theirs = header(c->mhd, "X-Request-Id");

	if (theirs && *theirs && !theirs[strspn(theirs, HTTP_REQUEST_ID)])
		keep(c->req.request_id, sizeof c->req.request_id, theirs);
	if (!*c->req.request_id)
		snprintf(c->req.request_id, sizeof c->req.request_id, "%016llx",
			(unsigned long long)conns_unique(h->conns));
}

/*
 * A condition that does not fit is one that cannot hold, and not one that was not made.
 */
static void keep_api_fields(struct http *h, struct conn *c)
{
	const char *match = header(c->mhd, "If-Match");
	const char *none = header(c->mhd, "If-None-Match");

	keep_request_id(h, c);
	if (match && strlen(match) >= sizeof c->req.if_match)
		match = "\"\"";
	keep(c->req.if_match, sizeof c->req.if_match, match);
	c->req.is_new = none && strcmp(none, "*") == 0;
}

static void keep_fields(struct http *h, struct conn *c)
{
	const char *auth = header(c->mhd, "Authorization");

	if (strncmp(c->req.path, "/api/", 5) == 0)
		keep_api_fields(h, c);
	keep(c->req.host, sizeof c->req.host, header(c->mhd, "Host"));
	keep_last_event(c);
	if (auth && strncasecmp(auth, "Bearer ", 7) == 0)
		keep(c->req.bearer, sizeof c->req.bearer, auth + 7 + strspn(auth + 7, " "));
}

static enum problem_kind check_route(struct conn *c, const char *method)
{
	int m = routes_method(method);

	if (m < 0)
		return PROBLEM_UNKNOWN_METHOD;
	c->route = routes_find(c->req.path, c->req.peer);
	if (!c->route)
		return PROBLEM_NOT_FOUND;
	if (!(c->route->methods & 1u << m))
		return PROBLEM_METHOD;
	c->req.method = (uint8_t)m;
	return PROBLEM_NONE;
}

/* What import shall do with the blob that the path names: PUT writes bytes of it, POST asks. */
static enum problem_kind check_import(struct conn *c, uint64_t body)
{
	const bool writes = c->req.method == HTTP_PUT;
	struct import_request q = { .op = writes ? IMPORT_WRITE : IMPORT_CHECK };
	struct digest d;

	if (digest_parse(last_segment(c->req.path), &d) < 0)
		return PROBLEM_NOT_FOUND;
	if (!writes && body > 0)
		return PROBLEM_TOO_LARGE;
	if (writes &&
		!range_parse_content(header(c->mhd, "Content-Range"), body, &q.offset, &q.total))
		return PROBLEM_CONTENT_RANGE;
	memcpy(q.digest, d.b, sizeof q.digest);
	c->import = q;
	return PROBLEM_NONE;
}

/* Room for the body that the head announces. libmicrohttpd has refused what is no number. */
static enum problem_kind check_body(struct conn *c)
{
	const char *length = header(c->mhd, "Content-Length");
	unsigned long long n = length ? strtoull(length, NULL, 10) : 0;

	enum problem_kind p = c->route->to == ROUTE_IMPORT ? check_import(c, n) : PROBLEM_NONE;

	if (p || n == 0)
		return p;
	if (n > c->route->body_max)
		return PROBLEM_TOO_LARGE;
	if (header(c->mhd, "Content-Encoding"))
		return PROBLEM_ENCODING;
	c->body_size = n < HTTP_BODY_MAX ? (size_t)n : HTTP_BODY_MAX;
	c->body = malloc(c->body_size);
	if (!c->body)
		return PROBLEM_BUSY;
	c->body_left = n;
	return PROBLEM_NONE;
}

static enum problem_kind check_head(struct conn *c, const char *method, const struct fields *f)
{
	enum problem_kind p;

	if (f->malformed || f->host > 1 || f->length > 1 || f->authorization > 1 ||
		(f->length && f->encoding))
		return PROBLEM_MALFORMED;
	if (f->n > HEAD_FIELDS_MAX || head_bytes(c->mhd) > HEAD_BYTES_MAX)
		return PROBLEM_HEADERS;
	if (c->refusal) /* the target's */
		return c->refusal;
	p = check_route(c, method);
	if (p)
		return p;
	if (f->encoding)
		return PROBLEM_LENGTH_REQUIRED;
	return check_body(c);
}

static void begin_body(struct http *h, struct conn *c)
{
	if (c->body_size > 0)
		conns_phase(h->conns, c, CONN_BODY);
	c->step = STEP_BODY;
}

/* Before the first byte of a blob is taken: libmicrohttpd calls again when core has answered. */
static enum MHD_Result ask_leave(struct http *h, struct conn *c)
{
	c->step = STEP_LEAVE;
	c->link = CONN_TO_CORE;
	return conns_ask(h->conns, c) == 0 ? MHD_YES : refuse(h, c, PROBLEM_BUSY);
}

static enum MHD_Result on_head(struct http *h, struct conn *c, const char *method)
{
	struct fields f = { 0 };
	const char *length = header(c->mhd, "Content-Length");
	bool has_body = (length && strcmp(length, "0") != 0) || header(c->mhd, "Transfer-Encoding");

	MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, count_field, &f);
	c->refusal = check_head(c, method, &f);
	if (c->refusal && (has_body || c->refusal == PROBLEM_MALFORMED))
		return refuse(h, c, c->refusal);
	keep_fields(h, c);
	if (!c->refusal && c->route->to == ROUTE_IMPORT)
		return ask_leave(h, c);
	begin_body(h, c);
	return MHD_YES;
}

/* Core says whether the body may go to import. */
static enum MHD_Result leave_came(struct http *h, struct conn *c)
{
	conns_take(h->conns, c);
	if (c->refusal || c->head.status != MHD_HTTP_NO_CONTENT)
		return send_answer(h, c);
	memset(&c->head, 0, sizeof c->head);
	begin_body(h, c);
	return MHD_YES;
}

/* ---- libmicrohttpd's callbacks, each in a worker ---- */

static enum MHD_Result on_body(struct conn *c, const char *part, size_t *len)
{
	size_t n = c->body_size - c->req.body_len;

	n = n < *len ? n : *len;
	if (n > c->body_left || (n < *len && c->route->to != ROUTE_IMPORT))
		return MHD_NO; /* more than it announced */
	memcpy(c->body + c->req.body_len, part, n);
	c->req.body_len += (uint32_t)n;
	c->body_left -= n;
	*len -= n;
	return MHD_YES;
}

static enum MHD_Result on_complete(struct http *h, struct conn *c)
{
	char hex[DIGEST_HEX];

	c->step = STEP_ANSWER;
	if (c->refusal)
		return refuse(h, c, c->refusal);
	switch (c->route->to) {
	case ROUTE_HEALTH:
		return send_taken(
			h, c, MHD_HTTP_OK, from_text("ok\n", 3, "text/plain; charset=utf-8"), 3);
	case ROUTE_BLOB:
		return serve_blob(h, c, digest_of(c->req.path, hex), BLOB_TYPE);
	case ROUTE_LOADER:
		return serve_loader(h, c);
	case ROUTE_CORE:
	case ROUTE_IMPORT: /* comes here only when it is refused */
		break;
	}
	return ask(h, c);
}

/* ---- the body of an import, a part at a time ---- */

/* What was collected goes to import; until it is written, no more of the body is taken. */
static enum MHD_Result give_part(struct http *h, struct conn *c)
{
	c->step = STEP_PART;
	c->link = CONN_TO_IMPORT;
	return conns_ask(h->conns, c) == 0 ? MHD_YES : MHD_NO;
}

/* Import has answered: it wants the next part, or its answer is the one to the request. */
static void part_taken(struct http *h, struct conn *c)
{
	conns_take(h->conns, c);
	if (c->refusal || c->head.status != MHD_HTTP_ACCEPTED || c->body_left == 0) {
		c->step = STEP_REST;
		return;
	}
	c->import.offset += c->req.body_len;
	c->req.body_len = 0;
	c->head.body_len = 0;
	c->step = STEP_BODY;
}

/* libmicrohttpd takes no answer before the body has come, so the rest of one is read and dropped.
 */
static enum MHD_Result on_import(struct http *h, struct conn *c, const char *part, size_t *len)
{
	if (c->step == STEP_BODY && c->refusal)
		return on_complete(h, c);
	if (c->step == STEP_PART)
		part_taken(h, c);
	if (c->step == STEP_REST) {
		if (*len == 0)
			return send_answer(h, c);
		*len = 0;
		return MHD_YES;
	}
	if (*len > 0 && on_body(c, part, len) == MHD_NO)
		return MHD_NO;
	return c->req.body_len == c->body_size || c->body_left == 0 ? give_part(h, c) : MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *part, size_t *part_len, void **request)
{
	struct http *h = ((struct listener *)arg)->http;
	struct conn *c = *request;

	(void)mhd;
	(void)url; /* decoded by libmicrohttpd; ours comes from on_target */
	(void)version;
	if (!c)
		return MHD_NO;
	switch (c->step) {
	case STEP_HEAD:
		return on_head(h, c, method);
	case STEP_LEAVE:
		return leave_came(h, c);
	case STEP_BODY:
	case STEP_PART:
	case STEP_REST:
		if (c->route && c->route->to == ROUTE_IMPORT)
			return on_import(h, c, part, part_len);
		return *part_len ? on_body(c, part, part_len) : on_complete(h, c);
	case STEP_ANSWER:
		break;
	}
	conns_take(h->conns, c);
	return send_answer(h, c);
}

static struct conn *conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return i ? i->socket_context : NULL;
}

static enum problem_kind target_problem(int rc)
{
	switch (rc) {
	case 0:
		return PROBLEM_NONE;
	case -ENAMETOOLONG:
		return PROBLEM_TARGET_TOO_LONG;
	case -ENOENT:
		return PROBLEM_NOT_FOUND;
	default:
		return PROBLEM_MALFORMED;
	}
}

/* The request line was read: here alone the target is to be had as it came. */
static void *on_target(void *arg, const char *target, struct MHD_Connection *mhd)
{
	struct http *h = ((struct listener *)arg)->http;
	struct conn *c = conn_of(mhd);

	if (!c)
		return NULL;
	conns_clear(c);
	conns_phase(h->conns, c, CONN_HEAD);
	c->refusal = target_problem(routes_target(target, &c->req));
	return c;
}

static void on_completed(
	void *arg, struct MHD_Connection *mhd, void **request, enum MHD_RequestTerminationCode code)
{
	struct http *h = ((struct listener *)arg)->http;
	struct conn *c = *request;

	(void)mhd;
	if (!c)
		return;
	transfer_end(h, c, c->streamed || code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	blob_put(h->blobs, c->blob);
	conns_clear(c);
	conns_phase(h->conns, c, CONN_IDLE);
	*request = NULL;
}

/* Is the process that connected in that group, by one of its groups beside the primary one? */
static bool has_group(int fd, gid_t group)
{
	gid_t some[64], *all = some;
	socklen_t len = sizeof some;
	bool found = false;
	int rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, some, &len);

	if (rc < 0 && errno == ERANGE && (all = malloc(len)))
		rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, all, &len);
	for (size_t i = 0; rc == 0 && i < len / sizeof *all; i++)
		found |= all[i] == group;
	if (all != some)
		free(all);
	return found;
}

static void identify(struct conn *c, enum http_peer peer, gid_t group)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct ucred cred = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	socklen_t len = sizeof cred;

	c->req.peer = (uint8_t)peer;
	if (peer == HTTP_PEER_UNIX) {
		getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
		c->req.uid = cred.uid;
		c->req.in_group = cred.gid == group || has_group(c->fd, group);
	} else if (i && i->client_addr->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, i->client_addr, sizeof in);
		c->req.addr = ntohl(in.sin_addr.s_addr);
		c->req.port = ntohs(in.sin_port);
	}
}

/*
 * Of a connection that is closed behind its answer the kernel may have bytes to send, and no
 * deadline of ours is left: a peer that takes none of them ends it. Not before: for the kernel a
 * peer whose window is smaller than what is to be sent next stands still, however much it reads.
 */
static void bound(const struct conn *c, unsigned stall_ms)
{
	if (c->req.peer == HTTP_PEER_TCP &&
		setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall_ms, sizeof stall_ms) < 0)
		log_debug("user timeout: %s", strerror(errno));
}

/* For network cards that lose what comes faster: the kernel spreads a connection's packets. */
static void pace(const struct conn *c, unsigned kib_s)
{
	const uint64_t bytes_s = (uint64_t)kib_s * 1024;

	if (kib_s > 0 && c->req.peer == HTTP_PEER_TCP &&
		setsockopt(c->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes_s, sizeof bytes_s) < 0)
		log_debug("pace: %s", strerror(errno));
}

static void on_opened(const struct listener *l, struct MHD_Connection *mhd, void **context)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct conn *c = conns_open(l->http->conns, mhd, i->connect_fd);

	*context = c;
	if (c) {
		c->req.tls = l->tls;
		identify(c, l->peer, l->http->server->api_gid);
		pace(c, l->http->limits->pace_kib);
	} else {
		/* without a place it would have no deadline */
		shutdown(i->connect_fd, SHUT_RDWR);
	}
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	const struct listener *l = arg;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		on_opened(l, mhd, context);
	} else if (*context) {
		bound(*context, l->http->limits->stall_ms);
		conns_close(l->http->conns, *context);
	}
}

/* Paths are decoded by routes.c. */
static size_t leave_encoded(void *arg, struct MHD_Connection *mhd, char *text)
{
	(void)arg;
	(void)mhd;
	return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void on_library_log(
	void *arg, const char *fmt, va_list ap)
{
	char text[256];

	(void)arg;
	vsnprintf(text, sizeof text, fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug("libmicrohttpd: %s", text);
}

/* ---- what comes from core, import, view and backup ---- */

static const char *const link_names[CONN_LINKS] = { "core", "import", "view", "backup" };

/* May it stand in a header? */
static bool header_ok(const char *text, size_t size)
{
	if (!msg_text_ok(text, size))
		return false;
	for (const char *s = text; *s; s++) {
		if (*s < ' ' || *s >= 0x7f)
			return false;
	}
	return true;
}

static bool answer_ok(const struct msg_head *m, const struct http_answer *a)
{
	if (m->len != sizeof *a + a->body_len || a->status < 200 || a->status > 599 ||
		a->more > 1 || a->challenge >= CHALLENGES || a->allow >> HTTP_METHODS)
		return false;
	return header_ok(a->type, sizeof a->type) && header_ok(a->etag, sizeof a->etag);
}

static int take_message(
	struct http *h, enum conn_link from, const struct msg_head *m, const void *body)
{
	const struct http_answer *a;
	size_t n;

	switch (m->type) {
	case MSG_HTTP_ANSWER:
		a = msg_fixed(m, body, sizeof *a, 0);
		if (!a || !answer_ok(m, a))
			return -EBADMSG;
		if (conns_answer(h->conns, from, m->id, a, a + 1) == 1)
			log_debug("answer for nobody");
		return 0;
	case MSG_HELLO:
		n = conns_ask_again(h->conns, from);
		if (n > 0)
			log_info("%s is new: requests asked again=%zu", link_names[from], n);
		return 0;
	default:
		return -EBADMSG;
	}
}

static void drain(struct http *h, enum conn_link from, int link)
{
	struct msg_head m;
	const void *body;
	unsigned missed;

	for (int i = 0; i < LINK_BATCH; i++) {
		int rc = msg_recv(link, h->msg, &m, &body);

		if (rc == 0)
			return;
		if (rc == 1)
			rc = take_message(h, from, &m, body);
		if (rc == -EBADMSG) {
			if (log_allow(&h->bad_limit, now_mono_ms(), &missed))
				log_warn("malformed message from %s: more=%u", link_names[from],
					missed);
		} else if (rc < 0) {
			log_error("link to %s: %s", link_names[from], strerror(-rc));
			loop_stop(h->loop);
			return;
		}
	}
}

static void on_core(void *arg, uint32_t events)
{
	struct http *h = arg;

	(void)events;
	drain(h, CONN_TO_CORE, h->server->role_side[LINK_HTTP]);
}

static void on_import_link(void *arg, uint32_t events)
{
	struct http *h = arg;

	(void)events;
	drain(h, CONN_TO_IMPORT, h->server->http_side[HTTP_IMPORT]);
}

static void on_view(void *arg, uint32_t events)
{
	struct http *h = arg;

	(void)events;
	drain(h, CONN_TO_VIEW, h->server->http_side[HTTP_VIEW]);
}

static void on_backup(void *arg, uint32_t events)
{
	struct http *h = arg;

	(void)events;
	drain(h, CONN_TO_BACKUP, h->server->http_side[HTTP_BACKUP]);
}

static void on_sweep(void *arg, uint32_t events)
{
	struct http *h = arg;
	uint64_t now = now_mono_ms();
	size_t unanswered = conns_sweep(h->conns, now);
	unsigned lost, missed;

	(void)events;
	if (blob_holes() > 0)
		log_error("a blob has become shorter while it was read: muster image verify --all");
	if (unanswered > 0 && log_allow(&h->unanswered_limit, now, &missed))
		log_warn("core did not answer in time: requests=%zu more=%u", unanswered, missed);
	if (atomic_load(&h->lost_events) == 0 || !log_allow(&h->lost_limit, now, &missed))
		return;
	lost = atomic_exchange(&h->lost_events, 0);
	log_warn("core does not keep up: lost blob events=%u", lost);
}

static void on_term(void *arg, uint32_t events)
{
	struct http *h = arg;

	(void)events;
	loop_stop(h->loop);
}

/* ---- start and end ---- */

static unsigned workers(enum http_peer peer)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (peer == HTTP_PEER_UNIX)
		return WORKERS_UNIX;
	return n < WORKERS_MIN ? WORKERS_MIN : n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

static struct MHD_Daemon *daemon_start(struct listener *l, int fd)
{
	const struct http_limits *limits = l->http->limits;
	bool tcp = l->peer == HTTP_PEER_TCP;
	const struct MHD_OptionItem options[] = {
		/* The logger must be the first. The connection timeout stays off: see conns.h. */
		{ MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_library_log, NULL },
		{ MHD_OPTION_LISTEN_SOCKET, fd, NULL },
		{ MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)workers(l->peer), NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONN_MEMORY, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, tcp ? limits->tcp_conns : limits->unix_conns, NULL },
		{ MHD_OPTION_PER_IP_CONNECTION_LIMIT, tcp ? limits->tcp_conns_per_addr : 0, NULL },
		{ MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_encoded, NULL },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, l },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, l },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, l },
		{ MHD_OPTION_END, 0, NULL },
	};

	const struct pem *pem = l->http->pem;
	const struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, l->tls ? (void *)(uintptr_t)pem->cert : NULL },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, l->tls ? (void *)(uintptr_t)pem->key : NULL },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
			(void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
		{ MHD_OPTION_END, 0, NULL },
	};
	const struct MHD_OptionItem none = { MHD_OPTION_END, 0, NULL };
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
			 MHD_USE_ERROR_LOG | (l->tls ? MHD_USE_TLS : 0);

	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, l, MHD_OPTION_ARRAY, options,
		MHD_OPTION_ARRAY, l->tls ? tls : &none, MHD_OPTION_END);
}

static int listener_start(struct http *h, int fd, enum http_peer peer, bool tls)
{
	struct listener *l = &h->listeners[h->n_listeners];
	int flags = fcntl(fd, F_GETFL);

	/* Workers race for a connection; who comes late must not wait in accept. */
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	l->http = h;
	l->peer = peer;
	l->tls = tls;
	errno = 0;
	l->daemon = daemon_start(l, fd);
	if (!l->daemon)
		return errno ? -errno : -EIO;
	h->n_listeners++;
	return 0;
}

static int read_pem(int fd, char *out)
{
	ssize_t n = pread(fd, out, PEM_MAX - 1, 0);

	close(fd);
	return n < 0 ? -errno : n == 0 || n == PEM_MAX - 1 ? -EFBIG : 0;
}

static int pem_load(struct http *h)
{
	int rc;

	if (!h->server->n_https)
		return 0;
	h->pem = calloc(1, sizeof *h->pem);
	if (!h->pem)
		return -ENOMEM;
	rc = read_pem(h->server->tls_cert, h->pem->cert);
	return rc < 0 ? rc : read_pem(h->server->tls_key, h->pem->key);
}

static int listeners_start(struct http *h)
{
	const struct server *s = h->server;
	int rc = pem_load(h);

	for (size_t i = 0; i < s->n_http && rc == 0; i++)
		rc = listener_start(h, s->http[i], HTTP_PEER_TCP, false);
	for (size_t i = 0; i < s->n_https && rc == 0; i++)
		rc = listener_start(h, s->https[i], HTTP_PEER_TCP, true);
	if (rc == 0 && s->http_unix >= 0)
		rc = listener_start(h, s->http_unix, HTTP_PEER_UNIX, false);
	return rc;
}

/* libmicrohttpd must not be stopped while it holds a suspended connection: conns_stop first. */
static void listeners_stop(struct http *h)
{
	conns_stop(h->conns);
	while (h->n_listeners > 0)
		MHD_stop_daemon(h->listeners[--h->n_listeners].daemon);
	if (h->pem)
		explicit_bzero(h->pem, sizeof *h->pem);
	free(h->pem);
}

static void drop_response(void *response)
{
	MHD_destroy_response(response);
}

/* As far as we may: libmicrohttpd stops accepting while descriptors have run out. */
static void raise_file_limit(rlim_t files)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur >= files)
		return;
	r.rlim_cur = files < r.rlim_max ? files : r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

static int tables_new(struct http *h)
{
	const struct http_limits *l = h->limits;
	const struct server *s = h->server;
	const int links[CONN_LINKS] = { s->role_side[LINK_HTTP], s->http_side[HTTP_IMPORT],
		s->http_side[HTTP_VIEW], s->http_side[HTTP_BACKUP] };
	size_t max = (h->server->n_http + h->server->n_https) * l->tcp_conns + l->unix_conns;
	int rc;

	raise_file_limit(max + MAPPINGS_MAX + 64);
	h->blobs = blob_cache_new(h->server->blobs, MAPPINGS_MAX, drop_response);
	if (!h->blobs)
		return -ENOMEM;
	rc = conns_new(l, max, links, MHD_suspend_connection, MHD_resume_connection, &h->conns);
	if (rc < 0) {
		blob_cache_free(h->blobs);
		h->blobs = NULL;
	}
	return rc;
}

static void tables_free(struct http *h)
{
	conns_free(h->conns);
	blob_cache_free(h->blobs);
}

/* Before any thread: workers inherit the mask, so SIGTERM reaches the loop alone. */
static int term_open(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int watch_all(struct http *h)
{
	int rc = loop_watch(h->loop, h->term, EPOLLIN, on_term, h);

	if (rc == 0)
		rc = loop_watch(h->loop, h->server->role_side[LINK_HTTP], EPOLLIN, on_core, h);
	if (rc == 0)
		rc = loop_watch(
			h->loop, h->server->http_side[HTTP_IMPORT], EPOLLIN, on_import_link, h);
	if (rc == 0 && h->server->http_side[HTTP_VIEW] >= 0)
		rc = loop_watch(h->loop, h->server->http_side[HTTP_VIEW], EPOLLIN, on_view, h);
	if (rc == 0 && h->server->http_side[HTTP_BACKUP] >= 0)
		rc = loop_watch(h->loop, h->server->http_side[HTTP_BACKUP], EPOLLIN, on_backup, h);
	if (rc == 0)
		rc = loop_timer(h->loop, h->limits->sweep_ms, on_sweep, h);
	return rc < 0 ? rc : 0;
}

static int run(struct http *h)
{
	int rc = watch_all(h);

	if (rc == 0)
		rc = listeners_start(h);
	if (rc == 0) {
		msg_send(h->server->role_side[LINK_HTTP], MSG_HELLO, 0, NULL, 0, NULL, 0);
		rc = loop_run(h->loop);
	}
	listeners_stop(h);
	return rc;
}

int http_run(const struct server *s, const struct http_limits *limits)
{
	struct http *h = calloc(1, sizeof *h);
	int rc = -ENOMEM;

	if (!h)
		goto out;
	h->server = s;
	h->limits = limits;
	rc = h->term = term_open();
	if (rc < 0)
		goto err_free;
	rc = tables_new(h);
	if (rc < 0)
		goto err_term;
	rc = loop_new(&h->loop);
	if (rc < 0)
		goto err_tables;
	rc = run(h);
	loop_free(h->loop);
err_tables:
	tables_free(h);
err_term:
	close(h->term);
err_free:
	free(h);
out:
	if (rc < 0)
		log_error("http cannot run: %s", strerror(-rc));
	return rc < 0 ? 1 : 0;
}

int http_main(const struct server *s)
{
	struct http_limits limits = http_limits_default;

	limits.tcp_conns = s->cfg.conns;
	limits.tcp_conns_per_addr = s->cfg.conns_per_addr;
	limits.pace_kib = s->cfg.pace_kib;
	limits.least_bytes_s = s->cfg.least_kib * 1024;
	return http_run(s, &limits);
}
