#include "server/core/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECES_MAX (CONFIG_RANGES_MAX + CONFIG_EXCLUDES_MAX) /* of one subnet */

/* ---- order ---- */

static int compare(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int by_value(const void *a, const void *b)
{
	return compare(*(const uint32_t *)a, *(const uint32_t *)b);
}

static int by_first(const void *a, const void *b)
{
	return compare(
		((const struct config_range *)a)->first, ((const struct config_range *)b)->first);
}

static int by_first_addr(const void *a, const void *b)
{
	return compare(((const struct range *)a)->first, ((const struct range *)b)->first);
}

/* Networks together; those without a name come first, each alone. */
static int by_network(const void *a, const void *b)
{
	const struct config_subnet *x = *(const struct config_subnet *const *)a;
	const struct config_subnet *y = *(const struct config_subnet *const *)b;
	const int names = strcmp(x->network, y->network);

	return names ? names : compare(x->net, y->net);
}

/* ---- ranges without their holes ---- */

/* Append from..to without the exclusions, which ascend. Returns the new number of pieces. */
static size_t cut(struct config_range *pieces, size_t n, uint32_t from, uint32_t to,
	const struct config_range *excludes, size_t n_excludes)
{
	for (size_t i = 0; i < n_excludes; i++) {
		const struct config_range e = excludes[i];

		if (e.last < from || e.first > to)
			continue;
		if (e.first > from)
			pieces[n++] = (struct config_range){ from, e.first - 1 };
		if (e.last >= to)
			return n;
		from = e.last + 1;
	}
	pieces[n++] = (struct config_range){ from, to };
	return n;
}

/* What a subnet has to give, ascending, each address once. */
static size_t pieces_of(const struct config_subnet *s, struct config_range pieces[PIECES_MAX])
{
	struct config_range ranges[CONFIG_RANGES_MAX], excludes[CONFIG_EXCLUDES_MAX];
	const uint32_t end = s->net | ~s->mask; /* broadcast */
	uint32_t next = s->net + 1;
	size_t n = 0;

	memcpy(ranges, s->ranges, sizeof ranges);
	memcpy(excludes, s->excludes, sizeof excludes);
	qsort(ranges, s->n_ranges, sizeof *ranges, by_first);
	qsort(excludes, s->n_excludes, sizeof *excludes, by_first);
	for (size_t i = 0; i < s->n_ranges; i++) {
		const uint32_t from = ranges[i].first > next ? ranges[i].first : next;
		const uint32_t to = ranges[i].last < end ? ranges[i].last : end - 1;

		if (from > to)
			continue;
		n = cut(pieces, n, from, to, excludes, s->n_excludes);
		next = to + 1;
	}
	return n;
}

/* ---- building ---- */

static int add_pieces(struct ranges *r, const struct config *cfg, const struct config_subnet *s)
{
	struct ranges_network *network = &r->networks[r->n_networks - 1];
	struct config_range pieces[PIECES_MAX];
	const size_t n = pieces_of(s, pieces);

	for (size_t i = 0; i < n; i++) {
		const uint32_t count = pieces[i].last - pieces[i].first + 1;

		if (count > RANGES_ADDRESSES_MAX - r->n_slots)
			return -E2BIG;
		r->by_slot[r->n++] = (struct range){ pieces[i].first, pieces[i].last, r->n_slots,
			(uint32_t)(s - cfg->subnets) };
		r->n_slots += count;
		network->n_slots += count;
		network->n_ranges++;
	}
	return 0;
}

/* One network after the other, so that the slots of each follow one another. */
static int add_networks(
	struct ranges *r, const struct config *cfg, const struct config_subnet **order)
{
	int rc = 0;

	for (size_t i = 0; i < cfg->n_subnets; i++)
		order[i] = &cfg->subnets[i];
	qsort(order, cfg->n_subnets, sizeof *order, by_network);
	for (size_t i = 0; i < cfg->n_subnets && !rc; i++) {
		if (!i || !config_same_network(order[i - 1], order[i]))
			r->networks[r->n_networks++] =
				(struct ranges_network){ .first_slot = r->n_slots,
					.ranges = r->by_slot + r->n };
		r->network_of[order[i] - cfg->subnets] = (uint32_t)(r->n_networks - 1);
		rc = add_pieces(r, cfg, order[i]);
	}
	if (r->n)
		memcpy(r->by_addr, r->by_slot, r->n * sizeof *r->by_addr);
	qsort(r->by_addr, r->n, sizeof *r->by_addr, by_first_addr);
	return rc;
}

/* The addresses of DNS servers in a set, into out unless it is NULL. Returns their number. */
static size_t dns_of(const struct dhcp_options *set, uint32_t *out)
{
	struct dhcp_option o;
	struct rd r;

	if (!dhcp_options_find(set->bytes, set->len, DHCP_OPT_DNS, &o))
		return 0;
	r = (struct rd){ o.val, o.val + o.len, false };
	for (size_t i = 0; out && i < o.len / 4u; i++)
		out[i] = rd_u32(&r);
	return o.len / 4u;
}

static void add_taboos(
	struct ranges *r, const struct config *cfg, const uint32_t *own, size_t n_own)
{
	size_t n = 0;

	for (size_t i = 0; i < n_own; i++)
		r->taboo[n++] = own[i];
	for (size_t i = 0; i < cfg->n_relays; i++)
		r->taboo[n++] = cfg->relays[i];
	for (size_t i = 0; i < cfg->n_subnets; i++) {
		r->taboo[n++] = cfg->subnets[i].told.router;
		n += dns_of(&cfg->subnets[i].told.options, r->taboo + n);
	}
	n += dns_of(&cfg->told.options, r->taboo + n);
	qsort(r->taboo, n, sizeof *r->taboo, by_value);
	for (size_t i = 0; i < n; i++) {
		if (!i || r->taboo[i] != r->taboo[i - 1])
			r->taboo[r->n_taboo++] = r->taboo[i];
	}
}

static void count_given(struct ranges *r)
{
	for (size_t i = 0; i < r->n_networks; i++)
		r->networks[i].n_given = r->networks[i].n_slots;
	for (size_t i = 0; i < r->n_taboo; i++) {
		const struct range *at = ranges_of_addr(r, r->taboo[i]);

		if (at)
			r->networks[r->network_of[at->subnet]].n_given--;
	}
}

int ranges_init(struct ranges *r, const struct config *cfg, const uint32_t *own, size_t n_own)
{
	const struct config_subnet **order = calloc(cfg->n_subnets + 1, sizeof *order);
	size_t n_pieces = 0, n_taboo = n_own + cfg->n_relays + dns_of(&cfg->told.options, NULL);
	int rc = -ENOMEM;

	for (size_t i = 0; i < cfg->n_subnets; i++) {
		n_pieces += cfg->subnets[i].n_ranges + cfg->subnets[i].n_excludes;
		n_taboo += 1 + dns_of(&cfg->subnets[i].told.options, NULL);
	}
	*r = (struct ranges){ 0 };
	r->by_slot = calloc(n_pieces + 1, sizeof *r->by_slot);
	r->by_addr = calloc(n_pieces + 1, sizeof *r->by_addr);
	r->networks = calloc(cfg->n_subnets + 1, sizeof *r->networks);
	r->network_of = calloc(cfg->n_subnets + 1, sizeof *r->network_of);
	r->taboo = calloc(n_taboo + 1, sizeof *r->taboo);
	if (order && r->by_slot && r->by_addr && r->networks && r->network_of && r->taboo) {
		rc = add_networks(r, cfg, order);
		add_taboos(r, cfg, own, n_own);
		count_given(r);
	}
	free(order);
	return rc;
}

void ranges_fini(struct ranges *r)
{
	free(r->by_slot);
	free(r->by_addr);
	free(r->networks);
	free(r->network_of);
	free(r->taboo);
	*r = (struct ranges){ 0 };
}

/* ---- looking up ---- */

/* The last of n that begins at or below key, or NULL. */
static const struct range *last_up_to(
	const struct range *ranges, size_t n, uint32_t key, bool by_slot)
{
	size_t low = 0, high = n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if ((by_slot ? ranges[middle].slot : ranges[middle].first) <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &ranges[low - 1] : NULL;
}

const struct range *ranges_of_addr(const struct ranges *r, uint32_t addr)
{
	const struct range *at = last_up_to(r->by_addr, r->n, addr, false);

	return at && addr <= at->last ? at : NULL;
}

const struct range *ranges_of_slot(const struct ranges *r, uint32_t slot)
{
	const struct range *at = last_up_to(r->by_slot, r->n, slot, true);

	return at && slot - at->slot <= at->last - at->first ? at : NULL;
}

bool ranges_taboo(const struct ranges *r, uint32_t addr)
{
	return bsearch(&addr, r->taboo, r->n_taboo, sizeof addr, by_value) != NULL;
}
