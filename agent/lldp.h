/*
 * lldp.h: which port of which switch a network card hangs on, as the switch itself announces it
 * (IEEE 802.1AB). Pure.
 */
#ifndef MUSTER_AGENT_LLDP_H
#define MUSTER_AGENT_LLDP_H

#include <stddef.h>
#include <stdint.h>

#define LLDP_TEXT_MAX                                                                              \
	64 /* bytes with NUL; longer text is cut, what is not printable becomes '?'                \
	    */

struct lldp {
	char chassis[LLDP_TEXT_MAX], port[LLDP_TEXT_MAX]; /* as text, MAC or IPv4 address */
	char port_description[LLDP_TEXT_MAX], system[LLDP_TEXT_MAX]; /* "" where it is not said */
	unsigned vlan; /* untagged VLAN of the port, 0: not said */
};

/*
 * A frame behind its EtherType. 0; -EBADMSG: chassis, port and time to live do not come first, or
 * something runs past its end; -ENODATA: the switch says good-bye (time to live 0). *out is
 * untouched on failure.
 */
int lldp_read(const uint8_t *p, size_t len, struct lldp *out);

#endif
