#include "server/tls_cert.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define PEM_MAX (64 * 1024)

int tls_cert_expires(int fd, int64_t *expires_s)
{
	char text[PEM_MAX];
	ssize_t n = pread(fd, text, sizeof text, 0);
	X509 *cert = NULL;
	struct tm tm;
	BIO *bio;
	int rc = -EBADMSG;

	if (n < 0)
		return -errno;
	bio = BIO_new_mem_buf(text, (int)n);
	if (bio)
		cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (cert && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1) {
		*expires_s = (int64_t)timegm(&tm);
		rc = 0;
	}
	X509_free(cert);
	BIO_free(bio);
	return rc;
}
