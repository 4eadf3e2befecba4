#include "server/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"
#include "server/log.h"
#include "server/nearest.h"
#include "server/net/dhcp.h"

/* Where the parser stands. `subnet` and `quirk` are what the current section fills, or NULL. */
struct place {
	struct config *c;
	const char *file; /* NULL: no file's, one setting alone */
	unsigned line;
	const char *key; /* whose value is being read */
	struct config_subnet *subnet;
	struct config_told *told; /* where a setting of that kind goes */
	struct config_quirk *quirk;
	unsigned quirk_line; /* where it began */
	char *err;
	size_t err_size;
};

static int fail(const struct place *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(const struct place *p, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (p->file)
		snprintf(p->err, p->err_size, "%s:%u: %s", p->file, p->line, text);
	else
		snprintf(p->err, p->err_size, "%s", text);
	return -EINVAL;
}

/* ---- values ---- */

static int parse_addr(const char *v, uint32_t *out)
{
	struct in_addr a;

	if (inet_pton(AF_INET, v, &a) != 1)
		return -EINVAL;
	*out = ntohl(a.s_addr);
	return 0;
}

static int parse_uint(const char *v, unsigned long max, unsigned long *out)
{
	char *end;
	unsigned long n;

	if (!isdigit((unsigned char)*v))
		return -EINVAL;
	errno = 0;
	n = strtoul(v, &end, 10);
	if (errno || *end || n > max)
		return -EINVAL;
	*out = n;
	return 0;
}

static int set_text(const struct place *p, const char *v, char *out, size_t size)
{
	if (!*v)
		return fail(p, "the value is empty");
	if (strlen(v) >= size)
		return fail(p, "the value is longer than %zu bytes", size - 1);
	memcpy(out, v, strlen(v) + 1);
	return 0;
}

static int set_path(const struct place *p, const char *v, char *out)
{
	if (*v != '/')
		return fail(p, "'%s' is no absolute path", v);
	return set_text(p, v, out, CONFIG_TEXT_MAX);
}

static int set_bool(const struct place *p, const char *v, bool *out)
{
	if (!strcmp(v, "yes") || !strcmp(v, "true") || !strcmp(v, "on") || !strcmp(v, "1"))
		*out = true;
	else if (!strcmp(v, "no") || !strcmp(v, "false") || !strcmp(v, "off") || !strcmp(v, "0"))
		*out = false;
	else
		return fail(p, "'%s' is neither yes nor no", v);
	return 0;
}

/* One of a NULL-ended list of words; the index is the value. */
static int set_word(const struct place *p, const char *v, const char *const *words, int *out)
{
	char all[128] = "";

	for (int i = 0; words[i]; i++) {
		if (!strcmp(v, words[i])) {
			*out = i;
			return 0;
		}
		if (i)
			strcat(all, ", ");
		strcat(all, words[i]);
	}
	return fail(p, "'%s' is none of: %s", v, all);
}

/* "90", "90s", "10m", "1h", "2d" */
static int set_seconds(const struct place *p, const char *v, uint32_t *out)
{
	static const struct {
		const char *unit;
		uint32_t s;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	char *end;
	unsigned long n;

	if (!isdigit((unsigned char)*v))
		return fail(p, "'%s' is no time span such as 90s, 10m, 1h, 2d", v);
	n = strtoul(v, &end, 10);
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (!strcmp(end, units[i].unit) && n <= 31536000UL / units[i].s) {
			*out = (uint32_t)n * units[i].s;
			return 0;
		}
	}
	return fail(p, "'%s' is no time span such as 90s, 10m, 1h, 2d (at most 365d)", v);
}

/* Call one(p, item) for each comma-separated item of a value. */
static int each_item(struct place *p, char *v, int (*one)(struct place *, char *))
{
	char *save = NULL;

	for (char *item = strtok_r(v, ", \t", &save); item; item = strtok_r(NULL, ", \t", &save)) {
		int rc = one(p, item);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/*
 * Room for one more item in an allocated array, whose capacity is the power of two that is not
 * below n. The new array, or NULL with the error said; the old one is valid then.
 */
static void *grown(const struct place *p, void *array, size_t n, size_t size)
{
	void *more = n & (n - 1) ? array : realloc(array, (n ? 2 * n : 1) * size);

	if (!more)
		fail(p, "out of memory");
	return more;
}

static int add_listen(struct place *p, const char *v, struct config_listen *to, size_t *n)
{
	const char *colon = strrchr(v, ':');
	struct config_listen l;
	unsigned long port;
	char addr[INET_ADDRSTRLEN];

	if (!colon || (size_t)(colon - v) >= sizeof addr)
		return fail(p, "'%s' is no ADDRESS:PORT such as 0.0.0.0:80", v);
	memcpy(addr, v, (size_t)(colon - v));
	addr[colon - v] = 0;
	if (parse_addr(addr, &l.addr) < 0 || parse_uint(colon + 1, 65535, &port) < 0 || port == 0)
		return fail(p, "'%s' is no ADDRESS:PORT such as 0.0.0.0:80", v);
	if (*n == CONFIG_LISTEN_MAX)
		return fail(p, "more than %d listen addresses", CONFIG_LISTEN_MAX);
	l.port = (uint16_t)port;
	to[(*n)++] = l;
	return 0;
}

/* ---- one setter for each key ---- */

static int set_name(struct place *p, char *v)
{
	for (const char *s = v; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr("-._", *s))
			return fail(p, "a name has only letters, digits, '-', '.' and '_'");
	}
	return set_text(p, v, p->c->name, sizeof p->c->name);
}

static int set_state_dir(struct place *p, char *v)
{
	return set_path(p, v, p->c->state_dir);
}

static int set_run_dir(struct place *p, char *v)
{
	/* run-dir/muster.sock must fit into sockaddr_un */
	return strlen(v) > 90 ? fail(p, "the path is longer than 90 bytes")
			      : set_path(p, v, p->c->run_dir);
}

static int set_user(struct place *p, char *v)
{
	return set_text(p, v, p->c->user, sizeof p->c->user);
}

static int set_group(struct place *p, char *v)
{
	return set_text(p, v, p->c->group, sizeof p->c->group);
}

static int add_interface(struct place *p, char *v)
{
	struct config *c = p->c;

	if (c->n_interfaces == CONFIG_INTERFACES_MAX)
		return fail(p, "more than %d interfaces", CONFIG_INTERFACES_MAX);
	if (set_text(p, v, c->interfaces[c->n_interfaces], sizeof c->interfaces[0]) < 0)
		return -EINVAL;
	c->n_interfaces++;
	return 0;
}

static int set_interface(struct place *p, char *v)
{
	return each_item(p, v, add_interface);
}

static int set_admission(struct place *p, char *v)
{
	static const char *const words[] = { "open", "registered", "approve", NULL };
	int i, rc = set_word(p, v, words, &i);

	if (!rc)
		p->c->admission = (enum admission)i;
	return rc;
}

static int set_image(struct place *p, char *v)
{
	return set_text(p, v, p->c->image, sizeof p->c->image);
}

static int set_mode(struct place *p, char *v)
{
	static const char *const words[] = { "full", "proxy", "off", NULL };
	int i, rc = set_word(p, v, words, &i);

	if (!rc)
		p->c->dhcp_mode = (enum dhcp_mode)i;
	return rc;
}

static int set_lease_time(struct place *p, char *v)
{
	int rc = set_seconds(p, v, &p->told->lease_s);

	return rc < 0 || p->told->lease_s >= 60 ? rc : fail(p, "a lease is at least 60s");
}

static int set_part_of_lease(struct place *p, const char *v, uint32_t *out)
{
	int rc = set_seconds(p, v, out);

	return rc < 0 || *out ? rc : fail(p, "a time of 0s is none");
}

static int set_renew_time(struct place *p, char *v)
{
	return set_part_of_lease(p, v, &p->told->renew_s);
}

static int set_rebind_time(struct place *p, char *v)
{
	return set_part_of_lease(p, v, &p->told->rebind_s);
}

static int set_authoritative(struct place *p, char *v)
{
	return set_bool(p, v, &p->c->authoritative);
}

static int set_rapid_commit(struct place *p, char *v)
{
	return set_bool(p, v, &p->c->rapid_commit);
}

/* How many of the relays have an address below addr: where it is, or would be. */
static size_t relays_below(const struct config *c, uint32_t addr)
{
	size_t low = 0, high = c->n_relays;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->relays[middle] < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool config_has_relay(const struct config *c, uint32_t addr)
{
	size_t at = relays_below(c, addr);

	return at < c->n_relays && c->relays[at] == addr;
}

static int add_relay(struct place *p, char *v)
{
	struct config *c = p->c;
	uint32_t addr, *more;
	size_t at;

	if (parse_addr(v, &addr) < 0)
		return fail(p, "'%s' is no IPv4 address", v);
	if (config_has_relay(c, addr))
		return 0;
	if (c->n_relays == CONFIG_RELAYS_MAX)
		return fail(p, "more than %d relays", CONFIG_RELAYS_MAX);
	more = grown(p, c->relays, c->n_relays, sizeof *more);
	if (!more)
		return -EINVAL;
	c->relays = more;
	at = relays_below(c, addr);
	memmove(more + at + 1, more + at, (c->n_relays++ - at) * sizeof *more);
	more[at] = addr;
	return 0;
}

static int set_relays(struct place *p, char *v)
{
	return each_item(p, v, add_relay);
}

/* "A-B" inside the subnet; an exclusion may also be "A" alone. */
static int parse_range(struct place *p, char *v, bool exclusion, struct config_range *out)
{
	const struct config_subnet *s = p->subnet;
	const char *what = exclusion ? "exclusion" : "range";
	struct config_range r;
	char *dash = strchr(v, '-');

	if (dash)
		*dash = 0;
	if ((!dash && !exclusion) || parse_addr(v, &r.first) < 0 ||
		parse_addr(dash ? dash + 1 : v, &r.last) < 0)
		return fail(p, "%s %s is FIRST-LAST, such as 10.77.0.100-10.77.0.200%s",
			exclusion ? "an" : "a", what, exclusion ? ", or one address" : "");
	if (r.first > r.last)
		return fail(p, "the %s ends before it begins", what);
	if (((r.first ^ s->net) & s->mask) || ((r.last ^ s->net) & s->mask))
		return fail(p, "the %s leaves its subnet", what);
	*out = r;
	return 0;
}

static int set_rate(const struct place *p, const char *v, uint32_t *out)
{
	unsigned long n;

	if (parse_uint(v, CONFIG_RATE_MAX, &n) < 0)
		return fail(p, "'%s' is no number of packets per second up to %d (0: no limit)", v,
			CONFIG_RATE_MAX);
	*out = (uint32_t)n;
	return 0;
}

static int set_rate_mac(struct place *p, char *v)
{
	return set_rate(p, v, &p->c->rate_mac);
}

static int set_rate_circuit(struct place *p, char *v)
{
	return set_rate(p, v, &p->c->rate_circuit);
}

static int set_probe(struct place *p, char *v)
{
	return set_bool(p, v, &p->c->probe);
}

static int set_router_advertisement(struct place *p, char *v)
{
	static const char *const words[] = { "auto", "yes", "no", NULL };
	int i, rc = set_word(p, v, words, &i);

	if (!rc)
		p->c->router_advertisement = (enum router_advertisement)i;
	return rc;
}

static int add_range(struct place *p, char *v)
{
	struct config_subnet *s = p->subnet;
	struct config_range r;

	if (s->n_ranges == CONFIG_RANGES_MAX)
		return fail(p, "more than %d ranges", CONFIG_RANGES_MAX);
	if (parse_range(p, v, false, &r) < 0)
		return -EINVAL;
	for (size_t i = 0; i < s->n_ranges; i++) {
		if (r.first <= s->ranges[i].last && s->ranges[i].first <= r.last)
			return fail(p, "the range overlaps another one");
	}
	s->ranges[s->n_ranges++] = r;
	return 0;
}

static int set_range(struct place *p, char *v)
{
	return each_item(p, v, add_range);
}

static int add_exclude(struct place *p, char *v)
{
	struct config_subnet *s = p->subnet;

	if (s->n_excludes == CONFIG_EXCLUDES_MAX)
		return fail(p, "more than %d exclusions", CONFIG_EXCLUDES_MAX);
	if (parse_range(p, v, true, &s->excludes[s->n_excludes]) < 0)
		return -EINVAL;
	s->n_excludes++;
	return 0;
}

static int set_exclude(struct place *p, char *v)
{
	return each_item(p, v, add_exclude);
}

static int set_network(struct place *p, char *v)
{
	return set_text(p, v, p->subnet->network, sizeof p->subnet->network);
}

static int set_router(struct place *p, char *v)
{
	return parse_addr(v, &p->told->router) < 0 ? fail(p, "'%s' is no IPv4 address", v) : 0;
}

/* The key says which option. */
static int set_option(struct place *p, char *v)
{
	char why[300];

	return dhcp_options_set(&p->told->options, p->key, v, why, sizeof why) ? fail(p, "%s", why)
									       : 0;
}

static int set_match_mac(struct place *p, char *v)
{
	struct config_quirk *q = p->quirk;
	const char *s = v;

	for (q->mac_len = 0; q->mac_len < 6; q->mac_len++) {
		if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]))
			break;
		q->mac[q->mac_len] = (uint8_t)strtoul((char[]){ s[0], s[1], 0 }, NULL, 16);
		s += 2;
		if (!*s) {
			q->mac_len++;
			return 0;
		}
		if (*s != ':' && *s != '-')
			break;
		s++;
	}
	return fail(p, "'%s' is no MAC address or the first bytes of one, such as 52:54:00", v);
}

