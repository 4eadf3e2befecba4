/* verb_simulate.c: `muster simulate`. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/trust.h"
#include "db/host.h"
#include "images/manifest.h"
#include "server/ctl/format.h"
#include "server/ctl/hosts.h"
#include "server/ctl/simulate_report.h"
#include "server/ctl/verbs.h"
#include "server/simulate/simulate.h"

#define LIMIT_MS   (30 * 60 * 1000)
#define FOLDED_MAX 400

/* Locally administered, so no manufacturer's card is meant; the last three bytes count. */
static const uint8_t default_prefix[3] = { 0x02, 0x6d, 0x73 };

struct wish {
	struct simulate_plan plan;
	const char *image, *trust_dir;
	bool clean, yes;
};

enum {
	OPT_HOSTS = 1,
	OPT_AT_ONCE,
	OPT_RATE,
	OPT_TFTP,
	OPT_IMAGE,
	OPT_PREFIX,
	OPT_SERVER,
	OPT_RELAY,
	OPT_INTERFACE,
	OPT_TRUST,
	OPT_TIMEOUT,
	OPT_CLEAN,
	OPT_YES
};

static const struct option options[] = {
	{ "hosts", required_argument, NULL, OPT_HOSTS },
	{ "at-once", no_argument, NULL, OPT_AT_ONCE },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "tftp-share", required_argument, NULL, OPT_TFTP },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "prefix", required_argument, NULL, OPT_PREFIX },
	{ "server", required_argument, NULL, OPT_SERVER },
	{ "relay", required_argument, NULL, OPT_RELAY },
	{ "interface", required_argument, NULL, OPT_INTERFACE },
	{ "trust", required_argument, NULL, OPT_TRUST },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "clean", no_argument, NULL, OPT_CLEAN },
	{ "yes", no_argument, NULL, OPT_YES },
	{ 0 },
};

/* ---- words ---- */

/* A number from 1 (or 0 where it may be) to max, then `end`. */
static int number(const char *text, unsigned min, unsigned max, const char *unit, unsigned *out)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (end == text || *text == '-' || errno || n < min || n > max ||
		(*end && strcmp(end, unit)))
		return -EINVAL;
	*out = (unsigned)n;
	return 0;
}

static int address(const char *text, uint32_t *out)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		return -EINVAL;
	*out = ntohl(a.s_addr);
	return *out ? 0 : -EINVAL;
}

/* Three bytes, of one host (not a group) and given out by nobody. */
static int prefix(const char *text, uint8_t out[3])
{
	uint8_t bytes[HOST_BYTES_MAX];

	if (host_bytes_parse(text, bytes) != 3 || (bytes[0] & 3) != 2)
		return -EINVAL;
	memcpy(out, bytes, 3);
	return 0;
}

static int take_option(struct wish *w, int o, const char *value)
{
	struct simulate_plan *p = &w->plan;

	switch (o) {
	case OPT_HOSTS:
		return number(value, 1, SIMULATE_HOSTS_MAX, "", &p->n);
	case OPT_AT_ONCE:
		p->per_s = 0;
		return 0;
	case OPT_RATE:
		return number(value, 1, 100000, "", &p->per_s);
	case OPT_TFTP:
		return number(value, 0, 100, "%", &p->tftp_percent);
	case OPT_IMAGE:
		w->image = value;
		return manifest_name_ok(value) ? 0 : -EINVAL;
	case OPT_PREFIX:
		return prefix(value, p->prefix);
	case OPT_SERVER:
		return address(value, &p->server);
	case OPT_RELAY:
		return address(value, &p->relay);
	case OPT_INTERFACE:
		p->interface = value;
		return *value ? 0 : -EINVAL;
	case OPT_TRUST:
		w->trust_dir = value;
		return *value ? 0 : -EINVAL;
	case OPT_TIMEOUT:
		p->limit_ms = format_parse_duration(value);
		return p->limit_ms > 0 ? 0 : -EINVAL;
	case OPT_CLEAN:
		w->clean = true;
		return 0;
	default:
		w->yes = true;
		return 0;
	}
}

static int parse(struct ctl *c, int argc, char **argv, struct wish *w)
{
	const struct simulate_plan *p = &w->plan;
	int o, at = 0;

	while ((o = getopt_long(argc, argv, "", options, &at)) != -1) {
		if (o == '?')
			return ctl_usage(c, NULL);
		if (take_option(w, o, optarg) < 0)
			return ctl_usage(c, "--%s does not take '%s'", options[at].name, optarg);
	}
	if (optind < argc)
		return ctl_usage(c, "'%s' is too much", argv[optind]);
	if (w->clean)
		return CTL_OK;
	if (!p->n)
		return ctl_usage(c, "how many? --hosts N");
	if (p->interface ? p->server || p->relay : !p->server || !p->relay)
		return ctl_usage(c, "either --server and --relay, or --interface alone");
	return CTL_OK;
}

/* ---- who is there ---- */

