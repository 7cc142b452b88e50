/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The legacy registers of a VF, by administration commands. virtio 1.4 2.12.1.1. */

#include <errno.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio_spec/legacy.h"
#include "virtio_spec/net.h"
#include "vio_admin_legacy.h"
#include "vio_err.h"

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
	return vio_fail(-EINVAL,
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
		.data = { vio_admin_data(&offset, sizeof(offset)) },
		.nb_data = 1,
		.result = data,
		.result_len = len,
	};
	int ret = legacy_check(vf, area, offset, len);

	if (ret == 0)
		ret = vio_admin_exec(admin, &cmd);
	if (ret == 0 && cmd.result_used < len)
		return vio_fail(-EPROTO,
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
		.data = { vio_admin_data(&wr, sizeof(wr)), vio_admin_data(data, len) },
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
