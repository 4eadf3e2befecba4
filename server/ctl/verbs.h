/*
 * verbs.h: the verbs of the `muster` command. The table in verbs.c is also the help: a new verb is
 * one declaration here and one row there.
 */
#ifndef MUSTER_SERVER_CTL_VERBS_H
#define MUSTER_SERVER_CTL_VERBS_H

#include <stddef.h>

#include "server/ctl/ctl.h"

struct verb {
	const char *noun; /* "host"; "" for verbs that stand alone, such as "status" */
	const char *name;
	verb_fn *fn;
	const char *args; /* as in "NAMES --for STAGE" */
	const char *help; /* one line */
	const char *more; /* options and examples, whole lines each ending in LF; or NULL */
};

extern const struct verb verbs[];
extern const size_t n_verbs;

verb_fn verb_setup, verb_status, verb_doctor, verb_support, verb_events, verb_simulate;
verb_fn verb_host_list, verb_host_show, verb_host_add, verb_host_set, verb_host_approve,
	verb_host_rm, verb_host_replace, verb_host_why, verb_host_diff, verb_host_timeline,
	verb_host_wait, verb_host_reboot;
verb_fn verb_waiting, verb_host_reject, verb_host_import, verb_export, verb_apply;
/* approve_csv.c: the part of verb_host_approve that goes by serial numbers. */
int host_approve_csv(struct ctl *c, const char *file, bool dry_run);
verb_fn verb_rule_list, verb_rule_add, verb_rule_set, verb_rule_move, verb_rule_rm, verb_rule_test;
verb_fn verb_profile_list, verb_profile_show, verb_profile_add, verb_profile_set, verb_profile_rm;
/* verb_profile.c: what a host would be told, with that profile or (NULL) its own. */
int profile_show_told(struct ctl *c, const char *host, const char *profile);
verb_fn verb_lease_list, verb_lease_show, verb_lease_release, verb_lease_import;

verb_fn verb_backup, verb_restore;
verb_fn verb_audit_list, verb_audit_verify;
verb_fn verb_token_create, verb_token_list, verb_token_revoke;

verb_fn verb_rollout_start, verb_rollout_status, verb_rollout_list, verb_rollout_pause,
	verb_rollout_resume, verb_rollout_abort;

/* key.c, key_root.c, key_sign.c: offline, no server needed. */
verb_fn verb_key_generate, verb_key_list, verb_key_show, verb_key_root, verb_key_rotate,
	verb_key_sign, verb_key_verify;
/* image_*.c: build, sign, verify and channel are offline. */
verb_fn verb_image_build, verb_image_sign, verb_image_verify, verb_image_gc, verb_image_import,
	verb_image_list, verb_image_show, verb_image_channel, verb_image_channels,
	verb_image_inspect, verb_image_log, verb_image_rollback, verb_image_pin, verb_image_rm;

/* image_media.c: `image build` with one of its options in a recipe's place. */
int image_media_wanted(int argc, char **argv);
verb_fn image_media_build;

#endif
