/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "server.h"

struct server {
	struct server_conf conf;
	struct sockaddr_un addr;
	int listener, stop_fd;
	pthread_t thread;
	struct conn *conns[SERVER_MAX_CONNS];
	pthread_mutex_t lock; /* of stats */
	struct server_stats stats;
};

static long long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void
count(struct server *server, int clients)
{
	pthread_mutex_lock(&server->lock);
	server->stats.clients += (unsigned int)clients;
	pthread_mutex_unlock(&server->lock);
}

/* ---------------------------------------------------------------- one client */

/* @return false: it does not take it in time, or is gone. */
static bool
send_all(const struct conn *conn, const char *text, size_t len)
{
	const long long end = now_ms() + SERVER_PEER_MS;
	struct pollfd wait = { .fd = conn->fd, .events = POLLOUT };

	while (len != 0) {
		const ssize_t n = send(conn->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);

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

	pthread_mutex_lock(&server->lock);
	server->stats.requests++;
	pthread_mutex_unlock(&server->lock);
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
		struct pollfd wait[3] = { { .fd = conn->fd, .events = POLLIN },
			{ .fd = conn->server->stop_fd, .events = POLLIN },
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
serve(struct conn *conn, char *room)
{
	static const char too_long[] =
			"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":"
			"{\"code\":-32600,\"message\":\"the request is longer than 65536 "
			"bytes\"}}\n";
	long long end = -1;
	ssize_t len = 0;

	while (wait_input(conn, end)) {
		const ssize_t n = recv(conn->fd, room + len, RPC_MAX_REQUEST - (size_t)len,
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

static void *
conn_main(void *arg)
{
	struct conn *conn = arg;
	char *room = malloc(RPC_MAX_REQUEST);

	if (room != NULL)
		serve(conn, room);
	free(room);
	events_leave(&conn->listener);
	if (conn->server->conf.on_leave != NULL)
		conn->server->conf.on_leave(conn->server->conf.vsrd, conn);
	shutdown(conn->fd, SHUT_RDWR);
	count(conn->server, -1);
	__atomic_store_n(&conn->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* ---------------------------------------------------------------- clients come and go */

static bool
may_ask(const struct server *server, uid_t uid)
{
	if (uid == 0 || uid == geteuid())
		return true;
	for (unsigned int i = 0; i < server->conf.nb_uids; i++)
		if (server->conf.uids[i] == uid)
			return true;
	return false;
}

static void
conn_end(struct server *server, unsigned int i)
{
	struct conn *conn = server->conns[i];

	pthread_join(conn->thread, NULL);
	close(conn->fd);
	free(conn);
	server->conns[i] = NULL;
}

/* Sweep, and find a free place. @return it, or SERVER_MAX_CONNS. */
static unsigned int
free_place(struct server *server)
{
	unsigned int at = SERVER_MAX_CONNS;

	for (unsigned int i = 0; i < SERVER_MAX_CONNS; i++) {
		if (server->conns[i] != NULL &&
				__atomic_load_n(&server->conns[i]->done, __ATOMIC_ACQUIRE))
			conn_end(server, i);
		if (server->conns[i] == NULL && at == SERVER_MAX_CONNS)
			at = i;
	}
	return at;
}

static void
turn_away(struct server *server, int fd, const char *why)
{
	char text[256];
	int len;

	log_warn("client turned away: %s", why);
	pthread_mutex_lock(&server->lock);
	server->stats.turned_away++;
	pthread_mutex_unlock(&server->lock);
	len = snprintf(text, sizeof(text),
			"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":"
			"-32000,\"message\":\"%s\",\"data\":{\"errno\":\"EACCES\"}}}\n",
			why);
	send(fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void
conn_start(struct server *server, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	const unsigned int at = free_place(server);
	struct conn *conn;
	char text[128];

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 ||
			!may_ask(server, peer.uid)) {
		snprintf(text, sizeof(text),
				"user %u may not use this daemon: start it with "
				"--allow-uid %u",
				peer.uid, peer.uid);
		turn_away(server, fd, text);
		return;
	}
	conn = at == SERVER_MAX_CONNS ? NULL : calloc(1, sizeof(*conn));
	if (conn == NULL) {
		turn_away(server, fd, "there are too many clients: try again later");
		return;
	}
	conn->server = server;
	conn->fd = fd;
	conn->pid = peer.pid;
	conn->uid = peer.uid;
	count(server, 1);
	if (pthread_create(&conn->thread, NULL, conn_main, conn) != 0) {
		count(server, -1);
		free(conn);
		turn_away(server, fd, "there is no thread for another client: try again later");
		return;
	}
	server->conns[at] = conn;
}

static void *
accept_main(void *arg)
{
	struct server *server = arg;
	struct pollfd wait[2] = { { .fd = server->listener, .events = POLLIN },
		{ .fd = server->stop_fd, .events = POLLIN } };
	const struct timespec pause = { .tv_nsec = 50000000 };

	for (;;) {
		int fd;

		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			break;
		if (wait[1].revents != 0)
			break;
		fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			conn_start(server, fd);
		else if (errno != EAGAIN && errno != EINTR)
			nanosleep(&pause, NULL); /* The backlog would keep poll() spinning. */
	}
	for (unsigned int i = 0; i < SERVER_MAX_CONNS; i++)
		if (server->conns[i] != NULL)
			conn_end(server, i);
	return NULL;
}

/* ---------------------------------------------------------------- life */

static int
listen_at(struct server *server, struct why *why)
{
	const struct sockaddr *addr = (const struct sockaddr *)&server->addr;
	const char *path = server->conf.path;
	mode_t mask;
	int probe, ret;

	/* A socket that nobody answers on was left by a dead process. */
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ret = probe < 0 ? -1 : connect(probe, addr, sizeof(server->addr));
	if (ret != 0 && errno == ECONNREFUSED)
		unlink(path);
	if (probe >= 0)
		close(probe);
	if (ret == 0)
		return why_not(why, -EADDRINUSE,
				"another vsrd answers on %s: stop it first, or "
				"name another folder with --run-dir",
				path);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server->listener < 0)
		return why_not(why, -errno, "there is no socket: %s", strerror(errno));
	mask = umask(0177);
	ret = bind(server->listener, addr, sizeof(server->addr)) != 0 ? -errno : 0;
	umask(mask);
	/* Those whom --allow-uid names must get as far as being asked who they are. */
	if (ret == 0 && server->conf.nb_uids != 0 && chmod(path, 0666) != 0)
		ret = -errno;
	if (ret == 0 && listen(server->listener, SERVER_MAX_CONNS) != 0)
		ret = -errno;
	return ret == 0 ?
			0 :
			why_not(why, ret, "the socket %s cannot be made: %s", path, strerror(-ret));
}

struct server *
server_start(const struct server_conf *conf, struct why *why)
{
	struct server *server = calloc(1, sizeof(*server));
	int ret;

	if (server == NULL || strlen(conf->path) >= sizeof(server->addr.sun_path)) {
		why_not(why, -ENAMETOOLONG, "the name of the socket is too long: %s", conf->path);
		free(server);
		return NULL;
	}
	server->conf = *conf;
	server->addr.sun_family = AF_UNIX;
	strcpy(server->addr.sun_path, conf->path);
	server->listener = -1;
	pthread_mutex_init(&server->lock, NULL);
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	ret = server->stop_fd < 0 ?
			why_not(why, -errno, "there is no event descriptor: %s", strerror(errno)) :
			listen_at(server, why);
	if (ret == 0) {
		ret = -pthread_create(&server->thread, NULL, accept_main, server);
		if (ret == 0)
			return server;
		unlink(conf->path);
		why_not(why, ret, "there is no thread: %s", strerror(-ret));
	}
	if (server->listener >= 0)
		close(server->listener);
	if (server->stop_fd >= 0)
		close(server->stop_fd);
	free(server);
	return NULL;
}

void
server_stop(struct server *server)
{
	if (server == NULL)
		return;
	unlink(server->addr.sun_path);
	eventfd_write(server->stop_fd, 1);
	pthread_join(server->thread, NULL);
	close(server->listener);
	close(server->stop_fd);
	free(server);
}

void
server_stats(struct server *server, struct server_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	if (server == NULL)
		return;
	pthread_mutex_lock(&server->lock);
	*stats = server->stats;
	pthread_mutex_unlock(&server->lock);
}
