#include "server/core/core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "images/manifest.h"
#include "server/bytes.h"
#include "server/core/audit.h"
#include "server/core/backup.h"
#include "server/core/metrics.h"
#include "server/core/record.h"
#include "server/core/rollouts.h"
#include "server/log.h"

#define CLOCK_JUMP_MS 20000
#define ROUND_MAX     256 /* messages of one link in one round: they share one commit */

struct out_msg {
	struct out_msg *next;
	enum msg_type type;
	uint64_t id;
	size_t len;
	uint8_t bytes[];
};

void core_die(struct core *c, const char *where)
{
	log_error("database: %s: %s; starting anew", where, store_error(c->store));
	exit(1);
}

int core_must(struct core *c, int rc, const char *where)
{
	if (rc < 0)
		core_die(c, where);
	return rc;
}

void core_write(struct core *c)
{
	if (c->in_transaction)
		return;
	if (c->reads)
		core_die(c, "a reader that writes");
	core_must(c, store_begin(c->store), "begin");
	c->in_transaction = true;
}

/* ---- what leaves ---- */

static void queue(struct out_queue *q, enum msg_type type, uint64_t id, const void *a, size_t a_len,
	const void *b, size_t b_len)
{
	struct out_msg *m = malloc(sizeof *m + a_len + b_len);

	if (!m) {
		log_error("out of memory: a message was lost");
		return;
	}
	*m = (struct out_msg){ .type = type, .id = id, .len = a_len + b_len };
	if (a_len)
		memcpy(m->bytes, a, a_len);
	if (b_len)
		memcpy(m->bytes + a_len, b, b_len);
	*q->end = m;
	q->end = &m->next;
}

void core_send(struct core *c, enum link link, enum msg_type type, uint64_t id, const void *a,
	size_t a_len, const void *b, size_t b_len)
{
	queue(&c->out[link], type, id, a, a_len, b, b_len);
}

void core_send_offer(struct core *c, uint64_t id, const struct dhcp_answer *a)
{
	queue(&c->offers, MSG_DHCP_ANSWER, id, a, sizeof *a, NULL, 0);
}

void core_answer(struct core *c, uint64_t http_id, struct answer *a)
{
	const size_t piece_max = MSG_MAX - sizeof(struct msg_head) - sizeof(struct http_answer);
	struct http_answer h = {
		.feed = a->feed,
		.status = (uint16_t)a->status,
		.retry_after = a->retry_after_s,
		.challenge = (uint8_t)a->challenge,
		.allow = a->allow,
	};
	size_t at = 0;

	memcpy(h.type, a->type, sizeof h.type);
	memcpy(h.etag, a->etag, sizeof h.etag);
	do {
		size_t n = a->len - at < piece_max ? a->len - at : piece_max;

		h.body_len = (uint32_t)n;
		h.more = at + n < a->len;
		core_send(c, LINK_HTTP, MSG_HTTP_ANSWER, http_id, &h, sizeof h, a->body + at, n);
		at += n;
	} while (at < a->len);
	free(a->body);
	a->body = NULL;
}

static void on_link(void *arg, uint32_t events);

/*
 * Send what waits for a link. A role that does not keep up is waited for; but an answer to a DHCP
 * packet is worth nothing later, so net's are dropped like packets.
 */
static void flush(struct core *c, enum link link, struct out_queue *q)
{
	int fd = c->server->core_side[link], rc = 0;
	bool waited = q->waits;
	struct out_msg *m;

	while ((m = q->first)) {
		rc = msg_send(fd, m->type, m->id, m->bytes, m->len, NULL, 0);
		if (rc == -EAGAIN && link != LINK_NET)
			break;
		q->first = m->next;
		free(m);
	}
	if (!q->first)
		q->end = &q->first;
	q->waits = q->first != NULL;
	if (q->waits != waited)
		loop_change(c->loop, fd, EPOLLIN | (q->waits ? (uint32_t)EPOLLOUT : 0));
}

