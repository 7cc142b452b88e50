/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Open a virtio PCI function through VFIO, without EAL. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include <rte_byteorder.h>

#include "virtio_spec/pci.h"
#include "vio_err.h"
#include "vio_vfio.h"

/* Set the error text from errno. @return -errno. */
static int
fail_errno(const char *what, const char *of)
{
	const int ret = -errno;

	return vio_fail(ret, "%s %s: %s", what, of, strerror(-ret));
}

static int
group_find(const char *sysfs_root, const char *bdf, char *group, size_t group_len)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *name;
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s/%s/iommu_group", sysfs_root, bdf) >=
			(int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return fail_errno("cannot open", bdf);
	}
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return fail_errno("no IOMMU group at", path);
	target[n] = '\0';
	name = strrchr(target, '/');
	name = name == NULL ? target : name + 1;
	snprintf(group, group_len, "/dev/vfio/%.32s", name);
	return 0;
}

static int
group_open(struct vio_vfio *vfio, const char *path)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	vfio->group = open(path, O_RDWR | O_CLOEXEC);
	if (vfio->group < 0) {
		if (errno == EBUSY)
			return vio_fail(-EBUSY, "%s is in use by another process", path);
		if (errno == ENOENT)
			return vio_fail(-ENOENT, "there is no %s: bind the device to vfio-pci",
					path);
		return fail_errno("cannot open", path);
	}
	if (ioctl(vfio->group, VFIO_GROUP_GET_STATUS, &status) != 0)
		return fail_errno("no VFIO group behind", path);
	if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0)
		return vio_fail(-EBUSY, "%s is not viable: bind all its devices to vfio-pci", path);
	return 0;
}

static int
container_open(struct vio_vfio *vfio)
{
	static const char path[] = "/dev/vfio/vfio";
	unsigned long iommu = VFIO_TYPE1v2_IOMMU;

	vfio->container = open(path, O_RDWR | O_CLOEXEC);
	if (vfio->container < 0)
		return fail_errno("cannot open", path);
	if (ioctl(vfio->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
		return vio_fail(-EPROTO, "%s has an unknown version of VFIO", path);
	if (ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container) != 0)
		return fail_errno("cannot use the IOMMU group with", path);
	if (ioctl(vfio->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
		iommu = ioctl(vfio->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU) == 1 ?
				VFIO_TYPE1_IOMMU :
				VFIO_NOIOMMU_IOMMU;
	if (ioctl(vfio->container, VFIO_SET_IOMMU, iommu) != 0)
		return fail_errno("no usable IOMMU behind", path);
	return 0;
}

static int
device_open(struct vio_vfio *vfio, const char *bdf, const char *vf_token)
{
	char name[128];

	if (vf_token != NULL)
		snprintf(name, sizeof(name), "%s vf_token=%s", bdf, vf_token);
	else
		snprintf(name, sizeof(name), "%s", bdf);
	vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, name);
	if (vfio->device >= 0)
		return 0;
	if (errno == EACCES)
		return vio_fail(-EACCES, "%s cannot be opened %s", bdf,
				vf_token == NULL ? "without its VF token" : "with this VF token");
	if (errno == ENODEV)
		return vio_fail(-ENOENT, "%s is not bound to vfio-pci", bdf);
	return fail_errno("cannot open", bdf);
}

static int
regions_find(struct vio_vfio *vfio, uint64_t bar_len[VIO_PCI_BARS])
{
	struct vfio_region_info info;

	for (unsigned int i = 0; i < VIO_PCI_BARS; i++) {
		info = (struct vfio_region_info){ .argsz = sizeof(info), .index = i };
		bar_len[i] = 0;
		if (ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, &info) != 0)
			return fail_errno("cannot ask for", "a BAR");
		if ((info.flags & VFIO_REGION_INFO_FLAG_READ) == 0)
			continue;
		bar_len[i] = info.size;
		vfio->region_offset[i] = info.offset;
	}
	info = (struct vfio_region_info){ .argsz = sizeof(info),
		.index = VFIO_PCI_CONFIG_REGION_INDEX };
	if (ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, &info) != 0)
		return fail_errno("cannot ask for", "configuration space");
	vfio->config_offset = info.offset;
	vfio->config_len = info.size;
	return 0;
}

int
vio_vfio_config_read(void *arg, uint32_t offset, void *data, size_t len)
{
	const struct vio_vfio *vfio = arg;
	ssize_t n;

	if (offset + len > vfio->config_len)
		return -EINVAL;
	n = pread64(vfio->device, data, len, (off64_t)(vfio->config_offset + offset));
	if (n < 0)
		return -errno;
	return n == (ssize_t)len ? 0 : -EIO;
}

/* Without PCI_COMMAND_MEM_SPACE vfio-pci answers EIO to every access to a BAR. */
static int
command_set(struct vio_vfio *vfio, uint16_t bits)
{
	const off64_t at = (off64_t)(vfio->config_offset + PCI_CFG_COMMAND);
	virtio_le16 command;
	int ret;

	ret = vio_vfio_config_read(vfio, PCI_CFG_COMMAND, &command, sizeof(command));
	if (ret != 0)
		return vio_fail(ret, "cannot read the PCI command register: %s", strerror(-ret));
	command |= rte_cpu_to_le_16(bits);
	if (pwrite64(vfio->device, &command, sizeof(command), at) != sizeof(command))
		return fail_errno("cannot write", "the PCI command register");
	return 0;
}

