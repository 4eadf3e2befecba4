/*
 * DHCP in core: who asks, what the policy says, what must be stored before the answer leaves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/boot_plan.h"
#include "server/core/core.h"
#include "server/core/direct.h"
#include "server/core/quirk.h"
#include "server/core/metrics.h"
#include "server/core/record.h"
#include "server/core/told.h"
#include "server/core/why_gather.h"
#include "server/log.h"

/*
 * Of firmware that ignores a proxy, or has given up, so many are looked at in one round; of hosts
 * that nobody knows, which anybody can make up, one goes on record now and then.
 */
#define SWEEP_ROUND	   16
#define IGNORED_UNKNOWN_MS 60000
#define GIVEN_UP_MS	   240000 /* after the last DISCOVER; or what the configuration says */

/* What is known of who asks, and what follows for what it shall load. */
struct asker {
	struct host_identity id;
	bool known;		/* there is such a host */
	struct store_host host; /* zero when not */
	bool restarted;		/* its open boot has come to no script, its firmware begins anew */
	struct boot_plan plan;
};

/* The host that an address is reserved for where the client is plugged in, or 0. */
static int64_t host_at_circuit(
	const struct core *c, const struct dhcp_env *env, const struct dhcp_query *q)
{
	const struct config_subnet *subnet = dhcp_subnet_of(env, q);
	uint8_t len;
	const uint8_t *circuit = dhcp_query_circuit(q, &len);

	if (!circuit || !subnet)
		return 0;
	return pool_host_at(c->pool, (unsigned)(subnet - c->cfg->subnets), circuit, len);
}

static void identity_of(const struct dhcp_query *q, struct host_identity *id)
{
	*id = (struct host_identity){ .has_uuid = q->has_uuid };
	if (q->has_uuid)
		host_uuid_swap(q->uuid, id->uuid);
	host_mac_add(id, q->mac);
	id->client_id_len = q->client_id_len;
	memcpy(id->client_id, q->client_id, q->client_id_len);
}

/* A host that has no address under this MAC address may have had one under another. */
static void find_other_cards(
	struct core *c, const struct dhcp_query *q, int64_t host, struct dhcp_env *env)
{
	const struct config_subnet *subnet = dhcp_subnet_of(env, q);

	if (q->type != DHCP_DISCOVER || !subnet ||
		pool_by_mac(c->pool, (unsigned)(subnet - c->cfg->subnets), q->mac))
		return;
	env->n_macs = (size_t)core_must(
		c, store_host_macs(c->store, host, env->macs, DHCP_ENV_MACS_MAX), "host macs");
}

/* ---- what the host shall load ---- */

static bool exists(void *core, const char *loader, bool http)
{
	return loader_exists(core, loader, http);
}

/* A DISCOVER of firmware, now or since the last acknowledgement: whatever was loaded is gone. */
static bool begins_anew(struct core *c, const struct dhcp_query *q)
{
	const struct waiting_host *w = waiting_find(&c->waiting, q->mac, c->mono_ms);

	return boot_begins(q) && (q->type == DHCP_DISCOVER || (w && w->begins));
}

/* What the store remembers; a boot that is about to be closed counts as closed. */
static void recall(
	struct core *c, const struct dhcp_query *q, struct asker *who, struct boot_ask *ask)
{
	const char *firmware = quirk_firmware_name(quirk_firmware(q));
	struct store_boot b;
	int rc = store_boot_newest(c->store, who->host.id, &b);

	if (boot_begins(q))
		core_must(c, store_loaders_get(c->store, who->host.id, firmware, &ask->memory),
			"loaders");
	if (rc == -ENOENT)
		return;
	core_must(c, rc, "boot newest");
	if (b.state != BOOT_OPEN || b.stage >= STAGE_SCRIPT)
		return;
	ask->loader_runs = !boot_begins(q) && b.loader_sent;
	who->restarted = begins_anew(c, q);
	if (who->restarted && record_falls_short(&b) && !strcmp(b.offered.firmware, firmware)) {
		ask->memory.dead = b.offered;
		ask->memory.dead_read = b.loader_sent;
		ask->memory.dead_boot = b.id;
	}
}

static void make_plan(struct core *c, const struct dhcp_query *q, struct asker *who)
{
	struct boot_ask ask = {
		.cfg = c->cfg,
		.url = c->server->url,
		.q = q,
		.vendor = who->host.vendor,
		.product = who->host.product,
		.exists = exists,
		.arg = c,
		.own = "",
	};
	struct store_image image;

	if (q->client == DHCP_CLIENT_HTTP) {
		ask.direct = direct_image(c, &who->host, &image);
		ask.own = direct_http_file(c, &who->host);
	}

	if (who->known && dhcp_is_netboot(q))
		recall(c, q, who, &ask);
	boot_plan(&ask, &who->plan);
}

