/*
 * reporter.c: an EFI program for the boot tests. Started by iPXE it does what it is asked by its
 * load options, through iPXE's download protocol, as VMware's mboot does there, and says on the
 * serial console what it got: get=URL    fetch it -c URL     fetch a boot.cfg, its kernel, each of
 * its modules and its crypto module, and say length and a checksum (FNV-1a) of each up=URL fetch it
 * when all that was good: the report Without options it fetches REPORT_URL.
 */
#include <stddef.h>
#include <stdint.h>

#ifndef REPORT_URL
#define REPORT_URL "http://10.77.0.1/v1/boot/here/up?detail=EFI%20program"
#endif

#define EFIAPI	 __attribute__((ms_abi))
#define CFG_MAX	 65536
#define TEXT_MAX 2048

typedef uint64_t efi_status;

struct guid {
	uint32_t a;
	uint16_t b, c;
	uint8_t d[8];
};

/* UEFI 2.10 section 4.3; what is not used is only counted. */
struct table_header {
	uint64_t signature;
	uint32_t revision, size, crc, reserved;
};

struct text_output {
	void *reset;
	efi_status(EFIAPI *output)(struct text_output *, const uint16_t *);
};

struct boot_services {
	struct table_header head;
	void *tpl[2], *memory[5], *events[6], *protocols[3];
	efi_status(EFIAPI *handle_protocol)(void *, const struct guid *, void **);
	void *more[5], *images[5], *misc[3], *connect[2], *open[3], *handles[2];
	efi_status(EFIAPI *locate_protocol)(const struct guid *, void *, void **);
};

struct runtime_services {
	struct table_header head;
	void *time[4], *virtual_memory[2], *variables[3], *count;
	efi_status(EFIAPI *reset)(int, efi_status, uint64_t, void *);
};

struct system_table {
	struct table_header head;
	void *vendor;
	uint32_t revision, pad;
	void *in_handle, *in, *out_handle;
	struct text_output *out;
	void *err_handle, *err;
	struct runtime_services *runtime;
	struct boot_services *boot;
};

struct loaded_image {
	uint32_t revision, pad;
	void *parent, *system, *device, *path, *reserved;
	uint32_t options_size, pad2;
	uint16_t *options;
};

/* iPXE's download protocol, as far as it is used. */
struct download {
	efi_status(EFIAPI *start)(struct download *, const char *,
		efi_status(EFIAPI *data)(void *, void *, uint64_t, uint64_t),
		void(EFIAPI *finish)(void *, efi_status), void *, void **);
	void *abort;
	efi_status(EFIAPI *poll)(struct download *);
};

static const struct guid image_guid = { 0x5b1b31a1, 0x9562, 0x11d2,
	{ 0x8e, 0x3f, 0, 0xa0, 0xc9, 0x69, 0x72, 0x3b } };
static const struct guid download_guid = { 0x3eaeaebd, 0xdecf, 0x493b,
	{ 0x9b, 0xd1, 0xcd, 0xb2, 0xde, 0xca, 0xe7, 0x19 } };

static struct system_table *sys;
static struct download *dl;

void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
efi_status EFIAPI efi_main(void *handle, struct system_table *table);

void *memset(void *p, int c, size_t n)
{
	for (volatile uint8_t *b = p; n--;)
		*b++ = (uint8_t)c;
	return p;
}

void *memcpy(void *to, const void *from, size_t n)
{
	volatile uint8_t *t = to;

	for (const uint8_t *f = from; n--;)
		*t++ = *f++;
	return to;
}

/* ---- the serial console: COM1 itself, so that nothing of the firmware's own is between ---- */

