/*
 * fuzz_heard.c: what net hears beside its own ports: ARP, ICMP echo, IPv6 routers, other DHCP
 * servers. Whatever is accepted must hold what the headers promise.
 *
 * Input: a byte that says which, then the frame or packet.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/arp.h"
#include "server/net/checksum.h"
#include "server/net/dhcp_seen.h"
#include "server/net/icmp.h"
#include "server/net/ra.h"
#include "tests/fuzz/reading.h"
#include "tests/support/dhcp_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_arp(uint8_t *b, size_t len)
{
	static const uint8_t ours[6] = { 0x52, 0x54, 0, 0, 0, 0xfe };
	struct arp_answer a;

	if (!arp_decode(b, len, ours, &a))
		must(a.addr && !(a.mac[0] & 1) && memcmp(a.mac, ours, 6));
}

static void try_icmp(uint8_t *b, size_t len)
{
	uint32_t addr;

	if (!icmp_decode(b, len, 0x1234, &addr))
		must(addr != 0);
}

/* The right checksum: by chance it would come up once in 65,536 times. */
static void set_checksum(uint8_t *b, size_t len)
{
	size_t icmp_len;
	uint32_t sum;

	if (len < 58)
		return;
	icmp_len = (size_t)(b[18] << 8 | b[19]);
	if (icmp_len < 4 || icmp_len > len - 54)
		return;
	sum = 58 + (uint32_t)icmp_len;
	b[56] = b[57] = 0;
	sum = checksum_of(checksum_add(checksum_add(sum, b + 22, 32), b + 54, icmp_len));
	b[56] = (uint8_t)(sum >> 8);
	b[57] = (uint8_t)sum;
}

static void try_ra(uint8_t *b, size_t len)
{
	uint8_t answer[RA_FRAME];
	struct ra_heard h, back;

	set_checksum(b, len);

	if (ra_decode(b, len, &h))
		return;
	must(h.addr[0] != 0xff && (h.solicits || ra_is_link_local(h.addr)));
	ra_build(&h, (const uint8_t[6]){ 2 }, (const uint8_t[16]){ 0xfe, 0x80 }, answer);
	must(!ra_decode(answer, sizeof answer, &back) && !back.solicits && !back.lifetime_s);
}

static void try_dhcp(uint8_t *b, size_t len)
{
	struct dhcp_seen s;

	if (!dhcp_seen_decode(b, len, &s))
		must((s.type == DHCP_OFFER || s.type == DHCP_ACK || s.type == DHCP_NAK) &&
			memchr(s.file, 0, sizeof s.file));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(uint8_t *, size_t) = { try_arp, try_icmp, try_ra, try_dhcp };
	uint8_t *exact;

	if (!size)
		return 0;
	exact = exact_copy(data + 1, size - 1);
	tries[data[0] % 4](exact, size - 1);
	free(exact);
	return 0;
}
