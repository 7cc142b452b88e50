/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The gate of vsr-bridge between a front end that breaks each rule of vhost-user and a back end
 * that believes what it reads. First one connection, moved step by step with a clock of the test;
 * then the whole gate with its thread.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "test/fixture/vtest.h"
#include "vsr-bridge/gate/gate.h"
#include "vsr-bridge/gate/gate_fault.h"

#define MIB (UINT64_C(1) << 20)
#define MEM_BYTES (2 * MIB)
#define UVA UINT64_C(0x7f0000000000)
#define NB_RINGS 4
#define OFFERED (UINT64_C(1) << 32 | VHU_F_RING_PACKED | VHU_F_PROTOCOL_FEATURES | VHU_F_LOG_ALL)
#define SPLIT (UINT64_C(1) << 32 | VHU_F_PROTOCOL_FEATURES)
#define PATIENCE_MS 20000

/* ---------------------------------------------------------------- messages */

static int
memory_file(uint64_t bytes)
{
	const int fd = memfd_create("guest", MFD_CLOEXEC);

	VTEST(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
	return fd;
}

static struct gate_msg
request_of(uint32_t request, const void *payload, uint32_t size)
{
	struct gate_msg msg = { .header = { request, VHU_VERSION, size } };

	if (size != 0 && payload != NULL)
		memcpy(&msg.payload, payload, size);
	return msg;
}

static struct gate_msg
number(uint32_t request, uint64_t value)
{
	return request_of(request, &value, 8);
}

static struct gate_msg
state_of(uint32_t request, uint32_t index, uint32_t num)
{
	const struct vhu_state state = { index, num };

	return request_of(request, &state, sizeof(state));
}

static struct gate_msg
table(unsigned int nb, const struct vhu_region *regions)
{
	struct vhu_memory memory = { .nb = nb };

	memcpy(memory.regions, regions, nb * sizeof(*regions));
	return request_of(VHU_SET_MEM_TABLE, &memory, (uint32_t)(8 + nb * sizeof(*regions)));
}

static const struct vhu_region one_region = { .gpa = 0, .size = MEM_BYTES, .uva = UVA };

static struct gate_msg
address(uint32_t ring, uint64_t desc, uint64_t avail, uint64_t used)
{
	const struct vhu_addr addr = { .index = ring, .desc = desc, .used = used, .avail = avail };

	return request_of(VHU_SET_VRING_ADDR, &addr, sizeof(addr));
}

/* Send bytes of a message with descriptors, which stay open here. */
static ssize_t
send_some(int fd, const struct gate_msg *msg, size_t from, size_t to)
{
	char wire[sizeof(struct vhu_header) + GATE_MAX_PAYLOAD], control[CMSG_SPACE(253 * 4)];
	struct iovec iov = { .iov_base = wire + from, .iov_len = to - from };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(wire, &msg->header, sizeof(msg->header));
	memcpy(wire + sizeof(msg->header), &msg->payload, GATE_MAX_PAYLOAD);
	if (from == 0 && msg->nb_fds != 0) {
		struct cmsghdr *c = (struct cmsghdr *)(void *)control;

		memset(control, 0, sizeof(control));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(msg->nb_fds * sizeof(int));
		for (unsigned int i = 0; i < msg->nb_fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int),
					&msg->fds[i < VHU_MAX_FDS ? i : VHU_MAX_FDS - 1],
					sizeof(int));
		hdr.msg_control = control;
		hdr.msg_controllen = CMSG_SPACE(msg->nb_fds * sizeof(int));
	}
	return sendmsg(fd, &hdr, MSG_NOSIGNAL);
}

static void
send_part(int fd, const struct gate_msg *msg, size_t from, size_t to)
{
	VTEST_EQ(send_some(fd, msg, from, to), to - from);
}

static void
send_msg(int fd, const struct gate_msg *msg)
{
	size_t size = msg->header.size;

	if (size > GATE_MAX_PAYLOAD)
		size = GATE_MAX_PAYLOAD;
	send_part(fd, msg, 0, sizeof(msg->header) + size);
}

/* Receive one message, as a peer that waits. @return false: the connection was closed. */
static bool
receive_msg(int fd, struct gate_msg *msg)
{
	char control[CMSG_SPACE(VHU_MAX_FDS * sizeof(int))];
	struct iovec iov = { .iov_base = &msg->header, .iov_len = sizeof(msg->header) };
	struct msghdr hdr = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	const struct cmsghdr *c;

	memset(msg, 0, sizeof(*msg));
	VTEST(poll(&wait, 1, PATIENCE_MS) == 1);
	if (recvmsg(fd, &hdr, MSG_CMSG_CLOEXEC) != sizeof(msg->header))
		return false;
	c = CMSG_FIRSTHDR(&hdr);
	if (c != NULL) {
		msg->nb_fds = (unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(msg->fds, CMSG_DATA(c), msg->nb_fds * sizeof(int));
	}
	VTEST(msg->header.size <= GATE_MAX_PAYLOAD);
	return msg->header.size == 0 ||
			recv(fd, &msg->payload, msg->header.size, MSG_WAITALL) == msg->header.size;
}

static void
close_fds(struct gate_msg *msg)
{
	for (unsigned int i = 0; i < msg->nb_fds; i++)
		close(msg->fds[i]);
	msg->nb_fds = 0;
}

/* ---------------------------------------------------------------- one connection, step by step */

static struct gate_conn conn;
static struct err why;
static int front = -1, back = -1; /* The ends of the test. */
static int call_fd = -1; /* Where the back end sends requests. */
static int memory = -1, event = -1;
static long long now;
static unsigned int nb_seen; /* Messages that reached the back end. */
static uint32_t refused; /* Request that the back end refuses. */

static void
closing(void *ctx, enum gate_side side)
{
}

static void
conn_start(void)
{
	int a[2], b[2];

	VTEST_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a), 0);
	VTEST_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b), 0);
	budget_set(&(struct budget){ .bytes = 64 * MIB, .guest_bytes = 16 * MIB });
	conn = (struct gate_conn){ .closing = closing };
	VTEST_EQ(gate_conn_open(&conn, a[1], b[1], NB_RINGS), 0);
	front = a[0];
	back = b[0];
	memory = memory_file(MEM_BYTES);
	event = eventfd(0, EFD_CLOEXEC);
	now = 1000000;
	nb_seen = 0;
	refused = 0;
	why.text[0] = '\0';
}

static void
conn_end(void)
{
	gate_conn_close(&conn);
	close(front);
	close(back);
	close(memory);
	close(event);
	if (call_fd >= 0)
		close(call_fd);
	front = back = memory = event = call_fd = -1;
	VTEST_EQ(budget_bytes(), 0);
}

/* As epoll would: call the sides that have events. @return result of the connection. */
static int
turn(void)
{
	int ret = 0;

	for (int side = 0; side < GATE_NB_SIDES && ret == 0; side++) {
		const uint32_t wanted = gate_conn_events(&conn, side, now);
		struct pollfd wait = { .fd = conn.links[side].fd, .events = (short)wanted };

		if (wait.fd >= 0 && poll(&wait, 1, 0) > 0)
			ret = gate_conn_ready(&conn, side, (uint32_t)wait.revents, now, &why);
	}
	return ret;
}

