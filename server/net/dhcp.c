#include "server/net/dhcp.h"

#include <stddef.h>
#include <string.h>

#include "server/bytes.h"
#include "server/net/dhcp_opt.h"

#define RELAY_CIRCUIT 1
#define RELAY_REMOTE  2

static const uint8_t *relay_option(const struct dhcp_query *q, uint8_t tag, uint8_t *len)
{
	struct rd r = { q->relay, q->relay + q->relay_len, false };
	struct dhcp_opt o;

	while (dhcp_tlv_next(&r, &o) > 0) {
		if (o.tag == tag && o.len) {
			*len = o.len;
			return o.val;
		}
	}
	*len = 0;
	return NULL;
}

const uint8_t *dhcp_query_circuit(const struct dhcp_query *q, uint8_t *len)
{
	return relay_option(q, RELAY_CIRCUIT, len);
}

const uint8_t *dhcp_query_remote(const struct dhcp_query *q, uint8_t *len)
{
	return relay_option(q, RELAY_REMOTE, len);
}

/* A bool from another process may hold any byte; reading it as a bool would be undefined. */
static bool flag_ok(const bool *flag)
{
	uint8_t byte;

	memcpy(&byte, flag, 1);
	return byte <= 1;
}

static bool text_ok(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

static bool type_is_clients(uint8_t type)
{
	return type == DHCP_DISCOVER || type == DHCP_REQUEST || type == DHCP_DECLINE ||
	       type == DHCP_RELEASE || type == DHCP_INFORM;
}

bool dhcp_query_ok(const struct dhcp_query *q)
{
	static const uint8_t zero[6];

	return flag_ok(&q->port4011) && flag_ok(&q->echo_uuid) && flag_ok(&q->has_uuid) &&
	       type_is_clients(q->type) && q->client < DHCP_CLIENTS && !(q->mac[0] & 1) &&
	       memcmp(q->mac, zero, sizeof zero) && !memcmp(q->mac, q->chaddr, sizeof q->mac) &&
	       q->max_size >= 576 && q->max_size <= 1472 &&
	       text_ok(q->hostname, sizeof q->hostname) &&
	       text_ok(q->vendor_class, sizeof q->vendor_class);
}

static bool reply_ok(const struct dhcp_reply *r)
{
	return (r->type == DHCP_OFFER || r->type == DHCP_ACK || r->type == DHCP_NAK) &&
	       r->n_dns <= DHCP_DNS_MAX && flag_ok(&r->vendor_pxe) && flag_ok(&r->vendor_http) &&
	       flag_ok(&r->pxe_bypass) && flag_ok(&r->ipxe_no_proxy) && r->server_id &&
	       text_ok(r->domain, sizeof r->domain) && text_ok(r->hostname, sizeof r->hostname) &&
	       text_ok(r->file, sizeof r->file) && text_ok(r->message, sizeof r->message);
}

bool dhcp_answer_ok(const struct dhcp_answer *a)
{
	return dhcp_query_ok(&a->query) && reply_ok(&a->reply);
}
