/*
 * record.h: the history of boots as core writes it: which boot a sign of life belongs to, and what
 * becomes of a boot.
 */
#ifndef MUSTER_SERVER_CORE_RECORD_H
#define MUSTER_SERVER_CORE_RECORD_H

#include "server/core/core.h"

/* What happened, to be written as one row. */
struct happened {
	enum boot_stage stage;
	const char *what;   /* "requested", "started", "progress", "finished", "aborted", "done" */
	const char *source; /* "net", "tftp", "http", "agent", "core" */
	uint64_t bytes, total;
	const char *detail; /* or NULL */
};

/*
 * The host with this identity, made when there is none; what is new in the identity is added to
 * the host. vendor and product may be NULL.
 */
void record_host(struct core *c, const struct host_identity *id, const char *vendor,
	const char *product, struct store_host *out);

/*
 * The host's open boot. 1: found. 0: none. When `below` is not STAGES and the boot has come that
 * far, the host has started over: that boot is closed as failed, or as over when nothing more could
 * be known of it, and 0 returned.
 */
int record_open_boot(
	struct core *c, const struct store_host *h, enum boot_stage below, struct store_boot *out);

/* A loader was offered, and the boot has not come to where that leads. */
bool record_falls_short(const struct store_boot *b);

/* A new boot that begins now, or when the waiting host sent its DISCOVER (then written with it). */
void record_new_boot(
	struct core *c, const struct store_host *h, const uint8_t *mac, struct store_boot *out);

/* The open boot goes on: what was kept of the host since then belongs to it, and begins no other.
 */
void record_joined(struct core *c, const struct store_boot *b, const uint8_t mac[6]);

/* The host that waits, and a new boot of it: it took the offer without asking us again. */
void record_waiting(
	struct core *c, const struct waiting_host *w, struct store_host *h, struct store_boot *out);

/*
 * The open boot of the host at that address: 1; else 0. A host that another server gave the address
 * has none yet, and gets it now.
 */
int record_boot_at(struct core *c, uint32_t addr, struct store_boot *out);

/*
 * Write a row, and move the boot's stage forward to it. `b` is stored. A loader that has led to
 * where it should is remembered for its host.
 */
void record_event(struct core *c, struct store_boot *b, const struct happened *e);

/* A row that is no sign of life of the boot, and moves nothing. */
void record_note(struct core *c, const struct store_boot *b, const struct happened *e);

/*
 * Another DHCP server spoke to the host: a row of its own. Nothing is moved by it, and who forges
 * such answers cannot write many of them.
 */
void record_other_server(struct core *c, const struct store_boot *b, const struct other_server *o);

/*
 * The end of a boot: up, or failed with a reason code and a sentence. A loader that was offered and
 * has led to nothing is remembered as such.
 */
void record_up(struct core *c, struct store_boot *b);
void record_failed(struct core *c, struct store_boot *b, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Handed over to what does not report; the host starts over. */
void record_over(struct core *c, struct store_boot *b);

/* The code that a person compares between the host's screen and the waiting room; made once. */
void record_code(struct core *c, struct store_host *h);

/* How long this open boot may be silent where it is; 0: for ever. */
int64_t record_patience_ms(struct core *c, const struct store_boot *b);

/*
 * From now on it waits for this, or goes on with BOOT_WAITS_NOT. Waiting is counted apart: it is no
 * part of how long the boot took, nor of what silence is usual.
 */
void record_waits(struct core *c, struct store_boot *b, enum boot_wait what);

/* A sign of life that is no step: the boot waits, for its turn or for somebody. */
void record_alive(struct core *c, struct store_boot *b);

/* Fail the boots that have been silent for too long, each with the code of why.h; some at a time.
 */
void record_sweep(struct core *c);

/* 1 when the host may have images and lasting addresses. */
int record_is_admitted(const struct core *c, const struct store_host *h);

#endif