/* The back end answers one message, as rte_vhost does. @return false: none has arrived. */
static bool
back_answers(void)
{
	struct pollfd wait = { .fd = back, .events = POLLIN };
	struct gate_msg msg, reply;

	if (poll(&wait, 1, 0) <= 0 || !receive_msg(back, &msg))
		return false;
	nb_seen++;
	reply = request_of(msg.header.request, NULL, 8);
	reply.header.flags = VHU_VERSION | VHU_REPLY;
	if (msg.header.request == VHU_SET_BACKEND_REQ_FD && msg.nb_fds == 1) {
		call_fd = msg.fds[0];
		msg.nb_fds = 0;
	}
	close_fds(&msg);
	switch (msg.header.request) {
	case VHU_GET_FEATURES:
		reply.payload.u64 = OFFERED;
		break;
	case VHU_GET_PROTOCOL_FEATURES:
		reply.payload.u64 = UINT64_MAX;
		break;
	case VHU_GET_QUEUE_NUM:
		reply.payload.u64 = 128;
		break;
	case VHU_GET_VRING_BASE:
		reply.payload.state = (struct vhu_state){ msg.payload.state.index, 7 };
		break;
	case VHU_GET_STATUS:
		break;
	default:
		reply.payload.u64 = msg.header.request == refused;
		if ((msg.header.flags & VHU_NEED_REPLY) == 0)
			return true;
	}
	/* The gate may have ended the connection by now. */
	send_some(back, &reply, 0, sizeof(reply.header) + reply.header.size);
	return true;
}

/* Send a message and let it take its way. @return 0, or the error that ends the connection. */
static int
pass(const struct gate_msg *msg)
{
	int ret;

	send_msg(front, msg);
	ret = turn();
	back_answers();
	return ret != 0 ? ret : turn();
}

static uint64_t
answer_of(const struct gate_msg *msg)
{
	struct gate_msg reply;

	VTEST_EQ(pass(msg), 0);
	VTEST(receive_msg(front, &reply));
	VTEST_EQ(reply.header.request, msg->header.request);
	VTEST_EQ(reply.header.flags, VHU_VERSION | VHU_REPLY);
	return reply.payload.u64;
}

static void
must_pass(struct gate_msg msg, int fd)
{
	if (fd >= 0) {
		msg.fds[0] = fd;
		msg.nb_fds = 1;
	}
	if (pass(&msg) != 0)
		vtest_fail("request %u ended the connection: %s", msg.header.request, why.text);
}

/* Agree on features, share memory, and start ring 0. */
static void
agree(uint64_t features)
{
	const struct gate_msg get = request_of(VHU_GET_FEATURES, NULL, 0);
	const struct gate_msg get_protocol = request_of(VHU_GET_PROTOCOL_FEATURES, NULL, 0);

	VTEST_EQ(answer_of(&get), OFFERED);
	must_pass(number(VHU_SET_PROTOCOL_FEATURES, answer_of(&get_protocol)), -1);
	must_pass(request_of(VHU_SET_OWNER, NULL, 0), -1);
	must_pass(number(VHU_SET_FEATURES, features), -1);
}

static void
start_ring(uint32_t ring)
{
	const uint64_t at = UVA + ring * 0x10000;

	must_pass(state_of(VHU_SET_VRING_NUM, ring, 256), -1);
	must_pass(state_of(VHU_SET_VRING_BASE, ring, 0), -1);
	must_pass(address(ring, at, at + 0x2000, at + 0x4000), -1);
	must_pass(number(VHU_SET_VRING_KICK, ring), event);
	must_pass(number(VHU_SET_VRING_CALL, ring), event);
	must_pass(state_of(VHU_SET_VRING_ENABLE, ring, 1), -1);
}

static void
ready(uint64_t features)
{
	conn_start();
	agree(features);
	must_pass(table(1, &one_region), memory);
	start_ring(0);
}

/* A message that must end its connection, with these words, before the back end sees it. */
static void
must_end(struct gate_msg msg, unsigned int nb_fds, const char *words)
{
	const unsigned int seen = nb_seen;

	if (msg.nb_fds == 0)
		for (unsigned int i = 0; i < VHU_MAX_FDS; i++)
			msg.fds[i] = memory;
	msg.nb_fds = nb_fds;
	if (pass(&msg) == 0)
		vtest_fail("request %u of %u bytes with %u descriptors passed", msg.header.request,
				msg.header.size, nb_fds);
	if (strstr(why.text, words) == NULL)
		vtest_fail("\"%s\" does not say \"%s\"", why.text, words);
	VTEST_EQ(nb_seen, seen);
	conn_end();
}

static unsigned int
open_fds(void)
{
	unsigned int nb = 0;

	for (int fd = 0; fd < 1024; fd++)
		nb += fcntl(fd, F_GETFD) >= 0;
	return nb;
}

/* ---------------------------------------------------------------- what passes */

static void
a_front_end_that_keeps_the_rules_gets_its_answers(void)
{
	const struct gate_msg queues = request_of(VHU_GET_QUEUE_NUM, NULL, 0);
	const struct gate_msg stop = state_of(VHU_GET_VRING_BASE, 0, 0);
	const unsigned int fds = open_fds();
	struct gate_msg acked;

	ready(SPLIT);
	start_ring(1);
	VTEST_EQ(answer_of(&queues), NB_RINGS / 2);
	VTEST_EQ(answer_of(&stop) >> 32, 7);
	acked = state_of(VHU_SET_VRING_ENABLE, 1, 0);
	acked.header.flags |= VHU_NEED_REPLY;
	VTEST_EQ(answer_of(&acked), 0);
	must_pass(number(VHU_SET_VRING_CALL, 0x100), -1); /* without an eventfd */
	must_pass(number(VHU_SEND_RARP, 0x1234), -1);
	must_pass(number(VHU_NET_SET_MTU, 1500), -1);
	must_pass(number(VHU_SET_STATUS, 15), -1);
	must_pass(request_of(VHU_RESET_OWNER, NULL, 0), -1);
	VTEST_EQ(budget_bytes(), MEM_BYTES);
	conn_end();
	VTEST_EQ(open_fds(), fds);
}

static void
bits_that_the_gate_does_not_know_are_not_offered(void)
{
	const struct gate_msg get = request_of(VHU_GET_PROTOCOL_FEATURES, NULL, 0);
	uint64_t bits;

	conn_start();
	bits = answer_of(&get);
	VTEST((bits & VHU_PROTOCOL_REPLY_ACK) != 0);
	VTEST_EQ(bits & 1 << 8, 0); /* page faults: post-copy migration */
	VTEST_EQ(bits & 1 << 12, 0); /* buffers in flight */
	VTEST_EQ(bits >> 17, 0);
	conn_end();
}

static void
packed_rings_have_any_size_and_wrap_counters(void)
{
	ready(SPLIT | VHU_F_RING_PACKED);
	must_pass(state_of(VHU_SET_VRING_NUM, 1, 100), -1);
	must_pass(state_of(VHU_SET_VRING_BASE, 1, 0x80638063), -1);
	must_pass(address(1, UVA + 0x10000, UVA + 0x11000, UVA + 0x11004), -1);
	conn_end();
}

