/*
 * why.h: what is known of a host and its newest boot -> why it is not up: one sentence, the
 * evidence, the next step, and a code that stays the same. Pure.
 *
 * The rules are a table (why_rules.c), most specific first; the first that fits is the answer. A
 * rule looks at facts alone: what was seen last, who is silent, what the server has. So the same
 * rules answer people who ask, and core itself when it closes a boot that has fallen silent.
 */
#ifndef MUSTER_SERVER_CORE_WHY_H
#define MUSTER_SERVER_CORE_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/store.h"
#include "server/config.h"
#include "server/core/choice.h"
#include "server/core/lease.h"
#include "server/core/waiting.h"

#define WHY_EVENTS_MAX	 64 /* the newest of the boot */
#define WHY_PAST_MAX	 8  /* boots before it */
#define WHY_SERVERS_MAX	 4
#define WHY_LINKS_MAX	 16
#define WHY_EVIDENCE_MAX 28
#define WHY_TEXT_MAX	 480 /* bytes of a sentence or a next step, NUL included */
#define WHY_DETAIL_MAX	 240
#define WHY_TRACE_MAX	 1000
#define WHY_LOST_MS	 100000 /* three heartbeats, and some: a host that was up is lost */

struct why_event {
	enum boot_stage stage;
	char what[12], source[8];
	int64_t at_ms;
	uint64_t bytes, total;
	char detail[WHY_DETAIL_MAX];
};

/* An interface where DHCP is answered. */
struct why_link {
	char ifname[16];
	uint32_t addr;
};

struct why_facts {
	int64_t now_ms;
	/* who is asked for */
	char name[HOST_TEXT_MAX]; /* the host's, or as it was asked for */
	char mac[HOST_MAC_TEXT];  /* that it was asked by, or one of the host's; "" */
	bool known;		  /* in the inventory */
	bool is_mac;		  /* asked for by MAC address */
	bool admitted;
	int64_t rejected_ms; /* 0: it is not */
	char code[8];	     /* that its screen shows while it waits */
	int64_t added_ms;    /* to the inventory */
	/* the server */
	char server[64], url[CONFIG_TEXT_MAX];
	enum dhcp_mode mode;
	int64_t up_since_ms; /* core's start: what it heard before is gone */
	int64_t listens_ms;  /* since then nobody went unheard */
	size_t n_links;
	struct why_link links[WHY_LINKS_MAX];
	bool agent_there; /* there is an agent image */
	/* what its firmware said since, from memory */
	bool heard;
	struct waiting_host waiting;
	int64_t heard_ms; /* wall clock of the newest DISCOVER */
	bool has_subnet, has_pool;
	char subnet[20]; /* that it asked from; "" */
	struct pool_fill pool;
	uint32_t relay; /* that it came through, 0: none */
	uint32_t lease; /* that it holds now, 0: none */
	size_t n_servers;
	struct store_dhcp_server servers[WHY_SERVERS_MAX]; /* that give addresses */
	/* its boots */
	bool has_boot;
	struct store_boot boot;
	int64_t deadline_ms; /* how long silence may last where it is; 0: for ever */
	size_t n_events;
	struct why_event events[WHY_EVENTS_MAX];
	size_t n_past;
	struct store_past past[WHY_PAST_MAX]; /* before it, newest first */
	bool has_reboot; /* it was asked to start anew, and that boot is not over */
	struct store_reboot reboot;
	bool other_entry;  /* its firmware asks anew, in another way: it goes through its entries */
	unsigned failures; /* in a row up to now, this boot included */
	/* its image */
	char image[MANIFEST_NAME_MAX]; /* that it shall boot, or "" */
	char wish[80];		       /* who says so */
	char trace[WHY_TRACE_MAX];     /* what the rules came to, "; " between them; or "" */
	enum choice choice;	       /* what comes of it */
	uint64_t release;	       /* chosen, or 0 */
	char channel[64];
	int64_t rollout;       /* by which its version is chosen, or 0 */
	char choice_text[300]; /* what is wrong with the choice */
	char profile_why[300]; /* and with what it would be told; or "" */
	/* its turn to fetch it */
	bool queued;
	unsigned position;
	int64_t usual_image_ms; /* what the transfer took in earlier boots; 0: not known */
	/* as its agent reported last, in whatever boot */
	bool has_facts, secure_boot;
	char lockdown[16];
	int64_t memory_mb;
};

struct why_evidence {
	int64_t at_ms; /* 0: it is so now */
	char source[8];
	char text[WHY_DETAIL_MAX + 64];
};

/* How it is with the host, for exit codes and colours. */
enum why_state { WHY_UP, WHY_BOOTING, WHY_WAITING, WHY_FAILED, WHY_UNKNOWN, WHY_STATES };

struct why {
	const char *code;
	enum why_state state;
	char sentence[WHY_TEXT_MAX], next[WHY_TEXT_MAX];
	size_t n;
	struct why_evidence evidence[WHY_EVIDENCE_MAX];
};

void why_judge(const struct why_facts *f, struct why *out);

const char *why_state_name(enum why_state s);

/* ---- the table (why_rules.c) ---- */

/* Which evidence a rule shows. */
enum {
	SHOW_EVENTS = 1,  /* of the boot */
	SHOW_HEARD = 2,	  /* what its firmware asked, and what we did */
	SHOW_SERVERS = 4, /* other DHCP servers */
	SHOW_POOL = 8,
	SHOW_LINKS = 16,    /* where we listen */
	SHOW_IMAGE = 32,    /* which image, and why that */
	SHOW_PAST = 64,	    /* earlier boots */
	SHOW_MACHINE = 128, /* Secure Boot, lockdown, memory */
};

struct why_rule {
	const char *code;
	/* NULL: the boot failed with this code */
	bool (*fits)(const struct why_facts *f);
	enum why_state state;
	unsigned show;
	const char *sentence, *next; /* with @{names}, why_fill */
};

extern const struct why_rule why_rules[];
extern const size_t n_why_rules;

/*
 * Put the values of @{names} in. Returns 0, or -EINVAL for a name that is none: the text is then
 * cut there. Cut to size, too.
 */
int why_fill(const struct why_facts *f, const char *text, char *out, size_t size);

/* ---- what rules ask of the facts ---- */

/* The newest event of that stage, with that word (NULL: any); or NULL. */
const struct why_event *why_event_of(
	const struct why_facts *f, enum boot_stage stage, const char *what);
/* Milliseconds since the boot's last sign of life. */
int64_t why_silence(const struct why_facts *f);
/* The boot is over without a reason of its own, or silent for longer than it may be. */
bool why_is_hung(const struct why_facts *f);
/* Its firmware has asked since the boot's last sign of life, or there is no boot. */
bool why_asks_now(const struct why_facts *f);
/*
 * So many boots of those, newest first, came to their hand-off and ended because the host started
 * over, all within a short time.
 */
unsigned why_loop(const struct store_past *past, size_t n, int64_t now_ms);
#define WHY_LOOP_BOOTS 3 /* are a loop */
/* Bytes per second of the image's transfer, seen and usual; 0: not known. */
uint64_t why_rate(const struct why_facts *f);
uint64_t why_usual_rate(const struct why_facts *f);

#endif
