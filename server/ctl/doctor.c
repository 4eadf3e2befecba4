/* doctor.c: the checks, one function each, in the order in which they are shown. */
#include "server/ctl/doctor_inside.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "images/manifest.h"
#include "server/bytes.h"
#include "server/ctl/text.h"

#define NEARLY_PERCENT 90		    /* of a network's addresses in use: say so */
#define SEEN_MS	       (24 * 3600 * 1000LL) /* another DHCP server not heard for so long is gone */
#define DAY_S	       86400
#define ROOT_SOON_S    (60 * DAY_S)
#define CHANNEL_SOON_S (7 * DAY_S)
#define TELL_IT	       "tell it about this server: muster doctor --snippet NAME"

const char *doctor_result_name(enum doctor_result r)
{
	static const char *const names[] = { "ok", "warn", "fail" };

	return names[r];
}

void doctor_find(struct exam *e, enum doctor_result result, const char *fix, const char *fmt, ...)
{
	struct doctor_finding *f;
	va_list ap;

	e->out->worst = result > e->out->worst ? result : e->out->worst;
	if (e->out->n == DOCTOR_FINDINGS_MAX) {
		f = &e->out->of[DOCTOR_FINDINGS_MAX - 1];
		*f = (struct doctor_finding){ e->out->worst, "more", "there is more than is shown",
			"mend what is shown, then ask again" };
		return;
	}
	f = &e->out->of[e->out->n++];
	*f = (struct doctor_finding){ .result = result, .check = e->check };
	snprintf(f->fix, sizeof f->fix, "%s", fix ? fix : "");
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
}

static bool is_mode(const struct exam *e, const char *mode)
{
	return !strcmp(e->mode, mode);
}

static bool is_true(const struct json *o, const char *key)
{
	return json_bool(json_get(o, key), false);
}

/* The texts of a list with ", " between them. */
static const char *join(const struct json *list, char *out, size_t size)
{
	struct text t = { .out = out, .size = size };

	*out = 0;
	for (size_t i = 0; i < json_len(list); i++)
		text_put(&t, "%s%s", i ? ", " : "", json_str(json_at(list, i), "?"));
	return out;
}

static void check_server(struct exam *e)
{
	doctor_find(e, DOCTOR_OK, NULL, "it answers; hosts are told %s",
		json_get_str(e->boot, "url", "?"));
}

/* ---- DHCP ---- */

static void check_dhcp(struct exam *e)
{
	if (is_mode(e, "off"))
		doctor_find(e, DOCTOR_WARN, "[dhcp] mode = full or proxy, or " TELL_IT,
			"DHCP is off: hosts find this server only when another one names it");
	else if (is_mode(e, "proxy"))
		doctor_find(e, DOCTOR_OK, NULL, "proxy: another server gives the addresses");
	else
		doctor_find(e, DOCTOR_OK, NULL, "full: this server gives the addresses");
}

static void check_subnets(struct exam *e)
{
	const struct json *list = json_get(e->dhcp, "interfaces");

	for (size_t i = 0; is_mode(e, "full") && i < json_len(list); i++) {
		const struct json *o = json_at(list, i);
		const char *name = json_get_str(o, "name", "?"),
			   *addr = json_get_str(o, "addr", "?"),
			   *subnet = json_get_str(o, "subnet", NULL);

		if (subnet)
			doctor_find(e, DOCTOR_OK, NULL, "%s (%s): %s", name, addr, subnet);
		else
			doctor_find(e, DOCTOR_FAIL,
				"add a [subnet] with a range, or remove the interface",
				"hosts on %s get no address: no [subnet] holds its address %s",
				name, addr);
	}
}

static void check_ranges(struct exam *e)
{
	static const char fix[] =
		"a longer range, or a shorter [dhcp] lease-time; muster lease list shows who has them";
	const struct json *list = json_get(e->dhcp, "networks");
	char names[160];

	for (size_t i = 0; is_mode(e, "full") && i < json_len(list); i++) {
		const struct json *o = json_at(list, i);
		const int64_t all = json_get_int(o, "addresses", 0),
			      held = json_get_int(o, "held", 0);

		join(json_get(o, "subnets"), names, sizeof names);
		if (!all)
			doctor_find(e, DOCTOR_OK, NULL, "%s: reserved addresses only", names);
		else if (held >= all)
			doctor_find(e, DOCTOR_FAIL, fix, "%s: all %" PRId64 " addresses are in use",
				names, all);
		else if (held * 100 >= all * NEARLY_PERCENT)
			doctor_find(e, DOCTOR_WARN, fix,
				"%s: %" PRId64 " of %" PRId64 " addresses are in use", names, held,
				all);
		else
			doctor_find(e, DOCTOR_OK, NULL,
				"%s: %" PRId64 " of %" PRId64 " addresses are in use", names, held,
				all);
	}
}