void core_end_round(struct core *c)
{
	flush(c, LINK_NET, &c->offers);
	if (c->in_transaction) {
		core_must(c, store_commit(c->store), "commit");
		c->in_transaction = false;
		audit_committed(c);
	}
	for (int i = 0; i < LINKS; i++)
		flush(c, (enum link)i, &c->out[i]);
}

static void end_round(void *arg, uint32_t events)
{
	(void)events;
	core_end_round(arg);
}

/* ---- what arrives ---- */

static int query_ok(const struct core *c, const struct dhcp_query *q)
{
	return q && dhcp_query_ok(q) && q->endpoint < c->server->n_endpoints;
}

/* It goes into the log and the database. */
static int request_id_ok(const struct http_request *h)
{
	return msg_text_ok(h->request_id, sizeof h->request_id) &&
	       !h->request_id[strspn(h->request_id, HTTP_REQUEST_ID)];
}

static int request_ok(const struct msg_head *head, const struct http_request *h)
{
	return h && h->method < HTTP_METHODS && h->peer <= HTTP_PEER_UNIX && h->tls <= 1 &&
	       h->in_group <= 1 && h->body_len <= HTTP_BODY_MAX &&
	       head->len == sizeof *h + h->body_len && msg_text_ok(h->host, sizeof h->host) &&
	       msg_text_ok(h->bearer, sizeof h->bearer) && msg_text_ok(h->path, sizeof h->path) &&
	       msg_text_ok(h->query, sizeof h->query) && request_id_ok(h) &&
	       msg_text_ok(h->if_match, sizeof h->if_match) && h->is_new <= 1;
}

void core_database(const struct server *s, char out[CONFIG_TEXT_MAX + 16])
{
	snprintf(out, CONFIG_TEXT_MAX + 16, "%s/muster.db", s->cfg.state_dir);
}

static int view_open(struct core *c)
{
	char file[CONFIG_TEXT_MAX + 16], err[300];
	int rc;

	core_database(c->server, file);
	rc = store_open_reader(file, &c->store, err, sizeof err);
	if (rc < 0)
		log_debug("%s", err);
	return rc;
}

/* Of what people read. The database may have yet to be made, by core. false with the answer made.
 */
static bool view_takes(struct core *c, const struct http_request *h, struct answer *a)
{
	if ((h->method != HTTP_GET && h->method != HTTP_HEAD) ||
		(strncmp(h->path, "/api/v1/", 8) != 0 && strcmp(h->path, "/metrics") != 0)) {
		a->status = HTTP_ASK_CORE;
		return false;
	}
	if (!c->store && view_open(c) < 0) {
		a->retry_after_s = 1;
		answer_problem(a, 503, "starting", NULL, "the database is not open yet");
		return false;
	}
	return true;
}

static void handle_http(struct core *c, const struct msg_head *head, const void *body)
{
	static const struct {
		const char *prefix;
		void (*handle)(struct core *, const struct request *, struct answer *);
	} families[] = {
		{ "/v1/agent/", agent_handle },
		{ "/api/v1/", api_handle },
		{ "/boot.ipxe", loader_handle_http },
		{ "/efi/agent.efi", loader_handle_http },
		{ "/efi/image.", direct_handle_file },
		{ "/v1/boot/", direct_handle_boot },
		{ "/readyz", api_handle },
		{ "/metrics", metrics_handle },
	};
	const struct http_request *h = msg_fixed(head, body, sizeof *h, 0);
	struct request q = { .id = head->id, .h = h };
	struct answer a = { 0 };

	if (!request_ok(head, h))
		return;
	q.body = (const char *)(h + 1);
	if (c->reads && !view_takes(c, h, &a)) {
		core_answer(c, head->id, &a);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(families) && !a.status && !a.later; i++) {
		if (!strncmp(h->path, families[i].prefix, strlen(families[i].prefix)))
			families[i].handle(c, &q, &a);
	}
	if (a.later)
		return;
	if (!a.status)
		answer_problem(&a, 404, "path", NULL, "nothing is at %s", h->path);
	core_answer(c, head->id, &a);
}

