/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VUSER_RIG_H
#define VUSER_RIG_H

/**
 * @file
 * A device that notes what it is asked, a server for it, and clients: what the tests of
 * lib/vfio_user share. One rig at a time; rig_stop() checks that no descriptor was left behind.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "vfio_user/vuser_priv.h"

#include "vtest.h"

#define FAKE_BIG (2u << 20) /* bytes of region 2, more than one access takes */
#define FAKE_VECTORS 70
#define FAKE_MEM 5 /* region behind a descriptor, with sparse areas */

/** What the device was asked, and how it answers. */
struct fake {
	uint8_t big[FAKE_BIG]; /* region 2; region 7 (256 bytes of configuration) is its start */
	int mem_fd; /* region FAKE_MEM */
	int answer; /* returned by every operation */

	unsigned int nb_reads, nb_writes, nb_resets, nb_released, nb_triggers, nb_maps, nb_unmaps;
	unsigned int nb_set_fds;
	unsigned int region; /* of the last access */
	uint64_t offset;
	size_t len;
	int irq_fds[FAKE_VECTORS]; /* duplicates, or -1 */
	uint8_t triggered[FAKE_VECTORS]; /* times per vector */
	uint64_t iova, size, fd_offset; /* of the last map or unmap */
	int prot;
	char first_bytes[8]; /* read through the descriptor of the last map */
};

enum rig_kind {
	RIG_SOCKET, /* a thread serves, a client is connected */
	RIG_ATTACHED, /* an in-process client */
	RIG_SERVER, /* a thread serves, nobody is connected */
	RIG_MANUAL, /* a socket, but the test itself calls vuser_server_process() */
};

struct rig {
	struct fake fake;
	struct vuser_server *server;
	struct vuser_client *client;
	pthread_t thread;
	bool running;
	int stop_fd; /* eventfd */
	unsigned int nb_fds_before;
	char dir[32];
	char path[48];
};

static struct rig rig;

/* ---------------------------------------------------------------- the device */

static uint8_t *
fake_region(struct fake *fake, unsigned int region, uint64_t offset, size_t len)
{
	fake->region = region;
	fake->offset = offset;
	fake->len = len;
	return fake->big + offset;
}

static int
fake_read(void *dev, unsigned int region, uint64_t offset, void *data, size_t len)
{
	struct fake *fake = dev;

	fake->nb_reads++;
	memcpy(data, fake_region(fake, region, offset, len), len);
	return fake->answer;
}

static int
fake_write(void *dev, unsigned int region, uint64_t offset, const void *data, size_t len)
{
	struct fake *fake = dev;

	fake->nb_writes++;
	memcpy(fake_region(fake, region, offset, len), data, len);
	return fake->answer;
}

static int
fake_irq_set_fds(void *dev, unsigned int index, uint32_t start, uint32_t count, const int *fds)
{
	struct fake *fake = dev;

	fake->nb_set_fds++;
	if (fake->answer != 0 || index != VFIO_PCI_MSIX_IRQ_INDEX)
		return fake->answer;
	for (uint32_t i = 0; i < count; i++) {
		int *slot = &fake->irq_fds[start + i];

		if (*slot >= 0)
			close(*slot);
		*slot = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
	}
	return 0;
}

static int
fake_irq_trigger(void *dev, unsigned int index, uint32_t start, uint32_t count)
{
	struct fake *fake = dev;

	fake->nb_triggers++;
	for (uint32_t i = 0; i < count && index == VFIO_PCI_MSIX_IRQ_INDEX; i++)
		fake->triggered[start + i]++;
	return fake->answer;
}

static int
fake_dma_map(void *dev, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset)
{
	struct fake *fake = dev;

	fake->nb_maps++;
	fake->iova = iova;
	fake->size = size;
	fake->prot = prot;
	fake->fd_offset = offset;
	if (pread(fd, fake->first_bytes, sizeof(fake->first_bytes), (off_t)offset) < 0)
		return -errno;
	return fake->answer;
}

static int
fake_dma_unmap(void *dev, uint64_t iova, uint64_t size)
{
	struct fake *fake = dev;

	fake->nb_unmaps++;
	fake->iova = iova;
	fake->size = size;
	return fake->answer;
}

static int
fake_reset(void *dev)
{
	struct fake *fake = dev;

	fake->nb_resets++;
	return fake->answer;
}

static void
fake_drop_irqs(struct fake *fake)
{
	for (unsigned int i = 0; i < FAKE_VECTORS; i++) {
		if (fake->irq_fds[i] >= 0)
			close(fake->irq_fds[i]);
		fake->irq_fds[i] = -1;
	}
}

static void
fake_released(void *dev)
{
	struct fake *fake = dev;

	fake_drop_irqs(fake);
	__atomic_add_fetch(&fake->nb_released, 1, __ATOMIC_RELEASE);
}

static const struct vuser_device_ops fake_ops = {
	.region_read = fake_read,
	.region_write = fake_write,
	.irq_set_fds = fake_irq_set_fds,
	.irq_trigger = fake_irq_trigger,
	.dma_map = fake_dma_map,
	.dma_unmap = fake_dma_unmap,
	.reset = fake_reset,
	.released = fake_released,
};