static int add_match_arch(struct place *p, char *v)
{
	struct config_quirk *q = p->quirk;
	unsigned long n;

	if (q->n_archs == CONFIG_ARCHS_MAX)
		return fail(p, "more than %d architectures", CONFIG_ARCHS_MAX);
	if (parse_uint(v, 0xfffe, &n) < 0)
		return fail(p, "'%s' is no number of an architecture (option 93)", v);
	q->archs[q->n_archs++] = (uint16_t)n;
	return 0;
}

static int set_match_arch(struct place *p, char *v)
{
	return each_item(p, v, add_match_arch);
}

static int set_match_class(struct place *p, char *v)
{
	return set_text(p, v, p->quirk->class, sizeof p->quirk->class);
}

static int set_match_user_class(struct place *p, char *v)
{
	return set_text(p, v, p->quirk->user_class, sizeof p->quirk->user_class);
}

static int set_match_vendor(struct place *p, char *v)
{
	return set_text(p, v, p->quirk->vendor, sizeof p->quirk->vendor);
}

static int set_match_product(struct place *p, char *v)
{
	return set_text(p, v, p->quirk->product, sizeof p->quirk->product);
}

static int set_match_uuid(struct place *p, char *v)
{
	char *out = p->quirk->uuid;
	size_t n = 0;

	for (const char *s = v; *s; s++) {
		if (*s == '-')
			continue;
		if (!isxdigit((unsigned char)*s) || n == sizeof p->quirk->uuid - 1)
			return fail(p,
				"'%s' is no UUID or the first digits of one, such as 4c4c4544", v);
		out[n++] = (char)tolower((unsigned char)*s);
	}
	return n ? 0 : fail(p, "the value is empty");
}