static void check_reservations(struct exam *e)
{
	const struct json *r = json_get(e->dhcp, "reservations");
	const int64_t outside = json_get_int(r, "outside_total", 0);
	char names[160];

	if (!outside) {
		doctor_find(e, DOCTOR_OK, NULL, "%" PRId64 ", each in a subnet",
			json_get_int(r, "total", 0));
		return;
	}
	join(json_get(r, "outside"), names, sizeof names);
	doctor_find(e, DOCTOR_WARN, "add the [subnet], or: muster host set NAME --no-ip",
		"%" PRId64 " of hosts whose address is in no subnet, and is not given: %s%s",
		outside, names, (size_t)outside > json_len(json_get(r, "outside")) ? ", ..." : "");
}

static void check_relays(struct exam *e)
{
	const struct json *list = json_get(e->dhcp, "relays");

	for (size_t i = 0; !is_mode(e, "off") && i < json_len(list); i++) {
		const struct json *o = json_at(list, i);
		const char *addr = json_get_str(o, "addr", "?");
		const int64_t hosts = json_get_int(o, "hosts", 0);

		if (is_mode(e, "full") && !json_get_str(o, "subnet", NULL))
			doctor_find(e, DOCTOR_FAIL, "add a [subnet] that holds the relay's address",
				"hosts behind %s get no address: no [subnet] holds it", addr);
		else if (!hosts)
			doctor_find(e, DOCTOR_WARN,
				"switch on a host there; is this server's address the relay's target?",
				"no host on record was ever seen through %s", addr);
		else
			doctor_find(e, DOCTOR_OK, NULL, "%s: %" PRId64 " host%s", addr, hosts,
				hosts == 1 ? "" : "s");
	}
}

/* What one other server means depends on what this one does. */
static void judge_server(struct exam *e, const struct json *o)
{
	const char *who = json_get_str(o, "server", json_get_str(o, "source", "?"));
	const char *file = json_get_str(o, "boot_file", NULL);
	char where[96];

	snprintf(where, sizeof where, "%s on %s (%s)", who, json_get_str(o, "interface", "?"),
		json_get_str(o, "mac", "?"));
	if (is_mode(e, "full") && is_true(o, "addresses"))
		doctor_find(e, DOCTOR_FAIL,
			"stop it there, or [dhcp] mode = proxy here; where firmware cannot do with two "
			"answers, mode = off, and " TELL_IT,
			"%s gives addresses, too: the first answer wins, host by host", where);
	else if (file)
		doctor_find(e, DOCTOR_WARN,
			"take the boot file away there; if it must stay, " TELL_IT,
			"%s tells hosts to boot '%s': some firmware believes it, not muster", where,
			file);
	else if (is_mode(e, "full"))
		doctor_find(e, DOCTOR_WARN, "is it a boot server? stop it there",
			"%s answers hosts, too, without addresses", where);
	else
		doctor_find(e, DOCTOR_OK, NULL, "%s gives the addresses", where);
}

static void check_servers(struct exam *e)
{
	const struct json *list = json_get(e->in->servers, "servers");
	size_t heard = 0;

	if (is_mode(e, "off") || !e->in->servers)
		return; /* nothing listens, or the server cannot tell */
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *o = json_at(list, i);

		if (e->in->now_ms - json_get_int(o, "last", 0) > SEEN_MS)
			continue;
		judge_server(e, o);
		heard++;
	}
	if (heard)
		return;
	if (is_mode(e, "proxy"))
		doctor_find(e, DOCTOR_WARN, "is the DHCP server on? or [dhcp] mode = full here",
			"none was heard, and in proxy mode one has to give the addresses");
	else
		doctor_find(e, DOCTOR_OK, NULL, "none was heard");
}

/* ---- what hosts load ---- */

static void check_loaders(struct exam *e)
{
	const struct json *list = json_get(e->boot, "loaders");
	const char *dir = json_get_str(e->boot, "loader_dir", "?");
	char fix[DOCTOR_TEXT_MAX];

	if (!is_true(e->boot, "tftp")) {
		doctor_find(e, DOCTOR_WARN, "[tftp] enabled = yes",
			"TFTP is off: PXE firmware gets no loader, only UEFI HTTP boot works");
		return;
	}
	snprintf(fix, sizeof fix, "apt-get install ipxe, or copy it to %s", dir);
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *o = json_at(list, i);
		const char *file = json_get_str(o, "file", "?");

		if (is_true(o, "there"))
			doctor_find(e, DOCTOR_OK, NULL, "%s", file);
		else
			doctor_find(e, DOCTOR_FAIL, fix, "%s is not in %s", file, dir);
	}
}

