/*
 *  0               1               2               3
 *  0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7   offset
 * +---------------+---------------+---------------+---------------+
 * |  op: 1 ask    |  htype 1      |   hlen 6      |   hops        |     0
 * |      2 reply  |  (Ethernet)   |               |               |
 * +---------------+---------------+---------------+---------------+
 * |                          xid: echoed                          |     4
 * +-------------------------------+-------------------------------+
 * |  secs: never to be trusted    |B|          flags: zero        |     8   B: broadcast, please
 * +-------------------------------+-------------------------------+
 * |  ciaddr: what the client has and uses                         |    12
 * |  yiaddr: what we give it                                      |    16
 * |  siaddr: where to boot from (TFTP)                            |    20
 * |  giaddr: the relay that forwarded it                          |    24
 * +---------------------------------------------------------------+
 * |  chaddr: 6 bytes MAC and 10 of padding, echoed whole          |    28
 * |  sname:  64 bytes, or options (overload 2)                    |    44
 * |  file:   128 bytes, boot file and NUL, or options (overload 1)|   108
 * +---------------------------------------------------------------+
 * |  cookie 63 82 53 63                                           |   236
 * |  options: code, length, value ...; 0 is padding, 255 the end  |   240
 * +---------------------------------------------------------------+
 */
#include "server/net/dhcp_msg.h"

#include <errno.h>
#include <stdio.h>

#include "server/bytes.h"
#include "server/net/dhcp_opt.h"

#define OP_ASK	       1
#define OP_REPLY       2
#define ETHERNET       1
#define ETHERNET_LEN   6
#define HOPS_MAX       16
#define COOKIE	       0x63825363u
#define SNAME_AT       44
#define SNAME_LEN      64
#define FILE_AT	       108
#define FILE_LEN       128
#define OVERLOAD_LEN   3 /* bytes of option 52 */
#define FLAG_BROADCAST 0x8000
#define SIZE_MIN       576 /* RFC 2131 section 2: every client takes a datagram of this size */
#define IP_UDP_LEN     28

#define IPXE_HTTP 0x13
#define IPXE_EFI  0x24

struct header {
	uint8_t op, htype, hlen, hops;
	uint16_t secs, flags;
	uint32_t xid, ciaddr, yiaddr, siaddr, giaddr;
	const uint8_t *chaddr, *sname, *file;
	uint32_t cookie;
};

static int read_header(struct rd *r, struct header *h)
{
	h->op = rd_u8(r);
	h->htype = rd_u8(r);
	h->hlen = rd_u8(r);
	h->hops = rd_u8(r);
	h->xid = rd_u32(r);
	h->secs = rd_u16(r);
	h->flags = rd_u16(r);
	h->ciaddr = rd_u32(r);
	h->yiaddr = rd_u32(r);
	h->siaddr = rd_u32(r);
	h->giaddr = rd_u32(r);
	h->chaddr = rd_take(r, 16);
	h->sname = rd_take(r, 64);
	h->file = rd_take(r, 128);
	h->cookie = rd_u32(r);
	return r->bad ? -EBADMSG : 0;
}

/* An address that a relay may have: a host's, and not this host's or this network's (RFC 1122). */
static bool is_relay(uint32_t addr)
{
	return addr >> 24 != 0 && addr >> 24 != 127 && addr >> 24 < 224;
}

static int check_header(const struct header *h)
{
	static const uint8_t zero[ETHERNET_LEN];

	if (h->cookie != COOKIE)
		return -EBADMSG;
	if (h->op != OP_ASK)
		return h->op == OP_REPLY ? -EPROTO : -EBADMSG;
	if (h->htype != ETHERNET || h->hlen != ETHERNET_LEN)
		return -EAFNOSUPPORT;
	if (h->giaddr && !is_relay(h->giaddr))
		return -EBADMSG;
	if (h->hops > HOPS_MAX)
		return -ELOOP;
	if (h->chaddr[0] & 1 || !memcmp(h->chaddr, zero, sizeof zero))
		return -EADDRNOTAVAIL;
	return 0;
}

