/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A server on a UNIX socket with one thread per client. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base_clock.h"
#include "base_listen.h"
#include "base_server.h"

#define BACKLOG 64
#define ROOM_MS 1000 /* Longest wait for the thread of an idle client. */

/* A client's place in the table of its server. */
struct slot {
	struct base_client client;
	struct base_server *server;
	pthread_t thread;
	bool done; /* Its thread is about to end: join it, then free the slot. */
};

struct base_server {
	struct base_server_conf conf;
	struct sockaddr_un addr;
	struct base_socket_file file;
	int listener, stop_fd;
	unsigned int nb_clients;
	pthread_t thread; /* accepts clients */
	struct slot *slots[]; /* conf.max_clients */
};

static void *
client_main(void *arg)
{
	struct slot *slot = arg;

	slot->server->conf.serve(&slot->client);
	/* Closed after the join: until then, no other file may get this descriptor number. */
	shutdown(slot->client.fd, SHUT_RDWR);
	__atomic_sub_fetch(&slot->server->nb_clients, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void
client_end(struct base_server *server, unsigned int i)
{
	struct slot *slot = server->slots[i];

	pthread_join(slot->thread, NULL);
	close(slot->client.fd);
	free(slot);
	server->slots[i] = NULL;
}

/* Free the slots of clients that are gone. @return a free index, or conf.max_clients. */
static unsigned int
free_index(struct base_server *server)
{
	const unsigned int max = server->conf.max_clients;
	unsigned int index = max;

	for (unsigned int i = 0; i < max; i++) {
		if (server->slots[i] != NULL &&
				__atomic_load_n(&server->slots[i]->done, __ATOMIC_ACQUIRE))
			client_end(server, i);
		if (server->slots[i] == NULL && index == max)
			index = i;
	}
	return index;
}

static bool
is_privileged(const struct base_server *server, const struct base_client *client)
{
	return server->conf.privileged != NULL && server->conf.privileged(server->conf.ctx, client);
}

/* Whether there is a place for the client, by number and by share. */
static bool
has_place(const struct base_server *server, const struct base_client *client, bool privileged)
{
	const struct base_server_conf *conf = &server->conf;
	unsigned int used = 0, of_user = 0;

	for (unsigned int i = 0; i < conf->max_clients; i++) {
		if (server->slots[i] == NULL)
			continue;
		used++;
		of_user += server->slots[i]->client.uid == client->uid;
	}
	if (privileged)
		return used < conf->max_clients;
	return used + conf->reserved < conf->max_clients &&
			(conf->max_per_user == 0 || of_user < conf->max_per_user);
}

/* The client that has been idle for the longest time and may go for this one; max_clients: none. */
static unsigned int
find_idle(const struct base_server *server, const struct base_client *client, bool privileged)
{
	const unsigned int max = server->conf.max_clients;
	long long oldest = base_now_ms() - server->conf.idle_ms;
	unsigned int found = max;

	for (unsigned int i = 0; i < max; i++) {
		const struct slot *slot = server->slots[i];
		const long long since = slot != NULL ? slot->client.idle_since_ms : 0;

		if (since == 0 || since > oldest ||
				(!privileged && slot->client.uid != client->uid))
			continue;
		oldest = since;
		found = i;
	}
	return found;
}

/* Disconnect an idle client. @return false: there is none, or it does not end. */
static bool
make_room(struct base_server *server, const struct base_client *client, bool privileged)
{
	const unsigned int i = find_idle(server, client, privileged);
	const long long end = base_now_ms() + ROOM_MS;
	const struct timespec pause = { .tv_nsec = 1000000 };

	if (i == server->conf.max_clients)
		return false;
	shutdown(server->slots[i]->client.fd, SHUT_RDWR);
	while (!__atomic_load_n(&server->slots[i]->done, __ATOMIC_ACQUIRE)) {
		if (base_now_ms() >= end)
			return false;
		nanosleep(&pause, NULL);
	}
	client_end(server, i);
	return true;
}

static int
client_start(struct base_server *server, const struct base_client *client)
{
	bool privileged;
	unsigned int i;
	struct slot *slot;

	if (server->conf.admit != NULL && !server->conf.admit(server->conf.ctx, client))
		return -EACCES;
	privileged = is_privileged(server, client);
	free_index(server);
	if (!has_place(server, client, privileged) && !make_room(server, client, privileged))
		return -EUSERS;
	i = free_index(server);
	slot = i == server->conf.max_clients ? NULL : calloc(1, sizeof(*slot));
	if (slot == NULL)
		return -EUSERS;
	slot->client = *client;
	slot->server = server;
	__atomic_add_fetch(&server->nb_clients, 1, __ATOMIC_RELAXED);
	if (pthread_create(&slot->thread, NULL, client_main, slot) != 0) {
		__atomic_sub_fetch(&server->nb_clients, 1, __ATOMIC_RELAXED);
		free(slot);
		return -EAGAIN;
	}
	server->slots[i] = slot;
	return 0;
}

static void
client_accepted(struct base_server *server, int fd)
{
	struct base_client client = { .ctx = server->conf.ctx,
		.fd = fd,
		.stop_fd = server->stop_fd };
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	int ret;

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	client.pid = peer.pid;
	client.uid = peer.uid;
	ret = client_start(server, &client);
	if (ret != 0) {
		server->conf.refuse(server->conf.ctx, &client, ret);
		close(fd);
	}
}

static void *
accept_main(void *arg)
{
	struct base_server *server = arg;
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
			client_accepted(server, fd);
		/* The client stays queued after an error, so poll() would return at once. */
		else if (errno != EAGAIN && errno != EINTR)
			nanosleep(&pause, NULL);
	}
	for (unsigned int i = 0; i < server->conf.max_clients; i++)
		if (server->slots[i] != NULL)
			client_end(server, i);
	return NULL;
}

/* Start the accepting thread; it and the threads of clients inherit the mask of signals. */
static int
thread_start(struct base_server *server)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	sigset_t block, old;
	int ret;

	sigfillset(&block);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&block, own[i]);
	pthread_sigmask(SIG_SETMASK, &block, &old);
	ret = -pthread_create(&server->thread, NULL, accept_main, server);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