static void check_agent(struct exam *e)
{
	if (is_true(e->boot, "agent"))
		doctor_find(e, DOCTOR_OK, NULL, "the image 'agent' is there");
	else
		doctor_find(e, DOCTOR_FAIL,
			"muster image build agent, sign it, muster image import agent",
			"there is no image 'agent': no host gets further than its loader");
}

static void check_image(struct exam *e)
{
	const char *image = json_get_str(e->boot, "image", NULL);

	if (!image)
		doctor_find(e, DOCTOR_WARN,
			"[server] image = NAME, or muster host set NAMES --image NAME",
			"there is no default: a host without an image of its own waits");
	else if (is_true(e->boot, "image_there"))
		doctor_find(e, DOCTOR_OK, NULL, "the default, '%s', is there", image);
	else
		doctor_find(e, DOCTOR_FAIL,
			"muster image import DIR, or another [server] image; muster image list",
			"the default, '%s', was never imported", image);
}

/* ---- trust ---- */

static void check_site_key(struct exam *e)
{
	if (is_true(e->keys, "site"))
		doctor_find(e, DOCTOR_OK, NULL, "it is there");
	else
		doctor_find(e, DOCTOR_FAIL,
			"restart musterd, which makes one; then build the agent anew",
			"there is no site.key in %s: no boot ticket can be signed",
			json_get_str(e->keys, "dir", "?"));
}

static const struct json *last_root(const struct exam *e)
{
	const struct json *roots = json_get(e->in->roots, "roots");

	return json_len(roots) ? json_at(roots, json_len(roots) - 1) : NULL;
}

/* How long a signed file is still valid, in seconds. */
static int64_t left_s(const struct exam *e, const struct json *file)
{
	return json_get_int(file, "expires", 0) - e->in->now_ms / 1000;
}

static void check_root(struct exam *e, const struct json *root)
{
	const int64_t version = json_get_int(root, "version", 0), left = left_s(e, root);
	static const char fix[] = "muster key rotate ROOTS; all sign it; muster image import ROOTS";

	if (left <= 0)
		doctor_find(e, DOCTOR_FAIL, fix, "root %" PRId64 " has expired: no host boots",
			version);
	else if (left < ROOT_SOON_S)
		doctor_find(e, DOCTOR_WARN, fix, "root %" PRId64 " expires in %" PRId64 " days",
			version, left / DAY_S);
	else
		doctor_find(e, DOCTOR_OK, NULL, "root %" PRId64 " says who may sign", version);
}

static void check_release_keys(struct exam *e)
{
	const struct json *trusted = json_get(e->keys, "trusted"),
			  *secret = json_get(e->keys, "secret");
	static const char fix[] = "move it to a machine that is not on this network";
	static const char cost[] = "whoever steals this server signs images that all hosts run";
	char names[160];

	if (last_root(e))
		check_root(e, last_root(e));
	else if (json_len(trusted))
		doctor_find(e, DOCTOR_OK, NULL, "images signed by %s are accepted",
			join(trusted, names, sizeof names));
	else
		doctor_find(e, DOCTOR_FAIL,
			"copy RELEASE.pub to the server's keys/trust, or muster image import ROOTS",
			"none is trusted: no image can be imported");
	if (json_len(secret))
		doctor_find(e, DOCTOR_WARN, fix, "secret %s in %s: %s",
			join(secret, names, sizeof names), json_get_str(e->keys, "dir", "?"), cost);
	if (*e->in->secret_here)
		doctor_find(e, DOCTOR_WARN, fix, "secret %s in %s: %s", e->in->secret_here,
			e->in->keys_here, cost);
}

/* Firmware and iPXE start the agent: nobody asks how long its channel lasts. */
static bool is_agents(const struct json *ch)
{
	return !strcmp(json_get_str(ch, "image", ""), AGENT_IMAGE);
}

/* Is the version here that the channel names, or one that it allows in its place? */
static void check_named(struct exam *e, const struct json *ch)
{
	const char *image = json_get_str(ch, "image", "?"), *name = json_get_str(ch, "name", "?");
	const struct json *current = json_get(ch, "current");
	const int64_t release = json_get_int(ch, "release", 0);
	const int64_t now = json_get_int(current, "release", release);

	if (!json_is_str(json_get(ch, "version")))
		doctor_find(e, DOCTOR_FAIL, "muster image import DIR",
			"%s of %s: release %" PRId64 ", which it makes current, is not here", name,
			image, release);
	else if (now != release)
		doctor_find(e, DOCTOR_OK, NULL,
			"%s of %s: release %" PRId64 " is current, not %" PRId64
			", which it names: somebody went back (muster image log %s)",
			name, image, now, release, image);
	else if (!is_agents(ch))
		doctor_find(e, DOCTOR_OK, NULL, "%s of %s: release %" PRId64 " is current", name,
			image, release);
}

