#include "server/ctl/ansible.h"

#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_MAX 160

struct groups {
	char (*names)[GROUP_MAX];
	size_t n, room;
};

/* "KIND_VALUE" of the letters that Ansible takes in a group's name. */
static void group_name(const char *kind, const char *value, char out[GROUP_MAX])
{
	snprintf(out, GROUP_MAX, "%s%s%s", kind, *value ? "_" : "", value);
	for (char *s = out; *s; s++) {
		if (!isalnum((unsigned char)*s))
			*s = '_';
	}
}

/* Call fn with each group that a host is in; it returns true to stop. */
static bool each_group(const struct json *h, bool (*fn)(void *arg, const char *group), void *arg)
{
	static const char *const keys[] = { "stage", "image", "profile" };
	const struct json *labels = json_get(h, "labels"), *v;
	char group[GROUP_MAX];
	const char *key;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const char *value = json_get_str(h, keys[i], "");

		group_name(keys[i], value, group);
		if (*value && fn(arg, group))
			return true;
	}
	for (size_t i = 0; (v = json_member(labels, i, &key)); i++) {
		group_name(key, json_str(v, ""), group);
		if (fn(arg, group))
			return true;
	}
	return false;
}

static bool add_group(void *arg, const char *group)
{
	struct groups *g = arg;

	for (size_t i = 0; i < g->n; i++) {
		if (!strcmp(g->names[i], group))
			return false;
	}
	if (g->n == g->room) {
		g->room = 2 * g->room + 16;
		g->names = realloc(g->names, g->room * sizeof *g->names);
		if (!g->names)
			errx(CTL_FAILED, "out of memory");
	}
	snprintf(g->names[g->n++], GROUP_MAX, "%s", group);
	return false;
}

static bool is_group(void *arg, const char *group)
{
	return strcmp(arg, group) == 0;
}

static void put_group(struct jw *w, const struct hosts *h, char *group)
{
	jw_obj(w, group);
	jw_arr(w, "hosts");
	for (size_t i = 0; i < h->n; i++) {
		if (each_group(h->nodes[i], is_group, group))
			jw_str(w, NULL, hosts_name(h->nodes[i]));
	}
	jw_end_arr(w);
	jw_end_obj(w);
}

static void put_vars(struct jw *w, const struct json *h)
{
	static const char *const keys[] = { "stage", "state", "image", "profile", "version",
		"vendor", "product", "serial", "uuid" };
	const char *addr = json_get_str(h, "addr", json_get_str(h, "ip", NULL));
	char name[32];

	jw_obj(w, hosts_name(h));
	if (addr)
		jw_str(w, "ansible_host", addr);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const char *value = json_get_str(h, keys[i], "");

		snprintf(name, sizeof name, "muster_%s", keys[i]);
		if (*value)
			jw_str(w, name, value);
	}
	jw_end_obj(w);
}

int ansible_print(const struct hosts *h)
{
	struct groups g = { 0 };
	struct jw w = { 0 };

	jw_obj(&w, NULL);
	jw_obj(&w, "_meta");
	jw_obj(&w, "hostvars");
	for (size_t i = 0; i < h->n; i++) {
		put_vars(&w, h->nodes[i]);
		each_group(h->nodes[i], add_group, &g);
	}
	jw_end_obj(&w);
	jw_end_obj(&w);
	jw_obj(&w, "all");
	jw_arr(&w, "hosts");
	for (size_t i = 0; i < h->n; i++)
		jw_str(&w, NULL, hosts_name(h->nodes[i]));
	jw_end_arr(&w);
	jw_end_obj(&w);
	for (size_t i = 0; i < g.n; i++)
		put_group(&w, h, g.names[i]);
	jw_end_obj(&w);
	free(g.names);
	return ctl_print_json(&w);
}