static void
log_and_its_bit_may_change_while_a_ring_runs(void)
{
	const struct vhu_log log = { .size = 4096 };
	const struct gate_msg base = request_of(VHU_SET_LOG_BASE, &log, sizeof(log));
	struct gate_msg msg = base;

	ready(SPLIT);
	msg.fds[0] = memory;
	msg.nb_fds = 1;
	send_msg(front, &msg);
	VTEST_EQ(turn(), 0);
	/* rte_vhost answers with its own reply, without a wish for an acknowledgement. */
	VTEST(back_answers());
	msg = request_of(VHU_SET_LOG_BASE, NULL, 0);
	msg.header.flags = VHU_VERSION | VHU_REPLY;
	send_msg(back, &msg);
	VTEST_EQ(turn(), 0);
	VTEST(receive_msg(front, &msg));
	VTEST_EQ(msg.header.size, 0);
	must_pass(number(VHU_SET_FEATURES, SPLIT | VHU_F_LOG_ALL), -1);
	conn_end();
}

/* ---------------------------------------------------------------- what ends the connection */

/* Sizes of payload and numbers of descriptors that the protocol has. */
static const struct {
	uint32_t request, size;
	unsigned int fds;
} shapes[] = {
	/* clang-format off */
	{ VHU_GET_FEATURES, 0, 0 }, { VHU_SET_FEATURES, 8, 0 }, { VHU_SET_OWNER, 0, 0 },
	{ VHU_RESET_OWNER, 0, 0 }, { VHU_SET_MEM_TABLE, 40, 1 }, { VHU_SET_LOG_BASE, 16, 1 },
	{ VHU_SET_LOG_FD, 8, 1 }, { VHU_SET_VRING_NUM, 8, 0 }, { VHU_SET_VRING_ADDR, 40, 0 },
	{ VHU_SET_VRING_BASE, 8, 0 }, { VHU_GET_VRING_BASE, 8, 0 }, { VHU_SET_VRING_KICK, 8, 1 },
	{ VHU_SET_VRING_CALL, 8, 1 }, { VHU_SET_VRING_ERR, 8, 1 },
	{ VHU_GET_PROTOCOL_FEATURES, 0, 0 }, { VHU_SET_PROTOCOL_FEATURES, 8, 0 },
	{ VHU_GET_QUEUE_NUM, 0, 0 }, { VHU_SET_VRING_ENABLE, 8, 0 }, { VHU_SEND_RARP, 8, 0 },
	{ VHU_NET_SET_MTU, 8, 0 }, { VHU_SET_BACKEND_REQ_FD, 8, 1 }, { VHU_GET_CONFIG, 12, 0 },
	{ VHU_SET_CONFIG, 12, 0 }, { VHU_SET_STATUS, 8, 0 }, { VHU_GET_STATUS, 8, 0 },
	/* clang-format on */
};
#define NB_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static void
each_request_has_one_size(void)
{
	for (size_t i = 0; i < NB_SHAPES; i++) {
		static const uint32_t sizes[] = { 1, 7, 9, 265, 4096, UINT32_MAX };

		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			const uint32_t size = sizes[j];
			struct gate_msg msg = request_of(shapes[i].request, NULL, 0);

			/* A table may have several sizes, which its own number of regions decides;
			 * the request for a status, and two with a descriptor, may have none. */
			msg.header.size = size;
			ready(SPLIT);
			if (shapes[i].size == 8 && shapes[i].fds == 1 && size < 8 &&
					shapes[i].request != VHU_SET_VRING_KICK &&
					shapes[i].request != VHU_SET_VRING_CALL &&
					shapes[i].request != VHU_SET_VRING_ERR) {
				conn_end();
				continue;
			}
			if (shapes[i].request == VHU_GET_STATUS && size < 8) {
				conn_end();
				continue;
			}
			must_end(msg, shapes[i].fds, "");
		}
	}
}

static void
each_request_has_its_number_of_descriptors(void)
{
	for (size_t i = 0; i < NB_SHAPES; i++) {
		for (unsigned int nb = 0; nb <= VHU_MAX_FDS; nb++) {
			const struct vhu_memory one = { .nb = 1, .regions = { one_region } };
			struct gate_msg msg = request_of(shapes[i].request, NULL, shapes[i].size);

			if (nb == shapes[i].fds)
				continue;
			if (shapes[i].request == VHU_SET_MEM_TABLE)
				memcpy(&msg.payload.memory, &one, 8 + sizeof(one_region));
			ready(SPLIT);
			must_end(msg, nb, "descriptors");
		}
	}
}

static void
more_descriptors_than_regions_of_a_table_end_the_connection(void)
{
	const unsigned int before = open_fds();

	for (unsigned int nb = VHU_MAX_FDS + 1; nb <= 253; nb += 61) {
		ready(SPLIT);
		must_end(request_of(VHU_SET_OWNER, NULL, 0), nb, "descriptors");
		VTEST_EQ(open_fds(), before);
	}
}

static void
requests_that_were_not_agreed_on_end_the_connection(void)
{
	static const uint32_t unknown[] = { 0, VHU_IOTLB_MSG, 23, 26, 27, 28, 29, 30,
		VHU_GET_INFLIGHT_FD, VHU_SET_INFLIGHT_FD, 33, VHU_RESET_DEVICE, 35,
		VHU_GET_MAX_MEM_SLOTS, VHU_ADD_MEM_REG, VHU_REM_MEM_REG, 41, 1000, UINT32_MAX };
	static const uint32_t gated[] = { VHU_SET_LOG_BASE, VHU_SEND_RARP, VHU_NET_SET_MTU,
		VHU_SET_BACKEND_REQ_FD, VHU_GET_CONFIG, VHU_SET_CONFIG, VHU_SET_STATUS,
		VHU_GET_STATUS };

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		ready(SPLIT);
		must_end(request_of(unknown[i], NULL, 0), 0, "is not served");
	}
	for (size_t i = 0; i < sizeof(gated) / sizeof(gated[0]); i++) {
		for (size_t j = 0; j < NB_SHAPES; j++) {
			if (shapes[j].request != gated[i])
				continue;
			conn_start();
			must_end(request_of(gated[i], NULL, shapes[j].size), shapes[j].fds,
					"was not agreed on");
		}
	}
}

static void
wrong_flags_end_the_connection(void)
{
	static const uint32_t flags[] = { 0, 2, 3, VHU_VERSION | VHU_REPLY, VHU_VERSION | 16,
		UINT32_MAX };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct gate_msg msg = request_of(VHU_SET_OWNER, NULL, 0);

		msg.header.flags = flags[i];
		ready(SPLIT);
		must_end(msg, 0, "flags");
	}
}

static void
features_are_those_that_were_offered(void)
{
	conn_start();
	must_end(number(VHU_SET_FEATURES, SPLIT), 0, "not offered"); /* nobody has asked yet */
	ready(SPLIT);
	must_end(number(VHU_SET_FEATURES, SPLIT | 1), 0, "not offered");
	ready(SPLIT);
	must_end(number(VHU_SET_FEATURES, SPLIT | VHU_F_RING_PACKED), 0, "ring 0 runs");
	ready(SPLIT);
	must_end(number(VHU_SET_PROTOCOL_FEATURES, 1 << 12), 0, "not offered");
}