static int add_match_firmware(struct place *p, char *v)
{
	static const char *const words[] = {
		[FIRMWARE_BIOS] = "bios",
		[FIRMWARE_UEFI] = "uefi",
		[FIRMWARE_UEFI_HTTP] = "uefi-http",
		[FIRMWARE_IPXE] = "ipxe",
		[FIRMWARES] = NULL,
	};
	int i, rc = set_word(p, v, words, &i);

	if (!rc)
		p->quirk->firmware |= (uint8_t)(1 << i);
	return rc;
}

static int set_match_firmware(struct place *p, char *v)
{
	return each_item(p, v, add_match_firmware);
}

static int set_loader(struct place *p, char *v)
{
	if (strchr(v, '/') || *v == '.')
		return fail(p, "'%s' is no plain file name", v);
	return set_text(p, v, p->quirk->loader, sizeof p->quirk->loader);
}

static int set_transport(struct place *p, char *v)
{
	static const char *const words[] = { "auto", "tftp", "http", NULL };
	int i, rc = set_word(p, v, words, &i);

	if (!rc)
		p->quirk->transport = (uint8_t)i;
	return rc;
}

static int set_choice(const struct place *p, const char *v, uint8_t *out)
{
	static const char *const words[] = { "auto", "yes", "no", NULL };
	int i, rc = set_word(p, v, words, &i);

	if (!rc)
		*out = (uint8_t)i;
	return rc;
}

