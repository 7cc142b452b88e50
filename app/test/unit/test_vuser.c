/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The interface of lib/vfio_user: each request of a client, over a socket and in the process, and
 * creation and end of servers and clients. test_vuser_hostile.c has the hostile clients.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vfio_user/vuser_link.h"
#include "test/fixture/vuser_rig.h"

/* Two cases of one function, since both kinds of client must behave alike. */
#define BOTH(name)                                   \
	static void socket_##name(void)              \
	{                                            \
		vuser_rig_start(VUSER_RIG_SOCKET);   \
		name();                              \
		vuser_rig_stop();                    \
	}                                            \
	static void attached_##name(void)            \
	{                                            \
		vuser_rig_start(VUSER_RIG_ATTACHED); \
		name();                              \
		vuser_rig_stop();                    \
	}

static uint64_t
now_ms(void)
{
	return vuser_deadline(0) / 1000000;
}

/* ---------------------------------------------------------------- requests */

static void
device_info_is_that_of_the_device(void)
{
	uint32_t flags = 0, nb_regions = 0, nb_irqs = 0;

	VTEST_EQ(vuser_client_device_info(vuser_rig.client, &flags, &nb_regions, &nb_irqs), 0);
	VTEST_EQ(flags, VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
	VTEST_EQ(nb_regions, VUSER_MAX_REGIONS);
	VTEST_EQ(nb_irqs, VUSER_MAX_IRQS);
}
BOTH(device_info_is_that_of_the_device)

static void
region_info_is_that_of_the_device(void)
{
	const struct vuser_device_info want = fake_info(&vuser_rig.fake);
	struct vuser_region got;

	for (unsigned int i = 0; i < VUSER_MAX_REGIONS; i++) {
		VTEST_EQ(vuser_client_region_info(vuser_rig.client, i, &got), 0);
		VTEST_EQ(got.size, want.regions[i].size);
		VTEST_EQ(got.flags, want.regions[i].flags);
		VTEST_EQ(got.fd_offset, want.regions[i].fd_offset);
		VTEST_EQ(got.nb_sparse, want.regions[i].nb_sparse);
		VTEST_EQ(memcmp(got.sparse, want.regions[i].sparse, sizeof(got.sparse)), 0);
		VTEST_EQ(got.fd >= 0, want.regions[i].fd >= 0);
		if (got.fd >= 0)
			close(got.fd);
	}
	VTEST_EQ(vuser_client_region_info(vuser_rig.client, VUSER_MAX_REGIONS, &got), -EINVAL);
	VTEST_EQ(vuser_client_region_info(vuser_rig.client, UINT32_MAX, &got), -EINVAL);
}
BOTH(region_info_is_that_of_the_device)

static void
region_fd_is_the_memory_of_the_device(void)
{
	struct vuser_region got;
	char byte = 0;
	uint8_t *map;

	VTEST_EQ(vuser_client_region_info(vuser_rig.client, FAKE_MEM, &got), 0);
	map = mmap(NULL, got.sparse[1].size, PROT_READ | PROT_WRITE, MAP_SHARED, got.fd,
			(off_t)(got.fd_offset + got.sparse[1].offset));
	close(got.fd);
	VTEST(map != MAP_FAILED);
	map[5] = 0x77;
	munmap(map, got.sparse[1].size);
	VTEST_EQ(pread(vuser_rig.fake.mem_fd, &byte, 1, 0x2000 + 0x7000 + 5), 1);
	VTEST_EQ(byte, 0x77);
}
BOTH(region_fd_is_the_memory_of_the_device)

static void
irq_info_is_that_of_the_device(void)
{
	struct vuser_irq got;

	VTEST_EQ(vuser_client_irq_info(vuser_rig.client, VFIO_PCI_MSIX_IRQ_INDEX, &got), 0);
	VTEST_EQ(got.count, FAKE_VECTORS);
	VTEST_EQ(got.flags, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE);
	VTEST_EQ(vuser_client_irq_info(vuser_rig.client, VFIO_PCI_INTX_IRQ_INDEX, &got), 0);
	VTEST_EQ(got.count, 0);
	VTEST_EQ(vuser_client_irq_info(vuser_rig.client, VUSER_MAX_IRQS, &got), -EINVAL);
}
BOTH(irq_info_is_that_of_the_device)

static void
region_access_reaches_the_device(void)
{
	uint32_t value = 0x12345678;

	VTEST_EQ(vuser_client_region_write(vuser_rig.client, 2, 0x104, &value, 4), 0);
	VTEST_EQ(vuser_rig.fake.nb_writes, 1);
	VTEST_EQ(vuser_rig.fake.region, 2);
	VTEST_EQ(vuser_rig.fake.offset, 0x104);
	VTEST_EQ(vuser_rig.fake.len, 4);
	value = 0;
	VTEST_EQ(vuser_client_region_read(vuser_rig.client, 2, 0x106, &value, 2), 0);
	VTEST_EQ(value, 0x1234);
	VTEST_EQ(vuser_rig.fake.nb_reads, 1);
	VTEST_EQ(vuser_rig.fake.len, 2);
	VTEST_EQ(vuser_client_region_read(vuser_rig.client, VFIO_PCI_CONFIG_REGION_INDEX, 255,
				 &value, 1),
			0);
	VTEST_EQ(vuser_rig.fake.region, VFIO_PCI_CONFIG_REGION_INDEX);
}
BOTH(region_access_reaches_the_device)

static void
region_access_is_bounded(void)
{
	static const struct {
		unsigned int region;
		uint64_t offset;
		size_t len;
		int read, write; /* expected results */
	} rows[] = {
		{ 7, 0, 256, 0, 0 },
		{ 7, 255, 2, -EINVAL, -EINVAL },
		{ 7, 256, 1, -EINVAL, -EINVAL },
		{ 7, UINT64_MAX, 1, -EINVAL, -EINVAL },
		{ 7, UINT64_MAX - 3, 4, -EINVAL, -EINVAL },
		{ 7, 0, 0, -EINVAL, -EINVAL },
		{ 2, 0, VUSER_MAX_DATA, 0, 0 },
		{ 2, 0, VUSER_MAX_DATA + 1, -EINVAL, -EINVAL },
		{ 2, FAKE_BIG - 8, 8, 0, 0 },
		{ 2, FAKE_BIG - 8, 9, -EINVAL, -EINVAL },
		{ 0, 0, 4, 0, -EINVAL }, /* read only */
		{ 1, 0, 4, -EINVAL, 0 }, /* write only */
		{ 4, 0, 4, -EINVAL, -EINVAL }, /* absent */
		{ 9, 0, 4, -EINVAL, -EINVAL },
		{ UINT32_MAX, 0, 4, -EINVAL, -EINVAL },
	};
	static uint8_t data[VUSER_MAX_DATA + 1];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vuser_rig.fake.nb_reads = 0;
		VTEST_EQ(vuser_client_region_read(vuser_rig.client, rows[i].region, rows[i].offset,
					 data, rows[i].len),
				rows[i].read);
		VTEST_EQ(vuser_rig.fake.nb_reads, rows[i].read == 0);
		vuser_rig.fake.nb_writes = 0;
		VTEST_EQ(vuser_client_region_write(vuser_rig.client, rows[i].region, rows[i].offset,
					 data, rows[i].len),
				rows[i].write);
		VTEST_EQ(vuser_rig.fake.nb_writes, rows[i].write == 0);
	}
}
BOTH(region_access_is_bounded)

