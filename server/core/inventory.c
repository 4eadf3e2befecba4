#include "server/core/inventory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/facts_diff.h"
#include "server/core/record.h"
#include "server/log.h"

#define LINE_MAX_BYTES 1000

static void keep(struct core *c, const struct store_host *h, const struct store_boot *b,
	const struct json *facts)
{
	const int kept = record_is_admitted(c, h) ? INVENTORY_KEPT : INVENTORY_STRANGER;
	char *text = json_text(facts);

	core_write(c);
	if (text)
		core_must(c, store_facts_add(c->store, h->id, b->id, c->wall_ms, text, kept),
			"facts");
	free(text);
}

static void tell(struct core *c, const struct store_host *h, struct store_boot *b,
	const struct facts_diff *d)
{
	struct happened e = { STAGE_AGENT, "seen", "core", 0, 0, NULL };
	char line[LINE_MAX_BYTES], detail[LINE_MAX_BYTES + 16];

	facts_diff_line(d, line, sizeof line);
	snprintf(detail, sizeof detail, "hardware: %s", line);
	e.detail = detail;
	record_event(c, b, &e);
	log_info("host changed: host=%s boot=%lld %s", h->name, (long long)b->id, line);
}

void inventory_take(
	struct core *c, const struct store_host *h, struct store_boot *b, const struct json *facts)
{
	char *text = NULL, err[80];
	struct facts_diff d = { 0 };
	struct json *before;
	int rc = store_facts_newest(c->store, h->id, &text);

	if (rc == -ENOENT) {
		keep(c, h, b, facts);
		return;
	}
	core_must(c, rc, "facts");
	before = json_read(text, strlen(text), err, sizeof err);
	facts_diff(before, facts, &d);
	if (d.n) {
		tell(c, h, b, &d);
		keep(c, h, b, facts);
		if (core_must(c, store_host_reject(c->store, h->id, 0), "reject"))
			log_info(
				"host waits again: host=%s was rejected, and has changed", h->name);
	}
	json_free(before);
	free(text);
}

/* ---- switch ports ---- */

/* Text from a switch, by way of an agent. */
static void take_text(const struct json *n, const char *key, char *out, size_t size)
{
	snprintf(out, size, "%s", json_get_str(n, key, ""));
	for (char *s = out; *s; s++) {
		if (*s < ' ' || *s >= 0x7f)
			*s = '?';
	}
}

static void read_neighbour(const struct json *n, struct store_neighbour *out)
{
	const int64_t vlan = json_get_int(n, "vlan", 0);

	*out = (struct store_neighbour){ .vlan = vlan > 0 && vlan < 4096 ? (uint16_t)vlan : 0 };
	take_text(n, "nic", out->nic, sizeof out->nic);
	take_text(n, "chassis", out->chassis, sizeof out->chassis);
	take_text(n, "port", out->port, sizeof out->port);
	take_text(n, "port_description", out->port_description, sizeof out->port_description);
	take_text(n, "system", out->system, sizeof out->system);
}

static const char *switch_of(const struct store_neighbour *n)
{
	return *n->system ? n->system : n->chassis;
}

/* "eth0 hangs on sw-r3, port Gi1/0/7, VLAN 10 (before: sw-r2, port Gi1/0/1)" */
static void tell_neighbour(struct core *c, struct store_boot *b, const struct store_neighbour *is,
	const struct store_neighbour *was)
{
	struct happened e = { b->stage, "seen", "agent", 0, 0, NULL };
	char detail[400], before[160] = "", vlan[24] = "";

	if (was)
		snprintf(
			before, sizeof before, " (before: %s, port %s)", switch_of(was), was->port);
	if (is->vlan)
		snprintf(vlan, sizeof vlan, ", VLAN %u", is->vlan);
	snprintf(detail, sizeof detail, "%s hangs on %s, port %s%s%s", is->nic, switch_of(is),
		is->port, vlan, before);
	e.detail = detail;
	record_event(c, b, &e);
}

void inventory_neighbours(
	struct core *c, const struct store_host *h, struct store_boot *b, const struct json *body)
{
	const struct json *list = json_get(body, "neighbours");
	struct store_neighbour is[STORE_NEIGHBOURS_MAX], was[STORE_NEIGHBOURS_MAX];
	int n = 0, before;

	before = core_must(
		c, store_neighbours(c->store, h->id, was, STORE_NEIGHBOURS_MAX), "neighbours");
	for (size_t i = 0; i < json_len(list) && n < STORE_NEIGHBOURS_MAX; i++) {
		const struct store_neighbour *old = NULL;

		read_neighbour(json_at(list, i), &is[n]);
		for (int k = 0; k < before; k++) {
			if (!strcmp(was[k].nic, is[n].nic))
				old = &was[k];
		}
		if (!old || strcmp(old->port, is[n].port) || strcmp(old->chassis, is[n].chassis))
			tell_neighbour(c, b, &is[n], old);
		n++;
	}
	core_write(c);
	core_must(c, store_neighbours_put(c->store, h->id, is, n), "neighbours");
}
