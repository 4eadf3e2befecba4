/*
 * test_profile.c: what a profile may say, what comes of it with a host's values, and the archive
 * that brings it to the host, as cpio reads it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/bytes.h"
#include "server/core/profile.h"

/* One with one value, one that is required, and whatever a row says. */
static void make(struct store_profile *p, const char *args, const char *path, const char *content,
	unsigned mode)
{
	*p = (struct store_profile){ .name = "web", .n_values = 2 };
	snprintf(p->args, sizeof p->args, "%s", args);
	strcpy(p->values[0].name, "key");
	p->values[0].required = true;
	strcpy(p->values[1].name, "ntp");
	strcpy(p->values[1].value, "10.0.0.3");
	if (!path)
		return;
	p->n_files = 1;
	snprintf(p->files[0].path, sizeof p->files[0].path, "%s", path);
	p->files[0].mode = mode;
	p->files[0].content = strdup(content);
	assert_non_null(p->files[0].content);
}

static const struct row {
	const char *name, *args, *path, *content;
	unsigned mode;
	const char *says; /* NULL: it is good */
} rows[] = {
	{ "nothing at all", "", NULL, NULL, 0, NULL },
	{ "values, and what is known by itself", "a=@{ntp} b=@{key} c=@{host},@{prefix}", "/etc/x",
		"@{address} @{key}@{ntp}\n", 0644, NULL },
	{ "an empty file", "", "/x", "", 0400, NULL },
	{ "##, $ and quotes in a file", "", "/etc/x", "## $HOME \"'`\\ |&;<>\n\t\r\n", 0600, NULL },
	{ "other letters in a file", "", "/etc/x", "gr\xc3\xbc\xc3\x9f\n", 0600, NULL },
	{ "no such value", "a=@{nobody}", NULL, NULL, 0,
		"its kernel arguments wants the value nobody" },
	{ "no such value in a file", "", "/etc/x", "@{report}", 0644,
		"/etc/x wants the value report" },
	{ "an open end", "a=@{ntp", NULL, NULL, 0, "a @{ that is no" },
	{ "a name in capitals", "", "/etc/x", "@{NTP}", 0644, "a @{ that is no" },
	{ "no name", "", "/etc/x", "@{}", 0644, "a @{ that is no" },
	{ "a quote in arguments", "a=\"b\"", NULL, NULL, 0, "not words of" },
	{ "a line feed in arguments", "a\nb", NULL, NULL, 0, "not words of" },
	{ "a dollar in arguments", "a=$b", NULL, NULL, 0, "not words of" },
	{ "a blank at the end", "a ", NULL, NULL, 0, "not words of" },
	{ "a relative path", "", "etc/x", "", 0644, "no absolute path" },
	{ "a path that climbs", "", "/etc/../init", "", 0644, "no absolute path" },
	{ "a path that climbs at the end", "", "/etc/..", "", 0644, "no absolute path" },
	{ "a dot", "", "/./init", "", 0644, "no absolute path" },
	{ "two slashes", "", "//init", "", 0644, "no absolute path" },
	{ "a slash at the end", "", "/etc/", "", 0644, "no absolute path" },
	{ "the root", "", "/", "", 0644, "no absolute path" },
	{ "a line feed in a path", "", "/etc/a\nb", "", 0644, "no absolute path" },
	{ "/init", "", "/init", "", 0755, "what is in /init belongs" },
	{ "a program", "", "/usr/bin/muster-agent", "", 0755, "what is in /usr belongs" },
	{ "a program by its short path", "", "/bin/sh", "", 0755, "what is in /bin belongs" },
	{ "a library", "", "/lib64/ld-linux-x86-64.so.2", "", 0755, "what is in /lib64 belongs" },
	{ "the agent's own", "", "/etc/muster/boot.json", "", 0644,
		"what is in /etc/muster belongs" },
	{ "in its folder's place", "", "/etc/muster", "", 0644, "what is in /etc/muster belongs" },
	{ "init's table", "", "/etc/inittab", "", 0644, "what is in /etc/inittab belongs" },
	{ "behind a link", "", "/var/run/x", "", 0644, "what is in /var/run belongs" },
	{ "beside those", "", "/etc/muster.conf", "", 0644, NULL },
	{ "beside those, too", "", "/initrd.txt", "", 0644, NULL },
	{ "set-uid", "", "/etc/x", "", 04755, "a mode is" },
	{ "a mode that nobody reads", "", "/etc/x", "", 0, "a mode is" },
	{ "control characters", "", "/etc/x", "a\033[1m", 0644, "no text" },
	{ "DEL", "", "/etc/x", "a\x7f", 0644, "no text" },
};

static void test_check(void **state)
{
	struct store_profile p;
	char why[PROFILE_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		int rc;

		print_message("row: %s\n", r->name);
		make(&p, r->args, r->path, r->content, r->mode);
		*why = 0;
		rc = profile_check(&p, why);
		if (r->says)
			print_message("     %s\n", why);
		assert_int_equal(rc, r->says ? -EINVAL : 0);
		if (r->says)
			assert_non_null(strstr(why, r->says));
		store_profile_fini(&p);
	}
}

