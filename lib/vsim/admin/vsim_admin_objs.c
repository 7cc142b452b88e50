/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Capabilities and resource objects. The device has one capability and one type of object,
 * DEV_PARTS. virtio 1.4 2.12.1.2, 2.12.1.3.
 */

#include <string.h>

#include "vsim/admin/vsim_admin_objs.h"
#include "vsim/core/vsim_event.h"

/* ---------------------------------------------------------------- capabilities */

static const struct virtio_dev_parts_cap device_parts = {
	.get_limit = VSIM_ADMIN_PARTS_LIMIT,
	.set_limit = VSIM_ADMIN_PARTS_LIMIT,
};

static bool
has_parts(const struct vsim_admin_call *call)
{
	return !(call->owner->nic->conf.admin_off & VIRTIO_ADMIN_LIST_PARTS) &&
			call->owner->nic->conf.total_vfs > 0;
}

uint16_t
vsim_admin_cap_list(struct vsim_admin_call *call)
{
	virtio_le64 ids = htole64(has_parts(call) ? UINT64_C(1) << VIRTIO_ADMIN_CAP_DEV_PARTS : 0);

	vsim_admin_add(call, &ids,
			sizeof(ids) < call->result_room ? sizeof(ids) : call->result_room);
	return VIRTIO_ADMIN_STATUS_OK;
}

/* Check the capability of the command. @return OK, or ENXIO: no such capability. */
static uint16_t
cap_find(struct vsim_admin_call *call)
{
	struct virtio_admin_cap_hdr hdr;

	vsim_admin_data(call, 0, &hdr, sizeof(hdr));
	if (le16toh(hdr.id) == VIRTIO_ADMIN_CAP_DEV_PARTS && has_parts(call))
		return VIRTIO_ADMIN_STATUS_OK;
	return vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_ENXIO,
			VIRTIO_ADMIN_QUALIFIER_INVALID_FIELD);
}

uint16_t
vsim_admin_cap_get(struct vsim_admin_call *call)
{
	uint16_t status = cap_find(call);

	if (status == VIRTIO_ADMIN_STATUS_OK)
		vsim_admin_add(call, &device_parts,
				sizeof(device_parts) < call->result_room ? sizeof(device_parts) :
									   call->result_room);
	return status;
}

/* A reset of its VF destroys an object. */
static bool
obj_exists(const struct vsim_fn *owner, const struct vsim_admin_obj *obj)
{
	return obj->used && obj->generation == owner->nic->all[obj->member]->generation;
}

static unsigned int
objs_of_kind(const struct vsim_fn *owner, uint8_t kind)
{
	const struct vsim_admin_obj *objs = owner->admin->objs;
	unsigned int nb = 0;

	for (unsigned int i = 0; i < VSIM_ADMIN_OBJS; i++)
		nb += obj_exists(owner, &objs[i]) && objs[i].data.kind == kind;
	return nb;
}

uint16_t
vsim_admin_cap_set(struct vsim_admin_call *call)
{
	struct virtio_dev_parts_cap cap;
	uint16_t status = cap_find(call);

	if (status != VIRTIO_ADMIN_STATUS_OK)
		return status;
	vsim_admin_data(call, sizeof(struct virtio_admin_cap_hdr), &cap, sizeof(cap));
	if (cap.get_limit > device_parts.get_limit || cap.set_limit > device_parts.set_limit) {
		vsim_fn_violation(call->owner, VIRTIO_RULE_CAPABILITY);
		return vsim_admin_bad_field(call);
	}
	if (objs_of_kind(call->owner, VIRTIO_DEV_PARTS_OBJ_GET) > cap.get_limit ||
			objs_of_kind(call->owner, VIRTIO_DEV_PARTS_OBJ_SET) > cap.set_limit) {
		vsim_fn_violation(call->owner, VIRTIO_RULE_CAPABILITY);
		return vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_EBUSY,
				VIRTIO_ADMIN_QUALIFIER_INVALID_COMMAND);
	}
	call->owner->admin->driver_parts = cap;
	return VIRTIO_ADMIN_STATUS_OK;
}

/* ---------------------------------------------------------------- resource objects */

struct vsim_admin_obj *
vsim_admin_obj_find(const struct vsim_fn *owner, uint16_t type, uint32_t id, uint64_t member)
{
	for (unsigned int i = 0; i < VSIM_ADMIN_OBJS; i++) {
		struct vsim_admin_obj *obj = &owner->admin->objs[i];

		if (obj_exists(owner, obj) && obj->type == type && obj->id == id &&
				obj->member == member)
			return obj;
	}
	return NULL;
}

