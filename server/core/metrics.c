#include "server/core/metrics.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/why.h"
#include "server/log.h"

/* ---- counters ---- */

#define COUNTERS_MAX 1024 /* their labels are words of ours, so there are fewer */
#define NAME_MAX_    120

struct counter {
	char name[NAME_MAX_]; /* with its labels */
	int64_t value;
	bool changed;
};

static struct counter counters[COUNTERS_MAX];
static size_t n_counters;

static struct counter *find(const char *name)
{
	for (size_t i = 0; i < n_counters; i++) {
		if (!strcmp(counters[i].name, name))
			return &counters[i];
	}
	if (n_counters == COUNTERS_MAX)
		return NULL;
	snprintf(counters[n_counters].name, NAME_MAX_, "%s", name);
	return &counters[n_counters++];
}

__attribute__((format(printf, 2, 3))) static void add(int64_t n, const char *fmt, ...)
{
	char name[NAME_MAX_];
	struct counter *t;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof name, fmt, ap);
	va_end(ap);
	t = find(name);
	if (!t)
		return;
	t->value += n;
	t->changed = true;
}

static void set(const char *name, int64_t value)
{
	struct counter *t = find(name);

	if (t && t->value != value) {
		t->value = value;
		t->changed = true;
	}
}

static int load(void *arg, const char *name, int64_t value)
{
	struct counter *t = find(name);

	(void)arg;
	if (t)
		t->value = value;
	return 0;
}

/* Of networks as they are configured now: the rows of others are none of ours any more. */
int metrics_load(struct core *c)
{
	int rc = store_begin(c->store);

	if (!rc)
		rc = store_metric_rm(c->store, "muster_pool_");
	if (!rc)
		rc = store_commit(c->store);
	return rc ? rc : store_metric_each(c->store, load, NULL);
}

/* ---- what core counts ---- */

/* There are so many packets that these have places of their own until they are written. */
static uint32_t dhcp[DHCP_INFORM + 1][DHCP_REASONS][DHCP_NAK + 1];

void metrics_dhcp(const struct dhcp_query *q, const struct dhcp_decision *d)
{
	const unsigned result = d->answer ? d->reply.type : 0;

	if (q->type <= DHCP_INFORM && d->reason < DHCP_REASONS && result <= DHCP_NAK)
		dhcp[q->type][d->reason][result]++;
}

static void write_dhcp(void)
{
	static const char *const types[DHCP_INFORM + 1] = { "other", "discover", "offer", "request",
		"decline", "ack", "nak", "release", "inform" };

	for (unsigned t = 0; t <= DHCP_INFORM; t++) {
		for (unsigned r = 0; r < DHCP_REASONS; r++) {
			for (unsigned a = 0; a <= DHCP_NAK; a++) {
				if (!dhcp[t][r][a])
					continue;
				add(dhcp[t][r][a],
					"muster_dhcp_messages_total{type=\"%s\",result=\"%s\","
					"reason=\"%s\"}",
					types[t], a ? types[a] : "none",
					dhcp_reason_code((enum dhcp_reason)r));
				dhcp[t][r][a] = 0;
			}
		}
	}
}

static const struct {
	int64_t ms;
	const char *le;
} buckets[] = { { 100, "0.1" }, { 250, "0.25" }, { 500, "0.5" }, { 1000, "1" }, { 2500, "2.5" },
	{ 5000, "5" }, { 10000, "10" }, { 30000, "30" }, { 60000, "60" }, { 120000, "120" },
	{ 300000, "300" }, { INT64_MAX, "+Inf" } };

/* Since they were written last. */
static struct {
	int64_t in[ARRAY_LEN(buckets)], sum_ms, count;
} stages[STAGES];

void metrics_stage(enum boot_stage stage, int64_t ms)
{
	if (ms < 0)
		return; /* the clock was put back */
	for (size_t i = 0; i < ARRAY_LEN(buckets); i++)
		stages[stage].in[i] += ms <= buckets[i].ms;
	stages[stage].sum_ms += ms;
	stages[stage].count++;
}

