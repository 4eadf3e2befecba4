/*
 * sim_host.h: one simulated host: the steps of a boot from its firmware's DISCOVER to the
 * hypervisor's first heartbeat, each when the one before it succeeded. It waits and tries again as
 * firmware, iPXE and agent do, and gives up as they do.
 *
 * All hosts of a run live in one loop and share a struct sim. sim_host.c has the steps before the
 * agent, sim_agent.c the agent's.
 */
#ifndef MUSTER_SERVER_SIMULATE_SIM_HOST_H
#define MUSTER_SERVER_SIMULATE_SIM_HOST_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/api_text.h"
#include "agent/cmdline.h"
#include "agent/verify.h"
#include "db/host.h"
#include "images/digest.h"
#include "images/manifest.h"
#include "server/simulate/dhcp_client.h"
#include "server/simulate/simulate.h"
#include "server/simulate/tftp_get.h"
#include "server/simulate/web.h"

#define SIM_LOAD_MAX 8 /* files that a boot script names */
/* Under these the record shows it: nobody takes it for a machine. */
#define SIMULATE_VENDOR	 "muster"
#define SIMULATE_PRODUCT "simulated-host"
#define SIMULATE_SERIAL	 "SIM-%02X%02X%02X%02X%02X%02X"

/* What all hosts share. */
struct sim {
	struct loop *loop;
	/*
	 * Of DHCP and TFTP, whose next packet waits for the answer to the last one: looked at
	 * between any few pieces of what fills the line. An event's pointer is the host, NULL for
	 * DHCP.
	 */
	int urgent;
	struct web *web;
	const struct trust *trust;
	int dhcp;
	struct sockaddr_in dhcp_to;
	uint32_t giaddr; /* 0: hosts broadcast */
	int netlink, ifindex;
	const struct sim_host *hosts;
	unsigned n_hosts;
	uint64_t now_ms; /* monotonic, of this round */
	struct simulate_now now;
};

enum sim_selecting { SIM_NO_DHCP, SIM_SELECTING, SIM_REQUESTING };
enum sim_file { SIM_FILE_START, SIM_FILE_STARTING, SIM_FILE_GET, SIM_FILE_END, SIM_FILE_ENDING };

struct sim_host {
	struct sim *s;
	struct simulate_outcome *out;
	bool rom;	/* iPXE is in its network card: no loader to read */
	unsigned phase; /* of sim_phases */
	uint64_t began_ms, stage_ms;
	/* patience */
	unsigned tries, pause_s;
	uint64_t again_ms;   /* then the phase is entered again; 0: it is under way */
	uint64_t give_up_ms; /* of the agent */
	/* DHCP */
	enum sim_selecting selecting;
	uint8_t client; /* enum dhcp_client: who asks now */
	unsigned naks;
	uint32_t xid, offered, server_id, siaddr, addr;
	bool put;		      /* addr is on this machine because of us */
	bool useless;		      /* an offer came that names nothing to boot */
	uint64_t due_ms;	      /* then the question is repeated */
	char file[DHCP_FILE_MAX + 1]; /* what the last ACK names */
	/* loader, script */
	struct tftp_get tftp;
	struct web_call *blobs, *api;
	char base[URL_MAX];
	struct digest load[SIM_LOAD_MAX];
	unsigned n_load, load_at;
	/* what is being received */
	struct digest_ctx *hash;
	uint64_t got, heard_ms;
	/* agent */
	struct api_session who;
	struct api_ticket *offer; /* until the manifest is verified */
	char nonce[DIGEST_HEX], boot_nonce[64];
	uint64_t nonce_ms;
	size_t part;		  /* of the chain: the roots, then channel and manifest */
	struct signed_text given; /* of that part, so far; its texts are allocated */
	struct root_walk walk;
	struct channel channel;
	struct ticket ticket;
	uint64_t now_s; /* by all clocks at hand */
	struct manifest manifest;
	unsigned file_at;
	enum sim_file file_step;
	struct digest held[MANIFEST_FILES_MAX]; /* files that are verified, whatever comes */
	unsigned n_held;
	uint64_t queued_ms; /* since then it waits for its turn; 0: it does not */
	uint64_t files_done, progress_ms, quiet_ms;
	const char *later; /* why there is no ticket yet, or NULL */
	bool failing;	   /* it tells the server, then it is over */
};

