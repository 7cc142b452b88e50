/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A VF opened through VFIO, as the backend of a bridge of lib/vpci. */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base_memory.h"
#include "daemon/log.h"

#include "daemon/budget.h"
#include "vfio_fn.h"

struct map {
	uint64_t iova, size;
	void *addr;
};

struct vfio_fn {
	struct vio_vfio vfio;
	struct vuser_device_info info;
	uint64_t offset[VUSER_MAX_REGIONS]; /**< Of each region, in the device descriptor. */
	int request;
	int vectors[VUSER_MAX_VECTORS]; /**< MSI-X: our duplicates of eventfds; -1: none. */
	uint32_t nb_on; /**< Vectors that are enabled in the kernel. */
	struct budget_guest budget;
	struct base_log_limit refusals;
	char bdf[BASE_BDF_LEN];
	struct map maps[BUDGET_MAPS_MAX];
	size_t nb_maps;
};

/* ---------------------------------------------------------------- registers */

static int
op_region_read(void *dev, unsigned int region, uint64_t offset, void *data, size_t len)
{
	const struct vfio_fn *fn = dev;
	const ssize_t n = pread64(fn->vfio.device, data, len,
			(off64_t)(fn->offset[region] + offset));

	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EIO;
}

static int
op_region_write(void *dev, unsigned int region, uint64_t offset, const void *data, size_t len)
{
	const struct vfio_fn *fn = dev;
	const ssize_t n = pwrite64(fn->vfio.device, data, len,
			(off64_t)(fn->offset[region] + offset));

	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EIO;
}

/* ---------------------------------------------------------------- interrupts */

/* VFIO_DEVICE_SET_IRQS, with eventfds, or with DATA_NONE when fds is NULL. */
static int
irqs_set(struct vfio_fn *fn, uint32_t index, uint32_t start, uint32_t count, const int *fds)
{
	char buf[sizeof(struct vfio_irq_set) + VUSER_MAX_VECTORS * sizeof(int32_t)] = { 0 };
	struct vfio_irq_set *set = (struct vfio_irq_set *)buf;
	const size_t len = fds != NULL ? count * sizeof(int32_t) : 0;
	int ret;

	set->argsz = (uint32_t)(sizeof(*set) + len);
	set->flags = VFIO_IRQ_SET_ACTION_TRIGGER |
			(fds != NULL ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE);
	set->index = index;
	set->start = start;
	set->count = count;
	if (len != 0)
		memcpy(set->data, fds, len);
	ret = ioctl(fn->vfio.device, VFIO_DEVICE_SET_IRQS, set);
	/* A positive number: of the vectors that there are, which are not enabled. */
	return ret > 0 ? -ENOSPC : ret == 0 ? 0 : -errno;
}

