/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The server of lib/vfio_user with clients that break the protocol: an invalid message gets one
 * error reply, invalid framing ends the connection, nothing leaks, and the server goes on.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/fixture/vuser_rig.h"

/* The version text of QEMU's vfio-user client. */
#define QEMU_TEXT                                                                                 \
	"{\"capabilities\": {\"migration\": {\"max_bitmap_size\": 268435456, \"pgsize\": 4096}, " \
	"\"max_msg_fds\": 8, \"max_data_xfer_size\": 1048576, \"pgsizes\": 4096, "                \
	"\"max_dma_maps\": 65535, \"write_multiple\": true}}"

/* ---------------------------------------------------------------- a raw peer */

static int raw = -1; /* socket of the raw client */
static struct vuser_msg got; /* the last reply */

static void
raw_connect(void)
{
	struct sockaddr_un addr;

	raw = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	VTEST_EQ(base_address(&addr, vuser_rig.path), 0);
	VTEST_EQ(connect(raw, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

static void
raw_close(void)
{
	vuser_msg_close_fds(&got);
	vuser_msg_free(&got);
	if (raw >= 0)
		close(raw);
	raw = -1;
}

/* Send one message; size 0: the correct size. */
static void
raw_send(uint16_t command, uint32_t flags, uint32_t size, const void *data, size_t len,
		const int *fds, unsigned int nb_fds)
{
	struct vuser_msg msg;
	int ret;

	vuser_msg_init(&msg);
	VTEST_EQ(vuser_msg_resize(&msg, len), 0);
	if (len != 0)
		memcpy(msg.data, data, len);
	msg.hdr.msg_id = 0x4321;
	msg.hdr.command = command;
	msg.hdr.size = size != 0 ? size : (uint32_t)(sizeof(msg.hdr) + len);
	msg.hdr.flags = flags;
	if (nb_fds != 0)
		memcpy(msg.fds, fds, nb_fds * sizeof(int));
	msg.nb_fds = nb_fds;
	ret = vuser_send_full(raw, &msg, vuser_deadline(5000));
	vuser_msg_free(&msg);
	VTEST_EQ(ret, 0);
}

/* Receive a reply into got. @return result of vuser_recv_full() */
static int
raw_recv(void)
{
	vuser_msg_close_fds(&got);
	vuser_msg_clear(&got);
	return vuser_recv_full(raw, &got, vuser_deadline(5000));
}

/* Expect a reply to the last command: its error, 0 for none. */
static void
raw_expect(uint16_t command, uint32_t error)
{
	VTEST_EQ(raw_recv(), 0);
	VTEST_EQ(got.hdr.msg_id, 0x4321);
	VTEST_EQ(got.hdr.command, command);
	VTEST_EQ(got.hdr.flags, VUSER_FLAG_TYPE_REPLY | (error != 0 ? VUSER_FLAG_ERROR : 0));
	VTEST_EQ(got.hdr.error, error);
	if (error != 0)
		VTEST_EQ(got.hdr.size, sizeof(got.hdr));
}

static void
raw_version(const char *text)
{
	uint8_t data[8192] = { 0, 0, 1, 0 }; /* 0.1 */

	memcpy(data + 4, text, strlen(text) + 1);
	raw_send(VUSER_VERSION, 0, 0, data, 4 + strlen(text) + 1, NULL, 0);
}

static void
raw_negotiate(void)
{
	raw_connect();
	raw_version(QEMU_TEXT);
	raw_expect(VUSER_VERSION, 0);
}

/* The connection still works. */
static void
raw_alive(void)
{
	const struct vuser_dev_info info = { .argsz = sizeof(info) };

	raw_send(VUSER_DEVICE_GET_INFO, 0, 0, &info, sizeof(info), NULL, 0);
	raw_expect(VUSER_DEVICE_GET_INFO, 0);
	VTEST_EQ(got.len, sizeof(info));
}

static void
hostile_start(void)
{
	raw_close();
	vuser_rig_start(VUSER_RIG_SERVER);
}

static void
hostile_stop(void)
{
	raw_close();
	vuser_rig_stop();
}

/* ---------------------------------------------------------------- bad messages */

#define NO_FLAGS 0
#define ARGSZ(n) .u32 = { (n) }
#define IRQ(index, start, count, flags) .u32 = { 20, (flags), (index), (start), (count) }
#define NONE VFIO_IRQ_SET_DATA_NONE
#define BOOL VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD VFIO_IRQ_SET_DATA_EVENTFD
#define TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER
#define MASK VFIO_IRQ_SET_ACTION_MASK
#define UNMASK VFIO_IRQ_SET_ACTION_UNMASK

/* Invalid messages, and the error of the reply. */
static const struct bad {
	const char *name;
	uint16_t command;
	uint32_t flags;
	size_t len;
	unsigned int nb_fds;
	uint32_t error;
	union {
		uint32_t u32[10];
		uint64_t u64[5];
	};
} bads[] = {
	{ "command 0", 0, 0, 0, 0, ENOTSUP, {} },
	{ "DMA_READ is the server's", VUSER_DMA_READ, 0, 16, 0, ENOTSUP, {} },
	{ "DMA_WRITE is the server's", VUSER_DMA_WRITE, 0, 16, 0, ENOTSUP, {} },
	{ "command 14", 14, 0, 16, 0, ENOTSUP, {} },
	{ "REGION_WRITE_MULTI was not offered", 15, 0, 32, 0, ENOTSUP, {} },
	{ "DEVICE_FEATURE", 16, 0, 8, 0, ENOTSUP, {} },
	{ "command 65535", 65535, 0, 4, 0, ENOTSUP, {} },
	{ "unknown command with fds", 99, 0, 4, 3, ENOTSUP, {} },
	{ "a reply nobody waits for", VUSER_DEVICE_RESET, 1, 0, 0, EINVAL, {} },
	{ "a reply with data and fds", VUSER_REGION_READ, 1, 20, 2, EINVAL,
			{ .u32 = { 0, 0, 2, 4 } } },
	{ "a reply to a DMA_READ never sent", VUSER_DMA_READ, 1, 32, 0, EINVAL,
			{ .u32 = { 0x1000, 0, 16, 0 } } },
	{ "an error for a DMA_WRITE never sent", VUSER_DMA_WRITE, 0x21, 0, 0, EINVAL, {} },
	{ "a reply to an unknown command", 99, 1, 4, 0, EINVAL, {} },
	{ "type 7", VUSER_DEVICE_RESET, 7, 0, 0, EINVAL, {} },
	{ "second VERSION", VUSER_VERSION, 0, 4, 0, EINVAL, { ARGSZ(0x10000) } },
	{ "VERSION short", VUSER_VERSION, 0, 3, 0, EINVAL, { ARGSZ(0x10000) } },
	{ "VERSION with fd", VUSER_VERSION, 0, 4, 1, EINVAL, { ARGSZ(0x10000) } },

	{ "info without payload", VUSER_DEVICE_GET_INFO, 0, 0, 0, EINVAL, {} },
	{ "info short", VUSER_DEVICE_GET_INFO, 0, 15, 0, EINVAL, { ARGSZ(16) } },
	{ "info argsz short", VUSER_DEVICE_GET_INFO, 0, 16, 0, EINVAL, { ARGSZ(15) } },
	{ "info with an fd", VUSER_DEVICE_GET_INFO, 0, 16, 1, EINVAL, { ARGSZ(16) } },
	{ "info with 16 fds", VUSER_DEVICE_GET_INFO, 0, 16, 16, EINVAL, { ARGSZ(16) } },
	{ "region info short", VUSER_DEVICE_GET_REGION_INFO, 0, 31, 0, EINVAL, { ARGSZ(32) } },
	{ "region info argsz", VUSER_DEVICE_GET_REGION_INFO, 0, 32, 0, EINVAL, { ARGSZ(31) } },
	{ "region info index", VUSER_DEVICE_GET_REGION_INFO, 0, 32, 0, EINVAL,
			{ .u32 = { 32, 0, VUSER_MAX_REGIONS } } },
	{ "region info last index", VUSER_DEVICE_GET_REGION_INFO, 0, 32, 0, EINVAL,
			{ .u32 = { 32, 0, UINT32_MAX } } },
	{ "region info with fds", VUSER_DEVICE_GET_REGION_INFO, 0, 32, 2, EINVAL, { ARGSZ(32) } },
	{ "io fds short", VUSER_DEVICE_GET_REGION_IO_FDS, 0, 12, 0, EINVAL, { ARGSZ(16) } },
	{ "io fds argsz", VUSER_DEVICE_GET_REGION_IO_FDS, 0, 16, 0, EINVAL, { ARGSZ(15) } },
	{ "io fds flags", VUSER_DEVICE_GET_REGION_IO_FDS, 0, 16, 0, EINVAL, { .u32 = { 16, 1 } } },
	{ "io fds index", VUSER_DEVICE_GET_REGION_IO_FDS, 0, 16, 0, EINVAL,
			{ .u32 = { 16, 0, 9 } } },
	{ "io fds count", VUSER_DEVICE_GET_REGION_IO_FDS, 0, 16, 0, EINVAL,
			{ .u32 = { 16, 0, 0, 1 } } },
	{ "io fds with fd", VUSER_DEVICE_GET_REGION_IO_FDS, 0, 16, 1, EINVAL, { ARGSZ(16) } },
	{ "irq info short", VUSER_DEVICE_GET_IRQ_INFO, 0, 8, 0, EINVAL, { ARGSZ(16) } },
	{ "irq info argsz", VUSER_DEVICE_GET_IRQ_INFO, 0, 16, 0, EINVAL, { ARGSZ(8) } },
	{ "irq info index", VUSER_DEVICE_GET_IRQ_INFO, 0, 16, 0, EINVAL,
			{ .u32 = { 16, 0, VUSER_MAX_IRQS } } },
	{ "irq info last index", VUSER_DEVICE_GET_IRQ_INFO, 0, 16, 0, EINVAL,
			{ .u32 = { 16, 0, UINT32_MAX } } },
	{ "irq info with fd", VUSER_DEVICE_GET_IRQ_INFO, 0, 16, 1, EINVAL,
			{ .u32 = { 16, 0, 2 } } },

	{ "read without payload", VUSER_REGION_READ, 0, 0, 0, EINVAL, {} },
	{ "read short", VUSER_REGION_READ, 0, 15, 0, EINVAL, { .u32 = { 0, 0, 2, 4 } } },
	{ "read of 0", VUSER_REGION_READ, 0, 16, 0, EINVAL, { .u32 = { 0, 0, 2, 0 } } },
	{ "read of 4 GiB", VUSER_REGION_READ, 0, 16, 0, EINVAL, { .u32 = { 0, 0, 2, ~0u } } },
	{ "read above the limit", VUSER_REGION_READ, 0, 16, 0, EINVAL,
			{ .u32 = { 0, 0, 2, VUSER_MAX_DATA + 1 } } },
	{ "read wraps", VUSER_REGION_READ, 0, 16, 0, EINVAL, { .u32 = { ~0u, ~0u, 2, 4 } } },
	{ "read one byte past the end", VUSER_REGION_READ, 0, 16, 0, EINVAL,
			{ .u32 = { FAKE_BIG - 3, 0, 2, 4 } } },
	{ "read at the end", VUSER_REGION_READ, 0, 16, 0, EINVAL,
			{ .u32 = { FAKE_BIG, 0, 2, 1 } } },
	{ "read of the last region", VUSER_REGION_READ, 0, 16, 0, EINVAL,
			{ .u32 = { 0, 0, UINT32_MAX, 4 } } },
	{ "read of an absent region", VUSER_REGION_READ, 0, 16, 0, EINVAL,
			{ .u32 = { 0, 0, 4, 4 } } },
	{ "read with fd", VUSER_REGION_READ, 0, 16, 1, EINVAL, { .u32 = { 0, 0, 2, 4 } } },
	{ "write short", VUSER_REGION_WRITE, 0, 15, 0, EINVAL, { .u32 = { 0, 0, 2, 4 } } },
	{ "write of 0", VUSER_REGION_WRITE, 0, 16, 0, EINVAL, { .u32 = { 0, 0, 2, 0 } } },
	{ "write wraps", VUSER_REGION_WRITE, 0, 20, 0, EINVAL, { .u32 = { ~3u, ~0u, 2, 4 } } },
	{ "write one byte past the end", VUSER_REGION_WRITE, 0, 20, 0, EINVAL,
			{ .u32 = { FAKE_BIG - 3, 0, 2, 4 } } },
	{ "write at the end", VUSER_REGION_WRITE, 0, 17, 0, EINVAL,
			{ .u32 = { FAKE_BIG, 0, 2, 1 } } },
	{ "write of the last region", VUSER_REGION_WRITE, 0, 20, 0, EINVAL,
			{ .u32 = { 0, 0, UINT32_MAX, 4 } } },
	{ "write of an absent region", VUSER_REGION_WRITE, 0, 20, 0, EINVAL,
			{ .u32 = { 0, 0, 4, 4 } } },
	{ "write with fd", VUSER_REGION_WRITE, 0, 20, 1, EINVAL, { .u32 = { 0, 0, 2, 4 } } },
	{ "write without data", VUSER_REGION_WRITE, 0, 16, 0, EINVAL, { .u32 = { 0, 0, 2, 4 } } },
	{ "write with less data", VUSER_REGION_WRITE, 0, 19, 0, EINVAL, { .u32 = { 0, 0, 2, 4 } } },
	{ "write with more data", VUSER_REGION_WRITE, 0, 21, 0, EINVAL, { .u32 = { 0, 0, 2, 4 } } },
	{ "write of 4 GiB", VUSER_REGION_WRITE, 0, 20, 0, EINVAL, { .u32 = { 0, 0, 2, ~0u } } },
	{ "reset with fd", VUSER_DEVICE_RESET, 0, 0, 1, EINVAL, {} },

	{ "map without fd", VUSER_DMA_MAP, 0, 32, 0, ENOTSUP,
			{ .u64 = { 32 | 3ull << 32, 0, 0x1000, 0x1000 } } },
	{ "map with two fds", VUSER_DMA_MAP, 0, 32, 2, EINVAL,
			{ .u64 = { 32 | 3ull << 32, 0, 0x1000, 0x1000 } } },
	{ "map short", VUSER_DMA_MAP, 0, 24, 1, EINVAL,
			{ .u64 = { 32 | 3ull << 32, 0, 0x1000, 0x1000 } } },
	{ "map argsz", VUSER_DMA_MAP, 0, 32, 1, EINVAL,
			{ .u64 = { 24 | 3ull << 32, 0, 0x1000, 0x1000 } } },
	{ "map by file i/o", VUSER_DMA_MAP, 0, 32, 1, EINVAL,
			{ .u64 = { 32 | 0xbull << 32, 0, 0x1000, 0x1000 } } },
	{ "map without rights", VUSER_DMA_MAP, 0, 32, 1, EINVAL,
			{ .u64 = { 32, 0, 0x1000, 0x1000 } } },
	{ "map of 0", VUSER_DMA_MAP, 0, 32, 1, EINVAL,
			{ .u64 = { 32 | 3ull << 32, 0, 0x1000, 0 } } },
	{ "map wraps", VUSER_DMA_MAP, 0, 32, 1, EINVAL,
			{ .u64 = { 32 | 3ull << 32, 0, -0x1000ull, 0x1000 } } },
	{ "map offset wraps", VUSER_DMA_MAP, 0, 32, 1, EINVAL,
			{ .u64 = { 32 | 3ull << 32, -0x1000ull, 0x1000, 0x1000 } } },
	{ "map wraps far", VUSER_DMA_MAP, 0, 32, 1, EINVAL,
			{ .u64 = { 32 | 3ull << 32, 0, -0x1000ull, 0x2000 } } },
	{ "map of 2^63", VUSER_DMA_MAP, 0, 32, 1, EINVAL,
			{ .u64 = { 32 | 3ull << 32, 0, 0x1000, 1ull << 63 } } },
	{ "map iova unaligned", VUSER_DMA_MAP, 0, 32, 1, EINVAL,
			{ .u64 = { 32 | 3ull << 32, 0, 0x1001, 0x1000 } } },
	{ "map size unaligned", VUSER_DMA_MAP, 0, 32, 1, EINVAL,
			{ .u64 = { 32 | 3ull << 32, 0, 0x1000, 0x1800 } } },
	{ "map offset unaligned", VUSER_DMA_MAP, 0, 32, 1, EINVAL,
			{ .u64 = { 32 | 3ull << 32, 0x800, 0x1000, 0x1000 } } },
	{ "unmap short", VUSER_DMA_UNMAP, 0, 23, 0, EINVAL, { .u64 = { 24, 0x1000, 0x1000 } } },
	{ "unmap argsz", VUSER_DMA_UNMAP, 0, 24, 0, EINVAL, { .u64 = { 23, 0x1000, 0x1000 } } },
	{ "unmap with bitmap", VUSER_DMA_UNMAP, 0, 40, 0, ENOTSUP,
			{ .u64 = { 64 | 1ull << 32, 0x1000, 0x1000, 4096, 8 } } },
	{ "unmap flags", VUSER_DMA_UNMAP, 0, 24, 0, EINVAL,
			{ .u64 = { 24 | 4ull << 32, 0x1000, 0x1000 } } },
	{ "unmap all of a range", VUSER_DMA_UNMAP, 0, 24, 0, EINVAL,
			{ .u64 = { 24 | 2ull << 32, 0x1000, 0x1000 } } },
	{ "unmap of 0", VUSER_DMA_UNMAP, 0, 24, 0, EINVAL, { .u64 = { 24, 0x1000, 0 } } },
	{ "unmap wraps", VUSER_DMA_UNMAP, 0, 24, 0, EINVAL, { .u64 = { 24, 0x1000, -0x1000ull } } },
	{ "unmap wraps far", VUSER_DMA_UNMAP, 0, 24, 0, EINVAL,
			{ .u64 = { 24, 0x2000, -0x1000ull } } },
	{ "unmap iova unaligned", VUSER_DMA_UNMAP, 0, 24, 0, EINVAL,
			{ .u64 = { 24, 0x1800, 0x1000 } } },
	{ "unmap size unaligned", VUSER_DMA_UNMAP, 0, 24, 0, EINVAL,
			{ .u64 = { 24, 0x1000, 0x1001 } } },
	{ "unmap with fd", VUSER_DMA_UNMAP, 0, 24, 1, EINVAL, { .u64 = { 24, 0x1000, 0x1000 } } },

	{ "irqs short", VUSER_DEVICE_SET_IRQS, 0, 16, 0, EINVAL, { IRQ(2, 0, 1, NONE | TRIGGER) } },
	{ "irqs argsz", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ .u32 = { 19, NONE | TRIGGER, 2, 0, 1 } } },
	{ "irqs index", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL, { IRQ(5, 0, 1, NONE | TRIGGER) } },
	{ "irqs of an absent index", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(0, 0, 1, NONE | TRIGGER) } },
	{ "irqs disable absent index", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(0, 0, 0, NONE | TRIGGER) } },
	{ "irqs start", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(2, FAKE_VECTORS, 1, NONE | TRIGGER) } },
	{ "irqs count", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(2, 1, FAKE_VECTORS, NONE | TRIGGER) } },
	{ "irqs last index", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(UINT32_MAX, 0, 1, NONE | TRIGGER) } },
	{ "irqs last start", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(2, UINT32_MAX, 1, NONE | TRIGGER) } },
	{ "irqs start and count wrap", VUSER_DEVICE_SET_IRQS, 0, 20, 1, EINVAL,
			{ IRQ(2, UINT32_MAX, 2, EVENTFD | TRIGGER) } },
	{ "irqs disable past the end", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(2, FAKE_VECTORS, 0, NONE | TRIGGER) } },
	{ "irqs fds past the end", VUSER_DEVICE_SET_IRQS, 0, 20, 2, EINVAL,
			{ IRQ(2, FAKE_VECTORS - 1, 2, EVENTFD | TRIGGER) } },
	{ "irqs bools past the end", VUSER_DEVICE_SET_IRQS, 0, 22, 0, EINVAL,
			{ IRQ(2, FAKE_VECTORS - 1, 2, BOOL | TRIGGER) } },
	{ "irqs wrap", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(2, 1, UINT32_MAX, NONE | TRIGGER) } },
	{ "irqs two data types", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(2, 0, 1, NONE | BOOL | TRIGGER) } },
	{ "irqs no data type", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL, { IRQ(2, 0, 1, TRIGGER) } },
	{ "irqs two actions", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(2, 0, 1, NONE | MASK | TRIGGER) } },
	{ "irqs no action", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL, { IRQ(2, 0, 1, NONE) } },
	{ "irqs unknown flag", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(2, 0, 1, NONE | TRIGGER | 0x40) } },
	{ "irqs mask", VUSER_DEVICE_SET_IRQS, 0, 20, 0, ENOTTY, { IRQ(2, 0, 1, NONE | MASK) } },
	{ "irqs unmask", VUSER_DEVICE_SET_IRQS, 0, 20, 0, ENOTTY, { IRQ(2, 0, 1, NONE | UNMASK) } },
	{ "irqs none with fds", VUSER_DEVICE_SET_IRQS, 0, 20, 2, EINVAL,
			{ IRQ(2, 0, 2, NONE | TRIGGER) } },
	{ "irqs bools missing", VUSER_DEVICE_SET_IRQS, 0, 23, 0, EINVAL,
			{ IRQ(2, 0, 4, BOOL | TRIGGER) } },
	{ "irqs bools with fds", VUSER_DEVICE_SET_IRQS, 0, 24, 4, EINVAL,
			{ IRQ(2, 0, 4, BOOL | TRIGGER) } },
	{ "irqs fewer fds than vectors", VUSER_DEVICE_SET_IRQS, 0, 20, 3, EINVAL,
			{ IRQ(2, 0, 4, EVENTFD | TRIGGER) } },
	{ "irqs more fds than vectors", VUSER_DEVICE_SET_IRQS, 0, 20, 5, EINVAL,
			{ IRQ(2, 0, 4, EVENTFD | TRIGGER) } },
	{ "irqs fds for none", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(2, 0, 0, EVENTFD | TRIGGER) } },
	{ "irqs disable from 1", VUSER_DEVICE_SET_IRQS, 0, 20, 0, EINVAL,
			{ IRQ(2, 1, 0, NONE | TRIGGER) } },
};