static int set_option_43(struct place *p, char *v)
{
	return set_choice(p, v, &p->quirk->form.option_43);
}

static int set_option_60(struct place *p, char *v)
{
	return set_choice(p, v, &p->quirk->form.option_60);
}

static int set_boot_file(struct place *p, char *v)
{
	static const char *const words[] = {
		[DHCP_FILE_BOTH] = "both",
		[DHCP_FILE_OPTION] = "option",
		[DHCP_FILE_HEADER] = "header",
		[DHCP_FILE_INS] = NULL,
	};
	int i, rc = set_word(p, v, words, &i);

	if (!rc)
		p->quirk->form.boot_file = (uint8_t)i;
	return rc;
}

static int set_no_boot(struct place *p, char *v)
{
	return set_bool(p, v, &p->quirk->no_boot);
}

static int set_tftp(struct place *p, char *v)
{
	return set_bool(p, v, &p->c->tftp);
}

static int set_tftp_program(struct place *p, char *v)
{
	return set_path(p, v, p->c->tftp_program);
}

static int set_loaders(struct place *p, char *v)
{
	return set_path(p, v, p->c->loader_dir);
}

static int add_http(struct place *p, char *v)
{
	return add_listen(p, v, p->c->listen, &p->c->n_listen);
}

static int set_listen(struct place *p, char *v)
{
	return each_item(p, v, add_http);
}

static int add_https(struct place *p, char *v)
{
	return add_listen(p, v, p->c->tls_listen, &p->c->n_tls_listen);
}

static int set_tls_listen(struct place *p, char *v)
{
	return each_item(p, v, add_https);
}

static int set_tls_cert(struct place *p, char *v)
{
	return set_path(p, v, p->c->tls_cert);
}

static int set_tls_key(struct place *p, char *v)
{
	return set_path(p, v, p->c->tls_key);
}

/* "http://HOST[:PORT][/PATH]", the slash at its end cut off. */
static int parse_url(const struct place *p, char *v, char *out, size_t size)
{
	size_t n = strlen(v);

	if (strncmp(v, "http://", 7) || n < 8)
		return fail(p, "'%s' does not begin with http://", v);
	for (const char *s = v + 7; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr(".:-/_[]", *s))
			return fail(p, "the URL holds a character that is not allowed there");
	}
	if (v[n - 1] == '/')
		v[n - 1] = 0;
	if (n > 100)
		return fail(p, "the URL is longer than 100 bytes");
	return set_text(p, v, out, size);
}