/* Offset of a register in the device descriptor. */
static off64_t
position(const struct vio_vfio *vfio, enum vio_region region, uint32_t offset)
{
	const struct vio_pci_place *place = &vfio->layout.place[region];

	return (off64_t)(vfio->region_offset[place->bar] + place->offset + offset);
}

/* If the read fails, return all ones, as for a device that is gone. */
static uint32_t
vfio_read(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width)
{
	const struct vio_vfio *vfio = (struct vio_vfio *)t;
	virtio_le32 value = 0;

	if (pread64(vfio->device, &value, width, position(vfio, region, offset)) != (ssize_t)width)
		return UINT32_MAX >> (32 - 8 * width);
	return rte_le_to_cpu_32(value);
}

static void
vfio_write(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width,
		uint32_t value)
{
	const struct vio_vfio *vfio = (struct vio_vfio *)t;
	const virtio_le32 raw = rte_cpu_to_le_32(value);
	ssize_t n;

	/* The driver notices a failed write when it reads the register back. */
	n = pwrite64(vfio->device, &raw, width, position(vfio, region, offset));
	(void)n;
}

static const struct vio_transport_ops vfio_ops = {
	.read = vfio_read,
	.write = vfio_write,
};

/* The descriptors are open: find the registers. */
static int
device_setup(struct vio_vfio *vfio)
{
	uint64_t bar_len[VIO_PCI_BARS];
	int ret;

	ret = regions_find(vfio, bar_len);
	if (ret == 0)
		ret = command_set(vfio, PCI_COMMAND_MEM_SPACE);
	if (ret == 0)
		ret = vio_pci_layout_read(vio_vfio_config_read, vfio, bar_len, &vfio->layout);
	if (ret != 0) {
		vio_vfio_close(vfio);
		return ret;
	}
	vfio->t.ops = &vfio_ops;
	vfio->t.notify_multiplier = vfio->layout.notify_multiplier;
	vfio->t.nb_vectors = vfio->layout.nb_vectors;
	vfio->t.sriov = vfio->layout.sriov;
	for (int i = 0; i < VIO_NB_REGIONS; i++)
		vfio->t.len[i] = vfio->layout.place[i].len;
	return 0;
}

int
vio_vfio_open(struct vio_vfio *vfio, const char *sysfs_root, const char *bdf, const char *vf_token)
{
	char group[64];
	int ret;

	memset(vfio, 0, sizeof(*vfio));
	vfio->container = vfio->group = vfio->device = -1;
	ret = group_find(sysfs_root, bdf, group, sizeof(group));
	if (ret == 0)
		ret = group_open(vfio, group);
	if (ret == 0)
		ret = container_open(vfio);
	if (ret == 0)
		ret = device_open(vfio, bdf, vf_token);
	if (ret != 0) {
		vio_vfio_close(vfio);
		return ret;
	}
	return device_setup(vfio);
}

int
vio_vfio_adopt(struct vio_vfio *vfio, int container, int group, int device)
{
	memset(vfio, 0, sizeof(*vfio));
	vfio->container = container;
	vfio->group = group;
	vfio->device = device;
	return device_setup(vfio);
}

int
vio_vfio_token_set(struct vio_vfio *vfio, const char *bdf, const char *vf_token)
{
	const int device = vfio->device;
	int ret = device_open(vfio, bdf, vf_token);

	/* Closing the new descriptor resets nothing: the function stays open by the old one. */
	if (ret == 0)
		close(vfio->device);
	vfio->device = device;
	return ret;
}

int
vio_vfio_dma_map(struct vio_vfio *vfio, void *addr, uint64_t len, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)addr,
		.iova = iova,
		.size = len,
	};

	if (ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &map) != 0)
		return fail_errno("cannot map memory for", "DMA");
	return 0;
}

int
vio_vfio_dma_unmap_all(struct vio_vfio *vfio)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = VFIO_DMA_UNMAP_FLAG_ALL,
	};

	if (ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &unmap) != 0)
		return fail_errno("cannot unmap memory for", "DMA");
	return 0;
}

int
vio_vfio_bus_master(struct vio_vfio *vfio)
{
	return command_set(vfio, PCI_COMMAND_BUS_MASTER);
}

int
vio_vfio_on_request(struct vio_vfio *vfio, int event)
{
	char room[sizeof(struct vfio_irq_set) + sizeof(int32_t)] = { 0 };
	struct vfio_irq_set *set = (struct vfio_irq_set *)room;

	set->argsz = sizeof(room);
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_REQ_IRQ_INDEX;
	set->count = 1;
	memcpy(set->data, &event, sizeof(int32_t));
	return ioctl(vfio->device, VFIO_DEVICE_SET_IRQS, set) == 0 ? 0 : -errno;
}

void
vio_vfio_close(struct vio_vfio *vfio)
{
	if (vfio->device >= 0)
		close(vfio->device);
	if (vfio->group >= 0)
		close(vfio->group);
	if (vfio->container >= 0)
		close(vfio->container);
	vfio->container = vfio->group = vfio->device = -1;
}
