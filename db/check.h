/*
 * check.h: is a file a database of ours that is whole, and what is in it? For a copy that a server
 * is to begin with.
 */
#ifndef MUSTER_DB_CHECK_H
#define MUSTER_DB_CHECK_H

#include <stddef.h>

/*
 * SQLite's own check, the schema, and the chain of the audit log. 0 with *json to free(): how many
 * rows there are of what, the files of images, and as "audit_damage" what is wrong with the audit
 * log (null: nothing), which is for people to judge. -EBADMSG when it is not good, -ENOMEM; one
 * sentence in err. The file is read only.
 */
int check_database(const char *file, char **json, char *err, size_t err_size);

#endif
