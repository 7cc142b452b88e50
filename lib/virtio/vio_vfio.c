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
#include <sys/mman.h>
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

static volatile void *
vfio_doorbell(struct vio_transport *t, uint32_t offset)
{
	const struct vio_vfio *vfio = (struct vio_vfio *)t;
	const uint64_t at = vfio->layout.place[VIO_NOTIFY].offset + (uint64_t)offset;

	if (vfio->doorbells == NULL || at < vfio->doorbells_at ||
			at + sizeof(uint32_t) - vfio->doorbells_at > vfio->doorbells_len)
		return NULL;
	return vfio->doorbells + (at - vfio->doorbells_at);
}

static const struct vio_transport_ops vfio_ops = {
	.read = vfio_read,
	.write = vfio_write,
	.doorbell = vfio_doorbell,
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

static int
dma_unmap(struct vio_vfio *vfio, uint64_t iova, uint64_t len, uint32_t flags)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.iova = iova,
		.size = len,
	};

	if (ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &unmap) != 0)
		return fail_errno("cannot unmap memory for", "DMA");
	return 0;
}

int
vio_vfio_dma_unmap(struct vio_vfio *vfio, uint64_t iova, uint64_t len)
{
	return dma_unmap(vfio, iova, len, 0);
}

int
vio_vfio_dma_unmap_all(struct vio_vfio *vfio)
{
	return dma_unmap(vfio, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL);
}

int
vio_vfio_bus_master(struct vio_vfio *vfio)
{
	return command_set(vfio, PCI_COMMAND_BUS_MASTER);
}

/* ------------------------------------------------------------------ capabilities of an answer */

/* The kernel appends capabilities to an answer that has room for them. at is the offset of the
 * first one, which the kernel wrote; the list ends at offset 0. */
static const struct vfio_info_cap_header *
cap_find(const void *answer, size_t len, uint32_t at, uint16_t id)
{
	for (int i = 0; i < 64 && at != 0; i++) {
		const struct vfio_info_cap_header *cap;

		if (at % 4 != 0 || at + sizeof(*cap) > len)
			return NULL;
		cap = (const void *)((const uint8_t *)answer + at);
		if (cap->id == id)
			return cap;
		at = cap->next;
	}
	return NULL;
}

/* Bytes of the answer from a capability on. */
static size_t
cap_room(const void *answer, size_t len, const void *cap)
{
	return len - (size_t)((const uint8_t *)cap - (const uint8_t *)answer);
}

/* Ask twice: the first answer says how much room the second one takes. */
static void *
ask(int fd, unsigned long request, const void *question, uint32_t min, size_t *len)
{
	void *answer = NULL;
	uint32_t argsz = min;

	for (int i = 0; i < 3; i++) {
		free(answer);
		answer = calloc(1, argsz);
		if (answer == NULL)
			return NULL;
		*len = argsz;
		memcpy(answer, question, min);
		memcpy(answer, &argsz, sizeof(argsz));
		if (ioctl(fd, request, answer) != 0)
			break;
		memcpy(&argsz, answer, sizeof(argsz));
		if (argsz <= *len)
			return answer;
	}
	free(answer);
	return NULL;
}

