#include "server/dhcp_options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_HEAD    3	  /* bytes of an entry before its value */
#define ITEM_MAX      256 /* bytes of one item of a list, NUL included: more than any good one has */
#define WIRE_NAME_MAX 255 /* bytes of a DNS name on the wire (RFC 1035 section 2.3.4) */
#define LABEL_MAX     63
#define MTU_MIN	      68 /* RFC 2132 section 5.1 */
#define ROUTE_MAX     9	 /* bytes of one route on the wire */

/* Where a sentence about wrong text goes. */
struct complaint {
	char *text;
	size_t size;
};

static int refuse(const struct complaint *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int refuse(const struct complaint *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->text, c->size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- values: text -> bytes ---- */

/* The next item of a list, cut where no good one ends. False at the end. */
static bool next_item(const char **text, char item[ITEM_MAX])
{
	static const char separators[] = ", \t";
	size_t len;

	*text += strspn(*text, separators);
	len = strcspn(*text, separators);
	snprintf(item, ITEM_MAX, "%.*s", (int)(len < ITEM_MAX ? len : ITEM_MAX - 1), *text);
	*text += len;
	return len > 0;
}

static bool read_addr(const char *text, uint32_t *out)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		return false;
	*out = ntohl(a.s_addr);
	return true;
}

static bool read_uint(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end && !errno && *out <= max;
}

static int parse_u8(const char *text, struct wr *w, const struct complaint *c)
{
	unsigned long n;

	if (!read_uint(text, UINT8_MAX, &n))
		return refuse(c, "'%s' is no number from 0 to 255", text);
	wr_u8(w, (uint8_t)n);
	return 0;
}

static int parse_u16(const char *text, struct wr *w, const struct complaint *c)
{
	unsigned long n;

	if (!read_uint(text, UINT16_MAX, &n))
		return refuse(c, "'%s' is no number from 0 to 65535", text);
	wr_u16(w, (uint16_t)n);
	return 0;
}

static int parse_u32(const char *text, struct wr *w, const struct complaint *c)
{
	unsigned long n;

	if (!read_uint(text, UINT32_MAX, &n))
		return refuse(c, "'%s' is no number from 0 to 4294967295", text);
	wr_u32(w, (uint32_t)n);
	return 0;
}

static int parse_mtu(const char *text, struct wr *w, const struct complaint *c)
{
	unsigned long n;

	if (!read_uint(text, UINT16_MAX, &n) || n < MTU_MIN)
		return refuse(c, "'%s' is no MTU from %d to 65535", text, MTU_MIN);
	wr_u16(w, (uint16_t)n);
	return 0;
}

static int parse_bool(const char *text, struct wr *w, const struct complaint *c)
{
	if (strcmp(text, "yes") && strcmp(text, "no"))
		return refuse(c, "'%s' is neither yes nor no", text);
	wr_u8(w, *text == 'y');
	return 0;
}

static int parse_text(const char *text, struct wr *w, const struct complaint *c)
{
	for (const char *s = text; *s; s++)
		if (iscntrl((unsigned char)*s))
			return refuse(c, "the text holds a control character");
	wr_put(w, text, strlen(text));
	return 0;
}

static int parse_hex(const char *text, struct wr *w, const struct complaint *c)
{
	for (const char *s = text; *s; s += 2) {
		if (*s == ':' && s > text)
			s++;
		if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]))
			return refuse(c, "'%s' is no hex such as 01:02:ff or 0102ff", text);
		wr_u8(w, (uint8_t)strtoul((char[]){ s[0], s[1], 0 }, NULL, 16));
	}
	return 0;
}

static int parse_addresses(const char *text, struct wr *w, const struct complaint *c)
{
	char item[ITEM_MAX];
	uint32_t addr;

	while (next_item(&text, item)) {
		if (!read_addr(item, &addr))
			return refuse(c, "'%s' is no IPv4 address", item);
		wr_u32(w, addr);
	}
	return 0;
}

static int parse_address(const char *text, struct wr *w, const struct complaint *c)
{
	uint32_t addr;

	if (!read_addr(text, &addr))
		return refuse(c, "'%s' is no IPv4 address", text);
	wr_u32(w, addr);
	return 0;
}