static void out_byte(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t in_byte(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void say(const char *s)
{
	for (; *s; s++) {
		while (!(in_byte(0x3fd) & 0x20))
			;
		out_byte(0x3f8, (uint8_t)*s);
	}
}

static void say_number(uint64_t n, unsigned base)
{
	char text[32], *p = text + sizeof text - 1;

	*p = 0;
	do {
		*--p = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	say(p);
}

/* ---- fetching ---- */

struct fetch {
	uint64_t len, at, sum; /* at: where the next bytes belong */
	int over, ordered;
	efi_status status;
	char *keep; /* CFG_MAX bytes, or NULL */
};

static efi_status EFIAPI on_data(void *arg, void *buf, uint64_t len, uint64_t at)
{
	struct fetch *f = arg;
	const uint8_t *p = buf;

	if (!len)
		return 0; /* says how long it will be */
	f->ordered = f->ordered && at == f->at;
	f->at = at + len;
	f->len += len;
	for (uint64_t i = 0; i < len; i++) {
		f->sum = (f->sum ^ p[i]) * 0x100000001b3;
		if (f->keep && at + i < CFG_MAX - 1)
			f->keep[at + i] = (char)p[i];
	}
	return 0;
}

static void EFIAPI on_finish(void *arg, efi_status status)
{
	struct fetch *f = arg;

	f->status = status;
	f->over = 1;
}

static int get(const char *url, char *keep)
{
	struct fetch f = { .sum = 0xcbf29ce484222325, .ordered = 1, .keep = keep };
	void *file;

	if (dl->start(dl, url, on_data, on_finish, &f, &file)) {
		say("reporter: cannot start ");
		say(url);
		say("\r\n");
		return -1;
	}
	while (!f.over)
		dl->poll(dl);
	say("reporter: ");
	say(f.status ? "failed " : "got ");
	say(url);
	say(" bytes=");
	say_number(f.len, 10);
	say(" fnv=");
	say_number(f.sum, 16);
	say(f.ordered ? "\r\n" : " in no order\r\n");
	return f.status || !f.ordered ? -1 : 0;
}

/* ---- boot.cfg ---- */

static int starts(const char *s, const char *with)
{
	while (*with && *s == *with)
		s++, with++;
	return !*with;
}

/* prefix/NAME of one item, which ends at a blank or the line's end. */
static int get_item(const char *prefix, const char **item)
{
	char url[TEXT_MAX];
	size_t n = 0;
	const char *s = *item;

	while (*prefix && *prefix != '\n' && n < TEXT_MAX - 2)
		url[n++] = *prefix++;
	url[n++] = '/';
	while (*s && *s != ' ' && *s != '\n' && n < TEXT_MAX - 1)
		url[n++] = *s++;
	url[n] = 0;
	*item = s;
	return get(url, NULL);
}

static int get_list(const char *prefix, const char *list)
{
	while (*list && *list != '\n') {
		if (get_item(prefix, &list))
			return -1;
		while (*list && *list != '\n' && !starts(list, " --- "))
			list++; /* the item's options */
		if (starts(list, " --- "))
			list += 5;
	}
	return 0;
}

static const char *value_of(const char *cfg, const char *key)
{
	for (const char *line = cfg; *line;) {
		if (starts(line, key)) {
			while (*line != '=')
				line++;
			return line + 1;
		}
		while (*line && *line != '\n')
			line++;
		line += *line == '\n';
	}
	return NULL;
}

static int boot_cfg(const char *url)
{
	static char cfg[CFG_MAX];
	const char *prefix, *kernel, *modules, *crypto, *options;

	if (get(url, cfg))
		return -1;
	prefix = value_of(cfg, "prefix=");
	kernel = value_of(cfg, "kernel=");
	modules = value_of(cfg, "modules=");
	crypto = value_of(cfg, "crypto=");
	options = value_of(cfg, "kernelopt=");
	if (!prefix || !kernel || !modules)
		return -1;
	say("reporter: kernelopt ");
	for (char c[2] = { 0, 0 }; options && (c[0] = *options) && c[0] != '\n'; options++)
		say(c);
	say("\r\n");
	if (get_list(prefix, kernel) || get_list(prefix, modules))
		return -1;
	return crypto ? get_list(prefix, crypto) : 0;
}

/* ---- load options ---- */

/* The word behind `name` in the options, cut at a blank, into out. */
static int option(const struct loaded_image *image, const char *name, char *out)
{
	const uint16_t *o = image->options, *end = o + image->options_size / 2;

	for (; o < end && *o; o++) {
		const uint16_t *p = o;
		const char *n = name;
		size_t len = 0;

		while (*n && p < end && *p == (uint16_t)*n)
			p++, n++;
		if (*n)
			continue;
		while (p < end && *p && *p != ' ' && len < TEXT_MAX - 1)
			out[len++] = (char)*p++;
		out[len] = 0;
		return 1;
	}
	return 0;
}

static void power_off(void)
{
	sys->runtime->reset(2, 0, 0, NULL);
}

efi_status EFIAPI efi_main(void *handle, struct system_table *table)
{
	static char url[TEXT_MAX];
	struct loaded_image *image = NULL;
	int rc = 0;

	sys = table;
	say("reporter: started\r\n");
	if (sys->boot->handle_protocol(handle, &image_guid, (void **)&image) ||
		sys->boot->locate_protocol(&download_guid, NULL, (void **)&dl)) {
		say("reporter: no iPXE to download with\r\n");
		return 1;
	}
	if (option(image, "comes-back", url)) {
		say("reporter: comes back\r\n");
		return 0;
	}
	if (option(image, "get=", url))
		rc = get(url, NULL);
	if (!rc && option(image, "-c ", url)) {
		rc = boot_cfg(url);
		/* TOKEN/boot.cfg -> TOKEN/up */
		for (char *p = url; *p; p++) {
			if (starts(p, "/boot.cfg"))
				memcpy(p, "/up", 4);
		}
		if (!rc)
			rc = get(url, NULL);
	} else if (!rc && option(image, "up=", url)) {
		rc = get(url, NULL);
	} else if (!rc) {
		rc = get(REPORT_URL, NULL);
	}
	say(rc ? "reporter: something failed\r\n" : "reporter: all is well\r\n");
	if (rc)
		return 1;
	power_off();
	return 0;
}
