/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio_fn.h"

struct map {
	uint64_t iova, size;
	void *addr;
};

struct vfdev {
	struct vio_vfio vfio;
	struct vuser_device_info info;
	uint64_t offset[VUSER_MAX_REGIONS]; /**< Of each region in the device descriptor. */
	int request;
	int vectors[VUSER_MAX_VECTORS]; /**< MSI-X: descriptors of our own; -1: none. */
	uint32_t nb_on; /**< Vectors that the kernel was given. */
	struct map maps[VFDEV_MAX_MAPS];
	size_t nb_maps;
};

/* ---------------------------------------------------------------- registers */

static int
op_region_read(void *dev, unsigned int region, uint64_t offset, void *data, size_t len)
{
	const struct vfdev *v = dev;
	const ssize_t n = pread64(v->vfio.device, data, len, (off64_t)(v->offset[region] + offset));

	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EIO;
}

static int
op_region_write(void *dev, unsigned int region, uint64_t offset, const void *data, size_t len)
{
	const struct vfdev *v = dev;
	const ssize_t n = pwrite64(v->vfio.device, data, len,
			(off64_t)(v->offset[region] + offset));

	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EIO;
}

/* ---------------------------------------------------------------- interrupts */

/* VFIO_DEVICE_SET_IRQS; fds NULL: kind NONE. */
static int
irqs_set(struct vfdev *v, uint32_t index, uint32_t start, uint32_t count, const int *fds)
{
	char room[sizeof(struct vfio_irq_set) + VUSER_MAX_VECTORS * sizeof(int32_t)] = { 0 };
	struct vfio_irq_set *set = (struct vfio_irq_set *)room;
	const size_t len = fds != NULL ? count * sizeof(int32_t) : 0;

	set->argsz = (uint32_t)(sizeof(*set) + len);
	set->flags = VFIO_IRQ_SET_ACTION_TRIGGER |
			(fds != NULL ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE);
	set->index = index;
	set->start = start;
	set->count = count;
	if (len != 0)
		memcpy(set->data, fds, len);
	return ioctl(v->vfio.device, VFIO_DEVICE_SET_IRQS, set) == 0 ? 0 : -errno;
}

static int
vectors_keep(struct vfdev *v, uint32_t start, uint32_t count, const int *fds)
{
	for (uint32_t i = 0; i < count; i++) {
		int *kept = &v->vectors[start + i];

		if (*kept >= 0)
			close(*kept);
		*kept = fds[i] >= 0 ? fcntl(fds[i], F_DUPFD_CLOEXEC, 0) : -1;
		if (fds[i] >= 0 && *kept < 0)
			return -errno;
	}
	return 0;
}

/* The kernel enables vectors from 0 up and takes no more afterwards: for more of them all are
 * disabled and enabled anew, which is why they are kept here. */
static int
vectors_set(struct vfdev *v, uint32_t start, uint32_t count, const int *fds)
{
	uint32_t nb = v->info.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count;
	int ret = vectors_keep(v, start, count, fds);

	if (ret != 0)
		return ret;
	while (nb > 0 && v->vectors[nb - 1] < 0)
		nb--;
	if (nb != 0 && nb <= v->nb_on) {
		if (start + count > v->nb_on)
			count = v->nb_on - start;
		return start < v->nb_on ? irqs_set(v, VFIO_PCI_MSIX_IRQ_INDEX, start, count,
							  &v->vectors[start]) :
					  0;
	}
	if (v->nb_on != 0)
		irqs_set(v, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, NULL);
	v->nb_on = 0;
	if (nb == 0)
		return 0;
	ret = irqs_set(v, VFIO_PCI_MSIX_IRQ_INDEX, 0, nb, v->vectors);
	v->nb_on = ret == 0 ? nb : 0;
	return ret;
}

static int
op_irq_set_fds(void *dev, unsigned int index, uint32_t start, uint32_t count, const int *fds)
{
	struct vfdev *v = dev;

	return index == VFIO_PCI_MSIX_IRQ_INDEX ? vectors_set(v, start, count, fds) :
						  irqs_set(v, index, start, count, fds);
}

