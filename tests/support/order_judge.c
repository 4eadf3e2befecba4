/*
 * order_judge.c: may a hypervisor obey this order? By the agent's own code.
 *
 * usage: order_judge TICKET TRUST-DIR NONCE AGE-S ORDER SIGNATURE
 * Prints "obeyed" or the fault's code. TICKET is what the agent hands over, TRUST-DIR has the
 * site's keys; AGE-S seconds ago NONCE was made.
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/file.h"
#include "agent/order.h"
#include "agent/pace.h"

int main(int argc, char **argv)
{
	char text[ORDER_MAX + 2], sig[MINISIG_TEXT_MAX + 2];
	struct fault fault = { 0 };
	struct orders o;

	if (argc != 7)
		return 2;
	if (orders_open(argv[1], argv[2], &o, &fault) < 0 ||
		file_read(argv[5], text, sizeof text) < 0 ||
		file_read(argv[6], sig, sizeof sig) < 0) {
		fprintf(stderr, "%s\n", fault.message);
		return 1;
	}
	snprintf(o.nonce.hex, sizeof o.nonce.hex, "%s", argv[3]);
	o.nonce.made_ms = pace_now_ms() - strtoll(argv[4], NULL, 10) * 1000;
	puts(orders_judge(&o, text, sig, &fault) < 0 ? fault.code : "obeyed");
	return 0;
}
