/* Images: what their manifests say. */
#include <errno.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

static int put_files(struct store *s, const struct digest *manifest, const struct manifest *m)
{
	int rc = 0;

	for (size_t i = 0; i < m->n_files && !rc; i++) {
		const struct manifest_file *f = &m->files[i];

		rc = sql_run(s->q,
			"INSERT INTO image_file (manifest, position, role, name, length, digest)"
			" VALUES (?, ?, ?, ?, ?, ?)",
			"biitib", manifest->b, sizeof manifest->b, (int64_t)i, (int64_t)f->role,
			f->name, (int64_t)f->length, f->sha256.b, sizeof f->sha256.b);
	}
	return rc;
}

static int put_sigs(
	struct store *s, const struct digest *manifest, const struct store_sig *sigs, size_t n_sigs)
{
	int rc = 0;

	for (size_t i = 0; i < n_sigs && !rc; i++)
		rc = sql_run(s->q,
			"INSERT OR REPLACE INTO image_signature (manifest, signer, digest)"
			" VALUES (?, ?, ?)",
			"bbb", manifest->b, sizeof manifest->b, sigs[i].signer,
			sizeof sigs[i].signer, sigs[i].digest.b, sizeof sigs[i].digest.b);
	return rc;
}

int store_image_add(struct store *s, const struct digest *manifest, const struct manifest *m,
	const struct store_sig *sigs, size_t n_sigs, int64_t now_ms)
{
	int rc = sql_run(s->q,
		"INSERT INTO image (manifest, name, version, channel, kind, release, created_s,"
		" expires_s, args, xen_args, imported_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		" ON CONFLICT DO NOTHING",
		"btttiiiitti", manifest->b, sizeof manifest->b, m->name, m->version, m->channel,
		(int64_t)m->kind, (int64_t)m->release, (int64_t)m->created_s, (int64_t)m->expires_s,
		m->args, m->xen_args, now_ms);
	const int is_new = rc == 0 && sql_changes(s->q) > 0;

	if (is_new)
		rc = put_files(s, manifest, m);
	if (!rc)
		rc = put_sigs(s, manifest, sigs, n_sigs);
	return rc ? rc : is_new;
}

int store_image_rm(struct store *s, const struct digest *manifest)
{
	return sql_run(
		s->q, "DELETE FROM image WHERE manifest = ?", "b", manifest->b, sizeof manifest->b);
}

void store_read_image(struct sql_row *r, struct store_image *out)
{
	*out = (struct store_image){
		.kind = (enum image_kind)sql_int(r, 4),
		.release = (uint64_t)sql_int(r, 5),
		.expires_s = sql_int(r, 6),
	};
	sql_blob(r, 0, out->manifest.b, sizeof out->manifest.b);
	sql_text(r, 1, out->name, sizeof out->name);
	sql_text(r, 2, out->version, sizeof out->version);
	sql_text(r, 3, out->channel, sizeof out->channel);
}

int store_one_image(struct sql_row *r, struct store_image *out)
{
	int rc = sql_one(r);

	if (!rc)
		store_read_image(r, out);
	sql_end(r);
	return rc;
}

int store_some_images(struct sql_row *r, struct store_image *out, int max)
{
	int n = 0, rc = 0;

	while (n < max && (rc = sql_next(r)) > 0)
		store_read_image(r, &out[n++]);
	sql_end(r);
	return rc < 0 ? rc : n;
}

int store_image_versions(struct store *s, const char *name, const char *channel,
	const char *version, uint64_t release, struct store_image *out, int max)
{
	return store_some_images(
		sql_start(s->q,
			"SELECT " IMAGE_COLUMNS " FROM image i WHERE name = ?1"
			" AND channel = coalesce(?2, channel) AND version = coalesce(?3, version)"
			" AND (?4 = 0 OR release = ?4) ORDER BY release DESC, imported_ms DESC",
			"ttti", name, channel, version, (int64_t)release),
		out, max);
}

int store_image_by_manifest(struct store *s, const struct digest *manifest, struct store_image *out)
{
	return store_one_image(
		sql_start(s->q, "SELECT " IMAGE_COLUMNS " FROM image i WHERE i.manifest = ?", "b",
			manifest->b, sizeof manifest->b),
		out);
}

static int file_of(struct sql_row *r, struct manifest_file *out)
{
	int rc = sql_one(r);

	if (!rc) {
		*out = (struct manifest_file){
			.role = (enum file_role)sql_int(r, 0),
			.length = (uint64_t)sql_int(r, 2),
		};
		sql_text(r, 1, out->name, sizeof out->name);
		sql_blob(r, 3, out->sha256.b, sizeof out->sha256.b);
	}
	sql_end(r);
	return rc;
}

int store_image_file(struct store *s, const struct digest *manifest, enum file_role role,
	unsigned nth, struct manifest_file *out)
{
	return file_of(
		sql_start(s->q,
			"SELECT role, name, length, digest FROM image_file"
			" WHERE manifest = ? AND role = ? ORDER BY position LIMIT 1 OFFSET ?",
			"bii", manifest->b, sizeof manifest->b, (int64_t)role, (int64_t)nth),
		out);
}

int store_image_file_named(
	struct store *s, const struct digest *manifest, const char *name, struct manifest_file *out)
{
	return file_of(sql_start(s->q,
			       "SELECT role, name, length, digest FROM image_file"
			       " WHERE manifest = ? AND name = ? COLLATE NOCASE",
			       "bt", manifest->b, sizeof manifest->b, name),
		out);
}

int store_image_args(struct store *s, const struct digest *manifest, char out[MANIFEST_ARGS_MAX])
{
	struct sql_row *r = sql_start(s->q, "SELECT args FROM image WHERE manifest = ?", "b",
		manifest->b, sizeof manifest->b);
	int rc = sql_one(r);

	if (!rc)
		sql_text(r, 0, out, MANIFEST_ARGS_MAX);
	sql_end(r);
	return rc;
}

int store_image_sigs(struct store *s, const struct digest *manifest, struct digest *out, int max)
{
	struct sql_row *r = sql_start(s->q, "SELECT digest FROM image_signature WHERE manifest = ?",
		"b", manifest->b, sizeof manifest->b);
	int n = 0, rc;

	while ((rc = sql_next(r)) > 0 && n < max)
		n += sql_blob(r, 0, out[n].b, sizeof out[n].b);
	sql_end(r);
	return rc < 0 ? rc : n;
}

int store_file_name(struct store *s, const struct digest *file, char name[MANIFEST_NAME_MAX],
	char image_name[MANIFEST_NAME_MAX], enum file_role *role)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT image_file.name, image.name, role FROM image_file JOIN image USING (manifest)"
		" WHERE digest = ? ORDER BY release DESC LIMIT 1",
		"b", file->b, sizeof file->b);
	int rc = sql_one(r);

	if (!rc) {
		sql_text(r, 0, name, MANIFEST_NAME_MAX);
		sql_text(r, 1, image_name, MANIFEST_NAME_MAX);
		*role = (enum file_role)sql_int(r, 2);
	}
	sql_end(r);
	return rc;
}
