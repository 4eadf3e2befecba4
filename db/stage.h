/*
 * stage.h: the stages of a boot, in order; the vocabulary of database, API, command line and
 * metrics. Pure.
 */
#ifndef MUSTER_DB_STAGE_H
#define MUSTER_DB_STAGE_H

enum boot_stage {
	STAGE_DISCOVER, /* the firmware's DHCP DISCOVER came */
	STAGE_OFFER,	/* an address and a loader, or boot data alone, were offered */
	STAGE_LEASE,	/* the REQUEST was acknowledged */
	STAGE_LOADER,	/* the boot loader, or the agent as an EFI file, was read */
	STAGE_SCRIPT,	/* iPXE asked for its script */
	STAGE_AGENT,	/* the agent was loaded, runs, and has posted its facts */
	STAGE_IMAGE,	/* the image is chosen and moves */
	STAGE_VERIFY,	/* signatures and digests are good */
	STAGE_HANDOFF,	/* the agent is about to start it */
	STAGE_UP,	/* the hypervisor itself has reported */
	STAGE_FAILED,
	STAGES
};

enum boot_state {
	BOOT_OPEN,
	BOOT_UP,
	BOOT_FAILED,
	BOOT_OVER, /* handed over to what does not report, and started over since */
};

/* What a boot waits for that is none of its own work. */
enum boot_wait {
	BOOT_WAITS_NOT,
	BOOT_WAITS_APPROVAL, /* for somebody to let the host in */
	BOOT_WAITS_IMAGE,    /* for somebody to assign or import what it shall boot */
	BOOT_WAITS_TURN,     /* for its place among those that fetch images */
	BOOT_WAITS
};

const char *boot_stage_name(enum boot_stage stage);
/* 0, or -EINVAL for another word. */
int boot_stage_parse(const char *name, enum boot_stage *out);

#endif