static void
rings_have_the_numbers_that_the_device_has(void)
{
	static const uint32_t indices[] = { NB_RINGS, 255, 256, 1 << 16, UINT32_MAX };

	for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		const uint32_t ring = indices[i];

		ready(SPLIT);
		must_end(state_of(VHU_SET_VRING_NUM, ring, 256), 0, "there is no ring");
		ready(SPLIT);
		must_end(state_of(VHU_SET_VRING_BASE, ring, 0), 0, "there is no ring");
		ready(SPLIT);
		must_end(state_of(VHU_GET_VRING_BASE, ring, 0), 0, "there is no ring");
		ready(SPLIT);
		must_end(state_of(VHU_SET_VRING_ENABLE, ring, 1), 0, "there is no ring");
		ready(SPLIT);
		must_end(address(ring, UVA, UVA + 0x2000, UVA + 0x4000), 0, "there is no ring");
		if (ring > 255)
			continue;
		for (uint32_t request = VHU_SET_VRING_KICK; request <= VHU_SET_VRING_ERR;
				request++) {
			ready(SPLIT);
			must_end(number(request, ring), 1, "there is no ring");
		}
	}
	ready(SPLIT);
	must_end(number(VHU_SET_VRING_CALL, 0x200), 1, "unknown bits");
	ready(SPLIT);
	must_end(number(VHU_SET_VRING_CALL, UINT64_MAX - 255), 0, "unknown bits");
}

static void
sizes_and_positions_of_rings_are_judged(void)
{
	static const uint32_t sizes[] = { 0, 3, 100, 65536, UINT32_MAX };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ready(SPLIT);
		must_end(state_of(VHU_SET_VRING_NUM, 1, sizes[i]), 0, "no size of a ring");
	}
	ready(SPLIT);
	must_end(state_of(VHU_SET_VRING_NUM, 0, 512), 0, "ring 0 runs");
	ready(SPLIT);
	must_end(state_of(VHU_SET_VRING_BASE, 0, 1), 0, "ring 0 runs");
	ready(SPLIT);
	must_end(state_of(VHU_SET_VRING_BASE, 1, 1), 0, "no size yet");
	ready(SPLIT);
	must_pass(state_of(VHU_SET_VRING_NUM, 1, 256), -1);
	must_end(state_of(VHU_SET_VRING_BASE, 1, 65536), 0, "no position");
	ready(SPLIT | VHU_F_RING_PACKED);
	must_pass(state_of(VHU_SET_VRING_NUM, 1, 256), -1);
	must_end(state_of(VHU_SET_VRING_BASE, 1, 256), 0, "no position");
	ready(SPLIT | VHU_F_RING_PACKED);
	must_pass(state_of(VHU_SET_VRING_NUM, 1, 256), -1);
	must_end(state_of(VHU_SET_VRING_BASE, 1, 256 << 16), 0, "no position");
	ready(SPLIT);
	must_end(state_of(VHU_SET_VRING_ENABLE, 0, 2), 0, "neither 0 nor 1");
}

static void
addresses_of_rings_are_judged(void)
{
	static const struct {
		uint64_t desc, avail, used;
		const char *words;
	} bad[] = {
		{ UVA + 8, UVA + 0x2000, UVA + 0x4000, "not aligned" },
		{ UVA, UVA + 0x2001, UVA + 0x4000, "not aligned" },
		{ UVA, UVA + 0x2000, UVA + 0x4002, "not aligned" },
		{ UVA - 16, UVA + 0x2000, UVA + 0x4000, "outside" },
		{ UVA + MEM_BYTES - 4080, UVA + 0x2000, UVA + 0x4000, "outside" },
		{ UVA, UVA + MEM_BYTES - 516, UVA + 0x4000, "outside" },
		{ UVA, UVA + 0x2000, UVA + MEM_BYTES - 2052, "outside" },
		{ UVA + MEM_BYTES, UVA + 0x2000, UVA + 0x4000, "outside" },
		{ 0, 0, 0, "outside" },
		{ UINT64_MAX - 15, UVA + 0x2000, UVA + 0x4000, "outside" },
		{ UVA, UVA + 0xffe, UVA + 0x4000, "overlap" },
		{ UVA, UVA + 0x4000, UVA + 0x4000, "overlap" },
		{ UVA + 0x4000, UVA + 0x2000, UVA + 0x3ffc, "overlap" },
	};
	struct gate_msg msg;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ready(SPLIT);
		must_pass(state_of(VHU_SET_VRING_NUM, 1, 256), -1);
		must_end(address(1, bad[i].desc, bad[i].avail, bad[i].used), 0, bad[i].words);
	}
	ready(SPLIT);
	must_end(address(1, UVA, UVA + 0x2000, UVA + 0x4000), 0, "no size yet");
	ready(SPLIT);
	must_end(address(0, UVA + 0x8000, UVA + 0x2000, UVA + 0x4000), 0, "cannot move");
	ready(SPLIT);
	msg = address(0, UVA, UVA + 0x2000, UVA + 0x4000);
	msg.payload.addr.flags = 2;
	must_end(msg, 0, "flags");
	conn_start();
	agree(SPLIT);
	must_pass(state_of(VHU_SET_VRING_NUM, 0, 256), -1);
	must_end(address(0, UVA, UVA + 0x2000, UVA + 0x4000), 0, "outside"); /* no memory yet */
}

static void
a_new_size_forgets_the_addresses(void)
{
	struct gate_msg kick = number(VHU_SET_VRING_KICK, 1);

	ready(SPLIT);
	must_pass(state_of(VHU_SET_VRING_NUM, 1, 16), -1);
	must_pass(address(1, UVA + MEM_BYTES - 4096, UVA + MEM_BYTES - 2048,
				  UVA + MEM_BYTES - 1024),
			-1);
	must_pass(state_of(VHU_SET_VRING_NUM, 1, 32768), -1);
	kick.fds[0] = event;
	kick.nb_fds = 1;
	must_end(kick, 1, "no addresses yet");
}

