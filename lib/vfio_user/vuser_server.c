/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A server: accepts clients and passes their messages to the handler. */

/*
 * No function waits. A message is received over as many calls as necessary. While a reply is not
 * sent completely, nothing is received, so a client that does not read its replies stalls only
 * itself.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vuser_priv.h"

/* Limits per call, so that a peer cannot occupy the thread. A message may take long, since the
 * device decides: after this time the caller looks at its other descriptors first. */
#define MAX_TURNS 64
#define MAX_ACCEPTS 8
#define SLICE_MS 20
/* Messages of a client that has left are handled for this long. */
#define LEFT_MS 1000

/* ---------------------------------------------------------------- create, destroy */

/* Check the description of the device against the limits of this library. */
static bool
info_is_sane(const struct vuser_device_info *info)
{
	for (unsigned int i = 0; i < VUSER_MAX_REGIONS; i++) {
		const struct vuser_region *region = &info->regions[i];

		if (region->nb_sparse > VUSER_MAX_SPARSE)
			return false;
		for (unsigned int j = 0; j < region->nb_sparse; j++) {
			const struct vuser_area *area = &region->sparse[j];

			if (area->size > region->size || area->offset > region->size - area->size)
				return false;
		}
	}
	for (unsigned int i = 0; i < VUSER_MAX_IRQS; i++) {
		if (info->irqs[i].count > VUSER_MAX_VECTORS)
			return false;
	}
	return true;
}

static bool
ops_are_complete(const struct vuser_device_ops *ops)
{
	return ops->region_read != NULL && ops->region_write != NULL && ops->irq_set_fds != NULL &&
			ops->irq_trigger != NULL && ops->dma_map != NULL &&
			ops->dma_unmap != NULL && ops->reset != NULL && ops->released != NULL;
}

static int
watch(struct vuser_server *server, int op, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(server->epfd, op, fd, &event) == 0 ? 0 : -errno;
}

/* Listen on server->path. After a failure, vuser_server_destroy() cleans up. */
static int
start_listening(struct vuser_server *server)
{
	/* A process that can connect controls the device. */
	const int sock = base_listen(server->path, SOCK_STREAM, BASE_ACCESS_OWN, 8, &server->file);

	if (sock < 0)
		return sock;
	server->listener = sock;
	return watch(server, EPOLL_CTL_ADD, server->listener, EPOLLIN);
}

struct vuser_server *
vuser_server_create(const char *path, const struct vuser_device_info *info,
		const struct vuser_device_ops *ops, void *dev)
{
	struct vuser_server *server;
	int ret;

	if (!info_is_sane(info) || !ops_are_complete(ops)) {
		errno = EINVAL;
		return NULL;
	}
	server = calloc(1, sizeof(*server));
	if (server == NULL)
		return NULL;
	server->info = *info;
	server->ops = ops;
	server->dev = dev;
	server->conn = -1;
	server->listener = -1;
	server->epfd = -1;
	vuser_msg_init(&server->req);
	vuser_msg_init(&server->reply);
	for (unsigned int i = 0; i < VUSER_MAX_REGIONS; i++) {
		if (info->regions[i].fd < 0)
			server->info.regions[i].flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	}
	if (path == NULL)
		return server;

	server->path = strdup(path);
	ret = server->path == NULL ? -ENOMEM : 0;
	if (ret == 0) {
		server->epfd = epoll_create1(EPOLL_CLOEXEC);
		ret = server->epfd < 0 ? -errno : start_listening(server);
	}
	if (ret != 0) {
		vuser_server_destroy(server);
		errno = -ret;
		return NULL;
	}
	return server;
}

/* Disconnect the client on the socket. */
static void
drop_conn(struct vuser_server *server)
{
	if (server->conn < 0)
		return;
	close(server->conn); /* also removes it from the epoll set */
	server->conn = -1;
	vuser_server_release(server);
}

void
vuser_server_destroy(struct vuser_server *server)
{
	if (server == NULL)
		return;
	drop_conn(server);
	if (server->local != NULL) {
		*server->local = NULL;
		server->local = NULL;
		vuser_server_release(server);
	}
	if (server->listener >= 0) {
		if (server->path != NULL)
			base_unlisten(server->path, &server->file);
		close(server->listener);
	}
	if (server->epfd >= 0)
		close(server->epfd);
	vuser_msg_free(&server->req);
	vuser_msg_free(&server->reply);
	free(server->path);
	free(server);
}

/* ---------------------------------------------------------------- clients */

bool
vuser_server_busy(const struct vuser_server *server)
{
	return server->conn >= 0 || server->local != NULL;
}

void
vuser_server_region_fd(struct vuser_server *server, unsigned int region, int fd)
{
	server->info.regions[region].fd = fd;
	if (fd < 0)
		server->info.regions[region].flags &= ~(uint32_t)VFIO_REGION_INFO_FLAG_MMAP;
}

