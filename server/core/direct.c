#include "server/core/direct.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "server/bytes.h"
#include "server/core/choice.h"
#include "server/core/loader.h"
#include "server/core/record.h"
#include "server/core/rollouts.h"
#include "server/core/values.h"

#define TOKEN_BYTES 16
#define SCRIPT_MAX  (64 * 1024)
#define ISO_DRIVE   "--drive 0x80"

int direct_image(struct core *c, const struct store_host *h, struct store_image *out)
{
	struct store_channel ch;
	struct choice_wish w;

	choice_wish(c, h, &w); /* what it is told has to be certain, too */
	return w.profile_certain && choice_image(c, h, out, &ch) == CHOICE_GOOD &&
	       image_kind_direct(out->kind);
}

bool direct_is_silent(const struct store_boot *b)
{
	return b->stage == STAGE_HANDOFF && b->has_manifest && !b->nonce[0];
}

/* ---- the script ---- */

struct making {
	struct core *c;
	const struct store_host *h;
	struct store_boot *b;
	const struct store_image *image;
	struct values v;
	char args[VALUES_ARGS_MAX];
	char why[VALUES_WHY_MAX];
	char *steps; /* SCRIPT_MAX */
	size_t len;
	bool full;
};

static void step(struct making *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void step(struct making *k, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(k->steps + k->len, SCRIPT_MAX - k->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= SCRIPT_MAX - k->len)
		k->full = true;
	else
		k->len += (size_t)n;
}

/* The agent would refuse it; here nobody on the host can. */
static bool expired(const struct core *c, const struct store_image *image)
{
	return image->expires_s <= c->wall_ms / 1000;
}

/* What the firmware of this boot cannot do with an image of this kind, or NULL. */
static const char *cannot(const struct making *k)
{
	const bool bios = strcmp(k->b->firmware, "bios") == 0;

	switch (k->image->kind) {
	case IMAGE_EFI:
		return bios ? "a BIOS starts no EFI program: switch this host to UEFI" : NULL;
	case IMAGE_ESXI:
		return bios ? "iPXE cannot start mboot.c32, ESXi for a BIOS: switch this host to UEFI"
			    : NULL;
	case IMAGE_ISO:
		if (strstr(k->args, bios ? "bios" : "uefi"))
			return NULL;
		return bios ? "this CD has no boot record for a BIOS: switch this host to UEFI"
			    : "this CD has no boot record for UEFI: switch this host to BIOS";
	default:
		return NULL;
	}
}

/* "kernel" for the program, "imgfetch" for what it finds beside itself. */
static void load_file(
	struct making *k, const char *command, const struct manifest_file *f, const char *args)
{
	char hex[DIGEST_HEX];

	digest_hex(&f->sha256, hex);
	step(k, "%sset part %s\n%s --name %s --timeout 60000 %s/blobs/sha256/%s%s%s || goto failed",
		k->len ? "\n" : "", f->name, command, f->name, k->c->server->url, hex,
		*args ? " " : "", args);
}

static int get_file(struct making *k, enum file_role role, unsigned nth, struct manifest_file *out)
{
	int rc = store_image_file(k->c->store, &k->image->manifest, role, nth, out);

	if (rc != -ENOENT)
		core_must(k->c, rc, "image file");
	return rc;
}

static void steps_efi(struct making *k)
{
	struct manifest_file f;

	if (get_file(k, FILE_EFI, 0, &f) == 0)
		load_file(k, "kernel", &f, k->args);
	for (unsigned i = 0; get_file(k, FILE_MODULE, i, &f) == 0; i++)
		load_file(k, "imgfetch", &f, "");
}

static void steps_esxi(struct making *k)
{
	char args[VALUES_REPORT_MAX + 16];
	struct manifest_file f;

	snprintf(args, sizeof args, "-c %s/boot.cfg", k->v.report);
	if (get_file(k, FILE_EFI, 0, &f) == 0)
		load_file(k, "kernel", &f, args);
}

static void steps_iso(struct making *k)
{
	struct manifest_file f;
	char hex[DIGEST_HEX];

	if (get_file(k, FILE_ISO, 0, &f) < 0)
		return;
	digest_hex(&f.sha256, hex);
	step(k,
		"set part cd\nsanhook --no-describe " ISO_DRIVE
		" %s/blobs/sha256/%s || goto failed",
		k->c->server->url, hex);
}

static void steps_san(struct making *k)
{
	step(k, "set part disk\nset initiator-iqn %s\n", values_get(&k->v, "san-initiator"));
	if (k->v.secret)
		step(k, "isset ${password} || chain --timeout 10000 %s/chap.ipxe || goto failed\n",
			k->v.report);
	step(k, "sanhook " ISO_DRIVE " %s || goto failed", k->args);
}

static const struct {
	void (*steps)(struct making *k);
	const char *start, *undo;
} kinds[IMAGE_KINDS] = {
	[IMAGE_ESXI] = { steps_esxi, "boot", "imgfree" },
	[IMAGE_EFI] = { steps_efi, "boot", "imgfree" },
	[IMAGE_ISO] = { steps_iso, "sanboot --no-describe " ISO_DRIVE, "sanunhook " ISO_DRIVE },
	[IMAGE_SAN] = { steps_san, "sanboot " ISO_DRIVE, "sanunhook " ISO_DRIVE },
};

/* The boot is for this image from now on; with a new token, or none. */
static void bind(
	struct core *c, const struct store_image *image, const char *token, struct store_boot *b)
{
	struct happened e = { STAGE_IMAGE, "requested", "core", 0, 0, NULL };
	char detail[160];

	b->manifest = image->manifest;
	b->has_manifest = true;
	memcpy(b->image, image->name, sizeof b->image);
	memcpy(b->version, image->version, sizeof b->version);
	b->nonce[0] = 0; /* nothing has to prove anything */
	if (token) {
		b->has_session = true;
		core_must(c, digest_bytes(token, strlen(token), &b->session), "token");
	}
	snprintf(detail, sizeof detail, "%s %s, kind %s, started by the loader", image->name,
		image->version, image_kind_name(image->kind));
	e.detail = detail;
	record_event(c, b, &e);
	rollouts_note(c, b, image);
}

static void make_token(char out[2 * TOKEN_BYTES + 1])
{
	uint8_t raw[TOKEN_BYTES];

	if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
		abort(); /* cannot happen for so few bytes; a guessable token must not */
	for (size_t i = 0; i < sizeof raw; i++)
		sprintf(out + 2 * i, "%02x", raw[i]);
}

static void answer_steps(struct making *k, struct answer *a)
{
	char pause[16], why[HOST_TEXT_MAX + 32];
	struct choice_wish wish;
	const struct script_value v[] = {
		{ "server", k->c->cfg->name, false },
		{ "host", k->h->name, false },
		{ "image", k->image->name, false },
		{ "reason", why, false },
		{ "base", k->c->server->url, false },
		{ "report", k->v.report, false },
		{ "steps", k->steps, true },
		{ "start", kinds[k->image->kind].start, false },
		{ "undo", kinds[k->image->kind].undo, false },
		{ "pause_s", pause, false },
	};

	choice_wish(k->c, k->h, &wish);
	choice_reason(&wish, why, sizeof why);
	snprintf(pause, sizeof pause, "%u", loader_pause_after(k->c, k->h));
	loader_answer_script(a, script_direct, v, ARRAY_LEN(v));
}

/* On the host's screen, and once on record. */
static void refuse(struct making *k, const char *reason, struct answer *a)
{
	struct happened e = { STAGE_SCRIPT, "seen", "core", 0, 0, NULL };
	char clean[sizeof k->why];

	/* What an image names may be no text for a script. */
	snprintf(clean, sizeof clean, "%s", reason);
	for (char *s = clean; *s; s++) {
		const char one[2] = { *s, 0 };

		if (!script_value_ok(one))
			*s = '?';
	}
	e.detail = clean;
	record_event(k->c, k->b, &e);
	record_waits(k->c, k->b, BOOT_WAITS_IMAGE);
	loader_answer_wait(k->c, a, k->h->name, clean);
}

void direct_script(struct core *c, const struct store_host *h, struct store_boot *b,
	const struct store_image *image, struct answer *a)
{
	struct making k = { .c = c, .h = h, .b = b, .image = image };
	char token[2 * TOKEN_BYTES + 1];
	const char *reason;

	if (expired(c, image)) {
		refuse(&k, "the image has expired: sign a new release of it", a);
		return;
	}
	make_token(token);
	values_of(c, h, token, &k.v);
	core_must(c, store_image_args(c->store, &image->manifest, k.args), "image args");
	reason = cannot(&k);
	if (!reason && values_args(c, h, &k.v, image, k.args, k.why))
		reason = k.why;
	if (reason) {
		refuse(&k, reason, a);
		return;
	}
	k.steps = malloc(SCRIPT_MAX);
	if (!k.steps) {
		answer_take(a, 200, "text/plain", NULL);
		return;
	}
	kinds[image->kind].steps(&k);
	if (k.full || !k.len) {
		refuse(&k, "the script of the image does not fit", a);
	} else {
		bind(c, image, token, b);
		answer_steps(&k, a);
	}
	free(k.steps);
}

/* ---- UEFI firmware that boots by HTTP ---- */

const char *direct_http_file(struct core *c, const struct store_host *h)
{
	struct store_image image;
	char args[MANIFEST_ARGS_MAX];

	if (!record_is_admitted(c, h) || !direct_image(c, h, &image) || expired(c, &image))
		return "";
	core_must(c, store_image_args(c->store, &image.manifest, args), "image args");
	if (image.kind == IMAGE_EFI && !*args)
		return "image.efi"; /* firmware gives no arguments */
	return image.kind == IMAGE_ISO && strstr(args, "uefi") ? "image.iso" : "";
}

void direct_handle_file(struct core *c, const struct request *q, struct answer *a)
{
	const enum file_role role = strstr(q->h->path, ".iso") ? FILE_ISO : FILE_EFI;
	struct store_image image;
	struct manifest_file f;
	struct store_host h;
	struct store_boot b;
	char hex[DIGEST_HEX];
	int rc = q->h->peer == HTTP_PEER_TCP && record_boot_at(c, q->h->addr, &b)
			 ? store_host_by_id(c->store, b.host, &h)
			 : -ENOENT;

	if (rc != -ENOENT)
		core_must(c, rc, "host of boot");
	if (rc || !*direct_http_file(c, &h) || !direct_image(c, &h, &image) ||
		store_image_file(c->store, &image.manifest, role, 0, &f)) {
		answer_problem(a, 404, "no-image", "muster host set NAME --image IMAGE",
			"no host that boots has such an image, and this address");
		return;
	}
	if (q->h->method == HTTP_GET && !b.has_manifest)
		bind(c, &image, NULL, &b);
	digest_hex(&f.sha256, hex);
	answer_text(a, 200, "application/x-muster-blob", hex);
}

void direct_was_sent(struct core *c, struct store_boot *b, enum file_role role)
{
	const struct happened e = { STAGE_HANDOFF, "done", "core", 0, 0,
		"inferred: the firmware has read all of it" };

	if (b->offered.http && !strncmp(b->offered.loader, "image.", 6) &&
		(role == FILE_EFI || role == FILE_ISO) && b->stage == STAGE_IMAGE)
		record_event(c, b, &e);
}