static void
vectors_close(int *fds, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* @return 0, or -errno without any duplicate. */
static int
vectors_dup(const int *fds, uint32_t count, int *out)
{
	int ret;

	for (uint32_t i = 0; i < count; i++) {
		out[i] = fds[i] >= 0 ? fcntl(fds[i], F_DUPFD_CLOEXEC, 0) : -1;
		if (fds[i] < 0 || out[i] >= 0)
			continue;
		ret = -errno;
		vectors_close(out, i);
		return ret;
	}
	return 0;
}

static void
vectors_swap(struct vfio_fn *fn, uint32_t start, uint32_t count, int *fds)
{
	for (uint32_t i = 0; i < count; i++) {
		const int fd = fn->vectors[start + i];

		fn->vectors[start + i] = fds[i];
		fds[i] = fd;
	}
}

/* Tell the kernel the vectors of a range, as far as they are enabled. */
static int
vectors_tell(struct vfio_fn *fn, uint32_t start, uint32_t count)
{
	if (start >= fn->nb_on)
		return 0;
	if (count > fn->nb_on - start)
		count = fn->nb_on - start;
	return irqs_set(fn, VFIO_PCI_MSIX_IRQ_INDEX, start, count, &fn->vectors[start]);
}

/* Enable the first nb vectors. */
static int
vectors_enable(struct vfio_fn *fn, uint32_t nb)
{
	const int ret = irqs_set(fn, VFIO_PCI_MSIX_IRQ_INDEX, 0, nb, fn->vectors);

	fn->nb_on = ret == 0 ? nb : 0;
	return ret;
}

/* The kernel enables vectors 0 to N - 1 at once and adds none later. To add one, disable all and
 * enable N + 1: hence the duplicates. */
static int
vectors_apply(struct vfio_fn *fn, uint32_t start, uint32_t count)
{
	uint32_t nb = fn->info.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count;

	while (nb > 0 && fn->vectors[nb - 1] < 0)
		nb--;
	if (nb != 0 && nb <= fn->nb_on)
		return vectors_tell(fn, start, count);
	if (fn->nb_on != 0)
		irqs_set(fn, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, NULL);
	fn->nb_on = 0;
	return nb == 0 ? 0 : vectors_enable(fn, nb);
}

/* Set all vectors of the range, or leave all vectors of the VF as they are. */
static int
vectors_set(struct vfio_fn *fn, uint32_t start, uint32_t count, const int *fds)
{
	const uint32_t nb_on = fn->nb_on;
	int other[VUSER_MAX_VECTORS]; /* the new ones, then those before */
	int ret = vectors_dup(fds, count, other), again;

	if (ret != 0)
		return ret;
	vectors_swap(fn, start, count, other);
	ret = vectors_apply(fn, start, count);
	if (ret != 0) {
		vectors_swap(fn, start, count, other);
		again = fn->nb_on == nb_on ? vectors_tell(fn, start, count) :
					     vectors_enable(fn, nb_on);
		if (again != 0)
			log_limited(&fn->refusals,
					"%s: its guest has lost interrupts: the kernel refuses the "
					"vectors that it had before too: %s",
					fn->bdf, strerror(-again));
	}
	vectors_close(other, count);
	return ret;
}

static int
op_irq_set_fds(void *dev, unsigned int index, uint32_t start, uint32_t count, const int *fds)
{
	struct vfio_fn *fn = dev;

	return index == VFIO_PCI_MSIX_IRQ_INDEX ? vectors_set(fn, start, count, fds) :
						  irqs_set(fn, index, start, count, fds);
}

static int
op_irq_trigger(void *dev, unsigned int index, uint32_t start, uint32_t count)
{
	return irqs_set(dev, index, start, count, NULL);
}

static void
irqs_off(struct vfio_fn *fn)
{
	vectors_close(fn->vectors, VUSER_MAX_VECTORS);
	if (fn->nb_on != 0)
		irqs_set(fn, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, NULL);
	fn->nb_on = 0;
}

/* ---------------------------------------------------------------- memory of the guest */

static int
op_dma_map(void *dev, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset)
{
	struct vfio_fn *fn = dev;
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg), .iova = iova, .size = size };
	struct map *map = &fn->maps[fn->nb_maps];
	int ret;

	/* The kernel reads all pages now, and this thread waits: not for a server of the guest. */
	if (!base_is_memory(fd)) {
		log_limited(&fn->refusals,
				"%s: its guest maps a file that is no memory: only memfd, tmpfs and "
				"hugetlbfs can be used",
				fn->bdf);
		return -EINVAL;
	}
	ret = budget_map(&fn->budget, size);
	if (ret != 0) {
		log_limited(&fn->refusals, "%s: its guest has too %s already and gets no more",
				fn->bdf, ret == -ENOMEM ? "much memory mapped" : "many maps");
		return ret;
	}
	map->addr = mmap(NULL, size, prot, MAP_SHARED, fd, (off_t)offset);
	if (map->addr == MAP_FAILED) {
		ret = -errno;
		budget_unmap(&fn->budget, size);
		return ret;
	}
	arg.flags = ((prot & PROT_READ) != 0 ? VFIO_DMA_MAP_FLAG_READ : 0) |
			((prot & PROT_WRITE) != 0 ? VFIO_DMA_MAP_FLAG_WRITE : 0);
	arg.vaddr = (uintptr_t)map->addr;
	if (ioctl(fn->vfio.container, VFIO_IOMMU_MAP_DMA, &arg) != 0) {
		ret = -errno;
		munmap(map->addr, size);
		budget_unmap(&fn->budget, size);
		return ret;
	}
	map->iova = iova;
	map->size = size;
	fn->nb_maps++;
	return 0;
}

static void
unmap_at(struct vfio_fn *fn, size_t i)
{
	struct map *map = &fn->maps[i];
	struct vfio_iommu_type1_dma_unmap arg = { .argsz = sizeof(arg),
		.iova = map->iova,
		.size = map->size };

	/* The container of a removed VF has no maps any more, so an error means nothing. */
	ioctl(fn->vfio.container, VFIO_IOMMU_UNMAP_DMA, &arg);
	munmap(map->addr, map->size);
	budget_unmap(&fn->budget, map->size);
	*map = fn->maps[--fn->nb_maps];
}

static int
op_dma_unmap(void *dev, uint64_t iova, uint64_t size)
{
	struct vfio_fn *fn = dev;
	const uint64_t last = size == UINT64_MAX ? UINT64_MAX : iova + (size - 1);
	bool any = false;

	for (size_t i = 0; i < fn->nb_maps; i++) {
		const uint64_t first = fn->maps[i].iova, end = first + (fn->maps[i].size - 1);

		if (end < iova || first > last)
			continue;
		if (first < iova || end > last)
			return -EINVAL;
		any = true;
	}
	for (size_t i = fn->nb_maps; i-- > 0;)
		if (fn->maps[i].iova >= iova && fn->maps[i].iova <= last)
			unmap_at(fn, i);
	return any ? 0 : -ENOENT;
}

