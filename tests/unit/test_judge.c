/*
 * test_judge.c: attacks on the signed files, one test for each kind of attack, all with real keys
 * and signatures; each must be refused with its own code.
 */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/judge.h"

#define NONCE	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PEOPLE	8
#define NOW_S	1763942400ULL
#define MONTH_S (30 * 86400ULL)
#define TEXT	4096

static struct minisig_secret person[PEOPLE]; /* release keys */
static struct minisig_public person_pub[PEOPLE];
static struct minisig_secret site;
static struct minisig_public site_pub;
static char err[JUDGE_ERR_MAX];

/* A file with the signatures that it has got so far. */
struct file {
	char text[TEXT];
	char sigs[QUORUM_SIGS_MAX][MINISIG_TEXT_MAX];
	struct signed_text t;
};

static void begin(struct file *f, int len)
{
	assert_true(len > 0 && len < TEXT);
	f->t = (struct signed_text){ .text = f->text, .len = (size_t)len };
}

static void sign_by(struct file *f, const struct minisig_secret *sec)
{
	size_t i = f->t.n_sigs++;

	assert_true(i < QUORUM_SIGS_MAX);
	assert_int_equal(minisig_sign(sec, f->t.text, f->t.len, "test", f->sigs[i]), 0);
	f->t.sigs[i] = (struct quorum_sig){ f->sigs[i], strlen(f->sigs[i]) };
}

/* who: people's numbers as digits, as in "012". */
static void sign_all(struct file *f, const char *who)
{
	for (; *who; who++)
		sign_by(f, &person[*who - '0']);
}

static void make_root(
	struct file *f, uint64_t version, size_t threshold, const char *keys, const char *signers)
{
	struct root r = {
		.version = version, .expires_s = NOW_S + MONTH_S, .threshold = threshold
	};

	for (; *keys; keys++) {
		snprintf(r.names[r.n_keys], sizeof r.names[0], "person%c", *keys);
		r.keys[r.n_keys++] = person_pub[*keys - '0'];
	}
	begin(f, root_print(&r, f->text, sizeof f->text));
	sign_all(f, signers);
}

static void make_manifest(struct file *f, const char *channel, uint64_t release, const char *who)
{
	struct manifest m = { .name = "kvm",
		.version = "1",
		.kind = IMAGE_LINUX,
		.release = release,
		.created_s = NOW_S - 9,
		.expires_s = NOW_S + MONTH_S,
		.args = "quiet",
		.n_files = 1,
		.files = { { .role = FILE_KERNEL, .name = "vmlinuz", .length = 1 } } };

	snprintf(m.channel, sizeof m.channel, "%s", channel);
	begin(f, manifest_print(&m, f->text, sizeof f->text));
	sign_all(f, who);
}

static struct digest digest_of(const struct file *f)
{
	struct digest d;

	assert_int_equal(digest_bytes(f->t.text, f->t.len, &d), 0);
	return d;
}

static void make_channel_from(struct file *f, const char *name, const struct file *manifest,
	uint64_t release, uint64_t floor, const char *who)
{
	struct channel ch = { .image = "kvm",
		.manifest = digest_of(manifest),
		.release = release,
		.floor = floor,
		.issued_s = NOW_S - 5,
		.expires_s = NOW_S + 3600 };

	snprintf(ch.name, sizeof ch.name, "%s", name);
	begin(f, channel_print(&ch, f->text, sizeof f->text));
	sign_all(f, who);
}

/* Without pins. */
static void make_channel(struct file *f, const char *name, const struct file *manifest,
	uint64_t release, const char *who)
{
	make_channel_from(f, name, manifest, release, release, who);
}

static void make_ticket(struct file *f, const struct file *manifest, const char *args)
{
	struct ticket t = { .nonce = NONCE,
		.host = "n01",
		.boot = 17,
		.manifest = digest_of(manifest),
		.issued_s = NOW_S,
		.ttl_s = 120 };

	if (args) { /* it is told something beside its image */
		t.extra_len = 1536;
		t.extra = t.manifest;
		snprintf(t.args, sizeof t.args, "%s", args);
	}
	begin(f, ticket_print(&t, f->text, sizeof f->text));
	sign_by(f, &site);
}

static void make_order(struct file *f)
{
	const struct order o = {
		.nonce = NONCE, .host = "n01", .boot = 17, .issued_s = NOW_S, .ttl_s = 120
	};

	begin(f, order_print(&o, f->text, sizeof f->text));
	sign_by(f, &site);
}

/* All that one boot needs, and an order to end it: 2 of the keys 0, 1, 2 must have signed. */
static struct world {
	struct file root, manifest, channel, ticket, told, order;
	struct root_walk walk;
	struct channel ch;
	struct digest want;
} w;

static const struct judge_clock good_clock = { .rtc_s = NOW_S, .ticket_s = NOW_S };