void
vsim_admin_objs_drop(struct vsim_admin *admin)
{
	for (unsigned int i = 0; i < VSIM_ADMIN_OBJS; i++)
		admin->objs[i].used = false;
}

/* The object that the command names. @return NULL: no such object. Out: *status. */
static struct vsim_admin_obj *
named(struct vsim_admin_call *call, uint16_t *status)
{
	struct virtio_admin_obj_hdr hdr;
	struct vsim_admin_obj *obj;

	vsim_admin_data(call, 0, &hdr, sizeof(hdr));
	obj = vsim_admin_obj_find(call->owner, le16toh(hdr.type), le32toh(hdr.id), call->member_id);
	*status = obj != NULL ? VIRTIO_ADMIN_STATUS_OK :
				vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_ENXIO,
						VIRTIO_ADMIN_QUALIFIER_INVALID_FIELD);
	return obj;
}

uint16_t
vsim_admin_obj_create(struct vsim_admin_call *call)
{
	struct vsim_admin *admin = call->owner->admin;
	struct virtio_dev_parts_obj data;
	struct virtio_admin_obj_cmd cmd;
	struct vsim_admin_obj *obj = NULL;
	uint32_t id, limit;

	vsim_admin_data(call, 0, &cmd, sizeof(cmd));
	vsim_admin_data(call, sizeof(cmd), &data, sizeof(data));
	id = le32toh(cmd.hdr.id);
	if (le16toh(cmd.hdr.type) != VIRTIO_ADMIN_OBJ_DEV_PARTS || cmd.flags != 0 ||
			data.kind > VIRTIO_DEV_PARTS_OBJ_SET)
		return vsim_admin_bad_field(call);
	limit = data.kind == VIRTIO_DEV_PARTS_OBJ_GET ? admin->driver_parts.get_limit :
							admin->driver_parts.set_limit;
	if (limit == 0) /* The capability was not set: virtio 1.4 2.12.1.2.5. */
		vsim_fn_violation(call->owner, VIRTIO_RULE_CAPABILITY);
	if (vsim_admin_obj_find(call->owner, VIRTIO_ADMIN_OBJ_DEV_PARTS, id, call->member_id) !=
			NULL) {
		vsim_fn_violation(call->owner, VIRTIO_RULE_OBJECT_ID);
		return vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_EEXIST,
				VIRTIO_ADMIN_QUALIFIER_INVALID_FIELD);
	}
	if (limit != 0 && id >= limit) {
		vsim_fn_violation(call->owner, VIRTIO_RULE_OBJECT_ID);
		return vsim_admin_bad_field(call);
	}
	for (unsigned int i = 0; i < VSIM_ADMIN_OBJS && obj == NULL; i++)
		if (!obj_exists(call->owner, &admin->objs[i]))
			obj = &admin->objs[i];
	if (obj == NULL || objs_of_kind(call->owner, data.kind) >= limit)
		return vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_ENOSPC,
				VIRTIO_ADMIN_QUALIFIER_NORESOURCE);
	*obj = (struct vsim_admin_obj){
		.used = true,
		.type = VIRTIO_ADMIN_OBJ_DEV_PARTS,
		.id = id,
		.member = call->member_id,
		.generation = call->member->generation,
		.data = { .kind = data.kind },
	};
	return VIRTIO_ADMIN_STATUS_OK;
}

uint16_t
vsim_admin_obj_query(struct vsim_admin_call *call)
{
	uint16_t status;
	const struct vsim_admin_obj *obj = named(call, &status);

	if (obj != NULL)
		vsim_admin_add(call, &obj->data,
				sizeof(obj->data) < call->result_room ? sizeof(obj->data) :
									call->result_room);
	return status;
}

/* The direction of an object of parts cannot be changed. */
uint16_t
vsim_admin_obj_modify(struct vsim_admin_call *call)
{
	struct virtio_dev_parts_obj data;
	uint16_t status;
	const struct vsim_admin_obj *obj = named(call, &status);

	if (obj == NULL)
		return status;
	vsim_admin_data(call, sizeof(struct virtio_admin_obj_cmd), &data, sizeof(data));
	return data.kind == obj->data.kind ? VIRTIO_ADMIN_STATUS_OK : vsim_admin_bad_field(call);
}

uint16_t
vsim_admin_obj_destroy(struct vsim_admin_call *call)
{
	uint16_t status;
	struct vsim_admin_obj *obj = named(call, &status);

	if (obj != NULL)
		obj->used = false;
	return status;
}
