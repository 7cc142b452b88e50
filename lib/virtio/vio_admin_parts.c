/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Device parts of a VF, by administration commands. virtio 1.4 2.12.1.4. */

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "vio_admin_objs.h"
#include "vio_admin_parts.h"
#include "vio_err.h"

/* result: the metadata, then room for headers. */
static int
metadata_get(struct vio_admin *admin, uint16_t vf, uint32_t id, uint8_t type, void *result,
		size_t len, size_t *used)
{
	const struct virtio_dev_parts_cmd head = {
		.hdr = vio_admin_obj_hdr(VIRTIO_ADMIN_OBJ_DEV_PARTS, id),
		.type = type,
	};
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_DEV_PARTS_METADATA_GET,
		.group = VIO_SRIOV,
		.member = vf,
		.data = { vio_admin_data(&head, sizeof(head)) },
		.nb_data = 1,
		.result = result,
		.result_len = len,
	};
	int ret = vio_admin_exec(admin, &cmd);

	*used = cmd.result_used;
	if (ret == 0 && cmd.result_used < sizeof(struct virtio_dev_parts_metadata))
		return vio_fail(-EPROTO, "the device cuts its metadata short");
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
		return vio_fail(-EPROTO, "the device lists %u parts and sends fewer", count);
	memcpy(hdrs, result.hdrs, count * sizeof(*hdrs));
	return (int)count;
}

int
vio_admin_parts_get(struct vio_admin *admin, uint16_t vf, uint32_t id,
		const struct virtio_dev_part_hdr *hdrs, unsigned int nb_hdrs, void *parts,
		size_t len, size_t *used)
{
	const struct virtio_dev_parts_cmd head = {
		.hdr = vio_admin_obj_hdr(VIRTIO_ADMIN_OBJ_DEV_PARTS, id),
		.type = nb_hdrs == 0 ? VIRTIO_DEV_PARTS_GET_ALL : VIRTIO_DEV_PARTS_GET_SELECTED,
	};
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_DEV_PARTS_GET,
		.group = VIO_SRIOV,
		.member = vf,
		.data = { vio_admin_data(&head, sizeof(head)),
				vio_admin_data(hdrs, nb_hdrs * sizeof(*hdrs)) },
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
	const struct virtio_admin_obj_hdr hdr = vio_admin_obj_hdr(VIRTIO_ADMIN_OBJ_DEV_PARTS, id);
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_DEV_PARTS_SET,
		.group = VIO_SRIOV,
		.member = vf,
		.data = { vio_admin_data(&hdr, sizeof(hdr)), vio_admin_data(parts, len) },
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
		.data = { vio_admin_data(&flags, sizeof(flags)) },
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

	/* The stream is padded to a multiple of 8 bytes: less than a header is padding. */
	if (*at > len || len - *at < sizeof(*hdr))
		return 0;
	memcpy(hdr, bytes + *at, sizeof(*hdr));
	value_len = rte_le_to_cpu_32(hdr->length);
	if (value_len > len - *at - sizeof(*hdr))
		return vio_fail(-EPROTO, "a part of %u bytes goes beyond the end of all",
				value_len);
	*value = bytes + *at + sizeof(*hdr);
	*at += sizeof(*hdr) + value_len;
	return 1;
}