static int make_world(void **state)
{
	(void)state;
	assert_int_equal(minisig_init(), 0);
	minisig_generate(&site, &site_pub);
	for (size_t i = 0; i < PEOPLE; i++)
		minisig_generate(&person[i], &person_pub[i]);
	make_root(&w.root, 1, 2, "012", "02");
	make_manifest(&w.manifest, "stable", 7, "01");
	make_channel(&w.channel, "stable", &w.manifest, 7, "12");
	make_ticket(&w.ticket, &w.manifest, NULL);
	make_ticket(&w.told, &w.manifest, "quiet a=b");
	make_order(&w.order);
	w.want = digest_of(&w.manifest);
	assert_int_equal(judge_root_first(&w.root.t, &w.walk, err), VERDICT_GOOD);
	assert_int_equal(judge_channel(&w.walk.root, &w.channel.t, &w.ch, err), VERDICT_GOOD);
	return 0;
}

/* ---- one question for each kind of file ---- */

static enum verdict ask_root(const struct signed_text *t)
{
	struct root_walk walk;

	return judge_root_first(t, &walk, err);
}

static enum verdict ask_channel(const struct signed_text *t)
{
	struct channel ch;

	return judge_channel(&w.walk.root, t, &ch, err);
}

static enum verdict ask_manifest(const struct signed_text *t)
{
	struct manifest m;

	return judge_manifest(&w.walk.root, &w.ch, NULL, NOW_S, t, &m, err);
}

static enum verdict ask_ticket(const struct signed_text *t)
{
	const struct ticket_want want = { NONCE, "n01", 17, 120 };
	struct ticket out;

	return judge_ticket(&site_pub, 1, t, &want, &out, err);
}

static enum verdict ask_order(const struct signed_text *t)
{
	const struct ticket_want want = { NONCE, "n01", 17, 120 };
	struct order out;

	return judge_order(&site_pub, 1, t, &want, &out, err);
}

static void test_good(void **state)
{
	bool site_fresh = true;
	struct manifest m;
	uint64_t now_s;

	(void)state;
	assert_int_equal(judge_fresh(&w.walk.root, &w.ch, &good_clock, &now_s, &site_fresh, err),
		VERDICT_GOOD);
	assert_int_equal(now_s, NOW_S);
	assert_false(site_fresh);
	assert_int_equal(
		judge_manifest(&w.walk.root, &w.ch, &w.want, now_s, &w.manifest.t, &m, err),
		VERDICT_GOOD);
	assert_string_equal(m.name, "kvm");
	assert_int_equal(ask_ticket(&w.ticket.t), VERDICT_GOOD);
	assert_int_equal(ask_order(&w.order.t), VERDICT_GOOD);
}

/* ---- S01: every single bit ---- */

/*
 * Every bit of the text and of one of the two signatures that it needs (but for the untrusted
 * comment, which nobody signs or uses) is flipped; `want` is the only answer.
 */
static size_t flip_all(
	struct file *f, enum verdict (*ask)(const struct signed_text *t), enum verdict want)
{
	char *sig = strchr(f->sigs[0], '\n');
	size_t n = 0;

