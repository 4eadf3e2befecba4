/*
 * timeline.h: a boot's events -> a picture in text. Pure.
 *
 * Each stage is a row. A row's bar shows what was seen: solid from a step's start to its end, a
 * mark for a step without length, and light dots while nothing was seen, in the row of what came
 * last. So the rows' times add up to the whole boot wherever no two steps overlap.
 */
#ifndef MUSTER_SERVER_CTL_TIMELINE_H
#define MUSTER_SERVER_CTL_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/host.h"
#include "db/stage.h"
#include "images/manifest.h"
#include "server/ctl/waited.h"

#define TIMELINE_SPANS_MAX  24
#define TIMELINE_DETAIL_MAX 160		/* bytes, with NUL; of a longer one whole words are kept */
#define TIMELINE_INFERRED   "inferred:" /* so begins the detail of an end that nobody saw */
#define TIMELINE_MS_MAX	    (1LL << 48) /* of any time in here; none is negative */
#define TIMELINE_TEXT_MAX   16384	/* bytes that always hold a drawing */

enum timeline_what {
	TIMELINE_REQUESTED,
	TIMELINE_STARTED,
	TIMELINE_PROGRESS,
	TIMELINE_FINISHED,
	TIMELINE_ABORTED,
	TIMELINE_DONE,
	TIMELINE_SEEN,	 /* something else happened to the host meanwhile */
	TIMELINE_REBOOT, /* it was asked to start anew, and what came of that */
	TIMELINE_WHATS
};

struct timeline_event {
	enum boot_stage stage;
	enum timeline_what what;
	int64_t since_ms; /* since the boot's start */
	uint64_t bytes, total;
	const char *detail; /* or NULL; of a transfer: which file */
};

struct timeline_span {
	int64_t start_ms, end_ms;
	bool open, aborted;
	bool asked; /* requested, and nothing seen of it since */
	bool again; /* tried anew later: its bytes do not count */
	uint64_t bytes, total;
	char detail[TIMELINE_DETAIL_MAX];
};

struct timeline_step {
	size_t n;
	struct timeline_span spans[TIMELINE_SPANS_MAX];
};

struct timeline {
	int64_t boot;
	char host[HOST_TEXT_MAX], image[2 * MANIFEST_NAME_MAX], firmware[16], addr[16];
	enum boot_state state;
	int64_t elapsed_ms; /* until now, or until it ended, with what it waited */
	struct waited waited;
	char reason[32], sentence[448];
	char reboot[TIMELINE_DETAIL_MAX]; /* the newest word about one, "" */
	struct timeline_step steps[STAGES];
};

struct timeline_style {
	unsigned columns;
	unsigned host; /* the longest name of the table's hosts */
	bool utf8, color;
};

/* Returns 0, or -EINVAL for another word. */
int timeline_what_parse(const char *word, enum timeline_what *out);

/* Take in one event; in the order in which they happened. */
void timeline_add(struct timeline *t, const struct timeline_event *e);

/* The farthest stage that was seen; STAGE_FAILED and STAGE_UP when it ended so. */
enum boot_stage timeline_stage(const struct timeline *t);

/* When it ended; a step that nobody ended lasts until a later stage begins, or until now. */
int64_t timeline_span_end(const struct timeline *t, unsigned stage, const struct timeline_span *s);
/*
 * Until when is nothing seen after the moment `from` in which a span of `stage` ended? `from`
 * itself when something goes on. Of spans that end together the latest stage's is the last.
 */
int64_t timeline_idle_until(
	const struct timeline *t, unsigned stage, const struct timeline_span *of, int64_t from);

/* The whole picture, or one row of a table of hosts below its header. Each returns out. */
char *timeline_draw(
	const struct timeline *t, const struct timeline_style *s, char out[TIMELINE_TEXT_MAX]);
char *timeline_row_header(const struct timeline_style *s, char out[TIMELINE_TEXT_MAX]);
char *timeline_row(
	const struct timeline *t, const struct timeline_style *s, char out[TIMELINE_TEXT_MAX]);

#endif
