#include "server/core/values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/profile.h"
#include "server/core/told.h"

#define SECRET "chap-secret"

int values_name_ok(const char *name)
{
	const size_t n = strlen(name);

	return n > 0 && n < STORE_VALUE_NAME_MAX && *name >= 'a' && *name <= 'z' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static void add_value(struct values *v, const char *name, const char *value)
{
	v->v[v->n++] = (struct script_value){ name, value, false };
}

bool values_is_secret(const char *name)
{
	const size_t n = strlen(name), tail = strlen("secret");

	return n >= tail && !strcmp(name + n - tail, "secret");
}

void values_mask(struct values *v)
{
	for (size_t i = 0; i < v->n; i++) {
		if (values_is_secret(v->v[i].name))
			v->v[i].value = "[secret]";
	}
}

static const char *const builtins[] = { "host", "server", "url", "address", "netmask", "prefix",
	"gateway", "dns", "domain", "mac" };

const char *values_builtin(size_t i)
{
	return i < ARRAY_LEN(builtins) ? builtins[i] : NULL;
}

/* ---- of its network ---- */

static void print_addr(uint32_t addr, char out[16])
{
	snprintf(out, 16, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255, addr & 255);
}

/* Where the host is in its newest boot, else what is reserved for it; 0: not known. */
static uint32_t address_of(struct core *c, const struct store_host *h)
{
	struct store_reservation r;
	struct store_boot b;
	int rc = store_boot_newest(c->store, h->id, &b);

	if (rc != -ENOENT)
		core_must(c, rc, "boot newest");
	if (!rc && b.addr)
		return b.addr;
	rc = store_reservation_of(c->store, h->id, &r);
	if (rc != -ENOENT)
		core_must(c, rc, "reservation");
	return rc ? 0 : r.addr;
}

/* What DHCP tells this host alone. */
static void told_of(struct core *c, const struct store_host *h, struct config_told *out)
{
	char *text = NULL, err[600];
	struct json *doc;
	int rc = store_host_options(c->store, h->id, &text);

	*out = (struct config_told){ 0 };
	if (rc == -ENOENT)
		return;
	core_must(c, rc, "host options");
	doc = json_read(text, strlen(text), err, sizeof err);
	if (told_read(doc, out, err, sizeof err) < 0)
		*out = (struct config_told){ 0 };
	json_free(doc);
	free(text);
}

/* As DHCP says it: the host's own option, its subnet's, everybody's. */
static bool find_option(const struct config_told *const told[3], uint8_t tag, struct dhcp_option *o)
{
	for (size_t i = 0; i < 3; i++) {
		if (told[i] &&
			dhcp_options_find(told[i]->options.bytes, told[i]->options.len, tag, o))
			return true;
	}
	return false;
}

/* The card that it boots by, as its agent said, else any of its own. */
static void find_mac(struct core *c, const struct store_host *h, char out[HOST_MAC_TEXT])
{
	uint8_t macs[1][6], mac[6];
	char *text = NULL, err[80];
	struct json *doc = NULL;
	const struct json *nics;

	if (store_host_facts(c->store, h->id, &text) == 0)
		doc = json_read(text, strlen(text), err, sizeof err);
	nics = json_get(doc, "nics");
	for (size_t i = 0; i < json_len(nics) && !*out; i++) {
		if (json_bool(json_get(json_at(nics, i), "boot"), false) &&
			host_mac_parse(json_get_str(json_at(nics, i), "mac", ""), mac) == 0)
			host_mac_print(mac, out);
	}
	if (!*out && core_must(c, store_host_macs(c->store, h->id, macs, 1), "host macs"))
		host_mac_print(macs[0], out);
	json_free(doc);
	free(text);
}

static void find_network(struct core *c, const struct store_host *h, struct values *v)
{
	const uint32_t addr = address_of(c, h);
	const struct config_subnet *s = addr ? config_subnet_of(c->cfg, addr) : NULL;
	struct config_told own;
	const struct config_told *const told[3] = { &own, s ? &s->told : NULL, &c->cfg->told };
	struct dhcp_option o;

	told_of(c, h, &own);
	if (addr)
		print_addr(addr, v->address);
	if (s) {
		print_addr(s->mask, v->netmask);
		snprintf(v->prefix, sizeof v->prefix, "%u", s->prefix);
	}
	if (own.router || (s && s->told.router))
		print_addr(own.router ? own.router : s->told.router, v->gateway);
	if (find_option(told, DHCP_OPT_DNS, &o) && o.len >= 4)
		snprintf(v->dns, sizeof v->dns, "%u.%u.%u.%u", o.val[0], o.val[1], o.val[2],
			o.val[3]);
	if (find_option(told, DHCP_OPT_DOMAIN, &o))
		snprintf(v->domain, sizeof v->domain, "%.*s", (int)o.len, (const char *)o.val);
	find_mac(c, h, v->mac);
}

/* ---- all of them ---- */

/* One of people's: the secret of a disk goes its own way. */
static void add_own(struct values *v, const struct store_value *own)
{
	if (strcmp(own->name, SECRET) != 0)
		add_value(v, own->name, own->value);
	else if (!v->secret)
		v->secret = own->value;
}

static void add_known(struct values *v, const char *name, const char *value)
{
	if (*value)
		add_value(v, name, value);
}

/* Who comes first wins over what follows. */
void values_load(struct core *c, const struct store_host *h, const struct store_profile *p,
	const char *token, struct values *v)
{
	int n;

	*v = (struct values){ 0 };
	n = core_must(c, store_host_values(c->store, h->id, v->own, STORE_VALUES_MAX), "values");
	for (int i = 0; i < n; i++)
		add_own(v, &v->own[i]);
	for (size_t i = 0; p && i < p->n_values; i++) {
		memcpy(v->profile[i].name, p->values[i].name, sizeof v->profile[i].name);
		memcpy(v->profile[i].value, p->values[i].value, sizeof v->profile[i].value);
		if (!p->values[i].required)
			add_own(v, &v->profile[i]);
	}
	find_network(c, h, v);
	add_value(v, "host", h->name);
	add_value(v, "server", c->cfg->name);
	add_value(v, "url", c->server->url);
	add_known(v, "address", v->address);
	add_known(v, "netmask", v->netmask);
	add_known(v, "prefix", v->prefix);
	add_known(v, "gateway", v->gateway);
	add_known(v, "dns", v->dns);
	add_known(v, "domain", v->domain);
	add_known(v, "mac", v->mac);
	if (!token)
		return;
	snprintf(v->report, sizeof v->report, "%s" VALUES_REPORT "%s", c->server->url, token);
	snprintf(v->initiator, sizeof v->initiator, VALUES_IQN "%s", h->name);
	add_value(v, "report", v->report);
	add_value(v, "san-lun", "0");
	add_value(v, "san-initiator", v->initiator);
}

void values_of(struct core *c, const struct store_host *h, const char *token, struct values *v)
{
	struct store_profile p = { 0 };
	const bool has = profile_of(c, h, &p);

	values_load(c, h, has ? &p : NULL, token, v);
	store_profile_fini(&p);
}

const char *values_get(const struct values *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++) {
		if (!strcmp(v->v[i].name, name))
			return v->v[i].value;
	}
	return NULL;
}

