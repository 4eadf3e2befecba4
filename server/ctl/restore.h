/*
 * restore.h: what is in a backup, taken out and checked. Functions return enum ctl_exit and have
 * said why when it is not CTL_OK.
 */
#ifndef MUSTER_SERVER_CTL_RESTORE_H
#define MUSTER_SERVER_CTL_RESTORE_H

#include <limits.h>
#include <pwd.h>
#include <stdbool.h>

#include "images/json.h"
#include "server/ctl/medium.h"

struct backup_file {
	const char *file; /* borrowed */
	struct medium m;
	struct json *about; /* backup.json */
	struct json *held;  /* what the database has; after backup_unpack */
	bool has_key;	    /* the site's private one */
	bool any_audit; /* its audit log may be damaged: the caller's to set, after backup_open */
};

/* Its seal, its names, and backup.json. End it with backup_fini, also after a failure. */
int backup_open(const char *file, struct backup_file *b);
void backup_fini(struct backup_file *b);

/*
 * All files into a folder that is there and empty; their digests, and the database, as that user
 * (NULL: as whoever calls).
 */
int backup_unpack(struct backup_file *b, const char *dir, const struct passwd *user);

/* Call fn for each file of an image: its image's name and version, and itself. */
void backup_image_files(const struct backup_file *b,
	void (*fn)(void *arg, const struct json *image, const struct json *file), void *arg);

/* ---- restore_place.c: where it goes ---- */

/* Remove a folder with all that is in it. */
void place_remove(const char *dir);

struct place {
	char state[PATH_MAX], fresh[PATH_MAX]; /* its place; where the new one is made */
	char config[PATH_MAX];		       /* muster.conf; "" = it is left alone */
	char stamp[32];			       /* of what is kept aside */
	bool replace;
	const struct passwd *user; /* whose it will be; NULL: the caller's */
	int lock, fresh_lock;
	char state_kept[PATH_MAX]; /* what was there is called that now; "": nothing was */
	bool config_put;	   /* it was not there, or another one */
	bool has_key;		   /* the site's private one is there, from wherever */
};

/* May it be made there? The folder `fresh` is made. */
int place_open(struct place *p);
/* Put it in its place, in steps each of which leaves the old or the new. */
int place_put(struct place *p, const struct backup_file *b);
void place_close(struct place *p); /* what is not in its place is removed */

#endif
