#include "server/msg.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

int msg_send(int fd, enum msg_type type, uint64_t id, const void *a, size_t a_len, const void *b,
	size_t b_len)
{
	struct msg_head head = { .type = type, .len = (uint32_t)(a_len + b_len), .id = id };
	struct iovec iov[3] = {
		{ &head, sizeof head },
		/* iovec is not const-correct; sendmsg only reads */
		{ (void *)(uintptr_t)a, a_len },
		{ (void *)(uintptr_t)b, b_len },
	};
	const struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 3 };

	if (a_len > MSG_MAX - sizeof head || b_len > MSG_MAX - sizeof head - a_len)
		return -EMSGSIZE;
	if (sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EWOULDBLOCK || errno == ENOBUFS)
		return -EAGAIN;
	return -errno;
}

int msg_recv(int fd, void *buf, struct msg_head *head, const void **body)
{
	ssize_t n;

	do {
		n = recv(fd, buf, MSG_MAX, MSG_DONTWAIT | MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	if (n > MSG_MAX || (size_t)n < sizeof *head)
		return -EBADMSG;
	memcpy(head, buf, sizeof *head);
	if (head->len != (size_t)n - sizeof *head || head->type == 0 || head->type >= MSG_TYPES)
		return -EBADMSG;
	*body = (const uint8_t *)buf + sizeof *head;
	return 1;
}

const void *msg_fixed(const struct msg_head *head, const void *body, size_t size, int exact)
{
	if (head->len < size || (exact && head->len != size))
		return NULL;
	return body;
}

int msg_text_ok(const char *s, size_t size)
{
	return memchr(s, 0, size) != NULL;
}