int
vio_vfio_iova_ranges(struct vio_vfio *vfio, struct vio_iova_range *ranges, unsigned int max)
{
	const struct vfio_iommu_type1_info question = { .flags = 0 };
	const struct vfio_iommu_type1_info_cap_iova_range *cap = NULL;
	const struct vfio_iommu_type1_info *answer;
	unsigned int nb = 0;
	size_t len;

	if (max == 0)
		return vio_fail(-EINVAL, "there is no room for a range");
	answer = ask(vfio->container, VFIO_IOMMU_GET_INFO, &question, sizeof(question), &len);
	if (answer == NULL)
		return fail_errno("cannot ask for", "the addresses of the IOMMU");
	if ((answer->flags & VFIO_IOMMU_INFO_CAPS) != 0)
		cap = (const void *)cap_find(answer, len, answer->cap_offset,
				VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	for (uint32_t i = 0; cap != NULL && i < cap->nr_iovas && nb < max; i++) {
		if (sizeof(*cap) + (i + 1) * sizeof(cap->iova_ranges[0]) >
				cap_room(answer, len, cap))
			break;
		ranges[nb].first = cap->iova_ranges[i].start;
		ranges[nb++].last = cap->iova_ranges[i].end;
	}
	if (nb == 0)
		ranges[nb++] = (struct vio_iova_range){ 0, UINT64_MAX };
	free((void *)(uintptr_t)answer);
	return (int)nb;
}

/* ------------------------------------------------------------------ doorbells */

/* The part of region VIO_NOTIFY that VFIO maps, in whole pages: the pages that have its first
 * byte. */
static int
doorbells_find(struct vio_vfio *vfio, uint64_t *at, uint64_t *len)
{
	const struct vio_pci_place *place = &vfio->layout.place[VIO_NOTIFY];
	const struct vfio_region_info question = { .index = place->bar };
	const struct vfio_region_info_cap_sparse_mmap *cap = NULL;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t first = place->offset & ~(page - 1);
	uint64_t end = (place->offset + (uint64_t)place->len + page - 1) & ~(page - 1);
	const struct vfio_region_info *answer;
	size_t answer_len;
	int ret = -ENOTSUP;

	answer = ask(vfio->device, VFIO_DEVICE_GET_REGION_INFO, &question, sizeof(question),
			&answer_len);
	if (answer == NULL)
		return -errno;
	end = end < answer->size ? end : answer->size;
	if ((answer->flags & VFIO_REGION_INFO_FLAG_MMAP) != 0)
		ret = 0;
	if ((answer->flags & VFIO_REGION_INFO_FLAG_CAPS) != 0)
		cap = (const void *)cap_find(answer, answer_len, answer->cap_offset,
				VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	if (ret == 0 && cap != NULL) {
		ret = -ENOTSUP;
		for (uint32_t i = 0; i < cap->nr_areas; i++) {
			const struct vfio_region_sparse_mmap_area *area = &cap->areas[i];

			if (sizeof(*cap) + (i + 1) * sizeof(*area) >
					cap_room(answer, answer_len, cap))
				break;
			if (area->offset > first || area->offset + area->size <= first)
				continue;
			end = end < area->offset + area->size ? end : area->offset + area->size;
			ret = 0;
			break;
		}
	}
	free((void *)(uintptr_t)answer);
	*at = first;
	*len = end > first ? (end - first) & ~(page - 1) : 0;
	return *len == 0 ? -ENOTSUP : ret;
}

int
vio_vfio_doorbells_map(struct vio_vfio *vfio)
{
	const struct vio_pci_place *place = &vfio->layout.place[VIO_NOTIFY];
	uint64_t at = 0, len = 0;
	void *addr;
	int ret;

	if (vfio->doorbells != NULL)
		return 0;
	ret = doorbells_find(vfio, &at, &len);
	if (ret != 0)
		return vio_fail(ret, "the doorbells cannot be mapped: %s", strerror(-ret));
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, vfio->device,
			(off_t)(vfio->region_offset[place->bar] + at));
	if (addr == MAP_FAILED)
		return fail_errno("cannot map", "the doorbells");
	vfio->doorbells = addr;
	vfio->doorbells_at = at;
	vfio->doorbells_len = len;
	return 0;
}

int
vio_vfio_doorbell_page(const struct vio_vfio *vfio, uint32_t offset, uint64_t *at)
{
	const struct vio_pci_place *place = &vfio->layout.place[VIO_NOTIFY];
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t bar_at = place->offset + (uint64_t)offset;

	if (vfio->doorbells == NULL || bar_at % page != 0 || bar_at < vfio->doorbells_at ||
			bar_at + page - vfio->doorbells_at > vfio->doorbells_len ||
			offset + page > place->len)
		return -ENOTSUP;
	for (unsigned int i = 0; i < VIO_NB_REGIONS; i++) {
		const struct vio_pci_place *other = &vfio->layout.place[i];

		if (i != VIO_NOTIFY && other->len != 0 && other->bar == place->bar &&
				other->offset < bar_at + page &&
				bar_at < other->offset + (uint64_t)other->len)
			return -ENOTSUP;
	}
	*at = vfio->region_offset[place->bar] + bar_at;
	return 0;
}

/* ------------------------------------------------------------------ interrupts */

static int
irqs_set(struct vio_vfio *vfio, uint32_t index, uint32_t first, const int *fds, uint32_t nb)
{
	const size_t len = sizeof(struct vfio_irq_set) + nb * sizeof(int32_t);
	struct vfio_irq_set *set = calloc(1, len);
	int ret;

	if (set == NULL)
		return -ENOMEM;
	set->argsz = (uint32_t)len;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = index;
	set->start = first;
	set->count = nb;
	memcpy(set->data, fds, nb * sizeof(int32_t));
	ret = ioctl(vfio->device, VFIO_DEVICE_SET_IRQS, set) == 0 ? 0 : -errno;
	free(set);
	return ret;
}

int
vio_vfio_vectors_set(struct vio_vfio *vfio, uint16_t first, const int *fds, uint16_t nb)
{
	const int ret = irqs_set(vfio, VFIO_PCI_MSIX_IRQ_INDEX, first, fds, nb);

	return ret == 0 ? 0 : vio_fail(ret, "cannot connect interrupts: %s", strerror(-ret));
}

int
vio_vfio_vectors_off(struct vio_vfio *vfio)
{
	const struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
	};

	return ioctl(vfio->device, VFIO_DEVICE_SET_IRQS, &set) == 0 ? 0 : -errno;
}

int
vio_vfio_on_request(struct vio_vfio *vfio, int event)
{
	return irqs_set(vfio, VFIO_PCI_REQ_IRQ_INDEX, 0, &event, 1);
}

void
vio_vfio_close(struct vio_vfio *vfio)
{
	if (vfio->doorbells != NULL)
		munmap(vfio->doorbells, vfio->doorbells_len);
	vfio->doorbells = NULL;
	if (vfio->device >= 0)
		close(vfio->device);
	if (vfio->group >= 0)
		close(vfio->group);
	if (vfio->container >= 0)
		close(vfio->container);
	vfio->container = vfio->group = vfio->device = -1;
}