/* Fills env->host, too: the host that has a reservation where the client is plugged in. */
static void find_asker(
	struct core *c, const struct dhcp_query *q, struct dhcp_env *env, struct asker *who)
{
	int rc;

	*who = (struct asker){ 0 };
	identity_of(q, &who->id);
	env->host = host_at_circuit(c, env, q);
	rc = store_host_find(c->store, &who->id, &who->host);
	if (rc == -ENOENT && env->host) {
		/* nobody that we know is plugged in there: it is that host now */
		who->id.id = env->host;
		rc = store_host_find(c->store, &who->id, &who->host);
	}
	if (rc != -ENOENT)
		core_must(c, rc, "host find");
	who->known = rc == 0;
	make_plan(c, q, who);
}

/* ---- what is stored ---- */

static void store_change(struct core *c, const struct dhcp_change *change, bool known)
{
	struct store_lease l = {
		.addr = change->addr,
		.known = known,
		.machine = change->machine,
		.expires_ms = change->expires_ms,
		.state = change->op == DHCP_CHANGE_PUT	     ? LEASE_LEASED
			 : change->op == DHCP_CHANGE_DECLINE ? LEASE_DECLINED
							     : LEASE_FREE,
	};

	if (change->op == DHCP_CHANGE_NONE)
		return;
	core_write(c);
	memcpy(l.mac, change->mac, sizeof l.mac);
	core_must(c, store_lease_put(c->store, &l), "lease");
	l.state = LEASE_FREE;
	l.expires_ms = (uint64_t)c->wall_ms;
	for (size_t i = 0; i < ARRAY_LEN(change->left); i++) {
		l.addr = change->left[i];
		if (l.addr)
			core_must(c, store_lease_put(c->store, &l), "lease left");
	}
}

/* iPXE speaks after our loader was read over TFTP: the transfer must have ended by now. */
static void infer_loader_end(struct core *c, struct store_boot *b)
{
	const struct happened e = { STAGE_LOADER, "finished", "net", 0, 0,
		"inferred: the loader speaks" };

	if (b->stage == STAGE_LOADER && b->loader_sent && !b->offered.http)
		record_event(c, b, &e);
}

static const char *firmware_text(const struct dhcp_query *q)
{
	if (q->client == DHCP_CLIENT_HTTP)
		return "uefi-http";
	return q->arch == 0 || q->arch == DHCP_ARCH_NONE ? "bios" : "uefi";
}

/* The boot that an acknowledged exchange belongs to. 1, or 0: none, and nobody begins one so. */
static int boot_of(struct core *c, const struct dhcp_query *q, const struct asker *who,
	const struct store_host *h, struct store_boot *b)
{
	const enum boot_stage below = !dhcp_is_netboot(q) ? STAGES
				      : who->restarted	  ? STAGE_DISCOVER
							  : STAGE_SCRIPT;
	const int open = record_open_boot(c, h, below, b);

	if (!open && !dhcp_is_netboot(q))
		return 0;
	if (open)
		record_joined(c, b, q->mac);
	else
		record_new_boot(c, h, q->mac, b);
	return 1;
}

static void record_exchange(struct core *c, const struct dhcp_query *q, const struct asker *who,
	const struct store_host *h, const struct dhcp_reply *reply)
{
	static const char *const client[DHCP_CLIENTS] = { "other", "PXE firmware",
		"HTTP boot firmware", "iPXE", "agent" };
	const char *what = who->plan.why[0] ? who->plan.why : reply->file;
	struct happened e = { STAGE_LEASE, "done", "net", 0, 0, NULL };
	struct store_boot b;
	char detail[400];

	if (!boot_of(c, q, who, h, &b))
		return;
	if (q->client == DHCP_CLIENT_IPXE)
		infer_loader_end(c, &b);
	b.arch = q->arch != DHCP_ARCH_NONE ? q->arch : b.arch;
	if (reply->yiaddr || q->ciaddr)
		b.addr = reply->yiaddr ? reply->yiaddr : q->ciaddr;
	if (boot_begins(q) || (dhcp_is_netboot(q) && !b.firmware[0]))
		snprintf(b.firmware, sizeof b.firmware, "%s", firmware_text(q));
	if (reply->file[0] && who->plan.chosen.loader[0])
		b.offered = who->plan.chosen;
	snprintf(detail, sizeof detail, "%s%s%s", client[q->client], *what ? ", " : "", what);
	e.detail = detail;
	record_event(c, &b, &e);
}

