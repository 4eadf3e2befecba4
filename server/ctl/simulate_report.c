#include "server/ctl/simulate_report.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/host.h"
#include "images/json.h"
#include "server/bytes.h"
#include "server/ctl/format.h"
#include "server/ctl/table.h"

#define REASONS_MAX 20 /* different ones that are told apart */

struct reason {
	const struct simulate_outcome *first;
	unsigned n;
};

/* ---- numbers ---- */

static int by_value(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest value that at least `percent` of all do not exceed. */
static int64_t percentile(const int64_t *sorted, unsigned n, unsigned percent)
{
	const uint64_t rank = ((uint64_t)n * percent + 99) / 100;

	return sorted[rank ? rank - 1 : 0];
}

static struct simulate_spread spread(int64_t *ms, unsigned n)
{
	struct simulate_spread s = { .n = n };

	if (!n)
		return s;
	qsort(ms, n, sizeof *ms, by_value);
	s.p50_ms = percentile(ms, n, 50);
	s.p90_ms = percentile(ms, n, 90);
	s.p99_ms = percentile(ms, n, 99);
	s.max_ms = ms[n - 1];
	return s;
}

static struct simulate_spread queue_spread(
	const struct simulate_outcome *o, unsigned n, int64_t *ms)
{
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++)
		if (o[i].state == SIMULATE_FINISHED && o[i].queued_ms >= 0)
			ms[k++] = o[i].queued_ms;
	return spread(ms, k);
}

int simulate_count(const struct simulate_outcome *o, unsigned n, struct simulate_numbers *out)
{
	struct simulate_numbers x = { .n = n };
	int64_t *ms = calloc(n ? n : 1, sizeof *ms);

	if (!ms)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		x.repeats += o[i].repeats;
		x.failed += o[i].state == SIMULATE_FAILED;
		if (o[i].state == SIMULATE_FINISHED)
			ms[x.finished++] = o[i].whole_ms;
	}
	x.whole = spread(ms, x.finished);
	for (unsigned s = 0; s < STAGES; s++) {
		unsigned k = 0;

		for (unsigned i = 0; i < n; i++)
			if (o[i].state == SIMULATE_FINISHED && o[i].took_ms[s] >= 0)
				ms[k++] = o[i].took_ms[s];
		x.stages[s] = spread(ms, k);
	}
	x.queue = queue_spread(o, n, ms);
	if (x.whole.n && x.whole.p50_ms)
		x.fairness = (double)x.whole.max_ms / (double)x.whole.p50_ms;
	free(ms);
	*out = x;
	return 0;
}

static unsigned count_reasons(
	const struct simulate_outcome *o, unsigned n, struct reason reasons[REASONS_MAX])
{
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned r = 0;

		if (o[i].state != SIMULATE_FAILED)
			continue;
		while (r < k && strcmp(reasons[r].first->reason, o[i].reason))
			r++;
		if (r == REASONS_MAX)
			r = REASONS_MAX - 1; /* the last one stands for all others */
		if (r == k)
			reasons[k++] = (struct reason){ &o[i], 0 };
		reasons[r].n++;
	}
	return k;
}

/* ---- table ---- */

static const struct column columns[] = {
	{ "STAGE", COL_LEFT, COL_ALWAYS },
	{ "HOSTS", COL_RIGHT, COL_ALWAYS },
	{ "P50", COL_RIGHT, COL_ALWAYS },
	{ "P90", COL_RIGHT, COL_ALWAYS },
	{ "P99", COL_RIGHT, COL_ALWAYS },
	{ "SLOWEST", COL_RIGHT, COL_ALWAYS },
};

static void ms_cell(struct table *t, int64_t ms)
{
	char people[FORMAT_MAX], machine[FORMAT_MAX];

	snprintf(machine, sizeof machine, "%lld", (long long)ms);
	if (ms < 1000)
		snprintf(people, sizeof people, "%lld ms", (long long)ms);
	else
		format_seconds(ms, people);
	table_cell(t, people, machine);
}

static void row(struct table *t, const char *name, const struct simulate_spread *s)
{
	char number[FORMAT_MAX];

	if (!s->n)
		return;
	table_cell(t, name, NULL);
	table_cell(t, format_count(s->n, number), NULL);
	ms_cell(t, s->p50_ms);
	ms_cell(t, s->p90_ms);
	ms_cell(t, s->p99_ms);
	ms_cell(t, s->max_ms);
}