static void
bad_message_gets_one_error_and_keeps_the_connection(void)
{
	int fds[VUSER_MAX_FDS];
	int failed = 0;

	hostile_start();
	raw_negotiate();
	for (unsigned int i = 0; i < VUSER_MAX_FDS; i++)
		fds[i] = vuser_rig.stop_fd;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const struct bad *bad = &bads[i];

		raw_send(bad->command, bad->flags, 0, bad->u32, bad->len, fds, bad->nb_fds);
		if (raw_recv() != 0 ||
				got.hdr.flags != (VUSER_FLAG_TYPE_REPLY | VUSER_FLAG_ERROR) ||
				got.hdr.command != bad->command || got.hdr.error != bad->error ||
				got.hdr.size != sizeof(got.hdr)) {
			printf("  %s: flags %#x error %u, want %u\n", bad->name, got.hdr.flags,
					got.hdr.error, bad->error);
			failed++;
		}
		/* no reply was requested: the next reply answers the next command */
		raw_send(bad->command, bad->flags | VUSER_FLAG_NO_REPLY, 0, bad->u32, bad->len, fds,
				bad->nb_fds);
		raw_alive();
	}
	VTEST_EQ(failed, 0);
	VTEST_EQ(vuser_rig.fake.nb_reads + vuser_rig.fake.nb_writes + vuser_rig.fake.nb_resets +
					vuser_rig.fake.nb_triggers + vuser_rig.fake.nb_maps +
					vuser_rig.fake.nb_unmaps + vuser_rig.fake.nb_set_fds,
			0);
	hostile_stop();
}

