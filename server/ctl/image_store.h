/*
 * image_store.h: the server's blobs as they lie on its disk.
 */
#ifndef MUSTER_SERVER_CTL_IMAGE_STORE_H
#define MUSTER_SERVER_CTL_IMAGE_STORE_H

#include "server/ctl/ctl.h"

/* Have every blob read through that something names, and say which are bad. An exit code. */
int image_store_verify(struct ctl *c);

#endif
