/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* What administration commands say, a short function each. virtio 1.4 2.12.1.3 to 2.12.1.6. */

#include <errno.h>
#include <string.h>

#include "virtio_spec/legacy.h"
#include "virtio_spec/net.h"
#include "vio_admin_priv.h"
#include "vio_cmdq.h"

/* A part of a command's data; what is const stays so, the engine only reads it. */
static struct iovec
part(const void *data, size_t len)
{
	return (struct iovec){ (void *)(uintptr_t)data, len };
}

/* ------------------------------------------------------------------ legacy registers */

static const uint8_t common_fields[] = {
	offsetof(struct virtio_legacy_hdr, device_features),
	offsetof(struct virtio_legacy_hdr, driver_features),
	offsetof(struct virtio_legacy_hdr, queue_address),
	offsetof(struct virtio_legacy_hdr, queue_size),
	offsetof(struct virtio_legacy_hdr, queue_select),
	offsetof(struct virtio_legacy_hdr, queue_notify),
	offsetof(struct virtio_legacy_hdr, device_status),
	offsetof(struct virtio_legacy_hdr, isr),
	offsetof(struct virtio_legacy_hdr, config_vector),
	offsetof(struct virtio_legacy_hdr, queue_vector),
	sizeof(struct virtio_legacy_hdr),
};
static const uint8_t net_fields[] = {
	offsetof(struct virtio_net_config, mac),
	offsetof(struct virtio_net_config, status),
	offsetof(struct virtio_net_config, max_virtqueue_pairs),
	offsetof(struct virtio_net_config, mtu),
	VIRTIO_LEGACY_NET_CONFIG_LEN,
};

int
vio_admin_legacy_field(enum vio_legacy_area area, uint32_t offset, uint32_t *end)
{
	const uint8_t *borders = area == VIO_LEGACY_COMMON ? common_fields : net_fields;
	const size_t nb = area == VIO_LEGACY_COMMON ? RTE_DIM(common_fields) : RTE_DIM(net_fields);

	for (size_t i = 0; i + 1 < nb; i++)
		if (offset >= borders[i] && offset < borders[i + 1]) {
			*end = borders[i + 1];
			return borders[i];
		}
	return -EINVAL;
}

static int
legacy_check(uint16_t vf, enum vio_legacy_area area, uint8_t offset, size_t len)
{
	uint32_t end;

	if (len != 0 && vio_admin_legacy_field(area, offset, &end) >= 0 && len <= end - offset)
		return 0;
	return vio_admin_fail(-EINVAL,
			"%zu bytes at %u of the legacy registers of VF %u are not "
			"within one field",
			len, offset, vf);
}

int
vio_admin_legacy_read(struct vio_admin *admin, uint16_t vf, enum vio_legacy_area area,
		uint8_t offset, void *data, size_t len)
{
	struct vio_admin_cmd cmd = {
		.opcode = area == VIO_LEGACY_COMMON ? VIRTIO_ADMIN_LEGACY_COMMON_CFG_READ :
						      VIRTIO_ADMIN_LEGACY_DEV_CFG_READ,
		.group = VIO_SRIOV,
		.member = vf,
		.data = { part(&offset, sizeof(offset)) },
		.nb_data = 1,
		.result = data,
		.result_len = len,
	};
	int ret = legacy_check(vf, area, offset, len);

	if (ret == 0)
		ret = vio_admin_exec(admin, &cmd);
	if (ret == 0 && cmd.result_used < len)
		return vio_admin_fail(-EPROTO,
				"the device answers a legacy read of %zu bytes with "
				"%zu",
				len, cmd.result_used);
	return ret;
}

int
vio_admin_legacy_write(struct vio_admin *admin, uint16_t vf, enum vio_legacy_area area,
		uint8_t offset, const void *data, size_t len)
{
	const struct virtio_admin_legacy_wr wr = { .offset = offset };
	struct vio_admin_cmd cmd = {
		.opcode = area == VIO_LEGACY_COMMON ? VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE :
						      VIRTIO_ADMIN_LEGACY_DEV_CFG_WRITE,
		.group = VIO_SRIOV,
		.member = vf,
		.data = { part(&wr, sizeof(wr)), part(data, len) },
		.nb_data = 2,
	};
	int ret = legacy_check(vf, area, offset, len);

	return ret != 0 ? ret : vio_admin_exec(admin, &cmd);
}