static void
nothing_is_served_before_the_version(void)
{
	int fds[VUSER_MAX_FDS];

	hostile_start();
	raw_connect();
	for (unsigned int i = 0; i < VUSER_MAX_FDS; i++)
		fds[i] = vuser_rig.stop_fd;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const struct bad *bad = &bads[i];

		if (bad->command == VUSER_VERSION && bad->len == 4 && bad->nb_fds == 0)
			continue; /* this one would be the first */
		raw_send(bad->command, 0, 0, bad->u32, bad->len, fds, bad->nb_fds);
		VTEST_EQ(raw_recv(), 0);
		VTEST_EQ(got.hdr.flags, VUSER_FLAG_TYPE_REPLY | VUSER_FLAG_ERROR);
	}
	raw_send(VUSER_DEVICE_RESET, 0, 0, NULL, 0, NULL, 0);
	raw_expect(VUSER_DEVICE_RESET, EINVAL);
	VTEST_EQ(vuser_rig.fake.nb_resets, 0);
	raw_version(QEMU_TEXT);
	raw_expect(VUSER_VERSION, 0);
	raw_alive();
	hostile_stop();
}

/* ---------------------------------------------------------------- the version */

static void
version_texts_are_judged(void)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ QEMU_TEXT, true },
		{ "{}", true },
		{ "{\"capabilities\":{}}", true },
		{ "{\"capabilities\":{\"max_msg_fds\":0}}", true },
		{ "{\"capabilities\":{\"max_msg_fds\":9223372036854775807}}", true },
		{ "{\"capabilities\":{\"future\":[1,{}]}}", true },
		{ "{\"capabilities\":{\"max_data_xfer_size\":9223372036854775807}}", true },
		{ "{\"capabilities\":{\"max_dma_maps\":0,\"pgsizes\":-1,\"migration\":7}}", true },
		{ "{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":-1}}}",
				true },
		{ "", false },
		{ "{", false },
		{ "[]", false },
		{ "7", false },
		{ "{\"capabilities\":7}", false },
		{ "{\"capabilities\":{\"max_msg_fds\":-1}}", false },
		{ "{\"capabilities\":{\"max_msg_fds\":\"8\"}}", false },
		{ "{\"capabilities\":{\"max_msg_fds\":1.5}}", false },
		{ "{\"capabilities\":{\"max_data_xfer_size\":0}}", false },
		{ "{\"capabilities\":{\"max_data_xfer_size\":99999999999999999999}}", false },
		{ "{\"capabilities\":{},\"capabilities\":{}}", false },
		{ "{} x", false },
		{ "null", false },
		{ "{\"capabilities\":null}", false },
		{ "{\"capabilities\":{\"max_msg_fds\":null}}", false },
		{ "{\"capabilities\":{\"max_msg_fds\":1e999}}", false },
		{ "{\"capabilities\":{\"max_msg_fds\":-9223372036854775808}}", false },
		{ "{\"capabilities\":{\"max_data_xfer_size\":-1}}", false },
		{ "{\"capabilities\":{\"max_data_xfer_size\":true}}", false },
		{ "{\"capabilities\":{\"\xff\xfe\":1}}", false }, /* no UTF-8 */
		{ "{\"capabilities\":{\"\\u0000\":1}}", false },
		{ "{\"capabilities\":{\"a\":\"", false },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", false },
	};

	hostile_start();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		raw_connect();
		raw_version(rows[i].text);
		raw_expect(VUSER_VERSION, rows[i].good ? 0 : EINVAL);
		if (rows[i].good)
			raw_alive();
		else
			VTEST_EQ(raw_recv(), -ECONNRESET);
		raw_close();
	}
	hostile_stop();
}