static int probe_answer_ok(const struct probe_answer *a)
{
	return a && a->addr && a->has_mac <= 1;
}

static int seen_ok(const struct core *c, const struct dhcp_seen *s)
{
	return s && s->endpoint < c->server->n_endpoints &&
	       (s->type == DHCP_OFFER || s->type == DHCP_ACK || s->type == DHCP_NAK) &&
	       msg_text_ok(s->file, sizeof s->file);
}

static int blob_ok(const struct blob_event *e)
{
	return e && e->phase < BLOB_PHASES && e->bytes <= e->total &&
	       e->total <= MANIFEST_FILE_MAX && msg_text_ok(e->name, sizeof e->name);
}

static void handle(struct core *c, enum link link, const struct msg_head *head, const void *body)
{
	const struct dhcp_query *query;
	const struct probe_answer *in_use;
	const struct dhcp_seen *seen;
	const struct blob_event *blob;
	const struct tftp_read *read;
	const struct sign_answer *signature;

	if (c->reads && head->type != MSG_HTTP_REQUEST)
		return;
	switch (head->type) {
	case MSG_HELLO:
		if (link == LINK_SIGN)
			agent_ask_again(c);
		break;
	case MSG_DHCP_QUERY:
		query = msg_fixed(head, body, sizeof *query, 1);
		if (link == LINK_NET && query_ok(c, query))
			dhcp_handle(c, head->id, query);
		break;
	case MSG_PROBE_ANSWER:
		in_use = msg_fixed(head, body, sizeof *in_use, 1);
		if (link == LINK_NET && probe_answer_ok(in_use))
			probe_answered(c, head->id, in_use);
		break;
	case MSG_DHCP_SEEN:
		seen = msg_fixed(head, body, sizeof *seen, 1);
		if (link == LINK_NET && seen_ok(c, seen))
			dhcp_seen_handle(c, seen);
		break;
	case MSG_HTTP_REQUEST:
		if (link == LINK_HTTP)
			handle_http(c, head, body);
		break;
	case MSG_BLOB_EVENT:
		blob = msg_fixed(head, body, sizeof *blob, 1);
		if (link == LINK_HTTP && blob_ok(blob))
			loader_handle_blob(c, blob);
		break;
	case MSG_TFTP_READ:
		read = msg_fixed(head, body, sizeof *read, 1);
		if (link == LINK_TFTP && read && msg_text_ok(read->file, sizeof read->file))
			loader_handle_tftp(c, read);
		break;
	case MSG_SIGN_ANSWER:
		signature = msg_fixed(head, body, sizeof *signature, 1);
		if (link == LINK_SIGN && signature)
			agent_signed(c, head->id, signature);
		break;
	default:
		break; /* not for us */
	}
}

void core_now(struct core *c)
{
	c->wall_ms = (int64_t)now_wall_ms();
	c->mono_ms = (int64_t)now_mono_ms();
}

struct link_watch {
	struct core *c;
	enum link link;
};

static void on_link(void *arg, uint32_t events)
{
	static _Alignas(8) uint8_t buf[MSG_MAX];
	const struct link_watch *w = arg;
	struct core *c = w->c;

	if (!(events & EPOLLIN))
		return; /* there is room again: the round's end sends */
	core_now(c);
	for (int i = 0; i < ROUND_MAX; i++) {
		struct msg_head head;
		const void *body;
		int rc = msg_recv(c->server->core_side[w->link], buf, &head, &body);

		if (rc == 0)
			return;
		if (rc == -EPIPE) {
			loop_stop(c->loop);
			return;
		}
		if (rc > 0)
			handle(c, w->link, &head, body);
	}
}

