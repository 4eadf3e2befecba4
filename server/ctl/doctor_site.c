/* doctor_site.c: the machine, what expires when, hosts and what is assigned to them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/bytes.h"
#include "server/ctl/doctor_inside.h"
#include "server/ctl/format.h"
#include "server/ctl/host_values.h"

#define DAY_S	      (24 * 3600)
#define SOON_S	      (14 * DAY_S) /* for who has to gather signatures */
#define DISK_LITTLE   ((int64_t)1 << 30)
#define DISK_NONE     ((int64_t)64 << 20)
#define DATABASE_MUCH ((int64_t)4 << 30)
#define NAMED_MAX     8

/* Up to so many names, and whether there are more. */
struct named {
	char text[200];
	size_t len, n;
};

static void name(struct named *l, const char *word)
{
	int n = 0;

	if (l->n < NAMED_MAX)
		n = snprintf(
			l->text + l->len, sizeof l->text - l->len, "%s%s", l->n ? ", " : "", word);
	else if (l->n == NAMED_MAX)
		n = snprintf(l->text + l->len, sizeof l->text - l->len, " ...");
	if (n > 0 && (size_t)n < sizeof l->text - l->len)
		l->len += (size_t)n;
	l->n++;
}

static bool yes(const struct json *o, const char *key)
{
	return json_bool(json_get(o, key), false);
}

static const struct json *setup_of(const struct exam *e, const char *key)
{
	return json_get(e->in->setup, key);
}

/* `what` expires then: found when it has, or will soon. */
static bool expires(
	struct exam *e, int64_t at_s, const char *what, const char *then, const char *fix)
{
	const int64_t left = at_s - e->in->now_ms / 1000;

	if (left <= 0)
		doctor_find(e, DOCTOR_FAIL, fix, "%s has expired: %s", what, then);
	else if (left < SOON_S)
		doctor_find(e, DOCTOR_WARN, fix, "%s expires in %" PRId64 " days: then %s", what,
			left / DAY_S, then);
	return left < SOON_S;
}

/* ---- this machine ---- */

void doctor_link(struct exam *e)
{
	const struct json *list = json_get(e->dhcp, "interfaces");

	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *carrier = json_get(json_at(list, i), "carrier");
		const char *nic = json_get_str(json_at(list, i), "name", "?");

		if (!carrier || json_is_null(carrier))
			continue;
		if (json_bool(carrier, false))
			doctor_find(e, DOCTOR_OK, NULL, "%s is connected", nic);
		else
			doctor_find(e, DOCTOR_FAIL, "plug the cable in, or: ip link set up",
				"%s has no link: no host on it can be heard", nic);
	}
}

void doctor_url(struct exam *e)
{
	const char *url = json_get_str(e->boot, "url", NULL);

	if (!url)
		return;
	if (strstr(url, "//127.") || strstr(url, "//localhost") || strstr(url, "//0.0.0.0"))
		doctor_find(e, DOCTOR_FAIL,
			"[http] url = http://ADDRESS, as hosts reach this server",
			"hosts are told %s, which is the host itself", url);
	else if (strncmp(url, "http://", 7) != 0)
		doctor_find(e, DOCTOR_FAIL, "[http] url = http://ADDRESS",
			"hosts are told %s: iPXE and UEFI firmware have no TLS", url);
	else
		doctor_find(e, DOCTOR_OK, NULL, "hosts are told %s", url);
}

void doctor_tftp(struct exam *e)
{
	const struct json *tftp = json_get(e->boot, "tftp");

	if (!tftp)
		return;
	if (json_bool(tftp, false))
		doctor_find(e, DOCTOR_OK, NULL, "on");
	else if (strcmp(e->mode, "off") != 0)
		doctor_find(e, DOCTOR_WARN, "[tftp] enabled = yes",
			"off: firmware that boots by PXE gets no loader, only UEFI HTTP boot works");
}

void doctor_tls(struct exam *e)
{
	const int64_t at = json_get_int(setup_of(e, "machine"), "tls_expires", 0);

	if (at && !expires(e, at, "the TLS certificate", "tools that check it are refused",
			  "renew it, then restart musterd"))
		doctor_find(e, DOCTOR_OK, NULL, "the certificate is good for %" PRId64 " days",
			(at - e->in->now_ms / 1000) / DAY_S);
}

void doctor_tokens(struct exam *e)
{
	if (yes(setup_of(e, "machine"), "tokens_in_clear"))
		doctor_find(e, DOCTOR_WARN, "[http] tls-listen, and tokens-in-clear = no",
			"the API takes tokens over plain HTTP: whoever is on the wire reads them");
}

/* A script that has a token finds out last that it has ended. */
void doctor_token_ends(struct exam *e)
{
	const struct json *tokens = json_get(e->in->tokens, "tokens");
	size_t good = 0, soon = 0;
	char fix[DOCTOR_TEXT_MAX];

	for (size_t i = 0; i < json_len(tokens); i++) {
		const struct json *t = json_at(tokens, i);
		const int64_t left = json_get_int(t, "expires", 0) - e->in->now_ms;

		if (strcmp(json_get_str(t, "state", ""), "good") != 0)
			continue;
		good++;
		if (!json_is_int(json_get(t, "expires")) || left / 1000 >= SOON_S)
			continue;
		soon++;
		snprintf(fix, sizeof fix,
			"muster token create NAME --role %s, give it to whoever uses this one, then "
			"muster token revoke %" PRId64,
			json_get_str(t, "role", "ROLE"), json_get_int(t, "id", 0));
		doctor_find(e, DOCTOR_WARN, fix,
			"token %" PRId64 " (%s) expires in %" PRId64 " days",
			json_get_int(t, "id", 0), json_get_str(t, "name", "?"),
			left / 1000 / DAY_S);
	}
	if (good && !soon)
		doctor_find(e, DOCTOR_OK, NULL, "none of %zu expires within %d days", good,
			SOON_S / DAY_S);
}

