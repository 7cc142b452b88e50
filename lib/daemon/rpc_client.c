/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A connection to a daemon: JSON-RPC 2.0, one line in each direction. */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base_clock.h"

#include "rpc_client.h"
#include "rpc_proto.h"

int
rpc_client_open(const char *path)
{
	const struct timeval limit = { .tv_sec = 5 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
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
rpc_client_send(int fd, const char *method, json_t *params)
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

/* Take the first line out of the buffer. @return NULL: it is not complete yet. */
static json_t *
take_line(struct rpc_client_buf *buf, int *ret)
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
	return line;
}

/* Receive more bytes. @return 0 or -errno; -ECONNRESET at the end of the stream. */
static int
read_more(int fd, struct rpc_client_buf *buf)
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
rpc_client_receive(int fd, struct rpc_client_buf *buf, int timeout_ms, int *ret)
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

/* ---------------------------------------------------------------- one call */

json_t *
rpc_client_call(const char *path, const char *method, json_t *params, int timeout_ms, int *ret)
{
	const long long end = base_now_ms() + timeout_ms;
	struct rpc_client_buf buf = { NULL, 0, 0 };
	json_t *answer = NULL;
	const int fd = rpc_client_open(path);
	long long left;

	if (fd < 0) {
		json_decref(params);
		*ret = fd;
		return NULL;
	}
	*ret = rpc_client_send(fd, method, params);
	left = timeout_ms < 0 ? -1 : end > base_now_ms() ? end - base_now_ms() : 0;
	if (*ret == 0 || *ret == -EPIPE) /* a refused client gets an answer before the close */
		answer = rpc_client_receive(fd, &buf, (int)left, ret);
	free(buf.text);
	close(fd);
	return answer;
}
