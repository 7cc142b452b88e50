/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The connection to the daemon: JSON-RPC 2.0, one line in each direction. */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "daemon/rpc_proto.h"
#include "common/show.h"

#include "ctl.h"

#define ANSWER_MS 60000

int
client_open(const struct ctl *ctl)
{
	const struct timeval limit = { .tv_sec = 5 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(ctl->socket) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, ctl->socket);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int
client_send(int fd, const char *method, json_t *params)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
			method, "params", params);
	char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t len = text != NULL ? strlen(text) : 0, sent = 0;
	int ret = text == NULL ? -ENOMEM : 0;

	if (text != NULL)
		text[len++] = '\n'; /* replaces the terminator */
	while (ret == 0 && sent < len) {
		const ssize_t n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			ret = -errno;
		else if (n > 0)
			sent += (size_t)n;
	}
	free(text);
	json_decref(request);
	return ret;
}

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

/* Take the first line out of the buffer. @return NULL: it is not complete yet. */
static json_t *
take_line(struct client_buf *buf, int *ret)
{
	char *end = buf->len != 0 ? memchr(buf->text, '\n', buf->len) : NULL;
	json_error_t error;
	json_t *line;
	size_t len;

	if (end == NULL)
		return NULL;
	len = (size_t)(end - buf->text);
	line = json_loadb(buf->text, len, 0, &error);
	if (line == NULL)
		*ret = -EPROTO;
	buf->len -= len + 1;
	memmove(buf->text, end + 1, buf->len);
	return line != NULL ? clean(line) : NULL;
}

/* Receive more bytes. @return 0 or -errno; -ECONNRESET at the end of the stream. */
static int
read_more(int fd, struct client_buf *buf)
{
	ssize_t n;

	if (buf->len == buf->size) {
		const size_t size = buf->size != 0 ? 2 * buf->size : 4096;
		char *text = size <= RPC_MAX_ANSWER ? realloc(buf->text, size) : NULL;

		if (text == NULL)
			return -EMSGSIZE;
		buf->text = text;
		buf->size = size;
	}
	n = read(fd, buf->text + buf->len, buf->size - buf->len);
	if (n <= 0)
		return n == 0 ? -ECONNRESET : errno == EINTR ? 0 : -errno;
	buf->len += (size_t)n;
	return 0;
}

json_t *
client_receive(int fd, struct client_buf *buf, int timeout_ms, int *ret)
{
	const long long end = base_now_ms() + timeout_ms;
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	json_t *line;

	*ret = 0;
	for (;;) {
		long long left = timeout_ms < 0 ? -1 : end - base_now_ms();
		int nb;

		line = take_line(buf, ret);
		if (line != NULL || *ret != 0)
			return line;
		if (timeout_ms >= 0 && left < 0)
			left = 0;
		nb = poll(&wait, 1, (int)left);
		if (nb == 0)
			*ret = -ETIMEDOUT;
		else if (nb < 0)
			*ret = errno == EINTR ? 0 : -errno;
		else
			*ret = read_more(fd, buf);
		if (*ret != 0)
			return NULL;
	}
}

/* ---------------------------------------------------------------- calls */

/* @return the answer, or NULL with *ret. */
static json_t *
exchange(const struct ctl *ctl, const char *method, json_t *params, int *ret)
{
	struct client_buf buf = { NULL, 0, 0 };
	json_t *answer = NULL;
	const int fd = client_open(ctl);

	if (fd < 0) {
		json_decref(params);
		*ret = fd;
		return NULL;
	}
	*ret = client_send(fd, method, params);
	if (*ret == 0 || *ret == -EPIPE) /* a refused client gets an answer before the close */
		answer = client_receive(fd, &buf, ANSWER_MS, ret);
	free(buf.text);
	close(fd);
	return answer;
}

static int
refuse_connection(const struct ctl *ctl, int ret)
{
	if (ret == -ENOENT || ret == -ECONNREFUSED) {
		ctl_refuse(ctl,
				"vsrd does not answer on %s: start it (systemctl start vsrd, or "
				"vsrd-keeper vsrd --pf all)",
				ctl->socket);
		return CTL_NO_DAEMON;
	}
	if (ret == -EACCES)
		return ctl_refuse(ctl, "you may not use %s: run as root or as the user of vsrd",
				ctl->socket);
	return ctl_refuse(ctl, "vsrd does not answer on %s: %s", ctl->socket, strerror(-ret));
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
