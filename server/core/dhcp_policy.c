#include "server/core/dhcp_policy.h"

#include <errno.h>
#include <string.h>

/* One decision on its way: what is given, and what is being filled. */
struct ask {
	const struct dhcp_env *env;
	struct pool *pool;
	const struct dhcp_query *q;
	uint64_t now_ms;
	const struct config_subnet *subnet; /* of the client's network, or NULL */
	struct dhcp_decision *out;
};

static const struct {
	const char *code, *text;
} reasons[DHCP_REASONS] = {
	[DHCP_REASON_NONE] = { "none", "nothing to do" },
	[DHCP_REASON_OFFERED] = { "offered", "address offered" },
	[DHCP_REASON_CONTESTED] = { "contested",
		"the reserved address is another machine's now, offered one of the range" },
	[DHCP_REASON_LEASED] = { "leased", "address leased" },
	[DHCP_REASON_RENEWED] = { "renewed", "lease renewed" },
	[DHCP_REASON_INFORMED] = { "informed", "settings sent" },
	[DHCP_REASON_PROXY_OFFERED] = { "proxy-offered",
		"boot file offered beside another server's address" },
	[DHCP_REASON_BOOT_SERVER] = { "boot-server", "boot file named on port 4011" },
	[DHCP_REASON_RELEASED] = { "released", "address released" },
	[DHCP_REASON_DECLINED] = { "declined", "client found the address in use, it rests" },
	[DHCP_REASON_WRONG_NETWORK] = { "wrong-network",
		"address does not belong to this network" },
	[DHCP_REASON_NOT_IN_RANGE] = { "not-in-range", "address is in no range of this server" },
	[DHCP_REASON_ADDRESS_TAKEN] = { "address-taken", "address is held by another host" },
	[DHCP_REASON_ADDRESS_RESERVED] = { "address-reserved",
		"address is reserved for another host" },
	[DHCP_REASON_OTHER_ADDRESS] = { "other-address", "host has another address" },
	[DHCP_REASON_NO_RECORD] = { "no-record", "no lease of this host is known" },
	[DHCP_REASON_GUESTS_FULL] = { "guests-full",
		"unknown hosts have used up their quarter of the range" },
	[DHCP_REASON_POOL_FULL] = { "pool-full", "no free address in the network" },
	[DHCP_REASON_NO_SUBNET] = { "no-subnet",
		"no subnet is configured for this client's network" },
	[DHCP_REASON_OTHER_SERVER] = { "other-server", "client chose another server" },
	[DHCP_REASON_FOREIGN_LEASE] = { "foreign-lease", "address is not this host's to give up" },
	[DHCP_REASON_DECLINED_TOO_OFTEN] = { "declined-too-often",
		"too many addresses rest already, it stays in use" },
	[DHCP_REASON_NO_ADDRESS] = { "no-address", "client named no address" },
	[DHCP_REASON_NOT_NETBOOT] = { "not-netboot", "proxy mode answers network boot only" },
	[DHCP_REASON_NO_BOOT_FILE] = { "no-boot-file", "nothing to boot for this client" },
	[DHCP_REASON_NOT_OURS_TO_ANSWER] = { "not-ours-to-answer",
		"message is for an address server" },
};

const char *dhcp_reason_text(enum dhcp_reason reason)
{
	return reasons[reason < DHCP_REASONS ? reason : DHCP_REASON_NONE].text;
}

const char *dhcp_reason_code(enum dhcp_reason reason)
{
	return reasons[reason < DHCP_REASONS ? reason : DHCP_REASON_NONE].code;
}

/* ---- building blocks ---- */

static int silent(struct ask *a, enum dhcp_reason why)
{
	a->out->reason = (uint8_t)why;
	return 0;
}

/*
 * RFC 5107: a relay may want to be the identifier, so that renewals come through it. Who leases
 * nothing keeps his own: iPXE compares it with that of the answer from port 4011, where no relay is
 * in between.
 */
