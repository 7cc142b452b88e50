/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_ADMIN_LEGACY_H
#define VIO_ADMIN_LEGACY_H

/**
 * @file
 * The legacy registers of a VF, by administration commands (virtio 1.4 2.12.1.1).
 */

#include "vio_admin.h"

/*
 * For VF number vf, group VIO_SRIOV (virtio 1.4 2.12.1.1). An access must be inside one field, see
 * vio_admin_legacy_field(). The functions return as vio_admin_exec(), and -EINVAL without sending
 * anything if len is 0 or the access crosses the end of a field.
 */

/** Area of legacy registers. */
enum vio_legacy_area {
	VIO_LEGACY_COMMON, /**< The header, struct virtio_legacy_hdr. */
	VIO_LEGACY_NET, /**< Configuration of the network device; it begins at offset 0. */
};

/**
 * Find the field at an offset.
 *
 * @param end  Out: offset after the field.
 * @return offset of the field, or -EINVAL: there is none. The vectors of the header count as
 *         fields also if the VF does not use MSI-X: the device refuses them then.
 */
int vio_admin_legacy_field(enum vio_legacy_area area, uint32_t offset, uint32_t *end);

/** Read len bytes, little-endian as on the wire. A short answer is -EPROTO. */
int vio_admin_legacy_read(struct vio_admin *admin, uint16_t vf, enum vio_legacy_area area,
		uint8_t offset, void *data, size_t len);
/** Write len bytes. A write of 0 to the status ends when the reset of the VF is finished. */
int vio_admin_legacy_write(struct vio_admin *admin, uint16_t vf, enum vio_legacy_area area,
		uint8_t offset, const void *data, size_t len);

/** Address of the doorbell of a VF: write the index of the queue, 16 bits, little-endian. */
struct vio_admin_doorbell {
	bool member; /**< In a BAR of the VF; else of the PF. */
	uint8_t bar; /**< 1..5. */
	uint64_t offset; /**< Into the BAR; even. */
};

/**
 * Get the doorbells of a VF (LEGACY_NOTIFY_INFO), the best one first. Wrong entries are left out:
 * no such BAR, odd offset, offset outside of the BAR.
 *
 * @param owner_bar_len, member_bar_len  Bytes of each usable BAR of PF and VF, 0: not usable.
 * @param out  Out: up to VIRTIO_ADMIN_NOTIFY_ENTRIES doorbells.
 * @return number of doorbells, or as vio_admin_exec().
 */
int vio_admin_legacy_notify_info(struct vio_admin *admin, uint16_t vf,
		const uint64_t owner_bar_len[6], const uint64_t member_bar_len[6],
		struct vio_admin_doorbell out[VIRTIO_ADMIN_NOTIFY_ENTRIES]);

#endif /* VIO_ADMIN_LEGACY_H */
