#include "agent/memfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/file.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int memfile_new(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 ? -errno : fd;
}

int memfile_seal_take(int fd)
{
	char path[32];
	int rc;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	rc = fcntl(fd, F_ADD_SEALS, SEALS);
	if (rc == 0)
		rc = open(path, O_RDONLY | O_CLOEXEC);
	if (rc < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int memfile_append(int to, int from)
{
	static const char zeros[4];
	struct stat st;
	off_t at = 0;

	if (fstat(from, &st) < 0)
		return -errno;
	while (at < st.st_size) {
		ssize_t n = sendfile(to, from, &at, (size_t)(st.st_size - at));

		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
	}
	return file_put(to, zeros, (size_t)(-st.st_size & 3));
}
