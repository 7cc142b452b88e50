/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_ADMIN_PARTS_H
#define VIO_ADMIN_PARTS_H

/**
 * @file
 * Device parts of a VF, by administration commands (virtio 1.4 2.12.1.4).
 */

#include "vio_admin.h"

/* id: of an object VIRTIO_ADMIN_OBJ_DEV_PARTS of the VF, of kind SET for vio_admin_parts_set(), of
 * kind GET for the others. */

/** Get the largest size of all parts together. */
int vio_admin_parts_size(struct vio_admin *admin, uint16_t vf, uint32_t id, uint32_t *bytes);
/** Get the number of parts. */
int vio_admin_parts_count(struct vio_admin *admin, uint16_t vf, uint32_t id, uint32_t *count);
/** Get the headers of up to max parts. @return number of headers, or as vio_admin_exec(). */
int vio_admin_parts_list(struct vio_admin *admin, uint16_t vf, uint32_t id,
		struct virtio_dev_part_hdr *hdrs, unsigned int max);
/**
 * Read parts: those named by hdrs, or all when nb_hdrs is 0.
 * @param used  Out: bytes of parts.
 */
int vio_admin_parts_get(struct vio_admin *admin, uint16_t vf, uint32_t id,
		const struct virtio_dev_part_hdr *hdrs, unsigned int nb_hdrs, void *parts,
		size_t len, size_t *used);
/** Write parts, for a stopped VF. */
int vio_admin_parts_set(struct vio_admin *admin, uint16_t vf, uint32_t id, const void *parts,
		size_t len);
/** Stop the VF, or let it continue. Ends when the VF has stopped. */
int vio_admin_mode_set(struct vio_admin *admin, uint16_t vf, bool stopped);

/**
 * Get the next part of a stream of parts.
 * @param at    In: offset of the part; out: offset after it.
 * @param hdr   Out.
 * @param value Out: value of the part, in parts.
 * @return 1, 0 (end of the stream; fewer bytes than a header are padding), or -EPROTO (the part
 *         exceeds the stream).
 */
int vio_admin_part_next(const void *parts, size_t len, size_t *at, struct virtio_dev_part_hdr *hdr,
		const uint8_t **value);

#endif /* VIO_ADMIN_PARTS_H */