/* Every card of a simulated host has the prefix, so that no real one is ever meant. */
static bool is_simulated(const struct json *host, const uint8_t prefix_bytes[3], unsigned *index)
{
	const struct json *macs = json_get(host, "macs");
	uint8_t mac[6];

	for (size_t i = 0; i < json_len(macs); i++) {
		if (host_mac_parse(json_str(json_at(macs, i), ""), mac) < 0 ||
			memcmp(mac, prefix_bytes, 3))
			return false;
		*index = (unsigned)(mac[3] << 16 | mac[4] << 8 | mac[5]) - 1;
	}
	return json_len(macs) > 0;
}

/* Real hosts that boot now would be slowed down: only when somebody says so. */
static int check_real(const struct wish *w, const struct hosts *known)
{
	struct hostlist booting = { 0 };
	char folded[FOLDED_MAX];
	unsigned index;
	int rc = CTL_OK;

	for (size_t i = 0; i < known->n; i++) {
		const struct json *h = known->nodes[i];

		if (!strcmp(json_get_str(h, "state", ""), "open") &&
			!is_simulated(h, w->plan.prefix, &index))
			hostlist_add_name(&booting, hosts_name(h));
	}
	if (booting.n && !w->yes)
		rc = ctl_confirm("%s boots now. Simulate %u more all the same",
			hostlist_fold(&booting, folded, sizeof folded), w->plan.n);
	hostlist_fini(&booting);
	return rc;
}

/* sim-0001; those of another prefix have it in their names. */
static void name_of(const uint8_t p[3], unsigned i, char out[HOSTLIST_NAME_MAX])
{
	if (memcmp(p, default_prefix, sizeof default_prefix))
		snprintf(out, HOSTLIST_NAME_MAX, "sim-%02x%02x%02x-%04u", p[0], p[1], p[2], i + 1);
	else
		snprintf(out, HOSTLIST_NAME_MAX, "sim-%04u", i + 1);
}

/* Make one host known, or let a known one in. */
static int register_one(struct ctl *c, const struct wish *w, unsigned i, const char *name)
{
	struct answer a = { 0 };
	struct jw j = { 0 };
	char path[128], mac_text[HOST_MAC_TEXT], own[HOSTLIST_NAME_MAX];
	uint8_t mac[6];
	int rc;

	simulate_mac(w->plan.prefix, i, mac);
	host_mac_print(mac, mac_text);
	name_of(w->plan.prefix, i, own);
	snprintf(path, sizeof path, "/api/v1/hosts%s%s", name ? "/" : "", name ? name : "");
	jw_obj(&j, NULL);
	if (!name) {
		jw_str(&j, "name", own);
		jw_str(&j, "mac", mac_text);
	}
	if (w->image)
		jw_str(&j, "image", w->image);
	jw_bool(&j, "admitted", true);
	jw_end_obj(&j);
	if (j.bad)
		errx(CTL_FAILED, "out of memory");
	rc = client_call(c, name ? "PATCH" : "POST", path, j.buf, &a);
	answer_fini(&a);
	jw_fini(&j);
	return rc;
}

static int register_all(struct ctl *c, const struct wish *w, const struct hosts *known)
{
	const char **names = calloc(w->plan.n, sizeof *names);
	unsigned index;
	int rc = CTL_OK;

	if (!names)
		errx(CTL_FAILED, "out of memory");
	for (size_t i = 0; i < known->n; i++)
		if (is_simulated(known->nodes[i], w->plan.prefix, &index) && index < w->plan.n)
			names[index] = hosts_name(known->nodes[i]);
	for (unsigned i = 0; i < w->plan.n && !rc; i++)
		rc = register_one(c, w, i, names[i]);
	free(names);
	return rc;
}

/* ---- what signatures are checked with ---- */

static int load_trust(const struct wish *w, const struct json *status, struct trust *out)
{
	struct fault fault = { 0 };
	char release[512], site[512];
	const char *state = json_get_str(status, "state_dir", "");
	int rc;

	if (!w->trust_dir && !*state)
		return ctl_fail(CTL_USAGE, "which keys does an agent trust? --trust DIR");
	snprintf(release, sizeof release, "%s/keys/trust/*.pub", state);
	snprintf(site, sizeof site, "%s/keys/site.pub", state);
	rc = w->trust_dir ? trust_load(w->trust_dir, out, &fault)
			  : trust_load_from(release, site, out, &fault);
	return rc < 0 ? ctl_fail(CTL_FAILED, "%s", fault.message) : CTL_OK;
}

/* ---- the run ---- */

static void show(void *arg, const struct simulate_now *now)
{
	char bytes[FORMAT_MAX], rate[FORMAT_MAX], took[FORMAT_MAX];

	(void)arg;
	fprintf(stderr, "\r\033[K%s ", format_seconds(now->ms, took));
	if (now->waiting)
		fprintf(stderr, " waiting %u", now->waiting);
	for (unsigned s = 0; s < STAGES; s++)
		if (now->at[s])
			fprintf(stderr, "  %s %u", boot_stage_name((enum boot_stage)s), now->at[s]);
	if (now->queued)
		fprintf(stderr, " (%u wait for their turn, position %u and before)", now->queued,
			now->last_place);
	fprintf(stderr, "  finished %u  failed %u  %s, %s/s", now->finished, now->failed,
		format_bytes(now->bytes, bytes),
		format_bytes(now->ms ? now->bytes * 1000 / (uint64_t)now->ms : 0, rate));
}

