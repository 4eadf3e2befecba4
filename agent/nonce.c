#include "agent/nonce.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "agent/pace.h"

int nonce_make(struct nonce *n)
{
	uint8_t bytes[(DIGEST_HEX - 1) / 2];

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return -EIO;
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(n->hex + 2 * i, 3, "%02x", bytes[i]);
	n->made_ms = pace_now_ms();
	return 0;
}

uint64_t nonce_age_s(const struct nonce *n)
{
	return (uint64_t)(pace_now_ms() - n->made_ms) / 1000;
}
