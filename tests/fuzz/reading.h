/*
 * reading.h: a second reader of DHCP options and replies for the fuzz targets, written from the
 * RFCs by index instead of by cursor; it shares no code with server/net. Strict with replies: what
 * a careful client could stumble over is an error.
 */
#ifndef MUSTER_TESTS_FUZZ_READING_H
#define MUSTER_TESTS_FUZZ_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READING_MAX 1024 /* bytes of one option over all its pieces */

/* The areas that hold options: the options field, and `file` and `sname` when overloaded. */
struct reading {
	unsigned n_areas;
	struct {
		const uint8_t *b;
		size_t len, end; /* end: index of END */
	} area[3];
	bool there[256];
	size_t total[256]; /* bytes, all pieces together */
};

/* Ends the process, as a finding, unless `good`. */
void must(bool good);

/* False when malformed. file has 128 bytes, sname 64; *out borrows all three. */
bool reading_of(const uint8_t *options, size_t len, const uint8_t *file, const uint8_t *sname,
	struct reading *out);

/* The value of an option, its pieces joined. Returns its length, or -1 when it is absent. */
int reading_get(const struct reading *r, uint8_t tag, uint8_t out[READING_MAX]);

/* An option of 4 bytes as a number; 0 when it is absent. */
uint32_t reading_u32(const struct reading *r, uint8_t tag);

/* True when the option has exactly these bytes. */
bool reading_is(const struct reading *r, uint8_t tag, const void *val, size_t len);

struct reply_view {
	const uint8_t *b;
	size_t len;
	uint8_t type;
	uint16_t flags;
	uint32_t xid, ciaddr, yiaddr, siaddr, giaddr;
	char file[128]; /* "" when that field holds options */
	struct reading options;
};

/* Read a server's reply. Returns NULL, or what is wrong with it. *out borrows b. */
const char *reply_read(const uint8_t *b, size_t len, struct reply_view *out);

/* reply_read of what must be right: says what is wrong and ends the process. */
void reply_must(const uint8_t *b, size_t len, struct reply_view *out);

#endif
