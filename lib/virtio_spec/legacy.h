/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIRTIO_SPEC_LEGACY_H
#define VIRTIO_SPEC_LEGACY_H

/**
 * @file
 * The legacy register block and ring layout.
 *
 * virtio 1.4 4.1.4.10 "Legacy Interfaces: A Note on PCI Device Layout", 2.7.2 "Legacy Interfaces:
 * A Note on Virtqueue Layout". In an I/O BAR the device configuration follows the header; the two
 * vectors of the header exist only while MSI-X is enabled. In administration commands the device
 * configuration has its own offsets, and all fields are little-endian.
 */

#include "wire.h"

struct virtio_legacy_hdr {
	virtio_le32 device_features; /**< Bits 0..31. */
	virtio_le32 driver_features;
	virtio_le32 queue_address; /**< Page frame number of the selected queue; 0: none. */
	virtio_le16 queue_size; /**< The device chooses the size. */
	virtio_le16 queue_select;
	virtio_le16 queue_notify;
	uint8_t device_status; /**< Writing 0 resets. */
	uint8_t isr; /**< Reading clears. */
	virtio_le16 config_vector; /**< From here on: only with MSI-X. */
	virtio_le16 queue_vector;
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_legacy_hdr, 24);
VIRTIO_WIRE_FIELD(virtio_legacy_hdr, device_features, 0, 4);
VIRTIO_WIRE_FIELD(virtio_legacy_hdr, driver_features, 4, 4);
VIRTIO_WIRE_FIELD(virtio_legacy_hdr, queue_address, 8, 4);
VIRTIO_WIRE_FIELD(virtio_legacy_hdr, queue_size, 12, 2);
VIRTIO_WIRE_FIELD(virtio_legacy_hdr, queue_select, 14, 2);
VIRTIO_WIRE_FIELD(virtio_legacy_hdr, queue_notify, 16, 2);
VIRTIO_WIRE_FIELD(virtio_legacy_hdr, device_status, 18, 1);
VIRTIO_WIRE_FIELD(virtio_legacy_hdr, isr, 19, 1);
VIRTIO_WIRE_FIELD(virtio_legacy_hdr, config_vector, 20, 2);
VIRTIO_WIRE_FIELD(virtio_legacy_hdr, queue_vector, 22, 2);

#define VIRTIO_LEGACY_HDR_LEN 20 /**< Without MSI-X. */
#define VIRTIO_LEGACY_HDR_LEN_MSIX 24
/** Bytes of the configuration of a network device that a legacy driver can access: up to the MTU.
 * */
#define VIRTIO_LEGACY_NET_CONFIG_LEN 12

#define VIRTIO_LEGACY_PAGE_SHIFT 12
#define VIRTIO_LEGACY_ALIGN 4096
/** Offset of the used ring from the first descriptor, bytes. */
#define VIRTIO_LEGACY_USED_OFFSET(size)                                               \
	(((size_t)16 * (size) + 2 * ((size_t)3 + (size)) + VIRTIO_LEGACY_ALIGN - 1) & \
			~(size_t)(VIRTIO_LEGACY_ALIGN - 1))
/** Length of the whole ring in bytes, whole pages. */
#define VIRTIO_LEGACY_RING_BYTES(size)                                                \
	(VIRTIO_LEGACY_USED_OFFSET(size) +                                            \
			(((size_t)6 + (size_t)8 * (size) + VIRTIO_LEGACY_ALIGN - 1) & \
					~(size_t)(VIRTIO_LEGACY_ALIGN - 1)))
static_assert(VIRTIO_LEGACY_USED_OFFSET(64) == 4096, "used ring of 64");
static_assert(VIRTIO_LEGACY_USED_OFFSET(256) == 8192, "used ring of 256");
static_assert(VIRTIO_LEGACY_USED_OFFSET(1024) == 20480, "used ring of 1024");
static_assert(VIRTIO_LEGACY_USED_OFFSET(32768) == 593920, "used ring of 32768");
static_assert(VIRTIO_LEGACY_RING_BYTES(64) == 8192, "ring of 64");
static_assert(VIRTIO_LEGACY_RING_BYTES(256) == 12288, "ring of 256");
static_assert(VIRTIO_LEGACY_RING_BYTES(32768) == 860160, "ring of 32768");

#endif /* VIRTIO_SPEC_LEGACY_H */
