/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_ADMIN_LEGACY_H
#define VIO_ADMIN_LEGACY_H

/**
 * @file
 * The legacy registers of a VF, by administration commands (virtio 1.4 2.12.1.3).
 */

#include "vio_admin.h"

/*
 * Of VF number vf, group VIO_SRIOV (virtio 1.4 2.12.1.3). An access lies inside one field:
 * vio_admin_legacy_field() gives its borders. Each returns what vio_admin_exec() does; -EINVAL as
 * well, without sending, for len 0 or an access that crosses a border.
 */

/** Which registers. */
enum vio_legacy_area {
	VIO_LEGACY_COMMON, /**< The header, struct virtio_legacy_hdr. */
	VIO_LEGACY_NET, /**< Configuration of the network device, from its own offset 0 on. */
};

/**
 * Field that holds an offset.
 *
 * @param end  Out: first offset behind it.
 * @return offset where it starts, or -EINVAL: there is none. The vectors of the header are fields
 *         whether the VF uses MSI-X or not: the device refuses them if not.
 */
int vio_admin_legacy_field(enum vio_legacy_area area, uint32_t offset, uint32_t *end);

/** Read len bytes, little-endian as on the wire. A short answer is -EPROTO. */
int vio_admin_legacy_read(struct vio_admin *admin, uint16_t vf, enum vio_legacy_area area,
		uint8_t offset, void *data, size_t len);
/** Write them. A write of 0 to the status ends when the VF is reset. */
int vio_admin_legacy_write(struct vio_admin *admin, uint16_t vf, enum vio_legacy_area area,
		uint8_t offset, const void *data, size_t len);

/** Where doorbells of a VF can be rung: 16 bits, little-endian, the index of the queue. */
struct vio_admin_doorbell {
	bool member; /**< In a BAR of the VF itself; else of the PF. */
	uint8_t bar; /**< 1..5. */
	uint64_t offset; /**< Even. */
};

/**
 * Ask where (LEGACY_NOTIFY_INFO), best place first. Entries that cannot be right are left out:
 * a BAR that is not there, an odd offset, one outside of the BAR.
 *
 * @param owner_bar_len, member_bar_len  Bytes of each BAR of PF and VF that may be used, 0: none.
 * @param out  Gets up to VIRTIO_ADMIN_NOTIFY_ENTRIES.
 * @return how many, or as vio_admin_exec().
 */
int vio_admin_legacy_notify_info(struct vio_admin *admin, uint16_t vf,
		const uint64_t owner_bar_len[6], const uint64_t member_bar_len[6],
		struct vio_admin_doorbell out[VIRTIO_ADMIN_NOTIFY_ENTRIES]);

#endif /* VIO_ADMIN_LEGACY_H */