static void
version_payloads_are_judged(void)
{
	static const struct {
		uint8_t data[8];
		size_t len;
		bool good;
	} rows[] = {
		{ { 0, 0, 1, 0 }, 4, true }, /* no text at all */
		{ { 0, 0, 0, 0 }, 4, true }, /* 0.0 */
		{ { 0, 0, 9, 0 }, 4, true }, /* 0.9: answered with 0.1 */
		{ { 1, 0, 0, 0 }, 4, false }, /* 1.0 */
		{ { 0, 0, 1, 0, '{', '}' }, 6, false }, /* no NUL */
	};

	hostile_start();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		raw_connect();
		raw_send(VUSER_VERSION, 0, 0, rows[i].data, rows[i].len, NULL, 0);
		raw_expect(VUSER_VERSION, rows[i].good ? 0 : EINVAL);
		if (rows[i].good) {
			VTEST(got.len > 4 && got.data[got.len - 1] == '\0');
			VTEST(got.data[2] <= 1 && got.data[2] <= rows[i].data[2]);
			raw_alive();
		} else {
			VTEST_EQ(raw_recv(), -ECONNRESET);
		}
		raw_close();
	}
	/* texts that are too long, or as deep as they are long */
	for (unsigned int deep = 0; deep < 2; deep++) {
		uint8_t data[8192] = { 0, 0, 1, 0 };
		const size_t len = deep ? 4096 : sizeof(data);

		memset(data + 4, deep ? '[' : ' ', len - 5);
		if (!deep)
			memcpy(data + 4, "{}", 2);
		raw_connect();
		raw_send(VUSER_VERSION, 0, 0, data, len, NULL, 0);
		raw_expect(VUSER_VERSION, EINVAL);
		raw_close();
	}
	hostile_stop();
}

