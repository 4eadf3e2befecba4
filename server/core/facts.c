#include "server/core/facts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/bytes.h"

/* ---- what an agent says ---- */

static bool has_text(const struct rule_facts *f, enum rule_key key, const char *text)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->of[i].key == key && !strcmp(f->of[i].text, text))
			return true;
	}
	return false;
}

/* Each value once: a host of 16 disks of one model has one fact more. */
static void add_once(struct rule_facts *f, enum rule_key key, const char *text)
{
	char cut[RULE_FACT_MAX];

	snprintf(cut, sizeof cut, "%s", text);
	if (!has_text(f, key, cut))
		rule_add_text(f, key, cut);
}

static void add_mac(struct rule_facts *f, const char *text)
{
	char mac[HOST_MAC_TEXT];
	uint8_t bytes[6];

	if (host_mac_parse(text, bytes) == 0) {
		host_mac_print(bytes, mac);
		add_once(f, RULE_MAC, mac);
	}
}

static void add_each(
	struct rule_facts *f, enum rule_key key, const struct json *list, const char *member)
{
	for (size_t i = 0; i < json_len(list); i++)
		add_once(f, key, json_get_str(json_at(list, i), member, ""));
}

/* What is plugged in, where the firmware says it: the kernel's own total lacks what it keeps. */
static int64_t memory_of(const struct json *doc)
{
	const struct json *dimms = json_get(doc, "dimms");
	int64_t mib = 0;

	for (size_t i = 0; i < json_len(dimms); i++) {
		int64_t one = json_get_int(json_at(dimms, i), "size_mb", 0);

		if (one > 0 && one <= INT64_MAX >> 24)
			mib += one;
	}
	if (!mib)
		mib = json_get_int(doc, "memory_mb", 0);
	return mib > 0 && mib <= INT64_MAX >> 20 ? mib << 20 : 0;
}

void facts_of_agent(const struct json *doc, struct rule_facts *f)
{
	const struct json *nics = json_get(doc, "nics"), *cpu = json_get(doc, "cpu");

	f->complete = true;
	add_once(f, RULE_SERIAL, json_get_str(doc, "serial", ""));
	add_once(f, RULE_UUID, json_get_str(doc, "uuid", ""));
	add_once(f, RULE_VENDOR, json_get_str(doc, "vendor", ""));
	add_once(f, RULE_MODEL, json_get_str(doc, "product", ""));
	add_once(f, RULE_MODE, json_get_str(doc, "firmware", ""));
	add_once(f, RULE_FIRMWARE, json_get_str(doc, "bios_version", ""));
	add_once(f, RULE_FIRMWARE, json_get_str(doc, "bios", ""));
	add_once(f, RULE_ARCH, json_get_str(doc, "arch", ""));
	add_once(f, RULE_CPU, json_get_str(cpu, "model", ""));
	rule_add_number(f, RULE_CPUS, json_get_int(cpu, "count", 0));
	rule_add_number(f, RULE_MEMORY, memory_of(doc));
	for (size_t i = 0; i < json_len(nics); i++)
		add_mac(f, json_get_str(json_at(nics, i), "mac", ""));
	add_each(f, RULE_DRIVER, nics, "driver");
	add_each(f, RULE_DISK, json_get(doc, "disks"), "model");
	add_each(f, RULE_DIMM, json_get(doc, "dimms"), "slot");
	add_each(f, RULE_DIMM, json_get(doc, "dimms"), "part");
}

/* ---- what the store has ---- */

/* Option 93 in the words of uname. */
static const char *arch_word(uint16_t arch)
{
	static const uint16_t x86[] = { 0, 6, 7, 9, 15, 16 }, arm[] = { 11, 18, 19 };

	for (size_t i = 0; i < ARRAY_LEN(x86); i++) {
		if (x86[i] == arch)
			return "x86_64";
	}
	for (size_t i = 0; i < ARRAY_LEN(arm); i++) {
		if (arm[i] == arch)
			return "aarch64";
	}
	return "";
}

static int add_labels(struct store *s, int64_t host, struct rule_facts *f)
{
	struct store_label labels[STORE_LABELS_MAX];
	int n = store_host_labels(s, host, labels, STORE_LABELS_MAX);

	for (int i = 0; i < n; i++)
		rule_add_label(f, labels[i].name, labels[i].value);
	return n < 0 ? n : 0;
}

static int add_macs(struct store *s, int64_t host, struct rule_facts *f)
{
	uint8_t macs[HOST_MACS_MAX][6];
	int n = store_host_macs(s, host, macs, HOST_MACS_MAX);
	char text[HOST_MAC_TEXT];

	for (int i = 0; i < n; i++) {
		host_mac_print(macs[i], text);
		add_once(f, RULE_MAC, text);
	}
	return n < 0 ? n : 0;
}

