/* Matches of rules: how they are read, and what fits them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/rule.h"

static void what_is_refused_says_why(void **state)
{
	static const struct {
		const char *text, *err;
	} rows[] = {
		{ "vendr=HPE",
			"there is no fact 'vendr': is it 'vendor'? A label is written @vendr" },
		{ "rack=r3", "there is no fact 'rack'; a label is written @rack" },
		{ "vendor", "after 'vendor' comes = or !=, and not ''" },
		{ "memory~4G", "after 'memory' comes = or !=, < <= > or >=, and not '~4G'" },
		{ "vendor>=HPE", "vendor is no number: = or !=, and not >=" },
		{ "vendor==HPE", "after 'vendor' comes = or !=, and not '==HPE'" },
		{ "memory>=64X", "'64X' is no size such as 64G" },
		{ "memory>=-1", "'-1' is no size such as 64G" },
		{ "memory>=9000000000000", "'9000000000000' is no size such as 64G" },
		{ "memory>=900000000000P", "'900000000000P' is no size such as 64G" },
		{ "memory>=1G|2G", "memory>= takes one value" },
		{ "cpus=4G", "'4G' is no number" },
		{ "subnet=10.77.0.1/24", "'10.77.0.1/24' is no network such as 10.77.0.0/24" },
		{ "subnet=10.77.0.0/33", "'10.77.0.0/33' is no network such as 10.77.0.0/24" },
		{ "subnet=10.77.0.0/", "'10.77.0.0/' is no network such as 10.77.0.0/24" },
		{ "subnet=rack", "'rack' is no network such as 10.77.0.0/24" },
		{ "vendor=", "vendor= has no value" },
		{ "vendor=HPE|", "vendor= has no value" },
		{ "vendor=\"Dell Inc.", "a quote is not closed: \"Dell Inc." },
		{ "vendor=\"HPE\"x", "after a value comes a blank or |, and not 'x'" },
		{ "@", "a condition is FACT=VALUE, and not ''" },
		{ "@9=1", "'9' is no label's name" },
		{ "@gpu<3", "@ is no number: = or !=, and not <" },
		{ "=x", "a condition is FACT=VALUE, and not '=x'" },
		{ "vendor=HPE,model=x mac=\x01", "it holds a control character" },
		{ "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd=1",
			"a fact's or label's name is longer than 31 letters" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rule_match m;
		char err[200] = "";

		print_message("%s\n", rows[i].text);
		assert_int_equal(rule_read(rows[i].text, &m, err, sizeof err), -EBADMSG);
		assert_string_equal(err, rows[i].err);
	}
}

static void bounds_are_kept(void **state)
{
	char text[RULE_MATCH_MAX + 2] = "", err[200];
	struct rule_match m;

	(void)state;
	for (int i = 0; i < RULE_CONDS_MAX; i++)
		strcat(text, "cpus>=1 ");
	assert_int_equal(rule_read(text, &m, err, sizeof err), 0);
	assert_int_equal(m.n, RULE_CONDS_MAX);
	strcat(text, "cpus>=1");
	assert_int_equal(rule_read(text, &m, err, sizeof err), -EBADMSG);
	assert_string_equal(err, "more than 16 conditions");
	memset(text, 'a', sizeof text - 1);
	memcpy(text, "name=", 5);
	text[RULE_MATCH_MAX - 1] = 0;
	assert_int_equal(rule_read(text, &m, err, sizeof err), 0);
	text[RULE_MATCH_MAX - 1] = 'a';
	assert_int_equal(rule_read(text, &m, err, sizeof err), -EBADMSG);
	/* the most values that there is room for: each takes a byte more than its text */
	memcpy(text, "name=", 5);
	for (size_t i = 5; i < RULE_MATCH_MAX - 1; i++)
		text[i] = i % 2 ? 'x' : '|';
	text[RULE_MATCH_MAX - 1] = 0;
	text[RULE_MATCH_MAX - 2] = 'x';
	assert_int_equal(rule_read(text, &m, err, sizeof err), 0);
	assert_int_equal(m.of[0].n_values, 253);
}