static int set_url(struct place *p, char *v)
{
	return parse_url(p, v, p->c->url, sizeof p->c->url);
}

static int set_tokens_in_clear(struct place *p, char *v)
{
	return set_bool(p, v, &p->c->tokens_in_clear);
}

static int set_mirror(struct place *p, char *v)
{
	struct config_subnet *s = p->subnet;
	int rc;

	if (s->n_mirrors == CONFIG_MIRRORS_MAX)
		return fail(p, "more than %d mirrors", CONFIG_MIRRORS_MAX);
	rc = parse_url(p, v, s->mirrors[s->n_mirrors], sizeof s->mirrors[0]);
	if (!rc && strchr(v + 7, '/'))
		return fail(p, "a mirror is http://HOST:PORT, without a path");
	s->n_mirrors += rc == 0;
	return rc;
}

static int set_number(const struct place *p, const char *v, const char *of_what, uint32_t min,
	uint32_t max, uint32_t *out)
{
	unsigned long n;

	if (parse_uint(v, max, &n) < 0 || n < min)
		return fail(p, "'%s' is no number of %s from %u to %u", v, of_what, min, max);
	*out = (uint32_t)n;
	return 0;
}

static int set_conns(const struct place *p, const char *v, uint32_t *out)
{
	return set_number(p, v, "connections", CONFIG_CONNS_MIN, CONFIG_CONNS_MAX, out);
}

static int set_conns_all(struct place *p, char *v)
{
	return set_conns(p, v, &p->c->conns);
}

static int set_conns_per_addr(struct place *p, char *v)
{
	return set_conns(p, v, &p->c->conns_per_addr);
}

static int set_transfers_max(struct place *p, char *v)
{
	return set_number(p, v, "transfers", 0, CONFIG_TRANSFERS_MAX, &p->c->transfers_max);
}

static int set_transfers_rate(struct place *p, char *v)
{
	return set_number(
		p, v, "transfers a second", 0, CONFIG_TRANSFERS_MAX, &p->c->transfers_rate);
}

static int set_pace(struct place *p, char *v)
{
	return set_number(p, v, "KiB a second", 0, CONFIG_PACE_MAX, &p->c->pace_kib);
}

static int set_slowest(struct place *p, char *v)
{
	return set_number(p, v, "KiB a second", 0, CONFIG_SLOWEST_MAX, &p->c->least_kib);
}

static int set_silence(struct place *p, const char *v, uint32_t *out)
{
	int rc = set_seconds(p, v, out);

	if (rc < 0 || (*out >= CONFIG_SILENCE_MIN_S && *out <= CONFIG_SILENCE_MAX_S))
		return rc;
	return fail(p, "a silence is from %us to 1d", CONFIG_SILENCE_MIN_S);
}

static int set_silence_min(struct place *p, char *v)
{
	return set_silence(p, v, &p->c->silence_min_s);
}

static int set_silence_max(struct place *p, char *v)
{
	return set_silence(p, v, &p->c->silence_max_s);
}

static int set_silence_factor(struct place *p, char *v)
{
	return set_number(p, v, "times", 1, CONFIG_SILENCE_FACTOR, &p->c->silence_factor);
}

static int set_keep_boots(struct place *p, char *v)
{
	return set_number(p, v, "boots", 1, CONFIG_KEEP_BOOTS, &p->c->keep_boots);
}

static int set_keep_days(struct place *p, char *v)
{
	return set_number(p, v, "days", 0, CONFIG_KEEP_DAYS, &p->c->keep_days);
}

static int set_level(struct place *p, char *v)
{
	static const char *const words[] = { "error", "warn", "info", "debug", NULL };

	return set_word(p, v, words, &p->c->log_level);
}

