/* config_check.c: what must hold over several keys. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "server/config.h"

/* Where to say what is wrong. */
struct check {
	const char *file;
	char *err;
	size_t err_size;
};

static int fail(const struct check *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(const struct check *k, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	snprintf(k->err, k->err_size, "%s: %s", k->file, text);
	return -EINVAL;
}

static bool in_order(const struct config_times *t)
{
	return t->renew_s < t->rebind_s && t->rebind_s < t->lease_s;
}

int config_told_check(const struct config_told *told, char *err, size_t err_size)
{
	const struct config_times t = config_times_of(NULL, NULL, told);

	if (!told->lease_s && (told->renew_s || told->rebind_s))
		snprintf(err, err_size, "renew-time and rebind-time need a lease-time beside them");
	else if (told->lease_s && !in_order(&t))
		snprintf(err, err_size,
			"renew-time, rebind-time and lease-time are %us, %us and %us: each must be "
			"longer than the one before",
			t.renew_s, t.rebind_s, t.lease_s);
	else
		return 0;
	return -EINVAL;
}

static int check_subnet(
	const struct check *k, const struct config *c, const struct config_subnet *s)
{
	const struct config_times t = config_times_of(c, s, NULL);
	char name[32];

	snprintf(name, sizeof name, "%u.%u.%u.%u/%u", s->net >> 24, s->net >> 16 & 255,
		s->net >> 8 & 255, s->net & 255, s->prefix);
	if (s->told.router && ((s->told.router ^ s->net) & s->mask))
		return fail(k, "[subnet %s] has a router outside of it", name);
	if (!in_order(&t))
		return fail(k,
			"[subnet %s] renew-time, rebind-time and lease-time are %us, %us and %us: "
			"each must be longer than the one before",
			name, t.renew_s, t.rebind_s, t.lease_s);
	return 0;
}

int config_check(const struct config *c, const char *file, char *err, size_t err_size)
{
	const struct check k = { file, err, err_size };
	size_t ranges = 0;
	int rc = 0;

	for (size_t i = 0; i < c->n_subnets; i++)
		ranges += c->subnets[i].n_ranges;
	if (c->dhcp_mode != DHCP_OFF && !c->n_interfaces)
		return fail(&k, "[server] interface is missing: where shall DHCP be answered?");
	if (c->dhcp_mode == DHCP_FULL && !ranges)
		return fail(&k, "[dhcp] mode = full needs a [subnet A.B.C.D/N] with a range");
	if (c->n_tls_listen && (!c->tls_cert[0] || !c->tls_key[0]))
		return fail(&k, "[http] tls-listen needs tls-cert and tls-key");
	if (c->silence_min_s > c->silence_max_s)
		return fail(&k, "[boot] silence-min = %us is above silence-max = %us",
			c->silence_min_s, c->silence_max_s);
	if (c->pace_kib && c->pace_kib <= c->least_kib)
		return fail(&k,
			"[http] pace = %u is not above slowest = %u: large answers would be cut",
			c->pace_kib, c->least_kib);
	for (size_t i = 0; i < c->n_quirks; i++) {
		if (c->dhcp_mode == DHCP_PROXY && c->quirks[i].form.option_60 == CHOICE_NO)
			return fail(&k,
				"a [quirk] has pxe-option-60 = no, without which a proxy's offer is none");
	}
	for (size_t i = 0; i < c->n_subnets && !rc; i++)
		rc = check_subnet(&k, c, &c->subnets[i]);
	return rc;
}