	assert_int_equal(ask(&f->t), VERDICT_GOOD);
	for (size_t bit = 0; bit < 8 * f->t.len; bit++, n++) {
		f->text[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(ask(&f->t), want);
		f->text[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * strlen(sig); bit++, n++) {
		sig[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(ask(&f->t), want);
		sig[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_int_equal(ask(&f->t), VERDICT_GOOD);
	return n;
}

static enum verdict ask_next(const struct signed_text *t)
{
	struct root_walk walk = w.walk;

	return judge_root_next(&walk, t, err);
}

static enum verdict ask_wanted(const struct signed_text *t)
{
	struct manifest m;

	return judge_manifest(&w.walk.root, &w.ch, &w.want, NOW_S, t, &m, err);
}

static void test_s01_flips(void **state)
{
	struct file next;
	size_t n = 0;

	(void)state;
	make_root(&next, 2, 2, "123", "123");
	sign_by(&next, &person[7]);
	next.t.n_sigs = 2; /* 1 and 2, of both roots */
	n += flip_all(&next, ask_next, VERDICT_ROOT_OLD_KEYS);
	n += flip_all(&w.channel, ask_channel, VERDICT_CHANNEL_SIGNATURE);
	n += flip_all(&w.manifest, ask_manifest, VERDICT_MANIFEST_SIGNATURE);
	n += flip_all(&w.ticket, ask_ticket, VERDICT_TICKET_SIGNATURE);
	n += flip_all(&w.told, ask_ticket, VERDICT_TICKET_SIGNATURE);
	n += flip_all(&w.order, ask_order, VERDICT_ORDER_SIGNATURE);
	for (size_t bit = 0; bit < 8 * w.manifest.t.len; bit++, n++) {
		w.manifest.text[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(ask_wanted(&w.manifest.t), VERDICT_MANIFEST_DIGEST);
		w.manifest.text[bit / 8] ^= (char)(1 << bit % 8);
	}
	print_message("%zu flips refused\n", n);
}

/* A first root is parsed before its own keys can be used: refused all the same. */
static void test_s01_first_root(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * w.root.t.len; bit++) {
		enum verdict v;

		w.root.text[bit / 8] ^= (char)(1 << bit % 8);
		v = ask_root(&w.root.t);
		assert_true(v == VERDICT_ROOT_MALFORMED || v == VERDICT_ROOT_NEW_KEYS);
		w.root.text[bit / 8] ^= (char)(1 << bit % 8);
	}
}

/* ---- S02: one person is one ---- */

static void test_s02_one_key_twice(void **state)
{
	struct minisig_secret again = person[0];
	struct minisig_public keys[3] = { person_pub[0], person_pub[0], person_pub[1] };
	struct file f;

	(void)state;
	/* the same signature twice, and two different ones by one key */
	make_channel(&f, "stable", &w.manifest, 7, "00");
	assert_int_equal(minisig_sign(&person[0], f.t.text, f.t.len, "other", f.sigs[1]), 0);
	f.t.sigs[1].len = strlen(f.sigs[1]);
	assert_string_not_equal(f.sigs[0], f.sigs[1]);
	assert_int_equal(ask_channel(&f.t), VERDICT_CHANNEL_SIGNATURE);
	/* under another id: the root does not have that id, ... */
	make_channel(&f, "stable", &w.manifest, 7, "0");
	again.id[0] ^= 1;
	sign_by(&f, &again);
	assert_int_equal(ask_channel(&f.t), VERDICT_CHANNEL_SIGNATURE);
	/* ... and a set of keys that had it would still count one */
	memcpy(keys[1].id, again.id, sizeof again.id);
	assert_true(
		minisig_verify(&keys[1], 1, f.t.text, f.t.len, f.sigs[1], strlen(f.sigs[1])) == 0);
	assert_int_equal(quorum_count(keys, 3, &f.t), 1);
	sign_by(&f, &person[1]);
	assert_int_equal(quorum_count(keys, 3, &f.t), 2);
	assert_int_equal(ask_channel(&f.t), VERDICT_GOOD);
	/* a bad one, a stranger's and one that is none take nothing away */
	make_channel(&f, "stable", &w.manifest, 7, "701");
	f.t.sigs[f.t.n_sigs++] = (struct quorum_sig){ "x", 1 };
	sign_by(&f, &person[2]);
	f.sigs[0][200] ^= 1;
	assert_int_equal(quorum_count(w.walk.root.keys, 3, &f.t), 3);
	/* nor do more files than are looked at count */
	f.t.n_sigs = QUORUM_SIGS_MAX + 1;
	assert_int_equal(quorum_count(w.walk.root.keys, 3, &f.t), 0);
}

static void test_s02_root(void **state)
{
	struct file f;
	struct root r = { .version = 1, .expires_s = NOW_S + 1, .threshold = 2, .n_keys = 2 };

	(void)state;
	strcpy(r.names[0], "ada");
	strcpy(r.names[1], "eve");
	r.keys[0] = r.keys[1] = person_pub[0];
	r.keys[1].id[0] ^= 1;
	begin(&f, root_print(&r, f.text, sizeof f.text));
	sign_all(&f, "0");
	assert_int_equal(ask_root(&f.t), VERDICT_ROOT_MALFORMED);
}

/* ---- S03: any signed file in any other slot ---- */

/* Signed by everybody, the site's key first, so that only what it is can be wrong. */
static void signed_by_all(const struct file *from, struct file *f)
{
	memcpy(f->text, from->text, sizeof f->text);
	begin(f, (int)from->t.len);
	sign_by(f, &site);
	sign_all(f, "012");
}

static void test_s03_other_slots(void **state)
{
	const struct file *kinds[] = { &w.root, &w.manifest, &w.channel, &w.ticket, &w.order };
	struct file f;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		signed_by_all(kinds[i], &f);
		print_message("%.24s...\n", strchr(f.text, '"'));
		if (kinds[i] != &w.root) {
			assert_int_equal(ask_root(&f.t), VERDICT_ROOT_MALFORMED);
			assert_int_equal(ask_next(&f.t), VERDICT_ROOT_MALFORMED);
		} else {
			assert_int_equal(ask_root(&f.t), VERDICT_GOOD);
		}
		assert_int_equal(ask_manifest(&f.t),
			kinds[i] == &w.manifest ? VERDICT_GOOD : VERDICT_MANIFEST_MALFORMED);
		assert_int_equal(ask_channel(&f.t),
			kinds[i] == &w.channel ? VERDICT_GOOD : VERDICT_CHANNEL_MALFORMED);
		assert_int_equal(ask_ticket(&f.t),
			kinds[i] == &w.ticket ? VERDICT_GOOD : VERDICT_TICKET_MALFORMED);
		assert_int_equal(ask_order(&f.t),
			kinds[i] == &w.order ? VERDICT_GOOD : VERDICT_ORDER_MALFORMED);
	}
}

/* ---- S04: root ---- */

static void test_s04_root(void **state)
{
	struct root_walk walk = w.walk;
	struct file f;

	(void)state;
	make_root(&f, 3, 2, "012", "01");
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_VERSION);
	make_root(&f, 1, 2, "012", "01");
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_VERSION);
	make_root(&f, 2, 2, "345", "034");
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_OLD_KEYS);
	assert_non_null(strstr(err, "1 of 2"));
	make_root(&f, 2, 2, "345", "013");
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_NEW_KEYS);
	make_root(&f, 2, 3, "012", "01"); /* its own, higher threshold */
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_NEW_KEYS);
	make_root(&f, 2, 1, "345", "3"); /* its own, lower one does not count for the old */
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_OLD_KEYS);
	f.t.len = STRICT_MAX + 1;
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_MALFORMED);
	f.t.len = 0;
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_MALFORMED);
	assert_memory_equal(&walk, &w.walk, sizeof walk);
	make_root(&f, 2, 2, "345", "0134");
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_GOOD);
	assert_int_equal(walk.root.version, 2);
}

