/*
 * choice.h: which image a host shall run, in which version, and which agent. A host's pin comes
 * first, then what a rollout has told it (rollouts.h), then what is current in the channel that it
 * follows, then what that channel names: never anything that a host would refuse by the signed
 * channel (images/judge.h).
 *
 * A host follows the channel that people gave it, else `stable`, else the one of the highest
 * release. A pin is of the channel that its manifest says.
 */
#ifndef MUSTER_SERVER_CORE_CHOICE_H
#define MUSTER_SERVER_CORE_CHOICE_H

#include "server/core/core.h"

enum choice {
	CHOICE_GOOD,
	CHOICE_UNASSIGNED, /* no image is assigned, and the server has no default */
	CHOICE_NO_IMAGE,   /* no version of it is here */
	CHOICE_NO_CHANNEL, /* no signed channel says what may run */
	CHOICE_NOT_HERE,   /* the version that the channel names */
	CHOICE_PIN_BELOW,  /* the pin is below the channel's floor */
	CHOICE_PIN_ABOVE,  /* the pin is none that the channel allows */
	CHOICE_UNCERTAIN,  /* a rule waits for what only the host's agent can tell */
};

/* What there is to choose from; NULL: nothing. */
struct choice_given {
	const struct channel *channel;
	const struct store_image *pin, *told, *current, *named;
};

/* *out is set with CHOICE_GOOD. Without a channel any version is as good: for agents. Pure. */
enum choice choice_make(const struct choice_given *g, const struct store_image **out);

/*
 * Which image, of which channel, and which profile, before any version: what people set on the
 * host, else what the first rule that fits says, else, for the image, the server's default. Text is
 * borrowed from h, rules or configuration.
 */
struct choice_wish {
	enum { WISH_HOST, WISH_RULE, WISH_SERVER } from; /* of the image */
	const char *image, *channel, *profile;		 /* "": none */
	const char *rule; /* that fits, and says image, channel or profile; else "" */
	bool certain;	  /* false: a rule waits for what only the host's agent can tell */
	bool profile_by_rule, profile_certain; /* the same for the profile */
};

void choice_wish(struct core *c, const struct store_host *h, struct choice_wish *out);
/* The same by other rules and facts than those of the server. */
void choice_wish_by(const struct config *cfg, const struct rules *rules,
	const struct rule_facts *facts, const struct store_host *h, struct choice_wish *out);

/* "assigned to this host", "by the rule web", "the default of this server", or why there is
 * none. Returns out. */
char *choice_reason(const struct choice_wish *w, char *out, size_t size);

/* The name of the host's image, or "". */
const char *choice_name(struct core *c, const struct store_host *h);

/*
 * The rules as they were looked at for this host, once in the boot's record; b->rule is set. The
 * caller stores the boot.
 */
void choice_record(struct core *c, const struct store_host *h, struct store_boot *b);

/* Does the host follow that channel of that image, of itself or by a rule? */
enum choice_follows { FOLLOWS_NOT, FOLLOWS, FOLLOWS_UNCERTAIN };
enum choice_follows choice_follows(
	struct core *c, const struct store_host *h, const char *image, const char *channel);

/* What the rules came to for this host; "" where they are not asked. Returns out. */
char *choice_trace(struct core *c, const struct store_host *h, char *out, size_t size);

/*
 * What is current in a channel of an image; "": in the one that hosts follow of themselves. Where
 * none was signed, *is_signed is false and *channel untouched.
 */
enum choice choice_current(struct core *c, const char *name, const char *channel_name,
	struct store_image *image, struct store_channel *channel, bool *is_signed);

/* The version that the host shall run, and the channel by which it will judge it. */
enum choice choice_image(struct core *c, const struct store_host *h, struct store_image *image,
	struct store_channel *channel);
/* The rollout by which it is that one, 0: by none. */
int64_t choice_rollout(struct core *c, int64_t host, const struct store_image *image);

/*
 * The agent image; h NULL: of no host in particular. The host's channel counts where the agent has
 * one of that name. Where no channel of it was signed, what is current needs none.
 */
enum choice choice_agent(struct core *c, const struct store_host *h, struct store_image *image);

/* What a choice that is not good means, for people and for a host's screen, and what to do. */
struct choice_problem {
	const char *code, *hint;
	char text[300];
};
void choice_explain(
	struct core *c, enum choice choice, const struct store_host *h, struct choice_problem *out);

#endif