/* The reference: every section and key there is. `list` keys may be given more than once. */
static const struct key {
	const char *section, *name;
	int (*set)(struct place *, char *);
	bool list;
} keys[] = {
	{ "server", "name", set_name, false },
	{ "server", "state-dir", set_state_dir, false },
	{ "server", "run-dir", set_run_dir, false },
	{ "server", "user", set_user, false },
	{ "server", "group", set_group, false },
	{ "server", "interface", set_interface, true },
	{ "server", "admission", set_admission, false },
	{ "server", "image", set_image, false },
	{ "dhcp", "mode", set_mode, false },
	{ "dhcp", "lease-time", set_lease_time, false },
	{ "dhcp", "renew-time", set_renew_time, false },
	{ "dhcp", "rebind-time", set_rebind_time, false },
	{ "dhcp", "authoritative", set_authoritative, false },
	{ "dhcp", "rapid-commit", set_rapid_commit, false },
	{ "dhcp", "relays", set_relays, true },
	{ "dhcp", "dns", set_option, true },
	{ "dhcp", "domain", set_option, false },
	{ "dhcp", "mtu", set_option, false },
	{ "dhcp", "ntp", set_option, true },
	{ "dhcp", "search", set_option, true },
	{ "dhcp", "route", set_option, true },
	{ "dhcp", "option", set_option, true },
	{ "dhcp", "rate-mac", set_rate_mac, false },
	{ "dhcp", "rate-circuit", set_rate_circuit, false },
	{ "dhcp", "probe", set_probe, false },
	{ "dhcp", "router-advertisement", set_router_advertisement, false },
	{ "subnet", "network", set_network, false },
	{ "subnet", "range", set_range, true },
	{ "subnet", "exclude", set_exclude, true },
	{ "subnet", "router", set_router, false },
	{ "subnet", "lease-time", set_lease_time, false },
	{ "subnet", "renew-time", set_renew_time, false },
	{ "subnet", "rebind-time", set_rebind_time, false },
	{ "subnet", "dns", set_option, true },
	{ "subnet", "domain", set_option, false },
	{ "subnet", "mtu", set_option, false },
	{ "subnet", "ntp", set_option, true },
	{ "subnet", "search", set_option, true },
	{ "subnet", "route", set_option, true },
	{ "subnet", "option", set_option, true },
	{ "subnet", "mirror", set_mirror, true },
	{ "quirk", "match-mac", set_match_mac, false },
	{ "quirk", "match-arch", set_match_arch, true },
	{ "quirk", "match-class", set_match_class, false },
	{ "quirk", "match-uuid", set_match_uuid, false },
	{ "quirk", "match-user-class", set_match_user_class, false },
	{ "quirk", "match-vendor", set_match_vendor, false },
	{ "quirk", "match-product", set_match_product, false },
	{ "quirk", "match-firmware", set_match_firmware, true },
	{ "quirk", "loader", set_loader, false },
	{ "quirk", "transport", set_transport, false },
	{ "quirk", "pxe-option-43", set_option_43, false },
	{ "quirk", "pxe-option-60", set_option_60, false },
	{ "quirk", "boot-file", set_boot_file, false },
	{ "quirk", "no-boot", set_no_boot, false },
	{ "tftp", "enabled", set_tftp, false },
	{ "tftp", "program", set_tftp_program, false },
	{ "tftp", "loaders", set_loaders, false },
	{ "http", "listen", set_listen, true },
	{ "http", "tls-listen", set_tls_listen, true },
	{ "http", "tls-cert", set_tls_cert, false },
	{ "http", "tls-key", set_tls_key, false },
	{ "http", "url", set_url, false },
	{ "http", "tokens-in-clear", set_tokens_in_clear, false },
	{ "http", "connections", set_conns_all, false },
	{ "http", "connections-per-address", set_conns_per_addr, false },
	{ "http", "transfers-max", set_transfers_max, false },
	{ "http", "transfers-rate", set_transfers_rate, false },
	{ "http", "pace", set_pace, false },
	{ "http", "slowest", set_slowest, false },
	{ "boot", "silence-min", set_silence_min, false },
	{ "boot", "silence-max", set_silence_max, false },
	{ "boot", "silence-factor", set_silence_factor, false },
	{ "boot", "keep-boots", set_keep_boots, false },
	{ "boot", "keep-days", set_keep_days, false },
	{ "log", "level", set_level, false },
};

/* ---- nearest known word ---- */

/* The nearest section (section is NULL) or key of that section. */
static const char *nearest(const char *section, const char *word)
{
	const char *best = keys[0].section;
	unsigned distance = 100;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!section || !strcmp(keys[i].section, section))
			nearest_try(
				word, section ? keys[i].name : keys[i].section, &best, &distance);
	}
	return best;
}

/* ---- lines ---- */

static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (isspace((unsigned char)*s))
		s++;
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = 0;
	return s;
}

/* A comment starts with ; or # at the start of the line or after white space. */
static void cut_comment(char *s)
{
	for (char *p = s; *p; p++) {
		if ((*p == ';' || *p == '#') && (p == s || isspace((unsigned char)p[-1]))) {
			*p = 0;
			return;
		}
	}
}