struct sim_phase {
	enum boot_stage stage;
	bool loader_only; /* not for a host whose iPXE is in the card */
	bool agent;	  /* its patience */
	void (*enter)(struct sim_host *h);
	void (*answered)(struct sim_host *h, const struct web_answer *a); /* below 500 */
};

extern const struct sim_phase sim_phases[];
extern const unsigned sim_phase_facts; /* where a lost session begins again */

/* `out` holds its MAC address and is filled. */
void sim_host_init(struct sim_host *h, struct sim *s, struct simulate_outcome *out, bool rom);
void sim_host_fini(struct sim_host *h); /* takes its address off this machine, too */

void sim_host_start(struct sim_host *h);
void sim_host_on_tftp(struct sim_host *h);
void sim_host_on_dhcp(struct sim_host *h, const struct dhcp_client_told *t);
/* Now and then: what is due? */
void sim_host_on_tick(struct sim_host *h);
/* At once, without telling the server. */
void sim_host_stop(struct sim_host *h, const char *reason);

/* ---- for the steps ---- */

void sim_next(struct sim_host *h);
void sim_goto(struct sim_host *h, unsigned phase);
/* Enter the phase again after a pause, or fail with this reason when patience is over. */
void sim_retry(struct sim_host *h, const char *why);
void sim_good(struct sim_host *h); /* something went well: patience begins anew */
void sim_again_in(struct sim_host *h, unsigned seconds);
/* The boot is over; an agent with a session says so first. The reason is the same for all hosts. */
__attribute__((format(printf, 2, 3))) void sim_fail(struct sim_host *h, const char *fmt, ...);

/* Its SMBIOS UUID as text. */
void sim_host_uuid(const struct sim_host *h, char out[HOST_UUID_TEXT]);
/* Its two calls, from its address. False: the host failed. */
bool sim_calls(struct sim_host *h);

/* Start to receive bytes anew, or go on; false when it failed. */
bool sim_get_blob(struct sim_host *h, const struct digest *d);
/* The end of sim_get_blob: true when the bytes are those of the digest; else the host failed. */
bool sim_got_blob(
	struct sim_host *h, const struct web_answer *a, const struct digest *d, const char *what);

/* sim_agent.c */
void sim_agent_facts(struct sim_host *h);
void sim_agent_facts_answered(struct sim_host *h, const struct web_answer *a);
void sim_agent_ticket(struct sim_host *h);
void sim_agent_ticket_answered(struct sim_host *h, const struct web_answer *a);
void sim_agent_chain(struct sim_host *h);
void sim_agent_chain_answered(struct sim_host *h, const struct web_answer *a);
void sim_agent_extra(struct sim_host *h);
void sim_agent_extra_answered(struct sim_host *h, const struct web_answer *a);
void sim_agent_files(struct sim_host *h);
void sim_agent_files_answered(struct sim_host *h, const struct web_answer *a);
void sim_agent_verified(struct sim_host *h);
void sim_agent_done_answered(struct sim_host *h, const struct web_answer *a);
void sim_agent_handoff(struct sim_host *h);
void sim_agent_handoff_answered(struct sim_host *h, const struct web_answer *a);
void sim_agent_up(struct sim_host *h);
void sim_agent_heartbeat(struct sim_host *h);
/* Bytes of the current file came; false: too many. (No request can be started from here.) */
bool sim_agent_bytes(const struct sim_host *h);
void sim_agent_on_tick(struct sim_host *h);
/* The end of a report that nobody waits for; whatever came of it. */
void sim_agent_reported(struct sim_host *h, bool heard);
void sim_agent_say_failed(struct sim_host *h, const char *reason);
void sim_agent_fini(struct sim_host *h);

#endif
