#include "server/ctl/setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *addr_text(uint32_t addr, char out[INET_ADDRSTRLEN])
{
	const struct in_addr a = { htonl(addr) };

	return inet_ntop(AF_INET, &a, out, INET_ADDRSTRLEN);
}

static unsigned prefix(uint32_t mask)
{
	return (unsigned)__builtin_popcount(mask);
}

void setup_guess_range(struct setup *s)
{
	const uint32_t net = s->addr & s->mask, last = net | ~s->mask;
	const uint32_t half = net + (last - net) / 2 + 1;

	s->first = half;
	s->last = last - 1;
	if (s->addr >= s->first && s->addr <= s->last) { /* the lower half, then */
		s->first = net + 1;
		s->last = half - 1;
	}
}

__attribute__((format(printf, 3, 4))) static int wrong(char *err, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static const struct setup_nic *other_nic(
	const struct setup *s, uint32_t addr, const struct setup_nic *nics, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(nics[i].name, s->interface) != 0 &&
			(addr & nics[i].mask) == (nics[i].addr & nics[i].mask))
			return &nics[i];
	}
	return NULL;
}

int setup_dns_reachable(const struct setup *s, uint32_t dns, const struct setup_nic *nics, size_t n,
	char why[SETUP_WHY_MAX])
{
	const struct setup_nic *other;
	char a[INET_ADDRSTRLEN];

	addr_text(dns, a);
	if ((dns & s->mask) == (s->addr & s->mask))
		return 1;
	if (dns >> 24 == 127 || dns >> 24 == 0) {
		snprintf(why, SETUP_WHY_MAX, "%s, which this machine asks, is on itself alone", a);
		return 0;
	}
	other = other_nic(s, dns, nics, n);
	if (other) {
		snprintf(why, SETUP_WHY_MAX, "%s is on the network of %s, not of %s", a,
			other->name, s->interface);
		return 0;
	}
	if (!s->router)
		snprintf(why, SETUP_WHY_MAX, "%s is on another network, and hosts have no router",
			a);
	return s->router != 0;
}

int setup_check(const struct setup *s, char *err, size_t err_size)
{
	const uint32_t net = s->addr & s->mask, end = net | ~s->mask;
	char a[INET_ADDRSTRLEN];

	if (!s->interface[0])
		return wrong(err, err_size, "no interface was chosen");
	if (s->proxy)
		return 0;
	if (prefix(s->mask) > 30)
		return wrong(err, err_size, "the subnet of %s has no room for hosts: /%u",
			s->interface, prefix(s->mask));
	if (s->first > s->last)
		return wrong(err, err_size, "the range ends before it begins");
	if (s->first <= net || s->last >= end)
		return wrong(err, err_size, "the range is not within %s/%u, the subnet of %s",
			addr_text(net, a), prefix(s->mask), s->interface);
	if (s->addr >= s->first && s->addr <= s->last)
		return wrong(err, err_size, "the range holds %s, this server's own address",
			addr_text(s->addr, a));
	return 0;
}

size_t setup_print(const struct setup *s, char out[SETUP_TEXT_MAX])
{
	char a[INET_ADDRSTRLEN], b[INET_ADDRSTRLEN];
	int n;

#define ADD(...) n += snprintf(out + n, SETUP_TEXT_MAX - (size_t)n, __VA_ARGS__)
	n = snprintf(out, SETUP_TEXT_MAX,
		SETUP_MARK "; muster.conf(5) has all keys. What you add stands in conf.d/*.conf\n"
			   "\n[server]\nname = %s\ninterface = %s\nadmission = %s\n",
		s->name, s->interface, s->admission);
	if (s->image[0])
		ADD("image = %s\n", s->image);
	ADD("\n[dhcp]\nmode = %s\n", s->proxy ? "proxy" : "full");
	if (s->proxy)
		return (size_t)n;
	ADD("\n[subnet %s/%u]\n", addr_text(s->addr & s->mask, a), prefix(s->mask));
	ADD("range = %s-%s\n", addr_text(s->first, a), addr_text(s->last, b));
	if (s->router)
		ADD("router = %s\n", addr_text(s->router, a));
	if (s->dns)
		ADD("dns = %s\n", addr_text(s->dns, a));
#undef ADD
	return (size_t)n;
}

static uint32_t address(const char *word)
{
	struct in_addr a;

	return inet_pton(AF_INET, word, &a) == 1 ? ntohl(a.s_addr) : 0;
}

static void read_line(const char *key, char *value, struct setup *s)
{
	char *minus;

	if (!strcmp(key, "name")) {
		snprintf(s->name, sizeof s->name, "%.63s", value);
	} else if (!strcmp(key, "interface")) {
		snprintf(s->interface, sizeof s->interface, "%.15s", value);
	} else if (!strcmp(key, "admission")) {
		snprintf(s->admission, sizeof s->admission, "%.15s", value);
	} else if (!strcmp(key, "image")) {
		snprintf(s->image, sizeof s->image, "%.63s", value);
	} else if (!strcmp(key, "mode")) {
		s->proxy = !strcmp(value, "proxy");
	} else if (!strcmp(key, "router")) {
		s->router = address(value);
	} else if (!strcmp(key, "dns")) {
		s->dns = address(value);
	} else if (!strcmp(key, "range") && (minus = strchr(value, '-'))) {
		*minus = '\0';
		s->first = address(value);
		s->last = address(minus + 1);
	}
}

int setup_read(const char *text, struct setup *out)
{
	char key[32], value[128];

	if (strncmp(text, SETUP_MARK, strlen(SETUP_MARK)) != 0)
		return -EINVAL;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (sscanf(line, "%31[a-z] = %127[^\n]", key, value) == 2)
			read_line(key, value, out);
	}
	return 0;
}
