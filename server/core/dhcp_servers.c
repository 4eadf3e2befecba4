#include "server/core/dhcp_servers.h"

#include <stdio.h>
#include <string.h>

void dhcp_servers_load(struct dhcp_servers *s, const struct store_dhcp_server *row)
{
	if (row->place < STORE_DHCP_SERVERS_MAX)
		s->places[row->place].row = *row;
}

static bool is_same(
	const struct store_dhcp_server *r, const struct dhcp_seen *seen, const char *ifname)
{
	return r->count && r->server == seen->server_id && r->source == seen->src_addr &&
	       !memcmp(r->mac, seen->src_mac, sizeof r->mac) && !strcmp(r->ifname, ifname);
}

/* Its place, or the one to be used for it: a free one, else that of the longest silent. */
static unsigned place_of(
	const struct dhcp_servers *s, const struct dhcp_seen *seen, const char *ifname)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < STORE_DHCP_SERVERS_MAX; i++) {
		if (is_same(&s->places[i].row, seen, ifname))
			return i;
		if (s->places[i].row.last_ms < s->places[oldest].row.last_ms)
			oldest = i;
	}
	return oldest;
}

const struct store_dhcp_server *dhcp_servers_heard(struct dhcp_servers *s,
	const struct dhcp_seen *seen, const char *ifname, int64_t now_ms, bool *news)
{
	const unsigned place = place_of(s, seen, ifname);
	struct store_dhcp_server *r = &s->places[place].row;

	if (!is_same(r, seen, ifname)) {
		*r = (struct store_dhcp_server){ .place = place,
			.server = seen->server_id,
			.source = seen->src_addr,
			.first_ms = now_ms };
		memcpy(r->mac, seen->src_mac, sizeof r->mac);
		snprintf(r->ifname, sizeof r->ifname, "%s", ifname);
		s->places[place].written_ms = 0;
	}
	*news = now_ms - r->last_ms > DHCP_SERVERS_NEWS_MS;
	r->last_ms = now_ms;
	r->count++;
	r->addresses |= seen->yiaddr != 0;
	if (seen->file[0] || seen->siaddr) {
		memcpy(r->file, seen->file, sizeof r->file);
		r->next_server = seen->siaddr;
	}
	s->places[place].changed = true;
	return r;
}

const struct store_dhcp_server *dhcp_servers_to_write(struct dhcp_servers *s, int64_t now_ms)
{
	for (unsigned i = 0; i < STORE_DHCP_SERVERS_MAX; i++) {
		if (!s->places[i].changed ||
			(s->places[i].written_ms &&
				now_ms - s->places[i].written_ms < DHCP_SERVERS_WRITE_MS))
			continue;
		s->places[i].changed = false;
		s->places[i].written_ms = now_ms;
		return &s->places[i].row;
	}
	return NULL;
}
