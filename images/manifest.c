/*
 * manifest.c: the manifest's text, strictly. The keys come in the order that manifest.h shows, none
 * is missing or new; the text ends in LF and has no CR, so that no prefix of a manifest is one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "images/json.h"
#include "images/manifest.h"
#include "images/strict.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *const kind_names[] = {
	[IMAGE_LINUX] = "linux",
	[IMAGE_XEN] = "xen",
	[IMAGE_ESXI] = "esxi",
	[IMAGE_EFI] = "efi",
	[IMAGE_ISO] = "iso",
	[IMAGE_SAN] = "san",
};
static const char *const role_names[] = {
	[FILE_KERNEL] = "kernel",
	[FILE_INITRD] = "initrd",
	[FILE_XEN] = "xen",
	[FILE_UKI] = "uki",
	[FILE_EFI] = "efi",
	[FILE_BOOTCFG] = "bootcfg",
	[FILE_MODULE] = "module",
	[FILE_ISO] = "iso",
};

const char *image_kind_name(enum image_kind k)
{
	return (unsigned)k < IMAGE_KINDS ? kind_names[k] : "unknown";
}

const char *file_role_name(enum file_role r)
{
	return (unsigned)r < FILE_ROLES ? role_names[r] : "unknown";
}

static int index_of(const char *const *names, unsigned n, const char *name, unsigned *out)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0) {
			*out = i;
			return 0;
		}
	return -ENOENT;
}

int image_kind_parse(const char *name, enum image_kind *out)
{
	unsigned i = 0;
	int rc = index_of(kind_names, IMAGE_KINDS, name, &i);

	if (!rc)
		*out = (enum image_kind)i;
	return rc;
}

int file_role_parse(const char *name, enum file_role *out)
{
	unsigned i = 0;
	int rc = index_of(role_names, FILE_ROLES, name, &i);

	if (!rc)
		*out = (enum file_role)i;
	return rc;
}

int image_kind_direct(enum image_kind k)
{
	return k != IMAGE_LINUX && k != IMAGE_XEN;
}

int manifest_name_ok(const char *s)
{
	return strict_name_ok(s);
}

static bool args_ok(const char *s)
{
	size_t len = strnlen(s, MANIFEST_ARGS_MAX);

	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\'' || s[i] == '\\')
			return false;
	return len < MANIFEST_ARGS_MAX;
}

/* ---- values, each into its field ---- */

static int take_args(const struct json *v, const char *key, char *out, const struct complaint *c)
{
	const char *s = json_str(v, NULL);

	if (!s || !args_ok(s))
		return strict_complain(c,
			"%s: at most %d printable characters without quotes or backslash", key,
			MANIFEST_ARGS_MAX - 1);
	memcpy(out, s, strlen(s) + 1);
	return 0;
}

static const char *const file_keys[] = { "role", "name", "length", "sha256" };

static int take_file(const struct json *obj, const char *where, struct manifest_file *f,
	const struct complaint *c)
{
	unsigned role = 0;
	int rc = strict_keys(obj, where, file_keys, ARRAY_LEN(file_keys), c);

	if (!rc)
		rc = strict_choice(json_get(obj, "role"), "role", role_names, FILE_ROLES, &role, c);
	if (!rc)
		rc = strict_name(json_get(obj, "name"), "file name", f->name, c);
	if (!rc)
		rc = strict_number(
			json_get(obj, "length"), "length", 1, MANIFEST_FILE_MAX, &f->length, c);
	if (rc)
		return rc;
	if (digest_parse(json_get_str(obj, "sha256", ""), &f->sha256))
		return strict_complain(c, "%s: sha256: 64 lower-case hex digits", where);
	f->role = (enum file_role)role;
	return 0;
}

