/*
 * icmp.h: echo request and reply (RFC 792), to ask whether an address behind a relay is in use.
 * The kernel puts the IPv4 header before what is sent, and leaves it before what is received. Pure.
 */
#ifndef MUSTER_SERVER_NET_ICMP_H
#define MUSTER_SERVER_NET_ICMP_H

#include <stddef.h>
#include <stdint.h>

#define ICMP_ECHO 8 /* bytes of a request */

void icmp_echo(uint16_t id, uint16_t seq, uint8_t packet[ICMP_ECHO]);

/*
 * Who answered a request with this identifier? Returns 0 with the address, in host order, or
 * -EBADMSG when the packet is anything else. *addr is untouched on failure.
 */
int icmp_decode(const uint8_t *packet, size_t len, uint16_t id, uint32_t *addr);

#endif