/* The clock was set forward: that was no silence of the hosts. */
static void watch_clock(struct core *c)
{
	static int64_t wall_ms, mono_ms; /* at the last look */

	if (mono_ms && (c->wall_ms - wall_ms) - (c->mono_ms - mono_ms) > CLOCK_JUMP_MS)
		c->listens_ms = c->wall_ms;
	wall_ms = c->wall_ms;
	mono_ms = c->mono_ms;
}

static void on_tick(void *arg, uint32_t events)
{
	struct core *c = arg;

	(void)events;
	core_now(c);
	watch_clock(c);
	record_sweep(c);
	retention_step(c);
	dhcp_servers_write(c);
	dhcp_sweep(c);
	metrics_write(c);
}

/* ---- start ---- */

static int load_lease(void *arg, const struct store_lease *l)
{
	struct core *c = arg;
	struct lease lease = {
		.addr = l->addr,
		.state = l->state,
		.known = l->known,
		.expires_ms = l->expires_ms,
	};

	memcpy(lease.mac, l->mac, sizeof lease.mac);
	/* Outside the ranges since the configuration changed, or a second address of the host: the
	 * row stays in the database, the address is not ours to give. */
	return pool_load(c->pool, &lease, l->machine, (uint64_t)c->wall_ms) == -ENOMEM ? -ENOMEM
										       : 0;
}

static int load_reservation(void *arg, const struct store_reservation *r)
{
	struct core *c = arg;
	int rc = pool_reserve(
		c->pool, r->host, r->addr, r->circuit, r->circuit_len, (uint64_t)c->wall_ms);

	if (rc && rc != -ENOMEM && !c->trying)
		log_warn("reserved address is not in use: addr=%u.%u.%u.%u (%s)", r->addr >> 24,
			r->addr >> 16 & 255, r->addr >> 8 & 255, r->addr & 255,
			rc == -ENOENT	       ? "in no configured subnet"
			: rc == -EADDRNOTAVAIL ? "a network's, router's, name server's or our own"
					       : "another host has its circuit");
	return rc == -ENOMEM ? rc : 0;
}

static int load_dhcp_server(void *arg, const struct store_dhcp_server *row)
{
	dhcp_servers_load(arg, row);
	return 0;
}

int core_open_pool(struct core *c)
{
	uint32_t own[CONFIG_INTERFACES_MAX];
	int rc;

	c->asked = (struct recent){ c->asked_slots, PROBE_ASKED_MAX };
	for (size_t i = 0; i < c->server->n_endpoints; i++)
		own[i] = c->server->endpoints[i].addr;
	rc = pool_new(c->cfg, own, c->server->n_endpoints, &c->pool);
	if (!rc)
		rc = store_reservation_each(c->store, load_reservation, c);
	return rc < 0 ? rc : store_lease_each(c->store, load_lease, c);
}

static int open_store(const struct server *s, struct store **out)
{
	char file[CONFIG_TEXT_MAX + 16], err[300];
	int rc;

	core_database(s, file);
	rc = store_open(file, out, err, sizeof err);
	if (rc < 0)
		log_error("%s", err);
	return rc;
}

int core_check(const struct server *s)
{
	struct store *store;
	int rc = open_store(s, &store);

	if (rc < 0)
		return 78;
	store_close(store);
	return 0;
}

static int watch_link(struct core *c, enum link link)
{
	static struct link_watch watches[LINKS];
	int rc;

	watches[link] = (struct link_watch){ c, link };
	rc = loop_watch(c->loop, c->server->core_side[link], EPOLLIN, on_link, &watches[link]);
	if (rc < 0)
		return rc;
	/* Whoever waits for an answer of the former process asks again. */
	msg_send(c->server->core_side[link], MSG_HELLO, 0, NULL, 0, NULL, 0);
	return 0;
}

