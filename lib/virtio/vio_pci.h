/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_PCI_H
#define VIO_PCI_H

/**
 * @file
 * virtio over PCI: the layout of the regions, and the transport over mapped BARs.
 *
 * virtio 1.4 4.1.4 "Virtio Structure PCI Capabilities". Values from configuration space
 * are checked: loops in the list, short capabilities, regions that exceed their BAR.
 */

#include <stddef.h>

#include "vio_transport.h"

#define VIO_PCI_BARS 6

/** Location of one region. */
struct vio_pci_place {
	uint8_t bar; /**< 0..5. */
	uint32_t offset; /**< Bytes from the start of the BAR. */
	uint32_t len; /**< Bytes; 0: absent. */
};

/** Contents of the capability lists of a function. */
struct vio_pci_layout {
	struct vio_pci_place place[VIO_NB_REGIONS];
	uint32_t notify_multiplier;
	uint16_t nb_vectors; /**< Size of the MSI-X table, 0 without MSI-X. */
	bool sriov; /**< SR-IOV extended capability present. */
};

/** Read len bytes of configuration space at offset. @return 0 or -errno. */
typedef int (*vio_pci_cfg_read)(void *arg, uint32_t offset, void *data, size_t len);

/**
 * Walk the capability lists.
 *
 * @param read_cfg  Reads configuration space.
 * @param arg       Passed to read_cfg.
 * @param bar_len   Bytes of each BAR, 0 for a BAR that cannot be used.
 * @param layout    Out: the first usable capability of each type.
 * @return 0, -ENODEV (no virtio capability at all: a legacy device), -EPROTO (one of common,
 *         notify, ISR is missing or unusable), or what read_cfg returned; vio_err() explains why.
 */
int vio_pci_layout_read(vio_pci_cfg_read read_cfg, void *arg, const uint64_t bar_len[VIO_PCI_BARS],
		struct vio_pci_layout *layout);

/** Transport over BARs that are mapped into this process. */
struct vio_pci {
	struct vio_transport t; /**< First. */
	volatile uint8_t *base[VIO_NB_REGIONS];
};

/**
 * Set up the transport. bar[i] is the address of BAR i; NULL for a BAR that the layout does not
 * use.
 * @return 0, or -EINVAL when a BAR of the layout is not mapped.
 */
int vio_pci_init(struct vio_pci *pci, const struct vio_pci_layout *layout,
		void *const bar[VIO_PCI_BARS]);

#endif /* VIO_PCI_H */
