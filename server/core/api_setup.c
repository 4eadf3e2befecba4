/*
 * GET /api/v1/setup: what is set up on this server and how full it is, as far as that decides
 * whether hosts can boot. Facts only; `muster doctor` judges them.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/blobs.h"
#include "server/bytes.h"
#include "server/core/api.h"

#define OUTSIDE_NAMED 16 /* hosts with a reservation in no subnet that are named */
#define SITE_KEY      "site.key"

static const char *addr_text(uint32_t addr, char out[INET_ADDRSTRLEN])
{
	const struct in_addr a = { htonl(addr) };

	return inet_ntop(AF_INET, &a, out, INET_ADDRSTRLEN);
}

static void put_subnet(struct jw *w, const char *key, const struct config_subnet *s)
{
	char addr[INET_ADDRSTRLEN], text[INET_ADDRSTRLEN + 4];

	if (!s) {
		jw_null(w, key);
		return;
	}
	snprintf(text, sizeof text, "%s/%u", addr_text(s->net, addr), s->prefix);
	jw_str(w, key, text);
}

/* ---- DHCP ---- */

/* Has the interface a link? null: the kernel does not say. */
static void put_carrier(struct jw *w, const char *ifname)
{
	char path[80], c = 0;
	int fd;

	snprintf(path, sizeof path, "/sys/class/net/%s/carrier", ifname);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &c, 1) != 1)
		jw_null(w, "carrier");
	else
		jw_bool(w, "carrier", c == '1');
	if (fd >= 0)
		close(fd);
}