static void print_table(const struct ctl *c, const struct simulate_numbers *x)
{
	struct table t;

	table_init(&t, c, columns, ARRAY_LEN(columns));
	for (unsigned s = 0; s < STAGES; s++)
		row(&t, boot_stage_name((enum boot_stage)s), &x->stages[s]);
	row(&t, "(queue)", &x->queue);
	row(&t, "whole", &x->whole);
	if (t.n_cells)
		table_print(&t);
	table_fini(&t);
}

static uint64_t per_second(const struct simulate_now *now)
{
	return now->ms > 0 ? now->bytes * 1000 / (uint64_t)now->ms : 0;
}

static void print_summary(const struct simulate_numbers *x, const struct simulate_now *now)
{
	char bytes[FORMAT_MAX], rate[FORMAT_MAX], took[FORMAT_MAX];

	printf("\n%u of %u hosts finished, %u failed, in %s\n", x->finished, x->n, x->failed,
		format_seconds(now->ms, took));
	printf("%s received, %s a second; %llu repeats\n", format_bytes(now->bytes, bytes),
		format_bytes(per_second(now), rate), (unsigned long long)x->repeats);
	if (x->fairness > 0)
		printf("fairness: the slowest took %.2f times the median\n", x->fairness);
}

static void print_failures(const struct reason *reasons, unsigned n)
{
	char mac[HOST_MAC_TEXT], text[SIMULATE_REASON];

	for (unsigned i = 0; i < n; i++) {
		host_mac_print(reasons[i].first->mac, mac);
		memcpy(text, reasons[i].first->reason, sizeof text);
		printf("%5u failed (%s%s): %s\n", reasons[i].n, mac,
			reasons[i].n > 1 ? " and others" : "", format_clean(text));
	}
}

/* ---- JSON ---- */

static void json_spread(
	struct jw *w, const char *key, const char *stage, const struct simulate_spread *s)
{
	jw_obj(w, key);
	if (stage)
		jw_str(w, "stage", stage);
	jw_int(w, "hosts", s->n);
	jw_int(w, "p50_ms", s->p50_ms);
	jw_int(w, "p90_ms", s->p90_ms);
	jw_int(w, "p99_ms", s->p99_ms);
	jw_int(w, "slowest_ms", s->max_ms);
	jw_end_obj(w);
}

static void json_failures(struct jw *w, const struct reason *reasons, unsigned n)
{
	char mac[HOST_MAC_TEXT];

	jw_arr(w, "failures");
	for (unsigned i = 0; i < n; i++) {
		host_mac_print(reasons[i].first->mac, mac);
		jw_obj(w, NULL);
		jw_int(w, "hosts", reasons[i].n);
		jw_str(w, "stage", boot_stage_name(reasons[i].first->stage));
		jw_str(w, "reason", reasons[i].first->reason);
		jw_str(w, "first", mac);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void print_json(const struct simulate_numbers *x, const struct simulate_now *now,
	const struct reason *reasons, unsigned n_reasons)
{
	struct jw w = { 0 };
	char fairness[32];

	snprintf(fairness, sizeof fairness, "%.3f", x->fairness);
	jw_obj(&w, NULL);
	jw_int(&w, "hosts", x->n);
	jw_int(&w, "finished", x->finished);
	jw_int(&w, "failed", x->failed);
	jw_int(&w, "ms", now->ms);
	jw_int(&w, "bytes", (int64_t)now->bytes);
	jw_int(&w, "bytes_per_s", (int64_t)per_second(now));
	jw_int(&w, "repeats", (int64_t)x->repeats);
	jw_raw(&w, "fairness", fairness);
	jw_arr(&w, "stages");
	for (unsigned s = 0; s < STAGES; s++)
		if (x->stages[s].n)
			json_spread(&w, NULL, boot_stage_name((enum boot_stage)s), &x->stages[s]);
	jw_end_arr(&w);
	json_spread(&w, "queue", NULL, &x->queue);
	json_spread(&w, "whole", NULL, &x->whole);
	json_failures(&w, reasons, n_reasons);
	jw_end_obj(&w);
	if (!w.bad)
		puts(w.buf);
	jw_fini(&w);
}

void simulate_print(const struct ctl *c, const struct simulate_outcome *o, unsigned n,
	const struct simulate_now *now)
{
	struct reason reasons[REASONS_MAX];
	const unsigned n_reasons = count_reasons(o, n, reasons);
	struct simulate_numbers x;

	if (simulate_count(o, n, &x) < 0)
		errx(CTL_FAILED, "out of memory");
	if (c->format == CTL_JSON) {
		print_json(&x, now, reasons, n_reasons);
		return;
	}
	print_table(c, &x);
	if (c->format != CTL_TABLE && c->format != CTL_WIDE)
		return;
	print_summary(&x, now);
	print_failures(reasons, n_reasons);
}
