/*
 * profile.h: what a host is told beside its image: a profile's kernel arguments and files with the
 * host's values filled in, and the archive that brings them to it (images/extra.h).
 */
#ifndef MUSTER_SERVER_CORE_PROFILE_H
#define MUSTER_SERVER_CORE_PROFILE_H

#include "images/extra.h"
#include "server/core/core.h"
#include "server/core/values.h"

#define PROFILE_TEXT_MAX (32 * 1024) /* bytes of a profile's files, also when they are filled */
#define PROFILE_WHY_MAX	 300

/* Is all of it what may be told to a host, as far as that is known without one? 0, or -EINVAL with
 * one sentence. Pure. */
int profile_check(const struct store_profile *p, char why[PROFILE_WHY_MAX]);

struct profile_told {
	char args[EXTRA_ARGS_MAX];
	size_t n;
	struct {
		const char *path; /* the profile's */
		unsigned mode;
		char *text; /* allocated */
	} files[EXTRA_FILES_MAX];
};

/*
 * Fill the values in. 0 with *out to be ended by profile_told_fini; -ENOMEM; -EINVAL with one
 * sentence about the host of that name: a value is missing, or does not go where it is wanted. Pure
 * but for memory.
 */
int profile_fill(const struct store_profile *p, const struct values *v, const char *host,
	struct profile_told *out, char why[PROFILE_WHY_MAX]);
void profile_told_fini(struct profile_told *t); /* accepts a zeroed one */

/* The archive: the same for the same files. Its length; 0 when EXTRA_MAX bytes do not hold it. */
size_t profile_archive(const struct profile_told *t, uint8_t out[EXTRA_MAX]);

/* ---- with the store ---- */

/* The host's profile by now, its own or a rule's: true with *out to be ended. */
bool profile_of(struct core *c, const struct store_host *h, struct store_profile *out);

/* That of profile_fill for the host as it is: 1; 0: it has none; or profile_fill's errors. */
struct profile_made {
	char name[MANIFEST_NAME_MAX];
	char args[EXTRA_ARGS_MAX];
	size_t len;
	struct digest digest;
	uint8_t archive[EXTRA_MAX];
};
int profile_make(struct core *c, const struct store_host *h, struct profile_made *out,
	char why[PROFILE_WHY_MAX]);

#endif
