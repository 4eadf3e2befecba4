/*
 * Other DHCP servers: what net heard of them becomes a row for people, a line in the log the first
 * time, and an event of the boot of the host that was spoken to. Beside one of them is where a
 * proxy belongs; a server that gives addresses itself must be the only one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "images/json.h"
#include "server/core/core.h"
#include "server/core/record.h"
#include "server/log.h"

#define ADDR_TEXT 16

static void print_addr(uint32_t a, char out[ADDR_TEXT])
{
	snprintf(out, ADDR_TEXT, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

/* Our own answers, as a relay forwards them to its clients. */
static bool is_ours(const struct core *c, const struct dhcp_seen *s)
{
	if (pool_is_own(c->pool, s->server_id) || pool_is_own(c->pool, s->src_addr))
		return true;
	for (size_t i = 0; i < c->cfg->n_relays; i++)
		if (s->server_id == c->cfg->relays[i]) /* option 82.11: it stands for us */
			return true;
	return false;
}

static void log_news(const struct core *c, const struct store_dhcp_server *r)
{
	static struct log_limit limit;
	char server[ADDR_TEXT], source[ADDR_TEXT], mac[HOST_MAC_TEXT];
	unsigned missed;

	if (!log_allow(&limit, now_mono_ms(), &missed))
		return;
	print_addr(r->server, server);
	print_addr(r->source, source);
	host_mac_print(r->mac, mac);
	(c->cfg->dhcp_mode == DHCP_PROXY ? log_info : log_warn)(
		"another DHCP server: server=%s from=%s mac=%s if=%s gives=%s file=%s unlogged=%u",
		server, source, mac, r->ifname, r->addresses ? "addresses" : "boot-data-or-nothing",
		r->file, missed);
}

/* What it said, to the host's open boot and to the one that may be beginning. */
static void tell_boot(struct core *c, const struct dhcp_seen *s)
{
	struct waiting_host *w = waiting_find(&c->waiting, s->mac, c->mono_ms);
	const struct other_server other = { .type = s->type,
		.server = s->server_id ? s->server_id : s->src_addr,
		.addr = s->yiaddr,
		.at_ms = c->wall_ms,
		.mono_ms = c->mono_ms };
	struct host_identity who = { 0 };
	struct store_host h;
	struct store_boot b;
	int rc;

	if (w)
		w->other = other;
	host_mac_add(&who, s->mac);
	rc = store_host_find(c->store, &who, &h);
	if (rc != -ENOENT)
		core_must(c, rc, "host find");
	if (!rc && record_open_boot(c, &h, STAGES, &b))
		record_other_server(c, &b, &other);
}

void dhcp_seen_handle(struct core *c, const struct dhcp_seen *s)
{
	const char *ifname = c->server->endpoints[s->endpoint].ifname;
	const struct store_dhcp_server *r;
	bool news;

	if (is_ours(c, s))
		return;
	r = dhcp_servers_heard(&c->dhcp_servers, s, ifname, c->wall_ms, &news);
	if (news)
		log_news(c, r);
	tell_boot(c, s);
}

void dhcp_servers_write(struct core *c)
{
	const struct store_dhcp_server *r;

	while ((r = dhcp_servers_to_write(&c->dhcp_servers, c->wall_ms))) {
		core_write(c);
		core_must(c, store_dhcp_server_put(c->store, r), "dhcp server");
	}
}

/* ---- for people ---- */

static void put_addr(struct jw *w, const char *key, uint32_t addr)
{
	char text[ADDR_TEXT];

	print_addr(addr, text);
	jw_str(w, key, addr ? text : NULL);
}

static void put_server(const struct core *c, struct jw *w, const struct store_dhcp_server *r)
{
	char mac[HOST_MAC_TEXT];

	host_mac_print(r->mac, mac);
	jw_obj(w, NULL);
	put_addr(w, "server", r->server);
	put_addr(w, "source", r->source);
	jw_str(w, "mac", mac);
	jw_str(w, "interface", r->ifname);
	jw_bool(w, "addresses", r->addresses);
	jw_str(w, "boot_file", r->file[0] ? r->file : NULL);
	put_addr(w, "next_server", r->next_server);
	jw_bool(w, "alarm", c->cfg->dhcp_mode != DHCP_PROXY);
	jw_int(w, "first", r->first_ms);
	jw_int(w, "last", r->last_ms);
	jw_int(w, "count", r->count);
	jw_end_obj(w);
}

void dhcp_servers_json(const struct core *c, struct jw *w)
{
	jw_obj(w, NULL);
	jw_arr(w, "servers");
	for (unsigned i = 0; i < STORE_DHCP_SERVERS_MAX; i++) {
		if (c->dhcp_servers.places[i].row.count)
			put_server(c, w, &c->dhcp_servers.places[i].row);
	}
	jw_end_arr(w);
	jw_end_obj(w);
}
