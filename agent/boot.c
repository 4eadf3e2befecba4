#include "agent/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "agent/chain.h"
#include "agent/download.h"
#include "agent/facts.h"
#include "agent/file.h"
#include "agent/handoff.h"
#include "agent/memfile.h"
#include "agent/net.h"
#include "agent/nonce.h"
#include "agent/pace.h"
#include "agent/screen.h"
#include "agent/shared.h"
#include "agent/trust.h"

#define SITE_URL	  "/etc/muster/site.url"
#define SHARED		  "/etc/muster/shared"
#define PROGRESS_EVERY_MS 1000
#define MIRROR_PATIENCE_S 5 /* to be there; there is another place to go to */
#define MIRROR_BYTES_S	  4096
#define LATE_TICKETS	  3 /* that are asked for anew */

/* A verified file; kept when a lost session makes us begin again. */
struct held {
	struct digest sha256;
	int fd;
};

/* A cache that is asked for files before the server is. */
struct mirror {
	char url[URL_MAX];
	struct fetch *fetch; /* NULL: it is asked no more */
};

struct boot {
	const char *trust_dir;
	struct trust trust;
	struct facts facts;
	struct api api;
	struct hear hear; /* which switches its cards hang on */
	struct fetch *blobs;
	struct mirror mirrors[API_MIRRORS_MAX];
	struct nonce nonce; /* of the last ticket request */
	struct chain chain;
	struct held held[MANIFEST_FILES_MAX];
	size_t n_held;
	struct shared shared;		  /* what need not be loaded */
	bool by_switch;			  /* the image's kernel is the one that runs */
	int extra;			  /* the ticket's files, sealed; -1: there are none */
	int fds[MANIFEST_FILES_MAX];	  /* borrowed from held, in the manifest's order, or -1 */
	const struct manifest_file *file; /* that is being received */
	uint64_t files_done, files_total; /* bytes: of the files before it, of all to be loaded */
	int64_t progress_ms;
};

static int boot_init(struct boot *b, const char *url, const char *trust_dir, const char *sysroot,
	const char *boot_mac, struct fault *fault)
{
	int rc = api_open(url, &b->api, fault);

	b->trust_dir = trust_dir;
	if (rc == 0 && fetch_open(url, &b->blobs) < 0)
		rc = fault_set(fault, -EIO, "agent", "server", "libcurl does not start.");
	if (rc < 0)
		return rc;
	facts_read(sysroot, boot_mac, &b->facts);
	hear_open(&b->hear);
	return 0;
}

static void mirrors_close(struct boot *b)
{
	for (size_t i = 0; i < API_MIRRORS_MAX; i++) {
		fetch_close(b->mirrors[i].fetch);
		b->mirrors[i].fetch = NULL;
	}
}

/* One that cannot be opened is not there: the server is. */
static void mirrors_open(struct boot *b, const struct api_ticket *t)
{
	mirrors_close(b);
	for (size_t i = 0; i < t->n_mirrors; i++) {
		struct mirror *m = &b->mirrors[i];

		memcpy(m->url, t->mirrors[i], sizeof m->url);
		if (fetch_open(m->url, &m->fetch) < 0)
			m->fetch = NULL;
		else
			fetch_expect(m->fetch, MIRROR_PATIENCE_S, MIRROR_BYTES_S);
	}
}

static void drop_extra(struct boot *b)
{
	if (b->extra >= 0)
		close(b->extra);
	b->extra = -1;
}

static void boot_fini(struct boot *b)
{
	mirrors_close(b);
	drop_extra(b);
	if (b->hear.fd)
		hear_close(&b->hear);
	for (size_t i = 0; i < b->n_held; i++)
		close(b->held[i].fd);
	fetch_close(b->blobs);
	api_close(&b->api);
}

/* ---- facts and ticket ---- */

