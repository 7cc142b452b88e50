/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * libFuzzer target: messages of a client to a vfio-user server. The first byte of an input selects
 * whether the rest is passed to the handler as messages, or sent through a socket as bytes. The
 * device checks what struct vuser_device_ops promises.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_eventfd.h"
#include "vfio_user/vuser_priv.h"

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vuser_device_info info;
static uint8_t memory[0x2000];
static int any_fd, event_fd; /* to send */
static volatile uint8_t sink;

/* ---------------------------------------------------------------- a device that checks */

static void
check_access(unsigned int region, uint64_t offset, size_t len, uint32_t flag)
{
	CHECK(region < VUSER_MAX_REGIONS && (info.regions[region].flags & flag) != 0);
	CHECK(len >= 1 && len <= VUSER_MAX_DATA && len <= info.regions[region].size &&
			offset <= info.regions[region].size - len);
}

static int
dev_read(void *dev, unsigned int region, uint64_t offset, void *data, size_t len)
{
	check_access(region, offset, len, VFIO_REGION_INFO_FLAG_READ);
	memcpy(data, memory + offset, len);
	return offset == 3 ? -EIO : 0;
}

static int
dev_write(void *dev, unsigned int region, uint64_t offset, const void *data, size_t len)
{
	check_access(region, offset, len, VFIO_REGION_INFO_FLAG_WRITE);
	memcpy(memory + offset, data, len);
	return offset == 3 ? -EIO : 0;
}

static void
check_vectors(unsigned int index, uint32_t start, uint32_t count)
{
	CHECK(index < VUSER_MAX_IRQS && count >= 1);
	CHECK(start < info.irqs[index].count && count <= info.irqs[index].count - start);
}

static int
dev_irq_set_fds(void *dev, unsigned int index, uint32_t start, uint32_t count, const int *fds)
{
	check_vectors(index, start, count);
	for (uint32_t i = 0; i < count; i++)
		CHECK(fds[i] == -1 || base_is_eventfd(fds[i]));
	return 0;
}

static int
dev_irq_trigger(void *dev, unsigned int index, uint32_t start, uint32_t count)
{
	check_vectors(index, start, count);
	return 0;
}

static int
dev_dma_map(void *dev, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset)
{
	CHECK(size != 0 && iova + size > iova && offset + size > offset);
	CHECK(((iova | size | offset) & (VUSER_PAGE_SIZE - 1)) == 0);
	CHECK((prot & (PROT_READ | PROT_WRITE)) != 0 && fcntl(fd, F_GETFD) >= 0);
	return 0;
}

static int
dev_dma_unmap(void *dev, uint64_t iova, uint64_t size)
{
	CHECK(size != 0 && iova + size > iova);
	return -ENOENT;
}

static int
dev_reset(void *dev)
{
	return 0;
}

static void
dev_released(void *dev)
{
}

static const struct vuser_device_ops ops = {
	.region_read = dev_read,
	.region_write = dev_write,
	.irq_set_fds = dev_irq_set_fds,
	.irq_trigger = dev_irq_trigger,
	.dma_map = dev_dma_map,
	.dma_unmap = dev_dma_unmap,
	.reset = dev_reset,
	.released = dev_released,
};

static void
set_up(void)
{
	const uint32_t rw = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;

	any_fd = memfd_create("fuzz", MFD_CLOEXEC);
	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK(any_fd >= 0 && event_fd >= 0);
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	for (unsigned int i = 0; i < VUSER_MAX_REGIONS; i++)
		info.regions[i].fd = -1;
	info.regions[0] = (struct vuser_region){ 64, VFIO_REGION_INFO_FLAG_READ, -1, 0, 0, {} };
	info.regions[4] = (struct vuser_region){ 0x2000, rw | VFIO_REGION_INFO_FLAG_MMAP, any_fd, 0,
		1, { { 0x1000, 0x1000 } } };
	info.regions[7] = (struct vuser_region){ 256, rw, -1, 0, 0, {} };
	info.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = (struct vuser_irq){ VFIO_IRQ_INFO_EVENTFD, 100 };
	info.irqs[VFIO_PCI_REQ_IRQ_INDEX] = (struct vuser_irq){ VFIO_IRQ_INFO_EVENTFD, 1 };
}

/* ---------------------------------------------------------------- the input */

/* The reply is well-formed for any request. */
static void
check_reply(const struct vuser_msg *reply)
{
	CHECK(reply->hdr.size == sizeof(reply->hdr) + reply->len);
	CHECK((reply->hdr.flags & VUSER_FLAG_TYPE_MASK) == VUSER_FLAG_TYPE_REPLY);
	CHECK((reply->hdr.flags & VUSER_FLAG_ERROR) == 0 ||
			(reply->len == 0 && reply->nb_fds == 0 && reply->hdr.error != 0));
	CHECK(reply->nb_fds <= 1);
	for (size_t i = 0; i < reply->len; i++)
		sink = (uint8_t)(sink + reply->data[i]); /* every byte can be read */
}

