#include "server/core/boot_plan.h"

#include <stdio.h>
#include <string.h>

/* Processor architecture types of the IANA registry, as far as we have something for them. */
static const struct {
	uint16_t arch;
	const char *loader;
} loaders[] = {
	{ 0, "undionly.kpxe" }, { 7, "snponly.efi" },
	{ 9, "snponly.efi" }, /* registered as EBC, sent by x64 machines */
};
#define ARCH_X64_HTTP 16

static const struct config_quirk *quirk_of(const struct config *cfg, const struct dhcp_query *q)
{
	for (size_t i = 0; i < cfg->n_quirks; i++) {
		const struct config_quirk *k = &cfg->quirks[i];

		if (memcmp(k->mac, q->mac, k->mac_len) == 0 &&
			(k->arch == CONFIG_ARCH_ANY || k->arch == q->arch))
			return k;
	}
	return NULL;
}

static void plan_tftp(const struct config *cfg, const char *loader, struct dhcp_boot *out)
{
	if (cfg->tftp)
		snprintf(out->file, sizeof out->file, "%s", loader);
}

static void plan_url(const char *url, const char *path, struct dhcp_boot *out)
{
	snprintf(out->file, sizeof out->file, "%s%s", url, path);
	out->http_url = true;
}

static void plan_loader(const struct config *cfg, const struct dhcp_query *q, struct dhcp_boot *out)
{
	for (size_t i = 0; i < sizeof loaders / sizeof loaders[0]; i++) {
		if (loaders[i].arch == q->arch)
			plan_tftp(cfg, loaders[i].loader, out);
	}
}

void boot_plan(const struct config *cfg, const char *url, const struct dhcp_query *q,
	bool loader_sent, struct dhcp_boot *out)
{
	const struct config_quirk *quirk = quirk_of(cfg, q);

	*out = (struct dhcp_boot){ 0 };
	switch (q->client) {
	case DHCP_CLIENT_IPXE:
		if (quirk && cfg->tftp && !loader_sent)
			plan_tftp(cfg, quirk->loader, out);
		else if (q->ipxe_features & DHCP_IPXE_HTTP)
			plan_url(url, "/boot.ipxe", out);
		else if (!loader_sent)
			plan_loader(cfg, q, out);
		break;
	case DHCP_CLIENT_PXE:
		if (quirk)
			plan_tftp(cfg, quirk->loader, out);
		else
			plan_loader(cfg, q, out);
		break;
	case DHCP_CLIENT_HTTP:
		if (q->arch == ARCH_X64_HTTP)
			plan_url(url, "/efi/agent.efi", out);
		break;
	default:
		break;
	}
}