int
vuser_server_fd(const struct vuser_server *server)
{
	return server->epfd;
}

void
vuser_server_release(struct vuser_server *server)
{
	const bool was_served = server->negotiated;

	vuser_msg_close_fds(&server->req); /* of an incomplete message */
	vuser_msg_clear(&server->req);
	vuser_msg_clear(&server->reply);
	server->negotiated = false;
	server->hang_up = false;
	server->sending = false;
	/* A client that did not negotiate has not changed the device. */
	if (was_served)
		server->ops->released(server->dev);
}

int
vuser_server_adopt(struct vuser_server *server, int sock)
{
	int ret;

	if (vuser_server_busy(server))
		return -EBUSY;
	if (server->epfd >= 0) {
		ret = watch(server, EPOLL_CTL_ADD, sock, EPOLLIN);
		if (ret != 0)
			return ret;
	}
	server->conn = sock;
	return 0;
}

/* Refuse a second client with EBUSY, before its first request. */
static void
refuse(int sock)
{
	struct vuser_msg msg;

	vuser_msg_init(&msg);
	msg.hdr.command = VUSER_VERSION;
	msg.hdr.size = sizeof(msg.hdr);
	msg.hdr.flags = VUSER_FLAG_TYPE_REPLY | VUSER_FLAG_ERROR;
	msg.hdr.error = EBUSY;
	(void)vuser_send_part(sock, &msg); /* on failure the close alone refuses */
	close(sock);
}

/* ---------------------------------------------------------------- messages */

/* Send what the socket accepts. @return 0: complete; -EAGAIN; or an error: disconnect. */
static int
push_reply(struct vuser_server *server)
{
	int ret = vuser_send_part(server->conn, &server->reply);

	if (ret == -EAGAIN && !server->sending) {
		server->sending = true;
		if (server->epfd >= 0)
			(void)watch(server, EPOLL_CTL_MOD, server->conn, EPOLLOUT);
	} else if (ret == 0 && server->sending) {
		server->sending = false;
		if (server->epfd >= 0)
			(void)watch(server, EPOLL_CTL_MOD, server->conn, EPOLLIN);
	}
	if (ret == 0 && server->hang_up)
		return -ECONNRESET;
	return ret;
}

/* Handle at most one message. @return 0: one handled; -EAGAIN; or an error: disconnect. */
static int
serve_one(struct vuser_server *server)
{
	bool wanted;
	int ret;

	if (server->sending) {
		ret = push_reply(server);
		if (ret != 0)
			return ret;
	}
	ret = vuser_recv_part(server->conn, &server->req);
	if (ret != 0)
		return ret;
	wanted = vuser_handle(server, &server->req, &server->reply);
	vuser_msg_clear(&server->req);
	if (!wanted)
		return server->hang_up ? -ECONNRESET : 0;
	ret = push_reply(server);
	return ret == -EAGAIN ? 0 : ret;
}

static void
serve_conn(struct vuser_server *server, unsigned int ms)
{
	const uint64_t end = vuser_deadline(ms);

	for (unsigned int turn = 0; turn < MAX_TURNS && server->conn >= 0; turn++) {
		int ret = serve_one(server);

		if (ret == -EAGAIN)
			return;
		if (ret != 0)
			drop_conn(server);
		if (vuser_deadline(0) >= end)
			return;
	}
}

/* Whether the client has closed its end; unread messages may be left. */
static bool
conn_is_dead(const struct vuser_server *server)
{
	struct pollfd pfd = { .fd = server->conn };

	return server->conn >= 0 && poll(&pfd, 1, 0) == 1 &&
			(pfd.revents & (POLLHUP | POLLERR)) != 0;
}

static void
accept_clients(struct vuser_server *server)
{
	const uint64_t end = vuser_deadline(LEFT_MS);

	for (unsigned int turn = 0; turn < MAX_ACCEPTS; turn++) {
		int sock = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (sock < 0)
			return;
		/*
		 * A client that connects right after another one has left must find the device
		 * free: handle the messages that the other one left, whose number cannot grow.
		 * A slow device may need long for them, and is reset afterwards anyway.
		 */
		while (conn_is_dead(server)) {
			serve_conn(server, 0);
			if (vuser_deadline(0) >= end)
				drop_conn(server);
		}
		if (vuser_server_adopt(server, sock) != 0) {
			refuse(sock);
			continue;
		}
		serve_conn(server, SLICE_MS);
	}
}

void
vuser_server_process(struct vuser_server *server)
{
	struct epoll_event events[2];
	bool knocks = false;
	int nb = 0;

	if (server->epfd >= 0)
		nb = epoll_wait(server->epfd, events, 2, 0);
	for (int i = 0; i < nb; i++) {
		if (events[i].data.fd == server->listener)
			knocks = true;
	}
	serve_conn(server, SLICE_MS);
	if (knocks)
		accept_clients(server);
}