static void write_stages(void)
{
	for (int k = 0; k < STAGES; k++) {
		const char *name = boot_stage_name((enum boot_stage)k);

		if (!stages[k].count)
			continue;
		for (size_t i = 0; i < ARRAY_LEN(buckets); i++)
			add(stages[k].in[i], "muster_stage_seconds_bucket{stage=\"%s\",le=\"%s\"}",
				name, buckets[i].le);
		add(stages[k].sum_ms, "muster_stage_seconds_sum{stage=\"%s\"}", name);
		add(stages[k].count, "muster_stage_seconds_count{stage=\"%s\"}", name);
	}
	memset(stages, 0, sizeof stages);
}

/* A reason may be an agent's, so only those that there are: each word is a counter for ever. */
static const char *label_of(const char *reason)
{
	for (size_t i = 0; i < n_why_rules; i++) {
		if (!strcmp(why_rules[i].code, reason))
			return reason;
	}
	return *reason ? "other" : "";
}

void metrics_boot(enum boot_state state, const char *reason)
{
	static const char *const results[] = { "open", "up", "failed", "over" };

	add(1, "muster_boots_total{result=\"%s\",reason=\"%s\"}", results[state], label_of(reason));
}

void metrics_blob(const struct blob_event *e)
{
	static const char *const phases[BLOB_PHASES] = { "started", "finished", "aborted" };
	const char *to = e->loader ? "loader" : "agent";

	add(1, "muster_transfers_total{to=\"%s\",phase=\"%s\"}", to, phases[e->phase]);
	if (e->phase != BLOB_STARTED)
		add((int64_t)e->bytes, "muster_transfer_bytes_total{to=\"%s\"}", to);
}

void metrics_ticket(const char *result)
{
	add(1, "muster_tickets_total{result=\"%s\"}", result);
}

/* One row for each network: subnets that share a link share their addresses. */
static void set_pools(struct core *c)
{
	const struct config *cfg = c->cfg;
	char name[NAME_MAX_], addr[INET_ADDRSTRLEN];

	for (unsigned i = 0; i < cfg->n_subnets; i++) {
		const struct in_addr a = { htonl(cfg->subnets[i].net) };
		struct pool_fill fill;
		unsigned first = 0;

		while (pool_network_of(c->pool, first) != pool_network_of(c->pool, i))
			first++;
		if (first != i)
			continue;
		fill = pool_fill_of(c->pool, i, (uint64_t)c->wall_ms);
		inet_ntop(AF_INET, &a, addr, sizeof addr);
		snprintf(name, sizeof name, "muster_pool_addresses{network=\"%s/%u\"}", addr,
			cfg->subnets[i].prefix);
		set(name, fill.given);
		snprintf(name, sizeof name, "muster_pool_addresses_held{network=\"%s/%u\"}", addr,
			cfg->subnets[i].prefix);
		set(name, fill.held);
	}
}

void metrics_write(struct core *c)
{
	write_dhcp();
	write_stages();
	set_pools(c);
	set("muster_start_time_seconds",
		c->wall_ms / 1000 - (c->mono_ms - c->server->started_ms) / 1000);
	set("muster_certificate_expires_seconds", c->server->tls_expires_s);
	for (size_t i = 0; i < n_counters; i++) {
		if (!counters[i].changed)
			continue;
		core_write(c);
		core_must(c, store_metric_put(c->store, counters[i].name, counters[i].value),
			"metric");
		counters[i].changed = false;
	}
}

/* ---- the text, in view ---- */

enum family_kind { COUNTER, GAUGE, HISTOGRAM };

