/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef TOY_FN_H
#define TOY_FN_H

/**
 * @file
 * A PCI function for tests of the simulated host: configuration space with MSI-X, vendor, PCI
 * Express and (in a PF) SR-IOV capabilities; BAR4 with a register page and mappable pages behind
 * it; and a memory of what was done to it. It knows no virtio.
 */

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vfio_user/vuser.h"
#include "virtio_spec/pci.h"

#define TOY_BAR 4
#define TOY_BAR_SIZE 0x4000u
#define TOY_VECTORS 8
#define TOY_MAX_VFS 8
#define TOY_MAX_MAPS 512
#define TOY_CAP_MSIX 0x40
#define TOY_CAP_VENDOR 0x60
#define TOY_CAP_EXPRESS 0x80
#define TOY_CAP_SRIOV 0x100
/* Registers with side effects, in the register page. */
#define TOY_REG_COUNT 0x900 /**< 32 bits; each read gives the next number. */
#define TOY_REG_PLAIN 0x980 /**< From here to the page's end: keeps what is written. */

struct toy_map {
	uint64_t iova, size;
	void *ptr;
	ino_t ino;
};

struct toy_fn {
	bool is_vf;
	uint8_t config[PCI_CFG_EXT_SIZE];
	uint8_t regs[4096];
	int mem_fd;
	struct toy_map maps[TOY_MAX_MAPS];
	unsigned int nb_maps;
	unsigned int resets, released, reads, writes;
	int irq_fds[TOY_VECTORS];
	uint16_t num_vfs; /**< That VF Enable made exist. */
	struct toy_fn *vfs; /**< Of a PF: all state of theirs is lost with VF Enable. */
	int fail_dma; /**< Answer of the next dma_map, or 0. */
	struct vuser_server *server;
};

static inline uint32_t
toy_get(const uint8_t *at, unsigned int width)
{
	uint32_t value = 0;

	memcpy(&value, at, width);
	return value;
}

static inline void
toy_put(uint8_t *at, unsigned int width, uint32_t value)
{
	memcpy(at, &value, width);
}

static inline void
toy_forget_maps(struct toy_fn *toy)
{
	for (unsigned int i = 0; i < toy->nb_maps; i++)
		munmap(toy->maps[i].ptr, toy->maps[i].size);
	toy->nb_maps = 0;
}

static inline void
toy_set_vfs(struct toy_fn *toy, uint16_t num_vfs)
{
	for (unsigned int i = 0; toy->vfs != NULL && i < TOY_MAX_VFS; i++) {
		if (num_vfs == 0) {
			toy_forget_maps(&toy->vfs[i]);
			memset(toy->vfs[i].regs, 0, sizeof(toy->regs));
			toy_put(toy->vfs[i].config + PCI_CFG_COMMAND, 2, 0);
		}
	}
	toy->num_vfs = num_vfs;
}

/* A function level reset as hardware does it: nothing is kept. */
static inline int
toy_reset(void *dev)
{
	struct toy_fn *toy = dev;

	toy->resets++;
	memset(toy->regs, 0, sizeof(toy->regs));
	for (unsigned int v = 0; v < TOY_VECTORS; v++)
		toy->regs[v * PCI_MSIX_ENTRY_LEN + PCI_MSIX_ENTRY_CTRL] = PCI_MSIX_ENTRY_MASKED;
	toy_put(toy->config + PCI_CFG_COMMAND, 2, 0);
	toy_put(toy->config + TOY_CAP_MSIX + PCI_MSIX_CTRL, 2, TOY_VECTORS - 1);
	if (!toy->is_vf) {
		toy_put(toy->config + PCI_CFG_BAR0 + 16, 4, 0xc);
		toy_put(toy->config + PCI_CFG_BAR0 + 20, 4, 0);
		memset(toy->config + TOY_CAP_SRIOV + 0x08, 0, 2);
		memset(toy->config + TOY_CAP_SRIOV + 0x10, 0, 2);
		memset(toy->config + TOY_CAP_SRIOV + 0x24, 0, 24);
		toy_put(toy->config + TOY_CAP_SRIOV + 0x34, 4, 0xc);
		toy_set_vfs(toy, 0);
	}
	return 0;
}

static inline void
toy_config_byte(struct toy_fn *toy, unsigned int at, uint8_t value)
{
	const unsigned int sriov = TOY_CAP_SRIOV;
	uint8_t *byte = &toy->config[at];

	if (at == PCI_CFG_COMMAND && toy->is_vf)
		*byte = value & PCI_COMMAND_BUS_MASTER;
	else if (at == PCI_CFG_COMMAND || at == PCI_CFG_COMMAND + 1)
		*byte = value & (at == PCI_CFG_COMMAND ? 0x07 : 0x04);
	else if (at == TOY_CAP_MSIX + PCI_MSIX_CTRL + 1)
		*byte = (*byte & 0x3f) | (value & 0xc0);
	else if (at >= TOY_CAP_VENDOR + 4 && at < TOY_CAP_VENDOR + 20)
		*byte = value;
	else if (toy->is_vf)
		return;
	else if (at >= PCI_CFG_BAR0 + 16 && at < PCI_CFG_BAR0 + 24)
		*byte = value;
	else if (at == sriov + 0x08)
		*byte = value;
	else if (at >= sriov + 0x10 && at < sriov + 0x12 && (toy->config[sriov + 8] & 1) == 0)
		*byte = value;
	else if (at >= sriov + 0x34 && at < sriov + 0x3c)
		*byte = value;
}

