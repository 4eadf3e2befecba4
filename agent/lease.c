#include "agent/lease.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint32_t addr_parse(const char *s)
{
	struct in_addr a;

	return s && inet_pton(AF_INET, s, &a) == 1 ? ntohl(a.s_addr) : 0;
}

/* The first address of a list that is separated by spaces. */
static uint32_t addr_first(const char *s)
{
	char one[16];

	if (!s)
		return 0;
	snprintf(one, sizeof one, "%.*s", (int)strcspn(s, " "), s);
	return addr_parse(one);
}

/* An address that a host may have: no loopback, multicast, reserved or "this network". */
static int is_unicast(uint32_t ip)
{
	return ip >> 24 != 0 && ip >> 24 != 127 && ip >> 24 < 224;
}

static int is_mask(uint32_t m)
{
	return m >> 31 && (~m & (~m + 1)) == 0;
}

int lease_from_env(lease_lookup *lookup, void *arg, struct lease *out)
{
	const char *boot_file;
	struct lease l = {
		.ip = addr_parse(lookup(arg, "ip")),
		.mask = addr_parse(lookup(arg, "subnet")),
		.router = addr_first(lookup(arg, "router")),
		.dns = addr_first(lookup(arg, "dns")),
	};

	if (!is_unicast(l.ip) || !is_mask(l.mask))
		return -EBADMSG;
	if (!is_unicast(l.router) || (l.router & l.mask) != (l.ip & l.mask) || l.router == l.ip)
		l.router = 0;
	if (!is_unicast(l.dns))
		l.dns = 0;
	boot_file = lookup(arg, "boot_file");
	if (boot_file)
		cmdline_url(boot_file, l.url);
	*out = l;
	return 0;
}

static const char *addr_text(uint32_t ip, char out[INET_ADDRSTRLEN])
{
	struct in_addr a = { htonl(ip) };

	return inet_ntop(AF_INET, &a, out, INET_ADDRSTRLEN);
}

int lease_print(const struct lease *l, char *out, size_t size)
{
	char ip[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN], router[INET_ADDRSTRLEN],
		dns[INET_ADDRSTRLEN];
	int n = snprintf(out, size, "ip=%s\nsubnet=%s\nrouter=%s\ndns=%s\nboot_file=%s\n",
		addr_text(l->ip, ip), addr_text(l->mask, mask), addr_text(l->router, router),
		addr_text(l->dns, dns), l->url);

	return n < 0 || (size_t)n >= size ? -ENOSPC : n;
}

/* One file, seen as the variables that it was made of. */
struct lines {
	const char *text;
	char value[URL_MAX];
};

static const char *line_lookup(void *arg, const char *name)
{
	struct lines *l = arg;
	size_t len = strlen(name);

	for (const char *p = l->text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncmp(p, name, len) != 0 || p[len] != '=')
			continue;
		p += len + 1;
		snprintf(l->value, sizeof l->value, "%.*s", (int)strcspn(p, "\n"), p);
		return l->value;
	}
	return NULL;
}

int lease_parse(const char *text, struct lease *out)
{
	struct lines l = { .text = text };

	return lease_from_env(line_lookup, &l, out);
}
