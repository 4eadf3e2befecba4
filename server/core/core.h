/*
 * core.h: the state of the role that decides, shared by its files.
 *
 * One thread, one loop. A round takes the messages that wait, decides them all inside one
 * transaction, commits, and only then lets the answers go. After a failed commit the process ends
 * and starts anew: what was not committed was never answered.
 */
#ifndef MUSTER_SERVER_CORE_CORE_H
#define MUSTER_SERVER_CORE_CORE_H

#include "db/store.h"
#include "server/core/lease.h"
#include "server/core/request.h"
#include "server/core/waiting.h"
#include "server/loop.h"
#include "server/msg.h"
#include "server/server.h"

struct out_msg; /* an answer that waits for the commit, core.c */

#define TICKETS_MAX 256 /* that wait for the sign role */

/* A ticket request that waits for its signature. */
struct ticket_wait {
	uint64_t http_id; /* 0: free */
	int64_t boot;
	struct sign_request ask;
};

struct core {
	const struct server *server;
	const struct config *cfg;
	struct store *store;
	struct pool *pool;
	struct loop *loop;
	struct waiting waiting; /* hosts that were offered an address and have not taken it yet */
	struct ticket_wait tickets[TICKETS_MAX];
	struct out_msg *out[LINKS], **out_tail[LINKS];
	int64_t wall_ms, mono_ms; /* of this round */
	int64_t started_ms;	  /* monotonic */
	bool in_transaction;
};

/* The database failed: say so and end the process. */
void core_die(struct core *c, const char *where) __attribute__((noreturn));

/* For results of the store that must not fail: 0 and positive pass, others end the process. */
int core_must(struct core *c, int rc, const char *where);

/* Make sure that a transaction is open; the round's end commits it. Call before each write. */
void core_write(struct core *c);

/* Queue a message to a role; it leaves after the commit. */
void core_send(struct core *c, enum link link, enum msg_type type, uint64_t id, const void *a,
	size_t a_len, const void *b, size_t b_len);

/* The end of a round: commit what it wrote, then let the answers go. The loop calls it. */
void core_end_round(struct core *c);

/*
 * Make c->pool from the configuration and what the store remembers. Returns 0, -ENOMEM, -EIO, or
 * -E2BIG above POOL_ADDRESSES_MAX.
 */
int core_open_pool(struct core *c);

/* Queue an HTTP answer, in pieces, and free its body. */
void core_answer(struct core *c, uint64_t http_id, struct answer *a);

/* ---- the families of requests ---- */

void dhcp_handle(struct core *c, uint64_t id, const struct dhcp_query *q);
void loader_handle_tftp(struct core *c, const struct tftp_read *r);
void loader_handle_blob(struct core *c, const struct blob_event *e);
void loader_handle_http(struct core *c, const struct request *q, struct answer *a);
void agent_handle(struct core *c, const struct request *q, struct answer *a);
void agent_ticket_signed(struct core *c, uint64_t id, const struct sign_answer *s);
void agent_ask_again(struct core *c); /* the sign role is a new one */
void api_handle(struct core *c, const struct request *q, struct answer *a);

#endif
