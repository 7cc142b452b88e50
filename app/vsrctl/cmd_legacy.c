/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrctl legacy: the legacy registers of VFs, through vsrd. */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/base_hex.h"

#include "ctl.h"

/* Parameters: PF, VF, offset and area. */
static json_t *
of_register(const struct ctl *ctl, char *const args[])
{
	json_t *params = ctl_of_vf(ctl, args);
	unsigned long offset;

	if (params == NULL)
		return NULL;
	if (!ctl_number(args[2], UINT8_MAX, &offset)) {
		json_decref(params);
		ctl_refuse(ctl, "\"%s\" is not an offset: offsets are 0 to 255", args[2]);
		return NULL;
	}
	json_object_set_new(params, "offset", json_integer((json_int_t)offset));
	if (ctl->area != NULL)
		json_object_set_new(params, "area", json_string(ctl->area));
	return params;
}

/* Convert little-endian bytes, given as hexadecimal digits, to a number. */
static unsigned long long
value_of(const char *hex)
{
	unsigned long long value = 0;
	uint8_t data[sizeof(value)];

	for (int i = base_hex_parse(hex, data, sizeof(data)); i-- > 0;)
		value = value << 8 | data[i];
	return value;
}

int
cmd_legacy_read(const struct ctl *ctl, char *const args[])
{
	json_t *params = of_register(ctl, args), *answer;
	unsigned long len;
	const char *data;
	int code;

	if (params == NULL)
		return CTL_REFUSED;
	if (!ctl_number(args[3], 8, &len) || len == 0) {
		json_decref(params);
		return ctl_refuse(ctl, "a read takes 1 to 8 bytes, not %s", args[3]);
	}
	json_object_set_new(params, "len", json_integer((json_int_t)len));
	answer = ctl_call(ctl, "legacy.read", params, &code);
	if (answer == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, answer);
	data = ctl_text(answer, "data");
	printf("%s  0x%llx\n", data, value_of(data));
	json_decref(answer);
	return CTL_OK;
}

int
cmd_legacy_write(const struct ctl *ctl, char *const args[])
{
	json_t *params = of_register(ctl, args), *answer;
	int code;

	if (params == NULL)
		return CTL_REFUSED;
	json_object_set_new(params, "data", json_string(args[3]));
	answer = ctl_call(ctl, "legacy.write", params, &code);
	if (answer == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, answer);
	printf("%lld bytes written\n", (long long)ctl_int(answer, "written"));
	json_decref(answer);
	return CTL_OK;
}

int
cmd_legacy_dump(const struct ctl *ctl, char *const args[])
{
	json_t *params = ctl_of_vf(ctl, args), *dump, *reg;
	struct table table;
	size_t i;
	int code;

	if (params == NULL)
		return CTL_REFUSED;
	dump = ctl_call(ctl, "legacy.dump", params, &code);
	if (dump == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, dump);
	table_start(&table, "AREA", ">OFFSET", "REGISTER", "BYTES", "VALUE", NULL);
	json_array_foreach(json_object_get(dump, "registers"), i, reg)
	{
		const char *data = ctl_text(reg, "data");
		char offset[16], value[24];

		snprintf(offset, sizeof(offset), "%lld", (long long)ctl_int(reg, "offset"));
		snprintf(value, sizeof(value), "0x%llx", value_of(data));
		table_row(&table, ctl_text(reg, "area"), offset, ctl_text(reg, "name"), data,
				strcmp(ctl_text(reg, "name"), "mac") == 0 ? "" : value);
	}
	table_print(ctl, &table);
	json_decref(dump);
	return CTL_OK;
}

int
cmd_legacy_notify_info(const struct ctl *ctl, char *const args[])
{
	json_t *params = ctl_of_vf(ctl, args), *info, *doorbell;
	struct table table;
	size_t i;
	int code;

	if (params == NULL)
		return CTL_REFUSED;
	info = ctl_call(ctl, "legacy.notify_info", params, &code);
	if (info == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, info);
	table_start(&table, "OF", ">BAR", "OFFSET", NULL);
	json_array_foreach(json_object_get(info, "doorbells"), i, doorbell)
	{
		char bar[16], offset[24];

		snprintf(bar, sizeof(bar), "%lld", (long long)ctl_int(doorbell, "bar"));
		snprintf(offset, sizeof(offset), "0x%llx", (long long)ctl_int(doorbell, "offset"));
		table_row(&table, ctl_text(doorbell, "of"), bar, offset);
	}
	table_print(ctl, &table);
	json_decref(info);
	return CTL_OK;
}
