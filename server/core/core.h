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
#include "server/core/access.h"
#include "server/core/dhcp_servers.h"
#include "server/core/feed.h"
#include "server/core/lease.h"
#include "server/core/parking.h"
#include "server/core/request.h"
#include "server/core/rules.h"
#include "server/core/turns.h"
#include "server/core/waiting.h"
#include "server/loop.h"
#include "server/msg.h"
#include "server/recent.h"
#include "server/server.h"

struct out_msg; /* an answer that waits for the commit, core.c */

struct out_queue {
	struct out_msg *first, **end;
	bool waits; /* its role does not keep up: the loop says when there is room */
};

#define PROBE_ASKED_MAX 4096 /* addresses asked for ahead of time that are remembered */
#define SIGNS_MAX	256  /* tickets and orders that wait for the sign role */

#define BATCH_PARTS_MAX 256 /* of HTTP_BODY_MAX bytes */

#define BATCHES_MAX 4

enum batch_state {
	BATCH_NONE,
	BATCH_COMES, /* parts of it are here */
	BATCH_WAITS, /* all of it is */
	BATCH_COPIES,
	BATCH_TRIES,
	BATCH_MAKES,
	BATCH_TAKES_BACK,
	BATCH_ENDED, /* its answer is kept */
};

struct core;

/* Changes that come in several requests and are made together, api_batch.c. */
struct batch {
	enum batch_state state;
	char id[40];
	int64_t token; /* of who puts it together; or */
	uint32_t uid;
	int64_t at_ms; /* monotonic: of its last part, or its end */
	size_t n;
	struct json *parts[BATCH_PARTS_MAX];
	/* from when all of it is here */
	bool dry_run;
	struct http_request h; /* of its last part */
	struct caller who;
	uint64_t http_id; /* who waits for the answer, 0: nobody */
	int64_t asked_ms; /* since */
	size_t part, call, nth;
	bool sliced;	   /* something of this slice, or of what is taken back, is done */
	struct core *copy; /* on which it is tried */
	struct answer answer;
};

/* A ticket or an order that waits for its signature. */
struct sign_wait {
	uint64_t http_id; /* 0: free */
	int64_t boot;
	struct digest channel; /* of a ticket: that names the manifest */
	uint64_t root;	       /* of a ticket: version of the root that the agent carries */
	struct sign_request ask;
};

struct core {
	const struct server *server;
	const struct config *cfg;
	struct store *store;
	struct pool *pool;
	struct rules rules; /* as they are stored */
	struct batch batches[BATCHES_MAX];
	int batch_timer;
	bool trying; /* this is a copy that a batch is tried on */
	struct loop *loop;
	struct waiting waiting; /* hosts that were offered an address and have not taken it yet */
	struct dhcp_servers dhcp_servers; /* others that were heard */
	struct parking parking;		  /* DISCOVERs whose address is being asked for */
	struct recent asked;		  /* address -> when its use was asked for ahead of time */
	struct recent_slot asked_slots[PROBE_ASKED_MAX];
	int probe_timer;
	struct feeds feeds; /* whoever follows the events */
	int feed_timer;
	struct sign_wait signs[SIGNS_MAX];
	int rollout_timer;		     /* runs while one is not over */
	struct access access;		     /* wrong tokens, by address */
	struct turns turns;		     /* whose boots fetch an image, and whose wait for it */
	struct out_queue out[LINKS], offers; /* offers: to net, before the commit */
	int64_t wall_ms, mono_ms;	     /* of this round */
	int64_t started_ms;		     /* monotonic, of this role */
	int64_t listens_ms; /* wall: since then, or since the clock was set, nobody went unheard */
	int64_t ignored_next_ms; /* monotonic: from when on an unknown host may be put on
				    record as one that ignores a proxy */
	uint64_t unknown_archs;	 /* DISCOVERs of architectures that we have nothing for */
	int64_t audit_last;	 /* row that the server's log has */
	bool audit_new;		 /* there is one behind it */
	bool in_transaction;
	bool reads;	       /* only: this is view or backup, without pool and links but http's */
	struct backup *backup; /* this is backup, which answers nothing else */
};

