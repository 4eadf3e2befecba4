/*
 * why_rules.c: the rules of why.h, most specific first. docs/why.md lists their codes; a test
 * compares.
 *
 * First what is said by the host's firmware now, then what the host has become, then why a boot
 * failed by its own account, then what a boot that fell silent did last.
 */
#include "server/core/why.h"

#include <string.h>

#include "server/bytes.h"
#include "server/core/dhcp_policy.h"

#define IGNORED_MS   8000   /* of offers that are not taken */
#define OBEYED_MS    5000   /* after which a host that obeys sends no heartbeat */
#define BACK_MS	     900000 /* large machines take so long to come back */
#define REFUSED_MS   30000  /* firmware that comes back so soon has not run its loader */
#define ENTRIES_MS   300000 /* firmware takes to come from one boot entry to the next */
#define SLOW_MIN_MS  10000  /* of a transfer, until its rate says anything */
#define SLOW_FACTOR  4
#define TFTP_REPEATS 3

/* ---- who ---- */

static bool is_unknown_name(const struct why_facts *f)
{
	return !f->known && !f->is_mac;
}

/* ---- its firmware asks ---- */

static bool refused(const struct why_facts *f, enum dhcp_reason reason)
{
	return why_asks_now(f) && f->waiting.refused == reason;
}

static bool is_pool_full(const struct why_facts *f)
{
	return refused(f, DHCP_REASON_POOL_FULL);
}

static bool is_guests_full(const struct why_facts *f)
{
	return refused(f, DHCP_REASON_GUESTS_FULL);
}

static bool is_wrong_subnet(const struct why_facts *f)
{
	return refused(f, DHCP_REASON_NO_SUBNET) || refused(f, DHCP_REASON_WRONG_NETWORK) ||
	       refused(f, DHCP_REASON_NOT_IN_RANGE);
}

static bool is_address_taken(const struct why_facts *f)
{
	return refused(f, DHCP_REASON_ADDRESS_TAKEN) || refused(f, DHCP_REASON_ADDRESS_RESERVED) ||
	       refused(f, DHCP_REASON_DECLINED_TOO_OFTEN);
}

static bool is_without_boot_file(const struct why_facts *f)
{
	return refused(f, DHCP_REASON_NO_BOOT_FILE) || refused(f, DHCP_REASON_NOT_NETBOOT);
}

static bool is_other_server(const struct why_facts *f)
{
	return why_asks_now(f) && f->mode == DHCP_FULL &&
	       (f->waiting.server || f->waiting.other.type == DHCP_ACK);
}

static bool is_not_answered(const struct why_facts *f)
{
	return why_asks_now(f) && f->waiting.refused != DHCP_REASON_NONE;
}

static bool is_without_loader(const struct why_facts *f)
{
	return why_asks_now(f) && f->waiting.offer_ms && !f->waiting.offered.loader[0] &&
	       f->waiting.begins && f->now_ms - f->heard_ms >= IGNORED_MS;
}

static bool is_offer_ignored(const struct why_facts *f)
{
	return why_asks_now(f) && f->waiting.offer_ms &&
	       (f->now_ms - f->heard_ms >= IGNORED_MS || f->waiting.discovers > 3);
}

static bool is_asking(const struct why_facts *f)
{
	return why_asks_now(f) && f->now_ms - f->heard_ms < IGNORED_MS;
}

/* ---- what it has become ---- */

static bool is_on_disk(const struct why_facts *f)
{
	return !f->has_boot && !f->heard && f->lease;
}

/* Nobody listens, so nothing can be heard of it. */
static bool is_dhcp_off(const struct why_facts *f)
{
	return f->mode == DHCP_OFF && !f->has_boot && !f->heard;
}

static bool is_never_heard(const struct why_facts *f)
{
	return !f->has_boot && !f->heard;
}

/* It said that it goes down, and nothing has been heard of that boot since. */
static bool goes_down(const struct why_facts *f)
{
	return f->has_boot && f->boot.state == BOOT_UP && f->has_reboot && f->reboot.taken_ms &&
	       f->boot.seen_ms <= f->reboot.taken_ms + OBEYED_MS;
}

static bool is_rebooting(const struct why_facts *f)
{
	return goes_down(f) && f->now_ms - f->reboot.taken_ms < BACK_MS;
}

static bool is_reboot_lost(const struct why_facts *f)
{
	return goes_down(f);
}

static bool is_up(const struct why_facts *f)
{
	return f->has_boot && f->boot.state == BOOT_UP &&
	       (!f->boot.nonce[0] || why_silence(f) < WHY_LOST_MS);
}

static bool is_reboot_asked(const struct why_facts *f)
{
	return is_up(f) && f->has_reboot && !f->reboot.taken_ms && !f->reboot.refused[0];
}

static bool is_reboot_refused(const struct why_facts *f)
{
	return is_up(f) && f->has_reboot && f->reboot.refused[0];
}

static bool is_lost(const struct why_facts *f)
{
	return f->has_boot && f->boot.state == BOOT_UP;
}