static uint32_t be32(const uint8_t b[4])
{
	struct rd r = { b, b + 4, false };

	return rd_u32(&r);
}

/* An address option: absent is 0, another length than 4 is malformed. */
static int get_addr(const struct dhcp_opts *o, uint8_t tag, uint32_t *out)
{
	uint8_t b[4];
	const int len = dhcp_opts_get(o, tag, b, sizeof b);

	if (len == -ENOENT)
		return 0;
	if (len != sizeof b)
		return -EBADMSG;
	*out = be32(b);
	return 0;
}

/* Which messages a client sends to a server; anything else is not for us. */
static int get_type(const struct dhcp_opts *o, uint8_t *out)
{
	uint8_t type;
	const int len = dhcp_opts_get(o, DHCP_OPT_TYPE, &type, 1);

	if (len == -ENOENT)
		return -EOPNOTSUPP;
	if (len != 1)
		return -EBADMSG;
	switch (type) {
	case DHCP_DISCOVER:
	case DHCP_REQUEST:
	case DHCP_DECLINE:
	case DHCP_RELEASE:
	case DHCP_INFORM:
		*out = type;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static void get_max_size(const struct dhcp_opts *o, uint16_t *out)
{
	uint8_t b[2];
	unsigned size = SIZE_MIN;

	if (dhcp_opts_get(o, DHCP_OPT_MAX_SIZE, b, sizeof b) == sizeof b)
		size = (unsigned)(b[0] << 8 | b[1]);
	if (size < SIZE_MIN)
		size = SIZE_MIN;
	if (size > DHCP_PACKET_MAX)
		size = DHCP_PACKET_MAX; /* EDK2 says 65280 and drops more than 1472 */
	*out = (uint16_t)size;
}

static void get_wants(const struct dhcp_opts *o, struct dhcp_query *q)
{
	uint8_t codes[DHCP_OPT_JOINED_MAX];
	const int len = dhcp_opts_get(o, DHCP_OPT_WANTS, codes, sizeof codes);
	bool seen[256] = { [DHCP_OPT_PAD] = true, [DHCP_OPT_END] = true };

	for (int i = 0; i < len; i++) {
		if (!seen[codes[i]])
			q->wants[q->n_wants++] = codes[i];
		seen[codes[i]] = true;
	}
}

static void get_client_id(const struct dhcp_opts *o, struct dhcp_query *q)
{
	const int len = dhcp_opts_get(o, DHCP_OPT_CLIENT_ID, q->client_id, sizeof q->client_id);

	if (len >= 2 && len <= DHCP_ID_MAX)
		q->client_id_len = (uint8_t)len;
	else
		memset(q->client_id, 0, sizeof q->client_id);
}

/* Keep what a host name may consist of; everything else is dropped, so that it can go anywhere. */
static void get_hostname(const struct dhcp_opts *o, char out[DHCP_NAME_MAX])
{
	char raw[DHCP_OPT_JOINED_MAX];
	const int len = dhcp_opts_get(o, DHCP_OPT_HOSTNAME, raw, sizeof raw);
	size_t n = 0;

	for (int i = 0; i < len && raw[i] && n < DHCP_NAME_MAX - 1; i++) {
		const char c = raw[i];
		const bool alnum =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (alnum || (n && (c == '-' || c == '.')))
			out[n++] = c;
	}
	while (n && (out[n - 1] == '-' || out[n - 1] == '.'))
		n--;
	memset(out + n, 0, DHCP_NAME_MAX - n);
}

/* SMBIOS UUID behind a type byte (RFC 4578). OVMF sends zeros by default: echoed, no identity. */
static void get_uuid(const struct dhcp_opts *o, struct dhcp_query *q)
{
	uint8_t b[17];
	bool zeros = true, ones = true;

	if (dhcp_opts_get(o, DHCP_OPT_UUID, b, sizeof b) != sizeof b || b[0])
		return;
	memcpy(q->uuid, b + 1, sizeof q->uuid);
	for (size_t i = 0; i < sizeof q->uuid; i++) {
		zeros = zeros && q->uuid[i] == 0x00;
		ones = ones && q->uuid[i] == 0xff;
	}
	q->echo_uuid = true;
	q->has_uuid = !zeros && !ones;
}

static uint16_t get_arch(const struct dhcp_opts *o)
{
	uint8_t b[2];
	const int len = dhcp_opts_get(o, DHCP_OPT_ARCH, b, sizeof b);

	if (len < 2 || len % 2)
		return DHCP_ARCH_NONE;
	return (uint16_t)(b[0] << 8 | b[1]);
}

/*
 * A class's text in out, which holds len bytes of the packet, made one that may go anywhere: ""
 * when it is absent, too long to be anybody's, or not printable.
 */
static void clean_class(char out[DHCP_CLASS_MAX], int len)
{
	if (len > 0 && len <= DHCP_CLASS_MAX && !out[len - 1])
		len--; /* a C string with its NUL */
	for (int i = 0; i < len && i < DHCP_CLASS_MAX; i++)
		if (out[i] < ' ' || out[i] > '~')
			len = 0;
	if (len < 0 || len >= DHCP_CLASS_MAX)
		len = 0;
	memset(out + len, 0, (size_t)(DHCP_CLASS_MAX - len));
}

static void get_class(const struct dhcp_opts *o, char out[DHCP_CLASS_MAX])
{
	clean_class(out, dhcp_opts_get(o, DHCP_OPT_CLASS, out, DHCP_CLASS_MAX));
}

/* The strings of an RFC 3004 list joined by blanks; what is no such list is one string. */
static void get_user_class(const struct dhcp_opts *o, char out[DHCP_CLASS_MAX])
{
	const int len = dhcp_opts_get(o, DHCP_OPT_USER_CLASS, out, DHCP_CLASS_MAX);
	int at = 0;

	while (at < len && at < DHCP_CLASS_MAX && out[at])
		at += 1 + (uint8_t)out[at];
	if (len < 1 || at != len || len > DHCP_CLASS_MAX) {
		clean_class(out, len);
		return;
	}
	for (int i = 0; i < len;) {
		const int n = (uint8_t)out[i];

		out[i] = ' ';
		i += 1 + n;
	}
	memmove(out, out + 1, (size_t)len - 1);
	clean_class(out, len - 1);
}

/* iPXE sends the four letters bare; RFC 3004 wants a list of strings with a length before each. */
static bool user_class_is_ipxe(const struct dhcp_opts *o)
{
	uint8_t b[DHCP_OPT_JOINED_MAX];
	const int len = dhcp_opts_get(o, DHCP_OPT_USER_CLASS, b, sizeof b);
	struct rd r = { b, b + (len > 0 ? len : 0), false };

	if (len == 4 && !memcmp(b, "iPXE", 4))
		return true;
	while (rd_left(&r)) {
		const uint8_t n = rd_u8(&r);
		const uint8_t *item = rd_take(&r, n);

		if (!item)
			return false;
		if (n == 4 && !memcmp(item, "iPXE", 4))
			return true;
	}
	return false;
}

/* True when option 175 is there and well-formed inside; *features are DHCP_IPXE_*. */
static bool get_ipxe(const struct dhcp_opts *o, uint8_t *features)
{
	uint8_t b[DHCP_OPT_JOINED_MAX], found = 0;
	const int len = dhcp_opts_get(o, DHCP_OPT_IPXE, b, sizeof b);
	struct rd r = { b, b + (len > 0 ? len : 0), false };
	struct dhcp_opt opt;
	int rc;

	if (len < 0)
		return false;
	while ((rc = dhcp_tlv_next(&r, &opt)) > 0) {
		if (opt.len != 1 || !opt.val[0])
			continue;
		if (opt.tag == IPXE_HTTP)
			found |= DHCP_IPXE_HTTP;
		if (opt.tag == IPXE_EFI)
			found |= DHCP_IPXE_EFI;
	}
	if (rc < 0)
		return false;
	*features = found;
	return true;
}

/* The class says what it is, and its architecture, when it names one, is a number that exists. */
static bool class_is(const char *class, const char *prefix)
{
	const size_t n = strlen(prefix);
	unsigned arch = 0;

	if (strncmp(class, prefix, n))
		return false;
	if (strncmp(class + n, ":Arch:", 6))
		return true;
	return sscanf(class + n + 6, "%5u", &arch) == 1 && arch < DHCP_ARCH_NONE;
}

static uint8_t client_of(const struct dhcp_opts *o, struct dhcp_query *q)
{
	const bool ipxe = get_ipxe(o, &q->ipxe_features);

	if (!strcmp(q->vendor_class, "muster-agent"))
		return DHCP_CLIENT_AGENT;
	if (ipxe || user_class_is_ipxe(o))
		return DHCP_CLIENT_IPXE;
	if (q->arch == DHCP_ARCH_NONE)
		return DHCP_CLIENT_OTHER;
	if (class_is(q->vendor_class, "PXEClient"))
		return DHCP_CLIENT_PXE;
	if (class_is(q->vendor_class, "HTTPClient"))
		return DHCP_CLIENT_HTTP;
	return DHCP_CLIENT_OTHER;
}

/* Option 82 is the relay's own; without a relay somebody made it up (RFC 3046 section 2.1). */
static int get_relay(const struct dhcp_opts *o, struct dhcp_query *q)
{
	const int len = dhcp_opts_get(o, DHCP_OPT_RELAY, q->relay, sizeof q->relay);
	struct rd r = { q->relay, q->relay, false };
	struct dhcp_opt sub;
	int rc;

	if (len == -ENOENT)
		return 0;
	if (!q->giaddr || len < 1 || len > DHCP_RELAY_MAX)
		return -EBADMSG;
	r.end += len;
	while ((rc = dhcp_tlv_next(&r, &sub)) > 0) {
		if (sub.tag == DHCP_OPT_RELAY)
			return -EBADMSG; /* a relay's words in a relay's words: a made-up packet */
		if (sub.tag == DHCP_RELAY_LINK_SELECT && sub.len == 4)
			q->link_select = be32(sub.val);
		if (sub.tag == DHCP_RELAY_ID_OVERRIDE && sub.len == 4)
			q->id_override = be32(sub.val);
		if (sub.tag == DHCP_RELAY_PORT && !sub.len)
			q->relay_port = true;
	}
	q->relay_len = (uint8_t)len;
	return rc;
}

static int read_options(const struct dhcp_opts *o, struct dhcp_query *q)
{
	uint8_t unused;
	int rc = get_type(o, &q->type);

	if (!rc)
		rc = get_addr(o, DHCP_OPT_REQUESTED, &q->requested);
	if (!rc)
		rc = get_addr(o, DHCP_OPT_SERVER_ID, &q->server_id);
	if (!rc)
		rc = get_addr(o, DHCP_OPT_SUBNET_SELECT, &q->subnet_select);
	if (!rc)
		rc = get_relay(o, q);
	if (rc)
		return rc;
	get_max_size(o, &q->max_size);
	get_wants(o, q);
	get_client_id(o, q);
	get_hostname(o, q->hostname);
	get_uuid(o, q);
	get_class(o, q->vendor_class);
	q->rapid_commit = dhcp_opts_get(o, DHCP_OPT_RAPID_COMMIT, &unused, 1) == 0;
	get_user_class(o, q->user_class);
	q->arch = get_arch(o);
	q->client = client_of(o, q);
	return 0;
}

int dhcp_msg_decode(const uint8_t *buf, size_t len, struct dhcp_query *out)
{
	struct rd r = { buf, buf + len, false };
	struct header h;
	struct dhcp_opts opts;
	struct dhcp_query q = { 0 };
	int rc = read_header(&r, &h);

	if (!rc)
		rc = check_header(&h);
	if (!rc)
		rc = dhcp_opts_scan(r.p, rd_left(&r), h.file, h.sname, &opts);
	if (rc)
		return rc;
	q.xid = h.xid;
	q.flags = h.flags;
	q.ciaddr = h.ciaddr;
	q.giaddr = h.giaddr;
	memcpy(q.chaddr, h.chaddr, sizeof q.chaddr);
	memcpy(q.mac, h.chaddr, sizeof q.mac);
	rc = read_options(&opts, &q);
	if (rc)
		return rc;
	*out = q;
	return 0;
}

/* A name that is too long for the header goes into option 67, whatever was wished. */
static bool file_in_header(const struct dhcp_reply *r)
{
	return r->file_in != DHCP_FILE_OPTION && strlen(r->file) < 128;
}

static void write_header(struct wr *w, const struct dhcp_query *q, const struct dhcp_reply *r)
{
	const bool nak = r->type == DHCP_NAK;
	char file[FILE_LEN] = "";

	if (file_in_header(r))
		memcpy(file, r->file, strlen(r->file));
	wr_u8(w, OP_REPLY);
	wr_u8(w, ETHERNET);
	wr_u8(w, ETHERNET_LEN);
	wr_u8(w, 0);
	wr_u32(w, q->xid);
	wr_u16(w, 0);
	/* RFC 2131 section 4.3.2: the relay has to broadcast a NAK */
	wr_u16(w, nak && q->giaddr ? q->flags | FLAG_BROADCAST : q->flags);
	wr_u32(w, r->type == DHCP_ACK ? q->ciaddr : 0);
	wr_u32(w, r->yiaddr);
	wr_u32(w, r->siaddr);
	wr_u32(w, q->giaddr);
	wr_put(w, q->chaddr, sizeof q->chaddr);
	wr_put(w, NULL, SNAME_LEN);
	wr_put(w, file, sizeof file);
	wr_u32(w, COOKIE);
}

/*
 * A reply on its way. The areas are those that a reader joins: the options field, `file`, `sname`;
 * the last two have room only when they may be overloaded.
 */
struct out {
	struct wr area[3];
	bool done[256]; /* sent, left out, or not for this client */
	struct dhcp_left_out left;
};

/* What must be there: into the options field, or there is no reply. */
static bool need(struct out *o, uint8_t tag, const void *val, size_t len)
{
	o->done[tag] = true;
	return dhcp_opt_put(&o->area[0], tag, val, len);
}

static bool need_u32(struct out *o, uint8_t tag, uint32_t val)
{
	o->done[tag] = true;
	return !val || dhcp_opt_put_u32(&o->area[0], tag, val);
}

static bool need_text(struct out *o, uint8_t tag, const char *text)
{
	return !text[0] || need(o, tag, text, strlen(text));
}

/* Boot data. EDK2 and old ROMs read option 67 as a C string: its NUL goes with it. */
static bool put_boot(struct out *o, const struct dhcp_query *q, const struct dhcp_reply *r)
{
	static const uint8_t bypass[] = { 6, 1, 8, 255 };
	static const uint8_t no_proxy[] = { 176, 1, 1 };
	char addr[16];

	if (r->vendor_pxe && !need_text(o, DHCP_OPT_CLASS, "PXEClient"))
		return false;
	if (r->vendor_http && !need_text(o, DHCP_OPT_CLASS, "HTTPClient"))
		return false;
	if (r->pxe_bypass && !need(o, DHCP_OPT_VENDOR, bypass, sizeof bypass))
		return false;
	if (r->ipxe_no_proxy && !need(o, DHCP_OPT_IPXE, no_proxy, sizeof no_proxy))
		return false;
	if (!r->file[0])
		return true;
	snprintf(addr, sizeof addr, "%u.%u.%u.%u", r->siaddr >> 24, r->siaddr >> 16 & 255,
		r->siaddr >> 8 & 255, r->siaddr & 255);
	if (q->client == DHCP_CLIENT_PXE && r->siaddr && !need_text(o, DHCP_OPT_TFTP_NAME, addr))
		return false;
	return (r->file_in == DHCP_FILE_HEADER && file_in_header(r)) ||
	       need(o, DHCP_OPT_FILE, r->file, strlen(r->file) + 1);
}

/*
 * RFC 2132 section 3.5 wants the mask before the router. The router goes to those that are given
 * routes (option 121), too: they ignore it, and not everybody who asks for routes takes them.
 */
static bool put_needed(struct out *o, const struct dhcp_query *q, const struct dhcp_reply *r)
{
	/* RFC 3011 section 3: who chose a subnet drops an offer that does not repeat it */
	const uint32_t subnet = r->type == DHCP_NAK ? 0 : q->subnet_select;

	return need(o, DHCP_OPT_TYPE, &r->type, 1) &&
	       need_u32(o, DHCP_OPT_SERVER_ID, r->server_id) &&
	       need_u32(o, DHCP_OPT_LEASE, r->lease_s) && need_u32(o, DHCP_OPT_MASK, r->mask) &&
	       need_u32(o, DHCP_OPT_ROUTER, r->router) &&
	       need_u32(o, DHCP_OPT_SUBNET_SELECT, subnet) &&
	       (!r->rapid_commit || need(o, DHCP_OPT_RAPID_COMMIT, NULL, 0)) && put_boot(o, q, r) &&
	       need_text(o, DHCP_OPT_MESSAGE, r->message);
}

/* Once, into the first area that has room for all of it, or it is left out. */
static void put(struct out *o, uint8_t tag, const void *val, size_t len)
{
	if (o->done[tag])
		return;
	o->done[tag] = true;
	for (size_t i = 0; i < ARRAY_LEN(o->area); i++)
		if (dhcp_opt_put(&o->area[i], tag, val, len))
			return;
	o->left.tags[o->left.n++] = tag;
}

static void put_u32(struct out *o, uint8_t tag, uint32_t val)
{
	uint8_t b[4];
	struct wr w = { b, b + sizeof b, false };

	wr_u32(&w, val);
	if (val)
		put(o, tag, b, sizeof b);
}

/* Configured options: as the client ranks them, or all when it does not say. */
static void put_wanted(struct out *o, const struct dhcp_query *q, const struct dhcp_reply *r)
{
	struct rd all = { r->options, r->options + r->options_len, false };
	struct dhcp_option opt;

	for (unsigned i = 0; i < q->n_wants; i++)
		if (dhcp_options_find(r->options, r->options_len, q->wants[i], &opt))
			put(o, opt.tag, opt.val, opt.len);
	while (!q->n_wants && dhcp_options_next(&all, &opt) > 0)
		put(o, opt.tag, opt.val, opt.len);
}

/* What a client can do without, most important first. */
static void put_rest(struct out *o, const struct dhcp_query *q, const struct dhcp_reply *r)
{
	uint8_t uuid[17] = { 0 };

	if (q->client_id_len) /* RFC 6842: echoed, also in a NAK */
		put(o, DHCP_OPT_CLIENT_ID, q->client_id, q->client_id_len);
	memcpy(uuid + 1, q->uuid, sizeof q->uuid);
	if (q->echo_uuid)
		put(o, DHCP_OPT_UUID, uuid, sizeof uuid);
	if (dhcp_is_netboot(q)) /* what to boot is the server's to say, not the configuration's */
		o->done[DHCP_OPT_VENDOR] = o->done[DHCP_OPT_TFTP_NAME] = o->done[DHCP_OPT_FILE] =
			true;
	put_wanted(o, q, r);
	put_u32(o, DHCP_OPT_T1, r->t1_s);
	put_u32(o, DHCP_OPT_T2, r->t2_s);
}

/*
 * Let options go on in `file`, when no boot file is there, and in `sname`. A byte of each is kept
 * for its END; the option that says so has to stand in the options field.
 */
static void open_overload(struct out *o, const struct dhcp_query *q, const struct dhcp_reply *r,
	uint8_t buf[DHCP_PACKET_MAX])
{
	if (dhcp_is_netboot(q) || wr_left(&o->area[0]) < OVERLOAD_LEN)
		return;
	o->area[0].end -= OVERLOAD_LEN;
	if (!r->file[0])
		o->area[1] = (struct wr){ buf + FILE_AT, buf + FILE_AT + FILE_LEN - 1, false };
	o->area[2] = (struct wr){ buf + SNAME_AT, buf + SNAME_AT + SNAME_LEN - 1, false };
}

/* RFC 2131 section 4.1: each overloaded field ends with END; the header left zeros behind it. */
static void close_overload(struct out *o, uint8_t buf[DHCP_PACKET_MAX])
{
	const uint8_t *const start[] = { NULL, buf + FILE_AT, buf + SNAME_AT };
	uint8_t overload = 0;

	for (uint8_t i = 1; i < ARRAY_LEN(o->area); i++) {
		if (!o->area[i].p || o->area[i].p == start[i])
			continue;
		*o->area[i].p = DHCP_OPT_END;
		overload |= i; /* 1: file, 2: sname */
	}
	if (overload)
		dhcp_opt_put(&o->area[0], DHCP_OPT_OVERLOAD, &overload, 1);
}

/*
 * How long the packet may be. Some count option 57 with the IP and UDP headers and some without;
 * the smaller reading suits both.
 */
static size_t size_limit(const struct dhcp_query *q)
{
	size_t max = q->max_size;

	if (max < SIZE_MIN)
		max = SIZE_MIN;
	if (max > DHCP_PACKET_MAX)
		max = DHCP_PACKET_MAX;
	return max - IP_UDP_LEN;
}

int dhcp_msg_encode(const struct dhcp_query *q, const struct dhcp_reply *r,
	uint8_t buf[DHCP_PACKET_MAX], size_t *len, struct dhcp_left_out *left_out)
{
	const size_t limit = size_limit(q), relay = q->relay_len ? q->relay_len + 2u : 0;
	struct out o = { .area[0] = { buf, buf + limit - 1, false } }; /* 1: END */
	struct wr *w = &o.area[0];

	write_header(w, q, r);
	if (!put_needed(&o, q, r))
		return -ENOSPC;
	/* RFC 3046 section 2.2: the last option; its space is kept free from the others */
	o.done[DHCP_OPT_RELAY] = relay && relay <= wr_left(w);
	if (o.done[DHCP_OPT_RELAY])
		w->end -= relay;
	open_overload(&o, q, r, buf);
	put_rest(&o, q, r);
	w->end = buf + limit - 1;
	close_overload(&o, buf);
	if (o.done[DHCP_OPT_RELAY])
		dhcp_opt_put(w, DHCP_OPT_RELAY, q->relay, q->relay_len);
	else if (relay)
		o.left.tags[o.left.n++] = DHCP_OPT_RELAY;
	w->end++;
	wr_u8(w, DHCP_OPT_END);
	if (w->p - buf < DHCP_PACKET_MIN) {
		w->end = buf + DHCP_PACKET_MIN;
		wr_put(w, NULL, wr_left(w));
	}
	*len = (size_t)(w->p - buf);
	*left_out = o.left;
	return 0;
}
