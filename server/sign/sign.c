#include "server/sign/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/digest.h"
#include "images/minisig.h"
#include "images/order.h"
#include "images/ticket.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/server.h"

/* ---- the key ---- */

static int write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	size_t n = strlen(text);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != (ssize_t)n || fsync(fd) < 0)
		rc = errno ? -errno : -EIO;
	close(fd);
	return rc;
}

/* The public half first: a crash between the two leaves no key that nobody knows. */
static int make_key(const char *dir, const char *key_path)
{
	struct minisig_secret sec;
	struct minisig_public pub;
	char pub_path[512], text[MINISIG_TEXT_MAX];
	int rc;

	minisig_generate(&sec, &pub);
	snprintf(pub_path, sizeof pub_path, "%s/site.pub", dir);
	minisig_public_print(&pub, text);
	rc = write_file(pub_path, text, 0644);
	minisig_secret_print(&sec, text);
	if (!rc)
		rc = write_file(key_path, text, 0600);
	minisig_wipe(&sec);
	explicit_bzero(text, sizeof text);
	return rc;
}

int sign_key_open(const char *dir)
{
	char path[512];
	int fd, rc = minisig_init();

	if (rc < 0)
		return rc;
	snprintf(path, sizeof path, "%s/site.key", dir);
	if (access(path, F_OK) < 0) {
		rc = make_key(dir, path);
		if (rc < 0)
			return rc;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_key(int fd, struct minisig_secret *key)
{
	char text[MINISIG_TEXT_MAX];
	ssize_t n = pread(fd, text, sizeof text, 0);
	int rc = n < 0 ? -errno : minisig_secret_parse(text, (size_t)n, key);

	explicit_bzero(text, sizeof text);
	return rc;
}

/* ---- tickets and orders ---- */

static int print_ticket(const struct sign_request *q, const char *nonce, char *out, size_t size)
{
	struct ticket t = { .boot = q->boot, .issued_s = q->issued_s, .ttl_s = TICKET_TTL_S };

	if (!msg_text_ok(q->args, sizeof q->args) || !extra_args_ok(q->args) ||
		q->extra_len > EXTRA_MAX)
		return -EINVAL;
	memcpy(t.nonce, nonce, sizeof t.nonce);
	memcpy(t.manifest.b, q->manifest, sizeof t.manifest.b);
	memcpy(t.host, q->host, sizeof t.host);
	t.extra_len = q->extra_len;
	memcpy(t.extra.b, q->extra, sizeof t.extra.b);
	memcpy(t.args, q->args, sizeof t.args);
	return ticket_print(&t, out, size);
}

static int print_order(const struct sign_request *q, const char *nonce, char *out, size_t size)
{
	struct order o = { .boot = q->boot, .issued_s = q->issued_s, .ttl_s = ORDER_TTL_S };

	memcpy(o.nonce, nonce, sizeof o.nonce);
	memcpy(o.host, q->host, sizeof o.host);
	return order_print(&o, out, size);
}

/* The comment is for who looks at a recorded one: the type in the text is what counts. */
static const struct {
	int (*print)(const struct sign_request *q, const char *nonce, char *out, size_t size);
	const char *comment;
} kinds[SIGN_KINDS] = {
	[SIGN_TICKET] = { print_ticket, "muster boot ticket" },
	[SIGN_ORDER] = { print_order, "muster order" },
};

int sign_print(const struct sign_request *q, char *out, size_t size)
{
	struct digest nonce;
	char hex[DIGEST_HEX];
	int n;

	if (q->kind >= SIGN_KINDS || !msg_text_ok(q->host, sizeof q->host) ||
		!strict_name_ok(q->host))
		return -EINVAL;
	memcpy(nonce.b, q->nonce, sizeof nonce.b);
	digest_hex(&nonce, hex);
	n = kinds[q->kind].print(q, hex, out, size);
	return n < 0 ? -EINVAL : n;
}

struct sign {
	int fd;
	struct minisig_secret key;
	struct loop *loop;
};

static void answer(struct sign *sg, uint64_t id, const struct sign_request *q)
{
	struct sign_answer a = { 0 };
	char sig[MINISIG_TEXT_MAX];
	int n = sign_print(q, a.text, sizeof a.text);
	int rc = n < 0 ? n : minisig_sign(&sg->key, a.text, (size_t)n, kinds[q->kind].comment, sig);

	if (!rc && strlen(sig) >= sizeof a.minisig)
		rc = -EINVAL;
	if (rc < 0) {
		a.error = (uint32_t)-rc;
	} else {
		a.text_len = (uint32_t)n;
		a.minisig_len = (uint32_t)strlen(sig);
		memcpy(a.minisig, sig, a.minisig_len);
	}
	/* When core does not keep up it asks again; nothing is lost. */
	msg_send(sg->fd, MSG_SIGN_ANSWER, id, &a, sizeof a, NULL, 0);
}

static void on_core(void *arg, uint32_t events)
{
	static _Alignas(8) uint8_t buf[MSG_MAX];
	struct sign *sg = arg;
	struct msg_head head;
	const void *body;
	int rc;

	(void)events;
	while ((rc = msg_recv(sg->fd, buf, &head, &body)) != 0) {
		const struct sign_request *q;

		if (rc == -EPIPE) {
			loop_stop(sg->loop);
			return;
		}
		if (rc < 0 || head.type != MSG_SIGN_REQUEST)
			continue;
		q = msg_fixed(&head, body, sizeof *q, 1);
		if (q)
			answer(sg, head.id, q);
	}
}

int sign_main(const struct server *s)
{
	struct sign sg = { .fd = s->role_side[LINK_SIGN] };
	int rc = minisig_init();

	if (!rc)
		rc = read_key(s->site_key, &sg.key);
	if (rc < 0) {
		log_error("site key: %s", strerror(-rc));
		return 78;
	}
	close(s->site_key);
	rc = loop_new(&sg.loop);
	if (!rc)
		rc = loop_watch(sg.loop, sg.fd, EPOLLIN, on_core, &sg);
	if (!rc)
		rc = msg_send(sg.fd, MSG_HELLO, 0, NULL, 0, NULL, 0);
	if (!rc)
		rc = loop_run(sg.loop);
	minisig_wipe(&sg.key);
	return rc < 0;
}
