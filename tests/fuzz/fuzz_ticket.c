/*
 * fuzz_ticket.c: any bytes. What is accepted must print, and the printed text must parse to the
 * same ticket.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "images/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[TICKET_MAX];
	struct ticket t, again;
	char err[160];
	int len;

	if (ticket_parse((const char *)data, size, &t, err, sizeof err))
		return 0;
	if (size > TICKET_MAX || t.ttl_s > TICKET_TTL_S || !t.boot || strlen(t.nonce) != 64)
		abort();
	len = ticket_print(&t, text, sizeof text);
	if (len < 0 || ticket_parse(text, (size_t)len, &again, err, sizeof err) ||
		memcmp(&t, &again, sizeof t) != 0)
		abort();
	return 0;
}
