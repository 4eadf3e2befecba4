#include "agent/hypervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/api.h"
#include "agent/down.h"
#include "agent/facts.h"
#include "agent/file.h"
#include "agent/guest.h"
#include "agent/handoff.h"
#include "agent/net.h"
#include "agent/order.h"
#include "agent/pace.h"
#include "agent/run.h"
#include "agent/screen.h"

#define BOOT_JSON     "/etc/muster/boot.json"
#define BOOT_NIC      "/etc/muster/boot-nic"
#define UP_MARK	      NET_RUN_DIR "/up"
#define BOOT_JSON_MAX 8192
#define HEARTBEAT_MS  30000

struct told {
	char url[URL_MAX], boot_mac[18], nonce[GUEST_NONCE_LEN + 1];
	char session[65], host[64], image[64], version[64];
};

static void copy(char *out, size_t size, const struct json *doc, const char *key)
{
	snprintf(out, size, "%s", json_get_str(doc, key, ""));
}

/* What the server told this boot by way of the agent. 0 or -EBADMSG. */
static int read_told(struct told *t, struct fault *fault)
{
	char text[BOOT_JSON_MAX], err[80];
	ssize_t len = file_read(BOOT_JSON, text, sizeof text);
	struct json *doc = len > 0 ? json_read(text, (size_t)len, err, sizeof err) : NULL;
	int rc = cmdline_url(json_get_str(doc, "url", ""), t->url);

	copy(t->nonce, sizeof t->nonce, doc, "nonce");
	copy(t->session, sizeof t->session, doc, "session");
	copy(t->host, sizeof t->host, doc, "host");
	copy(t->image, sizeof t->image, doc, "image");
	copy(t->version, sizeof t->version, doc, "version");
	json_free(doc);
	file_text(BOOT_NIC, t->boot_mac, sizeof t->boot_mac);
	if (rc == 0 && guest_nonce_ok(t->nonce))
		return 0;
	return fault_set(fault, -EBADMSG, "up", "boot-json",
		"%s is missing or says nothing of server and nonce.", BOOT_JSON);
}

static double read_number(const char *path)
{
	char text[64];

	file_text(path, text, sizeof text);
	return strtod(text, NULL);
}

static int report_up(
	struct api *a, const struct told *t, const struct orders *orders, struct fault *fault)
{
	struct guest_proof p;
	struct facts f;
	struct utsname u = { 0 };
	struct api_up up = { 0 };
	int rc;

	facts_read("", "", &f);
	rc = guest_prove(t->nonce, f.cpu_virt, &p, fault);
	if (rc < 0)
		return rc;
	screen_say("a guest ran on %s (%s) and said: %s", p.version, p.accelerator, p.line);
	uname(&u);
	up.nonce = p.nonce;
	up.guest = p.line;
	up.guest_ms = p.ms;
	up.hypervisor = p.hypervisor;
	up.version = p.version;
	up.kernel = u.release;
	up.accelerator = p.accelerator;
	up.detail = p.detail;
	up.uptime_s = read_number("/proc/uptime");
	up.orders = orders->ticket.host;
	return api_up(a, &up, fault);
}

/* What is signed for this very heartbeat is done; what is not is told. A late one comes again. */
static void take_order(struct api *a, const struct orders *orders, const struct api_order *order)
{
	struct fault f = { 0 };
	char why[sizeof f.code + sizeof f.message + 4];

	if (orders_judge(orders, order->text, order->sig, &f) < 0) {
		screen_say("an order of the server's is not obeyed: %s", f.message);
		snprintf(why, sizeof why, "%s: %s", f.code, f.message);
		if (strcmp(f.code, verdict_code(VERDICT_ORDER_LATE)) != 0)
			api_order_end(a, why);
		return;
	}
	screen_say("the server says that this host shall start anew");
	api_order_end(a, NULL);
	down_reboot();
}

/* A server that is away, or has forgotten us, is no reason to stop a hypervisor. */
static void beat(struct api *a, const struct told *t, struct orders *orders, struct net *net)
{
	struct fault f = { 0 };
	struct api_order order;
	int rc, said = 0;

	for (;;) {
		struct api_beat b = { 0 };

		pace_sleep_ms(HEARTBEAT_MS);
		if (!run_alive(net->udhcpc) && net_up(t->boot_mac, 0, net, &f) < 0)
			continue;
		b.uptime_s = read_number("/proc/uptime");
		b.load1 = read_number("/proc/loadavg");
		b.guests = guest_count();
		if (orders->n_site && nonce_make(&orders->nonce) == 0)
			b.nonce = orders->nonce.hex;
		rc = api_heartbeat(a, &b, &order, &f);
		if (rc < 0 && rc != said)
			screen_say("heartbeat: %s", f.message);
		said = rc;
		if (rc == 0 && order.text[0] && b.nonce)
			take_order(a, orders, &order);
	}
}

/* Prove once in a boot, however often init has to start us. */
static int come_up(
	struct api *a, const struct told *t, const struct orders *orders, struct fault *fault)
{
	int rc;

	if (access(UP_MARK, F_OK) == 0)
		return 0;
	rc = report_up(a, t, orders, fault);
	if (rc < 0) {
		fault->stage = "up"; /* also when it is the server that refused */
		return rc;
	}
	file_write(UP_MARK, "", 0, 0644);
	screen_say("host %s is up: %s %s", t->host, t->image, t->version);
	return 0;
}

int hypervisor_run(unsigned *reboot_s, struct fault *fault)
{
	struct told t = { 0 };
	struct orders orders = { 0 };
	struct net net = { 0 };
	struct api api = { 0 };
	int rc = read_told(&t, fault);

	if (rc == 0)
		rc = net_up(t.boot_mac, 0, &net, fault);
	if (rc == 0)
		rc = api_open(t.url, &api, fault);
	if (rc < 0)
		return rc;
	snprintf(api.who.session, sizeof api.who.session, "%s", t.session);
	if (orders_open(HANDOFF_TICKET, TRUST_DIR, &orders, fault) < 0)
		screen_say("this hypervisor takes no orders: %s", fault->message);
	rc = come_up(&api, &t, &orders, fault);
	if (rc == 0)
		beat(&api, &t, &orders, &net);
	api_failed(&api, fault, reboot_s);
	api_close(&api);
	return rc;
}