static void
largest_access_arrives_whole(void)
{
	static uint8_t out[VUSER_MAX_DATA], in[VUSER_MAX_DATA];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + (i >> 8));
	VTEST_EQ(vuser_client_region_write(vuser_rig.client, 2, 0x1000, out, sizeof(out)), 0);
	VTEST_EQ(memcmp(vuser_rig.fake.big + 0x1000, out, sizeof(out)), 0);
	VTEST_EQ(vuser_client_region_read(vuser_rig.client, 2, 0x1000, in, sizeof(in)), 0);
	VTEST_EQ(memcmp(in, out, sizeof(in)), 0);
}
BOTH(largest_access_arrives_whole)

static void
device_errors_reach_the_client(void)
{
	static const int answers[] = { -EIO, -EEXIST, -ENOENT, -EPROTO, -ETIMEDOUT, -ECONNRESET };
	uint32_t value = 0;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		vuser_rig.fake.answer = answers[i];
		VTEST_EQ(vuser_client_region_read(vuser_rig.client, 2, 0, &value, 4), answers[i]);
		VTEST_EQ(vuser_client_region_write(vuser_rig.client, 2, 0, &value, 4), answers[i]);
		VTEST_EQ(vuser_client_reset(vuser_rig.client), answers[i]);
		VTEST_EQ(vuser_client_dma_map(vuser_rig.client, 0x1000, 0x1000, PROT_READ,
					 vuser_rig.fake.mem_fd, 0),
				answers[i]);
		VTEST_EQ(vuser_client_dma_unmap(vuser_rig.client, 0x1000, 0x1000), answers[i]);
		VTEST_EQ(vuser_client_irq_trigger(vuser_rig.client, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1),
				answers[i]);
		VTEST_EQ(vuser_client_irq_set_fds(vuser_rig.client, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0,
					 NULL),
				answers[i]);
	}
	/* and none of them has ended the connection */
	vuser_rig.fake.answer = 0;
	VTEST_EQ(vuser_client_reset(vuser_rig.client), 0);
}
BOTH(device_errors_reach_the_client)