static int take_files(const struct json *v, struct manifest *m, const struct complaint *c)
{
	size_t n = json_len(v);

	if (!json_is_array(v) || n > MANIFEST_FILES_MAX)
		return strict_complain(c, "files: a list of at most %d", MANIFEST_FILES_MAX);
	for (size_t i = 0; i < n; i++) {
		char where[16];
		int rc;

		snprintf(where, sizeof where, "files[%u]", (unsigned)i & 1023);
		rc = take_file(json_at(v, i), where, &m->files[i], c);
		if (rc)
			return rc;
	}
	m->n_files = n;
	return 0;
}

static const char *const keys[] = { "type", "name", "version", "kind", "arch", "channel", "release",
	"created", "expires", "args", "xen_args", "files" };

static int take_all(const struct json *doc, struct manifest *m, const struct complaint *c)
{
	unsigned kind = 0;
	int rc = strict_keys(doc, "manifest", keys, ARRAY_LEN(keys), c);

	if (!rc)
		rc = strict_constant(json_get(doc, "type"), "type", "manifest", c);
	if (!rc)
		rc = strict_name(json_get(doc, "name"), "name", m->name, c);
	if (!rc)
		rc = strict_name(json_get(doc, "version"), "version", m->version, c);
	if (!rc)
		rc = strict_choice(
			json_get(doc, "kind"), "kind", kind_names, IMAGE_KINDS, &kind, c);
	if (!rc)
		rc = strict_constant(json_get(doc, "arch"), "arch", "x86_64", c);
	if (!rc)
		rc = strict_name(json_get(doc, "channel"), "channel", m->channel, c);
	if (!rc)
		rc = strict_number(
			json_get(doc, "release"), "release", 0, INT64_MAX, &m->release, c);
	if (!rc)
		rc = strict_number(json_get(doc, "created"), "created", 0, STRICT_TIME_MAX_S,
			&m->created_s, c);
	if (!rc)
		rc = strict_number(json_get(doc, "expires"), "expires", 0, STRICT_TIME_MAX_S,
			&m->expires_s, c);
	if (!rc)
		rc = take_args(json_get(doc, "args"), "args", m->args, c);
	if (!rc)
		rc = take_args(json_get(doc, "xen_args"), "xen_args", m->xen_args, c);
	if (!rc)
		rc = take_files(json_get(doc, "files"), m, c);
	m->kind = (enum image_kind)kind;
	return rc;
}

/* ---- what the values say together ---- */

static int check_stamp(const struct manifest *m, const struct complaint *c)
{
	if (!m->release && !m->created_s && !m->expires_s)
		return 0; /* built, not signed yet */
	if (!m->release || !m->created_s || !m->expires_s)
		return strict_complain(c, "release, created and expires: all stamped or all zero");
	if (m->created_s >= m->expires_s)
		return strict_complain(c, "expires: not after created");
	return 0;
}

static int check_file_names(const struct manifest *m, const struct complaint *c)
{
	for (size_t i = 0; i < m->n_files; i++)
		for (size_t j = 0; j < i; j++)
			if (strcasecmp(m->files[i].name, m->files[j].name) == 0)
				return strict_complain(c, "files: two named %s", m->files[i].name);
	return 0;
}

/* How many files of each role a kind may have. */
static const struct {
	size_t min, max;
} role_counts[IMAGE_KINDS][FILE_ROLES] = {
	[IMAGE_LINUX] = {
		[FILE_KERNEL] = { 1, 1 },
		[FILE_INITRD] = { 0, MANIFEST_FILES_MAX },
		[FILE_UKI] = { 0, 1 },
	},
	[IMAGE_XEN] = {
		[FILE_KERNEL] = { 1, 1 },
		[FILE_INITRD] = { 0, MANIFEST_FILES_MAX },
		[FILE_XEN] = { 1, 1 },
	},
	[IMAGE_ESXI] = {
		[FILE_EFI] = { 1, 1 },
		[FILE_BOOTCFG] = { 1, 1 },
		[FILE_KERNEL] = { 1, 1 },
		[FILE_MODULE] = { 0, MANIFEST_FILES_MAX },
	},
	[IMAGE_EFI] = {
		[FILE_EFI] = { 1, 1 },
		[FILE_MODULE] = { 0, MANIFEST_FILES_MAX },
	},
	[IMAGE_ISO] = {
		[FILE_ISO] = { 1, 1 },
	},
	[IMAGE_SAN] = {
		[FILE_KERNEL] = { 0, 0 },
	},
};

