/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The server of preloaded processes.
 *
 * One thread per connection reads a request, executes it under host->lock and sends the reply. No
 * thread waits for a peer: it sleeps until a request arrives or the host stops, and a peer that
 * does not take its reply loses the connection.
 */

#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_limits.h"
#include "base/base_memory.h"
#include "base/base_server.h"
#include "core/host_lock.h"
#include "function/host_files.h"
#include "host_proto.h"
#include "vfio/host_device.h"
#include "vfio/host_group.h"

#define MAX_CONNS 512
#define MAX_PIECES (1u << 20) /* Of one map: 4 GB in 4 KB pages. */

/* A connection of a preloaded process. */
struct host_conn {
	struct host *host;
	int fd;

	/* current request */
	struct host_request req;
	uint8_t data[HOST_PROTO_DATA];
	int fds[HOST_PROTO_FDS];
	unsigned int nb_fds;

	/* its reply */
	struct host_reply rep;
	int rep_fd; /* Sent, then closed; -1: none. */

	/* a map with the pieces received so far, or NULL */
	struct host_map *map;
	ino_t map_ino; /* Inode of its container. */
};

/* ---------------------------------------------------------------- DMA maps */

static void
drop_map(struct host_conn *conn)
{
	if (conn->map != NULL)
		host_map_free(conn->host, conn->map);
	conn->map = NULL;
}

static int
add_pieces(struct host_conn *conn, const struct vfio_iommu_type1_dma_map *arg, const uint8_t *data,
		size_t nb)
{
	struct host_map *map = conn->map;
	struct host_piece *pieces;

	if (map->nb_pieces + nb > MAX_PIECES)
		return -E2BIG;
	pieces = realloc(map->pieces, (map->nb_pieces + nb) * sizeof(*pieces));
	if (pieces == NULL)
		return -ENOMEM;
	map->pieces = pieces;
	for (size_t i = 0; i < nb; i++) {
		struct host_proto_piece piece;
		struct host_file *file;
		struct stat st;

		memcpy(&piece, data + i * sizeof(piece), sizeof(piece));
		if (piece.size == 0 || piece.size > arg->size - map->size ||
				piece.fd >= conn->nb_fds ||
				piece.offset + piece.size < piece.offset)
			return -EINVAL;
		/* A page behind the end of the file cannot be pinned. The file system of another
		 * file may not answer. */
		if (!base_is_memory(conn->fds[piece.fd]) || fstat(conn->fds[piece.fd], &st) != 0 ||
				(S_ISREG(st.st_mode) &&
						piece.offset + piece.size >
								((uint64_t)st.st_size + 4095) /
										4096 * 4096))
			return -EFAULT;
		file = host_file_get(conn->host, conn->fds[piece.fd]);
		if (file == NULL)
			return -ENOMEM;
		map->pieces[map->nb_pieces++] = (struct host_piece){ .size = piece.size,
			.offset = piece.offset,
			.file = file };
		map->size += piece.size;
	}
	return 0;
}

static int
map_dma(struct host_conn *conn, struct host_container *container, uint64_t step)
{
	struct vfio_iommu_type1_dma_map arg;
	const size_t len = conn->req.data_len;
	struct host_map *map;
	size_t nb;
	int ret;

	if (container->iommu == 0 || len < sizeof(arg) ||
			(len - sizeof(arg)) % sizeof(struct host_proto_piece) != 0)
		return -EINVAL;
	memcpy(&arg, conn->data, sizeof(arg));
	nb = (len - sizeof(arg)) / sizeof(struct host_proto_piece);
	ret = host_iommu_check(container, &arg);
	if (ret != 0 || step == HOST_MAP_CHECK)
		return ret;
	if (conn->map != NULL && conn->map_ino != container->ino)
		drop_map(conn);
	if (conn->map == NULL) {
		conn->map = calloc(1, sizeof(*conn->map));
		if (conn->map == NULL)
			return -ENOMEM;
		conn->map_ino = container->ino;
	}
	ret = add_pieces(conn, &arg, conn->data + sizeof(arg), nb);
	if (ret != 0 || step == HOST_MAP_MORE)
		return ret;
	map = conn->map;
	if (map->size != arg.size)
		return -EINVAL;
	conn->map = NULL;
	map->iova = arg.iova;
	map->prot = ((arg.flags & VFIO_DMA_MAP_FLAG_READ) != 0 ? PROT_READ : 0) |
			((arg.flags & VFIO_DMA_MAP_FLAG_WRITE) != 0 ? PROT_WRITE : 0);
	return host_iommu_map(conn->host, container, map);
}

