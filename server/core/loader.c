/*
 * The part of a boot before the agent: loaders read by TFTP or HTTP, the iPXE script, and what http
 * saw of transfers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/core/boot_plan.h"
#include "server/core/choice.h"
#include "server/core/direct.h"
#include "server/core/loader.h"
#include "server/core/metrics.h"
#include "server/core/record.h"

#define SCRIPT_MAX  (80 * 1024)
#define LOAD_MIN    (1024 * 1024) /* bytes of a load that takes a turn */
#define PAUSE_S	    10 /* before a host that failed starts again; doubles with each failure */
#define PAUSE_MAX_S 300
#define WAIT_S	    15 /* between two questions of a host that has nothing to boot */

/* ---- TFTP ---- */

/* The size of a file of the loader folder; 0: there is none, or it is a link, as http has it. */
static uint64_t loader_size(const struct core *c, const char *file)
{
	char path[CONFIG_TEXT_MAX + sizeof((struct tftp_read *)0)->file + 2];
	struct stat st;

	if (strstr(file, ".."))
		return 0;
	snprintf(path, sizeof path, "%s/%s", c->cfg->loader_dir, file);
	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* The agent's EFI file; of no host in particular with NULL. 1, or 0: there is none. */
static int find_uki(struct core *c, const struct store_host *h, struct store_image *agent,
	struct manifest_file *out)
{
	int rc = choice_agent(c, h, agent)
			 ? -ENOENT
			 : store_image_file(c->store, &agent->manifest, FILE_UKI, 0, out);

	if (rc == -ENOENT)
		return 0;
	core_must(c, rc, "uki");
	return 1;
}

bool loader_exists(struct core *c, const char *loader, bool http)
{
	struct store_image agent;
	struct manifest_file uki;
	uint64_t size;

	if (http && !strcmp(loader, BOOT_UKI))
		return find_uki(c, NULL, &agent, &uki);
	size = loader_size(c, loader);
	return size > 0 && (!http || size <= HTTP_LOADER_MAX);
}

void loader_handle_tftp(struct core *c, const struct tftp_read *r)
{
	struct happened e = { STAGE_LOADER, "requested", "tftp", 0, 0, r->file };
	struct store_boot b;

	if (!record_boot_at(c, r->addr, &b))
		return; /* not a host that boots: in.tftpd serves anybody */
	/* tftp-hpa never says how much it sent: it is all, once the loader is known to run */
	e.total = loader_size(c, r->file);
	b.loader_sent = b.loader_sent || e.total > 0; /* autoexec.ipxe may be asked for, too */
	record_event(c, &b, &e);
}

/* ---- transfers that http saw ---- */

static const char *const phase_words[BLOB_PHASES] = { "started", "finished", "aborted" };

/* Which file of an image it is, and what stage its transfer belongs to. 1; 0: not worth a row. */
static int blob_of_image(struct core *c, const struct blob_event *t, const struct store_boot *b,
	char name[MANIFEST_NAME_MAX], enum boot_stage *stage, enum file_role *file_role)
{
	char image[MANIFEST_NAME_MAX];
	struct digest digest;
	enum file_role role;
	int rc;

	memcpy(digest.b, t->digest, sizeof digest.b);
	rc = store_file_name(c->store, &digest, name, image, &role);
	if (rc == -ENOENT)
		return 0; /* a manifest or a signature: too small */
	core_must(c, rc, "file name");
	*file_role = role;
	if (role == FILE_UKI)
		*stage = STAGE_LOADER;
	else
		*stage = b->stage < STAGE_IMAGE && !b->has_session ? STAGE_AGENT : STAGE_IMAGE;
	return 1;
}

void loader_handle_blob(struct core *c, const struct blob_event *t)
{
	struct happened e = { STAGE_LOADER, phase_words[t->phase], "http", t->bytes, t->total,
		t->name };
	char name[MANIFEST_NAME_MAX];
	enum file_role role = FILE_ROLES;
	struct store_boot b;

	metrics_blob(t);
	if (t->phase != BLOB_STARTED)
		turns_loaded(&c->turns, t->transfer);
	else if (t->loader && t->total >= LOAD_MIN)
		turns_load(&c->turns, t->transfer, c->mono_ms);
	if (!record_boot_at(c, t->addr, &b))
		return;
	if (t->name[0]) {
		b.loader_sent = true;
	} else {
		if (!blob_of_image(c, t, &b, name, &e.stage, &role))
			return;
		e.detail = name;
	}
	record_event(c, &b, &e);
	if (t->phase == BLOB_FINISHED)
		direct_was_sent(c, &b, role);
}

/* ---- /boot.ipxe ---- */

static bool identity_of(const char *query, struct host_identity *id)
{
	char text[HOST_TEXT_MAX];
	uint8_t mac[6];

	*id = (struct host_identity){ 0 };
	if (query_get(query, "uuid", text, sizeof text))
		id->has_uuid = host_uuid_parse(text, id->uuid) == 0;
	if (query_get(query, "mac", text, sizeof text) && host_mac_parse(text, mac) == 0)
		host_mac_add(id, mac);
	query_get(query, "serial", id->serial, sizeof id->serial);
	return id->has_uuid || id->n_macs || host_serial_ok(id->serial);
}

void loader_answer_script(
	struct answer *a, const char *template, const struct script_value *v, size_t n)
{
	char *out = malloc(SCRIPT_MAX);
	int rc = out ? script_fill(template, v, n, out, SCRIPT_MAX) : -ENOMEM;

	if (rc < 0) {
		free(out);
		answer_problem(a, 503, "script", NULL, "the boot script cannot be made: %s",
			strerror(-rc));
		return;
	}
	answer_take(a, 200, "text/plain", out);
}

void loader_answer_wait(struct core *c, struct answer *a, const char *host, const char *reason)
{
	char pause[16];
	const struct script_value v[] = {
		{ "server", c->cfg->name, false },
		{ "host", host, false },
		{ "reason", reason, false },
		{ "base", c->server->url, false },
		{ "pause_s", pause, false },
	};

	snprintf(pause, sizeof pause, "%d", WAIT_S);
	loader_answer_script(a, script_wait, v, sizeof v / sizeof v[0]);
}

/* "initrd --name NAME …" for each ramdisk, and "initrd=NAME" for a kernel started by EFI. */
static void initrd_lines(struct core *c, const struct digest *manifest, char *lines,
	size_t lines_size, char *args, size_t args_size)
{
	struct manifest_file f;
	size_t n = 0, m = 0;
	char hex[DIGEST_HEX];

	*lines = *args = 0;
	for (unsigned i = 0; store_image_file(c->store, manifest, FILE_INITRD, i, &f) == 0; i++) {
		digest_hex(&f.sha256, hex);
		n += (size_t)snprintf(lines + n, lines_size - n,
			"%sinitrd --name %s --timeout 60000 %s/blobs/sha256/%s || goto failed",
			i ? "\n" : "", f.name, c->server->url, hex);
		m += (size_t)snprintf(args + m, args_size - m, "%sinitrd=%s", i ? " " : "", f.name);
		if (n >= lines_size || m >= args_size)
			break;
	}
}

unsigned loader_pause_after(struct core *c, const struct store_host *h)
{
	unsigned pause = PAUSE_S;
	int failures = 0;

	core_must(c, store_boot_failures(c->store, h->id, &failures), "failures");
	while (failures-- > 0 && pause < PAUSE_MAX_S)
		pause *= 2;
	return pause < PAUSE_MAX_S ? pause : PAUSE_MAX_S;
}

static void answer_boot(struct core *c, struct answer *a, const struct store_host *h,
	const struct store_image *agent, const char *mac)
{
	char lines[2048], initrd_args[256], args[MANIFEST_ARGS_MAX + 512], kernel[DIGEST_HEX];
	char own[MANIFEST_ARGS_MAX], pause[16], image[MANIFEST_NAME_MAX],
		reason[HOST_TEXT_MAX + 32];
	struct choice_wish wish;
	struct manifest_file f;
	const struct script_value v[] = {
		{ "server", c->cfg->name, false },
		{ "host", h->name, false },
		{ "image", image, false },
		{ "reason", reason, false },
		{ "base", c->server->url, false },
		{ "kernel", kernel, false },
		{ "initrds", lines, true },
		{ "initrd_args", initrd_args, false },
		{ "args", args, false },
		{ "pause_s", pause, false },
	};

	choice_wish(c, h, &wish);
	snprintf(image, sizeof image, "%s",
		!wish.certain ? "not known yet"
		: *wish.image ? wish.image
			      : "none");
	choice_reason(&wish, reason, sizeof reason);
	if (store_image_file(c->store, &agent->manifest, FILE_KERNEL, 0, &f) < 0 ||
		store_image_args(c->store, &agent->manifest, own) < 0) {
		loader_answer_wait(c, a, h->name, "the agent image on the server has no kernel");
		return;
	}
	digest_hex(&f.sha256, kernel);
	snprintf(args, sizeof args, "%s muster.url=%s%s%s", own, c->server->url,
		*mac ? " BOOTIF=01-" : "", mac);
	initrd_lines(c, &agent->manifest, lines, sizeof lines, initrd_args, sizeof initrd_args);
	snprintf(pause, sizeof pause, "%u", loader_pause_after(c, h));
	loader_answer_script(a, script_boot, v, sizeof v / sizeof v[0]);
}

/* iPXE reports a step that failed; after its last try the boot is over. */
static bool record_beacon(struct core *c, const char *query, struct store_boot *b)
{
	struct happened e = { STAGE_SCRIPT, "aborted", "http", 0, 0, NULL };
	char part[32], code[32], try[8], detail[200];

	if (!query_get(query, "failed", part, sizeof part))
		return false;
	query_get(query, "errno", code, sizeof code);
	query_get(query, "try", try, sizeof try);
	if (!b->has_manifest)
		snprintf(detail, sizeof detail,
			"iPXE could not load the agent's %s: error %s, try %s", part, code, try);
	else if (!strcmp(part, "start") && !strtoul(code, NULL, 16))
		snprintf(detail, sizeof detail, "%s was started and came back, try %s", b->image,
			try);
	else
		snprintf(detail, sizeof detail, "iPXE failed at %s of %s: error %s, try %s", part,
			b->image, code, try);
	e.detail = detail;
	record_event(c, b, &e);
	if (!strcmp(try, "5"))
		record_failed(c, b, b->has_manifest ? "loader-start" : "agent-load", "%s", detail);
	return true;
}

/* iPXE's first question carries no name; the answer tells it how to ask. */
static void answer_hello(struct core *c, struct answer *a)
{
	const struct script_value v[] = {
		{ "server", c->cfg->name, false },
		{ "base", c->server->url, false },
	};

	loader_answer_script(a, script_hello, v, sizeof v / sizeof v[0]);
}

static void firmware_of(const char *query, struct store_boot *b)
{
	char platform[16];

	if (!b->firmware[0] && query_get(query, "platform", platform, sizeof platform))
		snprintf(b->firmware, sizeof b->firmware, "%s",
			!strcmp(platform, "efi") ? "uefi" : "bios");
}

/* The host's image is one that iPXE starts. */
static void answer_direct(struct core *c, struct answer *a, struct store_host *h,
	struct store_boot *b, const struct store_image *image)
{
	char reason[80];

	if (record_is_admitted(c, h)) {
		record_waits(c, b, BOOT_WAITS_NOT);
		direct_script(c, h, b, image, a);
		return;
	}
	record_waits(c, b, BOOT_WAITS_APPROVAL);
	record_code(c, h);
	snprintf(reason, sizeof reason, "it waits for its admission, code %s", h->code);
	loader_answer_wait(c, a, h->name, reason);
}

static const char *without_agent(enum choice choice)
{
	if (choice == CHOICE_PIN_BELOW || choice == CHOICE_PIN_ABOVE)
		return "its agent is pinned to a version that the channel does not allow";
	return choice == CHOICE_NOT_HERE ? "the agent that its channel names is not on the server"
					 : "the server has no agent image: muster image import";
}

static void handle_script(struct core *c, const struct request *q, struct answer *a)
{
	struct happened e = { STAGE_SCRIPT, "done", "http", 0, 0, NULL };
	char vendor[HOST_TEXT_MAX], product[HOST_TEXT_MAX], mac[HOST_MAC_TEXT], part[32];
	const char *query = q->h->query;
	struct host_identity id;
	struct store_image agent, direct;
	struct store_host h;
	struct store_boot b;
	enum choice choice;

	if (!identity_of(query, &id)) {
		answer_hello(c, a);
		return;
	}
	query_get(query, "manufacturer", vendor, sizeof vendor);
	query_get(query, "product", product, sizeof product);
	query_get(query, "mac", mac, sizeof mac);
	record_host(c, &id, vendor, product, &h);
	/* Asking for the script again is fine until the image is chosen; telling of a failure is
	 * not asking. */
	if (!record_open_boot(c, &h,
		    query_get(query, "failed", part, sizeof part) ? STAGES : STAGE_IMAGE, &b))
		record_new_boot(c, &h, id.n_macs ? id.macs[0] : NULL, &b);
	else if (id.n_macs)
		record_joined(c, &b, id.macs[0]);
	if (q->h->peer == HTTP_PEER_TCP)
		b.addr = q->h->addr;
	firmware_of(query, &b);
	if (record_beacon(c, query, &b)) {
		answer_text(a, 200, "text/plain", "#!ipxe\n");
		return;
	}
	if (b.stage == STAGE_LOADER && b.loader_sent && !b.offered.http) {
		const struct happened end = { STAGE_LOADER, "finished", "http", 0, 0,
			"inferred: the loader asks for its script" };

		record_event(c, &b, &end);
	}
	if (direct_image(c, &h, &direct)) {
		record_event(c, &b, &e);
		choice_record(c, &h, &b);
		answer_direct(c, a, &h, &b, &direct);
		return;
	}
	choice = choice_agent(c, &h, &agent);
	if (choice) {
		e.detail = "no agent image on the server";
		record_event(c, &b, &e);
		record_waits(c, &b, BOOT_WAITS_IMAGE);
		loader_answer_wait(c, a, h.name, without_agent(choice));
		return;
	}
	b.agent = agent.manifest;
	b.has_agent = true;
	record_event(c, &b, &e);
	record_waits(c, &b, BOOT_WAITS_NOT);
	choice_record(c, &h, &b);
	answer_boot(c, a, &h, &agent, mac);
}

/* ---- /efi/agent.efi: http serves the blob that we name ---- */

/* The boot of the host that asks, if it is one that boots. */
static bool asking_host(
	struct core *c, const struct request *q, struct store_host *h, struct store_boot *b)
{
	int rc = q->h->peer == HTTP_PEER_TCP && record_boot_at(c, q->h->addr, b)
			 ? store_host_by_id(c->store, b->host, h)
			 : -ENOENT;

	if (rc != -ENOENT)
		core_must(c, rc, "host of boot");
	return rc == 0;
}

static void handle_uki(struct core *c, const struct request *q, struct answer *a)
{
	struct store_image agent;
	struct manifest_file f;
	struct store_host h;
	struct store_boot b;
	char hex[DIGEST_HEX];
	bool known = asking_host(c, q, &h, &b);

	if (!find_uki(c, known ? &h : NULL, &agent, &f)) {
		answer_problem(a, 404, "no-agent", "muster image build agent; sign; import",
			"there is no agent image with an EFI file that this host may have");
		return;
	}
	if (known && q->h->method == HTTP_GET) {
		b.agent = agent.manifest;
		b.has_agent = true;
		core_write(c);
		core_must(c, store_boot_put(c->store, &b), "boot agent");
	}
	digest_hex(&f.sha256, hex);
	answer_text(a, 200, "application/x-muster-blob", hex);
}

void loader_handle_http(struct core *c, const struct request *q, struct answer *a)
{
	if (!strcmp(q->h->path, "/boot.ipxe"))
		handle_script(c, q, a);
	else
		handle_uki(c, q, a);
}
