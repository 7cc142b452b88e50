/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_ADMIN_OBJS_H
#define VIO_ADMIN_OBJS_H

/**
 * @file
 * Capabilities and resource objects, by administration commands (virtio 1.4 2.12.1.2, 2.12.1.3).
 */

#include <rte_byteorder.h>

#include "vio_admin.h"

/* ------------------------------------------------------------------ capabilities, VIO_SELF */

/** Set of capability ids. */
struct vio_admin_caps {
	uint64_t w[VIRTIO_ADMIN_NB_CAPS / 64];
};

static inline bool
vio_admin_caps_has(const struct vio_admin_caps *caps, uint16_t id)
{
	return id < VIRTIO_ADMIN_NB_CAPS && (caps->w[id / 64] >> (id % 64) & 1) != 0;
}

/** Get the capabilities of the device. */
int vio_admin_cap_list(struct vio_admin *admin, struct vio_admin_caps *caps);
/** Read a capability: len bytes as on the wire, zero after its end. -ENXIO: no such capability. */
int vio_admin_cap_get(struct vio_admin *admin, uint16_t id, void *cap, size_t len);
/** Set what the driver uses of a capability; all zeros: nothing. */
int vio_admin_cap_set(struct vio_admin *admin, uint16_t id, const void *cap, size_t len);

/* ------------------------------------------------------------------ resource objects */

/** Name of an object. */
struct vio_admin_obj {
	enum vio_admin_group group; /**< VIO_SRIOV for device parts, else VIO_SELF. */
	uint64_t member;
	uint16_t type; /**< VIRTIO_ADMIN_OBJ_*. */
	uint32_t id; /**< Chosen by the caller, below the limit of the capability. */
};

/** Create an object. -EEXIST: it exists. -ENOSPC: the device has no room. */
int vio_admin_obj_create(struct vio_admin *admin, const struct vio_admin_obj *obj, const void *data,
		size_t len);
/** Read the data of the last create or modify; *used (may be NULL): its bytes. -ENXIO: no such
 * object. */
int vio_admin_obj_query(struct vio_admin *admin, const struct vio_admin_obj *obj, void *data,
		size_t len, size_t *used);
/** Replace the data of an object. -ENXIO: no such object. */
int vio_admin_obj_modify(struct vio_admin *admin, const struct vio_admin_obj *obj, const void *data,
		size_t len);
/** Destroy an object. -EBUSY: other objects depend on it. */
int vio_admin_obj_destroy(struct vio_admin *admin, const struct vio_admin_obj *obj);

/** Header that names an object in a command. */
static inline struct virtio_admin_obj_hdr
vio_admin_obj_hdr(uint16_t type, uint32_t id)
{
	return (struct virtio_admin_obj_hdr){
		.type = rte_cpu_to_le_16(type),
		.id = rte_cpu_to_le_32(id),
	};
}

#endif /* VIO_ADMIN_OBJS_H */
