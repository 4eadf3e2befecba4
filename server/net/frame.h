/*
 * frame.h: an Ethernet frame with one UDP datagram, for hosts that have no address yet and so
 * cannot be reached through the kernel's neighbour table (RFC 2131 section 4.1). Pure.
 */
#ifndef MUSTER_SERVER_NET_FRAME_H
#define MUSTER_SERVER_NET_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_HEAD 42 /* bytes before the payload */
#define FRAME_MAX  1514

struct frame_path {
	uint8_t src_mac[6], dst_mac[6];
	uint32_t src, dst; /* host order */
	uint16_t src_port, dst_port;
};

/*
 * Build the frame in buf (FRAME_MAX bytes). Returns its length, or 0 when the payload does not fit
 * into one frame.
 */
size_t frame_build(
	const struct frame_path *path, const void *payload, size_t len, uint8_t buf[FRAME_MAX]);

#endif
