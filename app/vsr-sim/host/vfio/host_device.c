/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * What a program asks of an open device: what it is made of, interrupts, reset, and reads and
 * writes of its regions. As Linux' vfio_pci_core.c, vfio_pci_intrs.c and vfio_pci_rdwr.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../host_priv.h"

#define REGION_SHIFT 40
#define REGION_MASK ((UINT64_C(1) << REGION_SHIFT) - 1)
/* Where the system has messages of vectors sent: any address in the x86 window will do. */
#define MSI_ADDRESS 0xfee00000u

/* ---------------------------------------------------------------- what it is made of */

static int
get_info(const struct host_dev *dev, void *data, size_t len, size_t *out_len)
{
	const size_t min = offsetof(struct vfio_device_info, num_irqs) + sizeof(uint32_t);
	struct vfio_device_info info;

	if (len < min)
		return -EINVAL;
	memcpy(&info, data, min);
	if (info.argsz < min)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | (dev->flags & VFIO_DEVICE_FLAGS_RESET);
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	memcpy(data, &info, min);
	*out_len = min;
	return 0;
}

/* Room for the sparse mmap capability of a region behind its info; 0: it needs none. */
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
get_region_info(const struct host_dev *dev, void *data, size_t len, size_t *out_len)
{
	struct vfio_region_info info;
	const struct vuser_region *region;
	size_t caps;

	if (len < sizeof(info))
		return -EINVAL;
	memcpy(&info, data, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= VFIO_PCI_VGA_REGION_INDEX)
		return -EINVAL;
	region = &dev->regions[info.index];
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

static uint32_t
irq_count(const struct host_dev *dev, uint32_t index)
{
	if (index == VFIO_PCI_INTX_IRQ_INDEX && dev->pf != NULL)
		return 0; /* PCIe 9.3.4.1.18: a VF has no pin. */
	if (index == VFIO_PCI_ERR_IRQ_INDEX)
		return dev->express_cap != 0;
	if (index == VFIO_PCI_REQ_IRQ_INDEX)
		return 1;
	return dev->irqs[index].count;
}

static int
get_irq_info(const struct host_dev *dev, void *data, size_t len, size_t *out_len)
{
	struct vfio_irq_info info;

	if (len < sizeof(info))
		return -EINVAL;
	memcpy(&info, data, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	if (info.index == VFIO_PCI_ERR_IRQ_INDEX && dev->express_cap == 0)
		return -EINVAL;
	info.count = irq_count(dev, info.index);
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	if (info.index == VFIO_PCI_INTX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	else
		info.flags |= VFIO_IRQ_INFO_NORESIZE;
	memcpy(data, &info, sizeof(info));
	*out_len = sizeof(info);
	return 0;
}

/* ---------------------------------------------------------------- interrupts */

void
host_device_msix_program(struct host_dev *dev)
{
	uint16_t control;

	if (dev->msix_cap == 0)
		return;
	control = host_cfg_read(dev, dev->msix_cap + PCI_MSIX_CTRL, 2);
	control &= ~(PCI_MSIX_CTRL_ENABLE | PCI_MSIX_CTRL_FUNCTION_MASK);
	for (uint32_t v = 0; v < dev->nb_vectors; v++) {
		const uint8_t entry[PCI_MSIX_ENTRY_LEN] = { MSI_ADDRESS & 0xff,
			(MSI_ADDRESS >> 8) & 0xff, (MSI_ADDRESS >> 16) & 0xff, MSI_ADDRESS >> 24, 0,
			0, 0, 0, v & 0xff, v >> 8, 0, 0, 0, 0, 0, 0 };

		/* A word each, as a processor would; the mask last. */
		for (unsigned int w = 0; w < PCI_MSIX_ENTRY_LEN; w += 4)
			host_fn_write(dev, dev->msix_bar,
					dev->msix_table + v * PCI_MSIX_ENTRY_LEN + w, entry + w, 4);
	}
	if (dev->nb_vectors != 0)
		control |= PCI_MSIX_CTRL_ENABLE;
	host_cfg_write(dev, dev->msix_cap + PCI_MSIX_CTRL, 2, control);
}

static void
msix_off(struct host_dev *dev)
{
	if (dev->nb_vectors == 0)
		return;
	host_fn_irq_set_fds(dev, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, NULL);
	dev->nb_vectors = 0;
	host_device_msix_program(dev);
}

void
host_device_irqs_off(struct host_dev *dev)
{
	msix_off(dev);
	for (uint32_t i = 0; i < VFIO_PCI_ERR_IRQ_INDEX; i++)
		if (dev->irqs[i].count != 0 && i != VFIO_PCI_MSIX_IRQ_INDEX)
			host_fn_irq_set_fds(dev, i, 0, 0, NULL);
	if (dev->req_fd >= 0)
		close(dev->req_fd);
	if (dev->err_fd >= 0)
		close(dev->err_fd);
	dev->req_fd = dev->err_fd = -1;
}

int
host_signal(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	const uint64_t one = 1;

	/* A counter that is full and blocks is signalled already. */
	if (poll(&ready, 1, 0) != 1)
		return 0;
	return write(fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

/* Anything else could block whoever signals it. */
static bool
is_eventfd(int fd)
{
	static const char want[] = "anon_inode:[eventfd]";
	char path[32], target[sizeof(want)];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target)) == sizeof(want) - 1 &&
			memcmp(target, want, sizeof(want) - 1) == 0;
}

/* REQ and ERR are the system's own: it keeps the one event descriptor. */
static int
set_system_irq(int *kept, const struct vfio_irq_set *set, const int *fds)
{
	int fd = -1;

	if (set->start != 0 || set->count > 1)
		return -EINVAL;
	if ((set->flags & VFIO_IRQ_SET_DATA_EVENTFD) != 0) {
		if (set->count != 1)
			return -EINVAL;
		if (fds[0] >= 0) {
			fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
			if (fd < 0)
				return -errno;
		}
	} else if ((set->flags & VFIO_IRQ_SET_DATA_NONE) == 0 || *kept < 0) {
		return -EINVAL;
	} else if (set->count == 1) {
		return host_signal(*kept); /* A trigger for tests. */
	}
	if (*kept >= 0)
		close(*kept);
	*kept = fd;
	return 0;
}

static int
set_vectors(struct host_dev *dev, const struct vfio_irq_set *set, const int *fds)
{
	int ret = host_fn_irq_set_fds(dev, set->index, set->start, set->count, fds);

	if (ret != 0)
		return ret;
	if (set->index == VFIO_PCI_MSIX_IRQ_INDEX && set->start + set->count > dev->nb_vectors) {
		dev->nb_vectors = set->start + set->count;
		host_device_msix_program(dev);
	}
	return 0;
}

static int
trigger_vectors(struct host_dev *dev, const struct vfio_irq_set *set, const uint8_t *flags)
{
	int ret = 0;

	for (uint32_t i = 0; i < set->count && ret == 0; i++)
		if (flags == NULL || flags[i] != 0)
			ret = host_fn_irq_trigger(dev, set->index, set->start + i);
	return ret;
}

/* data: the header, then flags, or for event descriptors their numbers in fds (-1: none). */
static int
set_irqs(struct host_dev *dev, const uint8_t *data, size_t len, const int *fds, unsigned int nb_fds)
{
	const uint32_t kind_mask = VFIO_IRQ_SET_DATA_TYPE_MASK;
	int picked[VUSER_MAX_VECTORS];
	struct vfio_irq_set set;
	uint32_t max, kind;
	size_t each;

	if (len < sizeof(set))
		return -EINVAL;
	memcpy(&set, data, sizeof(set));
	data += sizeof(set);
	len -= sizeof(set);
	/* vfio_set_irqs_validate_and_prepare() */
	if (set.argsz < sizeof(set) || set.index >= VFIO_PCI_NUM_IRQS ||
			(set.flags & ~(kind_mask | VFIO_IRQ_SET_ACTION_TYPE_MASK)) != 0)
		return -EINVAL;
	max = irq_count(dev, set.index);
	if (set.start >= max || set.count > max - set.start || set.count > VUSER_MAX_VECTORS)
		return -EINVAL;
	kind = set.flags & kind_mask;
	each = kind == VFIO_IRQ_SET_DATA_EVENTFD ? sizeof(int32_t) : kind == VFIO_IRQ_SET_DATA_BOOL;
	if ((kind & (kind - 1)) != 0 || kind == 0 || len < each * set.count ||
			(each != 0 && set.count == 0))
		return -EINVAL;
	for (uint32_t i = 0; kind == VFIO_IRQ_SET_DATA_EVENTFD && i < set.count; i++) {
		int32_t number;

		memcpy(&number, data + i * sizeof(number), sizeof(number));
		if (number < -1 || (number >= 0 && (unsigned int)number >= nb_fds))
			return -EINVAL;
		picked[i] = number < 0 ? -1 : fds[number];
		if (picked[i] >= 0 && !is_eventfd(picked[i]))
			return -EINVAL;
	}
	if ((set.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTTY; /* Masking: MSI-X and the system's own cannot, in Linux neither. */
	if (set.index == VFIO_PCI_REQ_IRQ_INDEX)
		return set_system_irq(&dev->req_fd, &set, picked);
	if (set.index == VFIO_PCI_ERR_IRQ_INDEX)
		return set_system_irq(&dev->err_fd, &set, picked);
	if (kind == VFIO_IRQ_SET_DATA_EVENTFD)
		return set_vectors(dev, &set, picked);
	if (set.count == 0) {
		if (set.index == VFIO_PCI_MSIX_IRQ_INDEX)
			msix_off(dev);
		else
			host_fn_irq_set_fds(dev, set.index, 0, 0, NULL);
		return 0;
	}
	return trigger_vectors(dev, &set, kind == VFIO_IRQ_SET_DATA_BOOL ? data : NULL);
}

int
host_device_ioctl(struct host *host, struct host_dev *dev, unsigned long cmd, void *data,
		size_t len, size_t *out_len, const int *fds, unsigned int nb_fds)
{
	int ret;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return get_info(dev, data, len, out_len);
	case VFIO_DEVICE_GET_REGION_INFO:
		return get_region_info(dev, data, len, out_len);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return get_irq_info(dev, data, len, out_len);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(dev, data, len, fds, nb_fds);
	case VFIO_DEVICE_RESET:
		ret = host_pci_reset(host, dev);
		return ret == -ENOTTY ? -EINVAL : ret;
	default:
		return -ENOTTY;
	}
}

/* ---------------------------------------------------------------- regions */

/* Bytes of one access of a processor: aligned, and on one side of the MSI-X table. */
static size_t
access_width(const struct host_dev *dev, unsigned int region, uint64_t offset, size_t len,
		bool *hidden)
{
	size_t width = len >= 8 && (offset & 7) == 0  ? 8 :
			len >= 4 && (offset & 3) == 0 ? 4 :
			len >= 2 && (offset & 1) == 0 ? 2 :
							1;
	const uint64_t vectors = dev->irqs[VFIO_PCI_MSIX_IRQ_INDEX].count;

	/* The table is the system's: reads give ones, writes are dropped. */
	*hidden = dev->msix_cap != 0 && region == dev->msix_bar && offset >= dev->msix_table &&
			offset - dev->msix_table < vectors * PCI_MSIX_ENTRY_LEN;
	return width;
}

/* @return the region of an offset of the descriptor, with *len cut at its end; or -errno. */
static int
find_region(const struct host_dev *dev, uint64_t *offset, size_t *len)
{
	const uint64_t region = *offset >> REGION_SHIFT;

	if (region >= HOST_NB_REGIONS || dev->regions[region].size == 0)
		return -EINVAL;
	*offset &= REGION_MASK;
	if (*offset >= dev->regions[region].size)
		return region == VFIO_PCI_CONFIG_REGION_INDEX ? -EFAULT : -EINVAL;
	if (*len > dev->regions[region].size - *offset)
		*len = dev->regions[region].size - *offset;
	return region;
}

int
host_device_read(struct host_dev *dev, uint64_t offset, void *data, size_t len)
{
	const int region = find_region(dev, &offset, &len);
	uint8_t *out = data;

	if (region < 0)
		return region;
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return host_config_view_read(dev, offset, data, len);
	for (size_t done = 0, width; done < len; done += width) {
		bool hidden;
		int ret;

		width = access_width(dev, region, offset + done, len - done, &hidden);
		memset(out + done, 0xff, width);
		ret = hidden ? 0 : host_fn_read(dev, region, offset + done, out + done, width);
		if (ret != 0)
			return done != 0 ? (int)done : ret;
	}
	return len;
}

int
host_device_write(struct host *host, struct host_dev *dev, uint64_t offset, const void *data,
		size_t len)
{
	const int region = find_region(dev, &offset, &len);
	const uint8_t *in = data;

	if (region < 0)
		return region;
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return host_config_view_write(host, dev, offset, data, len);
	for (size_t done = 0, width; done < len; done += width) {
		bool hidden;
		int ret;

		width = access_width(dev, region, offset + done, len - done, &hidden);
		ret = hidden ? 0 : host_fn_write(dev, region, offset + done, in + done, width);
		if (ret != 0)
			return done != 0 ? (int)done : ret;
	}
	return len;
}
