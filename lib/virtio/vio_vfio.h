/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_VFIO_H
#define VIO_VFIO_H

/**
 * @file
 * Open one virtio PCI function through VFIO without EAL, for control tools, and for drivers whose
 * functions have IOMMU domains of their own.
 *
 * Registers are read and written with system calls: fast enough for set-up and command queues, not
 * for bursts. Only doorbells can be mapped. VFIO resets the function when its last descriptor is
 * closed, in whichever process that is. On failure vio_err() explains why.
 */

#include "vio_pci.h"

/** An open function. */
struct vio_vfio {
	struct vio_transport t; /**< First. */
	int container, group, device; /**< File descriptors; -1: not open. */
	uint64_t region_offset[VIO_PCI_BARS]; /**< Of each BAR in the device descriptor. */
	uint64_t config_offset, config_len; /**< Bytes, of configuration space. */
	struct vio_pci_layout layout;
	uint8_t *doorbells; /**< Mapped pages of doorbells; NULL: not mapped. */
	uint64_t doorbells_at, doorbells_len; /**< Offset in the BAR, and bytes. */
};

/** Bus addresses from first to last. */
struct vio_iova_range {
	uint64_t first, last;
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
 * Remove the maps that lie between iova and iova + len. Afterwards the IOMMU lets the function
 * reach nothing there.
 * @return 0, -EINVAL (a map lies only partly in the range), or the errno of the system call.
 */
int vio_vfio_dma_unmap(struct vio_vfio *vfio, uint64_t iova, uint64_t len);

/**
 * Find the bus addresses that can be mapped.
 * @param ranges  Out: up to max ranges, in ascending order.
 * @return number of ranges, or -errno. If the kernel does not say, one range of all addresses.
 */
int vio_vfio_iova_ranges(struct vio_vfio *vfio, struct vio_iova_range *ranges, unsigned int max);

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

/**
 * Connect MSI-X vectors to event descriptors, from vector `first` on; an fd of -1 disconnects. The
 * first call must name all vectors that will ever be in use, from vector 0 on.
 * @return 0, -EINVAL (an fd is no eventfd), or the errno of the system call.
 */
int vio_vfio_vectors_set(struct vio_vfio *vfio, uint16_t first, const int *fds, uint16_t nb);
/** Disconnect all vectors. @return 0 or -errno. */
int vio_vfio_vectors_off(struct vio_vfio *vfio);

/**
 * Map the doorbells, so that they can be rung without a system call. Queues that are set up later
 * get the address of their doorbell.
 * @return 0, -ENOTSUP (VFIO does not map these pages), or the errno of the system call.
 */
int vio_vfio_doorbells_map(struct vio_vfio *vfio);

/**
 * Check that the page of a doorbell can be given away: it has nothing but doorbells of this
 * function, and the doorbell is at its beginning.
 * @param offset  Of the doorbell in region VIO_NOTIFY.
 * @param at      Out: offset of the page in the device descriptor, for mmap(2).
 * @return 0 or -ENOTSUP.
 */
int vio_vfio_doorbell_page(const struct vio_vfio *vfio, uint32_t offset, uint64_t *at);

/** Read configuration space; a vio_pci_cfg_read whose arg is a struct vio_vfio. */
int vio_vfio_config_read(void *arg, uint32_t offset, void *data, size_t len);

/** Unmap doorbells, and close all descriptors that are open. */
void vio_vfio_close(struct vio_vfio *vfio);

#endif /* VIO_VFIO_H */
