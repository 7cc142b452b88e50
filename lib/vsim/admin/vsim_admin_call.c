/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Data, result and status of an administration command.
 */

#include <string.h>

#include "vsim/admin/vsim_admin_call.h"

void
vsim_admin_data(const struct vsim_admin_call *call, size_t offset, void *buf, size_t len)
{
	size_t there = offset < call->data_len ? call->data_len - offset : 0;

	if (there > len)
		there = len;
	if (there > 0)
		memcpy(buf, call->data + offset, there);
	memset((uint8_t *)buf + there, 0, len - there);
}

bool
vsim_admin_add(struct vsim_admin_call *call, const void *data, size_t len)
{
	if (len > call->result_room - call->result_len)
		return false;
	memcpy(call->result + call->result_len, data, len);
	call->result_len += len;
	return true;
}

uint16_t
vsim_admin_refuse(struct vsim_admin_call *call, uint16_t status, uint16_t qualifier)
{
	call->qualifier = qualifier;
	return status;
}

uint16_t
vsim_admin_bad_field(struct vsim_admin_call *call)
{
	return vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_EINVAL,
			VIRTIO_ADMIN_QUALIFIER_INVALID_FIELD);
}
