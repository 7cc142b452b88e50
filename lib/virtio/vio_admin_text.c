/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Names of opcodes, statuses and qualifiers, and the errno of a status. */

#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "virtio_spec/admin.h"
#include "vio_admin_text.h"

static const char *const opcode_names[] = {
#define NAME(opcode, name) [opcode] = name,
	VIRTIO_ADMIN_OPCODE_NAMES(NAME)
#undef NAME
};

/* virtio 1.4 2.12.1; its table lacks EEXIST, which 2.12.1.3.5 uses. */
static const struct {
	uint16_t status;
	int ret;
	const char *name;
} statuses[] = {
	{ VIRTIO_ADMIN_STATUS_OK, 0, "OK" },
	{ VIRTIO_ADMIN_STATUS_ENXIO, -ENXIO, "ENXIO" },
	{ VIRTIO_ADMIN_STATUS_EAGAIN, -EAGAIN, "EAGAIN" },
	{ VIRTIO_ADMIN_STATUS_ENOMEM, -ENOMEM, "ENOMEM" },
	{ VIRTIO_ADMIN_STATUS_EBUSY, -EBUSY, "EBUSY" },
	{ VIRTIO_ADMIN_STATUS_EEXIST, -EEXIST, "EEXIST" },
	{ VIRTIO_ADMIN_STATUS_EINVAL, -EINVAL, "EINVAL" },
	{ VIRTIO_ADMIN_STATUS_ENOSPC, -ENOSPC, "ENOSPC" },
};

static const char *const qualifiers[] = {
	[VIRTIO_ADMIN_QUALIFIER_OK] = "nothing to say",
	[VIRTIO_ADMIN_QUALIFIER_INVALID_COMMAND] = "invalid command",
	[VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE] = "opcode not in use",
	[VIRTIO_ADMIN_QUALIFIER_INVALID_FIELD] = "invalid field",
	[VIRTIO_ADMIN_QUALIFIER_INVALID_GROUP] = "no such group",
	[VIRTIO_ADMIN_QUALIFIER_INVALID_MEMBER] = "no such member",
	[VIRTIO_ADMIN_QUALIFIER_NORESOURCE] = "no resources",
	[VIRTIO_ADMIN_QUALIFIER_TRYAGAIN] = "try again",
};

int
vio_admin_status_errno(uint16_t status)
{
	for (size_t i = 0; i < RTE_DIM(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].ret;
	return -EINVAL;
}

const char *
vio_admin_status_name(uint16_t status)
{
	for (size_t i = 0; i < RTE_DIM(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].name;
	return NULL;
}

const char *
vio_admin_qualifier_text(uint16_t qualifier)
{
	return qualifier < RTE_DIM(qualifiers) ? qualifiers[qualifier] : NULL;
}

const char *
vio_admin_opcode_name(uint16_t opcode)
{
	return opcode < RTE_DIM(opcode_names) ? opcode_names[opcode] : NULL;
}

int
vio_admin_opcode_find(const char *name)
{
	for (size_t i = 0; i < RTE_DIM(opcode_names); i++)
		if (strcmp(opcode_names[i], name) == 0)
			return (int)i;
	return -1;
}