static void put_interfaces(struct jw *w, const struct core *c)
{
	char addr[INET_ADDRSTRLEN];

	jw_arr(w, "interfaces");
	for (size_t i = 0; i < c->server->n_endpoints; i++) {
		const struct endpoint *ep = &c->server->endpoints[i];

		jw_obj(w, NULL);
		jw_str(w, "name", ep->ifname);
		jw_str(w, "addr", addr_text(ep->addr, addr));
		put_subnet(w, "subnet", config_subnet_of(c->cfg, ep->addr));
		put_carrier(w, ep->ifname);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

/* Subnets that share a link share their addresses, too: one entry for all of them. */
static void put_networks(struct jw *w, const struct core *c)
{
	const struct config *cfg = c->cfg;

	jw_arr(w, "networks");
	for (unsigned i = 0; i < cfg->n_subnets; i++) {
		const uint32_t network = pool_network_of(c->pool, i);
		struct pool_fill fill;
		unsigned first = 0;

		while (pool_network_of(c->pool, first) != network)
			first++;
		if (first != i)
			continue; /* named with its first subnet */
		fill = pool_fill_of(c->pool, i, (uint64_t)c->wall_ms);
		jw_obj(w, NULL);
		jw_arr(w, "subnets");
		for (unsigned k = i; k < cfg->n_subnets; k++) {
			if (pool_network_of(c->pool, k) == network)
				put_subnet(w, NULL, &cfg->subnets[k]);
		}
		jw_end_arr(w);
		jw_int(w, "addresses", fill.given);
		jw_int(w, "held", fill.held);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

struct relay_hosts {
	const struct config *cfg;
	int64_t hosts[CONFIG_RELAYS_MAX];
};

static int compare_addr(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int count_relay(void *arg, uint32_t relay, int64_t hosts)
{
	struct relay_hosts *r = arg;
	const uint32_t *found =
		bsearch(&relay, r->cfg->relays, r->cfg->n_relays, sizeof relay, compare_addr);

	if (found)
		r->hosts[found - r->cfg->relays] = hosts;
	return 0;
}

static void put_relays(struct jw *w, struct core *c)
{
	struct relay_hosts r = { .cfg = c->cfg };
	char addr[INET_ADDRSTRLEN];

	if (c->cfg->n_relays)
		core_must(c, store_relay_each(c->store, count_relay, &r), "relays");
	jw_arr(w, "relays");
	for (size_t i = 0; i < c->cfg->n_relays; i++) {
		jw_obj(w, NULL);
		jw_str(w, "addr", addr_text(c->cfg->relays[i], addr));
		put_subnet(w, "subnet", config_subnet_of(c->cfg, c->cfg->relays[i]));
		jw_int(w, "hosts", r.hosts[i]);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

struct outside {
	struct core *c;
	struct jw *w;
	int64_t total, n;
};

static int count_reservation(void *arg, const struct store_reservation *r)
{
	struct outside *o = arg;
	struct store_host h;

	o->total++;
	if (config_subnet_of(o->c->cfg, r->addr))
		return 0;
	if (o->n++ < OUTSIDE_NAMED) {
		core_must(o->c, store_host_by_id(o->c->store, r->host, &h), "host by id");
		jw_str(o->w, NULL, h.name);
	}
	return 0;
}

static void put_reservations(struct jw *w, struct core *c)
{
	struct outside o = { .c = c, .w = w };

	jw_obj(w, "reservations");
	jw_arr(w, "outside");
	core_must(c, store_reservation_each(c->store, count_reservation, &o), "reservations");
	jw_end_arr(w);
	jw_int(w, "outside_total", o.n);
	jw_int(w, "total", o.total);
	jw_end_obj(w);
}

static void put_dhcp(struct jw *w, struct core *c)
{
	static const char *const modes[] = { "full", "proxy", "off" };

	jw_obj(w, "dhcp");
	jw_str(w, "mode", modes[c->cfg->dhcp_mode]);
	jw_bool(w, "probe", c->cfg->probe);
	put_interfaces(w, c);
	put_networks(w, c);
	put_relays(w, c);
	put_reservations(w, c);
	jw_end_obj(w);
}

/* ---- what hosts load ---- */

static void put_loaders(struct jw *w, struct core *c)
{
	static const char *const files[] = { "undionly.kpxe", "snponly.efi" };

	jw_arr(w, "loaders");
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		jw_obj(w, NULL);
		jw_str(w, "file", files[i]);
		jw_bool(w, "there", loader_exists(c, files[i], false));
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static bool has_image(struct core *c, const char *name)
{
	struct store_image image;

	return core_must(c, store_image_versions(c->store, name, NULL, NULL, 0, &image, 1),
		       "image") > 0;
}

static void put_boot(struct jw *w, struct core *c)
{
	const struct config *cfg = c->cfg;

	jw_obj(w, "boot");
	jw_str(w, "url", c->server->url);
	jw_bool(w, "tftp", cfg->tftp);
	jw_str(w, "loader_dir", cfg->loader_dir);
	put_loaders(w, c);
	jw_bool(w, "agent", has_image(c, AGENT_IMAGE));
	jw_str(w, "image", *cfg->image ? cfg->image : NULL);
	jw_bool(w, "image_there", *cfg->image && has_image(c, cfg->image));
	jw_end_obj(w);
}

/* ---- keys ---- */

/* The files of a folder whose name ends so, but not `except`. */
static void put_files(
	struct jw *w, const char *key, const char *dir, const char *end, const char *except)
{
	const size_t end_len = strlen(end);
	struct dirent *e;
	DIR *d = opendir(dir);

	jw_arr(w, key);
	while (d && (e = readdir(d))) {
		const size_t len = strlen(e->d_name);

		if (len > end_len && !strcmp(e->d_name + len - end_len, end) &&
			strcmp(e->d_name, except))
			jw_str(w, NULL, e->d_name);
	}
	jw_end_arr(w);
	if (d)
		closedir(d);
}

static void put_keys(struct jw *w, const struct config *cfg)
{
	char dir[CONFIG_TEXT_MAX + 16], path[CONFIG_TEXT_MAX + 32];

	snprintf(dir, sizeof dir, "%s/keys", cfg->state_dir);
	snprintf(path, sizeof path, "%s/" SITE_KEY, dir);
	jw_obj(w, "keys");
	jw_str(w, "dir", dir);
	jw_bool(w, "site", access(path, F_OK) == 0);
	put_files(w, "secret", dir, ".key", SITE_KEY);
	snprintf(path, sizeof path, "%s/trust", dir);
	put_files(w, "trusted", path, ".pub", "");
	jw_end_obj(w);
}

/* ---- the machine ---- */

static void put_machine(struct jw *w, struct core *c)
{
	char path[CONFIG_TEXT_MAX + 16];
	struct stat st = { 0 };
	uint64_t room = 0;

	jw_obj(w, "machine");
	if (blobs_room(c->server->blob_dir, &room) == 0)
		jw_int(w, "disk_free", (int64_t)room);
	snprintf(path, sizeof path, "%s/muster.db", c->cfg->state_dir);
	if (stat(path, &st) == 0)
		jw_int(w, "database_bytes", st.st_size);
	jw_int(w, "tls_expires", c->server->tls_expires_s);
	jw_bool(w, "tokens_in_clear", c->cfg->tokens_in_clear);
	jw_end_obj(w);
}

void api_get_setup(struct call *k)
{
	static const char *const admission[] = { "open", "registered", "approve" };
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	put_dhcp(&w, k->c);
	put_boot(&w, k->c);
	put_keys(&w, k->c->cfg);
	put_machine(&w, k->c);
	jw_str(&w, "admission", admission[k->c->cfg->admission]);
	jw_end_obj(&w);
	answer_jw(k->a, 200, &w);
}