/* In the order of their names, as the store gives them. */
static const struct family {
	const char *name;
	enum family_kind kind;
	const char *help;
} families[] = {
	{ "muster_boots_total", COUNTER, "Boots that ended, by result and reason." },
	{ "muster_certificate_expires_seconds", GAUGE,
		"When the TLS certificate expires, seconds since 1970; 0: there is none." },
	{ "muster_channel_expires_seconds", GAUGE, "When a signed channel expires." },
	{ "muster_database_bytes", GAUGE, "Size of the database." },
	{ "muster_dhcp_messages_total", COUNTER,
		"DHCP messages, by type, what was answered, and why." },
	{ "muster_hosts", GAUGE, "Hosts, by the stage and the image of their newest boot." },
	{ "muster_hosts_waiting", GAUGE, "Hosts in the waiting room." },
	{ "muster_image_expires_seconds", GAUGE, "When a version of an image expires." },
	{ "muster_pool_addresses", GAUGE, "Addresses that a network has to give." },
	{ "muster_pool_addresses_held", GAUGE, "Addresses of them that are held." },
	{ "muster_rollouts", GAUGE, "Staged rollouts that are not over, by state." },
	{ "muster_root_expires_seconds", GAUGE, "When the last root expires." },
	{ "muster_stage_seconds", HISTOGRAM, "How long boots were in a stage." },
	{ "muster_start_time_seconds", GAUGE, "When the server started, seconds since 1970." },
	{ "muster_tickets_total", COUNTER, "Boot tickets, by what became of them." },
	{ "muster_transfer_bytes_total", COUNTER, "Bytes of image files that were sent." },
	{ "muster_transfers_total", COUNTER, "Transfers of image files, by phase." },
};

struct text {
	char *p;
	size_t len, room;
	const struct family *family;
	bool bad;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	for (;;) {
		va_start(ap, fmt);
		n = vsnprintf(t->p ? t->p + t->len : NULL, t->room - t->len, fmt, ap);
		va_end(ap);
		if (t->bad || n < 0 || (size_t)n < t->room - t->len)
			break;
		t->room = 2 * t->room + (size_t)n + 4096;
		t->p = realloc(t->p, t->room);
		t->bad = !t->p;
		if (t->bad)
			return;
	}
	if (!t->bad && n > 0)
		t->len += (size_t)n;
}

static const struct family *family_of(const char *name)
{
	static const char *const ends[] = { "_bucket", "_sum", "_count" };

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		const size_t n = strlen(families[i].name);
		const char *rest = name + n;

		if (strncmp(families[i].name, name, n) != 0)
			continue;
		if (*rest == '{' || *rest == '\0')
			return &families[i];
		for (size_t k = 0; families[i].kind == HISTOGRAM && k < ARRAY_LEN(ends); k++) {
			if (strncmp(rest, ends[k], strlen(ends[k])) == 0)
				return &families[i];
		}
	}
	return NULL;
}

/* One value; all of a family come one after the other. */
static int put_value(void *arg, const char *name, int64_t value)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	const struct family *f = family_of(name);
	struct text *t = arg;

	if (!f)
		return 0; /* of an older muster */
	if (f != t->family)
		put(t, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, kinds[f->kind]);
	t->family = f;
	if (f->kind == HISTOGRAM && strncmp(name + strlen(f->name), "_sum", 4) == 0)
		put(t, "%s %" PRId64 ".%03u\n", name, value / 1000, (unsigned)(value % 1000));
	else
		put(t, "%s %" PRId64 "\n", name, value);
	return 0;
}

void metrics_handle(struct core *c, const struct request *q, struct answer *a)
{
	struct text t = { 0 };

	(void)q;
	put(&t,
		"# HELP muster_build_info The version that runs.\n"
		"# TYPE muster_build_info gauge\nmuster_build_info{version=\"%s\"} 1\n",
		MUSTER_VERSION);
	core_must(c, store_metrics(c->store, c->cfg->admission == ADMISSION_OPEN, put_value, &t),
		"metrics");
	if (t.bad) {
		free(t.p);
		t.p = NULL;
	}
	answer_take(a, 200, "text/plain; version=0.0.4; charset=utf-8", t.p);
}
