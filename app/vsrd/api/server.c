/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/base_server.h"

#include "vsrd/core/log.h"
#include "server.h"

struct server {
	struct server_conf conf;
	struct base_server *base;
	unsigned long requests, turned_away;
};

static long long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* ---------------------------------------------------------------- one client */

/* @return false: it does not take it in time, or is gone. */
static bool
send_all(const struct conn *conn, const char *text, size_t len)
{
	const long long end = now_ms() + SERVER_PEER_MS;
	struct pollfd wait = { .fd = conn->client->fd, .events = POLLOUT };

	while (len != 0) {
		const ssize_t n = send(conn->client->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			text += n;
			len -= (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (now_ms() >= end || poll(&wait, 1, (int)(end - now_ms())) < 0)
			return false;
	}
	return true;
}

static bool
answer_line(struct conn *conn, const char *line, size_t len)
{
	struct server *server = conn->server;
	struct rpc_call call = { .vsrd = server->conf.vsrd, .conn = conn };
	char *text = rpc_answer(server->conf.methods, &call, line, len);
	bool fine = true;

	__atomic_add_fetch(&server->requests, 1, __ATOMIC_RELAXED);
	if (text != NULL)
		fine = send_all(conn, text, strlen(text));
	free(text);
	return fine;
}

/* Answer every whole line at the front. @return bytes that are left, or -1: hang up. */
static ssize_t
answer_lines(struct conn *conn, char *room, size_t len)
{
	size_t at = 0;
	char *end;

	while ((end = memchr(room + at, '\n', len - at)) != NULL) {
		const size_t line_len = (size_t)(end - room) - at;

		if (line_len != 0 && !answer_line(conn, room + at, line_len))
			return -1;
		at += line_len + 1;
	}
	memmove(room, room + at, len - at);
	return (ssize_t)(len - at);
}

static bool
send_events(struct conn *conn)
{
	bool fine = true;
	char *line;

	while (fine && (line = events_take(&conn->listener)) != NULL) {
		fine = send_all(conn, line, strlen(line));
		free(line);
	}
	return fine;
}

/* Wait for input (true), or see to events meanwhile. *end: when the line at hand must be there. */
static bool
wait_input(struct conn *conn, long long end)
{
	for (;;) {
		struct pollfd wait[3] = { { .fd = conn->client->fd, .events = POLLIN },
			{ .fd = conn->client->stop_fd, .events = POLLIN },
			{ .fd = conn->listener.on ? conn->listener.wake : -1, .events = POLLIN } };
		const long long left = end < 0 ? -1 : end - now_ms();
		const int nb = end >= 0 && left <= 0 ? 0 : poll(wait, 3, (int)left);

		if (nb == 0 || (nb < 0 && errno != EINTR))
			return false;
		if (nb < 0)
			continue;
		if (wait[1].revents != 0)
			return false;
		if (wait[2].revents != 0 && !send_events(conn))
			return false;
		if (wait[0].revents != 0)
			return true;
	}
}

static void
answer_all(struct conn *conn, char *room)
{
	static const char too_long[] =
			"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":"
			"{\"code\":-32600,\"message\":\"the request is longer than 65536 "
			"bytes\"}}\n";
	long long end = -1;
	ssize_t len = 0;

	while (wait_input(conn, end)) {
		const ssize_t n = recv(conn->client->fd, room + len, RPC_MAX_REQUEST - (size_t)len,
				MSG_DONTWAIT);
		const ssize_t before = len;

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			break;
		if (n < 0)
			continue;
		len = answer_lines(conn, room, (size_t)(len + n));
		if (len < 0)
			break;
		if (len == RPC_MAX_REQUEST) {
			send_all(conn, too_long, sizeof(too_long) - 1);
			break;
		}
		if (len == 0)
			end = -1;
		else if (before == 0 || len < before + n || end < 0)
			end = now_ms() + SERVER_PEER_MS;
	}
}

static void
serve(struct base_client *client)
{
	struct server *server = client->ctx;
	struct conn conn = { .server = server, .client = client };
	char *room = malloc(RPC_MAX_REQUEST);

	if (room != NULL)
		answer_all(&conn, room);
	free(room);
	events_leave(&conn.listener);
	if (server->conf.on_leave != NULL)
		server->conf.on_leave(server->conf.vsrd, &conn);
}

/* ---------------------------------------------------------------- clients come and go */

static bool
admit(void *ctx, const struct base_client *client)
{
	const struct server *server = ctx;

	if (client->uid == 0 || client->uid == geteuid())
		return true;
	for (unsigned int i = 0; i < server->conf.nb_uids; i++)
		if (server->conf.uids[i] == client->uid)
			return true;
	return false;
}

static void
refuse(void *ctx, const struct base_client *client, int err)
{
	struct server *server = ctx;
	char reason[128], text[256];
	int len;

	if (err == -EACCES)
		snprintf(reason, sizeof(reason),
				"user %u may not use this daemon: start it with "
				"--allow-uid %u",
				client->uid, client->uid);
	else
		snprintf(reason, sizeof(reason), "there %s: try again later",
				err == -EUSERS ? "are too many clients" :
						 "is no thread for another client");
	log_warn("client turned away: %s", reason);
	__atomic_add_fetch(&server->turned_away, 1, __ATOMIC_RELAXED);
	len = snprintf(text, sizeof(text),
			"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":"
			"-32000,\"message\":\"%s\",\"data\":{\"errno\":\"EACCES\"}}}\n",
			reason);
	send(client->fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---------------------------------------------------------------- life */

static int
refuse_start(const char *path, int err, struct why *why)
{
	switch (err) {
	case -ENAMETOOLONG:
		return why_not(why, err, "the name of the socket is too long: %s", path);
	case -EADDRINUSE:
		return why_not(why, err,
				"another vsrd answers on %s: stop it first, or "
				"name another folder with --run-dir",
				path);
	default:
		return why_not(why, err, "the socket %s cannot be made: %s", path, strerror(-err));
	}
}

struct server *
server_start(const struct server_conf *conf, struct why *why)
{
	struct server *server = calloc(1, sizeof(*server));
	const struct base_server_conf base = {
		.path = conf->path,
		.type = SOCK_STREAM,
		/* Users named by --allow-uid must be able to connect before they are admitted. */
		.mode = conf->nb_uids != 0 ? 0666 : 0600,
		.max_clients = SERVER_MAX_CONNS,
		.ctx = server,
		.admit = admit,
		.refuse = refuse,
		.serve = serve,
	};
	int ret;

	if (server == NULL) {
		why_not(why, -ENOMEM, "there is no memory");
		return NULL;
	}
	server->conf = *conf;
	ret = base_server_start(&base, &server->base);
	if (ret != 0) {
		refuse_start(conf->path, ret, why);
		free(server);
		return NULL;
	}
	return server;
}

void
server_stop(struct server *server)
{
	if (server == NULL)
		return;
	base_server_stop(server->base);
	free(server);
}

void
server_stats(struct server *server, struct server_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	if (server == NULL)
		return;
	stats->clients = base_server_nb_clients(server->base);
	stats->requests = __atomic_load_n(&server->requests, __ATOMIC_RELAXED);
	stats->turned_away = __atomic_load_n(&server->turned_away, __ATOMIC_RELAXED);
}
