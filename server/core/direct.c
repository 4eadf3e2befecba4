#include "server/core/direct.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "images/blobs.h"
#include "images/bootcfg.h"
#include "server/bytes.h"
#include "server/core/loader.h"
#include "server/core/record.h"
#include "server/log.h"

#define TOKEN_BYTES 16
#define SCRIPT_MAX  (64 * 1024)
#define REPORT_MAX  (CONFIG_TEXT_MAX + 64)
#define BUILTIN_MAX 8
#define PREFIX	    "/v1/boot/"
#define HERE	    "here"
#define SECRET	    "chap-secret"
#define CHAP_NAME   "chap-name"
#define IQN_OF_IPXE "iqn.2010-04.org.ipxe:"
#define ISO_DRIVE   "--drive 0x80"

int direct_image(struct core *c, const struct store_host *h, struct store_image *out)
{
	const char *name = h->image[0] ? h->image : c->cfg->image;
	struct store_channel ch;
	int rc = *name ? store_channel_of(c->store, name, &ch) : -ENOENT;

	if (!rc)
		rc = store_image_by_manifest(c->store, &ch.ch.manifest, out);
	if (rc != -ENOENT)
		core_must(c, rc, "image");
	return rc == 0 && image_kind_direct(out->kind);
}

bool direct_is_silent(const struct store_boot *b)
{
	return b->stage == STAGE_HANDOFF && b->has_manifest && !b->nonce[0];
}

int direct_value_name_ok(const char *name)
{
	const size_t n = strlen(name);

	return n > 0 && n < STORE_VALUE_NAME_MAX && *name >= 'a' && *name <= 'z' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* ---- values ---- */

struct values {
	char report[REPORT_MAX], initiator[sizeof IQN_OF_IPXE + HOST_TEXT_MAX];
	struct store_value own[STORE_VALUES_MAX];
	struct script_value v[STORE_VALUES_MAX + BUILTIN_MAX];
	size_t n;
};

static void add_value(struct values *v, const char *name, const char *value)
{
	v->v[v->n++] = (struct script_value){ name, value, false };
}

/* The host's own come first: they win over what follows. */
static void load_values(
	struct core *c, const struct store_host *h, const char *token, struct values *v)
{
	int n;

	*v = (struct values){ 0 };
	n = core_must(c, store_host_values(c->store, h->id, v->own, STORE_VALUES_MAX), "values");
	snprintf(v->report, sizeof v->report, "%s" PREFIX "%s", c->server->url, token);
	snprintf(v->initiator, sizeof v->initiator, IQN_OF_IPXE "%s", h->name);
	for (int i = 0; i < n; i++) {
		if (strcmp(v->own[i].name, SECRET)) /* that goes its own way */
			add_value(v, v->own[i].name, v->own[i].value);
	}
	add_value(v, "host", h->name);
	add_value(v, "server", c->cfg->name);
	add_value(v, "url", c->server->url);
	add_value(v, "report", v->report);
	add_value(v, "san-lun", "0");
	add_value(v, "san-initiator", v->initiator);
}

static const char *value_of(const struct values *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++) {
		if (!strcmp(v->v[i].name, name))
			return v->v[i].value;
	}
	return NULL;
}

static bool has_secret(const struct values *v, const char **out)
{
	for (size_t i = 0; i < STORE_VALUES_MAX; i++) {
		if (!strcmp(v->own[i].name, SECRET)) {
			*out = v->own[i].value;
			return true;
		}
	}
	return false;
}

/* Why a text cannot be filled in: the first name of it that has no value. */
static void explain_missing(
	const char *text, const struct values *v, const char *host, char *why, size_t size)
{
	char name[64];

	for (const char *p = text; (p = strstr(p, "@{")); p += 2) {
		size_t n = strcspn(p + 2, "}");

		snprintf(name, sizeof name, "%.*s", n < 60 ? (int)n : 60, p + 2);
		if (value_of(v, name))
			continue;
		snprintf(why, size, "the image wants the value %s, which %s does not have", name,
			host);
		return;
	}
	snprintf(why, size, "the values of %s cannot be filled into the arguments of the image",
		host);
}