static int
op_irq_trigger(void *dev, unsigned int index, uint32_t start, uint32_t count)
{
	return irqs_set(dev, index, start, count, NULL);
}

static void
irqs_off(struct vfdev *v)
{
	for (uint32_t i = 0; i < VUSER_MAX_VECTORS; i++) {
		if (v->vectors[i] >= 0)
			close(v->vectors[i]);
		v->vectors[i] = -1;
	}
	if (v->nb_on != 0)
		irqs_set(v, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, NULL);
	v->nb_on = 0;
}

/* ---------------------------------------------------------------- memory of the guest */

static int
op_dma_map(void *dev, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset)
{
	struct vfdev *v = dev;
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg), .iova = iova, .size = size };
	struct map *map = &v->maps[v->nb_maps];
	int ret;

	if (v->nb_maps == VFDEV_MAX_MAPS)
		return -ENOSPC;
	map->addr = mmap(NULL, size, prot, MAP_SHARED, fd, (off_t)offset);
	if (map->addr == MAP_FAILED)
		return -errno;
	arg.flags = ((prot & PROT_READ) != 0 ? VFIO_DMA_MAP_FLAG_READ : 0) |
			((prot & PROT_WRITE) != 0 ? VFIO_DMA_MAP_FLAG_WRITE : 0);
	arg.vaddr = (uintptr_t)map->addr;
	if (ioctl(v->vfio.container, VFIO_IOMMU_MAP_DMA, &arg) != 0) {
		ret = -errno;
		munmap(map->addr, size);
		return ret;
	}
	map->iova = iova;
	map->size = size;
	v->nb_maps++;
	return 0;
}

static void
unmap_at(struct vfdev *v, size_t i)
{
	struct map *map = &v->maps[i];
	struct vfio_iommu_type1_dma_unmap arg = { .argsz = sizeof(arg),
		.iova = map->iova,
		.size = map->size };

	/* Of a VF that is gone the container has let go already. */
	ioctl(v->vfio.container, VFIO_IOMMU_UNMAP_DMA, &arg);
	munmap(map->addr, map->size);
	*map = v->maps[--v->nb_maps];
}

static int
op_dma_unmap(void *dev, uint64_t iova, uint64_t size)
{
	struct vfdev *v = dev;
	const uint64_t last = size == UINT64_MAX ? UINT64_MAX : iova + (size - 1);
	bool any = false;

	for (size_t i = 0; i < v->nb_maps; i++) {
		const uint64_t first = v->maps[i].iova, end = first + (v->maps[i].size - 1);

		if (end < iova || first > last)
			continue;
		if (first < iova || end > last)
			return -EINVAL;
		any = true;
	}
	for (size_t i = v->nb_maps; i-- > 0;)
		if (v->maps[i].iova >= iova && v->maps[i].iova <= last)
			unmap_at(v, i);
	return any ? 0 : -ENOENT;
}

/* ---------------------------------------------------------------- reset */

static int
op_reset(void *dev)
{
	const struct vfdev *v = dev;

	return ioctl(v->vfio.device, VFIO_DEVICE_RESET) == 0 ? 0 : -errno;
}

static void
let_go(struct vfdev *v)
{
	irqs_off(v);
	while (v->nb_maps != 0)
		unmap_at(v, v->nb_maps - 1);
}

/* Quiet first: what it was doing must not meet memory that is gone. */
static void
op_released(void *dev)
{
	op_reset(dev);
	let_go(dev);
}

static const struct vuser_device_ops ops = {
	.region_read = op_region_read,
	.region_write = op_region_write,
	.irq_set_fds = op_irq_set_fds,
	.irq_trigger = op_irq_trigger,
	.dma_map = op_dma_map,
	.dma_unmap = op_dma_unmap,
	.reset = op_reset,
	.released = op_released,
};

/* ---------------------------------------------------------------- what it is made of */