static void
reset_reaches_the_device(void)
{
	VTEST_EQ(vuser_client_reset(vuser_rig.client), 0);
	VTEST_EQ(vuser_rig.fake.nb_resets, 1);
}
BOTH(reset_reaches_the_device)

/* ---------------------------------------------------------------- interrupts */

/* Whether the device has this eventfd for a vector: write to one, read from the other. */
static bool
is_connected(uint32_t vector, int fd)
{
	eventfd_t value = 0;

	return vuser_rig.fake.irq_fds[vector] >= 0 &&
			eventfd_write(vuser_rig.fake.irq_fds[vector], vector + 1) == 0 &&
			eventfd_read(fd, &value) == 0 && value == vector + 1;
}

static void
irq_fds_arrive_each_at_its_vector(void)
{
	int fds[FAKE_VECTORS];
	int bad = 0;

	/* gaps at the start, in the middle and at the end, and a run longer than one message */
	for (uint32_t i = 0; i < FAKE_VECTORS; i++) {
		const bool gap = i == 0 || i == 5 || i == 6 || i == 69;

		fds[i] = gap ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	VTEST_EQ(vuser_client_irq_set_fds(vuser_rig.client, VFIO_PCI_MSIX_IRQ_INDEX, 0,
				 FAKE_VECTORS, fds),
			0);
	for (uint32_t i = 0; i < FAKE_VECTORS; i++) {
		if (fds[i] < 0 ? vuser_rig.fake.irq_fds[i] >= 0 : !is_connected(i, fds[i]))
			bad++;
	}
	VTEST_EQ(bad, 0);

	/* one vector off, and one with another eventfd */
	VTEST_EQ(vuser_client_irq_set_fds(vuser_rig.client, VFIO_PCI_MSIX_IRQ_INDEX, 1, 1,
				 (const int[]){ -1 }),
			0);
	VTEST_EQ(vuser_rig.fake.irq_fds[1], -1);
	VTEST_EQ(vuser_client_irq_set_fds(vuser_rig.client, VFIO_PCI_MSIX_IRQ_INDEX, 69, 1,
				 &fds[2]),
			0);
	VTEST(is_connected(69, fds[2]));

	/* all vectors off */
	VTEST_EQ(vuser_client_irq_set_fds(vuser_rig.client, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, NULL),
			0);
	for (uint32_t i = 0; i < FAKE_VECTORS; i++) {
		bad += vuser_rig.fake.irq_fds[i] != -1;
		if (fds[i] >= 0)
			close(fds[i]);
	}
	VTEST_EQ(bad, 0);
}
BOTH(irq_fds_arrive_each_at_its_vector)

static void
irq_ranges_are_bounded(void)
{
	static const struct {
		unsigned int index;
		uint32_t start, count;
		int want;
	} rows[] = {
		{ VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, 0 },
		{ VFIO_PCI_MSIX_IRQ_INDEX, 69, 1, 0 },
		{ VFIO_PCI_MSIX_IRQ_INDEX, 69, 2, -EINVAL },
		{ VFIO_PCI_MSIX_IRQ_INDEX, 70, 1, -EINVAL },
		{ VFIO_PCI_MSIX_IRQ_INDEX, UINT32_MAX, 2, -EINVAL },
		{ VFIO_PCI_REQ_IRQ_INDEX, 0, 1, 0 },
		{ VFIO_PCI_REQ_IRQ_INDEX, 1, 1, -EINVAL },
		{ VFIO_PCI_INTX_IRQ_INDEX, 0, 1, -EINVAL },
		{ VUSER_MAX_IRQS, 0, 1, -EINVAL },
		{ UINT32_MAX, 0, 1, -EINVAL },
	};
	const int none[2] = { -1, -1 };
	const int both[2] = { vuser_rig.stop_fd, vuser_rig.stop_fd };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		VTEST_EQ(vuser_client_irq_trigger(vuser_rig.client, rows[i].index, rows[i].start,
					 rows[i].count),
				rows[i].want);
		VTEST_EQ(vuser_client_irq_set_fds(vuser_rig.client, rows[i].index, rows[i].start,
					 rows[i].count, both),
				rows[i].want);
		VTEST_EQ(vuser_client_irq_set_fds(vuser_rig.client, rows[i].index, rows[i].start,
					 rows[i].count, none),
				rows[i].want);
	}
	VTEST_EQ(vuser_client_irq_set_fds(vuser_rig.client, VFIO_PCI_MSIX_IRQ_INDEX, 1, 0, NULL),
			-EINVAL);
	VTEST_EQ(vuser_client_irq_trigger(vuser_rig.client, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0),
			-EINVAL);
	VTEST_EQ(vuser_rig.fake.nb_triggers, 3);
	VTEST_EQ(vuser_rig.fake.triggered[69], 1);
}
BOTH(irq_ranges_are_bounded)