/* How many subnets begin at or below addr: the last of them is the one that may hold it. */
static size_t subnets_up_to(const struct config *c, uint32_t addr)
{
	size_t low = 0, high = c->n_subnets;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->subnets[middle].net <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct config_subnet *config_subnet_of(const struct config *c, uint32_t addr)
{
	size_t n = subnets_up_to(c, addr);
	const struct config_subnet *s = n ? &c->subnets[n - 1] : NULL;

	return s && !((s->net ^ addr) & s->mask) ? s : NULL;
}

bool config_same_network(const struct config_subnet *a, const struct config_subnet *b)
{
	return a == b || (a->network[0] && !strcmp(a->network, b->network));
}

/* Put it in its place among the others; p->subnet is where the section's keys go. */
static int add_subnet(struct place *p, const struct config_subnet *s)
{
	struct config *c = p->c;
	size_t at = subnets_up_to(c, s->net);
	struct config_subnet *more;

	if (c->n_subnets == CONFIG_SUBNETS_MAX)
		return fail(p, "more than %d subnets", CONFIG_SUBNETS_MAX);
	if (config_subnet_of(c, s->net) ||
		(at < c->n_subnets && !((c->subnets[at].net ^ s->net) & s->mask)))
		return fail(p, "the subnet overlaps another one");
	more = grown(p, c->subnets, c->n_subnets, sizeof *more);
	if (!more)
		return -EINVAL;
	c->subnets = more;
	memmove(more + at + 1, more + at, (c->n_subnets++ - at) * sizeof *more);
	more[at] = *s;
	p->subnet = &more[at];
	p->told = &more[at].told;
	return 0;
}

static int open_subnet(struct place *p, char *arg)
{
	struct config_subnet s = { 0 };
	char *slash = strchr(arg, '/');
	unsigned long prefix;

	if (slash)
		*slash = 0;
	if (!slash || parse_addr(arg, &s.net) < 0 || parse_uint(slash + 1, 30, &prefix) < 0 ||
		prefix < 8)
		return fail(p, "a subnet is written [subnet 10.77.0.0/24], prefix 8 to 30");
	s.prefix = (uint8_t)prefix;
	s.mask = ~0U << (32 - prefix);
	if (s.net & ~s.mask)
		return fail(p, "%s has bits set beyond /%lu", arg, prefix);
	return add_subnet(p, &s);
}

static int open_quirk(struct place *p, const char *arg)
{
	struct config *c = p->c;

	if (c->n_quirks == CONFIG_QUIRKS_MAX)
		return fail(p, "more than %d quirks", CONFIG_QUIRKS_MAX);
	p->quirk = &c->quirks[c->n_quirks];
	p->quirk_line = p->line;
	if (set_text(p, arg, p->quirk->name, sizeof p->quirk->name) < 0)
		return -EINVAL;
	c->n_quirks++;
	return 0;
}

/* What must hold over the keys of one rule. */
static int check_quirk(const struct place *p, const struct config_quirk *q)
{
	static const struct config_form usual;
	const bool picks =
		q->loader[0] || q->transport || memcmp(&q->form, &usual, sizeof usual) != 0;

	if (picks && q->no_boot)
		return fail(p, "[quirk %s] has no-boot, so it can pick nothing else", q->name);
	if (!picks && !q->no_boot)
		return fail(
			p, "[quirk %s] picks nothing: give it a loader, a transport, ...", q->name);
	if (q->form.option_60 == CHOICE_NO && q->form.option_43 == CHOICE_YES)
		return fail(p, "[quirk %s]: pxe-option-43 means nothing without pxe-option-60",
			q->name);
	return 0;
}

/* The section of a rule has ended; what is wrong with the whole is said of its first line. */
static int close_quirk(struct place *p)
{
	const unsigned line = p->line;
	int rc;

	if (!p->quirk)
		return 0;
	p->line = p->quirk_line;
	rc = check_quirk(p, p->quirk);
	p->line = line;
	p->quirk = NULL;
	return rc;
}

/* "[server]", "[subnet 10.77.0.0/24]", "[quirk NAME]" */
static int parse_section(struct place *p, char *s, char *section, size_t size)
{
	char *end = strchr(s, ']'), *arg;

	if (!end || end[1])
		return fail(p, "a section is written [name]");
	*end = 0;
	p->subnet = NULL;
	p->told = &p->c->told;
	p->quirk = NULL;
	s = trim(s + 1);
	arg = s + strcspn(s, " \t");
	if (*arg)
		*arg++ = 0;
	arg = trim(arg);
	if (strcmp(nearest(NULL, s), s))
		return fail(p, "unknown section [%s]; did you mean [%s]?", s, nearest(NULL, s));
	snprintf(section, size, "%s", s);
	if (!strcmp(s, "subnet"))
		return open_subnet(p, arg);
	if (!strcmp(s, "quirk"))
		return open_quirk(p, arg);
	return *arg ? fail(p, "[%s] takes no name", s) : 0;
}

/* `seen` says which keys this section has had already: one for each row of the table. */
static int parse_value(struct place *p, const char *section, char *s, bool seen[ARRAY_LEN(keys)])
{
	char *eq = strchr(s, '='), *name;

	if (!eq)
		return fail(p, "'%s' is neither [section] nor key = value", s);
	*eq = 0;
	name = trim(s);
	if (!*section)
		return fail(p, "'%s' stands before the first [section]", name);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(keys[i].section, section) || strcmp(keys[i].name, name))
			continue;
		if (!keys[i].list && seen[i])
			return fail(p, "'%s' is given twice", name);
		seen[i] = true;
		p->key = keys[i].name;
		return keys[i].set(p, trim(eq + 1));
	}
	return fail(p, "unknown key '%s' in [%s]; did you mean '%s'?", name, section,
		nearest(section, name));
}