/* Why a text cannot be filled in: the first name of it that has no value. */
static void explain_missing(
	const char *text, const struct values *v, const char *host, char *why, size_t size)
{
	char name[SCRIPT_NAME_MAX];

	if (script_missing(text, v->v, v->n, name) && *name)
		snprintf(why, size, "the image wants the value %s, which %s does not have", name,
			host);
	else
		snprintf(why, size,
			"the values of %s cannot be filled into the arguments of the image", host);
}

/* One line with @{name}. 0, or -1 with the reason. */
static int fill(const char *text, const struct values *v, const char *host, char *out, size_t size,
	char *why, size_t why_size)
{
	int n = script_fill(text, v->v, v->n, out, size);

	if (n < 0) {
		explain_missing(text, v, host, why, why_size);
		return -1;
	}
	out[n - (n > 0)] = 0; /* script_fill ends each line */
	return 0;
}

int values_args(struct core *c, const struct store_host *h, const struct values *v,
	const struct store_image *image, char *out, char *why)
{
	char own[MANIFEST_ARGS_MAX];

	core_must(c, store_image_args(c->store, &image->manifest, own), "image args");
	if (fill(own, v, h->name, out, VALUES_ARGS_MAX, why, VALUES_WHY_MAX))
		return -1;
	/* A text that goes to the host as it is must not become a command. */
	if (script_value_ok(out))
		return 0;
	snprintf(why, VALUES_WHY_MAX,
		"the arguments of the image have characters that iPXE would take for its own");
	return -1;
}
