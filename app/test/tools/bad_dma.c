/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * bad_dma BDF [TOKEN]: a driver that posts a descriptor whose buffer is not mapped for DMA. The
 * device must not access memory, must stop, and must set DEVICE_NEEDS_RESET. This program then
 * prints that and exits with 1. Exit code 2 means anything else.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

#include <rte_byteorder.h>

#include "virtio/vio_dev.h"
#include "virtio/vio_err.h"
#include "virtio/vio_vfio.h"
#include "virtio_spec/ring.h"

#define TX_QUEUE 1
#define QUEUE_SIZE 4
#define MEM_LEN 0x3000 /* one page for each part of the ring */
#define MEM_IOVA 0x100000
#define BAD_IOVA 0xbad000000

static int
fail(const char *what)
{
	fprintf(stderr, "bad_dma: %s\n", what);
	return 2;
}

/* Map one page for each part of the ring for DMA. */
static uint8_t *
map_ring(const struct vio_vfio *vfio)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = MEM_IOVA,
		.size = MEM_LEN,
	};
	uint8_t *mem;

	if (fd < 0 || ftruncate(fd, MEM_LEN) != 0)
		return NULL;
	mem = mmap(NULL, MEM_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mem == MAP_FAILED)
		return NULL;
	map.vaddr = (uint64_t)(uintptr_t)mem;
	return ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &map) == 0 ? mem : NULL;
}

static int
bus_master_on(const struct vio_vfio *vfio)
{
	const virtio_le16 command = rte_cpu_to_le_16(
			PCI_COMMAND_MEM_SPACE | PCI_COMMAND_BUS_MASTER);

	const off64_t at = (off64_t)(vfio->config_offset + PCI_CFG_COMMAND);

	return pwrite64(vfio->device, &command, sizeof(command), at) == sizeof(command) ? 0 : -1;
}

/* Post one packet to send, in memory that is not mapped for DMA. */
static void
post(uint8_t *mem)
{
	struct virtq_desc *desc = (struct virtq_desc *)mem;
	struct virtq_avail *avail = (struct virtq_avail *)(mem + 0x1000);

	desc[0].addr = rte_cpu_to_le_64(BAD_IOVA);
	desc[0].len = rte_cpu_to_le_32(72);
	avail->ring[0] = 0;
	__atomic_store_n(&avail->idx, rte_cpu_to_le_16(1), __ATOMIC_RELEASE);
}

static int
run(struct vio_vfio *vfio, const char *bdf)
{
	const struct vio_features wanted = VIO_FEATURES(VIRTIO_F_VERSION_1,
			VIRTIO_F_ACCESS_PLATFORM);
	const struct vio_queue_setup setup = {
		.size = QUEUE_SIZE,
		.vector = VIRTIO_MSI_NO_VECTOR,
		.desc = MEM_IOVA,
		.driver = MEM_IOVA + 0x1000,
		.device = MEM_IOVA + 0x2000,
	};
	struct vio_deadline deadline = vio_deadline_in(VIO_DEV_TIMEOUT_US);
	struct vio_doorbell doorbell;
	struct vio_dev dev;
	uint8_t *mem = map_ring(vfio);

	if (mem == NULL || bus_master_on(vfio) != 0)
		return fail("cannot set up memory for the device");
	vio_dev_init(&dev, &vfio->t);
	if (vio_dev_negotiate(&dev, &wanted, NULL) != 0 ||
			vio_dev_queue_setup(&dev, TX_QUEUE, &setup, &doorbell) != 0)
		return fail(vio_err());
	vio_dev_driver_ok(&dev);
	post(mem);
	vio_write(&vfio->t, VIO_NOTIFY, doorbell.offset, 2, doorbell.id);
	while ((vio_dev_status(&dev) & VIRTIO_STATUS_NEEDS_RESET) == 0) {
		if (!vio_wait(&vfio->t, &deadline))
			return fail("the device did not notice");
	}
	if (mem[0x2002] != 0 || mem[0x2003] != 0)
		return fail("the device used the buffer all the same");
	fprintf(stderr,
			"bad_dma: %s has stopped and asks for a reset: a descriptor was outside of "
			"its DMA map\n",
			bdf);
	return 1;
}

int
main(int argc, char **argv)
{
	const char *devices = getenv("SYSFS_PCI_DEVICES");
	struct vio_vfio vfio;
	int ret;

	if (argc < 2 || argc > 3)
		return fail("usage: bad_dma BDF [TOKEN]");
	if (vio_vfio_open(&vfio, devices != NULL ? devices : "/sys/bus/pci/devices", argv[1],
			    argc == 3 ? argv[2] : NULL) != 0)
		return fail(vio_err());
	ret = run(&vfio, argv[1]);
	vio_vfio_close(&vfio);
	return ret;
}
