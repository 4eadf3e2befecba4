#include "server/simulate/sim_host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "db/host.h"
#include "server/bytes.h"
#include "server/loop.h"
#include "server/simulate/addrs.h"

#define FIRMWARE_FIRST_MS 4000 /* then twice as long: 4, 8, 16, 32 s (PXE 2.1 section 2.2.4) */
#define FIRMWARE_SENDS	  4
#define AGENT_RESEND_MS	  3000
#define NAKS_MAX	  3
#define SCRIPT_TRIES	  10 /* as hello.ipxe: 1, 5, 9 ... s */
#define SCRIPT_PAUSE_STEP 4
#define WAIT_SCRIPT_S	  15
#define AGENT_PATIENCE_MS 600000 /* as the agent's */
#define AGENT_PAUSE_MAX_S 15
#define SILENCE_MS	  30000 /* of a transfer, then it is broken: as the agent has it */

/* ---- patience and the order of things ---- */

static void enter(struct sim_host *h)
{
	h->again_ms = 0;
	sim_phases[h->phase].enter(h);
}

void sim_good(struct sim_host *h)
{
	h->tries = 0;
	h->pause_s = 1;
	h->give_up_ms = h->s->now_ms + AGENT_PATIENCE_MS;
}

void sim_goto(struct sim_host *h, unsigned phase)
{
	h->s->now.at[h->out->stage]--;
	h->phase = phase;
	h->out->stage = sim_phases[phase].stage;
	h->s->now.at[h->out->stage]++;
}

static void end(struct sim_host *h, enum simulate_state state)
{
	struct simulate_now *n = &h->s->now;

	n->at[h->out->stage]--;
	n->finished += state == SIMULATE_FINISHED;
	n->failed += state == SIMULATE_FAILED;
	n->queued -= h->queued_ms != 0;
	h->queued_ms = 0;
	h->out->state = state;
	h->out->whole_ms = (int64_t)(h->s->now_ms - h->began_ms);
	h->again_ms = h->due_ms = 0;
	h->selecting = SIM_NO_DHCP;
	tftp_get_close(&h->tftp);
	web_call_free(h->blobs);
	web_call_free(h->api);
	h->blobs = h->api = NULL;
	sim_agent_fini(h);
	digest_free(h->hash);
	h->hash = NULL;
}

void sim_next(struct sim_host *h)
{
	const enum boot_stage stage = h->out->stage;
	unsigned next = h->phase + 1;

	while (sim_phases[next].enter && sim_phases[next].loader_only && h->rom)
		next++;
	if (!sim_phases[next].enter || sim_phases[next].stage != stage) {
		h->out->took_ms[stage] = (int64_t)(h->s->now_ms - h->stage_ms);
		h->stage_ms = h->s->now_ms;
	}
	if (!sim_phases[next].enter) {
		end(h, SIMULATE_FINISHED);
		return;
	}
	sim_goto(h, next);
	sim_good(h);
	enter(h);
}

void sim_again_in(struct sim_host *h, unsigned seconds)
{
	h->again_ms = h->s->now_ms + 1000ull * seconds;
}

/* Up to a quarter more, so that hosts which met the same trouble do not come back together. */
static unsigned dice_ms(unsigned pause_s)
{
	uint8_t dice = 0;

	if (getrandom(&dice, 1, GRND_NONBLOCK) != 1)
		dice = 0;
	return pause_s * dice;
}

void sim_retry(struct sim_host *h, const char *why)
{
	const char *stage = boot_stage_name(h->out->stage);

	h->out->repeats++;
	if (!sim_phases[h->phase].agent) {
		if (++h->tries == SCRIPT_TRIES) {
			sim_fail(h, "%s: %s, %d times", stage, why, SCRIPT_TRIES);
			return;
		}
		sim_again_in(h, 1 + SCRIPT_PAUSE_STEP * (h->tries - 1));
		return;
	}
	if (h->s->now_ms > h->give_up_ms) {
		sim_fail(h, "%s: %s, for %d minutes", stage, why, AGENT_PATIENCE_MS / 60000);
		return;
	}
	h->again_ms = h->s->now_ms + 1000ull * h->pause_s + dice_ms(h->pause_s);
	h->pause_s = h->pause_s * 2 > AGENT_PAUSE_MAX_S ? AGENT_PAUSE_MAX_S : h->pause_s * 2;
}

