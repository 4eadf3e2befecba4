/*
 * import.c: the role that writes blobs. Each message is one step by itself: no upload is in memory,
 * so that whoever comes back after a restart, of either side, goes on where the part on disk ends.
 *
 * A part is written at the offset that is named, unless that leaves a gap: a step that is asked for
 * twice does no harm, two who send the same blob help each other, and what either of them sent
 * wrong is found in the end, when the whole is hashed under a name that nobody writes to.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "images/blobs.h"
#include "images/json.h"
#include "server/bytes.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/msg.h"
#include "server/server.h"

#define JOBS_MAX   16			     /* blobs that are being hashed */
#define STEP_BYTES ((size_t)8 * 1024 * 1024) /* that a job reads before the next one's turn */
#define READ_BYTES ((size_t)64 * 1024)

/* A blob that is being read: one that came, or one that is checked where it lies. */
struct job {
	uint64_t id; /* of its request; 0: free */
	struct digest digest;
	struct digest_ctx *hash;
	bool came;
	struct blob_claim claim; /* fd and len, and the name of one that came */
	uint64_t at;
};

struct import {
	int link, dir;
	struct loop *loop;
	int timer;
	unsigned claims;
	struct log_limit bad_limit;
	struct job jobs[JOBS_MAX];
	uint8_t buf[READ_BYTES];
	_Alignas(8) uint8_t msg[MSG_MAX];
};

/* ---- answers ---- */

static void send_answer(struct import *im, uint64_t id, unsigned status, const char *type,
	unsigned retry_after_s, struct jw *w)
{
	struct http_answer a = { .status = (uint16_t)(w->bad ? 503 : status) };

	a.retry_after = w->bad ? 1 : retry_after_s;
	a.body_len = w->bad ? 0 : (uint32_t)w->len;
	snprintf(a.type, sizeof a.type, "%s", type);
	/* Whoever does not get it asks again: every step may come twice. */
	if (msg_send(im->link, MSG_HTTP_ANSWER, id, &a, sizeof a, w->buf, a.body_len) < 0)
		log_debug("http does not keep up");
	jw_fini(w);
}

static void answer_state(struct import *im, uint64_t id, unsigned status, const struct digest *d,
	const char *state, uint64_t bytes)
{
	struct jw w = { 0 };
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	jw_obj(&w, NULL);
	jw_str(&w, "digest", hex);
	jw_str(&w, "state", state);
	jw_int(&w, "bytes", (int64_t)bytes);
	jw_end_obj(&w);
	send_answer(im, id, status, "application/json", 0, &w);
}

__attribute__((format(printf, 6, 7))) static void answer_problem(struct import *im, uint64_t id,
	unsigned status, const char *code, const char *hint, const char *fmt, ...)
{
	struct jw w = { 0 };
	char detail[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof detail, fmt, ap);
	va_end(ap);
	jw_obj(&w, NULL);
	jw_str(&w, "type", "about:blank");
	jw_int(&w, "status", status);
	jw_str(&w, "code", code);
	jw_str(&w, "detail", detail);
	if (hint)
		jw_str(&w, "hint", hint);
	jw_end_obj(&w);
	send_answer(im, id, status, "application/problem+json", status == 503, &w);
}

static void answer_busy(struct import *im, uint64_t id)
{
	answer_problem(im, id, 503, "busy", NULL, "too many blobs are being read through");
}

static void answer_error(struct import *im, uint64_t id, const struct digest *d, int rc)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	if (rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG) {
		answer_problem(im, id, 507, "disk-full", "make room and import it again",
			"blob %.12s: %s", hex, strerror(-rc));
		return;
	}
	log_error("blob: digest=%s %s", hex, strerror(-rc));
	answer_problem(
		im, id, 500, "disk", "its log says more", "blob %.12s: %s", hex, strerror(-rc));
}

/* ---- jobs ---- */

static void job_end(struct job *j)
{
	digest_free(j->hash);
	*j = (struct job){ 0 };
}

/* What came is what was announced: it gets its name. */
static void end_came(struct import *im, struct job *j, bool good)
{
	char hex[DIGEST_HEX];
	int rc;

	if (!good) {
		digest_hex(&j->digest, hex);
		blobs_drop(im->dir, &j->claim);
		answer_problem(im, j->id, 422, "digest", "send it again, from its first byte",
			"the %" PRIu64 " bytes that came have another digest than %.12s",
			j->claim.len, hex);
		return;
	}
	rc = blobs_publish(im->dir, &j->claim, &j->digest);
	if (rc)
		answer_error(im, j->id, &j->digest, rc);
	else
		answer_state(im, j->id, 201, &j->digest, "whole", j->claim.len);
}

