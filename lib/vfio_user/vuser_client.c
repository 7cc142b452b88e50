/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The client: each request is one message out and one reply in. Over a socket both have the
 * client's deadline; in the process, the server's handler is called with the same messages.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "vuser_priv.h"

/* Room for a region info and the capabilities behind it. */
#define REGION_INFO_ARGSZ 1024
#define MAX_ERRNO 4095
#define MAX_OF_AN_INDEX 65536 /* vectors of one index, from any server */

struct vuser_client {
	int sock; /* -1 in the process, or once dead */
	struct vuser_server *server; /* of this process, or NULL */
	unsigned int timeout_ms;
	uint16_t msg_id;
	struct vuser_limits peer;
	struct vuser_msg req;
	struct vuser_msg reply;
};

/* ---------------------------------------------------------------- one exchange */

/* Start a request: its payload is zero and len bytes long. */
static int
begin(struct vuser_client *client, enum vuser_command command, size_t len)
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

/* The stream is of no use any more. */
static void
die(struct vuser_client *client)
{
	if (client->sock >= 0)
		close(client->sock);
	client->sock = -1;
}

/* A server may ask for memory (DMA_READ, DMA_WRITE), but it got descriptors for all of it. */
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
	/* A server that hangs up may have said why before it did: read on. */
	if (sent != 0 && sent != -ECONNRESET) {
		/* A bad descriptor of the caller's goes nowhere, and nothing with it. */
		if (sent != -EBADF || client->req.moved != 0)
			die(client);
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
		die(client);
	}
	return ret;
}

/* The messages change hands in memory; descriptors are duplicated, as a socket does. */
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

/*
 * Send the request and take its reply, which has at least min_len bytes of payload and at most
 * max_fds descriptors, then the caller's to close.
 */
static int
exchange(struct vuser_client *client, size_t min_len, unsigned int max_fds)
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

	/* The refusal of a second client comes before its request was read, without its id. */
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
		/* A device may answer EPROTO too; only a malformed answer ends the connection. */
		if (ret == -EPROTO && (hdr->flags & VUSER_FLAG_ERROR) == 0)
			die(client);
	}
	return ret;
}

/* The content of a well-framed reply makes no sense. */
static int
malformed(struct vuser_client *client)
{
	vuser_msg_close_fds(&client->reply);
	die(client);
	return -EPROTO;
}

/* ---------------------------------------------------------------- life */

