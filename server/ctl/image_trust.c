#include "server/ctl/image_trust.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "images/json.h"
#include "server/ctl/client.h"
#include "server/ctl/ctl.h"
#include "server/ctl/format.h"
#include "server/ctl/image_dir.h"
#include "server/ctl/root_dir.h"
#include "server/ctl/upload.h"

static int add_all(struct ctl *c, const struct signed_text *t)
{
	struct progress p = { .what = "signed text" };
	struct upload u = { c, &p };
	int rc = upload_text(&u, t->text, t->len);

	for (size_t i = 0; !rc && i < t->n_sigs; i++)
		rc = upload_text(&u, t->sigs[i].text, t->sigs[i].len);
	return rc;
}

/* Text and signatures to the blobs, and to the server under `key`. */
static int give(struct ctl *c, const char *path, const char *key, const struct image_signed *f,
	bool hold, const char *reason)
{
	struct jw w = { 0 };
	struct answer a;
	int rc;

	jw_obj(&w, NULL);
	jw_str(&w, key, f->text.text);
	jw_arr(&w, "signatures");
	for (size_t i = 0; i < f->t.n_sigs; i++)
		jw_str(&w, NULL, f->sigs[i].text);
	jw_end_arr(&w);
	if (hold)
		jw_bool(&w, "hold", true);
	if (reason)
		jw_str(&w, "reason", reason);
	jw_end_obj(&w);
	rc = w.bad ? ctl_fail(CTL_FAILED, "out of memory") : add_all(c, &f->t);
	if (!rc)
		rc = client_call(c, "POST", path, w.buf, &a);
	if (!rc)
		answer_fini(&a);
	jw_fini(&w);
	return rc;
}

static int read_channel(
	const char *dir, const char *file, struct image_signed *f, struct channel *ch)
{
	char err[160];
	int rc = image_dir_signed(dir, file, "muster image channel FILE --image DIR", f);

	if (!rc && channel_parse(f->t.text, f->t.len, ch, err, sizeof err))
		rc = ctl_fail(CTL_FAILED, "%s/%s: no channel: %s", dir, file, err);
	return rc;
}

static bool says_much(const struct ctl *c)
{
	return c->format == CTL_TABLE || c->format == CTL_WIDE;
}

static int give_channel(struct ctl *c, const char *dir, const char *file,
	const struct image_signed *f, const struct channel *ch, bool hold, const char *reason)
{
	char day[FORMAT_MAX];
	int rc = give(c, "/api/v1/channels", "channel", f, hold, reason);

	if (rc) {
		ctl_fail(rc, "%s/%s was not taken: hosts go on with the channel of before", dir,
			file);
		return rc;
	}
	if (says_much(c))
		printf("channel %s of %s names release %" PRIu64 ", valid until %s\n", ch->name,
			ch->image, ch->release, format_date(ch->expires_s, day));
	return CTL_OK;
}

int import_channel(struct ctl *c, const char *dir, const char *file, bool hold, const char *reason)
{
	static struct image_signed f;
	struct channel ch;
	int rc = read_channel(dir, file, &f, &ch);

	return rc ? rc : give_channel(c, dir, file, &f, &ch, hold, reason);
}

/* The release of the server's channel when it was made after ch, else 0. */
static int ask_newer(struct ctl *c, const struct channel *ch, uint64_t *release)
{
	const struct json *all;
	struct answer a;
	int rc = client_get(c, "/api/v1/channels", &a);

	if (rc)
		return rc;
	*release = 0;
	all = json_get(a.doc, "channels");
	for (size_t i = 0; i < json_len(all); i++) {
		const struct json *one = json_at(all, i);
		const struct channel theirs = {
			.release = (uint64_t)json_get_int(one, "release", 0),
			.issued_s = (uint64_t)json_get_int(one, "issued", 0),
		};

		if (strcmp(json_get_str(one, "image", ""), ch->image) == 0 &&
			strcmp(json_get_str(one, "name", ""), ch->name) == 0 &&
			channel_is_older(ch, &theirs))
			*release = theirs.release;
	}
	answer_fini(&a);
	return CTL_OK;
}

int import_channel_beside(
	struct ctl *c, const char *dir, const char *file, bool hold, const char *reason)
{
	static struct image_signed f;
	struct channel ch;
	uint64_t newer;
	int rc = read_channel(dir, file, &f, &ch);

	if (!rc)
		rc = ask_newer(c, &ch, &newer);
	if (rc || !newer)
		return rc ? rc : give_channel(c, dir, file, &f, &ch, hold, reason);
	if (says_much(c))
		printf("channel %s of %s: release %" PRIu64 " stays current\n", ch.name, ch.image,
			newer);
	return CTL_OK;
}

/* The version of the server's last root, 0: none. */
static int ask_last(struct ctl *c, uint64_t *out)
{
	const struct json *roots;
	struct answer a;
	int rc = client_get(c, "/api/v1/roots", &a);

	if (rc)
		return rc;
	roots = json_get(a.doc, "roots");
	*out = (uint64_t)json_get_int(json_at(roots, json_len(roots) - 1), "version", 0);
	answer_fini(&a);
	return CTL_OK;
}

static int import_root(struct ctl *c, const char *dir, uint64_t version)
{
	static struct image_signed f;
	char file[NAME_MAX + 1];
	int rc;

	root_dir_file(version, file);
	rc = image_dir_signed(dir, file, "all roots from the first one on must be here", &f);
	if (!rc)
		rc = give(c, "/api/v1/roots", "root", &f, false, NULL);
	if (!rc && says_much(c))
		printf("imported root %" PRIu64 "\n", version);
	return rc;
}

int import_roots(struct ctl *c, const char *dir)
{
	uint64_t first, last, have;
	struct root_walk walk;
	int rc = root_dir_walk(dir, &walk);

	if (!rc)
		rc = root_dir_range(dir, &first, &last);
	if (!rc)
		rc = ask_last(c, &have);
	if (rc)
		return rc;
	if (have > last)
		return ctl_fail(CTL_CONFLICT,
			"%s ends with root %" PRIu64 ", the server has %" PRIu64, dir, last, have);
	if (have && have + 1 < first)
		return ctl_fail(CTL_CONFLICT,
			"%s begins with root %" PRIu64 ", the server has %" PRIu64 " only", dir,
			first, have);
	/* the last one that it has, once more: there may be further signatures */
	for (uint64_t v = have > first ? have : first; !rc && v <= last; v++)
		rc = import_root(c, dir, v);
	return rc;
}