/* The database failed: say so and end the process. */
void core_die(struct core *c, const char *where) __attribute__((noreturn));

/* For results of the store that must not fail: 0 and positive pass, others end the process. */
int core_must(struct core *c, int rc, const char *where);

/* Make sure that a transaction is open; the round's end commits it. Call before each write. */
void core_write(struct core *c);

/* Set the clocks of this round: for callbacks that no message has called. */
void core_now(struct core *c);

/* Queue a message to a role; it leaves after the commit. */
void core_send(struct core *c, enum link link, enum msg_type type, uint64_t id, const void *a,
	size_t a_len, const void *b, size_t b_len);

/*
 * Queue a message to net that promises nothing of what this round writes: it leaves before the
 * commit, so that clients choose while the disk works.
 */
void core_send_offer(struct core *c, uint64_t id, const struct dhcp_answer *a);

/* The end of a round: commit what it wrote, then let the answers go. The loop calls it. */
void core_end_round(struct core *c);

/*
 * Make c->pool from the configuration and what the store remembers at c->wall_ms. Returns 0,
 * -ENOMEM, -EIO, or -E2BIG above RANGES_ADDRESSES_MAX.
 */
int core_open_pool(struct core *c);

/* Where the database is. */
void core_database(const struct server *s, char out[CONFIG_TEXT_MAX + 16]);

/* Queue an HTTP answer, in pieces, and free its body. */
void core_answer(struct core *c, uint64_t http_id, struct answer *a);

/* ---- the families of requests ---- */

void dhcp_handle(struct core *c, uint64_t id, const struct dhcp_query *q);
/* The rest of dhcp_handle, also for a DISCOVER that has waited; `tries` addresses were asked for.
 */
void dhcp_go_on(struct core *c, uint64_t id, const struct dhcp_query *q, unsigned tries);
/* Have an address asked for. True: the DISCOVER waits; false: offer it, the question is out. */
bool probe_start(
	struct core *c, uint64_t id, const struct dhcp_query *q, uint32_t addr, unsigned tries);
/* A host repeats the DISCOVER that waits: true, and nothing else is to be done. */
bool probe_waits(struct core *c, uint64_t id, const struct dhcp_query *q);
void dhcp_seen_handle(struct core *c, const struct dhcp_seen *s);
void dhcp_servers_write(struct core *c); /* what is due to be stored */
void dhcp_servers_json(const struct core *c, struct jw *w);
void probe_answered(struct core *c, uint64_t id, const struct probe_answer *a);
void probe_due(void *arg, uint32_t events); /* a window has ended */
void dhcp_sweep(struct core *c);	    /* now and then */
/* Is it in the loader folder; with BOOT_UKI and http, an agent image that has one? */
bool loader_exists(struct core *c, const char *loader, bool http);
void loader_handle_tftp(struct core *c, const struct tftp_read *r);
void loader_handle_blob(struct core *c, const struct blob_event *e);
void loader_handle_http(struct core *c, const struct request *q, struct answer *a);
void direct_handle_file(struct core *c, const struct request *q, struct answer *a);
void direct_handle_boot(struct core *c, const struct request *q, struct answer *a);
void feed_due(void *arg, uint32_t events);  /* time to look for events */
void batch_due(void *arg, uint32_t events); /* time for the next slice of a batch */
void batch_recover(struct core *c);	    /* take back what was under way when the server ended */
void retention_step(struct core *c);	    /* forget some boots that need not be kept */
void agent_handle(struct core *c, const struct request *q, struct answer *a);
void agent_signed(struct core *c, uint64_t id, const struct sign_answer *s);
void agent_ask_again(struct core *c); /* the sign role is a new one */
void api_handle(struct core *c, const struct request *q, struct answer *a);

#endif