static void
memory_tables_are_judged(void)
{
	static const struct {
		unsigned int nb;
		struct vhu_region regions[2];
		const char *words;
	} bad[] = {
		{ 1, { { 0, 0, UVA, 0 } }, "empty" },
		{ 1, { { 0x800, MEM_BYTES, UVA, 0 } }, "pages" },
		{ 1, { { 0, MEM_BYTES - 1, UVA, 0 } }, "pages" },
		{ 1, { { 0, 4096, UVA + 16, 0 } }, "pages" },
		{ 1, { { 0, 4096, UVA, 512 } }, "pages" },
		{ 1, { { 0, MEM_BYTES + 4096, UVA, 0 } }, "the region ends at" },
		{ 1, { { 0, MEM_BYTES, UVA, 4096 } }, "the region ends at" },
		{ 1, { { UINT64_MAX - 4095, 8192, UVA, 0 } }, "wraps" },
		{ 1, { { 0, 8192, UINT64_MAX - 4095, 0 } }, "wraps" },
		{ 1, { { 0, 8192, UVA, UINT64_MAX - 4095 } }, "wraps" },
		{ 1, { { 0, UINT64_MAX - 4095, 0, 0 } }, "the region ends at" },
		{ 1, { { 0, UINT64_MAX - 4095, 0, 4096 } }, "wraps" },
		{ 2, { { 0, MEM_BYTES, UVA, 0 }, { MEM_BYTES - 4096, 8192, 4096, 0 } }, "overlap" },
		{ 2, { { 0, MEM_BYTES, UVA, 0 }, { 16 * MIB, 8192, UVA + 4096, 0 } }, "overlap" },
		{ 2, { { 0, MEM_BYTES, UVA, 0 }, { 0, MEM_BYTES, UVA, 0 } }, "overlap" },
		{ 1, { { 0, MEM_BYTES, UVA + MIB, 0 } }, "ring 0 runs" },
	};
	struct gate_msg msg;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ready(SPLIT);
		must_end(table(bad[i].nb, bad[i].regions), bad[i].nb, bad[i].words);
	}
	msg = table(1, &one_region);
	msg.payload.memory.nb = 0;
	ready(SPLIT);
	must_end(msg, 0, "1 to 8 regions");
	msg.payload.memory.nb = 9;
	ready(SPLIT);
	must_end(msg, 8, "1 to 8 regions");
	msg.payload.memory.nb = UINT32_MAX;
	ready(SPLIT);
	must_end(msg, 1, "1 to 8 regions");
	msg.payload.memory.nb = 2;
	ready(SPLIT);
	must_end(msg, 2, "40 bytes for 2 regions");
}

static void
only_files_of_memory_are_shared(void)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int disk = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char path[64];
	int pipes[2], read_only, all[5];

	VTEST_EQ(pipe2(pipes, O_CLOEXEC), 0);
	ready(SPLIT);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	VTEST(read_only >= 0);
	conn_end();
	all[0] = null;
	all[1] = disk;
	all[2] = pipes[0];
	all[3] = read_only;
	all[4] = eventfd(0, EFD_CLOEXEC);
	for (int i = 0; i < 5; i++) {
		const struct vhu_log log = { .size = 4096 };
		struct gate_msg msg = table(1, &one_region);

		ready(SPLIT);
		msg.fds[0] = all[i];
		msg.nb_fds = 1;
		must_end(msg, 1, "SET_MEM_TABLE: the file");
		msg = request_of(VHU_SET_LOG_BASE, &log, sizeof(log));
		msg.fds[0] = all[i];
		msg.nb_fds = 1;
		ready(SPLIT);
		must_end(msg, 1, "SET_LOG_BASE: the file");
	}
	for (int i = 0; i < 5; i++)
		close(all[i]);
	close(pipes[1]);
}

static void
logs_are_judged(void)
{
	static const struct vhu_log bad[] = { { 0, 0 }, { MEM_BYTES, 4096 }, { UINT64_MAX, 1 },
		{ MEM_BYTES + 1, 0 } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ready(SPLIT);
		must_end(request_of(VHU_SET_LOG_BASE, &bad[i], sizeof(bad[i])), 1, "SET_LOG_BASE");
	}
}

static void
events_are_eventfds_and_channels_are_sockets(void)
{
	static const uint32_t requests[] = { VHU_SET_VRING_KICK, VHU_SET_VRING_CALL,
		VHU_SET_VRING_ERR, VHU_SET_LOG_FD };

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		ready(SPLIT);
		must_end(number(requests[i], 0), 1, "no eventfd"); /* a memfd */
	}
	ready(SPLIT);
	must_end(request_of(VHU_SET_BACKEND_REQ_FD, NULL, 0), 1, "no UNIX stream socket");
}

static void
accesses_outside_of_the_configuration_space_end_the_connection(void)
{
	static const struct {
		uint32_t offset, size, bytes;
	} bad[] = { { 0, 257, 268 }, { 200, 57, 69 }, { UINT32_MAX, 2, 14 }, { 0, 8, 12 },
		{ 0, UINT32_MAX, 12 } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct vhu_config config = { .offset = bad[i].offset, .size = bad[i].size };

		ready(SPLIT);
		must_end(request_of(VHU_GET_CONFIG, &config, bad[i].bytes), 0,
				"configuration space");
		ready(SPLIT);
		must_end(request_of(VHU_SET_CONFIG, &config, bad[i].bytes), 0,
				"configuration space");
	}
	ready(SPLIT);
	must_end(number(VHU_NET_SET_MTU, 67), 0, "no MTU");
	ready(SPLIT);
	must_end(number(VHU_NET_SET_MTU, 65536), 0, "no MTU");
	ready(SPLIT);
	must_end(number(VHU_SET_STATUS, 256), 0, "no device status");
}

static void
memory_of_guests_has_limits(void)
{
	struct vhu_region region = { .size = 17 * MIB, .uva = UVA };
	struct budget_guest others[4] = { { 0 } };
	struct gate_msg msg;
	struct err err;

	ready(SPLIT);
	VTEST_EQ(ftruncate(memory, 32 * MIB), 0);
	must_end(table(1, &region), 1, "16 MiB");
	ready(SPLIT);
	VTEST_EQ(ftruncate(memory, 32 * MIB), 0);
	/* 4 MiB are left, of which this guest has 2. */
	for (size_t i = 0; i < 4; i++)
		VTEST_EQ(budget_share(&others[i], 15 * MIB, &err), 0);
	region.size = 4 * MIB;
	must_pass(table(1, &region), memory);
	region.size = 8 * MIB;
	msg = table(1, &region);
	msg.fds[0] = memory;
	msg.nb_fds = 1;
	VTEST(pass(&msg) != 0);
	VTEST(strstr(why.text, "4 MiB are left") != NULL);
	for (size_t i = 0; i < 4; i++)
		VTEST_EQ(budget_share(&others[i], 0, &err), 0);
	conn_end();
}

/* ---------------------------------------------------------------- disorderly peers */

static void
a_message_in_single_bytes_is_understood(void)
{
	struct gate_msg msg = table(1, &one_region);
	const size_t len = sizeof(msg.header) + msg.header.size;

	conn_start();
	agree(SPLIT);
	msg.fds[0] = memory;
	msg.nb_fds = 1;
	for (size_t i = 0; i < len; i++) {
		const unsigned int seen = nb_seen;

		VTEST_EQ(nb_seen, seen);
		send_part(front, &msg, i, i + 1);
		VTEST_EQ(turn(), 0);
		VTEST_EQ(back_answers(), i + 1 == len);
	}
	VTEST_EQ(turn(), 0);
	VTEST_EQ(conn.state.nb_regions, 1);
	conn_end();
}

static void
a_front_end_that_stops_inside_a_message_is_ended_in_time(void)
{
	const struct gate_msg msg = number(VHU_SET_FEATURES, SPLIT);
	static const size_t lengths[] = { 1, 11, 12, 19 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		conn_start();
		agree(SPLIT);
		send_part(front, &msg, 0, lengths[i]);
		VTEST_EQ(turn(), 0);
		VTEST_EQ(gate_conn_deadline(&conn, now), now + GATE_PEER_MS);
		VTEST_EQ(gate_conn_timeout(&conn, now + GATE_PEER_MS - 1, &why), 0);
		VTEST(gate_conn_timeout(&conn, now + GATE_PEER_MS, &why) != 0);
		VTEST(strstr(why.text, "middle of a message") != NULL);
		conn_end();
	}
}

