/*
 * POST /api/v1/batch {"id": TEXT, "part": N, "calls": [{"method": "PATCH", "path":
 * "/api/v1/hosts/n07", "body": {…}}, …], "more": true}: calls that change hosts, profiles and
 * rules, all or none. They come in as many requests as they need, numbered from 0, all but the last
 * with `more`.
 *
 * Ten thousand calls take seconds, and hosts that boot cannot wait so long: all of this is done in
 * slices of some milliseconds, between which core does its other work. First all calls are made on
 * a copy of what people set, with an address pool of its own, so that a call that is refused is
 * named before anything has changed; ?dry_run=1 ends there. Then they are made for good, a slice in
 * a transaction, each with a row that says how to take it back. Should a call be refused now, since
 * somebody was faster, or should the server end in between, all slices are taken back.
 *
 * An answer that takes longer than a request may is 202; a part without calls then asks for it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/api.h"
#include "server/core/audit.h"
#include "server/log.h"

#define SILENT_MS (5 * 1000)  /* one whose parts do not come gives way to another */
#define KEPT_MS	  (60 * 1000) /* an answer is kept for whoever asks again */
#define SLICE_MS  10
#define PAUSE_MS  1	     /* between slices: what waits goes first */
#define ANSWER_MS (8 * 1000) /* then whoever waits hears that it goes on */

static void close_copy(struct batch *b)
{
	if (!b->copy)
		return;
	rules_fini(&b->copy->rules);
	pool_free(b->copy->pool);
	store_close(b->copy->store);
	free(b->copy);
	b->copy = NULL;
}

static void forget(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		json_free(b->parts[i]);
	close_copy(b);
	free(b->answer.body);
	*b = (struct batch){ 0 };
}

static size_t count(const struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += json_len(json_get(b->parts[i], "calls"));
	return n;
}

static void answer_count(struct answer *a, unsigned status, const struct batch *b)
{
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_int(&w, "calls", (int64_t)count(b));
	jw_end_obj(&w);
	answer_jw(a, status, &w);
}

/* ---- one call ---- */

static int method_of(const char *name)
{
	if (!strcmp(name, "POST"))
		return HTTP_POST;
	if (!strcmp(name, "PATCH"))
		return HTTP_PATCH;
	return strcmp(name, "DELETE") ? -1 : HTTP_DELETE;
}

static bool is_rule(const char *path)
{
	static const char rules[] = "/api/v1/rules";

	return !strncmp(path, rules, sizeof rules - 1);
}

/* What the copy has all of; another role, too, is given to one host at a time. */
static bool is_taken(const char *path)
{
	static const char hosts[] = "/api/v1/hosts", replace[] = "/replace",
			  profiles[] = "/api/v1/profiles";
	const size_t n = strlen(path);

	return is_rule(path) || !strncmp(path, profiles, sizeof profiles - 1) ||
	       (!strncmp(path, hosts, sizeof hosts - 1) &&
		       (n < sizeof replace - 1 ||
			       strcmp(path + n - (sizeof replace - 1), replace) != 0));
}

static const struct json *call_at(const struct batch *b)
{
	return json_at(json_get(b->parts[b->part], "calls"), b->call);
}

/* Stand at the next call. False: there is none. */
static bool stand(struct batch *b)
{
	while (b->part < b->n && !call_at(b)) {
		b->part++;
		b->call = 0;
	}
	return b->part < b->n;
}

/* The call where b stands, by that core; its problem becomes the batch's, with its number. */
static bool make_call(struct core *c, struct batch *b)
{
	const struct json *call = call_at(b);
	const char *path = json_get_str(call, "path", "");
	struct http_request h = b->h;
	struct request q = { .id = b->http_id, .h = &h };
	struct call k = { .c = c, .q = &q, .a = &b->answer, .who = &b->who };
	const int method = method_of(json_get_str(call, "method", ""));
	char *body = json_get(call, "body") ? json_text(json_get(call, "body")) : NULL, err[80];
	struct answer a = { 0 };
	struct json *problem;
	bool good;

	b->call++;
	b->nth++;
	if (method < 0 || strlen(path) >= sizeof h.path || !is_taken(path)) {
		answer_problem(&b->answer, 422, "call", NULL,
			"call %zu: no POST, PATCH or DELETE of hosts, profiles and rules that a batch takes",
			b->nth);
		free(body);
		return false;
	}
	h.method = (uint8_t)method;
	h.if_match[0] = 0; /* the batch's own, not that of each call */
	h.is_new = 0;
	snprintf(h.path, sizeof h.path, "%s", path);
	h.query[0] = 0;
	h.body_len = body ? (uint32_t)strlen(body) : 0;
	q.body = body ? body : "";
	api_call(&k, &q, &a);
	good = a.status / 100 == 2;
	if (!good) {
		problem = a.body ? json_read(a.body, strlen(a.body), err, sizeof err) : NULL;
		answer_problem(&b->answer, a.status ? a.status : 422,
			json_get_str(problem, "code", "call"), json_get_str(problem, "hint", NULL),
			"call %zu, %s: %s", b->nth, path,
			json_get_str(problem, "detail", "it was refused"));
		json_free(problem);
	}
	free(a.body);
	free(body);
	return good;
}

