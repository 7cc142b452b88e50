/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_VFIO_H
#define VIO_VFIO_H

/**
 * @file
 * Open one virtio PCI function through VFIO without EAL, for control tools.
 *
 * Registers are read and written with system calls, nothing is mapped: good for the life cycle
 * and for command queues, not for bursts. Closing the function resets it, as VFIO does on the last
 * close; descriptors that another process keeps put that off.
 */

#include "vio_pci.h"

/** An open function. */
struct vio_vfio {
	struct vio_transport t; /**< First. */
	int container, group, device; /**< File descriptors; -1: not open. */
	uint64_t region_offset[VIO_PCI_BARS]; /**< Of each BAR in the device descriptor. */
	uint64_t config_offset, config_len; /**< Of configuration space, bytes. */
	struct vio_pci_layout layout;
};

/**
 * Open the function and find its virtio registers. Memory space is enabled, bus mastering is not.
 *
 * @param sysfs_root  Folder of the PCI devices, "/sys/bus/pci/devices" on a plain machine.
 * @param bdf         Address with domain: "0000:01:00.0".
 * @param vf_token    UUID to open it with, or NULL.
 * @return 0, or
 *         -ENOENT   no such device, no IOMMU group, or not bound to vfio-pci,
 *         -EBUSY    the group is open elsewhere,
 *         -EACCES   the token is missing or wrong,
 *         -ENODEV, -EPROTO  as vio_pci_layout_read(),
 *         or what a system call said. Nothing stays open then.
 */
int vio_vfio_open(struct vio_vfio *vfio, const char *sysfs_root, const char *bdf,
		const char *vf_token);

/**
 * Go on with descriptors that vio_vfio_open() made in another process: the function was open all
 * the time. Takes them, also on error.
 * @return 0, or as the later half of vio_vfio_open().
 */
int vio_vfio_adopt(struct vio_vfio *vfio, int container, int group, int device);

/**
 * Give the PF another token while it stays open; no VF may be in use.
 * @return 0, or -EACCES: a VF is in use with another one.
 */
int vio_vfio_token_set(struct vio_vfio *vfio, const char *bdf, const char *vf_token);

/**
 * Let the function reach memory of this process, page aligned, at the bus address iova. The map
 * lives as long as the container, whoever holds that.
 * @return 0, -EEXIST (something is mapped there), or what the system call said.
 */
int vio_vfio_dma_map(struct vio_vfio *vfio, void *addr, uint64_t len, uint64_t iova);

/** Let the function start transfers. @return 0 or -errno. */
int vio_vfio_bus_master(struct vio_vfio *vfio);

/**
 * Be told, by an event descriptor, when the system wants the function back. @return 0 or -errno.
 */
int vio_vfio_on_request(struct vio_vfio *vfio, int event);

/** Read configuration space: a vio_pci_cfg_read, arg is the struct vio_vfio. */
int vio_vfio_config_read(void *arg, uint32_t offset, void *data, size_t len);

/** Close all. Idle on what was not opened. */
void vio_vfio_close(struct vio_vfio *vfio);

#endif /* VIO_VFIO_H */
