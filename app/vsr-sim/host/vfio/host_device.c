/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Requests of a program to an open device: information, reset, reads and writes of its regions.
 *
 * As Linux' vfio_pci_core.c and vfio_pci_rdwr.c.
 */

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "../core/host_fn.h"
#include "../core/host_irq.h"
#include "../function/host_pci.h"
#include "host_config_view.h"
#include "host_device.h"

#define REGION_SHIFT 40
#define REGION_MASK ((UINT64_C(1) << REGION_SHIFT) - 1)

/* ---------------------------------------------------------------- information */

static int
get_info(const struct host_fn *fn, void *data, size_t len, size_t *out_len)
{
	const size_t min = offsetof(struct vfio_device_info, num_irqs) + sizeof(uint32_t);
	struct vfio_device_info info;

	if (len < min)
		return -EINVAL;
	memcpy(&info, data, min);
	if (info.argsz < min)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | (fn->flags & VFIO_DEVICE_FLAGS_RESET);
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	memcpy(data, &info, min);
	*out_len = min;
	return 0;
}

/* Bytes of the sparse mmap capability of a region; 0: the region has none. */
static size_t
sparse_len(const struct vuser_region *region)
{
	if ((region->flags & VFIO_REGION_INFO_FLAG_MMAP) == 0 || region->nb_sparse == 0)
		return 0;
	return sizeof(struct vfio_region_info_cap_sparse_mmap) +
			region->nb_sparse * sizeof(struct vfio_region_sparse_mmap_area);
}

static void
sparse_put(const struct vuser_region *region, uint8_t *out)
{
	const struct vfio_region_info_cap_sparse_mmap cap = {
		.header = { .id = VFIO_REGION_INFO_CAP_SPARSE_MMAP, .version = 1 },
		.nr_areas = region->nb_sparse,
	};

	memcpy(out, &cap, sizeof(cap));
	out += sizeof(cap);
	for (unsigned int i = 0; i < region->nb_sparse; i++) {
		const struct vfio_region_sparse_mmap_area area = {
			.offset = region->sparse[i].offset,
			.size = region->sparse[i].size
		};

		memcpy(out, &area, sizeof(area));
		out += sizeof(area);
	}
}

static int
get_region_info(const struct host_fn *fn, void *data, size_t len, size_t *out_len)
{
	struct vfio_region_info info;
	const struct vuser_region *region;
	size_t caps;

	if (len < sizeof(info))
		return -EINVAL;
	memcpy(&info, data, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= VFIO_PCI_VGA_REGION_INDEX)
		return -EINVAL;
	region = &fn->regions[info.index];
	info.flags = region->size == 0 ? 0 :
					 region->flags &
					(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
							VFIO_REGION_INFO_FLAG_MMAP);
	info.size = region->size;
	info.offset = (uint64_t)info.index << REGION_SHIFT;
	info.cap_offset = 0;
	*out_len = sizeof(info);
	caps = region->size == 0 ? 0 : sparse_len(region);
	if (caps != 0) {
		info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		if (info.argsz < sizeof(info) + caps || len < sizeof(info) + caps) {
			info.argsz = sizeof(info) + caps;
		} else {
			info.cap_offset = sizeof(info);
			sparse_put(region, (uint8_t *)data + sizeof(info));
			*out_len = sizeof(info) + caps;
		}
	}
	memcpy(data, &info, sizeof(info));
	return 0;
}

static int
get_irq_info(const struct host_fn *fn, void *data, size_t len, size_t *out_len)
{
	struct vfio_irq_info info;

	if (len < sizeof(info))
		return -EINVAL;
	memcpy(&info, data, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	if (info.index == VFIO_PCI_ERR_IRQ_INDEX && fn->express_cap == 0)
		return -EINVAL;
	info.count = host_irq_count(fn, info.index);
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	if (info.index == VFIO_PCI_INTX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	else
		info.flags |= VFIO_IRQ_INFO_NORESIZE;
	memcpy(data, &info, sizeof(info));
	*out_len = sizeof(info);
	return 0;
}

int
host_device_ioctl(struct host *host, struct host_fn *fn, unsigned long cmd, void *data, size_t len,
		size_t *out_len, const int *fds, unsigned int nb_fds)
{
	int ret;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return get_info(fn, data, len, out_len);
	case VFIO_DEVICE_GET_REGION_INFO:
		return get_region_info(fn, data, len, out_len);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return get_irq_info(fn, data, len, out_len);
	case VFIO_DEVICE_SET_IRQS:
		return host_irq_set(fn, data, len, fds, nb_fds);
	case VFIO_DEVICE_RESET:
		ret = host_pci_reset(host, fn);
		return ret == -ENOTTY ? -EINVAL : ret;
	default:
		return -ENOTTY;
	}
}

/* ---------------------------------------------------------------- regions */

/* Width of one aligned access of a processor. hidden: it lies in the MSI-X table. */
static size_t
access_width(const struct host_fn *fn, unsigned int region, uint64_t offset, size_t len,
		bool *hidden)
{
	size_t width = len >= 8 && (offset & 7) == 0  ? 8 :
			len >= 4 && (offset & 3) == 0 ? 4 :
			len >= 2 && (offset & 1) == 0 ? 2 :
							1;
	const uint64_t vectors = fn->irqs[VFIO_PCI_MSIX_IRQ_INDEX].count;

	/* The MSI-X table belongs to the kernel: reads return ones, writes have no effect. */
	*hidden = fn->msix_cap != 0 && region == fn->msix_bar && offset >= fn->msix_table &&
			offset - fn->msix_table < vectors * PCI_MSIX_ENTRY_LEN;
	return width;
}

/*
 * The region of an offset of a device descriptor, or -errno. *len is cut at the end of the region.
 */
static int
find_region(const struct host_fn *fn, uint64_t *offset, size_t *len)
{
	const uint64_t region = *offset >> REGION_SHIFT;

	if (region >= HOST_NB_REGIONS || fn->regions[region].size == 0)
		return -EINVAL;
	*offset &= REGION_MASK;
	if (*offset >= fn->regions[region].size)
		return region == VFIO_PCI_CONFIG_REGION_INDEX ? -EFAULT : -EINVAL;
	if (*len > fn->regions[region].size - *offset)
		*len = fn->regions[region].size - *offset;
	return region;
}

int
host_device_read(struct host_fn *fn, uint64_t offset, void *data, size_t len)
{
	const int region = find_region(fn, &offset, &len);
	uint8_t *out = data;

	if (region < 0)
		return region;
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return host_config_view_read(fn, offset, data, len);
	for (size_t done = 0, width; done < len; done += width) {
		bool hidden;
		int ret;

		width = access_width(fn, region, offset + done, len - done, &hidden);
		memset(out + done, 0xff, width);
		ret = hidden ? 0 : host_fn_read(fn, region, offset + done, out + done, width);
		if (ret != 0)
			return done != 0 ? (int)done : ret;
	}
	return len;
}

int
host_device_write(struct host *host, struct host_fn *fn, uint64_t offset, const void *data,
		size_t len)
{
	const int region = find_region(fn, &offset, &len);
	const uint8_t *in = data;

	if (region < 0)
		return region;
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return host_config_view_write(host, fn, offset, data, len);
	for (size_t done = 0, width; done < len; done += width) {
		bool hidden;
		int ret;

		width = access_width(fn, region, offset + done, len - done, &hidden);
		ret = hidden ? 0 : host_fn_write(fn, region, offset + done, in + done, width);
		if (ret != 0)
			return done != 0 ? (int)done : ret;
	}
	return len;
}
