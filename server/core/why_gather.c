#include "server/core/why_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/json.h"
#include "server/core/patience.h"
#include "server/core/profile.h"
#include "server/core/reboot.h"
#include "server/core/record.h"

/* ---- the server ---- */

static void gather_server(const struct core *c, struct why_facts *f)
{
	snprintf(f->server, sizeof f->server, "%s", c->cfg->name);
	snprintf(f->url, sizeof f->url, "%s", c->server->url);
	f->mode = c->cfg->dhcp_mode;
	f->up_since_ms = c->wall_ms - (c->mono_ms - c->started_ms);
	f->listens_ms = c->listens_ms;
	for (size_t i = 0; i < c->server->n_endpoints && f->n_links < WHY_LINKS_MAX; i++) {
		const struct endpoint *ep = &c->server->endpoints[i];
		struct why_link *l = &f->links[f->n_links];

		if (f->n_links && l[-1].addr == ep->addr)
			continue; /* its other socket */
		snprintf(l->ifname, sizeof l->ifname, "%s", ep->ifname);
		l->addr = ep->addr;
		f->n_links++;
	}
	for (size_t i = 0; i < STORE_DHCP_SERVERS_MAX && f->n_servers < WHY_SERVERS_MAX; i++) {
		const struct store_dhcp_server *s = &c->dhcp_servers.places[i].row;

		if (s->count && s->addresses)
			f->servers[f->n_servers++] = *s;
	}
}

/* ---- what its firmware said ---- */

static void gather_subnet(struct core *c, struct why_facts *f)
{
	const uint32_t addr = f->relay ? f->relay : c->server->endpoints[f->waiting.endpoint].addr;
	const struct config_subnet *s = config_subnet_of(c->cfg, addr);

	if (!s)
		return;
	f->has_subnet = true;
	snprintf(f->subnet, sizeof f->subnet, "%u.%u.%u.%u/%u", s->net >> 24, s->net >> 16 & 255,
		s->net >> 8 & 255, s->net & 255, s->prefix);
	f->has_pool = c->cfg->dhcp_mode == DHCP_FULL;
	if (f->has_pool)
		f->pool = pool_fill_of(
			c->pool, (unsigned)(s - c->cfg->subnets), (uint64_t)c->wall_ms);
}

/* Of any network: a host's card may be in but one, and this costs a look-up for each. */
static void take_lease(struct core *c, const uint8_t mac[6], struct why_facts *f)
{
	for (unsigned i = 0; i < c->cfg->n_subnets && !f->lease; i++) {
		const struct lease *l = pool_by_mac(c->pool, i, mac);

		if (l && l->state == LEASE_LEASED && lease_held(l, (uint64_t)c->wall_ms))
			f->lease = l->addr;
	}
}

static void take_waiting(struct core *c, const uint8_t mac[6], struct why_facts *f)
{
	const struct waiting_host *w = waiting_last(&c->waiting, mac);
	int64_t heard_ms;

	if (!w)
		return;
	heard_ms = w->discover_ms + (w->newest_mono_ms - w->discover_mono_ms);
	if (f->heard && f->heard_ms >= heard_ms)
		return; /* another of its cards was heard later */
	f->heard = true;
	f->heard_ms = heard_ms;
	f->waiting = *w;
	f->relay = w->relay;
	host_mac_print(mac, f->mac);
}

/* ---- its boots ---- */

static int take_event(void *arg, const struct store_event *e)
{
	struct why_facts *f = arg;
	struct why_event *out = &f->events[f->n_events++];

	*out = (struct why_event){
		.stage = e->stage, .at_ms = e->at_ms, .bytes = e->bytes, .total = e->total
	};
	snprintf(out->what, sizeof out->what, "%s", e->what);
	snprintf(out->source, sizeof out->source, "%s", e->source);
	snprintf(out->detail, sizeof out->detail, "%s", e->detail);
	return 0;
}

static void gather_boot(struct core *c, const struct store_host *h, const struct store_boot *boot,
	struct why_facts *f)
{
	int64_t times[PATIENCE_IMAGE];
	int failures, n, rc = boot ? 0 : store_boot_newest(c->store, h->id, &f->boot);

