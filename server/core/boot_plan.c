#include "server/core/boot_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/bytes.h"
#include "server/core/quirk.h"

#define LIST_MAX 3

/* The forms of an offer that PXE firmware is told in turn until it reads the loader. */
static const struct {
	struct config_form form;
	const char *name;
} forms[] = {
	{ { 0 }, "" },
	{ { .option_43 = CHOICE_YES }, " with option 43" },
	{ { .boot_file = DHCP_FILE_HEADER }, " named in the header alone" },
};

/* Processor architecture types of the IANA registry, as far as we have something for them. */
static const struct row {
	uint16_t arch;
	bool http; /* firmware that boots by HTTP */
	const char *loaders[LIST_MAX];
} rows[] = {
	{ 0, false, { "undionly.kpxe", "ipxe.pxe", "undionly.kkpxe" } },
	{ 7, false, { "snponly.efi", "ipxe.efi" } },
	{ 9, false, { "snponly.efi", "ipxe.efi" } }, /* registered as EBC, sent by x64 machines */
	{ 16, true, { BOOT_UKI, "ipxe.efi", "snponly.efi" } },
};

/* Makers of the Raspberry Pi, which says architecture 0 and is none (smee's list). */
static const uint8_t pi_macs[][3] = {
	{ 0xb8, 0x27, 0xeb },
	{ 0xdc, 0xa6, 0x32 },
	{ 0xe4, 0x5f, 0x01 },
	{ 0x28, 0xcd, 0xc1 },
	{ 0xd8, 0x3a, 0xdd },
};

struct plan {
	const struct boot_ask *a;
	const struct config_quirk *rule; /* or NULL */
	struct boot_plan *out;
};

bool boot_begins(const struct dhcp_query *q)
{
	return q->client == DHCP_CLIENT_PXE || q->client == DHCP_CLIENT_HTTP ||
	       (q->client == DHCP_CLIENT_IPXE && !(q->ipxe_features & DHCP_IPXE_HTTP));
}

enum boot_stage boot_goal(const struct store_loader *l)
{
	return l->http && !strcmp(l->loader, BOOT_UKI) ? STAGE_AGENT : STAGE_SCRIPT;
}

/* ---- the form of an offer, in one number for the store ---- */

static uint8_t form_pack(const struct config_form *f)
{
	return (uint8_t)(f->option_43 | f->option_60 << 2 | f->boot_file << 4);
}

static struct config_form form_unpack(uint8_t packed)
{
	struct config_form f = { packed & 3, packed >> 2 & 3, packed >> 4 & 3 };

	return f;
}

/* ---- results ---- */

/* Served under /efi/: no file of the loader folder. */
static bool is_image(const char *loader)
{
	return !strcmp(loader, BOOT_UKI) || !strcmp(loader, "image.efi") ||
	       !strcmp(loader, "image.iso");
}

static void why(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void why(struct plan *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->out->why, sizeof p->out->why, fmt, ap);
	va_end(ap);
}

static void offer(struct plan *p, const char *loader, bool http, struct config_form form)
{
	struct boot_plan *o = p->out;
	const bool uki = http && is_image(loader);

	o->boot = (struct dhcp_boot){ .http_url = http, .form = form };
	if (http)
		snprintf(o->boot.file, sizeof o->boot.file, "%s/%s/%s", p->a->url,
			uki ? "efi" : "loader", loader);
	else
		snprintf(o->boot.file, sizeof o->boot.file, "%s", loader);
	o->chosen = (struct store_loader){ .http = http, .form = form_pack(&form) };
	snprintf(o->chosen.loader, sizeof o->chosen.loader, "%s", loader);
	snprintf(o->chosen.firmware, sizeof o->chosen.firmware, "%s",
		quirk_firmware_name(quirk_firmware(p->a->q)));
}

static const char *transport_name(bool http)
{
	return http ? "HTTP" : "TFTP";
}

static void offer_script(struct plan *p)
{
	p->out->boot = (struct dhcp_boot){ .http_url = true };
	if (p->rule)
		p->out->boot.form = p->rule->form;
	snprintf(p->out->boot.file, sizeof p->out->boot.file, "%s/boot.ipxe", p->a->url);
	why(p, "boot.ipxe by HTTP");
}

