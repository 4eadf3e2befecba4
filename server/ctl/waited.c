#include "server/ctl/waited.h"

#include <string.h>

#include "server/ctl/format.h"
#include "server/ctl/text.h"

#define WAITED_MS_MAX (1LL << 48) /* no sum of them overflows */

static const char *const keys[BOOT_WAITS] = { "", "approval", "image", "turn" };
static const char *const texts[BOOT_WAITS] = { "", "approval", "an image", "its turn" };

static int64_t get_ms(const struct json *o, const char *key)
{
	const int64_t ms = json_get_int(o, key, 0);

	return ms < 0 ? 0 : ms < WAITED_MS_MAX ? ms : WAITED_MS_MAX;
}

void waited_read(const struct json *boot, int64_t now_ms, struct waited *out)
{
	const char *now = json_get_str(boot, "waits_for", "");
	const int64_t since = get_ms(boot, "waits_since");

	*out = (struct waited){ 0 };
	for (int i = BOOT_WAITS_APPROVAL; i < BOOT_WAITS; i++) {
		out->ms[i] = get_ms(json_get(boot, "waited"), keys[i]);
		if (strcmp(now, keys[i]) != 0)
			continue;
		out->now = (enum boot_wait)i;
		out->ms[i] += now_ms > since ? now_ms - since : 0;
	}
}

int64_t waited_took_ms(const struct waited *w, int64_t whole_ms)
{
	for (int i = BOOT_WAITS_APPROVAL; i < BOOT_WAITS; i++)
		whole_ms -= w->ms[i];
	return whole_ms > 0 ? whole_ms : 0;
}

char *waited_text(const struct waited *w, char out[WAITED_TEXT])
{
	struct text t = { .out = out, .size = WAITED_TEXT };
	char time[FORMAT_MAX];

	out[0] = 0;
	for (int i = BOOT_WAITS_APPROVAL; i < BOOT_WAITS; i++) {
		if (!w->ms[i])
			continue;
		text_put(&t, "%s %s for %s",
			t.len	 ? ","
			: w->now ? "waiting"
				 : "waited",
			format_seconds(w->ms[i], time), texts[i]);
	}
	return out;
}