static void check_channel_time(struct exam *e, const struct json *ch)
{
	static const char fix[] =
		"muster image channel FILE --image DIR; all sign it; muster image import FILE";
	const char *image = json_get_str(ch, "image", "?"), *name = json_get_str(ch, "name", "?");
	const int64_t left = left_s(e, ch);

	if (left <= 0)
		doctor_find(
			e, DOCTOR_FAIL, fix, "%s of %s has expired: hosts refuse it", name, image);
	else if (left < CHANNEL_SOON_S)
		doctor_find(e, DOCTOR_WARN, fix, "%s of %s expires in %" PRId64 " hours", name,
			image, left / 3600);
}

/* Hosts whose pin it does not allow, or not any more. */
static void check_pins(struct exam *e, const struct json *ch)
{
	const struct json *refused = json_get(ch, "pins_refused");
	char names[200];

	if (json_len(refused))
		doctor_find(e, DOCTOR_FAIL, "muster image pin HOSTS --none",
			"%s of %s does not allow the version that these are pinned to, so that they "
			"do not boot: %s",
			json_get_str(ch, "name", "?"), json_get_str(ch, "image", "?"),
			join(refused, names, sizeof names));
}

static void check_channels(struct exam *e)
{
	const struct json *channels = json_get(e->in->channels, "channels");
	const char *image = json_get_str(e->boot, "image", "");
	bool there = !*image;

	for (size_t i = 0; i < json_len(channels); i++) {
		const struct json *ch = json_at(channels, i);
		const char *of = json_get_str(ch, "image", "");

		check_named(e, ch);
		if (!is_agents(ch))
			check_channel_time(e, ch);
		check_pins(e, ch);
		there = there || !strcmp(of, image);
	}
	if (!there)
		doctor_find(e, DOCTOR_FAIL,
			"muster image sign DIR --key NAME, and muster image import DIR",
			"none says which release of the default, '%s', is current", image);
}

static void check_admission(struct exam *e)
{
	const char *admission = json_get_str(e->in->setup, "admission", "?");

	if (!strcmp(admission, "open"))
		doctor_find(e, DOCTOR_WARN, "[server] admission = approve, outside of a lab",
			"open: whoever is plugged in gets an image and a lasting address");
	else
		doctor_find(e, DOCTOR_OK, NULL, "%s", admission);
}

/* ---- all of them ---- */

static const struct {
	const char *name;
	doctor_check *run;
} checks[] = {
	{ "server", check_server },
	{ "dhcp", check_dhcp },
	{ "subnets", check_subnets },
	{ "ranges", check_ranges },
	{ "reservations", check_reservations },
	{ "relays", check_relays },
	{ "other-servers", check_servers },
	{ "loaders", check_loaders },
	{ "agent", check_agent },
	{ "image", check_image },
	{ "site-key", check_site_key },
	{ "release-keys", check_release_keys },
	{ "channels", check_channels },
	{ "admission", check_admission },
	{ "link", doctor_link },
	{ "url", doctor_url },
	{ "tftp", doctor_tftp },
	{ "probe", doctor_probe },
	{ "tls", doctor_tls },
	{ "tokens", doctor_tokens },
	{ "token-ends", doctor_token_ends },
	{ "disk", doctor_disk },
	{ "database", doctor_database },
	{ "audit", doctor_audit },
	{ "clock", doctor_clock },
	{ "images", doctor_images },
	{ "assigned", doctor_assigned },
	{ "rules", doctor_rules },
	{ "failed-hosts", doctor_failed },
	{ "waiting-room", doctor_waiting },
	{ "architectures", doctor_archs },
};

void doctor_examine(const struct doctor_input *in, struct doctor_findings *out)
{
	const struct json *dhcp = json_get(in->setup, "dhcp");
	struct exam e = {
		.in = in,
		.dhcp = dhcp,
		.boot = json_get(in->setup, "boot"),
		.keys = json_get(in->setup, "keys"),
		.mode = json_get_str(dhcp, "mode", "off"),
		.out = out,
	};

	out->n = 0;
	out->worst = DOCTOR_OK;
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		e.check = checks[i].name;
		checks[i].run(&e);
	}
}