void sim_fail(struct sim_host *h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(h->out->reason, sizeof h->out->reason, fmt, ap);
	va_end(ap);
	if (h->who.session[0] && h->out->stage != STAGE_UP && !h->failing) {
		h->failing = true;
		sim_agent_say_failed(h, h->out->reason);
	} else {
		end(h, SIMULATE_FAILED);
	}
}

void sim_host_stop(struct sim_host *h, const char *reason)
{
	if (h->out->state != SIMULATE_RUNS)
		return;
	if (!h->failing)
		snprintf(h->out->reason, sizeof h->out->reason, "%s: %s",
			boot_stage_name(h->out->stage), h->later ? h->later : reason);
	end(h, SIMULATE_FAILED);
}

/* ---- DHCP ---- */

static void smbios_uuid(const uint8_t mac[6], uint8_t out[16])
{
	static const uint8_t text[10] = "muster-sim";

	memcpy(out, text, sizeof text);
	memcpy(out + sizeof text, mac, 6);
}

void sim_host_uuid(const struct sim_host *h, char out[HOST_UUID_TEXT])
{
	uint8_t uuid[16];

	smbios_uuid(h->out->mac, uuid);
	host_uuid_print(uuid, out);
}

static void ask(struct sim_host *h)
{
	struct dhcp_client_ask a = {
		.type = h->selecting == SIM_SELECTING ? DHCP_DISCOVER : DHCP_REQUEST,
		.client = h->client,
		.xid = h->xid,
		.giaddr = h->s->giaddr,
		.requested = h->offered,
		.server_id = h->server_id,
	};
	uint8_t packet[DHCP_CLIENT_PACKET_MAX], uuid[16];
	size_t len;

	memcpy(a.mac, h->out->mac, sizeof a.mac);
	smbios_uuid(a.mac, uuid);
	host_uuid_swap(uuid, a.uuid);
	len = dhcp_client_build(&a, packet);
	/* what cannot be sent is lost like any other packet, and will be repeated */
	sendto(h->s->dhcp, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT,
		(const struct sockaddr *)&h->s->dhcp_to, sizeof h->s->dhcp_to);
	if (h->client == DHCP_CLIENT_AGENT)
		h->due_ms = h->s->now_ms + AGENT_RESEND_MS;
	else
		h->due_ms = h->s->now_ms + (FIRMWARE_FIRST_MS << h->tries);
}

static void select_anew(struct sim_host *h, enum sim_selecting how)
{
	h->selecting = how;
	h->tries = 0;
	ask(h);
}

static void begin_dhcp(struct sim_host *h, uint8_t client)
{
	h->client = client;
	h->useless = false;
	h->naks = 0;
	if (getrandom(&h->xid, sizeof h->xid, 0) != sizeof h->xid)
		abort(); /* cannot happen for so few bytes */
	select_anew(h, SIM_SELECTING);
}

static void enter_firmware(struct sim_host *h)
{
	begin_dhcp(h, h->rom ? DHCP_CLIENT_IPXE : DHCP_CLIENT_PXE);
}

static void enter_ipxe(struct sim_host *h)
{
	begin_dhcp(h, DHCP_CLIENT_IPXE);
}

static void enter_agent_dhcp(struct sim_host *h)
{
	begin_dhcp(h, DHCP_CLIENT_AGENT);
}