static int check_roles(const struct manifest *m, const struct complaint *c)
{
	size_t n[FILE_ROLES] = { 0 };

	for (size_t i = 0; i < m->n_files; i++)
		n[m->files[i].role]++;
	for (unsigned r = 0; r < FILE_ROLES; r++)
		if (n[r] < role_counts[m->kind][r].min || n[r] > role_counts[m->kind][r].max)
			return strict_complain(c, "files: %zu of role %s in an image of kind %s",
				n[r], role_names[r], kind_names[m->kind]);
	if (m->kind != IMAGE_XEN && *m->xen_args)
		return strict_complain(c, "xen_args: empty unless kind is xen");
	return 0;
}

int manifest_parse(const char *text, size_t len, struct manifest *out, char *err, size_t err_size)
{
	const struct complaint c = { err, err_size };
	struct manifest m = { 0 };
	struct json *doc;
	int rc;

	doc = strict_read(text, len, "a manifest", &c);
	if (!doc)
		return -EBADMSG;
	rc = take_all(doc, &m, &c);
	json_free(doc);
	if (!rc)
		rc = check_stamp(&m, &c);
	if (!rc)
		rc = check_file_names(&m, &c);
	if (!rc)
		rc = check_roles(&m, &c);
	if (!rc)
		*out = m;
	return rc;
}

/* ---- the canonical text; no value in it needs escaping ---- */

static void add_file(struct strict_text *t, const struct manifest_file *f, bool last)
{
	char hex[DIGEST_HEX];

	digest_hex(&f->sha256, hex);
	strict_add(t, "    { \"role\": \"%s\", \"name\": \"%s\", \"length\": %" PRIu64 ",\n",
		file_role_name(f->role), f->name, f->length);
	strict_add(t, "      \"sha256\": \"%s\" }%s\n", hex, last ? "" : ",");
}

int manifest_print(const struct manifest *m, char *out, size_t size)
{
	struct strict_text t = { out, 0, size, size == 0 };

	strict_add(&t, "{\n  \"type\": \"manifest\",\n  \"name\": \"%s\",\n", m->name);
	strict_add(&t, "  \"version\": \"%s\",\n  \"kind\": \"%s\",\n", m->version,
		image_kind_name(m->kind));
	strict_add(&t, "  \"arch\": \"x86_64\",\n  \"channel\": \"%s\",\n", m->channel);
	strict_add(&t, "  \"release\": %" PRIu64 ",\n", m->release);
	strict_add(&t, "  \"created\": %" PRIu64 ",\n", m->created_s);
	strict_add(&t, "  \"expires\": %" PRIu64 ",\n", m->expires_s);
	strict_add(&t, "  \"args\": \"%s\",\n  \"xen_args\": \"%s\",\n", m->args, m->xen_args);
	strict_add(&t, "  \"files\": [\n");
	for (size_t i = 0; i < m->n_files; i++)
		add_file(&t, &m->files[i], i + 1 == m->n_files);
	strict_add(&t, "  ]\n}\n");
	return t.full ? -ENOSPC : (int)t.len;
}

const struct manifest_file *manifest_file(const struct manifest *m, enum file_role role)
{
	for (size_t i = 0; i < m->n_files; i++)
		if (m->files[i].role == role)
			return &m->files[i];
	return NULL;
}

uint64_t manifest_total(const struct manifest *m)
{
	uint64_t total = 0;

	for (size_t i = 0; i < m->n_files; i++)
		total += m->files[i].length;
	return total;
}
