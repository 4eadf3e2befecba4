/* direct_boot.c: /v1/boot/TOKEN/…, a boot that speaks for itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/blobs.h"
#include "images/bootcfg.h"
#include "server/bytes.h"
#include "server/core/direct.h"
#include "server/core/record.h"
#include "server/core/values.h"
#include "server/log.h"

#define HERE	  "here"
#define CHAP_NAME "chap-name"

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
	snprintf(detail, sizeof detail, "%s, %s", *text ? text : "it reported",
		s->by_address ? "from the host's address" : "with the boot's token");
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
	struct manifest_file f;
	uint64_t len;
	ssize_t n;
	int fd, rc = store_image_file(c->store, &image->manifest, FILE_BOOTCFG, 0, &f);

	if (rc)
		return rc;
	fd = blobs_open(c->server->blob_dir, &f.sha256, &len);
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
	struct placing p = { s->c, &s->image, "" };
	char prefix[VALUES_REPORT_MAX], args[VALUES_ARGS_MAX], err[BOOTCFG_ERR_MAX];
	const char *path = s->q->h->path + strlen(VALUES_REPORT);
	char token[80];
	struct manifest_file f;
	const struct bootcfg_host host = { prefix, args, place, &p };
	struct values v;
	ssize_t n = read_bootcfg(s->c, &s->image, room->in, sizeof room->in);
	int rc;

	snprintf(token, sizeof token, "%.*s", (int)strcspn(path, "/"), path);
	values_of(s->c, &s->h, token, &v);
	snprintf(prefix, sizeof prefix, "%s/blobs/sha256", s->c->server->url);
	if (n < 0) {
		snprintf(why, size, "boot.cfg cannot be read: %s", strerror((int)-n));
		return -1;
	}
	if (bootcfg_parse(room->in, (size_t)n, &room->cfg, err)) {
		snprintf(why, size, "boot.cfg: %s", err);
		return -1;
	}
	if (values_args(s->c, &s->h, &v, &s->image, args, why))
		return -1;
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
 * blank host has no key; SECURITY.md says so.
 */
static void on_chap(struct speaker *s)
{
	struct happened e = { STAGE_IMAGE, "seen", "http", 0, 0,
		"the disk's secret was handed out" };
	const char *name;
	char script[2 * STORE_VALUE_MAX + 64];
	struct values v;

	values_of(s->c, &s->h, "", &v);
	name = values_get(&v, CHAP_NAME);
	if (s->by_address || s->q->h->peer != HTTP_PEER_TCP || s->q->h->addr != s->b.addr) {
		log_warn("disk secret refused: boot=%lld, not from the host's address",
			(long long)s->b.id);
		answer_problem(s->a, 403, "not-yours", NULL,
			"the secret is for the host of this boot alone");
	} else if (s->image.kind != IMAGE_SAN || !name || !v.secret) {
		answer_problem(s->a, 404, "no-secret", "muster host set NAME --value chap-name=…",
			"%s has no chap-name or no chap-secret", s->h.name);
	} else if (s->b.stage != STAGE_IMAGE || s->b.secret_sent) {
		answer_problem(s->a, 409, "once", NULL, "the secret was handed out already");
	} else {
		s->b.secret_sent = true;
		record_event(s->c, &s->b, &e);
		snprintf(script, sizeof script, "#!ipxe\nset username %s\nset password %s\n", name,
			v.secret);
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

void direct_handle_boot(struct core *c, const struct request *q, struct answer *a)
{
	const char *token = q->h->path + strlen(VALUES_REPORT), *what = strchr(token, '/');
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
