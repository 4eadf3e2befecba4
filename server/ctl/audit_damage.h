/* audit_damage.h: what is wrong with the server's audit log. */
#ifndef MUSTER_SERVER_CTL_AUDIT_DAMAGE_H
#define MUSTER_SERVER_CTL_AUDIT_DAMAGE_H

#include <stddef.h>

#include "server/ctl/client.h"

/* "row 51 of the audit log: ...", or "": it is whole, or whoever asks may not know. An exit code.
 */
int audit_damage(struct ctl *c, char *out, size_t size);

#endif
