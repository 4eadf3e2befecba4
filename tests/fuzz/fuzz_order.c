/*
 * fuzz_order.c: any bytes. What is accepted must print, and the printed text must parse to the same
 * order; and it is no ticket, which the same key signs.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "images/order.h"
#include "images/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[ORDER_MAX];
	struct order o, again;
	struct ticket t;
	char err[160];
	int len;

	if (order_parse((const char *)data, size, &o, err, sizeof err))
		return 0;
	if (size > ORDER_MAX || o.ttl_s > ORDER_TTL_S || !o.boot || strlen(o.nonce) != 64 ||
		!ticket_parse((const char *)data, size, &t, err, sizeof err))
		abort();
	len = order_print(&o, text, sizeof text);
	if (len < 0 || order_parse(text, (size_t)len, &again, err, sizeof err) ||
		memcmp(&o, &again, sizeof o) != 0)
		abort();
	return 0;
}