static void
version_reply_suits_qemu(void)
{
	struct vuser_limits limits;
	const char *text;

	hostile_start();
	raw_negotiate();
	text = (const char *)got.data + 4;
	VTEST_EQ(vuser_version_limits(got.data + 4, got.len - 4, &limits), 0);
	VTEST(limits.max_fds >= 1 && limits.max_fds <= 16);
	VTEST_EQ(limits.max_data, VUSER_MAX_DATA);
	VTEST(strstr(text, "\"pgsizes\":4096") != NULL);
	VTEST(strstr(text, "\"max_dma_maps\":65535") != NULL);
	VTEST(strstr(text, "migration") == NULL && strstr(text, "write_multiple") == NULL);
	hostile_stop();
}

static void
small_limits_of_the_client_are_kept(void)
{
	const struct vfio_region_info info = { .argsz = 256, .index = FAKE_MEM };
	const struct vuser_region_access access[2] = { { 0, 2, 16 }, { 0, 2, 17 } };
	struct vfio_region_info answer;

	hostile_start();
	raw_connect();
	raw_version("{\"capabilities\":{\"max_msg_fds\":0,\"max_data_xfer_size\":16}}");
	raw_expect(VUSER_VERSION, 0);
	/* a client that accepts no descriptors gets none, and no mappable region */
	raw_send(VUSER_DEVICE_GET_REGION_INFO, 0, 0, &info, sizeof(info), NULL, 0);
	raw_expect(VUSER_DEVICE_GET_REGION_INFO, 0);
	VTEST_EQ(got.nb_fds, 0);
	memcpy(&answer, got.data, sizeof(answer));
	VTEST_EQ(answer.flags, VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);
	raw_send(VUSER_REGION_READ, 0, 0, &access[0], sizeof(access[0]), NULL, 0);
	raw_expect(VUSER_REGION_READ, 0);
	raw_send(VUSER_REGION_READ, 0, 0, &access[1], sizeof(access[1]), NULL, 0);
	raw_expect(VUSER_REGION_READ, EINVAL);
	hostile_stop();
}

/* ---------------------------------------------------------------- good but unusual */

static void
region_info_tells_the_size_it_needs(void)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = FAKE_MEM };
	struct vfio_region_info_cap_sparse_mmap cap;
	const size_t need = 32 + 16 + 2 * 16;

	hostile_start();
	raw_negotiate();
	raw_send(VUSER_DEVICE_GET_REGION_INFO, 0, 0, &info, sizeof(info), NULL, 0);
	raw_expect(VUSER_DEVICE_GET_REGION_INFO, 0);
	VTEST_EQ(got.len, sizeof(info));
	VTEST_EQ(got.nb_fds, 0);
	memcpy(&info, got.data, sizeof(info));
	VTEST_EQ(info.argsz, need);
	VTEST_EQ(info.flags & VFIO_REGION_INFO_FLAG_CAPS, 0);

	info.flags = 0;
	raw_send(VUSER_DEVICE_GET_REGION_INFO, 0, 0, &info, sizeof(info), NULL, 0);
	raw_expect(VUSER_DEVICE_GET_REGION_INFO, 0);
	VTEST_EQ(got.len, need);
	VTEST_EQ(got.nb_fds, 1);
	memcpy(&info, got.data, sizeof(info));
	VTEST_EQ(info.flags, 0xf);
	VTEST_EQ(info.cap_offset, sizeof(info));
	VTEST_EQ(info.offset, 0x2000);
	memcpy(&cap, got.data + info.cap_offset, sizeof(cap));
	VTEST_EQ(cap.header.id, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	VTEST_EQ(cap.header.version, 1);
	VTEST_EQ(cap.header.next, 0);
	VTEST_EQ(cap.nr_areas, 2);
	hostile_stop();
}

static void
region_io_fds_are_none(void)
{
	struct vuser_io_fds io_fds = { .argsz = 4096, .index = 2 };

	hostile_start();
	raw_negotiate();
	raw_send(VUSER_DEVICE_GET_REGION_IO_FDS, 0, 0, &io_fds, sizeof(io_fds), NULL, 0);
	raw_expect(VUSER_DEVICE_GET_REGION_IO_FDS, 0);
	VTEST_EQ(got.len, sizeof(io_fds));
	memcpy(&io_fds, got.data, sizeof(io_fds));
	VTEST_EQ(io_fds.argsz, sizeof(io_fds));
	VTEST_EQ(io_fds.index, 2);
	VTEST_EQ(io_fds.count, 0);
	VTEST_EQ(got.nb_fds, 0);
	hostile_stop();
}

static void
unmap_of_all_is_passed_on(void)
{
	const struct vuser_dma_unmap all = { 24, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0 };

	hostile_start();
	raw_negotiate();
	raw_send(VUSER_DMA_UNMAP, 0, 0, &all, sizeof(all), NULL, 0);
	raw_expect(VUSER_DMA_UNMAP, 0);
	VTEST_EQ(got.len, sizeof(all));
	VTEST_EQ(memcmp(got.data, &all, sizeof(all)), 0);
	VTEST_EQ(vuser_rig.fake.iova, 0);
	VTEST_EQ((vuser_rig.fake.size == UINT64_MAX), 1);
	/* unmapping all of nothing is no error */
	vuser_rig.fake.answer = -ENOENT;
	raw_send(VUSER_DMA_UNMAP, 0, 0, &all, sizeof(all), NULL, 0);
	raw_expect(VUSER_DMA_UNMAP, 0);
	vuser_rig.fake.answer = -EBUSY;
	raw_send(VUSER_DMA_UNMAP, 0, 0, &all, sizeof(all), NULL, 0);
	raw_expect(VUSER_DMA_UNMAP, EBUSY);
	hostile_stop();
}

static void
map_flag_of_libvfio_user_is_taken(void)
{
	const struct vuser_dma_map map = { 32, VUSER_DMA_READ_OK | VUSER_DMA_BY_MMAP, 0x1000,
		0x5000, 0x1000 };

	hostile_start();
	raw_negotiate();
	raw_send(VUSER_DMA_MAP, 0, 0, &map, sizeof(map), &vuser_rig.fake.mem_fd, 1);
	raw_expect(VUSER_DMA_MAP, 0);
	VTEST_EQ(got.len, 0);
	VTEST_EQ(vuser_rig.fake.prot, PROT_READ);
	hostile_stop();
}

