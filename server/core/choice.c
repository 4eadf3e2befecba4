#include "server/core/choice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/core/facts.h"
#include "server/core/record.h"

/* ---- the choice itself ---- */

static bool allowed(const struct channel *ch, const struct store_image *image)
{
	return image && (!ch || channel_compare(ch, &image->manifest, image->release) == 0);
}

enum choice choice_make(const struct choice_given *g, const struct store_image **out)
{
	if (g->pin && !allowed(g->channel, g->pin))
		return channel_compare(g->channel, &g->pin->manifest, g->pin->release) < 0
			       ? CHOICE_PIN_BELOW
			       : CHOICE_PIN_ABOVE;
	if (g->pin)
		*out = g->pin;
	else if (allowed(g->channel, g->told))
		*out = g->told;
	else if (allowed(g->channel, g->current))
		*out = g->current;
	else if (g->named)
		*out = g->named;
	else
		return g->channel ? CHOICE_NOT_HERE : CHOICE_NO_IMAGE;
	return CHOICE_GOOD;
}

/* ---- with the store ---- */

/* 0, or -ENOENT. */
static int found(struct core *c, int rc, const char *what)
{
	return rc == -ENOENT ? rc : core_must(c, rc, what);
}

struct finds {
	struct store_channel channel;
	struct store_image pin, told, current, named;
	struct choice_given g;
};

static int find_channel(
	struct core *c, const char *name, const char *channel, struct store_channel *out)
{
	return found(c,
		*channel ? store_channel_get(c->store, name, channel, out)
			 : store_channel_of(c->store, name, out),
		"channel");
}

static void find_pin(struct core *c, int64_t host, const char *name, struct finds *f)
{
	if (host && found(c, store_pin_get(c->store, host, name, &f->pin), "pin") == 0)
		f->g.pin = &f->pin;
}

static void find_told(struct core *c, int64_t host, const char *name, struct finds *f)
{
	int64_t rollout;

	if (found(c,
		    store_rolling_told(
			    c->store, host, name, f->channel.ch.name, &f->told, &rollout),
		    "rollout") == 0)
		f->g.told = &f->told;
}

static void take_channel(struct core *c, struct finds *f)
{
	const struct channel *ch = &f->channel.ch;

	f->g.channel = ch;
	if (found(c, store_current_get(c->store, ch->image, ch->name, &f->current), "current") == 0)
		f->g.current = &f->current;
	if (found(c, store_image_by_manifest(c->store, &ch->manifest, &f->named), "image") == 0)
		f->g.named = &f->named;
}

/* ---- which image ---- */

static bool choose_profiles(const struct rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		if (rules->of[i].r.profile[0])
			return true;
	}
	return false;
}

/* Do the rules have a say in what this host gets? */
static bool asks_rules(const struct rules *rules, const struct store_host *h)
{
	return rules->n && (!h->image[0] || (!h->profile[0] && choose_profiles(rules)));
}

void choice_wish_by(const struct config *cfg, const struct rules *rules,
	const struct rule_facts *facts, const struct store_host *h, struct choice_wish *out)
{
	struct rules_choice by = { .certain = true };

	*out = (struct choice_wish){ .from = WISH_HOST,
		.image = h->image,
		.channel = h->channel,
		.profile = h->profile,
		.rule = "",
		.certain = true,
		.profile_certain = true };
	if (asks_rules(rules, h))
		rules_choose(rules, facts, &by);
	if (!h->image[0]) {
		out->certain = by.certain;
		out->from = by.chosen && by.chosen->r.image[0] ? WISH_RULE : WISH_SERVER;
		out->image = out->from == WISH_RULE ? by.chosen->r.image : cfg->image;
		if (by.chosen && !h->channel[0])
			out->channel = by.chosen->r.channel;
	}
	if (!h->profile[0]) {
		out->profile_certain = by.certain || !choose_profiles(rules);
		out->profile = by.chosen ? by.chosen->r.profile : "";
		out->profile_by_rule = *out->profile != 0;
	}
	if (by.chosen && (!h->image[0] || out->profile_by_rule))
		out->rule = by.chosen->r.name;
}

static void gather(struct core *c, const struct store_host *h, struct rule_facts *f)
{
	core_must(c, facts_gather(c->store, h, f), "facts");
}