static int run(struct ctl *c, struct wish *w)
{
	struct simulate_outcome *out = calloc(w->plan.n, sizeof *out);
	const bool live = isatty(STDERR_FILENO);
	struct simulate_now now = { 0 };
	char why[200];
	int rc;

	if (!out)
		errx(CTL_FAILED, "out of memory");
	w->plan.on_second = live ? show : NULL;
	rc = simulate_run(&w->plan, out, &now, why, sizeof why);
	if (live)
		fputs("\r\033[K", stderr);
	if (rc < 0) {
		rc = ctl_fail(CTL_FAILED, "%s", why);
		if (geteuid())
			ctl_hint(
				"this needs root: ports below 1024, and addresses on an interface");
	} else {
		simulate_print(c, out, w->plan.n, &now);
		rc = now.failed ? CTL_FAILED : CTL_OK;
	}
	free(out);
	return rc;
}

/* Without the server's socket nobody can be let in: the hosts come as strangers do. */
static int run_as_strangers(struct ctl *c, struct wish *w, struct trust *trust)
{
	int rc;

	if (!w->yes) {
		ctl_hint("--yes simulates strangers, whatever boots there now");
		return CTL_UNREACHABLE;
	}
	if (w->image)
		return ctl_fail(CTL_UNREACHABLE, "--image needs the server's socket");
	rc = load_trust(w, NULL, trust);
	return rc ? rc : run(c, w);
}

static int simulate(struct ctl *c, struct wish *w)
{
	struct answer status = { 0 };
	struct hosts known = { 0 };
	struct trust trust;
	int rc = client_get(c, "/api/v1/status", &status);

	w->plan.trust = &trust;
	if (rc == CTL_UNREACHABLE)
		return run_as_strangers(c, w, &trust);
	if (!rc)
		rc = load_trust(w, status.doc, &trust);
	if (!rc)
		rc = hosts_fetch(c, NULL, &known);
	if (!rc)
		rc = check_real(w, &known);
	if (!rc)
		rc = register_all(c, w, &known);
	hosts_fini(&known);
	answer_fini(&status);
	return rc ? rc : run(c, w);
}

/* ---- --clean ---- */

/* The lease of an address, when it is this host's and not somebody else's by now. */
static int end_lease(struct ctl *c, const struct json *host)
{
	const char *addr = json_get_str(host, "addr", NULL);
	const char *mac = json_str(json_at(json_get(host, "macs"), 0), "");
	struct answer a = { 0 };
	char path[96];
	int rc;

	if (!addr)
		return CTL_OK;
	snprintf(path, sizeof path, "/api/v1/leases/%.40s", addr);
	rc = client_ask(c, "GET", path, NULL, &a);
	if (!rc && a.status == 200 && !strcmp(json_get_str(a.doc, "mac", ""), mac)) {
		answer_fini(&a);
		snprintf(path, sizeof path, "/api/v1/leases/%.40s?forget=1", addr);
		rc = client_ask(c, "DELETE", path, NULL, &a);
	}
	answer_fini(&a);
	return rc;
}

static int forget(struct ctl *c, const struct json *host)
{
	struct answer a = { 0 };
	char path[128];
	int rc = end_lease(c, host);

	snprintf(path, sizeof path, "/api/v1/hosts/%s", hosts_name(host));
	if (!rc)
		rc = client_call(c, "DELETE", path, NULL, &a);
	answer_fini(&a);
	return rc;
}

static int clean(struct ctl *c, const struct wish *w)
{
	struct hosts known = { 0 };
	struct hostlist names = { 0 };
	char folded[FOLDED_MAX];
	unsigned index;
	int rc = hosts_fetch(c, NULL, &known);

	for (size_t i = 0; i < known.n; i++)
		if (is_simulated(known.nodes[i], w->plan.prefix, &index))
			hostlist_add_name(&names, hosts_name(known.nodes[i]));
	if (!rc && names.n && !w->yes)
		rc = ctl_confirm("Forget %zu simulated hosts, %s, their addresses and their record",
			names.n, hostlist_fold(&names, folded, sizeof folded));
	for (size_t i = 0; i < known.n && !rc; i++)
		if (is_simulated(known.nodes[i], w->plan.prefix, &index))
			rc = forget(c, known.nodes[i]);
	if (!rc)
		printf("%zu simulated hosts forgotten\n", names.n);
	hostlist_fini(&names);
	hosts_fini(&known);
	return rc;
}

int verb_simulate(struct ctl *c, int argc, char **argv)
{
	struct wish w = { .plan = { .tftp_percent = 10, .limit_ms = LIMIT_MS } };
	int rc;

	memcpy(w.plan.prefix, default_prefix, sizeof default_prefix);
	rc = parse(c, argc, argv, &w);
	if (rc)
		return rc;
	return w.clean ? clean(c, &w) : simulate(c, &w);
}
