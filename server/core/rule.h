/*
 * rule.h: the match of a rule, as "vendor=HPE* memory>=64G subnet=10.77.0.0/24", and whether it
 * fits what is known of a host. Pure.
 *
 * A match is a list of conditions, all of which have to hold; an empty one fits every host. A
 * condition is FACT OP VALUE without blanks, or @LABEL alone: the host has that label. OP is = or
 * != for all facts, and < <= > >= for numbers. VALUE is one or several with | between them, of
 * which one suffices; in "quotes" where it has a blank, | or quote-free text of any kind. Text is
 * a glob of * and ? and does not tell upper from lower case.
 *
 * A fact may have several values (each network card has its address): = holds when one of them
 * fits, != when none does. Before a host's agent has ever spoken, a fact without a value is not
 * known yet, and neither is what depends on it.
 */
#ifndef MUSTER_SERVER_CORE_RULE_H
#define MUSTER_SERVER_CORE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULE_MATCH_MAX	  512 /* bytes of a match, NUL included */
#define RULE_CONDS_MAX	  16
#define RULE_FACTS_MAX	  144 /* values of a host */
#define RULE_FACT_MAX	  128 /* bytes of a value's text, NUL included */
#define RULE_LABEL_MAX	  32  /* bytes of a label's name, NUL included */
#define RULE_LABEL_TO_MAX 64  /* and of its value */
#define RULE_WHY_MAX	  200

enum rule_key {
	RULE_NAME,
	RULE_MAC,
	RULE_SERIAL,
	RULE_UUID,
	RULE_VENDOR,
	RULE_MODEL,
	RULE_ARCH,
	RULE_MODE,     /* bios, uefi, uefi-http */
	RULE_FIRMWARE, /* its version */
	RULE_CPU,
	RULE_CPUS,
	RULE_MEMORY, /* bytes */
	RULE_SUBNET, /* of the host's address */
	RULE_RELAY,
	RULE_CIRCUIT,
	RULE_REMOTE,
	RULE_SWITCH, /* LLDP neighbour */
	RULE_PORT,
	RULE_DRIVER, /* of a network card */
	RULE_DISK,   /* model */
	RULE_DIMM,   /* place or part number */
	RULE_LABEL,
	RULE_KEYS,
};

enum rule_op { RULE_IS, RULE_IS_NOT, RULE_LESS, RULE_AT_MOST, RULE_MORE, RULE_AT_LEAST, RULE_HAS };

struct rule_cond {
	enum rule_key key;
	enum rule_op op;
	uint16_t at, len; /* as it stands in the match's text */
	uint16_t values;  /* where its values begin in `values`: one string each */
	uint8_t n_values;
	char label[RULE_LABEL_MAX]; /* RULE_LABEL: its name */
};

struct rule_match {
	size_t n;
	struct rule_cond of[RULE_CONDS_MAX];
	char text[RULE_MATCH_MAX];
	char values[RULE_MATCH_MAX];
};

/* What is known of a host. */
struct rule_facts {
	bool complete; /* its agent has spoken: what is not here is not there */
	size_t n;
	struct rule_fact {
		enum rule_key key;
		int64_t number;		    /* memory, cpus; an address */
		char label[RULE_LABEL_MAX]; /* RULE_LABEL: its name */
		char text[RULE_FACT_MAX];   /* longer text is cut */
	} of[RULE_FACTS_MAX];
};

enum rule_fit { RULE_NO, RULE_YES, RULE_UNKNOWN };

/* Returns 0, or -EBADMSG with one sentence in err. */
int rule_read(const char *text, struct rule_match *out, char *err, size_t err_size);

/* *which: with RULE_NO the condition that fails, with RULE_UNKNOWN the one that is open. */
enum rule_fit rule_fit(const struct rule_match *m, const struct rule_facts *f, size_t *which);

/* That condition and what the host has: "memory>=64G, and it is 32 GiB". */
void rule_why(const struct rule_match *m, const struct rule_facts *f, size_t which, char *out,
	size_t size);

/* Add a value; without a text or number, or when there is no room, nothing. */
void rule_add_text(struct rule_facts *f, enum rule_key key, const char *text);
void rule_add_number(struct rule_facts *f, enum rule_key key, int64_t number);
void rule_add_label(struct rule_facts *f, const char *name, const char *value);
/* In hex, and as text where it is printable: what relays write. */
void rule_add_bytes(struct rule_facts *f, enum rule_key key, const uint8_t *bytes, size_t len);

/* Is it a name that a label may have: a letter, then letters, digits, '-', '_', '.'? */
bool rule_label_ok(const char *name);
/* Printable ASCII without blanks, quotes, '|', ',' and brackets; "" is one. */
bool rule_label_value_ok(const char *value);

/* Does the text fit the pattern of * and ?, in either case? In time of their product. */
bool rule_glob(const char *pattern, const char *text);

#endif
