#include "server/core/told.h"

#include <errno.h>
#include <stdio.h>

int told_read(const struct json *settings, struct config_told *out, char *err, size_t err_size)
{
	*out = (struct config_told){ 0 };
	if (!json_is_array(settings) || json_len(settings) > TOLD_SETTINGS_MAX) {
		snprintf(err, err_size, "options are a list of at most %d settings",
			TOLD_SETTINGS_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < json_len(settings); i++) {
		const char *line = json_str(json_at(settings, i), NULL);

		if (!line) {
			snprintf(err, err_size, "option %zu is no text", i + 1);
			return -EINVAL;
		}
		if (config_told_set(out, line, err, err_size) < 0)
			return -EINVAL;
	}
	return config_told_check(out, err, err_size);
}
