/*
 * loader.h: what the scripts of a boot loader have in common, whoever makes them.
 */
#ifndef MUSTER_SERVER_CORE_LOADER_H
#define MUSTER_SERVER_CORE_LOADER_H

#include "server/core/core.h"
#include "server/core/script.h"

/* A template of script.h, filled, as the answer; a problem when it cannot be. */
void loader_answer_script(
	struct answer *a, const char *template, const struct script_value *v, size_t n);

/* The script that says why nothing boots, and asks again after a pause. */
void loader_answer_wait(struct core *c, struct answer *a, const char *host, const char *reason);

/* Seconds until a host that failed starts over: they double with each failure in a row. */
unsigned loader_pause_after(struct core *c, const struct store_host *h);

#endif