static void on_dhcp_due(struct sim_host *h)
{
	const bool firmware = h->client != DHCP_CLIENT_AGENT;

	if (firmware ? h->tries + 1 == FIRMWARE_SENDS : h->s->now_ms > h->give_up_ms) {
		const char *stage = boot_stage_name(h->out->stage);

		if (h->selecting == SIM_REQUESTING)
			sim_fail(h, "%s: the server offered an address and did not confirm it",
				stage);
		else if (h->useless)
			sim_fail(h, "%s: the offers name nothing to boot", stage);
		else
			sim_fail(h, "%s: no DHCP server made an offer", stage);
		return;
	}
	h->out->repeats++;
	h->tries += firmware;
	ask(h);
}

/* Is there something to boot in it for who asks? */
static bool is_useful(const struct sim_host *h, const char *file)
{
	char url[URL_MAX];

	switch (h->client) {
	case DHCP_CLIENT_PXE:
		return *file;
	case DHCP_CLIENT_IPXE:
		return cmdline_url(file, url) == 0;
	default:
		return true;
	}
}

/* Does another simulated host have it? */
static bool is_taken(const struct sim_host *h, uint32_t addr)
{
	for (unsigned i = 0; i < h->s->n_hosts; i++)
		if (h->s->hosts[i].put && h->s->hosts[i].addr == addr && &h->s->hosts[i] != h)
			return true;
	return false;
}

/*
 * From now on the host speaks from this address. 0, or -errno; -EADDRINUSE: another simulated host
 * has it.
 */
static int take_address(struct sim_host *h, uint32_t addr)
{
	int rc;

	if (addr == h->addr)
		return 0;
	if (h->put)
		addrs_remove(h->s->netlink, h->s->ifindex, h->addr);
	web_call_free(h->blobs);
	web_call_free(h->api);
	h->blobs = h->api = NULL;
	h->addr = addr;
	rc = addrs_put(h->s->netlink, h->s->ifindex, addr);
	h->put = rc == 0;
	if (rc == -EEXIST)
		rc = is_taken(h, addr) ? -EADDRINUSE : 0;
	return rc;
}

static void on_offer(struct sim_host *h, const struct dhcp_client_told *t)
{
	if (!t->yiaddr || !t->server_id || !is_useful(h, t->file)) {
		h->useless = true;
		return;
	}
	h->offered = t->yiaddr;
	h->server_id = t->server_id;
	select_anew(h, SIM_REQUESTING);
}

static void on_ack(struct sim_host *h, const struct dhcp_client_told *t)
{
	int rc;

	if (t->yiaddr != h->offered || t->server_id != h->server_id) {
		sim_fail(h, "%s: the server confirmed another address than it had offered",
			boot_stage_name(h->out->stage));
		return;
	}
	if (!is_useful(h, t->file)) {
		sim_fail(h, "%s: the confirmation names nothing to boot, the offer did",
			boot_stage_name(h->out->stage));
		return;
	}
	rc = take_address(h, t->yiaddr);
	if (rc == -EADDRINUSE) {
		sim_fail(h, "%s: the server gave it the address of another simulated host",
			boot_stage_name(h->out->stage));
		return;
	}
	if (rc < 0) {
		sim_fail(h, "the address it was given cannot be put on this machine: %s",
			strerror(-rc));
		return;
	}
	if (h->client != DHCP_CLIENT_AGENT)
		memcpy(h->file, t->file, sizeof h->file);
	h->siaddr = t->siaddr ? t->siaddr : t->server_id;
	h->selecting = SIM_NO_DHCP;
	h->due_ms = 0;
	sim_next(h);
}

void sim_host_on_dhcp(struct sim_host *h, const struct dhcp_client_told *t)
{
	if (h->out->state != SIMULATE_RUNS || t->xid != h->xid)
		return;
	if (h->selecting == SIM_SELECTING && t->type == DHCP_OFFER)
		on_offer(h, t);
	else if (h->selecting == SIM_REQUESTING && t->type == DHCP_ACK)
		on_ack(h, t);
	else if (h->selecting == SIM_REQUESTING && t->type == DHCP_NAK && ++h->naks < NAKS_MAX)
		select_anew(h, SIM_SELECTING);
	else if (h->selecting == SIM_REQUESTING && t->type == DHCP_NAK)
		sim_fail(h, "%s: the server refused the address that it had offered, %d times",
			boot_stage_name(h->out->stage), NAKS_MAX);
}