void choice_wish(struct core *c, const struct store_host *h, struct choice_wish *out)
{
	struct rule_facts facts = { 0 };

	if (asks_rules(&c->rules, h))
		gather(c, h, &facts);
	choice_wish_by(c->cfg, &c->rules, &facts, h, out);
}

char *choice_reason(const struct choice_wish *w, char *out, size_t size)
{
	if (!w->certain)
		snprintf(out, size, "not certain before its agent has spoken");
	else if (!*w->image)
		snprintf(out, size, "none is assigned to it, and this server has no default");
	else if (w->from == WISH_RULE)
		snprintf(out, size, "by the rule %s", w->rule);
	else
		snprintf(out, size, "%s",
			w->from == WISH_HOST ? "assigned to this host"
					     : "the default of this server");
	return out;
}

const char *choice_name(struct core *c, const struct store_host *h)
{
	struct choice_wish w;

	choice_wish(c, h, &w);
	return w.image;
}

void choice_record(struct core *c, const struct store_host *h, struct store_boot *b)
{
	struct happened e = { b->stage, "seen", "core", 0, 0, NULL };
	struct rule_facts facts = { 0 };
	char trace[RULES_TRACE_MAX], detail[RULES_TRACE_MAX + 16];
	struct choice_wish w;

	if (!asks_rules(&c->rules, h)) {
		b->rule[0] = 0; /* what was looked at before was changed meanwhile */
		return;
	}
	gather(c, h, &facts);
	choice_wish_by(c->cfg, &c->rules, &facts, h, &w);
	snprintf(b->rule, sizeof b->rule, "%s", w.certain && w.profile_certain ? w.rule : "");
	snprintf(detail, sizeof detail, "rules: %s",
		rules_trace(&c->rules, &facts, trace, sizeof trace));
	e.detail = detail;
	record_event(c, b, &e);
}

char *choice_trace(struct core *c, const struct store_host *h, char *out, size_t size)
{
	struct rule_facts facts = { 0 };

	*out = 0;
	if (!asks_rules(&c->rules, h))
		return out;
	gather(c, h, &facts);
	return rules_trace(&c->rules, &facts, out, size);
}

/* ---- which version of it ---- */

enum choice choice_image(struct core *c, const struct store_host *h, struct store_image *image,
	struct store_channel *channel)
{
	const struct store_image *chosen;
	struct store_image any;
	struct finds f = { 0 };
	struct choice_wish w;
	enum choice choice;
	const char *name;

	choice_wish(c, h, &w);
	name = w.image;
	if (!w.certain)
		return CHOICE_UNCERTAIN;
	if (!*name)
		return CHOICE_UNASSIGNED;
	find_pin(c, h->id, name, &f);
	if (find_channel(c, name, f.g.pin ? f.pin.channel : w.channel, &f.channel) < 0)
		return core_must(c, store_image_versions(c->store, name, NULL, NULL, 0, &any, 1),
			       "image")
			       ? CHOICE_NO_CHANNEL
			       : CHOICE_NO_IMAGE;
	take_channel(c, &f);
	find_told(c, h->id, name, &f);
	choice = choice_make(&f.g, &chosen);
	if (choice)
		return choice;
	*image = *chosen;
	*channel = f.channel;
	return CHOICE_GOOD;
}

int64_t choice_rollout(struct core *c, int64_t host, const struct store_image *image)
{
	struct store_image pin, told;
	int64_t rollout;

	if (found(c, store_pin_get(c->store, host, image->name, &pin), "pin") == 0 ||
		found(c,
			store_rolling_told(
				c->store, host, image->name, image->channel, &told, &rollout),
			"rollout") < 0)
		return 0;
	return digest_equal(&told.manifest, &image->manifest) ? rollout : 0;
}

enum choice_follows choice_follows(
	struct core *c, const struct store_host *h, const char *image, const char *channel)
{
	struct store_channel ch;
	struct choice_wish w;

	choice_wish(c, h, &w);
	if (!w.certain)
		return FOLLOWS_UNCERTAIN;
	if (strcmp(w.image, image) || find_channel(c, image, w.channel, &ch) < 0)
		return FOLLOWS_NOT;
	return strcmp(ch.ch.name, channel) ? FOLLOWS_NOT : FOLLOWS;
}

