/*
 * lldp_send.c: be a switch that announces itself: lldp_send INTERFACE SYSTEM PORT VLAN sends one
 * LLDP frame there, as a switch does every 30 s.
 */
#include <arpa/inet.h>
#include <err.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static uint8_t frame[600] = { 0x01, 0x80, 0xc2, 0, 0, 0x0e, 0x00, 0x1b, 0x21, 0xaa, 0xbb, 0xcc,
	0x88, 0xcc };
static size_t len = 14;

static void put(unsigned type, const void *p, size_t n)
{
	frame[len] = (uint8_t)(type << 1 | n >> 8);
	frame[len + 1] = (uint8_t)n;
	memcpy(frame + len + 2, p, n);
	len += 2 + n;
}

int main(int argc, char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = 6 };
	uint8_t port[64] = { 5 }, vlan[6] = { 0x00, 0x80, 0xc2, 1 };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (argc != 5 || strlen(argv[2]) > 255 || strlen(argv[3]) >= sizeof port)
		errx(2, "usage: lldp_send INTERFACE SYSTEM PORT VLAN");
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (fd < 0 || !to.sll_ifindex)
		err(1, "%s", argv[1]);
	memcpy(port + 1, argv[3], strlen(argv[3]));
	vlan[4] = (uint8_t)(atoi(argv[4]) >> 8);
	vlan[5] = (uint8_t)atoi(argv[4]);
	put(1, "\x04\x00\x1b\x21\xaa\xbb\xcc", 7);
	put(2, port, 1 + strlen(argv[3]));
	put(3, "\x00\x78", 2);
	put(5, argv[2], strlen(argv[2]));
	put(127, vlan, sizeof vlan);
	put(0, "", 0);
	if (sendto(fd, frame, len, 0, (struct sockaddr *)&to, sizeof to) != (ssize_t)len)
		err(1, "%s", argv[1]);
	return 0;
}