/* One whose bytes have changed is of no use to anybody: every host would refuse it. */
static void end_checked(struct import *im, struct job *j, bool good, int error)
{
	char hex[DIGEST_HEX];

	close(j->claim.fd);
	if (good) {
		answer_state(im, j->id, 200, &j->digest, "whole", j->claim.len);
		return;
	}
	digest_hex(&j->digest, hex);
	log_error("a blob is damaged and was taken out of service: digest=%s %s", hex,
		error ? strerror(-error) : "its bytes have another digest");
	blobs_remove(im->dir, &j->digest);
	answer_state(im, j->id, 200, &j->digest, "damaged", j->claim.len);
}

static void job_finish(struct import *im, struct job *j, int error)
{
	struct digest found;
	bool good = !error && j->at == j->claim.len && digest_final(j->hash, &found) == 0 &&
		    digest_equal(&found, &j->digest);

	if (!j->came)
		end_checked(im, j, good, error);
	else if (error)
		blobs_drop(im->dir, &j->claim), answer_error(im, j->id, &j->digest, error);
	else
		end_came(im, j, good);
	job_end(j);
}

/* Read on a bounded way. */
static void job_step(struct import *im, struct job *j)
{
	for (size_t done = 0; done < STEP_BYTES;) {
		ssize_t n = pread(j->claim.fd, im->buf, sizeof im->buf, (off_t)j->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			job_finish(im, j, n < 0 ? -errno : 0);
			return;
		}
		digest_update(j->hash, im->buf, (size_t)n);
		j->at += (uint64_t)n;
		done += (size_t)n;
	}
}

static void on_timer(void *arg, uint32_t events)
{
	struct import *im = arg;
	bool more = false;

	(void)events;
	for (size_t i = 0; i < JOBS_MAX; i++) {
		if (im->jobs[i].id)
			job_step(im, &im->jobs[i]);
		more |= im->jobs[i].id != 0;
	}
	if (more)
		loop_timer_set(im->timer, 1, 0);
}

static struct job *job_free(struct import *im)
{
	for (size_t i = 0; i < JOBS_MAX; i++) {
		if (!im->jobs[i].id)
			return &im->jobs[i];
	}
	return NULL;
}

/* Takes the claim over. A small blob is read at once. */
static void job_start(struct import *im, uint64_t id, const struct digest *d, bool came,
	const struct blob_claim *claim)
{
	struct job *j = job_free(im);

	*j = (struct job){ id, *d, digest_new(), came, *claim, 0 };
	if (!j->hash)
		job_finish(im, j, -ENOMEM);
	else
		job_step(im, j);
	if (j->id)
		loop_timer_set(im->timer, 1, 0);
}

/* ---- requests ---- */

/* What is there of this blob? One that is there is needed, and read through. */
static void handle_check(struct import *im, uint64_t id, const struct digest *d)
{
	struct blob_claim c = { 0 };
	uint64_t bytes;
	int rc = blobs_touch(im->dir, d);

	if (!rc && !job_free(im)) {
		answer_busy(im, id);
		return;
	}
	if (!rc) {
		c.fd = blobs_open(im->dir, d, &c.len);
		rc = c.fd < 0 ? c.fd : 0;
	}
	if (!rc) {
		job_start(im, id, d, false, &c);
		return;
	}
	if (rc == -ENOENT) {
		rc = blobs_part(im->dir, d, false, &bytes);
		if (rc >= 0) {
			close(rc);
			answer_state(im, id, 200, d, "part", bytes);
			return;
		}
	}
	if (rc == -ENOENT)
		answer_state(im, id, 200, d, "missing", 0);
	else
		answer_error(im, id, d, rc);
}

/* Before the first byte is taken: is there room for all of them? */
static int has_room(const struct import *im, uint64_t bytes)
{
	uint64_t room;
	int rc = blobs_room(im->dir, &room);

	return rc ? rc : bytes > room ? -ENOSPC : 0;
}

static int write_all(int fd, const uint8_t *p, size_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t done = pwrite(fd, p, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
		at += (uint64_t)done;
	}
	return 0;
}