/* ---- its steps ---- */

static void go_to(struct batch *b, enum batch_state state)
{
	b->state = state;
	b->part = b->call = b->nth = 0;
}

/* The answer is there. Without anybody who waits for it, it is kept. */
static void end(struct core *c, struct batch *b)
{
	close_copy(b);
	b->at_ms = c->mono_ms;
	b->state = BATCH_ENDED;
	if (!b->http_id)
		return;
	core_answer(c, b->http_id, &b->answer);
	forget(b);
}

static void end_well(struct core *c, struct batch *b)
{
	answer_count(&b->answer, 200, b);
	end(c, b);
}

static void open_copy(struct core *c, struct batch *b)
{
	char file[CONFIG_TEXT_MAX + 16], err[300];

	b->copy = calloc(1, sizeof *b->copy);
	core_database(c->server, file);
	if (!b->copy || store_copy_open(file, &b->copy->store, err, sizeof err) < 0) {
		answer_take(&b->answer, 200, "", NULL); /* 503 */
		end(c, b);
		return;
	}
	b->copy->server = c->server;
	b->copy->cfg = c->cfg;
	b->copy->in_transaction = b->copy->trying = true;
	go_to(b, BATCH_COPIES);
}

/* The rest of what a core knows. */
static void complete_copy(struct core *c, struct batch *b)
{
	b->copy->wall_ms = c->wall_ms;
	b->copy->mono_ms = c->mono_ms;
	b->copy->started_ms = c->started_ms;
	b->copy->listens_ms = c->listens_ms;
	core_must(b->copy, rules_load(b->copy->store, &b->copy->rules), "rules of the copy");
	core_must(b->copy, core_open_pool(b->copy), "pool of the copy");
	go_to(b, BATCH_TRIES);
}

static void try_next(struct core *c, struct batch *b)
{
	if (!stand(b)) {
		if (b->dry_run) {
			end_well(c, b);
		} else {
			close_copy(b);
			go_to(b, BATCH_MAKES);
		}
	} else if (!make_call(b->copy, b)) {
		end(c, b);
	}
}

static bool is_over(int64_t until_ms)
{
	return (int64_t)now_mono_ms() >= until_ms;
}

/*
 * A slice for good. Rules that follow each other are made in one: half an order of rules is an
 * order that nobody wanted.
 */
static void make_slice(struct core *c, struct batch *b, int64_t until_ms)
{
	bool good = true, more = stand(b), rule = false, next_rule = false;

	core_write(c);
	core_must(c, store_try(c->store), "try");
	core_must(c, store_watch(c->store), "watch");
	while (good && more && !(is_over(until_ms) && b->sliced && !(rule && next_rule))) {
		rule = is_rule(json_get_str(call_at(b), "path", ""));
		good = make_call(c, b);
		b->sliced = true;
		more = stand(b);
		next_rule = more && is_rule(json_get_str(call_at(b), "path", ""));
	}
	b->sliced = false;
	core_must(c, store_unwatch(c->store, good && more), "unwatch");
	if (!good) {
		core_must(c, store_untry(c->store), "untry");
		go_to(b, BATCH_TAKES_BACK);
		return;
	}
	core_must(c, store_keep(c->store), "keep");
	if (more)
		return;
	core_must(c, store_undo_forget(c->store), "undo");
	end_well(c, b);
}

/* Since when nobody may rely on what core's memory says of the store. */
static void read_anew(struct core *c)
{
	rules_fini(&c->rules);
	core_must(c, rules_load(c->store, &c->rules), "rules");
	pool_free(c->pool);
	core_must(c, core_open_pool(c), "pool");
}

static void write_taken_back(struct core *c, const struct store_audit *a)
{
	struct digest hash;
	struct store_audit row = *a;

	row.at_ms = c->wall_ms;
	row.method = "POST";
	row.path = "/api/v1/batch";
	row.why = "taken back: all that its calls had changed is as it was";
	core_must(c, store_audit_add(c->store, &row, &hash), "audit");
	c->audit_new = true;
}