/* ---------------------------------------------------------------- memory */

static void
dma_map_gives_the_memory_to_the_device(void)
{
	int fd = memfd_create("dma", MFD_CLOEXEC);

	VTEST_EQ(pwrite(fd, "deadbee", 8, 0x3000), 8);
	VTEST_EQ(vuser_client_dma_map(vuser_rig.client, 0x100000, 0x2000, PROT_READ | PROT_WRITE,
				 fd, 0x3000),
			0);
	close(fd);
	VTEST_EQ(vuser_rig.fake.iova, 0x100000);
	VTEST_EQ(vuser_rig.fake.size, 0x2000);
	VTEST_EQ(vuser_rig.fake.prot, PROT_READ | PROT_WRITE);
	VTEST_EQ(vuser_rig.fake.fd_offset, 0x3000);
	VTEST_EQ(strcmp(vuser_rig.fake.first_bytes, "deadbee"), 0);
	VTEST_EQ(vuser_client_dma_unmap(vuser_rig.client, 0x100000, 0x2000), 0);
	VTEST_EQ(vuser_rig.fake.nb_unmaps, 1);
	VTEST_EQ(vuser_rig.fake.iova, 0x100000);
	VTEST_EQ(vuser_rig.fake.size, 0x2000);
}
BOTH(dma_map_gives_the_memory_to_the_device)