/* ---- what firmware can do ---- */

static bool speaks_http(const struct dhcp_query *q)
{
	return q->client == DHCP_CLIENT_HTTP || q->ipxe_features & DHCP_IPXE_HTTP;
}

static bool can(const struct plan *p, bool http)
{
	return http ? speaks_http(p->a->q) : p->a->cfg->tftp && p->a->q->client != DHCP_CLIENT_HTTP;
}

/* ---- a rule that names a loader ---- */

static bool rule_wants_http(const struct plan *p)
{
	return p->rule->transport == TRANSPORT_AUTO ? !can(p, false) && can(p, true)
						    : p->rule->transport == TRANSPORT_HTTP;
}

static void offer_of_rule(struct plan *p)
{
	const struct config_quirk *r = p->rule;
	const bool http = rule_wants_http(p);

	if (!can(p, http))
		why(p, "address only: rule %s wants %s, which %s", r->name, transport_name(http),
			http || p->a->q->client == DHCP_CLIENT_HTTP ? "this firmware cannot do"
								    : "is off");
	else if (!p->a->exists(p->a->arg, r->loader, http))
		why(p, "address only: rule %s names %s, which is not there", r->name, r->loader);
	else {
		offer(p, r->loader, http, r->form);
		why(p, "%s by %s: rule %s", r->loader, transport_name(http), r->name);
	}
}

/* ---- the list of the architecture ---- */

static bool is_raspberry(const struct dhcp_query *q)
{
	for (size_t i = 0; i < ARRAY_LEN(pi_macs); i++) {
		if (!memcmp(q->mac, pi_macs[i], sizeof pi_macs[i]))
			return q->arch == 0;
	}
	return false;
}

static const struct row *row_of(const struct dhcp_query *q)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].arch == q->arch && rows[i].http == (q->client == DHCP_CLIENT_HTTP))
			return &rows[i];
	}
	return NULL;
}

/* Those of the row that are there. Returns their number. */
static size_t list_of(const struct plan *p, const struct row *row, const char *list[LIST_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < LIST_MAX && row->loaders[i]; i++) {
		if (p->a->direct && !strcmp(row->loaders[i], BOOT_UKI)) {
			if (*p->a->own)
				list[n++] = p->a->own;
		} else if (p->a->exists(p->a->arg, row->loaders[i], row->http))
			list[n++] = row->loaders[i];
	}
	return n;
}

/* The one after the loader that failed; one that is not in the list is followed by the first. */
static const char *next_of(const char *const list[], size_t n, const char *dead)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(list[i], dead))
			return list[(i + 1) % n];
	}
	return list[0];
}

/* The loader that was not read, in the next form. False when it is not for that, or was the last.
 */
static bool offer_next_form(struct plan *p, const struct row *row)
{
	const struct store_loaders *m = &p->a->memory;
	size_t i = 0;

	while (i < ARRAY_LEN(forms) && form_pack(&forms[i].form) != m->dead.form)
		i++;
	if (m->dead_read || row->http || ++i >= ARRAY_LEN(forms) ||
		!p->a->exists(p->a->arg, m->dead.loader, row->http))
		return false;
	offer(p, m->dead.loader, row->http, forms[i].form);
	why(p, "%s by %s%s: it was not read at boot %lld", m->dead.loader,
		transport_name(row->http), forms[i].name, (long long)m->dead_boot);
	return true;
}

static void offer_next(struct plan *p, const struct row *row, const char *const list[], size_t n)
{
	const struct store_loaders *m = &p->a->memory;
	const char *loader = next_of(list, n, m->dead.loader);

	if (offer_next_form(p, row))
		return;
	/* a form in which the other was read is good */
	offer(p, loader, row->http,
		m->dead_read ? form_unpack(m->dead.form) : (struct config_form){ 0 });
	if (!strcmp(loader, m->dead.loader))
		why(p, "%s by %s: there is no other, though boot %lld failed with it", loader,
			transport_name(row->http), (long long)m->dead_boot);
	else
		why(p, "%s by %s: %s did not reach %s at boot %lld", loader,
			transport_name(row->http), m->dead.loader,
			row->http && !strcmp(m->dead.loader, BOOT_UKI) ? "the agent" : "its script",
			(long long)m->dead_boot);
}

