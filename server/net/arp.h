/*
 * arp.h: ask whether somebody on the link uses an address, and read the answer (RFC 5227 section
 * 2.1.1: an ARP probe has no sender address, so that nobody's table learns anything from it). Pure.
 */
#ifndef MUSTER_SERVER_NET_ARP_H
#define MUSTER_SERVER_NET_ARP_H

#include <stddef.h>
#include <stdint.h>

#define ARP_FRAME 42 /* bytes; the driver pads it to Ethernet's minimum */

struct arp_answer {
	uint32_t addr;	/* host order */
	uint8_t mac[6]; /* whose it is */
};

void arp_probe(const uint8_t mac[6], uint32_t addr, uint8_t frame[ARP_FRAME]);

/*
 * Read a frame that may be the answer to a probe from `mac`. Returns 0, or -EBADMSG when it is
 * anything else. *out is untouched on failure.
 */
int arp_decode(const uint8_t *frame, size_t len, const uint8_t mac[6], struct arp_answer *out);

#endif