/* ---------------------------------------------------------------- reset */

static int
op_reset(void *dev)
{
	const struct vfio_fn *fn = dev;

	return ioctl(fn->vfio.device, VFIO_DEVICE_RESET) == 0 ? 0 : -errno;
}

static void
drop_all(struct vfio_fn *fn)
{
	irqs_off(fn);
	while (fn->nb_maps != 0)
		unmap_at(fn, fn->nb_maps - 1);
}

/* Reset first: afterwards the VF does not access memory that is about to be unmapped. */
static void
op_released(void *dev)
{
	op_reset(dev);
	drop_all(dev);
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

/* ---------------------------------------------------------------- regions and interrupts */

/* Read which areas of a region can be mapped. @return false: none. */
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
region_read(struct vfio_fn *fn, uint32_t index)
{
	struct vuser_region *region = &fn->info.regions[index];
	union {
		struct vfio_region_info info;
		char buf[1024];
	} u = { .info = { .argsz = sizeof(u), .index = index } };

	region->fd = -1;
	if (ioctl(fn->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &u) != 0)
		return index == VFIO_PCI_VGA_REGION_INDEX ? 0 : -errno;
	if (u.info.argsz > sizeof(u))
		u.info.flags &= ~(uint32_t)VFIO_REGION_INFO_FLAG_MMAP;
	fn->offset[index] = u.info.offset;
	region->size = u.info.size;
	region->flags = u.info.flags & (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);
	if (region->size == 0 || !areas_read(&u.info, region))
		return 0;
	region->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	region->fd = fn->vfio.device;
	region->fd_offset = u.info.offset;
	return 0;
}

static int
info_read(struct vfio_fn *fn)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int ret = 0;

	if (ioctl(fn->vfio.device, VFIO_DEVICE_GET_INFO, &info) != 0)
		return -errno;
	fn->info.flags = info.flags & (VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI);
	fn->info.max_maps = BUDGET_MAPS;
	for (uint32_t i = 0; ret == 0 && i < VUSER_MAX_REGIONS; i++)
		ret = region_read(fn, i);
	/* The ERR and REQ interrupts are for this process, not for the guest. */
	for (uint32_t i = 0; ret == 0 && i < VFIO_PCI_ERR_IRQ_INDEX; i++) {
		struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = i };

		if (ioctl(fn->vfio.device, VFIO_DEVICE_GET_IRQ_INFO, &irq) != 0)
			ret = -errno;
		else if (irq.count <= VUSER_MAX_VECTORS)
			fn->info.irqs[i] = (struct vuser_irq){ irq.flags, irq.count };
	}
	return ret;
}

/* ---------------------------------------------------------------- open, close */

int
vfio_fn_open(const struct pf_host *host, const struct sysfs_fn *vf, const char *token,
		struct vfio_fn **out, struct err *err)
{
	struct vfio_fn *fn = calloc(1, sizeof(*fn));
	int ret;

	if (fn == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	fn->request = -1;
	strcpy(fn->bdf, vf->bdf);
	memset(fn->vectors, 0xff, sizeof(fn->vectors));
	ret = pf_open(host, vf, token, &fn->vfio, err);
	if (ret != 0) {
		free(fn);
		return ret;
	}
	ret = info_read(fn);
	if (ret != 0) {
		vfio_fn_close(fn);
		return err_set(err, ret, "cannot read the regions and interrupts of %s: %s",
				vf->bdf, strerror(-ret));
	}
	ret = budget_admit(&fn->budget, fn->info.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count, err);
	if (ret != 0) {
		vfio_fn_close(fn);
		return ret;
	}
	fn->request = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fn->request >= 0 && vio_vfio_on_request(&fn->vfio, fn->request) != 0) {
		close(fn->request);
		fn->request = -1;
	}
	*out = fn;
	return 0;
}

void
vfio_fn_close(struct vfio_fn *fn)
{
	if (fn == NULL)
		return;
	drop_all(fn);
	vio_vfio_close(&fn->vfio);
	if (fn->request >= 0)
		close(fn->request);
	budget_leave(&fn->budget);
	free(fn);
}

struct vpci_backend
vfio_fn_backend(struct vfio_fn *fn)
{
	return (struct vpci_backend){ .ops = &ops, .dev = fn, .info = fn->info };
}

int
vfio_fn_request_fd(const struct vfio_fn *fn)
{
	return fn->request;
}

void
vfio_fn_memory(const struct vfio_fn *fn, unsigned int *nb_maps, uint64_t *bytes)
{
	*nb_maps = (unsigned int)fn->nb_maps;
	*bytes = fn->budget.bytes;
}