/* ---- the loader ---- */

static void on_tftp(struct sim_host *h, int rc)
{
	if (rc == 0)
		return;
	h->s->now.bytes += h->tftp.bytes;
	tftp_get_close(&h->tftp);
	if (rc > 0)
		sim_next(h);
	else
		sim_fail(h, "loader: TFTP: %s", h->tftp.why);
}

void sim_host_on_tftp(struct sim_host *h)
{
	on_tftp(h, tftp_get_on_input(&h->tftp, h->s->now_ms));
}

static void enter_loader(struct sim_host *h)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = h };
	int rc = tftp_get_open(&h->tftp, h->addr, h->siaddr, h->file, h->s->now_ms);

	if (rc == 0 && epoll_ctl(h->s->urgent, EPOLL_CTL_ADD, h->tftp.fd, &e) < 0)
		rc = -errno;
	if (rc < 0)
		sim_fail(h, "loader: TFTP cannot be tried: %s", strerror(-rc));
}

/* ---- HTTP ---- */

/* libcurl's answer to a request that is part of the line of steps. */
static void on_answer(struct sim_host *h, const struct web_answer *a)
{
	char why[100];

	if (a->refused) {
		sim_fail(h,
			"%s: the server sent more bytes than it should, or not the part asked for",
			boot_stage_name(h->out->stage));
	} else if (!a->whole) {
		snprintf(why, sizeof why, "no answer (%.60s)", a->why);
		sim_retry(h, why);
	} else if (a->status >= 500) {
		snprintf(why, sizeof why, "the server answered with status %ld", a->status);
		sim_retry(h, why);
	} else {
		sim_phases[h->phase].answered(h, a);
	}
}

static bool on_bytes(void *arg, const void *p, size_t len)
{
	struct sim_host *h = arg;

	h->s->now_ms = now_mono_ms();
	digest_update(h->hash, p, len);
	h->got += len;
	h->heard_ms = h->s->now_ms;
	h->s->now.bytes += len;
	if (sim_phases[h->phase].agent)
		sim_good(h);
	return sim_phases[h->phase].stage != STAGE_IMAGE || sim_agent_bytes(h);
}

static void on_blobs_done(void *arg, const struct web_answer *a)
{
	struct sim_host *h = arg;

	h->s->now_ms = now_mono_ms();
	on_answer(h, a);
}

/* Is the phase's own request one of the API, or does a report of progress end here? */
static void on_api_done(void *arg, const struct web_answer *a)
{
	struct sim_host *h = arg;

	h->s->now_ms = now_mono_ms();
	if (h->failing)
		end(h, SIMULATE_FAILED);
	else if (sim_phases[h->phase].enter == sim_agent_files)
		sim_agent_reported(h, a->whole && a->status < 500);
	else
		on_answer(h, a);
}

bool sim_calls(struct sim_host *h)
{
	if (!h->blobs)
		h->blobs = web_call_new(h->s->web, h->addr, on_bytes, on_blobs_done, h);
	if (!h->api)
		h->api = web_call_new(h->s->web, h->addr, NULL, on_api_done, h);
	if (h->blobs && h->api)
		return true;
	end(h, SIMULATE_FAILED);
	snprintf(h->out->reason, sizeof h->out->reason, "out of memory on this machine");
	return false;
}