static inline int
toy_write(void *dev, unsigned int region, uint64_t offset, const void *data, size_t len)
{
	struct toy_fn *toy = dev;
	const bool enabled = (toy->config[TOY_CAP_SRIOV + 8] & 1) != 0;
	uint8_t *bar = toy->config + PCI_CFG_BAR0 + 16;
	uint8_t *vf_bar = toy->config + TOY_CAP_SRIOV + 0x34;

	toy->writes++;
	if (region == TOY_BAR) {
		if (offset + len <= sizeof(toy->regs))
			memcpy(toy->regs + offset, data, len);
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		toy_config_byte(toy, offset + i, ((const uint8_t *)data)[i]);
	if (toy->is_vf)
		return 0;
	/* Address bits below the size of a BAR cannot be written. */
	toy_put(bar, 4, (toy_get(bar, 4) & ~(TOY_BAR_SIZE - 1)) | 0xc);
	toy_put(vf_bar, 4, (toy_get(vf_bar, 4) & ~(TOY_BAR_SIZE - 1)) | 0xc);
	if (((toy->config[TOY_CAP_SRIOV + 8] & 1) != 0) != enabled)
		toy_set_vfs(toy, enabled ? 0 : toy_get(toy->config + TOY_CAP_SRIOV + 0x10, 2));
	return 0;
}

static inline int
toy_read(void *dev, unsigned int region, uint64_t offset, void *data, size_t len)
{
	struct toy_fn *toy = dev;

	toy->reads++;
	if (region != TOY_BAR) {
		memcpy(data, toy->config + offset, len);
		return 0;
	}
	memset(data, 0, len);
	if (offset + len > sizeof(toy->regs))
		return 0;
	memcpy(data, toy->regs + offset, len);
	if (offset == TOY_REG_COUNT)
		toy_put(toy->regs + offset, 4, toy_get(toy->regs + offset, 4) + 1);
	return 0;
}

static inline int
toy_irq_set(void *dev, unsigned int index, uint32_t start, uint32_t count, const int *fds)
{
	struct toy_fn *toy = dev;

	if (index != VFIO_PCI_MSIX_IRQ_INDEX)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		if (toy->irq_fds[start + i] >= 0)
			close(toy->irq_fds[start + i]);
		toy->irq_fds[start + i] = fds[i] >= 0 ? dup(fds[i]) : -1;
	}
	return 0;
}

static inline int
toy_irq_trigger(void *dev, unsigned int index, uint32_t start, uint32_t count)
{
	struct toy_fn *toy = dev;
	const uint64_t one = 1;

	for (uint32_t i = start; i < start + count; i++)
		if (toy->irq_fds[i] >= 0 && write(toy->irq_fds[i], &one, 8) != 8)
			return -errno;
	return 0;
}

static inline int
toy_dma_map(void *dev, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset)
{
	struct toy_fn *toy = dev;
	struct stat st;
	void *ptr;
	int ret = toy->fail_dma;

	toy->fail_dma = 0;
	if (ret != 0)
		return ret;
	for (unsigned int i = 0; i < toy->nb_maps; i++)
		if (iova < toy->maps[i].iova + toy->maps[i].size && toy->maps[i].iova < iova + size)
			return -EEXIST;
	if (toy->nb_maps == TOY_MAX_MAPS)
		return -ENOSPC;
	ptr = mmap(NULL, size, prot, MAP_SHARED, fd, offset);
	if (ptr == MAP_FAILED || fstat(fd, &st) != 0)
		return -errno;
	toy->maps[toy->nb_maps++] = (struct toy_map){ iova, size, ptr, st.st_ino };
	return 0;
}

static inline int
toy_dma_unmap(void *dev, uint64_t iova, uint64_t size)
{
	struct toy_fn *toy = dev;
	unsigned int found = 0;

	for (unsigned int i = 0; i < toy->nb_maps;) {
		const struct toy_map *map = &toy->maps[i];

		if (map->iova < iova || map->iova + map->size > iova + size) {
			i++;
			continue;
		}
		munmap(map->ptr, map->size);
		toy->maps[i] = toy->maps[--toy->nb_maps];
		found++;
	}
	return found != 0 ? 0 : -ENOENT;
}

static inline void
toy_released(void *dev)
{
	struct toy_fn *toy = dev;
	const int none = -1;

	toy->released++;
	toy_forget_maps(toy);
	for (unsigned int v = 0; v < TOY_VECTORS; v++)
		toy_irq_set(toy, VFIO_PCI_MSIX_IRQ_INDEX, v, 1, &none);
	toy_reset(toy);
}