/* Agree on the version; -errno as vuser_client_connect() documents it. */
static int
negotiate(struct vuser_client *client)
{
	struct vuser_version version;
	int ret;

	ret = begin(client, VUSER_VERSION, 0);
	if (ret == 0)
		ret = vuser_version_put(&client->req, VUSER_PROTO_MINOR);
	if (ret != 0)
		return ret;
	client->req.hdr.size = (uint32_t)(sizeof(client->req.hdr) + client->req.len);
	ret = exchange(client, sizeof(version), 0);
	if (ret != 0)
		return ret == -EBUSY || ret == -ETIMEDOUT || ret == -ENOMEM ? ret : -EPROTO;
	memcpy(&version, client->reply.data, sizeof(version));
	if (version.major != VUSER_PROTO_MAJOR || version.minor > VUSER_PROTO_MINOR)
		return malformed(client);
	if (vuser_version_limits(client->reply.data + sizeof(version),
			client->reply.len - sizeof(version), &client->peer) != 0)
		return malformed(client);
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

/* Connect to the path: the socket, or -errno. A full backlog is waited for. */
static int
connect_path(const char *path, uint64_t deadline)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct sockaddr_un addr;
	int sock, ret;

	ret = vuser_address(&addr, path);
	if (ret != 0)
		return ret;
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	while (connect(sock, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
		ret = -errno;
		/* unix(7): EAGAIN when the queue of the listener is full; no poll() tells of room */
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

	if (vuser_server_taken(server)) {
		errno = EBUSY;
		return NULL;
	}
	client = client_alloc(0);
	if (client == NULL)
		return NULL;
	client->server = server;
	server->local = client;
	ret = negotiate(client);
	if (ret != 0) {
		vuser_client_close(client);
		errno = -ret;
		return NULL;
	}
	return client;
}

void
vuser_client_orphan(struct vuser_client *client)
{
	client->server = NULL;
}

void
vuser_client_close(struct vuser_client *client)
{
	if (client == NULL)
		return;
	die(client);
	if (client->server != NULL) {
		client->server->local = NULL;
		vuser_server_release(client->server);
	}
	vuser_msg_free(&client->req);
	vuser_msg_free(&client->reply);
	free(client);
}

/* ---------------------------------------------------------------- what the device is */

int
vuser_client_device_info(struct vuser_client *client, uint32_t *flags, uint32_t *nb_regions,
		uint32_t *nb_irqs)
{
	struct vuser_dev_info info = { .argsz = sizeof(info) };
	int ret;

	ret = begin(client, VUSER_DEVICE_GET_INFO, sizeof(info));
	if (ret != 0)
		return ret;
	memcpy(client->req.data, &info, sizeof(info));
	ret = exchange(client, sizeof(info), 0);
	if (ret != 0)
		return ret;
	memcpy(&info, client->reply.data, sizeof(info));
	*flags = info.flags;
	*nb_regions = info.nb_regions;
	*nb_irqs = info.nb_irqs;
	return 0;
}

/* Read one sparse capability at offset at of the payload into out; false when it cannot be. */
static bool
get_sparse(const uint8_t *data, size_t len, size_t at, struct vuser_region *out)
{
	struct vfio_region_info_cap_sparse_mmap cap;
	struct vfio_region_sparse_mmap_area area;

	if (len - at < sizeof(cap))
		return false;
	memcpy(&cap, data + at, sizeof(cap));
	at += sizeof(cap);
	if (cap.nr_areas > VUSER_MAX_SPARSE || len - at < cap.nr_areas * sizeof(area))
		return false;
	for (uint32_t i = 0; i < cap.nr_areas; i++, at += sizeof(area)) {
		memcpy(&area, data + at, sizeof(area));
		if (area.size > out->size || area.offset > out->size - area.size)
			return false;
		out->sparse[i].offset = area.offset;
		out->sparse[i].size = area.size;
	}
	out->nb_sparse = cap.nr_areas;
	return true;
}

/* Walk the capabilities behind a region info; each stands behind the one before it. */
static bool
get_region_caps(const uint8_t *data, size_t len, size_t at, struct vuser_region *out)
{
	struct vfio_info_cap_header cap;
	size_t end = sizeof(struct vfio_region_info);

	while (at != 0) {
		if (at < end || at > len || len - at < sizeof(cap))
			return false;
		memcpy(&cap, data + at, sizeof(cap));
		if (cap.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP && !get_sparse(data, len, at, out))
			return false;
		end = at + sizeof(cap);
		at = cap.next;
	}
	return true;
}

int
vuser_client_region_info(struct vuser_client *client, unsigned int region,
		struct vuser_region *out)
{
	struct vfio_region_info info = { .argsz = REGION_INFO_ARGSZ, .index = region };
	int ret;

	ret = begin(client, VUSER_DEVICE_GET_REGION_INFO, sizeof(info));
	if (ret != 0)
		return ret;
	memcpy(client->req.data, &info, sizeof(info));
	ret = exchange(client, sizeof(info), 1);
	if (ret != 0)
		return ret;
	memcpy(&info, client->reply.data, sizeof(info));
	memset(out, 0, sizeof(*out));
	out->size = info.size;
	out->flags = info.flags & (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
				VFIO_REGION_INFO_FLAG_MMAP);
	out->fd_offset = info.offset;
	out->fd = -1;
	if (info.index != region || ((info.flags & VFIO_REGION_INFO_FLAG_CAPS) != 0 &&
			!get_region_caps(client->reply.data, client->reply.len, info.cap_offset,
					out)))
		return malformed(client);

	/*
	 * The descriptor and the flag come together or not at all. Capabilities that did not fit
	 * may have named the only parts that can be mapped.
	 */
	if (info.argsz > REGION_INFO_ARGSZ)
		out->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	if (client->reply.nb_fds == 0)
		out->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	else if ((out->flags & VFIO_REGION_INFO_FLAG_MMAP) == 0)
		vuser_msg_close_fds(&client->reply);
	else
		out->fd = client->reply.fds[0];
	return 0;
}

int
vuser_client_irq_info(struct vuser_client *client, unsigned int index, struct vuser_irq *out)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	int ret;

	ret = begin(client, VUSER_DEVICE_GET_IRQ_INFO, sizeof(info));
	if (ret != 0)
		return ret;
	memcpy(client->req.data, &info, sizeof(info));
	ret = exchange(client, sizeof(info), 0);
	if (ret != 0)
		return ret;
	memcpy(&info, client->reply.data, sizeof(info));
	if (info.index != index)
		return malformed(client);
	out->flags = info.flags;
	out->count = info.count;
	return 0;
}

/* ---------------------------------------------------------------- registers */

/* One access of at most client->peer.max_data bytes. */
static int
access_once(struct vuser_client *client, enum vuser_command command,
		const struct vuser_region_access *want, void *in, const void *out)
{
	const size_t out_len = out != NULL ? want->count : 0;
	const size_t in_len = in != NULL ? want->count : 0;
	struct vuser_region_access got;
	int ret;

	ret = begin(client, command, sizeof(*want) + out_len);
	if (ret != 0)
		return ret;
	memcpy(client->req.data, want, sizeof(*want));
	if (out_len != 0)
		memcpy(client->req.data + sizeof(*want), out, out_len);
	ret = exchange(client, sizeof(got) + in_len, 0);
	if (ret != 0)
		return ret;
	memcpy(&got, client->reply.data, sizeof(got));
	if (got.region != want->region || got.offset != want->offset || got.count != want->count ||
			client->reply.len != sizeof(got) + in_len)
		return malformed(client);
	if (in_len != 0)
		memcpy(in, client->reply.data + sizeof(got), in_len);
	return 0;
}

/* An access of any length, in turns when the server takes less at once. */
static int
access_all(struct vuser_client *client, enum vuser_command command, unsigned int region,
		uint64_t offset, void *in, const void *out, size_t len)
{
	int ret = 0;

	if (len == 0 || len > VUSER_MAX_DATA || offset + len < offset)
		return -EINVAL;
	for (size_t done = 0; done < len && ret == 0;) {
		size_t left = len - done;
		const struct vuser_region_access want = {
			.offset = offset + done,
			.region = region,
			.count = left < client->peer.max_data ? (uint32_t)left
							      : client->peer.max_data,
		};

		ret = access_once(client, command, &want,
				in != NULL ? (uint8_t *)in + done : NULL,
				out != NULL ? (const uint8_t *)out + done : NULL);
		done += want.count;
	}
	return ret;
}

int
vuser_client_region_read(struct vuser_client *client, unsigned int region, uint64_t offset,
		void *data, size_t len)
{
	return access_all(client, VUSER_REGION_READ, region, offset, data, NULL, len);
}

int
vuser_client_region_write(struct vuser_client *client, unsigned int region, uint64_t offset,
		const void *data, size_t len)
{
	return access_all(client, VUSER_REGION_WRITE, region, offset, NULL, data, len);
}

int
vuser_client_reset(struct vuser_client *client)
{
	int ret = begin(client, VUSER_DEVICE_RESET, 0);

	return ret != 0 ? ret : exchange(client, 0, 0);
}

/* ---------------------------------------------------------------- interrupts */

static int
set_irqs(struct vuser_client *client, const struct vfio_irq_set *set, const int *fds,
		unsigned int nb_fds)
{
	int ret = begin(client, VUSER_DEVICE_SET_IRQS, sizeof(*set));

	if (ret != 0)
		return ret;
	memcpy(client->req.data, set, sizeof(*set));
	if (nb_fds != 0)
		memcpy(client->req.fds, fds, nb_fds * sizeof(*fds));
	client->req.nb_fds = nb_fds;
	return exchange(client, 0, 0);
}

int
vuser_client_irq_set_fds(struct vuser_client *client, unsigned int index, uint32_t start,
		uint32_t count, const int *fds)
{
	struct vfio_irq_set set = { .argsz = sizeof(set), .index = index, .start = start };
	int ret = 0;

	if (count > MAX_OF_AN_INDEX || (count == 0 && start != 0))
		return -EINVAL;
	if (count == 0) {
		set.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
		return set_irqs(client, &set, NULL, 0);
	}
	/* A message carries a descriptor for each of its vectors, or disconnects them all. */
	set.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	for (uint32_t i = 0; i < count && ret == 0; i += set.count) {
		const bool connect = fds[i] >= 0;
		const uint32_t most = connect ? client->peer.max_fds : count;

		if (most == 0)
			return -EINVAL;
		set.start = start + i;
		set.count = 0;
		while (i + set.count < count && set.count < most &&
				(fds[i + set.count] >= 0) == connect)
			set.count++;
		ret = set_irqs(client, &set, fds + i, connect ? set.count : 0);
	}
	return ret;
}

int
vuser_client_irq_trigger(struct vuser_client *client, unsigned int index, uint32_t start,
		uint32_t count)
{
	const struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
		.start = start,
		.count = count,
	};

	return count == 0 ? -EINVAL : set_irqs(client, &set, NULL, 0);
}