bool sim_get_blob(struct sim_host *h, const struct digest *d)
{
	char hex[DIGEST_HEX], url[URL_MAX + 96];

	if (!h->hash) {
		h->hash = digest_new();
		h->got = 0;
	}
	h->heard_ms = h->s->now_ms;
	digest_hex(d, hex);
	snprintf(url, sizeof url, "%s/blobs/sha256/%s", h->base, hex);
	if (h->hash &&
		web_call_start(h->blobs, &(struct web_ask){ .url = url,
						 .offset = h->got,
						 .stream = true,
						 .as_ipxe = !sim_phases[h->phase].agent }) == 0)
		return true;
	sim_fail(h, "out of memory on this machine");
	return false;
}

bool sim_got_blob(
	struct sim_host *h, const struct web_answer *a, const struct digest *d, const char *what)
{
	struct digest found;

	if (a->status != 200 && a->status != 206) {
		sim_fail(h, "%s: file-missing: status %ld for %s", boot_stage_name(h->out->stage),
			a->status, what);
		return false;
	}
	digest_final(h->hash, &found);
	digest_free(h->hash);
	h->hash = NULL;
	if (digest_equal(&found, d))
		return true;
	sim_fail(h, "%s: file-digest: %s arrived with another digest",
		boot_stage_name(h->out->stage), what);
	return false;
}

/* ---- the script ---- */

static void get_text(struct sim_host *h, const char *url)
{
	if (web_call_start(h->blobs,
		    &(struct web_ask){ .url = url, .timeout_s = 30, .as_ipxe = true }) < 0)
		sim_fail(h, "out of memory on this machine");
}

static void enter_hello(struct sim_host *h)
{
	cmdline_url(h->file, h->base);
	if (sim_calls(h))
		get_text(h, h->file);
}

static bool is_script(struct sim_host *h, const struct web_answer *a)
{
	if (a->status == 200 && !strncmp(a->text, "#!ipxe", 6))
		return true;
	sim_fail(h, "script: the answer is no iPXE script (status %ld)", a->status);
	return false;
}

static void hello_answered(struct sim_host *h, const struct web_answer *a)
{
	if (is_script(h, a))
		sim_next(h);
}

static void enter_script(struct sim_host *h)
{
	const uint8_t *m = h->out->mac;
	char url[URL_MAX + 320], text[HOST_UUID_TEXT];

	sim_host_uuid(h, text);
	snprintf(url, sizeof url,
		"%s/boot.ipxe?mac=%02x-%02x-%02x-%02x-%02x-%02x&uuid=%s&serial=" SIMULATE_SERIAL
		"&arch=x86_64&platform=efi&manufacturer=" SIMULATE_VENDOR
		"&product=" SIMULATE_PRODUCT,
		h->base, m[0], m[1], m[2], m[3], m[4], m[5], text, m[0], m[1], m[2], m[3], m[4],
		m[5]);
	get_text(h, url);
}

/* The digest in a line "kernel ... URL/blobs/sha256/HEX ..." or "initrd ...". */
static bool line_blob(const char *line, size_t len, struct digest *out)
{
	static const char path[] = "/blobs/sha256/";
	const char *at = memmem(line, len, path, sizeof path - 1);
	char hex[DIGEST_HEX];

	if (!at || (strncmp(line, "kernel ", 7) && strncmp(line, "initrd ", 7)))
		return false;
	snprintf(hex, sizeof hex, "%.64s", at + sizeof path - 1);
	return digest_parse(hex, out) == 0;
}

static void script_answered(struct sim_host *h, const struct web_answer *a)
{
	const char *line = a->text;

	if (!is_script(h, a))
		return;
	h->n_load = h->load_at = 0;
	while (*line && h->n_load < SIM_LOAD_MAX) {
		const size_t len = strcspn(line, "\n");

		h->n_load += line_blob(line, len, &h->load[h->n_load]);
		line += len + (line[len] == '\n');
	}
	if (h->n_load) {
		sim_next(h);
		return;
	}
	/* it says: wait, and ask again */
	h->out->repeats++;
	if (++h->tries == SCRIPT_TRIES)
		sim_fail(h, "script: the server has nothing to boot for this host");
	else
		sim_again_in(h, WAIT_SCRIPT_S);
}

/* ---- the agent's own files ---- */