static void
dma_ranges_are_checked(void)
{
	static const struct {
		uint64_t iova, size, offset;
		int prot;
		int map, unmap; /* expected results */
	} rows[] = {
		{ 0x1000, 0x1000, 0, PROT_READ, 0, 0 },
		{ 0, 0x1000, 0, PROT_WRITE, 0, 0 },
		{ 0x1000, 0, 0, PROT_READ, -EINVAL, -EINVAL },
		{ 0x1001, 0x1000, 0, PROT_READ, -EINVAL, -EINVAL },
		{ 0x1000, 0x1001, 0, PROT_READ, -EINVAL, -EINVAL },
		{ UINT64_MAX - 0xfff, 0x1000, 0, PROT_READ, -EINVAL, -EINVAL }, /* ends at 2^64 */
		{ UINT64_MAX - 0xfff, 0x2000, 0, PROT_READ, -EINVAL, -EINVAL }, /* wraps */
		{ UINT64_MAX - 0x1fff, 0x1000, 0, PROT_READ, 0, 0 },
		{ 0x1000, 0x1000, 0x123, PROT_READ, -EINVAL, 0 },
		{ 0x1000, 0x1000, INT64_MAX - 0xfff, PROT_READ, -EINVAL, 0 },
		{ 0x1000, 1ull << 63, 0, PROT_READ, -EINVAL, 0 },
		{ 0x1000, 0x1000, 0, PROT_NONE, -EINVAL, 0 },
		{ 0x1000, 0x1000, 0, PROT_EXEC, -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vuser_rig.fake.nb_maps = vuser_rig.fake.nb_unmaps = 0;
		VTEST_EQ(vuser_client_dma_map(vuser_rig.client, rows[i].iova, rows[i].size,
					 rows[i].prot, vuser_rig.fake.mem_fd, rows[i].offset),
				rows[i].map);
		VTEST_EQ(vuser_rig.fake.nb_maps, rows[i].map == 0);
		VTEST_EQ(vuser_client_dma_unmap(vuser_rig.client, rows[i].iova, rows[i].size),
				rows[i].unmap);
		VTEST_EQ(vuser_rig.fake.nb_unmaps, rows[i].unmap == 0);
	}
	VTEST_EQ(vuser_client_dma_map(vuser_rig.client, 0, 0x1000, PROT_READ, -1, 0), -EINVAL);
}
BOTH(dma_ranges_are_checked)

static void
closed_descriptor_is_refused_and_harmless(void)
{
	const int closed = 1000; /* a descriptor that is not open */

	VTEST_EQ(vuser_client_dma_map(vuser_rig.client, 0, 0x1000, PROT_READ, closed, 0), -EBADF);
	VTEST_EQ(vuser_client_irq_set_fds(vuser_rig.client, VFIO_PCI_MSIX_IRQ_INDEX, 0, 2,
				 (const int[]){ vuser_rig.stop_fd, closed }),
			-EBADF);
	VTEST_EQ(vuser_rig.fake.nb_maps + vuser_rig.fake.nb_set_fds, 0);
	VTEST_EQ(vuser_client_reset(vuser_rig.client), 0);
}
BOTH(closed_descriptor_is_refused_and_harmless)

/* ---------------------------------------------------------------- lives */

static void
closing_releases_the_device(void)
{
	VTEST(vuser_server_busy(vuser_rig.server));
	VTEST_EQ(vuser_client_irq_set_fds(vuser_rig.client, VFIO_PCI_MSIX_IRQ_INDEX, 3, 1,
				 &vuser_rig.stop_fd),
			0);
	vuser_client_close(vuser_rig.client);
	vuser_rig.client = NULL;
	VTEST(wait_count(&vuser_rig.fake.nb_released, 1));
	vuser_rig_halt();
	VTEST(!vuser_server_busy(vuser_rig.server));
}
BOTH(closing_releases_the_device)

static void
second_client_is_refused(void)
{
	errno = 0;
	VTEST(vuser_client_attach(vuser_rig.server) == NULL);
	VTEST_EQ(errno, EBUSY);
	VTEST_EQ(vuser_client_reset(vuser_rig.client), 0);
	VTEST_EQ(vuser_rig.fake.nb_released, 0);
}
BOTH(second_client_is_refused)

static void
second_client_on_the_socket_is_refused(void)
{
	vuser_rig_start(VUSER_RIG_SOCKET);
	for (int i = 0; i < 50; i++) {
		errno = 0;
		VTEST(vuser_client_connect(vuser_rig.path, 5000) == NULL);
		VTEST_EQ(errno, EBUSY);
	}
	VTEST_EQ(vuser_client_reset(vuser_rig.client), 0);
	vuser_rig_stop();
}

static void
socket_client_is_refused_beside_an_attached_one(void)
{
	struct vuser_client *client;

	vuser_rig_start(VUSER_RIG_MANUAL);
	vuser_rig.client = vuser_client_attach(vuser_rig.server);
	VTEST(vuser_rig.client != NULL);
	if (pthread_create(&vuser_rig.thread, NULL, vuser_rig_serve, NULL) != 0)
		abort();
	vuser_rig.running = true;
	client = vuser_client_connect(vuser_rig.path, 5000);
	VTEST(client == NULL);
	VTEST_EQ(errno, EBUSY);
	vuser_rig_halt();
	VTEST_EQ(vuser_client_reset(vuser_rig.client), 0);
	vuser_rig_stop();
}

static void
successor_of_a_closed_client_is_welcome(void)
{
	vuser_rig_start(VUSER_RIG_SOCKET);
	for (unsigned int i = 1; i <= 200; i++) {
		vuser_client_close(vuser_rig.client);
		vuser_rig.client = vuser_client_connect(vuser_rig.path, 5000);
		VTEST(vuser_rig.client != NULL);
		VTEST_EQ(vuser_rig.fake.nb_released, i);
	}
	vuser_rig_stop();
}

static void
successor_is_welcome_whatever_the_dead_one_left_unread(void)
{
	const struct vuser_region_access access = { .region = 2, .count = 8 };
	struct sockaddr_un addr;
	struct vuser_msg msg;
	int sock;

	vuser_rig_start(VUSER_RIG_MANUAL);
	sock = socket(AF_UNIX, SOCK_STREAM, 0);
	VTEST_EQ(base_address(&addr, vuser_rig.path), 0);
	VTEST_EQ(connect(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	vuser_msg_init(&msg);
	VTEST_EQ(vuser_version_put(&msg, VUSER_PROTO_MINOR, VUSER_MAX_MAPS), 0);
	msg.hdr = (struct vuser_header){ 1, VUSER_VERSION, (uint32_t)(sizeof(msg.hdr) + msg.len), 0,
		0 };
	VTEST_EQ(vuser_send_part(sock, &msg), 0);
	vuser_server_process(vuser_rig.server);
	VTEST_EQ(vuser_msg_resize(&msg, sizeof(access)), 0);
	memcpy(msg.data, &access, sizeof(access));
	/* more than one call of vuser_server_process() reads */
	for (int i = 0; i < 150; i++) {
		msg.hdr = (struct vuser_header){ 2, VUSER_REGION_READ,
			(uint32_t)(sizeof(msg.hdr) + msg.len), VUSER_FLAG_NO_REPLY, 0 };
		msg.moved = 0;
		VTEST_EQ(vuser_send_part(sock, &msg), 0);
	}
	vuser_msg_free(&msg);
	close(sock);
	if (pthread_create(&vuser_rig.thread, NULL, vuser_rig_serve, NULL) != 0)
		abort();
	vuser_rig.running = true;
	vuser_rig.client = vuser_client_connect(vuser_rig.path, 5000);
	VTEST(vuser_rig.client != NULL);
	VTEST_EQ(vuser_rig.fake.nb_reads, 150);
	VTEST_EQ(vuser_rig.fake.nb_released, 1);
	vuser_rig_stop();
}

static void
destroyed_server_resets_its_client(void)
{
	uint32_t value;

	vuser_rig_halt();
	vuser_server_destroy(vuser_rig.server);
	vuser_rig.server = NULL;
	VTEST_EQ(vuser_rig.fake.nb_released, 1);
	VTEST_EQ(vuser_client_reset(vuser_rig.client), -ECONNRESET);
	VTEST_EQ(vuser_client_region_read(vuser_rig.client, 2, 0, &value, 4), -ECONNRESET);
	VTEST_EQ(vuser_client_dma_map(vuser_rig.client, 0, 0x1000, PROT_READ, vuser_rig.fake.mem_fd,
				 0),
			-ECONNRESET);
}
BOTH(destroyed_server_resets_its_client)

static void
client_times_out_on_a_silent_server(void)
{
	uint64_t start;

	vuser_rig_start(VUSER_RIG_SOCKET);
	vuser_rig_halt();
	vuser_client_close(vuser_rig.client);
	/* the server does not run any more; the kernel still accepts connections */
	start = now_ms();
	vuser_rig.client = vuser_client_connect(vuser_rig.path, 100);
	VTEST(vuser_rig.client == NULL);
	VTEST_EQ(errno, ETIMEDOUT);
	VTEST(now_ms() - start >= 90 && now_ms() - start < 5000);
	vuser_rig_stop();
}

static void
client_is_dead_after_a_timeout(void)
{
	vuser_rig_start(VUSER_RIG_SOCKET);
	vuser_client_close(vuser_rig.client);
	vuser_rig.client = vuser_client_connect(vuser_rig.path, 5000);
	VTEST(vuser_rig.client != NULL);
	vuser_rig_halt();
	vuser_rig.client->timeout_ms = 100;
	VTEST_EQ(vuser_client_reset(vuser_rig.client), -ETIMEDOUT);
	VTEST_EQ(vuser_client_reset(vuser_rig.client), -ECONNRESET);
	vuser_rig_stop();
}

static void
connect_times_out_when_the_backlog_is_full(void)
{
	struct sockaddr_un addr;
	int socks[32], nb = 0;

	vuser_rig_start(VUSER_RIG_MANUAL);
	VTEST_EQ(base_address(&addr, vuser_rig.path), 0);
	while (nb < 32) {
		socks[nb] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(socks[nb++], (struct sockaddr *)&addr, sizeof(addr)) != 0)
			break;
	}
	VTEST_EQ(errno, EAGAIN);
	VTEST(vuser_client_connect(vuser_rig.path, 100) == NULL);
	VTEST_EQ(errno, ETIMEDOUT);
	while (nb > 0)
		close(socks[--nb]);
	vuser_rig_stop();
}

static void
connect_says_why_not(void)
{
	char path[200];

	vuser_rig_start(VUSER_RIG_MANUAL);
	VTEST(vuser_client_connect("/nonexistent/vuser", 100) == NULL);
	VTEST_EQ(errno, ENOENT);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	VTEST(vuser_client_connect(path, 100) == NULL);
	VTEST_EQ(errno, ENAMETOOLONG);
	VTEST(vuser_client_connect("", 100) == NULL);
	VTEST_EQ(errno, EINVAL);
	vuser_rig_stop();
}

/* ---------------------------------------------------------------- the socket's file */

static void
stale_socket_is_replaced(void)
{
	struct vuser_device_info info;
	struct sockaddr_un addr;
	int sock;

	vuser_rig_start(VUSER_RIG_SERVER);
	vuser_rig_halt();
	vuser_server_destroy(vuser_rig.server);
	sock = socket(AF_UNIX, SOCK_STREAM, 0);
	VTEST_EQ(base_address(&addr, vuser_rig.path), 0);
	VTEST_EQ(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(sock);

	VTEST(vuser_client_connect(vuser_rig.path, 100) == NULL);
	VTEST_EQ(errno, ECONNREFUSED);
	info = fake_info(&vuser_rig.fake);
	vuser_rig.server = vuser_server_create(vuser_rig.path, &info, &fake_ops, &vuser_rig.fake);
	VTEST(vuser_rig.server != NULL);
	vuser_rig_stop();
}

static void
live_socket_is_left_alone(void)
{
	struct vuser_device_info info;

	vuser_rig_start(VUSER_RIG_SOCKET);
	info = fake_info(&vuser_rig.fake);
	VTEST(vuser_server_create(vuser_rig.path, &info, &fake_ops, &vuser_rig.fake) == NULL);
	VTEST_EQ(errno, EADDRINUSE);
	VTEST_EQ(vuser_client_reset(vuser_rig.client), 0);
	VTEST_EQ(vuser_rig.fake.nb_released, 0);
	vuser_rig_stop();
}

static void
looking_whether_somebody_listens_resets_nothing(void)
{
	struct vuser_device_info info;

	vuser_rig_start(VUSER_RIG_SERVER);
	info = fake_info(&vuser_rig.fake);
	VTEST(vuser_server_create(vuser_rig.path, &info, &fake_ops, &vuser_rig.fake) == NULL);
	VTEST_EQ(errno, EADDRINUSE);
	vuser_rig.client = vuser_client_connect(vuser_rig.path, 5000);
	VTEST(vuser_rig.client != NULL);
	VTEST_EQ(vuser_rig.fake.nb_released, 0);
	vuser_rig_stop();
}

static void
plain_file_is_left_alone(void)
{
	struct vuser_device_info info;
	struct stat st;
	int fd;

	vuser_rig_start(VUSER_RIG_SERVER);
	vuser_rig_halt();
	vuser_server_destroy(vuser_rig.server);
	vuser_rig.server = NULL;
	fd = open(vuser_rig.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	VTEST(fd >= 0);
	close(fd);
	info = fake_info(&vuser_rig.fake);
	VTEST(vuser_server_create(vuser_rig.path, &info, &fake_ops, &vuser_rig.fake) == NULL);
	VTEST_EQ(errno, EADDRINUSE);
	VTEST_EQ(stat(vuser_rig.path, &st), 0);
	vuser_rig_stop();
}

static void
destroy_removes_its_own_socket_only(void)
{
	struct vuser_device_info info;
	struct vuser_server *successor;

	vuser_rig_start(VUSER_RIG_SERVER);
	info = fake_info(&vuser_rig.fake);
	vuser_rig_halt();
	VTEST_EQ(unlink(vuser_rig.path), 0);
	successor = vuser_server_create(vuser_rig.path, &info, &fake_ops, &vuser_rig.fake);
	VTEST(successor != NULL);
	vuser_server_destroy(vuser_rig.server);
	vuser_rig.server = successor;
	VTEST_EQ(access(vuser_rig.path, F_OK), 0);
	vuser_server_destroy(vuser_rig.server);
	vuser_rig.server = NULL;
	VTEST_EQ(access(vuser_rig.path, F_OK), -1);
	vuser_rig_stop();
}

static void
create_refuses_what_cannot_be_served(void)
{
	struct vuser_device_ops ops = fake_ops;
	struct vuser_device_info info;
	char path[200];

	vuser_rig_start(VUSER_RIG_MANUAL);
	info = fake_info(&vuser_rig.fake);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	VTEST(vuser_server_create(path, &info, &fake_ops, &vuser_rig.fake) == NULL);
	VTEST_EQ(errno, ENAMETOOLONG);
	VTEST(vuser_server_create("/nonexistent/x", &info, &fake_ops, &vuser_rig.fake) == NULL);
	VTEST_EQ(errno, ENOENT);
	ops.released = NULL;
	VTEST(vuser_server_create(NULL, &info, &ops, &vuser_rig.fake) == NULL);
	VTEST_EQ(errno, EINVAL);
	info.regions[FAKE_MEM].sparse[1].size = 0x1001;
	VTEST(vuser_server_create(NULL, &info, &fake_ops, &vuser_rig.fake) == NULL);
	VTEST_EQ(errno, EINVAL);
	info.regions[FAKE_MEM].nb_sparse = VUSER_MAX_SPARSE + 1;
	VTEST(vuser_server_create(NULL, &info, &fake_ops, &vuser_rig.fake) == NULL);
	info = fake_info(&vuser_rig.fake);
	info.irqs[0].count = VUSER_MAX_VECTORS + 1;
	VTEST(vuser_server_create(NULL, &info, &fake_ops, &vuser_rig.fake) == NULL);
	VTEST_EQ(errno, EINVAL);
	vuser_server_destroy(NULL);
	vuser_client_close(NULL);
	vuser_rig_stop();
}

#define CASE(name)          \
	{                   \
#name, name \
	}
#define CASES(name) CASE(socket_##name), CASE(attached_##name)

static const struct vtest_case cases[] = {
	CASES(device_info_is_that_of_the_device),
	CASES(region_info_is_that_of_the_device),
	CASES(region_fd_is_the_memory_of_the_device),
	CASES(irq_info_is_that_of_the_device),
	CASES(region_access_reaches_the_device),
	CASES(region_access_is_bounded),
	CASES(largest_access_arrives_whole),
	CASES(device_errors_reach_the_client),
	CASES(reset_reaches_the_device),
	CASES(irq_fds_arrive_each_at_its_vector),
	CASES(irq_ranges_are_bounded),
	CASES(dma_map_gives_the_memory_to_the_device),
	CASES(dma_ranges_are_checked),
	CASES(closed_descriptor_is_refused_and_harmless),
	CASES(closing_releases_the_device),
	CASES(second_client_is_refused),
	CASE(second_client_on_the_socket_is_refused),
	CASE(socket_client_is_refused_beside_an_attached_one),
	CASE(successor_of_a_closed_client_is_welcome),
	CASE(successor_is_welcome_whatever_the_dead_one_left_unread),
	CASES(destroyed_server_resets_its_client),
	CASE(client_times_out_on_a_silent_server),
	CASE(client_is_dead_after_a_timeout),
	CASE(connect_times_out_when_the_backlog_is_full),
	CASE(connect_says_why_not),
	CASE(stale_socket_is_replaced),
	CASE(live_socket_is_left_alone),
	CASE(looking_whether_somebody_listens_resets_nothing),
	CASE(plain_file_is_left_alone),
	CASE(destroy_removes_its_own_socket_only),
	CASE(create_refuses_what_cannot_be_served),
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