/* ---------------------------------------------------------------- requests */

static int
do_ioctl(struct host_conn *conn, const struct host_object *object)
{
	struct host *host = conn->host;
	size_t out_len = 0;
	int ret;

	switch (object->kind) {
	case HOST_KIND_CONTAINER:
		ret = host_container_ioctl(host, object->container, conn->req.arg[0],
				conn->req.arg[1], conn->data, conn->req.data_len, &out_len);
		break;
	case HOST_KIND_GROUP:
		ret = host_group_ioctl(host, object->fn, conn->req.arg[0], conn->req.arg[1],
				conn->data, conn->req.data_len, &out_len);
		break;
	default:
		ret = host_device_ioctl(host, object->fn, conn->req.arg[0], conn->data,
				conn->req.data_len, &out_len, conn->fds, conn->nb_fds);
		break;
	}
	conn->rep.data_len = ret < 0 ? 0 : out_len;
	return ret;
}

static int
do_lookup(struct host_conn *conn, const struct host_object *object)
{
	if (object->kind == HOST_KIND_DEVICE)
		for (unsigned int r = 0; r < 6; r++)
			conn->rep.arg[r] = object->fn->regions[r].size;
	return object->kind;
}

static int
opened(struct host_conn *conn, int fd)
{
	if (fd < 0)
		return fd;
	conn->rep_fd = fd;
	return 0;
}

/* The open file that a request names; for HOST_OP_OPEN_GROUP the function of the group. */
static struct host_object
find_object(struct host *host, const struct host_request *req)
{
	struct host_object object = { .kind = HOST_KIND_NONE };

	switch (req->op) {
	case HOST_OP_HELLO:
	case HOST_OP_OPEN_CONTAINER:
		break;
	case HOST_OP_OPEN_GROUP:
		object.fn = host_find_group(host, req->arg[0]);
		break;
	default:
		object = host_lookup(host, req->ino);
		break;
	}
	return object;
}

/* Whether a request involves a function of another process. */
static bool
is_remote(struct host *host, const struct host_request *req, const struct host_object *object)
{
	const struct host_container *container = object->container;

	if (object->fn != NULL && object->fn->remote != NULL)
		return true;
	if (object->kind == HOST_KIND_GROUP && object->fn != NULL && object->fn->container != NULL)
		container = object->fn->container;
	else if (object->kind == HOST_KIND_GROUP && req->op == HOST_OP_IOCTL &&
			req->arg[0] == VFIO_GROUP_SET_CONTAINER)
		container = host_lookup(host, req->arg[1]).container;
	return container != NULL && container->nb_remote != 0;
}

/* Execute a request that names an open file, under host->lock. */
static int
do_file(struct host_conn *conn, const struct host_object *object)
{
	const struct host_request *req = &conn->req;
	int ret;

	if (req->op == HOST_OP_LOOKUP)
		return do_lookup(conn, object);
	if (object->kind == HOST_KIND_NONE)
		return -ENODEV;
	switch (req->op) {
	case HOST_OP_IOCTL:
		return do_ioctl(conn, object);
	case HOST_OP_MAP_DMA:
		if (object->kind != HOST_KIND_CONTAINER)
			return -ENOTTY;
		ret = map_dma(conn, object->container, req->arg[0]);
		/* HOST_MAP_CHECK may come from another thread of the program: keep the map. */
		if (ret != 0 && req->arg[0] != HOST_MAP_CHECK)
			drop_map(conn);
		return ret;
	case HOST_OP_OPEN_DEVICE:
		if (object->kind != HOST_KIND_GROUP)
			return -ENOTTY;
		if (req->data_len == 0 || conn->data[req->data_len - 1] != '\0')
			return -EINVAL;
		return opened(conn,
				host_device_open(conn->host, object->fn, (const char *)conn->data));
	case HOST_OP_READ:
		if (object->kind != HOST_KIND_DEVICE || req->arg[1] > HOST_PROTO_DATA)
			return -EINVAL;
		ret = host_device_read(object->fn, req->arg[0], conn->data, req->arg[1]);
		conn->rep.data_len = ret < 0 ? 0 : ret;
		return ret;
	case HOST_OP_WRITE:
		if (object->kind != HOST_KIND_DEVICE)
			return -EINVAL;
		return host_device_write(conn->host, object->fn, req->arg[0], conn->data,
				req->data_len);
	default:
		return -EINVAL;
	}
}

