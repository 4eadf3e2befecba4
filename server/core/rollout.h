/*
 * rollout.h: the rules of a staged rollout: how many hosts are in which wave, when the next one
 * begins, and what becomes of a host. Pure; rollouts.h is the part with the store.
 */
#ifndef MUSTER_SERVER_CORE_ROLLOUT_H
#define MUSTER_SERVER_CORE_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/store.h"

/* ---- waves ---- */

#define ROLLOUT_WAVES_MAX 16

/* How many hosts have the new version when a wave is through: of all that take part. */
struct rollout_waves {
	size_t n;
	struct {
		uint32_t n;
		bool percent;
	} of[ROLLOUT_WAVES_MAX];
};

/* "1,10%,50%,100%": numbers of hosts and shares, the last one 100%. 0, or -EINVAL with a sentence
 * in err. */
int rollout_waves_read(const char *text, struct rollout_waves *out, char *err, size_t err_size);

/*
 * The last place of each wave, for so many hosts. A share is rounded up. A wave that would bring
 * nobody is left out; returns the number of the others.
 */
size_t rollout_ends(
	const struct rollout_waves *w, uint32_t hosts, uint32_t ends[ROLLOUT_WAVES_MAX]);
/* The wave of a place, from 1; 0 for place 0. */
uint32_t rollout_wave_of(const uint32_t *ends, size_t n, uint32_t place);

/* ---- the rollout as a whole ---- */

struct rollout_now {
	enum rollout_state state;
	uint32_t wave, waves;
	uint32_t failures, max_failures;
	bool busy; /* a host of a wave that has begun is neither good nor out of it */
	bool good; /* some host is */
};

enum rollout_step { ROLLOUT_STAY, ROLLOUT_PAUSE, ROLLOUT_NEXT_WAVE, ROLLOUT_FINISH };

/* What is to be done next. It never finishes without a host that is good. */
enum rollout_step rollout_next(const struct rollout_now *now);

/* ---- a host ---- */

enum rollout_sign {
	ROLLOUT_UP,	/* a boot of the new version came up */
	ROLLOUT_FAILED, /* such a boot failed */
	ROLLOUT_SILENT, /* it came up, and is not heard any more */
	ROLLOUT_LASTED, /* it was up for as long as was asked for */
};

#define ROLLOUT_RESTARTS 3 /* while it bakes: it does not stay up */

/* What the host is then; `restarts` counts how often it came up again while it baked. */
enum rolling_state rollout_host_after(
	enum rolling_state state, enum rollout_sign sign, uint32_t restarts);

/* A host that bakes, all times in ms. */
struct rollout_bake {
	int64_t now, since, bake;
	int64_t seen;	 /* its last sign of life */
	int64_t listens; /* before that nobody could be heard */
	bool beats;	 /* it sends heartbeats */
	bool starts;	 /* a newer boot of it is open */
};

/* 1: the sign is *sign; 0: look again at *due. */
int rollout_bake(const struct rollout_bake *b, enum rollout_sign *sign, int64_t *due);

/* ---- in words ---- */

struct rollout_view {
	const struct store_rollout *r;
	uint32_t waves;
	uint32_t picked;		/* nobody has looked at yet */
	uint32_t told, booting, baking; /* of waves that have begun */
	int64_t bake_left_ms;		/* of the one that has longest to go */
	uint32_t good, failed;
	const char *one; /* the first that is told, or "" */
};

#define ROLLOUT_SENTENCE_MAX 480

/* One sentence: what it waits for, or how it ended. Returns out. */
char *rollout_sentence(const struct rollout_view *v, char out[ROLLOUT_SENTENCE_MAX]);

/* "starting", ...; "picked", "waiting", ... */
const char *rollout_state_name(enum rollout_state s);
const char *rolling_state_name(enum rolling_state s);

#endif