int
base_server_start(const struct base_server_conf *conf, struct base_server **out)
{
	struct base_server *server;
	int ret;

	server = calloc(1, sizeof(*server) + conf->max_clients * sizeof(server->slots[0]));
	if (server == NULL)
		return -ENOMEM;
	server->conf = *conf;
	ret = base_address(&server->addr, conf->path);
	if (ret != 0)
		goto free_server;
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (server->stop_fd < 0) {
		ret = -errno;
		goto free_server;
	}
	server->listener = base_listen(conf->path, conf->type, conf->access, BACKLOG,
			&server->file);
	if (server->listener < 0) {
		ret = server->listener;
		goto close_stop;
	}
	*out = server; /* Before the threads start: they may read the caller's variable. */
	ret = thread_start(server);
	if (ret != 0)
		goto close_listener;
	return 0;

close_listener:
	*out = NULL;
	base_unlisten(server->addr.sun_path, &server->file);
	close(server->listener);
close_stop:
	close(server->stop_fd);
free_server:
	free(server);
	return ret;
}

static void
server_free(struct base_server *server)
{
	close(server->listener);
	close(server->stop_fd);
	free(server);
}

static void
tell_stop(struct base_server *server)
{
	base_unlisten(server->addr.sun_path, &server->file);
	eventfd_write(server->stop_fd, 1);
}

void
base_server_stop(struct base_server *server)
{
	if (server == NULL)
		return;
	tell_stop(server);
	pthread_join(server->thread, NULL);
	server_free(server);
}

bool
base_server_stop_within(struct base_server *server, unsigned int wait_ms)
{
	const struct timespec end = base_deadline(wait_ms);

	if (server == NULL)
		return true;
	tell_stop(server);
	if (pthread_clockjoin_np(server->thread, NULL, CLOCK_MONOTONIC, &end) != 0)
		return false;
	server_free(server);
	return true;
}

unsigned int
base_server_nb_clients(const struct base_server *server)
{
	return __atomic_load_n(&server->nb_clients, __ATOMIC_RELAXED);
}