static void
bools_trigger_their_vectors(void)
{
	const struct vfio_irq_set set = { 26, BOOL | TRIGGER, VFIO_PCI_MSIX_IRQ_INDEX, 10, 6 };
	uint8_t msg[26] = { [20] = 0, 1, 1, 0, 0, 7 };
	static const uint8_t want[8] = { 0, 0, 1, 1, 0, 0, 1, 0 };

	hostile_start();
	raw_negotiate();
	memcpy(msg, &set, sizeof(set));
	raw_send(VUSER_DEVICE_SET_IRQS, 0, 0, msg, sizeof(msg), NULL, 0);
	raw_expect(VUSER_DEVICE_SET_IRQS, 0);
	VTEST_EQ(vuser_rig.fake.nb_triggers, 2);
	VTEST_EQ(memcmp(vuser_rig.fake.triggered + 9, want, sizeof(want)), 0);
	hostile_stop();
}

#define BIG_ARGSZ .u32 = { UINT32_MAX }

/* Messages that are longer than their command, or say so: the rest has no meaning. */
static void
bytes_behind_a_request_mean_nothing(void)
{
	static const struct {
		const char *name;
		uint16_t command;
		size_t len;
		unsigned int nb_fds;
		size_t answer; /* bytes of payload in the reply */
		union {
			uint32_t u32[16];
			uint64_t u64[8];
		};
	} rows[] = {
		{ "info", VUSER_DEVICE_GET_INFO, 17, 0, 16, { ARGSZ(17) } },
		{ "info of 4 GiB", VUSER_DEVICE_GET_INFO, 16, 0, 16, { BIG_ARGSZ } },
		{ "region info", VUSER_DEVICE_GET_REGION_INFO, 64, 0, 32, { ARGSZ(64) } },
		{ "region info of 4 GiB", VUSER_DEVICE_GET_REGION_INFO, 32, 0, 32, { BIG_ARGSZ } },
		{ "io fds", VUSER_DEVICE_GET_REGION_IO_FDS, 64, 0, 16, { ARGSZ(64) } },
		{ "io fds of 4 GiB", VUSER_DEVICE_GET_REGION_IO_FDS, 16, 0, 16, { BIG_ARGSZ } },
		{ "irq info", VUSER_DEVICE_GET_IRQ_INFO, 64, 0, 16, { ARGSZ(64) } },
		{ "irq info of 4 GiB", VUSER_DEVICE_GET_IRQ_INFO, 16, 0, 16, { BIG_ARGSZ } },
		{ "irqs", VUSER_DEVICE_SET_IRQS, 64, 0, 0,
				{ .u32 = { 64, NONE | TRIGGER, 2, 0, 1 } } },
		{ "irqs with bools", VUSER_DEVICE_SET_IRQS, 64, 0, 0,
				{ .u32 = { UINT32_MAX, BOOL | TRIGGER, 2, 0, 1, 1, ~0u, ~0u } } },
		{ "irqs with an fd", VUSER_DEVICE_SET_IRQS, 64, 1, 0,
				{ .u32 = { 64, EVENTFD | TRIGGER, 2, 0, 1 } } },
		{ "read", VUSER_REGION_READ, 64, 0, 20, { .u32 = { 0, 0, 2, 4 } } },
		{ "map", VUSER_DMA_MAP, 64, 1, 0,
				{ .u64 = { 64 | 3ull << 32, 0, 0x1000, 0x1000 } } },
		{ "unmap", VUSER_DMA_UNMAP, 64, 0, 24, { .u64 = { 64, 0x1000, 0x1000 } } },
		{ "reset", VUSER_DEVICE_RESET, 64, 0, 0, {} },
	};
	const struct fake *fake = &vuser_rig.fake;
	int failed = 0;

	hostile_start();
	raw_negotiate();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		raw_send(rows[i].command, 0, 0, rows[i].u32, rows[i].len,
				rows[i].command == VUSER_DMA_MAP ? &fake->mem_fd :
								   &vuser_rig.stop_fd,
				rows[i].nb_fds);
		if (raw_recv() != 0 || got.hdr.flags != VUSER_FLAG_TYPE_REPLY ||
				got.len != rows[i].answer) {
			printf("  %s: flags %#x error %u, %zu bytes\n", rows[i].name, got.hdr.flags,
					got.hdr.error, got.len);
			failed++;
		}
	}
	VTEST_EQ(failed, 0);
	VTEST_EQ(fake->triggered[0], 2);
	VTEST_EQ(fake->triggered[1] + fake->triggered[2], 0);
	VTEST_EQ(fake->nb_set_fds + fake->nb_reads + fake->nb_maps + fake->nb_unmaps +
					fake->nb_resets,
			5);
	hostile_stop();
}

static void
pipelined_commands_are_answered_in_order(void)
{
	struct vuser_region_access access = { 0, 2, 8 };

	hostile_start();
	raw_negotiate();
	for (uint64_t i = 0; i < 200; i++) {
		access.offset = i;
		raw_send(VUSER_REGION_READ, i % 2 ? VUSER_FLAG_NO_REPLY : 0, 0, &access,
				sizeof(access), NULL, 0);
	}
	for (uint64_t i = 0; i < 200; i += 2) {
		raw_expect(VUSER_REGION_READ, 0);
		memcpy(&access, got.data, sizeof(access));
		VTEST_EQ(access.offset, i);
	}
	raw_alive();
	VTEST_EQ(vuser_rig.fake.nb_reads, 200);
	hostile_stop();
}

static void
message_in_single_bytes_is_understood(void)
{
	const struct {
		struct vuser_header hdr;
		struct vuser_region_access access;
		uint8_t data[4];
	} msg = { { 0x4321, VUSER_REGION_WRITE, 36, 0, 0 }, { 16, 2, 4 }, { 1, 2, 3, 4 } };

	hostile_start();
	raw_negotiate();
	for (size_t i = 0; i < 36; i++) {
		VTEST_EQ(send(raw, (const uint8_t *)&msg + i, 1, MSG_NOSIGNAL), 1);
		if (i % 5 == 0)
			usleep(500);
	}
	raw_expect(VUSER_REGION_WRITE, 0);
	VTEST_EQ(memcmp(vuser_rig.fake.big + 16, msg.data, 4), 0);
	hostile_stop();
}

/* ---------------------------------------------------------------- bad framing */

static void
impossible_size_ends_the_connection(void)
{
	static const uint32_t sizes[] = { 1, 15, 16 + 16 + VUSER_MAX_DATA + 1, 0x7fffffff,
		UINT32_MAX };

	hostile_start();
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		raw_negotiate();
		raw_send(VUSER_DEVICE_RESET, 0, sizes[i], NULL, 0, &vuser_rig.stop_fd, 1);
		VTEST_EQ(raw_recv(), -ECONNRESET);
		VTEST(wait_count(&vuser_rig.fake.nb_released, i + 1));
		raw_close();
	}
	/* also before the version, and the server goes on */
	raw_connect();
	raw_send(VUSER_VERSION, 0, 3, NULL, 0, NULL, 0);
	VTEST_EQ(raw_recv(), -ECONNRESET);
	raw_close();
	raw_negotiate();
	raw_alive();
	VTEST_EQ(vuser_rig.fake.nb_resets, 0);
	hostile_stop();
}