/* Which parts of a region may be mapped. @return false: none. */
static bool
areas_read(const struct vfio_region_info *info, struct vuser_region *region)
{
	const struct vfio_info_cap_header *head;

	if ((info->flags & VFIO_REGION_INFO_FLAG_MMAP) == 0)
		return false;
	if ((info->flags & VFIO_REGION_INFO_FLAG_CAPS) == 0)
		return true;
	for (uint32_t at = info->cap_offset; at != 0; at = head->next) {
		const struct vfio_region_info_cap_sparse_mmap *cap;

		head = (const void *)((const char *)info + at);
		if (head->id != VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			continue;
		cap = (const void *)head;
		if (cap->nr_areas == 0 || cap->nr_areas > VUSER_MAX_SPARSE)
			return false;
		region->nb_sparse = cap->nr_areas;
		for (uint32_t i = 0; i < cap->nr_areas; i++)
			region->sparse[i] = (struct vuser_area){ cap->areas[i].offset,
				cap->areas[i].size };
	}
	return true;
}

static int
region_read(struct vfdev *v, uint32_t index)
{
	struct vuser_region *region = &v->info.regions[index];
	union {
		struct vfio_region_info info;
		char room[1024];
	} u = { .info = { .argsz = sizeof(u), .index = index } };

	region->fd = -1;
	if (ioctl(v->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &u) != 0)
		return index == VFIO_PCI_VGA_REGION_INDEX ? 0 : -errno;
	if (u.info.argsz > sizeof(u))
		u.info.flags &= ~(uint32_t)VFIO_REGION_INFO_FLAG_MMAP;
	v->offset[index] = u.info.offset;
	region->size = u.info.size;
	region->flags = u.info.flags & (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);
	if (region->size == 0 || !areas_read(&u.info, region))
		return 0;
	region->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	region->fd = v->vfio.device;
	region->fd_offset = u.info.offset;
	return 0;
}

static int
info_read(struct vfdev *v)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int ret = 0;

	if (ioctl(v->vfio.device, VFIO_DEVICE_GET_INFO, &info) != 0)
		return -errno;
	v->info.flags = info.flags & (VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI);
	for (uint32_t i = 0; ret == 0 && i < VUSER_MAX_REGIONS; i++)
		ret = region_read(v, i);
	/* ERR and REQ are between the system and us. */
	for (uint32_t i = 0; ret == 0 && i < VFIO_PCI_ERR_IRQ_INDEX; i++) {
		struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = i };

		if (ioctl(v->vfio.device, VFIO_DEVICE_GET_IRQ_INFO, &irq) != 0)
			ret = -errno;
		else if (irq.count <= VUSER_MAX_VECTORS)
			v->info.irqs[i] = (struct vuser_irq){ irq.flags, irq.count };
	}
	return ret;
}

/* ---------------------------------------------------------------- life */

int
vfdev_open(const struct pf_host *host, const struct sysfs_fn *fn, const char *token,
		struct vfdev **out, struct why *why)
{
	struct vfdev *v = calloc(1, sizeof(*v));
	int ret;

	if (v == NULL)
		return why_not(why, -ENOMEM, "there is no memory");
	v->request = -1;
	memset(v->vectors, 0xff, sizeof(v->vectors));
	ret = pf_open(host, fn, token, &v->vfio, why);
	if (ret != 0) {
		free(v);
		return ret;
	}
	ret = info_read(v);
	if (ret != 0) {
		vfdev_close(v);
		return why_not(why, ret, "%s cannot be asked what it is made of: %s", fn->bdf,
				strerror(-ret));
	}
	v->request = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (v->request >= 0 && vio_vfio_on_request(&v->vfio, v->request) != 0) {
		close(v->request);
		v->request = -1;
	}
	*out = v;
	return 0;
}

void
vfdev_close(struct vfdev *v)
{
	if (v == NULL)
		return;
	let_go(v);
	vio_vfio_close(&v->vfio);
	if (v->request >= 0)
		close(v->request);
	free(v);
}

struct vpci_backend
vfdev_backend(struct vfdev *v)
{
	return (struct vpci_backend){ .ops = &ops, .dev = v, .info = v->info };
}

int
vfdev_request_fd(const struct vfdev *v)
{
	return v->request;
}