static void test_s04_steps(void **state)
{
	struct root_walk walk = w.walk;
	struct file f;

	(void)state;
	for (uint64_t version = 2; version <= 1 + JUDGE_ROOT_STEPS; version++) {
		make_root(&f, version, 2, "012", "01");
		assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_GOOD);
	}
	make_root(&f, 2 + JUDGE_ROOT_STEPS, 2, "012", "01");
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_STEPS);
	assert_int_equal(walk.root.version, 33);
}

/* Only the last root's expiry counts. */
static void test_s04_expired(void **state)
{
	struct root old = w.walk.root;
	struct root_walk walk = { 0 };
	struct file f, next;
	bool site_fresh;
	uint64_t now_s;

	(void)state;
	old.expires_s = NOW_S;
	begin(&f, root_print(&old, f.text, sizeof f.text));
	sign_all(&f, "01");
	assert_int_equal(judge_root_first(&f.t, &walk, err), VERDICT_GOOD);
	assert_int_equal(judge_fresh(&walk.root, &w.ch, &good_clock, &now_s, &site_fresh, err),
		VERDICT_ROOT_EXPIRED);
	make_root(&next, 2, 2, "012", "01");
	assert_int_equal(judge_root_next(&walk, &next.t, err), VERDICT_GOOD);
	assert_int_equal(judge_fresh(&walk.root, &w.ch, &good_clock, &now_s, &site_fresh, err),
		VERDICT_GOOD);
}

/* ---- S05: an older release, S06: a recorded ticket ---- */

static void test_s05_rollback(void **state)
{
	struct file old, old_channel;
	struct digest old_digest;
	struct channel ch;
	struct manifest m;

	(void)state;
	make_manifest(&old, "stable", 6, "01");
	old_digest = digest_of(&old);
	/* a mirror gives it out in place of the new one */
	assert_int_equal(ask_wanted(&old.t), VERDICT_ROLLBACK);
	/* the server puts it into the ticket */
	assert_int_equal(judge_manifest(&w.walk.root, &w.ch, &old_digest, NOW_S, &old.t, &m, err),
		VERDICT_ROLLBACK);
	/* unsigned, it is nothing but other bytes */
	old.t.n_sigs = 1;
	assert_int_equal(ask_wanted(&old.t), VERDICT_MANIFEST_DIGEST);
	/* with the channel of its own day, until that expires */
	make_channel(&old_channel, "stable", &old, 6, "01");
	assert_int_equal(judge_channel(&w.walk.root, &old_channel.t, &ch, err), VERDICT_GOOD);
	assert_int_equal(judge_manifest(&w.walk.root, &ch, &w.want, NOW_S, &w.manifest.t, &m, err),
		VERDICT_MANIFEST_CURRENT);
	/* a channel that calls it newer than it is */
	make_channel(&old_channel, "stable", &w.manifest, 8, "01");
	assert_int_equal(judge_channel(&w.walk.root, &old_channel.t, &ch, err), VERDICT_GOOD);
	assert_int_equal(judge_manifest(&w.walk.root, &ch, &w.want, NOW_S, &w.manifest.t, &m, err),
		VERDICT_ROLLBACK);
}

/* The server may pin a host to an older release, but not below the floor. */
static void test_s05_pin(void **state)
{
	static const struct {
		uint64_t floor, release;
		const char *who;
		enum verdict want;
	} rows[] = {
		{ 7, 7, "01", VERDICT_MANIFEST_CURRENT }, /* another manifest of that release */
		{ 7, 6, "01", VERDICT_ROLLBACK },
		{ 6, 6, "01", VERDICT_GOOD },
		{ 6, 5, "01", VERDICT_ROLLBACK },
		{ 0, 1, "01", VERDICT_GOOD },
		{ 6, 6, "0", VERDICT_MANIFEST_SIGNATURE },
		{ 6, 8, "01", VERDICT_MANIFEST_CURRENT },
	};
	struct file f, channel;
	struct channel ch;
	struct manifest m;
	struct digest want;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message(
			"row: release %d, floor %d\n", (int)rows[i].release, (int)rows[i].floor);
		make_channel_from(&channel, "stable", &w.manifest, 7, rows[i].floor, "01");
		assert_int_equal(judge_channel(&w.walk.root, &channel.t, &ch, err), VERDICT_GOOD);
		make_manifest(&f, "stable", rows[i].release, "");
		memcpy(strstr(f.text, "quiet"), "QUIET", 5);
		sign_all(&f, rows[i].who);
		want = digest_of(&f);
		assert_int_equal(judge_manifest(&w.walk.root, &ch, &want, NOW_S, &f.t, &m, err),
			rows[i].want);
	}
}

