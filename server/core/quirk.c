#include "server/core/quirk.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "db/host.h"

enum firmware quirk_firmware(const struct dhcp_query *q)
{
	if (q->client == DHCP_CLIENT_IPXE)
		return FIRMWARE_IPXE;
	if (q->client == DHCP_CLIENT_HTTP)
		return FIRMWARE_UEFI_HTTP;
	return q->arch == 0 ? FIRMWARE_BIOS : FIRMWARE_UEFI;
}

const char *quirk_firmware_name(enum firmware f)
{
	static const char *const names[FIRMWARES] = {
		[FIRMWARE_BIOS] = "bios",
		[FIRMWARE_UEFI] = "uefi",
		[FIRMWARE_UEFI_HTTP] = "uefi-http",
		[FIRMWARE_IPXE] = "ipxe",
	};

	return names[f];
}

/* ---- one match each: true when it was not given, or holds ---- */

static bool mac_fits(const struct config_quirk *k, const struct dhcp_query *q)
{
	return !memcmp(k->mac, q->mac, k->mac_len);
}

static bool firmware_fits(const struct config_quirk *k, const struct dhcp_query *q)
{
	return !k->firmware || k->firmware & 1 << quirk_firmware(q);
}

static bool arch_fits(const struct config_quirk *k, const struct dhcp_query *q)
{
	for (size_t i = 0; i < k->n_archs; i++) {
		if (k->archs[i] == q->arch)
			return true;
	}
	return !k->n_archs;
}

/* Do the UUID's hex digits begin with these? */
static bool uuid_begins(const uint8_t uuid[16], const char *digits)
{
	char text[HOST_UUID_TEXT], *to = text;

	host_uuid_print(uuid, text);
	for (const char *from = text; *from; from++) {
		if (*from != '-')
			*to++ = *from;
	}
	*to = 0;
	return !strncmp(text, digits, strlen(digits));
}

/* SMBIOS order, or as printed: U-Boot sends it so. */
static bool uuid_fits(const struct config_quirk *k, const struct dhcp_query *q)
{
	uint8_t printed[16];

	if (!k->uuid[0])
		return true;
	if (!q->echo_uuid)
		return false;
	host_uuid_swap(q->uuid, printed);
	return uuid_begins(printed, k->uuid) || uuid_begins(q->uuid, k->uuid);
}

static bool glob_fits(const char *pattern, const char *text)
{
	return !pattern[0] || !fnmatch(pattern, text, FNM_CASEFOLD);
}

static bool class_fits(const struct config_quirk *k, const struct dhcp_query *q)
{
	if (strpbrk(k->class, "*?["))
		return glob_fits(k->class, q->vendor_class);
	return !strncasecmp(k->class, q->vendor_class, strlen(k->class));
}

const struct config_quirk *quirk_find(const struct config *cfg, const struct dhcp_query *q,
	const char *vendor, const char *product)
{
	for (size_t i = 0; i < cfg->n_quirks; i++) {
		const struct config_quirk *k = &cfg->quirks[i];

		if (mac_fits(k, q) && firmware_fits(k, q) && arch_fits(k, q) && uuid_fits(k, q) &&
			class_fits(k, q) && glob_fits(k->user_class, q->user_class) &&
			glob_fits(k->vendor, vendor) && glob_fits(k->product, product))
			return k;
	}
	return NULL;
}