/* Without a signed channel: what is current in one of that name, "": in any. */
static void take_unsigned(struct core *c, const char *name, const char *channel, struct finds *f)
{
	int rc = *channel ? store_current_get(c->store, name, channel, &f->current)
			  : store_current_of(c->store, name, &f->current);

	if (found(c, rc, "current") == 0)
		f->g.current = &f->current;
}

enum choice choice_current(struct core *c, const char *name, const char *channel_name,
	struct store_image *image, struct store_channel *channel, bool *is_signed)
{
	const struct store_image *chosen;
	struct finds f = { 0 };
	enum choice choice;

	*is_signed = find_channel(c, name, channel_name, &f.channel) == 0;
	if (*is_signed) {
		take_channel(c, &f);
		*channel = f.channel;
	} else {
		take_unsigned(c, name, channel_name, &f);
	}
	choice = choice_make(&f.g, &chosen);
	if (!choice)
		*image = *chosen;
	return choice;
}

enum choice choice_agent(struct core *c, const struct store_host *h, struct store_image *image)
{
	const struct store_image *chosen;
	struct finds f = { 0 };
	enum choice choice;

	if (h)
		find_pin(c, h->id, AGENT_IMAGE, &f);
	if (f.g.pin ? find_channel(c, AGENT_IMAGE, f.pin.channel, &f.channel) == 0
		    : ((h && find_channel(c, AGENT_IMAGE, h->channel, &f.channel) == 0) ||
			      find_channel(c, AGENT_IMAGE, "", &f.channel) == 0))
		take_channel(c, &f);
	else
		take_unsigned(c, AGENT_IMAGE, "", &f);
	choice = choice_make(&f.g, &chosen);
	if (!choice)
		*image = *chosen;
	return choice;
}

/* ---- in words: of letters that an iPXE script may have ---- */

static void explain_channel(struct core *c, const struct choice_wish *w, const struct store_host *h,
	struct choice_problem *out)
{
	struct store_channel any;

	out->code = "no-channel";
	if (w->channel[0] && find_channel(c, w->image, "", &any) == 0) {
		out->hint = h->channel[0] ? "muster host set NAME --channel NAME, or --no-channel"
					  : "muster rule set NAME --channel NAME, or --no-channel";
		snprintf(out->text, sizeof out->text,
			"%s follows the channel %s of %s, which is not on the server", h->name,
			w->channel, w->image);
		return;
	}
	out->hint = "muster image import DIR or CHANNEL.json";
	snprintf(out->text, sizeof out->text, "no channel says which release of %s is current",
		w->image);
}

void choice_explain(
	struct core *c, enum choice choice, const struct store_host *h, struct choice_problem *out)
{
	struct choice_wish w;
	const char *name;

	choice_wish(c, h, &w);
	name = w.image;
	*out = (struct choice_problem){ "no-image", "muster image import DIR", "" };
	switch (choice) {
	case CHOICE_UNASSIGNED:
		out->hint =
			c->rules.n ? "muster rule test NAME" : "muster host set NAME --image IMAGE";
		snprintf(out->text, sizeof out->text, "no image is assigned to %s%s", h->name,
			c->rules.n ? ", and no rule fits it" : "");
		break;
	case CHOICE_UNCERTAIN:
		snprintf(out->text, sizeof out->text,
			"which image %s gets is not certain before its agent has spoken", h->name);
		break;
	case CHOICE_NO_CHANNEL:
		explain_channel(c, &w, h, out);
		break;
	case CHOICE_NOT_HERE:
		out->code = "no-channel";
		snprintf(out->text, sizeof out->text,
			"the release of %s that its channel names is not on the server, and no "
			"other may run",
			name);
		break;
	case CHOICE_PIN_BELOW:
	case CHOICE_PIN_ABOVE:
		out->code = "pin";
		out->hint = "muster image pin NAME --none";
		snprintf(out->text, sizeof out->text, "%s is pinned to a version of %s that is %s",
			h->name, name,
			choice == CHOICE_PIN_BELOW ? "below the floor of its channel"
						   : "above what its channel allows");
		break;
	default:
		snprintf(out->text, sizeof out->text, "the image %s of %s is not on the server",
			name, h->name);
	}
}
