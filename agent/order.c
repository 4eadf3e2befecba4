#include "agent/order.h"

#include <errno.h>
#include <string.h>

#include "agent/file.h"
#include "agent/verify.h"

int orders_open(const char *ticket, const char *trust_dir, struct orders *out, struct fault *fault)
{
	struct orders o = { 0 };
	char text[TICKET_MAX + 2], err[160];
	ssize_t len = file_read(ticket, text, sizeof text);

	if (minisig_init() < 0)
		return fault_set(fault, -ENOKEY, "up", "trust", "libsodium does not start.");
	if (len < 0 || ticket_parse(text, (size_t)len, &o.ticket, err, sizeof err) < 0)
		return fault_set(fault, -ENOKEY, "up", "trust",
			"%.100s is missing or no ticket: which boot this is nobody can know.",
			ticket);
	if (trust_site(trust_dir, o.site, &o.n_site, fault) < 0)
		return -ENOKEY;
	*out = o;
	return 0;
}

int orders_judge(const struct orders *o, const char *text, const char *sig, struct fault *fault)
{
	const struct signed_text t = {
		.text = text, .len = strlen(text), .sigs = { { sig, strlen(sig) } }, .n_sigs = 1
	};
	const struct ticket_want want = { o->nonce.hex, o->ticket.host, o->ticket.boot,
		nonce_age_s(&o->nonce) };
	char err[JUDGE_ERR_MAX];
	struct order order;

	return verify_verdict(judge_order(o->site, o->n_site, &t, &want, &order, err), err, fault);
}