static void
client_that_dies_inside_a_message_is_forgotten(void)
{
	uint8_t bytes[64] = { 0x21, 0x43, VUSER_DMA_MAP, 0, 48 };

	hostile_start();
	for (unsigned int cut = 0; cut < 48; cut++) {
		raw_negotiate();
		if (cut != 0) {
			struct vuser_msg msg;

			/* an incomplete message with descriptors */
			vuser_msg_init(&msg);
			memcpy(&msg.hdr, bytes, sizeof(msg.hdr));
			VTEST_EQ(vuser_msg_resize(&msg, 32), 0);
			msg.fds[0] = vuser_rig.stop_fd;
			msg.nb_fds = 1;
			if (cut >= 16) {
				msg.len = cut - 16;
				VTEST_EQ(vuser_send_part(raw, &msg), 0);
			} else {
				VTEST_EQ(send(raw, bytes, cut, MSG_NOSIGNAL), cut);
			}
			vuser_msg_free(&msg);
		}
		if (cut % 3 == 0)
			shutdown(raw, SHUT_WR); /* half open: no further data */
		else
			raw_close();
		VTEST(wait_count(&vuser_rig.fake.nb_released, cut + 1));
		raw_close();
	}
	VTEST_EQ(vuser_rig.fake.nb_maps, 0);
	hostile_stop();
}

/* Send bytes with any number of descriptors. */
static void
send_with_fds(const void *bytes, size_t len, unsigned int nb_fds)
{
	union {
		char buf[CMSG_SPACE(253 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = CMSG_SPACE(nb_fds * sizeof(int)) };
	struct cmsghdr *cmsg;

	memset(&control, 0, sizeof(control));
	cmsg = CMSG_FIRSTHDR(&mh);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(nb_fds * sizeof(int));
	for (unsigned int i = 0; i < nb_fds; i++)
		memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &vuser_rig.stop_fd, sizeof(int));
	VTEST_EQ(sendmsg(raw, &mh, MSG_NOSIGNAL), (ssize_t)len);
}

/* Send a SET_IRQS for VUSER_MAX_FDS vectors, with one byte in each part before the last part. */
static void
send_fds_in_parts(const unsigned int *nb_fds, unsigned int nb_parts)
{
	static const struct {
		struct vuser_header hdr;
		struct vfio_irq_set set;
	} msg = { { 0x4321, VUSER_DEVICE_SET_IRQS, 36, 0, 0 },
		{ 20, EVENTFD | TRIGGER, VFIO_PCI_MSIX_IRQ_INDEX, 0, VUSER_MAX_FDS } };

	for (unsigned int i = 0; i + 1 < nb_parts; i++)
		send_with_fds((const uint8_t *)&msg + i, 1, nb_fds[i]);
	send_with_fds((const uint8_t *)&msg + nb_parts - 1, 36 - (nb_parts - 1),
			nb_fds[nb_parts - 1]);
}

static void
send_many_fds(unsigned int nb_fds)
{
	send_fds_in_parts(&nb_fds, 1);
}

static void
too_many_descriptors_are_refused(void)
{
	static const unsigned int counts[] = { 17, 18, 19, 100, 253 };

	hostile_start();
	raw_negotiate();
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		send_many_fds(counts[i]);
		raw_expect(VUSER_DEVICE_SET_IRQS, EINVAL);
	}
	VTEST_EQ(vuser_rig.fake.nb_set_fds, 0);
	send_many_fds(16);
	raw_expect(VUSER_DEVICE_SET_IRQS, 0);
	VTEST_EQ(vuser_rig.fake.nb_set_fds, 1);
	hostile_stop();
}

static void
descriptors_in_parts_are_counted_together(void)
{
	static const struct {
		unsigned int nb_fds[4];
		uint32_t error;
	} rows[] = {
		{ { 4, 4, 4, 4 }, 0 },
		{ { 1, 1, 1, 13 }, 0 },
		{ { 4, 4, 4, 3 }, EINVAL },
		{ { 4, 4, 4, 5 }, EINVAL },
		{ { 16, 1, 1, 1 }, EINVAL },
		{ { 16, 16, 16, 16 }, EINVAL },
		{ { 100, 100, 100, 100 }, EINVAL },
	};

	hostile_start();
	raw_negotiate();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		send_fds_in_parts(rows[i].nb_fds, 4);
		raw_expect(VUSER_DEVICE_SET_IRQS, rows[i].error);
	}
	VTEST_EQ(vuser_rig.fake.nb_set_fds, 2);
	hostile_stop();
}

/* Open each kind of descriptor that is no eventfd. */
static void
open_others(int others[6])
{
	int pair[2];

	others[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	others[1] = memfd_create("other", MFD_CLOEXEC);
	others[2] = epoll_create1(EPOLL_CLOEXEC);
	others[3] = open("/proc/self", O_PATH | O_CLOEXEC);
	VTEST_EQ(pipe2(pair, O_CLOEXEC), 0);
	others[4] = pair[1]; /* nobody reads it: a write would raise SIGPIPE */
	close(pair[0]);
	VTEST_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	others[5] = pair[1];
	close(pair[0]);
	for (unsigned int i = 0; i < 6; i++)
		VTEST(others[i] >= 0);
}

/* The device gets none of them, so the vectors that work go on. */
static void
descriptors_that_are_no_eventfds_are_refused(void)
{
	const struct vfio_irq_set set = { 20, EVENTFD | TRIGGER, VFIO_PCI_MSIX_IRQ_INDEX, 3, 4 };
	const struct vfio_irq_set one = { 20, EVENTFD | TRIGGER, VFIO_PCI_REQ_IRQ_INDEX, 0, 1 };
	int fds[4], others[6], failed = 0;

	hostile_start();
	open_others(others);
	raw_negotiate();
	for (unsigned int i = 0; i < 6 * 5; i++) {
		const unsigned int at = i % 5; /* 4: the only descriptor of another index */
		const struct vfio_irq_set *msg = at < 4 ? &set : &one;

		for (unsigned int j = 0; j < 4; j++)
			fds[j] = j == at % 4 ? others[i / 5] : vuser_rig.stop_fd;
		raw_send(VUSER_DEVICE_SET_IRQS, 0, 0, msg, sizeof(*msg), fds, msg->count);
		if (raw_recv() != 0 || got.hdr.error != EINVAL) {
			printf("  descriptor %u at %u: error %u\n", i / 5, at, got.hdr.error);
			failed++;
		}
	}
	for (unsigned int i = 0; i < 6; i++)
		close(others[i]);
	VTEST_EQ(failed, 0);
	VTEST_EQ(vuser_rig.fake.nb_set_fds, 0);
	raw_alive();
	hostile_stop();
}

static void
descriptors_that_do_not_fit_the_process_are_refused(void)
{
	struct rlimit before, none;
	int lowest;

	hostile_start();
	raw_negotiate();
	/* no further descriptor can be opened */
	lowest = dup(vuser_rig.stop_fd);
	VTEST(lowest >= 0);
	close(lowest);
	VTEST_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)lowest;
	VTEST_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	send_many_fds(16);
	VTEST_EQ(raw_recv(), 0);
	VTEST_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	VTEST_EQ(got.hdr.error, EINVAL);
	VTEST_EQ(vuser_rig.fake.nb_set_fds, 0);
	send_many_fds(16);
	raw_expect(VUSER_DEVICE_SET_IRQS, 0);
	hostile_stop();
}