static bool
doorbell_usable(const struct virtio_admin_notify_info *info, const uint64_t *bar_len)
{
	const uint64_t offset = rte_le_to_cpu_64(info->offset);

	return info->bar >= 1 && info->bar <= 5 && offset % 2 == 0 && bar_len[info->bar] >= 2 &&
			offset <= bar_len[info->bar] - 2;
}

int
vio_admin_legacy_notify_info(struct vio_admin *admin, uint16_t vf, const uint64_t owner_bar_len[6],
		const uint64_t member_bar_len[6],
		struct vio_admin_doorbell out[VIRTIO_ADMIN_NOTIFY_ENTRIES])
{
	struct virtio_admin_notify_info info[VIRTIO_ADMIN_NOTIFY_ENTRIES];
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_LEGACY_NOTIFY_INFO,
		.group = VIO_SRIOV,
		.member = vf,
		.result = info,
		.result_len = sizeof(info),
	};
	int ret = vio_admin_exec(admin, &cmd), nb = 0;

	if (ret != 0)
		return ret;
	for (size_t i = 0; i < RTE_DIM(info) && info[i].flags != VIRTIO_ADMIN_NOTIFY_END; i++) {
		const bool member = info[i].flags == VIRTIO_ADMIN_NOTIFY_MEMBER;

		if (!member && info[i].flags != VIRTIO_ADMIN_NOTIFY_OWNER)
			continue;
		if (!doorbell_usable(&info[i], member ? member_bar_len : owner_bar_len))
			continue;
		out[nb++] = (struct vio_admin_doorbell){
			.member = member,
			.bar = info[i].bar,
			.offset = rte_le_to_cpu_64(info[i].offset),
		};
	}
	return nb;
}

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
		.data = { part(&hdr, sizeof(hdr)) },
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
		.data = { part(&hdr, sizeof(hdr)), part(cap, len) },
		.nb_data = 2,
	};

	return vio_admin_exec(admin, &cmd);
}

/* ------------------------------------------------------------------ resource objects */

static struct virtio_admin_obj_hdr
obj_hdr(uint16_t type, uint32_t id)
{
	return (struct virtio_admin_obj_hdr){
		.type = rte_cpu_to_le_16(type),
		.id = rte_cpu_to_le_32(id),
	};
}

static int
obj_write(struct vio_admin *admin, uint16_t opcode, const struct vio_admin_obj *obj,
		const void *data, size_t len)
{
	const struct virtio_admin_obj_cmd head = { .hdr = obj_hdr(obj->type, obj->id) };
	struct vio_admin_cmd cmd = {
		.opcode = opcode,
		.group = obj->group,
		.member = obj->member,
		.data = { part(&head, sizeof(head)), part(data, len) },
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
	const struct virtio_admin_obj_cmd head = { .hdr = obj_hdr(obj->type, obj->id) };
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_RESOURCE_OBJ_QUERY,
		.group = obj->group,
		.member = obj->member,
		.data = { part(&head, sizeof(head)) },
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
	const struct virtio_admin_obj_hdr hdr = obj_hdr(obj->type, obj->id);
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_RESOURCE_OBJ_DESTROY,
		.group = obj->group,
		.member = obj->member,
		.data = { part(&hdr, sizeof(hdr)) },
		.nb_data = 1,
	};

	return vio_admin_exec(admin, &cmd);
}

/* ------------------------------------------------------------------ device parts */

/* result: the metadata, then room for headers. */
static int
metadata_get(struct vio_admin *admin, uint16_t vf, uint32_t id, uint8_t type, void *result,
		size_t len, size_t *used)
{
	const struct virtio_dev_parts_cmd head = {
		.hdr = obj_hdr(VIRTIO_ADMIN_OBJ_DEV_PARTS, id),
		.type = type,
	};
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_DEV_PARTS_METADATA_GET,
		.group = VIO_SRIOV,
		.member = vf,
		.data = { part(&head, sizeof(head)) },
		.nb_data = 1,
		.result = result,
		.result_len = len,
	};
	int ret = vio_admin_exec(admin, &cmd);

	if (ret == 0 && cmd.result_used < sizeof(struct virtio_dev_parts_metadata))
		return vio_admin_fail(-EPROTO, "the device cuts its metadata short");
	*used = cmd.result_used;
	return ret;
}

static int
metadata_value(struct vio_admin *admin, uint16_t vf, uint32_t id, uint8_t type, uint32_t *value)
{
	struct virtio_dev_parts_metadata metadata = { 0 };
	size_t used;
	int ret = metadata_get(admin, vf, id, type, &metadata, sizeof(metadata), &used);

	*value = rte_le_to_cpu_32(metadata.value);
	return ret;
}