/* A 32-bit field from one byte of input: small numbers, and numbers at limits. */
static uint32_t
spread(uint8_t byte)
{
	static const uint32_t special[] = {
		0x1000,
		0x2000,
		0xfff,
		0x1001,
		0x1fff,
		0x10000,
		VUSER_MAX_DATA,
		VUSER_MAX_DATA + 1,
		0x7fffffff,
		0x80000000,
		0xfffff000,
		UINT32_MAX - 1,
		UINT32_MAX,
		256,
		257,
		255,
	};

	return byte < 240 ? byte : special[byte - 240];
}

/* Build the payload of a message. @return bytes of the input that were used. */
static size_t
fill(struct vuser_msg *req, const uint8_t *data, size_t size, size_t want, bool fields)
{
	const size_t taken = want < size ? want : size;
	const size_t width = fields ? sizeof(uint32_t) : 1;

	CHECK(vuser_msg_resize(req, taken * width) == 0);
	for (size_t i = 0; i < taken; i++) {
		const uint32_t word = spread(data[i]);

		if (fields)
			memcpy(req->data + i * width, &word, width);
		else
			req->data[i] = data[i];
	}
	req->hdr.size = (uint32_t)(sizeof(req->hdr) + req->len);
	return taken;
}

/*
 * Messages of { command, flags with number and kind of descriptors, length, payload }. If fields is
 * set, each byte of the payload gives one 32-bit field.
 */
static void
feed_handler(struct vuser_server *server, const uint8_t *data, size_t size, bool fields)
{
	struct vuser_msg req, reply;
	size_t taken;

	vuser_msg_init(&req);
	vuser_msg_init(&reply);
	while (size >= 3) {
		vuser_msg_clear(&req);
		taken = 3 + fill(&req, data + 3, size - 3, data[2], fields);
		req.hdr.command = data[0] & 0x1f;
		req.hdr.flags = data[1] & 0x10 ? VUSER_FLAG_NO_REPLY : 0;
		req.hdr.flags |= data[0] >> 7;
		for (unsigned int i = 0; i < (data[1] & 0xfu); i++)
			req.fds[req.nb_fds++] = fcntl(data[1] & 0x20 ? any_fd : event_fd,
					F_DUPFD_CLOEXEC, 0);
		req.fds_lost = (data[1] & 0x80) != 0;
		if (vuser_handle(server, &req, &reply))
			check_reply(&reply);
		CHECK(req.nb_fds == 0);
		data += taken;
		size -= taken;
	}
	vuser_msg_free(&req);
	vuser_msg_free(&reply);
}

/* Parts of { number and kind of descriptors, length, bytes }, each sent by one call. */
static void
feed_socket(struct vuser_server *server, const uint8_t *data, size_t size)
{
	uint8_t drain[4096];
	int socks[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, socks) == 0);
	CHECK(vuser_server_adopt(server, socks[1]) == 0);
	while (size > 2 && vuser_server_busy(server)) {
		const unsigned int nb_fds = data[0] & 0x1f; /* more than a message may have */
		const int to_send = data[0] & 0x20 ? any_fd : event_fd;
		const size_t len = data[1] < size - 2 ? data[1] : size - 2;
		union {
			char buf[CMSG_SPACE(31 * sizeof(int))];
			struct cmsghdr align;
		} control = { 0 };
		struct iovec iov = { (void *)(uintptr_t)(data + 2), len };
		struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

		if (nb_fds != 0) {
			struct cmsghdr *cmsg;

			mh.msg_control = control.buf;
			mh.msg_controllen = CMSG_SPACE(nb_fds * sizeof(int));
			cmsg = CMSG_FIRSTHDR(&mh);
			cmsg->cmsg_level = SOL_SOCKET;
			cmsg->cmsg_type = SCM_RIGHTS;
			cmsg->cmsg_len = CMSG_LEN(nb_fds * sizeof(int));
			for (unsigned int i = 0; i < nb_fds; i++)
				memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &to_send, sizeof(int));
		}
		(void)sendmsg(socks[0], &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
		vuser_server_process(server);
		while (recv(socks[0], drain, sizeof(drain), MSG_DONTWAIT) > 0)
			continue;
		data += 2 + len;
		size -= 2 + len;
	}
	close(socks[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vuser_server *server;
	int first_free, fd;

	if (size < 2)
		return 0;
	if (any_fd == 0)
		set_up();
	first_free = dup(any_fd);
	close(first_free);
	server = vuser_server_create(NULL, &info, &ops, NULL);
	CHECK(server != NULL);
	/* most commands need a version first */
	server->negotiated = (data[0] & 2) != 0;
	server->peer = (struct vuser_limits){ VUSER_MAX_FDS, VUSER_MAX_DATA };
	if (data[0] & 1)
		feed_socket(server, data + 1, size - 1);
	else
		feed_handler(server, data + 1, size - 1, (data[0] & 4) != 0);
	vuser_server_destroy(server);

	/* a descriptor that was left open would have the lowest number */
	fd = dup(any_fd);
	CHECK(fd == first_free);
	close(fd);
	return 0;
}
