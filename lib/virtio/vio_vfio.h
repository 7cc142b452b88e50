/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_VFIO_H
#define VIO_VFIO_H

/**
 * @file
 * Open one virtio PCI function through VFIO without EAL, for control tools.
 *
 * Registers are read and written with system calls, nothing is mapped: fast enough for set-up and
 * command queues, not for bursts. VFIO resets the function when its last descriptor is closed, in
 * whichever process that is. On failure vio_err() explains why.
 */

#include "vio_pci.h"

/** An open function. */
struct vio_vfio {
	struct vio_transport t; /**< First. */
	int container, group, device; /**< File descriptors; -1: not open. */
	uint64_t region_offset[VIO_PCI_BARS]; /**< Of each BAR in the device descriptor. */
	uint64_t config_offset, config_len; /**< Bytes, of configuration space. */
	struct vio_pci_layout layout;
};

/**
 * Open the function and find its virtio registers. Memory space is enabled, bus mastering is not.
 *
 * @param sysfs_root  Folder of the PCI devices, "/sys/bus/pci/devices" on a plain machine.
 * @param bdf         Address with domain: "0000:01:00.0".
 * @param vf_token    VF token (UUID) of the PF, or NULL.
 * @return 0, or
 *         -ENOENT   no such device, no IOMMU group, or not bound to vfio-pci,
 *         -EBUSY    the group is open elsewhere,
 *         -EACCES   the token is missing or wrong,
 *         -ENODEV, -EPROTO  as vio_pci_layout_read(),
 *         or the errno of a system call. On failure nothing stays open.
 */
int vio_vfio_open(struct vio_vfio *vfio, const char *sysfs_root, const char *bdf,
		const char *vf_token);

/**
 * Use descriptors that vio_vfio_open() opened in an earlier process and that stayed open. On error
 * the descriptors are closed.
 * @return 0, or as vio_vfio_open() after the device is open.
 */
int vio_vfio_adopt(struct vio_vfio *vfio, int container, int group, int device);

/**
 * Change the VF token of the PF while the PF stays open; no VF may be in use.
 * @return 0, or -EACCES: a VF is in use with another token.
 */
int vio_vfio_token_set(struct vio_vfio *vfio, const char *bdf, const char *vf_token);

/**
 * Map page-aligned memory of this process for DMA at the bus address iova. The mapping lasts until
 * vio_vfio_dma_unmap_all(), or until the last descriptor of the container is closed.
 * @return 0, -EEXIST (the address is in use), or the errno of the system call.
 */
int vio_vfio_dma_map(struct vio_vfio *vfio, void *addr, uint64_t len, uint64_t iova);

/**
 * Remove all maps, those of earlier processes too: afterwards the IOMMU lets the function reach no
 * memory, whatever state the function is in.
 * @return 0 or the errno of the system call.
 */
int vio_vfio_dma_unmap_all(struct vio_vfio *vfio);

/** Enable bus mastering, so that the function can access memory. @return 0 or -errno. */
int vio_vfio_bus_master(struct vio_vfio *vfio);

/**
 * Signal an event descriptor when the kernel wants the function back. @return 0 or -errno.
 */
int vio_vfio_on_request(struct vio_vfio *vfio, int event);

/** Read configuration space; a vio_pci_cfg_read whose arg is a struct vio_vfio. */
int vio_vfio_config_read(void *arg, uint32_t offset, void *data, size_t len);

/** Close all descriptors that are open. */
void vio_vfio_close(struct vio_vfio *vfio);

#endif /* VIO_VFIO_H */
