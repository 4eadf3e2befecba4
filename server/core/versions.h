/*
 * versions.h: changes of which version hosts run, each with its line in the log of images: what
 * imports make current, and what people say. Inside of core_write.
 *
 * A channel of an image that names another manifest than before makes that one current, also when
 * the manifest comes after it. Where no channel was signed, an import that is newer than all that
 * is here does. Neither a channel that only lasts longer nor the same image once more undoes a
 * rollback.
 */
#ifndef MUSTER_SERVER_CORE_VERSIONS_H
#define MUSTER_SERVER_CORE_VERSIONS_H

#include "server/core/api.h"

/* This image is here now; is_new: it was not before. hold: what is current stays. */
void versions_imported(struct call *k, const struct digest *manifest, bool is_new, bool hold);

/* Store the channel, whose former text is `before`, or NULL. hold: what is current stays. */
void versions_channel(struct call *k, const struct store_channel *before,
	const struct store_channel *ch, const struct store_sig *sigs, size_t n_sigs, bool hold);
/* Could what is current stay, by that channel? Else the answer is made. */
bool versions_may_hold(struct call *k, const struct channel *ch);

/* `what`: "current" or "rollback"; `from` may be NULL. */
void versions_set_current(struct call *k, const char *what, const struct store_image *from,
	const struct store_image *to, const char *why);

/* By whoever began the rollout, who need not be there any more: a line of the log; its version is
 * current; a host stays at a version. */
void versions_rollout(
	struct core *c, const struct store_rollout *r, const char *what, const char *why);
void versions_rolled_out(struct core *c, const struct store_rollout *r, const char *why);
void versions_keep(struct core *c, const struct store_rollout *r, const struct store_host *h,
	const struct store_image *image, const char *why);

/* Pins of a host: `from` is the one that it has, or NULL. */
void versions_pin(struct call *k, const struct store_host *h, const struct store_image *from,
	const struct store_image *to, const char *why);
void versions_unpin(struct call *k, const struct store_host *h, const struct store_image *from,
	const char *why);
/* All pins but those of the image `except`, or NULL, and of the agent; NULL: of the agent, too. */
void versions_unpin_all(
	struct call *k, const struct store_host *h, const char *except, const char *why);

/* May hosts run it, by that channel, which is NULL where none was signed? Else the answer is made.
 */
bool versions_may(struct call *k, const struct channel *ch, const struct store_image *image);

/* Why, as `reason` of the body says; "" where it says nothing. Returns out. */
#define VERSIONS_WHY_MAX 256
const char *versions_why(struct call *k, char out[VERSIONS_WHY_MAX]);

/* {"image", "version", "release", "channel", "manifest"} or null, as a member of an object. */
void versions_json(struct jw *w, const char *key, const struct store_image *image);

/* What is current of an image, and its channels. */
void versions_forget(struct call *k, const char *name);
void versions_rm(struct call *k, const struct store_image *image, const char *why);

#endif
