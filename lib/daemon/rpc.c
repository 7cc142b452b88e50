/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* JSON-RPC 2.0 without the socket. */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rpc.h"

#define MAX_DEPTH 32

/* ---------------------------------------------------------------- used by methods */

int
rpc_params(struct rpc_call *call, const char *fmt, ...)
{
	json_error_t error;
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = json_vunpack_ex(call->params, &error, JSON_STRICT, fmt, args);
	va_end(args);
	if (ret != 0) {
		call->code = RPC_INVALID_PARAMS;
		err_set(&call->err, -EINVAL, "invalid parameters: %s", error.text);
	}
	return ret;
}

json_t *
rpc_bad_params(struct rpc_call *call, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	err_vset(&call->err, fmt, args);
	va_end(args);
	call->code = RPC_INVALID_PARAMS;
	return NULL;
}

json_t *
rpc_refuse(struct rpc_call *call, int ret)
{
	call->code = RPC_REFUSED;
	call->ret = ret;
	return NULL;
}

static const char *
errno_name(int ret)
{
	const char *name = strerrorname_np(ret < 0 ? -ret : ret);

	return name != NULL ? name : "EIO";
}

/* ---------------------------------------------------------------- answers */

static json_t *
envelope(json_t *id)
{
	return json_pack("{s:s, s:o}", "jsonrpc", "2.0", "id",
			id != NULL ? json_incref(id) : json_null());
}

static json_t *
error_answer(json_t *id, int code, const char *message, json_t *data)
{
	json_t *answer = envelope(id);
	json_t *error = json_pack("{s:i, s:s}", "code", code, "message", message);

	if (data != NULL)
		json_object_set_new(error, "data", data);
	json_object_set_new(answer, "error", error);
	return answer;
}

static json_t *
result_answer(const struct rpc_call *call, json_t *id, json_t *result)
{
	json_t *answer, *data = NULL;

	if (result != NULL) {
		answer = envelope(id);
		json_object_set_new(answer, "result", result);
		return answer;
	}
	if (call->code == 0)
		return error_answer(id, RPC_INTERNAL, "the result cannot be written", NULL);
	if (call->code == RPC_REFUSED) {
		data = call->data != NULL ? json_incref(call->data) : json_object();
		json_object_set_new(data, "errno", json_string(errno_name(call->ret)));
	}
	return error_answer(id, call->code, call->err.text, data);
}

/* ---------------------------------------------------------------- requests */

static bool
id_is_valid(const json_t *id)
{
	return json_is_string(id) || json_is_number(id) || json_is_null(id);
}

/* The end of the daemon waits for a request that has begun, but not for the rest of a batch. */
static bool
is_ending(const struct rpc_call *call)
{
	return call->ending != NULL && *call->ending;
}

/* Run one request. @return its answer, or NULL for a notification. */
static json_t *
run_one(const struct rpc_method *methods, struct rpc_call *call, json_t *request)
{
	const char *version = json_string_value(json_object_get(request, "jsonrpc"));
	const char *name = json_string_value(json_object_get(request, "method"));
	json_t *params = json_object_get(request, "params");
	json_t *id = json_object_get(request, "id");
	json_t *answer, *result;

	if (version == NULL || strcmp(version, "2.0") != 0 || name == NULL ||
			(id != NULL && !id_is_valid(id)) ||
			(params != NULL && !json_is_object(params) && !json_is_array(params)))
		return error_answer(id != NULL && id_is_valid(id) ? id : NULL, RPC_INVALID_REQUEST,
				"not a request of JSON-RPC 2.0", NULL);
	while (methods->name != NULL && strcmp(methods->name, name) != 0)
		methods++;
	if (methods->name == NULL)
		return id == NULL ? NULL : error_answer(id, RPC_NO_METHOD, "unknown method", NULL);
	call->code = call->ret = 0;
	call->data = NULL;
	call->err.text[0] = '\0';
	call->params = NULL;
	if (is_ending(call)) {
		result = rpc_refuse(call, err_set(&call->err, -ECANCELED, "the daemon is ending"));
	} else if (json_is_array(params) && json_array_size(params) != 0) {
		result = rpc_bad_params(call, "parameters must be given by name");
	} else {
		call->params = json_is_object(params) ? json_incref(params) : json_object();
		result = methods->run(call);
	}
	answer = id == NULL ? NULL : result_answer(call, id, result);
	if (id == NULL)
		json_decref(result);
	json_decref(call->params);
	json_decref(call->data);
	call->params = call->data = NULL;
	return answer;
}

static json_t *
run_batch(const struct rpc_method *methods, struct rpc_call *call, json_t *batch)
{
	json_t *answers, *request;
	size_t i;

	if (json_array_size(batch) == 0 || json_array_size(batch) > RPC_MAX_BATCH)
		return error_answer(NULL, RPC_INVALID_REQUEST, "a batch has 1 to 64 requests",
				NULL);
	answers = json_array();
	json_array_foreach(batch, i, request)
	{
		json_t *answer = run_one(methods, call, request);

		if (answer != NULL)
			json_array_append_new(answers, answer);
	}
	if (json_array_size(answers) == 0) {
		json_decref(answers);
		return NULL;
	}
	return answers;
}

/* Counts brackets in strings too; strings with many brackets are rare. */
static bool
too_deep(const char *text, size_t len)
{
	unsigned int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '[' || text[i] == '{')
			depth++;
		else if ((text[i] == ']' || text[i] == '}') && depth > 0)
			depth--;
		if (depth > MAX_DEPTH)
			return true;
	}
	return false;
}

/* Turn a message into text; takes its reference. @return NULL: out of memory. */
static char *
to_line(json_t *message)
{
	char *text = message != NULL ? json_dumps(message, JSON_COMPACT) : NULL, *line = NULL;

	json_decref(message);
	if (text != NULL && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

/* As to_line(), but each request gets an answer, whatever is in it. */
static char *
answer_line(json_t *answer)
{
	char *line;

	if (answer == NULL) /* only notifications */
		return NULL;
	line = to_line(answer);
	return line != NULL ? line :
			      strdup("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,"
				     "\"message\":\"the answer cannot be written\"}}\n");
}

char *
rpc_answer(const struct rpc_method *methods, struct rpc_call *call, const char *text, size_t len)
{
	json_error_t error;
	json_t *request, *answer;
	struct err err;

	request = too_deep(text, len) ? NULL :
					json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (request == NULL) {
		err_set(&err, 0, "not JSON: %s",
				too_deep(text, len) ? "nested too deeply" : error.text);
		return answer_line(error_answer(NULL, RPC_PARSE_ERROR, err.text, NULL));
	}
	answer = json_is_array(request) ? run_batch(methods, call, request) :
					  run_one(methods, call, request);
	json_decref(request);
	return answer_line(answer);
}

char *
rpc_notification(const char *method, json_t *params)
{
	return to_line(json_pack("{s:s, s:s, s:O}", "jsonrpc", "2.0", "method", method, "params",
			params));
}