static inline void
fake_init(struct fake *fake)
{
	memset(fake, 0, sizeof(*fake));
	memset(fake->irq_fds, 0xff, sizeof(fake->irq_fds));
	fake->mem_fd = memfd_create("vuser-test", MFD_CLOEXEC);
	if (fake->mem_fd < 0 || ftruncate(fake->mem_fd, 0x10000) != 0)
		abort();
}

static inline struct vuser_device_info
fake_info(const struct fake *fake)
{
	struct vuser_device_info info = {
		.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
		.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = { VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE,
				FAKE_VECTORS },
		.irqs[VFIO_PCI_REQ_IRQ_INDEX] = { VFIO_IRQ_INFO_EVENTFD, 1 },
	};
	const uint32_t rw = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;

	for (unsigned int i = 0; i < VUSER_MAX_REGIONS; i++)
		info.regions[i].fd = -1;
	/* read only, write only, plain, with sparse areas, wholly mappable, PCI configuration */
	info.regions[0] = (struct vuser_region){ 64, VFIO_REGION_INFO_FLAG_READ, -1, 0, 0, {} };
	info.regions[1] = (struct vuser_region){ 64, VFIO_REGION_INFO_FLAG_WRITE, -1, 0, 0, {} };
	info.regions[2] = (struct vuser_region){ FAKE_BIG, rw, -1, 0, 0, {} };
	info.regions[3] = (struct vuser_region){ 0x1000, rw | VFIO_REGION_INFO_FLAG_MMAP,
		fake->mem_fd, 0xf000, 0, {} };
	info.regions[FAKE_MEM] = (struct vuser_region){ 0x8000, rw | VFIO_REGION_INFO_FLAG_MMAP,
		fake->mem_fd, 0x2000, 2, { { 0x1000, 0x2000 }, { 0x7000, 0x1000 } } };
	info.regions[VFIO_PCI_CONFIG_REGION_INDEX] = (struct vuser_region){ 256, rw, -1, 0, 0, {} };
	return info;
}

/* ---------------------------------------------------------------- the rig */

static inline unsigned int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nb = 0;

	if (dir == NULL)
		abort();
	while (readdir(dir) != NULL)
		nb++;
	closedir(dir);
	return nb;
}

static void *
rig_serve(void *arg)
{
	struct pollfd pfds[2] = {
		{ .fd = vuser_server_fd(rig.server), .events = POLLIN },
		{ .fd = rig.stop_fd, .events = POLLIN },
	};

	while (poll(pfds, 2, -1) > 0 && pfds[1].revents == 0)
		vuser_server_process(rig.server);
	return NULL;
}

/** Wait until a counter of the device has this value, at most 5 seconds. */
static inline bool
wait_count(const unsigned int *count, unsigned int value)
{
	for (int i = 0; i < 5000; i++) {
		if (__atomic_load_n(count, __ATOMIC_ACQUIRE) == value)
			return true;
		usleep(1000);
	}
	return false;
}

/** End the thread; the server stays. */
static inline void
rig_halt(void)
{
	if (!rig.running)
		return;
	if (eventfd_write(rig.stop_fd, 1) != 0)
		abort();
	pthread_join(rig.thread, NULL);
	rig.running = false;
}

/* Put everything away, whatever state a failed case has left. */
static inline void
rig_clean(void)
{
	if (rig.dir[0] == '\0')
		return;
	vuser_client_close(rig.client);
	rig.client = NULL;
	rig_halt();
	vuser_server_destroy(rig.server);
	rig.server = NULL;
	fake_drop_irqs(&rig.fake);
	close(rig.fake.mem_fd);
	close(rig.stop_fd);
	unlink(rig.path);
	rmdir(rig.dir);
	rig.dir[0] = '\0';
}

static inline void
rig_start(enum rig_kind kind)
{
	struct vuser_device_info info;

	rig_clean();
	rig.nb_fds_before = count_fds();
	fake_init(&rig.fake);
	info = fake_info(&rig.fake);
	rig.stop_fd = eventfd(0, EFD_CLOEXEC);
	snprintf(rig.dir, sizeof(rig.dir), "/tmp/vuser-XXXXXX");
	if (rig.stop_fd < 0 || mkdtemp(rig.dir) == NULL)
		abort();
	snprintf(rig.path, sizeof(rig.path), "%s/sock", rig.dir);

	rig.server = vuser_server_create(kind == RIG_ATTACHED ? NULL : rig.path, &info, &fake_ops,
			&rig.fake);
	VTEST(rig.server != NULL);
	if (kind == RIG_SOCKET || kind == RIG_SERVER) {
		if (pthread_create(&rig.thread, NULL, rig_serve, NULL) != 0)
			abort();
		rig.running = true;
	}
	if (kind == RIG_SOCKET) {
		rig.client = vuser_client_connect(rig.path, 5000);
		VTEST(rig.client != NULL);
	} else if (kind == RIG_ATTACHED) {
		rig.client = vuser_client_attach(rig.server);
		VTEST(rig.client != NULL);
	}
}

static inline void
rig_stop(void)
{
	const unsigned int before = rig.nb_fds_before;

	rig_clean();
	VTEST_EQ(count_fds(), before);
}

#endif /* VUSER_RIG_H */
