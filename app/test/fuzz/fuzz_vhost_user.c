/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * libFuzzer target: what a front end of vhost-user sends to the gate of vsr-bridge. An input is a
 * list of steps: bytes with descriptors, time that passes, requests of the back end. Whatever
 * reaches the back end must be safe for one that believes its peer, and nothing may stay open.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vsr-bridge/gate/gate_conn.h"

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

#define NB_RINGS 4
#define MEM_BYTES (UINT64_C(1) << 20)
#define FEATURES (UINT64_C(1) << 32 | VHU_F_RING_PACKED | VHU_F_PROTOCOL_FEATURES | VHU_F_LOG_ALL)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gate_conn conn;
static int front, back, call_fd, channel, pool[4];
static long long now;

static void
closing(void *ctx, enum gate_side side)
{
	CHECK(side < GATE_NB_SIDES && conn.links[side].fd >= 0);
}

/* What the fuzzer sends along: memory, an eventfd, a socket, a file of another kind. */
static void
make_pool(void)
{
	int pair[2];

	if (pool[0] > 0)
		return;
	pool[0] = memfd_create("guest", MFD_CLOEXEC);
	CHECK(pool[0] > 0 && ftruncate(pool[0], MEM_BYTES) == 0);
	pool[1] = eventfd(0, EFD_CLOEXEC);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	pool[2] = pair[0];
	channel = pair[1];
	pool[3] = open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void
send_bytes(int fd, const uint8_t *data, size_t len, unsigned int nb_fds, unsigned int first)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(16 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nb_fds != 0) {
		memset(&control, 0, sizeof(control));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(nb_fds * sizeof(int));
		for (unsigned int i = 0; i < nb_fds; i++)
			memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &pool[(first + i) % 4],
					sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nb_fds * sizeof(int));
	}
	sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A message that a back end would believe. */
static void
check_message(const struct gate_msg *msg)
{
	const struct gate_state *state = &conn.state;
	const uint32_t ring = msg->payload.state.index;

	switch (msg->header.request) {
	case VHU_SET_MEM_TABLE:
		CHECK(msg->payload.memory.nb == msg->nb_fds && msg->nb_fds <= VHU_MAX_REGIONS);
		for (unsigned int i = 0; i < msg->nb_fds; i++) {
			const struct vhu_region *at = &msg->payload.memory.regions[i];

			CHECK(at->size != 0 && at->offset + at->size <= MEM_BYTES);
		}
		break;
	case VHU_SET_VRING_NUM:
		CHECK(ring < NB_RINGS && msg->payload.state.num <= 32768);
		break;
	case VHU_SET_VRING_ADDR:
		CHECK(ring < NB_RINGS && state->rings[ring].num != 0 && state->nb_regions != 0);
		break;
	case VHU_SET_VRING_BASE:
	case VHU_GET_VRING_BASE:
	case VHU_SET_VRING_ENABLE:
		CHECK(ring < NB_RINGS);
		break;
	case VHU_SET_VRING_KICK:
	case VHU_SET_VRING_CALL:
	case VHU_SET_VRING_ERR:
		CHECK((msg->payload.u64 & 0xff) < NB_RINGS);
		CHECK(msg->nb_fds == ((msg->payload.u64 & VHU_VRING_NO_FD) != 0 ? 0 : 1));
		break;
	case VHU_SET_LOG_BASE:
		CHECK(msg->nb_fds == 1 &&
				msg->payload.log.offset + msg->payload.log.size <= MEM_BYTES);
		break;
	case VHU_GET_CONFIG:
	case VHU_SET_CONFIG:
		CHECK(msg->payload.config.offset + msg->payload.config.size <= VHU_MAX_CONFIG);
		break;
	default:
		CHECK(msg->header.request < VHU_NB_REQUESTS);
	}
}

