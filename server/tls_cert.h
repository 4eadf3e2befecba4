/*
 * tls_cert.h: what a TLS certificate says of itself. The only module beside images/digest.c that
 * includes OpenSSL's headers.
 */
#ifndef MUSTER_SERVER_TLS_CERT_H
#define MUSTER_SERVER_TLS_CERT_H

#include <stdint.h>

/*
 * When the first certificate of a PEM file expires, seconds since 1970. The descriptor's offset is
 * left alone. 0, or -EBADMSG: there is none in it, -errno.
 */
int tls_cert_expires(int fd, int64_t *expires_s);

#endif
