/*
 * dhcp_policy.h: (what was asked, who asks, leases, configuration, now) -> a reply or silence, and
 * what must be stored before the reply may leave. RFC 2131 section 4.3; PXE 2.1 for proxy mode.
 *
 * Pure but for the pool, which it changes. The caller has checked the query (dhcp_query_ok).
 */
#ifndef MUSTER_SERVER_CORE_DHCP_POLICY_H
#define MUSTER_SERVER_CORE_DHCP_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "server/config.h"
#include "server/core/lease.h"
#include "server/net/dhcp.h"

#define DHCP_GUEST_LEASE_S 120u /* of hosts that were not admitted */
#define DHCP_ENV_MACS_MAX  16

/* What this client shall load, by core's boot plan. */
struct dhcp_boot {
	char file[DHCP_FILE_MAX + 1]; /* a URL, or a plain name on our TFTP server; "" = nothing */
	bool http_url;		      /* file is a URL */
	struct config_form form;      /* how to say it */
};

struct dhcp_env {
	const struct config *cfg;
	uint32_t addr, mask; /* the server's own on the interface that heard the query */
	const char *url;     /* base URL for agents: http://ADDR[:PORT] */
	struct dhcp_boot boot;
	bool known;			/* the host was admitted, or everybody is */
	char hostname[DHCP_NAME_MAX];	/* what the host shall be called, or "" */
	const struct config_told *told; /* this host alone, before its subnet's; NULL: nothing */
	int64_t host;			/* its number in the inventory, 0: not in it */
	size_t n_macs; /* its MAC addresses, for one that a new card has taken over */
	uint8_t macs[DHCP_ENV_MACS_MAX][6];
};

/* Why it was decided so; dhcp_reason_text has the words. */
enum dhcp_reason {
	DHCP_REASON_NONE,
	/* answered */
	DHCP_REASON_OFFERED,
	DHCP_REASON_CONTESTED, /* offered, but not the reserved address: another machine has it */
	DHCP_REASON_LEASED,
	DHCP_REASON_RENEWED,
	DHCP_REASON_INFORMED,
	DHCP_REASON_PROXY_OFFERED,
	DHCP_REASON_BOOT_SERVER,
	/* done without an answer */
	DHCP_REASON_RELEASED,
	DHCP_REASON_DECLINED,
	/* NAK, or silence when another server may know better */
	DHCP_REASON_WRONG_NETWORK,
	DHCP_REASON_NOT_IN_RANGE,
	DHCP_REASON_ADDRESS_TAKEN,
	DHCP_REASON_ADDRESS_RESERVED,
	DHCP_REASON_OTHER_ADDRESS,
	DHCP_REASON_NO_RECORD,
	/* silence; GUESTS_FULL is also said in a NAK */
	DHCP_REASON_GUESTS_FULL,
	DHCP_REASON_POOL_FULL,
	DHCP_REASON_NO_SUBNET,
	DHCP_REASON_OTHER_SERVER,
	DHCP_REASON_FOREIGN_LEASE,
	DHCP_REASON_DECLINED_TOO_OFTEN,
	DHCP_REASON_NO_ADDRESS,
	DHCP_REASON_NOT_NETBOOT,
	DHCP_REASON_NO_BOOT_FILE,
	DHCP_REASON_NOT_OURS_TO_ANSWER,
	DHCP_REASONS
};

enum dhcp_change_op { DHCP_CHANGE_NONE, DHCP_CHANGE_PUT, DHCP_CHANGE_RELEASE, DHCP_CHANGE_DECLINE };

/* What to store. The pool has it already. */
struct dhcp_change {
	uint8_t op; /* enum dhcp_change_op */
	uint8_t mac[6];
	uint32_t addr;
	uint32_t left[POOL_LEFT_MAX]; /* PUT: addresses that the host gave up, or 0 */
	uint32_t machine;	      /* as in struct pool_ask */
	uint64_t expires_ms; /* PUT: end of the lease; RELEASE: now; DECLINE: end of the rest */
};

struct dhcp_decision {
	bool answer;	/* send reply; else stay silent */
	bool probe;	/* an OFFER of an address that this client never had: ask for it first */
	uint8_t reason; /* enum dhcp_reason */
	struct dhcp_reply reply;
	struct dhcp_change change;
};

/* The subnet whose network the client is in, or NULL when none is configured for it. */
const struct config_subnet *dhcp_subnet_of(const struct dhcp_env *env, const struct dhcp_query *q);

/*
 * Decide one query. `now_ms` is wall clock. Returns 1 when out->reply is to be sent (after
 * out->change is stored), 0 for silence (a change may still have to be stored); *out is always
 * filled.
 */
int dhcp_decide(const struct dhcp_env *env, struct pool *pool, const struct dhcp_query *q,
	uint64_t now_ms, struct dhcp_decision *out);

/* Words for logs and records: "address offered". Never NULL. */
const char *dhcp_reason_text(enum dhcp_reason reason);
/* The same in one word, for a label. */
const char *dhcp_reason_code(enum dhcp_reason reason);

#endif