int
vio_admin_parts_size(struct vio_admin *admin, uint16_t vf, uint32_t id, uint32_t *bytes)
{
	return metadata_value(admin, vf, id, VIRTIO_DEV_PARTS_METADATA_SIZE, bytes);
}

int
vio_admin_parts_count(struct vio_admin *admin, uint16_t vf, uint32_t id, uint32_t *count)
{
	return metadata_value(admin, vf, id, VIRTIO_DEV_PARTS_METADATA_COUNT, count);
}

int
vio_admin_parts_list(struct vio_admin *admin, uint16_t vf, uint32_t id,
		struct virtio_dev_part_hdr *hdrs, unsigned int max)
{
	struct {
		struct virtio_dev_parts_metadata metadata;
		struct virtio_dev_part_hdr hdrs[VIO_ADMIN_DATA_MAX / sizeof(*hdrs) - 1];
	} result;
	const size_t room = RTE_MIN((size_t)max, RTE_DIM(result.hdrs)) * sizeof(*hdrs);
	uint32_t count;
	size_t used;
	int ret;

	ret = metadata_get(admin, vf, id, VIRTIO_DEV_PARTS_METADATA_LIST, &result,
			sizeof(result.metadata) + room, &used);
	if (ret != 0)
		return ret;
	count = rte_le_to_cpu_32(result.metadata.value);
	if (count > (used - sizeof(result.metadata)) / sizeof(*hdrs))
		return vio_admin_fail(-EPROTO, "the device lists %u parts and sends fewer", count);
	memcpy(hdrs, result.hdrs, count * sizeof(*hdrs));
	return (int)count;
}

int
vio_admin_parts_get(struct vio_admin *admin, uint16_t vf, uint32_t id,
		const struct virtio_dev_part_hdr *hdrs, unsigned int nb_hdrs, void *parts,
		size_t len, size_t *used)
{
	const struct virtio_dev_parts_cmd head = {
		.hdr = obj_hdr(VIRTIO_ADMIN_OBJ_DEV_PARTS, id),
		.type = nb_hdrs == 0 ? VIRTIO_DEV_PARTS_GET_ALL : VIRTIO_DEV_PARTS_GET_SELECTED,
	};
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_DEV_PARTS_GET,
		.group = VIO_SRIOV,
		.member = vf,
		.data = { part(&head, sizeof(head)), part(hdrs, nb_hdrs * sizeof(*hdrs)) },
		.nb_data = 2,
		.result = parts,
		.result_len = len,
	};
	int ret = vio_admin_exec(admin, &cmd);

	*used = cmd.result_used;
	return ret;
}

int
vio_admin_parts_set(struct vio_admin *admin, uint16_t vf, uint32_t id, const void *parts,
		size_t len)
{
	const struct virtio_admin_obj_hdr hdr = obj_hdr(VIRTIO_ADMIN_OBJ_DEV_PARTS, id);
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_DEV_PARTS_SET,
		.group = VIO_SRIOV,
		.member = vf,
		.data = { part(&hdr, sizeof(hdr)), part(parts, len) },
		.nb_data = 2,
	};

	return vio_admin_exec(admin, &cmd);
}

int
vio_admin_mode_set(struct vio_admin *admin, uint16_t vf, bool stopped)
{
	const uint8_t flags = stopped ? VIRTIO_DEV_MODE_STOPPED : 0;
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_DEV_MODE_SET,
		.group = VIO_SRIOV,
		.member = vf,
		.data = { part(&flags, sizeof(flags)) },
		.nb_data = 1,
	};

	return vio_admin_exec(admin, &cmd);
}

int
vio_admin_part_next(const void *parts, size_t len, size_t *at, struct virtio_dev_part_hdr *hdr,
		const uint8_t **value)
{
	const uint8_t *bytes = parts;
	uint32_t value_len;

	/* The stream is filled up to eight bytes: what is less than a header is nothing. */
	if (*at > len || len - *at < sizeof(*hdr))
		return 0;
	memcpy(hdr, bytes + *at, sizeof(*hdr));
	value_len = rte_le_to_cpu_32(hdr->length);
	if (value_len > len - *at - sizeof(*hdr))
		return vio_admin_fail(-EPROTO, "a part of %u bytes goes beyond the end of all",
				value_len);
	*value = bytes + *at + sizeof(*hdr);
	*at += sizeof(*hdr) + value_len;
	return 1;
}