/* Returns the bytes that are there now, or -ERANGE with *have of them, or -errno. */
static int write_part(struct import *im, const struct import_request *q, const struct digest *d,
	const uint8_t *p, uint64_t *have)
{
	const uint64_t end = q->offset + q->body_len;
	int fd, rc;

	fd = blobs_part(im->dir, d, q->offset == 0, have);
	if (fd == -ENOENT) {
		*have = 0;
		return -ERANGE;
	}
	if (fd < 0)
		return fd;
	rc = 0;
	if (*have > q->total && q->offset == 0) { /* somebody was wrong about its length */
		rc = ftruncate(fd, 0) < 0 ? -errno : 0;
		*have = 0;
	}
	if (!rc && (q->offset > *have || *have > q->total))
		rc = -ERANGE;
	if (!rc && !q->offset) /* somebody may have sent some of it */
		rc = has_room(im, q->total - *have);
	if (!rc)
		rc = write_all(fd, p, q->body_len, q->offset);
	close(fd);
	if (!rc && end > *have)
		*have = end;
	return rc;
}

/* All bytes are there, and stay where they are until there is a place to read them through. */
static void complete(struct import *im, uint64_t id, const struct digest *d)
{
	struct blob_claim c;
	int rc;

	if (!job_free(im)) {
		answer_busy(im, id);
		return;
	}
	rc = blobs_claim(im->dir, d, ++im->claims, &c);
	if (rc)
		answer_error(im, id, d, rc);
	else
		job_start(im, id, d, true, &c);
}

static void handle_write(struct import *im, uint64_t id, const struct import_request *q,
	const struct digest *d, const uint8_t *p)
{
	uint64_t have = 0;
	int rc = write_part(im, q, d, p, &have);

	if (rc == -ERANGE) {
		answer_problem(im, id, 409, "offset", "ask how much is there by POST",
			"%" PRIu64 " bytes are there, and these begin at %" PRIu64 " of %" PRIu64,
			have, q->offset, q->total);
	} else if (rc) { /* what will not become whole is in the way */
		blobs_part_remove(im->dir, d);
		answer_error(im, id, d, rc);
	} else if (have < q->total) {
		answer_state(im, id, 202, d, "part", have);
	} else {
		complete(im, id, d);
	}
}

static bool request_ok(const struct msg_head *m, const struct import_request *q)
{
	return q && q->op < IMPORT_OPS && m->id && q->body_len <= HTTP_BODY_MAX &&
	       m->len == sizeof *q + q->body_len && q->total <= INT64_MAX &&
	       q->offset <= q->total && q->body_len <= q->total - q->offset;
}

static void take_message(struct import *im, const struct msg_head *m, const void *body)
{
	const struct import_request *q = msg_fixed(m, body, sizeof *q, 0);
	struct digest d;
	unsigned missed;

	if (m->type != MSG_IMPORT_REQUEST || !request_ok(m, q)) {
		if (log_allow(&im->bad_limit, now_mono_ms(), &missed))
			log_warn("malformed message from http: more=%u", missed);
		return;
	}
	memcpy(d.b, q->digest, sizeof d.b);
	if (q->op == IMPORT_CHECK)
		handle_check(im, m->id, &d);
	else
		handle_write(im, m->id, q, &d, (const uint8_t *)(q + 1));
}

static void on_link(void *arg, uint32_t events)
{
	struct import *im = arg;
	struct msg_head m;
	const void *body;
	int rc;

	(void)events;
	while ((rc = msg_recv(im->link, im->msg, &m, &body)) != 0) {
		if (rc == 1) {
			take_message(im, &m, body);
		} else if (rc != -EBADMSG) {
			loop_stop(im->loop);
			return;
		}
	}
}

int import_main(const struct server *s)
{
	static struct import im;
	int rc = loop_new(&im.loop);

	im.link = s->asked_side[HTTP_IMPORT];
	im.dir = s->blob_dir;
	if (!rc)
		rc = loop_watch(im.loop, im.link, EPOLLIN, on_link, &im);
	if (!rc)
		rc = im.timer = loop_timer(im.loop, 0, on_timer, &im);
	if (rc >= 0)
		rc = loop_term(im.loop);
	if (!rc)
		rc = blobs_unclaim(im.dir); /* of the import that was before */
	if (!rc)
		rc = msg_send(im.link, MSG_HELLO, 0, NULL, 0, NULL, 0);
	if (!rc)
		rc = loop_run(im.loop);
	loop_free(im.loop);
	if (rc < 0)
		log_error("import: %s", strerror(-rc));
	return rc < 0;
}
