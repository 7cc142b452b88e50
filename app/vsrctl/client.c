/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The connection to the daemon: JSON-RPC 2.0, one line in each direction. */

#include <errno.h>
#include <string.h>

#include "common/show.h"

#include "ctl.h"

#define ANSWER_MS 60000

/* Make all strings of an answer printable, since some daemon made them; takes the reference. */
/* NOLINTBEGIN(misc-no-recursion): the parser limits the depth. */
static json_t *
clean(json_t *value)
{
	const char *name;
	json_t *member;
	size_t i;

	if (json_is_string(value)) {
		json_t *text = show_text(json_string_value(value));

		json_decref(value);
		return text;
	}
	json_object_foreach(value, name, member)
			json_object_set_new(value, name, clean(json_incref(member)));
	json_array_foreach(value, i, member)
			json_array_set_new(value, i, clean(json_incref(member)));
	return value;
}
/* NOLINTEND(misc-no-recursion) */

json_t *
client_receive(int fd, struct rpc_client_buf *buf, int timeout_ms, int *ret)
{
	json_t *line = rpc_client_receive(fd, buf, timeout_ms, ret);

	return line != NULL ? clean(line) : NULL;
}

/* ---------------------------------------------------------------- calls */

/* @return the answer, or NULL with *ret. */
static json_t *
exchange(const struct ctl *ctl, const char *method, json_t *params, int *ret)
{
	json_t *answer = rpc_client_call(ctl->socket, method, params, ANSWER_MS, ret);

	return answer != NULL ? clean(answer) : NULL;
}

static int
refuse_connection(const struct ctl *ctl, int ret)
{
	const bool bridge = strcmp(ctl->daemon, CTL_BRIDGE) == 0;

	if (ret == -ENOENT || ret == -ECONNREFUSED) {
		ctl_refuse(ctl, "%s does not answer on %s: start it (systemctl start %s, or %s)",
				ctl->daemon, ctl->socket, ctl->daemon,
				bridge ? "vsrd-keeper vsr-bridge" : "vsrd-keeper vsrd --pf all");
		return CTL_NO_DAEMON;
	}
	if (ret == -EACCES)
		return ctl_refuse(ctl, "you may not use %s: run as root or as the user of %s",
				ctl->socket, ctl->daemon);
	return ctl_refuse(ctl, "%s does not answer on %s: %s", ctl->daemon, ctl->socket,
			strerror(-ret));
}

/* Print the error of an answer. */
static int
refuse_answer(const struct ctl *ctl, const json_t *error)
{
	const json_t *data = json_object_get(error, "data");
	const char *message = ctl_text(error, "message");
	json_t *out;

	fprintf(stderr, "vsrctl: %s\n", message);
	if (!ctl->json)
		return CTL_REFUSED;
	out = data != NULL ? json_copy((json_t *)(uintptr_t)data) : json_object();
	json_object_set_new(out, "error", json_string(message));
	ctl_print_json(ctl, out);
	return CTL_REFUSED;
}

static bool
is_not_owned(const json_t *error)
{
	const json_t *data = json_object_get(error, "data");

	return strcmp(ctl_text(data, "errno"), "ENODEV") == 0;
}

static json_t *
call(const struct ctl *ctl, const char *method, json_t *params, bool must, int *code)
{
	json_t *answer, *result, *error;
	int ret;

	answer = exchange(ctl, method, params, &ret);
	if (answer == NULL) {
		*code = CTL_NO_DAEMON;
		if (must || (ret != -ENOENT && ret != -ECONNREFUSED))
			*code = refuse_connection(ctl, ret);
		return NULL;
	}
	result = json_incref(json_object_get(answer, "result"));
	error = json_object_get(answer, "error");
	*code = CTL_OK;
	if (result == NULL && !must && is_not_owned(error))
		*code = CTL_NO_DAEMON;
	else if (result == NULL)
		*code = refuse_answer(ctl, error);
	json_decref(answer);
	return result;
}

json_t *
ctl_call(const struct ctl *ctl, const char *method, json_t *params, int *code)
{
	return call(ctl, method, params, true, code);
}

json_t *
ctl_try(const struct ctl *ctl, const char *method, json_t *params, int *code)
{
	return call(ctl, method, params, false, code);
}