static int parse_lines(struct place *p, char *text)
{
	char section[32] = "", *next;
	bool seen[ARRAY_LEN(keys)] = { false };

	for (char *s = text; s; s = next) {
		int rc;

		next = strchr(s, '\n');
		if (next)
			*next++ = 0;
		p->line++;
		cut_comment(s);
		s = trim(s);
		if (!*s)
			continue;
		if (*s == '[') {
			/* [subnet] and [quirk] may come again, each a new one */
			memset(seen, 0, sizeof seen);
			rc = close_quirk(p);
			if (!rc)
				rc = parse_section(p, s, section, sizeof section);
		} else {
			rc = parse_value(p, section, s, seen);
		}
		if (rc < 0)
			return rc;
	}
	return close_quirk(p);
}

int config_parse(const char *text, size_t len, const char *file, struct config *c, char *err,
	size_t err_size)
{
	struct place p = {
		.c = c, .told = &c->told, .file = file, .err = err, .err_size = err_size
	};
	char *copy;
	int rc;

	if (memchr(text, 0, len)) {
		snprintf(err, err_size, "%s: holds a NUL byte; is it a text file?", file);
		return -EINVAL;
	}
	copy = strndup(text, len);
	if (!copy)
		return -ENOMEM;
	rc = parse_lines(&p, copy);
	free(copy);
	return rc;
}

/* ---- one host ---- */

/* The number that such a key sets; NULL for other keys. */
static uint32_t *number_of(struct config_told *t, const struct key *k)
{
	return k->set == set_router	   ? &t->router
	       : k->set == set_lease_time  ? &t->lease_s
	       : k->set == set_renew_time  ? &t->renew_s
	       : k->set == set_rebind_time ? &t->rebind_s
					   : NULL;
}

int config_told_set(struct config_told *told, const char *line, char *err, size_t err_size)
{
	struct place p = { .told = told, .err = err, .err_size = err_size };
	char copy[CONFIG_TOLD_MAX], *eq, *name;

	if ((size_t)snprintf(copy, sizeof copy, "%s", line) >= sizeof copy)
		return fail(&p, "a setting is longer than %d bytes", CONFIG_TOLD_MAX - 1);
	eq = strchr(copy, '=');
	if (!eq)
		return fail(&p, "'%s' is no setting such as dns = 10.77.0.9", copy);
	*eq = 0;
	name = trim(copy);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const uint32_t *number = number_of(told, &keys[i]);

		if (strcmp(keys[i].section, "subnet") || strcmp(keys[i].name, name) ||
			(!number && keys[i].set != set_option))
			continue;
		if (number && *number)
			return fail(&p, "'%s' is given twice", name);
		p.key = keys[i].name;
		return keys[i].set(&p, trim(eq + 1));
	}
	return fail(&p,
		"a host has no setting '%s' of its own; it may have router, dns, domain, ntp, "
		"search, route, mtu, option, lease-time, renew-time, rebind-time",
		name);
}

void config_defaults(struct config *c)
{
	*c = (struct config){
		.name = "muster",
		.state_dir = "/var/lib/muster",
		.run_dir = "/run/muster",
		.user = "muster",
		.admission = ADMISSION_APPROVE,
		.dhcp_mode = DHCP_FULL,
		.told = { .lease_s = 3600 },
		.authoritative = true,
		.rate_mac = 5,
		.rate_circuit = 200,
		.probe = true,
		.tftp = true,
		.tftp_program = "/usr/sbin/in.tftpd",
		.loader_dir = "/usr/lib/ipxe",
		.conns = 4096,
		.conns_per_addr = 256,
		.least_kib = 4,
		.silence_min_s = 120,
		.silence_max_s = 900,
		.silence_factor = 4,
		.keep_boots = 100,
		.log_level = LOG_LEVEL_INFO,
	};
}

struct config_times config_times_of(
	const struct config *c, const struct config_subnet *s, const struct config_told *host)
{
	const struct config_told *const from[] = { host, s ? &s->told : NULL, c ? &c->told : NULL };
	struct config_times t = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(from) && !t.lease_s; i++) {
		if (!from[i])
			continue;
		t.lease_s = from[i]->lease_s;
		t.renew_s = t.renew_s ? t.renew_s : from[i]->renew_s;
		t.rebind_s = t.rebind_s ? t.rebind_s : from[i]->rebind_s;
	}

	if (!t.renew_s)
		t.renew_s = t.lease_s / 2;
	if (!t.rebind_s)
		t.rebind_s = (uint32_t)((uint64_t)t.lease_s * 7 / 8);
	return t;
}

void config_fini(struct config *c)
{
	free(c->subnets);
	free(c->relays);
	for (size_t i = 0; i < c->n_files; i++)
		free(c->files[i].text);
	free(c->files);
	c->files = NULL;
	c->n_files = 0;
	c->subnets = NULL;
	c->relays = NULL;
	c->n_subnets = c->n_relays = 0;
}