static uint32_t server_id(const struct ask *a)
{
	return a->q->id_override && a->env->cfg->dhcp_mode == DHCP_FULL ? a->q->id_override
									: a->env->addr;
}

static int answer(struct ask *a, enum dhcp_type type, enum dhcp_reason why)
{
	a->out->answer = true;
	a->out->reason = (uint8_t)why;
	a->out->reply.type = (uint8_t)type;
	a->out->reply.server_id = server_id(a);
	return 1;
}

static int nak(struct ask *a, enum dhcp_reason why)
{
	const char *words = dhcp_reason_text(why);

	memcpy(a->out->reply.message, words, strnlen(words, DHCP_MESSAGE_MAX - 1));
	return answer(a, DHCP_NAK, why);
}

/* Only the sole server of a network may refuse what it does not know (RFC 2131 section 4.3.2). */
static int refuse(struct ask *a, enum dhcp_reason why)
{
	return a->env->cfg->authoritative ? nak(a, why) : silent(a, why);
}

static bool server_id_is_ours(const struct ask *a)
{
	const uint32_t id = a->q->server_id;

	return id == a->env->addr || pool_is_own(a->pool, id) ||
	       (a->q->id_override && id == a->q->id_override);
}

static unsigned subnet_index(const struct ask *a)
{
	return (unsigned)(a->subnet - a->env->cfg->subnets);
}

static bool in_network(const struct ask *a, uint32_t addr)
{
	const struct config_subnet *s = config_subnet_of(a->env->cfg, addr);

	return s && config_same_network(s, a->subnet);
}

/*
 * As the relay says (RFC 3527), as the client says (RFC 3011), where the relay is, where the
 * client's address is from, else the interface's.
 */
const struct config_subnet *dhcp_subnet_of(const struct dhcp_env *env, const struct dhcp_query *q)
{
	if (q->link_select)
		return config_subnet_of(env->cfg, q->link_select);
	if (q->subnet_select)
		return config_subnet_of(env->cfg, q->subnet_select);
	if (q->giaddr)
		return config_subnet_of(env->cfg, q->giaddr);
	/* a renewal comes past the relay; who is still choosing has no address to speak of */
	if (q->ciaddr && q->type != DHCP_DISCOVER && !q->server_id)
		return config_subnet_of(env->cfg, q->ciaddr);
	return config_subnet_of(env->cfg, env->addr);
}

/*
 * A number for the machine that the SMBIOS UUID names, 0 without one. The same for both orders of
 * its bytes: one machine's firmware and loader may differ in that.
 */