static void record_place(struct core *c, const struct dhcp_query *q, int64_t host)
{
	struct store_place place = { .relay = q->giaddr };
	const uint8_t *circuit = dhcp_query_circuit(q, &place.circuit_len);
	const uint8_t *remote = dhcp_query_remote(q, &place.remote_len);

	if (circuit)
		memcpy(place.circuit, circuit, place.circuit_len);
	if (remote)
		memcpy(place.remote, remote, place.remote_len);
	core_write(c);
	core_must(c, store_host_place_put(c->store, host, &place), "place");
}

/*
 * A DISCOVER is kept in memory: at once, so that what is heard of the host while its address is
 * asked for has a place. A loader's belongs to the boot that its firmware began.
 */
static void note_discover(struct core *c, const struct dhcp_query *q)
{
	struct waiting_host *w = waiting_find(&c->waiting, q->mac, c->mono_ms);
	struct host_identity id;

	if (w && w->begins && !boot_begins(q)) {
		w->loader_spoke = true;
		return;
	}
	if (w && boot_begins(q) && (!w->begins || w->loader_spoke))
		waiting_forget(w); /* of a loader that runs no more */
	identity_of(q, &id);
	w = waiting_discover(&c->waiting, q->mac, c->wall_ms, c->mono_ms);
	w->begins = boot_begins(q);
	w->endpoint = (uint8_t)q->endpoint;
	w->relay = q->giaddr;
	w->has_uuid = id.has_uuid;
	memcpy(w->uuid, id.uuid, sizeof w->uuid);
	w->arch = q->arch;
	snprintf(w->firmware, sizeof w->firmware, "%s", firmware_text(q));
}

/* What we offer to it. A loader's offer does not replace that which its firmware took. */
static void note_offer(struct core *c, const struct dhcp_query *q, const struct boot_plan *plan)
{
	struct waiting_host *w = waiting_find(&c->waiting, q->mac, c->mono_ms);

	if (!w || w->begins != boot_begins(q))
		return;
	w->refused = DHCP_REASON_NONE;
	w->offer_ms = c->wall_ms;
	w->offer_mono_ms = c->mono_ms;
	w->offered = plan->chosen;
	memcpy(w->why, plan->why, sizeof w->why);
}

/*
 * Firmware takes the address of another server. Beside a proxy that is as it should be: what it
 * loads from us comes from there. Else our offer is void.
 */
static void note_other_server(struct core *c, const struct dhcp_query *q)
{
	struct waiting_host *w = waiting_find(&c->waiting, q->mac, c->mono_ms);

	if (!w || !w->begins || !boot_begins(q) || !q->server_id)
		return;
	w->addr = q->requested;
	w->server = q->server_id;
	if (c->cfg->dhcp_mode != DHCP_PROXY)
		w->offered = (struct store_loader){ 0 };
}

/*
 * Why it gets no address: for whoever asks why it does not boot. What it says to another server is
 * none of our refusals.
 */
static void note_refusal(struct core *c, const struct dhcp_query *q, const struct dhcp_decision *d)
{
	struct waiting_host *w = waiting_find(&c->waiting, q->mac, c->mono_ms);

	if (!w || (d->answer && d->reply.type != DHCP_NAK) ||
		d->reason == DHCP_REASON_NOT_OURS_TO_ANSWER)
		return;
	w->refused = d->reason;
	w->refused_ms = c->wall_ms;
}

/*
 * The first answer that means something: an acknowledged address, or boot data on port 4011.
 * Returns the number of the host that is known now, or 0.
 */
static int64_t record(struct core *c, const struct dhcp_query *q, const struct asker *who,
	const struct dhcp_decision *d)
{
	struct store_host h;

	c->unknown_archs += q->type == DHCP_DISCOVER && who->plan.unknown_arch;
	if (q->type == DHCP_DISCOVER && dhcp_is_netboot(q)) {
		if (d->answer)
			note_offer(c, q, &who->plan);
		return who->host.id;
	}
	if (q->type == DHCP_REQUEST && !d->answer)
		note_other_server(c, q);
	if (!d->answer || d->reply.type != DHCP_ACK || q->client == DHCP_CLIENT_OTHER)
		return who->host.id;
	record_host(c, &who->id, NULL, NULL, &h);
	record_exchange(c, q, who, &h, &d->reply);
	return h.id;
}

