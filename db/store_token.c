/* Tokens of the API: their hashes, never their texts. */
#include "db/sql.h"
#include "db/store.h"
#include "db/store_inside.h"

int store_token_add(struct store *s, struct store_token *t)
{
	int rc = sql_run(s->q,
		"INSERT INTO token (name, hash, role, scope, created_ms, expires_ms, used_ms,"
		" used_addr, revoked_ms) VALUES (?, x'', ?, ?, ?, ?, 0, 0, 0)",
		"titii", t->name, (int64_t)t->role, t->scope, t->created_ms, t->expires_ms);

	if (!rc)
		t->id = sql_last_id(s->q);
	return rc;
}

int store_token_hash(struct store *s, int64_t id, const struct digest *hash)
{
	return sql_run(
		s->q, "UPDATE token SET hash = ? WHERE id = ?", "bi", hash->b, sizeof hash->b, id);
}

int store_token_get(struct store *s, int64_t id, struct store_token *out)
{
	struct sql_row *r = sql_start(s->q,
		"SELECT id, name, hash, role, scope, created_ms, expires_ms, used_ms, revoked_ms"
		" FROM token WHERE id = ?",
		"i", id);
	int rc = sql_one(r);

	if (!rc) {
		*out = (struct store_token){ .id = sql_int(r, 0),
			.role = (int)sql_int(r, 3),
			.created_ms = sql_int(r, 5),
			.expires_ms = sql_int(r, 6),
			.used_ms = sql_int(r, 7),
			.revoked_ms = sql_int(r, 8) };
		sql_text(r, 1, out->name, sizeof out->name);
		sql_blob(r, 2, out->hash.b, sizeof out->hash.b);
		sql_text(r, 4, out->scope, sizeof out->scope);
	}
	sql_end(r);
	return rc;
}

int store_token_used(struct store *s, int64_t id, int64_t now_ms, uint32_t addr)
{
	return sql_run(s->q, "UPDATE token SET used_ms = ?, used_addr = ? WHERE id = ?", "iii",
		now_ms, (int64_t)addr, id);
}

int store_token_revoke(struct store *s, int64_t id, int64_t now_ms)
{
	return sql_run(s->q, "UPDATE token SET revoked_ms = ? WHERE id = ?", "ii", now_ms, id);
}

/* SQL reads better as its author breaks it. */
/* clang-format off */

#define TOKEN_FIELDS                                                                               \
	"'id', id, 'name', name, 'role',"                                                              \
	" CASE role WHEN 0 THEN 'none' WHEN 1 THEN 'viewer' WHEN 2 THEN 'operator' WHEN 3 THEN 'admin' END, 'scope'," \
	" json(iif(scope = '', '[]', '[\"' || replace(scope, ',', '\",\"') || '\"]')),"                \
	" 'state', CASE WHEN revoked_ms THEN 'revoked'"                                                \
	" WHEN expires_ms AND expires_ms <= ?1 THEN 'expired' ELSE 'good' END,"                        \
	" 'created', created_ms, 'expires', nullif(expires_ms, 0), 'used', nullif(used_ms, 0),"        \
	" 'used_from', iif(used_ms, (used_addr >> 24) || '.' || ((used_addr >> 16) & 255) || '.' ||"   \
	" ((used_addr >> 8) & 255) || '.' || (used_addr & 255), NULL), 'revoked', nullif(revoked_ms, 0)"

int store_json_tokens(struct store *s, int64_t now_ms, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object('tokens', json_group_array(json(o))) FROM (SELECT json_object("
		TOKEN_FIELDS ") AS o FROM token ORDER BY id)",
		"i", now_ms);
}

int store_json_token(struct store *s, int64_t id, int64_t now_ms, char **out)
{
	return sql_value(s->q, out,
		"SELECT json_object(" TOKEN_FIELDS ") FROM token WHERE id = ?2", "ii", now_ms, id);
}