static void enter_load(struct sim_host *h)
{
	if (h->load_at == h->n_load)
		sim_next(h);
	else
		sim_get_blob(h, &h->load[h->load_at]);
}

static void load_answered(struct sim_host *h, const struct web_answer *a)
{
	if (!sim_got_blob(h, a, &h->load[h->load_at], "a file of the agent"))
		return;
	h->load_at++;
	enter_load(h);
}

/* ---- the whole line ---- */

const struct sim_phase sim_phases[] = {
	{ STAGE_LEASE, false, false, enter_firmware, NULL },
	{ STAGE_LOADER, true, false, enter_loader, NULL },
	{ STAGE_LOADER, true, false, enter_ipxe, NULL },
	{ STAGE_SCRIPT, false, false, enter_hello, hello_answered },
	{ STAGE_SCRIPT, false, false, enter_script, script_answered },
	{ STAGE_AGENT, false, false, enter_load, load_answered },
	{ STAGE_AGENT, false, true, enter_agent_dhcp, NULL },
	{ STAGE_AGENT, false, true, sim_agent_facts, sim_agent_facts_answered },
	{ STAGE_IMAGE, false, true, sim_agent_ticket, sim_agent_ticket_answered },
	{ STAGE_IMAGE, false, true, sim_agent_chain, sim_agent_chain_answered },
	{ STAGE_IMAGE, false, true, sim_agent_extra, sim_agent_extra_answered },
	{ STAGE_IMAGE, false, true, sim_agent_files, sim_agent_files_answered },
	{ STAGE_VERIFY, false, true, sim_agent_verified, sim_agent_done_answered },
	{ STAGE_HANDOFF, false, true, sim_agent_handoff, sim_agent_handoff_answered },
	{ STAGE_UP, false, true, enter_agent_dhcp, NULL }, /* the hypervisor's */
	{ STAGE_UP, false, true, sim_agent_up, sim_agent_done_answered },
	{ STAGE_UP, false, true, sim_agent_heartbeat, sim_agent_done_answered },
	{ 0 },
};
const unsigned sim_phase_facts = 7;

void sim_host_init(struct sim_host *h, struct sim *s, struct simulate_outcome *out, bool rom)
{
	*h = (struct sim_host){ .s = s, .out = out, .rom = rom, .tftp.fd = -1 };
	out->state = SIMULATE_WAITS;
	out->stage = sim_phases[0].stage;
	out->queued_ms = -1;
	for (unsigned i = 0; i < STAGES; i++)
		out->took_ms[i] = -1;
}

void sim_host_fini(struct sim_host *h)
{
	if (h->put)
		addrs_remove(h->s->netlink, h->s->ifindex, h->addr);
	h->put = false;
}

void sim_host_start(struct sim_host *h)
{
	h->began_ms = h->stage_ms = h->s->now_ms;
	h->out->state = SIMULATE_RUNS;
	h->s->now.at[h->out->stage]++;
	sim_good(h);
	enter(h);
}

static bool is_silent(const struct sim_host *h)
{
	return h->hash && h->blobs && web_call_busy(h->blobs) &&
	       h->s->now_ms - h->heard_ms > SILENCE_MS;
}

void sim_host_on_tick(struct sim_host *h)
{
	if (h->out->state != SIMULATE_RUNS)
		return;
	if (is_silent(h)) {
		web_call_stop(h->blobs);
		sim_retry(h, "no answer (no byte for half a minute)");
	}
	if (h->again_ms && h->s->now_ms >= h->again_ms)
		enter(h);
	else if (h->selecting != SIM_NO_DHCP && h->due_ms && h->s->now_ms >= h->due_ms)
		on_dhcp_due(h);
	else if (h->tftp.fd >= 0 && h->s->now_ms >= h->tftp.due_ms)
		on_tftp(h, tftp_get_on_due(&h->tftp, h->s->now_ms));
	else
		sim_agent_on_tick(h);
}