	if (rc == -ENOENT)
		return;
	core_must(c, rc, "boot newest");
	if (boot)
		f->boot = *boot;
	f->has_boot = true;
	f->deadline_ms = record_patience_ms(c, &f->boot);
	f->has_reboot = reboot_of(c, &f->boot, &f->reboot);
	core_must(c, store_events_each(c->store, f->boot.id, WHY_EVENTS_MAX, take_event, f),
		"events");
	f->n_past = (size_t)core_must(
		c, store_boots_before(c->store, h->id, f->boot.id, f->past, WHY_PAST_MAX), "boots");
	core_must(c, store_boot_failures(c->store, h->id, &failures), "failures");
	f->failures = (unsigned)failures;
	f->position = turns_position(&c->turns, f->boot.id);
	f->queued = f->position > 0;
	n = core_must(c, store_image_times(c->store, f->boot.image, times, PATIENCE_IMAGE),
		"image times");
	f->usual_image_ms = patience_median(times, (size_t)n);
}

/* ---- its image ---- */

/* What keeps it from being told what its profile says. */
static void gather_profile(struct core *c, const struct store_host *h, struct why_facts *f)
{
	struct profile_made *made = malloc(sizeof *made); /* too large for a stack */

	if (made && profile_make(c, h, made, f->profile_why) >= 0)
		f->profile_why[0] = 0;
	free(made);
}

static void gather_image(struct core *c, const struct store_host *h, struct why_facts *f)
{
	struct store_channel ch = { 0 };
	struct store_image image = { 0 };
	struct choice_problem p;
	struct choice_wish w;

	choice_wish(c, h, &w);
	snprintf(f->image, sizeof f->image, "%s", w.image);
	choice_reason(&w, f->wish, sizeof f->wish);
	choice_trace(c, h, f->trace, sizeof f->trace);
	gather_profile(c, h, f);
	f->choice = choice_image(c, h, &image, &ch);
	if (f->choice) {
		choice_explain(c, f->choice, h, &p);
		snprintf(f->choice_text, sizeof f->choice_text, "%s", p.text);
		return;
	}
	f->release = image.release;
	snprintf(f->channel, sizeof f->channel, "%s", ch.ch.name);
	f->rollout = choice_rollout(c, h->id, &image);
}

static void gather_machine(struct core *c, const struct store_host *h, struct why_facts *f)
{
	char *text = NULL, err[80];
	struct json *doc;
	int rc = store_host_facts(c->store, h->id, &text);

	if (rc == -ENOENT)
		return;
	core_must(c, rc, "facts");
	doc = json_read(text, strlen(text), err, sizeof err);
	f->has_facts = doc != NULL;
	f->secure_boot = json_bool(json_get(doc, "secure_boot"), false);
	f->memory_mb = json_get_int(doc, "memory_mb", 0);
	snprintf(f->lockdown, sizeof f->lockdown, "%s", json_get_str(doc, "lockdown", ""));
	json_free(doc);
	free(text);
}

/* ---- all of it ---- */

static void gather_host(struct core *c, const struct store_host *h, const struct store_boot *boot,
	struct why_facts *f)
{
	uint8_t macs[HOST_MACS_MAX][6];
	int n = core_must(c, store_host_macs(c->store, h->id, macs, HOST_MACS_MAX), "host macs");

	f->known = true;
	snprintf(f->name, sizeof f->name, "%s", h->name);
	f->admitted = record_is_admitted(c, h) != 0;
	f->rejected_ms = h->rejected_ms;
	snprintf(f->code, sizeof f->code, "%s", h->code);
	f->added_ms = h->created_ms;
	if (n && !f->mac[0])
		host_mac_print(macs[0], f->mac);
	for (int i = 0; i < n; i++) {
		take_waiting(c, macs[i], f);
		take_lease(c, macs[i], f);
	}
	gather_boot(c, h, boot, f);
	gather_image(c, h, f);
	gather_machine(c, h, f);
}

void why_gather(struct core *c, const struct store_host *h, const char *asked,
	const struct store_boot *boot, struct why_facts *f)
{
	struct store_image agent;
	uint8_t mac[6];

	*f = (struct why_facts){ .now_ms = c->wall_ms };
	snprintf(f->name, sizeof f->name, "%s", asked);
	gather_server(c, f);
	f->is_mac = host_mac_parse(asked, mac) == 0;
	if (f->is_mac) {
		host_mac_print(mac, f->mac);
		take_waiting(c, mac, f);
		take_lease(c, mac, f);
	}
	if (h)
		gather_host(c, h, boot, f);
	if (f->heard)
		gather_subnet(c, f);
	f->agent_there = choice_agent(c, h, &agent) == CHOICE_GOOD;
}