static int
do_request(struct host_conn *conn)
{
	struct host *host = conn->host;
	struct host_object object;
	int ret;

	host_lock(host, false);
	object = find_object(host, &conn->req);
	if (is_remote(host, &conn->req, &object)) {
		host_unlock(host);
		host_lock(host, true);
		object = find_object(host, &conn->req);
	}
	switch (conn->req.op) {
	case HOST_OP_HELLO:
		conn->rep.arg[0] = host->mem_dev;
		conn->rep.arg[1] = (uint64_t)getpid();
		ret = conn->req.arg[0] == HOST_PROTO_VERSION ? 0 : -EPROTO;
		break;
	case HOST_OP_OPEN_CONTAINER:
		ret = opened(conn, host_container_open(host));
		break;
	case HOST_OP_OPEN_GROUP:
		ret = opened(conn, host_group_open(host, object.fn));
		break;
	default:
		ret = do_file(conn, &object);
		break;
	}
	host_unlock(host);
	return ret;
}

/* ---------------------------------------------------------------- messages */

static void
close_fds(struct host_conn *conn)
{
	for (unsigned int i = 0; i < conn->nb_fds; i++)
		close(conn->fds[i]);
	conn->nb_fds = 0;
}

/* @return 0, -EAGAIN, -EPROTO: reply with this error, or -ECONNRESET: close the connection. */
static int
receive(struct host_conn *conn)
{
	union {
		char room[CMSG_SPACE(sizeof(conn->fds))];
		struct cmsghdr align;
	} control;
	struct iovec iov[2] = { { &conn->req, sizeof(conn->req) },
		{ conn->data, sizeof(conn->data) } };
	struct msghdr msg = { .msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	const ssize_t len = recvmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -ECONNRESET;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
		const size_t nb = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < nb && conn->nb_fds < HOST_PROTO_FDS; i++)
			memcpy(&conn->fds[conn->nb_fds++], CMSG_DATA(c) + i * sizeof(int),
					sizeof(int));
	}
	if (len == 0)
		return -ECONNRESET;
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || (size_t)len < sizeof(conn->req) ||
			conn->req.data_len != (size_t)len - sizeof(conn->req))
		return -EPROTO;
	return 0;
}

static int
reply(struct host_conn *conn)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .room = { 0 } };
	struct iovec iov[2] = { { &conn->rep, sizeof(conn->rep) },
		{ conn->data, conn->rep.data_len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t len;

	if (conn->rep_fd >= 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &conn->rep_fd, sizeof(int));
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
	}
	if (conn->rep_fd < 0)
		return sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -ECONNRESET : 0;
	/* From now on only the references of the program count, and the program may close them at
	 * once: hold the lock, so that no thread tests the file while our copy is open. */
	pthread_mutex_lock(&conn->host->lock);
	len = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(conn->rep_fd);
	pthread_mutex_unlock(&conn->host->lock);
	return len < 0 ? -ECONNRESET : 0;
}

static void
conn_serve(struct base_client *client)
{
	struct host_conn conn = { .host = client->ctx, .fd = client->fd };
	struct pollfd wait[2] = { { .fd = client->fd, .events = POLLIN },
		{ .fd = client->stop_fd, .events = POLLIN } };
	int ret = 0;

	while (ret != -ECONNRESET) {
		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			break;
		if (wait[1].revents != 0)
			break;
		ret = receive(&conn);
		if (ret == 0 || ret == -EPROTO) {
			memset(&conn.rep, 0, sizeof(conn.rep));
			conn.rep_fd = -1;
			conn.rep.ret = ret == 0 ? do_request(&conn) : ret;
			ret = reply(&conn);
		}
		close_fds(&conn);
	}
	pthread_mutex_lock(&conn.host->lock);
	drop_map(&conn);
	pthread_mutex_unlock(&conn.host->lock);
}

static void
conn_refuse(void *ctx, const struct base_client *client, int err)
{
	host_log("host",
			err == -EAGAIN ? "no thread for another program: connection refused" :
					 "too many programs: connection refused");
}

/* ---------------------------------------------------------------- server */

int
host_vfio_start(struct host *host, const char *socket_path)
{
	const struct base_server_conf conf = { .path = socket_path,
		.type = SOCK_SEQPACKET,
		.access = BASE_ACCESS_OWN,
		.max_clients = MAX_CONNS,
		.ctx = host,
		.refuse = conn_refuse,
		.serve = conn_serve };

	/* The host keeps every file of DMA memory open. */
	base_files_raise();
	return base_server_start(&conf, &host->server);
}

void
host_vfio_stop(struct host *host)
{
	base_server_stop(host->server);
	host->server = NULL;
}