/* One step of it. False: all is as it was. */
static bool undo(struct core *c)
{
	const int rc = core_must(c, store_undo_step(c->store), "undo");

	if (rc == 2)
		log_error("a part of a batch could not be taken back: others rely on it by now");
	return rc > 0;
}

static void take_back(struct core *c, struct batch *b)
{
	const struct store_audit row = { .uid = b->who.uid,
		.token = b->who.token,
		.who = b->who.name,
		.source = b->who.from,
		.request = b->h.request_id,
		.status = (int)b->answer.status };

	core_write(c);
	if (undo(c)) {
		b->sliced = true;
		return;
	}
	read_anew(c);
	if (b->sliced)
		write_taken_back(c, &row);
	log_warn("a batch was taken back: none of its changes was made: request=%s",
		b->h.request_id);
	end(c, b);
}

void batch_recover(struct core *c)
{
	const struct store_audit row = {
		.who = "musterd", .source = "start", .request = "start", .status = 503
	};
	bool any = false;

	core_must(c, store_begin(c->store), "begin");
	while (undo(c))
		any = true;
	if (any) {
		write_taken_back(c, &row);
		log_warn("a batch that was under way when the server ended was taken back");
	}
	core_must(c, store_commit(c->store), "commit");
	if (any)
		audit_committed(c);
}

/* ---- when it is its turn ---- */

static void step(struct core *c, struct batch *b, int64_t until_ms)
{
	switch (b->state) {
	case BATCH_WAITS:
		open_copy(c, b);
		break;
	case BATCH_COPIES:
		if (!core_must(b->copy, store_copy_step(b->copy->store), "copy"))
			complete_copy(c, b);
		break;
	case BATCH_TRIES:
		try_next(c, b);
		break;
	case BATCH_MAKES:
		make_slice(c, b, until_ms);
		break;
	case BATCH_TAKES_BACK:
		take_back(c, b);
		break;
	default:
		break;
	}
}

static bool is_running(const struct batch *b)
{
	return b->state > BATCH_WAITS && b->state < BATCH_ENDED;
}

/* The one that is being made, or else the one that has waited longest; NULL: none. */
static struct batch *due(struct core *c)
{
	struct batch *best = NULL;

	for (size_t i = 0; i < BATCHES_MAX; i++) {
		struct batch *b = &c->batches[i];

		if (is_running(b))
			return b;
		if (b->state == BATCH_WAITS && (!best || b->at_ms < best->at_ms))
			best = b;
	}
	return best;
}

/* Whoever waits for too long hears that it goes on. */
static void say_later(struct core *c)
{
	for (size_t i = 0; i < BATCHES_MAX; i++) {
		struct batch *b = &c->batches[i];
		struct answer a = { 0 };

		if (!b->http_id || c->mono_ms - b->asked_ms < ANSWER_MS)
			continue;
		answer_count(&a, 202, b);
		core_answer(c, b->http_id, &a);
		b->http_id = 0;
	}
}

void batch_due(void *arg, uint32_t events)
{
	struct core *c = arg;
	const int64_t until_ms = (int64_t)now_mono_ms() + SLICE_MS;
	struct batch *b;
	bool writes = false; /* one transaction, which is to be committed */

	(void)events;
	core_now(c);
	say_later(c);
	while (!writes && !is_over(until_ms) && (b = due(c))) {
		writes = b->state >= BATCH_MAKES;
		step(c, b, until_ms);
	}
	if (!due(c))
		loop_timer_set(c->batch_timer, 0, 0);
}

/* ---- its parts ---- */

static bool is_mine(const struct call *k, const struct batch *b, const char *id)
{
	return b->state != BATCH_NONE && !strcmp(b->id, id) && b->token == k->who->token &&
	       b->uid == k->who->uid;
}

/* Whoever ends a batch makes its calls, so nobody else may add to it, whatever id he has heard of.
 */
static struct batch *find(const struct call *k, const char *id)
{
	for (size_t i = 0; i < BATCHES_MAX; i++) {
		if (is_mine(k, &k->c->batches[i], id))
			return &k->c->batches[i];
	}
	return NULL;
}

/* How long nobody has said anything of it; -1: it is being made, or waits for that. */
static int64_t silent_ms(const struct core *c, const struct batch *b)
{
	const int64_t ms = c->mono_ms - b->at_ms;

	if (b->state == BATCH_NONE)
		return INT64_MAX;
	if (b->state == BATCH_COMES)
		return ms;
	return b->state == BATCH_ENDED && ms >= KEPT_MS ? ms : -1;
}