/* Write a name as its labels, each behind its length, and the root (RFC 1035 section 3.1). */
static bool put_labels(struct wr *w, const char *name)
{
	size_t total = 1;

	while (*name) {
		const size_t len = strcspn(name, ".");

		if (!len || len > LABEL_MAX || name[0] == '-' || name[len - 1] == '-')
			return false;
		for (size_t i = 0; i < len; i++)
			if (!isalnum((unsigned char)name[i]) && !strchr("-_", name[i]))
				return false;
		total += len + 1;
		wr_u8(w, (uint8_t)len);
		wr_put(w, name, len);
		name += len + (name[len] == '.');
	}
	wr_u8(w, 0);
	return total > 1 && total <= WIRE_NAME_MAX;
}

static int parse_names(const char *text, struct wr *w, const struct complaint *c)
{
	char item[ITEM_MAX];

	while (next_item(&text, item))
		if (!put_labels(w, item))
			return refuse(c, "'%s' is no DNS name", item);
	return 0;
}

static int parse_name(const char *text, struct wr *w, const struct complaint *c)
{
	uint8_t wire[WIRE_NAME_MAX];
	struct wr unused = { wire, wire + sizeof wire, false };

	if (!put_labels(&unused, text))
		return refuse(c, "'%s' is no DNS name", text);
	wr_put(w, text, strlen(text));
	return 0;
}

/* "10.9.0.0/16": the prefix, then as many bytes of the destination as it needs (RFC 3442). */
static bool put_destination(struct wr *w, char *text)
{
	char *slash = strchr(text, '/');
	unsigned long prefix;
	uint32_t net;

	if (!slash || !read_uint(slash + 1, 32, &prefix))
		return false;
	*slash = '\0';
	if (!read_addr(text, &net) || (prefix < 32 && net << prefix))
		return false;
	wr_u8(w, (uint8_t)prefix);
	for (unsigned long bit = 0; bit < prefix; bit += 8)
		wr_u8(w, (uint8_t)(net >> (24 - bit)));
	return true;
}

static int parse_routes(const char *text, struct wr *w, const struct complaint *c)
{
	char to[ITEM_MAX], via[ITEM_MAX], router[ITEM_MAX];
	uint32_t addr;

	while (next_item(&text, to)) {
		if (!next_item(&text, via) || strcmp(via, "via") || !next_item(&text, router) ||
			!read_addr(router, &addr) || !put_destination(w, to))
			return refuse(c, "a route is NETWORK/PREFIX via ROUTER, such as "
					 "10.9.0.0/16 via 10.77.0.254");
		wr_u32(w, addr);
	}
	return 0;
}

/* ---- what may be set ---- */

struct kind {
	const char *name; /* of a key, or of a type */
	int (*parse)(const char *text, struct wr *w, const struct complaint *c);
	uint8_t tag; /* keys only */
	bool adds;   /* given again it adds to what is there */
};

static const struct kind keys[] = {
	{ "dns", parse_addresses, DHCP_OPT_DNS, true },
	{ "domain", parse_name, DHCP_OPT_DOMAIN, false },
	{ "mtu", parse_mtu, DHCP_OPT_MTU, false },
	{ "ntp", parse_addresses, DHCP_OPT_NTP, true },
	{ "search", parse_names, DHCP_OPT_SEARCH, true },
	{ "route", parse_routes, DHCP_OPT_ROUTES, true },
};

static const struct kind types[] = {
	{ .name = "u8", .parse = parse_u8 },
	{ .name = "u16", .parse = parse_u16 },
	{ .name = "u32", .parse = parse_u32 },
	{ .name = "bool", .parse = parse_bool },
	{ .name = "text", .parse = parse_text },
	{ .name = "name", .parse = parse_name },
	{ .name = "names", .parse = parse_names },
	{ .name = "address", .parse = parse_address },
	{ .name = "addresses", .parse = parse_addresses },
	{ .name = "routes", .parse = parse_routes },
	{ .name = "hex", .parse = parse_hex },
};