static bool offer_remembered(struct plan *p)
{
	const struct store_loader *w = &p->a->memory.works;

	/* What started another image, or the agent, leads nowhere now. */
	if (!w->loader[0] || !can(p, w->http) ||
		(is_image(w->loader) &&
			strcmp(w->loader, p->a->direct ? p->a->own : BOOT_UKI) != 0))
		return false;
	if (!(p->a->direct && is_image(w->loader)) && !p->a->exists(p->a->arg, w->loader, w->http))
		return false;
	offer(p, w->loader, w->http, form_unpack(w->form));
	why(p, "%s by %s: it worked at boot %lld", w->loader, transport_name(w->http),
		(long long)p->a->memory.works_boot);
	return true;
}

static void offer_of_list(struct plan *p, const struct row *row)
{
	const char *list[LIST_MAX];
	size_t n;

	if (!p->a->memory.dead.loader[0] && offer_remembered(p))
		return;
	n = list_of(p, row, list);
	if (!n) {
		why(p, "address only: there is no loader for architecture %u", row->arch);
	} else if (p->a->memory.dead.loader[0]) {
		offer_next(p, row, list, n);
	} else {
		offer(p, list[0], row->http, (struct config_form){ 0 });
		why(p, "%s by %s: architecture %u", list[0], transport_name(row->http),
			p->a->q->arch);
	}
}

static void offer_of_arch(struct plan *p)
{
	const struct dhcp_query *q = p->a->q;
	const struct row *row = row_of(q);

	if (is_raspberry(q))
		why(p, "address only: a Raspberry Pi, which is no x86");
	else if (!row && q->arch == DHCP_ARCH_NONE)
		why(p, "address only: it names no architecture");
	else if (!row)
		why(p, "address only: unknown architecture %u", q->arch);
	else if (!can(p, row->http))
		why(p, "address only: TFTP is off");
	else
		offer_of_list(p, row);
	p->out->unknown_arch = !row && q->arch != DHCP_ARCH_NONE;
}

/* A rule without a loader says how, not what. */
static void apply_rule(struct plan *p)
{
	struct boot_plan *o = p->out;
	const size_t n = strlen(o->why);

	if (!o->boot.file[0])
		return;
	if (p->rule->transport && o->chosen.loader[0] &&
		(p->rule->transport == TRANSPORT_HTTP) != o->chosen.http) {
		*o = (struct boot_plan){ 0 };
		why(p, "address only: rule %s wants %s, which this firmware cannot do",
			p->rule->name, transport_name(p->rule->transport == TRANSPORT_HTTP));
		return;
	}
	o->boot.form = p->rule->form;
	o->chosen.form = form_pack(&p->rule->form);
	snprintf(o->why + n, sizeof o->why - n, ", rule %s", p->rule->name);
}

static void plan_firmware(struct plan *p)
{
	const struct dhcp_query *q = p->a->q;

	if (p->rule && p->rule->no_boot)
		why(p, "address only: rule %s", p->rule->name);
	else if (p->rule && p->rule->loader[0] && !p->a->loader_runs)
		offer_of_rule(p);
	else if (q->client == DHCP_CLIENT_IPXE && speaks_http(q))
		offer_script(p);
	else
		offer_of_arch(p);
}

void boot_plan(const struct boot_ask *a, struct boot_plan *out)
{
	struct plan p = { a, NULL, out };

	*out = (struct boot_plan){ 0 };
	if (a->q->client == DHCP_CLIENT_OTHER || a->q->client == DHCP_CLIENT_AGENT)
		return;
	p.rule = quirk_find(a->cfg, a->q, a->vendor, a->product);
	plan_firmware(&p);
	if (p.rule && !p.rule->loader[0])
		apply_rule(&p);
}
