/*
 * key.h: where `muster` keeps signing keys, and reading them. A key is NAME.key (secret, 0600) and
 * NAME.pub in the key folder: --dir, else $MUSTER_KEYS, else ~/.config/muster/keys. It belongs on
 * the administrator's machine, not on the server.
 *
 * Wherever a key is asked for, a path of a file or the NAME of a key in that folder will do.
 * Functions return enum ctl_exit and have said why when it is not CTL_OK.
 */
#ifndef MUSTER_SERVER_CTL_KEY_H
#define MUSTER_SERVER_CTL_KEY_H

#include <limits.h>
#include <stddef.h>

#include "images/minisig.h"

int key_read_secret(const char *arg, struct minisig_secret *out); /* minisig_wipe it */
int key_read_public(const char *arg, struct minisig_public *out);

/* Make a folder and what is missing above it, for our eyes only. */
int key_make_dirs(const char *dir);

/* The key folder, and the files of the secret keys in it with ", " between them; "" when there are
 * none or nobody has such a folder. */
void key_secrets(char dir[PATH_MAX], char *names, size_t size);

#endif
