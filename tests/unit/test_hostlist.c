/* test_hostlist.c: ranges of host names, expanded and folded. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/ctl/hostlist.h"

static const struct hostlist_label r1[] = { { "rack", "r1" } },
				   gpu[] = { { "gpu", "" }, { "rack", "r2" } };
static const struct hostlist_known known[] = {
	{ "n01", "kvm", "up", r1, 1 },
	{ "n02", "kvm", "failed", gpu, 2 },
	{ "n03", "xen", "up", NULL, 0 },
	{ "n04", NULL, "discover", gpu, 2 },
	{ "n05", NULL, NULL, NULL, 0 },
};

/* The names in the order in which they came, with blanks between. */
static void join(const struct hostlist *l, char *out, size_t size)
{
	size_t len = 0;

	*out = 0;
	for (size_t i = 0; i < l->n && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i ? " " : "", l->names[i]);
}

static char *exact(const char *s)
{
	char *p = strdup(s);

	assert_non_null(p);
	return p;
}

static void test_expand(void **state)
{
	static const struct {
		const char *expr, *want;
		int rc;
	} rows[] = {
		{ "n01", "n01", 0 },
		{ "n01,n02", "n01 n02", 0 },
		{ "n01,N01", "n01", 0 },
		{ "n[1-3]", "n1 n2 n3", 0 },
		{ "n[08-10]", "n08 n09 n10", 0 },
		{ "n[8-10]", "n8 n9 n10", 0 },
		{ "n[099-101]", "n099 n100 n101", 0 },
		{ "n[1,3,5-6]", "n1 n3 n5 n6", 0 },
		{ "r[1-2]n[1-2]", "r1n1 r1n2 r2n1 r2n2", 0 },
		{ "r[1-2]-ib,x", "r1-ib r2-ib x", 0 },
		{ "n[1-4],-n[2-3]", "n1 n4", 0 },
		{ "-n1,n1", "", -EINVAL },
		{ "-n07,n[06-08]", "", -EINVAL },
		{ "n[06-08],-n07,n07", "n06 n08 n07", 0 },
		{ "stage=failed,-n02,-n03", "", 0 },
		{ "stage=script,-n02,n02", "n02", 0 },
		{ "n[7]", "n7", 0 },
		{ "n10,N2,n1,n2,n02", "n10 N2 n1 n02", 0 },
		{ "n[1-4],-N3", "n1 n2 n4", 0 },
		{ "a.b_c-d", "a.b_c-d", 0 },
		{ "all", "n01 n02 n03 n04 n05", 0 },
		{ "all,-n[02-04]", "n01 n05", 0 },
		{ "image=kvm", "n01 n02", 0 },
		{ "stage=up", "n01 n03", 0 },
		{ "image=kvm,-stage=failed", "n01", 0 },
		{ "image=,new", "new", 0 },
		{ "stage=script", "", 0 },
		{ "stage=UP", "n01 n03", 0 },
		{ "stage=faild", "", -EINVAL },
		{ "stage=", "", -EINVAL },
		{ "all,-stage=faild", "n01 n02 n03 n04 n05", -EINVAL },
		{ "", "", -EINVAL },
		{ ",", "", -EINVAL },
		{ "n1,", "n1", -EINVAL },
		{ "n1,,n2", "n1", -EINVAL },
		{ "-", "", -EINVAL },
		{ "n[", "", -EINVAL },
		{ "n[]", "", -EINVAL },
		{ "n[1", "", -EINVAL },
		{ "n[1-", "", -EINVAL },
		{ "n[1-]", "", -EINVAL },
		{ "n[1,]", "n1", -EINVAL },
		{ "n[a-c]", "", -EINVAL },
		{ "n[3-1]", "", -EINVAL },
		{ "n[1-3", "", -EINVAL },
		{ "n]", "", -EINVAL },
		{ "n/../x", "", -EINVAL },
		{ "n%41", "", -EINVAL },
		{ "n 1", "", -EINVAL },
		{ "kind=xen", "", -EINVAL },
		{ "@rack", "n01 n02 n04", 0 },
		{ "@RACK=r1", "n01", 0 },
		{ "rack=r2,-n04", "n02", 0 },
		{ "@gpu", "n02 n04", 0 },
		{ "@gpu=", "n02 n04", 0 },
		{ "@gpu=yes", "", 0 },
		{ "all,-@rack", "n03 n05", 0 },
		{ "@tape", "", -EINVAL },
		{ "@tape=x", "", -EINVAL },
		{ "@image=kvm", "", -EINVAL },
		{ "@", "", -EINVAL },
		{ "n[1234567]", "", -EINVAL },
		{ "a[1]b[1]c[1]d[1]e[1]f[1]g[1]h[1]i[1]", "", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct hostlist l = { 0 };
		char *expr = exact(rows[i].expr), err[200] = "", names[256];

		print_message("row: %s\n", rows[i].expr);
		assert_int_equal(hostlist_add(&l, expr, known, ARRAY_LEN(known), err, sizeof err),
			rows[i].rc);
		assert_true(!rows[i].rc == !*err);
		join(&l, names, sizeof names);
		assert_string_equal(names, rows[i].want);
		hostlist_fini(&l);
		free(expr);
	}
}

static void test_bounds(void **state)
{
	struct hostlist l = { 0 };
	char err[200], name[HOSTLIST_NAME_MAX + 1];

	(void)state;
	assert_int_equal(hostlist_add(&l, "n[1-20000]", NULL, 0, err, sizeof err), 0);
	assert_int_equal(l.n, HOSTLIST_MAX);
	assert_int_equal(hostlist_add(&l, "m", NULL, 0, err, sizeof err), -E2BIG);
	hostlist_fini(&l);
	assert_int_equal(
		hostlist_add(&l, "n[0-9]x[0-9]x[0-9]x[0-9]x[0-9]", NULL, 0, err, sizeof err),
		-E2BIG);
	hostlist_fini(&l);
	/* Names that are there already, or not there to take out, count too: no endless work. */
	assert_int_equal(hostlist_add(&l, "n0,-n[1-999999]", NULL, 0, err, sizeof err), -E2BIG);

	memset(name, 'a', sizeof name - 1);
	name[HOSTLIST_NAME_MAX] = 0;
	assert_int_equal(hostlist_add(&l, name, NULL, 0, err, sizeof err), -EINVAL);
	name[HOSTLIST_NAME_MAX - 1] = 0;
	assert_int_equal(hostlist_add(&l, name, NULL, 0, err, sizeof err), 0);
	name[HOSTLIST_NAME_MAX - 5] = 0;
	strcat(name, "[1]");
	assert_int_equal(hostlist_add(&l, name, NULL, 0, err, sizeof err), 0);
	hostlist_fini(&l);
}

static void test_selectors(void **state)
{
	(void)state;
	assert_true(hostlist_needs_known("all"));
	assert_true(hostlist_needs_known("n1,-stage=up"));
	assert_false(hostlist_needs_known("n[1-3],allways"));
	assert_false(hostlist_needs_known(""));
}

static void test_fold(void **state)
{
	static const struct {
		const char *expr, *want;
	} rows[] = {
		{ "n01", "n01" },
		{ "n[01-40]", "n[01-40]" },
		{ "n3,n1,n2", "n[1-3]" },
		{ "n[1-3],n[7-8],n10", "n[1-3,7-8,10]" },
		{ "n[08-12]", "n[08-12]" },
		{ "n9,n10,n09", "n[09,9-10]" },
		{ "b,a", "a,b" },
		{ "r[1-2]n[1-3]", "r1n[1-3],r2n[1-3]" },
		{ "n[1-2]-ib,n[1-2]", "n[1-2],n[1-2]-ib" },
		{ "a,n[1-2],z", "a,n[1-2],z" },
		{ "n[998-1001]", "n[998-1001]" },
		{ "4c4c454400001,4c4c454400002", "4c4c454400001,4c4c454400002" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct hostlist l = { 0 }, again = { 0 };
		char err[200], out[200];

		print_message("row: %s\n", rows[i].expr);
		assert_int_equal(hostlist_add(&l, rows[i].expr, NULL, 0, err, sizeof err), 0);
		assert_string_equal(hostlist_fold(&l, out, sizeof out), rows[i].want);
		assert_int_equal(hostlist_add(&again, out, NULL, 0, err, sizeof err), 0);
		assert_int_equal(again.n, l.n); /* what was folded expands to the same hosts */
		for (size_t k = 0; k < l.n; k++)
			assert_true(hostlist_has(&again, l.names[k]));
		hostlist_fini(&again);
		hostlist_fini(&l);
	}
}

/* Whatever room there is, the result is a string inside it. */
static void test_fold_cut(void **state)
{
	struct hostlist l = { 0 };
	char err[200];

	(void)state;
	assert_int_equal(hostlist_add(&l, "alpha,bravo,charlie,n[1-3,5-7,9],x[1-2]y", NULL, 0, err,
				 sizeof err),
		0);
	for (size_t size = 1; size < 80; size++) {
		char *out = malloc(size);

		assert_non_null(out);
		hostlist_fold(&l, out, size);
		assert_true(strlen(out) < size);
		if (size == 40)
			assert_string_equal(out, "alpha,bravo,charlie,... (12 hosts)");
		free(out);
	}
	hostlist_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_selectors),
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_fold_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
