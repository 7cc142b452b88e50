/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The socket of the daemon: one thread per client reads requests and writes answers and events. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_server.h"

#include "log.h"
#include "server.h"

struct server {
	struct server_conf conf;
	struct base_server *base;
	unsigned long requests, turned_away;
	unsigned int nb_staying;
	struct base_log_limit refusals;
};

/* ---------------------------------------------------------------- one client */

/* @return false: the client does not read in time, or is gone. When the server is stopped, the
 * client has SERVER_LAST_MS left. */
static bool
send_text(const struct client *client, const char *text, size_t len)
{
	long long end = base_now_ms() + SERVER_PEER_MS;
	struct pollfd wait[2] = { { .fd = client->base->fd, .events = POLLOUT },
		{ .fd = client->base->stop_fd, .events = POLLIN } };

	while (len != 0) {
		const ssize_t n = send(client->base->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		long long left;

		if (n > 0) {
			text += n;
			len -= (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		left = end - base_now_ms();
		if (left <= 0 || (poll(wait, 2, (int)left) < 0 && errno != EINTR))
			return false;
		if (wait[1].fd < 0 || wait[1].revents == 0)
			continue;
		/* The end of the daemon waits for this client. */
		wait[1].fd = -1;
		if (end > base_now_ms() + SERVER_LAST_MS)
			end = base_now_ms() + SERVER_LAST_MS;
	}
	return true;
}

static bool
answer_line(struct client *client, const char *line, size_t len)
{
	struct server *server = client->server;
	struct rpc_call call = { .daemon = server->conf.daemon,
		.client = client,
		.ending = server->conf.ending };
	char *text = rpc_answer(server->conf.methods, &call, line, len);
	bool fine = true;

	__atomic_add_fetch(&server->requests, 1, __ATOMIC_RELAXED);
	if (text != NULL)
		fine = send_text(client, text, strlen(text));
	free(text);
	return fine;
}

static bool
is_stopped(const struct client *client)
{
	struct pollfd wait = { .fd = client->base->stop_fd, .events = POLLIN };

	return poll(&wait, 1, 0) > 0;
}

/* Answer each complete line. @return number of bytes left over, or -1: disconnect. */
static ssize_t
answer_lines(struct client *client, char *buf, size_t len)
{
	size_t at = 0;
	char *end;

	while ((end = memchr(buf + at, '\n', len - at)) != NULL) {
		const size_t line_len = (size_t)(end - buf) - at;

		if (line_len != 0 &&
				(!answer_line(client, buf + at, line_len) || is_stopped(client)))
			return -1;
		at += line_len + 1;
	}
	memmove(buf, buf + at, len - at);
	return (ssize_t)(len - at);
}

static bool
send_events(struct client *client)
{
	bool fine = true;
	char *line;

	while (fine && (line = events_take(&client->subscriber)) != NULL) {
		fine = !is_stopped(client) && send_text(client, line, strlen(line));
		free(line);
	}
	return fine;
}

/* Wait for input; meanwhile send events. @param end  Deadline of an unfinished line, -1: none.
 * @return false: deadline, stop, or client gone. */
static bool
wait_input(struct client *client, long long end)
{
	for (;;) {
		struct pollfd wait[3] = { { .fd = client->base->fd, .events = POLLIN },
			{ .fd = client->base->stop_fd, .events = POLLIN },
			{ .fd = client->subscriber.on ? client->subscriber.wake : -1,
					.events = POLLIN } };
		const long long left = end < 0 ? -1 : end - base_now_ms();
		const int nb = end >= 0 && left <= 0 ? 0 : poll(wait, 3, (int)left);

		if (nb == 0 || (nb < 0 && errno != EINTR))
			return false;
		if (nb < 0)
			continue;
		if (wait[1].revents != 0)
			return false;
		if (wait[2].revents != 0 && !send_events(client))
			return false;
		if (wait[0].revents != 0)
			return true;
	}
}

static void
stays_no_more(struct client *client)
{
	if (client->stays)
		__atomic_sub_fetch(&client->server->nb_staying, 1, __ATOMIC_RELAXED);
	client->stays = false;
}

static bool
has_state(const struct client *client)
{
	const struct server_conf *conf = &client->server->conf;

	return client->subscriber.on ||
			(conf->has_state != NULL && conf->has_state(conf->daemon, client));
}

/* As wait_input(). @param idle  The client wants nothing. */
static bool
wait_next(struct client *client, long long end, bool idle)
{
	bool more;

	/* A request that failed, or has given the state back, leaves nothing to stay for. */
	if (client->stays && !has_state(client))
		stays_no_more(client);
	client->base->idle_since_ms = idle && !client->stays ? base_now_ms() : 0;
	more = wait_input(client, end);
	client->base->idle_since_ms = 0;
	return more;
}

static void
answer_all(struct client *client, char *buf)
{
	static const char too_long[] =
			"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":"
			"{\"code\":-32600,\"message\":\"the request is longer than 65536 "
			"bytes\"}}\n";
	long long end = -1;
	ssize_t len = 0;

	while (wait_next(client, end, len == 0)) {
		const ssize_t n = recv(client->base->fd, buf + len, RPC_MAX_REQUEST - (size_t)len,
				MSG_DONTWAIT);
		const ssize_t before = len;

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			break;
		if (n < 0)
			continue;
		len = answer_lines(client, buf, (size_t)(len + n));
		if (len < 0)
			break;
		if (len == RPC_MAX_REQUEST) {
			send_text(client, too_long, sizeof(too_long) - 1);
			break;
		}
		if (len == 0)
			end = -1;
		else if (before == 0 || len < before + n || end < 0)
			end = base_now_ms() + SERVER_PEER_MS;
	}
}

static void
serve(struct base_client *base)
{
	struct server *server = base->ctx;
	struct client client = { .server = server, .base = base };
	char *buf = malloc(RPC_MAX_REQUEST);

	if (buf != NULL)
		answer_all(&client, buf);
	free(buf);
	events_unsubscribe(&client.subscriber);
	stays_no_more(&client);
	if (server->conf.on_leave != NULL)
		server->conf.on_leave(server->conf.daemon, &client);
}

static bool
privileged(void *ctx, const struct base_client *base)
{
	return base->uid == 0 || base->uid == geteuid();
}

bool
server_client_stays(struct client *client)
{
	const bool root = privileged(client->server, client->base);
	unsigned int *nb = &client->server->nb_staying;

	if (client->stays)
		return true;
	client->stays = __atomic_add_fetch(nb, 1, __ATOMIC_RELAXED) <=
			SERVER_MAX_STAYING - (root ? 0 : SERVER_RESERVED);
	if (!client->stays)
		__atomic_sub_fetch(nb, 1, __ATOMIC_RELAXED);
	return client->stays;
}

json_t *
server_subscribe(struct rpc_call *call)
{
	int ret;

	if (rpc_params(call, "{}") != 0)
		return NULL;
	if (call->client == NULL)
		return rpc_refuse(call, err_set(&call->err, -ENOTCONN, "there is no connection"));
	if (!server_client_stays(call->client))
		return rpc_refuse(call,
				err_set(&call->err, -EUSERS,
						"too many clients have subscribed to events or use PASID"));
	ret = events_subscribe(&call->client->subscriber);
	if (ret != 0 && ret != -EALREADY)
		return rpc_refuse(call,
				err_set(&call->err, ret, "cannot subscribe to events: %s",
						strerror(-ret)));
	return json_pack("{s:b}", "subscribed", 1);
}

/* ---------------------------------------------------------------- admission */

static bool
admit(void *ctx, const struct base_client *base)
{
	const struct server *server = ctx;

	if (privileged(ctx, base))
		return true;
	for (unsigned int i = 0; i < server->conf.nb_uids; i++)
		if (server->conf.uids[i] == base->uid)
			return true;
	return false;
}

static void
refuse(void *ctx, const struct base_client *base, int ret)
{
	struct server *server = ctx;
	const char *why = strerrorname_np(-ret);
	char reason[128], text[256];
	int len;

	if (ret == -EACCES)
		snprintf(reason, sizeof(reason),
				"user %u may not use this daemon: start it with "
				"--allow-uid %u",
				base->uid, base->uid);
	else
		snprintf(reason, sizeof(reason), "%s: try again later",
				ret == -EUSERS ? "there are too many clients" :
						 "cannot start a thread for another client");
	log_limited(&server->refusals, "client refused: %s", reason);
	__atomic_add_fetch(&server->turned_away, 1, __ATOMIC_RELAXED);
	len = snprintf(text, sizeof(text),
			"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":"
			"%d,\"message\":\"%s\",\"data\":{\"errno\":\"%s\"}}}\n",
			RPC_REFUSED, reason, why != NULL ? why : "EIO");
	send(base->fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---------------------------------------------------------------- start, stop */

static int
refuse_start(const char *path, const char *name, int ret, struct err *err)
{
	switch (ret) {
	case -ENAMETOOLONG:
		return err_set(err, ret, "the path of the socket is too long: %s", path);
	case -EADDRINUSE:
		return err_set(err, ret,
				"another %s answers on %s (or another file has that name): stop it first, or "
				"name another folder with --run-dir",
				name, path);
	default:
		return err_set(err, ret, "cannot create the socket %s: %s", path, strerror(-ret));
	}
}

struct server *
server_start(const struct server_conf *conf, struct err *err)
{
	struct server *server = calloc(1, sizeof(*server));
	struct base_access access = conf->access;
	const struct base_server_conf base = {
		.path = conf->path,
		.type = SOCK_STREAM,
		.access = &access,
		.max_clients = SERVER_MAX_CLIENTS,
		.reserved = SERVER_RESERVED,
		.max_per_user = SERVER_MAX_PER_USER,
		.idle_ms = SERVER_IDLE_MS,
		.ctx = server,
		.admit = admit,
		.privileged = privileged,
		.refuse = refuse,
		.serve = serve,
	};
	int ret;

	if (server == NULL) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	server->conf = *conf;
	/* Users named by --allow-uid must be able to connect before they are admitted. */
	if (access.mode == 0)
		access.mode = conf->nb_uids != 0 ? 0666 : 0600;
	ret = base_server_start(&base, &server->base);
	if (ret != 0) {
		refuse_start(conf->path, conf->name, ret, err);
		free(server);
		return NULL;
	}
	return server;
}

bool
server_stop(struct server *server)
{
	if (server == NULL)
		return true;
	if (!base_server_stop_within(server->base, SERVER_STOP_MS))
		return false;
	free(server);
	return true;
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