static void
a_front_end_that_is_idle_has_no_deadline(void)
{
	ready(SPLIT);
	VTEST_EQ(gate_conn_deadline(&conn, now), 0);
	VTEST_EQ(gate_conn_timeout(&conn, now + 100000000, &why), 0);
	conn_end();
}

static void
a_front_end_that_reads_no_answer_is_ended_in_time(void)
{
	const struct gate_msg get = request_of(VHU_GET_FEATURES, NULL, 0);
	unsigned int nb = 0;

	conn_start();
	while (!conn.links[GATE_FRONT].sending) {
		VTEST(nb++ < 1000000);
		now += 1; /* below the limit of the rate */
		send_msg(front, &get);
		VTEST_EQ(turn(), 0);
		VTEST(back_answers());
		VTEST_EQ(turn(), 0);
	}
	/* It gets no further answer, and its next request stays in its socket. */
	VTEST_EQ(gate_conn_events(&conn, GATE_FRONT, now), EPOLLOUT);
	VTEST(gate_conn_timeout(&conn, now + GATE_PEER_MS, &why) != 0);
	conn_end();
}

static void
the_next_request_waits_for_the_answer_to_the_last(void)
{
	const struct gate_msg owner = request_of(VHU_SET_OWNER, NULL, 0);

	conn_start();
	for (int i = 0; i < 5; i++)
		send_msg(front, &owner);
	VTEST_EQ(turn(), 0);
	VTEST_EQ(turn(), 0);
	VTEST_EQ(conn.messages, 1);
	for (unsigned int i = 1; i <= 5; i++) {
		VTEST(back_answers());
		VTEST_EQ(turn(), 0);
		VTEST_EQ(turn(), 0);
		VTEST_EQ(nb_seen, i);
	}
	VTEST(!back_answers());
	conn_end();
}

static void
a_flood_of_requests_waits_for_the_next_second(void)
{
	struct gate_msg msg = table(1, &one_region);

	conn_start();
	agree(SPLIT);
	now = now / 1000 * 1000;
	msg.fds[0] = memory;
	msg.nb_fds = 1;
	for (unsigned int i = 0; i < GATE_RATE / GATE_MEM_TABLE_COST; i++)
		must_pass(table(1, &one_region), memory);
	VTEST_EQ(pass(&msg), 0);
	VTEST(!back_answers());
	VTEST_EQ(gate_conn_events(&conn, GATE_FRONT, now), 0);
	VTEST_EQ(gate_conn_deadline(&conn, now), now + 1000);
	now += 1000;
	VTEST_EQ(turn(), 0);
	VTEST(back_answers());
	conn_end();
}

static void
a_refusal_of_the_back_end_reaches_a_front_end_that_asked(void)
{
	struct gate_msg msg = number(VHU_NET_SET_MTU, 9000);

	ready(SPLIT);
	refused = VHU_NET_SET_MTU;
	msg.header.flags |= VHU_NEED_REPLY;
	VTEST_EQ(answer_of(&msg), 1);
	msg.header.flags = VHU_VERSION;
	VTEST(pass(&msg) != 0);
	VTEST(strstr(why.text, "NET_SET_MTU: the back end refused") != NULL);
	conn_end();
}

static void
a_back_end_that_does_not_answer_is_named(void)
{
	const struct gate_msg owner = request_of(VHU_SET_OWNER, NULL, 0);

	conn_start();
	send_msg(front, &owner);
	VTEST_EQ(turn(), 0);
	VTEST_EQ(gate_conn_timeout(&conn, now + GATE_BACK_END_MS - 1, &why), 0);
	VTEST(gate_conn_timeout(&conn, now + GATE_BACK_END_MS, &why) != 0);
	VTEST(strstr(why.text, "the back end does not answer") != NULL);
	conn_end();
}

/* ---------------------------------------------------------------- requests of the back end */

static int channel; /* The front end's end of it. */

static void
open_channel(void)
{
	int pair[2];

	ready(SPLIT);
	VTEST_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	must_pass(request_of(VHU_SET_BACKEND_REQ_FD, NULL, 0), pair[1]);
	close(pair[1]);
	channel = pair[0];
	VTEST(call_fd >= 0);
}

/* The back end sends a request that wants an answer. */
static void
call_front_end(uint32_t request)
{
	struct gate_msg msg = request_of(request, NULL, sizeof(struct vhu_area));

	msg.header.flags |= VHU_NEED_REPLY;
	send_msg(call_fd, &msg);
	VTEST_EQ(turn(), 0);
}

static void
front_end_answers(uint32_t request, uint64_t value)
{
	struct gate_msg msg = number(request, value);

	msg.header.flags |= VHU_REPLY;
	send_msg(channel, &msg);
}

static uint64_t
back_end_gets(void)
{
	struct gate_msg msg;

	VTEST(receive_msg(call_fd, &msg));
	VTEST_EQ(msg.header.flags, VHU_VERSION | VHU_REPLY);
	return msg.payload.u64;
}

static void
requests_of_the_back_end_pass(void)
{
	struct gate_msg msg;

	open_channel();
	call_front_end(VHU_BACK_HOST_NOTIFIER);
	VTEST(receive_msg(channel, &msg));
	VTEST_EQ(msg.header.request, VHU_BACK_HOST_NOTIFIER);
	front_end_answers(VHU_BACK_HOST_NOTIFIER, 0);
	VTEST_EQ(turn(), 0);
	VTEST_EQ(back_end_gets(), 0);
	msg = request_of(VHU_BACK_CONFIG_CHANGE, NULL, 0); /* wants no answer */
	send_msg(call_fd, &msg);
	VTEST_EQ(turn(), 0);
	VTEST(receive_msg(channel, &msg));
	close(channel);
	conn_end();
}

static void
the_gate_answers_for_a_front_end_that_does_not(void)
{
	struct gate_msg msg;

	open_channel();
	call_front_end(VHU_BACK_HOST_NOTIFIER);
	VTEST_EQ(gate_conn_timeout(&conn, now + GATE_BACK_ANSWER_MS - 1, &why), 0);
	VTEST_EQ(gate_conn_timeout(&conn, now + GATE_BACK_ANSWER_MS, &why), 0);
	VTEST_EQ(back_end_gets(), 1);
	/* From now on at once, until the front end has caught up. */
	call_front_end(VHU_BACK_HOST_NOTIFIER);
	VTEST_EQ(back_end_gets(), 1);
	front_end_answers(VHU_BACK_HOST_NOTIFIER, 0);
	VTEST_EQ(turn(), 0);
	VTEST(receive_msg(channel, &msg));
	call_front_end(VHU_BACK_HOST_NOTIFIER);
	VTEST(receive_msg(channel, &msg));
	front_end_answers(VHU_BACK_HOST_NOTIFIER, 0);
	VTEST_EQ(turn(), 0);
	VTEST_EQ(back_end_gets(), 0);
	VTEST_EQ(conn.calls_unanswered, 2);
	close(channel);
	conn_end();
}

static void
the_gate_answers_when_the_channel_is_closed(void)
{
	open_channel();
	call_front_end(VHU_BACK_HOST_NOTIFIER);
	close(channel);
	VTEST_EQ(turn(), 0);
	VTEST_EQ(back_end_gets(), 1);
	call_front_end(VHU_BACK_HOST_NOTIFIER);
	VTEST_EQ(back_end_gets(), 1);
	conn_end();
}