static int introduce(struct boot *b, struct fault *fault)
{
	int rc = api_facts(&b->api, &b->facts, fault);

	if (rc < 0)
		return rc;
	screen_say("server %s at %s, host %s, boot %lld", b->api.who.server, b->api.url,
		b->api.who.host, (long long)b->api.who.boot);
	if (b->api.who.waiting)
		screen_say("host %s waits for approval, code %s: muster host approve %s",
			b->api.who.host, b->api.who.code, b->api.who.host);
	return 0;
}

/* Wait, and listen meanwhile; what is new is told. */
static void wait_and_hear(struct boot *b, int64_t ms)
{
	hear_for(&b->hear, ms);
	if (b->hear.news)
		api_neighbours(&b->api, &b->hear);
}

static int ask_ticket(struct boot *b, struct api_ticket *t, unsigned *retry_s, struct fault *fault)
{
	if (nonce_make(&b->nonce) < 0)
		return fault_set(
			fault, -EIO, "verify", "agent", "The kernel gives no random numbers.");
	return api_ticket(&b->api, b->nonce.hex, b->trust.walk.root.version, t, retry_s, fault);
}

/*
 * Ask with a fresh nonce each time, for as long as the server says "not now"; and again where the
 * server was away for so long that the answer came too late for the nonce.
 */
static int get_ticket(struct boot *b, struct api_ticket *t, struct fault *fault)
{
	char told[sizeof fault->message] = "";
	unsigned retry_s = 0, late = 0;
	int rc;

	do {
		rc = ask_ticket(b, t, &retry_s, fault);
		if (rc == -EAGAIN && strcmp(told, fault->message) != 0) {
			screen_say("%s (asking again every %u s)", fault->message, retry_s);
			snprintf(told, sizeof told, "%s", fault->message);
		}
		if (rc == -EAGAIN)
			wait_and_hear(b, (int64_t)retry_s * 1000);
	} while (rc == -EAGAIN ||
		 (rc == 0 && nonce_age_s(&b->nonce) > TICKET_TTL_S && late++ < LATE_TICKETS));
	return rc;
}

/* ---- what may run ---- */

/* Only kexec_load can start Xen, and lockdown forbids it. */
static struct verify_host abilities(const struct facts *f)
{
	return (struct verify_host){
		.kind_ok = { [IMAGE_LINUX] = true,
			[IMAGE_XEN] = !f->secure_boot &&
				      (!f->lockdown[0] || strcmp(f->lockdown, "none") == 0) },
		.memory_free = (uint64_t)f->memory_free,
	};
}

static int check_all(struct boot *b, const struct api_ticket *t, struct fault *fault)
{
	const struct verify_host host = abilities(&b->facts);
	const struct chain_given given = {
		.trust = &b->trust,
		.host = &host,
		.offer = t,
		.want = { b->nonce.hex, b->api.who.host, (uint64_t)b->api.who.boot,
			nonce_age_s(&b->nonce) },
		.rtc_s = (uint64_t)time(NULL),
	};
	const struct manifest *m = &b->chain.manifest;
	int rc = chain_follow(b->blobs, &given, &b->chain, fault);

	if (rc < 0)
		return rc;
	screen_say("image %s %s, release %llu, %zu files, %llu KiB", m->name, m->version,
		(unsigned long long)m->release, m->n_files,
		(unsigned long long)manifest_total(m) >> 10);
	if (b->chain.site_fresh)
		screen_say("This host's clock is wrong: that nothing is newer is the server's word "
			   "alone.");
	return 0;
}

/* ---- files ---- */

static struct api_progress progress_of(
	const struct boot *b, const char *stage, const char *what, uint64_t done)
{
	return (struct api_progress){
		.stage = stage,
		.what = what,
		.file = b->file ? b->file->name : "",
		.bytes = done,
		.total = b->file ? b->file->length : 0,
		.files_bytes = b->files_done + done,
		.files_total = b->files_total,
	};
}