/* Two machines want what is reserved for one: somebody has to look at that. */
static void log_contested(
	struct core *c, const struct dhcp_query *q, const struct dhcp_decision *d, int64_t host)
{
	static struct log_limit limit;
	char mac[HOST_MAC_TEXT], holder[HOST_MAC_TEXT] = "-";
	const uint32_t given = d->reply.yiaddr;
	struct store_reservation r;
	const struct lease *l;
	unsigned missed;

	if (d->reason != DHCP_REASON_CONTESTED || !log_allow(&limit, now_mono_ms(), &missed))
		return;
	core_must(c, store_reservation_of(c->store, host, &r), "reservation");
	l = pool_by_addr(c->pool, r.addr);
	if (l)
		host_mac_print(l->mac, holder);
	host_mac_print(q->mac, mac);
	log_warn("dhcp: reserved address is in use: addr=%u.%u.%u.%u by=%s asked=%s"
		 " gets=%u.%u.%u.%u unlogged=%u",
		r.addr >> 24, r.addr >> 16 & 255, r.addr >> 8 & 255, r.addr & 255, holder, mac,
		given >> 24, given >> 16 & 255, given >> 8 & 255, given & 255, missed);
}

/* ---- firmware that does not react to a proxy ---- */

/* The host that waits, if it is in the inventory: 1, else 0. */
static int find_waiting(struct core *c, const struct waiting_host *w, struct store_host *h)
{
	struct host_identity id = { .has_uuid = w->has_uuid };
	int rc;

	memcpy(id.uuid, w->uuid, sizeof id.uuid);
	host_mac_add(&id, w->mac);
	rc = store_host_find(c->store, &id, h);
	return rc == -ENOENT ? 0 : core_must(c, rc, "host find") == 0;
}

/* May it go on record? Hosts that we know may; of others only one now and then. */
static bool may_record(struct core *c, const struct waiting_host *w)
{
	struct store_host h;

	if (find_waiting(c, w, &h))
		return true;
	if (c->mono_ms < c->ignored_next_ms)
		return false;
	c->ignored_next_ms = c->mono_ms + IGNORED_UNKNOWN_MS;
	return true;
}

static void record_ignoring(struct core *c, const struct waiting_host *w)
{
	char address[64] = "took no address either";
	struct store_host h;
	struct store_boot b;

	if (w->addr)
		snprintf(address, sizeof address, "took %u.%u.%u.%u from %u.%u.%u.%u",
			w->addr >> 24, w->addr >> 16 & 255, w->addr >> 8 & 255, w->addr & 255,
			w->server >> 24, w->server >> 16 & 255, w->server >> 8 & 255,
			w->server & 255);
	record_waiting(c, w, &h, &b);
	b.stage = STAGE_OFFER;
	b.offered = (struct store_loader){ 0 }; /* it is not the loader's fault */
	record_failed(c, &b, "proxy-ignored",
		"%s did not react to our boot file: %u DISCOVERs, no request to port 4011, no loader"
		" read; it %s. Some firmware never joins two servers' offers: let one give both, by"
		" [dhcp] mode = full here, or by %s and this server's address in the other; or try a"
		" [quirk] with pxe-option-43",
		h.name, w->discovers, address, w->offered.loader);
}

/* Beside another server: it should have reacted to our boot file. */
static bool sweep_ignored(struct core *c, struct waiting_host *at)
{
	const struct waiting_host w = *at; /* recording takes it out */

	if (!waiting_ignores(at, c->mono_ms))
		return false;
	if (may_record(c, &w))
		record_ignoring(c, &w);
	waiting_forget(at);
	return true;
}

/* ---- firmware that asks in vain, until it gives up ---- */

/* A host that we know: that is a boot, and it has failed. False: it may yet go on asking. */
static bool record_given_up(struct core *c, const struct waiting_host *w, struct store_host *h)
{
	struct store_boot b;
	struct why_facts f;
	struct why why;

	why_gather(c, h, h->name, NULL, &f);
	why_judge(&f, &why);
	if (why.state != WHY_FAILED)
		return why.state != WHY_BOOTING;
	record_waiting(c, w, h, &b);
	b.stage = w->offer_mono_ms ? STAGE_OFFER : STAGE_DISCOVER;
	b.offered = (struct store_loader){ 0 }; /* it is not the loader's fault */
	record_failed(c, &b, why.code, "%s", why.sentence);
	return true;
}