static void
a_channel_that_is_never_read_loses_messages_only(void)
{
	const struct gate_msg change = request_of(VHU_BACK_CONFIG_CHANGE, NULL, 0);

	open_channel();
	for (unsigned int i = 0; i < 100000 && !conn.links[GATE_CALL_FRONT].sending; i++) {
		send_msg(call_fd, &change);
		VTEST_EQ(turn(), 0);
	}
	VTEST(conn.links[GATE_CALL_FRONT].sending);
	for (int i = 0; i < 1000; i++) {
		send_msg(call_fd, &change);
		VTEST_EQ(turn(), 0);
	}
	VTEST_EQ(gate_conn_timeout(&conn, now + GATE_PEER_MS, &why), 0);
	VTEST_EQ(conn.links[GATE_CALL_FRONT].fd, -1);
	call_front_end(VHU_BACK_HOST_NOTIFIER);
	VTEST_EQ(back_end_gets(), 1);
	close(channel);
	conn_end();
}

static void
wrong_answers_on_the_channel_end_the_connection(void)
{
	struct gate_msg msg = number(VHU_BACK_HOST_NOTIFIER, 0);

	open_channel();
	front_end_answers(VHU_BACK_HOST_NOTIFIER, 0); /* nobody has asked */
	VTEST(turn() != 0);
	close(channel);
	conn_end();
	open_channel();
	call_front_end(VHU_BACK_HOST_NOTIFIER);
	send_msg(channel, &msg); /* a request */
	VTEST(turn() != 0);
	close(channel);
	conn_end();
	open_channel();
	call_front_end(VHU_BACK_HOST_NOTIFIER);
	msg.header = (struct vhu_header){ VHU_BACK_HOST_NOTIFIER, VHU_VERSION | VHU_REPLY,
		UINT32_MAX };
	send_msg(channel, &msg);
	VTEST(turn() != 0);
	close(channel);
	conn_end();
}

/* ---------------------------------------------------------------- the whole gate */

static char folder[] = "/tmp/vsr-gate-XXXXXX";
static char front_path[64], back_path[64];
static struct gate *gate;
static struct gate_port *_Atomic port;
static atomic_int nb_connected, nb_ended, nb_waiting, nb_faults;
static pthread_t back_thread;
static int back_listener, stop_back;
static atomic_bool touch; /* Let the back end write to the memory of the guest. */

/* As rte_vhost: reads with calls that wait, maps memory. One connection at a time. */
static void
serve_back(int fd)
{
	struct gate_msg msg;
	char *map = NULL;

	for (;;) {
		struct pollfd wait[2] = { { .fd = fd, .events = POLLIN },
			{ .fd = stop_back, .events = POLLIN } };

		if (poll(wait, 2, -1) < 0 || wait[1].revents != 0)
			break;
		back = fd;
		if (recv(fd, &msg, 1, MSG_PEEK) <= 0)
			break;
		if (map == NULL) {
			const int dup_fd = memory >= 0 ? dup(memory) : -1;

			map = dup_fd >= 0 ? mmap(NULL, MEM_BYTES, PROT_READ | PROT_WRITE,
							    MAP_SHARED, dup_fd, 0) :
					    NULL;
			if (dup_fd >= 0)
				close(dup_fd);
		}
		if (touch)
			map[MEM_BYTES - 1] = 1;
		back_answers();
	}
	if (map != NULL)
		munmap(map, MEM_BYTES);
	close(fd);
	gate_port_left(gate, 7);
}

