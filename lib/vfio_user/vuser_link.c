/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A client: connect, close, and the exchange of one request for its reply. */

/*
 * Over a socket, request and reply have the deadline of the client. In the same process, the
 * handler of the server is called with the same messages.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/base_listen.h"

#include "vuser_link.h"

#define MAX_ERRNO 4095

/* ---------------------------------------------------------------- exchange */

int
vuser_link_begin(struct vuser_client *client, enum vuser_command command, size_t len)
{
	int ret;

	vuser_msg_clear(&client->req);
	ret = vuser_msg_resize(&client->req, len);
	if (ret != 0)
		return ret;
	client->req.hdr.msg_id = ++client->msg_id;
	client->req.hdr.command = (uint16_t)command;
	client->req.hdr.size = (uint32_t)(sizeof(client->req.hdr) + len);
	client->req.hdr.flags = VUSER_FLAG_TYPE_COMMAND;
	return 0;
}

static void
disconnect(struct vuser_client *client)
{
	if (client->sock >= 0)
		close(client->sock);
	client->sock = -1;
}

/* Refuse a request of the server (DMA_READ, DMA_WRITE): it has descriptors for all memory. */
static int
decline(struct vuser_client *client, uint64_t deadline)
{
	struct vuser_msg answer;

	vuser_msg_close_fds(&client->reply);
	if ((client->reply.hdr.flags & VUSER_FLAG_NO_REPLY) != 0)
		return 0;
	vuser_msg_init(&answer);
	answer.hdr.msg_id = client->reply.hdr.msg_id;
	answer.hdr.command = client->reply.hdr.command;
	answer.hdr.size = sizeof(answer.hdr);
	answer.hdr.flags = VUSER_FLAG_TYPE_REPLY | VUSER_FLAG_ERROR;
	answer.hdr.error = ENOTSUP;
	return vuser_send_full(client->sock, &answer, deadline);
}

static int
exchange_by_socket(struct vuser_client *client)
{
	const uint64_t deadline = vuser_deadline(client->timeout_ms);
	int ret, sent;

	sent = vuser_send_full(client->sock, &client->req, deadline);
	/* The server may have sent a reply before it disconnected: receive it. */
	if (sent != 0 && sent != -ECONNRESET) {
		/* EBADF: a bad descriptor of the caller; nothing was sent. */
		if (sent != -EBADF || client->req.moved != 0)
			disconnect(client);
		return sent;
	}
	for (;;) {
		vuser_msg_clear(&client->reply);
		ret = vuser_recv_full(client->sock, &client->reply, deadline);
		if (ret != 0)
			break;
		if ((client->reply.hdr.flags & VUSER_FLAG_TYPE_MASK) != VUSER_FLAG_TYPE_COMMAND)
			break;
		ret = decline(client, deadline);
		if (ret != 0)
			break;
	}
	if (ret == 0 && sent != 0 && (client->reply.hdr.flags & VUSER_FLAG_ERROR) == 0)
		ret = -EPROTO;
	if (ret != 0) {
		vuser_msg_close_fds(&client->reply);
		disconnect(client);
	}
	return ret;
}

/* Call the handler with the messages; duplicate the descriptors, as a socket does. */
static int
exchange_in_process(struct vuser_client *client)
{
	int fd, ret = 0;

	for (unsigned int i = 0; i < client->req.nb_fds; i++) {
		fd = fcntl(client->req.fds[i], F_DUPFD_CLOEXEC, 0);
		if (fd < 0) {
			ret = -errno;
			client->req.nb_fds = i;
			vuser_msg_close_fds(&client->req);
			return ret;
		}
		client->req.fds[i] = fd;
	}
	(void)vuser_handle(client->server, &client->req, &client->reply);
	for (unsigned int i = 0; i < client->reply.nb_fds; i++) {
		fd = fcntl(client->reply.fds[i], F_DUPFD_CLOEXEC, 0);
		if (fd < 0) {
			ret = -errno;
			client->reply.nb_fds = i;
			vuser_msg_close_fds(&client->reply);
			return ret;
		}
		client->reply.fds[i] = fd;
	}
	return 0;
}