static bool is_over(const struct why_facts *f)
{
	return f->has_boot && f->boot.state == BOOT_OVER;
}

static bool is_open(const struct why_facts *f)
{
	return f->has_boot && f->boot.state == BOOT_OPEN;
}

/* Handed over to what does not report: nobody will ever know. */
static bool is_handed_over(const struct why_facts *f)
{
	return is_open(f) && f->boot.stage == STAGE_HANDOFF && !f->boot.nonce[0];
}

/* ---- an open boot that waits for somebody ---- */

static bool waits_for_image(const struct why_facts *f, enum choice choice)
{
	return is_open(f) && !why_is_hung(f) && f->choice == choice && f->boot.has_session &&
	       f->boot.stage < STAGE_VERIFY && !f->boot.has_manifest;
}

/* Whatever it does meanwhile: nothing is given to it. */
static bool is_rejected(const struct why_facts *f)
{
	return f->known && f->rejected_ms && !f->admitted;
}

static bool is_admission(const struct why_facts *f)
{
	return is_open(f) && f->known && !f->admitted && !why_is_hung(f) &&
	       (f->boot.stage == STAGE_AGENT || f->boot.stage == STAGE_SCRIPT) &&
	       (f->boot.has_session || f->code[0]);
}

static bool is_agentless(const struct why_facts *f)
{
	return is_open(f) && f->boot.stage == STAGE_SCRIPT && !f->agent_there &&
	       !f->boot.has_manifest;
}

static bool is_image_unset(const struct why_facts *f)
{
	return waits_for_image(f, CHOICE_UNASSIGNED);
}

static bool is_no_rule(const struct why_facts *f)
{
	return waits_for_image(f, CHOICE_UNASSIGNED) && f->trace[0];
}

static bool is_image_missing(const struct why_facts *f)
{
	return waits_for_image(f, CHOICE_NO_IMAGE);
}

static bool is_image_without_channel(const struct why_facts *f)
{
	return waits_for_image(f, CHOICE_NO_CHANNEL);
}

static bool is_release_missing(const struct why_facts *f)
{
	return waits_for_image(f, CHOICE_NOT_HERE);
}

static bool is_pin_below(const struct why_facts *f)
{
	return waits_for_image(f, CHOICE_PIN_BELOW);
}

static bool is_pin_above(const struct why_facts *f)
{
	return waits_for_image(f, CHOICE_PIN_ABOVE);
}

static bool is_profile_lacking(const struct why_facts *f)
{
	return waits_for_image(f, CHOICE_GOOD) && f->profile_why[0];
}

static bool is_turn(const struct why_facts *f)
{
	return is_open(f) && f->queued && !why_is_hung(f);
}

static bool is_slow(const struct why_facts *f)
{
	const struct why_event *began = why_event_of(f, STAGE_IMAGE, "started");
	const uint64_t rate = why_rate(f), usual = why_usual_rate(f);

	return is_open(f) && f->boot.stage == STAGE_IMAGE && !why_is_hung(f) && began && rate &&
	       f->now_ms - began->at_ms >= SLOW_MIN_MS && usual / SLOW_FACTOR > rate;
}

static bool is_booting(const struct why_facts *f)
{
	return is_open(f) && !why_is_hung(f);
}

/* ---- failed, by its own account ---- */

static bool failed_as(const struct why_facts *f, const char *reason)
{
	return f->has_boot && f->boot.state == BOOT_FAILED && !strcmp(f->boot.reason, reason);
}

static bool is_kexec_locked(const struct why_facts *f)
{
	return failed_as(f, "kexec") &&
	       (f->secure_boot || (f->lockdown[0] && strcmp(f->lockdown, "none") != 0) ||
		       strstr(f->boot.sentence, "locked") ||
		       strstr(f->boot.sentence, "Secure Boot"));
}

/* ---- what a boot that ended without a word did last ---- */

static bool hung_at(const struct why_facts *f, enum boot_stage stage)
{
	return why_is_hung(f) && f->boot.stage == stage;
}

/* It starts over again and again, however far it comes. */
static bool is_loop(const struct why_facts *f)
{
	return (failed_as(f, "restarted") || is_open(f)) &&
	       why_loop(f->past, f->n_past, f->now_ms) >= WHY_LOOP_BOOTS;
}

/* iPXE after the loader was read is what was read; where none was to be read, it is the card's. */
static bool loader_spoke(const struct why_facts *f)
{
	const struct why_event *lease = why_event_of(f, STAGE_LEASE, NULL),
			       *read = why_event_of(f, STAGE_LOADER, NULL);

	if (why_event_of(f, STAGE_SCRIPT, NULL))
		return true;
	if (!lease || strncmp(lease->detail, "iPXE", 4))
		return false;
	return read ? lease > read : !f->boot.offered.loader[0];
}

static unsigned times_asked(const struct why_facts *f)
{
	unsigned n = 0;

	for (size_t i = 0; i < f->n_events; i++)
		n += f->events[i].stage == STAGE_LOADER &&
		     !strcmp(f->events[i].detail, f->boot.offered.loader) &&
		     !strcmp(f->events[i].what, "requested");
	return n;
}