/* The back end reads its messages and answers them. */
static void
back_end(void)
{
	struct gate_link link;
	struct err err;

	gate_link_open(&link, back);
	while (gate_link_receive(&link, now, NULL, &err) == 1) {
		struct gate_msg reply = { .header = { link.in.header.request,
							  VHU_VERSION | VHU_REPLY, 8 } };

		check_message(&link.in);
		if (link.in.header.request == VHU_SET_BACKEND_REQ_FD) {
			if (call_fd >= 0)
				close(call_fd);
			call_fd = link.in.fds[0];
			link.in.nb_fds = 0;
		}
		if (link.in.header.request == VHU_GET_FEATURES)
			reply.payload.u64 = FEATURES;
		if (link.in.header.request == VHU_GET_PROTOCOL_FEATURES)
			reply.payload.u64 = UINT64_MAX;
		gate_link_next(&link);
		gate_link_send(&link, &reply, now);
	}
	gate_link_next(&link);
}

/* @return whether the connection goes on. */
static bool
turn(void)
{
	struct err err;

	for (int side = 0; side < GATE_NB_SIDES; side++) {
		struct pollfd wait = { .fd = conn.links[side].fd,
			.events = (short)gate_conn_events(&conn, side, now) };

		if (wait.fd < 0 || poll(&wait, 1, 0) <= 0)
			continue;
		if (gate_conn_ready(&conn, side, (uint32_t)wait.revents, now, &err) != 0)
			return false;
	}
	return gate_conn_timeout(&conn, now, &err) == 0;
}

/* Features and memory, so that inputs get further. */
static void
agree(void)
{
	static const uint32_t get[] = { VHU_GET_FEATURES, VHU_GET_PROTOCOL_FEATURES };

	for (int i = 0; i < 2; i++) {
		const struct vhu_header header = { get[i], VHU_VERSION, 0 };

		send_bytes(front, (const uint8_t *)&header, sizeof(header), 0, 0);
		turn();
		back_end();
		turn();
	}
	conn.state.protocol = conn.state.protocol_offered;
}

static bool
step(const uint8_t **data, size_t *size)
{
	const uint8_t kind = (*data)[0], arg = (*data)[1], len = (*data)[2];
	const size_t nb = len < *size - 3 ? len : *size - 3;
	const uint8_t *bytes = *data + 3;
	struct vhu_header header = { arg % 48, VHU_VERSION, (uint32_t)nb };
	char drain[4096];

	switch (kind % 5) {
	case 0:
		send_bytes(front, bytes, nb, arg % 12, kind);
		break;
	case 1:
		if ((kind & 0x80) != 0)
			header.flags |= VHU_NEED_REPLY;
		send_bytes(front, (const uint8_t *)&header, sizeof(header), kind / 5 % 10,
				kind / 50);
		if (nb != 0)
			send_bytes(front, bytes, nb, 0, 0);
		break;
	case 2:
		now += arg * 100;
		break;
	case 3:
		if (call_fd >= 0)
			send_bytes(call_fd, bytes, nb, arg % 2, 3);
		break;
	default:
		send_bytes(channel, bytes, nb, arg % 2, 3);
	}
	*data += 3 + nb;
	*size -= 3 + nb;
	while (recv(front, drain, sizeof(drain), MSG_DONTWAIT) > 0)
		;
	for (int i = 0; i < 3; i++) {
		if (!turn())
			return false;
		back_end();
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct budget budget = { .bytes = MEM_BYTES * 8,
		.guest_bytes = MEM_BYTES * 4 };
	int a[2], b[2], fds;
	char drain[4096];

	make_pool();
	fds = dup(pool[0]);
	close(fds);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b) == 0);
	budget_set(&budget);
	conn = (struct gate_conn){ .closing = closing };
	CHECK(gate_conn_open(&conn, a[1], b[1], NB_RINGS) == 0);
	front = a[0];
	back = b[0];
	call_fd = -1;
	now = 1000000;
	agree();
	while (size >= 3 && step(&data, &size))
		;
	gate_conn_close(&conn);
	close(front);
	close(back);
	if (call_fd >= 0)
		close(call_fd);
	CHECK(budget_bytes() == 0);
	while (recv(channel, drain, sizeof(drain), MSG_DONTWAIT) > 0)
		;
	/* The lowest free number is the same again: nothing stayed open. */
	CHECK(dup(pool[0]) == fds);
	close(fds);
	return 0;
}