static void make_facts(struct rule_facts *f, bool complete)
{
	*f = (struct rule_facts){ .complete = complete };
	rule_add_text(f, RULE_NAME, "n12");
	rule_add_text(f, RULE_MAC, "52:54:00:00:00:01");
	rule_add_label(f, "rack", "r3");
	rule_add_label(f, "gpu", "");
	if (!complete)
		return;
	rule_add_text(f, RULE_MAC, "52:54:00:00:00:02");
	rule_add_text(f, RULE_VENDOR, "HPE");
	rule_add_text(f, RULE_MODEL, "ProLiant DL360 Gen10");
	rule_add_number(f, RULE_MEMORY, (int64_t)64 << 30);
	rule_add_number(f, RULE_CPUS, 32);
	rule_add_number(f, RULE_SUBNET, 0x0a4d0065);
	rule_add_bytes(f, RULE_CIRCUIT, (const uint8_t *)"eth 0/7", 7);
	rule_add_text(f, RULE_FIRMWARE, "U46 v2.72");
}

static void conditions_on_a_host(void **state)
{
	/* Of a host whose agent has spoken, and of one that was never seen before. */
	static const struct {
		const char *text;
		enum rule_fit known, new;
	} rows[] = {
		{ "", RULE_YES, RULE_YES },
		{ "vendor=HPE", RULE_YES, RULE_UNKNOWN },
		{ "vendor=hp*", RULE_YES, RULE_UNKNOWN },
		{ "vendor=HP", RULE_NO, RULE_UNKNOWN },
		{ "vendor!=Dell*", RULE_YES, RULE_UNKNOWN },
		{ "vendor!=HPE", RULE_NO, RULE_UNKNOWN },
		{ "vendor=Dell*|HPE", RULE_YES, RULE_UNKNOWN },
		{ "vendor!=Dell*|HPE", RULE_NO, RULE_UNKNOWN },
		{ "model=\"ProLiant DL360*\"", RULE_YES, RULE_UNKNOWN },
		{ "model=*DL3?0*", RULE_YES, RULE_UNKNOWN },
		{ "memory>=64G", RULE_YES, RULE_UNKNOWN },
		{ "memory>=65536MiB", RULE_YES, RULE_UNKNOWN },
		{ "memory>64G", RULE_NO, RULE_UNKNOWN },
		{ "memory<=64GB", RULE_YES, RULE_UNKNOWN },
		{ "memory<64G", RULE_NO, RULE_UNKNOWN },
		{ "memory=32G|64G", RULE_YES, RULE_UNKNOWN },
		{ "memory!=64G", RULE_NO, RULE_UNKNOWN },
		{ "cpus>=32 cpus<33", RULE_YES, RULE_UNKNOWN },
		{ "subnet=10.77.0.0/24", RULE_YES, RULE_UNKNOWN },
		{ "subnet=10.77.1.0/24", RULE_NO, RULE_UNKNOWN },
		{ "subnet=10.77.0.101", RULE_YES, RULE_UNKNOWN },
		{ "subnet=0.0.0.0/0", RULE_YES, RULE_UNKNOWN },
		{ "circuit=\"eth 0/7\"", RULE_YES, RULE_UNKNOWN },
		{ "circuit=65746820302f37", RULE_YES, RULE_UNKNOWN },
		{ "relay=10.9.0.1", RULE_NO, RULE_UNKNOWN },
		{ "relay!=10.9.0.1", RULE_YES, RULE_UNKNOWN },
		{ "mac=52-54-00-00-00-01", RULE_YES, RULE_YES },
		{ "mac=52:54:00:*", RULE_YES, RULE_YES },
		{ "mac=52:54:00:00:00:02", RULE_YES, RULE_UNKNOWN },
		{ "mac!=52:54:00:00:00:02", RULE_NO, RULE_UNKNOWN },
		{ "mac!=52:54:00:00:00:01", RULE_NO, RULE_NO },
		{ "name=n*", RULE_YES, RULE_YES },
		{ "name=m*", RULE_NO, RULE_NO },
		{ "@rack", RULE_YES, RULE_YES },
		{ "@RACK=R3", RULE_YES, RULE_YES },
		{ "@rack=r4", RULE_NO, RULE_NO },
		{ "@rack!=r4", RULE_YES, RULE_YES },
		{ "@gpu", RULE_YES, RULE_YES },
		{ "@gpu=\"\"", RULE_YES, RULE_YES },
		{ "@tape", RULE_NO, RULE_NO },
		{ "@tape!=yes", RULE_YES, RULE_YES },
		{ "vendor=HPE @rack=r4", RULE_NO, RULE_NO }, /* decided by what is known */
		{ "@rack=r3 vendor=HPE", RULE_YES, RULE_UNKNOWN },
		{ "firmware=U46*", RULE_YES, RULE_UNKNOWN },
		{ "  vendor=HPE  cpus=32  ", RULE_YES, RULE_UNKNOWN },
	};
	static struct rule_facts known, new;

	(void)state;
	make_facts(&known, true);
	make_facts(&new, false);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rule_match m;
		char err[200];
		size_t which;

		print_message("%s\n", rows[i].text);
		assert_int_equal(rule_read(rows[i].text, &m, err, sizeof err), 0);
		assert_int_equal(rule_fit(&m, &known, &which), rows[i].known);
		assert_int_equal(rule_fit(&m, &new, &which), rows[i].new);
	}
}