static void on_progress(void *arg, uint64_t done)
{
	struct boot *b = arg;
	struct api_progress p = progress_of(b, "image", "progress", done);

	screen_bar(b->file->name, p.files_bytes, p.files_total);
	if (pace_now_ms() - b->progress_ms < PROGRESS_EVERY_MS)
		return;
	api_progress(&b->api, &p);
	b->progress_ms = pace_now_ms();
}

static int held_fd(const struct boot *b, const struct digest *d)
{
	for (size_t i = 0; i < b->n_held; i++)
		if (digest_equal(&b->held[i].sha256, d))
			return b->held[i].fd;
	return -1;
}

/* What it sent is thrown away and it is asked no more, which the screen and the record say. */
static void give_up(struct boot *b, struct mirror *m, const struct fault *why)
{
	struct api_progress p = progress_of(b, "image", "aborted", 0);
	char said[sizeof m->url + sizeof why->message + 16];

	snprintf(said, sizeof said, "mirror %s: %s", m->url, why->message);
	screen_say("%s", said);
	p.detail = said;
	api_progress(&b->api, &p);
	fetch_close(m->fetch);
	m->fetch = NULL;
}

/* From the first mirror that has it, or from the server. */
static int fetch_file(struct boot *b, struct download *d, struct fault *fault)
{
	d->patience_s = MIRROR_PATIENCE_S;
	for (size_t i = 0; i < API_MIRRORS_MAX; i++) {
		struct mirror *m = &b->mirrors[i];
		struct fault why = { 0 };
		int fd;

		if (!m->fetch)
			continue;
		fd = download_file(m->fetch, d, &why);
		if (fd >= 0)
			return fd;
		give_up(b, m, &why);
	}
	d->patience_s = PACE_PATIENCE_S;
	return download_file(b->blobs, d, fault);
}

/* One file of the manifest: a sealed descriptor, or an error with the fault. */
static int get_file(struct boot *b, struct fault *fault)
{
	struct download d = { .name = b->file->name,
		.sha256 = b->file->sha256,
		.length = b->file->length,
		.progress = on_progress,
		.arg = b };
	struct api_progress p = progress_of(b, "image", "started", 0);
	int fd = held_fd(b, &d.sha256);

	if (fd >= 0)
		return fd;
	if (b->n_held == MANIFEST_FILES_MAX)
		return fault_set(fault, -EBADMSG, "image", "memory",
			"Too many different images were offered in one boot.");
	api_progress(&b->api, &p);
	fd = fetch_file(b, &d, fault);
	p = progress_of(b, "image", fd < 0 ? "aborted" : "finished", fd < 0 ? 0 : d.length);
	api_progress(&b->api, &p);
	if (fd >= 0)
		b->held[b->n_held++] = (struct held){ .sha256 = d.sha256, .fd = fd };
	return fd;
}

/* The UKI is for firmware; what is shared is here already. */
static bool is_needed(const struct boot *b, const struct manifest_file *f)
{
	return f->role != FILE_UKI && !shared_has(&b->shared, f) &&
	       !(f->role == FILE_KERNEL && b->by_switch);
}

static void plan_files(struct boot *b)
{
	char cmdline[4096];

	file_text("/proc/cmdline", cmdline, sizeof cmdline);
	b->by_switch = shared_can_switch(&b->shared, &b->chain.manifest, cmdline);
	b->files_done = b->files_total = 0;
	for (size_t i = 0; i < b->chain.manifest.n_files; i++)
		if (is_needed(b, &b->chain.manifest.files[i]))
			b->files_total += b->chain.manifest.files[i].length;
	screen_say("%llu KiB to load%s", (unsigned long long)b->files_total >> 10,
		b->by_switch ? ", for the kernel that runs" : "");
}

/* What was believed, for the record. */
static void describe(const struct chain *c, char *out, size_t size)
{
	char extra[40] = "";

	if (c->ticket.extra_len)
		snprintf(extra, sizeof extra, ", told %llu bytes",
			(unsigned long long)c->ticket.extra_len);
	snprintf(out, size, "root %llu, channel %s, release %llu%s%s%s",
		(unsigned long long)c->root.version, c->channel.name,
		(unsigned long long)c->manifest.release,
		digest_equal(&c->ticket.manifest, &c->channel.manifest) ? "" : ", pinned", extra,
		c->site_fresh ? ", fresh by the server's word only" : "");
}

