/*
 * DHCP in core: who asks, what the policy says, what must be stored before the answer leaves.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/core/boot_plan.h"
#include "server/core/core.h"
#include "server/core/record.h"
#include "server/log.h"

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

/* Firmware, or a loader that asks again: these begin boots. An agent only joins one. */
static bool is_firmware(const struct dhcp_query *q)
{
	return q->client == DHCP_CLIENT_PXE || q->client == DHCP_CLIENT_HTTP ||
	       q->client == DHCP_CLIENT_IPXE;
}

/*
 * Does its own loader run on this host already? Then its boot is open, has not come to the script,
 * and the loader was read. A host that restarted after that begins anew with its firmware.
 */
static bool runs_loader(struct core *c, const struct store_host *h)
{
	struct store_boot b;
	int rc = store_boot_newest(c->store, h->id, &b);

	if (rc != -ENOENT)
		core_must(c, rc, "boot newest");
	return rc == 0 && b.state == BOOT_OPEN && b.stage < STAGE_SCRIPT && b.loader_sent;
}

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
	if (change->op == DHCP_CHANGE_PUT && change->left) {
		l.addr = change->left;
		l.state = LEASE_FREE;
		l.expires_ms = (uint64_t)c->wall_ms;
		core_must(c, store_lease_put(c->store, &l), "lease left");
	}
}

/* iPXE speaks after our loader was read over TFTP: the transfer must have ended by now. */
static void infer_loader_end(struct core *c, struct store_boot *b)
{
	const struct happened e = { STAGE_LOADER, "finished", "net", 0, 0,
		"inferred: the loader speaks" };

	if (b->stage == STAGE_LOADER && b->loader_sent)
		record_event(c, b, &e);
}

static void record_exchange(struct core *c, const struct dhcp_query *q, const struct store_host *h,
	const struct dhcp_reply *reply)
{
	static const char *const client[DHCP_CLIENTS] = { "other", "PXE firmware",
		"HTTP boot firmware", "iPXE", "agent" };
	struct happened e = { STAGE_LEASE, "done", "net", 0, 0, NULL };
	struct store_boot b;
	char detail[400];

	if (!record_open_boot(c, h, is_firmware(q) ? STAGE_SCRIPT : STAGES, &b)) {
		if (!is_firmware(q))
			return;
		record_new_boot(c, h, q->mac, &b);
	}
	if (q->client == DHCP_CLIENT_IPXE)
		infer_loader_end(c, &b);
	b.arch = q->arch != DHCP_ARCH_NONE ? q->arch : b.arch;
	if (reply->yiaddr || q->ciaddr)
		b.addr = reply->yiaddr ? reply->yiaddr : q->ciaddr;
	if (is_firmware(q))
		snprintf(b.firmware, sizeof b.firmware, "%s",
			q->client == DHCP_CLIENT_HTTP		    ? "uefi-http"
			: q->arch == 0 || q->arch == DHCP_ARCH_NONE ? "bios"
								    : "uefi");
	snprintf(detail, sizeof detail, "%s%s%s", client[q->client], reply->file[0] ? ": " : "",
		reply->file);
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
 * The first answer that means something: an acknowledged address, or boot data on port 4011.
 * *host is the one that was found before, 0: none; and the one that is known now.
 */
static void record(struct core *c, const struct dhcp_query *q, const struct host_identity *id,
	const struct dhcp_decision *d, int64_t *host)
{
	struct waiting_host *w;
	struct store_host h;

	if (q->type == DHCP_DISCOVER && is_firmware(q)) {
		w = waiting_discover(&c->waiting, q->mac, c->wall_ms, c->mono_ms);
		if (d->answer) {
			w->offer_ms = c->wall_ms;
			w->offer_mono_ms = c->mono_ms;
		}
		return;
	}
	if (!d->answer || d->reply.type != DHCP_ACK || q->client == DHCP_CLIENT_OTHER)
		return;
	record_host(c, id, NULL, NULL, &h);
	record_exchange(c, q, &h, &d->reply);
	*host = h.id;
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

void dhcp_handle(struct core *c, uint64_t id, const struct dhcp_query *q)
{
	const struct endpoint *ep = &c->server->endpoints[q->endpoint];
	struct dhcp_env env = {
		.cfg = c->cfg, .addr = ep->addr, .mask = ep->mask, .url = c->server->url
	};
	struct dhcp_decision d;
	struct dhcp_answer a;
	struct host_identity who;
	struct store_host h;
	int64_t host = 0;
	int rc;

	identity_of(q, &who);
	env.host = host_at_circuit(c, &env, q);
	rc = store_host_find(c->store, &who, &h);
	if (rc == -ENOENT && env.host) {
		/* nobody that we know is plugged in there: it is that host now */
		who.id = env.host;
		rc = store_host_find(c->store, &who, &h);
	}
	if (rc != -ENOENT)
		core_must(c, rc, "host find");
	env.known = rc == 0 ? record_is_admitted(c, &h) : c->cfg->admission == ADMISSION_OPEN;
	if (rc == 0) {
		host = h.id;
		env.host = env.host ? env.host : h.id;
		snprintf(env.hostname, sizeof env.hostname, "%s", h.name);
		find_other_cards(c, q, h.id, &env);
	}
	boot_plan(c->cfg, c->server->url, q, rc == 0 && runs_loader(c, &h), &env.boot);
	dhcp_decide(&env, c->pool, q, (uint64_t)c->wall_ms, &d);
	store_change(c, &d.change, env.known);
	record(c, q, &who, &d, &host);
	if (host && q->giaddr && d.change.op == DHCP_CHANGE_PUT)
		record_place(c, q, host);
	log_decision(q, &d);
	log_contested(c, q, &d, env.host);
	if (!d.answer)
		return;
	a = (struct dhcp_answer){ .query = *q, .reply = d.reply };
	core_send(c, LINK_NET, MSG_DHCP_ANSWER, id, &a, sizeof a, NULL, 0);
}