static void
client_that_reads_nothing_blocks_nobody(void)
{
	const struct vuser_region_access access = { 0, 2, VUSER_MAX_DATA };
	const uint64_t start = vuser_deadline(0);
	struct vuser_msg msg;
	unsigned int sent = 0;

	raw_close();
	vuser_rig_start(VUSER_RIG_MANUAL);
	raw_connect();
	raw_version(QEMU_TEXT);
	vuser_server_process(vuser_rig.server);
	raw_expect(VUSER_VERSION, 0);
	/* requests for a MiB each, until the server reads no more */
	vuser_msg_init(&msg);
	VTEST_EQ(vuser_msg_resize(&msg, sizeof(access)), 0);
	memcpy(msg.data, &access, sizeof(access));
	for (;;) {
		msg.hdr = (struct vuser_header){ 0x4321, VUSER_REGION_READ, 32, 0, 0 };
		msg.moved = 0;
		if (vuser_send_part(raw, &msg) != 0)
			break;
		sent++;
		vuser_server_process(vuser_rig.server);
		VTEST(sent < 10000);
	}
	vuser_msg_free(&msg);
	VTEST_EQ(vuser_rig.fake.nb_reads, 1);
	VTEST(vuser_deadline(0) - start < 5000000000u);
	/* when the client reads, it receives every answer completely */
	if (pthread_create(&vuser_rig.thread, NULL, vuser_rig_serve, NULL) != 0)
		abort();
	vuser_rig.running = true;
	for (unsigned int i = 0; i < sent; i++) {
		raw_expect(VUSER_REGION_READ, 0);
		VTEST_EQ(got.len, sizeof(access) + VUSER_MAX_DATA);
	}
	raw_alive();
	hostile_stop();
}

static void
client_that_dies_with_an_answer_pending_is_forgotten(void)
{
	const struct vuser_region_access access = { 0, 2, VUSER_MAX_DATA };

	hostile_start();
	for (unsigned int i = 1; i <= 20; i++) {
		raw_negotiate();
		raw_send(VUSER_REGION_READ, 0, 0, &access, sizeof(access), NULL, 0);
		raw_send(VUSER_REGION_READ, 0, 0, &access, sizeof(access), NULL, 0);
		if (i % 2)
			VTEST(wait_count(&vuser_rig.fake.nb_reads, 1));
		vuser_rig.fake.nb_reads = 0;
		raw_close();
		VTEST(wait_count(&vuser_rig.fake.nb_released, i));
		vuser_rig.fake.nb_reads = 0;
	}
	hostile_stop();
}

/*
 * The client leaves while the device is at work, and another client connects. The request ends, the
 * device is released once and only then, and the other client is served.
 */
static void
client_that_leaves_during_a_request_is_forgotten(void)
{
	static const struct {
		uint16_t command;
		size_t len;
		unsigned int nb_fds;
		union {
			uint32_t u32[8];
			uint64_t u64[4];
		};
	} rows[] = {
		{ VUSER_DEVICE_RESET, 0, 0, {} },
		{ VUSER_REGION_WRITE, 20, 0, { .u32 = { 0, 0, 2, 4 } } },
		{ VUSER_REGION_READ, 16, 0, { .u32 = { 0, 0, 2, 4 } } },
		{ VUSER_DMA_MAP, 32, 1, { .u64 = { 32 | 3ull << 32, 0, 0x1000, 0x1000 } } },
		{ VUSER_DMA_UNMAP, 24, 0, { .u64 = { 24, 0x1000, 0x1000 } } },
		{ VUSER_DEVICE_SET_IRQS, 20, 1, { IRQ(2, 0, 1, EVENTFD | TRIGGER) } },
		{ VUSER_DEVICE_SET_IRQS, 20, 0, { IRQ(2, 0, 1, NONE | TRIGGER) } },
	};
	/* a write that waits behind the request: the client has left before its turn */
	const struct {
		struct vuser_region_access access;
		uint8_t data[4];
	} behind = { { 0x100, 2, 4 }, { 1, 2, 3, 4 } };
	enum { HALF_OPEN, GONE, GONE_WITH_A_WRITE, NB_WAYS };

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]) * NB_WAYS; i++) {
		const unsigned int row = i / NB_WAYS, way = i % NB_WAYS;

		hostile_start();
		raw_negotiate();
		fake_close_gate(&vuser_rig.fake);
		raw_send(rows[row].command, 0, 0, rows[row].u32, rows[row].len,
				rows[row].command == VUSER_DMA_MAP ? &vuser_rig.fake.mem_fd :
								     &vuser_rig.stop_fd,
				rows[row].nb_fds);
		if (way == GONE_WITH_A_WRITE)
			raw_send(VUSER_REGION_WRITE, 0, 0, &behind, 20, NULL, 0);
		VTEST(wait_count(&vuser_rig.fake.nb_waited, 1));
		if (way == HALF_OPEN)
			VTEST_EQ(shutdown(raw, SHUT_WR), 0);
		else
			raw_close();
		if (way != HALF_OPEN)
			raw_connect();
		VTEST_EQ(__atomic_load_n(&vuser_rig.fake.nb_released, __ATOMIC_ACQUIRE), 0);
		fake_open_gate(&vuser_rig.fake);
		if (way == HALF_OPEN) {
			/* this client still reads: it gets its answer */
			raw_expect(rows[row].command, 0);
			VTEST_EQ(raw_recv(), -ECONNRESET);
			raw_close();
			raw_connect();
		}
		VTEST(wait_count(&vuser_rig.fake.nb_released, 1));
		VTEST_EQ(vuser_rig.fake.nb_waited, 1);
		VTEST_EQ(vuser_rig.fake.big[0x100], 0);
		raw_version(QEMU_TEXT);
		raw_expect(VUSER_VERSION, 0);
		raw_alive();
		hostile_stop();
	}
}

#define CASE(name)          \
	{                   \
#name, name \
	}

static const struct vtest_case cases[] = {
	CASE(bad_message_gets_one_error_and_keeps_the_connection),
	CASE(nothing_is_served_before_the_version),
	CASE(version_texts_are_judged),
	CASE(version_payloads_are_judged),
	CASE(version_reply_suits_qemu),
	CASE(small_limits_of_the_client_are_kept),
	CASE(region_info_tells_the_size_it_needs),
	CASE(region_io_fds_are_none),
	CASE(unmap_of_all_is_passed_on),
	CASE(map_flag_of_libvfio_user_is_taken),
	CASE(bools_trigger_their_vectors),
	CASE(bytes_behind_a_request_mean_nothing),
	CASE(pipelined_commands_are_answered_in_order),
	CASE(message_in_single_bytes_is_understood),
	CASE(impossible_size_ends_the_connection),
	CASE(client_that_dies_inside_a_message_is_forgotten),
	CASE(too_many_descriptors_are_refused),
	CASE(descriptors_in_parts_are_counted_together),
	CASE(descriptors_that_are_no_eventfds_are_refused),
	CASE(descriptors_that_do_not_fit_the_process_are_refused),
	CASE(client_that_reads_nothing_blocks_nobody),
	CASE(client_that_dies_with_an_answer_pending_is_forgotten),
	CASE(client_that_leaves_during_a_request_is_forgotten),
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