static bool is_script_not_asked(const struct why_facts *f)
{
	return why_is_hung(f) && f->boot.stage <= STAGE_LOADER && loader_spoke(f);
}

static bool is_loader_missing(const struct why_facts *f)
{
	const struct why_event *e = why_event_of(f, STAGE_LOADER, NULL);

	return hung_at(f, STAGE_LOADER) && !f->boot.loader_sent && e &&
	       !strcmp(e->what, "requested") && !e->total;
}

static bool is_loader_aborted(const struct why_facts *f)
{
	const struct why_event *e = why_event_of(f, STAGE_LOADER, NULL);

	return hung_at(f, STAGE_LOADER) && e && !strcmp(e->what, "aborted");
}

static bool is_tftp_blocked(const struct why_facts *f)
{
	return hung_at(f, STAGE_LOADER) && times_asked(f) >= TFTP_REPEATS;
}

static bool is_uefi(const char *firmware)
{
	return !strncmp(firmware, "uefi", 4);
}

/* UEFI that refuses a file goes on to its next boot entry; one that hangs does not. */
static bool went_on(const struct why_facts *f)
{
	const struct why_event *e = why_event_of(f, STAGE_LOADER, NULL);

	return failed_as(f, "restarted") && e &&
	       (f->other_entry || f->boot.ended_ms - e->at_ms < REFUSED_MS);
}

/* That entry's loader came to nothing either. */
static bool came_from_another(const struct why_facts *f)
{
	const struct store_past *p = f->past;

	return f->n_past && is_uefi(p->firmware) && strcmp(p->firmware, f->boot.firmware) &&
	       (!strcmp(p->reason, "secure-boot") || !strcmp(p->reason, "loader-dead") ||
		       !strcmp(p->reason, "agent-efi-silent")) &&
	       f->boot.started_ms - p->started_ms < ENTRIES_MS;
}

static bool is_secure_boot(const struct why_facts *f)
{
	return hung_at(f, STAGE_LOADER) && is_uefi(f->boot.firmware) &&
	       (went_on(f) || came_from_another(f) || f->secure_boot);
}

/* The agent as one EFI file, and no other boot entry to go on to: refused, or mute. */
static bool is_agent_efi_silent(const struct why_facts *f)
{
	const struct why_event *e = why_event_of(f, STAGE_LOADER, NULL);

	return hung_at(f, STAGE_LOADER) && is_uefi(f->boot.firmware) && e &&
	       !strcmp(e->detail, "agent.efi");
}

static bool is_loader_dead(const struct why_facts *f)
{
	return hung_at(f, STAGE_LOADER);
}

static bool is_loader_not_asked(const struct why_facts *f)
{
	return hung_at(f, STAGE_LEASE);
}

/* The kernel of the agent: the stage moves when its transfer is seen. */
static bool is_agent_not_asked(const struct why_facts *f)
{
	return hung_at(f, STAGE_SCRIPT);
}

static bool is_agent_partial(const struct why_facts *f)
{
	const struct why_event *e = why_event_of(f, STAGE_AGENT, NULL);

	return hung_at(f, STAGE_AGENT) && !f->boot.has_session && e &&
	       strcmp(e->what, "finished") != 0;
}

static bool is_agent_silent(const struct why_facts *f)
{
	return hung_at(f, STAGE_AGENT) && !f->boot.has_session;
}

static bool is_agent_dead(const struct why_facts *f)
{
	return hung_at(f, STAGE_AGENT);
}

static bool is_image_stalled(const struct why_facts *f)
{
	return hung_at(f, STAGE_IMAGE);
}

static bool is_verified_silent(const struct why_facts *f)
{
	return hung_at(f, STAGE_VERIFY);
}

static bool is_hypervisor_silent(const struct why_facts *f)
{
	return hung_at(f, STAGE_HANDOFF);
}

static bool is_other_failure(const struct why_facts *f)
{
	return f->has_boot;
}

static bool is_anything(const struct why_facts *f)
{
	(void)f;
	return true;
}

/* ---- the table ---- */

#define BOOTED (SHOW_EVENTS | SHOW_PAST)
#define SIGNED (SHOW_EVENTS | SHOW_IMAGE | SHOW_PAST)
#define TAMPER                                                                                     \
	"Somebody or something between the signer and this host changed bytes: a bad disk, a"      \
	" proxy, or an attacker. `muster image verify --all` finds damage on the server's disk;"   \
	" import the image again."
#define ASK_SIGNERS                                                                                \
	"Have the signers sign it (`muster image sign DIR --key KEY`), or import the root that"    \
	" names their keys (`muster image import ROOTS`); docs/trust.md."

