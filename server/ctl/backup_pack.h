/*
 * backup_pack.h: the file of a backup: bytes compressed by zstd, and behind them a seal, which is
 * the SHA-256 of all before it in a frame that zstd skips: whatever is cut off, added or flipped is
 * found before anything reads it. `tar --zstd` takes the file as it is.
 */
#ifndef MUSTER_SERVER_CTL_BACKUP_PACK_H
#define MUSTER_SERVER_CTL_BACKUP_PACK_H

#include <stddef.h>

struct pack;

/* Returns 0, -ENOMEM, or -errno of what was written to fd, which stays the caller's. */
int pack_open(int fd, struct pack **out);
int pack_write(struct pack *p, const void *bytes, size_t len);
/* The rest of it, the seal, and on the disk. Ends it, whatever it returns. */
int pack_close(struct pack *p);
void pack_free(struct pack *p); /* without an end; accepts NULL */

/* 0; -ENOENT: there is no seal; -EBADMSG: it is another one's; -errno. */
int pack_check(int fd);

#endif
