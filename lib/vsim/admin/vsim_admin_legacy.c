/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Commands that access the legacy registers of a VF, and the command that returns the addresses of
 * its doorbells. virtio 1.4 2.12.1.1.
 */

#include <errno.h>
#include <string.h>

#include "vsim/admin/vsim_admin_legacy.h"
#include "vsim/regs/vsim_legacy.h"

static enum vsim_legacy_area
area_of(const struct vsim_admin_call *call)
{
	return call->opcode == VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE ||
					call->opcode == VIRTIO_ADMIN_LEGACY_COMMON_CFG_READ ?
			VSIM_LEGACY_COMMON :
			VSIM_LEGACY_DEVICE;
}

static uint16_t
ended(struct vsim_admin_call *call, int ret)
{
	if (ret == -EBUSY)
		return vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_EBUSY,
				VIRTIO_ADMIN_QUALIFIER_INVALID_COMMAND);
	return ret < 0 ? vsim_admin_bad_field(call) : VIRTIO_ADMIN_STATUS_OK;
}

uint16_t
vsim_admin_legacy_write(struct vsim_admin_call *call)
{
	struct virtio_admin_legacy_wr wr;

	vsim_admin_data(call, 0, &wr, sizeof(wr));
	/* The number of bytes after the offset is the width of the access. */
	if (call->data_len <= sizeof(wr))
		return vsim_admin_bad_field(call);
	return ended(call,
			vsim_legacy_write(call->member, area_of(call), wr.offset,
					call->data + sizeof(wr), call->data_len - sizeof(wr)));
}

uint16_t
vsim_admin_legacy_read(struct vsim_admin_call *call)
{
	uint8_t offset;
	int ret;

	vsim_admin_data(call, 0, &offset, sizeof(offset));
	ret = vsim_legacy_read(call->member, area_of(call), offset, call->result,
			call->result_room);
	call->exact = true;
	call->result_len = ret == 0 ? call->result_room : 0;
	return ended(call, ret);
}

/* ---------------------------------------------------------------- doorbells */

static struct virtio_admin_notify_info
entry(uint8_t flags, uint8_t bar, uint64_t offset)
{
	return (struct virtio_admin_notify_info){
		.flags = flags,
		.bar = bar,
		.offset = htole64(offset),
	};
}

uint16_t
vsim_admin_notify_info(struct vsim_admin_call *call)
{
	const struct vsim_nic *nic = call->owner->nic;
	const uint64_t bar_size = nic->bar_size;
	struct virtio_admin_notify_info info[VIRTIO_ADMIN_NOTIFY_ENTRIES] = {
		/* The doorbell of the VF first: it does not need the BAR of the owner. */
		entry(VIRTIO_ADMIN_NOTIFY_MEMBER, VSIM_BAR,
				VSIM_BAR_DOORBELLS +
						vsim_legacy_doorbell(nic, VSIM_LEGACY_DOORBELL)),
		entry(VIRTIO_ADMIN_NOTIFY_OWNER, VSIM_BAR,
				VSIM_BAR_DOORBELLS +
						vsim_legacy_doorbell(nic,
								VSIM_LEGACY_OWNER_DOORBELLS) +
						4 * (call->member_id - 1)),
	};

	switch (nic->fault.notify) {
	case VSIM_NOTIFY_CORRECT:
	case VSIM_NOTIFY_NB:
		break;
	case VSIM_NOTIFY_NO_END:
		info[2] = info[0];
		info[3] = info[1];
		break;
	case VSIM_NOTIFY_BAD_FLAGS:
		info[2] = info[0];
		info[0].flags = 3;
		break;
	case VSIM_NOTIFY_BAD_BAR:
		info[0].bar = 0;
		info[1].bar = 2;
		info[2] = entry(VIRTIO_ADMIN_NOTIFY_MEMBER, 7, info[0].offset);
		break;
	case VSIM_NOTIFY_ODD:
		info[0].offset = htole64(VSIM_BAR_DOORBELLS + 1);
		info[1].offset = htole64(VSIM_BAR_DOORBELLS + 3);
		break;
	case VSIM_NOTIFY_BEYOND:
		info[0].offset = htole64(bar_size + VSIM_BAR_DOORBELLS);
		info[1].offset = htole64(bar_size);
		info[2] = entry(VIRTIO_ADMIN_NOTIFY_MEMBER, VSIM_BAR, UINT64_MAX - 1);
		break;
	}
	vsim_admin_add(call, info,
			sizeof(info) < call->result_room ? sizeof(info) : call->result_room);
	return VIRTIO_ADMIN_STATUS_OK;
}
