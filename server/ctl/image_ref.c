#include "server/ctl/image_ref.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/ctl/format.h"

int image_ref_version(const char *text, struct image_ref *out)
{
	const size_t n = strcspn(text, "#");
	char version[MANIFEST_NAME_MAX] = "";
	uint64_t release = 0;

	if (n >= sizeof version || (!n && !text[n]))
		return -EINVAL;
	memcpy(version, text, n);
	version[n] = 0;
	if (n && !manifest_name_ok(version))
		return -EINVAL;
	if (text[n] && !format_parse_number(text + n + 1, INT64_MAX, &release))
		return -EINVAL;
	memcpy(out->version, version, sizeof version);
	out->release = release;
	return 0;
}

int image_ref_parse(const char *text, struct image_ref *out)
{
	const size_t n = strcspn(text, "@#");
	struct image_ref ref = { 0 };

	if (n >= sizeof ref.name)
		return -EINVAL;
	memcpy(ref.name, text, n);
	if (!manifest_name_ok(ref.name))
		return -EINVAL;
	if (text[n] && image_ref_version(text + n + (text[n] == '@'), &ref) < 0)
		return -EINVAL;
	*out = ref;
	return 0;
}

char *image_ref_print(const struct image_ref *ref, char out[IMAGE_REF_TEXT])
{
	int n = snprintf(
		out, IMAGE_REF_TEXT, "%s%s%s", ref->name, ref->version[0] ? "@" : "", ref->version);

	if (ref->release)
		snprintf(out + n, IMAGE_REF_TEXT - (size_t)n, "#%" PRIu64, ref->release);
	return out;
}

char *image_ref_escape(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (const char *s = text; *s && n + 4 <= size; s++) {
		if (isalnum((unsigned char)*s) || strchr("-._~", *s))
			out[n++] = *s;
		else
			n += (size_t)sprintf(out + n, "%%%02X", (unsigned char)*s);
	}
	out[n] = 0;
	return out;
}

char *image_ref_query(const struct image_ref *ref, char out[IMAGE_REF_QUERY])
{
	char version[3 * MANIFEST_NAME_MAX];
	int n = 0;

	*out = 0;
	if (ref->version[0])
		n = snprintf(out, IMAGE_REF_QUERY, "version=%s",
			image_ref_escape(ref->version, version, sizeof version));
	if (ref->release)
		snprintf(out + n, IMAGE_REF_QUERY - (size_t)n, "%srelease=%" PRIu64, n ? "&" : "",
			ref->release);
	return out;
}
