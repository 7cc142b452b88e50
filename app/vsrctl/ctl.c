/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* What the commands of vsrctl share: refusals, numbers, JSON, colours. */

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_number.h"

#include "ctl.h"

int
ctl_refuse(const struct ctl *ctl, const char *fmt, ...)
{
	struct err err;
	va_list args;

	va_start(args, fmt);
	err_vset(&err, fmt, args);
	va_end(args);
	fprintf(stderr, "vsrctl: %s\n", err.text);
	if (ctl->json)
		ctl_print_json(ctl, json_pack("{s:s}", "error", err.text));
	return CTL_REFUSED;
}

int
ctl_print_json(const struct ctl *ctl, json_t *object)
{
	int ret = object == NULL ? -1 : json_dumpf(object, stdout, JSON_INDENT(2));

	json_decref(object);
	if (ret != 0 || putchar('\n') == EOF || fflush(stdout) != 0) {
		fprintf(stderr, "vsrctl: the answer could not be written to stdout\n");
		return CTL_REFUSED;
	}
	return CTL_OK;
}

json_t *
ctl_absolute(const char *path)
{
	char cwd[PATH_MAX], text[2 * PATH_MAX];

	if (path[0] == '/' || getcwd(cwd, sizeof(cwd)) == NULL)
		cwd[0] = '\0';
	snprintf(text, sizeof(text), "%s%s%.4000s", cwd, cwd[0] != '\0' ? "/" : "", path);
	return json_string(text);
}

json_t *
ctl_of_vf(const struct ctl *ctl, char *const args[])
{
	unsigned long vf;

	if (ctl_number(args[1], SYSFS_MAX_VFS, &vf) && vf != 0)
		return json_pack("{s:s, s:I}", "pf", args[0], "vf", (json_int_t)vf);
	ctl_refuse(ctl, "\"%s\" is not a number of a VF: VFs are numbered from 1", args[1]);
	return NULL;
}

void
ctl_add_text(json_t *params, const char *name, const char *text)
{
	if (text != NULL)
		json_object_set_new(params, name, json_string(text));
}

bool
ctl_number(const char *text, unsigned long max, unsigned long *value)
{
	uint64_t number;

	if (base_number_parse_any(text, max, &number) != 0)
		return false;
	*value = (unsigned long)number;
	return true;
}

const char *
ctl_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "-";
}

json_int_t
ctl_int(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

const char *
ctl_paint(const struct ctl *ctl, const char *code, char buf[16])
{
	snprintf(buf, 16, "\033[%.8sm", code);
	return ctl->color ? buf : "";
}

const char *
ctl_plain(const struct ctl *ctl)
{
	return ctl->color ? "\033[0m" : "";
}
