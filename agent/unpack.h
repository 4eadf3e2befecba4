/*
 * unpack.h: put the files of an initrd where the kernel would have put them: a "newc" cpio archive,
 * plain or packed with xz. The bytes have been verified before; they are checked all the same.
 * unpack.c is the only file that includes lzma.h.
 */
#ifndef MUSTER_AGENT_UNPACK_H
#define MUSTER_AGENT_UNPACK_H

/*
 * Unpack the file into the folder `root` (without a slash at its end; "" is /), over what is there.
 * Returns 0; -EBADMSG for bytes that are no such archive or leave the folder; -ENOTSUP for another
 * packer, hard links, or more than files, folders and symbolic links; or -errno. What was unpacked
 * before a failure stays.
 */
int unpack_initrd(int fd, const char *root);

#endif