int
vuser_link_exchange(struct vuser_client *client, size_t min_len, unsigned int max_fds)
{
	const struct vuser_header *hdr = &client->reply.hdr;
	int ret;

	if (client->server != NULL)
		ret = exchange_in_process(client);
	else if (client->sock >= 0)
		ret = exchange_by_socket(client);
	else
		ret = -ECONNRESET;
	if (ret != 0)
		return ret;

	/* A second client is refused before its request was read: that reply has id 0. */
	if ((hdr->flags & VUSER_FLAG_TYPE_MASK) != VUSER_FLAG_TYPE_REPLY ||
			hdr->command != client->req.hdr.command ||
			(hdr->msg_id != client->req.hdr.msg_id &&
					(hdr->command != VUSER_VERSION || hdr->msg_id != 0)))
		ret = -EPROTO;
	else if ((hdr->flags & VUSER_FLAG_ERROR) != 0)
		ret = hdr->error != 0 && hdr->error <= MAX_ERRNO ? -(int)hdr->error : -EIO;
	else if (client->reply.len < min_len || client->reply.nb_fds > max_fds ||
			client->reply.fds_lost)
		ret = -EPROTO;
	if (ret != 0) {
		vuser_msg_close_fds(&client->reply);
		/* An EPROTO that the device answered does not end the connection. */
		if (ret == -EPROTO && (hdr->flags & VUSER_FLAG_ERROR) == 0)
			disconnect(client);
	}
	return ret;
}

int
vuser_link_malformed(struct vuser_client *client)
{
	vuser_msg_close_fds(&client->reply);
	disconnect(client);
	return -EPROTO;
}

/* ---------------------------------------------------------------- connect, close */

/* Negotiate the version. @return 0, or -errno of vuser_client_connect(). */
static int
negotiate(struct vuser_client *client)
{
	struct vuser_version version;
	int ret;

	ret = vuser_link_begin(client, VUSER_VERSION, 0);
	if (ret == 0)
		ret = vuser_version_put(&client->req, VUSER_PROTO_MINOR, VUSER_MAX_MAPS);
	if (ret != 0)
		return ret;
	client->req.hdr.size = (uint32_t)(sizeof(client->req.hdr) + client->req.len);
	ret = vuser_link_exchange(client, sizeof(version), 0);
	if (ret != 0)
		return ret == -EBUSY || ret == -ETIMEDOUT || ret == -ENOMEM ? ret : -EPROTO;
	memcpy(&version, client->reply.data, sizeof(version));
	if (version.major != VUSER_PROTO_MAJOR || version.minor > VUSER_PROTO_MINOR)
		return vuser_link_malformed(client);
	if (vuser_version_limits(client->reply.data + sizeof(version),
			    client->reply.len - sizeof(version), &client->peer) != 0)
		return vuser_link_malformed(client);
	return 0;
}

static struct vuser_client *
client_alloc(unsigned int timeout_ms)
{
	struct vuser_client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->sock = -1;
	client->timeout_ms = timeout_ms;
	vuser_msg_init(&client->req);
	vuser_msg_init(&client->reply);
	return client;
}

/* Connect to the path; wait while the backlog is full. @return the socket or -errno. */
static int
connect_path(const char *path, uint64_t deadline)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct sockaddr_un addr;
	int sock, ret;

	ret = base_address(&addr, path);
	if (ret != 0)
		return ret;
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	while (connect(sock, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
		ret = -errno;
		/* unix(7): EAGAIN when the backlog is full; poll() does not report free space */
		if (ret == -EAGAIN && vuser_deadline(0) < deadline) {
			nanosleep(&pause, NULL);
			continue;
		}
		if (ret == -EINTR)
			continue;
		close(sock);
		return ret == -EAGAIN ? -ETIMEDOUT : ret;
	}
	return sock;
}

struct vuser_client *
vuser_client_connect(const char *path, unsigned int timeout_ms)
{
	struct vuser_client *client = client_alloc(timeout_ms);
	int ret;

	if (client == NULL)
		return NULL;
	ret = connect_path(path, vuser_deadline(timeout_ms));
	if (ret >= 0) {
		client->sock = ret;
		ret = negotiate(client);
	}
	if (ret < 0) {
		vuser_client_close(client);
		errno = -ret;
		return NULL;
	}
	return client;
}

struct vuser_client *
vuser_client_attach(struct vuser_server *server)
{
	struct vuser_client *client;
	int ret;

	if (vuser_server_busy(server)) {
		errno = EBUSY;
		return NULL;
	}
	client = client_alloc(0);
	if (client == NULL)
		return NULL;
	client->server = server;
	server->local = &client->server;
	ret = negotiate(client);
	if (ret != 0) {
		vuser_client_close(client);
		errno = -ret;
		return NULL;
	}
	return client;
}

void
vuser_client_close(struct vuser_client *client)
{
	if (client == NULL)
		return;
	disconnect(client);
	if (client->server != NULL) {
		client->server->local = NULL;
		vuser_server_release(client->server);
	}
	vuser_msg_free(&client->req);
	vuser_msg_free(&client->reply);
	free(client);
}