/* One line with @{name}. 0, or -1 with the reason. */
static int fill(const char *text, const struct values *v, const char *host, char *out, size_t size,
	char *why, size_t why_size)
{
	int n = script_fill(text, v->v, v->n, out, size);

	if (n < 0) {
		explain_missing(text, v, host, why, why_size);
		return -1;
	}
	out[n - (n > 0)] = 0; /* script_fill ends each line */
	return 0;
}

/* ---- the script ---- */

struct making {
	struct core *c;
	const struct store_host *h;
	struct store_boot *b;
	const struct store_image *image;
	struct values v;
	char args[MANIFEST_ARGS_MAX + STORE_VALUE_MAX];
	char why[200];
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
static bool expired(struct core *c, const struct store_image *image)
{
	int64_t expires_s;

	core_must(c, store_image_expires(c->store, &image->manifest, &expires_s), "image expires");
	return expires_s <= c->wall_ms / 1000;
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
	char args[REPORT_MAX + 16];
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
	const char *secret;

	step(k, "set part disk\nset initiator-iqn %s\n", value_of(&k->v, "san-initiator"));
	if (has_secret(&k->v, &secret))
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
	char pause[16];
	const struct script_value v[] = {
		{ "server", k->c->cfg->name, false },
		{ "host", k->h->name, false },
		{ "image", k->image->name, false },
		{ "reason", k->h->image[0] ? "assigned to this host" : "the default of this server",
			false },
		{ "base", k->c->server->url, false },
		{ "report", k->v.report, false },
		{ "steps", k->steps, true },
		{ "start", kinds[k->image->kind].start, false },
		{ "undo", kinds[k->image->kind].undo, false },
		{ "pause_s", pause, false },
	};

	snprintf(pause, sizeof pause, "%u", loader_pause_after(k->c, k->h));
	loader_answer_script(a, script_direct, v, ARRAY_LEN(v));
}

/* A text that goes to the host as it is must not become a command. */
static bool args_ok(struct making *k)
{
	if (script_value_ok(k->args))
		return true;
	snprintf(k->why, sizeof k->why,
		"the arguments of the image have characters that iPXE "
		"would take for its own");
	return false;
}

static bool make_args(struct making *k)
{
	char own[MANIFEST_ARGS_MAX];

	core_must(k->c, store_image_args(k->c->store, &k->image->manifest, own), "image args");
	return fill(own, &k->v, k->h->name, k->args, sizeof k->args, k->why, sizeof k->why) == 0 &&
	       args_ok(k);
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
	load_values(c, h, token, &k.v);
	core_must(c, store_image_args(c->store, &image->manifest, k.args), "image args");
	reason = cannot(&k);
	if (!reason && !make_args(&k))
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

static void answer_file(struct core *c, const struct request *q, struct answer *a)
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

/* ---- a boot speaks ---- */

struct speaker {
	struct core *c;
	const struct request *q;
	struct answer *a;
	bool by_address;
	struct store_boot b;
	struct store_host h;
	struct store_image image;
};

static void on_handoff(struct speaker *s)
{
	const struct happened e = { STAGE_HANDOFF, "done", "http", 0, 0,
		"iPXE is about to start it" };

	record_event(s->c, &s->b, &e);
	answer_text(s->a, 200, "text/plain", "#!ipxe\n");
}

static void on_up(struct speaker *s)
{
	struct happened e = { STAGE_UP, "done", "host", 0, 0, NULL };
	char text[200], detail[300];

	if (s->b.nonce[0]) {
		answer_problem(s->a, 409, "proof", NULL,
			"this image has to prove with a guest that it is up");
		return;
	}
	query_get(s->q->h->query, "detail", text, sizeof text);
	snprintf(detail, sizeof detail, "%s%s%s", *text ? text : "it reported",
		s->by_address ? ", from the host's address" : ", with the boot's token", "");
	e.detail = detail;
	record_event(s->c, &s->b, &e);
	record_up(s->c, &s->b);
	answer_text(s->a, 200, "text/plain", "up\n");
}

/* ---- ESXi ---- */

struct placing {
	struct core *c;
	const struct store_image *image;
	char missing[MANIFEST_NAME_MAX];
};

/* prefix is .../blobs/sha256: the file's name behind its digest, which mboot's kernel wants to see.
 */
static int place(void *arg, const char *name, char *out, size_t size)
{
	struct placing *p = arg;
	struct manifest_file f;
	char hex[DIGEST_HEX];
	int rc = store_image_file_named(p->c->store, &p->image->manifest, name, &f);

	if (rc) {
		snprintf(p->missing, sizeof p->missing, "%s", name);
		return rc;
	}
	digest_hex(&f.sha256, hex);
	return snprintf(out, size, "%s/%s", hex, f.name) < (int)size ? 0 : -ENOSPC;
}

/* The boot.cfg of the image, as it was on its medium. Returns the length or -errno. */
static ssize_t read_bootcfg(struct core *c, const struct store_image *image, char *out, size_t size)
{
	char dir[CONFIG_TEXT_MAX + 16];
	struct manifest_file f;
	uint64_t len;
	ssize_t n;
	int fd, rc = store_image_file(c->store, &image->manifest, FILE_BOOTCFG, 0, &f);

	if (rc)
		return rc;
	snprintf(dir, sizeof dir, "%s/blobs", c->cfg->state_dir);
	fd = blobs_open(dir, &f.sha256, &len);
	if (fd < 0)
		return fd;
	n = len > size ? -EFBIG : read(fd, out, size);
	n = n < 0 && n != -EFBIG ? -errno : n;
	close(fd);
	return n >= 0 && (uint64_t)n != len ? -EIO : n;
}

struct cfg_room {
	struct bootcfg cfg;
	char in[BOOTCFG_MAX], out[4 * BOOTCFG_MAX];
};

static int render(struct speaker *s, struct cfg_room *room, char *why, size_t size)
{
	struct making k = { .c = s->c, .h = &s->h, .b = &s->b, .image = &s->image };
	struct placing p = { s->c, &s->image, "" };
	char prefix[REPORT_MAX], err[BOOTCFG_ERR_MAX];
	const char *path = s->q->h->path + strlen(PREFIX);
	char token[80];
	struct manifest_file f;
	const struct bootcfg_host host = { prefix, k.args, place, &p };
	ssize_t n = read_bootcfg(s->c, &s->image, room->in, sizeof room->in);
	int rc;

	snprintf(token, sizeof token, "%.*s", (int)strcspn(path, "/"), path);
	load_values(s->c, &s->h, token, &k.v);
	snprintf(prefix, sizeof prefix, "%s/blobs/sha256", s->c->server->url);
	if (n < 0) {
		snprintf(why, size, "boot.cfg cannot be read: %s", strerror((int)-n));
		return -1;
	}
	if (bootcfg_parse(room->in, (size_t)n, &room->cfg, err)) {
		snprintf(why, size, "boot.cfg: %s", err);
		return -1;
	}
	if (!make_args(&k)) {
		snprintf(why, size, "%s", k.why);
		return -1;
	}
	if (!room->cfg.crypto.path.len &&
		store_image_file_named(s->c->store, &s->image.manifest, BOOTCFG_CRYPTO, &f) == 0)
		room->cfg.crypto.path =
			(struct bootcfg_text){ BOOTCFG_CRYPTO, strlen(BOOTCFG_CRYPTO) };
	rc = bootcfg_render(&room->cfg, &host, room->out, sizeof room->out);
	if (rc < 0)
		snprintf(why, size, "boot.cfg cannot be rendered: %s%s%s", strerror(-rc),
			*p.missing ? ": " : "", p.missing);
	return rc < 0 ? -1 : 0;
}

static void on_bootcfg(struct speaker *s)
{
	struct happened e = { STAGE_IMAGE, "done", "http", 0, 0, "boot.cfg" };
	struct cfg_room *room = malloc(sizeof *room);
	char why[256];

	if (s->image.kind != IMAGE_ESXI) {
		answer_problem(s->a, 404, "kind", NULL, "the image of this boot is no ESXi");
	} else if (!room) {
		answer_take(s->a, 200, "text/plain", NULL);
	} else if (render(s, room, why, sizeof why)) {
		answer_problem(s->a, 409, "bootcfg", NULL, "%s", why);
	} else {
		e.bytes = e.total = strlen(room->out);
		if (s->q->h->method == HTTP_GET)
			record_event(s->c, &s->b, &e);
		answer_text(s->a, 200, "text/plain", room->out);
	}
	free(room);
}

/* ---- the secret of a disk ---- */

/*
 * Only this boot's own token gets it, from the address that the host was given, and once: a second
 * time would mean that somebody else listens. It crosses the wire in clear all the same, because a
 * blank host has no key; README says so.
 */
static void on_chap(struct speaker *s)
{
	struct happened e = { STAGE_IMAGE, "seen", "http", 0, 0,
		"the disk's secret was handed out" };
	const char *secret, *name;
	char script[2 * STORE_VALUE_MAX + 64];
	struct values v;

	load_values(s->c, &s->h, "", &v);
	name = value_of(&v, CHAP_NAME);
	if (s->by_address || s->q->h->peer != HTTP_PEER_TCP || s->q->h->addr != s->b.addr) {
		log_warn("disk secret refused: boot=%lld, not from the host's address",
			(long long)s->b.id);
		answer_problem(s->a, 403, "not-yours", NULL,
			"the secret is for the host of this boot alone");
	} else if (s->image.kind != IMAGE_SAN || !name || !has_secret(&v, &secret)) {
		answer_problem(s->a, 404, "no-secret", "muster host set NAME --value chap-name=…",
			"%s has no chap-name or no chap-secret", s->h.name);
	} else if (s->b.stage != STAGE_IMAGE || s->b.secret_sent) {
		answer_problem(s->a, 409, "once", NULL, "the secret was handed out already");
	} else {
		s->b.secret_sent = true;
		record_event(s->c, &s->b, &e);
		snprintf(script, sizeof script, "#!ipxe\nset username %s\nset password %s\n", name,
			secret);
		answer_text(s->a, 200, "text/plain", script);
	}
}

static const struct {
	const char *what;
	void (*handle)(struct speaker *s);
	bool here; /* may be said by address alone */
} words[] = {
	{ "handoff", on_handoff, false },
	{ "up", on_up, true },
	{ "boot.cfg", on_bootcfg, false },
	{ "chap.ipxe", on_chap, false },
};

/* The boot that speaks. 1, or 0 with the answer made. */
static int find_speaker(struct speaker *s, const char *token, size_t n)
{
	struct digest d;
	int rc;

	s->by_address = n == strlen(HERE) && !memcmp(token, HERE, n);
	if (s->by_address) {
		rc = s->q->h->peer == HTTP_PEER_TCP && record_boot_at(s->c, s->q->h->addr, &s->b)
			     ? 0
			     : -ENOENT;
	} else {
		core_must(s->c, digest_bytes(token, n, &d), "token digest");
		rc = store_boot_by_session(s->c->store, &d, &s->b);
	}
	if (!rc)
		rc = store_host_by_id(s->c->store, s->b.host, &s->h);
	if (!rc && s->b.has_manifest)
		rc = store_image_by_manifest(s->c->store, &s->b.manifest, &s->image);
	if (rc != -ENOENT)
		core_must(s->c, rc, "speaker");
	if (rc || !s->b.has_manifest) {
		answer_problem(s->a, 404, "boot", NULL, "no boot that goes on speaks like this");
		return 0;
	}
	return 1;
}

static void speak(struct core *c, const struct request *q, struct answer *a)
{
	const char *token = q->h->path + strlen(PREFIX), *what = strchr(token, '/');
	struct speaker s = { .c = c, .q = q, .a = a };

	if (!what || !find_speaker(&s, token, (size_t)(what - token)))
		return;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].what, what + 1) || (s.by_address && !words[i].here))
			continue;
		if (s.b.state == BOOT_UP && words[i].handle == on_up)
			answer_text(a, 200, "text/plain", "up\n"); /* said twice */
		else if (s.b.state != BOOT_OPEN)
			answer_problem(
				a, 409, "boot-over", NULL, "boot %lld is over", (long long)s.b.id);
		else if (q->h->method == HTTP_HEAD && words[i].handle != on_bootcfg)
			answer_empty(a); /* asking is not doing */
		else
			words[i].handle(&s);
	}
}

void direct_handle_http(struct core *c, const struct request *q, struct answer *a)
{
	if (!strncmp(q->h->path, PREFIX, strlen(PREFIX)))
		speak(c, q, a);
	else
		answer_file(c, q, a);
}
