/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef COMMON_PMDINFO_H
#define COMMON_PMDINFO_H

/**
 * @file
 * The ids of the functions that the drivers drive, and driver information for dpdk-pmdinfo.py.
 *
 * DPDK's own build generates this string with a script, but DPDK does not install that script.
 */

#include <assert.h>

#include <rte_common.h>

#include "virtio_spec/pci.h"

#define VSR_KMODS "* vfio-pci"

/* In decimal, since JSON has no hexadecimal numbers. */
#define VSR_PMDINFO_VENDOR 6900
#define VSR_PMDINFO_DEVICE 4161
#define VSR_PMDINFO_DEVICE_TRANSITIONAL 4096
#define VSR_PMDINFO_ANY 65535

static_assert(VSR_PMDINFO_VENDOR == VIRTIO_PCI_VENDOR_ID &&
				VSR_PMDINFO_DEVICE == VIRTIO_PCI_DEVICE_ID_NET &&
				VSR_PMDINFO_DEVICE_TRANSITIONAL ==
						VIRTIO_PCI_DEVICE_ID_NET_TRANSITIONAL,
		"the PCI table and what dpdk-pmdinfo.py prints differ");

/** Rows of the PCI table of a driver. PF and VF have the same ids. A transitional function is
 * driven through its modern registers. */
#define VSR_PCI_IDS                                                                         \
	{ RTE_PCI_DEVICE(VIRTIO_PCI_VENDOR_ID, VIRTIO_PCI_DEVICE_ID_NET) },                 \
	{                                                                                   \
		RTE_PCI_DEVICE(VIRTIO_PCI_VENDOR_ID, VIRTIO_PCI_DEVICE_ID_NET_TRANSITIONAL) \
	}

#define VSR_PMDINFO_STR(x) VSR_PMDINFO_STR_(x)
#define VSR_PMDINFO_STR_(x) #x
/* clang-format off */
#define VSR_PMDINFO_ID(device)                                                        \
	"[" VSR_PMDINFO_STR(VSR_PMDINFO_VENDOR) ", " VSR_PMDINFO_STR(device) ", "     \
	VSR_PMDINFO_STR(VSR_PMDINFO_ANY) ", " VSR_PMDINFO_STR(VSR_PMDINFO_ANY) "]"

/** The string of a driver: its name, and its device arguments. */
#define VSR_PMDINFO(name, params)                                                     \
	"PMD_INFO_STRING= {\"name\": \"" name "\", \"params\": \"" params             \
	"\", \"kmod\": \"" VSR_KMODS "\", \"pci_ids\": ["                             \
	VSR_PMDINFO_ID(VSR_PMDINFO_DEVICE) ", "                                       \
	VSR_PMDINFO_ID(VSR_PMDINFO_DEVICE_TRANSITIONAL) "]}"
/* clang-format on */

#endif /* COMMON_PMDINFO_H */
