/*
 * dhcp_packet.h: DHCP packets as clients send them, for tests; and a second, independent reader of
 * replies.
 */
#ifndef MUSTER_TESTS_SUPPORT_DHCP_PACKET_H
#define MUSTER_TESTS_SUPPORT_DHCP_PACKET_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A string literal of bytes and its length without the NUL. */
#define BYTES(s) s, sizeof(s) - 1

#define T_DISCOVER  "\x35\x01\x01"
#define T_REQUEST   "\x35\x01\x03"
#define ARCH_BIOS   "\x5d\x02\x00\x00"
#define ARCH_X64    "\x5d\x02\x00\x07"
#define ARCH_HTTP   "\x5d\x02\x00\x10"
#define CLASS_PXE   "\x3c\x20PXEClient:Arch:00007:UNDI:003000"
#define CLASS_BIOS  "\x3c\x20PXEClient:Arch:00000:UNDI:002001"
#define CLASS_HTTP  "\x3c\x21HTTPClient:Arch:00016:UNDI:003000"
#define CLASS_AGENT "\x3c\x0cmuster-agent"
#define IPXE_77	    "\x4d\x04iPXE"
#define IPXE_175    "\xaf\x09\xb1\x01\x00\x13\x01\x01\x24\x01\x01"
#define UUID_97	    "\x61\x11\x00\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
#define END	    "\xff"

struct packet {
	size_t len;
	uint8_t b[2048];
};

/* A client's header and cookie, then the option bytes as they are. */
static inline void packet_make(struct packet *p, const char *options, size_t len)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x00, 0x00, 0x01 };

	memset(p, 0, sizeof *p);
	p->b[0] = 1;
	p->b[1] = 1;
	p->b[2] = 6;
	memcpy(p->b + 4, "\xde\xad\xbe\xef", 4);
	memcpy(p->b + 28, mac, sizeof mac);
	memcpy(p->b + 236, "\x63\x82\x53\x63", 4);
	memcpy(p->b + 240, options, len);
	p->len = 240 + len;
}

/* A copy on the heap of exactly this size, so that ASan sees one byte too many. */
static inline uint8_t *exact_copy(const void *b, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	if (!p)
		abort();
	memcpy(p, b, len);
	return p;
}

/*
 * Find an option in a reply. Returns its length and *val, or -1 when it is absent, -2 when the
 * reply is not well-formed: END, then nothing but zeros.
 */
static inline int reply_option(const uint8_t *b, size_t len, uint8_t tag, const uint8_t **val)
{
	int found = -1;
	size_t i = 240;

	if (len < 300 || b[0] != 2 || memcmp(b + 236, "\x63\x82\x53\x63", 4))
		return -2;
	while (i < len && b[i] != 255) {
		if (i + 1 >= len || b[i + 1] > len - i - 2)
			return -2;
		if (b[i] == tag) {
			found = b[i + 1];
			*val = b + i + 2;
		}
		i += 2u + b[i + 1];
	}
	if (i >= len)
		return -2;
	while (++i < len)
		if (b[i])
			return -2;
	return found;
}

#endif