/* Loop and queues, and the links from `first` to `last`. */
static int open_loop(struct core *c, enum link first, enum link last)
{
	int rc = loop_new(&c->loop);

	for (int i = 0; i < LINKS; i++)
		c->out[i].end = &c->out[i].first;
	c->offers.end = &c->offers.first;
	for (int i = (int)first; i <= (int)last && rc >= 0; i++)
		rc = watch_link(c, (enum link)i);
	if (rc < 0)
		return rc;
	loop_after(c->loop, end_round, c);
	c->feed_timer = loop_timer(c->loop, 0, feed_due, c);
	return c->feed_timer < 0 ? c->feed_timer : 0;
}

static int run(struct core *c)
{
	int rc = open_loop(c, 0, LINKS - 1);

	if (rc < 0)
		return rc;
	c->probe_timer = loop_timer(c->loop, 0, probe_due, c);
	if (c->probe_timer < 0)
		return c->probe_timer;
	c->batch_timer = loop_timer(c->loop, 0, batch_due, c);
	if (c->batch_timer < 0)
		return c->batch_timer;
	c->rollout_timer = loop_timer(c->loop, 0, rollouts_due, c);
	if (c->rollout_timer < 0)
		return c->rollout_timer;
	loop_timer_set(c->rollout_timer, 1, 0); /* those of the former process go on */
	rc = loop_timer(c->loop, 5000, on_tick, c);
	if (rc >= 0)
		rc = loop_term(c->loop); /* after a round: the store is closed, and one file may be
					    copied */
	return rc < 0 ? rc : loop_run(c->loop);
}

int core_main(const struct server *s)
{
	static struct core c;
	int rc;

	c.server = s;
	c.cfg = &s->cfg;
	core_now(&c);
	c.started_ms = c.mono_ms;
	c.listens_ms = c.wall_ms;
	c.turns.max = s->cfg.transfers_max;
	c.turns.rate = s->cfg.transfers_rate;
	rc = open_store(s, &c.store);
	if (rc < 0)
		return rc == -EPROTO ? 78 : 1;
	audit_start(&c);
	batch_recover(&c);
	rc = store_dhcp_server_each(c.store, load_dhcp_server, &c.dhcp_servers);
	core_now(&c);
	if (!rc)
		rc = metrics_load(&c);
	if (!rc)
		rc = rules_load(c.store, &c.rules);
	if (!rc)
		rc = core_open_pool(&c);
	if (!rc)
		rc = run(&c);
	if (rc < 0)
		log_error("core: %s", strerror(-rc));
	pool_free(c.pool);
	rules_fini(&c.rules);
	store_close(c.store);
	loop_free(c.loop);
	return rc < 0;
}

/* A role that answers those who only read, on a connection that cannot write. */
static int reader_main(const struct server *s, enum http_link asked, struct backup *b)
{
	static struct server mine;
	static struct core c;
	int rc;

	mine = *s;
	mine.core_side[LINK_HTTP] = s->asked_side[asked];
	c.server = &mine;
	c.cfg = &mine.cfg;
	c.reads = true;
	c.backup = b;
	rc = open_loop(&c, LINK_HTTP, LINK_HTTP);
	if (rc >= 0 && b)
		rc = backup_start(&c);
	if (rc >= 0)
		rc = loop_term(c.loop);
	if (rc >= 0)
		rc = loop_run(c.loop);
	if (rc < 0)
		log_error("%s: %s", b ? "backup" : "view", strerror(-rc));
	rules_fini(&c.rules);
	store_close(c.store);
	loop_free(c.loop);
	return rc < 0;
}

/*
 * view: the API's answers to those who only read, by core's code, so that no reader makes a host
 * wait. What is in core's memory alone it leaves to core.
 */
int view_main(const struct server *s)
{
	return reader_main(s, HTTP_VIEW, NULL);
}

/*
 * backup: a process of its own, because it writes a file, which view never does, and because a copy
 * takes as long as it takes, for which neither a host nor a list shall wait.
 */
int backup_main(const struct server *s)
{
	static struct backup b;

	return reader_main(s, HTTP_BACKUP, &b);
}