static uint32_t machine_of(const struct dhcp_query *q)
{
	static const uint8_t swap[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	uint32_t as_is = 2166136261u, swapped = as_is; /* FNV-1a */

	if (!q->has_uuid)
		return 0;
	for (size_t i = 0; i < sizeof q->uuid; i++) {
		as_is = (as_is ^ q->uuid[i]) * 16777619u;
		swapped = (swapped ^ q->uuid[swap[i]]) * 16777619u;
	}
	return (as_is ^ swapped) | 1;
}

static struct pool_ask pool_ask_of(const struct ask *a, uint32_t requested)
{
	struct pool_ask p = { .known = a->env->known,
		.subnet = subnet_index(a),
		.requested = requested,
		.host = a->env->host,
		.machine = machine_of(a->q),
		.others = a->env->macs,
		.n_others = a->env->n_macs };

	p.circuit = dhcp_query_circuit(a->q, &p.circuit_len);
	memcpy(p.mac, a->q->mac, sizeof p.mac);
	return p;
}

static void set_change(struct ask *a, enum dhcp_change_op op, uint32_t addr, uint64_t expires_ms)
{
	struct dhcp_change *c = &a->out->change;

	c->op = (uint8_t)op;
	c->addr = addr;
	c->expires_ms = expires_ms;
	c->machine = machine_of(a->q);
	memcpy(c->mac, a->q->mac, sizeof c->mac);
}

/* A guest's lease is short, and renewed by the rule (RFC 2131 section 4.4.5). */
static struct config_times times_of(const struct ask *a)
{
	static const struct config_times guest = { DHCP_GUEST_LEASE_S, DHCP_GUEST_LEASE_S / 2,
		DHCP_GUEST_LEASE_S * 7 / 8 };
	const struct config_times t = config_times_of(a->env->cfg, a->subnet, a->env->told);

	return a->env->known || t.lease_s <= guest.lease_s ? t : guest;
}

/* What the subnet is, then what is configured: for the host, else for the subnet, else for all. */
static void add_network(struct ask *a)
{
	const struct config_subnet *s = a->subnet;
	const struct config_told *own = a->env->told;
	const struct dhcp_options *const sets[DHCP_OPTIONS_SETS] = { own ? &own->options : NULL,
		&s->told.options, &a->env->cfg->told.options };
	struct dhcp_reply *r = &a->out->reply;
	struct wr w = { r->options, r->options + sizeof r->options, false };
	uint8_t broadcast[4];
	struct wr b = { broadcast, broadcast + sizeof broadcast, false };

	r->mask = s->mask;
	r->router = own && own->router ? own->router : s->told.router;
	wr_u32(&b, s->net | ~s->mask);
	dhcp_options_put(&w, DHCP_OPT_BROADCAST, broadcast, sizeof broadcast);
	if (a->env->hostname[0])
		dhcp_options_put(&w, DHCP_OPT_HOSTNAME, a->env->hostname,
			strnlen(a->env->hostname, sizeof a->env->hostname));
	dhcp_options_merge(&w, sets, DHCP_OPTIONS_SETS, r->router);
	r->options_len = (uint16_t)(w.p - r->options);
}

static void add_address(struct ask *a, uint32_t addr)
{
	const struct config_times t = times_of(a);
	struct dhcp_reply *r = &a->out->reply;

	a->subnet = config_subnet_of(a->env->cfg, addr); /* whose mask and router it needs */
	r->yiaddr = addr;
	r->lease_s = t.lease_s;
	r->t1_s = t.renew_s;
	r->t2_s = t.rebind_s;
	add_network(a);
}

static void set_file(struct ask *a, const char *file)
{
	memcpy(a->out->reply.file, file, strnlen(file, DHCP_FILE_MAX)); /* NUL: it was zeroed */
	a->out->reply.siaddr = a->env->addr;
}

/* Firmware loads by TFTP, or by HTTP, never by what it cannot do; iPXE takes both. */
static bool can_load(const struct ask *a)
{
	const struct dhcp_boot *b = &a->env->boot;

	switch (a->q->client) {
	case DHCP_CLIENT_PXE:
		return b->file[0] && !b->http_url;
	case DHCP_CLIENT_HTTP:
		return b->file[0] && b->http_url;
	case DHCP_CLIENT_IPXE:
		return b->file[0];
	default:
		return false;
	}
}

static void set_boot(struct ask *a)
{
	set_file(a, a->env->boot.file);
	a->out->reply.file_in = a->env->boot.form.boot_file;
}

/*
 * Shall option 43 say that the file named here is to be booted, without a discovery? BIOS firmware
 * and iPXE do so; some UEFI firmware does not honour it.
 */
static bool is_bypassed(const struct ask *a)
{
	const bool uefi = a->q->client == DHCP_CLIENT_PXE && a->q->arch >= 6;
	const uint8_t choice = a->env->boot.form.option_43;

	return choice == CHOICE_AUTO ? !uefi : choice == CHOICE_YES;
}

/*
 * Boot data beside an address. Option 60 "PXEClient" only where a rule wants it: EDK2 then asks
 * port 4011 for the file that it has in hand unless option 43 says otherwise, and iPXE would take
 * the offer for a proxy's.
 */
static void add_boot(struct ask *a)
{
	const struct config_form *f = &a->env->boot.form;
	struct dhcp_reply *r = &a->out->reply;

	if (a->q->client == DHCP_CLIENT_AGENT)
		set_file(a, a->env->url);
	if (!can_load(a))
		return;
	set_boot(a);
	r->vendor_http = a->q->client == DHCP_CLIENT_HTTP;
	r->vendor_pxe = a->q->client == DHCP_CLIENT_PXE &&
			(f->option_60 == CHOICE_YES || f->option_43 == CHOICE_YES);
	r->pxe_bypass = r->vendor_pxe && is_bypassed(a);
	r->ipxe_no_proxy = a->q->client == DHCP_CLIENT_IPXE;
}

/* ---- full mode: RFC 2131 section 4.3 ---- */

/* The address that the client has, was offered just now, or had leased; else 0. */
static uint32_t address_had(const struct ask *a, const struct pool_ask *ask)
{
	const struct lease *l = pool_mine(a->pool, ask, a->now_ms);

	/* an offer that was not taken up in its time says nothing */
	return l && (l->state != LEASE_OFFERED || lease_held(l, a->now_ms)) ? l->addr : 0;
}

/* Lease addr to the client. Returns DHCP_REASON_NONE, or why not. */
static enum dhcp_reason grant(struct ask *a, uint32_t addr)
{
	const struct pool_ask ask = pool_ask_of(a, addr);
	const uint64_t expires_ms = a->now_ms + (uint64_t)times_of(a).lease_s * 1000;

	switch (pool_commit(a->pool, &ask, expires_ms, a->now_ms, a->out->change.left)) {
	case 0:
		set_change(a, DHCP_CHANGE_PUT, addr, expires_ms);
		add_address(a, addr);
		add_boot(a);
		return DHCP_REASON_NONE;
	case -EDQUOT:
		return DHCP_REASON_GUESTS_FULL;
	case -EACCES:
		return DHCP_REASON_ADDRESS_RESERVED;
	case -EBUSY:
		return DHCP_REASON_ADDRESS_TAKEN;
	default:
		return DHCP_REASON_NOT_IN_RANGE;
	}
}

/* RFC 4039: the client takes an ACK at once. Firmware never asks, and must find its offer. */
static bool may_commit(const struct ask *a)
{
	return a->q->rapid_commit && a->env->cfg->rapid_commit && !dhcp_is_netboot(a->q);
}

static int decide_discover(struct ask *a)
{
	const struct pool_ask ask = pool_ask_of(a, a->q->requested);
	const uint32_t had = address_had(a, &ask);
	uint32_t addr;
	const int rc = pool_offer(a->pool, &ask, a->now_ms, &addr);

	if (rc < 0)
		return silent(a, rc == -EDQUOT ? DHCP_REASON_GUESTS_FULL : DHCP_REASON_POOL_FULL);
	a->out->probe = a->env->cfg->probe && addr != had;
	/* an address that has to be asked for first is offered, not leased at once */
	if (!a->out->probe && may_commit(a) && !grant(a, addr)) {
		a->out->reply.rapid_commit = true;
		return answer(a, DHCP_ACK, DHCP_REASON_LEASED);
	}
	add_address(a, addr);
	add_boot(a);
	return answer(a, DHCP_OFFER, rc ? DHCP_REASON_CONTESTED : DHCP_REASON_OFFERED);
}

/* SELECTING: the client answers an offer, ours or another server's. */
static int decide_selecting(struct ask *a)
{
	const uint32_t addr = a->q->requested ? a->q->requested : a->q->ciaddr;
	enum dhcp_reason why;

	if (!server_id_is_ours(a)) {
		pool_withdraw(a->pool, subnet_index(a), a->q->mac, a->now_ms);
		return silent(a, DHCP_REASON_OTHER_SERVER);
	}
	why = grant(a, addr);
	return why ? nak(a, why) : answer(a, DHCP_ACK, DHCP_REASON_LEASED);
}

/* INIT-REBOOT: the client remembers an address from an earlier life. */
static int decide_init_reboot(struct ask *a)
{
	const struct pool_ask ask = pool_ask_of(a, a->q->requested);
	const struct lease *mine = pool_mine(a->pool, &ask, a->now_ms);
	enum dhcp_reason why;

	if (!in_network(a, a->q->requested))
		return refuse(a, DHCP_REASON_WRONG_NETWORK);
	if (!mine)
		return refuse(a, DHCP_REASON_NO_RECORD);
	if (mine->addr != a->q->requested)
		return nak(a, DHCP_REASON_OTHER_ADDRESS);
	why = grant(a, a->q->requested);
	return why ? nak(a, why) : answer(a, DHCP_ACK, DHCP_REASON_RENEWED);
}

/*
 * RENEWING and REBINDING: the client uses the address. The sole server of a network also takes up
 * a lease that it has lost the record of, so that a restored server does not stop running hosts.
 */
static int decide_renewing(struct ask *a)
{
	const struct lease *at = pool_by_addr(a->pool, a->q->ciaddr);
	const struct lease *held = pool_held(a->pool, subnet_index(a), a->q->mac, a->now_ms);
	const bool mine = at && !memcmp(at->mac, a->q->mac, sizeof at->mac);
	enum dhcp_reason why;

	if (!in_network(a, a->q->ciaddr))
		return refuse(a, DHCP_REASON_WRONG_NETWORK);
	if (held && held->addr != a->q->ciaddr && !(mine && lease_held(at, a->now_ms)))
		return refuse(a, DHCP_REASON_OTHER_ADDRESS);
	if (!a->env->cfg->authoritative && !mine)
		return silent(a, DHCP_REASON_NO_RECORD);
	why = grant(a, a->q->ciaddr);
	return why ? refuse(a, why) : answer(a, DHCP_ACK, DHCP_REASON_RENEWED);
}

static int decide_request(struct ask *a)
{
	if (a->q->server_id)
		return decide_selecting(a);
	if (a->q->ciaddr)
		return decide_renewing(a);
	if (a->q->requested)
		return decide_init_reboot(a);
	return silent(a, DHCP_REASON_NO_ADDRESS);
}

static int decide_release(struct ask *a)
{
	if (a->q->server_id && !server_id_is_ours(a))
		return silent(a, DHCP_REASON_OTHER_SERVER);
	if (pool_release(a->pool, a->q->ciaddr, a->q->mac, a->now_ms))
		return silent(a, DHCP_REASON_FOREIGN_LEASE);
	set_change(a, DHCP_CHANGE_RELEASE, a->q->ciaddr, a->now_ms);
	return silent(a, DHCP_REASON_RELEASED);
}

static int decide_decline(struct ask *a)
{
	if (a->q->server_id && !server_id_is_ours(a))
		return silent(a, DHCP_REASON_OTHER_SERVER);
	switch (pool_decline(a->pool, a->q->requested, a->q->mac, a->now_ms)) {
	case 0:
		set_change(a, DHCP_CHANGE_DECLINE, a->q->requested, a->now_ms + POOL_DECLINE_MS);
		return silent(a, DHCP_REASON_DECLINED);
	case -EDQUOT:
		return silent(a, DHCP_REASON_DECLINED_TOO_OFTEN);
	default:
		return silent(a, DHCP_REASON_FOREIGN_LEASE);
	}
}

/* The client has its address from elsewhere: settings only (RFC 2131 section 4.3.5). */
static int decide_inform(struct ask *a)
{
	if (in_network(a, a->q->ciaddr))
		a->subnet = config_subnet_of(a->env->cfg, a->q->ciaddr);
	add_network(a);
	add_boot(a);
	return answer(a, DHCP_ACK, DHCP_REASON_INFORMED);
}

static int decide_full(struct ask *a)
{
	if (a->q->type == DHCP_RELEASE)
		return decide_release(a);
	if (a->q->type == DHCP_DECLINE)
		return decide_decline(a);
	if (!a->subnet)
		return silent(a, DHCP_REASON_NO_SUBNET);
	if (a->q->type == DHCP_DISCOVER)
		return decide_discover(a);
	return a->q->type == DHCP_REQUEST ? decide_request(a) : decide_inform(a);
}

/* ---- beside another server's addresses: PXE 2.1 section 2.2 ---- */

/*
 * The boot server port. UEFI firmware comes here for the file that the proxy's offer did not name;
 * others after an offer with menus. There is one item, so whatever is asked gets it.
 */
static int decide_boot_server(struct ask *a)
{
	if (a->q->type != DHCP_REQUEST && a->q->type != DHCP_INFORM)
		return silent(a, DHCP_REASON_NOT_OURS_TO_ANSWER);
	if (a->q->server_id && !server_id_is_ours(a))
		return silent(a, DHCP_REASON_OTHER_SERVER);
	if (a->q->client != DHCP_CLIENT_PXE && a->q->client != DHCP_CLIENT_IPXE)
		return silent(a, DHCP_REASON_NOT_NETBOOT);
	if (!can_load(a))
		return silent(a, DHCP_REASON_NO_BOOT_FILE);
	a->out->reply.vendor_pxe = true;
	set_boot(a);
	return answer(a, DHCP_ACK, DHCP_REASON_BOOT_SERVER);
}

/* PXE 2.1 section 2.2: a proxy is there for who says that it boots, and on what machine. */
static bool is_netboot(const struct dhcp_query *q)
{
	return q->arch != DHCP_ARCH_NONE &&
	       (q->client == DHCP_CLIENT_PXE || q->client == DHCP_CLIENT_HTTP ||
		       q->client == DHCP_CLIENT_IPXE);
}

/*
 * An offer without an address. The file is in it where option 43 sends the firmware to no other
 * place; else both are left out, which sends it to port 4011.
 */
static int decide_proxy(struct ask *a)
{
	struct dhcp_reply *r = &a->out->reply;

	if (!is_netboot(a->q))
		return silent(a, DHCP_REASON_NOT_NETBOOT);
	if (a->q->type != DHCP_DISCOVER)
		return silent(a, DHCP_REASON_NOT_OURS_TO_ANSWER);
	if (!can_load(a))
		return silent(a, DHCP_REASON_NO_BOOT_FILE);
	r->vendor_http = a->q->client == DHCP_CLIENT_HTTP;
	r->vendor_pxe = !r->vendor_http;
	r->pxe_bypass = r->vendor_pxe && is_bypassed(a);
	set_boot(a);
	if (r->vendor_pxe && !r->pxe_bypass)
		r->file[0] = '\0';
	return answer(a, DHCP_OFFER, DHCP_REASON_PROXY_OFFERED);
}

/*
 * An agent that has its address from elsewhere asks where we are. The answer goes to the address
 * that it names, so that must be near, or be where the packet came from.
 */
static int decide_agent_inform(struct ask *a)
{
	const uint32_t ciaddr = a->q->ciaddr;
	const bool near = ((ciaddr ^ a->env->addr) & a->env->mask) == 0;

	if (ciaddr && ciaddr != a->q->src_addr && !near && !a->q->giaddr)
		return silent(a, DHCP_REASON_NO_SUBNET);
	if (a->subnet && a->env->cfg->dhcp_mode == DHCP_FULL)
		add_network(a);
	set_file(a, a->env->url);
	return answer(a, DHCP_ACK, DHCP_REASON_INFORMED);
}

int dhcp_decide(const struct dhcp_env *env, struct pool *pool, const struct dhcp_query *q,
	uint64_t now_ms, struct dhcp_decision *out)
{
	struct ask a = { env, pool, q, now_ms, dhcp_subnet_of(env, q), out };

	memset(out, 0, sizeof *out);
	if (q->type == DHCP_INFORM && q->client == DHCP_CLIENT_AGENT)
		return decide_agent_inform(&a);
	if (env->cfg->dhcp_mode == DHCP_OFF)
		return silent(&a, DHCP_REASON_NOT_OURS_TO_ANSWER);
	if (q->port4011)
		return decide_boot_server(&a);
	return env->cfg->dhcp_mode == DHCP_FULL ? decide_full(&a) : decide_proxy(&a);
}
