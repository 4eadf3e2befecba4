/*
 * checksum.h: the Internet checksum of IPv4, UDP, ICMP and ICMPv6 (RFC 1071). Pure.
 */
#ifndef MUSTER_SERVER_NET_CHECKSUM_H
#define MUSTER_SERVER_NET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Add len bytes (at most 64 KiB in all) to a sum that began with 0, or with the numbers of a pseudo
 * header. Only the last piece may have an odd length.
 */
uint32_t checksum_add(uint32_t sum, const void *bytes, size_t len);

/* What stands in the packet; over bytes that hold their checksum it is 0. */
uint16_t checksum_of(uint32_t sum);

#endif