/** What the device sees at a bus address, or NULL. */
static inline uint8_t *
toy_dma(const struct toy_fn *toy, uint64_t iova)
{
	for (unsigned int i = 0; i < toy->nb_maps; i++)
		if (iova >= toy->maps[i].iova && iova - toy->maps[i].iova < toy->maps[i].size)
			return (uint8_t *)toy->maps[i].ptr + (iova - toy->maps[i].iova);
	return NULL;
}

static const struct vuser_device_ops toy_ops = {
	.region_read = toy_read,
	.region_write = toy_write,
	.irq_set_fds = toy_irq_set,
	.irq_trigger = toy_irq_trigger,
	.dma_map = toy_dma_map,
	.dma_unmap = toy_dma_unmap,
	.reset = toy_reset,
	.released = toy_released,
};

/** 0 or -errno. path: as vuser_server_create(). */
static inline int
toy_create(struct toy_fn *toy, bool is_vf, struct toy_fn *vfs, const char *path)
{
	struct vuser_device_info info = { .flags = VFIO_DEVICE_FLAGS_PCI |
				VFIO_DEVICE_FLAGS_RESET };
	uint8_t *c = toy->config;

	memset(toy, 0, sizeof(*toy));
	toy->is_vf = is_vf;
	toy->vfs = vfs;
	for (unsigned int v = 0; v < TOY_VECTORS; v++)
		toy->irq_fds[v] = -1;
	toy->mem_fd = memfd_create("toy", MFD_CLOEXEC);
	if (toy->mem_fd < 0 || ftruncate(toy->mem_fd, ((off_t)TOY_BAR << 40) + TOY_BAR_SIZE) != 0)
		return -errno;
	toy_put(c + PCI_CFG_VENDOR_ID, 2, is_vf ? 0xffff : 0x1af4);
	toy_put(c + PCI_CFG_DEVICE_ID, 2, is_vf ? 0xffff : 0x1041);
	toy_put(c + PCI_CFG_STATUS, 2, PCI_STATUS_CAPS);
	c[PCI_CFG_CAP_PTR] = TOY_CAP_MSIX;
	toy_put(c + TOY_CAP_MSIX, 4, PCI_CAPABILITY_MSIX | TOY_CAP_VENDOR << 8);
	toy_put(c + TOY_CAP_MSIX + PCI_MSIX_TABLE, 4, TOY_BAR);
	toy_put(c + TOY_CAP_MSIX + PCI_MSIX_PBA, 4, 0x800 | TOY_BAR);
	toy_put(c + TOY_CAP_VENDOR, 4, PCI_CAPABILITY_VENDOR | TOY_CAP_EXPRESS << 8 | 20 << 16);
	toy_put(c + TOY_CAP_EXPRESS, 4, PCI_CAPABILITY_EXPRESS);
	toy_put(c + TOY_CAP_EXPRESS + 4, 4, 0x10000000); /* Can reset. */
	if (!is_vf) {
		toy_put(c + TOY_CAP_SRIOV, 4, PCI_EXT_CAPABILITY_SRIOV | 1 << 16);
		toy_put(c + TOY_CAP_SRIOV + 0x0c, 2, TOY_MAX_VFS);
		toy_put(c + TOY_CAP_SRIOV + 0x0e, 2, TOY_MAX_VFS);
		toy_put(c + TOY_CAP_SRIOV + 0x14, 2, 1);
		toy_put(c + TOY_CAP_SRIOV + 0x16, 2, 1);
		toy_put(c + TOY_CAP_SRIOV + 0x1a, 2, 0x1041);
	}
	toy_reset(toy);
	toy->resets = 0;
	for (unsigned int r = 0; r < VUSER_MAX_REGIONS; r++)
		info.regions[r].fd = -1;
	info.regions[VFIO_PCI_CONFIG_REGION_INDEX].size = PCI_CFG_EXT_SIZE;
	info.regions[VFIO_PCI_CONFIG_REGION_INDEX].flags = VFIO_REGION_INFO_FLAG_READ |
			VFIO_REGION_INFO_FLAG_WRITE;
	info.regions[TOY_BAR] = (struct vuser_region){
		.size = TOY_BAR_SIZE,
		.fd = toy->mem_fd,
		.fd_offset = (uint64_t)TOY_BAR << 40,
		.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
				VFIO_REGION_INFO_FLAG_MMAP,
		.nb_sparse = 1,
		.sparse = { { 0x1000, TOY_BAR_SIZE - 0x1000 } },
	};
	info.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = TOY_VECTORS;
	info.irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	toy->server = vuser_server_create(path, &info, &toy_ops, toy);
	return toy->server == NULL ? -errno : 0;
}

static inline void
toy_destroy(struct toy_fn *toy)
{
	vuser_server_destroy(toy->server);
	toy->server = NULL;
	if (toy->mem_fd >= 0)
		close(toy->mem_fd);
	toy->mem_fd = -1;
}

#endif /* TOY_FN_H */