static void the_reason_in_words(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "vendor=HPE memory>64G", "memory>64G: it has 64 GiB" },
		{ "subnet=10.78.0.0/24", "subnet=10.78.0.0/24: it has 10.77.0.101" },
		{ "mac=aa*", "mac=aa*: it has 52:54:00:00:00:01, 52:54:00:00:00:02" },
		{ "@rack=r4", "@rack=r4: it has r3" },
		{ "@tape", "@tape: it has none" },
		{ "relay=10.9.0.1", "relay=10.9.0.1: it has none" },
		{ "@gpu=yes", "@gpu=yes: it has \"\"" },
	};
	static struct rule_facts f;
	struct rule_match m;
	char why[RULE_WHY_MAX], err[200];
	size_t which;

	(void)state;
	make_facts(&f, true);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(rule_read(rows[i].text, &m, err, sizeof err), 0);
		assert_int_equal(rule_fit(&m, &f, &which), RULE_NO);
		rule_why(&m, &f, which, why, sizeof why);
		assert_string_equal(why, rows[i].why);
	}
	make_facts(&f, false);
	assert_int_equal(rule_read("vendor=HPE", &m, err, sizeof err), 0);
	assert_int_equal(rule_fit(&m, &f, &which), RULE_UNKNOWN);
	rule_why(&m, &f, which, why, sizeof why);
	assert_string_equal(why, "vendor=HPE: that is not known yet");
}

static void globs(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} rows[] = {
		{ "", "", true },
		{ "*", "", true },
		{ "a*", "A", true },
		{ "a*b*c", "axxbyyc", true },
		{ "a*b*c", "axxbyy", false },
		{ "*ab", "aab", true },
		{ "a?c", "abc", true },
		{ "a?c", "ac", false },
		{ "abc", "abcd", false },
		{ "abc*", "ab", false },
		{ "**a**", "a", true },
		{ "[a]", "a", false },
		{ "*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("%s %s\n", rows[i].pattern, rows[i].text);
		assert_int_equal(rule_glob(rows[i].pattern, rows[i].text), rows[i].fits);
	}
}

static void more_facts_than_there_is_room_for(void **state)
{
	static struct rule_facts f;
	uint8_t circuit[255];

	(void)state;
	memset(circuit, 'x', sizeof circuit);
	for (int i = 0; i < RULE_FACTS_MAX + 3; i++)
		rule_add_bytes(&f, RULE_CIRCUIT, circuit, sizeof circuit);
	assert_int_equal(f.n, RULE_FACTS_MAX);
	assert_int_equal(strlen(f.of[0].text), RULE_FACT_MAX - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused_says_why),
		cmocka_unit_test(bounds_are_kept),
		cmocka_unit_test(conditions_on_a_host),
		cmocka_unit_test(the_reason_in_words),
		cmocka_unit_test(globs),
		cmocka_unit_test(more_facts_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
