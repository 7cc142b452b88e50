/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_BACKEND_H
#define VSIM_BACKEND_H

/**
 * @file
 * A function of the simulated NIC as backend of lib/vpci, in this process.
 */

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "vpci/vpci.h"
#include "vsim/vsim.h"

static inline int
backend_read(void *dev, unsigned int region, uint64_t offset, void *data, size_t len)
{
	return vsim_fn_read(dev, region, offset, data, len);
}

static inline int
backend_write(void *dev, unsigned int region, uint64_t offset, const void *data, size_t len)
{
	return vsim_fn_write(dev, region, offset, data, len);
}

static inline int
backend_irq_set_fds(void *dev, unsigned int index, uint32_t start, uint32_t count, const int *fds)
{
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < count; i++)
		ret = vsim_fn_irq_set(dev, (uint16_t)(start + i), fds[i]);
	return ret;
}

static inline int
backend_irq_trigger(void *dev, unsigned int index, uint32_t start, uint32_t count)
{
	return vsim_fn_irq_trigger(dev, (uint16_t)start);
}

static inline int
backend_dma_map(void *dev, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset)
{
	return vsim_fn_dma_map(dev, iova, size, prot, fd, offset);
}

static inline int
backend_dma_unmap(void *dev, uint64_t iova, uint64_t size)
{
	if (size == UINT64_MAX) {
		vsim_fn_dma_unmap_all(dev);
		return 0;
	}
	return vsim_fn_dma_unmap(dev, iova, size);
}

static inline int
backend_reset(void *dev)
{
	vsim_fn_reset(dev);
	return 0;
}

static inline void
backend_released(void *dev)
{
	vsim_fn_reset(dev);
	for (uint16_t v = 0; v < vsim_fn_nb_vectors(dev); v++)
		vsim_fn_irq_set(dev, v, -1);
	vsim_fn_dma_unmap_all(dev);
}

static inline struct vpci_backend
backend_of(struct vsim_fn *fn)
{
	static const struct vuser_device_ops ops = {
		.region_read = backend_read,
		.region_write = backend_write,
		.irq_set_fds = backend_irq_set_fds,
		.irq_trigger = backend_irq_trigger,
		.dma_map = backend_dma_map,
		.dma_unmap = backend_dma_unmap,
		.reset = backend_reset,
		.released = backend_released,
	};
	struct vpci_backend b = { .ops = &ops, .dev = fn };
	struct vuser_region *bar = &b.info.regions[VSIM_BAR];
	uint64_t mem_size;

	b.info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	for (unsigned int r = 0; r < VUSER_MAX_REGIONS; r++) {
		b.info.regions[r].fd = -1;
		b.info.regions[r].size = vsim_fn_region_size(fn, r);
		if (b.info.regions[r].size != 0)
			b.info.regions[r].flags = VFIO_REGION_INFO_FLAG_READ |
					VFIO_REGION_INFO_FLAG_WRITE;
	}
	bar->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	bar->fd = vsim_fn_mem_fd(fn, &mem_size);
	bar->fd_offset = VSIM_REGION_OFFSET(VSIM_BAR);
	bar->nb_sparse = 1;
	bar->sparse[0] = (struct vuser_area){ VSIM_BAR_DOORBELLS, mem_size };
	b.info.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = (struct vuser_irq){
		.flags = VFIO_IRQ_INFO_EVENTFD,
		.count = vsim_fn_nb_vectors(fn),
	};
	return b;
}

#endif /* VSIM_BACKEND_H */