/* As large as may be, and one byte more. */
static void test_sizes(void **state)
{
	struct store_profile p;
	char why[PROFILE_WHY_MAX], *text = malloc(PROFILE_TEXT_MAX + 2);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', PROFILE_TEXT_MAX + 1);
	text[PROFILE_TEXT_MAX] = 0;
	make(&p, "", "/etc/x", text, 0644);
	assert_int_equal(profile_check(&p, why), 0);
	store_profile_fini(&p);
	text[PROFILE_TEXT_MAX] = 'x';
	text[PROFILE_TEXT_MAX + 1] = 0;
	make(&p, "", "/etc/x", text, 0644);
	assert_int_equal(profile_check(&p, why), -EINVAL);
	assert_non_null(strstr(why, "too long"));
	store_profile_fini(&p);
	free(text);
	/* sixteen small files in deep folders of their own are more than an archive holds */
	make(&p, "", NULL, NULL, 0);
	for (p.n_files = 0; p.n_files < EXTRA_FILES_MAX; p.n_files++) {
		struct store_profile_file *f = &p.files[p.n_files];

		snprintf(f->path, sizeof f->path, "/a%zu%.110s", p.n_files,
			"/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/"
			"a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a");
		f->mode = 0644;
		f->content = strdup("x");
	}
	assert_int_equal(profile_check(&p, why), -EINVAL);
	assert_non_null(strstr(why, "too large"));
	store_profile_fini(&p);
}

static void test_fill(void **state)
{
	static const struct {
		const char *name, *key, *says;
	} hosts[] = {
		{ "as it should be", "abc", NULL },
		{ "without the value", NULL,
			"the profile web requires the value key, which n07 does not have" },
		{ "one with a blank at the end", "abc ", "not words of" },
		{ "one with a bracket", "a(b", "not words of" },
	};
	struct store_profile p;
	struct profile_told told;
	char why[PROFILE_WHY_MAX];

	(void)state;
	make(&p, "n=@{ntp} k=@{key}", "/etc/x", "## @{host}: @{key}@{key}\n", 0640);
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		struct values v = { 0 };
		int rc;

		print_message("row: %s\n", hosts[i].name);
		v.v[v.n++] = (struct script_value){ "host", "n07", false };
		v.v[v.n++] = (struct script_value){ "ntp", "10.0.0.3", false };
		if (hosts[i].key)
			v.v[v.n++] = (struct script_value){ "key", hosts[i].key, false };
		rc = profile_fill(&p, &v, "n07", &told, why);
		assert_int_equal(rc, hosts[i].says ? -EINVAL : 0);
		if (rc) {
			assert_non_null(strstr(why, hosts[i].says));
			continue;
		}
		assert_string_equal(told.args, "n=10.0.0.3 k=abc");
		assert_int_equal(told.n, 1);
		assert_string_equal(told.files[0].path, "/etc/x");
		assert_int_equal(told.files[0].mode, 0640);
		assert_string_equal(told.files[0].text, "## n07: abcabc\n");
		profile_told_fini(&told);
	}
	store_profile_fini(&p);
}

/* What cpio says of an archive. */
static void ask_cpio(const char *options, const uint8_t *p, size_t len, char *out, size_t size)
{
	char path[] = "/tmp/test_profile.XXXXXX", command[128];
	int fd = mkstemp(path);
	FILE *f;
	size_t n;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), (ssize_t)len);
	close(fd);
	snprintf(command, sizeof command, "cpio %s <%s 2>&1", options, path);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(out, 1, size - 1, f);
	out[n] = 0;
	pclose(f);
	unlink(path);
}

static void test_archive(void **state)
{
	static uint8_t bytes[EXTRA_MAX], again[EXTRA_MAX];
	char welcome[] = "hello\n", keys[] = "ssh-ed25519 AAAA\n", five[] = "12345";
	struct profile_told told = { .n = 4 };
	char said[2000];
	size_t len;

	(void)state;
	told.files[0].path = "/etc/motd";
	told.files[0].text = welcome;
	told.files[0].mode = 0644;
	told.files[1].path = "/etc/ssh/a/b";
	told.files[1].text = five;
	told.files[1].mode = 0755;
	told.files[2].path = "/root/.ssh/authorized_keys";
	told.files[2].text = keys;
	told.files[2].mode = 0600;
	told.files[3].path = "/rootless/x";
	told.files[3].text = five;
	told.files[3].mode = 0400;
	len = profile_archive(&told, bytes);
	assert_true(len > 0 && len % 4 == 0);
	assert_int_equal(profile_archive(&told, again), len);
	assert_memory_equal(bytes, again, len);
	if (system("cpio --version >/dev/null 2>&1") != 0)
		skip();
	ask_cpio("-t --quiet", bytes, len, said, sizeof said);
	assert_string_equal(said,
		"etc\netc/motd\netc/ssh\netc/ssh/a\netc/ssh/a/b\nroot\nroot/.ssh\n"
		"root/.ssh/authorized_keys\nrootless\nrootless/x\n");
	ask_cpio("-tvn --quiet", bytes, len, said, sizeof said);
	assert_non_null(
		strstr(said, "-rw-r--r--   1 0        0               6 Jan  1  1970 etc/motd\n"));
	assert_non_null(strstr(
		said, "-rw-------   1 0        0              17 Jan  1  1970 root/.ssh/auth"));
	assert_non_null(strstr(said, "drwx------"));
	assert_non_null(strstr(said, "-r--------"));
	ask_cpio("-i --quiet --to-stdout etc/motd root/.ssh/authorized_keys", bytes, len, said,
		sizeof said);
	assert_string_equal(said, "hello\nssh-ed25519 AAAA\n");
	told.n = 0;
	assert_true(profile_archive(&told, bytes) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_archive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