#define OTHER  "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DIGEST "abababababababababababababababababababababababababababababababab"

#define TICKET(type, nonce, host, boot, ttl, more)                                                 \
	"{\"type\":\"" type "\",\"nonce\":\"" nonce "\",\"host\":\"" host "\",\"boot\":" boot      \
	",\"manifest\":\"" DIGEST "\",\"issued\":1763942400,\"ttl\":" ttl more "}\n"

/* The ticket row by row: replayed, somebody else's, too late, or none. */
static void test_s06_s13_ticket(void **state)
{
	const struct {
		const char *name, *text;
		const struct minisig_secret *key;
		uint64_t age_s;
		enum verdict want;
	} rows[] = {
		{ "good", TICKET("ticket", NONCE, "n01", "17", "120", ""), &site, 0, 0 },
		{ "last second", TICKET("ticket", NONCE, "n01", "17", "120", ""), &site, 120, 0 },
		{ "too late", TICKET("ticket", NONCE, "n01", "17", "120", ""), &site, 121,
			VERDICT_TICKET_LATE },
		{ "too late for its own ttl", TICKET("ticket", NONCE, "n01", "17", "5", ""), &site,
			6, VERDICT_TICKET_LATE },
		{ "a longer ttl", TICKET("ticket", NONCE, "n01", "17", "121", ""), &site, 0,
			VERDICT_TICKET_MALFORMED },
		{ "by a release key", TICKET("ticket", NONCE, "n01", "17", "120", ""), &person[0],
			0, VERDICT_TICKET_SIGNATURE },
		{ "replayed", TICKET("ticket", OTHER, "n01", "17", "120", ""), &site, 0,
			VERDICT_TICKET_NONCE },
		{ "for another host", TICKET("ticket", NONCE, "n02", "17", "120", ""), &site, 0,
			VERDICT_TICKET_HOST },
		{ "for another boot", TICKET("ticket", NONCE, "n01", "18", "120", ""), &site, 0,
			VERDICT_TICKET_HOST },
		{ "another type", TICKET("manifest", NONCE, "n01", "17", "120", ""), &site, 0,
			VERDICT_TICKET_MALFORMED },
		{ "one key more", TICKET("ticket", NONCE, "n01", "17", "120", ",\"x\":1"), &site, 0,
			VERDICT_TICKET_MALFORMED },
		{ "a key twice", TICKET("ticket", NONCE, "n01", "17", "120", ",\"ttl\":1"), &site,
			0, VERDICT_TICKET_MALFORMED },
		{ "nonce too short", TICKET("ticket", "00", "n01", "17", "120", ""), &site, 0,
			VERDICT_TICKET_MALFORMED },
		{ "boot is text", TICKET("ticket", NONCE, "n01", "\"17\"", "120", ""), &site, 0,
			VERDICT_TICKET_MALFORMED },
		{ "boot is negative", TICKET("ticket", NONCE, "n01", "-17", "120", ""), &site, 0,
			VERDICT_TICKET_MALFORMED },
		{ "a host that is none", TICKET("ticket", NONCE, "", "17", "120", ""), &site, 0,
			VERDICT_TICKET_MALFORMED },
		{ "no JSON", "ticket\n", &site, 0, VERDICT_TICKET_MALFORMED },
		{ "empty", "", &site, 0, VERDICT_TICKET_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct ticket_want want = { NONCE, "n01", 17, rows[i].age_s };
		struct ticket t = { .issued_s = 1 };
		char sig[MINISIG_TEXT_MAX];
		size_t len = strlen(rows[i].text);
		struct signed_text text;

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(minisig_sign(rows[i].key, rows[i].text, len, "t", sig), 0);
		text = (struct signed_text){ .text = rows[i].text,
			.len = len,
			.sigs = { { sig, strlen(sig) } },
			.n_sigs = 1 };
		assert_int_equal(judge_ticket(&site_pub, 1, &text, &want, &t, err), rows[i].want);
		assert_true(t.issued_s == (rows[i].want ? 1 : 1763942400));
	}
}

#define ORDER(type, order, nonce, host, boot, ttl, more)                                           \
	"{\"type\":\"" type "\",\"order\":\"" order "\",\"nonce\":\"" nonce "\",\"host\":\"" host  \
	"\",\"boot\":" boot ",\"issued\":1763942400,\"ttl\":" ttl more "}\n"
#define REBOOT(nonce, host, boot, ttl) ORDER("order", "reboot", nonce, host, boot, ttl, "")

/* An order row by row: played again, kept back, somebody else's, or none. */
static void test_order(void **state)
{
	const struct {
		const char *name, *text;
		const struct minisig_secret *key;
		uint64_t age_s;
		enum verdict want;
	} rows[] = {
		{ "good", REBOOT(NONCE, "n01", "17", "120"), &site, 0, 0 },
		{ "last second", REBOOT(NONCE, "n01", "17", "120"), &site, 120, 0 },
		{ "kept back", REBOOT(NONCE, "n01", "17", "120"), &site, 121, VERDICT_ORDER_LATE },
		{ "kept back for its own ttl", REBOOT(NONCE, "n01", "17", "5"), &site, 6,
			VERDICT_ORDER_LATE },
		{ "a longer ttl", REBOOT(NONCE, "n01", "17", "121"), &site, 0,
			VERDICT_ORDER_MALFORMED },
		{ "by a release key", REBOOT(NONCE, "n01", "17", "120"), &person[0], 0,
			VERDICT_ORDER_SIGNATURE },
		{ "played again", REBOOT(OTHER, "n01", "17", "120"), &site, 0,
			VERDICT_ORDER_NONCE },
		{ "for another host", REBOOT(NONCE, "n02", "17", "120"), &site, 0,
			VERDICT_ORDER_HOST },
		{ "for the boot before", REBOOT(NONCE, "n01", "16", "120"), &site, 0,
			VERDICT_ORDER_HOST },
		{ "another type", ORDER("ticket", "reboot", NONCE, "n01", "17", "120", ""), &site,
			0, VERDICT_ORDER_MALFORMED },
		{ "another order", ORDER("order", "halt", NONCE, "n01", "17", "120", ""), &site, 0,
			VERDICT_ORDER_MALFORMED },
		{ "one key more", ORDER("order", "reboot", NONCE, "n01", "17", "120", ",\"x\":1"),
			&site, 0, VERDICT_ORDER_MALFORMED },
		{ "a ticket", TICKET("ticket", NONCE, "n01", "17", "120", ""), &site, 0,
			VERDICT_ORDER_MALFORMED },
		{ "no JSON", "order\n", &site, 0, VERDICT_ORDER_MALFORMED },
		{ "empty", "", &site, 0, VERDICT_ORDER_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct ticket_want want = { NONCE, "n01", 17, rows[i].age_s };
		struct order o = { .issued_s = 1 };
		char sig[MINISIG_TEXT_MAX];
		size_t len = strlen(rows[i].text);
		struct signed_text text;

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(minisig_sign(rows[i].key, rows[i].text, len, "t", sig), 0);
		text = (struct signed_text){ .text = rows[i].text,
			.len = len,
			.sigs = { { sig, strlen(sig) } },
			.n_sigs = 1 };
		assert_int_equal(judge_order(&site_pub, 1, &text, &want, &o, err), rows[i].want);
		assert_true(o.issued_s == (rows[i].want ? 1 : 1763942400));
		/* nor does it start an image */
		assert_int_equal(
			ask_ticket(&text) == VERDICT_GOOD, !strcmp(rows[i].name, "a ticket"));
	}
}

static void test_ticket_bounds(void **state)
{
	char text[TICKET_MAX + 1], sig[MINISIG_TEXT_MAX];
	struct signed_text t = { .text = text, .sigs = { { sig, 0 } }, .n_sigs = 1 };

	(void)state;
	memset(text, ' ', sizeof text);
	t.len = sizeof text;
	minisig_sign(&site, text, t.len, "t", sig);
	t.sigs[0].len = strlen(sig);
	assert_int_equal(ask_ticket(&t), VERDICT_TICKET_MALFORMED);
	assert_non_null(strstr(err, "1025 bytes"));
	/* nobody's signature at all */
	w.ticket.t.n_sigs = 0;
	assert_int_equal(ask_ticket(&w.ticket.t), VERDICT_TICKET_SIGNATURE);
	w.ticket.t.n_sigs = 1;
	assert_int_equal(
		judge_ticket(&site_pub, 0, &w.ticket.t,
			&(struct ticket_want){ NONCE, "n01", 17, 0 }, &(struct ticket){ 0 }, err),
		VERDICT_TICKET_SIGNATURE);
}

/* ---- S07: a site that withholds news ---- */

static void test_s07_freeze(void **state)
{
	const uint64_t end = w.ch.expires_s;
	const struct {
		const char *name;
		struct judge_clock clock;
		enum verdict want;
		bool site_fresh;
	} rows[] = {
		{ "own clock right, last second", { end - 1, 0, end - 60, 0 }, VERDICT_GOOD,
			false },
		{ "own clock right, the site lies", { end, 0, end - 3600, 0 },
			VERDICT_CHANNEL_EXPIRED, false },
		{ "the site lies by a week", { end + 7 * 86400, 0, end - 3600, 0 },
			VERDICT_CHANNEL_EXPIRED, false },
		{ "own clock 1970", { 0, 0, end - 1, 0 }, VERDICT_GOOD, true },
		{ "own clock 1970, and trusted", { 0, 0, end - 1, true }, VERDICT_CLOCK, false },
		{ "own clock 1970, ticket honest", { 0, 0, end, 0 }, VERDICT_CHANNEL_EXPIRED,
			false },
		{ "own clock 1970, agent is newer", { 0, end, end - 3600, 0 },
			VERDICT_CHANNEL_EXPIRED, false },
		{ "26 hours apart", { end - 1, 0, end - 1 - JUDGE_CLOCK_OFF_S, true }, VERDICT_GOOD,
			false },
		{ "26 hours and a second", { end - 1, 0, end - 2 - JUDGE_CLOCK_OFF_S, true },
			VERDICT_CLOCK, false },
		{ "own clock behind", { end - 2 - JUDGE_CLOCK_OFF_S, 0, end - 1, 0 }, VERDICT_GOOD,
			true },
		{ "own clock 2099", { 4086028800, 0, end - 1, 0 }, VERDICT_ROOT_EXPIRED, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool site_fresh = false;
		uint64_t now_s = 1;

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(
			judge_fresh(&w.walk.root, &w.ch, &rows[i].clock, &now_s, &site_fresh, err),
			rows[i].want);
		assert_true(site_fresh == rows[i].site_fresh);
		assert_true((now_s == 1) == (rows[i].want != VERDICT_GOOD));
	}
}

static void test_s07_manifest(void **state)
{
	struct manifest m;

	(void)state;
	assert_int_equal(judge_manifest(&w.walk.root, &w.ch, &w.want, NOW_S + MONTH_S - 1,
				 &w.manifest.t, &m, err),
		VERDICT_GOOD);
	assert_int_equal(judge_manifest(&w.walk.root, &w.ch, &w.want, NOW_S + MONTH_S,
				 &w.manifest.t, &m, err),
		VERDICT_MANIFEST_EXPIRED);
}

/* ---- S12, S13, S14: files that do not belong together, or have more in them ---- */

static void test_s13_other_targets(void **state)
{
	struct file manifest, channel;
	struct channel canary, xen = w.ch;
	struct digest want;
	struct manifest m;
	char *arch;

	(void)state;
	/* canary's manifest with stable's channel, and the other way round */
	make_manifest(&manifest, "canary", 7, "01");
	want = digest_of(&manifest);
	assert_int_equal(judge_manifest(&w.walk.root, &w.ch, &want, NOW_S, &manifest.t, &m, err),
		VERDICT_MANIFEST_CHANNEL);
	make_channel(&channel, "canary", &manifest, 7, "01");
	assert_int_equal(judge_channel(&w.walk.root, &channel.t, &canary, err), VERDICT_GOOD);
	assert_int_equal(
		judge_manifest(&w.walk.root, &canary, &w.want, NOW_S, &w.manifest.t, &m, err),
		VERDICT_MANIFEST_CHANNEL);
	strcpy(xen.image, "xen");
	assert_int_equal(judge_manifest(&w.walk.root, &xen, &w.want, NOW_S, &w.manifest.t, &m, err),
		VERDICT_MANIFEST_CHANNEL);
	/* another architecture, rightly signed */
	make_manifest(&manifest, "stable", 7, "");
	arch = strstr(manifest.text, "x86_64");
	memcpy(arch, "aarch6", 6);
	sign_all(&manifest, "01");
	assert_int_equal(ask_manifest(&manifest.t), VERDICT_MANIFEST_MALFORMED);
	assert_non_null(strstr(err, "arch"));
}

static void test_s12_s14_other_bytes(void **state)
{
	struct file f;

	(void)state;
	/* release 7 once more, with another file in it */
	make_manifest(&f, "stable", 7, "");
	strstr(f.text, "vmlinuz")[0] = 'V';
	sign_all(&f, "01");
	assert_int_equal(ask_manifest(&f.t), VERDICT_MANIFEST_CURRENT);
	assert_int_equal(ask_wanted(&f.t), VERDICT_MANIFEST_DIGEST);
	/* one byte more, or one less, behind what was signed */
	make_channel(&f, "stable", &w.manifest, 7, "01");
	f.text[f.t.len++] = '\n';
	assert_int_equal(ask_channel(&f.t), VERDICT_CHANNEL_SIGNATURE);
	f.t.len -= 2;
	assert_int_equal(ask_channel(&f.t), VERDICT_CHANNEL_SIGNATURE);
	memcpy(&f, &w.root, sizeof f);
	f.t.text = f.text;
	f.text[f.t.len++] = '\n';
	assert_int_equal(ask_root(&f.t), VERDICT_ROOT_NEW_KEYS);
	/* signed as it was built, without a release */
	make_manifest(&f, "stable", 7, "");
	begin(&f, (int)strlen(f.text));
	memset(strstr(f.text, "\"release\": 7") + 11, '0', 1);
	sign_all(&f, "01");
	assert_int_equal(ask_manifest(&f.t), VERDICT_MANIFEST_MALFORMED);
}

/* ---- S15: one key stolen, or the server ---- */

static void test_s15_stolen(void **state)
{
	struct root_walk walk = w.walk;
	struct file f;

	(void)state;
	make_manifest(&f, "stable", 8, "1");
	sign_by(&f, &site);
	assert_int_equal(ask_manifest(&f.t), VERDICT_MANIFEST_SIGNATURE);
	make_channel(&f, "stable", &w.manifest, 7, "1");
	sign_by(&f, &site);
	assert_int_equal(ask_channel(&f.t), VERDICT_CHANNEL_SIGNATURE);
	make_root(&f, 2, 1, "7", "17");
	sign_by(&f, &site);
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_OLD_KEYS);
}

/* ---- S17: root 1 to 5, three of the keys lost on the way ---- */

static void test_s17_rotation(void **state)
{
	/* keys of each root, and who signs it; 0, 1 and 2 are lost one after the other */
	static const struct {
		const char *keys, *signers;
	} roots[] = { { "012", "01" }, { "123", "123" }, { "234", "234" }, { "345", "345" },
		{ "345", "34" } };
	static struct file files[5];
	struct file manifest;

	(void)state;
	for (uint64_t i = 0; i < 5; i++)
		make_root(&files[i], i + 1, 2, roots[i].keys, roots[i].signers);
	make_manifest(&manifest, "stable", 7, "45");
	for (size_t carried = 0; carried < 5; carried += 2) {
		struct root_walk walk;
		struct manifest m;

		assert_int_equal(judge_root_first(&files[carried].t, &walk, err), VERDICT_GOOD);
		for (size_t i = carried + 1; i < 5; i++)
			assert_int_equal(judge_root_next(&walk, &files[i].t, err), VERDICT_GOOD);
		assert_int_equal(walk.root.version, 5);
		assert_int_equal(
			judge_manifest(&walk.root, NULL, NULL, NOW_S, &manifest.t, &m, err),
			VERDICT_GOOD);
		/* what the lost keys sign counts no more */
		assert_int_equal(
			judge_manifest(&walk.root, NULL, NULL, NOW_S, &w.manifest.t, &m, err),
			VERDICT_MANIFEST_SIGNATURE);
	}
}

/* Bare keys: any one of them, and root 1 only when one of them has signed it. */
static void test_root_zero(void **state)
{
	struct root_walk walk;
	struct file f;
	struct manifest m;

	(void)state;
	judge_root_zero(person_pub, 2, &walk);
	assert_int_equal(walk.root.version, 0);
	make_manifest(&f, "stable", 7, "1");
	assert_int_equal(
		judge_manifest(&walk.root, NULL, NULL, NOW_S, &f.t, &m, err), VERDICT_GOOD);
	make_manifest(&f, "stable", 7, "2");
	assert_int_equal(judge_manifest(&walk.root, NULL, NULL, NOW_S, &f.t, &m, err),
		VERDICT_MANIFEST_SIGNATURE);
	make_root(&f, 1, 2, "234", "23");
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_OLD_KEYS);
	make_root(&f, 2, 2, "234", "023");
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_ROOT_VERSION);
	make_root(&f, 1, 2, "234", "023");
	assert_int_equal(judge_root_next(&walk, &f.t, err), VERDICT_GOOD);
	assert_int_equal(walk.root.version, 1);
}

