/*
 * waited.h: what a boot waited for, apart from how long it took. Pure.
 */
#ifndef MUSTER_SERVER_CTL_WAITED_H
#define MUSTER_SERVER_CTL_WAITED_H

#include <stddef.h>
#include <stdint.h>

#include "db/stage.h"
#include "images/json.h"

struct waited {
	int64_t ms[BOOT_WAITS]; /* with what it waits for now, until now */
	enum boot_wait now;
};

/* Of the server's answer about a boot. */
void waited_read(const struct json *boot, int64_t now_ms, struct waited *out);

/* How long it took without that, of `whole_ms` from its start to its end. */
int64_t waited_took_ms(const struct waited *w, int64_t whole_ms);

/* "waited 3m05s for approval, 12.0 s for its turn", "" where it did not wait. Returns out. */
#define WAITED_TEXT 128
char *waited_text(const struct waited *w, char out[WAITED_TEXT]);

#endif