static int add_place(struct store *s, int64_t host, struct rule_facts *f)
{
	struct store_place p;
	int rc = store_host_place(s, host, &p);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rule_add_number(f, RULE_RELAY, p.relay);
	rule_add_bytes(f, RULE_CIRCUIT, p.circuit, p.circuit_len);
	rule_add_bytes(f, RULE_REMOTE, p.remote, p.remote_len);
	return 0;
}

static int add_neighbours(struct store *s, int64_t host, struct rule_facts *f)
{
	struct store_neighbour all[STORE_NEIGHBOURS_MAX];
	int n = store_neighbours(s, host, all, STORE_NEIGHBOURS_MAX);

	for (int i = 0; i < n; i++) {
		add_once(f, RULE_SWITCH, all[i].system);
		add_once(f, RULE_SWITCH, all[i].chassis);
		add_once(f, RULE_PORT, all[i].port);
		add_once(f, RULE_PORT, all[i].port_description);
	}
	return n < 0 ? n : 0;
}

static int add_boot(struct store *s, int64_t host, struct rule_facts *f)
{
	struct store_boot b;
	int rc = store_boot_newest(s, host, &b);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rule_add_number(f, RULE_SUBNET, b.addr);
	add_once(f, RULE_MODE, b.firmware);
	add_once(f, RULE_ARCH, arch_word(b.arch));
	return 0;
}

static int add_agent(struct store *s, int64_t host, struct rule_facts *f)
{
	char *text = NULL, err[80];
	struct json *doc;
	int rc = store_host_facts(s, host, &text);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	doc = json_read(text, strlen(text), err, sizeof err);
	if (doc)
		facts_of_agent(doc, f);
	json_free(doc);
	free(text);
	return 0;
}

int facts_gather(struct store *s, const struct store_host *h, struct rule_facts *f)
{
	static int (*const adds[])(struct store *, int64_t, struct rule_facts *) = {
		add_labels,
		add_macs,
		add_place,
		add_neighbours,
		add_boot,
		add_agent,
	};
	char uuid[HOST_UUID_TEXT] = "";
	int rc = 0;

	f->complete = false;
	f->n = 0;
	if (h->has_uuid)
		host_uuid_print(h->uuid, uuid);
	rule_add_text(f, RULE_NAME, h->name);
	rule_add_text(f, RULE_SERIAL, h->serial);
	rule_add_text(f, RULE_UUID, uuid);
	rule_add_text(f, RULE_VENDOR, h->vendor);
	rule_add_text(f, RULE_MODEL, h->product);
	for (size_t i = 0; i < ARRAY_LEN(adds) && !rc; i++)
		rc = adds[i](s, h->id, f);
	return rc;
}

/* ---- what people wrote ---- */

static void add_addr(struct rule_facts *f, enum rule_key key, const char *text)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) == 1)
		rule_add_number(f, key, ntohl(in.s_addr));
}

static void add_written(struct rule_facts *f, enum rule_key key, const char *text)
{
	uint8_t bytes[HOST_BYTES_MAX];
	int n = host_bytes_parse(text, bytes);

	if (n > 0)
		rule_add_bytes(f, key, bytes, (size_t)n);
	else
		rule_add_bytes(f, key, (const uint8_t *)text, strlen(text));
}

/* One text, or a list of them. */
static void add_texts(struct rule_facts *f, enum rule_key key, const struct json *texts)
{
	add_once(f, key, json_str(texts, ""));
	for (size_t i = 0; i < json_len(texts); i++)
		add_once(f, key, json_str(json_at(texts, i), ""));
}

void facts_of_file(const struct json *doc, struct rule_facts *f)
{
	const struct json *labels = json_get(doc, "labels"), *macs = json_get(doc, "macs"), *v;
	const char *name;

	*f = (struct rule_facts){ 0 };
	rule_add_text(f, RULE_NAME, json_get_str(doc, "name", ""));
	for (size_t i = 0; i < json_len(macs); i++)
		add_mac(f, json_str(json_at(macs, i), ""));
	add_addr(f, RULE_SUBNET, json_get_str(doc, "addr", ""));
	add_addr(f, RULE_RELAY, json_get_str(doc, "relay", ""));
	add_written(f, RULE_CIRCUIT, json_get_str(doc, "circuit", ""));
	add_written(f, RULE_REMOTE, json_get_str(doc, "remote", ""));
	add_texts(f, RULE_SWITCH, json_get(doc, "switch"));
	add_texts(f, RULE_PORT, json_get(doc, "port"));
	for (size_t i = 0; (v = json_member(labels, i, &name)); i++)
		rule_add_label(f, name, json_str(v, ""));
	facts_of_agent(doc, f);
}