/* Not to be set by number: the server decides them, or a key of their own does. */
static const struct {
	uint8_t tag;
	const char *what, *key;
} reserved[] = {
	{ DHCP_OPT_PAD, "padding", NULL },
	{ DHCP_OPT_MASK, "mask of the subnet", NULL },
	{ DHCP_OPT_ROUTER, "router", "router" },
	{ DHCP_OPT_DNS, "DNS servers", "dns" },
	{ DHCP_OPT_HOSTNAME, "name of the host", NULL },
	{ DHCP_OPT_BOOT_SIZE, "size of the boot file", NULL },
	{ DHCP_OPT_DOMAIN, "domain", "domain" },
	{ DHCP_OPT_MTU, "MTU", "mtu" },
	{ DHCP_OPT_BROADCAST, "broadcast address of the subnet", NULL },
	{ DHCP_OPT_NTP, "NTP servers", "ntp" },
	{ DHCP_OPT_REQUESTED, "requested address", NULL },
	{ DHCP_OPT_LEASE, "lease time", "lease-time" },
	{ DHCP_OPT_OVERLOAD, "overload", NULL },
	{ DHCP_OPT_TYPE, "message type", NULL },
	{ DHCP_OPT_SERVER_ID, "server identifier", NULL },
	{ DHCP_OPT_WANTS, "parameter request list", NULL },
	{ DHCP_OPT_MESSAGE, "error message", NULL },
	{ DHCP_OPT_MAX_SIZE, "largest message", NULL },
	{ DHCP_OPT_T1, "renewal time", "renew-time" },
	{ DHCP_OPT_T2, "rebinding time", "rebind-time" },
	{ DHCP_OPT_CLASS, "vendor class", NULL },
	{ DHCP_OPT_CLIENT_ID, "client identifier", NULL },
	{ DHCP_OPT_USER_CLASS, "user class", NULL },
	{ DHCP_OPT_RAPID_COMMIT, "rapid commit", "rapid-commit" },
	{ DHCP_OPT_FQDN, "full name of the client", NULL },
	{ DHCP_OPT_RELAY, "relay information", NULL },
	{ DHCP_OPT_ARCH, "client architecture", NULL },
	{ DHCP_OPT_NDI, "network interface of the client", NULL },
	{ DHCP_OPT_UUID, "UUID of the client", NULL },
	{ DHCP_OPT_SUBNET_SELECT, "subnet selection", NULL },
	{ DHCP_OPT_SEARCH, "search list", "search" },
	{ DHCP_OPT_ROUTES, "routes", "route" },
	{ DHCP_OPT_IPXE, "iPXE's own", NULL },
	{ DHCP_OPT_END, "end of the options", NULL },
};

static int check_number(uint8_t tag, const struct complaint *c)
{
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		if (reserved[i].tag != tag)
			continue;
		return reserved[i].key ? refuse(c, "option %u (%s) has a key of its own: %s", tag,
						 reserved[i].what, reserved[i].key)
				       : refuse(c, "option %u (%s) is the server's to decide", tag,
						 reserved[i].what);
	}
	return 0;
}

