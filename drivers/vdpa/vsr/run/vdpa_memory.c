/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Map guest memory for DMA, and find addresses beside it. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "virtio/vio_err.h"
#include "../guest/vdpa_vhost.h"
#include "vdpa_memory.h"

/* Pinned in one system call: some tenths of a second. */
#define PART (UINT64_C(1) << 30)
#define RANGES_MAX 16

static int
map_failed(int ret, const struct vdpa_region *r)
{
	if (ret == -ENOMEM)
		return vio_fail(ret,
				"guest memory cannot be pinned: raise the limit of locked memory "
				"(ulimit -l, LimitMEMLOCK=)");
	return vio_fail(ret, "guest memory at 0x%llx, %llu bytes, cannot be mapped for DMA: %s",
			(unsigned long long)r->gpa, (unsigned long long)r->size, strerror(-ret));
}

static int
map_part(struct vdpa_dev *dev, const struct vdpa_region *r, uint64_t *done)
{
	const uint64_t len = RTE_MIN(r->size - *done, PART);
	const int ret = vio_vfio_dma_map(&dev->vfio, r->va + *done, len, r->gpa + *done);

	if (ret != 0)
		return map_failed(ret, r);
	*done += len;
	return 0;
}

/* ------------------------------------------------------------------ the first time */

/* dev->mapped is dev->guest, as far as it is mapped. */
static int
mapped_is_guest(struct vdpa_dev *dev)
{
	struct vdpa_region *copy = calloc(dev->guest.nb + 1, sizeof(*copy));

	if (copy == NULL)
		return vio_fail(-ENOMEM, "no memory");
	if (dev->guest.nb != 0)
		memcpy(copy, dev->guest.at, dev->guest.nb * sizeof(*copy));
	vdpa_regions_free(&dev->mapped);
	dev->mapped = (struct vdpa_regions){ .at = copy, .nb = dev->guest.nb };
	return 0;
}

int
vdpa_memory_map_step(struct vdpa_dev *dev)
{
	int ret;

	if (dev->map_i >= dev->guest.nb)
		return mapped_is_guest(dev);
	ret = map_part(dev, &dev->guest.at[dev->map_i], &dev->map_done);
	if (ret != 0)
		return ret;
	if (dev->map_done >= dev->guest.at[dev->map_i].size) {
		dev->map_i++;
		dev->map_done = 0;
	}
	return -EAGAIN;
}

void
vdpa_memory_unmap(struct vdpa_dev *dev)
{
	if (dev->vfio.container >= 0)
		vio_vfio_dma_unmap_all(&dev->vfio);
	vdpa_regions_free(&dev->mapped);
	dev->map_i = 0;
	dev->map_done = 0;
	dev->own_iova = 0;
}

/* ------------------------------------------------------------------ changes */

/* The same pages at the same place: what the IOMMU has stays right, although this process has them
 * mapped elsewhere now. */
static bool
region_in(const struct vdpa_regions *regions, const struct vdpa_region *r)
{
	for (unsigned int i = 0; i < regions->nb; i++) {
		const struct vdpa_region *other = &regions->at[i];

		if (r->ino != 0 && r->gpa == other->gpa && r->size == other->size &&
				r->dev == other->dev && r->ino == other->ino &&
				r->offset == other->offset)
			return true;
	}
	return false;
}

int
vdpa_memory_change(struct vdpa_dev *dev, struct vdpa_regions *now)
{
	int ret = 0;

	vdpa_regions_free(&dev->guest);
	dev->guest = *now;
	*now = (struct vdpa_regions){ 0 };
	for (unsigned int i = 0; ret == 0 && i < dev->mapped.nb; i++) {
		const struct vdpa_region *r = &dev->mapped.at[i];

		if (!region_in(&dev->guest, r))
			ret = vio_vfio_dma_unmap(&dev->vfio, r->gpa, r->size);
	}
	for (unsigned int i = 0; ret == 0 && i < dev->guest.nb; i++) {
		const struct vdpa_region *r = &dev->guest.at[i];
		uint64_t done = 0;

		if (region_in(&dev->mapped, r))
			continue;
		while (ret == 0 && done < r->size)
			ret = map_part(dev, r, &done);
	}
	return ret == 0 ? mapped_is_guest(dev) : ret;
}

/* ------------------------------------------------------------------ memory of our own */

/* The highest address below `end` where len bytes touch no guest memory; 0: none from first on. */
static uint64_t
hole_below(const struct vdpa_regions *guest, uint64_t first, uint64_t end, uint64_t len)
{
	for (unsigned int tries = 0; tries <= guest->nb; tries++) {
		uint64_t at = end - len;
		bool moved = false;

		if (end < len || at < first || at == 0)
			return 0;
		for (unsigned int i = 0; i < guest->nb; i++) {
			const struct vdpa_region *r = &guest->at[i];

			if (at < r->gpa + r->size && r->gpa < at + len) {
				end = r->gpa & ~(len - 1);
				moved = true;
				break;
			}
		}
		if (!moved)
			return at;
	}
	return 0;
}

/* From above, because memory is added to guests from below. */
int
vdpa_memory_map_own(struct vdpa_dev *dev, void *addr, uint64_t len, uint64_t *iova)
{
	struct vio_iova_range ranges[RANGES_MAX];
	const int nb = vio_vfio_iova_ranges(&dev->vfio, ranges, RANGES_MAX);

	if (nb < 0)
		return nb;
	len = rte_align64pow2(len);
	for (int i = nb - 1; i >= 0; i--) {
		/* Not the last page of the address space, so that no sum wraps. */
		uint64_t end = RTE_MIN(ranges[i].last, UINT64_MAX - len) + 1;

		if (dev->own_iova != 0)
			end = RTE_MIN(end, dev->own_iova);
		*iova = hole_below(&dev->guest, ranges[i].first, end & ~(len - 1), len);
		if (*iova == 0)
			continue;
		dev->own_iova = *iova;
		return vio_vfio_dma_map(&dev->vfio, addr, len, *iova);
	}
	return vio_fail(-ENOSPC, "the guest has memory at all addresses of the IOMMU");
}