/* clang-format off */
const struct why_rule why_rules[] = {
	/* who is asked for */
	{ "unknown-name", is_unknown_name, WHY_UNKNOWN, 0,
	  "There is no host named @{host}.",
	  "`muster host list` has the names. For a machine that has none yet ask by its MAC address:"
	  " muster host why 52:54:00:12:34:56." },

	{ "rejected", is_rejected, WHY_WAITING, SHOW_EVENTS | SHOW_MACHINE,
	  "@{host} was rejected @{rejected_for} ago, and nothing is given to it.",
	  "`muster host approve @{host}` lets it in, `muster host reject @{host} --undo` has it wait again,"
	  " `muster host rm @{host}` forgets it." },

	/* its firmware asks, and does not get on */
	{ "pool-full", is_pool_full, WHY_FAILED, SHOW_HEARD | SHOW_POOL,
	  "@{host} asked for an address, and there is none left in @{subnet}: @{pool}.",
	  "Give it more with another `range` in its [subnet], a shorter `lease-time`, or end leases"
	  " that nobody uses: muster lease list, muster lease release." },
	{ "guests-full", is_guests_full, WHY_FAILED, SHOW_HEARD | SHOW_POOL,
	  "@{host} is not admitted, and unknown hosts hold all that they may of @{subnet}, a quarter"
	  " of its addresses.",
	  "Approve it (muster host approve NAME) or make it known: muster host add NAME --mac @{mac}." },
	{ "wrong-subnet", is_wrong_subnet, WHY_FAILED, SHOW_HEARD | SHOW_LINKS,
	  "@{host} asks from @{subnet}, and that is no network that this server gives addresses in.",
	  "Is it plugged into the right network? Else add a [subnet] for it, and its relay to [dhcp]"
	  " relays; `muster doctor` checks both." },
	{ "address-taken", is_address_taken, WHY_FAILED, SHOW_HEARD | SHOW_POOL,
	  "The address that @{host} wants is in use by another machine.",
	  "`muster lease list` shows by whom. Two machines with one MAC address or one reservation"
	  " cannot both have it." },
	{ "no-boot-file", is_without_boot_file, WHY_FAILED, SHOW_HEARD,
	  "@{host} asked, and there is nothing to offer to it: no loader for architecture @{arch}, or"
	  " it did not ask to boot.",
	  "`muster doctor` says which loaders are missing. Put network boot (PXE or HTTP) first in its"
	  " boot order; a [quirk] can name a loader." },
	{ "other-dhcp", is_other_server, WHY_FAILED, SHOW_HEARD | SHOW_SERVERS,
	  "Another DHCP server won: @{host} took @{given} from @{other} and not our offer.",
	  "Switch that server off on this network, or let it stay and set [dhcp] mode = proxy here;"
	  " `muster doctor --snippet` says what to tell it." },
	{ "not-answered", is_not_answered, WHY_FAILED, SHOW_HEARD | SHOW_LINKS,
	  "@{host} asked @{tries} and was not answered: @{refused}.",
	  "`muster doctor` checks ranges, relays and reservations; `muster lease list` shows who has"
	  " which address." },
	{ "no-loader", is_without_loader, WHY_FAILED, SHOW_HEARD,
	  "@{host} was offered an address and no loader: @{plan}.",
	  "`muster doctor` says which loaders are missing from [tftp] loaders; a [quirk] with"
	  " match-arch can name one." },
	{ "offer-ignored", is_offer_ignored, WHY_FAILED, SHOW_HEARD | SHOW_SERVERS | SHOW_LINKS,
	  "We offered @{host} an address (it asked @{tries}), and it never took it.",
	  "Our offer does not arrive, or it prefers another server's: check the VLAN, a firewall"
	  " between, and the way back through the relay; `muster doctor` looks for other servers." },
	{ "asking", is_asking, WHY_BOOTING, SHOW_HEARD,
	  "@{host} is asking for an address right now.",
	  "Wait a few seconds: muster host timeline @{host} -f." },

	/* what it has become */
	{ "boots-elsewhere", is_on_disk, WHY_FAILED, SHOW_LINKS,
	  "@{host} has the address @{lease}, but its firmware never asked to boot: a system that is on"
	  " it did.",
	  "Put network boot first in its boot order, before the disk; an installed system may have put"
	  " itself there (efibootmgr)." },
	{ "dhcp-off", is_dhcp_off, WHY_UNKNOWN, 0,
	  "Nothing was heard of @{host}: DHCP is off on this server ([dhcp] mode = off), so another must"
	  " send it here.",
	  "Let the other DHCP server name this one (muster doctor --snippet dnsmasq), or set mode = full or"
	  " proxy." },
	{ "never-heard", is_never_heard, WHY_UNKNOWN, SHOW_LINKS | SHOW_SERVERS,
	  "No packet of @{host} was ever heard@{since_added}.",
	  "Is it on, its cable in, and network boot first in its boot order? Is its switch port in one"
	  " of the networks below and set to edge (spanning tree: 30 s)? Behind a router it needs a"
	  " DHCP relay that points here." },
	{ "rebooting", is_rebooting, WHY_BOOTING, SHOW_EVENTS,
	  "@{host} starts anew because @{asked_by} asked it to; it went down @{down_for} ago and its"
	  " firmware has not asked yet.",
	  "Wait, the firmware of a large machine takes minutes: muster host timeline @{host} -f --next." },
	{ "reboot-lost", is_reboot_lost, WHY_FAILED, SHOW_EVENTS,
	  "@{host} went down @{down_for} ago because @{asked_by} asked it to start anew, and has not come"
	  " back.",
	  "Look at its console and its switch port: it may hang in its firmware, or not boot from the"
	  " network first. Its BMC or power button starts it again." },
	{ "reboot-refused", is_reboot_refused, WHY_UP, SHOW_EVENTS,
	  "@{host} is up, and does not start anew as @{asked_by} asked it to: @{refused_why}.",
	  "`order-signature`: its agent carries another site key than this server's, docs/trust.md."
	  " Restart it from within, or by its BMC or power button." },
	{ "reboot-asked", is_reboot_asked, WHY_UP, SHOW_EVENTS,
	  "@{host} is up, and was asked @{asked_for} ago by @{asked_by} to start anew; it hears of that at"
	  " its next heartbeat.",
	  "Wait half a minute, or withdraw it: muster host reboot @{host} --undo." },
	{ "up", is_up, WHY_UP, SHOW_EVENTS,
	  "@{host} is up: @{image}, since @{up_for}.",
	  "Nothing is to be done." },
	{ "lost", is_lost, WHY_FAILED, BOOTED,
	  "@{host} was up and has been silent for @{silence}.",
	  "It is off, has crashed, or its network is gone: look at its console and its switch port. If"
	  " it starts again by the network, that is a new boot." },
	{ "over", is_over, WHY_UNKNOWN, BOOTED,
	  "@{image} was handed over to @{host}, which started over later; that system does not report.",
	  "Have it report: docs/images.md, `--reports`, or GET /v1/boot/here/up from the host." },
	{ "handed-over", is_handed_over, WHY_UP, BOOTED,
	  "@{image} was handed over to @{host} @{silence} ago; that system does not report, so nobody"
	  " knows more.",
	  "Look at its console. To know next time have it report: docs/images.md, `--reports`." },

	/* it waits for somebody */
	{ "admission", is_admission, WHY_WAITING, SHOW_EVENTS | SHOW_MACHINE,
	  "@{host} waits for its admission; its screen shows the code @{code}.",
	  "Compare the code, then: muster host approve @{host}." },
	{ "no-agent", is_agentless, WHY_FAILED, SHOW_EVENTS,
	  "@{host} asked for its script, and this server has no agent image to give.",
	  "muster image build agent; muster image sign agent --key KEY; muster image import agent." },
	{ "no-rule", is_no_rule, WHY_WAITING, SIGNED,
	  "@{host} has nothing to boot: no rule fits it, no image is assigned to it, and [server] image"
	  " names none.",
	  "muster rule test @{host} shows what each rule wants; or muster host set @{host} --image"
	  " IMAGE." },
	{ "no-image", is_image_unset, WHY_WAITING, SIGNED,
	  "@{host} has nothing to boot: no image is assigned to it, and [server] image names none.",
	  "muster host set @{host} --image IMAGE; `muster image list` shows what there is." },
	{ "image-missing", is_image_missing, WHY_WAITING, SIGNED,
	  "@{host} shall boot @{image}, and this server has no such image.",
	  "muster image import DIR, or assign another: muster host set @{host} --image IMAGE." },
	{ "no-channel", is_image_without_channel, WHY_WAITING, SIGNED,
	  "@{host} shall boot @{image}, and no channel says which release of it is current.",
	  "`muster image sign DIR --key KEY` makes the channel, `muster image import DIR` brings it." },
	{ "release-missing", is_release_missing, WHY_WAITING, SIGNED,
	  "@{host} shall boot @{image}, and the release that its channel names is not on this server.",
	  "muster image import DIR with that release, or the channel of the one that is here." },
	{ "pin-below", is_pin_below, WHY_WAITING, SIGNED,
	  "@{host} is pinned to a version of @{image} that is below the floor of its channel.",
	  "muster image pin @{host} --none, or have the signers lower the floor: docs/trust.md." },
	{ "pin-above", is_pin_above, WHY_WAITING, SIGNED,
	  "@{host} is pinned to a version of @{image} that its channel does not allow yet.",
	  "muster image pin @{host} --none, or import the channel that names it." },
	{ "profile-value", is_profile_lacking, WHY_WAITING, SIGNED,
	  "@{host} cannot be told what its profile says: @{told}.",
	  "Give it the value (muster host set @{host} --value NAME=VALUE) or change the profile (muster"
	  " profile set); `muster host show @{host} --told` tries it." },
	{ "turn", is_turn, WHY_BOOTING, SHOW_EVENTS,
	  "@{host} waits for its turn to fetch @{image}: position @{position}.",
	  "Others fetch theirs; [http] transfers-max and transfers-rate say how many may." },
	{ "slow-line", is_slow, WHY_BOOTING, SHOW_EVENTS | SHOW_PAST,
	  "@{host} fetches @{image} at @{rate}; usual is @{usual}.",
	  "Look for a bad cable, half duplex or errors on its switch port, a busy uplink, or a [http]"
	  " pace; a cache near it helps: [subnet] mirror." },
	{ "boot-loop", is_loop, WHY_FAILED, BOOTED,
	  "@{host} starts over again and again: @{loops}, each time after it was handed over.",
	  "What it was given does not stay up: look at its console for a panic or a watchdog, and let"
	  " it boot the release before: muster image list." },
	{ "booting", is_booting, WHY_BOOTING, SHOW_EVENTS,
	  "@{host} is booting: stage @{stage} since @{silence}.",
	  "Wait: muster host timeline @{host} -f." },

	/* it failed, and said why: iPXE, the agent, the hypervisor, or we did */
	{ "proxy-ignored", NULL, WHY_FAILED, BOOTED | SHOW_SERVERS,
	  "@{host} did not react to our boot file beside another server's address.",
	  "Some firmware never joins two servers' offers: let one give both, by [dhcp] mode = full here"
	  " or by this server's address in the other (muster doctor --snippet); or try a [quirk] with"
	  " pxe-option-43." },
	{ "agent-load", NULL, WHY_FAILED, BOOTED,
	  "iPXE on @{host} could not load the agent: @{said}.",
	  "iPXE names the error at https://ipxe.org/ERROR. Does the host reach @{url}? Its own iPXE may"
	  " lack a driver or the memory for it." },
	{ "loader-start", NULL, WHY_FAILED, BOOTED | SHOW_IMAGE,
	  "The boot loader of @{host} could not start @{image}: @{said}.",
	  "What was started has returned, or does not suit this firmware: docs/images.md." },
	{ "kexec-locked", is_kexec_locked, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "@{host} may not start @{image}: the kernel is locked down and refused the kexec.",
	  "Secure Boot allows only a kernel that is signed with a key in the firmware, and never Xen:"
	  " sign it so, switch Secure Boot off, or assign an image of kind linux." },
	{ "kexec", NULL, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "The kernel of @{host} did not take over @{image}: @{said}.",
	  "Is its kernel a bzImage for this machine (`muster image show`)? Out of memory: a smaller"
	  " image, or more RAM." },
	{ "unpack", NULL, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "The files of @{image} could not be unpacked on @{host}: @{said}.",
	  "Its initrd must be a cpio archive (gzip, xz or plain); build it anew. Out of space means too"
	  " little memory." },
	{ "hypervisor", NULL, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "@{host} runs @{image}, but there is no hypervisor in it: @{said}.",
	  "Switch virtualization (VT-x, AMD-V) on in the firmware's setup, or assign another image." },
	{ "guest", NULL, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "@{host} runs @{image}, but a guest on it did not speak: @{said}.",
	  "Look at its console; on a machine without VT-x or AMD-V guests may be too slow." },
	{ "nonce", NULL, WHY_FAILED, BOOTED,
	  "A guest on @{host} wrote another nonce than this boot's.",
	  "That is the word of another boot: two machines may use one session, or somebody plays back"
	  " a recorded one." },
	{ "agent", NULL, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "The agent of @{host} gave up: @{said}.",
	  "Its console has the rest; muster host timeline @{host} shows how far it came." },
	{ "server", NULL, WHY_FAILED, BOOTED,
	  "The agent of @{host} lost this server: @{said}.",
	  "Was musterd down, or does a firewall end long connections? `journalctl -u musterd` at that"
	  " time; the host tries again by itself." },
	{ "trust", NULL, WHY_FAILED, BOOTED,
	  "The agent of @{host} carries no root or keys that it can use: @{said}.",
	  "Build it anew with what it shall trust: muster image build agent --trust roots/root.N.json"
	  " --site site.pub; sign and import it." },
	{ "file-missing", NULL, WHY_FAILED, SIGNED,
	  "@{host} asked for a file of @{image} that this server does not have: @{said}.",
	  "A blob is gone from the state folder: import the image again (muster image import DIR)." },
	{ "blob-digest", NULL, WHY_FAILED, SIGNED,
	  "A signed file did not arrive at @{host} as this server named it.", TAMPER },
	{ "file-digest", NULL, WHY_FAILED, SIGNED,
	  "A file of @{image} had other bytes at @{host} than its signed manifest says; nothing was"
	  " started.", TAMPER },
	{ "file-length", NULL, WHY_FAILED, SIGNED,
	  "A file of @{image} had another length at @{host} than its signed manifest says; nothing was"
	  " started.", TAMPER },
	{ "extra-digest", NULL, WHY_FAILED, SIGNED,
	  "What @{host} was told by its profile did not arrive as its signed ticket says; nothing was"
	  " started.", TAMPER },
	{ "manifest-digest", NULL, WHY_FAILED, SIGNED,
	  "The manifest of @{image} that arrived at @{host} is not the one that its ticket names.",
	  TAMPER },
	{ "root-steps", NULL, WHY_FAILED, BOOTED,
	  "The agent of @{host} starts from a root that is too old: more than 32 have followed.",
	  "Build the agent anew with the last root: muster image build agent --trust roots/root.N.json." },
	{ "root-old-keys", NULL, WHY_FAILED, BOOTED,
	  "@{host} does not believe the next root: too few keys of the one before have signed it.",
	  "Have the former keys sign it: muster key sign ROOTS/root.N.json --key KEY; `muster key verify"
	  " ROOTS` checks the chain." },
	{ "root-new-keys", NULL, WHY_FAILED, BOOTED,
	  "@{host} does not believe the next root: too few of its own keys have signed it.",
	  "muster key sign ROOTS/root.N.json --key KEY; `muster key verify ROOTS` checks the chain." },
	{ "root-malformed", NULL, WHY_FAILED, BOOTED,
	  "@{host} was given a root that is none.", TAMPER },
	{ "root-version", NULL, WHY_FAILED, BOOTED,
	  "@{host} was given roots with a gap between their versions.",
	  "Import all of them: muster image import ROOTS." },
	{ "root-expired", NULL, WHY_FAILED, BOOTED,
	  "@{host} refuses to boot: the last root has expired.",
	  "muster key rotate ROOTS; sign the new root and import it." },
	{ "channel-signature", NULL, WHY_FAILED, SIGNED,
	  "@{host} does not believe the channel of @{image}: too few release keys that it knows have"
	  " signed it.", ASK_SIGNERS },
	{ "channel-malformed", NULL, WHY_FAILED, SIGNED,
	  "@{host} was given a channel of @{image} that is none.", TAMPER },
	{ "channel-expired", NULL, WHY_FAILED, SIGNED,
	  "@{host} refuses @{image}: its channel has expired.",
	  "muster image channel FILE --image DIR; have it signed (muster key sign) and import it." },
	{ "ticket-signature", NULL, WHY_FAILED, BOOTED,
	  "@{host} refuses this server's ticket: no site key that its agent carries has signed it.",
	  "The server's key is new, or another server answers: build the agent with this server's"
	  " (muster image build agent --site STATE/keys/site.pub)." },
	{ "ticket-malformed", NULL, WHY_FAILED, BOOTED,
	  "@{host} was given something that is no ticket.",
	  "Agent and server are of different versions, or something between changes answers: build and"
	  " import the agent anew." },
	{ "ticket-nonce", NULL, WHY_FAILED, BOOTED,
	  "@{host} was given a ticket for another request: a recorded one.",
	  "Something between host and server repeats old answers (a caching proxy?), or an attacker"
	  " does." },
	{ "ticket-host", NULL, WHY_FAILED, BOOTED,
	  "@{host} was given a ticket for another host or boot.",
	  "Something between host and server mixes answers up, or two machines use one session." },
	{ "ticket-late", NULL, WHY_FAILED, BOOTED,
	  "This server's ticket came too late for @{host}, three times.",
	  "The server or the line is overloaded: more than 120 s for one answer. `muster status`, and"
	  " [http] transfers-max to let fewer hosts fetch at once." },
	{ "clock", NULL, WHY_FAILED, BOOTED,
	  "The clocks of @{host} and of this server are more than a day apart.",
	  "Set the one that is wrong (timedatectl here, the firmware's setup there); an agent built"
	  " without --rtc-trusted does not mind." },
	{ "manifest-signature", NULL, WHY_FAILED, SIGNED,
	  "@{host} does not believe @{image}: too few release keys that it knows have signed its"
	  " manifest.", ASK_SIGNERS },
	{ "manifest-malformed", NULL, WHY_FAILED, SIGNED,
	  "The manifest of @{image} is none that @{host} understands.",
	  "It was signed before it was stamped with a release, or by a newer muster: sign and import it"
	  " again." },
	{ "manifest-channel", NULL, WHY_FAILED, SIGNED,
	  "@{host} was given the manifest of another image or channel in place of @{image}.", TAMPER },
	{ "rollback", NULL, WHY_FAILED, SIGNED,
	  "@{host} refuses a release of @{image} that is older than its channel allows.",
	  "If it is meant, lower the floor: muster image channel FILE --image DIR --floor N --rollback;"
	  " sign and import it." },
	{ "manifest-current", NULL, WHY_FAILED, SIGNED,
	  "@{host} refuses a release of @{image} that its channel does not name.",
	  "Make the channel name it: muster image channel FILE --image DIR; sign and import it." },
	{ "manifest-expired", NULL, WHY_FAILED, SIGNED,
	  "@{host} refuses @{image}: its manifest has expired.",
	  "muster image sign DIR --key KEY --restamp makes a new release of the same files; import it." },
	{ "manifest-kind", NULL, WHY_FAILED, SIGNED | SHOW_MACHINE,
	  "@{host} cannot be handed over to @{image}: @{said}.",
	  "Xen needs Secure Boot off (lockdown forbids its kexec); else assign an image of kind linux." },
	{ "memory", NULL, WHY_FAILED, SIGNED | SHOW_MACHINE,
	  "@{image} does not fit into the memory of @{host}.",
	  "More RAM, or a smaller image: `muster image list` has their sizes." },

	/* it ended without a word: what it did last */
	{ "script-not-asked", is_script_not_asked, WHY_FAILED, BOOTED,
	  "iPXE runs on @{host} and has an address, but never asked for its script@{then}.",
	  "Is TCP to @{url} blocked? Waiting for an IPv6 router that does not exist takes iPXE 10 s and"
	  " more: [dhcp] router-advertisement = yes." },
	{ "loader-missing", is_loader_missing, WHY_FAILED, BOOTED,
	  "@{host} asked for the loader @{file}, and there is no such file here.",
	  "Put it into [tftp] loaders (Debian's package ipxe has them), or let a [quirk] name another;"
	  " `muster doctor` lists what is missing." },
	{ "loader-aborted", is_loader_aborted, WHY_FAILED, BOOTED,
	  "@{host} broke off reading its loader @{loader}@{then}.",
	  "A bad link, or firmware that cannot take a file of that size by this way: a [quirk] with"
	  " transport = tftp, or another loader." },
	{ "tftp-blocked", is_tftp_blocked, WHY_FAILED, BOOTED,
	  "@{host} asked again and again for its loader @{loader} by TFTP and never got it@{then}.",
	  "TFTP answers come from another port than 69: a firewall between lets the request pass and"
	  " not the data. Or an MTU below 1500: PXE-E32." },
	{ "secure-boot", is_secure_boot, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "UEFI on @{host} read @{loader} and did not start it@{then}: as Secure Boot does with a loader"
	  " that it has no key for.",
	  "Switch Secure Boot off, or enrol the site's key and boot the signed agent.efi by HTTP;"
	  " SECURITY.md says what that protects." },
	{ "agent-efi-silent", is_agent_efi_silent, WHY_FAILED, BOOTED,
	  "UEFI on @{host} read @{loader}, and its agent never spoke@{then}: Secure Boot refused it, or its"
	  " Linux has no driver for the network card.",
	  "Look at its screen: 'Access Denied' or 'Security Violation' is Secure Boot, which starts what the"
	  " site's key signed once that is enrolled (SECURITY.md), or switch it off; else kernel messages say"
	  " what is missing." },
	{ "loader-dead", is_loader_dead, WHY_FAILED, BOOTED,
	  "@{host} read its loader @{loader}, and it never spoke@{then}.",
	  "Its card's driver may fail in it: muster tries the next loader at the next boot, or a [quirk]"
	  " names one. UEFI with Secure Boot on refuses what is not signed." },
	{ "loader-not-asked", is_loader_not_asked, WHY_FAILED, BOOTED,
	  "@{host} took its address @{addr} and never asked for its loader @{loader}@{then}.",
	  "PXE-E53 or E32 on its screen: a firewall before UDP 69, or firmware that wants the file named"
	  " in another form: a [quirk] with boot-file, pxe-option-43 or another loader." },
	{ "agent-not-asked", is_agent_not_asked, WHY_FAILED, BOOTED,
	  "@{host} was given its script, and never asked for the agent's kernel@{then}.",
	  "iPXE's own screen names the error. Debian's iPXE has no https; a name in [http] url needs a"
	  " DNS server that the host is told." },
	{ "agent-cut-short", is_agent_partial, WHY_FAILED, BOOTED,
	  "@{host} broke off while it loaded the agent (@{file})@{then}.",
	  "A bad link, an MTU that does not fit, or a card that loses packets: [http] pace slows the"
	  " server down for it." },
	{ "agent-silent", is_agent_silent, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "@{host} loaded the agent's kernel and ramdisk, and the agent never spoke@{then}.",
	  "The kernel died early, has no driver for the card or got no address (spanning tree: set the port"
	  " to edge): look at the console (console= in the agent's arguments); it needs 512 MiB of"
	  " memory." },
	{ "agent-died", is_agent_dead, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "The agent of @{host} reported, and then stopped@{then}.",
	  "Look at its console. The machine may have been switched off, or lost its link." },
	{ "image-stalled", is_image_stalled, WHY_FAILED, BOOTED | SHOW_IMAGE,
	  "@{host} stopped in the middle of fetching @{image}, at @{percent}@{then}.",
	  "The link went away or the machine was switched off: look at its switch port; its console shows"
	  " what the agent saw." },
	{ "verified-silent", is_verified_silent, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "@{host} has verified @{image}, and did not hand over@{then}.",
	  "Look at its console: it may have run out of memory while it put the initrd together." },
	{ "hypervisor-silent", is_hypervisor_silent, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "@{host} was handed over to @{image}, which never reported@{then}.",
	  "It hangs, or its network did not come up: look at its console (interface renamed? driver in"
	  " the image? bridge? /etc/muster/boot.json lost?). `muster image list` has the release before." },
	{ "failed", is_other_failure, WHY_FAILED, BOOTED | SHOW_MACHINE,
	  "@{host} did not boot: @{said}.",
	  "muster host timeline @{host} shows how far it came; its console has the rest." },
	{ "unclear", is_anything, WHY_UNKNOWN, SHOW_HEARD | SHOW_LINKS,
	  "@{host} has been heard, and no boot has come of it yet.",
	  "Wait a minute and ask again: muster events -f." },
};
/* clang-format on */

const size_t n_why_rules = ARRAY_LEN(why_rules);