/* ---------------------------------------------------------------- memory */

int
vuser_client_dma_map(struct vuser_client *client, uint64_t iova, uint64_t size, int prot, int fd,
		uint64_t offset)
{
	struct vuser_dma_map map = {
		.argsz = sizeof(map),
		.offset = offset,
		.iova = iova,
		.size = size,
	};
	int ret;

	if (fd < 0 || size == 0 || (prot & ~(PROT_READ | PROT_WRITE)) != 0 || prot == 0)
		return -EINVAL;
	if ((prot & PROT_READ) != 0)
		map.flags |= VUSER_DMA_READ_OK;
	if ((prot & PROT_WRITE) != 0)
		map.flags |= VUSER_DMA_WRITE_OK;
	ret = begin(client, VUSER_DMA_MAP, sizeof(map));
	if (ret != 0)
		return ret;
	memcpy(client->req.data, &map, sizeof(map));
	client->req.fds[0] = fd;
	client->req.nb_fds = 1;
	return exchange(client, 0, 0);
}

int
vuser_client_dma_unmap(struct vuser_client *client, uint64_t iova, uint64_t size)
{
	const struct vuser_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = iova, .size = size };
	int ret;

	ret = begin(client, VUSER_DMA_UNMAP, sizeof(unmap));
	if (ret != 0)
		return ret;
	memcpy(client->req.data, &unmap, sizeof(unmap));
	return exchange(client, 0, 0);
}
