#include "images/extra.h"

#include <stddef.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool extra_args_ok(const char *args)
{
	const size_t n = strlen(args);

	if (n >= EXTRA_ARGS_MAX || strspn(args, LETTERS "-_.,:=/@+%*[]~ ") != n)
		return false;
	return !n || (args[0] != ' ' && args[n - 1] != ' ' && !strstr(args, "  "));
}

/* Programs and their libraries are the image's; the rest is mounted over, or the agent's own. */
static const char *const kept[] = { "/init", "/bin", "/sbin", "/lib", "/lib64", "/usr", "/dev",
	"/proc", "/sys", "/run", "/tmp", "/var/run", "/var/lock", "/etc/muster", "/etc/inittab" };

static bool is_within(const char *path, const char *folder)
{
	const size_t n = strlen(folder);

	return !strncmp(path, folder, n) && (!path[n] || path[n] == '/');
}

static bool parts_ok(const char *path)
{
	while (*path == '/') {
		const size_t n = strcspn(++path, "/");

		if (!n || (n == 1 && *path == '.') || (n == 2 && !memcmp(path, "..", 2)))
			return false;
		path += n;
	}
	return !*path;
}

bool extra_path_ok(const char *path, const char **why)
{
	const size_t n = strlen(path);

	*why = "it is no absolute path of letters, digits and -_.,:@+";
	if (n >= EXTRA_PATH_MAX || strspn(path, LETTERS "-_.,:@+/") != n || n < 2 ||
		!parts_ok(path))
		return false;
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
		*why = kept[i];
		if (is_within(path, kept[i]))
			return false;
	}
	return true;
}