/* Of a machine that nobody knows nothing is written: anybody can make one up. */
static bool sweep_given_up(struct core *c, struct waiting_host *at)
{
	const int64_t silence_ms = (int64_t)c->cfg->silence_min_s * 1000;
	const struct waiting_host w = *at;
	struct store_host h;

	if (!waiting_gave_up(at, c->mono_ms, silence_ms < GIVEN_UP_MS ? silence_ms : GIVEN_UP_MS))
		return false;
	at->looked_at = true;
	if (find_waiting(c, &w, &h) && !record_given_up(c, &w, &h))
		at->looked_at = false;
	return true;
}

void dhcp_sweep(struct core *c)
{
	unsigned left = c->cfg->dhcp_mode == DHCP_OFF ? 0 : SWEEP_ROUND;

	for (size_t i = 0; i < WAITING_MAX && left; i++) {
		struct waiting_host *w = &c->waiting.hosts[i];

		left -= c->cfg->dhcp_mode == DHCP_PROXY ? sweep_ignored(c, w)
							: sweep_given_up(c, w);
	}
}

/* ---- one question ---- */

static void log_decision(const struct dhcp_query *q, const struct dhcp_decision *d)
{
	static struct log_limit limit;
	unsigned missed;
	uint32_t a = d->reply.yiaddr;
	char mac[HOST_MAC_TEXT];

	/* A DISCOVER is anybody's; what was leased is a host's progress. */
	if (!d->answer || d->reply.type != DHCP_ACK) {
		if (!log_allow(&limit, now_mono_ms(), &missed))
			return;
	}
	host_mac_print(q->mac, mac);
	log_info("dhcp: mac=%s type=%u client=%u arch=%u answer=%u addr=%u.%u.%u.%u file=%s (%s)",
		mac, q->type, q->client, q->arch, d->answer ? d->reply.type : 0, a >> 24,
		a >> 16 & 255, a >> 8 & 255, a & 255, d->reply.file, dhcp_reason_text(d->reason));
}

/* Into *told what this host alone is told; NULL: nothing. */
static const struct config_told *told_of(
	struct core *c, const struct store_host *h, struct config_told *told)
{
	struct json *list;
	char *text = NULL, err[300];
	int rc;

	if (!h->has_options)
		return NULL;
	core_must(c, store_host_options(c->store, h->id, &text), "host options");
	list = json_read(text, strlen(text), err, sizeof err);
	rc = told_read(list, told, err, sizeof err);
	json_free(list);
	free(text);
	if (!rc)
		return told;
	/* it was checked when it was set: by a server that knew other settings */
	log_warn("dhcp: options of a host are left out: host=%s: %s", h->name, err);
	return NULL;
}

void dhcp_go_on(struct core *c, uint64_t id, const struct dhcp_query *q, unsigned tries)
{
	const struct endpoint *ep = &c->server->endpoints[q->endpoint];
	struct dhcp_env env = {
		.cfg = c->cfg, .addr = ep->addr, .mask = ep->mask, .url = c->server->url
	};
	struct config_told told;
	struct dhcp_decision d;
	struct dhcp_answer a;
	struct asker who;
	int64_t host;

	find_asker(c, q, &env, &who);
	env.known =
		who.known ? record_is_admitted(c, &who.host) : c->cfg->admission == ADMISSION_OPEN;
	if (who.known) {
		env.host = env.host ? env.host : who.host.id;
		snprintf(env.hostname, sizeof env.hostname, "%s", who.host.name);
		env.told = told_of(c, &who.host, &told);
		find_other_cards(c, q, who.host.id, &env);
	}
	env.boot = who.plan.boot;
	dhcp_decide(&env, c->pool, q, (uint64_t)c->wall_ms, &d);
	if (d.probe && probe_start(c, id, q, d.reply.yiaddr, tries))
		return;
	store_change(c, &d.change, env.known);
	note_refusal(c, q, &d);
	host = record(c, q, &who, &d);
	if (host && q->giaddr && d.change.op == DHCP_CHANGE_PUT)
		record_place(c, q, host);
	log_decision(q, &d);
	metrics_dhcp(q, &d);
	log_contested(c, q, &d, env.host);
	if (!d.answer)
		return;
	a = (struct dhcp_answer){ .query = *q, .reply = d.reply };
	if (a.reply.type == DHCP_OFFER)
		core_send_offer(c, id, &a);
	else
		core_send(c, LINK_NET, MSG_DHCP_ANSWER, id, &a, sizeof a, NULL, 0);
}

void dhcp_handle(struct core *c, uint64_t id, const struct dhcp_query *q)
{
	if (q->type == DHCP_DISCOVER) {
		if (dhcp_is_netboot(q))
			note_discover(c, q);
		if (probe_waits(c, id, q))
			return;
	}
	dhcp_go_on(c, id, q, 0);
}