void doctor_disk(struct exam *e)
{
	const int64_t left = json_get_int(setup_of(e, "machine"), "disk_free", -1);
	char size[FORMAT_MAX];

	if (left < 0)
		return;
	format_bytes((uint64_t)left, size);
	if (left < DISK_LITTLE)
		doctor_find(e, left < DISK_NONE ? DOCTOR_FAIL : DOCTOR_WARN,
			"muster image gc, and muster image rm of what nobody boots",
			"%s are left where database and images are", size);
	else
		doctor_find(e, DOCTOR_OK, NULL, "%s are left", size);
}

void doctor_database(struct exam *e)
{
	const int64_t bytes = json_get_int(setup_of(e, "machine"), "database_bytes", -1);
	char size[FORMAT_MAX];

	if (bytes < 0)
		return;
	format_bytes((uint64_t)bytes, size);
	if (bytes > DATABASE_MUCH)
		doctor_find(e, DOCTOR_WARN, "[boot] keep-boots, or keep-days",
			"the record has grown to %s", size);
	else
		doctor_find(e, DOCTOR_OK, NULL, "%s", size);
}

void doctor_audit(struct exam *e)
{
	if (e->in->audit && *e->in->audit)
		doctor_find(e, DOCTOR_FAIL,
			"muster audit verify, and the server's log; docs/audit.md says what it proves",
			"%s", e->in->audit);
	else if (e->in->audit)
		doctor_find(e, DOCTOR_OK, NULL, "the audit log is as it was written");
}

void doctor_clock(struct exam *e)
{
	if (e->in->clock == DOCTOR_CLOCK_SYNCED)
		doctor_find(e, DOCTOR_OK, NULL, "it is kept by NTP");
	else if (e->in->clock == DOCTOR_CLOCK_ALONE)
		doctor_find(e, DOCTOR_WARN, "apt-get install systemd-timesyncd, or chrony",
			"nothing keeps this machine's clock: hosts take the time from its tickets, "
			"and refuse images by it");
}

void doctor_probe(struct exam *e)
{
	const struct json *probe = json_get(e->dhcp, "probe");

	if (probe && !json_bool(probe, true) && !strcmp(e->mode, "full"))
		doctor_find(e, DOCTOR_WARN, "[dhcp] probe = yes",
			"addresses are given without asking whether somebody has them");
}

/* ---- what expires ---- */

void doctor_images(struct exam *e)
{
	const struct json *list = json_get(e->in->images, "images");
	char what[160];

	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *image = json_at(list, i);

		if (!yes(image, "current"))
			continue;
		snprintf(what, sizeof what, "%s %s, which is current,",
			json_get_str(image, "name", "?"), json_get_str(image, "version", "?"));
		expires(e, json_get_int(image, "expires", 0), what, "hosts refuse it",
			"muster image sign DIR --restamp, and import it");
	}
}

/* ---- hosts ---- */

static bool has_image(const struct exam *e, const char *image)
{
	const struct json *list = json_get(e->in->images, "images");

	for (size_t i = 0; i < json_len(list); i++) {
		if (!strcmp(json_get_str(json_at(list, i), "name", ""), image))
			return true;
	}
	return false;
}

void doctor_assigned(struct exam *e)
{
	struct named l = { 0 };

	for (size_t i = 0; e->in->images && i < e->in->n_hosts; i++) {
		const char *image = json_str(host_value(e->in->hosts[i], HOST_IMAGE), "");

		if (*image && !has_image(e, image))
			name(&l, hosts_name(e->in->hosts[i]));
	}
	if (l.n)
		doctor_find(e, DOCTOR_FAIL, "muster image import DIR, or muster host set --image",
			"the image of %zu hosts is not here: %s", l.n, l.text);
}

void doctor_rules(struct exam *e)
{
	const struct json *list = json_get(e->in->rules, "rules");
	struct named l = { 0 };

	for (size_t i = 0; e->in->images && i < json_len(list); i++) {
		const char *image = json_get_str(json_at(list, i), "image", "");

		if (*image && !has_image(e, image))
			name(&l, json_get_str(json_at(list, i), "name", "?"));
	}
	if (l.n)
		doctor_find(e, DOCTOR_FAIL,
			"muster image import DIR, or muster rule set NAME --image",
			"rules name an image that is not here: %s", l.text);
}

void doctor_failed(struct exam *e)
{
	struct named l = { 0 };

	for (size_t i = 0; i < e->in->n_hosts; i++) {
		if (!strcmp(json_str(host_value(e->in->hosts[i], HOST_STAGE), ""), "failed"))
			name(&l, hosts_name(e->in->hosts[i]));
	}
	if (l.n)
		doctor_find(e, DOCTOR_WARN, "muster host why NAME",
			"the last boot of %zu hosts has failed: %s", l.n, l.text);
	else if (e->in->n_hosts)
		doctor_find(e, DOCTOR_OK, NULL, "the last boot of no host has failed");
}

void doctor_waiting(struct exam *e)
{
	const int64_t n = json_get_int(json_get(e->in->status, "hosts"), "waiting", 0);

	if (n)
		doctor_find(e, DOCTOR_WARN, "muster waiting, then muster host approve NAMES",
			"%" PRId64 " hosts wait until somebody lets them in", n);
}

void doctor_archs(struct exam *e)
{
	const int64_t n = json_get_int(e->in->status, "unknown_archs", 0);

	if (n)
		doctor_find(e, DOCTOR_WARN,
			"a [quirk] with match-arch and a loader, where there is one for it",
			"%" PRId64 " network boots of an architecture that has no loader", n);
}
