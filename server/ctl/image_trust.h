/*
 * image_trust.h: give the server a channel or roots, which it checks itself, and so does every
 * host: nothing here is believed.
 *
 * Functions return enum ctl_exit and have said why when it is not CTL_OK.
 */
#ifndef MUSTER_SERVER_CTL_IMAGE_TRUST_H
#define MUSTER_SERVER_CTL_IMAGE_TRUST_H

#include <stdbool.h>

struct ctl;

/* hold: what is current stays so. */
int import_channel(struct ctl *c, const char *dir, const char *file, bool hold, const char *reason);

/* The channel that lies beside an image: where the server has a newer one, that stays. */
int import_channel_beside(
	struct ctl *c, const char *dir, const char *file, bool hold, const char *reason);

/* Those roots of the folder that the server does not have yet. */
int import_roots(struct ctl *c, const char *dir);

#endif