static const struct kind *find_kind(const struct kind *kinds, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

/* "NUMBER TYPE VALUE": what it is, and *text moved on to its value. */
static int read_numbered(const char **text, struct kind *out, const struct complaint *c)
{
	char number[ITEM_MAX], type[ITEM_MAX];
	const struct kind *k;
	unsigned long tag;
	int rc;

	if (!next_item(text, number) || !read_uint(number, 255, &tag) || !next_item(text, type))
		return refuse(c, "an option is NUMBER TYPE VALUE, such as 150 addresses 10.0.0.5");
	rc = check_number((uint8_t)tag, c);
	if (rc)
		return rc;
	k = find_kind(types, ARRAY_LEN(types), type);
	if (!k)
		return refuse(c,
			"'%s' is none of: u8, u16, u32, bool, text, name, names, address, "
			"addresses, routes, hex",
			type);
	*text += strspn(*text, " \t");
	*out = *k;
	out->tag = (uint8_t)tag;
	return 0;
}

/* Add to an option of the set, or begin it. False when the set is full. */
static bool add(struct dhcp_options *set, uint8_t tag, const uint8_t *val, size_t len)
{
	struct wr w = { set->bytes + set->len, set->bytes + sizeof set->bytes, false };
	struct dhcp_option old;
	uint8_t *at;

	if (!dhcp_options_find(set->bytes, set->len, tag, &old)) {
		if (!dhcp_options_put(&w, tag, val, len))
			return false;
	} else {
		if (len > wr_left(&w))
			return false;
		at = set->bytes + (old.val - set->bytes);
		memmove(at + old.len + len, at + old.len, (size_t)(w.p - at) - old.len);
		memcpy(at + old.len, val, len);
		at[-2] = (uint8_t)((old.len + len) >> 8);
		at[-1] = (uint8_t)(old.len + len);
		w.p += len;
	}
	set->len = (uint16_t)(w.p - set->bytes);
	return true;
}

int dhcp_options_set(
	struct dhcp_options *set, const char *key, const char *text, char *err, size_t err_size)
{
	const struct complaint c = { err, err_size };
	const struct kind *known = find_kind(keys, ARRAY_LEN(keys), key);
	struct kind k = known ? *known : (struct kind){ 0 };
	uint8_t value[DHCP_OPTIONS_SET_MAX];
	struct wr w = { value, value + sizeof value, false };
	struct dhcp_option old;
	int rc = known ? 0 : read_numbered(&text, &k, &c);

	if (!rc)
		rc = k.parse(text, &w, &c);
	if (rc)
		return rc;
	if (w.p == value && !w.bad)
		return refuse(&c, "the value is empty");
	if (!k.adds && dhcp_options_find(set->bytes, set->len, k.tag, &old))
		return refuse(&c, "option %u is given twice", k.tag);
	if (w.bad || !add(set, k.tag, value, (size_t)(w.p - value)))
		return refuse(&c, "all options of a section together are longer than %d bytes",
			DHCP_OPTIONS_SET_MAX);
	return 0;
}

/* ---- sets ---- */

bool dhcp_options_put(struct wr *w, uint8_t tag, const void *val, size_t len)
{
	if (w->bad || len > UINT16_MAX || len + ENTRY_HEAD > wr_left(w))
		return false;
	wr_u8(w, tag);
	wr_u16(w, (uint16_t)len);
	wr_put(w, val, len);
	return true;
}

int dhcp_options_next(struct rd *r, struct dhcp_option *out)
{
	struct dhcp_option o;

	if (r->bad)
		return -EBADMSG;
	if (!rd_left(r))
		return 0;
	o.tag = rd_u8(r);
	o.len = rd_u16(r);
	o.val = rd_take(r, o.len);
	if (r->bad)
		return -EBADMSG;
	*out = o;
	return 1;
}

bool dhcp_options_find(const uint8_t *bytes, size_t len, uint8_t tag, struct dhcp_option *out)
{
	struct rd r = { bytes, bytes + len, false };
	struct dhcp_option o;

	while (dhcp_options_next(&r, &o) > 0) {
		if (o.tag == tag) {
			*out = o;
			return true;
		}
	}
	return false;
}

bool dhcp_options_ok(const uint8_t *bytes, size_t len)
{
	struct rd r = { bytes, bytes + len, false };
	bool seen[256] = { [DHCP_OPT_PAD] = true,
		[DHCP_OPT_OVERLOAD] = true,
		[DHCP_OPT_RELAY] = true,
		[DHCP_OPT_END] = true };
	struct dhcp_option o;
	int rc;

	while ((rc = dhcp_options_next(&r, &o)) > 0) {
		if (seen[o.tag])
			return false;
		seen[o.tag] = true;
	}
	return rc == 0;
}

bool dhcp_options_has_addr(const struct dhcp_options *set, uint8_t tag, uint32_t addr)
{
	struct dhcp_option o;
	struct rd r;

	if (!dhcp_options_find(set->bytes, set->len, tag, &o))
		return false;
	r = (struct rd){ o.val, o.val + o.len, false };
	while (rd_left(&r) >= 4)
		if (rd_u32(&r) == addr)
			return true;
	return false;
}

/* Does a value of option 121 hold a default route? */
static bool has_default_route(const struct dhcp_option *routes)
{
	struct rd r = { routes->val, routes->val + routes->len, false };

	while (!r.bad && rd_left(&r)) {
		const uint8_t prefix = rd_u8(&r);

		if (!prefix)
			return true;
		rd_take(&r, (prefix + 7u) / 8 + 4);
	}
	return false;
}

static void put_routes(struct wr *w, const struct dhcp_option *routes, uint32_t router)
{
	uint8_t value[DHCP_OPTIONS_SET_MAX + ROUTE_MAX];
	struct wr v = { value, value + sizeof value, false };

	wr_put(&v, routes->val, routes->len);
	if (router && !has_default_route(routes)) {
		wr_u8(&v, 0);
		wr_u32(&v, router);
	}
	if (!v.bad)
		dhcp_options_put(w, routes->tag, value, (size_t)(v.p - value));
}

void dhcp_options_merge(
	struct wr *w, const struct dhcp_options *const *sets, size_t n, uint32_t router)
{
	bool seen[256] = { false };
	struct dhcp_option o;

	for (size_t i = 0; i < n; i++) {
		struct rd r = { NULL, NULL, false };

		if (sets[i])
			r = (struct rd){ sets[i]->bytes, sets[i]->bytes + sets[i]->len, false };
		while (dhcp_options_next(&r, &o) > 0) {
			if (seen[o.tag])
				continue;
			seen[o.tag] = true;
			if (o.tag == DHCP_OPT_ROUTES)
				put_routes(w, &o, router);
			else
				dhcp_options_put(w, o.tag, o.val, o.len);
		}
	}
}
