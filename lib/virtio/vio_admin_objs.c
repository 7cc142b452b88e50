/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Capabilities and resource objects, by administration commands. virtio 1.4 2.12.1.2, 2.12.1.3. */

#include <rte_common.h>

#include "vio_admin_objs.h"

/* ------------------------------------------------------------------ capabilities */

int
vio_admin_cap_list(struct vio_admin *admin, struct vio_admin_caps *caps)
{
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_CAP_ID_LIST_QUERY,
		.group = VIO_SELF,
		.result = caps,
		.result_len = sizeof(*caps),
	};
	int ret = vio_admin_exec(admin, &cmd);

	for (size_t i = 0; i < RTE_DIM(caps->w); i++)
		caps->w[i] = ret == 0 ? rte_le_to_cpu_64(caps->w[i]) : 0;
	return ret;
}

int
vio_admin_cap_get(struct vio_admin *admin, uint16_t id, void *cap, size_t len)
{
	const struct virtio_admin_cap_hdr hdr = { .id = rte_cpu_to_le_16(id) };
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_DEVICE_CAP_GET,
		.group = VIO_SELF,
		.data = { vio_admin_data(&hdr, sizeof(hdr)) },
		.nb_data = 1,
		.result = cap,
		.result_len = len,
	};

	return vio_admin_exec(admin, &cmd);
}

int
vio_admin_cap_set(struct vio_admin *admin, uint16_t id, const void *cap, size_t len)
{
	const struct virtio_admin_cap_hdr hdr = { .id = rte_cpu_to_le_16(id) };
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_DRIVER_CAP_SET,
		.group = VIO_SELF,
		.data = { vio_admin_data(&hdr, sizeof(hdr)), vio_admin_data(cap, len) },
		.nb_data = 2,
	};

	return vio_admin_exec(admin, &cmd);
}

/* ------------------------------------------------------------------ resource objects */

static int
obj_write(struct vio_admin *admin, uint16_t opcode, const struct vio_admin_obj *obj,
		const void *data, size_t len)
{
	const struct virtio_admin_obj_cmd head = { .hdr = vio_admin_obj_hdr(obj->type, obj->id) };
	struct vio_admin_cmd cmd = {
		.opcode = opcode,
		.group = obj->group,
		.member = obj->member,
		.data = { vio_admin_data(&head, sizeof(head)), vio_admin_data(data, len) },
		.nb_data = 2,
	};

	return vio_admin_exec(admin, &cmd);
}

int
vio_admin_obj_create(struct vio_admin *admin, const struct vio_admin_obj *obj, const void *data,
		size_t len)
{
	return obj_write(admin, VIRTIO_ADMIN_RESOURCE_OBJ_CREATE, obj, data, len);
}

int
vio_admin_obj_modify(struct vio_admin *admin, const struct vio_admin_obj *obj, const void *data,
		size_t len)
{
	return obj_write(admin, VIRTIO_ADMIN_RESOURCE_OBJ_MODIFY, obj, data, len);
}

int
vio_admin_obj_query(struct vio_admin *admin, const struct vio_admin_obj *obj, void *data,
		size_t len, size_t *used)
{
	const struct virtio_admin_obj_cmd head = { .hdr = vio_admin_obj_hdr(obj->type, obj->id) };
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_RESOURCE_OBJ_QUERY,
		.group = obj->group,
		.member = obj->member,
		.data = { vio_admin_data(&head, sizeof(head)) },
		.nb_data = 1,
		.result = data,
		.result_len = len,
	};
	int ret = vio_admin_exec(admin, &cmd);

	if (used != NULL)
		*used = cmd.result_used;
	return ret;
}

int
vio_admin_obj_destroy(struct vio_admin *admin, const struct vio_admin_obj *obj)
{
	const struct virtio_admin_obj_hdr hdr = vio_admin_obj_hdr(obj->type, obj->id);
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_RESOURCE_OBJ_DESTROY,
		.group = obj->group,
		.member = obj->member,
		.data = { vio_admin_data(&hdr, sizeof(hdr)) },
		.nb_data = 1,
	};

	return vio_admin_exec(admin, &cmd);
}