/* A place for a new one: free, or that of who has been silent the longest. NULL with the answer. */
static struct batch *take_place(struct call *k, const char *id)
{
	struct batch *best = &k->c->batches[0];

	for (size_t i = 1; i < BATCHES_MAX; i++) {
		if (silent_ms(k->c, &k->c->batches[i]) > silent_ms(k->c, best))
			best = &k->c->batches[i];
	}
	if (silent_ms(k->c, best) < SILENT_MS) {
		k->a->retry_after_s = SILENT_MS / 1000;
		answer_problem(k->a, 409, "busy", "ask again in some seconds",
			"%d other batches are being put together", BATCHES_MAX);
		return NULL;
	}
	forget(best);
	best->state = BATCH_COMES;
	snprintf(best->id, sizeof best->id, "%s", id);
	best->token = k->who->token;
	best->uid = k->who->uid;
	return best;
}

static bool is_busy(const struct batch *b)
{
	return b->state == BATCH_WAITS || is_running(b);
}

/* Wait for the answer, which may be there. */
static void wait_for(struct call *k, struct batch *b)
{
	if (b->state == BATCH_ENDED) {
		*k->a = b->answer;
		b->answer.body = NULL;
		forget(b);
		return;
	}
	b->http_id = k->q->id;
	b->asked_ms = k->c->mono_ms;
	k->a->later = true;
}

static void begin(struct call *k, struct batch *b)
{
	b->h = *k->q->h;
	b->who = *k->who;
	b->dry_run = api_is_dry_run(k);
	b->state = BATCH_WAITS;
	wait_for(k, b);
	loop_timer_set(k->c->batch_timer, PAUSE_MS, PAUSE_MS);
}

/* The batch that the request belongs to, with room for it; NULL with the answer made. */
static struct batch *batch_of(struct call *k, const char *id, int64_t part)
{
	struct batch *b = find(k, id);

	if (b && !part && json_len(json_get(k->body, "calls")) && !is_busy(b)) {
		forget(b); /* it begins anew */
		b = NULL;
	}
	if (!b && !part)
		b = take_place(k, id);
	else if (!b)
		answer_problem(k->a, 409, "batch-gone", "send all of it anew",
			"the parts before part %lld are not here: the server was started anew, or "
			"others needed the room",
			(long long)part);
	else if (b->state == BATCH_COMES && (size_t)part != b->n) {
		answer_problem(k->a, 409, "part", "send all of it anew under another id",
			"this is part %lld, and %zu are here", (long long)part, b->n);
		b = NULL;
	}
	if (b && b->state == BATCH_COMES && b->n == BATCH_PARTS_MAX) {
		forget(b);
		answer_problem(
			k->a, 422, "batch", NULL, "a batch has at most %d parts", BATCH_PARTS_MAX);
		b = NULL;
	}
	return b;
}

/* Of each call what it is made of; its body is looked at when it is made. */
static bool check_calls(struct call *k)
{
	static const struct api_member known[] = { { "method", API_TEXT | API_NEEDED },
		{ "path", API_TEXT | API_NEEDED }, { "body", API_OBJECT }, { NULL, 0 } };
	const struct json *calls = json_get(k->body, "calls"), *call;

	for (size_t i = 0; (call = json_at(calls, i)); i++) {
		if (!json_is_object(call)) {
			answer_problem(k->a, 422, "calls", NULL, "calls are objects");
			return false;
		}
		if (!api_check_members(k, call, known))
			return false;
	}
	return true;
}

void api_post_batch(struct call *k)
{
	static const struct api_member known[] = { { "id", API_TEXT }, { "part", API_INT },
		{ "calls", API_LIST }, { "more", API_BOOL }, { NULL, 0 } };
	const char *id = json_get_str(k->body, "id", "");
	const bool more = json_bool(json_get(k->body, "more"), false);
	struct batch *b;

	if (!api_check_body(k, known) || !check_calls(k) || api_is_only_viewer(k))
		return;
	if (!*id || strlen(id) >= sizeof b->id || !json_is_array(json_get(k->body, "calls"))) {
		answer_problem(k->a, 422, "batch", NULL,
			"a batch has an id of 1 to %zu letters and calls", sizeof b->id - 1);
		return;
	}
	b = batch_of(k, id, json_get_int(k->body, "part", 0));
	if (!b)
		return;
	if (b->state != BATCH_COMES) {
		wait_for(k, b);
		return;
	}
	b->parts[b->n++] = k->body;
	k->body = NULL; /* kept */
	b->at_ms = k->c->mono_ms;
	if (more)
		answer_count(k->a, 202, b);
	else
		begin(k, b);
}