/* Each verdict has a code of its own and a sentence. */
static void test_codes(void **state)
{
	(void)state;
	for (int i = 0; i < VERDICTS; i++) {
		assert_non_null(verdict_code((enum verdict)i));
		assert_non_null(verdict_text((enum verdict)i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(
				verdict_code((enum verdict)i), verdict_code((enum verdict)j));
	}
	assert_string_equal(verdict_code(VERDICTS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_s01_flips),
		cmocka_unit_test(test_s01_first_root),
		cmocka_unit_test(test_s02_one_key_twice),
		cmocka_unit_test(test_s02_root),
		cmocka_unit_test(test_s03_other_slots),
		cmocka_unit_test(test_s04_root),
		cmocka_unit_test(test_s04_steps),
		cmocka_unit_test(test_s04_expired),
		cmocka_unit_test(test_s05_rollback),
		cmocka_unit_test(test_s05_pin),
		cmocka_unit_test(test_s06_s13_ticket),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_ticket_bounds),
		cmocka_unit_test(test_root_zero),
		cmocka_unit_test(test_s07_freeze),
		cmocka_unit_test(test_s07_manifest),
		cmocka_unit_test(test_s13_other_targets),
		cmocka_unit_test(test_s12_s14_other_bytes),
		cmocka_unit_test(test_s15_stolen),
		cmocka_unit_test(test_s17_rotation),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests_name("judge", tests, make_world, NULL);
}
