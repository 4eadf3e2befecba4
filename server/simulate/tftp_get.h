/*
 * tftp_get.h: read one file by TFTP as firmware does: with blksize and tsize (RFC 1350, 2347,
 * 2348, 2349). The bytes are counted and thrown away. One datagram is under way at a time.
 */
#ifndef MUSTER_SERVER_SIMULATE_TFTP_GET_H
#define MUSTER_SERVER_SIMULATE_TFTP_GET_H

#include <stddef.h>
#include <stdint.h>

#define TFTP_GET_SENT_MAX 320

struct tftp_get {
	int fd; /* UDP, not blocking; -1: not open */
	uint32_t server;
	uint16_t peer; /* its port for this transfer; 0: not known yet */
	uint16_t block;
	size_t block_size;
	uint64_t bytes, total; /* received; as announced, 0: not */
	unsigned tries;
	uint64_t due_ms; /* then what was sent last is sent again */
	size_t sent_len;
	uint8_t sent[TFTP_GET_SENT_MAX];
	char why[96]; /* what went wrong, after an error */
};

/* Ask `server` for `file` from the address `from`. Returns 0 or -errno; then nothing is open. */
int tftp_get_open(
	struct tftp_get *t, uint32_t from, uint32_t server, const char *file, uint64_t now_ms);
void tftp_get_close(struct tftp_get *t); /* accepts a closed one */

/*
 * fd is readable, or due_ms has come. Returns 1 when all has been received, 0 when not yet, or
 * -ECONNRESET (the server refused), -ETIMEDOUT, -EPROTO with a sentence in t->why.
 */
int tftp_get_on_input(struct tftp_get *t, uint64_t now_ms);
int tftp_get_on_due(struct tftp_get *t, uint64_t now_ms);

#endif