static void *
back_main(void *arg)
{
	for (;;) {
		struct pollfd wait[2] = { { .fd = back_listener, .events = POLLIN },
			{ .fd = stop_back, .events = POLLIN } };
		int fd;

		if (poll(wait, 2, -1) < 0 || wait[1].revents != 0)
			return NULL;
		fd = accept4(back_listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			serve_back(fd);
	}
}

static void
on_event(void *ctx, enum gate_event what, const char *text)
{
	nb_connected += what == GATE_CONNECTED;
	nb_ended += what == GATE_LEFT || what == GATE_REFUSED || what == GATE_FAULT;
	nb_waiting += what == GATE_WAITING;
	nb_faults += what == GATE_FAULT;
}

static void
wait_for(atomic_int *count, int want)
{
	const long long end = base_now_ms() + PATIENCE_MS;

	while (*count < want) {
		VTEST(base_now_ms() < end);
		usleep(1000);
	}
}

static void
gate_begin(bool server)
{
	struct gate_port_conf conf = { .path = front_path,
		.server = server,
		.access = *BASE_ACCESS_OWN,
		.back_path = back_path,
		.max_rings = NB_RINGS,
		.number = 7,
		.event = on_event };
	struct base_socket_file file;
	struct err err;
	int ret;

	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	VTEST(mkdtemp(folder) != NULL);
	snprintf(front_path, sizeof(front_path), "%s/front", folder);
	snprintf(back_path, sizeof(back_path), "%s/back", folder);
	nb_connected = nb_ended = nb_waiting = nb_faults = 0;
	port = NULL;
	memory = memory_file(MEM_BYTES);
	event = eventfd(0, EFD_CLOEXEC);
	back_listener = base_listen(back_path, SOCK_STREAM, BASE_ACCESS_OWN, 8, &file);
	VTEST(back_listener >= 0);
	stop_back = eventfd(0, EFD_CLOEXEC);
	VTEST_EQ(pthread_create(&back_thread, NULL, back_main, NULL), 0);
	budget_set(&(struct budget){ .bytes = 128 * MIB, .guest_bytes = 64 * MIB });
	gate = gate_start(&err);
	VTEST(gate != NULL);
	port = gate_port_add(gate, &conf, &ret, &err);
	VTEST(port != NULL);
}

static void
gate_end(void)
{
	VTEST(gate_port_remove(port));
	eventfd_write(stop_back, 1);
	pthread_join(back_thread, NULL);
	gate_stop(gate);
	close(back_listener);
	close(stop_back);
	close(memory);
	close(event);
	memory = event = -1;
	unlink(back_path);
	VTEST(access(front_path, F_OK) != 0);
	VTEST_EQ(rmdir(folder), 0);
}

static int
front_connect(void)
{
	struct sockaddr_un addr;
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	VTEST_EQ(base_address(&addr, front_path), 0);
	VTEST_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static uint64_t
ask_features(int fd)
{
	const struct gate_msg get = request_of(VHU_GET_FEATURES, NULL, 0);
	struct gate_msg reply;

	send_msg(fd, &get);
	return receive_msg(fd, &reply) ? reply.payload.u64 : 0;
}

static void
hundred_front_ends_in_turn_leave_nothing_open(void)
{
	unsigned int before;

	gate_begin(true); /* the first start leaves the descriptor for faults open */
	gate_end();
	before = open_fds();
	gate_begin(true);
	for (int i = 0; i < 100; i++) {
		const int fd = front_connect();

		VTEST_EQ(ask_features(fd), OFFERED);
		if (i % 2 == 0) { /* leaves inside a message */
			const struct gate_msg msg = number(VHU_SET_FEATURES, SPLIT);

			send_part(fd, &msg, 0, 13);
		}
		close(fd);
		wait_for(&nb_ended, i + 1);
	}
	gate_end();
	VTEST_EQ(open_fds(), before);
}

static void
a_second_front_end_waits_until_the_first_has_left(void)
{
	struct gate_port_info info;
	int first, second;

	gate_begin(true);
	first = front_connect();
	VTEST_EQ(ask_features(first), OFFERED);
	second = front_connect();
	wait_for(&nb_waiting, 1);
	gate_port_info(port, &info);
	VTEST(info.connected && info.waiting);
	VTEST_EQ(info.pid, getpid());
	VTEST_EQ(ask_features(first), OFFERED);
	close(first);
	VTEST_EQ(ask_features(second), OFFERED);
	VTEST_EQ(nb_connected, 2);
	close(second);
	gate_end();
}

static void
a_front_end_that_listens_is_found_again_and_again(void)
{
	struct base_socket_file file;

	gate_begin(false);
	for (int i = 0; i < 3; i++) {
		struct pollfd wait = { .events = POLLIN };
		int fd;

		wait.fd = base_listen(front_path, SOCK_STREAM, BASE_ACCESS_OWN, 1, &file);
		VTEST(wait.fd >= 0);
		VTEST_EQ(poll(&wait, 1, PATIENCE_MS), 1);
		fd = accept4(wait.fd, NULL, NULL, SOCK_CLOEXEC);
		VTEST(fd >= 0);
		VTEST_EQ(ask_features(fd), OFFERED);
		base_unlisten(front_path, &file);
		close(wait.fd);
		close(fd);
		wait_for(&nb_ended, i + 1);
	}
	gate_end();
}

static void
a_channel_that_the_front_end_keeps_open_makes_no_work(void)
{
	struct gate_msg msg = request_of(VHU_SET_BACKEND_REQ_FD, NULL, 0);
	const struct gate_msg get = request_of(VHU_GET_PROTOCOL_FEATURES, NULL, 0);
	struct timespec used, later;
	struct gate_msg reply;
	clockid_t clock;
	int fd, pair[2];

	gate_begin(true);
	fd = front_connect();
	VTEST_EQ(ask_features(fd), OFFERED);
	send_msg(fd, &get);
	VTEST(receive_msg(fd, &reply));
	reply = number(VHU_SET_PROTOCOL_FEATURES, reply.payload.u64);
	send_msg(fd, &reply);
	for (int i = 0; i < 3; i++) {
		VTEST_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		msg.fds[0] = pair[1];
		msg.nb_fds = 1;
		send_msg(fd, &msg);
		VTEST_EQ(ask_features(fd), OFFERED);
		close(pair[0]); /* the other end stays open: its file has an event for ever */
	}
	clock_getcpuclockid(0, &clock);
	clock_gettime(clock, &used);
	for (int i = 0; i < 20; i++) {
		VTEST_EQ(ask_features(fd), OFFERED);
		usleep(10000);
	}
	clock_gettime(clock, &later);
	VTEST((later.tv_sec - used.tv_sec) * 1000 + (later.tv_nsec - used.tv_nsec) / 1000000 < 150);
	close(fd);
	wait_for(&nb_ended, 1);
	gate_end();
}

static void
memory_that_is_taken_away_ends_its_guest_only(void)
{
	struct gate_msg msg = table(1, &one_region);
	const struct gate_msg get = request_of(VHU_GET_FEATURES, NULL, 0);
	int fd;

	gate_begin(true);
	fd = front_connect();
	VTEST_EQ(ask_features(fd), OFFERED);
	msg.fds[0] = memory;
	msg.nb_fds = 1;
	send_msg(fd, &msg);
	VTEST_EQ(ask_features(fd), OFFERED);
	touch = true;
	VTEST_EQ(ask_features(fd), OFFERED);
	VTEST_EQ(ftruncate(memory, 4096), 0);
	send_msg(fd, &get); /* raises SIGBUS in the back end */
	wait_for(&nb_faults, 1);
	touch = false;
	while (receive_msg(fd, &msg))
		;
	close(fd);
	fd = front_connect();
	VTEST_EQ(ask_features(fd), OFFERED);
	close(fd);
	gate_end();
}

static void
a_guest_may_be_removed_at_any_moment(void)
{
	for (int i = 0; i < 50; i++) {
		int fd;

		gate_begin(true);
		fd = front_connect();
		if (i % 3 != 0)
			VTEST_EQ(ask_features(fd), OFFERED);
		if (i % 3 == 1) {
			const struct gate_msg get = request_of(VHU_GET_FEATURES, NULL, 0);

			for (int j = 0; j < 10; j++)
				send_msg(fd, &get);
		}
		gate_end();
		close(fd);
	}
}

#define CASE(name)          \
	{                   \
#name, name \
	}

static const struct vtest_case cases[] = {
	CASE(a_front_end_that_keeps_the_rules_gets_its_answers),
	CASE(bits_that_the_gate_does_not_know_are_not_offered),
	CASE(packed_rings_have_any_size_and_wrap_counters),
	CASE(log_and_its_bit_may_change_while_a_ring_runs),
	CASE(each_request_has_one_size),
	CASE(each_request_has_its_number_of_descriptors),
	CASE(more_descriptors_than_regions_of_a_table_end_the_connection),
	CASE(requests_that_were_not_agreed_on_end_the_connection),
	CASE(wrong_flags_end_the_connection),
	CASE(features_are_those_that_were_offered),
	CASE(rings_have_the_numbers_that_the_device_has),
	CASE(sizes_and_positions_of_rings_are_judged),
	CASE(addresses_of_rings_are_judged),
	CASE(a_new_size_forgets_the_addresses),
	CASE(memory_tables_are_judged),
	CASE(only_files_of_memory_are_shared),
	CASE(logs_are_judged),
	CASE(events_are_eventfds_and_channels_are_sockets),
	CASE(accesses_outside_of_the_configuration_space_end_the_connection),
	CASE(memory_of_guests_has_limits),
	CASE(a_message_in_single_bytes_is_understood),
	CASE(a_front_end_that_stops_inside_a_message_is_ended_in_time),
	CASE(a_front_end_that_is_idle_has_no_deadline),
	CASE(a_front_end_that_reads_no_answer_is_ended_in_time),
	CASE(the_next_request_waits_for_the_answer_to_the_last),
	CASE(a_flood_of_requests_waits_for_the_next_second),
	CASE(a_refusal_of_the_back_end_reaches_a_front_end_that_asked),
	CASE(a_back_end_that_does_not_answer_is_named),
	CASE(requests_of_the_back_end_pass),
	CASE(the_gate_answers_for_a_front_end_that_does_not),
	CASE(the_gate_answers_when_the_channel_is_closed),
	CASE(a_channel_that_is_never_read_loses_messages_only),
	CASE(wrong_answers_on_the_channel_end_the_connection),
	CASE(hundred_front_ends_in_turn_leave_nothing_open),
	CASE(a_second_front_end_waits_until_the_first_has_left),
	CASE(a_front_end_that_listens_is_found_again_and_again),
	CASE(a_channel_that_the_front_end_keeps_open_makes_no_work),
	CASE(memory_that_is_taken_away_ends_its_guest_only),
	CASE(a_guest_may_be_removed_at_any_moment),
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