/* ---- what is told beside the image ---- */

/* The further arguments of the ticket, behind the manifest's from now on. */
static int add_args(struct boot *b, struct fault *fault)
{
	char *args = b->chain.manifest.args;
	const size_t len = strlen(args), room = sizeof b->chain.manifest.args;

	if (len + strlen(b->chain.ticket.args) + 1 >= room)
		return fault_set(fault, -EBADMSG, "verify", "kexec",
			"The kernel arguments of image %s and of the profile are too long together.",
			b->chain.manifest.name);
	snprintf(args + len, room - len, "%s%s", len && b->chain.ticket.args[0] ? " " : "",
		b->chain.ticket.args);
	return 0;
}

static int seal(const struct fetch_answer *a)
{
	int fd = memfile_new("extra");
	int rc = fd < 0 ? fd : file_put(fd, a->body, a->len);

	if (rc == 0)
		return memfile_seal_take(fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int get_extra(struct boot *b, struct fault *fault)
{
	const struct ticket *t = &b->chain.ticket;
	struct fetch_answer a = { 0 };
	int rc;

	drop_extra(b);
	if (!t->extra_len)
		return 0;
	rc = add_args(b, fault);
	if (rc == 0)
		rc = api_extra(&b->api, &t->extra, &a, fault);
	if (rc < 0)
		return rc;
	rc = verify_extra(t, a.body, a.len, fault);
	if (rc == 0) {
		b->extra = seal(&a);
		if (b->extra < 0)
			rc = fault_set(fault, -EBADMSG, "verify", "memory",
				"There is no memory for what this host is told.");
	}
	fetch_answer_fini(&a);
	if (rc == 0)
		screen_say("told %llu bytes of files%s%s", (unsigned long long)t->extra_len,
			t->args[0] ? ", and the arguments " : "", t->args);
	return rc;
}

static int get_files(struct boot *b, struct fault *fault)
{
	struct api_progress p;
	char detail[224];

	plan_files(b);
	for (size_t i = 0; i < b->chain.manifest.n_files; i++) {
		b->file = &b->chain.manifest.files[i];
		b->fds[i] = -1;
		if (!is_needed(b, b->file))
			continue;
		b->fds[i] = get_file(b, fault);
		if (b->fds[i] < 0)
			return b->fds[i];
		b->files_done += b->file->length;
	}
	b->file = NULL;
	screen_say("all files are as the manifest says; it is signed as this agent's root asks");
	describe(&b->chain, detail, sizeof detail);
	p = progress_of(b, "verify", "finished", 0);
	p.detail = detail;
	return api_verified(&b->api, &p, fault);
}

/* ---- the line of steps ---- */

static int session(struct boot *b, struct fault *fault)
{
	struct api_ticket t = { 0 };
	int rc = introduce(b, fault);

	if (rc ==
		0) /* not before: whoever looks at the server's record shall read what is missing */
		rc = trust_load(b->trust_dir, &b->trust, fault);
	if (rc == 0)
		rc = get_ticket(b, &t, fault);
	if (rc == 0)
		rc = check_all(b, &t, fault);
	if (rc < 0)
		return rc;
	rc = get_extra(b, fault);
	if (rc < 0)
		return rc;
	mirrors_open(b, &t);
	pace_sleep_ms(t.pause_ms);
	return get_files(b, fault);
}

static int hand_over(struct boot *b, struct net *net, struct fault *fault)
{
	struct handoff h = {
		.m = &b->chain.manifest,
		.fds = b->fds,
		.shared = &b->shared,
		.by_switch = b->by_switch,
		.extra = b->extra,
		.boot_mac = net->mac,
		.ticket = &b->chain.ticket,
		.trust = &b->trust,
		.uefi = b->facts.uefi,
	};
	char *boot_json;
	int rc = api_handoff(&b->api, image_kind_name(b->chain.manifest.kind),
		b->by_switch ? "switch" : "kexec", &b->chain.ticket.manifest, &boot_json, fault);

	if (rc < 0)
		return rc;
	h.boot_json = boot_json;
	rc = handoff_load(&h, fault);
	free(boot_json);
	if (rc < 0)
		return rc;
	screen_say("handing over to %s %s", b->chain.manifest.name, b->chain.manifest.version);
	net_down(net);
	return handoff_go(&h, fault);
}

/* Once more from the facts whenever the server does not know our session any more. */
static int steps(struct boot *b, struct net *net, struct fault *fault)
{
	struct pace pace;
	int rc;

	pace_start(&pace, PACE_PATIENCE_S);
	do {
		rc = session(b, fault);
		if (rc == 0 && net)
			rc = hand_over(b, net, fault);
	} while (rc == -EACCES && pace_wait(&pace) == 0);
	return rc;
}

/* muster.url, else what DHCP said, else what is built into the ramdisk. 0 or -ENOENT. */
static int find_url(const struct cmdline *cmd, const struct net *net, char out[URL_MAX])
{
	char site[URL_MAX];

	if (cmdline_url(cmd->url, out) == 0 || cmdline_url(net->lease.url, out) == 0)
		return 0;
	file_text(SITE_URL, site, sizeof site);
	return cmdline_url(site, out) == 0 ? 0 : -ENOENT;
}

static void mount_firmware(void)
{
	static const struct {
		const char *type, *at;
	} all[] = {
		{ "efivarfs", "/sys/firmware/efi/efivars" },
		{ "securityfs", "/sys/kernel/security" },
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (mount(all[i].type, all[i].at, all[i].type, 0, NULL) < 0)
			continue; /* mounted already, or not there: facts copes with both */
}

int boot_run(const struct cmdline *cmd, unsigned *reboot_s, struct fault *fault)
{
	int need_url = !cmd->url[0] && access(SITE_URL, F_OK) < 0;
	struct boot b = { .extra = -1 };
	struct net net = { 0 };
	char url[URL_MAX] = "";
	int rc = net_up(cmd->boot_mac, need_url, &net, fault);

	if (rc < 0)
		return rc;
	screen_say("network %s (%s), address %u.%u.%u.%u", net.ifname, net.mac, net.lease.ip >> 24,
		net.lease.ip >> 16 & 255, net.lease.ip >> 8 & 255, net.lease.ip & 255);
	if (find_url(cmd, &net, url) < 0)
		return fault_set(fault, -ENOENT, "agent", "server",
			"Nothing that this agent understands says where the muster server is.");
	mount_firmware();
	shared_read(SHARED, &b.shared);
	rc = boot_init(&b, url, TRUST_DIR, "", cmd->boot_mac[0] ? cmd->boot_mac : net.mac, fault);
	if (rc == 0)
		rc = steps(&b, &net, fault);
	if (rc < 0 && b.api.who.session[0])
		api_failed(&b.api, fault, reboot_s);
	boot_fini(&b);
	return rc;
}

int boot_rehearse(const char *url, const char *trust_dir, const char *sysroot, struct fault *fault)
{
	struct boot b = { .extra = -1 };
	char origin[URL_MAX];
	int rc;

	if (cmdline_url(url, origin) < 0)
		return fault_set(
			fault, -EINVAL, "agent", "server", "%.100s is no http address.", url);
	rc = boot_init(&b, origin, trust_dir, sysroot, "", fault);
	if (rc == 0)
		rc = steps(&b, NULL, fault);
	if (rc < 0 && b.api.who.session[0]) {
		unsigned reboot_s = 0;

		api_failed(&b.api, fault, &reboot_s);
	}
	boot_fini(&b);
	return rc;
}
