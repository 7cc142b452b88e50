/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_ADMIN_CALL_H
#define VSIM_ADMIN_CALL_H

/**
 * @file
 * An administration command that is being executed. Under the lock of the NIC. virtio 1.4 2.12,
 * 2.13.
 */

#include "vsim/core/vsim_fn.h"

#define VSIM_ADMIN_BYTES 16384 /**< Largest data of a command, and largest result, bytes. */
#define VSIM_ADMIN_PENDING 256 /**< Largest number of pending commands of a function. */
#define VSIM_ADMIN_OBJS 32 /**< Largest number of resource objects of all types. */
#define VSIM_ADMIN_PARTS_LIMIT 16 /**< Largest number of objects of each kind of DEV_PARTS. */

/** A resource object. */
struct vsim_admin_obj {
	bool used;
	uint16_t type;
	uint32_t id;
	uint64_t member; /**< Number of the VF. */
	uint64_t generation; /**< Generation of the VF when the object was made. */
	struct virtio_dev_parts_obj data;
};

struct vsim_admin_pending;

struct vsim_admin {
	/** Generation of the owner to which lists, capabilities and objects belong. */
	uint64_t generation;
	uint64_t in_use[VIRTIO_ADMIN_NB_GROUPS]; /**< Opcodes in use, by group. */
	struct virtio_dev_parts_cap driver_parts; /**< DEV_PARTS capability as set by the driver. */
	struct vsim_admin_obj objs[VSIM_ADMIN_OBJS];
	struct vsim_admin_pending *pending; /**< In order of arrival. */
	unsigned int nb_pending;
	/** vsim_clock() at which the first pending command can start or complete. */
	uint64_t next_due;
	uint8_t result[VSIM_ADMIN_BYTES]; /**< Result of the command that is being executed. */
};

/** A command that is being executed. */
struct vsim_admin_call {
	struct vsim_fn *owner;
	struct vsim_fn *member; /**< NULL for the group SELF, and for LIST_QUERY and LIST_USE. */
	uint16_t opcode, group;
	uint64_t member_id;
	const uint8_t *data; /**< Command specific data; bytes past its end read as zero. */
	size_t data_len;
	uint8_t *result; /**< Zeroed. */
	size_t result_room, result_len; /**< result_len: bytes of the result. */
	bool exact; /**< The result is not padded to a multiple of eight bytes. */
	uint16_t qualifier;
};

/** Execute a command. @return VIRTIO_ADMIN_STATUS_*; if it is not OK, call->qualifier has the
 * reason. */
typedef uint16_t (*vsim_admin_fn)(struct vsim_admin_call *call);

/** Copy from the data of the command; bytes past its end are zero. */
void vsim_admin_data(const struct vsim_admin_call *call, size_t offset, void *buf, size_t len);
/** Append to the result. @return false: not enough space, nothing was appended. */
bool vsim_admin_add(struct vsim_admin_call *call, const void *data, size_t len);
/** Refuse a command with this status and qualifier. @return status. */
uint16_t vsim_admin_refuse(struct vsim_admin_call *call, uint16_t status, uint16_t qualifier);
/** Refuse a command with a wrong field. @return VIRTIO_ADMIN_STATUS_EINVAL */
uint16_t vsim_admin_bad_field(struct vsim_admin_call *call);

#endif /* VSIM_ADMIN_CALL_H */
